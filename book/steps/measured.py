"""What `cargo measure` has found: the plots and the numbers of tools/measure/results."""

import csv
import html
import io

from .files import ROOT, Mistake, read

RESULTS = ROOT / "tools" / "measure" / "results"

# What is in the results to judge them by, and not in the tables of the book.
JUDGES = ("zero", "served, each its own answer")


def rows(name):
    """Of NAME.csv; None if it has not been measured."""
    path = RESULTS / f"{name}.csv"
    return list(csv.DictReader(io.StringIO(read(path)))) if path.is_file() else None


def plot(name):
    return read(RESULTS / f"{name}.svg").rstrip()


def machine(found):
    """The one on which all of these were measured."""
    machines = {row["machine"] for row in found}
    if len(machines) != 1:
        raise Mistake(f"these were measured on {len(machines)} machines")
    return machines.pop()


def shown(value):
    """12,345 or 0.997: as it is in the results."""
    number = float(value)
    return f"{int(number):,}" if number.is_integer() else f"{number:,}"


def size(value):
    number = int(value)
    return f"{number >> 20} MiB" if number >= 1 << 20 else f"{number >> 10} KiB"


def table(found):
    """Its columns: those in which something stands."""
    columns = {
        "what": lambda row: html.escape(row["what"]),
        "server": lambda row: html.escape(row["server"]),
        "clients": lambda row: shown(row["clients"]) if row["clients"] else "",
        "buffer": lambda row: size(row["bytes"]) if row["bytes"] else "",
        "value": lambda row: f"{shown(row['value'])} {row['unit']}".strip(),
        "middle half": lambda row: f"{shown(row['low'])} to {shown(row['high'])}" if row["low"] else "",
    }
    cells = [[column(row) for column in columns.values()] for row in found if row["what"] not in JUDGES]
    kept = [at for at in range(len(columns)) if any(row[at] for row in cells)]
    lines = [list(columns), ["---"] * len(columns), *cells]
    return "\n".join("| " + " | ".join(line[at] for at in kept) + " |" for line in lines)


def number(name, what, server, clients=""):
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
    return f"{shown(fitting[0]['value'])} {fitting[0]['unit']}".strip()
