//! What an exercise is.

use crate::grading::Grading;
use crate::wrong::{How, Outcome};

/// One exercise: a task in `examples/your_turn`, and how a program for it is checked.
pub struct Exercise {
    /// The name of the task's file, without `.rs`.
    pub name: &'static str,
    /// What the program is, in a few words: the first line of the task.
    pub title: &'static str,
    /// The title of its chapter in the book.
    pub chapter: &'static str,
    /// From what everybody gets right to what few think of.
    pub checks: &'static [Check],
    /// Each gives away a little more.
    pub hints: &'static [&'static str],
    pub solution: &'static str,
    /// The task's file; empty where the course is at hand.
    pub file: &'static str,
}

/// One thing that the program must do. It is started anew for each.
pub struct Check {
    /// What it does when it is right, for the line "ok ...".
    pub title: &'static str,
    /// What a failure of this kind usually means, and what to do.
    pub usually: fn(How) -> &'static str,
    pub run: fn(&mut Grading) -> Outcome,
}

/// What a failure usually means, by its kind: `advice! { Silent | Short => "...", _ => "..." }`, or
/// one text for all.
macro_rules! advice {
    ($all:literal) => {
        |_| $all
    };
    ($($($how:ident)|+ => $words:expr,)* _ => $others:expr,) => {
        |how| match how {
            $($($crate::wrong::How::$how)|+ => $words,)*
            _ => $others,
        }
    };
}
pub(crate) use advice;
