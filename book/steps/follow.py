"""A Chinese page beside the English one that it follows, part by part.

Below its heading each Chinese part says which English part it follows, in which
state that one was, and in which state it was itself when somebody noted that:

    <!-- follows break-it 1a2b3c4d 5e6f7a8b -->
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from . import guesses
from .files import EXAMPLES, Mistake, read
from .markdown import DIRECTIVE, FENCE, Part, parts, reader_words

MARK = re.compile(r"\n*<!-- follows (\S+)(?: ([0-9a-f]{8}) ([0-9a-f]{8}))? -->\n")


@dataclass
class Chinese:
    part: Part  # without the mark
    name: str | None = None  # of the English part
    english: str | None = None
    own: str | None = None

    def has_changed(self):
        """Since it was noted."""
        return self.own != self.part.state()


@dataclass
class Pair:
    english: Part
    chinese: Chinese | None = None
    trouble: str | None = None  # why the English is shown


@dataclass
class Page:
    pairs: list
    chinese: list = field(default_factory=list)
    is_translated: bool = True  # is there a Chinese file?
    same: Callable = lambda english, chinese: None  # what differs

    def troubles(self):
        return [pair for pair in self.pairs if pair.trouble]

    def without_english(self):
        """Chinese parts that follow nothing that is there."""
        return [one for one in self.chinese if not any(one is pair.chinese for pair in self.pairs)]

    def text(self):
        return "".join(map(with_mark, self.chinese))

    def note(self):
        """Writes into the marks that the Chinese parts follow the English as it is
        now, but for those that were not changed since that was written last."""
        if not self.chinese:
            return [pair.trouble for pair in self.pairs[:1]]
        refused = [f"'{one.part.heading}' follows nothing that is there" for one in self.without_english()]
        for english, chinese in ((pair.english, pair.chinese) for pair in self.pairs if pair.chinese):
            if different := self.same(english, chinese.part):
                refused.append(f"{english.name}: {different}")
            elif chinese.english not in (None, english.state()) and not chinese.has_changed():
                refused.append(f"{english.name} has changed in English, and not in Chinese")
            else:
                chinese.name, chinese.english, chinese.own = english.name, english.state(), chinese.part.state()
        return refused


def chinese_parts(text):
    chinese = []
    for part in parts(text):
        mark = MARK.match(part.body)
        part.body = MARK.sub("", part.body, count=1) if mark else part.body
        chinese.append(Chinese(part, *(mark.groups() if mark else ())))
    return chinese


def with_mark(one):
    """A Chinese part as it stands in its file."""
    if one.name is None:
        return one.part.text()
    marks = " ".join(filter(None, [one.name, one.english, one.own]))
    return f"{one.part.line}\n<!-- follows {marks} -->\n{one.part.body}"


def pair(english, chinese, same=Page.same):
    """The page in the order of the English text; `same` tells what differs.

    A part is found by its name, or else by its state: so it may move, and what
    stands above it may get another heading.
    """
    followers, missing = [], "is new"
    try:
        followers = chinese_parts(chinese or "")
    except Mistake as mistake:
        missing = f"cannot be read: the page {mistake}"
    by_name = {one.name: one for one in reversed(followers) if one.name}
    by_state = {one.english: one for one in followers if one.english}
    pairs = []
    for part in parts(english):
        now = part.state()
        follower = by_name.get(part.name)
        if follower is None or follower.english != now:
            follower = by_state.get(now, follower)
        trouble = None
        if follower is None:
            trouble = missing
        elif follower.english is None:
            trouble = "is not noted yet"
        elif follower.english != now:
            trouble = f"has changed (it is {now} now)"
        elif difference := same(part, follower.part):
            trouble = f"differs: {difference}"
        pairs.append(Pair(part, follower, trouble))
    return Page(pairs, followers, chinese is not None, same)


def page_of(english, path, same=Page.same):
    return pair(english, read(path) if path.is_file() else None, same)


def directives(text):
    """Each directive, without the words for the reader."""
    return [
        (what, rest.removesuffix(f"//{words}").strip() if (words := reader_words(what, rest)) else rest)
        for what, rest in DIRECTIVE.findall(text)
    ]


def links(text):
    """Where it leads to, in the order of the names."""
    text = DIRECTIVE.sub(lambda match: match[2], text)
    return sorted(one or two for one, two in re.findall(r"\]\(([^)\s]+)\)|href=['\"]([^'\"]+)", text))


def code(text):
    """The blocks of code; what is typed for the Chinese words counts as the rest."""
    text = re.sub(r"(?: --)? --lang zh\b", "", text.replace(".zh.py", ".py"))
    return re.findall(r"^ *```.*?^ *```", text, re.MULTILINE | re.DOTALL)


def tags(text):
    return re.findall(r"</?[a-z]+", FENCE.sub("", text))


def numbers(text):
    """What each call of the atlas gives: numbers and names, kinds, examples."""
    rows = re.findall(r"^  Linux[:：].*$", text, re.MULTILINE)
    given = (re.findall(r"\b\d+ E\w+|\b\d{5}\b|\b[A-Z][a-z]\w+\b|`\w+`", row) for row in rows)
    return [" ".join(one for one in row if one not in ("Linux", "Windows", "Kind")) for row in given]


def choices(text):
    """How many choices each question has, or how many wrong answers an answer speaks of."""
    _, items = guesses.numbered(text)
    return [str(len(one.nested) or bool(guesses.NUMBER.search(one.text))) for one in items] if guesses.are_there(text) else []


def names(text):
    """States, flags and calls that the words of a part name."""
    return set(re.findall(r"\b[A-Z]{3,}(?:-[A-Z\d]+)*\b|`\w+`", DIRECTIVE.sub("", text)))


def difference(english, chinese):
    """What one of them shows and the other does not: the words alone may differ."""
    if english.level != chinese.level:
        return f"its heading has the level {chinese.level}, not {english.level}"
    same = [
        ("directives", directives), ("links", links), ("code", code), ("HTML tags", tags), ("numbers", numbers),
        ("choices", choices),
    ]
    for what, of in same:
        model, actual = of(english.body), of(chinese.body)
        if actual != model:
            missing, more = (list((Counter(a) - Counter(b)).keys()) for a, b in [(model, actual), (actual, model)])
            return f"its {what} are not the English ones: missing {missing}, more {more}"
    # The English names only what the kernel did in that run: tests/structure.py.
    if english.name.endswith("/what-the-kernel-did"):
        if more := sorted(names(chinese.body) - names(english.body)):
            return f"it names {more}, and the English does not"
    return None


# ---- The exercises, whose English stands in the program that the reader completes.


def exercise(name):
    """Title, task and the comments in the file of an exercise."""
    path = f"examples/your_turn/{name}.rs"
    lines = read(EXAMPLES / "your_turn" / f"{name}.rs").splitlines()
    head = [line[3:].removeprefix(" ") for line in lines if line[:3] == "//!"]
    title = re.fullmatch(r"Your turn, step \d+: (.+)\.", head[0] if head else "")
    command = f"cargo grade {name}"
    if not title or head[-1].strip() != command:
        raise Mistake(f"{path}: its head is no task, or does not end in '{command}'")
    comments = [line.strip() for line in lines if re.match(r"\s*//(?!!)", line)]
    return title[1][0].upper() + title[1][1:], "\n".join(head[1:-1]).strip(), "\n".join(comments)


def exercise_text(name):
    """As a page of one part."""
    title, task, comments = exercise(name)
    return f"# {title}\n\n{task}\n\n{comments}\n"
