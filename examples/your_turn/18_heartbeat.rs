//! Your turn, step 18: a server that notices who has gone silent.
//!
//! Listen at the address that is given, with room for 50 clients who wait, and
//! serve up to 50 clients at once. A client sends lines that end in `\n`. Send
//! each line back to it, as soon as it is whole.
//!
//! When nothing has come from a client for a second, send it the line `ping`,
//! and again for each further second without a byte from it. A client who is
//! there answers with the line `pong`, which alone is not sent back.
//!
//! Who has sent nothing for three seconds is gone: close its connection, in
//! the half second after that. But nobody is put out who is only slow. Any
//! byte is a sign of life, even if its line takes for ever: after it there
//! are three seconds again, and one until the next ping.
//!
//! When a client has ended its direction, close the connection as well. One
//! that is gone, however it went, holds nobody up, and leaves nothing open.
//!
//! (A client receives what it is sent, and its lines have at most 100 bytes.)
//!
//!     cargo grade 18_heartbeat

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where to listen.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create, bind, listen.

    println!("ready");

    // Yours: accept a client. Receive from it, until the next ping is due, or
    // until it has been silent for too long; and meanwhile serve the others.

    eprintln!("18_heartbeat.rs has nothing yet that listens at {address}");
    Ok(())
}
