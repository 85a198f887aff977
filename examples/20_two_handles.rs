//! Step 20, TCP: a connection with two handles.
//!
//! A handle is what a program holds of a socket. `try_clone` makes a second
//! one, for another thread perhaps. The kernel sends its FIN when the *last*
//! one is closed: until then the peer waits, and hears nothing. `shutdown` acts
//! on the connection itself, however many handles there are.
//!
//! Look for: a close of which the peer hears nothing, an end that comes at
//! once, and a thread that a close doesn't wake.
//!
//! One terminal, both ends (it takes about a second):
//!     cargo run --example 20_two_handles
//! With an address, both ends use that port, for you to watch (tcpdump):
//!     cargo run --example 20_two_handles -- 127.0.0.1:8090

use std::io::{self, ErrorKind, Read as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::{process::ExitCode, thread, time::Duration};

// Not the lesson: `run_at` reads the command line, `say` prints a line,
// `answer` puts into words what the kernel answered.
use socket_steps::{Failure, answer, run_at, say};
use socket2::{Domain, Protocol, Socket, Type};

const LIMIT: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    run_at(include_str!("20_two_handles.rs"), lesson)
}

/// Step 4, for each scene: connect (one line of std), accept.
fn meet(listener: &Socket) -> Result<(TcpStream, Socket), Failure> {
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    let client = TcpStream::connect(here)?;
    client.set_read_timeout(Some(LIMIT))?;
    let (conversation, _) = listener.accept()?;
    Ok((client, conversation))
}

/// The client receives once, for 200 ms at most (step 13).
fn hear(mut client: &TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        match client.read(&mut buffer) {
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => continue,
                ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                    say("client", "recv", format!("nothing in {LIMIT:?}"));
                }
                _ => return Err(error),
            },
            Ok(length) => say("client", "recv", format!("{length} bytes")),
        }
        return Ok(());
    }
}

/// Both ends. The address is 127.0.0.1:0, unless you give another one.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen.
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(100)?;

    // The failure: the server closes, and has a second handle. Its kernel
    // sends nothing, and the client waits.
    let (client, conversation) = meet(&listener)?;
    let second = conversation.try_clone()?;
    close(conversation)?;
    hear(&client)?;

    // The connection is as good as before: the second handle can send.
    let sent = second.send(b"still here")?;
    say("server", "send", format!("{sent} bytes"));
    hear(&client)?;

    // Now the last one is closed, and only now the client hears the end.
    close(second)?;
    hear(&client)?;

    // The cure: `shutdown`. It ends our direction, whoever has a handle, and
    // closes none of them. So the second one can't send any more, either.
    let (client, conversation) = meet(&listener)?;
    let second = conversation.try_clone()?;
    let half = Shutdown::Write;
    let ended = conversation.shutdown(half);
    say("server", "shutdown", format!("{half:?}: {}", answer(&ended)));
    hear(&client)?;
    let sent = second.send(b"one more word");
    say("server", "send", answer(&sent));
    close(conversation)?;
    close(second)?;

    // A thread waits in a receive, with a handle of its own. A close doesn't
    // wake it. (Nor in C, on Linux, where both may have the same handle.)
    let (_client, conversation) = meet(&listener)?;
    let mut second = conversation.try_clone()?;
    let third = conversation.try_clone()?;
    let reader = thread::Builder::new().spawn(move || {
        let received = second.read(&mut [0; 1024]);
        (second, received)
    })?;
    thread::sleep(LIMIT);
    close(conversation)?;
    thread::sleep(LIMIT);
    let waits = if reader.is_finished() { "is done" } else { "waits" };
    say("thread", "recv", format!("{waits} after {LIMIT:?}"));

    // `shutdown` does: its receive gives 0 bytes, as if the client had ended.
    let both = Shutdown::Both;
    let ended = third.shutdown(both);
    say("server", "shutdown", format!("{both:?}: {}", answer(&ended)));
    let (_second, received) =
        reader.join().map_err(|_| "the thread broke off")?;
    say("thread", "recv", format!("{} bytes", received?));
    Ok(())
}

/// Closes a handle: Rust does that when the owner is dropped.
fn close(handle: Socket) -> Result<(), Failure> {
    let peer = handle.peer_addr()?.as_socket().ok_or("not IP")?;
    drop(handle);
    say("server", "close", format!("a handle to {peer}"));
    Ok(())
}
