//! A program that strace watches, and that takes one step at a time.
//!
//! strace writes a line in two parts: the first when the program enters a call, the rest when the
//! call has returned. Until it could write, it lets the program wait. So its output goes into a
//! pipe with room for a single part: while the end of one call lies there unread, the next call has
//! begun on paper only. In that time everything can be looked at in peace.

use std::collections::HashMap;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, SpliceFFlags, fcntl, tee};
use nix::poll::{PollFd, PollFlags, poll, ppoll};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::fstat;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::sys::time::TimeSpec;
use nix::unistd::{Pid, dup, pipe2, read, ttyname};
use procfs::process::{FDTarget, ProcState, Process, Stat, Task};

use crate::helper::{self, Rights};
use crate::order::{Asked, Program};
use crate::source::{FRAME, Stack};
use crate::tap::now;
use crate::tasks::Tasks;

/// The calls to show: all on sockets, and those that a program can use for sockets and for files;
/// and those with which sockets are closed, so that this does not stand at the call before.
const CALLS: &str = "trace=%network,read,readv,write,writev,close,dup,dup2,\
dup3,fcntl,ioctl,poll,ppoll,select,pselect6,?epoll_create,epoll_create1,\
epoll_ctl,epoll_wait,epoll_pwait,?epoll_pwait2,?eventfd,eventfd2,\
?io_uring_setup,?io_uring_enter,sendfile,splice,?preadv2,?pwritev2,\
?close_range,execve,?execveat,exit_group,kill,tgkill,rt_sigreturn";

/// When each call began, and how long it took.
const TIMES: [&str; 2] = ["--absolute-timestamps=format:unix,precision:ns", "--syscall-times=ns"];

/// More of a string than this, strace leaves out.
const STRING: &str = "100";

/// The same, of a program whose lines are seen nowhere else.
const LINE: &str = "300";

/// A program that sleeps for so long, and is in no call that we know, waits.
const A_MOMENT: Duration = Duration::from_millis(20);

/// A thread that computes for longer is not waited for, and not again until it has rested.
const LONG: Duration = Duration::from_millis(500);

/// For so long it is waited for the next line of a stack without looking what strace does, and for
/// so long in all.
const INSTANT: Duration = Duration::from_micros(200);
const PATIENCE: Duration = Duration::from_secs(10);

/// Of no more sockets is it remembered where they were.
const MANY: usize = 100_000;

/// The most that a pipe takes in one piece (PIPE_BUF).
const PART: usize = 4096;

/// Where a program prints to: a terminal, so that it prints each line at once, as it does for a
/// reader. (Most programs keep what goes elsewhere until it is much.)
struct Output {
    /// As strace writes it behind a descriptor.
    name: String,
    /// What was printed comes out here.
    end: OwnedFd,
    program: OwnedFd,
}

impl Output {
    fn open() -> Result<Self, Errno> {
        let output = Self::terminal().or_else(|_| Self::pipe())?;
        for own in [&output.end, &output.program] {
            fcntl(own, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        }
        fcntl(&output.end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(output)
    }

    fn terminal() -> Result<Self, Errno> {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let both = openpty(&size, None)?;
        // The bytes as they are.
        let mut settings = tcgetattr(&both.slave)?;
        cfmakeraw(&mut settings);
        tcsetattr(&both.slave, SetArg::TCSANOW, &settings)?;
        let path = ttyname(&both.slave)?;
        let name = format!("<{}", path.display());
        Ok(Self { name, end: both.master, program: both.slave })
    }

    /// Of a program that prints elsewhere.
    fn none() -> Result<Self, Errno> {
        let (end, program) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        Ok(Self { name: String::new(), end, program })
    }

    /// Where there are no terminals.
    fn pipe() -> Result<Self, Errno> {
        let (end, program) = pipe2(OFlag::empty())?;
        let inode = fstat(&program)?.st_ino;
        Ok(Self { name: format!("<pipe:[{inode}]"), end, program })
    }
}

pub struct Tracee {
    output: Output,
    /// What came out there, and is in no line of a timeline yet.
    bytes: Vec<u8>,
    strace: Child,
    /// Which thread is of which process, by their numbers in their namespace.
    threads_of: HashMap<u32, Member>,
    /// The only one, while there is only one.
    only: Option<Member>,
    /// The first process.
    first: Option<u32>,
    /// The process that ran already.
    attached: Option<i32>,
    tasks: Tasks,
    /// Where a socket, by its number, had a descriptor last: the process, outside of its namespace.
    used: HashMap<u64, (i32, i32)>,
    pipe: OwnedFd,
    /// For looking into the pipe without taking out.
    glass: (OwnedFd, OwnedFd),
    /// The beginning of the line of the call that it is in.
    pub beginning: String,
    /// The rest of it, which still lies in the pipe.
    pub end_of_line: String,
    /// It has, or had, several threads.
    threads: bool,
    /// Since when a finished call has been there.
    since: Option<Instant>,
    /// Without other threads, it stays so until its line is taken.
    halts: bool,
    /// When it last did something.
    last: Instant,
    /// Since when it might begin the call that has just been taken out; and since when the next one.
    pub free_since: Duration,
    freed: Duration,
    pub has_ended: bool,
    /// Who called whom in the call of the last line, if that was asked for.
    pub stack: Option<Stack>,
    with_stacks: bool,
    /// How many calls have begun.
    pub begun: usize,
    /// strace ends as the program did.
    pub status: Option<ExitStatus>,
}

/// A thread's process.
#[derive(Clone, Copy)]
pub struct Member {
    /// The process' number.
    pub process: u32,
    /// What it is outside of its namespace.
    outside: i32,
}

impl Member {
    /// What the system calls the process, now that it runs the program that it will.
    pub fn name(self) -> String {
        let stat = Process::new(self.outside).and_then(|process| process.stat());
        stat.map_or("?".to_owned(), |stat| stat.comm)
    }
}

/// What a program is at.
#[derive(Clone, Copy, PartialEq)]
pub enum Phase {
    /// It runs, or strace is at work.
    Run,
    /// It finished a call, or ended, and cannot begin another one.
    Halt,
    /// It waits in a call, or sleeps.
    Wait,
    End,
}

impl Tracee {
    /// Starts a program under strace.
    pub fn start(
        program: &Program,
        asked: Asked<'_>,
        input: Stdio,
        rights: &Rights,
        keeper: u32,
    ) -> Result<Self, String> {
        let (out, into) = narrow_pipe().map_err(no_pipe)?;
        let glass = narrow_pipe().map_err(no_pipe)?;
        let mut strace = helper::launcher(rights, "strace")?;
        // Ctrl-C is for the program: strace shows what it makes of it.
        strace.args(["-f", "-q", "-y", "--seccomp-bpf", "-I", "never"]);
        strace.args(["-s", STRING, "-e", CALLS]);
        ask(&mut strace, asked);
        // What the program prints; strace's lines say when.
        let output = Output::open().map_err(no_pipe)?;
        let print = dup(&output.program).map_err(no_pipe)?;
        // strace writes to its standard error, so the program needs another one.
        strace.args(["sh", "-c", r#"exec "$@" 2>&1"#, "sh", &program.name]);
        strace.args(&program.arguments);
        if !io::stdout().is_terminal() {
            // What it prints goes elsewhere in the end: many leave colours out then.
            strace.env("NO_COLOR", "1");
        }
        strace.stdin(input).stdout(print).stderr(into);
        let child = helper::spawn(&mut strace, rights)?;
        let number = |pid: u32| i32::try_from(pid).unwrap_or_default();
        let tasks = Tasks::new(number(child.id()), number(keeper));
        let mut tracee = Self::new(output, child, tasks, (out, glass));
        tracee.with_stacks = asked.stacks;
        Ok(tracee)
    }

    /// Nothing is known of it yet.
    fn new(
        output: Output,
        strace: Child,
        tasks: Tasks,
        (pipe, glass): (OwnedFd, (OwnedFd, OwnedFd)),
    ) -> Self {
        Self {
            output,
            bytes: vec![],
            strace,
            threads_of: HashMap::new(),
            only: None,
            first: None,
            attached: None,
            tasks,
            used: HashMap::new(),
            pipe,
            glass,
            beginning: String::new(),
            end_of_line: String::new(),
            threads: false,
            since: None,
            halts: false,
            last: Instant::now(),
            free_since: Duration::ZERO,
            freed: now(),
            has_ended: false,
            stack: None,
            with_stacks: false,
            begun: 0,
            status: None,
        }
    }

    /// Has strace follow a process that runs already. It prints where it always did.
    pub fn attach(pid: i32, asked: Asked<'_>) -> Result<Self, String> {
        let (out, into) = narrow_pipe().map_err(no_pipe)?;
        let glass = narrow_pipe().map_err(no_pipe)?;
        let mut strace = helper::follower("strace")?;
        strace.args(["-f", "-y", "-I", "2", "-s", LINE, "-e", CALLS, "-p", &pid.to_string()]);
        ask(&mut strace, asked);
        strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(into);
        let child = strace.spawn().map_err(|error| format!("strace cannot be started: {error}"))?;
        let strace = i32::try_from(child.id()).unwrap_or_default();
        let tasks = Tasks::of_running(strace, pid);
        let output = Output::none().map_err(no_pipe)?;
        let mut tracee = Self::new(output, child, tasks, (out, glass));
        (tracee.first, tracee.attached) = (u32::try_from(pid).ok(), Some(pid));
        tracee.with_stacks = asked.stacks;
        Ok(tracee)
    }

    /// strace is asked to leave the program, which goes on.
    pub fn leave(&self) {
        // It may have ended by itself.
        let _ = kill(self.strace_pid(), Signal::SIGTERM);
    }

    fn strace_pid(&self) -> Pid {
        Pid::from_raw(self.strace.id().try_into().unwrap_or_default())
    }

    /// Ends strace, and with it nothing else.
    pub fn kill_strace(&mut self) {
        let _ = self.strace.kill();
    }

    /// Where it prints to, as strace writes it behind a descriptor.
    pub fn output_name(&self) -> &str {
        &self.output.name
    }

    /// Takes in what was printed.
    fn read_output(&mut self) {
        let mut part = [0; PART];
        // An error: there is nothing.
        while let Ok(length @ 1..) = read(&self.output.end, &mut part) {
            self.bytes.extend(&part[..length]);
        }
    }

    /// The next bytes that it has printed. A terminal hands them on a moment later.
    pub fn printed(&mut self, length: usize) -> Vec<u8> {
        let start = Instant::now();
        self.read_output();
        while self.bytes.len() < length && start.elapsed() < LONG {
            let _ = poll(&mut [PollFd::new(self.output.end.as_fd(), PollFlags::POLLIN)], 50u8);
            self.read_output();
        }
        self.bytes.drain(..length.min(self.bytes.len())).collect()
    }

    /// Waits until one of these has something new in its pipe, but not for long. Takes in what they
    /// print: it may be more than fits into a terminal.
    pub fn wait(all: &mut [Self], at_most: Duration) {
        loop {
            let there = || all.iter().filter(|one| !one.has_ended);
            let pipes = there().filter(|one| !one.has_more()).map(|one| &one.pipe);
            let pipes: Vec<&OwnedFd> = pipes.collect();
            let files = pipes.iter().copied().chain(there().map(|one| &one.output.end));
            let files = files.map(|file| PollFd::new(file.as_fd(), PollFlags::POLLIN));
            let mut files: Vec<PollFd<'_>> = files.collect();
            // If that fails, we ask again sooner.
            let any = ppoll(&mut files, Some(TimeSpec::from_duration(at_most)), None);
            let ready = |file: &PollFd<'_>| file.any().unwrap_or_default();
            let (pipe, output) = files.split_at(pipes.len());
            let (pipe, output) = (pipe.iter().any(ready), output.iter().any(ready));
            if any.is_ok() && output {
                all.iter_mut().for_each(Self::read_output);
            }
            if pipe || !output || at_most.is_zero() {
                return;
            }
        }
    }

    /// Whether there is something in the pipe that stays there for now.
    pub fn has_more(&self) -> bool {
        self.since.is_some()
    }

    /// What it is at. Takes in the beginnings of lines.
    pub fn phase(&mut self) -> Result<Phase, String> {
        if self.has_ended {
            return Ok(Phase::End);
        }
        if self.halts && !self.threads {
            return Ok(Phase::Halt);
        }
        if let Some(phase) = self.look()? {
            return Ok(phase);
        }
        // Nothing there. Does it wait, or just take its time?
        if !self.sleeps() {
            self.last = Instant::now();
            return Ok(Phase::Run);
        }
        // It may have been on its way before it slept. And if it is in no call that we know, the
        // next one may be near.
        let waits = !self.beginning.is_empty() || self.last.elapsed() > A_MOMENT;
        let otherwise = if waits { Phase::Wait } else { Phase::Run };
        Ok(self.look()?.unwrap_or(otherwise))
    }

    /// Whether there is something in the pipe; the beginning of a line is taken out.
    fn look(&mut self) -> Result<Option<Phase>, String> {
        let Some(part) = self.peek()? else { return Ok(None) };
        if part.is_empty() {
            self.ends();
            return Ok(Some(Phase::End));
        }
        self.last = Instant::now();
        self.threads |= part.starts_with(b"[pid");
        if part.ends_with(b"\n") {
            // A call can wake another thread: it has the time that it needs to come to a halt, too.
            let since = *self.since.get_or_insert_with(Instant::now);
            let limit = if self.attached.is_some() { A_MOMENT } else { LONG };
            if self.threads && self.tasks.are_busy() {
                if since.elapsed() < limit {
                    return Ok(Some(Phase::Run));
                }
                self.tasks.have_waited();
            }
            self.halts = true;
            self.end_of_line = String::from_utf8_lossy(&part).into_owned();
            return Ok(Some(Phase::Halt));
        }
        self.take()?;
        self.begun += 1;
        Ok(Some(Phase::Run))
    }

    /// The line that it finished; with it, the program may go on.
    pub fn line(&mut self) -> Result<String, String> {
        self.free_since = std::mem::replace(&mut self.freed, now());
        self.take()?;
        let line = std::mem::take(&mut self.beginning);
        if self.with_stacks {
            self.stack = self.take_stack()?;
            self.freed = now();
        }
        self.since = None;
        self.halts = false;
        Ok(line)
    }

    /// Who called whom: strace writes that line by line behind that of the call, and lets the program
    /// go on with the last one.
    fn take_stack(&mut self) -> Result<Option<Stack>, String> {
        let mut all = String::new();
        let start = Instant::now();
        let mut last = start;
        while start.elapsed() < PATIENCE {
            // Once it waits for the program, nothing more comes.
            let waits = self.tasks.strace_waits();
            match self.peek()? {
                Some(part) if part.starts_with(FRAME.as_bytes()) => {
                    let length = read(&self.pipe, &mut [0; PART]).map_err(broken)?;
                    all += &String::from_utf8_lossy(&part[..length.min(part.len())]);
                    last = Instant::now();
                }
                Some(_) => break,
                None if waits.unwrap_or_else(|| last.elapsed() > A_MOMENT) => break,
                None => {
                    let pipe = PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN);
                    let _ = ppoll(&mut [pipe], Some(TimeSpec::from_duration(INSTANT)), None);
                }
            }
        }
        let stack: Stack = all.lines().map(str::to_owned).collect();
        Ok(Some(stack).filter(|stack| !stack.is_empty()))
    }

    fn take(&mut self) -> Result<(), String> {
        let mut part = [0; PART];
        let length = read(&self.pipe, &mut part).map_err(broken)?;
        self.beginning += &String::from_utf8_lossy(&part[..length]);
        Ok(())
    }

    /// What lies in the pipe: nothing yet, or a part, or its end (no bytes).
    fn peek(&self) -> Result<Option<Vec<u8>>, String> {
        match tee(&self.pipe, &self.glass.1, PART, SpliceFFlags::SPLICE_F_NONBLOCK) {
            Ok(0) => Ok(Some(vec![])),
            Ok(_) => {
                let mut part = vec![0; PART];
                let length = read(&self.glass.0, &mut part).map_err(broken)?;
                part.truncate(length);
                Ok(Some(part))
            }
            Err(Errno::EAGAIN) => Ok(None),
            Err(error) => Err(broken(error)),
        }
    }

    /// Whether strace and all threads of the program sleep, or have ended.
    pub fn sleeps(&mut self) -> bool {
        self.tasks.sleep()
    }

    /// Whether anything of it is left, but for what strace has seen the end of.
    pub fn is_there(&mut self) -> bool {
        let strace = i32::try_from(self.strace.id()).unwrap_or_default();
        let is_traced = |pid: &i32| {
            let status = Process::new(*pid).and_then(|process| process.status());
            status.is_ok_and(|status| status.tracerpid == strace)
        };
        self.tasks.processes().iter().any(is_traced)
    }

    /// Remembers the descriptors of sockets in a call.
    pub fn uses(&mut self, thread: Option<u32>, sockets: &[(i32, u64)]) {
        let Some(Member { outside, .. }) = self.member(thread) else { return };
        if self.used.len() > MANY {
            // A program may run for days.
            self.used.clear();
        }
        self.used.extend(sockets.iter().map(|(number, inode)| (*inode, (outside, *number))));
    }

    /// Which of these sockets it has a descriptor of.
    pub fn holds(&mut self, sockets: &[u64]) -> Vec<u64> {
        // Most have it where they had it.
        let has = |inode: &&u64| {
            let is_it = |(process, number): &(i32, i32)| {
                let target = fs::read_link(format!("/proc/{process}/fd/{number}"));
                target.is_ok_and(|target| target.as_os_str() == &*format!("socket:[{inode}]"))
            };
            self.used.get(inode).is_some_and(is_it)
        };
        let (mut held, others): (Vec<u64>, Vec<u64>) = sockets.iter().partition(has);
        if !others.is_empty() {
            let processes = self.tasks.processes().into_iter().flat_map(Process::new);
            let descriptors = processes.filter_map(|process| process.fd().ok()).flatten().flatten();
            let inodes = descriptors.filter_map(|descriptor| match descriptor.target {
                FDTarget::Socket(inode) => Some(inode),
                _ => None,
            });
            held.extend(inodes.filter(|inode| others.contains(inode)));
        }
        held
    }

    /// The process that ran already, and those that it has started since.
    pub fn attached_ones(&mut self) -> Vec<i32> {
        let mut all = self.tasks.processes();
        all.extend(self.threads_of.values().map(|member| member.outside));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Of which process a thread is; strace does not number the only one. `None`: it has ended.
    pub fn member(&mut self, thread: Option<u32>) -> Option<Member> {
        match thread {
            Some(number) => {
                self.only = None;
                if !self.threads_of.contains_key(&number) {
                    self.find_members();
                }
                self.threads_of.get(&number).copied()
            }
            None => {
                if self.only.is_none() {
                    // It may have ended since it did what is asked about.
                    self.only = self.find_members().or_else(|| self.last_one());
                }
                self.only
            }
        }
    }

    /// The only process of which strace has not seen the end.
    fn last_one(&self) -> Option<Member> {
        let mut all = self.threads_of.values();
        let first = *all.next()?;
        all.all(|member| member.process == first.process).then_some(first)
    }

    /// A thread has ended.
    pub fn forget(&mut self, thread: u32) {
        self.threads_of.remove(&thread);
    }

    /// Learns which threads there are. Gives the last process.
    fn find_members(&mut self) -> Option<Member> {
        let number = |task: &Task| {
            let status = task.status().ok()?;
            if self.attached.is_some() {
                // strace counts as we do.
                return u32::try_from(task.tid).ok();
            }
            let last = status.nspid.and_then(|numbers| numbers.last().copied());
            u32::try_from(last.unwrap_or(status.pid)).ok()
        };
        let strace = self.strace_pid();
        let mut last = None;
        for outside in self.tasks.processes() {
            let tasks = tasks(outside);
            let leader = tasks.iter().find(|task| task.tid == outside);
            let Some(process) = leader.and_then(number) else { continue };
            let member = Member { process, outside };
            let parent = Process::new(outside).and_then(|it| it.stat()).map(|stat| stat.ppid);
            if self.first.is_none() && parent.is_ok_and(|pid| Pid::from_raw(pid) == strace) {
                self.first = Some(process);
            }
            let ended = |stat: Stat| matches!(stat.state(), Ok(ProcState::Zombie));
            if !leader.is_some_and(|leader| leader.stat().is_ok_and(ended)) {
                last = Some(member);
            }
            for thread in tasks.iter().filter_map(number) {
                self.threads_of.insert(thread, member);
            }
        }
        last
    }

    /// Whether a process is the first one of the program; it may have ended.
    pub fn is_first(&self, process: u32) -> bool {
        self.first == Some(process)
    }

    /// Sends a signal to the program and everything that it started.
    pub fn signal(&mut self, signal: Signal) {
        debug_assert!(self.attached.is_none(), "it is not ours to end");
        for pid in self.tasks.processes() {
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Waits for strace, which ends or has ended.
    pub fn ends(&mut self) {
        self.status = self.strace.wait().ok();
        self.has_ended = true;
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        if !self.has_ended {
            let _ = self.strace.kill();
            self.ends();
        }
    }
}

/// Asks strace for what is to be known.
fn ask(strace: &mut Command, asked: Asked<'_>) {
    if asked.times {
        strace.args(TIMES);
    }
    if asked.stacks {
        strace.arg("-k");
    }
    for fault in asked.faults {
        strace.args(["-e", &fault.as_injection()]);
    }
}

/// The threads of a process, if there still are any.
fn tasks(pid: i32) -> Vec<Task> {
    let tasks = Process::new(pid).and_then(|process| process.tasks());
    tasks.map_or(vec![], |tasks| tasks.flatten().collect())
}

/// A pipe with room for a part, and for looking into it.
fn narrow_pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (out, into) = pipe2(OFlag::O_DIRECT | OFlag::O_CLOEXEC)?;
    fcntl(&into, FcntlArg::F_SETPIPE_SZ(PART.try_into().map_err(|_| Errno::EINVAL)?))?;
    Ok((out, into))
}

fn no_pipe(error: Errno) -> String {
    format!("no pipe: {error}")
}

fn broken(error: Errno) -> String {
    format!("strace's pipe: {error}")
}
