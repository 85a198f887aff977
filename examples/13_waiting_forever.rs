//! Step 13, TCP: a call that waits forever.
//!
//! A receive waits for a byte, `accept` for a client, `connect` for an answer,
//! and nobody has promised one. Each can have a limit, in its own way.
//!
//! Look for: a receive that still waits when the limit is over, the three
//! calls that give up in time, and a limit of 0, which is a trap.
//!
//! One terminal, both ends (it takes about a second):
//!     cargo run --example 13_waiting_forever
//! With an address, both ends use that port, for you to watch (tcpdump, ss):
//!     cargo run --example 13_waiting_forever -- 127.0.0.1:8090

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use std::{process::ExitCode, thread};

// Not the lesson: `run_at` reads the command line, `say` prints a line,
// `answer` puts what the kernel answered into words.
use socket_steps::{Failure, answer, run_at, say};
use socket2::{Domain, Protocol, Socket, Type};

const LIMIT: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    run_at(include_str!("13_waiting_forever.rs"), lesson)
}

/// What a receive says when its limit is over: WouldBlock on Linux and macOS,
/// as if the socket were non-blocking, and TimedOut on Windows. On Linux and
/// macOS, TimedOut from a receive is another matter: the peer has not answered
/// for so long that the kernel has given the connection up.
const TIME_IS_UP: ErrorKind =
    if cfg!(windows) { ErrorKind::TimedOut } else { ErrorKind::WouldBlock };

/// Both ends. The address is 127.0.0.1:0, unless you give another one.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen.
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(1)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;

    // Step 4: connect (one line of std), accept.
    let mut client = TcpStream::connect(here)?;
    let (mut conversation, _) = listener.accept()?;

    // The failure: a receive without a limit, in a thread, so that we can
    // watch it wait. Only the peer can end that. (The thread gets a second
    // handle to the same socket, and takes it along: `move`.)
    let mut handle = conversation.try_clone()?;
    let reader = thread::Builder::new()
        .spawn(move || handle.read(&mut [0; 1024]))?;
    thread::sleep(LIMIT);
    let waits = if reader.is_finished() { "is done" } else { "waits" };
    say("server", "recv", format!("{waits} after {LIMIT:?}"));
    let sent = client.write(b"at last")?;
    say("client", "send", format!("{sent} bytes"));
    let result = reader.join().map_err(|_| "the thread broke off")?;
    say("server", "recv", format!("{} bytes", result?));

    // The cure for receive: a timeout. It stays set for this socket. There is
    // a catch: such a receive also ends when the program is stopped and
    // continued (Ctrl-Z, `fg`). That is "interrupted", and we repeat it.
    conversation.set_read_timeout(Some(LIMIT))?;
    let limit = conversation.read_timeout()?.unwrap_or_default();
    loop {
        match conversation.read(&mut [0; 1024]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                continue;
            }
            Err(error) if error.kind() == TIME_IS_UP => {
                say("server", "recv", format!("gave up after {limit:?}"));
            }
            result => say("server", "recv", format!("{} bytes", result?)),
        }
        break;
    }

    // The trap: to the kernel, a timeout of 0 is no timeout. std refuses it;
    // socket2 passes it on, and the next receive waits forever.
    let zero = client.set_read_timeout(Some(Duration::ZERO));
    say("std", "timeout 0", answer(&zero));
    let zero = conversation.set_read_timeout(Some(Duration::ZERO));
    let now = conversation.read_timeout()?;
    let told = format!("{}: it is {now:?} now", answer(&zero));
    say("socket2", "timeout 0", told);

    // The cure for `accept`: non-blocking, and ask again until time is up.
    // (On Linux a read timeout limits `accept`, too. Don't count on that
    // elsewhere.) Only "it would block" means "nobody yet".
    listener.set_nonblocking(true)?;
    let start = Instant::now();
    loop {
        match listener.accept() {
            Ok(_) => break say("server", "accept", "a client"),
            Err(error) if error.kind() != ErrorKind::WouldBlock => {
                Err(error)?;
            }
            Err(_) if start.elapsed() >= LIMIT => {
                break say(
                    "server",
                    "accept",
                    format!("gave up after {LIMIT:?}"),
                );
            }
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }

    // The cure for `connect`: `connect_timeout`. A server whose queue is full
    // does not answer (step 14), so these clients fill it. Without the limit,
    // Linux keeps trying for about two minutes.
    let mut clients = Vec::new();
    while clients.len() < 20 {
        match TcpStream::connect_timeout(&here, LIMIT) {
            Ok(client) => clients.push(client),
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                say(
                    "client",
                    "connect",
                    format!("gave up after {LIMIT:?}"),
                );
                break;
            }
            Err(error) => Err(error)?,
        }
    }
    if clients.len() == 20 {
        say("client", "connect", "granted, 20 times");
    }
    Ok(())
}
