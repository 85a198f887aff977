//! Running an example, and making its transcript comparable.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use regex::{Captures, Regex};
use socket2::{Domain, Socket, Type};

use crate::chat::CHAT;
use crate::transcripts::LESSONS;

/// No example takes a tenth of this. One that does hangs, and is killed.
pub const HANG_LIMIT: Duration = Duration::from_secs(20);

/// The program of an example, fresh: cargo built it for this test.
pub fn program(name: &str) -> &'static str {
    let found = examples().find(|(example, _)| *example == name);
    found.expect("an example that transcripts.rs or chat.rs lists").1
}

/// All examples, lessons and chat programs: name and program.
pub fn examples() -> impl Iterator<Item = (&'static str, &'static str)> {
    LESSONS.iter().chain(CHAT).copied()
}

/// The top folder of the crate.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Repeats a call of the test itself that a signal interrupted. The end of
/// any program that a test has started is such a signal, in each test.
pub fn undisturbed<T>(
    mut call: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
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
    let output = assert_cmd::Command::new(program(name))
        .args(arguments)
        .write_stdin(input)
        .timeout(HANG_LIMIT)
        .output()
        .expect("the example starts");
    (
        output.status.code().expect("it ended by itself, in time"),
        String::from_utf8(output.stdout).expect("UTF-8"),
        String::from_utf8(output.stderr).expect("UTF-8"),
    )
}

/// A bound TCP socket that does not listen: nobody else can have its port,
/// and who connects is refused.
pub fn closed_tcp_port() -> Socket {
    let closed = Socket::new(Domain::IPV4, Type::STREAM, None);
    let closed = closed.expect("a socket");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    closed.bind(&any.into()).expect("a port");
    closed
}

/// The same for UDP: this socket is connected to itself, so the kernel keeps
/// everybody else's datagrams away, and reports the port as closed.
pub fn closed_udp_port() -> UdpSocket {
    let closed = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let here = closed.local_addr().expect("an address");
    closed.connect(here).expect("itself");
    closed
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
    static PATTERN: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(NUMBER).expect("a valid pattern"));
    let mut ports = HashMap::new();
    let mut descriptors = HashMap::new();
    let text = PATTERN.replace_all(transcript, |found: &Captures<'_>| {
        let (seen, word) = match found.name("descriptor") {
            Some(_) => (&mut descriptors, "FD"),
            None => (&mut ports, "PORT"),
        };
        let next = seen.len() + 1;
        let number = seen.entry(found[3].to_owned()).or_insert(next);
        format!("{}{word}{number}", &found[1])
    });
    text.into_owned()
}

/// Compares a transcript with `examples/transcripts/NAME.snap`.
pub fn compare(name: &str, transcript: &str) {
    let transcript = &as_on_unix(name, transcript);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../examples/transcripts");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, numbered(transcript)));
}

/// A transcript on `[::1]` as it would be on 127.0.0.1: it must be the same.
pub fn as_ipv4(transcript: &str) -> String {
    static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#""?\[::1\]:([0-9]+)"?"#).expect("a valid pattern")
    });
    ADDRESS
        .replace_all(transcript, "127.0.0.1:$1")
        .replace("nc ::1", "nc 127.0.0.1")
        .replace("nc -u ::1", "nc -u 127.0.0.1")
}

/// Where a transcript differs between systems, it is put as on Linux: Windows
/// gives out its numbers for sockets in no particular order, gives a port out
/// again although an old connection is not quite over, takes a long message
/// whole, and has no broken pipe. Each of these examples says so.
fn as_on_unix(name: &str, transcript: &str) -> String {
    let mut transcript = transcript.to_owned();
    if cfg!(windows) {
        let (here, unix) = match name.split('@').next() {
            Some("08_address_in_use") => (
                "granted: no connection is kept",
                "the address is already in use",
            ),
            Some("12_peer_gone_reset") => (
                "send        connection reset by the peer",
                "send        the connection is closed (broken pipe)",
            ),
            // (Wine only: see the last one.)
            Some("06_close_udp") => (
                "nothing: the report was lost",
                "refused: nobody is at that port",
            ),
            Some("10_short_write") => ("all of the", "fewer than the"),
            // Wine passes no such report on to a socket with a timeout.
            Some("15_cut_datagrams_udp")
                if transcript.contains("timed") =>
            {
                ("timed out", "connection refused")
            }
            Some("15_cut_datagrams_udp") => {
                ("connection reset by the peer", "connection refused")
            }
            _ => ("", ""),
        };
        if !here.is_empty() {
            transcript = transcript.replace(here, unix);
        }
    }
    if cfg!(windows) && name.split('@').next() == Some("06_close") {
        let close = transcript.lines().last().unwrap_or_default();
        let mut words = close.split(' ');
        let number = words.find(|word| word.parse::<u64>().is_ok());
        let number = number.unwrap_or_default().to_owned();
        transcript += "server    socket      descriptor ";
        transcript += &number;
        transcript += ", a new one\n";
    }
    transcript
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
        let mut child = Command::new(program(name))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the example starts");
        let output = child.stdout.take().expect("piped");
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

    /// Waits until a line with `word` in it shows, and gives that line.
    pub fn wait_for(&mut self, word: &str) -> String {
        loop {
            let left = self.deadline - Instant::now();
            let line =
                self.lines.recv_timeout(left).unwrap_or_else(|error| {
                    let shown = &self.shown;
                    unreachable!("no {word:?} ({error}) in:\n{shown}")
                });
            self.shown += &line;
            self.shown.push('\n');
            if line.contains(word) {
                return line;
            }
        }
    }

    /// The address in the `nc` command that the example tells to type.
    pub fn invited_to(&mut self) -> SocketAddr {
        let line = self.wait_for("nc ");
        let mut words = line.split_whitespace().rev();
        let port = words.next().expect("a port");
        let ip = words.next().expect("an address");
        SocketAddr::new(
            ip.parse().expect("an IP address"),
            port.parse().expect("a port number"),
        )
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("piped");
        writeln!(input, "{line}").expect("the example reads");
    }

    /// Ends an example that would go on for ever; gives what it has shown.
    pub fn stop(mut self) -> String {
        let _ = self.child.kill();
        while let Ok(line) = self.lines.recv_timeout(HANG_LIMIT) {
            self.shown += &line;
            self.shown.push('\n');
        }
        std::mem::take(&mut self.shown)
    }

    /// Waits for the end; gives the whole transcript. It must be a success.
    pub fn finish(mut self) -> String {
        loop {
            match self.lines.recv_timeout(self.deadline - Instant::now()) {
                Ok(line) => {
                    self.shown += &line;
                    self.shown.push('\n');
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    unreachable!("it hangs after:\n{}", self.shown)
                }
            }
        }
        let status = self.child.wait().expect("an exit status");
        assert!(status.success(), "{status} after:\n{}", self.shown);
        std::mem::take(&mut self.shown)
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
