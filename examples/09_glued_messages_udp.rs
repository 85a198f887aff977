//! Step 9, UDP: messages stay apart.
//!
//! The same three sends as in 09_glued_messages, as datagrams. Each carries
//! its own length, so none is glued to another and none arrives in pieces.
//! Framing is what a stream lacks, and what UDP does for you.
//!
//! Look for: the same sends, and one receive for each of them, although all
//! three had arrived before the first receive.
//!
//! One terminal, both ends:
//!     cargo run --example 09_glued_messages_udp
//! Two terminals, the client is you (type three lines into nc):
//!     cargo run --example 09_glued_messages_udp -- 127.0.0.1:8090
//!     nc -u 127.0.0.1 8090

use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;

// Not the lesson: `run` reads the command line, `say` prints a line,
// `in_words` puts an error into words.
use socket_steps::{Failure, in_words, invite, run, say};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("09_glued_messages_udp.rs"), lesson, with_you)
}

/// Both ends. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 and 2: create, bind. (UDP has no steps 3 and 4. From here on we
    // use the same socket as std's UdpSocket: see step 3.)
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    let here = socket.local_addr()?;

    // Step 5: three sends, from std's UdpSocket.
    let client = UdpSocket::bind("127.0.0.1:0")?;
    for text in ["one", "two", "three"] {
        let sent = client.send_to(text.as_bytes(), here)?;
        say("client", "send_to", format!("{sent} bytes {text:?}"));
    }

    receive_three(&socket)
}

/// Step 5: three receives. There is room for any datagram, and yet each one
/// gets a single datagram: the kernel keeps them apart.
fn receive_three(socket: &UdpSocket) -> Result<(), Failure> {
    let mut buffer = [0; 65_536];
    for _ in 0..3 {
        let (length, _) = socket.recv_from(&mut buffer)?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        say("server", "recv_from", format!("{length} bytes {text:?}"));
    }

    // Nothing is left over. (UDP doesn't promise to deliver all of them, once
    // each, in order, or in full to a small buffer. That is step 15.)
    socket.set_nonblocking(true)?;
    match socket.recv_from(&mut buffer) {
        Ok((length, _)) => say("server", "recv_from", length),
        Err(error) => say("server", "recv_from", in_words(&error)),
    }
    Ok(())
}

/// With an address, the client is you.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    let here = socket.local_addr()?;
    invite("server", "recv_from", here, &["nc -u"]);
    receive_three(&socket)
}
