//! Each example with no argument: both ends in one process.
//!
//! The files in `examples/transcripts` hold what they print.

use std::thread;

use crate::machine::{beside_busy_loops, queues, skip};
use crate::support::{compare, families, only_wine_differs, succeeds};

/// One test per lesson, named by it, and the list of all of them.
macro_rules! lessons {
    ($($test:ident $name:literal)*) => {
        pub const LESSONS: &[&str] = &[$($name),*];
        $(
            #[test]
            fn $test() {
                compare_with_transcript($name);
            }
        )*
    };
}

macro_rules! chat {
    ($($name:literal)*) => {
        /// The programs of the chat.
        pub const CHAT: &[&str] = &[$($name),*];
    };
}

// Written by a test in house_rules.rs.
include!("examples.in");

fn compare_with_transcript(name: &str) {
    // Whether it ends is not known there, either.
    let may_not = name.starts_with("27") || name == "20_two_handles";
    if let (true, Some(why)) = (may_not, only_wine_differs(name)) {
        return skip(&format!("{name}: {why}"));
    }
    compare_alone(name, &succeeds(name, &[], ""));
}

/// Compares what an example printed that played both ends.
///
/// How many clients a queue takes is each system's own affair.
pub fn compare_alone(name: &str, transcript: &str) {
    if crate::names::NEED_IPV6.contains(&name) && families().len() < 2 {
        return;
    }
    if name == "14_full_queue" && !cfg!(target_os = "linux") {
        let first = "client 1  connect     connected";
        assert!(transcript.contains(first), "{transcript}");
    } else if name != "14_full_queue" || queues(100) {
        compare(name, transcript);
    }
}

/// Not part of a usual run: `cargo test -- --ignored` (see CONTRIBUTING.md).
#[test]
#[ignore = "takes several seconds"]
fn the_same_transcript_in_16_runs_8_at_once_beside_busy_loops() {
    beside_busy_loops(4, || {
        for name in LESSONS {
            for _ in 0..2 {
                let bad = thread::scope(|scope| {
                    let run = || scope.spawn(|| compare_with_transcript(name));
                    let runs = [(); 8].map(|()| run());
                    runs.into_iter().filter_map(|run| run.join().err()).count()
                });
                assert_eq!(bad, 0, "of 8 runs of {name}");
            }
        }
    });
}
