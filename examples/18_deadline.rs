//! Step 18, TCP: a limit for each receive is no deadline.
//!
//! A limit holds for one receive, and begins anew with the next. A peer that
//! sends a byte now and then never exceeds it, and holds the conversation for
//! as long as it likes. And what a message has already brought when the limit
//! is over must not be lost.
//!
//! Look for: ten bytes, each within its limit, and all of them together; a
//! length that is read as 354405; and a message that is kept over a deadline.
//!
//! One terminal, both ends (it takes about a second and a half):
//!     cargo run --example 18_deadline
//! With an address, both ends use that port, for you to watch (tcpdump, ss):
//!     cargo run --example 18_deadline -- 127.0.0.1:8090

use std::io::ErrorKind::{self, Interrupted, UnexpectedEof};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

// Not the lesson: `run_at` reads the command line, `say` prints a line.
use socket_steps::{Failure, run_at, say};
use socket2::{Domain, Protocol, Socket, Type};

const LIMIT: Duration = Duration::from_millis(400);
/// Before each byte of a client that is slow, or means harm.
const PAUSE: Duration = Duration::from_millis(50);
/// The length of a text in four bytes, and the text (step 9).
const MESSAGE: &[u8] = b"\0\0\0\x05hello";
/// What a receive says when its limit is over (step 13).
const TIME_IS_UP: ErrorKind =
    if cfg!(windows) { ErrorKind::TimedOut } else { ErrorKind::WouldBlock };

fn main() -> ExitCode {
    run_at(include_str!("18_deadline.rs"), lesson)
}

/// The slow client: it sends these bytes, one at a time.
fn drip(
    mut client: TcpStream,
    bytes: &'static [u8],
) -> io::Result<JoinHandle<io::Result<()>>> {
    thread::Builder::new().spawn(move || {
        for byte in bytes {
            thread::sleep(PAUSE);
            client.write_all(&[*byte])?;
        }
        Ok(())
    })
}

/// `read_exact` with a deadline: receives until `kept` has so many bytes. When
/// the deadline is over, it gives `false`, and what has come stays in `kept`.
fn receive(
    mut conversation: &Socket,
    kept: &mut Vec<u8>,
    size: usize,
    deadline: Instant,
) -> io::Result<bool> {
    while kept.len() < size {
        // Each receive gets what is left until the deadline. To the kernel a
        // limit of 0 is no limit at all, and socket2 rounds down (step 13).
        let left = deadline.saturating_duration_since(Instant::now());
        if left < Duration::from_millis(1) {
            return Ok(false);
        }
        conversation.set_read_timeout(Some(left))?;
        let mut part = vec![0; size - kept.len()];
        match conversation.read(&mut part) {
            Ok(0) => return Err(UnexpectedEof.into()),
            Ok(length) => kept.extend(&part[..length]),
            Err(error) => match error.kind() {
                // Only the clock says whether the deadline is over.
                TIME_IS_UP | Interrupted => {}
                _ => return Err(error),
            },
        }
    }
    Ok(true)
}

/// Both ends. The address is 127.0.0.1:0, unless you give another one.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen.
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(100)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;

    // Step 4: connect (one line of std), accept.
    let mut client = TcpStream::connect(here)?;
    let (mut conversation, _) = listener.accept()?;

    // The first failure: each receive has a limit, and the client sends a byte
    // now and then. No receive is over its limit, and the loop goes on for as
    // long as the client likes: here, for ten bytes.
    conversation.set_read_timeout(Some(LIMIT))?;
    let start = Instant::now();
    let slow = drip(client.try_clone()?, b"0123456789")?;
    let mut bytes = 0;
    while bytes < 10 {
        match conversation.read(&mut [0; 1024]) {
            Err(error) if error.kind() == Interrupted => {}
            result => bytes += result?,
        }
    }
    say("server", "recv", format!("{bytes} bytes, each within {LIMIT:?}"));
    let all = if start.elapsed() > LIMIT { "longer" } else { "no longer" };
    say("server", "recv", format!("all of them took {all} than that"));
    slow.join().map_err(|_| "the thread broke off")??;

    // The second failure: `read_exact` with a limit. A length comes in two
    // parts. When the limit is over, the first part has already left the
    // kernel, and `read_exact` forgets it. The next one begins in the middle.
    client.write_all(&MESSAGE[..2])?;
    let mut length = [0; 4];
    match conversation.read_exact(&mut length) {
        Err(error) if error.kind() == TIME_IS_UP => {
            say("server", "read_exact", format!("gave up after {LIMIT:?}"));
        }
        result => say("server", "read_exact", format!("{result:?}")),
    }
    client.write_all(&MESSAGE[2..])?;
    conversation.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    say("server", "read_exact", format!("the length is {length}, not 5"));

    // Nobody knows any more where a message begins. So: a new connection.
    let client = TcpStream::connect(here)?;
    let (conversation, _) = listener.accept()?;

    // The first cure: a deadline. It is a moment, and doesn't move, whatever
    // the client sends. The slow client has this long for its whole message.
    // (Here its size is known. Step 9 receives the length first, just so.)
    let size = MESSAGE.len();
    let mut kept = Vec::new();
    let deadline = Instant::now() + LIMIT;
    let slow = drip(client.try_clone()?, MESSAGE)?;
    let is_whole = receive(&conversation, &mut kept, size, deadline)?;
    tell(is_whole, &kept);

    // The second cure: what came before the deadline is kept. Here the server
    // gives the client another chance, and goes on where it was.
    slow.join().map_err(|_| "the thread broke off")??;
    let later = Instant::now() + LIMIT;
    let is_whole = receive(&conversation, &mut kept, size, later)?;
    tell(is_whole, &kept);
    Ok(())
}

/// What `receive` gave.
fn tell(is_whole: bool, kept: &[u8]) {
    let what = match is_whole {
        true => format!("{:?}", String::from_utf8_lossy(&kept[4..])),
        false if kept.is_empty() => "the deadline is over".to_owned(),
        false => "the deadline is over, a part is kept".to_owned(),
    };
    say("server", "receive", what);
}
