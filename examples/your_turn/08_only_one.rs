//! Your turn, step 8: a program that runs only once.
//!
//! An address is a lock: only one program at a time can listen there. Listen at
//! the address that is given. Send each client the line `it runs already`, with
//! `\n` at its end, close the connection, and wait for the next client. One
//! that breaks off changes nothing.
//!
//! If the address is in use, this program runs already, and this is the second
//! one. Then it connects there, prints the line that comes (in whatever pieces)
//! and nothing else, not even `ready`, and ends with exit status 0. But it may
//! be another program that has the address, or nobody who listens. If anything
//! else comes than that line (16 bytes tell, even if more and more come), or
//! the end before its `\n`, or nothing for a second, end with another exit
//! status. (After `set_read_timeout` a receive waits no longer than that, and
//! then fails. Whether the limit is one for each receive or for the whole line
//! is up to you.)
//!
//! Any other error means nothing of the kind: the address may not be this
//! machine's. Then end with an exit status other than 0, too.
//!
//! When the first one was ended, the next one can take its place at once.
//!
//!     cargo grade 08_only_one

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: the address that is the lock.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create, bind, listen. In use? Connect, and see who is there.

    println!("ready");

    // Yours: accept a client, send the line; then the next client.

    eprintln!("08_only_one.rs has nothing yet that listens at {address}");
    Ok(())
}
