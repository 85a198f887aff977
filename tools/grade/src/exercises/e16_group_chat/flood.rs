//! One talks on and on, and others do not read, or do not read enough.

use std::io::{self, BufReader};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::crowds::{FULL, long_line, next_line};
use super::members::Member;
use crate::clock::Moment;
use crate::wire::put_all;
use crate::words::{Words, join, text};
use crate::wrong::{How, Outcome, Wrong, seconds, show};

/// So many long lines are more than a connection can hold, and a queue has room for.
const MOST: usize = 6000;
/// So often dora says something.
const REMARKS: Duration = Duration::from_millis(100);
/// Who hears nothing for so long, while she does, is kept waiting: a busy machine is slow, but it
/// goes on.
const KEPT_WAITING: Duration = Duration::from_millis(600);
/// So long those may hear nothing who are not spoken to all the time.
const SILENCE: Duration = Duration::from_secs(5);
/// One send that takes a part lasts for two seconds, and a line may have waited for one before.
const IN_TIME: Duration = Duration::from_secs(2);
const IN_TIME_IF_SLOW: Duration = Duration::from_secs(3);
/// Later than that is too late. Only now it matters what the machine takes away: up to here a
/// program waits for a moment, and not for a processor.
const TOO_LATE: Duration = Duration::from_millis(500);

/// Anna talks on and on, until all who do not read have left; ben must hear all of it.
pub struct Flood {
    anna: TcpStream,
    ben: TcpStream,
    /// Says something now and then: nobody has to wait because anna has to.
    dora: Option<TcpStream>,
    /// Reads, but not as fast as anna talks.
    slow: Option<TcpStream>,
    /// Those who have to leave.
    names: Vec<String>,
    who: &'static str,
    heard: AtomicUsize,
    is_enough: AtomicBool,
    is_in_doubt: AtomicBool,
}

/// Somebody who talks, and what is to be heard of it.
#[derive(Clone, Copy)]
struct Speaker {
    name: &'static str,
    line: fn(usize) -> String,
    /// So many lines were heard.
    heard: usize,
    is_all: bool,
}

impl Speaker {
    const ANNA: Self = Self { name: "anna", line: long_line, heard: 0, is_all: false };
    const DORA: Self = Self { name: "dora", line: remark, heard: 0, is_all: false };

    fn next(&self) -> String {
        format!("{}: {}", self.name, (self.line)(self.heard + 1))
    }

    fn last(&self) -> String {
        format!("{}: {}", self.name, all(self.heard))
    }
}

fn remark(number: usize) -> String {
    format!("remark {number}")
}

fn all(lines: usize) -> String {
    format!("{lines} were all")
}

impl Flood {
    /// Many read nothing, and dora talks as well.
    pub fn among_idle(
        anna: &Member,
        dora: &Member,
        idle: &[Member],
        ben: &Member,
    ) -> Outcome<Self> {
        let who = "by anna, long lines without end; 17 members read none of them";
        let names = idle.iter().map(|one| one.name.clone()).collect();
        Self::new(anna, ben, Some(dora), None, names, who)
    }

    /// One reads, but too slowly.
    pub fn with_slow(anna: &Member, slow: &Member, ben: &Member) -> Outcome<Self> {
        let who = "by anna, long lines without end; carl reads 300 a second, and ben all of them";
        Self::new(anna, ben, None, Some(slow), vec![slow.name.clone()], who)
    }

    fn new(
        anna: &Member,
        ben: &Member,
        dora: Option<&Member>,
        slow: Option<&Member>,
        names: Vec<String>,
        who: &'static str,
    ) -> Outcome<Self> {
        let stream = |member: &Member| -> io::Result<_> {
            let stream = member.peer.stream().try_clone()?;
            stream.set_read_timeout(Some(Duration::from_millis(50)))?;
            Ok(stream)
        };
        Ok(Self {
            anna: stream(anna)?,
            ben: stream(ben)?,
            dora: dora.map(stream).transpose()?,
            slow: slow.map(stream).transpose()?,
            names,
            who,
            heard: AtomicUsize::new(0),
            is_enough: AtomicBool::new(false),
            is_in_doubt: AtomicBool::new(false),
        })
    }

    /// All of it: ben, anna and dora must hear what is said, and who leaves.
    pub fn run(&self) -> Outcome {
        thread::scope(|scope| {
            scope.spawn(|| self.talk());
            let by_dora = self.dora.as_ref().map(|dora| {
                scope.spawn(|| self.remark(dora));
                scope.spawn(|| self.listen("dora", dora, &mut [Speaker::ANNA]))
            });
            if let Some(slow) = &self.slow {
                scope.spawn(|| self.read_slowly(slow));
            }
            let dora = if by_dora.is_some() { &[Speaker::DORA][..] } else { &[] };
            let by_anna = scope.spawn(|| self.listen("anna", &self.anna, &mut dora.to_vec()));
            let result = self.listen_as_ben(&mut [&[Speaker::ANNA], dora].concat());
            if result.is_err() {
                self.stop();
            }
            self.is_enough.store(true, Ordering::Relaxed);
            let by_others = [by_dora, Some(by_anna)].into_iter().flatten();
            by_others.fold(result, |result, other| result.and(other.join().unwrap_or(Ok(()))))
        })
        .map_err(|wrong| wrong.after(self.who))
    }

    /// Whether somebody had to wait for too long, and it may have been for the machine.
    pub fn is_in_doubt(&self) -> bool {
        self.is_in_doubt.load(Ordering::Relaxed)
    }

    /// Nobody needs the rest.
    pub fn stop(&self) {
        for stream in [Some(&self.anna), Some(&self.ben), self.dora.as_ref()].into_iter().flatten()
        {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn is_enough(&self) -> bool {
        self.is_enough.load(Ordering::Relaxed)
    }

    /// Anna talks, 100 lines ahead of what was heard.
    fn talk(&self) {
        let mut lines = 0;
        while lines < MOST && !self.is_enough() {
            if lines >= self.heard.load(Ordering::Relaxed) + 100 {
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            lines += 1;
            if self.put(&self.anna, &long_line(lines)).is_err() {
                return;
            }
        }
        let _ = self.put(&self.anna, &all(lines));
    }

    fn remark(&self, dora: &TcpStream) {
        let mut lines = 0;
        while !self.is_enough() {
            lines += 1;
            if self.put(dora, &remark(lines)).is_err() {
                return;
            }
            thread::sleep(REMARKS);
        }
        let _ = self.put(dora, &all(lines));
    }

    fn put(&self, stream: &TcpStream, line: &str) -> io::Result<()> {
        // What is not heard tells that something is wrong.
        put_all(stream, format!("{line}\n").as_bytes(), |_| false)
    }

    /// 300,000 bytes a second.
    fn read_slowly(&self, mut slow: &TcpStream) {
        let mut buffer = [0; 15_000];
        while !self.is_enough() {
            match io::Read::read(&mut slow, &mut buffer) {
                Ok(0) => return,
                _ => thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    fn listen(&self, name: &str, stream: &TcpStream, speakers: &mut [Speaker]) -> Outcome {
        let mut lines = BufReader::new(stream);
        let mut to_leave = self.to_leave();
        while !to_leave.is_empty() || speakers.iter().any(|it| !it.is_all) {
            self.hear(name, &mut lines, speakers, &mut to_leave, SILENCE)?;
        }
        Ok(())
    }

    /// He looks at the clock as well, and says how far anna may talk.
    fn listen_as_ben(&self, speakers: &mut [Speaker]) -> Outcome {
        let (silence, in_time) = match &self.slow {
            None => (KEPT_WAITING, IN_TIME),
            Some(_) => (SILENCE, IN_TIME_IF_SLOW),
        };
        let mut lines = BufReader::new(&self.ben);
        let mut to_leave = self.to_leave();
        let (mut since, mut overdue) = (Instant::now(), None);
        while !to_leave.is_empty() || speakers.iter().any(|it| !it.is_all) {
            let before = speakers[0].heard;
            let waits = Instant::now();
            self.hear("ben", &mut lines, speakers, &mut to_leave, silence)?;
            let has_waited = waits.elapsed() > silence;
            let Some(first) = to_leave.first() else {
                self.is_enough.store(true, Ordering::Relaxed);
                continue;
            };
            let Speaker { heard, is_all, .. } = speakers[0];
            self.heard.store(heard, Ordering::Relaxed);
            // A queue is full when she can say no more.
            if heard != before && (self.slow.is_none() || heard < FULL) {
                (since, overdue) = (Instant::now(), None);
            }
            if since.elapsed() > in_time {
                overdue.get_or_insert_with(Moment::now);
            }
            if has_waited || since.elapsed() > in_time + TOO_LATE {
                self.is_in_doubt.store(true, Ordering::Relaxed);
            }
            let is_late = overdue.is_some_and(|it| it.elapsed() > TOO_LATE);
            let (how, got) = if is_all && (cfg!(target_os = "linux") || is_late) {
                (How::More, text!("all {heard} lines of anna", heard))
            } else if is_late {
                let meanwhile = match self.slow {
                    None => ", nor any more of anna's lines,",
                    Some(_) => "",
                };
                let time = seconds(since.elapsed());
                (How::Short, text!("no such line{meanwhile} for {time}", meanwhile, time))
            } else {
                continue;
            };
            return Err(Wrong::new(how, text!("by ben, \"{first}\"", first), got));
        }
        Ok(())
    }

    fn to_leave(&self) -> Vec<String> {
        self.names.iter().map(|name| format!("* {name} leaves")).collect()
    }

    /// The next line: of one of those who talk, or that one leaves.
    fn hear(
        &self,
        name: &str,
        lines: &mut BufReader<&TcpStream>,
        speakers: &mut [Speaker],
        to_leave: &mut Vec<String>,
        silence: Duration,
    ) -> Outcome {
        let (how, got) = match next_line(lines, silence) {
            Err(wrong) => wrong,
            Ok(line) => {
                if let Some(place) = to_leave.iter().position(|it| *it == line) {
                    to_leave.swap_remove(place);
                    return Ok(());
                }
                for speaker in speakers.iter_mut().filter(|it| !it.is_all) {
                    if line == speaker.next() {
                        speaker.heard += 1;
                        return Ok(());
                    }
                    if line == speaker.last() {
                        speaker.is_all = true;
                        return Ok(());
                    }
                }
                (How::Other, show(line.as_bytes()))
            }
        };
        let next = speakers.iter().filter(|it| !it.is_all);
        let next =
            next.map(|it| text!("line {heard} of {name}", heard = it.heard + 1, name = it.name));
        let leaves = to_leave.first().map(|line| Words::data(format!("\"{line}\"")));
        let expected: Vec<_> = next.chain(leaves).collect();
        Err(Wrong::new(
            how,
            text!("by {name}, {lines}", name = name.to_owned(), lines = join(expected, ", or ")),
            got,
        ))
    }
}
