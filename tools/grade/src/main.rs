//! `cargo grade`: checks the exercises of `examples/your_turn` over the
//! network, and says what went wrong on the wire.

mod catalogue;
mod clock;
#[allow(dead_code, reason = "the checks come next")]
mod contents;
mod course;
mod exercise;
mod exercises;
mod grading;
mod machine;
#[allow(dead_code, reason = "the checks come next")]
mod memory;
mod patience;
mod processor;
mod program;
mod progress;
mod report;
mod stop_and_wait;
mod verdict;
mod wire;
mod wrong;

use std::ffi::OsString;
use std::io::{BufRead as _, Write as _, stderr, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;

use catalogue::{nearest, next, table};
use course::Course;
use exercise::Exercise;
use exercises::EXERCISES;
use lexopt::Arg;
use progress::Progress;
use report::Waiting;
use verdict::{Verdict, grade};

/// The exit status where nothing can be said: neither good nor bad.
const TOO_BUSY: u8 = 3;

const USAGE: &str = include_str!("usage.txt");

/// What to do, and with which exercise.
#[derive(Default)]
struct Wish {
    exercise: Option<&'static Exercise>,
    command: Option<Vec<String>>,
    seed: Option<u64>,
    all: bool,
    json: bool,
    hint: bool,
    solution: bool,
}

/// Who asks, and where.
struct Reader {
    course: Option<Course>,
    progress: Progress,
}

fn main() -> ExitCode {
    let course = Course::find();
    let progress = Progress::read(course.as_ref());
    let mut reader = Reader { course, progress };
    let wish = match reader.read_arguments() {
        Ok(Some(wish)) => wish,
        Ok(None) => {
            print!("{}", USAGE.replace("cargo grade", reader.call()));
            return ExitCode::SUCCESS;
        }
        Err(words) => {
            eprintln!("{}", words.replace("cargo grade", reader.call()));
            return ExitCode::from(2);
        }
    };
    program::adopt_orphans();
    program::end_with_the_grader();
    processor::watch();
    let is_good = |good| if good { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    match wish.exercise {
        None if wish.all => reader.grade_all(&wish),
        None => is_good(reader.list()),
        Some(exercise) if wish.hint => is_good(reader.hint(exercise)),
        Some(exercise) if wish.solution => is_good(reader.solution(exercise)),
        Some(exercise) => reader.grade_one(exercise, &wish),
    }
}

impl Reader {
    /// The grader, as it is called here.
    fn call(&self) -> &'static str {
        if self.course.is_some() { "cargo grade" } else { "grade" }
    }

    /// `None`: help is wanted.
    fn read_arguments(&self) -> Result<Option<Wish>, String> {
        let call = self.call();
        let mut wish = Wish::default();
        let mut all: Vec<OsString> = std::env::args_os().skip(1).collect();
        if let Some(dashes) = all.iter().position(|one| one == "--") {
            let command = all.split_off(dashes).into_iter().skip(1);
            let command: Result<Vec<_>, _> = command.map(OsString::into_string).collect();
            let command = command.map_err(|_| "the command is not UTF-8")?;
            if command.is_empty() {
                return Err(format!("after --, a command: {call} 05_echo -- python3 my_echo.py"));
            }
            wish.command = Some(command);
        }
        let mut arguments = lexopt::Parser::from_args(all);
        let unknown = |words: String| format!("{words}\n\n{USAGE}");
        while let Some(argument) = arguments.next().map_err(|error| unknown(error.to_string()))? {
            match argument {
                Arg::Long("all") => wish.all = true,
                Arg::Long("json") => wish.json = true,
                Arg::Long("hint") => wish.hint = true,
                Arg::Long("solution") => wish.solution = true,
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                Arg::Long("seed") => {
                    let seed = arguments.value().ok();
                    let seed = seed.and_then(|seed| seed.to_str()?.parse().ok());
                    wish.seed = Some(seed.ok_or("--seed takes a number: --seed 7")?);
                }
                // A path is as good: who completes with Tab gets one.
                Arg::Value(name) if wish.exercise.is_none() => {
                    let name = Path::new(&name).file_stem().unwrap_or_default();
                    let name = name.to_string_lossy();
                    wish.exercise = Some(catalogue::exercise(&name).ok_or_else(|| {
                        let table = table(&self.progress);
                        let nearest = nearest(&name);
                        format!("There is no exercise {name}. Do you mean {nearest}?\n\n{table}")
                    })?);
                }
                argument => return Err(unknown(argument.unexpected().to_string())),
            }
        }
        let one = wish.exercise.is_some();
        let is_text = wish.hint || wish.solution;
        if (is_text || wish.command.is_some()) && !one {
            return Err(unknown("which exercise?".to_owned()));
        }
        if wish.all && one {
            return Err(unknown("--all, or one exercise".to_owned()));
        }
        let needs_course = wish.all || (one && !is_text && wish.command.is_none());
        if needs_course && self.course.is_none() {
            let name = wish.exercise.map_or("05_echo", |exercise| exercise.name);
            return Err(format!(
                "Here is no examples/your_turn with programs to build: go to your copy of the \
                 course, or say how yours is started: {call} {name} -- python3 my_program.py"
            ));
        }
        Ok(Some(wish))
    }

    fn list(&self) -> bool {
        let done = EXERCISES.iter().filter(|one| self.progress.is_done(one.name)).count();
        println!("Your turn: {done} of {} done.\n", EXERCISES.len());
        print!("{}", table(&self.progress));
        let Some(Exercise { name, .. }) = next(&self.progress) else {
            println!("\nAll done.");
            return true;
        };
        let (what, command) = match self.course {
            Some(_) => (format!("examples/your_turn/{name}.rs"), ""),
            None => ("it in any language".to_owned(), " -- COMMAND"),
        };
        let call = self.call();
        println!("\nNext: write {what}, and check it with");
        println!("{call} {name}{command}    ({call} --help: all that it can do)");
        true
    }

    fn hint(&mut self, exercise: &Exercise) -> bool {
        let all = exercise.hints;
        let number = self.progress.hints(exercise.name);
        match all.get(number) {
            Some(hint) => {
                println!("Hint {} of {}:\n", number + 1, all.len());
                println!("{}", report::wrap(hint, "  "));
                self.progress.add_hint(exercise.name);
            }
            None => {
                println!("You have read all {}. Once more:\n", all.len());
                for hint in all {
                    println!("{}\n", report::wrap(hint, "  "));
                }
                println!("After that: {} {} --solution", self.call(), exercise.name);
            }
        }
        true
    }

    fn solution(&self, exercise: &Exercise) -> bool {
        let name = exercise.name;
        if !self.progress.is_done(name) {
            let (read, all) = (self.progress.hints(name), exercise.hints.len());
            println!("You have read {read} of {all} hints ({} {name} --hint).", self.call());
            print!("See the solution all the same? [y/N] ");
            let _ = stdout().flush();
            let mut answer = String::new();
            let _ = stdin().lock().read_line(&mut answer);
            if !answer.trim().to_lowercase().starts_with('y') {
                println!("No, then.");
                return false;
            }
        }
        match self.course {
            Some(_) => println!("tools/grade/solutions/{name}.rs"),
            None => print!("{}", exercise.solution),
        }
        true
    }

    /// The reader's file as a command, if it compiles. What the compiler says is shown, if that is
    /// wanted.
    fn build(&self, exercise: &Exercise, tell: bool) -> Option<Vec<String>> {
        let waiting = tell.then(|| Waiting::on("building your program"));
        let (program, words) = self.course.as_ref()?.build(exercise.name);
        drop(waiting);
        if tell {
            let _ = stderr().write_all(&words);
        }
        Some(vec![program?])
    }

    fn grade_one(&mut self, exercise: &Exercise, wish: &Wish) -> ExitCode {
        let (seed, tell) = (wish.seed.unwrap_or_else(new_seed), !wish.json);
        let command = wish.command.clone().or_else(|| self.build(exercise, true));
        let call = tell.then(|| self.call());
        let verdict = command.map_or_else(Verdict::default, |it| grade(exercise, it, seed, call));
        if wish.json {
            println!("{}", verdict.as_json(exercise));
        }
        if !verdict.is_good(exercise) {
            return if verdict.is_busy { TOO_BUSY.into() } else { ExitCode::FAILURE };
        }
        self.progress.add_done(exercise.name);
        if tell {
            match next(&self.progress) {
                Some(next) => println!("  Next: {} {}", self.call(), next.name),
                None => println!("  That was the last one."),
            }
        }
        ExitCode::SUCCESS
    }

    /// All exercises with the same seed, so that it can be said once.
    fn grade_all(&mut self, wish: &Wish) -> ExitCode {
        let seed = wish.seed.unwrap_or_else(new_seed);
        let (mut all_good, mut all_judged, mut by_chance) = (true, true, false);
        for exercise in EXERCISES {
            let waiting = (!wish.json).then(|| Waiting::on(exercise.name));
            let command = self.build(exercise, false);
            let verdict =
                command.map_or_else(Verdict::default, |it| grade(exercise, it, seed, None));
            drop(waiting);
            let is_good = verdict.is_good(exercise);
            all_good &= is_good || verdict.is_busy;
            all_judged &= !verdict.is_busy;
            by_chance |= verdict.failed.is_some() && verdict.by_chance;
            if is_good {
                self.progress.add_done(exercise.name);
            }
            match wish.json {
                true => println!("{}", verdict.as_json(exercise)),
                false => println!("  {:<20} {}", exercise.name, verdict.in_words(exercise)),
            }
        }
        if by_chance && !wish.json {
            println!("\n  The same again: --seed {seed}");
        }
        match (all_good, all_judged) {
            (false, _) => ExitCode::FAILURE,
            (true, false) => TOO_BUSY.into(),
            (true, true) => ExitCode::SUCCESS,
        }
    }
}

fn new_seed() -> u64 {
    fastrand::u64(1..10_000)
}
