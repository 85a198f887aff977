//! The lines of a timeline.

use crate::words;

/// May stand in front of a line that a program printed: then it is no line of ours, whatever it
/// looks like. No program prints it.
pub const PRINTED: char = '\u{1}';

/// A timeline, read from its text.
pub struct Timeline<'a> {
    pub(crate) lines: Vec<(&'a str, Line<'a>)>,
    /// What is known of each of them besides.
    pub(crate) besides: Vec<Besides<'a>>,
}

/// What a picture does not say.
#[derive(Clone, Copy, Default)]
pub(crate) struct Besides<'a> {
    /// The program's file and its line that did it (`--code`).
    pub place: Option<(&'a str, u32)>,
    /// When it was (`--time`).
    pub times: Option<&'a str>,
}

pub(crate) enum Line<'a> {
    /// A line that a program printed. What led to it stands above.
    Title(&'a str),
    Call {
        /// The program's name, where there are several.
        label: Option<&'a str>,
        name: &'a str,
        arguments: &'a str,
        /// `None`: it stands below, where the call returned.
        result: Option<&'a str>,
    },
    /// Where a call returned.
    Result {
        label: Option<&'a str>,
        name: &'a str,
        result: &'a str,
    },
    Packet {
        from: &'a str,
        to: &'a str,
        /// The flags of a segment, or what it is.
        kind: &'a str,
        again: bool,
        /// What the network did to it.
        fate: Option<&'a str>,
        /// Who says that there is no way.
        by: Option<&'a str>,
        /// How many bytes it carries, and which: quoted, and cut if they are many.
        length: Option<&'a str>,
        data: Option<&'a str>,
    },
    /// Whose state it is, what it was, if that is said, and what it is now.
    State {
        of: Socket<'a>,
        before: &'a str,
        state: &'a str,
        /// What else is said of its descriptor.
        holder: &'a str,
    },
    Queue {
        of: Socket<'a>,
        name: &'a str,
        length: &'a str,
    },
    /// How a program ended, or that something was left out.
    Note {
        label: Option<&'a str>,
        text: &'a str,
    },
}

/// An end that the kernel's tables have.
#[derive(Clone, Copy)]
pub(crate) struct Socket<'a> {
    pub descriptor: Option<&'a str>,
    /// Its port, and its peer's.
    pub ends: &'a str,
    pub port: &'a str,
}

impl<'a> Timeline<'a> {
    /// Reads what `cargo trace` printed.
    #[must_use]
    pub fn read(text: &'a str) -> Self {
        let (mut lines, mut besides) = (vec![], vec![]);
        // That of the next line that is printed.
        let mut prints = None;
        for line in text.lines() {
            if let Some(printed) = line.strip_prefix(PRINTED) {
                lines.push((printed, Line::Title(printed)));
                besides.push(Besides { place: prints.take(), times: None });
                continue;
            }
            let (line, times) = without_times(line);
            let (line, mut place) = without_place(line);
            if place.is_some() && line.starts_with(PRINTS) {
                prints = place;
                continue;
            }
            let read = Line::read(line).unwrap_or(Line::Note { label: None, text: line.trim() });
            if matches!(read, Line::Title(_)) {
                place = prints.take();
            }
            lines.push((line, read));
            besides.push(Besides { place, times });
        }
        Self { lines, besides }
    }

    /// The text without lines of code.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for ((line, _), besides) in self.lines.iter().zip(&self.besides) {
            text.push_str(line);
            if let Some(times) = besides.times {
                text.extend(["  [", times, "]"]);
            }
            text.push('\n');
        }
        text
    }
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let Some(rest) = line.strip_prefix("  ") else {
            let is_note = words::is_note(line);
            return Some(if is_note {
                Self::Note { label: None, text: line }
            } else {
                Self::Title(line)
            });
        };
        let (kind, rest) = rest.split_once(' ')?;
        let rest = rest.trim_start();
        Some(match kind {
            "call" => {
                let (call, result) = match rest.strip_suffix(" ...") {
                    Some(call) => (call, None),
                    None => rest.rsplit_once(" = ").map_or((rest, Some("")), |(c, r)| (c, Some(r))),
                };
                if let Some(note) = rest.strip_prefix('(') {
                    let label = note.split_once(": ").map(|(label, _)| label);
                    return Some(Self::Note { label, text: rest });
                }
                let (head, arguments) = call.split_once('(').unwrap_or((call, ""));
                let (label, name) = labelled(head);
                let arguments = arguments.strip_suffix(')').unwrap_or(arguments);
                Self::Call { label, name, arguments, result }
            }
            "result" => {
                let (call, result) = rest.split_once(" = ")?;
                let (label, name) = labelled(call);
                Self::Result { label, name, result }
            }
            "packet" => {
                // "(missed before: 3 bytes)" may stand in front.
                let missed = rest.strip_prefix('(').and_then(|rest| rest.split_once(")  "));
                let (ends, what) = missed.map_or(rest, |(_, rest)| rest).split_once("  ")?;
                let (from, to) = ends.split_once(" -> ")?;
                let (kind, carries) = what.split_once("  ").unwrap_or((what, ""));
                let length = carries.split_once(" byte").map(|(length, _)| length);
                let data = carries.find('"').map(|at| &carries[at..]);
                let (kind, fate) = match kind.rsplit_once(", ") {
                    Some((kind, fate @ ("lost" | "late" | "twice"))) => (kind, Some(fate)),
                    _ => (kind, None),
                };
                let (kind, by) = match kind.split_once(", says ") {
                    Some((kind, by)) => (kind, Some(by)),
                    None => (kind, None),
                };
                let first = kind.strip_suffix(", again");
                let (kind, again) = (first.unwrap_or(kind), first.is_some());
                Self::Packet { from, to, kind, again, fate, by, length, data }
            }
            "state" | "queue" => {
                let (who, what) = rest.split_once(": ")?;
                let (descriptor, ends) = match who.split_once(", ") {
                    Some((descriptor, ends)) => (Some(descriptor), ends),
                    None => (None, who),
                };
                let port = ends.trim_start_matches("at ").split(" to ").next()?;
                let of = Socket { descriptor, ends, port };
                let (before, after) = what.split_once(" -> ").unwrap_or(("", what));
                if kind == "state" {
                    let (state, holder) = after.split_once(", ").unwrap_or((after, ""));
                    Self::State { of, before, state, holder }
                } else {
                    // What was there before we came has no arrow: "Recv-Q 5".
                    let first = if before.is_empty() { after } else { before };
                    let name = match first.strip_suffix(" not empty") {
                        Some(name) => name,
                        None => first.rsplit_once(' ')?.0,
                    };
                    let length = if before.is_empty() { first[name.len()..].trim() } else { after };
                    Self::Queue { of, name, length }
                }
            }
            "..." => Self::Note { label: None, text: rest },
            // A line of the program's own, which begins with spaces as well.
            _ => Self::Title(line),
        })
    }
}

/// Of several programs, each has its name in front.
fn labelled(call: &str) -> (Option<&str>, &str) {
    call.rsplit_once(": ").map_or((None, call), |(label, name)| (Some(label), name))
}

/// A line of ours without what `--time` has put at its end, "[at 0.1 s, took 0.1 ms]", and that.
fn without_times(line: &str) -> (&str, Option<&str>) {
    match bracketed(line) {
        Some((line, times)) if times.starts_with("at ") || times.starts_with("took ") => {
            (line, Some(times))
        }
        _ => (line, None),
    }
}

/// Stands above a line that a program printed, and says where it did.
const PRINTS: &str = "  prints";

/// A call, its result or `prints` without what `--code` has put at its end, "[04_accept.rs:35]",
/// and that.
fn without_place(line: &str) -> (&str, Option<(&str, u32)>) {
    let has_one = ["  call ", "  result ", PRINTS].iter().any(|kind| line.starts_with(kind));
    let found = bracketed(line).filter(|_| has_one).and_then(|(line, place)| {
        let (file, number) = place.rsplit_once(':')?;
        Some((line, (file, number.parse().ok()?)))
    });
    found.map_or((line, None), |(line, place)| (line, Some(place)))
}

/// A line of ours, and what stands in brackets at its end.
fn bracketed(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_suffix(']').filter(|line| line.starts_with("  "))?;
    line.rsplit_once("  [")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_it_was_is_not_drawn() {
        let line =
            r#"  packet    1 -> 2  PSH ACK  4 bytes "pong"  [at 0.5 s, 40.1 ms after "ping"]"#;
        let plain = r#"  packet    1 -> 2  PSH ACK  4 bytes "pong""#;
        assert_eq!(without_times(line), (plain, Some("at 0.5 s, 40.1 ms after \"ping\"")));
        assert_eq!(without_times(plain), (plain, None));
        let printed = "a line  [at 0.5 s]";
        assert_eq!(without_times(printed), (printed, None));
    }

    #[test]
    fn nor_which_line_of_the_program_it_was() {
        let text = "  call    bind(FD1, A:0) = 0  [a b.rs:35]  [at 0.1 s]
  prints  [a.py:7]
a line  [x.rs:1]
another
  prints  [a.py:8]

  packet    1 -> 2  PSH ACK  4 bytes \"  [a:1]\"
  call    poll([{fd=FD1, revents=POLLIN}])
";
        let read = Timeline::read(text);
        let places: Vec<_> = read.besides.iter().map(|one| one.place).collect();
        let (of, at, none) = (Some(("a b.rs", 35)), Some(("a.py", 7)), None);
        assert_eq!(places, [of, at, none, Some(("a.py", 8)), none, none]);
        assert_eq!(read.lines[0].0, "  call    bind(FD1, A:0) = 0");
        assert_eq!(read.lines[1].0, "a line  [x.rs:1]");
    }

    #[test]
    fn what_a_program_printed_may_be_marked() {
        let text = "  call    x() = 0  [a.rs:1]  [at 0.1 s]
  prints  [a.rs:2]
\u{1}  call    y() = 0  [a.rs:3]
\u{1}(exited with 7)
";
        let read = Timeline::read(text);
        assert!(read.lines[1..].iter().all(|(_, line)| matches!(line, Line::Title(_))));
        assert_eq!(read.besides[1].place, Some(("a.rs", 2)));
        let plain = "  call    x() = 0  [at 0.1 s]\n  call    y() = 0  [a.rs:3]\n(exited with 7)\n";
        assert_eq!(read.text(), plain);
    }

    #[test]
    fn a_queue_may_have_been_there() {
        for (line, said) in [
            ("accept queue 2", ("accept queue", "2")),
            ("Recv-Q not empty", ("Recv-Q", "not empty")),
            ("Recv-Q empty -> not empty", ("Recv-Q", "not empty")),
            ("Recv-Q not empty -> empty", ("Recv-Q", "empty")),
            ("Send-Q 0 -> 5", ("Send-Q", "5")),
        ] {
            let line = format!("  queue     FD1, at 8090: {line}");
            let Some(Line::Queue { name, length, .. }) = Line::read(&line) else {
                unreachable!("no queue")
            };
            assert_eq!((name, length), said);
        }
    }

    #[test]
    fn a_call_may_say_whose_it_is() {
        let line = Line::read("  call    python3 [2]: send(FD1, \": (\") = 3");
        let Some(Line::Call { label, name, arguments, result }) = line else {
            unreachable!("no call")
        };
        assert_eq!((label, name, arguments), (Some("python3 [2]"), "send", "FD1, \": (\""));
        assert_eq!(result, Some("3"));
        let line = Line::read("  call    (python3: exited with 7)");
        let Some(Line::Note { label, text }) = line else { unreachable!("no note") };
        assert_eq!((label, text), (Some("python3"), "(python3: exited with 7)"));
    }

    #[test]
    fn a_program_may_print_spaces_in_front() {
        let own = "  line 33: let socket = Socket::new()?;";
        assert!(matches!(Line::read(own), Some(Line::Title(text)) if text == own));
        let many = Line::read("  ...     9 times in all");
        assert!(matches!(many, Some(Line::Note { text: "9 times in all", .. })));
    }

    #[test]
    fn a_result_may_stand_where_the_call_returned() {
        let line = Line::read("  call    sendto(FD1, \"a = b\"..., 31, 0, NULL, 0) ...");
        let Some(Line::Call { label: None, name, result: None, .. }) = line else {
            unreachable!("no open call")
        };
        assert_eq!(name, "sendto");
        let line = Line::read("  result  a: sendto = 31");
        let Some(Line::Result { label, name, result }) = line else { unreachable!("no result") };
        assert_eq!((label, name, result), (Some("a"), "sendto", "31"));
    }

    #[test]
    fn a_packet_says_what_became_of_it() {
        for (line, what) in [
            (
                "A:1 -> A:2  PSH ACK, again, lost  2 bytes \", late\"",
                ("PSH ACK", true, Some("lost")),
            ),
            ("(missed before: 3 bytes)  A:1 -> A:2  ACK, late", ("ACK", false, Some("late"))),
            ("A:1 -> A:2  datagram, twice  0 bytes", ("datagram", false, Some("twice"))),
            ("A:1 -> A:2  datagram  6 bytes \", lost\"", ("datagram", false, None)),
        ] {
            let line = format!("  packet    {line}");
            let Some(Line::Packet { kind, again, fate, by: None, .. }) = Line::read(&line) else {
                unreachable!("no packet")
            };
            assert_eq!((kind, again, fate), what);
        }
        let line = Line::read("  packet    A:1 -> B:2  ICMP: host unreachable, says fd07::2");
        let Some(Line::Packet { kind, by, fate: None, .. }) = line else {
            unreachable!("no packet")
        };
        assert_eq!((kind, by), ("ICMP: host unreachable", Some("fd07::2")));
    }

    #[test]
    fn what_no_program_printed_is_no_line_of_it() {
        for calls in ["accept4", "poll(FD1, FD2) and 2 calls of recvfrom(FD3)"] {
            let line = format!("(server.py still waited in {calls}, and was ended by SIGTERM)");
            assert!(matches!(Line::read(&line), Some(Line::Note { .. })), "{line}");
        }
        assert!(matches!(Line::read("(not of these)"), Some(Line::Title(_))));
    }
}
