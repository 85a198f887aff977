//! Calls: `listen`, non-blocking `accept`.
//! Idea: the queue works without the program.
//! Usual mistake: a small backlog.

use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use crate::clock::Moment;
use crate::contents;
use crate::exercise::{Check, advice};
use crate::grading::Grading;
use crate::machine;
use crate::program::{Program, expect_no_line, one_is_busy};
use crate::sockets::{self, Held};
use crate::wire::Peer;
use crate::words::{Words, text};
use crate::wrong::{Explain as _, How, Outcome, Wrong, seconds, show};

pub const CHECKS: &[Check] = &[
    Check {
        title: "one guest is greeted when the doors open",
        usually: advice! {
            Silent | Short => "A guest was waiting, a line came on standard input, and nobody \
                greeted it. After that line: accept, send, close. Any line opens the doors, \
                whatever it says. The guest says nothing, so there is nothing to receive.",
            More => "The guest is to get its line, and then the end of the stream: close its \
                connection after the greeting.",
            End => "The stream ended before a whole line had come. The greeting is \"welcome 1\" \
                with \\n at its end; close the connection after that.",
            Exit | Reset => "The program ended, or broke the connection off, before the guest had \
                its greeting. After the line on standard input: accept, send, close.",
            _ => "The greeting is the line \"welcome 1\", with \\n at its end, and nothing else.",
        },
        run: |grading| {
            let program = grading.start()?;
            // Who does not wait for the line goes on to its end first.
            until_it_sleeps(&program);
            let mut guests = guests(grading, &program, 1)?;
            until_it_sleeps(&program);
            let is_early = not_accepted(&program, &guests[0]).is_err();
            open(&program)?;
            expect_welcomes(&mut guests).advice_if(|_| is_early, EARLY)
        },
    },
    Check {
        title: "when nobody is left, it prints how many, and ends",
        usually: advice! {
            Silent => "All were greeted, and the program neither said so nor ended. Most often \
                it waits in accept for the next guest: make the listener non-blocking once the \
                doors are open. accept then fails with \"would block\" ({Rust: \
                ErrorKind::WouldBlock}{Python: BlockingIOError}{else: EAGAIN}) when nobody is \
                left. And do not wait for a guest to close: close first.",
            Exit => "All were greeted, and the program ended otherwise than it should: first the \
                line \"served 1\", then exit status 0. That accept would block is no failure here: \
                it is how the kernel says that nobody waits.",
            _ => "The line is to be \"served\" and the number of guests that were greeted.",
        },
        run: |grading| {
            let (program, mut guests) = waiting(grading, 1)?;
            until_it_sleeps(&program);
            let is_early = not_accepted(&program, &guests[0]).is_err();
            open(&program)?;
            expect_welcomes(&mut guests).advice_if(|_| is_early, EARLY)?;
            expect_end(&program, 1)
        },
    },
    Check {
        title: "if nobody came, it says so at once",
        usually: advice! {
            Silent => "Nobody was waiting, and the program waits for a first guest. The very first \
                accept must not wait either: make the listener non-blocking ahead of it.",
            _ => "Nobody was waiting: print \"served 0\", and end with exit status 0.",
        },
        run: |grading| {
            let mut time = AT_ONCE;
            // The shortest of some times counts: a busy machine does not make all of them long.
            for _ in 0..5 {
                let (program, _) = waiting(grading, 0)?;
                open(&program)?;
                let start = Moment::now();
                expect_end(&program, 0)?;
                time = start.elapsed();
                if time < AT_ONCE {
                    return Ok(());
                }
            }
            let got = text!("it, after {time}", time = seconds(time));
            let wrong = Wrong::new(How::Silent, "the line at once", got);
            Err(wrong.after("a line on standard input").advice(LIMIT))
        },
    },
    Check {
        title: "before the doors open nobody is greeted",
        usually: advice! {
            "A guest got bytes, or the end of the stream, while the doors were closed. Listen and \
             print \"ready\", then wait for a line on standard input, and accept only after that: \
             the kernel keeps the guests in the queue meanwhile."
        },
        run: |grading| {
            // Any line opens them, an empty one as well. (Side by side, as all of them wait.)
            let any = contents::lines(grading.chance()).remove(0);
            let mut rooms = Vec::new();
            for line in ["open the doors", "", &any] {
                rooms.push((line.to_owned(), waiting(grading, 1)?));
            }
            // Who greets early does so at once, or when it has waited for a second.
            thread::sleep(CLOSED);
            for (_, (_, guests)) in &mut rooms {
                guests[0].call_it("nothing yet: the doors are closed");
                guests[0].expect_nothing()?;
            }
            for (_, (program, guests)) in &rooms {
                not_accepted(program, &guests[0])?;
            }
            for (line, (program, guests)) in &mut rooms {
                let half = if line.is_ascii() { line.len() / 2 } else { 0 };
                let (part, rest) = line.split_at(half);
                if !part.is_empty() {
                    program.type_part(part)?;
                    thread::sleep(Duration::from_millis(50));
                    until_it_sleeps(program);
                    guests[0].call_it(text!(
                        "{text} (typed, and no line ending yet)",
                        text = quoted(part)
                    ));
                    guests[0].expect_nothing().advice(HALF)?;
                }
                program.type_line(rest)?;
                guests[0].call_it(text!("{text} (typed)", text = quoted(&format!("{line}\n"))));
                expect_welcomes(guests).and_then(|()| expect_end(program, 1)).advice(ANY)?;
            }
            Ok(())
        },
    },
    Check {
        title: "50 can wait, and are greeted in the order of their coming",
        usually: advice! {
            Refused => "The queue was full: this guest could not connect while nobody accepted. \
                Its size is the number that listen gets, the backlog: 50 here, or more.",
            Other => "A guest got another number than the one in whose turn it came. accept gives \
                them in the order of their coming: greet each as soon as you have it, and count \
                one more after each.",
            _ => "50 guests were waiting, and not all of them were greeted and counted. Accept in \
                a loop, until accept would block.",
        },
        run: |grading| {
            fifty()?;
            let (program, mut guests) = waiting(grading, 50)?;
            let start = Moment::now();
            open(&program)?;
            expect_welcomes(&mut guests)?;
            expect_end(&program, 50)?;
            if start.elapsed() < SOON {
                return Ok(());
            }
            let got = text!("all of it, after {time}", time = seconds(start.elapsed()));
            let wrong = Wrong::new(How::Silent, "50 greetings, one right after the other", got);
            Err(wrong.after("50 guests, and a line").advice(BETWEEN))
        },
    },
    Check {
        title: "each connection is closed before the next guest's turn",
        usually: advice! {
            "50 guests were waiting, and the program was allowed 50 open files, as the task says. \
             Each connection is one until it is closed, so accept fails in the end (\"too many \
             open files\", EMFILE) if they are kept. Close each one right after its greeting\
             {Rust: : drop it}, and accept nobody before the doors are open."
        },
        run: |grading| {
            fifty()?;
            let program = grading.start_with_files(50)?;
            let mut guests = guests(grading, &program, 50)?;
            open(&program)?;
            expect_welcomes(&mut guests)?;
            expect_end(&program, 50)
        },
    },
    Check {
        title: "one who broke off meanwhile is not counted",
        usually: advice! {
            Exit | Silent | Reset | End => "The third of five guests had broken off while it \
                waited, and the program ended with that, or served nobody after it. On Linux \
                accept still hands over such a connection, and send fails with \"connection \
                reset\" (getpeername and shutdown with \"not connected\"); elsewhere accept itself \
                fails. Neither is a reason to end: go on with the next guest.",
            _ => "The third of five guests had broken off while it waited. It cannot be greeted \
                (send fails), so it is not counted, and the fourth guest is \"welcome 3\". Count \
                when the greeting was sent, and not when accept has returned.",
        },
        run: |grading| {
            let (program, mut guests) = waiting(grading, 5)?;
            guests.remove(2).reset();
            open(&program)?;
            let sent = "a third guest, which was reset; then the line";
            guests.iter_mut().for_each(|guest| guest.call_it(sent));
            expect_welcomes(&mut guests)?;
            expect_end(&program, 4).after(sent)?;
            // This one has not: it ended its own direction, and nothing else.
            let (program, mut guests) = waiting(grading, 2)?;
            guests[0].finish();
            open(&program)?;
            let greeted = expect_welcomes(&mut guests).and_then(|()| expect_end(&program, 2));
            greeted.after("a guest who ended its own direction, and another one").advice(ONE_WAY)
        },
    },
    Check {
        title: "nor are those who all broke off",
        usually: advice! {
            "Every guest had broken off while it waited: nobody can be greeted, so the line is \
             \"served 0\", and the exit status 0. Close the connection of such a guest as well: 50 \
             came, and the program was allowed 50 open files."
        },
        run: |grading| {
            fifty()?;
            let program = grading.start_with_files(50)?;
            let mut guests = guests(grading, &program, 50)?;
            // Send fails with another error for this one.
            guests[1].finish();
            guests.into_iter().for_each(Peer::reset);
            open(&program)?;
            let sent = "50 guests, which were all reset; then the line";
            expect_end(&program, 0).after(sent)
        },
    },
];

pub const HINTS: &[&str] = &[
    "Create, bind, listen with 50. The kernel does the waiting: a guest is connected as soon as it \
     is in the queue, and your program need not accept it for that.",
    "After the line on standard input: {Rust: `listener.set_nonblocking(true)?`}{Python: \
     `server.setblocking(False)`}{C: fcntl with O_NONBLOCK on the listener}{else: make the \
     listener non-blocking}. Then accept in a loop{Rust: , with a `match`: `Err(error) if \
     error.kind() == ErrorKind::WouldBlock` means that nobody is left}{Python: : `BlockingIOError` \
     means that nobody is left}{else: : the error EAGAIN means that nobody is left}.",
    "Count a guest only when {Rust: `write_all` was `Ok(())`}{Python: `sendall` raised \
     nothing}{else: the send of its greeting was right}; print other errors, close, and go on.",
];

const EARLY: &str = "The guest is not greeted yet, and it is accepted already: the program took it \
     out of the queue while the doors were closed. Accept nobody until the line has come on \
     standard input: the kernel keeps the guests in the queue meanwhile, and so none of them is an \
     open file.";

const BROKEN_OFF: &str = "The guest got its greeting, and then a reset instead of the end: what is \
     on its way can be lost by that. A plain close ends the stream in order. With SO_LINGER of 0 \
     it breaks the connection off, and so it does where something was not received.";

const A_ZERO: &str = "After the line came a byte 0, which is not of the line: {C: it is the end of \
     the string. Send as many bytes as strlen says, and not one more (nor sizeof).}{else: send the \
     bytes of the line, and no more.}";

const LIMIT: &str = "Nobody was waiting, and accept waited all the same. A limit for it (a \
     timeout) is not what non-blocking is: whoever waits is in the queue already, so accept can \
     answer at once.";

const DOES_NOT_WAIT: &str = "No line had come on standard input yet, and the program went on \
     without it: before its guests came, it found that nobody was waiting. After \"ready\" it \
     waits for a line on standard input. Only then are the doors open, and it accepts.";

const HALF: &str = "Only a part of a line had come on standard input, and that opened the doors. \
     A line has come when its line ending has: read a line, and not what is there already.";

const ANY: &str = "A line came on standard input, and it did not open the doors. Any line does, \
     whatever it says: an empty one is a line as well.";

const ONE_WAY: &str = "A guest had ended its own direction while it waited (shutdown), and can \
     still be greeted: that is no breaking off. Whether a guest has gone shows in send, not in \
     receive.";

const BETWEEN: &str = "All guests were greeted, but it took long: is there a pause between two of \
     them? They all wait already, so no call has to wait for anything.";

const NO_MORE: &str = "Print nothing else on standard output: \"ready\", and \"served\" with the \
     number at the end. What else there is to say goes to standard error.";

/// Less than a limit that is worth the name. (Of some tries, one is as quick on a busy machine.)
const AT_ONCE: Duration = Duration::from_millis(80);

/// Much more than 50 greetings need.
const SOON: Duration = Duration::from_millis(1500);

/// Longer than a second: some open by themselves after that.
const CLOSED: Duration = Duration::from_millis(1100);

/// So many guests need room at the listener, and each is an open file of the grader's.
fn fifty() -> Outcome {
    machine::allow_queue(50)?;
    machine::allow_files(72)
}

/// The program, and guests who wait.
fn waiting(grading: &mut Grading, number: usize) -> Outcome<(Rc<Program>, Vec<Peer>)> {
    let program = grading.start()?;
    let guests = guests(grading, &program, number)?;
    Ok((program, guests))
}

/// Each is connected, though nobody accepts it.
fn guests(grading: &Grading, program: &Program, number: usize) -> Outcome<Vec<Peer>> {
    let mut guests = Vec::new();
    for number in 1..=number {
        let before = match number {
            1 => text!("no guest yet"),
            2 => text!("1 guest who waits"),
            _ => text!("{number} guests who wait", number = number - 1),
        };
        let guest = grading.connect(program).after(before);
        guests.push(guest.map_err(|wrong| went_on(wrong, program))?);
    }
    Ok(guests)
}

/// It has done all that there was to do, most likely.
fn until_it_sleeps(program: &Rc<Program>) {
    let end = Instant::now() + Duration::from_millis(500);
    while one_is_busy(std::slice::from_ref(program)) && Instant::now() < end {
        thread::sleep(Duration::from_millis(5));
    }
}

/// If the program did not wait for the doors, that is what is wrong.
fn went_on(wrong: Wrong, program: &Program) -> Wrong {
    // (Its line may be still on its way.)
    thread::sleep(Duration::from_millis(50));
    let is_over = program.printed_up_to_now().iter().any(|line| line.contains("served"));
    wrong.advice_if(|_| is_over, DOES_NOT_WAIT)
}

fn open(program: &Program) -> Outcome {
    program.type_line("open the doors").map_err(|wrong| went_on(wrong, program))
}

/// To each guest its own number, and the end.
fn expect_welcomes(guests: &mut [Peer]) -> Outcome {
    for (number, guest) in (1..).zip(guests) {
        guest.expect_line(&format!("welcome {number}"))?;
        guest
            .expect_end()
            .advice_if(|wrong| wrong.how == How::Reset, BROKEN_OFF)
            .advice_if(|wrong| wrong.got.english().contains("\"\\x00"), A_ZERO)?;
    }
    Ok(())
}

/// It is still in the queue. (Known on Linux only.)
fn not_accepted(program: &Program, guest: &Peer) -> Outcome {
    let ours = guest.stream().local_addr()?;
    let is_held = |held: &Held| held.remote == ours && !held.holders.is_empty();
    if !sockets::of(program.id()).iter().any(is_held) {
        return Ok(());
    }
    let wrong = Wrong::new(How::Other, "a guest who waits in the queue", "it is accepted");
    Err(wrong.after("nothing yet: the doors are closed").advice(EARLY))
}

fn expect_end(program: &Program, number: usize) -> Outcome {
    let is_another = |wrong: &Wrong| {
        wrong.how == How::Printed && !wrong.got.english().to_lowercase().contains("served")
    };
    program.expect_line(&format!("served {number}")).advice_if(is_another, NO_MORE)?;
    program.expect_success()?;
    expect_no_line(program.last_lines().first(), "no other line").advice(NO_MORE)
}

fn quoted(text: &str) -> Words {
    show(text.as_bytes())
}
