//! The page that `--page` writes: the player, with the record and the code in it.

use std::fs::{self, File as Open};
use std::io::{self, Read as _};
use std::path::Path;

use timeline::{File, Page, Timeline};

use crate::order::Program;

/// What a page shows of a long timeline: so many lines of it, and of each so many characters.
const LINES: usize = 5_000;
const LENGTH: usize = 2_000;

/// Larger files of code are not in it.
const LARGEST: u64 = 1 << 20;

/// What the names of code end with. A program says itself which code it was made from: it is not to
/// have other files put into a page that may be sent to somebody.
const OF_CODE: [&str; 21] = [
    "c", "cc", "cpp", "cr", "cxx", "d", "f90", "go", "h", "hh", "hpp", "hxx", "inc", "m", "ml",
    "mm", "nim", "pas", "rs", "swift", "zig",
];

/// Writes the page. `sources`: what the timeline calls each file of code, and where that is.
pub fn write(
    file: &Path,
    programs: &[Program],
    timeline: &str,
    sources: &[(String, String)],
) -> io::Result<()> {
    let (text, left_out) = shortened(timeline);
    let heading = command(programs);
    let files: Vec<File> = sources.iter().map(|(name, path)| code(name, path)).collect();
    let timeline = Timeline::read(&text);
    let run = timeline.player(&short_name(programs), &files);
    let remarks = if left_out { vec![LEFT_OUT.to_owned()] } else { vec![] };
    let page = Page { heading: &heading, remarks: &remarks, runs: &[run], text: &timeline.text() };
    fs::write(file, page.html())
}

const LEFT_OUT: &str = "This is the beginning of a long run, or of long lines: what is left out is \
                        said where it is.";

/// The beginning of a timeline, and whether something is left out of it.
fn shortened(timeline: &str) -> (String, bool) {
    let mut text = String::new();
    let mut left_out = false;
    let mut lines = timeline.lines();
    for line in lines.by_ref().take(LINES) {
        match line.char_indices().nth(LENGTH) {
            Some((at, _)) => {
                left_out = true;
                let more = line[at..].chars().count();
                text += &format!("{}... ({more} more characters are not shown)", &line[..at]);
            }
            None => text += line,
        }
        text.push('\n');
    }
    match lines.count() {
        0 => {}
        more => {
            left_out = true;
            text += &format!("(not shown: {more} more lines)\n");
        }
    }
    (text, left_out)
}

/// What was run, as one types it.
fn command(programs: &[Program]) -> String {
    let one = |program: &Program| {
        let words = [program.short_name()].into_iter();
        let words = words.chain(program.arguments.iter().map(String::as_str));
        words.map(quoted).collect::<Vec<_>>().join(" ")
    };
    programs.iter().map(one).collect::<Vec<_>>().join(" --with ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_=/.,:@%+[]".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// What the address of a step begins with.
fn short_name(programs: &[Program]) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_.".contains(c) { c } else { '_' };
    let name = programs.first().map_or("", Program::short_name);
    Some(name.chars().map(plain).collect())
        .filter(|name: &String| !name.is_empty())
        .unwrap_or("run".to_owned())
}

/// A file of code, if it is there, and is one.
fn code(name: &str, path: &str) -> File {
    let is_code =
        Path::new(path).extension().is_some_and(|end| OF_CODE.iter().any(|it| end == *it));
    let text = || {
        let is_file =
            |path: &Path| fs::metadata(path).is_ok_and(|it| it.is_file() && it.len() <= LARGEST);
        let path = Path::new(path);
        let mut bytes = vec![];
        let open = Open::open(path).ok().filter(|_| is_file(path))?;
        open.take(LARGEST).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    File { name: name.to_owned(), text: is_code.then(text).flatten() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_is_cut_and_that_is_said() {
        let short = "a\nb\n";
        assert_eq!(shortened(short), (short.to_owned(), false));
        let long = "a\n".repeat(LINES + 2);
        let (text, left_out) = shortened(&long);
        assert!(left_out && text.ends_with("a\n(not shown: 2 more lines)\n"));
        assert_eq!(text.lines().count(), LINES + 1);
        let (text, left_out) = shortened(&format!("{}\nb\n", "ä".repeat(LENGTH + 3)));
        assert!(
            left_out && text.ends_with("ä... (3 more characters are not shown)\nb\n"),
            "{text}"
        );
    }

    #[test]
    fn a_command_can_be_typed_again() {
        let program = |name: &str, arguments: &[&str]| Program {
            name: name.to_owned(),
            arguments: arguments.iter().map(|it| (*it).to_owned()).collect(),
            foreign: true,
        };
        let python = program("/usr/bin/python3", &["-c", "print('a b')", ""]);
        let both = [python, program("nc", &["127.0.0.1", "8090"])];
        assert_eq!(command(&both), r"python3 -c 'print('\''a b'\'')' '' --with nc 127.0.0.1 8090");
        assert_eq!(short_name(&both), "python3");
        assert_eq!(short_name(&[program("/a/x <y>", &[])]), "x__y_");
        assert_eq!(short_name(&[]), "run");
    }

    #[test]
    fn only_code_is_put_into_a_page() {
        assert!(code("page.rs", "src/page.rs").text.is_some());
        for other in ["Cargo.toml", "/etc/hostname", "/dev/zero", "src/none.rs", "src"] {
            assert!(code("a", other).text.is_none(), "{other}");
        }
    }
}
