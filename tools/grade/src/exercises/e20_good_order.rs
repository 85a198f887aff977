//! Calls: `shutdown`, a drain, a stop.
//! Idea: an answer is not safe when it is sent.
//! Usual mistake: close with bytes unread.

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use crate::clock::{LIMIT, PATIENCE};
use crate::exercise::{Check, advice};
use crate::grading::{Grading, restarts, starts_again};
use crate::machine;
use crate::wire::Peer;
use crate::words::text;
use crate::wrong::{Explain as _, How, Outcome, Wrong, seconds};

pub const CHECKS: &[Check] = &[
    Check {
        title: "a client gets its answer, and then the end",
        usually: advice! {
            More => "The answer is there, and its end is not, or more than the answer came: end \
                your direction right after the last \"x\" (shutdown, SHUT_WR). The client ends its \
                own direction only after that, so do not wait for it first. And no line ending \
                goes behind the answer.",
            Silent | Short => "The answer is missing, or a part of it. The line is the number, in \
                digits, and \"\\n\": answer as soon as that has come, and do not wait for the \
                client's end.",
            _ => "To \"5\" and \\n the answer is \"xxxxx\", and then the end of the stream.",
        },
        run: |grading| {
            let program = grading.start()?;
            let mut quickest = PATIENCE;
            for _ in 0..3 {
                let mut peer = grading.connect(&program)?;
                ask(&mut peer, 5)?;
                peer.expect(x(5))?;
                let start = Instant::now();
                peer.expect_end()?;
                quickest = quickest.min(start.elapsed());
            }
            if quickest > LATE {
                let got = text!("the end, after {time}", time = seconds(quickest));
                let wrong = Wrong::new(How::More, "the end of the stream, at once", got);
                return Err(wrong.after("\"5\\n\", each time"));
            }
            Ok(())
        },
    },
    Check {
        title: "so does one that asks for nothing, or for a million",
        usually: advice! {
            Short | Silent | End => "A part of the answer is missing. A send can take less than all of \
                it: send the rest, in a loop, or by {Rust: write_all}{Python: sendall}{else: a \
                function that does so}.",
            _ => RANGE,
        },
        run: |grading| {
            let program = grading.start()?;
            for number in [0, 1, 4096, 1_000_000] {
                let mut peer = grading.connect_narrowest(&program)?;
                ask(&mut peer, number)?;
                let came = peer.expect(x(number));
                came.advice_if(|it| it.got.english().starts_with("nothing, then"), RANGE)?;
                peer.expect_end()?;
                peer.finish();
            }
            Ok(())
        },
    },
    Check {
        title: "a line can come in pieces, and with more behind it",
        usually: advice! {
            "One receive is not one line (step 9). Put together what comes until a \"\\n\" is in \
             it; and what stands behind that is no part of the number."
        },
        run: |grading| {
            let program = grading.start()?;
            let mut peer = grading.connect(&program)?;
            peer.send_in_pieces(b"1234\n", 1)?;
            peer.expect(x(1234))?;
            peer.expect_end()?;
            let mut peer = grading.connect(&program)?;
            peer.send("12\n34\n")?;
            peer.expect(x(12))?;
            peer.expect_end()
        },
    },
    Check {
        title: "what a client sends behind its line costs it nothing",
        usually: advice! {
            Reset | Short | End => "The client had sent more than its line, and lost a part of its \
                answer to a reset. A close with bytes unread is one, and destroys what is still on \
                its way. In this order: shutdown (SHUT_WR); receive and throw away until the \
                client's end; close. And let no other end of the program close it sooner.",
            _ => "The client had sent more than its line. It gets its answer all the same, and \
                then the end.",
        },
        run: |grading| {
            let program = grading.start()?;
            for _ in 0..3 {
                let mut peer = grading.connect_narrowest(&program)?;
                peer.send([b"150000\n".as_slice(), &[b'?'; 20_000]].concat())?;
                // Whoever is too quick has closed by then.
                thread::sleep(Duration::from_millis(60));
                let after = "\"150000\\n\" and 20000 bytes more; it receives a bit later";
                peer.call_it(after);
                peer.expect(x(150_000))?;
                peer.expect_end()?;
                peer.finish();
            }
            Ok(())
        },
    },
    Check {
        title: "nor does what it sends after its answer",
        usually: advice! {
            "The client has its answer, still speaks for a third of a second, and then ends. The \
             server had closed, so its kernel answered with a reset. Drain until the client's end, \
             for a second: a receive that finds nothing just now is no end."
        },
        run: |grading| {
            let (_program, mut peer) = grading.start_and_connect()?;
            ask(&mut peer, 3)?;
            peer.expect(x(3))?;
            peer.expect_end()?;
            speaks_on(&peer)?;
            peer.finish();
            Ok(())
        },
    },
    Check {
        title: "one that never ends is let go",
        usually: advice! {
            "A client has its answer, and goes on speaking, a byte now and then. After a second \
             the server is to close all the same. A limit for each receive never ends that: look \
             at the clock as well, from your shutdown on."
        },
        run: |grading| {
            let (_program, mut peer) = grading.start_and_connect()?;
            ask(&mut peer, 3)?;
            peer.expect(x(3))?;
            peer.expect_end()?;
            is_let_go(&peer)
        },
    },
    Check {
        title: "nobody waits for those who are silent, or slow",
        usually: advice! {
            Silent | Short => "Twenty clients were connected and said nothing, or did not receive \
                their answers, and another one was not served. Serve each in a thread of its own; \
                whoever calls accept waits for none of them.",
            End => "A client had not said its line yet, and its connection was closed. It may take \
                its time: only when the server stops must a line be there.",
            _ => "Each client has a conversation of its own.",
        },
        run: |grading| {
            let program = grading.start()?;
            let mut silent = vec![];
            for number in 1..=20 {
                let after = text!("{number} clients who say nothing", number = number - 1);
                silent.push(grading.connect(&program).after(after)?);
            }
            let mut slow = grading.connect_narrowest(&program)?;
            ask(&mut slow, 1_000_000)?;
            let mut peer = grading.connect(&program)?;
            ask(&mut peer, 7)?;
            peer.expect(x(7))?;
            peer.expect_end()?;
            thread::sleep(Duration::from_millis(1200));
            for peer in &mut silent {
                ask(peer, 2)?;
                peer.expect(x(2))?;
                peer.expect_end()?;
            }
            slow.expect(x(1_000_000)).and_then(|()| slow.expect_end())
        },
    },
    Check {
        title: "one that breaks off harms nobody else",
        usually: advice! {
            "A client broke off (a reset), and the next one was not served. Its errors end its own \
             conversation, and nothing else (step 12)."
        },
        run: |grading| {
            let program = grading.start()?;
            for _ in 0..3 {
                let mut peer = grading.connect(&program)?;
                peer.send("10")?;
                peer.reset();
                let mut peer = grading.connect_narrowest(&program)?;
                ask(&mut peer, 1_000_000)?;
                thread::sleep(Duration::from_millis(20));
                peer.reset();
                let mut peer = grading.connect(&program)?;
                ask(&mut peer, 4)?;
                peer.expect(x(4))?;
                peer.expect_end()?;
            }
            Ok(())
        },
    },
    Check {
        title: "it ends when its input does",
        usually: advice! {
            "Its standard input had ended, nobody was connected, and the program did not end with \
             exit status 0. Read the input in a thread of its own, and let that set a flag. But a \
             thread that waits in accept sees no flag: let accept not wait, and look at it now and \
             then (step 16)."
        },
        run: |grading| {
            let program = grading.start()?;
            program.type_line("go on")?;
            thread::sleep(Duration::from_millis(50));
            let peer = grading.connect(&program).after("a line on standard input");
            let mut peer = peer.advice(A_LINE)?;
            ask(&mut peer, 3)?;
            peer.expect(x(3)).advice(A_LINE)?;
            peer.expect_end()?;
            peer.finish();
            program.end_input();
            program.expect_success().after("the end of its standard input")
        },
    },
    Check {
        title: "from then on, who connects is refused",
        usually: advice! {
            "Its standard input had ended a second ago, a client still had its answer to get, and \
             another one could connect. Close the listener first of all, when the queue is empty: \
             not when all are done."
        },
        run: |grading| {
            let program = grading.start()?;
            let mut slow = grading.connect_narrowest(&program)?;
            ask(&mut slow, 1_000_000)?;
            until_it_answers(&mut slow);
            program.end_input();
            let start = Instant::now();
            loop {
                match grading.connect(&program) {
                    Err(wrong) if wrong.how == How::Refused => break,
                    Err(wrong) => return Err(wrong),
                    Ok(peer) => peer.close(),
                }
                if start.elapsed() > Duration::from_secs(1) {
                    let wrong = Wrong::new(How::More, "a connect that is refused", "a connection");
                    return Err(wrong.after("the end of its standard input, a second ago"));
                }
                // (The queue must not be full before.)
                thread::sleep(Duration::from_millis(50));
            }
            Ok(())
        },
    },
    Check {
        title: "who is being answered then gets all of it",
        usually: advice! {
            Reset | Short | End | Exit => "Its standard input ended while a client was receiving \
                its answer. The client went on receiving, and did not get all of it. Let each \
                conversation end by itself (join its thread, for two seconds at most), and shut \
                nobody down before.",
            _ => "The client gets the rest of its answer, and then the end.",
        },
        run: |grading| {
            let program = grading.start()?;
            let mut slow = grading.connect_narrowest(&program)?;
            slow.send([b"1000000\n".as_slice(), &[b'?'; 20_000]].concat())?;
            until_it_answers(&mut slow);
            program.end_input();
            thread::sleep(Duration::from_millis(150));
            slow.call_it("\"1000000\\n\" and more; then the program's input ended");
            slow.expect(x(1_000_000))?;
            slow.expect_end()?;
            slow.finish();
            program.expect_success()
        },
    },
    Check {
        title: "who waits in the queue then gets an answer, too",
        usually: advice! {
            "Some clients were connected, and their lines had come, before the input ended: the \
             kernel had them in its queue, and the program had not accepted them yet. A listener \
             that is closed resets them. Accept until nobody is left (\"would block\"), serve \
             those, and close it then."
        },
        run: |grading| {
            machine::allow_queue(50)?;
            // Whether they are still in the queue then is a matter of luck.
            (1..=3).try_for_each(|_| stops_with_a_queue(grading))
        },
    },
    Check {
        title: "who has not said its line gets the end",
        usually: advice! {
            More => "A client had said nothing yet when the input ended, or half a line. It gets \
                the end of the stream, and not a byte: half a line is no line, and 1 is not what a \
                client wants that is about to send 10. And not only when two seconds are over.",
            Reset => "A client had said nothing yet when the input ended, and its connection was \
                reset.",
            _ => "A client had said nothing yet when the input ended. It gets the end of the \
                stream.",
        },
        run: |grading| {
            let program = grading.start()?;
            let mut silent = grading.connect(&program)?;
            let mut half = grading.connect(&program)?;
            half.send_alone(b"1")?;
            program.end_input();
            let after = "nothing; then the program's input ended";
            silent.call_it(after);
            silent.expect_end()?;
            half.call_it("\"1\", without a line ending; then the program's input ended");
            half.expect_end()?;
            silent.finish();
            half.finish();
            program.expect_success()
        },
    },
    Check {
        title: "it ends in time, whatever its clients do",
        usually: advice! {
            "Its standard input had ended more than two seconds ago, and the program still ran: \
             one client did not receive its answer. Wait for the conversations only until then, \
             and end; the kernel closes what is open."
        },
        run: |grading| {
            grading.bench().clock.allow(LIMIT / 2);
            let program = grading.start()?;
            let mut slow = grading.connect_narrowest(&program)?;
            ask(&mut slow, 1_000_000)?;
            until_it_answers(&mut slow);
            program.end_input();
            let after =
                "\"1000000\\n\", by a client who receives nothing; then the program's input ended";
            program.expect_success().after(after)
        },
    },
    starts_again(|grading| {
        restarts(grading, |peer| {
            ask(peer, 3)?;
            peer.expect(x(3))
        })
    }),
];

pub const HINTS: &[&str] = &[
    "Start from a server with a thread for each client (step 16). A conversation is: receive up to \
     the \"\\n\", send, shutdown, drain, close.",
    "Drain: receive until 0 bytes, or an error, or until a second is over since the shutdown. Give \
     each receive a short limit, so that you get to look at the clock.",
    "One thread reads the standard input to its end, and sets a flag. The one that accepts looks \
     at it every few milliseconds, and so does whoever waits for a line: {Rust: set_read_timeout}\
             {Python: settimeout}{else: SO_RCVTIMEO}, and again.",
    "At the stop: accept until that would block; close the listener; wait for the threads, two \
     seconds at most; return from main.",
];

/// It has waited for something.
const LATE: Duration = Duration::from_millis(800);

const RANGE: &str = "0 is a number, too: its answer is the end of the stream, and nothing before it. \
     1000000 is the largest, and has seven digits.";

const A_LINE: &str = "A line came on standard input, and that is not its end. Read on until there \
    are 0 bytes (Ctrl-D).";

fn x(number: usize) -> Vec<u8> {
    vec![b'x'; number]
}

fn ask(peer: &mut Peer, number: usize) -> Outcome {
    peer.send(format!("{number}\n"))
}

/// Some are in the queue when it is told to stop.
fn stops_with_a_queue(grading: &mut Grading) -> Outcome {
    let program = grading.start()?;
    let mut waiting = program.while_stopped(|| -> Outcome<Vec<Peer>> {
        let mut waiting = vec![];
        for number in 1..=30 {
            let mut peer = grading.connect(&program)?;
            ask(&mut peer, number)?;
            waiting.push(peer);
        }
        program.end_input();
        Ok(waiting)
    })?;
    for (number, peer) in (1..).zip(&mut waiting) {
        peer.call_it(text!("\"{number}\\n\"; then the program's input ended", number));
        peer.expect(x(number))?;
        peer.expect_end()?;
        peer.finish();
    }
    program.expect_success()
}

/// Its answer has begun to come.
fn until_it_answers(peer: &mut Peer) {
    let start = Instant::now();
    let mut byte = [0];
    while start.elapsed() < PATIENCE && !matches!(peer.stream().peek(&mut byte), Ok(1)) {}
}

/// Speaks on for a while. A server that drains takes that.
fn speaks_on(peer: &Peer) -> Outcome {
    let start = Instant::now();
    for _ in 0..10 {
        thread::sleep(Duration::from_millis(30));
        // (On a busy machine its second may be over.)
        if start.elapsed() > Duration::from_millis(800) {
            break;
        }
        let mut stream = peer.stream();
        if let Err(error) = stream.write_all(&[b'?'; 1000]) {
            let expected = "a connection that is open while the client speaks";
            let got = crate::wrong::in_words(&error);
            let wrong = Wrong::new(How::Reset, expected, got);
            return Err(wrong.after("bytes after its answer, for a third of a second"));
        }
    }
    Ok(())
}

/// Speaks a byte now and then, until that fails.
fn is_let_go(peer: &Peer) -> Outcome {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(50));
        let mut stream = peer.stream();
        if stream.write_all(b"?").is_err() {
            return Ok(());
        }
    }
    let got = text!("it is still open after {time}", time = seconds(PATIENCE));
    let wrong = Wrong::new(How::More, "the end of the connection", got);
    Err(wrong.after("\"3\\n\", and after its answer a byte now and then"))
}
