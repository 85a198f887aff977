//! Reads what strace writes: one line per call.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use regex_lite::{Captures, Regex};

use crate::source::Stack;
use crate::tables::Family;
use crate::text::quoted;
use crate::{namespace, running};

/// A descriptor or an address in a text, to be numbered later: `{fd:3}`, `{at:127.0.0.1:8090}`
/// between two characters that no program prints.
pub const OPEN: char = '\u{1}';
pub const CLOSE: char = '\u{2}';

/// What stands in front of the number in such a mark of what is no socket: an epoll, an eventfd; and of
/// what a program has an epoll remember of a descriptor.
pub const SET: &str = "epoll";
pub const EVENT: &str = "event";
pub const DATA: &str = "data";

/// What a program did that is to be shown.
pub enum Action {
    /// A line on its standard output or error.
    Text(String),
    Call(Call),
    /// A thread has ended.
    End(End),
    /// The kernel did something by itself.
    Nothing,
}

pub struct End {
    /// As strace says it: "exited with 0".
    pub how: String,
    /// It was the last one of its process, or of its program.
    pub of_process: bool,
    pub of_program: bool,
}

/// Stands for a call that was not seen: what a program had before it was followed.
pub const BEFORE: &str = "before";

/// Stands for what a program was at that did not end by itself.
pub const WAITS: &str = "waits";

pub struct Call {
    pub name: String,
    /// All of it, as strace wrote it, with descriptors and addresses marked, and long strings cut.
    pub text: String,
    /// The sockets that it names, and the one that it gave: descriptor and the kernel's number.
    pub sockets: Vec<(i32, u64)>,
    /// Whether it can bring another call to its end.
    pub wakes: bool,
}

/// What these do to sockets is seen only by its effects: they name none.
const OF_NO_SOCKET: [&str; 6] =
    ["execve", "execveat", "close_range", "kill", "tgkill", "io_uring_enter"];

impl Call {
    /// Whether it is of interest only if it has effects.
    pub fn is_of_no_socket(&self) -> bool {
        OF_NO_SOCKET.contains(&&*self.name)
    }

    /// Whether no packet can be of it, but for one that says that there is room again.
    pub fn never_sends(&self) -> bool {
        let names = ["accept", "recv", "read", "preadv", "poll", "ppoll", "select", "pselect"];
        let more = ["epoll_", "eventfd", "dup", "fcntl", "getsock", "getpeer", "socket", "bind"];
        let is_asking =
            names.iter().chain(&more).chain(&["listen"]).any(|name| self.name.starts_with(name));
        is_asking || [SET, EVENT].iter().any(|kind| self.text.contains(&format!("({OPEN}{kind}:")))
    }
}

/// Whether all that strace wrote is of calls that found nothing: a program may ask so for ever, and
/// nothing happens.
pub fn finds_nothing(text: &str) -> bool {
    let nothing = ["= -1 EAGAIN", "= -1 EINTR", "= 0 (Timeout)", "= ? ERESTART", "--- SIG"];
    text.lines().all(|line| {
        let line = without_length(line).0;
        let asks = thread_of(line).1.trim_start_matches("<... ");
        let asks = ["poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait"]
            .iter()
            .any(|name| asks.starts_with(name));
        nothing.iter().any(|end| line.contains(end)) || (asks && line.ends_with("= 0"))
    })
}

pub struct Line {
    /// Which thread did it; see [`thread_of`].
    pub thread: Option<u32>,
    pub action: Action,
    /// It waited, and another thread has probably ended that: how many events there were when it
    /// began.
    pub waited_since: Option<usize>,
    pub times: Times,
    /// Who called whom, if that was asked for.
    pub stack: Option<Stack>,
}

/// When something happened, if that was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Times {
    /// When it began, since the beginning of 1970.
    pub at: Option<Duration>,
    /// How long it took.
    pub took: Option<Duration>,
}

/// A call that has not returned.
struct OpenCall {
    text: String,
    order: usize,
    /// How many events there were.
    at: usize,
    time: Option<Duration>,
}

/// A call that a program still waits in, by so many threads.
struct Wait {
    text: String,
    sockets: Vec<(i32, u64)>,
    times: usize,
}

/// Reads the lines of one program.
#[derive(Default)]
pub struct Lines {
    pub families: BTreeSet<Family>,
    open: BTreeMap<Option<u32>, OpenCall>,
    order: usize,
    /// How many events there are so far; the recorder says so.
    pub events: usize,
    /// What it did that is not shown.
    pub left_out: BTreeSet<&'static str>,
    /// The signals that it got.
    pub signals: BTreeSet<String>,
    /// The sockets of the internet; a program can have others.
    sockets: HashSet<u64>,
    /// Where the program prints to, as strace writes it behind a descriptor.
    output_name: String,
    /// The beginning of a line that the program prints, and how many events there were before it.
    beginning: Vec<u8>,
    pub begun_at: usize,
    /// The process that ran already: it prints where it always did.
    attached: Option<i32>,
    /// What another thread has brought about that is not through itself.
    later: Vec<Line>,
    /// An epoll that was made just now.
    made: Option<Line>,
    /// The calls that signals have interrupted, by thread, and when they began.
    interrupted: BTreeMap<Option<u32>, (String, Option<Duration>)>,
    /// Since when the program may go on: what strace writes down before that has not begun.
    pub free_since: Duration,
    /// Who called whom in what is read next, at its end; and where a line was printed that has no
    /// end yet.
    pub stack: Option<Stack>,
    pub printed_by: Option<Stack>,
}

/// Gives the next bytes that a program has printed, so many.
pub type Printed<'a> = &'a mut dyn FnMut(usize) -> Vec<u8>;

/// These can be of something else, and fail for reasons that have nothing to do with sockets.
const NOT_FOR_SOCKETS_ALONE: [&str; 24] = [
    "read",
    "readv",
    "write",
    "writev",
    "preadv2",
    "pwritev2",
    "close",
    "close_range",
    "dup",
    "dup2",
    "dup3",
    "fcntl",
    "ioctl",
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "sendfile",
    "splice",
    "io_uring_setup",
    "io_uring_enter",
    "execve",
    "execveat",
    "kill",
];

/// Debian's strace can; not every system's.
const NO_STACKS: &str = "cargo trace --code needs a strace that says who has called whom \
                         (strace -k), and this one was built without";

/// A pattern of ours, so a valid one.
pub fn regex(text: &str) -> Regex {
    Regex::new(text).expect("a valid pattern")
}

/// A finished call: its name, its arguments, its result. (This and the next one read every line: a
/// pattern would take as long as all the rest.)
fn parts_of(call: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = call.split_once('(')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    rest.rmatch_indices(" = ").filter(|_| is_name).find_map(|(at, equals)| {
        let arguments = rest[..at].trim_end().strip_suffix(')')?;
        Some((name, arguments, rest[at + equals.len()..].trim()))
    })
}

/// A string at the beginning of a text, with its escapes; whether strace has cut it; and what
/// follows.
fn string_in(text: &str) -> Option<(&str, bool, &str)> {
    let text = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    let rest = &text[end + 1..];
    let after = rest.strip_prefix("...");
    Some((&text[..end], after.is_some(), after.unwrap_or(rest)))
}

/// At the beginning of what is left of a call: a descriptor, with what it leads to.
static DESCRIPTOR: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^(-?\d+)<(?:socket:\[(\d+)\]|[a-zA-Z_-]+:\[[^\]>]*\]|/(?:[^<>\\]|\\.)*(?:<char [0-9:]+>)?)>",
    )
});
/// An address.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"^(?:\{sa_family=AF_INET, sin_port=htons\((\d+)\), ",
        r#"sin_addr=inet_addr\("([0-9.]+)"\)\}"#,
        r"|\{sa_family=AF_INET6, sin6_port=htons\((\d+)\), ",
        r"sin6_flowinfo=htonl\(0\), inet_pton\(AF_INET6, ",
        r#""([0-9a-f:.]+)", &sin6_addr\), sin6_scope_id=0\})"#
    ))
});
/// What is ready, and a number there.
static READY: LazyLock<Regex> =
    LazyLock::new(|| regex(r"fd=\d+|(?:in|out|except) \[\d+(?: \d+)*\]"));
static NUMBER: LazyLock<Regex> = LazyLock::new(|| regex(r"\d+"));
/// An epoll or an eventfd, marked.
static OTHER: LazyLock<Regex> = LazyLock::new(|| regex("\u{1}(?:epoll|event):\\d+\u{2}"));

impl Lines {
    pub fn new(output_name: &str) -> Self {
        Self { output_name: output_name.to_owned(), ..Self::default() }
    }

    /// Of a process that ran already.
    pub fn of_running(pid: i32) -> Self {
        Self { attached: Some(pid), ..Self::default() }
    }

    /// Reads what strace wrote: no event, or some.
    pub fn read(&mut self, text: &str, printed: Printed<'_>) -> Result<Vec<Line>, String> {
        let mut events = vec![];
        // It is of what strace has written last.
        let stack = self.stack.take();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if lines.peek().is_none() {
                self.stack.clone_from(&stack);
            }
            if let Some(complaint) = line.strip_prefix("strace: ") {
                // Without seccomp it is only slower. It also does without where a signal comes as
                // it tries that, such as that of a window that gets another size.
                if complaint.starts_with("Process ") || complaint.contains("seccomp") {
                    continue;
                }
                // It says the same in several ways.
                if complaint.contains("PTRACE_") && complaint.contains("not permitted") {
                    return Err(self.attached.map_or_else(namespace::no_ptrace, running::refused));
                }
                if ["tack trace", "-- 'k'"].iter().any(|word| complaint.contains(word)) {
                    return Err(NO_STACKS.to_owned());
                }
                return Err(format!("strace: {complaint}"));
            }
            let at = time_in(line).map(|time| time.max(self.free_since));
            let (line, took) = without_length(line);
            let (thread, line) = thread_of(line);
            self.read_line(thread, line, Times { at, took }, printed, &mut events);
        }
        Ok(self.without_trials(events))
    }

    /// Who only tries whether there is epoll closes it at once: as Python does, in each program that
    /// knows of sockets. That is not shown.
    fn without_trials(&mut self, events: Vec<Line>) -> Vec<Line> {
        let mut shown = vec![];
        for line in events {
            let Action::Call(call) = &line.action else {
                shown.extend(self.made.take());
                shown.push(line);
                continue;
            };
            let given = |made: &Line| match &made.action {
                Action::Call(made) => made.text.rsplit_once(" = ").map(|(_, it)| it.to_owned()),
                _ => None,
            };
            let made = self.made.take();
            if let Some(set) = made.as_ref().and_then(given) {
                if call.text == format!("close({set}) = 0") {
                    continue;
                }
            }
            shown.extend(made);
            let is_made = call.name.starts_with("epoll_create") && call.text.ends_with(CLOSE);
            if is_made {
                self.made = Some(line);
            } else {
                shown.push(line);
            }
        }
        shown
    }

    fn read_line(
        &mut self,
        thread: Option<u32>,
        line: &str,
        times: Times,
        printed: Printed<'_>,
        events: &mut Vec<Line>,
    ) {
        if let Some(end) = line.strip_prefix("+++ ") {
            let how = end.trim_end_matches(" +++").trim_end_matches(" (core dumped)").to_owned();
            let end = End { how, of_process: false, of_program: false };
            // Once it is alone, a thread has no number.
            let ends = |key: &Option<u32>| thread.is_none() || key.is_none() || *key == thread;
            self.open.retain(|key, call| !(call.text.starts_with(EXIT) && ends(key)));
            self.interrupted.remove(&thread);
            self.push(thread, Action::End(end), times, None, events);
            self.push_rest(events);
            return;
        }
        if let Some(signal) = line.strip_prefix("--- ") {
            self.signals.extend(signal.split_once(' ').map(|(name, _)| name.to_owned()));
            return;
        }
        if let Some(text) = line.strip_suffix(" <unfinished ...>") {
            self.order += 1;
            let (text, time) = (text.to_owned(), times.at);
            let call = OpenCall { text, order: self.order, at: self.events, time };
            self.open.insert(thread, call);
            return;
        }
        let (text, order, at, waited_since) = match line.strip_prefix("<... ") {
            Some(rest) => {
                let (name, rest) = rest.split_once(" resumed>").unwrap_or((rest, ""));
                // A thread has no number in strace's lines while it is the only one.
                let same = |(_, call): &(_, &OpenCall)| {
                    call.text.strip_prefix(name).is_some_and(|rest| rest.starts_with('('))
                };
                let key = match self.open.contains_key(&thread) {
                    true => Some(thread),
                    false => self.open.iter().find(same).map(|(key, _)| *key),
                };
                let Some(call) = key.and_then(|key| self.open.remove(&key)) else {
                    return;
                };
                let waits = may_wait(&call.text) && !rest.contains("= -1 EAGAIN");
                let since = waits.then_some(call.at);
                (call.text + rest, call.order, call.time, since)
            }
            None => {
                self.order += 1;
                (line.to_owned(), self.order, times.at, None)
            }
        };
        if text.starts_with(EXIT) {
            // What it closes is on the wire before strace says that it has ended.
            self.open.insert(thread, OpenCall { text, order, at: self.events, time: at });
            return;
        }
        let Some((text, at)) = self.seen_by_program(thread, text, at) else { return };
        let times = Times { at, ..times };
        for action in self.call(&text, printed) {
            // Another thread's send may have brought this to an end: then the send stands first,
            // although it returns a moment later.
            // And who ends closes all that it had.
            let is_end = |call: &OpenCall| call.text.starts_with(EXIT) && finds_an_end(&text);
            let is_cause =
                |call: &OpenCall| rouses(&call.text) && (call.order > order || is_end(call));
            if self.open.values().any(is_cause) {
                let stack = self.stack.clone();
                self.later.push(Line { thread, action, waited_since: None, times, stack });
            } else {
                self.push(thread, action, times, waited_since, events);
            }
        }
        self.push_rest(events);
    }

    /// What was kept back, if nothing is at work any more that may have brought it about.
    fn push_rest(&mut self, events: &mut Vec<Line>) {
        // No thread waits for itself.
        let is_free = |line: &Line| {
            !self.open.iter().any(|(key, call)| *key != line.thread && rouses(&call.text))
        };
        let free = self.later.iter().take_while(|one| is_free(one)).count();
        events.extend(self.later.drain(..free));
    }

    /// What a program sees of a call that a signal interrupts: the kernel begins it again; or it
    /// fails, which strace says when the signal's handler returns. With when the call began.
    fn seen_by_program(
        &mut self,
        thread: Option<u32>,
        text: String,
        at: Option<Duration>,
    ) -> Option<(String, Option<Duration>)> {
        if let Some((call, _)) = text.split_once(" = ? ERESTART") {
            self.interrupted.insert(thread, (call.trim_end().to_owned(), at));
            return None;
        }
        let Some(rest) = text.strip_prefix("rt_sigreturn(") else { return Some((text, at)) };
        let (call, at) = self.interrupted.remove(&thread)?;
        rest.contains("= -1 EINTR").then(|| (format!("{call} = -1 EINTR (interrupted)"), at))
    }

    /// A line with the beginning of its call, if that stands in another one; without its thread.
    pub fn whole(&self, text: &str) -> String {
        let mut all = String::new();
        for line in text.split_inclusive('\n') {
            let (thread, line) = thread_of(line);
            let resumed = line.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>"));
            let begun = resumed.and_then(|(name, rest)| {
                let call = self.open.get(&thread).filter(|call| call.text.starts_with(name));
                Some((&call?.text, rest))
            });
            match begun {
                Some((begun, rest)) => all.extend([begun, rest]),
                None => all += line,
            }
        }
        all
    }

    fn push(
        &mut self,
        thread: Option<u32>,
        action: Action,
        times: Times,
        waited_since: Option<usize>,
        events: &mut Vec<Line>,
    ) {
        let stack = self.stack.clone();
        // Once it is alone, a thread has no number.
        if self.later.iter().any(|other| other.thread == thread || thread.is_none()) {
            self.later.push(Line { thread, action, waited_since: None, times, stack });
        } else {
            events.push(Line { thread, action, waited_since, times, stack });
        }
    }

    /// What was kept back.
    pub fn rest(&mut self) -> Vec<Line> {
        let made = self.made.take().into_iter();
        made.chain(std::mem::take(&mut self.later)).collect()
    }

    /// What the program is at, when its last line begins so. Also gives the sockets in it.
    pub fn at(&self, beginning: &str, sleeps: bool) -> (String, Vec<(i32, u64)>) {
        let mut waits: Vec<Wait> = vec![];
        let begun = self.open.values().map(|call| &*call.text);
        for call in begun.chain([thread_of(beginning).1]) {
            let Some((name, arguments)) = call.split_once('(') else { continue };
            if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
                // The end of a call, or of a thread.
                continue;
            }
            let (marked, mut sockets) = self.read_part(arguments, None);
            sockets.dedup();
            let names = sockets.iter().map(|(number, _)| format!("{OPEN}fd:{number}{CLOSE}"));
            let others = OTHER.find_iter(&marked).map(|mark| mark.as_str().to_owned());
            let text = match &*names.chain(others).collect::<Vec<_>>().join(", ") {
                "" => name.to_owned(),
                names => format!("{name}({names})"),
            };
            let same = |wait: &&mut Wait| wait.text == text && wait.sockets == sockets;
            match waits.iter_mut().find(same) {
                Some(wait) => wait.times += 1,
                None => waits.push(Wait { text, sockets, times: 1 }),
            }
        }
        let calls = waits.iter().map(|Wait { text, times, .. }| match times {
            1 => text.clone(),
            _ => format!("{times} calls of {text}"),
        });
        match waits.len() {
            0 if sleeps => ("still slept".to_owned(), vec![]),
            0 => ("was still busy".to_owned(), vec![]),
            1..=3 => {
                let calls: Vec<String> = calls.collect();
                let sockets = waits.iter().flat_map(|wait| wait.sockets.clone());
                (format!("still waited in {}", calls.join(" and ")), sockets.collect())
            }
            _ => {
                let all: usize = waits.iter().map(|wait| wait.times).sum();
                (format!("still waited in {all} calls"), vec![])
            }
        }
    }

    /// A finished call, if it is about a socket; or the lines that it prints.
    fn call(&mut self, text: &str, printed: Printed<'_>) -> Vec<Action> {
        let Some((name, arguments, result)) = parts_of(text) else { return vec![] };
        // The debug builds of Rust make sure that a descriptor is open before they close it.
        if name == "fcntl" && arguments.ends_with("F_GETFD") {
            return vec![];
        }
        // The kernel begins such a call again by itself.
        // And one in which a thread ends never returns.
        if result.starts_with("? ERESTART") || result == "?" {
            return vec![];
        }
        if self.attached.is_some() && is_print(name, arguments) {
            return self.prints_elsewhere(arguments, result.parse().unwrap_or(0));
        }
        if self.attached.is_none() && ["write", "writev", "sendfile"].contains(&name) {
            let to = arguments.trim_start_matches(|c: char| c.is_ascii_digit());
            let to = to.strip_prefix(&*self.output_name);
            if to.is_some_and(|rest| rest.starts_with(['>', '<'])) {
                let length = result.parse().unwrap_or(0);
                return self.prints(arguments, &printed(length));
            }
        }
        if name == "socket" || name == "socketpair" {
            let domain = arguments.split(',').next().unwrap_or_default();
            let stream = arguments.contains("SOCK_STREAM");
            self.families.insert(match (domain, stream) {
                ("AF_INET", true) => Family::Tcp,
                ("AF_INET6", true) => Family::Tcp6,
                ("AF_INET", false) => Family::Udp,
                ("AF_INET6", false) => Family::Udp6,
                _ => {
                    self.left_out.insert("calls on other sockets than those of the internet");
                    return vec![];
                }
            });
        }
        let arguments = match name {
            // How many variables its environment has depends on where it runs.
            "execve" => arguments.rsplit_once(", 0x").map_or(arguments, |(them, _)| them),
            _ => arguments,
        };
        let count = count_in(name, arguments);
        let (shown, mut all) = self.read_part(&time_limit(name, arguments), None);
        let failed = result.starts_with('-');
        // Calls on what is no socket, or not open.
        let in_vain = ["-1 EBADF", "-1 ENOTSOCK"].iter().any(|error| result.starts_with(error))
            && !NOT_FOR_SOCKETS_ALONE.contains(&name);
        let is_set = name.starts_with("epoll_") || name.starts_with("eventfd");
        if all.is_empty() && name != "socket" && !in_vain && !is_set && !OTHER.is_match(&shown) {
            self.leave_out(name, arguments);
            if !OF_NO_SOCKET.contains(&name) {
                return vec![];
            }
        }
        let arguments = shown;
        // Of `accept` and of `dup`, the result is another one.
        let result = match result.split_once(" (") {
            Some((code, words)) if failed => {
                let injected = if words.contains("INJECTED") { " (injected)" } else { "" };
                format!("{}{injected}", code.trim_start_matches("-1 "))
            }
            _ => {
                let (text, given) = self.read_part(result, Some(&all));
                self.sockets.extend(given.iter().map(|(_, inode)| *inode));
                all.extend(given);
                // Of these, too, strace gives the number alone.
                OTHER.find_iter(&arguments).fold(text, |text, mark| {
                    let number = mark.as_str().trim_start_matches(|c: char| !c.is_ascii_digit());
                    let number = number.trim_end_matches(CLOSE);
                    let ready = format!("{{fd={number}, revents=");
                    text.replace(&ready, &format!("{{fd={}, revents=", mark.as_str()))
                })
            }
        };
        let wakes = rouses(text);
        let text = fixed(name, format!("{name}({arguments}) = {result}"));
        let text = match (count, text.split_once(", \"")) {
            (Some(count), Some((before, _))) => format!("{before}, [{count}], 8) = {result}"),
            _ => text,
        };
        vec![Action::Call(Call { name: name.to_owned(), text, sockets: all, wakes })]
    }

    /// Remembers what is not shown, and could be of interest.
    fn leave_out(&mut self, name: &str, arguments: &str) {
        if name.starts_with("io_uring") {
            self.left_out.insert("what goes through io_uring");
        } else if arguments.contains("<socket:[") {
            self.left_out.insert("calls on other sockets than those of the internet");
        }
    }

    /// Whether another call that sends is at work: what is on the wire may be of that one.
    pub fn others_send(&self) -> bool {
        self.open.values().any(|call| wakes(&call.text))
    }

    /// Whether a call on this socket is at work.
    pub fn is_at(&self, inode: u64) -> bool {
        let socket = format!("<socket:[{inode}]>");
        self.open.values().any(|call| call.text.contains(&socket))
    }

    /// Marks the descriptors of sockets and the addresses in the arguments of a call, or in its
    /// result if these are `given`, and cuts its strings. Also gives the sockets; among the
    /// arguments, those that are known.
    fn read_part(&self, text: &str, given: Option<&[(i32, u64)]>) -> (String, Vec<(i32, u64)>) {
        let mut sockets = vec![];
        let mut marked = String::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let string = string_in(rest);
            let address = rest.starts_with("{sa_family=").then(|| ADDRESS.captures(rest)).flatten();
            let digit = next == '-' || next.is_ascii_digit();
            let number = digit && !ends_a_number(&plain);
            let descriptor = (number && leads_somewhere(rest)).then(|| DESCRIPTOR.captures(rest));
            let descriptor = descriptor.flatten();
            let length = if let Some((string, is_cut, after)) = string {
                marked += &tidied(&plain);
                plain.clear();
                let mut bytes = unescaped(string);
                if is_cut {
                    bytes.resize(bytes.len().max(crate::text::SHOWN + 1), b'.');
                }
                marked += &quoted(&bytes);
                rest.len() - after.len()
            } else if let Some(parts) = address {
                let group = |number| parts.get(number).map(|group| group.as_str());
                plain += &match (group(2), group(4)) {
                    (Some(ip), _) => format!("{OPEN}at:{ip}:{}{CLOSE}", &parts[1]),
                    (_, Some(ip)) => format!("{OPEN}at:[{ip}]:{}{CLOSE}", &parts[3]),
                    _ => parts[0].to_owned(),
                };
                parts[0].len()
            } else if let Some(parts) = descriptor {
                let inode = parts.get(2).and_then(|inode| inode.as_str().parse().ok());
                let inode = inode.filter(|inode| given.is_some() || self.sockets.contains(inode));
                let is = |what: &str| parts[0].ends_with(&format!("<anon_inode:[{what}]>"));
                match (parts[1].parse(), inode) {
                    _ if is("eventpoll") => plain += &format!("{OPEN}{SET}:{}{CLOSE}", &parts[1]),
                    _ if is("eventfd") => plain += &format!("{OPEN}{EVENT}:{}{CLOSE}", &parts[1]),
                    (Ok(number), Some(inode)) => {
                        plain += &format!("{OPEN}fd:{}{CLOSE}", &parts[1]);
                        sockets.push((number, inode));
                    }
                    _ => plain += &parts[1],
                }
                parts[0].len()
            } else {
                plain.push(next);
                next.len_utf8()
            };
            rest = &rest[length..];
        }
        marked += &tidied(&plain);
        // Which of them are ready, strace says without the kernel's numbers.
        if let Some(given) = given.filter(|_| marked.contains('[')) {
            let number = |parts: &Captures<'_>| {
                let is_socket = |(socket, _): &(i32, u64)| socket.to_string() == parts[0];
                match given.iter().any(is_socket) {
                    true => format!("{OPEN}fd:{}{CLOSE}", &parts[0]),
                    false => parts[0].to_owned(),
                }
            };
            let list = |parts: &Captures<'_>| NUMBER.replace_all(&parts[0], number).into_owned();
            marked = READY.replace_all(&marked, list).into_owned();
        }
        (marked, sockets)
    }

    /// The text that a `write` shows, line by line. strace may have cut it; then the terminal has it
    /// whole.
    fn prints(&mut self, arguments: &str, whole: &[u8]) -> Vec<Action> {
        let mut text = vec![];
        let mut rest = arguments;
        while let Some((piece, is_cut, after)) =
            rest.find('"').and_then(|at| string_in(&rest[at..]))
        {
            text.extend(unescaped(piece));
            if is_cut {
                break;
            }
            rest = after;
        }
        // Of two that print at the same time, one may have been faster in between.
        let text = if whole.starts_with(&text) { whole } else { &text };
        let mut lines = vec![];
        for piece in text.split_inclusive(|byte| *byte == b'\n') {
            if self.beginning.is_empty() {
                self.begun_at = self.events + lines.len();
            }
            // A character may come in two parts.
            self.beginning.extend(piece);
            self.printed_by.clone_from(&self.stack);
            if piece.ends_with(b"\n") {
                lines.extend(self.unfinished().map(Action::Text));
            }
        }
        lines
    }

    /// Whether there is a call that has not returned, and that another thread may wake.
    pub fn waits(&self) -> bool {
        !self.open.is_empty()
    }

    /// How many events there were when a line began that has no end yet.
    pub fn begun(&self) -> Option<usize> {
        (!self.beginning.is_empty()).then_some(self.begun_at)
    }

    /// The text that a `write` shows, of a program that prints elsewhere: what strace has cut is
    /// not to be had, and that is said.
    fn prints_elsewhere(&mut self, arguments: &str, length: usize) -> Vec<Action> {
        static CUT: LazyLock<Regex> = LazyLock::new(|| regex(r#""\.\.\."#));
        static STRINGS: LazyLock<Regex> = LazyLock::new(|| regex(r#""(?:[^"\\]|\\.)*""#));
        if length == 0 {
            return vec![];
        }
        let cut = STRINGS.replace_all(arguments, "\"");
        let mut lines = self.prints(arguments, &[]);
        if CUT.is_match(&cut) {
            self.beginning.extend(b"...");
            lines.extend(self.unfinished().map(Action::Text));
        }
        lines
    }

    /// The sockets that the program had before.
    pub fn know(&mut self, sockets: &[(i32, u64, Family)]) {
        self.sockets.extend(sockets.iter().map(|(_, inode, _)| *inode));
        self.families.extend(sockets.iter().map(|(_, _, family)| *family));
    }

    /// What it has printed of a line.
    pub fn unfinished(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.beginning);
        let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)).into_owned();
        (!line.is_empty()).then_some(text)
    }
}

/// Whether a call writes to the standard output or error, and that is no socket.
fn is_print(name: &str, arguments: &str) -> bool {
    let outputs = ["1<", "2<"].iter().any(|start| arguments.starts_with(start));
    ["write", "writev"].contains(&name) && outputs && !arguments[1..].starts_with("<socket:[")
}

/// How a process ends by itself.
const EXIT: &str = "exit_group(";

/// Whether a call may wait for what another one does.
fn may_wait(text: &str) -> bool {
    let waiting =
        ["accept", "recv", "read", "preadv", "poll", "ppoll", "select", "pselect", "epoll_"];
    let waiting = waiting.iter().chain(&["splice", "io_uring_enter"]);
    waiting.into_iter().any(|name| text.starts_with(name))
}

/// Whether a finished call may have found that the other end was closed.
fn finds_an_end(text: &str) -> bool {
    let receives = ["read", "recv", "preadv"].iter().any(|name| text.starts_with(name));
    let nothing = |result: &str| result == "0" || result.starts_with('-');
    match receives {
        true => parts_of(text).is_some_and(|(_, _, result)| nothing(result)),
        false => may_wait(text) && !text.starts_with("accept"),
    }
}

/// Whether a call can bring another one to its end.
pub fn wakes(text: &str) -> bool {
    let is_socket =
        |rest: &str| rest.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with("<socket:[");
    let sends = ["send", "write", "pwritev2", "connect", "close", "shutdown"];
    if text.starts_with(EXIT) {
        return true;
    }
    sends.iter().any(|name| text.starts_with(name))
        && text.split_once('(').is_some_and(|(_, rest)| is_socket(rest))
}

/// The same, or by an eventfd.
fn rouses(text: &str) -> bool {
    wakes(text) || (text.starts_with("write(") && text.contains("<anon_inode:[eventfd]>, "))
}

/// The numbers of the sockets in a line, and the first address.
pub fn sockets_in(line: &str) -> (Vec<u64>, Option<SocketAddr>) {
    let numbers = line.split("<socket:[").skip(1);
    let numbers = numbers.filter_map(|rest| rest.split_once("]>")?.0.parse().ok());
    let address = line.find("{sa_family=").and_then(|at| ADDRESS.captures(&line[at..]));
    let address = address.and_then(|parts| {
        let group = |number| parts.get(number).map(|group| group.as_str());
        let (port, ip) = (group(1).or(group(3))?, group(2).or(group(4))?);
        Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
    });
    (numbers.collect(), address)
}

/// The thread that a line is of, if strace says so: it does when there are several.
pub fn thread_of(line: &str) -> (Option<u32>, &str) {
    let parts = line.strip_prefix("[pid").and_then(|rest| rest.split_once("] "));
    let (thread, line) = match parts {
        Some((pid, line)) => (pid.trim().parse().ok(), line.trim_start()),
        None => (None, line),
    };
    (thread, split_time(line).map_or(line, |(_, line)| line))
}

/// The time at the beginning of what is left of a line, if strace was asked for it: seconds since
/// 1970, and what follows. Nothing else begins with a digit.
fn split_time(line: &str) -> Option<(Duration, &str)> {
    let (time, line) = line.split_once(' ')?;
    Some((seconds(time)?, line))
}

/// When a line was begun, if strace says so.
fn time_in(line: &str) -> Option<Duration> {
    let line =
        line.strip_prefix("[pid").and_then(|rest| rest.split_once("] ")).map_or(line, |it| it.1);
    split_time(line.trim_start()).map(|(time, _)| time)
}

/// A line without how long its call took, if strace says so at its end. (It escapes what could look
/// like that in the name of a file.)
fn without_length(line: &str) -> (&str, Option<Duration>) {
    let found = line.strip_suffix('>').and_then(|line| line.rsplit_once(" <"));
    let found = found.and_then(|(line, time)| Some((line, seconds(time)?)));
    found.map_or((line, None), |(line, time)| (line, Some(time)))
}

/// Seconds with nine digits behind the point, as strace writes them.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, rest) = text.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if rest.len() != 9 || !digits(whole) || !digits(rest) {
        return None;
    }
    Some(Duration::new(whole.parse().ok()?, rest.parse().ok()?))
}

/// What is shown of the arguments that are no strings.
fn tidied(text: &str) -> String {
    /// What is shown in another way, and how, in this order.
    static REPLACED: LazyLock<[(Regex, &str); 2]> = LazyLock::new(|| {
        [
            // What tells the length of an address, before or after the call.
            (regex("(\u{2}), (?:\\[\\d+(?: => \\d+)?\\]|16|28)|, 0x[0-9a-f]+, \\[\\d+\\]"), "$1"),
            (regex(r"0x[0-9a-f]{6,}"), "POINTER"),
        ]
    });
    // Most have nothing of that.
    if !["\u{2}, [", "\u{2}, 16", "\u{2}, 28", "0x"].iter().any(|some| text.contains(some)) {
        return text.to_owned();
    }
    REPLACED.iter().fold(text.to_owned(), |text, (pattern, other)| {
        pattern.replace_all(&text, *other).into_owned()
    })
}

/// Whether a text that begins with a number goes on as strace writes a descriptor.
fn leads_somewhere(text: &str) -> bool {
    text[1..].trim_start_matches(|c: char| c.is_ascii_digit()).starts_with('<')
}

/// Whether digits that follow are no number of their own.
fn ends_a_number(text: &str) -> bool {
    text.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

/// How long a `poll` or a `select` may still wait differs from run to run; and what a program has an
/// epoll remember may be where something is in memory.
fn fixed(name: &str, text: String) -> String {
    static WAIT: LazyLock<Regex> = LazyLock::new(|| regex(r"(\], \d+), [1-9]\d*(, [^=]*)?\) ="));
    static LEFT: LazyLock<Regex> =
        LazyLock::new(|| regex(r"left \{tv_sec=\d+, tv_[a-z]+=\d+\}\)$"));
    static LIMIT: LazyLock<Regex> = LazyLock::new(|| regex(r"\{tv_sec=\d+, tv_nsec=(\d+)\}"));
    static REMEMBERED: LazyLock<Regex> = LazyLock::new(|| regex(r"data=\{u32=\d+, u64=(\d+)\}"));
    if name == "epoll_ctl" {
        let data = format!("data={OPEN}{DATA}:$1{CLOSE}");
        return REMEMBERED.replace(&text, &*data).into_owned();
    }
    if !name.contains("poll") && !name.contains("select") {
        return text;
    }
    let text = LEFT.replace(&text, "left TIME)");
    // One that is not round is what was left of it.
    let limit = |parts: &Captures<'_>| match parts[1].parse::<u64>() {
        Ok(time) if time % 1_000_000 == 0 => parts[0].to_owned(),
        _ => "TIME".to_owned(),
    };
    let text = LIMIT.replace(&text, limit);
    let text = WAIT.replace(&text, "$1, TIME$2) =");
    let data = format!("data={OPEN}{DATA}:$1{CLOSE}");
    let text = REMEMBERED.replace_all(&text, &*data).into_owned();
    match name.contains("wait") && text.ends_with(") = 0") {
        // What strace says of a poll.
        true => text + " (Timeout)",
        false => text,
    }
}

/// What is written into an eventfd, and read from it, is a number.
fn count_in(name: &str, arguments: &str) -> Option<u64> {
    let (event, rest) = arguments.split_once(", ")?;
    let is_count = event.ends_with("<anon_inode:[eventfd]>") && ["read", "write"].contains(&name);
    let bytes = unescaped(string_in(rest).filter(|_| is_count)?.0);
    bytes.try_into().ok().map(u64::from_ne_bytes)
}

/// An older strace shows the bytes of a time limit.
fn time_limit<'a>(name: &str, arguments: &'a str) -> Cow<'a, str> {
    static TIMEOUT: LazyLock<Regex> = LazyLock::new(|| regex(r#"TIMEO_OLD, "((?:[^"\\]|\\.)*)""#));
    let time = |parts: &Captures<'_>| {
        let bytes = unescaped(&parts[1]);
        let number = |at: usize| {
            let eight = bytes.get(at..at + 8).and_then(|some| some.try_into().ok());
            eight.map_or(0, i64::from_ne_bytes)
        };
        let (seconds, rest) = (number(0), number(8));
        // A time that is not round is what was left of one.
        match rest % 50_000 {
            0 => format!("TIMEO_OLD, {{tv_sec={seconds}, tv_usec={rest}}}"),
            _ => "TIMEO_OLD, TIME".to_owned(),
        }
    };
    match name.ends_with("sockopt") {
        true => TIMEOUT.replace(arguments, time),
        false => arguments.into(),
    }
}

/// A string as strace writes it, with its escapes taken back.
pub fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'\\' {
            bytes.push(*byte);
            continue;
        }
        let [escape, after @ ..] = rest else { break };
        rest = after;
        let octal = |byte: &u8| matches!(byte, b'0'..=b'7');
        bytes.push(match escape {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'f' => 12,
            b'v' => 11,
            digit if octal(digit) => {
                let more = rest.iter().take(2).take_while(|byte| octal(byte)).count();
                let digits = rest[..more].iter().fold(u32::from(digit - b'0'), |value, digit| {
                    value * 8 + u32::from(digit - b'0')
                });
                rest = &rest[more..];
                u8::try_from(digits).unwrap_or(b'?')
            }
            other => *other,
        });
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of a call: a descriptor of a socket is in `<` and `>`.
    fn shown(text: &str) -> String {
        let mut lines = Lines { sockets: [100, 101].into(), ..Lines::default() };
        let text = text.replace("3<s>", "3<socket:[100]>").replace("4<s>", "4<socket:[101]>");
        let read = lines.read(&text, &mut |_| vec![]).expect("a line");
        let [Line { action: Action::Call(call), .. }] = &read[..] else { unreachable!("no call") };
        call.text.replace(&format!("{OPEN}fd:"), "<").replace(CLOSE, ">")
    }

    #[test]
    fn all_that_is_ready_is_named_and_what_varies_is_not_shown() {
        assert_eq!(
            shown(
                "pselect6(5, [3<s> 4<s>], NULL, NULL, NULL, NULL) = 2 (in [3 4 5], left {tv_sec=4, tv_nsec=999996681})"
            ),
            "pselect6(5, [<3> <4>], NULL, NULL, NULL, NULL) = 2 (in [<3> <4> 5], left TIME)"
        );
        let epoll =
            |data: &str| shown(&format!("epoll_ctl(5, EPOLL_CTL_ADD, 3<s>, {{data={data}}}) = 0"));
        let mark = |data: u64| format!("{{data={OPEN}data:{data}>}}");
        assert!(epoll("{u32=3, u64=3}").contains(&mark(3)));
        assert!(epoll("{u32=3, u64=94334661689347}").contains(&mark(94_334_661_689_347)));
        // How long it may wait: what a program has said, or what was left of that.
        for (call, limit) in [
            ("poll([{fd=3<s>, events=POLLIN}], 1, 100) = 0 (Timeout)", "1, TIME) = 0 (Timeout)"),
            ("poll([{fd=3<s>, events=POLLIN}], 1, 0) = 0 (Timeout)", "1, 0) = 0 (Timeout)"),
            ("poll([{fd=3<s>, events=POLLIN}], 1, -1) = -1 EINTR (x)", "1, -1) = EINTR"),
            (
                "ppoll([{fd=3<s>, events=POLLIN}], 1, {tv_sec=1, tv_nsec=0}, NULL, 8) = 1 \
                 ([{fd=3, revents=POLLIN}], left {tv_sec=0, tv_nsec=999})",
                "1, {tv_sec=1, tv_nsec=0}, NULL, 8) = 1 ([{fd=<3>, revents=POLLIN}], left TIME)",
            ),
            (
                "pselect6(4, [3<s>], NULL, NULL, {tv_sec=0, tv_nsec=99912345}, NULL) = 0 (Timeout)",
                "NULL, TIME, NULL) = 0 (Timeout)",
            ),
        ] {
            assert!(shown(call).ends_with(limit), "{}", shown(call));
        }
    }

    /// What is shown of these lines; an epoll and an eventfd are written as `4<e>` and `5<v>`.
    fn all_shown(lines: &[&str]) -> Vec<String> {
        let mut reader = Lines { sockets: [100].into(), ..Lines::new("<pipe:[1]") };
        let mut events = vec![];
        for line in lines {
            let line = line.replace("3<s>", "3<socket:[100]>");
            let line = line.replace("<e>", "<anon_inode:[eventpoll]>");
            let line = line.replace("<v>", "<anon_inode:[eventfd]>");
            events.extend(reader.read(&line, &mut |_| vec![]).expect("a line"));
        }
        events.extend(reader.rest());
        let texts = events.into_iter().map(|line| match line.action {
            Action::Call(call) => call.text.replace(OPEN, "<").replace(CLOSE, ">"),
            _ => "another".to_owned(),
        });
        texts.collect()
    }

    #[test]
    fn an_epoll_and_an_eventfd_are_marked_and_what_is_only_tried_is_not_shown() {
        assert_eq!(
            all_shown(&[
                "epoll_create1(EPOLL_CLOEXEC) = 4<e>",
                "close(4<e>) = 0",
                "epoll_create1(0) = 4<e>",
                "epoll_wait(4<e>, [], 8, 20) = 0",
                "epoll_pwait(4<e>, [], 8, 20, NULL, 8) = 0",
                "epoll_wait(4<e>, 0x7ffe4c1588d4, 8, -1) = -1 EINTR (Interrupted)",
                "epoll_wait(9, 0x7ffe4c1588d4, 8, 0) = -1 EBADF (Bad)",
                r#"write(5<v>, "\2\0\0\0\0\0\0\0", 8) = 8"#,
                r#"read(5<v>, "\n\1\0\0\0\0\0\0", 8) = 8"#,
                "read(5<v>, 0x7ffe4c1588d4, 8) = -1 EAGAIN (Again)",
                "poll([{fd=5<v>, events=POLLIN}], 1, 7) = 1 ([{fd=5, revents=POLLIN}])",
                "close(4<e>) = 0",
                "epoll_create1(0) = 6<e>",
            ]),
            [
                "epoll_create1(0) = <epoll:4>",
                "epoll_wait(<epoll:4>, [], 8, TIME) = 0 (Timeout)",
                "epoll_pwait(<epoll:4>, [], 8, TIME, NULL, 8) = 0 (Timeout)",
                "epoll_wait(<epoll:4>, POINTER, 8, -1) = EINTR",
                "epoll_wait(9, POINTER, 8, 0) = EBADF",
                "write(<event:5>, [2], 8) = 8",
                "read(<event:5>, [266], 8) = 8",
                "read(<event:5>, POINTER, 8) = EAGAIN",
                "poll([{fd=<event:5>, events=POLLIN}], 1, TIME) = 1 ([{fd=<event:5>, revents=POLLIN}])",
                "close(<epoll:4>) = 0",
                "epoll_create1(0) = <epoll:6>",
            ]
        );
        assert!(finds_nothing("epoll_wait(4<e>, [], 8, 20) = 0"));
        assert!(!finds_nothing("epoll_ctl(4<e>, EPOLL_CTL_DEL, 3<s>, NULL) = 0"));
    }

    #[test]
    fn what_a_program_waits_in_is_said_with_its_sockets() {
        let at = |open: &[&str], beginning: &str| {
            let mut lines = Lines { sockets: [100, 101].into(), ..Lines::default() };
            for (thread, call) in (1..).zip(open) {
                let call =
                    call.replace("3<s>", "3<socket:[100]>").replace("4<s>", "4<socket:[101]>");
                let line = format!("[pid {thread}] {call} <unfinished ...>");
                lines.read(&line, &mut |_| vec![]).expect("a line");
            }
            let beginning = beginning.replace("3<s>", "3<socket:[100]>");
            let (text, _) = lines.at(&beginning, true);
            text.replace(&format!("{OPEN}fd:"), "<").replace(CLOSE, ">")
        };
        assert_eq!(at(&[], ""), "still slept");
        assert_eq!(at(&[], "recvfrom(3<s>, "), "still waited in recvfrom(<3>)");
        assert_eq!(at(&["read(0</dev/null>,"], ""), "still waited in read");
        let set = "epoll_wait(4<anon_inode:[eventpoll]>, ";
        assert_eq!(at(&[], set), "still waited in epoll_wait(\u{1}epoll:4>)");
        let polls = "poll([{fd=3<s>, events=POLLIN}, {fd=4<s>, events=POLLIN}], 2, -1";
        assert_eq!(at(&[polls], ""), "still waited in poll(<3>, <4>)");
        let two = at(&["accept(3<s>,", "accept(3<s>,"], "[pid 9] recvfrom(3<s>, ");
        assert_eq!(two, "still waited in 2 calls of accept(<3>) and recvfrom(<3>)");
        let many = ["recv(3<s>,", "recv(4<s>,", "accept(3<s>,", "accept(4<s>,", "accept(4<s>,"];
        assert_eq!(at(&many, ""), "still waited in 5 calls");
    }

    #[test]
    fn without_seccomp_it_goes_on() {
        let text = "strace: check_seccomp_order_tracer: #1: unexpected stop signal 0x1c\n\
                    strace: seccomp filter is requested but unavailable\n";
        let mut lines = Lines::new("");
        assert!(lines.read(text, &mut |_| vec![]).is_ok_and(|events| events.is_empty()));
        assert!(lines.read("strace: no such thing\n", &mut |_| vec![]).is_err());
    }
}
