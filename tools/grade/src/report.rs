//! What the reader sees: a line for each check, and what went wrong.

use std::io::{IsTerminal as _, Write as _, stdout};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::exercise::Exercise;
use crate::exercises::CHAPTERS;
use crate::wrong::Wrong;

const WIDTH: usize = 78;

pub fn green(text: &str) -> String {
    paint(text, "32")
}

fn paint(text: &str, colour: &str) -> String {
    match stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        true => format!("\x1b[{colour}m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}

/// Text in lines, each after `indent`.
pub fn wrap(text: &str, indent: &str) -> String {
    fill(text, indent, indent)
}

fn fill(text: &str, first: &str, others: &str) -> String {
    let options = textwrap::Options::new(WIDTH)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .initial_indent(first)
        .subsequent_indent(others);
    textwrap::fill(text, options)
}

/// A line on the terminal that tells what is being done, once that takes
/// longer than a second. It is gone afterwards.
pub struct Waiting(Option<(Sender<()>, JoinHandle<()>)>);

impl Waiting {
    pub fn on(what: &str) -> Self {
        if !stdout().is_terminal() {
            return Self(None);
        }
        let (done, is_done) = channel::<()>();
        let (what, start) = (what.to_owned(), Instant::now());
        let thread = thread::spawn(move || {
            let mut shown = false;
            while is_done.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                let time = start.elapsed().as_secs();
                print!("\r  ..    {what} ({time} s)");
                let _ = stdout().flush();
                shown = true;
            }
            if shown {
                print!("\r\x1b[K");
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

pub fn passed(title: &str) {
    println!("  {}    {title}", green("ok"));
}

/// A check that this machine does not allow, and why, if that is not above.
pub fn not_run(title: &str, reason: Option<&String>) {
    println!("  --    {title}");
    if let Some(reason) = reason {
        println!("{}", wrap(&format!("Not run on this machine: {reason}"), "        "));
    }
}

/// A check of which nothing can be said.
pub fn too_busy(title: &str) {
    println!("  --    {title}\n");
    let words = "This machine is too busy: run it again. Again and again the program, or the \
                 grader, could run and had no processor. That says nothing about the program.";
    println!("{}", wrap(words, "  "));
}

/// The check that failed, and all that helps.
pub fn failed(
    title: &str,
    wrong: &Wrong,
    advice: &str,
    last_words: &[String],
    exercise: &Exercise,
    call: &str,
) {
    println!("  {}  {title}\n", paint("FAIL", "31;1"));
    if !wrong.sent.is_empty() {
        println!("{}", field("sent", &wrong.sent));
    }
    println!("{}", field("expected", &wrong.expected));
    println!("{}", field("got", &wrong.got));
    println!("\n{}\n", wrap(advice, "  "));
    if !last_words.is_empty() {
        println!("  Your program:");
        for line in last_words {
            println!("    {line}");
        }
        println!();
    }
    println!("{}", wrap(&format!("Read again: {} in the book.", chapters(advice, exercise)), "  "));
    println!("  A hint: {call} {} --hint", exercise.name);
}

/// The chapters of the steps that the advice names. If it names none: that of the exercise.
fn chapters(advice: &str, exercise: &Exercise) -> String {
    let words: Vec<_> = advice.split(|c: char| !c.is_alphanumeric()).collect();
    let mut steps = Vec::new();
    for (number, word) in words.iter().enumerate() {
        if ["step", "steps"].contains(word) {
            // "step 9", "steps 9 and 11"
            let named = words[number + 1..].iter().filter(|word| **word != "and");
            steps.extend(named.map_while(|word| word.parse::<usize>().ok()));
        }
    }
    let chapter = |step| CHAPTERS.iter().find(|(number, _)| number == step);
    let titles = steps.iter().filter_map(chapter).map(|(_, title)| format!("\"{title}\""));
    let titles: Vec<_> = titles.collect();
    match titles.is_empty() {
        true => format!("\"{}\"", exercise.chapter),
        false => titles.join(" and "),
    }
}

fn field(name: &str, text: &str) -> String {
    fill(&format!("{name:<10} {text}"), "  ", "             ")
}

#[cfg(test)]
mod tests {
    use super::chapters;
    use crate::catalogue::exercise;

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
            ("no such step 99", "\"Step 16: one at a time, then several\""),
        ] {
            assert_eq!(chapters(advice, chat), titles);
        }
    }
}
