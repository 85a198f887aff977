"""Reads the examples: their paragraphs and comments, what they print, their timelines."""

import re
import textwrap
import unicodedata

from .files import EXAMPLES, Mistake, is_recorded, read, recorded, squeeze

WIDTH = 76


def source(name):
    return read(EXAMPLES / f"{name}.rs")


# ---- Code, by the comment that it starts with.


def indentation(line):
    return len(line) - len(line.lstrip())


def comment_line(name, lines, start):
    """The number of the line with the comment that starts so."""
    numbers = [
        number for number, line in enumerate(lines)
        if re.match(rf"\s*///? {re.escape(start)}", line)
    ]
    if len(numbers) != 1:
        raise Mistake(f"{name}.rs: {len(numbers)} comments start '// {start}'")
    return numbers[0]


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
    code = "\n\n".join(paragraph(name, lines, start) for start in starts)
    if code.count("{") != code.count("}"):
        raise Mistake(f"{name}.rs: a block that does not close below '// {starts}'")
    return textwrap.dedent(code)


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


def translate(program, translation, whole=lambda paragraph: None):
    """The same code, with each comment as `translation` has it (None: as it is).

    A paragraph of comment is one text without its line breaks, and an indented
    command ends it. `whole` is asked first, for the paragraph with its commands.
    """
    output, paragraph = [], []  # of (mark, text, line)

    def put(piece):
        text = translation(squeeze(" ".join(text for _, text, _ in piece))) if piece else None
        if text is None:
            output.extend(line for *_, line in piece)
        else:
            mark = piece[0][0] + " "
            output.extend(mark + line for line in wrap(text, WIDTH - len(mark)))

    def end():
        text = whole(squeeze(" ".join(text for _, text, _ in paragraph))) if paragraph else None
        if text is not None:
            output.extend(f"{paragraph[0][0]} {line}" for line in text.splitlines())
        else:
            commands = [at for at, (_, text, _) in enumerate(paragraph) if text.startswith("    ")]
            start = 0
            for at in [*commands, len(paragraph)]:
                put(paragraph[start:at])
                output.extend(line for *_, line in paragraph[at:at + 1])
                start = at + 1
        paragraph.clear()

    for line in program.splitlines():
        comment = COMMENT.fullmatch(line)
        if comment and comment[2].strip():
            paragraph.append((comment[1], comment[2], line))
            continue
        end()
        behind = None if comment else COMMENT_BEHIND.fullmatch(line)
        text = behind and translation(behind[2])
        output.append(line if text is None else behind[1] + text)
    end()
    return "\n".join(output)


def comments(program, whole=lambda paragraph: None):
    """The comments of a program, each as a text of its own."""
    texts = []
    translate(program, texts.append, whole)
    return texts


def width(text):
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def wrap(text, room):
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


# What stands for a number that the kernel picked. FD1b and FD1-27 are other sockets of FD1's number.
NAMED = re.compile(r"\b(?:FD|PORT)\d+(?:[b-z]|-\d+)?\b")


def transcript(name, language="en"):
    """The lines of a transcript: those in this language, where it has some.

    NAME@zh is the one in the other language: on a Chinese page, the English.
    Where the run has a picture, the kernel's numbers have the same names in both.
    """
    folder = EXAMPLES / "transcripts"
    if name.endswith(f"@{language}"):
        name = name.removesuffix(f"@{language}")
    elif is_recorded(folder, f"{name}@{language}"):
        name = f"{name}@{language}"
    lines = recorded(folder, name).splitlines()
    drawn = name.removesuffix("@windows")
    if not is_recorded(EXAMPLES / "timelines", drawn):
        return lines
    own, named = recorded(folder, drawn).splitlines(), printed(drawn)
    if [NAMED.sub("", line) for line in own] != [NAMED.sub("", line) for line in named]:
        raise Mistake(f"{drawn}: its timeline has not the lines of its transcript")
    if name == drawn:
        return named
    names = {}
    for before, after in zip(map(NAMED.findall, own), map(NAMED.findall, named)):
        names |= {one: other for one, other in zip(before, after) if one not in names}
    return [NAMED.sub(lambda one: names.get(one[0], one[0]), line) for line in lines]


def columns(line):
    """Who, which call, and what came of it: two spaces or more stand between them."""
    return re.split(r" {2,}", line.strip())


def pattern(line):
    """What a line of a transcript says, without what only its run has."""
    line = columns(line)[-1]
    for what, instead in [
        (r'"[^"]*"', '"…"'), (r"\[[^\]:]*\]", "[…]"),
        (r"(?:127\.0\.0\.1|0\.0\.0\.0):(?:PORT\d+|\d+)", "ADDRESS"),
        (r"\b(PORT|FD)\d+(?:[b-z]|-\d+)?\b", r"\1"), (r"\b\d+(?=ms|ns|\b)", "N"),
    ]:
        line = re.sub(what, instead, line)
    return line.strip()


def output(name):
    """The patterns of a lesson's transcript that have words in them, each once.

    (The chat's programs speak the language of the reader themselves.)
    """
    if name.startswith("07_chat"):
        return []
    patterns = dict.fromkeys(map(pattern, transcript(name)))
    return [
        line for line in patterns
        if not re.match(r"(?:nc|cargo|printf) ", line)
        and re.search("[A-Za-z]{2}", re.sub("ADDRESS|FD|PORT", "", line))
    ]


def the_line(lines, words, where):
    """The number of the one line that has these words, however it is spaced."""
    words = squeeze(words)
    numbers = [number for number, line in enumerate(lines) if words in squeeze(line)]
    if not words or len(numbers) != 1:
        raise Mistake(f"{where}: {len(numbers)} lines have '{words}'")
    return numbers[0]


# ---- What the kernel did.


THE_END = "the end"  # as the drawing has it: what came after the last line of the program
MARK = re.compile(r"\d+: ")  # of a legend: no part of the timeline


def groups(name):
    """Each line of the program with what led to it, which stands above it, and what came after the last one."""
    text = recorded(EXAMPLES / "timelines", name)
    found = re.findall(r"(?:^ .*\n)*^[^ ].*\n|(?:^ .*\n)+", text, flags=re.MULTILINE)
    last = len(found)
    while last and re.fullmatch(r"\(.*\)", found[last - 1].splitlines()[-1]):  # how a program ended
        last -= 1
    return found[:last] + ["".join(found[last:])] if last < len(found) else found


def title(group):
    """The line of the program; None: it has printed no more."""
    line = group.splitlines()[-1]
    return None if line.startswith((" ", "(")) else line


def printed(name):
    return [title(group) for group in groups(name) if title(group) is not None]


def timeline(name, *lines):
    return "".join(groups_of(name, *lines))


def groups_of(name, *lines):
    """All of it; with words, the lines of the program that have them, and what led to those."""
    lines = [squeeze(line) for line in lines if not MARK.match(line)]
    found = groups(name)
    if lines:
        def is_wanted(group):
            own = title(group)
            return any(own is None if line == THE_END else own is not None and line in squeeze(own) for line in lines)

        found = [group for group in found if is_wanted(group)]
    return found
