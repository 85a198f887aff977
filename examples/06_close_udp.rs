//! Step 6, UDP: close.
//!
//! Closing a datagram socket sends nothing. The peer is not told, and may go
//! on sending for ever. A connected sender learns it in a roundabout way: the
//! kernel reports an earlier datagram's fate on a later call.
//!
//! Look for: nothing at the client after `close`, a `send` that succeeds all
//! the same, and the error that comes after it.
//!
//! One terminal, both ends:
//!     cargo run --example 06_close_udp
//! Two terminals, the client is you (type a line, then another one):
//!     cargo run --example 06_close_udp -- 127.0.0.1:8090
//!     nc -u 127.0.0.1 8090

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

// Not the lesson: `say` prints a line, `during` names a call that failed.
use socket_steps::{
    ANY_PORT, During, Failure, NOT_IP, in_words, invite, nc_udp, run, say,
};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("06_close_udp.rs"), lesson)
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

    // The client is std's UdpSocket, connected to the server; or it is you.
    let client = match given {
        Some(_) => {
            invite("server", "recv_from", &[nc_udp(here)]);
            None
        }
        None => {
            let client =
                UdpSocket::bind(ANY_PORT).during("bind", ANY_PORT)?;
            client.connect(here).during("connect", here)?;
            say("client", "connect", here);
            let sent = client.send(b"hello").during("send", here)?;
            say("client", "send", format!("{sent} bytes"));
            Some(client)
        }
    };

    // Step 5: receive one datagram.
    let socket: UdpSocket = socket.into();
    let mut buffer = [0; 1024];
    let (length, peer) =
        socket.recv_from(&mut buffer).during("recv_from", here)?;
    say("server", "recv_from", format!("{length} bytes, from {peer}"));

    // Step 6: close. The port is free from now on, and nothing is sent.
    drop(socket);
    say("server", "close", "nothing is sent");
    let Some(client) = client else {
        say("you", "send", "type another line: nc finds out, and ends");
        return Ok(());
    };

    // The client is not told: nothing has arrived.
    client.set_nonblocking(true).during("set_nonblocking", None)?;
    if let Err(error) = client.recv(&mut buffer) {
        say("client", "recv", in_words(&error));
    }
    client.set_nonblocking(false).during("set_nonblocking", None)?;

    // Its next datagram is taken by the kernel, and finds nobody.
    let sent = client.send(b"anyone?").during("send", here)?;
    say("client", "send", format!("{sent} bytes, taken by the kernel"));

    // The machine at the other end reports that: "port unreachable". The
    // kernel keeps the report for this socket's next call, which fails.
    // (Windows calls it a reset. The limit of a second is there in case that
    // a firewall swallows the report: step 13.)
    let second = Some(Duration::from_secs(1));
    client.set_read_timeout(second).during("set_read_timeout", None)?;
    match client.recv(&mut buffer).map_err(|error| error.kind()) {
        Err(ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset) => {
            say("client", "recv", "refused: nobody is at that port");
        }
        _ => say("client", "recv", "nothing: the report was lost"),
    }
    Ok(())
}
