//! The time that a grading has.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// All the checks of an exercise together.
pub const LIMIT: Duration = Duration::from_secs(10);
/// So long is waited for what must come.
pub const PATIENCE: Duration = Duration::from_secs(3);

pub struct Clock {
    start: Instant,
    /// How long was waited for programs that start.
    starting: Cell<Duration>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { start: Instant::now(), starting: Cell::default() }
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

    /// Until when all checks must be done. That a program takes long to start does not count,
    /// within limits: some languages do.
    pub fn end(&self) -> Instant {
        self.start + LIMIT + self.starting().min(LIMIT)
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
