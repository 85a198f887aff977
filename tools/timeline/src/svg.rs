//! Draws the rows: two programs, their kernels, and the wire in between; time goes down. Written
//! for a page of 360 pixels, the width of a phone, and in the page's own colours.

use std::fmt::Write as _;

use crate::picture::{Row, What};
use crate::sides::Side;
use crate::words::Words;

const WIDTH: u32 = 360;
const ROW: u32 = 17;
const TOP: u32 = 22;
/// Where the kernels' lanes begin and end.
const LEFT: (u32, u32) = (93, 150);
const RIGHT: (u32, u32) = (210, 267);
/// The same in a picture with one side only.
const ALONE: (u32, u32) = (120, 360);
/// From the edge, at which a bar shows who acts.
const EDGE: u32 = 6;
/// More letters of this kind have no room beside the kernel, and beside the program.
const CALL: usize = 12;
const MORE: usize = 36;
/// Of what a program printed: as wide as this (if it is alone), and in no more lines.
const TITLE: usize = 48;
const TITLE_ALONE: usize = 58;
const TITLE_LINES: usize = 2;
/// Between what one side does and what the other does.
const GAP: u32 = 7;

pub(crate) fn draw(name: &str, id: &str, rows: &[Row], both: bool, words: &Words) -> String {
    let mut pen = Pen { both, ..Pen::default() };
    let mut y = TOP + 6;
    let mut run: Option<(Option<Side>, u32)> = None;
    for row in rows {
        let side = if both { row.acting } else { None };
        // What one side does does not look as if it led to a line of the other.
        if let Some((last, start)) = run.filter(|(last, _)| *last != side) {
            pen.bar(last, start, y);
            y += GAP;
            run = None;
        }
        let (_, start) = *run.get_or_insert((side, y));
        y += pen.row(row, y);
        if let What::Title(_) = row.what {
            pen.bar(side, start, y);
            run = None;
            y += 5;
            let _ = write!(pen.rules, "M0 {y}H{WIDTH}");
            y += 5;
        }
    }
    if let Some((side, start)) = run {
        pen.bar(side, start, y);
    }
    let tall = y + 6;

    let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let id: String = id.chars().map(letter).collect();
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
    let mut bands = String::new();
    let mut band = |from: u32, to: u32| {
        let _ = write!(bands, "M{from} 4H{to}V{}H{from}Z", tall - 4);
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
    let _ = writeln!(svg, "<path d=\"{bands}\" fill-opacity=\"0.07\"/>");
    if !pen.bubbles.is_empty() {
        let _ = writeln!(svg, "<path d=\"{}\" fill-opacity=\"0.13\"/>", pen.bubbles);
    }
    let mut heads = String::new();
    for (x, name) in lanes {
        write(&mut heads, (*x, 16), "middle", BOLD, words.of(name));
    }
    svg += &heads;
    svg += &pen.texts;
    for (path, look) in [
        (pen.rules, "stroke=\"currentColor\" stroke-opacity=\"0.35\""),
        (pen.bars, "fill-opacity=\"0.55\""),
        (pen.arrows, "fill=\"none\" stroke=\"currentColor\""),
        (pen.wires, "fill=\"none\" stroke=\"var(--links)\" stroke-width=\"1.5\""),
        (pen.heads, "fill=\"var(--links)\""),
        (pen.marks, "fill=\"none\" stroke=\"currentColor\""),
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
struct Pen {
    both: bool,
    texts: String,
    /// Below the lines of a program.
    rules: String,
    /// At the edges: who acts.
    bars: String,
    /// Around what a program printed.
    bubbles: String,
    /// From the programs into their kernels, and back.
    arrows: String,
    /// The packets, and their heads.
    wires: String,
    heads: String,
    /// Around the numbers of the explanations.
    marks: String,
}

impl Pen {
    /// Draws a row at this height, and says how tall it is.
    fn row(&mut self, row: &Row, y: u32) -> u32 {
        let base = y + 12;
        let marked;
        let tall = match &row.what {
            What::Title(title) => {
                let side = self.side(row.acting);
                return self.title(side, title, row, y);
            }
            What::Note(note) => {
                let side = self.side(row.acting);
                let lane = Lane::of(side, self.both);
                marked = side;
                write(&mut self.texts, (lane.call, base), lane.anchor, ITALIC, note);
                ROW
            }
            What::Call { side, text, more, returned } => {
                marked = *side;
                let lane = Lane::of(*side, self.both);
                self.call(&lane, text, more, base);
                arrow(&mut self.arrows, lane.arrow.0, lane.arrow.1, y + 8);
                if *returned {
                    let _ = write!(self.arrows, "M{} {}", lane.arrow.0, y + 8);
                    head(&mut self.arrows, lane.arrow.0 > lane.arrow.1);
                }
                ROW
            }
            What::Result { side, text, result } => {
                marked = *side;
                let lane = Lane::of(*side, self.both);
                self.call(&lane, text, result, base);
                arrow(&mut self.arrows, lane.arrow.1, lane.arrow.0, y + 8);
                ROW
            }
            What::Packet { from, to, text, lost } => {
                let look = " fill=\"var(--links)\"";
                write(&mut self.texts, (WIDTH / 2, base), "middle", look, text);
                marked = *from;
                self.wire(*from, *to, *lost, y + 17)
            }
            What::State { side, text } => {
                marked = *side;
                let lane = Lane::of(*side, self.both);
                write(&mut self.texts, (lane.state, base), lane.anchor, "", text);
                ROW
            }
        };
        self.mark(marked, row, y);
        tall
    }

    fn side(&self, acting: Option<Side>) -> Side {
        match acting {
            Some(Side::Right) if self.both => Side::Right,
            _ => Side::Left,
        }
    }

    fn call(&mut self, lane: &Lane, text: &str, more: &str, base: u32) {
        let (call, room) = if self.both { (CALL, MORE) } else { (CALL + 4, MORE - 3) };
        write_in(&mut self.texts, (lane.call, base), lane.anchor, call, text);
        if !more.is_empty() {
            write_in(&mut self.texts, (lane.result, base), lane.anchor, room, more);
        }
    }

    /// What a program printed, on its side.
    fn title(&mut self, side: Side, title: &str, row: &Row, y: u32) -> u32 {
        let lines = wrapped(title, if self.both { TITLE } else { TITLE_ALONE });
        let y = y + 3;
        let tall = 15 * u32::try_from(lines.len()).unwrap_or(1) + 5;
        let (from, to) = match side {
            Side::Left if self.both => (0, RIGHT.1),
            Side::Left => (0, WIDTH),
            Side::Right => (LEFT.0, WIDTH),
        };
        let _ = write!(self.bubbles, "M{from} {y}H{to}V{}H{from}Z", y + tall);
        let lane = Lane::of(side, self.both);
        let mut base = y + 14;
        for line in &lines {
            write(&mut self.texts, (lane.call, base), lane.anchor, BOLD, line);
            base += 15;
        }
        self.mark(side, row, y + 2);
        tall + 3
    }

    /// At the edge of the side that acts.
    fn bar(&mut self, side: Option<Side>, from: u32, to: u32) {
        let x = match side {
            None => return,
            Some(Side::Left) => 0,
            Some(Side::Right) => WIDTH - 3,
        };
        let _ = write!(self.bars, "M{x} {}h3V{to}h-3z", from + 1);
    }

    /// The number of what explains this row, at the other edge.
    fn mark(&mut self, side: Side, row: &Row, y: u32) {
        let Some(number) = &row.mark else { return };
        let x = if side == Side::Left { WIDTH - 16 } else { 16 };
        write(&mut self.texts, (x, y + 12), "middle", MARK, number);
        let _ = write!(self.marks, "M{} {}a7 7 0 1 0 14 0a7 7 0 1 0 -14 0", x - 7, y + 8);
    }

    /// A packet, and how tall its row is. It turns round, if it goes to another program on the
    /// same side; what is lost ends halfway, with a cross.
    fn wire(&mut self, from: Side, to: Side, lost: bool, y: u32) -> u32 {
        let at = |side| if side == Side::Left { LEFT.1 - 26 } else { RIGHT.0 + 26 };
        let _ = write!(self.wires, "M{} {y}", at(from));
        if lost {
            let _ = write!(self.wires, "H{}m-3-3l6 6m0-6l-6 6", WIDTH / 2);
            return ROW + 3;
        }
        let (turn, y) = match (from == to, from) {
            (false, _) => (String::new(), y),
            (true, Side::Left) => (format!("H{}a3 3 0 0 1 0 6", RIGHT.0 - 26), y + 6),
            (true, Side::Right) => (format!("H{}a3 3 0 0 0 0 6", LEFT.1 + 26), y + 6),
        };
        let _ = write!(self.wires, "{turn}H{}", at(to));
        let back = if to == Side::Right { -7 } else { 7 };
        let _ = write!(self.heads, "M{} {y}l{back}-3v6z", at(to));
        if from == to { ROW + 9 } else { ROW + 3 }
    }
}

const BOLD: &str = " font-weight=\"bold\"";
/// (A test of the book counts them.)
const MARK: &str = " class=\"mark\" font-weight=\"bold\"";
const ITALIC: &str = " font-style=\"italic\"";
const MONO: &str = " class=\"m\"";
/// Most texts of a call are of one of these kinds: in short, so that a page stays small.
const STYLE: &str = "<style>.sequence .m{font-family:var(--mono-font)}\
                     .sequence .e{text-anchor:end}</style>";

/// A text at a place, with more attributes.
fn write(svg: &mut String, (x, y): (u32, u32), anchor: &str, more: &str, text: &str) {
    let text = escaped(text);
    let look = match (anchor, more) {
        ("start", _) => more.to_owned(),
        ("end", MONO) => " class=\"m e\"".to_owned(),
        ("end", "") => " class=\"e\"".to_owned(),
        ("end", _) => format!(" text-anchor=\"end\"{more}"),
        _ => format!(" text-anchor=\"{anchor}\"{more}"),
    };
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\"{look}>{text}</text>");
}

/// A text of a call, narrower where it would have no room.
fn write_in(svg: &mut String, at: (u32, u32), anchor: &str, room: usize, text: &str) {
    let letters = text.chars().count();
    if letters <= room {
        return write(svg, at, anchor, MONO, text);
    }
    let anchor = if anchor == "end" { " text-anchor=\"end\"" } else { "" };
    let wide = 66 * room / 10;
    let look = format!("{MONO}{anchor} textLength=\"{wide}\" lengthAdjust=\"spacingAndGlyphs\"");
    write(svg, at, "start", &look, text);
}

/// Where the texts of a side begin, or on the right end, and its arrows.
struct Lane {
    anchor: &'static str,
    call: u32,
    result: u32,
    state: u32,
    /// Between the program and its kernel.
    arrow: (u32, u32),
}

impl Lane {
    fn of(side: Side, both: bool) -> Self {
        let (anchor, call, result, state, arrow) = match side {
            _ if !both => ("start", EDGE, ALONE.0 + 22, ALONE.0 + 22, (ALONE.0 - 2, ALONE.0 + 17)),
            Side::Left => ("start", EDGE, LEFT.0 + 20, LEFT.0 + 4, (LEFT.0, LEFT.0 + 16)),
            Side::Right => {
                ("end", WIDTH - EDGE, RIGHT.1 - 20, RIGHT.1 - 4, (RIGHT.1, RIGHT.1 - 16))
            }
        };
        Self { anchor, call, result, state, arrow }
    }
}

/// Between a program and its kernel.
fn arrow(path: &mut String, from: u32, to: u32, y: u32) {
    let _ = write!(path, "M{from} {y}H{to}");
    head(path, to > from);
}

/// Where the path is now.
fn head(path: &mut String, to_the_right: bool) {
    *path += if to_the_right { "m-4-3l4 3-4 3" } else { "m4-3l-4 3 4 3" };
}

/// In lines that have room; what has none is left out.
fn wrapped(title: &str, most: usize) -> Vec<String> {
    let wide = |text: &str| text.chars().map(|c| if c < '\u{1100}' { 1 } else { 2 }).sum::<usize>();
    let mut all = vec![String::new()];
    // A long word breaks anywhere, as do those of languages without spaces.
    for word in title.split_inclusive([' ', '/', '，', '。']) {
        let last = all.last().map_or(0, |line| wide(line));
        if last > 0 && last + wide(word.trim_end()) > most {
            all.push(String::new());
        }
        for letter in word.chars() {
            if all.last().is_some_and(|line| wide(line) >= most) {
                all.push(String::new());
            }
            if let Some(line) = all.last_mut() {
                line.push(letter);
            }
        }
    }
    let more = all.len() > TITLE_LINES;
    all.truncate(TITLE_LINES);
    for line in &mut all {
        line.truncate(line.trim_end().len());
    }
    if let Some(line) = all.last_mut().filter(|_| more) {
        line.push_str(" ...");
    }
    all
}

pub(crate) fn escaped(text: &str) -> String {
    // XML has no other control characters.
    let odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    let text = text.replace(odd, "\u{fffd}").replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(" -&gt; ", " → ")
}
