"""The last thing done to what mdBook has written: `python3 -m steps.finish html`, in the folder of the book.

- Scripts that change its search stand before its own, which may search as soon as it is there.
- Its own labels are in the language of the edition, also where no script runs (book/zh/mdbook.po).
- The page for an address that leads nowhere is in both languages: a server may have one such page for all.
- What stands around the text of a page is not indented: that is 3,000 bytes of each.
"""

import re
import sys
from pathlib import Path

from .edition import Edition
from .files import Mistake, read

# What mdBook says. (Its names of themes among them; what its search says is in look/search.js.)
LABELS = [
    "Table of contents",
    "Toggle Table of Contents",
    "Change theme",
    "Themes",
    "Auto",
    "Light",
    "Rust",
    "Coal",
    "Navy",
    "Ayu",
    "Search (`/`)",
    "Toggle Searchbar",
    "Search this book ...",
    "Search Result Teaser",
    "Print this book",
    "Page navigation",
    "Previous chapter",
    "Next chapter",
    "Copy to clipboard",
    "Copied!",
    "Clipboard error!",
    "Keyboard shortcuts",
    "Press <kbd>←</kbd> or <kbd>→</kbd> to navigate between chapters",
    "Press <kbd>S</kbd> or <kbd>/</kbd> to search in the book",
    "Press <kbd>?</kbd> to show this help",
    "Press <kbd>Esc</kbd> to hide this help",
    "Page not found",
    "Document not found (404)",
    "This URL is invalid, sorry. Please use the navigation bar or search to continue.",
]
# Only where the book says where its repository is.
PERHAPS = ["Git repository"]
# And what this file says.
BEGIN = "The first page of this edition"
TEXTS = [*LABELS, *PERHAPS, BEGIN]
NOT_FOUND = "404.html"

OURS = re.compile(r'[ \t]*<script src="[^"]*look/(?:search|errors)-\w+\.js"></script>\n')
SEARCHER = re.compile(r'[ \t]*<script src="[^"]*searcher-\w+\.js"></script>\n')


def with_our_search_first(page):
    ours = "".join(OURS.findall(page))
    page, count = SEARCHER.subn(lambda searcher: ours + searcher[0], OURS.sub("", page))
    if count != 1 or ours.count("<script") != 2:
        raise Mistake("mdBook's script for the search, and the two that change it, are not there once each")
    return page


def in_language(text, words, said):
    """With mdBook's labels as `words` has them; `said` gets those that are there."""
    for label, word in words.items():
        for before, after in [('"', '"'), ("'", "'"), (">", "<"), ("<title>", " - ")]:
            if f"{before}{label}{after}" in text:
                said.add(label)
                text = text.replace(f"{before}{label}{after}", f"{before}{word}{after}")
    return text


def frame_in_language(page, words, said):
    """What stands around the text of a page, and is the same on each; of that text nothing."""

    def frame(text):
        return re.sub(r"\n\s+", "\n", in_language(text, words, said))

    before, main, rest = page.partition("<main>")
    text, end, after = rest.partition("</main>")
    return frame(before) + main + text + end + frame(after)


def finish(folder, edition):
    words = {label: edition.translation("mdbook", label) or label for label in LABELS + PERHAPS}
    for label, word in words.items():
        if re.search("[\"'&]", word):
            raise Mistake(f"mdbook.po: a label with a quotation mark: {word}")
    said = set()
    for path in sorted(folder.glob("*.html")):
        page = read(path)
        if path.name == "toc.html":  # (A list of links, without a frame.)
            continue
        try:
            page = with_our_search_first(page)
        except Mistake as mistake:
            raise Mistake(f"{path.name}: {mistake}") from None
        page = (in_language if path.name == NOT_FOUND else frame_in_language)(page, words, said)
        write(path, page)
    for path in [*folder.glob("book-*.js"), *folder.glob("searcher-*.js")]:
        write(path, in_language(read(path), words, said))
    for label in LABELS:
        if label not in said:
            raise Mistake(f"mdBook does not say '{label}' any more: see steps/finish.py")


def also_not_found(folder, edition):
    """Adds what another edition says there, and the way to it."""
    path = folder / NOT_FOUND
    text = edition.translation("mdbook", LABELS[-1]) or LABELS[-1]
    way = f'<a href="{edition.language}/index.html" hreflang="zh-CN">{edition.translation("mdbook", BEGIN) or BEGIN}</a>'
    write(path, read(path).replace("</main>", f'<p lang="zh-CN">{text} {way}</p>\n</main>', 1))


def write(path, text):
    path.write_text(text, encoding="utf-8", newline="\n")


def main(folder):
    english, chinese = Edition(), Edition("zh")
    finish(folder, english)
    finish(folder / chinese.language, chinese)
    also_not_found(folder, chinese)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except Mistake as mistake:
        sys.exit(f"error: {mistake}")
