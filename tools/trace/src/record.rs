//! Runs programs step by step, and writes down what happened.

use std::collections::BTreeSet;
use std::io;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::order::Order;
use crate::strace::{Action, Line, Lines, without_thread};
use crate::tables::{self, Family, Row};
use crate::tap::{Packet, Tap};
use crate::tracee::{Phase, Tracee};

/// Set by Ctrl-C.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// A wait this long is looked at while it lasts.
const LONG: Duration = Duration::from_millis(50);

/// What happened, in order.
pub struct Event {
    /// Which of the programs.
    pub program: usize,
    pub action: Action,
    pub packets: Vec<Packet>,
    /// What the tables said while the call waited, and in the end.
    pub readings: Vec<Vec<Row>>,
}

struct Recorder<'a> {
    order: &'a Order,
    tap: Tap,
    families: BTreeSet<Family>,
    programs: Vec<Tracee>,
    /// Of each program.
    lines: Vec<Lines>,
    events: Vec<Event>,
    /// Seen since the last event.
    packets: Vec<Packet>,
    waiting: Vec<Vec<Row>>,
    /// What each program was at that did not end by itself; from then on, all are to end.
    endings: Vec<String>,
}

/// Runs the programs to their end, or until nothing has happened for too long: then the second
/// value says what they were at. The second program starts when the first one waits.
pub fn record(order: &Order) -> Result<(Vec<Event>, Vec<String>), String> {
    let mut recorder = Recorder {
        order,
        tap: Tap::open().map_err(|error| format!("no packet socket: {error}"))?,
        families: BTreeSet::new(),
        programs: vec![],
        lines: vec![],
        events: vec![],
        packets: vec![],
        waiting: vec![],
        endings: vec![],
    };
    recorder.run()?;
    recorder.finish()?;
    Ok((recorder.events, recorder.endings))
}

/// Calls after which there is no need to look: they are many, and a look takes some milliseconds.
fn changes_nothing(line: &str) -> bool {
    let call = without_thread(line);
    let quiet =
        ["write(1<", "write(2<", "fcntl(", "getsockname(", "ioctl(", "socket(", "setsockopt("];
    quiet.iter().any(|start| call.starts_with(start))
}

impl Recorder<'_> {
    fn run(&mut self) -> Result<(), String> {
        let mut current = 0;
        let mut since = Instant::now();
        loop {
            if let [program] = &self.programs[..] {
                program.wait();
            }
            let phases: Result<Vec<_>, _> = self.programs.iter_mut().map(Tracee::phase).collect();
            let phases = phases?;
            // With several programs, only one goes on at a time.
            if phases.contains(&Phase::Run) {
                if since.elapsed() > self.order.patience + LONG {
                    // Busy with something else than sockets.
                    self.end();
                    since = Instant::now();
                }
                thread::sleep(Duration::from_micros(30));
                continue;
            }
            let all = phases.len();
            let mut next = (current..all).chain(0..current.min(all));
            if let Some(index) = next.find(|index| phases[*index] == Phase::Halt) {
                current = index;
                since = Instant::now();
                self.step(index)?;
                continue;
            }
            if all < self.order.programs.len() && self.endings.is_empty() {
                // The others wait, or have ended.
                self.start(all)?;
                current = all;
                since = Instant::now();
                continue;
            }
            if phases.iter().all(|phase| *phase == Phase::End) {
                return Ok(());
            }
            let waited = since.elapsed();
            // A server waits for the next client when all of ours are gone. But a program may also
            // sleep for a moment.
            let alone = all > 1 && phases[all - 1] == Phase::End;
            let enough = waited > if alone { 20 * LONG } else { self.order.patience };
            if enough || (STOP.load(Ordering::Relaxed) && self.endings.is_empty()) {
                self.end();
                since = Instant::now();
            } else if waited > LONG && self.waiting.is_empty() {
                let rows = self.look()?;
                self.waiting.push(rows);
            }
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// Starts a program. The last one has the keyboard.
    fn start(&mut self, index: usize) -> Result<(), String> {
        let is_last = index + 1 == self.order.programs.len();
        let input = if is_last { Stdio::inherit() } else { Stdio::null() };
        let program = Tracee::start(&self.order.programs[index], &self.order.faults, input)?;
        self.lines.push(Lines::new(&program.output_name));
        self.programs.push(program);
        Ok(())
    }

    /// Ends what still runs: with a polite signal the first time.
    fn end(&mut self) {
        let is_first = self.endings.is_empty();
        for (index, program) in self.programs.iter_mut().enumerate() {
            if program.has_ended {
                continue;
            }
            if is_first {
                let name = self.order.programs[index].short_name();
                let at = self.lines[index].at(&program.beginning);
                self.endings.push(format!("({name} {at}, and was ended)"));
                program.end(Signal::SIGTERM);
            } else {
                program.give_up();
            }
        }
    }

    /// Writes down what a program has just done, and lets it go on.
    fn step(&mut self, index: usize) -> Result<(), String> {
        let looks = !changes_nothing(&self.programs[index].beginning);
        let reading = if looks { Some(self.look()?) } else { None };
        let program = &mut self.programs[index];
        let text = program.line()?;
        let reader = &mut self.lines[index];
        reader.events = self.events.len();
        let lines = reader.read(&text, &mut program.bytes)?;
        self.families.extend(&reader.families);
        for Line { action, waited_since } in lines {
            match waited_since {
                Some(since) => self.note_woken(index, action, since),
                None => self.note(index, action, reading.clone()),
            }
        }
        Ok(())
    }

    /// Takes the new packets, and reads what the tables say after them.
    fn look(&mut self) -> Result<Vec<Row>, String> {
        let failed = |error: io::Error| format!("the packet socket: {error}");
        loop {
            // Not for long: they may be somebody else's.
            let start = Instant::now();
            while tables::packets_wait() && start.elapsed() < LONG {
                thread::sleep(Duration::from_micros(100));
            }
            self.packets.extend(self.tap.drain().map_err(failed)?);
            let rows = tables::read(&self.families)?;
            // A timer may have sent one in between.
            let late = self.tap.drain().map_err(failed)?;
            if late.is_empty() {
                return Ok(rows);
            }
            self.packets.extend(late);
        }
    }

    /// A call that another thread has woken stands after the call that woke it, whenever strace
    /// gets to see it.
    fn note_woken(&mut self, program: usize, action: Action, since: usize) {
        let wakes = |event: &Event| matches!(&event.action, Action::Call(call) if call.wakes);
        let later = self.events.get(since..).unwrap_or_default();
        let place = later.iter().rposition(wakes).map(|at| since + at + 1);
        let place = place.unwrap_or(self.events.len());
        self.events.insert(place, Event { program, action, packets: vec![], readings: vec![] });
    }

    fn note(&mut self, program: usize, action: Action, reading: Option<Vec<Row>>) {
        let mut readings = std::mem::take(&mut self.waiting);
        readings.extend(reading);
        let packets = std::mem::take(&mut self.packets);
        self.events.push(Event { program, action, packets, readings });
    }

    /// What the kernel still does when the programs have ended.
    fn finish(&mut self) -> Result<(), String> {
        let rows = self.look()?;
        for index in 0..self.lines.len() {
            for Line { action, .. } in self.lines[index].rest() {
                self.note(index, action, Some(rows.clone()));
            }
        }
        Ok(())
    }
}
