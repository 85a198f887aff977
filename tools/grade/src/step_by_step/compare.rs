//! Where two runs of the same check go different ways. Two programs that do the same may do it with
//! other calls: so only what the conversation is made of counts, and of that not how much of a
//! stream a call has taken.

use serde_json::Value;

/// What the program does, and where: a step, from 1.
#[derive(Debug, PartialEq)]
struct Deed {
    step: usize,
    what: String,
}

/// The first step of each in which they differ.
pub fn parts(one: &Value, other: &Value) -> (usize, usize) {
    let (ones, others) = (deeds(one), deeds(other));
    let same = ones.iter().zip(&others).take_while(|(a, b)| a.what == b.what).count();
    let place = ones.get(same).map_or_else(|| last_wish(one), |deed| deed.step);
    let there = match others.get(same) {
        Some(deed) => deed.step,
        // It does no more: where the grader has come as far.
        None => after_lines(other, lines_before(one, place)),
    };
    (place, there)
}

/// What the grader says in this step, if it does. (Nobody else prints there.)
pub fn grader_says(step: &Value) -> Option<&str> {
    let words = step["text"][0].as_str().filter(|_| step["kind"] == "line")?;
    Some(words.strip_prefix(crate::marks::GRADER).unwrap_or(words))
}

fn steps(run: &Value) -> impl DoubleEndedIterator<Item = (usize, &Value)> {
    let steps = run["steps"].as_array().map_or(&[][..], Vec::as_slice);
    steps.iter().enumerate().map(|(at, step)| (at + 1, step))
}

/// What the grader expected last: there the program does nothing more. If it expected nothing, the
/// end.
fn last_wish(run: &Value) -> usize {
    let is_wish = |step: &Value| grader_says(step).is_some_and(|it| it.starts_with("expects "));
    let end = steps(run).count().max(1);
    steps(run).rev().find(|(_, step)| is_wish(step)).map_or(end, |(at, _)| at)
}

fn lines_before(run: &Value, place: usize) -> usize {
    steps(run).take(place).filter(|(_, step)| grader_says(step).is_some()).count()
}

fn after_lines(run: &Value, lines: usize) -> usize {
    let mut said = steps(run).filter(|(_, step)| grader_says(step).is_some());
    let last = steps(run).count().max(1);
    said.nth(lines.max(1) - 1).map_or(last, |(at, _)| at)
}

fn deeds(run: &Value) -> Vec<Deed> {
    let name = |step: &Value| {
        let place = usize::try_from(step["program"].as_u64()?).ok()?;
        run["programs"][place].as_str()
    };
    let mut deeds = vec![];
    // Calls that have begun: whose, which, where, and the arguments.
    let mut open: Vec<(Option<&str>, &str, usize, &str)> = vec![];
    for (at, step) in steps(run) {
        let text = step["text"][0].as_str().unwrap_or_default();
        let of = name(step);
        let is_ours = of.is_some_and(|name| name != "grader");
        let deed = match step["kind"].as_str() {
            Some("packet") if text.contains("RST") && step["packet"]["kind"] != Value::Null => {
                let is_reset = step["packet"]["kind"].as_str().is_some_and(|it| it.contains("RST"));
                is_reset.then(|| (at, "a reset".to_owned()))
            }
            Some("call") if is_ours => {
                let Some((call, rest)) = text.split_once('(') else { continue };
                match rest.rsplit_once(" = ").filter(|_| step["open"] != true) {
                    Some((arguments, result)) => Some((at, deed(call, arguments, result))),
                    None => {
                        open.push((of, call, at, rest));
                        None
                    }
                }
            }
            Some("result") if is_ours => {
                let Some((call, result)) = text.split_once(" = ") else { continue };
                let is_it = |it: &(Option<&str>, &str, usize, &str)| (it.0, it.1) == (of, call);
                let began = open.iter().rposition(is_it).map(|place| open.remove(place));
                began.map(|(_, call, at, arguments)| (at, deed(call, arguments, result)))
            }
            _ => None,
        };
        deeds.extend(
            deed.filter(|(_, what)| !what.is_empty()).map(|(step, what)| Deed { step, what }),
        );
    }
    // Those that were in a call at the same time.
    deeds.sort_by_key(|deed| deed.step);
    // A stream may be taken in any pieces.
    deeds.dedup_by(|next, deed| next.what == deed.what && deed.what == "receive");
    deeds
}

/// A call as a part of the conversation. Empty: it is none, or has changed nothing.
fn deed(call: &str, arguments: &str, result: &str) -> String {
    let result = result.split_whitespace().next().unwrap_or_default();
    let is_error = result.starts_with('E');
    if ["EAGAIN", "EINTR", "EINPROGRESS"].contains(&result) {
        return String::new();
    }
    let what = match call {
        "send" | "sendto" | "sendmsg" | "sendmmsg" | "write" | "writev" => {
            format!("send {}", string(arguments))
        }
        "recv" | "recvfrom" | "recvmsg" | "recvmmsg" | "read" | "readv" if result == "0" => {
            "receive nothing".to_owned()
        }
        "recv" | "recvfrom" | "recvmsg" | "recvmmsg" | "read" | "readv" => "receive".to_owned(),
        "accept" | "accept4" => "accept".to_owned(),
        "bind" | "connect" => {
            let address = arguments.split_once(", ").map_or("", |(_, address)| address);
            format!("{call} {}", masked(address))
        }
        "listen" | "close" => call.to_owned(),
        "shutdown" => format!("shutdown {}", arguments.rsplit(", ").next().unwrap_or_default()),
        _ => return String::new(),
    };
    if is_error { format!("{what}: {result}") } else { what }
}

/// The first string in a call's arguments.
fn string(arguments: &str) -> String {
    let Some((_, rest)) = arguments.split_once('"') else { return String::new() };
    let mut escaped = false;
    let is_end = |c: char| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    };
    let end = rest.find(is_end).unwrap_or(rest.len());
    masked(&rest[..end])
}

/// Without numbers that may be a port's: each run has its own.
fn masked(text: &str) -> String {
    let (mut all, mut digits) = (String::new(), String::new());
    for character in text.chars().chain(['\0']) {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        all += if digits.len() > 3 { "#" } else { &digits };
        digits.clear();
        all.push(character);
    }
    all.pop();
    all
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use timeline::Timeline;

    use super::{deed, parts, string};

    fn run(text: &str) -> Value {
        Timeline::read(text).player("it", &[])
    }

    const BEGINS: &str = "\
grader: sends 2 bytes: \"hi\"
  call    grader: sendto(FD2, \"hi\", 2, 0, NULL, 0) = 2
";

    #[test]
    fn they_part_where_the_conversation_does() {
        let right = format!(
            "{BEGINS}  call    the solution: recvfrom(FD3, \"hi\", 1024, 0, NULL, NULL) = 2
grader: expects 2 bytes: \"hi\"
  call    the solution: sendto(FD3, \"hi\", 2, 0, NULL, 0) ...
  packet  20817 -> PORT1  PSH ACK  2 bytes \"hi\"
  result  the solution: sendto = 2
grader: ok: it
"
        );
        // It says it in capitals, and takes it in two pieces.
        let other = format!(
            "{BEGINS}  call    your program: getsockname(FD3, 127.0.0.1:20817) = 0
  call    your program: recvfrom(FD3, \"h\", 1, 0, NULL, NULL) = 1
  call    your program: recvfrom(FD3, \"i\", 1, 0, NULL, NULL) = 1
grader: expects 2 bytes: \"hi\"
  call    your program: sendto(FD3, \"HI\", 2, 0, NULL, 0) = 2
grader: FAIL: got \"HI\"
"
        );
        assert_eq!(parts(&run(&other), &run(&right)), (7, 5));
        // It does nothing.
        let other = format!(
            "{BEGINS}  call    your program: recvfrom(FD3, \"hi\", 1024, 0, NULL, NULL) = 2
grader: expects 2 bytes: \"hi\"
grader: FAIL: got nothing
"
        );
        assert_eq!(parts(&run(&other), &run(&right)), (4, 5));
        // It does more than it should.
        let more = "  call    your program: close(FD3) = 0\n";
        let other = right.replace("the solution", "your program") + more;
        assert_eq!(parts(&run(&other), &run(&right)), (9, 8));
    }

    #[test]
    fn what_is_not_the_conversation_does_not_count() {
        assert_eq!(deed("setsockopt", "FD1, SOL_TCP, TCP_NODELAY, [1], 4)", "0"), "");
        assert_eq!(deed("recvfrom", "FD1, POINTER, 9)", "EAGAIN"), "");
        assert_eq!(
            deed("bind", "FD1, 127.0.0.1:20817)", "EADDRINUSE"),
            "bind 127.0.0.1:#): EADDRINUSE"
        );
        assert_eq!(string("FD1, \"a \\\"b\\\" 1234, 123\", 7"), "a \\\"b\\\" #, 123");
    }
}
