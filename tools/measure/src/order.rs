//! What is typed after `cargo measure`.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt as _};

pub const USAGE: &str = include_str!("usage.txt");

/// What to do.
#[derive(Debug, Default, PartialEq)]
pub struct Wish {
    pub help: bool,
    pub quick: bool,
    /// Whatever the zero says.
    pub rough: bool,
    /// Only the plots, of what was measured before.
    pub plot: bool,
    /// Into the book.
    pub record: bool,
    /// Or here.
    pub folder: Option<PathBuf>,
    /// The reader's own server.
    pub command: Option<Vec<String>>,
}

impl Wish {
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut wish = Self::default();
        let mut all: Vec<OsString> = arguments.into_iter().skip(1).collect();
        if let Some(dashes) = all.iter().position(|one| one == "--") {
            let command = all.split_off(dashes).into_iter().skip(1).map(OsString::into_string);
            let command: Vec<String> =
                command.collect::<Result<_, _>>().map_err(|_| "the command is not UTF-8")?;
            if command.is_empty() {
                return Err("after --, a command: cargo measure -- python3 my_server.py".to_owned());
            }
            wish.command = Some(command);
        }
        let unknown =
            |error: lexopt::Error| format!("{error}\ncargo measure --help says what there is.");
        let mut arguments = Parser::from_args(all);
        while let Some(argument) = arguments.next().map_err(unknown)? {
            match argument {
                Arg::Short('h') | Arg::Long("help") => wish.help = true,
                Arg::Long("quick") => wish.quick = true,
                Arg::Long("rough") => wish.rough = true,
                Arg::Long("plot") => wish.plot = true,
                Arg::Long("record") => wish.record = true,
                Arg::Long("folder") => {
                    let value = arguments.value().and_then(|value| value.parse());
                    wish.folder = Some(value.map_err(unknown)?);
                }
                Arg::Value(word) => {
                    let word = word.to_string_lossy().into_owned();
                    return Err(format!(
                        "{word}: is that your server? Put -- ahead of its command: cargo measure \
                         -- {word}"
                    ));
                }
                argument => return Err(unknown(argument.unexpected())),
            }
        }
        match &wish {
            Self { record: true, command: Some(_), .. } => {
                Err("--record is for the servers of the course".to_owned())
            }
            Self { record: true, quick, rough, .. } if *quick || *rough => {
                Err("what --quick and --rough measure is not to be recorded".to_owned())
            }
            Self { plot: true, command: Some(_), .. } => {
                Err("--plot measures nothing: it draws what was measured before".to_owned())
            }
            Self { record: true, folder: Some(_), .. } => {
                Err("--record writes into the book, or --folder elsewhere".to_owned())
            }
            _ => Ok(wish),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Wish;

    fn read(line: &str) -> Result<Wish, String> {
        Wish::read(line.split(' ').map(Into::into))
    }

    #[test]
    fn what_is_typed() {
        assert_eq!(read("measure"), Ok(Wish::default()));
        let wish = read("measure --quick -- python3 x.py --record").expect("a wish");
        let command = ["python3", "x.py", "--record"].map(str::to_owned);
        assert_eq!((wish.quick, wish.record, wish.command), (true, false, Some(command.into())));
        assert!(
            read("measure ./mine").is_err_and(|words| words.ends_with("cargo measure -- ./mine"))
        );
        assert!(read("measure --").is_err_and(|words| words.contains("a command")));
        assert!(read("measure --quik").is_err_and(|words| words.contains("--help")));
        assert!(read("measure --record --quick").is_err());
        assert!(read("measure --record --rough").is_err());
        assert!(read("measure --record -- ./mine").is_err());
    }
}
