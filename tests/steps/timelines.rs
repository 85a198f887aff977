//! What `cargo trace` shows of each example.
//!
//! The files in `examples/timelines` hold it. It needs Linux, strace and a
//! network namespace; where one of them is missing, these tests say so and
//! pass, but not in CI.

use std::process::Command;

use expect_test::expect_file;

use crate::support::{output, program, top};

/// Of these, sizes and order are the kernel's own affair, or that of threads.
const DIFFERS: &[&str] =
    &["10_short_write", "16_clean_stop", "16_one_at_a_time"];

/// One test per lesson, named by it.
macro_rules! lessons {
    ($($test:ident $name:literal)*) => {
        $(
            #[test]
            #[ignore = "takes a while: see CONTRIBUTING.md"]
            fn $test() {
                compare($name, &[program($name)], "");
            }
        )*
    };
}

/// The programs of the chat need each other.
macro_rules! chat {
    ($($name:literal)*) => {};
}

include!("examples.in");

/// These two are part of every run.
#[test]
fn of_a_connection_and_of_datagrams() {
    for name in ["04_accept", "04_accept_udp"] {
        compare(name, &[program(name)], "");
    }
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn chat() {
    let programs = ["07_chat_server", "07_chat_client"];
    compare("07_chat", &programs.map(program), "hello\nquit\n");
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn chat_udp() {
    let programs = ["07_chat_server_udp", "07_chat_client_udp"];
    compare("07_chat_udp", &programs.map(program), "hello\nquit\n");
}

fn compare(name: &str, programs: &[&str], input: &str) {
    let mut arguments = vec![];
    for program in programs {
        if !arguments.is_empty() {
            arguments.push("--with");
        }
        arguments.extend(["--", program]);
    }
    let Some(timeline) = trace(&arguments, input) else { return };
    if DIFFERS.contains(&name) {
        assert!(timeline.contains("\n  call    socket("), "{timeline}");
        return;
    }
    let file = top().join(format!("examples/timelines/{name}.txt"));
    expect_file![file].assert_eq(&timeline);
}

/// Says that a test was not made, and why. In CI it must be.
pub fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("skipped: {why}");
}

/// What `cargo trace` prints; `None`: it cannot work here.
pub fn trace(arguments: &[&str], input: &str) -> Option<String> {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_trace_for_tests"));
    let output = output(tool.args(arguments), input);
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(2) && errors.starts_with("cargo trace ")
    {
        skipped(&errors);
        return None;
    }
    assert!(output.status.success(), "{errors}");
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}
