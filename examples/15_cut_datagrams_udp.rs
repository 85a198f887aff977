//! Step 15, UDP: datagrams that are cut short, too long, or refused.
//!
//! What doesn't fit into the receiver's buffer is cut off and lost, and what
//! is longer than UDP allows isn't even sent. And when nobody is at the port,
//! only a connected sender hears about it (on Windows others do, too).
//!
//! Look for: 4 bytes out of 10, a buffer with room for one byte too many, and
//! two senders to a closed port, one of which is told nothing.
//!
//! One terminal, both ends:
//!     cargo run --example 15_cut_datagrams_udp
//! With an address, the receiver uses that port, for you to watch (tcpdump):
//!     cargo run --example 15_cut_datagrams_udp -- 127.0.0.1:8090

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::{process::ExitCode, time::Duration};

// Not the lesson: `run_at` reads the command line, `say` prints a line,
// `answer` and `in_words` put what the kernel answered into words.
use socket_steps::{Failure, answer, in_words, run_at, say};
use socket2::{Domain, Protocol, Socket, Type};

/// The longest message of our protocol, in bytes: both ends must know it.
const LONGEST: usize = 1024;

fn main() -> ExitCode {
    run_at(include_str!("15_cut_datagrams_udp.rs"), lesson)
}

/// Receives one datagram into `buffer`, and says how much of it.
///
/// On Linux and macOS, `recv_from` fills the buffer, drops the rest and doesn't
/// say so. On Windows it fails, with error 10040 (WSAEMSGSIZE).
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.recv_from(buffer) {
            Ok((length, _)) => return Ok(length),
            Err(error) if error.raw_os_error() == Some(10040) => {
                return Ok(buffer.len());
            }
            // (A receive with a limit may be interrupted: step 13.)
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Both ends. The address is 127.0.0.1:0, unless you give another one.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 and 2: create, bind. The sender is std's UdpSocket.
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    let here = socket.local_addr()?;
    let sender = UdpSocket::bind(SocketAddr::new(here.ip(), 0))?;

    // The first failure: 10 bytes for a buffer of 4. The rest does not wait
    // for the next receive, as it would in a stream. It is gone.
    for text in ["0123456789", "next"] {
        let sent = sender.send_to(text.as_bytes(), here)?;
        say("sender", "send_to", format!("{sent} bytes {text:?}"));
    }
    let mut buffer = [0; 4];
    for _ in 0..2 {
        let length = receive(&socket, &mut buffer)?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        say("receiver", "recv_from", format!("{length} bytes {text:?}"));
    }

    // The cure: room for the longest message, and one byte more. If that byte
    // is filled, the datagram is no message of ours: throw it away.
    let mut buffer = [0; LONGEST + 1];
    for size in [10, LONGEST, LONGEST + 500] {
        let sent = sender.send_to(&vec![b'x'; size], here)?;
        let length = receive(&socket, &mut buffer)?;
        let told = if length > LONGEST { "too long" } else { "fits" };
        let told = format!("{length} bytes of {sent}: {told}");
        say("receiver", "recv_from", told);
    }

    // The second failure: UDP over IPv4 has room for 65,507 bytes (macOS, as
    // delivered, for 9,216), and the kernel refuses more. The cure: smaller
    // messages, or a stream.
    let message = vec![b'x'; 65_536];
    let sent = sender.send_to(&message, here);
    let length = message.len();
    say("sender", "send_to", format!("{length} bytes: {}", answer(&sent)));

    // The third failure: the receiver is gone (any other socket can have its
    // port now), and no call tells the sender.
    drop(socket);
    let other = UdpSocket::bind(here).map(drop);
    say(
        "receiver",
        "close",
        format!("{here} for another: {}", answer(&other)),
    );
    let sent = sender.send_to(b"hello", here)?;
    sender.set_read_timeout(Some(Duration::from_millis(200)))?;
    let wait = sender.read_timeout()?.unwrap_or_default();
    say("sender", "send_to", format!("{sent} bytes; waits for {wait:?}"));
    match receive(&sender, &mut buffer) {
        Ok(length) => say("sender", "recv_from", format!("{length} bytes")),
        Err(error) => say("sender", "recv_from", in_words(&error)),
    }

    // The cure: connect the socket. The kernel then keeps the report that
    // comes back, and the next call fails with it. (Windows reports it to
    // unconnected senders, too, as ConnectionReset.)
    sender.connect(here)?;
    let sent = sender.send(b"hello")?;
    say("connected", "send", format!("{sent} bytes"));
    match receive(&sender, &mut buffer) {
        Ok(length) => say("connected", "recv", format!("{length} bytes")),
        Err(error) => say("connected", "recv", in_words(&error)),
    }
    Ok(())
}
