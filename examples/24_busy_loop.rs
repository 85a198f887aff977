//! Step 24, TCP: a loop that asks and asks.
//!
//! A server talks to several clients in one thread. A blocking receive waits
//! for one of them, and does not hear the others. Non-blocking ones never
//! wait. But then the program asks everybody, all the time, and nearly always
//! for nothing.
//!
//! Look for: 60 calls for nothing; a sleep in the loop, which makes the
//! answer late and still asks for nothing; and one call that waits, for the
//! wrong client. (One call that waits for all of them is step 25.)
//!
//! One terminal, all ends (it waits half a second in all):
//!     cargo run --example 24_busy_loop
//! With an address, two clients are you, for 100 million turns at most:
//!     cargo run --example 24_busy_loop -- 127.0.0.1:8090
//!     nc 127.0.0.1 8090

use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::{process::ExitCode, thread, time::Duration};

// Not the lesson: `run` reads the command line, `say` prints a line, `answer`
// puts what the kernel answered into words.
use socket_steps::{Failure, answer, invite, run, say};
use socket2::{Domain, Protocol, Socket, Type};

const TURNS: usize = 20;
const NAP: Duration = Duration::from_millis(10);
const A_WHILE: Duration = Duration::from_millis(200);
/// Half a minute of work, or so, for a processor that does nothing else.
const MANY_TURNS: usize = 100_000_000;

fn main() -> ExitCode {
    run(include_str!("24_busy_loop.rs"), lesson, with_you)
}

/// Steps 1 to 3: create, bind, listen.
fn listen(address: SocketAddr) -> Result<Socket, Failure> {
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(100)?;
    Ok(listener)
}

/// The loop: each turn asks every client, and waits for none of them. It ends
/// when one of them has left, or after so many turns. (A nap of 0 is none.)
fn ask_all(
    conversations: &[Socket],
    turns: usize,
    nap: Duration,
) -> io::Result<()> {
    let (mut calls, mut for_nothing) = (0, 0);
    'turns: for _ in 0..turns {
        thread::sleep(nap);
        for mut conversation in conversations {
            calls += 1;
            match conversation.read(&mut [0; 1024]) {
                Ok(0) => break 'turns,
                Ok(n) => say("server", "recv", format!("{n} bytes")),
                Err(error) => match error.kind() {
                    WouldBlock => for_nothing += 1,
                    _ => return Err(error),
                },
            }
        }
    }
    let what = format!("{calls} calls, {for_nothing} for nothing");
    say("server", "recv", what);
    Ok(())
}

/// One receive, and what came of it.
fn hear(name: &str, mut conversation: &Socket) -> io::Result<()> {
    let what = loop {
        match conversation.read(&mut [0; 1024]) {
            Ok(n) => break format!("{n} bytes"),
            Err(error) => match error.kind() {
                Interrupted => {}
                WouldBlock | TimedOut => break "nothing".to_owned(),
                _ => return Err(error),
            },
        }
    };
    say("server", "recv", format!("from {name}: {what}"));
    Ok(())
}

/// All ends. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    let listener = listen(address)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;

    // Step 4: three clients, and what `accept` returns for each. No receive
    // of the server waits.
    let names = ["anna", "ben", "carl"];
    let (mut clients, mut conversations) = (Vec::new(), Vec::new());
    for name in names {
        let client = TcpStream::connect(here)?;
        let (conversation, _) = listener.accept()?;
        let set = conversation.set_nonblocking(true);
        say(name, "connect", format!("non-blocking: {}", answer(&set)));
        clients.push(client);
        conversations.push(conversation);
    }

    // The failure: a loop that asks each of them, and at once begins anew.
    // Nobody says anything. (A server's loop would have no end.)
    say("server", "loop", format!("{TURNS} turns"));
    ask_all(&conversations, TURNS, Duration::ZERO)?;

    // A sleep in the loop saves the processor, but it is no cure. There are
    // fewer calls, and all of them are still for nothing.
    say(
        "server",
        "loop",
        format!("10 turns, and {NAP:?} of sleep in each"),
    );
    ask_all(&conversations, 10, NAP)?;

    // And whoever speaks when the nap has just begun waits until it is over.
    // The longer the nap, the later the answer.
    let sent = clients[1].write(b"hi")?;
    say("ben", "send", format!("{sent} bytes"));
    thread::sleep(A_WHILE);
    for (name, conversation) in names.iter().zip(&conversations) {
        hear(name, conversation)?;
    }

    // A blocking receive is one call, however long it waits, and meanwhile the
    // processor is free. But it waits for one client: carl speaks, and the
    // server waits for anna. (Here the limit ends that: step 13.)
    let sent = clients[2].write(b"hello")?;
    say("carl", "send", format!("{sent} bytes"));
    let [anna, _, carl] = &conversations[..] else { return Ok(()) };
    anna.set_nonblocking(false)?;
    anna.set_read_timeout(Some(A_WHILE))?;
    say("server", "wait", format!("for anna, {A_WHILE:?} at most"));
    hear(names[0], anna)?;
    hear(names[2], carl)?;
    Ok(())
}

/// With an address, two clients are you.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let listener = listen(address)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    say("server", "serve", "2 clients, until one of them leaves");
    invite("server", "accept", here, &["nc"]);
    let mut conversations = Vec::new();
    while conversations.len() < 2 {
        let (conversation, _) = listener.accept()?;
        conversation.set_nonblocking(true)?;
        conversations.push(conversation);
    }
    Ok(ask_all(&conversations, MANY_TURNS, Duration::ZERO)?)
}
