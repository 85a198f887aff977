//! Step 14, TCP: more clients than the queue has room for.
//!
//! The kernel finishes handshakes by itself and queues the connections for
//! `accept`. When the queue is full it stops answering: the next client isn't
//! refused, it gets silence, and its kernel asks again and again.
//!
//! Look for: how many clients fit into a backlog of 2, one that gives up, and
//! one that is patient and gets in once the server accepts somebody.
//!
//! One terminal, both ends (it takes a little over a second):
//!     cargo run --example 14_full_queue
//! With an address, both ends use that port, for you to watch (tcpdump, ss):
//!     cargo run --example 14_full_queue -- 127.0.0.1:8090

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use std::{process::ExitCode, thread};

// Not the lesson: `run_at` reads the command line, `say` prints a line,
// `answer` and `in_words` put what the kernel answered into words.
use socket_steps::{Failure, answer, in_words, run_at, say};
use socket2::{Domain, Protocol, Socket, Type};

const SMALL: i32 = 2;
const LARGE: i32 = 100;
const LIMIT: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    run_at(include_str!("14_full_queue.rs"), lesson)
}

/// Both ends. The address is 127.0.0.1:0, unless you give another one.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen; with a backlog of 2.
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    let open = listener.listen(SMALL);
    say("server", "listen", format!("backlog {SMALL}: {}", answer(&open)));
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;

    // The failure: nobody calls `accept`, and clients connect until one gets
    // no answer. Linux lets one more in than the backlog says; other systems
    // count in other ways, and Windows refuses the client that does not fit.
    say("clients", "connect", format!("each waits for {LIMIT:?} at most"));
    let mut queued = Vec::new();
    for number in 1..=20 {
        let who = format!("client {number}");
        match TcpStream::connect_timeout(&here, LIMIT) {
            Ok(client) => {
                let local = client.local_addr()?;
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
    let patient = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    patient.set_nonblocking(true)?;
    let asked = patient.connect(&here.into());
    say("patient", "connect", answer(&asked));

    // The server accepts one. That makes room, but nobody tells the client:
    // it gets in when its kernel asks the next time. (Until then it has no
    // peer. `take_error` would tell us if it had been refused.)
    let (_first, peer) = listener.accept()?;
    say("server", "accept", peer.as_socket().ok_or("not IP")?);
    let start = Instant::now();
    while patient.peer_addr().is_err() && start.elapsed() < 10 * LIMIT {
        if let Some(error) = patient.take_error()? {
            Err(error)?;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let local = patient.local_addr()?.as_socket().ok_or("not IP")?;
    let in_queue = answer(&patient.peer_addr());
    say("patient", "connect", format!("{in_queue}, from {local}"));

    // The rest, in order. The client that gave up is not among them.
    for _ in 0..queued.len() {
        let (_, peer) = listener.accept()?;
        say("server", "accept", peer.as_socket().ok_or("not IP")?);
    }

    // The cure: a larger backlog, for a rush; and a loop that soon comes back
    // to `accept` (step 16), for a rush that doesn't end. (A new listener,
    // since not every system lets a second `listen` change the backlog.)
    // This matters more than it seems. When too many handshakes have begun,
    // Linux uses "SYN cookies": then `connect` may succeed for clients that
    // find no room, and the server never hears of them. So a client must not
    // wait without a limit for a server that speaks first.
    drop(listener);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    listener.bind(&SocketAddr::new(here.ip(), 0).into())?;
    let open = listener.listen(LARGE);
    say("server", "listen", format!("backlog {LARGE}: {}", answer(&open)));
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    let mut rush = Vec::new();
    while rush.len() < 100 {
        match TcpStream::connect_timeout(&here, LIMIT) {
            Ok(client) => rush.push(client),
            Err(error) => {
                say("clients", "connect", in_words(&error));
                break;
            }
        }
    }
    say("clients", "connect", format!("{} connected", rush.len()));
    Ok(())
}
