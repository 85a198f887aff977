//! `cargo trace` and programs that use sockets in other ways than the lessons: each packet and each
//! state stands at its call there, too.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use super::{connected, python};
use crate::beside::watched;
use crate::machine::{launch, spawn, tool};
use crate::support::regex;
use crate::timelines::trace;

/// Asserts that each connection begins where it was left.
fn states_follow(timeline: &str) {
    let state = regex(r"^  state     (?:FD\S+, )?(\S+ to \S+): (?:([A-Z0-9-]+) -> )?([A-Z0-9-]+)");
    let mut last: HashMap<String, String> = HashMap::new();
    for line in timeline.lines() {
        let Some(parts) = state.captures(line) else { continue };
        let ends = parts[1].to_owned();
        if let (Some(before), Some(known)) = (parts.get(2), last.get(&ends)) {
            assert_eq!(before.as_str(), known, "{line}\n{timeline}");
        } else if let Some(known) = last.get(&ends) {
            assert_ne!(known, "CLOSED", "{line}\n{timeline}");
        }
        last.insert(ends, parts[3].to_owned());
    }
    assert!(last.len() > 1, "{timeline}");
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn states_of_ipv6_are_those_that_were() {
    let Some(python) = python() else { return };
    for (at, other, dual) in [("::1", "::1", ""), ("", "127.0.0.1", ", dualstack_ipv6=True")] {
        let program = format!(
            "import socket\n\
             listener = socket.create_server(('{at}', 6040), family=socket.AF_INET6{dual})\n\
             client = socket.create_connection(('{other}', 6040)); server, _ = listener.accept()\n\
             for _ in '12': client.send(b'x'); server.recv(9); server.send(b'y'); client.recv(9)\n\
             client.close(); server.close(); listener.close()"
        );
        let Some((_, timeline)) = watched(&["--all", "--", python, "-c", &program]) else { return };
        states_follow(&timeline);
        assert!(!timeline.contains(" -> ESTABLISHED\n  state     FD3"), "{timeline}");
    }
}

/// Who reads what is shown may stop for a while: the program is not to be ended then.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn who_waits_for_a_slow_reader_is_not_ended() {
    let Some(python) = python() else { return };
    if trace(&["--", "true"], "").is_none() {
        return;
    }
    // More than fits into a pipe.
    let program = connected(
        "print('begins')\n\
         for at in range(1500): client.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, at % 7)\n\
         print('ends')",
    );
    let mut tool = launch(tool("trace"));
    tool.args(["--wait", "1", "--all", "--", python, "-c", &program]);
    let mut child = spawn(tool.stdin(Stdio::null()).stdout(Stdio::piped()));
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let mut text = String::new();
    while !text.ends_with("\nbegins\n") {
        assert_ne!(output.read_line(&mut text).expect("UTF-8"), 0, "{text}");
    }
    thread::sleep(Duration::from_secs(3));
    output.read_to_string(&mut text).expect("UTF-8");
    let status = child.wait().expect("it ends");
    assert!(status.success(), "{status}: {}", &text[text.len().saturating_sub(500)..]);
    assert!(text.contains("\nends\n"), "{text}");
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn an_option_that_sends_and_a_socket_as_the_output_have_their_packets() {
    let Some(python) = python() else { return };
    let program = connected(
        "client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)\n\
         client.send(b'a'); client.send(b'b')\n\
         client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)\n\
         print('sent'); server.recv(9)\n\
         os.dup2(client.fileno(), 1); os.write(1, b'printed'); server.recv(9)",
    );
    let Some((_, timeline)) = watched(&["--", python, "-c", &program]) else { return };
    for call in [
        r#"setsockopt\(FD2, SOL_TCP, TCP_CORK, \[0\], 4\) \.\.\.\n  packet    PORT2 -> PORT1  PSH ACK  2 bytes "ab""#,
        r#"write\(FD\d, "printed", 7\) \.\.\.\n  packet    PORT2 -> PORT1  PSH ACK  7 bytes "printed""#,
    ] {
        let call = regex(&format!(r"\n  call    {call}\n"));
        assert!(call.is_match(&timeline), "{timeline}");
    }
}
