//! What `cargo trace` shows of each example.
//!
//! The files in `examples/timelines` hold it. It needs Linux, strace and a
//! network namespace; where one of them is missing, these tests say so and
//! pass, but not in CI.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{LazyLock, RwLock};
use std::{env, fs, thread};

use assert_cmd::Command;
use regex_lite::Regex;
use tempfile::tempdir;

use crate::machine::{beside_busy_loops, command, missing, program, tool};
use crate::names::is_as_recorded;
use crate::support::{assert_snapshot, regex, snapshot, top};

/// Of these, sizes and order are the kernel's own affair, or that of threads.
pub const DIFFERS: &[&str] = &[
    "10_short_write",
    "16_clean_stop",
    "16_one_at_a_time",
    "16_thread_pool",
    "17_one_port_twice",
    "18_deadline",
    "19_small_packets",
    "19_two_writers",
    "25_poll_server",
    "26_cancelled",
    "27_group_chat_poll",
    "27_group_chat_threads",
    "27_group_chat_tokio",
];

/// How often it asks for nothing is its lesson, and the same in each run.
pub const COUNTS: &str = "24_busy_loop";

/// Of these a busy machine may show another run.
pub const AGAIN: [&str; 5] =
    ["15_lost_datagrams_udp", "17_names", "18_silent_peer", "20_last_words", COUNTS];

/// One test per lesson, named by it.
macro_rules! lessons {
    ($($test:ident $name:literal)*) => {
        const LESSONS: &[&str] = &[$($name),*];
        $(
            #[test]
            #[ignore = "takes a while: see CONTRIBUTING.md"]
            fn $test() {
                let _together = ALONE.read();
                compare($name);
            }
        )*
    };
}

/// The programs of the chat need each other.
macro_rules! chat {
    ($($name:literal)*) => {};
}

include!("examples.in");

/// The last one is on two machines, and the client's greeting is lost.
const CHATS: [&str; 3] = ["07_chat", "07_chat_udp", "07_chat_lost"];

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn chats() {
    for name in CHATS {
        compare(name);
    }
}

/// The rounds run when nothing else does.
pub static ALONE: RwLock<()> = RwLock::new(());

/// `ROUNDS=200` for 200 of them.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn the_same_in_each_round_beside_busy_loops() {
    let rounds = env::var("ROUNDS").map_or(2, |rounds| rounds.parse().expect("a number"));
    let all: Vec<&str> = LESSONS.iter().chain(&CHATS).copied().collect();
    let _alone = ALONE.write();
    let next = AtomicUsize::new(0);
    let work = || {
        let compare_some = || {
            loop {
                let number = next.fetch_add(1, Relaxed);
                if number >= rounds * all.len() {
                    break;
                }
                let (round, name) = (number / all.len(), all[number % all.len()]);
                // 10,000 calls: some seconds each time.
                if name != "15_lost_datagrams_udp" || round % 10 == 0 {
                    compare(name);
                }
            }
        };
        thread::scope(|scope| {
            let workers = [(); 3].map(|()| scope.spawn(compare_some));
            assert!(workers.map(|worker| worker.join()).iter().all(Result::is_ok), "see above");
        });
    };
    beside_busy_loops(2, work);
}

/// Compares what `cargo trace` shows of an example, or of a chat, with the
/// file.
fn compare(name: &str) {
    let (programs, input) = match name {
        "07_chat" | "07_chat_lost" => (vec!["07_chat_server", "07_chat_client"], "hello\nquit\n"),
        "07_chat_udp" => (vec!["07_chat_server_udp", "07_chat_client_udp"], "hello\nquit\n"),
        lesson => (vec![lesson], ""),
    };
    let (options, address): (&[&str], _) = match name {
        "07_chat_lost" => (&["--apart", "--drop", "2"], Some("192.168.7.1:8090")),
        _ => (&[], None),
    };
    let mut arguments = [&["--code"], options].concat();
    for (number, program) in programs.into_iter().map(program).enumerate() {
        if number > 0 {
            arguments.push("--with");
        }
        arguments.extend(["--", program]);
        arguments.extend(address);
    }
    if !is_as_recorded(name) {
        return;
    }
    let Some(timeline) = trace(&arguments, input) else { return };
    let text = |timeline: String| settled_as(name, timeline);
    let mut timeline = text(timeline);
    if DIFFERS.contains(&name) {
        assert!(timeline.contains("  call    socket("), "{timeline}");
        return;
    }
    // 5000 datagrams: on a busy machine the kernel may hand one of them on only after the next
    // call, and then the run is another one. The chat's clients send again after a while, or look
    // whether the server is still there. Who asks in vain for ten seconds is ended. What is not
    // acknowledged, or whose window is full, is sent again after 200 ms. Once more.
    if AGAIN.contains(&name) || CHATS.contains(&name) {
        let expected = snapshot("timelines", name);
        for _ in 0..4 {
            if timeline == expected {
                break;
            }
            let again = trace(&arguments, input);
            timeline = text(again.expect("as the first time"));
        }
    }
    assert_snapshot("timelines", name, &timeline);
}

/// As it is recorded for this example.
pub fn settled_as(name: &str, timeline: String) -> String {
    match name {
        COUNTS => timeline,
        // Who comes second in a race is silent to the end of the program. When that takes longer
        // than a second, as on a busy machine, the kernel asks again. (Before there is a winner,
        // that would be another run.)
        "17_names" => {
            let again = concat!(
                r"(?m)^  call    \(the kernel, by itself\)\n|^  packet    .*  SYN, again\n|",
                r"^  \.\.\.     of this call, or of another at the same time:\n",
                r"  packet    .*  RST ACK\n",
            );
            let winner = timeline.find("\nclient    race ").unwrap_or(timeline.len());
            let (before, after) = timeline.split_at(winner);
            settled(&(before.to_owned() + &regex(again).replace_all(after, "")))
        }
        // Carl is sent his bytes for the third time when ben is asked, about a second after both:
        // which of the two comes first is a race of two timers.
        "18_silent_peer" => {
            let race = concat!(
                r"(?m)((?:^  packet    PORT1 -> PORT4  PSH ACK, again .*\n){2})",
                r"(^  packet    PORT1 -> PORT4  PSH ACK, again .*\n)",
                r"(^  packet    PORT1 -> PORT3  ACK\n(?:^  packet    PORT3 -> PORT1  ACK\n)?)",
            );
            settled(&regex(race).replace_all(&timeline, "$1$3$2"))
        }
        _ => settled(&timeline),
    }
}

/// Without what is the machine's own affair: how often a call asks for what is not there yet, and
/// how many datagrams find room.
pub fn settled(timeline: &str) -> String {
    // A runtime whose next timer is due looks only, and doesn't wait.
    let timeline =
        &*regex(r"(call    epoll_wait\(.*, )0(\) = )").replace_all(timeline, "${1}TIME$2");
    let nothing = ["= EAGAIN", "= ENOTCONN", "SO_ERROR, [0], [4]) = 0", "(Timeout)"];
    let asks = |line: &str| {
        let line = without_code(line);
        line.starts_with("  call") && nothing.iter().any(|end| line.trim_end().ends_with(end))
    };
    let lines: Vec<&str> = timeline.lines().collect();
    let mut kept: Vec<&str> = vec![];
    // Since the last line of the program.
    let mut asked: Vec<String> = vec![];
    for (at, line) in lines.iter().enumerate() {
        let next = lines.get(at + 1).unwrap_or(&"");
        let came = ["  packet", "  state", "  queue"].iter().any(|kind| next.starts_with(kind));
        if !line.starts_with("  ") {
            asked.clear();
        }
        let again = asked.contains(&without_code(line)) && !came;
        let how_often = line.starts_with("  ...") && at > 0 && asks(lines[at - 1]);
        if asks(line) {
            asked.push(without_code(line));
        }
        if !again && !how_often {
            kept.push(line);
        }
    }
    let often = regex(r"(call    recvfrom.*\n  \.\.\.     )\d+ times");
    often.replace_all(&(kept.join("\n") + "\n"), "${1}N times").into_owned()
}

/// A timeline without the lines of code.
pub fn without_code(timeline: &str) -> String {
    static CODE: LazyLock<Regex> = LazyLock::new(|| {
        regex(concat!(
            r"(?m)^  prints  \[[^\[\]]*:\d+\]\n|",
            r"^(  (?:call  |result)  .*?)  \[[^\[\]]*:\d+\]((?:  \[.*\])?)$"
        ))
    });
    CODE.replace_all(timeline, "$1$2").into_owned()
}

/// Says of each of them where it stands in the code: file and line, the call's name (or "prints").
pub fn code_in(timeline: &str) -> Vec<(String, usize, String)> {
    let code = regex(concat!(
        r"(?m)^  (?:(prints)|(?:call  |result)  (?:[^ (]+(?: \[\d+\])?: )?([a-z0-9_]+)(?:\(| = ).*)",
        r"  \[([^\[\]]*):(\d+)\]$"
    ));
    let place = |parts: regex_lite::Captures<'_>| {
        let call = parts.get(1).or(parts.get(2)).expect("one of them").as_str();
        (parts[3].to_owned(), parts[4].parse().expect("a number"), call.to_owned())
    };
    code.captures_iter(timeline).map(place).collect()
}

/// What stands in a line that makes a call. (Several calls of the kernel may be one of std's.)
const FITS: &[(&str, &[&str])] = &[
    ("prints", &["say(", "line("]),
    ("socket", &["Socket::new(", "TcpStream::connect", "TcpListener::bind(", "UdpSocket::bind("]),
    ("bind", &[".bind(", "TcpListener::bind(", "UdpSocket::bind("]),
    ("listen", &[".listen(", "TcpListener::bind("]),
    ("accept4", &[".accept()"]),
    ("connect", &[".connect(", ".connect_timeout(", "TcpStream::connect"]),
    ("poll", &["connect_timeout("]),
    ("ppoll", &["poll("]),
    ("epoll_pwait", &["epoll::wait("]),
    ("ioctl", &[".set_nonblocking(", "connect_timeout("]),
    (
        "fcntl",
        &[".set_nonblocking(", ".connect_timeout(", ".try_clone()", "enable_all()", "::from_std("],
    ),
    ("getsockname", &[".local_addr()"]),
    ("getpeername", &[".peer_addr()"]),
    (
        "getsockopt",
        &[
            ".r#type()",
            ".read_timeout()",
            ".keepalive()",
            ".tcp_user_timeout()",
            ".linger()",
            ".reuse_address()",
            ".take_error()",
            ".only_v6()",
            ".connect_timeout(",
            "TcpStream::connect",
        ],
    ),
    ("setsockopt", &[".set_", "TcpListener::bind(", ".attach_filter("]),
    ("sendto", &[".send(", ".send_to(", ".write(", ".write_all("]),
    (
        "recvfrom",
        &[
            ".recv(",
            ".recv_from(",
            ".read(",
            ".read_exact(",
            ".read_to_end(",
            "read_to_string(",
            ".peek(",
        ],
    ),
    ("shutdown", &[".shutdown("]),
    // Tokio: it makes its epoll, registers each socket there, and wakes its own thread.
    ("epoll_create1", &["enable_all()", "epoll::create("]),
    ("eventfd2", &["enable_all()"]),
    (
        "epoll_ctl",
        &[
            "}",
            "epoll::add(",
            "enable_all()",
            "::from_std(",
            ".accept()",
            "::connect",
            "block_on(",
            ".into_std()",
        ],
    ),
    ("epoll_wait", &["block_on("]),
    ("write", &["}", "timeout("]),
    // The end of a scope; what is not kept; what the lesson has handed back.
    (
        "close",
        &[
            "}",
            "drop",
            ".accept()",
            "::connect",
            "run(",
            ".spawn(move ||",
            "block_on(",
            "swap_remove(",
        ],
    ),
];

/// Whether a line is the one for a call: it has what makes it, and does nothing else.
pub fn fits(call: &str, code: &str) -> bool {
    let (_, words) = FITS.iter().find(|(name, _)| *name == call).expect(call);
    match call {
        "close" | "epoll_ctl" | "write" => {
            code.trim() == "}" || words[1..].iter().any(|word| code.contains(word))
        }
        _ => words.iter().any(|word| code.contains(word)),
    }
}

/// Each call in the timelines stands at a line that makes it, and each line that was printed at one
/// that prints. None is missing.
#[test]
fn each_call_is_at_its_line_of_code() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let differs = |name: &&&str| !DIFFERS.contains(*name);
    for name in LESSONS.iter().filter(differs).chain(&CHATS) {
        let timeline = snapshot("timelines", name);
        let places = code_in(&timeline);
        // As many as there are calls, and lines that were printed.
        let is_call = |line: &&str| {
            let call = ["  call    ", "  result  "].iter().find_map(|kind| line.strip_prefix(kind));
            match call {
                Some(call) => !call.starts_with('(') && !call.contains(": killed by "),
                None => !line.starts_with("  ") && !line.starts_with('('),
            }
        };
        assert_eq!(places.len(), timeline.lines().filter(is_call).count(), "{name}");
        for (file, number, call) in places {
            let code = fs::read_to_string(top().join("examples").join(&file)).expect(&file);
            let line = code.lines().nth(number - 1).expect("as many lines");
            assert!(fits(&call, line), "{name}: {call} is at {file}:{number}: {line}");
            let (call, _) = FITS.iter().find(|(other, _)| *other == call).expect("it");
            *seen.entry(call).or_default() += 1;
        }
    }
    let never = FITS.iter().find(|(call, _)| !seen.contains_key(call));
    assert!(never.is_none(), "{never:?}");
    // A line that is one away is none.
    let near = snapshot("timelines", "04_accept");
    let code = fs::read_to_string(top().join("examples/04_accept.rs")).expect("it");
    let lines: Vec<&str> = code.lines().collect();
    let wrong = code_in(&near).into_iter().filter(|(_, at, call)| fits(call, lines[*at]));
    assert_eq!(wrong.count(), 0, "the table lets too much pass");
}

/// With lines of code, the text is the same otherwise.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn lines_of_code_change_nothing_else() {
    for (options, name) in [
        (&["--all"][..], "06_close"),
        (&[], "04_connect_udp"),
        (&["--states"], "08_address_in_use"),
        (&["--packets"], "09_glued_messages"),
    ] {
        let run = |more: &[&str]| trace(&[options, more, &["--", program(name)]].concat(), "");
        let (Some(without), Some(with)) = (run(&[]), run(&["--code"])) else { return };
        assert_ne!(with, without, "{name}");
        assert_eq!(without_code(&with), without, "{name}");
    }
    // Both stand there, the line of code first; and a record has it again.
    let folder = tempdir().expect("a folder");
    let json = folder.path().join("record");
    let json = json.to_str().expect("UTF-8");
    let arguments = ["--code", "--time", "--json", json, "--", program("04_accept")];
    let Some(timeline) = trace(&arguments, "") else { return };
    let both =
        regex(r"(?m)^  call    bind\(.*\) = 0  \[04_accept\.rs:\d+\]  \[at [0-9.]+ s, took .*\]$");
    assert!(both.is_match(&timeline), "{timeline}");
    let again = trace(&["--code", "--time", "--from", json], "").expect("as before");
    assert_eq!(again, timeline);
    let without = trace(&["--time", "--from", json], "").expect("as before");
    assert_eq!(without_code(&timeline), without);
    let record = fs::read_to_string(json).expect("it");
    let file = fs::canonicalize(top().join("examples/04_accept.rs")).expect("it");
    let source = format!(r#""source":["{}","#, file.display());
    assert!(record.contains(&source), "{source}\n{record}");
}

/// The README quotes one.
#[test]
fn the_readme_quotes_a_timeline() {
    let readme = fs::read_to_string(top().join("README.md")).expect("it");
    let (_, quoted) = readme.split_once("cargo trace 04_accept\n").expect("it");
    let (_, quoted) = quoted.split_once("```text\n").expect("a block");
    let (quoted, _) = quoted.split_once("```").expect("its end");
    assert!(quoted.lines().count() > 5, "{quoted}");
    let timeline = without_code(&snapshot("timelines", "04_accept"));
    assert!(timeline.contains(quoted), "not in the timeline:\n{quoted}");
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_server_is_ended_when_its_client_has_gone() {
    let folder = tempdir().expect("a folder");
    let picture = folder.path().join("picture.svg");
    let svg = picture.to_str().expect("UTF-8");
    let server = program("07_chat_server");
    let client = program("07_chat_client");
    let arguments = ["--svg", svg, "--states", "--", server, "--with", "--", client];
    let Some(timeline) = trace(&arguments, "quit\n") else { return };
    let end = "\n(07_chat_server still waited in accept4(FD1), and was ended by SIGTERM)\n  \
               call    (07_chat_server: killed by SIGTERM)\n  \
               state     FD1, at 8090: LISTEN -> CLOSED\n";
    assert!(timeline.ends_with(end), "{timeline}");
    let picture = fs::read_to_string(picture).expect("the picture");
    assert!(picture.starts_with("<svg ") && picture.contains(">SYN ACK<"));
}

/// Exit status 2 and one line, for what is missing and for what is wrong.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn one_line_says_what_is_missing() {
    let folder = tempdir().expect("a folder");
    let bin = folder.path();
    let says = |arguments: &[&str], words: &str| {
        let output = command(tool("trace")).args(arguments).env("PATH", bin).output();
        let output = output.expect("it starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(errors.contains(words), "{words}: {errors}");
        assert!(output.stdout.is_empty());
    };
    says(&[], "which program?");
    says(&["--fault", "accept=2", "x"], "which error?");
    says(&["--fault", "accept=EMFILE:0", "x"], "which of the calls?");
    says(&["--fault", "open=EMFILE", "x"], "the call is one of socket,");
    for (name, package) in [("strace", "strace"), ("ip", "iproute2")] {
        let words = format!("cargo trace needs {name}: sudo apt install {package} ");
        says(&["04_accept"], &words);
        fs::write(bin.join(name), "").expect("a file");
    }
    says(&["no_such_example"], "no_such_example is no example");
    says(&["--", "04_accept"], "there is no program 04_accept");
}

/// In a namespace in which nobody can make another one.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn one_line_says_that_there_can_be_no_network() {
    const NO_MORE: &str = "cd /proc/sys/user && echo 0 >max_user_namespaces && \
                           echo 0 >max_net_namespaces && exec \"$@\"";
    let mut unshare = command("unshare");
    unshare.args(["-Ur", "sh", "-c", NO_MORE, "sh"]).arg(tool("trace")).args(["--", "/bin/true"]);
    let output = unshare.output().expect("it starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() != Some(2) {
        return missing(&errors);
    }
    let words = "cargo trace needs a network namespace of its own, and this system allows none \
                 (user.max_user_namespaces and user.max_net_namespaces are 0): sudo sysctl \
                 user.max_user_namespaces=1000 user.max_net_namespaces=1000";
    assert_eq!(errors.trim_end(), words);
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

/// Outside of the course, the examples of another project have their names, too; and it is what
/// cargo has just built that runs, wherever that is.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn the_program_that_cargo_has_built_is_traced() {
    let folder = tempdir().expect("a folder");
    let write = |file: &str, text: &str| {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write("Cargo.toml", "[package]\nname = \"other\"\nedition = \"2024\"\n[workspace]\n");
    write(".cargo/config.toml", "[build]\ntarget-dir = \"elsewhere\"\n");
    write("below/it.txt", "");
    // A program of the same name on the PATH is another one.
    write("bin/one", "");
    for (number, target) in [None, Some("relative")].into_iter().enumerate() {
        for name in ["one", "two"] {
            write(
                &format!("examples/{name}.rs"),
                &format!("fn main() {{ println!(\"{name}, {number}\") }}"),
            );
        }
        let mut tool = command(tool("trace"));
        tool.args(["one", "--with", "two"]).current_dir(folder.path().join("below"));
        let path = env::var_os("PATH").unwrap_or_default();
        let path = [folder.path().join("bin")].into_iter().chain(env::split_paths(&path));
        tool.env("PATH", env::join_paths(path).expect("a list"));
        match target {
            Some(target) => tool.env("CARGO_TARGET_DIR", target),
            None => tool.env_remove("CARGO_TARGET_DIR"),
        };
        let Some(timeline) = timeline(&mut tool) else { return };
        for name in ["one", "two"] {
            let line = format!("{name}: {name}, {number}\n");
            assert!(timeline.contains(&line), "{line}{timeline}");
        }
    }
}

/// What `cargo trace` prints; `None`: it cannot work here.
pub fn trace(arguments: &[&str], input: &str) -> Option<String> {
    timeline(command(tool("trace")).args(arguments).write_stdin(input))
}

fn timeline(tool: &mut Command) -> Option<String> {
    let output = tool.output().expect("it starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(2) && errors.contains(" needs ") {
        missing(&errors);
        return None;
    }
    // It ends as the program does, and says when it can't do its own work.
    assert!(errors.is_empty(), "{errors}");
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}
