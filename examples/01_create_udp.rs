//! Step 1, UDP: create a socket.
//!
//! The same call as for TCP, with two other words: the type is a datagram
//! socket, the protocol is UDP. A datagram is one message, sent by itself.
//!
//! Look for: what differs from 01_create. It is very little so far.
//!
//! One terminal:
//!     cargo run --example 01_create_udp
//! With an address, only its kind (IPv4 or IPv6) matters here:
//!     cargo run --example 01_create_udp -- "[::1]:8090"

use std::net::SocketAddr;
use std::process::ExitCode;

// Not the lesson: `say` prints a line, `during` names a call that failed.
use socket_steps::{
    ANY_PORT, During, Failure, descriptor, in_words, run, say,
};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("01_create_udp.rs"), lesson)
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    let address = given.unwrap_or(ANY_PORT);

    // Step 1: create. `DGRAM` asks for single messages without a connection,
    // and UDP is the protocol that carries them. Nothing is sent: the kernel
    // only makes an entry in a table, and hands us its number.
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))
        .during("socket", None)?;
    say("program", "socket", format!("descriptor {}", descriptor(&socket)));
    let kind = socket.r#type().during("type", None)?;
    say("program", "type", format!("{kind:?}, over {}", family(address)));

    // It has no port. (Windows refuses the question; Linux and macOS answer
    // with port 0, which means the same.)
    let local = socket.local_addr().ok().and_then(|a| a.as_socket());
    let port = local.map_or(0, |local| local.port());
    say("program", "local_addr", format!("port {port}: none yet"));

    // `send` names no receiver, and a new socket knows none. (With `send_to`,
    // in step 4, each datagram carries its receiver's address.)
    if let Err(error) = socket.peer_addr() {
        say("program", "peer_addr", in_words(&error));
    }
    if socket.send(b"hello").is_err() {
        say("program", "send", "refused: there is nobody to send to");
    }

    // The three words must fit together.
    let odd = Socket::new(domain, Type::DGRAM, Some(Protocol::TCP));
    if odd.is_err() {
        say("program", "socket", "DGRAM with TCP is refused: no such kind");
    }

    // Rust closes a socket when its owner goes.
    drop(socket);
    say("program", "close", "the kernel forgets the socket");
    Ok(())
}

fn family(address: SocketAddr) -> &'static str {
    if address.is_ipv4() { "IPv4" } else { "IPv6" }
}
