//! The words of the drawing itself, which may be in another language. What the run printed and the
//! names of calls, states and flags are the same in each.

use std::collections::HashMap;

/// In English. In braces: what the drawing puts there.
pub(crate) const ENGLISH: [&str; 31] = [
    "What the kernel did: {name}",
    "Time goes down. The text below the picture says the same and more.",
    "client",
    "server",
    "program",
    "kernel",
    "wire",
    "datagram",
    "{packet}, again",
    "{packet}, lost",
    "{packet}, late",
    "{packet}, twice",
    "{packet}, 1 byte",
    "{packet}, {number} bytes",
    "ICMP: port unreachable",
    "ICMP: host unreachable, says {address}",
    "{descriptor} LISTEN at {port}",
    "{port}, no FD: {state}",
    "{descriptor} closed: {state}",
    "{descriptor} still open: {state}",
    "{one} and {other}",
    "queue lengths",
    "unbound",
    "unconnected",
    "connected",
    "accept queue",
    "empty",
    "filled",
    "option {descriptor}",
    "blocking",
    "non-blocking",
];

/// Lines of a timeline that no program printed.
pub(crate) const NOTES: [&str; 24] = [
    "(the kernel, by itself)",
    "(exited with {status})",
    "(a process ended)",
    "({program} still waited in {call}, and was ended by SIGTERM)",
    "({program} was still busy, and was ended by SIGTERM)",
    "({program} still slept, and was ended by SIGTERM)",
    "({program} still waited in {call}, and got {signal})",
    "({program} was still busy, and got {signal})",
    "({program} still slept, and got {signal})",
    "({program} still waited in {call}, and goes on)",
    "({program} was still busy, and goes on)",
    "({program} still slept, and goes on)",
    "(killed by {signal})",
    "({option} never struck)",
    "(not shown: {what})",
    "(no lines of code: {why})",
    "({program} was not started: {other} had not waited yet)",
    "(1 datagram came in parts, and is shown as one packet)",
    "({number} datagrams came in parts: each is shown as one packet)",
    "of this call, or of another at the same time:",
    "all of this, {number} times in all",
    "all of this, {number} times in all, each with its own {own}",
    "{number} times in all",
    "{number} times in all, each with its own {own}",
];

/// The drawing's words in some language; what it does not have is English.
#[derive(Default)]
pub struct Words(HashMap<String, String>);

impl Words {
    /// The words by what they are in English.
    ///
    /// # Errors
    /// If the drawing has no such words, or if a translation has not the same braces.
    pub fn new(translations: HashMap<String, String>) -> Result<Self, String> {
        for (english, translation) in &translations {
            let all = Self::english();
            if !all.contains(&english.as_str()) {
                let all = all.join("', '");
                return Err(format!("the drawing does not say '{english}', but '{all}'"));
            }
            if sorted_holes(english) != sorted_holes(translation) {
                return Err(format!("not the same braces: '{english}', '{translation}'"));
            }
        }
        Ok(Self(translations))
    }

    /// All that can be translated.
    pub fn english() -> Vec<&'static str> {
        [&ENGLISH[..], &NOTES].concat()
    }

    /// The translation of `text`, if it has one.
    pub(crate) fn of<'a>(&'a self, text: &'a str) -> &'a str {
        self.0.get(text).map_or(text, |words| words)
    }

    /// The words for `english`, with the values in its braces.
    pub(crate) fn fill(&self, english: &str, values: &[&str]) -> String {
        let filled = |words: String, (hole, value): (&str, &&str)| words.replace(hole, value);
        holes(english).zip(values).fold(self.of(english).to_owned(), filled)
    }

    /// The words for a whole line of a timeline, if it is one of the notes.
    pub(crate) fn note(&self, line: &str) -> String {
        let note = |english: &&str| {
            let values = values(english, line)?;
            if !english.ends_with("{own}") {
                return Some(self.fill(english, &values));
            }
            let (last, before) = values.split_last()?;
            let own = match last.split_once(" and ") {
                Some((one, other)) => self.fill("{one} and {other}", &[one, self.of(other)]),
                None => self.of(last).to_owned(),
            };
            Some(self.fill(english, &[before, &[&own]].concat()))
        };
        NOTES.iter().find_map(note).unwrap_or_else(|| line.to_owned())
    }
}

/// Whether this is one of the notes.
pub(crate) fn is_note(line: &str) -> bool {
    NOTES.iter().any(|english| values(english, line).is_some())
}

/// The braces in a text, each with what is between them.
fn holes(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('{').filter_map(|(at, _)| Some(&text[at..=at + text[at..].find('}')?]))
}

fn sorted_holes(text: &str) -> Vec<&str> {
    let mut all: Vec<_> = holes(text).collect();
    all.sort_unstable();
    all
}

/// What stands in the place of the braces; `None`: this is another text.
fn values<'a>(english: &str, mut line: &'a str) -> Option<Vec<&'a str>> {
    let mut values = vec![];
    for piece in english.split('{') {
        let Some((_, after)) = piece.split_once('}') else {
            line = line.strip_prefix(piece)?;
            continue;
        };
        let end = if after.is_empty() { line.len() } else { line.find(after)? };
        values.push(&line[..end]);
        line = &line[end + after.len()..];
    }
    line.is_empty().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_words_are_refused() {
        for (english, other) in
            [("lines", "x"), ("wire", "{wire}"), ("(exited with {status})", "x")]
        {
            assert!(Words::new([(english.to_owned(), other.to_owned())].into()).is_err());
        }
    }
}
