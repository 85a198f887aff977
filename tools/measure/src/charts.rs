//! Which plots there are, and what each shows of the file of the same name.

use std::fs;
use std::path::Path;

use crate::row::{self, Row};
use crate::{draw, page};

/// A plot.
pub struct Chart {
    pub name: &'static str,
    pub title: &'static str,
    /// What its numbers are, at the axis.
    pub axis: &'static str,
    pub kind: Kind,
    /// A power of ten is as wide as the next one.
    pub is_logarithmic: bool,
}

pub enum Kind {
    /// A line for each server: what, over the number of clients, or over the size of a buffer.
    Lines { what: &'static str, over: Over },
    /// A row for each server, and in it a point for each of these.
    Rows { whats: &'static [&'static str] },
}

#[derive(Clone, Copy, PartialEq)]
pub enum Over {
    Clients,
    Silent,
    Bytes,
}

impl Over {
    pub fn of(self, row: &Row) -> Option<f64> {
        match self {
            Self::Clients | Self::Silent => row.clients.map(f64::from),
            #[expect(clippy::cast_precision_loss, reason = "sizes are small")]
            Self::Bytes => row.bytes.map(|bytes| bytes as f64),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Clients => "clients who talk",
            Self::Silent => "clients who are silent, beside one who talks",
            Self::Bytes => "size of the buffer",
        }
    }

    pub fn label(self, value: f64) -> String {
        match value {
            _ if self != Self::Bytes => draw::number(value),
            value if value >= 1_048_576.0 => format!("{} MiB", value / 1_048_576.0),
            value => format!("{} KiB", value / 1024.0),
        }
    }
}

pub const CHARTS: [Chart; 7] = [
    Chart {
        name: "round_trips",
        title: "One client: round trips, beside those of C",
        axis: "round trips, as a part of those of C",
        kind: Kind::Rows { whats: &["ratio to C, blocking"] },
        is_logarithmic: false,
    },
    Chart {
        name: "active",
        title: "Many clients who talk: round trips",
        axis: "round trips a second",
        kind: Kind::Lines { what: "round trips", over: Over::Clients },
        is_logarithmic: true,
    },
    Chart {
        name: "silent",
        title: "One client who talks beside silent ones: time of the processor",
        axis: "µs of the server for a round trip",
        kind: Kind::Lines { what: "processor", over: Over::Silent },
        is_logarithmic: true,
    },
    Chart {
        name: "memory",
        title: "Memory for each silent client",
        axis: "bytes for each silent client",
        kind: Kind::Rows {
            whats: &[
                "memory of the program",
                "stacks",
                "page tables",
                "kernel stacks",
                "kernel objects, both ends",
            ],
        },
        is_logarithmic: true,
    },
    Chart {
        name: "calls",
        title: "System calls for a round trip of one client",
        axis: "system calls for a round trip",
        kind: Kind::Rows { whats: &["system calls"] },
        is_logarithmic: false,
    },
    Chart {
        name: "throughput",
        title: "Bytes received, by the size of the buffers",
        axis: "MB a second",
        kind: Kind::Lines { what: "throughput", over: Over::Bytes },
        is_logarithmic: false,
    },
    Chart {
        name: "small_writes",
        title: "A message of 40 bytes and its answer",
        axis: "µs for the message and its answer",
        kind: Kind::Rows { whats: &["an exchange"] },
        is_logarithmic: true,
    },
];

/// Draws all for which there are results in this folder. Says where they are.
pub fn plot(folder: &Path) -> Result<String, String> {
    let mut drawn = vec![];
    for chart in &CHARTS {
        let file = folder.join(format!("{}.csv", chart.name));
        if !file.is_file() {
            continue;
        }
        let rows = row::read(&file)?;
        let svg = draw::draw(chart, &rows)?;
        let file = folder.join(format!("{}.svg", chart.name));
        fs::write(&file, &svg).map_err(|error| format!("{}: {error}", file.display()))?;
        drawn.push((chart, rows, svg));
    }
    if drawn.is_empty() {
        return Err(format!("no results in {}: cargo measure makes them", folder.display()));
    }
    let file = folder.join("measured.html");
    let is_in_book = folder.ends_with("tools/measure/results");
    if !is_in_book {
        let page = page::page(&drawn);
        fs::write(&file, page).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let shown = if is_in_book { folder } else { &file };
    Ok(format!("{} plots and their results: {}", drawn.len(), shown.display()))
}
