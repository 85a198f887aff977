#!/usr/bin/env python3
"""The Chinese edition: what is behind the English one, and how it is brought up to date.

    python3 book/chinese.py
        Lists what is behind. That is no mistake: the book shows English there.
        And words and marks that the Chinese edition avoids, each with what to write
        instead (see steps/wording.py).
    python3 book/chinese.py --published
        The same, and exit status 1 if there is anything.
    python3 book/chinese.py note 03-listen ...
        Notes that the parts of these pages follow the English ones as they are
        now: those that were changed since this was noted last, and no others.
    python3 book/chinese.py merge
        Brings book/zh/*.po up to date with the English (by gettext's msgmerge):
        what is new has no translation, what has changed is "fuzzy".
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from steps import drawings, examples, finish, follow, measured, po, wording
from steps.directives import labels
from steps.edition import PLAYER, WORDS, Edition
from steps.files import EXAMPLES, PAGES, ROOT, Mistake, is_recorded, read

try:
    ZH = Edition("zh")
except Mistake as mistake:
    sys.exit(f"error: {mistake}")
README = ROOT / "README.zh.md"


def readme_difference(english, chinese):
    """As on a page, but for links, and the chat: it speaks Chinese there."""
    for what, of in [
        ("code", lambda text: [one for one in follow.code(text) if "--example 07" not in one]),
        ("rows of tables", lambda text: len(re.findall(r"^\|", text, re.MULTILINE))),
        ("names in tables", lambda text: re.findall(r"^\| ((?:`[^`]*`(?:, )?)+) \|", text, re.MULTILINE)),
        ("examples", lambda text: sorted(re.findall(r"\]\((examples/\w+\.rs)\)", text))),
    ]:
        if of(english.body) != of(chinese.body):
            return f"its {what} are not the English ones"
    return None


def pages():
    """Each Chinese file that is or should be there, beside what it follows."""
    for name in sorted({path.name for folder in (PAGES, ZH.pages) for path in folder.glob("*.md")} - {"SUMMARY.md"}):
        english = read(PAGES / name) if (PAGES / name).is_file() else ""
        yield ZH.pages / name, follow.page_of(english, ZH.pages / name, follow.difference)
    tasks, folder = EXAMPLES / "your_turn", ZH.pages / "your_turn"
    for name in sorted({path.stem for path in [*tasks.glob("*.rs"), *folder.glob("*.md")]}):
        english = follow.exercise_text(name) if (tasks / f"{name}.rs").is_file() else ""
        yield folder / f"{name}.md", follow.page_of(english, folder / f"{name}.md")
    path = README
    yield path, follow.page_of(read(ROOT / "README.md"), path, readme_difference)


def messages():
    """What the PO files are to translate, and where each text stands."""
    titles = re.findall(r"^# (.*)$|\[(.*?)\]\(", read(PAGES / "SUMMARY.md"), re.MULTILINE)[1:]
    texts = {
        "words": [(text, "book/steps/edition.py") for text in WORDS.values()]
        + [(one or other, "book/src/SUMMARY.md") for one, other in titles],
        "comments": [
            (text, f"examples/{path.name}") for path in sorted(EXAMPLES.glob("*.rs"))
            for text in examples.comments(halves(path)[1])
        ],
        "solutions": [
            (text, f"tools/grade/solutions/{path.name}")
            for path in sorted((ROOT / "tools" / "grade" / "solutions").glob("*.rs")) for text in examples.comments(read(path))
        ],
        "output": lines_of_runs().items(),
        "labels": [
            (text, f"book/src/img/{path.name}")
            for path in sorted((PAGES / "img").glob("*.svg")) for text in labels(read(path))
        ] + [
            (text, f"tools/measure/results/{path.name}")
            for path in sorted(measured.RESULTS.glob("*.csv")) for text in measured.labels(path.stem)
        ],
        "mdbook": [(text, "book/steps/finish.py") for text in finish.TEXTS],
        "player": [(text, "book/steps/edition.py") for text in PLAYER],
    }
    return {name: dict(places) for name, places in texts.items()}


def lines_of_runs():
    """What the examples print, and what the changes print besides."""
    transcripts = sorted((EXAMPLES / "transcripts").glob("*.snap"))
    lines = {text: f"examples/transcripts/{path.name}" for path in transcripts for text in examples.output(path.stem)}
    for path in sorted((EXAMPLES / "changes").glob("*.patch")):
        for text in examples.output_of_change(path.stem):
            lines.setdefault(text, f"examples/changes/{path.stem}.snap")
    return lines


def halves(path):
    """A program's head, which it says on --help; and the rest."""
    lines = read(path).splitlines()
    head = [line for line in lines if line.startswith("//!")]
    return "\n".join(head), "\n".join(lines[len(head):])


# What stands in src/*.rs and is not said in another language: commands, what goes over the wire,
# the line of the lessons, the system's own number and words.
NOT_TRANSLATED = r"failed to lookup|emporary failure|Try again|cargo run|Hello, |Server received: |waits for you\.| \(os error|, the first of"


def strings(path):
    """The string literals of a file in Rust, but for its tests: what is ahead of each, and its text."""
    program = re.sub(r"^\s*//.*$|b?'\"'", "", read(path).split("#[cfg(test)]\nmod tests")[0], flags=re.MULTILINE)
    for literal in re.finditer(r'"((?:[^"\\]|\\.)*)"', program, re.DOTALL):
        text = re.sub(r"\\\n\s*", "", literal[1])
        text = re.sub(r"\\(.)", lambda escape: {"n": "\n", "t": "\t", "r": "\r"}.get(escape[1], escape[1]), text)
        yield program[:literal.start()][-80:], text


def messages_of_programs():
    """The same of the PO files that the programs read."""
    heads, words = {}, {}
    for path in sorted(EXAMPLES.glob("*.rs")):
        head = re.sub(r"^//! ?", "", halves(path)[0], flags=re.MULTILINE)
        heads |= {paragraph: f"examples/{path.name}" for paragraph in head.split("\n\n") if paragraph}
    for path in sorted((ROOT / "src").glob("*.rs")):
        for _, text in strings(path):
            # Two words of a language, and not a command or a name.
            if re.search(r"[a-z]{2}\W*\s\W*[a-z]{2}", re.sub(r"\{.*?\}", "", text)) and not re.match(NOT_TRANSLATED, text):
                words[text] = f"src/{path.name}"
    return {"src/help_zh": heads, "src/words_zh": words, "tools/grade/zh": messages_of_the_grader()}


# What is ahead of a text that the grader shows: it is said to be one, or it stands where all are.
SHOWN = r"(text!|call_it|after|advice|advice_if|Wrong::new|machine|Err|ok_or)\(\s*$|title: $|(?:expected|got|after|sent|words) = $"
# And what is not: what it sends or looks for, what is asked of the system, and its page, which is in English.
NOT_SHOWN = r"(b|(mark|format)!\(|reason = |\.(expect|contains|starts_with|send|replace)\(&?|path = )$"
NOT_WORDS = r"\S*$|only \w+ of us now|I have this name|where is the other|all of you are|lo\nhow|not enough values|invalid literal" \
    r"|cannot be interpreted|Traceback|Error: |note: run|width=|\n  \.\.\.|This check fails\. The|The solution's run|The solution: "


def messages_of_the_grader():
    """All of its texts: what is marked as one, and what is as long as a sentence."""
    texts, folder = {}, ROOT / "tools" / "grade" / "src"
    for path in sorted(folder.rglob("*.rs")):
        for ahead, text in strings(path):
            words = re.findall(r"[A-Za-z]{2,}", re.sub(r"\{[a-z_]*\}", "", text))
            is_shown = re.search(SHOWN, ahead) and words and not re.fullmatch(r"[\w{}]*", text)
            is_data = re.search(NOT_SHOWN, ahead) or re.match(NOT_WORDS, text)
            if is_shown or (len(words) > 4 and not is_data):
                texts.setdefault(text, path.relative_to(ROOT).as_posix())
    usage = (folder / "usage.txt").relative_to(ROOT).as_posix()
    return texts | {paragraph: usage for paragraph in read(ROOT / usage).rstrip("\n").split("\n\n")}


def behind_in_programs():
    for name, texts in messages_of_programs().items():
        translations = po.translations(read(ROOT / f"{name}.po"), name).keys()
        yield from (f"{name}.po: no translation of: {text}" for text in texts if text not in translations)
        # The words of errors are in part those of Rust's own library, and short ones are not found.
        if name == "src/help_zh":
            yield from (f"{name}.po: nothing says any more: {text}" for text in translations - texts.keys())
    for name in re.findall(r"--example (\w+)", read(README) if README.is_file() else ""):
        if not (EXAMPLES / f"{name}.rs").is_file():
            yield f"README.zh.md: there is no example {name}"


def old_transcripts():
    """What README.zh.md shows and the programs do not print any more."""
    numbers = re.compile(r"(?:PORT|FD)?\d+")
    blocks = re.findall(r"```console\n\$ cargo run -q --example (.*)\n([^`]*)```", read(README) if README.is_file() else "")
    for command, lines in blocks:
        name = command.replace("07_chat_client", "07_chat_client@terminal").replace(" -- --lang zh", "@zh")
        is_there = is_recorded(EXAMPLES / "transcripts", name)
        printed = "\n".join(examples.transcript(name)) if is_there else ""
        if numbers.sub("N", lines).strip() != numbers.sub("N", printed).strip():
            yield f"README.zh.md: shows what {name} does not print any more"


def behind():
    for path, page in pages():
        name = path.relative_to(ROOT).as_posix()
        if not page.is_translated or not page.pairs:
            yield f"{name}: {'what it follows is gone' if page.is_translated else 'is not there yet'}"
            continue
        for pair in page.pairs:
            if pair.trouble:
                yield f"{name}: {pair.english.name} {pair.trouble}"
            elif pair.chinese.has_changed():
                yield f"{name}: {pair.english.name} was changed in Chinese, and that is not noted"
        for one in page.without_english():
            yield f"{name}: '{one.part.heading}' follows nothing that is there in English"
    yield from old_transcripts()
    yield from behind_in_programs()
    yield from (f"book/zh/drawing.json: {trouble}" for trouble in drawings.troubles(ZH.drawing))
    for name, texts in messages().items():
        translations = ZH.catalogues[name].keys()
        yield from (f"book/zh/{name}.po: no translation of: {text}" for text in texts if text not in translations)
        yield from (f"book/zh/{name}.po: nothing says any more: {text}" for text in translations - texts.keys())


def note(names):
    """Writes the marks of these pages anew, where Chinese was changed; says where not."""
    choice = [(path, page) for path, page in pages() if path.stem in names and page.is_translated]
    if len(choice) != len(set(names)):
        raise Mistake(f"no such page among {sorted(path.stem for path, _ in pages())}")
    for path, page in choice:
        yield from (f"{path.name}: {one}" for one in page.note())
        if page.chinese:
            path.write_text(page.text(), encoding="utf-8", newline="\n")


def merge():
    catalogues = {ZH.pages / f"{name}.po": texts for name, texts in messages().items()}
    for name, texts in messages_of_programs().items():
        path = ROOT / f"{name}.po"
        there = po.translations(read(path), name) if name != "src/help_zh" else {}
        catalogues[path] = texts | {text: "elsewhere" for text in there if text not in texts}
    for path, texts in catalogues.items():
        with tempfile.TemporaryDirectory() as folder:
            template = Path(folder) / f"{path.stem}.pot"
            template.write_text(po.template(texts), encoding="utf-8", newline="\n")
            if not path.is_file():
                path.write_bytes(template.read_bytes())
            try:
                subprocess.run(
                    ["msgmerge", "--quiet", "--update", "--backup=none", "--previous", "--no-wrap",
                     path, template], check=True,
                )
            except FileNotFoundError:
                raise Mistake("this needs msgmerge, which is part of gettext: apt install gettext") from None


def main(arguments):
    if arguments[:1] == ["note"] and len(arguments) > 1:
        refused = list(note(arguments[1:]))
        for one in refused:
            print(f"not noted: {one}")
        return bool(refused)
    if arguments == ["merge"]:
        return merge()
    if arguments not in ([], ["--published"]):
        sys.exit(__doc__)
    places, avoided = list(behind()), list(wording.found(ROOT))
    for one in places:
        print(f"behind: {one}")
    for one in avoided:
        print(f"wording: {one}")
    print(f"Chinese: {len(places)} places are behind, {len(avoided)} have words or marks to be avoided")
    return bool((places or avoided) and arguments)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    try:
        sys.exit(main(sys.argv[1:]))
    except Mistake as mistake:
        sys.exit(f"error: {mistake}")
