//! Step 25, TCP: the keyboard and a socket at once.
//!
//! A chat client has two to listen to: somebody who types, and the server. A
//! program that waits for one of them is deaf to the other. `poll` waits for
//! both in one call, and tells which of them has something.
//!
//! Look for: a greeting that is shown while nobody types, a line that arrives
//! in the middle of another one, last words, and an end that is told at once.
//! (A second connection stands for the keyboard: for `poll` all are alike.)
//!
//! One terminal, all ends:
//!     cargo run --example 25_keyboard
//! With an address, it is a chat client for you, until `quit` or Ctrl-D. It
//! speaks to the servers of steps 7, 16, 25 and 26, and to the group chat of
//! step 27, where your first line is your name:
//!     cargo run --example 07_chat_server
//!     cargo run --example 25_keyboard -- 127.0.0.1:8090

use std::io::{self, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use std::{net::ToSocketAddrs as _, process::ExitCode, str};

// `poll` itself: rustix has the calls of Unix, for safe Rust.
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::{fd::AsFd, io::Errno};
// Not the lesson: `run_named` reads the command line, `say` prints a line,
// `shown` writes out what would command a terminal, `at` puts the address into
// an error.
use socket_steps::{At, Failure, chat::shown, run_named, say};

const A_MOMENT: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(10);
/// As much of a line is kept, in bytes. A longer one is cut.
const LONGEST: usize = 65_536;

fn main() -> ExitCode {
    run_named(include_str!("25_keyboard.rs"), lesson, with_you)
}

/// A chat client: its two ends, what it has of a line of each, where it shows
/// lines; and, when nobody types any more, until when the server may speak.
struct Client<Keyboard> {
    keyboard: Keyboard,
    server: TcpStream,
    typed: Vec<u8>,
    heard: Vec<u8>,
    show: fn(&str),
    end: Option<Instant>,
}

/// (`AsFd` is what has a descriptor.)
impl<Keyboard: Read + AsFd> Client<Keyboard> {
    fn new(server: TcpStream, keyboard: Keyboard, show: fn(&str)) -> Self {
        let (typed, heard) = (Vec::new(), Vec::new());
        Self { keyboard, server, typed, heard, show, end: None }
    }

    /// One turn: one wait for both, and then a receive from whoever is ready.
    /// Returns whether there is another turn.
    fn turn(&mut self) -> io::Result<bool> {
        // Half a line from the server may be all that it says (step 7's has no
        // ends of lines). It gets a moment to become a whole one.
        let now = Instant::now();
        let mut limit = self.end.map(|e| e.saturating_duration_since(now));
        if limit == Some(Duration::ZERO) {
            (self.show)("(the server does not end: good-bye)");
            return Ok(false);
        }
        if text_length(&self.heard) > 0 {
            limit = Some(A_MOMENT);
        }

        // The call. It gets a list, and returns when one of those in it has
        // something, or has ended, or has failed: the receive tells which. The
        // keyboard is in it as long as somebody types.
        let server = PollFd::new(&self.server, PollFlags::IN);
        let keyboard = PollFd::new(&self.keyboard, PollFlags::IN);
        let mut list = [server, keyboard];
        let watched = if self.end.is_some() { 1 } else { 2 };
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        let ready = match poll(&mut list[..watched], limit.as_ref()) {
            // A signal came in between. The next turn waits anew.
            Err(Errno::INTR) => return Ok(true),
            ready => ready?,
        };
        let [heard, typed] = list.map(|one| !one.revents().is_empty());
        if ready == 0 {
            self.show_heard(true);
        }

        // Each gets one receive in a turn, so neither can keep the other out.
        let mut buffer = [0; 4096];
        if heard {
            let length = self.server.read(&mut buffer)?;
            self.heard.extend(&buffer[..length]);
            self.show_heard(length == 0);
            if length == 0 {
                (self.show)("(the server has ended it)");
                return Ok(false);
            }
        }
        if typed {
            let length = self.keyboard.read(&mut buffer)?;
            self.typed.extend(&buffer[..length]);
            self.send_typed(length == 0)?;
        }
        Ok(true)
    }

    /// Shows whole lines; or all there is, but for the beginning of a
    /// character (step 11).
    fn show_heard(&mut self, is_all: bool) {
        let mut length = lines_length(&self.heard);
        if is_all || self.heard.len() > LONGEST {
            length = text_length(&self.heard);
        }
        let text: Vec<u8> = self.heard.drain(..length).collect();
        for line in String::from_utf8_lossy(&text).lines() {
            (self.show)(&shown(line));
        }
    }

    /// Sends whole lines; or all there is. `quit` and the end of input end
    /// this direction (step 6). The server has some time for its last words.
    fn send_typed(&mut self, mut is_end: bool) -> io::Result<()> {
        let mut length = lines_length(&self.typed);
        if is_end || self.typed.len() > LONGEST {
            length = self.typed.len();
        }
        let text: Vec<u8> = self.typed.drain(..length).collect();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            self.server.write_all(line)?;
            if matches!(line, b"quit" | b"quit\n" | b"quit\r\n") {
                is_end = true;
                break;
            }
        }
        if is_end {
            self.end = Some(Instant::now() + PATIENCE);
            // (An error here says that the server has ended meanwhile.)
            let _ = self.server.shutdown(Shutdown::Write);
        }
        Ok(())
    }
}

/// How many of these bytes are whole lines.
fn lines_length(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

/// How many can be shown: not a character's beginning, at the end.
fn text_length(bytes: &[u8]) -> usize {
    match str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

/// What the others do: to send, and to receive.
fn send(who: &str, mut to: &TcpStream, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    say(who, "send", format!("{text:?}"));
    Ok(())
}

fn receive(who: &str, mut from: &TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    let length = from.read(&mut buffer)?;
    let text = String::from_utf8_lossy(&buffer[..length]);
    say(who, "recv", format!("{length} bytes {text:?}"));
    Ok(())
}

/// All ends. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 to 4, in lines of std: a client, its server, somebody who types.
    let listener = TcpListener::bind(address)?;
    let here = listener.local_addr()?;
    let meet = || -> io::Result<_> {
        let socket = TcpStream::connect(here)?;
        let (server, _) = listener.accept()?;
        let person = TcpStream::connect(here)?;
        let (keyboard, _) = listener.accept()?;
        let show = |line: &str| say("client", "show", line);
        Ok((Client::new(socket, keyboard, show), server, person))
    };
    let (mut client, server, person) = meet()?;

    // Nobody types, and the greeting is shown all the same. (In the first turn
    // it is half a line. In the second one a moment passes.)
    send("server", &server, "Hello, client!")?;
    client.turn()?;
    client.turn()?;

    // A line arrives while somebody is typing. It is shown at once, and what
    // is typed stays whole.
    send("person", &person, "hel")?;
    client.turn()?;
    send("server", &server, "ben: are you there?\n")?;
    client.turn()?;
    send("person", &person, "lo\n")?;
    client.turn()?;
    receive("server", &server)?;

    // The end of input ends one direction, and the server may still speak.
    person.shutdown(Shutdown::Write)?;
    client.turn()?;
    receive("server", &server)?;
    send("server", &server, "goodbye\n")?;
    client.turn()?;
    drop(server);
    client.turn()?;

    // Another conversation, which the server ends. Nobody has to type to learn
    // of it.
    let (mut client, server, _person) = meet()?;
    drop(server);
    client.turn()?;
    Ok(())
}

/// With an address, somebody who types is you. A name may have several
/// addresses: each is tried, until one answers (step 17).
fn with_you(name: &str) -> Result<(), Failure> {
    let mut outcome = Err("the name has no address".into());
    for address in name.to_socket_addrs()? {
        if name != address.to_string() {
            say("client", "connect", format!("{name} is {address}"));
        }
        let server = TcpStream::connect_timeout(&address, PATIENCE);
        outcome = server.at(address).map(|server| (server, address));
        if outcome.is_ok() {
            break;
        }
    }
    let (server, address) = outcome?;
    server.set_write_timeout(Some(PATIENCE))?;
    let mut client = Client::new(server, keyboard()?, show);
    while client.turn().at(address)? {
        // (Each turn shows and sends what there is.)
    }
    Ok(())
}

/// Standard input itself. (`io::stdin` reads ahead, into a buffer of which
/// `poll` knows nothing.)
#[cfg(all(unix, not(target_vendor = "apple")))]
fn keyboard() -> io::Result<std::fs::File> {
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// On Windows `poll` takes sockets only, and on macOS no terminal. So a thread
/// waits for the keyboard, and sends what is typed to a socket.
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
fn keyboard() -> io::Result<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut person = TcpStream::connect(listener.local_addr()?)?;
    let (keyboard, from) = listener.accept()?;
    if from != person.local_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    std::thread::Builder::new()
        .spawn(move || io::copy(&mut io::stdin().lock(), &mut person))?;
    Ok(keyboard)
}

/// Shows a line in a row of its own. Half a line may stand where it would go,
/// of which only the kernel knows. So many spaces as a row is wide lead into
/// the next row then; otherwise they fill this one, and `\r` goes back to its
/// beginning.
fn show(line: &str) {
    #[cfg(unix)]
    let width = rustix::termios::tcgetwinsize(io::stdout())
        .map_or(0, |size| usize::from(size.ws_col));
    #[cfg(not(unix))]
    let width = 0;
    let back = if width > 0 { "\r" } else { "" };
    let _ = writeln!(io::stdout(), "{:width$}{back}{line}", "");
}
