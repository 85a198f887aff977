//! A process that outlives the grader by a moment. Whatever ends the grader, SIGKILL too: what it
//! has started is ended then, with all that this has started, in whatever session.

#[cfg(target_os = "linux")]
pub use unix::id;
#[cfg(unix)]
pub use unix::{dismiss, forget, mark, note, start, work};

#[cfg(unix)]
mod unix {
    use std::env;
    use std::ffi::OsStr;
    use std::io::{self, Write as _};
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command, ExitCode, Stdio};
    use std::sync::{LazyLock, Mutex};
    use std::thread;
    use std::time::Duration;

    use nix::sys::signal::{SigSet, Signal, killpg};
    use nix::unistd::Pid;

    const KEEPER: &str = "--as-keeper";
    /// What has just been started when the grader ends is seen a moment later.
    const ROUNDS: u32 = 8;
    const PAUSE: Duration = Duration::from_millis(15);

    static RUNNING: Mutex<Option<Child>> = Mutex::new(None);

    /// A variable in the environment of each program, and of all that it starts: the name, and a
    /// value that no other grader has.
    pub fn mark() -> (&'static str, &'static str) {
        static VALUE: LazyLock<String> =
            LazyLock::new(|| format!("{}.{}", std::process::id(), fastrand::u64(..)));
        ("GRADED_BY", &VALUE)
    }

    /// Starts the keeper. Where that does not work, there is none.
    pub fn start() {
        // The same program, even if another one was built in its place.
        let linux = cfg!(target_os = "linux").then(|| "/proc/self/exe".into());
        let Some(program) = linux.or_else(|| env::current_exe().ok()) else { return };
        let mut keeper = Command::new(program);
        // What is typed in the terminal, and sent to the grader's group, is not for the keeper.
        keeper.arg(KEEPER).arg(mark().1).process_group(0);
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Ok(mut running) = RUNNING.lock() {
            *running = keeper.spawn().ok();
        }
    }

    #[cfg(target_os = "linux")]
    pub fn id() -> Option<u32> {
        RUNNING.lock().ok()?.as_ref().map(Child::id)
    }

    /// It is to end this group of processes as well.
    pub fn note(group: u32) {
        tell(&format!("+{group}\n"));
    }

    /// That one has ended.
    pub fn forget(group: u32) {
        tell(&format!("-{group}\n"));
    }

    fn tell(line: &str) {
        if let Ok(mut running) = RUNNING.lock() {
            let input = running.as_mut().and_then(|keeper| keeper.stdin.as_mut());
            let _ = input.map(|input| input.write_all(line.as_bytes()));
        }
    }

    /// The grader has ended everything itself.
    pub fn dismiss() {
        tell("end\n");
        let keeper = RUNNING.lock().ok().and_then(|mut running| running.take());
        if let Some(mut keeper) = keeper {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }

    /// Does the work of the keeper, if this process is one.
    pub fn work() -> Option<ExitCode> {
        let mut arguments = env::args_os().skip(1);
        if arguments.next()? != OsStr::new(KEEPER) {
            return None;
        }
        let value = arguments.next()?.into_string().ok()?;
        // Whoever ends all of its kind does not end this one, but for SIGKILL.
        let _ = SigSet::all().thread_block();
        #[cfg(target_os = "linux")]
        let _ = nix::sys::prctl::set_name(c"keeper");
        let mut groups = Vec::new();
        // The end of the input is that of the grader.
        for line in io::stdin().lines().map_while(Result::ok) {
            match line.split_at_checked(1) {
                Some(("+", group)) => groups.extend(group.parse::<i32>()),
                Some(("-", group)) => groups.retain(|it| Ok(*it) != group.parse()),
                _ => return Some(ExitCode::SUCCESS),
            }
        }
        for _ in 0..ROUNDS {
            let marked = marked(&value);
            for group in &groups {
                let _ = killpg(Pid::from_raw(*group), Signal::SIGKILL);
            }
            groups.clear();
            for process in marked {
                let _ = nix::sys::signal::kill(Pid::from_raw(process), Signal::SIGKILL);
            }
            thread::sleep(PAUSE);
        }
        Some(ExitCode::SUCCESS)
    }

    /// The processes with this mark, and what they have started.
    #[cfg(target_os = "linux")]
    fn marked(value: &str) -> Vec<i32> {
        let mark = format!("{}={value}\0", mark().0);
        let has_mark = |id: &u32| {
            let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            environment.windows(mark.len()).any(|part| part == mark.as_bytes())
        };
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let processes = processes.filter_map(|it| it.file_name().to_str()?.parse().ok());
        let processes = processes.filter(has_mark).flat_map(crate::processor::processes);
        processes.filter_map(|id| id.try_into().ok()).collect()
    }

    #[cfg(not(target_os = "linux"))]
    fn marked(_: &str) -> Vec<i32> {
        vec![]
    }
}

#[cfg(not(unix))]
pub use elsewhere::{dismiss, start, work};

#[cfg(not(unix))]
mod elsewhere {
    use std::process::ExitCode;

    /// On Windows a job is enough: it ends with the last one who has it open, which is the grader.
    pub fn start() {
        #[cfg(windows)]
        if let Ok(job) = win32job::Job::create() {
            let mut limits = win32job::ExtendedLimitInfo::new();
            let kept = job.set_extended_limit_info(limits.limit_kill_on_job_close());
            let _ = kept.and_then(|()| job.assign_current_process());
            std::mem::forget(job);
        }
    }

    pub fn dismiss() {}

    pub fn work() -> Option<ExitCode> {
        None
    }
}
