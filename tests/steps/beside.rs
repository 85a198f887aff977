//! `cargo trace` beside tcpdump and strace: no packet and no call more or less.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::machine::{command, missing, program, tool};
use crate::support::regex;
use crate::timelines::trace;

/// Without those whose number of calls or packets depends on the time.
const EXAMPLES: [&str; 14] = [
    "03_listen",
    "03_listen_udp",
    "04_accept",
    "04_accept_udp",
    "04_connect",
    "04_connect_udp",
    "05_send_recv",
    "05_send_recv_udp",
    "06_close",
    "06_close_udp",
    "08_address_in_use",
    "09_glued_messages",
    "12_peer_gone",
    "12_peer_gone_reset",
];

/// tcpdump as root wants to become another user, which a namespace has not.
pub const NOT_ROOT: [&str; 4] = ["-Un", "--map-user=1000", "--map-group=1000", "--keep-caps"];

/// In a namespace: tcpdump, with these options (its file is $1), watches while `cargo trace` (the
/// other arguments) runs. In its file the last datagram, which has `last` in it, says that it has
/// seen all. It gets room, or it loses some.
pub fn beside_tcpdump(options: &str, last: &str) -> String {
    format!(
        r#"
ip link set lo up || exit
file=$1
shift
tcpdump -n --immediate-mode -B 32768 {options} 2>"$file.log" &
for i in $(seq 200); do grep -q listening "$file.log" && break; sleep 0.02; done
"$@"
status=$?
echo that is all >/dev/udp/127.0.0.1/9
for i in $(seq 200); do grep -qa '{last}' "$file" && break; sleep 0.02; done
kill %1; wait
exit $status
"#
    )
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn tcpdump_sees_the_same_packets_in_the_same_run() {
    for name in EXAMPLES {
        let Some((status, timeline)) = watched(&["--", program(name)]) else { return };
        assert_eq!(status, 0, "{timeline}");
        assert!(timeline.contains("  packet ") || name.starts_with('0'), "{timeline}");
    }
}

/// Runs `cargo trace` beside tcpdump, which must see the same packets. Gives its exit status and
/// what it printed; `None`: it cannot be done here.
pub fn watched(arguments: &[&str]) -> Option<(i32, String)> {
    watch(arguments, true)
}

/// The same, for several threads: what two processors send at a time, two watchers may see in
/// another order.
pub fn watched_in_any_order(arguments: &[&str]) -> Option<(i32, String)> {
    watch(arguments, false)
}

fn watch(arguments: &[&str], in_order: bool) -> Option<(i32, String)> {
    let folder = tempdir().expect("a folder");
    watch_into(&folder.path().join("packets"), arguments, in_order)
}

/// The same, and keeps what tcpdump has written.
pub fn watch_into(file: &Path, arguments: &[&str], in_order: bool) -> Option<(i32, String)> {
    let mut watched = command("unshare");
    let script =
        beside_tcpdump(r#"-i lo -U --time-stamp-precision=nano -s 200 -w "$file""#, "that is all");
    watched.args(NOT_ROOT).args(["bash", "-c", &script, "bash"]).arg(file);
    let run = watched.arg(tool("trace")).arg("--inside").args(arguments).output();
    let run = run.expect("it starts");
    let errors = String::from_utf8_lossy(&run.stderr);
    let log = fs::read_to_string(file.with_extension("log"));
    if !log.is_ok_and(|log| log.contains("listening on")) {
        missing(&format!("no namespace, or no tcpdump: {errors}"));
        return None;
    }
    let timeline = String::from_utf8_lossy(&run.stdout).into_owned();
    let capture = command("tcpdump").args(["-n", "-t", "-r"]).arg(file).output();
    let capture = capture.expect("it starts");
    let capture = String::from_utf8_lossy(&capture.stdout);
    let (mut ours, mut theirs) = (packets(&timeline), captured(&capture));
    if !in_order {
        ours.sort();
        theirs.sort();
    }
    assert_eq!(ours, theirs, "{arguments:?}\n{timeline}\n{capture}\n{errors}");
    Some((run.status.code().expect("no signal"), timeline))
}

/// Both ends, numbered in the order in which they appear; flags; length.
pub type Seen = (usize, usize, String, usize);

fn numbered(port: &str, ports: &mut Vec<String>) -> usize {
    let place = ports.iter().position(|one| one == port);
    place.unwrap_or_else(|| {
        ports.push(port.to_owned());
        ports.len() - 1
    })
}

/// The packets of a timeline.
pub fn packets(timeline: &str) -> Vec<Seen> {
    let pattern = regex(
        r"^  packet    (\S+) -> (\S+)  ([A-Z ]+|datagram|ICMP: .*?)(?:, again)?(?:, (?:lost|late|twice))?(?:  (\d+) bytes?.*)?$",
    );
    let mut ports = vec![];
    let lines = timeline.lines().filter(|line| line.starts_with("  packet"));
    lines
        .map(|line| {
            let fields = pattern.captures(line).expect(line);
            let ends = [&fields[1], &fields[2]].map(|port| numbered(port, &mut ports));
            let length =
                fields.get(4).map_or(0, |length| length.as_str().parse().expect("a number"));
            let flags = match &fields[3] {
                icmp if icmp.starts_with("ICMP") => "ICMP",
                flags => flags.trim_end(),
            };
            (ends[0], ends[1], flags.to_owned(), length)
        })
        .collect()
}

/// The packets of tcpdump, up to the last datagram.
pub fn captured(text: &str) -> Vec<Seen> {
    let pattern = regex(concat!(
        r"^IP6? (\S+\.\d+) > (\S+\.\d+): ",
        r"(?:Flags \[([A-Z.]+)\].* length (\d+)|UDP, length (\d+))",
        r"|^IP 127\.0\.0\.1 > 127\.0\.0\.1: ICMP 127\.0\.0\.1 udp port (\d+) unreachable",
    ));
    let mut ports = vec![];
    let mut last = (0, 0);
    let lines = text.lines().take_while(|line| !line.contains("127.0.0.1.9: "));
    lines
        .map(|line| {
            let fields = pattern.captures(line).expect(line);
            if fields.get(6).is_some() {
                // The answer to the datagram before it.
                return (last.1, last.0, "ICMP".to_owned(), 0);
            }
            let ends = [&fields[1], &fields[2]].map(|port| numbered(port, &mut ports));
            last = (ends[0], ends[1]);
            let length = fields.get(4).or(fields.get(5)).expect("a length");
            let flags = fields.get(3).map_or("datagram".to_owned(), |letters| {
                let names = letters.as_str().chars().map(|letter| match letter {
                    'F' => "FIN",
                    'S' => "SYN",
                    'R' => "RST",
                    'P' => "PSH",
                    'U' => "URG",
                    _ => "ACK",
                });
                names.collect::<Vec<_>>().join(" ")
            });
            let length = length.as_str().parse().expect("a number");
            (last.0, last.1, flags, length)
        })
        .collect()
}

/// In a namespace: strace alone, with its output in a file ($1).
const PLAIN: &str = r#"
ip link set lo up || exit
exec strace -f -q -e signal=none -o "$1" "$2" >/dev/null
"#;

/// strace can watch a program only once. But these programs do the same in every run.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn strace_alone_sees_the_same_calls() {
    for name in EXAMPLES {
        let folder = tempdir().expect("a folder");
        let file = folder.path().join("calls");
        let mut plain = command("unshare");
        plain.args(["-Urn", "sh", "-c", PLAIN, "sh"]).arg(&file).arg(program(name));
        let run = plain.output().expect("it starts");
        if !run.status.success() {
            let errors = String::from_utf8_lossy(&run.stderr);
            return missing(&format!("no namespace, or no strace: {errors}"));
        }
        let text = fs::read_to_string(&file).expect("what strace wrote");
        let arguments = ["--", program(name)];
        let Some(timeline) = trace(&arguments, "") else {
            return;
        };
        assert_eq!(calls(&timeline), traced(&text), "{name}\n{timeline}\n{text}");
    }
}

/// The calls of a timeline: name and result, a descriptor as `FD`.
fn calls(timeline: &str) -> Vec<(String, String)> {
    let mut calls = vec![];
    // Its packets stand between a call and its result.
    let mut open = None;
    for line in timeline.lines() {
        let (name, result) = match (line.strip_prefix("  call    "), &open) {
            (Some(note), None) if note.starts_with('(') => continue,
            (Some(line), None) => {
                let (name, _) = line.split_once('(').expect(line);
                if line.ends_with(") ...") {
                    open = Some(name);
                    continue;
                }
                (name, line.rsplit_once(") = ").expect(line).1)
            }
            (Some(line), Some(name)) => unreachable!("{name} has not returned: {line}"),
            (None, Some(name)) => {
                let Some(line) = line.strip_prefix("  result  ") else { continue };
                let (name, result) = (*name, line.strip_prefix(&format!("{name} = ")));
                open = None;
                (name, result.expect(line))
            }
            (None, None) => continue,
        };
        let (result, _) = result.split_once(" (").unwrap_or((result, ""));
        let result = if result.starts_with("FD") { "FD" } else { result };
        calls.push((name.to_owned(), result.to_owned()));
    }
    calls
}

/// The calls on sockets in what strace wrote: of all calls of the program,
/// those whose first argument is the descriptor of a socket.
fn traced(text: &str) -> Vec<(String, String)> {
    let pattern = regex(r"^\d+ +(\w+)\((\d*)(.*)\) += (-1 (\w+)|\S+)");
    let mut sockets = HashSet::new();
    let mut calls = vec![];
    for fields in text.lines().filter_map(|line| pattern.captures(line)) {
        let (name, descriptor) = (&fields[1], &fields[2]);
        let gives = name == "socket" || name.starts_with("accept");
        if name != "socket" && !sockets.contains(descriptor) {
            continue;
        }
        // See strace.rs of `cargo trace`.
        if name == "fcntl" && fields[3].ends_with("F_GETFD") {
            continue;
        }
        let result = match fields.get(5) {
            Some(error) => error.as_str(),
            None if gives => {
                sockets.insert(fields[4].to_owned());
                "FD"
            }
            None => &fields[4],
        };
        if name == "close" {
            sockets.remove(descriptor);
        }
        calls.push((name.to_owned(), result.to_owned()));
    }
    calls
}
