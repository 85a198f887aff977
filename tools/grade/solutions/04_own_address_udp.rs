//! A UDP server that tells each sender its own address.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::thread::sleep;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

fn main() -> std::io::Result<()> {
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&address.into())?;
    println!("ready");

    // (As std's socket, which has `recv_from` for plain buffers.)
    let socket = UdpSocket::from(socket);
    // No datagram is longer than this.
    let mut buffer = [0; 65_536];
    loop {
        // One datagram, whole, and where it came from. Its length is of no
        // interest here: 0 bytes are a datagram, too.
        let sender = match socket.recv_from(&mut buffer) {
            Ok((_, sender)) => sender,
            // What lasts is a reason to end: the socket is not bound.
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                return Err(error);
            }
            // What passes is none: no memory for now, or an earlier answer
            // found nobody (Windows). Wait a moment, and try again.
            Err(error) => {
                eprintln!("receive: {error}");
                sleep(Duration::from_millis(20));
                continue;
            }
        };
        let answer = sender.to_string();
        if let Err(error) = socket.send_to(answer.as_bytes(), sender) {
            eprintln!("answer to {sender}: {error}");
        }
    }
}
