//! One suite for all servers: those of the course, those that `cargo measure` compares them with,
//! and some that are broken on purpose, each at its check (broken.rs).
//!
//! A check sees a server from outside. It is the same for the chat of step 7 and for the group chat
//! of step 27: a [`Room`] knows who must get what.

use std::env;
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::machine::{launch, program, side_by_side};
use crate::support::{Terminal, examples};

pub use room::{Room, Running};

#[cfg(target_os = "linux")]
mod broken;
mod crowd;
#[cfg(target_os = "linux")]
mod descriptors;
mod hostile;
mod room;
mod stop;
mod words;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speaks {
    /// Step 7: each has a conversation of its own with the server.
    Chat,
    /// Step 27: lines, and all hear all.
    Group,
}

/// What the checks ask of a server. Where one needs more places than a server has, it is scaled
/// down, or not asked: `asks` of each check says which.
#[derive(Debug)]
pub struct Server {
    pub name: &'static str,
    speaks: Speaks,
    /// So many are served at once.
    pub places: usize,
    /// So many can wait in its queue.
    queue: u32,
    /// Whether the word `quit` ends a conversation.
    quits: bool,
    /// Whether Enter stops it in good order.
    stops: bool,
    /// How long a client waits for it.
    patience: Duration,
}

/// More than the checks need.
const MANY: usize = 10_000;

const fn chat(name: &'static str, places: usize) -> Server {
    let queue = if places == 1 { 100 } else { 4096 };
    let (quits, patience) = (true, Duration::from_secs(20));
    Server { name, speaks: Speaks::Chat, places, queue, quits, stops: false, patience }
}

const fn group(name: &'static str) -> Server {
    Server { speaks: Speaks::Group, quits: false, ..chat(name, MANY) }
}

/// The servers of the course.
const SERVERS: &[Server] = &[
    // It is the shortest: the word is one of its texts.
    Server { quits: false, ..chat("07_first_server", 1) },
    chat("07_chat_server", 1),
    chat("16_one_at_a_time", 8),
    chat("16_thread_pool", 4),
    Server { stops: true, ..chat("16_clean_stop", 8) },
    Server { stops: true, ..chat("25_poll_server", MANY) },
    Server { stops: true, ..chat("26_async_server", MANY) },
    Server { stops: true, ..group("27_group_chat_threads") },
    Server { stops: true, ..group("27_group_chat_poll") },
    Server { stops: true, ..group("27_group_chat_tokio") },
];

/// What all servers are checked for, from what everybody expects to what few think of.
pub struct Check {
    title: &'static str,
    asks: fn(&Server) -> bool,
    run: fn(&'static Server),
    /// Takes a while.
    slow: bool,
}

const ALL: fn(&Server) -> bool = |_| true;
const FOR_TWO: fn(&Server) -> bool = |server| server.places > 1;
const A_CHAT: fn(&Server) -> bool = |server| server.speaks == Speaks::Chat;
const A_GROUP: fn(&Server) -> bool = |server| server.speaks == Speaks::Group;
const STOPS: fn(&Server) -> bool = |server| server.stops;

const fn quick(title: &'static str, asks: fn(&Server) -> bool, run: fn(&'static Server)) -> Check {
    Check { title, asks, run, slow: false }
}

const fn slow(title: &'static str, asks: fn(&Server) -> bool, run: fn(&'static Server)) -> Check {
    Check { title, asks, run, slow: true }
}

pub const CHECKS: &[Check] = &[
    quick("however it is split", ALL, words::split),
    quick("and glued together", ALL, words::glued),
    quick("what one says comes once and in order", ALL, words::order),
    quick("`quit` in two pieces is not seen", A_CHAT, words::quit_in_two_pieces),
    quick("who ends its direction gets all, and the end", ALL, words::half_close),
    quick("who leaves the queue is passed over", ALL, hostile::leave_the_queue),
    quick("a reset in the middle is one client's end", ALL, hostile::resets),
    quick("and so is one after the last word", ALL, hostile::resets_after_the_word),
    quick("who says nothing keeps nobody waiting", FOR_TWO, hostile::silent),
    // There a send may take all, however long.
    #[cfg(not(windows))]
    slow("nor does who never reads, and says a lot", ALL, hostile::never_reads),
    slow("who reads a byte a second gets all in the end", ALL, hostile::reads_a_byte_a_second),
    slow("a crowd before the door is served", ALL, crowd::of_150),
    slow("200 members hear 20 messages of each", A_GROUP, crowd::all_talk),
    slow("a thousand are connected, and a hundred talk", ALL, crowd::of_1000),
    #[cfg(target_os = "linux")]
    quick("descriptors run out for a while", ALL, descriptors::run_out),
    #[cfg(target_os = "linux")]
    quick("it starts again at once", ALL, descriptors::starts_again),
    quick("a stop with nobody there is at once", STOPS, stop::with_nobody_there),
    quick("a stop waits for conversations, and for nobody else", STOPS, stop::waits),
    #[cfg(target_os = "linux")]
    quick("a stop resets nobody in the queue", STOPS, stop::resets_nobody),
    slow("a stop cuts off who is there after the grace", STOPS, stop::cuts_off),
];

impl Server {
    /// An example, or (`NAME.py` and the like) a program of another folder.
    fn command(&self) -> Command {
        #[cfg(target_os = "linux")]
        if self.name.contains('.') {
            return broken::command(self.name);
        }
        launch(program(self.name))
    }

    pub fn start(&'static self) -> Running {
        self.start_at("127.0.0.1:0")
    }

    pub fn start_at(&'static self, address: &str) -> Running {
        let mut terminal = Terminal::open(self.command().arg(address));
        let address = if self.name.contains('.') {
            let line = terminal.wait_for("listening on ");
            let address = line.rsplit(' ').next().expect("a word");
            address.parse().expect("an address")
        } else {
            terminal.invited_to()
        };
        Running { server: self, terminal: terminal.into(), address }
    }

    fn fails(&'static self, check: &Check) -> bool {
        let name = format!("{}: {}", self.name, check.title);
        let run = move |run: fn(&'static Self)| catch_unwind(AssertUnwindSafe(|| run(self)));
        let run_check = check.run;
        // A thread of that name: a failure tells it.
        let thread = thread::Builder::new().name(name).spawn(move || run(run_check).is_err());
        thread.expect("a thread").join().expect("caught")
    }
}

/// `SERVER=26 cargo test served -- --include-ignored` looks at no other.
fn wanted(server: &Server) -> bool {
    env::var("SERVER").map_or(true, |name| server.name.contains(&name))
}

/// Those of the course that are looked at.
#[cfg(target_os = "linux")]
pub fn served() -> impl Iterator<Item = &'static Server> {
    SERVERS.iter().filter(|server| wanted(server))
}

/// Runs these checks for these servers, so many at a time; gives those that fail.
fn failures(
    servers: &'static [Server],
    which: impl Fn(&Check) -> bool,
    at_a_time: usize,
) -> Vec<(&'static str, &'static str)> {
    let checks = CHECKS.iter().filter(|check| which(check));
    let pairs = checks.flat_map(|check| {
        let asked = servers.iter().filter(move |server| (check.asks)(server) && wanted(server));
        asked.map(move |server| (server, check))
    });
    let pairs: Vec<_> = pairs.collect();
    let failed = side_by_side(pairs, at_a_time, |(server, check)| {
        assert!(!server.fails(check), "{}: {}", server.name, check.title);
    });
    failed.into_iter().map(|(server, check)| (server.name, check.title)).collect()
}

#[test]
fn the_table_is_whole() {
    let servers = examples().filter(|name| name.contains("server") || name.contains("group_chat"));
    for name in servers.filter(|name| !name.ends_with("_udp")) {
        assert!(SERVERS.iter().any(|server| server.name == name), "{name} is not in the table");
    }
}

#[test]
fn all_servers_pass_the_quick_checks() {
    assert_eq!(failures(SERVERS, |check| !check.slow, 16), []);
}

#[test]
#[ignore = "takes a while: see CONTRIBUTING.md"]
fn all_servers_pass_the_slow_checks() {
    assert_eq!(failures(SERVERS, |check| check.slow, 3), []);
}

/// The addresses and sockets of several who are in the queue.
fn knock(running: &Running, number: usize) -> Vec<TcpStream> {
    (0..number).map(|_| running.knock()).collect()
}
