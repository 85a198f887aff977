//! The programs behind the page "The calls in other languages": each makes
//! every call that the page shows, and checks what came of it.
//!
//! Not part of a usual run, as tokio is built for it: `cargo test --test steps -- --ignored book`.

use crate::machine::{PYTHON, cargo_starts, command, has, programs};
use crate::support::top;

/// Runs a program that must make all of its calls.
fn makes_every_call(language: &str, program: &mut assert_cmd::Command) {
    let run = program.assert().success().stderr("");
    let shown = String::from_utf8_lossy(&run.get_output().stdout);
    assert_eq!(shown.trim_end(), format!("{language}: every call was made"));
}

#[test]
#[ignore = "all the languages, with those that take long to build"]
fn python() {
    if has(&[PYTHON]) {
        let calls = top().join("examples/languages/calls.py");
        makes_every_call("Python", command(PYTHON).arg(calls));
    }
}

/// In C, Windows has other headers, and other names for some calls.
#[cfg(unix)]
#[test]
#[ignore = "all the languages, with those that take long to build"]
fn c() {
    use std::os::unix::process::ExitStatusExt as _;

    if !has(&["cc"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("calls");
    let mut compiler = command("cc");
    compiler.args(["-Wall", "-Wextra", "-Werror", "-o"]).arg(&program);
    compiler.arg(top().join("examples/languages/calls.c")).assert().success();
    makes_every_call("C", &mut command(&program));

    // Whoever writes to a peer that has gone is killed, and says nothing.
    const SIGPIPE: i32 = 13;
    let killed = command(&program).arg("sigpipe").output().expect("it starts");
    assert_eq!(killed.status.signal(), Some(SIGPIPE), "{killed:?}");
    assert_eq!((killed.stdout, killed.stderr), (vec![], vec![]));
    let mut shell = command("sh");
    shell.args(["-c", "\"$0\" sigpipe; echo $?"]).arg(&program).assert().stdout("141\n");
}

/// std, socket2 and tokio, from the package that a plain `cargo test` leaves out.
#[test]
#[ignore = "all the languages, with those that take long to build"]
fn rust() {
    if !cargo_starts() {
        return;
    }
    let programs = programs("socket-steps-languages");
    for language in ["std", "socket2", "tokio"] {
        makes_every_call(language, &mut command(&programs[&format!("calls_{language}")]));
    }
}
