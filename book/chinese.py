#!/usr/bin/env python3
"""The Chinese edition: what is behind the English one, and how it is brought up to date.

    python3 book/chinese.py
        Lists what is behind. That is no mistake: the book shows English there.
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

from steps import examples, follow, po
from steps.directives import labels
from steps.edition import CATALOGUES, WORDS, Edition
from steps.files import EXAMPLES, PAGES, ROOT, Mistake, read

ZH = Edition("zh")


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


def texts():
    """Each Chinese file, with how to compare it with what it follows."""
    for name in sorted({path.name for folder in (PAGES, ZH.pages) for path in folder.glob("*.md")}):
        path, english = ZH.pages / name, PAGES / name
        if name != "SUMMARY.md":
            yield path, lambda path=path, english=english: follow.page_of(
                read(english) if english.is_file() else "", path, follow.difference
            )
    tasks, folder = EXAMPLES / "your_turn", ZH.pages / "your_turn"
    there = {path.stem for path in [*tasks.glob("*.rs"), *folder.glob("*.md")]}
    for name in sorted(there):
        yield folder / f"{name}.md", lambda name=name: (
            follow.exercise_page(name, folder) if (tasks / f"{name}.rs").is_file()
            else follow.page_of("", folder / f"{name}.md")
        )
    path = ROOT / "README.zh.md"
    yield path, lambda: follow.page_of(read(ROOT / "README.md"), path, readme_difference)


def messages():
    """What the PO files are to translate, and where each text stands."""
    found = {name: {} for name in CATALOGUES}
    titles = re.findall(r"^# (.*)$|\[(.*?)\]\(", read(PAGES / "SUMMARY.md"), re.MULTILINE)[1:]
    for text in [*WORDS.values(), *(one or other for one, other in titles)]:
        found["words"].setdefault(text, "book/src/SUMMARY.md" if text not in WORDS.values() else "book/steps/edition.py")
    for path in sorted(EXAMPLES.glob("*.rs")):
        # (The head of a chat program is in src/help_zh.po: it says that itself.)
        program = re.sub(r"^//!.*\n", "", read(path), flags=re.MULTILINE) if is_chat(path) else read(path)
        for text in examples.comments(program):
            found["comments"].setdefault(text, f"examples/{path.name}")
    for path in sorted((EXAMPLES / "transcripts").glob("*.snap")):
        for text in examples.output(path.stem):
            found["output"].setdefault(text, f"examples/transcripts/{path.name}")
    for path in sorted((PAGES / "img").glob("*.svg")):
        for text in labels(read(path)):
            found["labels"].setdefault(text, f"book/src/img/{path.name}")
    return found


def is_chat(path):
    return path.stem.startswith("07_chat")


def untranslated_help():
    """Paragraphs that the chat's programs say in English, on --help --lang zh."""
    for path in filter(is_chat, sorted(EXAMPLES.glob("*.rs"))):
        head = "\n".join(line for line in read(path).splitlines() if line.startswith("//!"))
        wanted = []
        examples.comments(head, lambda paragraph: wanted.append(paragraph) or "")
        for paragraph in wanted:
            if paragraph not in ZH.help:
                yield f"src/help_zh.po: no translation of: {paragraph}"


def old_transcripts():
    """What README.zh.md shows and the programs do not print any more."""
    numbers = re.compile(r"(?:PORT|FD)?\d+")
    shown = re.findall(r"```console\n\$ cargo run -q --example (.*)\n([^`]*)```", read(ROOT / "README.zh.md"))
    for command, lines in shown:
        name = command.replace("07_chat_client", "07_chat_client@terminal").replace(" -- --lang zh", "@zh")
        printed = "\n".join(examples.transcript(name))
        if numbers.sub("N", lines).strip() != numbers.sub("N", printed).strip():
            yield f"README.zh.md: shows what {name} does not print any more"


def behind():
    for path, compare in texts():
        name = path.relative_to(ROOT).as_posix()
        page = compare()
        if not page.is_translated:
            yield f"{name}: is not there yet"
            continue
        if not page.pairs:
            yield f"{name}: what it follows is not there any more"
            continue
        for pair in page.pairs:
            if pair.trouble:
                yield f"{name}: {pair.english.name} {pair.trouble}"
            elif pair.chinese.has_changed():
                yield f"{name}: {pair.english.name} was changed in Chinese, and that is not noted"
        for one in page.without_english():
            yield f"{name}: '{one.part.heading}' follows nothing that is there in English"
    yield from old_transcripts()
    yield from untranslated_help()
    for name, wanted in messages().items():
        there = ZH.catalogues[name]
        for text in wanted:
            if text not in there:
                yield f"book/zh/{name}.po: no translation of: {text}"
        for text in there.keys() - wanted.keys():
            yield f"book/zh/{name}.po: nothing in English says any more: {text}"


def note(names):
    """Writes the marks of these pages anew, where Chinese was changed."""
    chosen = [(path, compare) for path, compare in texts() if path.stem in names and path.is_file()]
    if len({path.stem for path, _ in chosen}) != len(set(names)):
        raise Mistake(f"no such page among {sorted(path.stem for path, _ in texts())}")
    refused = []
    for path, compare in chosen:
        page = compare()
        refused += [f"{path.name}: {one}" for one in page.note()]
        path.write_text(page.text(), encoding="utf-8", newline="\n")
    return refused


def merge():
    for name, wanted in messages().items():
        path = ZH.pages / f"{name}.po"
        with tempfile.TemporaryDirectory() as folder:
            template = Path(folder) / f"{name}.pot"
            template.write_text(po.template(wanted), encoding="utf-8", newline="\n")
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
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8")
    if arguments[:1] == ["note"] and len(arguments) > 1:
        refused = note(arguments[1:])
        for one in refused:
            print(f"not noted: {one}", file=sys.stderr)
        return 1 if refused else 0
    if arguments == ["merge"]:
        return merge()
    if arguments not in ([], ["--published"]):
        sys.exit(__doc__)
    found = list(behind())
    for one in found:
        print(f"behind: {one}")
    print(f"Chinese: {len(found)} places are behind")
    return 1 if found and arguments else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Mistake as mistake:
        sys.exit(f"error: {mistake}")
