//! Step 19, TCP: two small sends, and 40 ms of waiting.
//!
//! A request in two sends (its length, then its text), and then a receive: on
//! Linux most rounds take 40 ms. Two kernels wait for each other. The sender's
//! keeps a small packet back as long as the one before isn't confirmed (Nagle's
//! algorithm). The receiver's confirms late, since an answer could take the
//! confirmation along (the delayed ACK).
//!
//! Look for: how much longer a round takes in two sends than in one; and two
//! cures: one send, or no delay.
//!
//! One terminal, both ends (it takes about half a second):
//!     cargo run --example 19_small_packets
//! With an address, both ends use that port, for you to watch (tcpdump):
//!     cargo run --example 19_small_packets -- 127.0.0.1:8090

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

// Not the lesson: `run_at` reads the command line, `say` prints a line.
use socket_steps::{Failure, run_at, say};
use socket2::{Domain, Protocol, Socket, Type};

const ROUNDS: usize = 10;

fn main() -> ExitCode {
    run_at(include_str!("19_small_packets.rs"), lesson)
}

/// How a client sends a request of two parts.
enum Way {
    TwoSends,
    OneSend,
    NoDelay,
}

/// Rounds of a request and an answer, over one connection. Returns how long one
/// takes: the second longest of them. (Who has just connected is answered
/// quickly at first; and any single round can take long, on a busy machine.)
fn round(listener: &Socket, way: Way) -> Result<Duration, Failure> {
    // Step 4: connect (one line of std), accept.
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    let mut client = TcpStream::connect(here)?;
    let (mut conversation, _) = listener.accept()?;

    // The second cure: the kernel keeps no small packet back any more.
    if let Way::NoDelay = way {
        client.set_nodelay(true)?;
    }
    let (length, text) = (5_u32.to_be_bytes(), b"hello");
    let mut buffer = [0; 9];
    let mut times = [Duration::ZERO; ROUNDS];
    for time in &mut times {
        let start = Instant::now();
        match way {
            // The failure; or, without the delay, none.
            Way::TwoSends | Way::NoDelay => {
                client.write_all(&length)?;
                client.write_all(text)?;
            }
            // The first cure: both parts in one call.
            Way::OneSend => {
                client.write_all(&[&length[..], text].concat())?;
            }
        }
        // The server needs both parts before it can answer. (Step 9 has a
        // frame's limit, and what to do at the end.)
        conversation.read_exact(&mut buffer[..4])?;
        conversation.read_exact(&mut buffer[4..])?;
        conversation.write_all(b"ok")?;
        client.read_exact(&mut buffer[..2])?;
        *time = start.elapsed();
    }
    times.sort();
    Ok(times[ROUNDS - 2])
}

/// Both ends. The address is 127.0.0.1:0, unless you give another one.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen.
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(100)?;

    // The failure. How many milliseconds that are is the machine's own affair,
    // so they are compared.
    let two_sends = round(&listener, Way::TwoSends)?;
    let one_send = round(&listener, Way::OneSend)?;
    let more = if two_sends > 5 * one_send { "more" } else { "less" };
    let told = format!("{more} than 5 times as long as in one");
    say("client", "two sends", told);

    let no_delay = round(&listener, Way::NoDelay)?;
    let less = if 5 * no_delay < two_sends { "less" } else { "more" };
    let told = format!("{less} than a fifth of that");
    say("client", "no delay", told);
    Ok(())
}
