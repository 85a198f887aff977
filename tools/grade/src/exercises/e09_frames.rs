//! Calls: `read_exact`.
//! Idea: a length ahead of each message.
//! Usual mistake: what came behind the message is thrown away.

use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;

use crate::clock::Moment;
use crate::contents::{bytes, cut, lines};
use crate::exercise::{Check, advice};
use crate::grading::{Grading, restarts, starts_again};
use crate::memory::Memory;
use crate::patience::{LONG_SILENCE, SILENT, SLOW};
use crate::program::Program;
use crate::wire::Peer;
use crate::words::{Words, text};
use crate::wrong::{Explain as _, How, Outcome, Wrong, plural, show};

pub const CHECKS: &[Check] = &[
    Check {
        title: "a message comes back in capitals",
        usually: advice! {
            Silent => "There was no answer to a whole message: four bytes of length, and as many \
                bytes as they say. If your server waits for more, it has misread the length: the \
                highest byte comes first (big-endian, or network byte order). Nor does a line \
                ending follow.",
            End | Reset => "The connection ended without the whole answer. If your server found \
                the length too great, it has misread it: the highest byte comes first (big-endian, \
                or network byte order). If it leaves after the first answer, put a loop around \
                receiving and sending.",
            _ => "The answer has the form of the message: first four bytes with its length (the \
                highest byte first), then the text in capitals, and nothing after it.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            answers(&mut peer, b"hello")?;
            answers(&mut peer, b"and a second one, please")?;
            peer.expect_nothing()?;

            // Three say nothing now, for a while: between two messages, in the middle of a length,
            // and in the middle of a message.
            for length in [0, 2, 6] {
                let (program, mut peer) = grading.start_and_connect()?;
                answers(&mut peer, b"one")?;
                peer.send(&framed(b"hello")[..length])?;
                grading.set_aside(program, Some(peer));
            }
            Ok(())
        },
    },
    Check {
        title: "a message of 0 bytes is answered, too",
        usually: advice! {
            Silent | Short => "A length of 0 is a whole message: no byte follows. Answer it with a \
                length of 0, and do not receive anything for it. Who receives there all the same \
                waits for the next message.",
            End | Reset => "An empty message ended the conversation. The end of the stream is a \
                receive of 0 bytes where a length should begin. A length that says 0 is a message \
                like any other.",
            _ => "The answer to an empty message is an empty message: the four bytes of a length \
                of 0, and no more.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            answers(&mut peer, b"")?;
            answers(&mut peer, b"one")?;
            answers(&mut peer, b"")?;
            peer.expect_nothing()
        },
    },
    Check {
        title: "only the letters a to z change, and no other byte",
        usually: advice! {
            End | Reset | Silent | Short => "A message with bytes that are not English letters got \
                no whole answer. They need not be text at all: don't decode them, and don't end at \
                a byte of 0. Go through the bytes, and change those from 97 to 122.",
            _ => "The answer is as long as the message, each letter from a to z is a capital in \
                it, and all other bytes are as they were.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            answers(&mut peer, "aé ß, 你好 🌍 ÿz".as_bytes())?;
            let all: Vec<u8> = (0..=255).collect();
            answers(&mut peer, &all[..128])?;
            answers(&mut peer, &all[128..])?;
            for line in lines(grading.chance()) {
                answers(&mut peer, line.as_bytes())?;
                answers(&mut peer, (line + "\r\n").as_bytes())?;
            }
            for size in 97..=122 {
                answers(&mut peer, &bytes(grading.chance(), size))?;
            }
            peer.expect_nothing()
        },
    },
    Check {
        title: "messages that come glued together have their answers each",
        usually: advice! {
            Silent | Short => "Several messages came in one receive, and not all were answered. \
                What follows the first one is the next one: don't throw it away, and don't wait \
                for another receive before you answer it. The simplest way is to receive no more \
                than belongs to this message: 4 bytes, then as many as they say (none if that is 0). \
                Repeat each of the two receives until it is whole, for one may bring fewer bytes; 0 \
                bytes are the end, inside a message as well {Rust: (read_exact does all of \
                that)}{C|Python: (with MSG_WAITALL: fewer than you asked for)}{Java: (readFully \
                does all of that)}.",
            End | Reset => "Several messages came in one receive, and the conversation ended \
                before all were answered. What follows the first message begins with the length of \
                the next one: go on there.",
            _ => "Several messages came in one receive, and were not kept apart. How much belongs \
                to a message is what its length says, and not what a receive brings. Each answer \
                has a length of its own.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            let texts = ["one", "two", "", "three"].map(str::as_bytes);
            let glued = texts.map(framed).concat();
            for _ in 0..3 {
                peer.send(&glued)?;
                peer.expect(glued.to_ascii_uppercase())?;
            }
            peer.expect_nothing()
        },
    },
    Check {
        title: "a message in pieces is answered once, when it is whole",
        usually: advice! {
            Silent | Short => "The bytes of a message came one by one, and after the last one \
                there was no answer. Keep what has come of a message (and of its length) until the \
                rest is there: each receive brings the next bytes, not a new message.",
            End | Reset => "The bytes of a message came one by one, and the conversation ended. \
                Fewer bytes than you asked for are not an error, and not the end: receive again \
                for the rest, until the four bytes are full, and then the message. Only 0 bytes \
                are the end.",
            _ => "It answered before the message was whole. A receive brings what is there, which \
                may be fewer bytes than you ask for: repeat it until the four bytes are full, and \
                then until the message is {Rust: (read_exact does that)}{C|Python: (MSG_WAITALL \
                does that, or a loop that adds up)}{Java: (readFully does that)}. 0 bytes are the \
                end, inside a message as well: close the connection then.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            for message in ["hello", "it's me"] {
                let message = framed(message.as_bytes());
                for byte in message.chunks(1) {
                    peer.expect_nothing()?;
                    peer.send_alone(byte)?;
                    peer.call_it("a message, byte by byte");
                }
                // (What the same bytes bring that come at once is no matter here.)
                let answer = peer.expect(message.to_ascii_uppercase());
                answer.map_err(|wrong| wrong.at(None))?;
            }
            peer.expect_nothing()
        },
    },
    Check {
        title: "so is each of thousands, up to 65536 bytes long",
        usually: advice! {
            Other => "In a long row of messages, some glued and some cut, an answer is wrong. Take \
                exactly as many bytes as each length says, not one more (all four bytes of it \
                count: 256 is 0 0 1 0). After one mistake, all that follows is read at the wrong \
                place.",
            Silent | Short => "In a long row of messages, answers are missing. A long message \
                comes in several receives: repeat them until it is whole. And send may take only a \
                part of the answer{Rust: : write_all sends the rest, too}{Python: : sendall sends \
                the rest, too}{else: : send the rest, too}.",
            _ => "In a long row of messages, the conversation broke off. Is there room for the \
                longest of them? Make a buffer of the size that the length says (it is 65536 at \
                most), or one of 65536 bytes for all.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            let chance = grading.chance();
            // 64 messages, cut at each place in turn, ...
            let (messages, answer) = row(chance, 0..=63);
            let all = messages.concat();
            for size in (1..=12).chain([999, 1024, 1025]) {
                peer.call_it(text!("64 messages of 0 to 63 bytes, in pieces of {size}", size));
                peer.trade(all.chunks(size), &answer)?;
            }
            // ... and anywhere, ...
            for pieces in [30, 300, 1000] {
                peer.call_it(text!("64 messages of 0 to 63 bytes, in {pieces} pieces", pieces));
                peer.trade(cut(chance, &all, pieces).into_iter(), &answer)?;
            }
            // ... and more than a thousand, as they come.
            let long = [2047, 2048, 2049, 4095, 4096, 4097, 20_000];
            let any: Vec<_> = (0..20).map(|_| chance.usize(..3000)).collect();
            let (messages, answer) = row(chance, (0..=1100).chain(long).chain(any));
            peer.call_it("messages of 0, 1, 2, ... 1100 bytes and more");
            peer.trade(messages.iter().map(Vec::as_slice), &answer)?;
            let (messages, answer) = row(chance, 65_535..=65_536);
            peer.call_it("messages of 65535 and of 65536 bytes");
            peer.trade(messages.iter().map(Vec::as_slice), &answer).advice(THE_LONGEST)?;
            peer.expect_nothing()
        },
    },
    Check {
        title: "it waits for a client that is slow to read, or to speak",
        usually: advice! { "The conversation of a slow client ended too early." },
        run: |grading| {
            let (messages, answer) = row(grading.chance(), (0..50).map(|number| 60_000 + number));
            let program = grading.start()?;
            let mut slow = grading.connect_narrow(&program)?;
            slow.call_it("3 MB of messages, by a client that receives nothing for a second");
            slow.trade_late(messages.iter().map(Vec::as_slice), &answer).advice(SLOW)?;

            // Those of the first check.
            let silent = grading.after(LONG_SILENCE)?.into_iter().filter_map(|it| it.peer);
            for (mut peer, length) in silent.zip([0, 2, 6]) {
                let hello = framed(b"hello");
                let (begun, rest) = hello.split_at(length);
                let then = peer.send(rest).and_then(|()| peer.expect(framed(b"HELLO")));
                let ahead = match begun {
                    [] => text!("nothing"),
                    begun => text!("{bytes}, then nothing", bytes = show(begun)),
                };
                then.map_err(|wrong| {
                    let sent =
                        text!("{ahead} for two seconds; then {then}", ahead, then = wrong.sent);
                    let advice = if length == 0 { SILENT } else { SILENT_INSIDE };
                    wrong.after(sent).advice(advice)
                })?;
            }
            Ok(())
        },
    },
    Check {
        title: "it keeps nothing of what is answered",
        usually: advice! {
            More => "With each message the program takes more memory, and gives nothing back: it \
                keeps the messages (or an answer to each), or the bytes that came. A client that \
                goes on for long enough fills the memory of the machine. Of a message that is \
                answered nothing is needed any more: throw it away, and only keep what has come of \
                the next one.",
            _ => "In a very long row of messages, answers are missing or wrong.",
        },
        run: keeps_nothing,
    },
    Check {
        title: "after the client's end: the end, and the next client",
        usually: advice! {
            More => "The client has ended its direction, has got its answers, and waits for the \
                end of yours. 0 bytes where a length should begin are its end: close the \
                connection then {Rust: (drop it)}, and keep the socket nowhere else.",
            Refused => NEXT_CLIENT,
            _ => "A client sent its messages and ended its direction; it can still receive. Every \
                whole message is answered first, and then comes your end of the stream.",
        },
        run: |grading| {
            let (program, mut peer) = grading.start_and_connect()?;
            let two = |one, other| [framed(one), framed(other)].concat();
            peer.send_last(two(b"one", b"two"), two(b"ONE", b"TWO"))?;
            for _ in 0..2 {
                let after = "first, a client that has finished";
                next_one(grading, &program, after, NEXT_CLIENT)?;
            }
            Ok(())
        },
    },
    Check {
        title: "a stream that ends inside a message is just the end",
        usually: advice! {
            More => "The stream ended inside a message. There is no answer to half a message, and \
                there is nothing more to wait for: whenever a receive brings 0 bytes {C|Python: \
                (with MSG_WAITALL: fewer than you asked for)}, also inside a message or inside \
                its length, close the connection.",
            Refused => CUT_IS_NO_END,
            _ => "The stream ended inside a message. The messages ahead of it were whole and have \
                their answers; the last one has none. Then close the connection, in order.",
        },
        run: |grading| {
            let program = grading.start()?;
            for cut in [1, 3, 4, 6, 8] {
                let mut peer = grading.connect(&program)?;
                let half = &framed(b"hello")[..cut];
                peer.send_last([&framed(b"one"), half].concat(), framed(b"ONE"))?;
                let after = "first, a client that ended inside a message";
                next_one(grading, &program, after, CUT_IS_NO_END)?;
            }
            Ok(())
        },
    },
    Check {
        title: "a length over 65536 closes the connection",
        usually: advice! {
            Refused => TOO_LONG_IS_NO_END,
            More => "A stranger announced more bytes than a message may have. Don't wait for them, \
                and don't make room for them: it can be 4 GB. Look at the length before you do \
                anything else, and close the connection, without an answer. (Lengths have no sign: \
                as an int, a large one is negative.)",
            _ => "The whole message that came first has its answer; the length that comes after it \
                is too great. Only then close the connection.",
        },
        run: |grading| {
            let program = grading.start()?;
            for length in [65_537, 1 << 24, 1 << 31, u32::MAX] {
                let mut peer = grading.connect(&program)?;
                answers(&mut peer, b"one")?;
                peer.send(length.to_be_bytes())?;
                peer.call_it(text!("a length of {length}", length));
                is_closed(&mut peer)?;
                let after = "first, a client with a length that is too great";
                next_one(grading, &program, after, TOO_LONG_IS_NO_END)?;
            }
            Ok(())
        },
    },
    Check {
        title: "a client that breaks off doesn't end the server",
        usually: |_| RESET_IS_NO_END,
        run: |grading| {
            let program = grading.start()?;
            for _ in 0..20 {
                // Between two messages, ...
                let mut peer = grading.connect(&program)?;
                answers(&mut peer, b"one")?;
                peer.reset();
                // ... and inside one.
                let mut peer = grading.connect(&program)?;
                answers(&mut peer, b"one")?;
                peer.send(&framed(b"hello")[..6])?;
                peer.reset();
            }
            // With its last messages it has ended its direction, and does not wait for the answers:
            // whoever sends them gets a broken pipe.
            let mut peer = grading.connect(&program)?;
            answers(&mut peer, b"one")?;
            program.while_stopped(|| {
                peer.send([framed(b"two"), framed(b"three")].concat())?;
                peer.finish();
                peer.reset();
                Outcome::Ok(())
            })?;
            let after = "first, clients that were reset";
            next_one(grading, &program, after, RESET_IS_NO_END)
        },
    },
    starts_again(|grading| restarts(grading, |peer| answers(peer, b"hello"))),
];

pub const HINTS: &[&str] = &[
    "Begin with the server of 05_echo. In the inner loop, one message takes three steps: receive \
     the four bytes of its length; receive the message; send the answer.",
    "A receive brings some of the bytes that you ask for. Write a function that repeats it until a \
     buffer is full{Rust: : `read_exact` (std's `Read`) is that function}{Java: : `readFully` of a \
     DataInputStream is that function}.",
    "{Rust: `u32::from_be_bytes(prefix) as usize`}{Python: `int.from_bytes(prefix, \"big\")`}{C: \
     What `ntohl` makes of the four bytes, without a sign,}{Node: `prefix.readUInt32BE(0)`}{Java: \
     `readInt()`, negative where it is very great,}{Perl: `unpack(\"N\", $prefix)`}{else: The \
     number of the four bytes, the highest first,} is the length. Compare it with 65536 before you \
     make room for the message.",
    "The end of the stream is all right in one place only: ahead of the first byte of a length. So \
     receive that byte by itself, and leave the loop if there is none; then the other three.",
    "{Rust: `message.make_ascii_uppercase()` changes}{Python: `upper()` of bytes changes}{else: 32 \
     less for each byte from 97 to 122 changes} a to z, and nothing else. Put the conversation \
     into a function of its own{Rust: , which gives an `io::Result<()>`: a `?` in it}{else: : an \
     error in it} ends this conversation, and whoever calls it goes on with the next client.",
];

const THE_LONGEST: &str = "A message of 65536 bytes is allowed: only a length that is greater \
     closes the connection. (The length 65536 needs more than two of the four bytes.) It comes in \
     many receives, and there must be room for all of it.";

const NEXT_CLIENT: &str = "The first client was served, and the next one was not. When a client \
     has ended, go back to accept: the loop for the clients is around the loop for the messages.";

const CUT_IS_NO_END: &str = "A client ended its stream inside a message, and the next one was not \
     served. That is the end of one conversation, and not of the server: handle the error \
     {Rust: (read_exact calls it an unexpected end of file)}, and go back to accept (step 7).";

const TOO_LONG_IS_NO_END: &str = "A client announced more bytes than a message may have, and the \
     next client was not served. Anybody can send four bytes: this ends one conversation, and not \
     the server. Close this connection, and go back to accept. (Lengths have no sign: as an int, a \
     large one is negative, and not greater than 65536.)";

const RESET_IS_NO_END: &str = "A client broke the connection off: a receive then fails \
     with \"connection reset\", a send with that or with \"broken pipe\" {Python: \
     (ConnectionResetError and BrokenPipeError: except OSError catches both)}{C: (with \
     MSG_NOSIGNAL: without it, the send ends the program)}. That is the end of this one \
     conversation, and not of the server: handle the error of every receive and send, and go back \
     to accept (step 7).";

const LEFT_OVER: &str = "The next client got an answer to something else than it has sent: what \
     was left of the client before came ahead of it. Each client begins with nothing: a new buffer \
     for each connection, and nothing that is known of the one before.";

/// A message as it is on the wire.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a short one");
    [&length.to_be_bytes(), message].concat()
}

/// Messages of these sizes, and all the answers in a row. There are more letters in them than
/// other bytes.
fn row(chance: &mut Rng, sizes: impl IntoIterator<Item = usize>) -> (Vec<Vec<u8>>, Vec<u8>) {
    let some = lines(chance).join("\r\n").into_bytes();
    let some: Vec<_> =
        [some, bytes(chance, 100)].concat().into_iter().cycle().take(70_000).collect();
    let (mut messages, mut answers) = (Vec::new(), Vec::new());
    for size in sizes {
        let message = &some[size % 97..][..size];
        messages.push(framed(message));
        answers.extend(framed(&message.to_ascii_uppercase()));
    }
    (messages, answers)
}

/// A client that sends much, and receives as much, again and again: at the end the program must
/// not take more and more. One whose language collects garbage takes more for a while, the more
/// memory the machine has; only what grows with all that comes is kept.
fn keeps_nothing(grading: &mut Grading) -> Outcome {
    if cfg!(not(target_os = "linux")) {
        return Ok(());
    }
    let (program, mut peer) = grading.start_and_connect()?;
    // 4 MB, of messages of the longest size and of a small one.
    let sizes = (0..64).map(|number| if number % 8 == 7 { 10 } else { 65_536 - number });
    let (mut messages, mut answer) = row(grading.chance(), sizes);
    let part: usize = messages.iter().map(Vec::len).sum();
    let (window, most) = enough(&program);
    let memory = Memory::of(&program);
    // (One that receives byte by byte would need a minute: of that nothing is said.)
    let start = Moment::now();
    let (some, some_answers) = row(grading.chance(), [65_536; 4]);
    peer.trade(some.iter().map(Vec::as_slice), &some_answers)?;
    if start.elapsed() > Duration::from_millis(40) {
        return Ok(());
    }
    // How much it had grown after each part.
    let mut grown = vec![0];
    loop {
        let since = Moment::now();
        peer.call_it("messages of 65536 bytes, one after the other");
        tell_apart(&mut messages, &mut answer, grown.len());
        peer.trade(messages.iter().map(Vec::as_slice), &answer)?;
        grown.push(memory.grown());
        // Of the last parts, as much as one window.
        let sent = part * (grown.len() - 1);
        let [now, before] = [0, window / part].map(|back| grown.iter().nth_back(back));
        if now.zip(before).is_some_and(|(now, before)| now - before < window as u64 / 2) {
            return Ok(());
        }
        let is_slow = start.elapsed() > Duration::from_secs(2);
        if sent > most || (is_slow && most == ENOUGH && sent > ENOUGH / 2) {
            let megabytes = |bytes: u64| format!("{} MB", bytes >> 20);
            let sent = megabytes(sent as u64);
            let expected = "less than 50 MB more for all of them";
            let got = text!("{grown} more", grown = megabytes(memory.grown()));
            return Err(Wrong::new(How::More, expected, got)
                .after(text!("messages of 65536 bytes, {sent} in all, each answered", sent)));
        }
        // (One who copies all of it each time needs long.)
        if start.elapsed() > Duration::from_millis(500) {
            grading.bench().clock.allow(since.elapsed());
        }
    }
}

/// No two messages are the same: one who remembers the answer to each keeps all of them, too.
fn tell_apart(messages: &mut [Vec<u8>], answers: &mut [u8], part: usize) {
    let mut from = 0;
    for (number, message) in messages.iter_mut().enumerate() {
        let counter = format!("{part:04}{number:04}");
        for bytes in [&mut message[4..], &mut answers[from + 4..]] {
            bytes[..counter.len()].copy_from_slice(counter.as_bytes());
        }
        from += message.len();
    }
}

/// After so many bytes it is known whether it grows with them.
const WINDOW: usize = 32 << 20;
const ENOUGH: usize = 128 << 20;

/// That window, and so much is sent to a program that grows: to one in Java more, which lets its
/// garbage lie for longer, the more memory there is.
fn enough(program: &Rc<Program>) -> (usize, usize) {
    let text = |path: String| std::fs::read_to_string(path).unwrap_or_default();
    if !text(format!("/proc/{}/maps", program.id())).contains("libjvm") {
        return (WINDOW, ENOUGH);
    }
    let all = text("/proc/meminfo".to_owned());
    let all = all.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<usize>().ok());
    (2 * WINDOW, 2 * ENOUGH + all.unwrap_or_default() * 1024 / 128)
}

const SILENT_INSIDE: &str = "The client said nothing for two seconds in the middle of a \
     message, and then went on: it was not served any more. It may be silent for as long as it \
     likes, there as well: set no limit for the rest of a message.";

/// One message, one answer.
fn answers(peer: &mut Peer, message: &[u8]) -> Outcome {
    peer.send(framed(message))?;
    let expected = framed(&message.to_ascii_uppercase());
    peer.expect_or(&expected, |got| why_other(message, got))?;
    // What comes behind it would be taken for the next answer.
    match peer.too_many() {
        0 => Ok(()),
        more => {
            let (answer, sent) = (plural(expected.len(), "byte"), show(&framed(message)));
            let got = text!("{answer}, and {more} more after that", answer, more);
            let expected = text!("{bytes}, and no more", bytes = show(&expected));
            let advice = text!(
                "{answer} were the answer, and {more} more came after it. {advice}",
                answer,
                more,
                advice = MORE
            );
            Err(Wrong::new(How::Other, expected, got).after(sent).advice(advice))
        }
    }
}

const MORE: &str = "Your program sends more than the length says. Is the length misread? It has \
     its highest byte first (big-endian, or network byte order): {C: ntohl}{Python: \
     int.from_bytes(x, \"big\")}{Rust: u32::from_be_bytes}{Node: readUInt32BE}{Java: \
     readInt}{Perl: unpack(\"N\", $x)}{else: something takes it the other way round}. Or is \
     the whole buffer sent, and not only what belongs to the message?";

/// What has become of the message instead, if that can be told.
fn why_other(message: &[u8], got: &[u8]) -> Option<Words> {
    let (prefix, answer) = got.split_at_checked(4)?;
    let sent = u32::try_from(message.len()).ok()?.to_be_bytes();
    if prefix == sent.to_ascii_uppercase() && prefix != sent {
        return Some(LENGTH_CHANGED.into());
    }
    let is_reversed = prefix.iter().eq(sent.iter().rev());
    if prefix != sent && is_reversed {
        return Some(REVERSED.into());
    }
    if prefix != sent {
        let length = u32::from_be_bytes(prefix.try_into().ok()?) as usize;
        let difference = match length {
            _ if length > message.len() && length < 2 * message.len() + 10 => {
                text!("{number} more", number = plural(length - message.len(), "byte"))
            }
            _ if length < message.len() => {
                text!("{number} fewer", number = plural(message.len() - length, "byte"))
            }
            _ => return None,
        };
        return Some(text!(
            "The answer says that it has {difference} than the message. {as_long}",
            difference,
            as_long = AS_LONG
        ));
    }
    let at = message.iter().zip(answer).position(|(of, to)| of.to_ascii_uppercase() != *to)?;
    let (of, to) = (message[at], answer[at]);
    Some(match of {
        b'a'..=b'z' if of == to => {
            text!(
                "The letter {of} is no capital in the answer. {all_letters}",
                of = char::from(of),
                all_letters = ALL_LETTERS
            )
        }
        b'a'..=b'z' => {
            text!(
                "The letter {of} has become another byte. {all_letters}",
                of = char::from(of),
                all_letters = ALL_LETTERS
            )
        }
        _ => text!("A byte of {of} has become {to}. {no_letter}", of, to, no_letter = NO_LETTER),
    })
}

const LENGTH_CHANGED: &str = "The length has changed: one of 100 looks like a d. Leave its four \
     bytes alone: only the message is in capitals.";

const REVERSED: &str = "The four bytes of the length are in the reverse order: the highest one \
     comes first (big-endian, or network byte order). {C: htonl makes them of a number, and ntohl \
     the number of them}{Python: n.to_bytes(4, \"big\") makes them of a number, and so does \
     struct.pack with \">I\"}{Rust: to_be_bytes makes them of a number}{Node: writeUInt32BE \
     writes them}{Java: writeInt of a DataOutputStream writes them}{Perl: pack(\"N\", $n) makes \
     them of a number}{else: Send the highest byte ahead of the others}. Or send the four bytes \
     that came: the answer is as long.";

const AS_LONG: &str = "It is as long: all bytes of the message are in it, also blanks, line \
     endings and zeros, at its edges as well. Change bytes and not characters: a letter in \
     capitals may have more of them.";

const ALL_LETTERS: &str = "All letters from a to z change, the first and the last one as well: the \
     bytes from 97 to 122, each to the one that is 32 less.";

const NO_LETTER: &str = "Only the letters from a to z change. In text, é stays é: change bytes and \
     not characters {Rust: (to_ascii_uppercase)}{Python: (upper() of bytes, not of a str)}.";

/// The stream ends here. (A reset closes it as well.)
fn is_closed(peer: &mut Peer) -> Outcome {
    match peer.expect_end() {
        Err(wrong) if wrong.how == How::Reset => Ok(()),
        ended => ended,
    }
}

/// Whatever the client before did, this one is served.
fn next_one(
    grading: &Grading,
    program: &Program,
    after: impl Into<Words>,
    advice: &str,
) -> Outcome {
    let result = grading.connect(program).and_then(|mut peer| answers(&mut peer, b"hello"));
    result.map_err(|wrong| {
        let then = match wrong.sent.is_empty() {
            true => text!("a new client"),
            false => wrong.sent.clone(),
        };
        let sent = text!("{after}; then {then}", after = after.into(), then);
        let advice = if wrong.how == How::Other { LEFT_OVER } else { advice };
        wrong.after(sent).advice(advice)
    })
}
