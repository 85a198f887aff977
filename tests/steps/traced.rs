//! `cargo trace` and programs that are no lessons: they crash, fork, are stopped, and leave others
//! behind. Where that can be, the same run is compared with tcpdump.

mod attached;
mod data;

use std::fmt::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::{fs, process};

use tempfile::tempdir;

use crate::beside::{watched, watched_in_any_order};
use crate::machine::{PYTHON, command, has, launch, missing, program, spawn, succeeds, tool};
use crate::support::{regex, within_limit};
use crate::timelines::trace;

mod code;
mod foreign;
mod foreign_text;
mod live;
mod network;
mod page;
mod readiness;
mod speed;

/// Python itself: its name may be that of a script that looks for it.
pub(crate) fn python() -> Option<&'static str> {
    static PATH: LazyLock<Option<String>> = LazyLock::new(|| {
        if !has(&[PYTHON]) {
            return None;
        }
        let run = command(PYTHON).args(["-c", "import sys; print(sys.executable)"]).output();
        let path = String::from_utf8(run.expect("it starts").stdout).expect("UTF-8");
        Some(path.trim().to_owned())
    });
    PATH.as_deref()
}

/// Arguments for a program in Python, in which `listener` is a listener at `at`, and `client` and
/// `server` are the ends of a connection.
pub(crate) fn connected(program: &str) -> String {
    format!(
        "import os, signal, socket, sys, time\n\
         listener = socket.create_server(('127.0.0.1', 0)); at = listener.getsockname()\n\
         client = socket.create_connection(at); server, _ = listener.accept()\n\
         {program}\n"
    )
}

/// Its last lines, without what stands in front of a call.
fn ends_with(timeline: &str, end: &str) {
    assert!(timeline.ends_with(end), "{end}\n{timeline}");
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn who_is_killed_is_said_to_be_and_its_last_packets_are_shown() {
    let Some(python) = python() else { return };
    let crashes = connected("client.send(b'unread'); os.kill(os.getpid(), signal.SIGSEGV)");
    let Some((status, timeline)) = watched(&["--", python, "-c", &crashes]) else { return };
    assert_eq!(status, 128 + 11, "{timeline}");
    let end = "  call    (killed by SIGSEGV)\n  packet    PORT1 -> PORT2  RST ACK\n";
    assert!(timeline.contains(end), "{timeline}");

    // It is ended, and so are its sockets.
    let sleeps = connected("print('sleeps'); time.sleep(1000)");
    let arguments = ["--wait", "2", "--", python, "-c", &sleeps];
    let Some((status, timeline)) = watched(&arguments) else { return };
    assert_eq!(status, 128 + 15, "{timeline}");
    assert!(timeline.contains("  call    (killed by SIGTERM)\n  packet "), "{timeline}");
    assert!(timeline.contains(" FIN ACK\n"), "{timeline}");
    assert!(timeline.contains("LISTEN -> CLOSED\n"), "{timeline}");
    let name = Path::new(python).file_name().expect("a name").to_str().expect("UTF-8");
    let slept = format!(
        "\nsleeps\n({name} still slept, and was ended by SIGTERM)\n  call    (killed by SIGTERM)\n"
    );
    assert!(timeline.contains(&slept), "{timeline}");

    // By itself, and with another program.
    for (shell, status) in [("exit 7", 7), ("kill -9 $$", 128 + 9)] {
        for more in [&["--", "true", "--with"][..], &[]] {
            let mut tool = command(tool("trace"));
            let run = tool.args(more).args(["--", "sh", "-c", shell]).output();
            let run = run.expect("it starts");
            let errors = String::from_utf8_lossy(&run.stderr);
            if errors.contains(" needs ") {
                return missing(&errors);
            }
            assert_eq!(run.status.code(), Some(status), "{shell}: {errors}");
        }
    }
}

/// Who asks again and again waits, too.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_server_that_polls_is_ended_like_others() {
    let Some(python) = python() else { return };
    let program = connected(
        "listener.settimeout(0.1); print('polls')\n\
         while True:\n    \
             try: listener.accept()\n    \
             except TimeoutError: pass",
    );
    let Some(timeline) = trace(&["--wait", "2", "--", python, "-c", &program], "") else { return };
    assert!(timeline.contains("\npolls\n  call    "), "{timeline}");
    assert!(timeline.contains("= 0 (Timeout)\n  ...     "), "{timeline}");
    let end =
        " still waited in poll(FD1), and was ended by SIGTERM)\n  call    (killed by SIGTERM)\n";
    assert!(timeline.contains(end), "{timeline}");
}

/// Whether a process has these words in its command line.
fn is_there(words: &str) -> bool {
    let processes = fs::read_dir("/proc").expect("Linux").flatten();
    processes.into_iter().any(|process| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(words)
    })
}

/// A word that no other process has.
fn marker(what: &str) -> String {
    format!("{what}.{}.of.the.tests", process::id())
}

/// A daemon that ignores signals, started by a thread that is not the first one.
const LEAVES: &str = "
import os, signal, sys, threading, time
def leave():
    if os.fork() == 0:
        for one in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
            signal.signal(one, signal.SIG_IGN)
        os.setsid()
        if os.fork() == 0:
            os.execvp('sh', ['sh', '-c', 'sleep 1000; exit', sys.argv[1]])
        time.sleep(1000)
thread = threading.Thread(target=leave); thread.start(); thread.join()
print('left')
if len(sys.argv) > 2:
    time.sleep(1000)
";

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn no_process_is_left_behind() {
    let Some(python) = python() else { return };
    let marker = marker("left");
    let arguments = ["--wait", "2", "--", python, "-c", LEAVES, &marker];
    let Some(timeline) = trace(&arguments, "") else { return };
    assert!(timeline.starts_with("left\n"), "{timeline}");
    let end = "still slept, and was ended by SIGTERM)\n  call    (killed by SIGKILL)\n";
    ends_with(&timeline, end);
    assert!(!is_there(&marker));
}

/// Starts `cargo trace` in a process group of its own, as a shell does.
fn start(arguments: &[&str]) -> process::Child {
    let mut tool_in_group = launch(tool("trace"));
    tool_in_group.args(arguments).process_group(0);
    spawn(tool_in_group.stdin(Stdio::null()).stdout(Stdio::piped()))
}

fn kill(signal: &str, whom: &str) {
    let killed = Command::new("kill").args([signal, "--", whom]).status();
    assert!(killed.expect("it starts").success());
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn everything_ends_with_the_tool() {
    let Some(python) = python() else { return };
    if trace(&["--", "true"], "").is_none() {
        return;
    }
    for signal in ["-KILL", "-TERM", "-HUP"] {
        let marker = marker(signal);
        let child = start(&["--", python, "-c", LEAVES, &marker, "stays"]);
        // The daemon is there.
        let words = format!("exit\0{marker}");
        within_limit(|| is_there(&words).then_some(())).expect("it starts");
        kill(signal, &child.id().to_string());
        let run = child.wait_with_output().expect("it ends");
        let gone = within_limit(|| (!is_there(&marker)).then_some(()));
        assert!(gone.is_some(), "{signal}: something goes on");
        // Who is asked to end shows all that was seen.
        let timeline = String::from_utf8_lossy(&run.stdout);
        assert!(
            signal == "-KILL" || timeline.contains(&format!("and got SIG{})\n", &signal[1..])),
            "{timeline}"
        );
    }
}

/// Stops cleanly on Ctrl-C, if there is one only. Then it says so on its connection.
const STOPS: &str = "
number = 0
def count(*_):
    global number
    number += 1
signal.signal(signal.SIGINT, count)
server.settimeout(0.1)
open(sys.argv[1], 'w').close()
def receive():
    try: server.recv(1)
    except TimeoutError: pass
while number == 0:
    receive()
end = time.monotonic() + 1
while time.monotonic() < end:
    receive()
client.send(b'bye'); print('stops after', number); sys.exit(3)
";

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn ctrl_c_is_for_the_program_and_its_clean_stop_is_shown() {
    let Some(python) = python() else { return };
    if trace(&["--", "true"], "").is_none() {
        return;
    }
    // The keyboard's is for the whole group of processes; one from elsewhere is for the tool.
    for group in ["-", ""] {
        let folder = tempdir().expect("a folder");
        let file = folder.path().join("ready");
        let program = connected(STOPS);
        let child = start(&["--", python, "-c", &program, file.to_str().expect("UTF-8")]);
        within_limit(|| file.exists().then_some(())).expect("it starts");
        kill("-INT", &format!("{group}{}", child.id()));
        let run = child.wait_with_output().expect("it ends");
        let timeline = String::from_utf8_lossy(&run.stdout);
        assert_eq!(run.status.code(), Some(3), "{timeline}");
        for words in [
            "stops after 1\n",
            "  3 bytes \"bye\"\n",
            "  call    (exited with 3)\n",
            "and got SIGINT)\n",
        ] {
            assert!(timeline.contains(words), "{words}{timeline}");
        }
    }
}

/// Tells what it may do.
const RIGHTS: &str = "
import os, socket
print([line.split() for line in open('/proc/self/status') if line[:6] in ('CapInh', 'CapPrm', 'CapEff', 'CapAmb')])
print(open('/proc/%d/status' % os.getpid()).readline().strip())
def attempt(what, *arguments):
    try: what(*arguments)
    except OSError as error: print(what.__name__, 'is refused')
    else: print(what.__name__, 'works')
attempt(socket.create_server, ('127.0.0.1', 80))
attempt(os.setgid, 65533)
attempt(os.setuid, 65533)
print(os.getuid(), os.getgid(), os.getgroups())
";

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_program_has_the_rights_that_it_has_alone() {
    let Some(python) = python() else { return };
    let own = fs::read_to_string("/proc/self/status").expect("Linux");
    let is_root = own.lines().any(|line| line.starts_with("Uid:\t0\t"));
    let other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    for user in [&[][..], &other].iter().take(if is_root { 2 } else { 1 }) {
        let run = |tool: &[&str]| {
            // What is in root's home, nobody else finds.
            let python = if user.is_empty() { python } else { "/usr/bin/python3" };
            let all = [user, tool, &[python, "-c", RIGHTS]].concat();
            command(all[0]).args(&all[1..]).output().expect("it starts")
        };
        let tool = tool("trace").to_str().expect("UTF-8");
        let (alone, traced) = (run(&[]), run(&[tool, "--states", "--"]));
        let errors = String::from_utf8_lossy(&traced.stderr);
        if errors.contains(" needs ") || !alone.status.success() {
            return missing(&format!("{user:?}: {errors}"));
        }
        let mut shown = String::new();
        for line in String::from_utf8_lossy(&traced.stdout).lines() {
            if !line.starts_with(' ') && !line.starts_with('(') {
                writeln!(shown, "{line}").expect("a String");
            }
        }
        assert_eq!(shown, String::from_utf8_lossy(&alone.stdout), "{user:?} {errors}");
    }
}

/// What a payload may look like: strace's own way of saying something.
const PAYLOADS: [&str; 8] = [
    "<b>5</b>",
    "0xdeadbeef",
    "x, [12], 16",
    "7<socket:[1]>",
    "7</dev/null>",
    ") = 3",
    "3 <unfinished ...>",
    "+++ exited with 9 +++",
];

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn payload_and_text_are_shown_as_they_are() {
    let Some(python) = python() else { return };
    let program = format!(
        "import os, socket\n\
         listener = socket.create_server(('127.0.0.1', 50000))\n\
         client = socket.create_connection(('127.0.0.1', 50000)); server, _ = listener.accept()\n\
         print('descriptor 4096, descriptor', client.fileno(), 'to 127.0.0.1:50000')\n\
         print('descriptor', os.open('/', 0), 'from 127.0.0.1:%d' % client.getsockname()[1])\n\
         for one in {PAYLOADS:?}:\n    client.send(one.encode()); server.recv(99); print(one)\n"
    );
    let Some((_, timeline)) = watched(&["--", python, "-c", &program]) else { return };
    assert!(
        timeline.contains("descriptor 4096, descriptor FD2 to 127.0.0.1:50000\n"),
        "{timeline}"
    );
    // That one is a folder.
    let other = regex(r"\ndescriptor \d+ from 127\.0\.0\.1:PORT1\n");
    assert!(other.is_match(&timeline), "{timeline}");
    assert!(timeline.contains("bind(FD1, 127.0.0.1:50000) = 0\n"), "{timeline}");
    for payload in PAYLOADS {
        let length = payload.len();
        for words in [
            format!("\n{payload}\n"),
            format!("sendto(FD2, \"{payload}\", {length}, 0, NULL, 0) ...\n"),
            format!("PORT1 -> 50000  PSH ACK  {length} bytes \"{payload}\"\n"),
            format!("  result  sendto = {length}\n"),
            format!("recvfrom(FD3, \"{payload}\", 99, 0, NULL, NULL) = {length}\n"),
        ] {
            assert!(timeline.contains(&words), "{words}{timeline}");
        }
    }
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn each_process_has_descriptors_of_its_own() {
    let Some(python) = python() else { return };
    let program = connected(
        "if os.fork() == 0:\n    \
             listener.close(); client.close()\n    \
             other = socket.create_connection(at); other.send(b'child')\n    \
             os.kill(os.getpid(), signal.SIGKILL)\n\
         os.wait(); again, _ = listener.accept(); again.recv(9)",
    );
    let Some((status, timeline)) = watched(&["--", python, "-c", &program]) else { return };
    assert_eq!(status, 0, "{timeline}");
    let name = Path::new(python).file_name().expect("a name").to_str().expect("UTF-8");
    // The child has closed both under their names, and its next socket has the first one's number.
    for call in [
        // Until then there is only one.
        "listen(FD1, 128) = 0",
        "{name} [2]: close(FD1) = 0",
        "{name} [2]: close(FD2) = 0",
        "{name} [2]: sendto(FD1b, \"child\", 5, 0, NULL, 0) ...",
        "{name}: recvfrom(FD4, \"child\", 9, 0, NULL, NULL) = 5",
    ] {
        let line = format!("  call    {}\n", call.replace("{name}", name));
        assert!(timeline.contains(&line), "{line}{timeline}");
    }
    let line = format!("  call    ({name} [2]: killed by SIGKILL)\n");
    assert!(timeline.contains(&line), "{line}{timeline}");
    // The parent still has what the child has closed.
    assert!(!timeline.contains("LISTEN -> CLOSED, descriptor closed"), "{timeline}");
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn only_what_is_equal_is_folded() {
    let Some(python) = python() else { return };
    // Two that take turns; sends of 0 to 9 bytes; twenty that are equal; who asks again and again.
    let program = "\
        import socket\n\
        one, two = [socket.socket(type=socket.SOCK_DGRAM) for _ in '12']\n\
        one.bind(('127.0.0.1', 50001)); two.bind(('127.0.0.1', 50002))\n\
        for _ in range(20):\n    \
            one.sendto(b'x', ('127.0.0.1', 50002)); two.sendto(b'x', ('127.0.0.1', 50001))\n\
        print('turns')\n\
        for length in range(10): one.sendto(b'y' * length, ('127.0.0.1', 50002))\n\
        print('lengths')\n\
        for _ in range(20): one.sendto(b'z', ('127.0.0.1', 50003))\n\
        print('equal')\n\
        three = socket.create_server(('127.0.0.1', 50004)); three.setblocking(False)\n\
        for number in range(6):\n    \
            try: three.accept()\n    \
            except BlockingIOError: pass\n    \
            if number == 3: three.getsockname()\n\
        print('asked')\n";
    let run = |more: &[&str]| {
        let arguments = [more, &["--", python, "-c", program]].concat();
        trace(&arguments, "")
    };
    let (Some(folded), Some(all)) = (run(&[]), run(&["--all"])) else { return };
    let times = |text: &str, line: &str| text.lines().filter(|one| one.contains(line)).count();
    let turns = |from, to| format!("{from} -> {to}  datagram  1 byte \"x\"");
    assert_eq!(times(&all, &turns(50001, 50002)), 20, "{all}");
    assert_eq!(times(&all, &turns(50002, 50001)), 20, "{all}");
    assert_eq!(times(&all, "(FD1, \"z\", 1"), 20, "{all}");
    assert_eq!(times(&all, "= EAGAIN"), 6, "{all}");
    assert_eq!(times(&all, "  ...  "), 0, "{all}");

    // The first one is another: the queues were empty.
    for (from, to) in [(50001, 50002), (50002, 50001)] {
        assert!(times(&folded, &turns(from, to)) >= 1, "{folded}");
    }
    let (turns, rest) = folded.split_once("\nturns\n").expect("a line");
    assert!(turns.contains("all of this, 19 times in all"), "{folded}");
    let (lengths, rest) = rest.split_once("\nlengths\n").expect("a line");
    assert!(!lengths.contains("  ..."), "{folded}");
    for length in 0..10 {
        let call = format!("\"{}\", {length}, 0, {{", "y".repeat(length)).replace(", {", ", 127");
        assert_eq!(times(lengths, &call), 1, "{call}{folded}");
    }
    let (equal, rest) = rest.split_once("\nequal\n").expect("a line");
    let (asked, _) = rest.split_once("\nasked\n").expect("a line");
    assert!(equal.ends_with("  ...     20 times in all"), "{folded}");
    let (first, then) = asked.split_once("getsockname(").expect("a call");
    assert!(first.ends_with("= EAGAIN\n  ...     4 times in all\n  call    "), "{folded}");
    assert!(then.ends_with("= EAGAIN\n  ...     2 times in all"), "{folded}");
}

/// Prints with a buffer, with `writev`, to a copy of its output, much, and half a line.
const PRINTS: &str = r#"
#include <stdio.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <netinet/in.h>
#include <arpa/inet.h>
int main(void) {
    printf("before socket\n");
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(50000), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    bind(fd, (void *)&at, sizeof at);
    struct iovec two[] = {{"vec ", 4}, {"bound\n", 6}};
    writev(1, two, 2);
    listen(fd, 3);
    int copy = dup(1);
    write(copy, "listening\n", 10);
    char many[301]; for (int i = 0; i < 300; i++) many[i] = 'a' + i % 26; many[300] = 0;
    printf("%s\n", many);
    close(fd);
    printf("no newline: "); fflush(stdout);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    close(fd);
    return 0;
}
"#;

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn each_line_stands_where_it_was_printed() {
    if !has(&["cc"]) {
        return;
    }
    let folder = tempdir().expect("a folder");
    let [source, program] = ["prints.c", "prints"].map(|name| folder.path().join(name));
    fs::write(&source, PRINTS).expect("a file");
    succeeds(Command::new("cc").arg("-o").arg(&program).arg(&source));
    let program = program.to_str().expect("UTF-8");
    let Some(timeline) = trace(&["--calls", "--", program], "") else { return };
    let many: String = ('a'..='z').cycle().take(300).collect();
    let expected = format!(
        "before socket
  call    socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = FD1
  call    bind(FD1, 127.0.0.1:50000) = 0
vec bound
  call    listen(FD1, 3) = 0
listening
{many}
  call    close(FD1) = 0
no newline:
  call    socket(AF_INET, SOCK_DGRAM, IPPROTO_IP) = FD1b
  call    close(FD1b) = 0
"
    );
    assert_eq!(timeline, expected);
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn several_sockets_at_one_port_are_told_apart() {
    let Some(python) = python() else { return };
    // At one address.
    let program = "\
        import socket\n\
        def listener():\n    \
            one = socket.socket(); one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)\n    \
            one.bind(('127.0.0.1', 8080)); one.listen(); return one\n\
        all = [listener() for _ in '123']\n\
        clients = [socket.create_connection(('127.0.0.1', 8080)) for _ in '12345']\n";
    let Some((_, timeline)) = watched(&["--", python, "-c", program]) else { return };
    for number in 1..=3 {
        let words = format!("  state     FD{number}, at 8080: CLOSED -> LISTEN\n");
        assert!(timeline.contains(&words), "{words}{timeline}");
    }
    // Each client is in one of the queues.
    let joins = regex(r"  queue     FD[123], at 8080: accept queue (\d) -> (\d)\n");
    let joins = joins.captures_iter(&timeline).filter(|parts| parts[1] < parts[2]);
    assert_eq!(joins.count(), 5, "{timeline}");

    // At several.
    let program = "\
        import socket\n\
        def serve(at, family=socket.AF_INET):\n    \
            one = socket.create_server((at, 8080), family=family); ends.append(one)\n    \
            ends.append(socket.create_connection((at, 8080))); ends.append(one.accept())\n\
        ends = []; serve('127.0.0.1'); serve('127.0.0.2'); serve('::1', socket.AF_INET6)\n";
    let Some((_, timeline)) = watched(&["--", python, "-c", program]) else { return };
    for (at, port, descriptor) in
        [("", "PORT", "FD1"), ("127.0.0.2:", "PORT", "FD4"), ("[::1]:", "[::1]:PORT", "FD7")]
    {
        for words in [
            format!("  state     {descriptor}, at {at}8080: CLOSED -> LISTEN\n"),
            format!("  queue     {descriptor}, at {at}8080: accept queue 0 -> 1\n"),
            format!("  packet    {at}8080 -> {port}"),
        ] {
            assert!(timeline.contains(&words), "{words}{timeline}");
        }
    }
}

/// Becomes the program of its arguments, with one system call (the first argument) forbidden by a
/// seccomp filter, as in a container.
const FORBIDS: &str = "
import ctypes, os, struct, sys
code = [(0x20, 0, 0, 0), (0x15, 0, 1, int(sys.argv[1])), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *one) for one in code))
class Filter(ctypes.Structure):
    _fields_ = [('length', ctypes.c_ushort), ('code', ctypes.c_void_p)]
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
if libc.prctl(22, 2, ctypes.byref(Filter(4, ctypes.addressof(code))), 0, 0) != 0: sys.exit(99)
os.execvp(sys.argv[2], sys.argv[2:])
";

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn what_a_container_forbids_is_said() {
    let Some(python) = python() else { return };
    let numbers = match std::env::consts::ARCH {
        "x86_64" => ["101", "272"],
        "aarch64" => ["117", "97"],
        other => return missing(&format!("no numbers of system calls for {other}")),
    };
    if trace(&["--", "true"], "").is_none() {
        return;
    }
    for (number, words) in numbers.into_iter().zip([
        "cargo trace needs strace to follow the program, and this system forbids it (a seccomp \
         filter, such as a container's): docker run --cap-add SYS_PTRACE\n",
        "cargo trace needs a network namespace of its own, and this system allows none (Operation \
         not permitted; a seccomp filter, such as a container's): docker run --cap-add SYS_ADMIN, \
         or --security-opt seccomp=unconfined\n",
    ]) {
        let mut tool_there = command(python);
        tool_there.args(["-c", FORBIDS, number]).arg(tool("trace")).args(["--", "true"]);
        let run = tool_there.output().expect("it starts");
        if run.status.code() == Some(99) {
            return missing("no seccomp filters");
        }
        assert_eq!(String::from_utf8_lossy(&run.stderr), words);
        assert_eq!(run.status.code(), Some(2));
        assert!(run.stdout.is_empty());
    }
}

/// What the tool says on standard error, and its exit status.
fn complains(run: &mut Command) -> (String, Option<i32>) {
    let run = spawn(run.stderr(Stdio::piped())).wait_with_output().expect("it ends");
    (String::from_utf8_lossy(&run.stderr).into_owned(), run.status.code())
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn nobody_who_reads_it_makes_it_panic() {
    if trace(&["--", "true"], "").is_none() {
        return;
    }
    for arguments in [&["--", "sh", "-c", "echo line"][..], &["--help"]] {
        let tool = || {
            let mut tool = launch(tool("trace"));
            tool.args(arguments);
            tool
        };
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux");
        let (errors, status) = complains(tool().stdout(full));
        if arguments != ["--help"] {
            assert!(errors.starts_with("the timeline cannot be written: No space"), "{errors}");
            assert_eq!(status, Some(2));
        }
        assert!(!errors.contains("panicked"), "{errors}");
        // Nobody reads any more.
        let (reads, writes) = UnixStream::pair().expect("a pair");
        drop(reads);
        assert_eq!(complains(tool().stdout(OwnedFd::from(writes))), (String::new(), Some(0)));
    }
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn its_options_mean_what_they_say() {
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    // Told before the run.
    let (marker, nowhere) = (path("ran"), path("no/picture.svg"));
    for (svg, words) in [(&*nowhere, "cannot write "), ("--", "--svg: which file?")] {
        let mut tool = launch(tool("trace"));
        tool.args(["--svg", svg, "--", "touch", &marker]).stdout(Stdio::null());
        let (errors, status) = complains(&mut tool);
        assert!(errors.starts_with(words) && errors.lines().count() == 1, "{errors}");
        assert_eq!(status, Some(2));
        assert!(!Path::new(&marker).exists() && !Path::new("--").exists());
    }

    let faults = ["--fault", "accept=EMFILE:7", "--fault", "socket=EMFILE"];
    let arguments = [&faults[..], &["--", program("01_create")]].concat();
    let Some(timeline) = trace(&arguments, "") else { return };
    ends_with(&timeline, "\n(--fault accept=EMFILE:7 never struck)\n");
    assert!(!timeline.contains("socket=EMFILE never"), "{timeline}");

    // A program's own word; and a second program in front.
    let echo = ["--", "echo", "a", "--with", "echo", "b"];
    assert_eq!(
        trace(&[&["--alone"], &echo[..]].concat(), "").as_deref(),
        Some("a --with echo b\n")
    );
    let both = trace(&["--with", "01_create", "--", "echo", "a"], "").expect("as before");
    assert!(both.starts_with("echo: a\n") && both.contains("\n01_create: program"), "{both}");
    let both = trace(&["--", "sh", "-c", "echo a", "--with", "--", "sh", "-c", "echo b"], "");
    let both = both.expect("as before");
    assert!(both.starts_with("sh [1]: a\n") && both.contains("\nsh [2]: b\n"), "{both}");
    let [one, two] = ["one.sh", "two.sh"].map(path);
    for script in [&one, &two] {
        fs::write(script, "echo line").expect("a file");
    }
    let both = trace(&["--", "sh", &one, "--with", "--", "sh", &two], "").expect("as before");
    assert!(both.starts_with("one.sh: line\n"), "{both}");
    assert!(both.contains("\ntwo.sh: line\n"), "{both}");

    // A server has the time that it was given.
    let server = "nc -l 127.0.0.1 8090 & sleep 2; echo awake";
    if has(&["nc"]) {
        let arguments = ["--wait", "8", "--", "sh", "-c", server, "--with", "true"];
        let timeline = trace(&arguments, "").expect("as before");
        assert!(timeline.contains("sh: awake\n"), "{timeline}");
    }
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_picture_holds_whatever_a_program_prints() {
    let Some(python) = python() else { return };
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("picture.svg");
    let svg = file.to_str().expect("UTF-8");
    let print = "print('  call    accept(FD9) = 0'); print('  \\x1b[1m bold <&> \\0')";
    let arguments = ["--svg", svg, "--", python, "-c", print];
    let Some(timeline) = trace(&arguments, "") else { return };
    assert!(timeline.contains("  \x1b[1m bold <&> \0\n"), "{timeline}");
    let check = "import sys, xml.dom.minidom as dom; dom.parse(sys.argv[1])";
    command(python).args(["-c", check, svg]).assert().success();
    let picture = fs::read_to_string(file).expect("the picture");
    assert!(picture.contains("call · accept(FD9) = 0</text>"), "{picture}");
    assert!(picture.contains("[1m bold &lt;&amp;&gt; "), "{picture}");
    assert!(picture.contains("--links:#"), "{picture}");
}

/// Three threads send on one connection, a fourth answers.
const THREADS: &str = "
import socket, threading
listener = socket.create_server(('127.0.0.1', 0))
def serve():
    server, _ = listener.accept()
    while server.recv(4): server.sendall(b'pong')
answers = threading.Thread(target=serve); answers.start()
client = socket.create_connection(listener.getsockname())
def talk():
    for _ in range(30):
        client.sendall(b'ping'); client.recv(9)
all = [threading.Thread(target=talk) for _ in '123']
for one in all: one.start()
for one in all: one.join()
client.close(); answers.join()
";

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn each_packet_of_threads_stands_below_its_call_or_is_marked() {
    let Some(python) = python() else { return };
    let arguments = ["--all", "--", python, "-c", THREADS];
    let Some((_, timeline)) = watched_in_any_order(&arguments) else { return };
    let mark = "  ...     of this call, or of another at the same time:\n";
    let (mut sends, mut elsewhere, mut marked) = (0, 0, 0);
    for call in timeline.split("\n  call    ") {
        let send = usize::from(call.starts_with("sendto("));
        let packets = call.matches(" 4 bytes \"p").count();
        sends += send;
        if call.contains(mark.trim_end()) {
            marked += packets.saturating_sub(send);
        } else {
            assert!(packets <= send, "{call}\n\n{timeline}");
            elsewhere += send - packets;
        }
    }
    assert!(sends >= 180, "{timeline}");
    assert_eq!(elsewhere, marked, "{timeline}");
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn what_is_not_shown_is_said() {
    let Some(python) = python() else { return };
    let program = connected(
        "one, two = socket.socketpair(); one.send(b'x')\n\
         folder = os.open('/', 0)\n\
         for odd in 999, folder:\n    \
             try: socket.socket(fileno=odd)\n    \
             except OSError: pass\n\
         client.send(b'!', socket.MSG_OOB)",
    );
    let Some((_, timeline)) = watched(&["--", python, "-c", &program]) else { return };
    ends_with(&timeline, "(not shown: calls on other sockets than those of the internet)\n");
    assert!(timeline.contains("  call    getsockname(999) = EBADF\n"), "{timeline}");
    assert!(timeline.contains(") = ENOTSOCK\n"), "{timeline}");
    assert!(timeline.contains("  PSH ACK URG  1 byte \"!\"\n"), "{timeline}");
    let plain = trace(&["--", python, "-c", &connected("client.send(b'x')")], "");
    assert!(!plain.expect("as before").contains("(not shown"));
}

/// Of many sockets, the kernel is asked only for those that a call may have changed.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn of_many_connections_each_is_followed() {
    let Some(python) = python() else { return };
    let program = "\
        import socket\n\
        listener = socket.socket(); listener.bind(('127.0.0.1', 0)); listener.listen(200)\n\
        clients = [socket.create_connection(listener.getsockname()) for _ in range(150)]\n\
        servers = [listener.accept()[0] for _ in clients]\n\
        for one in clients: one.close()\n\
        print('closed')\n\
        for one in servers: one.recv(1)\n\
        for one in servers: one.close()\n\
        print('all')\n";
    let Some((_, timeline)) = watched(&["--all", "--", python, "-c", program]) else { return };
    let times = |words: &str| regex(words).captures_iter(&timeline).count();
    let ends = r"  state     FD\d+, PORT\d+ to PORT\d+: ";
    for words in [
        "accept queue [0-9]+ -> [0-9]+\n  state     FD[0-9]+, PORT[0-9]+ to PORT[0-9]+: CLOSED -> ESTABLISHED\n  state     PORT[0-9]+ to PORT[0-9]+: ESTABLISHED, no descriptor yet\n",
        &format!("{ends}ESTABLISHED, has a descriptor\n"),
        &format!("{ends}ESTABLISHED -> FIN-WAIT-2, descriptor closed\n"),
        &format!("{ends}ESTABLISHED -> CLOSE-WAIT\n"),
        &format!("{ends}CLOSE-WAIT -> CLOSED\n"),
        r"  state     PORT\d+ to PORT\d+: FIN-WAIT-2 -> TIME-WAIT\n",
    ] {
        assert_eq!(times(words), 150, "{words}\n{timeline}");
    }
    // Each at its own call: the queue grows by one and shrinks by one.
    for number in 0..150 {
        for (from, to) in [(number, number + 1), (number + 1, number)] {
            assert_eq!(times(&format!("accept queue {from} -> {to}\n")), 1, "{timeline}");
        }
    }
}
