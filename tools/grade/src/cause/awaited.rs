//! What is missing is awaited once more: does it come late, and what brings it?

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::clock::PATIENCE;
use crate::grading::Grading;
use crate::processor::time_of;
use crate::program::Program;
use crate::wire::is_timeout;
use crate::words::{Words, text};
use crate::wrong::{Stream, seconds};

/// A program that is late has so long before anything else is tried; the other waits follow.
pub const LATE: Duration = Duration::from_millis(900);
pub const AFTER_A_BYTE: Duration = Duration::from_millis(300);
pub const AFTER_A_LINE: Duration = Duration::from_millis(400);
pub const AFTER_A_CLIENT: Duration = Duration::from_millis(400);
pub const AFTER_THE_END: Duration = Duration::from_millis(700);
pub const AFTER_ITS_INPUT: Duration = Duration::from_millis(400);

/// What is awaited once more, and how it is seen.
pub struct Awaited<'a> {
    grading: &'a Grading,
    program: &'a Program,
    socket: Option<&'a TcpStream>,
    /// These bytes; or the end; or, if there is none of the two, a line that it prints.
    missing: Option<&'a [u8]>,
    got: Vec<u8>,
    lines: usize,
    /// How long the last wait took.
    took: Duration,
}

impl<'a> Awaited<'a> {
    /// What is missing on this connection.
    pub fn on(grading: &'a Grading, program: &'a Program, stream: &'a Stream) -> Self {
        Self::new(grading, program, Some(&stream.socket), Some(&stream.missing))
    }

    /// A line; and where to ask for it, if anywhere.
    pub fn line(grading: &'a Grading, program: &'a Program, at: Option<&'a TcpStream>) -> Self {
        Self::new(grading, program, at, None)
    }

    fn new(
        grading: &'a Grading,
        program: &'a Program,
        socket: Option<&'a TcpStream>,
        missing: Option<&'a [u8]>,
    ) -> Self {
        let _ = socket.map(|socket| socket.set_nonblocking(true));
        let lines = program.lines();
        Self { grading, program, socket, missing, got: vec![], lines, took: Duration::ZERO }
    }

    /// Whether it came within this time.
    pub fn comes_within(&mut self, time: Duration) -> bool {
        let wait = self.grading.bench().clock.wait(time);
        loop {
            if self.came() {
                self.took = wait.elapsed();
                return true;
            }
            if wait.left().is_none() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// It came so soon that what was done just before has brought it, and not by chance.
    pub fn is_prompt(&self) -> bool {
        self.took < Duration::from_millis(200)
    }

    pub fn came(&mut self) -> bool {
        let (Some(mut socket), Some(missing)) = (self.socket, self.missing) else {
            return self.program.lines() > self.lines;
        };
        let mut buffer = [0; 4096];
        match socket.read(&mut buffer) {
            Ok(0) => missing.is_empty(),
            Ok(length) => {
                self.got.extend(&buffer[..length]);
                self.is_right()
            }
            Err(_) => self.is_right(),
        }
    }

    /// All of what is missing has come, and nothing else, after a moment.
    pub fn is_whole(&mut self) -> bool {
        let missing = self.missing.map_or(0, <[u8]>::len);
        for _ in 0..20 {
            if self.got.len() >= missing {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
            self.came();
        }
        self.is_right() && self.got.len() >= missing
    }

    /// How many bytes have come.
    pub fn number(&self) -> usize {
        self.got.len()
    }

    fn is_right(&self) -> bool {
        let most = self.missing.map_or(0, <[u8]>::len).min(self.got.len());
        most > 0 && self.missing.is_some_and(|missing| missing[..most] == self.got[..most])
    }

    pub fn send(&self, bytes: &[u8]) -> bool {
        let sent = self.socket.map(|mut socket| socket.write(bytes));
        match sent {
            Some(Ok(_)) => true,
            Some(Err(error)) => is_timeout(&error) || error.kind() == ErrorKind::Interrupted,
            None => false,
        }
    }

    pub fn finish(&self) -> bool {
        self.socket.is_some_and(|socket| socket.shutdown(Shutdown::Write).is_ok())
    }
}

/// Whether a program computes all the while.
pub struct Speed {
    id: u32,
    before: Duration,
    since: Instant,
}

impl Speed {
    pub fn of(program: &Program) -> Self {
        Self { id: program.id(), before: time_of(program.id()), since: Instant::now() }
    }

    pub fn is_full(&self) -> bool {
        // Others may have half of the processor.
        time_of(self.id).saturating_sub(self.before) > self.since.elapsed() / 3
    }
}

pub fn late(what: &'static str, start: Instant) -> Words {
    let time = seconds(PATIENCE + start.elapsed());
    text!(
        "{what} did come, but only after {time}: the grader waits {other} for it. Does your \
         program sleep, wait for a limit to pass, or wait for somebody else first?",
        what,
        time,
        other = seconds(PATIENCE)
    )
}

/// It comes when standard input ends.
pub fn waits_for_its_input(awaited: &mut Awaited<'_>, what: &'static str) -> Option<Words> {
    awaited.program.end_input();
    awaited.comes_within(AFTER_ITS_INPUT).then(|| {
        text!(
            "{what} came when the program's standard input ended: it reads all of that first, or \
             waits for its end. Read it line by line.",
            what
        )
    })
}

pub const WAITS_FOR_A_LINE: &str = "{Python: readline, and a loop over makefile(), do.}{C: fgets and \
     getline do.}{Rust: read_line and lines() do.}{Java: readLine does.}{Perl: <$socket> \
     does.}{Node: readline does.}{Go: ReadString and a Scanner do.}";
