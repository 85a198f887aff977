//! Step 2, UDP: bind the socket to an address.
//!
//! The same call as for TCP. For UDP it is also the last one that a receiver
//! needs: from now on the kernel keeps what arrives at this port.
//!
//! Look for: the port that the kernel picks when asked for port 0, a second
//! socket that wants the same one, and a third that never calls `bind`.
//!
//! One terminal:
//!     cargo run --example 02_bind_udp
//! With an address, that one is bound. Do it in two terminals at once, and
//! the second learns what "in use" means. (Press Enter to end each.)
//!     cargo run --example 02_bind_udp -- 127.0.0.1:8090

use std::net::SocketAddr;
use std::process::ExitCode;

// Not the lesson: `say` prints a line, `during` names a call that failed.
use socket_steps::{
    ANY_PORT, During, Failure, NOT_IP, in_words, reachable, run, say,
    wait_for_enter,
};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("02_bind_udp.rs"), lesson)
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // Step 1: create.
    let address = given.unwrap_or(ANY_PORT);
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))
        .during("socket", None)?;

    // Step 2: bind. 127.0.0.1 is loopback: only programs on this machine can
    // reach it. Port 0 asks the kernel for any port that is free, and
    // `local_addr` tells which one that was.
    socket.bind(&address.into()).during("bind", address)?;
    let here = socket.local_addr().during("local_addr", None)?;
    let here = here.as_socket().ok_or(NOT_IP)?;
    say("first", "bind", format!("asked for {address}, got {here}"));

    // Among UDP sockets the pair is ours alone now. No second one can have it.
    let second = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))
        .during("socket", None)?;
    if let Err(error) = second.bind(&here.into()) {
        say("second", "bind", format!("{here}: {}", in_words(&error)));
    }

    // A sender may leave `bind` out. With its first datagram the kernel
    // picks a port for it, at 0.0.0.0: any address that this machine has.
    let third = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))
        .during("socket", None)?;
    let to = reachable(here);
    third.send_to(b"hello", &to.into()).during("send_to", to)?;
    let there = third.local_addr().during("local_addr", None)?;
    let there = there.as_socket().ok_or(NOT_IP)?;
    say("third", "send_to", format!("no bind, and yet it has {there}"));

    if given.is_some() {
        say("first", "wait", format!("{here} is held: press Enter"));
        wait_for_enter();
    }
    Ok(())
}
