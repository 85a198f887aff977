//! Calls: `bind`, `local_addr`.
//! Idea: one error means "taken", the others don't.
//! Usual mistake: the socket is closed, and the port is free again.

use std::fmt;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::contents::lines;
use crate::exercise::{Check, advice};
use crate::grading::{EVERYWHERE, Grading, free_addresses};
use crate::machine;
use crate::patience::LONG_SILENCE;
use crate::program::{Program, expect_no_line};
use crate::words::{Words, text};
use crate::wrong::{Explain as _, How, Outcome, Wrong};

/// How many ports the long range has: more than the program may have open files.
const MANY: u16 = 100;
const FILES: u32 = 64;

pub const CHECKS: &[Check] = &[
    Check {
        title: "if all are free, it takes the first one",
        usually: advice! {
            Printed => "The line is to be \"mine: \" and the address that the socket has, port and \
                all: bind a TCP socket to the first port of the range, at the address that is \
                given, and read the address back ({Rust: local_addr}{else: getsockname}).",
            _ => "The program is to print its line, then \"ready\", and then wait. Is the range \
                taken apart as the task says, ADDRESS:FIRST-LAST?",
        },
        run: |grading| {
            let (program, _) = takes(grading, &[], 0)?;
            grading.set_aside(program, None);
            Ok(())
        },
    },
    Check {
        title: "it has that port, and keeps it",
        usually: advice! {
            "The program said that the port was its own, and it was free. Is there a socket bound \
             to it, and does that still live? A socket is closed when its variable goes, at the \
             end of a function for instance: give the socket back from there, and not only its \
             address."
        },
        run: |grading| {
            let (_program, range) = takes(grading, &[], 0)?;
            let first = range.at(0);
            expect_taken(first, "is taken").after("a bind by the grader")?;
            if TcpStream::connect(first).is_ok() {
                let wrong = Wrong::new(How::Other, "that nobody listens there", "somebody does");
                let port = first.port();
                return Err(wrong.after(text!("a connect to port {port}", port)).advice(LISTENS));
            }
            Ok(())
        },
    },
    Check {
        title: "it goes past two ports where somebody listens",
        usually: advice! {
            Exit => "The first port is taken: bind fails with \"address already in use\". That is \
                no reason to end: try the next port, with a new socket.",
            _ => "The first two ports are taken, and the third one is free. Try one after the \
                other, from the first, and stop at the first that bind accepts.",
        },
        run: |grading| takes(grading, &[Taken::Listens, Taken::Listens], 2).map(drop),
    },
    Check {
        title: "it leaves other ports, and other addresses, to others",
        usually: advice! {
            "A port other than its own was taken by the program. Stop at the first free port, and \
             close what you do not need."
        },
        run: |grading| {
            let (program, range) = takes(grading, &[Taken::Listens], 1)?;
            for port in 2..range.number {
                let port = range.at(port);
                bind(port, false).map_err(|error| {
                    let expected = text!("that port {port} is free", port = port.port());
                    let wrong = Wrong::new(How::Other, expected, text!("bind: {error}", error));
                    wrong.after("a bind by the grader")
                })?;
            }
            let everywhere = SocketAddr::from((elsewhere(), range.at(1).port()));
            if is_taken(everywhere) {
                let expected = text!("that {everywhere} is free", everywhere);
                let wrong = Wrong::new(How::Other, expected, "it is taken as well");
                return Err(wrong.after("a bind by the grader").advice(EVERYWHERE));
            }
            drop(program);
            // Only Linux and Windows have this address without being told.
            match bind(SocketAddr::from((elsewhere(), 0)), false) {
                Ok(_) => takes_at(grading, elsewhere(), &[Taken::Listens], 5, 1)
                    .map(drop)
                    .advice(GIVEN_ADDRESS),
                Err(_) => Ok(()),
            }
        },
    },
    Check {
        title: "a port that is bound is taken, though nobody listens there",
        usually: advice! {
            "The first port belongs to a socket that is bound and does not listen. It is not free. \
             Who tries to connect, to see whether somebody is there, does not see that one; and \
             who sets SO_REUSEADDR or SO_REUSEPORT may get the same port as well {Rust: \
             (TcpListener::bind sets the first)}{Python: (create_server sets the first)}. Just \
             bind, and look at its error."
        },
        run: |grading| takes(grading, &[Taken::Bound], 1).map(drop),
    },
    Check {
        title: "the last port of the range belongs to it, however long that is",
        usually: advice! {
            "All ports but the last one are taken. The range goes from the first port up to and \
             including the last one {Rust: (first..=last)}{Python: (range leaves its end out)}, \
             whatever numbers these are: it may be one port only, or a hundred."
        },
        run: |grading| {
            let number = grading.chance().u16(2..=9);
            takes_at(grading, Ipv4Addr::LOCALHOST, &all(number - 1), number, number - 1)?;
            takes_at(grading, Ipv4Addr::LOCALHOST, &[], 1, 0)?;
            machine::allow_files(u64::from(MANY) + 40)?;
            takes_at(grading, unused(), &all(MANY - 1), MANY, MANY - 1)
                .map(drop)
                .advice_if(|it| it.how == How::Exit, NOT_CLOSED)
        },
    },
    Check {
        title: "if all are taken, it says so, and fails",
        usually: advice! {
            Exit => "All ports of the range were taken. Print the line \"all taken\", and end with \
                an exit status other than 0, so that whoever has started the program knows.",
            _ => "All ports of the range were taken, so there is none to keep: print the line \
                \"all taken\", and end. A port outside of the range was not asked for.",
        },
        run: |grading| {
            for number in [3, grading.chance().u16(4..=9)] {
                let range = Range::free(Ipv4Addr::LOCALHOST, &all(number), number)?;
                says_that_all_are_taken(grading, &range)?;
            }
            // The highest ports that there are, if nobody has them.
            for _ in 0..10 {
                if let Ok(range) = Range::from(u16::MAX - 2, Ipv4Addr::LOCALHOST, &all(3), 3) {
                    return says_that_all_are_taken(grading, &range).advice(HIGHEST);
                }
                std::thread::sleep(Duration::from_millis(30));
            }
            Ok(())
        },
    },
    Check {
        title: "another error is no taken port",
        usually: advice! {
            Printed => "192.0.2.1 is not this machine's address, so bind fails, on each port, and \
                not because a port is taken. Look which error it is: only \"address in use\" \
                ({Rust: AddrInUse}{else: EADDRINUSE}) means taken. Any other one ends the program.",
            _ => "192.0.2.1 is not this machine's address. The program is to end with the error of \
                bind, and with an exit status other than 0.",
        },
        run: |grading| {
            let address = "192.0.2.1:20817-20821";
            let program = grading.start_unready(address)?;
            let ends = program.expect_failure();
            let lines = program.printed_up_to_now();
            let is_there = |_: &_| lines.iter().any(|line| line.starts_with("mine:"));
            ends.advice_if(is_there, GIVEN_ADDRESS)?;
            expect_no_line(program.last_lines().first(), "no line on standard output")
                .and_then(|()| program.expect_not_ready())
                .after(text!("a start with {address}", address))
        },
    },
    Check {
        title: "it keeps its port until standard input ends, and ends then",
        usually: advice! {
            Exit => "Standard input ended (Ctrl-D), and the program is to end then, with exit \
                status 0. Read from it until there is no more{Python: : sys.stdin.buffer.read() \
                (input() raises EOFError there)}.",
            Printed => SAYS_MORE,
            _ => "Lines came on standard input, and the port was given back: keep it until \
                standard input ends, whatever the lines are.",
        },
        run: |grading| {
            let (program, range) = takes(grading, &[], 0)?;
            let first = range.at(0);
            // If it ends at one of them, its port tells.
            for line in lines(grading.chance()) {
                let _ = program.type_line(&line);
            }
            // One that ends now does so at once.
            std::thread::sleep(Duration::from_millis(100));
            let is_over = program.ended().is_some();
            // (What is -1 to a char.)
            program.type_bytes(b"\xff\n\xff\xfe");
            // One that ends now does so at once.
            std::thread::sleep(Duration::from_millis(200));
            let words = match is_over {
                true => "some lines on standard input, one of them empty, and no end",
                false => "some lines on standard input, then the bytes ff 0a ff fe, and no end",
            };
            let is_at_bytes = |_: &Wrong| !is_over && program.ended().is_some();
            expect_taken(first, "is still taken").after(words).advice_if(is_at_bytes, BYTES)?;
            program.end_input();
            let decodes = |it: &Wrong| {
                let words = ["UnicodeDecodeError", "UTF-8", "utf-8", "MalformedInput"];
                let says = |line: &String| words.iter().any(|words| line.contains(words));
                it.how == How::Exit && program.complaints().iter().any(says)
            };
            program
                .expect_success()
                .after("the end of standard input")
                .advice_if(decodes, BYTES)?;
            bind(first, false)?;
            let more = program.last_lines();
            expect_no_line(more.first(), "no other lines than \"mine: ...\" and \"ready\"")?;

            // The one that has been left alone since the first check.
            for patient in grading.after(LONG_SILENCE)? {
                let first = first_of(&patient.program);
                expect_taken(first, "is still taken")
                    .after("nothing for two seconds, and no end of standard input")
                    .advice(FOR_A_WHILE)?;
            }
            Ok(())
        },
    },
];

pub const HINTS: &[&str] = &[
    "A loop over the ports: for each a new socket, and bind. Three things can come of that: it \
     works, it is in use, or something else is wrong.",
    "{Rust: `match socket.bind(&address.into())`: `Ok(())` ends the search; `Err(error) if \
     error.kind() == ErrorKind::AddrInUse` goes on; any other `Err(error)` is returned.}{Python: \
     `error.errno == errno.EADDRINUSE` goes on; any other error is raised again.}{else: If errno \
     is EADDRINUSE, go on; any other error ends the program.}",
    "The socket must outlive the search: a function that looks for it gives it back {Rust: (an \
     `Option<Socket>`)} to `main`, where it lives until the end.",
    "{Rust: `socket.local_addr()?.as_socket()` is the address for the line. `for _ in \
     std::io::stdin().lines() {}` waits for the end of standard input.}{Python: \
     `socket.getsockname()` is the address for the line. `sys.stdin.buffer.read()` waits for \
     the end of standard input.}{else: getsockname gives the address for the line. Reading until \
     there is nothing more waits for the end of standard input.}",
];

const BYTES: &str = "Bytes that are no text came on standard input, and it ended. Whatever comes \
     there is no end: read bytes, and decode nothing{Python: : sys.stdin.buffer}. {C: (getchar \
     gives an int: in a char, the byte ff looks like EOF.)}";

const LISTENS: &str = "The port is bound, and somebody listens there as well: the task is to bind, \
     and no more. listen is the next step. {Python: (create_server does both.)}{Rust: \
     (TcpListener does both: socket2's Socket has bind alone.)}{Node: (A server of Node does \
     both: this exercise needs another language.)}";

const NOT_FLUSHED: &str = "The program has the port, and its lines came when standard input ended, \
     not earlier: they were kept in a buffer. To a pipe, many languages write only when the buffer \
     is full, or at the end. Flush after \"ready\"{C: : fflush(stdout)}{Python: : \
     print(\"ready\", flush=True)}{Perl: : $| = 1}.";

const NOT_PRINTED: &str = "The program has the port, and does not say so. Print the line \"mine: \
     \" with its address, and then \"ready\", on standard output, and flush that; only then wait \
     for the end of standard input.";

const INPUT_FIRST: &str = "The line came when standard input ended, and the port was free until \
     then. First bind and print the lines; after that wait for the end of standard input.";

const READY_FIRST: &str = "\"ready\" came ahead of the line with the port. It says that all is set \
     up: bind, print \"mine: ...\", and only then \"ready\".";

const OUTSIDE: &str = "That port is not one of the range. Bind to the ports that are given, one \
     after the other, up to the last and no further. (Port 0 lets the system choose.)";

const NOT_THE_FIRST: &str = "All ports of the range were free, so the first one was to be taken. \
     Begin with the first port, the one that is given, and stop as soon as a bind succeeds.";

const NOT_ALL: &str = "Not all of them are taken. Only if bind fails with \"address already in \
     use\" on each port, up to the last, is that so. Is it a new socket for each try, a TCP socket \
     (STREAM), and is the range taken apart as the task says? (Ports of UDP are others.)";

const UDP: &str = "Not all of them are taken: in TCP they are free. Only for UDP somebody has them, \
     and UDP has ports of its own. Create a TCP socket: one of the type STREAM (SOCK_STREAM).";

const SAYS_MORE: &str = "On standard output there is nothing but the lines that the task names. \
     What else the program has to say belongs on standard error{Rust: : eprintln!}{Python: : \
     print(..., file=sys.stderr)}{C: : fprintf(stderr, ...)}.";

const GIVEN_ADDRESS: &str = "The range is at another address than 127.0.0.1 this time. Bind to the \
     address that is given, and print the one that the socket has.";

const NOT_CLOSED: &str = "The range has 100 ports, of which the last is free, and the program may \
     have 64 open files. For each port it needs one socket, and that is of no use once bind has \
     failed: close it, or try the next port with the same one.";

const HIGHEST: &str = "The range ends with 65535, the highest port. There one more is 0 for a \
     number of 16 bits, or an overflow: the loop must end after the last port, not when the number \
     is greater. {Rust: first..=last does that.}{C: Count in an int.}{else: Count in a larger \
     type.}";

const FOR_A_WHILE: &str = "The program gave its port back although standard input had not ended: \
     it waits for some time only. There is no limit: wait for the end of standard input.";

/// How a port is taken.
#[derive(Clone, Copy)]
enum Taken {
    Listens,
    Bound,
}

/// So many ports where somebody listens.
fn all(number: u16) -> Vec<Taken> {
    vec![Taken::Listens; number.into()]
}

/// Loopback as well, on Linux and Windows.
fn elsewhere() -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, 2)
}

/// An address of loopback that hardly anybody uses: after some graders a hundred ports in a row are
/// rare at 127.0.0.1, where old connections are remembered for a minute.
fn unused() -> Ipv4Addr {
    match cfg!(target_os = "linux") {
        true => Ipv4Addr::new(127, fastrand::u8(1..=254), fastrand::u8(..), 1),
        false => Ipv4Addr::LOCALHOST,
    }
}

/// A range of ports, of which the first ones are taken.
struct Range {
    address: Ipv4Addr,
    first: u16,
    number: u16,
    taken: usize,
    sockets: Vec<Socket>,
}

impl Range {
    fn free(address: Ipv4Addr, taken: &[Taken], number: u16) -> Outcome<Self> {
        Self::from(free_addresses(number, address)?, address, taken, number)
    }

    fn from(first: u16, address: Ipv4Addr, taken: &[Taken], number: u16) -> Outcome<Self> {
        let mut range = Self { address, first, number, taken: taken.len(), sockets: Vec::new() };
        // Who looks for a free port meanwhile takes none of which UDP is taken.
        let from = if number < MANY { 0 } else { number - 1 };
        for which in from..number {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
            socket.bind(&range.at(which).into())?;
            range.sockets.push(socket);
        }
        for (which, taken) in (0..).zip(taken) {
            // Who shares ports as well could have a port that is only bound, too.
            let socket = bind(range.at(which), matches!(taken, Taken::Bound))?;
            if let Taken::Listens = taken {
                socket.listen(1)?;
            }
            range.sockets.push(socket);
        }
        Ok(range)
    }

    /// One of its ports, from 0 on.
    fn at(&self, which: u16) -> SocketAddr {
        SocketAddr::from((self.address, self.first + which))
    }

    fn has(&self, port: SocketAddr) -> bool {
        (0..self.number).any(|which| self.at(which) == port)
    }

    fn in_words(&self) -> Words {
        match self.taken {
            0 => text!("a range of free ports"),
            1 => text!("{all}, of which the first is taken", all = self.to_string()),
            n if n == usize::from(self.number) => {
                text!("{all}, all of them taken", all = self.to_string())
            }
            n => text!("{all}, of which the first {n} are taken", all = self.to_string(), n),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}-{}", self.address, self.first, self.first + (self.number - 1))
    }
}

fn bind(at: SocketAddr, shared: bool) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    #[cfg(unix)]
    if shared {
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
    }
    let _ = shared;
    socket.bind(&at.into())?;
    Ok(socket)
}

fn is_taken(at: SocketAddr) -> bool {
    bind(at, false).is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}

/// The program's port must be taken, for others.
fn expect_taken(at: SocketAddr, words: &'static str) -> Outcome {
    match bind(at, false) {
        Ok(_) => {
            let expected = text!("that port {port} {words}", port = at.port(), words);
            Err(Wrong::new(How::Other, expected, "it is free"))
        }
        Err(_) => Ok(()),
    }
}

/// The first port of the range that this program was given.
fn first_of(program: &Program) -> SocketAddr {
    let (first, _) = program.argument.rsplit_once('-').expect("a range");
    first.parse().expect("an address")
}

/// With all ports of the range taken, there is nothing to wait for.
fn says_that_all_are_taken(grading: &mut Grading, range: &Range) -> Outcome {
    let program = grading.start_unready(&range.to_string())?;
    program
        .expect_line("all taken")
        .and_then(|()| program.expect_failure())
        .and_then(|()| program.expect_not_ready())
        .and_then(|()| {
            let more = program.last_lines();
            expect_no_line(more.first(), "no line after \"all taken\"").advice(SAYS_MORE)
        })
        .after(range.in_words())
}

/// Starts the program; it must take this port. Gives it, and the range.
fn takes(grading: &mut Grading, taken: &[Taken], which: u16) -> Outcome<(Rc<Program>, Range)> {
    let number = which + grading.chance().u16(2..=5);
    takes_at(grading, Ipv4Addr::LOCALHOST, taken, number, which)
}

/// The same, with a range of so many ports at this address.
fn takes_at(
    grading: &mut Grading,
    address: Ipv4Addr,
    taken: &[Taken],
    number: u16,
    which: u16,
) -> Outcome<(Rc<Program>, Range)> {
    let mut tries = 3;
    loop {
        let mut range = Range::free(address, taken, number)?;
        let program = match number {
            MANY => grading.start_unready_with_files(&range.to_string(), FILES)?,
            _ => grading.start_unready(&range.to_string())?,
        };
        let ready = has_taken(&program, range.at(which));
        range.sockets.clear();
        let Err(wrong) = ready else { return Ok((program, range)) };
        let wrong = explained(wrong, &program, &range, which);
        grading.give_up();
        let none_else = (0..number).all(|port| bind(range.at(port), false).is_ok());
        tries -= 1;
        if none_else || tries == 0 {
            let is_udp = wrong.advice.as_ref().map(Words::english) == Some(NOT_ALL)
                && is_udp(grading, &range)?;
            return Err(wrong.after(range.in_words()).advice_if(|_| is_udp, UDP));
        }
        // Somebody else has taken one of them meanwhile: another range.
        grading.forget_last();
    }
}

/// With its ports of UDP free as well, does it take one of this range?
fn is_udp(grading: &mut Grading, range: &Range) -> Outcome<bool> {
    let program = grading.start_unready(&range.to_string())?;
    let takes_one = program.next_line("").is_ok_and(|line| line.starts_with("mine: "));
    program.kill();
    grading.forget_last();
    Ok(takes_one)
}

/// Its lines must say that this port is its own.
fn has_taken(program: &Program, port: SocketAddr) -> Outcome {
    program.expect_line(&format!("mine: {port}"))?;
    if program.is_ready() {
        let expected = text!("the line \"mine: {port}\", and then \"ready\"", port);
        let wrong = Wrong::new(How::Printed, expected, "\"ready\", and then that line");
        return Err(wrong.advice(READY_FIRST));
    }
    program.wait_until_ready()?;
    expect_no_line(program.other_lines().first(), "\"ready\", and no line ahead of it")
        .advice(SAYS_MORE)
}

/// The same failure, and its cause, if the program shows that: it still runs.
fn explained(wrong: Wrong, program: &Program, range: &Range, which: u16) -> Wrong {
    let port = range.at(which);
    if wrong.advice.is_some() {
        return wrong;
    }
    if wrong.how == How::Silent && program.ended().is_none() {
        let has_it = is_taken(port);
        program.end_input();
        let comes_now = program.next_line("").is_ok();
        return match (has_it, comes_now) {
            (true, true) => wrong.advice(NOT_FLUSHED),
            (true, false) => wrong.advice(NOT_PRINTED),
            (false, true) => wrong.advice(INPUT_FIRST),
            (false, false) => wrong,
        };
    }
    let lines = program.printed_up_to_now();
    let Some(line) = lines.first().filter(|_| wrong.how == How::Printed) else { return wrong };
    let is_first = range.taken == 0 && range.number > 1;
    match line.strip_prefix("mine: ") {
        Some(it) if it.starts_with("0.0.0.0:") => wrong.advice(EVERYWHERE),
        Some(it) => match it.parse::<SocketAddr>() {
            // (What is swapped is seen elsewhere.)
            Ok(it) if it.port().swap_bytes() == port.port() => wrong,
            Ok(it) if it.ip() == port.ip() && !range.has(it) => wrong.advice(OUTSIDE),
            Ok(it) if it.ip() == port.ip() && is_first => wrong.advice(NOT_THE_FIRST),
            _ => wrong,
        },
        // (With one port left, it may well have looked at the others.)
        None if line == "all taken" && range.taken + 1 < range.number.into() => {
            wrong.advice(NOT_ALL)
        }
        // Is what it was to print still to come?
        None => {
            let next = program.next_line("").is_ok_and(|line| line == format!("mine: {port}"));
            wrong.advice_if(|_| next, SAYS_MORE)
        }
    }
}
