//! Step 4, UDP: nobody to accept.
//!
//! Without connections there is nothing to accept, and the kernel refuses the
//! call. What takes its place: every datagram brings its sender's address, so
//! one socket can talk with any number of clients.
//!
//! Look for: the refusal, and two clients that share the server's one socket.
//!
//! One terminal, both ends:
//!     cargo run --example 04_accept_udp
//! Two terminals, the client is you (type a line into nc):
//!     cargo run --example 04_accept_udp -- 127.0.0.1:8090
//!     nc -u 127.0.0.1 8090

use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;

// Not the lesson: `say` prints a line, `during` names a call that failed.
use socket_steps::{
    ANY_PORT, During, Failure, NOT_IP, in_words, invite, nc_udp,
    other_half, run, say,
};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("04_accept_udp.rs"), lesson)
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // Steps 1 and 2: create, bind. (There is no step 3 for UDP.)
    let address = given.unwrap_or(ANY_PORT);
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))
        .during("socket", None)?;
    socket.bind(&address.into()).during("bind", address)?;
    let here = socket.local_addr().during("local_addr", None)?;
    let here = here.as_socket().ok_or(NOT_IP)?;
    say("server", "bind", here);

    // Step 4: accept. A datagram socket has no connections to hand over.
    if let Err(error) = socket.accept() {
        say("server", "accept", format!("refused: {}", in_words(&error)));
    }

    // Two clients send: std's UdpSocket, one line each. Or you do, once.
    let mut clients = Vec::new();
    if given.is_some() {
        let commands = [nc_udp(here), other_half("04_connect_udp", here)];
        invite("server", "recv_from", &commands);
    } else {
        for name in ["anna", "ben"] {
            let client =
                UdpSocket::bind(ANY_PORT).during("bind", ANY_PORT)?;
            let local = client.local_addr().during("local_addr", None)?;
            client
                .send_to(name.as_bytes(), here)
                .during("send_to", here)?;
            say(name, "send_to", format!("{here}, from {local}"));
            clients.push((name, client));
        }
    }

    // What takes the place of `accept`: `recv_from` fills the buffer with one
    // datagram and tells who sent it; `send_to` answers that address.
    let socket: UdpSocket = socket.into();
    let mut buffer = [0; 1024];
    for _ in 0..clients.len().max(1) {
        let (length, peer) =
            socket.recv_from(&mut buffer).during("recv_from", here)?;
        say("server", "recv_from", format!("{length} bytes, from {peer}"));
        let sent =
            socket.send_to(b"welcome", peer).during("send_to", peer)?;
        say("server", "send_to", format!("{sent} bytes, to {peer}"));
    }

    // Each client gets the answer that was meant for it.
    for (name, client) in clients {
        let (length, peer) =
            client.recv_from(&mut buffer).during("recv_from", None)?;
        say(name, "recv_from", format!("{length} bytes, from {peer}"));
    }
    Ok(())
}
