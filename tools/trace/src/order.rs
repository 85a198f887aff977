//! What is asked for.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt as _;

use crate::network::{self, Network};

/// What is asked for.
pub enum Wish {
    Help,
    Version,
    Trace(Box<Order>),
}

/// What to run, and what to show of it.
#[derive(Debug, Default)]
pub struct Order {
    pub programs: Vec<Program>,
    pub show: Show,
    pub faults: Vec<Fault>,
    pub svg: Option<PathBuf>,
    /// The player, with all that was seen and the code.
    pub page: Option<PathBuf>,
    /// Whether each call is to have its line of code.
    pub stacks: bool,
    /// The process to follow, which runs already.
    pub pid: Option<i32>,
    /// The record, for other programs; and the packets, for those that read such files.
    pub json: Option<PathBuf>,
    pub pcap: Option<PathBuf>,
    /// Nothing is run: an earlier record is shown.
    pub from: Option<PathBuf>,
    /// How long nothing may happen, if that was said.
    pub patience: Option<Duration>,
    /// This process is in a namespace of its own already: the tests compare what others see there.
    pub inside: bool,
    pub network: Box<Network>,
}

#[derive(Debug)]
pub struct Program {
    /// A program, or the name of an example or of an exercise; then its path.
    pub name: String,
    pub arguments: Vec<String>,
    /// Any program, not an example.
    pub foreign: bool,
}

/// What strace is asked for.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub faults: &'a [Fault],
    /// When each thing happened.
    pub times: bool,
    /// Who called whom.
    pub stacks: bool,
}

impl Order {
    pub fn asked(&self) -> Asked<'_> {
        let times = self.show.times || self.json.is_some() || self.pcap.is_some();
        Asked { faults: &self.faults, times, stacks: self.stacks }
    }
}

impl Program {
    /// Its name without the folder.
    pub fn short_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

/// Which kinds of lines to print.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Show {
    pub calls: bool,
    pub packets: bool,
    pub states: bool,
    /// Also what repeats itself.
    pub folds_nothing: bool,
    /// When it happened.
    pub times: bool,
    /// Which line of code did it.
    pub code: bool,
}

impl Show {
    /// All kinds of lines.
    pub const ALL: Self = Self {
        calls: true,
        packets: true,
        states: true,
        folds_nothing: false,
        times: false,
        code: false,
    };

    /// All kinds, if none was asked for.
    fn or_all(self) -> Self {
        match self.calls || self.packets || self.states {
            true => self,
            false => Self { calls: true, packets: true, states: true, ..self },
        }
    }
}

/// Lets a call fail.
#[derive(Debug, PartialEq)]
pub struct Fault {
    pub call: String,
    pub error: String,
    /// Which of the calls, in strace's words: `2`, or `2+`.
    pub when: String,
}

const NO_PID: &str = "--pid: the number of a process (pgrep -n python3 says one, for example)";

const ONLY_PID: &str = "--pid follows a program that runs already, where it is: it takes no \
                        program, no --with or --alone, and nothing that is asked of a network";

const ONLY_FROM: &str = "--from shows an earlier run: it takes no program, no --pid, --with or \
                         --alone, no --json, --fault or --wait, and nothing that is asked of a \
                         network";

impl Wish {
    /// Reads the command line, with the program's own name in front.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, lexopt::Error> {
        let mut parser = lexopt::Parser::from_iter(arguments);
        let mut order = Order::default();
        let (mut alone, mut second) = (false, None);
        let first = loop {
            // What follows `--` is a command as it stands.
            let mut raw = parser.raw_args()?;
            if raw.next_if(|next| next == "--").is_some() {
                break raw.next().map(|name| (name, true));
            }
            match parser.next()? {
                None => break None,
                Some(Value(name)) => break Some((name, false)),
                Some(Short('h') | Long("help")) => return Ok(Self::Help),
                Some(Short('V') | Long("version")) => return Ok(Self::Version),
                Some(Long("pid")) => {
                    let number = parser.value()?.parse().ok().filter(|number: &i32| *number > 0);
                    order.pid = Some(number.ok_or(NO_PID)?);
                }
                Some(Long("calls")) => order.show.calls = true,
                Some(Long("packets")) => order.show.packets = true,
                Some(Long("states")) => order.show.states = true,
                Some(Long("all")) => order.show.folds_nothing = true,
                Some(Long("inside")) => order.inside = true,
                Some(Long("alone")) => alone = true,
                Some(Long("apart")) => order.network.apart = true,
                Some(Long(name)) if network::OPTIONS.contains(&name) => {
                    let name = name.to_owned();
                    order.network.read(&name, &parser.value()?.string()?)?;
                }
                Some(Long("with")) => second = Some(parser.value()?.string()?),
                Some(Long("time")) => order.show.times = true,
                Some(Long("code")) => order.show.code = true,
                Some(Long("svg")) => order.svg = Some(file(&mut parser, "svg")?),
                Some(Long("page")) => order.page = Some(file(&mut parser, "page")?),
                Some(Long("json")) => order.json = Some(file(&mut parser, "json")?),
                Some(Long("pcap")) => order.pcap = Some(file(&mut parser, "pcap")?),
                Some(Long("from")) => order.from = Some(file(&mut parser, "from")?),
                Some(Long("fault")) => {
                    order.faults.push(Fault::read(&parser.value()?.string()?)?);
                }
                Some(Long("wait")) => {
                    let seconds = parser.value()?.parse().ok();
                    let few = seconds.filter(|seconds| (1..=600).contains(seconds));
                    let few = few.ok_or("--wait: a number of seconds, 1 to 600")?;
                    order.patience = Some(Duration::from_secs(few));
                }
                Some(other) => return Err(other.unexpected()),
            }
        };
        if order.from.is_some() {
            let runs = first.is_some() || second.is_some() || order.pid.is_some();
            let how = !order.faults.is_empty() || order.patience.is_some() || order.inside;
            if runs || how || alone || order.json.is_some() || order.network.is_asked() {
                return Err(ONLY_FROM.into());
            }
            order.show = order.show.or_all();
            return Ok(Self::Trace(Box::new(order)));
        }
        if order.pid.is_some() {
            let runs = first.is_some() || second.is_some();
            if runs || alone || order.inside || order.network.is_asked() {
                return Err(ONLY_PID.into());
            }
            order.show = order.show.or_all();
            return Ok(Self::Trace(Box::new(order)));
        }
        let (name, foreign) = first
            .ok_or("which program? cargo trace -- python3 server.py, or cargo trace --help")?;
        let mut program = Program { name: name.string()?, arguments: vec![], foreign };
        let mut rest = parser.raw_args()?;
        while let Some(argument) = rest.next() {
            if alone || argument != "--with" {
                program.arguments.push(argument.string()?);
                continue;
            }
            order.programs.push(program);
            let foreign = rest.next_if(|next| next == "--").is_some();
            let name = rest.next().ok_or("--with: which program?")?.string()?;
            program = Program { name, arguments: vec![], foreign };
        }
        order.programs.push(program);
        // Also in front of the first one: then without arguments.
        let in_front = second.map(|name| Program { name, arguments: vec![], foreign: false });
        order.programs.extend(in_front);
        order.network.check()?;
        order.show = order.show.or_all();
        Ok(Self::Trace(Box::new(order)))
    }
}

/// The file that an option names.
fn file(parser: &mut lexopt::Parser, option: &str) -> Result<PathBuf, lexopt::Error> {
    let file = parser.value()?;
    match file == "--" {
        true => Err(format!("--{option}: which file?").into()),
        false => Ok(file.into()),
    }
}

/// The calls that can be made to fail, and what the kernel calls them.
const CALLS: [(&str, &str); 9] = [
    ("socket", "socket"),
    ("bind", "bind"),
    ("listen", "listen"),
    ("accept", "accept,accept4"),
    ("connect", "connect"),
    ("send", "sendto,sendmsg"),
    ("recv", "recvfrom,recvmsg"),
    ("shutdown", "shutdown"),
    ("getsockname", "getsockname"),
];

impl Fault {
    fn read(text: &str) -> Result<Self, String> {
        let all = CALLS.map(|(name, _)| name).join(", ");
        let (call, rest) = text.split_once('=').unwrap_or((text, ""));
        if !CALLS.iter().any(|(name, _)| *name == call) {
            return Err(format!("--fault {text}: the call is one of {all}"));
        }
        let (error, when) = rest.split_once(':').unwrap_or((rest, "1"));
        let letters = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        if !error.starts_with('E') || !error.bytes().all(letters) {
            return Err(format!("--fault {text}: which error? {call}=EINTR, for example"));
        }
        let number = when.strip_suffix('+').unwrap_or(when);
        if !number.parse().is_ok_and(|number: u16| number > 0) {
            let two = format!("{call}={error}:2 (or 2+: from the second on)");
            return Err(format!("--fault {text}: which of the calls? {two}"));
        }
        Ok(Self { call: call.to_owned(), error: error.to_owned(), when: when.to_owned() })
    }

    /// As it was given.
    pub fn as_option(&self) -> String {
        let when = if self.when == "1" { String::new() } else { format!(":{}", self.when) };
        format!("--fault {}={}{when}", self.call, self.error)
    }

    /// Whether it has struck in a call of this name.
    pub fn is_of(&self, call: &str) -> bool {
        let kernel = CALLS.iter().find(|(name, _)| *name == self.call);
        kernel.is_some_and(|(_, calls)| calls.split(',').any(|name| name == call))
    }

    /// In strace's words.
    pub fn as_injection(&self) -> String {
        let kernel = CALLS.iter().find(|(name, _)| *name == self.call);
        let calls = kernel.map_or("", |(_, kernel)| kernel);
        format!("inject={calls}:error={}:when={}", self.error, self.when)
    }
}
