//! Many members, or lines, at a time; and one who pauses.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader};
use std::net::{Shutdown, TcpStream};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::members::{Member, say};
use crate::clock::{Moment, PATIENCE};
use crate::wire::{GLANCE, is_timeout, put_all};
use crate::words::{Words, text};
use crate::wrong::{Explain as _, How, Outcome, Wrong, in_words, plural, seconds, show};

/// What comes, and does not come at once.
pub const TOO_SLOW: &str = "and that took";

/// Each says so many lines, all at the same time. Everybody must hear all
/// lines of the others, each speaker's in order.
pub fn talk_all_at_once(members: &mut [Member], lines: usize) -> Outcome {
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
    let after = text!(
        "by {number} members at once, {other} each",
        number = members.len(),
        other = plural(lines, "line")
    );
    let since = Moment::now();
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
                        if since.elapsed() < 2 * PATIENCE {
                            continue;
                        }
                        let time = seconds(since.elapsed());
                        let bytes = show(line.as_bytes());
                        let got = text!("{bytes}, and that took {time}", bytes, time);
                        let expected =
                            text!("by {name}, all lines of the others", name = member.name);
                        return Err(Wrong::new(How::Short, expected, got).after(after));
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
            let expected = text!(
                "by {name}, the next line of one of the others, such as {next}",
                name = member.name,
                next
            );
            return Err(Wrong::new(how, expected, got).after(after));
        }
    }
    Ok(())
}

/// The first says so many short lines, as fast as it can, and leaves. All others must hear all of
/// that, in order.
pub fn burst(members: &mut [Member], lines: usize) -> Outcome {
    let stream = members[0].peer.stream().try_clone()?;
    let after =
        text!("by anna, {number} at once, then the end", number = plural(lines, "short line"));
    thread::scope(|scope| {
        scope.spawn(|| {
            let all: String = (1..=lines).map(|line| format!("{line}\n")).collect();
            // What is not heard tells that something is wrong.
            let _ = put_all(&stream, all.as_bytes(), |_| false);
            let _ = stream.shutdown(Shutdown::Write);
        });
        let result = members[1..].iter().try_for_each(|member| {
            member.peer.stream().set_read_timeout(Some(GLANCE))?;
            let mut received = BufReader::new(member.peer.stream());
            let said = (1..=lines).map(|line| format!("anna: {line}"));
            for expected in said.chain(["* anna leaves".to_owned()]) {
                let (how, got) = match next_line(&mut received, PATIENCE) {
                    Ok(line) if line == expected => continue,
                    Ok(line) => (How::Other, show(line.as_bytes())),
                    Err(wrong) => wrong,
                };
                let expected = text!(
                    "by {name}, {bytes}",
                    name = member.name,
                    bytes = show(expected.as_bytes())
                );
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
pub fn next_line(
    from: &mut BufReader<&TcpStream>,
    patience: Duration,
) -> Result<String, (How, Words)> {
    let (mut line, since) = (Vec::new(), Moment::now());
    loop {
        match from.read_until(b'\n', &mut line) {
            Ok(_) if line.pop() == Some(b'\n') => {
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            Ok(_) => return Err((How::End, text!("the end of the stream"))),
            Err(error) if is_timeout(&error) && since.elapsed() < patience => {}
            Err(error) if is_timeout(&error) => {
                return Err((How::Silent, text!("no more for {time}", time = seconds(patience))));
            }
            Err(error) => return Err((How::Reset, in_words(&error))),
        }
    }
}

/// Of some 900 bytes; each is another one.
pub fn long_line(number: usize) -> String {
    format!("{number} {}", "x".repeat(900))
}

/// A connection that is narrow is full after some more of them than that, ...
pub const FULL: usize = 300;
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
fn hear_all(name: &'static str, stream: &TcpStream, heard: &AtomicUsize) -> Outcome {
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
        return Err(Wrong::new(
            how,
            text!("by {name}, {bytes}", name, bytes = show(said.as_bytes())),
            got,
        ));
    }
    Ok(())
}

/// The first one talks, the second one hears it, and the third one reads after a pause. `false`:
/// the machine made more of it.
pub fn pause(members: &mut [Member], held_up: &str) -> Outcome<bool> {
    const PAUSE: Duration = Duration::from_millis(700);
    const TOO_LONG: Duration = Duration::from_millis(880);
    const READING: Duration = Duration::from_millis(300);
    /// Who hears nothing for so long waits for the one who pauses.
    const STUCK: Duration = Duration::from_millis(300);

    let [anna, ben, carl] = &members[..] else { return Ok(true) };
    let [anna, ben, carl] = [anna, ben, carl].map(|one| one.peer.stream().try_clone());
    let (anna, ben, carl) = (anna?, ben?, carl?);
    let (heard, read) = (AtomicUsize::new(0), AtomicUsize::new(0));
    // Nobody needs the rest.
    let stop = || {
        let _ = anna.shutdown(Shutdown::Both);
        let _ = ben.shutdown(Shutdown::Both);
    };
    let (is_sure, result) = thread::scope(|scope| {
        let talker = scope.spawn(|| talk_on(&anna));
        let listener = scope.spawn(|| hear_all("ben", &ben, &heard).inspect_err(|_| stop()));
        let (mut before, mut since, mut full) = (0, Moment::now(), None);
        let mut last = Instant::now();
        while full.is_none_or(|full: Instant| full.elapsed() < PAUSE) {
            thread::sleep(Duration::from_millis(1));
            let now = heard.load(Ordering::Relaxed);
            if now != before {
                (before, since, last) = (now, Moment::now(), Instant::now());
            }
            // (Where there are no queues, nobody hears more when one connection is full.)
            if before >= FULL + 50 || since.elapsed() > Duration::from_millis(100) {
                full.get_or_insert_with(Instant::now);
            }
        }
        let (end, reading) = (Instant::now(), Moment::now());
        let has_stopped = before < SOME && last.elapsed() > STUCK && !listener.is_finished();
        let is_stuck = has_stopped && since.elapsed() > STUCK;
        let is_done = AtomicBool::new(false);
        let (lost, result) = thread::scope(|scope| {
            // In this time all must be read that has waited.
            let lost = scope.spawn(|| {
                while end.elapsed() < READING && !is_done.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(2));
                }
                reading.lost()
            });
            let result = match is_stuck {
                true => {
                    let next = show(format!("anna: {}", long_line(before + 1)).as_bytes());
                    let got = text!("nothing for {time}", time = seconds(since.elapsed()));
                    Err(Wrong::new(How::Silent, text!("by ben, {next}", next), got).advice(held_up))
                }
                false => hear_all("carl", &carl, &read),
            };
            is_done.store(true, Ordering::Relaxed);
            (lost.join().unwrap_or_default(), result)
        });
        if result.is_err() {
            stop();
        }
        let since = talker.join().unwrap_or(end);
        let heard = listener.join().unwrap_or(Ok(()));
        // If not, there was no time left in which to read it.
        let is_sure = is_stuck || (end - since <= TOO_LONG && lost <= READING / 3);
        let result = result.and(heard);
        (is_stuck || !has_stopped && (is_sure || result.is_ok()), result)
    });
    if !is_sure {
        return Ok(false);
    }
    result.after("by anna, 900 long lines; carl reads none of them for 0.7 seconds, then all")?;
    say(members, 1, "nobody has left").map(|()| true)
}
