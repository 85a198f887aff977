//! Step 4, UDP: connect, which sends nothing.
//!
//! `connect` on a datagram socket stays inside this machine. It notes a peer:
//! `send` needs no address from then on, and the kernel keeps every datagram
//! away that comes from somebody else.
//!
//! Look for: nothing at the server after `connect`, and a stranger's datagram
//! that never arrives.
//!
//! One terminal, both ends:
//!     cargo run --example 04_connect_udp
//! Two terminals, the server is you (type a line as your answer):
//!     nc -u -l 127.0.0.1 8090
//!     cargo run --example 04_connect_udp -- 127.0.0.1:8090

use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;

// Not the lesson: `say` prints a line, `during` names a call that failed.
use socket_steps::{ANY_PORT, During, Failure, NOT_IP, in_words, run, say};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("04_connect_udp.rs"), lesson)
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // The server is you, at the address you gave; or std's UdpSocket.
    let (server, there) = match given {
        Some(address) => (None, address),
        None => {
            let server =
                UdpSocket::bind(ANY_PORT).during("bind", ANY_PORT)?;
            let here = server.local_addr().during("local_addr", None)?;
            say("server", "bind", here);
            (Some(server), here)
        }
    };
    let mut buffer = [0; 1024];

    // Step 1: create.
    let domain = Domain::for_address(there);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))
        .during("socket", None)?;

    // Step 4, the client's half: connect. It succeeds even when nobody is
    // there: the kernel notes the peer, picks a port for us, sends nothing.
    socket.connect(&there.into()).during("connect", there)?;
    let local = socket.local_addr().during("local_addr", None)?;
    let local = local.as_socket().ok_or(NOT_IP)?;
    say("client", "connect", format!("to {there}, from {local}"));
    if let Some(server) = &server {
        server.set_nonblocking(true).during("set_nonblocking", None)?;
        if let Err(error) = server.recv_from(&mut buffer) {
            say("server", "recv_from", in_words(&error));
        }
        server.set_nonblocking(false).during("set_nonblocking", None)?;
    }

    // `send` needs no address now. This is the first datagram on its way.
    let client: UdpSocket = socket.into();
    let sent = client.send(b"hello").during("send", there)?;
    say("client", "send", format!("{sent} bytes, to the peer it noted"));

    // A stranger sends to the client first, then the server answers.
    if let Some(server) = &server {
        let (length, peer) =
            server.recv_from(&mut buffer).during("recv_from", None)?;
        say("server", "recv_from", format!("{length} bytes, from {peer}"));
        let stranger =
            UdpSocket::bind(ANY_PORT).during("bind", ANY_PORT)?;
        for (who, from, text) in
            [("stranger", &stranger, "psst"), ("server", server, "welcome")]
        {
            let sent = from
                .send_to(text.as_bytes(), peer)
                .during("send_to", peer)?;
            say(who, "send_to", format!("{sent} bytes, to {peer}"));
        }
    } else {
        say("client", "recv", format!("waits for {there}; Ctrl-C ends it"));
    }

    // Only the answer comes through. Behind it there is nothing: the kernel
    // threw the stranger's datagram away.
    let length = client.recv(&mut buffer).during("recv", there)?;
    say("client", "recv", format!("{length} bytes"));
    client.set_nonblocking(true).during("set_nonblocking", None)?;
    if let Err(error) = client.recv(&mut buffer) {
        say("client", "recv", in_words(&error));
    }
    Ok(())
}
