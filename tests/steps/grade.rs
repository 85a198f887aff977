//! `cargo grade` is graded: every solution passes, every file as it is given
//! fails, and every mistake fails where it should, with the advice that fits.
//!
//! A mistake is `tools/grade/mistakes/EXERCISE.NAME.patch`: a diff of the
//! solution, and ahead of it
//!
//! - `check: TITLE`: the check at which it must fail;
//! - `advice: WORDS`: some words of the advice that it must get.
//!
//! Some hundred programs are built for it, so plain `cargo test` leaves it
//! out: `cargo test --test steps -- --ignored grade`. What is judged wrongly is
//! graded once more, alone. With `ROUNDS=20` it does all of it 20 times, beside
//! busy loops, and repeats nothing. With `ONLY=05,12` it grades the programs of
//! these exercises alone.

mod causes;
mod chinese;
mod command_line;
mod elsewhere;
mod lists;
mod solutions;
mod step_by_step;
mod watch;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;

use crate::machine::{beside_busy_loops, command, programs, quiet, side_by_side, tool};
use crate::patched::{Lines, Program, build_all, original, patched, program_name, titles};
use crate::support::{assert_snapshot, numbered, snapshot, snapshot_path, top};

/// How many are graded at a time: most of them wait.
const AT_A_TIME: usize = 20;

/// What a program for an exercise may use.
const NEEDS: &str =
    "mio = { version = \"1.1\", features = [\"net\", \"os-poll\"] }\nsocket2 = \"*\"\n";

/// One program to grade, and what must come of it.
struct Case {
    /// The name of the mistake's patch, or of the exercise.
    title: String,
    program: PathBuf,
    verdict: Verdict,
}

enum Verdict {
    /// All checks pass, and what is shown is as in the book.
    Passes,
    /// The file that the reader gets: it says itself what is missing.
    AsGiven,
    /// It fails at this check, with these words.
    Fails { check: String, advice: String },
}

fn graders() -> PathBuf {
    top().join("tools/grade")
}

/// What the grader shows: in `examples`, where the book has it.
const VERDICTS: &str = "verdicts";

/// The grader, with notes of its own on what is done.
fn grader(notes: &Path) -> Command {
    let mut grade = command(tool("grade"));
    grade.env("GRADE_PROGRESS", notes);
    grade
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Everything on one line.
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The solutions and the mistakes of these exercises, built.
fn cases(only: &[&str]) -> Vec<Case> {
    let titles = |folder: &Path, end| {
        let mut titles = titles(folder, end);
        titles.retain(|title| only.iter().any(|start| title.starts_with(start)));
        titles
    };

    let (mut sources, mut verdicts) = (Vec::new(), Vec::new());
    let solutions = graders().join("solutions");
    let mistakes = graders().join("mistakes");
    let solution = |exercise: &str| {
        fs::read_to_string(solutions.join(format!("{exercise}.rs"))).expect(exercise)
    };
    for title in titles(&solutions, ".rs") {
        sources.push(Program { text: solution(&title), title });
        verdicts.push(Verdict::Passes);
    }
    for title in titles(&mistakes, ".patch") {
        let path = mistakes.join(format!("{title}.patch"));
        let (header, text) = patched(&path, &solution(original(&title))).expect("it fits");
        let word = |key: &str| {
            let value = header.iter().find_map(|line| line.strip_prefix(key));
            value.ok_or(&title).expect(key).to_owned()
        };
        verdicts.push(Verdict::Fails { check: word("check: "), advice: word("advice: ") });
        sources.push(Program { title, text });
    }
    let (folder, told) = build_all("graded", NEEDS, Lines::Unknown, &sources);
    assert_eq!(told, "", "a solution or a mistake has warnings");
    let built = sources.into_iter().zip(verdicts).map(|(source, verdict)| {
        let program = folder.join(program_name(&source.title));
        Case { title: source.title, program, verdict }
    });
    let given = titles(&solutions, ".rs").into_iter().map(|title| {
        let program = PathBuf::from(&programs("your-turn")[&title]);
        Case { title, program, verdict: Verdict::AsGiven }
    });
    built.chain(given).collect()
}

/// Grades it, and compares the verdict.
fn is_judged_rightly(case: &Case, round: u32, notes: &Path) {
    let exercise = original(&case.title);
    let seed = format!("--seed={round}");
    let graded = |language| {
        let mut grade = grader(&notes.join(exercise));
        grade.args([exercise, &seed, "--lang", language, "--"]).arg(&case.program);
        let output = grade.output().expect("it starts");
        (text(&output), output.status.code())
    };
    let (shown, status) = graded("en");
    // For the Chinese edition, where the book shows it.
    let in_chinese = format!("{}.zh", case.title);
    let words = joined(&shown);
    let program = case.program.display();
    match &case.verdict {
        Verdict::Passes => {
            assert_eq!(status, Some(0), "{program}:\n{shown}");
            let end = shown.find("  Next: ").unwrap_or(shown.len());
            assert_snapshot(VERDICTS, &case.title, &shown[..end]);
            let (shown, status) = graded("zh");
            assert_eq!(status, Some(0), "{program}:\n{shown}");
            let end = shown.find("  下一个：").unwrap_or(shown.len());
            assert_snapshot(VERDICTS, &in_chinese, &shown[..end]);
        }
        Verdict::AsGiven => {
            assert_eq!(status, Some(1), "{program}:\n{shown}");
            assert!(words.contains("has nothing yet"), "{program}:\n{shown}");
            assert!(!words.contains(" ok "), "{program}:\n{shown}");
        }
        Verdict::Fails { check, advice } => {
            let fails = format!("FAIL {} ", joined(check));
            let right =
                status == Some(1) && words.contains(&fails) && words.contains(advice.as_str());
            assert!(right, "{program} must fail at:\n{check}\nwith: {advice}\n{shown}");
            // (Those that the book shows.)
            if snapshot_path(VERDICTS, &case.title).exists() {
                for (shown, name) in [(shown, &case.title), (graded("zh").0, &in_chinese)] {
                    // Only where there is a tracer.
                    let is_more =
                        |line: &&str| line.contains("cargo grade ") && line.contains(" --page ");
                    let shown: Vec<&str> = shown.lines().filter(|line| !is_more(line)).collect();
                    let shown = shown.join("\n") + "\n";
                    assert_snapshot(VERDICTS, name, &numbered(&shown));
                }
            }
        }
    }
}

/// Each check of each exercise has a mistake that fails there.
fn none_is_left_out() {
    let mistakes = graders().join("mistakes");
    let failing: Vec<(String, String)> = titles(&mistakes, ".patch")
        .into_iter()
        .map(|title| {
            let path = mistakes.join(format!("{title}.patch"));
            let text = fs::read_to_string(path).expect("a patch");
            let check = text.lines().next().expect("a line");
            let check = check.trim_start_matches("check: ").to_owned();
            (original(&title).to_owned(), check)
        })
        .collect();
    for exercise in titles(&graders().join("solutions"), ".rs") {
        let shown = snapshot(VERDICTS, &exercise);
        let checks = shown.lines().filter_map(|line| line.strip_prefix("  ok"));
        for title in checks.map(str::trim) {
            let has_mistake = failing.iter().any(|(of, check)| *of == exercise && check == title);
            assert!(has_mistake, "{exercise}: no mistake fails at: {title}");
        }
    }
}

#[test]
#[ignore = "builds a hundred programs"]
fn grade_judges_rightly() {
    let notes = tempfile::tempdir().expect("a folder");
    let rounds = std::env::var("ROUNDS").ok();
    let rounds = rounds.map_or(1, |rounds| rounds.parse().expect("a number"));
    let only = std::env::var("ONLY").unwrap_or_default();
    let only: Vec<_> = only.split(',').collect();
    let work = || {
        for round in 1..=rounds {
            // They are built first: that may take its time beside others.
            let cases = cases(&only);
            let _quiet = (rounds == 1).then(quiet);
            let (all, start) = (cases.len(), std::time::Instant::now());
            let failed = side_by_side(cases, AT_A_TIME, |case| {
                is_judged_rightly(case, round, notes.path());
            });
            eprintln!("round {round}: {all} in {:?}", start.elapsed());
            // (Once more, and alone: side by side some programs wait longer
            // for their turn than the grader waits for them. Many rounds are
            // there to find those; nothing is repeated then.)
            let failed = match rounds {
                1 => side_by_side(failed, 1, |case| {
                    eprintln!("once more: {}", case.program.display());
                    is_judged_rightly(case, round, notes.path());
                }),
                _ => failed,
            };
            let failed: Vec<_> = failed.iter().map(|case| &case.program).collect();
            assert!(failed.is_empty(), "judged wrongly: {failed:#?}");
        }
    };
    beside_busy_loops(if rounds > 1 { 2 } else { 0 }, work);
    none_is_left_out();
}
