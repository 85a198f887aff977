//! What holds for every file: that the set is complete, and how it is written.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::PathBuf;

use crate::support::{assert_snapshot, examples, numbered, snapshot, top};
use crate::transcripts::LESSONS;

/// The files of a folder of the crate with this ending, by name.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
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

/// The two lists of the examples, for cargo and for the tests, are written
/// here: whoever adds an example runs the tests twice.
#[test]
fn the_lists_name_every_example() {
    let [mut bins, mut chat, mut lessons] = [const { String::new() }; 3];
    for (name, _) in files("examples", "rs") {
        bins += &format!(
            "\n[[bin]]\nname = {name:?}\npath = \"../examples/{name}.rs\"\n\
             test = false\ndoc = false\n"
        );
        match name.starts_with("07_chat_") {
            true => chat += &format!("    {name:?}\n"),
            false => lessons += &format!("    step_{name} {name:?}\n"),
        }
    }
    let manifest = top().join("tests/Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("it");
    let manifest = manifest.replace("\r\n", "\n");
    let (by_hand, _) = manifest.split_once("\n[[bin]]").expect("a list");
    let (mut wrong, mut written) = (Vec::new(), Vec::new());
    for (path, wanted) in [
        ("tests/Cargo.toml", format!("{by_hand}{bins}")),
        (
            "tests/steps/examples.in",
            format!("lessons! {{\n{lessons}}}\n\nchat! {{\n{chat}}}\n"),
        ),
    ] {
        let there = fs::read_to_string(top().join(path)).expect(path);
        if there.replace("\r\n", "\n") != wanted {
            wrong.push(path);
            // (A checkout may be read-only.)
            let may = env::var_os("CI").is_none();
            if may && fs::write(top().join(path), wanted).is_ok() {
                written.push(path);
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{wrong:?} did not name what is in examples/. Written anew, to be \
         committed: {written:?}. Then run the tests again."
    );
}

/// What differs on Windows is shown there, beside what it differs from.
#[test]
fn every_transcript_of_windows_differs_from_the_other() {
    for (name, _) in files("examples/transcripts", "snap") {
        let Some(other) = name.strip_suffix("@windows") else { continue };
        let [there, here] = [&name, other].map(snapshot);
        assert_ne!(there, here, "{name}");
        // Elsewhere no test prints this. insta must not take it for left over.
        assert_snapshot(&name, &there);
    }
}

#[test]
fn every_call_of_part_1_has_a_twin() {
    let names: Vec<_> = LESSONS.iter().map(|(name, _)| *name).collect();
    for name in names.iter().filter(|name| **name < "07") {
        let twin = match name.strip_suffix("_udp") {
            Some(tcp) => tcp.to_owned(),
            None => format!("{name}_udp"),
        };
        assert!(names.contains(&twin.as_str()), "{name} without {twin}");
    }
}

#[test]
fn the_library_makes_no_socket_call() {
    for (name, text) in files("src", "rs") {
        assert!(!text.contains("socket2"), "src/{name}.rs");
        for word in ["TcpStream", "TcpListener", "UdpSocket"] {
            assert!(!text.contains(word), "src/{name}.rs: {word}");
        }
    }
}

#[test]
fn an_example_fits_the_class_room() {
    for (name, text) in files("examples", "rs") {
        // Two screens: 40 to 90 lines, and a few more for the chat.
        let length = text.lines().count();
        assert!(length <= 130, "{name}: {length} lines");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
        for word in ["unsafe", ".unwrap()", ".expect(", "sleep", "panic!"] {
            assert!(!text.contains(word), "{name}: {word}");
        }
    }
}

/// The transcripts in the README are real runs: numbered like the others, they
/// are the snapshots.
#[test]
fn the_readme_shows_the_real_transcripts() {
    let readme = fs::read_to_string(top().join("README.md")).expect("it");
    let blocks: Vec<_> =
        readme.split("```console\n$ cargo run -q --example ").collect();
    assert_eq!(blocks.len(), 4, "three transcripts");
    for block in &blocks[1..] {
        let (name, shown) = block.split_once('\n').expect("a command");
        let (shown, _) = shown.split_once("```").expect("an end");
        let name = match name {
            "07_chat_client" => "07_chat_client@terminal",
            other => other,
        };
        assert_eq!(numbered(shown), snapshot(name), "{name}");
    }
}

/// The table in the README names every example, and nothing else.
#[test]
fn the_readme_links_to_every_example() {
    let readme = fs::read_to_string(top().join("README.md")).expect("it");
    let linked: BTreeSet<_> = readme
        .split("](examples/")
        .skip(1)
        .filter_map(|rest| rest.split_once(".rs)"))
        .map(|(name, _)| name)
        .collect();
    let there: BTreeSet<_> = examples().map(|(name, _)| name).collect();
    assert_eq!(linked, there, "left: README.md, right: examples/");
}
