//! An exercise has its own files; every list of exercises is made or checked here.

use std::collections::BTreeSet;
use std::{env, fs};

use super::{graders, joined};
use crate::patched::titles;
use crate::support::{regex, top};

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).expect(path).replace("\r\n", "\n")
}

/// The lists that can be made from the tasks are written here: whoever adds an exercise runs this
/// twice. It names every file and line that is still missing.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_lists_name_every_exercise() {
    let tasks = titles(&top().join("examples/your_turn"), ".rs");
    let mut missing = Vec::new();
    let [mut bins, mut solutions, mut modules, mut rows, mut lessons] =
        [const { String::new() }; 5];
    let pages = titles(&top().join("book/src"), ".md");
    let pages = pages.iter().map(|page| (page, read(&format!("book/src/{page}.md"))));
    let pages: Vec<_> = pages.collect();
    for task in &tasks {
        let path = format!("examples/your_turn/{task}.rs");
        let text = read(&path);
        let first = text.lines().next().unwrap_or_default();
        let title = first.strip_prefix("//! Your turn, step ").and_then(|it| it.split_once(": "));
        let title = title.and_then(|(_, title)| title.strip_suffix('.'));
        if title.is_none() {
            missing.push(format!("{path}, first line: `//! Your turn, step N: TITLE.`"));
        }
        bins += &format!(
            "\n[[bin]]\nname = {task:?}\npath = \"{task}.rs\"\ntest = false\ndoc = false\n"
        );
        solutions += &format!(
            "\n[[bin]]\nname = \"solution-{task}\"\npath = \"{task}.rs\"\ntest = false\ndoc = false\n"
        );
        modules += &format!("mod e{task};\n");
        let directive = format!("{{{{#your_turn {task} ");
        let page = pages.iter().find(|(_, text)| text.contains(&directive));
        if page.is_none() {
            missing.push(format!("book/src: {directive}// ...}}}} in its chapter"));
        }
        let (page, text) = page.map_or(("", ""), |(page, text)| (page.as_str(), text.as_str()));
        let chapter = text.lines().next().unwrap_or_default().trim_start_matches("# ");
        rows += &format!(
            "    {task:?} e{task} {:?} {chapter:?}\n",
            title.unwrap_or_default().replace('`', "")
        );
        let checks = format!("tools/grade/src/exercises/e{task}.rs");
        let head = fs::read_to_string(top().join(&checks)).unwrap_or_default();
        let row = ["Calls", "Idea", "Usual mistake"].map(|key| {
            let start = format!("//! {key}: ");
            let words = head.lines().find_map(|line| line.strip_prefix(&start)?.strip_suffix('.'));
            if words.is_none() {
                missing.push(format!("{checks}: `//! {key}: ... .`"));
            }
            words.unwrap_or_default()
        });
        lessons += &format!("| [`{task}`]({page}.md#your-turn) | {} |\n", row.join(" | "));
        let solution = format!("tools/grade/solutions/{task}.rs");
        if !top().join(&solution).is_file() {
            missing.push(solution);
        }
    }

    let manifest = read("examples/your_turn/Cargo.toml");
    let (by_hand, _) = manifest.split_once("\n[[bin]]\n").expect("a list");
    let solved = read("tools/grade/solutions/Cargo.toml");
    let (of_solutions, _) = solved.split_once("\n[[bin]]\n").expect("a list");
    let list = read("tools/grade/src/exercises.rs");
    let (head, _) = list.split_once("mod e").expect("the modules");
    // In the order of the book: a step may have several pages.
    let summary = read("book/src/SUMMARY.md");
    let place = |page: &str| summary.find(&format!("({page}.md)"));
    let mut chapters: Vec<_> = pages.iter().map(|(page, text)| (place(page), text)).collect();
    chapters.sort();
    let chapters = chapters.iter().filter_map(|(_, text)| {
        let title = text.lines().next()?.strip_prefix("# ")?;
        let (number, _) = title.strip_prefix("Step ")?.split_once(':')?;
        Some(format!("    ({number}, {title:?}),\n"))
    });
    let chapters = format!(
        "/// The chapters of the steps, with their numbers.\n\
         pub const CHAPTERS: &[(usize, &str)] = &[\n{}];\n",
        chapters.collect::<String>()
    );
    let teachers = read("book/src/for-teachers.md");
    let (before, rest) = teachers.split_once("| [`").expect("a table");
    let (_, after) = rest.split_once("\n\n").expect("its end");
    for (path, text) in [
        ("examples/your_turn/Cargo.toml", format!("{by_hand}{bins}")),
        ("tools/grade/solutions/Cargo.toml", format!("{of_solutions}{solutions}")),
        (
            "tools/grade/src/exercises.rs",
            format!("{head}{modules}\nexercises! {{\n{rows}}}\n\n{chapters}"),
        ),
        ("book/src/for-teachers.md", format!("{before}{lessons}\n{after}")),
    ] {
        if read(path) != text {
            let is_written =
                env::var_os("CI").is_none() && fs::write(top().join(path), text).is_ok();
            let written = if is_written { " (written: run this again)" } else { "" };
            missing.push(format!("{path}{written}"));
        }
    }

    let all: BTreeSet<_> = tasks.iter().map(String::as_str).collect();
    let mistakes = titles(&graders().join("mistakes"), ".patch");
    let mistakes = mistakes.iter().filter_map(|title| Some(title.split_once('.')?.0)).collect();
    let differences = all.symmetric_difference(&mistakes);
    missing.extend(differences.map(|name| format!("tools/grade/mistakes/{name}.SLUG.patch")));
    assert!(missing.is_empty(), "missing, or of no task:\n{}", missing.join("\n"));
}

/// What is asked was taught: no message of a check names a later step than that of its exercise,
/// but for those that all servers have. The task fits a terminal.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_asks_for_what_was_taught() {
    let named = regex(r"\bsteps? (\d+)(?: and (\d+))?");
    for task in titles(&top().join("examples/your_turn"), ".rs") {
        let own: u32 = task.split('_').next().expect("a step").parse().expect("a number");
        // A text goes on in the next line of the file.
        let checks = read(&format!("tools/grade/src/exercises/e{task}.rs"));
        let checks = joined(&checks.replace("\\\n", ""));
        for found in named.captures_iter(&checks) {
            let steps = found.iter().skip(1).flatten();
            let latest = steps.filter_map(|step| step.as_str().parse().ok()).max();
            assert!(latest <= Some(own), "{task}: {}", &found[0]);
        }
        let text = read(&format!("examples/your_turn/{task}.rs"));
        let long: Vec<_> = text.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{task}: more than 80 columns:\n{}", long.join("\n"));
    }
}
