//! The servers, and clients that mean no good or know no better: whatever
//! they do, the next one is served. And what the chat's tests let pass.
//!
//! What needs Linux (signals, limits, forged packets) is in hostile_linux.rs.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use socket_steps::chat::{Ending, Lang};
use socket2::{Domain, SockRef, Socket, Type};

use crate::machine::queues;
use crate::support::{HANG_LIMIT, Terminal, connect, datagrams, expect, receive, rest, run};

/// The servers of steps 7 and 16, and how many clients each serves at once.
pub const TCP: [(&str, usize); 4] =
    [("07_first_server", 1), ("07_chat_server", 1), ("16_one_at_a_time", 8), ("16_clean_stop", 8)];

pub const UDP: [(&str, ()); 2] = [("07_first_server_udp", ()), ("07_chat_server_udp", ())];

/// How long a send may wait for a client that does not receive. One that
/// took a part in that time is followed by another.
const WRITE_LIMIT: Duration = Duration::from_secs(1);

/// The time that a loaded machine may add to what a server promises.
const LOAD: Duration = Duration::from_secs(3);

fn took_less(began: Instant, limit: Duration) {
    let took = began.elapsed();
    assert!(took < limit, "{took:?}");
}

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

/// A client that sends as long as it can, and never receives. It tells when
/// it cannot send any more.
fn never_reads(server: SocketAddr, full: Sender<Instant>) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None);
    let socket = socket.expect("a socket");
    // Little room, so that it is full sooner, and is seen to be.
    socket.set_recv_buffer_size(4096).expect("an option");
    socket.set_send_buffer_size(16_384).expect("an option");
    socket.connect(&server.into()).expect("it listens");
    let a_moment = Some(Duration::from_millis(500));
    socket.set_write_timeout(a_moment).expect("a timeout");
    let mut sender = socket.try_clone().expect("a second owner");
    thread::spawn(move || {
        let text = [b'x'; 4096];
        loop {
            let is_full = match sender.write(&text) {
                Ok(length) => length < text.len(),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => false,
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => true,
                    _ => break,
                },
            };
            if is_full {
                // Only the first time is asked for.
                let _ = full.send(Instant::now());
            }
        }
    });
    socket
}

/// All that a server serves at once are such clients, and each of its sends waits a second at most.
#[test]
#[cfg_attr(windows, ignore = "there a send may take all, however long")]
fn a_client_that_never_reads_loses_its_place() {
    each(&TCP, |name, places| {
        let (_terminal, server) = start(name);
        let (sender, full) = channel();
        let hostile = (0..places).map(|_| never_reads(server, sender.clone()));
        let _hostile: Vec<_> = hostile.collect();
        still_serves(server);
        let full = full.recv_timeout(HANG_LIMIT).expect("it is full");
        took_less(full, WRITE_LIMIT + LOAD);
    });
}

/// They are connected, wait in the queue, and leave: half of them in order, half with a reset.
#[test]
fn clients_that_leave_while_queued_are_passed_over() {
    if !queues(20) {
        return;
    }
    each(&TCP, |name, places| {
        let (_terminal, server) = start(name);
        let served: Vec<_> = (0..places).map(|_| greeted(server)).collect();
        // The first server takes a tenth of a second for each reset.
        for number in 0..20 {
            let queued = connect(server);
            if number % 2 == 0 {
                let at_once = Some(Duration::ZERO);
                let queued = SockRef::from(&queued);
                queued.set_linger(at_once).expect("a linger");
            }
        }
        let last = connect(server);
        served.iter().for_each(leave);
        expect(&last, Lang::En.server_greeting());
        talk(&last, "hi");
        drop((last, served));
        still_serves(server);
    });
}

/// Who comes after the stop, or waits in the queue then, hears nothing and need not wait for it.
fn is_turned_away(mut client: &TcpStream) {
    let began = Instant::now();
    let mut nothing = Vec::new();
    // Or a reset.
    let _ = client.read_to_end(&mut nothing);
    let waited = began.elapsed();
    assert_eq!(String::from_utf8_lossy(&nothing), "");
    assert!(waited < Duration::from_secs(1), "{waited:?}");
}

fn comes_too_late(server: SocketAddr) {
    let late = TcpStream::connect_timeout(&server, HANG_LIMIT);
    match late {
        Ok(late) => {
            late.set_read_timeout(Some(HANG_LIMIT)).expect("a timeout");
            is_turned_away(&late);
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        }
    }
}

/// A text is what one receive returns: `quit` in two pieces is two other texts.
#[test]
fn quit_in_two_pieces_is_not_seen() {
    each(&TCP, |name, _| {
        let (_terminal, server) = start(name);
        let client = greeted(server);
        talk(&client, "qu");
        talk(&client, "it");
        talk(&client, "still there");
        leave(&client);
    });
}

/// Presses Enter; gives when that was, and waits for the server's word.
fn press_enter(terminal: &mut Terminal, talks: usize) -> Instant {
    let pressed = Instant::now();
    terminal.type_line("");
    let line = terminal.wait_for("go on");
    let wanted = format!("{talks} go on, for 5s at most");
    assert!(line.ends_with(&wanted), "{line}");
    took_less(pressed, Duration::from_secs(2));
    pressed
}

#[test]
fn a_stop_with_nobody_there_is_at_once() {
    let (mut terminal, server) = start("16_clean_stop");
    still_serves(server);
    // It looks after its threads a hundred times a second.
    thread::sleep(Duration::from_millis(200));
    let pressed = press_enter(&mut terminal, 0);
    comes_too_late(server);
    let shown = terminal.finish();
    assert!(shown.ends_with(" 0 cut off\n"), "{shown}");
    took_less(pressed, Duration::from_secs(2));
}

/// All places are taken, one more client is in the queue. A stop lets the
/// conversations end, and is over when they have.
#[test]
fn a_stop_waits_for_conversations_and_for_nobody_else() {
    let (mut terminal, server) = start("16_clean_stop");
    let clients: Vec<_> = (0..8).map(|_| greeted(server)).collect();
    let queued = connect(server);
    let pressed = press_enter(&mut terminal, 8);
    // In good order, and not by a reset.
    assert_eq!(rest(&queued), "");
    comes_too_late(server);
    for client in &clients {
        talk(client, "still there?");
    }
    let (quit, left) = clients.split_at(4);
    for client in quit {
        talk(client, "quit\n");
        assert_eq!(rest(client), "");
    }
    left.iter().for_each(leave);
    let shown = terminal.finish();
    assert!(shown.ends_with(" 0 cut off\n"), "{shown}");
    took_less(pressed, Duration::from_secs(4));
}

/// Two who say nothing, one who never reads, and one who talks, but not to
/// the end: the grace is theirs, and no more.
#[test]
#[ignore = "takes several seconds"]
fn a_stop_cuts_off_who_is_there_after_the_grace() {
    const GRACE: Duration = Duration::from_secs(5);
    let (mut terminal, server) = start("16_clean_stop");
    let silent = [(); 2].map(|()| greeted(server));
    let talking = greeted(server);
    let _full = never_reads(server, channel().0);
    // It comes after that one: then all four are being served.
    drop(greeted(server));
    thread::sleep(Duration::from_millis(200));
    let pressed = press_enter(&mut terminal, 4);
    comes_too_late(server);
    while pressed.elapsed() < GRACE - Duration::from_secs(1) {
        talk(&talking, "still there?");
        thread::sleep(Duration::from_millis(100));
    }
    for client in silent.iter().chain([&talking]) {
        assert_eq!(rest(client), "");
    }
    let waited = pressed.elapsed();
    assert!(waited > GRACE - Duration::from_millis(500), "{waited:?}");
    let shown = terminal.finish();
    // Who never reads may have lost its place before.
    let ends = [" 3 cut off\n", " 4 cut off\n"];
    assert!(ends.iter().any(|end| shown.ends_with(end)), "{shown}");
    took_less(pressed, GRACE + Duration::from_secs(2));
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
