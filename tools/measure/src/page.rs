//! All plots with their tables, as a page for a browser, in one file.

use std::fmt::Write as _;

use crate::canvas::escaped;
use crate::charts::Chart;
use crate::row::Row;

const HEAD: &str = "<!DOCTYPE html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Measured</title>
<meta name=\"viewport\" content=\"width=device-width\">
<style>
:root { color-scheme: light dark; --links: light-dark(#1a5fb4, #99c1f1) }
body { font: 16px/1.4 sans-serif; max-width: 45em; margin: auto; padding: 1em }
svg { width: 100%; max-width: 36em }
table { border-collapse: collapse } td, th { padding: 0 .6em; text-align: left }
td.n { text-align: right }
</style></head><body>
<h1>Measured</h1>
";

pub fn page(charts: &[(&Chart, Vec<Row>, String)]) -> String {
    let mut page = HEAD.to_owned();
    let machine = charts.iter().flat_map(|(_, rows, _)| rows).map(|row| &row.machine).next();
    let _ = writeln!(page, "<p>{}</p>", escaped(machine.map_or("", String::as_str)));
    for (chart, rows, svg) in charts {
        let _ = writeln!(page, "<h2>{}</h2>\n{svg}", escaped(chart.title));
        page += "<details><summary>The numbers</summary><table>\n<tr><th>what<th>server<th>clients\
                 <th>bytes<th>value<th>low<th>high<th>unit</tr>\n";
        for row in rows {
            let or_none = |value: Option<String>| value.unwrap_or_default();
            let cells = [
                or_none(row.clients.map(|it| it.to_string())),
                or_none(row.bytes.map(|it| it.to_string())),
                row.value.to_string(),
                or_none(row.low.map(|it| it.to_string())),
                or_none(row.high.map(|it| it.to_string())),
            ];
            let cells = cells.map(|cell| format!("<td class=\"n\">{cell}")).concat();
            let [what, server, unit] = [&row.what, &row.server, &row.unit].map(|it| escaped(it));
            let _ = writeln!(page, "<tr><td>{what}<td>{server}{cells}<td>{unit}</tr>");
        }
        page += "</table></details>\n";
    }
    page + "</body></html>\n"
}
