//! Step 27, TCP: a group chat, with readiness.
//!
//! The server of 27_group_chat_threads, in one thread: it asks the kernel which
//! sockets are ready, and serves these (25_poll_server). So it never waits for
//! one of them. What a thread keeps on its stack stands here in a value for
//! each client: half a line that has come, and half a line that is sent.
//!
//! Look for: dora, who stops reading, and is put out, while the others talk
//! on; anna, who leaves; and ben, who is still there when the server stops.
//!
//! One terminal, all ends (it waits a second):
//!     cargo run --example 27_group_chat_poll
//! A room for thousands, until you press Enter. Your first line is your name:
//!     cargo run --example 27_group_chat_poll -- 127.0.0.1:8090
//!     cargo run --example 25_keyboard -- 127.0.0.1:8090

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, BufRead as _, BufReader, ErrorKind, IoSlice};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};
use std::{mem::take, process::ExitCode, rc::Rc, thread};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
// Not the lesson: `run` reads the command line, `say` prints a line, `at`
// puts the address into an error.
use socket_steps::{
    At, Failure, in_words, invite, run, say, wait_for_enter,
};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// So many clients at once. Who comes after them waits in the kernel's queue.
const PLACES: usize = 5000;
const BACKLOG: i32 = 4096;
/// While so many lines of one member wait, nothing more is received from it.
const LINES: usize = 1000;
/// So many of them go out with one send, if they are there.
const AT_ONCE: usize = 64;
/// A line that has waited for longer is too late: its receiver is put out.
const LIMIT: Duration = Duration::from_secs(1);
const A_MOMENT: Duration = Duration::from_millis(10);
const GRACE: Duration = Duration::from_secs(5);
const OTHERS: [&str; 2] = ["nc", "25_keyboard"];

/// By these numbers the kernel says what is ready. Clients follow.
const LISTENER: Token = Token(0);
const ENTER: Token = Token(1);

fn main() -> ExitCode {
    run(include_str!("27_group_chat_poll.rs"), lesson, with_you)
}

/// A line on its way. There is one of it, in however many queues it waits
/// (`Rc`): the last queue that lets go of it drops it.
struct Line {
    text: Vec<u8>,
    since: Instant,
    /// Each of its lines has the speaker in hand: so `Rc` counts them.
    _speaker: Rc<()>,
}

fn line(speaker: &Rc<()>, parts: &[&[u8]]) -> Rc<Line> {
    let (text, since) = (parts.concat(), Instant::now());
    Rc::new(Line { text, since, _speaker: Rc::clone(speaker) })
}

/// How far the server has got with a client.
#[derive(Default)]
struct Client {
    me: Rc<()>,
    /// Empty: no member yet, or not any more.
    name: Vec<u8>,
    /// What has come of its next line.
    begun: Vec<u8>,
    queue: VecDeque<Rc<Line>>,
    /// So many bytes of the first line in there are sent.
    sent: usize,
    /// Both hold until a call "would block": the kernel says so only once.
    readable: bool,
    writable: bool,
    has_left: bool,
}

impl Client {
    /// Who talks faster than it can be sent has to wait, and nobody else.
    fn may_speak(&self) -> bool {
        let waiting = Rc::strong_count(&self.me);
        self.readable && !self.has_left && waiting <= LINES
    }

    /// The next line, without its `\n`, if all of it is here. The end is an
    /// error (a reset is an end like any other), and so is a line of more
    /// than 1000 bytes.
    fn next_line(&mut self, from: &mut Stream) -> io::Result<NextLine> {
        let room = 1001 - self.begun.len() as u64;
        match from.take(room).read_until(b'\n', &mut self.begun) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                return Ok(None);
            }
            result => result?,
        };
        match self.begun.pop() {
            Some(b'\n') => Ok(Some(take(&mut self.begun))),
            _ => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Sends what is in the queue, while there is room. Says whether it is
    /// over with this client: it has left, or a line waits for too long.
    fn deliver(&mut self, to: &mut TcpStream) -> io::Result<bool> {
        while self.writable && !self.queue.is_empty() {
            let lines = self.queue.iter().take(AT_ONCE);
            let slices = lines.map(|line| IoSlice::new(&line.text));
            let rest = &mut &mut slices.collect::<Vec<_>>()[..];
            IoSlice::advance_slices(rest, self.sent);
            match to.write_vectored(rest) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.writable = false;
                }
                length => self.sent += length?,
            }
            // It may take a part (step 10): even half a line.
            while let Some(line) = self.queue.pop_front() {
                if self.sent < line.text.len() {
                    self.queue.push_front(line);
                    break;
                }
                self.sent -= line.text.len();
            }
        }
        let has_all = self.has_left && self.queue.is_empty();
        Ok(has_all || self.patience().is_zero())
    }

    /// How long the first line may still wait.
    fn patience(&self) -> Duration {
        let waits = self.queue.front().map(|line| line.since.elapsed());
        LIMIT.saturating_sub(waits.unwrap_or_default())
    }
}

type Stream = BufReader<TcpStream>;

/// `None`: only a part of it has come.
type NextLine = Option<Vec<u8>>;

struct Server {
    poll: Poll,
    events: Events,
    listener: Option<TcpListener>,
    next: usize,
    clients: BTreeMap<Token, (Stream, Client)>,
    /// Those with whom there is something to do. Most of thousands are silent,
    /// and no turn looks at these.
    busy: BTreeSet<Token>,
}

impl Server {
    /// Steps 1 to 3: create, bind, listen.
    fn open(address: SocketAddr) -> Result<(Self, SocketAddr), Failure> {
        let domain = Domain::for_address(address);
        let listener =
            Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        // (This lets a second run have the port again at once: see step 8.)
        #[cfg(unix)]
        listener.set_reuse_address(true)?;
        listener.bind(&address.into()).at(address)?;
        listener.listen(BACKLOG)?;
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener.into());
        let here = listener.local_addr()?;
        let (poll, events) = (Poll::new()?, Events::with_capacity(1024));
        let readable = Interest::READABLE;
        poll.registry().register(&mut listener, LISTENER, readable)?;
        let (clients, busy) = (BTreeMap::new(), BTreeSet::new());
        let (listener, next) = (Some(listener), 2);
        Ok((Server { poll, events, listener, next, clients, busy }, here))
    }

    /// Waits until something is ready, and does it. Says whether somebody has
    /// pressed Enter.
    fn turn(&mut self, mut limit: Duration) -> io::Result<bool> {
        let Server { clients, busy, .. } = self;
        for (_, client) in busy.iter().filter_map(|it| clients.get(it)) {
            limit = limit.min(client.patience());
            if client.may_speak() {
                limit = Duration::ZERO;
            }
        }
        match self.poll.poll(&mut self.events, Some(limit)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => result?,
        }
        let (mut enter, mut is_called) = (false, false);
        for event in &self.events {
            enter |= event.token() == ENTER;
            is_called |= event.token() == LISTENER;
            if let Some((_, it)) = self.clients.get_mut(&event.token()) {
                it.readable |= event.is_readable();
                it.writable |= event.is_writable();
                self.busy.insert(event.token());
            }
        }
        match self.accept() {
            // (Once for who has come, and not in every turn.)
            Err(e) if is_called && e.kind() != ErrorKind::WouldBlock => {
                say("server", "accept", in_words(&e));
            }
            _ => {}
        }
        for token in self.busy.clone() {
            self.receive(token);
        }
        // Who is put out leaves, which is one more line for the others.
        loop {
            let mut over = Vec::new();
            self.busy.retain(|token| {
                let Some((stream, it)) = self.clients.get_mut(token) else {
                    return false;
                };
                if it.deliver(stream.get_mut()).unwrap_or(true) {
                    over.push(*token);
                }
                it.readable || !it.queue.is_empty()
            });
            if over.is_empty() {
                return Ok(enter);
            }
            for token in over {
                self.leave(token);
                self.clients.remove(&token);
            }
        }
    }

    /// Step 4: accept, until nobody is in the queue. A failure (there are too
    /// many open files) may be over in the next turn.
    fn accept(&mut self) -> io::Result<()> {
        let Some(listener) = &self.listener else { return Ok(()) };
        while self.clients.len() < PLACES {
            let (mut client, _) = listener.accept()?;
            // (What waits goes out together, so nothing is won by more.)
            let _ = client.set_nodelay(true);
            let both = Interest::READABLE | Interest::WRITABLE;
            let token = Token(self.next);
            self.next += 1;
            self.poll.registry().register(&mut client, token, both)?;
            let client = (BufReader::new(client), Client::default());
            self.clients.insert(token, client);
        }
        Ok(())
    }

    /// What a client has said: its name, and then lines. So many at a time,
    /// and then it is the others' turn.
    fn receive(&mut self, token: Token) {
        for _ in 0..AT_ONCE {
            let client = self.clients.get_mut(&token);
            let Some((stream, it)) = client.filter(|it| it.1.may_speak())
            else {
                return;
            };
            let name = it.name.clone();
            match it.next_line(stream) {
                Ok(None) => return,
                Ok(Some(text)) if !name.is_empty() => {
                    self.tell(token, &[&name, b": ", &text, b"\n"]);
                }
                Ok(Some(name)) if !name.is_empty() => {
                    let welcome = [b"* welcome ", &name[..], b"\n"];
                    it.queue.push_back(line(&it.me, &welcome));
                    it.name.clone_from(&name);
                    self.tell(token, &[b"* ", &name, b" joins\n"]);
                }
                _ => self.leave(token),
            }
        }
    }

    /// It is no member any more. What waits in its queue is still sent.
    fn leave(&mut self, token: Token) {
        let Some((_, it)) = self.clients.get_mut(&token) else { return };
        it.has_left = true;
        let name = take(&mut it.name);
        if !name.is_empty() {
            self.tell(token, &[b"* ", &name, b" leaves\n"]);
        }
    }

    /// Puts a line into the queues of all members but the speaker.
    fn tell(&mut self, speaker: Token, parts: &[&[u8]]) {
        let Some((_, client)) = self.clients.get(&speaker) else { return };
        let line = line(&client.me, parts);
        for (token, (_, other)) in &mut self.clients {
            if *token != speaker && !other.name.is_empty() {
                other.queue.push_back(Rc::clone(&line));
                self.busy.insert(*token);
            }
        }
    }

    /// Nobody new. The others talk on until the grace is over. Then they get
    /// what is still in their queues, and the end.
    fn stop(&mut self, grace: Duration) -> io::Result<()> {
        // (Who is in the kernel's queue already is served.)
        self.turn(Duration::ZERO)?;
        self.listener = None;
        say("server", "stop", format!("{} go on", self.members().count()));
        self.wait(grace)?;
        let mut left = 0;
        for it in self.members() {
            it.has_left = true;
            it.name.clear();
            left += 1;
        }
        say("server", "stop", format!("{left} cut off"));
        self.busy.extend(self.clients.keys());
        self.turn(Duration::ZERO)?;
        self.wait(2 * LIMIT)
    }

    fn members(&mut self) -> impl Iterator<Item = &mut Client> {
        let clients = self.clients.values_mut().map(|(_, it)| it);
        clients.filter(|it| !it.name.is_empty())
    }

    /// Until everybody has left, or time is up.
    fn wait(&mut self, limit: Duration) -> io::Result<()> {
        let end = Instant::now() + limit;
        while !self.clients.is_empty() && Instant::now() < end {
            self.turn(end - Instant::now())?;
        }
        Ok(())
    }
}

/// Somebody, at the other end. (Non-blocking, too: while it waits, it's the
/// server's turn.)
type Peer = BufReader<std::net::TcpStream>;

/// Connects, and says its name. (Its buffer is small: it is full soon.)
fn enter(
    server: &mut Server,
    who: &str,
    here: SocketAddr,
) -> io::Result<Peer> {
    let peer = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    peer.set_recv_buffer_size(4096)?;
    peer.connect(&here.into())?;
    peer.set_nonblocking(true)?;
    let mut peer = BufReader::new(peer.into());
    speak(who, &mut peer, who)?;
    hear(server, who, &mut peer)?;
    Ok(peer)
}

fn speak(who: &str, peer: &mut Peer, text: &str) -> io::Result<()> {
    say(who, "send", text);
    peer.get_mut().write_all(format!("{text}\n").as_bytes())
}

fn hear(server: &mut Server, who: &str, peer: &mut Peer) -> io::Result<()> {
    let line = next_line(server, peer)?;
    let text = String::from_utf8_lossy(&line);
    let end = "0 bytes: the server has ended it";
    say(who, "recv", if line.is_empty() { end } else { text.trim_end() });
    Ok(())
}

fn next_line(server: &mut Server, peer: &mut Peer) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    while let Err(error) = peer.read_until(b'\n', &mut line) {
        if error.kind() != ErrorKind::WouldBlock {
            return Err(error);
        }
        server.turn(A_MOMENT)?;
    }
    Ok(line)
}

/// All ends, in one thread. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    let (server, here) = &mut Server::open(address)?;
    // (Small as well: each client's socket has it from the listener.)
    if let Some(listener) = &server.listener {
        SockRef::from(listener).set_send_buffer_size(4096)?;
    }
    let anna = &mut enter(server, "anna", *here)?;
    let ben = &mut enter(server, "ben", *here)?;
    hear(server, "anna", anna)?;
    let _dora = enter(server, "dora", *here)?;
    hear(server, "anna", anna)?;
    hear(server, "ben", ben)?;

    // Dora reads no more. Anna says a lot, and ben hears all of it.
    let text = "x".repeat(1000) + "\n";
    anna.get_mut().write_all(text.repeat(40).as_bytes())?;
    say("anna", "send", "40 lines of 1000 bytes");
    let (mut lines, mut heard) = (0, 0);
    while heard < 40 * 1007 {
        heard += next_line(server, ben)?.len();
        lines += 1;
    }
    say("ben", "recv", format!("{lines} lines, {heard} bytes"));
    speak("ben", ben, "is dora asleep?")?;
    hear(server, "anna", anna)?;

    // A second later. Then anna leaves, too, and ben stays to the end.
    hear(server, "anna", anna)?;
    hear(server, "ben", ben)?;
    anna.get_mut().shutdown(Shutdown::Write)?;
    hear(server, "anna", anna)?;
    hear(server, "ben", ben)?;
    server.stop(30 * A_MOMENT)?;
    Ok(hear(server, "ben", ben)?)
}

/// With an address, the members are you. A thread waits for Enter, and wakes
/// the one that serves.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let (mut server, here) = Server::open(address)?;
    invite("server", "accept", here, &OTHERS);
    say("", "", "Then press Enter in this terminal to stop");
    let waker = Waker::new(server.poll.registry(), ENTER)?;
    let _thread = thread::Builder::new().spawn(move || {
        wait_for_enter();
        // (Given back: one that is closed at once might wake nobody.)
        waker.wake().map(|()| waker)
    })?;
    while !server.turn(LIMIT)? {}
    Ok(server.stop(GRACE)?)
}
