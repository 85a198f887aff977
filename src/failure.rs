//! A call that failed: which one, at which address, why in plain words, and
//! what to try.
//!
//! An example writes a plain `?`. The error remembers in which line of the
//! example that was, and [`crate::run`] has the example's text: so the error
//! can quote the line, and read from it which call failed.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::panic::Location;

use crate::chat::Lang;

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
    /// `address` is the one that the example was given. It counts where the
    /// failed call names it: where `address` stands between its brackets.
    /// In Chinese, all of it but the line of `source`.
    pub fn explain(
        &self,
        source: &str,
        address: SocketAddr,
        lang: Lang,
    ) -> String {
        let line = self.place.line();
        // (An `into` instead of a `?` has its place in std, not in `source`.)
        let in_std = self.place.file().replace('\\', "/");
        let in_std = in_std.contains("/library/");
        let found = match in_std {
            true => None,
            false => Code::find(source, line, self.place.column()),
        };
        let quote = found.as_ref().map(|found| &found.statement);
        let number =
            lang.pick(format!("line {line}"), format!("第 {line} 行"));
        let quote = quote.map(|text| format!("\n  {number}: {text}"));
        let quote = quote.unwrap_or_default();
        let error = match &self.cause {
            Cause::Call(error) => error,
            Cause::Words(words) => {
                return format!("{}{quote}", lang.say(words));
            }
        };

        let call = found.as_ref().map_or("a call", |found| &found.call);
        let given = found.as_ref().is_some_and(|found| found.has_address);
        let address = self.address.or(given.then_some(address));
        let at = address.map(|address| format!(" {address}"));
        let number = error.raw_os_error();
        let number = number.map(|code| format!(" (os error {code})"));
        // (In a program that ends with it, a time that was up.)
        let words = match error.kind() {
            ErrorKind::WouldBlock => "no answer in time".to_owned(),
            _ => in_words(error),
        };
        let advice = advice(error, call, address);
        let advice = advice.map(|(why, cure)| {
            let (why, cure) = (lang.say(why), lang.say(cure));
            lang.pick(
                format!("\n  why: {why}\n  try: {cure}"),
                format!("\n  原因: {why}\n  试试: {cure}"),
            )
        });
        format!(
            "{}{}: {}{}{quote}{}",
            lang.say(call),
            at.unwrap_or_default(),
            lang.say(&words),
            number.unwrap_or_default(),
            advice.unwrap_or_default(),
        )
    }
}

/// A call in the text of an example.
#[derive(Debug, PartialEq)]
struct Code {
    /// The name of the call: `bind`, `connect` ... `Socket::new` is `socket`.
    call: String,
    /// Whether `address` stands between its brackets.
    has_address: bool,
    /// The whole statement, in one line.
    statement: String,
}

impl Code {
    /// The call that `?` or `.at()` follows. `line` and `column` count from 1
    /// and are those of a [`Location`]: where the expression before the `?`
    /// begins, or where the word `at` does.
    fn find(source: &str, line: u32, column: u32) -> Option<Self> {
        let lines: Vec<&str> = source.lines().collect();
        let line = usize::try_from(line).ok()?.checked_sub(1)?;
        let column = usize::try_from(column).ok()?.checked_sub(1)?;
        let place: String = lines.get(line)?.chars().skip(column).collect();

        // The statement: up to a line that ends one, in both directions.
        let ends = |line: &str| {
            let line = line.trim();
            line.is_empty()
                || line.starts_with("//")
                || line.starts_with("#[")
                || line.ends_with([';', '{', '}', ','])
        };
        let mut first = line;
        while first > 0 && !ends(lines[first - 1]) {
            first -= 1;
        }
        let mut last = line;
        // (An arm of a `match` ends in `?,`.)
        let is_last =
            |line: &str| line.ends_with([';', '{']) || line.ends_with("?,");
        while last + 1 < lines.len() && !is_last(lines[last]) {
            last += 1;
        }

        // The expression: from its beginning to the `?` or the `.at`.
        let mut text = String::new();
        if place.starts_with("at(") {
            text += &lines[first..line].join("\n");
            text.extend(lines[line].chars().take(column));
            text.truncate(text.trim_end().strip_suffix('.')?.len());
        } else {
            text = place;
            for more in &lines[line + 1..=last.max(line)] {
                text.push('\n');
                text += more;
            }
            text.truncate(end_of_expression(&text)?);
        }
        let (call, arguments) =
            last_call(&text).unwrap_or_else(|| ("a call".to_owned(), ""));
        let mut words =
            arguments.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        let statement: Vec<&str> =
            lines[first..=last].iter().map(|line| line.trim()).collect();
        let statement = statement.join(" ");
        Some(Self {
            call,
            has_address: words.any(|word| word == "address"),
            statement: statement.replace(" .", ".").replace("( ", "("),
        })
    }
}

/// Where the first `?` is that stands in no brackets, in bytes.
fn end_of_expression(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut in_text = false;
    for (place, c) in text.char_indices() {
        match c {
            '"' => in_text = !in_text,
            _ if in_text => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.checked_sub(1)?,
            '?' if depth == 0 => return Some(place),
            _ => {}
        }
    }
    None
}

/// The call with which an expression ends: its name, and what stands in its
/// brackets.
fn last_call(expression: &str) -> Option<(String, &str)> {
    let body = expression.trim_end().strip_suffix(')')?;
    let mut open = Vec::new();
    let mut in_text = false;
    for (place, c) in body.char_indices() {
        match c {
            '"' => in_text = !in_text,
            _ if in_text => {}
            '(' => open.push(place),
            ')' => drop(open.pop()),
            _ => {}
        }
    }
    let open = open.pop()?;
    let before = &body[..open];
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let start = before.trim_end_matches(is_part).len();
    let name = match &before[start..] {
        "" => return None,
        "new" if before.ends_with("Socket::new") => "socket",
        // `Err(error)?` passes on what another line has found.
        "Err" => "a call",
        name => name,
    };
    Some((name.to_owned(), &body[open + 1..]))
}

/// An IPv6 address that needs a scope, and has none.
fn is_link_local(address: Option<SocketAddr>) -> bool {
    let Some(SocketAddr::V6(v6)) = address else { return false };
    v6.ip().is_unicast_link_local() && v6.scope_id() == 0
}

/// Why this happens, and what to do about it.
fn advice(
    error: &io::Error,
    call: &str,
    address: Option<SocketAddr>,
) -> Option<(&'static str, &'static str)> {
    let low_port = address.is_some_and(|a| a.port() < 1024);
    Some(match error.kind() {
        ErrorKind::AddrInUse => (
            "a program on this machine has that port, or (TCP only) had it \
             less than a minute ago",
            "end that program, wait a minute, or take another port",
        ),
        ErrorKind::AddrNotAvailable if call == "bind" => (
            "bind takes only addresses that this machine has",
            "127.0.0.1 (this machine only) or 0.0.0.0 (all of its \
             addresses)",
        ),
        ErrorKind::PermissionDenied if call == "bind" && low_port => (
            "this system keeps the ports below 1024 for privileged \
             programs",
            "a port from 1024 on, such as 8090",
        ),
        ErrorKind::PermissionDenied => (
            "the system, or a firewall on it, does not allow this; or the \
             address is that of many machines (broadcast)",
            "an address of one machine, such as 127.0.0.1:8090",
        ),
        ErrorKind::InvalidInput if is_link_local(address) => (
            "an address that begins with fe80 is known on one network only, \
             and does not say on which",
            "the number of the network card behind it: [fe80::1%2]:8090",
        ),
        ErrorKind::AddrNotAvailable => (
            "this machine has no address or port of its own from which to \
             reach that one",
            "127.0.0.1, and a port other than 0",
        ),
        ErrorKind::ConnectionRefused => (
            "the machine answered, but no program listens at that port",
            "start the other end first, and compare the port numbers",
        ),
        ErrorKind::BrokenPipe => (
            "this socket has no peer: the other end has left, or it is a \
             listener, which never has one",
            "look at the other end; a server sends on the socket that accept \
             returned",
        ),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => (
            "the connection was ended at once: most often the other end left \
             while bytes were on their way to it",
            "look at the other end: did it stop, or crash?",
        ),
        ErrorKind::UnexpectedEof => (
            "the other end closed the connection before it had sent all of \
             its message",
            "look at the other end: did it stop, or crash?",
        ),
        ErrorKind::InvalidData => (
            "what came is not the answer to what was sent: another program \
             listens there, or it received a line in two pieces",
            "look whether the right program listens at that address",
        ),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => (
            "no answer came in time: nobody is at that address, a firewall \
             drops what is sent there, or the other end is busy",
            "the address 127.0.0.1 and a program that listens there, and \
             has time for you",
        ),
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => (
            "this machine knows no way to that address",
            "127.0.0.1, or an address on a network that it is on",
        ),
        ErrorKind::Interrupted => (
            "a signal reached the program while the call waited",
            "the same call again: nothing is lost",
        ),
        _ if has_number(error, 105, 55) => (
            "the kernel has no room left for it just now",
            "close sockets that are done with, or send more slowly",
        ),
        _ if has_number(error, 24, 24) => (
            "a program may have only so many descriptors at a time",
            "close what is done with, or raise the limit (ulimit -n)",
        ),
        _ if has_number(error, 23, 23) => (
            "all programs together have as many descriptors as this system \
             allows",
            "end programs that have many files or sockets open",
        ),
        _ if is_unknown_family(error) => (
            "IPv6 is switched off on this machine",
            "an IPv4 address, such as 127.0.0.1:8090",
        ),
        _ => return None,
    })
}

/// What the kernel answered: `granted`, or its refusal [`in_words`].
pub fn answer<T, E: Refusal>(result: &Result<T, E>) -> String {
    match result {
        Ok(_) => "granted".to_owned(),
        Err(refusal) => refusal.in_words(),
    }
}

/// What [`answer`] can put into words.
pub trait Refusal {
    /// Why a call failed, as [`in_words`] says it.
    fn in_words(&self) -> String;
}

impl Refusal for io::Error {
    fn in_words(&self) -> String {
        in_words(self)
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

/// What went wrong, in a few plain words that are the same on every system.
///
/// The system's own texts differ: "Address already in use" here is "Only one
/// usage of each socket address ..." there. Kinds are std's `ErrorKind`; the
/// numbers, for errors to which std gives no kind, are from Linux'
/// `asm-generic/errno.h`, Apple's `sys/errno.h` and Microsoft's list of
/// Windows Sockets error codes.
pub fn in_words(error: &io::Error) -> String {
    // Words that somebody has put into it.
    if let Some(inside) = error.get_ref() {
        return inside.to_string();
    }
    let is = |linux, bsd| has_number(error, linux, bsd);
    let words = match error.kind() {
        ErrorKind::AddrInUse => "the address is already in use",
        ErrorKind::AddrNotAvailable => "the address is not available",
        ErrorKind::ConnectionReset => "connection reset by the peer",
        ErrorKind::BrokenPipe => "the connection is closed (broken pipe)",
        ErrorKind::WouldBlock => "nothing yet (it would block)",
        ErrorKind::Unsupported => NOT_SUPPORTED,
        ErrorKind::Interrupted => "interrupted",
        ErrorKind::UnexpectedEof => "the peer left too early",
        ErrorKind::InvalidData => "the peer speaks another protocol",
        ErrorKind::InvalidInput => "invalid argument",
        _ if is_unknown_family(error) => "address family not supported",
        kind => match error.raw_os_error() {
            // EOPNOTSUPP: newer Rusts have a kind for it on some systems.
            Some(95) if cfg!(target_os = "linux") => NOT_SUPPORTED,
            Some(102) if cfg!(target_vendor = "apple") => NOT_SUPPORTED,
            Some(10045) if cfg!(windows) => NOT_SUPPORTED,
            _ if is(23, 23) => "too many open files on this system",
            _ if is(24, 24) => "too many open files or sockets",
            _ if is(91, 41) => "the protocol is of another type",
            _ if is(93, 43) => "protocol not supported",
            _ if is(115, 36) => "operation in progress",
            _ if is(106, 56) => "already connected",
            _ if is(89, 39) => "destination address required",
            _ if is(114, 37) => "operation in progress",
            _ if is(90, 40) => "message too long",
            _ if is(105, 55) => "no buffer space",
            // Std's own words will do: "connection refused", "timed out".
            _ => return kind.to_string(),
        },
    };
    words.to_owned()
}

const NOT_SUPPORTED: &str = "operation not supported";

/// `EAFNOSUPPORT`: the kernel has no such address family.
fn is_unknown_family(error: &io::Error) -> bool {
    has_number(error, 97, 47)
}

/// Whether this is the error with that number on Linux; or with that one on
/// macOS, which has BSD's. Windows Sockets took those over, and added 10,000.
fn has_number(error: &io::Error, linux: i32, bsd: i32) -> bool {
    let number = if cfg!(windows) {
        10_000 + bsd
    } else if cfg!(target_os = "linux") {
        linux
    } else {
        bsd
    };
    error.raw_os_error() == Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An example in small. Its lines are counted from 1.
    const SOURCE: &str = "\
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 and 2: create (again?), bind.
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&address.into())?;
    let here = socket.local_addr()?.as_socket().ok_or(\"no\")?;
    let client = Socket::new(
        Domain::IPV4,
        Type::STREAM,
        None,
    )?;
    client
        .connect_timeout(&there.into(), LIMIT)
        .at(there)?;
    client.send(b\"(what?)\")?;
    if socket.is_listener()? {
        let 你 = \"你\"; receive(&client, 你)?;
    }
}
";

    fn found(line: u32, words: &str) -> (String, bool, String) {
        let text = SOURCE.lines().nth(line as usize - 1).expect("a line");
        let before = text.split(words).next().expect("the words");
        let column = u32::try_from(before.chars().count() + 1);
        let code = Code::find(SOURCE, line, column.expect("small"));
        let code = code.expect("a call");
        (code.call, code.has_address, code.statement)
    }

    #[test]
    fn a_line_tells_its_call() {
        for (line, words, call, has_address, statement) in [
            (3, "Socket::new", "socket", false, ""),
            (4, "socket.bind", "bind", true, ""),
            (5, "socket.local", "local_addr", false, ""),
            (
                6,
                "Socket::new",
                "socket",
                false,
                "let client = Socket::new(Domain::IPV4, Type::STREAM, \
                 None, )?;",
            ),
            (
                13,
                "at(there)",
                "connect_timeout",
                false,
                "client.connect_timeout(&there.into(), LIMIT).at(there)?;",
            ),
            (
                14,
                "client.send",
                "send",
                false,
                "client.send(b\"(what?)\")?;",
            ),
            (15, "socket.is", "is_listener", false, ""),
            (16, "receive", "receive", false, ""),
        ] {
            let told = found(line, words);
            let text = SOURCE.lines().nth(line as usize - 1);
            let expected = if statement.is_empty() {
                text.expect("a line").trim()
            } else {
                statement
            };
            let expected = (call.into(), has_address, expected.into());
            assert_eq!(told, expected, "line {line}");
        }
    }

    const HERE: &str = "127.0.0.1:8090";

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    /// A call that fails, for the lessons below.
    fn bind(_at: SocketAddr) -> io::Result<()> {
        Err(ErrorKind::AddrInUse.into())
    }

    fn explained(result: Result<(), Failure>) -> String {
        let failure = result.expect_err("it fails");
        failure.explain(include_str!("failure.rs"), address(HERE), Lang::En)
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
        for (told, begin, line) in [
            (
                explained(given(address(HERE))),
                "bind 127.0.0.1:8090: ",
                ": bind(address)?;",
            ),
            (
                explained(other(address("[::1]:9"))),
                "bind [::1]:9: ",
                ": bind(there).at(there)?;",
            ),
            (
                explained(unknown(address("[::1]:9"))),
                "bind: ",
                ": bind(there)?;",
            ),
        ] {
            let lines: Vec<&str> = told.lines().collect();
            let [first, second, why, cure] = lines[..] else {
                unreachable!("four lines: {told}");
            };
            let words = format!("{begin}the address is already in use");
            assert_eq!(first, words);
            assert!(second.starts_with("  line "), "{told}");
            assert!(second.ends_with(line), "{told}");
            assert!(why.starts_with("  why: a program"), "{told}");
            assert!(cure.starts_with("  try: end that"), "{told}");
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
        let told = explained(lesson());
        assert!(told.starts_with("not IP"), "{told}");
        assert_eq!(answer(&lesson()), "not IP");
    }

    #[test]
    fn a_line_without_a_call_is_quoted_all_the_same() {
        fn lesson() -> Result<(), Failure> {
            let result: io::Result<()> = Err(io::Error::other("so it is"));
            result?;
            Ok(())
        }
        let told = explained(lesson());
        assert!(told.starts_with("a call: so it is\n  line "), "{told}");
        assert!(told.ends_with(": result?;"), "{told}");
    }

    #[test]
    fn a_time_that_was_up_is_not_said_to_block() {
        let error = io::Error::from(ErrorKind::WouldBlock);
        let told =
            Failure::from(error).explain("", address(HERE), Lang::En);
        assert!(told.starts_with("a call: no answer in time\n"), "{told}");
    }

    #[test]
    fn a_line_of_std_is_not_quoted() {
        fn lesson() -> Result<(), Failure> {
            let result: Result<(), io::Error> = bind(address(HERE));
            result.map_err(Into::into)
        }
        let told = explained(lesson());
        assert!(!told.contains("  line "), "{told}");
    }

    #[test]
    fn without_the_line_the_reason_is_still_told() {
        let error = io::Error::from(ErrorKind::ConnectionRefused);
        let told =
            Failure::from(error).explain("", address(HERE), Lang::En);
        assert!(told.starts_with("a call: connection refused\n"), "{told}");
    }

    #[test]
    fn the_systems_own_number_is_there_to_search_for() {
        let number = if cfg!(windows) { 10048 } else { 1 };
        let error = io::Error::from_raw_os_error(number);
        let told =
            Failure::from(error).explain("", address(HERE), Lang::En);
        assert!(told.contains(&format!("(os error {number})")), "{told}");
        assert!(!told.contains("Os {"), "{told}");
    }

    #[test]
    fn granted_or_the_refusal() {
        assert_eq!(answer::<_, io::Error>(&Ok(5)), "granted");
        let refused = bind(address(HERE));
        assert_eq!(answer(&refused), "the address is already in use");
        let refused = refused.map_err(Failure::from);
        assert_eq!(answer(&refused), "the address is already in use");
    }

    /// The numbers of this system.
    fn number(linux: i32, bsd: i32) -> io::Error {
        io::Error::from_raw_os_error(if cfg!(windows) {
            10_000 + bsd
        } else if cfg!(target_os = "linux") {
            linux
        } else {
            bsd
        })
    }

    /// Each advice, and each condition that it hangs on: the last words of
    /// the cure.
    #[test]
    fn each_failure_gets_its_own_advice() {
        use ErrorKind::*;
        let kind = |kind: ErrorKind| io::Error::from(kind);
        for (error, call, at, words) in [
            (kind(AddrInUse), "bind", HERE, "take another port"),
            (
                kind(AddrNotAvailable),
                "bind",
                HERE,
                "(all of its addresses)",
            ),
            (kind(AddrNotAvailable), "connect", HERE, "other than 0"),
            (kind(PermissionDenied), "bind", "1.1.1.1:1023", "as 8090"),
            (
                kind(PermissionDenied),
                "bind",
                "1.1.1.1:1024",
                "127.0.0.1:8090",
            ),
            (
                kind(PermissionDenied),
                "connect",
                "1.1.1.1:80",
                "127.0.0.1:8090",
            ),
            (kind(InvalidInput), "bind", "[fe80::1]:1", "[fe80::1%2]:8090"),
            (kind(ConnectionRefused), "connect", HERE, "port numbers"),
            (kind(ConnectionReset), "read", HERE, "or crash?"),
            (kind(ConnectionAborted), "read", HERE, "or crash?"),
            (kind(BrokenPipe), "send", HERE, "accept returned"),
            (kind(UnexpectedEof), "receive", HERE, "or crash?"),
            (kind(InvalidData), "receive", HERE, "at that address"),
            (kind(TimedOut), "connect", HERE, "time for you"),
            (kind(WouldBlock), "recv", HERE, "time for you"),
            (kind(NetworkUnreachable), "connect", HERE, "it is on"),
            (kind(HostUnreachable), "connect", HERE, "it is on"),
            (kind(Interrupted), "read", HERE, "nothing is lost"),
            (number(105, 55), "send_to", HERE, "more slowly"),
            (number(24, 24), "socket", HERE, "(ulimit -n)"),
            (number(23, 23), "socket", HERE, "sockets open"),
            (number(97, 47), "socket", "[::1]:1", "127.0.0.1:8090"),
        ] {
            let told = advice(&error, call, Some(address(at)));
            let (why, cure) = told.expect("an advice");
            assert!(cure.ends_with(words), "{error:?}, {call}: {cure}");
            for text in [why, cure] {
                assert!(!Lang::Zh.say(text).is_ascii(), "{text}");
            }
        }
        let low = advice(&kind(PermissionDenied), "bind", None);
        let (why, _) = low.expect("an advice");
        assert!(why.contains("firewall"), "without a port: {why}");
        let (why, _) = advice(&kind(UnexpectedEof), "receive", None)
            .expect("an advice");
        assert!(why.contains("all of its message"), "{why}");
        assert!(advice(&kind(OutOfMemory), "socket", None).is_none());
        for at in ["[fe80::1%2]:1", "[::1]:1", "127.0.0.1:1"] {
            let told =
                advice(&kind(InvalidInput), "bind", Some(address(at)));
            assert!(told.is_none(), "{at}");
        }
        assert!(advice(&number(90, 40), "send_to", None).is_none());
    }

    #[test]
    fn each_error_has_words_of_its_own() {
        use ErrorKind::*;
        let kind = |kind: ErrorKind| io::Error::from(kind);
        let is_linux = cfg!(target_os = "linux");
        let not_supported = if is_linux {
            io::Error::from_raw_os_error(95)
        } else if cfg!(windows) {
            io::Error::from_raw_os_error(10045)
        } else {
            io::Error::from_raw_os_error(102)
        };
        for (error, words) in [
            (kind(AddrInUse), "the address is already in use"),
            (kind(AddrNotAvailable), "the address is not available"),
            (kind(PermissionDenied), "permission denied"),
            (kind(ConnectionRefused), "connection refused"),
            (kind(ConnectionReset), "connection reset by the peer"),
            (kind(ConnectionAborted), "connection aborted"),
            (kind(BrokenPipe), "the connection is closed (broken pipe)"),
            (kind(NotConnected), "not connected"),
            (kind(WouldBlock), "nothing yet (it would block)"),
            (kind(TimedOut), "timed out"),
            (kind(NetworkUnreachable), "network unreachable"),
            (kind(HostUnreachable), "host unreachable"),
            (kind(Unsupported), "operation not supported"),
            (kind(Interrupted), "interrupted"),
            (kind(UnexpectedEof), "the peer left too early"),
            (kind(InvalidData), "the peer speaks another protocol"),
            (kind(InvalidInput), "invalid argument"),
            (not_supported, "operation not supported"),
            (number(97, 47), "address family not supported"),
            (number(23, 23), "too many open files on this system"),
            (number(24, 24), "too many open files or sockets"),
            (number(91, 41), "the protocol is of another type"),
            (number(93, 43), "protocol not supported"),
            (number(106, 56), "already connected"),
            (number(89, 39), "destination address required"),
            (number(114, 37), "operation in progress"),
            (number(90, 40), "message too long"),
            (number(105, 55), "no buffer space"),
            (kind(OutOfMemory), "out of memory"),
        ] {
            assert_eq!(in_words(&error), words, "{error:?}");
            assert!(!Lang::Zh.say(words).is_ascii(), "{words}");
        }
        // (Windows says this of a non-blocking call in another way.)
        if !cfg!(windows) {
            let error = number(115, 36);
            assert_eq!(in_words(&error), "operation in progress");
        }
    }

    #[test]
    fn brackets_and_texts_do_not_end_an_expression() {
        for (text, place) in [
            ("f()? + g()?", Some(3)),
            ("f(g()?)?", Some(7)),
            ("f([g()?])?", Some(9)),
            ("f(\"(?\")?", Some(7)),
            ("f(\")\", \"?\")?", Some(11)),
            ("f(g()?)", None),
            ("f)?", None),
        ] {
            assert_eq!(end_of_expression(text), place, "{text}");
        }
    }

    #[test]
    fn the_last_call_is_told_with_what_stands_in_its_brackets() {
        for (expression, expected) in [
            ("a.b(c).d(e, f(g))", Some(("d", "e, f(g)"))),
            ("f(\"(\", a)", Some(("f", "\"(\", a"))),
            ("f(\")\", a)", Some(("f", "\")\", a"))),
            ("Socket::new(a)", Some(("socket", "a"))),
            ("Vec::new()", Some(("new", ""))),
            ("Err(error)", Some(("a call", "error"))),
            ("(a)", None),
            ("a", None),
        ] {
            let found = last_call(expression);
            let expected =
                expected.map(|(name, inside)| (name.to_owned(), inside));
            assert_eq!(found, expected, "{expression}");
        }
    }

    #[test]
    fn an_arm_of_a_match_is_quoted_alone() {
        let source =
            "match x {\n    Ok(y) => f(y).at(z)?,\n    _ => g(),\n}";
        let code = Code::find(source, 2, 19).expect("a call");
        assert_eq!(code.call, "f");
        assert_eq!(code.statement, "Ok(y) => f(y).at(z)?,");
    }

    #[test]
    fn the_last_line_of_a_file_can_fail_too() {
        let code = Code::find("fn f() {\n    g(address)?", 2, 5);
        let code = code.expect("a call");
        assert_eq!((code.call.as_str(), code.has_address), ("g", true));
        assert_eq!(code.statement, "g(address)?");
    }

    #[test]
    fn no_line_is_quoted_that_does_not_fit() {
        for (line, column) in [(0, 1), (1, 0), (1, 1), (99, 1)] {
            assert_eq!(Code::find(SOURCE, line, column), None, "{line}");
        }
    }
}
