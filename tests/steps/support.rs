//! Running an example, and making its transcript comparable.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use regex_lite::{Captures, Regex};
use socket2::{Domain, Socket, Type};

use crate::machine::{command, launch, missing, program, skip, spawn};
use crate::names::as_recorded;
use crate::transcripts::{CHAT, LESSONS};

/// No example takes a tenth of this. One that does hangs, and is ended; and every wait of the
/// tests themselves ends then.
pub const HANG_LIMIT: Duration = Duration::from_secs(60);

/// No program shows or sends as much. One that does would never end.
const ENDLESS: u64 = 1 << 20;

/// The text of an example.
pub fn source(name: &str) -> String {
    let path = top().join(format!("examples/{name}.rs"));
    fs::read_to_string(path).expect(name)
}

/// All examples, lessons and chat programs.
pub fn examples() -> impl Iterator<Item = &'static str> {
    LESSONS.iter().chain(CHAT).copied()
}

/// The top folder of the crate.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs an example with `arguments` and nothing on its standard input, and
/// gives its exit status, standard output and standard error.
pub fn run(name: &str, arguments: &[&str]) -> (i32, String, String) {
    run_with(name, arguments, "")
}

/// The same, with `input` on its standard input.
pub fn run_with(
    name: &str,
    arguments: &[&str],
    input: impl Into<Vec<u8>>,
) -> (i32, String, String) {
    let output = command(program(name)).args(arguments).write_stdin(input).output();
    let output = output.expect("it starts");
    let [shown, errors] = [output.stdout, output.stderr].map(String::from_utf8);
    let (shown, errors) = (shown.expect("UTF-8"), errors.expect("UTF-8"));
    let Some(status) = output.status.code() else {
        unreachable!("{name}: {} after:\n{shown}{errors}", output.status)
    };
    (status, shown, errors)
}

/// Runs an example that must succeed and have nothing to complain of; gives its transcript.
pub fn succeeds(name: &str, arguments: &[&str], input: impl Into<Vec<u8>>) -> String {
    let mut command = command(program(name));
    let assert = command.args(arguments).write_stdin(input).assert().success().stderr("");
    String::from_utf8(assert.get_output().stdout.clone()).expect("UTF-8")
}

/// Asks again and again until there is an answer; `None` if time is up.
pub fn within_limit<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        let answer = ask();
        if answer.is_some() || start.elapsed() > HANG_LIMIT {
            return answer;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

pub fn took_less(began: Instant, limit: Duration) {
    let took = began.elapsed();
    assert!(took < limit, "{took:?}");
}

/// Loopback in both families. A machine without IPv6 says so, and goes on.
pub fn families() -> Vec<&'static str> {
    let mut families = vec!["127.0.0.1:0"];
    if TcpListener::bind("[::1]:0").is_ok() {
        families.push("[::1]:0");
    } else {
        missing("this machine has no [::1] (IPv6)");
    }
    families
}

/// A client of an example, whose calls do not wait for ever.
pub fn connect(server: SocketAddr) -> TcpStream {
    let peer = TcpStream::connect_timeout(&server, HANG_LIMIT);
    limited(peer.expect("it listens"))
}

/// Waits for an example to connect.
pub fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    listener.set_nonblocking(true).expect("an option");
    let accepted = within_limit(|| match listener.accept() {
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        result => Some(result),
    });
    let (peer, from) = accepted.expect("a client").expect("no error");
    (limited(peer), from)
}

fn limited(peer: TcpStream) -> TcpStream {
    // On macOS and Windows it has this from a non-blocking listener.
    peer.set_nonblocking(false).expect("an option");
    peer.set_read_timeout(Some(HANG_LIMIT)).expect("a timeout");
    peer.set_write_timeout(Some(HANG_LIMIT)).expect("a timeout");
    peer
}

/// Receives this text, however it is cut.
pub fn expect(mut peer: &TcpStream, text: &str) {
    let mut got = vec![0; text.len()];
    peer.read_exact(&mut got).expect(text);
    assert_eq!(String::from_utf8_lossy(&got), text);
}

/// Waits until something has come, and leaves it unread. Repeated: a receive
/// with a limit may be interrupted in the tests as well.
pub fn wait_for_bytes(peer: &TcpStream) {
    let length = within_limit(|| peer.peek(&mut [0]).ok());
    assert_eq!(length, Some(1), "bytes, and no end");
}

/// Receives what comes until the peer ends its direction.
pub fn rest(peer: &TcpStream) -> String {
    let mut rest = String::new();
    peer.take(ENDLESS).read_to_string(&mut rest).expect("text, an end");
    rest
}

/// A UDP socket whose receives do not wait for ever.
pub fn datagrams(at: &str) -> UdpSocket {
    let socket = UdpSocket::bind(at).expect("a port");
    socket.set_read_timeout(Some(HANG_LIMIT)).expect("a timeout");
    socket
}

/// The next datagram: its length, and where it is from. A receive with a
/// limit may be interrupted in the tests as well.
pub fn receive(peer: &UdpSocket, buffer: &mut [u8]) -> (usize, SocketAddr) {
    loop {
        let received = peer.recv_from(buffer);
        match received {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            received => return received.expect("a datagram"),
        }
    }
}

/// A bound TCP socket that does not listen, and its address: nobody else can
/// have its port, and who connects is refused.
pub fn closed_tcp_port() -> (Socket, SocketAddr) {
    let closed = Socket::new(Domain::IPV4, Type::STREAM, None);
    let closed = closed.expect("a socket");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    closed.bind(&any.into()).expect("a port");
    let here = closed.local_addr().expect("an address");
    (closed, here.as_socket().expect("an IP address"))
}

/// The same for UDP: this socket is connected to itself, so the kernel keeps
/// everybody else's datagrams away, and reports the port as closed.
pub fn closed_udp_port() -> (UdpSocket, SocketAddr) {
    let closed = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let here = closed.local_addr().expect("an address");
    closed.connect(here).expect("itself");
    (closed, here)
}

pub fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a valid pattern")
}

/// Numbers what differs from run to run by first appearance: ports become
/// PORT1, PORT2 ..., descriptors FD1, FD2 ...
///
/// One word for every port would hide who is who; a number does not.
pub fn numbered(transcript: &str) -> String {
    const NUMBER: &str = concat!(
        r"((?:127\.0\.0\.1|0\.0\.0\.0|\[::1?\]):",
        r"|nc (?:-u )?(?:127\.0\.0\.1|::1) ",
        r"|(?<descriptor>descriptor ))([1-9][0-9]*)",
    );
    let mut ports = HashMap::new();
    let mut descriptors = HashMap::new();
    let transcript = &*as_recorded(transcript);
    let text = regex(NUMBER).replace_all(transcript, |parts: &Captures<'_>| {
        let (numbers, word) = match parts.name("descriptor") {
            Some(_) => (&mut descriptors, "FD"),
            None => (&mut ports, "PORT"),
        };
        let next = numbers.len() + 1;
        let number = numbers.entry(parts[3].to_owned()).or_insert(next);
        format!("{}{word}{number}", &parts[1])
    });
    text.into_owned()
}

/// What these show is for Linux. macOS prints what Windows prints.
const FOR_LINUX: [&str; 3] = ["17_one_port_twice", "18_silent_peer", "25_edge"];

/// Compares a transcript with `examples/transcripts/NAME.snap`, or, on Windows
/// where that differs, with `NAME@windows.snap`.
pub fn compare(name: &str, transcript: &str) {
    if let Some(why) = only_wine_differs(name) {
        return skip(&format!("{name}: {why}"));
    }
    let windows = format!("{name}@windows");
    let is_windows = cfg!(windows) && snapshot_path(TRANSCRIPTS, &windows).exists();
    let as_windows = !cfg!(any(windows, target_os = "linux")) && FOR_LINUX.contains(&name);
    let mut transcript = numbered(transcript);
    if as_windows {
        // (But a receive whose time is up is told in Unix' words.)
        transcript = transcript.replace("nothing yet (it would block)", "timed out");
    }
    let name = if is_windows || as_windows { &windows } else { name };
    assert_snapshot(TRANSCRIPTS, name, &transcript);
}

/// Why this transcript is not Windows' own where Wine answers the calls.
pub fn only_wine_differs(name: &str) -> Option<&'static str> {
    const TAKES_ALL: &str = "under Wine a send takes all, so nobody is ever too slow";
    const REFUSED: &str = "Wine does not report a closed UDP port";
    const RESET: &str = "a reset may read as 0 bytes under Wine";
    const SEND: &str = "Wine has its own error for a send without a peer";
    const NO_WORD: &str = "under Wine it may end without a word";
    // This program comes with Wine.
    let wine = r"C:\windows\system32\winecfg.exe";
    if !cfg!(windows) || !Path::new(wine).exists() {
        return None;
    }
    match name.split('@').next()? {
        "06_close_udp" | "15_cut_datagrams_udp" => Some(REFUSED),
        "12_peer_gone_reset" | "20_last_words" => Some(RESET),
        "20_two_handles" => Some(NO_WORD),
        "27_group_chat_threads" | "27_group_chat_tokio" => Some(TAKES_ALL),
        "01_create" | "01_create_udp" => Some(SEND),
        _ => None,
    }
}

/// The folder of the transcripts in `examples`.
pub const TRANSCRIPTS: &str = "transcripts";

/// Compares with `examples/FOLDER/NAME.snap`.
///
/// The snapshots are in folders without a Cargo.toml: cargo-insta looks into no others.
pub fn assert_snapshot(folder: &str, name: &str, content: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../../examples/{folder}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, content));
}

pub fn snapshot_path(folder: &str, name: &str) -> PathBuf {
    top().join(format!("examples/{folder}/{name}.snap"))
}

/// The content of a snapshot, without its header.
pub fn snapshot(folder: &str, name: &str) -> String {
    let text = fs::read_to_string(snapshot_path(folder, name)).expect(name);
    let text = text.replace("\r\n", "\n");
    text.splitn(3, "---\n").nth(2).expect("a header").to_owned()
}

/// A transcript on `[::1]` as it would be on 127.0.0.1: it must be the same.
pub fn as_ipv4(transcript: &str) -> String {
    regex(r#""?\[::1\]:([0-9]+)"?"#)
        .replace_all(transcript, "127.0.0.1:$1")
        .replace("nc ::1", "nc 127.0.0.1")
        .replace("nc -u ::1", "nc -u 127.0.0.1")
}

/// An example in its own "terminal", that waits for a peer or for Enter.
pub struct Terminal {
    child: Child,
    lines: Receiver<String>,
    shown: String,
    deadline: Instant,
}

impl Terminal {
    /// Starts an example there.
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        Self::open(launch(program(name)).args(arguments))
    }

    /// Starts any program there.
    pub fn open(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = spawn(command);
        let output = child.stdout.take().expect("piped").take(ENDLESS);
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let line = line.expect("UTF-8");
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let deadline = Instant::now() + HANG_LIMIT;
        Self { child, lines, shown: String::new(), deadline }
    }

    /// The next line, which is then among those shown.
    fn next_line(&mut self, until: Instant) -> Result<String, RecvTimeoutError> {
        let left = until.saturating_duration_since(Instant::now());
        let line = self.lines.recv_timeout(left)?;
        self.shown += &line;
        self.shown.push('\n');
        Ok(line)
    }

    /// Waits until a line with `word` in it shows, and gives that line.
    pub fn wait_for(&mut self, word: &str) -> String {
        loop {
            match self.next_line(self.deadline) {
                Ok(line) if line.contains(word) => return line,
                Ok(_) => {}
                Err(error) => {
                    let shown = &self.shown;
                    unreachable!("no {word:?} ({error}) in:\n{shown}")
                }
            }
        }
    }

    /// The address in the `nc` command that the example tells to type.
    pub fn invited_to(&mut self) -> SocketAddr {
        let line = self.wait_for("nc ");
        let mut words = line.split_whitespace().rev();
        let port = words.next().expect("a port");
        let ip = words.next().expect("an address");
        SocketAddr::new(ip.parse().expect("an IP address"), port.parse().expect("a port number"))
    }

    /// Types a line, which arrives in one piece, as from a terminal.
    pub fn type_line(&mut self, line: &str) {
        self.type_keys(&format!("{line}\n"));
    }

    /// Types this, and no end of line.
    pub fn type_keys(&mut self, keys: &str) {
        let input = self.child.stdin.as_mut().expect("piped");
        input.write_all(keys.as_bytes()).expect("the example reads");
    }

    /// Ends an example that would go on for ever; gives what it has shown.
    pub fn stop(mut self) -> String {
        let _ = self.child.kill();
        while self.next_line(self.deadline).is_ok() {}
        std::mem::take(&mut self.shown)
    }

    /// Waits for the end; gives the whole transcript. It must be a success.
    pub fn finish(mut self) -> String {
        let end = loop {
            if let Err(end) = self.next_line(self.deadline) {
                break end;
            }
        };
        let ended = end == RecvTimeoutError::Disconnected;
        let status = if ended { within_limit(|| self.status()) } else { None };
        let Some(status) = status else { unreachable!("it hangs after:\n{}", self.shown) };
        assert!(status.success(), "{status} after:\n{}", self.shown);
        std::mem::take(&mut self.shown)
    }

    /// How it ended, if it has.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a status")
    }
}

#[cfg(target_os = "linux")]
impl Terminal {
    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has shown in what was waited for.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// How many lines show in this time (with those that have not been waited for).
    pub fn lines_within(&mut self, time: Duration) -> usize {
        let end = Instant::now() + time;
        let mut number = 0;
        while self.next_line(end).is_ok() {
            number += 1;
        }
        number
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn ports_and_descriptors_keep_who_is_who() {
    assert_eq!(
        numbered(
            "127.0.0.1:0, 0.0.0.0:51 [::1]:7 127.0.0.1:51 nc ::1 7\n\
             descriptor 7, descriptor 3, descriptor 7"
        ),
        "127.0.0.1:0, 0.0.0.0:PORT1 [::1]:PORT2 127.0.0.1:PORT1 \
         nc ::1 PORT2\ndescriptor FD1, descriptor FD2, descriptor FD1"
    );
}
