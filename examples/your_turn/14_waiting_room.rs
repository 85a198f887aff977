//! Your turn, step 14: guests who wait until the doors open.
//!
//! A TCP server with room for 50 guests who wait. Listen at the address that is
//! given, and accept nobody until a whole line has come on standard input,
//! however long that takes: any line opens the doors. Then greet everybody who
//! is waiting, in the order in which they came: `welcome 1` to the first one,
//! `welcome 2` to the next, each with `\n` at its end. Close each connection
//! right after that: the server is allowed no more than 50 open files. Guests
//! say nothing.
//!
//! A guest may have broken off while waiting, so that it cannot be greeted. It
//! is not counted: the next one gets its number.
//!
//! As soon as nobody is waiting any more, print how many were greeted, as
//! `served 4`, and end with exit status 0. If nobody came, that is at once: no
//! call waits for a guest. Print no other line (but `ready`).
//!
//!     cargo grade 14_waiting_room

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where to listen.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create, bind, listen.

    println!("ready");

    // Yours: wait for a line (`std::io::stdin().read_line`); then accept and
    // greet whoever waits, until nobody does.

    eprintln!(
        "14_waiting_room.rs has nothing yet that listens at {address}"
    );
    Ok(())
}
