//! Step 12, TCP: the peer is gone, and the connection was reset.
//!
//! A reset ends a connection at once, and the other end sees an error. The
//! kernel sends one when a program closes and hasn't received everything, when
//! it asks for that (a linger of 0), or when bytes come for a closed socket.
//!
//! What to do: after 0 bytes, finish and close; after a reset or a broken pipe,
//! drop this conversation, and serve the next. A first send proves nothing.
//!
//! Look for: two kinds of error, a send that succeeds although nobody is
//! there, and a server that survives all of it.
//!
//! One terminal, both ends:
//!     cargo run --example 12_peer_gone_reset
//! With an address, both ends use that port, for you to watch (tcpdump, ss):
//!     cargo run --example 12_peer_gone_reset -- 127.0.0.1:8090

use std::io::{self, ErrorKind, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::{process::ExitCode, thread, time::Duration};

// Not the lesson: `run_at` reads the command line, `say` prints a line,
// `in_words` puts an error into words.
use socket_steps::{Failure, in_words, run_at, say};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

fn main() -> ExitCode {
    run_at(include_str!("12_peer_gone_reset.rs"), lesson)
}

/// Says what came of a call: how many bytes, or how the peer is gone.
///
/// The cure is to know these kinds: they end this one conversation, and no
/// other. (On Windows, BrokenPipe is ConnectionReset.)
fn tell(call: &str, result: io::Result<usize>) -> io::Result<()> {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    match result {
        Ok(length) => say("server", call, format!("{length} bytes")),
        Err(error) => match error.kind() {
            ConnectionReset | ConnectionAborted | BrokenPipe => {
                say("server", call, in_words(&error));
            }
            _ => return Err(error),
        },
    }
    Ok(())
}

/// Step 4, for each ending: connect (one line of std), accept.
fn meet(listener: &Socket) -> Result<(TcpStream, Socket), Failure> {
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    let client = TcpStream::connect(here)?;
    let (conversation, _) = listener.accept()?;
    Ok((client, conversation))
}

/// Step 6, for each ending: the client closes, because its owner is dropped.
/// Says with which linger: that is explained below.
fn close(client: TcpStream) -> Result<(), Failure> {
    let linger = SockRef::from(&client).linger()?;
    drop(client);
    say("client", "close", format!("linger {linger:?}"));
    Ok(())
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
    let mut buffer = [0; 1024];

    // The first: the client closes while bytes wait for it that it has not
    // received. (`peek` waits until they are there, and leaves them there.)
    let (client, mut conversation) = meet(&listener)?;
    tell("send", conversation.send(b"please read this"))?;
    let unread = client.peek(&mut buffer)?;
    say("client", "peek", format!("{unread} bytes"));
    close(client)?;
    tell("recv", conversation.read(&mut buffer))?;

    // The second: a linger of 0 makes `close` a reset, at any time. (`SockRef`
    // lends a socket of std's to socket2, which knows that option.)
    let (client, mut conversation) = meet(&listener)?;
    SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
    close(client)?;
    tell("recv", conversation.read(&mut buffer))?;

    // The kernel tells of an error once, to whichever call comes first. After
    // that a receive gives 0 bytes, as after a clean end. So 0 bytes alone do
    // not say that all has arrived: only your protocol can.
    tell("recv", conversation.read(&mut buffer))?;

    // The third: the client closes in good order, and the server goes on
    // sending. Its kernel takes the first bytes, since it can't know better.
    // The answer is a reset, and the next send fails: a broken pipe.
    let (client, mut conversation) = meet(&listener)?;
    close(client)?;
    tell("recv", conversation.read(&mut buffer))?;
    tell("send", conversation.send(b"are you there?"))?;

    // (On a busy machine the reset may take a moment. So: until it is there,
    // for a second at most.)
    let mut sent = conversation.send(b"hello?");
    for _ in 0..1000 {
        if sent.is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(1));
        sent = conversation.send(b"hello?");
    }
    tell("send", sent)?;

    // The next client is served as if nothing had happened.
    let (client, conversation) = meet(&listener)?;
    tell("send", conversation.send(b"welcome"))?;
    let length = client.peek(&mut buffer)?;
    say("client", "recv", format!("{length} bytes"));
    Ok(())
}
