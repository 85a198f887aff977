//! Step 5, UDP: send and receive.
//!
//! A datagram is bytes too, but it is whole: what one `send_to` sent is what
//! one `recv_from` receives, never two at once. (What the buffer has no room
//! for is lost: step 15.) Even a datagram of 0 bytes arrives.
//!
//! Look for: three sends, three receives, the same lengths.
//!
//! One terminal, both ends:
//!     cargo run --example 05_send_recv_udp
//! Two terminals, the client is you (type a line into nc):
//!     cargo run --example 05_send_recv_udp -- 127.0.0.1:8090
//!     nc -u 127.0.0.1 8090

use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;

// Not the lesson: `run` reads the command line, `say` prints a line.
use socket_steps::{Failure, invite, run, say};
use socket2::{Domain, Protocol, Socket, Type};

const GREETING: &str = "Hello, 你好!";

fn main() -> ExitCode {
    run(include_str!("05_send_recv_udp.rs"), lesson, with_you)
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

    // The client sends three datagrams: std's UdpSocket.
    let client = UdpSocket::bind("127.0.0.1:0")?;
    for text in ["Hello, server!", "", "谢谢!"] {
        let sent = client.send_to(text.as_bytes(), here)?;
        say("client", "send_to", format!("{sent} bytes {text:?}"));
    }

    // Step 5: receive, one datagram of up to 1024 bytes at a time. `length`
    // says how much of the buffer counts. 0 is a message here, not an end.
    let mut buffer = [0; 1024];
    let mut sender = here;
    for _ in 0..3 {
        let (length, peer) = socket.recv_from(&mut buffer)?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        say("server", "recv_from", format!("{length} bytes {text:?}"));
        sender = peer;
    }

    // Step 5: send. The address says who gets it.
    let sent = socket.send_to(GREETING.as_bytes(), sender)?;
    say("server", "send_to", format!("{sent} bytes"));
    let (length, _) = client.recv_from(&mut buffer)?;
    let text = String::from_utf8_lossy(&buffer[..length]);
    say("client", "recv_from", format!("{length} bytes {text:?}"));
    Ok(())
}

/// With an address, the client is you.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    let here = socket.local_addr()?;

    // (A buffer for any datagram: a longer one is an error on Windows.)
    invite("server", "recv_from", here, &["nc -u", "04_connect_udp"]);
    let mut buffer = [0; 65_536];
    let (length, peer) = socket.recv_from(&mut buffer)?;
    let text = String::from_utf8_lossy(&buffer[..length]);
    say("server", "recv_from", format!("{length} bytes {text:?}"));
    let sent = socket.send_to(GREETING.as_bytes(), peer)?;
    say("server", "send_to", format!("{sent} bytes"));
    Ok(())
}
