//! An echo server that has had enough after 1000 bytes, and says so with a
//! half-close.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

const ENOUGH: usize = 1000;

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
        if let Err(error) = serve_next(&listener) {
            eprintln!("a conversation failed: {error}");
        }
    }
}

fn serve_next(listener: &Socket) -> std::io::Result<()> {
    let (mut client, _) = listener.accept()?;
    let mut buffer = [0; 1024];
    let mut left = ENOUGH;
    while left > 0 {
        let length = client.read(&mut buffer)?;
        if length == 0 {
            // The client has ended earlier. Closing ends the other direction.
            return Ok(());
        }
        // (One receive can bring more than what is left.)
        let taken = length.min(left);
        client.write_all(&buffer[..taken])?;
        left -= taken;
    }

    // Nothing more comes from here. The client learns it now.
    client.shutdown(Shutdown::Write)?;

    // Closed with bytes in it that nobody received, the socket would send a
    // reset, and that can destroy what is still on its way to the client.
    while client.read(&mut buffer)? > 0 {}
    Ok(())
}
