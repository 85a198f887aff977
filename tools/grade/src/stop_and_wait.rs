//! The other end of a program that sends a datagram, waits for its answer, and sends it once more
//! if none comes: the ping of 13, the file of 15. What a check does not answer, the network has
//! lost.

use std::net::SocketAddr;
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::clock::{Moment, PATIENCE};
use crate::grading::Grading;
use crate::program::{Program, ending};
use crate::wire::{Bench, Datagrams};
use crate::wrong::{How, Outcome, Wrong};

/// The program waits so long for an answer.
pub const TRY: Duration = Duration::from_millis(100);

pub struct Opponent {
    pub program: Rc<Program>,
    /// `None`: closed.
    wire: Option<Datagrams>,
    /// The number of the datagram that came last; 0: none yet.
    pub number: u32,
    /// The current number cannot have been sent before this. It is noted ahead of what makes the
    /// program send it, so it holds on a busy machine, too.
    pub since: Instant,
    noise: Option<Noise>,
    /// The last datagram came after this.
    looked: Instant,
    pub sent: String,
    bench: Rc<Bench>,
}

impl Opponent {
    /// Starts the program. Its first datagram must not wait for the grader to read "ready".
    pub fn start(grading: &mut Grading, wire: Datagrams) -> Outcome<Self> {
        let since = Instant::now();
        let program = grading.start_unready(&wire.address()?.to_string())?;
        Ok(Self {
            program,
            wire: Some(wire),
            number: 0,
            since,
            noise: None,
            looked: since,
            sent: String::new(),
            bench: Rc::clone(grading.bench()),
        })
    }

    /// The next datagram; `None`: the program has ended. Until the first one comes, the program
    /// has to be started. And looks are counted, since a machine that stands still has no clock.
    pub fn receive(&mut self, awaited: &str) -> Outcome<Option<(Vec<u8>, SocketAddr)>> {
        let seconds = PATIENCE.as_secs();
        let looks = match self.number {
            0 => seconds * 400,
            _ => seconds * 200,
        };
        let mut looked = 0;
        loop {
            if self.bench.clock.is_up() {
                return Err(self.wrong(How::Silent, awaited, "nothing yet, and time is up"));
            }
            let is_noisy = self.noise.as_ref().is_some_and(Noise::is_long_enough);
            let Some(wire) = &mut self.wire else { return Ok(None) };
            let has_ended = self.program.ended().is_some();
            looked += 1;
            self.looked = Instant::now();
            if let Some(datagram) = wire.receive(Duration::from_millis(5))? {
                return Ok(Some(datagram));
            }
            if has_ended {
                return Ok(None);
            }
            if looked > looks {
                let got = format!("no datagram for {seconds} seconds");
                return Err(self.wrong(How::Silent, awaited, got));
            }
            if is_noisy {
                let got = "nothing, for much longer than a try";
                return Err(self.wrong(How::Silent, awaited, got));
            }
            if let Some(noise) = &mut self.noise {
                noise.make(wire)?;
                self.sent = format!("{}, again and again", noise.words);
            }
        }
    }

    /// Any bytes, and what they are in words.
    pub fn send(&mut self, to: SocketAddr, bytes: &[u8], words: impl Into<String>) -> Outcome {
        if let Some(wire) = &mut self.wire {
            wire.send(to, bytes)?;
        }
        self.call_it(words);
        Ok(())
    }

    /// Says in other words what was sent last, for the report.
    pub fn call_it(&mut self, words: impl Into<String>) {
        self.sent = words.into();
    }

    /// From now on these datagrams keep coming, until a try has ended during them. One with gaps
    /// between them does not count: once more.
    pub fn make_noise(
        &mut self,
        to: SocketAddr,
        bytes: &'static [u8],
        words: &'static str,
    ) -> bool {
        let had_gap = self.noise.take().is_none_or(|noise| noise.has_gap || noise.is_late());
        if had_gap {
            let (last, since) = (self.looked, self.looked);
            self.noise = Some(Noise { to, bytes, words, last, since, has_gap: false });
        }
        had_gap
    }

    pub fn end_noise(&mut self) {
        self.noise = None;
    }

    /// From now on nobody is at the port.
    pub fn close(&mut self) {
        if let Some(wire) = self.wire.take() {
            wire.close();
        }
    }

    /// Somebody is there again.
    pub fn open(&mut self, wire: Datagrams) {
        self.wire = Some(wire);
    }

    /// So many tries of the current number must have taken their time.
    pub fn not_too_soon(&self, tries: u32, now: Instant, awaited: &str) -> Outcome {
        if now >= self.since + least(tries) {
            return Ok(());
        }
        let expected = format!("{awaited} when the 100 ms of the try before are over");
        Err(self.wrong(How::More, expected, "that already").advice(TOO_SOON))
    }

    /// The program must end by itself: its status, and what it has printed.
    pub fn expect_end(&self) -> Outcome<(ExitStatus, Vec<String>)> {
        let still_runs = |wrong: Wrong| self.wrong(How::Silent, wrong.expected, wrong.got);
        let status = self.program.expect_end().map_err(still_runs)?;
        Ok((status, self.program.last_lines()))
    }

    /// It has ended, and should not have.
    pub fn too_early(&self, awaited: String, status: ExitStatus) -> Wrong {
        self.wrong(How::Exit, awaited, format!("the end of the program: {}", ending(status)))
    }

    pub fn wrong(&self, how: How, expected: impl Into<String>, got: impl Into<String>) -> Wrong {
        Wrong::new(how, expected, got).after(self.sent.clone())
    }
}

/// So many tries take longer than this: clocks are not the same everywhere.
pub fn least(tries: u32) -> Duration {
    TRY * tries * 3 / 4
}

/// How long tries are to which nobody says anything. On a busy machine some are longer than they
/// should be, and not all of them.
#[derive(Default)]
pub struct Pace {
    last: Option<Moment>,
    shortest: Option<Duration>,
}

impl Pace {
    pub fn a_try_begins(&mut self) {
        if let Some(last) = self.last.replace(Moment::now()) {
            let time = last.elapsed();
            self.shortest = Some(self.shortest.map_or(time, |shortest| shortest.min(time)));
        }
    }

    pub fn is_right(&self) -> Outcome {
        let shortest = self.shortest.unwrap_or_default().as_millis();
        if shortest < 180 {
            return Ok(());
        }
        let got = format!("tries of {shortest} ms and more");
        let wrong = Wrong::new(How::Silent, "tries of 100 ms", got);
        Err(wrong.after("nothing").advice(TOO_LATE))
    }
}

/// Datagrams that keep coming while a program waits for another one, so fast
/// that a limit for each receive never ends, and a limit for all of them does.
///
/// On a busy machine there are gaps. A try with a gap tells nothing.
struct Noise {
    to: SocketAddr,
    bytes: &'static [u8],
    words: &'static str,
    /// When the last one was sent, and since when there was no gap.
    last: Instant,
    since: Instant,
    has_gap: bool,
}

impl Noise {
    /// One more.
    fn make(&mut self, wire: &mut Datagrams) -> Outcome {
        let before = Instant::now();
        wire.send(self.to, self.bytes)?;
        if self.is_late() {
            self.has_gap = true;
            self.since = before;
        }
        self.last = before;
        Ok(())
    }

    fn is_late(&self) -> bool {
        self.last.elapsed() > TRY / 2
    }

    /// Without a gap for much longer than a try.
    fn is_long_enough(&self) -> bool {
        self.last.duration_since(self.since) > TRY * 4 + Duration::from_millis(600)
    }
}

const TOO_LATE: &str = "Nobody answered, and each try was longer than its 100 ms. Look at the limit: \
     which unit has it, and is it set for the receive of a try once? Nothing else may wait between \
     two tries.";

/// The advice where the tries do not come from one port.
pub const NEW_SOCKET: &str = "Each try came from another port, so each has a socket of its own. An \
     answer that is late goes to the port of the try before, and nobody receives it. One socket \
     is enough for all of them: create it once, ahead of the loops.";

const TOO_SOON: &str = "A try was over before its 100 ms were. What is not the answer (another \
     datagram, an error such as \"connection refused\" or \"interrupted\") neither ends a try nor \
     counts as one: receive again, until the time is up. And if nothing came at all, look at the \
     unit of your timeout.";
