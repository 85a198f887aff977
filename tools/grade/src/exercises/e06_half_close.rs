//! Calls: `shutdown`.
//! Idea: who says when that it has finished.
//! Usual mistake: closing with bytes on the way.

use crate::exercise::{Check, advice};
use crate::exercises::e05_echo::{ENDS_NOTHING, WORDS};
use crate::grading::Grading;
use crate::patience::Silent;
use crate::program::Program;
use crate::wire::pattern;
use crate::wrong::{Explain as _, Outcome};

pub const CHECKS: &[Check] = &[
    Check {
        title: "up to 1000 bytes it is an echo server",
        usually: advice! {
            Silent | Short => "Bytes did not come back. Send back what each receive brings as soon \
                as it comes; don't wait until there are 1000 bytes, or for the client's end.",
            End | Reset => "The conversation ended before there were 1000 bytes. Count bytes, not \
                receives; the client decides when it has sent enough.",
            _ => "Other bytes came back than were sent. Send exactly the bytes that this receive \
                brought: the first n of the buffer.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            for message in ["hello", "a second one", "and a third"] {
                peer.expect_echo(message)?;
            }
            for message in ENDS_NOTHING {
                peer.expect_echo(message).advice(WORDS)?;
            }
            peer.expect_nothing()
        },
    },
    Check {
        title: "a client that ends earlier gets the end, too",
        usually: advice! {
            More => "The client has ended its direction with fewer than 1000 bytes, and waits for \
                the end of yours. Test for 0 bytes, and close the connection then.",
            _ => "The client ended its direction with fewer than 1000 bytes, and could still \
                receive: first its bytes, then your end of the stream.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            peer.send_last("that is all", "that is all")
        },
    },
    Check {
        title: "after 1000 bytes, sent at once, it ends its direction",
        usually: advice! {
            More => "1000 bytes have come back, and the client waits for the end of your \
                direction. Half-close as soon as you have sent them: shutdown for writing \
                (SHUT_WR). Don't wait for anything before that.",
            _ => "1000 bytes were sent, and 1000 are to come back, and then the end of the stream: \
                count the bytes, and half-close after the last one, not before.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            peer.expect_echo(pattern(1000))?;
            peer.expect_end()
        },
    },
    Check {
        title: "so it does when they come in many pieces",
        usually: advice! {
            More => "1000 bytes came in pieces of 7. Add up what all receives of this client have \
                brought: the 1000 are not those of one receive.",
            _ => "1000 bytes came in pieces of 7, each of which is to come back. Count bytes, and \
                not receives.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            for piece in pattern(1000).chunks(7) {
                peer.expect_echo(piece)?;
            }
            peer.call_it("1000 bytes, 7 at a time");
            peer.expect_end()
        },
    },
    Check {
        title: "of 1024 bytes, 1000 come back and not one more",
        usually: advice! {
            More => "More than 1000 bytes came back. One receive can bring more than what is left \
                of the 1000: send only so many of them.",
            Reset => RESET,
            _ => "Of 1024 bytes, the first 1000 are to come back, and then your end of the stream. \
                The other 24 are thrown away.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            let text = pattern(1024);
            peer.expect_echo(&text[..990])?;
            peer.send(&text[990..])?;
            peer.call_it("990 bytes, and then 34 more");
            peer.expect(&text[990..1000])?;
            peer.expect_end()
        },
    },
    Check {
        title: "a client that is still sending is not reset",
        usually: advice! {
            Silent | Short => "The client sent much more than 1000 bytes, and waits in send, or \
                for what is to come back: nobody receives. Send back the first 1000 at once. After \
                the half-close, receive and throw away what comes, until there are 0 bytes.",
            More => "The client sent much more than 1000 bytes: 1000 come back and no more, and \
                then the end of the stream, before the client has finished.",
            _ => RESET,
        },
        run: |grading| {
            let program = grading.start()?;
            let text = pattern(200_000);
            // Much more is on its way already, ...
            let mut peer = grading.connect(&program)?;
            peer.send(&text)?;
            peer.expect(&text[..1000])?;
            peer.expect_end()?;
            peer.finish();
            // ... or follows when the client has got the end.
            let (_, mut peer) = grading.start_and_connect()?;
            peer.expect_echo(&text[..1000])?;
            peer.expect_end()?;
            for _ in 0..100 {
                peer.send(&text)?;
                peer.call_it("200000 more bytes after the end that it got");
            }
            peer.finish();
            peer.expect_end()
        },
    },
    Check {
        title: "a client may be silent for a while, before its 1000 bytes and after",
        usually: advice! {
            "A client that was silent for more than a second was given up. It can be silent for \
             as long as it likes, also after your half-close: no receive has a limit, not even \
             those whose bytes are thrown away."
        },
        run: |grading| {
            // Two runs of the program, so that both clients are silent at the same time.
            let (_before, mut early) = grading.start_and_connect()?;
            early.expect_echo("hello")?;
            let early = Silent::new(&mut early);
            let (_after, mut late) = grading.start_and_connect()?;
            late.expect_echo(pattern(1000))?;
            late.expect_end()?;
            let late = Silent::new(&mut late);
            early.then(|peer| {
                peer.expect_echo(pattern(995))?;
                peer.expect_end()
            })?;
            late.then(|peer| {
                for _ in 0..10 {
                    peer.send(pattern(200_000))?;
                    peer.call_it("200000 more bytes after the end that it got");
                }
                peer.finish();
                peer.expect_end()
            })
        },
    },
    Check {
        title: "the next client has its own 1000 bytes",
        usually: advice! {
            End | Other | More => "The second client did not get its 1000 bytes. The count belongs \
                to a conversation: begin each at 0.",
            _ => "The second client was not served. When the first one has ended its direction as \
                well, close that connection and go back to accept.",
        },
        run: |grading| {
            let program = grading.start()?;
            for _ in 0..3 {
                talk(grading, &program)?;
            }
            Ok(())
        },
    },
];

pub const HINTS: &[&str] = &[
    "Begin with an echo server (the exercise 05_echo), and count the bytes that you have sent \
     back.",
    "Of one receive, send back at most what is left: `let taken = length.min(left)`.",
    "`client.shutdown(Shutdown::Write)?` ends your direction only: the client reads an end of the \
     stream, and can go on sending.",
    "After that a loop that receives until 0, and does nothing with what comes. Then the \
     connection can be closed.",
];

const RESET: &str = "The connection was reset. That happens when a socket is closed while the \
     client is still sending (or with bytes in it that nobody received), and when it is shut down \
     for reading, too. After 1000 bytes end only your own direction; then receive until 0 bytes, \
     and close after that.";

/// A whole conversation, to the end of both directions.
fn talk(grading: &Grading, program: &Program) -> Outcome {
    let mut peer = grading.connect(program)?;
    peer.expect_echo(pattern(1000))?;
    peer.expect_end()?;
    peer.send(b"a last word")?;
    peer.finish();
    Ok(())
}
