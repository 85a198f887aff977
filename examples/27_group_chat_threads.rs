//! Step 27, TCP: a group chat, with threads.
//!
//! What a member says goes to all others. But nobody may wait for the slowest:
//! each has a queue for what it has still to get. Here are two threads for
//! each: one receives its lines, and puts them into the queues of the others;
//! the other one sends what is in its own.
//!
//! Look for: dora, who stops reading, and is put out, while the others talk
//! on; anna, who leaves; and ben, who is still there when the server stops.
//!
//! One terminal, all ends (it waits a second):
//!     cargo run --example 27_group_chat_threads
//! A room for thousands, until you press Enter. Your first line is your name:
//!     cargo run --example 27_group_chat_threads -- 127.0.0.1:8090
//!     cargo run --example 25_keyboard -- 127.0.0.1:8090

use std::io::{self, BufRead, BufReader, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder, JoinHandle, sleep};
use std::time::{Duration, Instant};
use std::{iter, process::ExitCode};

// Not the lesson: `run` reads the command line, `say` prints a line, `at`
// puts the address into an error.
use socket_steps::{
    At, Failure, in_words, invite, reachable, run, say, wait_for_enter,
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

fn main() -> ExitCode {
    run(include_str!("27_group_chat_threads.rs"), lesson, with_you)
}

/// A line on its way. There is one of it, in however many queues it waits
/// (`Arc`): the last queue that lets go of it drops it.
struct Line {
    text: Vec<u8>,
    since: Instant,
    /// Each of its lines has the speaker in hand: so `Arc` counts them.
    _speaker: Arc<()>,
}

/// Somebody who has said a name. (The queue ends when its `Sender` is dropped.)
struct Member {
    me: Arc<()>,
    queue: Sender<Arc<Line>>,
}

/// All of them.
type Room = Mutex<Vec<Member>>;

/// The room, for one thread at a time. It is locked while something is said, so
/// all hear all in the same order; and never while a call waits.
fn lock(room: &Room) -> MutexGuard<'_, Vec<Member>> {
    room.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts a line into the queues of all but the speaker. That never waits.
fn tell(members: &[Member], speaker: &Arc<()>, parts: &[&[u8]]) {
    let line = line(speaker, parts);
    for other in members.iter().filter(|it| !Arc::ptr_eq(&it.me, speaker)) {
        let _ = other.queue.send(Arc::clone(&line));
    }
}

fn line(speaker: &Arc<()>, parts: &[&[u8]]) -> Arc<Line> {
    let (text, since) = (parts.concat(), Instant::now());
    Arc::new(Line { text, since, _speaker: Arc::clone(speaker) })
}

/// Where clients come in: the listener, and the thread that accepts.
type Door = (TcpListener, JoinHandle<()>);

/// Steps 1 to 3: create, bind, listen. A thread accepts.
fn open(address: SocketAddr) -> Result<(Door, Arc<Room>), Failure> {
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into()).at(address)?;
    listener.listen(BACKLOG)?;
    let (listener, room) = (TcpListener::from(listener), Arc::default());
    let (own, members) = (listener.try_clone()?, Arc::clone(&room));
    let thread = Builder::new().spawn(move || serve(&own, &members))?;
    Ok(((listener, thread), room))
}

/// Step 4: accept, until the server is to stop, and nobody is in the queue. No
/// other failure ends it. A thread for each client, and a bound on them: each
/// has the room in hand.
fn serve(listener: &TcpListener, room: &Arc<Room>) {
    loop {
        while Arc::strong_count(room) > PLACES {
            sleep(A_MOMENT);
        }
        match listener.accept() {
            Ok((client, _)) => {
                let room = Arc::clone(room);
                let talk = move || converse(&client, &room);
                if let Err(error) = Builder::new().spawn(talk) {
                    say("server", "thread", error);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => {
                say("server", "accept", in_words(&error));
                sleep(10 * A_MOMENT);
            }
        }
    }
}

/// One client, from its name to its end. Beside it a second thread sends what
/// is in its queue. (`scope` waits for that one: so both can use the socket.)
fn converse(client: &TcpStream, room: &Room) -> io::Result<()> {
    // (On macOS and Windows it may be non-blocking, as the listener.)
    client.set_nonblocking(false)?;
    client.set_write_timeout(Some(LIMIT))?;
    // (What waits goes out together, so nothing is won by more waiting.)
    client.set_nodelay(true)?;
    let (queue, lines) = channel();
    thread::scope(|scope| {
        Builder::new().spawn_scoped(scope, move || {
            let _ = deliver(client, &lines);
            // If the other thread still waits, it gets the end.
            client.shutdown(Shutdown::Both)
        })?;
        let mut received = BufReader::new(client);
        let name = next_line(&mut received)?;
        if name.is_empty() {
            return Ok(());
        }
        let me = Arc::new(());
        let mut members = lock(room);
        let _ = queue.send(line(&me, &[b"* welcome ", &name, b"\n"]));
        tell(&members, &me, &[b"* ", &name, b" joins\n"]);
        members.push(Member { me: Arc::clone(&me), queue });
        drop(members);

        // Who talks faster than it can be sent has to wait, and nobody else.
        while let Ok(text) = next_line(&mut received) {
            tell(&lock(room), &me, &[&name, b": ", &text, b"\n"]);
            while Arc::strong_count(&me) > LINES {
                sleep(A_MOMENT / 10);
            }
        }

        // Off the list. What waits in its queue is still sent.
        let mut members = lock(room);
        members.retain(|it| !Arc::ptr_eq(&it.me, &me));
        tell(&members, &me, &[b"* ", &name, b" leaves\n"]);
        Ok(())
    })
}

/// The next line, without its `\n`. The end is an error here (a reset is an
/// end like any other), and so is a line of more than 1000 bytes.
fn next_line(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.take(1001).read_until(b'\n', &mut line)?;
    match line.pop() {
        Some(b'\n') => Ok(line),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}

/// Sends what is in the queue, until its member has left. One that takes
/// nothing for a second, or for whom a line waits for longer, is put out. (But
/// a late line that it takes at once was late by the server's own fault: the
/// server may have been stopped, or have had no time.)
fn deliver(
    mut client: &TcpStream,
    queue: &Receiver<Arc<Line>>,
) -> io::Result<()> {
    while let Ok(first) = queue.recv() {
        // What else is there goes out with the same send.
        let more = queue.try_iter().take(AT_ONCE - 1);
        let lines: Vec<_> = iter::once(first).chain(more).collect();
        let slices = lines.iter().map(|line| IoSlice::new(&line.text));
        let rest = &mut &mut slices.collect::<Vec<_>>()[..];
        while let Some(next) = lines.get(lines.len() - rest.len()) {
            let late = next.since.elapsed() > LIMIT;
            if late {
                client.set_write_timeout(Some(A_MOMENT))?;
            }
            // It may take a part (step 10): even half a line.
            match client.write_vectored(rest) {
                Err(it) if it.kind() == ErrorKind::Interrupted => {}
                length => IoSlice::advance_slices(rest, length?),
            }
            if late {
                if !rest.is_empty() {
                    return Err(ErrorKind::TimedOut.into());
                }
                client.set_write_timeout(Some(LIMIT))?;
            }
        }
    }
    Ok(())
}

/// Nobody new: `accept` doesn't wait any more, and a client of our own ends
/// the wait that goes on. (If the queue is full, it gets no further, and nobody
/// waits in `accept`.) The others talk on until the grace is over. Then they
/// are taken off the list, and get what is still in their queues, and the end.
fn stop(
    (listener, thread): Door,
    room: &Arc<Room>,
    grace: Duration,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let here = reachable(listener.local_addr()?);
    drop(TcpStream::connect_timeout(&here, LIMIT));
    drop(listener);
    let wait = |limit: Duration, is_over: &dyn Fn() -> bool| {
        let start = Instant::now();
        while !is_over() && start.elapsed() < limit {
            sleep(A_MOMENT);
        }
    };
    let is_empty = || Arc::strong_count(room) == 1;
    // (From then on the listener is closed: both owners have gone.)
    wait(LIMIT, &|| thread.is_finished());
    say("server", "stop", format!("{} go on", lock(room).len()));
    wait(grace, &is_empty);
    let left = lock(room).drain(..).len();
    say("server", "stop", format!("{left} cut off"));
    wait(2 * LIMIT, &is_empty);
    Ok(())
}

/// Somebody, at the other end.
type Peer = BufReader<TcpStream>;

/// Connects, and says its name. (Its buffer is small: it is full soon.)
fn enter(who: &str, server: SocketAddr) -> io::Result<Peer> {
    let peer = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    peer.set_recv_buffer_size(4096)?;
    peer.connect(&server.into())?;
    peer.set_read_timeout(Some(10 * LIMIT))?;
    let mut peer = BufReader::new(peer.into());
    speak(who, &mut peer, who)?;
    hear(who, &mut peer)?;
    Ok(peer)
}

fn speak(who: &str, peer: &mut Peer, text: &str) -> io::Result<()> {
    say(who, "send", text);
    peer.get_mut().write_all(format!("{text}\n").as_bytes())
}

fn hear(who: &str, peer: &mut Peer) -> io::Result<()> {
    let mut line = String::new();
    let length = peer.read_line(&mut line)?;
    let end = "0 bytes: the server has ended it";
    say(who, "recv", if length == 0 { end } else { line.trim_end() });
    Ok(())
}

/// All ends. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    let (door, room) = open(address)?;
    // (Small as well: each client's socket has it from the listener.)
    SockRef::from(&door.0).set_send_buffer_size(4096)?;
    let here = door.0.local_addr()?;
    let anna = &mut enter("anna", here)?;
    let ben = &mut enter("ben", here)?;
    hear("anna", anna)?;
    let _dora = enter("dora", here)?;
    hear("anna", anna)?;
    hear("ben", ben)?;

    // Dora reads no more. Anna says a lot, and ben hears all of it.
    let text = "x".repeat(1000) + "\n";
    anna.get_mut().write_all(text.repeat(40).as_bytes())?;
    say("anna", "send", "40 lines of 1000 bytes");
    let (mut lines, mut heard) = (0, 0);
    while heard < 40 * 1007 {
        heard += ben.read_line(&mut String::new())?;
        lines += 1;
    }
    say("ben", "recv", format!("{lines} lines, {heard} bytes"));
    speak("ben", ben, "is dora asleep?")?;
    hear("anna", anna)?;

    // A second later. Then anna leaves, too, and ben stays to the end.
    hear("anna", anna)?;
    hear("ben", ben)?;
    anna.get_mut().shutdown(Shutdown::Write)?;
    hear("anna", anna)?;
    hear("ben", ben)?;
    stop(door, &room, 30 * A_MOMENT)?;
    Ok(hear("ben", ben)?)
}

/// With an address, the members are you.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let (door, room) = open(address)?;
    invite("server", "accept", door.0.local_addr()?, &OTHERS);
    say("", "", "Then press Enter in this terminal to stop");
    wait_for_enter();
    Ok(stop(door, &room, GRACE)?)
}
