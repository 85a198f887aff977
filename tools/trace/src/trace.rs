//! Runs the programs that are asked for, and shows what happened.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use procfs::process::Process;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::register_usize;

use timeline::{Timeline, Words};

use crate::helper::Rights;
use crate::machines::Machines;
use crate::order::{Order, Program, Show};
use crate::record::{Event, Outcome, Sink, record};
use crate::source::has_debug_information;
use crate::tap::now;
use crate::text::{Shows, Writer};
use crate::{course, json, namespace, page, pcap, running};

/// What is needed, and the package that has it on Debian and Ubuntu.
const TOOLS: [(&str, &str); 2] = [("strace", "strace"), ("ip", "iproute2")];

/// Finds the programs, or has them built, goes into a namespace, and shows what happens there. Gives
/// the exit status of the (last) program.
pub fn trace(mut order: Order) -> Result<ExitCode, String> {
    if let Some(file) = &order.from {
        return show_again(&order, file);
    }
    let needed = if order.pid.is_some() { &TOOLS[..1] } else { &TOOLS };
    for (tool, package) in needed {
        if on_the_path(tool).is_none() {
            return Err(format!(
                "cargo trace needs {tool}: sudo apt install {package} (or \
                 your system's package {package})"
            ));
        }
    }
    if let Some(pid) = order.pid {
        let name = running::find(pid)?;
        order.programs.push(Program { name, arguments: vec![], foreign: true });
    } else {
        for program in &mut order.programs {
            let path = find(program)?.into_os_string();
            program.name = path.into_string().map_err(|path| format!("{path:?} is not UTF-8"))?;
        }
    }
    // A stack for each call takes long: a page has none where there is no line to be found.
    let may_have_lines = |program: &Program| {
        !is_interpreter(program.short_name())
            && fs::read(&program.name).map_or(true, |file| has_debug_information(&file))
    };
    order.stacks =
        order.show.code || order.page.is_some() && order.programs.iter().any(may_have_lines);
    try_files(&order)?;
    let rights = Rights::read()?;
    // What runs already is where it is.
    if order.inside && namespace::leads_elsewhere() {
        return Err("--inside: this network leads elsewhere, and would be changed".to_owned());
    }
    if order.pid.is_none() && !order.inside {
        namespace::enter()?;
    }
    let machines = match order.pid {
        None => Machines::set_up(std::mem::take(&mut *order.network), &rights)?,
        Some(_) => Machines::of_others(),
    };
    // Ctrl-C and the like are for the program; what was seen until it ends is shown.
    let stop = Arc::new(AtomicUsize::new(0));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        if signal == SIGHUP && ignores(signal) {
            // Started by nohup, it goes on without a terminal.
            continue;
        }
        let number = usize::try_from(signal).map_err(|error| error.to_string())?;
        register_usize(signal, Arc::clone(&stop), number).map_err(|error| error.to_string())?;
    }
    let names = names(&order.programs);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut shown = Shown::new(&order, &order.programs, &names, now())?;
    let outcome = record(&order, &names, &rights, &stop, machines, &mut shown)?;
    shown.end(&outcome)?;
    Ok(ExitCode::from(outcome.status))
}

/// Whether this process was told to ignore a signal.
fn ignores(signal: i32) -> bool {
    let status = Process::myself().and_then(|process| process.status());
    status.is_ok_and(|status| status.sigign & 1 << (signal - 1) != 0)
}

/// Shows a record.
fn show_again(order: &Order, file: &Path) -> Result<ExitCode, String> {
    let mut reader = json::Reader::open(file)?;
    try_files(order)?;
    let names = reader.names.clone();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let programs = std::mem::take(&mut reader.programs);
    let mut shown = Shown::new(order, &programs, &names, reader.start)?;
    let outcome = reader.tell(&mut shown)?;
    shown.end(&outcome)?;
    Ok(ExitCode::SUCCESS)
}

/// Whether the files can be written: better now than after the run. And whether each is another one.
fn try_files(order: &Order) -> Result<(), String> {
    // (A terminal, a pipe and the like may be named twice.)
    let which = |metadata: Metadata| metadata.is_file().then(|| (metadata.dev(), metadata.ino()));
    let mut all: BTreeSet<_> = order.from.iter().flat_map(fs::metadata).filter_map(which).collect();
    for file in [&order.svg, &order.page, &order.json, &order.pcap].into_iter().flatten() {
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(file);
        let metadata = opened.and_then(|opened| opened.metadata()).map_err(cannot_write(file))?;
        if which(metadata).is_some_and(|which| !all.insert(which)) {
            return Err(format!("{} is named twice: each option takes its own", file.display()));
        }
    }
    Ok(())
}

fn cannot_write(file: &Path) -> impl Fn(io::Error) -> String + '_ {
    |error| format!("cannot write {}: {error}", file.display())
}

/// What is shown and written while it happens, and drawn at the end.
struct Shown<'a> {
    order: &'a Order,
    names: &'a [&'a str],
    screen: Writer,
    picture: Option<Writer>,
    page: Option<Writer>,
    programs: &'a [Program],
    json: Option<json::Writer<'a>>,
    pcap: Option<pcap::Writer<'a>>,
    is_watched: bool,
    /// The timeline cannot be written any more.
    error: Option<io::Error>,
    /// Nor another file, which is this one.
    failed: Option<String>,
}

impl Sink for Shown<'_> {
    fn event(&mut self, event: &Event) {
        self.screen.event(event);
        self.write(event);
        for writer in [&mut self.picture, &mut self.page].into_iter().flatten() {
            writer.event(event);
        }
    }

    fn flush(&mut self) {
        // The next event, or the end, says what is wrong.
        let _ = self.json.as_mut().map(json::Writer::flush);
        let _ = self.pcap.as_mut().map(pcap::Writer::flush);
        let text = self.screen.take();
        if text.is_empty() || self.error.is_some() {
            return;
        }
        let mut output = io::stdout().lock();
        let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
        self.error = written.err();
    }

    fn is_watched(&self) -> bool {
        self.is_watched
    }

    fn pause(&mut self) {
        self.screen.pause();
        self.flush();
    }

    fn is_over(&self) -> bool {
        let draws = self.picture.is_some() || self.page.is_some();
        let writes = draws || self.json.is_some() || self.pcap.is_some();
        self.error.is_some() && !writes
    }
}

impl<'a> Shown<'a> {
    fn new(
        order: &'a Order,
        programs: &'a [Program],
        names: &'a [&'a str],
        start: Duration,
    ) -> Result<Self, String> {
        let Show { folds_nothing, times, .. } = order.show;
        let on_page = Show { folds_nothing, times, code: true, ..Show::ALL };
        let json = order.json.as_ref().map(|file| {
            json::Writer::begin(file, start, &order.programs, names).map_err(cannot_write(file))
        });
        let pcap = order
            .pcap
            .as_ref()
            .map(|file| pcap::Writer::begin(file, names).map_err(cannot_write(file)));
        Ok(Self {
            order,
            names,
            screen: Writer::new(names, order.show, start, Shows::Text),
            picture: order
                .svg
                .as_ref()
                .map(|_| Writer::new(names, Show::ALL, start, Shows::Picture)),
            page: order.page.as_ref().map(|_| Writer::new(names, on_page, start, Shows::Page)),
            programs,
            json: json.transpose()?,
            pcap: pcap.transpose()?,
            is_watched: io::stdout().is_terminal(),
            error: None,
            failed: None,
        })
    }

    /// Writes an event to the files; one that cannot be written gets no more.
    fn write(&mut self, event: &Event) {
        if let (Some(file), Some(json)) = (&self.order.json, &mut self.json) {
            if let Err(error) = json.event(event) {
                self.failed = Some(cannot_write(file)(error));
                self.json = None;
            }
        }
        if let (Some(file), Some(pcap)) = (&self.order.pcap, &mut self.pcap) {
            if let Err(error) = pcap.event(event) {
                self.failed = Some(cannot_write(file)(error));
                self.pcap = None;
            }
        }
    }

    /// Ends them all; what cannot be written is no reason to leave out the others.
    fn end(mut self, outcome: &Outcome) -> Result<(), String> {
        let timeline = self.end_timeline(&outcome.endings);
        let json = match (&self.order.json, self.json) {
            (Some(file), Some(json)) => json.end(outcome).map_err(cannot_write(file)),
            _ => Ok(()),
        };
        let pcap = match (&self.order.pcap, self.pcap) {
            (Some(file), Some(pcap)) => pcap.end().map_err(cannot_write(file)),
            _ => Ok(()),
        };
        let svg = match (&self.order.svg, self.picture) {
            (Some(file), Some(mut all)) => draw(file, &all.take(), self.names),
            _ => Ok(()),
        };
        let page = match (&self.order.page, self.page) {
            (Some(file), Some(mut all)) => {
                let text = all.take();
                page::write(file, self.programs, &text, &all.files()).map_err(cannot_write(file))
            }
            _ => Ok(()),
        };
        timeline.and(self.failed.map_or(Ok(()), Err)).and(json).and(pcap).and(svg).and(page)
    }

    fn end_timeline(&mut self, endings: &[String]) -> Result<(), String> {
        let others = [&mut self.picture, &mut self.page].into_iter().flatten();
        for writer in others.chain([&mut self.screen]) {
            writer.end(endings);
        }
        self.flush();
        match self.error.take() {
            // Who reads may have seen enough.
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(format!("the timeline cannot be written: {error}"))
            }
            _ => Ok(()),
        }
    }
}

/// Draws the timeline.
fn draw(file: &Path, timeline: &str, names: &[&str]) -> Result<(), String> {
    let name = names.join(" with ");
    let picture = Timeline::read(timeline).svg(&name, &[], &Words::default())?;
    // A page of the book has these; a file of its own has not.
    let own = "<style>:root{--links:#2b6cb0;--mono-font:monospace}";
    let picture = picture.replacen("<style>", own, 1);
    fs::write(file, picture).map_err(cannot_write(file))
}

/// What the programs are called: scripts as such; others of the same name with the file that they
/// are about.
fn names(programs: &[Program]) -> Vec<String> {
    let plain: Vec<&str> = programs.iter().map(Program::short_name).collect();
    let is_twice =
        |all: &[String], name: &String| all.iter().filter(|other| *other == name).count() > 1;
    let name = |program: &Program| {
        let name = program.short_name();
        let file = program.arguments.iter().find(|argument| !argument.starts_with('-'));
        let file = file.filter(|file| Path::new(file).is_file());
        match file.and_then(|file| file.rsplit('/').next()) {
            Some(script) if is_interpreter(name) => script.to_owned(),
            Some(file) if plain.iter().filter(|other| **other == name).count() > 1 => {
                format!("{name} {file}")
            }
            _ => name.to_owned(),
        }
    };
    let all: Vec<String> = programs.iter().map(name).collect();
    let numbered = all.iter().enumerate().map(|(at, name)| match is_twice(&all, name) {
        true => format!("{name} [{}]", at + 1),
        false => name.clone(),
    });
    numbered.collect()
}

/// Whether a program runs the first file that it is told of.
fn is_interpreter(name: &str) -> bool {
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let all = [
        "python", "pypy", "perl", "ruby", "node", "lua", "php", "sh", "bash", "dash", "ksh", "zsh",
    ];
    all.contains(&name)
}

/// The path of a program, or of an example, which is built.
fn find(program: &Program) -> Result<PathBuf, String> {
    let name = &program.name;
    // A program of the same name elsewhere may be an old one, or another project's.
    if !program.foreign && !Path::new(name).is_file() {
        if let Some(path) = course::build(name)? {
            return Ok(path);
        }
    }
    on_the_path(name).ok_or_else(|| match program.foreign {
        true => format!("there is no program {name}"),
        false => course::is_nothing(name),
    })
}

/// Where a program is: the name may be a path.
fn on_the_path(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| path.is_file());
    }
    let path = env::var_os("PATH")?;
    let mut all = env::split_paths(&path).map(|folder| folder.join(name));
    all.find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_called_by_its_name() {
        let program = |name: &str, arguments: &[&str]| Program {
            name: name.to_owned(),
            arguments: arguments.iter().map(|it| (*it).to_owned()).collect(),
            foreign: true,
        };
        // (These files are there.)
        let python = |file: &str| program("/usr/bin/python3.11", &["-u", file, "8090"]);
        let called = |all: &[Program]| names(all).join(", ");
        assert_eq!(called(&[python("src/tap.rs")]), "tap.rs");
        assert_eq!(called(&[python("src/tap.rs"), python("src/text.rs")]), "tap.rs, text.rs");
        let twice = [python("src/tap.rs"), python("src/tap.rs")];
        assert_eq!(called(&twice), "tap.rs [1], tap.rs [2]");
        assert_eq!(called(&[program("python3", &["-c", "pass"])]), "python3");
        let other = |file: &str| program("./other", &[file]);
        assert_eq!(called(&[other("src/tap.rs")]), "other");
        assert_eq!(
            called(&[other("src/tap.rs"), other("src/text.rs")]),
            "other tap.rs, other text.rs"
        );
    }
}
