//! All checks of an exercise, and how it went.

use std::rc::Rc;
use std::time::Instant;

use crate::cause;
use crate::exercise::{Check, Exercise};
use crate::grading::Grading;
use crate::guard::guarded;
use crate::one_check::Again;
use crate::record::{Failure, Record};
use crate::report::{self, Told, Waiting};
use crate::say::say;
use crate::words::{Words, text};
use crate::wrong::{How, Outcome, Wrong, seconds};

/// How an exercise went. The default: its program does not compile.
#[derive(Default)]
pub struct Verdict {
    passed: usize,
    /// The title of the check that failed.
    pub failed: Option<&'static str>,
    /// What was wrong there.
    pub failure: Option<Failure>,
    pub expected: Words,
    /// How that check is run once more.
    pub again: Option<Again>,
    /// Checks that this machine does not allow: neither passed nor failed.
    not_run: usize,
    /// The machine was too busy: then nothing failed.
    pub is_busy: bool,
    compiles: bool,
    seed: u64,
    /// Whether the seed matters.
    pub by_chance: bool,
    seconds: f64,
}

impl Verdict {
    pub fn is_good(&self, exercise: &Exercise) -> bool {
        self.passed == exercise.checks.len()
    }

    /// For a line.
    pub fn in_words(&self, exercise: &Exercise) -> Words {
        let counted = text!(
            "{passed} of {number}",
            passed = format!("{:>2}", self.passed),
            number = format!("{:>2}", exercise.checks.len())
        );
        match (self.failed, self.not_run) {
            (Some(title), _) => text!("{counted}, fails: {title}", counted, title),
            (None, 1..) => text!(
                "{counted}, {not_run} not run: this machine's limits",
                counted,
                not_run = self.not_run
            ),
            _ if self.is_busy => {
                text!("{counted}, then no verdict: this machine is too busy", counted)
            }
            _ if !self.compiles => text!(" does not compile"),
            _ => {
                let done = report::green(&text!("done").spoken());
                text!("{counted}, {done}", counted, done)
            }
        }
    }

    pub fn record(&self, exercise: &Exercise) -> Record {
        Record {
            exercise: exercise.name.to_owned(),
            done: self.is_good(exercise),
            compiles: self.compiles,
            passed: self.passed,
            checks: exercise.checks.len(),
            failed: self.failed.map(str::to_owned),
            seed: self.seed,
            seconds: (self.seconds * 10.0).round() / 10.0,
            not_run: self.not_run,
            too_busy: self.is_busy,
            failure: self.failure.clone(),
        }
    }
}

/// All checks of one exercise, up to the first that fails. `told`: how the reader is told, if at all.
pub fn grade(exercise: &Exercise, command: Vec<String>, seed: u64, told: Option<&Told>) -> Verdict {
    let start = Instant::now();
    let mut grading = Grading::new(command, seed);
    if told.is_some() {
        say!("{}: {}\n", exercise.name, text!(exercise.title));
    }
    let mut verdict = Verdict { compiles: true, seed, ..Verdict::default() };
    let (mut reason, mut read_again) = (Words::default(), String::new());
    let mut earlier = Vec::new();
    for (number, check) in exercise.checks.iter().enumerate() {
        let chance = grading.chance_now();
        (grading.has_left, grading.goes_on) = (false, false);
        let waiting = told.map(|_| Waiting::on(&text!(check.title)));
        let result = match grading.bench().clock.is_up() {
            true => Err(grading.bench().clock.time_was_up()),
            false => run(check, &mut grading).map_err(cause::or_the_machine),
        };
        let clock = Rc::clone(&grading.bench().clock);
        let result = result.map_err(|wrong| match wrong.how {
            How::Machine => wrong,
            // What was there and wrong was wrong in time.
            How::Other | How::More => wrong,
            _ if wrong.advice.as_ref().is_some_and(|it| *it == ON_AND_ON) => wrong,
            _ if clock.was_spent_on_starts() => clock.time_was_up(),
            _ => wrong,
        });
        let result = result.map_err(|mut wrong| {
            let waits = grading.bench().waits().filter(|_| grading.bench().clock.is_up());
            if let (How::Machine, Some(words)) = (wrong.how, waits) {
                wrong.got = wrong.got.followed_by(words);
            }
            wrong
        });
        let last_words = result.as_ref().map_or_else(|_| grading.last_words(), |()| vec![]);
        verdict.is_busy = result.is_err() && grading.bench().clock.machine_is_too_busy();
        match &result {
            Ok(()) => verdict.passed += 1,
            Err(_) if verdict.is_busy => {}
            Err(wrong) if wrong.how == How::Machine => verdict.not_run += 1,
            Err(wrong) => {
                let advice = advice(check, wrong, &grading, verdict.passed == 0);
                let language = grading.language();
                read_again = language.words(advice.english());
                let advice = language.words(&advice.spoken());
                verdict.failed = Some(check.title);
                let earlier = if grading.goes_on { earlier.clone() } else { vec![] };
                verdict.again =
                    Some(Again { exercise: exercise.name, check: number, chance, earlier });
                verdict.failure = Some(Failure::new(wrong, advice, &last_words));
                verdict.expected.clone_from(&wrong.expected);
            }
        }
        drop(waiting);
        match (&result, told) {
            (_, None) => {}
            (Err(_), _) if verdict.is_busy => report::too_busy(check.title),
            (Ok(()), _) => report::passed(check.title),
            (Err(wrong), _) if wrong.how == How::Machine => {
                let is_new = reason != wrong.got;
                reason.clone_from(&wrong.got);
                report::not_run(check.title, is_new.then_some(&reason));
            }
            (Err(_), Some(told)) => {
                let failure = verdict.failure.clone().unwrap_or_default();
                let chapters = report::chapters(&read_again, exercise);
                report::failed(check.title, &failure, &chapters, exercise, told);
            }
        }
        if grading.has_left || grading.goes_on {
            earlier.push(number);
        }
        grading.clear();
        let is_over = result.is_err() && grading.bench().clock.is_up();
        if verdict.failed.is_some() || verdict.is_busy || is_over {
            break;
        }
    }
    verdict.seconds = start.elapsed().as_secs_f64();
    verdict.by_chance = grading.by_chance;
    if told.is_some() {
        let number = exercise.checks.len();
        match (verdict.failed, verdict.not_run) {
            _ if verdict.is_busy => {}
            (None, 0) => say!("\n  {}", text!("All {number} checks pass.", number)),
            (None, not_run) => say!(
                "\n  {}",
                text!(
                    "{passed} of {number} checks pass; {not_run} could not be run on this machine.",
                    passed = verdict.passed,
                    number,
                    not_run
                )
            ),
            _ if grading.by_chance => say!("  {}", text!("The same again: --seed {seed}", seed)),
            _ => {}
        }
    }
    verdict
}

/// Runs one check, within the time that there is.
pub fn run(check: &Check, grading: &mut Grading) -> Outcome {
    let clock = Rc::clone(&grading.bench().clock);
    let (result, was_ended) = guarded(&clock, || (check.run)(grading));
    match was_ended {
        false => result,
        // Elsewhere nobody knows what the machine has taken away.
        true if cfg!(not(target_os = "linux")) => Err(clock.time_was_up()),
        true => {
            // What they say of their end is nothing to go by: it was not theirs.
            grading.bench().programs.borrow().iter().for_each(|program| program.kill());
            let sent = result.map_or_else(|wrong| wrong.sent, |()| Words::default());
            let wrong = Wrong::new(How::Silent, "the end of this check", "no end of it");
            Err(wrong.after(sent).advice(ON_AND_ON))
        }
    }
}

const ON_AND_ON: &str = "It went on and on: each answer came in time, and all of them together took \
     too long. Does the program sleep ahead of each answer, or wait for a limit to \
     pass? Or does a loop run at full speed, and leave no processor to the threads that work?";

/// What to do about it. The program is asked first.
fn advice(check: &Check, wrong: &Wrong, grading: &Grading, is_first: bool) -> Words {
    let usual = || (check.usually)(wrong.how).into();
    let advice = wrong.advice.clone().unwrap_or_else(usual);
    let clock = &grading.bench().clock;
    if !clock.is_up() {
        return cause::explain(wrong, grading, is_first, advice);
    }
    let limit = seconds(clock.limit());
    if advice == ON_AND_ON {
        return text!(
            "Time was up: an exercise has {limit} for all its checks. {advice}",
            limit,
            advice
        );
    }
    text!("{advice} (And time was up: an exercise has {limit} for all its checks.)", advice, limit)
}
