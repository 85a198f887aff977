//! Calls: `recv`.
//! Idea: keep the incomplete character.
//! Usual mistake: decoding each receive.

use std::time::Duration;

use fastrand::Rng;

use crate::contents;
use crate::exercise::{Check, advice};
use crate::grading::{Grading, restarts, starts_again};
use crate::patience::{IDLE, LONG_FULL, SILENT, SLOW};
use crate::program::Program;
use crate::wire::Peer;
use crate::words::text;
use crate::wrong::{Explain as _, How, Outcome, Wrong, plural, show};

pub const CHECKS: &[Check] = &[
    Check {
        title: "letters come back, each in brackets",
        usually: advice! {
            Silent => "Nothing came back. Each receive may bring some characters: answer them at \
                once, and don't wait for the client's end or for a full buffer.",
            Reset | End => "The conversation ended too early. After accept, receive in a loop \
                until there are 0 bytes.",
            _ => "Each character comes back between a [ and a ], with nothing else around it; a \
                blank and a line ending are characters, too.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            // (No line ending yet: whoever waits for one is found out.)
            for text in ["Hi", ", you", "\n", "x"] {
                let result = brought_back(&mut peer, text);
                result.map_err(|wrong| match wrong.how {
                    How::Silent | How::Short => match what_brings_it(&mut peer) {
                        Some(words) => wrong.advice(words).at(None),
                        None => wrong,
                    },
                    _ => wrong,
                })?;
            }
            peer.expect_nothing()
        },
    },
    Check {
        title: "so do characters of two, three and four bytes",
        usually: advice! {
            Other => "That is bytes, and not characters: in UTF-8 é has two bytes, 你 three and 🌍 \
                four. The brackets go around all bytes of a character.",
            _ => "These characters have two, three and four bytes in UTF-8. Decode the bytes that \
                came as UTF-8, and go through the characters of the text.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            for text in ["é", "你好", "🌍", "aé你🌍z"] {
                brought_back(&mut peer, text)
                    .advice_if(|it| it.got.english().contains("\u{fffd}][\u{fffd}"), UNITS)?;
            }
            // What is drawn as one sign can be several.
            for text in ["e\u{301}!", "👍🏽", "🇫🇷"] {
                brought_back(&mut peer, text).advice(SIGNS)?;
            }
            peer.expect_nothing()?;
            // From now on one is silent, and one receives nothing; and one program has no client.
            let (program, mut peer) = grading.start_and_connect()?;
            peer.send(&HALF.as_bytes()[..1])?;
            grading.set_aside(program, Some(peer));
            let program = grading.start()?;
            let mut peer = grading.connect_narrow(&program)?;
            let pieces = much().as_bytes().chunks(7000).map(<[u8]>::to_vec).collect();
            peer.send_meanwhile(pieces)?;
            grading.set_aside(program, Some(peer));
            let program = grading.start()?;
            grading.set_aside(program, None);
            Ok(())
        },
    },
    Check {
        title: "a character whose bytes come one by one is whole again",
        usually: advice! {
            Other | More => "A receive ended inside a character. What came of it is no error: keep \
                these bytes, and decode them together with what the next receive brings.",
            Silent | Short => "The bytes of a character came one at a time, and after the last one \
                there was no answer. Keep the bytes of an incomplete character for the next \
                receive, instead of dropping them; and answer as soon as it is complete.",
            _ => "A receive ended inside a character, and the conversation ended with it. Half a \
                character is no error yet: keep its bytes for the next receive.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            let any = contents::characters(grading.chance(), 4);
            for character in "né你🌍a".chars().chain(any.chars()) {
                let text = character.to_string();
                let (last, first) = text.as_bytes().split_last().expect("not empty");
                for byte in first.chunks(1) {
                    peer.send_alone(byte)?;
                    peer.expect_nothing()?;
                }
                peer.send([*last])?;
                let all = plural(text.len(), "byte");
                peer.call_it(text!(
                    "the {all} of {text}, one by one",
                    all,
                    text = format!("{text:?}")
                ));
                answered(&mut peer, bracketed(&text))?;
            }
            Ok(())
        },
    },
    Check {
        title: "what is complete is answered, with a half one behind it",
        usually: advice! {
            Silent | Short => "Two whole characters had come, and the first byte of a third one. \
                The two are complete: answer them now. The client waits for them before it sends \
                the rest.",
            _ => "Two whole characters had come, and the first byte of a third one. Answer the \
                two, and keep that byte: it is the beginning of what comes next, and must not be \
                answered, decoded or lost.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            let text = "你好吗".as_bytes();
            peer.send(&text[..7])?;
            answered(&mut peer, bracketed("你好"))?;
            peer.send(&text[7..])?;
            answered(&mut peer, bracketed("吗"))?;
            peer.expect_nothing()
        },
    },
    Check {
        title: "so is a long text, in pieces of every size from 1 to 1024",
        usually: advice! {
            Other => "Somewhere in a long text a cut went wrong. The text is longer than your \
                buffer, so each receive can end inside a character, and what you kept from before \
                belongs ahead of what came now. A character can be cut more than once.",
            End | Reset => "The conversation ended in the middle of a long text. A receive into a \
                buffer without room gives 0, which looks like the client's end: make room ahead of \
                each receive.",
            _ => "A part of the answer to a long text is missing. send may take only a part of \
                what it is given{Rust: : write_all sends the rest, too}{Python: : sendall sends \
                the rest, too}{else: : send the rest as well}. And a text is as long \
                as its client likes: there is no largest one.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            // 1 + 2 + ... + 1024 bytes are half a million.
            let sort = all_sorts(grading.chance());
            let times = 1024 * 1025 / 2 / sort.len();
            let text = sort.repeat(times);
            let mut rest = text.as_bytes();
            let mut sizes = 1..=1024;
            let pieces = std::iter::from_fn(|| {
                let size = sizes.next().unwrap_or(1024).min(rest.len());
                let (piece, after) = rest.split_at(size);
                rest = after;
                (!piece.is_empty()).then_some(piece)
            });
            let answer = bracketed(&sort).repeat(times);
            peer.call_it("a text in pieces of 1, 2, 3, ... 1024 bytes");
            peer.trade(pieces, answer.as_bytes()).map_err(|wrong| {
                let advice = what_was_lost(&wrong, answer.len());
                match advice {
                    Some(advice) => wrong.advice(advice),
                    None => wrong,
                }
            })?;
            peer.expect_nothing()
        },
    },
    Check {
        title: "a byte that is none of UTF-8 is [?], and the text goes on",
        usually: advice! {
            Silent | Short => "No character begins with this byte, so no further byte makes it \
                one, and there is nothing to wait for. (Some look like a first byte, and are none: \
                0xc0, 0xc1, and 0xf5 and higher.) Answer [?] for it, and go on with the byte after \
                it.",
            End | Reset => "One wrong byte ended the conversation. Find out where the text is \
                wrong, answer [?] for that byte, and go on with the one after it.",
            _ => "For each byte that can begin no character, [?] is to come back, with a question \
                mark of one byte. What is before it and after it is text as always.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            brought_back(&mut peer, "\u{feff}a").advice(FIRST)?;
            peer.send(b"a\xffb")?;
            answered(&mut peer, b"[a][?][b]")
                .advice_if(|it| it.got.english().contains("\"[a][?]\""), BEHIND_IT)?;
            peer.send("你\u{0}")?;
            answered(&mut peer, "[你][\0]")?;
            for byte in [0xff, 0xc0, 0xf5, 0x80] {
                peer.send([byte])?;
                answered(&mut peer, b"[?]")?;
            }
            // A character as any other, though many put it in the place of what they cannot decode.
            peer.send("a\u{fffd}b")?;
            answered(&mut peer, "[a][\u{fffd}][b]").advice(REPLACEMENT)
        },
    },
    Check {
        title: "a character that is broken off takes no other with it",
        usually: advice! {
            End | Reset => "A character had begun, and then a byte came that cannot be a part of \
                it. That ended the conversation. Answer [?] for what has come of it, and go on \
                with that byte.",
            _ => "A character had begun, and then a byte came that cannot be a part of it. For \
                what has come of the character [?] is to come back. The byte that broke it off is \
                looked at anew: it can begin the next character.",
        },
        run: |grading| {
            let program = grading.start()?;
            // Who waits for all bytes of a character has them by then.
            let broken: [&[u8]; 4] = [b"\xf0\x9f", b"\xe4", b"\xe4\xbd", b"\xc3"];
            for begun in broken {
                let rest = format!("abc{}.", contents::word(grading.chance()));
                let mut peer = grading.connect(&program)?;
                peer.send([begun, rest.as_bytes()].concat())?;
                peer.finish();
                let answer = peer.up_to_the_end(1000)?;
                let text = String::from_utf8_lossy(&answer).into_owned();
                let others = text.trim_start_matches("[?]");
                if others != bracketed(&rest) || others == text {
                    let expected = text!("\"[?]{rest}\", and the end", rest = bracketed(&rest));
                    let sent = show(&[begun, rest.as_bytes()].concat());
                    let is_short = bracketed(&rest).starts_with(others);
                    let how = if is_short { How::End } else { How::Other };
                    let wrong = Wrong::new(how, expected, show(&answer));
                    return Err(wrong.after(text!("{sent}, then the end of the stream", sent)));
                }
            }
            // The first ones and the last ones that there are.
            let mut peer = grading.connect(&program)?;
            for text in ["\u{800}", "\u{d7ff}\u{e000}", "\u{10000}", "\u{10ffff}"] {
                brought_back(&mut peer, text).advice(OUTERMOST)?;
            }
            peer.expect_nothing()
        },
    },
    Check {
        title: "a stream that ends inside a character: [?], and the end",
        usually: advice! {
            End => "The stream ended inside a character. The bytes that you kept will never become \
                one now: when recv gives 0, send one [?] if there are any, and close.",
            More => "The client has ended its direction, and waits for the end of yours. When recv \
                gives 0 bytes: send what is left, leave the loop, and close the connection. Of an \
                incomplete character there is one [?], however many bytes of it had come.",
            _ => "The client ended its direction inside a character, and could still receive. Send \
                one [?] for what has come of it, and then close.",
        },
        run: |grading| {
            let (program, mut peer) = grading.start_and_connect()?;
            peer.send_last("你", "[你]")?;
            let mut peer = grading.connect(&program)?;
            peer.send_last(b"end\xf0\x9f\x8c", "[e][n][d][?]")
        },
    },
    Check {
        title: "the next client gets nothing of the one before it",
        usually: advice! {
            Refused | Silent | End | Reset => "The first client left (or broke off) inside a \
                character, and the next one was not served. That is the end of one conversation, \
                and not of the server: handle the error, and go back to accept (step 7).",
            _ => "The first client left inside a character. What you kept of it is not the \
                beginning of another client's text: begin each conversation with nothing kept.",
        },
        run: |grading| {
            let program = grading.start()?;
            for _ in 0..3 {
                // It closes, and has read nothing: the second send fails with "broken pipe".
                let mut peer = grading.connect(&program)?;
                peer.send([b'x'; 20_000])?;
                peer.close();
                next_one(grading, &program)
                    .after("20000 bytes by one who closed and read nothing; then \"a\" by the next")
                    .advice(CLOSED)?;
            }
            for _ in 0..10 {
                let mut peer = grading.connect(&program)?;
                peer.send(b"a\xe4\xbd")?;
                answered(&mut peer, b"[a]")?;
                peer.reset();
                let mut peer = grading.connect(&program)?;
                peer.send(b"a\xe4\xbd")?;
                answered(&mut peer, b"[a]")?;
                peer.finish();
                answered(&mut peer, b"[?]")?;
                peer.expect_end()?;
                let mut peer = grading.connect(&program)?;
                // 0xa0 ends a character, and begins none.
                peer.send_last(b"\xa0 b", "[?][ ][b]")?;
            }
            Ok(())
        },
    },
    Check {
        title: "it waits for a client that is slow to read, or to speak",
        usually: advice! { "The conversation of a slow client ended too early." },
        run: |grading| {
            let aside = grading.after(LONG_FULL)?;
            let [silent, slow, idle] = &mut aside.into_iter().collect::<Vec<_>>()[..] else {
                return Ok(());
            };
            let (Some(silent), Some(slow)) = (&mut silent.peer, &mut slow.peer) else {
                return Ok(());
            };
            let talk = grading.connect(&idle.program);
            let talk = talk.and_then(|mut peer| brought_back(&mut peer, "你"));
            talk.after("no client for two seconds, and then one").advice(IDLE)?;
            let (_, rest) = HALF.as_bytes().split_at(1);
            silent.send(rest)?;
            silent.call_it(text!(
                "the last bytes of {half}, two seconds after the first one",
                half = format!("{HALF:?}")
            ));
            silent.expect(bracketed(HALF)).advice(SILENT)?;
            slow.expect_late(bracketed(&much()).as_bytes()).advice(SLOW)?;
            Ok(())
        },
    },
    starts_again(|grading| restarts(grading, |peer| brought_back(peer, "你"))),
];

pub const HINTS: &[&str] = &[
    "The calls are those of an echo server: create, bind, listen, accept, then receive and send in \
     a loop. What is new is between the two: the bytes that came, behind those that were left \
     over, are decoded as far as they go.",
    "Keep the bytes in a {Rust: `Vec<u8>`}{else: buffer}: append what each receive brings, take \
     away what is decoded. The beginning of a character stays in it. Each client has a new one.",
    "{Rust: `std::str::from_utf8` says how far the bytes are valid: `error.valid_up_to()`. \
     `error.error_len()` is `None` if the rest may still become a character, and the number of \
     wrong bytes if not.}{Python: `bytes.decode` says where it is wrong: `error.start` and \
     `error.end` of the UnicodeDecodeError. If `error.end` is the end of the bytes, and \
     `error.reason` is \"unexpected end of data\", the rest may still become a character.}{else: \
     The first byte of a character tells how many bytes it has. The ranges of those that can \
     follow it are in the table of UTF-8.}",
    "When 0 bytes come and {Rust: the `Vec`}{else: the buffer} is not empty, the stream has ended \
     inside a character: one `[?]`.",
];

const LINES: &str = "The answer came when a line ending had come. Nobody promised one: a character \
     is to be answered as soon as its own bytes are there. Receive what has come (recv, read), \
     instead of reading a line.";

const LATE: &str = "The last character was answered only when the next one came. It was whole \
     before: in UTF-8 the first byte of a character tells how many bytes it has. Answer it as soon \
     as these are there.";

const THE_END: &str = "The answer came when the client had ended its direction: don't wait for the \
     client's end, or for a full buffer. The client may wait for this answer. Inside the loop, \
     after each receive: answer what has come.";

const UNITS: &str = "Each half of a character came back in brackets of its own: the text was taken \
     apart by the units of UTF-16, of which 🌍 has two, and not by its characters. {Node: A loop \
     with an index and charAt do so; for (const c of text) gives characters.}{Java: charAt gives \
     units, codePoints() characters.}";

const BEHIND_IT: &str = "The [?] came, and the b behind the wrong byte did not: it was lost with \
     it. Answer [?] for the one byte, and go on with the byte after it, which came in the same \
     receive.";

const ENDINGS: &str = "A line ending came back as another one: \\r is a character as any other, \
     and \\r\\n are two. {Python: A file with text (makefile) changes them, without \
     newline=\"\".}{else: What reads text by lines changes them.}";

const ZERO: &str = "The text has a character 0 in it, and it did not come back: it is a character \
     as any other. {C: Functions for strings (strlen, strcat, printf) take it for the end: use the \
     number of bytes that you have.}";

const LOST: &str = "In a long text, bytes are missing in the middle of the answer. An answer has \
     up to three times as many bytes as what came: is there room for all of it? And send may take \
     only a part of what it is given{Rust: : write_all sends the rest, too}{Python: : sendall \
     sends the rest, too}{else: : send the rest as well}.";

const SIGNS: &str = "What is drawn as one sign can be several characters: a letter and an accent, \
     or a flag of two. Here a character is what UTF-8 calls one, a code point: each of them is in \
     brackets of its own.";
const OUTERMOST: &str = "These are the first and the last characters of three and of four bytes, \
     and those around the halves of UTF-16: U+0800, U+D7FF, U+E000, U+10000 and U+10FFFF. All of \
     them are characters. Compare your ranges with the table of UTF-8.";

const FIRST: &str = "The text began with the character U+FEFF, and it did not come back as it was. \
     Some decoders take it away at the beginning of a text (as a \"byte order mark\"). Here it is \
     a character as any other: say to the decoder that it is to stay, or use another one.";

const REPLACEMENT: &str = "The client sent the character U+FFFD itself, and it is to come back as \
     it is. Who has wrong bytes replaced by it, and looks for it then, cannot tell the two apart: \
     find out where the bytes are wrong.";

/// The text as it is to come back.
fn bracketed(text: &str) -> String {
    text.chars().map(|character| format!("[{character}]")).collect()
}

/// What the first difference tells, in a long text.
fn what_was_lost(wrong: &Wrong, all: usize) -> Option<&'static str> {
    let (_, instead_of) = wrong.got.english().split_once(" instead of ")?;
    let came = wrong.got.english().split(' ').next()?.parse::<usize>().ok()?;
    Some(if instead_of.starts_with("\"\\x00") {
        ZERO
    } else if instead_of.starts_with("\"\\r") || wrong.got.english().contains("on \"\\r\\n][") {
        ENDINGS
    } else if came < all {
        LOST
    } else {
        return None;
    })
}

fn brought_back(peer: &mut Peer, text: &str) -> Outcome {
    peer.send(text)?;
    peer.expect(bracketed(text))
}

const CLOSED: &str = "The client before this one closed its connection without reading its \
     answers: send fails then (\"connection reset\", \"broken pipe\"). That is the end of one \
     conversation, and not of the server: handle the error, and go back to accept (step 7).";

fn next_one(grading: &Grading, program: &Program) -> Outcome {
    grading.connect(program)?.send_last("a", "[a]")
}

/// This answer comes. If it does not, nothing more is sent to learn why: here any byte brings one.
fn answered(peer: &mut Peer, answer: impl AsRef<[u8]>) -> Outcome {
    peer.expect(answer).map_err(|wrong| wrong.at(None))
}

/// An answer is missing. What does it wait for?
fn what_brings_it(peer: &mut Peer) -> Option<&'static str> {
    const MOMENT: Duration = Duration::from_millis(300);
    peer.send("y").ok()?;
    if !peer.whatever_comes(MOMENT).is_empty() {
        return Some(LATE);
    }
    peer.send("\n").ok()?;
    if !peer.whatever_comes(MOMENT).is_empty() {
        return Some(LINES);
    }
    peer.finish();
    (!peer.whatever_comes(MOMENT).is_empty()).then_some(THE_END)
}

/// A character that comes in two parts.
const HALF: &str = "你";

/// A long text. Its answer fills a connection more than once.
fn much() -> String {
    "你好, hello, ça va? 🌍 ".repeat(30_000)
}

/// A text of all scripts, of some ten thousand bytes.
fn all_sorts(chance: &mut Rng) -> String {
    let mut text = String::new();
    while text.len() < 20_000 {
        text += &contents::sentence(chance);
        text += &contents::characters(chance, 5);
    }
    text
}
