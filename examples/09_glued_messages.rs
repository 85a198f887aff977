//! Step 9, TCP: messages that arrive glued together, or in pieces.
//!
//! A stream carries bytes in order and doesn't say where a `send` ended. So
//! three sends can arrive as one receive, and one send as several. The cure is
//! framing: the length goes ahead of each message, and both are read in full.
//!
//! Look for: "onetwothree", then pieces of 5 bytes, then the three messages
//! as they were sent.
//!
//! One terminal, both ends:
//!     cargo run --example 09_glued_messages
//! Two terminals, the client is you (printf writes the lengths; end nc with
//! Ctrl-C):
//!     cargo run --example 09_glued_messages -- 127.0.0.1:8090
//!     printf '\0\0\0\3one\0\0\0\5three' | nc 127.0.0.1 8090

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::{process::ExitCode, thread, time::Duration};

// Not the lesson: `run` reads the command line, `say` prints a line,
// `in_words` puts an error into words.
use socket_steps::{Failure, in_words, invite, run, say};
use socket2::{Domain, Protocol, Socket, Type};

/// No message is longer than this, in bytes.
const LIMIT: usize = 1024;

fn main() -> ExitCode {
    run(include_str!("09_glued_messages.rs"), lesson, with_you)
}

/// Steps 1 to 3: create, bind, listen.
fn listen(address: SocketAddr) -> Result<Socket, Failure> {
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(100)?;
    Ok(listener)
}

/// The cure, the sender's half: ahead of each message its length, in four
/// bytes, the highest first. Gives how many bytes that is in all.
fn send_frame(mut to: &TcpStream, message: &[u8]) -> io::Result<usize> {
    let length = u32::try_from(message.len()).map_err(io::Error::other)?;
    let frame = [&length.to_be_bytes(), message].concat();
    to.write_all(&frame)?;
    Ok(frame.len())
}

/// The cure, the receiver's half: the length in full, then that many bytes in
/// full. `read_exact` calls `read` until its buffer is full, and fails if the
/// stream ends before that. `None`: a clean end, between two frames.
fn read_frame(from: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut prefix = [0; 4];
    if from.read(&mut prefix[..1])? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut prefix[1..])?;

    // There must be a limit. Without it, four bytes from a stranger would
    // make us reserve 4 GB.
    let length = u32::from_be_bytes(prefix) as usize;
    if length > LIMIT {
        let told = format!("{length} bytes, the limit is {LIMIT}");
        return Err(io::Error::other(told));
    }
    let mut message = vec![0; length];
    from.read_exact(&mut message)?;
    Ok(Some(message))
}

/// Receives frames to the end, and says what they hold. It also stops at
/// anything that isn't a frame: nobody can tell where the next one begins.
fn receive_all(mut from: TcpStream) {
    loop {
        match read_frame(&mut from) {
            Ok(Some(message)) => {
                let text = String::from_utf8_lossy(&message);
                say("server", "read_frame", format!("{text:?}"));
            }
            Ok(None) => return say("server", "read_frame", "the end"),
            Err(error) => {
                return say("server", "read_frame", in_words(&error));
            }
        }
    }
}

/// Both ends. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    let listener = listen(address)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;

    // Step 4: connect (one line of std), accept. "No delay" makes each `send`
    // leave at once. It doesn't help.
    let mut client = TcpStream::connect(here)?;
    client.set_nodelay(true)?;
    let (conversation, _) = listener.accept()?;

    // The failure: three sends, one receive. (`peek` looks at what has arrived
    // and leaves it there. So this waits until all of it has, for a second at
    // most. Std's `peek` takes a plain buffer, so the socket is std's now.)
    let mut conversation = TcpStream::from(conversation);
    let mut buffer = [0; 1024];
    for text in ["one", "two", "three"] {
        let sent = client.write(text.as_bytes())?;
        say("client", "send", format!("{sent} bytes {text:?}"));
    }
    for _ in 0..100 {
        if conversation.peek(&mut buffer)? >= 11 {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let length = conversation.read(&mut buffer)?;
    let text = String::from_utf8_lossy(&buffer[..length]);
    say("server", "recv", format!("{length} bytes {text:?}"));

    // The other way round: one send, and a receiver with room for 5 bytes.
    let sent = client.write(b"four five six")?;
    say("client", "send", format!("{sent} bytes"));
    for _ in 0..3 {
        let length = conversation.read(&mut buffer[..5])?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        say("server", "recv", format!("{length} bytes {text:?}"));
    }

    // The cure: the same three as frames, each in four bytes more.
    for text in ["one", "two", "three"] {
        let sent = send_frame(&client, text.as_bytes())?;
        say("client", "send_frame", format!("{sent} bytes {text:?}"));
    }
    client.shutdown(Shutdown::Write)?;
    receive_all(conversation);

    // Two clients that don't send a frame: one too long, one cut off.
    for bytes in [&b"\xff\xff\xff\xff"[..], b"\0\0\0\x04fo"] {
        let mut client = TcpStream::connect(here)?;
        client.write_all(bytes)?;
        drop(client);
        let (conversation, _) = listener.accept()?;
        receive_all(conversation.into());
    }
    Ok(())
}

/// With an address, the client is you.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let listener = listen(address)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    let printf = r"printf '\0\0\0\3one\0\0\0\5three' | nc";
    invite("server", "accept", here, &[printf]);
    let (conversation, _) = listener.accept()?;
    receive_all(conversation.into());
    Ok(())
}
