//! A line has not come on standard output.

use std::net::TcpStream;
use std::time::Instant;

use socket2::Type;

use super::awaited::{
    AFTER_A_BYTE, AFTER_A_LINE, AFTER_ITS_INPUT, AFTER_THE_END, Awaited, LATE, WAITS_FOR_A_LINE,
    late,
};
use super::place::elsewhere;
use super::{All, Also, Cause, given};
use crate::grading::Grading;
use crate::program::Program;
use crate::terminal;
use crate::words::text;

/// The line "ready" has not come.
pub fn not_ready(grading: &Grading, program: &Program) -> Option<Cause> {
    let unfinished = program.unfinished.borrow();
    if unfinished.as_ref().is_some_and(|line| line.trim() == "ready") {
        return Some(All(NO_NEWLINE.into()));
    }
    let lines = program.printed_up_to_now();
    let said = unfinished.iter().chain(&lines).find(|line| line.to_lowercase().contains("ready"));
    if let Some(line) = said {
        return Some(All(text!(
            "It printed \"{line}\". The line must be exactly \"ready\": five small letters, and \
             nothing else in it.",
            line = line.trim().chars().take(60).collect::<String>()
        )));
    }
    let held = program.seen.borrow().clone().unwrap_or_default();
    let is_server = given(program).is_some();
    let udp_only = !held.is_empty() && held.iter().all(|one| one.is_udp);
    let place = is_server.then(|| elsewhere(program, &held, udp_only)).flatten();
    match (silent_start(grading, program), place) {
        (Some(All(words)), _) => Some(All(words)),
        (_, Some(place)) => Some(Also(place)),
        (other, None) => other,
    }
}

pub const NO_NEWLINE: &str = "It printed \"ready\", and no line ending behind it: the line is not \
     complete. {Python: print adds one, sys.stdout.write does not.}{C: puts adds one, printf does \
     not: printf(\"ready\\n\").}{Node: console.log adds one, process.stdout.write does \
     not.}{Rust: println! adds one, print! does not.}{Perl: print adds none: \"ready\\n\".}{else: \
     End it with \\n.}";

/// It printed nothing. On a terminal, does it?
pub fn silent_start(grading: &Grading, program: &Program) -> Option<Cause> {
    if program.lines() > 0 || program.unfinished.borrow().is_some() {
        return None;
    }
    let line = terminal::first_line(grading.command(), &program.argument)?;
    Some(All(text!(
        "On a terminal the program prints \"{line}\", and here nothing came: its output is kept \
         back, as standard output is no terminal here, until a buffer is full. {flush}",
        line,
        flush = FLUSH
    )))
}

pub const FLUSH: &str = "Flush it after each line: {C: fflush(stdout), or once at the start \
     setvbuf(stdout, NULL, _IOLBF, 0)}{Python: print(..., flush=True)}{Rust: \
     std::io::stdout().flush()}{Perl: $| = 1 at the start}{Java: System.out.flush()}{Ruby: \
     $stdout.sync = true}{else: print and flush}.";

const AT_ITS_END: &str = "The line came when the program ended: it keeps its output back until then, \
     or does not print before.";

/// It printed no line, and runs.
pub fn no_line(grading: &Grading, program: &Program) -> Option<Cause> {
    let start = Instant::now();
    let stream = grading.bench().dropped(Type::STREAM).pop().map(TcpStream::from);
    let lines = program.lines();
    let mut awaited = Awaited::line(grading, program, stream.as_ref());
    if awaited.comes_within(LATE) {
        return Some(All(late("The line", start)));
    }
    let is_peer = stream.as_ref().is_some_and(|stream| stream.peer_addr().is_ok());
    let or_late = |awaited: &Awaited<'_>, cause| match awaited.is_prompt() {
        true => Some(cause),
        false => Some(All(late("The line", start))),
    };
    // Who has printed other lines before does not keep them back.
    let flush = if lines < 2 { FLUSH } else { "" };
    if is_peer && awaited.send(b"x") && awaited.comes_within(AFTER_A_BYTE) {
        if !flush.is_empty() && program.ends_soon() {
            return or_late(&awaited, All(text!(AT_ITS_END).followed_by(flush)));
        }
        let words = "The line came when the grader sent one byte more on the connection: your \
                     program waits there, in a receive.";
        return or_late(&awaited, Also(words.into()));
    }
    if is_peer && awaited.send(b"\n") && awaited.comes_within(AFTER_A_LINE) {
        let words = text!(
            "The line came when the grader sent a line ending: your program waits for one. \
             {waits_for_a_line}",
            waits_for_a_line = WAITS_FOR_A_LINE
        );
        return or_late(&awaited, All(words));
    }
    if is_peer && awaited.finish() && awaited.comes_within(AFTER_THE_END) {
        let words = match flush {
            "" => text!(
                "The line came when the grader ended its direction: your program waits for the \
                 end of the stream."
            ),
            _ => text!(
                "The line came when the grader ended its direction: your program waits for the \
                 end of the stream, or keeps the line back until it ends itself. {flush}",
                flush
            ),
        };
        return or_late(&awaited, Also(words));
    }
    program.end_input();
    if !awaited.comes_within(AFTER_ITS_INPUT) {
        return None;
    }
    // A program that ends writes all that it has kept.
    let has_ended = program.ends_soon();
    if has_ended && lines == 0 {
        return silent_start(grading, program).map(|cause| match cause {
            All(words) | Also(words) => All(words),
        });
    }
    Some(All(match has_ended && !flush.is_empty() {
        true => text!(
            "The line came when standard input ended, and the program with it: it keeps its \
             output back until then, or does not print before. {flush}",
            flush = FLUSH
        ),
        false => text!(
            "The line came when standard input ended: the program reads all of it first, or \
             waits for its end. Do for each line all that is to be done, before you read the \
             next one."
        ),
    }))
}
