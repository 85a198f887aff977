//! `cargo trace` and programs that use sockets in other ways than the lessons: each packet and each
//! state stands at its call there, too.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use tempfile::tempdir;

use super::{connected, python};
use crate::beside::watched;
use crate::machine::{has, launch, spawn, succeeds, tool};
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

/// Compiles a program in C, with what most of these need in front. `None`: there is no compiler.
fn compiled(folder: &Path, name: &str, program: &str) -> Option<String> {
    const HEADER: &str = r"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <arpa/inet.h>
static struct sockaddr_in at = { .sin_family = AF_INET };
static int listener(void) {
    at.sin_port = htons(50000);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bind(fd, (void *)&at, sizeof at); listen(fd, 99); return fd;
}
static int client(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    connect(fd, (void *)&at, sizeof at); return fd;
}
";
    if !has(&["cc"]) {
        return None;
    }
    let source = folder.join(name).with_extension("c");
    let file = folder.join(name);
    fs::write(&source, [HEADER, program].concat()).expect("a file");
    succeeds(Command::new("cc").args(["-pthread", "-o"]).arg(&file).arg(&source));
    Some(file.to_str().expect("UTF-8").to_owned())
}

/// Ends without closing; what it does before that, nobody sees.
const EXITS: &str = r#"
int main(void) {
    int l = listener(), c = client(), s = accept(l, 0, 0); char b[9];
    write(c, "x", 1); read(s, b, 9); return 0;
}
"#;

/// Sends and closes with calls that few programs use.
const RARE: &str = r#"
int main(int many, char **all) {
    if (many > 1) return 7;
    int l = listener(), c = client(), s = accept(l, 0, 0); char b[9];
    struct iovec out = { "rare", 4 }, in = { b, 9 };
    pwritev2(c, &out, 1, -1, 0); preadv2(s, &in, 1, -1, 0);
    syscall(SYS_close_range, 90, 99, 0);
    fcntl(l, F_SETFD, FD_CLOEXEC); fcntl(c, F_SETFD, FD_CLOEXEC);
    int other = client(); accept(l, 0, 0);
    syscall(SYS_close_range, other, other, 0);
    kill(0, SIGWINCH);
    char *again[] = { all[0], "again", 0 };
    execv(all[0], again); return 1;
}
"#;

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn what_a_process_closes_at_its_end_stands_there() {
    let folder = tempdir().expect("a folder");
    let Some(program) = compiled(folder.path(), "exits", EXITS) else { return };
    for _ in 0..10 {
        let Some((_, timeline)) = watched(&["--", &program]) else { return };
        let (before, end) = timeline.split_once("  call    (exited with 0)\n").expect("an end");
        assert!(!before.contains("FIN") && end.contains("  FIN ACK\n"), "{timeline}");
        assert!(!timeline.contains("exit_group"), "{timeline}");
    }
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn calls_that_few_programs_use_have_their_packets() {
    let folder = tempdir().expect("a folder");
    let Some(program) = compiled(folder.path(), "rare", RARE) else { return };
    let Some((status, timeline)) = watched(&["--", &program]) else { return };
    assert_eq!(status, 7, "{timeline}");
    let fin = "  packet    PORT2 -> 50000  FIN ACK\n";
    for words in [
        "pwritev2(FD2, [{iov_base=\"rare\", iov_len=4}], 1, -1, 0) ...\n  packet    PORT1 -> 50000  PSH ACK  4 bytes \"rare\"\n",
        "preadv2(FD3, [{iov_base=\"rare\", iov_len=9}], 1, -1, 0) = 4\n  queue ",
        &format!("close_range(6, 6, 0) ...\n{fin}"),
        "  result  close_range = 0\n  state ",
        "\", [\"",
        ", \"again\"]) ...\n  packet    PORT1 -> 50000  FIN ACK\n",
        "  result  execve = 0\n  state     FD1, at 50000: LISTEN -> CLOSED\n",
    ] {
        assert!(timeline.contains(words), "{words}\n{timeline}");
    }
    // Without effects, they are not shown.
    assert!(!timeline.contains("close_range(90") && !timeline.contains("kill("), "{timeline}");
}

/// A thread computes all the time.
const COMPUTES: &str = r#"
static volatile int stop; static volatile unsigned long n;
static void *work(void *p) { while (!stop) n++; return p; }
int main(void) {
    pthread_t t; pthread_create(&t, 0, work, 0);
    int l = listener(), c = client(), s = accept(l, 0, 0); char b[9];
    for (int i = 0; i < 20; i++) { write(c, "ping", 4); read(s, b, 9); }
    stop = 1; pthread_join(t, 0); return 0;
}
"#;

/// A child by vfork makes calls before it ends: its parent waits for that in the kernel.
const VFORKS: &str = r#"
int main(void) {
    int l = listener();
    if (vfork() == 0) { for (int i = 0; i < 40; i++) dup2(l, 9); _exit(0); }
    wait(0); return 0;
}
"#;

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn who_computes_or_waits_for_a_child_is_not_waited_for_at_each_call() {
    if trace(&["--", "true"], "").is_none() {
        return;
    }
    let folder = tempdir().expect("a folder");
    for (name, program) in [("computes", COMPUTES), ("vforks", VFORKS)] {
        let Some(program) = compiled(folder.path(), name, program) else { return };
        let start = Instant::now();
        let Some((status, timeline)) = watched(&["--all", "--", &program]) else { return };
        assert_eq!(status, 0, "{timeline}");
        assert!(timeline.matches("\n  call    ").count() >= 40, "{timeline}");
        // It was half a second for each call.
        assert!(start.elapsed() < Duration::from_secs(10), "{name}: {:?}", start.elapsed());
    }
}

/// Waits in calls that a signal interrupts: they fail; but with SA_RESTART, they go on.
const INTERRUPTED: &str = r#"
static void handler(int s) { (void)s; write(1, "handler\n", 8); }
static void soon(int flags) {
    struct sigaction a = { .sa_handler = handler, .sa_flags = flags }; sigaction(SIGALRM, &a, 0);
    struct itimerval t = { .it_value = { 0, 300000 } }; setitimer(ITIMER_REAL, &t, 0);
}
int main(void) {
    int l = listener(), c = client(), s = accept(l, 0, 0); char b[9];
    soon(0); if (accept(l, 0, 0) >= 0 || errno != EINTR) return 1;
    soon(0); if (recv(s, b, 9, 0) >= 0 || errno != EINTR) return 2;
    if (fork() == 0) { usleep(900000); send(c, "late", 4, 0); return 0; }
    soon(SA_RESTART); if (recv(s, b, 9, 0) != 4) return 3;
    wait(0); return 0;
}
"#;

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn calls_that_a_signal_interrupts_are_shown() {
    let folder = tempdir().expect("a folder");
    let Some(program) = compiled(folder.path(), "interrupted", INTERRUPTED) else { return };
    let Some((status, timeline)) = watched(&["--", &program]) else { return };
    assert_eq!(status, 0, "{timeline}");
    for words in [
        "handler\n  call    accept(FD1, NULL, NULL) = EINTR\n",
        "handler\n  call    recvfrom(FD3, POINTER, 9, 0, NULL, NULL) = EINTR\n",
        " recvfrom(FD3, \"late\", 9, 0, NULL, NULL) = 4\n",
    ] {
        assert!(timeline.contains(words), "{words}\n{timeline}");
    }
    assert_eq!(timeline.matches("EINTR").count(), 2, "{timeline}");
}

/// Another process makes calls all the time, and prints, which have nothing to do with it.
const BESIDE: &str = r#"
int main(void) {
    if (fork() == 0) {
        int u = socket(AF_INET, SOCK_DGRAM, 0); char b[99]; unsigned n = 0;
        for (int i = 0; i < 200; i++) { getsockname(u, (void *)b, &n); write(1, "line\n", 5); }
        return 0;
    }
    usleep(20000); int l = listener();
    for (int i = 0; i < 10; i++) { int c = client(), s = accept(l, 0, 0); close(c); close(s); }
    close(l); wait(0); return 0;
}
"#;

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn what_another_process_does_takes_no_states() {
    let folder = tempdir().expect("a folder");
    let Some(program) = compiled(folder.path(), "beside", BESIDE) else { return };
    for _ in 0..5 {
        let Some((status, timeline)) = watched(&["--all", "--", &program]) else { return };
        assert_eq!(status, 0, "{timeline}");
        assert!(!timeline.contains("(the kernel, by itself)"), "{timeline}");
        let accept = regex(
            r"accept\(FD2, NULL, NULL\) = (FD\S+)\n  queue     FD2, at 50000: accept queue 1 -> 0\n  state     (FD\S+), ",
        );
        let accepts = accept.captures_iter(&timeline).filter(|parts| parts[1] == parts[2]);
        assert_eq!(accepts.count(), 10, "{timeline}");
    }
}

/// Threads, each with a connection of its own to one that answers.
const THREADS: &str = "
import socket, threading
listener = socket.create_server(('127.0.0.1', 50000))
def serve():
    one, _ = listener.accept()
    while data := one.recv(99): one.send(data)
    one.close()
def talk(name):
    with socket.create_connection(('127.0.0.1', 50000)) as one:
        for at in range(20): one.send(b'%d of %d' % (at, name)); one.recv(99)
all = [threading.Thread(target=serve) for _ in range(4)]
all += [threading.Thread(target=talk, args=[name]) for name in range(4)]
for one in all: one.start()
for one in all: one.join()
";

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn what_one_thread_does_stands_in_its_order() {
    let Some(python) = python() else { return };
    let Some(timeline) = trace(&["--all", "--calls", "--", python, "-c", THREADS], "") else {
        return;
    };
    let call = regex(r#"(?m)^  call    (sendto|recvfrom)\((FD\S+), "(\d+) of (\d)""#);
    let mut turns: HashMap<String, Vec<(String, usize)>> = HashMap::new();
    for parts in call.captures_iter(&timeline) {
        let number = parts[3].parse().expect("a number");
        turns.entry(parts[2].to_owned()).or_default().push((parts[1].to_owned(), number));
    }
    assert_eq!(turns.len(), 8, "{timeline}");
    for (name, calls) in turns {
        let first = calls[0].0.clone();
        let second = if first == "sendto" { "recvfrom" } else { "sendto" };
        let expected: Vec<(String, usize)> =
            (0..20).flat_map(|at| [(first.clone(), at), (second.to_owned(), at)]).collect();
        assert_eq!(calls, expected, "{name}\n{timeline}");
    }
}

/// One process sends to itself while another one sets an option, and ends.
const IN_ORDER: &str = r"
int main(void) {
    int l = listener(), c = client(), s = accept(l, 0, 0); char b[99] = { 0 };
    if (fork() == 0) {
        int u = socket(AF_INET, SOCK_DGRAM, 0);
        for (int i = 1; i <= 30; i++) setsockopt(u, IPPROTO_IP, IP_TTL, &i, 4);
        return 0;
    }
    for (int i = 1; i <= 60; i++) { write(c, b, i); read(s, b, i); }
    wait(0); return 0;
}
";

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn what_a_process_does_stands_in_its_order() {
    let folder = tempdir().expect("a folder");
    let Some(program) = compiled(folder.path(), "in_order", IN_ORDER) else { return };
    let option = regex(r"IP_TTL, \[(\d+)\]");
    let call = regex(r"(?m)^  call    .*(write|read)\(FD\d, .*, (\d+)\)");
    for _ in 0..10 {
        let arguments = ["--all", "--calls", "--", &*program];
        let Some(timeline) = trace(&arguments, "") else { return };
        let options: Vec<String> =
            option.captures_iter(&timeline).map(|parts| parts[1].to_owned()).collect();
        let expected: Vec<String> = (1..=30).map(|at| at.to_string()).collect();
        assert_eq!(options, expected, "{timeline}");
        let calls: Vec<String> = call
            .captures_iter(&timeline)
            .map(|parts| format!("{} {}", &parts[1], &parts[2]))
            .collect();
        let turn = |at| [format!("write {at}"), format!("read {at}")];
        let expected: Vec<String> = (1..=60).flat_map(turn).collect();
        assert_eq!(calls, expected, "{timeline}");
    }
}

/// The SYN of a `connect` that waits for ever is its own, and no end of the program has sent it.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn what_a_call_sends_that_never_returns_stands_with_it() {
    let Some(python) = python() else { return };
    let program = "import socket\n\
         listener = socket.socket(); listener.bind(('127.0.0.1', 7100)); listener.listen(0)\n\
         one = socket.create_connection(('127.0.0.1', 7100))\n\
         two = socket.socket(); two.connect(('127.0.0.1', 7100))";
    let Some(timeline) = trace(&["--wait", "3", "--", python, "-c", program], "") else { return };
    let call = regex(concat!(
        r"\n  call    connect\(FD3, 127.0.0.1:7100\) \.\.\.\n  packet    PORT2 -> 7100  SYN\n",
        r"(  packet    PORT2 -> 7100  SYN, again\n)+  result  connect = \? \(it still waited\)\n",
    ));
    assert!(call.is_match(&timeline), "{timeline}");
    let (_, end) = timeline.split_once("still waited in connect(FD3)").expect(&timeline);
    assert!(!end.contains("SYN, again"), "{timeline}");
}

/// Who waits by asking again and again waits, too: the second program starts, and both go on.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn the_second_program_starts_when_the_first_one_asks_in_vain() {
    let Some(python) = python() else { return };
    let client = "import socket; client = socket.create_connection(('127.0.0.1', 7801))\n\
         for _ in '12': client.send(b'ping'); print('got', client.recv(9).decode())";
    for then in ["pass", "time.sleep(.01)"] {
        let server = format!(
            "import socket, time\n\
             listener = socket.create_server(('127.0.0.1', 7801)); listener.setblocking(False)\n\
             def ask(what):\n    \
                 while True:\n        \
                     try: return what()\n        \
                     except BlockingIOError: {then}\n\
             one, _ = ask(listener.accept); one.setblocking(False)\n\
             while ask(lambda: one.recv(9)): one.send(b'pong')"
        );
        let both = ["--", python, "-c", &server, "--with", "--", python, "-c", client];
        let Some(timeline) = trace(&both, "") else { return };
        assert_eq!(timeline.matches(": got pong\n").count(), 2, "{timeline}");
        assert!(!timeline.contains("was ended"), "{timeline}");
    }
    // Nobody comes; and who is never started, that is said of.
    let server = "import socket; one = socket.create_server(('127.0.0.1', 7801))\n\
         one.setblocking(False)\n\
         while True:\n    \
             try: one.accept()\n    \
             except BlockingIOError: pass";
    let timeline = trace(&["--wait", "1", "--", python, "-c", server], "").expect("as before");
    assert!(timeline.contains(" still asked again and again, and was ended"), "{timeline}");
    let both = ["--", python, "-c", "while True: pass", "--with", "--", "true"];
    let timeline = trace(&[&["--wait", "1"], &both[..]].concat(), "").expect("as before");
    assert!(
        timeline.ends_with("(true was not started: python3 had not waited yet)\n"),
        "{timeline}"
    );
}
