//! `cargo trace`, while the program runs: what is shown when, what is kept, and what a socket is
//! called.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use super::{connected, python};
use crate::beside::watched;
use crate::machine::{launch, spawn, tool};
use crate::support::{Terminal, regex, within_limit};
use crate::timelines::trace;

fn tool_name() -> &'static str {
    tool("trace").to_str().expect("UTF-8")
}

/// It goes on when the test has seen what it did.
const WAITS: &str = "\
    import socket, sys\n\
    listener = socket.create_server(('127.0.0.1', 0)); print('listens', flush=True)\n\
    listener.getsockname(); client = socket.create_connection(listener.getsockname())\n\
    sys.stdin.readline(); client.close(); print('closed', flush=True)\n\
    sys.stdin.readline()\n";

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn what_led_to_a_line_is_shown_with_the_line() {
    let Some(python) = python() else { return };
    let arguments = ["--wait", "60", "--", python, "-c", WAITS];
    if trace(&["--", "true"], "").is_none() {
        return;
    }
    let mut tool = Terminal::open(launch(tool("trace")).args(arguments));
    tool.wait_for("listens");
    assert!(tool.shown().contains("CLOSED -> LISTEN\nlistens\n"), "{}", tool.shown());
    tool.type_line("go on");
    tool.wait_for("closed");
    assert!(tool.shown().contains(" FIN ACK\n"), "{}", tool.shown());
    tool.type_line("go on");
    let piped = tool.finish();

    // On a terminal, also what has led to no line yet.
    let terminal = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
    let mut tool =
        Terminal::open(launch(python).args(["-c", terminal, tool_name()]).args(arguments));
    tool.wait_for("listens");
    tool.wait_for("CLOSED -> ESTABLISHED");
    tool.type_line("go on");
    tool.wait_for("closed");
    tool.type_line("go on");
    let watched = tool.finish().replace('\r', "");
    // It is the same in the end; but that a terminal shows what is typed.
    assert_eq!(watched.replace("go on\n", ""), piped);
}

/// Asks, sends, prints half a line, and takes its time in between, or not.
const TAKES_TIME: &str = "
def pause(): time.sleep(float(sys.argv[1]))
server.setblocking(False)
def ask():
    try: server.recv(9)
    except BlockingIOError: pass
    pause()
for _ in range(3): ask()
print('half', end=' ', flush=True); pause(); client.send(b'x'); pause(); print('a line')
for _ in range(3): server.send(b'y'); pause()
print('no end', end='', flush=True); pause(); client.close(); pause(); server.close()
";

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn the_text_is_the_same_however_long_it_takes() {
    let Some(python) = python() else { return };
    let program = connected(TAKES_TIME);
    let run = |time| trace(&["--", python, "-c", &program, time], "");
    let (Some(quick), Some(slow)) = (run("0"), run("0.45")) else { return };
    assert_eq!(quick, slow);
    assert!(quick.contains("= EAGAIN\n  ...     3 times in all\n"), "{quick}");
    let (_, end) = quick.split_once("\nhalf a line\n").expect("a line");
    let (sends, closes) = end.split_once("\nno end\n").expect("a line");
    assert!(sends.contains("\"y\"") && closes.contains("close(FD"), "{quick}");
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn of_many_lines_each_is_shown() {
    const LINES: usize = 200_000;
    let Some(python) = python() else { return };
    if trace(&["--", "true"], "").is_none() {
        return;
    }
    // strace and the tool take a step for each piece, not for each line.
    let prints = format!(
        "import os\n\
         for at in range(0, {LINES}, 40):\n    \
             lines = b''.join(b'line %6d %s\\n' % (at + one, b'.' * 88) for one in range(40))\n    \
             while lines: lines = lines[os.write(1, lines):]\n"
    );
    let mut tool = launch(tool("trace"));
    tool.args(["--", python, "-c", &prints]);
    let mut child = spawn(tool.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let mut number = 0;
    for line in output.lines() {
        assert_eq!(line.expect("UTF-8"), format!("line {number:6} {}", ".".repeat(88)));
        number += 1;
    }
    let run = child.wait_with_output().expect("it ends");
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && number == LINES, "{number}: {errors}");
}

/// As in a pipe to `head`: who prints for nobody ends.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn who_prints_for_nobody_ends() {
    if trace(&["--", "true"], "").is_none() {
        return;
    }
    let mut tool = launch(tool("trace"));
    tool.args(["--", "sh", "-c", "while :; do echo line; done"]).stdin(Stdio::null());
    let mut child = spawn(tool.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    output.read_line(&mut line).expect("a line");
    assert_eq!(line, "line\n");
    drop(output);
    let ended = within_limit(|| child.try_wait().expect("a status"));
    let Some(status) = ended else {
        let _ = child.kill();
        unreachable!("it goes on")
    };
    assert_eq!((status.code(), status.signal()), (Some(128 + 15), None));
    let run = child.wait_with_output().expect("it has ended");
    assert_eq!(String::from_utf8_lossy(&run.stderr), "");
}

/// What the calls give that open a socket.
fn opened(timeline: &str) -> Vec<String> {
    let opens = regex(r"  call    (?:.*: )?(?:socket|accept4?)\(.*\) = (FD\S+)\n");
    opens.captures_iter(timeline).map(|parts| parts[1].to_owned()).collect()
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn each_socket_has_one_name() {
    let Some(python) = python() else { return };
    // Thirty that have one number, one after the other.
    let program = "import socket\n\
                   for _ in range(30): one = socket.socket(); print('descriptor', one.fileno()); one.close()";
    let Some(timeline) = trace(&["--all", "--calls", "--", python, "-c", program], "") else {
        return;
    };
    let letters = ('b'..='z').map(|letter| format!("FD1{letter}"));
    let expected: Vec<String> = ["FD1".to_owned()]
        .into_iter()
        .chain(letters)
        .chain((27..=30).map(|number| format!("FD1-{number}")))
        .collect();
    assert_eq!(opened(&timeline), expected, "{timeline}");
    for name in &expected {
        let lines = format!(" = {name}\n");
        let (_, rest) = timeline.split_once(&lines).expect(&lines);
        // The program speaks of the number, which is the same.
        let (calls, rest) = rest.split_once("descriptor ").expect("a line");
        assert!(rest.starts_with("FD1\n"), "{timeline}");
        assert!(!calls.contains(" = FD"), "{timeline}");
        let close = rest.lines().find(|line| line.contains("close("));
        assert_eq!(close, Some(&*format!("  call    close({name}) = 0")), "{timeline}");
    }

    // Parent and child, which both use the number again; and what the child had from its parent.
    let program = connected(
        "child = os.fork()\n\
         if child == 0: client.close()\n\
         else: os.wait(); client.close()\n\
         again = socket.create_connection(at); again.send(b'child' if child == 0 else b'parent')",
    );
    let Some((_, timeline)) = watched(&["--", python, "-c", &program]) else { return };
    let names = opened(&timeline);
    assert_eq!(names, ["FD1", "FD2", "FD3", "FD2b", "FD2c"], "{timeline}");
    for words in
        ["[2]: close(FD2) = 0\n", "[2]: sendto(FD2b, \"child\", ", ": sendto(FD2c, \"parent\", "]
    {
        assert!(timeline.contains(words), "{words}\n{timeline}");
    }

    // Two programs whose sockets have the same numbers. Who has what, they say themselves.
    let server = "import socket\n\
                  listener = socket.create_server(('127.0.0.1', 50000)); print('descriptor', listener.fileno())\n\
                  server, _ = listener.accept(); print('descriptor', server.fileno()); server.recv(9)";
    let client = "import socket\n\
                  client = socket.create_connection(('127.0.0.1', 50000)); print('descriptor', client.fileno())\n\
                  client.send(b'x'); client.close()";
    let both = ["--", python, "-c", server, "--with", "--", python, "-c", client];
    let Some((_, timeline)) = watched(&both) else { return };
    let names = opened(&timeline);
    let different: HashSet<&String> = names.iter().collect();
    assert_eq!((names.len(), different.len()), (3, 3), "{timeline}");
    // The ends of the connection: the same everywhere.
    let label = regex(r"\n([^ ].* \[2\]): descriptor (FD\d)\n");
    let client = label.captures(&timeline).expect("a line");
    let words =
        format!("  call    {}: sendto({}, \"x\", 1, 0, NULL, 0) ...\n", &client[1], &client[2]);
    assert!(timeline.contains(&words), "{words}\n{timeline}");
    assert!(timeline.contains(&format!("  result  {}: sendto = 1\n", &client[1])), "{timeline}");
    let words = format!("  state     {}, PORT1 to 50000: ", &client[2]);
    assert!(timeline.contains(&words), "{words}\n{timeline}");
}

/// The tables drop a connection that the peer has reset. Who has died holds nothing.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_descriptor_that_is_still_open_is_said_to_be() {
    let Some(python) = python() else { return };
    let resets = "import struct; client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))\n\
                  client.close()\n";
    let words = ", PORT1 to PORT2: ESTABLISHED -> CLOSED, descriptor still open\n";
    let holds = "print(os.readlink('/proc/self/fd/%d' % server.fileno())[:8])";
    let program = connected(&format!("{resets}{holds}"));
    let Some((_, timeline)) = watched(&["--", python, "-c", &program]) else { return };
    assert!(timeline.contains(words) && timeline.contains("\nsocket:[\n"), "{timeline}");
    let program = connected("client.send(b'unread'); os.kill(os.getpid(), signal.SIGKILL)");
    let Some((_, timeline)) = watched(&["--", python, "-c", &program]) else { return };
    assert!(timeline.contains(" -> CLOSED") && !timeline.contains("still open"), "{timeline}");
}
