"""The parts of the book fit together, and fit the crate. Needs no browser.

Links and fragments, the size of the pages, and that both editions have the same
places: in both. Examples, commands, the shape of the chapters: on the English
pages, since a Chinese part is shown only where it has all that is in the English
one (see steps/follow.py). Prints each mistake; exit status 1 if there is one.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from steps import atlas, examples, guesses, rust
from steps.files import BOOK, EXAMPLES, PAGES, ROOT, is_recorded

HTML = BOOK / "html"

LARGEST_PAGE = 120 * 1024  # bytes, in either edition
# Of prose, in the open: what a reader must open is left out, but for the answers to the
# guesses, which everybody opens. What is said to a wrong guess is for those who made it.
MOST_WORDS = 900
MOST_WORDS_ON = {"error-atlas.md": 5_000, "no-call-fails.md": 3_000, "glossary.md": 1_800}  # where one looks things up
MOST_WORDS_OF_A_TASK = 320
MOST_WORDS_OF_A_REASON = 60  # why a solution is as it is

# What each program's section has, in this order: the guess comes first.
PROGRAM = [
    "> **The question.** ", "\n### Predict\n", "\n### Run\n", "{{#example ",
    "<summary>What ", "\n### What the kernel did\n",
]
# Where there is a timeline, one thing shows the code, what it prints and what the kernel did.
PLAYER = [
    "> **The question.** ", "\n### Predict\n", "\n### Run\n", "{{#player ", "\n### What the kernel did\n",
]
# Whether every page is as it should be by now: a player for each timeline, and guesses that answer back.
ALL_HAVE_PLAYERS = True
MOST_OF_THE_PLAYER = 60_000  # bytes, its script and its style together
# And then each page of a step.
LAST = ["Break it", "What can go wrong", "Two terminals", "Checkpoint", "Your turn"]

# What an explanation may name only if the kernel did it in that run: states,
# flags, and calls (as the course names them, and as the kernel does).
STATES_AND_FLAGS = (
    r"\b(?:LISTEN|SYN-SENT|SYN-RECEIVED|ESTABLISHED|FIN-WAIT-[12]|CLOSE-WAIT"
    r"|LAST-ACK|TIME-WAIT|SYN|FIN|RST|ACK)\b"
)
CALLS = {
    "socket": "socket(", "bind": "bind(", "listen": "listen(", "accept": "accept4(",
    "connect": "connect(", "send": "sendto(", "send_to": "sendto(", "write": "sendto(",
    "recv": "recvfrom(", "recv_from": "recvfrom(", "read": "recvfrom(",
    "peek": "MSG_PEEK", "shutdown": "shutdown(", "close": "close(",
    "local_addr": "getsockname(", "peer_addr": "getpeername(",
    "SO_REUSEADDR": "SO_REUSEADDR",
}

# Named just because it did not happen there.
NOT_DONE = {("03-listen.md", "accept")}

mistakes = []


def mistake(where, what):
    mistakes.append(f"{where}: {what}")


class Page(HTMLParser):
    """What a page defines and what it refers to."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loads, self.text = [], [], [], []
        self.prose = []  # without code
        self.records = []  # of players
        self.in_script = False
        self.in_code = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if attributes.get("data-record"):
            self.records.append(attributes["data-record"])
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        for name in ("src", "href", "srcset", "data"):
            if tag not in ("a", "base") and attributes.get(name):
                self.loads.append(attributes[name])
        self.in_script = tag in ("script", "style")
        self.in_code += tag in ("code", "pre")

    def handle_endtag(self, tag):
        self.in_script = False
        self.in_code -= tag in ("code", "pre")

    def handle_data(self, data):
        if not self.in_script:
            self.text.append(data)
            if not self.in_code:
                self.prose.append(data)


def chapters():
    """The Markdown of each chapter that SUMMARY.md lists."""
    summary = (PAGES / "SUMMARY.md").read_text(encoding="utf-8")
    chapters = re.findall(r"\]\(([^)]+\.md)\)", summary)
    files = {path.name for path in PAGES.glob("*.md")} - {"SUMMARY.md"}
    for name in sorted(files - set(chapters)):
        mistake("SUMMARY.md", f"does not list {name}")
    return {name: (PAGES / name).read_text(encoding="utf-8") for name in chapters}


def check_links(pages):
    for name, page in pages.items():
        for link in page.links + page.loads:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https"):
                if link in page.loads:
                    mistake(name, f"loads from elsewhere: {link}")
                continue
            if parts.scheme:
                continue
            target = (HTML / name).parent / unquote(parts.path) if parts.path else HTML / name
            if not target.is_file():
                mistake(name, f"leads nowhere: {link}")
            elif parts.fragment and target.suffix == ".html":
                other = pages.get(target.resolve().relative_to(HTML).as_posix())
                if other and unquote(parts.fragment) not in other.ids and not is_step(other, parts.fragment):
                    mistake(name, f"no such place: {link}")


def is_step(page, fragment):
    """Whether this is a step of a player on that page: the script goes there (look/player.js)."""
    step = re.fullmatch(r"(\w+)-step-(\d+)", fragment)
    return bool(step) and f"player-{step[1]}" in page.ids and int(step[2]) <= examples.steps(step[1])[-1][0]


def check_pages(pages):
    for name, page in pages.items():
        twice = {i for i in page.ids if page.ids.count(i) > 1}
        if twice:
            mistake(name, f"ids used twice: {sorted(twice)}")
        size = (HTML / name).stat().st_size
        if Path(name).name != "print.html" and size > LARGEST_PAGE:
            mistake(name, f"{size} bytes; {LARGEST_PAGE} are allowed")
        # What a picture says is there as text, for those who hear the page.
        html = (HTML / name).read_text(encoding="utf-8")
        drawn, said = len(re.findall(r'class="picture sequence"', html)), html.count('<div class="as-text">\n<p>')
        if drawn != said:
            mistake(name, f"{drawn} pictures of timelines, {said} of them as text")
        for legend in re.findall(r'<svg class="picture sequence".*?(?=<svg|\Z)', html, re.DOTALL):
            marks = re.findall(r'class="mark"[^>]*>(\d+)<', legend)
            _, _, rest = legend.partition("</figure>")
            explained = len(re.findall("<li>", rest.partition("</ol>")[0])) if marks else 0
            if sorted(map(int, marks)) != list(range(1, explained + 1)):
                mistake(name, f"the marks {marks} of a picture, and {explained} explanations")
        if "{{#" in "".join(page.text):
            mistake(name, "a directive is left over")
        # Between punctuation and a Chinese character, Markdown ends none.
        for stars in re.findall(r".{0,20}\*\*.{0,20}", "".join(page.prose)):
            mistake(name, f"bold type without an end: {stars}")


def check_shown(texts):
    """Each program, change and recorded run is on a page."""
    text = "\n".join(texts.values())
    # The programs that speak Chinese do so on the Chinese pages, in the place of the English.
    for name in re.findall(r"\{\{#\w+ (\S+@zh)\}\}", text):
        mistake("transcripts", f"{name} is on an English page")
    for folder, ending, directives in [
        (".", "rs", "example|player"), ("transcripts", "snap", "transcript|result|player"),
        ("timelines", "snap", "sequence|player|change"), ("changes", "patch", "change"), ("your_turn", "rs", "your_turn"),
    ]:
        shown = set(re.findall(rf"\{{\{{#(?:{directives}) ([^ }}]+)", text))
        # What Windows prints comes below what the others print, and on a Chinese
        # page the Chinese one in its place.
        shown |= {f"{name}@{other}" for name in shown for other in ("windows", "zh")}
        for path in sorted((EXAMPLES / folder).glob(f"*.{ending}")):
            if path.stem not in shown:
                mistake(folder, f"no page shows {path.name}")


def check_commands(pages):
    """Each command that the reader is told to type names an example."""
    sources = {name: "".join(page.text) for name, page in pages.items()}
    for readme in ("README.md", "CONTRIBUTING.md"):
        sources[readme] = (ROOT / readme).read_text(encoding="utf-8")
    programs = {path.stem for path in EXAMPLES.glob("*.rs")} | {"NAME"}
    count = 0
    for where, text in sources.items():
        for name in re.findall(r"cargo\s+run\b[^\n]*?--example\s+(\w+)", text):
            count += 1
            if name not in programs:
                mistake(where, f"there is no example {name}")
    if not count:
        mistake("commands", "none found: the search for them is broken")


def check_shape(texts):
    """Every page that teaches a step has a section for each of its programs,
    and then the same ones as all."""
    for name, text in texts.items():
        if not re.match(r"\d\d-", name):
            continue
        intro, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
        headings = [section.splitlines()[0] for section in sections]
        last = len(LAST)
        if headings[-last:] != LAST or not sections[:-last]:
            mistake(name, f"its sections are {headings}, and not its programs and then {LAST}")
        if "{{#" in intro:
            mistake(name, "shows something before anything is asked")
        for section in sections[:-last]:
            check_program(name, section)
        if "<summary>Answers</summary>" not in text:
            mistake(name, "has no answers")
        if "error-atlas.md#" not in text:
            mistake(name, "does not lead into the error atlas")
        if "\nNext: [" not in text:
            mistake(name, "does not say what is next")


def check_program(name, section):
    """One program: question, guess, run, code, output, explanation."""
    heading = section.splitlines()[0]
    for example in re.findall(r"`(\w+)`", heading):
        if not re.search(rf"\{{\{{#(?:example|player) {example}[ }}]", section):
            mistake(name, f"'{heading}' does not show {example}.rs")
        if ALL_HAVE_PLAYERS and examples.has_timeline(example) and not re.search(rf"\{{\{{#player {example}[ }}]", section):
            mistake(name, f"'{heading}' has no player, and there is a timeline")
    has_player = "{{#player " in section
    if has_player and (more := re.findall(r"\{\{#(?:lines|result|sequence) ", section)):
        mistake(name, f"'{heading}' has a player, and {more} besides")
    check_guesses(name, heading, section, has_player)
    # A result is folded by its directive.
    section = re.sub(r"\{\{#result [^}]*\}\}", "<summary>What </summary>", section)
    places = [section.find(part) for part in (PLAYER if has_player else PROGRAM)]
    if -1 in places or places != sorted(places):
        mistake(name, f"'{heading}' has not all parts in their order: {places}")
    # Nothing is given away: code and output are folded until they are explained.
    question = section[: places[-1]]
    open_text = re.sub(r"<details>.*?</details>", "", question, flags=re.DOTALL)
    answers = re.findall(r"\{\{#(?!example |player )\w+|^```(?!sh$|$).*", open_text, re.MULTILINE)
    for what in answers:
        mistake(name, f"'{heading}' gives the answer away: {what}")
    if not re.search(r"\{\{#(?:line|answer) ", section[places[-1] :]):
        mistake(name, f"'{heading}' explains no line of what it prints")


def check_guesses(name, heading, section, has_player):
    """Each question can be answered, and the run of the player says whether that is right.
    (That the answers fit: steps/guesses.py.)"""
    predict = section.partition("\n### Predict\n")[2].partition("\n### ")[0]
    if not guesses.are_there(predict):
        if ALL_HAVE_PLAYERS or has_player:
            mistake(name, f"'{heading}' asks nothing that can be answered by a choice or a number")
        return
    (start, end), asked = guesses.numbered(predict)
    # (With choices that are open to see, the questions of a bulleted list would have none.)
    if loose := re.findall(r"^- .*\?$", predict[:start] + predict[end:], re.MULTILINE):
        mistake(name, f"'{heading}' asks without choices: {loose}")
    _, answered = guesses.numbered(section.partition("\n### What the kernel did\n")[2])
    for at, one in enumerate(answered[: len(asked)], start=1):
        if has_player and not guesses.ANSWER.search(one.text):
            mistake(name, f"'{heading}': no step of the run decides question {at}")


def check_kernel(texts):
    """The picture leads, and the words name nothing that is not in it."""
    folder = EXAMPLES / "timelines"
    for name, text in texts.items():
        if not re.match(r"\d\d-", name):
            continue
        for section in re.split(r"^## ", text, flags=re.MULTILINE):
            _, _, prose = section.partition("\n### What the kernel did\n")
            programs = [
                example for example in re.findall(r"\{\{#example (\w+)\}\}", section)
                if is_recorded(folder, example)
            ]
            players = re.findall(r"\{\{#player (\w+)", section)
            drawings = players + re.findall(r"\{\{#sequence (\w+)(?: // .*)?\}\}", prose)
            if set(programs) - set(drawings):
                mistake(name, f"no picture of {sorted(set(programs) - set(drawings))}")
            if not drawings:
                continue
            if not players and not prose.lstrip().startswith("{{#sequence"):
                mistake(name, f"words before the picture of {drawings[0]}")
            timeline = "".join(map(examples.timeline, drawings))
            for named in sorted(set(examples.NAMED.findall(prose)) - set(examples.NAMED.findall(timeline))):
                mistake(name, f"{named} is not in the timeline of {' and '.join(drawings)}")
            prose = re.sub(r"\{\{#[^}]*\}\}|\([^)]*\)", "", prose)
            # (What somebody might think: it is said to be wrong.)
            prose = re.sub(r"^ +- \*[^*]+\*", "", prose, flags=re.MULTILINE)
            prose = re.sub(r"^\|.*$", "", prose, flags=re.MULTILINE)
            names = {word: word for word in re.findall(STATES_AND_FLAGS, prose)}
            names |= {
                word: CALLS[word] for word in re.findall(r"`(\w+)`", prose) if word in CALLS
            }
            for word, trace in sorted(names.items()):
                if trace not in timeline and (name, word) not in NOT_DONE:
                    mistake(name, f"{word} is not in the timeline of {' and '.join(drawings)}")


def check_players(pages):
    """Each timeline has a player, and each recorded change is offered by one. Each record is there."""
    timelines = {path.stem for path in (EXAMPLES / "timelines").glob("*.snap")}
    for edition in ("", "zh/"):
        records = set()
        for name, page in pages.items():
            if name.startswith("zh/") == bool(edition) and Path(name).name != "print.html":
                records |= set(page.records)
        for record in sorted(records):
            if not (HTML / edition / record).is_file():
                mistake(edition or "en", f"{record} is not there")
        for timeline in sorted(timelines):
            if f"player/{timeline}.js" not in records and (ALL_HAVE_PLAYERS or "." in timeline):
                mistake("timelines", f"no player shows {timeline}, in the edition '{edition or 'en'}'")
    size = sum(path.stat().st_size for path in (BOOK / "look").glob("player.*"))
    if size > MOST_OF_THE_PLAYER:
        mistake("player", f"{size} bytes of script and style; {MOST_OF_THE_PLAYER} are allowed")
    return size


def check_changes(texts):
    """Each tested change is on one page, under "Break it", with its own title."""
    uses = []
    for name, text in texts.items():
        _, _, section = text.partition("\n## Break it\n")
        section = section.partition("\n## ")[0]
        titles = re.findall(r"^\*\*[^*\n]+[.?]\*\*", section, re.MULTILINE)
        changes = re.findall(r"\{\{#change (\S+?)[ }]", section)
        if len(titles) != len(changes):
            mistake(name, f"{len(titles)} things to break, {len(changes)} tested")
        uses += changes
    for change in sorted({change for change in uses if uses.count(change) > 1}):
        mistake("changes", f"{change} is shown twice")


def check_exercises(texts):
    """Each exercise is on its step's page, and is no long reading."""
    for name, text in texts.items():
        for exercise, why in re.findall(r"\{\{#your_turn (\S+) //([^}]*)\}\}", text):
            if exercise[:2] != name[:2]:
                mistake(name, f"has the exercise {exercise}, of another step")
            if count_words(why) > MOST_WORDS_OF_A_REASON:
                mistake(exercise, f"{count_words(why)} words on why the solution is so")
    for path in (EXAMPLES / "your_turn").glob("*.rs"):
        lines = path.read_text(encoding="utf-8").splitlines()
        count = count_words("\n".join(line[3:] for line in lines if line[:3] == "//!"))
        if count > MOST_WORDS_OF_A_TASK:
            mistake(path.stem, f"{count} words; {MOST_WORDS_OF_A_TASK} are allowed")


def count_words(text):
    """How many English words of prose: no code, no tables, no lists of calls, no directives."""
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^- .*\\\n  Linux: .*$", "", text, flags=re.MULTILINE)  # (the atlas')
    text = re.sub(r"^\|.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\{\{#change [^/}]*/?/?([^}]*)\}\}", r"\1", text)
    text = re.sub(r"\{\{#[^}]*\}\}", "", text)
    text = re.sub(r"\]\([^)]*\)|<[^>]*>", "", text)
    text = re.sub(r"`[^`]*`", "code", text)
    text = re.sub(r"[\u4e00-\u9fff]+", "", text)  # (the glossary's)
    return len(re.findall(r"\S*\w\S*", text))


def check_length(texts):
    """Gives the longest page, in words that are in the open."""
    fold = re.compile(r"^<details>.*?^</details>", re.MULTILINE | re.DOTALL)
    wrong = re.compile(r"^ +- \*[^*].*(?:\n {5,}\S.*)*", re.MULTILINE)
    entries = re.compile(r"\{\{#entries (\S+)\}\}")
    texts = {name: entries.sub(lambda first: atlas.REST.format(first[1]), text) for name, text in texts.items()}
    texts = atlas.divide(texts, "")
    counts = {name: count_words(wrong.sub("", fold.sub("", text))) for name, text in texts.items()}
    for name, count in counts.items():
        most = MOST_WORDS_ON.get(name, MOST_WORDS)
        if count > most:
            mistake(name, f"{count} words in the open; {most} are allowed")
    return max((count, name) for name, count in counts.items() if name not in MOST_WORDS_ON)


def check_pictures():
    """Drawn in the text's own colours, so that they follow the theme."""
    pictures = [*(BOOK / "src" / "img").glob("*.svg"), *HTML.rglob("print.html")]
    for path in pictures:
        text = "".join(
            re.findall(r"<svg class=\"picture.*?</svg>", path.read_text(encoding="utf-8"), re.DOTALL)
        )
        colours = set(re.findall(r'(?:fill|stroke)="([^"]*)"', text))
        for colour in sorted(colours - {"none", "currentColor", "var(--links)"}):
            mistake(path.name, f"the colour {colour} does not follow the theme")
        for part in ("<title", "<desc", 'viewBox="0 0 360 '):
            # (mdBook writes names of attributes in small letters.)
            if part.lower() not in text.lower():
                mistake(path.name, f"has no {part}")


def check_terms(texts):
    """A term of the glossary stands behind an empty line: else the page shows it as a part of the one before."""
    for before, term in re.findall(r"^(.+)\n([^:\s].*)\n: ", texts["glossary.md"], re.MULTILINE):
        mistake("glossary.md", f"no empty line between \"{before}\" and \"{term}\"")


def check_rust(texts, pages):
    """The glossary explains the Rust that the examples use and the reader may not know,
    and no other; each page whose example uses some of it leads there."""
    explained = [name for name, _ in rust.places()]
    leading = {}
    for page, text in texts.items():
        for example in re.findall(r"\{\{#(?:example|player) (\w+)", text):
            for name in rust.used(examples.source(example)) if examples.is_example(example) else []:
                leading.setdefault(name, set()).add(page)
    for name in explained:
        if name not in rust.NAMES:
            mistake("glossary.md", f"nobody looks whether an example has `{name}`: see steps/rust.py")
    for name in rust.NAMES:
        if explained.count(name) != 1:
            mistake("glossary.md", f"`{name}` is explained {explained.count(name)} times")
        if name not in leading:
            mistake("steps/rust.py", f"no example has `{name}` any more")
    for page in ["start.md", "01-create.md", "07-first-server.md"]:
        if rust.PART.replace(".md", ".html") not in pages[page.replace(".md", ".html")].links:
            mistake(page, f"does not lead to {rust.PART}")
    for name, place in rust.places():
        for page in sorted(leading.get(name, ())):
            if f"glossary.html#{place}" not in pages[page.replace(".md", ".html")].links:
                mistake(page, f"does not lead to `{name}` of the glossary")


def check_editions(pages):
    """Each page has the same places in both, and leads to the other."""
    for name, page in pages.items():
        if name.startswith("zh/") or name in ("print.html", "toc.html"):
            continue
        other = pages[f"zh/{name}"]
        if ids := set(page.ids) ^ set(other.ids):
            mistake(name, f"other places in the Chinese edition: {sorted(ids)}")
        source = "start.html" if name == "index.html" else name
        if f"zh/{source}" not in page.links or f"../{source}" not in other.links:
            mistake(name, "the two editions do not lead to each other")


def check_labels():
    """What mdBook says of itself is Chinese in the Chinese edition, also where no script runs."""
    for path in sorted((HTML / "zh").glob("*.html")):
        if path.name == "toc.html":
            continue  # the titles of the chapters
        page = re.sub("<!--.*?-->|<script.*?</script>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        if path.name != "404.html":
            page = re.sub("<main>.*</main>", "", page, flags=re.DOTALL)
        said = re.findall(r'\b(?:title|aria-label|placeholder)="([^"]*)"|>([^<>]*)<', page)
        for text in {(attribute or text).strip() for attribute, text in said}:
            if re.search("[A-Za-z]{3}", text) and not re.search("[\u4e00-\u9fff]", text) and text not in ("Ayu", "Esc"):
                mistake(f"zh/{path.name}", f"mdBook says '{text}' there, in English")
        if path.name == "404.html" and not re.search('<base href="[^"]*/zh/">', page):
            mistake(f"zh/{path.name}", "leads to the English pages")


def main():
    pages = {
        path.relative_to(HTML).as_posix(): Page(path)
        for path in HTML.rglob("*.html")
    }
    for name in [name for name in pages if name.endswith("404.html")]:
        pages.pop(name)  # it is shown at any address
    check_links(pages)
    check_pages(pages)
    check_editions(pages)
    check_labels()
    check_pictures()
    texts = chapters()
    check_shown(texts)
    check_commands(pages)
    check_terms(texts)
    check_rust(texts, pages)
    check_shape(texts)
    check_kernel(texts)
    check_changes(texts)
    player = check_players(pages)
    check_exercises(texts)
    words, longest = check_length(texts)
    sizes = {name: (HTML / name).stat().st_size for name in pages if Path(name).name != "print.html"}
    largest = max(sizes, key=sizes.get)
    for one in mistakes:
        print(f"mistake: {one}", file=sys.stderr)
    links = sum(len(page.links) for page in pages.values())
    print(
        f"structure: {len(pages)} pages, {words} words at most ({longest}), "
        f"{sizes[largest]} bytes at most ({largest}), {player} for the player, {links} links, {len(mistakes)} mistakes"
    )
    sys.exit(1 if mistakes else 0)


if __name__ == "__main__":
    main()
