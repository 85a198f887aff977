//! Whether this machine has a processor for the programs, and for the grader. It is known on Linux
//! only. Elsewhere nothing is ever lost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The time up to now in which one of the programs, or the grader, could run and had no processor,
/// in nanoseconds.
static LOST: AtomicU64 = AtomicU64::new(0);

pub fn lost() -> Duration {
    Duration::from_nanos(LOST.load(Ordering::Relaxed))
}

#[cfg(target_os = "linux")]
pub use linux::{
    Look, has_ended, is_busy, open_files, processes, thread_number, time_of, turns_of, watch,
};

#[cfg(not(target_os = "linux"))]
pub fn watch() {}

/// The processor time of a program, and of all that it has started, as far as it is known.
#[cfg(not(target_os = "linux"))]
pub fn time_of(_: u32) -> Duration {
    Duration::ZERO
}

/// What a program does.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nothing is known"))]
pub enum Doing {
    Works,
    /// It could run, and has no processor.
    Waits,
    Sleeps,
}

/// A look at a program, of which nothing is known: it may work.
#[cfg(not(target_os = "linux"))]
pub struct Look;

#[cfg(not(target_os = "linux"))]
impl Look {
    pub const IS_POSSIBLE: bool = false;

    pub fn at(_: u32) -> Self {
        Self
    }

    pub fn again(&mut self) -> Doing {
        Doing::Works
    }
}

/// Whether a program, or what it has started, has something to do just now, as far as it is known.
#[cfg(not(target_os = "linux"))]
pub fn is_busy(_: u32) -> bool {
    false
}

/// How often a program, and all that it has started, went to sleep, as far as it is known.
#[cfg(not(target_os = "linux"))]
pub fn turns_of(_: u32) -> u64 {
    0
}

/// Whether a program has ended, as far as it is known.
#[cfg(not(target_os = "linux"))]
pub fn has_ended(_: u32) -> bool {
    false
}

/// How many open files a program has, and all that it has started, as far as it is known.
#[cfg(not(target_os = "linux"))]
pub fn open_files(_: u32) -> usize {
    0
}

/// How many threads a program has, and all that it has started, as far as it is known.
#[cfg(not(target_os = "linux"))]
pub fn thread_number(_: u32) -> usize {
    0
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::{BTreeMap, HashMap};
    use std::fs::{read_dir, read_to_string};
    use std::path::{Path, PathBuf};
    use std::sync::atomic::Ordering;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::{Doing, LOST};
    use crate::groups::running;

    const TICK: Duration = Duration::from_millis(50);

    /// What was seen of a thread.
    #[derive(Default)]
    struct Seen {
        ran: Duration,
        waited: Duration,
        /// What was counted as a wait before the kernel did: it does so when the wait is over.
        ahead: Duration,
    }

    /// Looks at all of them again and again, from now on.
    pub fn watch() {
        // Without it, nothing is lost.
        let _ = thread::Builder::new().spawn(|| {
            let mut seen = HashMap::new();
            let mut last = Instant::now();
            loop {
                thread::sleep(TICK);
                let time = last.elapsed();
                last += time;
                let programs = running().into_iter().chain([std::process::id()]);
                let lost = programs.map(|id| lost_by(id, time, &mut seen)).max();
                let lost = lost.unwrap_or_default().as_nanos();
                LOST.fetch_add(u64::try_from(lost).unwrap_or(0), Ordering::Relaxed);
                seen.retain(|path, _| path.exists());
            }
        });
    }

    /// So much of this time a program had no processor for one of its threads. But if it had as
    /// much as there was time, it is busy itself, and not the machine.
    fn lost_by(id: u32, time: Duration, seen: &mut HashMap<PathBuf, Seen>) -> Duration {
        let (mut longest, mut ran) = (Duration::ZERO, Duration::ZERO);
        for thread in threads(id) {
            let Some(now) = times(&thread) else { continue };
            let state = state(&thread);
            let before = seen.entry(thread).or_default();
            let has_run = now.0.saturating_sub(before.ran);
            let mut has_waited = now.1.saturating_sub(before.waited);
            (before.ran, before.waited) = now;
            if state == Some('D') || (state == Some('R') && (has_run + has_waited).is_zero()) {
                before.ahead += time;
                has_waited = time;
            } else if !has_waited.is_zero() {
                let ahead = std::mem::take(&mut before.ahead);
                has_waited = has_waited.saturating_sub(ahead);
            }
            longest = longest.max(has_waited.min(time));
            ran += has_run;
        }
        longest.min(time.saturating_sub(ran))
    }

    /// What a program does, and all that it has started.
    pub struct Look {
        id: u32,
        at: Instant,
        /// Each of its threads: how long it ran, and how long it waited for a processor.
        threads: BTreeMap<PathBuf, (Duration, Duration)>,
    }

    impl Look {
        pub const IS_POSSIBLE: bool = true;

        pub fn at(id: u32) -> Self {
            let threads = BTreeMap::new();
            let mut look = Self { id, at: Instant::now(), threads };
            look.again();
            look
        }

        /// What it has done since the last look. It works if a thread waits for the disk, has just
        /// begun or ended, or ran for a good part of the time in which it had a processor: a loop
        /// that asks again and again whether something has come is no work.
        pub fn again(&mut self) -> Doing {
            let now = Instant::now();
            let time = now - std::mem::replace(&mut self.at, now);
            let all = threads(self.id);
            let states: Vec<_> = all.iter().filter_map(|thread| state(thread)).collect();
            let seen = all.into_iter().filter_map(|thread| Some((times(&thread)?, thread)));
            let seen = seen.map(|(times, thread)| (thread, times)).collect();
            let before = std::mem::replace(&mut self.threads, seen);
            let (mut ran, mut waited) = (Duration::ZERO, Duration::ZERO);
            for (thread, now) in &self.threads {
                let before = before.get(thread).copied().unwrap_or_default();
                ran += now.0.saturating_sub(before.0);
                waited = waited.max(now.1.saturating_sub(before.1));
            }
            let is_new = !before.keys().eq(self.threads.keys());
            let ran_much = ran > time.saturating_sub(waited) / 10 && ran > time / 50;
            // Without `/proc` nothing is known.
            let is_unknown = !Path::new("/proc/self/stat").exists();
            match () {
                () if is_new || ran_much || is_unknown || states.contains(&'D') => Doing::Works,
                () if states.contains(&'R') => Doing::Waits,
                () => Doing::Sleeps,
            }
        }
    }

    pub fn time_of(id: u32) -> Duration {
        threads(id).iter().filter_map(|thread| Some(times(thread)?.0)).sum()
    }

    pub fn is_busy(id: u32) -> bool {
        // It runs, or the disk is slow.
        threads(id).iter().any(|thread| matches!(state(thread), Some('R' | 'D')))
    }

    pub fn has_ended(id: u32) -> bool {
        let status = read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        status.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('Z'))
    }

    pub fn open_files(id: u32) -> usize {
        let files = |id: u32| Some(read_dir(format!("/proc/{id}/fd")).ok()?.count());
        processes(id).into_iter().filter_map(files).sum()
    }

    pub fn thread_number(id: u32) -> usize {
        threads(id).len()
    }

    pub fn turns_of(id: u32) -> u64 {
        let turns = |thread: PathBuf| {
            let status = read_to_string(thread.join("status")).ok()?;
            let line = status.lines().find_map(|it| it.strip_prefix("voluntary_ctxt_switches:"))?;
            line.trim().parse::<u64>().ok()
        };
        threads(id).into_iter().filter_map(turns).sum()
    }

    /// The threads of a process, and of its descendants.
    fn threads(id: u32) -> Vec<PathBuf> {
        // The programs are children of the grader: each is looked at by itself.
        let processes = if id == std::process::id() { vec![id] } else { processes(id) };
        processes.into_iter().flat_map(threads_of).collect()
    }

    /// A process, and its descendants.
    pub fn processes(id: u32) -> Vec<u32> {
        let mut processes = vec![id];
        let mut number = 0;
        while let Some(id) = processes.get(number) {
            for thread in threads_of(*id) {
                let children = read_to_string(thread.join("children")).unwrap_or_default();
                processes
                    .extend(children.split_whitespace().filter_map(|it| it.parse::<u32>().ok()));
            }
            number += 1;
        }
        processes
    }

    fn threads_of(id: u32) -> Vec<PathBuf> {
        let entries = read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    /// How long it ran, and how long it waited for a processor.
    fn times(thread: &Path) -> Option<(Duration, Duration)> {
        let Ok(text) = read_to_string(thread.join("schedstat")) else {
            // Some kernels have only this one, in hundredths of a second.
            let stat = read_to_string(thread.join("stat")).ok()?;
            let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
            let mut time = || Some(Duration::from_millis(fields.next()?.parse::<u64>().ok()? * 10));
            return Some((time()? + time()?, Duration::ZERO));
        };
        let mut times = text.split_whitespace().map(|it| it.parse().map(Duration::from_nanos));
        Some((times.next()?.ok()?, times.next()?.ok()?))
    }

    fn state(thread: &Path) -> Option<char> {
        let stat = read_to_string(thread.join("stat")).ok()?;
        // ID (NAME) STATE ...
        stat.rsplit(')').next()?.trim_start().chars().next()
    }
}
