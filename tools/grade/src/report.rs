//! What the reader sees: a line for each check, and what went wrong.

use std::io::{IsTerminal, stdout};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::Serializer as _;
use serde_json::Value;
use textwrap::WordSeparator;
use textwrap::core::{Word, display_width};

use crate::exercise::Exercise;
use crate::exercises::CHAPTERS;
use crate::lang::{Lang, spoken};
use crate::record::Failure;
use crate::say::{say, try_to_print};
use crate::step_by_step::can_be_shown;
use crate::words::{Words, and, text};

const WIDTH: usize = 78;
const GREEN: &str = "32";

/// How long a line is: a terminal may have less room.
fn width() -> usize {
    let size = if stdout().is_terminal() { crossterm::terminal::size().ok() } else { None };
    // Some terminals do not know how wide they are.
    let columns = size.map(|(columns, _)| usize::from(columns)).filter(|columns| *columns >= 30);
    columns.map_or(WIDTH, |columns| WIDTH.min(columns - 1))
}

pub fn green(text: &str) -> String {
    paint(text, GREEN)
}

/// Whether colours are shown there. See no-color.org and bixense.com/clicolors.
pub fn has_colours(at: &impl IsTerminal) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_forced =
        std::env::var_os("CLICOLOR_FORCE").is_some_and(|it| !it.is_empty() && it != "0");
    !is_set("NO_COLOR") && (is_forced || can_do_more_than_print(at))
}

/// Whether it is a terminal that has colours, and a way back to the beginning of a line.
fn can_do_more_than_print(at: &impl IsTerminal) -> bool {
    at.is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// These fields as an object, in this order.
pub fn as_json(fields: Vec<(&str, Value)>) -> String {
    let mut line = Vec::new();
    let written = serde_json::Serializer::new(&mut line).collect_map(fields);
    written.expect("a Vec takes all of it");
    String::from_utf8_lossy(&line).into_owned()
}

fn paint(text: &str, colour: &str) -> String {
    match has_colours(&stdout()) {
        true => format!("\x1b[{colour}m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}

/// Text in lines, each after `indent`.
pub fn wrap(words: impl Into<Words>, indent: &str) -> String {
    fill(&words.into().spoken(), indent, indent)
}

fn fill(text: &str, first: &str, others: &str) -> String {
    let options = textwrap::Options::new(width())
        .word_separator(match spoken() {
            Lang::English => WordSeparator::AsciiSpace,
            Lang::Chinese => WordSeparator::Custom(words),
        })
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .initial_indent(first)
        .subsequent_indent(others);
    textwrap::fill(text, options)
}

/// What is not broken: between blanks, and in Chinese between two characters, as long as no line
/// begins with what closes, or ends with what opens.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    const CLOSE: &str = "，。、；：？！）】》”’…";
    const OPEN: &str = "（【《“‘";

    let is_wide = |c: char| display_width(c.encode_utf8(&mut [0; 4])) > 1;
    let mut ends = Vec::new();
    let mut characters = line.char_indices().peekable();
    while let Some((_, c)) = characters.next() {
        let Some((at, next)) = characters.peek().copied() else { break };
        let is_blank = c == ' ' && next != ' ';
        let is_between = (is_wide(c) || is_wide(next)) && next != ' ';
        if is_blank || is_between && !OPEN.contains(c) && !CLOSE.contains(next) {
            ends.push(at);
        }
    }
    ends.push(line.len());
    let mut start = 0;
    Box::new(ends.into_iter().map(move |end| {
        let word = Word::from(&line[start..end]);
        start = end;
        word
    }))
}

/// A line on the terminal that tells what is being done, once that takes
/// longer than a second. It is gone afterwards.
pub struct Waiting(Option<(Sender<()>, JoinHandle<()>)>);

impl Waiting {
    pub fn on(what: &Words) -> Self {
        if !can_do_more_than_print(&stdout()) {
            return Self(None);
        }
        let (done, is_done) = channel::<()>();
        let (what, start) = (what.spoken(), Instant::now());
        let thread = thread::spawn(move || {
            let mut shown = false;
            while is_done.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                let time = start.elapsed().as_secs();
                let _ = try_to_print(format_args!("\r  ..    {what} ({time} s)"));
                shown = true;
            }
            if shown {
                let _ = try_to_print("\r\x1b[K");
            }
        });
        Self(Some((done, thread)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some((done, thread)) = self.0.take() {
            drop(done);
            let _ = thread.join();
        }
    }
}

/// The words ahead of the title of a check: how that went.
fn mark(words: &str, colour: &str) -> String {
    let words = text!(words).spoken();
    let padded = pad(&words, 6);
    paint(&words, colour) + &padded[words.len()..]
}

pub fn passed(title: &str) {
    say!("  {}{}", mark("ok", GREEN), text!(title));
}

/// A check that this machine does not allow, and why, if that is not above.
pub fn not_run(title: &str, reason: Option<&Words>) {
    say!("  --    {}", text!(title));
    if let Some(reason) = reason {
        say!("{}", wrap(text!("Not run on this machine: {reason}", reason), "        "));
    }
}

/// A check of which nothing can be said.
pub fn too_busy(title: &str) {
    say!("  --    {}\n", text!(title));
    let words = "This machine is too busy: run it again. For too long the program, or the grader, \
                 had something to do and got no processor. That says nothing about the program.";
    say!("{}", wrap(words, "  "));
}

/// How the reader is told.
pub enum Told {
    /// On a command. A hint is had by this one; and a page, if one can be made here.
    Once { hint: String, page: Option<String> },
    /// Whenever a file is saved; keys give the rest.
    AgainAndAgain,
}

/// The check that failed, and all that helps.
pub fn failed(title: &str, failure: &Failure, chapters: &Words, exercise: &Exercise, told: &Told) {
    let Failure { sent, expected, got, advice, program } = failure;
    say!("  {}{}\n", mark("FAIL", "31;1"), text!(title));
    if !sent.is_empty() {
        say!("{}", field("sent", sent));
    }
    say!("{}", field("expected", expected));
    say!("{}", field("got", got));
    say!("\n{}\n", wrap(Words::data(advice), "  "));
    if !program.is_empty() {
        say!("  {}", text!("Your program:"));
        for line in program {
            say!("    {line}");
        }
        say!("");
    }
    say!("{}", wrap(text!("Read again: {chapters} in the book.", chapters), "  "));
    if let Told::Once { hint, page } = told {
        say!("  {}", text!("A hint: {hint}", hint));
        if let Some(page) = page.as_ref().filter(|_| can_be_shown(exercise.name, title)) {
            say!("  {}", text!("Step by step: {page}", page));
        }
    }
}

/// The chapters of the steps that the English advice names. If it names none: that of the exercise.
pub fn chapters(advice: &str, exercise: &Exercise) -> Words {
    let words = advice.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<_> = words.collect();
    let mut steps = Vec::new();
    for (number, word) in words.iter().enumerate() {
        if ["step", "steps", "Step", "Steps"].contains(word) {
            // "step 9", "steps 9, 11 and 13"
            let named = words[number + 1..].iter().filter(|word| **word != "and");
            let named = named.map_while(|word| word.parse::<usize>().ok());
            for step in named {
                if !steps.contains(&step) {
                    steps.push(step);
                }
            }
        }
    }
    let chapter = |step| CHAPTERS.iter().find(|(number, _)| number == step);
    let mut titles: Vec<_> = steps.iter().filter_map(chapter).map(|(_, title)| *title).collect();
    if titles.is_empty() {
        titles.push(exercise.chapter);
    }
    and(titles.into_iter().map(|title| text!("\"{title}\"", title)).collect())
}

fn field(name: &str, text: &str) -> String {
    let name = pad(&text!(name).spoken(), 10);
    fill(&format!("{name} {text}"), "  ", "             ")
}

/// With blanks behind it, so that it is as wide as others.
pub fn pad(text: &str, width: usize) -> String {
    text.to_owned() + &" ".repeat(width.saturating_sub(display_width(text)))
}

#[cfg(test)]
mod tests {
    use super::{chapters, words};
    use crate::catalogue::exercise;

    #[test]
    fn chinese_is_broken_between_characters() {
        let parts = |line| words(line).map(|word| word.to_string()).collect::<Vec<_>>().join("|");
        assert_eq!(parts("好，（用 send_to）再发。"), "好，|（用|send_to）|再|发。");
        assert_eq!(parts("“你好”是 2  个字"), "“你|好”|是|2|个|字");
        assert_eq!(parts("as in English "), "as|in|English");
        assert_eq!(parts(""), "");
    }

    #[test]
    fn what_is_to_be_read_again_is_what_the_advice_names() {
        let chat = exercise("16_group_chat").expect("it");
        for (advice, titles) in [
            ("Take the first step, in time.", "\"Step 16: one at a time, then several\""),
            ("a limit of one second (step 13).", "\"Step 13: waiting forever\""),
            (
                "only then take them for text (steps 9 and 11).",
                "\"Step 9: glued messages\" and \"Step 11: a split character\"",
            ),
            (
                "a limit (step 13). As in step 13, then in steps 9, 11 and 13.",
                "\"Step 13: waiting forever\", \"Step 9: glued messages\" and \"Step 11: a split \
                 character\"",
            ),
            ("no such step 99", "\"Step 16: one at a time, then several\""),
        ] {
            assert_eq!(chapters(advice, chat), titles);
        }
    }
}
