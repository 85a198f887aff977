//! Calls: threads, a queue for each member.
//! Idea: nobody waits for the slowest.
//! Usual mistake: one who doesn't read stops all.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader};
use std::net::{Shutdown, TcpStream};
use std::rc::Rc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock::{LIMIT, Moment, PATIENCE};
use crate::exercise::{Check, advice};
use crate::grading::{Grading, restarts, starts_again};
use crate::machine;
use crate::program::Program;
use crate::wire::{GLANCE, Peer, is_timeout, put_all};
use crate::wrong::{Explain as _, How, Outcome, Wrong, in_words, plural, seconds, show};

pub const CHECKS: &[Check] = &[
    Check {
        title: "who says a name is welcomed",
        usually: advice! {
            Silent | Short => "The welcome is missing, or its end. A line is complete as soon as \
                its \"\\n\" has come: receive until then, do not wait for more, and answer with a \
                line that ends in \"\\n\" as well.",
            _ => "Something else came. The answer to the line \"anna\\n\" is \"* welcome \
                anna\\n\", byte for byte, and nothing goes before it.",
        },
        run: |grading| chat(grading, &["anna"]).map(drop),
    },
    Check {
        title: "a second one as well, and the first is told",
        usually: advice! {
            Silent => "The first member was not told that a second one is there. Keep a list of \
                all members' sockets that every conversation can reach, and send the line to each \
                that was on it before.",
            _ => "Each got one line too many, or another one. A name is the line without its \
                \"\\n\". A member gets its own welcome first, does not hear that it joins itself, \
                and then hears \"* NAME joins\" of each who comes later.",
        },
        run: |grading| chat(grading, &["anna", "ben"]).map(drop),
    },
    Check {
        title: "what one says goes to the others, and not back",
        usually: advice! {
            Silent => "A line did not get to another member. After the name go on reading lines, \
                in a loop, and send each to everybody on the list but the one who said it.",
            Other => "Another line came first. A line goes to all but the one who said it, as \
                \"NAME: TEXT\", and a member hears only what is said after its welcome. To know \
                yourself on the list compare sockets or numbers, not names.",
            _ => MORE_LINES,
        },
        run: |grading| {
            let (_, mut members) = chat(grading, &["anna", "ben", "carl"])?;
            for (speaker, text) in
                [(0, "hello"), (1, "hello, anna"), (2, "你好, 世界 🌍"), (0, "how are you?")]
            {
                say(&mut members, speaker, text)
                    .advice_if(|it| it.got.contains(" leaves"), MORE_LINES)?;
            }
            Ok(())
        },
    },
    Check {
        title: "lines are whole, however they were cut or glued",
        usually: advice! {
            Silent | Short => "A line is missing. One receive can bring two lines, or one and a \
                half: use all of it. Keep what is left after a \"\\n\" for the next line, and one \
                buffered reader for the whole conversation, from the name on (step 9).",
            _ => "One receive is not one line: it can end anywhere, even inside a character. \
                Gather bytes until there is a \"\\n\", and only then take them for text (steps 9 \
                and 11).",
        },
        run: |grading| {
            let (program, mut members) = chat(grading, &["anna"])?;
            let peer = grading.connect(&program)?;
            members.push(Member { name: "ben".to_owned(), peer });
            let (anna, ben) = both(&mut members);
            // Two sends, with the welcome in between: else it is a matter of luck which bytes of
            // the line come with the name. Carl sends both together.
            ben.peer.send_in_pieces(b"ben\n", 2)?;
            let after = "by ben, in pieces of 2 bytes: \"ben\\n\"";
            ben.hears("* welcome ben", after)?;
            anna.hears("* ben joins", after)?;
            ben.peer.send_in_pieces("你好, 世界\n".as_bytes(), 4)?;
            let after = "by ben, in pieces of 4 bytes: \"你好, 世界\\n\"";
            anna.hears("ben: 你好, 世界", after)?;

            ben.peer.send(b"one\ntwo\nthr")?;
            let after = "by ben, in one piece: \"one\\ntwo\\nthr\"";
            anna.hears("ben: one", after)?;
            anna.hears("ben: two", after)?;
            ben.peer.send(b"ee\n")?;
            anna.hears("ben: three", "by ben: \"thr\", then \"ee\\n\"")?;

            let mut carl = grading.connect(&program)?;
            carl.send(b"carl\nhi\n")?;
            carl.expect_line("* welcome carl")?;
            let after = "by carl, in one piece: \"carl\\nhi\\n\"";
            all_hear(&mut members, "* carl joins", after)?;
            all_hear(&mut members, "carl: hi", after)
        },
    },
    Check {
        title: "when one leaves, the others are told",
        usually: advice! {
            Silent => "A member ended its direction, and the others were not told. Where its lines \
                are read, 0 bytes are its end: take it off the list, and send \"* NAME leaves\" to \
                those who are left.",
            More => "A member has left, and its connection is still open. A socket is closed when \
                the last copy of it is: take it off the list, too. (In C: close it yourself.)",
            _ => "One member has left, and that is all: the others stay, get the line \"* NAME \
                leaves\", and talk on.",
        },
        run: |grading| {
            let (program, mut members) = chat(grading, &["anna", "ben", "carl"])?;
            let mut ben = members.remove(1);
            ben.peer.finish();
            all_hear(&mut members, "* ben leaves", "ben's end")?;
            ben.peer.expect_end()?;
            say(&mut members, 0, "only two of us now")?;
            say(&mut members, 1, "right")?;
            join(grading, &program, &mut members, "ben")
        },
    },
    Check {
        title: "who has said no name hears nothing, and is not heard of",
        usually: advice! {
            Other | More => "A client that is only connected is no member. It goes on the list \
                when its name is complete, and it is welcomed: not already after accept. And if it \
                ends before, there is nobody who leaves.",
            Silent => "Somebody was connected and had not said a name yet, and the others could \
                not go on. Read the name in the client's own thread: whoever calls accept must not \
                wait for it.",
            _ => NAMELESS,
        },
        run: |grading| {
            let (program, mut members) = chat(grading, &["anna"])?;
            let mut david = grading.connect(&program)?;
            david.send(b"dav")?;
            let mut nobody = grading.connect(&program)?;
            // Who comes later is accepted later: those two are there.
            join(grading, &program, &mut members, "eva")?;
            say(&mut members, 0, "who else is there?")?;
            david.send(b"id\n")?;
            let name = "david".to_owned();
            let mut david = Member { name, peer: david };
            let after = "by david: \"dav\", then \"id\\n\"";
            david.hears("* welcome david", after)?;
            all_hear(&mut members, "* david joins", after)?;
            members.push(david);
            nobody.finish();
            nobody.expect_end().advice_if(|it| it.got.starts_with("neither"), NAMELESS)?;
            say(&mut members, 2, "I am")
        },
    },
    Check {
        title: "one that breaks off leaves like any other",
        usually: advice! {
            Silent => "A member was reset, and the others were not told. recv fails with \
                \"connection reset\" then, and whatever that error skips, its goodbye must not be \
                skipped: off the list, and \"* NAME leaves\", as after 0 bytes.",
            _ => "A member was reset, and others had to suffer for it. An error of one connection \
                ends that conversation alone (step 12): not the server, and not the conversation \
                that was just sending to it.",
        },
        run: |grading| {
            let (program, mut members) = chat(grading, &["anna", "ben"])?;
            for _ in 0..10 {
                join(grading, &program, &mut members, "carl")?;
                say(&mut members, 2, "I must g")?;
                if let Some(carl) = members.pop() {
                    carl.peer.reset();
                }
                all_hear(&mut members, "* carl leaves", "a reset by carl")?;
                say(&mut members, 0, "what was that?")?;
                // And one who has not even said a name.
                grading.connect(&program)?.reset();
            }
            say(&mut members, 1, "I do not know")
        },
    },
    Check {
        title: "a member may say nothing for as long as it likes",
        usually: advice! {
            "Members had read everything, and said nothing for more than a second; then one of them \
             was put out, or not heard any more. A limit for send must not be one for receive as \
             well: in Python settimeout is both, so set SO_SNDTIMEO by setsockopt instead."
        },
        run: |grading| {
            let (_, mut members) = chat(grading, &["anna", "ben"])?;
            thread::sleep(Duration::from_millis(1200));
            say(&mut members, 1, "I am still here")?;
            say(&mut members, 0, "so am I")
        },
    },
    Check {
        title: "20 talk at once, and nobody misses a line",
        usually: advice! {
            Other => "Lines were mixed up. Two threads that send to the same socket can come in \
                between each other: make the line, with name and line ending, and put it as a \
                whole into the member's queue, from which one thread sends.",
            End | Reset => "A member was put out that reads all the time. It may be behind by some \
                hundred lines when many talk, and a lock that another thread has is no failure of \
                the member.",
            _ => "Lines are missing. Each must go to everybody who is on the list at that moment, \
                however many send at once: no thread may take the list away from the others, or \
                give up because it is locked. (In a loop over many sockets: see to every one that \
                is ready.)",
        },
        run: |grading| {
            machine::allow_files(72)?;
            machine::allow_processes(64)?;
            let program = grading.start()?;
            let mut members = Vec::new();
            for number in 1..=20 {
                join(grading, &program, &mut members, &format!("m{number}")).advice(PLACES)?;
            }
            talk_all_at_once(&mut members, 40)
        },
    },
    Check {
        title: "who pauses for half a second stays, and misses nothing",
        usually: advice! {
            "A member read nothing for half a second, and 900 lines later it read all. It was put \
             out, or misses some of them. One second is its time, from the moment when it takes \
             nothing more: a send that would wait is no failure yet (so no non-blocking send, or \
             one that is tried again). A line may wait for a second. And a send can take a part: send \
             the rest."
        },
        run: |grading| {
            for _ in 0..5 {
                let (program, mut members) = chat(grading, &["anna", "ben"])?;
                welcome(grading.connect_narrowest(&program)?, &mut members, "carl")?;
                if pause(&mut members)? {
                    return Ok(());
                }
                // The machine has made a longer pause of it.
                grading.clear();
            }
            Err(grading.too_busy())
        },
    },
    Check {
        title: "a burst of lines reaches all who read",
        usually: advice! {
            Silent => "Somebody said some thousand lines at once, and those who read heard only \
                the first of them. When the queues are full, go on as soon as there is room.",
            Other => "Somebody said some thousand lines at once, and one of those who read heard \
                another line than the next. Leave none out, and keep their order.",
            _ => TOO_FAST,
        },
        run: |grading| {
            let (_, mut members) = chat(grading, &["anna", "ben", "carl", "dora", "emil"])?;
            burst(&mut members, 5000).advice_if(|it| it.got.contains(" leaves"), TOO_FAST)
        },
    },
    Check {
        title: "who takes nothing is put out, and the others stay",
        usually: advice! {
            Silent => "A member reads nothing. Its buffers filled up, and the send to it waited, \
                and with it everybody else. Send to each member in a thread of its own, with a \
                limit of one second (SO_SNDTIMEO, set_write_timeout: step 13). When it is over, \
                put this member out.",
            Short => "A member reads nothing, and the server waits for it again and again. After \
                the first send that fails, put it out: shut its connection down, so that each \
                further send fails at once, or take it off the list.",
            _ => "A member reads nothing, and somebody else was put out. A send that fails is the \
                failure of the member that it goes to. The one who has said the line, and all \
                others, stay.",
        },
        run: |grading| {
            grading.bench().clock.allow(LIMIT);
            let (program, mut members) = chat(grading, &["anna", "ben"])?;
            let carl = grading.connect_narrow(&program)?;
            welcome(carl, &mut members, "carl")?;
            let (anna, ben) = both(&mut members);
            flood(anna, ben, &["carl"])?;
            let after = "by anna, long lines; carl reads none of them";
            anna.hears("* carl leaves", after)?;
            if let Some(mut carl) = members.pop() {
                carl.peer.call_it(after);
                carl.peer.expect_close().advice(STILL_OPEN)?;
            }
            say(&mut members, 1, "only two of us now")
        },
    },
    Check {
        title: "eight who take nothing hold up nobody",
        usually: advice! {
            Silent | Short => "Eight members read nothing, and one who reads heard nothing as \
                long as the sends to them waited, a second each, one after the other. Nobody may \
                wait for a send to somebody else. Give each member a queue, and a thread of its \
                own that sends what is in it (or a non-blocking socket, with what it has not taken \
                yet beside it). Hold the lock of the list only while you put a line into the \
                queues, and never while you send.",
            _ => "Eight members read nothing, and somebody else was put out. A send that fails is \
                the failure of the member that it goes to. The one who has said the line, and all \
                others, stay.",
        },
        run: |grading| {
            machine::allow_files(64)?;
            machine::allow_processes(40)?;
            grading.bench().clock.allow(LIMIT);
            let (program, mut members) = chat(grading, &["anna"])?;
            for name in EIGHT {
                welcome(grading.connect_narrow(&program)?, &mut members, name)?;
            }
            // The last on the list, behind all of them.
            join(grading, &program, &mut members, "ben")?;
            let [anna, .., ben] = &mut members[..] else { return Ok(()) };
            flood(anna, ben, EIGHT)
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
    "A thread for each client, started right after accept. It reads the name, puts the client on a \
     list that all threads share, reads lines in a loop, and takes it off the list in the end.",
    "Nobody may wait for a send to somebody else. So each member has a queue, and a second thread \
     that sends what comes out of it. In Rust: `channel()`. Its `send` never waits.",
    "One lock for the list. Hold it while you put a line into everybody's queue: then nobody comes \
     or goes in between. Do not hold it over a call that can wait: neither a receive nor a send.",
    "One thread reads from a socket, and another one sends to it: it must be there twice. In Rust: \
     `Arc<Socket>`, and `&*` of it is read and written; `BufReader` with `read_until(b'\\n', ...)` \
     gives lines.",
    "A limit for send: `client.set_write_timeout(Some(second))`. If a send fails, \
     `shutdown(Shutdown::Both)` that member: the thread that reads from it then receives the end, \
     takes it off the list, and tells the others. Put with each line into the queue when that was \
     (`Instant::now()`): one that has waited for more than a second is a send that failed.",
    "Whoever talks faster than it can be sent fills the queues. So count its lines there: one more \
     for each that is put in, one less for each that is taken out and sent, or cannot be sent. In \
     Rust: an `Arc<AtomicUsize>` of its own that goes with each line. While there are 1000, its \
     thread sleeps for a millisecond and looks again, without the lock; then it reads on.",
    "With the lock held: welcome, then `* NAME joins` to the list, then onto the list. In the end: \
     off the list, then `* NAME leaves` to those who are left, whether the reading ended with 0 \
     bytes or an error.",
];

const ONE_AT_A_TIME: &str = "Others are there, and this one was not welcomed. Each client needs a \
     thread of its own (or a loop over all sockets that are ready): whoever calls accept must go \
     back to it at once, and must not wait for what a client says.";

const MORE_LINES: &str = "A conversation ended too early. After its name a member says any number \
     of lines: read them in a loop, until its end.";

const NAMELESS: &str = "A client can end without a name: close its connection, and go on with the \
     others.";

const PLACES: &str = "With this many members at once one did not get in, or another was not told. \
     There must be room for 20: look for a fixed number of places, of threads, or of entries in \
     the list.";

const TOO_FAST: &str = "Somebody said some thousand lines at once, and a member was put out that \
     had read all it could get. Who talks faster than it can be sent has to wait: count how many of \
     its lines wait in the queues, and receive no more from it while they are too many. Do not hold \
     the lock meanwhile, so that the others can talk on; and put nobody out for less than a second.";

const KEPT: &str = "A member reads nothing, and was not put out. Either all that is said is kept for \
     it, more and more, as long as it is there; or it misses lines, and is told nothing. Set a \
     limit of one second for the send to it (step 13), and one for how long a line waits for it. \
     When one of them is reached, close its connection and tell the others that it leaves.";

const STILL_OPEN: &str = "A member reads nothing, it was said to leave, and its connection is still \
     open: it waits for more, and nothing comes. To put it out is to close its connection (in \
     another thread's hands: shut it down, both directions).";

/// A client who has said its name.
struct Member {
    name: String,
    peer: Peer,
}

impl Member {
    fn say(&mut self, text: &str) -> Outcome {
        self.peer.send(format!("{text}\n"))
    }

    /// The next line that it gets must be this one.
    fn hears(&mut self, line: &str, after: &str) -> Outcome {
        self.peer.expect_line(line).map_err(|mut wrong| {
            wrong.expected = format!("by {}, {}", self.name, wrong.expected);
            wrong.after(after)
        })
    }
}

fn both(members: &mut [Member]) -> (&mut Member, &mut Member) {
    let (first, others) = members.split_at_mut(1);
    (&mut first[0], &mut others[0])
}

fn all_hear(members: &mut [Member], line: &str, after: &str) -> Outcome {
    members.iter_mut().try_for_each(|member| member.hears(line, after))
}

/// The program, and members who have joined one after the other.
fn chat(grading: &mut Grading, names: &[&str]) -> Outcome<(Rc<Program>, Vec<Member>)> {
    let (program, mut members) = (grading.start()?, Vec::new());
    for name in names {
        join(grading, &program, &mut members, name)?;
    }
    Ok((program, members))
}

/// A new one connects, says its name, is welcomed, and the others are told.
fn join(grading: &Grading, program: &Program, members: &mut Vec<Member>, name: &str) -> Outcome {
    welcome(grading.connect(program)?, members, name)
}

fn welcome(peer: Peer, members: &mut Vec<Member>, name: &str) -> Outcome {
    let mut new = Member { name: name.to_owned(), peer };
    new.say(name)?;
    let after = format!("by {name}, {}", show(format!("{name}\n").as_bytes()));
    let is_alone = members.is_empty();
    new.hears(&format!("* welcome {name}"), &after)
        .advice_if(|it| !is_alone && it.how == How::Silent, ONE_AT_A_TIME)?;
    all_hear(members, &format!("* {name} joins"), &after)?;
    members.push(new);
    Ok(())
}

/// One says it, and all others hear it.
fn say(members: &mut [Member], speaker: usize, text: &str) -> Outcome {
    members[speaker].say(text)?;
    let line = format!("{}: {text}", members[speaker].name);
    let words = show(format!("{text}\n").as_bytes());
    let after = format!("by {}, {words}", members[speaker].name);
    for (number, member) in members.iter_mut().enumerate() {
        if number != speaker {
            member.hears(&line, &after)?;
        }
    }
    Ok(())
}

/// Each says so many lines, all at the same time. Everybody must hear all
/// lines of the others, each speaker's in order.
fn talk_all_at_once(members: &mut [Member], lines: usize) -> Outcome {
    let start = Barrier::new(members.len());
    let streams = members.iter().map(|one| one.peer.stream().try_clone());
    let streams = streams.collect::<io::Result<Vec<_>>>()?;
    thread::scope(|scope| {
        for stream in streams {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                for line in 1..=lines {
                    // What is not heard tells that something is wrong.
                    let line = format!("this is line {line} of mine\n");
                    let since = Moment::now();
                    let is_over = |_| since.elapsed() > PATIENCE;
                    if put_all(&stream, line.as_bytes(), is_over).is_err() {
                        return;
                    }
                }
            });
        }
    });
    let after = format!("by {} members at once, {} each", members.len(), plural(lines, "line"));
    for member in members.iter() {
        member.peer.stream().set_read_timeout(Some(GLANCE))?;
        let mut received = BufReader::new(member.peer.stream());
        let lines_of = |one: &Member| -> VecDeque<_> {
            (1..=lines).map(|line| format!("{}: this is line {line} of mine", one.name)).collect()
        };
        // What is still to come of each of the others.
        let others = members.iter().filter(|one| one.name != member.name);
        let mut left: Vec<_> = others.map(lines_of).collect();
        while let Some(next) = left.iter().find_map(VecDeque::front) {
            let next = show(next.as_bytes());
            let (how, got) = match next_line(&mut received, PATIENCE) {
                Err(wrong) => wrong,
                Ok(line) => {
                    if let Some(one) = left.iter_mut().find(|one| one.front() == Some(&line)) {
                        one.pop_front();
                        continue;
                    }
                    // One that comes too early: those ahead are missing.
                    let is_later = left.iter().any(|one| one.contains(&line));
                    let how = match is_later {
                        true => How::Short,
                        false if line.ends_with(" leaves") => How::End,
                        false => How::Other,
                    };
                    (how, show(line.as_bytes()))
                }
            };
            let expected =
                format!("by {}, the next line of one of the others, such as {next}", member.name);
            return Err(Wrong::new(how, expected, got).after(after));
        }
    }
    Ok(())
}

/// The first says so many short lines, as fast as it can. All others must hear all of them, in
/// order.
fn burst(members: &mut [Member], lines: usize) -> Outcome {
    let stream = members[0].peer.stream().try_clone()?;
    let after = format!("by anna, {} at once", plural(lines, "short line"));
    thread::scope(|scope| {
        scope.spawn(|| {
            let all: String = (1..=lines).map(|line| format!("{line}\n")).collect();
            // What is not heard tells that something is wrong.
            let _ = put_all(&stream, all.as_bytes(), |_| false);
        });
        let result = members[1..].iter().try_for_each(|member| {
            member.peer.stream().set_read_timeout(Some(GLANCE))?;
            let mut received = BufReader::new(member.peer.stream());
            for line in 1..=lines {
                let expected = format!("anna: {line}");
                let (how, got) = match next_line(&mut received, PATIENCE) {
                    Ok(line) if line == expected => continue,
                    Ok(line) => (How::Other, show(line.as_bytes())),
                    Err(wrong) => wrong,
                };
                let expected = format!("by {}, {}", member.name, show(expected.as_bytes()));
                return Err(Wrong::new(how, expected, got).after(&after));
            }
            Ok(())
        });
        if result.is_err() {
            // Nobody needs the rest.
            let _ = stream.shutdown(Shutdown::Both);
        }
        result
    })
}

/// The next line from a buffer: for those that are many.
fn next_line(
    from: &mut BufReader<&TcpStream>,
    patience: Duration,
) -> Result<String, (How, String)> {
    let (mut line, since) = (Vec::new(), Moment::now());
    loop {
        match from.read_until(b'\n', &mut line) {
            Ok(_) if line.pop() == Some(b'\n') => {
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            Ok(_) => return Err((How::End, "the end of the stream".to_owned())),
            Err(error) if is_timeout(&error) && since.elapsed() < patience => {}
            Err(error) if is_timeout(&error) => {
                return Err((How::Silent, format!("no more for {}", seconds(patience))));
            }
            Err(error) => return Err((How::Reset, in_words(&error))),
        }
    }
}

/// So many long lines are more than a connection can hold.
const MOST: usize = 6000;

fn long_line(number: usize) -> String {
    format!("{number} {}", "x".repeat(900))
}

/// A connection that is narrow is full after some more of them than that, ...
const FULL: usize = 300;
/// ... and a queue has room for the rest of so many.
const SOME: usize = 900;

/// Sends them all. Gives the moment before which the connection cannot be full.
fn talk_on(stream: &TcpStream) -> Instant {
    let mut since = Instant::now();
    for number in 1..=SOME {
        let line = long_line(number) + "\n";
        if number == FULL {
            since = Instant::now();
        }
        // What is not heard tells that something is wrong.
        if put_all(stream, line.as_bytes(), |_| false).is_err() {
            break;
        }
    }
    since
}

/// Hears them all, and counts them.
fn hear_all(name: &str, stream: &TcpStream, heard: &AtomicUsize) -> Outcome {
    stream.set_read_timeout(Some(GLANCE))?;
    let mut lines = BufReader::new(stream);
    for number in 1..=SOME {
        let said = format!("anna: {}", long_line(number));
        let (how, got) = match next_line(&mut lines, PATIENCE) {
            Ok(got) if got == said => {
                heard.store(number, Ordering::Relaxed);
                continue;
            }
            Ok(got) => (How::Other, show(got.as_bytes())),
            Err(wrong) => wrong,
        };
        return Err(Wrong::new(how, format!("by {name}, {}", show(said.as_bytes())), got));
    }
    Ok(())
}

/// The first one talks, the second one hears it, and the third one reads after a pause. `false`: it
/// was too long.
fn pause(members: &mut [Member]) -> Outcome<bool> {
    const PAUSE: Duration = Duration::from_millis(450);
    const TOO_LONG: Duration = Duration::from_millis(650);

    let [anna, ben, carl] = &members[..] else { return Ok(true) };
    let [anna, ben, carl] = [anna, ben, carl].map(|one| one.peer.stream().try_clone());
    let (anna, ben, carl) = (anna?, ben?, carl?);
    let (heard, read, began) = (AtomicUsize::new(0), AtomicUsize::new(0), Moment::now());
    let (pause, result) = thread::scope(|scope| {
        let talker = scope.spawn(|| talk_on(&anna));
        let listener = scope.spawn(|| {
            let result = hear_all("ben", &ben, &heard);
            if result.is_err() {
                // Nobody needs the rest.
                let _ = anna.shutdown(Shutdown::Both);
            }
            result
        });
        // (Where there are no queues, nobody hears more when one connection is full.)
        let (mut before, mut since) = (0, Instant::now());
        while before < FULL + 50 && since.elapsed() < Duration::from_millis(100) {
            thread::sleep(Duration::from_millis(1));
            let now = heard.load(Ordering::Relaxed);
            if now != before {
                (before, since) = (now, Instant::now());
            }
        }
        thread::sleep(PAUSE);
        let end = Instant::now();
        let read = hear_all("carl", &carl, &read);
        if read.is_err() {
            let _ = anna.shutdown(Shutdown::Both);
        }
        let since = talker.join().unwrap_or(end);
        let heard = listener.join().unwrap_or(Ok(()));
        (end - since, read.and(heard))
    });
    // Then there was no time left in which to read all that had waited.
    if result.is_err() && (pause > TOO_LONG || began.lost() > PAUSE / 9) {
        return Ok(false);
    }
    result.after("by anna, 900 long lines; carl reads none of them for half a second, then all")?;
    say(members, 1, "nobody has left").map(|()| true)
}

/// They join, and read nothing from then on.
const EIGHT: &[&str] = &["carl", "dora", "emil", "finn", "gina", "hugo", "ida", "jan"];

/// One talks and talks until these, who read nothing, have left, and another one must hear all of
/// it.
fn flood(speaker: &mut Member, listener: &mut Member, readers_of_nothing: &[&str]) -> Outcome {
    let stream = speaker.peer.stream().try_clone()?;
    let (heard, is_enough) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| talk(&stream, &heard, &is_enough));
        let result = listen(listener, readers_of_nothing, &heard, &is_enough);
        is_enough.store(true, Ordering::Relaxed);
        if result.is_err() {
            // Nobody needs the rest.
            let _ = stream.shutdown(Shutdown::Both);
        }
        result
    })
}

/// Talks, 100 lines ahead of what was heard.
fn talk(stream: &TcpStream, heard: &AtomicUsize, is_enough: &AtomicBool) {
    let mut lines = 0;
    while lines < MOST && !is_enough.load(Ordering::Relaxed) {
        if lines >= heard.load(Ordering::Relaxed) + 100 {
            thread::sleep(Duration::from_millis(1));
            continue;
        }
        lines += 1;
        let line = long_line(lines) + "\n";
        // What is not heard tells that something is wrong.
        if put_all(stream, line.as_bytes(), |_| false).is_err() {
            return;
        }
    }
    let _ = put_all(stream, format!("{lines} were all\n").as_bytes(), |_| false);
}

/// Hears all that anna says, and that each of these leaves. Whoever hears nothing for half a second
/// while she talks is kept waiting: a busy machine is slow, but it goes on. In all that may be three
/// seconds: one send that takes a part lasts for two, and eight in a row for eight.
fn listen(
    listener: &mut Member,
    readers_of_nothing: &[&str],
    was_heard: &AtomicUsize,
    is_enough: &AtomicBool,
) -> Outcome {
    const FLOOD: Duration = Duration::from_secs(8);
    /// A send that takes a part can last for two seconds.
    const SEND: Duration = Duration::from_secs(4);
    const KEPT_WAITING: Duration = Duration::from_millis(500);

    let who = match readers_of_nothing {
        [one] => format!("{one} reads none of them"),
        _ => format!("{} members read none of them", readers_of_nothing.len()),
    };
    let mut to_leave: Vec<_> =
        readers_of_nothing.iter().map(|name| format!("* {name} leaves")).collect();
    let stream = listener.peer.stream();
    stream.set_read_timeout(Some(GLANCE))?;
    let mut lines = BufReader::new(stream);
    let start = Moment::now();
    let (mut heard, mut is_all, mut waited) = (0, false, Duration::ZERO);
    while !to_leave.is_empty() || !is_all {
        let since = Moment::now();
        let next = next_line(&mut lines, SEND);
        if !is_all && since.elapsed() > KEPT_WAITING {
            waited += since.elapsed();
        }
        let (how, got) = match next {
            Err(wrong) => wrong,
            Ok(_) if waited > PATIENCE => {
                (How::Short, format!("nothing for {} in all", seconds(waited)))
            }
            Ok(line) if to_leave.contains(&line) => {
                to_leave.retain(|other| *other != line);
                is_enough.store(to_leave.is_empty(), Ordering::Relaxed);
                continue;
            }
            Ok(_) if start.elapsed() > FLOOD => {
                let time = seconds(start.elapsed());
                (How::Short, format!("not even all of them in {time}"))
            }
            Ok(line) if line == format!("anna: {}", long_line(heard + 1)) => {
                heard += 1;
                was_heard.store(heard, Ordering::Relaxed);
                continue;
            }
            Ok(line) if line == format!("anna: {heard} were all") => {
                is_all = true;
                continue;
            }
            Ok(line) => (How::Other, show(line.as_bytes())),
        };
        let expected = match (is_all, to_leave.first()) {
            (true, Some(line)) => format!("by ben, {line:?} as well"),
            (_, Some(line)) => format!("by ben, line {} of anna, or {line:?}", heard + 1),
            (_, None) => format!("by ben, line {} of anna", heard + 1),
        };
        let wrong =
            Wrong::new(how, expected, got).after(format!("by anna, long lines without end; {who}"));
        return Err(wrong.advice_if(|_| how == How::Silent && is_all, KEPT));
    }
    Ok(())
}
