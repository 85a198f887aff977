"""The words of the book that stand on many pages, in each of its languages.

steps.py puts some of them on the pages; tests/structure.py looks for the
others: which sections a page has, and in which order.
"""

# The editions: the folder of the pages, the language, and where they are built.
EDITIONS = {
    "en": {"pages": "src", "html": ""},
    "zh": {"pages": "zh", "html": "zh"},
}

EN = {
    "this edition": "en",
    "other edition": ("zh", "zh-CN", "中文"),
    # Put there by steps.py.
    "code": "The code of this step",
    "whole file": "The whole file: {}",
    "windows": "On Windows",
    "result": "What it prints",
    "change": "In {}, from line {} on:",
    "and": " and ",
    "client": "Then start {}.",
    "lang": "",
    "outcome": "What happens",
    "as text": "The same as text",
    "caption": "What the kernel did, in one run. Time goes down. {}",
    "how to read": "How to read it",
    "picture": "What the kernel did",
    "open": "Open this when you have guessed and run it",
    "write": "Write it in {}, and check it ([how that works](your-turn.md)):",
    "tries": "What the grader tries",
    "solution": "A solution",
    # On every page of a step.
    "question": "> **The question.** ",
    "predict": "Predict",
    "run": "Run",
    "what": "What ",
    "kernel": "What the kernel did",
    "last": [
        "Break it", "What can go wrong", "Two terminals", "Checkpoint", "Your turn",
    ],
    "answers": "Answers",
    "next": "Next: [",
}

ZH = {
    "this edition": "zh",
    "other edition": ("en", "en", "English"),
    "code": "这一步的代码",
    "whole file": "完整的文件：{}",
    "comments": "注释的意思（每条只写开头几个词）：",
    "output": "这些输出的意思",
    "windows": "在 Windows 上",
    "result": "它打印什么",
    "change": "在 {} 中，从第 {} 行起：",
    "and": " 行和第 ",
    "client": "启动它，再启动 {}，两个都带上 `-- --lang zh`。",
    "lang": " -- --lang zh",
    "outcome": "会发生什么",
    "as text": "同样的内容，文字版",
    "caption": "一次运行中内核做了什么。时间自上而下。{}",
    "how to read": "怎么看这张图",
    "picture": "内核做了什么",
    "open": "猜过、运行过之后再打开",
    "write": "写在 {} 里，然后检查（[怎么检查](your-turn.md)）：",
    "tries": "评分程序试些什么",
    "solution": "一种解法",
    "question": "> **问题。** ",
    "predict": "先猜一猜",
    "run": "运行",
    "what": "它",
    "kernel": "内核做了什么",
    "last": ["弄坏它", "可能出什么错", "两个终端", "自测", "轮到你了"],
    "answers": "答案",
    "next": "下一步：[",
}

WORDS = {"en": EN, "zh": ZH}
