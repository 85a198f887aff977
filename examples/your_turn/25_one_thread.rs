//! Your turn, step 25: an echo for 200 at once, in one thread.
//!
//! Listen at the address that is given, with room for 100 clients who wait.
//! Send each client the bytes that it sends, as they are and as they come,
//! until a receive gives 0 bytes. Send what is left then, and close the
//! connection. They can be any bytes, and millions of them.
//!
//! Up to 200 clients are there at once, and thousands may come one after the
//! other. One thread serves them all: it waits until the kernel says that some
//! of their sockets are ready, and sees to each of these. With 200 clients the
//! program has only a few more threads than with one: those that some
//! languages start by themselves. No thread or process for each client, then,
//! and no call that waits for a single one.
//!
//! While nothing can be received or sent, the program sleeps until that
//! changes: it does not look again and again.
//!
//! A client may be silent, or receive nothing, for as long as it likes. The
//! others are served at once all the same. What the kernel does not take is
//! kept until it does, and nothing more is received from that client meanwhile:
//! so the program grows by less than 64 MB, whatever they send. A client may
//! also break off at any moment: nobody else notices.
//!
//! The crate `mio` is there for this program, as well as `socket2`.
//!
//!     cargo grade 25_one_thread

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where to listen.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create, bind, listen; and hand the listener to a `Poll`.

    println!("ready");

    // Yours: wait for events. The listener's: accept. A client's: send what is
    // kept for it, receive, send.

    eprintln!("25_one_thread.rs has nothing yet that listens at {address}");
    Ok(())
}
