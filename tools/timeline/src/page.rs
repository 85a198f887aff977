//! One file that shows recorded runs in the player, without the network: it can be sent to somebody
//! else.

use std::fmt::Write as _;

use serde_json::Value;

const SCRIPT: &str = include_str!("../../../book/look/player.js");
const STYLE: &str = include_str!("../../../book/look/player.css");

/// The page's own; the player has its own colours where the book's are not there.
const PAGE_STYLE: &str = "\
body { margin: 1.5rem auto; padding: 0 1rem; max-width: 75rem; font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
h1 code { font-family: ui-monospace, Consolas, Menlo, 'DejaVu Sans Mono', monospace; }
summary { cursor: pointer; padding: 0.5rem 0; }
pre { overflow-x: auto; }
details pre { unicode-bidi: plaintext; }
";

/// A page.
pub struct Page<'a> {
    /// What was run, in front of everything.
    pub heading: &'a str,
    /// What stands between the heading and the player, as plain paragraphs.
    pub remarks: &'a [String],
    /// What `Timeline::player` has made of the runs: the first one is shown first. Others may have
    /// `of` (its name), `title`, `covered`, and `mark` in their steps.
    pub runs: &'a [Value],
    /// The first one's timeline, for those who have no scripts.
    pub text: &'a str,
}

impl Page<'_> {
    /// The whole file. What a program printed stands in it as text and can do nothing.
    #[must_use]
    pub fn html(&self) -> String {
        let Self { heading, remarks, runs, text } = self;
        let name = runs.first().and_then(|run| run["name"].as_str()).unwrap_or_default();
        let (title, name, text) = (escaped(heading), escaped(name), escaped(text));
        let mut paragraphs = String::new();
        for remark in *remarks {
            let _ = writeln!(paragraphs, "<p>{}</p>", escaped(remark));
        }
        let mut records = String::new();
        for run in *runs {
            let _ = writeln!(
                records,
                "socketSteps.record({}, {});",
                in_script(&run["name"]),
                in_script(run)
            );
        }
        // (The first line of a `pre` is not shown if it is empty: so this one is.)
        format!(
            "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<title>{title}</title>
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline'; \
             style-src 'unsafe-inline'\">
<style>
{PAGE_STYLE}{STYLE}</style>
</head>
<body>
<main>
<h1><code>{title}</code></h1>
{paragraphs}<section class=\"player\" data-name=\"{name}\"></section>
<details class=\"text\">
<summary>What the kernel did, as text</summary>
<pre>
{text}</pre>
</details>
</main>
<script>
{SCRIPT}</script>
<script>
{records}</script>
</body>
</html>
"
        )
    }
}

/// In a page's text, or in an attribute. What a page cannot hold at all stands there as the sign for
/// that.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // It would be read as the end of a line.
            '\r' => escaped.push_str("&#13;"),
            '\0' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// As a script has it, in a page: nothing in it can end the script.
fn in_script(value: &Value) -> String {
    let mut escaped = String::new();
    for character in value.to_string().chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(escaped, "\\u{:04x}", u32::from(character));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Timeline;

    #[test]
    fn nothing_that_was_printed_is_anything_but_text() {
        let hostile = "</script><script>alert(1)</script>\u{2028}<!-- \0 ' \" & </pre>";
        let text = format!("\u{1}{hostile}\n");
        let run = Timeline::read(&text).player(hostile, &[]);
        assert_eq!(run["steps"][0]["text"], json!([hostile]));
        let remarks = [hostile.to_owned()];
        let page = Page { heading: hostile, remarks: &remarks, runs: &[run], text: hostile };
        let page = page.html();
        assert!(!page.contains("alert(1)</script>") && !page.contains("<script>alert"));
        for (end, times) in
            [("</script", 2), ("<script", 2), ("</style", 1), ("</pre", 1), ("<!--", 0)]
        {
            assert_eq!(page.matches(end).count(), times, "{end}");
        }
        assert!(!page.contains('\0'));
        let text = "&lt;!-- \u{fffd} &#39; &quot; &amp; &lt;/pre&gt;";
        // In the title, the heading, a remark and the text; and as an attribute.
        assert_eq!(page.matches(text).count(), 5);
        let (_, script) = page.rsplit_once("socketSteps.record(").expect("a record");
        assert!(!script.contains('\u{2028}') && script.contains("\\u2028"), "{script}");
    }

    #[test]
    fn it_asks_nobody_for_anything() {
        let page = Page { heading: "", remarks: &[], runs: &[], text: "" }.html();
        for from_elsewhere in ["src=", "href=\"", "http:", "https:", "@import", "url("] {
            let found = page
                .match_indices(from_elsewhere)
                .map(|(at, _)| page[at.saturating_sub(40)..].chars().take(100).collect::<String>());
            let found: Vec<String> =
                found.filter(|it| !it.contains("http://www.w3.org/2000/svg")).collect();
            assert_eq!(found, Vec::<String>::new(), "{from_elsewhere}");
        }
    }
}
