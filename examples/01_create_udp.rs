//! Step 1, UDP: create a socket.
//!
//! The same call as for TCP, with two other words: the type is a datagram
//! socket, the protocol is UDP. A datagram is one message, sent by itself.
//!
//! Look for: what differs from 01_create. So far it is very little.
//!
//! One terminal:
//!     cargo run --example 01_create_udp
//! With an address, only its kind (IPv4 or IPv6) matters here:
//!     cargo run --example 01_create_udp -- "[::1]:8090"

use std::net::SocketAddr;
use std::process::ExitCode;

// Not the lesson: `run_at` reads the command line, `say` prints a line,
// `answer` puts into words what the kernel answered.
use socket_steps::{Failure, answer, descriptor, in_words, run_at, say};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run_at(include_str!("01_create_udp.rs"), lesson)
}

fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Step 1: create. `DGRAM` asks for single messages without a connection,
    // and UDP is the protocol that carries them. Nothing is sent: the kernel
    // only makes an entry in a table, and hands us its number.
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    say("program", "socket", format!("descriptor {}", descriptor(&socket)));

    // The kernel remembers what we asked for. (`type` by itself is a word of
    // Rust, like `fn`. With `r#` in front it is a name like any other.)
    let kind = socket.r#type()?;
    let family = if domain == Domain::IPV4 { "IPv4" } else { "IPv6" };
    say("program", "type", format!("{kind:?}, over {family}"));

    // It has no address of its own: port 0 means "none yet". (The kernel has
    // its own form for an address, `SockAddr`. `as_socket` turns it into
    // std's `SocketAddr`, which can be printed, or gives `None` for another
    // kind; `ok_or` makes that an error. Windows returns an error here.)
    match socket.local_addr() {
        Ok(local) => {
            let local = local.as_socket().ok_or("not an IP address")?;
            say("program", "local_addr", local);
        }
        Err(error) => say("program", "local_addr", in_words(&error)),
    }

    // `send` names no receiver, and a new socket knows none. (With `send_to`,
    // in step 4, each datagram carries its receiver's address.)
    let peer = socket.peer_addr();
    say("program", "peer_addr", answer(&peer));
    let sent = socket.send(b"hello");
    say("program", "send", answer(&sent));

    // The three words must fit together.
    let odd = Socket::new(domain, Type::DGRAM, Some(Protocol::TCP));
    say("program", "socket", format!("DGRAM with TCP: {}", answer(&odd)));

    // Rust closes a socket when its owner goes away, and the kernel forgets
    // it. Unix gives the next one the lowest number that is free, which is
    // this one. (Windows makes no such promise.)
    drop(socket);
    if cfg!(unix) {
        let next = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        let number = descriptor(&next);
        say("program", "close", format!("the next is descriptor {number}"));
    }
    Ok(())
}
