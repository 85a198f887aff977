//! Calls: `bind`, `connect`.
//! Idea: an address as a lock.
//! Usual mistake: every error taken for "in use".

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::clock::{Moment, PATIENCE};
use crate::contents;
use crate::exercise::{Check, advice};
use crate::grading::{Grading, restarts};
use crate::program::{Program, expect_no_line};
use crate::sockets::{self, State};
use crate::wire::Peer;
use crate::words::text;
use crate::wrong::{Explain as _, How, Outcome, Wrong, seconds, show};

const LINE: &str = "it runs already";

pub const CHECKS: &[Check] = &[
    Check {
        title: "the first one tells its clients that it runs",
        usually: advice! {
            End | Other => "The client is to get the line \"it runs already\", and \\n at its end: \
                16 bytes, and nothing else.",
            More => "After the line the connection is to be closed, so that the client knows that \
                nothing more comes{Rust: : drop the client's socket}{else: : close the client's \
                socket}.",
            _ => "The client got no line. After accept: send it, and close the connection. Don't \
                wait for the client to say something first.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            tells(&mut peer)
        },
    },
    Check {
        title: "a second one prints that line, and ends with 0",
        usually: advice! {
            Silent => "The first one runs, and the second one neither printed the line nor ended. \
                If it listens as well, there is no lock: it took another port, or both have set \
                SO_REUSEPORT (on Windows: SO_REUSEADDR), with which several programs can share one \
                address.",
            Exit => "bind failed with \"address already in use\". For this program that is an \
                answer, and no failure: look which error it is ({Rust: AddrInUse}{else: EADDRINUSE}), connect to \
                the address instead, receive the line, print it, and end with exit status 0.",
            _ => "The second one is to print exactly the line that came from the first one.",
        },
        run: |grading| {
            let first = grading.start()?;
            let second = grading.start_unready(&first.argument)?;
            let result = prints_it(&second);
            // Only there it is seen where a program listens.
            let waits = cfg!(target_os = "linux")
                && second.ended().is_none()
                && !sockets::of(second.id()).iter().any(|one| one.state == State::Listens);
            let Err(wrong) = result else { return Ok(()) };
            if wrong.how == How::Silent && waits {
                return Err(wrong.advice(TRIES_AGAIN).at(None));
            }
            // Perhaps it is the first one that takes so long.
            let start = Instant::now();
            let told = grading.connect(&first).and_then(|mut peer| tells(&mut peer));
            let is_late = told.is_ok() && start.elapsed() > A_SECOND;
            Err(wrong.advice_if(|it| it.how == How::Exit && is_late, TELLS_LATE))
        },
    },
    Check {
        title: "three more do the same, and the first one still runs",
        usually: advice! {
            "After some second ones the first one no longer answered. It stays until it is ended: \
             after each client it goes back to accept, with the same listener."
        },
        run: |grading| {
            let first = grading.start()?;
            // It does not close its end: nobody is to wait for that.
            let mut stays = grading.connect(&first)?;
            tells(&mut stays)?;
            let next = grading.connect(&first).and_then(|mut peer| tells(&mut peer));
            next.advice_if(|it| it.how == How::Silent && first.ended().is_none(), NEXT)?;
            let mut more = Vec::new();
            for _ in 0..3 {
                more.push(grading.start_unready(&first.argument)?);
            }
            for second in &more {
                prints_it(second)?;
            }
            let mut peer = grading.connect(&first)?;
            tells(&mut peer)?;
            grading.is_nowhere_else(&first, Type::STREAM)
        },
    },
    Check {
        title: "the line counts, in however many pieces it comes",
        usually: advice! {
            "The whole line was sent, and it came in pieces: a receive gives what is there \
             already. Receive until you have all 16 bytes, and compare these (step 5). A limit for the \
             receive is a second, and no less{C: : a timeval has seconds, and millionths of \
             one}."
        },
        run: |grading| {
            let (first, program) = start_at_another(grading)?;
            let mut peer = grading.accept(&first).advice(NOT_CONNECTED)?;
            let line = format!("{LINE}\n");
            let (beginning, rest) = line.split_at(3);
            // Who has enough of the first piece shows it below.
            let _ = peer.send(beginning);
            thread::sleep(Duration::from_millis(200));
            let _ = peer.send(rest);
            peer.finish();
            let after =
                text!("by the first one: {line}, in two pieces", line = format!("{line:?}"));
            let result = program.expect_line(LINE).and_then(|()| program.expect_success());
            let is_up = |_: &_| program.complaints().iter().any(|line| is_timeout(line));
            result.after(after).advice_if(is_up, TOO_SHORT)
        },
    },
    Check {
        title: "another error does not mean that it runs already",
        usually: advice! {
            "192.0.2.1 is not this machine's address, so bind fails, and not because the address \
             is in use. Look which error it is: only \"address in use\" \
             ({Rust: AddrInUse}{else: EADDRINUSE}) is an answer. Any other one ends the program, with an exit status other than 0. (On \
             Linux listen works even if bind has failed, at a port of the kernel's choice.)"
        },
        run: |grading| {
            let address = "192.0.2.1:20817";
            let program = grading.start_unready(address)?;
            program.expect_failure().after(text!("a start with {address}", address))?;
            // Bound, and not listening: the address is in use, and nobody answers there.
            let held = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            held.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
            let address = held.local_addr()?.as_socket().expect("the address that it was bound to");
            let program = grading.start_unready(&address.to_string())?;
            program
                .expect_failure()
                .after(text!(
                    "a start with {address}, where somebody is bound and does not listen",
                    address
                ))
                .advice(NOT_THERE)
        },
    },
    Check {
        title: "another program that says something else is found out",
        usually: advice! {
            "Another program has the address, and yours took it for its first one. Receive the \
             whole line, in however many pieces it comes, compare it with what the first one would \
             say, byte by byte, its line ending as well, and end with an exit status other than 0 \
             if it is not that."
        },
        run: |grading| {
            let any = contents::sentence(grading.chance());
            let others = [
                "hello\n".to_owned(),
                format!("{LINE}?\n"),
                format!("{LINE} \n"),
                format!("It{}\n", &LINE[2..]),
                format!("{any}\n"),
                // The line is not whole.
                LINE.to_owned(),
                String::new(),
            ];
            let mut programs = Vec::new();
            for says in others {
                programs.push((says, start_at_another(grading)?));
            }
            for (says, (other, program)) in programs {
                let mut peer = grading.accept(&other).advice(NOT_CONNECTED)?;
                // It may have looked no further than to here.
                let _ = peer.send(&says);
                peer.finish();
                let says = match &says[..] {
                    "" => text!("nothing"),
                    says => show(says.as_bytes()),
                };
                let after = text!("by the other program: {says}, then the end of the stream", says);
                let is_silent = |it: &Wrong| {
                    it.how == How::Exit
                        && program.ended().is_some()
                        && program.last_lines().is_empty()
                };
                program.expect_failure().after(&after).advice_if(is_silent, FOUND_OUT)?;
                program.expect_not_ready().after(&after)?;
            }
            Ok(())
        },
    },
    Check {
        title: "another program that says nothing is, too, after a second",
        usually: advice! {
            "Another program has the address and says nothing, so a receive without a limit waits \
             forever. Set one ({Rust: set_read_timeout}{Python: settimeout}{Java: setSoTimeout}{Node: setTimeout}{else: SO_RCVTIMEO}) of a second; time that is up is a failure here: end with an exit status other than 0."
        },
        run: |grading| {
            // The shortest of some times counts: a busy machine does not make all of them long.
            let (mut tries, mut last) = (0, PATIENCE);
            let (time, words) = loop {
                let (since_start, time) = match gives_up(grading) {
                    // Its tries before have used up all the time.
                    Err(_) if tries > 0 && grading.bench().clock.is_up() => break (last, TOO_LATE),
                    other => other?,
                };
                last = time;
                tries += 1;
                match time {
                    _ if since_start < A_SECOND => break (time, TOO_EARLY),
                    _ if time < TOO_LONG => return Ok(()),
                    _ if tries == 3 => break (time, TOO_LATE),
                    _ => {}
                }
            };
            let expected = "the end of the program, a second after it has connected";
            let got = text!("its end, after {time}", time = seconds(time));
            Err(Wrong::new(How::Exit, expected, got).after(NOTHING).advice(words))
        },
    },
    Check {
        title: "a client that breaks off doesn't end the first one",
        usually: advice! {
            "Clients broke their connections off, perhaps before they got their line: send fails \
             then. It is the end of this client, and not of the program: handle the error, and go \
             back to accept (step 7)."
        },
        run: |grading| {
            let first = grading.start_with_files(128)?;
            let break_off = || grading.connect(&first).map(Peer::reset);
            // These two for sure ahead of their line.
            first.while_stopped(|| break_off().and(break_off()))?;
            // (Who sends twice to one that has closed gets "broken pipe".)
            let close = || grading.connect(&first).map(Peer::close);
            first.while_stopped(|| close().and(close()))?;
            let complains =
                |_: &Wrong| first.complaints().iter().any(|it| it.contains("open files"));
            for number in 3..=150 {
                break_off().advice_if(complains, LEFT_OPEN)?;
                let peer = grading.connect(&first).and_then(|mut peer| tells(&mut peer));
                let after = text!("{number} clients that broke off, and some that did not", number);
                peer.after(after).advice_if(|it| number > 100 || complains(it), LEFT_OPEN)?;
            }
            Ok(())
        },
    },
    Check {
        title: "after the first one was ended, the next one is the first",
        usually: |_| "The next one does not tell its clients that it runs, as the first one did.",
        run: |grading| restarts(grading, tells),
    },
];

pub const HINTS: &[&str] = &[
    "Create, bind, listen: one of these fails if the address is in use. Put the three into a \
     function {Rust: that gives an `io::Result<Socket>`}, and look at its error.",
    "{Rust: `error.kind() == ErrorKind::AddrInUse`}{Python: `error.errno == \
     errno.EADDRINUSE`}{else: EADDRINUSE} is the answer \"it runs already\". Then: a new socket, \
     connect, receive, print.",
    "{Rust: `set_read_timeout(Some(Duration::from_secs(1)))` ahead of the receive. `read_exact` \
     into 16 bytes takes the whole line, however it is cut.}{Python: `settimeout(1)` ahead of the \
     receive, and then receive in a loop until there are 16 bytes.}{else: A limit of a second \
     ahead of the receive, and then receive in a loop until there are 16 bytes.}",
    "SO_REUSEADDR {Rust: (`set_reuse_address(true)`, not on Windows)}{else: (not on Windows)} ahead \
     of bind: old connections don't keep the address then, and a listener still does.",
];

const TRIES_AGAIN: &str = "The second one has printed nothing, has not ended, and listens nowhere: \
     what does it wait for? \"Address in use\" is the answer, at the first try. Don't try bind \
     again: connect there at once.";

const TELLS_LATE: &str = "The first one has the line for its clients only after more than a second, and \
     the second one does not wait as long. Send it as soon as a client is there: is there a sleep \
     ahead of it?";

const NOT_CONNECTED: &str = "Somebody listens at the address already, and your program has not \
     connected there. That bind fails (\"address already in use\") is the sign that it may run \
     already, and nothing else, no file either; and what runs there is to be asked: connect, and \
     print the line that comes.";

const TOO_SHORT: &str = "The line came in two pieces, and the program gave up between them, which was \
     less than a second. The limit for a receive is a second: set no shorter one.";

const FOUND_OUT: &str = "Your program printed nothing, and ended with exit status 0, as if all were \
     well. It is another program that has the address: end with an exit status other than 0.";

const MORE: &str = "After the line came more. Send these 16 bytes, and nothing behind them{C: : strlen \
     gives the length of a text, and sizeof counts the 0 at its end as well}.";

const NEXT: &str = "The client before this one has its line, and has not closed its end yet; this \
     one got nothing. Close the connection when the line was sent, and don't wait for the client \
     to close.";

const NOT_THERE: &str = "The address is in use, but nobody listens there, and connect fails \
     (\"connection refused\"). So it is not your program that runs there: end with an exit status \
     other than 0.";

const NO_MORE: &str = "The second one is to print the line that came, and nothing else. The line \
     has its line ending already: who prints it and one more line ending prints an empty line \
     as well. What else there is to say goes to standard error.";

const ON: &str = "Something else came, and more and more of it, without a line ending and without \
     an end; the program waits for one. It can tell sooner: 16 bytes are enough to see that this \
     is not the line.";

const HALF_A_LINE: &str = "A part of the line came, and then nothing more; the program waits for the \
     rest. The limit of a second counts then as well: it is one for each receive, or for the whole \
     line. A wait ahead of the first receive alone (select, poll) says nothing about the next.";

const IDLE: &str = "The first one had no client for more than a second, and then one came, and did \
     not get its line. The limit of a second is for the second one's receive only: the first one \
     waits in accept for as long as it takes.";

const TOO_EARLY: &str = "It gave up before a second was over. The other one has a whole second to \
     say its line.";

const TOO_LATE: &str = "It gave up, but not after a second. When nothing has come for one second, \
     the other one will say nothing: the limit for a receive is a second.";

const LEFT_OPEN: &str = "After some hundred clients no more are served. Most often their sockets \
     are still open in the program, and it has no descriptors left (\"too many open files\"): \
     close each client's socket, also if send fails. Ending the direction (shutdown) does not \
     close it.";

/// So much of the line comes from one that says no more.
const HALF: usize = 7;

const NOTHING: &str = "by the other program: nothing";

/// Between two words of one that talks.
const PAUSE: Duration = Duration::from_millis(80);
/// A bit less, so that no clock is to blame.
const A_SECOND: Duration = Duration::from_millis(950);
const TOO_LONG: Duration = Duration::from_millis(1600);

/// The program, started where another one listens already.
fn start_at_another(grading: &mut Grading) -> Outcome<(TcpListener, Rc<Program>)> {
    let other = grading.listen()?;
    let program = grading.start_unready(&other.local_addr()?.to_string())?;
    Ok((other, program))
}

/// At an address where somebody says nothing, at one where somebody talks on and on, at one where
/// half a line comes, and one that has no client for a while. Returns how long it was until the program ended that hears nothing:
/// since its start, and since it has connected.
fn gives_up(grading: &mut Grading) -> Outcome<(Duration, Duration)> {
    let first = grading.start()?;
    let start = Instant::now();
    let (others, silent) = start_at_another(grading)?;
    let (talks, bored) = start_at_another(grading)?;
    let (stops, half) = start_at_another(grading)?;
    let mut talker = grading.accept(&talks)?;
    let mut stopped = grading.accept(&stops)?;
    // (If the program has gone, it tells below.)
    let _ = stopped.send(&LINE[..HALF]);
    let _silent = grading.accept(&others)?;
    let (connected, given) = (Instant::now(), Moment::now());
    let (mut times, mut last) = (None, Instant::now());
    let wait = grading.bench().clock.wait(PATIENCE);
    let is_over = |program: &Program| program.ended().is_some();
    while times.is_none() || !is_over(&bored) || !is_over(&half) {
        if wait.left().is_none() {
            break;
        }
        thread::sleep(Duration::from_millis(5));
        if times.is_none() && is_over(&silent) {
            // (What the machine has taken away does not count, or most of it.)
            let time = match given.elapsed() {
                time if time < TOO_LONG * 4 / 5 => time,
                _ => connected.elapsed(),
            };
            times = Some((start.elapsed(), time));
        }
        if last.elapsed() > PAUSE {
            last = Instant::now();
            // (If the program has gone, there is nothing to send to.)
            let _ = talker.send("la l");
        }
    }
    silent.expect_failure().after(NOTHING)?;
    let talk = "by the other program: \"la la la ...\", without an end";
    if !is_over(&bored) {
        let got =
            text!("a program that still waits after {time}", time = seconds(connected.elapsed()));
        let wrong = Wrong::new(How::Exit, "the end of the program", got);
        return Err(wrong.after(talk).advice(ON));
    }
    bored.expect_failure().after(talk)?;
    let stop =
        text!("by the other program: {said}, then nothing", said = format!("{:?}", &LINE[..HALF]));
    if !is_over(&half) {
        let got =
            text!("a program that still waits after {time}", time = seconds(connected.elapsed()));
        let wrong = Wrong::new(How::Exit, "the end of the program", got);
        return Err(wrong.after(stop).advice(HALF_A_LINE));
    }
    half.expect_failure().after(stop)?;
    let late = grading.connect(&first).and_then(|mut peer| tells(&mut peer));
    late.after("no client for more than a second; then one").advice(IDLE)?;
    Ok(times.unwrap_or((PATIENCE, PATIENCE)))
}

/// What programs say when time is up.
fn is_timeout(line: &str) -> bool {
    let words = ["timed out", "TimedOut", "timeout", "WouldBlock", "temporarily unavailable"];
    words.iter().any(|it| line.contains(it))
}

/// What each client is to get.
fn tells(peer: &mut Peer) -> Outcome {
    peer.expect(format!("{LINE}\n"))?;
    peer.expect_end().advice_if(|it| it.got.english().starts_with("more"), MORE)
}

/// A second one, at the address of the first.
fn prints_it(second: &Program) -> Outcome {
    let at = &second.argument;
    let after = text!("a second start, with {at} in use by the first one", at);
    let result = second
        .expect_line(LINE)
        .and_then(|()| second.expect_success())
        .and_then(|()| second.expect_not_ready())
        .and_then(|()| {
            expect_no_line(second.last_lines().first(), "no other line").advice(NO_MORE)
        });
    result.after(after)
}
