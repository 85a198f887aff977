//! The Chinese of what the examples say, from two PO files.
//!
//! The English stands where it is said, and is the key there. A text without
//! a Chinese one stays as it is: what the system says, or what is new.

const HELP: &str = include_str!("help_zh.po");
const WORDS: &str = include_str!("words_zh.po");

/// The same in Chinese.
pub fn chinese(english: &str) -> Option<String> {
    for (key, chinese) in texts() {
        if key == english {
            return Some(chinese);
        }
    }
    None
}

/// Every text that has a Chinese one, and that.
pub fn texts() -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for po in &[HELP, WORDS] {
        for (english, chinese) in entries(po) {
            // The first entry is the file's own head.
            if !english.is_empty() && !chinese.is_empty() {
                texts.push((english, chinese));
            }
        }
    }
    texts
}

/// The entries of a PO file, but for those that a translator's tool has
/// marked as belonging to an older English.
fn entries(po: &str) -> Vec<(String, String)> {
    let mut entries: Vec<(String, String)> = Vec::new();
    let mut is_old = false;
    let mut is_chinese = false;
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
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_unless_it_is_old() {
        let po = "msgid \"\"\nmsgstr \"\"\n\"Language: zh\\n\"\n\n\
                  #. where\nmsgid \"a \\\"b\\\"\"\nmsgstr \"甲\\\\\"\n\n\
                  #, fuzzy\nmsgid \"old\"\nmsgstr \"旧\"\n\n\
                  msgid \"\"\n\"c\\n\"\n\"d\"\nmsgstr \"\"\n\"丙\\n\"\n\"丁\"\n\n\
                  msgid \"new\"\nmsgstr \"\"\n\n\
                  #~ msgid \"gone\"\n#~ msgstr \"去\"\n";
        let wanted = [
            ("", "Language: zh\n"),
            ("a \"b\"", "甲\\"),
            ("c\nd", "丙\n丁"),
            ("new", ""),
        ];
        let wanted = wanted.map(|(en, zh)| (en.to_owned(), zh.to_owned()));
        assert_eq!(entries(po), wanted);
    }

    #[test]
    fn no_value_is_lost_in_translation() {
        for (english, chinese) in texts() {
            let values = |text: &str| {
                let names = text.split('{').skip(1);
                let mut names: Vec<_> = names
                    .map(|name| name.split('}').next().map(str::to_owned))
                    .collect();
                names.sort();
                names
            };
            assert_eq!(values(&english), values(&chinese), "{english}");
        }
    }
}
