"""The directives of a page: what stands on it and comes from elsewhere.

A directive stands on a line of its own (`line`, `code`, `call` and `number` may stand inside a line):

    {{#step 04_accept // Step 4: accept.}}
        The paragraph of examples/04_accept.rs that starts with this comment,
        up to the next blank line, or the whole function where the comment is
        that of a function. More paragraphs: `// First. // Second.`
    {{#block 09_glued_messages // The cure, the receiver's half}}
        The same, past blank lines to the end of the block that follows: a whole
        function, a whole loop.
    {{#example 04_accept}}
        The whole file, folded, after a line that names the Rust in it that the reader
        may not know (rust.py).
    {{#player 04_accept // Step 4: accept.}}
        The run of an example step by step: the whole file, what it prints, and what the
        kernel did as a picture, each folded; look/player.js makes one thing of them and of
        the record (see records.py). The words: how the new paragraphs of the file begin.
        `// picture: client connect`: a part of a long run is in the picture, as `sequence` has it.
    {{#answer 04_accept // accept4(FD1 // = FD3}}, {{#at 04_accept // accept4(FD1}}
        At the head of an item: it answers the reader's guess (see guesses.py), or it
        explains a step of that run: the one with the line of the timeline that has these
        words. More words: they, too, stand in the timeline.
    {{#transcript 04_accept}}, {{#transcript 04_accept@two_terminals}}
        What the run prints: examples/transcripts/NAME.snap without its header.
        Where there is a NAME@windows.snap, it follows, folded.
    {{#result 04_accept}}
        The same, folded, for a run that the reader is to predict.
    {{#change 01_create.second_socket // What it shows, in a sentence.}}
        A change for the reader to make: examples/changes/NAME.patch; and folded
        what comes of it, and the words. Its title is the bold type at the head of the
        paragraph before: the player of the page offers the change, if there is a record.
    {{#line 04_accept // nothing yet}}
        The one line of that transcript with these words in it.
    {{#file your_own/tcp_client.rs}}, {{#file your_own/tcp_client.snap}}
        The whole file of examples/, open: a program, or what it prints. In the
        Chinese edition, NAME.zh.rs or NAME.zh.snap, where there is one.
    {{#sequence 04_accept}}, {{#sequence 04_accept // client connect}}
        What the kernel did, as a picture, drawn from examples/timelines;
        with words, only the lines of the transcript that have them, with what led
        to those; `// the end` is what came after the last line. `// 1: send(` sets
        the mark 1 beside the one line of the timeline with these words. The timeline
        itself is there for those who hear the page instead of seeing it.
    {{#timeline 04_accept // client connect}}
        Only the text, open.
    {{#your_turn 05_echo // Why the solution is so, in a sentence or three.}}
        An exercise: the task, which is the head of examples/your_turn/NAME.rs;
        folded, what the grader tries (in the Chinese edition examples/verdicts/NAME.zh.snap, where there
        is one); folded, the solution and the words.
    {{#code examples/tutorial/client.py // .connect(}}
        The one line of this file of the project with these words in it, for a
        cell of a table: without a comment after it, and the semicolon.
    {{#include ../../tools/grade/src/exercises/e05_echo.rs:a_check}}
        The lines between the two comments with this ANCHOR, as mdBook has it.
    {{#errors ENETUNREACH EHOSTUNREACH}}
        What Linux, macOS and Windows say for these errors, and their numbers.
    {{#index entries}}
        What people see, each with its entry in the atlas and its calls (see atlas.py).
    {{#entries glued}}
        The atlas from this entry on: that page has it, and the page of the atlas does not (see atlas.py).
    {{#picture tables}}
        A drawing: src/img/NAME.svg.
    {{#call Python accept}}
        The line of examples/languages/calls.py that ends with the mark `# accept`,
        for a cell of a table: without the mark, the semicolon, and a `let x =`.

    {{#measured active}}
        A plot of what `cargo measure` has found, with its numbers, folded, and the name of the
        machine: tools/measure/results/NAME.svg and NAME.csv.
    {{#number active // ratio to C, epoll // 25_poll_server // 1000}}
        The one value in that CSV of this kind, of the server with this in its name, with so many
        clients. It may stand inside a line.

A file, a comment, a line or a mark that is not there exactly once, an empty code
block and a directive that is left over fail the build.
"""

import html
import json
import re
import textwrap
from collections import Counter

from . import atlas, examples, guesses, measured, rust
from .files import BOOK, EXAMPLES, PAGES, ROOT, Mistake, in_language, is_recorded, read, recorded, squeeze
from .follow import exercise, exercise_text, page_of
from .markdown import DIRECTIVE, FENCE, fence, fold, slug

CALLS = {
    "socket2": "socket2.rs", "Python": "calls.py", "C": "calls.c", "std": "std.rs", "tokio": "tokio.rs",
}
BEHIND = '<p class="behind">'  # and in which way, for the reader
LABEL = re.compile(r">([^<>]+)<")


def labels(svg):
    """The labels of a picture that have words in them."""
    texts = [html.unescape(text.strip()) for text in LABEL.findall(svg)]
    return [text for text in texts if re.search(r"[A-Za-z]{2}", text)]


def cell(code):
    """In a cell of a table."""
    return "`" + code.rstrip(";").replace("|", r"\|") + "`"


class Shared:
    """What a page has, whatever the language of its parts: its players, and how many answers each has had."""

    def __init__(self, text=""):
        names = [arguments.split("//")[0].strip() for what, arguments in DIRECTIVE.findall(text) if what == "player"]
        self.players = {name: examples.programs(name) for name in names if examples.has_timeline(name)}
        self.answers = Counter()

    def player_of(self, example):
        """The player on this page that shows this example."""
        found = [name for name, programs in self.players.items() if example in programs]
        return example if example in found else next(iter(found), None)


class Directives:
    """Those of one page, in one edition; `drawings` has the picture of each `sequence`."""

    def __init__(self, edition, drawings, shared=None):
        self.edition = edition
        self.drawings = drawings
        self.shared = shared or Shared()
        self.before = ""  # what stands above the directive
        self.has_translated_code = self.has_words = False
        self.explained = set()  # lines of runs
        self.table = {
            name.removeprefix("put_"): getattr(self, name)
            for name in dir(self) if name.startswith("put_")
        }

    def expand(self, text):
        text = DIRECTIVE.sub(self.replace, text)
        if "{{#" in text:
            where = text.index("{{#")
            raise Mistake(f"left over: {text[where:where + 60].splitlines()[0]}")
        for match in FENCE.finditer(text):
            if not match[3].strip():
                raise Mistake(f"an empty code block: ```{match[2]}")
            if not match[2]:
                raise Mistake("a code block without a language")
        return text

    def replace(self, match):
        what, arguments = match.groups()
        if what not in self.table:
            raise Mistake(f"left over: {match[0]}")
        self.before = match.string[:match.start()]
        # The words of these two may have a link in them.
        most = 1 if what in ("change", "your_turn") else -1
        try:
            return self.table[what](*(part.strip() for part in arguments.split("//", most)))
        except TypeError as error:
            raise Mistake(f"{match[0]}: {error}") from error

    # ---- Code.

    def rust(self, program):
        """With the comments in the language of this edition."""
        return self.numbered_rust(program)[0]

    def numbered_rust(self, program):
        """And the numbers that its lines have in the program; None: those are their own."""
        if self.edition.is_english:
            return fence("rust,ignore", program), None
        untranslated = []

        def translation(text):
            chinese = self.edition.translation("comments", text) or self.edition.translation("solutions", text)
            untranslated.extend([] if chinese else [text])
            return chinese

        lines = examples.translated(program, translation, self.edition.help.get)
        code = "\n".join(line for line, _ in lines)
        numbers = [number for _, number in lines]
        numbers = None if numbers == list(range(1, len(lines) + 1)) else numbers
        block = fence("rust,ignore", code)
        if untranslated:
            block += f"\n\n{BEHIND}{self.edition.word('newer comment')}</p>"
        if code != program.rstrip("\n") and not self.has_translated_code:
            self.has_translated_code = True
            block += f"\n\n{self.edition.word('comments')}"
        return block, numbers

    def put_errors(self, names):
        """What each system calls these errors, with its own number: book/errors.json."""
        errors = json.loads(read(BOOK / "errors.json"))
        lines = []
        for name in names.split():
            if name not in errors:
                raise Mistake(f"errors.json has no {name}")
            for system in ("Linux", "macOS"):
                number, text, *chinese = errors[name][system]
                text += "".join(f' <span lang="zh-CN">{words}</span>' for words in chinese)
                lines.append(f"- **{system}**: {text} ({name}, errno {number}, os error {number})")
            for number, windows, english, chinese in errors[name]["Windows"]:
                number = f"({windows}, WinError {number}, os error {number})"
                lines.append(f'- **Windows**: {english} <span lang="zh-CN">{chinese}</span> {number}')
        return "\n".join(dict.fromkeys(lines))

    def put_index(self, _entries):
        """Its lines are known when the whole page is."""
        return atlas.INDEX

    def put_entries(self, first):
        """They are taken from the atlas when all pages are there."""
        return atlas.REST.format(first)

    def names(self, program):
        """A line that names the Rust in it that the reader may not know."""
        places = dict(rust.places())
        names = [f"[`{name}`](glossary.md#{places.get(name)})" for name in rust.used(program)]
        return self.edition.word("rust", ", ".join(names)) + "\n\n" if names else ""

    def with_names(self, program):
        return self.names(program) + self.rust(program)

    def put_step(self, name, *starts):
        return self.rust(examples.paragraphs(name, *starts))

    def put_block(self, name, start):
        return self.rust(examples.block(name, start))

    def put_example(self, name, *starts):
        program = examples.source(name)
        summary = self.edition.word("whole file", f"<code>examples/{name}.rs</code>")
        code, numbers = self.numbered_rust(program)
        attributes = f' class="file" data-file="{name}.rs"'
        if numbers:
            attributes += f' data-lines="{",".join(map(str, numbers))}"'
        if starts:
            new = ",".join(f"{first}-{last}" for first, last in examples.new_lines(name, *starts))
            attributes += f' data-new="{new}"'
        return fold(summary, self.names(program) + code, attributes)

    # ---- A run, step by step.

    def put_player(self, name, *words):
        starts = [some for some in words if not some.startswith(examples.IN_PICTURE)]
        if not examples.has_timeline(name):
            raise Mistake(f"there is no timeline of {name}")
        programs = examples.programs(name)
        # Of several programs, each stands where it is started.
        folds = [self.put_example(name, *starts)] if programs == [name] else []
        if starts and not folds:
            raise Mistake(f"the player of {name} shows several programs, so it cannot say what is new in them")
        if is_recorded(EXAMPLES / "transcripts", name):
            folds.append(fold(self.edition.word("result"), self.put_transcript(name), ' class="output"'))
        folds.append(fold(self.edition.word("kernel"), self.put_sequence(*examples.picture_of(name, *words)), ' class="kernel"'))
        files = " ".join(f"{program}.rs" for program in programs)
        return "\n\n".join([
            *self.words_of_players(),
            f'<section class="player" id="player-{name}" data-name="{name}" data-record="player/{name}.js" '
            f'data-files="{files}">', *folds, "</section>",
        ])

    def words_of_players(self):
        """With the first player of a page in another language: what all of them say in it."""
        if self.edition.is_english or self.has_words:
            return []
        self.has_words = True
        examples_there = {one for name, programs in self.shared.players.items() for one in (name, *programs)}
        runs = [run for name in sorted(examples_there) for run in examples.timelines(name)]
        notes = dict.fromkeys(note for run in runs for note in examples.notes(run))
        text = "".join(map(examples.record, runs))
        return [guesses.script("words", self.edition.words_of_players(text, notes))]

    def at_step(self, kind, name, words, number=""):
        if name not in self.shared.players:
            raise Mistake(f"no player of {name} is on this page")
        step = examples.step(name, *words or [""])
        return f'<span class="{kind}" data-player="{name}" data-step="{step}"{number}></span>'

    def put_at(self, name, *words):
        return self.at_step("at", name, words)

    def put_answer(self, name, *words):
        self.shared.answers[name] += 1
        return self.at_step("answer", name, words, f' data-number="{self.shared.answers[name]}"')

    def put_file(self, path):
        folder, _, file = path.rpartition("/")
        name, _, ending = file.rpartition(".")
        kind = {"rs": "rust,ignore", "py": "python", "txt": "text", "snap": "text", "cfg": "text", "patch": "diff", "sh": "sh"}.get(ending)
        if kind is None:
            raise Mistake(f"{path} is neither a program nor what it prints")
        folder = EXAMPLES / folder
        name = in_language(folder, name, ending, self.edition.language)
        return fence(kind, recorded(folder, name) if ending == "snap" else read(folder / f"{name}.{ending}"))

    def put_include(self, path_and_anchor):
        """As mdBook's own, which comes too late: a part that it has filled in equals no translation."""
        path, _, anchor = path_and_anchor.partition(":")
        marks = rf"^ *// ANCHOR: {re.escape(anchor)}\n(.*?)^ *// ANCHOR_END: {re.escape(anchor)}$"
        found = re.findall(marks, read(PAGES / path), re.MULTILINE | re.DOTALL) if anchor else []
        if len(found) != 1:
            raise Mistake(f"{path} has {len(found)} parts '{anchor}'")
        return textwrap.dedent(found[0]).rstrip()

    def put_code(self, path, part=""):
        name, _, ending = path.rpartition(".")
        name = in_language(ROOT, name, ending, self.edition.language)
        lines = read(ROOT / f"{name}.{ending}").splitlines()
        line = lines[examples.the_line(lines, part, path)].strip()
        return cell(re.split(r"  #| //", line)[0])

    def put_call(self, language_and_mark):
        """The line of a program with this mark, as code in a cell of a table."""
        language, _, mark = language_and_mark.partition(" ")
        if language not in CALLS:
            raise Mistake(f"no language '{language}': {', '.join(CALLS)}")
        marked = re.compile(rf"(\S.*?)\s+(?://|#) {re.escape(mark)}")
        lines = read(EXAMPLES / "languages" / CALLS[language]).splitlines()
        code = [match[1] for match in map(marked.fullmatch, map(str.strip, lines)) if match]
        if not mark or len(code) != 1:
            raise Mistake(f"{CALLS[language]}: {len(code)} lines end in '{mark}'")
        call = re.sub(r"^(?:let (?:mut )?|int |ssize_t )\w+ = ", "", code[0])
        if any(call.count(a) != call.count(b) for a, b in ("()", "[]", "{}")):
            raise Mistake(f"{CALLS[language]}: only a part of a call: {call}")
        return cell(call)

    # ---- What a run prints.

    def put_transcript(self, name):
        lines = examples.transcript(name, self.edition.language)
        patterns = examples.output(name)
        said = self.new_in_words if self.explained.issuperset(patterns) else self.in_words
        text = fence("text", "\n".join(lines)) + said(patterns)
        windows = f"{name}@windows"
        if is_recorded(EXAMPLES / "transcripts", windows):
            other = fence("text", "\n".join(examples.transcript(windows)))
            text += "\n\n" + fold(self.edition.word("windows"), other)
        return text

    def in_words(self, patterns):
        """In another language: what the lines of a run say."""
        if self.edition.is_english or not patterns:
            return ""
        self.explained.update(patterns)
        lines = [
            f"- `` {line} `` {self.edition.translation('output', line) or self.edition.word('untranslated')}"
            for line in patterns
        ]
        return "\n\n" + fold(self.edition.word("output"), "\n".join(lines))

    def new_in_words(self, patterns):
        """Of a run that is much like one above: only what was not explained yet."""
        new = [line for line in patterns if line not in self.explained]
        if self.edition.is_english or new or not patterns:
            return self.in_words(new)
        return f"\n\n{self.edition.word('output above')}"

    def put_result(self, name):
        return fold(self.edition.word("result"), self.put_transcript(name))

    def put_line(self, name, words=""):
        lines = examples.transcript(name)
        number = examples.the_line(lines, words, f"{name}.snap")
        # In another language it stands in the same place.
        translation = examples.transcript(name, self.edition.language)
        line = (translation if len(translation) == len(lines) else lines)[number]
        return f"`{squeeze(line)}`"

    def put_change(self, title, why=""):
        """A change to make, and what comes of it (see tests/steps/book/changes.rs)."""
        name = title.split(".")[0]
        player = self.shared.player_of(name) if examples.has_timeline(title) else None
        what_if = self.what_if(player, title) if player else ""
        folder = EXAMPLES / "changes"
        header, *hunks = re.split(
            r"^@@ -(\d+).*\n", read(folder / f"{title}.patch"), flags=re.MULTILINE
        )
        what = [line for line in header.splitlines() if line[:4] not in ("--- ", "+++ ")]
        if hunks:
            lines = self.edition.word("and").join(hunks[0::2])
            to_do = self.edition.word("change", f"`{name}`", lines) + "\n\n"
            to_do += fence("diff", "...\n".join(hunks[1::2]))
            if "a client" in what:
                to_do += "\n\n" + self.edition.word("client", "`07_chat_client`")
        else:
            to_do = fence("sh", self.command(name, what))
        outcome = recorded(folder, in_language(folder, title, "snap", self.edition.language))
        content = fence("text", outcome) + self.new_in_words(examples.output_of_change(title)) + "\n\n" + why
        return what_if + to_do + "\n\n" + fold(self.edition.word("outcome"), content.strip())

    def what_if(self, player, title):
        """The player offers this change by the words that stand above it."""
        paragraph = re.split(r"\n\s*\n", self.before.rstrip())[-1].strip()
        bold = re.match(r"\*\*(.+?)\*\*", paragraph, re.DOTALL)
        if not bold:
            raise Mistake(f"the paragraph above the change {title} does not begin with its title in bold type")
        words = html.escape(re.sub("[`*]", "", squeeze(bold[1])))
        return (
            f'<span class="what-if" data-player="{player}" data-record="player/{title}.js" data-title="{words}"></span>\n\n'
        )

    def command(self, name, header):
        """What to type for a change that is no change of the code."""
        for line in header:
            key, _, value = line.partition(": ")
            if key == "type":
                return value
            if key == "with":
                return f"cargo run --example {name} -- {value.replace('CLOSED', '8090')}"
        if "two clients" not in header:
            raise Mistake(f"nothing to do in {name}: {header}")
        language = "" if self.edition.is_english else f" -- --lang {self.edition.language}"
        return "cargo run --example 07_chat_client" + language

    # ---- What the kernel did.

    def put_sequence(self, *name_and_lines):
        # For a reader who hears the page; steps.css keeps it out of sight.
        text = "\n".join(map(self.aloud, examples.groups_of(*name_and_lines)))
        is_legend = any(map(examples.MARK.match, name_and_lines))
        how = f'<a href="set-up.html#how-to-read-a-picture">{self.edition.word("how to read")}</a>'
        caption = self.edition.word("caption", "" if is_legend else how).strip()
        return (
            f"<figure>\n{self.drawings[name_and_lines]}"
            f'<div class="as-text">\n{text}\n</div>\n'
            f"<figcaption>{caption}</figcaption>\n</figure>"
        )

    def aloud(self, group):
        """For a reader who hears it: which line is the program's own has to be said."""
        *lines, last = (html.escape(squeeze(line)) for line in group.splitlines())
        if examples.title(group) is not None:
            last = self.edition.word("printed", last)
        return f"<p>{'<br>'.join([*lines, last])}</p>"

    def put_timeline(self, name, *lines):
        return fence("text", examples.timeline(name, *lines))

    def put_picture(self, name):
        """With its labels in the language of this edition."""

        def label(match):
            text = self.edition.translation("labels", html.unescape(match[1].strip()))
            return match[0] if text is None else f">{html.escape(text, quote=False)}<"

        svg = read(PAGES / "img" / f"{name}.svg").rstrip()
        return svg if self.edition.is_english else LABEL.sub(label, svg)

    # ---- What was measured.

    def put_measured(self, name):
        rows = measured.rows(name)
        if rows is None:
            return self.edition.word("not measured")
        machine = self.edition.word("machine", html.escape(measured.machine(rows, self.edition)))
        return (
            f"<figure>\n{measured.plot(name, self.edition)}\n<figcaption>{machine}</figcaption>\n</figure>\n\n"
            + fold(self.edition.word("numbers"), measured.table(rows, self.edition))
        )

    def put_number(self, name, what, server, clients=""):
        number = measured.number(self.edition, name, what, server, clients)
        return self.edition.word("not measured") if number is None else number

    # ---- An exercise.

    def put_your_turn(self, name, why=""):
        if not why:
            raise Mistake(f"say why the solution of {name} is so")
        title, task, _ = exercise(name)
        heading = title
        if not self.edition.is_english:
            (pair,) = page_of(exercise_text(name), self.edition.pages / "your_turn" / f"{name}.md").pairs
            if pair.trouble:
                task = self.in_english(task)
                heading += f" {{#{slug(title)} lang=en}}"
            else:
                heading, task = f"{pair.chinese.part.heading} {{#{slug(title)}}}", pair.chinese.part.body.strip()
        verdicts = EXAMPLES / "verdicts"
        tries = recorded(verdicts, in_language(verdicts, name, "snap", self.edition.language))
        solution = read(ROOT / "tools" / "grade" / "solutions" / f"{name}.rs")
        return "\n\n".join([
            f"### {heading}",
            task,
            self.edition.word("write", f"`examples/your_turn/{name}.rs`"),
            fence("sh", f"cargo grade {name}"),
            fold(self.edition.word("tries"), fence("text", tries)),
            fold(self.edition.word("solution"), self.rust(solution) + "\n\n" + why),
        ])

    def in_english(self, text, note="newer part"):
        """What has no translation, or an old one, with a line that says so."""
        note = f"{BEHIND}{self.edition.word(note)}</p>\n\n" if note else ""
        return f'{note}<div lang="en">\n\n{text.strip()}\n\n</div>\n'
