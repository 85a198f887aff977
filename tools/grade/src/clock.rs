//! The time that a grading has. What the machine takes away from it does not count: while a
//! program, or the grader, could run and had no processor.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::marks;
use crate::processor::lost;
use crate::words::text;
use crate::wrong::{Wrong, seconds};

/// All the checks of an exercise together, unless some of them are allowed more.
pub const LIMIT: Duration = Duration::from_secs(10);
/// So long is waited for what must come.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// What programs take to start does not count, up to that.
pub const STARTING: Duration = Duration::from_secs(60);
/// A start of which nothing is known has so much more time than other waits.
pub const FIRST_START: Duration = Duration::from_secs(2);
/// No start that is all right takes longer, if the program sleeps.
const SLOWEST: Duration = Duration::from_secs(4);
/// To some calls a limit of less would mean none: nobody waits for so little.
const LEAST: Duration = Duration::from_millis(1);
/// Of a machine that has taken away so much nothing is to be expected.
const MOST_LOST: Duration = Duration::from_secs(30);

/// A moment, from which the time is counted that the machine gives.
#[derive(Clone, Copy)]
pub struct Moment {
    at: Instant,
    lost: Duration,
}

impl Moment {
    pub fn now() -> Self {
        Self { at: Instant::now(), lost: lost() }
    }

    pub fn elapsed(self) -> Duration {
        self.at.elapsed().saturating_sub(self.lost())
    }

    /// What the machine has taken away since then.
    pub fn lost(self) -> Duration {
        lost().saturating_sub(self.lost)
    }
}

pub struct Clock {
    start: Moment,
    /// Whoever looks to it that no check goes on forever reads it as well.
    known: Mutex<Known>,
}

/// What checks tell the clock.
#[derive(Default)]
struct Known {
    /// How long was waited for programs that start, and up to when that is counted.
    starting: Duration,
    counted: Option<Instant>,
    /// How long the slowest of them took.
    slowest: Duration,
    /// How much of it they slept, as far as it was seen.
    asleep: Duration,
    /// A check says itself that nothing can be said on this machine.
    is_hopeless: bool,
    /// What checks were allowed that last for seconds even if all is well.
    more: Duration,
}

impl Default for Clock {
    fn default() -> Self {
        Self { start: Moment::now(), known: Mutex::default() }
    }
}

impl Clock {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn starting(&self) -> Duration {
        self.known().starting
    }

    /// A program was starting in this time. If several do at once, it counts once.
    pub fn add_start(&self, from: Instant, to: Instant) {
        let mut known = self.known();
        let from = known.counted.map_or(from, |counted| counted.max(from));
        known.starting += to.saturating_duration_since(from);
        known.counted = Some(from.max(to));
    }

    /// A start has taken so long, up to now.
    pub fn note_start(&self, time: Duration) {
        let mut known = self.known();
        known.slowest = known.slowest.max(time);
    }

    /// So long is waited for what a program does that may be starting yet: it starts as slowly as
    /// those before it.
    pub fn patience_to_start(&self) -> Duration {
        PATIENCE + self.known().slowest.min(SLOWEST)
    }

    /// So much of its start a program has slept.
    pub fn add_asleep(&self, time: Duration) {
        self.known().asleep += time;
    }

    /// Most of the time is that of programs that start: nothing that came too late says anything
    /// about what they do then.
    pub fn was_spent_on_starts(&self) -> bool {
        self.is_up() && self.starting() >= LIMIT / 4
    }

    /// What is left for all the checks. That a program takes long to start does not count, within
    /// limits: some languages do.
    fn left(&self) -> Duration {
        if self.machine_is_too_busy() {
            return Duration::ZERO;
        }
        (self.limit() + self.starting().min(STARTING)).saturating_sub(self.start.elapsed())
    }

    /// A check needs so much more than others do.
    pub fn allow(&self, time: Duration) {
        self.known().more += time;
    }

    /// What all the checks have together.
    pub fn limit(&self) -> Duration {
        LIMIT + self.known().more
    }

    /// A wait was over so soon because this is the end of it all.
    pub fn has_cut(&self, wait: Duration) -> bool {
        self.is_up() && wait + Duration::from_millis(100) < PATIENCE
    }

    /// What has not come may only have come later: nothing can be said about it.
    pub fn time_was_up(&self) -> Wrong {
        let limit = seconds(self.limit());
        if self.was_spent_on_starts() {
            let (starting, asleep) = (self.starting(), self.known().asleep);
            let what = match asleep > starting / 2 {
                true => text!(
                    "for {time} of that it did nothing. Is there a sleep ahead of the line \
                     \"ready\", or of connect? Take it away",
                    time = seconds(asleep)
                ),
                false => text!(
                    "if there is a sleep ahead of the line \"ready\", or of connect, take it \
                     away; if it must be compiled, give the grader the compiled program; or try \
                     again when the machine is less busy"
                ),
            };
            return Wrong::machine(text!(
                "time was up. An exercise has {limit} for all its checks, and up to {time} more \
                 for a program that is slow to start. Yours is started anew for each check, and \
                 took {other} for that in all: {what}.",
                limit,
                time = seconds(STARTING),
                other = seconds(starting),
                what
            ));
        }
        Wrong::machine(text!(
            "time was up. An exercise has {limit} for all its checks, and less was left than the \
             grader waits for an answer. Try again when the machine is less busy. If it ends \
             like this again, the program takes too long in the checks above.",
            limit
        ))
    }

    pub fn is_up(&self) -> bool {
        self.left() < LEAST
    }

    /// Nothing that was seen says anything about the program.
    pub fn machine_is_too_busy(&self) -> bool {
        self.known().is_hopeless || self.start.lost() > MOST_LOST
    }

    /// A check cannot be done on this machine: it is always late.
    pub fn give_up(&self) {
        self.known().is_hopeless = true;
    }

    /// A wait that begins now.
    pub fn wait(&self, patience: Duration) -> Wait<'_> {
        Wait { clock: self, since: Moment::now(), patience: patience * marks::factor() }
    }
}

/// A wait with an end: that of its patience, or that of all the checks.
#[derive(Clone, Copy)]
pub struct Wait<'a> {
    clock: &'a Clock,
    since: Moment,
    patience: Duration,
}

impl Wait<'_> {
    /// So long can be waited at least; then it is to be asked again. `None`: no longer.
    pub fn left(&self) -> Option<Duration> {
        let left = self.patience.saturating_sub(self.since.elapsed()).min(self.clock.left());
        (left >= LEAST).then_some(left)
    }

    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Clock, PATIENCE};

    #[test]
    fn starts_at_the_same_time_count_once() {
        let (clock, start) = (Clock::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for (from, to) in [(0, 2), (0, 2), (1, 3), (5, 6)] {
            clock.add_start(at(from), at(to));
        }
        assert_eq!(clock.starting(), Duration::from_secs(4));
    }

    #[test]
    fn who_starts_slowly_is_waited_for() {
        let clock = Clock::default();
        assert_eq!(clock.patience_to_start(), PATIENCE);
        clock.note_start(Duration::from_secs(2));
        clock.note_start(Duration::from_secs(1));
        assert_eq!(clock.patience_to_start(), PATIENCE + Duration::from_secs(2));
    }
}
