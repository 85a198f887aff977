//! Step 2, TCP: bind the socket to an address.
//!
//! An address is two things: an IP address, which names a machine, and a
//! port, which tells the sockets on it apart. `bind` claims such a pair.
//!
//! Look for: the port that the kernel picks when asked for port 0, and what
//! happens to a second socket that wants the same one.
//!
//! One terminal:
//!     cargo run --example 02_bind
//! With an address, that one is bound. Do it in two terminals at once, and
//! the second learns what "in use" means. (Press Enter to end each.)
//!     cargo run --example 02_bind -- 127.0.0.1:8090

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

// Not the lesson: `say` prints a line, `during` names a call that failed.
use socket_steps::{
    ANY_PORT, During, Failure, NOT_IP, in_words, run, say, wait_for_enter,
};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("02_bind.rs"), lesson)
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // Step 1: create.
    let address = given.unwrap_or(ANY_PORT);
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
        .during("socket", None)?;

    // Step 2: bind. 127.0.0.1 is loopback: only programs on this machine can
    // reach it. Port 0 asks the kernel for any port that is free, and
    // `local_addr` tells which one that was.
    socket.bind(&address.into()).during("bind", address)?;
    let here = socket.local_addr().during("local_addr", None)?;
    let here = here.as_socket().ok_or(NOT_IP)?;
    say("first", "bind", format!("asked for {address}, got {here}"));

    // Among TCP sockets the pair is ours alone now. No second one can have it.
    let second = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
        .during("socket", None)?;
    if let Err(error) = second.bind(&here.into()) {
        say("second", "bind", format!("{here}: {}", in_words(&error)));
    }

    // A third asks for 0.0.0.0 instead of loopback: every address that this
    // machine has. Now other machines could reach it, too.
    let anywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let third =
        Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))
            .during("socket", None)?;
    third.bind(&anywhere.into()).during("bind", anywhere)?;
    let there = third.local_addr().during("local_addr", None)?;
    let there = there.as_socket().ok_or(NOT_IP)?;
    say("third", "bind", format!("asked for {anywhere}, got {there}"));

    if given.is_some() {
        say("first", "wait", format!("{here} is held: press Enter"));
        wait_for_enter();
    }
    Ok(())
}
