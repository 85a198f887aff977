//! A server whose guests wait in the listener's queue until the doors open.

use std::io::{ErrorKind, Write};
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
    // The kernel connects so many guests by itself, while nobody accepts.
    listener.listen(50)?;
    println!("ready");

    // The doors open.
    std::io::stdin().read_line(&mut String::new())?;

    // From here on accept doesn't wait: it says when nobody is left.
    listener.set_nonblocking(true)?;
    let mut served = 0;
    loop {
        let mut guest = match listener.accept() {
            Ok((guest, _)) => guest,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => break,
                // A guest has gone. Some systems tell that here, each in its
                // own words: the last is macOS, with socket2.
                ErrorKind::ConnectionAborted
                | ErrorKind::ConnectionReset
                | ErrorKind::InvalidInput => continue,
                _ => return Err(error),
            },
        };
        // (On some systems it is as non-blocking as its listener.)
        guest.set_nonblocking(false)?;
        let greeting = format!("welcome {}\n", served + 1);
        match guest.write_all(greeting.as_bytes()) {
            Ok(()) => served += 1,
            Err(error) => eprintln!("a guest has gone: {error}"),
        }
    }
    println!("served {served}");
    Ok(())
}
