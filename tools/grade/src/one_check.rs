//! The grader as it is run under `cargo trace`: one check, once more, and each thing that the
//! grader does is said aloud. What comes of it is not for the reader, but for the page.

use std::ffi::OsStr;
use std::process::ExitCode;
use std::time::Duration;

use fastrand::Rng;
use socket2::{Domain, Socket, Type};

use crate::catalogue;
use crate::exercise::Exercise;
use crate::grading::Grading;
use crate::marks::{self, mark};
use crate::verdict::run;
use crate::within_reach;
use crate::wrong::{How, Wrong};
use crate::{TOO_BUSY, cause};

/// The first argument of such a grader.
pub const OPTION: &str = "--one-check";

/// Each call takes longer under a tracer.
const MORE: Duration = Duration::from_secs(60);

/// What the last line begins with.
pub const FAILS: &str = "FAIL: ";
pub const PASSES: &str = "ok: ";
/// And that of a check that could not be run.
const NOT_RUN: &str = "not run: ";

/// Which check, and what it needs to be the same again.
#[derive(Clone, Debug, PartialEq)]
pub struct Again {
    pub exercise: &'static str,
    /// Its place among the checks.
    pub check: usize,
    /// Where chance was when it began.
    pub chance: u64,
    /// Those that it goes on from.
    pub earlier: Vec<usize>,
}

impl Again {
    /// As arguments, ahead of the command.
    pub fn arguments(&self) -> Vec<String> {
        let Self { exercise, check, chance, earlier } = self;
        let earlier: Vec<_> = earlier.iter().map(usize::to_string).collect();
        let numbers = [check.to_string(), chance.to_string(), earlier.join(",")];
        [OPTION.to_owned(), (*exercise).to_owned()].into_iter().chain(numbers).collect()
    }

    /// From those, and what follows them: the command.
    fn read(arguments: &[String]) -> Option<(Self, Vec<String>)> {
        let [name, check, chance, earlier, command @ ..] = arguments else { return None };
        let exercise: &Exercise = catalogue::exercise(name)?;
        let earlier: Result<Vec<usize>, _> =
            earlier.split(',').filter(|it| !it.is_empty()).map(str::parse).collect();
        let (check, chance) = (check.parse().ok()?, chance.parse().ok()?);
        let again = Self { exercise: exercise.name, check, chance, earlier: earlier.ok()? };
        let are_there = again.earlier.iter().chain([&check]).all(|it| *it < exercise.checks.len());
        (are_there && !command.is_empty()).then(|| (again, command.to_vec()))
    }
}

/// Does this work, if this process is for it.
pub fn work() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != OsStr::new(OPTION) {
        return None;
    }
    let arguments: Result<Vec<_>, _> = arguments.map(std::ffi::OsString::into_string).collect();
    let (again, command) = Again::read(&arguments.ok()?)?;
    Some(within_reach(|| once_more(&again, command)))
}

fn once_more(again: &Again, command: Vec<String>) -> ExitCode {
    // The grader's call comes first: from then on each call of the program has its name in front.
    // (There is no such family, so nothing comes of it.)
    let _ = Socket::new(Domain::from(i32::from(u16::MAX)), Type::STREAM, None);
    marks::begin();
    let mut grading = Grading::new(command, again.chance);
    grading.bench().clock.allow(MORE);
    let Some(exercise) = catalogue::exercise(again.exercise) else { return ExitCode::from(2) };
    let all = again.earlier.iter().chain([&again.check]);
    let (mut result, mut title) = (Ok(()), "");
    for number in all {
        let check = &exercise.checks[*number];
        title = check.title;
        mark!("checks: {title}");
        grading.set_chance(Rng::with_seed(again.chance));
        result = run(check, &mut grading).map_err(cause::or_the_machine);
        if result.is_err() {
            break;
        }
        grading.clear();
    }
    let code = match &result {
        Ok(()) => {
            marks::last(format_args!("{PASSES}{title}"));
            ExitCode::SUCCESS
        }
        Err(wrong) if wrong.how == How::Machine || grading.bench().clock.machine_is_too_busy() => {
            marks::last(format_args!("{NOT_RUN}{}", wrong.got));
            ExitCode::from(TOO_BUSY)
        }
        Err(wrong) => {
            tell(wrong, &grading);
            ExitCode::FAILURE
        }
    };
    grading.clear();
    code
}

/// What went wrong, and what the program says of it.
fn tell(wrong: &Wrong, grading: &Grading) {
    let words = grading.last_words();
    if !wrong.sent.is_empty() {
        marks::last(format_args!("sent: {}", wrong.sent));
    }
    marks::last(format_args!("expected: {}", wrong.expected));
    for line in words {
        marks::last(format_args!("your program: {}", line.english().trim()));
    }
    marks::last(format_args!("{FAILS}got {}", wrong.got));
}

#[cfg(test)]
mod tests {
    use super::{Again, OPTION};

    #[test]
    fn what_is_told_is_read() {
        for earlier in [vec![], vec![0, 1]] {
            let again = Again { exercise: "05_echo", check: 6, chance: u64::MAX, earlier };
            let mut arguments = again.arguments();
            arguments.extend(["python3".to_owned(), "my echo.py".to_owned()]);
            assert_eq!(arguments.remove(0), OPTION);
            let (read, command) = Again::read(&arguments).expect("it can be read");
            assert_eq!(read, again);
            assert_eq!(command, ["python3", "my echo.py"]);
            arguments[1] = "99".to_owned();
            assert_eq!(Again::read(&arguments), None);
        }
    }
}
