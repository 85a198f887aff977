//! Bytes have not come on a connection, or its end has not.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use socket2::Type;

use super::awaited::{
    AFTER_A_BYTE, AFTER_A_CLIENT, AFTER_A_LINE, AFTER_THE_END, Awaited, LATE, Speed,
    WAITS_FOR_A_LINE, late, waits_for_its_input,
};
use super::{All, Also, Cause, given};
use crate::grading::Grading;
use crate::program::Program;
use crate::sockets::{self, Held, State};
use crate::words::{Words, text};
use crate::wrong::{How, Stream, Wrong, plural};

/// Fills most buffers.
const MUCH: usize = 1 << 16;

/// Bytes have not come, all or the last of them.
pub fn no_answer(
    grading: &Grading,
    program: &Program,
    stream: &Stream,
    wrong: &Wrong,
    is_first: bool,
) -> Option<Cause> {
    let has_asked = wrong.advice.is_some();
    let what = if wrong.how == How::Short { "The rest of the answer" } else { "The answer" };
    let start = Instant::now();
    let fact = connection(program, &stream.socket).and_then(|held| {
        let is_full = if held.holders.is_empty() { sockets::full(program.id()) } else { None };
        is_full.or_else(|| not_received(&held))
    });
    let mut awaited = Awaited::on(grading, program, stream);
    if has_asked && awaited.came() {
        return None;
    }
    let speed = Speed::of(program);
    if awaited.comes_within(LATE) {
        return Some(All(late(what, start)));
    }
    let fact = fact.map(|fact| match speed.is_full() {
        true => text!(
            "{fact} Meanwhile it runs at full speed: is there a loop that repeats, for ever, \
             what fails each time?",
            fact
        ),
        false => fact,
    });
    let fact = fact.or(speed.is_full().then(|| {
        text!("Your program runs at full speed all the while: is there a loop that never ends?")
    }));
    // A check with advice of its own knows what it comes of.
    if has_asked {
        return fact.map(Also);
    }
    let may_ask = fact.is_none() && !stream.has_finished;
    // What is special about a later check, that one has to say. And with others there, what is
    // missing may be what somebody else has sent: the check knows.
    let is_alone = grading.bench().dropped(Type::STREAM).len() < 2;
    // Bytes that are not text have a form that may be misread: the check knows it.
    let says_all = is_first && !stream.sent.contains(&0);
    let or_more = |words| if says_all { All(words) } else { Also(words) };
    let brought = |awaited: &Awaited<'_>, by: Words, words: Words| match awaited.is_prompt() {
        true if is_alone => {
            or_more(text!("{what} came when the grader {by}: {words}", what, by, words))
        }
        true => Also(text!("{what} came when the grader {by}, and not before.", what, by)),
        false => All(late(what, start)),
    };
    if may_ask && awaited.send(b"x") && awaited.comes_within(AFTER_A_BYTE) {
        if stream.sent.is_empty() {
            let words = "your program waits until the other end speaks. Nobody does here: send \
                         first, without a receive ahead of it.";
            return Some(brought(&awaited, text!("sent something"), words.into()));
        }
        let words = "your program waits for another receive, or for one byte more than was sent.";
        let by = text!("sent one byte more, whatever it was");
        // What is special about these bytes the check knows.
        return Some(match brought(&awaited, by, words.into()) {
            All(words) if awaited.is_prompt() => Also(words),
            other => other,
        });
    }
    if may_ask && awaited.send(b"\n") && awaited.comes_within(AFTER_A_LINE) {
        return Some(match stream.sent[..] {
            [.., b'\n'] => {
                let words = "your program answers a line only when the next one comes. Answer \
                             what has come before you wait for more.";
                brought(&awaited, text!("sent one more line ending"), words.into())
            }
            _ => {
                let words = text!(
                    "your program waits for one. {waits_for_a_line} Nothing says that a line \
                     ending comes: take what each receive brings, as it is (step 5).",
                    waits_for_a_line = WAITS_FOR_A_LINE
                );
                brought(&awaited, text!("sent a line ending"), words)
            }
        });
    }
    if may_ask && awaited.finish() {
        let comes = awaited.comes_within(AFTER_THE_END);
        // Its end makes some give up what they have, and that is another matter.
        if comes && !awaited.is_whole() {
            return Some(Also(text!(
                "{number} came when the grader ended its direction, and that is not the answer.",
                number = plural(awaited.number(), "byte")
            )));
        }
        // What is answered without any of it now is no answer to it.
        let again = |end| is_alone && answered_anew(program, stream, end);
        let is_silent = !again(None);
        // Who fills a buffer may give up at the end, with what was in it.
        let is_full = is_silent && again(Some(Shutdown::Read));
        if is_full || comes || (is_silent && again(Some(Shutdown::Write))) {
            return Some(match is_full {
                true => {
                    let words = text!(
                        "your program waits for a certain number of bytes, for instance until a \
                         buffer is full. {waits_for_more} A receive that gives fewer bytes than \
                         there is room for has all that is there: answer that (step 5).",
                        waits_for_more = WAITS_FOR_MORE
                    );
                    brought(&awaited, text!("sent {much} bytes more", much = MUCH), words)
                }
                false => {
                    let words = text!(
                        "your program holds it back until the other end has finished. \
                         {waits_for_the_end} Answer what each receive brings, and don't wait for \
                         more (step 5); and what you send through a buffer must be flushed.",
                        waits_for_the_end = WAITS_FOR_THE_END
                    );
                    brought(&awaited, text!("ended its direction"), words)
                }
            });
        }
    }
    if let Some(words) = waits_for_its_input(&mut awaited, what) {
        return Some(if awaited.is_prompt() { or_more(words) } else { All(late(what, start)) });
    }
    let guest = given(program).map(|at| TcpStream::connect_timeout(&at, AFTER_A_CLIENT));
    if awaited.comes_within(AFTER_A_CLIENT) {
        return Some(match guest {
            Some(Ok(_)) if awaited.is_prompt() => or_more(text!(
                "{what} came when another client connected: your program serves a client only \
                 when the next one comes, or keeps what it sends in a buffer until then. Do all \
                 that a client needs, and flush it, before you accept the next one.",
                what
            )),
            _ => All(late(what, start)),
        });
    }
    fact.map(Also)
}

/// On a new connection, after the same bytes: whether the answer comes with the end of the stream;
/// or with many bytes, without an end; or with nothing more.
fn answered_anew(program: &Program, stream: &Stream, end: Option<Shutdown>) -> bool {
    const MOST: usize = 4096;

    let Some(at) = given(program).filter(|_| (1..MOST).contains(&stream.sent.len())) else {
        return false;
    };
    // Some serve one client at a time.
    let _ = stream.socket.shutdown(Shutdown::Both);
    let Ok(mut socket) = TcpStream::connect_timeout(&at, AFTER_THE_END) else { return false };
    let _ = socket.set_nodelay(true);
    let _ = socket.set_write_timeout(Some(AFTER_THE_END));
    let sent = socket.write_all(&stream.sent);
    let sent = sent.and_then(|()| match end {
        None => Ok(()),
        Some(Shutdown::Write) => socket.shutdown(Shutdown::Write),
        Some(_) => {
            // For a receive of its own.
            std::thread::sleep(Duration::from_millis(50));
            socket.write(&[b'x'; MUCH]).map(drop)
        }
    });
    if sent.is_err() {
        return false;
    }
    let mut got = Vec::new();
    let mut buffer = [0; 4096];
    let patience = if end.is_none() { AFTER_A_LINE } else { AFTER_THE_END };
    let _ = socket.set_read_timeout(Some(patience));
    let start = Instant::now();
    while start.elapsed() < patience {
        match socket.read(&mut buffer) {
            Ok(length) if length > 0 => got.extend(&buffer[..length]),
            _ => break,
        }
        let is_there = |part: &[u8]| part == &stream.missing[..];
        if got.windows(stream.missing.len()).any(is_there) {
            return true;
        }
    }
    false
}

const WAITS_FOR_MORE: &str = "{Python: MSG_WAITALL does, and so does read(n) if you use makefile(); \
     what is written to makefile() waits until it is flushed.}{C: fread and MSG_WAITALL do, and what \
     fwrite writes waits until it is flushed.}{Rust: read_exact does, and so does a BufWriter that \
     is not flushed.}{Perl: read does, sysread does not.}{Java: readNBytes and readFully do, and \
     what a BufferedOutputStream has waits until it is flushed.}";

const WAITS_FOR_THE_END: &str = "{Python: If you use makefile(): its read() without a number \
     waits for the end, and what is written to it stays in its buffer.}{C: A loop that receives until 0 \
     waits for the end; and what fprintf writes stays in a buffer.}{Rust: read_to_end and \
     read_to_string wait for the end; and what a BufWriter has stays there.}{Java: readAllBytes \
     waits for the end; and what a PrintWriter has stays there.}{Perl: <$socket> waits for a line \
     ending or the end; and what print writes stays in a buffer.}{Node: \"end\" comes at the end, \
     \"data\" before.}";

/// The stream should have ended.
pub fn no_end(
    grading: &Grading,
    program: &Program,
    stream: &Stream,
    has_asked: bool,
) -> Option<Cause> {
    let start = Instant::now();
    let mut awaited = Awaited::on(grading, program, stream);
    if has_asked && awaited.came() {
        return None;
    }
    let speed = Speed::of(program);
    if awaited.comes_within(LATE) {
        return Some(All(late("The end of the stream", start)));
    }
    let is_fast = speed.is_full();
    let held = connection(program, &stream.socket);
    if !stream.has_finished
        && awaited.finish()
        && awaited.comes_within(AFTER_THE_END)
        && awaited.is_prompt()
    {
        let mut words = text!(
            "Your program ended the connection only when the grader had ended its direction: it \
             waits for the other end."
        );
        if let Some([_, _, ..]) = held.map(|held| held.holders).as_deref() {
            words = words.followed_by(
                "(The connection was open twice there: closing one of two ends nothing.)",
            );
        }
        return Some(Also(words));
    }
    if waits_for_its_input(&mut awaited, "The end of the stream").is_some() {
        return Some(Also(text!(
            "The stream ended when the program's standard input had ended, and not before."
        )));
    }
    let held = held?;
    if let Some(words) = not_received(&held) {
        return Some(Also(words));
    }
    if stream.has_finished && held.state == State::PeerHasEnded && held.unread == 1 {
        return Some(Also(text!(
            "Your program has not received the end of the client's direction: no receive has \
                 given 0 bytes yet. It does not receive there now."
        )));
    }
    if is_fast && held.state == State::PeerHasEnded {
        return Some(Also(text!(
            "Your program has received the client's end, and runs on at full speed: each \
                 further receive gives 0 bytes again, at once. Leave the loop at the first one."
        )));
    }
    let mut processes: Vec<_> = held.holders.iter().map(|(process, _)| *process).collect();
    processes.dedup();
    Some(Also(match (&processes[..], &held.holders[..]) {
        ([_, _, ..], _) => text!(
            "{number} processes have this connection open. It ends when all of them have closed \
             it: after fork, the parent closes its copy as well.",
            number = processes.len()
        ),
        (_, [_, _, ..]) => text!(
            "Your program has this connection open {number} times. It ends when all of them are \
             closed: {Rust: each try_clone makes one more}{else: each dup makes one more}.",
            number = held.holders.len()
        ),
        _ => text!(
            "Your program still has this connection open{and_end}. A socket that is kept in a \
             list or another variable is not closed. {Python: And if you use makefile(): as long \
             as that is open, close() of the socket does not close it.}{C: (After fork the \
             parent has a copy of its own.)}",
            and_end = match held.state {
                State::PeerHasEnded if held.unread == 0 => {
                    ", and has received the client's end (0 bytes)"
                }
                _ => "",
            }
        ),
    }))
}

/// The program's end of this connection.
fn connection(program: &Program, ours: &TcpStream) -> Option<Held> {
    let (ours, theirs) = (ours.local_addr().ok()?, ours.peer_addr().ok()?);
    let all = sockets::of(program.id());
    all.into_iter().find(|held| held.remote == ours && held.local.port() == theirs.port())
}

/// What came there, and was not received.
fn not_received(held: &Held) -> Option<Words> {
    if held.holders.is_empty() {
        return Some(text!(
            "This connection is still in the queue of your listener: the program has not \
                 accepted it yet."
        ));
    }
    let is_end = u64::from(held.state == State::PeerHasEnded);
    match held.unread.saturating_sub(is_end) {
        0 => None,
        unread => Some(text!(
            "Your program has not received all that was sent: {waiting} at its socket.",
            waiting = match unread {
                1 => text!("1 byte waits"),
                _ => text!("{unread} bytes wait", unread),
            }
        )),
    }
}
