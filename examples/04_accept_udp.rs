//! Step 4, UDP: nobody to accept.
//!
//! Without connections there is nothing to accept, and the kernel refuses the
//! call. What takes its place: every datagram carries its sender's address, so
//! one socket can talk to any number of clients.
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

// Not the lesson: `run` reads the command line, `say` prints a line,
// `answer` puts into words what the kernel answered.
use socket_steps::{Failure, answer, invite, run, say};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("04_accept_udp.rs"), lesson, with_you)
}

/// Both ends. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 and 2: create, bind. (There is no step 3 for UDP.)
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&address.into())?;
    let here = socket.local_addr()?.as_socket().ok_or("not IP")?;
    say("server", "bind", here);

    // Step 4: accept. A datagram socket has no connections to hand over.
    let client = socket.accept();
    say("server", "accept", answer(&client));

    // Two clients send, each from a UdpSocket of std.
    let anna = UdpSocket::bind("127.0.0.1:0")?;
    let ben = UdpSocket::bind("127.0.0.1:0")?;
    for (name, client) in [("anna", &anna), ("ben", &ben)] {
        let sent = client.send_to(name.as_bytes(), here)?;
        let local = client.local_addr()?;
        say(name, "send_to", format!("{sent} bytes, from {local}"));
    }

    // What takes the place of `accept`: `recv_from` puts one datagram into the
    // buffer and says who sent it; `send_to` answers that address. (From here
    // on we use the same socket as std's UdpSocket: see step 3.)
    let socket = UdpSocket::from(socket);
    let mut buffer = [0; 1024];
    for _ in 0..2 {
        let (length, peer) = socket.recv_from(&mut buffer)?;
        say("server", "recv_from", format!("{length} bytes, from {peer}"));
        let sent = socket.send_to(b"welcome", peer)?;
        say("server", "send_to", format!("{sent} bytes, to {peer}"));
    }

    // Each client gets the answer that was meant for it.
    for (name, client) in [("anna", &anna), ("ben", &ben)] {
        let (length, peer) = client.recv_from(&mut buffer)?;
        say(name, "recv_from", format!("{length} bytes, from {peer}"));
    }
    Ok(())
}

/// With an address, the client is you.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&address.into())?;
    let here = socket.local_addr()?.as_socket().ok_or("not IP")?;
    say("server", "bind", here);
    let client = socket.accept();
    say("server", "accept", answer(&client));

    // (A buffer for any datagram: a longer one is an error on Windows.)
    invite("server", "recv_from", here, &["nc -u", "04_connect_udp"]);
    let socket = UdpSocket::from(socket);
    let mut buffer = [0; 65_536];
    let (length, peer) = socket.recv_from(&mut buffer)?;
    say("server", "recv_from", format!("{length} bytes, from {peer}"));
    let sent = socket.send_to(b"welcome", peer)?;
    say("server", "send_to", format!("{sent} bytes, to {peer}"));
    Ok(())
}
