//! What strace and the threads of the programs that it watches are at, as `/proc` says it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::str::from_utf8;

use procfs::process::Process;

/// No more files than this stay open: a process may not have many.
const FILES: usize = 300;

/// It waits, or has ended.
const SLEEPS: &[u8] = b"SZ";

/// It waits, or strace has stopped it, or it has ended. Whoever has a child by vfork waits for it
/// as for a disk (D).
const RESTS: &[u8] = b"StZD";

/// The kernel's number for `wait4`, in which strace waits for the program; another one on each kind of
/// processor.
const WAIT4: Option<&str> = if cfg!(target_arch = "x86_64") {
    Some("61")
} else if cfg!(any(target_arch = "aarch64", target_arch = "riscv64")) {
    Some("260")
} else {
    None
};

/// A file of `/proc`. To open it takes longer than to read it.
enum Source {
    Open(File),
    Closed(PathBuf),
}

impl Source {
    fn new(path: PathBuf, keep: bool) -> Self {
        match File::open(&path) {
            Ok(file) if keep => Self::Open(file),
            _ => Self::Closed(path),
        }
    }

    /// What it says now. `None`: nobody is there any more.
    fn read(&self) -> Option<Vec<u8>> {
        let file = match self {
            Self::Open(file) => file,
            Self::Closed(path) => return fs::read(path).ok(),
        };
        let mut all = vec![];
        loop {
            let mut part = [0; 1024];
            let length = file.read_at(&mut part, all.len() as u64).ok()?;
            all.extend(&part[..length]);
            // These files give as much as there is room for.
            if length < part.len() {
                return Some(all);
            }
        }
    }
}

struct Thread {
    process: i32,
    folder: PathBuf,
    /// It was waited for in vain, and has not rested since.
    computes: bool,
    stat: Source,
    /// How many threads its process had.
    siblings: usize,
    children: Source,
    /// Which it had.
    known: Option<Vec<u8>>,
}

/// The state of a thread, in one letter, and how many threads its process has. (procfs reads all of
/// the fields, which takes longer than all the rest.)
fn state(stat: &Source) -> Option<(u8, usize)> {
    let text = stat.read()?;
    // A name may have any characters.
    let end = text.iter().rposition(|byte| *byte == b')')?;
    let fields = from_utf8(&text[end + 1..]).ok()?;
    let mut fields = fields.split_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    Some((state, fields.nth(16)?.parse().ok()?))
}

/// strace, and the programs that it started, and those that they started.
pub struct Tasks {
    strace: i32,
    /// What it is at, once that is asked for alone.
    of_strace: Option<Source>,
    /// The parent of those whose parent has ended.
    keeper: i32,
    /// The program, if it ran already: strace did not start it.
    program: Option<i32>,
    /// All that were there when it was last looked who is.
    threads: Vec<Thread>,
}

impl Tasks {
    pub fn new(strace: i32, keeper: i32) -> Self {
        Self { strace, of_strace: None, keeper, program: None, threads: vec![] }
    }

    /// Of a program that ran already, without a keeper.
    pub fn of_running(strace: i32, program: i32) -> Self {
        Self { strace, of_strace: None, keeper: 0, program: Some(program), threads: vec![] }
    }

    /// Whether a thread of the program runs.
    pub fn are_busy(&mut self) -> bool {
        !self.all(RESTS, |thread, strace| thread.process != strace && !thread.computes)
    }

    /// Whoever still runs is not waited for again until it rests.
    pub fn have_waited(&mut self) {
        for thread in &mut self.threads {
            let rests = state(&thread.stat).is_none_or(|(state, _)| RESTS.contains(&state));
            thread.computes = !rests;
        }
    }

    /// Whether strace waits for the program, or has ended. It may sleep at something else, too: as it
    /// reads a file, or until there is room in a pipe. `None`: this system does not say.
    pub fn strace_waits(&mut self) -> Option<bool> {
        let strace = self.strace;
        let open = || Source::new(PathBuf::from(format!("/proc/{strace}/syscall")), true);
        let call = self.of_strace.get_or_insert_with(open);
        let Some(call) = call.read() else {
            // It has ended, or has rights that we have not.
            return (!PathBuf::from(format!("/proc/{strace}")).exists()).then_some(true);
        };
        let number = from_utf8(&call).ok()?.split_whitespace().next()?;
        Some(WAIT4? == number)
    }

    /// Whether strace and all threads of the program sleep, or have ended.
    pub fn sleep(&mut self) -> bool {
        self.all(SLEEPS, |_, _| true)
            && self.threads.iter().any(|one| ![self.strace, self.keeper].contains(&one.process))
    }

    /// Whether all are at one of `states`.
    fn all(&mut self, states: &[u8], asked: fn(&Thread, i32) -> bool) -> bool {
        // The first time, it may be another one who is there.
        for _ in 0..2 {
            match self.all_known(states, asked) {
                Some(answer) => return answer,
                None => self.find(),
            }
        }
        false
    }

    /// The same. `None`: there are others than before.
    fn all_known(&mut self, states: &[u8], asked: fn(&Thread, i32) -> bool) -> Option<bool> {
        let mut same = !self.threads.is_empty();
        for thread in &mut self.threads {
            let (state, siblings) = state(&thread.stat)?;
            same &= siblings == thread.siblings;
            thread.computes &= !RESTS.contains(&state);
            let asked = thread.process != self.keeper && asked(thread, self.strace);
            if asked && !states.contains(&state) {
                return Some(false);
            }
        }
        let same = same && self.threads.iter().all(|one| one.children.read() == one.known);
        same.then_some(true)
    }

    /// Finds out who is there.
    fn find(&mut self) {
        let before = std::mem::take(&mut self.threads);
        let (strace, keeper) = (self.strace, self.keeper);
        self.add(keeper);
        self.add(strace);
        if let Some(program) = self.program {
            self.add(program);
        }
        // Those whose parent has ended are the keeper's; all programs' are.
        let own = |pid: &i32| {
            let status = Process::new(*pid).and_then(|process| process.status());
            status.is_ok_and(|status| status.tracerpid == strace)
        };
        let mut next = 0;
        while let Some(thread) = self.threads.get(next) {
            let children = thread.known.as_deref().unwrap_or_default();
            let children = from_utf8(children).unwrap_or_default().split_whitespace();
            let children = children.filter_map(|pid| pid.parse().ok());
            // Of what a running program had started before, strace knows nothing.
            let children: Vec<i32> = match thread.process == keeper || self.program.is_some() {
                true => children.filter(own).collect(),
                false => children.collect(),
            };
            for pid in children {
                self.add(pid);
            }
            next += 1;
        }
        let computes = before.into_iter().filter(|thread| thread.computes);
        let computes: Vec<PathBuf> = computes.map(|thread| thread.folder).collect();
        for thread in &mut self.threads {
            thread.computes = computes.contains(&thread.folder);
        }
    }

    /// Adds the threads of a process.
    fn add(&mut self, process: i32) {
        let folder = PathBuf::from(format!("/proc/{process}"));
        // How many there are, before it is looked which: a new one is missed by neither.
        let siblings = state(&Source::Closed(folder.join("stat")));
        let (Some((_, siblings)), Ok(all)) = (siblings, fs::read_dir(folder.join("task"))) else {
            return;
        };
        for folder in all.flatten().map(|task| task.path()) {
            let keep = self.threads.len() < FILES / 2;
            let stat = Source::new(folder.join("stat"), keep);
            let children = Source::new(folder.join("children"), keep);
            let known = children.read();
            let computes = false;
            self.threads.push(Thread {
                process,
                folder,
                computes,
                stat,
                siblings,
                children,
                known,
            });
        }
    }

    /// The processes of the program.
    pub fn processes(&mut self) -> Vec<i32> {
        self.find();
        let mut all: Vec<i32> = self.threads.iter().map(|thread| thread.process).collect();
        // The threads of a process stand together.
        all.dedup();
        all.retain(|process| ![self.strace, self.keeper].contains(process));
        all
    }
}
