//! What is typed after `cargo grade`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use lexopt::Arg;

use crate::catalogue::{self, Meant, table};
use crate::exercise::Exercise;
use crate::lang::Lang;
use crate::say::complain;
use crate::words::{Words, join, text};
use crate::{Reader, step_by_step, typed};

const USAGE: &str = include_str!("usage.txt");

/// What `--help` prints. Each paragraph is a text.
pub fn usage() -> String {
    let paragraphs: Vec<_> = USAGE.trim_end().split("\n\n").map(|it| text!(it).spoken()).collect();
    paragraphs.join("\n\n") + "\n"
}

/// What to do, and with which exercise.
#[derive(Default)]
pub struct Wish {
    pub exercise: Option<&'static Exercise>,
    pub command: Option<Vec<String>>,
    pub seed: Option<u64>,
    pub all: bool,
    pub json: bool,
    pub hint: bool,
    pub solution: bool,
    pub task: bool,
    pub watch: bool,
    /// Where the page of the check that fails goes.
    pub page: Option<PathBuf>,
    /// Where the page of a class goes, and what it is made of.
    pub report: Option<PathBuf>,
    pub records: Vec<PathBuf>,
}

impl Reader {
    /// `None`: help is wanted.
    pub fn read_arguments(&self) -> Result<Option<Wish>, Words> {
        let call = self.call();
        let mut wish = Wish::default();
        let mut all: Vec<OsString> = std::env::args_os().skip(1).collect();
        if let Some(dashes) = all.iter().position(|one| one == "--") {
            let command = all.split_off(dashes).into_iter().skip(1);
            let command: Result<Vec<_>, _> = command.map(OsString::into_string).collect();
            let command = command.map_err(|_| text!("the command is not UTF-8"))?;
            if command.is_empty() {
                return Err(text!(
                    "after --, a command: {call} 05_echo -- python3 my_echo.py",
                    call
                ));
            }
            wish.command = Some(command);
        }
        let mut arguments = lexopt::Parser::from_args(all);
        let unknown =
            |words: Words| text!("{words}\n{call} --help says what there is.", words, call);
        while let Some(argument) = arguments.next().map_err(|error| unknown(in_words(error)))? {
            match argument {
                Arg::Long("all") => wish.all = true,
                Arg::Long("json") => wish.json = true,
                Arg::Long("hint") => wish.hint = true,
                Arg::Long("solution") => wish.solution = true,
                Arg::Long("task") => wish.task = true,
                Arg::Long("watch") => wish.watch = true,
                Arg::Long("report") => {
                    let file = arguments.value().map_err(|error| unknown(in_words(error)))?;
                    wish.report = Some(file.into());
                }
                Arg::Long("page") => {
                    let file = arguments.value().map_err(|error| unknown(in_words(error)))?;
                    wish.page = Some(file.into());
                }
                Arg::Value(path) if Path::new(&path).extension() == Some("json".as_ref()) => {
                    wish.records.push(path.into());
                }
                // It was read before all others.
                Arg::Long("lang") => {
                    let name = arguments.value().map_err(|error| unknown(in_words(error)))?;
                    let name = name.to_string_lossy();
                    if Lang::named(&name).is_none() {
                        return Err(unknown(text!(
                            "--lang is en or zh, not {name}",
                            name = name.into_owned()
                        )));
                    }
                }
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                Arg::Value(name) if name == "help" => return Ok(None),
                Arg::Long("seed") => {
                    let seed = arguments.value().ok();
                    let seed = seed.and_then(|seed| seed.to_str()?.parse().ok());
                    wish.seed = Some(seed.ok_or(text!("--seed takes a number: --seed 7"))?);
                }
                // A path is as good: who completes with Tab gets one.
                Arg::Value(name) if wish.exercise.is_none() => {
                    let name = Path::new(&name).file_stem().unwrap_or_default();
                    wish.exercise = Some(self.meant(&name.to_string_lossy())?);
                }
                Arg::Value(word) if is_no_exercise(&word) && wish.command.is_none() => {
                    let name = wish.exercise.map_or("", |exercise| exercise.name);
                    let word = word.to_string_lossy();
                    return Err(text!(
                        "{word}: is that your program? Put -- ahead of its command: {call} \
                         {name} -- {command}",
                        word,
                        call,
                        name,
                        command = typed::as_command(&word)
                    ));
                }
                argument => {
                    let like = match argument {
                        Arg::Long(option) => like(option),
                        _ => None,
                    };
                    let words = in_words(argument.unexpected());
                    return Err(unknown(match like {
                        Some(like) => text!("{words}. Do you mean --{like}?", words, like),
                        None => words,
                    }));
                }
            }
        }
        check_together(&wish).map_err(|words| unknown(words.into()))?;
        let is_text = wish.hint || wish.solution || wish.task;
        let (one, command) = (wish.exercise, wish.command.as_deref());
        let is_graded = wish.all || wish.watch || one.is_some() && !is_text;
        let needs_course = is_graded && command.is_none();
        let name = one.map_or("05_echo", |exercise| exercise.name);
        if needs_course && self.course.is_none() {
            return Err(text!(
                "Here is no examples/your_turn with programs to build: go to your copy of the \
                 course, or say how yours is started: {call} {name} -- python3 \
                 my_program.py\nWhat it is to do: {call} {name} --task",
                call,
                name
            ));
        }
        if is_graded {
            typed::look_at(command.unwrap_or_default(), &format!("{call} {name} --"))?;
        }
        if let Some(file) = &wish.page {
            step_by_step::try_to_write(file, self.course.as_ref())?;
        }
        Ok(Some(wish))
    }

    /// The exercise that is meant by this. If its name is another one, that is said.
    fn meant(&self, typed: &str) -> Result<&'static Exercise, Words> {
        let others = || {
            let (table, call) = (table(&self.progress), self.call());
            let task = text!("(what 05_echo is to do)");
            Words::data(format!("\n\n{table}\n{call} 05_echo --task    {task}"))
        };
        match catalogue::meant(typed) {
            Meant::This(name) => {
                if name != typed {
                    complain!(
                        "{}",
                        text!("{typed}: that is {name}.", typed = typed.to_owned(), name)
                    );
                }
                catalogue::exercise(name).ok_or_else(others)
            }
            Meant::OneOf(names) => {
                let names = join(names.into_iter().map(Words::data).collect(), " or ");
                Err(text!("{typed}: {names}?", typed = typed.to_owned(), names))
            }
            Meant::Like(name) => {
                let others = others();
                Err(text!(
                    "There is no exercise {typed}. Do you mean {name}?{others}",
                    typed = typed.to_owned(),
                    name,
                    others
                ))
            }
            Meant::None => Err(text!(
                "There is no exercise {typed}.{others}",
                typed = typed.to_owned(),
                others = others()
            )),
        }
    }
}

fn is_no_exercise(word: &OsStr) -> bool {
    catalogue::exercise(&word.to_string_lossy()).is_none()
}

const OPTIONS: [&str; 11] =
    ["all", "help", "hint", "json", "lang", "page", "report", "seed", "solution", "task", "watch"];

/// What is wrong with an option.
fn in_words(error: lexopt::Error) -> Words {
    match error {
        lexopt::Error::MissingValue { option: Some(option) } => {
            text!("missing argument for option '{option}'", option)
        }
        lexopt::Error::UnexpectedOption(option) => text!("invalid option '{option}'", option),
        lexopt::Error::UnexpectedArgument(argument) => {
            let argument = format!("{argument:?}");
            text!("unexpected argument {argument}", argument)
        }
        lexopt::Error::UnexpectedValue { option, value } => {
            let value = format!("{value:?}");
            text!("unexpected argument for option '{option}': {value}", option, value)
        }
        error => Words::data(error.to_string()),
    }
}

/// The option that has nearly this name.
fn like(option: &str) -> Option<&'static str> {
    let likeness = |other: &&str| strsim::normalized_damerau_levenshtein(option, other);
    let best = OPTIONS.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    best.filter(|best| likeness(best) > 0.6)
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
        Wish { page: Some(_), all, watch, json, .. }
            if is_text || *all || *watch || *json || !one =>
        {
            Err("--page shows the check of one exercise that fails: --page FILE with a check")
        }
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
