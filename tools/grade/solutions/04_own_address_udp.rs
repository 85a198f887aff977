//! A UDP server that tells each sender its own address.

use std::net::{SocketAddr, UdpSocket};

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
            // (Windows: an earlier answer found nobody. Go on.)
            Err(error) => {
                eprintln!("receive: {error}");
                continue;
            }
        };
        let answer = sender.to_string();
        if let Err(error) = socket.send_to(answer.as_bytes(), sender) {
            eprintln!("answer to {sender}: {error}");
        }
    }
}
