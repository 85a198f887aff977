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

mod arguments;
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
mod lang;
mod language;
mod machine;
mod marks;
mod memory;
mod one_check;
mod page;
mod patience;
mod processor;
mod program;
mod progress;
mod record;
mod report;
mod say;
mod sockets;
#[cfg_attr(not(target_os = "linux"), path = "step_by_step/elsewhere.rs")]
mod step_by_step;
mod stop_and_wait;
mod terminal;
mod typed;
mod verdict;
mod watch;
mod wire;
mod words;
mod wrong;

use std::fs::File;
use std::io::{BufRead as _, Write as _, stdin};
use std::path::Path;
use std::process::ExitCode;

use arguments::Wish;
use catalogue::{next, table};
use course::Course;
use exercise::Exercise;
use exercises::EXERCISES;
use lang::Lang;
use language::Language;
use page::Student;
use progress::Progress;
use record::Record;
use report::{Told, Waiting};
use say::{complain, say};
use verdict::{Verdict, grade};
use words::{Words, text};

/// The exit status where nothing can be said: neither good nor bad.
const TOO_BUSY: u8 = 3;

/// Who asks, and where.
struct Reader {
    course: Option<Course>,
    progress: Progress,
}

fn main() -> ExitCode {
    if let Some(code) = keeper::work().or_else(one_check::work) {
        return code;
    }
    choose_language();
    let course = Course::find();
    let progress = Progress::read(course.as_ref());
    let mut reader = Reader { course, progress };
    let wish = match reader.read_arguments() {
        Ok(Some(wish)) => wish,
        Ok(None) => {
            say::print(arguments::usage().replace("cargo grade", reader.call()));
            return ExitCode::SUCCESS;
        }
        Err(words) => {
            complain!("{}", words.spoken().trim_end());
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

/// The language that is asked for, or else that of the system.
fn choose_language() {
    let own = std::env::args_os().skip(1).take_while(|argument| argument != "--");
    let own: Vec<_> = own.map(|argument| argument.to_string_lossy().into_owned()).collect();
    let usual = || Lang::of_the_system(|name| std::env::var(name).ok());
    Lang::asked_for(&own).unwrap_or_else(usual).speak();
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
    fn report(&mut self, path: &Path, wish: &Wish) -> Result<ExitCode, Words> {
        let in_words =
            |error| text!("cannot write {path}: {error}", path = path.display().to_string(), error);
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

    fn list(&self, json: bool) -> bool {
        if json {
            say::print(catalogue::as_json(&self.progress));
            return true;
        }
        let done = EXERCISES.iter().filter(|one| self.progress.is_done(one.name)).count();
        let number = EXERCISES.len();
        say!("{}\n", text!("Your turn: {done} of {number} done.", done, number));
        say::print(table(&self.progress));
        let Some(Exercise { name, .. }) = next(&self.progress) else {
            say!("\n{}", text!("All done."));
            return true;
        };
        let (what, command) = match self.course {
            Some(_) => (Words::data(format!("examples/your_turn/{name}.rs")), ""),
            None => (text!("it in any language"), " -- COMMAND"),
        };
        let call = self.call();
        say!("\n{}", text!("Next: write {what}, and check it with", what));
        let help = text!("({call} --help: all that it can do)", call);
        say!("{call} {name}{command}    {help}");
        if self.course.is_none() {
            say!("{call} {name} --task    {}", text!("(what it is to do)"));
        }
        true
    }

    fn hint(&mut self, exercise: &Exercise, command: Option<&Vec<String>>) -> bool {
        // Without a command it is the reader's file, in Rust.
        let language = command.map_or(Language::Rust, |command| Language::of(command));
        let words = |hint: &&str| Words::data(language.words(&text!(*hint).spoken()));
        let hints: Vec<_> = exercise.hints.iter().map(words).collect();
        let (number, all) = (self.progress.hints(exercise.name), hints.len());
        match hints.get(number) {
            Some(hint) => {
                say!("{}\n", text!("Hint {number} of {all}:", number = number + 1, all));
                say!("{}", report::wrap(hint, "  "));
                self.progress.add_hint(exercise.name);
            }
            None => {
                say!("{}\n", text!("You have read all {all}. Once more:", all));
                for hint in &hints {
                    say!("{}\n", report::wrap(hint, "  "));
                }
                let command = format!("{} {} --solution", self.call(), exercise.name);
                say!("{}", text!("After that: {command}", command));
            }
        }
        true
    }

    fn solution(&self, exercise: &Exercise) -> bool {
        let name = exercise.name;
        if !self.progress.is_done(name) {
            let (read, all) = (self.progress.hints(name), exercise.hints.len());
            let command = format!("{} {name} --hint", self.call());
            say!(
                "{}",
                text!("You have read {read} of {all} hints ({command}).", read, all, command)
            );
            say::print(text!("See the solution all the same? [y/N] "));
            let mut answer = String::new();
            let _ = stdin().lock().read_line(&mut answer);
            if !answer.trim().to_lowercase().starts_with('y') {
                say!("{}", text!("No, then."));
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
        let chinese = match lang::spoken() {
            Lang::English => None,
            Lang::Chinese => self.course.as_ref().and_then(|it| it.chinese_task(exercise.name)),
        };
        let text = chinese.or(own).unwrap_or_else(|| course::task_in(exercise.file));
        if text.is_empty() {
            let path = format!("examples/your_turn/{}.rs", exercise.name);
            complain!(
                "{}",
                text!("The text is gone from {path}. It is in git: git show HEAD:{path}", path)
            );
            return false;
        }
        say!("{text}\n");
        let rules = text!(
            "The last argument of the program is what it is given, an address such as \
             127.0.0.1:20817 in most exercises. It prints \"ready\" as soon as others can reach \
             it. The rules for every program: {call} --help",
            call = self.call()
        );
        say!("{}", report::wrap(rules, ""));
        true
    }

    /// The exercise that comes now.
    fn offer_next(&self, next: &Exercise) -> Words {
        text!("Next: {call} {name}", call = self.call(), name = next.name)
    }

    /// What is to be typed for a hint: in Rust, or in the language of the command.
    fn hint_command(&self, exercise: &Exercise, wish: &Wish) -> String {
        let hint = format!("{} {} --hint", self.call(), exercise.name);
        match &wish.command {
            Some(command) if Language::of(command) != Language::Rust => {
                format!("{hint} -- {}", command.join(" "))
            }
            _ => hint,
        }
    }

    /// What is to be typed for a page of the check that fails; `None`: there is none on this
    /// machine, or it was typed already.
    fn page_command(&self, exercise: &Exercise, wish: &Wish) -> Option<String> {
        if wish.page.is_some() || !step_by_step::is_possible(self.course.as_ref()) {
            return None;
        }
        let page = format!("{} {} --page FILE", self.call(), exercise.name);
        Some(match &wish.command {
            Some(command) => format!("{page} -- {}", command.join(" ")),
            None => page,
        })
    }

    /// Writes the page of the check that has failed, if one has, and says what came of that.
    fn step_by_step(&self, file: &Path, verdict: &Verdict, command: &[String]) {
        let (Some(again), Some(title)) = (&verdict.again, verdict.failed) else {
            if !verdict.is_busy {
                say!("  {}", text!("No check fails, so there is no page."));
            }
            return;
        };
        let course = self.course.as_ref();
        let expected = verdict.expected.english();
        let shown = step_by_step::Shown { again, title, expected, command, course };
        match shown.write(file) {
            Ok(words) => say!("\n{}", report::wrap(words, "  ")),
            Err(words) => say!("\n{}", report::wrap(text!("No page. {words}", words), "  ")),
        }
    }

    /// The reader's file as a command, if it compiles. What the compiler says is shown, if that is
    /// wanted.
    fn build(&self, exercise: &Exercise, tell: bool) -> Option<Vec<String>> {
        let waiting = tell.then(|| Waiting::on(&text!("building your program")));
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
        let hint = self.hint_command(exercise, wish);
        let page = self.page_command(exercise, wish);
        let told = tell.then_some(Told::Once { hint, page });
        let grade = |command| grade(exercise, command, seed, told.as_ref());
        let verdict = command.clone().map_or_else(Verdict::default, grade);
        if let (Some(file), Some(command)) = (&wish.page, &command) {
            self.step_by_step(file, &verdict, command);
        }
        if wish.json {
            say!("{}", verdict.record(exercise).as_json());
        }
        if !verdict.is_good(exercise) {
            return if verdict.is_busy { TOO_BUSY.into() } else { ExitCode::FAILURE };
        }
        self.progress.add_done(exercise.name);
        if tell {
            match next(&self.progress) {
                Some(next) => say!("  {}", self.offer_next(next)),
                None => say!("  {}", text!("That was the last one.")),
            }
        }
        ExitCode::SUCCESS
    }

    /// All exercises with the same seed, so that it can be said once.
    fn grade_all(&mut self, wish: &Wish, records: &mut Vec<Record>) -> ExitCode {
        let seed = wish.seed.unwrap_or_else(new_seed);
        let (mut all_good, mut all_judged, mut by_chance) = (true, true, false);
        for exercise in EXERCISES {
            let waiting = (!wish.json).then(|| Waiting::on(&Words::data(exercise.name)));
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
            say!("\n  {}", text!("The same again: --seed {seed}", seed));
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
