//! Step 4, TCP: accept a client.
//!
//! `accept` takes the oldest connection out of the listener's queue and hands
//! over two things: a second socket, for this one client, and the client's
//! address. While the queue is empty, `accept` waits.
//!
//! Look for: two descriptors on the server's side, and one port that both
//! `connect` and `accept` name.
//!
//! One terminal, both ends:
//!     cargo run --example 04_accept
//! Two terminals, the client is you:
//!     cargo run --example 04_accept -- 127.0.0.1:8090
//!     nc 127.0.0.1 8090

use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;

// Not the lesson: `say` prints a line, `during` names a call that failed.
use socket_steps::{
    ANY_PORT, During, Failure, NOT_IP, descriptor, in_words, invite, nc,
    other_half, run, say,
};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("04_accept.rs"), lesson)
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen.
    let address = given.unwrap_or(ANY_PORT);
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
        .during("socket", None)?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true).during("set_reuse_address", None)?;
    listener.bind(&address.into()).during("bind", address)?;
    listener.listen(100).during("listen", address)?;
    let here = listener.local_addr().during("local_addr", None)?;
    let here = here.as_socket().ok_or(NOT_IP)?;
    let number = descriptor(&listener);
    say("server", "listen", format!("descriptor {number}, at {here}"));

    // Nobody has connected yet, so `accept` would wait. Switched to
    // non-blocking for a moment, it says so instead.
    if given.is_none() {
        listener.set_nonblocking(true).during("set_nonblocking", None)?;
        if let Err(error) = listener.accept() {
            say("server", "accept", in_words(&error));
        }
        listener.set_nonblocking(false).during("set_nonblocking", None)?;
    }

    // A client connects: you, or one line of std. Its `connect` is done as
    // soon as the kernel has put the connection into the queue.
    let client = match given {
        Some(_) => {
            let commands = [nc(here), other_half("04_connect", here)];
            invite("server", "accept", &commands);
            None
        }
        None => {
            let client =
                TcpStream::connect(here).during("connect", here)?;
            let local = client.local_addr().during("local_addr", None)?;
            say("client", "connect", format!("connected, from {local}"));
            Some(client)
        }
    };

    // Step 4: accept. The listener stays as it was and can accept the next
    // client; `conversation` is a socket of its own, connected to this one.
    // (Both ends are in this process: the number in between is the client's.)
    let (conversation, peer) = listener.accept().during("accept", here)?;
    let peer = peer.as_socket().ok_or(NOT_IP)?;
    let number = descriptor(&conversation);
    say("server", "accept", format!("descriptor {number}, to {peer}"));

    drop((conversation, client));
    Ok(())
}
