//! Calls: `recv_from`, `send_to`.
//! Idea: state for each peer, with an end.
//! Usual mistake: one limit for all, or a table that only grows.

use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::Type;

use self::asker::Asker;
use crate::clock::{LIMIT, PATIENCE};
use crate::contents::bytes;
use crate::exercise::{Check, advice};
use crate::exercises::e04_own_address_udp::why_silent;
use crate::grading::address_of;
use crate::words::{Words, text};
use crate::wrong::{Explain as _, How, Outcome, Wrong, plural, seconds};

mod asker;

pub const CHECKS: &[Check] = &[
    Check {
        title: "a datagram comes back to its sender",
        usually: advice! {
            Silent => "No answer came. Create a UDP socket and bind it; receive with {Rust: \
                recv_from}{else: recvfrom}, which gives the sender's address as well, and answer \
                there with {Rust: send_to}{else: sendto}. An address that is new has ten answers.",
            _ => "Something else came back. Send the bytes that came, as many as came, with the \
                socket that received them.",
        },
        run: |grading| {
            grading.bench().clock.allow(LIMIT);
            let program = grading.start()?;
            let mut sender = grading.datagrams()?;
            let server = address_of(&program);
            sender.send(server, b"hello?")?;
            if let Err(wrong) = sender.expect(server, b"hello?") {
                let is_silent = wrong.how == How::Silent;
                return Err(if is_silent {
                    why_silent(wrong, &program, &mut sender)?
                } else {
                    wrong
                });
            }
            let long = bytes(grading.chance(), 1400);
            let all = [&b""[..], b"quit", b"0\n", &[0, 255, 254, 10, 13, 0], &long];
            for (number, words) in (2..).zip(all) {
                // Of another address, where there is one: that is new as well.
                let at = format!("127.0.0.{number}:0");
                let mut sender = grading.datagrams_at(&at).or_else(|_| {
                    sleep(Duration::from_millis(150));
                    grading.datagrams()
                })?;
                sender.send(server, words)?;
                sender.expect(server, words)?;
            }
            grading.is_nowhere_else(&program, Type::DGRAM)
        },
    },
    Check {
        title: "of 100 at once ten are answered, and few more",
        usually: advice! {
            More => TOO_MANY,
            _ => "An address asked 100 times at once, and got fewer answers than the ten that it \
                has to begin with. The first ten go out at once, without a pause between two of \
                them; each takes one of the ten.",
        },
        run: |grading| {
            let program = grading.start()?;
            let mut asker = Asker::new(&program)?;
            let start = Instant::now();
            asker.ask_at_once(HERE, 100)?;
            let came = asker.wait_for(grading, HERE, 10, start)?;
            at_least(10, came, "by one address, 100 datagrams at once")?;
            asker.look_for(Duration::from_millis(100))?;
            at_most(&asker, HERE, start, "by one address, 100 datagrams at once")?;
            grading.set_aside(program, None);
            Ok(())
        },
    },
    Check {
        title: "the others are not answered later",
        usually: advice! {
            "An address asked 100 times at once, and more than half a second later answers still \
             came, one after the other. Whoever is over the limit gets none for this datagram: \
             throw it away, and receive the next one. A server that sleeps until it may answer \
             serves nobody meanwhile, and a queue of answers has no end."
        },
        run: |grading| {
            let program = grading.start()?;
            let mut asker = Asker::new(&program)?;
            let start = Instant::now();
            asker.ask_at_once(HERE, 100)?;
            at_least(10, asker.wait_for(grading, HERE, 10, start)?, AT_ONCE)?;
            // All of them have been received when one that is asked after them is answered.
            // (Elsewhere than on Linux, after this time.)
            if cfg!(target_os = "linux") {
                let since = Instant::now();
                asker.ask(address(0))?;
                let came = asker.wait_for(grading, address(0), 1, since)?;
                at_least(1, came, AFTER_100).advice(HELD_UP)?;
            }
            asker.look_for(Duration::from_millis(500))?;
            let since = Instant::now();
            asker.look_for(Duration::from_millis(800))?;
            match asker.answers_to(HERE, since) {
                0..3 => Ok(()),
                more => {
                    let expected = "that the rest is thrown away";
                    let got = text!(
                        "{number} after more than half a second",
                        number = plural(more, "answer")
                    );
                    Err(Wrong::new(How::More, expected, got).after(AT_ONCE))
                }
            }
        },
    },
    Check {
        title: "all ports of an address have these ten together",
        usually: advice! {
            More => "Twenty ports of the same address asked, and together they got more than one \
                address may have. A port costs nothing: whoever wants more answers takes more \
                ports. Count by the address without its port {Rust: (`sender.ip()`)}\
                {Python: (`sender[0]`)}{Node: (`rinfo.address`)}{C: (`sin_addr`)}.",
            _ => "Twenty ports of one address asked, five times each, and ten answers did not \
                come. The address has ten of them; which ports get them does not matter.",
        },
        run: |grading| {
            let program = grading.start()?;
            let (start, mut askers) = (Instant::now(), Vec::new());
            for _ in 0..20 {
                let mut asker = Asker::new(&program)?;
                asker.ask_at_once(HERE, 5)?;
                askers.push(asker);
            }
            let wait = grading.bench().clock.wait(PATIENCE);
            let came = loop {
                askers.iter_mut().try_for_each(Asker::look)?;
                let came = askers.iter().map(|it| it.answers.len()).sum();
                if came >= 10 || wait.left().is_none() {
                    break came;
                }
                sleep(Duration::from_millis(1));
            };
            at_least(10, came, "by 20 ports of one address, 5 datagrams each")?;
            sleep(Duration::from_millis(100));
            let mut answers = Vec::new();
            for mut asker in askers {
                asker.look()?;
                answers.append(&mut asker.answers);
            }
            let last = answers.iter().map(|it| it.at).max().unwrap_or(start);
            no_more_than(answers.len(), last - start, "by 20 ports of one address, 5 each")
        },
    },
    Check {
        title: "one that asks on and on holds up nobody",
        usually: advice! {
            "One address asks all the time, and others, which have asked little, get no answer, or \
             not in time. Each address has a limit of its own, and nobody waits for another one: \
             no sleep, and no number that all of them share."
        },
        run: |grading| {
            let program = grading.start()?;
            let mut asker = Asker::new(&program)?;
            let others = if cfg!(target_os = "linux") { 200 } else { 0 };
            let mut lost = 0;
            for number in 1..=others {
                asker.ask_at_once(HERE, 5)?;
                let since = Instant::now();
                asker.ask(address(number))?;
                let mut came = asker.wait_for(grading, address(number), 1, since)?;
                if came == 0 && lost == 0 {
                    // One can get lost, where another one asks on and on.
                    lost += 1;
                    asker.ask(address(number))?;
                    came = asker.wait_for(grading, address(number), 1, since)?;
                }
                at_least(
                    1,
                    came,
                    text!("by one address, many; then by {address}", address = address(number)),
                )?;
            }
            // Those as well have ten each.
            for number in (1..=others).step_by(20) {
                let since = Instant::now();
                asker.ask_at_once(address(number), 8)?;
                let came = asker.wait_for(grading, address(number), 8, since)?;
                at_least(
                    8,
                    came,
                    text!("by {address}, 1 datagram, then 8", address = address(number)),
                )?;
            }
            Ok(())
        },
    },
    Check {
        title: "after a silence there are ten again, and no more",
        usually: advice! {
            More => "An address was silent for some seconds, and then it got many more answers \
                than ten at once. What it does not use is not saved up: ten is the most that it \
                has.",
            _ => "An address had asked too much, then it was silent for more than a second, and \
                then ten of its datagrams did not get their answers. Nobody is shut out for ever: \
                after a second it has all ten again.",
        },
        run: |grading| {
            for aside in grading.after(Duration::from_millis(3200))? {
                let mut asker = Asker::new(&aside.program)?;
                let after = "100 datagrams, silence for 3 seconds, and 100 again";
                let start = Instant::now();
                asker.ask_at_once(HERE, 100)?;
                at_least(10, asker.wait_for(grading, HERE, 10, start)?, after)?;
                asker.look_for(Duration::from_millis(100))?;
                at_most(&asker, HERE, start, after)?;
            }
            Ok(())
        },
    },
    Check {
        title: "whenever a second begins, it has no more in it",
        usually: advice! {
            "Ten in each second by the clock are not enough of a limit: ten at the end of one \
             second, and ten at the beginning of the next, are 20 at once. Count for each address \
             how many it has left, and give one back for each tenth of a second that has passed \
             since you counted last."
        },
        run: |grading| {
            let program = grading.start()?;
            let mut asker = Asker::new(&program)?;
            // This one asks once, and often when a second is nearly over: for who begins with the
            // first datagram.
            let start = Instant::now();
            asker.ask(HERE)?;
            let others: usize = if cfg!(target_os = "linux") { 5 } else { 0 };
            while start.elapsed() < Duration::from_millis(1150) {
                if start.elapsed() > Duration::from_millis(880) {
                    asker.ask(HERE)?;
                }
                // These begin at other moments: one of them just ahead of a second of any clock,
                // whichever the program has.
                for (number, wait) in (0..others).zip((0..).step_by(190)) {
                    if start.elapsed() > Duration::from_millis(wait) {
                        asker.ask(address(number))?;
                    }
                }
                asker.look_for(Duration::from_millis(4))?;
            }
            asker.look_for(Duration::from_millis(50))?;
            let after = "1 datagram; and 0.9 seconds later many, for 0.3 seconds";
            at_most(&asker, HERE, start, after)?;
            let after = "by one address, a datagram every few milliseconds";
            (0..others).try_for_each(|number| at_most(&asker, address(number), start, after))
        },
    },
    Check {
        title: "who goes on asking gets ten a second",
        usually: advice! {
            More => TOO_MANY,
            _ => "An address asks every five milliseconds, for two seconds. It got its first ten \
                answers, and then too few. Each tenth of a second brings one back, whether it asks \
                meanwhile or not. Is the time of its last datagram taken for the time up to which \
                you have counted? Then the part of a tenth that had passed is lost each time. And \
                a datagram that gets no answer takes none.",
        },
        run: |grading| {
            let program = grading.start()?;
            let mut asker = Asker::new(&program)?;
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(2300) {
                asker.ask(HERE)?;
                asker.look_for(Duration::from_millis(4))?;
            }
            let came = asker.wait_for(grading, HERE, 20, start)?;
            at_least(20, came, ASKS_ON)?;
            at_most(&asker, HERE, start, ASKS_ON)
        },
    },
    Check {
        title: "who asks on is not forgotten for others",
        usually: advice! {
            "An address had no answers left, many others asked, and then it had new ones: it was \
             forgotten. Whoever has sent something in the last second is not forgotten, however \
             many others come: else a crowd is a way around the limit. Neither clear the whole \
             table when it is full, nor put out the oldest."
        },
        run: |grading| {
            if !cfg!(target_os = "linux") {
                return Ok(());
            }
            let program = grading.start()?;
            let mut asker = Asker::new(&program)?;
            let start = Instant::now();
            asker.ask_at_once(HERE, 20)?;
            at_least(10, asker.wait_for(grading, HERE, 10, start)?, "by one address, 20")?;
            for part in 0..10 {
                crowd(&mut asker, 200 * part..200 * part + 200)?;
                asker.ask(HERE)?;
            }
            asker.ask_at_once(HERE, 20)?;
            asker.look_for(Duration::from_millis(100))?;
            at_most(&asker, HERE, start, "by one address, 20; by 2000 others; by the first one, 30")
        },
    },
    Check {
        title: "1000 addresses are remembered, and no more",
        usually: advice! {
            More => "More than 1000 addresses asked within a second, and more than 1000 of them \
                got an answer: so the program remembers more than 1000, or forgets some too early. \
                Anybody can send with any address as the sender's. While there are 1000, one that \
                is new gets no answer, and is not remembered.",
            _ => "Up to 1000 addresses are remembered: the first of so many must get their \
                answers.",
        },
        run: |grading| {
            if !cfg!(target_os = "linux") {
                return Ok(());
            }
            let program = grading.start()?;
            let mut asker = Asker::new(&program)?;
            let start = Instant::now();
            for number in 0..900 {
                asker.ask(address(number))?;
                let came = asker.wait_for(grading, address(number), 1, start)?;
                at_least(
                    1,
                    came,
                    text!("by {number} addresses, one datagram each", number = number + 1),
                )?;
            }
            crowd(&mut asker, 900..3000)?;
            asker.look_for(Duration::from_millis(100))?;
            let (came, time) = (asker.answers.len(), start.elapsed());
            // On a busy machine, some are forgotten before others come.
            let most = 1000 * (1 + usize::try_from(time.as_secs()).unwrap_or(2));
            if came > most {
                let expected = text!("{most} answers at most, to those that are remembered", most);
                let got = text!("{came} answers, within {time}", came, time = seconds(time));
                return Err(Wrong::new(How::More, expected, got).after(CROWD));
            }
            Ok(())
        },
    },
    Check {
        title: "a while later there is room for others",
        usually: advice! {
            "1000 addresses had asked. Then they were silent for two seconds, and one that is new \
             got no answer. Whoever has been silent for a second has all of its ten again: nothing \
             needs to be known of it, so forget it. Do so by the time, and not only when an \
             address asks again: most never do."
        },
        run: |grading| {
            if !cfg!(target_os = "linux") {
                return Ok(());
            }
            let program = grading.start()?;
            let mut asker = Asker::new(&program)?;
            crowd(&mut asker, 0..2500)?;
            sleep(Duration::from_millis(2000));
            let mut came = 0;
            for _ in 0..3 {
                let since = Instant::now();
                asker.ask(address(5000))?;
                came = asker.wait_for(grading, address(5000), 1, since)?;
                if came > 0 {
                    break;
                }
            }
            at_least(1, came, "by 2500 addresses, one each; silence; and by one that is new")?;
            // All of these had to go.
            let since = Instant::now();
            crowd(&mut asker, 6000..6900)?;
            let wait = grading.bench().clock.wait(PATIENCE);
            let number = |asker: &Asker| asker.answers.iter().filter(|it| it.at >= since).count();
            while number(&asker) < 500 && wait.left().is_some() {
                asker.look_for(Duration::from_millis(5))?;
            }
            at_least(500, number(&asker), "by 2500 addresses; silence; and by 900 that are new")
        },
    },
];

pub const HINTS: &[&str] = &[
    "Start with an echo for datagrams: receive, send back, in a loop. Then put one question ahead \
     of the send: does this address have an answer left?",
    "Keep a map: from the address, without its port, to two things: how many answers it has left, \
     and up to which time they are counted. One that is new has ten.",
    "When it asks: for each tenth of a second that has passed since that time, one more, up to \
     ten. Then move the time on by as many tenths as you have counted: the part that is left over \
     is not lost. If it has all ten, the time is now.",
    "If it has one, take it and answer. If not, do nothing at all: neither sleep, nor keep the \
     datagram.",
    "A third thing for each address: when it sent something. Every now and then (every tenth of a \
     second, say) take all out of the map that have been silent for a second{Rust:  (`retain`)}. \
     If there are 1000 after that, one that is new gets no answer.",
];

/// The address of those who ask too much.
const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

const AT_ONCE: &str = "by one address, 100 datagrams at once";

const AFTER_100: &str = "by one address, 100 datagrams; and by another one, one";

const ASKS_ON: &str = "by one address, a datagram every 5 milliseconds, for 2.3 seconds";

const CROWD: &str = "by 3000 addresses, one datagram each";

const TOO_MANY: &str = "An address got more answers than it has: ten to begin with, and one more \
     for each tenth of a second. Count for each address how many it has left; each answer takes \
     one; and where none is left, throw the datagram away.";

const HELD_UP: &str = "One address asked 100 times at once, and another one, which asked once, got no \
     answer in time. What is over the limit is thrown away at once: do not sleep until the next \
     answer may go out, as nobody else is served meanwhile. And each address has its own ten: a \
     number for all of them together is no limit for one.";

/// Of 127.0.0.0/8; none of them is 127.0.0.1.
fn address(number: usize) -> Ipv4Addr {
    let number = u32::try_from(number).unwrap_or_default();
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 28, 0, 1)) + number)
}

/// One datagram of each. Some may get lost, if the program is slow.
fn crowd(asker: &mut Asker, numbers: std::ops::Range<usize>) -> Outcome {
    for number in numbers {
        asker.ask(address(number))?;
        if number % 50 == 0 {
            asker.look_for(Duration::from_millis(2))?;
        }
    }
    asker.look()
}

fn at_least(number: usize, came: usize, after: impl Into<Words>) -> Outcome {
    if came >= number {
        return Ok(());
    }
    let how = if came == 0 { How::Silent } else { How::Short };
    let expected = text!("{number} at least", number = plural(number, "answer"));
    Err(Wrong::new(how, expected, plural(came, "answer")).after(after))
}

/// What one address got since then: never too much, whenever that time begins and ends. Only when it
/// asked and when the answer came is known: the program answered in between.
fn at_most(asker: &Asker, from: Ipv4Addr, since: Instant, after: impl Into<Words>) -> Outcome {
    let all = asker.answers.iter().filter(|it| it.from == from && it.asked >= since);
    let (all, after): (Vec<_>, Words) = (all.collect(), after.into());
    for first in &all {
        // (They are in the order in which they came.)
        let later = all.iter().filter(|it| it.asked >= first.asked);
        for (number, answer) in (1..).zip(later) {
            no_more_than(number, answer.at - first.asked, &after)?;
        }
    }
    Ok(())
}

/// Ten and as many as the time has tenths, and one for the part of one.
fn no_more_than(came: usize, time: Duration, after: impl Into<Words>) -> Outcome {
    let most = 11 + usize::try_from(time.as_millis() / 100).unwrap_or_default();
    if came <= most {
        return Ok(());
    }
    let expected = text!("{most} answers at most, in {time}", most, time = seconds(time));
    Err(Wrong::new(How::More, expected, plural(came, "answer")).after(after))
}
