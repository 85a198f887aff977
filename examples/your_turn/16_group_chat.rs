//! Your turn, step 16: a group chat.
//!
//! Listen at the address that is given, with room for 50 clients who wait. All
//! that they send is lines of UTF-8 text: at most 1000 bytes, and then `\n`. No
//! other character has a meaning. What comes after the last `\n` is no line.
//!
//! The first line of a client is its name, which is not empty; two can have the
//! same. It gets the line `* welcome NAME` before any other, and is a member
//! from then on; the members who were there before get `* NAME joins`. Each
//! line after that, an empty one as well, goes to all other members, in order
//! and as it came, as `NAME: TEXT`. When it ends its direction or breaks off,
//! all others get `* NAME leaves` after that; it gets what still waits for it,
//! and its connection is closed. Who goes without a name is not mentioned.
//!
//! There can be 20 members at once, and nobody waits for the slowest: those who
//! read hear at once all that is said, however many do not. So what a member
//! has still to get waits in a queue of its own, from which a thread of its own
//! sends. One that takes nothing for a second, or for whom a line has waited
//! for longer, is put out within 2.5 seconds: the server closes the connection,
//! and the others get `* NAME leaves`. A member may say nothing for as long as
//! it likes.
//!
//! Nobody who reads is put out because another one talks fast: while 1000 lines
//! of one member wait in the queues, the server receives no more from it, and
//! the others talk on. Who sends more than 1000 bytes without `\n` is put out
//! at once. So the server grows by less than 64 MB, whatever they send.
//!
//!     cargo grade 16_group_chat

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where to listen.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create, bind, listen.

    println!("ready");

    // Yours: accept everybody. A thread for each receives its lines, and puts
    // them into the queues of the others; another one sends what is in its own.

    eprintln!("16_group_chat.rs has nothing yet that listens at {address}");
    Ok(())
}
