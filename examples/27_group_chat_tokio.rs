//! Step 27, TCP: a group chat, with tasks.
//!
//! The server of 27_group_chat_threads, in one thread. Each client has a task,
//! in which two things go on at once: it receives the client's lines, and puts
//! them into the queues of the others; and it sends what is in its own. What
//! waits has `.await` behind it.
//!
//! Look for: dora, who stops reading, and is put out, while the others talk
//! on; anna, who leaves; and ben, who is still there when the server stops.
//!
//! One terminal, all ends (it waits a second):
//!     cargo run --example 27_group_chat_tokio
//! A room for thousands, until you press Enter. Your first line is your name:
//!     cargo run --example 27_group_chat_tokio -- 127.0.0.1:8090
//!     cargo run --example 25_keyboard -- 127.0.0.1:8090

use std::io::{self, ErrorKind, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{iter, process::ExitCode, thread};

// Not the lesson: `run` reads the command line, `say` prints a line, `at`
// puts the address into an error.
use socket_steps::{
    At, Failure, in_words, invite, run, say, wait_for_enter,
};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream, tcp::WriteHalf};
use tokio::sync::mpsc::{
    UnboundedReceiver, UnboundedSender, unbounded_channel,
};
use tokio::time::{sleep, timeout, timeout_at};
use tokio::{runtime::Builder, select, sync::oneshot, task::JoinHandle};

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
    run(
        include_str!("27_group_chat_tokio.rs"),
        |address| in_a_runtime(lesson(address)),
        |address| in_a_runtime(with_you(address)),
    )
}

/// All tasks run in this one thread (26_async_server).
fn in_a_runtime(
    work: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work)
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
    queue: UnboundedSender<Arc<Line>>,
}

/// All of them.
type Room = Mutex<Vec<Member>>;

/// The room, for one task at a time. It is locked while something is said, so
/// all hear all in the same order; and never over an `.await`.
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

/// Steps 1 to 3: create, bind, listen.
fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into()).at(address)?;
    listener.listen(BACKLOG)?;
    // For tokio: `accept` would stop the one thread.
    listener.set_nonblocking(true)?;
    Ok(TcpListener::from_std(listener.into())?)
}

/// Step 4: accept, until the server is to stop, and nobody is in the queue. No
/// other failure ends it. A task for each client, and a bound on them: each
/// has the room in hand.
async fn serve(
    listener: TcpListener,
    room: Arc<Room>,
    mut stop: oneshot::Receiver<()>,
) {
    loop {
        let is_full = Arc::strong_count(&room) > PLACES;
        let accepted = select! {
            accepted = listener.accept(), if !is_full => accepted,
            _ = sleep(A_MOMENT), if is_full => continue,
            _ = &mut stop => break,
        };
        match accepted {
            Ok((client, _)) => {
                tokio::spawn(converse(client, Arc::clone(&room)));
            }
            Err(error) => {
                say("server", "accept", in_words(&error));
                sleep(10 * A_MOMENT).await;
            }
        }
    }

    // Who is in the queue has come in time. (The runtime may not have heard of
    // them. This asks the kernel itself.)
    let Ok(queue) = listener.into_std() else { return };
    while let Ok((client, _)) = queue.accept() {
        let set = client.set_nonblocking(true);
        if let Ok(client) = set.and_then(|()| TcpStream::from_std(client)) {
            tokio::spawn(converse(client, Arc::clone(&room)));
        }
    }
}

/// One client, from its name to its end. Beside it what is in its queue is
/// sent. (`join!` waits for both, and both can use the socket.)
async fn converse(mut client: TcpStream, room: Arc<Room>) {
    // (What waits goes out together, so nothing is won by more waiting.)
    let _ = client.set_nodelay(true);
    let (receiver, mut sender) = client.split();
    let (queue, mut lines) = unbounded_channel();
    let send = async {
        let _ = deliver(&mut sender, &mut lines).await;
        // If the other half still waits, it gets the end.
        SockRef::from(sender.as_ref()).shutdown(Shutdown::Both)
    };
    let receive = async move {
        let mut received = BufReader::new(receiver);
        let name = next_line(&mut received).await?;
        if name.is_empty() {
            return Ok(());
        }
        let me = Arc::new(());
        {
            let mut members = lock(&room);
            let _ = queue.send(line(&me, &[b"* welcome ", &name, b"\n"]));
            tell(&members, &me, &[b"* ", &name, b" joins\n"]);
            members.push(Member { me: Arc::clone(&me), queue });
        }

        // Who talks faster than it can be sent has to wait, and nobody else.
        while let Ok(text) = next_line(&mut received).await {
            tell(&lock(&room), &me, &[&name, b": ", &text, b"\n"]);
            while Arc::strong_count(&me) > LINES {
                sleep(A_MOMENT / 10).await;
            }
        }

        // Off the list. What waits in its queue is still sent.
        let mut members = lock(&room);
        members.retain(|it| !Arc::ptr_eq(&it.me, &me));
        tell(&members, &me, &[b"* ", &name, b" leaves\n"]);
        io::Result::Ok(())
    };
    let _ = tokio::join!(send, receive);
}

/// The next line, without its `\n`. The end is an error here (a reset is an
/// end like any other), and so is a line of more than 1000 bytes.
async fn next_line(
    from: &mut (impl AsyncBufRead + Unpin),
) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.take(1001).read_until(b'\n', &mut line).await?;
    match line.pop() {
        Some(b'\n') => Ok(line),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}

/// Sends what is in the queue, until its member has left. One that takes
/// nothing for a second, or for whom a line waits for longer, is put out.
async fn deliver(
    client: &mut WriteHalf<'_>,
    queue: &mut UnboundedReceiver<Arc<Line>>,
) -> io::Result<()> {
    while let Some(first) = queue.recv().await {
        // What else is there goes out with the same send.
        let more = iter::from_fn(|| queue.try_recv().ok());
        let lines = iter::once(first).chain(more).take(AT_ONCE);
        let lines: Vec<_> = lines.collect();
        let slices = lines.iter().map(|line| IoSlice::new(&line.text));
        let rest = &mut &mut slices.collect::<Vec<_>>()[..];
        while let Some(next) = lines.get(lines.len() - rest.len()) {
            // It may take a part (step 10): even half a line.
            let end = next.since + LIMIT;
            let length =
                timeout_at(end.into(), client.write_vectored(rest));
            IoSlice::advance_slices(rest, length.await??);
        }
    }
    Ok(())
}

/// Nobody new. The others talk on until the grace is over. Then they are taken
/// off the list, and get what is still in their queues, and the end.
async fn stop(
    (door, server): (oneshot::Sender<()>, JoinHandle<()>),
    room: &Arc<Room>,
    grace: Duration,
) {
    // (When it has ended, the listener is closed.)
    let (_, _) = (door.send(()), server.await);
    say("server", "stop", format!("{} go on", lock(room).len()));
    wait(room, grace).await;
    let left = lock(room).drain(..).len();
    say("server", "stop", format!("{left} cut off"));
    wait(room, 2 * LIMIT).await;
}

/// Until all tasks have let go of the room, or time is up.
async fn wait(room: &Arc<Room>, limit: Duration) {
    let start = Instant::now();
    while Arc::strong_count(room) > 1 && start.elapsed() < limit {
        sleep(A_MOMENT).await;
    }
}

/// Somebody, at the other end.
type Peer = BufReader<TcpStream>;

/// Connects, and says its name. (Its buffer is small: it is full soon.)
async fn enter(who: &str, server: SocketAddr) -> io::Result<Peer> {
    let peer = TcpSocket::new_v4()?;
    peer.set_recv_buffer_size(4096)?;
    let mut peer = BufReader::new(peer.connect(server).await?);
    speak(who, &mut peer, who).await?;
    hear(who, &mut peer).await?;
    Ok(peer)
}

async fn speak(who: &str, peer: &mut Peer, text: &str) -> io::Result<()> {
    say(who, "send", text);
    peer.get_mut().write_all(format!("{text}\n").as_bytes()).await
}

async fn hear(who: &str, peer: &mut Peer) -> io::Result<()> {
    let mut line = String::new();
    let length = timeout(10 * LIMIT, peer.read_line(&mut line)).await??;
    let end = "0 bytes: the server has ended it";
    say(who, "recv", if length == 0 { end } else { line.trim_end() });
    Ok(())
}

/// All ends. The address is 127.0.0.1:0.
async fn lesson(address: SocketAddr) -> Result<(), Failure> {
    let (listener, room) = (listen(address)?, Arc::default());
    // (Small as well: each client's socket has it from the listener.)
    SockRef::from(&listener).set_send_buffer_size(4096)?;
    let here = listener.local_addr()?;
    let (door, told) = oneshot::channel();
    let server = tokio::spawn(serve(listener, Arc::clone(&room), told));
    let anna = &mut enter("anna", here).await?;
    let ben = &mut enter("ben", here).await?;
    hear("anna", anna).await?;
    let _dora = enter("dora", here).await?;
    hear("anna", anna).await?;
    hear("ben", ben).await?;

    // Dora reads no more. Anna says a lot, and ben hears all of it.
    let text = "x".repeat(1000) + "\n";
    anna.get_mut().write_all(text.repeat(40).as_bytes()).await?;
    say("anna", "send", "40 lines of 1000 bytes");
    let (mut lines, mut heard) = (0, 0);
    while heard < 40 * 1007 {
        heard += ben.read_line(&mut String::new()).await?;
        lines += 1;
    }
    say("ben", "recv", format!("{lines} lines, {heard} bytes"));
    speak("ben", ben, "is dora asleep?").await?;
    hear("anna", anna).await?;

    // A second later. Then anna leaves, too, and ben stays to the end.
    hear("anna", anna).await?;
    hear("ben", ben).await?;
    anna.shutdown().await?;
    hear("anna", anna).await?;
    hear("ben", ben).await?;
    stop((door, server), &room, 30 * A_MOMENT).await;
    Ok(hear("ben", ben).await?)
}

/// With an address, the members are you. A plain thread waits for Enter.
async fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let (listener, room) = (listen(address)?, Arc::default());
    invite("server", "accept", listener.local_addr()?, &OTHERS);
    say("", "", "Then press Enter in this terminal to stop");
    let (door, told) = oneshot::channel();
    let server = tokio::spawn(serve(listener, Arc::clone(&room), told));
    let (enter, pressed) = oneshot::channel();
    thread::Builder::new().spawn(move || {
        wait_for_enter();
        enter.send(())
    })?;
    let _ = pressed.await;
    stop((door, server), &room, GRACE).await;
    Ok(())
}
