#!/usr/bin/env python3
"""mdBook preprocessor of this book: code and transcripts come from examples/.

A directive stands on a line of its own (`line`, `code` and `call` may stand inside a line):

    {{#step 04_accept // Step 4: accept.}}
        The paragraph of examples/04_accept.rs that starts with this comment,
        up to the next blank line, or the whole function where the comment is
        that of a function. More paragraphs: `// First. // Second.`
    {{#lines 04_accept // Step 4: accept.}}
        The same, folded.
    {{#block 09_glued_messages // The cure, the receiver's half}}
        The same, past blank lines to the end of the block that follows: a whole
        function, a whole loop.
    {{#example 04_accept}}
        The whole file, folded.
    {{#transcript 04_accept}}, {{#transcript 04_accept@two_terminals}}
        What the run prints: examples/transcripts/NAME.snap without its header.
        Where there is a NAME@windows.snap, it follows, folded.
    {{#result 04_accept}}
        The same, folded, for a run that the reader is to predict.
    {{#change 01_create.second_socket // What it shows, in a sentence.}}
        A change for the reader to make: examples/changes/NAME.patch; and folded
        what comes of it: NAME.txt, and the words.
    {{#line 04_accept // nothing yet}}
        The one line of that transcript with these words in it.
    {{#file your_own/tcp_client.rs}}, {{#file your_own/tcp_client.txt}}
        The whole file of examples/, open: a program, or what it prints. In the
        Chinese edition, NAME.zh.rs or NAME.zh.txt, where there is one.
    {{#sequence 04_accept}}, {{#sequence 04_accept // client connect}}
        What the kernel did, as a picture, drawn from examples/timelines/NAME.txt;
        with words, only the lines of the transcript that have them. Folded, the
        timeline itself.
    {{#timeline 04_accept // client connect}}
        Only the text, open.
    {{#seen 04_accept // accept queue 0}}
        The one line of that timeline with these words in it.
    {{#your_turn 05_echo // Why the solution is so, in a sentence or three.}}
        An exercise: the task, which is the head of examples/your_turn/NAME.rs;
        folded, what the grader tries; folded, the solution and the words.
    {{#code examples/tutorial/client.py // .connect(}}
        The one line of this file of the project with these words in it, for a
        cell of a table: without a comment after it, and the semicolon.
    {{#picture tables}}
        A drawing: src/img/NAME.svg.
    {{#call Python accept}}
        The line of examples/languages/calls.py that ends with the mark `# accept`,
        for a cell of a table: without the mark, the semicolon, and a `let x =`.

There are two editions: the pages in src/, and the Chinese ones in zh/. They
show the same things; words.py has what steps.py says in between, and
zh/pictures.json the labels of the pictures. Code and transcripts stay English:
zh/examples.json says in Chinese what each comment and each line means. A Chinese heading gets the id of the
English one in its place, so that one link leads to the same place in both.

The build fails when a file is missing, when a comment, a line or a mark is not
there exactly once, when a code block is empty, and when a directive is left over.
"""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

from words import EDITIONS, WORDS

BOOK = Path(__file__).resolve().parent
EXAMPLES = BOOK.parent / "examples"
HEADER = 3  # lines of a snapshot before the transcript
GRADE = EXAMPLES.parent / "tools" / "grade"
LANGUAGES = EXAMPLES.parent / "examples" / "languages"
CALLS = {
    "socket2": "socket2.rs",
    "Python": "calls.py",
    "C": "calls.c",
    "std": "std.rs",
    "tokio": "tokio.rs",
}


# Of the edition that is built (main chooses): its words, its labels.
words = WORDS["en"]
labels = None
examples = None  # and what their comments and their output say


class Mistake(Exception):
    pass


def read(path):
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Mistake(f"cannot read {path}: {error.strerror}") from error


def source(name):
    return read(EXAMPLES / f"{name}.rs")


def transcript(name, language="en"):
    """The lines of a transcript: the one in this language, where there is one.

    NAME@zh is the one in the other language: on a Chinese page, the English.
    """
    folder = EXAMPLES / "transcripts"
    path = folder / f"{name}@{language}.snap"
    if name.endswith(f"@{language}"):
        path = folder / f"{name.removesuffix(f'@{language}')}.snap"
    elif not path.is_file():
        path = folder / f"{name}.snap"
    lines = read(path).splitlines()
    if lines[0] != "---" or lines[HEADER - 1] != "---":
        raise Mistake(f"{name}.snap has not a header of {HEADER} lines")
    return lines[HEADER:]


def fence(kind, text):
    if not text.strip():
        raise Mistake("an empty code block")
    return f"```{kind}\n{text.rstrip()}\n```"


def indentation(line):
    return len(line) - len(line.lstrip())


def comment(name, lines, start):
    """The number of the line with the comment that starts so."""
    found = [
        number
        for number, line in enumerate(lines)
        if re.match(rf"\s*///? {re.escape(start)}", line)
    ]
    if len(found) != 1:
        raise Mistake(f"{name}.rs: {len(found)} comments start '// {start}'")
    return found[0]


def step(name, *starts):
    """The paragraphs of an example that start with these comments."""
    if not starts:
        raise Mistake("say where the paragraph starts: {{#step NAME // Words}}")
    lines = source(name).splitlines()
    paragraphs = []
    for start in starts:
        first = last = comment(name, lines, start)
        if lines[first].startswith("///"):
            paragraphs.append("\n".join(to_closing_brace(name, lines, first)))
            continue
        # Up to a blank line, or to the end of the block that it stands in.
        indent = indentation(lines[first])
        while last < len(lines) and lines[last].strip():
            if indentation(lines[last]) < indent:
                break
            last += 1
        paragraph = lines[first:last]
        if all(line.strip().startswith("//") for line in paragraph):
            raise Mistake(f"{name}.rs: no code below '// {start}'")
        paragraphs.append("\n".join(paragraph))
    shown = "\n\n".join(paragraphs)
    if shown.count("{") != shown.count("}"):
        raise Mistake(f"{name}.rs: a block that does not close below '// {starts}'")
    return fence("rust,ignore", textwrap.dedent(shown)) + comments_explained(name, shown)


def to_closing_brace(name, lines, first):
    end = " " * indentation(lines[first]) + "}"
    for last in range(first, len(lines)):
        if lines[last].rstrip(",;") == end:
            return lines[first:last + 1]
    raise Mistake(f"{name}.rs: no block below line {first + 1}")


def block(name, start):
    """From the comment to the closing brace of what follows it."""
    lines = source(name).splitlines()
    found = "\n".join(to_closing_brace(name, lines, comment(name, lines, start)))
    return fence("rust,ignore", textwrap.dedent(found)) + comments_explained(name, found)


def folded(summary, content):
    return (
        f"<details>\n<summary>{summary}</summary>\n\n{content}\n\n</details>"
    )


def folded_step(name, *starts):
    return folded(words["code"], step(name, *starts))


def example(name):
    whole = words["whole file"].format(f"<code>examples/{name}.rs</code>")
    text = source(name)
    return folded(whole, fence("rust,ignore", text) + comments_explained(name, text))


def comments(text):
    """The comments of a program, each in one line, without the commands."""
    found, now = [], []

    def end():
        if now:
            found.append(" ".join(now))
            now.clear()

    for line in text.splitlines():
        comment = re.match(r"\s*//([!/]?) ?(.*)$", line)
        if comment is None:
            end()
            behind = re.search(r"[^:\"/]\s+// (.*)$", line)
            found.extend([behind[1]] if behind else [])
        elif not comment[2].strip() or (comment[1] == "!" and comment[2].startswith("    ")):
            end()
        else:
            now.append(comment[2].strip())
    end()
    return found


def beginning(comment):
    """Enough of a comment to find it by, as code."""
    first = " ".join(comment.split()[:4])
    return f"`` {first}{' ...' if first != comment else ''} ``"


def comments_explained(name, text):
    """In another language: what each comment in this part of an example says."""
    if examples is None or "/" in name:
        return ""
    lines = []
    for comment in dict.fromkeys(comments(text)):
        if comment not in examples["comments"]:
            raise Mistake(f"examples.json has not this comment of {name}.rs: {comment}")
        lines.append(f"- {beginning(comment)} {examples['comments'][comment]}")
    return f"\n\n{words['comments']}\n\n" + "\n".join(lines)


def pattern(line):
    """What a line of a transcript says, without what only its run has."""
    for what, instead in [
        (r'"[^"]*"', '"…"'), (r"\[[^\]:]*\]", "[…]"),
        (r"(?:127\.0\.0\.1|0\.0\.0\.0):(?:PORT\d+|\d+)", "ADDRESS"),
        (r"\b(PORT|FD)\d+", r"\1"), (r"\b\d+(?=ms|ns|\b)", "N"),
    ]:
        line = re.sub(what, instead, line)
    return line.strip()


def output_explained(name):
    """In another language: what the lines of a lesson's transcript say."""
    if examples is None or name.startswith("07_chat"):
        return ""
    lines = {}
    for line in transcript(name):
        said = pattern(line[22:])  # behind who, and which call
        is_command = re.match(r"(?:nc|cargo|printf) ", said)
        if is_command or not re.search("[A-Za-z]{2}", re.sub("ADDRESS|FD|PORT", "", said)):
            continue
        if said not in examples["output"]:
            raise Mistake(f"examples.json has not this line of {name}.snap: {said}")
        lines[said] = f"- `` {said} `` {examples['output'][said]}"
    return "\n\n" + folded(words["output"], "\n".join(lines.values())) if lines else ""


def whole_transcript(name):
    shown = fence("text", "\n".join(transcript(name, words["this edition"])))
    shown += output_explained(name)
    windows = f"{name}@windows"
    if (EXAMPLES / "transcripts" / f"{windows}.snap").is_file():
        there = fence("text", "\n".join(transcript(windows)))
        shown += "\n\n" + folded(words["windows"], there)
    return shown


def result(name):
    return folded(words["result"], whole_transcript(name))


def change(title, why=""):
    """A change to make, and what comes of it (see tests/steps/book/changes.rs)."""
    name = title.split(".")[0]
    header, *hunks = re.split(
        r"^@@ -(\d+).*\n",
        read(EXAMPLES / "changes" / f"{title}.patch"),
        flags=re.MULTILINE,
    )
    what = [line for line in header.splitlines() if line[:4] not in ("--- ", "+++ ")]
    if hunks:
        lines = words["and"].join(hunks[0::2])
        what_to_do = words["change"].format(f"`{name}`", lines) + "\n\n"
        what_to_do += fence("diff", "...\n".join(hunks[1::2]))
        if "a client" in what:
            what_to_do += "\n\n" + words["client"].format("`07_chat_client`")
    else:
        what_to_do = fence("sh", command(name, what))
    outcome = read(of_this_edition(EXAMPLES / "changes" / f"{title}.txt"))
    content = fence("text", outcome) + "\n\n" + why
    return what_to_do + "\n\n" + folded(words["outcome"], content.strip())


def command(name, header):
    """What to type for a change that is no change of the code."""
    for line in header:
        key, _, value = line.partition(": ")
        if key == "type":
            return value
        if key == "with":
            address = value.replace("CLOSED", "8090")
            return f"cargo run --example {name} -- {address}"
    if "two clients" not in header:
        raise Mistake(f"nothing to do in {name}: {header}")
    return "cargo run --example 07_chat_client" + words["lang"]


def line(name, part=""):
    part = " ".join(part.split())
    lines = [" ".join(line.split()) for line in transcript(name)]
    found = [line for line in lines if part in line]
    if not part or len(found) != 1:
        raise Mistake(f"{name}.snap: {len(found)} lines have '{part}'")
    # (In another language it stands in the same place.)
    theirs = transcript(name, words["this edition"])
    if len(theirs) != len(lines):
        raise Mistake(f"{name}.snap has more or fewer lines in another language")
    return f"`{' '.join(theirs[lines.index(found[0])].split())}`"


def whole_file(path):
    path = EXAMPLES / path
    kind = {".rs": "rust,ignore", ".py": "python", ".txt": "text"}.get(path.suffix)
    if kind is None:
        raise Mistake(f"{path} is neither a program nor what it prints")
    return fence(kind, read(of_this_edition(path)))


def of_this_edition(path):
    """The file, or, where there is one, NAME.zh.ENDING in the Chinese edition."""
    theirs = path.with_suffix(f".{words['this edition']}{path.suffix}")
    return theirs if theirs.is_file() else path


def code(path, part=""):
    lines = read(of_this_edition(EXAMPLES.parent / path)).splitlines()
    found = [line.strip() for line in lines if part in line]
    if not part or len(found) != 1:
        raise Mistake(f"{path}: {len(found)} lines have '{part}'")
    shown = re.split(r"  #| //", found[0])[0].rstrip(";")
    return "`" + shown.replace("|", r"\|") + "`"


def timeline(name):
    return read(EXAMPLES / "timelines" / f"{name}.txt")


PICTURES = {}  # of each `sequence`, its drawing


def draw(wanted):
    """Has `cargo trace` draw all pictures of the book."""
    cargo = [os.environ.get("CARGO", "cargo"), "run", "--quiet", "--locked"]
    tool = ["--package", "socket-steps-trace", "--bin", "trace", "--", "--draw"]
    files = [" // ".join([f"examples/timelines/{one[0]}.txt", *one[1:]]) for one in wanted]
    try:
        done = subprocess.run(
            [*cargo, *tool, *files], cwd=EXAMPLES.parent, stdout=subprocess.PIPE,
            check=True, encoding="utf-8",
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise Mistake(f"the pictures cannot be drawn: {error}") from error
    drawings = re.findall(r"<svg.*?</svg>\n", done.stdout, re.DOTALL)
    if len(drawings) != len(wanted):
        raise Mistake(f"{len(drawings)} pictures of {len(wanted)}")
    return dict(zip(wanted, drawings))


def lines_of_timeline(name, *parts):
    """All of it; with words, the lines of the transcript that have them."""
    groups = re.split(r"^(?! )", timeline(name), flags=re.MULTILINE)
    squeezed = [" ".join(re.split("  +", group.split("\n")[0])) for group in groups]
    parts = [" ".join(part.split()) for part in parts]
    shown = [
        group for group, title in zip(groups, squeezed)
        if not parts or any(part in title for part in parts)
    ]
    return fence("text", "".join(shown))


def sequence(*name_and_words):
    text = folded(words["as text"], lines_of_timeline(*name_and_words))
    how = f'<a href="wire.html">{words["how to read"]}</a>'
    caption = words["caption"].format(how)
    return (
        f"<figure>\n{in_words(PICTURES[name_and_words], drawn=True)}"
        f"<figcaption>{caption}</figcaption>\n"
        f"</figure>\n\n{text}"
    )


def seen(name, part=""):
    lines = [" ".join(line.split()) for line in timeline(name).splitlines()]
    found = [line for line in lines if part in line]
    if not part or len(found) != 1:
        raise Mistake(f"timelines/{name}.txt: {len(found)} lines have '{part}'")
    return f"`{found[0]}`"


def in_words(picture, drawn=False):
    """A picture with its labels in the language of this edition.

    What the tool has drawn keeps what the run printed, and the names of calls,
    states and flags: only the words around them are translated.
    """
    if labels is None:
        return picture

    def label(found):
        text = found[1].strip()
        if not text or text in labels["labels"]:
            return f">{labels['labels'].get(text, text)}<"
        if drawn and text.startswith("What the kernel did: "):
            return f">{words['picture']} {text.split(': ')[1]}<"
        if drawn and " · " not in text:  # (not a line of the transcript)
            for english, instead in labels["drawn"].items():
                text = re.sub(english, instead, text)
            return f">{text}<"
        if drawn or not re.search(r"[A-Za-z]{2}", text):
            return found[0]
        raise Mistake(f"zh/pictures.json has no label '{text}'")

    return re.sub(r">([^<>]*)<", label, picture)


def picture(name):
    return in_words(read(BOOK / "src" / "img" / f"{name}.svg")).rstrip()


def your_turn(name, why=""):
    path = f"examples/your_turn/{name}.rs"
    text = read(EXAMPLES / "your_turn" / f"{name}.rs")
    head = [line[3:].removeprefix(" ") for line in text.splitlines() if line[:3] == "//!"]
    title = re.fullmatch(r"Your turn, step \d+: (.+)\.", head[0] if head else "")
    command = f"cargo grade {name}"
    if not title or head[-1].strip() != command:
        raise Mistake(f"{path}: its head is no task, or does not end in '{command}'")
    if not why:
        raise Mistake(f"say why the solution of {name} is so")
    tries = read(GRADE / "transcripts" / f"{name}.txt")
    solution = read(GRADE / "solutions" / f"{name}.rs")
    title = title[1][0].upper() + title[1][1:]
    task = "\n".join(head[1:-1]).strip()
    if labels is not None:
        file = BOOK / words["this edition"] / "your_turn" / f"{name}.md"
        followed, translated = what_it_follows(read(file))
        of, _, task = translated.partition("\n")
        title = f"{of.removeprefix('# ')} {{#{slug(title)}}}"
    return "\n\n".join([
        f"### {title}",
        task.strip(),
        words["write"].format(f"`{path}`"),
        fence("sh", command),
        folded(words["tries"], fence("text", tries)),
        folded(words["solution"], fence("rust,ignore", solution) + "\n\n" + why),
    ])


def call(language_and_mark):
    """The line of a program with this mark, as code in a cell of a table."""
    language, _, mark = language_and_mark.partition(" ")
    if language not in CALLS:
        raise Mistake(f"no language '{language}': {', '.join(CALLS)}")
    marked = re.compile(rf"(\S.*?)\s+(?://|#) {re.escape(mark)}")
    lines = read(LANGUAGES / CALLS[language]).splitlines()
    found = [match[1] for match in map(marked.fullmatch, map(str.strip, lines)) if match]
    if not mark or len(found) != 1:
        raise Mistake(f"{CALLS[language]}: {len(found)} lines end in '{mark}'")
    shown = re.sub(r"^(?:let (?:mut )?|int |ssize_t )\w+ = ", "", found[0])
    if any(shown.count(a) != shown.count(b) for a, b in ("()", "[]", "{}")):
        raise Mistake(f"{CALLS[language]}: only a part of a call: {shown}")
    return "`" + shown.rstrip(";").replace("|", r"\|") + "`"


DIRECTIVES = {
    "block": block,
    "call": call,
    "change": change,
    "code": code,
    "file": whole_file,
    "lines": folded_step,
    "result": result,
    "seen": seen,
    "sequence": sequence,
    "step": step,
    "timeline": lines_of_timeline,
    "your_turn": your_turn,
    "example": example,
    "transcript": whole_transcript,
    "line": line,
    "picture": picture,
}
DIRECTIVE = re.compile(r"\{\{#(\w+) ([^}]*)\}\}")
FENCE = re.compile(r"^(`{3,})(.*)\n((?:.*\n)*?)\1[ ]*$", re.MULTILINE)


def slug(heading):
    """The id that mdBook gives to a heading, the first of its words."""
    heading = re.sub(r"[^\w\s-]", "", heading.strip().lower())
    return re.sub(r"\s", "-", heading)


HEADING = re.compile(r"^(#{1,6}) (.+?)(?: \{#([\w-]+)\})?$", re.MULTILINE)


def headings(text):
    """The level, the id and the words of each heading of a page."""
    found, ids = [], {}
    for level, heading, given in HEADING.findall(FENCE.sub("", text)):
        name = given or slug(heading)
        if not given:
            count = ids[name] = ids.get(name, -1) + 1  # of the same words
            name += f"-{count}" if count else ""
        found.append((len(level), name, heading))
    return found


def with_ids_of(english, text):
    """Gives each heading the id of the English one in its place."""
    theirs, ours = headings(english), headings(text)
    if [one[0] for one in theirs] != [one[0] for one in ours]:
        raise Mistake(f"its headings are not those of the English page: {ours}")
    ids = iter(theirs)
    parts = re.split(r"(^`{3,}.*\n(?:.*\n)*?`{3,}[ ]*$)", text, flags=re.MULTILINE)
    for at in range(0, len(parts), 2):
        parts[at] = HEADING.sub(
            lambda found: f"{found[1]} {found[2]} {{#{next(ids)[1]}}}", parts[at]
        )
    return "".join(parts)


FOLLOWS = re.compile(r"<!-- follows (\S+) ([0-9a-f]{40}) -->\n+")


def what_it_follows(text):
    """The first line of a Chinese page: which English one, at which state."""
    found = FOLLOWS.match(text)
    return (found and found.groups()), FOLLOWS.sub("", text, count=1)


def switch(path):
    """The link to this page in the other edition (steps.js knows the place)."""
    to, language, name = words["other edition"]
    here, there = (EDITIONS[one]["html"] for one in (words["this edition"], to))
    page = "/".join([*([".."] if here else []), *([there] if there else []), path])
    # (Its words are not between the tags: there the search would find them.)
    return (
        f'<a class="edition" href="{page[:-3]}.html" hreflang="{language}" '
        f'lang="{language}" aria-label="{name}"></a>\n\n'
    )


def fold_answers(text):
    """What the kernel did answers the guesses, so it opens after them."""
    return re.sub(
        rf"^(### {words['kernel']}(?: {{#[\w-]+}})?)\n(.*?)(?=^##|\Z)",
        lambda found: f"{found[1]}\n\n"
        + folded(words["open"], found[2].strip())
        + "\n\n",
        text,
        flags=re.MULTILINE | re.DOTALL,
    )


def expand(text):
    def replace(found):
        what, arguments = found.groups()
        if what not in DIRECTIVES:
            raise Mistake(f"left over: {found[0]}")
        # (These words may have a link in them.)
        most = 1 if what in ("change", "your_turn") else -1
        arguments = [part.strip() for part in arguments.split("//", most)]
        try:
            return DIRECTIVES[what](*arguments)
        except TypeError as error:
            raise Mistake(f"{found[0]}: {error}") from error

    text = DIRECTIVE.sub(replace, text)
    if "{{#" in text:
        where = text.index("{{#")
        raise Mistake(f"left over: {text[where:where + 60].splitlines()[0]}")
    for found in FENCE.finditer(text):
        if not found[3].strip():
            raise Mistake(f"an empty code block: ```{found[2]}")
        if not found[2]:
            raise Mistake("a code block without a language")
    return text


def link_examples(text, home):
    """The last column of the atlas leads to the chapters."""

    def replace(found):
        if found[1] not in home:
            raise Mistake(f"no chapter has the example {found[1]}")
        return f"[`{found[1]}`]({home[found[1]]}) |"

    return re.sub(r"`(\d\d_\w+)` \|$", replace, text, flags=re.MULTILINE)


def chapters(items):
    for item in items:
        if isinstance(item, dict) and "Chapter" in item:
            yield item["Chapter"]
            yield from chapters(item["Chapter"]["sub_items"])


def main():
    if len(sys.argv) > 1:  # `steps.py supports html`
        return
    sys.stdin.reconfigure(encoding="utf-8")
    sys.stdout.reconfigure(encoding="utf-8")
    sys.stderr.reconfigure(encoding="utf-8")
    context, book = json.load(sys.stdin)
    global words, labels, examples
    language = context["config"]["book"]["language"].split("-")[0]
    words = WORDS[language]
    mistakes = 0
    home = {}  # in which chapter an example is
    for chapter in chapters(book["items"]):
        for name in re.findall(r"\{\{#example (\w+)\}\}", chapter["content"]):
            home[name] = chapter["path"]
    wanted = [
        tuple(part.strip() for part in arguments.split("//"))
        for chapter in chapters(book["items"])
        for arguments in re.findall(r"\{\{#sequence ([^}]*)\}\}", chapter["content"])
    ]
    try:
        if language != "en":
            labels = json.loads(read(BOOK / language / "pictures.json"))
            examples = json.loads(read(BOOK / language / "examples.json"))
        PICTURES.update(draw(list(dict.fromkeys(wanted))))
    except Mistake as mistake:
        print(mistake, file=sys.stderr)
        sys.exit(1)
    for chapter in chapters(book["items"]):
        try:
            text = chapter["content"]
            if language != "en":
                english = read(BOOK / "src" / chapter["path"])
                text = with_ids_of(english, what_it_follows(text)[1])
            text = switch(chapter["path"]) + text
            chapter["content"] = expand(fold_answers(text))
            if chapter["path"] == "error-atlas.md":
                chapter["content"] = link_examples(chapter["content"], home)
        except Mistake as mistake:
            print(f"{chapter['path']}: {mistake}", file=sys.stderr)
            mistakes += 1
    if mistakes:
        sys.exit(1)
    json.dump(book, sys.stdout)


if __name__ == "__main__":
    main()
