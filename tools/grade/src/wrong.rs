//! What a check found wrong, and how bytes are shown.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::time::Duration;

use crate::words::{Words, text};

/// In which way it is wrong. A check chooses its advice by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Nothing came, for as long as the grader waits.
    Silent,
    /// A part came, and then nothing more for as long as the grader waits.
    Short,
    /// The stream ended before all had come.
    End,
    /// The connection was broken off: a reset, or the system's own error.
    Reset,
    /// What came is not what was expected.
    Other,
    /// More came than was expected, or the stream does not end.
    More,
    /// Nobody listens there.
    Refused,
    /// The program printed something else, or nothing, or too much.
    Printed,
    /// The program ended otherwise than it should, or did not end.
    Exit,
    /// Nothing: this machine does not allow the check.
    Machine,
}

/// What was sent, expected and got, each in words.
#[derive(Debug)]
pub struct Wrong {
    pub how: How,
    /// Empty: nothing was sent.
    pub sent: Words,
    pub expected: Words,
    pub got: Words,
    /// Advice that fits better than what the check has.
    pub advice: Option<Words>,
    /// Where something was missing, so that it can be asked once more.
    pub scene: Option<Box<Scene>>,
}

/// Where something was awaited that did not come.
#[derive(Debug)]
pub enum Scene {
    /// On a connection.
    Stream(Stream),
    /// A datagram.
    Datagram,
    /// A line on standard output.
    Line,
    /// A datagram of a program that speaks first, and whose check knows how long it waits.
    Sender,
}

/// The grader's end of a connection on which something is missing.
#[derive(Debug)]
pub struct Stream {
    pub socket: TcpStream,
    /// The bytes; none of them: the end of the stream.
    pub missing: Vec<u8>,
    /// All that was sent.
    pub sent: Vec<u8>,
    /// The grader has ended its direction.
    pub has_finished: bool,
}

impl Wrong {
    pub fn new(how: How, expected: impl Into<Words>, got: impl Into<Words>) -> Self {
        let (expected, got) = (expected.into(), got.into());
        Self { how, sent: Words::default(), expected, got, advice: None, scene: None }
    }

    /// The machine is in the way, in these words.
    pub fn machine(words: impl Into<Words>) -> Self {
        Self::new(How::Machine, "", words)
    }

    /// The same, after this was sent (or done).
    pub fn after(mut self, sent: impl Into<Words>) -> Self {
        self.sent = sent.into();
        self
    }

    /// The same, and it can be asked there.
    pub fn at(mut self, scene: Option<Scene>) -> Self {
        self.scene = scene.map(Box::new);
        self
    }

    /// The same, with this advice.
    pub fn advice(mut self, advice: impl Into<Words>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The same, with this advice where that is so.
    pub fn advice_if(self, is_so: impl FnOnce(&Self) -> bool, advice: &str) -> Self {
        if is_so(&self) { self.advice(advice) } else { self }
    }
}

/// What comes of a check, and of each of its steps.
pub type Outcome<T = ()> = Result<T, Wrong>;

/// What is added to a failure on its way out of a check.
pub trait Explain {
    fn after(self, sent: impl Into<Words>) -> Self;
    fn advice(self, advice: impl Into<Words>) -> Self;
    fn advice_if(self, is_so: impl FnOnce(&Wrong) -> bool, advice: &str) -> Self;
}

impl<T> Explain for Outcome<T> {
    fn after(self, sent: impl Into<Words>) -> Self {
        self.map_err(|wrong| wrong.after(sent))
    }

    fn advice(self, advice: impl Into<Words>) -> Self {
        self.map_err(|wrong| wrong.advice(advice))
    }

    fn advice_if(self, is_so: impl FnOnce(&Wrong) -> bool, advice: &str) -> Self {
        self.map_err(|wrong| wrong.advice_if(is_so, advice))
    }
}

/// So much of a text is shown, in characters.
const SHOWN: usize = 44;

/// Bytes for a line: how many, and the first of them, as text if they are.
pub fn show(bytes: &[u8]) -> Words {
    if bytes.is_empty() {
        return text!("nothing");
    }
    let number = plural(bytes.len(), "byte");
    text!("{number}: {text}", number, text = quoted(bytes))
}

/// Bytes for a line, without their number: the first of them.
pub fn quoted(bytes: &[u8]) -> String {
    // More than is shown in any case.
    let bytes = &bytes[..bytes.len().min(4 * (SHOWN + 1))];
    let mut text = match std::str::from_utf8(bytes) {
        Ok(text) => escaped(text.chars()),
        // A cut that the grader made itself: the text ahead of it counts.
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 3 => {
            let (text, tail) = bytes.split_at(error.valid_up_to());
            let text = String::from_utf8_lossy(text).into_owned();
            escaped(text.chars()) + &tail.escape_ascii().to_string()
        }
        Err(_) => bytes.escape_ascii().to_string(),
    };
    let long = text.chars().count() > SHOWN;
    if long {
        text = text.chars().take(SHOWN).collect();
        // Not inside of an escape.
        if let Some(at) = text.rfind('\\').filter(|at| text.len() < at + 4) {
            let is_whole = text.len() == at + 2 && !text.ends_with(['x', 'u', '\\']);
            let is_second = text[..at].ends_with('\\');
            text.truncate(if is_whole || is_second { text.len() } else { at });
        }
    }
    let end = if long { "..." } else { "\"" };
    format!("\"{text}{end}")
}

fn escaped(text: impl Iterator<Item = char>) -> String {
    // An apostrophe can stay as it is.
    let escape = |c: char| match c {
        '\'' => c.to_string(),
        '\0'..='\x1f' => c.to_string().as_bytes().escape_ascii().to_string(),
        _ => c.escape_debug().to_string(),
    };
    text.map(escape).collect()
}

/// "1 byte", "2 bytes"
pub fn plural(number: usize, word: &str) -> Words {
    let ending = if number == 1 { "" } else { "s" };
    text!(&format!("{{number}} {word}{ending}"), number)
}

/// "3 seconds", "0.2 seconds"
pub fn seconds(time: Duration) -> Words {
    let tenths = (time.as_secs_f64() * 10.0).round() / 10.0;
    match tenths == 1.0 {
        true => text!("{tenths} second", tenths),
        false => text!("{tenths} seconds", tenths),
    }
}

/// What the system said, in as few words as there are.
pub fn in_words(error: &io::Error) -> Words {
    match error.kind() {
        ErrorKind::ConnectionReset => text!("the connection was reset"),
        ErrorKind::BrokenPipe => text!("the connection was closed (broken pipe)"),
        ErrorKind::ConnectionRefused => text!("refused: nobody is there"),
        _ => Words::data(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_fit_a_line() {
        let show = |bytes| super::show(bytes).english().to_owned();
        assert_eq!(show(b""), "nothing");
        assert_eq!(show(b"a"), "1 byte: \"a\"");
        assert_eq!(show("it's 你\n".as_bytes()), r#"9 bytes: "it's 你\n""#);
        assert_eq!(show(b"\xff\0"), r#"2 bytes: "\xff\x00""#);
        assert_eq!(show(b"\xe4\xbd"), r#"2 bytes: "\xe4\xbd""#);
        assert_eq!(show(b"hello\xe4\xbd"), r#"7 bytes: "hello\xe4\xbd""#);
        let line = show(&[b'x'; 5000]);
        assert!(line.starts_with("5000 bytes: \"xxx"), "{line}");
        assert!(line.ends_with("x...") && line.len() < 70, "{line}");
    }
}
