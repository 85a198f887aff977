//! Step 7, TCP: the chat client.
//!
//! It connects, reads the server's greeting, sends its own, then sends what
//! you type, a line at a time, and prints each reply. `quit` ends it, and so
//! does the end of input. The server may be written in any language.
//!
//! Look for: each reply is read to its end, in one piece or in many. Nothing
//! on the wire says how long it is, but the client knows what it sent.
//!
//! Two terminals, at 127.0.0.1:8090 or where you say:
//!     cargo run --example 07_chat_server
//!     cargo run --example 07_chat_client
//! In Chinese, as the tutorial that it comes from, at the same address:
//!     cargo run --example 07_chat_client -- 127.0.0.1:8090 --lang zh

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

// Not the lesson: the words of both languages, and when a reply is complete.
use socket_steps::chat::{
    Lang, Progress, Refusal, greeting_progress, is_quit, reply_progress,
    to_send,
};
use socket_steps::{At, Failure, Typed, line, run_chat};
use socket2::{Domain, Protocol, Socket, Type};

/// How long the connection may take, and each reply, all of it. The server may
/// be talking to somebody else. Or its queue was full, and it doesn't know that
/// we are here (step 14).
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    run_chat(include_str!("07_chat_client.rs"), lesson)
}

fn lesson(name: &str, lang: Lang) -> Result<(), Failure> {
    // You may give a name, too, as localhost:8090, and a name may have several
    // addresses. Try each, until one answers. (Step 17 is about that, and
    // doesn't wait so long for a silent one.)
    let mut outcome = Err("the name has no address".into());
    for address in name.to_socket_addrs()? {
        line(lang.waiting(address));
        outcome = connect(address).map(|server| (server, address));
        if outcome.is_ok() {
            break;
        }
    }
    let (mut server, address) = outcome?;
    if name != address.to_string() {
        line(lang.answers(name, address));
    }

    // Step 5: the server speaks first. Only then do we.
    let greeting =
        receive(&mut server, lang, greeting_progress).at(address)?;
    line(lang.server_says(&greeting));
    let hello = lang.client_greeting();
    exchange(&mut server, lang, hello).at(address)?;

    // Step 5, again and again: send a line, receive the reply. While nothing is
    // typed, look whether the server is still there.
    let keyboard = Typed::new(lang.prompt())?;
    while let Some(typed) =
        keyboard.wait(|| still_there(&server)).at(address)?
    {
        match to_send(&typed) {
            Ok("") => line(lang.not_sent(&Refusal::Empty)),
            Ok(text) if is_quit(text) => break,
            Ok(text) => exchange(&mut server, lang, text).at(address)?,
            Err(refusal) => line(lang.not_sent(&refusal)),
        }
    }

    // Step 6: say `quit` and close, without waiting for the reply.
    let word = "quit";
    let sent = server.write(word.as_bytes()).at(address)?;
    line(lang.client_sends(&word[..sent]));
    drop(server);
    line(lang.client_closed());
    Ok(())
}

/// Step 1: create. Step 4, the client's half: connect.
fn connect(address: SocketAddr) -> Result<Socket, Failure> {
    let domain = Domain::for_address(address);
    let server = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    server.connect_timeout(&address.into(), PATIENCE).at(address)?;
    Ok(server)
}

/// Looks for the end of the connection, and takes nothing (`MaybeUninit` is
/// room for a byte). Called ten times a second, it must not wait. (That is good
/// enough for one socket: step 24. Step 25 waits for both at once.)
fn still_there(server: &Socket) -> io::Result<()> {
    server.set_nonblocking(true)?;
    let seen = server.peek(&mut [MaybeUninit::uninit()]);
    server.set_nonblocking(false)?;
    match seen {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(()),
            _ => Err(error),
        },
    }
}

/// Sends a text, all of it, and receives the reply to it.
fn exchange(server: &mut Socket, lang: Lang, text: &str) -> io::Result<()> {
    server.write_all(text.as_bytes())?;
    line(lang.client_sends(text));
    let reply =
        receive(server, lang, |so_far| reply_progress(text, so_far))?;
    line(lang.server_says(&reply));
    Ok(())
}

/// Receives one message to its end: as many bytes as are missing, and no more.
/// `progress` tells how many those are.
fn receive(
    server: &mut Socket,
    lang: Lang,
    progress: impl Fn(&[u8]) -> Progress, // (any such function)
) -> io::Result<String> {
    let mut received = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while let Progress::Missing(missing) = progress(&received) {
        // A limit for each receive alone would begin anew with each piece. So
        // each gets what is left. (Never 0, which would be none: step 13.)
        let left = deadline.saturating_duration_since(Instant::now());
        server
            .set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let mut buffer = vec![0; missing];
        let length = match server.read(&mut buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => length,
            // A receive with a limit does not go on by itself after the
            // program was stopped and continued (Ctrl-Z, `fg`): repeat it.
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                continue;
            }
            Err(error) => return Err(error),
        };
        received.extend(&buffer[..length]);
    }
    let text = String::from_utf8_lossy(&received).into_owned();
    if progress(&received) == Progress::Other {
        line(lang.not_the_answer(&text));
        return Err(ErrorKind::InvalidData.into());
    }
    Ok(text)
}
