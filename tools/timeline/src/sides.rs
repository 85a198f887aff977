//! Who is on which side: a client on the left, a server on the right.

use std::collections::HashMap;

use crate::line::Line;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Side {
    Left,
    Right,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

pub(crate) struct Sides<'a> {
    /// Of each line: whose doing it is. Packets, states and queues are that of the call above.
    acting: Vec<Option<Side>>,
    ports: HashMap<&'a str, Side>,
    /// Whether anybody talks to anybody.
    pub both: bool,
    /// Of each line that is about an end without a descriptor: the one that it had before.
    had: HashMap<usize, &'a str>,
}

impl<'a> Sides<'a> {
    pub fn new(lines: &[(&'a str, Line<'a>)]) -> Self {
        let first = Self::read(lines, HashMap::new());
        // Where the call that made a descriptor is left out, its port says on which side it is.
        let seen = lines.iter().filter_map(|(_, line)| match line {
            Line::State { of, .. } | Line::Queue { of, .. } => {
                Some((of.descriptor?, *first.ports.get(of.port)?))
            }
            _ => None,
        });
        let mut descriptors: HashMap<_, _> = seen.collect();
        for (_, line) in lines {
            if let Line::Call { result: Some(made), .. } | Line::Result { result: made, .. } = line
            {
                descriptors.remove(made);
            }
        }
        match descriptors.is_empty() {
            true => first,
            false => Self::read(lines, descriptors),
        }
    }

    fn read(lines: &[(&'a str, Line<'a>)], mut descriptors: HashMap<&'a str, Side>) -> Self {
        let mut ports = HashMap::new();
        // Who sent something to whom, and on which side that call was: for ports that the tables
        // never had.
        let mut sent = vec![];
        let mut names: HashMap<&str, &str> = HashMap::new();
        let mut had = HashMap::new();
        let mut programs: HashMap<&str, Side> = HashMap::new();
        let mut called = vec![];
        let mut acting = vec![];
        let mut now = None;
        for (index, (_, line)) in lines.iter().enumerate() {
            match line {
                Line::Call { label, name, arguments, result } => {
                    let made = result.filter(|result| result.starts_with("FD"));
                    let of = epoll_at(arguments).unwrap_or_else(|| descriptor(arguments));
                    if let Some(set) = result.and_then(epoll_at) {
                        // An epoll is of who looks at these.
                        let first = first_in(set, &lines[index + 1..]);
                        let known = first.map(|first| {
                            let known = descriptors.get(first).copied();
                            known.unwrap_or_else(|| side_of(first, &lines[index + 1..]))
                        });
                        descriptors.extend(known.map(|side| (set, side)));
                    }
                    let side = match made.or(result.and_then(epoll_at)) {
                        Some(_) if name.starts_with("accept") => Side::Right,
                        Some(set) if name.starts_with("epoll_") => {
                            let now = descriptors.get(set).copied().or(now);
                            now.unwrap_or(Side::Right)
                        }
                        Some(made) if *name == "socket" => side_of(made, &lines[index + 1..]),
                        _ => {
                            let program = label.and_then(|label| programs.get(label));
                            let known = descriptors.get(of).or(program).copied();
                            // (An epoll that looks at both sides' sockets is of neither client.)
                            let is_runtime = name.starts_with("epoll_");
                            known.or(now.filter(|_| !is_runtime)).unwrap_or(Side::Right)
                        }
                    };
                    descriptors.extend(made.map(|made| (made, side)));
                    if let Some(label) = label {
                        programs.entry(label).or_insert(side);
                    }
                    if result.is_none() {
                        called.push((*label, *name, side));
                    }
                    now = Some(side);
                }
                Line::Result { label, name, result } => {
                    let same = |(whose, what, _): &(_, _, _)| whose == label && what == name;
                    if let Some(at) = called.iter().rposition(same) {
                        let (.., side) = called.remove(at);
                        if result.starts_with("FD") {
                            descriptors.insert(result, side);
                        }
                        now = Some(side);
                    }
                }
                Line::State { of, .. } | Line::Queue { of, .. } => {
                    had.extend(names.get(of.ends).map(|name| (index, *name)));
                    if let Some(name) = of.descriptor {
                        names.insert(of.ends, name);
                        if let Some(side) = descriptors.get(name) {
                            ports.entry(of.port).or_insert(*side);
                        }
                    }
                }
                Line::Packet { from, to, .. } => sent.extend(now.map(|side| (*from, *to, side))),
                Line::Title(title) => now = by_its_word(title).or(now),
                Line::Note { text, .. } if text.starts_with('(') => now = None,
                _ => {}
            }
            acting.push(now);
        }
        for (from, to, side) in sent {
            let known = |port| ports.get(port).copied();
            // What is sent first in a call is sent by its own side.
            let side = match (known(from), known(to)) {
                (None, Some(other)) => other.other(),
                _ => side,
            };
            let side = *ports.entry(from).or_insert(side);
            ports.entry(to).or_insert(side.other());
        }
        // Which side a program is on may be known only after its first lines.
        for (now, (_, line)) in acting.iter_mut().zip(lines) {
            let label = match line {
                Line::Title(title) => title.split_once(':').map(|(label, _)| label),
                Line::Note { label, .. } => *label,
                _ => None,
            };
            *now = label.and_then(|label| programs.get(label)).copied().or(*now);
        }
        let talks = |(_, line): &(_, Line<'_>)| match line {
            Line::Packet { .. } => true,
            Line::Call { name, .. } => *name == "connect" || name.starts_with("accept"),
            _ => false,
        };
        let both = lines.iter().any(talks);
        Self { acting, ports, both, had }
    }

    /// Who does, or prints, what this line says: `None`, where the kernel does by itself.
    pub fn acting(&self, index: usize) -> Option<Side> {
        self.acting[index]
    }

    pub fn of_port(&self, port: &str) -> Side {
        self.ports.get(port).copied().unwrap_or(Side::Right)
    }

    /// The descriptor that this line's end had before.
    pub fn had(&self, index: usize) -> Option<&'a str> {
        self.had.get(&index).copied()
    }
}

/// The examples say who acts, in a column of its own ("client", "clients", "client 2"); other lines are
/// of whoever made the last call. (A server, too, may say "client connected".)
pub(crate) fn by_its_word(title: &str) -> Option<Side> {
    let (who, _) = title.split_once("  ")?;
    let who = who.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end();
    match who.strip_suffix('s').unwrap_or(who) {
        "client" => Some(Side::Left),
        "server" => Some(Side::Right),
        _ => None,
    }
}

/// The first argument: most calls' descriptor.
pub(crate) fn descriptor(arguments: &str) -> &str {
    arguments.find("FD").map_or("", |at| name_at(&arguments[at..]))
}

/// All descriptors in a call, but for what looks like one in a string.
pub(crate) fn descriptors(call: &str) -> Vec<&str> {
    let (mut found, mut before, mut in_string, mut escaped) = (vec![], ' ', false, false);
    for (at, character) in call.char_indices() {
        if in_string {
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else if character == '"' {
            in_string = true;
        } else if character == 'F' && !before.is_ascii_alphanumeric() && before != '_' {
            let name = name_at(&call[at..]);
            if name.len() > "FD".len() && !found.contains(&name) {
                found.push(name);
            }
        }
        before = character;
    }
    found
}

/// The name of a descriptor with which a text begins. FD1; FD1b and FD1-27 are other sockets of
/// the same number.
fn name_at(text: &str) -> &str {
    let Some(number) = text.strip_prefix("FD") else { return "" };
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut end = "FD".len() + digits(number);
    match text.as_bytes().get(end) {
        Some(b'b'..=b'z') => end += 1,
        Some(b'-') => end += 1 + digits(&text[end + 1..]),
        _ => {}
    }
    &text[..end]
}

/// The name of an epoll with which a text begins.
fn epoll_at(text: &str) -> Option<&str> {
    let number =
        text.strip_prefix("EPOLL").filter(|it| it.starts_with(|c: char| c.is_ascii_digit()))?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let end = number.find(|c| !is_name(c)).unwrap_or(number.len());
    Some(&text[..text.len() - number.len() + end])
}

/// The first socket that it is to look at.
fn first_in<'a>(set: &str, later: &[(&'a str, Line<'a>)]) -> Option<&'a str> {
    later.iter().find_map(|(_, line)| match line {
        Line::Call { name: "epoll_ctl", arguments, .. } if epoll_at(arguments) == Some(set) => {
            Some(descriptor(arguments)).filter(|name| !name.is_empty())
        }
        _ => None,
    })
}

/// On which side a new socket will be: a client connects, or sends before it receives.
fn side_of(new: &str, later: &[(&str, Line<'_>)]) -> Side {
    for (_, line) in later {
        let Line::Call { name, arguments, .. } = line else { continue };
        if descriptor(arguments) != new {
            continue;
        }
        match *name {
            "connect" | "send" | "sendto" | "sendmsg" | "write" => {
                return Side::Left;
            }
            "listen" | "recv" | "recvfrom" | "recvmsg" | "read" => {
                return Side::Right;
            }
            _ => {}
        }
    }
    Side::Right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_a_letter_or_a_number_behind_it() {
        for (arguments, name) in [
            ("FD1, \"x\"", "FD1"),
            ("FD1b", "FD1b"),
            ("FD12-27, FIONBIO, [1]", "FD12-27"),
            ("[{fd=FD3, events=POLLOUT}], 1", "FD3"),
            ("FD", "FD"),
            ("AF_INET", ""),
        ] {
            assert_eq!(descriptor(arguments), name, "{arguments}");
        }
    }

    #[test]
    fn what_is_sent_is_no_descriptor() {
        for (call, names) in [
            (r#"sendto(FD1, "FD2 \" FD3", 9, 0, NULL, 0) = 9"#, &["FD1"][..]),
            ("poll([{fd=FD1, events=POLLIN}, {fd=FD2-27}]) = 1 ([{fd=FD1}])", &["FD1", "FD2-27"]),
            ("fcntl(FD3b, F_DUPFD_CLOEXEC, FD_CLOEXEC) = FD4", &["FD3b", "FD4"]),
        ] {
            assert_eq!(descriptors(call), names);
        }
    }

    #[test]
    fn who_waits_in_an_epoll_is_who_looks_at_its_first_socket() {
        let text = "  call    epoll_create1(EPOLL_CLOEXEC) = EPOLL1
  call    epoll_ctl(EPOLL1, EPOLL_CTL_ADD, EVENT1, {events=EPOLLIN, data=0}) = 0
  call    socket(AF_INET) = FD1
  call    listen(FD1, 1) = 0
  call    epoll_ctl(EPOLL1, EPOLL_CTL_ADD, FD1, {events=EPOLLIN, data=1}) = 0
  call    socket(AF_INET) = FD2
  call    connect(FD2) = 0
  call    epoll_wait(EPOLL1, [{events=EPOLLIN, data=1}], 8, -1) = 1 (FD1)
  call    close(FD2) = 0
  call    close(EPOLL1) = 0
  call    epoll_create1(EPOLL_CLOEXEC) = EPOLL1b
";
        let sides = Sides::new(&crate::Timeline::read(text).lines);
        let marks = (0..11).map(|index| match sides.acting(index) {
            Some(Side::Left) => 'l',
            Some(Side::Right) => 'r',
            None => '-',
        });
        assert_eq!(marks.collect::<String>(), "rrrrrllrlrr");
    }

    #[test]
    fn each_program_has_its_side() {
        let text = "b: hello
  call    a: socket(AF_INET) = FD1
  call    b: socket(AF_INET) = FD2
  call    a: listen(FD1, 1) = 0
  call    a: accept4(FD1) ...
  call    b: connect(FD2) ...
  result  a: accept4 = FD3
  result  b: connect = 0
a: x
b: client
  call    (the kernel, by itself)
  call    (b: exited with 0)
";
        let sides = Sides::new(&crate::Timeline::read(text).lines);
        let marks: String = (0..12)
            .map(|index| match sides.acting(index) {
                Some(Side::Left) => 'l',
                Some(Side::Right) => 'r',
                None => '-',
            })
            .collect();
        assert_eq!(marks, "lrlrrlrlrl-l");
    }
}
