//! Your turn, step 20: a server that stops, and nobody loses an answer.
//!
//! Listen at the address that is given, with room for 50 clients who wait, and
//! serve all of them at once. A client sends one line: a number from 0 to
//! 1000000, and `\n`. Send it as many bytes `x`, and then the end of the stream
//! (at once: it may wait for that before it ends its own direction).
//!
//! A client may send more than its line: behind it, while it is answered, or
//! after that. Nothing of it counts, and it must not cost the client its
//! answer. So close when the client has ended its direction, too; but at most
//! one second after your end, however often it speaks. A client may be slow: to
//! speak, and to receive. It may break off, and that harms nobody else.
//!
//! When your standard input ends, stop, in good order:
//! - Who connects from now on is refused, and not only when all is over.
//! - Who was connected by then is served, also who waits in the queue: whose
//!   line has come gets the whole answer. Whose line has not gets the end of
//!   the stream.
//! - End with exit status 0, as soon as all are done. Two seconds after the end
//!   of your input, end in any case.
//!
//!     cargo grade 20_good_order

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where to listen.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create, bind, listen.

    println!("ready");

    // Yours: accept clients, and answer each in a thread of its own, until a
    // thread that reads your standard input has seen its end; then stop.

    eprintln!("20_good_order.rs has nothing yet that listens at {address}");
    Ok(())
}
