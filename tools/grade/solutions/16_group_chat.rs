//! A group chat: what a member says goes to all others.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

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
        let started = match listener.accept() {
            Ok((client, _)) => {
                thread::Builder::new().spawn(move || serve(client))
            }
            Err(error) => Err(error),
        };
        if let Err(error) = started {
            eprintln!("a client is not served: {error}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// One client, from its name to its end.
fn serve(client: Socket) -> std::io::Result<()> {
    // Only for sending: it may be silent for as long as it likes.
    client.set_write_timeout(Some(Duration::from_secs(1)))?;
    // (Shared by this thread, and by the list for all the others.)
    let client = Arc::new(client);
    let mut received = BufReader::new(&*client);
    let Some(name) = next_line(&mut received)? else { return Ok(()) };

    // With the list in hand, so that nothing is said meanwhile.
    let mut members = lock();
    send(&client, &format!("* welcome {name}\n"));
    send_to_others(&members, &client, &format!("* {name} joins\n"));
    members.push(Arc::clone(&client));
    drop(members);

    // (A reset is an end as any other: no `?` from here on.)
    while let Ok(Some(text)) = next_line(&mut received) {
        send_to_others(&lock(), &client, &format!("{name}: {text}\n"));
    }

    let mut members = lock();
    members.retain(|member| !Arc::ptr_eq(member, &client));
    send_to_others(&members, &client, &format!("* {name} leaves\n"));
    Ok(())
}

/// Everybody who has been welcomed.
static MEMBERS: Mutex<Vec<Arc<Socket>>> = Mutex::new(Vec::new());

/// The list, for one thread at a time. (It is good even if a thread panicked.)
fn lock() -> MutexGuard<'static, Vec<Arc<Socket>>> {
    MEMBERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn send_to_others(
    members: &[Arc<Socket>],
    speaker: &Arc<Socket>,
    line: &str,
) {
    for member in members {
        if !Arc::ptr_eq(member, speaker) {
            send(member, line);
        }
    }
}

/// Sends a line. Who is gone, or takes nothing for a second, is put out.
fn send(mut member: &Socket, line: &str) {
    if member.write_all(line.as_bytes()).is_err() {
        // From now on a send to it fails at once, and its own thread receives
        // the end: it takes it off the list, and tells the others.
        let _ = member.shutdown(Shutdown::Both);
    }
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
