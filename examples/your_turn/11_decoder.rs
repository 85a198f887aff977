//! Your turn, step 11: characters, however the text is cut.
//!
//! A TCP server. A client sends text in UTF-8. Send each character (each code
//! point, whichever it is) back in brackets, as soon as all of its bytes have
//! come: for `Hi 你` that is `[H][i][ ][你]`. A client may wait for one
//! character's answer before it sends the first byte of the next one, or stop
//! in the middle of a character for a while.
//!
//! A byte that no UTF-8 character begins with (0x80, 0xc0 or 0xff, for example)
//! is answered with `[?]`, and the byte after it is looked at anew. If a
//! character has begun and a byte comes that it cannot go on with, that is
//! `[?]` for what has come of the character, once or for each of its bytes, and
//! this byte is looked at anew. If the stream ends in the middle of a
//! character, that is one `[?]` as well.
//!
//! When the client has ended its direction, send what is left to send, close,
//! and serve the next client. One that breaks off doesn't end the server. A
//! client can be slow: it can be silent, or receive nothing, for as long as it
//! likes.
//!
//!     cargo grade 11_decoder

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where to listen.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create, bind, listen.

    println!("ready");

    // Yours: accept a client; receive, decode, send; then the next client.

    eprintln!("11_decoder.rs has nothing yet that listens at {address}");
    Ok(())
}
