//! Standard output: one line per step, and what to type elsewhere.

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use std::{iter, process, thread};

use crate::lang::{Lang, Words};
use crate::words::in_words;

/// Prints one line of the transcript: who acts, the call, what came of it.
pub fn say(who: &str, call: &str, what: impl Display) {
    say_in_columns(who, call, &what);
}

fn say_in_columns(who: &str, call: &str, what: &dyn Display) {
    print(&format!("{who:<10}{call:<12}{what}\n"), Lang::En);
}

/// Prints one line of a chat, as [`say`] prints one of a lesson.
pub fn line(words: Words) {
    print(&format!("{words}\n"), words.lang);
}

/// Writes to standard output, in one piece.
///
/// Once nobody reads there any more (`... | head -1`) the text is dropped:
/// that is no reason for a lesson to stop halfway. Any other reason why it
/// cannot be written (a full disk) is told, in `lang`, and ends the program
/// with exit status 1.
pub fn print(text: &str, lang: Lang) {
    let mut out = io::stdout();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    let Err(error) = written else { return };
    if error.kind() != io::ErrorKind::BrokenPipe {
        eprint(&format!(
            "{}: {}: {}\n  {}: {}",
            lang.text("error"),
            lang.text("standard output"),
            lang.text(&in_words(&error)),
            lang.text("why"),
            lang.text("a part of the transcript could not be written"),
        ));
        process::exit(1);
    }
}

/// Writes a line to standard error. If nobody reads there, nobody does.
pub fn eprint(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// In bytes: as much of a line is kept, so that no input fills memory.
const LONGEST_LINE: usize = 65_536;

/// A line of standard input, without its ending.
#[derive(Debug, PartialEq)]
pub struct Line {
    /// Its bytes; of a longer line the first 65,536.
    pub bytes: Vec<u8>,
    /// How many bytes it had.
    pub length: usize,
}

/// The lines of standard input.
///
/// Where a person types them, each is asked for with `prompt`, and the end of
/// input (Ctrl-D; on Windows Ctrl-Z and Enter) leaves the prompt's line.
/// Where they come from a file or a pipe, no prompt is in the transcript.
pub fn lines(prompt: Words) -> impl Iterator<Item = io::Result<Line>> {
    let is_person = io::stdin().is_terminal();
    iter::from_fn(move || {
        if is_person {
            print(&prompt.text, prompt.lang);
        }
        let line = read_line(&mut io::stdin().lock()).transpose();
        if line.is_none() && is_person {
            print("\n", prompt.lang);
        }
        line
    })
}

/// The same lines, for a program that has to look at something else while it
/// waits for one: a thread reads them.
pub struct Typed {
    ask: mpsc::Sender<()>,
    given: mpsc::Receiver<Option<io::Result<Line>>>,
    is_person: bool,
}

impl Typed {
    /// Asks for each line with `prompt`, as [`lines`] does.
    pub fn new(prompt: Words) -> io::Result<Self> {
        let (ask, asked) = mpsc::channel();
        let (give, given) = mpsc::channel();
        let is_person = io::stdin().is_terminal();
        thread::Builder::new().spawn(move || {
            let mut lines = lines(prompt);
            while asked.recv().is_ok() && give.send(lines.next()).is_ok() {}
        })?;
        Ok(Self { ask, given, is_person })
    }

    /// Waits for the next line; `None`: the input has ended. Calls `meanwhile`
    /// ten times a second. Its error ends the wait.
    pub fn wait(
        &self,
        mut meanwhile: impl FnMut() -> io::Result<()>,
    ) -> io::Result<Option<Line>> {
        let _ = self.ask.send(());
        loop {
            match self.given.recv_timeout(Duration::from_millis(100)) {
                Err(RecvTimeoutError::Timeout) => {}
                line => return line.ok().flatten().transpose(),
            }
            let seen = meanwhile();
            if seen.is_err() {
                if self.is_person {
                    // It leaves the prompt's line.
                    print("\n", Lang::En);
                }
                seen?;
            }
        }
    }
}

/// Reads one line to its end. `None`: the input has ended.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Line { bytes: Vec::new(), length: 0 };
    let mut last_two = [0; 2];
    loop {
        let available = match input.fill_buf() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            filled => filled?,
        };
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = &available[..end.map_or(available.len(), |end| end + 1)];
        for byte in part {
            last_two = [last_two[1], *byte];
        }
        let length = part.len();
        let room = LONGEST_LINE - line.bytes.len();
        line.bytes.extend_from_slice(&part[..length.min(room)]);
        line.length += length;
        input.consume(length);
        if end.is_some() || length == 0 {
            break;
        }
    }
    if line.length == 0 {
        return Ok(None);
    }
    line.length -= match last_two {
        [b'\r', b'\n'] => 2,
        [_, b'\n'] => 1,
        _ => 0,
    };
    line.bytes.truncate(line.length);
    Ok(Some(line))
}

/// Says that the other end is the reader, and what to type there: for each
/// of `others` the command that reaches `here`. `nc` and `nc -u` are netcat,
/// any other name is an example of this course.
pub fn invite(who: &str, call: &str, here: SocketAddr, others: &[&str]) {
    say(who, call, "waits for you. In another terminal, type");
    for (place, other) in others.iter().enumerate() {
        let or = if place == 0 { "" } else { "or" };
        say("", or, command(other, here));
    }
}

/// The command with which `other` reaches `address`.
pub fn command(other: &str, address: SocketAddr) -> String {
    let address = reachable(address);
    if other.ends_with("nc") || other.ends_with("nc -u") {
        // netcat takes the two apart, and the address without brackets. What
        // stands behind a `%` says over which network it is reached.
        let mut ip = address.ip().to_string();
        if let SocketAddr::V6(v6) = address {
            if v6.scope_id() != 0 {
                ip += &format!("%{}", v6.scope_id());
            }
        }
        return format!("{other} {ip} {}", address.port());
    }
    if address.is_ipv6() {
        // Without the quotes, zsh takes the brackets for a pattern.
        return format!("cargo run --example {other} -- \"{address}\"");
    }
    format!("cargo run --example {other} -- {address}")
}

/// Where a program on this machine reaches a socket that is bound to `address`.
///
/// 0.0.0.0 and `[::]` mean "every address of this machine" to `bind`, and
/// nothing portable to who sends there: it takes loopback.
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Waits until the reader presses Enter, or standard input ends. Nothing of
/// what is typed before is kept.
pub fn wait_for_enter() {
    let _ = io::stdin().lock().skip_until(b'\n');
}

/// The number by which this process names a socket: a file descriptor.
#[cfg(unix)]
pub fn descriptor(socket: &impl std::os::fd::AsRawFd) -> i32 {
    socket.as_raw_fd()
}

/// The number by which this process names a socket: on Windows, a handle.
#[cfg(windows)]
pub fn descriptor(
    socket: &impl std::os::windows::io::AsRawSocket,
) -> std::os::windows::io::RawSocket {
    socket.as_raw_socket()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn nc_takes_address_and_port_apart_and_without_brackets() {
        for (other, given, expected) in [
            ("nc", "127.0.0.1:8090", "nc 127.0.0.1 8090"),
            ("nc", "[::1]:8090", "nc ::1 8090"),
            ("nc -u", "[::1]:53", "nc -u ::1 53"),
            ("nc", "[fe80::1%2]:8090", "nc fe80::1%2 8090"),
        ] {
            assert_eq!(command(other, address(given)), expected);
        }
    }

    #[test]
    fn an_example_gets_the_address_as_it_is_typed() {
        for (given, typed) in [
            ("127.0.0.1:8090", "127.0.0.1:8090"),
            ("[::1]:8090", "\"[::1]:8090\""),
            ("[fe80::1%2]:8090", "\"[fe80::1%2]:8090\""),
        ] {
            let expected = format!("cargo run --example x -- {typed}");
            assert_eq!(command("x", address(given)), expected);
        }
    }

    #[test]
    fn a_wildcard_is_reached_by_loopback_of_its_own_family() {
        let reached = |text| reachable(address(text)).to_string();
        assert_eq!(reached("0.0.0.0:8090"), "127.0.0.1:8090");
        assert_eq!(reached("[::]:8090"), "[::1]:8090");
        assert_eq!(reached("192.0.2.1:8090"), "192.0.2.1:8090");
    }

    #[test]
    fn a_line_is_read_to_its_end_however_long_it_is() {
        let long = "x".repeat(70_000);
        let input = format!("one\r\n\n{long}\nlast");
        // A small buffer, so that a line comes in many pieces.
        let mut input = io::BufReader::with_capacity(7, input.as_bytes());
        let mut next = || read_line(&mut input).expect("it is readable");
        let line = |bytes: &[u8], length| {
            Some(Line { bytes: bytes.to_vec(), length })
        };
        assert_eq!(next(), line(b"one", 3));
        assert_eq!(next(), line(b"", 0));
        assert_eq!(next(), line(&[b'x'; 65_536], 70_000));
        assert_eq!(next(), line(b"last", 4));
        assert_eq!(next(), None);
    }
}
