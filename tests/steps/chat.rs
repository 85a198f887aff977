//! The chat of part 2 over TCP: with peers in Python, with each other, and
//! with peers that behave badly.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use socket_steps::chat::{Decoder, Ending, Lang, Refusal, shown};
use socket_steps::in_words;
use socket2::SockRef;

use crate::hostile::greeted;
use crate::machine::{PYTHON, has, launch, queues};
use crate::support::{
    Terminal, accept, as_ipv4, compare, connect, expect, families, rest, run, run_with, succeeds,
    top, wait_for_bytes, within_limit,
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
    fn server_shows(&self, mut server: Terminal, (lang, words): (&str, Lang)) {
        wait_for_the_end(&mut server, words);
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
            self.server_shows(server, (lang, words));
        }
    }

    pub fn our_client_with_our_server(&self, end_of_line: &str) {
        for (lang, words) in LANGS {
            for family in families() {
                let (server, address) = self.serve(family, lang);
                let input = LINES.map(|line| format!("{line}{end_of_line}")).concat();
                let arguments = [&address.to_string(), "--lang", lang];
                let shown = succeeds(self.client, &arguments, input);
                compare(&in_lang(self.client, lang), &as_ipv4(&shown));
                self.server_shows(server, (lang, words));
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

/// Waits until the server is done with a client.
fn wait_for_the_end(server: &mut Terminal, lang: Lang) -> String {
    let anybody = SocketAddr::from(([127, 0, 0, 1], 1));
    let line = lang.disconnected(anybody, Ending::Quit).to_string();
    server.wait_for(line.trim_end_matches(&anybody.to_string()))
}

/// A client says this, and nothing more. It gets this answer, and the server says how it ended.
fn leaves(server: &mut Terminal, address: SocketAddr, last: &[u8], answer: &str, end: Ending) {
    let mut peer = greeted(address);
    peer.write_all(last).expect("sent");
    if matches!(end, Ending::Left | Ending::LeftMidCharacter) {
        peer.shutdown(Shutdown::Write).expect("our end");
    }
    assert_eq!(rest(&peer), answer);
    let local = peer.local_addr().expect("an address");
    server.wait_for(&Lang::En.connected(local).to_string());
    let line = wait_for_the_end(server, Lang::En);
    assert_eq!(line, Lang::En.disconnected(local, end).to_string());
}

/// An ordinary conversation: the server is as well as before.
fn still_serves(server: &mut Terminal, address: SocketAddr) {
    leaves(server, address, b"quit", &Lang::En.reply("quit"), Ending::Quit);
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

/// There is no framing: greeting and reply arrive together. Step 9 is about that.
#[test]
fn a_client_that_does_not_read_first_gets_both_in_one() {
    let (mut server, address) = serve("zh");
    let mut peer = connect(address);
    let hello = Lang::Zh.client_greeting();
    peer.write_all(hello.as_bytes()).expect("sent");
    server.wait_for(&Lang::Zh.client_says(hello).to_string());
    expect(&peer, &[Lang::Zh.server_greeting(), &Lang::Zh.reply(hello)].concat());
}

#[test]
fn the_server_says_how_each_client_left_and_serves_the_next() {
    let (mut server, address) = serve("en");
    for (last, text, end) in [
        (&b"quit\n"[..], "quit\n", Ending::Quit),
        (b"quit\r\n", "quit\r\n", Ending::Quit),
        (b"last words", "last words", Ending::Left),
        (b"ok\xff", "ok", Ending::NotText),
        (b"quit\xff", "quit", Ending::NotText),
    ] {
        leaves(&mut server, address, last, &Lang::En.reply(text), end);
        still_serves(&mut server, address);
    }
    leaves(&mut server, address, b"", "", Ending::Left);
    leaves(&mut server, address, &"你".as_bytes()[..2], "", Ending::LeftMidCharacter);
    still_serves(&mut server, address);
}

/// Data that the client has not read when it closes: its kernel resets.
#[test]
fn the_server_outlives_a_reset() {
    let (mut server, address) = serve("en");
    let mut peer = connect(address);
    wait_for_bytes(&peer);
    peer.write_all(b"bye").expect("sent");
    server.wait_for(&Lang::En.client_says("bye").to_string());
    let local = peer.local_addr().expect("an address");
    drop(peer);
    server.wait_for(&Lang::En.disconnected(local, Ending::Broken).to_string());
    still_serves(&mut server, address);
}

/// And a terminal's own commands escaped.
#[test]
fn a_character_sent_byte_by_byte_is_shown_whole_and_answered() {
    let (mut server, address) = serve("en");
    let mut peer = greeted(address);
    peer.set_nodelay(true).expect("an option");
    for character in ["é", "你", "🌍", "\x1b"] {
        for byte in character.as_bytes() {
            peer.write_all(&[*byte]).expect("sent");
        }
        expect(&peer, &Lang::En.reply(character));
        server.wait_for(&Lang::En.client_says(character).to_string());
    }
}

#[test]
fn three_hundred_clients_come_and_go_and_the_next_is_served() {
    if !queues(100) {
        return;
    }
    let (mut server, address) = serve("en");
    for number in 1..=300 {
        drop(connect(address));
        // The queue has room for a hundred: let the server keep up.
        if number % 100 == 0 {
            for _ in 0..100 {
                wait_for_the_end(&mut server, Lang::En);
            }
        }
    }
    still_serves(&mut server, address);
}

#[test]
fn a_line_that_cannot_be_sent_is_refused_with_a_reason() {
    let (server, address) = serve("en");
    let mut input = b"\n\xff\n".to_vec();
    input.extend([b'x'; 1025]);
    input.extend(b"\n");
    // The rest of a very long line is not taken for a line of its own.
    input.extend([b'x'; 100_000]);
    input.extend(b"quit\r\n");
    input.extend([b'y'; 1024]);
    let shown = succeeds("07_chat_client", &[&address.to_string()], input);
    let too_long = [1025, 100_004].map(Refusal::TooLong);
    let refused = [Refusal::Empty, Refusal::NotText, too_long[0], too_long[1]];
    let refused = refused.map(|refusal| format!("{}\n", Lang::En.not_sent(&refusal)));
    assert!(shown.contains(&refused.concat()), "{shown}");
    let reply = Lang::En.server_says(&Lang::En.reply(&"y".repeat(1024)));
    assert!(shown.contains(&format!("{reply}\n")), "the longest line that fits");
    let end = format!("{}\n{}\n", Lang::En.client_sends("quit"), Lang::En.client_closed());
    assert!(shown.ends_with(&end), "{shown}");
    server.stop();
}

/// Plays a server to our client, in Rust and by hand.
fn client_of(
    input: &str,
    server: impl FnOnce(TcpStream) + Send + 'static,
) -> (i32, String, String, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let here = listener.local_addr().expect("an address");
    let playing = thread::spawn(move || server(accept(&listener).0));
    let (status, shown, errors) = run_with("07_chat_client", &[&here.to_string()], input);
    playing.join().expect("the server's part");
    (status, shown, errors, here)
}

/// Our client fails with this server, and says why; gives what it has shown.
fn fails_with(
    input: &str,
    (call, kind): (&str, ErrorKind),
    server: impl FnOnce(TcpStream) + Send + 'static,
) -> String {
    let (status, shown, errors, here) = client_of(input, server);
    assert_eq!(status, 1, "{shown}");
    let begin = format!("error: {call} {here}: {}", in_words(&kind.into()));
    assert!(errors.starts_with(&begin), "{errors}");
    assert!(errors.contains(".at(address)"), "no line in {errors}");
    assert!(errors.contains("try: "), "{errors}");
    shown
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
        let hello = Lang::En.client_greeting();
        assert_eq!(drip(Lang::Zh.server_greeting()), hello);
        assert_eq!(drip(&Lang::Zh.reply(hello)), "你好");
        assert_eq!(drip(&Lang::Zh.reply("你好")), "quit");
    });
    assert_eq!((status, errors.as_str()), (0, ""));
    let reply = Lang::En.server_says(&Lang::Zh.reply("你好")).to_string();
    assert!(shown.contains(&reply), "{shown}");
}

#[test]
fn a_server_that_goes_away_is_told() {
    for input in ["", "hi\n"] {
        fails_with(input, ("exchange", ErrorKind::UnexpectedEof), |mut peer| {
            peer.write_all(Lang::En.server_greeting().as_bytes()).expect("sent");
            expect(&peer, Lang::En.client_greeting());
            peer.write_all(&Lang::En.reply("").as_bytes()[..10]).expect("sent");
        });
    }
}

#[test]
fn a_server_that_resets_is_told() {
    fails_with("", ("exchange", ErrorKind::ConnectionReset), |mut peer| {
        peer.write_all(Lang::En.server_greeting().as_bytes()).expect("sent");
        wait_for_bytes(&peer);
    });
}

/// While the client waits for the keyboard, and nobody types; at first, and after a reply.
#[test]
fn a_server_that_ends_while_nobody_types_is_told_at_once() {
    for (typed, is_reset) in [(None, false), (Some("hi"), false), (Some("hi"), true)] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let here = listener.local_addr().expect("an address").to_string();
        let mut client = Terminal::start("07_chat_client", &[&here]);
        let (mut peer, _) = accept(&listener);
        peer.write_all(Lang::En.server_greeting().as_bytes()).expect("sent");
        for text in [Some(Lang::En.client_greeting()), typed].into_iter().flatten() {
            if typed == Some(text) {
                client.type_line(text);
            }
            expect(&peer, text);
            peer.write_all(Lang::En.reply(text).as_bytes()).expect("sent");
            client.wait_for(&Lang::En.server_says(&Lang::En.reply(text)).to_string());
        }
        // It goes on waiting as long as the server is there.
        thread::sleep(Duration::from_millis(300));
        assert_eq!(client.status(), None);
        if is_reset {
            SockRef::from(&peer).set_linger(Some(Duration::ZERO)).expect("a linger");
        }
        drop(peer);
        let status = within_limit(|| client.status()).expect("an end");
        assert_eq!(status.code(), Some(1));
    }
}

#[test]
fn a_server_of_another_protocol_is_told() {
    let shown = fails_with("", ("receive", ErrorKind::InvalidData), |mut peer| {
        peer.write_all(b"220 mail.example ESMTP\r\n").expect("sent");
        let _ = peer.read(&mut [0]);
    });
    let line = Lang::En.not_the_answer("220 mail.exam").to_string();
    assert!(shown.contains(&line), "{shown}");
}

/// A person at a terminal sees the prompt; a script does not.
#[test]
#[cfg(unix)]
fn a_person_at_a_terminal_is_asked() {
    if !has(&[PYTHON]) {
        return;
    }
    for ((lang, words), end) in LANGS.into_iter().zip(["quit", "^D"]) {
        let prompt = words.prompt().to_string();
        let (server, address) = serve(lang);
        let client = crate::machine::program("07_chat_client");
        let address = address.to_string();
        let shown = python_shows(
            "terminal.py",
            &[&prompt, client, &address, lang, LINES[0], LINES[1], end],
        );
        compare(&in_lang("07_chat_client@terminal", lang), &shown);
        server.stop();
    }
}

proptest! {
    #[test]
    fn any_bytes_cut_anywhere_come_out_the_same(
        before in any::<String>(),
        noise in prop::collection::vec(any::<u8>(), 0..5),
        behind in any::<String>(),
        first in 0_usize..9,
        others in 1_usize..9,
    ) {
        let whole = [before.as_bytes(), &noise, behind.as_bytes()].concat();
        let (good, wanted_bad) = match std::str::from_utf8(&whole) {
            Ok(_) => (whole.len(), false),
            Err(e) => (e.valid_up_to(), e.error_len().is_some()),
        };
        let mut decoder = Decoder::default();
        let mut text = String::new();
        let mut bad = false;
        let (first, rest) = whole.split_at(first.min(whole.len()));
        for piece in [first].into_iter().chain(rest.chunks(others)) {
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

/// A reply in pieces, each in time by itself.
#[test]
#[ignore = "takes half a minute"]
fn the_client_waits_for_half_a_minute_in_all() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let drips = thread::spawn(move || {
        let (mut peer, _) = accept(&listener);
        peer.write_all(Lang::En.server_greeting().as_bytes()).expect("sent");
        let hello = Lang::En.client_greeting();
        expect(&peer, hello);
        let since = Instant::now();
        for byte in Lang::En.reply(hello).bytes() {
            if peer.write_all(&[byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(1500));
        }
        since.elapsed()
    });
    let (status, _, errors) = run("07_chat_client", &[&address]);
    assert_eq!(status, 1, "{errors}");
    assert!(errors.contains("no answer in time") || errors.contains("timed out"), "{errors}");
    let waited = drips.join().expect("the server's part").as_secs();
    assert!((29..40).contains(&waited), "{waited} s");
}
