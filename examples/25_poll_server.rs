//! Step 25, TCP: one thread, and many clients.
//!
//! No call waits for one client. The thread asks the kernel about all sockets
//! at once: which of you are ready? It serves those, and asks again. Where a
//! thread per client has its stack, this server has a value for each client,
//! which says how far it has got.
//!
//! Look for: anna, who sends a lot, ends her direction, and takes nothing; the
//! bytes that wait for her; ben, who is served meanwhile; and anna's answers,
//! which are all there, and in order, when she takes them at last.
//!
//! One terminal, all ends:
//!     cargo run --example 25_poll_server
//! The chat of step 7 for a crowd, until you press Enter:
//!     cargo run --example 25_poll_server -- 127.0.0.1:8090
//!     cargo run --example 25_keyboard -- 127.0.0.1:8090

use std::io::ErrorKind::{Interrupted, WouldBlock};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream as Peer};
use std::time::{Duration, Instant};
use std::{collections::BTreeMap, process::ExitCode, thread};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
// Not the lesson: `run` reads the command line, `say` prints a line.
use socket_steps::{Failure, in_words, invite, run, say, wait_for_enter};
use socket2::{Domain, Protocol, Socket, Type};

/// So many clients at once. Who comes after them waits in the kernel's queue.
const PLACES: usize = 10_000;
/// While so many bytes wait for a client, nothing is received from it. So no
/// more of them are made; and a client that sends without end gets no further
/// before it is the others' turn.
const BOUND: usize = 16_384;
const SILENCE: Duration = Duration::from_secs(300);
const TAKES_NOTHING: Duration = Duration::from_secs(10);
const A_SECOND: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_secs(5);

/// By this number the kernel says which socket is ready. Clients have those
/// from 0 on.
const LISTENER: Token = Token(usize::MAX);
const ENTER: Token = Token(usize::MAX - 1);
const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

fn main() -> ExitCode {
    run(include_str!("25_poll_server.rs"), lesson, with_you)
}

/// "Would block" is no failure here: nothing is there yet, or there is no
/// room. (And a wait that was interrupted has found nothing: step 13.)
fn ready<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(e) if [WouldBlock, Interrupted].contains(&e.kind()) => Ok(None),
        result => result.map(Some),
    }
}

/// How far the server has got with a client.
struct Client {
    socket: TcpStream,
    /// What is still to be sent.
    waiting: Vec<u8>,
    /// It has said `quit`, or ended its direction. What waits is still sent.
    done: bool,
    /// When it loses its place.
    until: Instant,
}

impl Client {
    /// Step 5: receives until there is nothing left, or too much waits. Each
    /// text is answered as in step 16. (A protocol of lines would keep half a
    /// line here, beside `waiting`.) `ending`: the kernel has said that the end
    /// is there, too. Returns whether something may be left.
    fn receive(&mut self, ending: bool) -> io::Result<bool> {
        let mut buffer = [0; 1024];
        while !self.done && self.waiting.len() < BOUND {
            let got = ready(self.socket.read(&mut buffer))?;
            let Some(length) = got else { return Ok(false) };
            let text = &buffer[..length];
            if length > 0 {
                self.waiting.extend([b"Server received: ", text].concat());
            }
            let quit = matches!(text, b"quit" | b"quit\n" | b"quit\r\n");
            self.done = quit || length == 0;
            // Less than asked for is all there was, and Linux need not be
            // asked again, unless the end is right behind it (epoll(7)).
            // Elsewhere mio wants to see "would block".
            if !ending && cfg!(target_os = "linux") && length < buffer.len()
            {
                return Ok(false);
            }
        }
        Ok(!self.done)
    }

    /// Sends what waits, until there is no more room. The kernel will say when
    /// there is some again.
    fn send(&mut self, now: Instant) -> io::Result<()> {
        while !self.waiting.is_empty() {
            let sent = ready(self.socket.write(&self.waiting))?;
            let Some(length) = sent else { return Ok(()) };
            self.waiting.drain(..length);
            self.until = now + TAKES_NOTHING;
        }
        self.until = now + SILENCE;
        Ok(())
    }
}

/// Steps 1 to 3: create, bind, listen. And the first socket that the kernel is
/// asked about.
fn open(address: SocketAddr) -> Result<(Server, SocketAddr), Failure> {
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    // Or the kernel keeps megabytes for each client that takes nothing.
    listener.set_send_buffer_size(BOUND)?;
    listener.bind(&address.into())?;
    listener.listen(4096)?;
    listener.set_nonblocking(true)?;

    let mut listener = TcpListener::from_std(listener.into());
    let here = listener.local_addr()?;
    let (poll, events) = (Poll::new()?, Events::with_capacity(1024));
    let readable = Interest::READABLE;
    poll.registry().register(&mut listener, LISTENER, readable)?;
    let (clients, looked) = (BTreeMap::new(), Instant::now());
    let listener = Some(listener);
    Ok((Server { poll, events, listener, clients, looked }, here))
}

struct Server {
    poll: Poll,
    events: Events,
    listener: Option<TcpListener>,
    clients: BTreeMap<Token, Client>,
    /// When it last looked for those who have lost their places.
    looked: Instant,
}

impl Server {
    /// Waits until a socket is ready, and serves all that are. Returns whether
    /// somebody has pressed Enter.
    fn turn(&mut self) -> io::Result<bool> {
        ready(self.poll.poll(&mut self.events, Some(A_SECOND)))?;
        let now = Instant::now();
        let mut queued = false;
        for event in &self.events {
            let token = event.token();
            queued |= token == LISTENER;
            let Some(client) = self.clients.get_mut(&token) else {
                continue;
            };
            let received = client.receive(event.is_read_closed());
            let failed = received.is_err() || client.send(now).is_err();
            if failed || client.done && client.waiting.is_empty() {
                // Step 6: close, which also takes it off the kernel's list.
                self.clients.remove(&token);
            } else if received? && client.waiting.len() < BOUND {
                // The kernel has said "ready" once, and does not repeat it,
                // unless it is asked anew.
                let registry = self.poll.registry();
                registry.reregister(&mut client.socket, token, BOTH)?;
            }
        }
        // Not in each turn: most of 10,000 clients are silent.
        if now - self.looked >= A_SECOND {
            self.looked = now;
            self.clients.retain(|_, client| now < client.until);
            queued = true;
        }
        if let Some(Err(error)) = queued.then(|| self.accept(now)) {
            say("server", "accept", in_words(&error));
        }
        Ok(self.events.iter().any(|event| event.token() == ENTER))
    }

    /// Step 4, until the queue is empty. Some may stay in it: if there is no
    /// place, or `accept` fails for want of descriptors. The kernel will not
    /// speak of them again: so `turn` tries once a second.
    fn accept(&mut self, now: Instant) -> io::Result<()> {
        let Some(listener) = &self.listener else { return Ok(()) };
        while self.clients.len() < PLACES {
            let next = ready(listener.accept())?;
            let Some((mut socket, _)) = next else { break };
            let last = self.clients.last_key_value();
            let token = Token(last.map_or(0, |(token, _)| token.0 + 1));
            self.poll.registry().register(&mut socket, token, BOTH)?;
            // (The kernel says at once that there is room: it is sent then.)
            let waiting = b"Hello, client!".to_vec();
            let (done, until) = (false, now + TAKES_NOTHING);
            let client = Client { socket, waiting, done, until };
            self.clients.insert(token, client);
        }
        Ok(())
    }
}

/// A client takes what comes, to the end. Meanwhile the server has its turns.
fn take(server: &mut Server, mut client: Peer) -> io::Result<Vec<u8>> {
    client.set_nonblocking(true)?;
    let mut got = Vec::new();
    while ready(client.read_to_end(&mut got))?.is_none() {
        server.turn()?;
    }
    Ok(got)
}

/// All ends, in one thread. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Anna sends all that she has to say, and the end. She takes nothing.
    let (mut server, here) = open(address)?;
    let mut anna = Peer::connect(here)?;
    let text = b"0123456789".repeat(20_000);
    anna.write_all(&text)?;
    anna.shutdown(Shutdown::Write)?;
    say("anna", "send", format!("{} bytes, and the end", text.len()));
    let is_slow = |client: &Client| client.waiting.len() >= BOUND;
    while !server.clients.values().any(is_slow) {
        server.turn()?;
    }
    say("server", "send", format!("{BOUND} bytes wait for her, or more"));

    // Ben is served all the same.
    let mut ben = Peer::connect(here)?;
    ben.write_all(b"quit")?;
    say("ben", "recv", String::from_utf8_lossy(&take(&mut server, ben)?));

    // Now anna takes what there is. (Her digits are in it, in the answers.)
    let mut got = take(&mut server, anna)?;
    got.retain(u8::is_ascii_digit);
    let all = if got == text { "all of it, in order" } else { "not all" };
    say("anna", "recv", all);
    Ok(())
}

/// With an address, the clients are you. A thread waits for Enter, and wakes
/// the server. (It returns the waker: without one, nobody is woken.)
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let (mut server, here) = open(address)?;
    say("server", "serve", format!("{PLACES} at a time"));
    invite("server", "accept", here, &["nc", "25_keyboard"]);
    say("", "", "Then press Enter in this terminal to stop");
    let waker = Waker::new(server.poll.registry(), ENTER)?;
    let enter = move || (wait_for_enter(), waker.wake(), waker);
    let _waker = thread::Builder::new().spawn(enter)?;
    while !server.turn()? {}

    // As in step 16: nobody new is served, and who is still in the queue is
    // told that nothing will come. Who is being served has some time left.
    // Then the server ends, and with it what is left.
    let mut too_late = Vec::new();
    if let Some(queue) = server.listener.take() {
        while let Ok((client, _)) = queue.accept() {
            let _ = client.shutdown(Shutdown::Write);
            too_late.push(client);
        }
    }
    let number = server.clients.len();
    say("server", "stop", format!("{number} go on, for {GRACE:?} at most"));
    let start = Instant::now();
    while !server.clients.is_empty() && start.elapsed() < GRACE {
        server.turn()?;
    }
    say("server", "stop", format!("{} cut off", server.clients.len()));
    Ok(())
}
