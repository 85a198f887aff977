//! A client for the chat: a line, its answer, the next line.

use std::io::{Error, ErrorKind, Read, Write, stdin};
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

/// The server receives no more than this at a time.
const MOST: usize = 1024;

fn main() -> std::io::Result<()> {
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    let domain = Domain::for_address(address);
    let mut server =
        Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    server.connect(&address.into())?;
    println!("ready");

    receive(&mut server, "Hello, client!")?;
    say(&mut server, "Hello, server!")?;
    for line in stdin().lines() {
        let line = line?;
        if line == "quit" {
            break;
        }
        // (0 bytes do not arrive: the server would not answer them.)
        if !line.is_empty() && line.len() <= MOST {
            say(&mut server, &line)?;
        }
    }
    say(&mut server, "quit")
}

/// Sends a message, and receives the answer to it.
fn say(server: &mut Socket, message: &str) -> std::io::Result<()> {
    server.write_all(message.as_bytes())?;
    receive(server, &format!("Server received: {message}"))
}

/// Receives what must come now, and prints it. Nothing marks its end, but it
/// is known how long it is. Something else may be shorter, and the rest would
/// never come: so each piece is compared as soon as it is there.
fn receive(server: &mut Socket, expected: &str) -> std::io::Result<()> {
    let mut bytes = vec![0; expected.len()];
    let mut length = 0;
    while length < bytes.len() {
        let more = server.read(&mut bytes[length..])?;
        if more == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        length += more;
        if !expected.as_bytes().starts_with(&bytes[..length]) {
            let came = String::from_utf8_lossy(&bytes[..length]);
            let words = format!("this is not the chat's server: {came}");
            return Err(Error::new(ErrorKind::InvalidData, words));
        }
    }
    println!("server: {expected}");
    Ok(())
}
