"""The mdBook preprocessor: `python3 -m steps`, in the folder of the book.

mdBook hands over the English pages, for either edition. For the Chinese one,
each is put together again: the same parts in the same order, in Chinese where
that is up to date (see follow.py).
"""

import json
import re
import sys
from collections import Counter

from . import atlas, examples, follow, guesses, records
from .directives import BEHIND, Directives, Shared
from .drawings import draw
from .edition import Edition
from .files import Mistake
from .markdown import DIRECTIVE, fold, parts

# The parts that answer the reader's guesses: they open after these.
ANSWER = "What the kernel did"
PREDICT, ANSWERED, CHECKPOINT = "predict", "what-the-kernel-did", "checkpoint"


def chapters(items):
    for item in items:
        if isinstance(item, dict) and "Chapter" in item:
            yield item["Chapter"]
            yield from chapters(item["Chapter"]["sub_items"])


def switch(path, language):
    """The link to this page in the other edition (steps.js knows the place)."""
    page = path[:-3] + ".html"
    to, language, name = {
        "en": (f"zh/{page}", "zh-CN", "中文"), "zh": (f"../{page}", "en", "English"),
    }[language]
    # Its words are not between the tags: there the search would find them.
    return (
        f'<a class="edition" href="{to}" hreflang="{language}" lang="{language}" aria-label="{name}"></a>\n\n'
    )


class Chapter:
    """One page: its parts, each in the language that it is shown in."""

    def __init__(self, chapter, edition, english):
        self.path = chapter["path"]
        self.edition, self.english = edition, english
        if edition.is_english:
            self.page = follow.Page([follow.Pair(part) for part in parts(chapter["content"])])
        else:
            own = edition.pages / self.path
            self.page = follow.page_of(chapter["content"], own, follow.difference)
            self.keep_together()
        self.shared = Shared(chapter["content"])

    def sections(self):
        """The parts that ask, each with the one that answers: their places on the page."""
        places = {pair.english.name: at for at, pair in enumerate(self.page.pairs)}
        for name, at in places.items():
            section, _, last = name.rpartition("/")
            if last == CHECKPOINT:
                yield at, at
            elif last == PREDICT:
                yield at, places.get(f"{section}/{ANSWERED}".lstrip("/"), at)

    def keep_together(self):
        """Guesses and what is said of them are in one language."""
        for pair in (tuple(self.page.pairs[at] for at in places) for places in self.sections()):
            behind = [one for one in pair if one.trouble]
            if behind and guesses.are_there(pair[0].english.body):
                for one in pair:
                    one.trouble = one.trouble or f"stands with {behind[0].english.name}, which {behind[0].trouble}"

    def with_guesses(self, texts, directives):
        """The texts with their questions marked, and what is said of each behind the answers."""
        numbers, scripts = Counter(), {}
        for asking, answering in self.sections():
            edition, questions = texts[asking]
            _, answers = texts[answering]
            name = self.page.pairs[asking].english.name
            if not guesses.are_there(questions):
                if guesses.ANSWER.search(answers):
                    raise Mistake(f"{name}: there is an answer, and no question that has choices or asks for a number")
                continue
            section = re.sub(r".*?(\d\d_\w+)$", r"\1", name.rpartition("/")[0]) or name
            is_checkpoint = asking == answering
            if is_checkpoint:
                questions, fold_, answers = questions.partition("<details>")
                section = CHECKPOINT
            try:
                found = guesses.Guesses(
                    questions, answers, f"{self.path.removesuffix('.md')}/{section}",
                    expand=directives[edition].expand, numbers=numbers, is_checkpoint=is_checkpoint,
                )
            except Mistake as mistake:
                raise Mistake(f"{name}: {mistake}") from None
            texts[asking] = edition, found.asked() + (fold_ + answers if is_checkpoint else "")
            scripts[answering] = found.script()
        return scripts

    def texts(self):
        for pair in self.page.pairs:
            if pair.trouble or self.edition.is_english:
                yield self.english, pair.english.body
            else:
                yield self.edition, pair.chinese.part.body

    def pictures(self, edition):
        """What `sequence` wants drawn in this edition."""
        for one, text in self.texts():
            if one is edition:
                for what, arguments in DIRECTIVE.findall(text):
                    parts = [part.strip() for part in arguments.split("//")]
                    if what == "sequence":
                        yield tuple(parts)
                    elif what == "player":
                        yield examples.picture_of(*parts)

    def text(self, drawings):
        directives = {one: Directives(one, drawings[one], self.shared) for one in {self.edition, self.english}}
        text, texts = [], list(self.texts())
        scripts = self.with_guesses(texts, directives)
        for at, (pair, (edition, body)) in enumerate(zip(self.page.pairs, texts)):
            heading = pair.english.line
            body = directives[edition].expand(body)
            if pair.english.heading == ANSWER:
                body = f"\n{fold(edition.word('open'), body.strip())}\n\n"
            body += scripts.get(at, "")
            if edition is not self.edition:
                heading = f"{'#' * pair.english.level} {pair.english.heading} {{#{pair.english.id} lang=en}}\n"
                note = "newer part" if self.page.is_translated else None
                body = f"\n{directives[self.edition].in_english(body, note)}\n"
            elif not edition.is_english:
                heading = f"{'#' * pair.english.level} {pair.chinese.part.heading} {{#{pair.english.id}}}\n"
            text += [heading, body]
        if self.page.troubles() or BEHIND in "".join(text):
            note = "newer page" if self.page.is_translated else "no page"
            text.insert(1, f"\n{BEHIND}{self.edition.word(note)}</p>\n")
        return switch(self.path, self.edition.language) + "".join(text)


def process(book, language, keep=lambda models: None):
    """Puts what belongs there into the pages of a book; gives the mistakes. `keep` gets the records of the players."""
    for chapter in chapters(book["items"]):
        chapter["content"] = chapter["content"].replace("\r\n", "\n")
    english = Edition()
    edition = english if language == "en" else Edition(language)
    mistakes = []
    home = {  # in which chapter an example is
        name: chapter["path"]
        for chapter in chapters(book["items"])
        for name in re.findall(r"\{\{#(?:example|player) (\w+)", chapter["content"])
        if chapter["path"] and re.match(r"\d", chapter["path"])
    }
    pages = []
    for chapter in chapters(book["items"]):
        try:
            pages.append((chapter, Chapter(chapter, edition, english)))
        except Mistake as mistake:
            mistakes.append(f"{chapter['path']}: {mistake}")
    drawings = {}
    players = records.orders(chapter["content"] for chapter, _ in pages)
    for one in dict.fromkeys([edition, english]):
        pictures = dict.fromkeys(name for _, page in pages for name in page.pictures(one))
        drawings[one], models = draw(list(pictures), one.drawing, players if one is edition else ())
        if one is edition:
            keep(models)
    for chapter, page in pages:
        try:
            chapter["content"] = page.text(drawings)
            if page.path == atlas.PAGE:
                chapter["content"] = atlas.finish(chapter["content"], home, edition)
        except Mistake as mistake:
            mistakes.append(f"{page.path}: {mistake}")
        chapter["name"] = edition.title(chapter["name"])
    texts = {page.path: chapter["content"] for chapter, page in pages}
    try:
        texts = atlas.divide(texts, f"{BEHIND}{edition.word('newer page')}</p>")
    except Mistake as mistake:
        mistakes.append(f"{atlas.PAGE}: {mistake}")
    for chapter, page in pages:
        chapter["content"] = texts[page.path]
    for item in book["items"]:
        if "PartTitle" in item:
            item["PartTitle"] = edition.title(item["PartTitle"])
    return mistakes


def main():
    if len(sys.argv) > 1:  # `supports html`
        return
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8")
    context, book = json.load(sys.stdin)
    try:
        mistakes = process(book, context["config"]["book"]["language"].split("-")[0], records.write)
    except Mistake as mistake:
        mistakes = [mistake]
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    if mistakes:
        sys.exit(1)
    json.dump(book, sys.stdout)


if __name__ == "__main__":
    main()
