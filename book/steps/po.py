"""Reads the PO files of the translators, and writes what they are merged with.

Only what gettext's own tools write for plain messages: no contexts, no plurals.
"""

import json
import re

from .files import Mistake

STRING = re.compile(r'(msgid|msgstr)?\s*("(?:[^"\\]|\\.)*")')
HEADER = [
    "Project-Id-Version: socket-steps", "Language: zh_CN", "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=UTF-8", "Content-Transfer-Encoding: 8bit",
]


def translations(text, name="a PO file"):
    """What is translated: no entry that is empty or fuzzy."""
    texts, entry, fuzzy, last = {}, {}, False, None

    def end():
        if entry.get("msgid") and entry.get("msgstr") and not fuzzy:
            texts[entry["msgid"]] = entry["msgstr"]

    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if line.startswith("#") or not line:
            if last == "msgstr":
                end()
                entry, fuzzy, last = {}, False, None
            fuzzy |= bool(re.match(r"#,.*\bfuzzy\b", line))
            continue
        string = STRING.fullmatch(line)
        if string is None or not (string[1] or last):
            raise Mistake(f"{name}, line {number}: neither msgid, msgstr nor a text in quotes: {line}")
        if string[1] == "msgid" and last == "msgstr":
            end()
            entry, fuzzy = {}, False
        last = string[1] or last
        try:
            entry[last] = entry.get(last, "") + json.loads(string[2])
        except json.JSONDecodeError as error:
            raise Mistake(f"{name}, line {number}: {error.msg}: {line}") from error
    end()
    return texts


def template(messages):
    """A PO file without translations, of {message: where it stands}."""
    header = "".join(f'"{line}\\n"\n' for line in HEADER)
    parts = [f'msgid ""\nmsgstr ""\n{header}']
    for message, place in messages.items():
        parts.append(f'#: {place}\nmsgid {json.dumps(message, ensure_ascii=False)}\nmsgstr ""\n')
    return "\n".join(parts)
