//! Your turn, step 13: a ping with a limit, tries and a summary.
//!
//! Over UDP, ask the address that is given whether anybody is there. For each
//! number N from 1 to 4: send the datagram `ping N` (no line ending), and wait
//! for the datagram `pong N`, 100 ms at most. If it does not come, send the
//! same `ping N` again and wait again, up to three tries in all. Then go on
//! with the next number at once. Print a line for each number, and one at the
//! end, each of them once (other lines don't matter):
//!
//!     1: answered at try 2
//!     2: no answer
//!     3: answered at try 1
//!     4: answered at try 1
//!     3 of 4 answered
//!
//! End with exit status 0 if at least one was answered, otherwise with another.
//!
//! An answer is exactly `pong N`, with the number that is waited for, from the
//! address that was pinged. Anything else may come as well, at any time: an
//! answer to an earlier number, the same answer twice, other bytes, none, a
//! thousand, a datagram from somebody else. All of that is ignored, and makes
//! no try longer or shorter. Nor does "connection refused", if the system says
//! so: somebody may be there at the next try. And the program may be stopped
//! and continued while it waits (Ctrl-Z, `fg`).
//!
//!     cargo grade 13_ping_udp

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where to send the pings.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create a UDP socket.

    println!("ready");

    // Yours: for each number, send and wait, three times at most.

    eprintln!("13_ping_udp.rs has nothing yet that pings {address}");
    Ok(())
}
