//! Runs programs step by step, and writes down what happened.

use std::collections::{BTreeSet, HashSet};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::helper::{Keeper, Rights};
use crate::machines::Machines;
use crate::order::Order;
use crate::running::{self, Running};
use crate::source::{Source, Sources, Stack};
use crate::strace::{
    self, Action, BEFORE, CLOSE, Call, Line, Lines, OPEN, Times, WAITS, finds_nothing, sockets_in,
    thread_of,
};
use crate::tables::{Backlog, Change, Family, Known, Others, Row, canonical};
use crate::tap::{Kind, Packet};
use crate::tracee::{Phase, Tracee};

/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// For so long it is waited for what a pipe says, ...
const A_WHILE: Duration = Duration::from_millis(5);

/// ... and for so long for what it does not say, after having asked so often without waiting.
const INSTANT: Duration = Duration::from_micros(30);
const QUICK: u32 = 10;

/// What ran already may go on: a hundred years.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// What was sent between two machines is there by then, or nothing was.
const SHORTLY: Duration = Duration::from_millis(20);

/// A wait this long is looked at while it lasts.
const LONG: Duration = Duration::from_millis(50);

/// A program that Ctrl-C has not reached from the keyboard by then gets it from here.
const FROM_THE_KEYBOARD: Duration = Duration::from_millis(200);

/// What there is to see is shown when nothing has happened for so long, if somebody looks on.
const MOMENT: Duration = Duration::from_millis(200);

/// Who has asked so often, one time after the other, and was told each time that there is nothing,
/// asks until somebody else does something.
const IN_VAIN: u32 = 3;

/// So many events are kept back until it is clear what stands before them.
const MOST: usize = 1000;

/// Who has sent SIGTERM or SIGHUP does not wait long, and who is killed does not take long.
const SHORT: Duration = Duration::from_secs(2);

/// What happened, in order.
pub struct Event {
    /// Which of the programs.
    pub program: usize,
    /// Which process of it: a number in its namespace.
    pub process: u32,
    pub action: Action,
    pub packets: Vec<Packet>,
    /// They may be of another call, which had not returned.
    pub is_unsure: bool,
    /// What the tables said while the call waited, and in the end: what had changed each time.
    pub readings: Vec<Vec<Change>>,
    /// Sockets that the tables have dropped, and that a program still holds.
    pub open: Vec<u64>,
    /// The process uses sockets for the first time: what the system calls it.
    pub name: Option<String>,
    /// And it is not the first one of its program.
    pub is_child: bool,
    pub times: Times,
    /// The line of code that did it.
    pub source: Option<Source>,
}

impl Event {
    /// Without effects.
    fn new(
        (program, process): (usize, u32),
        name: Option<String>,
        action: Action,
        times: Times,
    ) -> Self {
        let (packets, is_unsure, readings, open) = (vec![], false, vec![], vec![]);
        Self {
            program,
            process,
            action,
            packets,
            is_unsure,
            readings,
            open,
            name,
            is_child: false,
            times,
            source: None,
        }
    }

    fn has_effects(&self) -> bool {
        !(self.packets.is_empty() && self.readings.is_empty())
    }

    fn wakes(&self) -> bool {
        matches!(&self.action, Action::Call(call) if call.wakes)
    }
}

/// Who is told what happens, while it happens.
pub trait Sink {
    /// The next event: nothing that is told later stands before it.
    fn event(&mut self, event: &Event);

    /// These were all for now.
    fn flush(&mut self) {}

    /// Whether somebody looks on, who wants to see what there is as soon as nothing happens.
    fn is_watched(&self) -> bool {
        false
    }

    /// Nothing has happened for a moment.
    fn pause(&mut self) {}

    /// Nobody wants to know more.
    fn is_over(&self) -> bool {
        false
    }
}

/// How it ended.
pub struct Outcome {
    /// What else there is to say in the end.
    pub endings: Vec<String>,
    /// The exit status of the last program, as a shell says it.
    pub status: u8,
}

/// What is known of the lines of code of a program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Code {
    NotAsked,
    /// It has no debug information.
    NotThere,
    /// It has some, but the file of its `main` is not here.
    Elsewhere,
    /// It is, but no stack has led there.
    NotFound,
    Found,
}

/// How far it is with the programs that don't end by themselves.
#[derive(Clone, Copy, PartialEq)]
enum Ending {
    NotYet,
    /// They were asked to end; or are, as soon as it is clear that nobody else does.
    Asked {
        signal: Signal,
        since: Instant,
        sent: bool,
    },
    Killed {
        since: Instant,
    },
}

struct Recorder<'a> {
    order: &'a Order,
    names: &'a [&'a str],
    rights: &'a Rights,
    /// The number of a signal that this process got.
    stop: &'a AtomicUsize,
    machines: Machines,
    backlog: Backlog,
    families: BTreeSet<Family>,
    programs: Vec<Tracee>,
    /// It ends when all programs have: so it is the last one that is waited for.
    keeper: Option<Keeper>,
    /// The program, if it ran already.
    running: Option<Running>,
    /// Of each program.
    lines: Vec<Lines>,
    sources: Sources,
    /// Of each program: whether any line of code was found, or at least debug information.
    code: Vec<Code>,
    sink: &'a mut dyn Sink,
    /// Those that the sink does not know yet, and how many it knows.
    events: Vec<Event>,
    told: usize,
    /// Which threads did them.
    threads: Vec<Option<u32>>,
    /// Seen since the last event.
    packets: Vec<Packet>,
    readings: Vec<Vec<Change>>,
    open: Vec<u64>,
    known: Known,
    looked_at_all: Instant,
    /// A wait was looked at.
    looked: bool,
    /// How often each program has asked, one time after the other, and there was nothing.
    in_vain: Vec<u32>,
    /// How many calls had begun when all programs slept.
    slept: Option<usize>,
    /// No call has sent what was seen last.
    by_itself: bool,
    /// Several calls may have sent what was seen last.
    is_unsure: bool,
    endings: Vec<String>,
    /// The processes that used sockets: their programs and their numbers.
    processes: HashSet<(usize, u32)>,
    /// Which faults have struck.
    struck: BTreeSet<usize>,
    ending: Ending,
    /// Since when nothing has happened.
    quiet: Instant,
    /// When something was written down last.
    noted: Instant,
    /// Whether what was there when it became quiet was shown, and whether all was.
    shown: (bool, bool),
}

/// Runs the programs to their end, or until nothing has happened for too long, or until this
/// process gets a signal. The second program starts when the first one waits.
pub fn record(
    order: &Order,
    names: &[&str],
    rights: &Rights,
    stop: &AtomicUsize,
    mut machines: Machines,
    sink: &mut dyn Sink,
) -> Result<Outcome, String> {
    // strace first: it has to be where we are, and then we may go into another network.
    let mut attached = vec![];
    if let Some(pid) = order.pid {
        attached.push(Tracee::attach(pid, order.asked())?);
    }
    let running = order.pid.map(|pid| Running::new(pid, names[0]));
    machines.begin_to_ask();
    let keeper = if running.is_some() { None } else { Some(Keeper::start()?) };
    let mut lines = vec![];
    if let Some(pid) = order.pid {
        lines.push(Lines::of_running(pid));
    }
    let mut recorder = Recorder {
        order,
        names,
        rights,
        stop,
        keeper,
        machines,
        running,
        backlog: Backlog::open(),
        families: BTreeSet::new(),
        programs: attached,
        lines,
        sources: order.pid.map_or(Sources::default(), Sources::of_running),
        code: order.programs.iter().map(|_| Code::NotAsked).collect(),
        sink,
        events: vec![],
        told: 0,
        threads: vec![],
        packets: vec![],
        readings: vec![],
        open: vec![],
        known: Known::default(),
        looked_at_all: Instant::now(),
        looked: false,
        in_vain: vec![0; 2],
        slept: None,
        by_itself: false,
        is_unsure: false,
        endings: vec![],
        processes: HashSet::new(),
        struck: BTreeSet::new(),
        ending: Ending::NotYet,
        quiet: Instant::now(),
        noted: Instant::now(),
        shown: (true, true),
    };
    recorder.run()?;
    recorder.finish()?;
    let last = recorder.programs.last().and_then(|program| program.status);
    let status = last.map_or(0, |status| {
        let signal = || status.signal().map(|signal| 128 + signal);
        status.code().or_else(signal).unwrap_or_default()
    });
    let mut status = u8::try_from(status).unwrap_or(u8::MAX);
    if let Some(running) = &recorder.running {
        status = running.status.filter(|_| !running.is_left).unwrap_or(0);
    }
    Ok(Outcome { endings: recorder.endings, status })
}

/// Calls after which there is no need to look: they are many, and a look takes some milliseconds.
fn changes_nothing(line: &str) -> bool {
    let call = thread_of(line).1;
    // What is printed; who serves a connection as its standard output sends.
    let mut outputs = ["write(1<", "write(2<"].iter().filter_map(|start| call.strip_prefix(start));
    let quiet = ["fcntl(", "getsockname(", "ioctl(", "socket(", "rt_sigreturn("];
    outputs.any(|to| !to.starts_with("socket:["))
        || quiet.iter().any(|start| call.starts_with(start))
}

/// Whether strace says that it has a process.
fn has_attached(line: &str) -> bool {
    line.lines().any(|line| line.starts_with("strace: Process ") && line.contains(" attached"))
}

/// The sockets that a process had when we came.
fn before(sockets: &[(i32, u64, Family)]) -> Call {
    let name = |(number, ..): &(i32, u64, Family)| format!("{OPEN}fd:{number}{CLOSE} is {number}");
    let all: Vec<String> = sockets.iter().map(name).collect();
    let text = match all[..] {
        [] => "(no sockets before)".to_owned(),
        _ => format!("(open before: {})", all.join(", ")),
    };
    let sockets = sockets.iter().map(|(number, inode, _)| (*number, *inode)).collect();
    Call { name: BEFORE.to_owned(), text, sockets, wakes: false }
}

impl Recorder<'_> {
    fn run(&mut self) -> Result<(), String> {
        let mut current = 0;
        let mut rounds = 0;
        loop {
            // With several, it is asked again soon whether one has come to rest, which no pipe says.
            let at_most = match &self.programs[..] {
                [one] if !one.has_more() && !self.machines.are_two() => self.a_while(),
                _ if rounds < QUICK => Duration::ZERO,
                _ => INSTANT,
            };
            Tracee::wait(&mut self.programs, at_most);
            if at_most.is_zero() {
                thread::yield_now();
            }
            rounds += 1;
            self.end_if_asked();
            let phases: Result<Vec<_>, _> = self.programs.iter_mut().map(Tracee::phase).collect();
            let phases = phases?;
            if self.pass_on(&phases)? {
                continue;
            }
            let waited = self.quiet.elapsed();
            self.pause_if_quiet(waited);
            let is_ready = phases.contains(&Phase::Halt) && !phases.contains(&Phase::Run);
            if waited > self.patience() + LONG && !is_ready && self.ending == Ending::NotYet {
                // Busy with something else than sockets; or it asks again and again.
                self.begin_to_end(Signal::SIGTERM, true);
            }
            let all = phases.len();
            // Who asks again and again may wait for one of the others.
            let asks = waited > 2 * LONG && self.asks_in_vain(current);
            let is_missing = all < self.order.programs.len() && self.ending == Ending::NotYet;
            // With several programs, only one goes on at a time.
            if phases.contains(&Phase::Run) && !(asks && is_missing) {
                continue;
            }
            rounds = 0;
            if asks && is_missing {
                self.start(all)?;
                current = all;
                self.quiet = Instant::now();
                continue;
            }
            if asks {
                current = (current + 1) % all;
            }
            let mut next = (current..all).chain(0..current.min(all));
            if let Some(index) = next.find(|index| phases[*index] == Phase::Halt) {
                current = index;
                self.step(index)?;
                continue;
            }
            if is_missing {
                // The others wait, or have ended.
                self.start(all)?;
                current = all;
                self.quiet = Instant::now();
                continue;
            }
            if phases.iter().all(|phase| *phase == Phase::End) {
                return Ok(());
            }
            // A server waits for the next client when all of ours are gone. But a program may also
            // sleep for a moment.
            let alone = all > 1 && phases[all - 1] == Phase::End;
            let enough = match self.order.patience {
                None if alone && !self.may_come() => waited > 20 * LONG,
                _ => waited > self.patience(),
            };
            if enough && !self.machines.are_busy() && self.ending == Ending::NotYet {
                self.begin_to_end(Signal::SIGTERM, true);
            } else if waited > LONG && !self.looked && !self.machines.are_busy() {
                let before = self.readings.len();
                self.look()?;
                self.find_open(before, "");
                self.looked = true;
            }
            // All wait: what wakes one comes through its pipe.
            let at_most = self.a_while();
            Tracee::wait(&mut self.programs, at_most);
        }
    }

    /// How long it is waited for strace's pipe. A server that runs already may have nothing to do for
    /// days.
    fn a_while(&self) -> Duration {
        let is_idle = self.running.is_some() && self.looked && self.quiet.elapsed() > 20 * LONG;
        if is_idle { 4 * LONG } else { A_WHILE }
    }

    /// Passes on what the machines have sent each other, and writes down what the kernel sends when a
    /// timer runs out. Whether a packet arrived, and the programs have to be looked at again.
    fn pass_on(&mut self, phases: &[Phase]) -> Result<bool, String> {
        if !self.machines.have_timers {
            return Ok(false);
        }
        // If no call has begun since all slept, none has sent what comes now.
        let slept = self.slept == Some(self.begun());
        let sleeps = |phase: &Phase| matches!(phase, Phase::Wait | Phase::End);
        let all_wait = phases.iter().all(sleeps);
        if all_wait {
            self.slept = Some(self.begun());
        }
        let seen = self.machines.drain(all_wait)?;
        if seen.packets.is_empty() && !seen.answers {
            if self.by_itself && !phases.contains(&Phase::Run) {
                // Whoever was woken by that rests again.
                self.note_by_itself()?;
            }
            return Ok(false);
        }
        // What a call has sent that has not returned stays with it, and so does what follows.
        let at_work = self.programs.iter().any(Self::may_send);
        // Who was just told to end may have done so; no timer is as quick.
        let dies = match self.ending {
            Ending::NotYet => false,
            Ending::Asked { since, .. } | Ending::Killed { since } => since.elapsed() < 4 * LONG,
        };
        let may_be = slept && !seen.answers && self.packets.is_empty() && !at_work && !dies;
        self.packets.extend(seen.packets);
        if may_be {
            // strace tells of a call before it begins.
            self.programs.iter_mut().try_for_each(|program| program.phase().map(drop))?;
            self.by_itself = self.slept == Some(self.begun());
        }
        Ok(true)
    }

    /// Whether it is in a call that sends something, as `connect` does.
    fn may_send(program: &Tracee) -> bool {
        strace::wakes(thread_of(&program.beginning).1)
    }

    /// How many calls have begun.
    fn begun(&self) -> usize {
        self.programs.iter().map(|program| program.begun).sum()
    }

    /// The kernel has done something, and no program.
    fn note_by_itself(&mut self) -> Result<(), String> {
        self.by_itself = false;
        let before = self.readings.len();
        self.look()?;
        self.find_open(before, "");
        self.is_unsure = false;
        self.note(None, Event::new((0, 0), None, Action::Nothing, Times::default()));
        self.tell();
        Ok(())
    }

    /// Who has to end may be in a call that has sent something.
    fn note_waiting(&mut self) -> Result<(), String> {
        let Some(index) = self.programs.iter().position(Self::may_send) else { return Ok(()) };
        self.look()?;
        if self.packets.is_empty() {
            return Ok(());
        }
        let beginning = self.programs[index].beginning.trim_end_matches([',', ' ']);
        let line = format!("{beginning}) = ? (it still waited)");
        for Line { thread, action, times, .. } in self.lines[index].read(&line, &mut |_| vec![])? {
            let (process, name) = self.process(index, thread, &action);
            self.note(thread, Event::new((index, process), name, action, times));
        }
        Ok(())
    }

    /// Whether a packet that was lost may be sent again.
    fn may_come(&self) -> bool {
        self.machines.send_again() && self.known.waits_for_acks()
    }

    /// How long nothing may happen.
    fn patience(&self) -> Duration {
        let limit = if self.running.is_some() { FOR_EVER } else { PATIENCE };
        self.order.patience.unwrap_or(limit)
    }

    /// Whether a program asks again and again for what is not there.
    fn asks_in_vain(&self, index: usize) -> bool {
        self.in_vain[index] >= IN_VAIN
    }

    /// Starts a program. The last one has the keyboard.
    fn start(&mut self, index: usize) -> Result<(), String> {
        let is_last = index + 1 == self.order.programs.len();
        let input = if is_last { Stdio::inherit() } else { Stdio::null() };
        let (what, asked) = (&self.order.programs[index], self.order.asked());
        let (rights, keeper) = (self.rights, self.keeper.as_ref().map_or(0, Keeper::pid));
        let start = || Tracee::start(what, asked, input, rights, keeper);
        let program = self.machines.on(index, start)?;
        self.lines.push(Lines::new(program.output_name()));
        self.programs.push(program);
        Ok(())
    }

    /// Who has to end has some time to do it well: what it does then is shown, too.
    fn end_if_asked(&mut self) {
        let number = self.stop.swap(0, Ordering::Relaxed);
        let signal = i32::try_from(number).ok().and_then(|number| Signal::try_from(number).ok());
        if self.running.is_some() {
            return self.leave_if_asked(signal);
        }
        match (signal, self.ending) {
            (Some(signal), Ending::NotYet) => self.begin_to_end(signal, false),
            // Asked twice.
            (Some(_), Ending::Asked { .. }) => self.kill(),
            (Some(_), Ending::Killed { .. }) => self.give_up(),
            (None, Ending::Asked { signal, since, sent }) => {
                let limit = match signal {
                    Signal::SIGINT => self.patience(),
                    _ => SHORT,
                };
                if since.elapsed() > limit {
                    self.kill();
                } else if !sent && since.elapsed() > FROM_THE_KEYBOARD {
                    self.ending = Ending::Asked { signal, since, sent: true };
                    // The keyboard's Ctrl-C is for all; who gets it twice may end less well.
                    let name = signal.as_str();
                    for (program, lines) in self.programs.iter_mut().zip(&self.lines) {
                        if !lines.signals.contains(name) {
                            program.signal(signal);
                        }
                    }
                }
            }
            (None, Ending::Killed { since }) if since.elapsed() > SHORT => self.give_up(),
            (None, _) => {}
        }
    }

    /// Of a program that ran already: it goes on, whatever we are asked.
    fn leave_if_asked(&mut self, signal: Option<Signal>) {
        match (signal, self.ending) {
            (Some(signal), Ending::NotYet) => self.leave(signal),
            // strace may be stuck.
            (Some(_), Ending::Asked { .. }) => {
                self.programs.iter_mut().for_each(Tracee::kill_strace)
            }
            (None, Ending::Asked { signal, since, sent: true }) if since.elapsed() > SHORT => {
                self.programs.iter_mut().for_each(Tracee::kill_strace);
                self.ending = Ending::Asked { signal, since, sent: false };
            }
            _ => {}
        }
    }

    fn leave(&mut self, signal: Signal) {
        for index in 0..self.programs.len() {
            self.note_wait(index, "goes on");
            self.programs[index].leave();
        }
        if let Some(running) = &mut self.running {
            running.is_left = true;
        }
        self.ending = Ending::Asked { signal, since: Instant::now(), sent: true };
    }

    /// strace has the program that ran already: what it has now is known.
    fn begin(&mut self) -> Result<(), String> {
        let Some(running) = &mut self.running else { return Ok(()) };
        running.has_begun = true;
        let pid = running.pid;
        let sockets = running::sockets(pid);
        running.has(sockets.iter().map(|(_, inode, _)| *inode));
        self.lines[0].know(&sockets);
        self.families.extend(&self.lines[0].families);
        self.look()?;
        // That is what they are, and not what has changed.
        for change in self.readings.iter_mut().flatten() {
            change.old.clone_from(&change.new);
        }
        let process = u32::try_from(pid).unwrap_or_default();
        self.processes.insert((0, process));
        let (name, action) = (running::name_of(pid), Action::Call(before(&sockets)));
        self.note(None, Event::new((0, process), Some(name), action, Times::default()));
        Ok(())
    }

    /// Notes what still runs, and asks it to end.
    fn begin_to_end(&mut self, signal: Signal, send: bool) {
        if self.running.is_some() {
            return self.leave(signal);
        }
        // Where that cannot be read, it is not shown.
        let _ = self.note_waiting();
        let how = if send { format!("was ended by {signal}") } else { format!("got {signal}") };
        for index in 0..self.programs.len() {
            if !self.programs[index].has_ended {
                self.note_wait(index, &how);
                if send {
                    self.programs[index].signal(signal);
                }
            }
        }
        self.ending = Ending::Asked { signal, since: Instant::now(), sent: send };
    }

    /// Writes down what a program is at that does not end by itself, and what becomes of it.
    fn note_wait(&mut self, index: usize, how: &str) {
        let program = &mut self.programs[index];
        let sleeps = program.sleeps();
        let (mut at, sockets) = self.lines[index].at(&program.beginning, sleeps);
        let is_in_call = sleeps && !program.beginning.is_empty();
        if self.in_vain[index] >= IN_VAIN && !is_in_call {
            "still asked again and again".clone_into(&mut at);
        }
        let text = format!("({} {at}, and {how})", self.names[index]);
        let call = Call { name: WAITS.to_owned(), text, sockets, wakes: false };
        self.is_unsure = false;
        let event = Event::new((index, 0), None, Action::Call(call), Times::default());
        self.note(None, event);
    }

    /// Ends what did not want to. strace says so.
    fn kill(&mut self) {
        self.programs.iter_mut().for_each(|program| program.signal(Signal::SIGKILL));
        self.ending = Ending::Killed { since: Instant::now() };
    }

    /// Ends strace, too.
    fn give_up(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            keeper.kill();
        }
        self.programs.iter_mut().for_each(Tracee::ends);
    }

    /// Writes down what a program has just done, and lets it go on.
    fn step(&mut self, index: usize) -> Result<(), String> {
        let program = &self.programs[index];
        let mut begins = false;
        let before = (self.packets.len(), self.readings.len());
        if !changes_nothing(&program.beginning) {
            let line = program.beginning.clone() + &program.end_of_line;
            if let Some(running) = &mut self.running {
                let new = running.hears(&line);
                begins = !running.has_begun && has_attached(&line);
                self.lines[index].know(&new);
                self.families.extend(&self.lines[index].families);
            }
            if begins {
                self.begin()?;
            }
            let line = self.lines[index].whole(&line);
            self.await_packets(&line)?;
            if line.contains("+++ ") { self.look() } else { self.look_at(&line) }?;
            self.find_open(before.1, &line);
        }
        let program = &mut self.programs[index];
        let text = program.line()?;
        if let Some(running) = self.running.as_mut().filter(|_| begins) {
            // Its call is begun again, so that its end is seen.
            Tracee::wait(std::slice::from_mut(program), 4 * LONG);
            running.say_how();
        }
        let reader = &mut self.lines[index];
        reader.events = self.told + self.events.len();
        reader.free_since = program.free_since;
        reader.stack = program.stack.take();
        if finds_nothing(&text) {
            self.in_vain[index] += 1;
        } else {
            self.in_vain = vec![0; 2];
            self.quiet = Instant::now();
            self.shown.0 = false;
        }
        let lines = reader.read(&text, &mut |length| program.printed(length))?;
        self.families.extend(&reader.families);
        let sends = |line: &&Line| matches!(&line.action, Action::Call(call) if call.wakes);
        self.is_unsure = self.others_send() || lines.iter().filter(sends).count() > 1;
        let has_effects = before != (self.packets.len(), self.readings.len());
        for Line { thread, action, waited_since, times, stack } in lines {
            if matches!(&action, Action::Call(call) if call.is_of_no_socket()) && !has_effects {
                self.forget_name(index, thread, &action);
                continue;
            }
            let mut action = self.end_of_running(thread, action);
            let (process, name) = self.process(index, thread, &action);
            if let Action::Call(call) = &action {
                self.programs[index].uses(thread, &call.sockets);
            }
            if let Action::End(end) = &mut action {
                end.of_program = !self.programs[index].is_there();
                end.of_process = end.of_program || thread.is_none_or(|thread| thread == process);
                if let Some(thread) = thread {
                    self.programs[index].forget(thread);
                }
            }
            self.forget_name(index, thread, &action);
            let mut event = Event::new((index, process), name, action, times);
            event.source = self.source(index, stack.as_ref());
            match waited_since {
                Some(since) => self.note_woken(thread, event, since),
                None => self.note(thread, event),
            }
        }
        self.tell();
        Ok(())
    }

    /// The line of code that did it, if that was asked for, and is known.
    fn source(&mut self, program: usize, stack: Option<&Stack>) -> Option<Source> {
        let stack = stack?;
        let source = self.sources.find(stack);
        let code = self.code.get_mut(program)?;
        if source.is_some() {
            *code = Code::Found;
        } else if *code < Code::NotFound {
            *code = match self.sources.have(stack) {
                (_, true) => Code::NotFound,
                (true, false) => Code::Elsewhere,
                _ => Code::NotThere.max(*code),
            };
        }
        source
    }

    /// A process that runs another program is called otherwise from its next call on.
    fn forget_name(&mut self, index: usize, thread: Option<u32>, action: &Action) {
        let Action::Call(call) = action else { return };
        if call.name.starts_with("execve") && call.text.ends_with(" = 0") {
            let member = self.programs[index].member(thread);
            let process = member.map_or(thread.unwrap_or_default(), |member| member.process);
            self.processes.remove(&(index, process));
        }
    }

    /// Of a program that ran already, the end of a thread is none of a process.
    fn end_of_running(&mut self, thread: Option<u32>, action: Action) -> Action {
        let (Action::End(end), Some(running)) = (&action, &mut self.running) else {
            return action;
        };
        running.ends(thread, &end.how);
        let member = self.programs[0].member(thread);
        match (member, thread) {
            (Some(member), Some(thread)) if member.process != thread => Action::Nothing,
            _ => action,
        }
    }

    /// The number of a thread's process; and its name, if it is new.
    fn process(
        &mut self,
        program: usize,
        thread: Option<u32>,
        action: &Action,
    ) -> (u32, Option<String>) {
        let member = match action {
            Action::Nothing => None,
            _ => self.programs[program].member(thread),
        };
        let Some(member) = member else { return (thread.unwrap_or_default(), None) };
        let process = member.process;
        let is_new = matches!(action, Action::Call(_)) && self.processes.insert((program, process));
        (process, is_new.then(|| member.name()))
    }

    /// Takes the new packets, and asks what a call and they have changed. A timer may have changed
    /// something else: all is looked at often enough.
    fn look_at(&mut self, line: &str) -> Result<(), String> {
        let often = if self.known.are_many() { 40 * LONG } else { LONG };
        // Without packets it is not seen what is new.
        let is_blind = self.running.as_ref().is_some_and(|running| !running.has_packets());
        if !self.machines.can_be_asked() || is_blind || self.looked_at_all.elapsed() > often {
            return self.look();
        }
        let (numbers, address) = sockets_in(line);
        let accepts = thread_of(line).1.contains("accept").then_some(address);
        // What goes to and fro in a connection leaves the listeners as they are.
        let call = thread_of(line).1;
        let transfers = ["send", "recv", "read", "write"].iter().any(|name| call.starts_with(name));
        let is_new = |packet: &Packet| match &packet.kind {
            Kind::Segment { flags, .. } => flags.contains(&"SYN"),
            _ => false,
        };
        // Those that were passed on since the last event were not asked for.
        let before = if self.machines.have_timers { 0 } else { self.packets.len() };
        loop {
            self.drain()?;
            let is_to_it = |packet: &Packet| {
                address.is_some_and(|address| canonical(packet.to) == canonical(address))
            };
            if call.starts_with("connect(") && !self.packets.iter().any(is_to_it) {
                // It may have begun all the same, and nobody can say yet with which port.
                return self.look();
            }
            let mut ends = self.known.ends_of(&numbers, accepts);
            let mut involve = |packet: &Packet| {
                ends.extend([(packet.from, packet.to), (packet.to, packet.from)]);
            };
            match &self.running {
                Some(running) => {
                    running.candidates(&self.packets[before..], address).for_each(&mut involve);
                }
                None => self.packets[before..].iter().for_each(&mut involve),
            }
            ends.sort();
            ends.dedup();
            let listeners = !transfers || self.packets[before..].iter().any(is_new);
            let others = Others { listeners, datagrams: true };
            let rows = self.machines.ask(&self.families, &ends, others)?;
            if self.take_more()? {
                continue;
            }
            let rows = self.own_rows(rows, false);
            let mut changes = self.known.update_some(&ends, others, rows);
            self.take_in_own(&mut changes, before);
            if !changes.is_empty() {
                self.readings.push(changes);
            }
            return Ok(());
        }
    }

    /// Whether there are more packets: a timer may have sent one while the tables were read.
    fn take_more(&mut self) -> Result<bool, String> {
        let late = match &mut self.running {
            Some(running) => {
                running.drain().map_err(|error| format!("the packet socket: {error}"))?
            }
            None => self.machines.drain(false)?.packets,
        };
        let any = !late.is_empty();
        self.packets.extend(late);
        if any && self.machines.are_two() {
            self.let_them_rest()?;
        }
        Ok(any)
    }

    /// Whom a packet from the other machine has woken gets what came, before the tables are read.
    fn let_them_rest(&mut self) -> Result<(), String> {
        let start = Instant::now();
        loop {
            let phases: Result<Vec<_>, _> = self.programs.iter_mut().map(Tracee::phase).collect();
            if !phases?.contains(&Phase::Run) || start.elapsed() > LONG {
                return Ok(());
            }
            thread::sleep(Duration::from_micros(100));
        }
    }

    /// Between two machines, what a call has sent may come a moment after the call has returned.
    fn await_packets(&mut self, line: &str) -> Result<(), String> {
        let call = thread_of(line).1;
        let sends = strace::wakes(call) && call.contains('(') && !call.contains(" = -1 ");
        if !self.machines.are_two() || !sends {
            return Ok(());
        }
        let start = Instant::now();
        while self.packets.is_empty() && start.elapsed() < SHORTLY {
            if !self.take_more()? {
                thread::sleep(Duration::from_micros(200));
            }
        }
        Ok(())
    }

    /// Takes the new packets.
    fn drain(&mut self) -> Result<(), String> {
        if self.running.as_ref().is_some_and(|running| !running.has_packets()) {
            return Ok(());
        }
        // Not for long: they may be somebody else's.
        let start = Instant::now();
        while self.backlog.waits() && start.elapsed() < LONG {
            thread::sleep(Duration::from_micros(100));
        }
        self.take_more().map(drop)
    }

    /// Takes the new packets, and reads what the tables say after them.
    fn look(&mut self) -> Result<(), String> {
        let before = self.packets.len();
        loop {
            self.drain()?;
            let rows = self.read_tables()?;
            if self.take_more()? {
                continue;
            }
            let rows = self.own_rows(rows, true);
            let mut changes = self.known.update(rows);
            self.take_in_own(&mut changes, before);
            self.looked_at_all = Instant::now();
            if !changes.is_empty() {
                self.readings.push(changes);
            }
            return Ok(());
        }
    }

    /// Which sockets a program still holds, of those that the tables have dropped since a reading.
    fn find_open(&mut self, since: usize, line: &str) {
        // Who closes one does not hold it.
        let closed =
            if thread_of(line).1.starts_with("close(") { sockets_in(line).0 } else { vec![] };
        let is_gone = |change: &&Change| change.new.is_none();
        let gone = self.readings[since..].iter().flatten().filter(is_gone);
        let gone = gone.filter_map(|change| change.old.as_ref()).filter(|row| row.is_tcp);
        let gone = gone.map(|row| row.inode).filter(|inode| *inode != 0);
        let gone: Vec<u64> = gone.filter(|inode| !closed.contains(inode)).collect();
        if !gone.is_empty() {
            self.open.extend(self.programs.iter_mut().flat_map(|program| program.holds(&gone)));
        }
    }

    fn read_tables(&self) -> Result<Vec<Row>, String> {
        match &self.running {
            Some(running) if !running.has_tables => Ok(vec![]),
            _ => self.machines.read(&self.families),
        }
    }

    /// Of a program that ran already, only what is its own.
    fn own_rows(&mut self, rows: Vec<Row>, all: bool) -> Vec<Row> {
        match &mut self.running {
            Some(running) => {
                let program = self.programs.first_mut();
                running.rows(rows, all, || program.map_or(vec![], Tracee::attached_ones))
            }
            None => rows,
        }
    }

    fn take_in_own(&mut self, changes: &mut Vec<Change>, from: usize) {
        let Some(running) = &mut self.running else { return };
        running.take_in(changes, &mut self.packets, from);
        let program = self.programs.first_mut();
        running.forget(|| program.map_or(vec![], Tracee::attached_ones));
    }

    /// A call that another thread has woken stands after the call that woke it, whenever strace
    /// gets to see it; but after what its thread did before, and what it changed after what was
    /// changed before.
    fn note_woken(&mut self, thread: Option<u32>, mut event: Event, since: usize) {
        let since = since.saturating_sub(self.told);
        let later = self.events.get(since..).unwrap_or_default();
        let place = later.iter().rposition(Event::wakes).map(|at| since + at + 1);
        let takes = self.takes_effects(&event.action);
        let has_effects = takes && !(self.packets.is_empty() && self.readings.is_empty());
        let stays_above = |(other, of): (&Event, &Option<u32>)| {
            (other.program == event.program && (*of == thread || thread.is_none()))
                || (has_effects && other.has_effects())
        };
        let last = self.events.iter().zip(&self.threads).rposition(stays_above);
        let place = place.unwrap_or(self.events.len()).max(last.map_or(0, |last| last + 1));
        for later in &mut self.events[place..] {
            if (later.program, later.process) == (event.program, event.process) {
                event.name = event.name.or(later.name.take());
            }
        }
        if place < self.events.len() {
            for lines in &mut self.lines {
                lines.begun_at += usize::from(lines.begun_at >= self.told + place);
            }
        }
        if takes {
            self.take_effects(&mut event);
        }
        self.add(place, thread, event);
    }

    fn note(&mut self, thread: Option<u32>, mut event: Event) {
        if self.takes_effects(&event.action) {
            self.take_effects(&mut event);
        }
        self.add(self.events.len(), thread, event);
    }

    /// Whether what was seen since the last event may be of this one. What was sent is of the one
    /// who still sends, and a change of a socket of who is in a call on it.
    fn takes_effects(&self, action: &Action) -> bool {
        let own = match action {
            Action::Text(_) => &[][..],
            Action::Call(call) if call.never_sends() => &call.sockets,
            // A thread leaves all to the others. Who ends closes something.
            Action::End(end) => {
                let has = |row: &Option<Row>| row.as_ref().is_some_and(|row| row.inode != 0);
                let closes = |change: &Change| has(&change.old) && !has(&change.new);
                let closes = self.readings.iter().flatten().any(closes);
                return end.of_process && (closes || !self.others_send());
            }
            Action::Call(_) | Action::Nothing => return true,
        };
        if !self.packets.is_empty() && self.others_send() {
            return false;
        }
        let rows = self.readings.iter().flatten().flat_map(|change| [&change.old, &change.new]);
        let mut changed: Vec<u64> = rows.flatten().map(|row| row.inode).collect();
        changed.retain(|inode| *inode != 0);
        let is_open = |inode: &u64| self.lines.iter().any(|lines| lines.is_at(*inode));
        own.iter().any(|(_, inode)| changed.contains(inode)) || !changed.iter().any(is_open)
    }

    fn others_send(&self) -> bool {
        self.lines.iter().any(Lines::others_send)
    }

    /// What was seen since the last event.
    fn take_effects(&mut self, event: &mut Event) {
        self.looked = false;
        event.readings = std::mem::take(&mut self.readings);
        event.packets = std::mem::take(&mut self.packets);
        event.is_unsure = self.is_unsure && !event.packets.is_empty();
        event.open = std::mem::take(&mut self.open);
    }

    fn add(&mut self, place: usize, thread: Option<u32>, mut event: Event) {
        if event.name.is_some() {
            event.is_child = !self.programs[event.program].is_first(event.process);
        }
        if let Action::Call(call) = &event.action {
            if call.text.ends_with(" (injected)") {
                let faults = self.order.faults.iter().enumerate();
                let of_it = faults.filter(|(_, fault)| fault.is_of(&call.name));
                self.struck.extend(of_it.map(|(number, _)| number));
            }
        }
        self.events.insert(place, event);
        self.threads.insert(place, thread);
        self.noted = Instant::now();
        self.shown.1 = false;
    }

    /// Tells the sink of all events that stay where they are.
    fn tell(&mut self) {
        // What waits, another thread may wake: then it stands after the call that does.
        let mut settled = self.events.len();
        if self.lines.iter().any(Lines::waits) {
            let last = self.events.iter().rposition(Event::wakes);
            let most = self.events.len().saturating_sub(MOST);
            settled = last.map_or(0, |last| last + 1).max(most);
        }
        // A line that has no end yet may get none: then it stands where it began.
        for index in 0..self.lines.len() {
            if let Some(begun) = self.lines[index].begun() {
                let begun = begun.saturating_sub(self.told);
                if self.events.len() - begun.min(self.events.len()) > MOST {
                    self.end_line(index);
                    settled = settled.max(self.events.len().saturating_sub(MOST));
                } else {
                    settled = settled.min(begun);
                }
            }
        }
        self.tell_of(settled);
    }

    /// Tells the sink of the next events.
    fn tell_of(&mut self, many: usize) {
        let many = many.min(self.events.len());
        let mut ends = false;
        let start = Instant::now();
        self.threads.drain(..many);
        for event in self.events.drain(..many) {
            // As who prints to a pipe that nobody reads.
            ends |= self.sink.is_over() && matches!(event.action, Action::Text(_));
            self.sink.event(&event);
        }
        self.told += many;
        if many > 0 {
            self.sink.flush();
        }
        // In that time the program waited for us: that is not quiet.
        self.quiet += start.elapsed();
        if ends && self.ending == Ending::NotYet {
            self.begin_to_end(Signal::SIGTERM, true);
        }
    }

    /// Shows what there is when nothing has happened for a moment, but for what asks again and
    /// again; and all when it does not ask.
    fn pause_if_quiet(&mut self, waited: Duration) {
        let calm = waited > MOMENT && !self.shown.0;
        let still = self.noted.elapsed() > MOMENT && !self.shown.1;
        if (calm || still) && self.sink.is_watched() {
            for index in 0..self.lines.len() {
                self.end_line(index);
            }
            self.tell_of(self.events.len());
            let start = Instant::now();
            self.sink.pause();
            self.quiet += start.elapsed();
            self.shown = (self.shown.0 || calm, true);
        }
    }

    /// Writes down what a program has printed of a line, where it began.
    fn end_line(&mut self, program: usize) {
        let at = self.lines[program].begun_at.saturating_sub(self.told);
        let Some(text) = self.lines[program].unfinished() else { return };
        let at = at.min(self.events.len());
        for lines in &mut self.lines {
            lines.begun_at += usize::from(lines.begun_at > self.told + at);
        }
        let stack = self.lines[program].printed_by.take();
        let mut event = Event::new((program, 0), None, Action::Text(text), Times::default());
        event.source = self.source(program, stack.as_ref());
        self.add(at, None, event);
    }

    /// What the kernel still does when the programs have ended.
    fn finish(&mut self) -> Result<(), String> {
        let start = Instant::now();
        while self.machines.are_busy() && start.elapsed() < PATIENCE {
            self.packets.extend(self.machines.drain(true)?.packets);
            thread::sleep(Duration::from_millis(1));
        }
        self.look()?;
        for index in 0..self.lines.len() {
            for Line { thread, action, times, stack, .. } in self.lines[index].rest() {
                let (process, name) = self.process(index, thread, &action);
                let mut event = Event::new((index, process), name, action, times);
                event.source = self.source(index, stack.as_ref());
                self.note(thread, event);
            }
        }
        let mut unfinished: Vec<usize> = (0..self.lines.len()).collect();
        unfinished.sort_by_key(|index| self.lines[*index].begun_at);
        for program in unfinished.into_iter().rev() {
            self.end_line(program);
        }
        for (number, fault) in self.order.faults.iter().enumerate() {
            if !self.struck.contains(&number) {
                self.endings.push(format!("({} never struck)", fault.as_option()));
            }
        }
        let text = match self.machines.in_parts() {
            0 => None,
            1 => Some("(1 datagram came in parts, and is shown as one packet)".to_owned()),
            many => Some(format!("({many} datagrams came in parts: each is shown as one packet)")),
        };
        self.endings.extend(text);
        for name in &self.names[self.programs.len().min(self.names.len())..] {
            let first = self.names[0];
            self.endings.push(format!("({name} was not started: {first} had not waited yet)"));
        }
        for (program, code) in self.order.programs.iter().zip(&self.code) {
            let name = program.short_name();
            let why = match code {
                Code::NotAsked if self.order.page.is_none() || self.order.stacks => continue,
                Code::Found => continue,
                Code::NotThere | Code::NotAsked => format!("{name} has no debug information"),
                Code::Elsewhere => format!("{name} has its code elsewhere"),
                Code::NotFound => {
                    format!("it is not seen who makes the calls of {name}: see --help")
                }
            };
            self.endings.push(format!("(no lines of code: {why})"));
        }
        let not_shown = self.running.as_ref().map_or(&[][..], |running| &running.not_shown);
        self.endings.extend(not_shown.iter().map(|what| format!("(not shown: {what})")));
        let left_out: BTreeSet<&str> =
            self.lines.iter().flat_map(|lines| lines.left_out.iter().copied()).collect();
        if !left_out.is_empty() {
            let all: Vec<&str> = left_out.into_iter().collect();
            self.endings.push(format!("(not shown: {})", all.join("; ")));
        }
        self.note(None, Event::new((0, 0), None, Action::Nothing, Times::default()));
        self.tell_of(self.events.len());
        Ok(())
    }
}
