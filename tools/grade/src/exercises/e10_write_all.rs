//! Calls: non-blocking `send`.
//! Idea: keep the rest.
//! Usual mistake: starting again from the first byte.

use std::io::Read as _;
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::clock::{Moment, PATIENCE};
use crate::exercise::{Check, advice};
use crate::grading::{Grading, restarts, starts_again};
use crate::processor::{open_files, turns_of};
use crate::program::{Program, one_is_busy};
use crate::wire::Peer;
use crate::words::text;
use crate::wrong::{Explain as _, How, Outcome, Wrong, plural, seconds};

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
                block\" ({Python: BlockingIOError}{Rust: ErrorKind::WouldBlock}{else: EAGAIN}). \
                Nothing is broken then: each time it comes, print \"waiting\", wait, and try \
                again. Only other errors end the conversation.",
            Refused => "The program had ended before a client came. accept is to wait for one: \
                only the clients' sockets are non-blocking, and not the listener.",
            _ => "No \"waiting\" came. Most often send itself waits, as the client's socket is \
                still a blocking one: make it non-blocking after accept (what is set on the \
                listener does not count for it). Or the line is kept back: flush it.",
        },
        run: |grading| {
            let program = grading.start()?;
            let peer = slow(grading, &program)?;
            for before in 0..2 {
                waits(&program).map_err(|wrong| match wrong.how {
                    How::Silent => what_it_does(&program, &peer, before, wrong),
                    _ => wrong,
                })?;
            }
            // It goes on to receive nothing, through the checks that come.
            grading.set_aside(program, Some(peer));
            Ok(())
        },
    },
    Check {
        title: "it tries again every 10 milliseconds, and goes on so",
        usually: advice! {
            More => "It tries again much sooner than after 10 milliseconds, if there is a pause at \
                all: so it keeps a processor busy with nothing. After \"waiting\", sleep for 10 \
                milliseconds, each time.",
            Short => "It tries again, but its pauses are much longer than 10 milliseconds: as long \
                as one lasts, there may be room again, and nobody uses it. Look at the unit of the \
                number; and the pause does not grow.",
            _ => "It gave up. A client can receive nothing for as long as it likes, and the kernel \
                may refuse any number of times in a row: try again until it takes something. Only \
                another error than \"would block\" is a reason to end.",
        },
        run: |grading| {
            let program = grading.start()?;
            // (All of the time counts here: who is late says less, and not more.)
            let start = Instant::now();
            let _peer = slow(grading, &program)?;
            let (mut lines, given) = (0, Moment::now());
            let is_usual = || usual_pause(&program.times()) <= Duration::from_millis(16);
            // (Who seems to pause for longer gets more time: it may have been the machine.)
            while !cfg!(windows)
                && (start.elapsed() < SOME || (given.elapsed() < LONG && !is_usual()))
            {
                waits(&program)?;
                lines += 1;
                if lines > 10 + start.elapsed().as_millis() / 8 {
                    let wrong = not_as_often(lines, start.elapsed(), How::More);
                    return Err(wrong.advice_if(|_| does_pause(&program), FOR_EACH_SEND));
                }
            }
            match is_usual() {
                false => Err(not_as_often(lines, start.elapsed(), How::Short)),
                true => Ok(()),
            }
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
            Reset => "The connection was reset, and the last bytes were lost with it: the kernel \
                had taken them, and not delivered them yet. A plain close lets it go on. With \
                SO_LINGER of 0, close breaks the connection off.",
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
                peer.call_it(text!("nothing (and {before} bytes came before these)", before));
                peer.expect(piece).map_err(|wrong| {
                    let came = wrong
                        .got
                        .english()
                        .split(' ')
                        .next()
                        .and_then(|it| it.parse::<usize>().ok());
                    let missing = message.len() - before - came.unwrap_or(0);
                    let is_round = wrong.how == How::End && missing % 251 == 0 && missing < 25_100;
                    let rounds = plural(missing / 251, "round");
                    match is_round {
                        true => wrong.advice(text!(
                            "All that came is right, but for {rounds} of 251 bytes that did not \
                             come at its end: the message has 24,000 of them.",
                            rounds
                        )),
                        false => wrong,
                    }
                })?;
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
                connection, without waiting for the client to do so, and go back to accept, with \
                the same listener; and begin at the first byte again: how much was taken is \
                counted for each client anew, and the message itself stays whole.",
        },
        run: |grading| {
            let program = grading.start()?;
            // The others wait in the queue.
            let mut first = slow(grading, &program)?;
            let mut second = slow(grading, &program)?;
            let mut third = slow(grading, &program)?;
            third.finish();
            third.call_it("nothing (and it has ended its direction)");
            for peer in [&mut first, &mut second] {
                begins(peer)?;
                waits(&program)?;
                peer.expect(&message()[BEGINNING..])?;
                peer.expect_end()?;
                says_sent(&program)?;
            }
            // This one has ended its own direction, and receives.
            third.expect(message()).and_then(|()| third.expect_end()).advice(ENDED)
        },
    },
    Check {
        title: "a client that breaks off is not the end, and not \"sent\"",
        usually: advice! {
            Printed => "A client broke off in the middle of its message, and \"sent\" was printed \
                all the same. Print it only where the kernel has taken the last byte: an error \
                leaves the loop on another way.",
            Other | More => "The next client got other bytes than the first of the message: \
                something is kept of the client before it, which broke off in the middle. How much \
                was taken is counted for each client anew, from 0.",
            _ => "A client broke the connection off: send then fails with \"connection reset\" or \
                \"broken pipe\". It is the end of this one conversation: close it, and go back to \
                accept (step 7). {C: A broken pipe ends the whole program by a signal: \
                signal(SIGPIPE, SIG_IGN).}",
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
            let files = open_files(program.id());
            let on_and_on = |wrong: Wrong| {
                let is_it = wrong.how == How::Silent && still_waits(&program);
                wrong.advice_if(|_| is_it, ANY_ERROR)
            };
            for number in 0..10 {
                // One while the server waits for it, ...
                let mut peer = next().after(after).map_err(on_and_on)?;
                if number % 2 == 1 {
                    // Then send fails with "broken pipe" at once.
                    peer.finish();
                }
                peer.reset();
                // ... and one perhaps before it was accepted.
                slow(grading, &program).after(after)?.reset();
            }
            next().after(after).map(drop).map_err(on_and_on)?;
            // (Who looks at a client every 10 ms needs a moment, and more of them if busy.)
            let wait = grading.bench().clock.wait(PATIENCE);
            while open_files(program.id()) > files + 8 && wait.left().is_some() {
                sleep(Duration::from_millis(5));
            }
            match open_files(program.id()) {
                more if more > files + 8 => {
                    let got = text!("{number} more than before them", number = more - files);
                    let expected = "no more open files than before these clients";
                    Err(Wrong::new(How::More, expected, got).after(after).advice(LEFT_OPEN))
                }
                _ => Ok(()),
            }
        },
    },
    Check {
        title: "however long a client receives nothing, it goes on",
        usually: advice! {
            "It gave up. A client can receive nothing for as long as it likes, and the kernel may \
             refuse any number of times in a row: try again until it takes something. Only another \
             error than \"would block\" is a reason to end."
        },
        run: |grading| {
            for aside in grading.after(VERY_LONG)? {
                let Some(mut peer) = aside.peer else { continue };
                let words = text!(
                    "nothing (and it received nothing for {time})",
                    time = seconds(VERY_LONG)
                );
                peer.call_it(words);
                peer.expect_late(&message())?;
                peer.expect_end()?;
            }
            Ok(())
        },
    },
    starts_again(|grading| restarts(grading, begins)),
];

pub const HINTS: &[&str] = &[
    "Create a socket, bind, listen, then accept in a loop. For each client: make its socket \
     non-blocking, send until all is taken, close it.",
    "One number is enough to know how far you are: how many bytes the kernel has taken so far. It \
     begins at 0 for each client.",
    "Always send the whole rest{Rust: , `&message[taken..]`}{Python: , `message[taken:]`}{C: , \
     `message + taken`}. `send` returns how many bytes of it were taken: add them to that number.",
    "When it takes nothing, {Rust: it returns an error, and `error.kind() == \
     ErrorKind::WouldBlock`}{Python: it raises `BlockingIOError`}{C: it returns -1, and `errno` is \
     `EAGAIN`}{Java: it returns 0}{Perl: it returns undef, and `$!{EAGAIN}` is true}{else: it says \
     that it would block}. In this one case: print \"waiting\", {Rust: \
     `thread::sleep(Duration::from_millis(10))`}{Python: `time.sleep(0.01)`}{C: \
     `usleep(10000)`}{else: sleep for 10 milliseconds}, and round again.",
    "Put that loop into a function of its own{Rust:  that gives an `io::Result<()>`}: any other \
     error ends it. Its {Rust: `Ok`}{else: end without an error} is where you print \"sent\"; \
     whoever calls it goes on with the next client either way.",
];

const NOTHING: &str = "nothing (and it receives nothing)";

/// Some dozens of pauses.
const SOME: Duration = Duration::from_millis(400);

/// More than a hundred.
const LONG: Duration = Duration::from_millis(1500);

/// More than 300 pauses, while other checks go on.
const VERY_LONG: Duration = Duration::from_millis(3300);

const LETTERS: &str = "It prints that it waits, in other letters than the task: the line is \
     \"waiting\", and later \"sent\".";

const FOR_EACH_SEND: &str = "\"waiting\" is printed too often: also where a send has taken \
     something, or twice for one that has not. It belongs to a send that takes nothing (\"would \
     block\"), once, ahead of the pause.";

const ENDED: &str = "A client had ended its own direction, and could still receive: that is no \
     breaking off. Whether a client has gone shows in send, and not in a receive of 0 bytes.";

const ANY_ERROR: &str = "A client broke the connection off, and the program goes on to print \
     \"waiting\" for it: it takes each error for \"would block\". Look which one it is{C: , by \
     errno}: only \"would block\" is tried again. \"Connection reset\" and \"broken pipe\" are \
     the end of this one conversation: close it, and go back to accept (step 7).";

const IN_SILENCE: &str = "Send takes nothing, the program tries again and again, and no line \
     \"waiting\" came. Print it each time that the kernel takes nothing, ahead of the pause. If \
     you do: it is kept back. Flush standard output after each line.";

const ONCE: &str = "\"waiting\" came once, and then the program tried again without it. It is not \
     one line for each client: print it each time that the kernel takes nothing.";

const ELSEWHERE: &str = "\"waiting\" came once. After that the program does not try again every 10 \
     milliseconds: some call waits until there is room (a send on a socket that is blocking again, \
     select, poll), or the pause is much longer. Here each try is made by hand: \"waiting\", 10 \
     milliseconds, and send again.";

const WITHOUT_PAUSE: &str = "No more \"waiting\" came, and the program computes all the time: it \
     tries again and again without a pause, and without a word. Each time that the kernel takes \
     nothing, print \"waiting\", and sleep for 10 milliseconds.";

const PAUSES: &str = "The kernel had room, and the program sent very slowly: it pauses although \
     its sends take something. Only a send that takes nothing (\"would block\") is a reason to \
     print \"waiting\" and to pause. After any other one send the rest at once, all of it in one \
     call.";

const LEFT_OPEN: &str = "After clients that broke off, their sockets are still open in the \
     program: in the end there are no descriptors left. Close each client's socket, on whichever \
     way its conversation ends{Rust: : it is closed where its owner is dropped}{else: , after an \
     error as well}.";

/// No line came. What does the program do instead?
fn what_it_does(program: &Rc<Program>, peer: &Peer, lines: usize, wrong: Wrong) -> Wrong {
    let before = turns_of(program.id());
    let is_busy = (0..20).filter(|_| {
        sleep(Duration::from_millis(10));
        one_is_busy(std::slice::from_ref(program))
    });
    let is_busy = is_busy.count() > 15;
    let turns = turns_of(program.id()) - before;
    // If it only waits in send, then the rest comes.
    let (end, bytes) = drain(peer, Duration::from_secs(1));
    let is_all = bytes == message().len();
    match end {
        Some(how) if !is_all => {
            return Wrong { how, got: text!("the end of the connection"), ..wrong };
        }
        _ if !is_busy && turns < 4 && lines == 0 => return wrong,
        _ => {}
    }
    let is_alike =
        |line: &String| line.trim() != "waiting" && line.to_lowercase().contains("waiting");
    wrong.advice(match lines {
        0 if program.printed_up_to_now().iter().any(is_alike) => LETTERS,
        _ if is_busy => WITHOUT_PAUSE,
        _ if turns < 4 => ELSEWHERE,
        _ if !is_all => PAUSES,
        0 => IN_SILENCE,
        _ => ONCE,
    })
}

/// Receives what comes within so long. How it ended, if it did, and how many bytes came.
fn drain(peer: &Peer, patience: Duration) -> (Option<How>, usize) {
    let (mut stream, start) = (peer.stream(), Instant::now());
    let (mut buffer, mut bytes) = (vec![0; 1 << 16], 0);
    let _ = stream.set_read_timeout(Some(Duration::from_millis(50)));
    while start.elapsed() < patience {
        match stream.read(&mut buffer) {
            Ok(0) => return (Some(How::End), bytes),
            Ok(length) => bytes += length,
            Err(error) if crate::wire::is_timeout(&error) => {}
            Err(_) => return (Some(How::Reset), bytes),
        }
    }
    (None, bytes)
}

/// The usual pause between two lines, where it was shortest: on a busy machine some are longer, and
/// not all of them.
fn usual_pause(times: &[Instant]) -> Duration {
    let pauses: Vec<_> = times.windows(2).map(|two| two[1] - two[0]).collect();
    let usual = |some: &[Duration]| {
        let mut some = some.to_vec();
        some.sort_unstable();
        some.get(some.len() / 2).copied().unwrap_or_default()
    };
    pauses.windows(10).map(usual).min().unwrap_or_else(|| usual(&pauses))
}

/// Whether it sleeps for some 10 milliseconds between its lines, now and then.
fn does_pause(program: &Program) -> bool {
    sleep(Duration::from_millis(200));
    let times = program.times();
    let last = &times[times.len().saturating_sub(20)..];
    let pauses = last.windows(2).filter(|two| two[1] - two[0] > Duration::from_millis(8));
    pauses.count() > 5
}

/// Whether it has printed many lines in the last seconds.
fn still_waits(program: &Program) -> bool {
    let times = program.times();
    let is_late = |time: &&Instant| time.elapsed() < Duration::from_secs(2);
    times.iter().filter(is_late).count() > 20
}

fn not_as_often(lines: u128, time: Duration, how: How) -> Wrong {
    let expected = "the line \"waiting\" about every 10 milliseconds";
    let got = {
        let milliseconds = usize::try_from(time.as_millis()).unwrap_or_default();
        text!("{lines} such lines in {number}", lines, number = plural(milliseconds, "millisecond"))
    };
    Wrong::new(how, expected, got).after(NOTHING)
}

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
