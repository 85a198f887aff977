//! Your turn, step 2: the first free port of a range.
//!
//! Given is a range of ports at an address: `127.0.0.1:20817-20821`. It can be
//! one port, or a hundred. Bind a TCP socket to the first of them that is free,
//! at this address and no other one (don't listen). Ask the socket for its
//! address, print it as `mine: 127.0.0.1:20819`, and then `ready`. Keep the
//! port, and no other one, until standard input ends, whatever comes there and
//! however long that takes. Then end, with exit status 0.
//!
//! A port is taken if bind fails because the address is in use, whether
//! somebody listens there or not. (So set no option that lets sockets share a
//! port.) If all of them are taken, print `all taken` (and no `ready`), and end
//! with an exit status other than 0.
//!
//! These lines alone are on standard output. Close the sockets that have got no
//! port: there may be fewer open files than ports.
//!
//! Any other error says nothing about ports: the address may not be this
//! machine's. Then don't try any further, and end with an exit status other
//! than 0.
//!
//!     cargo grade 02_free_port

use std::net::IpAddr;

fn main() -> std::io::Result<()> {
    // Given: an address and the first and the last port.
    let range = std::env::args().next_back().expect("an argument");
    let (address, ports) = range.rsplit_once(':').expect("a colon");
    let (first, last) = ports.split_once('-').expect("a dash");
    let address: IpAddr = address.parse().expect("an address");
    let first: u16 = first.parse().expect("a port");
    let last: u16 = last.parse().expect("a port");

    // Yours: create and bind, port by port; print which one it is.

    println!("ready");

    // Yours: keep the port until standard input ends.

    eprintln!(
        "02_free_port.rs has nothing yet that is at {address}, \
         on a port from {first} to {last}"
    );
    Ok(())
}
