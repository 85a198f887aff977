//! What `cargo trace` leaves for other tools: `--json`, `--pcap`, `--from` and `--time`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tempfile::tempdir;

use super::{connected, python};
use crate::beside::watch_into;
use crate::machine::{command, has, launch, missing, program, spawn, tool};
use crate::support::regex;
use crate::timelines::trace;

/// A path as an argument.
fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Asks and is answered 40 ms later; is not answered for 50 ms; sends a datagram that is refused.
const TALKS: &str = r"
print('connected')
client.send(b'ping'); server.recv(9); time.sleep(0.04); server.send(b'pong'); client.recv(9)
print('answered')
client.settimeout(0.05)
try: client.recv(9)
except TimeoutError: print('not answered')
other = socket.socket(type=socket.SOCK_DGRAM)
other.sendto(b'\xff\x00', ('127.0.0.1', 50003))
";

/// A child process, and a thread that sends while another one waits.
const SEVERAL: &str = r"
import threading
if os.fork() == 0:
    other = socket.create_connection(at); other.send(b'child'); os._exit(0)
again, _ = listener.accept(); again.recv(9); os.wait()
thread = threading.Thread(target=lambda: (time.sleep(0.02), client.send(b'from a thread')))
thread.start(); server.recv(99); thread.join()
client.shutdown(socket.SHUT_WR); server.recv(9); server.shutdown(socket.SHUT_WR); client.recv(9)
time.sleep(0.2)
";

/// Of two machines, one that sends to the other one, and to one that is not there.
const NOBODY: &str = "
import socket
socket.socket(type=socket.SOCK_DGRAM).sendto(b'lost', ('192.168.7.2', 9))
try: socket.create_connection(('192.168.7.9', 9))
except OSError as error: print(error)
";

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_record_shows_what_the_run_has_shown() {
    let Some(python) = python() else { return };
    let (talks, several) = (connected(TALKS), connected(SEVERAL));
    let runs: [(&[&str], &[&str]); 6] = [
        (&["--code"], &["--", program("06_close")]),
        (&["--all"], &["--", python, "-c", &talks]),
        (&["--time"], &["--", python, "-c", &several]),
        (&["--packets", "--time"], &["--", program("04_connect_udp")]),
        (&[], &["--", program("04_accept"), "--with", "--", program("04_accept")]),
        (&[], &["--apart", "--drop=1", "--", python, "-c", NOBODY]),
    ];
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let (json, first, second) = (path("record"), path("first"), path("second"));
    let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (show, what) in runs {
        let files = ["--json", text(&json), "--svg", text(&first)];
        let Some(run) = trace(&[show, &files, what].concat(), "") else { return };
        let from = ["--from", text(&json), "--svg", text(&second)];
        let again = trace(&[show, &from].concat(), "").expect("as before");
        assert!(run.contains("  packet "), "{run}");
        assert_eq!(again, run, "{what:?}");
        assert_eq!(fs::read(&first).expect("it"), fs::read(&second).expect("it"), "{what:?}");
        let record = fs::read_to_string(&json).expect("it");
        let last = record.lines().last().expect("a line");
        assert!(last.starts_with(r#"{"kind":"exit","status":0,"#), "{last}");
        for line in record.lines() {
            let object: Value = serde_json::from_str(line).expect(line);
            let name = match object["kind"].as_str().expect(line) {
                kind @ ("record" | "exit") => kind.to_owned(),
                "line" | "call" | "end" | "kernel" => "events".to_owned(),
                other => unreachable!("{other}: {line}"),
            };
            collect(&name, &object, &mut fields);
        }
    }
    // Where the order was not seen: not in these runs, if all went well.
    fields.entry("events".to_owned()).or_default().insert("unsure".to_owned());
    assert_eq!(fields, stated());

    // One that breaks off: after a line, and in the midst of one.
    let record = fs::read_to_string(&json).expect("it");
    let (all, _) = record.trim_end().rsplit_once('\n').expect("several lines");
    let (_, last) = all.rsplit_once('\n').expect("several lines");
    for length in [all.len(), all.len() - last.len(), all.len() - last.len() / 2] {
        fs::write(&json, &all[..length]).expect("a file");
        let cut = trace(&["--from", text(&json)], "").expect("as before");
        assert!(
            cut.contains("  packet ") && cut.ends_with("(the record breaks off here)\n"),
            "{cut}"
        );
    }
}

/// The fields of an object and of those in it.
fn collect(name: &str, object: &Value, fields: &mut BTreeMap<String, BTreeSet<String>>) {
    for (key, value) in object.as_object().expect("an object") {
        // That of a line says which object it is.
        if key != "kind" || name == "packets" {
            fields.entry(name.to_owned()).or_default().insert(key.clone());
        }
        let own = if key == "after" { "before" } else { key };
        match value {
            Value::Object(_) => collect(own, value, fields),
            Value::Array(all) => {
                let objects = all.iter().filter(|one| one.is_object());
                objects.for_each(|one| collect(own, one, fields));
            }
            _ => {}
        }
    }
}

/// What the help says.
fn stated() -> BTreeMap<String, BTreeSet<String>> {
    let help = command(tool("trace")).arg("--help").output().expect("it starts").stdout;
    let help = String::from_utf8(help).expect("UTF-8");
    let (_, table) = help.split_once("The objects and their fields:\n").expect("it");
    let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut last = String::new();
    for line in table.lines().map_while(|line| line.strip_prefix("    ")) {
        let (name, line) = line.split_at(10);
        let line = line.split('.').next().expect("one part");
        if !name.trim().is_empty() {
            last = name.trim().to_owned();
        }
        if last != "after" {
            let words = line.split_whitespace().map(str::to_owned);
            fields.entry(last.clone()).or_default().extend(words);
        }
    }
    fields
}

/// What tshark says of the packets in a file, one line each.
fn tshark(file: &Path, fields: &[&str]) -> Vec<String> {
    let mut tshark = command("tshark");
    tshark.args(["-n", "-r"]).arg(file).args(["-T", "fields", "-E", "aggregator=|"]);
    fields.iter().for_each(|field| {
        tshark.args(["-e", field]);
    });
    let run = tshark.output().expect("it starts");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
}

/// The bytes of all packets in a file.
fn bytes(file: &Path) -> String {
    let run = command("tshark").args(["-n", "-x", "-r"]).arg(file).output().expect("it starts");
    String::from_utf8_lossy(&run.stdout).into_owned()
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn tshark_reads_the_packets_and_what_led_to_them() {
    let Some(python) = python() else { return };
    if !has(&["tshark"]) {
        return missing("no tshark");
    }
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let (theirs, ours, json) = (path("packets"), path("ours"), path("record"));
    let talks = connected(TALKS);
    let files = ["--pcap", text(&ours), "--json", text(&json)];
    let arguments = [&files[..], &["--", python, "-c", &talks]].concat();
    let Some((_, timeline)) = watch_into(&theirs, &arguments, true) else { return };

    // The same packets, byte for byte; tcpdump sees more in the end.
    let all = bytes(&ours);
    assert!(all.lines().count() > 10 && bytes(&theirs).starts_with(&all), "{all}");
    let times = [&ours, &theirs].map(|file| {
        let seconds = tshark(file, &["frame.time_epoch"]);
        let seconds = seconds.into_iter().map(|time| time.parse().expect("a number"));
        seconds.collect::<Vec<f64>>()
    });
    for (one, other) in times[0].iter().zip(&times[1]) {
        assert!((one - other).abs() < 0.02, "{times:?}");
    }

    // The comments say what the timeline says.
    let name = Path::new(python).file_name().expect("a name").to_str().expect("UTF-8");
    let mut expected: Vec<Vec<String>> = vec![];
    let (mut call, mut early) = (String::new(), vec![]);
    for line in timeline.lines() {
        if let Some(text) = line.strip_prefix("  call    ") {
            call = text.split('(').next().expect("one part").to_owned();
        } else if line.starts_with("  packet  ") {
            expected.push(std::mem::take(&mut early));
            expected.last_mut().expect("one").push(call.clone());
        } else if !line.starts_with("  ") {
            match expected.last_mut() {
                Some(last) => last.push(format!("{name} then printed: {line}")),
                None => early.push(format!("{name} had printed: {line}")),
            }
        }
    }
    let call = regex(&format!(r"^{name} \[\d+\]: (\w+)\(.*$"));
    let comments = tshark(&ours, &["frame.comment"]);
    let seen = comments.iter().map(|comments| {
        let all = comments.split('|').map(|one| call.replace(one, "$1").into_owned());
        all.collect()
    });
    assert_eq!(seen.collect::<Vec<Vec<String>>>(), expected, "{timeline}");
    assert!(expected.concat().contains(&format!("{name} then printed: not answered")));
    let real = regex(r#"\]: sendto\(\d+, "ping", 4, 0, NULL, 0\) = 4\n"#);
    assert!(real.is_match(&comments.join("\n")), "{comments:?}");

    // The same from the record.
    let again = path("again");
    let from = ["--from", text(&json), "--time", "--pcap", text(&again)];
    let timed = trace(&from, "").expect("as before");
    assert_eq!(fs::read(&ours).expect("it"), fs::read(&again).expect("it"));

    // With the times; without them it is the same.
    let without = regex(r"  \[(?:at|took) [^\]]*\]\n");
    assert_eq!(without.replace_all(&timed, "\n"), timeline);
    let number = |pattern: &str| -> f64 {
        let found = regex(pattern).captures(&timed).expect(&timed);
        found[1].parse().expect("a number")
    };
    let answer = number(r#""pong"  \[at \d+\.\d{4} s, (\d+\.\d) ms after "ping"\]"#);
    let lengths = tshark(&theirs, &["tcp.len"]);
    let data = lengths.iter().zip(&times[1]).filter(|(length, _)| *length == "4");
    let data: Vec<f64> = data.map(|(_, time)| *time).collect();
    let tcpdump = (data[1] - data[0]) * 1000.0;
    assert!(answer >= 40.0 && (answer - tcpdump).abs() < 20.0, "{answer} {tcpdump}");
    let took = number(r"poll\(.* = 0 \(Timeout\)  \[at \d+\.\d{4} s, took (\d+\.\d) ms\]");
    assert!((50.0..5000.0).contains(&took), "{timed}");
}

/// Exit status 2 and one line; and nothing has been run.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn one_line_says_what_is_wrong_with_a_file() {
    if trace(&["--", "true"], "").is_none() {
        return;
    }
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let says = |arguments: &[&str], words: &str| {
        let run = command(tool("trace")).args(arguments).output().expect("it starts");
        let errors = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(errors.contains(words), "{words}: {errors}");
        assert!(run.stdout.is_empty());
    };
    let (nowhere, touched) = (path("none").join("file"), path("touched"));
    for option in ["--json", "--pcap", "--svg", "--page"] {
        says(&[option, "--", "true"], &format!("{option}: which file?"));
        let arguments = [option, text(&nowhere), "--", "touch", text(&touched)];
        says(&arguments, &format!("cannot write {}: No such file", text(&nowhere)));
        assert!(!touched.exists());
    }
    says(&["--from", text(&nowhere)], &format!("cannot read {}: ", text(&nowhere)));
    for other in
        ["true", "--pid=1", "--with=x", "--alone", "--json=x", "--fault=bind=EIO", "--wait=1"]
    {
        says(&["--from", "x", other], "--from shows an earlier run: it takes no program");
    }
    for network in ["--apart", "--ack=delayed", "--drop=1", "--seed=1", "--cut=0"] {
        says(&["--from", "x", network], "and nothing that is asked of a network");
        says(&["--pid", "1", network], "and nothing that is asked of a network");
    }
    says(&["--apart", "--seed=1", "true"], "--seed is for packets that are lost by chance");
    let file = path("file");
    // Each file has one purpose: also what is read is not written over.
    fs::write(
        &file,
        "{\"kind\":\"record\",\"version\":1,\"start\":\"1.000000000\",\"programs\":[]}\n",
    )
    .expect("a file");
    let before = fs::read(&file).expect("it");
    let link = path("link");
    symlink(&file, &link).expect("a link");
    for other in ["--svg", "--pcap", "--page"] {
        let arguments = ["--from", text(&file), other, text(&link)];
        says(&arguments, &format!("{} is named twice", text(&link)));
        assert_eq!(fs::read(&file).expect("it"), before);
    }
    let arguments = ["--json", text(&file), "--pcap", text(&file), "--", "touch", text(&touched)];
    says(&arguments, " is named twice");
    assert!(!touched.exists());
    // Where cargo does not run it, it has another name.
    for (content, words) in [
        ("", "is no record of "),
        ("LISTEN", "is no record of "),
        (r#"{"kind":"line","version":1}"#, "is no record of "),
        (r#"{"kind":"record","version":2}"#, "is a record of version 2: a newer "),
        (
            "{\"kind\":\"record\",\"version\":1,\"start\":\"1.000000000\",\"programs\":[]}\n{}",
            ": see line 2\n",
        ),
        (
            concat!(
                r#"{"kind":"record","version":1,"start":"18446744073709551615.000000000","#,
                r#""programs":[{"name":"a","path":"a","arguments":[]}]}"#,
                "\n",
                r#"{"kind":"kernel","program":"a","states":[],"packets":[{"kind":"datagram","#,
                r#""from":"[::1]:1","to":"[::1]:2","at":9,"bytes":0,"headers":""}]}"#
            ),
            ": see line 2\n",
        ),
    ] {
        fs::write(&file, content).expect("a file");
        says(&["--from", text(&file)], words);
    }
}

/// What cannot be written is no reason to leave the rest unwritten.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn each_file_is_whole_where_another_one_is_full() {
    let Some(python) = python() else { return };
    if trace(&["--", "true"], "").is_none() {
        return;
    }
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let program = connected("client.send(b'x')");
    let mut packets = None;
    for full in ["--svg", "--json", "--pcap", "--page", ""] {
        let files = ["json", "pcap", "svg", "page"].map(|name| (format!("--{name}"), path(name)));
        let mut run = launch(tool("trace"));
        for (option, file) in &files {
            let file = if option == full { Path::new("/dev/full") } else { file };
            run.arg(option).arg(file);
        }
        run.stdout(Stdio::null());
        if full.is_empty() {
            run.stdout(fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux"));
        }
        run.args(["--", python, "-c", &program]).stderr(Stdio::piped());
        let run = spawn(&mut run).wait_with_output().expect("it ends");
        let errors = String::from_utf8_lossy(&run.stderr);
        assert_eq!((errors.lines().count(), run.status.code()), (1, Some(2)), "{errors}");
        assert!(errors.contains("No space left"), "{errors}");
        for (option, file) in files.iter().filter(|(option, _)| option != full) {
            let written = fs::read(file).expect("it");
            match &**option {
                "--json" => assert!(written.ends_with(b"]}\n"), "{full}"),
                "--svg" => assert!(written.ends_with(b"</svg>\n"), "{full}"),
                "--page" => assert!(written.ends_with(b"</html>\n"), "{full}"),
                _ => assert_eq!(*packets.get_or_insert(written.len()), written.len(), "{full}"),
            }
        }
    }
}

/// A program may print for hours between two packets.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_packet_has_not_too_many_comments() {
    let Some(python) = python() else { return };
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("packets");
    let program = connected("for at in range(1000): print('number', at)\nclient.send(b'x')");
    let Some(_) = trace(&["--pcap", text(&file), "--", python, "-c", &program], "") else { return };
    let written = fs::read(&file).expect("it");
    let written = String::from_utf8_lossy(&written);
    assert_eq!(written.matches(" then printed: number ").count(), 199);
    assert!(written.contains("and 801 more lines"));
    if has(&["tshark"]) {
        let last = tshark(&file, &["frame.comment"]).pop().expect("a packet");
        assert!(!last.contains("more lines"), "{last}");
    }
}
