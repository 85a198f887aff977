//! What holds for every file: that the set is complete, and how it is written.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::support::{numbered, top};
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

#[test]
fn every_example_is_tested_and_every_tested_one_exists() {
    let there: BTreeSet<_> =
        files("examples", "rs").into_iter().map(|(name, _)| name).collect();
    let tested: BTreeSet<_> =
        LESSONS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(there, tested, "left: examples/, right: transcripts.rs");
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
        let length = text.lines().count();
        assert!(length <= 110, "{name}: {length} lines");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
        for word in ["unsafe", ".unwrap()", ".expect(", "sleep", "panic!"] {
            assert!(!text.contains(word), "{name}: {word}");
        }
    }
}

/// The transcript in the README is a real run: numbered like the others, it
/// is the snapshot.
#[test]
fn the_readme_shows_the_real_transcript() {
    let readme = fs::read_to_string(top().join("README.md")).expect("it");
    let command = "$ cargo run -q --example 04_accept\n";
    let (_, rest) = readme.split_once(command).expect("the command");
    let (shown, _) = rest.split_once("```").expect("the end of the block");
    let path = top().join("examples/transcripts/04_accept.snap");
    let snapshot = fs::read_to_string(path).expect("the snapshot");
    let mut parts = snapshot.splitn(3, "---\n");
    let transcript = parts.nth(2).expect("what follows the header");
    assert_eq!(numbered(shown), transcript);
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
    let there: BTreeSet<_> =
        LESSONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(linked, there, "left: README.md, right: examples/");
}
