//! What the solutions do when the system says no, and what `cargo trace` shows of one.

use std::fs;
use std::io::Read as _;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use super::{NEEDS, VERDICTS, graders};
use crate::machine::{has, launch, program, quiet};
use crate::patched::{Lines, Program, build_all, program_name, titles};
use crate::support::{Terminal, assert_snapshot, connect, datagrams, receive, top, within_limit};
use crate::timelines::trace;

/// The solutions that accept clients, and the one that receives datagrams for ever; built.
static BUILT: LazyLock<(Vec<(String, PathBuf)>, PathBuf)> = LazyLock::new(|| {
    let folder = graders().join("solutions");
    let programs = titles(&folder, ".rs").into_iter().map(|title| {
        let text = fs::read_to_string(folder.join(format!("{title}.rs"))).expect("a file");
        Program { title, text }
    });
    let programs: Vec<_> = programs.collect();
    let (folder, _) = build_all("solutions", NEEDS, Lines::Unknown, &programs);
    let path = |title: &str| folder.join(program_name(title));
    let servers = programs.iter().filter(|one| one.text.contains("listener.accept()"));
    let servers: Vec<_> = servers.map(|one| (one.title.clone(), path(&one.title))).collect();
    assert_eq!(servers.len(), 14, "{servers:?}");
    (servers, path("04_own_address_udp"))
});

/// An address that nobody else has, not even a test in another process: on Linux all of 127.0.0.0/8
/// is loopback.
pub fn new_address() -> SocketAddr {
    static NUMBER: AtomicU8 = AtomicU8::new(1);
    let process = u8::try_from(std::process::id() % 200).expect("less than 200");
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    SocketAddr::from(([127, 20 + process, number, 1], 20817))
}

/// Starts it in a terminal, which shows its error output as well.
fn start(shell: &str, program: &Path, at: SocketAddr) -> Terminal {
    let shell = format!("exec 2>&1; {shell} \"$0\" \"$1\"");
    let mut launch = launch("sh");
    Terminal::open(launch.args(["-c", &shell]).arg(program).arg(at.to_string()))
}

/// The same, where this system call fails.
fn start_with(fault: &str, program: &Path, at: SocketAddr) -> Terminal {
    let (call, _) = fault.split_once(':').expect("a call");
    let options = format!("-f -qq -o /dev/null -e trace={call} -e inject={fault}");
    let strace = format!("exec strace {options}");
    start(&strace, program, at)
}

/// One of them accepts nobody before a line is typed.
fn open_the_doors(title: &str, terminal: &mut Terminal) {
    if title == "14_waiting_room" {
        terminal.type_line("open the doors");
    }
}

/// It says what fails, again and again, but with a pause of 20 ms. It `began` no earlier than that.
fn tries_again_after_a_pause(title: &str, terminal: &mut Terminal, words: &str, began: Instant) {
    for _ in 0..3 {
        terminal.wait_for(words);
    }
    // All lines up to now: on a busy machine, many are there when they are asked for.
    terminal.lines_within(Duration::from_millis(300));
    let lines = terminal.shown().lines().count();
    let most = 5 + began.elapsed().as_millis() / 20;
    assert!(lines as u128 <= most, "{title}: {lines} lines in {:?}", began.elapsed());
}

/// There is no descriptor for a client. When there is one, it is served.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_solutions_wait_when_they_have_no_descriptor() {
    if !has(&["prlimit"]) {
        return;
    }
    let (servers, _) = &*BUILT;
    let _quiet = quiet();
    for (title, program) in servers {
        let at = new_address();
        // (To wait for all of its sockets together takes one as well.)
        let files = if title == "25_one_thread" { 5 } else { 4 };
        let mut terminal = start(&format!("ulimit -S -n {files}; exec"), program, at);
        terminal.wait_for("ready");
        let began = Instant::now();
        let mut client = connect(at);
        open_the_doors(title, &mut terminal);
        tries_again_after_a_pause(title, &mut terminal, "Too many open files", began);

        let more = ["--pid", &terminal.id().to_string(), "--nofile=64:"];
        assert!(Command::new("prlimit").args(more).status().expect("it starts").success());
        client.shutdown(Shutdown::Write).expect("it is connected");
        // Each has another answer to one who says nothing, and then the end.
        client.read_to_end(&mut Vec::new()).expect(title);
    }
}

/// What never passes is a reason to end; no client can bring it about.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_solutions_end_when_they_do_not_listen() {
    if !has(&["strace"]) {
        return;
    }
    let (servers, receives) = &*BUILT;
    let _quiet = quiet();
    let accepts = servers.iter().map(|(title, program)| (title.as_str(), program, "accept4"));
    let receives = ("04_own_address_udp", receives, "recvfrom");
    for (title, program, call) in accepts.chain([receives]) {
        let at = new_address();
        let mut terminal = start_with(&format!("{call}:error=EINVAL"), program, at);
        terminal.wait_for("ready");
        // (One of them calls accept only when somebody is there.)
        let _client = TcpStream::connect(at);
        open_the_doors(title, &mut terminal);
        let status = within_limit(|| terminal.status()).expect(title);
        assert_eq!(status.code(), Some(1), "{title}: {}", terminal.stop());
    }
}

/// A receive that fails for want of memory, say, fails again at once.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_solution_for_datagrams_waits_when_there_is_no_memory() {
    if !has(&["strace"]) {
        return;
    }
    let (_, program) = &*BUILT;
    let _quiet = quiet();
    let (at, began) = (new_address(), Instant::now());
    let mut terminal = start_with("recvfrom:error=ENOMEM:when=1..40", program, at);
    terminal.wait_for("ready");
    tries_again_after_a_pause("04_own_address_udp", &mut terminal, "Cannot allocate memory", began);
    let peer = datagrams("127.0.0.1:0");
    peer.send_to(b"who am I?", at).expect("sent");
    let mut buffer = [0; 100];
    let (length, _) = receive(&peer, &mut buffer);
    let own = peer.local_addr().expect("an address").to_string();
    assert_eq!(String::from_utf8_lossy(&buffer[..length]), own);
}

/// What "Your turn" shows: the doorman, and a client that is gone before its greeting comes. The
/// reader says their names; here they are built already.
#[test]
#[ignore = "with the other tests of the grader"]
fn grade_and_trace_go_together() {
    const AT: &str = "127.0.0.1:8090";
    let page = fs::read_to_string(top().join("book/src/your-turn.md")).expect("the page");
    let command = format!("\ncargo trace 04_doorman {AT} --with 04_connect {AT}\n");
    assert!(page.contains(&command), "{command}");
    let (servers, _) = &*BUILT;
    let (_, doorman) = servers.iter().find(|(title, _)| title == "04_doorman").expect("it");
    let doorman = doorman.to_str().expect("UTF-8");
    let arguments = ["--", doorman, AT, "--with", "--", program("04_connect"), AT];
    let Some(shown) = trace(&arguments, "") else { return };
    assert_snapshot(VERDICTS, "04_doorman.traced", &shown);
}
