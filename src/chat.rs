//! The chat of part 2, without its sockets: the words of both languages, and
//! what the bytes on the wire mean.
//!
//! The protocol is that of a short tutorial in Python. It is UTF-8 text with
//! nothing around it: no length, no mark at the end of a message. The words
//! are part of it, since programs in other languages send and expect them.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

pub use crate::chinese::texts;
pub use crate::lang::{Lang, Words};
use crate::transcript::{Line, command};
use crate::words::in_words;

/// Where the tutorial's programs meet, unless told otherwise.
pub const CHAT_ADDRESS: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8090);

/// The most bytes that one `recv` of the tutorial's programs takes.
pub const RECV_LIMIT: usize = 1024;

/// How a conversation ended, as the server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client said `quit`.
    Quit,
    /// The client closed its side without `quit`.
    Left,
    /// The same, in the middle of a character.
    LeftMidCharacter,
    /// The client sent bytes that are no UTF-8.
    NotText,
    /// The client did not receive what was sent to it, for too long.
    NotReceiving,
    /// The connection broke: a reset, most often.
    Broken,
}

impl Ending {
    /// The ending of a conversation in which a call failed with this error.
    pub fn after(error: &io::Error) -> Self {
        // Unix has one name for "time is up", and Windows another, which is
        // on Unix that of a connection that the kernel has given up.
        let time_is_up = if cfg!(windows) {
            ErrorKind::TimedOut
        } else {
            ErrorKind::WouldBlock
        };
        match error.kind() {
            kind if kind == time_is_up => Self::NotReceiving,
            _ => Self::Broken,
        }
    }
}

/// What goes over the wire. It is the tutorial's, and so it is no translation
/// that could change.
impl Lang {
    fn on_the_wire(
        self,
        en: &'static str,
        zh: &'static str,
    ) -> &'static str {
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }

    /// The server's greeting, on the wire.
    pub fn server_greeting(self) -> &'static str {
        self.on_the_wire("Hello, client!", "你好, 客户端!")
    }

    /// The client's greeting, on the wire.
    pub fn client_greeting(self) -> &'static str {
        self.on_the_wire("Hello, server!", "你好, 服务器!")
    }

    /// The server's reply to `text`, on the wire: a prefix, and the text.
    pub fn reply(self, text: &str) -> String {
        self.on_the_wire("Server received: ", "服务端已收到: ").to_owned()
            + text
    }
}

/// What the programs show.
impl Lang {
    /// The server's line for a client that has come.
    pub fn connected(self, client: SocketAddr) -> Words {
        self.say("client connected {client}", &[("client", &client)])
    }

    /// The server's line for a text that it received. Escaped: see [`shown`].
    pub fn client_says(self, text: &str) -> Words {
        self.say("client: {text}", &[("text", &shown(text))])
    }

    /// The server's line for the end of a conversation. It says why, unless
    /// the client said `quit`.
    pub fn disconnected(self, client: SocketAddr, end: Ending) -> Words {
        let why = match end {
            Ending::Quit => {
                let words = "client disconnected {client}";
                return self.say(words, &[("client", &client)]);
            }
            Ending::Left => "it left without quit",
            Ending::LeftMidCharacter => {
                "it left in the middle of a character"
            }
            Ending::NotText => "it sent bytes that are not UTF-8",
            Ending::NotReceiving => {
                "it does not receive what is sent to it"
            }
            Ending::Broken => "the connection broke off",
        };
        self.say(
            "client disconnected {client} ({why})",
            &[("client", &client), ("why", &self.text(why))],
        )
    }

    /// A server's line for a call that failed: it goes on all the same.
    pub fn failed(self, call: &str, error: &io::Error) -> Words {
        let words = self.text(&in_words(error));
        self.say(
            "{call}: {words} (the server goes on)",
            &[("call", &call), ("words", &words)],
        )
    }

    /// The UDP server's line for a datagram that it does not answer.
    pub fn ignored(self, sender: SocketAddr, refusal: &Refusal) -> Words {
        match refusal {
            Refusal::TooLong(length) => self.say(
                "not answered: {sender} ({length} bytes; the limit is 1024)",
                &[("sender", &sender), ("length", length)],
            ),
            Refusal::NotText | Refusal::Empty => self.say(
                "not answered: {sender} (it is not UTF-8)",
                &[("sender", &sender)],
            ),
        }
    }

    /// As [`Lang::client_says`], over UDP, where several talk at a time.
    pub fn sender_says(self, sender: SocketAddr, text: &str) -> Words {
        self.say(
            "client: {text} ({sender})",
            &[("text", &shown(text)), ("sender", &sender)],
        )
    }

    /// The TCP client's first line: what it waits for. A server that talks to
    /// somebody else lets it wait in the queue.
    pub fn waiting(self, server: SocketAddr) -> Words {
        self.say(
            "connecting to {server}; the server greets first",
            &[("server", &server)],
        )
    }

    /// The UDP client's line for an address of a name, before it tries that.
    pub fn tries(self, name: &str, server: SocketAddr) -> Words {
        self.say(
            "{name} may be {server}: trying that",
            &[("name", &name), ("server", &server)],
        )
    }

    /// A client's line for a name, of which this address has answered.
    pub fn answers(self, name: &str, server: SocketAddr) -> Words {
        self.say(
            "{name} answers at {server}",
            &[("name", &name), ("server", &server)],
        )
    }

    /// The UDP server's line when it forgets its clients, to remember others.
    pub fn forgetting(self, clients: usize) -> Words {
        self.say(
            "{clients} clients known: forgetting them all",
            &[("clients", &clients)],
        )
    }

    /// The client's line for a text that it sends.
    pub fn client_sends(self, text: &str) -> Words {
        self.say("client sends: {text}", &[("text", &shown(text))])
    }

    /// The client's line for a text that it received. Escaped: see [`shown`].
    pub fn server_says(self, text: &str) -> Words {
        self.say("server: {text}", &[("text", &shown(text))])
    }

    /// The client's last line.
    pub fn client_closed(self) -> Words {
        self.say("client closed", &[])
    }

    /// The client's prompt. It is for a person: see [`crate::lines`].
    pub fn prompt(self) -> Words {
        self.say("your message: ", &[])
    }

    /// The TCP server's first lines: where it listens, how to reach it.
    pub fn listening(self, here: SocketAddr) -> Words {
        self.say(
            "listening on {here}: in another terminal, {nc}\n\
             or: {client}\n\
             (one client at a time; Ctrl-C ends the server)",
            &[
                ("here", &here),
                ("nc", &command("nc", here)),
                ("client", &command("07_chat_client", here)),
            ],
        )
    }

    /// The UDP server's first lines: where it is bound, how to reach it.
    pub fn receiving(self, here: SocketAddr) -> Words {
        self.say(
            "receiving at {here}: in another terminal, {nc}\n\
             or: {client}\n\
             (any number of clients; Ctrl-C ends the server)",
            &[
                ("here", &here),
                ("nc", &command("nc -u", here)),
                ("client", &command("07_chat_client_udp", here)),
            ],
        )
    }

    /// The client's line for something that it does not send, and why.
    pub fn not_sent(self, refusal: &Refusal) -> Words {
        match refusal {
            Refusal::TooLong(length) => self.say(
                "not sent: {length} bytes, and the server receives 1024 at \
                 most",
                &[("length", length)],
            ),
            Refusal::NotText => {
                self.say("not sent: this line is not UTF-8", &[])
            }
            Refusal::Empty => self.say(
                "not sent: an empty line is 0 bytes, so nothing would \
                 arrive",
                &[],
            ),
        }
    }

    /// The UDP client's line for a reply that did not come in time.
    pub fn trying_again(self, attempt: u32, of: u32) -> Words {
        self.say(
            "no reply: sending it again ({attempt} of {of})",
            &[("attempt", &attempt), ("of", &of)],
        )
    }

    /// The UDP client's line for a datagram that is no answer to what it
    /// sent last: late, or doubled, or from another protocol.
    pub fn not_the_answer(self, text: &str) -> Words {
        self.say("not the answer: {text}", &[("text", &shown(text))])
    }
}

/// Whether this text ends the conversation: `quit`, with or without the line
/// ending that `nc` and `telnet` send.
pub fn is_quit(text: &str) -> bool {
    matches!(text, "quit" | "quit\n" | "quit\r\n")
}

/// A text from the network as it may be shown on a terminal.
///
/// Control characters (among them the escape that begins a terminal's
/// commands) and the marks that reorder a line are written as `\u{1b}`, `\n`
/// and the like. Everything else stays.
pub fn shown(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '\t' => safe += "\\t",
            '\r' => safe += "\\r",
            '\n' => safe += "\\n",
            '\u{61c}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{feff}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\0'..='\x1f'
            | '\x7f'..='\u{9f}' => {
                safe += &format!("\\u{{{:x}}}", u32::from(c));
            }
            _ => safe.push(c),
        }
    }
    safe
}

/// Text out of a stream of bytes that may be cut anywhere.
///
/// A receive can end inside a character. The decoder keeps that piece until
/// the rest has come.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The beginning of a character: 0 to 3 bytes.
    tail: Vec<u8>,
}

impl Decoder {
    /// Takes the bytes of one receive; gives the text that is complete now,
    /// which may be empty, and whether bytes followed that are not UTF-8.
    /// After those there is nothing left to decode.
    pub fn push(&mut self, bytes: &[u8]) -> (String, bool) {
        let mut all = std::mem::take(&mut self.tail);
        all.extend_from_slice(bytes);
        let (good, bad) = match std::str::from_utf8(&all) {
            Ok(_) => (all.len(), false),
            Err(error) => {
                (error.valid_up_to(), error.error_len().is_some())
            }
        };
        let rest = all.split_off(good);
        if !bad {
            self.tail = rest;
        }
        (String::from_utf8_lossy(&all).into_owned(), bad)
    }

    /// Whether the beginning of a character is waiting for its rest.
    pub fn is_mid_character(&self) -> bool {
        !self.tail.is_empty()
    }
}

/// Why the client does not send a line, or the server does not answer a
/// datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has this many bytes, more than [`RECV_LIMIT`].
    TooLong(usize),
    /// It is no UTF-8.
    NotText,
    /// It has no bytes, and the client speaks over a stream.
    Empty,
}

/// A line of input as the text to send.
///
/// # Errors
///
/// The [`Refusal`]: over [`RECV_LIMIT`] bytes, or not UTF-8.
pub fn to_send(line: &Line) -> Result<&str, Refusal> {
    if line.length > RECV_LIMIT {
        return Err(Refusal::TooLong(line.length));
    }
    to_answer(&line.bytes)
}

/// A datagram as the text that it is.
///
/// # Errors
///
/// The [`Refusal`]: over [`RECV_LIMIT`] bytes, or not UTF-8.
pub fn to_answer(datagram: &[u8]) -> Result<&str, Refusal> {
    if datagram.len() > RECV_LIMIT {
        return Err(Refusal::TooLong(datagram.len()));
    }
    std::str::from_utf8(datagram).map_err(|_| Refusal::NotText)
}

/// How much of a message that is known beforehand has come so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// All of it.
    Complete,
    /// At least this many bytes are missing; more than 0.
    Missing(usize),
    /// What came is something else.
    Other,
}

/// The server's greeting, so far `received`. Either language will do: the
/// server chose its own.
pub fn greeting_progress(received: &[u8]) -> Progress {
    progress("", received, |lang, _| lang.server_greeting().to_owned())
}

/// The server's reply to `text`, so far `received`, in either language.
pub fn reply_progress(text: &str, received: &[u8]) -> Progress {
    progress(text, received, Lang::reply)
}

/// The two languages differ in their first byte. Before that has come, the
/// shorter one is awaited.
fn progress(
    text: &str,
    received: &[u8],
    message: fn(Lang, &str) -> String,
) -> Progress {
    let mut progress = Progress::Other;
    for lang in [Lang::Zh, Lang::En] {
        let message = message(lang, text);
        match message.as_bytes().strip_prefix(received) {
            None => {}
            Some([]) => progress = Progress::Complete,
            Some(rest) => progress = Progress::Missing(rest.len()),
        }
    }
    progress
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quit_counts_with_and_without_a_line_ending() {
        for text in ["quit", "quit\n", "quit\r\n"] {
            assert!(is_quit(text), "{text:?}");
        }
        for text in ["", "Quit", "quit ", "quit\n\n", "hiquit", "quit\r"] {
            assert!(!is_quit(text), "{text:?}");
        }
    }

    #[test]
    fn a_terminal_gets_no_commands() {
        assert_eq!(shown("\x1b[2J\x07"), r"\u{1b}[2J\u{7}");
        assert_eq!(shown("a\r\nb\tc\u{9b}"), r"a\r\nb\tc\u{9b}");
        assert_eq!(shown("\u{202e}\u{61c}abc"), r"\u{202e}\u{61c}abc");
        let plain = r#"你好 "é" e\u{301} \ 'x' 👩‍🚀"#;
        assert_eq!(shown(plain), plain);
    }

    #[test]
    fn what_failed_tells_how_it_ended() {
        use ErrorKind::{ConnectionReset, TimedOut, WouldBlock};
        let [up, other] = match cfg!(windows) {
            true => [TimedOut, WouldBlock],
            false => [WouldBlock, TimedOut],
        };
        assert_eq!(Ending::after(&up.into()), Ending::NotReceiving);
        for kind in [other, ConnectionReset] {
            assert_eq!(Ending::after(&kind.into()), Ending::Broken);
        }
    }

    #[test]
    fn a_reply_is_recognised_byte_by_byte_in_both_languages() {
        for lang in [Lang::En, Lang::Zh] {
            let reply = lang.reply("你好");
            let bytes = reply.as_bytes();
            for length in 1..bytes.len() {
                assert_eq!(
                    reply_progress("你好", &bytes[..length]),
                    Progress::Missing(bytes.len() - length)
                );
            }
            assert_eq!(reply_progress("你好", bytes), Progress::Complete);
            assert_eq!(reply_progress("再见", bytes), Progress::Other);
        }
        assert_eq!(greeting_progress(b""), Progress::Missing(14));
        assert_eq!(greeting_progress(b"HTTP/1.1"), Progress::Other);
    }
}
