//! `cargo measure`: a whole run of little measures what it says; what is wrong with a server of the
//! reader's is told in a line; and the plots are those of the results.
//!
//! It builds the servers, so plain `cargo test` leaves it out:
//! `cargo test --test steps -- --ignored measure`. (What it counts is compared here, but no time: a busy
//! machine has others.)

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use tempfile::TempDir;

use crate::machine::{PYTHON, has, launch, missing, quiet, tool};

/// Everything that a run needs. (Without a namespace it measures, too.)
fn can_measure() -> bool {
    has(&["cc", "ip", "rustc", "strace", "unshare", PYTHON])
}

/// Runs it, with its results in this folder.
fn measure(folder: &Path, arguments: &[&str]) -> Output {
    let mut measure = launch(tool("measure"));
    measure.arg("--folder").arg(folder).args(arguments).stdin(Stdio::null());
    measure.output().expect("it starts")
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat()
}

/// What stands in a file of results: of each row, what it is, of which server, with how many clients;
/// and the number.
fn rows(folder: &Path, name: &str) -> BTreeMap<[String; 3], f64> {
    let file = folder.join(format!("{name}.csv"));
    let mut reader = csv::Reader::from_path(&file).expect("results");
    let head: Vec<String> = reader.headers().expect("a head").iter().map(str::to_owned).collect();
    assert_eq!(
        head.join(","),
        "what,server,clients,bytes,value,unit,low,high,times,machine",
        "{name}"
    );
    let rows = reader.records().map(|row| {
        let row = row.expect("a row");
        assert!(row[9].contains("; Linux ") && row[9].contains("; rustc 1."), "{}", &row[9]);
        let size = if row[3].is_empty() { &row[2] } else { &row[3] };
        let key = [&row[0], &row[1], size].map(str::to_owned);
        (key, row[4].parse().expect("a number"))
    });
    rows.collect()
}

const ONE: [&str; 3] = ["C, blocking", "std", "socket2 (07_first_server)"];
const MANY: [&str; 6] = [
    "C, epoll",
    "poll (25_poll_server)",
    "tokio (26_async_server)",
    "threads, Rust",
    "threads, Python",
    "asyncio",
];

#[test]
#[ignore = "it takes half a minute"]
fn measure_a_little_of_everything() {
    if !can_measure() {
        return;
    }
    let _quiet = quiet();
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    let run = measure(folder, &["--quick"]);
    let words = said(&run);
    assert!(run.status.success(), "{words}");
    if words.contains("share this machine's own") {
        missing(&words);
    }
    assert!(!words.contains("not measured"), "{words}");

    let found = |name: &str, what: &str, server: &str, size: &str| {
        let rows = rows(folder, name);
        let row = rows.get(&[what, server, size].map(str::to_owned));
        *row.unwrap_or_else(|| unreachable!("{name}.csv: no {what} of {server} with {size}"))
    };
    for server in ONE.iter().chain(&MANY) {
        assert!(found("round_trips", "round trips", server, "1") > 0.0);
        assert!(found("round_trips", "ratio to C, blocking", server, "1") > 0.0);
        assert!(found("round_trips", "processor", server, "1") > 0.0);
        // To receive and to send; and, for many in one thread, to ask who has sent something.
        let asks = MANY.contains(server) && !server.starts_with("threads");
        let calls = found("calls", "system calls", server, "1");
        let wanted = if asks { 3.0 } else { 2.0 };
        assert!((calls - wanted).abs() < 0.1, "{server}: {calls} calls, not {wanted}");
    }
    for server in MANY {
        for (clients, number) in [("10", 10.0), ("100", 100.0)] {
            assert!(found("active", "round trips", server, clients) > 0.0);
            assert!(found("active", "ratio to C, epoll", server, clients) > 0.0);
            if server != "C, epoll" {
                let what = "served, each its own answer";
                assert_eq!(found("active", what, server, clients), number);
                assert!(found("active", "zero", server, clients) > 0.0);
            }
        }
        assert!(found("silent", "processor", server, "0") > 0.0);
        assert!(found("silent", "ratio to none", server, "100") > 0.0);
        // A thread has a stack, in the program and in the kernel.
        let [stacks, kernel] =
            ["stacks", "kernel stacks"].map(|what| found("memory", what, server, "100"));
        let has_threads = server.starts_with("threads");
        assert_eq!(stacks >= 4096.0, has_threads, "{server}: {stacks} bytes of stack");
        assert!(!has_threads || kernel >= 8192.0, "{server}: {kernel} bytes in the kernel");
    }
    for size in ["1024", "65536"] {
        for server in ["C", "Rust"] {
            assert!(found("throughput", "throughput", server, size) > 0.0);
        }
    }
    let [late, prompt] =
        ["two writes", "one write"].map(|how| found("small_writes", "an exchange", how, ""));
    assert!(late > 30_000.0 && late > 2.0 * prompt, "{late} µs, {prompt} µs");

    // The plots are there, and the same when they are made of the results alone.
    let page = fs::read_to_string(folder.join("measured.html")).expect("a page");
    let names =
        ["active", "calls", "memory", "round_trips", "silent", "small_writes", "throughput"];
    let drawn =
        names.map(|name| fs::read_to_string(folder.join(format!("{name}.svg"))).expect(name));
    for svg in &drawn {
        assert!(page.contains(svg.as_str()) && svg.contains("viewBox=\"0 0 360 "), "{svg}");
        assert!(!svg.contains('#'), "a colour that is not the page's: {svg}");
    }
    assert!(measure(folder, &["--plot"]).status.success());
    let again =
        names.map(|name| fs::read_to_string(folder.join(format!("{name}.svg"))).expect(name));
    assert!(drawn == again, "other plots of the same results");
}

#[test]
#[ignore = "it builds the servers"]
fn measure_what_is_yours() {
    if !can_measure() {
        return;
    }
    let _quiet = quiet();
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    // An echo of a thread for each client, as Python's documentation has it: its queue has 5 places.
    let echo = "import socketserver, sys\n\
                class Handler(socketserver.StreamRequestHandler):\n\
                \x20   def handle(self):\n\
                \x20       for line in self.rfile: self.wfile.write(line)\n\
                host, port = sys.argv[-1].split(':')\n\
                server = socketserver.ThreadingTCPServer((host, int(port)), Handler)\n\
                server.daemon_threads = True\n\
                server.serve_forever()";
    let run = measure(folder, &["--quick", "--", PYTHON, "-c", echo]);
    let words = said(&run);
    assert!(run.status.success(), "{words}");
    assert!(words.contains("yours: no greeting; it answers with what it was told"), "{words}");
    for (name, what, clients) in [
        ("round_trips", "ratio to C, blocking", "1"),
        ("active", "round trips", "100"),
        ("silent", "processor", "100"),
        ("memory", "stacks", "100"),
        ("calls", "system calls", "1"),
    ] {
        let rows = rows(folder, name);
        let key = [what, "yours", clients].map(str::to_owned);
        assert!(rows.get(&key).is_some_and(|value| *value > 0.0), "{name}: {rows:?}");
        let svg = fs::read_to_string(folder.join(format!("{name}.svg"))).expect("a plot");
        assert!(svg.contains("yours"), "{svg}");
    }
}

#[test]
#[ignore = "it builds the servers"]
fn measure_tells_what_is_wrong_in_a_line() {
    if !can_measure() {
        return;
    }
    let _quiet = quiet();
    let listen = "import socket, sys, time\n\
                  host, port = sys.argv[-1].split(':')\n\
                  listener = socket.create_server((host, int(port)))\n";
    let wrong = |rest: &str, line: &str| {
        let folder = TempDir::new().expect("a folder");
        let script = format!("{listen}{rest}");
        let run = measure(folder.path(), &["--quick", "--", PYTHON, "-c", &script]);
        let words = said(&run);
        assert_eq!(run.status.code(), Some(1), "{words}");
        let told: Vec<&str> = words.lines().filter(|said| said.starts_with("yours")).collect();
        assert!(told.len() == 1 && told[0].contains(line), "{line}: {words}");
        assert!(fs::read_dir(folder.path()).expect("a folder").next().is_none(), "{words}");
    };
    wrong("time.sleep(60)", "does not answer: nothing came within 3s of a line of 32 bytes");
    wrong("while True: listener.accept()[0].close()", "closes the connection at once");
    wrong(
        "while True:\n  client, _ = listener.accept()\n  client.sendall(client.recv(99))\n  client.close()",
        "closes the connection when it has been told something",
    );
    wrong("raise SystemExit('no room')", "has ended (exit status: 1): no room");
    wrong(
        "client, _ = listener.accept()\nclient.recv(99)\nraise OSError('it broke')",
        "has ended (exit status: 1): OSError: it broke",
    );
    wrong(
        "while True:\n  client, _ = listener.accept()\n  n = 0\n  while client.recv(99): n += 1; client.sendall(b'x' * n)",
        "its answers to lines of the same length have 1 and 2 bytes",
    );

    let folder = TempDir::new().expect("a folder");
    let run = measure(folder.path(), &["--quick", "--", "./there_is_no_such_server"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(
        said(&run).contains("yours: ./there_is_no_such_server: No such file"),
        "{}",
        said(&run)
    );
    let run = measure(folder.path(), &["./mine"]);
    assert_eq!(run.status.code(), Some(2));
    assert!(said(&run).ends_with("cargo measure -- ./mine\n"), "{}", said(&run));
    let run = measure(folder.path(), &["--plot"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(said(&run).contains("no results in"), "{}", said(&run));
}
