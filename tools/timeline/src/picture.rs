//! Draws a timeline: two programs, their kernels, and the wire in between; time goes down. Written
//! for a page of 360 pixels, the width of a phone, and in the page's own colours.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::line::{Line, Timeline};
use crate::words::Words;

const WIDTH: u32 = 360;
const ROW: u32 = 17;
const TOP: u32 = 22;
/// Where the kernels' lanes begin and end.
const LEFT: (u32, u32) = (88, 148);
const RIGHT: (u32, u32) = (212, 272);
/// The same in a picture with one side only.
const ALONE: (u32, u32) = (120, 360);

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
}

/// One line of the picture.
enum Row {
    /// A line of the transcript.
    Title(String),
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
    Note(String),
}

impl Timeline<'_> {
    /// The picture, with `name` in its title; if `parts` are given, only of those lines of the
    /// transcript that have one of them in it.
    ///
    /// # Errors
    /// If no line has such a part.
    pub fn svg(&self, name: &str, parts: &[String], words: &Words) -> Result<String, String> {
        let sides = Sides::new(&self.lines);
        let mut rows = vec![];
        let mut shows = parts.is_empty();
        let mut missing: Vec<&String> = parts.iter().collect();
        for (index, line) in self.lines.iter().enumerate() {
            if let Line::Title(title) = line {
                let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
                shows = parts.is_empty() || parts.iter().any(|part| title.contains(part));
                missing.retain(|part| !title.contains(*part));
            }
            if shows {
                rows.extend(sides.row(index, line, words));
            }
        }
        match missing.first() {
            Some(part) => Err(format!("{name}: no line has '{part}'")),
            None => Ok(draw(name, parts, &rows, words)),
        }
    }
}

/// Which descriptor and which port is on which side: a client on the left, a server on the right.
struct Sides<'a> {
    /// Of each line that is a call: the side of its descriptor.
    calls: HashMap<usize, Side>,
    ports: HashMap<&'a str, Side>,
}

impl<'a> Sides<'a> {
    fn new(lines: &[Line<'a>]) -> Self {
        let mut sides = Self { calls: HashMap::new(), ports: HashMap::new() };
        let mut now: HashMap<&str, Side> = HashMap::new();
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
                        now.insert(result, side);
                    }
                    let of = if *name == "socket" { result } else { descriptor(arguments) };
                    let side = now.get(of).copied().unwrap_or(Side::Right);
                    sides.calls.insert(index, side);
                }
                Line::State { descriptor: Some(descriptor), port, .. } => {
                    if let Some(side) = now.get(descriptor) {
                        sides.ports.entry(port).or_insert(*side);
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

    fn row(&self, index: usize, line: &Line<'_>, words: &Words) -> Option<Row> {
        Some(match line {
            Line::Title(title) => Row::Title(short_title(&words.note(title))),
            Line::Call { name, .. } if only_asks(name) => return None,
            Line::Call { name, arguments, result } => {
                let side = self.calls[&index];
                if *name == "fcntl" && !arguments.contains("F_SETFL") {
                    return None;
                }
                let of = descriptor(arguments);
                let option = || words.fill("option {descriptor}", &[of]);
                let named = || format!("{name} {of}");
                let (text, result) = match (*name, arguments.split_once("SO_")) {
                    ("socket", _) => ("socket".to_owned(), (*result).to_owned()),
                    ("setsockopt", Some((_, set))) => {
                        let set = set.rsplit_once(", ").map_or(set, |(most, _)| most);
                        (option(), format!("SO_{}", set.replace(", ", " ")))
                    }
                    ("fcntl" | "ioctl", _) => {
                        let off = arguments.contains("[0]")
                            || (*name == "fcntl" && !arguments.contains("NONBLOCK"));
                        let mode = if off { "blocking" } else { "non-blocking" };
                        (option(), words.of(mode).to_owned())
                    }
                    ("shutdown", _) => {
                        let how = arguments.rsplit(", ").next().unwrap_or_default();
                        (named(), how.to_owned())
                    }
                    ("bind", _) => match arguments.rsplit(':').next() {
                        Some(port) if port != "0" => (named(), format!("{port}: {result}")),
                        _ => (named(), (*result).to_owned()),
                    },
                    _ => (named(), (*result).to_owned()),
                };
                Row::Call { side, text, result }
            }
            Line::Packet { from, to, kind, again, length } => {
                let sides = (self.of_port(from), self.of_port(to));
                let from = if sides.0 == sides.1 { Side::Left } else { sides.0 };
                let mut text = words.of(kind).to_owned();
                if *again {
                    text = words.fill("{packet}, again", &[&text]);
                }
                text = match length {
                    None => text,
                    Some("1") => words.fill("{packet}, 1 byte", &[&text]),
                    Some(number) => words.fill("{packet}, {number} bytes", &[&text, number]),
                };
                Row::Packet { from, text }
            }
            Line::State { descriptor, port, state } => {
                let text = match descriptor {
                    Some(name) if *state == "LISTEN" => {
                        words.fill("{descriptor} LISTEN at {port}", &[name, port])
                    }
                    Some(name) => format!("{name} {}", words.of(state)),
                    None => words.fill("{port}, no FD: {state}", &[port, words.of(state)]),
                };
                Row::State { side: self.of_port(port), text }
            }
            Line::Queue { descriptor, port, name, length } => {
                let length = if *length == "not empty" { "filled" } else { length };
                let text = format!("{} {}", words.of(name), words.of(length));
                let text = descriptor.map_or(text.clone(), |holder| format!("{holder} {text}"));
                Row::State { side: self.of_port(port), text }
            }
            Line::Note(text) => Row::Note(words.note(text)),
        })
    }
}

/// The first argument: most calls' descriptor.
fn descriptor(arguments: &str) -> &str {
    let first = arguments.find("FD").map_or("", |at| &arguments[at..]);
    let end = first[first.len().min(2)..].find(|c: char| !c.is_ascii_digit());
    &first[..end.map_or(first.len(), |end| end + 2)]
}

/// On which side a new socket will be: a client connects, or sends before it receives.
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
            "connect" | "send" | "sendto" | "sendmsg" | "write" => return Side::Left,
            "listen" | "recv" | "recvfrom" | "recvmsg" | "read" => return Side::Right,
            _ => {}
        }
    }
    Side::Right
}

/// Calls that change nothing are left out of the picture.
fn only_asks(name: &str) -> bool {
    ["getsockname", "getpeername", "getsockopt"].contains(&name) || name.contains("poll")
}

fn draw(name: &str, parts: &[String], rows: &[Row], words: &Words) -> String {
    let has_left = |row: &Row| match row {
        Row::Call { side, .. } | Row::State { side, .. } => *side == Side::Left,
        Row::Packet { .. } => true,
        Row::Title(_) | Row::Note(_) => false,
    };
    let both = rows.iter().any(has_left);
    let tall = TOP + 6 + rows.iter().map(height).sum::<u32>() + 6;
    let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let id: Vec<&str> = [name].into_iter().chain(parts.iter().map(String::as_str)).collect();
    let id: String = id.join("-").chars().map(letter).collect();
    let title = escaped(&words.fill("What the kernel did: {name}", &[name]));
    let help = "Time goes down. The text below the picture says the same and more.";
    let help = escaped(words.of(help));
    let mut svg = format!(
        "<svg class=\"picture sequence\" xmlns=\"http://www.w3.org/2000/svg\" \
         viewBox=\"0 0 {WIDTH} {tall}\" role=\"img\" \
         aria-labelledby=\"seq-{id}-title seq-{id}-desc\" font-size=\"11\" \
         fill=\"currentColor\">\n\
         <title id=\"seq-{id}-title\">{title}</title>\n\
         <desc id=\"seq-{id}-desc\">{help}</desc>\n{STYLE}\n"
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
        write(&mut svg, (*x, 16), "middle", BOLD, words.of(name));
    }
    let mut y = TOP + 6;
    let mut strokes = Strokes::default();
    for row in rows {
        let above = if matches!(row, Row::Title(_)) { 6 } else { 0 };
        row_at(&mut svg, &mut strokes, row, y + above, both);
        y += height(row);
    }
    let Strokes { rules, arrows, wires, heads } = strokes;
    for (path, look) in [
        (rules, "stroke=\"currentColor\" stroke-opacity=\"0.35\""),
        (arrows, "fill=\"none\" stroke=\"currentColor\""),
        (wires, "stroke=\"var(--links)\" stroke-width=\"1.5\""),
        (heads, "fill=\"var(--links)\""),
    ] {
        if !path.is_empty() {
            let _ = writeln!(svg, "<path d=\"{path}\" {look}/>");
        }
    }
    svg += "</svg>\n";
    svg
}

/// All that is no text, as paths: each of one look, so that a page stays small.
#[derive(Default)]
struct Strokes {
    /// Above the lines of the transcript.
    rules: String,
    /// From the programs into their kernels.
    arrows: String,
    /// The packets, and their heads.
    wires: String,
    heads: String,
}

fn height(row: &Row) -> u32 {
    match row {
        Row::Title(_) => ROW + 8,
        Row::Packet { .. } => ROW + 3,
        _ => ROW,
    }
}

fn row_at(svg: &mut String, strokes: &mut Strokes, row: &Row, y: u32, both: bool) {
    let base = y + 12;
    match row {
        Row::Title(title) => {
            let line = y.saturating_sub(2);
            let _ = write!(strokes.rules, "M0 {line}H{WIDTH}");
            write(svg, (2, base), "start", BOLD, title);
        }
        Row::Note(note) => write(svg, (2, base), "start", " font-style=\"italic\"", note),
        Row::Call { side, text, result } => {
            let lane = Lane::of(*side, both);
            write(svg, (lane.call, base), lane.anchor, MONO, text);
            write(svg, (lane.result, base), lane.anchor, MONO, result);
            arrow(&mut strokes.arrows, lane.arrow.0, lane.arrow.1, y + 8);
        }
        Row::Packet { from, text } => {
            let (start, end) = match from {
                Side::Left => (LEFT.1 - 26, RIGHT.0 + 26),
                Side::Right => (RIGHT.0 + 26, LEFT.1 - 26),
            };
            write(svg, (WIDTH / 2, base), "middle", " fill=\"var(--links)\"", text);
            wire(strokes, start, end, y + 17);
        }
        Row::State { side, text } => {
            let lane = Lane::of(*side, both);
            write(svg, (lane.state, base), lane.anchor, "", text);
        }
    }
}

const BOLD: &str = " font-weight=\"bold\"";
const MONO: &str = " class=\"mono\"";
/// Most texts of a call are of one of these kinds: in short, so that a page stays small.
const STYLE: &str = "<style>.sequence .mono{font-family:var(--mono-font)}\
                     .sequence .end{text-anchor:end}</style>";

/// A text at a place, with more attributes.
fn write(svg: &mut String, (x, y): (u32, u32), anchor: &str, more: &str, text: &str) {
    let text = escaped(text);
    let look = match (anchor, more) {
        ("start", _) => more.to_owned(),
        ("end", MONO) => " class=\"mono end\"".to_owned(),
        ("end", _) => format!(" class=\"end\"{more}"),
        _ => format!(" text-anchor=\"{anchor}\"{more}"),
    };
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\"{look}>{text}</text>");
}

/// Where the texts of a side begin, or on the right end, and its arrows.
struct Lane {
    anchor: &'static str,
    call: u32,
    result: u32,
    state: u32,
    arrow: (u32, u32),
}

impl Lane {
    fn of(side: Side, both: bool) -> Self {
        let (anchor, call, result, state, arrow) = match side {
            _ if !both => ("start", 2, ALONE.0 + 20, ALONE.0 + 20, (ALONE.0 - 4, ALONE.0 + 14)),
            Side::Left => ("start", 2, LEFT.0 + 18, LEFT.0 + 4, (LEFT.0 + 1, LEFT.0 + 14)),
            Side::Right => {
                ("end", WIDTH - 2, RIGHT.1 - 18, RIGHT.1 - 4, (RIGHT.1 - 1, RIGHT.1 - 14))
            }
        };
        Self { anchor, call, result, state, arrow }
    }
}

/// From a program into its kernel.
fn arrow(path: &mut String, from: u32, to: u32, y: u32) {
    let (back, up, down) = (if to > from { to - 4 } else { to + 4 }, y - 3, y + 3);
    let _ = write!(path, "M{from} {y}H{to}M{back} {up}L{to} {y}L{back} {down}");
}

/// A packet.
fn wire(strokes: &mut Strokes, from: u32, to: u32, y: u32) {
    let (back, up, down) = (if to > from { to - 7 } else { to + 7 }, y - 3, y + 3);
    let _ = write!(strokes.wires, "M{from} {y}H{to}");
    let _ = write!(strokes.heads, "M{to} {y}L{back} {up}V{down}Z");
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
    let whole = cut.rsplit_once(' ').map_or(&*cut, |(whole, _)| whole);
    format!("{} ...", whole.trim_end())
}

fn escaped(text: &str) -> String {
    // XML has no other control characters.
    let odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    let text = text.replace(odd, "\u{fffd}").replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(" -&gt; ", " → ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{ENGLISH, NOTES};

    const CLIENT: &str = "\
client  connect  exited with 7, 5 bytes
  call    socket(AF_INET) = FD1
  call    connect(FD1) = 0
  state   FD1, at PORT1: unbound -> unconnected
  state   FD1, at PORT1: unbound -> connected
  state   FD1, at PORT1: connected -> unbound
  call    ioctl(FD1, FIONBIO, [0]) = 0
  call    ioctl(FD1, FIONBIO, [1]) = 0
  packet    PORT1 -> PORT2  SYN, again
  packet    PORT1 -> PORT2  PSH ACK  1 byte \"a\"
  packet    PORT1 -> PORT2  datagram  5 bytes \" byte\"
  packet    PORT2 -> PORT1  ICMP: port unreachable
  ...     9 times in all
  ...     9 times in all, each with its own FD and PORT
  ...     all of this, 9 times in all
  ...     all of this, 9 times in all, each with its own FD
  call    (the kernel, by itself)
  call    (exited with 7)
(after the last line)
(a server still waited in accept4, and was ended)
(it was still busy, and was ended)
(it still slept, and was ended)
(it still waited in accept4, and got SIGINT)
(it was still busy, and got SIGINT)
(it still slept, and got SIGINT)
(--fault accept=EMFILE never struck)
(not shown: what epoll_wait gave)
  ...     of this call, or of another at the same time:
  call    (killed by SIGSEGV)
";
    const SERVER: &str = "\
  call    socket(AF_INET) = FD1
  state   FD1, at PORT1: CLOSED -> LISTEN
  queue   FD1, at PORT1: accept queue 0 -> 1
  queue   FD1, at PORT1: Recv-Q empty -> not empty
  queue   FD1, at PORT1: Recv-Q not empty -> empty
  state   PORT1 to PORT2: ESTABLISHED, no descriptor yet
";

    fn pictures(words: &Words) -> String {
        let svg = |text| Timeline::read(text).svg("x", &[], words).expect("a picture");
        svg(CLIENT) + &svg(SERVER)
    }

    #[test]
    fn each_of_the_words_can_be_another_and_nothing_else_changes() {
        let plain = pictures(&Words::default());
        for english in ENGLISH.iter().chain(&NOTES) {
            let other = format!("~{english}~");
            let words = Words::new([((*english).to_owned(), other)].into());
            let picture = pictures(&words.expect("words of the drawing"));
            assert_ne!(picture, plain, "{english}");
            assert_eq!(picture.replace('~', ""), plain, "{english}");
        }
    }
}
