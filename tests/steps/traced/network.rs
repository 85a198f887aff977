//! Two machines, and a network that misbehaves. tcpdump sees both ends of the cable: what each
//! machine sent, and what arrived.

use std::fs;

use tempfile::tempdir;

use super::python;
use crate::beside::{NOT_ROOT, Seen, beside_tcpdump, captured, packets};
use crate::machine::{command, missing, tool};
use crate::support::regex;
use crate::timelines::trace;

/// Runs two programs in Python on two machines, three times: the timeline is the same. In the first
/// run, tcpdump must see the same packets. Gives the timeline, what was sent, and what arrived.
fn apart(options: &[&str], server: &str, client: &str) -> Option<(String, Vec<Seen>, Vec<Seen>)> {
    let python = python()?;
    let both = ["--", python, "-c", server, "--with", "--", python, "-c", client];
    let arguments = [&["--apart", "--all"], options, &both].concat();
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("packets");
    let mut watched = command("unshare");
    // All interfaces.
    let script = beside_tcpdump(r#"-i any -t -l >"$file""#, " 127.0.0.1.9: ");
    watched.args(NOT_ROOT).args(["bash", "-c", &script, "bash"]).arg(&file);
    let run = watched.arg(tool("trace")).arg("--inside").args(&arguments).output();
    let run = run.expect("it starts");
    let errors = String::from_utf8_lossy(&run.stderr);
    let log = fs::read_to_string(file.with_extension("log"));
    if !log.is_ok_and(|log| log.contains("listening on")) {
        missing(&format!("no namespace, or no tcpdump: {errors}"));
        return None;
    }
    let timeline = String::from_utf8_lossy(&run.stdout).into_owned();
    let capture = fs::read_to_string(&file).expect("what tcpdump wrote");
    let ends = |out: bool| {
        let line = regex(r"(?m)^cable[12] +(\S+) +(IP6? \S+\.\d+ > .*)$");
        let all = line.captures_iter(&capture).filter(|parts| (&parts[1] == "Out") == out);
        captured(&all.map(|parts| parts[2].to_owned() + "\n").collect::<String>())
    };
    let (mut sent, arrived) = (ends(false), ends(true));
    let ours = packets(&timeline);
    if timeline.contains(", and was ended by SIGTERM)\n") {
        // What the kernel still sends of the dead, tcpdump sees while it ends itself.
        sent.truncate(ours.len());
    }
    assert_eq!(ours, sent, "{options:?}\n{timeline}\n{capture}\n{errors}");
    for _ in 0..2 {
        let again = trace(&arguments, "")?;
        // Where nothing arrives any more, only time goes on. And what was delayed may arrive on a busy
        // machine before the program has asked for it: then it waits in the queue.
        let has = |name: &str| options.iter().any(|option| option.starts_with(name));
        let (is_cut, is_delayed) = (has("--cut"), has("--delay"));
        let same = |text: &str| {
            let end = text.find(", again").filter(|_| is_cut);
            let lines = text[..end.unwrap_or(text.len())].lines();
            let lines = lines.filter(|line| !(is_delayed && line.starts_with("  queue ")));
            lines.collect::<Vec<_>>().join("\n")
        };
        assert_eq!(same(&again), same(&timeline), "{options:?}");
    }
    Some((timeline, sent, arrived))
}

/// What the programs printed, without their names.
fn printed(timeline: &str) -> Vec<&str> {
    let lines = timeline.lines().filter(|line| !line.starts_with([' ', '(']));
    lines.map(|line| line.split_once(": ").map_or(line, |(_, line)| line)).collect()
}

/// Prints what arrives, and answers a question.
const RECEIVES: &str = "
import socket
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); one.bind(('0.0.0.0', 9000))
data = b''
while data != b'end':
    data, at = one.recvfrom(100); print('got', data.decode())
    if data == b'?': one.sendto(b'!', at)
";

/// Sends datagrams to an address.
fn sends(words: &str, to: &str) -> String {
    format!(
        "import socket\n\
         one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)\n\
         for word in '{words}'.split():\n    \
             one.sendto(word.encode(), ('{to}', 9000))\n    \
             if word == '?': print('answered by', one.recvfrom(100)[1][0])\n"
    )
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_datagram_is_lost_comes_twice_or_late() {
    let client = sends("a bb ccc end", "192.168.7.1");
    for (option, fate, got, arrives) in [
        ("--drop=2", ", lost", &["a", "ccc", "end"][..], &[1, 3, 3][..]),
        ("--double=2", ", twice", &["a", "bb", "bb", "ccc", "end"], &[1, 2, 2, 3, 3]),
        ("--swap=2", ", late", &["a", "ccc", "bb", "end"], &[1, 3, 2, 3]),
        ("--drop=1,2", ", lost", &["ccc", "end"], &[3, 3]),
        ("--delay=20", "", &["a", "bb", "ccc", "end"], &[1, 2, 3, 3]),
    ] {
        let Some((timeline, sent, arrived)) = apart(&[option], RECEIVES, &client) else { return };
        let got: Vec<String> = got.iter().map(|word| format!("got {word}")).collect();
        assert_eq!(printed(&timeline), got, "{option}\n{timeline}");
        let lengths = |all: &[Seen]| all.iter().map(|one| one.3).collect::<Vec<_>>();
        assert_eq!(lengths(&sent), [1, 2, 3, 3], "{option}\n{timeline}");
        assert_eq!(lengths(&arrived), arrives, "{option}\n{timeline}");
        let packet = format!("  datagram{fate}  2 bytes \"bb\"\n");
        assert!(timeline.contains(&packet), "{option}\n{timeline}");
    }
}

/// What is longer than a frame comes in several, and is one datagram all the same.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_datagram_in_parts_is_one() {
    let Some(python) = python() else { return };
    let server = "
import socket
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); one.bind(('0.0.0.0', 9000))
length = 0
while length != 3: length = len(one.recv(9999)); print('got', length)
";
    let client = "
import socket
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for length in (1, 5000, 2, 3): one.sendto(b'x' * length, ('192.168.7.1', 9000))
";
    let both = ["--", python, "-c", server, "--with", "--", python, "-c", client];
    for (option, fate, got) in [
        ("--apart", "", &[1, 5000, 2, 3][..]),
        ("--drop=2", ", lost", &[1, 2, 3]),
        ("--double=2", ", twice", &[1, 5000, 5000, 2, 3]),
        ("--swap=2", ", late", &[1, 2, 5000, 3]),
    ] {
        let arguments = [&["--apart", option][usize::from(option == "--apart")..], &both].concat();
        let Some(timeline) = trace(&arguments, "") else { return };
        let got: Vec<String> = got.iter().map(|length| format!("got {length}")).collect();
        assert_eq!(printed(&timeline), got, "{option}\n{timeline}");
        let packet = format!(" -> 192.168.7.1:9000  datagram{fate}  5000 bytes \"x");
        assert_eq!(timeline.matches(&packet).count(), 1, "{option}\n{timeline}");
        assert_eq!(timeline.matches("  packet ").count(), 4, "{option}\n{timeline}");
        assert!(timeline.contains("\n(1 datagram came in parts, "), "{option}\n{timeline}");
    }
    let alone = "
import socket
one = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); one.bind(('::1', 7700))
one.sendto(b'x' * 65507, ('::1', 7700)); print(len(one.recv(70000)))
";
    let timeline = trace(&["--", python, "-c", alone], "").expect("as before");
    assert!(timeline.contains(":7700  datagram  65507 bytes \"x"), "{timeline}");
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_broadcast_arrives_and_an_answer_may_come_from_elsewhere() {
    for to in ["255.255.255.255", "192.168.7.255", "192.168.7.3"] {
        let client = sends("? end", to);
        let Some((timeline, sent, arrived)) = apart(&[], RECEIVES, &client) else { return };
        assert_eq!(sent, arrived, "{timeline}");
        assert_eq!(sent.len(), 3, "{timeline}");
        for packet in [
            format!("  packet    192.168.7.2:PORT1 -> {to}:9000  datagram  1 byte \"?\"\n"),
            "  packet    192.168.7.1:9000 -> 192.168.7.2:PORT1  datagram  1 byte \"!\"\n".into(),
        ] {
            assert!(timeline.contains(&packet), "{packet}{timeline}");
        }
        let answer = "answered by 192.168.7.1";
        assert!(printed(&timeline).contains(&answer), "{timeline}");
    }
}

/// Answers each ping.
const PONGS: &str = "
import socket
listener = socket.create_server(('192.168.7.1', 8080)); print('listening')
server, _ = listener.accept()
while server.recv(100): server.send(b'pong')
";

/// Pings three times, and prints what the kernel says of its machine.
const PINGS: &str = "
import socket
client = socket.create_connection(('192.168.7.1', 8080)); print('connected')
for _ in '123': client.send(b'ping'); client.recv(100)
names, values = [line.split() for line in open('/proc/net/snmp') if line.startswith('Tcp:')]
print('sent again:', values[names.index('RetransSegs')])
";

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn what_is_lost_of_a_connection_is_sent_again() {
    for (option, lost) in [("--drop=1", 1), ("--drop=3,4", 2), ("--drop=99", 0)] {
        let Some((timeline, sent, arrived)) = apart(&[option], PONGS, PINGS) else { return };
        let again = format!("sent again: {lost}");
        assert_eq!(printed(&timeline), ["listening", "connected", &again], "{timeline}");
        let times = |words: &str| timeline.matches(words).count();
        assert_eq!(times(", again"), lost, "{timeline}");
        assert_eq!(times(", lost"), lost, "{timeline}");
        assert_eq!(sent.len() - lost, arrived.len(), "{timeline}");
        // No call has sent it again.
        let by_itself = "  call    (the kernel, by itself)\n  packet    192.168.7.2:PORT1 -> \
                         192.168.7.1:8080  PSH ACK, again";
        assert_eq!(times(by_itself), lost, "{timeline}");
    }
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_cable_is_pulled() {
    // It is sent again after 0.2, 0.6, 1.4 and 3 seconds: the end is not near one of these.
    let options = ["--wait=2", "--cut=7"];
    let Some((timeline, sent, arrived)) = apart(&options, PONGS, PINGS) else { return };
    assert_eq!(arrived, sent[..7], "{timeline}");
    let call = "sendto(FD2, \"ping\", 4, 0, NULL, 0) ...\n  packet    192.168.7.2:PORT1 -> \
                192.168.7.1:8080  PSH ACK, lost  4 bytes \"ping\"\n  result  ";
    assert!(timeline.contains(call), "{timeline}");
    let again = "  packet    192.168.7.2:PORT1 -> 192.168.7.1:8080  PSH ACK, again, lost  4 bytes \
                 \"ping\"\n";
    assert!(timeline.matches(again).count() >= 3, "{timeline}");
    let by_itself = format!("  call    (the kernel, by itself)\n{again}");
    assert!(timeline.contains(&by_itself), "{timeline}");
    let waited = " still waited in recvfrom(FD2), and was ended by SIGTERM)\n";
    assert!(timeline.contains(waited), "{timeline}");

    // From the start.
    let options = ["--wait=2", "--cut=0"];
    let Some((timeline, _, arrived)) = apart(&options, PONGS, PINGS) else { return };
    assert!(arrived.is_empty(), "{timeline}");
    let call = regex(concat!(
        r"connect\(FD2, 192.168.7.1:8080\) \.\.\.\n",
        r"(  packet    192.168.7.2:PORT1 -> 192.168.7.1:8080  SYN(, again)?, lost\n){2,}",
        r"  result  .*: connect = \? \(it still waited\)\n",
    ));
    assert!(call.is_match(&timeline), "{timeline}");
    let waited = " still waited in connect(FD2), and was ended by SIGTERM)\n";
    assert!(timeline.contains(waited), "{timeline}");
}

/// Two sends, and the second one waits for an acknowledgement, in a conversation that has begun.
const TWO_SENDS: &str = "
import socket, time
listener = socket.create_server(('127.0.0.1', 0))
client = socket.create_connection(listener.getsockname()); server, _ = listener.accept()
client.send(b'hello'); server.recv(9); server.send(b'hi'); client.recv(9)
client.send(b'le'); client.send(b'body'); server.recv(2); server.recv(4)
";

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn who_acknowledges_late_makes_a_program_slow() {
    let Some(python) = python() else { return };
    let program = ["--", python, "-c", TWO_SENDS];
    let Some(timeline) = trace(&[&["--ack", "delayed"], &program[..]].concat(), "") else { return };
    let late = "  call    (the kernel, by itself)
  packet    PORT1 -> PORT2  ACK
  packet    PORT2 -> PORT1  PSH ACK  4 bytes \"body\"\n";
    assert!(timeline.contains(late), "{timeline}");
    let timeline = trace(&program, "").expect("as before");
    assert!(!timeline.contains("by itself"), "{timeline}");
}

/// Connects to an address that nobody has: the kernel asks for it, and sends no packet.
const TO_NOBODY: &str = "
import select, socket
client = socket.socket(); client.setblocking(False)
print(client.connect_ex(('192.168.7.9', 9000)))
select.select([], [client], []); print(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
";

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn who_connects_to_nobody_has_sent_nothing_and_waits() {
    let Some(python) = python() else { return };
    let both = ["--", python, "-c", "", "--with", "--", python, "-c", TO_NOBODY];
    let Some(timeline) = trace(&[&["--apart"], &both[..]].concat(), "") else { return };
    let state = regex(concat!(
        r": connect\(FD1, 192.168.7.9:9000\) = EINPROGRESS\n",
        r"  state     FD1, 192.168.7.2:PORT1 to 192.168.7.9:9000: CLOSED -> SYN-SENT\n",
    ));
    assert!(state.is_match(&timeline), "{timeline}");
    assert_eq!(printed(&timeline).last(), Some(&"113"), "{timeline}");
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn what_needs_two_machines_says_so() {
    for option in ["--drop=3", "--swap=3", "--double=3", "--delay=3", "--cut=3"] {
        let run = command(tool("trace")).args([option, "--", "true"]).output().expect("it starts");
        let errors = String::from_utf8_lossy(&run.stderr);
        assert!(errors.contains(" needs two machines: --apart"), "{errors}");
        assert_eq!((errors.lines().count(), run.status.code()), (1, Some(2)));
    }
}
