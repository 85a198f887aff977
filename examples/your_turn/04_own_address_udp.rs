//! Your turn, step 4: tell each sender its own address.
//!
//! A UDP server. Bind to the address that is given, and to no other one. Answer
//! every datagram, at once and once, with the address that it came from, as
//! text: `127.0.0.1:40123`. Nothing else is in the answer, not even a line
//! ending. It goes back to that sender, from the address that the server is
//! bound to.
//!
//! What is in a datagram doesn't matter. It can be empty, it can be any text or
//! none, and it can have 9,000 bytes. A sender may have any address, and be
//! gone before its answer comes. For a while nothing may come at all.
//!
//!     cargo grade 04_own_address_udp

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where to be.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create, bind.

    println!("ready");

    // Yours: receive a datagram, answer its sender; then the next one.

    eprintln!("04_own_address_udp.rs has nothing yet that is at {address}");
    Ok(())
}
