//! Your turn, step 6: an echo that has had enough after 1000 bytes.
//!
//! A TCP server, at the address that is given and at no other one. Send each
//! client the bytes that it sends, as they are and as they come, but only the
//! first 1000 of them. After those, end your direction at once: a half-close.
//! The client may still be sending. Receive all of that and throw it away,
//! however much it is, until the client has ended its direction as well; only
//! then close the connection, and serve the next client. It has its own 1000
//! bytes. Hundreds may come, one after the other.
//!
//! A client that ends its direction earlier gets what it sent, and then the
//! end. A client may be silent for as long as it likes, at any time.
//!
//!     cargo grade 06_half_close

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where to listen.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create, bind, listen.

    println!("ready");

    // Yours: accept a client; 1000 bytes back, half-close, throw the rest
    // away; then the next client.

    eprintln!("06_half_close.rs has nothing yet that listens at {address}");
    Ok(())
}
