//! A server whose guests wait in the listener's queue until the doors open.

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
    // The kernel connects so many guests by itself, while nobody accepts.
    listener.listen(50)?;
    println!("ready");

    // The doors open.
    std::io::stdin().read_line(&mut String::new())?;

    // From here on accept doesn't wait: it says when nobody is left.
    listener.set_nonblocking(true)?;
    let mut served = 0;
    while let Some(mut guest) = next_guest(&listener)? {
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

/// The next guest. `None`: nobody is left. What passes is no reason to end: a
/// guest that has gone, or too many open files. Wait a moment, and try again.
fn next_guest(listener: &Socket) -> std::io::Result<Option<Socket>> {
    loop {
        let error = match listener.accept() {
            Ok((guest, _)) => return Ok(Some(guest)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Ok(None);
            }
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
