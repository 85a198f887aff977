"""Rust in the examples that goes beyond what the reader is told to know.

Each of these names is explained in the last part of the glossary (tests/structure.py
compares the two), and a page names those that its code uses.
"""

import re

from .files import PAGES, Mistake, read
from .markdown import slug

PART = "glossary.md#rust-in-the-examples-that-you-may-not-know"

# As it is written there, and how it is found in a program.
NAMES = {
    "b\"hello\"": r'\bb"',
    "{kind:?}": r":\?\}",
    "{bytes:02x?}": r":02x\?\}",
    "ok_or": r"\.ok_or\(",
    "r#type": r"\br#\w",
    "cfg!": r"\bcfg!\(",
    "#[cfg]": r"#\[cfg\(",
    "include_str!": r"\binclude_str!",
    "as _": r"\bas _\b",
    "[..length]": r"\[\w*\.\.=?\w*\]",
    "concat": r"\.concat\(\)",
    "let else": r"\blet [^;{}]*=[^;{}]*\belse \{ \w",
    "if let": r"\b(?:if|while) let\b",
    "let _": r"\blet _ =",
    "inspect_err": r"\.inspect_err\(",
    "map_err": r"\.map_err\(",
    "|value|": r"[(=,] *(?:move )?\|[\w, ()]*\|",
    "move": r"\bmove \|",
    "impl Fn": r"\bimpl Fn\b",
    "matches!": r"\bmatches!\(",
    "async": r"\basync (?:fn|move|\{)",
    ".await": r"\.await\b",
    "select!": r"\bselect! ",
    "oneshot": r"\boneshot\b",
    "spawn": r"\bspawn\(",
    "join": r"\.join\(\)",
    "mpsc": r"\bmpsc\b",
    "Arc": r"\bArc\b",
    "Mutex": r"\bMutex\b",
    "AtomicBool": r"\bAtomic\w+",
}


def used(program):
    """The names of what a program uses of it."""
    code = re.sub(r"//.*", "", program)
    return [name for name, found in NAMES.items() if re.search(found, code)]


def places():
    """Where each name is explained: the ids that mdBook gives to the terms of a list."""
    heading = "\n## Rust in the examples that you may not know\n"
    _, found, part = read(PAGES / "glossary.md").partition(heading)
    if not found:
        raise Mistake("glossary.md has no part on Rust any more")
    terms = re.findall(r"^(`.*`)\n: ", part, re.MULTILINE)
    return [(name, slug(term)) for term in terms for name in re.findall("`([^`]*)`", term)]
