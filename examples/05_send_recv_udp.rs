//! Step 5, UDP: send and receive.
//!
//! A datagram is bytes too, but it is whole: what one `send_to` sent is what
//! one `recv_from` receives, never two at once. (What the buffer has no room
//! for is lost: step 15.) Even a datagram of 0 bytes arrives.
//!
//! Look for: three sends, three receives, the same lengths.
//!
//! One terminal, both ends:
//!     cargo run --example 05_send_recv_udp
//! Two terminals, the client is you (type a line into nc):
//!     cargo run --example 05_send_recv_udp -- 127.0.0.1:8090
//!     nc -u 127.0.0.1 8090

use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;

// Not the lesson: `say` prints a line, `during` names a call that failed.
use socket_steps::{
    ANY_PORT, During, Failure, NOT_IP, invite, nc_udp, other_half, run, say,
};
use socket2::{Domain, Protocol, Socket, Type};

const GREETING: &str = "Hello, 你好!";

fn main() -> ExitCode {
    run(include_str!("05_send_recv_udp.rs"), lesson)
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // Steps 1 and 2: create, bind. (UDP has no steps 3 and 4.)
    let address = given.unwrap_or(ANY_PORT);
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))
        .during("socket", None)?;
    socket.bind(&address.into()).during("bind", address)?;
    let here = socket.local_addr().during("local_addr", None)?;
    let here = here.as_socket().ok_or(NOT_IP)?;

    // The client sends three datagrams: std's UdpSocket. Or you send one.
    let messages = ["Hello, server!", "", "谢谢!"];
    let client = match given {
        Some(_) => {
            let commands =
                [nc_udp(here), other_half("04_connect_udp", here)];
            invite("server", "recv_from", &commands);
            None
        }
        None => {
            let client =
                UdpSocket::bind(ANY_PORT).during("bind", ANY_PORT)?;
            for text in messages {
                let sent = client
                    .send_to(text.as_bytes(), here)
                    .during("send_to", here)?;
                say("client", "send_to", format!("{sent} bytes {text:?}"));
            }
            Some(client)
        }
    };

    // Step 5: receive, one datagram of up to 1024 bytes at a time. `length`
    // says how much of the buffer means anything. 0 is a message, not an end.
    let socket: UdpSocket = socket.into();
    let mut buffer = [0; 1024];
    let count = if given.is_some() { 1 } else { messages.len() };
    for number in 1..=count {
        let (length, peer) =
            socket.recv_from(&mut buffer).during("recv_from", here)?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        say("server", "recv_from", format!("{length} bytes {text:?}"));

        // Step 5: send. After the last message, answer its sender.
        if number == count {
            let sent = socket
                .send_to(GREETING.as_bytes(), peer)
                .during("send_to", peer)?;
            say("server", "send_to", format!("{sent} bytes {GREETING:?}"));
        }
    }

    if let Some(client) = client {
        let (length, _) =
            client.recv_from(&mut buffer).during("recv_from", None)?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        say("client", "recv_from", format!("{length} bytes {text:?}"));
    }
    Ok(())
}
