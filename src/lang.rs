//! The two languages, and what is said in either.

use std::fmt::{self, Display};

use crate::chinese::chinese;

/// The language in which a program speaks to people: English or Chinese. (For
/// the chat, also what goes over the wire: the tutorial's own words.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English, `--lang en`.
    #[default]
    En,
    /// Chinese, `--lang zh`.
    Zh,
}

/// A text in one of the languages. It knows in which.
#[derive(Debug, PartialEq)]
pub struct Words {
    pub(crate) lang: Lang,
    pub(crate) text: String,
}

impl Display for Words {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.text)
    }
}

impl Lang {
    /// The language of `en`, `zh`, or a name that begins so, as systems write
    /// them: `zh_CN`, `zh-CN`, `zh_CN.UTF-8`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let is_end = |c| matches!(c, '_' | '-' | '.' | '@');
        match name.split(is_end).next()? {
            "en" | "EN" => Some(Self::En),
            "zh" | "ZH" => Some(Self::Zh),
            _ => None,
        }
    }

    /// The language of the person at this machine, by what `variable` gives for
    /// a name. Of `LC_ALL`, `LC_MESSAGES` and `LANG` the first that is set
    /// counts (POSIX.1-2024, 8.2). What is no Chinese is English; and so is
    /// Chinese in another encoding than UTF-8, which is all that is printed.
    pub(crate) fn of_the_system(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let names = ["LC_ALL", "LC_MESSAGES", "LANG"];
        let mut values = names.into_iter().filter_map(variable);
        let set = values.find(|value| !value.is_empty());
        let set = set.filter(|name| is_utf8(name));
        set.and_then(|name| Self::named(&name)).unwrap_or_default()
    }

    /// The same in this language, or as it is where there is no other.
    pub fn text(self, english: &str) -> String {
        let chinese = match self {
            Self::En => None,
            Self::Zh => chinese(english),
        };
        chinese.unwrap_or_else(|| english.to_owned())
    }

    /// A text in this language with values in it, each of which has its name
    /// in the text, in braces.
    pub fn say(
        self,
        english: &str,
        values: &[(&str, &dyn Display)],
    ) -> Words {
        let pattern = self.text(english);
        let mut pieces = pattern.split('{');
        let mut text = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (name, rest) = piece.split_once('}').unwrap_or((piece, ""));
            for (key, value) in values {
                if *key == name {
                    text += &value.to_string();
                }
            }
            text += rest;
        }
        Words { lang: self, text }
    }
}

/// Whether a system's name of a language names UTF-8, or no encoding at all:
/// `zh_CN.UTF-8`, `zh_CN`.
fn is_utf8(name: &str) -> bool {
    let Some((_, encoding)) = name.split_once('.') else { return true };
    let encoding = encoding.split('@').next().unwrap_or_default();
    ["utf-8", "utf8"].contains(&encoding.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_has_the_names_that_systems_give_it() {
        for name in ["zh", "zh_CN", "zh-CN", "zh_CN.UTF-8", "ZH", "zh-Hans"]
        {
            assert_eq!(Lang::named(name), Some(Lang::Zh), "{name}");
        }
        for name in ["en", "en_US.UTF-8", "en-GB"] {
            assert_eq!(Lang::named(name), Some(Lang::En), "{name}");
        }
        for name in ["de", "zhu", "", "z", "_zh", "C.UTF-8"] {
            assert_eq!(Lang::named(name), None, "{name}");
        }
    }

    #[test]
    fn what_is_set_for_all_counts_more() {
        for (set, wanted) in [
            ("", Lang::En),
            ("LANG=zh_CN.UTF-8", Lang::Zh),
            ("LC_MESSAGES=zh_TW LANG=en_US", Lang::Zh),
            ("LC_ALL=C LC_MESSAGES=zh_CN LANG=zh_CN", Lang::En),
            ("LC_ALL= LC_MESSAGES= LANG=zh_CN", Lang::Zh),
            ("LANG=zh_CN.utf8@pinyin", Lang::Zh),
            ("LANG=zh_CN.GB18030", Lang::En),
        ] {
            let variable = |name: &str| {
                let mut all =
                    set.split(' ').filter_map(|s| s.split_once('='));
                all.find(|(key, _)| *key == name).map(|(_, v)| v.to_owned())
            };
            assert_eq!(Lang::of_the_system(variable), wanted, "{set}");
        }
    }

    /// Once, and not in what a peer has sent.
    #[test]
    fn a_value_stands_where_its_name_does() {
        let values: [(&str, &dyn Display); 2] = [("a", &"{b}"), ("b", &2)];
        let words = Lang::En.say("{b}, {a}: {a} {c}", &values);
        assert_eq!(words.text, "2, {b}: {b} ");
    }
}
