"""The records that the players show: book/src/player/NAME.js, made anew with each build.

mdBook copies them beside the pages. They are in no language: both editions have the same.
A script can be read from the disk as well, where a browser lets no page read a file.
"""

import json
import re

from . import examples
from .files import PAGES
from .markdown import DIRECTIVE

FOLDER = PAGES / "player"


def orders(texts):
    """What to ask of the drawing: the players of these pages, and of the changes that those offer."""
    wanted = {}
    for text in texts:
        used = [(what, arguments.split("//")[0].strip()) for what, arguments in DIRECTIVE.findall(text)]
        players = [name for what, name in used if what == "player" and examples.has_timeline(name)]
        shown = {name for what, name in used if what == "example"} | set(players)
        there = {program for name in players for program in examples.programs(name)}
        for name in players:
            programs = examples.programs(name)
            if name in wanted and "files" not in wanted[name]:
                continue
            wanted[name] = order(name)
            # Where the page does not have the code.
            if not shown.issuperset(programs):
                wanted[name]["files"] = [file(program, examples.source(program)) for program in programs]
        for what, title in used:
            example = title.split(".")[0]
            if what == "change" and example in there and examples.has_timeline(title):
                wanted[title] = order(title)
                changed = examples.changed(title)
                if changed is not None:
                    wanted[title]["files"] = [
                        file(program, changed if program == example else examples.source(program))
                        for program in examples.programs(title)
                    ]
    return list(wanted.values())


def order(name):
    return {"name": name, "timeline": examples.record(name)}


def file(program, text):
    return {"name": f"{program}.rs", "text": text}


def script(model):
    """What a page loads. (JSON is JavaScript, but for what would end a line there in old browsers.)"""
    data = json.dumps(model, ensure_ascii=False, separators=(",", ":"))
    data = re.sub("[\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", data)
    return f'socketSteps.record({json.dumps(model["name"])}, {data});\n'


def write(models, folder=FOLDER):
    """Writes what is not there yet, or differs: `mdbook serve` builds again after each change."""
    wanted = {f"{model['name']}.js": script(model).encode() for model in models}
    if wanted:
        folder.mkdir(exist_ok=True)
    for path in folder.glob("*"):
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)
