//! Step 11, TCP: a receive that ends inside a character.
//!
//! In UTF-8 a character takes one to four bytes. A stream knows bytes only,
//! so what has arrived may end in the middle of a character. Decoding that
//! piece by itself fails, or quietly turns the character into "�".
//!
//! Look for: the character that gets lost between two receives, and the cures:
//! decode the whole message, or keep the incomplete end for next time.
//!
//! One terminal, both ends:
//!     cargo run --example 11_split_character
//! With an address, both ends use that port, for you to watch (tcpdump, ss):
//!     cargo run --example 11_split_character -- 127.0.0.1:8090

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::ExitCode;

// Not the lesson: `run_at` reads the command line, `say` prints a line.
use socket_steps::{Failure, run_at, say};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run_at(include_str!("11_split_character.rs"), lesson)
}

/// Both ends. The address is 127.0.0.1:0, unless you give another one.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen.
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(100)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;

    // Step 4: connect (one line of std), accept.
    let mut client = TcpStream::connect(here)?;
    let (mut conversation, _) = listener.accept()?;

    // Step 5: the client says the same three times, six bytes each time.
    for _ in 0..3 {
        let text = "你好";
        let sent = client.write(text.as_bytes())?;
        say("client", "send", format!("{sent} bytes {text:?}"));
    }
    client.shutdown(Shutdown::Write)?;

    // The failure: room for 4 bytes is room for 你 and a third of 好. Each
    // piece is decoded by itself, and nothing warns of the loss.
    let mut buffer = [0; 1024];
    for room in [4, 2] {
        let length = conversation.read(&mut buffer[..room])?;
        let piece = &buffer[..length];
        say("server", "recv", format!("{length} bytes {piece:02x?}"));
        let lossy = String::from_utf8_lossy(piece);
        say("server", "decode", format!("{lossy:?}"));
    }

    // The first cure: receive the whole message, then decode. Where it ends is
    // what framing tells (step 9); here both ends know that it is 6 bytes.
    let mut whole = [0; 6];
    conversation.read_exact(&mut whole)?;
    match std::str::from_utf8(&whole) {
        Ok(text) => say("server", "decode", format!("{text:?} in full")),
        Err(error) => say("server", "decode", error),
    }

    // The second cure, for text that has no ends: decode what is complete, and
    // keep the rest for next time. `error_len` tells the two reasons apart.
    // None: the bytes so far begin a character. A number: they aren't text,
    // and no later byte can repair that.
    let mut kept = Vec::new();
    loop {
        let length = conversation.read(&mut buffer[..4])?;
        if length == 0 {
            let over = kept.len();
            say("server", "recv", format!("the end, {over} left over"));
            return Ok(());
        }
        kept.extend(&buffer[..length]);
        let complete = match std::str::from_utf8(&kept) {
            Ok(_) => kept.len(),
            Err(e) if e.error_len().is_none() => e.valid_up_to(),
            Err(error) => {
                say("server", "decode", format!("not text: {error}"));
                return Ok(());
            }
        };
        let text = String::from_utf8_lossy(&kept[..complete]).into_owned();
        kept.drain(..complete);
        let over = kept.len();
        say("server", "decode", format!("{text:?}, {over} left over"));
    }
}
