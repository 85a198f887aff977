//! A program that strace watches, and that takes one step at a time.
//!
//! strace writes a line in two parts: the first when the program enters a
//! call, the rest when the call has returned. Until it could write, it lets
//! the program wait. So its output goes into a pipe with room for a single
//! part: while the end of one call lies there unread, the next call has begun
//! on paper only. In that time everything can be looked at in peace.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use procfs::process::{ProcState, Process, Stat};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl, fstat};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, tee};
use rustix::process::{Pid, Signal, kill_process};

/// The calls to show: all on sockets, and those that a program can use for
/// sockets and for files.
const CALLS: &str = "trace=%network,read,readv,write,writev,close,dup,dup2,\
dup3,fcntl,ioctl,poll,ppoll,select,pselect6,epoll_ctl,epoll_wait,epoll_pwait,\
sendfile,splice";

/// More of a string than this, strace leaves out.
const STRING: &str = "100";

/// A program that sleeps for so long, and is in no call that we know, waits.
const A_MOMENT: Duration = Duration::from_millis(20);

/// A thread that computes for longer is not waited for.
const LONG: Duration = Duration::from_millis(500);

/// The most that a pipe takes in one piece (PIPE_BUF).
const PART: usize = 4096;

pub struct Held {
    pub name: String,
    /// Where it prints to, as strace writes it behind a descriptor.
    pub output: String,
    text: OwnedFd,
    /// What it has printed, and nobody has asked for.
    pub printed: Vec<u8>,
    strace: Child,
    pipe: OwnedFd,
    /// For looking into the pipe without taking out.
    glass: (OwnedFd, OwnedFd),
    /// The beginning of a line.
    begun: String,
    /// It has, or had, several threads.
    threads: bool,
    /// Since when a finished call has been there.
    since: Option<Instant>,
    /// When it last did something.
    last: Instant,
    pub ended: bool,
}

/// What a program is at.
pub enum Doing {
    /// It runs, or strace is at work.
    Running,
    /// It finished a call (or ended), and cannot begin another one.
    Held,
    /// It waits in a call, or sleeps.
    Waiting,
    Ended,
}

impl Held {
    /// Starts `command` under strace, with `faults` in strace's words.
    ///
    /// # Errors
    /// In words, if it cannot be started.
    pub fn start(
        name: &str,
        command: &[String],
        faults: &[String],
        input: Stdio,
    ) -> Result<Self, String> {
        let cannot = |error| format!("strace cannot be started: {error}");
        let pipe = || {
            let flags = PipeFlags::DIRECT | PipeFlags::CLOEXEC;
            let (out, into) = pipe_with(flags)?;
            fcntl_setpipe_size(&into, PART)?;
            Ok((out, into))
        };
        let no_pipe = |error: rustix::io::Errno| format!("no pipe: {error}");
        let (out, into) = pipe().map_err(no_pipe)?;
        let glass = pipe().map_err(no_pipe)?;
        let mut strace = Command::new("strace");
        strace.args(["-f", "-q", "-y", "--seccomp-bpf"]);
        strace.args(["-e", "signal=none", "-s", STRING, "-e", CALLS]);
        for fault in faults {
            strace.args(["-e", fault]);
        }
        // What the program prints; strace's lines say when.
        let (text, print) = pipe_with(PipeFlags::CLOEXEC).map_err(no_pipe)?;
        let inode = fstat(&print).map_err(no_pipe)?.st_ino;
        fcntl_setfl(&text, OFlags::NONBLOCK).map_err(no_pipe)?;
        // (strace writes to its standard error, so the program needs
        // another one.)
        let shell = ["sh", "-c", r#"exec "$@" 2>&1"#, "sh"];
        strace.args(shell).args(command);
        let strace = strace
            .env("PYTHONUNBUFFERED", "1")
            .stdin(input)
            .stdout(print)
            .stderr(into)
            .spawn()
            .map_err(cannot)?;
        Ok(Self {
            name: name.to_owned(),
            output: format!("<pipe:[{inode}]>"),
            text,
            printed: vec![],
            strace,
            pipe: out,
            glass,
            begun: String::new(),
            threads: false,
            since: None,
            last: Instant::now(),
            ended: false,
        })
    }

    /// Waits until there is something in the pipe, but not for long.
    pub fn wait(&self) {
        let pipe = &mut [PollFd::new(&self.pipe, PollFlags::IN)];
        let shortly = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
        // (If that fails, we ask again sooner.)
        let _ = poll(pipe, Some(&shortly));
    }

    /// What it is at. Takes in the beginnings of lines.
    pub fn doing(&mut self) -> Result<Doing, String> {
        let mut some = [0; PART];
        // (Errors: there is nothing.)
        while let Ok(length @ 1..) = rustix::io::read(&self.text, &mut some) {
            self.printed.extend(&some[..length]);
        }
        if self.ended {
            return Ok(Doing::Ended);
        }
        if let Some(doing) = self.look()? {
            return Ok(doing);
        }
        // Nothing there. Does it wait, or just take its time?
        if !self.sleeps() {
            self.last = Instant::now();
            return Ok(Doing::Running);
        }
        // It may have been on its way before it slept. And if it is in no
        // call that we know, the next one may be near.
        let waits = !self.begun.is_empty() || self.last.elapsed() > A_MOMENT;
        let otherwise = if waits { Doing::Waiting } else { Doing::Running };
        Ok(self.look()?.unwrap_or(otherwise))
    }

    /// Whether there is something in the pipe; the beginning of a line is
    /// taken out.
    fn look(&mut self) -> Result<Option<Doing>, String> {
        let Some(part) = self.peek()? else { return Ok(None) };
        if part.is_empty() {
            let _ = self.strace.wait();
            self.ended = true;
            return Ok(Some(Doing::Ended));
        }
        self.last = Instant::now();
        self.threads |= part.starts_with(b"[pid");
        if part.ends_with(b"\n") {
            // A call can wake another thread: it has the time that it needs
            // to come to a halt, too.
            let since = *self.since.get_or_insert_with(Instant::now);
            if self.threads && since.elapsed() < LONG && self.is_busy() {
                return Ok(Some(Doing::Running));
            }
            return Ok(Some(Doing::Held));
        }
        self.take()?;
        Ok(Some(Doing::Running))
    }

    /// The line that it finished; with it, the program may go on.
    pub fn line(&mut self) -> Result<String, String> {
        self.take()?;
        self.since = None;
        Ok(std::mem::take(&mut self.begun))
    }

    /// The beginning of the line of the call that it is in.
    pub fn begun(&self) -> &str {
        &self.begun
    }

    fn take(&mut self) -> Result<(), String> {
        let mut part = [0; PART];
        let length = rustix::io::read(&self.pipe, &mut part)
            .map_err(|error| format!("strace's pipe: {error}"))?;
        self.begun += &String::from_utf8_lossy(&part[..length]);
        Ok(())
    }

    /// What lies in the pipe: nothing yet, or a part, or its end (no bytes).
    fn peek(&self) -> Result<Option<Vec<u8>>, String> {
        let failed = |error| format!("strace's pipe: {error}");
        let flags = SpliceFlags::NONBLOCK;
        match tee(self.pipe.as_fd(), self.glass.1.as_fd(), PART, flags) {
            Ok(0) => Ok(Some(vec![])),
            Ok(_) => {
                let mut part = vec![0; PART];
                let length = rustix::io::read(&self.glass.0, &mut *part).map_err(failed)?;
                part.truncate(length);
                Ok(Some(part))
            }
            Err(rustix::io::Errno::AGAIN) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// strace's own number.
    fn pid(&self) -> i32 {
        i32::try_from(self.strace.id()).unwrap_or_default()
    }

    /// Whether a thread of the program runs.
    fn is_busy(&self) -> bool {
        let rests = |state| {
            use ProcState::{Sleeping, Tracing, Zombie};
            matches!(state, Ok(Sleeping | Tracing | Zombie))
        };
        self.tracees().into_iter().any(|pid| {
            let tasks = Process::new(pid).and_then(|process| process.tasks());
            tasks.is_ok_and(|mut tasks| {
                tasks.any(|task| {
                    let stat = task.and_then(|task| task.stat());
                    stat.is_ok_and(|stat| !rests(stat.state()))
                })
            })
        })
    }

    /// Whether strace and all threads of the program sleep.
    fn sleeps(&self) -> bool {
        let strace = self.pid();
        let is_asleep = |stat: Stat| matches!(stat.state(), Ok(ProcState::Sleeping));
        let asleep = |process: Process| {
            let mut tasks = process.tasks().ok()?.flatten();
            Some(tasks.all(|task| task.stat().is_ok_and(is_asleep)))
        };
        let tracees = || Some(self.tracees());
        Process::new(strace).ok().and_then(asleep) == Some(true)
            && tracees().is_some_and(|all| {
                !all.is_empty()
                    && all
                        .into_iter()
                        .all(|pid| Process::new(pid).ok().and_then(asleep) == Some(true))
            })
    }

    /// The programs that strace started, and those that they started.
    fn tracees(&self) -> Vec<i32> {
        let mut all = vec![self.pid()];
        let mut next = 0;
        while let Some(parent) = all.get(next) {
            let path = format!("/proc/{parent}/task/{parent}/children");
            let mut text = String::new();
            if let Ok(mut file) = File::open(path) {
                // (One that has ended has no children.)
                let _ = file.read_to_string(&mut text);
            }
            all.extend(text.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
            next += 1;
        }
        all.split_off(1)
    }

    /// Ends the program and everything that it started.
    pub fn end(&self, signal: Signal) {
        for pid in self.tracees().into_iter().filter_map(Pid::from_raw) {
            // It may have ended by itself.
            let _ = kill_process(pid, signal);
        }
    }

    /// Ends strace, too.
    pub fn give_up(&mut self) {
        if !self.ended {
            self.end(Signal::KILL);
            // It may have ended by itself.
            let _ = self.strace.kill();
            let _ = self.strace.wait();
            self.ended = true;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_up();
    }
}
