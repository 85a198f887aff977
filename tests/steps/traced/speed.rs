//! `cargo trace` is as quick with many connections as with few, and about as quick as strace.
//!
//! Time on a machine that does other things, too, says little. What is compared is the time that
//! processors worked, of two runs, one after the other.

use super::python;
use crate::machine::{command, missing, tool};

/// Runs a command, and tells how many seconds the processors worked for it, and how many
/// kilobytes its largest process had.
const MEASURED: &str = "
import resource, subprocess, sys
run = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(run.returncode)
";

/// The two numbers; `None`: it cannot be done here.
fn measured(python: &str, run: &[&str]) -> Option<(f64, f64)> {
    let run = command(python).args(["-c", MEASURED]).args(run).output().expect("it starts");
    let errors = String::from_utf8_lossy(&run.stderr);
    if errors.contains(" needs ") || errors.contains("not permitted") {
        missing(&errors);
        return None;
    }
    assert!(run.status.success(), "{errors}");
    let text = String::from_utf8_lossy(&run.stdout);
    let (time, memory) = text.trim().split_once(' ').expect(&text);
    Some((time.parse().expect("seconds"), memory.parse().expect("kilobytes")))
}

/// The same for `cargo trace`.
fn traced(python: &str, program: &str, argument: &str) -> Option<(f64, f64)> {
    let tool = tool("trace").to_str().expect("UTF-8");
    measured(python, &[tool, "--all", "--", python, "-c", program, argument])
}

/// Connections that are all open at the same time, and are closed one after the other.
const CONNECTIONS: &str = "
import socket, sys
listener = socket.create_server(('127.0.0.1', 0)); at = listener.getsockname()
def connect(): return socket.create_connection(at), listener.accept()[0]
for client, server in [connect() for _ in range(int(sys.argv[1]))]:
    client.close(); server.recv(1); server.close()
";

/// What else the machine does at that time counts, too: one of three times is enough. `None`: it
/// cannot be done here.
fn in_one_of_three(attempt: impl Fn() -> Option<Result<(), String>>) {
    let mut said = vec![];
    while said.len() < 3 {
        match attempt() {
            Some(Err(words)) => said.push(words),
            _ => return,
        }
    }
    assert!(said.is_empty(), "{said:?}");
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_call_takes_no_longer_where_many_connections_are_open() {
    let Some(python) = python() else { return };
    let time = |number: &str| traced(python, CONNECTIONS, number).map(|(time, _)| time);
    in_one_of_three(|| {
        let (none, few, many) = (time("0")?, time("100")?, time("500")?);
        // 5 times as much, when all are looked at after each call.
        let (few, many) = ((few - none) / 100.0, (many - none) / 500.0);
        let holds = many < 2.5 * few;
        Some(holds.then_some(()).ok_or(format!("{many} s for each of many, {few} s of few")))
    });
}

const TO_AND_FRO: &str = "
import socket, sys
listener = socket.create_server(('127.0.0.1', 0))
client = socket.create_connection(listener.getsockname()); server, _ = listener.accept()
for _ in range(int(sys.argv[1])):
    client.sendall(b'ping'); server.recv(9); server.sendall(b'pong'); client.recv(9)
";

/// The work of strace is the least that there is to do.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn it_takes_a_few_times_what_strace_takes() {
    let Some(python) = python() else { return };
    let strace = |number: &str| {
        let alone = ["strace", "-f", "-q", "-y", "--seccomp-bpf", "-e", "trace=%network", "-o"];
        let all = [&alone[..], &["/dev/null", python, "-c", TO_AND_FRO, number]].concat();
        measured(python, &all).map(|(time, _)| time)
    };
    let tool = |number: &str| traced(python, TO_AND_FRO, number).map(|(time, _)| time);
    in_one_of_three(|| {
        // What it takes to start is not counted.
        let least = strace("2000")? - strace("0")?;
        let own = tool("2000")? - tool("0")?;
        let holds = own < 8.0 * least;
        Some(holds.then_some(()).ok_or(format!("{own} s, strace alone {least} s")))
    });
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn what_was_shown_is_not_kept() {
    let Some(python) = python() else { return };
    // 20 MB, in short lines and in long ones. Of the tool, strace and the program, the largest counts.
    for (times, length) in [(40, 99), (1, 9999)] {
        let program = format!(
            "import os, sys\n\
             for _ in range(int(sys.argv[1])):\n    \
                 lines = (b'x' * {length} + b'\\n') * {times}\n    \
                 while lines: lines = lines[os.write(1, lines):]\n"
        );
        let pieces = 20_000_000 / (times * (length + 1));
        let memory = |pieces: usize| Some(traced(python, &program, &pieces.to_string())?.1);
        let (Some(few), Some(many)) = (memory(pieces / 100), memory(pieces)) else { return };
        assert!(many < few + 4_000.0, "{length}: {many} kB, {few} for a hundredth of the lines");
    }
}
