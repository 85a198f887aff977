//! Calls: `accept` in a loop.
//! Idea: an error ends one conversation.
//! Usual mistake: a `?` that ends the server.

use std::io::{ErrorKind, Write as _};
use std::thread::sleep;
use std::time::Duration;

use crate::contents::{bytes, cut};
use crate::exercise::{Check, advice};
use crate::exercises::e05_echo::{connect_narrow, expect_same, much, whatever};
use crate::grading::{Grading, NO_ROOM, restarts, starts_again};
use crate::machine;
use crate::patience::{IDLE, LONG_FULL, SILENT, SLOW};
use crate::program::Program;
use crate::wire::Peer;
use crate::words::{Words, text};
use crate::wrong::{Explain as _, How, Outcome, Wrong};

pub const CHECKS: &[Check] = &[
    Check {
        title: "a client is greeted, and gets back what it sends",
        usually: advice! {
            Silent => "No greeting came. The server speaks first here: send the greeting right \
                after accept, ahead of the first receive. In a language that keeps its output for \
                later, flush it.",
            Short | Other => "The greeting is another one. It is five letters and a line ending, \
                six bytes in all: \"hello\\n\". No zero byte, no \"\\r\".",
            _ => "The conversation ended too early. After accept: send the greeting, and then \
                receive and send in a loop, until recv gives 0 bytes.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            peer.expect(HELLO)?;
            for message in ["how are you?", "good", "x"] {
                peer.expect_echo(message).advice(ECHO)?;
            }
            for message in whatever(grading.chance()) {
                // (Any byte brings an answer: it says nothing about the one that is missing.)
                expect_same(&mut peer, &message).map_err(|wrong| wrong.at(None))?;
            }
            peer.expect_nothing().advice(ECHO)
        },
    },
    Check {
        title: "after its end it gets what is left, and then the end",
        usually: advice! {
            More => "The client has ended its direction, and waits for the end of yours. recv \
                gives 0 bytes now, at once and each time: test for 0, leave the loop, and close \
                the connection. (After fork, both processes have the socket: close it in both.)",
            Reset => "The connection was reset. It is, if a socket is closed with bytes in it that \
                nobody received: receive until 0 bytes, and close then. (And with SO_LINGER of 0: \
                close without that.)",
            _ => "The client had ended its direction, and could still receive. What it sent before \
                must come back first, and then your end of the stream (step 6).",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            peer.send_last("the last words", "hello\nthe last words")?;
            // From now on: one that has said something is silent, one that has not, one receives
            // nothing, and one program has no client.
            for words in ["hello?", ""] {
                let (program, mut peer) = grading.start_and_connect()?;
                peer.expect(HELLO)?;
                peer.expect_echo(words)?;
                grading.set_aside(program, Some(peer));
            }
            let program = grading.start()?;
            let mut peer = connect_narrow(grading, &program)?;
            peer.expect(HELLO)?;
            peer.send_meanwhile(much())?;
            grading.set_aside(program, Some(peer));
            let program = grading.start()?;
            grading.set_aside(program, None);
            Ok(())
        },
    },
    Check {
        title: "the next client is served, and the one after it",
        usually: advice! {
            "The first client was served, and this one was not. After a conversation go back to \
             accept: the loop for the clients is around the loop for the bytes."
        },
        run: |grading| {
            let program = grading.start()?;
            for after in ["", "one client", "two clients"] {
                next(grading, &program, after)?;
            }
            Ok(())
        },
    },
    Check {
        title: "bytes that are no text come back as well",
        usually: advice! {
            "A client can send any bytes. Not all of them decode as text: decoding fails, or puts \
             other bytes in their place. {C: And strlen and printf end at a 0 byte. }Send back \
             the n bytes that recv gave, as they are in the buffer."
        },
        run: |grading| {
            let (program, mut peer) = grading.start_and_connect()?;
            peer.expect(HELLO)?;
            let all: Vec<u8> = (0..=255).rev().collect();
            peer.expect_echo(&all)?;
            let any = bytes(grading.chance(), 500);
            for piece in cut(grading.chance(), &any, 20) {
                peer.expect_echo(piece)?;
            }
            peer.talk("still there?")?;
            next(grading, &program, "first, all 256 bytes")
        },
    },
    Check {
        title: "a client can leave without a word",
        usually: advice! {
            "A client that says nothing and ends its direction gets its greeting, and then the end \
             of the stream. The server's first receive gives 0 bytes: a normal end of this one \
             conversation, no failure. On to the next client."
        },
        run: |grading| {
            let program = grading.start()?;
            for round in 1..=3 {
                let mut peer = grading.connect(&program)?;
                peer.finish();
                peer.expect(HELLO)?;
                peer.expect_end()?;
                next(grading, &program, text!("{round} that said nothing", round))?;
            }
            Ok(())
        },
    },
    Check {
        title: "one that breaks off ends its own conversation only",
        usually: advice! {
            "A client broke the connection off, and recv failed with \"connection reset\", or \
             another call with its socket did (send; shutdown and getpeername with \"not \
             connected\"). If that error gets out of the loop for the clients ({Rust: by `?`, by \
             unwrap}{Python|Java: by an exception}{Node: an \"error\" event that nobody listens \
             to}{else: by exit}), the whole server ends. It is the end of this one conversation: \
             handle it inside, close, and go back to accept."
        },
        run: |grading| {
            let program = grading.start()?;
            for round in 1..=10 {
                let mut peer = grading.connect(&program)?;
                peer.expect(HELLO)?;
                peer.expect_echo("hello")?;
                peer.reset();
                let after =
                    text!("first, {round} conversations that were reset; then nothing", round);
                next(grading, &program, &after)?;
            }
            for _ in 0..20 {
                drop(grading.connect(&program)?);
            }
            let waits = |it: &Wrong| it.how == How::Silent && program.ended().is_none();
            next(grading, &program, "20 that closed as soon as they were connected")
                .advice_if(waits, ONE_FOR_ALL)
        },
    },
    Check {
        title: "so does one that breaks off before its turn",
        usually: advice! {
            "Clients broke off while they waited in the queue. On Linux accept gives you their \
             sockets all the same, and the first call with such a socket fails: send, or asking \
             for its address. On other systems accept itself can fail. Handle the errors of the \
             greeting and of accept, too: on to the next client."
        },
        run: |grading| {
            machine::allow_queue(50)?;
            let (program, mut first) = grading.start_and_connect()?;
            first.expect(HELLO)?;
            for number in 1..=50 {
                let after = text!("{number} clients while the first one is served", number);
                grading.connect(&program).after(after).advice(NO_ROOM)?.reset();
            }
            first.talk("still there?")?;
            next(grading, &program, "first, 50 that were reset while they waited; then nothing")
        },
    },
    Check {
        title: "so does one that closes, and has read nothing",
        usually: advice! {
            "Clients closed without reading, while the server had still something to send to them. \
             Then it is send that fails: \"broken pipe\" or \"connection reset\". Handle its \
             errors as you handle those of recv: the end of this conversation, and on to the next \
             client."
        },
        run: |grading| {
            let (program, mut first) = grading.start_and_connect()?;
            first.expect(HELLO)?;
            for _ in 0..5 {
                // Its bytes and its end are there when it is accepted, and
                // it is not: the greeting brings back a reset.
                let mut peer = grading.connect(&program)?;
                peer.send([b'x'; 20_000])?;
            }
            first.talk("still there?")?;
            next(grading, &program, "5 that sent 20000 bytes, and closed while they waited")?;
            for _ in 0..5 {
                let mut peer = grading.connect(&program)?;
                peer.expect(HELLO)?;
                push(&peer, 500_000)?;
            }
            let after = "5 that sent up to 500000 bytes, read none of them, and closed";
            next(grading, &program, after)
        },
    },
    Check {
        title: "hundreds that come and go leave nothing open",
        usually: advice! {
            Exit => "It serves a number of clients, and then it ends. Whatever their number: a \
                server goes back to accept after each, without an end.",
            _ => "After some hundred clients no more are served. Most often their sockets are \
             still open in the server, and it has no descriptors left (\"too many open files\"): \
             close each client's socket, whichever way the conversation ends. Ending the direction \
             (shutdown) does not close it.",
        },
        run: |grading| {
            let program = grading.start_with_files(128)?;
            let three = |round: u32| {
                // One that ends, ...
                let after =
                    text!("{number} clients, one after the other", number = 3 * (round - 1));
                next(grading, &program, &after)?;
                // ... one that breaks off, ...
                let mut peer = grading.connect(&program).after(&after)?;
                peer.expect(HELLO).after(text!("{after}, and one more", after))?;
                peer.reset();
                // ... and one that is gone at once.
                drop(grading.connect(&program).after(after)?);
                Ok(())
            };
            (1..=150).try_for_each(|round| {
                three(round).map_err(|wrong: Wrong| match program.ended_soon() {
                    Some(status) if status.success() => Wrong { how: How::Exit, ..wrong },
                    _ => wrong,
                })
            })
        },
    },
    Check {
        title: "it waits for a client that is slow to read, or to speak",
        usually: advice! { "The conversation of a slow client ended too early." },
        run: |grading| {
            let aside = grading.after(LONG_FULL)?;
            let [quiet, silent, slow, idle] = &mut aside.into_iter().collect::<Vec<_>>()[..] else {
                return Ok(());
            };
            next(grading, &idle.program, "no client for two seconds").advice(IDLE)?;
            for peer in [&mut quiet.peer, &mut silent.peer].into_iter().flatten() {
                peer.expect_echo("still there?").map_err(|wrong| {
                    let sent = text!("nothing for two seconds; then {then}", then = wrong.sent);
                    wrong.after(sent).advice(SILENT)
                })?;
            }
            if let Some(peer) = &mut slow.peer {
                peer.expect_late(&much().concat()).advice(SLOW)?;
            }
            Ok(())
        },
    },
    starts_again(|grading| {
        restarts(grading, |peer| {
            peer.expect(HELLO)?;
            peer.expect_echo("still there?")
        })
    }),
];

pub const HINTS: &[&str] = &[
    "Start from an echo server (step 5), and send the greeting right after accept. Then ask of \
     every call in it: what if it fails?",
    "Put all that happens with one client into a function of its own, the greeting as well. It \
     gives back an error or none. Its caller prints the error, and goes on with the next client.",
    "Only before `ready` is an error a reason to end. What a client can bring about is {Rust: no \
     reason for `?`, `unwrap` or `expect`}{Python|Java: caught}{else: handled} in the loop for the \
     clients; accept is no exception.",
    "Each client's socket must be closed on every way out. {Rust: It is if the function owns it: \
     it is dropped where the function ends.}{Python: `with conn:` does so.}{Java: \
     try-with-resources does so.}",
    "{Rust: `match listener.accept()`, with `continue` after a short sleep for `Err`; and `if let \
     Err(error) = converse(client) { eprintln!(\"{error}\"); }`.}{Python: `try: conn, _ = \
     server.accept()`, with a short sleep and `continue` for `OSError`; and `try: converse(conn)`, \
     with `except OSError as error: print(error, file=sys.stderr)`.}{else: If accept fails, sleep \
     for a moment, and go round again; if a conversation does, print why, and go on.}",
];

const HELLO: &[u8] = b"hello\n";

const ONE_FOR_ALL: &str = "20 clients came and went at once, and this one came right behind them. The \
     program runs, and does not serve it. Does it accept one client for each event? One event can \
     stand for several who wait (edge-triggered: EPOLLET): accept until nobody is there (EAGAIN), \
     or wait level-triggered. And if it asks again and again at a socket that has ended, it never \
     comes back to accept.";

const ECHO: &str = "The greeting was right; what comes after it was not. Receive into a buffer, \
     send the n bytes that recv gave, and do so in a loop until it gives 0. Only then end your own \
     direction, or close.";

/// The next client must be served as if nothing had been.
fn next(grading: &Grading, program: &Program, after: impl Into<Words>) -> Outcome {
    let result = grading.connect(program).and_then(|mut peer| {
        peer.expect(HELLO)?;
        peer.talk("still there?")
    });
    result.map_err(|wrong| {
        let (after, sent) = (after.into(), wrong.sent.clone());
        let sent = match (after.is_empty(), sent.is_empty()) {
            (true, _) => sent,
            (_, true) => text!("{after}; then one who waits for \"hello\"", after),
            _ => text!("{after}; then, by the next one, {sent}", after, sent),
        };
        wrong.after(sent)
    })
}

/// Sends up to so many bytes: as many as fit while nothing is received.
fn push(peer: &Peer, most: usize) -> Outcome {
    let (mut stream, bytes) = (peer.stream(), [b'x'; 10_000]);
    stream.set_nonblocking(true)?;
    let (mut pushed, mut waits) = (0, 0);
    while pushed < most && waits < 10 {
        match stream.write(&bytes) {
            Ok(length) => pushed += length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                waits += 1;
                sleep(Duration::from_millis(1));
            }
            // Whether it was right to end this one shows in the next.
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}
