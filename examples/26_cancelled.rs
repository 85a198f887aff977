//! Step 26, TCP: what is lost when a task's wait is given up.
//!
//! `timeout` and `select!` end a wait by dropping it: that is cancellation.
//! What `read_exact` has received by then goes with it, and so does the number
//! of bytes that `write_all` has sent. The cure: what must last is not kept
//! in what is dropped.
//!
//! Look for: a length of 5 that is read as 354405; and a sender that doesn't
//! know how much of its message is on its way.
//!
//! One terminal, both ends (it waits 300 ms, four times):
//!     cargo run --example 26_cancelled
//! With an address, both ends use that port, for you to watch (tcpdump, ss):
//!     cargo run --example 26_cancelled -- 127.0.0.1:8090

use std::net::SocketAddr;
use std::{io, process::ExitCode, time::Duration};

// Not the lesson: `run_at` reads the command line, `say` prints a line, `at`
// puts the address into an error.
use socket_steps::{At, Failure, run_at, say};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{error::Elapsed, timeout};
use tokio::{join, runtime::Builder};

const SHORT: Duration = Duration::from_millis(300);

/// More than the buffers of the kernel hold, in bytes: see step 10.
const SIZE: usize = 20_000_000;

/// The longest message of step 9.
const LIMIT: usize = 1024;

fn main() -> ExitCode {
    run_at(include_str!("26_cancelled.rs"), |address| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(lesson(address))
    })
}

/// Steps 1 to 4: a connection, and both its ends.
async fn pair(
    address: SocketAddr,
) -> Result<(TcpStream, TcpStream), Failure> {
    let listener = TcpListener::bind(address).await.at(address)?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (server, _) = listener.accept().await?;
    Ok((client, server))
}

/// The cure, receiver: all that was received is in `kept`, which belongs to
/// the caller. This wait may be dropped at its `.await`, and begun anew, as
/// often as one likes: `read_buf` has added what came, or has taken nothing.
/// (The documentation calls that "cancel safe".) A frame is that of step 9.
async fn next_frame(
    server: &mut TcpStream,
    kept: &mut Vec<u8>,
) -> io::Result<Vec<u8>> {
    loop {
        if let Some((length, rest)) = kept.split_first_chunk() {
            let length = u32::from_be_bytes(*length) as usize;
            if length > LIMIT {
                return Err(io::Error::other("the limit is 1024 bytes"));
            }
            if let Some(message) = rest.get(..length) {
                let message = message.to_vec();
                // What is behind it belongs to the next one.
                kept.drain(..4 + length);
                return Ok(message);
            }
        }
        if server.read_buf(kept).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The cure, sender: how much was sent is in `sent`, which belongs to the
/// caller. (A `write` that is dropped has sent nothing.)
async fn send_rest(
    client: &mut TcpStream,
    data: &[u8],
    sent: &mut usize,
) -> io::Result<()> {
    while *sent < data.len() {
        *sent += client.write(&data[*sent..]).await?;
    }
    client.shutdown().await
}

fn ended<T>(result: &Result<T, Elapsed>) -> String {
    let how = if result.is_err() { "dropped after" } else { "done in" };
    format!("{how} {SHORT:?}")
}

async fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // The failure, receiver: half of a length comes, and then nothing in time.
    let (mut client, mut server) = pair(address).await?;
    let mut length = [0; 4];
    client.write_all(b"\0\0").await?;
    say("client", "send", "2 bytes of a length");
    let receive = server.read_exact(&mut length);
    let result = timeout(SHORT, receive).await;
    say("server", "read_exact", ended(&result));

    // The rest comes. The server begins anew, in the middle of the length.
    client.write_all(b"\0\x05hello").await?;
    say("client", "send", "the other 2, and 5 bytes of text");
    server.read_exact(&mut length).await?;
    let read = u32::from_be_bytes(length);
    say("server", "read_exact", format!("a length of {read}"));

    // The cure: the same again, with `next_frame`.
    let (mut client, mut server) = pair(address).await?;
    let mut kept = Vec::new();
    client.write_all(b"\0\0").await?;
    say("client", "send", "2 bytes of a length");
    let receive = next_frame(&mut server, &mut kept);
    let result = timeout(SHORT, receive).await;
    say("server", "next_frame", ended(&result));
    say("server", "kept", format!("{} bytes", kept.len()));
    client.write_all(b"\0\x05hello").await?;
    say("client", "send", "the other 2, and 5 bytes of text");
    let message = next_frame(&mut server, &mut kept).await?;
    say("server", "next_frame", String::from_utf8_lossy(&message));

    // The failure, sender: nobody receives, so not all of it can be sent.
    let (mut client, mut server) = pair(address).await?;
    let data = (0..250).collect::<Vec<u8>>().repeat(SIZE / 250);
    let result = timeout(SHORT, client.write_all(&data)).await;
    say("client", "write_all", ended(&result));
    client.shutdown().await?;
    let mut got = Vec::new();
    server.read_to_end(&mut got).await?;
    let much = if got.len() < SIZE { "fewer than" } else { "all" };
    say("server", "recv", format!("{much} the {SIZE} bytes"));

    // The cure: the sender counts, and goes on where it was.
    let (mut client, mut server) = pair(address).await?;
    let mut sent = 0;
    let send = send_rest(&mut client, &data, &mut sent);
    let result = timeout(SHORT, send).await;
    say("client", "send_rest", ended(&result));
    let mut got = Vec::new();
    let send = send_rest(&mut client, &data, &mut sent);
    let (all, received) = join!(send, server.read_to_end(&mut got));
    all?;
    received?;
    let order = if got == data { "in order" } else { "not the same" };
    say("server", "recv", format!("{} bytes, {order}", got.len()));
    Ok(())
}
