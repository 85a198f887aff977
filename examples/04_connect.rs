//! Step 4, TCP: connect to a server.
//!
//! This is the client's half of step 4. `connect` names the server's address;
//! the kernel picks a port for the client's own end, and does the handshake
//! with the server's kernel. Two addresses together name one connection.
//!
//! Look for: both addresses, and that `connect` is done before `accept`.
//!
//! One terminal, both ends:
//!     cargo run --example 04_connect
//! Two terminals, the server is you:
//!     nc -l 127.0.0.1 8090
//!     cargo run --example 04_connect -- 127.0.0.1:8090

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

// Not the lesson: `say` prints a line, `during` names a call that failed.
use socket_steps::{
    ANY_PORT, During, Failure, NOT_IP, descriptor, run, say,
};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("04_connect.rs"), lesson)
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // The server is you, at the address you gave; or std's TcpListener, which
    // does steps 1 to 3 in one line.
    let (listener, server) = match given {
        Some(address) => (None, address),
        None => {
            let listener =
                TcpListener::bind(ANY_PORT).during("bind", ANY_PORT)?;
            let here = listener.local_addr().during("local_addr", None)?;
            say("server", "listen", here);
            (Some(listener), here)
        }
    };

    // Step 1: create. A client need not bind: the kernel will pick a port.
    let domain = Domain::for_address(server);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
        .during("socket", None)?;
    say("client", "socket", format!("descriptor {}", descriptor(&socket)));

    // Step 4, the client's half: connect. It waits until the server's kernel
    // has answered, which is enough: the server program need not.
    say("client", "connect", format!("to {server} ..."));
    socket.connect(&server.into()).during("connect", server)?;
    let local = socket.local_addr().during("local_addr", None)?;
    let local = local.as_socket().ok_or(NOT_IP)?;
    let peer = socket.peer_addr().during("peer_addr", None)?;
    let peer = peer.as_socket().ok_or(NOT_IP)?;
    say("client", "local_addr", local);
    say("client", "peer_addr", peer);

    // Only now does our server ask for a client. It is handed the connection
    // that has been there all along.
    if let Some(listener) = listener {
        let (_, peer) = listener.accept().during("accept", server)?;
        say("server", "accept", peer);
    }
    Ok(())
}
