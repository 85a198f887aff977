//! Step 16, TCP: one client at a time, and then several.
//!
//! A server that ends one conversation before it accepts the next client
//! leaves the others in the queue: connected, and not served. The cure is a
//! thread for each conversation, and a bound on their number.
//!
//! Look for: ben, who waits until anna has left; ben with a thread of his own;
//! and carl, for whom there is none. (16_clean_stop shows how to end this.)
//!
//! One terminal, all ends (it waits half a second, twice):
//!     cargo run --example 16_one_at_a_time
//! The chat of step 7 for 8 terminals at once, until Ctrl-C:
//!     cargo run --example 16_one_at_a_time -- 127.0.0.1:8090
//!     cargo run --example 07_chat_client

use std::io::ErrorKind::{ConnectionAborted, TimedOut, WouldBlock};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use socket_steps::chat::{Lang, RECV_LIMIT};
use socket_steps::{
    ANY_PORT, During, Failure, converse, in_words, invite, line, nc,
    other_half, run, say,
};

fn main() -> ExitCode {
    run(include_str!("16_one_at_a_time.rs"), lesson)
}

/// The server of step 7: one client at a time. (`converse`, in src, is that
/// step's conversation. `tell` gets the server's lines: `line` prints them,
/// `drop` throws them away.)
fn serve(listener: &TcpListener, tell: fn(String)) {
    loop {
        match listener.accept() {
            Ok((client, peer)) => {
                // Who says nothing for five minutes is gone (step 13).
                let limit = Some(Duration::from_secs(300));
                let _ = client.set_read_timeout(limit);
                tell(Lang::En.connected(peer));
                let end = converse(client, Lang::En, tell);
                tell(Lang::En.disconnected(peer, end));
            }
            // It left while it was in the queue: no reason to stop.
            Err(e) if e.kind() == ConnectionAborted => {}
            Err(e) => return tell(in_words(&e)),
        }
    }
}

/// The cure: the same server, in several threads. They all wait in `accept`,
/// and the kernel gives each client to one of them. Their number is the bound:
/// a thread costs memory, so strangers must not be able to start any number.
fn serve_in(
    threads: usize,
    address: SocketAddr,
    tell: fn(String),
) -> io::Result<SocketAddr> {
    // Steps 1 to 3, in one line of std. (It sets SO_REUSEADDR on Unix,
    // and listens with 128.)
    let listener = TcpListener::bind(address)?;
    for _ in 0..threads {
        let listener = listener.try_clone()?;
        thread::spawn(move || serve(&listener, tell));
    }
    listener.local_addr()
}

/// A client receives. Where nothing will come, it waits for half a second.
fn hear(who: &str, mut client: &TcpStream, ms: u64) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_millis(ms)))?;
    let mut buffer = [0; RECV_LIMIT];
    match client.read(&mut buffer) {
        Ok(n) => say(who, "recv", String::from_utf8_lossy(&buffer[..n])),
        Err(e) if matches!(e.kind(), WouldBlock | TimedOut) => {
            say(who, "recv", format!("nothing in {ms} ms: not served"));
        }
        Err(e) => return Err(e),
    }
    Ok(())
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    if let Some(address) = given {
        let here = serve_in(8, address, line).during("bind", address)?;
        let commands = [nc(here), other_half("07_chat_client", here)];
        invite("server", "accept", &commands);
        loop {
            thread::park();
        }
    }

    // The failure: one thread, two clients. The cure: two threads. The bound:
    // two threads, three clients.
    let names = ["anna", "ben", "carl"];
    for threads in [1, 2] {
        let here =
            serve_in(threads, ANY_PORT, drop).during("bind", None)?;
        say("server", "serve", format!("{threads} at a time"));
        let mut clients = Vec::new();
        for (number, name) in names[..=threads].iter().enumerate() {
            let client =
                TcpStream::connect(here).during("connect", here)?;
            say(name, "connect", "connected");
            let ms = if number < threads { 10_000 } else { 500 };
            hear(name, &client, ms).during("recv", here)?;
            clients.push(client);
        }

        // The first one leaves. Now there is a thread for the last one.
        clients[0].write_all(b"quit").during("send", here)?;
        say(names[0], "send", "quit");
        hear(names[0], &clients[0], 10_000).during("recv", here)?;
        let last = &clients[threads];
        hear(names[threads], last, 10_000).during("recv", here)?;
    }
    Ok(())
}
