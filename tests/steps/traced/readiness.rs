//! `cargo trace` of programs that wait for several descriptors at once: what it says of `poll`, `select`
//! and epoll is what strace says of the same program.

use std::fs;
use std::process::Output;

use tempfile::tempdir;

use super::{connected, python};
use crate::machine::{command, missing};
use crate::support::regex;
use crate::timelines::trace;

/// A program in Python that waits in each way.
const WAYS: &str = "
import select
poll = select.poll(); poll.register(listener, select.POLLIN); poll.register(server, select.POLLIN)
print('poll', poll.poll(10)); client.send(b'to poll'); poll.poll(); server.recv(99)
select.select([listener, server], [], [], 0.01)
client.send(b'to select'); select.select([listener, server], [client], [server]); server.recv(99)
epoll = select.epoll(); print('epoll', epoll.poll(0))
epoll.register(listener, select.EPOLLIN); epoll.register(server, select.EPOLLIN | select.EPOLLET)
for _ in '12': epoll.poll(0.01)
client.send(b'to epoll'); epoll.poll(); epoll.poll(0.01); server.recv(99)
epoll.modify(server, select.EPOLLOUT | select.EPOLLRDHUP); epoll.poll()
client.shutdown(socket.SHUT_WR); epoll.poll()
epoll.unregister(server)
try: epoll.unregister(server)
except FileNotFoundError: pass
epoll.close()
again = select.epoll(); again.register(client, 0); again.close()
";

/// Waits in an epoll for itself, and for a socket; what it remembers is where something is.
const IN_C: &str = r#"
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    bind(listener, (void *)&at, length);
    listen(listener, 5);
    getsockname(listener, (void *)&at, &length);
    int set = epoll_create1(EPOLL_CLOEXEC);
    int event = eventfd(0, EFD_NONBLOCK);
    struct epoll_event one = {.events = EPOLLIN, .data.ptr = &at};
    struct epoll_event other = {.events = EPOLLIN | EPOLLET, .data.ptr = &set};
    epoll_ctl(set, EPOLL_CTL_ADD, listener, &one);
    epoll_ctl(set, EPOLL_CTL_ADD, event, &other);
    int same = dup(set);
    struct epoll_event ready[8];
    for (int times = 0; times < 3; times++)
        epoll_wait(set, ready, 8, 0);
    uint64_t number = 5;
    if (write(event, &number, 8) != 8) return 1;
    epoll_pwait(same, ready, 8, -1, NULL);
    if (read(event, &number, 8) != 8) return 1;
    int client = socket(AF_INET, SOCK_STREAM, 0);
    connect(client, (void *)&at, sizeof at);
    if (write(event, &number, 8) != 8) return 1;
    epoll_wait(set, ready, 8, -1);
    close(set);
    close(same);
    close(event);
    puts("done");
}
"#;

fn lines_of(timeline: &str) -> Vec<&str> {
    let calls = timeline.lines().filter_map(|line| line.strip_prefix("  call    "));
    calls.collect()
}

/// The calls in which a program waits, or says for what, as strace itself shows them: without
/// numbers, which are others in each run.
fn as_strace_shows(program: &[&str]) -> Option<Vec<String>> {
    let calls = "poll,ppoll,pselect6,select,epoll_create1,epoll_ctl,epoll_wait,epoll_pwait,eventfd2,\
                 read,write,close";
    let mut strace = command("strace");
    strace.args(["-y", "-s", "100", "-e", &format!("trace={calls}"), "-e", "signal=none"]);
    let Ok(Output { status, stderr, .. }) = strace.args(program).output() else {
        missing("strace");
        return None;
    };
    let text = String::from_utf8_lossy(&stderr).into_owned();
    if !status.success() {
        missing(&format!("a strace that may trace: {text}"));
        return None;
    }
    let is_of_us = regex("^(p?poll|p?select|epoll_|eventfd)|^(read|write|close).*<anon_inode");
    Some(text.lines().filter(|line| is_of_us.is_match(line)).map(without_numbers).collect())
}

/// The name of a call, the events, and how many were ready: what both say in the same words.
fn without_numbers(call: &str) -> String {
    let words = regex(
        r"^[a-z_0-9]+|E?POLL[A-Z]+|EPOLL_CTL_[A-Z]+|\btv_n?sec=\d+|= -?\d+| E[A-Z]{4,}\b|Timeout|\b(?:in|out|except) \[",
    );
    let all = words.find_iter(call).map(|word| word.as_str().trim().to_owned());
    // strace gives descriptors as numbers, and so it does not say which one it has made.
    let is_made = |word: &String| !word.starts_with("= ") || !call.contains("create");
    let all: Vec<String> = all.filter(is_made).collect();
    all.join(" ")
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn what_is_said_of_waiting_is_what_strace_says() {
    let Some(python) = python() else { return };
    let program = connected(WAYS);
    let Some(timeline) = trace(&["--all", "--", python, "-c", &program], "") else { return };
    let Some(seen) = as_strace_shows(&[python, "-c", &program]) else { return };
    let is_of_us = regex("^(p?poll|p?select|epoll_|eventfd)|^(read|write|close).(EPOLL|EVENT)");
    let said = lines_of(&timeline).into_iter().filter(|line| is_of_us.is_match(line));
    // What strace leaves to its reader: an epoll_wait that gave nothing.
    let said: Vec<String> =
        said.map(|line| without_numbers(line).replace("= 0 Timeout", "= 0")).collect();

    let mut seen: Vec<String> =
        seen.iter().map(|line| line.replace("= 0 Timeout", "= 0").replace("= -1 ", "")).collect();
    // Each Python tries whether there is epoll, and how long a poll takes.
    if seen.starts_with(&["epoll_create1".to_owned(), "close = 0".to_owned()]) {
        seen.drain(..2);
    }
    assert_eq!(said, seen, "{timeline}");
    assert!(said.len() > 20, "{timeline}");
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn what_is_ready_is_said_with_its_name() {
    let Some(python) = python() else { return };
    let program = connected(WAYS);
    let run = || trace(&["--", python, "-c", &program], "");
    let Some(timeline) = run() else { return };
    let both = "{fd=FD1, events=POLLIN}, {fd=FD3, events=POLLIN}";
    for call in [
        &format!("poll([{both}], 2, TIME) = 0 (Timeout)"),
        &format!("poll([{both}], 2, -1) = 1 ([{{fd=FD3, revents=POLLIN}}])"),
        "NULL, NULL, {tv_sec=0, tv_nsec=10000000}, NULL) = 0 (Timeout)",
        "[FD1 FD3], [FD2], [FD3], NULL, NULL) = 2 (in [FD3], out [FD2])",
        "epoll_create1(EPOLL_CLOEXEC) = EPOLL1",
        "epoll_ctl(EPOLL1, EPOLL_CTL_ADD, FD1, {events=EPOLLIN, data=",
        "epoll_ctl(EPOLL1, EPOLL_CTL_ADD, FD3, {events=EPOLLIN|EPOLLET, data=",
        // Nothing, twice.
        "TIME) = 0 (Timeout)\n  ...     2 times in all\n",
        ", -1) = 1 (FD3)",
        "epoll_ctl(EPOLL1, EPOLL_CTL_MOD, FD3, {events=EPOLLOUT|EPOLLRDHUP, data=",
        "EPOLL_CTL_DEL, FD3, POINTER) = ENOENT",
        "close(EPOLL1) = 0",
        "epoll_create1(EPOLL_CLOEXEC) = EPOLL1b",
        "close(EPOLL1b) = 0",
    ] {
        assert!(timeline.contains(call), "{call}\n{timeline}");
    }
    // That Python has tried whether there is epoll is not shown.
    let first = timeline.find("epoll_").expect("some");
    assert!(timeline[..first].contains("poll(["), "{timeline}");
    assert!(!timeline.contains("(not shown"), "{timeline}");
    assert_eq!(Some(timeline), run());
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn an_eventfd_and_a_pointer_are_known_again() {
    let folder = tempdir().expect("a folder");
    let (code, program) = (folder.path().join("waits.c"), folder.path().join("waits"));
    fs::write(&code, IN_C).expect("a file");
    let built = command("cc").args(["-o".as_ref(), program.as_os_str(), code.as_os_str()]).output();
    let Ok(built) = built else { return missing("a C compiler (cc)") };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let program = program.to_str().expect("UTF-8");
    let Some(timeline) = trace(&["--", program], "") else { return };
    let waits: Vec<&str> = lines_of(&timeline)
        .into_iter()
        .filter(|line| {
            ["epoll", "event", "dup", "write", "read", "close"]
                .iter()
                .any(|name| line.starts_with(name))
        })
        .collect();
    let data = "data=POINTER";
    let both = format!(
        "[{{events=EPOLLIN, {data}}}, {{events=EPOLLIN, {data}}}], 8, -1) = 2 (FD1, EVENT1)"
    );
    assert_eq!(
        waits,
        [
            "epoll_create1(EPOLL_CLOEXEC) = EPOLL1",
            "eventfd2(0, EFD_NONBLOCK) = EVENT1",
            &format!("epoll_ctl(EPOLL1, EPOLL_CTL_ADD, FD1, {{events=EPOLLIN, {data}}}) = 0"),
            &format!(
                "epoll_ctl(EPOLL1, EPOLL_CTL_ADD, EVENT1, {{events=EPOLLIN|EPOLLET, {data}}}) = 0"
            ),
            "dup(EPOLL1) = EPOLL2",
            "epoll_wait(EPOLL1, [], 8, 0) = 0 (Timeout)",
            "write(EVENT1, [5], 8) = 8",
            &format!(
                "epoll_pwait(EPOLL2, [{{events=EPOLLIN, {data}}}], 8, -1, NULL, 8) = 1 (EVENT1)"
            ),
            "read(EVENT1, [5], 8) = 8",
            "write(EVENT1, [5], 8) = 8",
            &format!("epoll_wait(EPOLL1, {both}"),
            "close(EPOLL1) = 0",
            "close(EPOLL2) = 0",
            "close(EVENT1) = 0",
        ],
        "{timeline}"
    );
    assert!(timeline.contains("\n  ...     3 times in all\n"), "{timeline}");
}

/// One thread waits in an epoll, and another wakes it by an eventfd, as mio's and tokio's do.
const WAKES: &str = r#"
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
static int set, event, back;
static void *waits(void *none) {
    struct epoll_event ready;
    uint64_t number;
    for (int times = 0; times < 3; times++) {
        if (epoll_wait(set, &ready, 1, -1) != 1 || read(event, &number, 8) != 8) return none;
        number = 7;
        if (write(back, &number, 8) != 8) return none;
    }
    return none;
}
int main(void) {
    set = epoll_create1(0);
    event = eventfd(0, 0);
    back = eventfd(0, 0);
    struct epoll_event one = {.events = EPOLLIN | EPOLLET, .data.u64 = 1};
    epoll_ctl(set, EPOLL_CTL_ADD, event, &one);
    pthread_t thread;
    pthread_create(&thread, NULL, waits, NULL);
    for (int times = 0; times < 3; times++) {
        uint64_t number = 1;
        usleep(20000);
        if (write(event, &number, 8) != 8 || read(back, &number, 8) != 8) return 1;
    }
    pthread_join(thread, NULL);
    puts("done");
}
"#;

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn who_is_woken_by_an_eventfd_stands_below_who_wakes() {
    let folder = tempdir().expect("a folder");
    let (code, program) = (folder.path().join("wakes.c"), folder.path().join("wakes"));
    fs::write(&code, WAKES).expect("a file");
    let mut compiler = command("cc");
    compiler.args(["-pthread".as_ref(), "-o".as_ref(), program.as_os_str(), code.as_os_str()]);
    let Ok(built) = compiler.output() else { return missing("a C compiler (cc)") };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let program = program.to_str().expect("UTF-8");
    for _ in 0..5 {
        let Some(timeline) = trace(&["--all", "--", program], "") else { return };
        let mut calls = lines_of(&timeline);
        calls.retain(|line| !line.contains("eventfd2") && !line.starts_with("epoll_c"));
        let round = [
            "write(EVENT1, [1], 8) = 8",
            "epoll_wait(EPOLL1, [{events=EPOLLIN, data=1}], 1, -1) = 1 (EVENT1)",
            "read(EVENT1, [1], 8) = 8",
            "write(EVENT2, [7], 8) = 8",
            "read(EVENT2, [7], 8) = 8",
        ];
        assert_eq!(calls, [round; 3].concat(), "{timeline}");
    }
}

/// A server and a client, in one process.
const ASYNC: &str = "
import asyncio, socket
async def serve(reader, writer):
    writer.write(await reader.readline()); await writer.drain(); writer.close()
async def main():
    server = await asyncio.start_server(serve, '127.0.0.1', 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b'hi\\n'); print(await reader.read()); writer.close()
asyncio.run(main())
";

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn asyncio_is_shown_to_wait() {
    let Some(python) = python() else { return };
    let Some(timeline) = trace(&["--", python, "-c", ASYNC], "") else { return };
    let ready = regex(
        r"  call    epoll_wait\(EPOLL1, \[\{events=EPOLLIN, [^\]]*\], \d+, (?:0|-1|TIME)\) = 1 \(FD\d\)\n",
    );
    assert!(ready.find_iter(&timeline).count() >= 3, "{timeline}");
    // Whatever it gave is named.
    for line in lines_of(&timeline).into_iter().filter(|line| line.starts_with("epoll_wait")) {
        assert!(line.ends_with(')'), "{line}\n{timeline}");
    }
    let end = "(not shown: calls on other sockets than those of the internet)\n";
    assert!(timeline.contains("  call    close(EPOLL1) = 0\n"), "{timeline}");
    assert!(timeline.ends_with(end), "{timeline}");
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn who_waits_in_an_epoll_is_said_to() {
    let Some(python) = python() else { return };
    let program = connected(
        "import select; epoll = select.epoll(); epoll.register(server, 1); print('waits'); epoll.poll()",
    );
    let Some(timeline) = trace(&["--wait", "2", "--", python, "-c", &program], "") else { return };
    assert!(
        timeline.contains(" still waited in epoll_wait(EPOLL1), and was ended by SIGTERM)\n"),
        "{timeline}"
    );
}
