//! A ping over UDP: four numbers, three tries for each, 100 ms for each try.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

const LIMIT: Duration = Duration::from_millis(100);

fn main() -> io::Result<()> {
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // (No bind: the first send gives the socket a port.)
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    let socket = UdpSocket::from(socket);
    println!("ready");

    let mut answered = 0;
    for number in 1..=4 {
        match ping(&socket, address, number)? {
            Some(attempt) => {
                println!("{number}: answered at try {attempt}");
                answered += 1;
            }
            None => println!("{number}: no answer"),
        }
    }
    println!("{answered} of 4 answered");
    if answered == 0 {
        return Err(io::Error::other("nobody answers"));
    }
    Ok(())
}

/// Up to three tries. Gives the number of the one that was answered.
fn ping(
    socket: &UdpSocket,
    to: SocketAddr,
    number: u32,
) -> io::Result<Option<u32>> {
    for attempt in 1..=3 {
        socket.send_to(format!("ping {number}").as_bytes(), to)?;
        if is_answered(socket, to, number)? {
            return Ok(Some(attempt));
        }
    }
    Ok(None)
}

/// Receives until the answer is there, or the 100 ms are over.
fn is_answered(
    socket: &UdpSocket,
    from: SocketAddr,
    number: u32,
) -> io::Result<bool> {
    let pong = format!("pong {number}");
    // Room for any datagram: what is longer than the answer is none.
    let mut buffer = vec![0; 65_536];

    // The limit is for the whole try. Each receive gets what is left of it, so
    // that no number of wrong datagrams makes the try longer.
    let end = Instant::now() + LIMIT;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv_from(&mut buffer) {
            Ok((length, sender)) => {
                if sender == from && buffer[..length] == *pong.as_bytes() {
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
