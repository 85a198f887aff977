"""The error atlas: the index of what people see, made of its entries, and the way to the chapters.

An entry is a heading with an id, and in it, below "Comes from", a list of two lines for each call:

    **Comes from** (what is seen, where the heading says something else):

    - `bind`: somebody listens there\\
      Linux: 98 EADDRINUSE · Windows: 10048 (run) · Kind: AddrInUse · `08_address_in_use`

It is one file, and two pages: too much for one. The second one says with which entry it begins. Every
link is written as if there were one page only, and led to the right one here.
"""

import re

from .files import Mistake

PAGE = "error-atlas.md"
REST = "<!-- the atlas from {} on -->"  # in the place of `{{#entries NAME}}`
INDEX = "<!-- the index -->"
ENTRY = re.compile(r"## (.+) \{#([\w-]+)[^}]*\}")
COMES_FROM = re.compile(r"\*\*(?:Comes from|来自)\*\*(?: ?[(（](.+)[)）])?[:：]")
CALL = re.compile(r"- (.+?)(?:[:：].+)?\\")
DETAILS = re.compile(r"^  (Linux[:：].+?)(?:`(\d\d_\w+)`)?$", re.MULTILINE)
CHINESE = re.compile("[\u4e00-\u9fff]")


def seen(heading, words):
    """In the Chinese edition the English words, which the examples print, and then the Chinese ones."""
    if not words or CHINESE.search(words) or not CHINESE.search(heading):
        return words or heading
    return f"{words} {heading}"


def index(text):
    """What is seen, with the place of its entry: in which calls."""
    places, entries, calls = {}, {}, None
    for line in text.splitlines():
        if match := ENTRY.fullmatch(line):
            heading, place = match.groups()
            places[place], calls = heading, None
        elif places and (match := COMES_FROM.fullmatch(line)):
            calls = entries[seen(heading, match[1]), place] = {}
        elif calls is not None and (match := CALL.fullmatch(line)):
            calls |= dict.fromkeys(re.split(", |、", match[1]))
    for place, heading in places.items():
        groups = [calls for (_, at), calls in entries.items() if at == place]
        if not groups or not all(groups):
            raise Mistake(f"'{heading}' does not say what it comes from")
    return entries


def finish(text, home, edition):
    """The page with its index; `home` has the chapter of each example."""

    def details(match):
        words, example = match.groups()
        if example and example not in home:
            raise Mistake(f"no chapter has the example {example}")
        return f"  <small>{words}{f'[`{example}`]({home[example]})' if example else ''}</small>"

    rows = [f"| {edition.word('seen')} | {edition.word('calls')} |", "| --- | --- |"]
    for (words, place), calls in index(text).items():
        rows.append(f"| [{words}](#{place}) | {edition.word('comma').join(calls)} |")
    return DETAILS.sub(details, text).replace(INDEX, "\n".join(rows))


def divide(texts, behind):
    """The text of each page, by its path, with the second half of the atlas on its own page; `behind` is
    the line at the head of a Chinese page that shows English."""
    second = [(path, match) for path, text in texts.items() if (match := re.search(REST.format(r"([\w-]+)"), text))]
    if PAGE not in texts or not second:
        return texts
    [(path, match)] = second
    place = re.search(rf"^## .+ \{{#{match[1]}[ }}]", texts[PAGE], re.MULTILINE)
    if place is None:
        raise Mistake(f"{path}: the atlas has no entry {match[1]}")
    texts = dict(texts)
    rest, texts[PAGE] = texts[PAGE][place.start():], texts[PAGE][:place.start()]
    # (An introduction without a translation ends before the entries.)
    texts[path] = re.sub(
        rf"{match[0]}(\s*</div>)?", lambda end: f"{(end[1] or '').strip()}\n\n{rest}", texts[path], count=1,
    )
    for one in (PAGE, path):
        # (Which of the two has English is known now.)
        head, _, body = texts[one].replace(f"\n{behind}\n", "", 1).partition("\n# ")
        heading, _, body = body.partition("\n")
        note = f"\n{behind}\n" if '<div lang="en">' in body else ""
        texts[one] = f"{head}\n# {heading}\n{note}{body}"
    entries = {match[2] for line in rest.splitlines() if (match := ENTRY.fullmatch(line))}

    def lead(here):
        def led(match):
            page = path if match[2] in entries else PAGE
            return f"]({'' if page == here else page}#{match[2]})"

        return led

    for one in texts:
        own = "?" if one in (PAGE, path) else ""  # (a page of the atlas has links to its own entries)
        texts[one] = re.sub(rf"\]\(({re.escape(PAGE)}){own}#([\w-]+)\)", lead(one), texts[one])
    return texts
