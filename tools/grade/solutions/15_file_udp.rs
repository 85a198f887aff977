//! Sends a file over a network that loses datagrams: one after the other, each
//! until it is answered. ("Stop and wait" is the name for that.)

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

const LIMIT: Duration = Duration::from_millis(100);
const TRIES: u32 = 20;

fn main() -> io::Result<()> {
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // (No bind: the first send gives the socket a port.)
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    let socket = UdpSocket::from(socket);
    println!("ready");

    let mut sent = 0;
    let mut buffer = [0; 1024];
    for number in 1_u32.. {
        // At the end of the file this gives 0 bytes. A number with no bytes
        // after it is also what tells the receiver of the end.
        let length = io::stdin().read(&mut buffer)?;
        let mut datagram = number.to_be_bytes().to_vec();
        datagram.extend(&buffer[..length]);
        deliver(&socket, address, &datagram)?;
        if length == 0 {
            break;
        }
        sent += length;
    }
    println!("{sent} bytes sent");
    Ok(())
}

/// Sends this datagram until it is answered.
fn deliver(
    socket: &UdpSocket,
    to: SocketAddr,
    datagram: &[u8],
) -> io::Result<()> {
    for _ in 0..TRIES {
        socket.send_to(datagram, to)?;
        if is_answered(socket, to, &datagram[..4])? {
            return Ok(());
        }
    }
    Err(io::Error::other("the receiver does not answer"))
}

/// Receives until the answer is there, or the 100 ms are over.
fn is_answered(
    socket: &UdpSocket,
    from: SocketAddr,
    number: &[u8],
) -> io::Result<bool> {
    // Room for any datagram: what is longer than the answer is none.
    let mut buffer = vec![0; 65_536];

    // The limit is for the whole try: each receive gets what is left of it.
    let end = Instant::now() + LIMIT;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv_from(&mut buffer) {
            // An answer to an earlier number says nothing about this one.
            Ok((length, sender)) => {
                if sender == from && buffer[..length] == *number {
                    return Ok(true);
                }
            }
            Err(error) => match error.kind() {
                // Time is up (it has two names), the call was interrupted,
                // or nobody is there (Windows). Look at the clock again.
                ErrorKind::WouldBlock
                | ErrorKind::TimedOut
                | ErrorKind::Interrupted
                | ErrorKind::ConnectionReset => {}
                _ => return Err(error),
            },
        }
    }
}
