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

// Not the lesson: `run` reads the command line, `say` prints a line, `at`
// puts the address into the error, if there is one.
use socket_steps::{At, Failure, descriptor, run, say};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("04_connect.rs"), lesson, connect)
}

/// Both ends. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // The server: std's TcpListener, which does steps 1 to 3 in one line.
    let listener = TcpListener::bind(address)?;
    let server = listener.local_addr()?;
    say("server", "listen", server);

    connect(server)?;

    // Only now does our server ask for a client. It gets a connection that
    // was there all along. (The client has closed it, above: its socket went
    // at the end of `connect`.)
    let (_, peer) = listener.accept()?;
    say("server", "accept", peer);
    Ok(())
}

/// The client. With an address, the server there is you.
fn connect(server: SocketAddr) -> Result<(), Failure> {
    // Step 1: create. A client doesn't have to bind: the kernel picks a port.
    let domain = Domain::for_address(server);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    say("client", "socket", format!("descriptor {}", descriptor(&socket)));

    // Step 4, the client's half: connect. It waits until the server's kernel
    // has answered. The server program doesn't have to do anything.
    say("client", "connect", format!("to {server} ..."));
    socket.connect(&server.into()).at(server)?;

    // The two ends of the connection. Both addresses together are its name.
    let local = socket.local_addr()?.as_socket().ok_or("not IP")?;
    say("client", "local_addr", local);
    let peer = socket.peer_addr()?.as_socket().ok_or("not IP")?;
    say("client", "peer_addr", peer);
    Ok(())
}
