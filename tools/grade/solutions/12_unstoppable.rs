//! A server that greets its clients and sends back what they send. None of
//! them can end it.

use std::io::{Read, Write};
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

    // From here on clients decide what fails: no `?` in this loop.
    loop {
        let client = match listener.accept() {
            Ok((client, _)) => client,
            Err(error) => {
                // One who left before its turn, on some systems. Or there are
                // too many open files for now: the wait gives them time.
                eprintln!("accept failed: {error}");
                sleep(Duration::from_millis(100));
                continue;
            }
        };
        if let Err(error) = converse(client) {
            eprintln!("a conversation failed: {error}");
        }
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
