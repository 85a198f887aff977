"""Reads the examples: their paragraphs and comments, what they print, their timelines."""

import re
import textwrap
import unicodedata

from .edition import squeezed
from .files import EXAMPLES, Mistake, is_recorded, read, recorded

WIDTH = 76


def source(name):
    return read(EXAMPLES / f"{name}.rs")


# ---- Code, by the comment that it starts with.


def indentation(line):
    return len(line) - len(line.lstrip())


def comment_line(name, lines, start):
    """The number of the line with the comment that starts so."""
    found = [
        number for number, line in enumerate(lines)
        if re.match(rf"\s*///? {re.escape(start)}", line)
    ]
    if len(found) != 1:
        raise Mistake(f"{name}.rs: {len(found)} comments start '// {start}'")
    return found[0]


def block(name, start):
    """From the comment to the closing brace of what follows it."""
    lines = source(name).splitlines()
    return textwrap.dedent(to_closing_brace(name, lines, comment_line(name, lines, start)))


def to_closing_brace(name, lines, first):
    end = " " * indentation(lines[first]) + "}"
    for last in range(first, len(lines)):
        if lines[last].rstrip(",;") == end:
            return "\n".join(lines[first:last + 1])
    raise Mistake(f"{name}.rs: no block below line {first + 1}")


def paragraphs(name, *starts):
    """The paragraphs of an example that start with these comments."""
    if not starts:
        raise Mistake("say where the paragraph starts: {{#step NAME // Words}}")
    lines = source(name).splitlines()
    shown = "\n\n".join(paragraph(name, lines, start) for start in starts)
    if shown.count("{") != shown.count("}"):
        raise Mistake(f"{name}.rs: a block that does not close below '// {starts}'")
    return textwrap.dedent(shown)


def paragraph(name, lines, start):
    first = last = comment_line(name, lines, start)
    if lines[first].startswith("///"):
        return to_closing_brace(name, lines, first)
    # Up to a blank line, or to the end of the block that it stands in.
    indent = indentation(lines[first])
    while last < len(lines) and lines[last].strip() and indentation(lines[last]) >= indent:
        last += 1
    if all(line.strip().startswith("//") for line in lines[first:last]):
        raise Mistake(f"{name}.rs: no code below '// {start}'")
    return "\n".join(lines[first:last])


# ---- Comments in another language, in their places.

COMMENT = re.compile(r"(\s*//[!/]?) ?(.*)")
COMMENT_BEHIND = re.compile(r"(.*[^:\"/]\s+// )(.*)")


def translated(program, translate, whole=lambda paragraph: None):
    """The same code, with each comment as `translate` says it (None: as it is).

    A paragraph of comment is one text without its line breaks, and an indented
    command ends it. `whole` is asked first, for the paragraph with its commands.
    """
    shown, run = [], []

    def put(run):
        text = translate(squeezed(" ".join(text for _, text, _ in run))) if run else None
        lead = run[0][0] + " " if run else ""
        shown.extend(
            [line for *_, line in run] if text is None
            else [lead + one for one in wrapped(text, WIDTH - len(lead))]
        )

    def end():
        text = whole(squeezed(" ".join(text for _, text, _ in run))) if run else None
        if text is not None:
            lead = run[0][0] + " "
            shown.extend(lead + line for line in text.splitlines())
        else:
            words = []
            for lead, text, line in run:
                if text.startswith("    "):
                    put(words)
                    shown.append(line)
                    words = []
                else:
                    words.append((lead, text, line))
            put(words)
        run.clear()

    for line in program.splitlines():
        comment = COMMENT.fullmatch(line)
        if comment and comment[2].strip():
            run.append((comment[1], comment[2], line))
            continue
        end()
        behind = None if comment else COMMENT_BEHIND.fullmatch(line)
        text = behind and translate(behind[2])
        shown.append(line if text is None else behind[1] + text)
    end()
    return "\n".join(shown)


def comments(program, whole=lambda paragraph: None):
    """The comments of a program, each as a text of its own."""
    found = []
    translated(program, found.append, whole)
    return found


def width(text):
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def wrapped(text, room):
    """In lines of this width. Chinese has no spaces: a line may break between any
    characters, but not before the end of a sentence or a bracket, nor after its
    beginning; better behind a mark or a space, where one is in the last half."""
    lines, now = [], ""
    for piece in re.findall(r"[（“《]*(?:`[^`]*`|[!-~]+|.)[，。：；、）？！”》…]*", text):
        if now and width(now + piece.rstrip()) > room:
            pause = re.match(r"(.*[，。：；、）？！”》… ])", now)
            end = len(pause[1]) if pause and 2 * width(pause[1]) > room else len(now)
            lines.append(now[:end].rstrip())
            now = now[end:]
        now = (now + piece).lstrip()
    return [*lines, now.rstrip()]


# ---- What they print.


def transcript(name, language="en"):
    """The lines of a transcript: those in this language, where it has some.

    NAME@zh is the one in the other language: on a Chinese page, the English.
    """
    folder = EXAMPLES / "transcripts"
    if name.endswith(f"@{language}"):
        name = name.removesuffix(f"@{language}")
    elif is_recorded(folder, f"{name}@{language}"):
        name = f"{name}@{language}"
    return recorded(folder, name).splitlines()


def columns(line):
    """Who, which call, and what came of it: two spaces or more stand between them."""
    return re.split(r" {2,}", line.strip())


def pattern(line):
    """What a line of a transcript says, without what only its run has."""
    line = columns(line)[-1]
    for what, instead in [
        (r'"[^"]*"', '"…"'), (r"\[[^\]:]*\]", "[…]"),
        (r"(?:127\.0\.0\.1|0\.0\.0\.0):(?:PORT\d+|\d+)", "ADDRESS"),
        (r"\b(PORT|FD)\d+", r"\1"), (r"\b\d+(?=ms|ns|\b)", "N"),
    ]:
        line = re.sub(what, instead, line)
    return line.strip()


def output(name):
    """The patterns of a lesson's transcript that have words in them, each once.

    (The chat's programs speak the language of the reader themselves.)
    """
    if name.startswith("07_chat"):
        return []
    said = dict.fromkeys(map(pattern, transcript(name)))
    return [
        line for line in said
        if not re.match(r"(?:nc|cargo|printf) ", line)
        and re.search("[A-Za-z]{2}", re.sub("ADDRESS|FD|PORT", "", line))
    ]


def the_line(lines, words, where):
    """The number of the one line that has these words, however it is spaced."""
    words = squeezed(words)
    found = [number for number, line in enumerate(lines) if words in squeezed(line)]
    if not words or len(found) != 1:
        raise Mistake(f"{where}: {len(found)} lines have '{words}'")
    return found[0]


# ---- What the kernel did.


def timeline(name, *lines):
    """All of it; with words, the lines of the transcript that have them."""
    text = recorded(EXAMPLES / "timelines", name)
    if not lines:
        return text
    lines = [squeezed(line) for line in lines]
    groups = re.split(r"^(?! )", text, flags=re.MULTILINE)
    titles = [" ".join(columns(group.split("\n")[0])) for group in groups]
    return "".join(
        group for group, title in zip(groups, titles) if any(line in title for line in lines)
    )
