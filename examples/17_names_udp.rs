//! Step 17, UDP: a name, and the addresses behind it.
//!
//! With TCP the first address of a name refuses, and the client goes on to the
//! next. A datagram to the wrong address is sent just as well as one to the
//! right address, and then nothing comes. Only an answer tells them apart.
//!
//! Look for: a send that is granted, at an address where nobody is.
//!
//! One terminal, both ends (it takes about a second):
//!     cargo run --example 17_names_udp
//! With a name or an address, a client: it says hello to each address of the
//! name, until one answers (07_chat_server_udp does):
//!     cargo run --example 17_names_udp -- localhost:8090

use std::io::{self, ErrorKind};
use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::{process::ExitCode, time::Duration};

// Not the lesson: `run_named` reads the command line, `say` prints a line,
// `answer` and `at` put into words what a call was answered, and where.
use socket_steps::{At, Failure, answer, run_named, say};
use socket2::{Domain, Protocol, Socket, Type};

/// How long we wait for an answer.
const LIMIT: Duration = Duration::from_millis(250);

const NOTHING: &str = "no answer";

fn main() -> ExitCode {
    run_named(include_str!("17_names_udp.rs"), lesson, with_you)
}

/// Both ends, on 127.0.0.1 and on [::1].
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 and 2: a server on 127.0.0.1. (One line of std.) A name that has
    // both addresses gives a client these two, most often IPv6 first. (Without
    // IPv6, 127.0.0.2 plays the first: Linux and Windows have it, macOS not.)
    let server = UdpSocket::bind(address)?;
    server.set_read_timeout(Some(LIMIT))?;
    let here = server.local_addr()?;
    say("server", "bind", here);
    let mut other = SocketAddr::from((Ipv6Addr::LOCALHOST, here.port()));
    let ipv6 = UdpSocket::bind("[::1]:0");
    if ipv6.is_err() {
        other = SocketAddr::from(([127, 0, 0, 2], here.port()));
    }
    drop(ipv6);

    // The failure: the first address, and no other. The send is granted. The
    // kernel over there says that nobody has the port, but a socket that isn't
    // connected doesn't hear of it (on Linux and macOS: step 15).
    let domain = Domain::for_address(other);
    let client = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    client.set_read_timeout(Some(LIMIT))?;
    let client = UdpSocket::from(client);
    let sent = client.send_to(b"hello", other).at(other)?;
    say("client", "send_to", format!("{other}: {sent} bytes"));
    say("client", "recv", hear(&client)?);

    // The cure: each address in turn, until one answers. A socket is of one
    // family, so each gets its own.
    for address in [other, here] {
        let client = ask(address)?;
        say("client", "send", format!("{address}: asked"));
        // (What reaches the server is answered.)
        if let Ok((_, peer)) = server.recv_from(&mut [0; 1024]) {
            server.send_to(b"welcome", peer)?;
        }
        say("client", "recv", hear(&client)?);
    }
    Ok(())
}

/// Steps 1 and 4: create, connect (so that strangers are kept away); step 5:
/// send.
fn ask(address: SocketAddr) -> Result<UdpSocket, Failure> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.connect(&address.into()).at(address)?;
    socket.set_read_timeout(Some(LIMIT))?;
    socket.send(b"hello").at(address)?;
    Ok(socket.into())
}

/// The answer, if there is one in time. That nobody has the port is told to a
/// connected socket, and on Windows to any, and it is no answer either. (A
/// datagram may be lost: a real client asks more than once, see step 15.)
fn hear(client: &UdpSocket) -> io::Result<String> {
    let mut buffer = [0; 1024];
    loop {
        return match client.recv(&mut buffer) {
            Ok(length) => {
                let text = String::from_utf8_lossy(&buffer[..length]);
                Ok(format!("{text:?}"))
            }
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => continue,
                ErrorKind::WouldBlock
                | ErrorKind::TimedOut
                | ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset => Ok(NOTHING.to_owned()),
                _ => Err(error),
            },
        };
    }
}

/// The server is yours: `nc -u`, or the chat server of step 7. An error at one
/// address, as from a firewall that rejects, is no reason to end: the next one
/// may answer.
fn with_you(name: &str) -> Result<(), Failure> {
    let mut answered = None;
    for address in name.to_socket_addrs()? {
        let asked = ask(address);
        let told = format!("{name} is {address}: {}", answer(&asked));
        say("client", "send", told);
        let Ok(client) = asked else { continue };
        match hear(&client) {
            Ok(heard) => {
                say("client", "recv", &heard);
                if heard != NOTHING {
                    answered = Some(address);
                    break;
                }
            }
            failed => say("client", "recv", answer(&failed)),
        }
    }
    answered.ok_or("no address of this name has answered")?;
    Ok(())
}
