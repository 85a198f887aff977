//! "Break it": each change that the book suggests is applied to a copy of its
//! example, compiled and run, and what comes of it is compared.
//!
//! A change is `examples/changes/EXAMPLE.NAME.patch`: a diff, and ahead of it
//! what there is to know for running it, a line each (or none):
//!
//! - `with: 127.0.0.1:CLOSED`: the arguments. Nobody is at that port.
//! - `it waits`: forever. It is ended when that has been seen.
//! - `it goes on`: forever, at full speed. It is ended after some lines.
//! - `a client`: it is the chat's server, and what its client shows counts; or
//!   `two clients`: what the second one shows.
//! - `type: ...`: it is the chat's server, and its client is this command.
//! - `number differs`: one with seven or eight digits does, from machine to machine.
//! - `it stays the same`: as without the change.
//!
//! What comes of it is `examples/changes/EXAMPLE.NAME.snap`: what the compiler
//! says, what is printed, how it ends. The chat's programs have a second one,
//! `EXAMPLE.NAME.zh.snap`: in Chinese.
//!
//! All of them take a minute, so plain `cargo test` only looks whether each
//! patch still fits.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use socket_steps::chat::Lang;

use crate::chat::LANGS;
use crate::hostile_linux::ticks;
use crate::machine::{command, has, launch, program, side_by_side};
use crate::patched::{
    Lines, Program, build_all, numbers_fit, original, patched, program_name, titles,
};
use crate::support::{
    TRANSCRIPTS, Terminal, assert_snapshot, closed_tcp_port, closed_udp_port, numbered, regex,
    snapshot, source, top,
};

/// Who prints nothing for so long, and does nothing, waits.
const QUIET: Duration = Duration::from_secs(3);
/// A program that neither ends nor waits as it should is ended then.
const LIMIT: Duration = Duration::from_secs(90);
/// So many lines are enough of a program that goes on forever.
const ENOUGH: usize = 12;
/// How many run at a time: most of them wait.
const AT_A_TIME: usize = 8;

/// What a header can say (see above).
const HEADER: [&str; 8] = [
    "with",
    "it waits",
    "it goes on",
    "a client",
    "two clients",
    "type",
    "number differs",
    "it stays the same",
];

pub struct Change {
    /// `EXAMPLE.NAME`
    pub title: String,
    pub example: String,
    header: Vec<String>,
    /// The changed text of the example.
    pub text: String,
}

fn folder() -> PathBuf {
    top().join("examples/changes")
}

/// All of them.
pub fn all() -> Vec<Change> {
    let changes = titles(&folder(), ".patch").into_iter().map(Change::read);
    let changes: Result<Vec<_>, _> = changes.collect();
    changes.expect("every change fits")
}

impl Change {
    fn read(title: String) -> Result<Self, String> {
        let example = original(&title).to_owned();
        let path = folder().join(format!("{title}.patch"));
        let (header, text) = patched(&path, &source(&example))?;
        Ok(Self { title, example, header, text })
    }

    /// The name of what comes of it in this language; or in the only one.
    fn outcome(&self, lang: &str) -> String {
        let end = if lang == "en" { "" } else { ".zh" };
        format!("{}{end}", self.title)
    }

    /// The languages that its programs speak.
    fn langs(&self) -> Vec<&'static str> {
        let all = LANGS.into_iter().map(|(lang, _)| lang);
        let is_chat = self.example.starts_with("07_chat");
        all.filter(|lang| is_chat || *lang == "en").collect()
    }

    pub fn says(&self, words: &str) -> bool {
        self.header.iter().any(|line| line == words)
    }

    pub fn argument(&self, key: &str) -> Option<&str> {
        self.header.iter().find_map(|line| line.strip_prefix(key))
    }

    /// Its program.
    pub fn program(&self) -> PathBuf {
        BUILT.0.join(program_name(&self.title))
    }

    /// What the compiler says of it.
    fn warnings(&self) -> &[String] {
        BUILT.1.get(&program_name(&self.title)).map_or(&[], Vec::as_slice)
    }
}

/// All the changed examples, built once for all tests: where their programs
/// are, and what the compiler says of each.
static BUILT: LazyLock<(PathBuf, BTreeMap<String, Vec<String>>)> = LazyLock::new(build);

/// What the manifest of changed examples says that they need.
pub fn needs() -> String {
    let mut needs = format!(
        "socket2 = \"*\"\nsocket-steps = {{ path = {:?} }}\n",
        top().canonicalize().expect("a path")
    );
    // And what some examples of Part 4 need.
    let many = fs::read_to_string(top().join("examples/many_clients/Cargo.toml"));
    for line in many.expect("a manifest").lines() {
        if ["mio =", "rustix =", "tokio ="].iter().any(|name| line.starts_with(name)) {
            needs += &format!("{line}\n");
        }
    }
    needs
}

fn build() -> (PathBuf, BTreeMap<String, Vec<String>>) {
    let programs = all().into_iter();
    let programs: Vec<_> =
        programs.map(|change| Program { title: change.title, text: change.text }).collect();
    let (programs, output) = build_all("changes", &needs(), Lines::Known, &programs);
    let mut warnings = BTreeMap::<_, Vec<_>>::new();
    for line in output.lines() {
        // PROGRAM/EXAMPLE.rs:LINE:COLUMN: warning: ...
        let parts: Vec<_> = line.splitn(4, ':').collect();
        if let [path, _, _, words] = parts[..] {
            let program = path.split('/').next().expect("a folder");
            // What it suggests differs from one Rust to the next.
            let words = words.split(": help:").next().expect("words");
            let words = words.trim().to_owned();
            warnings.entry(program.to_owned()).or_default().push(words);
        }
    }
    // Nor is their order the same in each Rust.
    warnings.values_mut().for_each(|warnings| warnings.sort());
    (programs, warnings)
}

/// How a program was left.
#[derive(Debug, PartialEq)]
enum End {
    Ended(Option<i32>),
    Waits,
    GoesOn,
    TooLate,
}

/// Starts a program in a terminal that shows its errors as well.
fn start(program: &Path, arguments: &str) -> Terminal {
    let mut shell = launch("sh");
    shell.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(program);
    Terminal::open(shell.args(arguments.split_whitespace()).env("RUST_BACKTRACE", "0"))
}

/// Watches a program until it ends, or is seen to wait or to go on forever.
fn watch(terminal: &mut Terminal, change: &Change) -> End {
    let start = Instant::now();
    let (mut quiet, mut before) = (start, 0);
    while start.elapsed() < LIMIT {
        let new = terminal.lines_within(Duration::from_millis(20));
        if let Some(status) = terminal.status() {
            terminal.lines_within(LIMIT);
            return End::Ended(status.code());
        }
        if change.says("it goes on") && new > 100 {
            return End::GoesOn;
        }
        // In tenths of a second: a program that asks now and then waits.
        let used = ticks(terminal.id()) / 10;
        if new > 0 || used != before {
            (before, quiet) = (used, Instant::now());
        } else if change.says("it waits") && quiet.elapsed() > QUIET {
            return End::Waits;
        }
    }
    End::TooLate
}

fn exit_status(lang: &str) -> &'static str {
    if lang == "en" { "exit status" } else { "退出状态" }
}

/// Runs a changed example by itself.
fn alone(change: &Change, lang: &str, program: &Path) -> String {
    let ((_tcp, over_tcp), (_udp, over_udp)) = (closed_tcp_port(), closed_udp_port());
    let closed = if change.example.ends_with("_udp") { over_udp } else { over_tcp };
    let port = closed.port().to_string();
    let mut arguments = change.argument("with: ").unwrap_or_default().replace("CLOSED", &port);
    if lang != "en" {
        arguments += &format!(" --lang {lang}");
    }
    let mut terminal = start(program, &arguments);
    let end = watch(&mut terminal, change);
    let mut shown = terminal.shown().to_owned();
    if end == End::GoesOn {
        let lines: Vec<_> = shown.lines().take(ENOUGH).collect();
        shown = lines.join("\n") + "\n";
    }
    let endless = change.says("it waits") || change.says("it goes on");
    assert_eq!(endless, matches!(end, End::Waits | End::GoesOn), "{end:?}");
    shown += &match end {
        End::Ended(Some(0)) => String::new(),
        End::Ended(Some(status)) => format!("({} {status})\n", exit_status(lang)),
        End::Waits => "(and waits: ended with Ctrl-C)\n".to_owned(),
        End::GoesOn => "(and so on: ended with Ctrl-C)\n".to_owned(),
        end => format!("({end:?})\n"),
    };
    // Without the change, something else is shown.
    let same = change.says("it stays the same");
    if same || change.header.is_empty() {
        let plain = snapshot(TRANSCRIPTS, &change.example);
        assert_eq!(same, plain == numbered(&shown), "{}: {shown}", change.title);
    }
    shown
}

/// Runs a changed server of the chat, and its clients; gives what they show.
fn with_clients(change: &Change, lang: &str, server: &Path) -> String {
    let (words, waits) = match lang {
        "en" => (Lang::En, "(and waits, until the first client types quit)"),
        _ => (Lang::Zh, "(在等待, 直到第一个客户端输入 quit)"),
    };
    let received = &words.reply("");
    let mut server = start(server, &format!("127.0.0.1:0 --lang {lang}"));
    let address = server.wait_for("nc 127.0.0.1 ");
    let port = address.split(' ').next_back().expect("a port");
    let arguments = format!("127.0.0.1:{port} --lang {lang}");
    let client = || start(Path::new(program("07_chat_client")), &arguments);

    if let Some(typed) = change.argument("type: ") {
        let mut shell = command("sh");
        let typed = shell.args(["-c", &typed.replace("8090", port)]).output().expect("sh");
        return String::from_utf8(typed.stdout).expect("UTF-8") + "\n";
    }
    if change.says("two clients") {
        let mut first = client();
        first.wait_for(received);
        let mut second = client();
        assert_eq!(watch(&mut second, change), End::Waits);
        let waiting = second.shown().to_owned();
        first.type_line("quit");
        second.wait_for(received);
        let after = second.shown()[waiting.len()..].to_owned();
        return format!("{waiting}{waits}\n{after}");
    }
    let mut client = client();
    let end = watch(&mut client, change);
    assert_eq!(end, End::Ended(Some(1)), "{}", change.title);
    format!("{}({} 1)\n", client.shown(), exit_status(lang))
}

fn what_comes_of(change: &Change, lang: &str) -> String {
    let output = match change.example.as_str() {
        "07_chat_server" => with_clients(change, lang, &change.program()),
        _ => alone(change, lang, &change.program()),
    };
    let mut all = change.warnings().join("\n");
    if !all.is_empty() {
        all += "\n\n";
    }
    // A panic: newer Rust tells the number of the thread.
    let output = regex(r"thread 'main' \(\d+\)").replace_all(&output, "thread 'main'");
    all += &numbered(&output.replace(&format!("{}/", program_name(&change.title)), ""));
    if change.says("number differs") {
        let is_number = |word: &str| word.parse::<u64>().is_ok();
        let words = all.split(' ').map(|word| match word {
            "8000000" | "20000000" => word,
            _ if [7, 8].contains(&word.len()) && is_number(word) => "MORE",
            _ => word,
        });
        all = words.collect::<Vec<_>>().join(" ");
    }
    all
}

/// Quick, so that plain `cargo test` tells who changes an example.
#[test]
fn every_change_still_fits() {
    let (changes, old): (Vec<_>, Vec<_>) =
        titles(&folder(), ".patch").into_iter().map(Change::read).partition(Result::is_ok);
    let old: String = old.into_iter().filter_map(Result::err).collect();
    assert_eq!(old, "");
    let mut outcomes = Vec::new();
    for change in changes.into_iter().flatten() {
        outcomes.extend(change.langs().iter().map(|lang| change.outcome(lang)));
        let path = folder().join(format!("{}.patch", change.title));
        assert_eq!(numbers_fit(&path, &source(&change.example)), Ok(()));
        let typed = change.argument("type: ").is_some() || change.says("two clients");
        let same = change.text == source(&change.example);
        let other = typed || change.argument("with: ").is_some();
        assert!(!same || other, "{}: what does it change?", change.title);
        assert!(same || !typed, "{}: this is about the program as it is", change.title);
        for line in &change.header {
            let words = line.split(": ").next().expect("a word");
            assert!(HEADER.contains(&words), "{}: {line}", change.title);
        }
    }
    outcomes.sort();
    assert_eq!(titles(&folder(), ".snap"), outcomes);
}

#[test]
#[ignore = "takes a minute: cargo test --test steps -- --ignored book"]
fn changes() {
    let mut changes = all();
    assert!(changes.len() > 50, "only {}", changes.len());
    if !has(&["nc"]) {
        changes.retain(|change| change.argument("type: ").is_none());
    }
    LazyLock::force(&BUILT);

    // Those that take long begin first.
    let in_langs = |change| {
        let langs = Change::langs(change).into_iter();
        langs.map(move |lang| (change, lang))
    };
    let mut left: Vec<_> = changes.iter().flat_map(in_langs).collect();
    let long = ["16_one_at_a_time", "16_thread_pool", "07_chat_server"];
    left.sort_by_key(|(change, _)| long.contains(&change.example.as_str()));
    let is_in_the_book = |(change, lang): &(&Change, &str)| {
        let output = what_comes_of(change, lang);
        assert_snapshot("changes", &change.outcome(lang), &output);
    };
    let failed = side_by_side(left, AT_A_TIME, is_in_the_book);
    // Once more, and alone: how much the buffers take depends on how busy the kernel is.
    let failed = side_by_side(failed, 1, is_in_the_book);
    let failed = failed.iter().map(|(change, lang)| change.outcome(lang));
    let failed: Vec<_> = failed.collect();
    assert!(failed.is_empty(), "not as these say: {failed:?}");
}
