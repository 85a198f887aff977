//! The page "From the Python tutorial": a server and a client in Python as a first tutorial writes
//! them (`examples/tutorial`), and what goes wrong with them. What the page shows of each run is
//! compared with a file beside them.
//!
//! In a network of its own, so that their port 8090 is free; in English, and
//! in the tutorial's Chinese.
//!
//! `cargo test --test steps -- --ignored book`.

use std::fs;

use regex_lite::Captures;
use socket_steps::chat::Lang;

use super::wire::in_a_network;
use crate::hostile_linux::signal;
use crate::machine::launch;
use crate::support::{Terminal, assert_snapshot, regex, top, within_limit};

/// What the English programs say, and the Chinese ones, and the chat does not.
const OWN: [(&str, &str); 6] = [
    (
        "A chat server as a first tutorial writes it, with its mistakes.",
        "入门教程里写的那种聊天服务端，连同它的错误。",
    ),
    (
        "A chat client as a first tutorial writes it, with its mistakes.",
        "入门教程里写的那种聊天客户端，连同它的错误。",
    ),
    ("100 connections allowed", "允许 100 个连接"),
    ("waiting for clients", "等待客户端连接"),
    ("client connected", "客户端连接成功"),
    ("server closed", "服务端关闭"),
];

/// The language of a program: English, or the tutorial's own Chinese.
#[derive(Clone, Copy)]
struct In(Lang);

impl In {
    fn own(self) -> [&'static str; 6] {
        OWN.map(|(en, zh)| if self.0 == Lang::En { en } else { zh })
    }

    /// All that the two programs say: the chat's words, and their own.
    fn words(self) -> Vec<String> {
        let Self(lang) = self;
        let own = self.own().map(str::to_owned);
        let chat = [
            lang.server_greeting().to_owned(),
            lang.client_greeting().to_owned(),
            lang.reply(""),
            lang.client_says("").to_string(),
            lang.server_says("").to_string(),
            lang.prompt().to_string(),
            lang.client_closed().to_string(),
        ];
        own.iter().chain(&chat).map(|words| words.trim_end().to_owned()).collect()
    }

    /// `NAME` or `NAME.zh`.
    fn edition(self, name: &str) -> String {
        if self.0 == Lang::En { name.to_owned() } else { format!("{name}.zh") }
    }

    fn file(self, name: &str) -> String {
        format!("examples/tutorial/{}.py", self.edition(name))
    }

    /// Starts one of the two programs, as `python3 FILE` would on a terminal:
    /// line by line, and what goes to standard error among it.
    fn start(self, name: &str) -> Terminal {
        let mut shell = launch("sh");
        shell.args(["-c", "exec python3 -u \"$0\" 2>&1", &self.file(name)]);
        Terminal::open(shell.env("PYTHONIOENCODING", "utf-8").current_dir(top()))
    }

    fn server(self) -> Terminal {
        let mut server = self.start("server");
        let [_, _, _, waiting, ..] = self.own();
        server.wait_for(waiting);
        server
    }

    /// A client that has received something.
    fn client(self) -> Terminal {
        let mut client = self.start("client");
        client.wait_for(&self.0.server_says("").to_string());
        client
    }

    /// Starts one of ours, at port 8090.
    fn start_ours(self, name: &str) -> Terminal {
        Terminal::start(name, self.option())
    }

    fn option(self) -> &'static [&'static str] {
        if self.0 == Lang::En { &[] } else { &["--lang", "zh"] }
    }

    /// What to type to run one of the two, or an example.
    fn command(self, program: &str) -> String {
        if !program.starts_with("07") {
            return format!("python3 {}", self.file(program));
        }
        let mut words = vec!["cargo run -q --example", program];
        if !self.option().is_empty() {
            words.push("--");
            words.extend(self.option());
        }
        words.join(" ")
    }

    /// What the page shows of a run: each program with what it printed.
    fn is_in_the_book(self, name: &str, screens: &[(&str, &str)]) {
        let screens = screens.iter().map(|(program, screen)| {
            let command = self.command(program);
            format!("$ {command}\n{}\n", screen.trim_end())
        });
        let shown = screens.collect::<Vec<_>>().join("\n");
        assert_snapshot("tutorial", &self.edition(name), &plain(&shown));
    }

    /// A client's screen, with what was typed.
    fn typed(self, screen: &str, lines: &[&str]) -> String {
        let prompt = self.0.prompt().to_string();
        let mut parts = screen.split(&prompt);
        let mut whole = parts.next().expect("a part").to_owned();
        for (number, part) in parts.enumerate() {
            let line = lines.get(number).copied().unwrap_or_default();
            whole += &format!("{prompt}{line}\n{part}");
        }
        whole
    }
}

/// Without what is another in each run, and in each version of Python.
fn plain(shown: &str) -> String {
    // Newer versions name the whole path.
    let here = top().canonicalize().expect("a path");
    let shown = shown.replace(&format!("{}/", here.display()), "");
    let port = regex(r"(127\.0\.0\.1(?::|', ))([0-9]+)");
    let shown = port.replace_all(&shown, |parts: &Captures<'_>| {
        let port = if &parts[2] == "8090" { "8090" } else { "PORT" };
        format!("{}{port}", &parts[1])
    });
    // The line with marks below one of the source.
    regex(r"(?m)^ +[\^~]+\n").replace_all(&shown, "").into_owned()
}

/// Waits until a program waits in `recv`.
fn receives(terminal: &Terminal) {
    let file = format!("/proc/{}/syscall", terminal.id());
    let recvfrom = if cfg!(target_arch = "x86_64") { "45" } else { "207" };
    let waits = within_limit(|| {
        let now = fs::read_to_string(&file).ok()?;
        (now.split(' ').next() == Some(recvfrom)).then_some(())
    });
    waits.expect("it receives");
}

fn both(test: &str, scene: impl Fn(In)) {
    let test = format!("book::tutorial::{test}");
    in_a_network(&test, &["python3"], || {
        scene(In(Lang::En));
        scene(In(Lang::Zh));
    });
}

/// The same programs, but for the words.
#[test]
fn the_chinese_programs_are_the_english_ones() {
    for name in ["server", "client"] {
        let read = |lang: In| {
            let path = top().join(lang.file(name));
            fs::read_to_string(path).expect("a program")
        };
        let mut translated = read(In(Lang::En));
        for (en, zh) in In(Lang::En).words().iter().zip(In(Lang::Zh).words()) {
            translated = translated.replace(en, &zh);
        }
        assert_eq!(translated, read(In(Lang::Zh)), "{name}");
    }
}

/// Greeting and reply in one `recv`; and then all goes well.
#[test]
#[ignore = "runs what the book shows"]
fn glued() {
    both("glued", |lang| {
        let mut server = lang.server();
        let mut client = lang.client();
        let lines = ["hi", "quit"];
        client.type_line(lines[0]);
        server.wait_for("hi");
        client.wait_for("hi");
        client.type_line(lines[1]);
        server.wait_for("quit");
        let screen = lang.typed(&client.finish(), &lines);
        // Its last words may have nobody to go to any more.
        server.stop();
        lang.is_in_the_book("glued", &[("client", &screen)]);
    });
}

/// Nothing is sent, so both wait. Ctrl-C ends the client, and the server dies.
#[test]
#[ignore = "runs what the book shows"]
fn an_empty_line() {
    both("an_empty_line", |lang| {
        let mut server = lang.server();
        let mut client = lang.client();
        client.type_line("");
        receives(&client);
        receives(&server);
        signal("INT", client.id());
        client.wait_for("KeyboardInterrupt");
        let screen = lang.typed(&client.stop(), &[""]);
        lang.is_in_the_book("empty_line", &[("client", &screen)]);
        server.wait_for("Error: [Errno");
        let screens = [("server", &*server.stop())];
        lang.is_in_the_book("interrupted", &screens);
    });
}

/// Ctrl-C at the server, with a client there: its port stays taken.
fn restarts(lang: In) {
    let mut server = lang.server();
    let _client = lang.client();
    receives(&server);
    signal("INT", server.id());
    server.wait_for("KeyboardInterrupt");
    server.stop();
    let mut again = lang.start("server");
    again.wait_for("OSError");
    lang.is_in_the_book("restart", &[("server", &again.stop())]);
}

#[test]
#[ignore = "runs what the book shows"]
fn restart() {
    let test = "book::tutorial::restart";
    in_a_network(test, &["python3"], || restarts(In(Lang::En)));
}

/// In another network: in that one, the port is taken for a minute.
#[test]
#[ignore = "runs what the book shows"]
fn restart_zh() {
    let test = "book::tutorial::restart_zh";
    in_a_network(test, &["python3"], || restarts(In(Lang::Zh)));
}

/// A second client is connected, and nobody talks to it.
#[test]
#[ignore = "runs what the book shows"]
fn a_second_client() {
    both("a_second_client", |lang| {
        let mut server = lang.server();
        let mut first = lang.client();
        let mut second = lang.start("client");
        receives(&second);
        receives(&server);
        first.type_line("quit");
        server.wait_for("quit");
        second.wait_for("Error: [Errno");
        let screens = [("client", &*second.stop())];
        lang.is_in_the_book("second_client", &screens);
        first.finish();
        server.stop();
    });
}

/// The same client with our server: it is the client that is impatient.
#[test]
#[ignore = "runs what the book shows"]
fn a_server_in_rust() {
    both("a_server_in_rust", |lang| {
        let mut server = lang.start_ours("07_chat_server");
        server.invited_to();
        let mut client = lang.client();
        let lines = ["你好, 世界 🌍", "quit"];
        for line in lines {
            client.type_line(line);
            server.wait_for(line);
        }
        let client = lang.typed(&client.finish(), &lines);
        server.wait_for("127.0.0.1:"); // (and that it has left)
        let screens = [("07_chat_server", &*server.stop()), ("client", &client)];
        lang.is_in_the_book("rust_server", &screens);
    });
}

/// And the same server with our client.
#[test]
#[ignore = "runs what the book shows"]
fn a_client_in_rust() {
    both("a_client_in_rust", |lang| {
        let mut server = lang.server();
        let mut client = lang.start_ours("07_chat_client");
        let lines = ["你好, 世界 🌍", "quit"];
        for line in lines {
            client.type_line(line);
        }
        let client = client.finish();
        server.wait_for("quit");
        server.stop();
        lang.is_in_the_book("rust_client", &[("07_chat_client", &client)]);
    });
}
