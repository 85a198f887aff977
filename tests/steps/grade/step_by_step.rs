//! `cargo grade --page`: the check that fails, step by step.

use std::fs;

use tempfile::tempdir;

use super::command_line::outcome;
use super::{grader, joined};
use crate::machine::{has, missing, programs, quiet};
use crate::support::top;
use crate::traced::python;

/// It serves each client once, and what it prints is no HTML.
const ONCE: &str = "\
import socket, sys
host, port = sys.argv[-1].rsplit(':', 1)
server = socket.create_server((host, int(port)))
print('ready', flush=True)
print('</script><b>', flush=True)
while True:
    client, _ = server.accept()
    client.sendall(client.recv(1024))
    client.close()
";

#[test]
#[ignore = "builds the tracer and the solutions"]
fn grade_shows_a_failed_check_step_by_step() {
    let Some(python) = python() else { return };
    if !has(&["strace", "ip"]) {
        return missing("strace or ip");
    }
    let folder = tempdir().expect("a folder");
    let program = folder.path().join("once.py");
    fs::write(&program, ONCE).expect("a file");
    let page = folder.path().join("page.html");
    let mut grade = grader(&folder.path().join("notes"));
    grade.current_dir(top()).args(["05_echo", "--page"]).arg(&page);
    grade.args(["--", python]).arg(&program);
    // It builds both itself, but here it has a minute.
    for package in ["socket-steps-trace", "socket-steps-solutions"] {
        programs(package);
    }
    let _quiet = quiet();
    let (mut status, mut shown, mut errors) = outcome(grade.output());
    // (Beside other tests, all may be too slow for it.)
    let is_slow = |shown: &str| joined(shown).contains("No page. Under the tracer, where all goes");
    for _ in 0..2 {
        if is_slow(&shown) {
            (status, shown, errors) = outcome(grade.output());
        }
    }
    if is_slow(&shown) {
        eprintln!("this machine is too busy for it: {shown}");
        return;
    }
    if shown.contains("No page. Under the tracer, this check cannot be run: cargo trace needs") {
        return missing(&shown);
    }
    assert_eq!(status, 1, "{shown}{errors}");
    assert!(shown.contains("  FAIL  so do more messages, whatever they say"), "{shown}");
    assert!(shown.contains("Step by step: open "), "{shown}{errors}");

    let html = fs::read_to_string(&page).expect("a page");
    for words in [
        "so do more messages, whatever they say",
        r#"socketSteps.record("05_echo""#,
        // What the grader did, and what was wrong.
        "sends 5 bytes: ",
        r#""mark":"The grader expects 5 bytes: "#,
        r#""mark":"Here the grader sees that it is wrong: it got nothing"#,
        // The program's code, and the solution's run beside it.
        "client.sendall(client.recv(1024))",
        r#""of":"05_echo""#,
        r#""covered":true"#,
        r#""part":"#,
    ] {
        assert!(html.contains(words), "{words}");
    }
    assert!(!html.contains("</script><b>"), "what it printed is a part of the page");
}
