//! A UDP server for one datagram: it prints that, and answers.

use std::env::args;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

fn main() -> std::io::Result<()> {
    // Where this server is. (Somewhere else: give another address.)
    let address = args().nth(1).unwrap_or("127.0.0.1:8090".to_string());
    let address: SocketAddr = address.parse().expect("an address");

    // Steps 1 and 2: create, bind.
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&address.into())?;

    // The same socket, now with the methods of std.
    let socket = UdpSocket::from(socket);
    println!("waiting at {}", socket.local_addr()?);

    // Step 5: receive one datagram, and answer to where it came from.
    let mut buffer = [0; 1024];
    let (length, peer) = socket.recv_from(&mut buffer)?;
    let text = String::from_utf8_lossy(&buffer[..length]);
    println!("received {length} bytes: {text}");
    socket.send_to("Hello, 你好!".as_bytes(), peer)?;
    Ok(())
}
