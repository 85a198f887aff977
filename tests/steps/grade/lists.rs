//! An exercise has its own files; every list of exercises is made or checked here.

use std::collections::BTreeSet;
use std::{env, fs};

use regex::Regex;

use super::graders;
use crate::patched::titles;
use crate::support::top;

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).expect(path).replace("\r\n", "\n")
}

/// What the first group of the pattern matches in a text.
fn matches(pattern: &str, text: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).expect("a pattern");
    pattern.captures_iter(text).map(|groups| groups[1].to_owned()).collect()
}

/// The lists that can be made from the tasks are written here: whoever adds an exercise runs this
/// twice. It names every file and line that is still missing.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_lists_name_every_exercise() {
    let tasks = titles(&top().join("examples/your_turn"), ".rs");
    let mut missing = Vec::new();
    let [mut bins, mut modules, mut rows] = [const { String::new() }; 3];
    for task in &tasks {
        let path = format!("examples/your_turn/{task}.rs");
        let title = Regex::new(r"\A//! Your turn, step \d+: (.+)\.\n").expect("a pattern");
        let text = read(&path);
        let title = title.captures(&text).map(|groups| groups[1].replace('`', ""));
        if title.is_none() {
            missing.push(format!("{path}, first line: `//! Your turn, step N: TITLE.`"));
        }
        bins += &format!(
            "\n[[bin]]\nname = {task:?}\npath = \"{task}.rs\"\ntest = false\ndoc = false\n"
        );
        modules += &format!("mod e{task};\n");
        rows += &format!("    {task:?} e{task} {:?}\n", title.unwrap_or_default());
        for path in [
            format!("tools/grade/src/exercises/e{task}.rs"),
            format!("tools/grade/solutions/{task}.rs"),
        ] {
            if !top().join(&path).is_file() {
                missing.push(path);
            }
        }
    }

    let manifest = read("examples/your_turn/Cargo.toml");
    let (by_hand, _) = manifest.split_once("\n[[bin]]\n").expect("a list");
    let list = read("tools/grade/src/exercises.rs");
    let (head, _) = list.split_once("mod e").expect("the modules");
    for (path, text) in [
        ("examples/your_turn/Cargo.toml", format!("{by_hand}{bins}")),
        ("tools/grade/src/exercises.rs", format!("{head}{modules}\nexercises! {{\n{rows}}}\n")),
    ] {
        if read(path) != text {
            let is_written =
                env::var_os("CI").is_none() && fs::write(top().join(path), text).is_ok();
            let written = if is_written { " (written: run this again)" } else { "" };
            missing.push(format!("{path}{written}"));
        }
    }

    let all: BTreeSet<_> = tasks.iter().cloned().collect();
    let mistakes = titles(&graders().join("mistakes"), ".patch");
    let mistakes = mistakes.iter().filter_map(|title| Some(title.split_once('.')?.0.to_owned()));
    let pages = titles(&top().join("book/src"), ".md");
    let pages: String = pages.iter().map(|page| read(&format!("book/src/{page}.md"))).collect();
    for (what, names) in [
        ("tools/grade/mistakes: NAME.SLUG.patch", mistakes.collect()),
        (
            "its chapter in book/src: {{#your_turn NAME // ...}}",
            matches(r"\{\{#your_turn (\w+)", &pages),
        ),
        (
            "book/src/for-teachers.md: its row",
            matches(r"(?m)^\| \[`(\w+)`\]", &read("book/src/for-teachers.md")),
        ),
    ] {
        let differences = all.symmetric_difference(&names);
        missing.extend(differences.map(|name| format!("{name}: {what}")));
    }
    assert!(missing.is_empty(), "missing, wrong, or of no task:\n{}", missing.join("\n"));
}
