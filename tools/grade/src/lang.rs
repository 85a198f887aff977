//! The two languages that the grader speaks, and which of them it does.

use std::sync::OnceLock;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    #[default]
    English,
    Chinese,
}

/// What this process speaks: it is chosen once, before anything is said.
static SPOKEN: OnceLock<Lang> = OnceLock::new();

/// The language of this process. English, as long as none was chosen: in the tests, and in those of
/// the grader's processes that speak to the grader alone.
pub fn spoken() -> Lang {
    SPOKEN.get().copied().unwrap_or_default()
}

impl Lang {
    /// From now on this one is spoken.
    pub fn speak(self) {
        let _ = SPOKEN.set(self);
    }

    /// The language of `en`, `zh`, or a name that begins so, as systems write them: `zh_CN`,
    /// `zh-CN`, `zh_CN.UTF-8`.
    pub fn named(name: &str) -> Option<Self> {
        match name.split(['_', '-', '.', '@']).next()? {
            "en" | "EN" => Some(Self::English),
            "zh" | "ZH" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// The language of the person at this machine, by what `variable` gives for a name. Of `LC_ALL`,
    /// `LC_MESSAGES` and `LANG` the first that is set counts (POSIX.1-2024, 8.2), as for the
    /// examples. What is no Chinese in UTF-8 is English.
    pub fn of_the_system(variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut values = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable);
        let set = values.find(|value| !value.is_empty());
        // No encoding, or UTF-8: nothing else is printed.
        let set = set.filter(|name| {
            let encoding = name.split_once('.').map(|(_, encoding)| encoding.to_lowercase());
            encoding.is_none_or(|it| it.starts_with("utf-8") || it.starts_with("utf8"))
        });
        set.and_then(|name| Self::named(&name)).unwrap_or_default()
    }

    /// The language that these arguments ask for, wherever they do so: also what is wrong with one
    /// ahead of `--lang` is said in it. The last one counts; what is none is found out later.
    pub fn asked_for(arguments: &[String]) -> Option<Self> {
        let values = arguments.iter().enumerate().filter_map(|(number, argument)| {
            match argument.strip_prefix("--lang")? {
                "" => arguments.get(number + 1).map(String::as_str),
                rest => rest.strip_prefix('='),
            }
        });
        values.rev().find_map(Self::named)
    }
}

#[cfg(test)]
mod tests {
    use super::Lang::{self, Chinese, English};

    #[test]
    fn a_language_has_the_names_that_systems_give_it() {
        for name in ["zh", "zh_CN", "zh-CN", "zh_CN.UTF-8", "ZH", "zh-Hans"] {
            assert_eq!(Lang::named(name), Some(Chinese), "{name}");
        }
        for name in ["en", "en_US.UTF-8", "en-GB"] {
            assert_eq!(Lang::named(name), Some(English), "{name}");
        }
        for name in ["de", "zhu", "", "z", "_zh", "C.UTF-8"] {
            assert_eq!(Lang::named(name), None, "{name}");
        }
    }

    #[test]
    fn what_is_set_for_all_counts_more() {
        for (set, wanted) in [
            ("", English),
            ("LANG=zh_CN.UTF-8", Chinese),
            ("LC_MESSAGES=zh_TW LANG=en_US", Chinese),
            ("LC_ALL=C LC_MESSAGES=zh_CN LANG=zh_CN", English),
            ("LC_ALL= LC_MESSAGES= LANG=zh_CN", Chinese),
        ] {
            let variable = |name: &str| {
                let mut all = set.split(' ').filter_map(|one| one.split_once('='));
                all.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
            };
            assert_eq!(Lang::of_the_system(variable), wanted, "{set}");
        }
    }

    #[test]
    fn the_option_is_found_wherever_it_stands() {
        for (arguments, wanted) in [
            ("05_echo --lang zh", Some(Chinese)),
            ("--lang=zh --no-such-option", Some(Chinese)),
            ("--lang zh --lang en", Some(English)),
            ("--lang de", None),
            ("05_echo --lang", None),
            ("--language zh", None),
        ] {
            let arguments: Vec<_> = arguments.split(' ').map(str::to_owned).collect();
            assert_eq!(Lang::asked_for(&arguments), wanted, "{arguments:?}");
        }
    }
}
