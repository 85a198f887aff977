//! What the grader prints. Where it cannot print, because nobody reads any more or the disk is
//! full, it ends: without a panic, and without what it has started.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _, stderr, stdout};

use crate::groups::{self, end_programs};
use crate::words::text;

/// The exit status of who writes where nobody reads: 128 and the number of SIGPIPE, as a shell has
/// it.
const NOBODY_READS: i32 = 141;
/// What there is to say cannot be written.
const CANNOT_WRITE: i32 = 4;

/// A line on standard output, as `println!`.
macro_rules! say {
    ($($words:tt)*) => { $crate::say::print(format_args!("{}\n", format_args!($($words)*))) };
}
pub(crate) use say;

/// A line on standard error, as `eprintln!`.
macro_rules! complain {
    ($($words:tt)*) => { $crate::say::print_error(format_args!("{}\n", format_args!($($words)*))) };
}
pub(crate) use complain;

/// Prints it as it is, and at once.
pub fn print(text: impl Display) {
    // What comes of a program that the grader ends as it ends itself says nothing.
    while groups::are_ending() {
        std::thread::park();
    }
    if let Err(error) = try_to_print(text) {
        stop(&error);
    }
}

/// The same for what nobody needs to know.
pub fn try_to_print(text: impl Display) -> io::Result<()> {
    let mut out = stdout().lock();
    // One write, and not one for each part.
    out.write_all(text.to_string().as_bytes())?;
    out.flush()
}

/// If that does not work either, there is nobody to tell.
pub fn print_error(text: impl Display) {
    let _ = stderr().write_all(text.to_string().as_bytes());
}

fn stop(error: &io::Error) -> ! {
    end_programs();
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(NOBODY_READS);
    }
    complain!("{}", text!("cannot write to standard output: {error}", error));
    std::process::exit(CANNOT_WRITE);
}
