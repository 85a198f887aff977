//! What the picture of a timeline shows, row by row.

use std::fmt::Write as _;

use crate::line::{Line, Socket, Timeline};
use crate::sides::{Side, Sides, descriptor};
use crate::svg;
use crate::words::Words;

/// A part of the timeline that no line has: what comes after the last one.
const THE_END: &str = "the end";

pub(crate) struct Row {
    pub what: What,
    /// Whose doing it is: `None`, if the kernel does it by itself.
    pub acting: Option<Side>,
    /// The number of its explanation.
    pub mark: Option<String>,
}

pub(crate) enum What {
    /// A line that a program printed.
    Title(String),
    /// A call, what else is to be said, and whether it returned at once.
    Call {
        side: Side,
        text: String,
        more: String,
        returned: bool,
    },
    /// Where it returned.
    Result {
        side: Side,
        text: String,
        result: String,
    },
    Packet {
        from: Side,
        to: Side,
        text: String,
        lost: bool,
    },
    State {
        side: Side,
        text: String,
    },
    Note(String),
}

impl Timeline<'_> {
    /// The picture, with `name` in its title; if `parts` are given, only of those lines of the
    /// program that have one of them in it, and of what led to them (`the end`: of what came after
    /// the last line). A part like `1: WORDS` is none: it sets the mark 1 beside the one line of
    /// the timeline that has these words.
    ///
    /// # Errors
    /// If no line, or more than one for a mark, has such words.
    pub fn svg(&self, name: &str, parts: &[String], words: &Words) -> Result<String, String> {
        let marked = |part: &String| {
            let (number, words) = part.split_once(": ")?;
            let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| (number.to_owned(), words.to_owned()))
        };
        let marks: Vec<(String, String)> = parts.iter().filter_map(marked).collect();
        let parts: Vec<&String> = parts.iter().filter(|part| marked(part).is_none()).collect();
        let sides = Sides::new(&self.lines);
        let mut rows = vec![];
        let mut missing = parts.clone();
        let mut marked = vec![0; marks.len()];
        for group in self.groups() {
            let title = match self.lines[group.end - 1].1 {
                Line::Title(title) => squeezed(title),
                _ => THE_END.to_owned(),
            };
            let is_end = title == THE_END;
            let has = |part: &String| if part == THE_END { is_end } else { title.contains(part) };
            missing.retain(|part| !has(part));
            if !parts.is_empty() && !parts.iter().any(|part| has(part)) {
                continue;
            }
            for index in group {
                let (text, line) = &self.lines[index];
                let Some(what) = row(&sides, index, line, words) else { continue };
                let text = squeezed(text);
                let mut mark = None;
                for (count, (number, words)) in marked.iter_mut().zip(&marks) {
                    if text.contains(words) {
                        *count += 1;
                        mark = Some(number.clone());
                    }
                }
                rows.push(Row { what, acting: sides.acting(index), mark });
            }
        }
        if let Some(part) = missing.first() {
            return Err(format!("{name}: no line has '{part}'"));
        }
        if let Some(at) = marked.iter().position(|count| *count != 1) {
            return Err(format!("{name}: {} rows have '{}'", marked[at], marks[at].1));
        }
        let id: Vec<&str> =
            [name].into_iter().chain(parts.into_iter().map(|part| &**part)).collect();
        Ok(svg::draw(name, &id.join("-"), &rows, sides.both, words))
    }

    /// Each line of the program, with what led to it; and what came after the last one.
    fn groups(&self) -> Vec<std::ops::Range<usize>> {
        let mut groups = vec![];
        let mut start = 0;
        for (index, (_, line)) in self.lines.iter().enumerate() {
            if matches!(line, Line::Title(_)) || index + 1 == self.lines.len() {
                groups.push(start..index + 1);
                start = index + 1;
            }
        }
        groups
    }
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn row(sides: &Sides<'_>, index: usize, line: &Line<'_>, words: &Words) -> Option<What> {
    let side = sides.acting(index).unwrap_or(Side::Right);
    Some(match line {
        Line::Title(title) => What::Title(short_title(title)),
        Line::Call { name, arguments, result, .. } => {
            if only_asks(name, arguments, *result) {
                return None;
            }
            let (text, more) = call(name, arguments, *result, words);
            What::Call { side, text, more, returned: result.is_some() }
        }
        Line::Result { name, .. } if only_asks(name, "", None) => return None,
        Line::Result { name, result, .. } => {
            What::Result { side, text: (*name).to_owned(), result: (*result).to_owned() }
        }
        Line::Packet { from, to, kind, again, fate, by, length, .. } => {
            let sides = (sides.of_port(from), sides.of_port(to));
            let mut text = match by {
                Some(by) => words.fill("ICMP: host unreachable, says {address}", &[by]),
                None => words.of(kind).to_owned(),
            };
            if *again {
                text = words.fill("{packet}, again", &[&text]);
            }
            text = match length {
                None => text,
                Some("1") => words.fill("{packet}, 1 byte", &[&text]),
                Some(number) => words.fill("{packet}, {number} bytes", &[&text, number]),
            };
            if let Some(fate) = fate {
                text = words.fill(&format!("{{packet}}, {fate}"), &[&text]);
            }
            // With more than two programs: to another one on the same side.
            if sides.0 == sides.1 {
                let _ = write!(text, " → {to}");
            }
            What::Packet { from: sides.0, to: sides.1, text, lost: *fate == Some("lost") }
        }
        Line::State { of, state, holder, .. } => {
            let now = words.of(state);
            let text = match (of.descriptor, sides.had(index)) {
                (Some(name), _) if *state == "LISTEN" => {
                    words.fill("{descriptor} LISTEN at {port}", &[name, of.port])
                }
                (Some(name), _) if *holder == "descriptor still open" => {
                    words.fill("{descriptor} still open: {state}", &[name, now])
                }
                (Some(name), _) if *holder != "descriptor closed" => format!("{name} {now}"),
                // One socket, one name.
                (Some(name), _) | (None, Some(name)) => {
                    words.fill("{descriptor} closed: {state}", &[name, now])
                }
                (None, None) => words.fill("{port}, no FD: {state}", &[of.port, now]),
            };
            What::State { side: sides.of_port(of.port), text }
        }
        Line::Queue { of: Socket { descriptor, port, .. }, name, length } => {
            let length = if *length == "not empty" { "filled" } else { length };
            let text = format!("{} {}", words.of(name), words.of(length));
            let text = match descriptor {
                Some(name) => format!("{name} {text}"),
                None => words.fill("{port}, no FD: {state}", &[port, &text]),
            };
            What::State { side: sides.of_port(port), text }
        }
        Line::Note { label, text } => What::Note(match label {
            Some(label) => {
                let plain = text.replacen(&format!("{label}: "), "", 1);
                format!("{label} {}", words.note(&plain))
            }
            None => words.note(text),
        }),
    })
}

/// What a call says in the picture, in short, and what came of it.
fn call(name: &str, arguments: &str, result: Option<&str>, words: &Words) -> (String, String) {
    let of = descriptor(arguments);
    let named = || format!("{name} {of}").trim_end().to_owned();
    let made = result.filter(|result| result.starts_with("FD"));
    let (text, more) = match name {
        "socket" => (name.to_owned(), None),
        "setsockopt" => {
            let set = arguments.splitn(3, ", ").last().unwrap_or_default();
            let set = set.rsplit_once(", ").map_or(set, |(most, _)| most);
            (words.fill("option {descriptor}", &[of]), Some(set.replace(", ", " ")))
        }
        "fcntl" | "ioctl" if made.is_none() => {
            let off =
                arguments.contains("[0]") || (name == "fcntl" && !arguments.contains("NONBLOCK"));
            let mode = if off { "blocking" } else { "non-blocking" };
            (words.fill("option {descriptor}", &[of]), Some(words.of(mode).to_owned()))
        }
        "shutdown" => (named(), arguments.rsplit(", ").next().map(str::to_owned)),
        "bind" => {
            let port = arguments.rsplit(':').next().filter(|port| *port != "0");
            (named(), port.map(str::to_owned))
        }
        _ => (named(), None),
    };
    let more = match (more, result) {
        // That a setting was granted goes without saying.
        (Some(more), None) => more,
        (Some(more), Some("0")) if name != "bind" => more,
        (Some(more), Some(result)) => format!("{more}: {result}"),
        (None, result) => result.unwrap_or_default().to_owned(),
    };
    (text, more)
}

/// Calls that change nothing are left out of the picture.
fn only_asks(name: &str, arguments: &str, result: Option<&str>) -> bool {
    let sets = arguments.contains("F_SETFL") || result.is_some_and(|made| made.starts_with("FD"));

    // What is no socket has no state: the player shows it, with what it gives.
    let other = |text: &str| ["EPOLL", "EVENT"].iter().any(|start| text.starts_with(start));

    ["getsockname", "getpeername", "getsockopt"].contains(&name)
        || name.contains("poll")
        || other(arguments)
        || result.is_some_and(other)
        || (name == "fcntl" && !sets)
}

/// The three columns of a transcript, without the space between them.
fn short_title(title: &str) -> String {
    let words = title.split("  ").map(str::trim).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{ENGLISH, NOTES};

    const CLIENT: &str = "  call    socket(AF_INET) = FD1
  call    connect(FD1) ...
  packet    PORT1 -> PORT2  SYN, again
  packet    PORT1 -> PORT2  PSH ACK  1 byte \"a\"
  packet    PORT1 -> PORT2  datagram  5 bytes \" byte\"
  packet    PORT2 -> PORT1  ICMP: port unreachable
  packet    PORT2 -> PORT1  ICMP: host unreachable, says 192.168.7.2
  packet    PORT1 -> PORT2  SYN, lost
  packet    PORT1 -> PORT2  SYN, late
  packet    PORT1 -> PORT2  datagram, twice  0 bytes
  result  connect = 0
  state   FD1, PORT1 to PORT2: unbound -> unconnected
  state   FD1, PORT1 to PORT2: unbound -> connected
  state   FD1, PORT1 to PORT2: connected -> unbound
  state   FD1, PORT1 to PORT2: LAST-ACK -> CLOSED, descriptor still open
  state   FD1, PORT1 to PORT2: ESTABLISHED -> FIN-WAIT-2, descriptor closed
  state   PORT1 to PORT2: FIN-WAIT-2 -> TIME-WAIT
  call    ioctl(FD1, FIONBIO, [0]) = 0
  call    ioctl(FD1, FIONBIO, [1]) = 0
client  connect  exited with 7, 5 bytes
  ...     9 times in all
  ...     9 times in all, each with its own FD, PORT and queue lengths
  ...     all of this, 9 times in all
  ...     all of this, 9 times in all, each with its own FD
  call    (the kernel, by itself)
  call    (exited with 7)
  call    (a process ended)
(a server still waited in accept4(FD1), and was ended by SIGTERM)
(it was still busy, and was ended by SIGTERM)
(it still slept, and was ended by SIGTERM)
(it still waited in accept4, and got SIGINT)
(it was still busy, and got SIGINT)
(it still slept, and got SIGINT)
(it still waited in accept4(FD1), and goes on)
(it was still busy, and goes on)
(it still slept, and goes on)
(--fault accept=EMFILE never struck)
(not shown: what epoll_wait gave)
(no lines of code: it has no debug information)
(it was not started: another one had not waited yet)
(1 datagram came in parts, and is shown as one packet)
(2 datagrams came in parts: each is shown as one packet)
  ...     of this call, or of another at the same time:
  call    (killed by SIGSEGV)
";
    const SERVER: &str = "  call    socket(AF_INET) = FD1
  state   FD1, at PORT1: CLOSED -> LISTEN
  queue   FD1, at PORT1: accept queue 0 -> 1
  queue   FD1, at PORT1: Recv-Q empty -> not empty
  queue   FD1, at PORT1: Recv-Q not empty -> empty
  state   PORT1 to PORT2: ESTABLISHED, no descriptor yet
";

    fn picture(text: &str, parts: &[&str]) -> Result<String, String> {
        let parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        Timeline::read(text).svg("x", &parts, &Words::default())
    }

    fn pictures(words: &Words) -> String {
        let svg = |text| Timeline::read(text).svg("x", &[], words).expect("a picture");
        svg(CLIENT) + &svg(SERVER)
    }

    #[test]
    fn each_of_the_words_can_be_another_and_nothing_else_changes() {
        let plain = pictures(&Words::default());
        for english in ENGLISH.iter().chain(&NOTES) {
            let other = format!("~{english}~");
            let words = Words::new([((*english).to_owned(), other)].into());
            let picture = pictures(&words.expect("words of the drawing"));
            assert_ne!(picture, plain, "{english}");
            assert_eq!(picture.replace('~', ""), plain, "{english}");
        }
    }

    /// The texts of a picture, in their order, with their y.
    fn texts(svg: &str) -> Vec<(u32, String)> {
        let text = |piece: &str| {
            let (_, y) = piece.split_once(" y=\"")?;
            let (y, rest) = y.split_once('"')?;
            let (text, _) = rest.split_once('>')?.1.split_once('<')?;
            Some((y.parse().ok()?, text.to_owned()))
        };
        svg.split("<text ").skip(1).filter_map(text).collect()
    }

    #[test]
    fn time_goes_down() {
        let svg = picture(CLIENT, &[]).expect("a picture");
        let texts = texts(&svg);
        assert!(texts.windows(2).all(|two| two[0].0 <= two[1].0), "{texts:?}");
        let at = |wanted: &str| {
            let found = texts.iter().filter(|(_, text)| text == wanted).map(|(y, _)| *y);
            found.collect::<Vec<_>>()
        };
        // The call, its packets, its result, and then the program's line.
        let [call, packet, line] =
            ["connect FD1", "SYN, again", "client · connect · exited with 7, 5 bytes"].map(&at);
        let result = at("connect");
        assert_eq!([call.len(), packet.len(), result.len(), line.len()], [1; 4]);
        assert!(call < packet && packet < result && result < line, "{texts:?}");
        assert_eq!(at("0"), result);
        // Into the kernel, and back; no arrow leads back before the result.
        let arrow = |at: &[u32], from: u32, to: u32| format!("M{from} {}H{to}m", at[0] - 4);
        assert!(svg.contains(&arrow(&call, 93, 109)), "{svg}");
        assert!(svg.contains(&arrow(&result, 109, 93)), "{svg}");
        assert!(!svg.contains(&format!("M93 {}m", call[0] - 4)), "{svg}");
    }

    #[test]
    fn a_part_has_what_led_to_its_line() {
        let whole = "  call    socket(AF_INET) = FD1\na line\n  call    close(FD1) = 0\nthe end of it\n  \
                     call    socket(AF_INET) = FD2\n(exited with 1)\n";
        let shows = |parts| {
            let svg = picture(whole, parts).expect("a picture");
            texts(&svg).into_iter().skip(2).map(|(_, text)| text).collect::<Vec<_>>().join("|")
        };
        assert_eq!(shows(&["a line"]), "socket|FD1|a line");
        assert_eq!(shows(&["the end of"]), "close FD1|0|the end of it");
        assert_eq!(shows(&["the end"]), "socket|FD2|(exited with 1)");
        assert_eq!(picture(whole, &["none"]), Err("x: no line has 'none'".into()));
        assert_eq!(picture("a line\n", &["the end"]), Err("x: no line has 'the end'".into()));
    }

    #[test]
    fn a_packet_goes_from_its_sender() {
        let refused = "  call    socket(AF_INET) = FD1
  call    connect(FD1, 127.0.0.1:PORT1) ...
  packet    PORT2 -> PORT1  SYN
  packet    PORT1 -> PORT2  RST ACK
  result  connect = ECONNREFUSED
  call    socket(AF_INET) = FD2
  call    sendto(FD2, \"x\", 1, 0, 127.0.0.1:PORT2) ...
  packet    PORT3 -> PORT2  datagram  1 byte \"x\"
  result  sendto = 1
  state   FD2, at PORT3: unbound -> unconnected
";
        let svg = picture(refused, &[]).expect("a picture");
        let (_, wires) = svg.split_once("stroke-width").expect("wires");
        let (wires, _) = svg[..svg.len() - wires.len()].rsplit_once("\" fill").expect("a path");
        let (_, wires) = wires.rsplit_once("d=\"").expect("a path");
        let from: Vec<&str> = wires.split('M').map(|wire| &wire[..wire.len().min(3)]).collect();
        // From the left, from the right, and one that turns round.
        assert_eq!(from, ["", "124", "236", "124"]);
        assert!(wires.ends_with("H124"), "{wires}");
        assert!(svg.contains("datagram, 1 byte → PORT2"));
    }

    #[test]
    fn what_is_lost_ends_halfway() {
        let text = "  call    sendto(FD1, \"x\", 1, 0, 192.168.7.1:1) ...
  packet    192.168.7.2:1 -> 192.168.7.1:1  datagram, lost  1 byte \"x\"
  packet    192.168.7.2:1 -> 192.168.7.1:1  datagram, late  1 byte \"x\"
  result  sendto = 1
";
        let svg = picture(text, &[]).expect("a picture");
        let y = |wanted| texts(&svg).iter().find(|(_, text)| text == wanted).expect("it").0 + 5;
        let (lost, late) = (y("datagram, 1 byte, lost"), y("datagram, 1 byte, late"));
        assert!(
            svg.contains(&format!("M236 {lost}H180m-3-3l6 6m0-6l-6 6M236 {late}H124")),
            "{svg}"
        );
        // Only what arrives has a head.
        assert!(svg.contains(&format!("\"M124 {late}l7-3v6z\"")), "{svg}");
    }

    #[test]
    fn a_socket_keeps_its_name() {
        let text = "  state   PORT1 to PORT2: ESTABLISHED, no descriptor yet
  queue   PORT1 to PORT2: Recv-Q 0 -> 5
  state   FD1, PORT1 to PORT2: ESTABLISHED, has a descriptor
  state   FD1, PORT1 to PORT2: ESTABLISHED -> FIN-WAIT-2, descriptor closed
  state   PORT1 to PORT2: FIN-WAIT-2 -> TIME-WAIT
  state   PORT1 to PORT3: FIN-WAIT-2 -> TIME-WAIT
";
        let svg = picture(text, &[]).expect("a picture");
        let texts: Vec<_> = texts(&svg).into_iter().skip(2).map(|(_, text)| text).collect();
        let wanted = [
            "PORT1, no FD: ESTABLISHED",
            "PORT1, no FD: Recv-Q 5",
            "FD1 ESTABLISHED",
            "FD1 closed: FIN-WAIT-2",
            "FD1 closed: TIME-WAIT",
            "PORT1, no FD: TIME-WAIT",
        ];
        assert_eq!(texts, wanted);
    }

    #[test]
    fn no_name_comes_from_nowhere() {
        let twice = "  call    fcntl(FD1, F_GETFL) = 0x2 (flags O_RDWR)\n  call    fcntl(FD1, F_DUPFD_CLOEXEC, 0) = FD2\n";
        let svg = picture(twice, &[]).expect("a picture");
        let texts: Vec<_> = texts(&svg).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["program", "kernel", "fcntl FD1", "FD2"]);
    }

    #[test]
    fn what_is_no_socket_is_left_to_the_player() {
        let text = "  call    epoll_create1(EPOLL_CLOEXEC) = EPOLL1
  call    eventfd2(0, EFD_NONBLOCK) = EVENT1
  call    socket(AF_INET) = FD1
  call    epoll_ctl(EPOLL1, EPOLL_CTL_ADD, FD1, {events=EPOLLIN, data=0}) = 0
  call    fcntl(EPOLL1, F_DUPFD_CLOEXEC, 3) = EPOLL2
  call    write(EVENT1, [1], 8) = 8
  call    epoll_wait(EPOLL1, [{events=EPOLLIN, data=0}], 8, -1) = 1 (FD1)
  call    close(EPOLL1) = 0
";
        let svg = picture(text, &[]).expect("a picture");
        let texts: Vec<_> = texts(&svg).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["program", "kernel", "socket", "FD1"]);
    }

    #[test]
    fn a_mark_stands_beside_one_row() {
        let svg = picture(SERVER, &["1: accept queue", "2: no descriptor"]).expect("a picture");
        let texts = texts(&svg);
        let at = |wanted| texts.iter().find(|(_, text)| text == wanted).expect("it").0;
        assert_eq!(at("1"), at("FD1 accept queue 1"));
        assert_eq!(at("2"), at("PORT1, no FD: ESTABLISHED"));
        for wrong in ["1: FD1", "1: nothing"] {
            assert!(picture(SERVER, &[wrong]).is_err(), "{wrong}");
        }
    }
}
