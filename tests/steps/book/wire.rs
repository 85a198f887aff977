//! What strace, tcpdump and ss show: the outputs on the page "Look at the wire
//! yourself". Each command is really run, in a network namespace of its own.
//!
//! `UPDATE_EXPECT=1` writes them.

use std::process::Command;

use expect_test::expect_file;
use regex::Regex;
use tempfile::tempdir;

use crate::support::{output, program, top};
use crate::timelines::skipped;

/// tcpdump as root wants to become another user, which a namespace has not.
pub const NOT_ROOT: [&str; 4] =
    ["-Un", "--map-user=1000", "--map-group=1000", "--keep-caps"];

/// Runs a script in a namespace, with the program of an example in `$1`, in a
/// folder of its own; gives what it prints.
fn inside(script: &str, example: &str) -> Option<String> {
    let folder = tempdir().expect("a folder");
    let script = format!("set -e; ip link set lo up\n{script}");
    let run = output(
        Command::new("unshare")
            .args(NOT_ROOT)
            .args(["bash", "-c", &script, "bash", program(example)])
            .current_dir(&folder),
        "",
    );
    if run.status.success() {
        return Some(String::from_utf8(run.stdout).expect("UTF-8"));
    }
    skipped(&String::from_utf8_lossy(&run.stderr));
    None
}

/// Numbers the ports that the kernel picked.
fn numbered(text: &str) -> String {
    let mut ports: Vec<String> = vec![];
    let port =
        Regex::new(r"(?-u:\b)(?:3[2-9]|[45][0-9]|60)[0-9]{3}(?-u:\b)")
            .expect("a pattern");
    let number = |found: &regex::Captures<'_>| {
        let place = ports.iter().position(|one| *one == found[0]);
        let place = place.unwrap_or_else(|| {
            ports.push(found[0].to_owned());
            ports.len() - 1
        });
        format!("PORT{}", place + 1)
    };
    port.replace_all(text, number).into_owned()
}

fn compare(name: &str, text: &str) {
    expect_file![top().join(format!("examples/wire/{name}.txt"))]
        .assert_eq(text);
}

#[test]
#[ignore = "needs a network namespace"]
fn strace_shows_the_calls() {
    let script = r#"strace -e trace=%network -o calls.txt "$1" >/dev/null
        cat calls.txt"#;
    let Some(calls) = inside(script, "04_accept") else { return };
    let pointer = Regex::new("0x[0-9a-f]{6,}").expect("a pattern");
    compare("strace", &numbered(&pointer.replace_all(&calls, "POINTER")));
}

#[test]
#[ignore = "needs a network namespace"]
fn tcpdump_shows_the_packets() {
    let script = r#"
        tcpdump -i lo -n -t -l --immediate-mode tcp >packets 2>log &
        for i in $(seq 250); do grep -q listening log && break; sleep 0.02; done
        "$1" >/dev/null
        # (It has seen everything when it has seen this one refused.)
        (: </dev/tcp/127.0.0.1/9) 2>/dev/null || true
        for i in $(seq 250); do grep -q '\.9: ' packets && break; sleep 0.02; done
        kill %1; cat packets"#;
    // What tells nothing here: numbers, windows, options.
    let rest = Regex::new(r"\], .*length ([0-9]+)$").expect("a pattern");
    let wanted = top().join("examples/wire/tcpdump.txt");
    let wanted = std::fs::read_to_string(wanted).unwrap_or_default();
    // On a busy machine the kernel's acknowledgements can come alone that
    // otherwise travel with data: then we look again.
    for attempt in 1..=10 {
        let Some(seen) = inside(script, "06_close") else { return };
        let lines = seen.lines().take_while(|line| !line.contains("1.9: "));
        let lines = lines.map(|line| {
            format!("{}\n", rest.replace(line, "], length $1"))
        });
        let packets = numbered(&lines.collect::<String>());
        if packets == wanted || attempt == 10 {
            compare("tcpdump", &packets);
            break;
        }
    }
}

#[test]
#[ignore = "needs a network namespace"]
fn ss_shows_the_states() {
    let script = r#"
        wait_for() { for i in $(seq 250); do ss -tan | grep -q "$1" && return; sleep 0.02; done; exit 1; }
        sleep 60 | "$1" 127.0.0.1:8090 >/dev/null & wait_for LISTEN
        ss -tan; echo ---
        mkfifo typed; nc 127.0.0.1 8090 <>typed & wait_for ESTAB
        ss -tan; echo ---
        kill %2; wait_for FIN-WAIT-2
        ss -tan; echo ---
        pkill -P $$ -f 03_listen; pkill -P $$ sleep || true"#;
    let Some(shown) = inside(script, "03_listen") else { return };
    // The columns are as wide as the numbers in them, and the order is that of
    // the kernel's table.
    let column = |word: &str| format!("{word:<11}");
    let moments = shown.split("---\n").filter(|one| !one.is_empty());
    let names = ["listening", "queued", "closed"];
    assert_eq!(moments.clone().count(), names.len(), "{shown}");
    for (name, moment) in names.into_iter().zip(moments) {
        let moment = numbered(
            &moment
                .replace(" Address:Port", "_Address:Port")
                .replace("Process", ""),
        );
        let (head, rows) = moment.split_once('\n').expect("a head");
        let mut rows: Vec<&str> = rows.lines().collect();
        rows.sort_by_key(|row| {
            (
                !row.starts_with("LISTEN"),
                !row.contains(" 127.0.0.1:8090 "),
                *row,
            )
        });
        let line = |row: &str| {
            let words: Vec<&str> = row.split_whitespace().collect();
            let (counts, ends) = words.split_at(3);
            let ends: Vec<String> =
                ends.iter().map(|end| format!("{end:<19}")).collect();
            let counts: String =
                counts.iter().map(|word| column(word)).collect();
            format!("{}\n", (counts + &ends.concat()).trim_end())
        };
        let head = line(head).replace('_', " ");
        let text =
            head + &rows.iter().map(|row| line(row)).collect::<String>();
        compare(name, &text);
    }
}

/// Where a connection rests when both ends are closed.
#[test]
#[ignore = "needs a network namespace"]
fn ss_shows_what_is_left() {
    let script = r#""$1" >/dev/null; ss -Htan"#;
    let Some(shown) = inside(script, "06_close") else { return };
    let words: Vec<&str> = shown.split_whitespace().collect();
    assert_eq!(words[0], "TIME-WAIT", "{shown}");
    assert_eq!(shown.lines().count(), 1, "{shown}");
}
