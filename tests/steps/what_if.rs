//! "What if": the changes of "Break it" that end by themselves, as `cargo
//! trace` shows them.
//!
//! `examples/timelines/EXAMPLE.CHANGE.snap` is the record of one; the book's
//! player shows it beside that of the example itself. It needs what the
//! timelines need.

use std::collections::BTreeSet;
use std::env;
use std::sync::LazyLock;

use crate::book::changes::{Change, all};
use crate::machine::{beside_busy_loops, program, side_by_side};
use crate::names::is_as_recorded;
use crate::patched::titles;
use crate::support::{assert_snapshot, snapshot, snapshot_path, source, top};
use crate::timelines::{AGAIN, ALONE, DIFFERS, code_in, fits, settled_as, trace};

/// How many run at a time: some of them wait for seconds.
const AT_A_TIME: usize = 4;

/// They end, but are not recorded.
const LEFT_OUT: [(&str, &str); 5] = [
    ("07_chat_server.silent_server", "its client waits for half a minute"),
    (
        "14_full_queue.nobody_accepts",
        "a SYN is sent again while a hundred others connect: when, differs",
    ),
    ("26_async_server.no_bound", "a client waits for ten seconds"),
    ("26_async_server.blocking_listener", "what a panic prints differs from one Rust to the next"),
    ("15_lost_datagrams_udp.stranger", "two threads send at the same time"),
];

/// Why there is no record of it.
fn why_not(change: &Change) -> Option<&'static str> {
    if change.says("it waits") || change.says("it goes on") {
        return Some("it does not end by itself");
    }
    if change.argument("type: ").is_some() {
        return Some("its client is no program of the course");
    }
    if DIFFERS.contains(&&*change.example) {
        return Some("the example has no record either");
    }
    LEFT_OUT.iter().find(|(title, _)| *title == change.title).map(|(_, why)| *why)
}

/// What `cargo trace` shows of it; `None`: it cannot work here.
fn record(change: &Change) -> Option<String> {
    let program_path = change.program();
    let path = program_path.to_str().expect("UTF-8");
    let mut arguments = vec!["--", path];
    // 5,000 datagrams: with the stack of each call, such a run takes most of a minute.
    if change.example != "15_lost_datagrams_udp" {
        arguments.insert(0, "--code");
    }
    // In the network that the tracer makes nobody is at this port.
    let given = change.argument("with: ").unwrap_or_default().replace("CLOSED", "8090");
    arguments.extend(given.split_whitespace());
    let is_chat = change.says("a client");
    if is_chat {
        arguments.extend(["--with", "--", program("07_chat_client")]);
    }
    let input = if is_chat { "hello\nquit\n" } else { "" };
    let timeline = trace(&arguments, input)?;
    // The program is another one, but it has the example's name.
    let name = program_path.file_name().expect("a name").to_str().expect("UTF-8");
    let timeline = timeline.replace(name, &change.example);
    Some(settled_as(&change.example, timeline))
}

fn compare(change: &Change) {
    if !is_as_recorded(&change.example) {
        return;
    }
    let Some(mut shown) = record(change) else { return };
    // As for the example itself: once more.
    let path = snapshot_path("timelines", &change.title);
    for _ in 0..4 {
        if !AGAIN.contains(&&*change.example)
            || !path.exists()
            || shown == snapshot("timelines", &change.title)
        {
            break;
        }
        shown = record(change).expect("as the first time");
    }
    assert_snapshot("timelines", &change.title, &shown);
}

static RECORDED: LazyLock<Vec<Change>> = LazyLock::new(|| {
    let changes = all().into_iter().filter(|change| why_not(change).is_none());
    changes.collect()
});

/// Quick, so that plain `cargo test` tells who adds a change.
#[test]
fn every_change_is_recorded_or_left_out() {
    let (left_out, recorded): (Vec<_>, Vec<_>) =
        all().into_iter().partition(|change| why_not(change).is_some());
    assert!(recorded.len() > 30, "only {}", recorded.len());
    let recorded: BTreeSet<_> = recorded.into_iter().map(|change| change.title).collect();
    let mut found = titles(&top().join("examples/timelines"), ".snap");
    found.retain(|title| title.contains('.'));
    let odd: Vec<_> =
        recorded.symmetric_difference(&found.into_iter().collect()).cloned().collect();
    assert!(odd.is_empty(), "a change without a record, or the other way round: {odd:?}");
    for (title, why) in LEFT_OUT {
        let change = left_out.iter().find(|change| change.title == title).expect(title);
        assert_eq!(why_not(change), Some(why), "{title} needs no line of its own");
    }
}

/// As those of the examples are: each call is at a line of the changed program that makes it.
#[test]
fn each_call_of_a_change_is_at_its_line_of_code() {
    let mut calls = 0;
    for change in RECORDED.iter() {
        for (file, number, call) in code_in(&snapshot("timelines", &change.title)) {
            let name = file.strip_suffix(".rs").expect("Rust");
            let code = if name == change.example { change.text.clone() } else { source(name) };
            let line = code.lines().nth(number - 1).expect("as many lines");
            // (What has gone wrong is printed by what runs the lesson.)
            let is_error = call == "prints" && line.contains(", lesson");
            let title = &change.title;
            assert!(is_error || fits(&call, line), "{title}: {call} is at {file}:{number}: {line}");
            calls += 1;
        }
    }
    assert!(calls > 1000, "only {calls}");
}

/// `ROUNDS=10` for 10 of them, beside busy loops.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn what_if() {
    let rounds = env::var("ROUNDS").map_or(1, |rounds| rounds.parse().expect("a number"));
    let all = || {
        let all: Vec<_> = (0..rounds).flat_map(|_| RECORDED.iter()).collect();
        let failed = side_by_side(all, AT_A_TIME, |change| compare(change));
        let failed: Vec<_> = failed.iter().map(|change| &change.title).collect();
        assert!(failed.is_empty(), "not as these say: {failed:?}");
    };
    if rounds == 1 {
        let _together = ALONE.read();
        return all();
    }
    let _alone = ALONE.write();
    beside_busy_loops(2, all);
}
