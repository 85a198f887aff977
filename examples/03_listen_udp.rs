//! Step 3, UDP: there is nothing to listen for.
//!
//! `listen` makes a queue of connections, and UDP has no connections. The
//! kernel refuses the call. What takes its place is `bind`: a bound datagram
//! socket receives, from anybody, at once.
//!
//! Look for: the refusal, and a datagram that arrives anyway.
//!
//! One terminal, both ends:
//!     cargo run --example 03_listen_udp
//! Two terminals, the client is you (type a line into nc):
//!     cargo run --example 03_listen_udp -- 127.0.0.1:8090
//!     nc -u 127.0.0.1 8090

use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;

// Not the lesson: `run` reads the command line, `say` prints a line,
// `answer` puts into words what the kernel answered.
use socket_steps::{Failure, answer, invite, run, say};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("03_listen_udp.rs"), lesson, with_you)
}

/// Both ends. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 and 2: create, bind. (`here` is the address that it got.)
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&address.into())?;
    let here = socket.local_addr()?.as_socket().ok_or("not IP")?;
    say("server", "bind", here);

    // Step 3: listen. A datagram socket has no queue of connections, so the
    // kernel refuses.
    let open = socket.listen(100);
    say("server", "listen", answer(&open));

    // What takes its place is already done: being bound is enough. The kernel
    // keeps this datagram until somebody receives it.
    let client = UdpSocket::bind("127.0.0.1:0")?;
    let local = client.local_addr()?;
    let sent = client.send_to(b"hello", here)?;
    say("client", "send_to", format!("{sent} bytes, from {local}"));

    // socket2 receives into memory that nobody has written to yet, which is
    // for experts. Std's UdpSocket receives into a plain buffer, so the socket
    // becomes one. To the kernel it is still the same socket.
    let socket = UdpSocket::from(socket);
    let mut buffer = [0; 1024];
    let (length, peer) = socket.recv_from(&mut buffer)?;
    say("server", "recv_from", format!("{length} bytes, from {peer}"));
    Ok(())
}

/// With an address, the client is you.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&address.into())?;
    let here = socket.local_addr()?.as_socket().ok_or("not IP")?;
    say("server", "bind", here);
    let open = socket.listen(100);
    say("server", "listen", answer(&open));

    // (A buffer for any datagram: a longer one is an error on Windows.)
    invite("server", "recv_from", here, &["nc -u"]);
    let socket = UdpSocket::from(socket);
    let mut buffer = [0; 65_536];
    let (length, peer) = socket.recv_from(&mut buffer)?;
    say("server", "recv_from", format!("{length} bytes, from {peer}"));
    Ok(())
}
