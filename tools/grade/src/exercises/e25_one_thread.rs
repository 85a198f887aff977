//! Calls: readiness; non-blocking `accept`, `recv`, `send`.
//! Idea: one thread waits for all.
//! Usual mistake: a call that waits for one client.

use std::io::{ErrorKind, Write as _};
use std::rc::Rc;
use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};

use socket2::Type;

use crate::clock::{LIMIT, Moment, PATIENCE};
use crate::contents::{bytes, cut, sentence};
use crate::exercise::{Check, advice};
use crate::exercises::e05_echo::{ENDED, LEFT_OPEN, connect_narrow, expect_same, much, whatever};
use crate::grading::{Grading, restarts, starts_again};
use crate::machine;
use crate::memory::Memory;
use crate::patience::{LONG_FULL, SILENT};
use crate::processor::{open_files, thread_number, time_of, turns_of};
use crate::program::{Program, one_is_busy};
use crate::wire::{Peer, is_timeout, pattern};
use crate::words::text;
use crate::wrong::{Explain as _, How, Outcome, Wrong, in_words, plural, seconds};

pub const CHECKS: &[Check] = &[
    Check {
        title: "what a client sends comes back, whatever it is",
        usually: advice! {
            Silent => "Nothing came back. The listener's event says that somebody waits: accept, \
                and register the new socket as well. Its own event says that bytes are there: \
                receive them, and send them at once. (Edge-triggered, no event says that a new \
                socket can be written to after you have found that out by yourself: first try, \
                and wait only if it would block.)",
            Other | More => "Something else came back. Send the first n bytes of the buffer, where n \
                is what recv gave this time, as they are, and nothing else: an echo needs no text.",
            Short => "A part is missing. Send back each part as it comes: do not wait for a line, \
                for a whole character or for a full buffer.",
            _ => "The conversation ended too early. Keep the client, with its socket, where it \
                stays until its end: in a map by the number that its events have. That nothing is \
                there yet (\"would block\") is no end.",
        },
        run: |grading| {
            grading.bench().clock.allow(LIMIT);
            let (program, mut peer) = grading.start_and_connect()?;
            peer.send_alone(b"")?;
            for message in ["hello", "a longer message", "x"] {
                peer.expect_echo(message)?;
            }
            for message in whatever(grading.chance()) {
                expect_same(&mut peer, &message)?;
            }
            let all: Vec<u8> = (0..=255).rev().collect();
            peer.expect_echo(&all)?;
            let any = bytes(grading.chance(), 500);
            for piece in cut(grading.chance(), &any, 20) {
                peer.expect_echo(piece)?;
            }
            for byte in "你好 🌍".as_bytes().chunks(1) {
                peer.expect_echo(byte)?;
            }
            peer.expect_nothing()?;
            grading.is_nowhere_else(&program, Type::STREAM)?;
            // It is silent from now on.
            grading.set_aside(program, Some(peer));
            Ok(())
        },
    },
    Check {
        title: "a second one is served while the first is there",
        usually: advice! {
            "The first client was there, and a second one was not served. One thread for all of \
             them waits for all of them together, the listener among them: no accept, receive or \
             send may wait by itself. Make each socket non-blocking, and see to those that are \
             ready."
        },
        run: |grading| {
            let (program, mut first) = grading.start_and_connect()?;
            first.expect_echo("I am the first")?;
            let mut second = grading.connect(&program)?;
            second.expect_echo("I am the second")?;
            // Says nothing at all.
            let _third = grading.connect(&program)?;
            for words in ["one", "two", "three"] {
                first.expect_echo(words)?;
                second.expect_echo(words)?;
            }
            // From now on one sends, and receives nothing.
            let program = grading.start()?;
            let mut peer = connect_narrow(grading, &program)?;
            peer.send_meanwhile(much())?;
            grading.set_aside(program, Some(peer));
            Ok(())
        },
    },
    Check {
        title: "millions of bytes come back whole, in pieces of any size",
        usually: advice! {
            Silent | Short => "A part is missing. Two mistakes look like this. One receive for \
                each event: if events come once (edge-triggered: mio, EPOLLET), receive until it \
                would block, or the rest lies there, and no event says so. And a send that takes a \
                part: keep the rest, and send it as soon as there is room; after that go on to \
                receive.",
            Other => "The bytes are not in order: some are missing, or some came twice. After each \
                send, what it took is gone, and the rest is kept for this client: nothing that \
                comes later may overtake it.",
            _ => "The conversation ended in the middle. That a call would block (EAGAIN) is no \
                failure, neither for receive nor for send: keep what is left, and wait for the \
                next event. Only 0 bytes are the end. (A receive into a buffer without room gives \
                0, too.)",
        },
        run: |grading| {
            let (program, mut peer) = grading.start_and_connect()?;
            let text = pattern(200_000);
            for size in [1023, 1024, 1025, 4096, 4097, 65_536, 65_537, 200_000] {
                peer.expect_echo(&text[..size])?;
            }
            let mut sizes: Vec<_> = (0..40).map(|_| grading.chance().usize(1..100_000)).collect();
            sizes.extend(1..=1000);
            let pieces = || sizes.iter().map(|&size| &text[..size]);
            let expected = pieces().collect::<Vec<_>>().concat();
            peer.call_it(text!(
                "{number} bytes, in {other} pieces",
                number = expected.len(),
                other = sizes.len()
            ));
            peer.trade(pieces(), &expected)?;
            peer.expect_nothing()?;
            // Here a send takes a part, and then nothing for a moment.
            let mut late = grading.connect_narrowest(&program)?;
            let text = pattern(LAST_WORDS);
            late.send(&text)?;
            late.call_it(text!(
                "{last_words} bytes at once; then it receives",
                last_words = LAST_WORDS
            ));
            sleep(Duration::from_millis(50));
            late.expect(&text)?;
            late.expect_echo("and more")
        },
    },
    Check {
        title: "after the client's end: what is left, and then the end",
        usually: advice! {
            More => "The client has sent all that it had, and waits until you have closed. Where \
                recv gives 0 bytes, nothing more comes: send what is kept, take the client out of \
                the map, and close its socket {Rust: (drop it)}.",
            Reset => "The connection was reset. It is, if a socket is closed with bytes in it that \
                nobody received: receive until 0 bytes, and close then. (An event that says that \
                the peer has ended its direction is no reason to close: what came before that is \
                still to be received.)",
            _ => "The client had sent all that it had, and could still receive. What came before \
                its end must come back, and only then do you close: where recv gives 0 bytes and \
                something is kept for this client, remember the end, and close when all is sent. \
                (An event that says that the peer has ended its direction is no reason to close: \
                something may still be there.)",
        },
        run: |grading| {
            let (program, mut peer) = grading.start_and_connect()?;
            peer.send_last("the last words", "the last words")?;
            // Who has nothing to say.
            let mut nobody = grading.connect(&program)?;
            nobody.finish();
            nobody.expect_end()?;
            // More than fits, all of it there before it receives anything.
            let mut late = grading.connect_narrowest(&program)?;
            let (text, words) = (pattern(LAST_WORDS), "all at once");
            late.send(&text)?;
            late.finish();
            late.call_it(text!(
                "{last_words} bytes, {words}, and the end; then it receives",
                last_words = LAST_WORDS,
                words
            ));
            // Whoever closes too early has a moment for it.
            sleep(Duration::from_millis(50));
            late.expect(&text)?;
            late.expect_end()
        },
    },
    Check {
        title: "50 who come at the same moment are all served",
        usually: advice! {
            Refused => NO_ROOM,
            _ => "50 clients came while the program did nothing, and then one of them was not \
                served. One event of the listener can stand for several clients: accept until it \
                would block, each time. (And what came before a socket was registered is there as \
                well.)",
        },
        run: |grading| {
            machine::allow_queue(50)?;
            let program = grading.start()?;
            let mut first = grading.connect(&program)?;
            first.expect_echo("I am here")?;
            let waiting = program.while_stopped(|| -> Outcome<Vec<_>> {
                let connect = |number: usize| {
                    let after = text!("{number} connections at once", number);
                    let mut peer = grading.connect(&program).after(after)?;
                    peer.send(format!("number {number} of 50, all at once"))?;
                    Ok(peer)
                };
                (1..=50).map(connect).collect()
            });
            for (number, mut peer) in (1..).zip(waiting?) {
                peer.expect(format!("number {number} of 50, all at once"))?;
            }
            first.expect_echo("still here")
        },
    },
    Check {
        title: "200 are there at once, each gets its own, and all in one thread",
        usually: advice! {
            More => "The more clients, the more threads (or processes). Here one thread serves all \
                of them: it asks the kernel which sockets are ready {Rust: (`Poll` of mio)}\
                {Python: (selectors, or asyncio)}{C: (epoll, kqueue, poll)}{Java: (a \
                Selector)}{else: (epoll, kqueue, poll, or what your language has on top of \
                them)}, and never waits for a single one.",
            Other => "A client got something that another one had sent, or an old part of its \
                own. What is kept belongs to one client: in a place of its own, found by a number \
                that no other client has, not even one that comes later.",
            _ => "200 clients are there, and this one is not served any more, or was not at all. \
                Look for a fixed number of places: in a list, or in the set of sockets to wait for \
                {C|Python: (select has room for descriptors up to 1023, and poll for as many as \
                you give it)}. How many events come at a time does not matter: the others come \
                next time.",
        },
        run: |grading| {
            machine::allow_files(300)?;
            machine::allow_processes(300)?;
            let (program, mut first) = grading.start_and_connect()?;
            first.expect_echo("I am the first")?;
            let before = thread_number(program.id());
            let mut peers = vec![first];
            // No more at a time than can wait in its queue.
            for part in [2..=50, 51..=100, 101..=150, 151..=200] {
                let there = peers.len();
                for number in part.clone() {
                    let after = text!("{number} who are there", number = number - 1);
                    let mut peer = grading.connect(&program).after(after)?;
                    peer.send(format!("I am number {number}"))?;
                    peers.push(peer);
                }
                let mut new = part.zip(&mut peers[there..]);
                new.try_for_each(|(number, peer)| peer.expect(format!("I am number {number}")))?;
            }
            for _ in 0..3 {
                grading.chance().shuffle(&mut peers);
                let mut parts = Vec::new();
                for peer in &mut peers {
                    let words = sentence(grading.chance());
                    peer.send(&words)?;
                    parts.push(words);
                }
                // In another order.
                let mut both: Vec<_> = peers.iter_mut().zip(parts).collect();
                grading.chance().shuffle(&mut both);
                both.into_iter().try_for_each(|(peer, words)| peer.expect(words))?;
            }
            let after = thread_number(program.id());
            if after > before + some_threads() {
                let expected = text!("about as many threads as with one client: {before}", before);
                let got = text!("{after} threads", after);
                return Err(Wrong::new(How::More, expected, got).after("by 200 clients, words"));
            }
            // One leaves, and another one comes.
            let is_mixed = |it: &Wrong| it.how == How::Other;
            for number in 201..=220 {
                let place = grading.chance().usize(..peers.len());
                let mut left = peers.swap_remove(place);
                let talk = left.talk("I go").and_then(|()| {
                    let mut peer = grading.connect(&program)?;
                    peer.expect_echo(format!("I am number {number}"))?;
                    peers.push(peer);
                    Ok(())
                });
                talk.advice_if(|it| !is_mixed(it), NUMBERS)?;
            }
            let still_here = peers.iter_mut().try_for_each(|peer| peer.expect_echo("still here"));
            still_here.advice_if(|it| !is_mixed(it), NUMBERS)
        },
    },
    Check {
        title: "while nobody says anything, it sleeps",
        usually: advice! {
            "50 clients are there, and say nothing. The program has nothing to do, and does it \
             again and again. The call that asks which sockets are ready can wait until one is: \
             {Rust: `poll(&mut events, None)`}{Python: `select()` without a timeout}{C: a timeout \
             of -1}{else: no timeout}. Ask it only for what you wait for: most sockets can be \
             written to at any time, so (level-triggered) ask for that only while something is \
             kept for this client."
        },
        run: |grading| {
            let (program, mut peers) = (grading.start()?, Vec::new());
            for _ in 0..50 {
                let mut peer = grading.connect(&program)?;
                peer.expect_echo("hello")?;
                peers.push(peer);
            }
            sleeps(&program).after("nothing, by 50 clients")?;
            peers.iter_mut().try_for_each(|peer| peer.expect_echo("still here"))
        },
    },
    Check {
        title: "a client may be silent, or slow to receive, and loses nothing",
        usually: advice! { "A slow client did not get all that it had sent." },
        run: |grading| {
            let aside = grading.after(LONG_FULL)?;
            let mut clients = aside.into_iter().filter_map(|it| it.peer);
            let (Some(mut silent), Some(mut slow)) = (clients.next(), clients.next()) else {
                return Ok(());
            };
            silent.expect_echo("hello?").map_err(|wrong| {
                let sent = text!("nothing for two seconds; then {then}", then = wrong.sent);
                wrong.after(sent).advice(SILENT)
            })?;
            let is_short = |it: &Wrong| matches!(it.how, How::Short | How::Silent);
            slow.expect_late(&much().concat())
                .advice(REST)
                .advice_if(is_short, GOES_ON)
                .advice_if(|it| matches!(it.how, How::End | How::Reset), CLOSED)?;
            slow.expect_end()
        },
    },
    Check {
        title: "who receives nothing holds up nobody",
        usually: advice! {
            "Some clients send and receive nothing, and others were not served. A send that waits \
             waits for one client alone, and the one thread with it; so does a loop that tries \
             again until all is taken. Try once: what is not taken is kept, and sent when an event \
             says that there is room."
        },
        run: |grading| {
            let program = grading.start()?;
            let mut early = grading.connect(&program)?;
            early.expect_echo("I am here")?;
            let _deaf = deaf(grading, &program, FEW)?;
            for _ in 0..20 {
                early.expect_echo("still here").after(OTHERS)?;
                let mut late = grading.connect(&program).after(OTHERS)?;
                late.talk("just for a moment").after(OTHERS)?;
            }
            Ok(())
        },
    },
    Check {
        title: "nor does it keep the program awake",
        usually: advice! {
            "Some clients receive nothing, and one of them has ended its direction as well. \
             Nothing can be done for them just now, and the program does it again and again. Ask \
             only for what you can use: a client from which you receive no more (something is kept \
             for it, or it has ended) is not to be asked for bytes; those that are there, and its \
             end, are ready all the time. And no loop may try again by itself what would block."
        },
        run: |grading| {
            let program = grading.start()?;
            let mut other = grading.connect(&program)?;
            other.expect_echo("I am here")?;
            let _deaf = deaf(grading, &program, FEW)?;
            let mut ended = grading.connect_narrowest(&program)?;
            ended.send(pattern(LAST_WORDS))?;
            ended.finish();
            other.expect_echo("still here").after(OTHERS)?;
            sleeps(&program).after(DEAF)?;
            ended.call_it(text!(
                "{last_words} bytes and the end; a second later it receives",
                last_words = LAST_WORDS
            ));
            ended.expect(pattern(LAST_WORDS)).advice(REST)?;
            ended.expect_end().advice(REST)
        },
    },
    Check {
        title: "and little is kept for who receives nothing",
        usually: advice! {
            More => "Clients send on and on and receive nothing, and the program takes all of it: one \
                client is enough to fill the memory. While something is kept for a client, receive \
                no more from it: then it has to wait. {Node: What write cannot send is kept by \
                Node: if it gives false, pause the socket, and go on at \"drain\".}{Python: In \
                asyncio, what write cannot send is kept for you: await writer.drain() after each.}",
            _ => CLOSED,
        },
        run: |grading| {
            let program = grading.start()?;
            let memory = Memory::of(&program);
            let peers = deaf(grading, &program, MOST)?;
            if peers.iter().any(|(_, length)| *length == MOST) {
                let expected = "a program that receives no more from one who receives nothing";
                let got = text!("it has taken {size} MB", size = MOST >> 20);
                return Err(Wrong::new(How::More, expected, got).after(DEAF));
            }
            let grown = memory.grown();
            if grown > MOST_MEMORY {
                let [most, grown] = [MOST_MEMORY, grown].map(|bytes| bytes >> 20);
                let expected = text!("a program that needs less than {most} MB for it", most);
                let got = text!("{grown} MB more than before", grown);
                return Err(Wrong::new(How::More, expected, got).after(DEAF));
            }
            // They receive now, and miss nothing.
            for (mut peer, length) in peers {
                peer.call_it(text!("{length} bytes, as many as it took; then it receives", length));
                peer.expect(endless(length)).advice(REST)?;
                peer.talk("and more").advice(GOES_ON)?;
            }
            Ok(())
        },
    },
    Check {
        title: "one that breaks off is gone, and nobody else is",
        usually: advice! {
            Other => "This client got bytes that were for another one, which had broken off. What \
                was kept for that one goes when it goes. A number (of a descriptor, or of a place \
                in a list) is used again: nothing of the one who had it before may be left.",
            More => "After clients that broke off, their sockets are still open in the program. On \
                each way out, an error as well: take the client out of the map, and close its \
                socket. {Rust: (It is closed where its owner is dropped.)}",
            _ => "A client broke its connection off, and others were not served any more. Receive \
                or send fails with \"connection reset\" or \"broken pipe\" then: it is the end of \
                this one client (step 12), and never gets out of the loop. {C: A broken pipe ends \
                the whole program by a signal: signal(SIGPIPE, SIG_IGN).}",
        },
        run: break_off,
    },
    Check {
        title: "hundreds who come and go leave nothing open",
        usually: advice! {
            End | Reset => "After some hundred clients no more are served: each gets an end at \
                once. Count those who are there, and not those who have been.",
            _ => LEFT_OPEN,
        },
        run: |grading| {
            machine::allow_files(72)?;
            let program = grading.start_with_files(128)?;
            for round in 0..30 {
                let after = text!("{number} clients, ten at a time", number = 10 * round);
                let ended = |_: &Wrong| program.ended_soon().is_some();
                let ten: Outcome<Vec<_>> = (0..10)
                    .map(|_| {
                        let (mut peer, words) =
                            (grading.connect(&program)?, sentence(grading.chance()));
                        peer.send(&words)?;
                        Ok((peer, words))
                    })
                    .collect();
                for (number, (mut peer, words)) in (0..).zip(ten.after(&after)?) {
                    peer.expect(words).after(&after).advice_if(ended, ENDED)?;
                    match number % 4 {
                        0 => peer.reset(),
                        1 => peer.close(),
                        _ => {
                            peer.finish();
                            peer.expect_end().after(&after)?;
                        }
                    }
                }
            }
            Ok(())
        },
    },
    starts_again(|grading| restarts(grading, |peer| peer.expect_echo("are you there?"))),
];

pub const HINTS: &[&str] = &[
    "Start with the listener alone: make it non-blocking, hand it to {Rust: a `Poll`}{Python: a \
     `selectors.DefaultSelector()`}{Java: a `Selector`}{C: `epoll_create1` (or `poll`)}{else: what \
     your language has for readiness}, and wait. Its event says: accept, until it would block.",
    "Each accepted socket is made non-blocking {Rust: (mio does that)} and registered with a \
     number of its own. A map finds the client by that number: its socket, and the bytes that are \
     kept for it.",
    "One function sees to one client, whatever its event was: if bytes are kept, send them; if \
     none are kept, receive; and so on, until one of the calls would block. Then go back to the \
     loop, and wait. It never waits inside.",
    "A send takes a part, or nothing. Keep the rest, and receive no more from this client until it \
     is gone: so no more than one buffer is kept for each. When there is room again, an event \
     comes{Rust: , if the socket is registered for `READABLE | WRITABLE`: mio's events are \
     edge-triggered, so that costs nothing}{else: ; if it is level-triggered, ask for it only \
     while something is kept}.",
    "recv gives 0 bytes: all that came before was sent, if nothing was kept when you called it. So \
     you can close. An error other than \"would block\" closes this one client, too: take it out of \
     the map.",
];

/// More than a connection of `connect_narrowest` holds.
const LAST_WORDS: usize = 1_200_000;

/// More than any kernel keeps for a connection that is narrow.
const MOST: usize = 48 << 20;

/// More than it keeps here.
const FEW: usize = 8 << 20;

/// A program that needs more than this keeps what it should not.
const MOST_MEMORY: u64 = 64 << 20;

/// Who takes nothing for so long takes no more.
const FULL: Duration = Duration::from_millis(300);

const DEAF: &str = "by 3 clients, all that they can send; they receive nothing";

const OTHERS: &str = "by another one, words, while 3 clients receive nothing";

const REST: &str = "A client received nothing for a while, and then all that came: not everything \
     came. A send that takes a part, or nothing, is no failure, and the client's end is no reason \
     to throw away what is kept for it. Keep the rest, in order, and send it when there is room.";

const GOES_ON: &str = "A client received nothing for a while, and then everything. What was kept \
     for it came; the rest of what it had sent did not. When all that was kept is sent, go on to \
     receive: the bytes have been there all the while, so (edge-triggered) no event says so.";

const CLOSED: &str = "A client that receives nothing is to be waited for. When the kernel takes no \
     more (\"would block\"), keep the rest, and receive no more from this client, so that it does \
     not become too much. That is no reason to close its connection.";

const LOOKS: &str = "The program wakes up again and again to see whether something has come. That \
     is not needed: the call that asks which sockets are ready waits until one of them is, without \
     a timeout.";

/// Of one program so many more than before may have been started by the language itself: Go, say,
/// has one for each processor.
fn some_threads() -> usize {
    let processors = available_parallelism().map_or(1, usize::from);
    20 + processors.min(80)
}

/// It must do nothing, for a while. That is known on Linux only.
fn sleeps(program: &Rc<Program>) -> Outcome {
    const SETTLES: Duration = Duration::from_millis(200);
    const LOOKING: u32 = 30;
    const LOOK: Duration = Duration::from_millis(20);

    let mut wrong = Ok(());
    // (A language may have something to tidy up.)
    for _ in 0..3 {
        sleep(SETTLES);
        let (start, computed, turns) =
            (Instant::now(), time_of(program.id()), turns_of(program.id()));
        let is_busy = (0..LOOKING).filter(|_| {
            sleep(LOOK);
            one_is_busy(std::slice::from_ref(program))
        });
        let is_busy = is_busy.count() > LOOKING as usize * 4 / 5;
        let time = start.elapsed();
        let computed = time_of(program.id()).saturating_sub(computed);
        let turns = turns_of(program.id()).saturating_sub(turns);
        let expected = "a program that sleeps until there is something to do";
        wrong = if is_busy || computed > time / 4 {
            let got = text!("it is at work all the time, for {time}", time = seconds(time));
            Err(Wrong::new(How::More, expected, got))
        } else if u128::from(turns) > time.as_millis() / 4 {
            let got = text!("it wakes up {turns} times in {time}", turns, time = seconds(time));
            Err(Wrong::new(How::More, expected, got).advice(LOOKS))
        } else {
            return Ok(());
        };
    }
    wrong
}

/// What a client says that does not stop: so many bytes of it.
fn endless(length: usize) -> Vec<u8> {
    let some = pattern(1_000_003);
    some.repeat(length / some.len() + 1)[..length].to_vec()
}

/// Three who send as much as the program and the kernel take, and receive nothing; and how much
/// that was of each.
fn deaf(grading: &Grading, program: &Program, most: usize) -> Outcome<Vec<(Peer, usize)>> {
    let all = endless(most);
    let mut peers = Vec::new();
    for _ in 0..3 {
        let peer = grading.connect_narrow(program)?;
        peer.stream().set_nonblocking(true)?;
        peers.push((peer, 0));
    }
    let mut since = Moment::now();
    while since.elapsed() < FULL {
        for (peer, length) in &mut peers {
            let rest = &all[*length..];
            if rest.is_empty() {
                continue;
            }
            match peer.stream().write(&rest[..rest.len().min(1 << 18)]) {
                Ok(taken) => {
                    *length += taken;
                    since = Moment::now();
                }
                Err(error) if is_timeout(&error) || error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let expected = "a connection that stays open";
                    let wrong = Wrong::new(How::Reset, expected, in_words(&error));
                    let wrong =
                        wrong.after(text!("{length} bytes; it receives nothing", length = *length));
                    return Err(wrong.advice(CLOSED));
                }
            }
        }
        sleep(Duration::from_millis(1));
    }
    for (peer, _) in &peers {
        peer.stream().set_nonblocking(false)?;
    }
    Ok(peers)
}

/// They do, in several ways, while others talk.
fn break_off(grading: &mut Grading) -> Outcome {
    let program = grading.start()?;
    let mut other = grading.connect(&program)?;
    other.expect_echo("I am here")?;
    let files = open_files(program.id());
    let mut goes_on = |after: &'static str| {
        other
            .expect_echo("still here")
            .after(text!("{after}; then words, by another one", after))?;
        let mut next = grading.connect(&program)?;
        next.talk("I am new").after(text!("{after}; then words, by the next one", after))?;
        next.close();
        Ok::<_, Wrong>(())
    };
    for _ in 0..10 {
        // One that has talked, ...
        let mut peer = grading.connect(&program)?;
        peer.expect_echo("hello")?;
        peer.reset();
        goes_on("a reset")?;
        // ... one that has not, ...
        grading.connect(&program)?.close();
        // ... and those that are gone before the program can see it.
        program.while_stopped(|| -> Outcome {
            for _ in 0..3 {
                let mut peer = grading.connect(&program)?;
                peer.send("is anybody there?")?;
                peer.reset();
            }
            Ok(())
        })?;
        goes_on("a reset while the program did not run")?;
    }
    for _ in 0..5 {
        // Here something is kept for it.
        let mut peer = grading.connect_narrowest(&program)?;
        peer.send(pattern(LAST_WORDS))?;
        peer.reset();
        goes_on("by one that receives nothing, 1200000 bytes, and a reset")?;
        let mut peer = grading.connect_narrowest(&program)?;
        peer.send(pattern(LAST_WORDS))?;
        peer.finish();
        peer.close();
        goes_on("by one that receives nothing, 1200000 bytes, its end, and a close")?;
    }
    let wait = grading.bench().clock.wait(PATIENCE);
    while open_files(program.id()) > files + 8 && wait.left().is_some() {
        sleep(Duration::from_millis(5));
    }
    let open = open_files(program.id());
    if open > files + 8 {
        let got =
            text!("{number} more than before them", number = plural(open - files, "open file"));
        let expected = "no more open files than before those who broke off";
        return Err(Wrong::new(How::More, expected, got).after("clients that were reset"));
    }
    sleeps(&program).after("first, clients that broke off; then nothing").advice(GONE)
}

const NO_ROOM: &str = "50 clients connected at the same moment, and there was no room for them. The \
     number that listen gets is how many can wait (step 3): give it 100. (And the listener stays \
     open for as long as the program runs.)";

const NUMBERS: &str = "When clients leave and others come, a client that is there is served no more, \
     or its connection is closed: another one has its place. The number by which a client is \
     found must be its own for as long as it is there. (How many there are is no such number, as \
     soon as somebody has left.)";

const GONE: &str = "Clients have broken off, and since then the program is at work all the time. A \
     socket that has ended or failed is ready for ever: take it out of what you wait for, and close \
     it.";
