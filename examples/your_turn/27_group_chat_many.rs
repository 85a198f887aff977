//! Your turn, step 27: a group chat for a hundred.
//!
//! Listen at the address that is given, with room for 100 clients who wait. All
//! that they send is lines of UTF-8 text: at most 1000 bytes, and then `\n`. No
//! other character has a meaning. What comes after the last `\n` is no line.
//!
//! The first line of a client is its name, which is not empty; two can have the
//! same. It gets the line `* welcome NAME` before any other, and is a member
//! from then on; the members who were there before get `* NAME joins`. Each
//! line after that goes to all other members, in order and as it came, as
//! `NAME: TEXT`. When it ends its direction or breaks off, all others get
//! `* NAME leaves` after that; it gets what still waits for it, and its
//! connection is closed. Who goes without a name is not mentioned.
//!
//! There can be 150 members at once: 100 of them may talk, come or go at the
//! same moment, and each of them hears each line once, each speaker's in order.
//! Nobody waits for one who does not read. One that takes nothing for a second,
//! or for whom a line has waited for longer, is put out within 2.5 seconds: the
//! server closes the connection, and the others get `* NAME leaves`. Nobody who
//! reads is put out because others talk fast: while 1000 lines of a member wait
//! somewhere, the server receives no more from that one. Who sends more than
//! 1000 bytes without `\n` is put out at once. So the server grows by less than
//! 64 MB.
//!
//! When all have left, nothing of them is left either: no descriptor and no
//! thread. Threads, readiness (`mio` is there) or whatever else: all will do.
//!
//!     cargo grade 27_group_chat_many

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where to listen.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create, bind, listen.

    println!("ready");

    // Yours: accept everybody; lines in, lines out; a queue for each member.

    eprintln!("27_group_chat_many.rs has nothing yet that is at {address}");
    Ok(())
}
