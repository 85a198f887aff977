//! Calls: non-blocking `send`.
//! Idea: keep the rest.
//! Usual mistake: starting again from the first byte.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::exercise::{Check, advice};
use crate::grading::{Grading, restarts, starts_again};
use crate::program::Program;
use crate::wire::Peer;
use crate::wrong::{Explain as _, How, Outcome, Wrong};

pub const CHECKS: &[Check] = &[
    Check {
        title: "a client gets the first bytes of the message",
        usually: advice! {
            Other => "The message begins otherwise. It is bytes, not digits: 0, 1, 2, and so on up \
                to 250, and after 250 comes 0 again.",
            Silent | Short => "Too little came. Nobody sends the server anything: send the message \
                as soon as the client is accepted. 251 bytes are one round, and there are 24,000 \
                rounds.",
            _ => "The conversation ended too early. Accept a client, send the message, and keep \
                the connection until the kernel has taken all of it.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            begins(&mut peer)
        },
    },
    Check {
        title: "a client that receives nothing makes it wait, not fail",
        usually: advice! {
            Printed => "It says \"sent\", and the client has received nothing yet: so much room no \
                kernel has. send takes what fits, and returns how many bytes those were. The rest \
                was not sent: it is for you to send again.",
            Exit | End | Reset => "When there is no room, a non-blocking send fails with \"would \
                block\" (EAGAIN, in Python BlockingIOError). Nothing is broken then: each time it \
                comes, print \"waiting\", wait, and try again. Only other errors end the \
                conversation.",
            _ => "No \"waiting\" came. Most often send itself waits, as the client's socket is \
                still a blocking one: make it non-blocking after accept (what is set on the \
                listener does not count for it). Or the line is kept back: flush it.",
        },
        run: |grading| {
            let program = grading.start()?;
            let mut peer = slow(grading, &program)?;
            for _ in 0..2 {
                waits(&program).map_err(|wrong| {
                    // If it only waits in send, then the rest comes.
                    let how = peer.expect(message()).err().map(|wrong| wrong.how);
                    match (wrong.how, how) {
                        (How::Silent, Some(how @ (How::End | How::Reset))) => {
                            Wrong { how, got: "the end of the connection".to_owned(), ..wrong }
                        }
                        _ => wrong,
                    }
                })?;
            }
            Ok(())
        },
    },
    Check {
        title: "it tries again every 10 milliseconds, and goes on so",
        usually: advice! {
            More => "It tries again and again without a pause, and so keeps a whole processor busy \
                with nothing. After \"waiting\", sleep for 10 milliseconds, each time.",
            _ => "It gave up. A client can receive nothing for as long as it likes, and the kernel \
                may refuse any number of times in a row: try again until it takes something. Only \
                another error than \"would block\" is a reason to end.",
        },
        run: |grading| {
            let program = grading.start()?;
            let start = Instant::now();
            let _peer = slow(grading, &program)?;
            let mut lines = 0;
            while !cfg!(windows) && (lines < 60 || start.elapsed().as_millis() < 1200) {
                waits(&program)?;
                lines += 1;
                let time = start.elapsed().as_millis();
                if lines > 100 + time / 2 {
                    let expected = "the line \"waiting\" about every 10 milliseconds";
                    let got = format!("{lines} such lines in {time} milliseconds");
                    return Err(Wrong::new(How::More, expected, got).after(NOTHING));
                }
            }
            Ok(())
        },
    },
    Check {
        title: "then comes the rest, in order, the end, and \"sent\"",
        usually: advice! {
            Other => "The bytes do not go on where they stopped. After each send, add up what it \
                returned: the next one begins exactly there. Who sends from the beginning again, \
                or counts what was given and not what was taken, doubles bytes or leaves some out.",
            More => "All the bytes came, and then not the end of the stream. When the kernel has \
                taken the last byte, close the connection: the kernel still delivers what it has. \
                Each send gets what is left, and no more: from the first byte that was not taken, \
                to the end of the message.",
            Printed | Silent | Exit => "The bytes stop, or the line \"sent\" is missing. Send \
                until the kernel has taken all 6,024,000 bytes, however many calls that needs. \
                Then print \"sent\", and flush it.",
            _ => "The stream ended before all had come. The loop goes on until as many bytes are \
                taken as the message has: one send that takes a part is not the end, and neither \
                is one that takes nothing.",
        },
        run: |grading| {
            let program = grading.start()?;
            let mut peer = slow(grading, &program)?;
            waits(&program)?;
            let message = message();
            let mut before = 0;
            while before < message.len() {
                let rest = &message[before..];
                let size = grading.chance().usize(1..400_000);
                let piece = &rest[..size.min(rest.len())];
                peer.call_it(format!("nothing (and {before} bytes came before these)"));
                peer.expect(piece)?;
                before += piece.len();
                sleep(Duration::from_millis(1));
            }
            peer.call_it("nothing (and all 6024000 bytes have come)");
            peer.expect_end()?;
            says_sent(&program)
        },
    },
    Check {
        title: "the next client gets the whole message, too",
        usually: advice! {
            Printed => "\"sent\" came once too often. Print it one time for each message that the \
                kernel has taken whole, after its last byte, and not after each send.",
            _ => "The first client got its message, and a later one did not. Close the first one's \
                connection and go back to accept, with the same listener; and begin at the first \
                byte again: how much was taken is counted for each client anew, and the message \
                itself stays whole.",
        },
        run: |grading| {
            let program = grading.start()?;
            // The others wait in the queue.
            let mut first = slow(grading, &program)?;
            let mut second = slow(grading, &program)?;
            let mut third = slow(grading, &program)?;
            for peer in [&mut first, &mut second] {
                begins(peer)?;
                waits(&program)?;
                peer.expect(&message()[BEGINNING..])?;
                peer.expect_end()?;
                says_sent(&program)?;
            }
            begins(&mut third)?;
            waits(&program)
        },
    },
    Check {
        title: "a client that breaks off is not the end, and not \"sent\"",
        usually: advice! {
            Printed => "A client broke off in the middle of its message, and \"sent\" was printed \
                all the same. Print it only where the kernel has taken the last byte: an error \
                leaves the loop on another way.",
            _ => "A client broke the connection off: send then fails with \"connection reset\" or \
                \"broken pipe\". It is the end of this one conversation: close it, and go back to \
                accept (step 7). In C, a broken pipe ends the whole program by a signal: \
                signal(SIGPIPE, SIG_IGN).",
        },
        run: |grading| {
            let program = grading.start()?;
            let after = "first, clients that were reset; then nothing";
            let next = || {
                let mut peer = slow(grading, &program)?;
                begins(&mut peer)?;
                waits(&program)?;
                Ok::<_, Wrong>(peer)
            };
            for number in 0..10 {
                // One while the server waits for it, ...
                let mut peer = next().after(after)?;
                if number % 2 == 1 {
                    // Then send fails with "broken pipe" at once.
                    peer.finish();
                }
                peer.reset();
                // ... and one perhaps before it was accepted.
                slow(grading, &program).after(after)?.reset();
            }
            next().after(after).map(drop)
        },
    },
    starts_again(|grading| restarts(grading, begins)),
];

pub const HINTS: &[&str] = &[
    "Socket::new, bind, listen, then accept in a loop. For each client: make its socket \
     non-blocking, send until all is taken, close it.",
    "One number is enough to know how far you are: how many bytes the kernel has taken so far. It \
     begins at 0 for each client.",
    "Always send the whole rest, `&message[taken..]`. `send` returns how many bytes of it were \
     taken: add them to that number.",
    "When it takes nothing, it returns an error, and `error.kind() == ErrorKind::WouldBlock`. In \
     this one case: print \"waiting\", `thread::sleep(Duration::from_millis(10))`, and round \
     again.",
    "Put that loop into a function of its own that gives an `io::Result<()>`: any other error ends \
     it. Its `Ok` is where you print \"sent\"; whoever calls it goes on with the next client \
     either way.",
];

const NOTHING: &str = "nothing (and it receives nothing)";

fn message() -> Vec<u8> {
    (0..=250).collect::<Vec<u8>>().repeat(24_000)
}

/// So many bytes tell that a client is served.
const BEGINNING: usize = 1000;

/// Receives a bit of it: the server has accepted this client.
fn begins(peer: &mut Peer) -> Outcome {
    peer.call_it("nothing");
    peer.expect(&message()[..BEGINNING])
}

/// A client with a small receive buffer. If it receives nothing, Linux takes
/// 3,842,048 bytes, and 5,038,080 with send buffers of up to 64 MB.
fn slow(grading: &Grading, program: &Program) -> Outcome<Peer> {
    let mut peer = grading.connect_with(program, |it| it.set_recv_buffer_size(16_384))?;
    peer.call_it(NOTHING);
    Ok(peer)
}

/// Whether the next of the two words that it prints is this one. Other lines do not matter.
fn says(program: &Program, word: &str) -> Outcome<bool> {
    loop {
        let line = program.next_line(word)?;
        if ["waiting", "sent"].contains(&line.trim()) {
            return Ok(line.trim() == word);
        }
    }
}

/// It prints that it waits. (Windows takes the whole of one send, however
/// long: there it need not wait.)
fn waits(program: &Program) -> Outcome {
    if cfg!(windows) || says(program, "waiting").after(NOTHING)? {
        return Ok(());
    }
    let wrong = Wrong::new(How::Printed, "the line \"waiting\"", "the line \"sent\"");
    Err(wrong.after(NOTHING))
}

fn says_sent(program: &Program) -> Outcome {
    while !says(program, "sent")? {}
    Ok(())
}
