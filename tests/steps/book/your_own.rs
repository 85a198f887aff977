//! The programs of the page "Your own program": in a project of their own, as
//! the page says to make it, against the examples and against each other.
//!
//! Not part of a usual run, as that project is built for it:
//! `cargo test --test steps -- --ignored book`.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use crate::machine::{cargo, cargo_starts, command, launch, succeeds};
use crate::support::{
    Terminal, accept, assert_snapshot, closed_tcp_port, connect, expect, rest, top,
};

const PROGRAMS: [&str; 4] = ["tcp_client", "udp_client", "tcp_server", "udp_server"];

/// What goes wrong when they are written from memory: the program, a part of it, and what
/// somebody writes there.
const FROM_MEMORY: [(&str, &str, &str); 4] = [
    (
        "tcp_server",
        "let here = listener.local_addr()?.as_socket().expect(\"an address\");",
        "let here = listener.local_addr()?;",
    ),
    ("tcp_server", "let (mut conversation, _)", "let (conversation, _)"),
    ("tcp_client", "socket.write_all(text.as_bytes())?;", "socket.write_all(text)?;"),
    ("tcp_client", "let mut buffer = [0; 1024];", "let mut buffer = [0; 8];"),
];

#[test]
#[ignore = "builds a project of its own"]
fn your_own_programs_talk_to_the_examples_and_to_each_other() {
    if !cargo_starts() {
        return;
    }
    // Not in `target`: cargo would write this project into the workspace.
    let folder = tempfile::tempdir().expect("a folder");
    succeeds(cargo().current_dir(&folder).args(["new", "my-sockets"]));
    let project = folder.path().join("my-sockets");
    let in_project = |arguments: &[&str]| {
        // Without the network: cargo has what this crate was built from.
        let mut cargo = cargo();
        cargo.current_dir(&project).arg("--offline").args(arguments);
        succeeds(cargo.env("CARGO_TARGET_DIR", project.join("target")));
    };
    in_project(&["add", "socket2"]);
    fs::create_dir(project.join("src/bin")).expect("a folder");
    for name in PROGRAMS {
        let file = format!("{name}.rs");
        let ours = top().join("examples/your_own").join(&file);
        let theirs = project.join("src/bin").join(&file);
        fs::copy(ours, theirs).expect(name);
    }
    in_project(&["build"]);

    let programs = project.join("target/debug");
    for (client, example) in [("tcp_client", "05_send_recv"), ("udp_client", "05_send_recv_udp")] {
        let mut server = Terminal::start(example, &["127.0.0.1:0"]);
        let address = server.invited_to();
        runs_with(&programs, client, address);
        let printed = format!("{client}_{example}");
        is_in_the_book(&printed, &server.finish(), address);
    }
    for (client, server) in [("tcp_client", "tcp_server"), ("udp_client", "udp_server")] {
        let mut terminal = Terminal::open(launch(program(&programs, server)).arg("127.0.0.1:0"));
        let line = terminal.wait_for(" at ");
        let here = line.rsplit(' ').next().expect("a last word");
        let address = here.parse().expect("an address");
        runs_with(&programs, client, address);
        is_in_the_book(server, &terminal.finish(), address);
    }

    // Ended in the middle (Ctrl-C), it closes first, so its connection is not
    // forgotten. A second run has the port at once.
    let mut at = "127.0.0.1:0".to_owned();
    for _ in 0..2 {
        let mut terminal = Terminal::open(launch(program(&programs, "tcp_server")).arg(&at));
        let line = terminal.wait_for(" at ");
        at = line.rsplit(' ').next().expect("a last word").to_owned();
        let client = connect(at.parse().expect("an address"));
        expect(&client, "Hello, 你好!");
        terminal.stop();
        assert_eq!(rest(&client), "");
    }

    // Nobody is there.
    let (_closed, there) = closed_tcp_port();
    let mut client = command(program(&programs, "tcp_client"));
    let refused = client.arg(there.to_string()).assert().code(1);
    let error = String::from_utf8_lossy(&refused.get_output().stderr);
    assert!(error.contains("kind: ConnectionRefused"), "{error}");

    written_from_memory(&project);
}

/// What comes of each of these: what the compiler says, or else what is printed.
fn written_from_memory(project: &Path) {
    let mut shown = String::new();
    for (name, right, wrong) in FROM_MEMORY {
        let path = project.join(format!("src/bin/{name}.rs"));
        let text = fs::read_to_string(&path).expect(name);
        assert_eq!(text.matches(right).count(), 1, "{name}: {right}");
        let changed = text.replace(right, wrong);
        let line = changed.lines().find(|line| line.contains(wrong)).expect("the changed line");
        shown += &format!("{}\n", line.trim());
        fs::write(&path, &changed).expect(name);
        let build = cargo()
            .current_dir(project)
            .args(["--offline", "build", "--message-format", "short", "--bin", name])
            .env("CARGO_TARGET_DIR", project.join("target"))
            .output()
            .expect("cargo");
        let said = String::from_utf8_lossy(&build.stderr);
        if let Some((_, error)) = said.split_once(": error[") {
            let error = error.lines().next().unwrap_or_default();
            // What it suggests differs from one Rust to the next.
            let error = error.split(": ").take(2).collect::<Vec<_>>().join(": ");
            shown += &format!("    error[{error}\n");
        } else {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
            let here = listener.local_addr().expect("an address").to_string();
            let program = program(&project.join("target/debug"), name);
            let client = Terminal::open(launch(program).arg(here));
            let (mut conversation, _) = accept(&listener);
            conversation.write_all("Hello, 你好!".as_bytes()).expect("a greeting");
            let printed = client.finish();
            shown += &format!("    {}\n", printed.lines().next().expect("a line"));
        }
        fs::write(&path, &text).expect(name);
    }
    assert_snapshot("your_own", "from_memory", &shown);
}

/// Without an address, a client goes where the page says that it goes.
/// Whoever is there by chance: it is the page's words that are looked at.
#[test]
fn your_own_programs_are_at_8090() {
    for name in PROGRAMS {
        let path = top().join(format!("examples/your_own/{name}.rs"));
        let text = fs::read_to_string(path).expect(name);
        let default = ".unwrap_or(\"127.0.0.1:8090\".to_string())";
        assert!(text.contains(default), "{name}");
    }
}

fn program(folder: &Path, name: &str) -> std::path::PathBuf {
    folder.join(format!("{name}{EXE_SUFFIX}"))
}

/// Runs a client of the page against a server.
fn runs_with(folder: &Path, client: &str, server: SocketAddr) {
    let run = command(program(folder, client)).arg(server.to_string()).assert();
    let run = run.success().stderr("");
    is_in_the_book(client, &String::from_utf8_lossy(&run.get_output().stdout), server);
}

/// Compares what was printed with what the page shows, where the port is 8090.
fn is_in_the_book(name: &str, shown: &str, server: SocketAddr) {
    let port = server.port();
    let shown = shown.replace(&format!("127.0.0.1:{port}"), "127.0.0.1:8090");
    let shown = shown.replace(&format!(" {port}\n"), " 8090\n");
    assert_snapshot("your_own", name, &shown);
}
