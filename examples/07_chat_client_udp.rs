//! Step 7, UDP: the chat client.
//!
//! It sends a line at a time, and waits for the reply that names that line.
//! A datagram may be lost, late or doubled, so it waits half a second, sends
//! again, and gives up after the third time.
//!
//! Look for: start the client without a server. Then stop the server in the
//! middle of the chat, and start it again before the client gives up.
//!
//! Two terminals, at 127.0.0.1:8090 or where you say:
//!     cargo run --example 07_chat_server_udp
//!     cargo run --example 07_chat_client_udp
//! In Chinese, as the tutorial that it comes from, at the same address:
//!     cargo run --example 07_chat_client_udp -- 127.0.0.1:8090 --lang zh

use std::io;
use std::io::ErrorKind::{self, Interrupted, TimedOut, WouldBlock};
use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::{process::ExitCode, time::Duration, time::Instant};

// Not the lesson: the words of both languages, and what is a reply to what.
use socket_steps::chat::{
    Lang, Progress, greeting_progress, is_quit, reply_progress, to_send,
};
use socket_steps::{At, Failure, line, lines, run_chat};
use socket2::{Domain, Protocol, Socket, Type};

const ATTEMPTS: u32 = 3;
const PATIENCE: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    run_chat(include_str!("07_chat_client_udp.rs"), lesson)
}

fn lesson(name: &str, lang: Lang) -> Result<(), Failure> {
    // You may give a name, too, as localhost:8090, and a name may have several
    // addresses: step 17. Try each, until one answers.
    let is_name = name.parse::<SocketAddr>().is_err();
    let mut outcome = Err("the name has no address".into());
    for address in name.to_socket_addrs()? {
        if is_name {
            line(lang.tries(name, address));
        }
        outcome = greet(address, lang).map(|server| (server, address));
        if outcome.is_ok() {
            break;
        }
    }
    let (server, address) = outcome?;
    if is_name {
        line(lang.answers(name, address));
    }

    // Step 5, again and again: send a line, receive the reply.
    for typed in lines(lang.prompt()) {
        let typed = typed?;
        match to_send(&typed) {
            Ok(text) if is_quit(text) => break,
            // (An empty line is a datagram of 0 bytes, and arrives.)
            Ok(text) => exchange(&server, text, lang).at(address)?,
            Err(refusal) => line(lang.not_sent(&refusal)),
        }
    }

    // Step 6: say `quit` and close, without waiting for the reply.
    let word = "quit";
    let sent = server.send(word.as_bytes()).at(address)?;
    line(lang.client_sends(&word[..sent]));
    drop(server);
    line(lang.client_closed());
    Ok(())
}

/// Step 1: create. Step 4, the client's half: connect, so that datagrams from
/// strangers are kept away. Step 5: the client speaks first. How else would the
/// server know of it? And only its answer says that somebody is there.
fn greet(address: SocketAddr, lang: Lang) -> Result<UdpSocket, Failure> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.connect(&address.into()).at(address)?;
    let server = UdpSocket::from(socket);
    exchange(&server, lang.client_greeting(), lang).at(address)?;
    Ok(server)
}

/// Sends a text until its reply comes, three times at most.
fn exchange(server: &UdpSocket, text: &str, lang: Lang) -> io::Result<()> {
    let mut outcome = Ok(());
    for attempt in 1..=ATTEMPTS {
        if attempt > 1 {
            line(lang.trying_again(attempt, ATTEMPTS));
        }
        // (A send may fail with the news of an earlier datagram. Then this
        // one hasn't left: try once more.)
        if server.send(text.as_bytes()).is_err() {
            server.send(text.as_bytes())?;
        }
        if attempt == 1 {
            line(lang.client_sends(text));
        }
        outcome = receive_reply(server, text, lang);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Receives until the reply to `text` is there, for half a second at most. It
/// recognises a reply to another text. (Not one to the same text: step 15.)
fn receive_reply(
    server: &UdpSocket,
    text: &str,
    lang: Lang,
) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut error = io::Error::from(TimedOut);
    // (Room for any datagram: a longer one is an error on Windows.)
    let mut buffer = vec![0; 65_536];
    loop {
        // A timeout of zero would mean "wait forever".
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(error);
        }
        server.set_read_timeout(Some(left))?;
        let received = match server.recv(&mut buffer) {
            Ok(length) => &buffer[..length],
            Err(failed) => {
                match failed.kind() {
                    // Unix has one name for "time is up", Windows the other.
                    // Or the program was stopped and continued meanwhile.
                    WouldBlock | TimedOut | Interrupted => {}
                    // Nobody is there (Windows: reset), or a firewall says
                    // no. Perhaps soon.
                    ErrorKind::ConnectionReset => {
                        error = ErrorKind::ConnectionRefused.into();
                    }
                    kind => error = kind.into(),
                }
                continue;
            }
        };
        let words = String::from_utf8_lossy(received);
        if reply_progress(text, received) == Progress::Complete {
            line(lang.server_says(&words));
            return Ok(());
        }
        match greeting_progress(received) {
            Progress::Complete => line(lang.server_says(&words)),
            _ => line(lang.not_the_answer(&words)),
        }
    }
}
