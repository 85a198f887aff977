//! Step 6, TCP: close.
//!
//! A connection has two directions, and each ends by itself. `shutdown` says
//! "I have sent everything" and keeps the other direction open: a half-close.
//! Closing the socket ends both, and gives its descriptor back.
//!
//! Look for: 0 bytes, which is how the other end learns of it; a message that
//! still comes through after that; and a descriptor number that comes back.
//!
//! One terminal, both ends:
//!     cargo run --example 06_close
//! Two terminals, the client is you (type a line, then Ctrl-D or Ctrl-C):
//!     cargo run --example 06_close -- 127.0.0.1:8090
//!     nc 127.0.0.1 8090

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::ExitCode;

// Not the lesson: `say` prints a line, `during` names a call that failed.
use socket_steps::{
    ANY_PORT, During, Failure, NOT_IP, descriptor, invite, nc, run, say,
};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("06_close.rs"), lesson)
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

    // Step 4: a client connects (you, or one line of std), accept it.
    let mut client = match given {
        Some(_) => {
            invite("server", "accept", &[nc(here)]);
            None
        }
        None => Some(TcpStream::connect(here).during("connect", here)?),
    };
    let (conversation, peer) = listener.accept().during("accept", here)?;
    let peer = peer.as_socket().ok_or(NOT_IP)?;
    let number = descriptor(&conversation);
    say("server", "accept", format!("descriptor {number}"));

    // Step 5: send. Step 6, the first half: nothing will follow.
    let sent = conversation.send(b"goodbye").during("send", peer)?;
    say("server", "send", format!("{sent} bytes"));
    conversation.shutdown(Shutdown::Write).during("shutdown", peer)?;
    say("server", "shutdown", "done sending, still receiving");

    // The client receives what was sent, then 0 bytes: the end of that
    // direction. The other one still works. Then the client ends it, too.
    let mut buffer = [0; 1024];
    if let Some(client) = &mut client {
        for _ in 0..2 {
            let length = client.read(&mut buffer).during("recv", here)?;
            say("client", "recv", format!("{length} bytes"));
        }
        let sent = client.write(b"you too").during("send", here)?;
        say("client", "send", format!("{sent} bytes"));
        client.shutdown(Shutdown::Write).during("shutdown", here)?;
        say("client", "shutdown", "done sending, too");
    } else {
        say("server", "recv", "waits for a line, then for your end");
    }

    // The server receives until the client's end: until 0 bytes.
    let mut length = 1;
    while length > 0 {
        length = (&conversation).read(&mut buffer).during("recv", peer)?;
        say("server", "recv", format!("{length} bytes"));
    }

    // Step 6, whole: close. In Rust that is `drop`, or the end of the scope.
    // The kernel takes the descriptor back. On Linux and macOS the next socket
    // gets the lowest free number, which is this one; Windows promises none.
    drop(conversation);
    say("server", "close", format!("descriptor {number} is given back"));
    if cfg!(unix) {
        let next = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
            .during("socket", None)?;
        let number = descriptor(&next);
        say("server", "socket", format!("descriptor {number}, a new one"));
    }
    Ok(())
}
