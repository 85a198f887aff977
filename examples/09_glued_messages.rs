//! Step 9, TCP: messages that arrive glued together, or in pieces.
//!
//! A stream carries bytes in order and does not say where a `send` ended. So
//! three sends can arrive as one receive, and one send as several. The cure is
//! framing: every message is preceded by its length, and read in full.
//!
//! Look for: "onetwothree", then pieces of 5 bytes, then the three messages
//! as they were sent.
//!
//! One terminal, both ends:
//!     cargo run --example 09_glued_messages
//! With an address, both ends use that port, for you to watch (tcpdump, ss):
//!     cargo run --example 09_glued_messages -- 127.0.0.1:8090

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::ExitCode;

use socket_steps::{
    ANY_PORT, During, Failure, NOT_IP, read_frame, run, say,
};
use socket2::{Domain, Protocol, Socket, Type};

/// No message is longer than this, in bytes.
const LIMIT: usize = 1024;

fn main() -> ExitCode {
    run(include_str!("09_glued_messages.rs"), lesson)
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

    // Step 4: connect (one line of std), accept. "No delay" makes each `send`
    // leave at once, and does not help.
    let mut client = TcpStream::connect(here).during("connect", here)?;
    client.set_nodelay(true).during("set_nodelay", None)?;
    let (socket, peer) = listener.accept().during("accept", here)?;
    let peer = peer.as_socket().ok_or(NOT_IP)?;
    let mut conversation = TcpStream::from(socket);
    let mut buffer = [0; 1024];

    // The failure: three sends, one receive. (`peek` looks at what has
    // arrived and leaves it there: this waits until all of it has.)
    for text in ["one", "two", "three"] {
        let sent = client.write(text.as_bytes()).during("send", here)?;
        say("client", "send", format!("{sent} bytes {text:?}"));
    }
    while conversation.peek(&mut buffer).during("peek", peer)? < 11 {}
    let length = conversation.read(&mut buffer).during("recv", peer)?;
    let text = String::from_utf8_lossy(&buffer[..length]);
    say("server", "recv", format!("{length} bytes {text:?}"));

    // The other way round: one send, and a receiver with room for 5 bytes.
    let sent = client.write(b"four five six").during("send", here)?;
    say("client", "send", format!("{sent} bytes, once"));
    for _ in 0..3 {
        let room = &mut buffer[..5];
        let length = conversation.read(room).during("recv", peer)?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        say("server", "recv", format!("{length} bytes {text:?}"));
    }

    // The cure: ahead of each message its length, as four bytes.
    for text in ["\0\0\0\x03one", "\0\0\0\x03two", "\0\0\0\x05three"] {
        let sent = client.write(text.as_bytes()).during("send", here)?;
        say("client", "send", format!("{sent} bytes {text:?}"));
    }

    // The receiver reads the length in full, then that many bytes in full:
    // `read_exact` calls `read` until its buffer is full. It has a limit, or
    // four bytes from a stranger would make it reserve 4 GB.
    let mut prefix = [0; 4];
    conversation.read_exact(&mut prefix).during("recv", peer)?;
    let length = u32::from_be_bytes(prefix) as usize;
    let Some(message) = buffer[..LIMIT].get_mut(..length) else {
        say("server", "read_exact", "over the limit: refused");
        return Ok(());
    };
    conversation.read_exact(message).during("recv", peer)?;
    say("server", "read_exact", String::from_utf8_lossy(message));

    // `read_frame` (src/frame.rs) does the same, until the stream ends between
    // two frames: a clean end.
    client.shutdown(Shutdown::Write).during("shutdown", here)?;
    while let Ok(frame) = read_frame(&conversation, LIMIT) {
        let Some(message) = frame else {
            say("server", "read_frame", "the end, in good order");
            break;
        };
        say("server", "read_frame", String::from_utf8_lossy(&message));
    }

    // Two clients that send what is no frame: too long, and cut off. The place
    // in the stream is lost then, and the connection is of no more use.
    for bytes in [&b"\xff\xff\xff\xff"[..], b"\0\0\0\x04fo"] {
        let mut client =
            TcpStream::connect(here).during("connect", here)?;
        client.write_all(bytes).during("send", here)?;
        drop(client);
        let (socket, _) = listener.accept().during("accept", here)?;
        if let Err(error) = read_frame(&socket, LIMIT) {
            say("server", "read_frame", error);
        }
    }
    Ok(())
}
