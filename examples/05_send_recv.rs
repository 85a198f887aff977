//! Step 5, TCP: send and receive.
//!
//! A connection carries bytes, not strings, and it is a stream: what was sent
//! arrives complete and in order, but nothing marks where one `send` ended.
//! Text becomes bytes on the way in (UTF-8), and text again on the way out.
//!
//! Look for: the characters against the bytes, and one `send` that two
//! `recv`s share.
//!
//! One terminal, both ends:
//!     cargo run --example 05_send_recv
//! Two terminals, the client is you (type a line into nc):
//!     cargo run --example 05_send_recv -- 127.0.0.1:8090
//!     nc 127.0.0.1 8090

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;

// Not the lesson: `run` reads the command line, `say` prints a line.
use socket_steps::{Failure, invite, run, say};
use socket2::{Domain, Protocol, Socket, Type};

const BACKLOG: i32 = 100;
const GREETING: &str = "Hello, 你好!";

fn main() -> ExitCode {
    run(include_str!("05_send_recv.rs"), lesson, with_you)
}

/// Both ends. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen.
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    listener.bind(&address.into())?;
    listener.listen(BACKLOG)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;

    // Step 4: a client connects (one line of std), accept it.
    let mut client = TcpStream::connect(here)?;
    let (mut conversation, _) = listener.accept()?;

    // Step 5: send. `as_bytes` is UTF-8, in which 你 is three bytes long.
    // `send` returns how many bytes the kernel took.
    let sent = conversation.send(GREETING.as_bytes())?;
    let letters = GREETING.chars().count();
    say("server", "send", format!("{letters} characters, {sent} bytes"));

    // The client has room for 7 bytes, then for 1024. The second call goes on
    // where the first one stopped. Then the client answers.
    let mut buffer = [0; 1024];
    for room in [7, 1024] {
        let length = client.read(&mut buffer[..room])?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        say("client", "recv", format!("{length} bytes {text:?}"));
    }
    let sent = client.write("谢谢!".as_bytes())?;
    say("client", "send", format!("{sent} bytes"));

    // Step 5: receive, up to 1024 bytes. (std calls `recv` `read`.) It waits
    // until there is at least one byte, and returns how many it got. Only that
    // part of the buffer means anything.
    let mut buffer = [0; 1024];
    let length = conversation.read(&mut buffer)?;
    let bytes = &buffer[..length];
    say("server", "recv", format!("{length} bytes {bytes:02x?}"));

    // Bytes from the network may not be text at all, so this can fail.
    match std::str::from_utf8(bytes) {
        Ok(text) => say("server", "decode", format!("{text:?}")),
        Err(error) => say("server", "decode", format!("not text: {error}")),
    }
    Ok(())
}

/// With an address, the client is you.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(BACKLOG)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    invite("server", "accept", here, &["nc"]);
    let (mut conversation, _) = listener.accept()?;

    let sent = conversation.send(GREETING.as_bytes())?;
    let letters = GREETING.chars().count();
    say("server", "send", format!("{letters} characters, {sent} bytes"));
    say("server", "recv", "waits for a line from you");
    let mut buffer = [0; 1024];
    let length = conversation.read(&mut buffer)?;
    let bytes = &buffer[..length];
    say("server", "recv", format!("{length} bytes {bytes:02x?}"));
    match std::str::from_utf8(bytes) {
        Ok(text) => say("server", "decode", format!("{text:?}")),
        Err(error) => say("server", "decode", format!("not text: {error}")),
    }
    Ok(())
}
