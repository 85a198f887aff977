//! Calls: readiness or threads, a queue for each member.
//! Idea: nobody waits for the slowest of a hundred.
//! Usual mistake: what is left when they have left.

use std::collections::BTreeSet;
use std::io::BufReader;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use crate::clock::{LIMIT, PATIENCE};
use crate::contents::lines;
use crate::exercise::{Check, advice};
use crate::exercises::e16_group_chat::crowds::{TOO_SLOW, long_line, next_line, talk_all_at_once};
use crate::exercises::e16_group_chat::members::{Member, all_hear, chat, join, say, welcome};
use crate::exercises::e16_group_chat::{
    ANYWHERE, ENDLESS, HELD_UP, KEPT, LAST_WORDS, MISSED, NO_LINE, ONE_MORE, SLOWLY, STILL_OPEN,
    TOO_LONG, TWICE, WHAT_WAITS, WITHOUT_END, pauses, push_without_end, takes_little, unless_busy,
};
use crate::grading::{Grading, restarts, starts_again};
use crate::machine;
use crate::memory::Memory;
use crate::processor::{open_files, thread_number};
use crate::program::Program;
use crate::wire::{GLANCE, put_all};
use crate::words::{self, text};
use crate::wrong::{Explain as _, How, Outcome, Wrong, plural, show};

pub const CHECKS: &[Check] = &[
    Check {
        title: "three come, talk and leave, as in step 16",
        usually: advice! {
            Silent | Short => "A line is missing. Who says a name is welcomed, the others are told; \
                what one says goes to all others; and when one ends its direction or breaks off, \
                all others are told. Each line ends in \"\\n\" and goes out as soon as it is there.",
            More => "A member has left, and its connection is still open. A socket is closed when \
                the last copy of it is: take the member off the list, and let its queue end, so \
                that what sends from it ends as well, when it has sent what waits there.",
            _ => "Another line came than the next one. A member gets its own welcome first, and \
                never what it has said itself; a text goes out as it came, with its blanks.",
        },
        run: |grading| {
            grading.bench().clock.allow(2 * LIMIT);
            let (program, mut members) = chat(grading, &["anna", "ben", "carl"])?;
            let mut texts = lines(grading.chance());
            texts.truncate(9);
            for (number, text) in texts.iter().enumerate() {
                say(&mut members, number % 3, text)?;
            }
            let Some(mut carl) = members.pop() else { return Ok(()) };
            carl.peer.send("no line")?;
            carl.peer.finish();
            let after = "by carl, \"no line\" without a line ending, and then the end";
            all_hear(&mut members, "* carl leaves", after)
                .advice_if(|it| it.got.english().contains("no line"), NO_LINE)?;
            carl.peer.expect_end()?;
            join(grading, &program, &mut members, "anna")?;
            if let Some(second) = members.pop() {
                second.peer.reset();
            }
            all_hear(&mut members, "* anna leaves", "a reset by the second anna")?;
            // What was said to it before its end comes before its end.
            let mut eva = grading.connect(&program)?;
            eva.send("eva\n")?;
            eva.finish();
            let after = "by eva, her name, and then the end";
            all_hear(&mut members, "* eva joins", after)
                .advice_if(|it| it.got.english().contains("eva leaves"), LAST_WORDS)?;
            all_hear(&mut members, "* eva leaves", after)?;
            eva.expect_line("* welcome eva").advice(WHAT_WAITS)?;
            eva.expect_end()?;
            say(&mut members, 1, "still two of us")
        },
    },
    Check {
        title: "lines are whole, however they were cut or glued",
        usually: advice! {
            _ => ANYWHERE,
        },
        run: |grading| {
            let (program, mut members) = chat(grading, &["anna", "ben"])?;
            let (anna, ben) = members.split_at_mut(1);
            let (anna, ben) = (&mut anna[0], &mut ben[0]);
            ben.peer.send_in_pieces("你好, 世界\n".as_bytes(), 4)?;
            anna.hears("ben: 你好, 世界", "by ben, in pieces of 4 bytes: \"你好, 世界\\n\"")?;
            ben.peer.send(b"one\n\nthree\nfo")?;
            let after = "by ben, in one piece: \"one\\n\\nthree\\nfo\"";
            for text in ["one", "", "three"] {
                anna.hears(&format!("ben: {text}"), after)?;
            }
            ben.peer.send(b"ur\n")?;
            anna.hears("ben: four", "by ben: \"fo\", then \"ur\\n\"")?;
            let mut carl = grading.connect(&program)?;
            carl.send(b"carl\nhi\n")?;
            carl.expect_line("* welcome carl")?;
            let after = "by carl, in one piece: \"carl\\nhi\\n\"";
            all_hear(&mut members, "* carl joins", after)?;
            all_hear(&mut members, "carl: hi", after)?;
            let long = "é你🌍.".repeat(100);
            say(&mut members, 1, &long).advice(WHOLE)
        },
    },
    Check {
        title: "50 who come at the same moment are all welcomed, and told of",
        usually: advice! {
            Silent => "50 clients came while the program did nothing, and one of them was not \
                welcomed. Accept all who wait (an event of the listener can stand for several), \
                and go back to accept at once: never wait for what a client says.",
            Refused => "There was no room for them: give listen a number of 100 (step 3).",
            _ => "50 came at the same moment. Of each two of them, the one who joined first hears \
                that the other one joins, and the other one does not: they heard too much, or too \
                little. To welcome a new one, to tell all who are on the list, and to put it there \
                is one step: nobody else may come in between (hold the lock, or do it in one \
                thread).",
        },
        run: |grading| {
            machine::allow_files(160)?;
            machine::allow_processes(160)?;
            machine::allow_queue(100)?;
            let (program, mut members) = chat(grading, &["anna", "ben"])?;
            come_at_once(grading, &program, &mut members)?;
            leave_at_once(&program, &mut members).advice_if(
                |it| {
                    it.expected.english().contains("another") && it.got.english().contains("leaves")
                },
                TWICE,
            )?;
            say(&mut members, 0, "only two of us now")
        },
    },
    Check {
        title: "100 talk at once, and nobody misses a line",
        usually: advice! {
            End | Reset => "A member that reads was put out, or its connection was closed. There \
                must be room for 150: look for a fixed number of places or threads. And it may be \
                behind by some hundred lines when a hundred talk.",
            Other => "Lines were mixed up. Make a line, with name and line ending, and put it as a \
                whole into each queue; and what is in one queue is sent by one.",
            _ => "A hundred talked at once, and lines are missing. Each must go to everybody who \
                is on the list at that moment. (In a loop over sockets: see to every one that is \
                ready, and receive until it would block.)",
        },
        run: |grading| {
            machine::allow_files(200)?;
            machine::allow_processes(300)?;
            unless_busy(grading, |grading| {
                let (program, mut members) = (grading.start()?, Vec::new());
                for number in 1..=100 {
                    let name = format!("m{number}");
                    join(grading, &program, &mut members, &name)
                        .advice_if(|_| number > 3, PLACES)?;
                }
                let result = talk_all_at_once(&mut members, 3);
                result.advice_if(|it| it.got.english().contains(TOO_SLOW), SLOWLY)?;
                say(&mut members, 99, "that was all").map(|()| true)
            })
        },
    },
    Check {
        title: "one of 100 never reads, and nobody waits for it",
        usually: advice! {
            Silent => HELD_UP,
            Other => MISSED,
            More => KEPT,
            _ => "One of a hundred reads nothing, and that did harm to others. It alone is put \
                out: the one who speaks, and all others, stay, and hear all that is said, in order.",
        },
        run: |grading| {
            machine::allow_files(200)?;
            machine::allow_processes(420)?;
            unless_busy(grading, |grading| never_reads(grading).map(|()| true))
        },
    },
    Check {
        title: "one that pauses before it reads on is not put out",
        usually: advice! {
            "A member read nothing for 0.7 seconds, and 900 lines later it read all. It was put \
             out, or misses some of them. One second is its time, from the moment when it takes \
             nothing more: a send that would block is no failure yet."
        },
        run: pauses,
    },
    Check {
        title: "who sends more than 1000 bytes for a line is put out",
        usually: advice! {
            _ => TOO_LONG,
        },
        run: |grading| {
            let (program, mut members) = chat(grading, &["anna", "ben", "eva"])?;
            let Some(mut eva) = members.pop() else { return Ok(()) };
            eva.peer.send(format!("{}\n", "y".repeat(1001)))?;
            let after = "by eva, in one piece: a line of 1001 bytes, and \"\\n\"";
            let is_line = |it: &Wrong| it.how == How::Silent || it.got.english().contains("yyy");
            all_hear(&mut members, "* eva leaves", after).advice_if(is_line, ONE_MORE)?;
            eva.peer.expect_close()?;
            join(grading, &program, &mut members, "dora")?;
            let Some(dora) = members.pop() else { return Ok(()) };
            push_without_end(&dora.peer, &program).after(WITHOUT_END).advice(ENDLESS)?;
            all_hear(&mut members, "* dora leaves", WITHOUT_END)?;
            say(&mut members, 0, "too long")
        },
    },
    Check {
        title: "of 100 who have left nothing is left",
        usually: advice! {
            "100 members have come and gone, and the program has more open files or threads than \
             before. A socket is closed when the last copy of it is: take the member off the list, \
             and its queue with it. A thread that waits for the next line of a queue waits for \
             ever, unless the queue ends with its member: {Rust: `recv` fails when the last Sender \
             is dropped}{Python: put a None into it, and leave the loop there}{else: put something \
             into it that means the end}."
        },
        run: |grading| {
            machine::allow_files(200)?;
            machine::allow_processes(300)?;
            let (program, mut members) = chat(grading, &["anna"])?;
            let (files, threads) = (open_files(program.id()), thread_number(program.id()));
            let mut many = Vec::new();
            for number in 1..=100 {
                let mut peer = grading.connect(&program)?;
                peer.send(format!("m{number}\n"))?;
                peer.expect_line(&format!("* welcome m{number}"))?;
                members[0].hears(&format!("* m{number} joins"), "by the new one, its name")?;
                many.push(peer);
            }
            for (number, peer) in (1..).zip(many) {
                match number % 2 {
                    0 => peer.close(),
                    _ => peer.reset(),
                }
                members[0].hears(&format!("* m{number} leaves"), "its end")?;
            }
            let wait = grading.bench().clock.wait(PATIENCE);
            let more = || {
                let files = open_files(program.id()).saturating_sub(files);
                (files, thread_number(program.id()).saturating_sub(threads))
            };
            while (more().0 > 8 || more().1 > 40) && wait.left().is_some() {
                sleep(Duration::from_millis(10));
            }
            let (files, threads) = more();
            if files > 8 || threads > 40 {
                let expected = "as many open files and threads as before them";
                let got = text!(
                    "{number} and {other} more",
                    number = plural(files, "file"),
                    other = plural(threads, "thread")
                );
                return Err(Wrong::new(How::More, expected, got).after("100 who came and left"));
            }
            join(grading, &program, &mut members, "ben")?;
            say(&mut members, 1, "two of us again")
        },
    },
    starts_again(|grading| {
        restarts(grading, |peer| {
            peer.send(b"anna\n")?;
            peer.expect(b"* welcome anna\n")
        })
    }),
];

pub const HINTS: &[&str] = &[
    "What serves 20 members may serve a hundred: start from your program of step 16, or write it \
     anew with readiness, one thread and a queue for each member.",
    "Nobody may wait for a send to somebody else: what a member has still to get waits in a queue \
     of its own. {Rust: One `Arc<str>` for a line is enough for all the queues.}",
    "Welcome, `* NAME joins` to the list, onto the list: one step, with the lock held (or in the \
     one thread). Off the list, `* NAME leaves`: as well, and only by who has found it there.",
    "One who does not read: the time since when it has taken nothing, and the time when a line was \
     put into its queue. If one of them is more than a second ago, shut its connection down, and \
     let it leave as any other.",
    "Count, for each who speaks, how many of its lines wait in all the queues together. While \
     these are 1000, receive nothing more from it, and from nobody else do so.",
    "When a member leaves, its queue goes with it, and the thread that sends from that ends; what \
     waited in it is counted down.",
];

const PLACES: &str = "With this many members at once one did not get in, or another was not told. \
     There must be room for 150: look for a fixed number of places, of threads, or of entries in \
     the list.";

const WHOLE: &str = "A text can have 1000 bytes. What goes out has a name and a line ending as \
     well, so it is longer: is a buffer too small, or does one receive have to bring it?";

/// They connect and say their names while the program does not run. Then each pair is to be right.
fn come_at_once(grading: &Grading, program: &Program, members: &mut Vec<Member>) -> Outcome {
    const NUMBER: usize = 50;

    let new = program.while_stopped(|| -> Outcome<Vec<_>> {
        let new = |number| {
            let name = format!("new{number}");
            let after = text!("{number} connections at once", number);
            let mut peer = grading.connect(program).after(after)?;
            peer.send(format!("{name}\n"))?;
            peer.call_it(text!("by {name}, its name, together with 49 others", name));
            Ok(Member { name, peer })
        };
        (1..=NUMBER).map(new).collect()
    });
    let mut new = new?;
    let after = "by 50 at once, their names";
    for member in &mut new {
        let line = format!("* welcome {}", member.name);
        member.hears(&line, after)?;
    }
    let names: BTreeSet<_> = new.iter().map(|it| format!("* {} joins", it.name)).collect();
    let last = format!("{}: all of you are here", members[0].name);
    members[0].peer.send("all of you are here\n")?;
    let mut numbers = Vec::new();
    for (place, member) in members.iter_mut().chain(&mut new).enumerate() {
        let mut heard = BTreeSet::new();
        loop {
            // (The one who has said the last line hears none.)
            if place == 0 && heard.len() == NUMBER {
                break;
            }
            let line = member.peer.receive_line("the next who joins")?;
            if line == last {
                break;
            }
            if !names.contains(&line) || !heard.insert(line.clone()) {
                let expected = text!("by {name}, another one who joins", name = member.name);
                return Err(Wrong::new(How::Other, expected, show(line.as_bytes())).after(after));
            }
        }
        numbers.push(heard.len());
    }
    // All who were there have heard of each; of the new ones, the last of none, and so on.
    let (old, new_ones) = numbers.split_at_mut(members.len());
    new_ones.sort_unstable();
    let are_right = old.iter().all(|it| *it == NUMBER) && new_ones.iter().copied().eq(0..NUMBER);
    if !are_right {
        let heard = new_ones.iter().sum::<usize>();
        let expected = "that the first of 50 hears of 49 others, the next one of 48, and so on";
        let got = text!("{heard} such lines in all, instead of 1225", heard);
        return Err(Wrong::new(How::More, expected, got).after(after));
    }
    members.append(&mut new);
    Ok(())
}

/// The last 50 break off while the program does not run. All others hear so once of each.
fn leave_at_once(program: &Program, members: &mut Vec<Member>) -> Outcome {
    let gone = members.split_off(members.len() - 50);
    let mut names: BTreeSet<_> = gone.iter().map(|it| format!("* {} leaves", it.name)).collect();
    program.while_stopped(|| gone.into_iter().for_each(|it| it.peer.reset()));
    let all = std::mem::take(&mut names);
    for member in members {
        let mut left = all.clone();
        while !left.is_empty() {
            let line = member.peer.receive_line("that another one leaves")?;
            if !left.remove(&line) {
                let expected = text!("by {name}, that another one leaves", name = member.name);
                let wrong = Wrong::new(How::Other, expected, show(line.as_bytes()));
                return Err(wrong.after("50 resets at once"));
            }
        }
    }
    Ok(())
}

/// Anna says so many long lines: more than a connection that is narrow holds, and the rest of them
/// has room in a queue.
const LINES: usize = 1300;

/// One does, in the middle of the list. The 99 others hear all that is said.
fn never_reads(grading: &mut Grading) -> Outcome {
    const WHO: &str = "by anna, 1300 long lines, and by dora remarks; one of 100 never reads";

    let (program, mut members) = chat(grading, &["anna", "dora"])?;
    let come = |number: usize, members: &mut Vec<Member>| {
        join(grading, &program, members, &format!("m{number}"))
    };
    (3..=50).try_for_each(|number| come(number, &mut members))?;
    welcome(grading.connect_narrowest(&program)?, &mut members, "idle")?;
    let place = members.len() - 1;
    (52..=100).try_for_each(|number| {
        // (It reads nothing: it is not asked whether it hears of them.)
        let idle = members.remove(place);
        let result = join(grading, &program, &mut members, &format!("m{number}"));
        members.insert(place, idle);
        result
    })?;
    let memory = Memory::of(&program);
    let idle = members.remove(place);
    let streams = members.iter().map(|it| it.peer.stream().try_clone());
    let streams = streams.collect::<std::io::Result<Vec<_>>>()?;
    let (is_over, remarks) = (AtomicBool::new(false), AtomicUsize::new(0));
    let result = thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=LINES {
                // What is not heard tells that something is wrong.
                let line = long_line(number) + "\n";
                let is_over = |_| is_over.load(Ordering::Relaxed);
                if put_all(&streams[0], line.as_bytes(), is_over).is_err() {
                    return;
                }
            }
        });
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) && remarks.load(Ordering::Relaxed) < 40 {
                let number = remarks.fetch_add(1, Ordering::Relaxed) + 1;
                let _ = put_all(&streams[1], format!("{number}\n").as_bytes(), |_| true);
                sleep(Duration::from_millis(50));
            }
        });
        let listen = |(place, name): (usize, String)| {
            let stream = &streams[place];
            scope.spawn(move || hear_all(place, &name, stream))
        };
        let names = members.iter().map(|it| it.name.clone()).enumerate();
        let all: Vec<_> = names.map(listen).collect();
        let mut result = Ok(());
        for one in all {
            let heard = one.join().unwrap_or(Ok(()));
            if heard.is_err() && result.is_ok() {
                is_over.store(true, Ordering::Relaxed);
                // Nobody needs the rest.
                streams.iter().for_each(|it| {
                    let _ = it.shutdown(std::net::Shutdown::Both);
                });
                result = heard;
            }
        }
        is_over.store(true, Ordering::Relaxed);
        result
    });
    result.after(WHO)?;
    takes_little(&memory).after(WHO).advice(KEPT)?;
    let Member { mut peer, .. } = idle;
    peer.call_it(WHO);
    peer.expect_close().advice(STILL_OPEN)?;
    say(&mut members, 98, "where is the other one?")
}

/// All of anna's lines and dora's 40 remarks, each in order, and once that one leaves.
fn hear_all(place: usize, name: &str, stream: &TcpStream) -> Outcome {
    stream.set_read_timeout(Some(GLANCE))?;
    let mut from = BufReader::new(stream);
    let (mut long, mut remarks, mut has_left) = (0, 0, false);
    // Nobody hears itself.
    if place == 0 {
        long = LINES;
    } else if place == 1 {
        remarks = 40;
    }
    while long < LINES || remarks < 40 || !has_left {
        let expected = [
            (long < LINES).then(|| text!("line {number} of anna", number = long + 1)),
            (remarks < 40).then(|| text!("remark {number} of dora", number = remarks + 1)),
            (!has_left).then(|| text!("\"* idle leaves\"")),
        ];
        let expected: Vec<_> = expected.into_iter().flatten().collect();
        let expected = text!(
            "by {name}, {lines}",
            name = name.to_owned(),
            lines = words::join(expected, ", or ")
        );
        let (how, got) = match next_line(&mut from, PATIENCE) {
            Ok(line) if line == "* idle leaves" && !has_left => {
                has_left = true;
                continue;
            }
            Ok(line) if line == format!("dora: {}", remarks + 1) => {
                remarks += 1;
                continue;
            }
            Ok(line) if line == format!("anna: {}", long_line(long + 1)) => {
                long += 1;
                continue;
            }
            Ok(line) if line.ends_with(" leaves") => (How::End, show(line.as_bytes())),
            Ok(line) => (How::Other, show(line.as_bytes())),
            // All has been heard, and it is still there.
            Err((How::Silent, got)) if long == LINES && remarks == 40 => {
                return Err(Wrong::new(How::More, expected, got));
            }
            Err(wrong) => wrong,
        };
        return Err(Wrong::new(how, expected, got));
    }
    Ok(())
}
