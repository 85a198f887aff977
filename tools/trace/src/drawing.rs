//! Draws a timeline: two programs, their kernels, and the wire in between;
//! time goes down. Written for a page of 360 pixels, the width of a phone, and
//! in the page's own colours.

use std::collections::HashMap;
use std::fmt::Write as _;

const WIDTH: u32 = 360;
const ROW: u32 = 17;
const TOP: u32 = 22;
/// Where the kernels' lanes begin and end.
const LEFT: (u32, u32) = (88, 148);
const RIGHT: (u32, u32) = (212, 272);
/// The same in a picture with one side only.
const ALONE: (u32, u32) = (120, 360);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Side {
    Left,
    Right,
}

/// One line of the picture.
#[derive(Debug, PartialEq)]
enum Row<'a> {
    /// A line of the transcript.
    Title(&'a str),
    Call {
        side: Side,
        text: String,
        result: String,
    },
    Packet {
        from: Side,
        text: String,
    },
    State {
        side: Side,
        text: String,
    },
    /// Something was left out.
    More(&'a str),
}

/// A line of a timeline.
enum Line<'a> {
    Title(&'a str),
    Call {
        name: &'a str,
        arguments: &'a str,
        result: &'a str,
    },
    Packet {
        from: &'a str,
        to: &'a str,
        what: &'a str,
    },
    /// Whose state or queue: a descriptor, and its own port.
    State {
        descriptor: Option<&'a str>,
        port: &'a str,
        what: &'a str,
    },
    Queue {
        descriptor: Option<&'a str>,
        port: &'a str,
        what: &'a str,
    },
    More(&'a str),
}

/// The picture of a timeline, with `name` in its title; if there are words,
/// only of those lines of the transcript that have one of them in it.
///
/// # Errors
/// If no line has such words.
pub fn svg(name: &str, timeline: &str, words: &[&str]) -> Result<String, String> {
    let lines: Vec<Line<'_>> = timeline.lines().filter_map(Line::read).collect();
    let sides = Sides::new(&lines);
    let mut rows = vec![];
    let mut wanted = words.is_empty();
    let mut found = vec![false; words.len()];
    for (index, line) in lines.iter().enumerate() {
        if let Line::Title(title) = line {
            let title: Vec<&str> = title.split_whitespace().collect();
            let title = title.join(" ");
            wanted = words.is_empty();
            for (word, found) in words.iter().zip(&mut found) {
                if title.contains(word) {
                    (wanted, *found) = (true, true);
                }
            }
        }
        if wanted {
            rows.extend(sides.row(index, line));
        }
    }
    if let Some(missing) = found.iter().position(|found| !found) {
        return Err(format!("{name}: no line has '{}'", words[missing]));
    }
    Ok(draw(name, words, &rows))
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let Some(rest) = line.strip_prefix("  ") else {
            return Some(Self::Title(line));
        };
        let (kind, rest) = rest.split_once(' ')?;
        let rest = rest.trim_start();
        Some(match kind {
            "call" => {
                let (call, result) = rest.rsplit_once(" = ").unwrap_or((rest, ""));
                let (name, arguments) = call.split_once('(').unwrap_or((call, ""));
                let arguments = arguments.trim_end_matches(')');
                if name.is_empty() {
                    // How the program ended.
                    return Some(Self::More(rest));
                }
                Self::Call { name, arguments, result }
            }
            "packet" => {
                let (ends, what) = rest.split_once("  ")?;
                let (from, to) = ends.split_once(" -> ")?;
                Self::Packet { from, to, what }
            }
            "state" | "queue" => {
                let (who, what) = rest.split_once(": ")?;
                let (descriptor, ends) = match who.split_once(", ") {
                    Some((descriptor, ends)) => (Some(descriptor), ends),
                    None => (None, who),
                };
                let ends = ends.trim_start_matches("at ");
                let port = ends.split(" to ").next()?;
                if kind == "state" {
                    Self::State { descriptor, port, what }
                } else {
                    Self::Queue { descriptor, port, what }
                }
            }
            _ => Self::More(rest),
        })
    }
}

/// Which descriptor and which port is on which side: a client on the left, a
/// server on the right.
struct Sides {
    /// Of each line that is a call: the side of its descriptor.
    calls: HashMap<usize, Side>,
    ports: HashMap<String, Side>,
}

impl Sides {
    fn new(lines: &[Line<'_>]) -> Self {
        let mut sides = Self { calls: HashMap::new(), ports: HashMap::new() };
        let mut now: HashMap<String, Side> = HashMap::new();
        for (index, line) in lines.iter().enumerate() {
            match line {
                Line::Call { name, arguments, result } => {
                    if result.starts_with("FD") {
                        let side = if name.starts_with("accept") {
                            Side::Right
                        } else if *name == "socket" {
                            side_of(result, &lines[index + 1..])
                        } else {
                            *now.get(descriptor(arguments)).unwrap_or(&Side::Right)
                        };
                        now.insert((*result).to_owned(), side);
                    }
                    let of = if *name == "socket" { result } else { descriptor(arguments) };
                    let side = now.get(of).copied().unwrap_or(Side::Right);
                    sides.calls.insert(index, side);
                }
                Line::State { descriptor: Some(descriptor), port, .. } => {
                    if let Some(side) = now.get(*descriptor) {
                        sides.ports.entry((*port).to_owned()).or_insert(*side);
                    }
                }
                _ => {}
            }
        }
        sides
    }

    fn of_port(&self, port: &str) -> Side {
        self.ports.get(port).copied().unwrap_or(Side::Right)
    }

    fn row<'a>(&self, index: usize, line: &Line<'a>) -> Option<Row<'a>> {
        let named = |descriptor: Option<&str>, what: &str| match descriptor {
            Some(descriptor) => format!("{descriptor} {what}"),
            None => what.to_owned(),
        };
        Some(match line {
            Line::Title(title) => Row::Title(title),
            Line::Call { name, .. } if only_asks(name) => return None,
            Line::Call { name, arguments, result } => {
                let side = self.calls.get(&index).copied().unwrap_or(Side::Right);
                if *name == "fcntl" && !arguments.contains("F_SETFL") {
                    return None;
                }
                let of = descriptor(arguments);
                let (text, result) = match (*name, arguments.split_once("SO_")) {
                    ("socket", _) => ("socket".to_owned(), (*result).to_owned()),
                    ("setsockopt", Some((_, option))) => {
                        let option = option.rsplit_once(", ").map_or(option, |(most, _)| most);
                        let option = option.replace(", ", " ");
                        (format!("option {of}"), format!("SO_{option}"))
                    }
                    ("fcntl" | "ioctl", _) => {
                        let off = arguments.contains("[0]")
                            || (*name == "fcntl" && !arguments.contains("NONBLOCK"));
                        let mode = if off { "blocking" } else { "non-blocking" };
                        (format!("option {of}"), mode.to_owned())
                    }
                    ("shutdown", _) => {
                        let how = arguments.rsplit(", ").next().unwrap_or_default();
                        (format!("shutdown {of}"), how.to_owned())
                    }
                    ("bind", _) => {
                        let port = arguments.rsplit(':').next();
                        let port = port.filter(|port| *port != "0");
                        let result = match port {
                            Some(port) => format!("{port}: {result}"),
                            None => (*result).to_owned(),
                        };
                        (format!("bind {of}"), result)
                    }
                    (name, _) => (format!("{name} {of}"), (*result).to_owned()),
                };
                Row::Call { side, text, result }
            }
            Line::Packet { from, to, what } => {
                let from_side = self.of_port(from);
                let to_side = self.of_port(to);
                let side = match (from_side, to_side) {
                    (from, to) if from != to => from,
                    _ => Side::Left,
                };
                // (What it carries stands in the text.)
                let what = what.split(" \"").next().unwrap_or(what);
                Row::Packet { from: side, text: what.replace("  ", ", ") }
            }
            Line::State { descriptor, port, what } => {
                let side = self.of_port(port);
                let what = what.split_once(" -> ").map_or(*what, |(_, after)| after);
                let what = what.split(", ").next().unwrap_or(what);
                let text = match descriptor {
                    Some(name) if what == "LISTEN" => {
                        format!("{name} {what} at {port}")
                    }
                    Some(name) => format!("{name} {what}"),
                    None => format!("{port}, no FD: {what}"),
                };
                Row::State { side, text }
            }
            Line::Queue { descriptor, port, what } => {
                let side = self.of_port(port);
                // From nothing to something, in a few words.
                let what = what.replace("Recv-Q empty -> not empty", "Recv-Q filled");
                let what = what.replace("Recv-Q not empty -> empty", "Recv-Q empty");
                let what = match what.split_once(" -> ") {
                    Some((before, after)) => {
                        let name = before.rsplit_once(' ').map_or(before, |(name, _)| name);
                        format!("{name} {after}")
                    }
                    None => what,
                };
                let text = if descriptor.is_none() { what } else { named(*descriptor, &what) };
                Row::State { side, text }
            }
            Line::More(words) => Row::More(words),
        })
    }
}

/// The first argument: most calls' descriptor.
fn descriptor(arguments: &str) -> &str {
    let first = arguments.find("FD").map_or("", |at| &arguments[at..]);
    let end = first[first.len().min(2)..].find(|c: char| !c.is_ascii_digit());
    &first[..end.map_or(first.len(), |end| end + 2)]
}

/// On which side a new socket will be: a client connects, or sends before it
/// receives.
fn side_of(new: &str, later: &[Line<'_>]) -> Side {
    for line in later {
        let Line::Call { name, arguments, result } = line else { continue };
        if *result == new {
            break;
        }
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

/// Calls that change nothing are left out of the picture.
fn only_asks(name: &str) -> bool {
    ["getsockname", "getpeername", "getsockopt"].contains(&name) || name.contains("poll")
}

fn draw(name: &str, words: &[&str], rows: &[Row<'_>]) -> String {
    let has_left = |row: &Row<'_>| match row {
        Row::Call { side, .. } | Row::State { side, .. } => *side == Side::Left,
        Row::Packet { .. } => true,
        Row::Title(_) | Row::More(_) => false,
    };
    let both = rows.iter().any(has_left);
    let tall = TOP + 6 + rows.iter().map(height).sum::<u32>() + 6;
    let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let id = [&[name], words].concat().join("-");
    let id: String = id.chars().map(letter).collect();
    let mut svg = format!(
        "<svg class=\"picture sequence\" xmlns=\"http://www.w3.org/2000/svg\" \
         viewBox=\"0 0 {WIDTH} {tall}\" role=\"img\" \
         aria-labelledby=\"seq-{id}-title seq-{id}-desc\" font-size=\"11\" \
         fill=\"currentColor\">\n\
         <title id=\"seq-{id}-title\">What the kernel did: {name}</title>\n\
         <desc id=\"seq-{id}-desc\">Time goes down. The text below the picture \
         says the same and more.</desc>\n"
    );
    let mut band = |from: u32, to: u32| {
        let _ = writeln!(
            svg,
            "<rect x=\"{from}\" y=\"4\" width=\"{}\" height=\"{}\" fill-opacity=\"0.07\"/>",
            to - from,
            tall - 8
        );
    };
    let lanes: &[(u32, &str)] = if both {
        band(LEFT.0, LEFT.1);
        band(RIGHT.0, RIGHT.1);
        &[
            (LEFT.0 / 2, "client"),
            (u32::midpoint(LEFT.0, LEFT.1), "kernel"),
            (WIDTH / 2, "wire"),
            (u32::midpoint(RIGHT.0, RIGHT.1), "kernel"),
            (u32::midpoint(RIGHT.1, WIDTH), "server"),
        ]
    } else {
        band(ALONE.0, ALONE.1);
        &[(ALONE.0 / 2, "program"), (u32::midpoint(ALONE.0, ALONE.1), "kernel")]
    };
    for (x, name) in lanes {
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"16\" text-anchor=\"middle\" font-weight=\"bold\">{name}</text>"
        );
    }
    let mut y = TOP + 6;
    for row in rows {
        y += height_before(row);
        row_at(&mut svg, row, y, both);
        y += height(row) - height_before(row);
    }
    svg += "</svg>\n";
    svg
}

fn height(row: &Row<'_>) -> u32 {
    match row {
        Row::Title(_) => ROW + 8,
        Row::Packet { .. } => ROW + 3,
        _ => ROW,
    }
}

fn height_before(row: &Row<'_>) -> u32 {
    if matches!(row, Row::Title(_)) { 6 } else { 0 }
}

fn row_at(svg: &mut String, row: &Row<'_>, y: u32, both: bool) {
    let base = y + 12;
    let text = |svg: &mut String, x: u32, anchor: &str, more: &str, text: &str| {
        let text = escaped(text);
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{base}\" text-anchor=\"{anchor}\"{more}>{text}</text>"
        );
    };
    let mono = " font-family=\"var(--mono-font)\"";
    match row {
        Row::Title(title) => {
            let line = y.saturating_sub(2);
            let _ = writeln!(
                svg,
                "<path d=\"M0 {line}H{WIDTH}\" stroke=\"currentColor\" stroke-opacity=\"0.35\"/>"
            );
            text(svg, 2, "start", " font-weight=\"bold\"", &short_title(title));
        }
        Row::More(words) => text(svg, 2, "start", " font-style=\"italic\"", words),
        Row::Call { side: _, text: call, result } if !both => {
            text(svg, 2, "start", mono, call);
            text(svg, ALONE.0 + 20, "start", mono, result);
            arrow(svg, ALONE.0 - 4, ALONE.0 + 14, y + 8);
        }
        Row::Call { side: Side::Left, text: call, result } => {
            text(svg, 2, "start", mono, call);
            text(svg, LEFT.0 + 18, "start", mono, result);
            arrow(svg, LEFT.0 + 1, LEFT.0 + 14, y + 8);
        }
        Row::Call { side: Side::Right, text: call, result } => {
            text(svg, WIDTH - 2, "end", mono, call);
            text(svg, RIGHT.1 - 18, "end", mono, result);
            arrow(svg, RIGHT.1 - 1, RIGHT.1 - 14, y + 8);
        }
        Row::Packet { from, text: label } => {
            let (start, end) = match from {
                Side::Left => (LEFT.1 - 26, RIGHT.0 + 26),
                Side::Right => (RIGHT.0 + 26, LEFT.1 - 26),
            };
            text(svg, WIDTH / 2, "middle", " fill=\"var(--links)\"", label);
            wire(svg, start, end, y + 17);
        }
        Row::State { side: _, text: state } if !both => {
            text(svg, ALONE.0 + 20, "start", "", state);
        }
        Row::State { side: Side::Left, text: state } => {
            text(svg, LEFT.0 + 4, "start", "", state);
        }
        Row::State { side: Side::Right, text: state } => {
            text(svg, RIGHT.1 - 4, "end", "", state);
        }
    }
}

/// From a program into its kernel.
fn arrow(svg: &mut String, from: u32, to: u32, y: u32) {
    let back = if to > from { to - 4 } else { to + 4 };
    let _ = writeln!(
        svg,
        "<path d=\"M{from} {y}H{to}M{back} {}L{to} {y}L{back} {}\" fill=\"none\" \
         stroke=\"currentColor\"/>",
        y - 3,
        y + 3
    );
}

/// A packet.
fn wire(svg: &mut String, from: u32, to: u32, y: u32) {
    let back = if to > from { to - 7 } else { to + 7 };
    let _ = writeln!(
        svg,
        "<path d=\"M{from} {y}H{to}\" stroke=\"var(--links)\" stroke-width=\"1.5\"/>\
         <path d=\"M{to} {y}L{back} {}V{}Z\" fill=\"var(--links)\"/>",
        y - 3,
        y + 3
    );
}

/// The three columns of a transcript, without the space between them.
fn short_title(title: &str) -> String {
    let words: Vec<&str> =
        title.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect();
    let text = words.join(" · ");
    if text.chars().count() <= 58 {
        return text;
    }
    let cut: String = text.chars().take(56).collect();
    // (Not in the middle of a word.)
    let whole = cut.rsplit_once(' ').map_or(&*cut, |(whole, _)| whole);
    format!("{} ...", whole.trim_end())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(" -&gt; ", " → ")
}
