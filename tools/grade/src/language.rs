//! The language of the program that is graded, so that advice names the calls of that one, and not
//! those of all.
//!
//! A text says `{Rust: write_all}{Python: sendall}{C: a loop around send}`: of alternatives in a
//! row, the first that is for this language is taken, and none if none is. `{C|Perl: ...}` is for
//! several, `{else: ...}` for all others, those that nobody knows as well.

use std::fs;
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Rust,
    Python,
    C,
    Node,
    Java,
    Perl,
    Go,
    Ruby,
    Unknown,
}

use Language::{C, Go, Java, Node, Perl, Python, Ruby, Rust, Unknown};

/// Each by its name in a text; how its interpreter is called; how its files end.
const ALL: &[(Language, &str, &[&str], &[&str])] = &[
    (Rust, "Rust", &["cargo", "rustc"], &["rs"]),
    (Python, "Python", &["python", "pypy", "ipython", "uv"], &["py"]),
    (C, "C", &["tcc"], &["c", "cc", "cpp"]),
    (Node, "Node", &["node", "nodejs", "deno", "bun", "tsx"], &["js", "mjs", "cjs", "ts"]),
    (Java, "Java", &["java"], &["java", "jar", "class"]),
    (Perl, "Perl", &["perl"], &["pl"]),
    (Go, "Go", &["go"], &["go"]),
    (Ruby, "Ruby", &["ruby"], &["rb"]),
];

impl Language {
    /// That of a program which is started like this.
    pub fn of(command: &[String]) -> Self {
        let known = |word: &String| by_word(word);
        command.iter().find_map(known).unwrap_or_else(|| {
            let programs = command.iter().map(Path::new).filter(|path| path.is_file());
            programs.map(of_file).find(|found| *found != Unknown).unwrap_or(Unknown)
        })
    }

    /// Whether each of its calls has a line of code that can be found.
    #[cfg(target_os = "linux")]
    pub fn is_compiled(self) -> bool {
        matches!(self, Rust | C | Go | Unknown)
    }

    fn is_named(self, names: &str) -> bool {
        let name = ALL.iter().find(|(language, ..)| *language == self).map(|(_, name, ..)| *name);
        names.split('|').any(|one| one == "else" || Some(one) == name)
    }

    /// The text for this language.
    pub fn words(self, text: &str) -> String {
        let (mut words, mut rest, mut is_chosen) = (String::new(), text, false);
        while let Some((before, names, choice, after)) = next_choice(rest) {
            is_chosen &= before.is_empty();
            words += before;
            rest = after;
            let is_next = next_choice(rest).is_some_and(|(before, ..)| before.is_empty());
            if !is_chosen && self.is_named(names) {
                words += choice;
                is_chosen = true;
            } else if !is_chosen && !is_next {
                // Nothing stands there, and no blank for it.
                if rest.starts_with(['.', ',', ';', ')', ' ']) || rest.is_empty() {
                    words.truncate(words.trim_end_matches(' ').len());
                }
                if words.is_empty() {
                    rest = rest.trim_start();
                }
            }
        }
        words + rest
    }
}

/// What is ahead of the first choice, its languages, its text, and what follows. Other braces are
/// text.
fn next_choice(text: &str) -> Option<(&str, &str, &str, &str)> {
    text.match_indices('{').find_map(|(at, _)| {
        let (names, rest) = text[at + 1..].split_once(": ")?;
        let is_name = |one: &str| one == "else" || ALL.iter().any(|(_, name, ..)| *name == one);
        if !names.split('|').all(is_name) {
            return None;
        }
        // Braces in it come in pairs.
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += match c {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            depth == 0
        })?;
        Some((&text[..at], names, &rest[..end], &rest[end + 1..]))
    })
}

/// What a word of a command tells.
fn by_word(word: &String) -> Option<Language> {
    let path = Path::new(word);
    let name = path.file_name()?.to_str()?;
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
    // "python3.12"
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let is_it = |(_, _, interpreters, files): &&(_, _, &[&str], &[&str])| {
        interpreters.contains(&bare) || files.contains(&extension)
    };
    ALL.iter().find(is_it).map(|(language, ..)| *language)
}

/// What a file tells, a script or a program.
fn of_file(path: &Path) -> Language {
    let bytes = fs::read(path).unwrap_or_default();
    if bytes.starts_with(b"#!") {
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(&line[2..]).into_owned();
        return line
            .split_whitespace()
            .find_map(|word| by_word(&word.to_owned()))
            .unwrap_or(Unknown);
    }
    let is_program = [&b"\x7fELF"[..], b"MZ", b"\xcf\xfa\xed\xfe"];
    if !is_program.iter().any(|magic| bytes.starts_with(magic)) {
        return Unknown;
    }
    // What a panic says has the path of std's source.
    let mut parts = bytes.split(|byte| *byte == b'/');
    if parts.any(|part| part == b"rustc") {
        return Rust;
    }
    let mut parts = bytes.split(|byte| *byte == 0xff);
    if parts.any(|part| part.starts_with(b" Go buildinf:")) { Go } else { C }
}

#[cfg(test)]
mod tests {
    use super::Language::{self, C, Node, Perl, Python, Rust, Unknown};

    #[test]
    fn a_text_is_for_one_language() {
        let text = "Send the rest: {Rust: `write_all`}{Python: sendall}{C|Perl: a loop {as here}} \
                    does it. {Python: settimeout cuts it.} And {} stays {else: everywhere}.";
        assert_eq!(
            Python.words(text),
            "Send the rest: sendall does it. settimeout cuts it. And {} stays everywhere."
        );
        assert_eq!(
            Perl.words(text),
            "Send the rest: a loop {as here} does it. And {} stays everywhere."
        );
        assert_eq!(Node.words("Send it{Rust: with write_all}. {C: x}"), "Send it.");
        assert_eq!(Unknown.words("{C: x}{else: y} {Rust: x} z."), "y z.");
    }

    #[test]
    fn a_command_tells_its_language() {
        let of = |command: &str| {
            Language::of(&command.split(' ').map(str::to_owned).collect::<Vec<_>>())
        };
        assert_eq!(of("python3 my_echo.py"), Python);
        assert_eq!(of("/usr/bin/python3.12 -u x"), Python);
        assert_eq!(of("env X=1 node x"), Node);
        assert_eq!(of("./no_such_program"), Unknown);
        let own = std::env::current_exe().expect("a path").display().to_string();
        assert_eq!(Language::of(&[own]), Rust);
        assert_eq!(of("a.pl 4"), Perl);
        assert!(C.words("{C: c}{else: no}") == "c");
    }
}
