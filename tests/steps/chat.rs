//! The chat of part 2 over TCP: with peers in Python, with each other, and
//! with peers that behave badly.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use proptest::prelude::*;
use socket_steps::chat::{Decoder, Lang, shown};

use crate::machine::{PYTHON, has, launch};
use crate::support::{
    Terminal, accept, as_ipv4, closed_tcp_port, compare, connect, expect, families, rest, run,
    run_with, succeeds, top, wait_for_bytes,
};

/// Both languages of the chat.
pub const LANGS: [(&str, Lang); 2] = [("en", Lang::En), ("zh", Lang::Zh)];

/// What both languages talk about in the tests: three lines of input.
pub const LINES: [&str; 3] = ["hi", "你好, 世界 🌍", "quit"];

/// `name`, or `name@zh`: the snapshot of a program in this language.
pub fn in_lang(name: &str, lang: &str) -> String {
    if lang == "en" { name.to_owned() } else { format!("{name}@{lang}") }
}

/// A Python program from `tests/peers`.
pub fn python(script: &str, arguments: &[&str]) -> Command {
    let mut command = launch(PYTHON);
    command
        .arg(top().join("tests/peers").join(script))
        .args(arguments)
        .env("PYTHONIOENCODING", "utf-8");
    command
}

/// Runs a Python program to its end; gives what it shows.
fn python_shows(script: &str, arguments: &[&str]) -> String {
    Terminal::open(&mut python(script, arguments)).finish()
}

/// Our two programs, and the scripts in Python that play the other end of each.
pub struct Pair {
    pub server: &'static str,
    pub client: &'static str,
    pub server_in_python: &'static str,
    pub client_in_python: &'static str,
}

const TCP: Pair = Pair {
    server: "07_chat_server",
    client: "07_chat_client",
    server_in_python: "tcp_server.py",
    client_in_python: "tcp_client.py",
};

impl Pair {
    /// Starts our server.
    pub fn serve(&self, address: &str, lang: &str) -> (Terminal, SocketAddr) {
        let mut server = Terminal::start(self.server, &[address, "--lang", lang]);
        let address = server.invited_to();
        (server, address)
    }

    /// When the client has left, what our server has shown.
    fn server_shows(&self, mut server: Terminal, lang: &str) {
        server.wait_for(if lang == "en" { "disconnected" } else { "关闭" });
        compare(&in_lang(self.server, lang), &as_ipv4(&server.stop()));
    }

    pub fn our_client_with_a_server_in_python(&self) {
        if !has(&[PYTHON]) {
            return;
        }
        for (lang, words) in LANGS {
            let mut server = Terminal::open(&mut python(self.server_in_python, &[lang]));
            let port = server.wait_for("");
            let address = format!("127.0.0.1:{port}");
            let input = LINES.map(|line| format!("{line}\n")).concat();
            let ours = succeeds(self.client, &[&address, "--lang", lang], input);
            compare(&in_lang(self.client, lang), &ours);
            let theirs = server.finish();
            assert_eq!(theirs.split_once('\n').expect("more lines").1, texts(words));
        }
    }

    pub fn our_server_with_a_client_in_python(&self) {
        if !has(&[PYTHON]) {
            return;
        }
        for (lang, words) in LANGS {
            let (server, address) = self.serve("127.0.0.1:0", lang);
            let (ip, port) = (address.ip().to_string(), address.port().to_string());
            let arguments = [&[&ip, &port, lang], &LINES[..]].concat();
            assert_eq!(python_shows(self.client_in_python, &arguments), replies(words));
            self.server_shows(server, lang);
        }
    }

    pub fn our_client_with_our_server(&self, end_of_line: &str) {
        for (lang, _) in LANGS {
            for family in families() {
                let (server, address) = self.serve(family, lang);
                let input = LINES.map(|line| format!("{line}{end_of_line}")).concat();
                let arguments = [&address.to_string(), "--lang", lang];
                let shown = succeeds(self.client, &arguments, input);
                compare(&in_lang(self.client, lang), &as_ipv4(&shown));
                self.server_shows(server, lang);
            }
        }
    }
}

/// What a Python client receives in the conversation of the tests.
fn replies(lang: Lang) -> String {
    let mut wanted = format!("server: {}\n", lang.server_greeting());
    for text in [lang.client_greeting()].iter().chain(&LINES) {
        wanted += &format!("server: {}\n", lang.reply(text));
    }
    wanted
}

/// What a Python server receives in the conversation of the tests.
fn texts(lang: Lang) -> String {
    let texts = [lang.client_greeting()];
    let texts = texts.iter().chain(&LINES);
    texts.map(|text| format!("client: {text}\n")).collect()
}

fn serve(lang: &str) -> (Terminal, SocketAddr) {
    TCP.serve("127.0.0.1:0", lang)
}

/// A client that reads the greeting, says one thing and reads the reply.
fn greeted(server: SocketAddr) -> TcpStream {
    let peer = connect(server);
    expect(&peer, "Hello, client!");
    peer
}

/// An ordinary conversation: the server is as well as before.
fn still_serves(terminal: &mut Terminal, server: SocketAddr) {
    let mut peer = greeted(server);
    peer.write_all(b"quit").expect("sent");
    expect(&peer, "Server received: quit");
    assert_eq!(rest(&peer), "");
    let local = peer.local_addr().expect("an address");
    terminal.wait_for(&format!("client connected {local}"));
    let line = terminal.wait_for("client disconnected");
    assert_eq!(line, format!("client disconnected {local}"));
}

#[test]
fn our_client_with_a_server_in_python() {
    TCP.our_client_with_a_server_in_python();
}

#[test]
fn our_server_with_a_client_in_python() {
    TCP.our_server_with_a_client_in_python();
}

#[test]
fn our_client_with_our_server() {
    TCP.our_client_with_our_server("\r\n");
}

/// There is no framing: greeting and reply arrive together. Step 9 is about
/// that.
#[test]
fn a_client_that_does_not_read_first_gets_both_in_one() {
    let (mut server, address) = serve("zh");
    let mut peer = connect(address);
    peer.write_all("你好, 服务器!".as_bytes()).expect("sent");
    server.wait_for("客户端: 你好, 服务器!");
    expect(&peer, "你好, 客户端!服务端已收到: 你好, 服务器!");
}

#[test]
fn quit_with_a_line_ending_is_quit_and_comes_back_as_it_was() {
    for text in ["quit\n", "quit\r\n"] {
        let (mut server, address) = serve("en");
        let mut peer = greeted(address);
        peer.write_all(text.as_bytes()).expect("sent");
        expect(&peer, &format!("Server received: {text}"));
        assert_eq!(rest(&peer), "");
        let line = server.wait_for("client disconnected");
        assert!(!line.contains('('), "{line}");
        still_serves(&mut server, address);
    }
}

#[test]
fn the_server_outlives_a_client_that_leaves_without_quit() {
    let (mut server, address) = serve("en");
    drop(greeted(address));
    server.wait_for("(it left without quit)");
    still_serves(&mut server, address);
}

/// Data that the client has not read when it closes: its kernel resets.
#[test]
fn the_server_outlives_a_reset() {
    let (mut server, address) = serve("en");
    let mut peer = connect(address);
    wait_for_bytes(&peer);
    peer.write_all(b"bye").expect("sent");
    server.wait_for("client: bye");
    drop(peer);
    server.wait_for("(the connection broke off)");
    still_serves(&mut server, address);
}

#[test]
fn the_server_outlives_half_a_character() {
    let (mut server, address) = serve("en");
    let mut peer = greeted(address);
    peer.write_all("你".as_bytes().split_at(2).0).expect("sent");
    drop(peer);
    server.wait_for("(it left in the middle of a character)");
    still_serves(&mut server, address);
}

#[test]
fn the_server_outlives_bytes_that_are_no_text() {
    let (mut server, address) = serve("en");
    let mut peer = greeted(address);
    peer.write_all(b"ok\xff").expect("sent");
    expect(&peer, "Server received: ok");
    server.wait_for("(it sent bytes that are not UTF-8)");
    still_serves(&mut server, address);
}

#[test]
fn a_character_sent_byte_by_byte_is_shown_whole_and_answered() {
    let (mut server, address) = serve("en");
    let mut peer = greeted(address);
    peer.set_nodelay(true).expect("an option");
    for character in ["é", "你", "🌍"] {
        for byte in character.as_bytes() {
            peer.write_all(&[*byte]).expect("sent");
        }
        expect(&peer, &format!("Server received: {character}"));
        server.wait_for(&format!("client: {character}"));
    }
}

#[test]
fn a_half_close_after_the_last_message_still_gets_the_reply() {
    let (mut server, address) = serve("en");
    let mut peer = greeted(address);
    peer.write_all(b"last words").expect("sent");
    peer.shutdown(Shutdown::Write).expect("our end");
    assert_eq!(rest(&peer), "Server received: last words");
    server.wait_for("(it left without quit)");
    still_serves(&mut server, address);
}

#[test]
fn three_hundred_clients_come_and_go_and_the_next_is_served() {
    let (mut server, address) = serve("en");
    for number in 1..=300 {
        drop(connect(address));
        // The queue has room for a hundred: let the server keep up.
        if number % 100 == 0 {
            for _ in 0..100 {
                server.wait_for("client disconnected");
            }
        }
    }
    still_serves(&mut server, address);
}

#[test]
fn quit_in_front_of_something_else_is_no_quit() {
    let (mut server, address) = serve("en");
    let mut peer = greeted(address);
    peer.write_all(b"quit\xff").expect("sent");
    server.wait_for("(it sent bytes that are not UTF-8)");
    still_serves(&mut server, address);
}

#[test]
fn what_a_client_sends_is_shown_escaped_and_answered_untouched() {
    let (mut server, address) = serve("en");
    let mut peer = greeted(address);
    peer.write_all(b"\x1b[2J\x07").expect("sent");
    expect(&peer, "Server received: \x1b[2J\x07");
    let line = server.wait_for("client: ");
    assert_eq!(line, r"client: \u{1b}[2J\u{7}");
}

/// The port is in TIME_WAIT each time; SO_REUSEADDR takes it all the same.
/// On an address of its own: no other test can be given this port.
#[test]
#[cfg(target_os = "linux")]
fn the_same_conversation_a_hundred_times_on_one_port() {
    let (server, address) = TCP.serve("127.0.0.2:0", "en");
    drop(server);
    for _ in 0..100 {
        let (mut server, _) = TCP.serve(&address.to_string(), "en");
        still_serves(&mut server, address);
    }
}

#[test]
fn a_line_that_cannot_be_sent_is_refused_with_a_reason() {
    let (server, address) = serve("en");
    let mut input = b"\n\xff\n".to_vec();
    input.extend([b'x'; 1025]);
    input.extend(b"\n");
    input.extend([b'y'; 1024]);
    let shown = succeeds("07_chat_client", &[&address.to_string()], input);
    let refused: Vec<_> = shown.lines().filter(|line| line.starts_with("not ")).collect();
    assert_eq!(refused.len(), 3, "{shown}");
    assert!(refused[0].contains("an empty line is 0 bytes"));
    assert!(refused[1].contains("not UTF-8"));
    assert!(refused[2].contains("1025 bytes"));
    let reply = format!("server: Server received: {}\n", "y".repeat(1024));
    assert!(shown.contains(&reply), "the longest line that fits");
    assert!(shown.ends_with("client sends: quit\nclient closed\n"));
    server.stop();
}

/// The rest of it is not taken for a line of its own.
#[test]
fn a_very_long_line_is_refused_whole() {
    let (server, address) = serve("en");
    let input = format!("{}quit\r\nhi\n", "x".repeat(100_000));
    let shown = succeeds("07_chat_client", &[&address.to_string()], input);
    assert!(shown.contains("not sent: 100004 bytes, and "), "{shown}");
    assert!(shown.contains("server: Server received: hi\n"), "{shown}");
    server.stop();
}

/// Plays a server to our client, in Rust and by hand.
fn client_of(
    input: &str,
    server: impl FnOnce(TcpStream) + Send + 'static,
) -> (i32, String, String, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let here = listener.local_addr().expect("an address");
    let playing = thread::spawn(move || {
        server(accept(&listener).0);
    });
    let (status, shown, errors) = run_with("07_chat_client", &[&here.to_string()], input);
    playing.join().expect("the server's part");
    (status, shown, errors, here)
}

#[test]
fn a_reply_is_read_to_its_end_however_it_arrives() {
    let (status, shown, errors, _) = client_of("你好\nquit\n", |mut peer| {
        peer.set_nodelay(true).expect("an option");
        let mut drip = |text: &str| {
            for byte in text.as_bytes() {
                peer.write_all(&[*byte]).expect("sent");
            }
            let mut next = [0; 1024];
            wait_for_bytes(&peer);
            let length = peer.read(&mut next).expect("a text");
            String::from_utf8(next[..length].to_vec()).expect("UTF-8")
        };
        assert_eq!(drip(Lang::Zh.server_greeting()), "Hello, server!");
        assert_eq!(drip(&Lang::Zh.reply("Hello, server!")), "你好");
        assert_eq!(drip(&Lang::Zh.reply("你好")), "quit");
    });
    assert_eq!((status, errors.as_str()), (0, ""));
    assert!(shown.contains("server: 服务端已收到: 你好\n"), "{shown}");
}

#[test]
fn a_server_that_goes_away_is_told() {
    for input in ["", "hi\n"] {
        let (status, shown, errors, here) = client_of(input, |mut peer| {
            peer.write_all(b"Hello, client!").expect("sent");
            peer.read_exact(&mut [0; 14]).expect("its greeting");
            peer.write_all(b"Server rec").expect("sent");
        });
        assert_eq!(status, 1, "{shown}");
        let begin = format!("error: exchange {here}: the peer left too early");
        assert!(errors.starts_with(&begin), "{errors}");
        assert!(errors.contains(".at(address)"), "no line in {errors}");
        assert!(errors.contains("try: "), "{errors}");
    }
}

#[test]
fn a_server_that_resets_is_told() {
    let (status, _, errors, here) = client_of("", |mut peer| {
        peer.write_all(b"Hello, client!").expect("sent");
        wait_for_bytes(&peer);
    });
    assert_eq!(status, 1);
    let begin = format!("error: exchange {here}: connection reset by the peer");
    assert!(errors.starts_with(&begin), "{errors}");
    assert!(errors.contains("try: "), "{errors}");
}

#[test]
fn a_server_of_another_protocol_is_told() {
    let (status, shown, errors, _) = client_of("", |mut peer| {
        peer.write_all(b"220 mail.example ESMTP\r\n").expect("sent");
        let _ = peer.read(&mut [0]);
    });
    assert_eq!(status, 1);
    assert!(shown.contains("not the answer: 220 mail.exam"), "{shown}");
    assert!(errors.contains("another protocol"), "{errors}");
}

#[test]
fn no_server_at_all_is_told() {
    let closed = closed_tcp_port();
    let here = closed.local_addr().expect("an address");
    let here = here.as_socket().expect("an IP address").to_string();
    let (status, shown, errors) = run("07_chat_client", &[&here]);
    let tried = format!("connecting to {here}; the server greets first\n");
    assert_eq!((status, shown), (1, tried));
    let begin = format!("error: connect {here}: connection refused");
    assert!(errors.starts_with(&begin), "{errors}");
    assert!(errors.contains("start the other end first"), "{errors}");
}

/// A person at a terminal sees the prompt; a script does not.
#[test]
#[cfg(unix)]
fn a_person_at_a_terminal_is_asked() {
    if !has(&[PYTHON]) {
        return;
    }
    for (lang, prompt, end) in [("en", "your message: ", "quit"), ("zh", "请输入: ", "^D")] {
        let (server, address) = serve(lang);
        let client = crate::machine::program("07_chat_client");
        let address = address.to_string();
        let shown =
            python_shows("terminal.py", &[prompt, client, &address, lang, LINES[0], LINES[1], end]);
        compare(&in_lang("07_chat_client@terminal", lang), &shown);
        server.stop();
    }
}

/// Bytes that are text more often than not, cut into pieces anywhere.
fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let text = any::<String>().prop_map(String::into_bytes);
    let noise = prop::collection::vec(any::<u8>(), 0..5);
    let bytes =
        (text, noise, any::<String>()).prop_map(|(a, b, c)| [a, b, c.into_bytes()].concat());
    (bytes, prop::collection::vec(1_usize..9, 1..20)).prop_map(|(bytes, lengths)| {
        let mut rest = bytes.as_slice();
        let mut pieces = Vec::new();
        for length in lengths.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, more) = rest.split_at(length.min(rest.len()));
            pieces.push(piece.to_vec());
            rest = more;
        }
        pieces
    })
}

proptest! {
    #[test]
    fn any_bytes_cut_anywhere_come_out_the_same(pieces in pieces()) {
        let whole = pieces.concat();
        let (good, wanted_bad) = match std::str::from_utf8(&whole) {
            Ok(_) => (whole.len(), false),
            Err(e) => (e.valid_up_to(), e.error_len().is_some()),
        };
        let mut decoder = Decoder::default();
        let mut text = String::new();
        let mut bad = false;
        for piece in &pieces {
            let (more, stop) = decoder.push(piece);
            text += &more;
            bad = stop;
            if bad {
                break;
            }
        }
        prop_assert_eq!(text.as_bytes(), &whole[..good]);
        prop_assert_eq!(bad, wanted_bad);
        let half = !bad && good < whole.len();
        prop_assert_eq!(decoder.is_mid_character(), half);
    }

    #[test]
    fn what_is_shown_has_no_control_characters(
        text in prop::collection::vec(any::<char>(), 0..50),
    ) {
        let text = String::from_iter(["\u{1b}\u{202e}", &String::from_iter(text)]);
        let shown = shown(&text);
        prop_assert!(!shown.contains(char::is_control));
        let reorders = shown.contains('\u{202e}');
        prop_assert!(!reorders);
    }
}
