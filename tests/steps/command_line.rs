//! What an example says on `--help`, and when something is wrong.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _, UdpSocket};
use std::sync::LazyLock;

use socket_steps::chat::{Lang, texts};
use socket_steps::in_words;

use crate::house_rules::files;
use crate::machine::{command, program, skip};
use crate::support::{closed_tcp_port, examples, run, succeeds};
use crate::transcripts::CHAT;

/// The examples that bind the address they are given.
pub fn servers() -> impl Iterator<Item = &'static str> {
    const NO: [&str; 6] =
        ["01_", "_connect", "_client", "25_keyboard", "17_names", "17_dual_stack"];
    examples().filter(|name| NO.iter().all(|no| !name.contains(no)))
}

#[test]
fn help_is_short_and_says_how_to_run() {
    for name in examples() {
        for flag in ["--help", "-h"] {
            let help = succeeds(name, &[flag], "");
            let kind = if name.ends_with("_udp") { "UDP" } else { "TCP" };
            let number = name[..2].trim_start_matches('0');
            let title = format!("Step {number}, {kind}: ");
            assert!(help.starts_with(&title), "{name}: {help}");
            assert!((5..=20).contains(&help.lines().count()), "{name}");
            let alone = format!("    cargo run --example {name}\n");
            let given = format!("    cargo run --example {name} -- ");
            assert!(help.contains(&alone), "{name}: {help}");
            assert!(help.contains(&given), "{name}: {help}");
        }
    }
}

static WRONG: [&[&str]; 11] = [
    &["8090"],
    &["127.0.0.1"],
    &["127.0.0.1:70000"],
    &["localhost"],
    &["localhost:http"],
    &["http://localhost:8090"],
    &["::1:8090"],
    &["--fast"],
    &["127.0.0.1:1", "127.0.0.1:2"],
    &["--lang", "de"],
    &["--lang"],
];

/// All of it for some, and one for each: they read the command line by the same code.
fn wrong_for(name: &str) -> &'static [&'static [&'static str]] {
    match CHAT.contains(&name) || ["01_create", "17_names", "18_deadline"].contains(&name) {
        true => &WRONG,
        false => &WRONG[..1],
    }
}

#[test]
fn a_bad_argument_is_2_with_usage() {
    for name in examples() {
        for arguments in wrong_for(name) {
            let (status, shown, errors) = run(name, arguments);
            assert_eq!((status, shown.as_str()), (2, ""), "{arguments:?}");
            assert!(errors.starts_with("error: "), "{errors}");
            let takes = match takes_names(name) {
                true => "[ADDRESS | NAME:PORT] [--lang en|zh]",
                false => "[ADDRESS] [--lang en|zh]",
            };
            let usage = format!("usage: cargo run --example {name} -- {takes}");
            assert!(errors.contains(&usage), "{errors}");
        }
    }
}

fn takes_names(name: &str) -> bool {
    name.starts_with("07_chat_") || name >= "17"
}

/// The others say in which step a name is looked up, and what to write meanwhile.
#[test]
fn a_name_is_taken_from_step_17_on_and_in_the_chat() {
    for name in examples() {
        if takes_names(name) {
            continue;
        }
        let (status, shown, errors) = run(name, &["localhost:8090"]);
        assert_eq!((status, shown.as_str()), (2, ""), "{name}");
        for word in ["step 17", "localhost write 127.0.0.1", "17_names -- NAME:PORT", "usage: "] {
            assert!(errors.contains(word), "{name}: {errors}");
        }
    }
}

/// A name that no system looks for, as a part of it is empty. That is no socket's error.
#[test]
fn a_name_that_nobody_has_is_told() {
    for name in examples().filter(|name| takes_names(name)) {
        let (status, shown, errors) = run(name, &["a..b:8090"]);
        assert_eq!((status, shown.as_str()), (1, ""), "{name}: {errors}");
        let begin = "error: to_socket_addrs a..b:8090: no address is known for this name";
        assert!(errors.starts_with(begin), "{name}: {errors}");
        assert!(errors.contains("  try: look how it is written"), "{name}: {errors}");
    }
}

/// An example that binds takes the first address of a name, and says which.
#[test]
fn a_name_is_where_an_example_runs() {
    let at: Vec<_> = "localhost:0".to_socket_addrs().into_iter().flatten().collect();
    if at.first().is_none_or(|first| TcpListener::bind(first).is_err()) {
        return skip("localhost is no address of this machine");
    }
    let told = match at.len() {
        1 => format!("resolver  lookup      localhost:0 is {}\n", at[0]),
        all => format!("resolver  lookup      localhost:0 is {}, the first of {all}\n", at[0]),
    };
    for name in ["19_two_writers", "26_cancelled"] {
        let (status, with_name, errors) = run(name, &["localhost:0"]);
        assert_eq!((status, errors.as_str()), (0, ""), "{name}");
        let (_, with_number, _) = run(name, &[&at[0].to_string()]);
        assert_eq!(with_name, told.clone() + &with_number, "{name}");
    }
}

/// What this machine is set to counts, unless an option says something else.
#[test]
fn the_language_is_the_machines_or_the_one_asked_for() {
    let help = |name: &str, set: &str, options: &[&str]| {
        let mut example = command(program(name));
        example.args(options).arg("--help").envs(set.split(' ').filter_map(|s| s.split_once('=')));
        let output = example.output().expect("it starts");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    for name in ["04_accept", "07_chat_client", "17_names"] {
        let [english, chinese] = [&["--lang", "en"], &["--lang", "zh"]].map(|o| help(name, "", o));
        assert_ne!(english, chinese, "{name}");
        for (set, options, wanted) in [
            ("", &[][..], &english),
            ("LANG=zh_CN.UTF-8", &[], &chinese),
            ("LANG=en_US.UTF-8 LC_ALL=zh_CN.UTF-8", &[], &chinese),
            ("LANG=zh_CN.UTF-8 LC_MESSAGES=C", &[], &english),
            ("LANG=zh_CN.UTF-8", &["--lang", "en"], &english),
            ("LANG=C", &["--lang=zh"], &chinese),
        ] {
            assert_eq!(&help(name, set, options), wanted, "{name}: {set} {options:?}");
        }
    }
}

/// Nothing is said in English that has a Chinese text. (What has none yet is
/// said in English, and that is all right.)
fn is_chinese(screen: &str) {
    static TEXTS: LazyLock<Vec<(String, String)>> = LazyLock::new(texts);
    let mut compared = 0;
    for (english, chinese) in TEXTS.iter() {
        // Between the values that are put into it.
        let words = english.split(['{', '}']).max_by_key(|words| words.len());
        let words = words.unwrap_or_default().trim();
        if words.matches(' ').count() > 1 && !chinese.contains(words) {
            assert!(!screen.contains(words), "{words:?}:\n{screen}");
            compared += 1;
        }
    }
    assert!(compared > 0, "nothing to look for");
}

/// Help, usage, and what is wrong with an argument.
#[test]
fn on_a_chinese_screen_no_english_line_is_left() {
    for (name, code) in examples().zip(["zh", "zh_CN", "zh-CN", "zh_CN.UTF-8"].iter().cycle()) {
        let lang = ["--lang", code];
        let help = succeeds(name, &[lang[0], lang[1], "--help"], "");
        is_chinese(&help);
        if CHAT.contains(&name) {
            let both = "-- 127.0.0.1:8090 --lang zh\n";
            assert!(help.contains(&format!("{name} {both}")), "{help}");
        }
        for wrong in wrong_for(name) {
            let arguments = [&lang[..], wrong].concat();
            let (status, shown, errors) = run(name, &arguments);
            assert_eq!((status, shown.as_str()), (2, ""), "{arguments:?}");
            assert!(errors.starts_with(&Lang::Zh.text("error")), "{errors}");
            let usage = format!(" cargo run --example {name} -- --help\n");
            assert!(errors.ends_with(&usage), "{errors}");
            is_chinese(&errors);
        }
    }
}

/// And what they print when all goes well.
#[test]
fn a_chinese_conversation_is_chinese() {
    let transcripts = files("examples/transcripts", "snap").into_iter();
    let chinese: Vec<_> = transcripts.filter(|(name, _)| name.ends_with("@zh")).collect();
    assert!(chinese.len() > 8, "{}", chinese.len());
    chinese.iter().for_each(|(_, transcript)| is_chinese(transcript));
}

/// As [`fails`], in Chinese.
fn fails_in_chinese(name: &str, address: SocketAddr, call: &str, words: &str) {
    let address = address.to_string();
    let (status, shown, errors) = run(name, &[&address, "--lang", "zh"]);
    assert_eq!(status, 1, "{name}: {errors}");
    is_chinese(&(shown + &errors));
    let [error, why, cure] = ["error", "why", "try"].map(|word| Lang::Zh.text(word));
    let begin = format!("{error}: {call} {address}: {}", Lang::Zh.text(words));
    assert!(errors.starts_with(&begin), "{name}: no {begin:?} in {errors}");
    // (The second one quotes the example.)
    let lines: Vec<_> = errors.lines().collect();
    assert_eq!(lines.len(), 4, "{name}: {errors}");
    assert!(lines[1].ends_with(['?', ';', ',']), "{name}: {errors}");
    assert!(lines[2].starts_with(&format!("  {why}: ")), "{name}: {errors}");
    assert!(lines[3].starts_with(&format!("  {cure}: ")), "{name}: {errors}");
}

#[test]
fn a_failure_is_told_in_chinese_too() {
    let stream = TcpListener::bind("127.0.0.1:0").expect("a port");
    let datagram = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let taken = stream.local_addr().expect("an address");
    let foreign = SocketAddr::from(([192, 0, 2, 1], 8090));
    let in_use = in_words(&ErrorKind::AddrInUse.into());
    let not_ours = in_words(&ErrorKind::AddrNotAvailable.into());
    fails_in_chinese("07_chat_server", taken, "bind", &in_use);
    fails_in_chinese("04_accept", taken, "bind", &in_use);
    fails_in_chinese("07_chat_server", foreign, "bind", &not_ours);
    let taken = datagram.local_addr().expect("an address");
    fails_in_chinese("07_chat_server_udp", taken, "bind", &in_use);
    let (_closed, there) = closed_tcp_port();
    let refused = in_words(&ErrorKind::ConnectionRefused.into());
    fails_in_chinese("07_chat_client", there, "connect_timeout", &refused);
    // Nobody answers: it tries again, and gives up.
    let late = in_words(&ErrorKind::TimedOut.into());
    fails_in_chinese("07_chat_client_udp", taken, "exchange", &late);
}

/// Runs an example that must fail: status 1, and words on standard error.
fn fails(name: &str, address: SocketAddr, words: &[&str]) {
    let (status, _, errors) = run(name, &[&address.to_string()]);
    assert_eq!(status, 1, "{name}: {errors}");
    assert!(errors.contains(&address.to_string()), "{name}: {errors}");
    for word in words.iter().chain(&["error: ", "why: ", "try: "]) {
        assert!(errors.contains(word), "{name}: no {word:?} in {errors}");
    }
    for word in ["panicked", "Os {"] {
        assert!(!errors.contains(word), "{name}: {errors}");
    }
}

/// Elsewhere these two say that they are for Linux, and bind nothing.
fn binds_here(name: &&str) -> bool {
    cfg!(target_os = "linux") || !["25_edge", "17_one_port_twice"].contains(name)
}

#[test]
fn an_address_that_is_taken_is_told() {
    let stream = TcpListener::bind("127.0.0.1:0").expect("a port");
    let datagram = UdpSocket::bind("127.0.0.1:0").expect("a port");
    for name in servers().filter(binds_here) {
        let taken =
            if name.ends_with("_udp") { datagram.local_addr() } else { stream.local_addr() };
        let words = in_words(&ErrorKind::AddrInUse.into());
        fails(name, taken.expect("an address"), &["bind", &words]);
    }
}

/// One of no machine: RFC 5737 keeps it for examples. (Wine binds any with UDP.)
#[test]
fn an_address_that_is_not_ours_is_told() {
    let foreign = SocketAddr::from(([192, 0, 2, 1], 8090));
    for name in servers().filter(binds_here) {
        fails(name, foreign, &["bind", &in_words(&ErrorKind::AddrNotAvailable.into())]);
    }
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let (_closed, there) = closed_tcp_port();
    let refused = in_words(&ErrorKind::ConnectionRefused.into());
    for name in ["04_connect", "07_chat_client", "25_keyboard"] {
        fails(name, there, &["connect", &refused, "start the other end first"]);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_udp_server_that_is_not_there_is_told() {
    let (_closed, there) = crate::support::closed_udp_port();
    fails("04_connect_udp", there, &["recv", &in_words(&ErrorKind::ConnectionRefused.into())]);
}

/// `... | head -1`: the reader of the transcript leaves early.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
#[cfg(unix)]
fn a_closed_standard_output_is_no_panic() {
    use std::process::Stdio;
    use std::thread::{Builder, scope};

    use crate::machine::{launch, program, spawn};

    scope(|scope| {
        for name in crate::transcripts::LESSONS {
            // (The name of the thread is in the message when it panics.)
            let thread = Builder::new().name((*name).to_owned());
            let started = thread.spawn_scoped(scope, move || {
                for argument in [None, Some("--help")] {
                    let mut example = launch(program(name));
                    example.args(argument).stdout(Stdio::piped()).stderr(Stdio::piped());
                    let mut child = spawn(&mut example);
                    drop(child.stdout.take());
                    let output = child.wait_with_output().expect("a status");
                    let errors = String::from_utf8_lossy(&output.stderr);
                    assert_eq!(errors, "", "{name}");
                    assert!(output.status.success(), "{name}");
                }
            });
            started.expect("a thread");
        }
    });
}

/// A full disk: what is missing is told, and the exit status is no success.
#[test]
#[cfg(target_os = "linux")]
fn a_transcript_that_cannot_be_written_is_told() {
    use std::fs::File;
    use std::process::Stdio;

    use crate::machine::{launch, program, spawn};

    for (name, argument) in [("04_accept", None), ("01_create", Some("-h"))] {
        let full = File::options().write(true).open("/dev/full");
        let mut example = launch(program(name));
        example.args(argument).stdout(full.expect("/dev/full")).stderr(Stdio::piped());
        let output = spawn(&mut example).wait_with_output().expect("a status");
        assert_eq!(output.status.code(), Some(1), "{name}");
        let errors = String::from_utf8_lossy(&output.stderr);
        let begin = "error: standard output: no storage space\n";
        assert!(errors.starts_with(begin), "{name}: {errors}");
        assert_eq!(errors.matches("error:").count(), 1, "once: {errors}");
    }
}
