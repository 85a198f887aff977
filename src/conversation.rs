//! Step 7's conversation once more, for a server that has many of them.

use std::io::{self, Read, Write};

use crate::chat::{Decoder, Ending, Lang, RECV_LIMIT, is_quit};

/// Talks to one client as `07_chat_server` does, where it stands call by
/// call: greets, then receives and answers until one of the two ends it.
///
/// `tell` gets the server's line for each text that it received.
pub fn converse(
    client: impl Read + Write,
    lang: Lang,
    tell: impl Fn(String),
) -> Ending {
    until_the_end(client, lang, tell).unwrap_or(Ending::Broken)
}

fn until_the_end(
    mut client: impl Read + Write,
    lang: Lang,
    tell: impl Fn(String),
) -> io::Result<Ending> {
    client.write_all(lang.server_greeting().as_bytes())?;
    let mut buffer = [0; RECV_LIMIT];
    let mut decoder = Decoder::default();
    loop {
        let length = client.read(&mut buffer)?;
        if length == 0 && decoder.is_mid_character() {
            return Ok(Ending::LeftMidCharacter);
        } else if length == 0 {
            return Ok(Ending::Left);
        }
        let (text, bad) = decoder.push(&buffer[..length]);
        if !text.is_empty() {
            tell(lang.client_says(&text));
            let sent = client.write_all(lang.reply(&text).as_bytes());
            // Who says `quit` need not wait for the reply: it may be gone.
            let whole = !bad && !decoder.is_mid_character();
            if is_quit(&text) && whole {
                return Ok(Ending::Quit);
            }
            sent?;
        }
        if bad {
            return Ok(Ending::NotText);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use super::*;

    /// A client that sends these pieces, or fails; and what it was sent.
    struct Client<'a> {
        sends: VecDeque<&'a [u8]>,
        breaks: bool,
        got: &'a RefCell<Vec<u8>>,
    }

    impl Read for Client<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(piece) = self.sends.pop_front() else {
                return if self.breaks {
                    Err(io::ErrorKind::ConnectionReset.into())
                } else {
                    Ok(0)
                };
            };
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    impl Write for Client<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.got.borrow_mut().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn talk(sends: &[&[u8]], breaks: bool) -> (Ending, String, String) {
        let got = RefCell::default();
        let told = RefCell::new(String::new());
        let sends = sends.iter().copied().collect();
        let client = Client { sends, breaks, got: &got };
        let end = converse(client, Lang::En, |line| {
            *told.borrow_mut() += &line;
            told.borrow_mut().push('|');
        });
        let got = String::from_utf8(got.into_inner()).expect("UTF-8");
        (end, got, told.into_inner())
    }

    #[test]
    fn it_is_greeted_and_answered_until_quit() {
        let you = "你".as_bytes();
        let sends: [&[u8]; 4] = [b"hi\n", &you[..1], &you[1..], b"quit\n"];
        let (end, got, told) = talk(&sends, true);
        assert_eq!(end, Ending::Quit);
        assert_eq!(
            got,
            "Hello, client!Server received: hi\nServer received: 你\
             Server received: quit\n"
        );
        assert_eq!(told, r"client: hi\n|client: 你|client: quit\n|");
    }

    #[test]
    fn every_other_ending_is_told_apart() {
        for (sends, breaks, expected) in [
            (&[&b"hi"[..]][..], false, Ending::Left),
            (&[b"\xe4"], false, Ending::LeftMidCharacter),
            (&[b"ok\xff"], false, Ending::NotText),
            (&[b"quit\xff"], false, Ending::NotText),
            (&[b"hi"], true, Ending::Broken),
        ] {
            let (end, ..) = talk(sends, breaks);
            assert_eq!(end, expected);
        }
    }
}
