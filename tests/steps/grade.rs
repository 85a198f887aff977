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
//! busy loops, and repeats nothing.

mod command_line;
mod elsewhere;
mod lists;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use expect_test::expect_file;

use crate::book::languages::{cargo, succeeds};
use crate::patched::{Program, build_all, patched, side_by_side, titles};
use crate::support::{numbered, output, top};

/// How many are graded at a time: most of them wait.
const AT_A_TIME: usize = 8;

/// One program to grade, and what must come of it.
struct Case {
    /// The name of the mistake's patch, or of the exercise.
    title: String,
    exercise: String,
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

/// What the grader shows, where the book has it.
fn transcript(title: &str) -> PathBuf {
    graders().join(format!("transcripts/{title}.txt"))
}

/// Builds the grader and the exercises; gives the folder of their programs.
fn built() -> PathBuf {
    let mut build = cargo();
    build.current_dir(top()).args(["build", "--locked", "--quiet"]);
    let packages = ["socket-steps-grade", "your-turn"];
    succeeds(build.args(packages.map(|name| format!("--package={name}"))));
    // (This test is in a folder beside them.)
    let here = std::env::current_exe().expect("a path");
    here.ancestors().nth(2).expect("a folder").to_owned()
}

/// The grader, with notes of its own on what is done.
fn grader(programs: &Path, notes: &Path) -> Command {
    let mut grade = Command::new(programs.join("grade"));
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

/// The solutions and the mistakes, built.
fn cases(given: &Path) -> Vec<Case> {
    let (mut sources, mut verdicts) = (Vec::new(), Vec::new());
    let solutions = graders().join("solutions");
    let mistakes = graders().join("mistakes");
    for exercise in titles(&solutions, ".rs") {
        let file = format!("{exercise}.rs");
        let solution = fs::read_to_string(solutions.join(&file));
        let text = solution.expect("a solution");
        let name = exercise.clone();
        sources.push(Program { name, file, text });
        verdicts.push((exercise.clone(), exercise, Verdict::Passes));
    }
    for title in titles(&mistakes, ".patch") {
        let exercise = title.split('.').next().expect("a name");
        let file = format!("{exercise}.rs");
        let solution = fs::read_to_string(solutions.join(&file));
        let path = mistakes.join(format!("{title}.patch"));
        let (header, text) =
            patched(&path, &solution.expect(&title)).expect("the patch of a mistake");
        let word = |key: &str| {
            let mut found = header.iter();
            let found = found.find_map(|line| line.strip_prefix(key));
            found.ok_or(&title).expect(key).to_owned()
        };
        let (check, advice) = (word("check: "), word("advice: "));
        let name = title.replace('.', "-");
        let verdict = Verdict::Fails { check, advice };
        verdicts.push((title.clone(), exercise.to_owned(), verdict));
        sources.push(Program { name, file, text });
    }
    let (programs, told) = build_all("graded", "socket2 = \"*\"\n", &sources);
    assert_eq!(told, "", "a solution or a mistake has warnings");
    let mut cases = Vec::new();
    for (source, verdict) in sources.iter().zip(verdicts) {
        let (title, exercise, verdict) = verdict;
        let program = programs.join(&source.name);
        cases.push(Case { title, exercise, program, verdict });
    }
    for exercise in titles(&solutions, ".rs") {
        let program = given.join(&exercise);
        let (title, verdict) = (exercise.clone(), Verdict::AsGiven);
        cases.push(Case { title, exercise, program, verdict });
    }
    cases
}

/// Grades it, and compares the verdict.
fn is_judged_rightly(case: &Case, round: u32, programs: &Path, notes: &Path) {
    let mut grade = grader(programs, &notes.join(&case.exercise));
    let seed = format!("--seed={round}");
    grade.args([&case.exercise, &seed, "--"]).arg(&case.program);
    let output = output(&mut grade, "");
    let (shown, status) = (text(&output), output.status.code());
    let said = joined(&shown);
    let program = case.program.display();
    match &case.verdict {
        Verdict::Passes => {
            assert_eq!(status, Some(0), "{program}:\n{shown}");
            let end = shown.find("  Next: ").unwrap_or(shown.len());
            expect_file![transcript(&case.title)].assert_eq(&shown[..end]);
        }
        Verdict::AsGiven => {
            assert_eq!(status, Some(1), "{program}:\n{shown}");
            assert!(said.contains("has nothing yet"), "{program}:\n{shown}");
            assert!(!said.contains(" ok "), "{program}:\n{shown}");
        }
        Verdict::Fails { check, advice } => {
            let fails = format!("FAIL {} ", joined(check));
            let right =
                status == Some(1) && said.contains(&fails) && said.contains(advice.as_str());
            assert!(right, "{program} must fail at:\n{check}\nwith: {advice}\n{shown}");
            // (Those that the book shows.)
            let file = transcript(&case.title);
            if file.exists() {
                expect_file![file].assert_eq(&numbered(&shown));
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
            (title.split('.').next().expect("a name").to_owned(), check)
        })
        .collect();
    for exercise in titles(&graders().join("solutions"), ".rs") {
        let shown = fs::read_to_string(transcript(&exercise));
        let shown = shown.expect("what the grader shows");
        let checks = shown.lines().filter_map(|line| line.strip_prefix("  ok"));
        for title in checks.map(str::trim) {
            let there = failing.iter().any(|(of, check)| *of == exercise && check == title);
            assert!(there, "{exercise}: no mistake fails at: {title}");
        }
    }
}

#[test]
#[ignore = "builds a hundred programs"]
fn grade_judges_rightly() {
    let programs = built();
    let notes = tempfile::tempdir().expect("a folder");
    let rounds = std::env::var("ROUNDS").ok();
    let rounds = rounds.map_or(1, |rounds| rounds.parse().expect("a number"));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        if rounds > 1 {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
        }
        for round in 1..=rounds {
            let cases = cases(&programs);
            let (all, start) = (cases.len(), std::time::Instant::now());
            let failed = side_by_side(cases, AT_A_TIME, |case| {
                is_judged_rightly(case, round, &programs, notes.path());
            });
            eprintln!("round {round}: {all} in {:?}", start.elapsed());
            // (Once more, and alone: side by side some programs wait longer
            // for their turn than the grader waits for them. Many rounds are
            // there to find those; nothing is repeated then.)
            let failed = match rounds {
                1 => side_by_side(failed, 1, |case| {
                    eprintln!("once more: {}", case.program.display());
                    is_judged_rightly(case, round, &programs, notes.path());
                }),
                _ => failed,
            };
            let failed: Vec<_> = failed.iter().map(|case| &case.program).collect();
            if !failed.is_empty() {
                stop.store(true, Ordering::Relaxed);
            }
            assert!(failed.is_empty(), "judged wrongly: {failed:#?}");
        }
        stop.store(true, Ordering::Relaxed);
    });
    none_is_left_out();
}
