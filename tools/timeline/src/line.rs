//! The lines of a timeline.

/// A timeline, read from its text.
pub struct Timeline<'a> {
    pub(crate) lines: Vec<Line<'a>>,
}

pub(crate) enum Line<'a> {
    /// A line that the program printed.
    Title(&'a str),
    Call {
        name: &'a str,
        arguments: &'a str,
        result: &'a str,
    },
    Packet {
        from: &'a str,
        to: &'a str,
        /// The flags of a segment, or what it is.
        kind: &'a str,
        again: bool,
        /// How many bytes it carries.
        length: Option<&'a str>,
    },
    /// Whose state it is, a descriptor's and a port's, and what it is now.
    State {
        descriptor: Option<&'a str>,
        port: &'a str,
        state: &'a str,
    },
    Queue {
        descriptor: Option<&'a str>,
        port: &'a str,
        name: &'a str,
        length: &'a str,
    },
    /// How a program ended, or that something was left out.
    Note(&'a str),
}

impl<'a> Timeline<'a> {
    /// Reads what `cargo trace` printed.
    #[must_use]
    pub fn read(text: &'a str) -> Self {
        Self { lines: text.lines().filter_map(Line::read).collect() }
    }
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let Some(rest) = line.strip_prefix("  ") else {
            return Some(Self::Title(line));
        };
        let (kind, rest) = rest.split_once(' ')?;
        let rest = rest.trim_start();
        Some(match kind {
            "call" if rest.starts_with('(') => Self::Note(rest),
            "call" => {
                let (call, result) = rest.rsplit_once(" = ").unwrap_or((rest, ""));
                let (name, arguments) = call.split_once('(').unwrap_or((call, ""));
                // Of several processes, each has its name in front.
                let name = name.rsplit_once(": ").map_or(name, |(_, name)| name);
                Self::Call { name, arguments: arguments.trim_end_matches(')'), result }
            }
            "packet" => {
                let (ends, what) = rest.split_once("  ")?;
                let (from, to) = ends.split_once(" -> ")?;
                let (kind, carries) = what.split_once("  ").unwrap_or((what, ""));
                let length = carries.split_once(" byte").map(|(length, _)| length);
                let first = kind.strip_suffix(", again");
                let (kind, again) = (first.unwrap_or(kind), first.is_some());
                Self::Packet { from, to, kind, again, length }
            }
            "state" | "queue" => {
                let (who, what) = rest.split_once(": ")?;
                let (descriptor, ends) = match who.split_once(", ") {
                    Some((descriptor, ends)) => (Some(descriptor), ends),
                    None => (None, who),
                };
                let port = ends.trim_start_matches("at ").split(" to ").next()?;
                let (before, after) = what.split_once(" -> ").unwrap_or(("", what));
                if kind == "state" {
                    let state = after.split(", ").next()?;
                    Self::State { descriptor, port, state }
                } else {
                    let whole = || before.rsplit_once(' ').map(|(name, _)| name);
                    let name = before.strip_suffix(" not empty").or_else(whole)?;
                    Self::Queue { descriptor, port, name, length: after }
                }
            }
            _ => Self::Note(rest),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_may_say_whose_it_is() {
        let line = Line::read("  call    python3 [2]: send(FD1, \": (\") = 3");
        let Some(Line::Call { name, arguments, result }) = line else { unreachable!("no call") };
        assert_eq!((name, arguments, result), ("send", "FD1, \": (\"", "3"));
    }
}
