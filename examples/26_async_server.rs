//! Step 26, TCP: one thread, and a task for each conversation.
//!
//! A task is like a thread, but costs next to nothing. Where one would wait in
//! the kernel, a task has `.await`: if there is nothing yet, it gives the
//! thread back, and another task goes on. A runtime (here tokio) waits for all
//! their sockets at once, and calls each task again when its socket is ready.
//!
//! Look for: a client for whom there is no place; one that half-closes, and
//! gets its answer; a silent one; and a stop, after which nobody new is served.
//!
//! One terminal, all ends (it waits half a second, three times):
//!     cargo run --example 26_async_server
//! The chat of step 7 for thousands at once, until you press Enter:
//!     cargo run --example 26_async_server -- 127.0.0.1:8090
//!     cargo run --example 25_keyboard -- 127.0.0.1:8090

use std::net::{Shutdown, SocketAddr, TcpStream as Queued};
use std::{io, process::ExitCode, thread, time::Duration};

// Not the lesson: `run` reads the command line, `say` prints a line, `at`
// puts the address into an error.
use socket_steps::{
    At, Failure, answer, in_words, invite, run, say, wait_for_enter,
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio::{runtime::Builder, select, sync::oneshot, task::JoinSet};

/// More than most systems let a program open (`ulimit -n`): see `next_client`.
const PLACES: usize = 10_000;
const BACKLOG: i32 = 4096;
const A_WHILE: Duration = Duration::from_millis(500);
const A_SECOND: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_secs(5);
const SOON: Duration = Duration::from_secs(10);
const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// All conversations that go on, and what becomes of each.
type Talks = JoinSet<io::Result<()>>;

fn main() -> ExitCode {
    run(
        include_str!("26_async_server.rs"),
        |address| in_a_runtime(lesson(address)),
        |address| in_a_runtime(with_you(address)),
    )
}

/// The runtime: it runs `work`, and each task that this starts, in the one
/// thread that calls `block_on`. When none of them can go on, that thread
/// waits in the kernel, for all their sockets and timers together. (What
/// `#[tokio::main]` writes for you is this, with a thread for each processor.)
fn in_a_runtime(
    work: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work)
}

/// Steps 1 to 3: create, bind, listen. And then non-blocking, which tokio does
/// not do for a socket that it is given: `accept` would stop everybody.
fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into()).at(address)?;
    listener.listen(BACKLOG)?;
    listener.set_nonblocking(true)?;
    Ok(TcpListener::from_std(listener.into())?)
}

/// Step 4: accept. No failure ends the server: it says what happened, waits a
/// little, and tries again. (Here only this task sleeps, and no thread.)
async fn next_client(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((client, _)) => return client,
            Err(error) => say("server", "accept", in_words(&error)),
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Steps 5 and 6: the conversation of step 7, as 16_one_at_a_time has it. Each
/// `.await` is a place where this task may give the thread back. What it needs
/// later is kept in the task until then: most of that is the buffer.
async fn converse(
    mut client: TcpStream,
    silence: Duration,
) -> io::Result<()> {
    timeout(A_SECOND, client.write_all(b"Hello, client!")).await??;
    let mut buffer = [0; 1024];
    loop {
        // Two ways to fail: the time is up, or the receive says so.
        let length = timeout(silence, client.read(&mut buffer)).await??;
        // A client that has half-closed has all its answers by now.
        if length == 0 {
            return Ok(());
        }
        let text = &buffer[..length];
        let reply = [b"Server received: ", text].concat();
        timeout(A_SECOND, client.write_all(&reply)).await??;
        if matches!(text, b"quit" | b"quit\n" | b"quit\r\n") {
            return Ok(());
        }
    }
}

/// A task for each conversation, and a bound on them. `select!` waits for
/// three things at once, does what comes first, and drops the other two. (So
/// these must not lose anything by that: see 26_cancelled.) While there is no
/// place, it doesn't accept: who comes waits in the kernel's queue.
async fn serve(
    listener: TcpListener,
    places: usize,
    silence: Duration,
    mut stop: oneshot::Receiver<()>,
) -> (Talks, Vec<Queued>) {
    let mut talks = JoinSet::new();
    loop {
        select! {
            _ = &mut stop => break,
            // One has ended, in whatever way. Its place is free.
            Some(_) = talks.join_next() => {}
            client = next_client(&listener), if talks.len() < places => {
                talks.spawn(converse(client, silence));
            }
        }
    }

    // Who is still in the queue is told that nothing will come: step 16. (The
    // runtime may not have heard of them. This asks the kernel itself.)
    let mut too_late = Vec::new();
    if let Ok(queue) = listener.into_std() {
        for _ in 0..BACKLOG {
            match queue.accept() {
                Ok((client, _)) => {
                    let _ = client.shutdown(Shutdown::Write);
                    too_late.push(client);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => too_late.clear(),
            }
        }
    }
    while talks.try_join_next().is_some() {}
    (talks, too_late)
}

/// The conversations may end by themselves. Those that haven't when the grace
/// is over are dropped, wherever they wait, and with each its socket. Returns
/// how many those were.
async fn end(mut talks: Talks, grace: Duration) -> usize {
    let all = async { while talks.join_next().await.is_some() {} };
    let _ = timeout(grace, all).await;
    let cut_off = talks.len();
    talks.shutdown().await;
    cut_off
}

/// A client receives, for as long as `limit`.
async fn hear(
    who: &str,
    client: &mut TcpStream,
    limit: Duration,
) -> io::Result<()> {
    let mut buffer = [0; 1024];
    match timeout(limit, client.read(&mut buffer)).await {
        Err(_) => say(who, "recv", format!("nothing in {limit:?}")),
        Ok(Ok(0)) => say(who, "recv", "0 bytes: the server has ended it"),
        Ok(Ok(n)) => {
            say(who, "recv", String::from_utf8_lossy(&buffer[..n]));
        }
        Ok(Err(error)) => return Err(error),
    }
    Ok(())
}

/// All ends, in one thread. The address is 127.0.0.1:0.
async fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Two places, three clients. The server is a task, too: it runs while
    // this one waits.
    let listener = listen(address)?;
    let here = listener.local_addr()?;
    let (tell, stop) = oneshot::channel();
    let server = tokio::spawn(serve(listener, 2, FIVE_MINUTES, stop));
    say("server", "serve", "2 at a time");
    let mut anna = TcpStream::connect(here).await?;
    hear("anna", &mut anna, SOON).await?;
    let mut ben = TcpStream::connect(here).await?;
    hear("ben", &mut ben, SOON).await?;
    let mut carl = TcpStream::connect(here).await?;
    hear("carl", &mut carl, A_WHILE).await?;

    // Anna sends her last word, and the end: carl gets her place.
    let sent = anna.write(b"bye").await?;
    say("anna", "send", format!("{sent} bytes"));
    anna.shutdown().await?;
    say("anna", "shutdown", "nothing more will come");
    hear("anna", &mut anna, SOON).await?;
    hear("anna", &mut anna, SOON).await?;
    hear("carl", &mut carl, SOON).await?;

    // The stop: nobody new is served, and who is being served has some time.
    let _ = tell.send(());
    let (talks, _) = server.await.map_err(|_| "the server broke off")?;
    say("server", "stop", format!("{} conversations go on", talks.len()));
    let dora = TcpStream::connect(here).await;
    say("dora", "connect", answer(&dora));
    let sent = ben.write(b"quit").await?;
    say("ben", "send", format!("{sent} bytes"));
    hear("ben", &mut ben, SOON).await?;
    let cut_off = end(talks, A_WHILE).await;
    say("server", "stop", format!("{cut_off} cut off after {A_WHILE:?}"));
    hear("carl", &mut carl, SOON).await?;

    // One place, and a client that says nothing: it loses the place in time.
    let listener = listen(address)?;
    let here = listener.local_addr()?;
    let (_tell, stop) = oneshot::channel();
    tokio::spawn(serve(listener, 1, A_WHILE, stop));
    say("server", "serve", format!("{A_WHILE:?} of silence at most"));
    let mut erik = TcpStream::connect(here).await?;
    hear("erik", &mut erik, SOON).await?;
    let mut fay = TcpStream::connect(here).await?;
    hear("fay", &mut fay, SOON).await?;
    Ok(hear("erik", &mut erik, SOON).await?)
}

/// With an address, the clients are you. A plain thread waits for Enter. (A
/// thread of tokio, which `tokio::io::stdin` takes, would keep the runtime from
/// ending until Enter is pressed, even if something else has stopped it.)
async fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let listener = listen(address)?;
    let here = listener.local_addr()?;
    say("server", "serve", format!("{PLACES} at a time"));
    invite("server", "accept", here, &["nc", "25_keyboard"]);
    say("", "", "Then press Enter in this terminal to stop");
    let (tell, stop) = oneshot::channel();
    let enter = move || {
        wait_for_enter();
        let _ = tell.send(());
    };
    thread::Builder::new().spawn(enter)?;
    let (talks, _too_late) =
        serve(listener, PLACES, FIVE_MINUTES, stop).await;
    let number = talks.len();
    say("server", "stop", format!("{number} go on, for {GRACE:?} at most"));
    let cut_off = end(talks, GRACE).await;
    say("server", "stop", format!("{cut_off} cut off"));
    Ok(())
}
