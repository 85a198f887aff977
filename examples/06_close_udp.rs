//! Step 6, UDP: close.
//!
//! Closing a datagram socket sends nothing. The peer isn't told, and may go on
//! sending forever. A connected sender finds out in a roundabout way: a later
//! call fails with the news of an earlier datagram.
//!
//! Look for: nothing at the client after `close`, a `send` that succeeds
//! anyway, and the error that comes after it.
//!
//! One terminal, both ends:
//!     cargo run --example 06_close_udp
//! Two terminals, the client is you (type a line, then another one):
//!     cargo run --example 06_close_udp -- 127.0.0.1:8090
//!     nc -u 127.0.0.1 8090

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

// Not the lesson: `run` reads the command line, `say` prints a line,
// `answer` puts into words what the kernel answered.
use socket_steps::{Failure, answer, in_words, invite, run, say};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("06_close_udp.rs"), lesson, with_you)
}

/// Both ends. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 and 2: create, bind. (UDP has no steps 3 and 4. From here on we
    // use the same socket as std's UdpSocket: see step 3.)
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    let here = socket.local_addr()?;

    // The client is std's UdpSocket, connected to the server.
    let client = UdpSocket::bind("127.0.0.1:0")?;
    client.connect(here)?;
    say("client", "connect", client.peer_addr()?);
    let sent = client.send(b"hello")?;
    say("client", "send", format!("{sent} bytes"));

    // Step 5: receive one datagram.
    let mut buffer = [0; 1024];
    let (length, peer) = socket.recv_from(&mut buffer)?;
    say("server", "recv_from", format!("{length} bytes, from {peer}"));

    // Step 6: close. Nothing is sent, and the port is free: any other socket
    // could have it now. (This one gets it for a moment.)
    drop(socket);
    let other = UdpSocket::bind(here).map(drop);
    say(
        "server",
        "close",
        format!("{here} for another: {}", answer(&other)),
    );

    // The client is not told: nothing has arrived.
    client.set_nonblocking(true)?;
    match client.recv(&mut buffer) {
        Ok(length) => say("client", "recv", format!("{length} bytes")),
        Err(error) => say("client", "recv", in_words(&error)),
    }

    // Its next datagram is sent, and finds nobody.
    client.set_nonblocking(false)?;
    let sent = client.send(b"anyone?")?;
    say("client", "send", format!("{sent} bytes"));

    // The machine at the other end reports that: "port unreachable". The
    // kernel keeps the report for this socket's next call, which fails.
    // (Windows calls it a reset. The limit of a second is there in case a
    // firewall swallows the report. A receive with a limit can also be
    // interrupted, for example by Ctrl-Z. Then we repeat it: step 13.)
    client.set_read_timeout(Some(Duration::from_secs(1)))?;
    loop {
        match client.recv(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                continue;
            }
            Ok(length) => say("client", "recv", format!("{length} bytes")),
            Err(error) => say("client", "recv", in_words(&error)),
        }
        return Ok(());
    }
}

/// With an address, the client is you.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    let here = socket.local_addr()?;

    // (A buffer for any datagram: a longer one is an error on Windows.)
    invite("server", "recv_from", here, &["nc -u"]);
    let mut buffer = [0; 65_536];
    let (length, peer) = socket.recv_from(&mut buffer)?;
    say("server", "recv_from", format!("{length} bytes, from {peer}"));

    drop(socket);
    let other = UdpSocket::bind(here).map(drop);
    say(
        "server",
        "close",
        format!("{here} for another: {}", answer(&other)),
    );
    say("you", "send", "type another line: nc finds out, and ends");
    Ok(())
}
