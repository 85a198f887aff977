//! Each example with an address: the other end is the reader, played here by a peer from std.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use socket_steps::chat::Lang;
use socket2::SockRef;

use crate::hostile::{greeted, hear, talk, udp_client};
use crate::support::{
    HANG_LIMIT, Terminal, accept, as_ipv4, compare, connect, datagrams, expect, families,
    only_wine_differs, receive, regex, rest, run, source, succeeds,
};
use crate::transcripts::{LESSONS, compare_alone};

/// Plays `peer` against an example that waits, once for each family of
/// addresses, and compares the transcripts: they are one and the same.
fn with_peer(name: &str, peer: impl Fn(&mut Terminal, SocketAddr)) {
    for family in families() {
        let mut terminal = Terminal::start(name, &[family]);
        let server = terminal.invited_to();
        peer(&mut terminal, server);
        compare_both(name, &terminal.finish());
    }
}

fn compare_both(name: &str, shown: &str) {
    compare(&format!("{name}@two_terminals"), &as_ipv4(shown));
}

#[test]
fn step_01_create() {
    for name in ["01_create", "01_create_udp"] {
        for (address, family) in [("127.0.0.1:8090", "IPv4"), ("[::1]:8090", "IPv6")] {
            let shown = succeeds(name, &[address], "");
            assert!(shown.contains(&format!("over {family}")), "{shown}");
        }
    }
}

#[test]
fn step_02_bind() {
    for name in ["02_bind", "02_bind_udp"] {
        for family in families() {
            let mut terminal = Terminal::start(name, &[family]);
            let line = terminal.wait_for("press Enter");
            let mut words = line.split_whitespace();
            let held = words.nth(2).expect("an address");
            assert!(TcpListener::bind(held).is_err() || name != "02_bind");
            assert!(UdpSocket::bind(held).is_err() || name == "02_bind");
            terminal.type_line("");
            let shown = terminal.finish();
            let shown = shown.replace("got [::]:", "got 0.0.0.0:");
            let shown = shown.replace("has [::]:", "has 0.0.0.0:");
            compare_both(name, &shown);
        }
    }
}

#[test]
fn step_03_listen() {
    with_peer("03_listen", |terminal, server| {
        let _peer = connect(server);
        terminal.type_line("");
    });
}

/// The peer's line, what shows then (for its address, `PEER`), and the answer, if any.
#[test]
fn a_datagram_is_received_and_answered() {
    for (name, text, line, answer) in [
        ("03_listen_udp", "hello\n", "6 bytes, from PEER", None),
        ("04_accept_udp", "你好\n", "7 bytes, from PEER", Some("welcome")),
        ("05_send_recv_udp", "谢谢\n", "7 bytes", Some("Hello, 你好!")),
        ("06_close_udp", "hello\n", "type another line", None),
    ] {
        with_peer(name, |terminal, server| {
            let peer = udp_client(server);
            peer.send(text.as_bytes()).expect("sent");
            let local = peer.local_addr().expect("an address").to_string();
            terminal.wait_for(&line.replace("PEER", &local));
            if let Some(answer) = answer {
                assert_eq!(hear(&peer), answer);
            }
        });
    }
}

#[test]
fn step_04_accept() {
    with_peer("04_accept", |terminal, server| {
        let peer = connect(server);
        let local = peer.local_addr().expect("an address");
        terminal.wait_for(&format!("to {local}"));
    });
}

#[test]
fn step_04_connect() {
    for family in families() {
        let listener = TcpListener::bind(family).expect("a port");
        let server = listener.local_addr().expect("an address");
        let mut terminal = Terminal::start("04_connect", &[&server.to_string()]);
        let (_peer, client) = accept(&listener);
        terminal.wait_for(&format!("local_addr  {client}"));
        compare_both("04_connect", &terminal.finish());
    }
}

#[test]
fn step_04_connect_udp() {
    for family in families() {
        let server = datagrams(family);
        let here = server.local_addr().expect("an address");
        let mut terminal = Terminal::start("04_connect_udp", &[&here.to_string()]);
        let mut buffer = [0; 1024];
        let (length, client) = receive(&server, &mut buffer);
        assert_eq!(&buffer[..length], b"hello");
        terminal.wait_for("Ctrl-C");
        server.send_to(b"hi\n", client).expect("sent");
        compare_both("04_connect_udp", &terminal.finish());
    }
}

#[test]
fn step_05_send_recv() {
    with_peer("05_send_recv", |_, server| {
        let mut peer = connect(server);
        expect(&peer, "Hello, 你好!");
        peer.write_all("谢谢\n".as_bytes()).expect("sent");
        assert_eq!(rest(&peer), "");
    });
}

#[test]
fn step_05_send_recv_says_when_bytes_are_not_text() {
    let mut terminal = Terminal::start("05_send_recv", &["127.0.0.1:0"]);
    let mut peer = connect(terminal.invited_to());
    peer.write_all(b"\xff\x1b[2J").expect("sent");
    terminal.wait_for("5 bytes [ff, 1b, 5b, 32, 4a]");
    terminal.wait_for("not text");
    terminal.finish();
}

#[test]
fn step_06_close() {
    with_peer("06_close", |_, server| {
        let mut peer = connect(server);
        assert_eq!(rest(&peer), "goodbye");
        peer.write_all(b"still here\n").expect("the other direction");
        peer.shutdown(Shutdown::Write).expect("our end");
    });
}

#[test]
fn step_08_address_in_use() {
    with_peer("08_address_in_use", |terminal, server| {
        let peer = connect(server);
        let local = peer.local_addr().expect("an address");
        terminal.wait_for(&format!("accept      {local}"));
        assert_eq!(rest(&peer), "");
    });
}

#[test]
fn step_09_glued_messages() {
    with_peer("09_glued_messages", |_, server| {
        let mut peer = connect(server);
        let frames = b"\0\0\0\x03one\0\0\0\0\0\0\0\x05three";
        peer.write_all(frames).expect("sent");
    });
}

/// Messages of every length up to the limit, in pieces of many sizes, come out the same.
#[test]
fn frames_cut_anywhere_come_out_the_same() {
    let lengths: [u16; 9] = [0, 1, 3, 4, 5, 255, 256, 1023, 1024];
    let message = |length| "x".repeat(usize::from(length));
    let mut stream = Vec::new();
    let mut expected = String::new();
    for length in lengths {
        stream.extend(u32::from(length).to_be_bytes());
        stream.extend(message(length).bytes());
        let text = message(length);
        expected += &format!("server    read_frame  {text:?}\n");
    }
    expected += "server    read_frame  the end\n";
    for size in [1, 2, 3, 5, 7, 100, 1000, 4096] {
        let mut terminal = Terminal::start("09_glued_messages", &["127.0.0.1:0"]);
        let mut peer = connect(terminal.invited_to());
        peer.set_nodelay(true).expect("an option");
        for piece in stream.chunks(size) {
            peer.write_all(piece).expect("sent");
        }
        drop(peer);
        let shown = terminal.finish();
        assert!(shown.ends_with(&expected), "pieces of {size}: {shown}");
    }
}

/// What is no frame: nothing of it is shown as a message, and it ends there.
#[test]
fn what_is_no_frame_is_refused() {
    let too_long = "1025 bytes, the limit is 1024";
    let cut_off = "the peer left too early";
    for (bytes, verdict) in [
        (&b"\0\0\x04\x01"[..], too_long),
        (b"\0\0\0", cut_off),
        (b"\0\0\0\x01", cut_off),
        (b"\0\0\0\x04abc", cut_off),
    ] {
        let mut terminal = Terminal::start("09_glued_messages", &["127.0.0.1:0"]);
        let mut peer = connect(terminal.invited_to());
        peer.write_all(b"\0\0\0\x02ok").expect("sent");
        peer.write_all(bytes).expect("sent");
        drop(peer);
        let shown = terminal.finish();
        let end = format!("read_frame  \"ok\"\nserver    read_frame  {verdict}\n");
        assert!(shown.ends_with(&end), "{bytes:?}: {shown}");
    }
}

/// The backlog is 100: so many and one more are connected without an
/// `accept`, and the next one gets no answer.
#[test]
#[cfg(target_os = "linux")]
fn step_03_listen_has_room_for_its_backlog() {
    if !crate::machine::queues(100) {
        return;
    }
    let mut terminal = Terminal::start("03_listen", &["127.0.0.1:0"]);
    let server = terminal.invited_to();
    let _queued: Vec<_> = (0..101).map(|_| connect(server)).collect();
    let short = Duration::from_millis(200);
    let more = std::net::TcpStream::connect_timeout(&server, short);
    assert!(more.is_err(), "one too many is connected");
}

#[test]
fn step_09_glued_messages_udp() {
    with_peer("09_glued_messages_udp", |_, server| {
        let peer = udp_client(server);
        for text in ["1\n", "", "三\n"] {
            peer.send(text.as_bytes()).expect("sent");
        }
    });
}

/// Eight at once, each with a conversation of its own; a ninth one is
/// connected, and served when one of them has left.
#[test]
fn step_16_one_at_a_time() {
    for name in ["16_one_at_a_time", "16_clean_stop"] {
        for family in families() {
            let mut terminal = Terminal::start(name, &[family]);
            let server = terminal.invited_to();
            let peers: Vec<_> = (0..8).map(|_| greeted(server)).collect();
            for (number, peer) in peers.iter().enumerate() {
                talk(peer, &format!("你好 {number}"));
                talk(peer, "再见");
            }
            let mut ninth = connect(server);
            let wait = Some(Duration::from_millis(50));
            ninth.set_read_timeout(wait).expect("a timeout");
            let silence = ninth.read(&mut [0; 1]);
            assert!(silence.is_err(), "{silence:?}");
            ninth.set_read_timeout(Some(HANG_LIMIT)).expect("a timeout");
            talk(&peers[3], "quit\n");
            expect(&ninth, Lang::En.server_greeting());

            // Two leave without a word, and one is reset. Both places are free again.
            SockRef::from(&ninth).set_linger(Some(Duration::ZERO)).expect("a linger");
            drop((ninth, peers));
            let address = server.to_string();
            for _ in 0..2 {
                let shown = succeeds("07_chat_client", &[&address], "hi\nquit\n");
                let reply = Lang::En.server_says(&Lang::En.reply("hi")).to_string();
                assert!(shown.contains(&reply), "{shown}");
            }
        }
    }
}

/// How often it asks is the machine's affair; all calls but those three are for nothing.
#[test]
fn step_24_busy_loop() {
    for family in families() {
        let mut terminal = Terminal::start("24_busy_loop", &[family]);
        let server = terminal.invited_to();
        let [mut anna, ben] = [connect(server), connect(server)];
        for text in ["hi\n", "你好\n"] {
            anna.write_all(text.as_bytes()).expect("room");
            terminal.wait_for(&format!("{} bytes", text.len()));
        }
        drop(ben);
        let shown = terminal.finish();
        let counts = regex(r"(\d+) calls, (\d+) for nothing");
        let found = counts.captures(&shown).expect("two numbers");
        let [calls, for_nothing] = [1, 2].map(|at| found[at].parse::<u64>().expect("a number"));
        assert_eq!(calls, for_nothing + 3, "{shown}");
        compare_both("24_busy_loop", &counts.replace(&shown, "N calls, N - 3 for nothing"));
    }
}

/// Those that play both ends wherever they are: the same transcript on the
/// address that they are given, and again at once on the same port.
#[test]
fn part_3_plays_on_the_address_that_it_is_given() {
    // (Those of step 17 that are clients have tests in names.rs, and so has [::].)
    let others = ["25_keyboard", "17_names", "17_names_udp", "17_dual_stack"];
    let with_you = |name: &str| others.contains(&name) || source(name).contains("invite(");
    let wordless = |name: &str| name == "20_two_handles" && only_wine_differs(name).is_some();
    let alone = |name: &&&str| **name > "08" && !with_you(name) && !wordless(name);
    let part_3 = LESSONS.iter().filter(alone);
    thread::scope(|scope| {
        for name in part_3 {
            for family in families() {
                scope.spawn(move || play_on_a_port(name, family));
            }
        }
    });
}

/// The port is from a range out of which no kernel gives ports by itself, so
/// that no other test can be given it between two runs.
fn play_on_a_port(name: &str, family: &str) {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id() % 1000 * 10;
    let start = 15_000 + u16::try_from(start).expect("below 10,000");
    let play = |port: u16| {
        let address = family.replace(":0", &format!(":{port}"));
        run(name, &[&address])
    };
    let port_and_run = (0..20).find_map(|_| {
        let port = start + NEXT.fetch_add(1, Ordering::Relaxed);
        let played = play(port);
        (!played.2.contains("already in use")).then_some((port, played))
    });
    let (port, first) = port_and_run.expect("a free port");
    let takes_long = name.starts_with("13") || name.starts_with("14");
    let again = (!takes_long).then(|| play(port));
    for (status, shown, errors) in [first].into_iter().chain(again) {
        assert_eq!((status, errors.as_str()), (0, ""), "{name}: {shown}");
        compare_alone(name, &shown.replace("[::1]", "127.0.0.1"));
    }
}

/// The crate's own two halves, each in a terminal of its own.
#[test]
fn accept_and_connect_meet() {
    for (server, client) in [
        ("03_listen", "04_connect"),
        ("04_accept", "04_connect"),
        ("05_send_recv_udp", "04_connect_udp"),
        ("04_accept_udp", "04_connect_udp"),
    ] {
        for family in families() {
            let mut terminal = Terminal::start(server, &[family]);
            let here = terminal.invited_to();
            let other = terminal.wait_for("cargo run");
            let typed = format!("cargo run --example {client} -- {here}");
            assert!(other.replace('"', "").ends_with(&typed), "{other}");
            succeeds(client, &[&here.to_string()], "");
            if server == "03_listen" {
                terminal.type_line("");
            }
            terminal.finish();
        }
    }
}
