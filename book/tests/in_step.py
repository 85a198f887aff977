"""The Chinese edition follows the English one, page by page.

    python3 book/tests/in_step.py
        Fails where a Chinese page follows an English one that has changed
        since, or has other headings, directives or links.
    python3 book/tests/in_step.py --followed 04-accept-connect ...
        Notes in these pages that they follow the English ones as they are now.

Each Chinese page begins with the English file that it follows and git's number
for what was in it (`git hash-object FILE`). So what has changed since is

    git diff NUMBER HEAD:book/src/04-accept-connect.md

once the change is committed.
"""

import hashlib
import json
import re
import sys
from pathlib import Path

BOOK = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(BOOK))
from steps import (  # noqa: E402
    DIRECTIVE, EXAMPLES, comments, headings, pattern, transcript, what_it_follows,
)

TASKS = BOOK.parent / "examples" / "your_turn"


def followed(page):
    """The English file for a Chinese one, as it is named there, and as a path."""
    if page.parent.name == "your_turn":
        path = TASKS / f"{page.stem}.rs"
        return f"examples/your_turn/{path.name}", path
    path = BOOK / "src" / page.name
    return f"book/src/{page.name}", path


def number(path):
    """What `git hash-object` prints, wherever a checkout puts CR LF."""
    text = path.read_bytes().replace(b"\r\n", b"\n")
    return hashlib.sha1(b"blob %d\0" % len(text) + text).hexdigest()


def pages():
    return sorted([*(BOOK / "zh").glob("*.md"), *(BOOK / "zh" / "your_turn").glob("*.md")])


def directives(text):
    """Each directive, without the words for the reader."""
    return [
        f"{{{{#{what} {rest.split('//')[0].strip() if what in ('change', 'your_turn') else rest}}}}}"
        for what, rest in DIRECTIVE.findall(text)
    ]


def links(text):
    """Where a page leads to, in the order of the names."""
    text = DIRECTIVE.sub(lambda found: found[2], text)
    return sorted(re.findall(r"\]\(([^)\s]+)\)|href=['\"]([^'\"]+)", text))


def code(text):
    """The blocks of code; what is typed for the Chinese words counts as the rest."""
    text = re.sub(r"(?: --)? --lang zh\b", "", text.replace(".zh.py", ".py"))
    return re.findall(r"^ *```.*?^ *```", text, re.MULTILINE | re.DOTALL)


def differences(name, english, chinese):
    """Where the two editions of a page show other things."""
    for what, parts in [
        ("directives", directives), ("links", links), ("blocks of code", code),
        ("levels of headings", lambda text: [level for level, *_ in headings(text)]),
    ]:
        ours, theirs = parts(chinese), parts(english)
        if ours != theirs:
            missing = [one for one in theirs if one not in ours]
            more = [one for one in ours if one not in theirs]
            yield f"zh/{name}: its {what} are not the English ones: missing {missing}, more {more}"


def left_over():
    """What zh/examples.json explains, and no example says any more."""
    explained = json.loads((BOOK / "zh" / "examples.json").read_text(encoding="utf-8"))
    said = {
        comment for path in EXAMPLES.glob("*.rs")
        for comment in comments(path.read_text(encoding="utf-8"))
    }
    printed = {
        pattern(line[22:]) for path in (EXAMPLES / "transcripts").glob("*.snap")
        for line in transcript(path.stem)
    }
    for comment in sorted(explained["comments"].keys() - said):
        yield f"zh/examples.json: no example has this comment: {comment}"
    for line in sorted(explained["output"].keys() - printed):
        yield f"zh/examples.json: no example prints this: {line}"


def check():
    mistakes = [*left_over()]
    wanted = {path.name for path in (BOOK / "src").glob("*.md")}
    there = {path.name for path in (BOOK / "zh").glob("*.md")}
    tasks = {path.stem for path in TASKS.glob("*.rs")}
    there_tasks = {path.stem for path in (BOOK / "zh" / "your_turn").glob("*.md")}
    for name in sorted(wanted ^ there):
        mistakes.append(f"{name} is not in both editions")
    for name in sorted(tasks ^ there_tasks):
        mistakes.append(f"the exercise {name} is not in both editions")
    for page in pages():
        name, path = followed(page)
        if not path.is_file():
            continue
        noted, chinese = what_it_follows(page.read_text(encoding="utf-8"))
        if noted is None:
            mistakes.append(f"zh/{page.name}: does not say which English file it follows")
        elif noted != (name, number(path)):
            mistakes.append(
                f"zh/{page.name}: {name} has changed since: git diff {noted[1]} HEAD:{name}"
            )
        if page.parent.name != "your_turn":
            english = path.read_text(encoding="utf-8")
            mistakes += differences(page.name, english, chinese)
    for mistake in mistakes:
        print(f"mistake: {mistake}", file=sys.stderr)
    print(f"in step: {len(pages())} Chinese pages, {len(mistakes)} mistakes")
    return 1 if mistakes else 0


def note(names):
    chosen = [page for page in pages() if page.stem in names or names == ["--all"]]
    if len(chosen) != len(names) and names != ["--all"]:
        sys.exit(f"no such page among {[page.stem for page in pages()]}")
    for page in chosen:
        name, path = followed(page)
        _, chinese = what_it_follows(page.read_text(encoding="utf-8"))
        page.write_text(
            f"<!-- follows {name} {number(path)} -->\n\n{chinese}",
            encoding="utf-8", newline="\n",
        )


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    sys.stderr.reconfigure(encoding="utf-8")
    if sys.argv[1:2] == ["--followed"] and len(sys.argv) > 2:
        note(sys.argv[2:])
    elif len(sys.argv) > 1:
        sys.exit(__doc__)
    else:
        sys.exit(check())
