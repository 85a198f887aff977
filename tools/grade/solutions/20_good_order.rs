//! A server that answers a number with as many bytes. When its standard input
//! ends it stops, in good order: nobody loses an answer.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

/// Whoever waits looks at STOP so often.
const A_MOMENT: Duration = Duration::from_millis(20);
/// So long a client may go on speaking after its answer.
const DRAIN: Duration = Duration::from_secs(1);
/// So long a client may take nothing of its answer.
const TOO_SLOW: Duration = Duration::from_secs(10);
/// So much time all of them have after the stop.
const GRACE: Duration = Duration::from_secs(2);

static STOP: AtomicBool = AtomicBool::new(false);

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
    listener.set_nonblocking(true)?;
    println!("ready");
    Builder::new().spawn(wait_for_the_end_of_input)?;

    // `accept` doesn't wait, so that the stop is seen in time.
    let mut talks = Vec::new();
    while !STOP.load(Ordering::SeqCst) {
        if !accept(&listener, &mut talks)? {
            sleep(A_MOMENT);
        }
        talks.retain(|talk| !talk.is_finished());
    }

    // Who is in the queue has come in time. Then nobody new: refused.
    while accept(&listener, &mut talks)? {}
    drop(listener);

    // Each ends by itself. Who hasn't by then is cut off by our end.
    let stopped = Instant::now();
    while !talks.is_empty() && stopped.elapsed() < GRACE {
        sleep(A_MOMENT);
        talks.retain(|talk| !talk.is_finished());
    }
    Ok(())
}

fn wait_for_the_end_of_input() {
    // (An error is an end, too.)
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    STOP.store(true, Ordering::SeqCst);
}

/// Starts a thread for the next client. `false`: there is none just now.
fn accept(listener: &Socket, talks: &mut Vec<JoinHandle<()>>) -> std::io::Result<bool> {
    let client = match listener.accept() {
        Ok((client, _)) => client,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
        // It doesn't listen: that lasts. (On macOS, socket2 says the same of a
        // client that has gone.)
        Err(error)
            if error.kind() == ErrorKind::InvalidInput && !cfg!(target_os = "macos") =>
        {
            return Err(error);
        }
        // What passes is no reason to end: too many open files, say.
        Err(error) => {
            eprintln!("accept: {error}");
            return Ok(false);
        }
    };
    let serve = move || drop(serve(client));
    match Builder::new().spawn(serve) {
        Ok(talk) => talks.push(talk),
        Err(error) => eprintln!("a client is not served: {error}"),
    }
    Ok(true)
}

/// One client. A `?` ends this conversation, and no other.
fn serve(mut client: Socket) -> std::io::Result<()> {
    // (On macOS and Windows it is non-blocking, like the listener.)
    client.set_nonblocking(false)?;
    client.set_read_timeout(Some(A_MOMENT))?;
    client.set_write_timeout(Some(TOO_SLOW))?;
    if let Some(number) = read_number(&mut client)? {
        client.write_all(&vec![b'x'; number])?;
    }
    // In this order: shut down, drain, close.
    client.shutdown(Shutdown::Write)?;
    drain(client)
}

/// The number in the first line. `None`: there is no line, or the server stops
/// and it isn't whole. What has come by then counts: it is received first.
fn read_number(client: &mut Socket) -> std::io::Result<Option<usize>> {
    let (mut line, mut buffer) = (Vec::new(), [0; 1024]);
    loop {
        match client.read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(length) => line.extend(&buffer[..length]),
            Err(error) if is_nothing_yet(&error) => {
                if STOP.load(Ordering::SeqCst) {
                    return Ok(None);
                }
            }
            Err(error) => return Err(error),
        }
        // What is behind the line is nobody's affair.
        if let Some(end) = line.iter().position(|byte| *byte == b'\n') {
            let text = String::from_utf8_lossy(&line[..end]);
            let number = text.trim().parse().ok();
            return Ok(number.filter(|number| *number <= 1_000_000));
        }
        if line.len() > 100 {
            return Ok(None);
        }
    }
}

/// Receives, and throws away, until the client has ended its direction; or
/// until its time is up, however often it speaks. Then it is closed.
fn drain(mut client: Socket) -> std::io::Result<()> {
    let start = Instant::now();
    while start.elapsed() < DRAIN {
        match client.read(&mut [0; 4096]) {
            Ok(0) => break,
            Err(error) if !is_nothing_yet(&error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The limit of a receive is over (on Windows: TimedOut), or a signal came.
fn is_nothing_yet(error: &std::io::Error) -> bool {
    use ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}
