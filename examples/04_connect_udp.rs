//! Step 4, UDP: connect, which sends nothing.
//!
//! `connect` on a datagram socket sends no packet. The kernel just notes the
//! peer: from then on `send` needs no address, and the kernel drops every
//! datagram that comes from somebody else.
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

// Not the lesson: `run` reads the command line, `say` prints a line,
// `in_words` puts an error into words, `at` puts the address into it.
use socket_steps::{At, Failure, in_words, run, say};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("04_connect_udp.rs"), lesson, with_you)
}

/// Both ends. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // The server: std's UdpSocket.
    let server = UdpSocket::bind(address)?;
    let there = server.local_addr()?;
    say("server", "bind", there);
    let mut buffer = [0; 1024];

    // Step 1: create.
    let domain = Domain::for_address(there);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;

    // Step 4, the client's half: connect. The kernel notes the peer and picks
    // a port for us. It sends nothing, so it can't know whether anybody is
    // there. (From here on we use the same socket as std's UdpSocket.)
    socket.connect(&there.into()).at(there)?;
    let client = UdpSocket::from(socket);
    let (peer, local) = (client.peer_addr()?, client.local_addr()?);
    say("client", "connect", format!("to {peer}, from {local}"));
    server.set_nonblocking(true)?;
    match server.recv_from(&mut buffer) {
        Ok((length, _)) => say("server", "recv_from", length),
        Err(error) => say("server", "recv_from", in_words(&error)),
    }
    server.set_nonblocking(false)?;

    // `send` needs no address now. This is the first datagram on its way.
    let sent = client.send(b"hello")?;
    say("client", "send", format!("{sent} bytes"));
    let (length, peer) = server.recv_from(&mut buffer)?;
    say("server", "recv_from", format!("{length} bytes, from {peer}"));

    // A stranger sends to the client first, then the server answers.
    let stranger = UdpSocket::bind("127.0.0.1:0")?;
    let sent = stranger.send_to(b"psst", peer)?;
    say("stranger", "send_to", format!("{sent} bytes, to {peer}"));
    let sent = server.send_to(b"welcome", peer)?;
    say("server", "send_to", format!("{sent} bytes, to {peer}"));

    // Only the answer comes through, and then nothing: the kernel threw the
    // stranger's datagram away.
    let length = client.recv(&mut buffer)?;
    say("client", "recv", format!("{length} bytes"));
    client.set_nonblocking(true)?;
    match client.recv(&mut buffer) {
        Ok(length) => say("client", "recv", format!("{length} bytes")),
        Err(error) => say("client", "recv", in_words(&error)),
    }
    Ok(())
}

/// With an address, the server there is you.
fn with_you(there: SocketAddr) -> Result<(), Failure> {
    let domain = Domain::for_address(there);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.connect(&there.into()).at(there)?;
    let client = UdpSocket::from(socket);
    let (peer, local) = (client.peer_addr()?, client.local_addr()?);
    say("client", "connect", format!("to {peer}, from {local}"));
    let sent = client.send(b"hello")?;
    say("client", "send", format!("{sent} bytes"));

    // (A buffer for any datagram: a longer one is an error on Windows.)
    say("client", "recv", format!("waits for {peer}; Ctrl-C ends it"));
    let mut buffer = [0; 65_536];
    let length = client.recv(&mut buffer).at(there)?;
    say("client", "recv", format!("{length} bytes"));
    client.set_nonblocking(true)?;
    match client.recv(&mut buffer) {
        Ok(length) => say("client", "recv", format!("{length} bytes")),
        Err(error) => say("client", "recv", in_words(&error)),
    }
    Ok(())
}
