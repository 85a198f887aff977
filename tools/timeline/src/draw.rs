//! Draws pictures for the book. On standard input, in JSON: `{"words": {ENGLISH: TEXT, ...},
//! "pictures": [{"name": NAME, "timeline": TEXT, "lines": [WORDS, ...]}, ...], "players": [{"name":
//! NAME, "timeline": TEXT, "files": [{"name": NAME, "text": TEXT}, ...]}, ...]}`; `files` and
//! `players` may be missing. On standard output: `{"pictures": [SVG, ...], "players": [OBJECT,
//! ...]}`, each in the same order; the objects are those of `Timeline::player`. `draw --words` lists
//! the words. `draw --readme FOLDER` writes the README's two pictures into that folder, from
//! the timeline of 04_accept (they are in tools/timeline/pictures).

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use serde_json::{Value, from_value, json};
use timeline::{File, Timeline, Words, still};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let done = match (arguments.next().as_deref(), arguments.next()) {
        (Some("--readme"), Some(folder)) => readme(Path::new(&folder)),
        (Some("--words"), None) => {
            println!("{}", Value::from(Words::english()));
            Ok(())
        }
        _ => draw().map(|drawn| println!("{drawn}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            eprintln!("{words}");
            ExitCode::FAILURE
        }
    }
}

fn draw() -> Result<Value, String> {
    let mut order: Value = serde_json::from_reader(io::stdin()).map_err(no_order)?;
    let words = Words::new(from_value(order["words"].take()).map_err(no_order)?)?;
    let pictures = list(&mut order["pictures"])?.into_iter().map(|one| picture(one, &words));
    let pictures = pictures.collect::<Result<Value, String>>()?;
    let players = list(&mut order["players"])?.into_iter().map(player);
    Ok(json!({"pictures": pictures, "players": players.collect::<Result<Value, String>>()?}))
}

fn picture(mut order: Value, words: &Words) -> Result<Value, String> {
    let (name, timeline) = (text(&mut order["name"])?, text(&mut order["timeline"])?);
    let lines: Vec<String> = from_value(order["lines"].take()).map_err(no_order)?;
    Ok(Timeline::read(&timeline).svg(&name, &lines, words)?.into())
}

fn player(mut order: Value) -> Result<Value, String> {
    let (name, timeline) = (text(&mut order["name"])?, text(&mut order["timeline"])?);
    let file = |mut file: Value| {
        let text = from_value(file["text"].take()).map_err(no_order)?;
        Ok(File { name: self::text(&mut file["name"])?, text })
    };
    let files =
        list(&mut order["files"])?.into_iter().map(file).collect::<Result<Vec<_>, String>>()?;
    Ok(Timeline::read(&timeline).player(&name, &files))
}

/// The run that people look at first, and the step after the handshake: the connection is there,
/// and waits in the queue.
const FIRST: (&str, usize) = ("04_accept", 19);
/// And of its timeline what led to these lines.
const LINES: [&str; 2] = ["client connect", "server accept descriptor"];

const COLOURS: &str = "<style>svg{--links:#175a99;--mono-font:monospace;color:#24292f;\
     background:#fff;font-family:system-ui,sans-serif}\
     @media(prefers-color-scheme:dark){svg{--links:#79b8ff;color:#d9dee4;background:#161b22}}";

fn readme(folder: &Path) -> Result<(), String> {
    let (name, step) = FIRST;
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let read = |path: &str| {
        let text = fs::read_to_string(examples.join(path));
        text.map_err(|error| format!("{path}: {error}"))
    };
    let (code, snapshot) = (read(&format!("{name}.rs"))?, read(&format!("timelines/{name}.snap"))?);
    let (_, text) = snapshot.split_once("\n---\n").ok_or("no snapshot")?;
    let timeline = Timeline::read(text);
    let player = still(&timeline.player(name, &[]), step, &code)?;
    let picture = timeline.svg(name, &LINES.map(str::to_owned), &Words::default())?;
    // A page of the book has its colours; a picture by itself has not.
    let picture = picture.replacen("<style>", COLOURS, 1);
    for (file, svg) in [("player.svg", player), ("timeline.svg", picture)] {
        fs::write(folder.join(file), svg).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(())
}

fn text(value: &mut Value) -> Result<String, String> {
    from_value(value.take()).map_err(no_order)
}

/// What is missing is empty.
fn list(value: &mut Value) -> Result<Vec<Value>, String> {
    from_value::<Option<_>>(value.take()).map(Option::unwrap_or_default).map_err(no_order)
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn no_order(error: serde_json::Error) -> String {
    format!("what to draw: {error}")
}
