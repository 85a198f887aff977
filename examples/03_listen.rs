//! Step 3, TCP: listen.
//!
//! A bound socket has an address, but takes no calls. `listen` opens it: from
//! now on the kernel finishes handshakes with clients by itself, and puts
//! each new connection into a queue. The backlog is the room in that queue.
//!
//! Look for: the same `connect`, refused before `listen` and successful after
//! it, although this program never calls `accept`.
//!
//! One terminal, both ends:
//!     cargo run --example 03_listen
//! Two terminals, the client is you (nc stays open: it is connected; Enter in
//! the first terminal ends it):
//!     cargo run --example 03_listen -- 127.0.0.1:8090
//!     nc 127.0.0.1 8090

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;

// Not the lesson: `say` prints a line, `during` names a call that failed.
use socket_steps::{
    ANY_PORT, During, Failure, NOT_IP, in_words, invite, nc, other_half,
    run, say, wait_for_enter,
};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("03_listen.rs"), lesson)
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // Steps 1 and 2: create, bind.
    let address = given.unwrap_or(ANY_PORT);
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
        .during("socket", None)?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true).during("set_reuse_address", None)?;
    listener.bind(&address.into()).during("bind", address)?;
    let here = listener.local_addr().during("local_addr", None)?;
    let here = here.as_socket().ok_or(NOT_IP)?;
    say("server", "bind", here);

    // A client tries too early. (It is std's TcpStream: one line is enough
    // for the end that is not the lesson. Windows tries for two seconds.)
    if given.is_none() {
        if let Err(error) = TcpStream::connect(here) {
            say("client", "connect", in_words(&error));
        }
    }

    // Step 3: listen, with a backlog of 100. The call returns at once: it
    // does not wait for anybody. It tells the kernel to answer clients.
    listener.listen(100).during("listen", here)?;
    say("server", "listen", "backlog 100");

    // With an address, the client is you.
    if given.is_some() {
        let commands = [nc(here), other_half("04_connect", here)];
        invite("server", "listen", &commands);
        say("", "", "and press Enter here to end");
        wait_for_enter();
        return Ok(());
    }

    // A client tries again. The handshake takes place between its kernel and
    // ours; what it sends is kept for whoever calls `accept` some day.
    let mut client = TcpStream::connect(here).during("connect", here)?;
    let local = client.local_addr().during("local_addr", None)?;
    say("client", "connect", format!("connected, from {local}"));
    let sent = client.write(b"hello").during("send", here)?;
    say("client", "send", format!("{sent} bytes, and nobody accepted"));
    Ok(())
}
