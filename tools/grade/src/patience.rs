//! Clients that take their time. A program that waits for them has no limit for a call, and sends
//! the rest when a send has taken a part.

use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use crate::clock::Moment;
use crate::marks;
use crate::processor::time_of;
use crate::program::Program;
use crate::wire::Peer;
use crate::words::text;
use crate::wrong::{How, Outcome, Wrong, plural, seconds};

/// Longer than a limit of a second.
const SILENCE: Duration = Duration::from_millis(1200);

/// Longer than a limit of two seconds: for who waits while other checks go on.
pub const LONG_SILENCE: Duration = Duration::from_millis(2100);

/// Longer than twice a limit of a second: the first send that is over has mostly taken a part.
pub const LONG_FULL: Duration = Duration::from_millis(2300);

/// Who answers at once needs less than this for an answer, in the mean.
const SLUGGISH: Duration = Duration::from_millis(50);

pub const SLOW: &str = "The client received nothing for a while, and then all that came: \
     not everything came. When there is no room, send waits; one that does not wait, or not for \
     long, takes a part, says how many bytes those were, or fails. Send the rest as well, \
     {Rust: with write_all}{Python: with sendall}{else: in a loop, until all is taken}, and set no \
     limit: a client may be slow.";

pub const SILENT: &str = "The client said nothing for more than a second, and then went on: it was not \
     served any more. It may be silent for as long as it likes, so the receive has no \
     limit. {Python: (settimeout is one for every call, sendall as well.)}{C: (SO_RCVTIMEO is one.)}\
     {Java: (setSoTimeout is one.)}{Node: (setTimeout of a socket is one.)}";

pub const IDLE: &str = "No client came for more than a second, and then one came and was not served. \
     A limit for accept is over then. A server waits for its next client for as long as it takes: \
     no limit for the listener, and none for all sockets{Python: (setdefaulttimeout)}.";

/// How fast a program answers.
pub struct Pace {
    program: Rc<Program>,
    since: Moment,
    computed: Duration,
    answers: u32,
}

impl Pace {
    /// It is asked from now on.
    pub fn of(program: &Rc<Program>) -> Self {
        let computed = time_of(program.id());
        Self { program: Rc::clone(program), since: Moment::now(), computed, answers: 0 }
    }

    /// It has given another answer: in good time, unless it sleeps ahead of each. Seen on Linux
    /// only: who computes does not sleep.
    pub fn answered(&mut self) -> Outcome {
        self.answers += 1;
        let time = self.since.elapsed();
        // Each call of a program takes longer under a tracer.
        let factor = if marks::are_wanted() { 10 } else { 1 };
        let limit = (SLUGGISH * self.answers).max(Duration::from_millis(1500));
        let is_slow = time > limit * factor;
        let computed = time_of(self.program.id()).saturating_sub(self.computed);
        if cfg!(not(target_os = "linux")) || !is_slow || computed > time / 4 {
            return Ok(());
        }
        let got = text!(
            "{number} in {time}",
            number = plural(self.answers as usize, "answer"),
            time = seconds(time)
        );
        let wrong = Wrong::new(How::Silent, "answers at once", got);
        Err(wrong.after("one after the other").advice(SLEEPS))
    }
}

const SLEEPS: &str = "The answers are right, and each comes late: meanwhile the program does \
     nothing. Is there a sleep ahead of the answer, or a wait with a limit for something that does \
     not come? Answer as soon as you can.";

/// A client that has said nothing since then.
pub struct Silent<'a> {
    peer: &'a mut Peer,
    since: Instant,
}

impl<'a> Silent<'a> {
    pub fn new(peer: &'a mut Peer) -> Self {
        Self { peer, since: Instant::now() }
    }

    /// It goes on, when it has said nothing for longer than a second.
    pub fn then(self, go_on: impl FnOnce(&mut Peer) -> Outcome) -> Outcome {
        thread::sleep(SILENCE.saturating_sub(self.since.elapsed()));
        go_on(self.peer).map_err(|wrong| {
            let sent = text!(
                "nothing for {time} seconds; then {then}",
                time = SILENCE.as_secs_f32(),
                then = wrong.sent
            );
            wrong.after(sent)
        })
    }
}
