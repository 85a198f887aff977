//! Your turn, step 10: `write_all` by hand.
//!
//! Listen at the address that is given. Serve one client after the other (one
//! at a time is enough): send it the 251 bytes 0, 1, 2, ... 250, all of them
//! 24,000 times over. That is one message of 6,024,000 bytes. The client sends
//! nothing. It may end its direction: then it receives all the same.
//!
//! No send waits: the client's socket is non-blocking. Each time the kernel
//! takes nothing more, print the line `waiting`, wait for about 10
//! milliseconds, and try again with what is left. When the kernel has taken all
//! of the message, print the line `sent`, close the connection, and serve the
//! next client.
//!
//! A client can be slow, or receive nothing for a while: go on for as long as
//! it takes. It can break off in the middle: then print no `sent` for it, and
//! serve the next one.
//!
//!     cargo grade 10_write_all

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where to listen.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create, bind, listen.

    println!("ready");

    // Yours: accept a client; send it the message; then the next client.

    eprintln!("10_write_all.rs has nothing yet that listens at {address}");
    Ok(())
}
