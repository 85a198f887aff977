//! Step 14, TCP: more clients than the queue has room for.
//!
//! The kernel finishes handshakes by itself and queues the connections for
//! `accept`. When the queue is full it stops answering: the next client gets
//! no refusal, it gets silence, and its kernel asks again and again.
//!
//! Look for: how many clients fit into a backlog of 2, one that gives up, and
//! one that is patient and gets in once the server accepts somebody.
//!
//! One terminal, both ends (it takes about a second and a half):
//!     cargo run --example 14_full_queue
//! With an address, both ends use that port, for you to watch (tcpdump, ss):
//!     cargo run --example 14_full_queue -- 127.0.0.1:8090

use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use socket_steps::{ANY_PORT, During, Failure, NOT_IP, in_words, run, say};
use socket2::{Domain, Protocol, Socket, Type};

const LIMIT: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    run(include_str!("14_full_queue.rs"), lesson)
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen; with a backlog of 2.
    let address = given.unwrap_or(ANY_PORT);
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
        .during("socket", None)?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true).during("set_reuse_address", None)?;
    listener.bind(&address.into()).during("bind", address)?;
    listener.listen(2).during("listen", address)?;
    let here = listener.local_addr().during("local_addr", None)?;
    let here = here.as_socket().ok_or(NOT_IP)?;

    say("server", "listen", "backlog 2, and nobody calls accept");

    // The failure: clients connect until one gets no answer. Linux lets one
    // more in than the backlog says; other systems count in other ways, and
    // Windows refuses the client that does not fit.
    say("clients", "connect", "each waits for 300 ms at most");
    let mut queued = Vec::new();
    for number in 1..=20 {
        let who = format!("client {number}");
        match TcpStream::connect_timeout(&here, LIMIT) {
            Ok(client) => {
                let local = client.local_addr().during("local", None)?;
                say(&who, "connect", format!("connected, from {local}"));
                queued.push(client);
            }
            Err(error) => {
                say(&who, "connect", in_words(&error));
                break;
            }
        }
    }

    // Another client is patient. It starts to connect without waiting, and
    // its kernel will ask again, at first after a second.
    let patient = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
        .during("socket", None)?;
    patient.set_nonblocking(true).during("set_nonblocking", None)?;
    if patient.connect(&here.into()).is_err() {
        say("patient", "connect", "no answer yet; waits about a second");
    }

    // The server accepts one. That makes room, and nobody tells the client:
    // it gets in when its kernel asks the next time.
    let (first, peer) = listener.accept().during("accept", here)?;
    let peer = peer.as_socket().ok_or(NOT_IP)?;
    say("server", "accept", peer);
    let start = Instant::now();
    while patient.peer_addr().is_err() {
        if start.elapsed() > 8 * LIMIT {
            say("patient", "connect", "still no answer");
            return Ok(());
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    let local = patient.local_addr().during("local_addr", None)?;
    let local = local.as_socket().ok_or(NOT_IP)?;
    say("patient", "connect", format!("connected, from {local}"));

    // The rest, in order. The client that gave up is not among them.
    for _ in 0..queued.len() {
        let (_, peer) = listener.accept().during("accept", here)?;
        say("server", "accept", peer.as_socket().ok_or(NOT_IP)?);
    }
    drop(first);

    // The cure: a larger backlog, for a rush; and a loop that comes back to
    // `accept` soon (step 16), for a rush that does not end. (A new listener:
    // some systems do not change the backlog of one that listens already.)
    drop(listener);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
        .during("socket", None)?;
    let any = SocketAddr::new(here.ip(), 0);
    listener.bind(&any.into()).during("bind", any)?;
    listener.listen(100).during("listen", any)?;
    say("server", "listen", "backlog 100");
    let here = listener.local_addr().during("local_addr", None)?;
    let mut rush = Vec::new();
    while rush.len() < 50 {
        let next = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
            .during("socket", None)?;
        next.connect_timeout(&here, LIMIT).during("connect", any)?;
        rush.push(next);
    }
    say("clients", "connect", format!("{} connected", rush.len()));
    Ok(())
}
