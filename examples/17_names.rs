//! Step 17, TCP: a name, and the addresses behind it.
//!
//! `localhost` is [::1] on one machine, 127.0.0.1 on another, and on most of
//! them both. A server at one of the two is not at the other. So a client
//! tries each address of a name, and doesn't wait long for a silent one.
//!
//! Look for: a client that is refused although the server runs, and what goes
//! on to the next address. Then the first address is silent, and that costs
//! time, or nearly none.
//!
//! One terminal, both ends (it takes about a second):
//!     cargo run --example 17_names
//! With a name or an address, a client: what it is, and which one answers:
//!     cargo run --example 17_names -- localhost:8090

use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::{process::ExitCode, sync::mpsc, thread, time::Duration};

// Not the lesson: `run_named` reads the command line, `say` prints a line,
// `answer` and `at` put into words what a call was answered, and where.
use socket_steps::{At, Failure, answer, run_named, say};
use socket2::{Domain, Protocol, Socket, Type};

/// How long an address may be silent before the next one is tried as well.
/// RFC 8305 advises a quarter of a second.
const HEAD_START: Duration = Duration::from_millis(250);

/// And how long one address may take. (Windows asks a closed port again, for
/// two seconds, before it says "refused".)
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    run_named(include_str!("17_names.rs"), lesson, with_you)
}

/// Both ends, on 127.0.0.1 and on [::1].
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // A lookup is no socket call of ours. std asks the system, and that looks
    // into a list of its own (on Unix /etc/hosts), then asks a name server,
    // over the network. It takes what it takes: std has no limit for it.
    for found in "localhost:8090".to_socket_addrs()? {
        say("client", "lookup", format!("localhost is {}", found.ip()));
    }

    // Nor is it a socket's error when nothing is found. (A name with an empty
    // part never gets as far as the network. The other one isn't even a name
    // with a port.)
    for name in ["a..b:8090", "http://localhost"] {
        let result = name.to_socket_addrs();
        say("client", "lookup", format!("{name}: {}", answer(&result)));
    }

    // Steps 1 to 3: a server on 127.0.0.1. Most names with two addresses give
    // IPv6 first. (If another program has this port at [::1], it is met there.)
    let server = listen(address, 100)?;
    let here = server.local_addr()?.as_socket().ok_or("not IP")?;
    say("server", "listen", here);
    let other = SocketAddr::from((Ipv6Addr::LOCALHOST, here.port()));

    // The failure: the first address, and no other. It is refused each time,
    // and the server runs. The cure: go on with the next one.
    in_turn(&[other, here], PATIENCE);

    // The second failure: the first address doesn't refuse, it is silent, as
    // behind many a firewall. A full queue is silent, too (step 14). (Without
    // IPv6, another port of 127.0.0.1 plays it.)
    let silent = listen(other, 1).or_else(|_| listen(address, 1))?;
    let there = silent.local_addr()?.as_socket().ok_or("not IP")?;
    let mut queue = Vec::new();
    while queue.len() < 20 {
        match connect(there, HEAD_START) {
            Ok(client) => queue.push(client),
            Err(_) => break,
        }
    }
    say("silent", "listen", format!("{there}: its queue is full"));
    in_turn(&[there, here], HEAD_START * 2);

    // The cure: do not wait for it. Try the next one meanwhile.
    let winner = race(&[there, here])?;
    let winner = winner.peer_addr()?.as_socket().ok_or("not IP")?;
    say("client", "race", format!("{winner}: answers first"));
    Ok(())
}

/// Steps 1 to 3: create, bind, listen.
fn listen(address: SocketAddr, backlog: i32) -> Result<Socket, Failure> {
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(backlog)?;
    Ok(listener)
}

/// Step 1: create, for the family of the address; and step 4: connect.
fn connect(
    address: SocketAddr,
    limit: Duration,
) -> Result<Socket, Failure> {
    let domain = Domain::for_address(address);
    let client = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    client.connect_timeout(&address.into(), limit).at(address)?;
    Ok(client)
}

/// One address after the other, until one answers.
fn in_turn(addresses: &[SocketAddr], limit: Duration) {
    for address in addresses {
        let result = connect(*address, limit);
        say("client", "in turn", format!("{address}: {}", answer(&result)));
        if result.is_ok() {
            break;
        }
    }
}

/// RFC 8305 ("Happy Eyeballs") in its simplest form. The next address is tried
/// as soon as one has failed, or nothing has been heard for a while; and those
/// before it go on, each in its thread. The first that answers wins.
fn race(addresses: &[SocketAddr]) -> Result<Socket, Failure> {
    let (tell, told) = mpsc::channel();
    let mut outcome = Err("the name has no address".into());
    for address in addresses.iter().copied() {
        let tell = tell.clone();
        thread::Builder::new()
            .spawn(move || tell.send(connect(address, PATIENCE)))?;
        match told.recv_timeout(HEAD_START) {
            Ok(Ok(winner)) => return Ok(winner),
            Ok(failed) => outcome = failed,
            Err(_) => {}
        }
    }
    // All of them run. (Who comes second is closed: nobody takes it.)
    drop(tell);
    for result in told {
        match result {
            Ok(winner) => return Ok(winner),
            failed => outcome = failed,
        }
    }
    outcome
}

/// The server is yours: nc, or the chat server of step 7.
fn with_you(name: &str) -> Result<(), Failure> {
    let found: Vec<_> = name.to_socket_addrs()?.collect();
    for address in &found {
        say("client", "lookup", format!("{name} is {address}"));
    }
    let winner = race(&found)?;
    let winner = winner.peer_addr()?.as_socket().ok_or("not IP")?;
    say("client", "race", format!("{winner}: answers first"));
    Ok(())
}
