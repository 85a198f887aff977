//! What a server takes from the machine: memory for each client, and system calls for each round
//! trip.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::Signal;
use procfs::Current as _;
use procfs::process::{MMapPath, Process};

use crate::load::Load;
use crate::place::Place;
use crate::programs::Program;
use crate::row::Row;
use crate::server::Server;
use crate::speech::Speech;

/// Bytes.
#[derive(Clone, Copy, Default)]
struct Memory {
    /// In memory now, of its stacks: of the threads that wait in a call.
    stacks: u64,
    /// And everything else that is its own, and not that of a file.
    rest: u64,
    /// The kernel's tables for it.
    tables: u64,
    /// Of the whole machine: the kernel's stacks for threads; and its objects, of which the sockets
    /// are some.
    kernel_stacks: u64,
    objects: u64,
}

impl Memory {
    fn of(server: &Server) -> Result<Self, String> {
        let mut memory = Self::default();
        let failed = |error: procfs::ProcError| format!("{}: {error}", server.name);
        for id in server.processes() {
            let process = Process::new(i32::try_from(id).unwrap_or_default()).map_err(failed)?;
            let pointers = stack_pointers(id);
            for map in process.smaps().map_err(failed)? {
                let own = map.extension.map.get("Anonymous").copied().unwrap_or_default();
                let (from, to) = map.address;
                let is_stack =
                    map.pathname == MMapPath::Stack || pointers.range(from..to).next().is_some();
                *if is_stack { &mut memory.stacks } else { &mut memory.rest } += own;
            }
            let status = process.status().map_err(failed)?;
            memory.tables += status.vmpte.unwrap_or_default() * 1024;
        }
        let machine = procfs::Meminfo::current().map_err(failed)?;
        memory.kernel_stacks = machine.kernel_stack.unwrap_or_default();
        memory.objects = machine.s_unreclaim.unwrap_or_default();
        Ok(memory)
    }
}

/// Where the stacks of its threads are: the kernel says it of those that wait in a call.
fn stack_pointers(id: u32) -> BTreeSet<u64> {
    let tasks = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    tasks
        .filter_map(|task| {
            // The number of the call, its arguments, the stack pointer, the program counter.
            let call = fs::read_to_string(task.path().join("syscall")).ok()?;
            let pointer = call.split_whitespace().rev().nth(1)?.strip_prefix("0x")?.to_owned();
            u64::from_str_radix(&pointer, 16).ok()
        })
        .collect()
}

/// What so many silent clients cost it, each.
pub fn memory(
    place: &Place,
    program: &Program,
    speech: &Speech,
    clients: usize,
) -> Result<Vec<Row>, String> {
    let server = Server::start(place, program)?;
    // What it has after its first clients is not what each costs.
    let first = Load::connect(&server, speech, 0, 8)?;
    sleep(Duration::from_millis(200));
    let before = Memory::of(&server)?;
    let load = Load::connect(&server, speech, 0, clients)?;
    sleep(Duration::from_millis(500));
    let after = Memory::of(&server)?;
    drop((first, load));
    #[expect(clippy::cast_precision_loss, reason = "that is exact enough")]
    let each =
        |of: fn(&Memory) -> u64| of(&after).saturating_sub(of(&before)) as f64 / clients as f64;
    let rows = [
        ("memory of the program", each(|it| it.rest)),
        ("stacks", each(|it| it.stacks)),
        ("page tables", each(|it| it.tables)),
        ("kernel stacks", each(|it| it.kernel_stacks)),
        // (The client's socket is in it, too.)
        ("kernel objects, both ends", each(|it| it.objects)),
    ];
    let rows =
        rows.map(|(what, bytes)| Row::new(what, &program.name, "bytes", bytes).with(clients));
    Ok(rows.into())
}

/// How often each system call is made for one round trip of one client: what 1,000 more of them cost
/// more, so that what it does at its start is no part of it.
pub fn calls(place: &Place, program: &Program, speech: &Speech) -> Result<Vec<Row>, String> {
    let [few, many] = [100, 1100].map(|trips| counted(place, program, speech, trips));
    let (few, many) = (few?, many?);
    let mut rows = vec![];
    let mut all = 0.0;
    for (name, number) in &many {
        let more = number.saturating_sub(few.get(name).copied().unwrap_or_default());
        let each = f64::from(more) / 1000.0;
        // (A timer that is asked once in a while is no part of a round trip.)
        if each >= 0.005 {
            all += each;
            rows.push(Row::new(&format!("calls of {name}"), &program.name, "", each).with(1));
        }
    }
    rows.insert(0, Row::new("system calls", &program.name, "", all).with(1));
    Ok(rows)
}

/// What strace counts in a run with so many round trips.
fn counted(
    place: &Place,
    program: &Program,
    speech: &Speech,
    trips: u64,
) -> Result<BTreeMap<String, u32>, String> {
    let file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    let path = file.path().display().to_string();
    let ahead = ["strace", "-f", "-c", "-o", &path];
    let mut server = Server::start_with(place, program, &ahead)?;
    let mut load = Load::connect(&server, speech, 1, 0)?;
    load.exactly(trips)?;
    server.stop(Signal::SIGTERM);
    let text = fs::read_to_string(&path).map_err(|error| format!("strace: {error}"))?;
    let counts = table(&text);
    if counts.is_empty() {
        return Err(format!("strace counts nothing of {}", program.name));
    }
    Ok(counts)
}

/// The calls of strace's table: `% time  seconds  usecs/call  calls  [errors]  syscall`.
fn table(text: &str) -> BTreeMap<String, u32> {
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let name = *words.last()?;
        let calls = words.get(3)?.parse().ok()?;
        (words.len() >= 5 && name != "total").then(|| (name.to_owned(), calls))
    };
    text.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_strace_counts() {
        let text = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000600           5       100           recvfrom
 40.00    0.000400           4       101         1 sendto
------ ----------- ----------- --------- --------- ----------------
100.00    0.001000           4       201         1 total
";
        let counts = super::table(text);
        let counts: Vec<_> = counts.iter().map(|(name, calls)| (name.as_str(), *calls)).collect();
        assert_eq!(counts, [("recvfrom", 100), ("sendto", 101)]);
    }
}
