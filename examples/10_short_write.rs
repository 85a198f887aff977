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
use std::process::ExitCode;
use std::thread;

use socket_steps::{ANY_PORT, During, Failure, NOT_IP, in_words, run, say};
use socket2::{Domain, Protocol, Socket, Type};

/// More than the buffers of the kernel hold, in bytes.
const SIZE: usize = 8_000_000;

fn main() -> ExitCode {
    run(include_str!("10_short_write.rs"), lesson)
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

    // Step 4: connect (one line of std), accept. The server sends, this time.
    let mut client = TcpStream::connect(here).during("connect", here)?;
    let (socket, peer) = listener.accept().during("accept", here)?;
    let peer = peer.as_socket().ok_or(NOT_IP)?;
    let message = (0..250).collect::<Vec<u8>>().repeat(SIZE / 250);
    // (A small buffer is full sooner, on every machine.)
    socket.set_send_buffer_size(65_536).during("set_sndbuf", None)?;

    // The failure: the client does not receive, and the server does not wait.
    // How much fits depends on the system; it is less than all. (Windows may
    // take the whole of one `send`, however long, and refuse only the next.)
    socket.set_nonblocking(true).during("set_nonblocking", None)?;
    let mut taken = socket.send(&message).during("send", peer)?;
    let less = if taken < SIZE { "fewer than" } else { "all of" };
    say("server", "send", format!("{less} the {SIZE} bytes asked for"));

    // Then it takes nothing at all. That is an error to `send`, and no harm.
    let error = loop {
        match socket.send(&message[taken..]) {
            Ok(0) => {
                say("server", "send", "nothing is left to send");
                return Ok(());
            }
            Ok(more) => taken += more,
            Err(error) => break error,
        }
    };
    say("server", "send", in_words(&error));

    // Where is the rest? Here, in `message`. The kernel has not seen it, and
    // the client gets what was taken, to the byte, and no more.
    let mut got = vec![0; taken];
    client.read_exact(&mut got).during("recv", here)?;
    say("client", "recv", "exactly as many bytes as were taken");
    client.set_nonblocking(true).during("set_nonblocking", None)?;
    if let Err(error) = client.read(&mut [0; 1024]) {
        say("client", "recv", in_words(&error));
    }

    // The first cure: keep the rest, and go on there when there is room again.
    // In this one thread the two ends take turns.
    let mut buffer = [0; 65536];
    while got.len() < SIZE {
        match socket.send(&message[taken..]) {
            Ok(more) => taken += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => Err(error).during("send", peer)?,
        }
        match client.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => got.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => Err(error).during("recv", here)?,
        }
    }
    let same = if got == message { "in order" } else { "garbled" };
    say("client", "recv", format!("all {SIZE} bytes, {same}"));

    // The everyday cure: stay blocking, and let `write_all` repeat `send` to
    // the end. It waits for the client, who needs a thread of its own here.
    socket.set_nonblocking(false).during("set_nonblocking", None)?;
    client.set_nonblocking(false).during("set_nonblocking", None)?;
    let reader = thread::spawn(move || client.read_exact(&mut got));
    (&socket).write_all(&message).during("send", peer)?;
    say("server", "write_all", format!("{SIZE} bytes, in one call"));
    if let Ok(result) = reader.join() {
        result.during("recv", here)?;
        say("client", "read_exact", format!("{SIZE} bytes, too"));
    }
    Ok(())
}
