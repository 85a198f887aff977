"""Has the pictures of timelines drawn, all at once, by tools/timeline."""

import json
import os
import shutil
import subprocess

from .examples import timeline
from .files import ROOT, Mistake

CARGO = os.environ.get("CARGO", "cargo")
DRAW = [CARGO, "run", "--quiet", "--locked", "--package", "socket-steps-timeline", "--bin", "draw"]


def run(words, pictures, *arguments):
    try:
        return subprocess.run(
            [*DRAW, *arguments], cwd=ROOT, encoding="utf-8", capture_output=True,
            input=json.dumps({"words": words, "pictures": pictures}),
        )
    except FileNotFoundError:
        raise Mistake("the pictures are drawn by a program in Rust: this needs cargo (https://rustup.rs)") from None


def draw(names, words):
    """The SVG of each (name, line of the transcript ...), in these words of a language:
    in English, if the drawing has others by now."""
    if not names:
        return {}
    pictures = [
        {"name": name, "timeline": timeline(name), "lines": lines} for name, *lines in names
    ]
    done = run(words, pictures)
    if done.returncode and words:
        done = run({}, pictures)
    if done.returncode:
        raise Mistake(f"the pictures cannot be drawn: {done.stderr.strip()}")
    return dict(zip(names, json.loads(done.stdout)))


def troubles(words):
    """What these words lack, or why they cannot be used, if there is a cargo to ask."""
    if not shutil.which(CARGO):
        return []
    english = json.loads(run({}, [], "--", "--words").stdout)
    done = run(words, [])
    wrong = [done.stderr.strip()] if done.returncode else []
    return wrong + [f"no translation of: {text}" for text in english if text not in words]
