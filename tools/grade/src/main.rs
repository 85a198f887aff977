//! `cargo grade`: checks the exercises of `examples/your_turn` over the
//! network, and says what went wrong on the wire.
//!
//! For whoever writes an exercise: it is a module of [`exercises`], with its
//! [checks](exercise::Check). Each gets a [`Grading`](grading::Grading), which
//! starts the program and connects to it. With a [`Peer`](wire::Peer) (TCP) or
//! [`Datagrams`](wire::Datagrams) (UDP) it sends, and says what must come; with
//! a [`Program`](program::Program) it types, and says what must be printed.
//! What is not as it must be is a [`Wrong`](wrong::Wrong): its kind chooses the
//! advice. Texts by chance are in [`contents`], clients that read late in
//! [`patience`], the memory of a program in [`memory`], and what a machine must
//! allow in [`machine`].

// They panic where nobody reads: see say.rs.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod catalogue;
mod cause;
mod clock;
mod complaint;
mod contents;
mod course;
mod exercise;
mod exercises;
mod grading;
mod groups;
mod guard;
mod keeper;
mod language;
mod machine;
mod memory;
mod page;
mod patience;
mod processor;
mod program;
mod progress;
mod record;
mod report;
mod say;
mod sockets;
mod stop_and_wait;
mod terminal;
mod typed;
mod verdict;
mod watch;
mod wire;
mod wrong;

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, Write as _, stdin};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use catalogue::{Meant, next, table};
use course::Course;
use exercise::Exercise;
use exercises::EXERCISES;
use language::Language;
use lexopt::Arg;
use page::Student;
use progress::Progress;
use record::Record;
use report::{Told, Waiting};
use say::{complain, say};
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
    task: bool,
    watch: bool,
    /// Where the page of a class goes, and what it is made of.
    report: Option<PathBuf>,
    records: Vec<PathBuf>,
}

/// Who asks, and where.
struct Reader {
    course: Option<Course>,
    progress: Progress,
}

fn main() -> ExitCode {
    if let Some(code) = keeper::work() {
        return code;
    }
    let course = Course::find();
    let progress = Progress::read(course.as_ref());
    let mut reader = Reader { course, progress };
    let wish = match reader.read_arguments() {
        Ok(Some(wish)) => wish,
        Ok(None) => {
            say::print(USAGE.replace("cargo grade", reader.call()));
            return ExitCode::SUCCESS;
        }
        Err(words) => {
            complain!("{}", words.trim_end());
            return ExitCode::from(2);
        }
    };
    let done = match &wish.report {
        Some(file) => reader.report(file, &wish),
        None if wish.watch => within_reach(|| reader.watch(&wish)),
        None => Ok(reader.answer(&wish)),
    };
    done.unwrap_or_else(|words| {
        complain!("{words}");
        ExitCode::from(2)
    })
}

/// Grades. Whatever ends the grader, all that it has started ends with it.
fn within_reach<T>(grade: impl FnOnce() -> T) -> T {
    machine::ask_for_files();
    keeper::start();
    groups::adopt_orphans();
    groups::end_with_the_grader();
    processor::watch();
    let done = grade();
    keeper::dismiss();
    done
}

impl Reader {
    fn answer(&mut self, wish: &Wish) -> ExitCode {
        let is_good = |good| if good { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        match wish.exercise {
            None if wish.all => within_reach(|| self.grade_all(wish, &mut Vec::new())),
            None => is_good(self.list(wish.json)),
            Some(exercise) if wish.hint => is_good(self.hint(exercise, wish.command.as_ref())),
            Some(exercise) if wish.solution => is_good(self.solution(exercise)),
            Some(exercise) if wish.task => is_good(self.task(exercise)),
            Some(exercise) => within_reach(|| self.grade_one(exercise, wish)),
        }
    }

    /// Writes the page of a class, or that of this course's own exercises.
    fn report(&mut self, path: &Path, wish: &Wish) -> Result<ExitCode, String> {
        let in_words = |error| format!("cannot write {}: {error}", path.display());
        let mut students = page::read(&wish.records)?;
        // First, so that nobody waits for a page that has no place.
        let mut file = File::create(path).map_err(in_words)?;
        let mut status = ExitCode::SUCCESS;
        if students.is_empty() {
            let mut records = Vec::new();
            status = within_reach(|| self.grade_all(wish, &mut records));
            let name = self.course.as_ref().map_or_else(String::new, Course::name);
            students.push(Student { name, records });
        }
        file.write_all(page::page(&students).as_bytes()).map_err(in_words)?;
        Ok(status)
    }

    /// The grader, as it is called here.
    fn call(&self) -> &'static str {
        if self.course.is_some() { "cargo grade" } else { "grade" }
    }

    /// `None`: help is wanted.
    fn read_arguments(&self) -> Result<Option<Wish>, String> {
        let call = self.call();
        let usage = USAGE.replace("cargo grade", call);
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
        let unknown = |words: String| format!("{words}\n\n{usage}");
        while let Some(argument) = arguments.next().map_err(|error| unknown(error.to_string()))? {
            match argument {
                Arg::Long("all") => wish.all = true,
                Arg::Long("json") => wish.json = true,
                Arg::Long("hint") => wish.hint = true,
                Arg::Long("solution") => wish.solution = true,
                Arg::Long("task") => wish.task = true,
                Arg::Long("watch") => wish.watch = true,
                Arg::Long("report") => {
                    let file = arguments.value().map_err(|error| unknown(error.to_string()))?;
                    wish.report = Some(file.into());
                }
                Arg::Value(path) if Path::new(&path).extension() == Some("json".as_ref()) => {
                    wish.records.push(path.into());
                }
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                Arg::Long("seed") => {
                    let seed = arguments.value().ok();
                    let seed = seed.and_then(|seed| seed.to_str()?.parse().ok());
                    wish.seed = Some(seed.ok_or("--seed takes a number: --seed 7")?);
                }
                // A path is as good: who completes with Tab gets one.
                Arg::Value(name) if wish.exercise.is_none() => {
                    let name = Path::new(&name).file_stem().unwrap_or_default();
                    wish.exercise = Some(self.meant(&name.to_string_lossy())?);
                }
                argument => return Err(unknown(argument.unexpected().to_string())),
            }
        }
        check_together(&wish).map_err(|words| unknown(words.to_owned()))?;
        let is_text = wish.hint || wish.solution || wish.task;
        let (one, command) = (wish.exercise, wish.command.as_deref());
        let is_graded = wish.all || wish.watch || one.is_some() && !is_text;
        let needs_course = is_graded && command.is_none();
        let name = one.map_or("05_echo", |exercise| exercise.name);
        if needs_course && self.course.is_none() {
            return Err(format!(
                "Here is no examples/your_turn with programs to build: go to your copy of the \
                 course, or say how yours is started: {call} {name} -- python3 my_program.py\n\
                 What it is to do: {call} {name} --task"
            ));
        }
        if is_graded {
            typed::look_at(command.unwrap_or_default(), &format!("{call} {name} --"))?;
        }
        Ok(Some(wish))
    }

    /// The exercise that is meant by this. If its name is another one, that is said.
    fn meant(&self, typed: &str) -> Result<&'static Exercise, String> {
        let others = || {
            let (table, call) = (table(&self.progress), self.call());
            format!("\n\n{table}\n{call} 05_echo --task    (what 05_echo is to do)")
        };
        match catalogue::meant(typed) {
            Meant::This(name) => {
                if name != typed {
                    complain!("{typed}: that is {name}.");
                }
                catalogue::exercise(name).ok_or_else(others)
            }
            Meant::OneOf(names) => Err(format!("{typed}: {}?", names.join(" or "))),
            Meant::Like(name) => {
                let others = others();
                Err(format!("There is no exercise {typed}. Do you mean {name}?{others}"))
            }
            Meant::None => Err(format!("There is no exercise {typed}.{}", others())),
        }
    }

    fn list(&self, json: bool) -> bool {
        if json {
            say::print(catalogue::as_json(&self.progress));
            return true;
        }
        let done = EXERCISES.iter().filter(|one| self.progress.is_done(one.name)).count();
        say!("Your turn: {done} of {} done.\n", EXERCISES.len());
        say::print(table(&self.progress));
        let Some(Exercise { name, .. }) = next(&self.progress) else {
            say!("\nAll done.");
            return true;
        };
        let (what, command) = match self.course {
            Some(_) => (format!("examples/your_turn/{name}.rs"), ""),
            None => ("it in any language".to_owned(), " -- COMMAND"),
        };
        let call = self.call();
        say!("\nNext: write {what}, and check it with");
        say!("{call} {name}{command}    ({call} --help: all that it can do)");
        if self.course.is_none() {
            say!("{call} {name} --task    (what it is to do)");
        }
        true
    }

    fn hint(&mut self, exercise: &Exercise, command: Option<&Vec<String>>) -> bool {
        // Without a command it is the reader's file, in Rust.
        let language = command.map_or(Language::Rust, |command| Language::of(command));
        let all: Vec<_> = exercise.hints.iter().map(|hint| language.words(hint)).collect();
        let number = self.progress.hints(exercise.name);
        match all.get(number) {
            Some(hint) => {
                say!("Hint {} of {}:\n", number + 1, all.len());
                say!("{}", report::wrap(hint, "  "));
                self.progress.add_hint(exercise.name);
            }
            None => {
                say!("You have read all {}. Once more:\n", all.len());
                for hint in &all {
                    say!("{}\n", report::wrap(hint, "  "));
                }
                say!("After that: {} {} --solution", self.call(), exercise.name);
            }
        }
        true
    }

    fn solution(&self, exercise: &Exercise) -> bool {
        let name = exercise.name;
        if !self.progress.is_done(name) {
            let (read, all) = (self.progress.hints(name), exercise.hints.len());
            say!("You have read {read} of {all} hints ({} {name} --hint).", self.call());
            say::print("See the solution all the same? [y/N] ");
            let mut answer = String::new();
            let _ = stdin().lock().read_line(&mut answer);
            if !answer.trim().to_lowercase().starts_with('y') {
                say!("No, then.");
                return false;
            }
        }
        match self.course {
            Some(_) => say!("tools/grade/solutions/{name}.rs"),
            None => say::print(exercise.solution),
        }
        true
    }

    /// What it is to do, in the words of its file.
    fn task(&self, exercise: &Exercise) -> bool {
        let own = self.course.as_ref().and_then(|course| course.task(exercise.name));
        let text = own.unwrap_or_else(|| course::task_in(exercise.file));
        if text.is_empty() {
            let path = format!("examples/your_turn/{}.rs", exercise.name);
            complain!("The text is gone from {path}. It is in git: git show HEAD:{path}");
            return false;
        }
        say!("{text}");
        true
    }

    /// The reader's file as a command, if it compiles. What the compiler says is shown, if that is
    /// wanted.
    fn build(&self, exercise: &Exercise, tell: bool) -> Option<Vec<String>> {
        let waiting = tell.then(|| Waiting::on("building your program"));
        let (program, words) = self.course.as_ref()?.build(exercise.name);
        drop(waiting);
        if tell {
            say::print_error(String::from_utf8_lossy(&words));
        }
        Some(vec![program?])
    }

    fn grade_one(&mut self, exercise: &Exercise, wish: &Wish) -> ExitCode {
        let (seed, tell) = (wish.seed.unwrap_or_else(new_seed), !wish.json);
        let command = wish.command.clone().or_else(|| self.build(exercise, true));
        let told = tell.then(|| Told::Once { call: self.call() });
        let grade = |command| grade(exercise, command, seed, told.as_ref());
        let verdict = command.map_or_else(Verdict::default, grade);
        if wish.json {
            say!("{}", verdict.record(exercise).as_json());
        }
        if !verdict.is_good(exercise) {
            return if verdict.is_busy { TOO_BUSY.into() } else { ExitCode::FAILURE };
        }
        self.progress.add_done(exercise.name);
        if tell {
            match next(&self.progress) {
                Some(next) => say!("  Next: {} {}", self.call(), next.name),
                None => say!("  That was the last one."),
            }
        }
        ExitCode::SUCCESS
    }

    /// All exercises with the same seed, so that it can be said once.
    fn grade_all(&mut self, wish: &Wish, records: &mut Vec<Record>) -> ExitCode {
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
            let record = verdict.record(exercise);
            match wish.json {
                true => say!("{}", record.as_json()),
                false => say!("  {:<20} {}", exercise.name, verdict.in_words(exercise)),
            }
            records.push(record);
        }
        if by_chance && !wish.json {
            say!("\n  The same again: --seed {seed}");
        }
        match (all_good, all_judged) {
            (false, _) => ExitCode::FAILURE,
            (true, false) => TOO_BUSY.into(),
            (true, true) => ExitCode::SUCCESS,
        }
    }
}

/// Whether these wishes go together.
fn check_together(wish: &Wish) -> Result<(), &'static str> {
    let one = wish.exercise.is_some();
    let texts = [wish.hint, wish.solution, wish.task].into_iter().filter(|it| *it).count();
    let is_text = texts > 0;
    match wish {
        _ if (is_text || wish.command.is_some()) && !one && !wish.all => Err("which exercise?"),
        Wish { all: true, .. } if one => Err("--all, or one exercise"),
        Wish { all: true, command: Some(_), .. } => Err("--all builds its programs itself"),
        Wish { all: true, .. } if is_text => Err("--all gives verdicts alone"),
        Wish { watch: true, .. } if is_text || wish.all || wish.json || wish.report.is_some() => {
            Err("--watch is for one exercise after the other")
        }
        Wish { watch: true, command: Some(_), .. } if !one => Err("which exercise?"),
        Wish { report: None, records, .. } if !records.is_empty() => {
            Err("the page goes to a file: --report class.html")
        }
        Wish { report: Some(_), all, records, .. } if *all != records.is_empty() || one => {
            Err("--report makes a page of what --all --json wrote (--report class.html \
             class/*/grade.json), or of --all")
        }
        _ if texts > 1 => Err("one of --hint, --solution and --task"),
        Wish { json: true, .. } if is_text => Err("--json gives verdicts, or the list"),
        // A hint is given in the language of the program.
        Wish { command: Some(_), hint: false, .. } if is_text => {
            Err("there is no program to check (after --)")
        }
        Wish { seed: Some(_), .. } if is_text || !(one || wish.all) => {
            Err("--seed goes with a check of programs")
        }
        _ => Ok(()),
    }
}

fn new_seed() -> u64 {
    fastrand::u64(1..10_000)
}
