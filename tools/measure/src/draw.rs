//! Draws a plot: at most as wide as a phone, in the colours of the page, each series by a mark and a
//! label of its own.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::{
    Cartesian2d, ChartBuilder, ChartContext, Circle, DrawingArea, IntoDrawingArea as _,
    IntoFont as _, PathElement, Polygon, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, RGBColor, ShapeStyle, TextStyle};

use crate::canvas::{Canvas, FINE, LINK, Sheet, TEXT, escaped};
use crate::charts::{Chart, Kind, Over};
use crate::row::Row;

const WIDTH: i32 = 360;
/// Lines of text are so far apart.
const LINE: i32 = 13;
/// A mark is as large as this to each side.
const MARK: i32 = 35;

/// From where to where, and what is written at it.
#[derive(Clone)]
struct Axis {
    from: f64,
    to: f64,
    ticks: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "a plot is not that large")]
    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let part = (value - self.from) / (self.to - self.from);
        start + (f64::from(end - start) * part).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

type Plot<'a> = ChartContext<'a, Canvas, Cartesian2d<Axis, Axis>>;
type Root = DrawingArea<Canvas, Shift>;

/// A number at its place: both as they are in the results.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub series: String,
    /// Of lines, the number of clients or bytes; of rows, the number of the row.
    pub at: f64,
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// What is in the plot, of what is in the results.
pub fn points(chart: &Chart, rows: &[Row]) -> Vec<Point> {
    let mut points = vec![];
    let servers = servers(chart, rows);
    for row in rows {
        // Less than nothing has no logarithm, and a millionth of a byte no meaning.
        let is_seen = !chart.is_logarithmic || row.value >= 1.0;
        let found = match &chart.kind {
            Kind::Lines { what, over } if row.what == *what => {
                over.of(row).map(|at| (short(&row.server).to_owned(), at))
            }
            Kind::Rows { whats } if whats.contains(&row.what.as_str()) => {
                let at = servers.iter().position(|server| *server == row.server);
                at.and_then(|at| u32::try_from(at).ok()).map(|at| (row.what.clone(), f64::from(at)))
            }
            _ => None,
        };
        if let Some((series, at)) = found.filter(|_| is_seen) {
            let (low, high) = (row.low.unwrap_or(row.value), row.high.unwrap_or(row.value));
            points.push(Point { series, at, value: row.value, low, high });
        }
    }
    points
}

/// Those with a row of their own.
fn servers(chart: &Chart, rows: &[Row]) -> Vec<String> {
    let Kind::Rows { whats } = &chart.kind else { return vec![] };
    let mut servers: Vec<String> = vec![];
    for row in rows.iter().filter(|row| whats.contains(&row.what.as_str())) {
        if !servers.contains(&row.server) {
            servers.push(row.server.clone());
        }
    }
    servers
}

/// Without the name of the program.
fn short(server: &str) -> &str {
    server.split(" (").next().unwrap_or(server)
}

pub fn draw(chart: &Chart, rows: &[Row]) -> Result<String, String> {
    let points = points(chart, rows);
    if points.is_empty() {
        return Err(format!("{}.csv has nothing to draw", chart.name));
    }
    let mut series: Vec<&str> = vec![];
    for point in &points {
        if !series.contains(&point.series.as_str()) {
            series.push(&point.series);
        }
    }
    let servers = servers(chart, rows);
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let legend =
        if servers.is_empty() || series.len() < 2 { 0 } else { count(series.len()) * LINE };
    let height = match servers.len() {
        0 => 250,
        number => count(number) * 22 + 44 + legend,
    };
    let sheet = Sheet::default();
    let size = (WIDTH.unsigned_abs(), height.unsigned_abs());
    let canvas = Canvas { sheet: sheet.clone(), size };
    let root = canvas.into_drawing_area();
    let picture = Picture { chart, points: &points, series: &series, sheet: &sheet, root: &root };
    match &chart.kind {
        Kind::Lines { over, .. } => picture.lines(*over),
        Kind::Rows { .. } => picture.rows(&servers, height - legend),
    }
    .map_err(|error| format!("{}: {error}", chart.name))?;

    let id = format!("measured-{}", chart.name.replace('_', "-"));
    let (title, body) = (escaped(chart.title), sheet.svg.borrow());
    let desc = escaped(&describe(chart, &points, &servers));
    Ok(format!(
        "<svg class=\"picture\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" font-size=\"11\" \
         fill=\"currentColor\">\n<title id=\"{id}-title\">{title}</title>\n\
         <desc id=\"{id}-desc\">{desc}</desc>\n{body}</svg>\n"
    ))
}

/// For who hears it.
fn describe(chart: &Chart, points: &[Point], servers: &[String]) -> String {
    let mut of_series: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for point in points {
        let at = match &chart.kind {
            Kind::Lines { over, .. } => over.label(point.at),
            Kind::Rows { .. } => {
                let server = servers.iter().zip(0_u32..).find(|(_, at)| f64::from(*at) == point.at);
                server.map(|(server, _)| server.clone()).unwrap_or_default()
            }
        };
        let words = format!("{at}: {}", number(point.value));
        of_series.entry(&point.series).or_default().push(words);
    }
    let of_series =
        of_series.into_iter().map(|(series, words)| format!("{series}: {}", words.join("; ")));
    format!("{}. {}.", chart.axis, of_series.collect::<Vec<_>>().join(". "))
}

struct Picture<'a> {
    chart: &'a Chart,
    points: &'a [Point],
    series: &'a [&'a str],
    sheet: &'a Sheet,
    root: &'a Root,
}

impl Picture<'_> {
    /// Values stand on a logarithmic axis by their logarithm.
    fn scaled(&self, value: f64) -> f64 {
        if self.chart.is_logarithmic { value.log10() } else { value }
    }

    /// From where to where, and where the ticks are.
    fn values(&self) -> (f64, f64, Vec<f64>) {
        let most = self.points.iter().map(|point| point.high).fold(f64::MIN, f64::max);
        let least = self.points.iter().map(|point| point.low).fold(f64::MAX, f64::min);
        if self.chart.is_logarithmic {
            let round: Vec<f64> = (0..12)
                .flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * 10_f64.powi(power)))
                .collect();
            let below = round.iter().rposition(|tick| *tick <= least).unwrap_or_default();
            let above = round.iter().position(|tick| *tick >= most).unwrap_or(round.len() - 1);
            // With many of them, the powers of ten are enough.
            let every = if above - below > 6 { 3 } else { 1 };
            let above = above.max(below + 1);
            let ticks = (below..=above).filter(|at| at % every == 0).map(|at| round[at].log10());
            return (round[below].log10(), round[above].log10(), ticks.collect());
        }
        let rough = most / 5.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step = step.into_iter().find(|step| *step >= rough * 0.999).unwrap_or(rough);
        let to = (most / step).ceil() * step;
        (0.0, to, steps(0.0, to, step))
    }

    fn value_label(&self, scaled: f64) -> String {
        number(if self.chart.is_logarithmic { 10_f64.powf(scaled) } else { scaled })
    }

    fn lines(&self, over: Over) -> Result<(), String> {
        let mut ats: Vec<f64> = self.points.iter().map(|point| point.at).collect();
        ats.sort_by(f64::total_cmp);
        ats.dedup();
        let places: Vec<f64> = ats.iter().map(|at| place(*at, &ats)).collect();
        let (first, last) = (places[0], places[places.len() - 1]);
        let (from, to, ticks) = self.values();
        let room = 98;
        let mut plot: Plot<'_> = ChartBuilder::on(self.root)
            .margin_top(24 * FINE)
            .margin_left(2 * FINE)
            .margin_right(room * FINE)
            .x_label_area_size(34 * FINE)
            .y_label_area_size(58 * FINE)
            .build_cartesian_2d(
                Axis { from: first - 0.1, to: last + 0.1, ticks: places.clone() },
                Axis { from, to, ticks },
            )
            .map_err(words)?;
        let name = |x: &f64| {
            let near = |(at, _): &(&f64, &f64)| (*at - x).abs() < 1e-9;
            let at = places.iter().zip(&ats).find(near).map(|(_, at)| over.label(*at));
            at.unwrap_or_default()
        };
        self.mesh(&mut plot, &name, &|y| self.value_label(*y))?;
        self.write(self.chart.axis, (2, 10), HPos::Left)?;
        self.write(over.name(), ((58 + WIDTH - room) / 2, 244), HPos::Center)?;
        let mut ends = vec![];
        for (number, series) in self.series.iter().enumerate() {
            let of_series = self.points.iter().filter(|point| point.series == **series);
            let at = |point: &Point, value| {
                plot.backend_coord(&(place(point.at, &ats), self.scaled(value)))
            };
            let path: Vec<_> = of_series.clone().map(|point| at(point, point.value)).collect();
            ends.push((path[path.len() - 1], number, *series));
            self.root.draw(&PathElement::new(path.clone(), line(number, 0.6))).map_err(words)?;
            for point in of_series.clone() {
                let ends = vec![at(point, point.low), at(point, point.high)];
                self.root.draw(&PathElement::new(ends, line(number, 0.6))).map_err(words)?;
            }
            for place in path {
                self.mark(number, series, place)?;
            }
        }
        self.label_ends(ends, WIDTH - room)
    }

    /// The names of lines stand at their ends, but not upon each other.
    fn label_ends(
        &self,
        mut ends: Vec<((i32, i32), usize, &str)>,
        left: i32,
    ) -> Result<(), String> {
        ends.sort_by_key(|((_, y), ..)| *y);
        let apart = LINE * FINE;
        let mut ys: Vec<i32> = ends.iter().map(|((_, y), ..)| *y).collect();
        for at in 1..ys.len() {
            ys[at] = ys[at].max(ys[at - 1] + apart);
        }
        // Not below the plot.
        let mut most = 208 * FINE;
        for y in ys.iter_mut().rev() {
            *y = (*y).min(most);
            most = *y - apart;
        }
        for ((end, number, series), y) in ends.into_iter().zip(ys) {
            let x = (left + 6) * FINE;
            let leader = vec![(end.0 + MARK + 10, end.1), (x, y)];
            self.root.draw(&PathElement::new(leader, line(number, 0.35))).map_err(words)?;
            self.shape(number, (x + 50, y))?;
            self.write_fine(series, (x + 110, y), HPos::Left, VPos::Center)?;
        }
        Ok(())
    }

    fn rows(&self, servers: &[String], height: i32) -> Result<(), String> {
        let (from, to, ticks) = self.values();
        let number = u32::try_from(servers.len()).map(f64::from).unwrap_or_default();
        // The first one is at the top.
        let row = |at: f64| number - 1.0 - at;
        let places: Vec<f64> = (0..servers.len()).map(|at| row(as_number(at))).collect();
        let legend = i32::try_from(self.series.len()).unwrap_or_default() * LINE;
        let below = if self.series.len() < 2 { 0 } else { legend };
        let mut plot: Plot<'_> = ChartBuilder::on(self.root)
            .margin_top(4 * FINE)
            .margin_left(2 * FINE)
            .margin_right(20 * FINE)
            .margin_bottom(below * FINE)
            .x_label_area_size(34 * FINE)
            .y_label_area_size(if self.widest(servers) > 15 { 142 } else { 94 } * FINE)
            .build_cartesian_2d(
                Axis { from, to, ticks },
                Axis { from: -0.5, to: number - 0.5, ticks: places },
            )
            .map_err(words)?;
        let name = |y: &f64| {
            let server = servers.iter().enumerate().find(|(at, _)| row(as_number(*at)) == *y);
            server.map(|(_, server)| short(server).to_owned()).unwrap_or_default()
        };
        self.mesh(&mut plot, &|x| self.value_label(*x), &name)?;
        self.write(self.chart.axis, (WIDTH - 20, height - 7), HPos::Right)?;
        for (number, series) in self.series.iter().enumerate() {
            for point in self.points.iter().filter(|point| point.series == **series) {
                let at = |value| plot.backend_coord(&(self.scaled(value), row(point.at)));
                let ends = vec![at(point.low), at(point.high)];
                self.root.draw(&PathElement::new(ends, line(number, 0.6))).map_err(words)?;
                self.mark(number, series, at(point.value))?;
            }
            if below > 0 {
                let y =
                    height * FINE + (i32::try_from(number).unwrap_or_default() * LINE + 4) * FINE;
                self.shape(number, (100 * FINE, y))?;
                self.write_fine(series, (108 * FINE, y), HPos::Left, VPos::Center)?;
            }
        }
        Ok(())
    }

    fn widest(&self, servers: &[String]) -> usize {
        servers.iter().map(|server| short(server).chars().count()).max().unwrap_or_default()
    }

    /// The axes, and what stands at them.
    fn mesh(
        &self,
        plot: &mut Plot<'_>,
        x: &dyn Fn(&f64) -> String,
        y: &dyn Fn(&f64) -> String,
    ) -> Result<(), String> {
        self.sheet.mark("data-axis", "1");
        let done = plot
            .configure_mesh()
            .max_light_lines(0)
            .set_all_tick_mark_size(4 * FINE)
            .light_line_style(TEXT.mix(0.0))
            .bold_line_style(TEXT.mix(0.2).stroke_width(FINE.unsigned_abs()))
            .axis_style(TEXT.mix(0.6).stroke_width(FINE.unsigned_abs()))
            .label_style(("sans-serif", 11 * FINE))
            .x_label_formatter(&x)
            .y_label_formatter(&y)
            .draw()
            .map_err(words);
        self.sheet.mark("data-axis", "");
        done
    }

    /// The mark of a point.
    fn mark(&self, number: usize, series: &str, at: (i32, i32)) -> Result<(), String> {
        self.sheet.mark("data-series", series);
        let done = self.shape(number, at);
        self.sheet.mark("data-series", "");
        done
    }

    /// Each of them is as far to the left of its place as to the right, and above as below.
    fn shape(&self, number: usize, (x, y): (i32, i32)) -> Result<(), String> {
        let colour = colour(number);
        let (filled, hollow) = (colour.filled(), colour.stroke_width(15));
        let m = MARK;
        let path = |points: &[(i32, i32)]| -> Vec<(i32, i32)> {
            points.iter().map(|(dx, dy)| (x + dx * m, y + dy * m)).collect()
        };
        let square = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)];
        let triangle = [(-1, 1), (0, -1), (1, 1), (-1, 1)];
        let diamond = [(-1, 0), (0, -1), (1, 0), (0, 1), (-1, 0)];
        let fill = |points| self.root.draw(&Polygon::new(path(points), filled));
        let draw = |points| self.root.draw(&PathElement::new(path(points), hollow));
        match number % 8 {
            0 => self.root.draw(&Circle::new((x, y), m, filled)),
            1 => fill(&square),
            2 => fill(&triangle),
            3 => draw(&diamond),
            4 => draw(&[(-1, -1), (1, 1), (0, 0), (1, -1), (-1, 1)]),
            5 => self.root.draw(&Circle::new((x, y), m, hollow)),
            6 => draw(&square),
            _ => draw(&triangle),
        }
        .map_err(words)
    }

    fn write(&self, text: &str, (x, y): (i32, i32), side: HPos) -> Result<(), String> {
        self.write_fine(text, (x * FINE, y * FINE), side, VPos::Center)
    }

    fn write_fine(&self, text: &str, at: (i32, i32), side: HPos, v: VPos) -> Result<(), String> {
        let style = TextStyle::from(("sans-serif", 11 * FINE).into_font()).pos(Pos::new(side, v));
        self.root.draw(&Text::new(text.to_owned(), at, style)).map_err(words)
    }
}

/// The first is the one that others are compared with.
fn colour(number: usize) -> RGBColor {
    if number % 2 == 0 { TEXT } else { LINK }
}

fn line(number: usize, opacity: f64) -> ShapeStyle {
    colour(number).mix(opacity).stroke_width(FINE.unsigned_abs())
}

/// Where a number of clients stands: as far as it has digits; and none, one digit before the first.
fn place(at: f64, all: &[f64]) -> f64 {
    if at > 0.0 {
        return at.log10();
    }
    all.iter().find(|one| **one > 0.0).map_or(0.0, |first| first.log10() - 1.0)
}

fn steps(from: f64, to: f64, step: f64) -> Vec<f64> {
    (0..100)
        .map(|number| from + f64::from(number) * step)
        .take_while(|at| *at <= to + step / 100.0)
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "there are few rows")]
fn as_number(number: usize) -> f64 {
    number as f64
}

/// 12,345, or 0.997.
pub fn number(value: f64) -> String {
    let rounded = (value * 1000.0).round() / 1000.0;
    let text = rounded.to_string();
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

fn words(error: impl Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{draw, number, points, short};
    use crate::canvas::escaped;
    use crate::charts::{CHARTS, Chart, Kind};
    use crate::row::{self, Row};
    use crate::statistics::ZERO;

    /// Rows as they could be measured, for any plot.
    fn results(chart: &Chart) -> Vec<Row> {
        let mut rows = vec![];
        for (at, server) in
            (1_u32..).zip(["C, epoll", "tokio (26_async_server)", "<yours> & others"])
        {
            match &chart.kind {
                Kind::Rows { whats } => rows.extend((1_u32..).zip(*whats).map(|(what, name)| {
                    Row::new(name, server, "", 1.5 * f64::from(at * at * what)).with(1)
                })),
                Kind::Lines { what, .. } => rows.extend([0, 10, 100, 5000].map(|clients| {
                    let row = Row::new(what, server, "", f64::from(7 * at + clients));
                    row.with(clients as usize).of_size(1024 * (1 + clients as usize))
                })),
            }
            rows.push(Row::new("something else", server, "", 1e9));
        }
        rows
    }

    fn attribute(element: &str, name: &str) -> Option<String> {
        Some(element.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0.to_owned())
    }

    /// The middle of what is drawn there.
    fn middle(element: &str) -> (f64, f64) {
        let number = |name| attribute(element, name)?.parse::<f64>().ok();
        if let Some((x, y)) = number("cx").zip(number("cy")) {
            return (x, y);
        }
        let path = attribute(element, "d").expect("a path");
        let path = path.trim_end_matches('Z').replace(['M', 'L'], " ");
        let numbers: Vec<f64> = path.split_whitespace().map(|it| it.parse().expect(it)).collect();
        let middle = |from: usize| {
            let of: Vec<f64> = numbers.iter().copied().skip(from).step_by(2).collect();
            let (least, most) = (
                of.iter().copied().fold(f64::MAX, f64::min),
                of.iter().copied().fold(f64::MIN, f64::max),
            );
            f64::midpoint(least, most)
        };
        (middle(0), middle(1))
    }

    /// What stands at the ticks of an axis: place and text.
    fn ticks(svg: &str, along: &str, anchor: &str) -> Vec<(f64, String)> {
        let texts =
            svg.lines().filter(|line| line.starts_with("<text") && line.contains("data-axis"));
        texts
            .filter(|line| line.contains(&format!("text-anchor=\"{anchor}\"")))
            .filter_map(|line| {
                let text = line.split_once('>')?.1.split_once('<')?.0;
                Some((attribute(line, along)?.parse().ok()?, text.to_owned()))
            })
            .collect()
    }

    #[test]
    fn a_plot_says_what_the_results_say() {
        CHARTS.iter().for_each(|chart| agrees(chart, &results(chart)));
    }

    #[test]
    fn the_plots_of_the_book_are_of_its_results() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/results"));
        for chart in &CHARTS {
            let file = |ending| folder.join(format!("{}.{ending}", chart.name));
            let (csv, svg) = (file("csv"), file("svg"));
            assert_eq!(
                csv.is_file(),
                svg.is_file(),
                "{}: cargo measure --record --plot",
                chart.name
            );
            if csv.is_file() {
                let rows = row::read(&csv).expect(chart.name);
                agrees(chart, &rows);
                let recorded = std::fs::read_to_string(svg).expect(chart.name);
                let drawn = draw(chart, &rows).expect(chart.name);
                assert!(recorded == drawn, "{}: cargo measure --record --plot", chart.name);
                let zeros = rows.iter().filter(|row| row.what == "zero");
                assert!(zeros.map(|row| row.value).all(|zero| ZERO.contains(&zero)));
            }
        }
    }

    /// Each mark stands at the place of its number, between the ticks of the axis; and beside or above
    /// the name of what it is of.
    fn agrees(chart: &Chart, rows: &[Row]) {
        let svg = draw(chart, rows).expect(chart.name);
        let is_lines = matches!(chart.kind, Kind::Lines { .. });
        let (along, anchor) = if is_lines { ("y", "end") } else { ("x", "middle") };
        let values = ticks(&svg, along, anchor);
        let ticks: Vec<(f64, f64)> = values
            .iter()
            .filter_map(|(at, text)| Some((*at, text.replace(',', "").parse().ok()?)))
            .collect();
        let (across, other) = if is_lines { ("x", "middle") } else { ("y", "end") };
        let names = self::ticks(&svg, across, other);
        let servers = super::servers(chart, rows);
        let scaled = |value: f64| if chart.is_logarithmic { value.log10() } else { value };
        let ((from, first), (to, last)) = (ticks[0], ticks[ticks.len() - 1]);
        let value_at = |place: f64| {
            let part = (place - from) / (to - from);
            let value = scaled(first) + part * (scaled(last) - scaled(first));
            if chart.is_logarithmic { 10_f64.powf(value) } else { value }
        };
        // A tenth of a unit is as exact as it is drawn.
        let exact = (value_at(from + (to - from).signum() * 0.1) - first).abs();
        let marks: Vec<&str> = svg.lines().filter(|line| line.contains("data-series=")).collect();
        let points = points(chart, rows);
        assert_eq!(marks.len(), points.len(), "{}", chart.name);
        assert!(!points.is_empty(), "{}", chart.name);
        for (mark, point) in marks.into_iter().zip(points_in_order(points)) {
            let series = attribute(mark, "data-series").expect("a series");
            assert_eq!(series, escaped(&point.series), "{}", chart.name);
            let (x, y) = middle(mark);
            let value = value_at(if is_lines { y } else { x });
            let off = (value - point.value).abs();
            let most = if chart.is_logarithmic { point.value * 0.01 } else { exact };
            assert!(off <= most, "{}: {value} is not {point:?}", chart.name);
            let name = match &chart.kind {
                Kind::Lines { over, .. } => over.label(point.at),
                Kind::Rows { .. } => {
                    let (server, _) = servers
                        .iter()
                        .zip(0_u32..)
                        .find(|(_, at)| f64::from(*at) == point.at)
                        .expect("a row");
                    escaped(short(server))
                }
            };
            let place = if is_lines { x } else { y };
            let (at, _) = names.iter().find(|(_, text)| *text == name).expect(&name);
            assert!(
                (at - place).abs() <= 0.1,
                "{}: {name} is at {at}, {point:?} is not",
                chart.name
            );
        }
        assert_eq!(svg, draw(chart, rows).expect("the same again"));
        assert!(svg.contains("viewBox=\"0 0 360 ") && svg.contains("font-size=\"11\""));
        assert!(!svg.contains('#') && !svg.contains("rgb"), "a colour of its own");
        assert!(!svg.contains("\n\n"), "in a page, an empty line ends it");
    }

    /// Series by series, as they are drawn.
    fn points_in_order(points: Vec<super::Point>) -> Vec<super::Point> {
        let mut series: Vec<String> = vec![];
        for point in &points {
            if !series.contains(&point.series) {
                series.push(point.series.clone());
            }
        }
        let place = |point: &super::Point| series.iter().position(|it| *it == point.series);
        let mut points = points;
        points.sort_by_key(|point| place(point));
        points
    }

    #[test]
    fn numbers_in_words() {
        assert_eq!(number(1_234_567.0), "1,234,567");
        assert_eq!(number(100.0), "100");
        assert_eq!(number(0.9971), "0.997");
        assert_eq!(number(1234.5), "1,234.5");
    }

    #[test]
    fn nothing_is_no_plot() {
        assert!(draw(&CHARTS[0], &[]).is_err_and(|words| words.contains("nothing to draw")));
    }
}
