//! Runs programs step by step, and writes down what happened.

use std::io;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::held::{Doing, Held};
use crate::strace::{Line, Lines, Said};
use crate::tables::{self, Families, Row};
use crate::tap::{Packet, Tap};

/// Set by Ctrl-C.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// A wait this long is looked at while it lasts.
const LONG: Duration = Duration::from_millis(50);

/// What happened, in order.
pub struct Event {
    /// Which of the programs.
    pub program: usize,
    pub said: Said,
    pub packets: Vec<Packet>,
    /// What the tables said in the end; before that, what they said while the
    /// call waited.
    pub readings: Vec<Vec<Row>>,
}

/// What to run.
pub struct Order {
    /// Name and command of each program. The second one starts when the
    /// first one waits.
    pub programs: Vec<(String, Vec<String>)>,
    /// In strace's words.
    pub faults: Vec<String>,
    /// How long nothing may happen.
    pub patience: Duration,
}

struct Recorder {
    tap: Tap,
    families: Families,
    lines: Vec<Lines>,
    events: Vec<Event>,
    /// Seen since the last event.
    packets: Vec<Packet>,
    waiting: Vec<Vec<Row>>,
}

/// Runs the programs to their end, or until nothing has happened for too
/// long: then the second value says what they were at.
///
/// # Errors
/// In words: no right to look at packets, no strace.
pub fn record(order: &Order) -> Result<(Vec<Event>, Vec<String>), String> {
    let tap = Tap::open().map_err(|error| format!("no packet socket: {error}"))?;
    let mut recorder = Recorder {
        tap,
        families: Families::default(),
        lines: vec![],
        events: vec![],
        packets: vec![],
        waiting: vec![],
    };
    let mut programs: Vec<Held> = vec![];
    let mut left = vec![];
    let mut current = 0;
    let mut since = Instant::now();
    let mut ending = false;
    loop {
        if let [program] = &programs[..] {
            program.wait();
        }
        let doing: Vec<Doing> = programs.iter_mut().map(Held::doing).collect::<Result<_, _>>()?;
        // With several programs, only one goes on at a time.
        if doing.iter().any(|one| matches!(one, Doing::Running)) {
            if since.elapsed() > order.patience + LONG {
                // Busy with something else than sockets.
                end(&mut programs, &mut left, &recorder, &mut ending)?;
                since = Instant::now();
            }
            thread::sleep(Duration::from_micros(30));
            continue;
        }
        let held = |index: &usize| matches!(doing[*index], Doing::Held);
        let all = programs.len();
        let next = (current..all).chain(0..current.min(all)).find(held);
        if let Some(index) = next {
            current = index;
            since = Instant::now();
            recorder.step(index, &mut programs[index])?;
            continue;
        }
        if let Some((name, command)) = order.programs.get(all).filter(|_| !ending) {
            // The others wait, or have ended.
            let input =
                if all + 1 == order.programs.len() { Stdio::inherit() } else { Stdio::null() };
            let program = Held::start(name, command, &order.faults, input)?;
            recorder.lines.push(Lines::new(&program.output));
            programs.push(program);
            current = all;
            since = Instant::now();
            continue;
        }
        if doing.iter().all(|one| matches!(one, Doing::Ended)) {
            break;
        }
        let waited = since.elapsed();
        // A server waits for the next client when all of ours are gone. (It
        // may also sleep for a moment.)
        let alone = all > 1 && matches!(doing[all - 1], Doing::Ended);
        let enough = waited > if alone { 20 * LONG } else { order.patience };
        if enough || (STOP.load(Ordering::Relaxed) && !ending) {
            end(&mut programs, &mut left, &recorder, &mut ending)?;
            since = Instant::now();
        } else if waited > LONG && recorder.waiting.is_empty() {
            recorder.look_while_waiting()?;
        }
        thread::sleep(Duration::from_micros(200));
    }
    recorder.finish()?;
    Ok((recorder.events, left))
}

/// Ends what still runs: with a polite signal the first time.
fn end(
    programs: &mut [Held],
    left: &mut Vec<String>,
    recorder: &Recorder,
    ending: &mut bool,
) -> Result<(), String> {
    let signal = if *ending { Signal::KILL } else { Signal::TERM };
    for (index, program) in programs.iter_mut().enumerate() {
        if program.ended {
            continue;
        }
        if !*ending {
            let at = recorder.lines[index].at(program.begun());
            left.push(format!("({} {at}, and was ended)", program.name));
        }
        program.end(signal);
        if *ending {
            program.give_up();
        }
    }
    *ending = true;
    Ok(())
}

/// Calls after which there is no need to look. (They are many, and a look
/// takes some milliseconds.)
fn changes_nothing(begun: &str) -> bool {
    let call = begun.strip_prefix("[pid").and_then(|rest| rest.split_once("] "));
    let call = call.map_or(begun, |(_, call)| call);
    let quiet =
        ["write(1<", "write(2<", "fcntl(", "getsockname(", "ioctl(", "socket(", "setsockopt("];
    quiet.iter().any(|start| call.starts_with(start))
}

impl Recorder {
    /// Writes down what a program has just done, and lets it go on.
    fn step(&mut self, index: usize, program: &mut Held) -> Result<(), String> {
        let reading = if changes_nothing(program.begun()) { None } else { Some(self.look()?) };
        let text = program.line()?;
        self.lines[index].events = self.events.len();
        let lines = self.lines[index].read(&text, &mut program.printed)?;
        for Line { said, waited_since } in lines {
            match waited_since {
                Some(since) => self.note_woken(index, said, since),
                None => self.note(index, said, reading.clone()),
            }
        }
        self.families = self.lines.iter().fold(self.families, |all, lines| Families {
            tcp: all.tcp || lines.families.tcp,
            tcp6: all.tcp6 || lines.families.tcp6,
            udp: all.udp || lines.families.udp,
            udp6: all.udp6 || lines.families.udp6,
        });
        Ok(())
    }

    /// Takes the new packets, and reads what the tables say after them.
    fn look(&mut self) -> Result<Vec<Row>, String> {
        let failed = |error: io::Error| format!("the packet socket: {error}");
        loop {
            // (Not for long: they may be somebody else's.)
            let start = Instant::now();
            while tables::packets_wait() && start.elapsed() < LONG {
                thread::sleep(Duration::from_micros(100));
            }
            self.packets.extend(self.tap.drain().map_err(failed)?);
            let rows = tables::read(self.families)?;
            // A timer may have sent one in between.
            let late = self.tap.drain().map_err(failed)?;
            if late.is_empty() {
                return Ok(rows);
            }
            self.packets.extend(late);
        }
    }

    /// A call that another thread has woken stands after the call that woke
    /// it, whenever strace gets to see it.
    fn note_woken(&mut self, program: usize, said: Said, since: usize) {
        let acts = |event: &Event| match &event.said {
            Said::Call(call) => call.acts,
            _ => false,
        };
        let later = self.events.get(since..).unwrap_or_default();
        let place = later.iter().rposition(acts).map(|at| since + at + 1);
        let place = place.unwrap_or(self.events.len());
        let (packets, readings) = (vec![], vec![]);
        let event = Event { program, said, packets, readings };
        self.events.insert(place, event);
    }

    fn note(&mut self, program: usize, said: Said, reading: Option<Vec<Row>>) {
        let mut readings = std::mem::take(&mut self.waiting);
        readings.extend(reading);
        let packets = std::mem::take(&mut self.packets);
        self.events.push(Event { program, said, packets, readings });
    }

    fn look_while_waiting(&mut self) -> Result<(), String> {
        let rows = self.look()?;
        self.waiting.push(rows);
        Ok(())
    }

    /// What the kernel still does when the programs have ended.
    fn finish(&mut self) -> Result<(), String> {
        let rows = self.look()?;
        for index in 0..self.lines.len() {
            for Line { said, .. } in self.lines[index].rest() {
                self.note(index, said, Some(rows.clone()));
            }
        }
        Ok(())
    }
}
