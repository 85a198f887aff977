//! A verdict as JSON, an object each line: for programs, and for the page of a class.

use serde::{Deserialize, Serialize};

use crate::words::{Words, text};
use crate::wrong::Wrong;

/// How one exercise went.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    pub exercise: String,
    /// All checks passed.
    pub done: bool,
    pub compiles: bool,
    /// How many checks passed, and how many there are.
    pub passed: usize,
    pub checks: usize,
    /// The title of the check that failed.
    pub failed: Option<String>,
    pub seed: u64,
    /// How long it took.
    pub seconds: f64,
    /// Checks that the machine does not allow.
    #[serde(skip_serializing_if = "is_zero")]
    pub not_run: usize,
    /// The machine was too busy for a verdict.
    #[serde(skip_serializing_if = "is_false")]
    pub too_busy: bool,
    /// What went wrong, if a check failed.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// What is shown of a check that failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Empty: nothing was sent.
    pub sent: String,
    pub expected: String,
    pub got: String,
    pub advice: String,
    /// How the program ended, and what it said last, in lines.
    pub program: Vec<String>,
}

impl Failure {
    /// As it is said to the reader.
    pub fn new(wrong: &Wrong, advice: String, program: &[Words]) -> Self {
        let Wrong { sent, expected, got, .. } = wrong;
        let [sent, expected, got] = [sent, expected, got].map(Words::spoken);
        Self { sent, expected, got, advice, program: program.iter().map(Words::spoken).collect() }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(is_so: &bool) -> bool {
    !is_so
}

impl Record {
    /// One for the tests, of a program that sent this instead of an echo.
    #[cfg(test)]
    pub fn sample(got: &str) -> Self {
        Self {
            exercise: "05_echo".to_owned(),
            compiles: true,
            checks: 8,
            failed: Some("it comes back".to_owned()),
            failure: Some(Failure { got: got.to_owned(), ..Failure::default() }),
            ..Self::default()
        }
    }

    /// As one line.
    pub fn as_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The records of a file, each on a line of its own.
    pub fn read_all(text: &str) -> Result<Vec<Self>, Words> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let read = |(number, line)| {
            serde_json::from_str(line).map_err(|error| {
                text!(
                    "line {number} is none that --all --json has written: {error}",
                    number = number + 1,
                    error = error.to_string()
                )
            })
        };
        lines.map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Record;

    #[test]
    fn what_is_written_is_read() {
        let failed = Record::sample("\"<b>\"");
        let done = Record { done: true, passed: 8, ..Record::default() };
        let text = format!("{}\n\n{}\n", failed.as_json(), done.as_json());
        assert!(!done.as_json().contains("sent"), "{text}");
        assert_eq!(Record::read_all(&text), Ok(vec![failed, done]));
        assert!(
            Record::read_all("{}\nno").is_err_and(|words| words.english().starts_with("line 2 "))
        );
    }
}
