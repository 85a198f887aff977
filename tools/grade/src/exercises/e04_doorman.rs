//! Calls: `listen`, `accept`.
//! Idea: a queue, a socket for each guest.
//! Usual mistake: waiting for a guest who says nothing.

use crate::exercise::{Check, advice};
use crate::grading::Grading;
use crate::program::Program;
use crate::wire::{NO_ANSWER, Peer};
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
            let (_, mut guest) = grading.start_and_connect()?;
            let ended = |it: &Wrong| {
                matches!(it.how, How::End | How::Reset) && it.got.starts_with("nothing")
            };
            expect_greeting(&mut guest, 1).advice_if(ended, ON_WHICH_SOCKET)
        },
    },
    Check {
        title: "then its connection ends",
        usually: advice! {
            "After its greeting the guest waits for the end of the stream. It comes when you close \
             the socket that accept gave you (in Rust: drop it). A socket that is kept in a list, \
             or by a thread, stays open. The listener is not the one to close."
        },
        run: |grading| {
            let (_, mut guest) = grading.start_and_connect()?;
            expect_greeting(&mut guest, 1)?;
            guest.expect_end().advice_if(|it| it.got.starts_with("more"), TOO_MUCH)
        },
    },
    Check {
        title: "the next guests are numbers 2, 3, and on to 12",
        usually: advice! {
            Other => "That is not this guest's number. Keep the number in a variable outside of \
                the loop, and add one for each guest that you accept. (A process made with fork \
                counts in a copy of its own.)",
            _ => "The first guest was served, and a later one was not. accept gives one guest \
                only: call it again for the next, in a loop, and keep the listener open for as \
                long as the program runs.",
        },
        run: |grading| {
            let program = grading.start()?;
            for number in 1..=12 {
                let mut guest = grading.connect(&program)?;
                let cut = |it: &Wrong| number >= 10 && matches!(it.how, How::Short | How::End);
                expect_greeting(&mut guest, number)
                    .and_then(|()| guest.expect_end())
                    .advice_if(cut, ONE_DIGIT_MORE)?;
            }
            Ok(())
        },
    },
    Check {
        title: "ten who come at once, and stay, each get their own number",
        usually: advice! {
            Other => "Ten guests were connected at once, and their numbers are not 1 to 10, each \
                once. Count in one place, where you accept. If several threads count, reading the \
                number and adding one must be one step: a lock.",
            _ => "Ten guests were connected at once, and one of them was not served. They stay \
                after their greeting, as long as they like: don't wait until a guest has closed \
                its end or has said something. Greet, close, and accept the next.",
        },
        run: |grading| {
            let program = grading.start()?;
            let mut guests = Vec::new();
            let ten = "nothing; ten guests are connected";
            for _ in 0..10 {
                let mut guest = one_of_many(grading, &program, ten)?;
                guest.call_it(ten);
                guests.push(guest);
            }
            let mut numbers = Vec::new();
            for guest in &mut guests {
                numbers.push(number_of(guest)?);
                guest.expect_end()?;
            }
            let came = numbers.clone();
            numbers.sort_unstable();
            if !numbers.iter().copied().eq(1..=10) {
                let came: Vec<_> = came.iter().map(u64::to_string).collect();
                let got = format!("the numbers {}", came.join(", "));
                let wrong = Wrong::new(How::Other, "the numbers 1 to 10, each once", got);
                return Err(wrong.after(ten));
            }
            Ok(())
        },
    },
];

pub const HINTS: &[&str] = &[
    "Four calls until the first guest is there: Socket::new, bind, listen, accept. The fourth and \
     what follows (send, close) go into a loop, and the number lives outside of it.",
    "accept gives a socket for this one guest, and the guest's address. Send on that socket; \
     `format!(\"You are guest {number}.\\n\")` is the text, `.as_bytes()` its bytes, and std's \
     `write_all` sends all of them.",
    "There is no call to close a socket in Rust: it is closed where its variable ends, or with \
     `drop(guest)`.",
    "The greeting is worth a function of its own, which gets the guest's socket: that is closed where \
     the function ends.",
];

const ON_WHICH_SOCKET: &str = "The connection ended without a word. accept gives a second socket, \
     and that one is connected to the guest: send there. The listener has no peer, and a send on \
     it fails. Close the guest's socket only after the send.";

const TOO_MUCH: &str = "After the line feed more bytes came. Send the greeting once, and nothing \
     after it. In C, strlen gives the length of a text; sizeof counts the 0 at its end, or the \
     whole buffer.";

const ONE_DIGIT_MORE: &str = "From guest 10 on the greeting is a byte longer, and its end is \
     missing. Send as many bytes as this text has, not as many as the first one had.";

const MORE_ROOM: &str = "Guests could not even connect: the kernel lets no more of them wait than \
     listen has asked for, and the others try again after a second. Give listen room for all who \
     can come at once: listen(100).";

/// Connects as one of many who wait.
fn one_of_many(grading: &Grading, program: &Program, sent: &str) -> Outcome<Peer> {
    grading.connect(program).after(sent).advice_if(|it| it.got == NO_ANSWER, MORE_ROOM)
}

fn expect_greeting(guest: &mut Peer, number: u64) -> Outcome {
    guest.call_it("nothing, for a guest just connects");
    guest.expect(format!("You are guest {number}.\n"))
}

/// The number that this guest was told, whichever it is.
fn number_of(guest: &mut Peer) -> Outcome<u64> {
    let line = guest.receive_line("You are guest N.")?;
    let number = line.strip_prefix("You are guest ");
    let number = number.and_then(|rest| rest.strip_suffix('.'));
    number.and_then(|number| number.parse().ok()).ok_or_else(|| {
        let expected = "the line \"You are guest N.\", where N is a number";
        let got = crate::wrong::show(line.as_bytes());
        Wrong::new(How::Other, expected, got)
    })
}
