//! What came is right but for one thing.

use crate::language::Language;
use crate::sockets::Held;
use crate::words::{Words, text};
use crate::wrong::{How, Wrong};

/// A port with its bytes the wrong way round.
pub fn swapped(wrong: &Wrong) -> Option<Words> {
    let port = |text: &str| {
        let digits = text.split(':').skip(1).filter_map(|part| {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..end].parse::<u16>().ok()
        });
        digits.last()
    };
    let (expected, got) = (port(wrong.expected.english())?, port(wrong.got.english())?);
    let is_swapped = expected != got && expected.swap_bytes() == got;
    is_swapped.then(|| {
        text!(
            "{got} is {expected} with its two bytes swapped. {ntohs}",
            got,
            expected,
            ntohs = NTOHS
        )
    })
}

pub const NTOHS: &str = "On the wire, and in the address of a socket, a port has its high byte first: \
     {C: htons(port) puts a number into an address, ntohs takes it out}{else: something takes it \
     the other way round}.";

/// It is at a port, and has another one in mind.
pub fn bound_swapped(wrong: &Wrong, held: &[Held]) -> Option<Words> {
    let numbers = wrong.expected.english().split(|c: char| !c.is_ascii_digit());
    let mut ports = numbers.filter_map(|number| number.parse::<u16>().ok());
    ports.find_map(|port| {
        let swapped = port.swap_bytes();
        // Some are the same either way round.
        let is_it = |one: &&Held| port > 1023 && swapped != port && one.local.port() == swapped;
        let there = held.iter().find(is_it)?.local;
        Some(text!(
            "Your program has a socket at {there}, and that port is {port} with its two bytes \
             swapped. {ntohs}",
            there,
            port,
            ntohs = NTOHS
        ))
    })
}

/// Bytes that Python has made a text of, as it prints them.
pub fn of_python(wrong: &Wrong, language: Language) -> Option<Words> {
    let is_it = language == Language::Python
        && wrong.how == How::Other
        && wrong.got.english().contains("b'")
        && !wrong.expected.english().contains("b'");
    is_it.then(|| {
        text!(
            "What came has b'...' in it: str() of bytes, and an f-string, write them like this. \
             Send the bytes themselves, as they came."
        )
    })
}

/// All is right but for a carriage return.
pub fn other_ending(wrong: &Wrong) -> Option<Words> {
    let text = |words: &str| {
        let (_, text) = words.split_once(": \"")?;
        Some(text.trim_end_matches('"').to_owned())
    };
    let (expected, got) = (text(wrong.expected.english())?, text(wrong.got.english())?);
    let is_it = wrong.how == How::Other
        && !expected.contains("\\r")
        && (got.replace("\\r\\n", "\\n") == expected || got == expected.clone() + "\\r")
        && got != expected;
    let is_lost = wrong.how == How::Other
        && expected != got
        && expected.replace("\\r\\n", "\\n") == got.replace("\\r\\n", "\\n")
        && got.len() < expected.len();
    if is_lost {
        return Some(text!(
            "All is right except for \\r, which is missing: something takes the bytes for \
                 text, and changes its line endings. {Python: If you use makefile(): with a text \
                 mode it does, without newline=\"\".}"
        ));
    }
    is_it.then(|| {
        text!(
            "All is right except for the line ending: \\r\\n came (CR LF), and \\n alone is \
             expected. {Python: A file with text (makefile, print) may write it like this: \
             newline=\"\\n\", or send bytes.}{Java: println writes what the system has: \
             print(... + \"\\n\").}{else: End the line with \\n.}"
        )
    })
}
