"""The two editions: English, and what a language has in place of it.

What has no translation is shown in English; nothing fails for want of one.
"""

import json

from . import drawings, po
from .files import BOOK, ROOT, Mistake, read, squeeze

# What the tools themselves put on a page.
WORDS = {
    "whole file": "The whole file: {}",
    "kernel": "What the kernel did, as a picture",
    "rust": "Rust that you may not know: {}.",
    "windows": "On Windows",
    "result": "What it prints",
    "output": "What these lines mean",
    "output above": "What these lines mean is explained above.",
    "change": "In {}, from line {} on:",
    "and": " and ",
    "client": "Then start {}.",
    "outcome": "What happens",
    "caption": "What the kernel did, in one run. Time goes down. A shaded line is the program's own: what led to it stands above. {}",
    "printed": "The program prints: {}",
    "how to read": "How to read it",
    "open": "Open this when you have guessed and run it",
    "numbers": "The numbers",
    "machine": "Measured on: {}.",
    "cores": "{} cores",
    "what": "what",
    "of server": "server",
    "clients": "clients",
    "buffer": "buffer",
    "value": "value",
    "middle half": "middle half",
    "range": "{} to {}",
    "not measured": "(not measured yet)",
    "write": "Write it in {}, and check it ([how that works](your-turn.md)):",
    "tries": "What the grader tries",
    "solution": "A solution",
    "seen": "You see",
    "calls": "In which call",
    "comma": ", ",
    "comments": "In the file, the comments are in English.",
    "untranslated": "not translated yet",
    "newer part": "This part is newer than its translation, so it is in English.",
    "newer comment": "Some comments here are newer than their translation, so they are in English.",
    "newer page": "Parts of this page are newer than their translation; they are in English.",
    "no page": "This page has not been translated yet.",
}

# What the players say of a record that the drawing of it does not (book/look/player.js), and the words
# in the record that it is said for.
PLAYER = {
    "no descriptor yet": "no descriptor yet",
    "descriptor still open": "descriptor still open",
    "descriptor closed": "descriptor closed",
    "has a descriptor": "has a descriptor",
    "bound, its port not seen yet": "bind(",
    "gone": "",
    "closed by the program": "",
    "not empty": "not empty",
    "ICMP: host unreachable": "ICMP: host unreachable",
    "sent again": ", again",
    "lost on the way": ", lost",
    "late": ", late",
    "twice": ", twice",
    "(not shown: calls on other sockets than those of the internet)": "(not shown: calls on other",
}
# And what it does.
OF_DRAWING = ["unbound", "unconnected", "connected", "accept queue", "empty", "datagram", "ICMP: port unreachable"]

# The PO files of a language: these words and the table of contents, the comments of the examples,
# those of the solutions, the lines that the examples print, the labels of the pictures in src/img
# and of what was measured, what mdBook says, what the players say.
CATALOGUES = ["words", "comments", "solutions", "output", "labels", "mdbook", "player"]


def translations(path):
    return po.translations(read(path), path.name) if path.is_file() else {}


class Edition:
    def __init__(self, language="en"):
        self.language = language
        self.is_english = language == "en"
        self.pages = BOOK / language
        self.catalogues = {name: translations(self.pages / f"{name}.po") for name in CATALOGUES}
        # The head comments of the chat's programs, which print them on --help.
        texts = translations(ROOT / "src" / f"help_{language}.po")
        self.help = {squeeze(english): text for english, text in texts.items()}
        path = self.pages / "drawing.json"
        try:
            self.drawing = json.loads(read(path)) if path.is_file() else {}
        except json.JSONDecodeError as error:
            raise Mistake(f"{path.name}, line {error.lineno}: {error.msg}") from error

    def translation(self, catalogue, english):
        """In the language of this edition; None where there is no translation."""
        return english if self.is_english else self.catalogues[catalogue].get(english)

    def word(self, key, *values):
        return (self.translation("words", WORDS[key]) or WORDS[key]).format(*values)

    def label(self, english):
        """Of a picture, or of what was measured."""
        return self.translation("labels", english) or english

    def words_of_players(self, records, notes):
        """What players say in this language of these records, and their notes."""
        words = {text: self.translation("player", text) for text, of in PLAYER.items() if of in records}
        words |= {text: self.drawing.get(text) for text in OF_DRAWING if text in records}
        words |= {text: words.get(text) or drawings.note(self.drawing, text) for text in notes}
        return {text: word for text, word in words.items() if word and word != text}

    def title(self, english):
        """Of a page, or of a part of the book, in the table of contents."""
        return self.translation("words", english) or english
