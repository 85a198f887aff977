//! Calls: a limit for each receive, threads.
//! Idea: silence is noticed, slowness is not punished.
//! Usual mistake: a limit for each receive instead of a clock for each client.

use std::io::Write as _;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::clock::{LIMIT, Moment, PATIENCE};
use crate::contents::{cut, sentence};
use crate::exercise::{Check, advice};
use crate::grading::{Grading, NO_ROOM, restarts, starts_again};
use crate::machine;
use crate::processor::open_files;
use crate::program::Program;
use crate::wire::Peer;
use crate::words::{Words, text};
use crate::wrong::{Explain as _, How, Outcome, Wrong, plural, seconds, show};

pub const CHECKS: &[Check] = &[
    Check {
        title: "a line comes back",
        usually: advice! {
            Silent | Short => MISSING,
            _ => "Send each line back byte for byte, with its \"\\n\", and nothing else: a ping is \
                due only when nothing has come for a second.",
        },
        run: |grading| {
            // Some of the checks wait for seconds.
            grading.bench().clock.allow(LIMIT * 2);
            let (_, mut anna) = start(grading)?;
            for line in ["hello", "a longer line", "", "你好 🌍"] {
                anna.talks(line)?;
            }
            anna.hears_nothing()
        },
    },
    Check {
        title: "lines are whole, however they were cut or glued",
        usually: advice! {
            Silent | Short => GLUED,
            _ => "One receive is no line. Keep the bytes of each client until a \"\\n\" has come; \
                then send back what came up to there, and keep the rest (step 9).",
        },
        run: |grading| {
            let (_, mut anna) = start(grading)?;
            anna.says("hel")?;
            anna.hears_nothing()?;
            anna.says("lo\nhow are you?\nan")?;
            anna.hears("hello")?;
            anna.hears("how are you?")?;
            anna.hears_nothing()?;
            anna.says("d you?\n")?;
            anna.hears("and you?")?;
            let chance = grading.chance();
            let lines: Vec<_> = (0..6).map(|_| sentence(chance)).collect();
            let all = lines.join("\n") + "\n";
            for piece in cut(chance, all.as_bytes(), 12) {
                anna.says(piece)?;
            }
            anna.peer.call_it(text!("in 12 pieces, {bytes}", bytes = show(all.as_bytes())));
            lines.iter().try_for_each(|line| anna.hears(line))
        },
    },
    Check {
        title: "others are served meanwhile",
        usually: advice! {
            "A client was there, and others were not served. Each of them is to be waited for at \
             the same time: a thread for each (step 16), which waits for this one alone, while the \
             first thread goes back to accept."
        },
        run: |grading| {
            on_time(grading, |grading| {
                machine::allow_queue(50)?;
                let program = grading.start()?;
                let first = grading.connect(&program)?;
                others_are_served(&first, connect(grading, &program)?)?;
                let others = program.while_stopped(|| -> Outcome<Vec<Client>> {
                    let next = |number| {
                        let after = text!("{number} connections at once", number);
                        connect(grading, &program).after(after).advice(NO_ROOM)
                    };
                    (2..50).map(next).collect()
                })?;
                others.into_iter().try_for_each(|mut client| client.talks("hello"))
            })
        },
    },
    Check {
        title: "who is silent for a second is asked, and its pong is its own",
        usually: advice! {
            Silent => NOT_ASKED,
            More | Other => PONG,
            _ => "The connection ended. That the limit of a receive is over, and that it was \
                interrupted (by Ctrl-Z and fg), are errors that say nothing of the client: look at \
                the clock, and receive again (step 13).",
        },
        run: |grading| {
            on_time(grading, |grading| {
                let (program, mut anna) = start(grading)?;
                anna.talks("hello")?;
                anna.peer.call_it("\"hello\\n\", then nothing for a second");
                let since = Instant::now();
                let is_late = |it: &Wrong| it.how == How::End && since.elapsed() > SECOND * 2;
                anna.peer.expect("ping\n").advice_if(is_late, NOT_ASKED)?;
                anna.says("pong\n")?;
                anna.talks("ponging").advice(PONG)?;
                anna.says("po")?;
                anna.says("ng\n")?;
                anna.talks("a pong").advice(PONG)?;
                for _ in 0..3 {
                    // It waits in a receive then.
                    anna.says("pong\n")?;
                    program.stop_and_continue();
                    anna.talks("pong?").map_err(|wrong| {
                        let sent = text!("Ctrl-Z, then fg; then {then}", then = wrong.sent);
                        wrong.after(sent)
                    })?;
                }
                anna.says("pong\n")?;
                anna.talks("and on")
            })
        },
    },
    Check {
        title: "who says nothing is asked twice, and put out after three seconds",
        usually: |_| GONE,
        run: |grading| {
            on_time(grading, |grading| {
                let program = grading.start()?;
                let since = Instant::now();
                let next = |_| grading.connect(&program);
                let mut peers = (0..10).map(next).collect::<Outcome<Vec<_>>>()?;
                for peer in &mut peers {
                    peer.call_it("nothing, by 10 clients at once");
                    is_put_out(peer, since)?;
                }
                let mut next = connect(grading, &program)?;
                next.talks("hello").after("10 clients that were put out; then \"hello\\n\"")
            })
        },
    },
    Check {
        title: "so is who has answered before",
        usually: |_| GONE,
        run: |grading| {
            on_time(grading, |grading| {
                let (_, mut anna) = start(grading)?;
                anna.talks("hello")?;
                anna.peer.expect("ping\n")?;
                let since = Instant::now();
                anna.says("pong\n")?;
                anna.peer.call_it("\"pong\\n\" after a ping, and then nothing");
                is_put_out(&mut anna.peer, since).map_err(|wrong| {
                    match wrong.advice.as_ref().map(Words::english) {
                        Some(NEVER) => wrong.advice(ONCE),
                        _ => wrong,
                    }
                })
            })
        },
    },
    Check {
        title: "who is only slow is not put out",
        usually: advice! {
            Other => "A line came in pieces, with seconds between them, and not all of it came \
                back. What has come must be kept over the limit of a receive: in a buffer outside \
                of it. A call that reads to the end of a line ({Rust: `read_line`}{Python: \
                `readline`}{else: readLine}) may lose it when the limit is over (step 18).",
            _ => SLOW,
        },
        run: |grading| {
            on_time(grading, |grading| {
                for _ in 0..3 {
                    if slow_ones(grading)? {
                        return Ok(());
                    }
                }
                Err(grading.too_busy())
            })
        },
    },
    Check {
        title: "who talks is not asked",
        usually: advice! {
            "A client said something all the time, and got a ping. It is due when nothing has come \
             *for a second*: each byte puts it off. A clock that strikes every second, for all of \
             them, does not know who has just spoken: note for each client when its last byte came."
        },
        run: |grading| {
            on_time(grading, |grading| {
                for _ in 0..3 {
                    let (_, mut peer) = grading.start_and_connect()?;
                    if talks(&mut peer)? {
                        return Ok(());
                    }
                }
                Err(grading.too_busy())
            })
        },
    },
    Check {
        title: "its end closes the connection, and a reset ends nobody else's",
        usually: advice! {
            More => "The client has ended its direction, and waits for the end of yours. A receive \
                gives 0 bytes now, at once and each time: no byte has come, but no time has passed \
                either. Test for 0, and close (step 12).",
            _ => "A client ended, or broke its connection off. That ends its own conversation: \
                close it, and go on with the others (step 12).",
        },
        run: |grading| {
            on_time(grading, |grading| {
                let (program, mut anna) = start(grading)?;
                anna.talks("I stay")?;
                for _ in 0..3 {
                    let mut ben = connect(grading, &program)?;
                    ben.says("bye\n")?;
                    ben.peer.finish();
                    ben.hears("bye")?;
                    ben.peer.expect_end()?;
                    let mut carl = connect(grading, &program)?;
                    carl.talks("hello")?;
                    carl.peer.reset();
                    let mut dora = connect(grading, &program)?;
                    dora.talks("I am new").after("a reset; then \"I am new\\n\"")?;
                    anna.talks("still here").after("by another one, a reset")?;
                }
                Ok(())
            })
        },
    },
    Check {
        title: "who is gone leaves nothing open",
        usually: advice! {
            "Clients were gone, some without a word, as if a cable were cut, and the program has \
             more open files than before them. Close the socket on every way out, and keep no copy \
             of it: shutdown alone leaves it open. Nobody acknowledges the end that close sends; \
             the kernel sees to that."
        },
        run: |grading| {
            on_time(grading, |grading| {
                let (program, mut anna) = start(grading)?;
                anna.talks("hello")?;
                let before = open_files(program.id());
                let mut gone = Vec::new();
                for number in 0..20 {
                    let mut ben = connect(grading, &program)?;
                    ben.talks("hello")?;
                    match number % 4 {
                        0 => ben.peer.reset(),
                        1 => ben.peer.close(),
                        _ => {
                            vanish(&ben.peer)?;
                            gone.push(ben.peer);
                        }
                    }
                    anna.says("pong\n")?;
                }
                let wait = grading.bench().clock.wait(THREE + PATIENCE);
                // She stays, and must not be put out.
                while open_files(program.id()) > before && wait.left().is_some() {
                    sleep(SECOND / 4);
                    anna.says("pong\n")?;
                }
                let open = open_files(program.id());
                if open > before {
                    let expected = "no more open files than before they came";
                    let got = text!("{number} more", number = plural(open - before, "open file"));
                    return Err(
                        Wrong::new(How::More, expected, got).after("20 clients that are gone")
                    );
                }
                anna.talks("still here")
            })
        },
    },
    starts_again(|grading| {
        restarts(grading, |peer| {
            peer.send("are you there?\n")?;
            hears_at_last(peer, "are you there?")
        })
    }),
];

pub const HINTS: &[&str] = &[
    "Start with an echo of whole lines for one client (step 9), then give each client a thread \
     (step 16). Only then think of silence.",
    "Note for each client when its last byte came. Everything follows from that moment: the next \
     ping is due 1, 2 seconds after it, and the end 3 seconds after it.",
    "Ahead of each receive, look at the clock: how long is it until the next thing to do? That is \
     the limit of this receive (step 18). A limit of 0 would be none at all.",
    "When the limit is over, nothing has happened yet: go round again, and the clock says whether \
     to send a ping or to close. When bytes have come, note the time, and begin to count the pings \
     anew.",
    "What came of a line is kept in the loop's own buffer, whatever happens in between. {Rust: \
     `read` into an array, `extend_from_slice`, and `drain` up to each line's end.}{Python: `recv`, \
     `+=`, and `partition(b\"\\n\")`.}{else: Append what each receive gave, and take whole lines \
     from the front.}",
];

const SECOND: Duration = Duration::from_secs(1);

const THREE: Duration = Duration::from_secs(3);

const MISSING: &str = "The line is missing, or its end. Send it back as soon as its \"\\n\" has come, \
     and the \"\\n\" with it. In a language that keeps its output for later, flush it.";

const GLUED: &str = "A line is missing. One receive can bring two lines, or one and a half: use all of \
     it, and keep what is left after a \"\\n\" for the next line (step 9).";

const NOT_ASKED: &str = "Nothing had come from the client for a second, and no \"ping\\n\" came, or what \
     came after it was not served. The receive must not wait for longer than until the next ping \
     is due (step 13): give it what is left until then.";

const PONG: &str = "The line \"pong\\n\" is the answer to a ping, and is not sent back. \
                Compare whole lines with it, not what a receive gave, nor a part of the line: \
                \"ponging\\n\" is a line like any other.";

const GONE: &str = "Count from the client's last byte: a ping after one second, another one after two, \
     and after three close the connection.";

const NEVER: &str = "The client has said nothing for longer than three seconds, and is not put out. \
     Note when its last byte came; when that is three seconds ago, close. A ping that can be sent \
     says nothing: it only goes into a buffer. Nor does the kernel's keep-alive: this kernel \
     answers (step 18).";

const ONCE: &str = "The client answered a ping, and has been silent ever since: it is not put out any \
     more. That it was there once says nothing: with each byte the three seconds begin anew.";

const EARLY: &str = "The connection was closed too early. Three seconds without a byte are the limit, \
     and not a ping that is still without an answer: a client that is slow may need two.";

const PINGS: &str = "In three seconds of silence there are two pings: after one second, and after two. \
     Count how many of them were sent since the last byte, and with a byte begin anew.";

const SLOW: &str = "The client was slow: a byte every two and a half seconds, or a pong that took as \
     long. It was put out, or not served any more. Any byte is a sign of life, not only a whole \
     line or a pong, and with each of them the three seconds begin anew.";

/// Where a program that is right, and gets no processor for long, would look the same, nothing can
/// be said: once more then.
fn on_time(grading: &mut Grading, check: impl Fn(&mut Grading) -> Outcome) -> Outcome {
    for _ in 0..3 {
        let since = Moment::now();
        let outcome = check(grading);
        let is_late = |wrong: &Wrong| match wrong.how {
            // It sleeps over the time of two pings, and then over all.
            How::End | How::Reset => {
                wrong.advice.as_ref().map(Words::english) != Some(EARLY)
                    && since.lost() > SECOND * 2
            }
            // Over that of one ping, or it sends one, and the bytes are there.
            How::Other => {
                let pings = wrong.got.english().contains("ping") || wrong.got == "nothing";
                pings && since.lost() > SECOND
            }
            _ => false,
        };
        if !outcome.as_ref().is_err_and(is_late) {
            return outcome;
        }
        grading.bench().clock.allow(since.elapsed());
    }
    Err(grading.too_busy())
}

/// A client, and what is known of its silence: on a busy machine it may be late itself.
struct Client {
    peer: Peer,
    /// When its last byte was sent, and how long it had been silent then.
    last: Instant,
    silence: Duration,
}

fn connect(grading: &Grading, program: &Program) -> Outcome<Client> {
    let last = Instant::now();
    Ok(Client { peer: grading.connect(program)?, last, silence: Duration::ZERO })
}

fn start(grading: &mut Grading) -> Outcome<(Rc<Program>, Client)> {
    let program = grading.start()?;
    let client = connect(grading, &program)?;
    Ok((program, client))
}

impl Client {
    /// Sends it for a receive of its own.
    fn says(&mut self, bytes: impl AsRef<[u8]>) -> Outcome {
        self.peer.send_alone(bytes.as_ref())?;
        self.silence = self.last.elapsed();
        self.last = Instant::now();
        Ok(())
    }

    /// Its line must come back.
    fn talks(&mut self, line: &str) -> Outcome {
        self.peer.send(format!("{line}\n"))?;
        self.silence = self.last.elapsed();
        self.last = Instant::now();
        self.hears(line)
    }

    /// This line comes next; or a ping, if the client itself was late.
    fn hears(&mut self, expected: &str) -> Outcome {
        let wrong = |how, got: Words| {
            let expected = show(format!("{expected}\n").as_bytes());
            Err(Wrong::new(how, expected, got))
        };
        loop {
            let line = self.peer.receive_line(expected);
            let is_late = self.last.elapsed() > SECOND * 2;
            let sent = show(expected.as_bytes());
            match line {
                Ok(line) if line == expected => return Ok(()),
                Err(it) if it.how == How::End && is_late => {
                    return wrong(How::Silent, "no line, and then the end".into()).after(sent);
                }
                Err(it) => return Err(it),
                Ok(line) if line == "ping" && is_late => {
                    return wrong(How::Silent, "no line, but pings".into()).after(sent);
                }
                Ok(line) if line == "ping" && self.was_silent() => {}
                Ok(line) if line.strip_prefix(expected) == Some("ping") => {
                    return wrong(How::Short, show(line.as_bytes())).after(sent);
                }
                Ok(line) => {
                    let got = show(format!("{line}\n").as_bytes());
                    return wrong(How::Other, got).after(sent);
                }
            }
        }
    }

    /// A ping may be due.
    fn was_silent(&self) -> bool {
        self.silence.max(self.last.elapsed()) > SECOND * 9 / 10
    }

    fn hears_nothing(&mut self) -> Outcome {
        let heard = self.peer.expect_nothing();
        if self.was_silent() { Ok(()) } else { heard }
    }
}

/// The first one is there all the while.
fn others_are_served(first: &Peer, mut second: Client) -> Outcome {
    let (mut first, is_done) = (first.stream(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Relaxed) && first.write_all(b"pong\n").is_ok() {
                sleep(SECOND / 10);
            }
        });
        let served = second.talks("hello");
        is_done.store(true, Relaxed);
        // (Asked again, it would answer: the first one is gone by then.)
        served.map_err(|wrong| wrong.at(None))
    })
}

/// It says nothing from now on: two pings, and then the end, three seconds after `since`.
fn is_put_out(peer: &mut Peer, since: Instant) -> Outcome {
    let (one, after) = ("ping\n".len(), "nothing from then on");
    // More than it may get: who is never put out is asked for ever.
    let got = peer.up_to_the_end(one * 4).advice_if(|it| it.how == How::Silent, NEVER)?;
    let time = since.elapsed();
    let expected = "two lines \"ping\", and the end after 3 seconds";
    let wrong = |how, got, advice| Err(Wrong::new(how, expected, got).after(after).advice(advice));
    let pings = got.len() / one;
    if got.len() == one * 4 {
        let got = text!("{bytes} in {time}", bytes = show(&got), time = seconds(time));
        let is_often = time < THREE;
        return wrong(How::More, got, if is_often { PINGS } else { NEVER });
    }
    if time + Duration::from_millis(100) < THREE {
        let got = text!("the end after {time}", time = seconds(time));
        return wrong(How::End, got, EARLY);
    }
    match pings {
        2 | 3 if got == b"ping\n".repeat(pings) => Ok(()),
        _ => wrong(How::Other, show(&got), PINGS),
    }
}

/// What the client hears, but for the pings.
fn hears_at_last(peer: &mut Peer, expected: &str) -> Outcome {
    for _ in 0..6 {
        let line = peer.receive_line(expected)?;
        if line == expected {
            return Ok(());
        }
        if line != "ping" {
            let wrong = Wrong::new(How::Other, show(expected.as_bytes()), show(line.as_bytes()));
            return Err(wrong.after("a line in pieces, with 2.4 seconds between them"));
        }
    }
    let expected = show(expected.as_bytes());
    Err(Wrong::new(How::Silent, expected, "6 pings").after("a line in pieces"))
}

/// One sends a byte at a time, and one answers late. `false`: the machine was slower than they.
fn slow_ones(grading: &mut Grading) -> Outcome<bool> {
    const SLOWLY: Duration = Duration::from_millis(2400);

    let (program, mut letters) = grading.start_and_connect()?;
    let mut late = grading.connect(&program)?;
    late.send("hello\n")?;
    hears_at_last(&mut late, "hello")?;
    for piece in ["h", "i", "\n"] {
        let start = Instant::now();
        letters.send(piece)?;
        late.send("pong\n")?;
        if piece == "\n" {
            break;
        }
        sleep(SLOWLY);
        if start.elapsed() > SLOWLY + Duration::from_millis(300) {
            return Ok(false);
        }
    }
    letters.call_it("\"h\", \"i\", \"\\n\", with 2.4 seconds between them");
    hears_at_last(&mut letters, "hi")?;
    late.send("still here\n")?;
    late.call_it("a pong every 2.4 seconds, then \"still here\\n\"");
    hears_at_last(&mut late, "still here")?;
    Ok(true)
}

/// It says something all the time. `false`: it could not.
fn talks(peer: &mut Peer) -> Outcome<bool> {
    const PAUSE: Duration = Duration::from_millis(350);

    let mut longest = Duration::ZERO;
    let mut last = Instant::now();
    for number in 1..=9 {
        let line = format!("line {number}\n");
        let heard = peer.expect_echo(&line);
        longest = longest.max(last.elapsed());
        last = Instant::now();
        if longest > Duration::from_millis(800) {
            return Ok(false);
        }
        heard.after(text!(
            "a line every 0.35 seconds; then {bytes}",
            bytes = show(line.as_bytes())
        ))?;
        sleep(PAUSE);
    }
    Ok(true)
}

/// Nothing that is sent to it arrives from now on. (Elsewhere it says nothing, and that is all.)
fn vanish(peer: &Peer) -> Outcome {
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(peer.stream()).attach_filter(&[socket2::SockFilter::new(6, 0, 0, 0)])?;
    let _ = peer;
    Ok(())
}
