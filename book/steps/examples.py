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
    first = comment_line(name, lines, start)
    return textwrap.dedent("\n".join(lines[first:to_closing_brace(name, lines, first)]))


def to_closing_brace(name, lines, first):
    end = " " * indentation(lines[first]) + "}"
    for last in range(first, len(lines)):
        if lines[last].rstrip(",;") == end:
            return last + 1
    raise Mistake(f"{name}.rs: no block below line {first + 1}")


def paragraphs(name, *starts):
    """The paragraphs of an example that start with these comments."""
    if not starts:
        raise Mistake("say where the paragraph starts: {{#step NAME // Words}}")
    lines = source(name).splitlines()
    code = "\n\n".join("\n".join(lines[slice(*span(name, lines, start))]) for start in starts)
    if code.count("{") != code.count("}"):
        raise Mistake(f"{name}.rs: a block that does not close below '// {starts}'")
    return textwrap.dedent(code)


def new_lines(name, *starts):
    """The numbers of the first and the last line of each paragraph, from 1."""
    lines = source(name).splitlines()
    return [(first + 1, last) for first, last in (span(name, lines, start) for start in starts)]


def span(name, lines, start):
    """From which line of the file to which one a paragraph goes."""
    first = last = comment_line(name, lines, start)
    if lines[first].startswith("///"):
        return first, to_closing_brace(name, lines, first)
    # Up to a blank line, or to the end of the block that it stands in.
    indent = indentation(lines[first])
    while last < len(lines) and lines[last].strip() and indentation(lines[last]) >= indent:
        last += 1
    if all(line.strip().startswith("//") for line in lines[first:last]):
        raise Mistake(f"{name}.rs: no code below '// {start}'")
    return first, last


# ---- Comments in another language, in their places.

COMMENT = re.compile(r"(\s*//[!/]?) ?(.*)")
COMMENT_BEHIND = re.compile(r"(.*[^:\"/]\s+// )(.*)")


def translate(program, translation, whole=lambda paragraph: None):
    """The same code, with each comment as `translation` has it (None: as it is)."""
    return "\n".join(line for line, _ in translated(program, translation, whole))


def translated(program, translation, whole=lambda paragraph: None):
    """Its lines, each with its number in the program; 0: it stands in no line there.

    A paragraph of comment is one text without its line breaks, and an indented
    command ends it. `whole` is asked first, for the paragraph with its commands.
    """
    output, paragraph = [], []  # of (line, number), and of (mark, text, (line, number))

    def put(piece):
        text = translation(squeeze(" ".join(text for _, text, _ in piece))) if piece else None
        if text is None:
            output.extend(line for *_, line in piece)
        else:
            mark = piece[0][0] + " "
            output.extend((mark + line, 0) for line in wrap(text, WIDTH - len(mark)))

    def end():
        text = whole(squeeze(" ".join(text for _, text, _ in paragraph))) if paragraph else None
        if text is not None:
            output.extend((f"{paragraph[0][0]} {line}", 0) for line in text.splitlines())
        else:
            commands = [at for at, (_, text, _) in enumerate(paragraph) if text.startswith("    ")]
            start = 0
            for at in [*commands, len(paragraph)]:
                put(paragraph[start:at])
                output.extend(line for *_, line in paragraph[at:at + 1])
                start = at + 1
        paragraph.clear()

    for number, line in enumerate(program.splitlines(), start=1):
        comment = COMMENT.fullmatch(line)
        if comment and comment[2].strip():
            paragraph.append((comment[1], comment[2], (line, number)))
            continue
        end()
        behind = None if comment else COMMENT_BEHIND.fullmatch(line)
        text = behind and translation(behind[2])
        output.append((line if text is None else behind[1] + text, number))
    end()
    return output


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
        # What an error shows of the program, and a warning of the compiler.
        (r"^(line \d+: ).*", r"\1…"), (r"^(warning: .*?)`[^`]*`", r"\1`…`"),
        (r'"[^"]*"', '"…"'), (r"\[[^\]:]*\]", "[…]"),
        (r"(?:127\.0\.0\.1|0\.0\.0\.0):(?:PORT\d+|\d+)", "ADDRESS"),
        (r"\b(PORT|FD)\d+(?:[b-z]|-\d+)?\b", r"\1"), (r"\b\d+(?=ms|ns|\b)", "N"),
    ]:
        line = re.sub(what, instead, line)
    return line.strip()


def output(name):
    """The patterns of a lesson's transcript that have words in them, each once."""
    return patterns(name, transcript(name))


def output_of_change(title):
    """The same of what a change prints."""
    return patterns(title, recorded(EXAMPLES / "changes", title).splitlines())


def patterns(name, lines):
    """(The chat's programs speak the language of the reader themselves.)"""
    if name.startswith("07_chat"):
        return []
    return [
        line for line in dict.fromkeys(map(pattern, lines))
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


# At the end of a call, of its result: the line of the program. And the line above what is printed.
LINE_OF_CODE = re.compile(r"^(  .*?)  \[[^][]+:\d+\]$", re.MULTILINE)
PRINTS = re.compile(r"^  prints  .*\n", re.MULTILINE)


def record(name):
    """The text of a timeline, with the lines of code in it."""
    return recorded(EXAMPLES / "timelines", name)


def without_code(text):
    """As a reader sees it: without the lines of code."""
    return LINE_OF_CODE.sub(r"\1", PRINTS.sub("", text))


def has_timeline(name):
    return is_recorded(EXAMPLES / "timelines", name)


def is_example(name):
    return (EXAMPLES / f"{name}.rs").is_file()


def programs(name):
    """The examples of a timeline: those that it names, in the order in which they act, or that of its own name."""
    named = re.findall(r"^(?:  \w+ +)?(\w+): ", without_code(record(name)), re.MULTILINE)
    named = dict.fromkeys(named) if any(map(is_example, named)) else [name.split(".")[0]]
    found = [one for one in named if is_example(one)]
    if not found:
        raise Mistake(f"{name}: there is no such example, and its timeline names none")
    return found


def steps(name):
    """Each line of a timeline as a reader sees it, with the number of its step.

    A step is one event of it. Lines of state and queue that stand together are
    one: they were read from the kernel's table at one time.
    """
    number, before, found = 0, "", []
    for line in without_code(record(name)).splitlines():
        if not line.strip():
            continue
        kind = "look" if re.match("  (?:state|queue) ", line) else ""
        number += not kind or kind != before
        before = kind
        found.append((number, line))
    return found


def notes(name):
    """What a timeline says besides what happens: how often, how a program ended."""
    found = re.findall(r"^(?:  \.\.\. +(.*)|(?:  call +)?(\(.*\)))$", without_code(record(name)), re.MULTILINE)
    # (The player names the program elsewhere.)
    return [times or re.sub(r"^\(\w+: ", "(", other) for times, other in found]


def timelines(name):
    """Those of an example, and of its changes."""
    return sorted(path.stem for path in (EXAMPLES / "timelines").glob(f"{name}*.snap") if path.stem.split(".")[0] == name)


def step(name, words, *more):
    """The step of the one line that has these words; `more` words stand anywhere in the timeline."""
    if not has_timeline(name):
        raise Mistake(f"{name} has no timeline")
    found = steps(name)
    lines = [line for _, line in found]
    for some in more:
        if not some or not any(squeeze(some) in squeeze(line) for line in lines):
            raise Mistake(f"the timeline of {name}: no line has '{some}'")
    # (FD1 is not FD1b: of several lines, the one where the words end as words do.)
    whole = [line if re.search(rf"{re.escape(squeeze(words))}(?!\w)", squeeze(line)) else "" for line in lines]
    return found[the_line(whole if any(whole) else lines, words, f"the timeline of {name}")][0]


def changed(title):
    """The file of an example with one of the changes in it, as a program; None: that changes no code."""
    name = title.split(".")[0]
    _, *hunks = re.split(r"^@@ -(\d+)(?:,\d+)? .*\n", read(EXAMPLES / "changes" / f"{title}.patch"), flags=re.MULTILINE)
    if not hunks:
        return None
    lines = source(name).splitlines()
    output, done = [], 0
    for start, hunk in zip(map(int, hunks[0::2]), hunks[1::2]):
        before, after = ([line[1:] for line in hunk.splitlines() if line[:1] not in mark] for mark in ("+", "-"))
        # As patch does: where it fits, the nearest to the line that it names.
        fits = [at for at in range(done, len(lines)) if lines[at:at + len(before)] == before]
        if not fits:
            raise Mistake(f"{title}.patch does not fit {name}.rs from line {start} on")
        place = min(fits, key=lambda at: abs(at + 1 - start))
        output += lines[done:place] + after
        done = place + len(before)
    return "\n".join(output + lines[done:]) + "\n"


IN_PICTURE = "picture: "


def picture_of(name, *words):
    """What the picture of a player shows: all, or what its directive says with `picture: `, as `sequence` has it."""
    return name, *(some.removeprefix(IN_PICTURE) for some in words if some.startswith(IN_PICTURE))


def groups(name):
    """Each line of the program with what led to it, which stands above it, and what came after the last one."""
    text = without_code(record(name))
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
