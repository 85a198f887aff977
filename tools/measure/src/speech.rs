//! What a server says: a greeting or none, and what it makes of a message.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Each message is as long as this.
pub const LENGTH: usize = 32;

/// Who says nothing for so long has said all.
const QUIET: Duration = Duration::from_millis(300);
const ANSWER: Duration = Duration::from_secs(3);

#[derive(Clone, Debug, PartialEq)]
pub struct Speech {
    /// So many bytes, or none.
    pub greeting: usize,
    answer: Answer,
}

/// What comes for a message.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    /// It has the message in it, between these.
    Around(Vec<u8>, Vec<u8>),
    /// It is always the same.
    Same(Vec<u8>),
    /// It has always the same length; nobody knows more about it.
    Long(usize),
}

/// A line of its own for each number. (Of digits: who answers in capital letters has it in its answer.)
pub fn message(number: usize) -> [u8; LENGTH] {
    let mut message = [b'\n'; LENGTH];
    let digits = LENGTH - 1;
    let text = format!("{number:0digits$}");
    message[..digits].copy_from_slice(&text.as_bytes()[..digits]);
    message
}

impl Speech {
    /// That of step 7.
    pub fn chat() -> Self {
        let around = Answer::Around(b"Server received: ".to_vec(), vec![]);
        Self { greeting: b"Hello, client!".len(), answer: around }
    }

    pub fn answer_length(&self) -> usize {
        match &self.answer {
            Answer::Around(before, after) => before.len() + LENGTH + after.len(),
            Answer::Same(answer) => answer.len(),
            Answer::Long(length) => *length,
        }
    }

    /// Whether this is the answer to this message.
    pub fn is_answer(&self, answer: &[u8], message: &[u8]) -> bool {
        match &self.answer {
            Answer::Around(before, after) => answer == [before, message, after].concat(),
            Answer::Same(same) => answer == same,
            Answer::Long(length) => answer.len() == *length,
        }
    }

    /// Tries what the server on the other end of this speaks.
    pub fn learn(mut stream: &TcpStream) -> Result<Self, String> {
        let greeting = all(stream, QUIET)?.ok_or("it closes the connection at once")?;
        let messages = [12345, 67890].map(message);
        let mut heard = vec![];
        for message in messages {
            stream.write_all(&message).map_err(|error| error.to_string())?;
            let answer = all(stream, ANSWER)?;
            let answer =
                answer.ok_or("it closes the connection when it has been told something")?;
            if answer.is_empty() {
                return Err(format!(
                    "it does not answer: nothing came within {ANSWER:?} of a line of {LENGTH} bytes"
                ));
            }
            heard.push(answer);
        }
        let answer = Answer::of(&messages, &heard)?;
        Ok(Self { greeting: greeting.len(), answer })
    }

    /// In words, for the reader.
    pub fn describe(&self) -> String {
        let greeting = match self.greeting {
            0 => "no greeting".to_owned(),
            bytes => format!("a greeting of {bytes} bytes"),
        };
        let length = self.answer_length();
        let answer = match &self.answer {
            Answer::Around(..) if length == LENGTH => "it answers with what it was told".to_owned(),
            Answer::Around(..) => format!("its answer, of {length} bytes, has the message in it"),
            Answer::Same(_) => format!("its answer is always the same {length} bytes"),
            Answer::Long(_) => format!("its answer always has {length} bytes"),
        };
        format!("{greeting}; {answer}")
    }
}

impl Answer {
    /// What these answers to these messages have in common.
    fn of(messages: &[[u8; LENGTH]], answers: &[Vec<u8>]) -> Result<Self, String> {
        let around = |message: &[u8], answer: &[u8]| {
            let at = answer.windows(message.len()).position(|part| part == message)?;
            Some(Self::Around(answer[..at].to_vec(), answer[at + message.len()..].to_vec()))
        };
        let all: Vec<_> = messages.iter().zip(answers).map(|(m, a)| around(m, a)).collect();
        match &all[0] {
            Some(around) if all.iter().all(|one| one.as_ref() == Some(around)) => {
                return Ok(around.clone());
            }
            _ => {}
        }
        let first = &answers[0];
        if answers.iter().all(|answer| answer == first) {
            return Ok(Self::Same(first.clone()));
        }
        if answers.iter().all(|answer| answer.len() == first.len()) {
            return Ok(Self::Long(first.len()));
        }
        let lengths: Vec<String> = answers.iter().map(|answer| answer.len().to_string()).collect();
        Err(format!(
            "its answers to lines of the same length have {} bytes: nobody can tell when one is \
             whole",
            lengths.join(" and ")
        ))
    }
}

/// Everything that comes until it is quiet: first for so long, and then for less. `None`: the end.
fn all(mut stream: &TcpStream, first: Duration) -> Result<Option<Vec<u8>>, String> {
    let failed = |error: std::io::Error| error.to_string();
    let (mut got, mut buffer) = (vec![], [0; 4096]);
    let mut patience = first;
    loop {
        stream.set_read_timeout(Some(patience)).map_err(failed)?;
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(length) => got.extend(&buffer[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(Some(got));
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
        if got.len() > 1 << 20 {
            return Err("it sends more than a megabyte without being asked".to_owned());
        }
        patience = QUIET.min(first);
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, LENGTH, Speech, message};

    #[test]
    fn a_message_is_a_line() {
        assert_eq!(&message(7), b"0000000000000000000000000000007\n");
        assert_ne!(message(7), message(8));
    }

    #[test]
    fn what_answers_have_in_common() {
        let messages = [3, 4].map(message);
        let of = |answer: fn(&[u8; LENGTH]) -> Vec<u8>| {
            let answer = Answer::of(&messages, &messages.each_ref().map(answer))?;
            Ok::<_, String>(Speech { greeting: 14, answer })
        };
        let chat = of(|told| [b"Server received: ", &told[..]].concat());
        assert_eq!(chat, Ok(Speech::chat()));
        assert_eq!(Speech::chat().answer_length(), 49);
        assert!(Speech::chat().is_answer(b"Server received: x", b"x"));
        assert!(!Speech::chat().is_answer(b"Server received: y", b"x"));
        let echo = of(|told| told.to_vec()).expect("an answer");
        assert!(echo.describe().ends_with("; it answers with what it was told"));
        let same = of(|_| b"OK\n".to_vec()).expect("an answer");
        assert_eq!((same.answer_length(), same.is_answer(b"OK!", b"x")), (3, false));
        let reversed = of(|told| told.iter().rev().copied().collect()).expect("an answer");
        assert!(reversed.describe().ends_with("; its answer always has 32 bytes"));
        let grows = of(|told| vec![b'x'; usize::from(told[LENGTH - 2])]);
        assert!(grows.is_err_and(|words| words.contains("51 and 52 bytes")));
    }
}
