//! A server that answers messages, each with its length ahead of it.

use std::io::{Error, Read, Write};
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

/// No message is longer than this, in bytes.
const LIMIT: usize = 65536;

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
        // A client that is cut off is no reason to end, nor a wrong length.
        if let Err(error) = serve_next(&listener) {
            eprintln!("a conversation failed: {error}");
        }
    }
}

/// One conversation. `client` is closed here, however it ends.
fn serve_next(listener: &Socket) -> std::io::Result<()> {
    let (mut client, _) = listener.accept()?;
    loop {
        // No byte at all: the client has finished, between two messages.
        let mut prefix = [0; 4];
        if client.read(&mut prefix[..1])? == 0 {
            return Ok(());
        }
        // One receive may bring less than the rest. `read_exact` repeats it,
        // and fails if the stream ends too early.
        client.read_exact(&mut prefix[1..])?;

        // Look at it before there is a buffer of that size.
        let length = u32::from_be_bytes(prefix) as usize;
        if length > LIMIT {
            return Err(Error::other(format!("{length} bytes announced")));
        }
        let mut message = vec![0; length];
        client.read_exact(&mut message)?;

        // The answer is as long, so the four bytes are the same.
        message.make_ascii_uppercase();
        client.write_all(&[&prefix, &message[..]].concat())?;
    }
}
