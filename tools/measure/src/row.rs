//! The results: a row for each number, in a file for each plot.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::statistics::Spread;

/// One number, and where it comes from.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// Of which server.
    pub server: String,
    /// With so many clients.
    pub clients: Option<u32>,
    /// With buffers of this size.
    pub bytes: Option<u64>,
    pub value: f64,
    pub unit: String,
    /// The middle half of what was measured lies between these two.
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// So often it was measured.
    pub times: Option<usize>,
    /// On this machine.
    pub machine: String,
}

impl Row {
    pub fn new(what: &str, server: &str, unit: &str, value: f64) -> Self {
        let [what, server, unit] = [what, server, unit].map(str::to_owned);
        Self { what, server, unit, value: rounded(value), ..Self::default() }
    }

    pub fn spread(what: &str, server: &str, unit: &str, spread: Spread) -> Self {
        Self {
            low: Some(rounded(spread.low)),
            high: Some(rounded(spread.high)),
            times: Some(spread.number),
            ..Self::new(what, server, unit, spread.median)
        }
    }

    pub fn with(self, clients: usize) -> Self {
        Self { clients: u32::try_from(clients).ok(), ..self }
    }

    pub fn of_size(self, bytes: usize) -> Self {
        Self { bytes: u64::try_from(bytes).ok(), ..self }
    }
}

/// To four digits: more would say more than was measured.
pub fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

pub fn write(file: &Path, rows: &[Row]) -> Result<(), String> {
    let failed =
        |error: &dyn std::fmt::Display| format!("cannot write {}: {error}", file.display());
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().try_for_each(|row| writer.serialize(row)).map_err(|error| failed(&error))?;
    let text = writer.into_inner().map_err(|error| failed(&error))?;
    fs::write(file, text).map_err(|error| failed(&error))
}

pub fn read(file: &Path) -> Result<Vec<Row>, String> {
    let failed = |error: csv::Error| format!("cannot read {}: {error}", file.display());
    let mut reader = csv::Reader::from_path(file).map_err(failed)?;
    reader.deserialize().collect::<Result<_, _>>().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::{Row, read, rounded, write};
    use crate::statistics::Spread;

    #[test]
    fn what_is_written_is_read() {
        let spread = Spread { median: 0.99712, low: 0.98, high: 1.0123, number: 20 };
        let rows = [
            Row::spread("ratio, to C", "a \"name\", with a comma", "", spread).with(5000),
            Row::new("throughput", "Rust", "MB/s", 123_456.7).of_size(1 << 20),
        ];
        let file = std::env::temp_dir().join(format!("rows-{}.csv", std::process::id()));
        write(&file, &rows).expect("it is written");
        assert_eq!(read(&file).expect("it is read"), rows);
        std::fs::write(&file, "what,server\na,b\n").expect("it is written");
        assert!(read(&file).is_err_and(|words| words.contains("missing field")));
        std::fs::remove_file(&file).expect("it is there");
        assert!(read(&file).is_err());
    }

    #[test]
    fn four_digits() {
        assert_eq!(rounded(123_456.7), 123_500.0);
        assert_eq!(rounded(0.997_123), 0.9971);
        assert_eq!(rounded(2.0), 2.0);
        assert_eq!(rounded(0.0), 0.0);
    }
}
