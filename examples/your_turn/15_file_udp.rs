//! Your turn, step 15: a file over a network that loses datagrams.
//!
//! Send all of standard input, over UDP, to the address that is given. On the
//! way there and back, datagrams can be lost, doubled, or late.
//!
//! A datagram is 4 bytes for its number, the highest byte first, and then the
//! next bytes of the file: 1024, or as many as one read has given. They are
//! numbered 1, 2, 3, and so on. The receiver answers each with the same 4
//! bytes. Send one, and wait for its answer for 100 ms. If it does not come,
//! send the same again, up to 20 tries for each. When it was answered, send the
//! next one. The file can come slowly, and be larger than the memory: read it
//! as you send it, never more than 1 MB ahead.
//!
//! At its end send, in the same way, a datagram with the next number and
//! nothing after it (of an empty file, the only one). When that was answered,
//! too, print `5 bytes sent` (as many as the file has), and end with exit
//! status 0. If one gets no answer in 20 tries, end with another status, and
//! without that line.
//!
//! An answer is exactly the 4 bytes that are waited for, from the address that
//! is given. Ignore all else that comes: earlier answers, the same one twice,
//! more bytes, fewer, none, datagrams from somebody else. None of that makes a
//! try longer or shorter. Nor does "connection refused", if the system says so:
//! the receiver may come back. And the program may be stopped and continued
//! while it waits (Ctrl-Z, `fg`).
//!
//!     cargo grade 15_file_udp

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where the receiver is.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create a UDP socket.

    println!("ready");

    // Yours: read a piece, send it until it is answered; then the next one.

    eprintln!("15_file_udp.rs has nothing yet that sends to {address}");
    Ok(())
}
