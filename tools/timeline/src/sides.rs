//! Who is on which side: a client on the left, a server on the right.

use std::collections::HashMap;

use crate::line::Line;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Side {
    Left,
    Right,
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
        let mut ports = HashMap::new();
        // Those of ports that the tables never had.
        let mut guessed = HashMap::new();
        let mut names: HashMap<&str, &str> = HashMap::new();
        let mut had = HashMap::new();
        let mut descriptors: HashMap<&str, Side> = HashMap::new();
        let mut programs: HashMap<&str, Side> = HashMap::new();
        let mut called = vec![];
        let mut acting = vec![];
        let mut now = None;
        for (index, (_, line)) in lines.iter().enumerate() {
            match line {
                Line::Call { label, name, arguments, result } => {
                    let made = result.filter(|result| result.starts_with("FD"));
                    let of = descriptor(arguments);
                    let side = match made {
                        Some(_) if name.starts_with("accept") => Side::Right,
                        Some(made) if *name == "socket" => side_of(made, &lines[index + 1..]),
                        _ => {
                            let program = label.and_then(|label| programs.get(label));
                            let known = descriptors.get(of).or(program).copied();
                            known.or(now).unwrap_or(Side::Right)
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
                Line::Packet { from, to, .. } => {
                    // What is sent first in a call is sent by its own side.
                    if let Some(side) = now {
                        let other = if side == Side::Left { Side::Right } else { Side::Left };
                        guessed.entry(*from).or_insert(side);
                        guessed.entry(*to).or_insert(other);
                    }
                }
                Line::Title(title) => now = by_its_word(title).or(now),
                Line::Note { text, .. } if text.starts_with('(') => now = None,
                _ => {}
            }
            acting.push(now);
        }
        for (port, side) in guessed {
            ports.entry(port).or_insert(side);
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

/// The examples say who acts; other lines are of whoever made the last call.
fn by_its_word(title: &str) -> Option<Side> {
    let words = [("client", Side::Left), ("server", Side::Right)];
    let starts = |(word, _): &(&str, _)| title.starts_with(word);
    words.into_iter().find(starts).map(|(_, side)| side)
}

/// The first argument: most calls' descriptor. FD1; FD1b and FD1-27 are other sockets of the same
/// number.
pub(crate) fn descriptor(arguments: &str) -> &str {
    let first = arguments.find("FD").map_or("", |at| &arguments[at..]);
    let mut end = first.len().min(2);
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    end += digits(&first[end..]);
    match first.as_bytes().get(end) {
        Some(b'b'..=b'z') => end += 1,
        Some(b'-') => end += 1 + digits(&first[end + 1..]),
        _ => {}
    }
    &first[..end]
}

/// On which side a new socket will be: a client connects, or sends before it receives.
fn side_of(new: &str, later: &[(&str, Line<'_>)]) -> Side {
    for (_, line) in later {
        let Line::Call { name, arguments, .. } = line else { continue };
        if descriptor(arguments) != new {
            continue;
        }
        match *name {
            "connect" | "send" | "sendto" | "sendmsg" | "write" => return Side::Left,
            "listen" | "recv" | "recvfrom" | "recvmsg" | "read" => return Side::Right,
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
