//! Step 7, UDP: the chat server.
//!
//! The same conversation in datagrams. One socket serves everybody: who a text
//! comes from stands on each datagram. A sender that the server has not seen
//! before is greeted first; `quit` makes the server forget it.
//!
//! Look for: clients that interleave. No one waits for another.
//!
//! Two terminals, at 127.0.0.1:8090 or where you say:
//!     cargo run --example 07_chat_server_udp
//!     cargo run --example 07_chat_client_udp
//! In Chinese, as the tutorial that it comes from, at another address:
//!     cargo run --example 07_chat_server_udp -- "[::1]:8090" --lang zh

use std::collections::HashSet;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;

use socket_steps::chat::{Ending, Lang, RECV_LIMIT, is_quit};
use socket_steps::{During, Failure, NOT_IP, line, run_chat};
use socket2::{Domain, Protocol, Socket, Type};

/// How many senders the server remembers. One that leaves without `quit` stays
/// in memory, and a sender's address is easily forged: there must be a bound.
const MOST_KNOWN: usize = 1000;

fn main() -> ExitCode {
    run_chat(include_str!("07_chat_server_udp.rs"), lesson)
}

fn lesson(address: SocketAddr, lang: Lang) -> Result<(), Failure> {
    // Steps 1 and 2: create, bind. (UDP has no steps 3 and 4.)
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))
        .during("socket", None)?;
    socket.bind(&address.into()).during("bind", address)?;
    let here = socket.local_addr().during("local_addr", None)?;
    let here = here.as_socket().ok_or(NOT_IP)?;
    line(lang.receiving(here));
    let socket: UdpSocket = socket.into();

    // Step 5, for ever: receive a datagram, answer its sender. The buffer has
    // room for any datagram, to see when one is over the chat's limit.
    let mut known = HashSet::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let (length, peer) = match socket.recv_from(&mut buffer) {
            Err(error) if is_about_one_client(&error) => continue,
            received => received.during("recv_from", here)?,
        };
        let new = !known.contains(&peer);
        if new {
            if known.len() == MOST_KNOWN {
                line(lang.forgetting(known.len()));
                known.clear();
            }
            known.insert(peer);
            line(lang.connected(peer));
        }

        let text = std::str::from_utf8(&buffer[..length]);
        let (text, end) = match text {
            _ if length > RECV_LIMIT => ("", Some(Ending::TooLong)),
            Err(_) => ("", Some(Ending::NotText)),
            Ok(text) if is_quit(text) => (text, Some(Ending::Quit)),
            Ok(text) => (text, None),
        };
        if matches!(end, None | Some(Ending::Quit)) {
            line(lang.sender_says(peer, text));
            // A datagram that cannot be sent is lost, as any of them can be.
            if new {
                let greeting = lang.server_greeting();
                let _ = socket.send_to(greeting.as_bytes(), peer);
            }
            let _ = socket.send_to(lang.reply(text).as_bytes(), peer);
        }

        // Step 6 without a socket to close: forget the sender.
        if let Some(end) = end {
            known.remove(&peer);
            line(lang.disconnected(peer, end));
        }
    }
}

/// On Windows a receive also reports that an earlier reply reached nobody.
fn is_about_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionReset | Interrupted)
}
