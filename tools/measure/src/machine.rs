//! The machine on which it is measured.

use std::cell::Cell;
use std::fs;
use std::process::Command;
use std::thread::available_parallelism;
use std::time::SystemTime;

use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Its processor, its kernel, the compiler, and the day.
pub fn describe() -> String {
    let first = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let value = line.map(|line| line.trim_start_matches([' ', '\t', ':']).trim().to_owned());
        value.unwrap_or_else(|| "unknown".to_owned())
    };
    let cores = available_parallelism().map_or(1, usize::from);
    let cores = if cores == 1 { "1 core".to_owned() } else { format!("{cores} cores") };
    let rustc = Command::new("rustc").arg("--version").output().ok();
    let rustc = rustc.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    let rustc = rustc.split_whitespace().nth(1).unwrap_or("unknown").to_owned();
    let today = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    format!(
        "{}, {cores}; Linux {}; rustc {rustc}; {}",
        first("/proc/cpuinfo", "model name"),
        first("/proc/sys/kernel/osrelease", ""),
        &today[..10]
    )
}

/// How many processes wanted a processor in the last minute, on average.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

/// Asks for as many descriptors as there may be: so many there are then, for this and for what it
/// starts.
pub fn descriptors() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    let now = getrlimit(Resource::Nofile).current;
    now.and_then(|number| usize::try_from(number).ok()).unwrap_or(usize::MAX)
}

/// On which cores clients and servers run. Where the system puts them makes more of a difference than
/// anything that is compared.
pub struct Cores {
    all: CpuSet,
    /// The clients' own.
    first: CpuSet,
    /// Those of servers.
    others: CpuSet,
    is_apart: Cell<bool>,
}

impl Cores {
    pub fn find() -> Self {
        let all = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        let (mut first, mut others) = (CpuSet::new(), all);
        if let Some(core) = (0..CpuSet::MAX_CPU).find(|core| all.is_set(*core)) {
            first.set(core);
            // A single one is for all.
            if all.count() > 1 {
                others.unset(core);
            }
        }
        Self { all, first, others, is_apart: Cell::new(true) }
    }

    /// From now on, clients and servers share a core: for those of whom only one works at any time.
    pub fn share(&self) {
        self.is_apart.set(false);
        let _ = sched_setaffinity(None, &self.first);
    }

    /// From now on, the clients have a core of their own, and servers have the others.
    pub fn separate(&self) {
        self.is_apart.set(true);
        let _ = sched_setaffinity(None, &self.first);
    }

    /// What is started here, runs where servers do.
    pub fn of_servers<T>(&self, start: impl FnOnce() -> T) -> T {
        let now = sched_getaffinity(None);
        if self.is_apart.get() {
            let _ = sched_setaffinity(None, &self.others);
        }
        let started = start();
        let _ = now.map(|now| sched_setaffinity(None, &now));
        started
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        let _ = sched_setaffinity(None, &self.all);
    }
}
