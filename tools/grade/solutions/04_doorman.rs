//! A doorman: tells each guest its number, and sees it out.

use std::io::{ErrorKind, Write};
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
    listener.listen(100)?;
    println!("ready");

    let mut number: u64 = 0;
    loop {
        let guest = next_guest(&listener)?;
        number += 1;
        // A guest who is gone already is no reason to end.
        if let Err(error) = greet(guest, number) {
            eprintln!("guest {number}: {error}");
        }
    }
}

/// The next guest. What passes is no reason to end: a guest that has gone,
/// or too many open files. Wait a moment, and try again.
fn next_guest(listener: &Socket) -> std::io::Result<Socket> {
    loop {
        let error = match listener.accept() {
            Ok((guest, _)) => return Ok(guest),
            Err(error) => error,
        };
        // But what lasts is: the socket does not listen. (On macOS, socket2
        // says the same of a guest that has gone.)
        let lasts = error.kind() == ErrorKind::InvalidInput;
        if lasts && !cfg!(target_os = "macos") {
            return Err(error);
        }
        eprintln!("accept: {error}");
        sleep(Duration::from_millis(20));
    }
}

/// `guest` is closed here.
fn greet(mut guest: Socket, number: u64) -> std::io::Result<()> {
    let greeting = format!("You are guest {number}.\n");
    guest.write_all(greeting.as_bytes())
}
