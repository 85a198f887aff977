"""The error atlas: the index of what people see, made of its entries, and the way to the chapters.

An entry is a heading with an id, and in it, below "Comes from", a list of two lines for each call:

    **Comes from** (what is seen, where the heading says something else):

    - `bind`: somebody listens there\\
      Linux: 98 EADDRINUSE · Windows: 10048 (run) · Kind: AddrInUse · `08_address_in_use`
"""

import re

from .files import Mistake

PAGE = "error-atlas.md"
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
