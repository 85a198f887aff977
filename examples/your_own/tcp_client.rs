//! A TCP client: it waits for a greeting, and answers.

use std::env::args;
use std::io::{Read, Write};
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

fn main() -> std::io::Result<()> {
    // Where the server is. (Somewhere else: give its address.)
    let address = args().nth(1).unwrap_or("127.0.0.1:8090".to_string());
    let address: SocketAddr = address.parse().expect("an address");

    // Step 1: create.
    let domain = Domain::for_address(address);
    let mut socket =
        Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;

    // Step 4: connect.
    socket.connect(&address.into())?;

    // Step 5: receive, up to 1024 bytes. The server speaks first.
    let mut buffer = [0; 1024];
    let length = socket.read(&mut buffer)?;
    let text = String::from_utf8_lossy(&buffer[..length]);
    println!("received {length} bytes: {text}");

    // Step 5: send.
    let text = "谢谢!";
    socket.write_all(text.as_bytes())?;
    println!("sent {} bytes: {text}", text.len());

    // Step 6: close. The socket goes here.
    Ok(())
}
