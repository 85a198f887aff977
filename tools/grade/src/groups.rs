//! The programs that run, and all that they have started: so that it ends with the grader. Ctrl-C
//! does not reach them: each is in a group of its own, which can be ended as a whole.

#[cfg(unix)]
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(unix)]
use nix::sys::signal::{Signal, killpg};
#[cfg(unix)]
use nix::unistd::Pid;

#[cfg(unix)]
use crate::keeper;

/// The groups of the programs that run.
#[cfg(unix)]
static GROUPS: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Whether the grader is ending, and its programs with it.
static ENDING: AtomicBool = AtomicBool::new(false);

pub fn are_ending() -> bool {
    ENDING.load(Ordering::SeqCst)
}

/// A program runs, and is the first of its group.
#[cfg(unix)]
pub fn add(group: u32) {
    if let Ok(mut groups) = GROUPS.lock() {
        groups.push(group);
        keeper::note(group);
    }
}

/// All of that group have ended.
#[cfg(unix)]
pub fn remove(group: u32) {
    if let Ok(mut groups) = GROUPS.lock() {
        groups.retain(|other| *other != group);
        keeper::forget(group);
    }
}

/// On Windows a job does all of it.
#[cfg(not(unix))]
pub fn add(_: u32) {}

#[cfg(not(unix))]
pub fn remove(_: u32) {}

/// The programs that run.
#[cfg(target_os = "linux")]
pub fn running() -> Vec<u32> {
    GROUPS.lock().map(|groups| groups.clone()).unwrap_or_default()
}

/// Whoever is told to end (Ctrl-C) ends the programs as well.
#[cfg(unix)]
pub fn end_with_the_grader() {
    let _ = ctrlc::set_handler(|| {
        ENDING.store(true, Ordering::SeqCst);
        // While `--watch` waits for a key, a terminal is not as it was.
        let _ = crossterm::terminal::disable_raw_mode();
        end_programs();
        std::process::exit(130);
    });
}

#[cfg(not(unix))]
pub fn end_with_the_grader() {}

/// The grader is ending: so are the programs.
pub fn end_programs() {
    end_groups();
    end_orphans();
}

/// Ends the programs that run, each with its group.
pub fn end_groups() {
    #[cfg(unix)]
    {
        let groups = GROUPS.lock().map(|groups| groups.clone());
        for group in groups.unwrap_or_default() {
            let group = i32::try_from(group).map(Pid::from_raw);
            let _ = group.map(|group| killpg(group, Signal::SIGKILL));
        }
    }
}

/// What a program has started in a session of its own is no member of its
/// group. On Linux it comes to the grader when its parent is gone.
#[cfg(target_os = "linux")]
pub fn adopt_orphans() {
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

#[cfg(not(target_os = "linux"))]
pub fn adopt_orphans() {}

/// Ends what the programs have left behind. None of them may still run.
#[cfg(target_os = "linux")]
pub fn end_orphans() {
    use nix::sys::signal::kill;
    use nix::sys::wait::waitpid;

    // Each that is ended may leave children of its own.
    for _ in 0..100 {
        let children = children();
        if children.is_empty() {
            return;
        }
        for child in children {
            let _ = kill(child, Signal::SIGKILL);
            let _ = waitpid(child, None);
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub fn end_orphans() {}

/// The grader's own children.
#[cfg(target_os = "linux")]
fn children() -> Vec<Pid> {
    let (own, keeper) = (std::process::id().to_string(), keeper::id());
    let Ok(processes) = std::fs::read_dir("/proc") else { return vec![] };
    let is_own = |process: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
        // PID (NAME) STATE PARENT ...
        stat.is_ok_and(|stat| {
            let rest = stat.rsplit(')').next().unwrap_or_default();
            rest.split_whitespace().nth(1) == Some(&own)
        })
    };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(is_own)
        .filter(|process| keeper.is_none_or(|keeper| i64::from(keeper) != i64::from(*process)))
        .map(Pid::from_raw)
        .collect()
}
