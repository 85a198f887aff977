//! The programs behind the page "The calls in other languages": each makes
//! every call that the page shows, and checks what came of it.
//!
//! Not part of a usual run, as tokio is built for it:
//! `cargo test --test steps -- --ignored book`.

use std::env;
use std::io::ErrorKind;
use std::process::Command;

use crate::support::{output, top};

/// Whether this program can be started here. It is said when not; and where
/// all the checks run, that is a failure.
pub fn is_here(program: &mut Command) -> bool {
    let Err(error) = program.output() else { return true };
    assert_eq!(error.kind(), ErrorKind::NotFound, "{program:?}");
    let all = cfg!(target_os = "linux") && env::var_os("CI").is_some();
    assert!(!all, "{program:?}: {error}");
    eprintln!("skipped: {program:?}: {error}");
    false
}

/// The cargo that runs this test.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a compiler, which may take longer than a lesson may.
pub fn succeeds(compiler: &mut Command) {
    let output = compiler.output().expect("it starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{compiler:?}:\n{errors}");
}

/// Runs a program that must make all of its calls.
fn makes_every_call(language: &str, program: &mut Command) {
    let output = output(program, "");
    let [shown, errors] = [&output.stdout, &output.stderr].map(|o| String::from_utf8_lossy(o));
    let expected = format!("{language}: every call was made");
    assert_eq!((errors.trim(), shown.trim()), ("", &*expected));
    assert!(output.status.success(), "{language}: {}", output.status);
}

#[test]
#[ignore = "all the languages, with those that take long to build"]
fn python() {
    let name = if cfg!(windows) { "python" } else { "python3" };
    if is_here(Command::new(name).arg("--version")) {
        let calls = top().join("examples/languages/calls.py");
        makes_every_call("Python", Command::new(name).arg(calls));
    }
}

/// (In C, Windows has other headers, and other names for some calls.)
#[cfg(unix)]
#[test]
#[ignore = "all the languages, with those that take long to build"]
fn c() {
    use std::os::unix::process::ExitStatusExt as _;

    if !is_here(Command::new("cc").arg("--version")) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("calls");
    succeeds(
        Command::new("cc")
            .args(["-Wall", "-Wextra", "-Werror", "-o"])
            .arg(&program)
            .arg(top().join("examples/languages/calls.c")),
    );
    makes_every_call("C", &mut Command::new(&program));

    // Whoever writes to a peer that has gone is killed, and says nothing.
    const SIGPIPE: i32 = 13;
    let killed = output(Command::new(&program).arg("sigpipe"), "");
    assert_eq!(killed.status.signal(), Some(SIGPIPE), "{killed:?}");
    assert_eq!((killed.stdout, killed.stderr), (vec![], vec![]));
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$0\" sigpipe; echo $?"]).arg(&program);
    assert_eq!(output(&mut shell, "").stdout, b"141\n");
}

/// std, socket2 and tokio, from the package that a plain `cargo test` leaves
/// out.
#[test]
#[ignore = "all the languages, with those that take long to build"]
fn rust() {
    // (Under Wine there is no cargo that these tests could start.)
    if !is_here(cargo().arg("--version")) {
        return;
    }
    const PACKAGE: [&str; 4] = ["--locked", "--quiet", "--package", "socket-steps-languages"];
    succeeds(cargo().current_dir(top()).arg("build").args(PACKAGE));
    for language in ["std", "socket2", "tokio"] {
        let mut run = cargo();
        run.current_dir(top()).arg("run").args(PACKAGE);
        run.args(["--bin", &format!("calls_{language}")]);
        makes_every_call(language, &mut run);
    }
}
