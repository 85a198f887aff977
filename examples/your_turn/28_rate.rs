//! Your turn, step 28: ten answers a second to each address.
//!
//! A UDP server. Bind to the address that is given, and to no other one. Send
//! each datagram back to its sender, as it is: at once, or not at all.
//!
//! An address has ten answers to begin with. Each answer takes one of them, and
//! each tenth of a second brings one back, up to ten: more are never saved up.
//! So within T seconds it gets 10 + 10 T of them at most, whenever that begins.
//! A datagram for which none is left is thrown away, and not answered later. An
//! address is that of a machine: all of its ports have these ten together.
//! Other addresses have their own, and notice nothing.
//!
//! The server remembers each address that asks, but no more than 1000 at once,
//! so that nobody fills its memory: while there are 1000, one that is new gets
//! no answer. An address that has sent nothing for a second has all of its ten
//! again. So it is forgotten, no sooner, and at most half a second later: then
//! there is room for another one.
//!
//!     cargo grade 28_rate

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where to be.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create, bind.

    println!("ready");

    // Yours: receive a datagram; find out what its address has left; answer,
    // or do not; then the next one.

    eprintln!("28_rate.rs has nothing yet that is at {address}");
    Ok(())
}
