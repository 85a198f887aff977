//! Calls: `shutdown`.
//! Idea: who says when that it has finished.
//! Usual mistake: closing with bytes on the way.

use socket2::Type;

use crate::contents::{bytes, cut};
use crate::exercise::{Check, advice};
use crate::exercises::e05_echo::{ENDED, LEFT_OPEN, expect_same, whatever};
use crate::patience::{LONG_SILENCE, Pace};
use crate::program::{Program, ending};
use crate::wire::pattern;
use crate::words::text;
use crate::wrong::{Explain as _, How, Wrong};

/// So many bytes a client sends that is silent before the rest of its 1000.
const BEFORE: usize = 900;

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
            let (program, mut peer) = grading.start_and_connect()?;
            let mut sent = 0;
            for message in ["hello", "a second one", "and a third"] {
                peer.expect_echo(message)?;
                sent += message.len();
            }
            let mut pace = Pace::of(&program);
            for message in whatever(grading.chance()) {
                if sent + message.len() <= BEFORE {
                    expect_same(&mut peer, &message)?;
                    sent += message.len();
                    pace.answered()?;
                }
            }
            peer.expect_echo(bytes(grading.chance(), BEFORE - sent)).advice(NO_TEXT)?;
            peer.expect_nothing()?;
            grading.is_nowhere_else(&program, Type::STREAM)?;
            // It is silent from now on.
            grading.set_aside(program, Some(peer));
            Ok(())
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
            for length in [12, 999] {
                let (_, mut peer) = grading.start_and_connect()?;
                let text = bytes(grading.chance(), length);
                peer.send_last(&text, &text)?;
            }
            // One that says nothing at all.
            let (_, mut peer) = grading.start_and_connect()?;
            peer.finish();
            peer.expect_end()
        },
    },
    Check {
        title: "after 1000 bytes, sent at once, it ends its direction",
        usually: advice! {
            More => "1000 bytes have come back, and the client waits for the end of your \
                direction. Half-close as soon as you have sent them: shutdown for writing \
                (SHUT_WR). Don't wait for anything before that. (To close a file object, or one \
                of two descriptors, ends no direction.)",
            _ => "1000 bytes were sent, and 1000 are to come back, and then the end of the stream: \
                count the bytes, and half-close after the last one, not before.",
        },
        run: |grading| {
            let (program, mut peer) = grading.start_and_connect()?;
            peer.expect_echo(pattern(1000))?;
            peer.expect_end().map_err(|wrong| {
                let is_open = wrong.how == How::More && !wrong.got.english().starts_with("more");
                if !is_open || peer.send([b'x'; 24]).is_err() {
                    return wrong;
                }
                // What do some more bytes bring?
                match peer.expect_end() {
                    Ok(()) => wrong.advice(NOT_LATER).at(None),
                    Err(then) if then.got.english().starts_with("more") => {
                        wrong.advice(COUNTS_FURTHER).at(None)
                    }
                    Err(_) => wrong,
                }
            })?;
            // It is silent from now on, as well.
            grading.set_aside(program, Some(peer));
            Ok(())
        },
    },
    Check {
        title: "so it does when they come in pieces, however they are cut",
        usually: advice! {
            More => "1000 bytes came in pieces. Add up what all receives of this client have \
                brought: the 1000 are not those of one receive.",
            _ => "1000 bytes came in pieces, each of which is to come back. Count bytes, and \
                not receives.",
        },
        run: |grading| {
            for number in [143, 2, 3, 10] {
                let (_, mut peer) = grading.start_and_connect()?;
                let text = bytes(grading.chance(), 1000);
                for piece in cut(grading.chance(), &text, number) {
                    peer.expect_echo(piece)?;
                }
                peer.call_it(text!("1000 bytes in {number} pieces", number));
                peer.expect_end()?;
                peer.finish();
            }
            Ok(())
        },
    },
    Check {
        title: "each client has its own 1000 bytes, and there is always a next one",
        usually: advice! {
            End | Other | More => "The second client did not get its 1000 bytes. The count belongs \
                to a conversation: begin each at 0.",
            _ => "The second client was not served. When the first one has ended its direction as \
                well (a receive gives 0 bytes, also where you throw away what comes: leave the \
                loop), close that connection and go back to accept.",
        },
        run: |grading| {
            let program = grading.start_with_files(128)?;
            let mut pace = Pace::of(&program);
            for round in 1..=70 {
                let mut talk = || {
                    let text = bytes(grading.chance(), 1000);
                    // One that ends earlier, and one that does not.
                    let mut peer = grading.connect(&program)?;
                    peer.send_last(&text[..300], &text[..300])?;
                    let mut peer = grading.connect(&program)?;
                    peer.expect_echo(&text)?;
                    peer.expect_end()?;
                    peer.send(b"a last word")?;
                    peer.finish();
                    Ok(())
                };
                let talk = talk();
                let number = 2 * (round - 1);
                let has_ended = || program.ended_soon().is_some();
                talk.map_err(|wrong: Wrong| match round {
                    _ if sent_too_late(&program) => wrong.advice(SENT_TOO_LATE),
                    1 if has_ended() => wrong.advice(ENDED_EARLY),
                    1 | 2 => wrong,
                    _ => {
                        let sent = text!(
                            "{number} clients, one after the other; then {then}",
                            number,
                            then = wrong.sent
                        );
                        let ended = |_: &_| program.ended_soon().is_some_and(|it| it.success());
                        wrong.after(sent).advice(LEFT_OPEN).advice_if(ended, ENDED)
                    }
                })?;
                pace.answered()?;
            }
            Ok(())
        },
    },
    Check {
        title: "of more than 1000 bytes, 1000 come back and not one more",
        usually: advice! {
            More => "More than 1000 bytes came back. One receive can bring more than what is left \
                of the 1000: send only so many of them.",
            Reset => RESET,
            _ => "Of more than 1000 bytes, the first 1000 are to come back, and then your end of \
                the stream. What one receive brings can belong to them in part: send that part, \
                and throw away the others only.",
        },
        run: |grading| {
            // The first receive may have any part of them, the second one what is left.
            for first in [990, 999, grading.chance().usize(1..1000), 0] {
                let (_, mut peer) = grading.start_and_connect()?;
                let more = grading.chance().usize(1..=24);
                let text = bytes(grading.chance(), 1000 + more);
                peer.expect_echo(&text[..first])?;
                peer.send(&text[first..])?;
                let rest = 1000 + more - first;
                peer.call_it(text!("{first} bytes, and then {rest} more", first, rest));
                peer.expect(&text[first..1000])?;
                peer.expect_end()?;
            }
            Ok(())
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
            let aside = grading.after(LONG_SILENCE)?;
            let mut clients = aside.into_iter().filter_map(|it| it.peer);
            let (Some(mut early), Some(mut late)) = (clients.next(), clients.next()) else {
                return Ok(());
            };
            let silence = |wrong: Wrong| {
                let sent = text!("nothing for two seconds; then {then}", then = wrong.sent);
                wrong.after(sent)
            };
            early.expect_echo(pattern(1000 - BEFORE)).map_err(silence)?;
            early.expect_end().map_err(silence)?;
            let mut rest = || {
                for _ in 0..10 {
                    late.send(pattern(200_000))?;
                    late.call_it("200000 more bytes after the end that it got");
                }
                late.finish();
                late.expect_end()
            };
            rest().map_err(silence)
        },
    },
];

pub const HINTS: &[&str] = &[
    "Begin with an echo server (the exercise 05_echo), and count the bytes that you have sent \
     back.",
    "Of one receive, send back at most what is left{Rust: : `let taken = \
     length.min(left)`}{Python: : `data[:left]`}.",
    "{Rust: `client.shutdown(Shutdown::Write)?`}{Python: `client.shutdown(socket.SHUT_WR)`}{else: \
     shutdown, for writing,} ends your direction only: the client reads an end of the stream, and \
     can go on sending.",
    "After that a loop that receives until 0, and does nothing with what comes. Then the \
     connection can be closed.",
];

const NOT_LATER: &str = "The end came with more bytes of the client, after the 1000. It may have \
     none: when 1000 bytes have come back, end your direction at once, and do not receive first. \
     (Is it 1000 bytes and no more after which the loop ends, and not when the number is \
     greater?)";

const COUNTS_FURTHER: &str = "1000 bytes came back, and then more bytes did as well: it counts to \
     another number than 1000, or counts something else than bytes.";

const SENT_TOO_LATE: &str = "The program was ended by the signal SIGPIPE: it sent something after \
     it had ended its own direction. After shutdown nothing more can be sent: throw away what \
     comes. (Ignore the signal, and such a send fails with \"broken pipe\".)";

/// After a half-close of its own, nothing else brings this about here.
fn sent_too_late(program: &Program) -> bool {
    program.ended_soon().is_some_and(|status| ending(status).english().contains("SIGPIPE"))
}

const ENDED_EARLY: &str = "The client before had sent fewer than 1000 bytes, and then its end. That is \
     no failure, and no client is the last one: close that connection and go back to accept.";

const NO_TEXT: &str = "Bytes that are no text did not come back as they were. Send back what is \
     in the buffer, as it is: do not decode it, and take its length from recv (a 0 ends \
     nothing).";

const RESET: &str = "The connection was reset. That happens when a socket is closed while the \
     client is still sending (or with bytes in it that nobody received), and when it is shut down \
     for reading, too. After 1000 bytes end only your own direction {Rust: \
     (Shutdown::Write)}{Python: (SHUT_WR and not SHUT_RDWR; write_eof in asyncio)}{C|Perl: (SHUT_WR \
     and not SHUT_RDWR)}{Java: (shutdownOutput; to close a stream closes the socket)}{Node: (end \
     and not destroy)}; then receive until 0 bytes, and close after that.";
