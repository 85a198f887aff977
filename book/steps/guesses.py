"""The questions of a page that answer back: their choices, and what is said of each.

They are plain Markdown. In the part "Predict", or "Checkpoint", a list with numbers:

    1. `accept` returns a socket. Which one?
       - The listener, which is connected now.
       - Another one, for this client alone.
    2. How many bytes wait then? *(a number)*

Where they are answered, in the part "What the kernel did" of the same section, or in the
fold of the checkpoint, a list that begins with their answers, in the same order:

    1. {{#answer 04_accept // = FD3}} **Another one, for this client alone.** Why it is so.

       - *The listener, which is connected now.* Why one might think so, and what the run shows.
    2. {{#answer 04_accept // Recv-Q 7 -> 8}} **8.** Why.

       - *7.* Why one might think so.

What stands in bold type is the right choice, word for word; each other one has a sentence.
Where no run decides it, there is no {{#answer}}. The script (look/player.js) gets all that as
JSON, and reads no list.
"""

import html
import json
import re
from collections import Counter
from dataclasses import dataclass, field

from . import examples
from .files import Mistake, squeeze
from .markdown import DIRECTIVE

NUMBER = re.compile(r"\*[(（](?:a number|一个数)[)）]\*")
ANSWER = re.compile(r"\{\{#answer ([^}]*)\}\}")
MARKS = re.compile(r"\{\{#(?:answer|at) [^}]*\}\}\s*")
BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
CHOICES = range(2, 5)


# ---- Markdown, as much of it as the questions and the answers use.


def inline(text):
    """Code, emphasis and links, in HTML; anything else is a mistake."""
    kept = []

    def keep(done):
        kept.append(done)
        return f"\0{len(kept) - 1}\0"

    def code(match):
        inside = squeeze(match[2])
        return keep(f"<code>{html.escape(inside, quote=False)}</code>")

    def link(match):
        to = match[2] if "://" in match[2] else re.sub(r"\.md(?=#|$)", ".html", match[2])
        return keep(f'<a href="{html.escape(to)}">') + match[1] + keep("</a>")

    whole = squeeze(text)
    text = re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", code, whole)
    text = re.sub(r"\\([!-/:-@[-`{-~])", lambda match: keep(html.escape(match[1])), text)
    text = re.sub(r"\[([^][]*)\]\(([^()\s]+)\)", link, text)
    text = re.sub(r"<br>", lambda match: keep(match[0]), text)
    if re.search(r"</?[a-zA-Z]|`|!\[|\]\(", text):
        raise Mistake(f"only code, emphasis and links can stand in a guess: {whole}")
    text = html.escape(html.unescape(text), quote=False)
    text = re.sub(r"\*\*(?=\S)(.+?)(?<=\S)\*\*", r"<strong>\1</strong>", text)
    text = re.sub(r"(?<!\*)\*(?=[^\s*])(.+?)(?<=[^\s*])\*(?!\*)", r"<em>\1</em>", text)
    if "**" in text:
        raise Mistake(f"bold type without an end in a guess: {whole}")
    return re.sub("\0(\\d+)\0", lambda match: kept[int(match[1])], text)


def blocks(text):
    """Paragraphs, code and lists, in HTML."""
    found = []
    for block in re.findall(r"^```[^\n]*\n.*?^```$|(?:^(?!```)[^\n]*\S[^\n]*$\n?)+", text, re.MULTILINE | re.DOTALL):
        lines = block.rstrip().splitlines()
        if block.startswith("```"):
            code = html.escape("\n".join(lines[1:-1]), quote=False)
            found.append(f"<pre><code>{code}</code></pre>")
        elif block.startswith("- "):
            items = re.split(r"^- ", block, flags=re.MULTILINE)[1:]
            found.append("<ul>" + "".join(f"<li>{inline(item)}</li>" for item in items) + "</ul>")
        elif re.match(r"[|>#]|\d+\. ", block):
            raise Mistake(f"only paragraphs, code and lists can stand in an answer: {lines[0]}")
        else:
            found.append(f"<p>{inline(block)}</p>")
    return "".join(found)


# ---- Lists.


@dataclass
class Item:
    text: str  # without what follows
    nested: list = field(default_factory=list)


def numbered(text):
    """Where the first list with numbers stands in a text, and its items."""
    start, end, items, fence = None, 0, [], None
    place = 0
    for line in text.splitlines(keepends=True):
        place += len(line)
        mark = re.match(r" *(```+)", line)
        outside = fence is None
        if mark and (outside or mark[1].startswith(fence)):
            fence = mark[1] if outside else None
        head = re.match(r"(\d+)\. +", line) if outside else None
        if head and (items or head[1] == "1"):
            start = place - len(line) if start is None else start
            items.append([len(head[0]), line[len(head[0]):]])
        elif not items:
            continue
        elif line.strip() and outside and not line.startswith("  "):
            break
        else:
            indent = len(line) - len(line.lstrip(" "))
            items[-1][1] += line[min(indent, items[-1][0]):]
        if line.strip():
            end = place
    return (start, end), [item(content) for _, content in items]


def item(content):
    """Text, and a list with dashes in it."""
    made, fence = Item(""), False
    for line in content.splitlines(keepends=True):
        if line.startswith("- ") and not fence:
            made.nested.append(line[2:])
        elif made.nested and (not line.strip() or line.startswith("  ")):
            made.nested[-1] += line[2:] if line.strip() else line
        elif made.nested:
            # The list was no end: it is a part of the text.
            made.text += "".join(f"- {one}" for one in made.nested) + line
            made.nested = []
        else:
            made.text += line
        fence ^= line.startswith("```")
    made.text, made.nested = made.text.strip(), [one.strip() for one in made.nested]
    return made


def plain(text):
    """To compare a choice with what an answer says."""
    return re.sub(r"[.。]$", "", squeeze(text))


# ---- A section: its questions with their answers.


def are_there(questions):
    """Whether a part asks anything that can be answered by a choice or a number."""
    _, items = numbered(questions)
    return any(one.nested or NUMBER.search(one.text) for one in items)


class Guesses:
    """Those of one section. `expand` puts what belongs there into directives."""

    def __init__(self, questions, answers, place, *, expand, numbers=None, is_checkpoint=False):
        self.expand, self.numbers = expand, Counter() if numbers is None else numbers
        self.place, self.is_checkpoint = place, is_checkpoint
        (self.start, self.end), asked = numbered(questions)
        self.questions = questions
        _, answered = numbered(answers)
        if len(answered) < len(asked):
            raise Mistake(f"{len(asked)} questions, but only {len(answered)} answers: every question needs one")
        self.guesses, self.ids = [], []
        for at, (question, answer) in enumerate(zip(asked, answered), start=1):
            if not question.nested and not NUMBER.search(question.text):
                if not is_checkpoint:
                    raise Mistake(f"question {at} has neither choices nor the words *(a number)*: {squeeze(question.text)}")
                self.ids.append("-")
                continue
            try:
                made = self.guess(at, question, answer)
            except Mistake as mistake:
                raise Mistake(f"question {at}: {mistake}") from None
            self.guesses.append(made)
            self.ids.append(made["id"])
        more = "".join(one.text for one in answered[len(asked):])
        if found := ANSWER.search(more):
            raise Mistake(f"{found[0]} answers no question: an explanation of a step begins with {{{{#at ...}}}}")

    def guess(self, at, question, answer):
        made = {"player": None, "number": at, "step": None, "id": f"{self.place}/{at}"}
        marks = ANSWER.findall(answer.text)
        if len(marks) > 1:
            raise Mistake("its answer has more than one {{#answer ...}}")
        if marks:
            player, *words = (part.strip() for part in marks[0].split("//"))
            self.numbers[player] += 1
            made |= {"player": player, "number": self.numbers[player], "step": examples.step(player, *(words or [""]))}
            if not self.is_checkpoint:
                made["id"] = f"{self.place.partition('/')[0]}/{player}/{self.numbers[player]}"
        text = MARKS.sub("", answer.text)
        bold = BOLD.match(DIRECTIVE.sub("", text).strip())
        if not bold:
            raise Mistake("its answer does not begin with the right one in bold type")
        made["question"] = inline(self.expand(NUMBER.sub("", question.text)))
        kind = self.number if NUMBER.search(question.text) else self.choice
        made |= kind(question, bold[1], [self.wrong(one) for one in answer.nested])
        made["why"] = blocks(self.expand(text))
        return made

    def wrong(self, text):
        """What somebody might think, and the sentence on it."""
        match = re.fullmatch(r"\*([^*].*?)\*(?!\*)\s*(.*)", text, re.DOTALL)
        if not match:
            raise Mistake(f"a line on a wrong answer begins with that answer between stars: {squeeze(text)}")
        if not match[2]:
            raise Mistake(f"no sentence on the wrong answer '{squeeze(match[1])}'")
        return match[1], inline(self.expand(match[2]))

    def choice(self, question, bold, wrong):
        choices = [plain(one) for one in question.nested]
        if len(choices) not in CHOICES:
            raise Mistake(f"it has {len(choices)} choices; 2 to 4 make a question")
        if len(set(choices)) < len(choices):
            raise Mistake("two of its choices are the same")
        if choices.count(plain(bold)) != 1:
            raise Mistake(f"the answer '{plain(bold)}' is none of its choices: {choices}")
        right = choices.index(plain(bold))
        said = {}
        for words, sentence in wrong:
            if plain(words) not in choices:
                raise Mistake(f"'{plain(words)}' is none of its choices: {choices}")
            if plain(words) == plain(bold):
                raise Mistake(f"'{plain(words)}' is the right choice, and has a sentence that says it is wrong")
            if choices.index(plain(words)) in said:
                raise Mistake(f"two sentences on '{plain(words)}'")
            said[choices.index(plain(words))] = sentence
        for at, one in enumerate(choices):
            if at != right and at not in said:
                raise Mistake(f"no sentence on the wrong choice '{one}'")
        return {
            "kind": "choice", "choices": [inline(self.expand(one)) for one in question.nested],
            "right": right, "wrong": {str(at): said[at] for at in sorted(said)},
        }

    def number(self, question, bold, wrong):
        if question.nested:
            raise Mistake("it asks for a number, and has choices, too")
        value, said = number(bold), {}
        for words, sentence in wrong:
            if number(words) == value:
                raise Mistake(f"'{plain(words)}' is the right number, and has a sentence that says it is wrong")
            said[str(number(words))] = sentence
        if not said:
            raise Mistake("no sentence on any wrong number")
        return {"kind": "number", "value": value, "wrong": said}

    def asked(self):
        """The part with the questions, the list in a frame that says which they are."""
        before, after = self.questions[:self.start], self.questions[self.end:]
        asked = self.questions[self.start:self.end].strip("\n")
        return f'{before}<div class="guesses" data-ids="{" ".join(self.ids)}">\n\n{asked}\n\n</div>\n{after}'

    def script(self):
        return f"\n{script('guesses', self.guesses)}\n\n"


def script(name, data):
    """Data for a script of the page."""
    data = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" class="{name}">{data}</script>'


def number(text):
    match = re.match(r"-?\d[\d,]*(?:\.\d+)?", text.strip())
    if not match:
        raise Mistake(f"'{squeeze(text)}' does not begin with a number")
    value = match[0].replace(",", "")
    return float(value) if "." in value else int(value)
