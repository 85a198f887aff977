//! The three servers of step 27, from outside: whatever each says reaches all others, once, and in
//! the same order for all; one who does not read costs little, and nobody's time; and a stop cuts
//! off nobody before the grace is over.
//!
//! (Their protocol is that of the exercise 16_group_chat: a test has the grader check them.)

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::hostile::{each, start};
use crate::machine::{descriptors, missing};
use crate::support::{HANG_LIMIT, Terminal, connect, snapshot, within_limit};

const SERVERS: [(&str, ()); 3] =
    [("27_group_chat_threads", ()), ("27_group_chat_poll", ()), ("27_group_chat_tokio", ())];

/// A reader lays them side by side.
#[test]
fn the_three_print_the_same() {
    let [first, others @ ..] = SERVERS.map(|(name, ())| snapshot("transcripts", name));
    for other in others {
        assert_eq!(first, other);
    }
}

/// Somebody of a crowd. Its socket is non-blocking: one thread plays all of them.
struct Member {
    stream: TcpStream,
    /// What has come of a line.
    rest: Vec<u8>,
    welcomed: bool,
    /// How many others are known to be there.
    others: usize,
    said: usize,
    /// Of each speaker, how many lines were heard.
    heard: Vec<usize>,
    /// Who has spoken, in order.
    order: Vec<u16>,
}

impl Member {
    fn enter(server: SocketAddr, number: usize, size: usize) -> Self {
        let mut stream = connect(server);
        stream.write_all(format!("m{number}\n").as_bytes()).expect("sent");
        stream.set_nonblocking(true).expect("an option");
        let heard = vec![0; size];
        Self { stream, rest: vec![], welcomed: false, others: 0, said: 0, heard, order: vec![] }
    }

    /// Takes what is there. `false`: nothing is.
    fn hear(&mut self) -> bool {
        let mut buffer = [0; 65536];
        let length = match self.stream.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) if error.kind() == ErrorKind::Interrupted => return true,
            length => length.expect("no failure"),
        };
        assert_ne!(length, 0, "nobody is put out");
        self.rest.extend(&buffer[..length]);
        let end = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.rest.drain(..end).collect();
        for line in String::from_utf8(lines).expect("UTF-8").lines() {
            self.take(line);
        }
        true
    }

    fn take(&mut self, line: &str) {
        if line.starts_with("* welcome ") {
            assert!(!self.welcomed && self.order.is_empty() && self.others == 0, "{line}");
            self.welcomed = true;
        } else if line.ends_with(" joins") {
            self.others += 1;
        } else {
            let (name, text) = line.split_once(": ").expect(line);
            let speaker: usize = name[1..].parse().expect(line);
            let number: usize = text.parse().expect(line);
            assert_eq!(number, self.heard[speaker], "lost, doubled, or out of order: {line}");
            self.heard[speaker] += 1;
            self.order.push(speaker.try_into().expect(line));
        }
    }

    fn say_the_next(&mut self) {
        let line = format!("{}\n", self.said);
        self.stream.write_all(line.as_bytes()).expect("room for a short line");
        self.said += 1;
    }
}

/// All of them hear, until this is so for all. (A sleep is the wait.)
fn until(crowd: &mut [Member], is_so: impl Fn(&mut Member) -> bool) {
    let start = Instant::now();
    loop {
        let (mut all, mut any) = (true, false);
        for member in crowd.iter_mut() {
            any |= member.hear();
            all &= is_so(member);
        }
        if all {
            return;
        }
        assert!(start.elapsed() < HANG_LIMIT, "it hangs");
        if !any {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// They come in, one after the other, and all hear of all who come later.
fn come_in(server: SocketAddr, size: usize) -> Vec<Member> {
    let mut crowd = vec![];
    for number in 0..size {
        crowd.push(Member::enter(server, number, size));
        // Not all of them hear each time, or it would take long.
        until(&mut crowd[number..], |it| it.welcomed);
        if number % 20 == 0 {
            until(&mut crowd, |_| true);
        }
    }
    for (number, member) in crowd.iter_mut().enumerate() {
        until(std::slice::from_mut(member), |it| it.others == size - 1 - number);
    }
    crowd
}

/// Each says so many lines: the next one when it has heard what the others have said so far, or
/// some lines `ahead` of that.
fn all_talk(crowd: &mut [Member], lines: usize, ahead: usize) {
    let others = crowd.len() - 1;
    until(crowd, |member| {
        while member.said < lines
            && member.order.len() >= member.said.saturating_sub(ahead) * others
        {
            member.say_the_next();
        }
        member.order.len() == lines * others
    });
}

/// What all hear, all hear in the same order.
fn order_is_the_same(crowd: &[Member]) {
    let without = |order: &[u16], leave_out: [usize; 2]| -> Vec<u16> {
        let is_in = |it: &u16| !leave_out.contains(&usize::from(*it));
        order.iter().copied().filter(is_in).collect()
    };
    for (number, member) in crowd.iter().enumerate().skip(1) {
        let both = [0, number];
        assert!(without(&crowd[0].order, both) == without(&member.order, both), "m{number}");
    }
}

fn everybody_hears_everybody(name: &str, size: usize, lines: usize, ahead: usize) -> Duration {
    let (_server, address) = start(name);
    let mut crowd = come_in(address, size);
    let start = Instant::now();
    all_talk(&mut crowd, lines, ahead);
    let took = start.elapsed();
    order_is_the_same(&crowd);
    took
}

#[test]
fn thirty_talk_and_all_hear_all_of_it_in_the_same_order() {
    each(&SERVERS, |name, ()| {
        everybody_hears_everybody(name, 30, 20, 20);
    });
}

/// The bar of the three: 796,000 deliveries.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn two_hundred_talk_and_nothing_is_lost_doubled_or_out_of_order() {
    for (name, ()) in SERVERS {
        let took = everybody_hears_everybody(name, 200, 20, 0);
        println!("{name}: 796,000 lines in {took:?}");
    }
}

/// Of a thousand, a few talk.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_thousand_at_once() {
    let (may_open, may_ask) = descriptors();
    if may_open.min(may_ask) < 1200 {
        return missing("a program may open fewer than 1200 files: ulimit -n 4096");
    }
    for (name, ()) in SERVERS {
        let (_server, address) = start(name);
        let mut crowd = come_in(address, 1000);
        for speaker in [0, 500, 999] {
            crowd[speaker].say_the_next();
            let said: usize = crowd.iter().map(|it| it.said).sum();
            until(&mut crowd, |it| it.order.len() + it.said == said);
        }
        order_is_the_same(&crowd);
    }
}

/// Somebody for whom lines are read one at a time.
fn member(server: SocketAddr, name: &str) -> BufReader<TcpStream> {
    let mut peer = BufReader::new(connect(server));
    tell(&mut peer, name);
    hears(&mut peer, &format!("* welcome {name}"));
    peer
}

fn tell(peer: &mut BufReader<TcpStream>, line: &str) {
    peer.get_mut().write_all(format!("{line}\n").as_bytes()).expect("sent");
}

fn hears(peer: &mut BufReader<TcpStream>, line: &str) {
    let mut got = String::new();
    peer.read_line(&mut got).expect("a line");
    assert_eq!(got.trim_end(), line);
}

fn press_enter(server: &mut Terminal) -> Instant {
    server.type_line("");
    server.wait_for("go on");
    Instant::now()
}

/// A stop lets them talk on, and ends with the last of them. Nobody new gets in.
#[test]
#[cfg_attr(windows, ignore = "there a connection is refused after two seconds only")]
fn a_stop_cuts_off_nobody_who_leaves_in_time() {
    each(&SERVERS, |name, ()| {
        let (mut server, address) = start(name);
        let [mut anna, mut ben] = ["anna", "ben"].map(|name| member(address, name));
        hears(&mut anna, "* ben joins");
        press_enter(&mut server);
        // (Who comes in that moment may get in, and is gone again.)
        let refused = within_limit(|| TcpStream::connect(address).err());
        assert_eq!(refused.expect("nobody new").kind(), ErrorKind::ConnectionRefused);
        let refused = Instant::now();
        // More than the sockets hold: it waits in the queue when ben leaves.
        let long = "x".repeat(1000);
        for _ in 0..900 {
            tell(&mut ben, &long);
        }
        ben.get_ref().shutdown(Shutdown::Write).expect("our end");
        for _ in 0..900 {
            hears(&mut anna, &format!("ben: {long}"));
        }
        hears(&mut anna, "* ben leaves");
        hears(&mut ben, "");
        drop(anna);
        let shown = server.finish();
        assert!(shown.ends_with(" 0 cut off\n"), "{shown}");
        let took = refused.elapsed();
        assert!(took < Duration::from_secs(4), "{took:?}");
    });
}

/// Who is still there after the grace gets what was said before, and the end; a client without
/// a name keeps the server from nothing.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn a_stop_ends_after_the_grace_and_the_queues_are_sent_out() {
    each(&SERVERS, |name, ()| {
        let (mut server, address) = start(name);
        let _nameless = connect(address);
        let [mut anna, mut ben] = ["anna", "ben"].map(|name| member(address, name));
        hears(&mut anna, "* ben joins");
        let pressed = press_enter(&mut server);
        let mut said = 0;
        while pressed.elapsed() < Duration::from_millis(4500) {
            tell(&mut ben, &said.to_string());
            hears(&mut anna, &format!("ben: {said}"));
            said += 1;
            thread::sleep(Duration::from_millis(50));
        }
        hears(&mut anna, "");
        hears(&mut ben, "");
        let took = pressed.elapsed();
        assert!(took > Duration::from_millis(4900), "{took:?}");
        let shown = server.finish();
        assert!(shown.ends_with(" 2 cut off\n"), "{shown}");
        let took = pressed.elapsed();
        assert!(took < Duration::from_secs(9), "{took:?}");
    });
}

/// The server is stopped and continued, with lines in its queues. It was late itself: whoever reads
/// stays.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
#[cfg(target_os = "linux")]
fn a_server_that_had_no_time_puts_nobody_out() {
    use crate::hostile_linux::signal;
    each(&SERVERS, |name, ()| {
        let (server, address) = start(name);
        let [mut anna, mut ben] = ["anna", "ben"].map(|name| member(address, name));
        hears(&mut anna, "* ben joins");
        let talks = AtomicBool::new(true);
        thread::scope(|scope| {
            scope.spawn(|| {
                while talks.load(Relaxed) {
                    tell(&mut anna, "x");
                }
                tell(&mut anna, "the last one");
            });
            scope.spawn(|| {
                let mut line = String::new();
                while line != "anna: the last one\n" {
                    line.clear();
                    let length = ben.read_line(&mut line).expect("a line");
                    assert_ne!(length, 0, "{name}: put out");
                }
            });
            for _ in 0..3 {
                thread::sleep(Duration::from_millis(300));
                signal("STOP", server.id());
                thread::sleep(Duration::from_millis(1500));
                signal("CONT", server.id());
            }
            talks.store(false, Relaxed);
        });
    });
}

/// One reads nothing, and another one says what it can. The others hear it all, and the server
/// does not grow.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
#[cfg(target_os = "linux")]
fn who_does_not_read_costs_little() {
    const LINES: usize = 20_000;
    each(&SERVERS, |name, ()| {
        let (server, address) = start(name);
        let [mut anna, mut ben] = ["anna", "ben"].map(|name| member(address, name));
        let _dora = member(address, "dora");
        for line in ["* ben joins", "* dora joins"] {
            hears(&mut anna, line);
        }
        hears(&mut ben, "* dora joins");
        let before = most_memory(server.id());
        let long = "x".repeat(1000);
        thread::scope(|scope| {
            let mut speaker = anna.get_ref();
            let all = [long.as_str(), "\n"].concat();
            scope.spawn(move || {
                for _ in 0..LINES {
                    speaker.write_all(all.as_bytes()).expect("sent");
                }
            });
            let (mut heard, mut left) = (0, false);
            while heard < LINES || !left {
                let mut line = String::new();
                ben.read_line(&mut line).expect("a line");
                match line.trim_end() {
                    "* dora leaves" => left = true,
                    text => {
                        assert_eq!(text.strip_prefix("anna: "), Some(long.as_str()));
                        heard += 1;
                    }
                }
            }
        });
        let grown = most_memory(server.id()) - before;
        println!("{name}: {grown} kB");
        assert!(grown < 8 << 10, "{grown} kB");
    });
}

/// In kB, the most so far.
#[cfg(target_os = "linux")]
fn most_memory(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux has it");
    line.trim_end_matches("kB").trim().parse().expect("a number")
}

/// The grader's checks, which know nothing of these servers. They wait for `ready`.
#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
#[cfg(target_os = "linux")]
fn the_grader_passes_the_three() {
    use crate::machine::{command, has, program, quiet, tool};

    if !has(&["bash", "sed"]) {
        return;
    }
    let _quiet = quiet();
    for (name, ()) in SERVERS {
        // The server itself is the program that is looked at.
        let ready = r#"exec "$0" "$1" > >(sed -u 's/.*waits for you.*/ready/')"#;
        let mut grade = command(tool("grade"));
        grade.args(["16_group_chat", "--", "bash", "-c", ready, program(name)]);
        grade.assert().success();
    }
}
