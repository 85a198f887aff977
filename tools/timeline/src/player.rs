//! What a player shows of a timeline, step by step.

use serde_json::{Map, Value, json};

use crate::line::{Line, Socket, Timeline};
use crate::sides::{Side, Sides, by_its_word, descriptor, descriptors};
use crate::sockets::{Label, Protocol, Sockets};

/// A file of a program, and what is in it, if the player is to show it.
pub struct File {
    /// As the timeline says it.
    pub name: String,
    /// All of it.
    pub text: Option<String>,
}

impl Timeline<'_> {
    /// What a player needs, as an object:
    ///
    /// - `name`; `programs`: the names in front of calls, where there are several; `both`: whether
    ///   anybody talks to anybody (a client on the left, a server on the right);
    /// - `files`: `name`, and `text` if it was given; these, and those that the timeline names;
    /// - `steps`, of which the first one is number 1: each line of the timeline but `prints` and
    ///   empty ones; lines of states and queues that stand together are one, up to the first that
    ///   says something new of what is in it.
    ///
    /// A step has
    ///
    /// - `kind` (call, result, packet, look, line or note); `text`, a list; of a look also `kinds`:
    ///   which of them is a `state`, and which a `queue`;
    /// - where it is known: `at`, a file's place in `files` and a line in it; `program`, a place in
    ///   `programs`; `side`, of who acts; `time`, what `--time` says;
    /// - `open`, of a call that has not returned: its packets and its `result` follow;
    /// - `packet`: `from`, `to`, `kind`, `side` (the sender's), and what there is of `bytes`,
    ///   `data`, `again`, `fate`, `by`;
    /// - `hit`: the sockets that it is about; `sockets`: those that are others after it than
    ///   before, each with all that is known of it then.
    ///
    /// A socket has an `id` and a `side`, and of these what is known: `fd`, its descriptor (several,
    /// if it has several; if it is `closed`, the last one that it had); `program`; `ends`;
    /// `protocol`; `state` (absent: no look has had it); `queues`, as the last look had them;
    /// `note` ("no descriptor yet", "descriptor still open"); `closed`: no program has it any more;
    /// `gone`: and the kernel has not, either; `listens`; and of a listener `queued`: the
    /// connections that were seen and that nobody has accepted yet, in the order in which they came.
    #[must_use]
    pub fn player(&self, name: &str, files: &[File]) -> Value {
        let mut player = Player::new(self, files);
        let mut at = 0;
        while at < self.lines.len() {
            let next = player.end_of_step(at);
            player.step(at..next);
            at = next;
        }
        let files: Vec<Value> = player.files.iter().map(|file| file_of(file, files)).collect();
        json!({
            "name": name,
            "programs": player.programs,
            "files": files,
            "both": player.sides.both,
            "steps": player.steps,
        })
    }
}

fn file_of(name: &str, files: &[File]) -> Value {
    let text = files.iter().find(|file| file.name == name).and_then(|file| file.text.as_ref());
    match text {
        Some(text) => json!({"name": name, "text": text}),
        None => json!({"name": name}),
    }
}

struct Player<'t, 'a> {
    timeline: &'t Timeline<'a>,
    sides: Sides<'a>,
    sockets: Sockets<'a>,
    /// The names in front of calls, and of lines.
    programs: Vec<&'a str>,
    lines_have_names: bool,
    files: Vec<String>,
    /// Calls that have not returned.
    open: Vec<(Label<'a>, &'a str, &'a str)>,
    /// The packets may be another call's.
    is_unsure: bool,
    /// Between which ends the last call opens a connection, and with which socket: no look has it.
    opens: Option<(&'a str, &'a str, usize)>,
    /// What was said last of each socket.
    said: Vec<Value>,
    steps: Vec<Value>,
}

impl<'t, 'a> Player<'t, 'a> {
    fn new(timeline: &'t Timeline<'a>, files: &[File]) -> Self {
        let mut all: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
        for (file, _) in timeline.besides.iter().filter_map(|one| one.place) {
            if !all.iter().any(|known| known == file) {
                all.push(file.to_owned());
            }
        }
        let (programs, lines_have_names) = programs(&timeline.lines);
        Self {
            timeline,
            sides: Sides::new(&timeline.lines),
            sockets: Sockets::new(&timeline.lines),
            programs,
            lines_have_names,
            files: all,
            open: vec![],
            is_unsure: false,
            opens: None,
            said: vec![],
            steps: vec![],
        }
    }

    /// A look is all lines that stand together; but what is said twice was seen at two times.
    fn end_of_step(&self, at: usize) -> usize {
        let look = self.timeline.lines[at..].iter().map_while(|(_, line)| of_look(line));
        let mut seen: Vec<(Socket<'_>, &str)> = vec![];
        for (of, what) in look {
            let again = |(other, before): &(Socket<'_>, &str)| {
                let names = of.descriptor.zip(other.descriptor);
                of.ends == other.ends && what == *before && names.is_none_or(|(a, b)| a == b)
            };
            if seen.iter().any(again) {
                break;
            }
            seen.push((of, what));
        }
        at + seen.len().max(1)
    }

    fn step(&mut self, lines: std::ops::Range<usize>) {
        let at = lines.start;
        let (text, line) = &self.timeline.lines[at];
        let mut step = Map::new();
        if !matches!(line, Line::Packet { .. } | Line::State { .. } | Line::Queue { .. }) {
            self.sockets.goes_on();
            self.opens = None;
        }
        let hit = match line {
            Line::Title("") => return,
            Line::Title(text) => {
                self.sockets.begin_piece();
                self.line(&mut step, at, text)
            }
            Line::Call { label, name, arguments, result } => {
                put(&mut step, "kind", "call");
                self.whose(&mut step, at, *label, rest(text));
                if result.is_none() {
                    put(&mut step, "open", true);
                }
                self.is_unsure = false;
                self.call(at, *label, name, arguments, *result)
            }
            Line::Result { label, name, result } => {
                put(&mut step, "kind", "result");
                self.whose(&mut step, at, *label, rest(text));
                self.result(at, *label, name, result)
            }
            Line::Packet { .. } => self.packet(&mut step, text, line),
            Line::State { .. } | Line::Queue { .. } => self.look(&mut step, lines),
            Line::Note { label, text } => self.note(&mut step, at, *label, text),
        };
        let besides = self.timeline.besides[at];
        let place = besides.place.and_then(|(file, line)| {
            let index = self.files.iter().position(|known| known == file)?;
            Some(json!([index, line]))
        });
        put_some(&mut step, "at", place);
        put_some(&mut step, "time", besides.times);
        self.changes(&mut step, &hit);
        self.steps.push(step.into());
    }

    /// What a step is about, and what it has changed.
    fn changes(&mut self, step: &mut Map<String, Value>, hit: &[usize]) {
        let mut changed = vec![];
        for index in self.sockets.take_touched() {
            let now = self.socket(index);
            self.said.resize(self.sockets.all.len(), Value::Null);
            if self.said[index] != now {
                changed.push(now.clone());
                self.said[index] = now;
            }
        }
        let mut ids = vec![];
        for index in hit {
            let id = id(*index);
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        if !ids.is_empty() {
            put(step, "hit", ids);
        }
        if !changed.is_empty() {
            put(step, "sockets", changed);
        }
    }

    /// What is known of a socket.
    fn socket(&self, index: usize) -> Value {
        let one = &self.sockets.all[index];
        let mut all = Map::new();
        put(&mut all, "id", id(index));
        put(&mut all, "side", side_name(one.side));
        put_some(&mut all, "fd", Some(one.descriptor()).filter(|name| !name.is_empty()));
        put_some(&mut all, "program", one.program.and_then(|label| self.program(label)));
        put_some(&mut all, "ends", one.ends.clone());
        let protocol = one.protocol.map(|protocol| match protocol {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
        });
        put_some(&mut all, "protocol", protocol);
        put_some(&mut all, "state", one.state);
        if !one.queues.is_empty() {
            put(&mut all, "queues", json!(one.queues));
        }
        put_some(&mut all, "note", one.note);
        for (key, is_so) in [("closed", one.closed), ("gone", one.gone), ("listens", one.listens)] {
            put_some(&mut all, key, Some(true).filter(|_| is_so));
        }
        let queued: Vec<String> = self.sockets.queued(index).into_iter().map(id).collect();
        put_some(&mut all, "queued", Some(queued).filter(|all| !all.is_empty()));
        all.into()
    }

    fn program(&self, label: &str) -> Option<usize> {
        self.programs.iter().position(|known| *known == label)
    }

    /// Its text, without the name in front; and who acts.
    fn whose(&self, step: &mut Map<String, Value>, at: usize, label: Label<'_>, text: &str) {
        let program = label.and_then(|label| self.program(label));
        let text = match label.filter(|_| program.is_some()) {
            Some(label) => text.replacen(&format!("{label}: "), "", 1),
            None => text.to_owned(),
        };
        put(step, "text", vec![text]);
        put_some(step, "program", program);
        put_some(step, "side", self.sides.acting(at).map(side_name));
    }

    fn line(&self, step: &mut Map<String, Value>, at: usize, text: &'a str) -> Vec<usize> {
        put(step, "kind", "line");
        let named = self.lines_have_names.then(|| named(text, &self.programs)).flatten();
        let (label, text) = named.map_or((None, text), |(label, text)| (Some(label), text));
        self.whose(step, at, label, text);
        // Of several processes or threads, the one that made the last call need not be the one that
        // prints.
        if label.is_none() && by_its_word(text).is_none() {
            step.remove("side");
        }
        put(step, "text", vec![text]);
        vec![]
    }

    fn side(&self, at: usize) -> Side {
        self.sides.acting(at).unwrap_or(Side::Right)
    }

    fn uses(&mut self, at: usize, label: Label<'a>, text: &'a str) -> Vec<usize> {
        let side = self.side(at);
        descriptors(text).into_iter().map(|name| self.sockets.uses(name, label, side)).collect()
    }

    fn call(
        &mut self,
        at: usize,
        label: Label<'a>,
        name: &'a str,
        arguments: &'a str,
        result: Option<&'a str>,
    ) -> Vec<usize> {
        let mut hit = self.uses(at, label, arguments);
        match result {
            Some(result) => {
                let side = self.side(at);
                self.sockets.returned(at, label, (name, arguments, result), side);
                hit.extend(self.uses(at, label, result));
            }
            None => self.open.push((label, name, arguments)),
        }
        hit
    }

    fn result(
        &mut self,
        at: usize,
        label: Label<'a>,
        name: &'a str,
        result: &'a str,
    ) -> Vec<usize> {
        let same = |(whose, what, _): &(_, _, _)| *whose == label && *what == name;
        let Some(open) = self.open.iter().rposition(same) else {
            return vec![];
        };
        let (_, _, arguments) = self.open.remove(open);
        let side = self.side(at);
        let own = descriptor(arguments);
        let mut hit = vec![];
        if !own.is_empty() {
            hit.push(self.sockets.of_descriptor(own, label, side));
        }
        self.sockets.returned(at, label, (name, arguments, result), side);
        hit.extend(self.uses(at, label, result));
        hit
    }

    fn packet(&mut self, step: &mut Map<String, Value>, text: &str, line: &Line<'a>) -> Vec<usize> {
        let Line::Packet { from, to, kind, again, fate, by, length, data } = line else {
            return vec![];
        };
        let is_datagram = *kind == "datagram" || kind.starts_with("ICMP");
        let protocol = if is_datagram { Protocol::Udp } else { Protocol::Tcp };
        let mut sender = self.sockets.of_packet(from, to, protocol);
        let mut receiver = self.sockets.of_packet(to, from, protocol);
        if sender.is_none() && self.opens.is_none() && !self.is_unsure {
            self.opens = self.new_sender(protocol).map(|index| (*from, *to, index));
        }
        if let Some((own, other, index)) = self.opens {
            let ends = (*from, *to);
            sender = sender.or(Some(index).filter(|_| ends == (own, other)));
            receiver = receiver.or(Some(index).filter(|_| ends == (other, own)));
        }
        let side = sender.map(|index| self.sockets.all[index].side);
        let side = side.unwrap_or_else(|| self.sides.of_port(from));
        let mut packet = Map::new();
        put(&mut packet, "from", *from);
        put(&mut packet, "to", *to);
        put(&mut packet, "kind", *kind);
        put(&mut packet, "side", side_name(side));
        put_some(&mut packet, "bytes", length.and_then(|length| length.parse::<u64>().ok()));
        put_some(&mut packet, "data", *data);
        put_some(&mut packet, "again", Some(true).filter(|_| *again));
        put_some(&mut packet, "fate", *fate);
        put_some(&mut packet, "by", *by);
        put(step, "kind", "packet");
        put(step, "text", vec![rest(text)]);
        put(step, "packet", packet);
        sender.into_iter().chain(receiver).collect()
    }

    /// A socket that gets its ends by the call that sends this.
    fn new_sender(&self, protocol: Protocol) -> Option<usize> {
        let (_, name, arguments) = self.open.last()?;
        let sends = *name == "connect" || name.starts_with("send") || name.starts_with("write");
        let index = self.sockets.known(descriptor(arguments)).filter(|_| sends)?;
        let one = &self.sockets.all[index];
        let is_connected = one.ends.as_ref().is_some_and(|ends| ends.contains(" to "));
        let is_new = one.state.is_none() && !is_connected && one.protocol == Some(protocol);
        is_new.then_some(index)
    }

    fn look(&mut self, step: &mut Map<String, Value>, lines: std::ops::Range<usize>) -> Vec<usize> {
        let (mut hit, mut texts, mut kinds) = (vec![], vec![], vec![]);
        for at in lines {
            let (text, line) = &self.timeline.lines[at];
            match line {
                Line::State { of, before, state, holder } => {
                    let side = self.sides.of_port(of.port);
                    hit.push(self.sockets.state(at, of, [*before, *state, *holder], side));
                    kinds.push("state");
                }
                Line::Queue { of, name, length } => {
                    let side = self.sides.of_port(of.port);
                    hit.push(self.sockets.queue(of, name, length, side));
                    kinds.push("queue");
                }
                _ => {}
            }
            texts.push(rest(text));
        }
        self.sockets.look_ends();
        put(step, "kind", "look");
        put(step, "text", texts);
        put(step, "kinds", kinds);
        hit
    }

    fn note(
        &mut self,
        step: &mut Map<String, Value>,
        at: usize,
        label: Label<'a>,
        text: &'a str,
    ) -> Vec<usize> {
        put(step, "kind", "note");
        self.whose(step, at, label, text);
        self.is_unsure = text.starts_with("of this call, or of another");
        if text.contains(" times in all") {
            if text.ends_with("queue lengths") {
                self.sockets.forget_queues();
            }
            self.sockets.begin_piece();
        }
        let ends = ["exited with ", "killed by ", "a process "];
        let plain = text.trim_start_matches('(');
        let plain = label.and_then(|label| plain.strip_prefix(label)).unwrap_or(plain);
        let plain = plain.trim_start_matches(": ");
        if text.starts_with('(') && ends.iter().any(|end| plain.starts_with(end)) {
            // One of several, and nobody says which.
            let is_clear = label.is_some() || !plain.starts_with("a process ");
            self.sockets.ended(at, label, is_clear);
            return vec![];
        }
        // What still waited, or was there before.
        let side = self.side(at);
        let names = descriptors(text).into_iter();
        names.map(|name| self.sockets.of_descriptor(name, None, side)).collect()
    }
}

/// Whose state or queue this line of a look says, and which of them.
fn of_look<'a>(line: &Line<'a>) -> Option<(Socket<'a>, &'a str)> {
    match line {
        Line::State { of, .. } => Some((*of, "state")),
        Line::Queue { of, name, .. } => Some((*of, name)),
        _ => None,
    }
}

/// The names in front of calls and notes; and whether they stand in front of each printed line, too.
fn programs<'a>(lines: &[(&'a str, Line<'a>)]) -> (Vec<&'a str>, bool) {
    let mut all = vec![];
    for (_, line) in lines {
        if let Line::Call { label, .. } | Line::Result { label, .. } | Line::Note { label, .. } =
            line
        {
            all.extend(label.filter(|label| !all.contains(label)));
        }
    }
    // Of two programs with several processes, only the program prints.
    for label in all.clone() {
        let program = label.split_once(", ").map(|(program, _)| program);
        all.extend(program.filter(|program| !all.contains(program)));
    }
    let is_named = |(_, line): &(&str, Line<'a>)| match line {
        Line::Title(text) => named(text, &all).is_some(),
        _ => true,
    };
    let lines_have_names = !all.is_empty() && lines.iter().all(is_named);
    (all, lines_have_names)
}

/// Whose a printed line is, and what it says.
fn named<'a>(text: &'a str, programs: &[&'a str]) -> Option<(&'a str, &'a str)> {
    let find = |program: &&'a str| {
        let rest = text.strip_prefix(*program)?.strip_prefix(':')?;
        Some((*program, rest.strip_prefix(' ').unwrap_or(rest)))
    };
    programs.iter().find_map(find)
}

/// A line of ours without its kind.
fn rest(line: &str) -> &str {
    line.trim_start().split_once(' ').map_or(line, |(_, rest)| rest.trim_start())
}

fn id(index: usize) -> String {
    format!("s{}", index + 1)
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::Left => "left",
        Side::Right => "right",
    }
}

fn put(all: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    all.insert(key.to_owned(), value.into());
}

fn put_some(all: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        put(all, key, value);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::*;

    fn model(text: &str) -> Value {
        Timeline::read(text).player("x", &[])
    }

    /// All sockets after each step, by their ids.
    fn after_each(model: &Value) -> Vec<BTreeMap<String, Value>> {
        let mut all = BTreeMap::new();
        let steps = model["steps"].as_array().expect("steps");
        let after = steps.iter().map(|step| {
            for one in step["sockets"].as_array().into_iter().flatten() {
                all.insert(one["id"].as_str().expect("an id").to_owned(), one.clone());
            }
            all.clone()
        });
        after.collect()
    }

    /// The last of them, each in one line: what is absent is left out.
    fn last(text: &str) -> Vec<String> {
        let all = after_each(&model(text)).pop().expect("steps");
        all.values().map(short).collect()
    }

    fn short(one: &Value) -> String {
        let mut all = vec![one["id"].as_str().expect("an id").to_owned()];
        all.extend(
            ["fd", "ends", "state", "note"]
                .iter()
                .filter_map(|key| Some(one[key].as_str()?.to_owned())),
        );
        all.extend(one["queued"].as_array().map(|queued| format!("queued {}", json!(queued))));
        let are = ["closed", "gone"].iter().filter(|key| one[**key] == true);
        all.extend(are.map(|key| (*key).to_owned()));
        all.join(", ")
    }

    const WAITS: &str = "  call    socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = FD1
  state     FD1, at 0.0.0.0:8080: CLOSED -> LISTEN
  queue     FD1, at 0.0.0.0:8080: accept queue 0 -> 1
  state     8080 to PORT1: ESTABLISHED, no descriptor yet
";

    #[test]
    fn accept_gives_its_descriptor_to_the_connection_that_has_waited() {
        assert_eq!(
            last(WAITS),
            [
                "s1, FD1, at 0.0.0.0:8080, LISTEN, queued [\"s2\"]",
                "s2, 8080 to PORT1, ESTABLISHED, no descriptor yet"
            ]
        );
        for accept in ["127.0.0.1:PORT1, SOCK_CLOEXEC", "[::ffff:127.0.0.1]:PORT1"] {
            let text = format!("{WAITS}  call    accept4(FD1, {accept}) = FD2\n");
            assert_eq!(last(&text)[1], "s2, FD2, 8080 to PORT1, ESTABLISHED", "{accept}");
            assert_eq!(last(&text)[0], "s1, FD1, at 0.0.0.0:8080, LISTEN");
        }
        // Which one it is, the look says; or nobody does.
        let unnamed = format!("{WAITS}  call    accept(FD1, NULL, NULL) = FD2\n");
        assert_eq!(
            last(&unnamed)[1..],
            ["s2, 8080 to PORT1, ESTABLISHED, no descriptor yet", "s3, FD2",]
        );
        let looked =
            format!("{unnamed}  state     FD2, 8080 to PORT1: ESTABLISHED, has a descriptor\n");
        assert_eq!(last(&looked)[1..], ["s2, FD2, 8080 to PORT1, ESTABLISHED"]);
        // Of another address, or another peer.
        for other in ["8081 to PORT1", "8080 to PORT2", "192.168.7.1:8080 to PORT1"] {
            let text = format!("{WAITS}  call    accept(FD1, 127.0.0.1:PORT1) = FD2\n");
            let text = text.replace("8080 to PORT1", other).replace("0.0.0.0:8080", "8080");
            assert_eq!(last(&text)[2], "s3, FD2", "{other}");
        }
    }

    #[test]
    fn two_addresses_may_have_a_connection_of_one_peer() {
        let text = format!(
            "{WAITS}  state     192.168.7.3:8080 to PORT1: ESTABLISHED, no descriptor yet
  call    accept(FD1, 127.0.0.1:PORT1, 0) = FD2
  state     FD2, 192.168.7.3:8080 to PORT1: ESTABLISHED, has a descriptor
"
        );
        let all = after_each(&model(&text));
        assert_eq!(short(&all[2]["s4"]), "s4, FD2");
        let last = last(&text);
        assert_eq!(last[2], "s3, FD2, 192.168.7.3:8080 to PORT1, ESTABLISHED");
        assert_eq!(last[3], "s4, FD2, gone");
    }

    #[test]
    fn who_has_left_waits_in_the_queue() {
        let left = format!(
            "{WAITS}  call    close(9) = 0\n  state     8080 to PORT1: ESTABLISHED -> CLOSED\n"
        );
        assert_eq!(last(&left)[1], "s2, 8080 to PORT1, CLOSED, no descriptor yet");
        assert!(last(&left)[0].ends_with("queued [\"s2\"]"));
        let accepted = format!("{left}  call    accept(FD1, 127.0.0.1:PORT1) = FD2\n");
        assert_eq!(last(&accepted)[1], "s2, FD2, 8080 to PORT1, CLOSED");
        let closed = format!(
            "{left}  call    close(FD1) = 0\n  state     FD1, at 0.0.0.0:8080: LISTEN -> CLOSED\n"
        );
        assert_eq!(
            last(&closed),
            ["s1, FD1, at 0.0.0.0:8080, CLOSED, closed, gone", "s2, 8080 to PORT1, CLOSED, gone",]
        );
    }

    #[test]
    fn how_long_a_queue_is_after_many_times_is_not_said() {
        let many = "  ...     100 times in all, each with its own PORT";
        for (end, is_known) in [
            ("", true),
            (" and queue lengths", false),
            ("\nx\n  ...     9 times in all, each with its own queue lengths", true),
        ] {
            let text = format!("{WAITS}{many}{end}\n");
            let last = after_each(&model(&text)).pop().expect("steps");
            assert_eq!(last["s1"]["queues"] != Value::Null, is_known, "{end}");
        }
    }

    #[test]
    fn a_handshake_is_not_in_the_queue() {
        let text = WAITS.replace("ESTABLISHED, no", "SYN-RECEIVED, no");
        assert_eq!(last(&text)[0], "s1, FD1, at 0.0.0.0:8080, LISTEN");
    }

    #[test]
    fn a_descriptor_is_closed_when_no_program_has_it() {
        let made = "  call    socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = FD1\n";
        let close = "  call    close(FD1) = 0\n";
        for (more, said) in [
            ("", "s1, FD1, closed, gone"),
            ("  call    send(FD2, \"FD1\", 3, 0) = 3\n", "s1, FD1, closed, gone"),
            (
                "  state     FD1, 1 to 2: ESTABLISHED -> FIN-WAIT-2, descriptor closed\n",
                "s1, FD1, 1 to 2, FIN-WAIT-2, closed",
            ),
            (
                "  state     FD1, 1 to 2: ESTABLISHED -> CLOSED\n",
                "s1, FD1, 1 to 2, CLOSED, closed, gone",
            ),
            (
                "  state     FD1, 1 to 2: ESTABLISHED -> CLOSED, descriptor still open\n",
                "s1, FD1, 1 to 2, CLOSED, descriptor still open",
            ),
            ("  state     FD1, 1 to 2: ESTABLISHED -> CLOSE-WAIT\n", "s1, FD1, 1 to 2, CLOSE-WAIT"),
            // It has another name, too.
            ("  call    recv(FD1, \"\", 9, 0) = 0\n", "s1, FD1"),
        ] {
            let text = format!("{made}{close}{more}");
            assert_eq!(last(&text)[0], said, "{more}");
        }
        let text = format!("{made}  call    close(FD1) = EBADF\n");
        assert_eq!(last(&text)[0], "s1, FD1");
        // Closed, and the kernel goes on.
        let goes_on = format!("{made}  state     FD1, 1 to 2: CLOSED -> ESTABLISHED\n{close}");
        assert_eq!(last(&goes_on)[0], "s1, FD1, 1 to 2, ESTABLISHED, closed");
        let left = format!(
            "{goes_on}  state     FD1, 1 to 2: ESTABLISHED -> FIN-WAIT-2, descriptor closed
  call    socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = FD1b
  state     1 to 2: FIN-WAIT-2 -> TIME-WAIT
"
        );
        assert_eq!(last(&left), ["s1, FD1, 1 to 2, TIME-WAIT, closed", "s2, FD1b"]);
        // Another one between the same ends.
        let again = format!(
            "{left}  call    close(9) = 0\n  state     1 to 2: TIME-WAIT -> ESTABLISHED, no descriptor yet\n"
        );
        assert_eq!(last(&again)[2], "s3, 1 to 2, ESTABLISHED, no descriptor yet");
        assert!(last(&again)[0].ends_with("gone"));
    }

    #[test]
    fn one_socket_may_have_several_descriptors() {
        let made =
            "  call    socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = FD1\n  call    dup(FD1) = FD2\n";
        assert_eq!(last(made), ["s1, FD1, FD2"]);
        let one = format!("{made}  call    close(FD1) = 0\n");
        assert_eq!(last(&one), ["s1, FD2"]);
        assert_eq!(last(&format!("{one}  call    close(FD2) = 0\n")), ["s1, FD2, closed, gone"]);
        let two = "  call    socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = FD1\n  call    socket(AF_INET, SOCK_DGRAM, 0) = FD2\n";
        for (call, said) in [
            ("dup2(FD2, FD1) = FD1b", ["s1, FD1, closed, gone", "s2, FD2, FD1b"]),
            ("dup2(9, FD1) = 5", ["s1, FD1, closed, gone", "s2, FD2"]),
            ("dup2(FD1, FD1) = FD1", ["s1, FD1", "s2, FD2"]),
            ("dup2(FD2, FD1) = EBADF", ["s1, FD1", "s2, FD2"]),
            ("fcntl(FD2, F_DUPFD_CLOEXEC, 0) = FD3", ["s1, FD1", "s2, FD2, FD3"]),
            ("fcntl(FD2, F_GETFL) = 0x2 (flags O_RDWR)", ["s1, FD1", "s2, FD2"]),
        ] {
            assert_eq!(last(&format!("{two}  call    {call}\n")), said, "{call}");
        }
    }

    #[test]
    fn a_child_has_its_parents_descriptors() {
        let text = "  call    a: socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = FD1
  call    a: accept(FD1, 127.0.0.1:1) = FD2
  call    a: close(FD2) = 0
  call    a [2]: close(FD1) = 0
  call    a [2]: send(FD2, \"x\", 1, 0) = 1
  call    a [2]: close(FD2) = 0
  call    (a: exited with 0)
";
        let model = model(text);
        assert_eq!(model["programs"], json!(["a", "a [2]"]));
        assert_eq!(model["steps"][4]["text"], json!(["send(FD2, \"x\", 1, 0) = 1"]));
        assert_eq!(model["steps"][4]["program"], 1);
        let all = after_each(&model);
        let said: Vec<_> =
            all.iter().map(|all| all.values().map(short).collect::<Vec<_>>()).collect();
        assert_eq!(said[4], ["s1, FD1", "s2, FD2"]);
        assert_eq!(said[5], ["s1, FD1", "s2, FD2, closed"]);
        assert_eq!(said[6], ["s1, FD1, closed, gone", "s2, FD2, closed"]);
    }

    #[test]
    fn what_was_there_before_is_known() {
        let text = "  call    (open before: FD1 is 3, FD2 is 4)
  state     FD1, at 8080: LISTEN
  queue     FD1, at 8080: accept queue 1
  state     FD2, 8080 to 5000: ESTABLISHED
  state     8080 to 5001: CLOSE-WAIT, no descriptor yet
  queue     8080 to 5001: Recv-Q 3
";
        let last_ones = last(text);
        assert_eq!(
            last_ones,
            [
                "s1, FD1, at 8080, LISTEN, queued [\"s3\"]",
                "s2, FD2, 8080 to 5000, ESTABLISHED",
                "s3, 8080 to 5001, CLOSE-WAIT, no descriptor yet",
            ]
        );
        assert_eq!(model(text)["steps"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn a_datagram_socket_has_its_own_words() {
        let text = "  call    socket(AF_INET, SOCK_DGRAM, 0) = FD1
  call    sendto(FD1, \"x\", 1, 0, 127.0.0.1:8080) ...
  packet    PORT1 -> 8080  datagram, twice  1 byte \"x\"
  packet    8080 -> PORT1  ICMP: port unreachable
  result  sendto = 1
  state     FD1, at 0.0.0.0:PORT1: unbound -> unconnected
  queue     FD1, at 0.0.0.0:PORT1: Recv-Q empty -> not empty
";
        let model = model(text);
        let packet = json!({"from": "PORT1", "to": "8080", "kind": "datagram", "side": "left",
                            "bytes": 1, "data": "\"x\"", "fate": "twice"});
        assert_eq!(model["steps"][2]["packet"], packet);
        assert_eq!(model["steps"][2]["hit"], json!(["s1"]));
        assert_eq!(model["steps"][3]["hit"], json!(["s1"]));
        // The call that has not returned yet, and its result, are about its socket.
        let of = |key: &str| [0, 1, 4].map(|at: usize| model["steps"][at][key].clone());
        assert_eq!(of("open"), [Value::Null, json!(true), Value::Null]);
        assert_eq!(of("hit"), [json!(["s1"]), json!(["s1"]), json!(["s1"])]);
        let one = &after_each(&model)[5]["s1"];
        assert_eq!(one["queues"], json!({"Recv-Q": "not empty"}));
        assert_eq!((&one["protocol"], &one["state"]), (&json!("UDP"), &json!("unconnected")));
        // An address can be given up, and the descriptor is still there.
        let unbound = format!(
            "{text}  call    connect(FD1, AF_UNSPEC) = 0
  state     FD1, at 0.0.0.0:PORT1: unconnected -> unbound
"
        );
        assert_eq!(last(&unbound), ["s1, FD1, at 0.0.0.0:PORT1, unbound"]);
        let ended = format!(
            "{text}  call    (exited with 0)
  state     FD1, at 0.0.0.0:PORT1: unconnected -> unbound
"
        );
        assert_eq!(last(&ended), ["s1, FD1, at 0.0.0.0:PORT1, unbound, closed, gone"]);
    }

    #[test]
    fn addresses_are_as_in_the_looks() {
        for (address, ends) in [
            ("127.0.0.1:8080", "at 8080"),
            ("0.0.0.0:8080", "at 0.0.0.0:8080"),
            ("[::1]:8080", "at [::1]:8080"),
            ("[::ffff:192.168.7.1]:8080", "at 192.168.7.1:8080"),
        ] {
            let text = format!(
                "  call    socket(AF_INET, SOCK_STREAM, 0) = FD1\n  call    bind(FD1, {address}) = 0\n"
            );
            assert_eq!(last(&text), [format!("s1, FD1, {ends}")]);
        }
        let any = "  call    bind(FD1, 127.0.0.1:0) = 0\n";
        assert_eq!(last(any), ["s1, FD1, bound, its port not seen yet"]);
        let seen = format!("{any}  call    getsockname(FD1, 127.0.0.1:PORT1) = 0\n");
        assert_eq!(last(&seen), ["s1, FD1, at PORT1"]);
        let refused = "  call    bind(FD1, 127.0.0.1:80) = EACCES\n";
        assert_eq!(last(refused), ["s1, FD1"]);
    }

    #[test]
    fn lines_of_code_are_no_steps() {
        let text = "  call    bind(FD1, 127.0.0.1:0) ...  [a.rs:5]  [at 0.1 s]
  result  bind = 0  [b.rs:6]  [at 0.2 s, took 0.1 s]
  prints  [a.rs:7]
hello

  prints  [a.rs:8]
bye
";
        let files = [File { name: "c.rs".to_owned(), text: Some("x".to_owned()) }];
        let model = Timeline::read(text).player("x", &files);
        assert_eq!(
            model["files"],
            json!([{"name": "c.rs", "text": "x"}, {"name": "a.rs"}, {"name": "b.rs"}])
        );
        let steps = model["steps"].as_array().expect("steps");
        let said: Vec<_> =
            steps.iter().map(|step| json!([step["kind"], step["text"][0], step["at"]])).collect();
        assert_eq!(
            said,
            [
                json!(["call", "bind(FD1, 127.0.0.1:0) ...", [1, 5]]),
                json!(["result", "bind = 0", [2, 6]]),
                json!(["line", "hello", [1, 7]]),
                json!(["line", "bye", [1, 8]]),
            ]
        );
        assert_eq!(steps[1]["time"], "at 0.2 s, took 0.1 s");
    }

    #[test]
    fn a_name_is_cut_only_where_all_lines_have_one() {
        let text = "server: hello\n  call    server: socket(AF_INET) = FD1\nclient: x\n  call    client: close(FD1) = 0\n";
        let said = |text: &str| {
            let model = model(text);
            let step = &model["steps"][0];
            (step["text"][0].clone(), step["program"].clone())
        };
        assert_eq!(said(text), (json!("hello"), json!(0)));
        assert_eq!(said(&text.replace("client: x", "y")), (json!("server: hello"), Value::Null));
        assert_eq!(said("server: hello\n"), (json!("server: hello"), Value::Null));
    }

    #[test]
    fn a_line_is_of_a_side_if_it_says_so() {
        let text = "  call    listen(FD1, 1) = 0\nserver  accept  one\nserver ready\n";
        let model = model(&format!("{text}clients   connect  two\nclient 12  ends\nclients: 3\n"));
        let steps = model["steps"].as_array().expect("steps");
        let sides: Vec<_> = steps.iter().map(|step| step["side"].as_str().unwrap_or("")).collect();
        // (Who says that a server is ready, is not known.)
        assert_eq!(sides, ["right", "right", "", "left", "left", ""]);
    }

    #[test]
    fn of_a_socket_whose_call_is_left_out_its_port_says_the_side() {
        let text = "  call    socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = FD1
  call    listen(FD1, 5) = 0
  state     FD1, at PORT1: CLOSED -> LISTEN
  ...     all of this, 50 times in all, each with its own FD and PORT
  call    sendto(FD33, \"x\", 1, 0, NULL, 0) ...
  packet    PORT33 -> PORT1  PSH ACK  1 byte \"x\"
  packet    PORT1 -> PORT33  ACK
  result  sendto = 1
  queue     FD83, PORT1 to PORT33: Recv-Q 0 -> 1
  call    recvfrom(FD83, \"x\", 10, 0, NULL, NULL) = 1
  queue     FD83, PORT1 to PORT33: Recv-Q 1 -> 0
  call    sendto(FD83, \"y\", 1, 0, NULL, 0) ...
  packet    PORT1 -> PORT33  PSH ACK  1 byte \"y\"
  packet    PORT33 -> PORT1  ACK
  result  sendto = 1
  queue     FD33, PORT33 to PORT1: Recv-Q 0 -> 1
";
        let model = model(text);
        let steps = model["steps"].as_array().expect("steps");
        let side = |step: &Value| {
            step["side"].as_str().or(step["packet"]["side"].as_str()).unwrap_or("-").to_owned()
        };
        let sides: Vec<_> = steps[4..].iter().map(side).collect();
        let expected = "left left right left - right - right right left right -"
            .split(' ')
            .collect::<Vec<_>>();
        assert_eq!(sides, expected);
    }

    #[test]
    fn what_is_said_twice_was_seen_at_two_times() {
        let text = "  queue     FD1, 80 to PORT1: Recv-Q 0 -> 3
  state     FD1, 80 to PORT1: ESTABLISHED -> CLOSE-WAIT
  queue     80 to PORT1: Recv-Q 3 -> 0
  queue     FD2, at 90: Recv-Q 0 -> 1
  queue     FD3, at 90: Recv-Q 0 -> 1
";
        let model = model(text);
        let steps = model["steps"].as_array().expect("steps");
        let lines = steps.iter().map(|step| step["text"].as_array().expect("lines").len());
        assert_eq!(lines.collect::<Vec<_>>(), [2, 3]);
        assert_eq!(steps[0]["sockets"][0]["queues"]["Recv-Q"], "3");
        assert_eq!(steps[1]["sockets"][0]["queues"]["Recv-Q"], "0");
    }

    /// Each line of a look: its ends, what it is about, and what it says.
    fn lines_of(look: &Value) -> BTreeMap<(String, String), String> {
        let texts = look["text"].as_array().expect("lines").iter().filter_map(Value::as_str);
        let kinds = look["kinds"].as_array().expect("kinds").iter().filter_map(Value::as_str);
        let mut all = BTreeMap::new();
        for (text, kind) in texts.zip(kinds) {
            let (who, what) = text.split_once(": ").expect("who and what");
            let ends = who.split_once(", ").map_or(who, |(_, ends)| ends).to_owned();
            let (before, after) = what.split_once(" -> ").unwrap_or((what, what));
            let (name, value) = if kind == "state" {
                ("state", after.split(", ").next().expect("a state"))
            } else {
                let name = ["accept queue", "Recv-Q", "Send-Q"].into_iter();
                (name.into_iter().find(|name| before.starts_with(name)).expect("a queue"), after)
            };
            all.insert((ends, name.to_owned()), value.to_owned());
        }
        all
    }

    /// The lines of a timeline that are one step each, read without the library.
    fn steps_of(text: &str) -> Vec<Vec<String>> {
        let mut steps: Vec<Vec<String>> = vec![];
        let mut in_look = false;
        for line in text.lines().filter(|line| !line.is_empty()) {
            let is_look = line.starts_with("  state ") || line.starts_with("  queue ");
            if line.starts_with("  prints ") {
                continue;
            }
            match steps.last_mut().filter(|_| is_look && in_look) {
                Some(step) => step.push(line.to_owned()),
                None => steps.push(vec![line.to_owned()]),
            }
            in_look = is_look;
        }
        steps
    }

    #[test]
    fn the_steps_of_each_example_say_what_its_timeline_says() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/timelines");
        let mut looks = 0;
        for file in fs::read_dir(folder).expect("the timelines") {
            let file = file.expect("a file").path();
            let name = file.display();
            let text = fs::read_to_string(&file).expect("text");
            let text = text.splitn(3, "---\n").nth(2).expect("a snapshot");
            let is_folded = text.contains(" times in all");
            let model = model(text);
            let after = after_each(&model);
            let steps = model["steps"].as_array().expect("steps");
            let lines = steps_of(text);
            assert_eq!(steps.len(), lines.len(), "{name}");
            for ((step, lines), sockets) in steps.iter().zip(lines).zip(&after) {
                let what = format!("{name}: {lines:?}\n{sockets:#?}");
                let said = step["text"].as_array().expect("text");
                assert_eq!(said.len(), lines.len(), "{what}");
                for (said, line) in said.iter().zip(&lines) {
                    let words = said.as_str().expect("text").split("  ").next().expect("words");
                    let words = words.trim_start_matches('(');
                    assert!(line.contains(words), "{what}");
                }
                // The table never has two of the same.
                let live = sockets.values().filter(|one| one["gone"] != true);
                let in_table: Vec<_> = live
                    .clone()
                    .filter(|one| !["CLOSED", "unbound"].iter().any(|none| one["state"] == *none))
                    .filter(|one| one["state"] != Value::Null)
                    .map(|one| (one["ends"].as_str(), one["protocol"].as_str()))
                    .collect();
                // No two of them were one.
                let over = sockets.values().filter(|one| one["gone"] == true);
                for one in over.filter(|one| one["fd"] != Value::Null) {
                    assert!(one["closed"] == true, "{one} {what}");
                }
                let open = live.clone().filter(|one| one["closed"] != true);
                let open: Vec<_> = open.filter_map(|one| one["fd"].as_str()).collect();
                for (index, one) in in_table.iter().enumerate() {
                    assert!(!in_table[..index].contains(one), "{one:?} {what}");
                }
                for (index, one) in open.iter().enumerate() {
                    assert!(!open[..index].contains(one), "{one} {what}");
                }
                if step["kind"] != "look" {
                    continue;
                }
                looks += 1;
                for ((ends, key), value) in lines_of(step) {
                    let is_so = |one: &&Value| {
                        let is = if key == "state" { &one["state"] } else { &one["queues"][&key] };
                        one["ends"] == *ends && *is == *value
                    };
                    assert!(sockets.values().any(|one| is_so(&one)), "{ends} {value} {what}");
                }
                for one in live.filter(|one| one["listens"] == true && one["queues"] != Value::Null)
                {
                    let number = one["queued"].as_array().map_or(0, Vec::len);
                    let queue = one["queues"]["accept queue"].as_str().expect("a queue");
                    assert!(is_folded || queue == number.to_string(), "{what}");
                }
            }
            // In the end all is closed.
            for one in after.last().expect("steps").values() {
                assert!(one["closed"] == true || one["gone"] == true || is_folded, "{name}: {one}");
            }
        }
        assert!(looks > 100, "{looks}");
    }
}
