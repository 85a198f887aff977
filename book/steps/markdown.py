"""What a page is made of: code, headings, and the parts below these."""

import hashlib
import html
import re
from dataclasses import dataclass

from .files import Mistake

DIRECTIVE = re.compile(r"\{\{#(\w+) ([^}]*)\}\}")
FENCE = re.compile(r"^(`{3,})(.*)\n((?:.*\n)*?)\1[ ]*$", re.MULTILINE)
HEADING = re.compile(r"(#{1,6}) (.+?)(?: #+)?(?: \{#([\w-]+)[^}]*\})?")


def fence(kind, text):
    if not text.strip():
        raise Mistake("an empty code block")
    return f"```{kind}\n{text.rstrip()}\n```"


def fold(summary, content, attributes=""):
    return f"<details{attributes}>\n<summary>{summary}</summary>\n\n{content}\n\n</details>"


def slug(heading):
    """The id that mdBook gives to a heading, the first of its words."""
    heading = re.sub(r"!?\[([^\]]*)\]\([^)]*\)|<[^>]+>|\b_(\S.*?)_\b", lambda found: found[1] or found[2] or "", heading)
    heading = html.unescape(heading)
    heading = re.sub(r"[^\w\s-]", "", heading.strip().lower())
    return re.sub(r"\s", "-", heading)


@dataclass
class Part:
    """What stands below one heading, up to the next."""

    level: int
    heading: str
    id: str  # in the page as it is built
    name: str  # what it is called: "break-it", or "tcp-03_listen/predict" below another
    line: str  # the heading as it is written
    body: str

    def text(self):
        return self.line + self.body

    def state(self):
        """Of its words. (Whether both editions have the same directives is compared.)"""
        return state(DIRECTIVE.sub(lambda match: f"{{{{#{match[1]}}}}}{reader_words(*match.groups())}", self.text()))


def reader_words(what, rest):
    """The words of a directive that are for the reader, and so are translated."""
    return rest.partition("//")[2] if what in ("change", "your_turn") else ""


def state(text):
    """A short number for a text; its spaces and line breaks do not matter."""
    return hashlib.sha256("".join(text.split()).encode()).hexdigest()[:8]


def parts(text):
    page, ids, names, above = [], {}, {}, {}
    place = 0  # behind the fences so far
    fences = [(match.start(), match.end()) for match in FENCE.finditer(text)]
    for line in text.splitlines(keepends=True):
        in_code = any(start <= place < end for start, end in fences)
        place += len(line)
        heading = None if in_code else HEADING.fullmatch(line.rstrip("\n"))
        if heading is None:
            if not page:
                if line.strip():
                    raise Mistake(f"does not begin with a heading, but with: {line.strip()}")
                continue
            page[-1].body += line
            continue
        level, words, given = len(heading[1]), heading[2], heading[3]
        plain = given or slug(words)
        above = {one: name for one, name in above.items() if one < level}
        name = "/".join([*(above[one] for one in sorted(above) if one > 1), plain])
        above[level] = plain
        number = names[name] = names.get(name, 0) + 1
        count = ids[plain] = ids.get(plain, -1) + (not given)  # of the same words
        page.append(Part(
            level, words, plain if given or not count else f"{plain}-{count}",
            name if number == 1 else f"{name}-{number}", line, "",
        ))
    return page
