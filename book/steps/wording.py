"""What the Chinese edition does not write, and what it writes instead.

The reasons are in CONTRIBUTING.md, "The Chinese edition". Looks at prose alone: at no
code, and at no link. What it finds is listed by `python3 book/chinese.py`.
"""

import json
import re

from . import po
from .files import read
from .markdown import DIRECTIVE, FENCE, reader_words

HAN = "[\u4e00-\u9fff]"

# How it is found, and what to write instead.
WORDS = [
    ("积压", "backlog；已建立的连接排在全连接队列"),
    ("一去不返", "一直不返回"),
    ("回声", "回显"),
    ("准许", "成功；允许"),
    # Where a thing can be named, it is: no program listens, no data has arrived.
    ("没有人|没有谁|什么也(?!不做)", "说出是什么：没有程序在监听，没有数据到达"),
    # 回答 is for the book's questions.
    (r"(?:内核|服务端|客户端|对端|程序)[^，。；：？、]{0,4}回答", "返回；回复；确认"),
    (r"(?:发送|接收|取走)(?:了|一段)?文本|文本[^，。；：？、]{0,2}(?:到达|丢失)", "数据"),
    (r"屏幕上[^，。；：？、]{0,4}文本", "文字"),
    ("三个词(?!语)", "三个参数"),
    ("由一个测试", "测试会……"),
    ("[「」『』]", "“”"),
]
MARKS = [
    (rf"{HAN}[\"']|[\"']{HAN}", "“”"),
    (rf"{HAN}[,.:;!?](?![.\w])|[,;:!?]{HAN}", "全角标点：，。：；！？"),
    (rf"{HAN} ?\(|\([^()\n]*{HAN}[^()\n]*\)", "全角括号：（）"),
    (rf"{HAN} ?\.\.\.|\.\.\. ?{HAN}", "……"),
    (rf"{HAN}[A-Za-z0-9]|[A-Za-z0-9]{HAN}", "中文与字母、数字之间空一格"),
    (r" [，。：；！？、）”》]|[（“《] ", "全角标点旁边不空格"),
]
RULES = [(re.compile(found), instead) for found, instead in [*WORDS, *MARKS]]


# The words of a system, with its own marks, as the atlas quotes them.
QUOTED = re.compile(r"^- \*\*(?:Linux|macOS|Windows)\*\*: .*$", re.MULTILINE)


def prose(text):
    """The same lines, and in them only what is said: X in place of code and of what a directive puts there."""

    def lines_of(match):
        return "\n" * match[0].count("\n")

    text = QUOTED.sub("", FENCE.sub(lines_of, text))
    text = re.sub(r"<!--.*?-->", lines_of, text, flags=re.DOTALL)
    text = DIRECTIVE.sub(lambda match: reader_words(*match.groups()) or "X", text)
    text = re.sub(r"(`+)[^`\n]+\1", "X", text)
    # What may be left out of a command.
    text = re.sub(r"\[[^\]\n]* \| [^\]\n]*\]", "X", text)
    text = re.sub(r"<[^<>]*>", lines_of, re.sub(r"<https?://[^<>]*>", "X", text))
    text = re.sub(r"!(?=\[)|\]\([^()\s]*\)|\]\[[^\][]*\]| ?\{#[\w-]+\}", "", text)
    return re.sub(r"[*\[\]]", "", text)


def places(text):
    """What is found in a text: the number of its line, the words around it, and what to write instead."""
    for number, line in enumerate(prose(text).splitlines(), start=1):
        for rule, instead in RULES:
            for match in rule.finditer(line):
                around = line[max(0, match.start() - 8):match.end() + 8].strip()
                yield number, around, instead


def found(root):
    """In all that is Chinese in this project, each in a sentence."""
    for path in [*sorted(root.glob("book/zh/**/*.md")), root / "README.zh.md"]:
        if path.is_file():
            for number, around, instead in places(read(path)):
                yield f"{path.relative_to(root).as_posix()}, line {number}: “{around}”: {instead}"
    for path in sorted([*root.glob("book/zh/*.po"), *root.glob("src/*_zh.po"), *root.glob("tools/*/*zh.po")]):
        texts = po.translations(read(path), path.name)
        others = {english: text for english, text in texts.items() if not is_of_the_chat(root, english)}
        if path.parent.name == "grade":
            others = {english: CHOICE.sub("", PRINTED.sub("", text)) for english, text in others.items()}
        yield from found_in(others, path.relative_to(root).as_posix())
    for path in sorted(root.glob("book/zh/*.json")):
        yield from found_in(json.loads(read(path)), path.relative_to(root).as_posix())


# In what the grader says: for which languages a part of it is, and what a program sends or prints.
CHOICE = re.compile(r"\{[A-Z]\w*(?:\|[A-Z]\w*)*: |\{else: ")
PRINTED = re.compile(r"(?<=“)[\x20-\x7e]*(?=”)|\"[^\"\n]*\"")


def is_of_the_chat(root, english):
    """Whether a program of the chat prints it: those lines have the marks of the tutorial's own, ASCII ones."""
    if not (root / "src/chat.rs").is_file():
        return False
    program = re.sub(r"\\\n\s*", "", read(root / "src/chat.rs"))
    return english.replace("\n", "\\n") in program or bool(re.match(r"(client|server): \{text\}", english))


def found_in(translations, name):
    for english, chinese in translations.items():
        for _, around, instead in places(chinese):
            yield f"{name}, {english[:40]!r}: “{around}”: {instead}"
