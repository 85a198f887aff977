//! Step 12, TCP: the peer is gone, in good order.
//!
//! When the peer has ended its direction, a receive gives 0 bytes. It gives
//! them at once, and every time: a loop that does not test for 0 never ends.
//! A peer that closed and one that half-closed look the same from here.
//!
//! Look for: 0 bytes three times over, and an answer that still arrives
//! after them. (12_peer_gone_reset shows the endings that are errors.)
//!
//! One terminal, both ends:
//!     cargo run --example 12_peer_gone
//! With an address, both ends use that port, for you to watch (tcpdump, ss):
//!     cargo run --example 12_peer_gone -- 127.0.0.1:8090

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::ExitCode;

// Not the lesson: `run_at` reads the command line, `say` prints a line,
// `answer` puts into words what the kernel answered.
use socket_steps::{Failure, answer, run_at, say};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run_at(include_str!("12_peer_gone.rs"), lesson)
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
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;

    // Step 4: connect (one line of std), accept.
    let mut client = TcpStream::connect(here)?;
    let (mut conversation, _) = listener.accept()?;
    let mut buffer = [0; 1024];

    // The first ending, a clean close: the client sends, closes, is gone.
    let sent = client.write(b"bye")?;
    say("client", "send", format!("{sent} bytes"));
    close("client", client)?;

    // The failure: nobody tests for 0. What was sent comes first, and then 0
    // bytes without end. A loop without this bound would never end.
    for _ in 0..4 {
        let length = conversation.read(&mut buffer)?;
        say("server", "recv", format!("{length} bytes"));
    }

    // The second ending, a half-close: the client says that it has sent all,
    // and waits for the answer.
    let mut client = TcpStream::connect(here)?;
    let (mut conversation, _) = listener.accept()?;
    let sent = client.write(b"1 + 1 =")?;
    say("client", "send", format!("{sent} bytes"));
    let half = Shutdown::Write;
    let ended = client.shutdown(half);
    say("client", "shutdown", format!("{half:?}: {}", answer(&ended)));

    // The cure: test for 0. It means that no more will come, but somebody may
    // still be there. So: leave the loop, send what you still have to send,
    // then close. A client that waits gets its answer; for one that has
    // closed, the send fails sooner or later, and you can ignore that.
    loop {
        let length = conversation.read(&mut buffer)?;
        say("server", "recv", format!("{length} bytes"));
        if length == 0 {
            break;
        }
    }
    let sent = conversation.send(b"2")?;
    say("server", "send", format!("{sent} byte, the answer"));
    close("server", conversation.into())?;

    // The client reads to the end, too: `read_to_end` is a loop that tests.
    let mut answer = Vec::new();
    let length = client.read_to_end(&mut answer)?;
    say("client", "recv", format!("{length} byte, then the end"));
    Ok(())
}

/// Closes a socket: Rust does that when the owner is dropped.
fn close(who: &str, socket: TcpStream) -> Result<(), Failure> {
    let local = socket.local_addr()?;
    drop(socket);
    say(who, "close", local);
    Ok(())
}
