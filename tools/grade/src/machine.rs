//! What this machine allows. Where one of its limits is in the way of a check, the program is not
//! to blame: the check is not run.

use std::io::{self, ErrorKind};
use std::net::UdpSocket;

#[cfg(unix)]
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::words::{Words, text};
use crate::wrong::{Outcome, Wrong};

/// So many open files are enough for each check.
#[cfg(unix)]
const MANY: u64 = 1024;

/// The grader's own call has failed.
impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Self {
        let help = match error.kind() {
            _ if is_full(&error) => "Are there too many processes or open files? See ulimit -a.",
            // Of the machine's own address: it is the port that is not there.
            ErrorKind::AddrNotAvailable => {
                "No port is free for one more connection. See sysctl net.ipv4.ip_local_port_range."
            }
            _ => "Try again.",
        };
        Self::machine(text!("the grader's own call failed: {error}. {help}", error, help))
    }
}

/// Whether there was no room for one more process, thread or open file.
#[cfg(unix)]
pub fn is_full(error: &io::Error) -> bool {
    use nix::libc::{EAGAIN, EMFILE, ENFILE, ENOMEM};

    matches!(error.raw_os_error(), Some(EAGAIN | EMFILE | ENFILE | ENOMEM))
}

#[cfg(not(unix))]
pub fn is_full(_: &io::Error) -> bool {
    false
}

/// A check talks to a program on this machine.
pub fn allow_loopback() -> Outcome {
    let socket = UdpSocket::bind("127.0.0.1:0");
    socket.and_then(|socket| socket.connect("127.0.0.1:9")).map_err(|error| {
        Wrong::machine(text!(
            "127.0.0.1 cannot be reached: {error}. Is loopback up? sudo ip link set lo up",
            error
        ))
    })
}

/// What a process may have is often less than what it may ask for: the grader does, for itself and
/// the programs.
#[cfg(unix)]
pub fn ask_for_files() {
    if let Ok((limit, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, limit.max(most.min(MANY)), most);
    }
}

#[cfg(not(unix))]
pub fn ask_for_files() {}

/// How a limit is raised, by whoever may.
#[cfg(unix)]
fn raise(may: bool, shell: &'static str, root: &'static str) -> Words {
    match may {
        true => text!("Raise it: ulimit {shell}", shell),
        false => text!("Raise it: sudo prlimit {root} --pid $$", root),
    }
}

/// A check needs so many open files, in the grader or in the program.
#[cfg(unix)]
pub fn allow_files(needed: u64) -> Outcome {
    let Ok((limit, most)) = getrlimit(Resource::RLIMIT_NOFILE) else { return Ok(()) };
    if limit >= needed {
        return Ok(());
    }
    let raise = raise(most >= MANY, "-n 1024", "--nofile=1024");
    Err(Wrong::machine(text!(
        "a process may have {limit} open files here, and this check needs {needed}. {raise}",
        limit,
        needed,
        raise
    )))
}

#[cfg(not(unix))]
pub fn allow_files(_: u64) -> Outcome {
    Ok(())
}

/// A check starts so many processes and threads, the program's included. Root has no limit.
#[cfg(target_os = "linux")]
pub fn allow_processes(needed: u64) -> Outcome {
    use std::fs::read_dir;
    use std::os::unix::fs::MetadataExt as _;

    let user = nix::unistd::getuid();
    let Ok((limit, most)) = getrlimit(Resource::RLIMIT_NPROC) else { return Ok(()) };
    if user.is_root() || limit == nix::sys::resource::RLIM_INFINITY {
        return Ok(());
    }
    let processes = read_dir("/proc").into_iter().flatten().flatten();
    let own = processes.filter(|entry| entry.metadata().is_ok_and(|it| it.uid() == user.as_raw()));
    let threads = own.filter_map(|entry| Some(read_dir(entry.path().join("task")).ok()?.count()));
    let number = threads.sum::<usize>() as u64;
    if number + needed <= limit {
        return Ok(());
    }
    let raise = raise(most >= number + 1024, "-u 4096", "--nproc=4096");
    Err(Wrong::machine(text!(
        "a user may have {limit} processes and threads here, of which {number} are running, and \
         this check needs {needed} more. {raise}",
        limit,
        number,
        needed,
        raise
    )))
}

#[cfg(not(target_os = "linux"))]
pub fn allow_processes(_: u64) -> Outcome {
    Ok(())
}

/// In a check so many connections wait until the program accepts them. (Linux cuts the number that
/// `listen` gets to this one, and says nothing.)
#[cfg(target_os = "linux")]
pub fn allow_queue(needed: u32) -> Outcome {
    let limit = std::fs::read_to_string("/proc/sys/net/core/somaxconn");
    let limit = limit.ok().and_then(|limit| limit.trim().parse::<u32>().ok());
    match limit {
        Some(limit) if limit < needed => Err(Wrong::machine(text!(
            "{limit} connections may wait at a listener here (net.core.somaxconn), whatever \
             listen asks for, and this check needs {needed}. Raise it: sudo sysctl \
             net.core.somaxconn=4096",
            limit,
            needed
        ))),
        _ => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
pub fn allow_queue(_: u32) -> Outcome {
    Ok(())
}
