//! The servers over UDP, and clients that mean no good or know no better: whatever
//! they do, the next one is served. And what the chat's tests let pass.
//!
//! What needs Linux (signals, limits, forged packets) is in hostile_linux.rs; all servers over
//! TCP are in served.rs.

use std::io::Write as _;
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use socket_steps::chat::{Ending, Lang};

use crate::support::{Terminal, connect, datagrams, expect, receive, rest, run};

pub const UDP: [(&str, ()); 2] = [("07_first_server_udp", ()), ("07_chat_server_udp", ())];

/// Starts a server; gives the address at which clients reach it.
pub fn start(name: &str) -> (Terminal, SocketAddr) {
    let mut server = Terminal::start(name, &["127.0.0.1:0"]);
    let address = server.invited_to();
    (server, address)
}

/// The same test for several servers at once, each in a thread that has the
/// server's name: a failure tells it.
pub fn each<T: Copy + Send>(servers: &[(&'static str, T)], test: impl Fn(&str, T) + Sync) {
    thread::scope(|scope| {
        for (name, value) in servers.iter().copied() {
            let test = &test;
            thread::Builder::new()
                .name(name.into())
                .spawn_scoped(scope, move || test(name, value))
                .expect("a thread");
        }
    });
}

/// A client that is being served.
pub fn greeted(server: SocketAddr) -> TcpStream {
    let peer = connect(server);
    expect(&peer, Lang::En.server_greeting());
    peer
}

/// Says something, and receives the reply.
pub fn talk(mut peer: &TcpStream, text: &str) {
    peer.write_all(text.as_bytes()).expect("sent");
    expect(peer, &Lang::En.reply(text));
}

/// Half-closes, and receives the end.
pub fn leave(peer: &TcpStream) {
    peer.shutdown(Shutdown::Write).expect("our end");
    assert_eq!(rest(peer), "");
}

/// An ordinary client, from the greeting to the end.
pub fn still_serves(server: SocketAddr) {
    let peer = greeted(server);
    talk(&peer, "hi");
    leave(&peer);
}

/// A client over UDP, that hears from the server only.
pub fn udp_client(server: SocketAddr) -> UdpSocket {
    let peer = datagrams(&SocketAddr::new(server.ip(), 0).to_string());
    peer.connect(server).expect("noted");
    peer
}

/// The text of the next datagram.
pub fn hear(peer: &UdpSocket) -> String {
    let mut buffer = [0; 2048];
    let (length, _) = receive(peer, &mut buffer);
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

/// Says something; receives the reply, and before it a greeting if `new`.
pub fn talk_udp(peer: &UdpSocket, text: &str, new: bool) {
    talk_in(Lang::En, peer, text, new);
}

/// The same with a server that speaks this language.
pub fn talk_in(lang: Lang, peer: &UdpSocket, text: &str, new: bool) {
    peer.send(text.as_bytes()).expect("sent");
    if new {
        assert_eq!(hear(peer), lang.server_greeting());
    }
    assert_eq!(hear(peer), lang.reply(text));
}

/// Who was greeted is greeted again.
#[test]
fn a_server_over_udp_forgets_after_a_thousand_senders() {
    each(&UDP, |name, ()| {
        let (mut terminal, server) = start(name);
        let first = udp_client(server);
        talk_udp(&first, "one", true);
        talk_udp(&first, "two", false);
        // A port that comes twice is no new sender: hence a few more.
        for _ in 0..1200 {
            let peer = udp_client(server);
            peer.send(b"hi").expect("sent");
            hear(&peer);
        }
        talk_udp(&first, "three", true);
        talk_udp(&first, "four", false);
        if name == "07_chat_server_udp" {
            terminal.wait_for(&Lang::En.forgetting(1000).to_string());
        }
    });
}

/// Each answer is longer than what it answers: here is where two servers that
/// answer each other come to an end.
#[test]
fn over_udp_1024_bytes_are_answered_and_more_are_not() {
    each(&UDP, |name, ()| {
        let (_terminal, server) = start(name);
        let peer = udp_client(server);
        peer.send(&[b'x'; 1025]).expect("sent");
        talk_udp(&peer, &"x".repeat(1024), true);
    });
}

/// The first thing that a sender says may be its last: it is a sender all the
/// same, and then it is forgotten.
#[test]
fn who_begins_with_quit_is_greeted_and_answered_and_forgotten() {
    let (mut terminal, server) = start("07_chat_server_udp");
    let peer = udp_client(server);
    for text in ["quit", "quit\n", "hi"] {
        talk_udp(&peer, text, true);
    }
    talk_udp(&peer, "quit\r\n", false);
    let local = peer.local_addr().expect("an address");
    for _ in 0..3 {
        let line = Lang::En.disconnected(local, Ending::Quit).to_string();
        assert_eq!(terminal.wait_for("disconnected"), line);
    }
}

/// `quit` and the first byte of a character arrive together. Nobody has said
/// `quit` before the rest of it is known.
#[test]
fn quit_with_half_a_character_behind_it_is_no_quit() {
    let (mut terminal, server) = start("07_chat_server");
    let mut peer = greeted(server);
    peer.write_all(b"quit\xe4").expect("sent");
    expect(&peer, &Lang::En.reply("quit"));
    peer.write_all(b"\xbd\xa0").expect("sent");
    expect(&peer, &Lang::En.reply("你"));
    leave(&peer);
    let local = peer.local_addr().expect("an address");
    terminal.wait_for(&Lang::En.disconnected(local, Ending::Left).to_string());
}

/// Half a second, three times. The median: a loaded machine is late now and then.
#[test]
fn the_udp_client_waits_half_a_second_before_it_sends_again() {
    let server = datagrams("127.0.0.1:0");
    let here = server.local_addr().expect("an address").to_string();
    let receiving = thread::spawn(move || {
        [(); 3].map(|()| {
            receive(&server, &mut [0; 64]);
            Instant::now()
        })
    });
    let (status, shown, _) = run("07_chat_client_udp", &[&here]);
    let ended = Instant::now();
    assert_eq!(status, 1, "{shown}");
    let mut times = receiving.join().expect("three datagrams").to_vec();
    times.push(ended);
    let mut gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort();
    let most = Duration::from_millis(1000);
    assert!(gaps[1] > Duration::from_millis(400), "{gaps:?}");
    assert!(gaps[1] < most, "{gaps:?}");
}
