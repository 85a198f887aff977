"""Has the pictures of timelines drawn, all at once, by tools/timeline."""

import json
import os
import re
import shutil
import subprocess

from .examples import timeline
from .files import ROOT, Mistake

CARGO = os.environ.get("CARGO", "cargo")
DRAW = [CARGO, "run", "--quiet", "--locked", "--package", "socket-steps-timeline", "--bin", "draw"]


def run(words, pictures, *arguments, players=()):
    try:
        return subprocess.run(
            [*DRAW, *arguments], cwd=ROOT, encoding="utf-8", capture_output=True,
            input=json.dumps({"words": words, "pictures": pictures, "players": list(players)}),
        )
    except FileNotFoundError:
        raise Mistake("the pictures are drawn by a program in Rust: this needs cargo (https://rustup.rs)") from None


def draw(names, words, players=()):
    """The SVG of each (name, line of the transcript ...), in these words of a language:
    in English, if the drawing has others by now. And the model of each player."""
    if not names and not players:
        return {}, []
    pictures = [
        {"name": name, "timeline": timeline(name), "lines": lines} for name, *lines in names
    ]
    done = run(words, pictures, players=players)
    if done.returncode and words:
        done = run({}, pictures, players=players)
    if done.returncode:
        raise Mistake(f"the pictures cannot be drawn: {done.stderr.strip()}")
    drawn = json.loads(done.stdout)
    if len(drawn["players"]) != len(players):
        raise Mistake(f"{len(players)} players were asked for, and {len(drawn['players'])} came")
    return dict(zip(names, drawn["pictures"])), drawn["players"]


def note(words, line):
    """A line of a timeline that no program has printed, in these words: as tools/timeline/src/words.rs has it."""
    for english, own in words.items():
        holes = re.findall(r"\{\w+\}", english)
        found = re.fullmatch("(.+)".join(map(re.escape, re.split(r"\{\w+\}", english))), line)
        if not holes or not found:
            continue
        for hole, value in zip(holes, found.groups()):
            if hole == "{own}":
                one, is_there, other = value.rpartition(" and ")
                other = words.get(other, other)
                both = words.get("{one} and {other}", "{one} and {other}")
                value = both.replace("{one}", one).replace("{other}", other) if is_there else other
            own = own.replace(hole, value)
        return own
    return words.get(line, line)


def troubles(words):
    """What these words lack, or why they cannot be used, if there is a cargo to ask."""
    if not shutil.which(CARGO):
        return []
    english = json.loads(run({}, [], "--", "--words").stdout)
    done = run(words, [])
    wrong = [done.stderr.strip()] if done.returncode else []
    return wrong + [f"no translation of: {text}" for text in english if text not in words]
