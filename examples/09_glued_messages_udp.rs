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

use socket_steps::{
    ANY_PORT, During, Failure, NOT_IP, in_words, invite, nc_udp, run, say,
};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("09_glued_messages_udp.rs"), lesson)
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // Steps 1 and 2: create, bind. (UDP has no steps 3 and 4.)
    let address = given.unwrap_or(ANY_PORT);
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))
        .during("socket", None)?;
    socket.bind(&address.into()).during("bind", address)?;
    let here = socket.local_addr().during("local_addr", None)?;
    let here = here.as_socket().ok_or(NOT_IP)?;

    // Step 5: three sends, from std's UdpSocket or from you.
    if given.is_some() {
        invite("server", "recv_from", &[nc_udp(here)]);
    } else {
        let client = UdpSocket::bind(ANY_PORT).during("bind", ANY_PORT)?;
        for text in ["one", "two", "three"] {
            let sent = client
                .send_to(text.as_bytes(), here)
                .during("send_to", here)?;
            say("client", "send_to", format!("{sent} bytes {text:?}"));
        }
    }

    // Step 5: three receives. There is room for 1024 bytes, and yet each one
    // gets a single datagram: the kernel keeps them apart.
    let socket: UdpSocket = socket.into();
    let mut buffer = [0; 1024];
    for _ in 0..3 {
        let (length, _) =
            socket.recv_from(&mut buffer).during("recv_from", here)?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        say("server", "recv_from", format!("{length} bytes {text:?}"));
    }

    // Nothing is left over. (What UDP does not do: bring all of them, once
    // each, in order, and in full to a small buffer. That is step 15.)
    socket.set_nonblocking(true).during("set_nonblocking", None)?;
    if let Err(error) = socket.recv_from(&mut buffer) {
        say("server", "recv_from", in_words(&error));
    }
    Ok(())
}
