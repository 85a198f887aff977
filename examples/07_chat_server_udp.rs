//! Step 7, UDP: the chat server.
//!
//! The same conversation in datagrams. One socket serves everybody: each
//! datagram carries its sender's address. A sender that the server has not
//! seen before is greeted first; `quit` makes the server forget it.
//!
//! Look for: clients that interleave. No one waits for another.
//!
//! Two terminals, at 127.0.0.1:8090 or where you say:
//!     cargo run --example 07_chat_server_udp
//!     cargo run --example 07_chat_client_udp
//! In Chinese, as the tutorial that it comes from, at the same address:
//!     cargo run --example 07_chat_server_udp -- 127.0.0.1:8090 --lang zh

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::{process::ExitCode, thread, time::Duration};

// Not the lesson: the words of both languages, and what is a text.
use socket_steps::chat::{Ending, Lang, is_quit, to_answer};
use socket_steps::{At, Failure, line, run_chat};
use socket2::{Domain, Protocol, Socket, Type};

/// How many senders the server remembers. One that leaves without `quit` stays
/// in memory, and a sender's address is easily forged: there must be a bound.
const MOST_KNOWN: usize = 1000;

fn main() -> ExitCode {
    run_chat(include_str!("07_chat_server_udp.rs"), lesson)
}

fn lesson(name: &str, lang: Lang) -> Result<(), Failure> {
    // You may give a name, too, as localhost:8090, and a name may have several
    // addresses: step 17. This server takes the first that it can have.
    let mut outcome = Err("the name has no address".into());
    for address in name.to_socket_addrs()? {
        outcome = bind(address);
        if outcome.is_ok() {
            break;
        }
    }
    let socket = outcome?;
    line(lang.receiving(socket.local_addr()?));

    // Step 5, forever: receive a datagram, answer its sender. The buffer has
    // room for any datagram, to see when one is over the chat's limit.
    let mut known = HashSet::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let (length, peer) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) if is_about_one_client(&error) => continue,
            Err(error) => {
                line(lang.failed("recv_from", &error));
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };

        // What is too long, or isn't text, gets no answer, and changes nothing.
        // Two servers, or one and itself, can be made to answer each other:
        // a forged sender is enough. Each reply is longer than what it is a
        // reply to, so they end at this limit, and no sooner. (If a server
        // forgot a sender here, it would greet it again, and the two would
        // go on forever. A reply that is longer than the request is also
        // how others are flooded: a forged sender gets more than was sent.)
        let text = match to_answer(&buffer[..length]) {
            Ok(text) => text,
            Err(refusal) => {
                line(lang.ignored(peer, &refusal));
                continue;
            }
        };

        if known.len() == MOST_KNOWN && !known.contains(&peer) {
            line(lang.forgetting(known.len()));
            known.clear();
        }
        let new = known.insert(peer);
        if new {
            line(lang.connected(peer));
        }
        line(lang.sender_says(peer, text));

        // (A datagram that can't be sent is lost, like any other.)
        if new {
            let greeting = lang.server_greeting();
            let _ = socket.send_to(greeting.as_bytes(), peer);
        }
        let _ = socket.send_to(lang.reply(text).as_bytes(), peer);

        // Step 6 without a socket to close: forget the sender.
        if is_quit(text) {
            known.remove(&peer);
            line(lang.disconnected(peer, Ending::Quit));
        }
    }
}

/// Steps 1 and 2: create, bind. (UDP has no steps 3 and 4. From here on we use
/// the same socket as std's UdpSocket: see step 3.)
fn bind(address: SocketAddr) -> Result<UdpSocket, Failure> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&address.into()).at(address)?;
    Ok(UdpSocket::from(socket))
}

/// On Windows a receive also reports that an earlier reply reached nobody.
fn is_about_one_client(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == ErrorKind::ConnectionReset || kind == ErrorKind::Interrupted
}
