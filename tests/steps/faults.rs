//! The rows of the error atlas that no kernel can be brought to: the call is
//! made to fail, and the example must say what it says of every error.

use std::collections::BTreeSet;
use std::io;

use crate::atlas::{rows, same_kind};
use crate::machine::program;
use crate::timelines::trace;

/// The row's call; what fails; in which example.
const FAULTS: [(&str, &str, &str); 13] = [
    ("bind: a port below 1024", "bind=EACCES", "02_bind"),
    ("connect: no answer for two minutes", "connect=ETIMEDOUT", "04_connect"),
    ("accept: the connection was given up", "accept=ECONNABORTED:2", "04_accept"),
    ("send_to: this machine's packet filter drops it", "send=EPERM", "05_send_recv_udp"),
    ("send: the peer has just gone (macOS)", "send=EPROTOTYPE", "05_send_recv"),
    ("accept: the client had left (macOS)", "accept=EINVAL:2", "04_accept"),
    ("any call that waits: a signal", "accept=EINTR:2", "04_accept"),
    ("any call that waits: a signal", "recv=EINTR", "05_send_recv"),
    ("connect, send_to: no way there", "connect=ENETUNREACH", "04_connect"),
    ("connect, send_to: no way there", "send=ENETUNREACH", "05_send_recv_udp"),
    ("connect: nobody has that address", "connect=EHOSTUNREACH", "04_connect"),
    ("any call: the kernel is out of room", "send=ENOBUFS", "05_send_recv_udp"),
    ("socket, accept: at the system's limit", "socket=ENFILE", "01_create"),
];

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn the_examples_say_why_a_call_fails_that_is_made_to_fail() {
    let rows: Vec<_> =
        rows().into_iter().filter(|row| row.linux.ends_with(" (injected)")).collect();
    let injected: BTreeSet<_> = rows.iter().map(|row| &*row.call).collect();
    let tested = FAULTS.map(|(call, ..)| call).into();
    assert_eq!(injected, tested, "left: the atlas, right: this list");
    for (call, fault, example) in FAULTS {
        let row = rows.iter().find(|row| row.call == call).expect(call);
        let cell = row.linux.trim_end_matches(" (injected)");
        let (number, name) = cell.split_once(' ').expect("two words");
        assert!(fault.contains(&format!("={name}")), "{fault}, {cell}");

        let arguments = ["--calls", "--fault", fault, "--", program(example)];
        let Some(timeline) = trace(&arguments, "") else { return };
        for words in [
            &*format!(" = {name} (injected)\n"),
            &*format!(": {} (os error {number})\n", row.title),
            "\n  line ",
            "\n  why: ",
            "\n  try: ",
            "(exited with 1)\n",
        ] {
            assert!(timeline.contains(words), "{words}\n{timeline}");
        }
        assert!(!timeline.contains("  packet "), "{timeline}");

        let number = number.parse().expect("a number");
        let kind = io::Error::from_raw_os_error(number).kind();
        let (expected, _) = row.kind.split_once("; ").unwrap_or((&row.kind, ""));
        assert!(same_kind(expected, kind), "{call}: {kind:?}");
    }
}

/// One client's misfortune is not the server's end; and who calls again after
/// EINTR, the clients as well, has the same conversation as ever.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn every_server_goes_on() {
    const AT: &str = "127.0.0.1:8090";
    let tcp = ["07_first_server", "07_chat_server", "16_one_at_a_time"];
    let faults = [
        ("accept=ECONNABORTED", "connection aborted"),
        ("accept=EINTR", "interrupted"),
        ("accept=EINVAL", "invalid argument"),
        ("accept=ENFILE", "too many open files on this system"),
    ];
    let accepts = tcp
        .into_iter()
        .flat_map(|server| faults.map(|(fault, words)| (server, "07_chat_client", fault, words)));
    let receives = [
        ("16_one_at_a_time", "07_chat_client", "recv=EINTR", ""),
        ("07_chat_server_udp", "07_chat_client_udp", "recv=EINTR", ""),
    ];
    for (server, client, fault, error) in accepts.chain(receives) {
        let (server, client) = (program(server), program(client));
        let arguments = ["--fault", fault, "--", server, AT, "--with", "--", client, AT];
        let Some(timeline) = trace(&arguments, "hi\nquit\n") else {
            return;
        };
        for words in [
            " (injected)\n",
            error,
            &format!("{}: server: Server received: hi\n", name(client)),
            &format!("{}: client closed\n", name(client)),
            &format!("({} still waited in ", name(server)),
        ] {
            assert!(timeline.contains(words), "{fault}: {words}\n{timeline}");
        }
        assert!(!timeline.contains("error: "), "{fault}\n{timeline}");
    }
}

fn name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// The network of `cargo trace` has no way out: the kernel itself says so,
/// in the words that an injected error gets.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn other_networks_are_unreachable() {
    let arguments = ["--", program("04_connect"), "192.0.2.1:9"];
    let Some(timeline) = trace(&arguments, "") else { return };
    for words in [
        "192.0.2.1:9) = ENETUNREACH\n",
        "error: connect 192.0.2.1:9: network unreachable (os error 101)\n",
        "\n  why: this machine knows no way to that address\n",
    ] {
        assert!(timeline.contains(words), "{words}\n{timeline}");
    }
}
