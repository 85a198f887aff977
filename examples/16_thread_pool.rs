//! Step 16, TCP: a pool of threads.
//!
//! The threads are started once, and each serves one client after another. So
//! nobody waits for a thread to be started, and there are never more of them
//! than the pool has. But a pool of four is full when four clients are there,
//! even if none of them says a word.
//!
//! Look for: erik, who comes fifth, and waits for anna's thread; and the limit
//! that gives him a turn though nobody leaves.
//!
//! One terminal, all ends (it waits half a second, twice):
//!     cargo run --example 16_thread_pool
//! The chat of step 7 for 4 terminals at once, until Ctrl-C:
//!     cargo run --example 16_thread_pool -- 127.0.0.1:8090
//!     cargo run --example 07_chat_client

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{process::ExitCode, thread, time::Duration};

// Not the lesson: `run` reads the command line, `say` prints a line, `at`
// puts the address into an error.
use socket_steps::{At, Failure, in_words, invite, run, say};
use socket2::{Domain, Protocol, Socket, Type};

const THREADS: usize = 4;
const BACKLOG: i32 = 4096;
const A_WHILE: Duration = Duration::from_millis(500);
const SOON: Duration = Duration::from_secs(10);
const FIVE_MINUTES: Duration = Duration::from_secs(300);

fn main() -> ExitCode {
    run(include_str!("16_thread_pool.rs"), lesson, with_you)
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

/// The conversation of 16_one_at_a_time, with the same two limits.
fn converse(mut client: Socket, silence: Duration) -> io::Result<()> {
    client.set_read_timeout(Some(silence))?;
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

/// What each thread of the pool does, again and again: take the next client,
/// and serve it to its end. All of them share one end of the queue, and the
/// `Mutex` lets one thread at a time wait at it. (The lock is held while
/// `recv` waits, and given back with the client: the conversation is outside.)
fn work(clients: &Mutex<Receiver<Socket>>, silence: Duration) {
    loop {
        let waiting =
            clients.lock().unwrap_or_else(PoisonError::into_inner);
        let next = waiting.recv();
        drop(waiting);
        let Ok(client) = next else { return };
        // However it ends, the thread is free for the next one.
        let _ = converse(client, silence);
    }
}

/// The pool, and who fills the queue. The queue has room for nobody (0): a
/// client is handed over when a thread takes it. So one at most waits in this
/// program, and all the others in the kernel's queue.
fn serve(listener: &Socket, silence: Duration) -> io::Result<()> {
    let (hand_over, clients) = sync_channel(0);
    let clients = Arc::new(Mutex::new(clients));
    for _ in 0..THREADS {
        let clients = Arc::clone(&clients);
        thread::Builder::new().spawn(move || work(&clients, silence))?;
    }
    loop {
        match listener.accept() {
            Ok((client, _)) => {
                if hand_over.send(client).is_err() {
                    return Err(io::Error::other("no thread is left"));
                }
            }
            // A shortage of open files passes.
            Err(error) => {
                say("server", "accept", in_words(&error));
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// A server in a thread of its own, at a port that the kernel picks.
fn start(
    address: SocketAddr,
    silence: Duration,
) -> Result<SocketAddr, Failure> {
    let listener = listen(address)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    thread::Builder::new().spawn(move || serve(&listener, silence))?;
    say(
        "server",
        "serve",
        format!("{THREADS} threads, {silence:?} of silence"),
    );
    Ok(here)
}

/// A client receives, for as long as `limit`.
fn hear(
    who: &str,
    mut client: &TcpStream,
    limit: Duration,
) -> io::Result<()> {
    client.set_read_timeout(Some(limit))?;
    let mut buffer = [0; 1024];
    loop {
        match client.read(&mut buffer) {
            Ok(0) => say(who, "recv", "0 bytes: the server has ended it"),
            Ok(n) => {
                say(who, "recv", String::from_utf8_lossy(&buffer[..n]))
            }
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => continue,
                ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                    say(who, "recv", format!("nothing in {limit:?}"));
                }
                _ => return Err(error),
            },
        }
        return Ok(());
    }
}

/// Four who say nothing, and one more: erik is the last of them.
fn crowd(here: SocketAddr, wait: Duration) -> io::Result<Vec<TcpStream>> {
    let mut clients = Vec::new();
    for name in ["anna", "ben", "carl", "dora", "erik"] {
        let client = TcpStream::connect(here)?;
        say(name, "connect", client.peer_addr()?);
        hear(name, &client, if name == "erik" { wait } else { SOON })?;
        clients.push(client);
    }
    Ok(clients)
}

/// All ends. The address is 127.0.0.1:0, so each server gets its own port.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // The failure: four threads wait for four clients to say something. Erik
    // gets the first thread that is free, and so far none is.
    let here = start(address, FIVE_MINUTES)?;
    let mut clients = crowd(here, A_WHILE)?;
    let sent = clients[0].write(b"quit")?;
    say("anna", "send", format!("{sent} bytes"));
    hear("anna", &clients[0], SOON)?;
    hear("erik", &clients[4], SOON)?;

    // The cure: who says nothing for half a second loses the thread.
    let here = start(address, A_WHILE)?;
    let clients = crowd(here, SOON)?;
    hear("anna", &clients[0], SOON)?;
    Ok(())
}

/// With an address, the clients are you.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let listener = listen(address)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    say("server", "serve", format!("{THREADS} threads"));
    invite("server", "accept", here, &["nc", "07_chat_client"]);
    serve(&listener, FIVE_MINUTES)?;
    Ok(())
}
