//! A server that answers messages, each with its length ahead of it.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

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
        let client = next_client(&listener)?;
        // A client that is cut off is no reason to end, nor a wrong length.
        if let Err(error) = serve(client) {
            eprintln!("a conversation failed: {error}");
        }
    }
}

/// The next client. What passes is no reason to end: a client that has gone,
/// or too many open files. Wait a moment, and try again.
fn next_client(listener: &Socket) -> std::io::Result<Socket> {
    loop {
        let error = match listener.accept() {
            Ok((client, _)) => return Ok(client),
            Err(error) => error,
        };
        // But what lasts is: the socket does not listen. (On macOS, socket2
        // says the same of a client that has gone.)
        let lasts = error.kind() == ErrorKind::InvalidInput;
        if lasts && !cfg!(target_os = "macos") {
            return Err(error);
        }
        eprintln!("accept: {error}");
        sleep(Duration::from_millis(20));
    }
}

/// One conversation. `client` is closed here, however it ends.
fn serve(mut client: Socket) -> std::io::Result<()> {
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
