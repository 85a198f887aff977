//! What the grader does, said aloud: for a check that is run once more under `cargo trace`. Each
//! line stands in the record between the calls, where it was said.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::say::print;

/// So many are said at most: then a program makes the grader say the same on and on.
const MOST: usize = 2000;

/// How many may still be said. In most runs: none.
static LEFT: AtomicUsize = AtomicUsize::new(0);
/// Whether somebody watches, however much was said.
static WATCHED: AtomicBool = AtomicBool::new(false);

/// What such a line begins with.
pub const GRADER: &str = "grader: ";

/// A line of the grader's, where it is watched.
macro_rules! mark {
    ($($words:tt)*) => {
        if $crate::marks::are_wanted() {
            $crate::marks::tell(format_args!($($words)*));
        }
    };
}
pub(crate) use mark;

/// From now on it says what it does.
pub fn begin() {
    WATCHED.store(true, Ordering::Relaxed);
    LEFT.store(MOST, Ordering::Relaxed);
}

/// Whether somebody watches.
pub fn are_wanted() -> bool {
    WATCHED.load(Ordering::Relaxed)
}

/// Where somebody watches, each call takes longer, and so the grader waits so many times as long.
pub fn factor() -> u32 {
    if WATCHED.load(Ordering::Relaxed) { 3 } else { 1 }
}

pub fn tell(words: impl Display) {
    let left = LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
    match left {
        Ok(1) => print(format!("{GRADER}(and so on)\n")),
        Ok(_) => last(words),
        Err(_) => {}
    }
}

/// One that is said however many there were.
pub fn last(words: impl Display) {
    // What comes from a program stays on its line.
    let words: String =
        words.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    print(format!("{GRADER}{words}\n"));
}
