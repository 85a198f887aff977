"""Where things are, and how they are read."""

import re
from pathlib import Path

BOOK = Path(__file__).resolve().parent.parent
ROOT = BOOK.parent
EXAMPLES = ROOT / "examples"
PAGES = BOOK / "src"


class Mistake(Exception):
    """What is wrong, in a sentence for whoever wrote the page."""


def read(path):
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Mistake(f"cannot read {path}: {error.strerror}") from error


def recorded(folder, name):
    """What a run printed: NAME.snap without its header of three lines, or NAME.txt."""
    path = folder / f"{name}.snap"
    if not path.is_file():
        return read(folder / f"{name}.txt")
    header = re.match(r"---\n.*\n---\n", read(path))
    if header is None:
        raise Mistake(f"{path.name} has not a header of three lines")
    return read(path)[header.end():]


def is_recorded(folder, name):
    return any((folder / f"{name}.{ending}").is_file() for ending in ("snap", "txt"))


def in_language(folder, name, ending, language):
    """NAME, or NAME.zh where this edition has a file of its own."""
    own = f"{name}.{language}"
    exists = is_recorded(folder, own) if ending in ("snap", "txt") else (folder / f"{own}.{ending}").is_file()
    return own if exists else name


def squeeze(text):
    return " ".join(text.split())
