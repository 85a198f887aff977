//! Step 13, TCP: a call that waits for ever.
//!
//! A receive waits for a byte, `accept` for a client, `connect` for an answer,
//! and nobody has promised one. Each can have a limit, each in its own way.
//!
//! Look for: a receive that still waits when the limit is over, the three
//! calls that give up in time, and a limit of 0, which is a trap.
//!
//! One terminal, both ends (it takes about a second):
//!     cargo run --example 13_waiting_forever
//! With an address, both ends use that port, for you to watch (tcpdump, ss):
//!     cargo run --example 13_waiting_forever -- 127.0.0.1:8090

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use socket_steps::{ANY_PORT, During, Failure, NOT_IP, in_words, run, say};
use socket2::{Domain, Protocol, Socket, Type};

const LIMIT: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    run(include_str!("13_waiting_forever.rs"), lesson)
}

/// Says that time is up. A timeout is WouldBlock on Linux and macOS, as if the
/// socket were non-blocking, and TimedOut on Windows: accept both.
fn tell(who: &str, call: &str, error: &io::Error) {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            say(who, call, "gave up after 200 ms");
        }
        _ => say(who, call, in_words(error)),
    }
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen.
    let address = given.unwrap_or(ANY_PORT);
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
        .during("socket", None)?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true).during("set_reuse_address", None)?;
    listener.bind(&address.into()).during("bind", address)?;
    listener.listen(1).during("listen", address)?;
    let here = listener.local_addr().during("local_addr", None)?;
    let here = here.as_socket().ok_or(NOT_IP)?;

    // Step 4: connect (one line of std), accept.
    let mut client = TcpStream::connect(here).during("connect", here)?;
    let (socket, _) = listener.accept().during("accept", here)?;
    say("server", "wait", "four times, 200 ms each");

    // The failure: a receive without a limit, in a thread, so that we can
    // watch it wait. Only the peer can end that.
    let (sent, got) = thread::scope(|scope| {
        let reader = scope.spawn(|| (&socket).read(&mut [0; 1024]));
        thread::park_timeout(LIMIT);
        let waits = if reader.is_finished() { "is done" } else { "waits" };
        say("server", "recv", format!("{waits} after 200 ms"));
        let sent = client.write(b"at last").during("send", here);
        let got = reader.join().unwrap_or(Ok(0)).during("recv", here);
        sent.and_then(|sent| Ok((sent, got?)))
    })?;
    say("client", "send", format!("{sent} bytes, which end it"));
    say("server", "recv", format!("{got} bytes"));

    // The cure for receive: a timeout. It stays set for this socket.
    socket.set_read_timeout(Some(LIMIT)).during("timeout", None)?;
    if let Err(error) = (&socket).read(&mut [0; 1024]) {
        tell("server", "recv", &error);
    }

    // The trap: a timeout of 0 is none at all, to the kernel. std refuses it;
    // socket2 passes it on, and the next receive waits for ever.
    if let Err(error) = client.set_read_timeout(Some(Duration::ZERO)) {
        say("std", "timeout 0", in_words(&error));
    }
    let zero = socket.set_read_timeout(Some(Duration::ZERO));
    zero.during("set_read_timeout", None)?;
    let now = socket.read_timeout().during("timeout", None)?;
    say("socket2", "timeout 0", format!("taken; the timeout is {now:?}"));

    // The cure for `accept`: non-blocking, and ask again until time is up.
    // (On Linux a read timeout limits `accept`, too. Elsewhere, do not count on
    // that.)
    listener.set_nonblocking(true).during("set_nonblocking", None)?;
    let start = Instant::now();
    while let Err(error) = listener.accept() {
        if start.elapsed() >= LIMIT {
            tell("server", "accept", &error);
            break;
        }
        thread::park_timeout(Duration::from_millis(10));
    }

    // The cure for `connect`: `connect_timeout`. A server whose queue is full
    // does not answer (step 14), so these clients fill it. Without the limit,
    // Linux goes on trying for two minutes.
    let mut clients = Vec::new();
    let error = loop {
        match TcpStream::connect_timeout(&here, LIMIT) {
            Ok(client) => clients.push(client),
            Err(error) => break error,
        }
    };
    tell("client", "connect", &error);
    Ok(())
}
