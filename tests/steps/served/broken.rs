//! Servers that are broken on purpose, each at its check; and those that `cargo measure` compares
//! the course's servers with.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use super::{CHECKS, MANY, Server, chat, failures, group, wanted};
use crate::machine::{PYTHON, has, launch, side_by_side, succeeds};
use crate::support::top;

/// The servers in tools/measure/servers. (The blocking ones do what 07_first_server does.)
const TWINS: &[Server] = &[
    Server { quits: false, ..chat("blocking.c", 1) },
    Server { quits: false, ..chat("std.rs", 1) },
    chat("epoll.c", MANY),
    // std's own queue has 128 places.
    Server { queue: 128, ..chat("std_threads.rs", MANY) },
    chat("threads.py", MANY),
    chat("asyncio_server.py", MANY),
];

/// A mistake, and the check that is there for it.
const MISTAKES: &[(&str, &str)] = &[
    ("chat decodes_each_receive", "however it is split"),
    ("chat cuts_at_4096", "and glued together"),
    ("chat one_buffer_for_all", "what one says comes once and in order"),
    ("chat remembers_what_was_said", "`quit` in two pieces is not seen"),
    ("chat an_end_is_the_end_of_all", "who ends its direction gets all, and the end"),
    ("chat nobody_leaves_the_queue", "who leaves the queue is passed over"),
    ("chat nobody_breaks_off", "a reset in the middle is one client's end"),
    ("chat the_last_answer_must_arrive", "and so is one after the last word"),
    ("chat sixteen_places", "who says nothing keeps nobody waiting"),
    ("chat waits_for_the_slowest", "nor does who never reads, and says a lot"),
    ("chat forgets_the_rest", "nor does who never reads, and says a lot"),
    ("chat endless_queue", "nor does who never reads, and says a lot"),
    ("chat two_seconds_of_silence", "who reads a byte a second gets all in the end"),
    ("chat listens_for_100", "a crowd before the door is served"),
    ("chat places_for_500", "a thousand are connected, and a hundred talk"),
    ("chat tries_at_once_again", "descriptors run out for a while"),
    ("chat no_reuse_address", "it starts again at once"),
    ("chat always_the_whole_grace", "a stop with nobody there is at once"),
    ("chat no_grace", "a stop waits for conversations, and for nobody else"),
    ("chat forgets_the_queue", "a stop resets nobody in the queue"),
    ("chat waits_for_good", "a stop cuts off who is there after the grace"),
    ("group one_receive_is_a_line", "however it is split"),
    ("group one_line_each_time", "and glued together"),
    ("group leaves_the_fifth_out", "what one says comes once and in order"),
    ("group half_a_line_is_one", "who ends its direction gets all, and the end"),
    ("group leaves_in_silence", "however it is split"),
    ("group nobody_breaks_off", "a reset in the middle is one client's end"),
    ("group waits_for_the_slowest", "nor does who never reads, and says a lot"),
    ("group endless_queue", "nor does who never reads, and says a lot"),
    ("group places_for_170", "200 members hear 20 messages of each"),
    ("group no_reuse_address", "it starts again at once"),
    ("group no_grace", "a stop waits for conversations, and for nobody else"),
];

/// A program that stands elsewhere: what is to be compiled is so once.
pub fn command(name: &str) -> Command {
    // What they complain of is no complaint of the tests.
    let mut run = launch("sh");
    run.args(["-c", "exec \"$@\" 2>/dev/null", "sh"]);
    if let Some(mistake) = name.strip_prefix("broken.py ") {
        let script = top().join("tests/peers/broken.py");
        run.arg(PYTHON).arg(script).args(mistake.split(' '));
        return run;
    }
    let source = top().join("tools/measure/servers").join(name);
    let (stem, kind) = name.split_once('.').expect("an extension");
    if kind == "py" {
        run.arg(PYTHON).arg(source);
        return run;
    }
    static FOLDER: LazyLock<Mutex<tempfile::TempDir>> =
        LazyLock::new(|| tempfile::tempdir().expect("a folder").into());
    let folder = FOLDER.lock().expect("a folder");
    let built: PathBuf = folder.path().join(format!("{stem}_{kind}"));
    if !built.exists() {
        let mut compiler = launch(if kind == "c" { "cc" } else { "rustc" });
        match kind {
            "c" => compiler.args(["-O2", "-Wall", "-Wextra", "-Werror"]),
            _ => compiler.args(["--edition", "2024", "-O", "-D", "warnings"]),
        };
        succeeds(compiler.arg("-o").arg(&built).arg(source));
    }
    run.arg(built);
    run
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn the_twins_pass() {
    if !has(&["cc", PYTHON]) {
        return;
    }
    assert_eq!(failures(TWINS, |_| true, 4), []);
}

/// The server without a mistake passes all of them; and every check has a mistake.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn each_broken_server_fails_at_its_check() {
    if !has(&[PYTHON]) {
        return;
    }
    let server = |mistake: &str, patience| {
        let name: &'static str = Box::leak(format!("broken.py {mistake}").into());
        let one = if mistake.starts_with("chat") { chat(name, MANY) } else { group(name) };
        &*Box::leak(Box::new([Server { stops: true, patience, ..one }]))
    };
    for speaks in ["chat", "group"] {
        let right = server(&format!("{speaks} none"), Duration::from_secs(20));
        assert_eq!(failures(right, |_| true, 4), []);
    }
    let wrong = side_by_side(MISTAKES.to_vec(), 6, |(mistake, at)| {
        let server = &server(mistake, Duration::from_secs(10))[0];
        let mut checks = CHECKS.iter();
        let check = checks.find(|check| check.title == *at).expect("a check");
        assert!((check.asks)(server), "{mistake} is not asked {at:?}");
        assert!(!wanted(server) || server.fails(check), "{mistake} passes {at:?}");
    });
    assert_eq!(wrong, []);
    let untested = CHECKS.iter().map(|check| check.title);
    let untested = untested.filter(|title| MISTAKES.iter().all(|(_, at)| at != title));
    assert_eq!(untested.collect::<Vec<_>>(), Vec::<&str>::new());
}
