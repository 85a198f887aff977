//! The servers that are compared, and how they are built.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::tell;

/// A server: its name in the results, and how it is started (the address comes last).
#[derive(Clone, Debug)]
pub struct Program {
    pub name: String,
    pub command: Vec<String>,
    /// How many clients it serves at once, at the most.
    pub places: usize,
    /// How many of them talk at once, at the most: with more, the machine does little else.
    pub at_once: usize,
    /// The reader's own: nobody knows yet what it speaks.
    pub is_own: bool,
}

/// One of the list, not built yet.
pub struct Known {
    pub name: &'static str,
    from: From,
    places: usize,
    at_once: usize,
}

enum From {
    /// In `servers`.
    C(&'static str),
    Rust(&'static str),
    Python(&'static str),
    /// In `examples`, built by this package.
    Example(&'static str, &'static str),
}

const MANY: usize = 100_000;
const COURSE: &str = "socket-steps";
const OF_MANY: &str = "socket-steps-many";

/// What others are compared with: with one client, and with many.
pub const BLOCKING: &str = "C, blocking";
pub const EPOLL: &str = "C, epoll";

/// The names say what they do; where it is a program of the course, which.
pub const KNOWN: [Known; 10] = [
    known(BLOCKING, From::C("blocking"), 1),
    known("std", From::Rust("std"), 1),
    known("socket2 (07_first_server)", From::Example(COURSE, "07_first_server"), 1),
    known(EPOLL, From::C("epoll"), MANY),
    known("poll (25_poll_server)", From::Example(OF_MANY, "25_poll_server"), MANY),
    known("tokio (26_async_server)", From::Example(OF_MANY, "26_async_server"), MANY),
    Known { at_once: 1_000, ..known("threads, Rust", From::Rust("std_threads"), 10_000) },
    known("pool (16_thread_pool)", From::Example(COURSE, "16_thread_pool"), 4),
    // (With 5,000, nobody is answered within five seconds.)
    known("threads, Python", From::Python("threads"), 100),
    known("asyncio", From::Python("asyncio_server"), MANY),
];

const fn known(name: &'static str, from: From, places: usize) -> Known {
    Known { name, from, places, at_once: places }
}

/// Builds all that are here, and those that read and send for the throughput. Says which are not.
pub struct Workshop {
    servers: PathBuf,
    examples: PathBuf,
    /// What is built stands there.
    target: PathBuf,
}

impl Workshop {
    /// In the folder of the project, which has this folder for what is built.
    pub fn new(project: &Path, target: &Path) -> Result<Self, String> {
        let servers = project.join("tools/measure/servers");
        let target = target.to_owned();
        fs::create_dir_all(&target).map_err(|error| format!("{}: {error}", target.display()))?;
        Ok(Self { servers, examples: project.join("examples"), target })
    }

    /// All of these that can be built here; and why not the others.
    pub fn build(&self, wanted: &[&str]) -> (Vec<Program>, Vec<String>) {
        let (mut programs, mut missing) = (vec![], vec![]);
        for known in KNOWN.iter().filter(|known| wanted.contains(&known.name)) {
            let built = match known.from {
                From::C(name) => self.c(name).map(|path| vec![path]),
                From::Rust(name) => self.rust(name).map(|path| vec![path]),
                From::Python(name) => self.python(name),
                From::Example(package, name) => self.example(package, name).map(|path| vec![path]),
            };
            match built {
                Ok(command) => programs.push(Program {
                    name: known.name.to_owned(),
                    command,
                    places: known.places,
                    at_once: known.at_once,
                    is_own: false,
                }),
                Err(why) => missing.push(format!("{}: {why}", known.name)),
            }
        }
        (programs, missing)
    }

    pub fn c(&self, name: &str) -> Result<String, String> {
        self.compiled(&format!("{name}.c"), &format!("{name}-c"), &["cc", "-O2"])
    }

    pub fn rust(&self, name: &str) -> Result<String, String> {
        let compiler = ["rustc", "--edition", "2024", "-Copt-level=3"];
        self.compiled(&format!("{name}.rs"), &format!("{name}-rs"), &compiler)
    }

    /// If it has not been since the servers were changed.
    fn compiled(&self, source: &str, name: &str, compiler: &[&str]) -> Result<String, String> {
        let (source, program) = (self.servers.join(source), self.target.join(name));
        let changed = |file: &Path| fs::metadata(file).and_then(|file| file.modified()).ok();
        // (They include what stands beside them.)
        let sources = fs::read_dir(&self.servers).into_iter().flatten().flatten();
        let sources = sources.filter_map(|file| changed(&file.path())).max();
        if changed(&program).zip(sources).is_none_or(|(program, sources)| program < sources) {
            // Another one of this may be running, and start it.
            let new = self.target.join(format!("{name}.{}", std::process::id()));
            run(Command::new(compiler[0]).args(&compiler[1..]).arg("-o").arg(&new).arg(source))?;
            fs::rename(&new, &program).map_err(|error| format!("{name}: {error}"))?;
        }
        path(&program)
    }

    fn python(&self, name: &str) -> Result<Vec<String>, String> {
        // Not a script that looks for it each time, as version managers have: the program itself.
        let mut python = Command::new("python3");
        let python = run(python.args(["-c", "import sys; print(sys.executable)"]))?;
        let script = path(&self.servers.join(format!("{name}.py")))?;
        Ok(vec![python.trim().to_owned(), script])
    }

    fn example(&self, package: &str, name: &str) -> Result<String, String> {
        if !self.examples.join(format!("{name}.rs")).is_file() {
            return Err("it is not there".to_owned());
        }
        tell(&format!("building {name}"));
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.current_dir(&self.examples);
        build.args(["build", "--quiet", "--message-format=json-render-diagnostics"]);
        build.args(["--package", package, "--example", name]);
        // (The tests are not about speed.)
        if !cfg!(debug_assertions) {
            // As one builds what others are given: optimized in one piece, and without what the project's
            // own settings add for `cargo trace` (frame pointers).
            build.env("RUSTFLAGS", "").arg("--target-dir").arg(self.target.join("build"));
            build.args(["--profile", "release"]);
            for setting in ["lto=\"fat\"", "codegen-units=1"] {
                build.arg("--config").arg(format!("profile.release.{setting}"));
            }
        }
        let messages = run(&mut build)?;
        let mut programs = messages.lines().filter_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            let is_it = message["target"]["name"] == name;
            is_it.then(|| message["executable"].as_str().map(str::to_owned))?
        });
        programs.next_back().ok_or_else(|| "cargo does not say where it is".to_owned())
    }
}

fn path(file: &Path) -> Result<String, String> {
    if !file.is_file() {
        return Err(format!("{} is not there", file.display()));
    }
    file.to_str().map(str::to_owned).ok_or_else(|| format!("{} is not UTF-8", file.display()))
}

/// What it prints.
pub fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_owned();
    let name = Path::new(&name).file_name().unwrap_or(OsStr::new("?"));
    let name = name.to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = said.lines().find(|line| line.contains("error")).or(said.lines().last());
        return Err(format!("{name}: {}", line.unwrap_or("it failed").trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
