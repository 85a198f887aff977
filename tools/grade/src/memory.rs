//! How much memory a program takes while something happens. It is known on Linux only. Elsewhere
//! nothing is said about it.

use std::rc::Rc;

use crate::program::Program;

/// The memory of a program from this moment on.
pub struct Memory {
    program: Rc<Program>,
    before: u64,
}

impl Memory {
    pub fn of(program: &Rc<Program>) -> Self {
        forget_the_most(program.id());
        Self { program: Rc::clone(program), before: most(program.id()) }
    }

    /// How many bytes more it took since then, at the moment when it took the most. It and all
    /// that it has started: what they have in memory (proc(5): `VmHWM`), not what they asked for.
    pub fn grown(&self) -> u64 {
        most(self.program.id()).saturating_sub(self.before)
    }
}

/// From now on the most is what it takes now.
#[cfg(target_os = "linux")]
fn forget_the_most(id: u32) {
    for id in crate::processor::processes(id) {
        // Where that is not allowed, the most of all the time is as good: it is `before` as well.
        let _ = std::fs::write(format!("/proc/{id}/clear_refs"), "5");
    }
}

#[cfg(target_os = "linux")]
fn most(id: u32) -> u64 {
    let most = |id: u32| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    };
    crate::processor::processes(id).into_iter().filter_map(most).sum::<u64>() * 1024
}

#[cfg(not(target_os = "linux"))]
fn forget_the_most(_: u32) {}

#[cfg(not(target_os = "linux"))]
fn most(_: u32) -> u64 {
    0
}
