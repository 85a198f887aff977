//! Step 1, TCP: create a socket.
//!
//! `socket` takes three words: the domain (which kind of address), the type
//! (stream or datagram) and the protocol. It gives back a descriptor, a
//! number by which this program names something that the kernel keeps. (The
//! kernel is the core of the operating system. Only it touches the network.)
//!
//! Look for: the descriptor, and everything that a new socket lacks.
//!
//! One terminal:
//!     cargo run --example 01_create
//! With an address, only its kind (IPv4 or IPv6) matters here:
//!     cargo run --example 01_create -- "[::1]:8090"

use std::net::SocketAddr;
use std::process::ExitCode;

// Not the lesson: `run_at` reads the command line, `say` prints a line,
// `answer` puts into words what the kernel answered.
use socket_steps::{Failure, answer, descriptor, in_words, run_at, say};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run_at(include_str!("01_create.rs"), lesson)
}

fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Step 1: create. The domain says how addresses look, and follows from
    // the address: IPv4 or IPv6. `STREAM` asks for a connection that carries
    // bytes in order, and TCP is the protocol that does it. Nothing is sent:
    // the kernel only makes an entry in a table, and hands us its number.
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
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

    // It has no peer, so there is nobody to send to. (`b"hello"` is a text as
    // bytes; a socket knows nothing else. Linux refuses in odd words: there
    // never was a connection. macOS and Windows say "not connected".)
    let peer = socket.peer_addr();
    say("program", "peer_addr", answer(&peer));
    let sent = socket.send(b"hello");
    say("program", "send", answer(&sent));

    // The three words must fit together.
    let odd = Socket::new(domain, Type::STREAM, Some(Protocol::UDP));
    say("program", "socket", format!("STREAM with UDP: {}", answer(&odd)));

    // Rust closes a socket when its owner goes away, and the kernel forgets
    // it. Unix gives the next one the lowest number that is free, which is
    // this one. (Windows makes no such promise.)
    drop(socket);
    if cfg!(unix) {
        let next = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        let number = descriptor(&next);
        say("program", "close", format!("the next is descriptor {number}"));
    }
    Ok(())
}
