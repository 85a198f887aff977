//! Your turn, step 4: a doorman who numbers the guests.
//!
//! A TCP server. Listen at the address that is given, and at no other one. Send
//! each client, as soon as you have accepted it, the line `You are guest 1.`
//! and a line feed (`\n`), with 1 for the first client, 2 for the next one, and
//! so on. Then close the connection (in Rust: its socket is dropped), and
//! accept the next client.
//!
//! Clients send nothing, and they can stay: don't wait for them. Up to 50 can
//! come at once; no two get the same number, and none is left out. It goes on
//! like that for hundreds of clients, and when nobody comes for a while.
//!
//!     cargo grade 04_doorman

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where to listen.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create, bind, listen.

    println!("ready");

    // Yours: accept a client, greet it (`write_all`), close; then the next one.

    eprintln!("04_doorman.rs has nothing yet that listens at {address}");
    Ok(())
}
