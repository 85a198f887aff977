//! Step 11, TCP: a receive that ends inside a character.
//!
//! In UTF-8 a character takes one to four bytes. A stream knows bytes only,
//! so what has arrived may end in the middle of a character. Decoding that
//! piece by itself fails, or quietly turns the character into "�".
//!
//! Look for: the character that both receives lose, and the cures that keep
//! it: decode the whole message, or keep the incomplete end for next time.
//!
//! One terminal, both ends:
//!     cargo run --example 11_split_character
//! With an address, both ends use that port, for you to watch (tcpdump, ss):
//!     cargo run --example 11_split_character -- 127.0.0.1:8090

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::ExitCode;

use socket_steps::{ANY_PORT, During, Failure, NOT_IP, run, say};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("11_split_character.rs"), lesson)
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen.
    let address = given.unwrap_or(ANY_PORT);
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

    // Step 4: connect (one line of std), accept.
    let mut client = TcpStream::connect(here).during("connect", here)?;
    let (socket, peer) = listener.accept().during("accept", here)?;
    let peer = peer.as_socket().ok_or(NOT_IP)?;
    let mut conversation = &socket;

    // Step 5: the client says the same three times, six bytes each time.
    for _ in 0..3 {
        let sent = client.write("你好".as_bytes()).during("send", here)?;
        say("client", "send", format!("{sent} bytes \"你好\""));
    }
    client.shutdown(Shutdown::Write).during("shutdown", here)?;

    // The failure: room for 4 bytes is room for 你 and a third of 好. Each
    // piece is decoded by itself, and nothing warns of the loss.
    let mut buffer = [0; 1024];
    for room in [4, 2] {
        let room = &mut buffer[..room];
        let length = conversation.read(room).during("recv", peer)?;
        let piece = &buffer[..length];
        say("server", "recv", format!("{length} bytes {piece:02x?}"));
        let lossy = String::from_utf8_lossy(piece);
        say("server", "decode", format!("{lossy:?}"));
    }

    // The first cure: receive the whole message, then decode. Where it ends is
    // what framing tells (step 9); here both ends know that it is 6 bytes.
    let whole = &mut buffer[..6];
    conversation.read_exact(whole).during("recv", peer)?;
    match std::str::from_utf8(whole) {
        Ok(text) => say("server", "decode", format!("{text:?} in full")),
        Err(error) => say("server", "decode", error),
    }

    // The second cure, for text that has no ends: decode what is complete, and
    // keep the rest at the front of the buffer. `error_len` tells the two
    // reasons apart. None: the bytes so far begin a character. A number: they
    // are no text at all, and no later byte can mend that.
    let mut kept = 0;
    loop {
        let room = &mut buffer[kept..kept + 4];
        let length = conversation.read(room).during("recv", peer)?;
        let bytes = &buffer[..kept + length];
        let complete = match std::str::from_utf8(bytes) {
            Ok(_) => bytes.len(),
            Err(error) if error.error_len().is_none() => {
                error.valid_up_to()
            }
            Err(error) => {
                say("server", "decode", format!("not text: {error}"));
                break;
            }
        };
        if length == 0 {
            say("server", "recv", format!("the end, {kept} bytes over"));
            break;
        }
        let text = String::from_utf8_lossy(&bytes[..complete]);
        let over = bytes.len() - complete;
        say("server", "decode", format!("{text:?}, keep {over} bytes"));
        buffer.copy_within(complete..kept + length, 0);
        kept = over;
    }
    Ok(())
}
