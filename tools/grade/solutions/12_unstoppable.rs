//! A server that greets its clients and sends back what they send. None of
//! them can end it.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

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
    listener.listen(50)?;
    println!("ready");

    // From here on clients decide what fails. The one `?` in this loop is for
    // what no client can do.
    loop {
        let client = next_client(&listener)?;
        if let Err(error) = converse(client) {
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

/// One conversation. A `?` ends this one, and no other. Whichever way it ends,
/// `client` is closed here.
fn converse(mut client: Socket) -> std::io::Result<()> {
    client.write_all(b"hello\n")?;
    let mut buffer = [0; 1024];
    loop {
        let length = client.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        client.write_all(&buffer[..length])?;
    }
}
