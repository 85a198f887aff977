//! `cargo grade`: checks the exercises of `examples/your_turn` over the
//! network, and says what went wrong on the wire.

mod e02_free_port;
mod e04_doorman;
mod e04_own_address_udp;
mod e05_echo;
mod e06_half_close;
mod e07_chat_client;
mod e08_only_one;
mod e09_frames;
mod e10_write_all;
mod e11_decoder;
mod e12_unstoppable;
mod e13_ping_udp;
mod e14_waiting_room;
mod e15_file_udp;
mod e16_group_chat;
mod exercise;
mod grading;
mod program;
mod progress;
mod report;
mod wire;
mod wrong;

use std::ffi::OsString;
use std::io::{BufRead as _, IsTerminal as _, Write as _, stderr, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use exercise::{EXERCISES, Exercise, find, nearest};
use grading::Grading;
use lexopt::Arg;
use progress::Progress;
use report::Waiting;
use wrong::seconds;

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

/// How one exercise went.
struct Verdict {
    passed: usize,
    /// The title of the check that failed.
    failed: Option<&'static str>,
    compiles: bool,
    seed: u64,
    /// Whether the seed matters.
    by_chance: bool,
    seconds: f64,
}

impl Verdict {
    /// Of a program that does not compile.
    const NONE: Self =
        Self { passed: 0, failed: None, compiles: false, seed: 0, by_chance: false, seconds: 0.0 };

    fn is_good(&self) -> bool {
        self.compiles && self.failed.is_none()
    }
}

fn main() -> ExitCode {
    let wish = match read_arguments() {
        Ok(Some(wish)) => wish,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(words) => {
            eprintln!("{words}");
            return ExitCode::from(2);
        }
    };
    program::adopt_orphans();
    program::end_with_the_grader();
    let mut progress = Progress::read();
    let good = match wish.exercise {
        None if wish.all => grade_all(&wish, &mut progress),
        None => list(&progress),
        Some(exercise) if wish.hint => hint(exercise, &mut progress),
        Some(exercise) if wish.solution => solution(exercise, &progress),
        Some(exercise) => grade_one(exercise, &wish, &mut progress),
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// `None`: help is wanted.
fn read_arguments() -> Result<Option<Wish>, String> {
    let mut wish = Wish::default();
    let mut all: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(dashes) = all.iter().position(|one| one == "--") {
        let command = all.split_off(dashes).into_iter().skip(1);
        let command = command.map(OsString::into_string);
        let command: Result<Vec<_>, _> = command.collect();
        let command = command.map_err(|_| "the command is not UTF-8")?;
        if command.is_empty() {
            return Err("after --, a command: cargo grade 05_echo -- \
                        python3 my_echo.py"
                .to_owned());
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
                let seed = seed.ok_or("--seed takes a number: --seed 7")?;
                wish.seed = Some(seed);
            }
            Arg::Value(name) if wish.exercise.is_none() => {
                // (A path is as good: who completes with Tab gets one.)
                let name = Path::new(&name).file_stem().unwrap_or_default();
                let name = name.to_string_lossy();
                wish.exercise = Some(find(&name).ok_or_else(|| {
                    format!(
                        "There is no exercise {name}. Do you mean {}?\n\n{}",
                        nearest(&name),
                        table(&Progress::read())
                    )
                })?);
            }
            argument => {
                return Err(unknown(argument.unexpected().to_string()));
            }
        }
    }
    let one = wish.exercise.is_some();
    let needs_one = wish.hint || wish.solution || wish.command.is_some();
    if needs_one && !one {
        return Err(unknown("which exercise?".to_owned()));
    }
    if wish.all && one {
        return Err(unknown("--all, or one exercise".to_owned()));
    }
    Ok(Some(wish))
}

/// Where the exercises are.
fn folder() -> PathBuf {
    top().join("examples/your_turn")
}

fn top() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The exercises, a line each.
fn table(progress: &Progress) -> String {
    let mut next = EXERCISES.iter().find(|one| !progress.is_done(one.name));
    let mut table = String::new();
    for exercise in EXERCISES {
        let mark = match progress.is_done(exercise.name) {
            true => "done",
            false if next.take_if(|next| next.name == exercise.name).is_some() => "next",
            false => "",
        };
        let step = exercise.chapter.split(':').next().unwrap_or_default();
        table += &format!(
            "  {mark:<5} {:<20} {} ({})\n",
            exercise.name,
            exercise.about,
            step.to_lowercase()
        );
    }
    table
}

fn next(progress: &Progress) -> Option<&'static Exercise> {
    EXERCISES.iter().find(|one| !progress.is_done(one.name))
}

fn list(progress: &Progress) -> bool {
    let done = EXERCISES.iter().filter(|one| progress.is_done(one.name));
    let done = done.count();
    println!("Your turn: {done} of {} done.\n", EXERCISES.len());
    print!("{}", table(progress));
    match next(progress) {
        Some(next) => println!(
            "\nNext: write examples/your_turn/{0}.rs, and check it with\n\
             cargo grade {0}    (cargo grade --help: all that it can do)",
            next.name
        ),
        None => println!("\nAll done."),
    }
    true
}

fn hint(exercise: &Exercise, progress: &mut Progress) -> bool {
    let all = exercise.hints;
    let number = progress.hints(exercise.name);
    match all.get(number) {
        Some(hint) => {
            let number = number + 1;
            println!("Hint {number} of {}:\n", all.len());
            println!("{}", report::wrapped(hint, "  "));
            progress.read_a_hint(exercise.name);
        }
        None => {
            println!("You have read all {}. Once more:\n", all.len());
            for hint in all {
                println!("{}\n", report::wrapped(hint, "  "));
            }
            println!("After that: cargo grade {} --solution", exercise.name);
        }
    }
    true
}

fn solution(exercise: &Exercise, progress: &Progress) -> bool {
    let name = exercise.name;
    if !progress.is_done(name) {
        let (read, all) = (progress.hints(name), exercise.hints.len());
        println!("You have read {read} of {all} hints (cargo grade {name} --hint).");
        print!("See the solution all the same? [y/N] ");
        let _ = stdout().flush();
        let mut answer = String::new();
        let _ = stdin().lock().read_line(&mut answer);
        if !answer.trim().to_lowercase().starts_with('y') {
            println!("No, then.");
            return false;
        }
    }
    println!("tools/grade/solutions/{name}.rs");
    true
}

fn grade_one(exercise: &Exercise, wish: &Wish, progress: &mut Progress) -> bool {
    let command = match &wish.command {
        Some(command) => command.clone(),
        None => {
            let waiting = Waiting::on("building your program");
            let (program, words) = build(exercise);
            drop(waiting);
            let _ = stderr().write_all(&words);
            let Some(program) = program else {
                if wish.json {
                    println!("{}", as_json(exercise, &Verdict::NONE));
                }
                return false;
            };
            vec![program]
        }
    };
    let verdict = grade(exercise, command, wish.seed, !wish.json);
    if wish.json {
        println!("{}", as_json(exercise, &verdict));
    }
    if verdict.is_good() {
        progress.is_done_now(exercise.name);
        if !wish.json {
            match next(progress) {
                Some(next) => println!("  Next: cargo grade {}", next.name),
                None => println!("  That was the last one."),
            }
        }
    }
    verdict.is_good()
}

/// The reader's file as a program; `None`: it does not compile. Gives what the
/// compiler says as well.
fn build(exercise: &Exercise) -> (Option<String>, Vec<u8>) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build
        .args(["build", "--quiet", "--package", "your-turn", "--bin"])
        .arg(exercise.name)
        .current_dir(top());
    if stderr().is_terminal() {
        build.env("CARGO_TERM_COLOR", "always");
    }
    match build.output() {
        Ok(built) if built.status.success() => {
            // (It is where the grader is: in the same target folder.)
            let here = std::env::current_exe().unwrap_or_default();
            let suffix = std::env::consts::EXE_SUFFIX;
            let file = format!("{}{suffix}", exercise.name);
            let program = here.with_file_name(file);
            let program = program.to_string_lossy().into_owned();
            (Some(program), built.stderr)
        }
        Ok(built) => (None, built.stderr),
        Err(error) => (None, format!("cannot start cargo: {error}\n").into_bytes()),
    }
}

fn new_seed() -> u64 {
    fastrand::u64(1..10_000)
}

/// All checks of one exercise, up to the first that fails.
fn grade(exercise: &Exercise, command: Vec<String>, seed: Option<u64>, tell: bool) -> Verdict {
    let seed = seed.unwrap_or_else(new_seed);
    let start = Instant::now();
    let mut grading = Grading::new(command, seed);
    if tell {
        println!("{}: {}\n", exercise.name, exercise.about);
    }
    let mut verdict = Verdict { compiles: true, seed, ..Verdict::NONE };
    for check in exercise.checks {
        let waiting = tell.then(|| Waiting::on(check.title));
        let result = (check.run)(&mut grading);
        drop(waiting);
        match result {
            Ok(()) => verdict.passed += 1,
            Err(wrong) => {
                verdict.failed = Some(check.title);
                if tell {
                    let mut advice = match &wrong.advice {
                        Some(advice) => advice.clone(),
                        None => (check.usually)(wrong.how).to_owned(),
                    };
                    if wrong.is_broken_pipe() && !advice.contains("SIGPIPE") {
                        advice = BROKEN_PIPE.to_owned();
                    }
                    if grading.time_is_up() {
                        advice = time_is_up(&advice);
                    }
                    report::failed(check.title, &wrong, &advice, exercise);
                }
            }
        }
        grading.clear();
        if verdict.failed.is_some() {
            break;
        }
        if tell {
            report::passed(check.title);
        }
    }
    verdict.seconds = start.elapsed().as_secs_f64();
    verdict.by_chance = grading.by_chance;
    if tell {
        let number = exercise.checks.len();
        if verdict.failed.is_none() {
            println!("\n  All {number} checks pass.");
        } else if grading.by_chance {
            println!("  The same again: --seed {seed}");
        }
    }
    verdict
}

const BROKEN_PIPE: &str = "Your program was ended by the signal SIGPIPE: it sent to a connection that \
     was gone. Ignore that signal, once, at the start (in C \
     signal(SIGPIPE, SIG_IGN), or MSG_NOSIGNAL for each send). Then send fails \
     with \"broken pipe\" instead, which is the end of this one conversation: \
     go on with the next client (step 12).";

/// The advice, when the 10 seconds for all the checks were over. If the
/// program took long to start, nothing that the check has to say is certain.
fn time_is_up(advice: &str) -> String {
    let starting = program::starting();
    if starting < grading::LIMIT / 4 {
        return format!(
            "{advice} (And time was up: an exercise has 10 seconds for all its \
             checks.)"
        );
    }
    format!(
        "Time was up: an exercise has 10 seconds for all its checks, and up to \
         10 more for a program that is slow to start. Yours took {} to be \
         ready, again and again. Give the grader a program that is compiled \
         already, or try again when the machine is less busy.",
        seconds(starting)
    )
}

fn as_json(exercise: &Exercise, verdict: &Verdict) -> String {
    let verdict = jzon::object! {
        exercise: exercise.name,
        done: verdict.is_good(),
        compiles: verdict.compiles,
        passed: verdict.passed,
        checks: exercise.checks.len(),
        failed: verdict.failed,
        seed: verdict.seed,
        seconds: (verdict.seconds * 10.0).round() / 10.0,
    };
    verdict.dump()
}

fn grade_all(wish: &Wish, progress: &mut Progress) -> bool {
    // (One for all, so that it can be said once.)
    let seed = wish.seed.unwrap_or_else(new_seed);
    let (mut all_good, mut by_chance) = (true, false);
    for exercise in EXERCISES {
        let waiting = (!wish.json).then(|| Waiting::on(exercise.name));
        let verdict = match build(exercise).0 {
            Some(program) => grade(exercise, vec![program], Some(seed), false),
            None => Verdict::NONE,
        };
        drop(waiting);
        all_good &= verdict.is_good();
        by_chance |= verdict.failed.is_some() && verdict.by_chance;
        if verdict.is_good() {
            progress.is_done_now(exercise.name);
        }
        if wish.json {
            println!("{}", as_json(exercise, &verdict));
            continue;
        }
        let checks = exercise.checks.len();
        let counted = format!("{:>2} of {checks:>2}", verdict.passed);
        let words = match verdict.failed {
            _ if !verdict.compiles => " does not compile".to_owned(),
            Some(title) => format!("{counted}, not: {title}"),
            None => format!("{counted}, {}", report::green("done")),
        };
        println!("  {:<20} {words}", exercise.name);
    }
    if by_chance && !wish.json {
        println!("\n  The same again: --seed {seed}");
    }
    all_good
}
