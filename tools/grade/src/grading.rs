//! What a check works with: the program, started as often as it needs it, the
//! grader's own sockets, and the time that is left.

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use socket2::{Domain, Socket, Type};

use crate::exercise::Check;
use crate::groups::end_orphans;
use crate::language::Language;
use crate::machine;
use crate::marks::{self, mark};
use crate::program::{Program, last_words};
use crate::stop_and_wait::Opponent;
use crate::wire::{Bench, Datagrams, Peer};
use crate::words::{Words, text};
use crate::wrong::{Explain as _, How, Outcome, Wrong, seconds};

/// Ports that no system gives away by itself (Linux from 32768 on, the others
/// from 49152 on), so that nobody takes one between two runs of a program.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// The next one that a grader gives who is watched: the first is that of the tasks' texts.
static NEXT: AtomicU16 = AtomicU16::new(20_817);

/// A run of the program that is left alone while other checks go on, and perhaps a client of it.
pub struct Aside {
    pub program: Rc<Program>,
    pub peer: Option<Peer>,
    since: Instant,
}

pub struct Grading {
    command: Vec<String>,
    bench: Rc<Bench>,
    aside: Vec<Aside>,
    apart: Vec<Opponent>,
    chance: Rng,
    /// Whether a check has asked for chance: then the seed matters.
    pub by_chance: bool,
    /// Whether any connection to the program was made.
    has_connected: Cell<bool>,
    /// Whether a check has left something for later ones.
    pub has_left: bool,
    /// Whether it has gone on from what others had left.
    pub goes_on: bool,
}

const ONLY_THE_LINE: &str = "Your program is at the address that it was given: what is missing is \
     the line \"ready\". Print it as soon as the socket is set up (a TCP server: after listen), on \
     a line of its own{Python: , with print(\"ready\", flush=True)}{C: , and flush it: \
     fflush(stdout)}{Perl: , with $| = 1 at the start}{Rust: }{else: , and flush it if your \
     language keeps its output for later}.";

const NOBODY: &str = "Nobody listens at the address that was the program's last argument. Create, \
     bind, listen, in this order; then print \"ready\", and keep the listener until the end.";

/// The advice where a program is at all addresses of the machine.
pub const EVERYWHERE: &str = "The program is at all addresses of this machine: at 0.0.0.0{C: , \
     INADDR_ANY}{Python: , which an empty name means as well}{Node|Java: , as if only the port was \
     given}. Everybody in the network reaches it then. Bind to the very address that was given \
     (step 2).";

impl Grading {
    pub fn new(command: Vec<String>, seed: u64) -> Self {
        Self {
            command,
            bench: Rc::default(),
            aside: Vec::new(),
            apart: Vec::new(),
            chance: Rng::with_seed(seed),
            by_chance: false,
            has_connected: Cell::new(false),
            has_left: false,
            goes_on: false,
        }
    }

    /// Whether any connection to the program was made.
    pub fn has_connected(&self) -> bool {
        self.has_connected.get()
    }

    /// How the program is started.
    pub fn command(&self) -> &[String] {
        &self.command
    }

    /// The language of the program, as far as it can be told.
    pub fn language(&self) -> Language {
        Language::of(&self.command)
    }

    /// What the grader's sockets have in common.
    pub fn bench(&self) -> &Rc<Bench> {
        &self.bench
    }

    /// The same numbers again for the same seed.
    pub fn chance(&mut self) -> &mut Rng {
        self.by_chance = true;
        &mut self.chance
    }

    /// What chance gives from now on is known by this number.
    pub fn chance_now(&self) -> u64 {
        self.chance.get_seed()
    }

    /// Chance, as it was somewhere else.
    pub fn set_chance(&mut self, chance: Rng) {
        self.chance = chance;
    }

    /// Starts the program with an address that nobody has, and waits until it is ready.
    pub fn start(&mut self) -> Outcome<Rc<Program>> {
        self.bench.close_dropped();
        let mut tries = 3;
        loop {
            let address = free_address()?;
            let started = self.start_at(address);
            tries -= 1;
            let Err(wrong) = started else { return started };
            let was_taken = !is_free(address);
            self.give_up();
            if is_free(address) || tries == 0 {
                let is_there = |it: &Wrong| was_taken && it.how == How::Printed;
                return Err(wrong.advice_if(is_there, ONLY_THE_LINE));
            }
            // Somebody else has taken the port in the meantime: another one.
            self.forget_last();
        }
    }

    /// The same, with this address.
    fn start_at(&mut self, address: SocketAddr) -> Outcome<Rc<Program>> {
        let program = self.start_unready(&address.to_string())?;
        program.is_server.set(true);
        program.wait_until_ready()?;
        Ok(program)
    }

    /// Starts it, and does not wait until it is ready.
    pub fn start_unready(&mut self, argument: &str) -> Outcome<Rc<Program>> {
        self.bench.close_dropped();
        let program = Program::start(&self.command, argument, &self.bench.clock)?;
        self.bench.programs.borrow_mut().push(Rc::clone(&program));
        Ok(program)
    }

    /// As `start`, where a program can have so many open files at most. (On
    /// Windows there is no such limit.)
    pub fn start_with_files(&mut self, most: u32) -> Outcome<Rc<Program>> {
        self.with_files(most, Self::start)
    }

    /// As `start_unready`, with such a limit.
    pub fn start_unready_with_files(&mut self, argument: &str, most: u32) -> Outcome<Rc<Program>> {
        self.with_files(most, |grading| grading.start_unready(argument))
    }

    fn with_files<T>(
        &mut self,
        most: u32,
        start: impl FnOnce(&mut Self) -> Outcome<T>,
    ) -> Outcome<T> {
        machine::allow_files(most.into())?;
        let command = self.command.clone();
        if cfg!(unix) {
            let limited = format!("ulimit -n {most}; exec \"$0\" \"$@\"");
            self.command.splice(0..0, ["sh".to_owned(), "-c".to_owned(), limited]);
        }
        let started = start(self);
        self.command = command;
        started
    }

    /// Starts the program, and connects to it.
    pub fn start_and_connect(&mut self) -> Outcome<(Rc<Program>, Peer)> {
        let program = self.start()?;
        let peer = self.connect(&program)?;
        Ok((program, peer))
    }

    /// Connects to the program. If that never worked, the advice is to listen;
    /// later, the check has to have its own.
    pub fn connect(&self, program: &Program) -> Outcome<Peer> {
        self.connect_with(program, |_| Ok(()))
    }

    /// The same, with a socket that is set up like this.
    pub fn connect_with(
        &self,
        program: &Program,
        set_up: impl FnOnce(&Socket) -> io::Result<()>,
    ) -> Outcome<Peer> {
        let peer = Peer::connect(address_of(program), &self.bench, set_up);
        self.has_connected.set(self.has_connected.get() || peer.is_ok());
        peer.advice_if(|_| !self.has_connected.get(), NOBODY)
    }

    /// The same, with a socket for which the program's kernel keeps less than usual, so that it is
    /// full sooner: on Linux after 1.1 MB. (A small receive buffer would not do: into that, a bit
    /// more goes now and then, long after it was full.)
    pub fn connect_narrow(&self, program: &Program) -> Outcome<Peer> {
        #[cfg(unix)]
        let narrow = |socket: &Socket| socket.set_tcp_mss(1000);
        #[cfg(not(unix))]
        let narrow = |_: &Socket| Ok(());
        self.connect_with(program, narrow)
    }

    /// Here the grader's kernel keeps less as well: on Linux it is full after
    /// 280,000 bytes.
    pub fn connect_narrowest(&self, program: &Program) -> Outcome<Peer> {
        self.connect_with(program, |socket| {
            #[cfg(unix)]
            socket.set_tcp_mss(500)?;
            socket.set_recv_buffer_size(16_384)
        })
    }

    /// A listener of the grader's, for a program that is a client.
    pub fn listen(&self) -> Outcome<TcpListener> {
        Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?)
    }

    /// Waits for the program to connect.
    pub fn accept(&self, listener: &TcpListener) -> Outcome<Peer> {
        crate::wire::accept(listener, &self.bench)
    }

    /// A UDP socket of the grader's.
    pub fn datagrams(&self) -> Outcome<Datagrams> {
        self.datagrams_at("127.0.0.1:0")
    }

    /// The same, at this address.
    pub fn datagrams_at(&self, at: &str) -> Outcome<Datagrams> {
        Datagrams::bind(at, &self.bench)
    }

    /// Ends the program that was started last, for it cannot be reached.
    pub fn give_up(&self) {
        if let Some(last) = self.bench.programs.borrow().last() {
            last.give_up();
        }
    }

    /// It was not its fault: another one will be started.
    pub fn forget_last(&self) {
        self.bench.programs.borrow_mut().pop();
    }

    /// Leaves this run alone from now on, through the checks that come: so a wait of seconds costs
    /// hardly any time.
    pub fn set_aside(&mut self, program: Rc<Program>, peer: Option<Peer>) {
        self.bench.programs.borrow_mut().retain(|other| !Rc::ptr_eq(other, &program));
        self.has_left = true;
        self.aside.push(Aside { program, peer, since: Instant::now() });
    }

    /// This run goes on by itself from now on, through the checks that come: what it sends is taken
    /// down.
    pub fn set_apart(&mut self, opponent: Opponent) {
        let program = Rc::clone(&opponent.program);
        self.bench.programs.borrow_mut().retain(|other| !Rc::ptr_eq(other, &program));
        self.has_left = true;
        self.apart.push(opponent);
    }

    /// The first of those that were set apart.
    pub fn take_apart(&mut self) -> Outcome<Opponent> {
        if self.apart.is_empty() {
            return Err(Wrong::machine("a check could not be run that this one goes on from"));
        }
        self.goes_on = true;
        let opponent = self.apart.remove(0);
        self.bench.programs.borrow_mut().push(Rc::clone(&opponent.program));
        Ok(opponent)
    }

    /// What was set aside, in that order, when it was left alone for so long.
    pub fn after(&mut self, time: Duration) -> Outcome<Vec<Aside>> {
        self.goes_on = true;
        let aside = std::mem::take(&mut self.aside);
        if aside.is_empty() {
            return Err(Wrong::machine("a check could not be run that this one goes on from"));
        }
        let left = aside.iter().map(|it| time.saturating_sub(it.since.elapsed())).max();
        mark!("waits for {}", seconds(left.unwrap_or_default()));
        std::thread::sleep(left.unwrap_or_default());
        self.bench.programs.borrow_mut().extend(aside.iter().map(|it| Rc::clone(&it.program)));
        Ok(aside)
    }

    /// The program must be at the address that it was given, and not at all addresses: then its
    /// port is free at another one. Only Linux says no to that, and has 127.0.0.2 by itself.
    pub fn is_nowhere_else(&self, program: &Program, kind: Type) -> Outcome {
        let port = address_of(program).port();
        let other = SocketAddr::from(([127, 0, 0, 2], port));
        let bound = Socket::new(Domain::IPV4, kind, None)?.bind(&other.into());
        match bound {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                let expected =
                    text!("that port {port} is free at another address, 127.0.0.2", port);
                let wrong = Wrong::new(How::Other, expected, "it is taken there as well");
                Err(wrong.after("a bind by the grader").advice(EVERYWHERE))
            }
            _ => Ok(()),
        }
    }

    /// What there is to know about the programs that run: nobody has hung up on them yet.
    pub fn last_words(&self) -> Vec<Words> {
        last_words(&self.bench.programs.borrow())
    }

    /// Nothing can be said on this machine.
    pub fn too_busy(&self) -> Wrong {
        self.bench.clock.give_up();
        Wrong::machine("this machine is too busy")
    }

    /// Ends all that a check has started.
    pub fn clear(&self) {
        self.bench.close_dropped();
        for program in self.bench.programs.take() {
            program.kill();
        }
        // What was set aside is the grader's child as well.
        if self.aside.is_empty() && self.apart.is_empty() {
            end_orphans();
        }
    }
}

impl Drop for Grading {
    fn drop(&mut self) {
        self.aside.clear();
        self.apart.clear();
        self.clear();
    }
}

/// Where this program was told to be.
pub fn address_of(program: &Program) -> SocketAddr {
    program.argument.parse().expect("it was given an address")
}

/// Ended at any moment, it must have its port again at once: `talk` makes sure
/// that the program has accepted the connection that is open at its end.
pub fn restarts(grading: &mut Grading, talk: fn(&mut Peer) -> Outcome) -> Outcome {
    let first = grading.start()?;
    let mut peer = grading.connect(&first)?;
    talk(&mut peer)?;
    first.kill();
    let again = "a second start right after the first run was ended, with a client connected";
    let second = grading.start_at(address_of(&first)).after(again).advice(REUSE)?;
    let mut peer = grading.connect(&second)?;
    talk(&mut peer).after(again)
}

/// The last check of most servers; what it runs is `restarts`.
pub const fn starts_again(run: fn(&mut Grading) -> Outcome) -> Check {
    Check {
        title: "it can be started again at once, on the same port",
        usually: |_| "The second run does not serve its clients as the first one did.",
        run,
    }
}

/// The advice where nobody got an answer while the program was busy.
pub const NO_ROOM: &str = "While the server is busy with one client, others wait in the queue of \
     the listener. Here there was no room for them: the number that listen gets is how many can \
     wait (step 3). Give it 50.";

const REUSE: &str = "The kernel keeps the address of a closed connection for a while, and refuses \
     bind for it (\"address already in use\"). Set SO_REUSEADDR on the listener before bind (on \
     Windows it is not needed, and means something else): step 8.";

/// An address on loopback that nobody has, for TCP or for UDP.
pub fn free_address() -> Outcome<SocketAddr> {
    free_addresses(1, Ipv4Addr::LOCALHOST)
        .map(|first| SocketAddr::from((Ipv4Addr::LOCALHOST, first)))
}

/// The first of so many ports in a row that nobody has.
pub fn free_addresses(number: u16, address: Ipv4Addr) -> Outcome<u16> {
    let at = |port| SocketAddr::from((address, port));
    let is_watched = marks::are_wanted();
    for _ in 0..200 {
        // Who is watched has a network of its own, where all are free: the same ones in each run.
        let first = match is_watched {
            true => NEXT.fetch_add(number + 1, Ordering::Relaxed),
            false => fastrand::u16(PORTS.start..PORTS.end - number),
        };
        let are_free = || is_watched || (first..first + number).all(|port| is_free(at(port)));
        // With its bytes the wrong way round a port must be another one.
        if first.swap_bytes() != first && are_free() {
            return Ok(first);
        }
    }
    let last = Socket::new(Domain::IPV4, Type::STREAM, None)?.bind(&at(PORTS.start).into());
    let why = last.err().map_or_else(Words::default, |error| text!(": {error}", error));
    Err(Wrong::machine(text!(
        "200 ports from 20000 to 32000 were tried, and none is free{why}",
        why
    )))
}

/// Nobody has it, and there are no old connections of it either: std's sockets
/// would not see those, as they set SO_REUSEADDR.
fn is_free(address: SocketAddr) -> bool {
    [Type::STREAM, Type::DGRAM].into_iter().all(|kind| {
        let socket = Socket::new(Domain::for_address(address), kind, None);
        socket.is_ok_and(|socket| socket.bind(&address.into()).is_ok())
    })
}
