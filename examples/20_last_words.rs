//! Step 20, TCP: the last words of a server.
//!
//! A server answers, and closes. If bytes have come that it hasn't received,
//! or still come, its kernel doesn't end the connection in good order: it
//! resets it, and drops what it hasn't delivered yet of the answer. The cure
//! is an order: shut down, receive to the end, close.
//!
//! Look for: a client that gets a part of its answer and then an error; one
//! that gets all of it; and one that never ends, and doesn't hold the server.
//!
//! One terminal, both ends:
//!     cargo run --example 20_last_words
//! With an address, both ends use that port, for you to watch (tcpdump, ss):
//!     cargo run --example 20_last_words -- 127.0.0.1:8090

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

// Not the lesson: `run_at` reads the command line, `say` prints a line,
// `in_words` and `answer` put into words what the kernel answered.
use socket_steps::{Failure, answer, in_words, run_at, say};
use socket2::{Domain, Protocol, Socket, Type};

const ANSWER: &[u8] = &[b'.'; 20_000];
const LIMIT: Duration = Duration::from_millis(200);
/// What a receive says when its limit is over (step 13).
const TIME_IS_UP: ErrorKind =
    if cfg!(windows) { ErrorKind::TimedOut } else { ErrorKind::WouldBlock };

fn main() -> ExitCode {
    run_at(include_str!("20_last_words.rs"), lesson)
}

/// Step 4, for each scene. The client has little room for what comes, so most
/// of an answer has to wait in the server's kernel. (On a long way it is on the
/// road instead.) It sends 3000 bytes, and the server receives up to 1024.
fn ask(listener: &Socket) -> Result<(Socket, Socket), Failure> {
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    let domain = Domain::for_address(here);
    let mut client =
        Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    client.set_recv_buffer_size(10_000)?;
    client.connect(&here.into())?;
    let (mut conversation, _) = listener.accept()?;
    client.write_all(&[b'?'; 3000])?;
    let length = conversation.read(&mut [0; 1024])?;
    say("server", "recv", format!("{length} bytes"));
    Ok((client, conversation))
}

/// The server answers. Its kernel takes all of it, and delivers what it can.
fn reply(conversation: &mut Socket) -> io::Result<()> {
    // (If it has less room, an error is better than to wait forever.)
    conversation.set_write_timeout(Some(10 * LIMIT))?;
    conversation.write_all(ANSWER)?;
    say("server", "send", format!("{} bytes", ANSWER.len()));
    Ok(())
}

/// Drain: receive, and throw away, until the client has ended, too. So nothing
/// is unread when we close. Who never ends doesn't hold us, nor does a byte now
/// and then: each receive gets what is left until the deadline (step 18).
fn drain(conversation: &mut Socket) -> io::Result<()> {
    let (deadline, mut drained) = (Instant::now() + LIMIT, 0);
    let end = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left < Duration::from_millis(1) {
            break "time is up";
        }
        conversation.set_read_timeout(Some(left))?;
        match conversation.read(&mut [0; 1024]) {
            Ok(0) => break "the end",
            Ok(length) => drained += length,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == TIME_IS_UP => break "time is up",
            // This client is gone, and has heard what it wanted to hear.
            Err(_) => break "an error",
        }
    };
    say("server", "drain", format!("{drained} bytes, then: {end}"));
    Ok(())
}

/// The client receives until the end, or until an error.
fn hear(client: &mut Socket) {
    let (mut buffer, mut heard) = ([0; 32_768], 0);
    let end = loop {
        match client.read(&mut buffer) {
            Ok(0) => break "the end".to_owned(),
            Ok(length) => heard += length,
            Err(error) => break in_words(&error),
        }
    };
    let all =
        if heard == ANSWER.len() { "the answer" } else { "a part of it" };
    say("client", "recv", format!("{all}, then: {end}"));
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

    // The failure: answer, and close. 1976 bytes haven't been received.
    let (mut client, mut conversation) = ask(&listener)?;
    reply(&mut conversation)?;
    drop(conversation);
    say("server", "close", "done");
    hear(&mut client);

    // The cure is an order. First `shutdown`: our FIN goes out behind the
    // answer. Then drain, while the client receives, and may still speak. (Here
    // both are in one thread, so the client does that first.) Then close.
    let (mut client, mut conversation) = ask(&listener)?;
    reply(&mut conversation)?;
    let ended = conversation.shutdown(Shutdown::Write);
    say("server", "shutdown", answer(&ended));
    hear(&mut client);
    let sent = client.send(b"and then")?;
    say("client", "send", format!("{sent} bytes"));
    drop(client);
    drain(&mut conversation)?;
    drop(conversation);
    say("server", "close", "done");

    // A client that never ends: it has its answer, and the server goes on.
    let (mut client, mut conversation) = ask(&listener)?;
    reply(&mut conversation)?;
    let ended = conversation.shutdown(Shutdown::Write);
    say("server", "shutdown", answer(&ended));
    hear(&mut client);
    drain(&mut conversation)?;
    Ok(())
}
