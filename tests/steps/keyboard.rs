//! The client of step 25 with an address: it hears two at once, and a person can use it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::support::{Terminal, accept, expect, families, rest, run_with, succeeds, within_limit};

const CLIENT: &str = "25_keyboard";
const END: &str = "(the server has ended it)";

/// The client, somebody who types, and the server's end of the connection.
fn meet(family: &str) -> (Terminal, TcpStream) {
    let listener = TcpListener::bind(family).expect("a port");
    let server = listener.local_addr().expect("an address").to_string();
    let terminal = Terminal::start(CLIENT, &[&server]);
    let (peer, _) = accept(&listener);
    peer.set_nodelay(true).expect("an option");
    (terminal, peer)
}

/// It is given this as its input, to the end of it, while a thread plays the server.
fn with_server(
    input: &str,
    server: impl FnOnce(TcpStream) + Send + 'static,
) -> (i32, String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let here = listener.local_addr().expect("an address").to_string();
    let playing = thread::spawn(move || server(accept(&listener).0));
    let outcome = run_with(CLIENT, &[&here], input);
    playing.join().expect("the server's part");
    outcome
}

#[test]
fn what_arrives_shows_while_nobody_types() {
    for family in families() {
        let (mut terminal, mut peer) = meet(family);
        // Without an end of line, and then with one, and then two at once.
        for (text, lines) in [
            ("Hello, client!", &["Hello, client!"][..]),
            ("* welcome 你\n", &["* welcome 你"]),
            ("ben: one\r\nben: two\nben: thr", &["ben: one", "ben: two", "ben: thr"]),
        ] {
            peer.write_all(text.as_bytes()).expect("room");
            for line in lines {
                assert_eq!(terminal.wait_for(""), *line);
            }
        }
        drop(peer);
        assert!(terminal.finish().ends_with(&format!("ben: thr\n{END}\n")));
    }
}

/// Nothing is typed, and its input is open.
#[test]
#[cfg_attr(windows, ignore = "a reset may read as 0 bytes under Wine")]
fn the_end_of_the_server_is_told_while_nobody_types() {
    let (terminal, peer) = meet("127.0.0.1:0");
    drop(peer);
    assert_eq!(terminal.finish(), format!("{END}\n"));

    let (mut terminal, peer) = meet("127.0.0.1:0");
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).expect("a linger");
    drop(peer);
    let status = within_limit(|| terminal.status()).expect("an end");
    assert_eq!(status.code(), Some(1), "a reset is an error");
}

/// Half a character is no text; the other half comes later.
#[test]
fn a_character_in_two_pieces_is_shown_whole() {
    let (mut terminal, mut peer) = meet("127.0.0.1:0");
    let text = "ben: 你".as_bytes();
    peer.write_all(&text[..text.len() - 1]).expect("room");
    assert_eq!(terminal.wait_for(""), "ben: ");
    peer.write_all(&text[text.len() - 1..]).expect("room");
    assert_eq!(terminal.wait_for(""), "你");
    // What is no text at all, and what would command the terminal.
    peer.write_all(b"\xff\x1b[2J\n").expect("room");
    assert_eq!(terminal.wait_for(""), "\u{fffd}\\u{1b}[2J");
    drop(peer);
    terminal.finish();
}

#[test]
fn what_is_typed_is_sent_line_by_line() {
    let (mut terminal, mut peer) = meet("127.0.0.1:0");
    for line in ["anna", "", "你好 🌍"] {
        terminal.type_line(line);
        expect(&peer, &format!("{line}\n"));
    }
    // Half a line stays until its end has come.
    terminal.type_keys("hel");
    // (It has read that by then, as a rule. If not, there is less to see.)
    thread::sleep(Duration::from_millis(100));
    peer.write_all(b"ben: hi\n").expect("room");
    terminal.wait_for("ben: hi");
    terminal.type_keys("lo\nquit\nnot any more\n");
    assert_eq!(rest(&peer), "hello\nquit\n");
    peer.write_all(b"* good-bye\n").expect("room");
    drop(peer);
    assert_eq!(terminal.finish(), format!("ben: hi\n* good-bye\n{END}\n"));
}

/// The end of input is a half-close: the server may still speak.
#[test]
#[cfg_attr(windows, ignore = "under Wine the end is not seen while it waits for the server alone")]
fn last_words_are_heard_after_the_end_of_input() {
    let (status, shown, errors) = with_server("hi\nlast", |mut peer| {
        assert_eq!(rest(&peer), "hi\nlast");
        for text in ["one\n", "two"] {
            peer.write_all(text.as_bytes()).expect("room");
            thread::sleep(Duration::from_millis(300));
        }
    });
    assert_eq!((status, errors.as_str()), (0, ""));
    assert_eq!(shown, format!("one\ntwo\n{END}\n"));
}

/// More than the buffers hold, in both directions: neither waits for the other.
#[test]
#[cfg_attr(windows, ignore = "under Wine the connection is reset")]
fn a_file_goes_through_and_all_of_it_comes_back() {
    let file: String = (0..50_000).map(|number| format!("line {number}\n")).collect();
    let expected = format!("{file}{END}\n");
    let (status, shown, errors) = with_server(&file, |mut peer| {
        let mut buffer = [0; 65_536];
        loop {
            match peer.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => peer.write_all(&buffer[..length]).expect("room"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted),
            }
        }
        peer.shutdown(Shutdown::Write).expect("our end");
    });
    assert_eq!((status, errors.as_str()), (0, ""));
    assert!(shown == expected, "{} bytes of {}", shown.len(), expected.len());
}

#[test]
fn nobody_listens() {
    let (_closed, there) = crate::support::closed_tcp_port();
    let (status, shown, errors) = run_with(CLIENT, &[&there.to_string()], "");
    assert_eq!((status, shown.as_str()), (1, ""));
    assert!(errors.contains("connection refused"), "{errors}");
}

/// Those of the course that speak in bytes.
#[test]
fn it_speaks_to_the_chat() {
    for name in ["07_chat_server", "16_one_at_a_time", "16_clean_stop"] {
        let mut server = Terminal::start(name, &["127.0.0.1:0"]);
        let address = server.invited_to().to_string();
        let mut terminal = Terminal::start(CLIENT, &[&address]);
        assert_eq!(terminal.wait_for(""), "Hello, client!");
        for line in ["hi", "你好", "quit"] {
            terminal.type_line(line);
            assert_eq!(terminal.wait_for(""), format!("Server received: {line}"));
        }
        assert!(terminal.finish().ends_with(&format!("{END}\n")));
    }
}

/// Nobody types: the end of input comes first, and the server says nothing more, nor ends.
#[test]
#[ignore = "takes ten seconds"]
fn a_server_that_does_not_end_has_ten_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let here = listener.local_addr().expect("an address").to_string();
    let drips = thread::spawn(move || {
        let (mut peer, _) = accept(&listener);
        assert_eq!(rest(&peer), "");
        // However often it speaks.
        while peer.write_all(b".\n").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    let since = Instant::now();
    let shown = succeeds(CLIENT, &[&here], "");
    let waited = since.elapsed().as_secs();
    assert!((10..30).contains(&waited), "{waited} s");
    assert!(shown.ends_with("\n(the server does not end: good-bye)\n"), "{shown}");
    drips.join().expect("the server's part");
}

#[cfg(unix)]
mod screen {
    use super::{END, TcpListener, Terminal, accept, expect};
    use crate::chat::python;
    use crate::machine::{PYTHON, has, program};
    use std::io::Write as _;

    /// What a screen shows that gets this text: as xterm and others do it, a row is left only by
    /// the character that finds no room in it.
    fn rows(text: &str, width: usize) -> Vec<String> {
        let mut rows = vec![vec![]];
        let mut at = 0;
        for c in text.chars() {
            let last = rows.len() - 1;
            match c {
                '\r' => at = 0,
                '\n' => rows.push(vec![]),
                c => {
                    let mut row = last;
                    if at == width {
                        rows.push(vec![]);
                        (row, at) = (last + 1, 0);
                    }
                    let row: &mut Vec<char> = &mut rows[row];
                    row.resize(row.len().max(at + 1), ' ');
                    row[at] = c;
                    at += 1;
                }
            }
        }
        let row = |row: Vec<char>| String::from_iter(row).trim_end().to_owned();
        rows.into_iter().map(row).collect()
    }

    /// Presses keys, and waits until the screen shows them.
    fn press(terminal: &mut Terminal, keys: &str, screen: &mut String) {
        terminal.type_keys(keys);
        wait_for(terminal, keys, screen);
    }

    fn wait_for(terminal: &mut Terminal, words: &str, screen: &mut String) {
        let before = screen.len();
        while !screen[before..].contains(words) {
            let part = terminal.wait_for("");
            *screen += &serde_json::from_str::<String>(&part).expect("a string of JSON");
        }
    }

    /// A person at a terminal, who is in the middle of a line when another one arrives.
    #[test]
    fn half_a_line_that_is_typed_is_neither_lost_nor_garbled() {
        if !has(&[PYTHON]) {
            return;
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let here = listener.local_addr().expect("an address").to_string();
        let mut terminal = Terminal::open(&mut python("keys.py", &[program("25_keyboard"), &here]));
        let (mut peer, _) = accept(&listener);
        let mut screen = String::new();
        let mut say = |text: &str| peer.write_all(text.as_bytes()).expect("room");

        // In an empty row, twice; in the middle of one; and of one that is just full.
        for line in ["* welcome anna", "* ben joins"] {
            say(&format!("{line}\n"));
            wait_for(&mut terminal, line, &mut screen);
        }
        press(&mut terminal, "hel", &mut screen);
        say("ben: are you there?\n");
        wait_for(&mut terminal, "there?", &mut screen);
        terminal.type_keys("lo\n");
        let long = "x".repeat(40);
        press(&mut terminal, &long, &mut screen);
        say("ben: hm\n");
        wait_for(&mut terminal, "hm", &mut screen);
        // The kernel's own keys still work: the last character goes, the line shows again.
        terminal.type_keys("\x7f\x12");
        wait_for(&mut terminal, &long[1..], &mut screen);
        terminal.type_keys("y\n");
        let sent = format!("hello\n{}y\n", &long[1..]);
        expect(&peer, &sent);
        drop(peer);
        wait_for(&mut terminal, END, &mut screen);
        terminal.finish();

        let shown = rows(&screen, 40);
        let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
        let head = ["* welcome anna", "* ben joins", "hel", "ben: are you there?", "lo"];
        assert_eq!(shown[..5], head, "{shown:#?}");
        assert_eq!(shown[5..7], [&long, "ben: hm"], "{shown:#?}");
        assert!(shown.ends_with(&[&format!("{}y", &long[1..]), END, ""]), "{shown:#?}");
    }
}
