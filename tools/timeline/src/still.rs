//! A player that stands still: one step of it, as a picture for the README.

use std::fmt::Write as _;

use serde_json::Value;

use crate::svg::escaped;

const WIDTH: usize = 960;
const HEAD: usize = 34;
/// From the edge of a pane to what is in it.
const PAD: usize = 14;
/// A line of code, or of output.
const ROW: usize = 18;
/// So many lines of code, with the one that acts among them.
const CODE: usize = 15;
const BEFORE: usize = 9;
/// Where the kernel begins.
const KERNEL: usize = 562;
const BOX: (usize, usize) = (138, 92);
const LEFT: usize = KERNEL + PAD;
const RIGHT: usize = WIDTH - PAD - BOX.0;
const TOP: usize = HEAD + 34;

/// What a page of the book has, and a file of its own has not.
const STYLE: &str = "<style>
svg { --bg: #fff; --fg: #24292f; --soft: #f3f5f8; --rule: #ced5dd; --act: #fff0b8; --blue: #175a99; --dim: #57606a }
@media (prefers-color-scheme: dark) { svg { --bg: #161b22; --fg: #d9dee4; --soft: #1f2630; --rule: #3b444e; --act: #4d4013; --blue: #79b8ff; --dim: #9aa4ae } }
text { fill: var(--fg); font: 13px system-ui, sans-serif; white-space: pre }
.mono { font: 11.5px ui-monospace, Menlo, Consolas, monospace } .small { font-size: 11.5px }
.dim { fill: var(--dim) } .blue { fill: var(--blue) } .bold { font-weight: 700 } .state { font-size: 14.5px; font-weight: 700 }
.pane { fill: var(--bg); stroke: var(--rule) } .soft { fill: var(--soft) } .rule { stroke: var(--rule) } .act { fill: var(--act) }
.box { fill: var(--soft); stroke: var(--rule); stroke-width: 1.5 } .hit { stroke: var(--blue); stroke-width: 2.5 }
.wire { stroke: var(--blue); stroke-width: 1.8; fill: none } .slot { fill: none; stroke: var(--dim) } .taken { fill: var(--blue); stroke: var(--blue) }
</style>";

/// The picture of a player (see [`Timeline::player`](crate::Timeline::player)) after so many steps,
/// with the text of its one program.
///
/// # Errors
///
/// In words, if it has not so many steps, or if the step and those before it know no line of code.
pub fn still(player: &Value, step: usize, code: &str) -> Result<String, String> {
    let all = player["steps"].as_array().ok_or("no player")?;
    let steps = all.get(..step).filter(|steps| !steps.is_empty()).ok_or("no such step")?;
    let place = steps.iter().rev().find_map(|step| step["at"][1].as_u64());
    let line =
        usize::try_from(place.ok_or("no line of code")?).map_err(|error| error.to_string())?;
    let mut pen = Pen::default();
    let tall = HEAD + CODE * ROW + 12;
    let name = player["files"][0]["name"].as_str().unwrap_or_default();
    pen.pane(0, KERNEL, tall, name);
    pen.code(code, line);
    pen.pane(KERNEL, WIDTH - KERNEL, tall, "The kernel");
    pen.kernel(steps);
    let printed: Vec<&str> =
        steps.iter().filter(|step| step["kind"] == "line").flat_map(texts).collect();
    let last = steps.last().map(texts).unwrap_or_default();
    let foot = HEAD + ROW * printed.len().max(last.len());
    pen.panel(tall, foot, &printed, &last);
    let place = format!("step {step} of {}", all.len());
    pen.text(WIDTH - PAD, 22, "small dim\" text-anchor=\"end", &place);
    let about = format!(
        "Step {step} of {name} in the book: the line of code that acts, what was printed so far, \
         and what the kernel has: {}",
        last.join("; ")
    );
    let height = tall + foot;
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-label=\"{}\">\n{STYLE}\n{}</svg>\n",
        escaped(&about).replace('"', "&quot;"),
        pen.svg
    ))
}

fn texts(step: &Value) -> Vec<&str> {
    step["text"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[derive(Default)]
struct Pen {
    svg: String,
}

impl Pen {
    fn put(&mut self, what: std::fmt::Arguments<'_>) {
        let _ = self.svg.write_fmt(what);
        self.svg.push('\n');
    }

    fn text(&mut self, x: usize, y: usize, class: &str, text: &str) {
        self.put(format_args!(
            "<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{}</text>",
            escaped(text)
        ));
    }

    fn rect(&mut self, (x, y): (usize, usize), (wide, tall): (usize, usize), class: &str) {
        self.put(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{tall}\" class=\"{class}\"/>"
        ));
    }

    fn pane(&mut self, x: usize, wide: usize, tall: usize, name: &str) {
        self.rect((x, 0), (wide, tall), "pane");
        self.rect((x, 0), (wide, HEAD), "soft");
        self.text(x + PAD, 22, "small bold", name);
    }

    fn code(&mut self, code: &str, line: usize) {
        let first = line.saturating_sub(BEFORE).max(1);
        for (row, text) in code.lines().enumerate().skip(first - 1).take(CODE) {
            let y = HEAD + 6 + (row + 1 - first) * ROW;
            let acts = row + 1 == line;
            if acts {
                self.rect((1, y), (KERNEL - 2, ROW), "act");
            }
            let number =
                if acts { "mono bold\" text-anchor=\"end" } else { "mono dim\" text-anchor=\"end" };
            self.text(34, y + 13, number, &(row + 1).to_string());
            let text = text.strip_prefix("    ").unwrap_or(text);
            let is_comment = text.trim_start().starts_with("//");
            self.text(46, y + 13, if is_comment { "mono dim" } else { "mono" }, text);
        }
    }

    /// The sockets, and the packets of the last call.
    fn kernel(&mut self, steps: &[Value]) {
        self.text(LEFT + BOX.0 / 2, TOP - 12, "small dim\" text-anchor=\"middle", "client");
        self.text(RIGHT + BOX.0 / 2, TOP - 12, "small dim\" text-anchor=\"middle", "server");
        let mut boxes: Vec<&Value> = vec![];
        for socket in steps.iter().flat_map(|step| step["sockets"].as_array().into_iter().flatten())
        {
            match boxes.iter_mut().find(|known| known["id"] == socket["id"]) {
                Some(known) => *known = socket,
                None => boxes.push(socket),
            }
        }
        let hit = steps.last().map(|step| &step["hit"]);
        let is_hit = |socket: &Value| {
            hit.and_then(Value::as_array).is_some_and(|ids| ids.contains(&socket["id"]))
        };
        let mut rows = 0;
        let mut at_left = 0;
        for socket in boxes.iter().filter(|socket| socket["gone"].is_null()) {
            let is_left = socket["side"] == "left";
            // A client stands beside its server's end, which comes after the listener.
            let row = if is_left { 1 + at_left } else { rows };
            let place = (if is_left { LEFT } else { RIGHT }, TOP + row * (BOX.1 + 12));
            self.socket(socket, place, is_hit(socket));
            if is_left {
                at_left += 1;
            } else {
                rows += 1;
            }
        }
        let begun = steps.iter().rposition(|step| step["kind"] == "call").unwrap_or_default();
        let packets = steps[begun..].iter().map(|step| &step["packet"]).filter(|it| !it.is_null());
        for (number, packet) in packets.enumerate() {
            let y = TOP + BOX.1 + 30 + number * 30;
            let (from, to) = (LEFT + BOX.0 + 8, RIGHT - 8);
            let kind = packet["kind"].as_str().unwrap_or_default();
            let middle = usize::midpoint(from, to);
            self.text(middle, y - 5, "small blue bold\" text-anchor=\"middle", kind);
            let arrow = match packet["side"] == "left" {
                true => format!("M{from} {y}H{to}l-7 -4m7 4l-7 4"),
                false => format!("M{to} {y}H{from}l7 -4m-7 4l7 4"),
            };
            self.put(format_args!("<path class=\"wire\" d=\"{arrow}\"/>"));
        }
    }

    fn socket(&mut self, socket: &Value, (x, y): (usize, usize), is_hit: bool) {
        let word = |key: &str| socket[key].as_str().unwrap_or_default().to_owned();
        self.put(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"6\" class=\"box{}\"/>",
            BOX.0,
            BOX.1,
            if is_hit { " hit" } else { "" }
        ));
        let name = if word("fd").is_empty() { word("note") } else { word("fd") };
        self.text(x + 10, y + 20, "small bold", &name);
        self.text(x + 10, y + 37, "mono small dim", &word("ends"));
        self.text(x + 10, y + 57, "state", &word("state"));
        let queues = socket["queues"].as_object().into_iter().flatten();
        for (number, (queue, length)) in queues.enumerate() {
            let y = y + 78 + number * 15;
            self.text(x + 10, y, "small", queue);
            let length = length.as_str().unwrap_or_default();
            self.text(x + 128, y, "small bold\" text-anchor=\"end", length);
            let is_taken = if length == "0" { "slot" } else { "slot taken" };
            self.rect((x + 97, y - 10), (12, 12), is_taken);
        }
    }

    /// What was printed, and what the step says.
    fn panel(&mut self, y: usize, tall: usize, printed: &[&str], said: &[&str]) {
        self.rect((0, y), (KERNEL, tall), "pane");
        self.rect((KERNEL, y), (WIDTH - KERNEL, tall), "pane");
        self.text(PAD, y + 20, "small bold", "Output");
        for (row, line) in printed.iter().enumerate() {
            self.text(PAD, y + 40 + row * ROW, "mono", line);
        }
        self.text(KERNEL + PAD, y + 20, "small bold", "Seen at the same time, after the call");
        for (row, line) in said.iter().enumerate() {
            self.text(KERNEL + PAD, y + 40 + row * ROW, "mono", line);
        }
    }
}
