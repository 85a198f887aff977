//! Step 3, UDP: there is nothing to listen for.
//!
//! `listen` makes a queue of connections, and UDP has no connections. The
//! kernel refuses the call. What takes its place is `bind`: a bound datagram
//! socket receives, from anybody, at once.
//!
//! Look for: the refusal, and a datagram that arrives all the same.
//!
//! One terminal, both ends:
//!     cargo run --example 03_listen_udp
//! Two terminals, the client is you (type a line into nc):
//!     cargo run --example 03_listen_udp -- 127.0.0.1:8090
//!     nc -u 127.0.0.1 8090

use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;

// Not the lesson: `say` prints a line, `during` names a call that failed.
use socket_steps::{
    ANY_PORT, During, Failure, NOT_IP, in_words, invite, nc_udp, run, say,
};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("03_listen_udp.rs"), lesson)
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // Steps 1 and 2: create, bind.
    let address = given.unwrap_or(ANY_PORT);
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))
        .during("socket", None)?;
    socket.bind(&address.into()).during("bind", address)?;
    let here = socket.local_addr().during("local_addr", None)?;
    let here = here.as_socket().ok_or(NOT_IP)?;
    say("server", "bind", here);

    // Step 3: listen. A datagram socket has no queue of connections, so the
    // kernel says no.
    if let Err(error) = socket.listen(100) {
        say("server", "listen", format!("refused: {}", in_words(&error)));
    }

    // What takes its place is done already: bound is enough. The kernel keeps
    // this datagram until somebody receives it.
    match given {
        Some(_) => {
            invite("server", "recv_from", &[nc_udp(here)]);
        }
        None => {
            let client =
                UdpSocket::bind(ANY_PORT).during("bind", ANY_PORT)?;
            let local = client.local_addr().during("local_addr", None)?;
            let sent =
                client.send_to(b"hello", here).during("send_to", here)?;
            say("client", "send_to", format!("{sent} bytes, from {local}"));
        }
    }

    // socket2 receives into uninitialised memory, which is for experts. Std's
    // UdpSocket is the same socket, and receives into a plain buffer.
    let socket: UdpSocket = socket.into();
    let mut buffer = [0; 1024];
    let (length, peer) =
        socket.recv_from(&mut buffer).during("recv_from", here)?;
    say("server", "recv_from", format!("{length} bytes, from {peer}"));
    Ok(())
}
