//! The time that a grading has.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::wrong::{Wrong, seconds};

/// All the checks of an exercise together, unless some of them are allowed more.
pub const LIMIT: Duration = Duration::from_secs(10);
/// So long is waited for what must come.
pub const PATIENCE: Duration = Duration::from_secs(3);

pub struct Clock {
    start: Instant,
    /// How long was waited for programs that start.
    starting: Cell<Duration>,
    /// What checks were allowed that last for seconds even if all is well.
    more: Cell<Duration>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { start: Instant::now(), starting: Cell::default(), more: Cell::default() }
    }
}

impl Clock {
    pub fn starting(&self) -> Duration {
        self.starting.get()
    }

    /// A program has taken so long to start.
    pub fn add_start(&self, time: Duration) {
        self.starting.set(self.starting.get() + time);
    }

    /// A check needs so much more than others do.
    pub fn allow(&self, time: Duration) {
        self.more.set(self.more.get() + time);
    }

    /// What all the checks have together.
    pub fn limit(&self) -> Duration {
        LIMIT + self.more.get()
    }

    /// A wait was over so soon because this is the end of it all.
    pub fn has_cut(&self, wait: Duration) -> bool {
        self.is_up() && wait + Duration::from_millis(100) < PATIENCE
    }

    /// What has not come may only have come later: nothing can be said about it.
    pub fn time_was_up(&self) -> Wrong {
        Wrong::machine(format!(
            "time was up. An exercise has {} for all its checks, and less was left than the grader \
             waits for an answer. Try again when the machine is less busy. If it ends like this \
             again, the program takes too long in the checks above.",
            seconds(self.limit())
        ))
    }

    /// Until when all checks must be done. That a program takes long to start does not count,
    /// within limits: some languages do.
    pub fn end(&self) -> Instant {
        self.start + self.limit() + self.starting().min(LIMIT)
    }

    pub fn is_up(&self) -> bool {
        Instant::now() > self.end()
    }

    /// The end of so much time from now on, or of all of it.
    pub fn end_of(&self, patience: Duration) -> Instant {
        self.end().min(Instant::now() + patience)
    }

    /// What is left of that much patience: more than nothing, as nothing would mean no limit.
    pub fn left_of(&self, patience: Duration) -> Duration {
        let left = self.end().saturating_duration_since(Instant::now());
        patience.min(left).max(Duration::from_millis(1))
    }
}
