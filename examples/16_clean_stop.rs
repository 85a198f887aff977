//! Step 16, TCP: a server that can be stopped.
//!
//! A program that just ends cuts its clients off in the middle of a word. In
//! good order: first nobody new is served; then the conversations get some
//! time to end; then the rest are cut off. But a thread that waits in `accept`
//! doesn't see that it is told to stop.
//!
//! Look for: a thread that doesn't stop; anna, who still gets her answer; ben,
//! who is cut off after the grace; dora, who was in the queue, and is told that
//! it is over; and carl, who comes too late.
//!
//! One terminal, all ends (it waits 300 ms, twice):
//!     cargo run --example 16_clean_stop
//! The chat of step 7 for 8 terminals at once, until you press Enter:
//!     cargo run --example 16_clean_stop -- 127.0.0.1:8090
//!     cargo run --example 07_chat_client

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, atomic::AtomicBool, atomic::Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

// Not the lesson: `run` reads the command line, `say` prints a line, `at`
// puts the address into an error.
use socket_steps::{
    At, Failure, answer, in_words, invite, run, say, wait_for_enter,
};
use socket2::{Domain, Protocol, Socket, Type};

const PLACES: usize = 8;
const BACKLOG: i32 = 4096;
const A_MOMENT: Duration = Duration::from_millis(10);
const SHORT: Duration = Duration::from_millis(300);
const GRACE: Duration = Duration::from_secs(5);

/// Set when the server is to stop. (An `AtomicBool` is a flag that all threads
/// share. `SeqCst` is the plainest way to use it.)
static STOP: AtomicBool = AtomicBool::new(false);

/// What is needed to end a conversation: its socket, which two own (`Arc`),
/// and its thread.
type Talk = (Arc<Socket>, JoinHandle<()>);

fn main() -> std::process::ExitCode {
    run(include_str!("16_clean_stop.rs"), lesson, with_you)
}

/// Steps 1 to 3: create, bind, listen.
fn listen(address: SocketAddr) -> Result<Socket, Failure> {
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into()).at(address)?;
    listener.listen(BACKLOG)?;
    Ok(listener)
}

/// The conversation of 16_one_at_a_time, with the same two limits. (`&Socket`
/// can read and write, too: both owners may.)
fn converse(mut client: &Socket) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(300)))?;
    client.set_write_timeout(Some(Duration::from_secs(1)))?;
    client.write_all(b"Hello, client!")?;
    let mut buffer = [0; 1024];
    loop {
        let length = match client.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                continue;
            }
            result => result?,
        };
        let text = &buffer[..length];
        if length == 0 {
            return Ok(());
        }
        client.write_all(&[b"Server received: ", text].concat())?;
        if matches!(text, b"quit" | b"quit\n" | b"quit\r\n") {
            return Ok(());
        }
    }
}

/// A thread for this client. The socket is closed when both owners are gone.
fn start(client: Socket) -> io::Result<Talk> {
    // (On macOS and Windows it is non-blocking, like the listener.)
    client.set_nonblocking(false)?;
    let client = Arc::new(client);
    let socket = Arc::clone(&client);
    let talk = move || drop(converse(&client));
    let thread = thread::Builder::new().spawn(talk)?;
    Ok((socket, thread))
}

/// The cure, first half: no `accept` waits. It asks, and looks at STOP, a
/// hundred times a second. Returns the conversations, and the clients for whom
/// there was no place. At the end the listener is closed: from then on clients
/// are refused.
fn serve(listener: Socket, places: usize) -> (Vec<Talk>, Vec<Socket>) {
    let mut talks: Vec<Talk> = Vec::new();
    while !STOP.load(SeqCst) {
        talks.retain(|(_, thread)| !thread.is_finished());
        if talks.len() == places {
            thread::sleep(A_MOMENT);
            continue;
        }
        let client = match listener.accept() {
            Ok((client, _)) => client,
            Err(error) => {
                // Nobody yet, or a failure that may be over soon, such as
                // too many open files.
                if error.kind() != ErrorKind::WouldBlock {
                    say("server", "accept", in_words(&error));
                    thread::sleep(9 * A_MOMENT);
                }
                thread::sleep(A_MOMENT);
                continue;
            }
        };
        match start(client) {
            Ok(talk) => talks.push(talk),
            Err(error) => say("server", "thread", error),
        }
    }

    // Who is still in the queue is connected, and closing the listener would
    // reset them. Instead, each is accepted, and told that nothing will come.
    // (Who gets into the queue in this very moment is reset all the same.)
    let mut too_late = Vec::new();
    for _ in 0..BACKLOG {
        match listener.accept() {
            Ok((client, _)) => {
                let _ = client.shutdown(Shutdown::Write);
                too_late.push(client);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            // One that had left; or no more open files: those who have been
            // told let go of theirs.
            Err(_) => too_late.clear(),
        }
    }
    (talks, too_late)
}

/// The cure, second half: the conversations may end by themselves. Those that
/// haven't when the grace is over are shut down. That ends their threads, since
/// their `read` or `write` returns at once. Returns how many those were.
fn end(mut talks: Vec<Talk>, grace: Duration) -> usize {
    let start = Instant::now();
    while !talks.is_empty() && start.elapsed() < grace {
        thread::sleep(A_MOMENT);
        talks.retain(|(_, thread)| !thread.is_finished());
    }
    let mut cut_off = 0;
    for (socket, thread) in talks {
        // (An error here says that it has ended meanwhile.)
        if socket.shutdown(Shutdown::Both).is_ok() {
            cut_off += 1;
        }
        let _ = thread.join();
    }
    cut_off
}

/// A client receives, for ten seconds at most.
fn hear(who: &str, mut client: &TcpStream) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut buffer = [0; 1024];
    loop {
        match client.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                continue;
            }
            Ok(0) => say(who, "recv", "0 bytes: the server has ended it"),
            Ok(n) => {
                say(who, "recv", String::from_utf8_lossy(&buffer[..n]))
            }
            Err(error) => return Err(error),
        }
        return Ok(());
    }
}

/// All ends. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    let listener = listen(address)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;

    // The failure: a thread waits in `accept`. It is told to stop, and can't
    // look. A client ends this wait. (On Linux `shutdown` does, too.)
    let waiting = listener.try_clone()?;
    let waiting = thread::Builder::new().spawn(move || {
        while waiting.accept().is_ok() && !STOP.load(SeqCst) {}
    })?;
    STOP.store(true, SeqCst);
    thread::sleep(SHORT);
    let told = if waiting.is_finished() { "ended" } else { "still waits" };
    say("server", "accept", format!("{told} after {SHORT:?}"));
    drop(TcpStream::connect(here)?);
    waiting.join().map_err(|_| "the thread broke off")?;

    // The cure. Anna and ben are being served when the server is told, and
    // dora is in the queue.
    STOP.store(false, SeqCst);
    listener.set_nonblocking(true)?;
    let server =
        thread::Builder::new().spawn(move || serve(listener, 2))?;
    let mut anna = TcpStream::connect(here)?;
    hear("anna", &anna)?;
    let ben = TcpStream::connect(here)?;
    hear("ben", &ben)?;
    let dora = TcpStream::connect(here)?;
    STOP.store(true, SeqCst);
    let (talks, too_late) =
        server.join().map_err(|_| "the server broke off")?;
    say("server", "stop", format!("{} conversations go on", talks.len()));
    hear("dora", &dora)?;

    // Carl comes too late. Anna says what she has to say. Ben says nothing.
    let carl = TcpStream::connect(here);
    say("carl", "connect", answer(&carl));
    let sent = anna.write(b"quit")?;
    say("anna", "send", format!("{sent} bytes"));
    hear("anna", &anna)?;
    let grace = SHORT;
    let cut_off = end(talks, grace);
    say("server", "stop", format!("{cut_off} cut off after {grace:?}"));
    hear("ben", &ben)?;
    drop(too_late);
    Ok(())
}

/// With an address, the clients are you.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let listener = listen(address)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    listener.set_nonblocking(true)?;
    say("server", "serve", format!("{PLACES} at a time"));
    invite("server", "accept", here, &["nc", "07_chat_client"]);
    say("", "", "Then press Enter in this terminal to stop");
    let server =
        thread::Builder::new().spawn(move || serve(listener, PLACES))?;
    wait_for_enter();
    STOP.store(true, SeqCst);
    let (talks, _too_late) =
        server.join().map_err(|_| "the server broke off")?;
    let number = talks.len();
    say("server", "stop", format!("{number} go on, for {GRACE:?} at most"));
    say("server", "stop", format!("{} cut off", end(talks, GRACE)));
    Ok(())
}
