//! `cargo trace --pid`: a program that runs already is followed, beside `ss` and tcpdump, and goes on
//! when it is left.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::{TempDir, tempdir};

use super::{complains, kill, python};
use crate::beside::{NOT_ROOT, captured, packets};
use crate::machine::{command, has, launch, missing, spawn, tool};
use crate::support::regex;

/// Answers one client after the other, or each in a thread of its own.
const SERVER: &str = "
import os, socket, sys, threading
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
def serve(one):
    while data := one.recv(100):
        if data == b'exit': os._exit(3)
        os.write(one.fileno(), b'got ' + data)
    one.close()
    print('served', flush=True)
while True:
    one, _ = listener.accept()
    if sys.argv[1] == 'threads':
        threading.Thread(target=serve, args=(one,)).start()
    else:
        serve(one)
";

/// In a network of its own: tcpdump watches, the tool follows one server; another one and its client
/// are none of its business. What is seen goes into files.
const SCENE: &str = "
import os, re, signal, socket, subprocess, sys, threading, time
tool, server, kind = sys.argv[1:]
subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
def until(what):
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)
def text(name):
    with open(name, 'rb') as file: return file.read()
def start(*arguments):
    one = subprocess.Popen([sys.executable, '-c', server, *arguments], stdout=subprocess.PIPE)
    return one, int(one.stdout.readline())
def connect(port, *words):
    one = socket.create_connection(('127.0.0.1', port))
    for word in words: say(one, word)
    return one
def say(one, word):
    one.sendall(word); assert one.recv(100) == b'got ' + word
def follow(*options):
    errors = open('errors', 'wb')
    one = subprocess.Popen([tool, '--pid', str(followed.pid), *options],
                           stdout=open('timeline', 'wb'), stderr=errors)
    until(lambda: b' is followed' in text('errors') or one.poll() is not None)
    assert one.poll() is None, text('errors')
    return one
followed, port = start(kind)
other, others = start('')
with open('ports', 'w') as file: print(port, others, file=file)
served = lambda: followed.stdout.readline() == b'served\\n'
first = connect(port, b'early')
second = connect(port); second.sendall(b'unread')
if kind == 'threads':
    second.recv(100)
with open('ss', 'wb') as file: subprocess.run(['ss', '-tanH'], stdout=file, check=True)
dump = subprocess.Popen(['tcpdump', '-i', 'lo', '-n', '-U', '--immediate-mode', '-B', '32768', '-s',
    '200', '-w', 'packets', 'tcp port %d or udp port 9' % port], stderr=open('log', 'wb'))
until(lambda: b'listening on' in text('log') or dump.poll() is not None)
assert dump.poll() is None, text('log')

one = follow('--all', '--pcap', 'ours')
stranger = connect(others, b'secret'); stranger.close()
first.close()
if kind == 'threads':
    second.close(); served(); served()
    def client(): connect(port, b'a', b'b').close()
    all = [threading.Thread(target=client) for _ in range(8)]
    for one_of in all: one_of.start()
    for one_of in all: one_of.join(); served()
else:
    served(); second.recv(100); second.close(); served()
    connect(port, b'new').close(); served()
    until(lambda: text('timeline').count(b'served') == 3)
one.send_signal(signal.SIGINT)
assert one.wait() == 0, text('errors')
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'that is all', ('127.0.0.1', 9))
until(lambda: b'that is all' in text('packets'))
dump.terminate(); dump.wait()
os.rename('timeline', 'whole')

tracer = lambda: re.search(rb'TracerPid:\\t(.*)', text('/proc/%d/status' % followed.pid))[1]
assert tracer() == b'0'
connect(port, b'after').close(); assert served()
one = follow(); one.kill(); one.wait()
until(lambda: tracer() == b'0')
connect(port, b'after that').close(); assert served()

one = follow('--calls')
connect(port).sendall(b'exit')
assert one.wait() == 3 and followed.wait() == 3
other.kill()
";

/// What the scene leaves in a folder; `None`: it cannot be played here.
fn scene(kind: &str) -> Option<TempDir> {
    let python = python()?;
    if !has(&["tcpdump", "ss", "ip"]) {
        return None;
    }
    let folder = tempdir().expect("a folder");
    let mut scene = command("unshare");
    scene.args(NOT_ROOT).args([python, "-c", SCENE]).arg(tool("trace")).args([SERVER, kind]);
    let run = scene.current_dir(folder.path()).output().expect("it starts");
    let errors = String::from_utf8_lossy(&run.stderr);
    if !folder.path().join("ports").exists() || errors.contains(" needs ") {
        missing(&format!("no namespace: {errors}"));
        return None;
    }
    assert!(run.status.success(), "{errors}\n{}", text(&folder, "timeline"));
    Some(folder)
}

fn text(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap_or_default()
}

/// What tcpdump has seen.
fn dumped(folder: &TempDir) -> String {
    read(folder, "packets", &["-t"])
}

/// What tcpdump says of a file.
fn read(folder: &TempDir, name: &str, how: &[&str]) -> String {
    let file = folder.path().join(name);
    let capture = command("tcpdump").arg("-n").args(how).arg("-r").arg(file).output();
    String::from_utf8_lossy(&capture.expect("it starts").stdout).into_owned()
}

/// What `ss` says of the server, in words of a timeline without names of descriptors.
fn sockets(ss: &str, port: &str) -> BTreeSet<String> {
    let end = format!("127.0.0.1:{port}");
    let rows = ss.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let own = rows.filter(|row| row[3] == end);
    let lines = own.flat_map(|row| {
        let (state, there) = match row[0] {
            "LISTEN" => ("LISTEN", format!("at {port}")),
            _ => ("ESTABLISHED", format!("{port} to {}", row[4].replace("127.0.0.1:", ""))),
        };
        let queue = if state == "LISTEN" { "accept queue" } else { "Recv-Q" };
        let queue = (row[1] != "0").then(|| format!("queue     {there}: {queue} {}", row[1]));
        [Some(format!("state     {there}: {state}")), queue]
    });
    lines.flatten().collect()
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_server_that_runs_is_followed_and_left() {
    let Some(folder) = scene("") else { return };
    let (timeline, capture) = (text(&folder, "whole"), dumped(&folder));
    assert_eq!(packets(&timeline), captured(&capture), "{timeline}\n{capture}");

    // Byte for byte, and when it came.
    let [ours, theirs] = ["ours", "packets"].map(|name| read(&folder, name, &["-t", "-xx"]));
    assert!(!ours.is_empty() && theirs.starts_with(&ours), "{ours}\n{theirs}");
    let [ours, theirs] = ["ours", "packets"].map(|name| {
        let packets = read(&folder, name, &["-tt"]);
        let times = packets.lines().filter_map(|line| line.split(' ').next()?.parse().ok());
        times.collect::<Vec<f64>>()
    });
    for (one, other) in ours.iter().zip(&theirs) {
        assert!((one - other).abs() < 0.02, "{ours:?} {theirs:?}");
    }

    // What there was before, as `ss` says it.
    let (before, _) = timeline.split_once("\n  call    recvfrom(").expect(&timeline);
    let (first, before) = before.split_once('\n').expect(&timeline);
    assert_eq!(first, "  call    (open before: FD1 is 3, FD2 is 4)");
    let name = regex("(state|queue)     FD[0-9]+, ");
    let plain = |line: &str| {
        let line = name.replace(line.trim_start(), "$1     ").into_owned();
        line.replace(", no descriptor yet", "")
    };
    let ports = text(&folder, "ports");
    let (port, other) = ports.trim().split_once(' ').expect("two ports");
    let ours: BTreeSet<String> = before.lines().map(plain).collect();
    assert_eq!(ours, sockets(&text(&folder, "ss"), port), "{timeline}");
    assert_eq!(ours.len(), 5, "{timeline}");
    assert_eq!(before.matches("no descriptor yet").count(), 1, "{timeline}");

    // Nothing of other programs.
    assert!(!timeline.contains("secret") && !timeline.contains(other), "{timeline}");
    assert_eq!(timeline.lines().filter(|line| *line == "served").count(), 3, "{timeline}");
    assert!(timeline.contains("  call    write(FD2b, \"got unread\", 10) "), "{timeline}");
    assert!(timeline.ends_with(", and goes on)\n"), "{timeline}");
    // The last one was followed to its end.
    let last = text(&folder, "timeline");
    assert!(last.ends_with("  call    (exited with 3)\n"), "{last}");
    assert!(!last.contains("served"), "{last}");
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn all_threads_of_a_server_are_followed() {
    let run = || {
        let folder = scene("threads")?;
        let (timeline, capture) = (text(&folder, "whole"), dumped(&folder));
        let mut ours: Vec<_> = packets(&timeline).into_iter().map(|one| (one.2, one.3)).collect();
        let mut theirs: Vec<_> = captured(&capture).into_iter().map(|one| (one.2, one.3)).collect();
        ours.sort();
        theirs.sort();
        Some((timeline, capture, ours, theirs))
    };
    let Some(mut seen) = run() else { return };
    // Seen to fail once in ten times on a busy machine: one more.
    if seen.2 != seen.3 || seen.0.matches("served").count() < 9 {
        seen = run().expect("as before");
    }
    let (timeline, capture, ours, theirs) = seen;
    assert_eq!(ours, theirs, "{timeline}\n{capture}");
    assert!(ours.len() >= 8 * 10, "{timeline}");
    assert_eq!(timeline.matches(" \"got a\"").count(), 2 * 8, "{timeline}");
    // What is printed last may be printed when it is left.
    assert!(timeline.matches("served").count() >= 9, "{timeline}");
    assert!(!timeline.contains("secret") && !timeline.contains("(exited"), "{timeline}");
}

/// A server, and its port.
fn server(mut with: Command) -> (Child, u16) {
    let python = python().expect("was asked for");
    let mut server = spawn(with.args([python, "-c", SERVER, ""]).stdout(Stdio::piped()));
    let mut line = String::new();
    let output = server.stdout.as_mut().expect("a pipe");
    BufReader::new(output).read_line(&mut line).expect("a line");
    (server, line.trim().parse().expect("a port"))
}

/// Asks the server something.
fn ask(port: u16, word: &str) {
    let mut client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    client.write_all(word.as_bytes()).expect("it is there");
}

/// The tool where everybody can run it.
fn for_everybody(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("socket-trace");
    fs::copy(tool("trace"), &path).expect("a copy");
    for path in [folder.path(), &path] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    path
}

fn is_root() -> bool {
    fs::metadata("/proc/self").expect("Linux").uid() == 0
}

/// Becomes an ordinary user, if this is none.
fn as_ordinary_user(program: &Path) -> Command {
    let mut command = launch(if is_root() { Path::new("setpriv") } else { program });
    if is_root() {
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
    }
    command
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn without_the_right_to_see_packets_the_rest_is_shown() {
    if python().is_none() || !has(&["setpriv", "strace"]) {
        return;
    }
    let folder = tempdir().expect("a folder");
    let tool = for_everybody(&folder);
    let python = Path::new("/usr/bin/python3");
    if !python.exists() {
        return missing("no Python for everybody");
    }
    let mut server = as_ordinary_user(python);
    let mut server = spawn(server.args(["-c", SERVER, ""]).stdout(Stdio::piped()));
    let mut output = BufReader::new(server.stdout.take().expect("a pipe"));
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    let port: u16 = line.trim().parse().expect("a port");

    let pid = server.id().to_string();
    let mut tool = as_ordinary_user(&tool);
    let run = tool.arg("--pid").arg(&pid).env_remove("CARGO");
    let mut run = spawn(run.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut errors = BufReader::new(run.stderr.take().expect("a pipe"));
    let mut line = String::new();
    errors.read_line(&mut line).expect("a line");
    if line.contains("ptrace_scope") || line.contains("seccomp") {
        assert!(line.contains("cannot be followed"), "{line}");
        let _ = (server.kill(), server.wait(), run.wait());
        return missing(&line);
    }
    assert!(line.contains(" is followed; "), "{line}");
    line.clear();
    errors.read_line(&mut line).expect("a line");
    let words = "(not shown: packets, since that takes the right CAP_NET_RAW";
    assert!(line.starts_with(words), "{line}");
    ask(port, "x");
    line.clear();
    output.read_line(&mut line).expect("a line");
    ask(port, "exit");
    let run = run.wait_with_output().expect("it ends");
    let timeline = String::from_utf8_lossy(&run.stdout);
    assert_eq!(run.status.code(), Some(3), "{timeline}");
    assert!(!timeline.contains("  packet "), "{timeline}");
    let state = format!("  state     FD1, at {port}: LISTEN\n");
    assert!(timeline.contains(&state), "{timeline}");
    assert!(timeline.contains("CLOSE-WAIT -> CLOSED"), "{timeline}");
    assert!(timeline.contains("  call    recvfrom(FD2, \"x\", 100, "), "{timeline}");
    assert!(timeline.contains(words), "{timeline}");
    let _ = server.wait();
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn one_line_says_why_a_process_cannot_be_followed() {
    if python().is_none() || !has(&["setpriv", "strace"]) {
        return;
    }
    let folder = tempdir().expect("a folder");
    let copy = for_everybody(&folder);
    let says = |mut tool: Command, arguments: &[&str], words: &str| {
        let (errors, status) = complains(tool.args(arguments).stdout(Stdio::null()));
        assert!(errors.starts_with(words), "{words}: {errors}");
        assert_eq!((errors.lines().count(), status), (1, Some(2)), "{errors}");
    };
    let ours = || launch(tool("trace"));
    for wrong in ["x", "0", "-1", "99999999999"] {
        says(ours(), &["--pid", wrong], "--pid: the number of a process");
    }
    for more in [&["--", "true"][..], &["true"], &["--with", "true"], &["--alone"]] {
        let arguments = [&["--pid", "1"], more].concat();
        says(ours(), &arguments, "--pid follows a program that runs already");
    }
    let mut ended = spawn(&mut launch("true"));
    ended.wait().expect("it ends");
    let number = ended.id().to_string();
    says(ours(), &["--pid", &number], &format!("there is no process {number}\n"));

    let (mut server, _) = server(launch("env"));
    let pid = server.id().to_string();
    if is_root() {
        let words = format!("process {pid} (");
        let tool = as_ordinary_user(&copy);
        says(tool, &["--pid", &pid], &words);
        let (errors, _) = complains(as_ordinary_user(&copy).args(["--pid", &pid]));
        assert!(errors.contains(" is not yours, it is root's: use sudo"), "{errors}");
    } else {
        says(ours(), &["--pid", "1"], "process 1 (");
    }
    // Somebody else has it.
    let mut first =
        spawn(ours().args(["--pid", &pid]).stderr(Stdio::piped()).stdout(Stdio::null()));
    let mut line = String::new();
    let errors = first.stderr.take().expect("a pipe");
    BufReader::new(errors).read_line(&mut line).expect("a line");
    if line.contains(" is followed; ") {
        says(ours(), &["--pid", &pid], &format!("process {pid} ("));
        let (errors, _) = complains(ours().args(["--pid", &pid]));
        assert!(errors.contains(" is followed already, by process "), "{errors}");
    } else {
        missing(&line);
    }
    kill("-INT", &first.id().to_string());
    assert_eq!(first.wait().expect("it ends").code(), Some(0), "{line}");
    let _ = (server.kill(), server.wait());
}

/// As it is used anywhere: by its own name, and without the course.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn it_stands_without_the_course() {
    let folder = tempdir().expect("a folder");
    let installed = |arguments: &[&str]| {
        let mut tool = command(tool("trace"));
        let run = tool.args(arguments).env_remove("CARGO").current_dir(folder.path()).output();
        let run = run.expect("it starts");
        let [output, errors] =
            [run.stdout, run.stderr].map(|text| String::from_utf8(text).expect("UTF-8"));
        (output, errors, run.status.code())
    };
    for version in ["-V", "--version"] {
        assert_eq!(
            installed(&[version]),
            ("socket-trace 0.1.0\n".to_owned(), String::new(), Some(0))
        );
    }
    let (help, ..) = installed(&["--help"]);
    assert!(help.contains("\n    socket-trace -- python3 server.py "), "{help}");
    assert!(!help.contains("cargo trace") && !help.contains("04_accept"), "{help}");
    assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    let by_cargo = command(tool("trace")).arg("--help").env("CARGO", "cargo").output();
    let by_cargo = String::from_utf8(by_cargo.expect("it starts").stdout).expect("UTF-8");
    assert!(by_cargo.contains("\n    cargo trace 04_accept "), "{by_cargo}");
    assert!(!by_cargo.contains("socket-trace"), "{by_cargo}");

    let (output, errors, status) = installed(&["04_accept"]);
    assert_eq!((&*output, errors.lines().count(), status), ("", 1, Some(2)), "{errors}");
    let words = "04_accept is an example of a course, socket-steps, and this folder is not in it. \
                 Any program: socket-trace -- ";
    assert!(errors.starts_with(words), "{errors}");
    let (_, errors, _) = installed(&["no_such_program"]);
    assert!(errors.starts_with("there is no program no_such_program, "), "{errors}");
    assert!(errors.contains("socket-trace -- python3 server.py"), "{errors}");
}
