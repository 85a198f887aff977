//! Your turn, step 9: whole messages, in capitals.
//!
//! A TCP server. A client sends messages: four bytes that say how long the
//! message is (the highest byte first), then that many bytes, any bytes. Answer
//! each message with one of the same form and length: the letters a to z are
//! capitals in it (the bytes 97 to 122 become 65 to 90), and all other bytes
//! are as they were. A message of 0 bytes is answered as well. Answer each as
//! soon as it is there; the client may wait for that.
//!
//! A message has at most 65536 bytes. If a length is greater than that, don't
//! answer it or wait for its bytes: close this connection.
//!
//! When the client has ended its direction, close the connection. If its stream
//! ended inside a message (or its length), that one gets no answer. Then serve
//! the next client. One at a time is enough. A client can be slow: it can be
//! silent, or receive nothing, for as long as it likes. One that breaks off
//! doesn't end the server.
//!
//! A client may send messages for hours. Keep nothing of those that are
//! answered: for all of them together the server takes less than 50 MB more
//! than at its start (what its language has yet to clear away aside).
//!
//!     cargo grade 09_frames

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where to listen.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create, bind, listen.

    println!("ready");

    // Yours: accept a client; receive a message, answer it; then the next
    // message; then the next client.

    eprintln!("09_frames.rs has nothing yet that listens at {address}");
    Ok(())
}
