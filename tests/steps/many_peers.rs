//! Step 28, from outside: who floods it, who wants more than was sent, and who comes from everywhere.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use socket_steps::chat::Lang;

use crate::hostile::{hear, talk_udp, udp_client};
use crate::support::{Terminal, as_ipv4, compare, families, succeeds};

const NAME: &str = "28_many_peers_udp";

/// What a datagram costs beside what it carries (IPv4, UDP).
const HEADERS: usize = 28;

fn start() -> (Terminal, SocketAddr) {
    let mut server = Terminal::start(NAME, &["127.0.0.1:0"]);
    let here = server.invited_to();
    (server, here)
}

/// What has come by the time that the server has served somebody else: the lengths of the datagrams.
fn answers(peer: &UdpSocket, server: SocketAddr) -> Vec<usize> {
    talk_udp(&udp_client(server), "hi", true);
    peer.set_read_timeout(Some(Duration::from_millis(10))).expect("a timeout");
    let mut lengths = vec![];
    loop {
        match peer.recv(&mut [0; 2048]) {
            Ok(length) => lengths.push(length),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return lengths,
        }
    }
}

#[test]
fn it_speaks_the_chat_with_everybody() {
    for family in families() {
        let mut server = Terminal::start(NAME, &[family]);
        let here = server.invited_to();
        let (anna, ben) = (udp_client(here), udp_client(here));
        talk_udp(&anna, "你好", true);
        talk_udp(&ben, "hi", true);
        talk_udp(&anna, "hi", false);
        anna.send(b"help").expect("sent");
        assert_eq!(hear(&anna), Lang::En.reply("help"));
        assert_eq!(hear(&anna), "Say anything, and you get it back.");
        // What is too long is not answered.
        anna.send(&[b'x'; 1025]).expect("sent");
        talk_udp(&anna, "", false);
        compare(&format!("{NAME}@two_terminals"), &as_ipv4(&server.stop()));
    }
}

#[test]
fn the_chats_client_of_step_7_talks_to_it() {
    let (_server, here) = start();
    // Its first datagram has to be answered at once, and so has a short one.
    let shown = succeeds("07_chat_client_udp", &[&here.to_string()], "h\n\n你好\nquit\n");
    for text in ["Hello, server!", "h", "你好"] {
        let reply = Lang::En.server_says(&Lang::En.reply(text)).to_string();
        assert!(shown.contains(&reply), "{shown}");
    }
    assert!(shown.contains("Hello, client!") && !shown.contains("again"), "{shown}");
}

#[test]
fn who_floods_gets_few_answers_and_nobody_else_waits() {
    let (_server, here) = start();
    let (flooder, other) = (udp_client(here), udp_client(here));
    let begin = Instant::now();
    for number in 0..30 {
        flooder.send(b"flood").expect("sent");
        // It is a text like any other: the bucket is no new one.
        flooder.send(b"quit").expect("sent");
        if number % 10 == 0 {
            other.send(format!("text {number}").as_bytes()).expect("sent");
        }
    }
    let got = answers(&flooder, here).len();
    let most = 1 + 5 + usize::try_from(begin.elapsed().as_secs() + 1).expect("short");
    assert!((6..=most).contains(&got), "{got} answers to 60, at most {most}");
    assert_eq!(answers(&other, here).len(), 1 + 3);
}

#[test]
fn nobody_gets_more_than_three_times_what_it_has_sent() {
    let (_server, here) = start();
    let many =
        [&["help"; 5][..], &[""; 5], &["h", "help", "", "help", "help"], &["help me out"; 5]];
    for texts in many {
        let peer = udp_client(here);
        let (mut sent, mut got) = (0, 0);
        for text in texts {
            peer.send(text.as_bytes()).expect("sent");
            sent += HEADERS + text.len();
            got += answers(&peer, here).iter().map(|length| HEADERS + length).sum::<usize>();
            assert!(got <= 3 * sent, "{texts:?}: {sent} bytes sent, {got} came back");
        }
        assert!(got > sent, "{texts:?}");
    }
}

/// 20,000 senders: on Linux, all of 127.0.0.0/8 is this machine. To the server they are as good as
/// forged.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
#[cfg(target_os = "linux")]
fn what_it_remembers_of_many_senders_has_a_bound() {
    let (mut server, here) = start();
    let size = |id: u32| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("Linux");
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("a line");
        let number = line.split_whitespace().nth(1).expect("a number");
        number.parse::<usize>().expect("in kB")
    };
    let old = udp_client(here);
    talk_udp(&old, "hi", true);
    let mut before = 0;
    for number in 0..8000_u16 {
        let [high, low] = number.to_be_bytes();
        let peer = UdpSocket::bind(SocketAddr::from(([127, 1, high, low], 0))).expect("a socket");
        peer.connect(here).expect("a peer");
        peer.send(b"Hello, server!").expect("sent");
        assert_eq!(hear(&peer), Lang::En.server_greeting());
        if number == 2000 {
            before = size(server.id());
        }
    }
    let after = size(server.id());
    assert!(after < before + 300, "{before} kB after 2,000 of them, {after} kB after 8,000");
    // It was forgotten, and is served like a new one.
    talk_udp(&old, "hi", true);
    assert!(server.wait_for("no room").contains("forget"));
}
