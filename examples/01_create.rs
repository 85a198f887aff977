//! Step 1, TCP: create a socket.
//!
//! `socket` takes three words: the domain (which kind of address), the type
//! (stream or datagram) and the protocol. It gives back a descriptor, a
//! number by which this program names something that the kernel keeps.
//!
//! Look for: the descriptor, and all that a new socket does not have yet.
//!
//! One terminal:
//!     cargo run --example 01_create
//! With an address, only its kind (IPv4 or IPv6) matters here:
//!     cargo run --example 01_create -- "[::1]:8090"

use std::net::SocketAddr;
use std::process::ExitCode;

// Not the lesson: `say` prints a line, `during` names a call that failed.
use socket_steps::{
    ANY_PORT, During, Failure, descriptor, in_words, run, say,
};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("01_create.rs"), lesson)
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    let address = given.unwrap_or(ANY_PORT);

    // Step 1: create. The domain says how addresses look, and follows from
    // the address: IPv4 or IPv6. `STREAM` asks for a connection that carries
    // bytes in order, and TCP is the protocol that does it. Nothing is sent:
    // the kernel only makes an entry in a table, and hands us its number.
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
        .during("socket", None)?;
    say("program", "socket", format!("descriptor {}", descriptor(&socket)));
    let kind = socket.r#type().during("type", None)?;
    say("program", "type", format!("{kind:?}, over {}", family(address)));

    // It has no port. (Windows refuses the question; Linux and macOS answer
    // with port 0, which means the same.)
    let local = socket.local_addr().ok().and_then(|a| a.as_socket());
    let port = local.map_or(0, |local| local.port());
    say("program", "local_addr", format!("port {port}: none yet"));

    // It has no peer, so there is nobody to send to.
    if let Err(error) = socket.peer_addr() {
        say("program", "peer_addr", in_words(&error));
    }
    if socket.send(b"hello").is_err() {
        say("program", "send", "refused: there is nobody to send to");
    }

    // The three words must fit together.
    let odd = Socket::new(domain, Type::STREAM, Some(Protocol::UDP));
    if odd.is_err() {
        say(
            "program",
            "socket",
            "STREAM with UDP is refused: no such kind",
        );
    }

    // Rust closes a socket when its owner goes.
    drop(socket);
    say("program", "close", "the kernel forgets the socket");
    Ok(())
}

fn family(address: SocketAddr) -> &'static str {
    if address.is_ipv4() { "IPv4" } else { "IPv6" }
}
