//! The command line of an example: nothing, an address, or `--help`.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use lexopt::{Arg, Parser};

use crate::chat::{CHAT_ADDRESS, Lang};
use crate::chinese;
use crate::failure::Failure;
use crate::transcript::{is_incomplete, print, speak};

/// What the command line asks for.
#[derive(Debug, PartialEq)]
enum Request {
    Help,
    Run { address: Option<SocketAddr> },
}

/// Where an example binds that was given no address: loopback, and port 0.
/// That is "this machine only, at any port that is free".
const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Runs an example: reads the command line, calls `lesson`, or, when an
/// address was given, `with_you`; and reports.
///
/// `source` is the example's own text, by `include_str!`: the comment at its
/// head is what `--help` prints, and an error quotes the line that failed.
/// `lesson` plays both ends, at 127.0.0.1 and port 0; in `with_you` the
/// reader is the other end, at the address given.
///
/// Exit status: 0; or 1 when a call failed, or the transcript could not be
/// written; or 2 for a bad argument. The reason goes to standard error.
pub fn run<T, U>(
    source: &str,
    lesson: impl FnOnce(SocketAddr) -> Result<T, Failure>,
    with_you: impl FnOnce(SocketAddr) -> Result<U, Failure>,
) -> ExitCode {
    start(source, "[ADDRESS]", ANY_PORT, |given, address, _| {
        if given {
            with_you(address).map(drop)
        } else {
            lesson(address).map(drop)
        }
    })
}

/// Runs an example that plays both ends at any address: as [`run`], with the
/// same `lesson` in both cases.
pub fn run_at(
    source: &str,
    lesson: impl FnOnce(SocketAddr) -> Result<(), Failure>,
) -> ExitCode {
    start(source, "[ADDRESS]", ANY_PORT, |_, address, _| lesson(address))
}

/// Runs a program of the chat: as [`run_at`], with `--lang en|zh`, and at
/// [`CHAT_ADDRESS`] unless another address is given.
pub fn run_chat(
    source: &str,
    lesson: impl FnOnce(SocketAddr, Lang) -> Result<(), Failure>,
) -> ExitCode {
    start(
        source,
        "[ADDRESS] [--lang en|zh]",
        CHAT_ADDRESS,
        |_, address, lang| lesson(address, lang),
    )
}

fn start(
    source: &str,
    usage: &str,
    without: SocketAddr,
    lesson: impl FnOnce(bool, SocketAddr, Lang) -> Result<(), Failure>,
) -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_default();
    let name = Path::new(&program).file_stem();
    let name = name.unwrap_or_default().to_string_lossy();
    let arguments: Vec<_> = arguments.collect();
    let lang = lang_of(&arguments);
    let error = lang.pick("error", "错误");
    speak(lang);
    match parse(arguments, usage.contains("--lang"), lang) {
        Ok(Request::Help) => {
            let chinese = chinese::help(&name).map(str::to_owned);
            let chinese = chinese.filter(|_| lang == Lang::Zh);
            print(chinese.unwrap_or_else(|| help(source)));
        }
        Ok(Request::Run { address: given }) => {
            let address = given.unwrap_or(without);
            let result = lesson(given.is_some(), address, lang);
            if let Err(failure) = result {
                let told = failure.explain(source, address, lang);
                let _ = writeln!(io::stderr(), "{error}: {told}");
                return ExitCode::FAILURE;
            }
        }
        Err(problem) => {
            // (The second line stands below the first one's `cargo`.)
            let (usage_is, indent) =
                lang.pick(("usage", "       "), ("用法", "      "));
            let address = lang.pick("[ADDRESS]", "[地址]");
            let usage = usage.replace("[ADDRESS]", address);
            let _ = writeln!(
                io::stderr(),
                "{error}: {problem}\n\
                 {usage_is}: cargo run --example {name} -- {usage}\n\
                 {indent}cargo run --example {name} -- --help"
            );
            return ExitCode::from(2);
        }
    }
    if is_incomplete() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The comment at the head of an example, without its `//!`.
fn help(source: &str) -> String {
    source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// In which language to speak of this command line, wrong as it may be.
fn lang_of(arguments: &[OsString]) -> Lang {
    let mut parser = Parser::from_args(arguments);
    let mut lang = Lang::default();
    while let Ok(Some(argument)) = parser.next() {
        if argument == Arg::Long("lang") {
            let named = parser.value().ok();
            let named = named.and_then(|name| Lang::named(name.to_str()?));
            lang = named.unwrap_or(lang);
        }
    }
    lang
}

fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    with_lang: bool,
    lang: Lang,
) -> Result<Request, String> {
    let mut parser = Parser::from_args(arguments);
    let mut address = None;
    let wrong = |error| unexpected(&error, lang);
    while let Some(argument) = parser.next().map_err(wrong)? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => {
                return Ok(Request::Help);
            }
            Arg::Long("lang") if with_lang => {
                let value = parser.value().map_err(wrong)?;
                if value.to_str().and_then(Lang::named).is_none() {
                    return Err(lang.pick(
                        format!("--lang is en or zh, not {value:?}"),
                        format!("--lang 是 en 或 zh, 不是 {value:?}"),
                    ));
                }
            }
            Arg::Long("lang") => return Err(only_the_chat(lang)),
            Arg::Value(text) if address.is_none() => {
                let text = text.to_string_lossy();
                address = Some(parse_address(&text, lang)?);
            }
            other => return Err(wrong(other.unexpected())),
        }
    }
    Ok(Request::Run { address })
}

fn only_the_chat(lang: Lang) -> String {
    let command = "cargo run --example 07_chat_server -- --lang zh";
    lang.pick(
        format!("only the chat of step 7 speaks two languages: {command}"),
        format!("只有第 7 步的聊天程序会说两种语言: {command}"),
    )
}

/// What [`lexopt`] says of an argument, in either language.
fn unexpected(error: &lexopt::Error, lang: Lang) -> String {
    use lexopt::Error;

    let zh = match error {
        Error::MissingValue { option } => {
            let option = option.as_deref().unwrap_or_default();
            format!("选项 {option} 后面缺少一个值")
        }
        Error::UnexpectedOption(option) => format!("没有选项 {option}"),
        Error::UnexpectedArgument(value) => {
            format!("多余的参数: {value:?}")
        }
        Error::UnexpectedValue { option, value } => {
            format!("选项 {option} 没有值, 却给了 {value:?}")
        }
        _ => "参数有误".to_owned(),
    };
    lang.pick(error.to_string(), zh)
}

/// An IP address and a port, or what is wrong with them.
fn parse_address(text: &str, lang: Lang) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        let problem = if bare.parse::<std::net::IpAddr>().is_ok() {
            if bare == text && bare.contains(':') {
                "IPv6 goes in brackets, and a port goes after them"
            } else {
                "the port is missing"
            }
        } else {
            match text.rsplit_once(':') {
                Some((_, port)) if port.parse::<u16>().is_err() => {
                    "a port is a number from 0 to 65535"
                }
                Some((host, _))
                    if host.contains(|c: char| {
                        c.is_ascii_alphabetic() && !host.contains(':')
                    }) =>
                {
                    "this course uses numbers, not names"
                }
                _ => "an IP address, a colon and a port are needed",
            }
        };
        let problem = lang.say(problem);
        lang.pick(
            format!(
                "{text:?} is not an address: {problem}\n\
                 an address looks like this: 127.0.0.1:8090 or [::1]:8090"
            ),
            format!(
                "{text:?} 不是地址: {problem}\n\
                 地址的写法: 127.0.0.1:8090 或 [::1]:8090"
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Request, String> {
        let words: Vec<_> = words.iter().map(OsString::from).collect();
        let lang = lang_of(&words);
        parse(words, true, lang)
    }

    #[test]
    fn nothing_an_address_or_help() {
        assert_eq!(parsed(&[]), Ok(Request::Run { address: None }));
        assert_eq!(
            parsed(&["[::1]:8090"]),
            Ok(Request::Run {
                address: Some("[::1]:8090".parse().expect("one")),
            })
        );
        assert_eq!(parsed(&["-h"]), Ok(Request::Help));
        assert_eq!(parsed(&["127.0.0.1:1", "--help"]), Ok(Request::Help));
    }

    #[test]
    fn address_and_language_come_in_either_order() {
        for words in [
            &["--lang", "zh", "127.0.0.1:8090"][..],
            &["127.0.0.1:8090", "--lang=zh"],
        ] {
            let address = Some(CHAT_ADDRESS);
            assert_eq!(parsed(words), Ok(Request::Run { address }));
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            assert_eq!(lang_of(&words), Lang::Zh);
        }
        for words in [&["--lang", "de"][..], &["--lang"]] {
            assert!(parsed(words).is_err(), "{words:?}");
        }
        let words = ["--lang", "zh"].map(OsString::from);
        let told = parse(words, false, Lang::En).expect_err("a lesson");
        assert!(
            told.starts_with("only the chat of step 7 speaks two"),
            "{told}"
        );
    }

    #[test]
    fn a_language_has_the_names_that_systems_give_it() {
        for name in ["zh", "zh_CN", "zh-CN", "zh_CN.UTF-8", "ZH", "zh-Hans"]
        {
            assert_eq!(Lang::named(name), Some(Lang::Zh), "{name}");
        }
        for name in ["en", "en_US.UTF-8", "en-GB"] {
            assert_eq!(Lang::named(name), Some(Lang::En), "{name}");
        }
        for name in ["de", "zhu", "", "z", "_zh", "C.UTF-8"] {
            assert_eq!(Lang::named(name), None, "{name}");
        }
    }

    #[test]
    fn a_mistake_is_told_in_the_language_that_was_asked_for() {
        for words in [
            &["--lang", "zh", "8090"][..],
            &["8090", "--lang", "zh"],
            &["localhost:8090", "--lang=zh_CN.UTF-8"],
            &["--fast", "--lang", "zh"],
            &["--lang", "zh", "127.0.0.1:1", "127.0.0.1:2"],
            &["--lang", "zh", "--lang"],
            &["--lang", "zh", "--lang", "de"],
        ] {
            let told = parsed(words).expect_err("a mistake");
            let chinese = |line: &str| !line.is_ascii();
            assert!(told.lines().all(chinese), "{words:?}: {told}");
        }
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
            ("localhost:8090", "not names"),
            ("300.1.1.1:8090", "an IP address, a colon"),
            ("8090", "an IP address, a colon"),
            ("", "an IP address, a colon"),
        ] {
            let told = parsed(&[text]).expect_err(text);
            assert!(told.contains(problem), "{text}: {told}");
            assert!(told.contains("127.0.0.1:8090"), "{told}");
        }
    }

    #[test]
    fn anything_more_is_refused() {
        assert!(parsed(&["127.0.0.1:1", "127.0.0.1:2"]).is_err());
        assert!(parsed(&["--fast"]).is_err());
    }

    #[test]
    fn help_is_the_head_comment_and_no_more() {
        let source = "//! One.\n//!\n//!     two\n\nuse x;\n//! no\n";
        assert_eq!(help(source), "One.\n\n    two\n");
    }
}
