//! A doorman: tells each guest its number, and sees it out.

use std::io::Write;
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

    let mut number: u64 = 0;
    loop {
        number += 1;
        // A guest who is gone already is no reason to end.
        if let Err(error) = greet_next(&listener, number) {
            eprintln!("guest {number}: {error}");
        }
    }
}

/// Takes one guest out of the queue. `guest` is closed here.
fn greet_next(listener: &Socket, number: u64) -> std::io::Result<()> {
    let (mut guest, _) = listener.accept()?;
    let greeting = format!("You are guest {number}.\n");
    guest.write_all(greeting.as_bytes())
}
