//! 25_poll_server: what it promises beyond what every server does. One thread, many clients: what
//! each may take of memory and of a turn, and what it costs to ask the kernel.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use socket_steps::chat::Lang;
use socket2::{Domain, Socket, Type};

use crate::machine::{descriptors, has, launch, missing, program};
use crate::support::{Terminal, connect, expect, rest, within_limit};

/// A client that is being served.
fn greeted(server: SocketAddr) -> TcpStream {
    let client = connect(server);
    expect(&client, Lang::En.server_greeting());
    client
}

fn talk(mut client: &TcpStream, text: &str) {
    client.write_all(text.as_bytes()).expect("sent");
    expect(client, &Lang::En.reply(text));
}

fn start() -> (Terminal, SocketAddr) {
    let mut server = Terminal::start("25_poll_server", &["127.0.0.1:0"]);
    let address = server.invited_to();
    (server, address)
}

/// What it has in memory, in kilobytes.
fn memory(server: &Terminal) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim_end_matches("kB").trim().parse().expect("a number")
}

/// One that sends as long as it can, and never receives. It has little room of its own.
fn never_reads(server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("an option");
    socket.set_send_buffer_size(16_384).expect("an option");
    socket.connect(&server.into()).expect("it listens");
    socket.set_nonblocking(true).expect("an option");
    socket.into()
}

/// The server receives nothing more from them: what they can send comes to an end. It has kept
/// little more than 16 KiB for each of the fifty, and serves others meanwhile.
#[test]
fn who_never_reads_is_kept_waiting_and_so_is_little_memory() {
    const MANY: usize = 50;
    let (server, address) = start();
    let other = greeted(address);
    let before = memory(&server);
    let mut clients: Vec<_> = (0..MANY).map(|_| never_reads(address)).collect();
    let mut sent = 0;
    let mut quiet = 0;
    within_limit(|| {
        let before = sent;
        for client in &mut clients {
            match client.write(&[b'x'; 65_536]) {
                Ok(length) => sent += length,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        assert!(sent < MANY << 20, "it receives without end: {sent} bytes");
        talk(&other, "hi");
        thread::sleep(Duration::from_millis(2));
        quiet = if sent == before { quiet + 1 } else { 0 };
        (quiet == 30).then_some(())
    })
    .expect("an end");
    let more = memory(&server) - before;
    // The bound, what one receive may add to it, and as much again for what a `Vec` has to spare.
    assert!(more < MANY * 2 * 18, "{more} kB for {MANY} clients");
}

/// One that sends without end, and receives all: the others have their turn.
#[test]
fn who_sends_without_end_is_not_alone() {
    let (_server, address) = start();
    let other = greeted(address);
    let soon = Some(Duration::from_secs(5));
    other.set_read_timeout(soon).expect("a timeout");
    let greedy = greeted(address);
    let end = Instant::now() + Duration::from_secs(6);
    let over = AtomicBool::new(false);
    let goes_on = || Instant::now() < end && !over.load(Relaxed);
    let receives = || goes_on() && (&greedy).read(&mut [0; 65_536]).is_ok_and(|n| n > 0);
    let sends = || goes_on() && (&greedy).write(&[b'x'; 65_536]).is_ok_and(|n| n > 0);
    thread::scope(|scope| {
        scope.spawn(|| while receives() {});
        scope.spawn(|| while sends() {});
        thread::sleep(Duration::from_millis(100));
        (0..10).for_each(|_| talk(&other, "hi"));
        over.store(true, Relaxed);
    });
}

/// A wait, a receive and a send: no call that finds nothing.
#[test]
fn a_round_is_three_calls() {
    const ROUNDS: usize = 100;
    if !has(&["strace"]) {
        return;
    }
    let record = tempfile::NamedTempFile::new().expect("a file");
    let mut strace = launch("strace");
    strace.args(["-f", "-qq", "-o"]).arg(record.path());
    strace.args([program("25_poll_server"), "127.0.0.1:0"]);
    let mut server = Terminal::open(&mut strace);
    let client = greeted(server.invited_to());
    for _ in 0..ROUNDS {
        talk(&client, "hi");
    }
    drop(client);
    server.type_line("");
    server.finish();
    let calls = fs::read_to_string(record.path()).expect("text");
    let number = |name: &str| calls.lines().filter(|line| line.contains(name)).count();
    for name in ["epoll_wait(", "recvfrom(", "sendto("] {
        let number = number(name);
        assert!((ROUNDS..ROUNDS + 10).contains(&number), "{name} {number} times");
    }
}

/// And each is answered, and has its end.
#[test]
#[ignore = "opens ten thousand sockets"]
fn five_thousand_at_once_are_served() {
    const MANY: u64 = 5000;
    if descriptors().1 < MANY + 100 {
        return missing("5000 clients need as many descriptors (ulimit -n)");
    }
    let limit = "ulimit -n 6000 && exec \"$0\" 127.0.0.1:0";
    let mut server = Terminal::open(launch("sh").args(["-c", limit, program("25_poll_server")]));
    let address = server.invited_to();
    let empty = memory(&server);
    let mut clients: Vec<_> = (0..MANY).map(|_| greeted(address)).collect();
    for (number, client) in clients.iter().enumerate() {
        talk(client, &format!("I am {number}"));
    }
    let more = memory(&server) - empty;
    assert!(more < 5000, "{more} kB for {MANY} idle clients");
    for client in &mut clients {
        client.write_all(b"quit").expect("sent");
        assert_eq!(rest(client), "Server received: quit");
    }
    server.type_line("");
    let shown = server.finish();
    assert!(shown.ends_with(" 0 go on, for 5s at most\nserver    stop        0 cut off\n"));
}

/// Who takes nothing for ten seconds loses its place; who says nothing for as long does not.
#[test]
#[ignore = "takes ten seconds"]
fn who_takes_nothing_for_long_is_ended() {
    let (_server, address) = start();
    let silent = greeted(address);
    let mut stuck = never_reads(address);
    let began = Instant::now();
    let ended = within_limit(|| {
        thread::sleep(Duration::from_millis(10));
        let sent = stuck.write(&[b'x'; 4096]);
        sent.is_err_and(|error| error.kind() != ErrorKind::WouldBlock).then_some(())
    });
    ended.expect("an end");
    let took = began.elapsed();
    assert!((10..15).contains(&took.as_secs()), "{took:?}");
    talk(&silent, "still there");
}
