//! Step 6, TCP: close.
//!
//! A connection has two directions, and each ends by itself. `shutdown` says
//! "I have sent everything" and keeps the other direction open: a half-close.
//! Closing the socket ends both, and gives its descriptor back.
//!
//! Look for: 0 bytes, which is how the other end finds out; a message that
//! still gets through after that; and a descriptor number that comes back.
//!
//! One terminal, both ends:
//!     cargo run --example 06_close
//! Two terminals, the client is you (type a line, then Ctrl-C):
//!     cargo run --example 06_close -- 127.0.0.1:8090
//!     nc 127.0.0.1 8090

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::ExitCode;

// Not the lesson: `run` reads the command line, `say` prints a line,
// `answer` puts into words what the kernel answered.
use socket_steps::{Failure, answer, descriptor, invite, run, say};
use socket2::{Domain, Protocol, Socket, Type};

const BACKLOG: i32 = 100;

/// What `shutdown` ends: our sending. We can still receive.
const DIRECTION: Shutdown = Shutdown::Write;

fn main() -> ExitCode {
    run(include_str!("06_close.rs"), lesson, with_you)
}

/// Both ends. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen.
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    listener.bind(&address.into())?;
    listener.listen(BACKLOG)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;

    // Step 4: a client connects (one line of std), accept it.
    let mut client = TcpStream::connect(here)?;
    let (mut conversation, _) = listener.accept()?;
    let number = descriptor(&conversation);
    say("server", "accept", format!("descriptor {number}"));

    // Step 5: send. Step 6, the first half: nothing will follow.
    let sent = conversation.send(b"goodbye")?;
    say("server", "send", format!("{sent} bytes"));
    let ended = conversation.shutdown(DIRECTION);
    say("server", "shutdown", format!("{DIRECTION:?}: {}", answer(&ended)));

    // The client receives what was sent, then 0 bytes: the end of that
    // direction. The other one still works. Then the client ends it, too.
    let mut buffer = [0; 1024];
    for _ in 0..2 {
        let length = client.read(&mut buffer)?;
        say("client", "recv", format!("{length} bytes"));
    }
    let sent = client.write(b"you too")?;
    say("client", "send", format!("{sent} bytes"));
    let ended = client.shutdown(DIRECTION);
    say("client", "shutdown", format!("{DIRECTION:?}: {}", answer(&ended)));

    // The server receives until the client's end: until 0 bytes.
    loop {
        let length = conversation.read(&mut buffer)?;
        say("server", "recv", format!("{length} bytes"));
        if length == 0 {
            break;
        }
    }

    // Step 6, whole: close. The kernel takes everything back.
    close(conversation)
}

/// Step 6, whole: close. In Rust that is `drop`, or the end of the scope. The
/// kernel takes the descriptor back. On Linux and macOS the next socket gets
/// the lowest free number, which is this one; Windows promises none.
fn close(conversation: Socket) -> Result<(), Failure> {
    let number = descriptor(&conversation);
    drop(conversation);
    if cfg!(unix) {
        let next = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        let again = descriptor(&next);
        let free = if again == number { "free" } else { "not free" };
        say("server", "close", format!("descriptor {number} is {free}"));
        say("server", "socket", format!("descriptor {again}, a new one"));
    }
    Ok(())
}

/// With an address, the client is you.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(BACKLOG)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    invite("server", "accept", here, &["nc"]);
    let (mut conversation, _) = listener.accept()?;
    let number = descriptor(&conversation);
    say("server", "accept", format!("descriptor {number}"));

    let sent = conversation.send(b"goodbye")?;
    say("server", "send", format!("{sent} bytes"));
    let ended = conversation.shutdown(DIRECTION);
    say("server", "shutdown", format!("{DIRECTION:?}: {}", answer(&ended)));
    say("server", "recv", "waits for a line, then for your end");
    let mut buffer = [0; 1024];
    loop {
        let length = conversation.read(&mut buffer)?;
        say("server", "recv", format!("{length} bytes"));
        if length == 0 {
            break;
        }
    }

    close(conversation)
}
