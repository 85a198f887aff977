//! The lines of a timeline.

use crate::words;

/// A timeline, read from its text.
pub struct Timeline<'a> {
    pub(crate) lines: Vec<(&'a str, Line<'a>)>,
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
        /// How many bytes it carries.
        length: Option<&'a str>,
    },
    /// Whose state it is, and what it is now.
    State {
        of: Socket<'a>,
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
        let read = |line| Some((line, Line::read(line)?));
        Self { lines: text.lines().map(without_times).filter_map(read).collect() }
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
                Self::Packet { from, to, kind, again, fate, by, length }
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
                    Self::State { of, state, holder }
                } else {
                    let whole = || before.rsplit_once(' ').map(|(name, _)| name);
                    let name = before.strip_suffix(" not empty").or_else(whole)?;
                    Self::Queue { of, name, length: after }
                }
            }
            _ => Self::Note { label: None, text: rest },
        })
    }
}

/// Of several programs, each has its name in front.
fn labelled(call: &str) -> (Option<&str>, &str) {
    call.rsplit_once(": ").map_or((None, call), |(label, name)| (Some(label), name))
}

/// A line of ours without what `--time` has put at its end: "[at 0.1 s, took 0.1 ms]".
fn without_times(line: &str) -> &str {
    let found = line.strip_suffix(']').filter(|line| line.starts_with("  "));
    match found.and_then(|line| line.rsplit_once("  [")) {
        Some((line, times)) if times.starts_with("at ") || times.starts_with("took ") => line,
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_it_was_is_not_drawn() {
        let line =
            r#"  packet    1 -> 2  PSH ACK  4 bytes "pong"  [at 0.5 s, 40.1 ms after "ping"]"#;
        let plain = r#"  packet    1 -> 2  PSH ACK  4 bytes "pong""#;
        assert_eq!(without_times(line), plain);
        assert_eq!(without_times(plain), plain);
        let printed = "a line  [at 0.5 s]";
        assert_eq!(without_times(printed), printed);
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
