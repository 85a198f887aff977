//! A UDP client: it sends one datagram, and waits for the answer.

use std::env::args;
use std::io::Read;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

fn main() -> std::io::Result<()> {
    // Where the server is. (Somewhere else: give its address.)
    let address = args().nth(1).unwrap_or("127.0.0.1:8090".to_string());
    let address: SocketAddr = address.parse().expect("an address");

    // Step 1: create.
    let domain = Domain::for_address(address);
    let mut socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;

    // Step 4: connect. It sends nothing: the kernel notes the peer.
    socket.connect(&address.into())?;

    // Step 5: send one datagram. The client must speak first.
    let text = "谢谢!";
    socket.send(text.as_bytes())?;
    println!("sent {} bytes: {text}", text.len());

    // Step 5: receive one datagram, of up to 1024 bytes.
    let mut buffer = [0; 1024];
    let length = socket.read(&mut buffer)?;
    let text = String::from_utf8_lossy(&buffer[..length]);
    println!("received {length} bytes: {text}");
    Ok(())
}
