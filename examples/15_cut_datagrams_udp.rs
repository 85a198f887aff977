//! Step 15, UDP: datagrams that are cut short, too long, or refused.
//!
//! A datagram fits whole or not at all: what finds no room in the receiver's
//! buffer is lost, and what is longer than UDP allows is not even sent. And
//! when nobody is at the port, only a connected sender hears of it.
//!
//! Look for: 4 bytes out of 10, a buffer with room for one byte too many, and
//! two senders to a closed port, one of whom learns nothing.
//!
//! One terminal, both ends:
//!     cargo run --example 15_cut_datagrams_udp
//! With an address, the receiver uses that port, for you to watch (tcpdump):
//!     cargo run --example 15_cut_datagrams_udp -- 127.0.0.1:8090

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

use socket_steps::{ANY_PORT, During, Failure, in_words, run, say};
use socket2::{Domain, Protocol, Socket, Type};

/// The longest message of our protocol, in bytes: both ends must know it.
const LONGEST: usize = 1024;

fn main() -> ExitCode {
    run(include_str!("15_cut_datagrams_udp.rs"), lesson)
}

/// Receives one datagram into `buffer`, and says how much of it.
///
/// Linux and macOS fill the buffer, drop the rest and tell nobody. Windows
/// fills it too, but calls that an error (10040, WSAEMSGSIZE).
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<usize> {
    match socket.recv_from(buffer) {
        Ok((length, _)) => Ok(length),
        Err(error) if error.raw_os_error() == Some(10040) => {
            Ok(buffer.len())
        }
        Err(error) => Err(error),
    }
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // Steps 1 and 2: create, bind. The sender is std's UdpSocket.
    let address = given.unwrap_or(ANY_PORT);
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))
        .during("socket", None)?;
    socket.bind(&address.into()).during("bind", address)?;
    let socket: UdpSocket = socket.into();
    let here = socket.local_addr().during("local_addr", None)?;
    let any = SocketAddr::new(here.ip(), 0);
    let sender = UdpSocket::bind(any).during("bind", any)?;

    // The first failure: 10 bytes for a buffer of 4. The rest does not wait
    // for the next receive, as it would in a stream. It is gone.
    for text in ["0123456789", "next"] {
        let sent = sender
            .send_to(text.as_bytes(), here)
            .during("send_to", here)?;
        say("sender", "send_to", format!("{sent} bytes {text:?}"));
    }
    for _ in 0..2 {
        let mut buffer = [0; 4];
        let length = receive(&socket, &mut buffer).during("recv", here)?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        say("receiver", "recv_from", format!("{length} bytes {text:?}"));
    }

    // The cure: room for the longest message, and one byte more. If that byte
    // is filled, the datagram is no message of ours: throw it away.
    for size in [10, LONGEST, LONGEST + 500] {
        let message = vec![b'x'; size];
        sender.send_to(&message, here).during("send_to", here)?;
        let mut buffer = [0; LONGEST + 1];
        let length = receive(&socket, &mut buffer).during("recv", here)?;
        let told = if length > LONGEST { "too long" } else { "in full" };
        say("receiver", "recv_from", format!("{size} bytes sent: {told}"));
    }

    // The second failure: UDP over IPv4 has room for 65,507 bytes (macOS, as
    // delivered, for 9,216), and the kernel refuses more. The cure: smaller
    // messages, or a stream.
    let message = vec![b'x'; 65_536];
    if let Err(error) = sender.send_to(&message, here) {
        say(
            "sender",
            "send_to",
            format!("65536 bytes: {}", in_words(&error)),
        );
    }

    // The third failure: the receiver is gone, and no call tells the sender.
    drop(socket);
    say("receiver", "close", "nobody is at that port now");
    let sent = sender.send_to(b"hello", here).during("send_to", here)?;
    say("sender", "send_to", format!("{sent} bytes, taken; waits 200 ms"));
    let limit = Some(Duration::from_millis(200));
    sender.set_read_timeout(limit).during("set_read_timeout", None)?;
    if let Err(error) = sender.recv_from(&mut [0; LONGEST]) {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                say("sender", "recv_from", "no news of them");
            }
            _ => say("sender", "recv_from", in_words(&error)),
        }
    }

    // The cure: connect the socket. The kernel then keeps the report that
    // comes back, and the next call fails with it. (Windows reports it to
    // unconnected senders, too, as ConnectionReset.)
    sender.connect(here).during("connect", here)?;
    let sent = sender.send(b"hello").during("send", here)?;
    say("connected", "send", format!("{sent} bytes, taken"));
    if let Err(error) = sender.recv(&mut [0; LONGEST]) {
        say("connected", "recv", in_words(&error));
    }
    Ok(())
}
