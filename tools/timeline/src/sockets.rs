//! The sockets of a timeline, as far as its lines say what they are: by descriptors, by ends, and
//! by what the kernel's tables said last.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::line::{Line, Socket};
use crate::sides::{Side, descriptors};

/// Whose a call is: the name in front of it, where there are several.
pub(crate) type Label<'a> = Option<&'a str>;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
}

/// A socket, from the call that made it, or from the first look that had it, until the kernel has
/// dropped it.
pub(crate) struct Known<'a> {
    /// What its descriptors are called, and who has them, if that is known. It may have several.
    holders: Vec<(Label<'a>, &'a str)>,
    /// All that it ever had.
    names: Vec<&'a str>,
    pub program: Label<'a>,
    /// As a look says them, or else as `bind` and `getsockname` did.
    pub ends: Option<String>,
    pub side: Side,
    pub protocol: Option<Protocol>,
    /// What the kernel's table says. `None`: it never had it.
    pub state: Option<&'a str>,
    pub queues: BTreeMap<&'a str, &'a str>,
    /// "no descriptor yet", or "descriptor still open".
    pub note: Option<&'a str>,
    pub closed: bool,
    pub gone: bool,
    pub listens: bool,
    /// A call was made that a table would show: that it has no state says nothing.
    is_used: bool,
}

const NO_DESCRIPTOR: &str = "no descriptor yet";
/// With port 0: which one the kernel has picked is seen later.
const BOUND: &str = "bound, its port not seen yet";
const STILL_OPEN: &str = "descriptor still open";

impl<'a> Known<'a> {
    fn new(side: Side, program: Label<'a>, protocol: Option<Protocol>) -> Self {
        Self {
            holders: vec![],
            names: vec![],
            program,
            ends: None,
            side,
            protocol,
            state: None,
            queues: BTreeMap::new(),
            note: None,
            closed: false,
            gone: false,
            listens: false,
            is_used: false,
        }
    }

    /// Its descriptors; those that it had, if they are closed.
    pub fn descriptor(&self) -> String {
        let mut open = vec![];
        for (_, name) in &self.holders {
            if !open.contains(name) {
                open.push(*name);
            }
        }
        if open.is_empty() {
            open.extend(self.names.last());
        }
        open.join(", ")
    }

    /// The table has it no more, or never had it.
    fn is_dropped(&self) -> bool {
        match self.state {
            None => !self.is_used,
            Some(state) => is_none(state),
        }
    }

    fn waits_in_a_queue(&self) -> bool {
        self.note == Some(NO_DESCRIPTOR) && self.state != Some("SYN-RECEIVED")
    }
}

/// What a table without it says.
fn is_none(state: &str) -> bool {
    ["CLOSED", "unbound"].contains(&state)
}

/// Where a descriptor is named, and whether it is closed there.
#[derive(Clone, Copy)]
struct Mention {
    at: usize,
    closes: bool,
}

/// All sockets so far.
pub(crate) struct Sockets<'a> {
    pub all: Vec<Known<'a>>,
    named: HashMap<&'a str, usize>,
    by_ends: HashMap<String, Vec<usize>>,
    listeners: BTreeSet<usize>,
    /// No program has them yet.
    waiting: BTreeSet<usize>,
    mentions: HashMap<&'a str, Vec<Mention>>,
    /// For each descriptor that a later look names: with which ends.
    later: HashMap<&'a str, &'a str>,
    /// For each line: where the look ends that stands below it.
    look_ends: Vec<usize>,
    /// A process has ended, and this is what came of it.
    has_ended: bool,
    touched: BTreeSet<usize>,
    /// Of which the queues were seen in what may be said to come again and again.
    in_piece: BTreeSet<usize>,
}

impl<'a> Sockets<'a> {
    pub fn new(lines: &[(&'a str, Line<'a>)]) -> Self {
        let mut mentions: HashMap<&str, Vec<Mention>> = HashMap::new();
        let mut later = HashMap::new();
        for (at, (text, line)) in lines.iter().enumerate() {
            match line {
                Line::Call { .. } | Line::Result { .. } | Line::Note { .. } => {
                    for name in descriptors(text) {
                        mentions.entry(name).or_default().push(Mention { at, closes: false });
                    }
                }
                Line::State { of, state, holder, .. } => {
                    let Some(name) = of.descriptor else { continue };
                    let is_open = *holder == STILL_OPEN;
                    let closes = *holder == "descriptor closed" || (is_none(state) && !is_open);
                    mentions.entry(name).or_default().push(Mention { at, closes });
                    later.entry(name).or_insert(of.ends);
                }
                // (Its state says whether it is open.)
                Line::Queue { of, .. } => {
                    later.extend(
                        of.descriptor.filter(|n| !later.contains_key(n)).map(|n| (n, of.ends)),
                    );
                }
                Line::Title(_) | Line::Packet { .. } => {}
            }
        }
        let is_look = |at: usize| matches!(lines[at].1, Line::State { .. } | Line::Queue { .. });
        let mut look_ends = vec![lines.len(); lines.len()];
        for at in (0..lines.len()).rev() {
            let below = at + 1;
            look_ends[at] = match below < lines.len() && is_look(below) {
                true => look_ends[below],
                false => below,
            };
        }
        Self {
            all: vec![],
            named: HashMap::new(),
            by_ends: HashMap::new(),
            listeners: BTreeSet::new(),
            waiting: BTreeSet::new(),
            mentions,
            later,
            look_ends,
            has_ended: false,
            touched: BTreeSet::new(),
            in_piece: BTreeSet::new(),
        }
    }

    /// The sockets that may have changed since this was asked last.
    pub fn take_touched(&mut self) -> BTreeSet<usize> {
        std::mem::take(&mut self.touched)
    }

    fn add(&mut self, one: Known<'a>) -> usize {
        self.all.push(one);
        self.touched.insert(self.all.len() - 1);
        self.all.len() - 1
    }

    fn touch(&mut self, index: usize) -> &mut Known<'a> {
        self.touched.insert(index);
        &mut self.all[index]
    }

    /// The socket of a descriptor. One that nobody has made here was there before, or came from
    /// elsewhere.
    pub fn of_descriptor(&mut self, name: &'a str, label: Label<'a>, side: Side) -> usize {
        if let Some(index) = self.named.get(name) {
            return *index;
        }
        let index = self.add(Known::new(side, label, None));
        self.give(index, label, name);
        index
    }

    fn give(&mut self, index: usize, label: Label<'a>, name: &'a str) {
        self.named.insert(name, index);
        let one = self.touch(index);
        if !one.holders.contains(&(label, name)) {
            one.holders.push((label, name));
        }
        if !one.names.contains(&name) {
            one.names.push(name);
        }
        one.note = one.note.filter(|note| *note != NO_DESCRIPTOR);
        (one.closed, one.gone) = (false, false);
        self.leave_queue(index);
    }

    fn set_ends(&mut self, index: usize, ends: &str) {
        let one = self.touch(index);
        one.note = one.note.filter(|note| *note != BOUND);
        let before = one.ends.replace(ends.to_owned());
        if before.as_deref() == Some(ends) {
            return;
        }
        if let Some(all) = before.and_then(|before| self.by_ends.get_mut(&before)) {
            all.retain(|one| *one != index);
        }
        self.by_ends.entry(ends.to_owned()).or_default().push(index);
    }

    /// The one socket with these ends that a table has.
    fn with_ends(&self, ends: &str, protocol: Protocol) -> Option<usize> {
        let all = self.by_ends.get(ends)?.iter().copied();
        let is_it = |index: &usize| {
            let one = &self.all[*index];
            !one.gone && one.protocol == Some(protocol) && !one.state.is_some_and(is_none)
        };
        only(all.filter(is_it))
    }

    /// The end of a packet, as far as the tables had it by then: that of a connection, or the
    /// socket that is bound there.
    pub fn of_packet(&self, own: &str, other: &str, protocol: Protocol) -> Option<usize> {
        let connection = self.with_ends(&format!("{own} to {other}"), protocol);
        connection.or_else(|| self.with_ends(&format!("at {own}"), protocol)).or_else(|| {
            let port = port(own);
            let anywhere = ["at 0.0.0.0:", "at [::]:"].map(|at| format!("{at}{port}"));
            only(anywhere.iter().filter_map(|ends| self.with_ends(ends, protocol)))
        })
    }

    /// Who names a descriptor has it.
    pub fn uses(&mut self, name: &'a str, label: Label<'a>, side: Side) -> usize {
        let index = self.of_descriptor(name, label, side);
        let one = &mut self.all[index];
        let has_it = one.holders.contains(&(label, name));
        if !has_it && !one.closed {
            self.give(index, label, name);
        }
        index
    }

    /// What a call has done that has returned.
    pub fn returned(
        &mut self,
        at: usize,
        label: Label<'a>,
        (name, arguments, result): (&'a str, &'a str, &'a str),
        side: Side,
    ) {
        let named = descriptors(arguments);
        let made = descriptors(result).first().copied().filter(|made| result.starts_with(*made));
        let own = named.first().and_then(|name| self.named.get(name)).copied();
        match (name, made, own) {
            ("socket", Some(made), _) => {
                let index = self.add(Known::new(side, label, protocol_of(arguments)));
                self.give(index, label, made);
            }
            ("accept" | "accept4", Some(made), Some(listener)) => {
                self.accepted(label, listener, arguments, made);
            }
            ("dup2" | "dup3", made, _) if !result.starts_with('E') => {
                let mut both = arguments.split(", ");
                let from = both.next().and_then(|name| self.named.get(name)).copied();
                // The second one was another socket's, or this one's.
                let second = both.next().and_then(|second| named.iter().find(|it| **it == second));
                if let Some(second) = second.filter(|second| made != Some(second)) {
                    self.close(at, label, second);
                }
                if let (Some(made), Some(from)) = (made, from) {
                    self.give(from, label, made);
                }
            }
            ("dup" | "fcntl", Some(made), Some(own)) => self.give(own, label, made),
            ("close", _, Some(_)) if result != "EBADF" => self.close(at, label, named[0]),
            ("bind" | "getsockname", _, Some(index)) if result == "0" => {
                let is_free = self.all[index].ends.is_none() && !self.all[index].is_used;
                let address = address_of(arguments).filter(|at| is_free && port(at) != "0");
                if let Some(address) = address {
                    self.set_ends(index, &format!("at {address}"));
                } else if name == "bind" && is_free {
                    self.touch(index).note = Some(BOUND);
                }
            }
            ("listen", _, Some(index)) if result == "0" => {
                let one = self.touch(index);
                (one.listens, one.is_used) = (true, true);
            }
            ("connect", _, Some(index)) if ["0", "EINPROGRESS"].contains(&result) => {
                self.all[index].is_used = true;
            }
            _ => {}
        }
    }

    /// `accept` gives a descriptor to the connection that has waited, if it is clear which one that
    /// is: by its peer, and by the port of the listener.
    fn accepted(&mut self, label: Label<'a>, listener: usize, arguments: &str, made: &'a str) {
        let at = self.all[listener].ends.clone();
        let peer = address_of(arguments);
        let later = self.later.get(made).copied();
        let is_it = |index: &usize| {
            let one = &self.all[*index];
            let Some((own, other)) = one.ends.as_deref().and_then(|ends| ends.split_once(" to "))
            else {
                return false;
            };
            let is_of = at.as_deref().is_some_and(|at| is_at(at, own));
            let is_said = match (&peer, later) {
                (Some(peer), _) => other == peer,
                (None, Some(later)) => one.ends.as_deref() == Some(later),
                (None, None) => false,
            };
            !one.gone && one.names.is_empty() && is_of && is_said
        };
        let all = self.by_ends.values().flatten().copied();
        let index = match only(all.filter(is_it)) {
            Some(index) => index,
            None => {
                let mut new = Known::new(Side::Right, label, self.all[listener].protocol);
                new.is_used = true;
                self.add(new)
            }
        };
        self.all[index].program = label;
        self.give(index, label, made);
        self.touch(listener);
    }

    /// A process has closed a descriptor. Another one may still have it: then it is named again.
    fn close(&mut self, at: usize, label: Label<'a>, name: &'a str) {
        let Some(index) = self.named.get(name).copied() else { return };
        let of_it = |(whose, what): &(Label<'_>, &str)| {
            *what == name && (whose.is_none() || *whose == label)
        };
        let one = self.touch(index);
        one.holders.retain(|holder| !of_it(holder));
        self.close_if_unheld(index, at);
        if self.all[index].holders.is_empty() && !self.all[index].closed {
            // Somebody has it.
            self.all[index].holders.push((None, name));
        }
    }

    fn close_if_unheld(&mut self, index: usize, at: usize) {
        let one = &self.all[index];
        if one.holders.is_empty() && !one.closed && !self.is_named_below(one, at) {
            self.end_descriptor(index);
        }
    }

    /// Whether a line below says that some program still has it. (The look right below may say
    /// that it was closed.)
    fn is_named_below(&self, one: &Known<'_>, at: usize) -> bool {
        let look_end = self.look_ends[at];
        let says =
            |mention: &Mention| mention.at > at && !(mention.closes && mention.at < look_end);
        one.names.iter().filter_map(|name| self.mentions.get(name)).flatten().any(says)
    }

    /// No program has it any more.
    fn end_descriptor(&mut self, index: usize) {
        let one = self.touch(index);
        one.holders.clear();
        (one.closed, one.note) = (true, None);
        one.gone = one.is_dropped();
        if one.gone {
            self.listeners.remove(&index);
        }
    }

    /// A process has ended: it has no descriptors any more.
    pub fn ended(&mut self, at: usize, label: Label<'a>, is_clear: bool) {
        self.has_ended = true;
        if !is_clear {
            return;
        }
        for index in 0..self.all.len() {
            let one = &mut self.all[index];
            let before = one.holders.len();
            one.holders.retain(|(whose, _)| *whose != label);
            if one.holders.len() < before {
                self.close_if_unheld(index, at);
            }
        }
    }

    /// Something else happens.
    pub fn goes_on(&mut self) {
        self.has_ended = false;
    }

    /// The socket of a descriptor, if there is one.
    pub fn known(&self, name: &str) -> Option<usize> {
        self.named.get(name).copied()
    }

    /// The socket that a line of a look is about.
    fn seen(&mut self, of: &Socket<'a>, protocol: Protocol, side: Side, is_new: bool) -> usize {
        let with_ends = self.with_ends(of.ends, protocol);
        let known = of.descriptor.and_then(|name| self.named.get(name)).copied();
        let index = match (known, with_ends, of.descriptor) {
            // It was not clear, when it was accepted, that this is the connection.
            (Some(known), Some(other), Some(name))
                if known != other
                    && self.all[known].ends.is_none()
                    && self.all[other].names.is_empty() =>
            {
                let label = self.all[known].program;
                self.touch(known).gone = true;
                self.all[other].program = label;
                self.give(other, label, name);
                other
            }
            (Some(known), ..) => known,
            (None, Some(other), Some(_))
                if !self.all[other].names.is_empty() && is_at_one(of.ends) =>
            {
                self.add(Known::new(side, None, Some(protocol)))
            }
            (None, Some(other), _) => {
                if is_new {
                    let old = self.touch(other);
                    old.gone = true;
                    self.add(Known::new(side, None, Some(protocol)))
                } else {
                    other
                }
            }
            (None, None, _) => self.add(Known::new(side, None, Some(protocol))),
        };
        self.set_ends(index, of.ends);
        self.all[index].protocol = Some(protocol);
        if let Some(name) = of.descriptor.filter(|name| !self.named.contains_key(name)) {
            self.give(index, None, name);
        }
        index
    }

    /// What a look says of a state.
    pub fn state(
        &mut self,
        at: usize,
        of: &Socket<'a>,
        [before, state, holder]: [&'a str; 3],
        side: Side,
    ) -> usize {
        let is_udp = |state| ["unbound", "unconnected", "connected"].contains(&state);
        let protocol = if is_udp(state) { Protocol::Udp } else { Protocol::Tcp };
        // Another connection between the same ends.
        let is_new = before == "TIME-WAIT" && holder == NO_DESCRIPTOR;
        let index = self.seen(of, protocol, side, is_new);
        let one = self.touch(index);
        one.state = Some(state);
        one.is_used = true;
        one.listens |= state == "LISTEN";
        // What is left of it has no queues.
        if is_none(state) || state == "TIME-WAIT" {
            one.queues.clear();
        }
        one.note = match holder {
            NO_DESCRIPTOR => Some(NO_DESCRIPTOR),
            STILL_OPEN => Some(STILL_OPEN),
            // Until it has one.
            _ => one.note,
        };
        if state == "LISTEN" {
            self.listeners.insert(index);
        } else {
            self.listeners.remove(&index);
        }
        if holder == NO_DESCRIPTOR {
            self.waiting.insert(index);
        }
        self.held(at, index, of.descriptor, [before, holder]);
        index
    }

    /// What a state says of who has it.
    fn held(
        &mut self,
        at: usize,
        index: usize,
        descriptor: Option<&str>,
        [before, holder]: [&str; 2],
    ) {
        let one = &self.all[index];
        let (had, dropped) = (!one.names.is_empty(), one.state.is_some_and(is_none));
        let is_udp = one.protocol == Some(Protocol::Udp);
        // What is left of a connection has no descriptor, also if the program still has one.
        let closed = match descriptor {
            _ if holder == "descriptor closed" => true,
            _ if holder == STILL_OPEN => false,
            None => had && before != "TIME-WAIT",
            // An address can be given up without a close.
            Some(_) if is_udp => dropped && self.has_ended && !self.is_named_below(one, at),
            Some(_) => dropped && !self.is_named_below(one, at),
        };
        if closed || (one.closed && dropped) {
            self.end_descriptor(index);
        }
        // (One that waits in a queue is there until the listener is gone: see `queued`.)
        if dropped && !had && self.all[index].note != Some(NO_DESCRIPTOR) {
            self.touch(index).gone = true;
        }
    }

    /// What a look says of a queue.
    pub fn queue(&mut self, of: &Socket<'a>, name: &'a str, length: &'a str, side: Side) -> usize {
        let is_udp = length.ends_with("empty");
        let protocol = if is_udp { Protocol::Udp } else { Protocol::Tcp };
        let index = self.seen(of, protocol, side, false);
        self.touch(index).queues.insert(name, length);
        self.in_piece.insert(index);
        index
    }

    /// What comes now does not belong to what stands above.
    pub fn begin_piece(&mut self) {
        self.in_piece.clear();
    }

    /// What stands above came many times, with another length of the queues each time: the last one
    /// is not known.
    pub fn forget_queues(&mut self) {
        for index in std::mem::take(&mut self.in_piece) {
            self.touch(index).queues.clear();
        }
    }

    fn leave_queue(&mut self, index: usize) {
        if self.waiting.remove(&index) {
            let listeners: Vec<usize> = self.listeners.iter().copied().collect();
            self.touched.extend(listeners);
        }
    }

    /// After a look: those whose listener is gone are gone, too.
    pub fn look_ends(&mut self) {
        let is_over = |index: &usize| {
            let one = &self.all[*index];
            one.state.is_some_and(is_none) && self.listener_of(*index).is_none()
        };
        let over: Vec<usize> = self.waiting.iter().copied().filter(is_over).collect();
        for index in over {
            let one = self.touch(index);
            (one.gone, one.note) = (true, None);
            self.waiting.remove(&index);
        }
        let listeners: Vec<usize> = self.listeners.iter().copied().collect();
        self.touched.extend(listeners);
    }

    /// The one listener of a connection that waits.
    fn listener_of(&self, index: usize) -> Option<usize> {
        let ends = self.all[index].ends.as_deref()?;
        let (own, _) = ends.split_once(" to ")?;
        let is_of =
            |listener: &usize| self.all[*listener].ends.as_deref().is_some_and(|at| is_at(at, own));
        only(self.listeners.iter().copied().filter(is_of))
    }

    /// The connections that wait in a listener's queue, in the order in which they were seen.
    pub fn queued(&self, listener: usize) -> Vec<usize> {
        if !self.listeners.contains(&listener) {
            return vec![];
        }
        let waits = |index: &usize| {
            self.all[*index].waits_in_a_queue() && self.listener_of(*index) == Some(listener)
        };
        self.waiting.iter().copied().filter(waits).collect()
    }
}

/// The only one, if there is just one.
fn only(all: impl IntoIterator<Item = usize>) -> Option<usize> {
    let mut all = all.into_iter();
    all.next().filter(|_| all.next().is_none())
}

fn protocol_of(arguments: &str) -> Option<Protocol> {
    match arguments {
        _ if arguments.contains("SOCK_STREAM") => Some(Protocol::Tcp),
        _ if arguments.contains("SOCK_DGRAM") => Some(Protocol::Udp),
        _ => None,
    }
}

/// The second argument, if it is an address; as looks have it, where a port alone is one of
/// 127.0.0.1.
fn address_of(arguments: &str) -> Option<String> {
    let address = arguments.split(", ").nth(1)?;
    let (ip, port) = address.rsplit_once(':')?;
    let ip = ip.strip_prefix("[::ffff:").and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
    Some(if ip == "127.0.0.1" { port.to_owned() } else { format!("{ip}:{port}") })
}

fn port(address: &str) -> &str {
    address.rsplit(':').next().unwrap_or(address)
}

/// Whether this is no connection.
fn is_at_one(ends: &str) -> bool {
    ends.starts_with("at ")
}

/// Whether a socket "at" an address has this one.
fn is_at(at: &str, own: &str) -> bool {
    let at = at.trim_start_matches("at ");
    let anywhere = ["0.0.0.0:", "[::]:"].iter().any(|start| at.starts_with(start));
    at == own || (anywhere && port(at) == port(own))
}
