//! Your turn, step 7: a client for the chat.
//!
//! Connect to the address that is given; then print `ready`. The server speaks
//! first: `Hello, client!`. Your first message is `Hello, server!`. After that
//! each line of standard input is a message, just so, without the `\n` at its
//! end (the last one may have none; a form feed, U+0085 or a byte of 0 ends no
//! line). Empty lines are not sent, nor are lines of more than 1024 bytes. All
//! is UTF-8 text, and nothing marks where a message ends.
//!
//! The server answers each message, the first one too, with `Server received: `
//! and that message. Greeting and answers can come in any pieces. Print each
//! when it is whole, as one line: `server: Server received: hi`. Only then send
//! the next message. Print nothing else (but `ready`). The server may take its
//! time to answer, and so may the user.
//!
//! After the line `quit`, or at the end of the input, the last message is
//! `quit`. Print its answer as well, close, and end with exit status 0.
//!
//! It ends with another status, without a panic (or an exception that nobody
//! catches), and with a line on standard error that says why: if nobody is
//! there; if the server ends before it has sent all that it should; as soon as
//! it sends something else, be that longer or shorter.
//!
//!     cargo grade 07_chat_client

use std::net::SocketAddr;

fn main() -> std::io::Result<()> {
    // Given: where the server is.
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    // Yours: create, connect.

    println!("ready");

    // Yours: the greetings; then a line, its answer, and so on.

    eprintln!("07_chat_client.rs has nothing yet that talks to {address}");
    Ok(())
}
