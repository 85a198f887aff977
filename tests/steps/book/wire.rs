//! The page "Look at the wire yourself": each command that it shows is run, and what comes of it
//! compared with a file of `examples/wire`, which the page includes.
//!
//! Each test is in a network of its own: nobody else has its port 8090, and it
//! needs no root. Where a tool is missing, it says so and passes, but not in CI.
//!
//! `cargo test --test steps -- --ignored book`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::process::Command;
use std::{env, fs};

use regex_lite::Captures;

use crate::beside::NOT_ROOT;
use crate::machine::{command, has, launch, missing, program};
use crate::support::{Terminal, assert_snapshot, regex, top, within_limit};
use crate::timelines::trace;

const AT: &str = "127.0.0.1:8090";

/// What `ss` shows of an end that has received everything, and 0 bytes.
const READ_TO_THE_END: &str = "CLOSE-WAIT      0";

/// One of so many runs of 04_accept closes quickly. Nearly each does.
const RUNS: usize = 20;

/// Set in the network.
pub const INSIDE: &str = "SOCKET_STEPS_IN_A_NETWORK";

/// Runs `test`, which is the caller, once more in a network of its own, and `scene` there.
pub fn in_a_network(test: &str, tools: &[&str], scene: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
        assert!(up.expect("ip starts").success());
        return scene();
    }
    if !has(&["ip", "unshare"]) || !has(tools) {
        return;
    }
    let tried = command("unshare").args(NOT_ROOT).arg("true").output().expect("it starts");
    if !tried.status.success() {
        let why = String::from_utf8_lossy(&tried.stderr);
        return missing(&format!("no network of one's own: {why}"));
    }
    let this = env::current_exe().expect("a path");
    // There is no limit to it: every wait in there has one.
    let mut run = launch("unshare");
    run.args(NOT_ROOT).arg(this).args([test, "--exact", "--ignored", "--nocapture"]);
    let run = run.env(INSIDE, "1").output().expect("it starts");
    let shown = [&run.stdout, &run.stderr].map(|o| String::from_utf8_lossy(o));
    let ran = run.status.success() && shown[0].contains("1 passed");
    assert!(ran, "{}", shown.concat());
}

/// What a program prints that succeeds.
fn stdout(command: &mut assert_cmd::Command) -> String {
    let run = command.assert().success();
    String::from_utf8(run.get_output().stdout.clone()).expect("UTF-8")
}

fn is_in_the_book(name: &str, shown: &str) {
    assert!(shown.lines().count() > 1, "{name}: {shown}");
    assert_snapshot("wire", name, shown);
}

/// And a server that is not an example.
#[test]
#[ignore = "runs what the book shows"]
fn cargo_trace() {
    let packets = ["--packets", "--", program("04_accept")];
    if let Some(timeline) = trace(&packets, "") {
        is_in_the_book("trace_packets", &timeline);
    }
    if has(&["python3"]) {
        let server = "import socket; socket.create_server(('127.0.0.1', 0))";
        let calls = ["--calls", "--", "python3", "-c", server];
        let Some(timeline) = trace(&calls, "") else { return };
        assert!(timeline.contains("SO_REUSEADDR, [1]"), "{timeline}");
    }
}

#[test]
#[ignore = "runs what the book shows"]
fn strace() {
    in_a_network("book::wire::strace", &["strace"], || {
        // As a terminal shows it: what the program prints is among its calls.
        // Who started the tests may have left descriptors open.
        let shell = "exec 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
            exec strace -f -e trace=%network,close \"$0\"";
        let shown = stdout(command("sh").args(["-c", shell, program("04_accept")]));
        // Ahead of it, the libraries are loaded.
        let first = shown.find("socket(").expect(&shown);
        is_in_the_book("strace", &plain(&shown[first..]));
    });
}

/// 06_close and `nc`: their packets, and the table after each of the closes.
#[test]
#[ignore = "runs what the book shows"]
fn tcpdump_and_ss_of_a_close() {
    let tools = ["tcpdump", "nc", "ss"];
    in_a_network("book::wire::tcpdump_and_ss_of_a_close", &tools, || {
        let mut tcpdump = tcpdump("tcp port 8090");
        let mut server = Terminal::start("06_close", &[AT]);
        server.invited_to();
        let mut client = nc(&[]);
        server.wait_for("waits for a line");
        // The server's end: FIN, and the acknowledgement of it.
        tcpdump.wait_for("[F.], seq 8,");
        tcpdump.wait_for(" ack 9,");
        is_in_the_book("ss_one_has_closed", &ss("-tan", READ_TO_THE_END));
        client.type_line("bye");
        server.wait_for("4 bytes");
        tcpdump.wait_for("[.], ack 5,");
        client.stop();
        server.finish();
        tcpdump.wait_for("[.], ack 6,");
        is_in_the_book("ss_both_have_closed", &ss("-tan", "TIME-WAIT"));
        is_in_the_book("tcpdump", &packets(&tcpdump.stop()));
    });
}

/// Both ends close one right after the other: three segments.
#[test]
#[ignore = "runs what the book shows"]
fn tcpdump_of_a_quick_close() {
    let test = "book::wire::tcpdump_of_a_quick_close";
    in_a_network(test, &["tcpdump"], || {
        let run = || {
            let mut tcpdump = tcpdump("tcp");
            command(program("04_accept")).assert().success();
            // Two ends, and the acknowledgement of the second.
            tcpdump.wait_for("[F.]");
            tcpdump.wait_for("[F.]");
            tcpdump.wait_for("[.], ack 2,");
            packets(&tcpdump.stop())
        };
        // The second end acknowledges the first: then nothing else does. If
        // something came between the two calls of `close`, it may.
        let is_quick = |run: &String| {
            let end = run.lines().nth(4).unwrap_or_default();
            end.contains("[F.], seq 1, ack 2,")
        };
        let quick = (0..RUNS).map(|_| run()).find(is_quick);
        is_in_the_book("tcpdump_quick_close", &quick.expect("one"));
    });
}

/// The fifth round of each of the three ways.
#[test]
#[ignore = "runs what the book shows"]
fn tcpdump_of_small_packets() {
    let test = "book::wire::tcpdump_of_small_packets";
    in_a_network(test, &["tcpdump"], || {
        let run = || {
            let mut tcpdump = tcpdump("tcp");
            command(program("19_small_packets")).assert().success();
            // Three connections, each with two ends.
            (0..6).for_each(|_| drop(tcpdump.wait_for("[F.]")));
            let all = packets(&tcpdump.stop());
            let connections = all.split("Flags [S], ").skip(1);
            let ways = ["two sends", "one send", "no delay"].into_iter().zip(connections);
            let shown = |(way, packets)| format!("{way}:\n{}", fifth_round(packets));
            ways.map(shown).collect::<Vec<_>>()
        };
        // On a busy machine a round may be another one.
        let packets = |way: &String| way.lines().count() - 1;
        let mut runs = (0..RUNS).map(|_| run());
        let found = runs.find(|ways| ways.iter().map(packets).eq([5, 2, 4]));
        let shown = found.expect("5 packets, 2 packets, and 4").join("\n");
        is_in_the_book("tcpdump_small_packets", &plain(&shown));
    });
}

/// The commands of the page itself, in such a network.
#[test]
#[ignore = "runs what the book shows"]
fn no_port_is_left() {
    in_a_network("book::wire::no_port_is_left", &["nc"], || {
        let page = top().join("book/src/08-address-in-use.md");
        let page = fs::read_to_string(page).expect("the page");
        let commands = page.split("```sh\n").find(|part| part.contains("ip_local_port_range"));
        let (commands, _) = commands.and_then(|part| part.split_once("```")).expect("commands");
        let run = regex("cargo run -q --example ([a-z0-9_]+) --");
        let commands = run.replace_all(commands, |parts: &Captures<'_>| program(&parts[1]));
        let shell = format!("exec 2>&1\n{commands}\nkill $!");
        is_in_the_book("no_port_left", &stdout(command("sh").args(["-c", &shell])));
    });
}

/// Each round ends with the answer, of two bytes.
fn fifth_round(connection: &str) -> &str {
    connection.split_inclusive("length 2\n").nth(4).expect("five rounds")
}

#[test]
#[ignore = "runs what the book shows"]
fn ss_before_accept() {
    let tools = ["nc", "ss"];
    in_a_network("book::wire::ss_before_accept", &tools, || {
        let mut server = Terminal::start("03_listen", &[AT]);
        server.invited_to();
        is_in_the_book("ss_listens", &ss("-tan", "LISTEN"));
        let _client = nc(&[]);
        // This is the server's end.
        let end = "127.0.0.1:8090 127.0.0.1:PORT1";
        let shown = within_limit(|| {
            let shown = ss("-tan", "LISTEN");
            let squeezed: Vec<_> = shown.split_whitespace().collect();
            squeezed.join(" ").contains(end).then_some(shown)
        });
        is_in_the_book("ss_not_accepted", &shown.expect(end));
    });
}

#[test]
#[ignore = "runs what the book shows"]
fn ss_of_udp() {
    in_a_network("book::wire::ss_of_udp", &["nc", "ss"], || {
        let mut server = Terminal::start("05_send_recv_udp", &[AT]);
        server.invited_to();
        let _client = nc(&["-u"]);
        is_in_the_book("ss_udp", &ss("-uan", "ESTAB"));
    });
}

/// `nc`, with an example at the other end.
fn nc(options: &[&str]) -> Terminal {
    Terminal::open(launch("nc").args(options).args(["127.0.0.1", "8090"]))
}

/// tcpdump, as soon as it listens.
fn tcpdump(filter: &str) -> Terminal {
    // Line by line and at once, as on a terminal; and its messages, too.
    let shell = "exec tcpdump -s 256 -l --immediate-mode -i lo -n \"$0\" 2>&1";
    let mut tcpdump = Terminal::open(launch("sh").args(["-c", shell, filter]));
    tcpdump.wait_for("listening on lo");
    tcpdump
}

/// What tcpdump says of packets, without times, windows and options; and where
/// the numbers of the first byte are random, `NUMBER`.
fn packets(shown: &str) -> String {
    let rest = regex(r"^[0-9:.]+ |, win [0-9]+|, options \[[^\]]*\]");
    let first = regex("(seq|ack) [0-9]+");
    let mut packets = String::new();
    for line in shown.lines().filter(|line| line.contains(" IP ")) {
        let mut line = rest.replace_all(line, "").into_owned();
        if line.contains("Flags [S") {
            line = first.replace_all(&line, "$1 NUMBER").into_owned();
        }
        packets += &(line + "\n");
    }
    plain(&packets)
}

/// What `ss` prints as soon as there is `until` in it: the columns narrower,
/// and first the socket at port 8090 that waits for clients.
fn ss(option: &str, until: &str) -> String {
    let shown = within_limit(|| {
        let table = table(&stdout(command("ss").arg(option)));
        table.contains(until).then_some(table)
    });
    shown.expect(until)
}

fn table(shown: &str) -> String {
    let mut lines = shown.lines();
    let head = lines.next().expect("a head");
    let words: Vec<_> = head.split_whitespace().take(4).collect();
    assert_eq!(words, ["State", "Recv-Q", "Send-Q", "Local"]);
    let mut rows: Vec<Vec<_>> =
        lines.map(|line| line.split_whitespace().take(5).collect()).collect();
    // Their order is that of a hash table.
    rows.sort_by_key(|row| (row[3] != AT, row[4]));
    let head = ["State", "Recv-Q", "Send-Q", "Local Address", "Peer Address"];
    rows.insert(0, head.to_vec());
    let mut table = String::new();
    for row in rows {
        let [state, receive, send, local, peer] = row[..] else { unreachable!("{row:?}") };

        writeln!(table, "{state:<10} {receive:>6} {send:>6}  {local:<15} {peer}")
            .expect("a String");
    }
    plain(&table)
}

/// Numbers the ports that the kernel picked, and hides where something is in memory.
fn plain(text: &str) -> String {
    let port = regex(r"(127\.0\.0\.1[:.]|htons\()([1-9][0-9]*)");
    let mut ports = HashMap::new();
    let text = port.replace_all(text, |parts: &Captures<'_>| {
        let port = &parts[2];
        if AT.ends_with(port) {
            return parts[0].to_owned();
        }
        let next = ports.len() + 1;
        let number = ports.entry(port.to_owned()).or_insert(next);
        format!("{}PORT{number}", &parts[1])
    });
    regex(r"0x[0-9a-f]{6,}").replace_all(&text, "ADDRESS").into_owned()
}
