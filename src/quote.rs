//! The line of an example in which a call failed, and which call that is.

use crate::words::A_CALL;

/// A statement of an example, and a place in it.
pub struct Quote {
    /// The statement, in one line.
    pub statement: String,
    /// Where the expression before a `?` begins, or the word `at` of `.at()`.
    place: usize,
}

impl Quote {
    /// Quotes from `source`. `line` and `column` count from 1, as in a
    /// [`std::panic::Location`].
    pub fn find(source: &str, line: u32, column: u32) -> Option<Self> {
        let mut statement = String::new();
        let mut place = None;
        let mut is_new = true;
        for (number, text) in (1..).zip(source.lines()) {
            let part = text.trim();
            if place.is_none() && is_new {
                statement.clear();
            }
            let is_joined =
                part.starts_with('.') || statement.ends_with('(');
            if !statement.is_empty() && !is_joined {
                statement.push(' ');
            }
            statement += part;
            if number == line {
                let mut rest = text.trim_end().chars();
                for _ in 0..column.checked_sub(1)? {
                    rest.next()?;
                }
                place = Some(statement.len() - rest.as_str().len());
            }
            let last = part.as_bytes().last();
            if let Some(place) = place {
                // An arm of a `match` ends in `?,`.
                let is_end = matches!(last, Some(b';' | b'{'));
                if is_end || part.ends_with("?,") {
                    return Some(Self { statement, place });
                }
            }
            let is_comment =
                part.starts_with("//") || part.starts_with("#[");
            let is_end =
                matches!(last, None | Some(b';' | b'{' | b'}' | b','));
            is_new = is_comment || is_end;
        }
        place.map(|place| Self { statement, place })
    }

    /// The call that failed: the first word before a `(`, and whether it is
    /// about what the example was given: `address` or `name` stands between
    /// its brackets, or it is a call on `name`. `Socket::new` is `socket`.
    pub fn call(&self) -> (&str, bool) {
        let mut code = &self.statement[self.place..];
        // The call of `.at()` stands in front of it.
        if code.starts_with("at(") {
            let value = self.statement.split_once('=');
            code = value.map_or(&self.statement, |(_, value)| value);
        }
        code = code.split_once('?').map_or(code, |(code, _)| code);
        while let Some((before, inside)) = code.split_once('(') {
            let start = before.trim_end_matches(is_part_of_a_name).len();
            let call = match &before[start..] {
                "new" if before.ends_with("Socket::new") => "socket",
                // These do not fail: they make what the call is made on, or
                // hold what came of it.
                "" | "new" | "from" | "Ok" | "Err" => {
                    code = inside;
                    continue;
                }
                name => name,
            };
            if before[..start].ends_with("name.") {
                return (call, true);
            }
            for word in inside.split(|c| !is_part_of_a_name(c)) {
                if word == "address" || word == "name" {
                    return (call, true);
                }
            }
            return (call, false);
        }
        (A_CALL, false)
    }
}

fn is_part_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
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
    thread::Builder::new().spawn(move || serve(listener))?;
    let linger = SockRef::from(&client).linger()?;
    say(\"server\", \"accept\", client.peer_addr()?);
    match typed {
        Ok(text) => exchange(text).at(there)?,
        result => result?,
    }
    g(address)?;
    for address in name.to_socket_addrs()? {
    in_turn(name, lang)?;";

    #[test]
    fn a_line_tells_its_call() {
        for (line, words, expected) in [
            (3, "Socket::new", ("socket", false)),
            (4, "socket.bind", ("bind", true)),
            (5, "socket.local", ("local_addr", false)),
            (6, "Socket::new", ("socket", false)),
            (13, "at(there)", ("connect_timeout", false)),
            (14, "client.send", ("send", false)),
            (15, "socket.is", ("is_listener", false)),
            (16, "receive", ("receive", false)),
            (18, "thread::", ("spawn", false)),
            (19, "SockRef", ("linger", false)),
            (20, "client.peer", ("peer_addr", false)),
            (22, "at(there)", ("exchange", false)),
            (23, "result?", (A_CALL, false)),
            (25, "g(", ("g", true)),
            (26, "name.to", ("to_socket_addrs", true)),
            (27, "in_turn", ("in_turn", true)),
        ] {
            let text =
                SOURCE.lines().nth(line as usize - 1).expect("a line");
            let (before, _) = text.split_once(words).expect("the words");
            let column = u32::try_from(before.chars().count() + 1);
            let quote = Quote::find(SOURCE, line, column.expect("small"));
            let quote = quote.expect("a line");
            assert_eq!(quote.call(), expected, "line {line}");
            let statement = match line {
                6 => {
                    "let client = Socket::new(Domain::IPV4, Type::STREAM, \
                     None, )?;"
                }
                13 => {
                    "client.connect_timeout(&there.into(), LIMIT).at(there)?;"
                }
                _ => text.trim(),
            };
            assert_eq!(quote.statement, statement, "line {line}");
        }
    }

    #[test]
    fn no_line_is_quoted_that_is_not_there() {
        for (line, column) in [(0, 1), (1, 0), (1, 99), (99, 1)] {
            let quote = Quote::find(SOURCE, line, column);
            assert!(quote.is_none(), "{line}, {column}");
        }
    }
}
