//! Your turn, step 12: a server that no client can end.
//!
//! Listen at the address that is given, with room for 50 clients who wait. Send
//! each client `hello` and `\n` as soon as it has its turn. Then send it the
//! bytes that it sends, as they are and as they come, until it has ended its
//! direction; close the connection, and serve the next client. One at a time is
//! enough. A client can be slow: it can be silent, or receive nothing, for a
//! while.
//!
//! A client can leave whenever it likes: without a word, while it waits for its
//! turn, in the middle of a sentence, without reading what it gets. It can
//! close or break off (a reset). That ends its own conversation, and nothing
//! else. Hundreds of them come and go, and the server is allowed no more than
//! 128 open files. (Clients who neither speak nor leave are not among them.)
//!
//!     cargo grade 12_unstoppable

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where to listen.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create, bind, listen.

    println!("ready");

    // Yours: accept a client; greet it; receive and send until its end, or
    // until a call fails; then the next client, whatever it was.

    eprintln!(
        "12_unstoppable.rs has nothing yet that listens at {address}"
    );
    Ok(())
}
