//! Calls: `recv`, `send`.
//! Idea: bytes, until 0.
//! Usual mistake: one receive taken for one message.

use fastrand::Rng;
use socket2::Type;

use crate::contents::{bytes, cut, lines, sentence};
use crate::exercise::{Check, advice};
use crate::grading::{Grading, NO_ROOM};
use crate::machine;
use crate::patience::{LONG_FULL, Pace, SILENT, SLOW};
use crate::program::Program;
use crate::wire::{NO_ANSWER, Peer, pattern};
use crate::words::text;
use crate::wrong::{Explain as _, How, Outcome, Wrong};

pub const CHECKS: &[Check] = &[
    Check {
        title: "what a client sends comes back",
        usually: advice! {
            Silent => "Nothing came back. After accept: receive into a buffer, and send the bytes \
                that came. Who waits for a buffer full, for a line ending or for the end of the \
                stream, waits forever here; and what is kept in a buffer ahead of the socket must \
                be flushed each time.",
            Other => "Something else came back. Send the bytes that came, and as many as came: \
                recv says how many.",
            More => "More came back than was sent. Send as many bytes as came, and nothing behind \
                them, no line ending either: recv says how many. The rest of the buffer is from \
                before.",
            _ => "The conversation ended too early. After accept: receive, send back what came, \
                and keep the connection until the client has finished. (If a receive does not \
                wait, that there is nothing yet is no end: EAGAIN.)",
        },
        run: |grading| {
            let (program, mut peer) = grading.start_and_connect()?;
            // It is accepted, and has said nothing yet.
            peer.send_alone(b"")?;
            let is_among_others =
                |it: &Wrong| it.how == How::Other && it.got.english().contains("hello");
            peer.expect_echo(b"hello").advice_if(is_among_others, AMONG_OTHERS)?;
            peer.expect_nothing()?;
            // It is silent from now on.
            grading.set_aside(program, Some(peer));
            Ok(())
        },
    },
    Check {
        title: "so do more messages, whatever they say",
        usually: advice! {
            Other => "Bytes of an earlier message came back again. Send only the first n bytes of \
                the buffer, where n is what recv gave this time.",
            _ => "It answered once, and then no more. One receive is not the whole conversation: \
                receive and send in a loop, until recv gives 0 bytes. (One that brings less than \
                there is room for is no end either.)",
        },
        run: |grading| {
            let program = grading.start()?;
            let mut peer = connect_narrow(grading, &program)?;
            for message in ["a longer message", "short", "x"] {
                // What follows it is what a buffer still had.
                let is_behind = |it: &Wrong| {
                    it.how == How::Other && it.got.english().ends_with(&format!("{message}\""))
                };
                peer.expect_echo(message).advice_if(is_behind, AMONG_OTHERS)?;
            }
            let mut pace = Pace::of(&program);
            for message in whatever(grading.chance()) {
                expect_same(&mut peer, &message)?;
                pace.answered()?;
            }
            peer.expect_nothing()?;
            grading.is_nowhere_else(&program, Type::STREAM)?;
            // From now on it sends, and receives nothing.
            peer.send_meanwhile(much())?;
            grading.set_aside(program, Some(peer));
            Ok(())
        },
    },
    Check {
        title: "text that is cut inside a character comes back the same",
        usually: advice! {
            Silent | Short => "It waits for more: for a whole character, or a whole line. An echo \
                needs no text. Send back the bytes that came, and do not decode them.",
            _ => "A receive can end inside a character, and half a character is not valid UTF-8. \
                An echo needs no text: send the bytes back as they came, and do not decode them.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            for byte in "你好, 世界 🌍".as_bytes().chunks(1) {
                peer.expect_echo(byte)?;
            }
            Ok(())
        },
    },
    Check {
        title: "so do bytes that are no text at all",
        usually: advice! {
            Short | Silent => "Some of the bytes are missing. A byte of 0 is a byte as any other, \
                and ends nothing: trust the number that recv gives{C: , and not strlen}. Nor do all \
                bytes decode.",
            _ => "Not all bytes are text: decoding fails, or puts other bytes in their place. Send \
                back what is in the buffer, as it is.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            let all: Vec<u8> = (0..=255).rev().collect();
            peer.expect_echo(&all)?;
            let any = bytes(grading.chance(), 500);
            for piece in cut(grading.chance(), &any, 20) {
                peer.expect_echo(piece)?;
            }
            Ok(())
        },
    },
    Check {
        title: "every size from 1 to 4096 comes back whole",
        usually: advice! {
            Short | Silent => "A part is missing. What is longer than your buffer comes with the \
                next receive: send back each part, until recv gives 0. And send may take only a \
                part of what it is given: {Rust: write_all sends}{Python: sendall sends}{else: send} \
                the rest, too.",
            Other => "The bytes are not in order, or some are from before. Send exactly the first \
                n bytes of the buffer, where n is what recv gave.",
            _ => "The conversation ended in the middle. A message may be longer than the buffer, \
                and then there is the next one: only 0 bytes are the end. (A receive into a buffer \
                without room gives 0, too: give it the whole buffer each time.)",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            let text = pattern(5000);
            for size in [1023, 1024, 1025, 2048, 2049, 4096, 5000] {
                peer.expect_echo(&text[..size])?;
            }
            for _ in 0..5 {
                let length = grading.chance().usize(1..50_000);
                peer.expect_echo(bytes(grading.chance(), length))?;
            }
            let pieces = || (1..=4096).map(|size| &text[..size]);
            let expected = pieces().collect::<Vec<_>>().concat();
            peer.call_it("1 byte, 2 bytes, 3 bytes, ... 4096 bytes");
            peer.trade(pieces(), &expected)
                .advice_if(|it| matches!(it.how, How::End | How::Reset), MILLIONS)?;
            peer.expect_nothing()
        },
    },
    // ANCHOR: a_check
    Check {
        title: "after the client's end: what is left, and then the end",
        usually: advice! {
            More => "The client has sent all that it had, and waits until you have closed. Where \
                recv gives 0 bytes, nothing more comes: leave the loop, and close the connection \
                {Rust: (drop it)}. It must not be kept anywhere else.",
            Reset => "The connection was reset. It is, if a socket is closed with bytes in it that \
                nobody received: receive until 0 bytes, and close then. (And with SO_LINGER of 0: \
                close without that.)",
            _ => "The client had sent all that it had, and could still receive. What came before \
                its end must come back, and only then do you close the connection.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            peer.send_last("the last words", "the last words")
        },
    },
    // ANCHOR_END: a_check
    Check {
        title: "it waits for a client that is slow to read, or to speak",
        usually: advice! { "The conversation of a slow client ended too early." },
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
            let is_cut = |it: &Wrong| it.how == How::End;
            slow.expect_late(&much().concat()).advice(SLOW).advice_if(is_cut, CUT_OFF)?;
            slow.expect_end()
        },
    },
    Check {
        title: "50 who come meanwhile wait and are served, and so are all who follow",
        usually: advice! {
            Refused => "Others could not connect while the first one was served. The listener must \
                stay open for as long as the server runs: create it once, ahead of the loop, and \
                do not {Rust: drop}{else: close} it.",
            _ => "The first client was served, and this one was not. Others wait in the queue of \
                the listener meanwhile. After a conversation go back to accept: the loop for the \
                clients is around the loop for the bytes. (With a thread for each client, each has \
                a socket of its own.)",
        },
        run: |grading| {
            machine::allow_queue(50)?;
            machine::allow_files(72)?;
            let program = grading.start_with_files(128)?;
            let mut first = grading.connect(&program)?;
            first.expect_echo("I am the first")?;
            let mut others = Vec::new();
            for number in 1..=50 {
                let mut peer = grading
                    .connect(&program)
                    .after(text!("{number} who wait, and one who is served", number = number - 1))
                    .advice_if(|it| it.got == NO_ANSWER, NO_ROOM)?;
                peer.send(format!("I am number {number}"))?;
                peer.finish();
                others.push(peer);
            }
            let is_lost = |it: &Wrong| it.how != How::More && program.ended().is_none();
            first.talk("and now I go").advice_if(is_lost, MIXED)?;
            for (number, mut peer) in (1..).zip(others) {
                peer.expect(format!("I am number {number}"))?;
                peer.expect_end()?;
                peer.close();
            }
            for number in 51..=150 {
                let words = sentence(grading.chance());
                let ended = |_: &Wrong| program.ended_soon().is_some_and(|it| it.success());
                let talk = grading.connect(&program).and_then(|mut peer| peer.talk(&words));
                talk.after(text!("{number} clients, one after the other", number))
                    .advice(LEFT_OPEN)
                    .advice_if(ended, ENDED)?;
            }
            Ok(())
        },
    },
];

/// What is no end, though some take it for one.
pub const ENDS_NOTHING: [&str; 7] = ["quit", "0", "\n", " ", "quit\n", "exit\r\n", "\n\nbye\n"];

/// The same, and texts by chance, each with a line ending or without.
pub fn whatever(chance: &mut Rng) -> Vec<String> {
    let endings = ["", "\n", "\r\n"];
    let texts = lines(chance).into_iter().map(|text| text + endings[chance.usize(..3)]);
    // Nothing cannot be sent.
    let texts = texts.filter(|text| !text.is_empty());
    ENDS_NOTHING.map(str::to_owned).into_iter().chain(texts).collect()
}

/// Connects a socket for which the program's kernel keeps some megabytes, and then, on Linux, not a
/// byte more: a send with a limit of a second, repeated for the rest, fails after two.
pub fn connect_narrow(grading: &Grading, program: &Program) -> Outcome<Peer> {
    grading.connect_with(program, |socket| {
        #[cfg(unix)]
        socket.set_tcp_mss(16_000)?;
        let _ = socket;
        Ok(())
    })
}

/// More than that, in pieces of which each has a number.
pub fn much() -> Vec<Vec<u8>> {
    let piece = |number| format!("{number:-<10000}").into_bytes();
    (0..800).map(piece).collect()
}

pub const LEFT_OPEN: &str = "Many clients were served, and then one was not. Most often the \
     sockets of those before are still open in the program, and it has no descriptors left (\"too \
     many open files\"): close each client's socket when its conversation is over. To end a \
     direction (shutdown) does not close it.";

pub const ENDED: &str = "The program has ended by itself: no client is the last one. Accept \
     clients in a loop that has no end.";

pub const WORDS: &str = "Words mean nothing here: \"quit\", a line ending by itself or a blank is \
     a message as any other, and comes back. Only a receive of 0 bytes is the client's end.";

const ZERO: &str = "A message of the one byte \"0\" is none of 0 bytes: it comes back as any other. \
     {Perl: \"0\" is false: ask for the length of what came.}{Rust|Python|C|Node|Java: }\
     {else: (In PHP \"0\" is false: ask for the length of what came.)}";

const AMONG_OTHERS: &str = "The bytes came back, and others with them. Send back what came, and \
     nothing ahead of it or behind it.";

const MIXED: &str = "The first client was served until others came, and then no more. Each client has \
     a socket of its own. With a thread for each (or a callback), each conversation keeps its \
     socket in a variable of its own, and not in one that all of them share.";

const CHANGED: &str = "The text came back changed. Send it back as it is, with its blanks and its \
     line endings (\\r\\n as well as \\n): nothing is stripped or taken apart, and the connection \
     is none of text, in which line endings are put in the place of others.";

const TEXT: &str = "Text of another script did not come back as it was. An echo needs no text: \
     send back the bytes that came, and do not decode them.";

const MILLIONS: &str = "The conversation ended in the middle of millions of bytes. Only 0 bytes \
     from recv are the end: there is no most for all that a client sends. (But a receive into a \
     buffer without room gives 0, too: give it the whole buffer each time.)";

const CUT_OFF: &str = "The client received nothing for a while, and then all that came: not \
     everything came before the connection was closed. When there is no room, a send waits, or it \
     takes a part, or fails (EAGAIN), and the rest is still to be sent. At the client's end, too, \
     first send all that is left, and close then {Node: (with end, and not with destroy)}.";

/// A message that means nothing comes back as it is.
pub fn expect_same(peer: &mut Peer, message: &str) -> Outcome {
    peer.expect_echo(message).map_err(|wrong| {
        let advice = match wrong.how {
            _ if !message.is_ascii() => TEXT,
            How::End | How::Reset | How::Silent if message == "0" => ZERO,
            How::Other | How::Short | How::More => CHANGED,
            _ => WORDS,
        };
        wrong.advice(advice)
    })
}

pub const HINTS: &[&str] = &[
    "Four calls until the first client is there: {Rust: Socket::new}{else: socket}, bind, listen, \
     accept. Then two loops: the outer one accepts a client, the inner one receives and sends.",
    "{Rust: A socket can be read with std's `Read`: `conversation.read(&mut buffer)?` gives how \
     many bytes came. `&buffer[..length]` are these bytes.}{Python: `data = client.recv(1024)` \
     gives what came: any number of bytes up to 1024.}{else: recv says how many bytes came: send \
     back that many of the buffer.}",
    "{Rust: `write_all` (std's `Write`) sends all of a slice. 0 from `read` is the end of the \
     stream}{Python: `sendall` sends all of it. No bytes from `recv` are the end of the \
     stream}{else: send may take a part only: send the rest as well. 0 from recv is the end of \
     the stream}: leave the inner loop.",
    "Put the conversation into a function of its own {Rust: that gives an `io::Result<()>`. In it \
     `?` is right}. Whoever calls it prints the error, and goes on with the next client.",
];
