//! Makes the text of a timeline out of what was recorded.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::Duration;

use regex_lite::{Captures, Regex};
use timeline::PRINTED;

use crate::order::Show;
use crate::record::Event;
use crate::source::Names;
use crate::strace::{Action, BEFORE, CLOSE, Call, EVENT, End, OPEN, SET, WAITS, regex};
use crate::tables::{Change, Row};
use crate::tap::{Fate, Kind, Packet};

/// More of what a packet or a call carries is not shown.
pub const SHOWN: usize = 24;

/// A call, or something else that happened, and what came of it.
#[derive(Default)]
struct Step {
    /// Whose it is, if that is to be said.
    label: String,
    call: String,
    /// The result of a call.
    result: Option<String>,
    packets: Vec<String>,
    is_unsure: bool,
    states: Vec<String>,
    /// When it began, when it returned, and how long it took, if that is to be said.
    at: Option<String>,
    returned: Option<String>,
    took: Option<String>,
    /// The line of code, as it is shown.
    code: String,
}

impl Step {
    fn has_effects(&self) -> bool {
        !self.packets.is_empty() || !self.states.is_empty()
    }

    /// Puts names in the place of marks, in the order in which they stand there.
    fn named(mut self, numbers: &mut Numbers) -> Self {
        numbers.name(&mut self.call);
        self.packets.iter_mut().for_each(|one| numbers.name(one));
        self.result.iter_mut().for_each(|one| numbers.name(one));
        self.states.iter_mut().for_each(|one| numbers.name(one));
        self
    }

    /// What of it is to be shown.
    fn lines(&self, show: Show) -> Vec<String> {
        let mut lines = vec![];
        let packets = show.packets && !self.packets.is_empty();
        let states = show.states && !self.states.is_empty();
        let is_note = self.call.starts_with('(');
        let is_shown = show.calls || ((packets || states) && is_note);
        // The packets stand between a call and its result, if they are its own.
        let is_split = packets && !self.is_unsure;
        let Self { label, call, code, .. } = self;
        if is_shown {
            let at = timed(&[&self.at]);
            lines.push(match &self.result {
                None => format!("  call    {label}{call}{code}{at}"),
                Some(_) if is_split => format!("  call    {label}{call} ...{code}{at}"),
                Some(result) => {
                    let times = timed(&[&self.returned, &self.took]);
                    format!("  call    {label}{call} = {result}{code}{times}")
                }
            });
        }
        if packets {
            if self.is_unsure {
                lines.push(format!("  ...     {UNSURE}"));
            }
            let packets = self.packets.iter();
            lines.extend(few(packets.map(|one| format!("  packet    {one}")), show));
        }
        if let (true, true, Some(result)) = (show.calls, is_split, &self.result) {
            let name = call.split('(').next().unwrap_or(call);
            let times = timed(&[&self.returned, &self.took]);
            lines.push(format!("  result  {label}{name} = {result}{code}{times}"));
        }
        if states {
            let states = self.states.iter().map(|one| {
                let (kind, rest) = one.split_once("   ").unwrap_or((one, ""));
                format!("  {kind}     {rest}")
            });
            lines.extend(few(states, show));
        }
        lines
    }
}

/// What shows the text. A program may print what looks like a line of ours.
#[derive(Clone, Copy)]
pub enum Shows {
    Text,
    /// Such a line has no blanks in front.
    Picture,
    /// It is marked.
    Page,
}

/// Makes the text, as events come.
pub struct Writer {
    builder: Builder,
    show: Show,
    shown: Shows,
    folder: Folder,
    text: String,
}

impl Writer {
    pub fn new(names: &[&str], show: Show, start: Duration, shown: Shows) -> Self {
        let programs = names.iter().map(|name| (*name).to_owned()).collect();
        let start = show.times.then_some(start);
        let files = show.code.then(Names::default);
        let builder = Builder { programs, start, files, ..Builder::default() };
        let folder = Folder { folds_nothing: show.folds_nothing, ..Folder::default() };
        Self { builder, show, shown, folder, text: String::new() }
    }

    pub fn event(&mut self, event: &Event) {
        for step in self.builder.steps(event) {
            let lines = step.lines(self.show);
            if !lines.is_empty() {
                self.folder.push(lines);
            }
        }
        let owner = (event.program, event.process);
        let line = match &event.action {
            Action::Text(line) => {
                let line = self.builder.line(owner, line);
                Some(match self.shown {
                    Shows::Text => line,
                    Shows::Picture => line.trim_start().to_owned(),
                    Shows::Page => format!("{PRINTED}{line}"),
                })
            }
            Action::Call(call) if call.name == WAITS => {
                let text = self.builder.owned(call, owner);
                Some(plain(&self.builder.name_others(&text, owner)))
            }
            _ => None,
        };
        if let Some(line) = line {
            self.folder.end();
            self.write_lines();
            let code = plain(&self.builder.code(event));
            if !code.is_empty() {
                self.text += &format!("  prints{code}\n");
            }
            self.text += line.trim_end();
            self.text.push('\n');
        }
        self.write_lines();
    }

    /// Nothing has happened for a moment.
    pub fn pause(&mut self) {
        self.folder.pause();
        self.write_lines();
    }

    /// The end, with what else there is to say.
    pub fn end(&mut self, endings: &[String]) {
        self.folder.end();
        self.write_lines();
        for line in endings {
            self.text += line;
            self.text.push('\n');
        }
    }

    /// The files of code: what each is called, and where it is.
    pub fn files(&self) -> Vec<(String, String)> {
        self.builder.files.iter().flat_map(Names::all).collect()
    }

    /// What is written by now. Without marks.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    fn write_lines(&mut self) {
        for line in self.folder.lines.drain(..) {
            self.text += &plain(&line);
            self.text.push('\n');
        }
    }
}

/// A descriptor: its program, its process, and its number there.
type Descriptor = (usize, u32, i32);

/// What a descriptor is called.
#[derive(Clone)]
struct Name {
    name: String,
    /// Its number: the first socket that has it is FD1, the next one FD1b.
    base: usize,
    /// The socket.
    inode: u64,
}

/// An epoll or an eventfd: what its descriptor is called. It is no socket, and has no state.
#[derive(Clone)]
struct Other {
    /// Marked.
    name: String,
    kind: &'static str,
    base: usize,
    /// Which set of descriptors it is, if it is an epoll: one may have several descriptors.
    set: usize,
}

/// What a program has asked an epoll to look at: the descriptor's name, and what it is to remember.
type Watched = Vec<(String, u64)>;

#[derive(Default)]
struct Builder {
    programs: Vec<String>,
    /// The processes that use sockets, by their programs and numbers: what each is called.
    processes: Vec<((usize, u32), String)>,
    /// Programs of which another process than the first one uses sockets.
    have_children: HashSet<usize>,
    /// What each descriptor is called now.
    names: HashMap<Descriptor, Name>,
    /// A child process has its parent's descriptors: they have one name, by program, number and
    /// socket.
    named: HashMap<(usize, i32, u64), Name>,
    /// How many sockets had each base.
    bases: Vec<usize>,
    /// What is no socket; and the same without the process: a child has what its parent had.
    others: HashMap<Descriptor, Other>,
    inherited: HashMap<(usize, i32, &'static str), Other>,
    /// How many of each kind had each base.
    other_bases: HashMap<&'static str, Vec<usize>>,
    sets: Vec<Watched>,
    numbers: Numbers,
    /// Ports that a program asked for.
    asked: HashSet<u16>,
    listeners: Vec<Row>,
    /// Which descriptors have which socket.
    holders: HashMap<u64, Vec<Descriptor>>,
    /// What each socket was called last.
    last_names: HashMap<u64, String>,
    /// The ends of all sockets, in the order in which they were seen.
    known: HashMap<(SocketAddr, SocketAddr), usize>,
    /// Ports in the order in which they were seen.
    ports: HashMap<u16, usize>,
    /// The sockets whose descriptor this event closes.
    closing: Vec<u64>,
    /// The programs that have ended.
    ended: HashSet<usize>,
    /// The program ran already. Its ports keep their numbers: others know them, too.
    ran_before: bool,
    /// The number of the next byte, in each direction of each connection; and whether its first
    /// segment was a SYN ACK.
    next: HashMap<(SocketAddr, SocketAddr), (u32, bool)>,
    /// From when on times count, if they are to be said.
    start: Option<Duration>,
    /// What was sent last in each direction and was not answered, and when.
    unanswered: HashMap<(SocketAddr, SocketAddr), (Duration, String)>,
    /// What the files of code are called, if that is to be said.
    files: Option<Names>,
}

impl Builder {
    /// What an event shows, but for the line that it prints.
    fn steps(&mut self, event: &Event) -> Vec<Step> {
        let owner = (event.program, event.process);
        if let Some(name) = &event.name {
            self.meet(owner, name, event.is_child);
        }
        if let Action::Call(call) = &event.action {
            // Before its packets: a port that was asked for has no number.
            self.ports_of(call);
        }
        let mut step = Step {
            label: self.label(owner),
            packets: event.packets.iter().map(|one| self.packet(one) + &self.when(one)).collect(),
            is_unsure: event.is_unsure,
            ..Step::default()
        };
        let at = event.times.at.and_then(|at| self.at(at));
        // It stands where it returned.
        let took = event.times.took.filter(|_| self.start.is_some());
        let returned = event.times.at.and_then(|at| self.at(at + took.unwrap_or_default()));
        let took = took.map(|took| format!("took {}", length(took)));
        self.closing = match &event.action {
            Action::Call(call) if call.name == WAITS => vec![],
            Action::Call(call) => self.hold(owner, call),
            Action::End(end) => self.ends(owner, end),
            Action::Text(_) | Action::Nothing => vec![],
        };
        for reading in &event.readings {
            for row in reading.iter().filter_map(|change| change.new.as_ref()) {
                self.gives(row.local.port());
            }
            step.states.extend(self.changes(reading, &event.open));
        }
        let closing = std::mem::take(&mut self.closing);
        for inode in &closing {
            self.holders.remove(inode);
        }
        let mut steps = vec![];
        let by_itself = match &event.action {
            Action::Call(call) => only_asks(&call.name),
            Action::Text(_) | Action::Nothing => true,
            // Nothing is closed then.
            Action::End(end) => !end.of_process,
        };
        if by_itself && step.has_effects() {
            let alone = Step { call: BY_ITSELF.into(), label: String::new(), ..step };
            steps.push(alone.named(&mut self.numbers));
            step = Step { label: self.label(owner), ..Step::default() };
        }
        match &event.action {
            Action::Text(_) | Action::Nothing => {}
            // It stands alone: see `Writer::event`.
            Action::Call(call) if call.name == WAITS => {}
            Action::Call(call) if call.name == BEFORE => {
                step.call = self.owned(call, owner);
                steps.push(step.named(&mut self.numbers));
            }
            Action::Call(call) => {
                let text = self.owned(call, owner);
                let text = self.name_others(&text, owner);
                let text = self.watched(text);
                let (call, result) = text.rsplit_once(" = ").unwrap_or((&text, ""));
                step.call = call.to_owned();
                step.result = Some(result.to_owned());
                step.code = self.code(event);
                (step.at, step.returned, step.took) = (at, returned, took);
                steps.push(step.named(&mut self.numbers));
            }
            Action::End(end) => {
                // Threads end quietly, and so do the helpers of a script.
                let matters =
                    end.how != "exited with 0" || self.programs.len() > 1 || self.ran_before;
                // The death of one process is not that of the program.
                let is_killed = end.how.starts_with("killed")
                    && end.of_process
                    && self.of_several(owner).is_some();
                // strace says so of each thread.
                let is_last = end.of_program && self.ended.insert(owner.0);
                if step.has_effects() || is_killed || (matters && is_last) {
                    let label = std::mem::take(&mut step.label);
                    let is_clear = end.of_program || self.of_several(owner).is_some();
                    step.call = match end.how.strip_prefix("exited with ") {
                        Some("0") if !is_clear => format!("({label}a process ended)"),
                        _ if !is_clear => format!("({label}a process {})", end.how),
                        _ => format!("({label}{})", end.how),
                    };
                    step.at = at;
                    steps.push(step.named(&mut self.numbers));
                }
            }
        }
        steps
    }

    /// A line that a program has printed.
    fn line(&mut self, owner: (usize, u32), line: &str) -> String {
        let mut line = self.marked_line(owner, line);
        self.numbers.name(&mut line);
        let line = plain(&line);
        match &self.programs[..] {
            [_, _, ..] => format!("{}: {line}", self.programs[owner.0]),
            _ => line,
        }
    }

    /// Learns what a process is called, or what it is called now.
    fn meet(&mut self, owner: (usize, u32), name: &str, is_child: bool) {
        let name = name.replace(char::is_control, "?");
        self.processes.retain(|(other, _)| *other != owner);
        let of_it = self.processes.iter().filter(|(other, _)| other.0 == owner.0);
        let is_same = |other: &str| {
            other.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with(" ["))
        };
        let number = match of_it.filter(|(_, other)| is_same(other)).count() {
            0 => String::new(),
            before => format!(" [{}]", before + 1),
        };
        if is_child {
            self.have_children.insert(owner.0);
        }
        self.processes.push((owner, name + &number));
    }

    /// What a process is called, if it is one of several of its program: the first one alone is the
    /// program.
    fn of_several(&self, owner: (usize, u32)) -> Option<&str> {
        let all = self.processes.iter().filter(|(other, _)| other.0 == owner.0).count();
        let several = all > 1 || self.have_children.contains(&owner.0);
        let own = self.processes.iter().find(|(other, _)| *other == owner);
        own.filter(|_| several).map(|(_, name)| &**name)
    }

    /// What stands in front of what a process does: of two programs, the program's name; where a
    /// program has several processes that use sockets, the process'.
    fn label(&self, owner: (usize, u32)) -> String {
        let program = self.programs.get(owner.0).filter(|_| self.programs.len() > 1);
        match (program, self.of_several(owner)) {
            (None, None) => String::new(),
            (None, Some(own)) => format!("{own}: "),
            (Some(program), None) => format!("{program}: "),
            (Some(program), Some(own)) => format!("{program}, {own}: "),
        }
    }

    /// Learns which ports a call asked for, or which the kernel says that it gave.
    fn ports_of(&mut self, call: &Call) {
        self.ran_before |= call.name == BEFORE;
        static PORT: LazyLock<Regex> =
            LazyLock::new(|| regex("^[a-z]+\\([^,]*, \u{1}at:[^\u{2}]*:(\\d+)\u{2}.* = 0$"));
        let port = PORT.captures(&call.text).and_then(|parts| parts[1].parse().ok());
        match (&*call.name, port) {
            ("bind", Some(port)) if port != 0 && !self.numbers.given.contains(&port) => {
                self.asked.insert(port);
            }
            ("getsockname", Some(port)) => self.gives(port),
            _ => {}
        }
    }

    /// A socket has this port.
    fn gives(&mut self, port: u16) {
        if port != 0 && !self.asked.contains(&port) && !self.ran_before {
            self.numbers.given.insert(port);
        }
    }

    /// Learns which descriptors there are. Gives the sockets that lose their last one.
    fn hold(&mut self, (program, process): (usize, u32), call: &Call) -> Vec<u64> {
        let mut closing = vec![];
        for (number, inode) in &call.sockets {
            let descriptor = (program, process, *number);
            let before = self.names.get(&descriptor);
            if before.is_none_or(|before| before.inode != *inode) {
                let base = before.map(|before| before.base);
                let name = match self.named.get(&(program, *number, *inode)) {
                    Some(inherited) => inherited.clone(),
                    None => self.new_name(base, *inode),
                };
                self.named.insert((program, *number, *inode), name.clone());
                self.names.insert(descriptor, name);
            }
            let all = self.holders.entry(*inode).or_default();
            if !all.contains(&descriptor) {
                all.push(descriptor);
            }
            if let Some(known) = self.names.get(&descriptor) {
                self.last_names.insert(*inode, known.name.clone());
            }
            if call.name == "close" {
                closing.extend(self.release(descriptor, *inode));
            }
        }
        if let Some(number) = replaced(call) {
            let before = call.sockets.iter().find(|(other, _)| *other == number);
            let before = before.map(|(_, inode)| *inode);
            let descriptor = (program, process, number);
            closing.extend(before.and_then(|inode| self.release(descriptor, inode)));
        }
        closing
    }

    /// A descriptor is one of this socket no more. Gives the socket if it was the last one, which
    /// stays until the states are read.
    fn release(&mut self, descriptor: Descriptor, inode: u64) -> Option<u64> {
        let all = self.holders.get_mut(&inode)?;
        if all[..] == [descriptor] {
            return Some(inode);
        }
        all.retain(|one| *one != descriptor);
        None
    }

    /// The name of a socket: its number is a new one, or has been another's.
    fn new_name(&mut self, base: Option<usize>, inode: u64) -> Name {
        let (base, again) = next_name(&mut self.bases, base);
        Name { name: format!("{OPEN}fd:FD{}{again}{CLOSE}", base + 1), base, inode }
    }

    /// Puts the names of epolls and eventfds in the place of their marks.
    fn name_others(&mut self, text: &str, owner: (usize, u32)) -> String {
        static OTHER: LazyLock<Regex> = LazyLock::new(|| regex("\u{1}(epoll|event):(\\d+)\u{2}"));
        if !OTHER.is_match(text) {
            return text.to_owned();
        }
        let given = text.rfind(" = ").unwrap_or(text.len());
        let mut before: Option<Other> = None;
        let mut named = String::new();
        let mut rest = 0;
        for parts in OTHER.captures_iter(text) {
            let (Some(mark), Ok(number)) = (parts.get(0), parts[2].parse::<i32>()) else {
                continue;
            };
            let kind = if &parts[1] == SET { SET } else { EVENT };
            let is_new = mark.start() > given && !text[given..].contains('{');
            let other = self.other(owner, number, kind, is_new, before.as_ref());
            named += &text[rest..mark.start()];
            named += &other.name;
            rest = mark.end();
            before = Some(other);
        }
        named += &text[rest..];
        if named.starts_with("close(") && named.ends_with(" = 0") {
            self.others.retain(|(program, process, _), other| {
                (*program, *process) != owner || !named.contains(&other.name)
            });
        }
        named
    }

    /// What a descriptor is that is no socket; one that was given just now `is_new`, of what stands
    /// `before`, if that is the same.
    fn other(
        &mut self,
        (program, process): (usize, u32),
        number: i32,
        kind: &'static str,
        is_new: bool,
        before: Option<&Other>,
    ) -> Other {
        let descriptor = (program, process, number);
        let known = self.others.get(&descriptor).filter(|other| other.kind == kind);
        if let Some(known) = known.filter(|_| !is_new) {
            return known.clone();
        }
        let last = self.inherited.get(&(program, number, kind)).cloned();
        let is_held = |last: &Other| self.others.values().any(|other| other.name == last.name);
        let other = match &last {
            Some(last) if !is_new && is_held(last) => last.clone(),
            _ => {
                let bases = self.other_bases.entry(kind).or_default();
                let (base, again) = next_name(bases, last.map(|last| last.base));
                let what = if kind == SET { "EPOLL" } else { "EVENT" };
                let name = format!("{OPEN}fd:{what}{}{again}{CLOSE}", base + 1);
                let set = before.filter(|before| before.kind == kind).map(|before| before.set);
                let set = set.unwrap_or_else(|| {
                    self.sets.push(vec![]);
                    self.sets.len() - 1
                });
                Other { name, kind, base, set }
            }
        };
        self.others.insert(descriptor, other.clone());
        self.inherited.insert((program, number, kind), other.clone());
        other
    }

    /// Follows what epolls look at, and says which descriptors are ready, as far as that was seen: the
    /// kernel gives only what it was to remember.
    fn watched(&mut self, text: String) -> String {
        static CONTROL: LazyLock<Regex> = LazyLock::new(|| {
            regex(concat!(
                "^epoll_ctl\\((\u{1}fd:[^\u{2}]*\u{2}), EPOLL_CTL_(ADD|MOD|DEL), ",
                "(\u{1}fd:[^\u{2}]*\u{2}|\\d+), (?:.*\u{1}data:(\\d+)\u{2})?.* = 0$"
            ))
        });
        static WAIT: LazyLock<Regex> = LazyLock::new(|| {
            regex("^epoll_p?wait2?\\((\u{1}fd:[^\u{2}]*\u{2}), \\[(.*)\\], .* = (\\d+)$")
        });
        static REMEMBERED: LazyLock<Regex> = LazyLock::new(|| regex("\u{1}data:(\\d+)\u{2}"));
        if let Some(closed) = text.strip_prefix("close(").and_then(|it| it.strip_suffix(") = 0")) {
            self.sets.iter_mut().for_each(|set| set.retain(|(name, _)| name != closed));
        }
        if !text.starts_with("epoll_") {
            return text;
        }
        let set_of = |name: &str| {
            let other = self.others.values().find(|other| other.name == name);
            other.map(|other| other.set)
        };
        if let Some(parts) = CONTROL.captures(&text) {
            if let Some(set) = set_of(&parts[1]) {
                let data = parts.get(4).and_then(|data| data.as_str().parse().ok());
                self.sets[set].retain(|(name, _)| *name != parts[3]);
                self.sets[set].extend(data.map(|data| (parts[3].to_owned(), data)));
            }
        }
        let mut ready = None;
        if let Some(parts) = WAIT.captures(&text) {
            let watched = set_of(&parts[1]).map_or(&[][..], |set| &self.sets[set]);
            let name = |data: Captures<'_>| {
                let data: u64 = data[1].parse().ok()?;
                let mut all = watched.iter().filter(|(_, other)| *other == data);
                // What two have in common tells neither.
                all.next().filter(|_| all.next().is_none()).map(|(name, _)| &**name)
            };
            let names: Option<Vec<&str>> = REMEMBERED.captures_iter(&parts[2]).map(name).collect();
            let all = |names: &Vec<&str>| {
                !names.is_empty() && parts[3].parse::<usize>() == Ok(names.len())
            };
            ready = names.filter(all).map(|names| format!(" ({})", names.join(", ")));
        }
        let data = |parts: &Captures<'_>| match parts[1].parse::<u64>() {
            Ok(few @ 0..=0xFFFF) => few.to_string(),
            Ok(u64::MAX) => u64::MAX.to_string(),
            // A descriptor in a field half as long.
            Ok(all) if all & 0xFFFF_FFFF <= 0xFFFF => format!("{{u32={}}}", all & 0xFFFF_FFFF),
            _ => "POINTER".to_owned(),
        };
        let text = REMEMBERED.replace_all(&text, data).into_owned();
        text + ready.as_deref().unwrap_or_default()
    }

    /// The sockets that lose their last descriptor when a process ends.
    fn ends(&mut self, (program, process): (usize, u32), end: &End) -> Vec<u64> {
        let is_of = |one: &Descriptor| {
            one.0 == program && (end.of_program || (end.of_process && one.1 == process))
        };
        let mut closing = vec![];
        for (inode, all) in &mut self.holders {
            if all.iter().all(is_of) {
                closing.push(*inode);
            } else {
                all.retain(|one| !is_of(one));
            }
        }
        closing
    }

    /// Says which sockets the descriptors in a call are.
    fn owned(&self, call: &Call, (program, process): (usize, u32)) -> String {
        static DESCRIPTOR: LazyLock<Regex> = LazyLock::new(|| regex("\u{1}fd:(-?[0-9]+)\u{2}"));
        // The call says so, one after the other; of what is ready, only the numbers.
        let mut sockets = call.sockets.iter().peekable();
        let name = |parts: &Captures<'_>| {
            let number = parts[1].parse().unwrap_or(-1);
            let socket = sockets.next_if(|(other, _)| *other == number);
            let socket = socket.and_then(|(_, inode)| self.named.get(&(program, number, *inode)));
            let known = socket.or_else(|| self.names.get(&(program, process, number)));
            known.map_or_else(|| number.to_string(), |known| known.name.clone())
        };
        DESCRIPTOR.replace_all(&call.text, name).into_owned()
    }

    /// Marks what a line of a transcript says about descriptors of sockets, and about ports.
    fn marked_line(&self, (program, process): (usize, u32), line: &str) -> String {
        static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
            regex(concat!(
                r"\bdescriptor (\d+)\b",
                r"|(127\.0\.0\.1|0\.0\.0\.0|\[::1?\]|192\.168\.7\.\d+|\[fd07::\d\]):(\d+)\b",
                r"|\b(nc (?:-u )?)(127\.0\.0\.1|::1) (\d+)\b",
            ))
        });
        // What a program prints may be anything.
        let line = line.replace(OPEN, "\\x01").replace(CLOSE, "\\x02");
        let mark = |parts: &Captures<'_>| match (parts.get(1), parts.get(2)) {
            (Some(number), _) => {
                let number = number.as_str().parse().unwrap_or(-1);
                match self.names.get(&(program, process, number)) {
                    // The number may have been another socket's, or be free by now.
                    Some(known) => format!("descriptor FD{}", known.base + 1),
                    None => {
                        let other = self.others.get(&(program, process, number));
                        let name = other.map(|other| format!("descriptor {}", other.name));
                        name.unwrap_or_else(|| parts[0].to_owned())
                    }
                }
            }
            (_, Some(_)) => format!("{OPEN}at:{}{CLOSE}", &parts[0]),
            _ => format!("{}{} {OPEN}number:{}{CLOSE}", &parts[4], &parts[5], &parts[6]),
        };
        // A pattern takes long for a long line.
        if !["descriptor ", ":", "nc "].iter().any(|words| line.contains(words)) {
            return line;
        }
        PATTERN.replace_all(&line, mark).into_owned()
    }

    fn packet(&mut self, packet: &Packet) -> String {
        for end in [packet.from, packet.to] {
            let next = self.ports.len();
            self.ports.entry(end.port()).or_insert(next);
        }
        let ends = format!("{} -> {}", short(packet.from), short(packet.to));
        let fate = fate(packet.fate);
        let carried = || match packet.data.len() {
            0 => String::new(),
            1 => format!("  1 byte {}", quoted(&packet.data)),
            length => format!("  {length} bytes {}", quoted(&packet.data)),
        };
        match &packet.kind {
            Kind::Segment { flags, sequence } => {
                if flags[..] == ["SYN"] {
                    self.gives(packet.from.port());
                }
                let (again, missing) = self.follow(packet, flags, *sequence);
                let again = if again { ", again" } else { "" };
                let segment = format!("{ends}  {}{again}{fate}{}", flags.join(" "), carried());
                if missing > 0 {
                    return format!("(missed before: {missing} bytes)  {segment}");
                }
                segment
            }
            Kind::Datagram if packet.data.is_empty() => {
                self.gives(packet.from.port());
                format!("{ends}  datagram{fate}  0 bytes")
            }
            Kind::Datagram => {
                self.gives(packet.from.port());
                format!("{ends}  datagram{fate}{}", carried())
            }
            Kind::Refused => format!("{ends}  ICMP: port unreachable{fate}"),
            Kind::Unreachable { by } => {
                format!("{ends}  ICMP: host unreachable, says {by}{fate}")
            }
        }
    }

    /// The line of code that did it, as it stands at the end of a line, marked.
    fn code(&mut self, event: &Event) -> String {
        match (&event.source, &mut self.files) {
            (Some(source), Some(names)) => {
                format!("{ASIDE}  [{}:{}]{CLOSE}", names.of(&source.file), source.line)
            }
            _ => String::new(),
        }
    }

    /// When something was.
    fn at(&self, time: Duration) -> Option<String> {
        let since = time.saturating_sub(self.start?);
        Some(format!("at {:.4} s", since.as_secs_f64()))
    }

    /// When a packet came; and if it answers one that went the other way, how long after that.
    fn when(&mut self, packet: &Packet) -> String {
        let Some(at) = self.at(packet.time) else { return String::new() };
        let mut after = None;
        if !packet.data.is_empty() {
            let before = self.unanswered.remove(&(packet.to, packet.from));
            after = before.map(|(time, what)| {
                format!("{} after {what}", length(packet.time.saturating_sub(time)))
            });
            let this = (packet.time, quoted(&packet.data));
            self.unanswered.insert((packet.from, packet.to), this);
        }
        timed(&[&Some(at), &after])
    }

    /// Whether a segment comes again, and how many bytes before it were not seen: the kernel drops
    /// what the tap has no room for.
    fn follow(&mut self, packet: &Packet, flags: &[&str], sequence: u32) -> (bool, u32) {
        let has = |flag| u32::from(flags.contains(&flag));
        if has("RST") == 1 {
            // One that answers nobody's segment has no number of its own.
            return (false, 0);
        }
        let length = u32::try_from(packet.data.len()).unwrap_or_default();
        let length = length + has("SYN") + has("FIN");
        let end = sequence.wrapping_add(length);
        let before = self.next.get(&(packet.from, packet.to)).copied();
        let answers = if has("SYN") == 1 { has("ACK") == 1 } else { before.is_some_and(|it| it.1) };
        self.next.insert((packet.from, packet.to), (end, answers));
        let Some((expected, answered)) = before else { return (false, 0) };
        if has("SYN") == 1 {
            // Another connection may have the same two ports. And who connects to itself sends SYN
            // and SYN ACK the same way.
            return (end == expected && answers == answered, 0);
        }
        let ahead = sequence.wrapping_sub(expected);
        if ahead <= u32::MAX / 2 {
            return (false, ahead);
        }
        self.next.insert((packet.from, packet.to), (expected, answers));
        (length > 0, 0)
    }

    /// What differs from the last reading.
    fn changes(&mut self, reading: &[Change], open: &[u64]) -> Vec<String> {
        let listens = |row: &Option<Row>| row.as_ref().is_some_and(|row| row.state == "LISTEN");
        let was_there = |change: &Change| change.old.is_none() || change.old == change.new;
        let new = reading
            .iter()
            .filter(|change| listens(&change.new) && (!listens(&change.old) || was_there(change)));
        self.listeners.extend(new.filter_map(|change| change.new.clone()));
        // The tables have an order of their own, and so have the kernel's numbers. Here: listeners,
        // clients, the listeners' ends, and of each the one that was seen first. A port can come
        // twice.
        let place = |port| self.ports.get(&port).copied();
        let known = |row: &Row| *self.known.get(&(row.local, row.remote)).unwrap_or(&usize::MAX);
        let order = |change: &&Change| {
            let row = change.new.as_ref().or(change.old.as_ref()).expect("one of them");
            let (local, remote) = (row.local, row.remote);
            let kind = match row.state {
                "LISTEN" => 0,
                _ if !self.is_served(local) => 1,
                _ => 2,
            };
            let ports = (place(local.port()), place(remote.port()));
            (kind, known(row), ports, local, remote, row.inode)
        };
        let mut all: Vec<&Change> = reading.iter().collect();
        all.sort_by_cached_key(order);
        let new = all.iter().filter(|change| was_there(change));
        for row in new.filter_map(|change| change.new.as_ref()) {
            let next = self.known.len();
            self.known.entry((row.local, row.remote)).or_insert(next);
        }
        let gone = reading.iter().filter(|change| listens(&change.old) && !listens(&change.new));
        let gone: Vec<&Row> = gone.filter_map(|change| change.old.as_ref()).collect();
        self.listeners.retain(|row| !gone.iter().any(|old| old.key() == row.key()));
        all.iter().flat_map(|one| self.change(one.old.as_ref(), one.new.as_ref(), open)).collect()
    }

    /// Whether there is a listener that a connection with that end may be of.
    fn is_served(&self, end: SocketAddr) -> bool {
        self.listeners.iter().any(|row| is_listener(row, end))
    }

    fn change(&self, old: Option<&Row>, new: Option<&Row>, open: &[u64]) -> Vec<String> {
        let Some(row) = new.or(old) else { return vec![] };
        let holder = |row: &Row| {
            let holders = self.holders.get(&row.inode).into_iter().flatten();
            let names = holders.filter_map(|one| self.names.get(one));
            let first =
                names.filter(|known| known.inode == row.inode).map(|known| &known.name).next();
            // A process may have it that has not used it yet.
            first.or_else(|| self.last_names.get(&row.inode)).cloned()
        };
        let name = new.and_then(holder).or_else(|| old.and_then(holder));
        let ends = if row.state == "LISTEN" || row.remote.port() == 0 {
            format!("at {}", short(row.local))
        } else {
            format!("{} to {}", short(row.local), short(row.remote))
        };
        let name = name.map_or(ends.clone(), |name| format!("{name}, {ends}"));
        if old == new {
            return as_it_is(&name, row);
        }
        let mut lines = vec![];
        let none = if row.is_tcp { "CLOSED" } else { "unbound" };
        let (before, after) =
            (old.map_or(none, |row| row.state), new.map_or(none, |row| row.state));
        let is_orphan = |row: Option<&Row>| row.is_some_and(|row| row.inode == 0);
        // What is left of a connection has no descriptor; the program may still have one.
        let is_left = |row: Option<&Row>| row.is_some_and(|row| row.state == "TIME-WAIT");
        let had = old.is_some_and(|row| row.inode != 0);
        let closes = || old.is_some_and(|row| self.closing.contains(&row.inode));
        let gone = is_orphan(new) && had && (!is_left(new) || closes());
        let is_open = new.is_none() && row.is_tcp && open.contains(&row.inode);
        let gone = match (gone, is_open) {
            (true, _) => ", descriptor closed",
            (_, true) => ", descriptor still open",
            _ => "",
        };
        let is_child = after != "LISTEN" && row.is_tcp && self.is_served(row.local);
        if old.is_none() && is_child && !is_orphan(new) {
            lines.push(format!("state   {name}: {after}"));
        } else if old.is_none() && is_orphan(new) {
            lines.push(format!("state   {name}: {after}, no descriptor yet"));
        } else if is_left(old) && is_orphan(new) && !is_left(new) {
            // Another connection between the same ends.
            lines.push(format!("state   {name}: {before} -> {after}, no descriptor yet"));
        } else if is_orphan(old) && !is_left(old) && new.is_some_and(|row| row.inode != 0) {
            lines.push(format!("state   {name}: {after}, has a descriptor"));
        } else if before != after {
            lines.push(format!("state   {name}: {before} -> {after}{gone}"));
        } else if !gone.is_empty() {
            lines.push(format!("state   {name}: {after}{gone}"));
        }
        let zero = |row: Option<&Row>, of: fn(&Row) -> u32| row.map_or(0, of);
        let mut queue = |what: &str, of: fn(&Row) -> u32, exact: bool| {
            let text = |length: u32| match (exact, length) {
                (true, _) => length.to_string(),
                (false, 0) => "empty".to_owned(),
                (false, _) => "not empty".to_owned(),
            };
            let (before, after) = (text(zero(old, of)), text(zero(new, of)));
            // What is left of a socket in TIME-WAIT has no queues.
            let has_queues = new.is_some_and(|row| row.state != "TIME-WAIT");
            if before != after && has_queues {
                lines.push(format!("queue   {name}: {what} {before} -> {after}"));
            }
        };
        let receive = if row.state == "LISTEN" { "accept queue" } else { "Recv-Q" };
        queue(receive, |row| row.receive_queue, row.is_tcp);
        queue("Send-Q", |row| row.send_queue, row.is_tcp);
        lines
    }
}

/// What a socket is that was there before.
fn as_it_is(name: &str, row: &Row) -> Vec<String> {
    let none = if row.inode == 0 { ", no descriptor yet" } else { "" };
    let mut lines = vec![format!("state   {name}: {}{none}", row.state)];
    let receive = if row.state == "LISTEN" { "accept queue" } else { "Recv-Q" };
    for (what, length) in [(receive, row.receive_queue), ("Send-Q", row.send_queue)] {
        match length {
            0 => {}
            _ if row.is_tcp => lines.push(format!("queue   {name}: {what} {length}")),
            _ => lines.push(format!("queue   {name}: {what} not empty")),
        }
    }
    lines
}

/// What the network does to a packet, in words.
fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Arrives => "",
        Fate::Lost => ", lost",
        Fate::Late => ", late",
        Fate::Twice => ", twice",
    }
}

/// Whether this is a listener that a connection with that end may be of.
fn is_listener(row: &Row, end: SocketAddr) -> bool {
    let (at, ip) = (row.local.ip().to_canonical(), end.ip().to_canonical());
    row.state == "LISTEN" && row.local.port() == end.port() && (at.is_unspecified() || at == ip)
}

/// How long something took. What is less may be the tool's own.
fn length(time: Duration) -> String {
    match time.as_secs_f64() {
        ..0.000_1 => "under 0.1 ms".to_owned(),
        few @ ..1.0 => format!("{:.1} ms", few * 1000.0),
        many => format!("{many:.3} s"),
    }
}

/// What stands at the end of a line, marked.
fn timed(times: &[&Option<String>]) -> String {
    let all: Vec<&str> = times.iter().filter_map(|time| time.as_deref()).collect();
    match all[..] {
        [] => String::new(),
        _ => format!("{ASIDE}  [{}]{CLOSE}", all.join(", ")),
    }
}

/// Begins a mark that says when something was, or where in the code: the same may come again at
/// another time, and from another line.
const ASIDE: &str = "\u{1}aside:";

/// An address in a packet or a state: of 127.0.0.1, the port says it all.
fn short(address: SocketAddr) -> String {
    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
    format!("{OPEN}port:{address}{CLOSE}")
}

/// Bytes as a string, cut if they are many.
pub fn quoted(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(error) if bytes.len() > SHOWN && error.valid_up_to() >= SHOWN => {
            String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()
        }
        Err(_) => {
            let cut = &bytes[..bytes.len().min(SHOWN)];
            let more = if bytes.len() > SHOWN { "..." } else { "" };
            // Between double quotes, a single one needs no escape.
            let text = cut.escape_ascii().to_string().replace(r"\'", "'");
            return format!("\"{text}\"{more}");
        }
    };
    let cut: String = text.chars().take(SHOWN).collect();
    let more = if cut.len() < bytes.len() { "..." } else { "" };
    let escaped: String = cut.chars().map(escape).collect();
    format!("\"{escaped}\"{more}")
}

/// What a terminal would not show as a character of its own stands there as its bytes: one could move
/// the cursor, or turn the direction of what follows.
fn escape(character: char) -> String {
    let is_hidden = character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    if is_hidden || ['"', '\\'].contains(&character) {
        return character.encode_utf8(&mut [0; 4]).as_bytes().escape_ascii().to_string();
    }
    character.to_string()
}

/// As many times the same is too long to read.
const MANY: usize = 8;

/// The longest piece that is looked for again.
const LONGEST: usize = 30;

/// Says once, and how often, what comes again and again: the same; or the same with a new socket
/// each time, as of a hundred clients, and then it says so.
#[derive(Default)]
struct Folder {
    folds_nothing: bool,
    /// Steps of which it is not clear yet whether they come again.
    waiting: VecDeque<Shown>,
    /// What comes again just now.
    repeats: Option<Repeats>,
    /// What asked, and was shown alone, because nothing came for a moment.
    asked: Option<Shown>,
    /// What is to be written.
    lines: Vec<String>,
}

/// A step as it is shown.
#[derive(Clone)]
struct Shown {
    lines: Vec<String>,
    /// With a mark in the place of what varies.
    shape: String,
    /// What varies, in the order in which it stands there, but for times.
    values: Vec<Value>,
    /// It asks for something that is not there yet.
    asks: bool,
}

/// A name, or a number, which is what is said.
#[derive(Clone, PartialEq)]
struct Value {
    text: String,
    kind: ValueKind,
}

#[derive(Clone, Copy, PartialEq)]
enum ValueKind {
    Descriptor,
    Port,
    Number,
    /// Of a queue.
    Length,
}

impl Value {
    fn is_name(&self) -> bool {
        matches!(self.kind, ValueKind::Descriptor | ValueKind::Port)
    }
}

impl Shown {
    fn new(lines: Vec<String>) -> Self {
        let nothing = ["= EAGAIN", "= ENOTCONN", "SO_ERROR, [0], [4]) = 0", "(Timeout)"];
        let asks = match &lines[..] {
            [call] => nothing.iter().any(|end| without_asides(call).ends_with(end)),
            _ => false,
        };
        let (mut shape, mut values) = (String::new(), vec![]);
        for line in &lines {
            read_values(line, &mut shape, &mut values);
        }
        Self { lines, shape, values, asks }
    }

    /// The same, whenever it was.
    fn is_same(&self, other: &Self) -> bool {
        self.shape == other.shape && self.values == other.values
    }
}

/// Reads what varies in a line, and what does not. (A pattern takes long for so many lines.)
fn read_values(line: &str, shape: &mut String, values: &mut Vec<Value>) {
    let number = match line.starts_with("  queue ") {
        true => ValueKind::Length,
        false => ValueKind::Number,
    };
    let mut rest = line;
    while let Some(next) = rest.chars().next() {
        let end = match next {
            OPEN => rest.find(CLOSE).map(|at| at + CLOSE.len_utf8()),
            '0'..='9' => Some(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
            _ => None,
        };
        let (text, after) = rest.split_at(end.unwrap_or(next.len_utf8()));
        rest = after;
        // These two stand nowhere else.
        shape.push(match end {
            None => next,
            Some(_) if next == OPEN => OPEN,
            Some(_) => CLOSE,
        });
        if end.is_some() && !text.starts_with(ASIDE) {
            let kind = match text.strip_prefix(OPEN) {
                Some(name) if name.starts_with("fd:") => ValueKind::Descriptor,
                Some(_) => ValueKind::Port,
                None => number,
            };
            values.push(Value { text: text.to_owned(), kind });
        }
    }
    shape.push('\n');
}

/// A line without when it was, and where in the code.
fn without_asides(line: &str) -> &str {
    line.split_once(ASIDE).map_or(line, |(line, _)| line)
}

impl Folder {
    fn push(&mut self, lines: Vec<String>) {
        if self.folds_nothing {
            self.lines.extend(lines);
            return;
        }
        let step = Shown::new(lines);
        match self.asked.take() {
            Some(asked) if asked.is_same(&step) => {
                let mut repeats = Repeats::of(vec![asked]);
                repeats.times = 2;
                self.repeats = Some(repeats);
            }
            _ => self.waiting.push_back(step),
        }
        self.settle(false);
    }

    /// What comes now is something else.
    fn end(&mut self) {
        self.settle(true);
        self.asked = None;
    }

    /// What is there is to be shown. Who asks may go on for long.
    fn pause(&mut self) {
        let repeats = self.repeats.as_ref();
        if !self.waiting.is_empty() || repeats.is_some_and(|repeats| !repeats.asks()) {
            let last = self.waiting.back().filter(|last| last.asks).cloned();
            self.settle(true);
            // It stands there alone.
            self.asked = last.filter(|last| self.lines.ends_with(&last.lines));
        }
    }

    /// Writes what is clear; `all`: no more comes.
    fn settle(&mut self, all: bool) {
        loop {
            if let Some(repeats) = &mut self.repeats {
                let length = repeats.piece.len();
                let is_there = self.waiting.len() >= length;
                if !is_there && !all {
                    return;
                }
                self.waiting.make_contiguous();
                let next = &self.waiting.as_slices().0[..length.min(self.waiting.len())];
                if is_there && repeats.is_repeated(next) {
                    self.waiting.drain(..length);
                } else {
                    self.lines.extend(self.repeats.take().map(|repeats| repeats.how_often()));
                }
                continue;
            }
            let steps = &*self.waiting.make_contiguous();
            if steps.is_empty() {
                return;
            }
            let mut found = None;
            for length in 1..=LONGEST {
                match Repeats::find(steps, length) {
                    Some(Some(repeats)) => {
                        found = Some(repeats);
                        break;
                    }
                    Some(None) => {}
                    None if all => {}
                    None => return,
                }
            }
            if let Some(repeats) = found {
                self.waiting.drain(..repeats.piece.len() * repeats.times);
                self.lines.extend(repeats.piece.iter().flat_map(|step| step.lines.clone()));
                self.repeats = Some(repeats);
            } else {
                self.lines
                    .extend(self.waiting.pop_front().map(|step| step.lines).unwrap_or_default());
            }
        }
    }
}

/// What is shown of these steps.
fn fold(steps: impl IntoIterator<Item = Vec<String>>) -> Vec<String> {
    let mut folder = Folder::default();
    steps.into_iter().for_each(|step| folder.push(step));
    folder.end();
    folder.lines
}

/// What a piece of a timeline and its repetitions have in common.
struct Repeats {
    piece: Vec<Shown>,
    times: usize,
    /// Every descriptor and address so far.
    used: HashSet<String>,
    own: Own,
}

/// What differs each time.
#[derive(Clone, Copy, Default, PartialEq)]
struct Own {
    descriptor: bool,
    port: bool,
    lengths: bool,
}

impl Repeats {
    fn of(piece: Vec<Shown>) -> Self {
        let used = names(&piece).map(str::to_owned).collect();
        Self { piece, times: 1, used, own: Own::default() }
    }

    fn asks(&self) -> bool {
        all_ask(&self.piece)
    }

    /// Whether these steps begin with a piece that comes again often enough. `None`: with more of
    /// them that would be clear.
    fn find(steps: &[Shown], length: usize) -> Option<Option<Self>> {
        let (piece, mut rest) = steps.split_at_checked(length)?;
        // Most are no repetition, and that is to be found out quickly.
        let least = if all_ask(piece) { 2 } else { MANY };
        let mut next = steps.iter().zip(rest).take(length * (least - 1));
        if next.any(|(one, other)| one.shape != other.shape) {
            return Some(None);
        }
        let mut used: HashSet<&str> = names(piece).collect();
        let (mut times, mut own) = (1, Own::default());
        // How often it asks for the same depends on the time that things take: a few times are many.
        while times < if own == Own::default() { least } else { MANY } {
            let next = &rest[..length.min(rest.len())];
            let Some(differs) = compare(piece, next, |name| used.contains(name)) else {
                return Some(None);
            };
            if next.len() < length {
                return None;
            }
            used.extend(names(next));
            own.add(differs);
            times += 1;
            rest = &rest[length..];
        }
        let used = used.into_iter().map(str::to_owned).collect();
        Some(Some(Self { piece: piece.to_vec(), times, used, own }))
    }

    /// How often it came, and what differs each time.
    fn how_often(&self) -> String {
        let own = [
            (self.own.descriptor, "FD"),
            (self.own.port, "PORT"),
            (self.own.lengths, "queue lengths"),
        ];
        let own: Vec<&str> = own.iter().filter(|(is, _)| *is).map(|(_, what)| *what).collect();
        let own = match own[..] {
            [] => String::new(),
            [one] => format!(", each with its own {one}"),
            [one, two] => format!(", each with its own {one} and {two}"),
            _ => format!(", each with its own {}, {} and {}", own[0], own[1], own[2]),
        };
        let what = if self.piece.len() == 1 { "" } else { "all of this, " };
        format!("  ...     {what}{} times in all{own}", self.times)
    }

    fn is_repeated(&mut self, other: &[Shown]) -> bool {
        let used = |name: &str| self.used.contains(name);
        let Some(own) = compare(&self.piece, other, used) else { return false };
        for name in names(other) {
            if !self.used.contains(name) {
                self.used.insert(name.to_owned());
            }
        }
        self.own.add(own);
        self.times += 1;
        true
    }
}

impl Own {
    fn add(&mut self, other: Self) {
        self.descriptor |= other.descriptor;
        self.port |= other.port;
        self.lengths |= other.lengths;
    }
}

/// Whether these ask for something that is not there yet.
fn all_ask(piece: &[Shown]) -> bool {
    piece.len() <= 2 && piece.iter().all(|step| step.asks)
}

/// What differs in these steps from the beginning of the piece; `None`: they are others.
fn compare(piece: &[Shown], other: &[Shown], is_used: impl Fn(&str) -> bool) -> Option<Own> {
    let mut own = Own::default();
    let mut names: HashMap<&str, &str> = HashMap::new();
    for (step, other) in piece.iter().zip(other) {
        if step.shape != other.shape {
            return None;
        }
        for (value, new) in step.values.iter().zip(&other.values) {
            let (one, new) = (&*value.text, &*new.text);
            // The same name stays the same, or is a new one, and the same new one always.
            if value.is_name() && *names.entry(one).or_insert(new) != new {
                return None;
            }
            if one == new {
                continue;
            }
            match value.kind {
                // How long a queue is may differ, what is sent may not.
                ValueKind::Number => return None,
                ValueKind::Length => own.lengths = true,
                _ if is_used(new) => return None,
                ValueKind::Descriptor => own.descriptor = true,
                ValueKind::Port => own.port = true,
            }
        }
    }
    Some(own)
}

/// The descriptors and addresses in these steps.
fn names(steps: &[Shown]) -> impl Iterator<Item = &str> {
    let all = steps.iter().flat_map(|step| &step.values).filter(|value| value.is_name());
    all.map(|value| &*value.text)
}

/// Above packets that another thread may have sent.
const UNSURE: &str = "of this call, or of another at the same time:";

/// The base of a name, and what stands behind it: its number is a new one, or has been another's.
fn next_name(bases: &mut Vec<usize>, base: Option<usize>) -> (usize, String) {
    let base = base.unwrap_or(bases.len());
    if base == bases.len() {
        bases.push(0);
    }
    bases[base] += 1;
    let again = match bases[base] {
        1 => String::new(),
        few @ 2..=26 => ('a'..='z').nth(few - 1).map(String::from).unwrap_or_default(),
        many => format!("-{many}"),
    };
    (base, again)
}

/// What happened without a call: a timer ran out.
pub const BY_ITSELF: &str = "(the kernel, by itself)";

/// The number that `dup2` gives to another one, if it was a socket's.
fn replaced(call: &Call) -> Option<i32> {
    static BOTH: LazyLock<Regex> = LazyLock::new(|| {
        regex("^dup[23]\\(\u{1}?(?:fd:)?(\\d+)\u{2}?, \u{1}fd:(\\d+)\u{2}[^=]* = [^E]")
    });
    let parts = BOTH.captures(&call.text).filter(|_| call.name.starts_with("dup"))?;
    parts[2].parse().ok().filter(|_| parts[1] != parts[2])
}

/// Calls that cannot be the reason for a packet.
pub fn only_asks(name: &str) -> bool {
    ["getsockname", "getpeername", "getsockopt", "fcntl", "epoll_ctl", WAITS].contains(&name)
}

/// Lines of one call; what repeats itself is said once.
fn few(lines: impl Iterator<Item = String>, show: Show) -> Vec<String> {
    if show.folds_nothing {
        return lines.collect();
    }
    fold(lines.map(|line| vec![line]))
}

/// Which port has which number: in the order in which they appear.
#[derive(Default)]
struct Numbers {
    ports: HashMap<u16, usize>,
    /// The ports that the kernel picked by itself; others were asked for.
    given: HashSet<u16>,
}

static MARK: LazyLock<Regex> = LazyLock::new(|| regex("\u{1}(at|port|number):([^\u{2}]*)\u{2}"));

impl Numbers {
    /// Puts names in the place of marks; they stay marked.
    fn name(&mut self, text: &mut String) {
        if !text.contains(OPEN) {
            return;
        }
        let number = |parts: &Captures<'_>| {
            let (kind, what) = (&parts[1], &parts[2]);
            let name = match what.parse::<SocketAddr>() {
                Ok(address) => {
                    let port = self.port(address.port());
                    match address.ip() {
                        // On this machine, the port says it all.
                        ip if kind == "port" && ip == Ipv4Addr::LOCALHOST => port,
                        IpAddr::V4(ip) => format!("{ip}:{port}"),
                        IpAddr::V6(ip) => format!("[{ip}]:{port}"),
                    }
                }
                Err(_) => what.parse().map_or(what.to_owned(), |port| self.port(port)),
            };
            format!("{OPEN}at:{name}{CLOSE}")
        };
        *text = MARK.replace_all(text, number).into_owned();
    }

    fn port(&mut self, port: u16) -> String {
        if !self.given.contains(&port) {
            return port.to_string();
        }
        let next = self.ports.len() + 1;
        format!("PORT{}", self.ports.entry(port).or_insert(next))
    }
}

/// The text without marks.
fn plain(text: &str) -> String {
    static MARK: LazyLock<Regex> = LazyLock::new(|| regex("\u{1}[a-z]+:([^\u{2}]*)\u{2}"));
    // A pattern takes long for a long line.
    if !text.contains(OPEN) {
        return text.to_owned();
    }
    MARK.replace_all(text, "$1").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strace::unescaped;

    fn segment(flags: &[&'static str], sequence: u32, data: &str) -> Packet {
        Packet {
            from: ([127, 0, 0, 1], 1).into(),
            to: ([127, 0, 0, 1], 2).into(),
            kind: Kind::Segment { flags: flags.to_vec(), sequence },
            data: data.into(),
            headers: vec![],
            time: Duration::ZERO,
            fate: Fate::Arrives,
        }
    }

    #[test]
    fn what_comes_again_and_what_was_missed_is_shown() {
        let mut builder = Builder::default();
        let last = u32::MAX;
        let mut shown = |flags: &[&'static str], sequence, data: &str| {
            let text = builder.packet(&segment(flags, sequence, data));
            (text.contains(", again"), text.contains("missed before: 3 bytes"))
        };
        assert_eq!(shown(&["SYN"], last, ""), (false, false));
        assert_eq!(shown(&["SYN"], last, ""), (true, false));
        assert_eq!(shown(&["PSH", "ACK"], 0, "four"), (false, false));
        assert_eq!(shown(&["PSH", "ACK"], 0, "four"), (true, false));
        assert_eq!(shown(&["ACK"], 4, ""), (false, false));
        assert_eq!(shown(&["ACK"], 4, ""), (false, false));
        assert_eq!(shown(&["PSH", "ACK"], 7, "late"), (false, true));
        assert_eq!(shown(&["FIN", "ACK"], 11, ""), (false, false));
        assert_eq!(shown(&["FIN", "ACK"], 11, ""), (true, false));
        assert_eq!(shown(&["RST"], 12, ""), (false, false));
        // Refused, and then not; and a connection to itself.
        assert_eq!(shown(&["RST", "ACK"], 0, ""), (false, false));
        assert_eq!(shown(&["ACK"], 12, ""), (false, false));
        assert_eq!(shown(&["SYN"], last - 3, ""), (false, false));
        assert_eq!(shown(&["RST", "ACK"], 0, ""), (false, false));
        assert_eq!(shown(&["SYN"], 500, ""), (false, false));
        assert_eq!(shown(&["SYN", "ACK"], 500, ""), (false, false));
        assert_eq!(shown(&["SYN", "ACK"], 500, ""), (true, false));
    }

    #[test]
    fn long_and_strange_strings_are_cut_and_escaped() {
        assert_eq!(quoted("\u{4f60}\"\n\u{1}".as_bytes()), r#""你\"\n\x01""#);
        assert_eq!(quoted(&[b'a'; 30]), format!("\"{}\"...", "a".repeat(24)));
        assert_eq!(quoted(&[0xFF, b'a']), r#""\xffa""#);
        assert_eq!(quoted(b"\xFF'\"\\'"), r#""\xff'\"\\'""#);
        // What would turn the text around, end the line, or delete.
        let hidden = "a\u{202e}b\u{2028}\u{85}\u{7f}";
        assert_eq!(quoted(hidden.as_bytes()), r#""a\xe2\x80\xaeb\xe2\x80\xa8\xc2\x85\x7f""#);
        assert_eq!(quoted("e\u{301}\u{1f469}\u{200d}".as_bytes()), "\"e\u{301}\u{1f469}\u{200d}\"");
        assert_eq!(unescaped(r"\344\275\240\n\7"), b"\xe4\xbd\xa0\n\x07");
    }

    #[test]
    fn what_comes_again_is_not_kept() {
        let mut folder = Folder::default();
        let step = |name: usize| {
            let call = format!("  call    f({OPEN}fd:FD{name}{CLOSE})");
            vec![call, format!("  result  f = {}", name % 2)]
        };
        // Two that take turns, ten thousand times; then others, which are all different.
        for number in 0..20_000 {
            folder.push(step(number % 2));
            assert!(folder.waiting.len() <= 2 * MANY);
        }
        for number in 0..1000 {
            folder.push(vec![format!("  call    g({number})")]);
            assert!(folder.waiting.len() <= LONGEST + 1);
        }
        folder.end();
        assert_eq!(folder.lines.len(), 2 * 2 + 1 + 1000);
        assert_eq!(folder.lines[4], "  ...     all of this, 10000 times in all");
    }

    #[test]
    fn what_almost_comes_again_is_compared_quickly() {
        let steps = || {
            let mut steps = vec![];
            for number in 0..200 {
                for turn in 0..20 {
                    steps.push(vec![format!(
                        "  call    f({OPEN}fd:FD{}{CLOSE}, \"same\") = 4",
                        turn % 4
                    )]);
                }
                steps.push(vec![format!("  call    f({OPEN}fd:FD1{CLOSE}, \"{number}\") = 4")]);
            }
            steps
        };
        // A busy machine interrupts now the one, now the other: the best of five counts.
        let folds_in = || {
            let start = std::time::Instant::now();
            let read: Vec<Shown> = steps().into_iter().map(Shown::new).collect();
            let reads = start.elapsed();
            let start = std::time::Instant::now();
            assert!(fold(steps()).len() > read.len() / 2);
            start.elapsed().div_duration_f64(reads)
        };
        let best = (0..5).map(|_| folds_in()).fold(f64::MAX, f64::min);
        assert!(best < 60.0, "{best} times as long as to read it");
    }

    #[test]
    fn who_asks_is_shown_at_once_and_then_only_how_often() {
        let mut folder = Folder::default();
        let asks = || vec!["  call    recv() = EAGAIN".to_owned()];
        let mut shown = vec![];
        for _ in 0..5 {
            folder.push(asks());
            folder.pause();
            shown.push(folder.lines.len());
        }
        assert_eq!(shown, [1; 5]);
        folder.end();
        assert_eq!(folder.lines[1..], ["  ...     5 times in all"]);
        // Clients who come again and again are shown when nobody comes.
        let mut folder = Folder::default();
        for _ in 0..20 {
            folder.push(vec!["  call    send() = 1".to_owned()]);
        }
        folder.pause();
        assert_eq!(folder.lines[1..], ["  ...     20 times in all"]);
    }

    #[test]
    fn only_what_is_equal_is_shown_once_and_how_often() {
        let fold =
            |lines: &[String]| fold(lines.iter().map(|line| vec![format!("  {line}")])).len();
        let lines = |line: fn(usize) -> String| (0..2 * MANY).map(line).collect::<Vec<_>>();
        let fd = |number: usize| format!("{OPEN}fd:0:1:{number}{CLOSE}");
        let same = |_| "call    send(\"x\") = 1".to_owned();
        assert_eq!(fold(&lines(same)), 2);
        assert_eq!(fold(&lines(same)[..MANY - 1]), MANY - 1);
        // Other numbers are something else; so is what is sent.
        assert_eq!(fold(&lines(|number| format!("call    send() = {number}"))), 2 * MANY);
        assert_eq!(fold(&lines(|number| format!("call    send(\"{number}\")"))), 2 * MANY);
        // A hundred clients: a new one each time.
        let clients: Vec<_> =
            (0..MANY).map(|number| format!("call    f({})", fd(number))).collect();
        assert_eq!(fold(&clients), 2);
        let queue = |number| format!("queue     x: accept queue {number} -> {}", number + 1);
        assert_eq!(fold(&lines(queue)), 2);
        // Two that take turns: both are shown. Two that don't: each is.
        let turns: Vec<_> =
            (0..2 * MANY).map(|number| format!("call    f({})", fd(number % 2))).collect();
        assert_eq!(fold(&turns), 3);
        let order = [0, 1, 1, 0, 1, 0, 0, 0, 1, 1, 0, 1, 1, 1, 0, 1];
        let turns = order.map(|number| format!("call    f({})", fd(number)));
        assert_eq!(fold(&turns), order.len());
        // Who asks again, and what came in between.
        let asks = |_| "call    recv() = EAGAIN".to_owned();
        assert_eq!(fold(&lines(asks)[..3]), 2);
        let mixed = [asks(0), asks(0), same(0), asks(0)];
        assert_eq!(fold(&mixed), 4);
        // A few of which each asks for another one are no repetition, many are.
        let others: Vec<_> =
            (0..MANY).map(|number| format!("call    f({}) = EAGAIN", fd(number))).collect();
        assert_eq!(fold(&others[..3]), 3);
        assert_eq!(fold(&others), 2);
        // What looks like a mark is none.
        let texts = ["call    send(\"#\") = 1", "call    send(\"5\") = 1"].map(str::to_owned);
        assert_eq!(fold(&[texts.clone(), texts.clone(), texts.clone(), texts].concat()), MANY);
    }
    /// A descriptor or an address in `<` and `>` is marked.
    fn call(text: &str, sockets: &[(i32, u64)]) -> Action {
        let name = text.split('(').next().unwrap_or_default().to_owned();
        let mut marked = String::new();
        for piece in text.split_inclusive('>') {
            let (before, mark) = piece.split_once('<').unwrap_or((piece, ""));
            marked += before;
            if let Some(mark) = mark.strip_suffix('>') {
                let kind = if mark.contains(':') { "at" } else { "fd" };
                marked += &format!("{OPEN}{kind}:{mark}{CLOSE}");
            }
        }
        Action::Call(Call { name, text: marked, sockets: sockets.to_vec(), wakes: false })
    }

    fn event(process: u32, action: Action) -> Event {
        Event {
            program: 0,
            process,
            action,
            packets: vec![],
            is_unsure: false,
            readings: vec![],
            open: vec![],
            name: None,
            is_child: false,
            times: crate::strace::Times::default(),
            source: None,
        }
    }

    fn ends(process: u32, how: &str, of_process: bool, of_program: bool) -> Event {
        let how = how.to_owned();
        event(process, Action::End(End { how, of_process, of_program }))
    }

    fn shown(programs: &[&str], events: impl IntoIterator<Item = Event>) -> String {
        let mut writer = Writer::new(programs, Show::ALL, Duration::ZERO, Shows::Text);
        events.into_iter().for_each(|event| writer.event(&event));
        writer.end(&[]);
        writer.take()
    }

    fn row(ports: (u16, u16), state: &'static str, inode: u64) -> Row {
        let [local, remote] = [ports.0, ports.1].map(|port| ([127, 0, 0, 1], port).into());
        Row { is_tcp: true, local, remote, state, receive_queue: 0, send_queue: 0, inode }
    }

    fn from_to(old: Option<Row>, new: Option<Row>) -> Vec<Vec<Change>> {
        vec![vec![Change { old, new }]]
    }

    #[test]
    fn a_number_is_that_of_no_socket_alone() {
        let line = |text: &str| event(1, Action::Text(text.to_owned()));
        let text = shown(
            &["a"],
            [
                event(1, call("socket() = <5>", &[(5, 100)])),
                event(1, call("close(<5>) = 0", &[(5, 100)])),
                event(1, call("socket() = <5>", &[(5, 101)])),
                line("descriptor 5 is free"),
            ],
        );
        assert!(text.ends_with("= FD1b\ndescriptor FD1 is free\n"), "{text}");
    }

    #[test]
    fn a_number_may_be_taken_away_from_a_socket() {
        let closes =
            || from_to(Some(row((7, 8), "ESTABLISHED", 100)), Some(row((7, 8), "FIN-WAIT-2", 0)));
        // By a file, by another socket, by nobody that we saw.
        let ways = [
            (call("dup2(9, <5>) = 5", &[(5, 100)]), "dup2(9, FD1) = 5"),
            (
                call("dup2(<6>, <5>) = <5>", &[(6, 101), (5, 100), (5, 101)]),
                "dup2(FD2, FD1) = FD1b",
            ),
            (call("socket() = <7>", &[(7, 102)]), "socket() = FD3"),
        ];
        for (takes, line) in ways {
            let begins = [
                event(1, call("socket() = <5>", &[(5, 100)])),
                event(1, call("socket() = <6>", &[(6, 101)])),
            ];
            let takes = Event { readings: closes(), ..event(1, takes) };
            let text = shown(&["a"], begins.into_iter().chain([takes]));
            let end = "  state     FD1, PORT1 to 8: ESTABLISHED -> FIN-WAIT-2, descriptor closed\n";
            assert!(text.ends_with(&format!("  call    {line}\n{end}")), "{text}");
        }
        // What stays as it is; and one that is still used when its number is another's.
        let text = shown(
            &["a"],
            [
                event(1, call("socket() = <5>", &[(5, 100)])),
                event(1, call("dup(<5>) = <6>", &[(5, 100), (6, 100)])),
                event(1, call("dup2(<5>, <5>) = <5>", &[(5, 100); 3])),
                event(1, call("dup2(9, <5>) = 5", &[(5, 100)])),
                Event {
                    readings: from_to(
                        Some(row((7, 8), "ESTABLISHED", 100)),
                        Some(row((7, 8), "CLOSE-WAIT", 100)),
                    ),
                    ..event(1, call("recv(<6>) = 0", &[(6, 100)]))
                },
            ],
        );
        assert!(text.contains("dup2(FD1, FD1) = FD1\n"), "{text}");
        assert!(
            text.ends_with("  state     FD2, PORT1 to 8: ESTABLISHED -> CLOSE-WAIT\n"),
            "{text}"
        );
    }

    /// A call in which an epoll or an eventfd is marked, as the reader of strace does.
    fn marked(text: &str, sockets: &[(i32, u64)]) -> Event {
        let text = text.replace('<', "\u{1}").replace('>', "\u{2}");
        let name = text.split('(').next().unwrap_or_default().to_owned();
        event(1, Action::Call(Call { name, text, sockets: sockets.to_vec(), wakes: false }))
    }

    #[test]
    fn what_is_ready_is_named_if_it_was_seen_to_be_asked_for() {
        let socket = [(3, 100)];
        let text = shown(
            &["a"],
            [
                marked("socket() = <fd:3>", &socket),
                marked("epoll_create1(0) = <epoll:4>", &[]),
                marked("eventfd2(0) = <event:5>", &[]),
                marked(
                    "epoll_ctl(<epoll:4>, EPOLL_CTL_ADD, <fd:3>, {events=EPOLLIN, data=<data:0>}) = 0",
                    &socket,
                ),
                marked(
                    "epoll_ctl(<epoll:4>, EPOLL_CTL_ADD, <event:5>, {events=EPOLLIN, data=<data:94333189487872>}) = 0",
                    &[],
                ),
                marked(
                    "epoll_ctl(<epoll:4>, EPOLL_CTL_ADD, 0, {events=EPOLLIN, data=<data:94334661689347>}) = EPERM",
                    &[],
                ),
                marked(
                    "epoll_wait(<epoll:4>, [{events=EPOLLIN, data=<data:94333189487872>}, {events=EPOLLIN, data=<data:0>}], 8, -1) = 2",
                    &[],
                ),
                // A duplicate is the same set, under another name.
                marked("fcntl(<epoll:4>, F_DUPFD_CLOEXEC, 3) = <epoll:6>", &[]),
                marked("epoll_wait(<epoll:6>, [{events=EPOLLIN, data=<data:0>}], 8, -1) = 1", &[]),
                // Asked for by nobody; by two.
                marked("epoll_wait(<epoll:6>, [{events=EPOLLIN, data=<data:7>}], 8, -1) = 1", &[]),
                marked("epoll_ctl(<epoll:6>, EPOLL_CTL_ADD, 1, {data=<data:0>}) = 0", &[]),
                marked("epoll_wait(<epoll:6>, [{events=EPOLLIN, data=<data:0>}], 8, -1) = 1", &[]),
                // And again by one only.
                marked("close(<fd:3>) = 0", &socket),
                marked("epoll_wait(<epoll:4>, [{events=EPOLLIN, data=<data:0>}], 8, -1) = 1", &[]),
                marked("close(<epoll:4>) = 0", &[]),
                marked("epoll_create1(0) = <epoll:4>", &[]),
                marked("epoll_wait(<epoll:4>, [{events=EPOLLIN, data=<data:0>}], 8, -1) = 1", &[]),
                event(1, Action::Text("descriptor 4, descriptor 5, descriptor 3".to_owned())),
            ],
        );
        assert_eq!(
            text,
            "  call    socket() = FD1
  call    epoll_create1(0) = EPOLL1
  call    eventfd2(0) = EVENT1
  call    epoll_ctl(EPOLL1, EPOLL_CTL_ADD, FD1, {events=EPOLLIN, data=0}) = 0
  call    epoll_ctl(EPOLL1, EPOLL_CTL_ADD, EVENT1, {events=EPOLLIN, data=POINTER}) = 0
  call    epoll_ctl(EPOLL1, EPOLL_CTL_ADD, 0, {events=EPOLLIN, data={u32=3}}) = EPERM
  call    epoll_wait(EPOLL1, [{events=EPOLLIN, data=POINTER}, {events=EPOLLIN, data=0}], 8, -1) = 2 (EVENT1, FD1)
  call    fcntl(EPOLL1, F_DUPFD_CLOEXEC, 3) = EPOLL2
  call    epoll_wait(EPOLL2, [{events=EPOLLIN, data=0}], 8, -1) = 1 (FD1)
  call    epoll_wait(EPOLL2, [{events=EPOLLIN, data=7}], 8, -1) = 1
  call    epoll_ctl(EPOLL2, EPOLL_CTL_ADD, 1, {data=0}) = 0
  call    epoll_wait(EPOLL2, [{events=EPOLLIN, data=0}], 8, -1) = 1
  call    close(FD1) = 0
  call    epoll_wait(EPOLL1, [{events=EPOLLIN, data=0}], 8, -1) = 1 (1)
  call    close(EPOLL1) = 0
  call    epoll_create1(0) = EPOLL1b
  call    epoll_wait(EPOLL1b, [{events=EPOLLIN, data=0}], 8, -1) = 1
descriptor EPOLL1b, descriptor EVENT1, descriptor FD1
"
        );
    }

    #[test]
    fn a_socket_that_only_a_child_has_keeps_its_name() {
        let open = Some(row((7, 8), "ESTABLISHED", 100));
        let closes = Some(row((7, 8), "CLOSE-WAIT", 100));
        let text = shown(
            &["a"],
            [
                event(1, call("socket() = <5>", &[(5, 100)])),
                event(1, call("close(<5>) = 0", &[(5, 100)])),
                Event { readings: from_to(open, closes), ..event(1, Action::Nothing) },
            ],
        );
        assert!(text.ends_with("FD1, PORT1 to 8: ESTABLISHED -> CLOSE-WAIT\n"), "{text}");
    }

    #[test]
    fn what_is_left_of_a_connection_is_none_without_a_descriptor() {
        let left = Some(row((7, 8), "TIME-WAIT", 0));
        let begins = |row| Event {
            readings: from_to(left.clone(), Some(row)),
            ..event(1, call("connect(<5>) = 0", &[(5, 100)]))
        };
        let text = shown(&["a"], [begins(row((7, 8), "ESTABLISHED", 100))]);
        assert!(text.ends_with("FD1, PORT1 to 8: TIME-WAIT -> ESTABLISHED\n"), "{text}");
        let text = shown(&["a"], [begins(row((7, 8), "ESTABLISHED", 0))]);
        assert!(
            text.ends_with("  PORT1 to 8: TIME-WAIT -> ESTABLISHED, no descriptor yet\n"),
            "{text}"
        );
    }

    #[test]
    fn a_port_that_was_asked_for_has_no_number() {
        let bind = Event {
            packets: vec![segment(&["SYN"], 0, "")],
            ..event(1, call("bind(<5>, <127.0.0.1:1>) = 0", &[(5, 100)]))
        };
        let text = shown(&["a"], [bind]);
        assert!(text.contains("127.0.0.1:1)") && text.contains("packet    1 -> 2  SYN"), "{text}");
    }

    #[test]
    fn the_first_process_has_no_name_and_others_have_one_at_once() {
        let own = |process, name: &str, is_child| Event {
            name: Some(name.to_owned()),
            is_child,
            ..event(process, call("f() = 0", &[]))
        };
        let text = shown(&["a"], [own(2, "child", true), own(1, "first", false)]);
        assert_eq!(text, "  call    child: f() = 0\n  call    first: f() = 0\n");
        let text = shown(&["a"], [own(1, "first", false), own(2, "child", true)]);
        assert_eq!(text, "  call    f() = 0\n  call    child: f() = 0\n");
        // One that runs another program now.
        let text = shown(&["a"], [own(2, "sh", true), own(2, "nc", true)]);
        assert_eq!(text, "  call    sh: f() = 0\n  call    nc: f() = 0\n");
    }

    #[test]
    fn the_end_of_a_part_is_not_that_of_all() {
        let packets = || vec![segment(&["SYN"], 0, "")];
        let of_thread = Event { packets: packets(), ..ends(1, "exited with 0", false, false) };
        let text = shown(&["a"], [of_thread]);
        assert_eq!(text, "  call    (the kernel, by itself)\n  packet    PORT1 -> 2  SYN\n");
        for (how, said) in [("exited with 0", "ended"), ("exited with 3", "exited with 3")] {
            let helper = Event { packets: packets(), ..ends(9, how, true, false) };
            let text = shown(&["a"], [helper]);
            assert!(text.starts_with(&format!("  call    (a process {said})\n")), "{text}");
        }
        // Each thread is killed.
        let killed = || ends(1, "killed by SIGTERM", true, true);
        let first = Event { packets: packets(), ..killed() };
        let text = shown(&["a"], [first, killed()]);
        assert_eq!(text.matches("killed").count(), 1, "{text}");
    }

    #[test]
    fn what_a_program_waited_for_stands_where_it_was_ended() {
        let waits = Call {
            name: WAITS.to_owned(),
            text: format!("(a still waited in recv({OPEN}fd:5{CLOSE}), and was ended by SIGTERM)"),
            sockets: vec![(5, 100)],
            wakes: false,
        };
        let text = shown(
            &["a"],
            [
                event(1, call("socket() = <5>", &[(5, 100)])),
                event(0, Action::Call(waits)),
                ends(1, "killed by SIGTERM", true, true),
            ],
        );
        let end = "\n(a still waited in recv(FD1), and was ended by SIGTERM)\n  call    (killed by SIGTERM)\n";
        assert!(text.ends_with(end), "{text}");
    }
}
