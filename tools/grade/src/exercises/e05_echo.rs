//! Calls: `recv`, `send`.
//! Idea: bytes, until 0.
//! Usual mistake: one receive taken for one message.

use crate::exercise::{Check, advice};
use crate::grading::NO_ROOM;
use crate::machine;
use crate::patience::{much, waits_for_the_slow};
use crate::wire::{NO_ANSWER, Peer, pattern};
use crate::wrong::Explain as _;

pub const CHECKS: &[Check] = &[
    Check {
        title: "what a client sends comes back",
        usually: advice! {
            Silent => "Nothing came back. After accept: receive into a buffer, and send the bytes \
                that came. Who waits for a buffer full, for a line ending or for the end of the \
                stream, waits forever here.",
            Other | More => "Something else came back. Send the bytes that came, and as many as \
                came: recv says how many. The rest of the buffer is from before.",
            _ => "The conversation ended too early. After accept: receive, send back what came, \
                and keep the connection until the client has finished.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            peer.expect_echo(b"hello")?;
            peer.expect_nothing()
        },
    },
    Check {
        title: "so do a second and a third message",
        usually: advice! {
            Other => "Bytes of an earlier message came back again. Send only the first n bytes of \
                the buffer, where n is what recv gave this time.",
            _ => "It answered once, and then no more. One receive is not the whole conversation: \
                receive and send in a loop, until recv gives 0 bytes.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            for message in ["a longer message", "short", "x"] {
                peer.expect_echo(message)?;
            }
            for message in ENDS_NOTHING {
                peer.expect_echo(message).advice(WORDS)?;
            }
            peer.expect_nothing()
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
                and ends nothing: trust the number that recv gives, and not strlen. Nor do all \
                bytes decode.",
            _ => "Not all bytes are text: decoding fails, or puts other bytes in their place. Send \
                back what is in the buffer, as it is.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            let all: Vec<u8> = (0..=255).rev().collect();
            peer.expect_echo(&all)
        },
    },
    Check {
        title: "every size from 1 to 4096 comes back whole",
        usually: advice! {
            Short | Silent => "A part is missing. What is longer than your buffer comes with the \
                next receive: send back each part, until recv gives 0. And send may take only a \
                part of what it is given: write_all sends the rest, too.",
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
            let pieces = || (1..=4096).map(|size| &text[..size]);
            let expected = pieces().collect::<Vec<_>>().concat();
            peer.call_it("1 byte, 2 bytes, 3 bytes, ... 4096 bytes");
            peer.trade(pieces(), &expected)?;
            peer.expect_nothing()
        },
    },
    Check {
        title: "after the client's end: what is left, and then the end",
        usually: advice! {
            More => "The client has sent all that it had, and waits until you have closed. Where \
                recv gives 0 bytes, nothing more comes: leave the loop, and close the connection \
                (drop it). It must not be kept anywhere else.",
            Reset => "The connection was reset. It is, if a socket is closed with bytes in it that \
                nobody received: receive until 0 bytes, and close then.",
            _ => "The client had sent all that it had, and could still receive. What came before \
                its end must come back, and only then do you close the connection.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            peer.send_last("the last words", "the last words")
        },
    },
    Check {
        title: "it waits for a client that is slow to read, or to speak",
        usually: advice! { "The conversation of a slow client ended too early." },
        run: |grading| {
            let much = much();
            let talk = |peer: &mut Peer| peer.expect_echo("hello");
            waits_for_the_slow(grading, b"", talk, &much, &much.concat())
        },
    },
    Check {
        title: "50 who come meanwhile wait, and are served in turn",
        usually: advice! {
            Refused => "Others could not connect while the first one was served. The listener must \
                stay open for as long as the server runs: create it once, ahead of the loop, and \
                do not drop it.",
            _ => "The first client was served, and this one was not. Others wait in the queue of \
                the listener meanwhile. After a conversation go back to accept: the loop for the \
                clients is around the loop for the bytes. (With a thread for each client, each has \
                a socket of its own.)",
        },
        run: |grading| {
            machine::allow_queue(50)?;
            machine::allow_files(72)?;
            let (program, mut first) = grading.start_and_connect()?;
            first.expect_echo("I am the first")?;
            let mut others = Vec::new();
            for number in 1..=50 {
                let mut peer = grading
                    .connect(&program)
                    .after(format!("{} who wait, and one who is served", number - 1))
                    .advice_if(|it| it.got == NO_ANSWER, NO_ROOM)?;
                peer.send(format!("I am number {number}"))?;
                peer.finish();
                others.push(peer);
            }
            first.talk("and now I go")?;
            for (number, peer) in (1..).zip(&mut others) {
                peer.expect(format!("I am number {number}"))?;
                peer.expect_end()?;
            }
            Ok(())
        },
    },
];

/// What is no end, though some take it for one.
pub const ENDS_NOTHING: [&str; 6] = ["quit", "\n", " ", "quit\n", "exit\r\n", "\n\nbye\n"];

pub const WORDS: &str = "Words mean nothing here: \"quit\", a line ending by itself or a blank is a message \
     as any other. Only a receive of 0 bytes is the client's end.";

pub const HINTS: &[&str] = &[
    "Four calls until the first client is there: Socket::new, bind, listen, accept. Then two \
     loops: the outer one accepts a client, the inner one receives and sends.",
    "A socket can be read with std's `Read`: `conversation.read(&mut buffer)?` gives how many \
     bytes came. `&buffer[..length]` are these bytes.",
    "`write_all` (std's `Write`) sends all of a slice. 0 from `read` is the end of the stream: \
     leave the inner loop.",
    "Put the conversation into a function of its own that gives an `io::Result<()>`. In it `?` is \
     right. Whoever calls it prints the error, and goes on with the next client.",
];
