//! The processes that this tool starts of itself: a keeper, with whom all others end, and what
//! becomes strace with the rights that the program has without this tool.

use std::env;
use std::ffi::OsString;
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode, Stdio};
use std::{process, thread};

use caps::{CapSet, Capability, CapsHashSet};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::getppid;

use crate::namespace;

const KEEPER: &str = "--as-keeper";
const LAUNCHER: &str = "--as-launcher";
const FOLLOWER: &str = "--as-follower";

/// Does the work of a helper, if this process is one.
pub fn help() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let which = arguments.next()?;
    if which == KEEPER {
        return Some(keep());
    }
    if which == FOLLOWER {
        eprintln!("cargo trace: {}", follow(arguments));
        return Some(ExitCode::FAILURE);
    }
    (which == LAUNCHER).then(|| {
        eprintln!("cargo trace: {}", launch(arguments));
        ExitCode::FAILURE
    })
}

fn this_program() -> Result<Command, String> {
    let program = env::current_exe().map_err(|error| format!("where am I? {error}"))?;
    Ok(Command::new(program))
}

/// The first process of a namespace of processes. When it ends, whatever ends it, the kernel ends
/// all others in there: those that a program left behind, and those that ignore every signal.
pub struct Keeper(Child);

impl Keeper {
    /// Starts it; the next processes that this one starts are in its namespace, too.
    pub fn start() -> Result<Self, String> {
        namespace::processes()?;
        // It ends when its input does: with this process at the latest.
        let mut keeper = this_program()?;
        keeper.arg(KEEPER).stdin(Stdio::piped()).stdout(Stdio::null());
        let child = keeper.spawn().map_err(|error| format!("no process: {error}"))?;
        Ok(Self(child))
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Ends everything in there. Their parents have to wait for them.
    pub fn kill(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.kill();
        let _ = self.0.wait();
    }
}

fn keep() -> ExitCode {
    let ended = SigSet::from(Signal::SIGCHLD);
    if let Err(error) = ended.thread_block() {
        eprintln!("cargo trace: signals: {error}");
        return ExitCode::FAILURE;
    }
    // Processes whose parent has ended become children of this one.
    thread::spawn(move || {
        while ended.wait().is_ok() {
            let any = || waitpid(None, Some(WaitPidFlag::WNOHANG));
            while any().is_ok_and(|status| status != WaitStatus::StillAlive) {}
        }
    });
    let _ = io::stdin().read(&mut [0]);
    ExitCode::SUCCESS
}

/// What a process may do, beyond what every process may.
#[derive(Clone)]
pub struct Rights {
    ambient: CapsHashSet,
    inheritable: CapsHashSet,
    bounding: CapsHashSet,
}

impl Rights {
    /// Those of this process.
    pub fn read() -> Result<Self, String> {
        let read = |set| caps::read(None, set).map_err(|error| format!("no rights: {error}"));
        Ok(Self {
            ambient: read(CapSet::Ambient)?,
            inheritable: read(CapSet::Inheritable)?,
            bounding: read(CapSet::Bounding)?,
        })
    }

    /// The programs that this process starts have this right, too.
    pub fn with(&self, right: Capability) -> Result<(), String> {
        for set in [CapSet::Inheritable, CapSet::Ambient] {
            caps::raise(None, set, right).map_err(|error| format!("no {right}: {error}"))?;
        }
        Ok(())
    }

    /// The programs that this process starts have these rights again.
    pub fn restore(&self) -> Result<(), String> {
        caps::set(None, CapSet::Ambient, &self.ambient)
            .and_then(|()| caps::set(None, CapSet::Inheritable, &self.inheritable))
            .map_err(|error| format!("the rights of a program cannot be as before: {error}"))
    }

    fn as_arguments(&self) -> [String; 3] {
        let bits = |set: &CapsHashSet| set.iter().map(Capability::bitmask).sum::<u64>();
        [&self.ambient, &self.inheritable, &self.bounding].map(|set| bits(set).to_string())
    }

    fn from_arguments(arguments: &mut impl Iterator<Item = OsString>) -> Option<Self> {
        let mut set = || {
            let bits: u64 = arguments.next()?.to_str()?.parse().ok()?;
            Some(caps::all().into_iter().filter(|right| right.bitmask() & bits != 0).collect())
        };
        Some(Self { ambient: set()?, inheritable: set()?, bounding: set()? })
    }
}

/// A command that runs `program` with these rights, and with a `/proc` that shows the processes of
/// its namespace under their numbers there.
pub fn launcher(rights: &Rights, program: &str) -> Result<Command, String> {
    let mut command = this_program()?;
    command.arg(LAUNCHER).args(rights.as_arguments()).arg(program);
    Ok(command)
}

/// Starts a launcher.
pub fn spawn(launcher: &mut Command, rights: &Rights) -> Result<Child, String> {
    // Not to be had: then `/proc` stays as it is, and strace finds its way.
    let _ = rights.with(Capability::CAP_SYS_ADMIN);
    let child = launcher.spawn().map_err(|error| format!("strace cannot be started: {error}"));
    rights.restore()?;
    child
}

/// A command that runs `program`, which is asked to end when this process ends, whatever ends it;
/// and Ctrl-C is not for it.
pub fn follower(program: &str) -> Result<Command, String> {
    let mut command = this_program()?;
    command.arg(FOLLOWER).arg(process::id().to_string()).arg(program).process_group(0);
    Ok(command)
}

/// Becomes another program, which ends with its parent; or says why it can't.
fn follow(mut arguments: impl Iterator<Item = OsString>) -> String {
    let (parent, program) = (arguments.next(), arguments.next());
    let (Some(parent), Some(program)) = (parent, program) else {
        return format!("{FOLLOWER} is not for you");
    };
    if let Err(error) = set_pdeathsig(Signal::SIGTERM) {
        return error.to_string();
    }
    // It may have ended before.
    if parent.to_str() != Some(&getppid().to_string()) {
        return "nobody asks any more".to_owned();
    }
    Command::new(program).args(arguments).exec().to_string()
}

/// Becomes another program; or says why it can't.
fn launch(mut arguments: impl Iterator<Item = OsString>) -> String {
    let (rights, program) = (Rights::from_arguments(&mut arguments), arguments.next());
    let (Some(rights), Some(program)) = (rights, program) else {
        return format!("{LAUNCHER} is not for you");
    };
    let none = None::<&str>;
    // In many containers nobody may; see above.
    let _ = unshare(CloneFlags::CLONE_NEWNS)
        .and_then(|()| mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none))
        .and_then(|()| {
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
            mount(Some("proc"), "/proc", Some("proc"), flags, none)
        });
    // Root has all of the rights that are in this set. Others have none of them, and can't change
    // it either.
    for right in caps::all().difference(&rights.bounding) {
        let _ = caps::drop(None, CapSet::Bounding, *right);
    }
    if let Err(error) = rights.restore() {
        return error;
    }
    Command::new(program).args(arguments).exec().to_string()
}
