//! Your turn, step 5: an echo server.
//!
//! Listen at the address that is given, and at no other one. Send each client
//! the bytes that it sends, as they are and as they come, until a receive gives
//! 0 bytes: the client has finished (step 6). Send what is left, close the
//! connection, and serve the next client. One at a time is enough.
//!
//! They can be any bytes, and millions of them. A client can be slow: it can be
//! silent, or receive nothing, for as long as it likes. Up to 50 other clients
//! wait meanwhile, and hundreds may come one after the other.
//!
//!     cargo grade 05_echo

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where to listen.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create, bind, listen.

    println!("ready");

    // Yours: accept a client; receive and send; then the next client.

    eprintln!("05_echo.rs has nothing yet that listens at {address}");
    Ok(())
}
