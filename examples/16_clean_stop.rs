//! Step 16, TCP: a server that can be stopped.
//!
//! A program that just ends cuts its clients off in the middle of a word. In
//! good order, no client is accepted any more, and all conversations end. But
//! a thread that waits in `accept` does not see that it is told to stop.
//!
//! Look for: nobody who stops, one more client for each thread, and anna, who
//! still gets her answer.
//!
//! One terminal, all ends (it waits 300 ms):
//!     cargo run --example 16_clean_stop
//! The chat of step 7 for 8 terminals at once, until you press Enter:
//!     cargo run --example 16_clean_stop -- 127.0.0.1:8090
//!     cargo run --example 07_chat_client

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{thread, time::Duration};

use socket_steps::chat::{Lang, RECV_LIMIT};
use socket_steps::{
    ANY_PORT, During, Failure, converse, in_words, invite, line, nc,
    other_half, reachable, run, say, wait_for_enter,
};

const THREADS: usize = 8;
static STOP: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    run(include_str!("16_clean_stop.rs"), lesson)
}

/// The server of 16_one_at_a_time. It looks at STOP after each `accept`, and
/// who was accepted then is closed at once.
fn serve(listener: &TcpListener, tell: fn(String)) {
    loop {
        match listener.accept() {
            _ if STOP.load(Ordering::SeqCst) => return,
            Ok((client, peer)) => {
                // Who says nothing for five minutes is gone (step 13).
                let limit = Some(Duration::from_secs(300));
                let _ = client.set_read_timeout(limit);
                tell(Lang::En.connected(peer));
                let end = converse(client, Lang::En, tell);
                tell(Lang::En.disconnected(peer, end));
            }
            Err(e) if e.kind() == ErrorKind::ConnectionAborted => {}
            Err(e) => return tell(in_words(&e)),
        }
    }
}

/// Our client receives, for two seconds at most.
fn hear(mut anna: TcpStream) -> io::Result<TcpStream> {
    anna.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut buffer = [0; RECV_LIMIT];
    let length = anna.read(&mut buffer)?;
    say("anna", "recv", String::from_utf8_lossy(&buffer[..length]));
    Ok(anna)
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // Steps 1 to 3, in one line of std. (It sets SO_REUSEADDR on Unix,
    // and listens with 128.)
    let address = given.unwrap_or(ANY_PORT);
    let listener = TcpListener::bind(address).during("bind", address)?;
    let here = listener.local_addr().during("local_addr", None)?;
    say("server", "serve", format!("{THREADS} at a time"));
    let tell: fn(String) = if given.is_some() { line } else { drop };

    // `scope` returns when all threads that were started in it have ended.
    thread::scope(|scope| {
        let start = |_| scope.spawn(|| serve(&listener, tell));
        let servers: Vec<_> = (0..THREADS).map(start).collect();
        let anna = if given.is_some() {
            let client = other_half("07_chat_client", here);
            invite("server", "accept", &[nc(here), client]);
            say("", "", "and press Enter here to stop");
            wait_for_enter();
            None
        } else {
            Some(TcpStream::connect(here).and_then(hear))
        };

        // The failure: all are told, and nobody in `accept` notices.
        STOP.store(true, Ordering::SeqCst);
        thread::park_timeout(Duration::from_millis(300));
        let ended = servers.iter().filter(|t| t.is_finished()).count();
        say("server", "stop", format!("{ended} ended in 300 ms"));

        // The cure: a client more for each. That ends `accept`. The thread in
        // a conversation ends that one first.
        for _ in 0..THREADS {
            let _ = TcpStream::connect(reachable(here));
        }
        let told = "one more client for each; waits for the talks";
        say("server", "stop", told);
        if let Some(anna) = anna {
            let mut anna = anna?;
            say("anna", "send", "quit");
            anna.write_all(b"quit")?;
            hear(anna)?;
        }
        Ok(())
    })
    .during("serve", here)?;
    say("server", "stop", "all threads have ended");
    drop(listener);
    if let Err(error) = TcpStream::connect(here) {
        say("ben", "connect", in_words(&error));
    }
    Ok(())
}
