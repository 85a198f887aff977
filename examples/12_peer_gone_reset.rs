//! Step 12, TCP: the peer is gone, and the connection was reset.
//!
//! A reset is the end without good order, and an error for who learns of it.
//! The kernel sends one when a program closes and has not received all, when
//! it asks for that (a linger of 0), or when bytes come for a closed socket.
//!
//! What to do: after 0 bytes, finish and close; after a reset or a broken pipe,
//! drop this conversation, and serve the next. A first send proves nothing.
//!
//! Look for: two kinds of error, a send that succeeds although nobody is
//! there, and a server that outlives it all.
//!
//! One terminal, both ends:
//!     cargo run --example 12_peer_gone_reset
//! With an address, both ends use that port, for you to watch (tcpdump, ss):
//!     cargo run --example 12_peer_gone_reset -- 127.0.0.1:8090

use std::io::{self, ErrorKind, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use socket_steps::{ANY_PORT, During, Failure, NOT_IP, in_words, run, say};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("12_peer_gone_reset.rs"), lesson)
}

/// Says what came of a call: how many bytes, or how the peer is gone.
///
/// The cure is to know these kinds: they end this one conversation, and leave
/// all others alone. (On Windows, BrokenPipe is ConnectionReset.)
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

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen.
    let address = given.unwrap_or(ANY_PORT);
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
        .during("socket", None)?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true).during("set_reuse_address", None)?;
    listener.bind(&address.into()).during("bind", address)?;
    listener.listen(100).during("listen", address)?;
    let here = listener.local_addr().during("local_addr", None)?;
    let here = here.as_socket().ok_or(NOT_IP)?;

    // Step 4, for each ending: connect (one line of std), accept.
    let meet = || -> Result<(TcpStream, Socket), Failure> {
        let client = TcpStream::connect(here).during("connect", here)?;
        let (socket, _) = listener.accept().during("accept", here)?;
        Ok((client, socket))
    };
    let mut buffer = [0; 1024];

    // The first: the client closes while bytes wait for it that it has not
    // received. (`peek` waits until they are there, and leaves them there.)
    let (client, socket) = meet()?;
    tell("send", socket.send(b"please read this")).during("send", here)?;
    client.peek(&mut buffer).during("peek", here)?;
    drop(client);
    say("client", "close", "without having received them");
    tell("recv", (&socket).read(&mut buffer)).during("recv", here)?;

    // The second: a linger of 0 makes `close` a reset, at any time.
    let (client, socket) = meet()?;
    SockRef::from(&client)
        .set_linger(Some(Duration::ZERO))
        .during("set_linger", None)?;
    drop(client);
    say("client", "close", "with a linger of 0");
    tell("recv", (&socket).read(&mut buffer)).during("recv", here)?;

    // The third: the client closes in good order, the server goes on sending.
    // The kernel takes the first bytes, for it cannot know better. They are
    // answered by a reset, and the next send fails: a broken pipe.
    let (client, socket) = meet()?;
    drop(client);
    say("client", "close", "in good order");
    tell("recv", (&socket).read(&mut buffer)).during("recv", here)?;
    tell("send", socket.send(b"are you there?")).during("send", here)?;

    // (On a busy machine the reset may take a moment. So: until it is there.)
    let error = loop {
        if let Err(error) = socket.send(b"hello?") {
            break error;
        }
    };
    tell("send", Err(error)).during("send", here)?;

    // The next client is served as if nothing had happened.
    let (client, socket) = meet()?;
    tell("send", socket.send(b"welcome")).during("send", here)?;
    client.peek(&mut buffer).during("peek", here)?;
    Ok(())
}
