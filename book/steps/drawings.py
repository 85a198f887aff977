"""Has the pictures of timelines drawn, all at once, by tools/timeline."""

import json
import os
import subprocess

from .examples import timeline
from .files import ROOT, Mistake

DRAW = ["run", "--quiet", "--locked", "--package", "socket-steps-timeline", "--bin", "draw"]


def draw(names, words):
    """The SVG of each (name, line of the transcript ...), in these words of a language."""
    if not names:
        return {}
    pictures = [
        {"name": name, "timeline": timeline(name), "lines": lines} for name, *lines in names
    ]
    try:
        done = subprocess.run(
            [os.environ.get("CARGO", "cargo"), *DRAW], cwd=ROOT, check=True, encoding="utf-8",
            input=json.dumps({"words": words, "pictures": pictures}), stdout=subprocess.PIPE,
        )
    except FileNotFoundError:
        raise Mistake("the pictures are drawn by a program in Rust: this needs cargo (https://rustup.rs)") from None
    except subprocess.CalledProcessError as error:
        raise Mistake(f"the pictures cannot be drawn (exit status {error.returncode}, see above)") from error
    return dict(zip(names, json.loads(done.stdout)))
