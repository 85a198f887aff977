//! A group chat: what a member says goes to all others. Each has a queue for
//! what it has still to get, so that nobody waits for the slowest.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, sleep};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// So many lines can wait for a member.
const ROOM: usize = 1000;

fn main() -> std::io::Result<()> {
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (So that a second run can have the port at once: step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(50)?;
    println!("ready");

    // A thread for each client. (How to limit their number: step 16.)
    loop {
        let client = next_client(&listener)?;
        if let Err(error) = Builder::new().spawn(move || serve(client)) {
            eprintln!("a client is not served: {error}");
        }
    }
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
    client.set_write_timeout(Some(Duration::from_secs(1)))?;
    // (Shared by both threads, and by the list for all the others.)
    let client = Arc::new(client);
    let mut received = BufReader::new(&*client);
    let Some(name) = next_line(&mut received)? else { return Ok(()) };

    let (queue, lines) = sync_channel(ROOM);
    let receiver = Arc::clone(&client);
    Builder::new().spawn(move || send_all(&receiver, &lines))?;
    let member = Member { client: Arc::clone(&client), queue };

    // With the list in hand, so that nothing is said meanwhile.
    let mut members = lock();
    member.is_told(&format!("* welcome {name}\n"));
    tell_others(&members, &client, &format!("* {name} joins\n"));
    members.push(member);
    drop(members);

    // (A reset is an end as any other: no `?` from here on.)
    while let Ok(Some(text)) = next_line(&mut received) {
        tell_others(&lock(), &client, &format!("{name}: {text}\n"));
    }

    let mut members = lock();
    members.retain(|member| !Arc::ptr_eq(&member.client, &client));
    tell_others(&members, &client, &format!("* {name} leaves\n"));
    Ok(())
}

/// Somebody who has been welcomed.
struct Member {
    client: Arc<Socket>,
    /// What is put in here is sent by a thread of its own.
    queue: SyncSender<String>,
}

impl Member {
    /// Puts a line into the queue, and never waits. Whose queue is full is
    /// put out.
    fn is_told(&self, line: &str) {
        if self.queue.try_send(line.to_owned()).is_err() {
            put_out(&self.client);
        }
    }
}

static MEMBERS: Mutex<Vec<Member>> = Mutex::new(Vec::new());

/// The list, for one thread at a time, and never for long: no call on a socket
/// waits while it is locked. (It is good even if a thread panicked.)
fn lock() -> MutexGuard<'static, Vec<Member>> {
    MEMBERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tell_others(members: &[Member], speaker: &Arc<Socket>, line: &str) {
    for member in members {
        if !Arc::ptr_eq(&member.client, speaker) {
            member.is_told(line);
        }
    }
}

/// Sends what is in the queue, until the member is off the list. Who is gone,
/// or takes nothing for a second, is put out.
fn send_all(mut client: &Socket, lines: &Receiver<String>) {
    for line in lines {
        if client.write_all(line.as_bytes()).is_err() {
            put_out(client);
            return;
        }
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
