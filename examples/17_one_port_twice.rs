//! Step 17, TCP: two listeners at one port.
//!
//! Normally a port has one listener (step 8). With SO_REUSEPORT it may have
//! several, each with a queue of its own, most often each in a process of its
//! own. All of them have to set it, before `bind`, as the same user.
//!
//! Look for: who gets a client, and what becomes of those that wait in the
//! queue of a listener that is closed.
//!
//! One terminal, all ends (it is for Linux):
//!     cargo run --example 17_one_port_twice
//! With an address, all ends use that port, for you to watch (tcpdump):
//!     cargo run --example 17_one_port_twice -- 127.0.0.1:8090

use std::net::SocketAddr;
use std::process::ExitCode;
#[cfg(target_os = "linux")]
use std::{
    io, io::ErrorKind, io::Read as _, net::TcpStream, time::Duration,
};

#[cfg(target_os = "linux")]
use socket_steps::{At, answer};
// Not the lesson: `run_at` reads the command line, `say` prints a line,
// `answer` and `at` put into words what a call was answered, and where.
use socket_steps::{Failure, run_at, say};
#[cfg(target_os = "linux")]
use socket2::{Domain, Protocol, Socket, Type};

#[cfg(target_os = "linux")]
const CLIENTS: usize = 31; // (odd, so that no two parts are the same)
#[cfg(target_os = "linux")]
const LIMIT: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    run_at(include_str!("17_one_port_twice.rs"), lesson)
}

/// macOS has the option, and gives no promise who gets a client. Windows
/// doesn't have it.
#[cfg(not(target_os = "linux"))]
fn lesson(_: SocketAddr) -> Result<(), Failure> {
    say("server", "reuse_port", "spreads clients on Linux only");
    Ok(())
}

/// All ends. The address is 127.0.0.1:0, unless you give another one.
#[cfg(target_os = "linux")]
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Two servers, which could be two processes. The second one asks for the
    // very port that the first one has.
    let first = listen(address, true)?;
    let here = first.local_addr()?.as_socket().ok_or("not IP")?;
    say("first", "listen", format!("{here}: {}", first.reuse_port()?));
    let without = listen(here, false);
    say("second", "listen", format!("without: {}", answer(&without)));
    let second = listen(here, true);
    say("second", "listen", format!("with it: {}", answer(&second)));
    let second = second?;

    // Step 4: clients come. For each one the kernel picks a listener, by the
    // addresses and ports of both ends. No listener knows of the other's queue.
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(TcpStream::connect(here)?);
    }
    say("clients", "connect", format!("{CLIENTS}: granted"));

    // The first server accepts until no more come (on Linux a read timeout
    // limits `accept`, too), and greets them.
    let mut served = Vec::new();
    first.set_read_timeout(Some(LIMIT))?;
    loop {
        match first.accept() {
            Ok((conversation, _)) => {
                conversation.send(b"welcome")?;
                served.push(conversation);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => Err(error)?,
        }
    }
    let firsts = served.len();
    let share = match firsts {
        0 => "nobody",
        CLIENTS => "all of them",
        _ => "some of them, not all",
    };
    say("first", "accept", share);

    // The failure: the second server stops, for a restart, say. Those in its
    // queue are not handed over to the first one. They are reset.
    drop(second);
    say("second", "close", "accepted nobody");
    let [mut welcome, mut reset] = [0; 2];
    for client in &mut clients {
        client.set_read_timeout(Some(LIMIT))?;
        match receive(client) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                reset += 1;
            }
            result => welcome += usize::from(result? == 7),
        }
    }
    let whose = |number| match number {
        _ if number == firsts => "those of the first",
        _ if number == CLIENTS - firsts => "those of the second",
        _ => "others",
    };
    say("clients", "recv", format!("7 bytes: {}", whose(welcome)));
    say("clients", "recv", format!("reset: {}", whose(reset)));

    // The cure: empty the queue before you close. Or do not stop at all: one
    // process listens, and hands the listener down to the next one.
    Ok(())
}

/// A receive with a limit, repeated when it was interrupted.
#[cfg(target_os = "linux")]
fn receive(client: &mut TcpStream) -> io::Result<usize> {
    loop {
        let result = client.read(&mut [0; 16]);
        match result {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Steps 1 to 3: create, bind, listen.
#[cfg(target_os = "linux")]
fn listen(
    address: SocketAddr,
    reuse_port: bool,
) -> Result<Socket, Failure> {
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    listener.set_reuse_address(true)?;
    listener.set_reuse_port(reuse_port)?;
    listener.bind(&address.into()).at(address)?;
    listener.listen(100)?;
    Ok(listener)
}
