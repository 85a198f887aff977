"""What `cargo measure` has found: the plots and the numbers of tools/measure/results."""

import csv
import html
import io
import re

from .files import ROOT, Mistake, read

RESULTS = ROOT / "tools" / "measure" / "results"

# What is in the results to judge them by, and not in the tables of the book.
JUDGES = ("zero", "served, each its own answer")
# The same in any language.
NAME = re.compile(r"(?:asyncio|poll|pool|socket2|std|tokio|Rust|Python)(?: \(\w+\))?|\d+ [KM]iB")


def rows(name):
    """Of NAME.csv; None if it has not been measured."""
    path = RESULTS / f"{name}.csv"
    return list(csv.DictReader(io.StringIO(read(path)))) if path.is_file() else None


def labels(name):
    """The words in this plot and its table, but for names and sizes: what a translation is to have."""
    found = [row["unit"] for row in rows(name)]
    found += [row[column] for row in rows(name) for column in ("what", "server") if row["what"] not in JUDGES]
    found += [html.unescape(text) for text in re.findall(r"<(?:title|text)\b[^>]*>([^<]+)<", read(RESULTS / f"{name}.svg"))]
    return [text for text in dict.fromkeys(found) if re.search("[A-Za-z]{3}", text) and not NAME.fullmatch(text)]


def plot(name, edition):
    """With its labels in the language of the edition, also within the text for those who hear it."""
    svg = read(RESULTS / f"{name}.svg").rstrip()
    if edition.is_english:
        return svg
    known = sorted(labels(name), key=len, reverse=True)
    # Text is a label; in the description labels stand between dots and colons, with numbers.
    part = re.compile(rf"(?<![^.;:>] )(?<!\w)({'|'.join(map(re.escape, known))})(?=[.:<])")

    def words(match):
        text = part.sub(lambda found: edition.label(found[0]), html.unescape(match[0]))
        return f">{html.escape(text[1:-1], quote=False)}<"

    return re.sub(r">[^<>]+<", words, svg)


def machine(found, edition):
    """The one on which all of these were measured."""
    machines = {row["machine"] for row in found}
    if len(machines) != 1:
        raise Mistake(f"these were measured on {len(machines)} machines")
    return re.sub(r"\b(\d+) cores\b", lambda cores: edition.word("cores", cores[1]), machines.pop())


def shown(value):
    """12,345 or 0.997: as it is in the results."""
    number = float(value)
    return f"{int(number):,}" if number.is_integer() else f"{number:,}"


def size(value):
    number = int(value)
    return f"{number >> 20} MiB" if number >= 1 << 20 else f"{number >> 10} KiB"


def with_unit(row, edition):
    return f"{shown(row['value'])} {edition.label(row['unit'])}".strip()


def table(found, edition):
    """Its columns: those in which something stands."""
    columns = {
        "what": lambda row: html.escape(edition.label(row["what"])),
        "of server": lambda row: html.escape(edition.label(row["server"])),
        "clients": lambda row: shown(row["clients"]) if row["clients"] else "",
        "buffer": lambda row: size(row["bytes"]) if row["bytes"] else "",
        "value": lambda row: with_unit(row, edition),
        "middle half": lambda row: edition.word("range", shown(row["low"]), shown(row["high"])) if row["low"] else "",
    }
    cells = [[column(row) for column in columns.values()] for row in found if row["what"] not in JUDGES]
    kept = [at for at in range(len(columns)) if any(row[at] for row in cells)]
    lines = [list(map(edition.word, columns)), ["---"] * len(columns), *cells]
    return "\n".join("| " + " | ".join(line[at] for at in kept) + " |" for line in lines)


def number(edition, name, what, server, clients=""):
    """The one value of this kind; None if nothing has been measured."""
    found = rows(name)
    if found is None:
        return None
    fitting = [
        row for row in found
        if row["what"] == what and server in row["server"] and clients in ("", row["clients"])
    ]
    if len(fitting) != 1:
        raise Mistake(f"{name}.csv has {len(fitting)} rows with {what}, {server}, {clients or 'any'} clients")
    return with_unit(fitting[0], edition)
