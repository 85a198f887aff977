//! The exercises by name, and the table of them.

use serde_json::json;

use crate::exercise::Exercise;
use crate::exercises::EXERCISES;
use crate::progress::Progress;
use crate::report;
use crate::words::text;

pub fn exercise(name: &str) -> Option<&'static Exercise> {
    EXERCISES.iter().find(|exercise| exercise.name == name)
}

/// Which exercise somebody means.
#[derive(Debug, PartialEq, Eq)]
pub enum Meant {
    This(&'static str),
    OneOf(Vec<&'static str>),
    /// It is none of them; this one is like it.
    Like(&'static str),
    None,
}

/// The number alone will do, or the word, or the beginning of either's parts: `5`, `05`, `echo`,
/// `5_echo`, `half`.
pub fn meant(typed: &str) -> Meant {
    let typed = typed.to_lowercase().replace(['-', ' '], "_");
    if let Some(exercise) = exercise(&typed) {
        return Meant::This(exercise.name);
    }
    let (number, word) = parts(&typed);
    let is_it = |exercise: &&Exercise| {
        let (own_number, own_word) = parts(exercise.name);
        let has_number = number.is_none() || number == own_number;
        // A letter alone says too little.
        let has_word = match word.len() {
            0 => number.is_some(),
            1 if number.is_none() => false,
            _ => own_word == word || format!("_{own_word}").contains(&format!("_{word}")),
        };
        has_number && has_word
    };
    let names: Vec<_> = EXERCISES.iter().filter(is_it).map(|exercise| exercise.name).collect();
    match names[..] {
        [] => like(&typed, number).map_or(Meant::None, Meant::Like),
        [name] => Meant::This(name),
        _ => {
            // "echo" would be that one even if there were an "echo_udp" as well.
            let exact = names.iter().find(|name| !word.is_empty() && parts(name).1 == word);
            exact.map_or(Meant::OneOf(names.clone()), |name| Meant::This(name))
        }
    }
}

/// The number ahead, and the word after it.
fn parts(name: &str) -> (Option<u32>, &str) {
    let digits = name.len() - name.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, word) = name.split_at(digits);
    (number.parse().ok(), word.trim_start_matches('_'))
}

/// The name that is most like this one, if it is much like it; or the only one with this number.
fn like(typed: &str, number: Option<u32>) -> Option<&'static str> {
    const MUCH: f64 = 0.6;
    let likeness = |exercise: &Exercise| {
        let whole = strsim::normalized_damerau_levenshtein(typed, exercise.name);
        let word = parts(exercise.name).1;
        let words = strsim::normalized_damerau_levenshtein(parts(typed).1, word);
        whole.max(words)
    };
    let all = EXERCISES.iter().map(|exercise| (likeness(exercise), exercise.name));
    let (likeness, nearest) = all.max_by(|a, b| a.0.total_cmp(&b.0))?;
    if likeness >= MUCH {
        return Some(nearest);
    }
    let mut same_number = EXERCISES.iter().filter(|it| parts(it.name).0 == number);
    let (first, second) = (same_number.next()?, same_number.next());
    second.is_none().then_some(first.name)
}

/// The first that is not done.
pub fn next(progress: &Progress) -> Option<&'static Exercise> {
    EXERCISES.iter().find(|exercise| !progress.is_done(exercise.name))
}

/// The step of its chapter.
fn step(exercise: &Exercise) -> u32 {
    parts(exercise.name).0.unwrap_or_default()
}

/// The exercises as JSON, an object each line.
pub fn as_json(progress: &Progress) -> String {
    let line = |exercise: &Exercise| {
        report::as_json(vec![
            ("exercise", json!(exercise.name)),
            ("title", json!(exercise.title)),
            ("step", json!(step(exercise))),
            ("done", json!(progress.is_done(exercise.name))),
        ]) + "\n"
    };
    EXERCISES.iter().map(line).collect()
}

/// The exercises, a line each.
pub fn table(progress: &Progress) -> String {
    let next = next(progress).map(|next| next.name);
    let line = |exercise: &Exercise| {
        let mark = match progress.is_done(exercise.name) {
            true => "done",
            false if next == Some(exercise.name) => "next",
            false => "",
        };
        let mark = report::pad(&text!(mark).spoken(), 5);
        let (name, title, step) = (exercise.name, exercise.title, step(exercise));
        format!("  {mark} {name:<20} {}\n", text!("{title} (step {step})", title, step))
    };
    EXERCISES.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{EXERCISES, Meant, meant};
    use crate::language::Language;
    use crate::wrong::How::{End, Exit, More, Other, Printed, Refused, Reset, Short, Silent};

    #[test]
    fn what_is_typed_finds_its_exercise() {
        for typed in ["05_echo", "5", "05", "echo", "5_echo", "005_Echo", "5-ec"] {
            assert_eq!(meant(typed), Meant::This("05_echo"), "{typed}");
        }
        assert_eq!(meant("half"), Meant::This("06_half_close"));
        assert_eq!(meant("4_d"), Meant::This("04_doorman"));
        for typed in ["4", "04", "4_"] {
            let both = vec!["04_doorman", "04_own_address_udp"];
            assert_eq!(meant(typed), Meant::OneOf(both), "{typed}");
        }
        let chats = vec!["07_chat_client", "16_group_chat", "27_group_chat_many"];
        assert_eq!(meant("chat"), Meant::OneOf(chats));
        for (typed, like) in [
            ("05_ecko", "05_echo"),
            ("ehco", "05_echo"),
            ("01_echo", "05_echo"),
            ("doormen", "04_doorman"),
            ("halfclose", "06_half_close"),
            ("08_once", "08_only_one"),
        ] {
            assert_eq!(meant(typed), Meant::Like(like), "{typed}");
        }
        for typed in ["xx", "e", "", "3", "99", "hello", "foo", "_", "help", "4_foo"] {
            assert_eq!(meant(typed), Meant::None, "{typed}");
        }
    }

    /// Every kind of failure has advice, and no two checks one title.
    #[test]
    fn every_check_has_advice() {
        for exercise in EXERCISES {
            let mut titles = Vec::new();
            for check in exercise.checks {
                assert!(!titles.contains(&check.title), "{}", check.title);
                titles.push(check.title);
                for how in [Silent, Short, End, Reset, Other, More, Refused, Printed, Exit] {
                    for language in [Language::Rust, Language::Python, Language::Unknown] {
                        let advice = language.words((check.usually)(how));
                        let is_whole = advice.ends_with(['.', ')', '?']);
                        assert!(is_whole, "{}: {advice}", check.title);
                    }
                }
            }
            assert!(exercise.hints.len() > 1, "{}", exercise.name);
        }
    }

    /// What belongs to one language alone. (What C calls the system's is that of all.)
    const WORDS: &[(Language, &[&str])] = &[
        (
            Language::Rust,
            &[
                "Rust",
                "std",
                "write_all",
                "read_exact",
                "read_to_end",
                "recv_from",
                "send_to",
                "local_addr",
                "unwrap",
                "drop",
                "dropped",
                "println",
                "eprintln",
                "AddrInUse",
                "set_read_timeout",
                "TcpListener",
                "TcpStream",
                "UdpSocket",
                "Vec",
                "`?`",
                "Socket::new",
                "from_be_bytes",
                "to_be_bytes",
                "try_clone",
                "Option",
                "slice",
                "ErrorKind",
                "WouldBlock",
                "from_utf8",
                "SocketAddr",
                "Duration",
            ],
        ),
        (
            Language::Python,
            &[
                "Python",
                "sendall",
                "settimeout",
                "makefile",
                "asyncio",
                "recv_into",
                "struct",
                "int.from_bytes",
                "setblocking",
                "bytearray",
                "create_server",
                "sys",
                "selectors",
                "getpeername()",
                "setdefaulttimeout",
                "decode()",
                "encode()",
                "socketserver",
            ],
        ),
        (
            Language::C,
            &[
                "C", "sizeof", "strlen", "fflush", "memcmp", "fgets", "fread", "fwrite", "printf",
                "snprintf", "htons", "ntohs", "htonl", "ntohl", "setvbuf", "malloc",
            ],
        ),
        (Language::Node, &["Node", "Buffer", "setEncoding", "destroy"]),
        (
            Language::Java,
            &["Java", "readFully", "PrintWriter", "setSoTimeout", "InputStream", "OutputStream"],
        ),
        (Language::Perl, &["Perl", "sysread", "syswrite"]),
        // (The verb is more frequent.)
        (Language::Go, &["net.Listen", "goroutine", "net.Conn"]),
        (Language::Ruby, &["Ruby"]),
    ];

    /// The texts in a source file: what is long enough to be one, without its escapes.
    fn texts(source: &str) -> Vec<String> {
        let (mut texts, mut chars) = (Vec::new(), source.chars().peekable());
        let mut last = ' ';
        while let Some(c) = chars.next() {
            match c {
                '/' if chars.peek() == Some(&'/') => {
                    chars.by_ref().find(|c| *c == '\n');
                }
                '"' if last != '\'' => {
                    let mut text = String::new();
                    while let Some(c) = chars.next().filter(|c| *c != '"') {
                        match c {
                            '\\' if chars.peek() == Some(&'\n') => {
                                while chars.next_if(|c| c.is_whitespace()).is_some() {}
                            }
                            '\\' => text.extend([' '].into_iter().chain(chars.next())),
                            c => text.push(c),
                        }
                    }
                    texts.push(text);
                }
                _ => {}
            }
            last = c;
        }
        texts.retain(|text| text.len() > 40 && text.contains(' '));
        texts
    }

    fn names(text: &str, word: &str) -> bool {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        text.match_indices(word).any(|(at, _)| {
            !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
        })
    }

    /// Who gets what another language has, and what that is.
    fn foreign(text: &str) -> Option<(Language, &'static str)> {
        let all = WORDS.iter().map(|(language, _)| *language);
        all.chain([Language::Unknown]).find_map(|language| {
            let words = language.words(text);
            let others = WORDS.iter().filter(|(other, _)| *other != language);
            let mut foreign = others.flat_map(|(_, foreign)| foreign.iter());
            foreign.find(|word| names(&words, word)).map(|word| (language, *word))
        })
    }

    /// No text says to somebody who writes in one language what another one has.
    #[test]
    fn a_text_is_in_the_language_that_is_graded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/exercises");
        let mut wrong = Vec::new();
        let mut folders = vec![folder];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("a file").path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        for path in files {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            for text in texts(&fs::read_to_string(&path).expect("a text")) {
                if let Some((language, word)) = foreign(&text) {
                    wrong.push(format!("{name}: {language:?} gets {word:?}: {text}"));
                }
            }
        }
        wrong.sort();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
