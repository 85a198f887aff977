//! Step 4, TCP: accept.
//!
//! `accept` takes the oldest connection out of the listener's queue. It returns
//! a second socket, for this one client, and the client's address. While the
//! queue is empty, it waits.
//!
//! Look for: two descriptors at the server, and the port after "connected,
//! from": it comes back in the last line, so you know who is who.
//!
//! One terminal, both ends:
//!     cargo run --example 04_accept
//! Two terminals, the client is you:
//!     cargo run --example 04_accept -- 127.0.0.1:8090
//!     nc 127.0.0.1 8090

use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;

// Not the lesson: `run` reads the command line, `say` prints a line,
// `answer` puts into words what the kernel answered.
use socket_steps::{Failure, answer, descriptor, invite, run, say};
use socket2::{Domain, Protocol, Socket, Type};

const BACKLOG: i32 = 100;

fn main() -> ExitCode {
    run(include_str!("04_accept.rs"), lesson, with_you)
}

/// Both ends. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen.
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    listener.bind(&address.into())?;
    listener.listen(BACKLOG)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    let number = descriptor(&listener);
    say("server", "listen", format!("descriptor {number}, at {here}"));

    // Nobody has connected yet, so `accept` would wait. We switch the socket
    // to non-blocking for a moment: now it says so instead.
    listener.set_nonblocking(true)?;
    let nobody = listener.accept();
    say("server", "accept", answer(&nobody));
    listener.set_nonblocking(false)?;

    // A client connects, in one line of std. Its `connect` returns as soon
    // as the server's kernel has answered, without the server's program.
    let client = TcpStream::connect(here)?;
    let local = client.local_addr()?;
    say("client", "connect", format!("connected, from {local}"));

    // Step 4: accept. The listener stays as it was and can accept the next
    // client; `conversation` is a socket of its own, connected to this one.
    // (Both ends are in this process: the number in between is the client's.)
    let (conversation, peer) = listener.accept()?;
    let peer = peer.as_socket().ok_or("not IP")?;
    let number = descriptor(&conversation);
    say("server", "accept", format!("descriptor {number}, to {peer}"));
    Ok(())
}

/// With an address, the client is you.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(BACKLOG)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    let number = descriptor(&listener);
    say("server", "listen", format!("descriptor {number}, at {here}"));

    // `accept` waits for as long as you need.
    invite("server", "accept", here, &["nc", "04_connect"]);
    let (conversation, peer) = listener.accept()?;
    let peer = peer.as_socket().ok_or("not IP")?;
    let number = descriptor(&conversation);
    say("server", "accept", format!("descriptor {number}, to {peer}"));
    Ok(())
}
