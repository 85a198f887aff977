//! Step 7, TCP: the chat client.
//!
//! It connects, reads the server's greeting, sends its own, then sends what
//! you type, a line at a time, and prints each reply. `quit` ends it, and so
//! does the end of input. The server may be written in any language.
//!
//! Look for: each reply is read to its end, in one piece or in many. No length
//! is on the wire, but the client knows what it sent.
//!
//! Two terminals, at 127.0.0.1:8090 or where you say:
//!     cargo run --example 07_chat_server
//!     cargo run --example 07_chat_client
//! In Chinese, as the tutorial that it comes from, at another address:
//!     cargo run --example 07_chat_client -- "[::1]:8090" --lang zh

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use socket_steps::chat::{
    Lang, Progress, Refusal, greeting_progress, is_quit, reply_progress,
    to_send,
};
use socket_steps::{During, Failure, line, lines, run_chat};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run_chat(include_str!("07_chat_client.rs"), lesson)
}

fn lesson(address: SocketAddr, lang: Lang) -> Result<(), Failure> {
    // Step 1: create. Step 4, the client's half: connect.
    line(lang.waiting(address));
    let domain = Domain::for_address(address);
    let server = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
        .during("socket", None)?;
    server.connect(&address.into()).during("connect", address)?;

    // Step 5: the server speaks first. Only then do we.
    let greeting = receive(&server, lang, greeting_progress)
        .during("recv", address)?;
    line(lang.server_says(&greeting));
    send(&server, address, lang.client_greeting(), lang)?;

    // Step 5, again and again: send a line, receive the reply.
    for typed in lines(lang.prompt()) {
        let typed = typed.during("read", None)?;
        let text = match to_send(&typed) {
            Ok("") => Err(Refusal::Empty),
            checked => checked,
        };
        match text {
            Ok(text) if is_quit(text) => break,
            Ok(text) => send(&server, address, text, lang)?,
            Err(refusal) => line(lang.not_sent(&refusal)),
        }
    }

    // Step 6: say `quit` and close. The reply to it is not waited for.
    line(lang.client_sends("quit"));
    (&server).write_all(b"quit").during("send", address)?;
    drop(server);
    line(lang.client_closed());
    Ok(())
}

/// Sends a text, all of it, and receives the reply to it.
fn send(
    mut server: &Socket,
    address: SocketAddr,
    text: &str,
    lang: Lang,
) -> Result<(), Failure> {
    line(lang.client_sends(text));
    server.write_all(text.as_bytes()).during("send", address)?;
    let reply =
        receive(server, lang, |so_far| reply_progress(text, so_far))
            .during("recv", address)?;
    line(lang.server_says(&reply));
    Ok(())
}

/// Receives one message to its end: as many bytes as are missing, and no more.
fn receive(
    mut server: &Socket,
    lang: Lang,
    progress: impl Fn(&[u8]) -> Progress,
) -> io::Result<String> {
    let mut received = Vec::new();
    while let Progress::Missing(missing) = progress(&received) {
        let start = received.len();
        received.resize(start + missing, 0);
        let length = server.read(&mut received[start..])?;
        if length == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        received.truncate(start + length);
    }
    let text = String::from_utf8_lossy(&received).into_owned();
    if progress(&received) == Progress::Other {
        line(lang.not_the_answer(&text));
        return Err(ErrorKind::InvalidData.into());
    }
    Ok(text)
}
