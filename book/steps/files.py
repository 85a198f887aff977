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
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Mistake(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Mistake(f"{path} is not UTF-8: {error.reason}, at byte {error.start}") from error


def recorded(folder, name):
    """What a run printed: NAME.snap without its header of three lines."""
    text = read(folder / f"{name}.snap")
    header = re.match(r"---\n.*\n---\n", text)
    if header is None:
        raise Mistake(f"{name}.snap has not a header of three lines")
    return text[header.end():]


def is_recorded(folder, name):
    return (folder / f"{name}.snap").is_file()


def in_language(folder, name, ending, language):
    """NAME, or NAME.zh where this edition has a file of its own."""
    own = f"{name}.{language}"
    return own if (folder / f"{own}.{ending}").is_file() else name


def squeeze(text):
    return " ".join(text.split())
