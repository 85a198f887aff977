//! A call that failed: which one, at which address, why in plain words, and
//! what to try.
//!
//! An example writes a plain `?`. The error remembers in which line of the
//! example that was, and [`crate::run`] has the example's text: so the error
//! can quote the line, and read from it which call failed.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::panic::Location;
use std::path::Path;

use crate::lang::Lang;
use crate::quote::Quote;
use crate::words::{A_CALL, Refusal, advice, in_words};

/// Why an example ended early. `?` makes one of an [`io::Error`], or of a
/// text, and notes the line in which it stands.
#[derive(Debug)]
pub struct Failure {
    cause: Cause,
    place: &'static Location<'static>,
    address: Option<SocketAddr>,
}

#[derive(Debug)]
enum Cause {
    Call(io::Error),
    Words(&'static str),
}

impl From<io::Error> for Failure {
    #[track_caller]
    fn from(error: io::Error) -> Self {
        let place = Location::caller();
        Self { cause: Cause::Call(error), place, address: None }
    }
}

/// For `.ok_or("not an IP address")?`.
impl From<&'static str> for Failure {
    #[track_caller]
    fn from(words: &'static str) -> Self {
        let place = Location::caller();
        Self { cause: Cause::Words(words), place, address: None }
    }
}

/// Says at which address a call was made, where the line does not tell.
pub trait At<T> {
    /// Turns an error into a [`Failure`] at this address.
    ///
    /// # Errors
    ///
    /// The error that was there before, if there was one.
    fn at(self, address: SocketAddr) -> Result<T, Failure>;
}

impl<T> At<T> for io::Result<T> {
    #[track_caller]
    fn at(self, address: SocketAddr) -> Result<T, Failure> {
        let place = Location::caller();
        self.map_err(|error| Failure {
            cause: Cause::Call(error),
            place,
            address: Some(address),
        })
    }
}

impl Failure {
    /// The failure as a person is told of it, in up to four lines: the call,
    /// its address and the reason with the system's own number; the line of
    /// `source` in which it stands; `why:`; and `try:`.
    ///
    /// `given` is the address, or the name, that the example was given. It
    /// counts where the failed call names it: see `Quote::call`.
    /// In Chinese, all of it but the line of `source`.
    pub fn explain(&self, source: &str, given: &str, lang: Lang) -> String {
        let quote = self.quote(source);
        let (call, is_given) = match &quote {
            Some(quote) => quote.call(),
            None if self.is_lookup() => ("to_socket_addrs", true),
            None => (A_CALL, false),
        };
        let (name, is_name) = (given, given.parse::<SocketAddr>().is_err());
        let given = is_given.then_some(given);
        let address = self.address.or(given.and_then(|at| at.parse().ok()));
        let place = address.map(|address| address.to_string());
        let place = place.or(given.map(str::to_owned));
        let mut text = match &self.cause {
            Cause::Words(words) => lang.text(words),
            Cause::Call(error) => {
                let mut text = lang.text(call);
                if let Some(place) = place {
                    text += &format!(" {place}");
                }
                // In a program that ends with it, a time that was up; or a
                // thread that could not be started.
                let words = match error.kind() {
                    ErrorKind::WouldBlock if call == "spawn" => {
                        "no thread can be started".to_owned()
                    }
                    ErrorKind::WouldBlock if call != "accept" => {
                        "no answer in time".to_owned()
                    }
                    _ => in_words(error),
                };
                text += &format!(": {}", lang.text(&words));
                if let Some(code) = error.raw_os_error() {
                    text += &format!(" (os error {code})");
                }
                text
            }
        };
        if let Some(quote) = &quote {
            let line =
                lang.say("line {line}", &[("line", &self.place.line())]);
            text += &format!("\n  {line}: {}", quote.statement);
        }
        if let Cause::Call(error) = &self.cause {
            if let Some((why, cure)) = advice(error, call, address) {
                let mut cure = lang.text(cure);
                if let Some(address) = address {
                    if is_name && call.starts_with("connect") {
                        cure = lang
                            .say(
                                "{name} is {address} here (if it has several \
                                 addresses, the lines above show them): is \
                                 the server at one of these?",
                                &[("name", &name), ("address", &address)],
                            )
                            .to_string();
                    }
                }
                for (word, words) in
                    [("why", lang.text(why)), ("try", cure)]
                {
                    let word = lang.text(word);
                    text += &format!("\n  {word}: {words}");
                }
            }
        }
        text
    }

    /// Whether a name was looked up before the example began.
    fn is_lookup(&self) -> bool {
        Path::new(self.place.file()).ends_with("arguments.rs")
    }

    /// The line in which it stands. An `into` instead of a `?` has its place
    /// in std, and not in `source`: there the path of the file is whole.
    fn quote(&self, source: &str) -> Option<Quote> {
        if self.is_lookup() || Path::new(self.place.file()).has_root() {
            return None;
        }
        Quote::find(source, self.place.line(), self.place.column())
    }
}

impl Refusal for Failure {
    fn in_words(&self) -> String {
        match &self.cause {
            Cause::Call(error) => in_words(error),
            Cause::Words(words) => (*words).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::answer;

    const HERE: &str = "127.0.0.1:8090";

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    /// A call that fails, for the lessons below.
    fn bind(_at: SocketAddr) -> io::Result<()> {
        Err(ErrorKind::AddrInUse.into())
    }

    fn explain(result: Result<(), Failure>) -> String {
        let failure = result.expect_err("it fails");
        failure.explain(include_str!("failure.rs"), HERE, Lang::En)
    }

    /// The reason, the line, why and what to try; the address that was given
    /// where the line names it, or the one that `at` names, or none.
    #[test]
    fn a_failure_names_the_call_the_address_and_its_line() {
        fn given(address: SocketAddr) -> Result<(), Failure> {
            bind(address)?;
            Ok(())
        }
        fn other(there: SocketAddr) -> Result<(), Failure> {
            bind(there).at(there)?;
            Ok(())
        }
        fn unknown(there: SocketAddr) -> Result<(), Failure> {
            bind(there)?;
            Ok(())
        }
        for (message, begin, line) in [
            (
                explain(given(address(HERE))),
                "bind 127.0.0.1:8090: ",
                ": bind(address)?;",
            ),
            (
                explain(other(address("[::1]:9"))),
                "bind [::1]:9: ",
                ": bind(there).at(there)?;",
            ),
            (
                explain(unknown(address("[::1]:9"))),
                "bind: ",
                ": bind(there)?;",
            ),
        ] {
            let lines: Vec<&str> = message.lines().collect();
            let [first, second, why, cure] = lines[..] else {
                unreachable!("four lines: {message}");
            };
            let words = format!("{begin}the address is already in use");
            assert_eq!(first, words);
            assert!(second.starts_with("  line "), "{message}");
            assert!(second.ends_with(line), "{message}");
            assert!(why.starts_with("  why: a program"), "{message}");
            assert!(cure.starts_with("  try: end that"), "{message}");
        }
    }

    #[test]
    fn words_are_a_failure_too() {
        fn lesson() -> Result<(), Failure> {
            None.ok_or("not IP").map_err(|words: &str| {
                if words.is_empty() { "" } else { words }
            })?;
            Ok(())
        }
        let message = explain(lesson());
        assert!(message.starts_with("not IP"), "{message}");
        assert_eq!(answer(&lesson()), "not IP");
    }

    #[test]
    fn a_line_without_a_call_is_quoted_all_the_same() {
        fn lesson() -> Result<(), Failure> {
            let result: io::Result<()> = Err(io::Error::other("so it is"));
            result?;
            Ok(())
        }
        let message = explain(lesson());
        assert!(
            message.starts_with("a call: so it is\n  line "),
            "{message}"
        );
        assert!(message.ends_with(": result?;"), "{message}");
    }

    #[test]
    fn a_line_of_std_is_not_quoted() {
        fn lesson() -> Result<(), Failure> {
            let result: Result<(), io::Error> = bind(address(HERE));
            result.map_err(Into::into)
        }
        let message = explain(lesson());
        assert!(!message.contains("  line "), "{message}");
    }

    /// Without its line, too; and with the system's own number, to search for.
    #[test]
    fn the_reason_is_in_words() {
        let number = if cfg!(windows) { 10048 } else { 1 };
        for (error, words) in [
            // In a program that ends with it, this was no answer in time.
            (ErrorKind::WouldBlock.into(), "a call: no answer in time\n"),
            (
                ErrorKind::ConnectionRefused.into(),
                "a call: connection refused\n",
            ),
            (
                io::Error::from_raw_os_error(number),
                &format!(" (os error {number})\n"),
            ),
        ] {
            let failure = Failure::from(error);
            let message = failure.explain("", HERE, Lang::En);
            assert!(message.contains(words), "{message}");
            assert!(!message.contains("Os {"), "{message}");
        }
    }
}
