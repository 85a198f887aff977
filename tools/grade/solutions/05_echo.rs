//! An echo server: every client gets back what it sends.

use std::io::{Read, Write};
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

fn main() -> std::io::Result<()> {
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (So that a second run can have the port at once: step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(100)?;
    println!("ready");

    loop {
        // Whatever happens to one client is no reason to end.
        if let Err(error) = serve_next(&listener) {
            eprintln!("a conversation failed: {error}");
        }
    }
}

/// One conversation, until the client has finished. `client` is closed here.
fn serve_next(listener: &Socket) -> std::io::Result<()> {
    let (mut client, _) = listener.accept()?;
    let mut buffer = [0; 1024];
    loop {
        let length = client.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        client.write_all(&buffer[..length])?;
    }
}
