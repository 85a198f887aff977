//! Step 3, TCP: listen.
//!
//! A bound socket has an address, but doesn't answer. `listen` opens it: from
//! now on the kernel does the handshakes with clients by itself (the packets
//! that open a connection), and puts each new connection into a queue. The
//! backlog is the room in that queue.
//!
//! Look for: the same `connect`, refused before `listen` and successful after
//! it, even though this program never calls `accept`.
//!
//! One terminal, both ends:
//!     cargo run --example 03_listen
//! Two terminals, the client is you (nc stays open: it is connected; Enter in
//! the first terminal ends it):
//!     cargo run --example 03_listen -- 127.0.0.1:8090
//!     nc 127.0.0.1 8090

use std::io::Write as _; // for `write`; `as _`: we do not use the name
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;

// Not the lesson: `run` reads the command line, `say` prints a line,
// `answer` puts into words what the kernel answered.
use socket_steps::{Failure, answer, invite, run, say, wait_for_enter};
use socket2::{Domain, Protocol, Socket, Type};

/// How many connections may wait in the queue.
const BACKLOG: i32 = 100;

fn main() -> ExitCode {
    run(include_str!("03_listen.rs"), lesson, with_you)
}

/// Both ends. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 and 2: create, bind. (`here` is the address that it got.)
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    listener.bind(&address.into())?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    say("server", "bind", here);

    // A client tries too early. (It is std's TcpStream: one line is enough
    // for the end that isn't the lesson. Windows keeps trying for two seconds.)
    let early = TcpStream::connect(here);
    say("client", "connect", answer(&early));

    // Step 3: listen, with a backlog of 100. The call tells the kernel to
    // answer clients. It returns at once, and doesn't wait for anybody.
    let open = listener.listen(BACKLOG);
    say(
        "server",
        "listen",
        format!("backlog {BACKLOG}: {}", answer(&open)),
    );

    // A client tries again. Its kernel and ours do the handshake. Ours keeps
    // what the client sends until somebody calls `accept`.
    let mut client = TcpStream::connect(here)?;
    let local = client.local_addr()?;
    say("client", "connect", format!("connected, from {local}"));
    let sent = client.write(b"hello")?;
    say("client", "send", format!("{sent} bytes"));
    Ok(())
}

/// With an address, the client is you.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8. The
    // line below it is compiled on Linux and macOS only.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    say("server", "bind", here);
    let open = listener.listen(BACKLOG);
    say(
        "server",
        "listen",
        format!("backlog {BACKLOG}: {}", answer(&open)),
    );
    invite("server", "listen", here, &["nc", "04_connect"]);
    say("", "", "Then press Enter in this terminal to end");
    wait_for_enter();
    Ok(())
}
