//! What is special about the server of step 26: the runtime that must end, a bound in the
//! thousands, and TLS. What holds for every server of the chat is tested with the others.

// (Some of it is for Linux only.)
#![cfg_attr(not(target_os = "linux"), allow(unused))]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use socket_steps::chat::Lang;

use crate::hostile::{greeted, leave, start, still_serves, talk};
use crate::support::{Terminal, expect, rest};

const NAME: &str = "26_async_server";

/// Somebody is at the keyboard, and types nothing. (A thread of tokio that waits for that would
/// keep the program from ending: the change `runtime_waits`.)
#[test]
fn a_keyboard_that_is_silent_keeps_no_runtime_from_ending() {
    let shown = Terminal::start(NAME, &[]).finish();
    assert!(shown.ends_with("erik      recv        0 bytes: the server has ended it\n"), "{shown}");
}

/// All that it sent before its end is answered, and then comes the server's end.
#[test]
fn a_client_that_half_closes_gets_its_answers() {
    let (_terminal, server) = start(NAME);
    let others: Vec<_> = (0..50).map(|_| greeted(server)).collect();
    for mut client in &others {
        client.write_all(&[b'x'; 5000]).expect("sent");
        client.shutdown(Shutdown::Write).expect("our end");
    }
    for client in &others {
        let answers = rest(client);
        assert_eq!(answers.matches('x').count(), 5000);
        assert!(answers.starts_with("Server received: xxx"), "{answers}");
    }
    still_serves(server);
}

/// The grace is for conversations: a stop with none is at once, and one is waited for.
#[test]
fn a_stop_waits_for_conversations_only() {
    for talks in [0, 3] {
        let (mut terminal, server) = start(NAME);
        let clients: Vec<_> = (0..talks).map(|_| greeted(server)).collect();
        // One that has left is no conversation.
        still_serves(server);
        let pressed = Instant::now();
        terminal.type_line("");
        terminal.wait_for(&format!("{talks} go on, for 5s at most"));
        assert!(TcpStream::connect(server).is_err(), "nobody listens");
        for client in &clients {
            talk(client, "still there?");
        }
        clients.iter().for_each(leave);
        let shown = terminal.finish();
        assert!(shown.ends_with(" 0 cut off\n"), "{shown}");
        assert!(pressed.elapsed() < Duration::from_secs(4), "{:?}", pressed.elapsed());
    }
}

/// Who says nothing until the grace is over is cut off, and counted.
#[test]
#[ignore = "takes five seconds"]
fn a_stop_ends_with_the_grace() {
    let (mut terminal, server) = start(NAME);
    let silent: Vec<_> = (0..100).map(|_| greeted(server)).collect();
    let pressed = Instant::now();
    terminal.type_line("");
    terminal.wait_for("100 go on");
    silent[..30].iter().for_each(leave);
    let shown = terminal.finish();
    assert!(shown.ends_with(" 70 cut off\n"), "{shown}");
    let took = pressed.elapsed().as_secs_f32();
    assert!((4.9..7.0).contains(&took), "{took}");
    silent[30..].iter().for_each(|client| assert_eq!(rest(client), ""));
}

#[cfg(target_os = "linux")]
mod on_linux {
    use super::*;
    use std::fs;
    use std::net::SocketAddr;
    use std::process::Stdio;

    use crate::book::beyond::beyond;
    use crate::machine::{PYTHON, command, descriptors, has, launch, missing, program, programs};
    use crate::support::{assert_snapshot, connect, top, within_limit};

    /// For as long as it has no descriptors it says so, ten times a second, and nobody is lost.
    #[test]
    fn a_shortage_of_descriptors_passes() {
        let limit = "ulimit -S -n 12 && exec \"$0\" 127.0.0.1:0";
        let mut terminal = Terminal::open(launch("sh").args(["-c", limit, program(NAME)]));
        let server = terminal.invited_to();
        let mut all: Vec<_> = (0..20).map(|_| connect(server)).collect();
        let line = terminal.wait_for("too many open files");
        assert!(line.starts_with("server    accept"), "{line}");
        let lines = terminal.lines_within(Duration::from_secs(1));
        assert!((2..=11).contains(&lines), "{lines} lines in a second");
        // In the order of the queue.
        while !all.is_empty() {
            let client = all.remove(0);
            expect(&client, Lang::En.server_greeting());
            talk(&client, "hi");
            leave(&client);
        }
        still_serves(server);
    }

    /// As many as there are places, and one more: that one is connected, and served when somebody
    /// has left. Memory for each is told by a limit with a wide margin.
    #[test]
    #[ignore = "ten thousand clients"]
    fn ten_thousand_have_a_place() {
        const PLACES: usize = 10_000;
        let (soft, most) = descriptors();
        if most < 10_200 || soft < 10_200 {
            return missing(&format!("{soft} descriptors are too few: ulimit -n 10200"));
        }
        let mut terminal = Terminal::start(NAME, &["127.0.0.1:0"]);
        let server = terminal.invited_to();
        let memory = |id| {
            let status = fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let mut words = line.expect("its memory").split_whitespace();
            words.next().and_then(|kib| kib.parse::<usize>().ok()).expect("a number")
        };
        let before = memory(terminal.id());
        let clients: Vec<_> = (0..PLACES).map(|_| greeted(server)).collect();
        let each = (memory(terminal.id()) - before) * 1024 / PLACES;
        assert!(each < 8192, "{each} bytes for a client");
        let mut late = connect(server);
        late.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
        assert!(late.read(&mut [0; 1]).is_err(), "there is no place");
        for client in clients.iter().step_by(100) {
            talk(client, "hi");
        }
        leave(&clients[5000]);
        late.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        expect(&late, Lang::En.server_greeting());
        talk(&late, "hi");
    }

    /// Clients that are not ours talk to it. One without TLS, and one that doesn't trust it, are
    /// refused, and the server says why.
    #[test]
    #[ignore = "builds rustls"]
    fn tls() {
        let program = beyond("26_async_server.tls");
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = launch(&program);
        let mut terminal = Terminal::open(command.env("TMPDIR", folder.path()).arg("127.0.0.1:0"));
        let line = terminal.wait_for("certificate");
        let file = line.split_whitespace().next_back().expect("a file").to_owned();
        let line = terminal.wait_for("openssl s_client");
        let server = line.split_whitespace().next_back().expect("an address").to_owned();
        let server: SocketAddr = server.parse().expect("an address");

        // Not one word of the chat, but 7 bytes of TLS: a fatal alert.
        let mut plain = connect(server);
        plain.write_all(b"hello\n").expect("sent");
        let mut heard = Vec::new();
        let _ = plain.read_to_end(&mut heard);
        assert_eq!((heard.len(), &heard[..2]), (7, &[21, 3][..]), "{heard:?}");
        let line = terminal.wait_for("handshake");
        assert!(line.contains("no TLS: received corrupt message"), "{line}");

        let port = server.port().to_string();
        if has(&[PYTHON]) {
            let mut client = launch(PYTHON);
            let peer = top().join("tests/peers/tls_client.py");
            client.arg(peer).args([&port, &file, "hi", "quit"]);
            let shown = Terminal::open(&mut client).finish();
            let wanted = "Hello, client!\nServer received: hi\nServer received: quit\n";
            assert_eq!(shown, wanted);
        }
        if has(&["openssl"]) {
            let openssl = |trusted: &[&str]| {
                let mut client = launch("openssl");
                let to = ["s_client", "-quiet", "-verify_return_error", "-connect"];
                client.args(to).arg(server.to_string()).args(trusted);
                Terminal::open(client.args(["-verify_hostname", "localhost"]).stderr(Stdio::null()))
            };
            let mut client = openssl(&["-CAfile", &file]);
            client.type_line("quit");
            let shown = client.finish();
            assert!(shown.contains("Hello, client!"), "{shown}");
            assert!(shown.contains("Server received: quit\n"), "{shown}");
            // No authority has signed it.
            let mut client = openssl(&["-no-CAfile", "-no-CApath"]);
            let line = terminal.wait_for("handshake");
            assert!(line.contains("received fatal alert"), "{line}");
            let failed = within_limit(|| client.status()).expect("it ends");
            assert!(!failed.success(), "{failed}");
        }
        // Nobody is left.
        terminal.type_line("");
        let shown = terminal.finish();
        assert!(shown.ends_with(" 0 cut off\n"), "{shown}");
    }

    /// The codec keeps what has come of a frame.
    #[test]
    #[ignore = "builds rustls"]
    fn a_codec_keeps_half_a_frame() {
        let program = &programs("socket-steps-beyond")["26_codec"];
        let output = command(program).assert().success().stderr("");
        let shown = String::from_utf8(output.get_output().stdout.clone()).expect("UTF-8");
        assert_snapshot("beyond", "26_codec", &shown);
    }
}
