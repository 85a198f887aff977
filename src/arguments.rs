//! The command line of an example: nothing, an address (from step 17 on and
//! for the chat also a name), or `--help`. Clients look a name up themselves:
//! that is a part of their lesson.

use std::env;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::process::ExitCode;

use crate::chat::CHAT_ADDRESS;
use crate::failure::Failure;
use crate::lang::{Lang, Words};
use crate::transcript::{eprint, print, say};

/// Where an example binds that was given no address: loopback, and port 0.
/// That is "this machine only, at any port that is free".
const ANY_PORT: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Runs an example: reads the command line, calls `lesson`, or, when an
/// address was given, `with_you`; and reports.
///
/// `source` is the example's own text, by `include_str!`: the comment at its
/// head is what `--help` prints, and an error quotes the line that failed.
/// `lesson` plays both ends, at 127.0.0.1 and port 0; in `with_you` the
/// reader is the other end, at the address given; from step 17 on that may be
/// a name, which stands for the first of its addresses.
///
/// Exit status: 0; or 1 when a call failed, or the transcript could not be
/// written; or 2 for a bad argument. The reason goes to standard error.
pub fn run<T, U>(
    source: &str,
    lesson: impl FnOnce(SocketAddr) -> Result<T, Failure>,
    with_you: impl FnOnce(SocketAddr) -> Result<U, Failure>,
) -> ExitCode {
    let lesson = |given: Option<&str>, _| match looked_up(given)? {
        Some(address) => with_you(address).map(drop),
        None => lesson(ANY_PORT).map(drop),
    };
    start(source, Kind::Numbers, Box::new(lesson))
}

/// Runs an example that plays both ends at any address: as [`run`], with the
/// same `lesson` in both cases.
pub fn run_at(
    source: &str,
    lesson: impl FnOnce(SocketAddr) -> Result<(), Failure>,
) -> ExitCode {
    let lesson = |given: Option<&str>, _| {
        lesson(looked_up(given)?.unwrap_or(ANY_PORT))
    };
    start(source, Kind::Numbers, Box::new(lesson))
}

/// Runs a client: as [`run`], but `with_you` gets the text that was given, an
/// address or a name with a port, looks it up, and tries what it finds.
pub fn run_named<T, U>(
    source: &str,
    lesson: impl FnOnce(SocketAddr) -> Result<T, Failure>,
    with_you: impl FnOnce(&str) -> Result<U, Failure>,
) -> ExitCode {
    let lesson = |given: Option<&str>, _| match given {
        Some(name) => with_you(name).map(drop),
        None => lesson(ANY_PORT).map(drop),
    };
    start(source, Kind::Names, Box::new(lesson))
}

/// Runs a program of the chat: at [`CHAT_ADDRESS`] unless another address is
/// given, or a name, for the program to look up; and what it says to people,
/// and over the wire, is in the language asked for.
pub fn run_chat(
    source: &str,
    lesson: impl FnOnce(&str, Lang) -> Result<(), Failure>,
) -> ExitCode {
    let usual = CHAT_ADDRESS.to_string();
    let lesson =
        |given: Option<&str>, lang| lesson(given.unwrap_or(&usual), lang);
    start(source, Kind::Chat, Box::new(lesson))
}

/// An example: gets what it was given, and the language.
type Lesson<'a> =
    Box<dyn FnOnce(Option<&str>, Lang) -> Result<(), Failure> + 'a>;

/// What a program takes: an address in numbers; a name as well; or, being a
/// program of the chat, both of these, and [`CHAT_ADDRESS`] if there is none.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Numbers,
    Names,
    Chat,
}

/// The number of an example's step, as the first line of its text says it.
fn step(source: &str) -> Option<u32> {
    let number = source.strip_prefix("//! Step ")?;
    number.split_once(',')?.0.parse().ok()
}

/// The address that was given; of a name, its first.
fn looked_up(given: Option<&str>) -> Result<Option<SocketAddr>, Failure> {
    let Some(text) = given else { return Ok(None) };
    if let Ok(address) = text.parse() {
        return Ok(Some(address));
    }
    let mut found = text.to_socket_addrs()?;
    let first = found.next().ok_or("the name has no address")?;
    let rest = match found.count() {
        0 => String::new(),
        more => format!(", the first of {}", 1 + more),
    };
    say("resolver", "lookup", format!("{text} is {first}{rest}"));
    Ok(Some(first))
}

/// In a box, so that this is compiled once, and not for each example anew.
fn start(source: &str, kind: Kind, lesson: Lesson<'_>) -> ExitCode {
    let kind = match kind {
        Kind::Numbers if step(source) >= Some(17) => Kind::Names,
        kind => kind,
    };
    let without = match kind {
        Kind::Chat => CHAT_ADDRESS,
        Kind::Names | Kind::Numbers => ANY_PORT,
    };
    let arguments = match kind {
        Kind::Numbers => "[ADDRESS] [--lang en|zh]",
        Kind::Names | Kind::Chat => "[ADDRESS | NAME:PORT] [--lang en|zh]",
    };
    let mut words = Vec::new();
    for word in env::args_os() {
        words.push(word.to_string_lossy().into_owned());
    }
    let usual = Lang::of_the_system(|name| env::var(name).ok());
    let given = words.get(1..).unwrap_or_default();
    let (lang, request) = parse(given, kind, usual);
    let error = lang.text("error");
    match request {
        Ok(Request::Help) => print(&help(source, lang), lang),
        Ok(Request::Run(given)) => {
            if let Err(failure) = lesson(given.as_deref(), lang) {
                let given = given.unwrap_or(without.to_string());
                let reason = failure.explain(source, &given, lang);
                eprint(&format!("{error}: {reason}"));
                return ExitCode::FAILURE;
            }
        }
        Err(mistake) => {
            let program = words.first().map_or("", String::as_str);
            let name = Path::new(program).file_stem().unwrap_or_default();
            let usage = lang.say(
                "usage: cargo run --example {name} -- {arguments}\n       \
                 cargo run --example {name} -- --help",
                &[
                    ("name", &name.to_string_lossy()),
                    ("arguments", &lang.text(arguments)),
                ],
            );
            eprint(&format!("{error}: {}\n{usage}", mistake.words(lang)));
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// The comment at the head of an example, without its `//!`.
fn help(source: &str, lang: Lang) -> String {
    let (mut help, mut paragraph) = (String::new(), String::new());
    for line in source.lines() {
        let Some(line) = line.strip_prefix("//!") else { break };
        let line = line.strip_prefix(' ').unwrap_or(line);
        if line.is_empty() {
            help += &lang.text(&paragraph);
            help += "\n\n";
            paragraph.clear();
            continue;
        }
        if !paragraph.is_empty() {
            paragraph.push('\n');
        }
        paragraph += line;
    }
    help + &lang.text(&paragraph) + "\n"
}

/// What the command line asks for.
#[derive(Debug)]
enum Request {
    Help,
    Run(Option<String>),
}

/// What is wrong with a command line, and with which word of it.
#[derive(Debug)]
struct Mistake {
    english: &'static str,
    value: String,
}

impl Mistake {
    fn words(&self, lang: Lang) -> Words {
        let value = &self.value;
        lang.say(
            self.english,
            &[
                ("value", value),
                ("quoted", &format!("{value:?}")),
                ("problem", &lang.text(problem(value))),
            ],
        )
    }
}

/// Reads the command line to its end: the language counts for a mistake, too,
/// wherever it stands. Of the rest counts what comes first.
fn parse(
    words: &[String],
    kind: Kind,
    mut lang: Lang,
) -> (Lang, Result<Request, Mistake>) {
    let mut address = None;
    let mut request = None;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (name, mut value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.as_str(), None),
        };
        let mistake = |english, value: &str| {
            Err(Mistake { english, value: value.to_owned() })
        };
        let next = match name {
            "-h" | "--help" => Ok(Request::Help),
            "--lang" => {
                if value.is_none() {
                    value = words.next().map(String::as_str);
                }
                let named = value.and_then(Lang::named);
                lang = named.unwrap_or(lang);
                match value {
                    None => mistake(
                        "missing argument for option '{value}'",
                        name,
                    ),
                    Some(_) if named.is_some() => continue,
                    Some(other) => {
                        mistake("--lang is en or zh, not {quoted}", other)
                    }
                }
            }
            name if name.starts_with('-') => {
                mistake("invalid option '{value}'", name)
            }
            _ if address.is_some() => {
                mistake("unexpected argument {quoted}", word)
            }
            _ => match word.parse::<SocketAddr>() {
                Err(_) if kind == Kind::Numbers => mistake(
                    "{quoted} is not an address: {problem}\n\
                     an address looks like this: 127.0.0.1:8090 or \
                     [::1]:8090",
                    word,
                ),
                Err(_) if !is_name(word) => mistake(
                    "{quoted} is not an address: {problem}\n\
                     an address looks like this: 127.0.0.1:8090 or \
                     [::1]:8090, or a name with a port: localhost:8090",
                    word,
                ),
                _ => {
                    address = Some(word.clone());
                    continue;
                }
            },
        };
        request.get_or_insert(next);
    }
    (lang, request.unwrap_or(Ok(Request::Run(address))))
}

/// The host and the port of a text: what stands before the last colon, if
/// there is one, and behind it.
fn host_and_port(text: &str) -> (Option<&str>, &str) {
    match text.rsplit_once(':') {
        Some((host, port)) => (Some(host), port),
        None => (None, text),
    }
}

/// Whether a host is no number: it has a letter, and no colon.
fn has_name(host: &str) -> bool {
    host.contains(char::is_alphabetic) && !host.contains(':')
}

/// Whether this is a name and a port, which can be looked up.
fn is_name(text: &str) -> bool {
    let (host, port) = host_and_port(text);
    let is_host = host.is_some_and(|host| {
        has_name(host) && !host.contains(['/', '[', ' '])
    });
    is_host && port.parse::<u16>().is_ok()
}

/// What is wrong with an IP address and a port.
fn problem(text: &str) -> &'static str {
    if text.contains('/') {
        return "an address has no http:// before it and no path behind it";
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    match bare.parse() {
        Ok(IpAddr::V6(_)) if bare == text => {
            return "IPv6 goes in brackets, and a port goes after them";
        }
        Ok(_) => return "the port is missing",
        Err(_) => {}
    }
    match host_and_port(text) {
        (None, host) if has_name(host) => "the port is missing",
        (None, _) => "an IP address, a colon and a port are needed",
        (_, port) if port.parse::<u16>().is_err() => {
            "a port is a number from 0 to 65535"
        }
        (Some(host), _) if has_name(host) && host.contains(' ') => {
            "a name has no space in it"
        }
        (Some(host), _) if has_name(host) && host.contains('[') => {
            "only the numbers of IPv6 go in brackets"
        }
        (Some(host), _) if has_name(host) => {
            "it is a name, which has to be looked up first (step 17). For \
             localhost write 127.0.0.1. For another name, \
             cargo run --example 17_names -- NAME:PORT shows its addresses"
        }
        _ => "an IP address, a colon and a port are needed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed_as(
        kind: Kind,
        words: &[&str],
    ) -> (Lang, Result<Request, Mistake>) {
        let words: Vec<_> =
            words.iter().map(|word| word.to_string()).collect();
        parse(&words, kind, Lang::En)
    }

    fn parsed(words: &[&str]) -> (Lang, Result<Request, Mistake>) {
        parsed_as(Kind::Chat, words)
    }

    fn mistake(words: &[&str]) -> String {
        let (lang, request) = parsed(words);
        request.expect_err("a mistake").words(lang).to_string()
    }

    #[test]
    fn nothing_an_address_or_help() {
        let request = |words| parsed(words).1.expect("no mistake");
        assert!(matches!(request(&[]), Request::Run(None)));
        let Request::Run(Some(address)) = request(&["[::1]:8090"]) else {
            unreachable!("an address");
        };
        assert_eq!(address, "[::1]:8090");
        for words in [&["-h"][..], &["127.0.0.1:1", "--help"]] {
            assert!(matches!(request(words), Request::Help));
        }
        // What comes first counts.
        assert!(matches!(request(&["-h", "--fast"]), Request::Help));
        assert!(mistake(&["--fast", "-h"]).contains("--fast"));
    }

    #[test]
    fn address_and_language_come_in_either_order() {
        for words in [
            &["--lang", "zh", "127.0.0.1:8090"][..],
            &["127.0.0.1:8090", "--lang=zh"],
        ] {
            let (lang, request) = parsed(words);
            assert_eq!(lang, Lang::Zh);
            let Ok(Request::Run(Some(given))) = request else {
                unreachable!("{words:?}");
            };
            assert_eq!(given, CHAT_ADDRESS.to_string());
        }
    }

    #[test]
    fn the_language_counts_wherever_it_stands() {
        for (words, problem) in [
            (&["8090"][..], "\"8090\" is not an address"),
            (&["--fast"], "invalid option '--fast'"),
            (&["--fast=1"], "invalid option '--fast'"),
            (
                &["127.0.0.1:1", "[::1]:2"],
                "unexpected argument \"[::1]:2\"",
            ),
            (&["--lang", "de"], "--lang is en or zh, not \"de\""),
        ] {
            assert!(mistake(words).starts_with(problem), "{words:?}");
            let first = [&["--lang", "zh"], words].concat();
            let last = [words, &["--lang", "zh_CN.UTF-8"]].concat();
            for words in [first, last] {
                let (lang, request) = parsed(&words);
                assert_eq!(lang, Lang::Zh, "{words:?}");
                assert!(request.is_err(), "{words:?}");
            }
        }
        let words = mistake(&["--lang"]);
        assert_eq!(words, "missing argument for option '--lang'");
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for (text, problem) in [
            ("127.0.0.1", "the port is missing"),
            ("[::1]", "the port is missing"),
            ("::1", "brackets"),
            ("::1:8090", "brackets"),
            ("127.0.0.1:99999", "from 0 to 65535"),
            ("127.0.0.1:http", "from 0 to 65535"),
            ("127.0.0.1:", "from 0 to 65535"),
            ("localhost", "the port is missing"),
            ("localhost:http", "from 0 to 65535"),
            ("my host:8090", "no space"),
            ("[localhost]:8090", "go in brackets"),
            (":8090", "an IP address, a colon"),
            ("fe80::1:x:80", "an IP address, a colon"),
            ("http://127.0.0.1:8090", "no http://"),
            ("127.0.0.1:8090/path", "no http://"),
            ("300.1.1.1:8090", "an IP address, a colon"),
            ("8090", "an IP address, a colon"),
            ("", "an IP address, a colon"),
        ] {
            let words = mistake(&[text]);
            assert!(words.contains(problem), "{text}: {words}");
            assert!(words.contains("127.0.0.1:8090"), "{words}");
            assert!(words.ends_with("a port: localhost:8090"), "{words}");
            let (lang, request) = parsed_as(Kind::Numbers, &[text]);
            let words = request.expect_err("a mistake").words(lang);
            assert!(words.to_string().ends_with("or [::1]:8090"), "{text}");
        }
    }

    /// Where names are taken, a name is looked up later, and not here.
    #[test]
    fn a_name_is_taken_where_it_is_looked_up() {
        for name in ["localhost:8090", "a-b.example:0", "主机:80", "x1:1"]
        {
            for kind in [Kind::Names, Kind::Chat] {
                let (_, request) = parsed_as(kind, &[name]);
                let Ok(Request::Run(Some(given))) = request else {
                    unreachable!("{name}");
                };
                assert_eq!(given, name);
            }
            let (lang, request) = parsed_as(Kind::Numbers, &[name]);
            let words = request.expect_err("a mistake").words(lang);
            let words = words.to_string();
            for part in ["a name", "step 17", "127.0.0.1", "17_names -- "] {
                assert!(words.contains(part), "{words}");
            }
        }
    }

    #[test]
    fn help_is_the_head_comment_and_no_more() {
        let source = "//! One.\n//!\n//!     two\n\nuse x;\n//! no\n";
        assert_eq!(help(source, Lang::En), "One.\n\n    two\n");
    }
}
