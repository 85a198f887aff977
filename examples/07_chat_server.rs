//! Step 7, TCP: the chat server.
//!
//! All six steps in one program: it greets each client, answers every piece of
//! text with a prefix and that text, and ends the conversation at `quit`.
//! Clients in any language can talk to it: nothing but UTF-8 is on the wire.
//!
//! Look for: one client at a time. A second one is connected, and waits in the
//! queue until the first one leaves (step 16 changes that).
//!
//! Two terminals, at 127.0.0.1:8090 or where you say:
//!     cargo run --example 07_chat_server
//!     cargo run --example 07_chat_client
//! In Chinese, as the tutorial that it comes from, at another address:
//!     cargo run --example 07_chat_server -- "[::1]:8090" --lang zh

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use socket_steps::chat::{Decoder, Ending, Lang, RECV_LIMIT, is_quit};
use socket_steps::{During, Failure, NOT_IP, line, run_chat};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run_chat(include_str!("07_chat_server.rs"), lesson)
}

fn lesson(address: SocketAddr, lang: Lang) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen.
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
        .during("socket", None)?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true).during("set_reuse_address", None)?;
    listener.bind(&address.into()).during("bind", address)?;
    listener.listen(100).during("listen", address)?;
    let here = listener.local_addr().during("local_addr", None)?;
    let here = here.as_socket().ok_or(NOT_IP)?;
    line(lang.listening(here));

    loop {
        // Step 4: accept the next client. One that has left already, while it
        // was in the queue, is no reason to stop.
        let (conversation, peer) = match listener.accept() {
            Err(error) if left_already(&error) => continue,
            accepted => accepted.during("accept", here)?,
        };
        // (From macOS, one of those may come without its address.)
        let Some(peer) = peer.as_socket() else { continue };
        line(lang.connected(peer));

        // Step 5, until one of the two ends it. Whatever goes wrong with this
        // client, the next one is served.
        let end = converse(&conversation, lang).unwrap_or(Ending::Broken);
        line(lang.disconnected(peer, end));

        // Step 6: close. `conversation` is dropped here.
    }
}

/// Step 5: greet, then receive and answer until the end.
fn converse(mut client: &Socket, lang: Lang) -> io::Result<Ending> {
    client.write_all(lang.server_greeting().as_bytes())?;

    let mut buffer = [0; RECV_LIMIT];
    let mut decoder = Decoder::default();
    loop {
        // 0 bytes: the client has closed its side.
        let length = client.read(&mut buffer)?;
        if length == 0 && decoder.is_mid_character() {
            return Ok(Ending::LeftMidCharacter);
        } else if length == 0 {
            return Ok(Ending::Left);
        }

        // A receive may end inside a character (step 11): the decoder keeps
        // that piece back, and gives the text that is whole.
        let (text, bad) = decoder.push(&buffer[..length]);
        if !text.is_empty() {
            line(lang.client_says(&text));
            let sent = client.write_all(lang.reply(&text).as_bytes());
            // Who says `quit` need not wait for the reply: it may be gone.
            let whole = !bad && !decoder.is_mid_character();
            if is_quit(&text) && whole {
                return Ok(Ending::Quit);
            }
            sent?;
        }
        if bad {
            return Ok(Ending::NotText);
        }
    }
}

/// A client that left before it was accepted, as some systems report it; or a
/// signal, which interrupts the call and means nothing.
fn left_already(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}
