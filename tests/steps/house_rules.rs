//! What holds for every file: that the set is complete, and how it is written.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::PathBuf;

use crate::machine::{cargo, cargo_starts, succeeds};
use crate::support::{
    TRANSCRIPTS, assert_snapshot, examples, numbered, regex, snapshot, snapshot_path, source, top,
};
use crate::transcripts::LESSONS;

/// The files of a folder of the crate with this ending, by name.
pub fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(top().join(folder)).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .map(|path: PathBuf| {
            let name = path.file_stem().expect("a name");
            let text = fs::read_to_string(&path).expect("UTF-8");
            (name.to_string_lossy().into_owned(), text)
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "nothing in {folder}");
    files
}

/// The lists of the examples are written here: whoever adds one, or takes one out, runs the tests
/// twice.
#[test]
fn the_list_names_every_example() {
    let [mut chat, mut lessons, mut ours, mut theirs] = [const { String::new() }; 4];
    for (name, text) in files("examples", "rs") {
        match name.starts_with("07_chat_") {
            true => chat += &format!("    {name:?}\n"),
            false => lessons += &format!("    step_{name} {name:?}\n"),
        }
        match needs_more(&text) {
            true => theirs += &format!("\n[[example]]\nname = {name:?}\npath = \"../{name}.rs\"\n"),
            false => ours += &format!("\n[[example]]\nname = {name:?}\n"),
        }
    }
    let read = |path: &str| {
        let text = fs::read_to_string(top().join(path)).expect(path);
        text.replace("\r\n", "\n")
    };
    let before = |path: &str| {
        let text = read(path);
        text.split("\n[[example]]\n").next().expect("a manifest").to_owned()
    };
    let manifests = ["Cargo.toml", "examples/many_clients/Cargo.toml"];
    let mut differ = vec![];
    for (path, wanted) in [
        (manifests[0], before(manifests[0]) + &ours),
        (manifests[1], before(manifests[1]) + &theirs),
        ("tests/steps/examples.in", format!("lessons! {{\n{lessons}}}\n\nchat! {{\n{chat}}}\n")),
    ] {
        if read(path) != wanted {
            // A checkout may be read-only.
            let written =
                env::var_os("CI").is_none() && fs::write(top().join(path), wanted).is_ok();
            let then = if written { " does now: run the tests again, and commit it" } else { "" };
            differ.push(format!("{path}{then}"));
        }
    }
    assert!(differ.is_empty(), "these did not name what is in examples/: {differ:?}");
}

/// Whether an example of Part 4 needs a package beside socket2.
fn needs_more(text: &str) -> bool {
    let more = ["mio::", "rustix::", "tokio::"];
    code(text).any(|line| more.iter().any(|name| line.contains(name)))
}

/// The other end of such an example is the reader, whom a test plays.
#[test]
fn who_invites_a_peer_is_tested_with_one() {
    for name in LESSONS {
        // Those of steps 7, 16 and 25 to 27 have tests of their own, with several.
        let special = ["07", "16", "25", "26", "27"].contains(&&name[..2]);
        let tested = snapshot_path(TRANSCRIPTS, &format!("{name}@two_terminals")).exists();
        let invites = source(name).contains("invite(");
        assert!(tested || special || !invites, "{name}: no test in two_terminals.rs");
    }
}

/// What differs on Windows is shown there, beside what it differs from.
#[test]
fn every_transcript_of_windows_differs_from_the_other() {
    for (name, _) in files("examples/transcripts", "snap") {
        let Some(other) = name.strip_suffix("@windows") else { continue };
        let [windows, other] = [&name, other].map(|name| snapshot(TRANSCRIPTS, name));
        assert_ne!(windows, other, "{name}");
        // Elsewhere no test prints this. insta must not take it for left over.
        assert_snapshot(TRANSCRIPTS, &name, &windows);
    }
}

#[test]
fn every_call_of_part_1_has_a_twin() {
    for name in LESSONS.iter().filter(|name| **name < "07") {
        let twin = match name.strip_suffix("_udp") {
            Some(tcp) => tcp.to_owned(),
            None => format!("{name}_udp"),
        };
        assert!(LESSONS.contains(&twin.as_str()), "{name} without {twin}");
    }
}

/// It neither makes a socket call nor reads or writes a connection. Its own
/// streams are the three that every program has.
#[test]
fn the_library_makes_no_socket_call() {
    const OTHERS: [&str; 8] = [
        "socket2",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "impl Read",
        "impl Write",
        "dyn Read",
        "dyn Write",
    ];
    for (name, text) in files("src", "rs") {
        for word in OTHERS {
            assert!(!text.contains(word), "src/{name}.rs: {word}");
        }
    }
}

/// In this order each module of the library knows only those before it.
#[test]
fn no_arrow_runs_back_up_in_the_library() {
    const ORDER: [&str; 9] =
        ["words", "quote", "chinese", "lang", "transcript", "failure", "chat", "arguments", "lib"];
    let modules = files("src", "rs");
    assert_eq!(modules.len(), ORDER.len());
    for (name, text) in modules {
        let place = ORDER.iter().position(|module| *module == name);
        for above in &ORDER[place.expect(&name)..] {
            assert!(!text.contains(&format!("crate::{above}")), "{name} knows {above}");
        }
    }
}

/// A first `cargo run --example` compiles libc with the features of all default members.
/// "extra_traits", which nix asks for, would double the time.
#[test]
fn the_tests_do_not_slow_down_the_first_run() {
    if !cargo_starts() {
        return;
    }
    let mut cargo = cargo();
    cargo.args(["tree", "--offline", "--locked", "--edges", "features", "--invert", "libc"]);
    let features = succeeds(cargo.current_dir(top()));
    let features = String::from_utf8_lossy(&features);
    assert!(features.contains("libc feature"), "{features}");
    assert!(!features.contains("extra_traits"), "{features}");
}

/// The lines of a text that are neither blank nor comment.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with("//"))
}

#[test]
fn an_example_fits_the_class_room() {
    for (name, text) in files("examples", "rs") {
        let most = match &name[..2] {
            "15" | "28" => 135,
            "16" | "25" | "26" => 195,
            // A protocol of several, and both ends of it.
            "27" => 333,
            _ => 110,
        };
        let length = code(&text).count();
        assert!(length <= most, "{name}: {length} lines of code");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
        for word in [
            "unsafe",
            ".unwrap()",
            ".expect(",
            "panic!",
            // A sleep says that it is one, and nothing spins.
            "park",
            "spin",
            "yield_now",
        ] {
            assert!(!text.contains(word), "{name}: {word}");
        }
    }
}

/// The first server is small: all of it below `main`.
#[test]
fn the_first_server_is_short() {
    for name in ["07_first_server", "07_first_server_udp"] {
        let text = source(name);
        let (_, below) = text.split_once("\nfn main").expect("a main");
        let (_, below) = below.split_once("\n}\n").expect("its end");
        let length = code(below).count();
        assert!(length <= 45, "{name}: {length} lines of code");
    }
}

/// Nothing stands between the reader and the call: of the lines of code, at most 22 in a hundred
/// serve the transcript and the errors, and 3 the errors alone.
#[test]
fn most_lines_are_the_lesson() {
    const EXTRA: [&str; 9] = [
        "say(",
        "invite(",
        "in_words",
        "answer(",
        ".at(",
        "ok_or(",
        "include_str!",
        "socket_steps",
        "wait_for_enter",
    ];
    let [mut all, mut extra, mut errors] = [0; 3];
    for (_, text) in files("examples", "rs") {
        for line in code(&text) {
            let has = |words: &[&str]| usize::from(words.iter().any(|word| line.contains(word)));
            all += 1;
            extra += has(&EXTRA);
            errors += has(&[".at(", "ok_or("]);
        }
    }
    assert!(extra * 100 <= all * 22, "{extra} of {all} lines");
    assert!(errors * 100 <= all * 3, "{errors} of {all} lines");
}

/// The course's figure. 13 and 14 need small queues, those for many clients a large one.
#[test]
fn a_listener_has_a_backlog_of_100() {
    for (name, text) in files("examples", "rs") {
        let special = ["13", "14", "16", "17", "25", "26", "27"].contains(&&name[..2]);
        if text.contains(".listen(") && !special {
            let named =
                text.contains(".listen(BACKLOG)") && text.contains("const BACKLOG: i32 = 100;");
            let plain = text.matches(".listen(").count() == text.matches(".listen(100)").count();
            assert!(named || plain, "{name}");
        }
    }
}

/// What the group of this pattern matches in a text.
fn words(text: &str, pattern: &str) -> BTreeSet<String> {
    regex(pattern).captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// What the examples take from the library is what the README lists, and all
/// that the library gives.
#[test]
fn the_readme_names_what_is_not_in_an_example() {
    let readme = readme();
    let table = &readme[readme.find("\n| `run`").expect("the first of them") + 1..];
    let rows = table.lines().take_while(|line| !line.is_empty());
    let cells: String = rows.filter_map(|row| row.split('|').nth(1)).collect();
    let library = fs::read_to_string(top().join("src/lib.rs")).expect("it");
    let lists = words(&library, r"pub use [^{]*\{([^}]*)\}");
    let mut given: BTreeSet<_> = lists.iter().flat_map(|list| words(list, r"(\w+)")).collect();
    given.insert("chat".to_owned());
    let named = words(&cells, r"`(\w+)[^`]*`");
    assert_eq!(named, given, "left: README.md, right: src/lib.rs");
}

/// The transcripts in the README are real runs: numbered like the others, they are the snapshots.
#[test]
fn the_readme_shows_the_real_transcripts() {
    let readme = readme();
    let blocks: Vec<_> = readme.split("```console\n$ cargo run -q --example ").collect();
    assert_eq!(blocks.len(), 4, "three transcripts");
    for block in &blocks[1..] {
        let (command, shown) = block.split_once('\n').expect("one");
        let (shown, _) = shown.split_once("```").expect("an end");
        let name = match command {
            "07_chat_client" => "07_chat_client@terminal",
            other => other,
        };
        assert_eq!(numbered(shown), snapshot(TRANSCRIPTS, name), "{name}");
    }
}

/// The English one. (Whether the Chinese one follows is in `book/chinese.py`.)
fn readme() -> String {
    fs::read_to_string(top().join("README.md")).expect("README.md")
}

/// The table in the README names every example, and nothing else.
#[test]
fn the_readme_links_to_every_example() {
    let names: BTreeSet<_> = examples().map(str::to_owned).collect();
    let linked = words(&readme(), r"\]\(examples/([^)]*)\.rs\)");
    let differ: Vec<_> = linked.symmetric_difference(&names).collect();
    assert!(differ.is_empty(), "only in README.md, or only in examples/: {differ:?}");
}
