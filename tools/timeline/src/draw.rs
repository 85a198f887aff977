//! Draws pictures for the book. On standard input: `{"words": {ENGLISH: TEXT, ...}, "pictures":
//! [{"name": NAME, "timeline": TEXT, "lines": [WORDS, ...]}, ...]}`, in JSON; on standard output:
//! of each picture its SVG, as a list in the same order. `draw --words` lists the words.

use std::io;
use std::process::ExitCode;

use serde_json::{Value, from_value};
use timeline::{Timeline, Words};

fn main() -> ExitCode {
    match draw() {
        Ok(pictures) => {
            println!("{pictures}");
            ExitCode::SUCCESS
        }
        Err(words) => {
            eprintln!("{words}");
            ExitCode::FAILURE
        }
    }
}

fn draw() -> Result<Value, String> {
    if std::env::args().nth(1).as_deref() == Some("--words") {
        return Ok(Words::english().into());
    }
    let no_order = |error: serde_json::Error| format!("what to draw: {error}");
    let mut order: Value = serde_json::from_reader(io::stdin()).map_err(no_order)?;
    let words = Words::new(from_value(order["words"].take()).map_err(no_order)?)?;
    let pictures: Vec<Value> = from_value(order["pictures"].take()).map_err(no_order)?;
    let picture = |mut picture: Value| {
        let mut text = |key| from_value::<String>(picture[key].take()).map_err(no_order);
        let (name, text) = (text("name")?, text("timeline")?);
        let lines: Vec<String> = from_value(picture["lines"].take()).map_err(no_order)?;
        Timeline::read(&text).svg(&name, &lines, &words)
    };
    pictures.into_iter().map(picture).collect()
}
