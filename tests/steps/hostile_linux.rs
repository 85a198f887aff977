//! The servers and clients of steps 7 and 16 in bad weather: stopped and continued, traced, out of
//! descriptors or threads, with packets that somebody forged, and with a crowd before the door.
//! Linux shows and does what that needs.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use socket_steps::chat::Lang;
use socket2::{Domain, Protocol, Socket, Type};

use crate::hostile::{UDP, each, greeted, leave, start, still_serves, talk, talk_udp, udp_client};
use crate::machine::{has, launch, program, skip, spawn};
use crate::served::{Room, Server, served};
use crate::support::{
    HANG_LIMIT, Terminal, accept, connect, datagrams, expect, receive, within_limit,
};

/// An ordinary client over UDP.
fn still_serves_udp(server: SocketAddr) {
    let peer = udp_client(server);
    talk_udp(&peer, "hi", true);
    talk_udp(&peer, "again", false);
}

/// The fields of /proc/ID/stat from the third one on, for each thread.
fn threads(id: u32) -> Vec<Vec<String>> {
    let tasks = fs::read_dir(format!("/proc/{id}/task"));
    let tasks = tasks.into_iter().flatten().flatten();
    // A thread may have ended meanwhile.
    let stats = tasks.filter_map(|task| fs::read_to_string(task.path().join("stat")).ok());
    stats
        .map(|stat| {
            // The second one is a name in brackets, with any characters.
            let (_, fields) = stat.rsplit_once(") ").expect("a name");
            fields.split_whitespace().map(str::to_owned).collect()
        })
        .collect()
}

/// Waits until all threads of a program are in one of these states: `S` waits
/// in the kernel, `T` is stopped.
pub fn until(id: u32, states: &str) {
    let in_one = || {
        let mut threads = threads(id).into_iter();
        threads.all(|thread| states.contains(&thread[0])).then_some(())
    };
    within_limit(in_one).expect(states);
}

pub fn signal(name: &str, id: u32) {
    let kill = format!("kill -{name} {id}");
    let status = Command::new("sh").args(["-c", &kill]).status();
    assert!(status.expect("sh").success(), "{kill}");
}

/// What happens to a program that waits in a call.
type Event = fn(u32);

/// As Ctrl-Z and `fg` do it.
fn stopped_and_continued(id: u32) {
    until(id, "S");
    signal("STOP", id);
    until(id, "T");
    signal("CONT", id);
    until(id, "SR");
}

/// A debugger attaches, and leaves.
fn traced(id: u32) {
    strace(id, &["-o", "/dev/null"], || {});
}

/// Traces a program for as long as `during` takes; gives what strace says,
/// unless that is not to be had here.
fn strace(id: u32, options: &[&str], during: impl FnOnce()) -> Option<String> {
    until(id, "S");
    if !has(&["strace"]) {
        return None;
    }
    let mut strace = launch("strace");
    strace.args(["-f", "-p", &id.to_string()]).args(options).stderr(Stdio::piped());
    let mut strace = spawn(&mut strace);
    // Of each thread: who traces it.
    let is_traced = || {
        let mut tasks = fs::read_dir(format!("/proc/{id}/task")).ok()?;
        let yes = tasks.all(|task| {
            let status = task.map(|task| task.path().join("status"));
            let status = status.and_then(fs::read_to_string);
            status.is_ok_and(|text| !text.contains("TracerPid:\t0\n"))
        });
        yes.then_some(())
    };
    let attached = within_limit(|| {
        let ended = strace.try_wait().expect("a status").is_some();
        if ended { Some(false) } else { is_traced().map(|()| true) }
    });
    if attached != Some(true) {
        let _ = strace.kill();
        let words = strace.wait_with_output().expect("a status").stderr;
        skip(&String::from_utf8_lossy(&words));
        return None;
    }
    during();
    signal("INT", strace.id());
    let words = strace.wait_with_output().expect("a status").stderr;
    until(id, "SR");
    Some(String::from_utf8_lossy(&words).into_owned())
}

/// All servers over TCP, each with its name.
fn tcp() -> Vec<(&'static str, &'static Server)> {
    served().map(|server| (server.name, server)).collect()
}

/// A server waits for a client, and for what it says; a conversation goes on.
fn servers_go_on_after(event: Event) {
    each(&tcp(), |_, server| {
        let running = server.start();
        event(running.id());
        let mut room = Room::of(&running);
        let guest = room.join();
        event(running.id());
        room.talk(guest, "hi");
        event(running.id());
        room.leave(guest);
        room.still_serves();
    });
    each(&UDP, |name, ()| {
        let (terminal, server) = start(name);
        event(terminal.id());
        let peer = udp_client(server);
        talk_udp(&peer, "hi", true);
        event(terminal.id());
        talk_udp(&peer, "again", false);
        still_serves_udp(server);
    });
}

/// A client waits for the greeting, and for each reply.
fn a_client_goes_on_after(event: Event) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let here = listener.local_addr().expect("an address").to_string();
    let mut client = Terminal::start("07_chat_client", &[&here]);
    let (mut peer, _) = accept(&listener);
    event(client.id());
    peer.write_all(Lang::En.server_greeting().as_bytes()).expect("sent");
    for text in [Lang::En.client_greeting(), "hi"] {
        expect(&peer, text);
        event(client.id());
        peer.write_all(Lang::En.reply(text).as_bytes()).expect("sent");
        client.wait_for(&Lang::En.server_says(&Lang::En.reply(text)).to_string());
        event(client.id());
        client.type_line(if text == "hi" { "quit" } else { "hi" });
    }
    expect(&peer, "quit");
    drop(peer);
    client.finish();
}

/// The same over UDP, where a client sends again if it has to wait: for half
/// a second, and the event is no reason to do so before.
fn a_udp_client_goes_on_after(event: Event) {
    const TOO_SOON: Duration = Duration::from_millis(300);
    let (server, _, mut client) = udp_client_of("127.0.0.1:0");
    for text in [Lang::En.client_greeting(), "hi"] {
        let peer = receive_from(&server, text);
        let received = Instant::now();
        event(client.id());
        until(client.id(), "S");
        let again = received.elapsed();
        server.set_nonblocking(true).expect("an option");
        let more = server.recv(&mut [0; 64]);
        server.set_nonblocking(false).expect("an option");
        assert!(more.is_err() || again > TOO_SOON, "after {again:?}");
        answer(&server, peer, text, &mut client);
        client.type_line(if text == "hi" { "quit" } else { "hi" });
    }
    receive_from(&server, "quit");
    client.finish();
}

/// A server, its address, and our client of it.
fn udp_client_of(at: &str) -> (UdpSocket, SocketAddr, Terminal) {
    let server = datagrams(at);
    let here = server.local_addr().expect("an address");
    let client = Terminal::start("07_chat_client_udp", &[&here.to_string()]);
    (server, here, client)
}

/// Replies to this text of our client's, which shows that.
fn answer(server: &UdpSocket, peer: SocketAddr, text: &str, client: &mut Terminal) {
    let reply = Lang::En.reply(text);
    server.send_to(reply.as_bytes(), peer).expect("sent");
    client.wait_for(&Lang::En.server_says(&reply).to_string());
}

/// Waits for this text (another one is an earlier one, sent again); gives the sender.
fn receive_from(server: &UdpSocket, text: &str) -> SocketAddr {
    let mut buffer = [0; 1024];
    loop {
        let (length, peer) = receive(server, &mut buffer);
        if &buffer[..length] == text.as_bytes() {
            return peer;
        }
    }
}

fn all_go_on_after(event: Event) {
    servers_go_on_after(event);
    a_client_goes_on_after(event);
    a_udp_client_goes_on_after(event);
}

#[test]
fn who_is_stopped_and_continued_goes_on() {
    all_go_on_after(stopped_and_continued);
}

#[test]
fn who_is_traced_for_a_moment_goes_on() {
    all_go_on_after(traced);
}

const STEP_16: [&str; 2] = ["16_one_at_a_time", "16_clean_stop"];

/// Both limits of step 16, as the kernel is given them. Nobody waits five
/// minutes for the first; the second has a test of its own.
#[test]
fn step_16_asks_for_five_minutes_and_for_a_second() {
    each(&[(STEP_16[0], ()), (STEP_16[1], ())], |name, ()| {
        let (terminal, server) = start(name);
        let options = ["-xx", "-e", "trace=setsockopt"];
        let calls = strace(terminal.id(), &options, || {
            talk(&greeted(server), "quit");
        });
        let Some(calls) = calls else { return };
        for (option, seconds) in [("RCVTIMEO", 300_i64), ("SNDTIMEO", 1)] {
            let bytes = seconds.to_ne_bytes();
            let bytes = bytes.map(|byte| format!("\\x{byte:02x}")).concat();
            let asked = |line: &str| line.contains(option) && line.contains(&bytes);
            assert!(calls.lines().any(asked), "{option}: {calls}");
        }
    });
}

/// The time of the CPU that a program has had, in clock ticks, of which a second has a hundred.
pub fn ticks(id: u32) -> u64 {
    let times = |thread: &Vec<String>| {
        let times = thread[11..13].iter().map(|time| time.parse::<u64>());
        times.map(|time| time.expect("a number")).sum::<u64>()
    };
    threads(id).iter().map(times).sum()
}

/// A server that waits for better times says so a few times a second, and leaves the CPU to others.
pub fn does_not_spin(terminal: &mut Terminal) {
    terminal.lines_within(Duration::ZERO);
    let (began, before) = (Instant::now(), ticks(terminal.id()));
    let lines = terminal.lines_within(Duration::from_millis(300));
    let spent = ticks(terminal.id()) - before;
    let waited = began.elapsed().as_millis();
    let lines = u128::try_from(lines).expect("few");
    assert!(lines <= 5 + waited / 50, "{lines} lines in {waited} ms");
    assert!(u128::from(spent) <= 2 + waited / 50, "{spent} ticks");
}

/// What the kernel itself loses is sent again as well: here the first datagram of the cure is said
/// to be sent, and is not.
#[test]
#[ignore = "stops five thousand calls"]
fn step_15_sends_again_what_is_really_lost() {
    if !has(&["strace"]) {
        return;
    }
    let lost = ["-qq", "-o", "/dev/null", "-e", "inject=sendto:retval=1:when=5017"];
    let mut command = launch("strace");
    command.args(lost).args(["-e", "trace=sendto", program("15_lost_datagrams_udp")]);
    let shown = Terminal::open(&mut command).finish();
    if !shown.contains("send_to") {
        return skip("strace may not trace here");
    }
    assert!(shown.contains(" no answer to 1, attempt 1\n"), "{shown}");
    assert!(shown.ends_with(" [1, 2, 3, 4, 5, 6, 7, 8]\n"), "{shown}");
}

/// No thread can be started: that client is closed, the server says so, and
/// the others are served. Root only: another user has other programs, and
/// this limit is for all of them. So the servers run as users of their own.
#[test]
fn step_16_goes_on_when_it_can_start_no_thread() {
    each(&[(STEP_16[0], 0), (STEP_16[1], 1)], |name, more| {
        let user = 61_000 + 2 * (std::process::id() % 1000) + more;
        let (user, group) = (format!("--reuid={user}"), format!("--regid={user}"));
        // Two conversations; one thread accepts, and perhaps one waits for Enter.
        let limit = format!("--nproc={}", 3 + more);
        // A signal of the launcher's would not outlive the change of the user.
        let as_user = ["setpriv", &user, &group, "--clear-groups", "--pdeathsig=KILL"];
        if !has(&["prlimit", "setpriv"]) {
            return;
        }
        let can = Command::new("prlimit").arg(&limit).args(as_user).arg("true").output();
        if !can.is_ok_and(|output| output.status.success()) {
            return skip("no user of its own for a server");
        }
        let mut command = launch("prlimit");
        command.arg(&limit).args(as_user).args([program(name), "127.0.0.1:0"]);
        let mut terminal = Terminal::open(&mut command);
        let server = terminal.invited_to();
        let served = [(); 2].map(|()| greeted(server));
        // More of them than there are places: none of those is lost.
        for _ in 0..10 {
            let mut closed = connect(server);
            let mut nothing = Vec::new();
            let end = closed.read_to_end(&mut nothing);
            assert!(nothing.is_empty(), "{end:?}");
        }
        let line = terminal.wait_for("thread");
        // The kernel's EAGAIN is also what a receive says that would wait.
        assert!(!line.contains("would block"), "{line}");
        served.iter().for_each(|peer| talk(peer, "hi"));
        served.iter().for_each(leave);
        until(terminal.id(), "S");
        still_serves(server);
        if more == 1 {
            terminal.type_line("");
            terminal.finish();
        }
    });
}

/// A whole packet, its IP header included: somebody else is its sender.
fn forged(protocol: u8, from: SocketAddr, to: SocketAddr, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + rest.len()).expect("one packet");
    // Version 4, 5 words; no fragment; 64 hops; the kernel writes the sum.
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
    for address in [from, to] {
        let SocketAddr::V4(v4) = address else { unreachable!("{address} is not IPv4") };
        packet.extend(v4.ip().octets());
    }
    packet.extend(rest);
    packet
}

const ICMP: u8 = 1;
const UDP_IN_IP: u8 = 17;

fn forged_datagram(from: SocketAddr, to: SocketAddr, text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + text.len()).expect("one datagram");
    let mut datagram = Vec::new();
    for number in [from.port(), to.port(), length, 0] {
        datagram.extend(number.to_be_bytes());
    }
    datagram.extend(text);
    forged(UDP_IN_IP, from, to, &datagram)
}

/// Sends packets as they are; `None` for who must not.
fn raw() -> Option<Socket> {
    const SOCK_RAW: i32 = 3;
    const IPPROTO_RAW: i32 = 255;
    let protocol = Protocol::from(IPPROTO_RAW);
    let raw = Socket::new(Domain::IPV4, Type::from(SOCK_RAW), Some(protocol));
    match raw {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            skip("no right to forge packets");
            None
        }
        raw => Some(raw.expect("a raw socket")),
    }
}

/// Two hundred datagrams that a server seems to have sent to itself, or that two of them seem to
/// have sent to each other. They may answer each other for a while, and then there is silence.
#[test]
fn servers_do_not_answer_each_other_for_ever() {
    let Some(raw) = raw() else { return };
    each(&UDP, |name, ()| {
        let (one, first) = start(name);
        let (two, second) = start(name);
        for number in 0..200 {
            let text = match number % 20 {
                0 => b"abc".to_vec(),
                1 => b"quit".to_vec(),
                2..5 => vec![b'x'; 1024],
                5..8 => vec![0xff; 1000],
                8..11 => vec![b'x'; 2000],
                _ => vec![b'x'; 1000],
            };
            let (from, to) = match number % 3 {
                0 => (first, first),
                1 => (first, second),
                _ => (second, first),
            };
            let packet = forged_datagram(from, to, &text);
            raw.send_to(&packet, &to.into()).expect("sent");
        }
        for (terminal, server) in [(one, first), (two, second)] {
            falls_silent(terminal.id());
            still_serves_udp(server);
        }
    });
}

/// The same with those of step 28, whose limits end it at once.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn servers_with_limits_answer_each_other_a_few_times_at_most() {
    let Some(raw) = raw() else { return };
    let start = || {
        let mut server = Terminal::start("28_many_peers_udp", &["127.0.0.1:0"]);
        let here = server.invited_to();
        (server, here)
    };
    let (mut one, first) = start();
    let (two, second) = start();
    for number in 0..200 {
        let (from, to) = match number % 3 {
            0 => (first, first),
            1 => (first, second),
            _ => (second, first),
        };
        let packet = forged_datagram(from, to, b"help");
        raw.send_to(&packet, &to.into()).expect("sent");
    }
    for id in [one.id(), two.id()] {
        falls_silent(id);
    }

    // And now from everywhere: what is remembered of them has a bound, and who comes is served.
    let size = |id: u32| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("a line");
        line.split_whitespace().nth(1).and_then(|size| size.parse::<u32>().ok()).expect("in kB")
    };
    let flood = |from: u32, to: u32| {
        for number in from..to {
            let [_, high, middle, low] = number.to_be_bytes();
            let from = SocketAddr::from(([127, 2 + high, middle, low], 4000));
            raw.send_to(&forged_datagram(from, first, b"help"), &first.into()).expect("sent");
            if number % 100 == 0 {
                // What finds no room in its buffer is lost: it has time to receive.
                talk_udp(&udp_client(first), "hi", true);
            }
        }
        size(one.id())
    };
    let (before, after) = (flood(0, 2000), flood(2000, 8000));
    assert!(after < before + 300, "{before} kB after 2,000 of them, {after} kB after 8,000");
    still_serves_udp(first);
    assert!(one.wait_for("no room").contains("forget"));
}

/// It neither runs nor is woken, for a while.
fn falls_silent(id: u32) {
    let turns = || {
        let status = fs::read_to_string(format!("/proc/{id}/status"));
        let status = status.expect("it runs");
        let turns = status.lines().filter(|line| line.contains("ctxt"));
        (turns.map(str::to_owned).collect::<Vec<_>>(), ticks(id))
    };
    let silent = within_limit(|| {
        let before = turns();
        thread::sleep(Duration::from_millis(200));
        (before == turns()).then_some(())
    });
    silent.expect("it answers itself for ever");
    until(id, "S");
}

/// The fate of an earlier datagram comes late: the next `send` fails with it,
/// and has not sent. The client sends once more, at once.
#[test]
fn the_udp_client_sends_again_when_a_send_tells_of_an_earlier_one() {
    let Some(raw) = raw() else { return };
    let (server, here, mut client) = udp_client_of("127.0.0.1:0");
    let hello = Lang::En.client_greeting();
    let peer = receive_from(&server, hello);
    answer(&server, peer, hello, &mut client);
    until(client.id(), "S");

    // Destination unreachable (3), the port (3), the sum, and the beginning
    // of the datagram in question.
    let mut unreachable = vec![3, 3, 0, 0, 0, 0, 0, 0];
    let earlier = forged_datagram(peer, here, b"");
    unreachable.extend(&earlier);
    let words = unreachable.chunks(2);
    let words = words.map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
    let sum = words.sum::<u32>();
    let sum = !((sum & 0xffff) + (sum >> 16));
    unreachable[2..4].copy_from_slice(&sum.to_be_bytes()[2..]);
    let packet = forged(ICMP, here, peer, &unreachable);
    raw.send_to(&packet, &peer.into()).expect("sent");

    client.type_line("hi");
    receive_from(&server, "hi");
    answer(&server, peer, "hi", &mut client);
    client.type_line("quit");
    let shown = client.finish();
    assert!(!shown.contains(&Lang::En.trying_again(2, 3).to_string()), "{shown}");
}

/// The server goes, and another one is there before the client gives up. On
/// an address of its own: no other test can be given its port.
#[test]
fn the_udp_client_finds_a_server_that_comes_back() {
    let (server, here, mut client) = udp_client_of("127.0.0.4:0");
    let hello = Lang::En.client_greeting();
    let peer = receive_from(&server, hello);
    answer(&server, peer, hello, &mut client);
    drop(server);
    client.type_line("hi");
    client.wait_for(&Lang::En.client_sends("hi").to_string());
    until(client.id(), "S");
    // A program that another test is just starting may still have the socket
    // that was closed here, until it is what it is to be.
    let server = within_limit(|| UdpSocket::bind(here).ok());
    let server = server.expect("the port is free again");
    server.set_read_timeout(Some(HANG_LIMIT)).expect("a timeout");
    assert_eq!(receive_from(&server, "hi"), peer);
    answer(&server, peer, "hi", &mut client);
    assert!(client.shown().contains(&Lang::En.trying_again(2, 3).to_string()));
    client.type_line("quit");
    client.finish();
}

/// What is typed before Enter is not kept.
#[test]
fn an_endless_line_takes_no_memory() {
    let zeros = fs::File::open("/dev/zero").expect("a device");
    let mut waits = launch(program("02_bind"));
    waits.arg("127.0.0.1:0").stdin(zeros).stdout(Stdio::null());
    let mut waits = spawn(&mut waits);
    // So many ticks are a tenth of a second of reading: hundreds of megabytes.
    within_limit(|| (ticks(waits.id()) >= 10).then_some(())).expect("it reads");
    let status = fs::read_to_string(format!("/proc/{}/status", waits.id())).expect("a process");
    let memory = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    let memory: u32 = memory.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(memory < 20_000, "{memory} kB");
    waits.kill().expect("its end");
    waits.wait().expect("a status");
}
