//! Step 7, UDP: the first server.
//!
//! The same in datagrams. One socket serves everybody: each datagram carries
//! its sender's address. Newcomers are greeted, and every text is answered.
//!
//! Look for: anna is greeted once, and answered twice.
//!
//! One terminal, both ends:
//!     cargo run --example 07_first_server_udp
//! Two terminals, the client is you (the server itself prints nothing; Ctrl-C
//! ends nc, and then the server):
//!     cargo run --example 07_first_server_udp -- 127.0.0.1:8090
//!     nc -u 127.0.0.1 8090

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::{io, process::ExitCode, thread::sleep, time::Duration};

// Not the lesson: `run` reads the command line, `say` prints a line, `at`
// puts the address into an error, and `in_words` puts that into words.
use socket_steps::{At, Failure, in_words, invite, run, say};
use socket2::{Domain, Protocol, Socket, Type};

type Senders = HashSet<SocketAddr>;

/// How long to wait when nothing can be received.
const A_MOMENT: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    run(include_str!("07_first_server_udp.rs"), lesson, with_you)
}

/// Steps 1 and 2: create, bind. (Then it is std's: see step 3.)
fn bind(address: SocketAddr) -> Result<UdpSocket, Failure> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&address.into()).at(address)?;
    Ok(socket.into())
}

/// Step 5, for one datagram: receive, send. There are two bounds. Addresses
/// can be forged, so only a thousand are remembered. And a long text gets no
/// answer, or two servers could answer each other forever. (A reply that
/// can't be sent is lost, like any datagram.)
fn serve(socket: &UdpSocket, known: &mut Senders) -> io::Result<()> {
    let mut buffer = [0; 65_536];
    let received = socket.recv_from(&mut buffer);
    let (length, peer) = received.inspect_err(|_| sleep(A_MOMENT))?;
    if length > 1024 {
        return Ok(());
    }
    if known.len() == 1000 && !known.contains(&peer) {
        known.clear();
    }
    if known.insert(peer) {
        let _ = socket.send_to(b"Hello, client!", peer);
    }
    let reply = [b"Server received: ", &buffer[..length]].concat();
    let _ = socket.send_to(&reply, peer);
    Ok(())
}

/// Both ends.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    let (socket, anna) = (bind(address)?, bind(address)?);
    let (mut known, mut buffer) = (Senders::new(), [0; 1024]);
    for text in ["hi", "bye"] {
        anna.send_to(text.as_bytes(), socket.local_addr()?)?;
        serve(&socket, &mut known)?;
    }
    for _ in 0..3 {
        let (length, _) = anna.recv_from(&mut buffer)?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        say("anna", "recv_from", text);
    }
    Ok(())
}

/// With an address: forever. It says what went wrong, and serves the next.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let (socket, mut known) = (bind(address)?, Senders::new());
    invite("server", "recv_from", socket.local_addr()?, &["nc -u"]);
    loop {
        let Err(error) = serve(&socket, &mut known) else { continue };
        say("server", "serve", in_words(&error));
    }
}
