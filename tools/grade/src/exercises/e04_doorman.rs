//! Calls: `listen`, `accept`.
//! Idea: a queue, a socket for each guest.
//! Usual mistake: waiting for a guest who says nothing.

use socket2::Type;

use crate::exercise::{Check, advice};
use crate::grading::Grading;
use crate::machine;
use crate::patience::{LONG_SILENCE, Pace};
use crate::program::Program;
use crate::wire::{NO_ANSWER, Peer};
use crate::words::text;
use crate::wrong::{Explain as _, How, Outcome, Wrong};

pub const CHECKS: &[Check] = &[
    Check {
        title: "the first guest is told that it is guest 1",
        usually: advice! {
            Silent => "The guest was connected, and was told nothing. The kernel connects a guest \
                by itself; your program has to call accept, and then to send at once. A guest says \
                nothing: a receive ahead of the greeting waits forever.",
            Other => "The guest was told something else. Compare the two lines above letter by \
                letter. The first guest is number 1, and a full stop and one line feed end the \
                line.",
            Short | End => "The greeting is not complete. It ends with a full stop and a line \
                feed, \"\\n\". Send all of it before you close the connection.",
            _ => "The connection was broken off before the guest had its greeting. Send first, on \
                the socket that accept gave you, and close that socket afterwards.",
        },
        run: |grading| {
            let (program, mut guest) = grading.start_and_connect()?;
            let ended = |it: &Wrong| {
                matches!(it.how, How::End | How::Reset) && it.got.english().starts_with("nothing")
            };
            let is_among_others =
                |it: &Wrong| it.how == How::Other && it.got.english().contains("You are guest 1.");
            // (Who counts from 0 does so at each start.)
            let goes_on = |it: &Wrong| {
                it.how == How::Other
                    && it.got.english().contains("\"You are guest ")
                    && !it.got.english().contains("guest 0")
            };
            expect_greeting(&mut guest, 1)
                .advice_if(ended, ON_WHICH_SOCKET)
                .advice_if(goes_on, FIRST_OF_ALL)
                .advice_if(is_among_others, AMONG_OTHERS)?;
            grading.set_aside(program, None);
            Ok(())
        },
    },
    Check {
        title: "then its connection ends",
        usually: advice! {
            "After its greeting the guest waits for the end of the stream. It comes when you \
                close the socket that accept gave you {Rust: (it is closed when it is dropped)}. A \
                socket that is kept in a list, by a file object or by another process after fork, \
                stays open. The listener is not the one to close."
        },
        run: |grading| {
            let (_, mut guest) = grading.start_and_connect()?;
            let is_number =
                |it: &Wrong| it.how == How::Other && it.got.english().contains("You are guest ");
            expect_greeting(&mut guest, 1).advice_if(is_number, EACH_START)?;
            guest
                .expect_end()
                .advice_if(|it| it.got.english().starts_with("more"), TOO_MUCH)
                .advice_if(|it| it.how == How::Reset, BROKEN_OFF)
        },
    },
    Check {
        title: "the next guests are numbers 2, 3, and on to 12",
        usually: advice! {
            Other => "That is not this guest's number. Keep the number in a variable outside of \
                the loop, and add one for each guest that you accept; it never goes down. (A \
                process made with fork counts in a copy of its own.)",
            _ => "The first guest was served, and a later one was not. accept gives one guest \
                only: call it again for the next, in a loop, and keep the listener open for as \
                long as the program runs.",
        },
        run: |grading| {
            let program = grading.start()?;
            let mut pace = Pace::of(&program);
            for number in 1..=12 {
                let mut guest = grading.connect(&program)?;
                let cut = |it: &Wrong| number >= 10 && matches!(it.how, How::Short | How::End);
                let is_broken = |it: &Wrong| {
                    matches!(it.how, How::Reset | How::Refused) && program.ended_soon().is_none()
                };
                expect_greeting(&mut guest, number)
                    .and_then(|()| guest.expect_end())
                    .advice_if(is_broken, NEW_LISTENER)
                    .advice_if(cut, ONE_DIGIT_MORE)?;
                pace.answered()?;
            }
            grading.is_nowhere_else(&program, Type::STREAM)
        },
    },
    Check {
        title: "50 who come at once, and stay, each get their own number",
        usually: advice! {
            Other => "50 guests were connected at once, and their numbers are not 1 to 50, each \
                once. Count in one place, where you accept. If several threads count, reading the \
                number and adding one must be one step: a lock.",
            Reset | Refused => "50 guests came at once, and one of them was not let in, or was \
                broken off before it had its greeting. They wait in the queue of the listener: \
                create that once, ahead of the loop, and never close it, for whoever waits there \
                goes with it.",
            _ => "50 guests were connected at once, and one of them was not served. They stay \
                after their greeting, as long as they like: don't wait until a guest has closed \
                its end or has said something. Greet, close, and accept the next.",
        },
        run: |grading| {
            machine::allow_queue(50)?;
            machine::allow_files(82)?;
            let program = grading.start()?;
            let served = program.while_stopped(|| come_at_once(grading, &program));
            let served = served.and_then(|guests| all_are_served(guests, 1));
            // Some calls fail when a program goes on after a stop: once more, without.
            if served.is_ok() || program.ended_soon().is_none() {
                return served;
            }
            let program = grading.start()?;
            all_are_served(come_at_once(grading, &program)?, 1)
        },
    },
    Check {
        title: "so it goes on, guest after guest, and after a pause",
        usually: advice! {
            Other => "That is not this guest's number. Count in a number that is large enough, and \
                add one for each guest{C: : after 127, in a signed char, comes -128, and after \
                255, in an unsigned one, 0}{else: : what has one byte goes no further than 127 or \
                255}.",
            _ => "Hundreds of guests came, one after the other, and then one was not served. \
                Most often the sockets of those before are still open in the program, and it has \
                no descriptors left (\"too many open files\"): close each of them. To end a \
                direction (shutdown) does not close a socket.",
        },
        run: |grading| {
            machine::allow_queue(50)?;
            machine::allow_files(82)?;
            let program = grading.start_with_files(128)?;
            for round in 0..6 {
                let ended = |_: &Wrong| program.ended_soon().is_some_and(|status| status.success());
                come_at_once(grading, &program)
                    .and_then(|guests| all_are_served(guests, 1 + round * AT_ONCE))
                    .advice_if(ended, ENDED)?;
            }
            // Meanwhile nobody has come to the very first one.
            for lonely in grading.after(LONG_SILENCE)? {
                let mut guest = grading
                    .connect(&lonely.program)
                    .after("nobody came for two seconds, and then guest 2")
                    .advice(LONELY)?;
                expect_greeting(&mut guest, 2)
                    .after("nobody came for two seconds, and then guest 2")
                    .advice(LONELY)?;
            }
            Ok(())
        },
    },
];

/// So many come at once.
const AT_ONCE: i64 = 50;
const MANY_COME: &str = "nothing; 50 guests are connected";

pub const HINTS: &[&str] = &[
    "Four calls until the first guest is there: {Rust: Socket::new}{else: socket}, bind, listen, accept. The fourth and \
     what follows (send, close) go into a loop, and the number lives outside of it.",
    "accept gives a socket for this one guest, and the guest's address. Send on that socket{Rust: \
     ; `format!(\"You are guest {number}.\\n\")` is the text, `.as_bytes()` its bytes, and std's \
     `write_all` sends all of them}{Python: ; `.encode()` gives the bytes of a text, and \
     `sendall` sends all of them}.",
    "{Rust: There is no call to close a socket: it is closed where its variable ends, or with \
     `drop(guest)`.}{else: Close the socket that accept gave, each time, and not the listener.}",
    "The greeting is worth a function of its own, which gets the guest's socket, and closes it \
     where the function ends.",
];

const ON_WHICH_SOCKET: &str = "The connection ended without a word. accept gives a second socket, \
     and that one is connected to the guest: send there. The listener has no peer, and a send on \
     it fails. What was sent may also stay in a buffer {Java: (of a PrintWriter)}{Python: (of \
     makefile)}: flush it. Close the guest's socket only after that.";

const AMONG_OTHERS: &str = "The greeting is there, and more comes with it. Send this one line, and \
     nothing ahead of it or behind it.";

const TOO_MUCH: &str = "After the line feed more bytes came. Send the greeting once, and nothing \
     after it, no 0 and no rest of a buffer. {C: strlen gives the length of a text; sizeof counts \
     the 0 at its end, or the whole buffer.}";

const ONE_DIGIT_MORE: &str = "From guest 10 on the greeting is a byte longer, and its end is \
     missing. Send as many bytes as this text has, not as many as the first one had.";

const MORE_ROOM: &str = "Guests could not even connect: the kernel lets no more of them wait than \
     listen has asked for, and the others try again after a second. Give listen room for all who \
     can come at once: listen(100).";

const BROKEN_OFF: &str = "The connection was broken off: a reset instead of the end. Close the \
     socket that accept gave you, and no more: without SO_LINGER of 0, and without an end of the \
     program.";

const NEW_LISTENER: &str = "A guest came while the one before was served, and was broken off. It \
     waits in the queue of the listener, and goes with it when that is closed: create the \
     listener once, ahead of the loop, and keep it for as long as the program runs.";

const ENDED: &str = "The program has ended: no guest is the last one. accept is called in a loop \
     that has no end.";

const LONELY: &str = "For two seconds nobody came, and the next guest was not served any more. \
     accept waits for as long as it takes: set no limit for it, and do not end when nobody comes.";

/// So many guests, all of them connected.
fn come_at_once(grading: &Grading, program: &Program) -> Outcome<Vec<Peer>> {
    let connect = |_| {
        let mut guest = grading
            .connect(program)
            .after(MANY_COME)
            .advice_if(|it| it.got == NO_ANSWER, MORE_ROOM)?;
        guest.call_it(MANY_COME);
        Ok(guest)
    };
    (0..AT_ONCE).map(connect).collect()
}

/// They stay, all of them. The first one has this number, or another one of them.
fn all_are_served(mut guests: Vec<Peer>, first: i64) -> Outcome {
    let mut numbers = Vec::new();
    for guest in &mut guests {
        numbers.push(number_of(guest)?);
        guest.expect_end()?;
    }
    numbers.sort_unstable();
    let wanted = first..first + AT_ONCE;
    let missing = wanted.clone().find(|number| !numbers.contains(number));
    let Some(missing) = missing else { return Ok(()) };
    let twice = numbers.windows(2).find(|two| two[0] == two[1]);
    let got = match (twice, numbers.iter().find(|number| !wanted.contains(number))) {
        (Some(two), _) => {
            text!("number {two} twice, and no number {missing}", two = two[0], missing)
        }
        (None, Some(other)) => text!("number {other}, and no number {missing}", other, missing),
        (None, None) => text!("no number {missing}", missing),
    };
    let expected = text!("the numbers {first} to {end}, each once", first, end = wanted.end - 1);
    Err(Wrong::new(How::Other, expected, got).after(MANY_COME))
}

const FIRST_OF_ALL: &str = "The first guest after a start is number 1. Keep the number in a variable \
     that begins anew with the program, and add one for each guest that you accept, and only once.";

const EACH_START: &str = "This is a new start of the program, and its first guest. The count begins \
     with 1 at each start: keep the number in a variable, and nowhere where it outlives the program.";

fn expect_greeting(guest: &mut Peer, number: i64) -> Outcome {
    guest.call_it("nothing, for a guest just connects");
    guest.expect(format!("You are guest {number}.\n"))
}

/// The number that this guest was told, whichever it is.
fn number_of(guest: &mut Peer) -> Outcome<i64> {
    let line = guest.receive_line("You are guest N.")?;
    let number = line.strip_prefix("You are guest ");
    let number = number.and_then(|rest| rest.strip_suffix('.'));
    number.and_then(|number| number.parse().ok()).ok_or_else(|| {
        let expected = "the line \"You are guest N.\", where N is a number";
        let got = crate::wrong::show(line.as_bytes());
        Wrong::new(How::Other, expected, got)
    })
}
