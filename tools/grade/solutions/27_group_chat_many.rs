//! A group chat for many: what a member says goes to all others. Each has a
//! queue for what it has still to get, so that nobody waits for the slowest. A
//! line is there once, however many queues it is in.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, sleep};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

/// So many lines of one member can wait to be sent.
const ROOM: usize = 1000;
/// A line that has waited for longer is too late.
const LIMIT: Duration = Duration::from_secs(1);

fn main() -> std::io::Result<()> {
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (So that a second run can have the port at once: step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(100)?;
    println!("ready");

    // A thread for each client, with a small stack: there are many of them.
    loop {
        let client = next_client(&listener)?;
        if let Err(error) = thread().spawn(move || serve(client)) {
            eprintln!("a client is not served: {error}");
        }
    }
}

fn thread() -> Builder {
    Builder::new().stack_size(128 * 1024)
}

/// The next client. What passes is no reason to end: a client that has gone,
/// or too many open files. Wait a moment, and try again.
fn next_client(listener: &Socket) -> std::io::Result<Socket> {
    loop {
        let error = match listener.accept() {
            Ok((client, _)) => return Ok(client),
            Err(error) => error,
        };
        // But what lasts is: the socket does not listen. (On macOS, socket2
        // says the same of a client that has gone.)
        let lasts = error.kind() == ErrorKind::InvalidInput;
        if lasts && !cfg!(target_os = "macos") {
            return Err(error);
        }
        eprintln!("accept: {error}");
        sleep(Duration::from_millis(20));
    }
}

/// One client, from its name to its end. This thread receives from it, and
/// another one sends to it.
fn serve(client: Socket) -> std::io::Result<()> {
    // Only for sending: it may be silent for as long as it likes.
    client.set_write_timeout(Some(LIMIT))?;
    // (Shared by both threads, and by the list for all the others.)
    let client = Arc::new(client);
    let mut received = BufReader::new(&*client);
    let Some(name) = next_line(&mut received)? else { return Ok(()) };

    let (queue, lines) = channel();
    let receiver = Arc::clone(&client);
    thread().spawn(move || send_all(&receiver, &lines))?;
    let waiting = Arc::default();
    let member = Member { client: Arc::clone(&client), queue, waiting };

    // With the list in hand, so that nothing is said meanwhile.
    let mut members = lock();
    member.is_told(&member, &format!("* welcome {name}\n").into());
    tell_others(&members, &member, &format!("* {name} joins\n"));
    members.push(member.clone());
    drop(members);

    // (A reset is an end as any other: no `?` from here on.)
    while let Ok(Some(text)) = next_line(&mut received) {
        tell_others(&lock(), &member, &format!("{name}: {text}\n"));
        wait_for_room(&member);
    }

    let mut members = lock();
    members.retain(|other| !other.is(&member));
    tell_others(&members, &member, &format!("* {name} leaves\n"));
    Ok(())
}

/// Somebody who has been welcomed.
#[derive(Clone)]
struct Member {
    client: Arc<Socket>,
    /// What is put in here is sent by a thread of its own.
    queue: Sender<Line>,
    /// How many lines of this member wait in all queues together.
    waiting: Arc<AtomicUsize>,
}

/// A line that waits to be sent.
struct Line {
    text: Arc<str>,
    since: Instant,
    /// Where it is counted.
    counter: Arc<AtomicUsize>,
}

impl Member {
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.client, &other.client)
    }

    /// Puts a line into the queue, and never waits.
    fn is_told(&self, speaker: &Self, line: &Arc<str>) {
        let counter = Arc::clone(&speaker.waiting);
        counter.fetch_add(1, Ordering::Relaxed);
        let (text, since) = (Arc::clone(line), Instant::now());
        // (That thread takes out all that is put in.)
        let _ = self.queue.send(Line { text, since, counter });
    }
}

static MEMBERS: Mutex<Vec<Member>> = Mutex::new(Vec::new());

/// The list, for one thread at a time, and never for long: no call on a socket
/// waits while it is locked. (It is good even if a thread panicked.)
fn lock() -> MutexGuard<'static, Vec<Member>> {
    MEMBERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tell_others(members: &[Member], speaker: &Member, line: &str) {
    let line = Arc::from(line);
    for member in members {
        if !member.is(speaker) {
            member.is_told(speaker, &line);
        }
    }
}

/// Who talks faster than it can be sent has to wait, and nobody else: nothing
/// more is received from it meanwhile. That soon ends, as whoever does not take
/// a line in time is put out.
fn wait_for_room(speaker: &Member) {
    while speaker.waiting.load(Ordering::Relaxed) >= ROOM {
        sleep(Duration::from_millis(1));
    }
}

/// Sends what is in the queue, until the member is off the list. Who is gone,
/// or takes nothing for a second, or is late by more than that, is put out:
/// then all other sends fail at once.
fn send_all(mut client: &Socket, lines: &Receiver<Line>) {
    for line in lines {
        let is_late = line.since.elapsed() > LIMIT;
        if is_late || client.write_all(line.text.as_bytes()).is_err() {
            put_out(client);
        }
        line.counter.fetch_sub(1, Ordering::Relaxed);
    }
}

/// From now on a send to it fails at once, and the thread that receives from
/// it gets the end: it takes it off the list, and tells the others.
fn put_out(client: &Socket) {
    let _ = client.shutdown(Shutdown::Both);
}

/// The next line, without its `\n`. `None`: there is none, or it is too long.
fn next_line(from: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut line = Vec::new();
    from.take(1001).read_until(b'\n', &mut line)?;
    match line.pop() {
        Some(b'\n') => Ok(Some(String::from_utf8_lossy(&line).into_owned())),
        _ => Ok(None),
    }
}
