//! `cargo grade --page`: the check that failed is run once more under `cargo trace`, and so is the
//! solution. Both are shown step by step in one page, each from where it goes another way.

mod compare;
mod recorded;

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use timeline::Page;

use crate::course::Course;
use crate::one_check::Again;
use crate::report::Waiting;
use crate::words::{Words, text};
use recorded::{End, Recorded, record};

/// What is needed besides `cargo trace`.
const TOOLS: [&str; 2] = ["strace", "ip"];

const TRACER: &str = "socket-trace";

/// Whether a page can be had on this machine.
pub fn is_possible(course: Option<&Course>) -> bool {
    TOOLS.into_iter().all(|tool| on_the_path(tool).is_some())
        && (course.is_some() || installed().is_some())
}

/// Whether it can be had, and written there: what is missing is said ahead of everything else.
pub fn try_to_write(file: &Path, course: Option<&Course>) -> Result<(), Words> {
    if let Some(tool) = TOOLS.into_iter().find(|tool| on_the_path(tool).is_none()) {
        let package = if tool == "ip" { "iproute2" } else { tool };
        return Err(text!("--page needs {tool}: sudo apt install {package}", tool, package));
    }
    if course.is_none() && installed().is_none() {
        return Err(text!(
            "--page needs {tracer}, beside this program or on the PATH: in a copy of the course, \
             cargo install --path tools/trace",
            tracer = TRACER
        ));
    }
    let is_new = !file.exists();
    let opened = OpenOptions::new().append(true).create(true).open(file);
    opened.map_err(|error| {
        text!("cannot write {path}: {error}", path = file.display().to_string(), error)
    })?;
    if is_new {
        // There is none if no check fails.
        let _ = std::fs::remove_file(file);
    }
    Ok(())
}

fn on_the_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The tracer beside this program, or on the path.
fn installed() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name(TRACER));
    beside.filter(|file| file.is_file()).or_else(|| on_the_path(TRACER))
}

/// These have so many clients, or lines, at a time that not even the solution passes under the
/// tracer, where each call takes long.
const TOO_SLOW: [(&str, &str); 4] = [
    ("16_group_chat", "20 talk at once, and nobody misses a line"),
    ("16_group_chat", "a member may be silent, and may pause before it reads on"),
    ("16_group_chat", "a burst of lines reaches all who read"),
    ("16_group_chat", "who takes nothing is put out, and holds up nobody"),
];

/// Whether this check can be shown at all.
pub fn can_be_shown(exercise: &str, title: &str) -> bool {
    !TOO_SLOW.contains(&(exercise, title))
}

/// What is to be shown.
pub struct Shown<'a> {
    pub again: &'a Again,
    /// The check's title, and what was expected there.
    pub title: &'a str,
    pub expected: &'a str,
    /// How the program is started.
    pub command: &'a [String],
    pub course: Option<&'a Course>,
}

impl Shown<'_> {
    /// Makes the page and writes it. `Ok`: what there is to say of it. `Err`: why there is none.
    pub fn write(&self, to: &Path) -> Result<Words, Words> {
        if !can_be_shown(self.again.exercise, self.title) {
            return Err(text!(
                "This check has so much at a time that a tracer is too slow for it."
            ));
        }
        let waiting = Waiting::on(&text!("the tracer"));
        let tracer = match self.course {
            // What is beside may be older.
            Some(course) => course.build_tool("socket-steps-trace", TRACER),
            None => None,
        };
        let tracer = tracer.or_else(installed).ok_or(text!("cargo trace cannot be built"))?;
        drop(waiting);
        let waiting = Waiting::on(&text!("your program, once more and step by step"));
        let is_another = |own: &Recorded| {
            own.end == End::Fails && own.expected().is_some_and(|it| !is_like(it, self.expected))
        };
        let mut own = record(&tracer, self.again, self.command, "your program")?;
        // Where the machine is busy, it may be too slow for something else: once or twice more.
        for _ in 0..2 {
            if is_another(&own) {
                own = record(&tracer, self.again, self.command, "your program")?;
            }
        }
        drop(waiting);
        match own.end {
            End::Fails if is_another(&own) => {
                return Err(text!(
                    "Under the tracer, where all goes slower, something else is wrong first: \
                     expected {expected}. So a page would not show this.",
                    expected = own.expected().unwrap_or_default().to_owned()
                ));
            }
            End::Fails => {}
            End::Passes => {
                return Err(text!(
                    "Under the tracer, where all goes slower, this check passes: the program \
                     fails by chance, or when it has to be quick. There is no page."
                ));
            }
            End::NotRun(words) => {
                return Err(text!("Under the tracer, this check cannot be run: {words}", words));
            }
        }
        let (solution, without) = match self.solution(&tracer, &own) {
            Ok(solution) => (Some(solution), None),
            Err(Without::TheSame) => {
                return Err(text!(
                    "Under the tracer, where all goes slower, the solution fails at this check, \
                     too: so a page would not say what is wrong."
                ));
            }
            Err(Without::Words(words)) => (None, Some(words)),
        };
        let page = self.page(&own, solution.as_ref(), without.as_ref().map(Words::english));
        std::fs::write(to, page).map_err(|error| {
            text!("cannot write {path}: {error}", path = to.display().to_string(), error)
        })?;
        let words = without.map_or_else(Words::default, |words| text!(" ({words})", words));
        Ok(text!(
            "Step by step: open {path} in a browser.{words}",
            path = to.display().to_string(),
            words
        ))
    }

    /// The solution's run of the same check.
    fn solution(&self, tracer: &Path, own: &Recorded) -> Result<Recorded, Without> {
        let Some(course) = self.course else {
            let words = "Without the solution beside it: that is in the course.";
            return Err(Without::Words(words.into()));
        };
        let _waiting = Waiting::on(&text!("the solution, step by step"));
        let name = format!("solution-{}", self.again.exercise);
        let program = course.build_tool("socket-steps-solutions", &name);
        let program = program.and_then(|it| it.into_os_string().into_string().ok());
        let program = program
            .ok_or_else(|| Without::Words(text!("The solution beside it cannot be built.")))?;
        let mut run = record(tracer, self.again, &[program], "the solution").map_err(|words| {
            Without::Words(text!("Without the solution beside it: {words}", words))
        })?;
        match &run.end {
            End::Passes => {}
            End::Fails => return Err(Without::TheSame),
            End::NotRun(words) => {
                let words =
                    text!("Without the solution beside it, which cannot be run: {words}", words);
                return Err(Without::Words(words));
            }
        }
        // What it does much later than the other one has failed is not needed.
        run.cut(own.lines() + recorded::MORE);
        Ok(run)
    }

    fn page(&self, own: &Recorded, solution: Option<&Recorded>, without: Option<&str>) -> String {
        let exercise = self.again.exercise;
        let mut first = own.player(exercise);
        mark(&mut first);
        first["title"] = json!("Your program");
        let mut runs = vec![first];
        if let Some(solution) = solution {
            let mut beside = solution.player(&format!("{exercise}: the solution"));
            let parts = compare::parts(&runs[0], &beside);
            beside["of"] = json!(exercise);
            beside["title"] = json!("The solution: the same check");
            beside["covered"] = json!(true);
            runs[0]["part"] = json!(parts.0);
            beside["part"] = json!(parts.1);
            runs.push(beside);
        }
        let heading = format!("{exercise}: {}", self.title);
        let lines = "This check fails. The grader's lines say what it sends, what it expects, and in \
                     the end what was wrong.";
        let beside = without.unwrap_or(
            "The solution's run of the same check can be chosen in the list. Each begins where the \
             two go different ways; Back shows how it came to that. The solution's code stays \
             covered until you ask for it.",
        );
        let remarks = [lines.to_owned(), beside.to_owned()];
        Page { heading: &heading, remarks: &remarks, runs: &runs, text: &own.text }.html()
    }
}

/// Whether the same was expected, but for numbers of ports and the like. (In a record, a port that
/// the kernel picked is PORT1.)
fn is_like(one: &str, other: &str) -> bool {
    let kept = |text: &str| -> String {
        let text = text.replace("PORT", "");
        text.chars().filter(|c| !c.is_ascii_digit() && !c.is_control() && *c != ' ').collect()
    };
    kept(one) == kept(other)
}

/// Why a page has no solution in it.
enum Without {
    Words(Words),
    /// It fails as well.
    TheSame,
}

/// Marks the steps that say what was wrong, and what came last before that.
fn mark(run: &mut Value) {
    let Some(steps) = run["steps"].as_array_mut() else { return };
    let is_of_the_verdict = |words: &str| {
        words.starts_with("FAIL: ")
            || words.starts_with("expected: ")
            || words.starts_with("your program: ")
            || words.starts_with("sent: ")
    };
    let (mut has_verdict, mut wanted) = (false, vec!["expects ", "sends "]);
    for step in steps.iter_mut().rev() {
        let Some(words) = compare::grader_says(step).map(str::to_owned) else { continue };
        let is_last = wanted.iter().position(|start| words.starts_with(start));
        let marks = match is_last {
            _ if is_of_the_verdict(&words) && !has_verdict => {
                has_verdict = words.starts_with("FAIL: ");
                has_verdict
            }
            Some(at) if has_verdict => {
                wanted.remove(at);
                true
            }
            _ => false,
        };
        if marks {
            let words = match words.strip_prefix("FAIL: ") {
                Some(got) => format!("Here the grader sees that it is wrong: it {got}."),
                None => format!("The grader {words}."),
            };
            step["mark"] = json!(words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_port_by_its_name_is_the_same() {
        let plain = "a datagram from 127.0.0.1:20819 of 15 bytes: \"127.0.0.1:45321\"";
        let named = "a datagram from 127.0.0.1:20819 of 15 bytes: \"127.0.0.1:PORT1\"";
        assert!(is_like(plain, named));
        assert!(!is_like(plain, "the line \"ready\""));
    }
}
