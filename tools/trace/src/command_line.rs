//! What is asked for.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What is asked for.
pub enum Wish {
    Help,
    /// Draw the timelines in these files.
    Draw(Vec<String>),
    Trace(Order),
}

/// What to run, and what to show of it.
#[derive(Debug)]
pub struct Order {
    pub programs: Vec<Program>,
    pub show: Show,
    pub faults: Vec<Fault>,
    pub svg: Option<PathBuf>,
    /// How long nothing may happen.
    pub patience: Duration,
    /// This process is in a namespace of its own already, and everything is
    /// built.
    pub inside: bool,
}

#[derive(Debug)]
pub struct Program {
    /// The name of an example or of an exercise, or a program.
    pub name: String,
    pub arguments: Vec<String>,
    /// Any program, not one of the course's.
    pub foreign: bool,
}

/// Which kinds of lines to print.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Show {
    pub calls: bool,
    pub packets: bool,
    pub states: bool,
}

/// Lets a call fail.
#[derive(Debug, PartialEq)]
pub struct Fault {
    pub call: String,
    pub error: String,
    /// Which of the calls, in strace's words: `2`, or `2+`.
    pub when: String,
}

impl Wish {
    /// Reads the command line, with the program's own name in front.
    ///
    /// # Errors
    /// In words.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        use lexopt::Arg::{Long, Short, Value};

        let mut parser = lexopt::Parser::from_iter(arguments);
        let mut order = Order {
            programs: vec![],
            show: Show::default(),
            faults: vec![],
            svg: None,
            patience: Duration::from_secs(10),
            inside: false,
        };
        let words = |error: lexopt::Error| error.to_string();
        let text = |value: OsString| {
            value.into_string().map_err(|value| format!("{value:?} is not UTF-8"))
        };
        let first = loop {
            // What follows `--` is a command as it stands.
            let mut raw = parser.raw_args().map_err(words)?;
            if raw.peek().is_some_and(|next| next == "--") {
                raw.next();
                break raw.next().map(text).transpose()?.map(|name| (name, true));
            }
            match parser.next().map_err(words)? {
                None => break None,
                Some(Value(name)) => break Some((text(name)?, false)),
                Some(Short('h') | Long("help")) => return Ok(Self::Help),
                Some(Long("calls")) => order.show.calls = true,
                Some(Long("packets")) => order.show.packets = true,
                Some(Long("states")) => order.show.states = true,
                Some(Long("inside")) => order.inside = true,
                Some(Long("svg")) => {
                    order.svg = Some(parser.value().map_err(words)?.into());
                }
                Some(Long("draw")) => {
                    let wanted = parser.raw_args().map_err(words)?.map(text);
                    return wanted.collect::<Result<_, _>>().map(Self::Draw);
                }
                Some(Long("fault")) => {
                    let fault = text(parser.value().map_err(words)?)?;
                    order.faults.push(Fault::read(&fault)?);
                }
                Some(Long("wait")) => {
                    let seconds = text(parser.value().map_err(words)?)?;
                    let few = seconds.parse().ok().filter(|few| (1..=600).contains(few));
                    let few = few.ok_or("--wait: a number of seconds, 1 to 600")?;
                    order.patience = Duration::from_secs(few);
                }
                Some(other) => return Err(other.unexpected().to_string()),
            }
        };
        let Some((name, foreign)) = first else {
            return Err("which program? cargo trace 04_accept, or \
                        cargo trace --help"
                .to_owned());
        };
        let mut program = Program { name, arguments: vec![], foreign };
        let mut rest = parser.raw_args().map_err(words)?.map(text);
        while let Some(argument) = rest.next().transpose()? {
            if argument != "--with" {
                program.arguments.push(argument);
                continue;
            }
            order.programs.push(program);
            let mut name = rest.next().transpose()?;
            let foreign = name.as_deref() == Some("--");
            if foreign {
                name = rest.next().transpose()?;
            }
            let name = name.ok_or("--with: which program?")?;
            program = Program { name, arguments: vec![], foreign };
        }
        order.programs.push(program);
        if order.show == Show::default() {
            order.show = Show { calls: true, packets: true, states: true };
        }
        Ok(Self::Trace(order))
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
            return Err(format!(
                "--fault {text}: which of the calls? {call}={error}:2 (or \
                 2+: from the second on)"
            ));
        }
        Ok(Self { call: call.to_owned(), error: error.to_owned(), when: when.to_owned() })
    }

    /// As an option for `cargo trace` itself.
    pub fn as_option(&self) -> String {
        format!("{}={}:{}", self.call, self.error, self.when)
    }

    /// In strace's words.
    pub fn as_injection(&self) -> String {
        let kernel = CALLS.iter().find(|(name, _)| *name == self.call);
        let calls = kernel.map_or("", |(_, kernel)| kernel);
        format!("inject={calls}:error={}:when={}", self.error, self.when)
    }
}
