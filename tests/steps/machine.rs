//! What the tests need of the machine, and how they start programs on it.

use std::collections::{BTreeMap, BTreeSet};
use std::env::{self, consts::EXE_SUFFIX};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(target_os = "linux")]
use std::path::Path;
use std::process::{self, Child};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{LazyLock, Mutex, RwLock};
use std::thread;
use std::time::Duration;

use assert_cmd::Command;

use crate::support::{HANG_LIMIT, top};

/// A program that runs to its end, with nothing on its standard input, and has a minute for that.
///
/// assert_cmd's own limit comes with a handler of SIGCHLD, and then receives with a limit fail
/// in the tests (EINTR). So the launcher has it where there are signals.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::from_std(launch_for(HANG_LIMIT, program));
    if cfg!(not(unix)) {
        command.timeout(HANG_LIMIT);
    }
    command.write_stdin("");
    command
}

/// What says in which language a person reads.
pub const LANGUAGE: [&str; 3] = ["LC_ALL", "LC_MESSAGES", "LANG"];

/// A program that the test talks to, and ends.
pub fn launch(program: impl AsRef<OsStr>) -> process::Command {
    launch_for(Duration::ZERO, program)
}

/// Whatever a test starts has default signals, and (on Linux) dies with the test: see tests/launch.
/// And it speaks English, whatever the language of this machine is.
fn launch_for(limit: Duration, program: impl AsRef<OsStr>) -> process::Command {
    LazyLock::force(&FIT);
    let mut launch = if cfg!(unix) {
        let [parent, seconds] = [process::id().into(), limit.as_secs()].map(|n| n.to_string());
        let mut launch = process::Command::new(&programs("socket-steps-launch")["launch"]);
        launch.args([parent, seconds]).arg(program);
        launch
    } else {
        process::Command::new(program)
    };
    for name in LANGUAGE {
        launch.env_remove(name);
    }
    launch
}

/// Starts it, or says what keeps it from starting.
pub fn spawn(command: &mut process::Command) -> Child {
    let child = command.spawn();
    child.unwrap_or_else(|error| unreachable!("{command:?} does not start: {error}"))
}

/// The cargo that runs this test.
pub fn cargo() -> process::Command {
    LazyLock::force(&FIT);
    process::Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a compiler, which may take longer than a lesson may.
pub fn succeeds(compiler: &mut process::Command) -> Vec<u8> {
    let output = compiler.output();
    let output =
        output.unwrap_or_else(|error| unreachable!("{compiler:?} does not start: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{compiler:?}:\n{errors}");
    output.stdout
}

/// The programs of a package by name. They are built the first time that one is asked for, and
/// cargo says where they are: a test never runs a stale one.
pub fn programs(package: &str) -> &'static BTreeMap<String, String> {
    static BUILT: Mutex<BTreeMap<String, &BTreeMap<String, String>>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(|failed| failed.into_inner());
    built.entry(package.to_owned()).or_insert_with(|| {
        let mut build = cargo();
        build.current_dir(top()).args(["build", "--quiet"]);
        match package {
            // As plain `cargo test` does it, which has built them then.
            EXAMPLES => build.arg("--examples"),
            _ => build.args(["--package", package]),
        };
        let messages = succeeds(build.arg("--message-format=json-render-diagnostics"));
        let messages = messages.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let programs = messages.filter_map(|line| {
            let message: serde_json::Value = serde_json::from_slice(line).expect("cargo's JSON");
            let (name, path) = (&message["target"]["name"], &message["executable"]);
            Some((name.as_str()?.to_owned(), path.as_str()?.to_owned()))
        });
        Box::leak(Box::new(programs.collect()))
    })
}

/// The program of `cargo trace` or `cargo grade`.
#[cfg(target_os = "linux")]
pub fn tool(name: &str) -> &'static Path {
    let programs = programs(&format!("socket-steps-{name}"));
    Path::new(programs.values().next().expect("a program"))
}

const EXAMPLES: &str = "socket-steps";

/// The program of an example.
pub fn program(name: &str) -> &'static str {
    static PROGRAMS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
        if cfg!(not(windows)) || cargo_starts() {
            return programs(EXAMPLES).clone();
        }
        // Plain `cargo test`, which began this, has just built the examples.
        let here = env::current_exe().expect("a path");
        let folder = here.ancestors().nth(2).expect("a folder").join("examples");
        let path = |name: &str| folder.join(format!("{name}{EXE_SUFFIX}"));
        let path = |name: &str| path(name).to_str().expect("UTF-8").to_owned();
        crate::support::examples().map(|name| (name.to_owned(), path(name))).collect()
    });
    PROGRAMS.get(name).expect(name)
}

/// Whether the tests can start cargo. Under Wine they cannot.
pub fn cargo_starts() -> bool {
    let starts = cargo().arg("--version").output().is_ok();
    if !starts {
        skip("cargo does not start here");
    }
    starts
}

/// Whether these programs are installed; where not, that is [`missing`].
pub fn has(programs: &[&str]) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_here = |program: &&str| {
        let file = format!("{program}{EXE_SUFFIX}");
        let is_there = env::split_paths(&path).any(|folder| folder.join(&file).is_file());
        // A name of Python's may be there and only say how to install it.
        is_there && (**program != *PYTHON || python_runs())
    };
    let absent: Vec<_> = programs.iter().filter(|program| !is_here(program)).collect();
    absent.iter().for_each(|program| missing(&format!("{program} is not installed")));
    absent.is_empty()
}

/// Whether the queue of a listener holds so many clients here; where not, that is [`missing`].
pub fn queues(clients: u32) -> bool {
    let most = fs::read_to_string("/proc/sys/net/core/somaxconn");
    let most = most.ok().and_then(|number| number.trim().parse().ok()).unwrap_or(u32::MAX);
    let fit = most >= clients;
    if !fit {
        let raise = "sysctl -w net.core.somaxconn=4096";
        missing(&format!("a queue of {clients} is cut down to {most} (somaxconn: {raise})"));
    }
    fit
}

fn python_runs() -> bool {
    static RUNS: LazyLock<bool> = LazyLock::new(|| {
        let version = process::Command::new(PYTHON).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    });
    *RUNS
}

/// Python's name.
pub const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };

/// Says what is not tested here, and why. With `CI` set, that is a failure.
pub fn missing(why: &str) {
    assert!(env::var_os("CI").is_none(), "{why}, and with CI set nothing is skipped");
    skip(why);
}

/// The same for what an ordinary user may not do: that is no failure anywhere.
///
/// libtest keeps what a passing test prints. This goes to standard error itself.
pub fn skip(why: &str) {
    static SKIPPED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SKIPPED.lock().is_ok_and(|mut skipped| skipped.insert(why.to_owned())) {
        let _ = io::stderr().write_all(format!("skipped: {}\n", why.trim_end()).as_bytes());
    }
}

static BUSY: RwLock<()> = RwLock::new(());

/// As long as this is held, no test keeps every core busy: what is graded must answer in three
/// seconds.
#[cfg(target_os = "linux")]
pub fn quiet() -> std::sync::RwLockReadGuard<'static, ()> {
    BUSY.read().unwrap_or_else(|failed| failed.into_inner())
}

/// Runs this beside so many threads that do nothing but keep a core busy.
pub fn beside_busy_loops<T>(number: usize, work: impl FnOnce() -> T) -> T {
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Relaxed);
        }
    }
    let _busy = (number > 0).then(|| BUSY.write());
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..number {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        // Also when the work panics.
        let _stop = Stop(&stop);
        work()
    })
}

/// What no test can do without is looked at before the first program starts. One of these is
/// the end of the run, instead of a hundred failures that do not say why.
static FIT: LazyLock<()> = LazyLock::new(|| {
    let mut unfit = vec![];
    if let Err(error) = loopback() {
        unfit.push(format!("127.0.0.1 is not reached ({error}). Is it up? ip link set lo up"));
    }
    if let Err(error) = temporary_file() {
        let folder = env::temp_dir();
        unfit.push(format!("no file can be written in {} ({error}): set TMPDIR", folder.display()));
    }
    if let Err(error) = threads(200) {
        unfit.push(format!("200 threads more are too many ({error}): ulimit -u 1000"));
    }
    let (descriptors, _) = descriptors();
    if descriptors < 256 {
        unfit.push(format!("{descriptors} descriptors are too few: ulimit -n 1024"));
    }
    if !unfit.is_empty() {
        let unfit = unfit.join("\n");
        let _ = io::stderr().write_all(format!("\nno test can run here:\n{unfit}\n\n").as_bytes());
        process::exit(1);
    }
    #[cfg(unix)]
    end_with_the_parent();
});

fn loopback() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    TcpStream::connect_timeout(&listener.local_addr()?, Duration::from_secs(5)).map(drop)
}

fn temporary_file() -> io::Result<()> {
    tempfile::tempfile()?.write_all(&[0; 65536])
}

/// So many of them at the same time.
fn threads(number: usize) -> io::Result<()> {
    let all_started = Mutex::new(());
    let start = all_started.lock();
    let wait = || drop(all_started.lock());
    thread::scope(|scope| {
        let mut threads = (0..number).map(|_| thread::Builder::new().spawn_scoped(scope, wait));
        let started = threads.try_for_each(|thread| thread.map(drop));
        drop(start);
        started
    })
}

/// How many descriptors a program has, and how many it may ask for. On Linux alone that is known.
pub fn descriptors() -> (u64, u64) {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let mut words = line.unwrap_or_default().split_whitespace();
    let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(u64::MAX);
    (number(), number())
}

/// The end of who runs the tests ends them, too.
#[cfg(unix)]
fn end_with_the_parent() {
    use std::os::unix::process::parent_id;
    let parent = parent_id();
    thread::spawn(move || {
        while parent_id() == parent {
            thread::sleep(Duration::from_millis(100));
        }
        process::exit(1);
    });
}

/// Does the same with each of them, so many at a time, the last one first.
/// Gives those with which it failed.
pub fn side_by_side<T: Send>(all: Vec<T>, at_a_time: usize, work: impl Fn(&T) + Sync) -> Vec<T> {
    let (left, failed) = (Mutex::new(all), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                loop {
                    let next = left.lock().expect("a lock").pop();
                    let Some(one) = next else { return };
                    let work = AssertUnwindSafe(|| work(&one));
                    if catch_unwind(work).is_err() {
                        failed.lock().expect("a lock").push(one);
                    }
                }
            });
        }
    });
    failed.into_inner().expect("a list")
}
