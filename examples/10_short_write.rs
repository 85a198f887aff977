//! Step 10, TCP: a send that takes only part.
//!
//! `send` copies bytes into a buffer of the kernel. When the other end does
//! not receive, that buffer gets full. A blocking `send` then waits. A
//! non-blocking one takes what fits and returns a smaller number.
//!
//! Look for: a count below the one asked for, exactly that many bytes at the
//! other end, and two ways to get the rest across.
//!
//! One terminal, both ends:
//!     cargo run --example 10_short_write
//! With an address, both ends use that port, for you to watch (tcpdump, ss):
//!     cargo run --example 10_short_write -- 127.0.0.1:8090

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::{process::ExitCode, thread, time::Duration};

// Not the lesson: `run_at` reads the command line, `say` prints a line,
// `in_words` puts an error into words.
use socket_steps::{Failure, in_words, run_at, say};
use socket2::{Domain, Protocol, Socket, Type};

/// More than the buffers of the kernel hold, in bytes.
const SIZE: usize = 8_000_000;

fn main() -> ExitCode {
    run_at(include_str!("10_short_write.rs"), lesson)
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

    // Step 4: connect (one line of std), accept. The server sends, this time.
    // (A small buffer is full sooner, on every machine.)
    let mut client = TcpStream::connect(here)?;
    let (mut conversation, _) = listener.accept()?;
    conversation.set_send_buffer_size(65_536)?;
    let message = (0..250).collect::<Vec<u8>>().repeat(SIZE / 250);

    // The failure: the client does not receive, and the server does not wait.
    // How much fits depends on the system; it is less than all. (Windows may
    // take the whole of one `send`, however long, and refuse only the next.)
    conversation.set_nonblocking(true)?;
    let mut taken = conversation.send(&message)?;
    let less = if taken < SIZE { "fewer than" } else { "all of" };
    say("server", "send", format!("{less} the {SIZE} bytes asked for"));

    // Then it takes nothing at all. `send` calls that an error, but nothing
    // is broken.
    while taken < SIZE {
        match conversation.send(&message[taken..]) {
            Ok(more) => taken += more,
            Err(error) => {
                say("server", "send", in_words(&error));
                break;
            }
        }
    }
    if taken == SIZE {
        say("server", "send", "nothing is left to send");
    }

    // Where is the rest? Here, in `message`. The kernel has never seen it. The
    // client gets exactly what was taken, and no more.
    let mut got = vec![0; taken];
    client.read_exact(&mut got)?;
    let same = if got == message[..taken] { "exactly" } else { "not" };
    say("client", "recv", format!("{same} what was taken"));
    client.set_nonblocking(true)?;
    match client.read(&mut [0; 1024]) {
        Ok(length) => say("client", "recv", format!("{length} bytes")),
        Err(error) => say("client", "recv", in_words(&error)),
    }

    // The first cure: keep the rest, and go on there when there is room again.
    // In this one thread the two take turns: the client receives everything
    // that was sent before the server sends more. So neither waits.
    client.set_nonblocking(false)?;
    while taken < SIZE {
        match conversation.send(&message[taken..]) {
            Ok(more) => taken += more,
            // (Not yet: news of the room may take a moment.)
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => Err(error)?,
        }
        let start = got.len();
        got.resize(taken, 0);
        client.read_exact(&mut got[start..])?;
    }
    let same = if got == message { "in order" } else { "garbled" };
    say("client", "recv", format!("all {} bytes, {same}", got.len()));

    // The everyday cure: stay blocking, and let `write_all` repeat `send` to
    // the end. It waits for the client, which needs a thread of its own here.
    // (`move` says that the thread takes `client` and `got` with it.)
    conversation.set_nonblocking(false)?;
    got.fill(0);
    let reader = thread::Builder::new().spawn(move || {
        let result = client.read_exact(&mut got);
        result.map(|()| got)
    })?;
    conversation.write_all(&message)?;
    say(
        "server",
        "write_all",
        format!("{} bytes, in one call", message.len()),
    );
    let result = reader.join().map_err(|_| "the thread broke off")?;
    let got = result?;
    let same = if got == message { "in order" } else { "garbled" };
    say("client", "read_exact", format!("{} bytes, {same}", got.len()));
    Ok(())
}
