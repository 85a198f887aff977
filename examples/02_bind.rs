//! Step 2, TCP: bind the socket to an address.
//!
//! An address is two things: an IP address, which names a machine, and a
//! port, which tells the sockets on it apart. `bind` claims both together.
//!
//! Look for: the port that the kernel picks when asked for port 0, and what
//! happens to a second socket that wants the same one.
//!
//! One terminal:
//!     cargo run --example 02_bind
//! With an address, that one is bound. Do it in two terminals at once, and
//! the second learns what "in use" means. (Press Enter to end each.)
//!     cargo run --example 02_bind -- 127.0.0.1:8090

use std::net::SocketAddr;
use std::process::ExitCode;

// Not the lesson: `run` reads the command line, `say` prints a line,
// `answer` puts into words what the kernel answered.
use socket_steps::{Failure, answer, run, say, wait_for_enter};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("02_bind.rs"), lesson, hold)
}

/// The address is 127.0.0.1:0, unless you give another one.
fn lesson(address: SocketAddr) -> Result<(Socket, SocketAddr), Failure> {
    // Step 1: create.
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;

    // Step 2: bind. 127.0.0.1 is loopback: only programs on this machine can
    // reach it. Port 0 asks the kernel for any port that is free, and
    // `local_addr` tells us which one it picked. (socket2 works with the
    // kernel's own form of an address. `into` makes one from std's
    // `SocketAddr`, and `as_socket` turns it back.)
    socket.bind(&address.into())?;
    let here = socket.local_addr()?.as_socket().ok_or("not IP")?;
    say("first", "bind", format!("asked for {address}, got {here}"));

    // Among TCP sockets this address is ours alone now: a second one that
    // asks for it is refused.
    let second = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    let bound = second.bind(&here.into());
    say("second", "bind", format!("{here}: {}", answer(&bound)));

    // A third asks for 0.0.0.0 instead of loopback: every IPv4 address that
    // this machine has. Now other machines could reach it, too.
    let third = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let anywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    third.bind(&anywhere.into())?;
    let there = third.local_addr()?.as_socket().ok_or("not IP")?;
    say("third", "bind", format!("asked for {anywhere}, got {there}"));

    // (The socket is returned, because otherwise it would be closed here.)
    Ok((socket, here))
}

/// With an address: keeps the first socket until you press Enter.
fn hold(address: SocketAddr) -> Result<(), Failure> {
    let (_socket, here) = lesson(address)?;
    say("first", "wait", format!("{here} is held: press Enter"));
    wait_for_enter();
    Ok(())
}
