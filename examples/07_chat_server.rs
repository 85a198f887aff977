//! Step 7, TCP: the chat server.
//!
//! The first server, grown up: it shows what each client says, in UTF-8 that
//! may arrive in pieces, ends the conversation at `quit`, and says how each one
//! ended. Clients in any language can talk to it.
//!
//! Look for: one client at a time. A second one is connected, and waits in the
//! queue until the first one leaves (step 16 changes that).
//!
//! Two terminals, at 127.0.0.1:8090 or where you say:
//!     cargo run --example 07_chat_server
//!     cargo run --example 07_chat_client
//! In Chinese, as the tutorial that it comes from, at the same address:
//!     cargo run --example 07_chat_server -- 127.0.0.1:8090 --lang zh

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::{process::ExitCode, thread, time::Duration};

// Not the lesson: the words of both languages, and when text is complete.
use socket_steps::chat::{Decoder, Ending, Lang, RECV_LIMIT, is_quit};
use socket_steps::{At, Failure, line, run_chat};
use socket2::{Domain, Protocol, Socket, Type};

/// How long a send may wait for a client that does not receive.
const PATIENCE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    run_chat(include_str!("07_chat_server.rs"), lesson)
}

fn lesson(name: &str, lang: Lang) -> Result<(), Failure> {
    // You may give a name, too, as localhost:8090, and a name may have several
    // addresses: step 17. This server takes the first that it can have.
    let mut outcome = Err("the name has no address".into());
    for address in name.to_socket_addrs()? {
        outcome = listen(address);
        if outcome.is_ok() {
            break;
        }
    }
    let listener = outcome?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    line(lang.listening(here));

    loop {
        // Step 4: accept the next client. When that fails, the server says
        // so, waits a little, and goes on: a shortage of open files passes,
        // and a client that has left is no reason to stop.
        let (client, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) => {
                line(lang.failed("accept", &error));
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        // (From macOS, a client that has left may come without its address.)
        let Some(peer) = peer.as_socket() else { continue };
        line(lang.connected(peer));

        // Step 5, until one of the two ends it. Whatever goes wrong with this
        // client, the next one is served. Step 6: `converse` closes.
        let end = match converse(client, lang) {
            Ok(end) => end,
            Err(error) => Ending::after(&error),
        };
        line(lang.disconnected(peer, end));
    }
}

/// Steps 1 to 3: create, bind, listen.
fn listen(address: SocketAddr) -> Result<Socket, Failure> {
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into()).at(address)?;
    listener.listen(100)?;
    Ok(listener)
}

/// Step 5: greet, then receive and answer until the end.
fn converse(mut client: Socket, lang: Lang) -> io::Result<Ending> {
    // A client that sends and never receives fills the buffers of both
    // kernels. Then `write_all` would wait forever, and so would everybody.
    // (Who says nothing keeps everybody waiting here, too: step 16.)
    client.set_write_timeout(Some(PATIENCE))?;
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
            // A client that says `quit` may be gone: then this send fails.
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
