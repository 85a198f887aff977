//! What the grader says to people: in English, and in Chinese from a PO file.
//!
//! The English stands where it is said, and is the key there. Where the grader itself looks into a
//! text, it looks at the English. A text without a Chinese one stays as it is.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::{self, Display};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::{Add, AddAssign};
use std::sync::OnceLock;

use crate::lang::{Lang, spoken};

/// A text with values in it, each of which has its name in the text, in braces:
/// `text!("{what} did come, but only after {time}.", what, time = seconds(time))`.
macro_rules! text {
    (@ $name:ident) => { $crate::words::Value::words(&$name) };
    (@ $name:ident = $value:expr) => { $crate::words::Value::words(&$value) };
    ($english:expr $(, $name:ident $(= $value:expr)?)* $(,)?) => {
        $crate::words::Words::with(
            $english,
            vec![$((stringify!($name), $crate::words::text!(@ $name $(= $value)?))),*],
        )
    };
}
pub(crate) use text;

/// Words for people. They are displayed in the language that is spoken.
/// (In a box, as a failure has several.)
#[derive(Clone, Debug, Default)]
pub struct Words(Box<Parts>);

#[derive(Clone, Debug, Default)]
struct Parts {
    english: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    /// The same in each language: what a program has printed, a number, an address.
    Data(String),
    Text {
        english: String,
        values: Vec<(&'static str, Words)>,
    },
}

impl Words {
    /// See [`text!`].
    pub fn with(english: &str, values: Vec<(&'static str, Self)>) -> Self {
        let english = english.to_owned();
        let part = Part::Text { english, values };
        Self(Box::new(Parts { english: part.words(Lang::English), parts: vec![part] }))
    }

    /// The same in each language.
    pub fn data(text: impl Into<String>) -> Self {
        let text = text.into();
        Self(Box::new(Parts { english: text.clone(), parts: vec![Part::Data(text)] }))
    }

    /// What the grader itself looks at.
    pub fn english(&self) -> &str {
        &self.0.english
    }

    pub fn is_empty(&self) -> bool {
        self.0.english.is_empty()
    }

    /// One sentence, or some, and then others.
    pub fn followed_by(self, others: impl Into<Self>) -> Self {
        text!("{first} {then}", first = self, then = others.into())
    }

    pub fn words(&self, lang: Lang) -> String {
        match lang {
            Lang::English => self.0.english.clone(),
            Lang::Chinese => self.0.parts.iter().map(|part| part.words(lang)).collect(),
        }
    }

    /// In the language that is spoken.
    pub fn spoken(&self) -> String {
        self.words(spoken())
    }
}

impl Part {
    fn words(&self, lang: Lang) -> String {
        match self {
            Self::Data(text) => text.clone(),
            Self::Text { english, values } => {
                let chinese = if lang == Lang::Chinese { chinese(english) } else { None };
                fill(chinese.unwrap_or(english), values, lang)
            }
        }
    }
}

/// Puts the values in the place of their names. Braces with anything else stay.
fn fill(pattern: &str, values: &[(&'static str, Words)], lang: Lang) -> String {
    let (mut text, mut rest) = (String::new(), pattern);
    while let Some((before, after)) = rest.split_once('{') {
        text += before;
        let end = after.find('}').unwrap_or(0);
        match values.iter().find(|(name, _)| *name == &after[..end]) {
            Some((_, value)) => {
                text += &value.words(lang);
                rest = &after[end + 1..];
            }
            None => {
                text.push('{');
                rest = after;
            }
        }
    }
    text + rest
}

impl Display for Words {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.pad(&self.spoken())
    }
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        self.0.english == other.0.english
    }
}

impl PartialEq<&str> for Words {
    fn eq(&self, other: &&str) -> bool {
        self.0.english == *other
    }
}

/// A text of the grader's own, without a value in it.
impl From<&str> for Words {
    fn from(english: &str) -> Self {
        if english.is_empty() { Self::default() } else { Self::with(english, vec![]) }
    }
}

/// What comes from elsewhere.
impl From<String> for Words {
    fn from(text: String) -> Self {
        Self::data(text)
    }
}

impl From<&Words> for Words {
    fn from(words: &Self) -> Self {
        words.clone()
    }
}

impl<T: Into<Self>> AddAssign<T> for Words {
    fn add_assign(&mut self, other: T) {
        let other = other.into();
        self.0.english += &other.0.english;
        self.0.parts.extend(other.0.parts);
    }
}

impl<T: Into<Self>> Add<T> for Words {
    type Output = Self;

    fn add(mut self, other: T) -> Self {
        self += other;
        self
    }
}

/// What can stand in a text.
pub trait Value {
    fn words(&self) -> Words;
}

impl<T: Value + ?Sized> Value for &T {
    fn words(&self) -> Words {
        (*self).words()
    }
}

impl Value for Words {
    fn words(&self) -> Words {
        self.clone()
    }
}

/// What stands in the grader itself, and has a translation. What somebody typed or a program said
/// lives shorter: that goes in as a `String`, and stays as it is.
impl Value for &'static str {
    fn words(&self) -> Words {
        (*self).into()
    }
}

impl Value for Cow<'_, str> {
    fn words(&self) -> Words {
        Words::data(&**self)
    }
}

/// These have no language.
macro_rules! data {
    ($($of:ty),*) => { $(
        impl Value for $of {
            fn words(&self) -> Words {
                Words::data(self.to_string())
            }
        }
    )* };
}

data!(
    String,
    char,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    f32,
    f64,
    Ipv4Addr,
    SocketAddr,
    io::Error
);

/// These are joined as in a sentence: "a, b and c".
pub fn and(mut all: Vec<Words>) -> Words {
    let last = all.pop().unwrap_or_default();
    match all.is_empty() {
        true => last,
        false => text!("{all} and {last}", all = join(all, ", "), last),
    }
}

/// These, with the same between them.
pub fn join(all: Vec<Words>, between: &str) -> Words {
    let mut joined = Words::default();
    for (number, words) in all.into_iter().enumerate() {
        if number > 0 {
            joined += between;
        }
        joined += words;
    }
    joined
}

const CHINESE: &str = include_str!("../zh.po");

/// The same in Chinese.
fn chinese(english: &str) -> Option<&'static str> {
    static TEXTS: OnceLock<HashMap<String, String>> = OnceLock::new();
    let texts = TEXTS.get_or_init(|| {
        let entries = entries(CHINESE).into_iter();
        entries.filter(|(_, chinese)| !chinese.is_empty()).collect()
    });
    texts.get(english).map(String::as_str)
}

/// The entries of a PO file, but for those that a translator's tool has marked as belonging to an
/// older English.
fn entries(po: &str) -> Vec<(String, String)> {
    let mut entries: Vec<(String, String)> = Vec::new();
    let (mut is_old, mut is_chinese) = (false, false);
    for line in po.lines() {
        let is_fuzzy = line.starts_with("#,") && line.contains("fuzzy");
        is_old = is_fuzzy || is_old && !line.is_empty();
        if is_old {
            continue;
        }
        let mut line = line;
        if let Some(english) = line.strip_prefix("msgid ") {
            entries.push(Default::default());
            (is_chinese, line) = (false, english);
        } else if let Some(chinese) = line.strip_prefix("msgstr ") {
            (is_chinese, line) = (true, chinese);
        }
        let Some(part) = line.strip_prefix('"') else { continue };
        let Some((english, chinese)) = entries.last_mut() else { continue };
        let text = if is_chinese { chinese } else { english };
        let mut characters = part.chars();
        while let Some(character) = characters.next() {
            match character {
                '"' => break,
                '\\' => match characters.next().unwrap_or('\\') {
                    'n' => text.push('\n'),
                    other => text.push(other),
                },
                _ => text.push(character),
            }
        }
    }
    // The first one is the file's own head.
    entries.retain(|(english, _)| !english.is_empty());
    entries
}

#[cfg(test)]
mod tests {
    use super::{CHINESE, Words, and, entries};
    use crate::lang::Lang::{Chinese, English};

    #[test]
    fn an_entry_is_read_unless_it_is_old() {
        let po = "msgid \"\"\nmsgstr \"\"\n\"Language: zh\\n\"\n\n\
                  #: where\nmsgid \"a \\\"b\\\"\"\nmsgstr \"甲\\\\\"\n\n\
                  #, fuzzy\nmsgid \"old\"\nmsgstr \"旧\"\n\n\
                  msgid \"\"\n\"c\\n\"\n\"d\"\nmsgstr \"\"\n\"丙\\n\"\n\"丁\"\n\n\
                  msgid \"new\"\nmsgstr \"\"\n\n\
                  #~ msgid \"gone\"\n#~ msgstr \"去\"\n";
        let wanted = [("a \"b\"", "甲\\"), ("c\nd", "丙\n丁"), ("new", "")];
        let wanted = wanted.map(|(en, zh)| (en.to_owned(), zh.to_owned()));
        assert_eq!(entries(po), wanted);
    }

    /// What stands ahead of each end of a brace: names of values, and of programming languages.
    fn names(text: &str) -> Vec<&str> {
        let ahead = text.split('{').skip(1);
        let names = ahead.filter_map(|part| part.split(['}', ' ']).next());
        let is_name = |name: &&str| !name.is_empty() && !name.contains(['`', '\'', '"']);
        names.filter(is_name).collect()
    }

    #[test]
    fn no_value_is_lost_in_translation() {
        for (english, chinese) in entries(CHINESE).iter().filter(|it| !it.1.is_empty()) {
            let [mut wanted, mut there] = [english, chinese].map(|text| names(text));
            // A value may come earlier in Chinese, a choice of languages as well.
            wanted.sort_unstable();
            there.sort_unstable();
            assert_eq!(wanted, there, "{english}");
        }
    }

    #[test]
    fn a_value_stands_where_its_name_does() {
        let words = text!("{b}, {a}: {a} {c} {Rust: d}", a = "{b}".to_owned(), b = 2_u8);
        assert_eq!(words.english(), "2, {b}: {b} {c} {Rust: d}");
        // There is no Chinese for that.
        assert_eq!(words.words(Chinese), words.english());
    }

    #[test]
    fn what_a_program_has_said_is_not_translated() {
        for (words, wanted) in [
            (Words::from("nothing"), "没有数据"),
            (Words::from("nothing".to_owned()), "nothing"),
            (text!("the line {text}", text = "nothing".to_owned()), "这一行：nothing"),
            (text!("{after}; then {then}", after = "nothing", then = 3), "没有数据；然后是 3"),
        ] {
            assert_eq!(words.words(Chinese), wanted);
        }
    }

    #[test]
    fn words_are_joined_in_each_language() {
        let words = Words::from("nothing") + ", then the end of the stream";
        assert_eq!(words.words(English), "nothing, then the end of the stream");
        assert_eq!(words.words(Chinese), "没有数据，然后是流的末尾");
        let all = ["a", "b", "c"].map(Words::data);
        assert_eq!(and(all[..1].to_vec()).words(English), "a");
        assert_eq!(and(all.to_vec()).words(English), "a, b and c");
        assert_eq!(and(all.to_vec()).words(Chinese), "a、b和c");
        let words = Words::from("Try again.").followed_by("Try again.");
        assert_eq!(words.words(English), "Try again. Try again.");
        assert_eq!(words.words(Chinese), "请再试一次。请再试一次。");
    }
}
