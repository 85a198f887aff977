//! The program that is graded: started, listened to, and ended for sure.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read, Write as _};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(windows)]
use process_wrap::std::JobObject;
#[cfg(unix)]
use process_wrap::std::ProcessGroup;
use process_wrap::std::{StdChildWrapper, StdCommandWrap};

use crate::clock::{Clock, Moment, PATIENCE};
use crate::groups;
#[cfg(unix)]
use crate::keeper;
use crate::machine;
use crate::marks::{self, mark};
use crate::processor::{Doing, Look, is_busy};
use crate::sockets::{self, Held};
use crate::words::{Words, text};
use crate::wrong::{Explain as _, How, Outcome, Scene, Wrong, quoted, seconds, show};

/// One run needs so many open files, at the grader's end and its own, processes and threads: those
/// of Java, say.
const FILES: u64 = 32;
const PROCESSES: u64 = 40;
/// A program may sleep for so long before it says that it is ready; and that may take so long in
/// all, if it works for the rest of it.
const ASLEEP_UNTIL_READY: Duration = Duration::from_secs(4);
const AT_MOST_UNTIL_READY: Duration = Duration::from_secs(10);
/// So often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(50);
/// No exercise prints as much. A program that does would go on forever.
const FLOOD: usize = 1 << 20;
/// No line is longer than that.
const LONGEST: u64 = 1 << 16;
/// What a program has said at its end is there by then, on a busy machine, too.
/// Something that it has left behind may keep its output open.
const LAST: Duration = Duration::from_secs(1);
/// So many lines of its standard error are kept, the last ones.
const KEPT: usize = 20;

const SAY_READY: &str = "Print \"ready\" on a line of its own as soon as the socket is set up: a \
     TCP server after listen, a UDP program after bind, a TCP client after connect. {Python: Flush \
     it: print(\"ready\", flush=True). }{C: Flush it: fflush(stdout). }{Perl: Flush it: $| = 1 at \
     the start. }{Rust: }{else: If your language keeps its output for later, flush it. }If your \
     program does not get that far, a call ahead of that line waits.";

const WORKS_TOO_LONG: &str = "The program was at work all the while: it computed, read from the \
     disk, or started other programs. Print \"ready\" on a line of its own as soon as the socket \
     is set up, and do the rest after that. If it must be compiled, do that beforehand, and \
     give the grader the compiled program.";

const ENDED_TOO_EARLY: &str = "The program ended before it was ready. What it said last is below: \
     most often the address is not the one that was given as the last argument, or a call failed.";

const ON_STANDARD_ERROR: &str = "The line stands on standard error. Print it on standard output\
     {Python:  (sys.exit(\"...\") prints on standard error, and ends with exit status 1)}\
     {Rust:  (eprintln! and an error from main print on standard error)}.";

const READY_TOO_MUCH: &str = "\"ready\" says that others can reach the program, or that it has \
     what it was to get. This time it has not: end without that line.";

/// Whether one of these programs has something to do just now.
pub fn one_is_busy(programs: &[Rc<Program>]) -> bool {
    programs.iter().any(|program| is_busy(program.id()))
}

/// What there is to know about these programs, in lines. One that is just ending has a moment for
/// it.
pub fn last_words(programs: &[Rc<Program>]) -> Vec<Words> {
    let end = Instant::now() + Duration::from_millis(200);
    while programs.iter().all(|program| program.ended().is_none()) && Instant::now() < end {
        thread::sleep(Duration::from_millis(5));
    }
    let words: Vec<_> = programs
        .iter()
        .map(|program| program.last_words())
        .filter(|words| !words.is_empty())
        .collect();
    if words.len() < 2 {
        return words.concat();
    }
    let run = |(number, words): (usize, Vec<Words>)| {
        let words = words.into_iter().map(|line| text!("  {line}", line));
        std::iter::once(text!("Run {number}:", number)).chain(words)
    };
    (1..).zip(words).flat_map(run).collect()
}

/// One run of a program. It and all that it has started is ended on drop.
pub struct Program {
    child: RefCell<Box<dyn StdChildWrapper>>,
    stdin: RefCell<Option<ChildStdin>>,
    /// Each line of its standard output, and when it came.
    lines: Receiver<(Instant, String)>,
    /// It printed more than is worth keeping.
    flooded: Arc<AtomicBool>,
    /// The end of its standard error, and the last lines on it.
    errors: Receiver<()>,
    complaints: Arc<Mutex<VecDeque<String>>>,
    started: Instant,
    /// So much of its start the clock knows.
    counted: Cell<Duration>,
    /// It has connected, ready or not.
    has_started: Cell<bool>,
    /// All its lines, in order.
    said: RefCell<Vec<String>>,
    /// What it printed (without `ready`), and how much has been asked for.
    printed: RefCell<Vec<String>>,
    /// When each of them came.
    times: RefCell<Vec<Instant>>,
    asked: Cell<usize>,
    /// Whether `ready` was among the lines.
    is_ready: Cell<bool>,
    /// It was ended by the grader; and what it had said last, if that counts.
    killed: Cell<bool>,
    last_words: RefCell<Vec<Words>>,
    /// What was seen of it then: its sockets, and a line of which the end had not come.
    pub seen: RefCell<Option<Vec<Held>>>,
    /// Its argument is the address at which it is to be.
    pub is_server: Cell<bool>,
    pub unfinished: RefCell<Option<String>>,
    /// The address, or whatever it was given.
    pub argument: String,
    clock: Rc<Clock>,
}

impl Program {
    /// Starts it with one more argument: what the exercise gives.
    pub fn start(command: &[String], argument: &str, clock: &Rc<Clock>) -> Outcome<Rc<Self>> {
        if !marks::are_wanted() {
            machine::allow_loopback()?;
        }
        machine::allow_files(FILES)?;
        machine::allow_processes(PROCESSES)?;
        let (program, arguments) = command.split_first().expect("a command is not empty");
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg(argument)
            // Python would keep its lines for itself until it ends.
            .env("PYTHONUNBUFFERED", "1")
            // What was done is noted by the grader alone.
            .env_remove("GRADE_PROGRESS")
            .env("PYTHONIOENCODING", "utf-8")
            // The words of a panic are worth more than where it came from.
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        command.env(keeper::mark().0, keeper::mark().1);
        let mut command = StdCommandWrap::from(command);
        #[cfg(unix)]
        command.wrap(ProcessGroup::leader());
        #[cfg(windows)]
        command.wrap(JobObject);
        mark!("starts the program, with the argument {}", quote(argument));
        let started = Instant::now();
        let mut child = command.spawn().map_err(|error| {
            if machine::is_full(&error) {
                return error.into();
            }
            let got = text!("cannot start {program}: {error}", program = program.clone(), error);
            Wrong::new(How::Exit, "a program that can be started", got)
                .advice("Is the command right, and is it installed?")
        })?;
        groups::add(child.id());
        let (line, lines) = channel();
        let flooded = Arc::new(AtomicBool::new(false));
        let (floods, mut printed) = (Arc::clone(&flooded), 0);
        let output = read_lines(child.stdout().take(), move |text| {
            printed += text.len() + 1;
            if printed > FLOOD {
                floods.store(true, Ordering::Relaxed);
            } else {
                let _ = line.send((Instant::now(), text));
            }
        });
        let complaints = Arc::new(Mutex::new(VecDeque::new()));
        let last = Arc::clone(&complaints);
        let errors = read_lines(child.stderr().take(), move |text| {
            if let Ok(mut last) = last.lock() {
                last.push_back(text);
                if last.len() > KEPT {
                    last.pop_front();
                }
            }
        });
        let errors = output.and(errors).inspect_err(|_| {
            let _ = child.start_kill();
        })?;
        let stdin = RefCell::new(child.stdin().take());
        Ok(Rc::new(Self {
            child: RefCell::new(child),
            stdin,
            lines,
            flooded,
            errors,
            complaints,
            started,
            counted: Cell::default(),
            has_started: Cell::default(),
            said: RefCell::default(),
            printed: RefCell::default(),
            times: RefCell::default(),
            asked: Cell::new(0),
            is_ready: Cell::new(false),
            killed: Cell::new(false),
            last_words: RefCell::default(),
            seen: RefCell::default(),
            is_server: Cell::new(false),
            unfinished: RefCell::default(),
            argument: argument.to_owned(),
            clock: Rc::clone(clock),
        }))
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.borrow().id()
    }

    /// Whether the grader has ended it.
    pub fn is_killed(&self) -> bool {
        self.killed.get()
    }

    /// How many lines it has printed, `ready` among them.
    pub fn lines(&self) -> usize {
        self.collect(Duration::ZERO);
        self.said.borrow().len()
    }

    /// Whether its line `ready` is among those that were looked at, up to the one that was asked
    /// for last.
    pub fn is_ready(&self) -> bool {
        self.is_ready.get()
    }

    /// Waits for its line `ready`.
    pub fn wait_until_ready(&self) -> Outcome {
        let expected = "the line \"ready\" on standard output";
        mark!("expects {expected}");
        let start = Instant::now();
        let wait = self.clock.wait(AT_MOST_UNTIL_READY);
        let asleep = ASLEEP_UNTIL_READY * marks::factor();
        let (mut look, mut last) = (Look::at(self.id()), Moment::now());
        let [mut slept, mut worked] = [Duration::ZERO; 2];
        let stop = loop {
            if self.is_ready.get() {
                return Ok(());
            }
            let Some(left) = wait.left().filter(|_| slept < asleep) else {
                break RecvTimeoutError::Timeout;
            };
            match self.receive_line(left.min(LOOK)) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => {
                    // Now, so that it is not cut off by the end of all the time.
                    self.count_start(self.started.elapsed());
                    let time = std::mem::replace(&mut last, Moment::now()).elapsed();
                    match look.again() {
                        Doing::Works if !self.flooded.load(Ordering::Relaxed) => worked += time,
                        Doing::Works | Doing::Sleeps => {
                            slept += time.min(10 * LOOK);
                            self.clock.add_asleep(time.min(10 * LOOK));
                        }
                        Doing::Waits => {}
                    }
                }
                Err(stop) => break stop,
            }
        };
        // The end of all the time, and no limit of its own.
        let was_cut = stop == RecvTimeoutError::Timeout
            && self.clock.is_up()
            && slept < asleep
            && wait.elapsed() < AT_MOST_UNTIL_READY;
        self.count_start(self.started.elapsed());
        if was_cut {
            return Err(self.clock.time_was_up());
        }
        let (how, then, advice) = match stop {
            RecvTimeoutError::Timeout => {
                let has_worked = worked > slept && Look::IS_POSSIBLE;
                let advice = if has_worked { WORKS_TOO_LONG } else { SAY_READY };
                (How::Printed, text!("for {time}", time = seconds(start.elapsed())), advice)
            }
            RecvTimeoutError::Disconnected => (How::Exit, self.what_ended(), ENDED_TOO_EARLY),
        };
        let got = text!("{printed}, {then}", printed = self.printed_so_far(), then);
        let scene = (how == How::Printed).then_some(Scene::Line);
        Err(Wrong::new(how, expected, got).advice(advice).at(scene))
    }

    /// The next line that it prints and that has not been asked for (without `ready`).
    pub fn next_line(&self, expected: &str) -> Outcome<String> {
        mark!("expects {}", the_line(expected));
        let start = Instant::now();
        let wait = self.clock.wait(self.patience());
        loop {
            let next = self.printed.borrow().get(self.asked.get()).cloned();
            if let Some(line) = next {
                self.asked.set(self.asked.get() + 1);
                return Ok(line);
            }
            let left =
                wait.left().map(|left| if self.is_starting() { left.min(LOOK) } else { left });
            let (how, then) = match self.receive_line(left.unwrap_or_default()) {
                Ok(()) => continue,
                Err(RecvTimeoutError::Timeout) if wait.left().is_some() => {
                    self.still_starts();
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {
                    (How::Silent, text!("for {time}", time = seconds(start.elapsed())))
                }
                Err(RecvTimeoutError::Disconnected) => (How::Exit, self.what_ended()),
            };
            let scene = (how == How::Silent).then_some(Scene::Line);
            let wrong = Wrong::new(how, the_line(expected), text!("no more lines, {then}", then));
            return Err(wrong.at(scene));
        }
    }

    /// The next line must be this one.
    pub fn expect_line(&self, expected: &str) -> Outcome {
        let is_complaint = |_: &_| self.complaints().iter().any(|line| line.trim() == expected);
        let line = self.next_line(expected).advice_if(is_complaint, ON_STANDARD_ERROR)?;
        match line == expected {
            true => Ok(()),
            false => Err(Wrong::new(How::Printed, the_line(expected), the_line(&line))),
        }
    }

    /// It must not have said that it is ready, up to its end.
    pub fn expect_not_ready(&self) -> Outcome {
        // Its last lines may be still on their way.
        self.collect(LAST);
        let line = self.is_ready.get().then(|| "ready".to_owned());
        expect_no_line(line.as_ref(), "no line \"ready\" this time").advice(READY_TOO_MUCH)
    }

    /// All that it has printed, asked for or not.
    pub fn printed_up_to_now(&self) -> Vec<String> {
        self.collect(Duration::ZERO);
        self.printed.borrow().clone()
    }

    /// When each of these lines came.
    pub fn times(&self) -> Vec<Instant> {
        self.collect(Duration::ZERO);
        self.times.borrow().clone()
    }

    /// The last lines on its standard error. (Of one that has ended: all have
    /// come when somebody has asked how it ended.)
    pub fn complaints(&self) -> Vec<String> {
        if self.ended().is_some() {
            let _ = self.errors.recv_timeout(LAST);
        }
        let last = self.complaints.lock();
        last.map(|last| last.iter().cloned().collect()).unwrap_or_default()
    }

    /// The lines that it has printed and that nobody has asked for.
    pub fn other_lines(&self) -> Vec<String> {
        self.collect(Duration::ZERO);
        let printed = self.printed.borrow();
        let from = self.asked.replace(printed.len());
        printed[from..].to_vec()
    }

    /// The same for a program that has ended: the last of them are awaited.
    pub fn last_lines(&self) -> Vec<String> {
        let wait = self.clock.wait(PATIENCE);
        while let Some(left) = wait.left() {
            if self.receive_line(left) == Err(RecvTimeoutError::Disconnected) {
                break;
            }
        }
        self.other_lines()
    }

    /// Waits for a line. `ready` goes to nobody else.
    fn receive_line(&self, left: Duration) -> Result<(), RecvTimeoutError> {
        let (came, line) = self.lines.recv_timeout(left)?;
        mark!("reads {} from the program", the_line(&line));
        self.said.borrow_mut().push(line.clone());
        match line.trim() {
            "ready" if !self.is_ready.replace(true) => {
                self.count_start(came - self.started);
            }
            "ready" => {}
            _ => {
                self.times.borrow_mut().push(came);
                self.printed.borrow_mut().push(line);
            }
        }
        Ok(())
    }

    /// It has taken so long to start, up to now.
    fn count_start(&self, time: Duration) {
        let from = self.started + self.counted.get();
        self.counted.set(self.counted.get().max(time));
        self.clock.add_start(from, self.started + self.counted.get());
        self.clock.note_start(self.counted.get());
    }

    /// Whether it may be starting yet: it is not ready, has not connected, and has printed nothing.
    fn is_starting(&self) -> bool {
        !self.has_started.get() && !self.is_ready.get() && self.printed.borrow().is_empty()
    }

    fn patience(&self) -> Duration {
        if self.is_starting() { self.clock.patience_to_start() } else { PATIENCE }
    }

    /// Somebody waits for it. If it has not said that it is ready, that is a part of its start, up
    /// to its end: some runs never say it.
    pub fn still_starts(&self) {
        if self.is_starting() {
            self.count_start(self.started.elapsed());
        }
    }

    /// It has connected: whatever comes now is no start.
    pub fn has_connected(&self) {
        self.still_starts();
        self.has_started.set(true);
    }

    /// All that comes until there was none for so long. What prints on and on is not awaited.
    fn collect(&self, pause: Duration) {
        let start = Instant::now();
        while self.receive_line(pause).is_ok() && start.elapsed() <= PATIENCE {}
    }

    /// What it means that no more lines can come.
    fn what_ended(&self) -> Words {
        match self.ends_within(LAST) {
            Some(_) => text!("and then the end of the program"),
            None => text!("and then the end of its standard output"),
        }
    }

    fn printed_so_far(&self) -> Words {
        self.collect(Duration::ZERO);
        match &self.printed.borrow()[..] {
            [] => text!("nothing"),
            [line] => the_line(line),
            [.., line] => text!("other lines, the last {text}", text = quote(line)),
        }
    }

    /// Types a line.
    pub fn type_line(&self, line: &str) -> Outcome {
        // In one write, as a terminal does it: a program that reads without
        // a buffer gets the line and its ending together.
        mark!("types {}", the_line(line));
        self.type_part(&format!("{line}\n")).after(text!("{line} (typed)", line = the_line(line)))
    }

    /// Types a part of a line, or the rest of it.
    pub fn type_part(&self, part: &str) -> Outcome {
        let mut stdin = self.stdin.borrow_mut();
        let Some(stdin) = stdin.as_mut() else { return Ok(()) };
        stdin.write_all(part.as_bytes()).map_err(|_| {
            let expected = "a program that still reads its standard input";
            let wrong = Wrong::new(How::Exit, expected, "the end of the program");
            wrong.after(text!("{bytes} (typed)", bytes = show(part.as_bytes())))
        })
    }

    /// Puts all of this on its standard input, and ends that. Not for more
    /// than the 64 KB that a pipe holds, unless the program reads.
    pub fn type_all(&self, bytes: &[u8]) {
        mark!("types {}, and ends the input", show(bytes));
        let stdin = self.stdin.borrow_mut().take();
        let bytes = bytes.to_vec();
        // It may end before it has read all of it.
        thread::spawn(move || stdin.map(|mut to| to.write_all(&bytes)));
    }

    /// Puts these bytes on its standard input.
    pub fn type_bytes(&self, bytes: &[u8]) {
        mark!("types {}", show(bytes));
        // It may have ended.
        let _ = self.stdin.borrow_mut().as_mut().map(|to| to.write_all(bytes));
    }

    /// Puts this on its standard input again and again, at most so many bytes in all: gives how
    /// many of them it has taken up to now.
    pub fn type_endlessly(&self, piece: Vec<u8>, most: usize) -> Arc<AtomicUsize> {
        let stdin = self.stdin.borrow_mut().take();
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&taken);
        thread::spawn(move || {
            let Some(mut to) = stdin else { return };
            while counter.load(Ordering::Relaxed) < most && to.write_all(&piece).is_ok() {
                counter.fetch_add(piece.len(), Ordering::Relaxed);
            }
        });
        taken
    }

    /// Ends its standard input: Ctrl-D.
    pub fn end_input(&self) {
        mark!("ends the program's input");
        self.stdin.borrow_mut().take();
    }

    /// How it ends by itself.
    pub fn expect_end(&self) -> Outcome<ExitStatus> {
        mark!("expects the end of the program");
        let start = Instant::now();
        self.ends_within(self.patience()).ok_or_else(|| {
            let got =
                text!("a program that still runs after {time}", time = seconds(start.elapsed()));
            Wrong::new(How::Exit, "the end of the program", got)
        })
    }

    /// Whether it has ended, or is just ending.
    pub fn ends_soon(&self) -> bool {
        self.ends_within(LAST / 5).is_some()
    }

    fn ends_within(&self, patience: Duration) -> Option<ExitStatus> {
        let wait = self.clock.wait(patience);
        while self.ended().is_none() && wait.left().is_some() {
            thread::sleep(Duration::from_millis(2));
            self.still_starts();
        }
        self.ended()
    }

    /// It must end by itself, and say that all is well.
    pub fn expect_success(&self) -> Outcome {
        let status = self.expect_end()?;
        if !status.success() {
            let expected = "the end of the program, with exit status 0";
            return Err(Wrong::new(How::Exit, expected, ending(status)));
        }
        Ok(())
    }

    /// It must end by itself, and say that something is wrong.
    pub fn expect_failure(&self) -> Outcome {
        let status = self.expect_end()?;
        match status.code() {
            Some(code) if code != 0 => Ok(()),
            _ => {
                let expected = "the end of the program, with an exit status other than 0";
                Err(Wrong::new(How::Exit, expected, ending(status)))
            }
        }
    }

    /// The same for one that may be just ending.
    pub fn ended_soon(&self) -> Option<ExitStatus> {
        self.ends_within(Duration::from_millis(200))
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child.borrow_mut().try_wait().ok().flatten()
    }

    /// Ctrl-Z, and `fg`: it does not know of it, but for calls that are interrupted. Linux only.
    pub fn stop_and_continue(&self) {
        self.while_stopped(|| ());
        thread::sleep(Duration::from_millis(15));
    }

    /// Does this while the program is stopped, where that works: it cannot be
    /// quicker than the grader, then. Linux only.
    pub fn while_stopped<T>(&self, work: impl FnOnce() -> T) -> T {
        #[cfg(target_os = "linux")]
        {
            use nix::sys::signal::{SIGCONT, SIGSTOP};

            let _ = self.child.borrow().signal(SIGSTOP as i32);
            // It stops when it has its turn.
            thread::sleep(Duration::from_millis(15));
            let done = work();
            let _ = self.child.borrow().signal(SIGCONT as i32);
            done
        }
        #[cfg(not(target_os = "linux"))]
        work()
    }

    /// Ends it, and all that it has started, at once.
    pub fn kill(&self) {
        // Once: later its number may be that of somebody else's group.
        if self.killed.replace(true) {
            return;
        }
        mark!("ends the program");
        let mut child = self.child.borrow_mut();
        let _ = child.start_kill();
        let _ = child.wait();
        groups::remove(child.id());
    }

    /// Ends it, and keeps what it has said last for the report.
    pub fn give_up(self: &Rc<Self>) {
        let words = last_words(std::slice::from_ref(self));
        self.seen.replace(Some(sockets::of(self.id())));
        let (number, was_ready) = (self.printed.borrow().len(), self.is_ready.get());
        self.kill();
        self.last_words.replace(words);
        // What it had written of a line comes now.
        self.collect(LAST / 10);
        let line = self.printed.borrow().get(number).cloned();
        let is_ready = self.is_ready.get() && !was_ready;
        self.unfinished.replace(line.or(is_ready.then(|| "ready".to_owned())));
    }

    /// What there is to know about it when something is wrong: lines.
    fn last_words(&self) -> Vec<Words> {
        if self.killed.get() {
            return self.last_words.borrow().clone();
        }
        let mut words = Vec::new();
        if let Some(status) = self.ended() {
            words.push(text!("It has ended: {status}.", status = ending(status)));
            // What it said last may be still on its way to the grader.
            self.collect(LAST);
        }
        self.collect(Duration::ZERO);
        if self.flooded.load(Ordering::Relaxed) {
            words.push(text!("It prints without end."));
        }
        let mut errors = self.complaints();
        errors.retain(|line| {
            !line.trim().is_empty() && !line.starts_with("note: run with `RUST_BACK")
        });
        let all = self.said.borrow();
        let all = [
            ("Its standard output ends with:", &*all, 3),
            ("Its standard error ends with:", &errors, 4),
        ];
        for (title, lines, most) in all {
            if !lines.is_empty() {
                words.push(title.into());
            }
            let last = &lines[lines.len().saturating_sub(most)..];
            words.extend(last.iter().map(|line| Words::data(format!("  {}", cut(line)))));
        }
        words
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How a program ended, in words.
pub fn ending(status: ExitStatus) -> Words {
    match status.code() {
        Some(code) => text!("exit status {code}", code),
        None => Words::data(status.to_string()),
    }
}

/// There must be no such line.
pub fn expect_no_line(line: Option<&String>, expected: &str) -> Outcome {
    line.map_or(Ok(()), |line| Err(Wrong::new(How::Printed, expected, the_line(line))))
}

/// A line of the program, for a line of the report.
pub fn the_line(line: &str) -> Words {
    text!("the line {text}", text = quote(line))
}

fn quote(line: &str) -> String {
    quoted(line.as_bytes())
}

fn cut(line: &str) -> String {
    const MOST: usize = 100;
    let mut cut: String =
        line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST).collect();
    if line.chars().count() > MOST {
        cut += "...";
    }
    cut
}

/// Reads in a thread of its own, to the end, however much it is: who prints must not wait for the
/// grader. `each` gets the lines; the channel ends with them.
fn read_lines(
    from: Option<impl Read + Send + 'static>,
    mut each: impl FnMut(String) + Send + 'static,
) -> io::Result<Receiver<()>> {
    let (until_the_end, end) = channel();
    let mut from = BufReader::new(from.ok_or(ErrorKind::BrokenPipe)?);
    thread::Builder::new().spawn(move || {
        let _until_the_end = until_the_end;
        loop {
            let mut line = Vec::new();
            // A line without an end is cut into several.
            let mut part = from.by_ref().take(LONGEST);
            if !part.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                return;
            }
            let text = String::from_utf8_lossy(&line);
            each(text.trim_end_matches(['\n', '\r']).to_owned());
        }
    })?;
    Ok(end)
}
