"""What puts the pages together: python3 -m unittest tests/test_*.py, in book/."""

import json
import re
import subprocess
import tempfile
import unittest
import unittest.mock
from pathlib import Path

from steps import atlas, drawings, examples, finish, follow, guesses, measured, po, records, rust, wording
from steps.__main__ import process
from steps.directives import Directives, Shared
from steps.edition import Edition
from steps.files import EXAMPLES, PAGES, Mistake, is_recorded, read, recorded, squeeze
from steps.markdown import parts, state

ENGLISH = """# A page

What it is.

## Break it

```sh
# no heading
```

### Predict

[Guess](x.md).

## Another

### Predict

Again.
"""


def noted(text, english=ENGLISH):
    """The Chinese text, its parts noted as following the English ones in their order."""
    shown = []
    for one, part in zip(follow.chinese_parts(text), parts(english)):
        one.name, one.english, one.own = part.name, part.state(), one.part.state()
        shown.append(follow.with_mark(one))
    return "".join(shown)


CHINESE = noted("""# 一页

说明。

## 弄坏它

```sh
# no heading
```

### 先猜一猜

[猜](x.md)。

## 另一个

### 先猜一猜

再猜。
""")


def troubles(english, chinese=CHINESE):
    page = follow.pair(english, chinese, follow.difference)
    return {pair.english.name: pair.trouble.partition(" (")[0] for pair in page.troubles()}


class Parts(unittest.TestCase):
    def test_the_headings_outside_of_code(self):
        found = parts(ENGLISH)
        self.assertEqual([one.id for one in found], ["a-page", "break-it", "predict", "another", "predict-1"])
        self.assertEqual([one.name for one in found][2:], ["break-it/predict", "another", "another/predict"])
        self.assertEqual("".join(one.text() for one in found), ENGLISH)

    def test_new_line_breaks_are_no_change(self):
        self.assertEqual(state("one two\nthree\n"), state("one\ntwo three"))
        self.assertNotEqual(state("one two"), state("one too"))

    def test_of_a_directive_only_the_words_for_the_reader_count(self):
        one, other = parts("# A\n\n{{#file a.txt}} {{#change x // Why.}}\n\n# A\n\n{{#file b.txt}} {{#change y // Why.}}\n")
        self.assertEqual(one.state(), other.state())
        self.assertNotEqual(one.state(), parts(one.text().replace("Why", "How"))[0].state())


class Following(unittest.TestCase):
    def test_what_is_behind_and_how(self):
        for english, behind in [
            (ENGLISH, {}),
            (ENGLISH.replace("Again", "Once more"), {"another/predict": "has changed"}),
            (ENGLISH.replace("## Another\n", "## New\n\nWords.\n\n## Another\n"), {"new": "is new"}),
            (ENGLISH.replace("## Another", "## Somewhere else"), {"somewhere-else": "is new"}),
        ]:
            self.assertEqual(troubles(english), behind)

    def test_a_part_that_is_gone(self):
        page = follow.pair(ENGLISH[:ENGLISH.index("## Another")], CHINESE)
        self.assertEqual([one.name for one in page.without_english()], ["another", "another/predict"])
        self.assertEqual(page.troubles(), [])

    def test_a_part_that_has_moved(self):
        before, rest = ENGLISH.split("## Another")
        head, broken = before.split("## Break it")
        page = follow.pair(head + "## Another" + rest + "\n## Break it" + broken, CHINESE)
        self.assertEqual([pair.chinese.name for pair in page.pairs if not pair.trouble],
                         ["a-page", "another", "another/predict", "break-it", "break-it/predict"])

    def test_no_page_at_all(self):
        page = follow.pair(ENGLISH, None)
        self.assertEqual((page.is_translated, len(page.troubles())), (False, 5))

    def test_a_page_without_heading(self):
        found = troubles(ENGLISH, "说明。\n\n" + CHINESE)
        self.assertIn("does not begin with a heading", found["a-page"])
        self.assertIn("does not begin with a heading", follow.pair(ENGLISH, "说明。").note()[0])

    def test_another_link_tag_or_code_falls_back_to_english(self):
        for there, instead, what in [
            ("(x.md)", "(y.md)", "links"), ("no heading", "another", "code"),
            ("再猜。", "<b>再猜。</b>", "HTML tags"), ("## 另一个", "### 另一个", "level"),
            ("再猜。", "{{#line a // b}}", "directives"), ("再猜。", "1. 猜？\n   - 甲\n   - 乙\n", "choices"),
        ]:
            found = troubles(ENGLISH, CHINESE.replace(there, instead))
            self.assertIn(what, " ".join(found.values()))
            self.assertEqual(len(found), 1)

    def test_an_explanation_names_only_what_the_english_one_does(self):
        english = "# A\n\n## B\n\n### What the kernel did\n\nA FIN.\n"
        chinese = "# 一\n\n## 二\n\n### 内核\n\nFIN。\n"
        self.assertEqual(troubles(english, noted(chinese, english)), {})
        found = troubles(english, noted(chinese.replace("FIN", "RST"), english))
        self.assertIn("names ['RST']", found["b/what-the-kernel-did"])


    def test_a_call_of_the_atlas_gives_what_the_english_one_does(self):
        english = "# A\n\n- `bind`: taken\\\n  Linux: 98 EADDRINUSE · Windows: 10048 (run) · Kind: AddrInUse · `08_b`\n"
        chinese = "# 一\n\n- `bind`：被占用\\\n  Linux：98 EADDRINUSE · Windows：10048（实测） · 种类：AddrInUse · `08_b`\n"
        self.assertEqual(troubles(english, noted(chinese, english)), {})
        found = troubles(english, noted(chinese.replace("10048", "10049"), english))
        self.assertIn("numbers are not the English ones", *found.values())


class Noting(unittest.TestCase):
    ENGLISH = ENGLISH.replace("Again.", "Once more.")

    def noted(self, chinese, english=ENGLISH):
        page = follow.pair(english, chinese, follow.difference)
        return page.note(), page.text()

    def test_nothing_to_note(self):
        self.assertEqual(self.noted(CHINESE, ENGLISH), ([], CHINESE))

    def test_what_was_not_changed_cannot_be_noted(self):
        refused, text = self.noted(CHINESE)
        self.assertEqual(refused, ["another/predict has changed in English, and not in Chinese"])
        self.assertEqual(text, CHINESE)
        self.assertEqual(self.noted(CHINESE.replace("再猜。", "再\n猜。"))[0], refused)

    def test_what_was_changed_is_noted_and_then_up_to_date(self):
        refused, text = self.noted(CHINESE.replace("再猜。", "再猜一次。"))
        self.assertEqual((refused, troubles(self.ENGLISH, text)), ([], {}))
        self.assertEqual(self.noted(text)[1], text)

    def test_a_change_in_chinese_alone_serves_no_later_change_in_english(self):
        _, text = self.noted(CHINESE.replace("再猜。", "再猜一次。"), ENGLISH)
        self.assertEqual(len(self.noted(text)[0]), 1)

    def test_a_new_part(self):
        english = ENGLISH + "\n## More\n\nWords.\n"
        refused, text = self.noted(CHINESE + "\n## 更多\n\n<!-- follows more -->\n\n字。\n", english)
        self.assertEqual((refused, troubles(english, text)), ([], {}))
        refused, _ = self.noted(CHINESE + "\n## 更多\n\n字。\n", english)
        self.assertEqual(refused, ["'更多' follows nothing that is there"])

    def test_a_part_that_shows_something_else(self):
        refused, _ = self.noted(CHINESE.replace("(x.md)", "(y.md)"), ENGLISH)
        self.assertIn("links", refused[0])


class Headings(unittest.TestCase):
    def test_the_id_is_that_of_mdbook(self):
        for heading, wanted in [
            ("See [a link](x.md) there", "see-a-link-there"), ("A <b>bold</b> one", "a-bold-one"),
            ("The _second_ run of `let_go`", "the-second-run-of-let_go"), ("Me &amp; you", "me--you"),
            ("Closed ##", "closed"), ("Given {#given .too}", "given"),
        ]:
            self.assertEqual(parts(f"# Page\n\n## {heading}\n")[1].id, wanted)


class PO(unittest.TestCase):
    def test_only_what_is_done(self):
        text = '\n'.join([
            'msgid ""', 'msgstr "Language: zh_CN\\n"', "",
            "#: here", 'msgid "one"', 'msgstr "一"', "",
            "#, fuzzy", '#| msgid "tow"', 'msgid "two"', 'msgstr "二"', "",
            'msgid "three"', 'msgstr ""', 'msgid ""', '"four "', '"lines\\n"', 'msgstr "四"', '"行\\"\\n"',
            '#~ msgid "gone"', '#~ msgstr "没了"',
        ])
        self.assertEqual(po.translations(text), {"one": "一", "four lines\n": '四行"\n'})

    def test_what_is_no_po_file(self):
        with self.assertRaisesRegex(Mistake, "x.po, line 2"):
            po.translations('msgid "a"\nmsgctxt "b"\n', "x.po")

    def test_a_template_is_read_back(self):
        text = po.template({'with "quotes"\nand lines': "a place"}).replace('msgstr ""', 'msgstr "x"')
        self.assertIn('with "quotes"\nand lines', po.translations(text))


PROGRAM = """//! What it is,
//! in two lines.
//!     cargo run
//! And then.

fn main() {
    // Not known.
    let url = "http://x"; // behind
}
"""


class Comments(unittest.TestCase):
    def test_each_comment_is_one_text(self):
        self.assertEqual(
            examples.comments(PROGRAM), ["What it is, in two lines.", "And then.", "Not known.", "behind"]
        )

    def test_in_their_places(self):
        said = {"What it is, in two lines.": "这是什么。", "behind": "在后面"}
        self.assertEqual(
            examples.translate(PROGRAM, said.get),
            PROGRAM.replace("What it is,\n//! in two lines.", "这是什么。").replace("// behind", "// 在后面").rstrip(),
        )

    def test_a_paragraph_with_its_commands(self):
        said = {"What it is, in two lines. cargo run And then.": "第一行\n    cargo run -- 1\n第二行"}
        shown = examples.translate(PROGRAM, {}.get, said.get)
        self.assertTrue(shown.startswith("//! 第一行\n//!     cargo run -- 1\n//! 第二行\n\nfn"), shown)

    def test_lines_break_between_characters(self):
        self.assertEqual(examples.wrap("一二三四。五六七八", 9), ["一二三", "四。五六", "七八"])
        self.assertEqual(examples.wrap("一二三，四五六七", 12), ["一二三，", "四五六七"])
        self.assertEqual(examples.wrap("用 `let mut` 写（见下）", 12), ["用 `let mut`", "写（见下）"])


class Wording(unittest.TestCase):
    # What each rule finds, in the order of the rules.
    WRONG = [
        "积压为 0", "调用一去不返", "回声服务端", "连接准许", "没有人监听", "内核的回答是错误", "接收一段文本",
        "屏幕上的文本", "三个词都不一样", "由一个测试来检查", "「数据」",
        '他说"你好"', "先绑定,再监听", "监听（3)和接受(4)", "等一等...", "用TCP连接", "连接 ，然后",
    ]

    def test_each_rule_finds_what_it_is_for(self):
        self.assertEqual(len(self.WRONG), len(wording.RULES))
        for text, (rule, instead) in zip(self.WRONG, wording.RULES):
            self.assertRegex(text, rule)
            self.assertIn(instead, [one for *_, one in wording.places(text)], text)

    def test_what_is_right_and_what_is_not_said(self):
        for text in [
            "全连接队列的长度上限（backlog）为 0。", "问题的回答在下面。", "这是文本文件，用 UTF-8 编码。", "“数据”，三个参数。",
            "连接 `积压`，", "```text\n积压(1)\n```", "见[下一步](积压.md)。", "<http://127.0.0.1:3000>，然后",
            "- **Linux**: Try again 请再试(一次) (EAGAIN)", "{{#answer 14_full_queue // 积压}} 内核完成握手。", "**连接。** 服务端监听。",
            "| 地址 | `127.0.0.1:8090` |", "长度为 1.5 倍；见 127.0.0.1:8090。", "<!-- follows 积压 -->",
        ]:
            self.assertEqual(list(wording.places(text)), [], text)

    def test_the_words_of_a_directive_and_the_line(self):
        text = "# 一页\n\n```sh\nls\n```\n\n{{#change 03_listen.no_room // 积压为 0。}}\n"
        self.assertEqual([(number, around) for number, around, _ in wording.places(text)], [(7, "积压为 0。")])

    def test_each_file_that_is_chinese(self):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            po_file = 'msgid "a queue"\nmsgstr "积压"\n\n#, fuzzy\nmsgid "old"\nmsgstr "准许"\n'
            files = {
                "README.zh.md": "# 积压\n", "README.md": "# 积压\n", "book/zh/a.md": "# 积压\n", "book/src/a.md": "# 积压\n",
                "book/zh/your_turn/b.md": "# 积压\n", "book/zh/words.po": po_file, "src/help_zh.po": po_file, "tools/grade/zh.po": po_file,
                "book/zh/drawing.json": '{"queue": "积压"}',
            }
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            self.assertEqual([one.partition(":")[0] for one in wording.found(root)], [
                "book/zh/a.md, line 1", "book/zh/your_turn/b.md, line 1", "README.zh.md, line 1",
                "book/zh/words.po, 'a queue'", "src/help_zh.po, 'a queue'", "tools/grade/zh.po, 'a queue'",
                "book/zh/drawing.json, 'queue'",
            ])


class Rust(unittest.TestCase):
    def test_what_a_program_uses(self):
        for code, names in [
            ("let Some(x) = y else { return };", ["let else"]),
            ("let x = if a { b } else { c };", []),
            ("// Arc, cfg!(unix)\n", []),
            ("a(move || b, |x| c)", ["|value|", "move"]),
            ("A | B | C => d || e", []),
            ("&buffer[..n]; [1; 4]; 1..=8", ["[..length]"]),
        ]:
            self.assertEqual(rust.used(code), names, code)

    def test_each_name_on_a_page_leads_to_its_explanation(self):
        shown = Directives(Edition(), {}).expand("{{#example 16_clean_stop}}")
        self.assertIn("[`Arc`](glossary.md#arc)", shown)
        self.assertLess(shown.index("[`Arc`]"), shown.index("```"))


class Output(unittest.TestCase):
    def test_the_last_column_without_numbers(self):
        for line, wanted in [
            ("client 1  connect     connected, from 127.0.0.1:PORT2", "connected, from ADDRESS"),
            ("server    recv        5 bytes: \"hello\"", 'N bytes: "…"'),
            ("                      Then press Enter", "Then press Enter"),
            ("  line 20: let client = TcpStream::connect(here)?;", "line N: …"),
            ("warning: unused variable: `peer`", "warning: unused variable: `…`"),
        ]:
            self.assertEqual(examples.pattern(line), wanted)

    def test_recorded_without_its_header(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            (folder / "c.snap").write_text("---\nsource: x\n---\n  first\n---\nlast\n")
            (folder / "d.snap").write_text("no header\n")
            self.assertEqual(recorded(folder, "c"), "  first\n---\nlast\n")
            for name, what in [("d", "header"), ("e", "cannot read")]:
                with self.assertRaisesRegex(Mistake, what):
                    recorded(folder, name)


class Drawings(unittest.TestCase):
    def answer(self, *answers):
        """What `run` gives: exit status, standard output, standard error."""
        done = [subprocess.CompletedProcess([], *one) for one in answers]
        return unittest.mock.patch.object(drawings, "run", side_effect=done)

    def test_a_picture_for_each_name(self):
        with self.answer((0, '{"pictures": ["<svg>"], "players": [{"name": "x"}]}', "")) as run:
            drawn = drawings.draw([("04_accept", "client")], {}, [{"name": "x", "timeline": ""}])
            self.assertEqual(drawn, ({("04_accept", "client"): "<svg>"}, [{"name": "x"}]))
            self.assertEqual(run.call_args.kwargs["players"], [{"name": "x", "timeline": ""}])
        with self.answer((0, '{"pictures": [], "players": []}', "")), self.assertRaisesRegex(Mistake, "1 players .* 0 came"):
            drawings.draw([], {}, [{"name": "x", "timeline": ""}])
        self.assertEqual(drawings.draw([], {}), ({}, []))

    def test_with_old_words_it_is_english(self):
        with self.answer((1, "", "no such word"), (0, '{"pictures": ["<svg>"], "players": []}', "")) as run:
            drawings.draw([("04_accept",)], {"old": "旧"})
            self.assertEqual([call.args[0] for call in run.call_args_list], [{"old": "旧"}, {}])

    def test_a_picture_is_there_as_text_too(self):
        shown = Directives(Edition(), {("06_close_udp",): "<svg>\n"}).expand("{{#sequence 06_close_udp}}")
        first, second, *lines = examples.timeline("06_close_udp").splitlines()
        self.assertIn(f"<p>{squeeze(first)}<br>{squeeze(second)}<br>", shown)
        printed = next(line for line in lines if not line.startswith(" "))
        self.assertIn(f"<br>The program prints: {squeeze(printed)}</p>\n", shown)
        self.assertEqual(shown.count("The program prints:"), sum(not line.startswith(" ") for line in lines))
        self.assertNotIn("\n\n", shown)  # Markdown would end the HTML there

    def test_a_legend_does_not_lead_to_itself(self):
        for marks, links in [((), 1), (("1: sendto(",), 0)]:
            drawing = {("06_close_udp", *marks): "<svg>\n"}
            shown = Directives(Edition(), drawing).expand("{{#sequence %s}}" % " // ".join(("06_close_udp", *marks)))
            self.assertEqual(shown.count("How to read it"), links)
            self.assertEqual(shown.count("The program prints:"), len(examples.printed("06_close_udp")))

    def test_a_note_in_words(self):
        words = {
            "(a process ended)": "（一个进程结束了）", "(exited with {status})": "（退出状态 {status}）", "queue lengths": "队列长度",
            "{number} times in all, each with its own {own}": "共 {number} 次，各有自己的 {own}", "{one} and {other}": "{one} 和 {other}",
        }
        for line, said in [
            ("(a process ended)", "（一个进程结束了）"), ("(exited with 1)", "（退出状态 1）"),
            ("9 times in all, each with its own PORT", "共 9 次，各有自己的 PORT"),
            ("9 times in all, each with its own FD, PORT and queue lengths", "共 9 次，各有自己的 FD, PORT 和 队列长度"),
            ("accept4(FD1) = FD2", "accept4(FD1) = FD2"),
        ]:
            self.assertEqual(drawings.note(words, line), said)

    def test_what_went_wrong(self):
        with self.answer((1, "", "no such line\n")), self.assertRaisesRegex(Mistake, "drawn: no such line$"):
            drawings.draw([("04_accept",)], {})
        with unittest.mock.patch.object(drawings, "DRAW", ["no-such-cargo"]), self.assertRaisesRegex(Mistake, "needs cargo"):
            drawings.draw([("04_accept",)], {})


class Measured(unittest.TestCase):
    CSV = (
        "what,server,clients,bytes,value,unit,low,high,times,machine\n"
        "round trips,\"C, epoll\",1000,,123456.0,1/s,120000.0,130000.0,15,a machine\n"
        "zero,\"C, epoll\",1000,,1.002,,0.99,1.01,15,a machine\n"
        "ratio,poll (25_poll_server),1000,,0.97,,0.96,0.98,15,a machine\n"
    )

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        (Path(folder.name) / "active.csv").write_text(self.CSV, encoding="utf-8")
        (Path(folder.name) / "active.svg").write_text("<svg></svg>\n", encoding="utf-8")
        change = unittest.mock.patch.object(measured, "RESULTS", Path(folder.name))
        change.start()
        self.addCleanup(change.stop)
        self.expand = Directives(Edition(), {}).expand

    def test_a_plot_with_its_numbers(self):
        text = self.expand("{{#measured active}}")
        self.assertIn("<svg></svg>\n<figcaption>Measured on: a machine.</figcaption>", text)
        self.assertIn("| round trips | C, epoll | 1,000 | 123,456 1/s | 120,000 to 130,000 |", text)
        self.assertNotIn("zero", text)
        self.assertNotIn("buffer", text)

    SVG = (
        "<svg><title>Many clients</title>"
        "<desc>round trips a second. C, epoll: 10: 1; 100: 2. poll: 10: 3. C, epoll and more: 4.</desc>"
        '<text x="1">round trips a second</text><text>1,000</text><text>poll</text><text>C, epoll</text></svg>\n'
    )

    def test_in_chinese(self):
        (measured.RESULTS / "active.svg").write_text(self.SVG, encoding="utf-8")
        (measured.RESULTS / "active.csv").write_text(self.CSV.replace("a machine", '"One, 2 cores"'), encoding="utf-8")
        words = ["round trips", "C, epoll", "ratio", "Many clients", "round trips a second"]
        self.assertEqual(measured.labels("active"), words)
        chinese = Edition("zh")
        chinese.catalogues["labels"] = dict(zip(words, ["往返次数", "C，epoll", "比值", "许多客户端", "每秒往返次数"]))
        chinese.catalogues["words"] = {"{} to {}": "{} 到 {}", "middle half": "中间一半", "{} cores": "{} 个核"}
        text = Directives(chinese, {}).expand("{{#measured active}}")
        self.assertIn(
            "<svg><title>许多客户端</title><desc>每秒往返次数. C，epoll: 10: 1; 100: 2. poll: 10: 3. C, epoll and more: 4.</desc>"
            '<text x="1">每秒往返次数</text><text>1,000</text><text>poll</text><text>C，epoll</text></svg>\n', text,
        )
        self.assertIn("| 中间一半 |", text)
        self.assertIn("| 往返次数 | C，epoll | 1,000 | 123,456 1/s | 120,000 到 130,000 |", text)
        self.assertIn("One, 2 个核", text)

    def test_a_number_inside_a_line(self):
        self.assertEqual(self.expand("It is {{#number active // ratio // 25_poll // 1000}}."), "It is 0.97.")
        for wrong in ("ratio // tokio // 1000", "ratio // 25_poll // 10", "round // 25_poll // 1000"):
            with self.assertRaisesRegex(Mistake, "0 rows"):
                self.expand("{{#number active // " + wrong + "}}")

    def test_what_was_not_measured(self):
        self.assertEqual(self.expand("{{#measured silent}}"), "(not measured yet)")
        self.assertEqual(self.expand("{{#number silent // x // y}}"), "(not measured yet)")


class Timelines(unittest.TestCase):
    FOLDER = {
        "timelines": "  call    socket() = FD1\n  call    close(FD1) = 0\n  call    socket() = FD1b\none FD1 PORT2\n"
        "one FD1b PORT2\nthe end of it\n  call    x\n(y still slept)\n",
        "transcripts": "one FD1 PORT1\none FD1 PORT1\nthe end of it\n",
    }

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, text in self.FOLDER.items():
            (Path(folder.name) / name).mkdir()
            (Path(folder.name) / name / "a.snap").write_text(f"---\nsource: x\n---\n{text}")
        self.folder = Path(folder.name)
        patch = unittest.mock.patch.object(examples, "EXAMPLES", self.folder)
        patch.start()
        self.addCleanup(patch.stop)

    def test_a_line_with_what_led_to_it(self):
        self.assertEqual(examples.timeline("a"), self.FOLDER["timelines"])
        self.assertEqual(examples.timeline("a", "one  FD1 P"), self.FOLDER["timelines"].split("one FD1b")[0])
        self.assertEqual(examples.timeline("a", "end of"), "the end of it\n")
        self.assertEqual(examples.timeline("a", "the end"), "  call    x\n(y still slept)\n")
        self.assertEqual(examples.printed("a"), ["one FD1 PORT2", "one FD1b PORT2", "the end of it"])

    def test_the_transcript_has_the_names_of_the_picture(self):
        self.assertEqual(examples.transcript("a"), examples.printed("a"))
        windows = "one FD1 PORT1\nanother FD1 PORT9\n"
        (self.folder / "transcripts" / "a@windows.snap").write_text(f"---\nsource: x\n---\n{windows}")
        self.assertEqual(examples.transcript("a@windows"), ["one FD1 PORT2", "another FD1 PORT9"])

    def test_other_lines_are_a_mistake(self):
        (self.folder / "transcripts" / "a.snap").write_text("---\nsource: x\n---\none FD1 PORT1\n")
        with self.assertRaisesRegex(Mistake, "a: its timeline has not the lines"):
            examples.transcript("a")

    def test_each_picture_of_an_example(self):
        self.doCleanups()
        both = 0
        for path in (EXAMPLES / "timelines").glob("*.snap"):
            if is_recorded(EXAMPLES / "transcripts", path.stem):
                self.assertEqual(examples.transcript(path.stem), examples.printed(path.stem))
                both += 1
        self.assertGreater(both, 20)


# A record with lines of code, as `cargo trace --code` writes it.
RECORD = """  call    socket() = FD1  [a.rs:3]
  state     FD1, at PORT1: CLOSED -> LISTEN
  call    connect(FD2) ...  [a.rs:5]
  packet    PORT2 -> PORT1  SYN
  result  connect = 0 ([{fd=FD2, revents=POLLOUT}])  [a.rs:5]
  queue     FD1, at PORT1: accept queue 0 -> 1
  state     FD2, PORT2 to PORT1: CLOSED -> ESTABLISHED
  prints  [a.rs:7]
client  connect  a line  [b.rs:9]
  ...     49 times in all
  prints  [a.rs:8]
client  done
"""


class Steps(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "timelines").mkdir()
        self.record("a", RECORD)
        (self.folder / "a.rs").write_text("fn main() {\n    one();\n    // Two.\n    two();\n}\n")
        patch = unittest.mock.patch.object(examples, "EXAMPLES", self.folder)
        patch.start()
        self.addCleanup(patch.stop)

    def record(self, name, text):
        (self.folder / "timelines" / f"{name}.snap").write_text(f"---\nsource: x\n---\n{text}")

    def test_a_reader_sees_no_lines_of_code(self):
        text = examples.timeline("a")
        self.assertNotIn("a.rs", text)
        self.assertNotIn("prints", text)
        self.assertIn("  result  connect = 0 ([{fd=FD2, revents=POLLOUT}])\n", text)
        self.assertIn("client  connect  a line  [b.rs:9]\n", text)  # the program's own
        self.assertEqual(examples.printed("a"), ["client  connect  a line  [b.rs:9]", "client  done"])
        self.assertIn("[a.rs:3]", examples.record("a"))

    def test_a_step_is_an_event_and_what_was_seen_together(self):
        self.assertEqual([number for number, _ in examples.steps("a")], [1, 2, 3, 4, 5, 6, 6, 7, 8, 9])
        for words, number in [("socket() =", 1), ("accept queue 0 -> 1", 6), ("CLOSED ->  ESTABLISHED", 6), ("done", 9)]:
            self.assertEqual(examples.step("a", words), number)

    def test_words_that_are_not_in_the_record(self):
        for words, what in [
            (["PORT1"], "lines have 'PORT1'"), (["no such"], "0 lines have"), ([""], "0 lines|lines have"),
            (["SYN", "no such"], "no line has 'no such'"), (["SYN", ""], "no line has ''"),
            (["a.rs:3"], "0 lines have"),
        ]:
            with self.assertRaisesRegex(Mistake, what):
                examples.step("a", *words)
        with self.assertRaisesRegex(Mistake, "b has no timeline"):
            examples.step("b", "x")

    def test_the_words_end_as_words_do(self):
        self.record("a", "  call    socket() = FD1\n  call    socket() = FD1b\nPORT22\n")
        self.assertEqual([examples.step("a", words) for words in ("= FD1", "= FD1b", "PORT2")], [1, 2, 3])

    def test_the_programs_of_a_run(self):
        self.assertEqual(examples.programs("a"), ["a"])
        (self.folder / "b.rs").write_text("")
        self.record("both", "  call    b: socket() = FD1\na: hello\n  state     FD1, at 8090: CLOSED -> LISTEN\n")
        self.assertEqual(examples.programs("both"), ["b", "a"])
        self.record("c", "  call    socket() = FD1\n")
        with self.assertRaisesRegex(Mistake, "c: there is no such example"):
            examples.programs("c")

    def test_a_change_is_made_in_the_program(self):
        (self.folder / "changes").mkdir()
        path = self.folder / "changes" / "a.twice.patch"
        patch = "words\n--- a/examples/a.rs\n+++ b/examples/a.rs\n@@ -2,2 +2,2 @@\n     one();\n-    // Two.\n+    one();\n"
        path.write_text(patch)
        self.assertEqual(examples.changed("a.twice"), "fn main() {\n    one();\n    one();\n    two();\n}\n")
        path.write_text(patch.replace(" one();\n-", " three();\n-"))
        with self.assertRaisesRegex(Mistake, "a.twice.patch does not fit a.rs from line 2 on"):
            examples.changed("a.twice")
        path.write_text("with: 127.0.0.1:8090\n")
        self.assertIsNone(examples.changed("a.twice"))

    def test_each_change_of_the_book_fits(self):
        self.doCleanups()
        paths = list((EXAMPLES / "changes").glob("*.patch"))
        self.assertGreater(len([path for path in paths if examples.changed(path.stem)]), 50)

    def test_what_the_players_ask_for(self):
        asked = records.orders(["{{#player a}} {{#change a.none}}", "{{#player nothing}}"])
        self.assertEqual(asked, [{"name": "a", "timeline": RECORD}])
        (self.folder / "changes").mkdir()
        (self.folder / "changes" / "a.x.patch").write_text("@@ -4 +4 @@\n-    two();\n+    three();\n")
        self.record("a.x", RECORD)
        _, other = records.orders(["{{#player a}} {{#change a.x // Words.}}"])
        self.assertEqual((other["name"], other["files"][0]["name"]), ("a.x", "a.rs"))
        self.assertIn("three();", other["files"][0]["text"])
        # The page shows neither program.
        (self.folder / "b.rs").write_text("b\n")
        self.record("both", "a: hello\nb: hello\n")
        (both,) = records.orders(["{{#player both}} {{#example a}}"])
        self.assertEqual([file["name"] for file in both["files"]], ["a.rs", "b.rs"])
        (both,) = records.orders(["{{#player both}} {{#example a}} {{#example b}}"])
        self.assertNotIn("files", both)


class Records(unittest.TestCase):
    def test_only_what_differs_is_written(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder) / "player"
            one, two = {"name": "a", "steps": []}, {"name": "b", "steps": ["\u2028</script>", "你好"]}
            records.write([one, two], folder)
            self.assertEqual((folder / "a.js").read_text(), 'socketSteps.record("a", {"name":"a","steps":[]});\n')
            self.assertIn('"\\u2028</script>","你好"', (folder / "b.js").read_text(encoding="utf-8"))
            before = (folder / "a.js").stat().st_mtime_ns
            records.write([one], folder)
            self.assertEqual([path.name for path in folder.iterdir()], ["a.js"])
            self.assertEqual((folder / "a.js").stat().st_mtime_ns, before)
            records.write([one | {"steps": [1]}], folder)
            self.assertIn("[1]", (folder / "a.js").read_text())
            records.write([], folder)
            self.assertEqual(list(folder.iterdir()), [])
            records.write([], Path(folder) / "no-such")


QUESTIONS = """
Words.

1. `accept` returns a socket. Which one?
   - The listener, which
     is connected now.
   - Another one, for this client alone.
2. How many bytes wait then? *(a number)*

More words.
"""
ANSWERS = """
1. {{#answer 04_accept // = FD3}} **Another one, for this client
   alone.** A second [descriptor](x.md#y).

   {{#line 04_accept // server accept descriptor}}

   - *The listener, which is connected now.* One might think so.
     It is not.
2. {{#answer 04_accept // Recv-Q 0 -> 1}} **1 byte.** The FIN.

   - *0.* Nothing was sent.
3. {{#at 04_accept // = EAGAIN}} No question.
"""


class Guesses(unittest.TestCase):
    def made(self, questions=QUESTIONS, answers=ANSWERS, **more):
        expand = Directives(Edition(), {}, Shared("{{#player 04_accept}}")).expand
        return guesses.Guesses(
            questions, answers, "04-accept-connect/04_accept", expand=expand, **more
        )

    def test_a_choice_and_a_number(self):
        choice, number = self.made().guesses
        steps = dict((squeeze(line), at) for at, line in examples.steps("04_accept"))
        self.assertEqual(choice["step"], steps["call accept4(FD1, 127.0.0.1:PORT2, SOCK_CLOEXEC) = FD3"])
        self.assertEqual(number["step"], steps["queue FD2, PORT2 to PORT1: Recv-Q 0 -> 1"])
        self.assertEqual((choice["player"], choice["number"], number["number"]), ("04_accept", 1, 2))
        self.assertEqual([choice["id"], number["id"]], [f"04-accept-connect/04_accept/{at}" for at in (1, 2)])
        self.assertEqual(choice["question"], "<code>accept</code> returns a socket. Which one?")
        self.assertEqual(choice["choices"], ["The listener, which is connected now.", "Another one, for this client alone."])
        self.assertEqual((choice["kind"], choice["right"]), ("choice", 1))
        self.assertEqual(choice["wrong"], {"0": "One might think so. It is not."})
        self.assertTrue(choice["why"].startswith(
            '<p><strong>Another one, for this client alone.</strong> A second <a href="x.html#y">descriptor</a>.</p><p><code>'
        ), choice["why"])
        self.assertEqual((number["kind"], number["value"], number["wrong"]), ("number", 1, {"0": "Nothing was sent."}))
        self.assertEqual(number["question"], "How many bytes wait then?")

    def test_broken_guesses(self):
        for there, instead, what in [
            # The questions.
            ("   - The listener, which\n     is connected now.\n", "", "question 1: it has 1 choices; 2 to 4"),
            ("   - Another", "   - The listener, which is connected now.\n   - Another", "question 1: two of its choices are"),
            (" *(a number)*", "", "question 2 has neither choices nor the words"),
            ("*(a number)*\n", "*(a number)*\n   - 1\n   - 2\n", "question 2: it asks for a number, and has choices, too"),
            ("then? *", "<b>then</b>? *", "question 2: only code, emphasis and links can stand in a guess"),
            ("then? *", "**then? *", "question 2: bold type without an end"),
            # The answers.
            ("2. {{#answer 04_accept // Recv-Q 0 -> 1}} **1 byte.** The FIN.\n\n   - *0.* Nothing was sent.\n3. {{#at 04_accept // = EAGAIN}} No question.\n",
             "", "2 questions, but only 1 answers"),
            ("**Another one, for this client\n   alone.**", "Another.", "question 1: its answer does not begin with the right one in bold"),
            ("**Another one, for this client\n   alone.**", "**Another.**", "question 1: the answer 'Another' is none of its choices"),
            ("   - *The listener, which is connected now.* One might think so.\n     It is not.\n", "",
             "question 1: no sentence on the wrong choice 'The listener, which is connected now'"),
            (" One might think so.\n     It is not.", "", "question 1: no sentence on the wrong answer 'The listener"),
            ("   - *The listener, which is", "   - *Another one, for this client alone.* Two.\n   - *The listener, which is",
             "question 1: 'Another one, for this client alone' is the right choice, and has a sentence"),
            ("   - *The listener, which is", "   - *The third.* x\n   - *The listener, which is", "question 1: 'The third' is none of its"),
            ("   - *The listener, which is", "   - *The listener, which is connected now.* x\n   - *The listener, which is",
             "question 1: two sentences on 'The listener"),
            ("   - *The listener, which is connected now.*", "   - The listener:", "question 1: a line on a wrong answer begins"),
            ("**1 byte.**", "**One byte.**", "question 2: 'One byte.' does not begin with a number"),
            ("*0.*", "*none*", "question 2: 'none' does not begin with a number"),
            ("*0.*", "*1.*", "question 2: '1' is the right number, and has a sentence"),
            ("\n\n   - *0.* Nothing was sent.", "", "question 2: no sentence on any wrong number"),
            ("// = FD3", "// = FD9", "question 1: the timeline of 04_accept: 0 lines have '= FD9'"),
            ("// = FD3", "// FD1", r"question 1: the timeline of 04_accept: \d+ lines have 'FD1'"),
            ("// = FD3", "// = FD3 // no such", "question 1: the timeline of 04_accept: no line has 'no such'"),
            ("// = FD3", "", "question 1: the timeline of 04_accept: .* lines have ''"),
            ("#answer 04_accept // = FD3", "#answer no_such // = FD3", "question 1: no_such has no timeline"),
            ("{{#at 04_accept // = EAGAIN}}", "{{#answer 04_accept // = EAGAIN}}", "answers no question"),
            ("2. {{#answer 04_accept // Recv", "2. {{#answer 04_accept // = FD3}} {{#answer 04_accept // Recv", "more than one"),
            ("**1 byte.** The FIN.", "**1 byte.** The FIN.\n\n   | a |\n", "question 2: only paragraphs, code and lists"),
        ]:
            with self.subTest(instead=instead, there=there):
                self.assertIn(there, QUESTIONS + ANSWERS)
                with self.assertRaisesRegex(Mistake, what):
                    self.made(QUESTIONS.replace(there, instead), ANSWERS.replace(there, instead))

    def test_the_questions_stay_as_they_are_in_a_frame(self):
        shown = self.made().asked()
        self.assertRegex(shown, r'^\nWords\.\n\n<div class="guesses" data-ids="04-accept-connect/04_accept/1 \S+/2">\n\n1\. ')
        self.assertTrue(shown.endswith("*(a number)*\n\n</div>\n\nMore words.\n"), shown)
        self.assertEqual(squeeze(re.sub("</?div[^>]*>", "", shown)), squeeze(QUESTIONS))

    def test_what_the_script_reads_is_json(self):
        script = self.made().script().strip()
        self.assertEqual(script.count("<"), 2)
        found = re.fullmatch(r'<script type="application/json" class="guesses">(.*)</script>', script)
        self.assertEqual(json.loads(found[1]), self.made().guesses)

    def test_a_checkpoint_may_ask_without_choices(self):
        open_one = "1. What tells them apart?\n"
        made = self.made(open_one + QUESTIONS.partition("1. ")[2].join(["2. ", ""]).replace("\n2. How", "\n3. How"),
                         "1. The ports.\n" + ANSWERS.replace("\n1. {{#answer 04_accept // = FD3}}", "\n2.").replace("\n2. {", "\n3. {"),
                         is_checkpoint=True)
        self.assertEqual(made.ids, ["-", "04-accept-connect/04_accept/2", "04-accept-connect/04_accept/3"])
        self.assertEqual([one["player"] for one in made.guesses], [None, "04_accept"])

    def test_markdown(self):
        for text, wanted in [
            ("a `<b> & *c*` *d* **e**", "a <code>&lt;b&gt; &amp; *c*</code> <em>d</em> <strong>e</strong>"),
            ("[`x` and *y*](a.md#b) [z](https://a.md/b.md)",
             '<a href="a.html#b"><code>x</code> and <em>y</em></a> <a href="https://a.md/b.md">z</a>'),
            ("1 < 2 & 3 &amp; 4, 2 * 3, \\*x", "1 &lt; 2 &amp; 3 &amp; 4, 2 * 3, *x"),
            ("``a`b``, **`c`**", "<code>a`b</code>, <strong><code>c</code></strong>"),
        ]:
            self.assertEqual(guesses.inline(text), wanted)
        self.assertEqual(
            guesses.blocks("One\ntwo.\n\n- a\n- b\n\n```text\nx < y\n\nz\n```\n"),
            "<p>One two.</p><ul><li>a</li><li>b</li></ul><pre><code>x &lt; y\n\nz</code></pre>",
        )

    def test_numbers(self):
        for text, value in [("8.", 8), ("1,000 bytes", 1000), ("0.5 s", 0.5), ("-1", -1)]:
            self.assertEqual(guesses.number(text), value)


class OnThePages(unittest.TestCase):
    def test_mistakes_of_a_page(self):
        for text, what in [
            ("{{#nothing x}}", "left over"), ("{{#step 01_create}}", "say where"),
            ("{{#step 01_create // No such}}", "0 comments start"), ("{{#line 04_accept // e}}", "lines have"),
            ("{{#line 04_accept}}", "0 lines|lines have"), ("{{#example}}", "left over"),
            ("{{#call Basic accept}}", "no language"), ("{{#picture none}}", "cannot read"),
            ("{{#your_turn 05_echo}}", "say why"), ("```\nx\n```", "without a language"), ("```sh\n```", "empty"),
            ("{{#line 04_accept // a // b}}", "positional"),
            ("{{#player 16_one_at_a_time}}", "no timeline"), ("{{#player 04_accept // No such}}", "0 comments start"),
            ("{{#at 04_accept // = FD3}}", "no player of 04_accept"), ("{{#answer 04_accept // = FD3}}", "no player of"),
            ("{{#player 07_chat // Words}}", "several programs"),
            ("{{#include ../../tools/grade/src/exercises/e05_echo.rs:no_check}}", "0 parts"),
        ]:
            with self.assertRaisesRegex(Mistake, what, msg=text):
                Directives(Edition(), {}).expand(text)

    def build(self, content, language="zh", path="no-such-page.md"):
        chapter = {"name": "No such title", "path": path, "content": content, "sub_items": []}
        mistakes = process({"items": [{"Chapter": chapter}, {"PartTitle": "No part"}, "Separator"]}, language)
        self.assertEqual(mistakes, [])
        return chapter

    def test_a_page_without_translation_is_english(self):
        chapter = self.build("# A page\n\nWords.\n\n## Section\n\nMore.\n")
        self.assertEqual(chapter["name"], "No such title")
        text = chapter["content"]
        self.assertIn("# A page {#a-page lang=en}\n\n<p class=\"behind\">", text)
        self.assertIn("## Section {#section lang=en}\n\n<div lang=\"en\">\n\nMore.\n\n</div>", text)
        self.assertEqual(text.count("behind"), 1)

    def test_a_new_part_of_a_real_page_is_english_and_the_page_says_so(self):
        page = min(PAGES.parent.glob("zh/[a-z]*.md"), default=None)
        if page is None or not (PAGES / page.name).is_file():
            self.skipTest("no page is in Chinese")
        text = self.build(read(PAGES / page.name) + "\n## Brand new\n\nWords.\n", path=page.name)["content"]
        note = f'<p class="behind">{Edition("zh").word("newer part")}</p>'
        self.assertIn(f'## Brand new {{#brand-new lang=en}}\n\n{note}\n\n<div lang="en">\n\nWords.\n\n</div>', text)
        self.assertIn(Edition("zh").word("newer page"), text)

    def test_a_new_comment_is_english_and_the_page_says_so(self):
        edition = Edition("zh")
        edition.catalogues["comments"].clear()
        text = Directives(edition, {}).expand("{{#step 04_accept // Step 4: accept.}}")
        self.assertIn("// Step 4: accept", text)
        self.assertIn(f'<p class="behind">{edition.word("newer comment")}</p>', text)

    def test_a_mistake_names_its_page(self):
        chapter = {"name": "A", "path": "a.md", "content": "# A\n\n{{#line}}\n{{#x y}}\n", "sub_items": []}
        (mistake,) = process({"items": [{"Chapter": chapter}]}, "en")
        self.assertRegex(mistake, r"^a\.md: left over: \{\{#x y")

    def test_english_stays_as_it_is(self):
        text = self.build("# A page\n\nWords.\n\n## Section\n", "en")["content"]
        self.assertTrue(text.endswith("\n\n# A page\n\nWords.\n\n## Section\n"), text)

    PAGE = (
        "# A\n\n## B: `04_accept`\n\n### Predict\n" + QUESTIONS + "\n### Run\n\n{{#player 04_accept // Step 4: accept.}}\n"
        "\n### What the kernel did\n" + ANSWERS + "\n## Checkpoint\n\n1. What?\n   - A.\n   - B.\n\n<details>\n"
        "<summary>Answers</summary>\n\n1. **B.** So.\n\n   - *A.* No.\n\n</details>\n"
    )

    def with_players(self, content, language="en"):
        """The page, without the drawing."""
        def draw(names, words, players=()):
            return {name: "<svg>\n" for name in names}, [{"name": one["name"]} for one in players]

        with unittest.mock.patch("steps.__main__.draw", draw):
            return self.build(content, language, "04-a.md")["content"]

    def test_a_page_with_a_player_and_guesses(self):
        text = self.with_players(self.PAGE)
        first, last = examples.new_lines("04_accept", "Step 4: accept.")[0]
        for wanted in [
            '<section class="player" id="player-04_accept" data-name="04_accept" data-record="player/04_accept.js" data-files="04_accept.rs">\n\n<details',
            f'<details class="file" data-file="04_accept.rs" data-new="{first}-{last}">\n<summary>',
            '<details class="output">\n<summary>What it prints</summary>',
            '<details class="kernel">\n<summary>What the kernel did, as a picture</summary>\n\n<figure>',
            '</details>\n\n</section>',
            '<div class="guesses" data-ids="04-a/04_accept/1 04-a/04_accept/2">', 'data-ids="04-a/checkpoint/1"',
            f'<span class="answer" data-player="04_accept" data-step="{examples.step("04_accept", "= FD3")}" data-number="1"></span> **Another',
            f'data-step="{examples.step("04_accept", "Recv-Q 0 -> 1")}" data-number="2"></span> **1 byte',
            f'<span class="at" data-player="04_accept" data-step="{examples.step("04_accept", "= EAGAIN")}"></span> No question',
        ]:
            self.assertIn(wanted, text)
        scripts = [json.loads(one) for one in re.findall(r'class="guesses">(\[.*\])</script>', text)]
        self.assertEqual([[one["id"] for one in some] for some in scripts],
                         [["04-a/04_accept/1", "04-a/04_accept/2"], ["04-a/checkpoint/1"]])
        self.assertEqual(scripts[1][0]["player"], None)
        fold = text.index("### What the kernel did")
        self.assertLess(text.index("</details>", fold), text.index("<script", fold))

    def test_a_mistake_in_a_guess_names_its_section(self):
        chapter = {"name": "A", "path": "04-a.md", "content": self.PAGE.replace("// = FD3", "// = FD9"), "sub_items": []}
        with unittest.mock.patch("steps.__main__.draw", lambda *_: ({("04_accept",): ""}, [])):
            (mistake,) = process({"items": [{"Chapter": chapter}]}, "en")
        self.assertRegex(mistake, r"^04-a\.md: b-04_accept/predict: question 1: the timeline of 04_accept: 0 lines")

    def test_answers_without_questions(self):
        chapter = {"name": "A", "path": "04-a.md", "content": self.PAGE.replace(QUESTIONS, "\n- What?\n"), "sub_items": []}
        with unittest.mock.patch("steps.__main__.draw", lambda *_: ({("04_accept",): ""}, [])):
            (mistake,) = process({"items": [{"Chapter": chapter}]}, "en")
        self.assertIn("there is an answer, and no question", mistake)

    def test_lines_of_code_keep_their_numbers_in_chinese(self):
        edition, program = Edition("zh"), examples.source("04_accept").rstrip("\n").splitlines()
        shown = Directives(edition, {}).expand("{{#example 04_accept}}")
        numbers = [int(one) for one in re.search(r'data-lines="([\d,]+)"', shown)[1].split(",")]
        lines = re.search(r"```rust,ignore\n(.*?)\n```", shown, re.DOTALL)[1].splitlines()
        self.assertEqual(len(numbers), len(lines))
        for number, line in zip(numbers, lines):
            if number and "//" not in line:
                self.assertEqual(line, program[number - 1])
            self.assertTrue(number or line.strip().startswith("//"), line)
        code = [at for at, line in enumerate(program, start=1) if line.strip() and "//" not in line]
        self.assertEqual([one for one in numbers if one in code], code)
        self.assertNotIn("data-lines", Directives(Edition(), {}).expand("{{#example 04_accept}}"))

    def test_guesses_and_their_answers_are_in_one_language(self):
        def chinese(text):
            return noted(text.replace("Words.", "猜两个问题。").replace("No question", "没有问题"), self.PAGE)

        with tempfile.TemporaryDirectory() as folder:
            for page, is_english in [
                (chinese(self.PAGE), False),
                (chinese(self.PAGE).replace("- Another one", "- 另一个"), False),
                (chinese(self.PAGE).replace("// = EAGAIN", "// F_SETFL, O_RDWR|O"), True),
            ]:
                (Path(folder) / "04-a.md").write_text(page, encoding="utf-8")
                edition = Edition("zh")
                edition.pages = Path(folder)
                with unittest.mock.patch("steps.__main__.Edition", lambda *language: edition if language else Edition()):
                    if "另一个" in page:
                        with self.assertRaisesRegex(AssertionError, "is none of its choices"):
                            self.with_players(self.PAGE, "zh")
                        continue
                    text = self.with_players(self.PAGE, "zh")
                self.assertEqual("猜两个问题。" in text, not is_english)
                self.assertEqual(text.count('<div lang="en">'), 2 * is_english)
                self.assertEqual(text.count('class="guesses">['), 2)

    def test_a_change_with_a_record_is_offered(self):
        page = "# A\n\n{{#player 04_accept}}\n\n**Send on `it`.** Words.\n\n{{#change 04_accept.send_on_the_listener // Why.}}\n"
        with unittest.mock.patch.object(examples, "has_timeline", lambda name: name.startswith("04_accept")):
            directives = Directives(Edition(), {("04_accept",): ""}, Shared(page))
            self.assertIn(
                '<span class="what-if" data-player="04_accept" data-record="player/04_accept.send_on_the_listener.js" '
                'data-title="Send on it."></span>\n\nIn `04_accept`', directives.expand(page),
            )
            with self.assertRaisesRegex(Mistake, "does not begin with its title in bold type"):
                directives.expand(page.replace("**", ""))
        self.assertNotIn("what-if", Directives(Edition(), {("04_accept",): ""}, Shared(page)).expand(page)
                         if not examples.has_timeline("04_accept.send_on_the_listener") else "")

    def test_the_comments_of_a_solution_are_translated(self):
        chinese = Edition("zh")
        chinese.catalogues["solutions"]["An echo server: every client gets back what it sends."] = "一个回显服务端"
        text = Directives(chinese, {}).expand("{{#your_turn 05_echo // 原因。}}")
        self.assertIn("\n//! 一个回显服务端\n", text[text.index(chinese.word("solution")):])

    def test_what_the_players_say_in_chinese(self):
        chinese = Edition("zh")
        page = "# A\n\n{{#player 04_connect}}\n\n{{#player 02_bind}}\n"
        with unittest.mock.patch.object(Directives, "put_sequence", lambda *_: ""):
            text, english = (Directives(one, {}, Shared(page)).expand(page) for one in (chinese, Edition()))
        self.assertNotIn('class="words"', english)
        (words,) = re.findall('<script type="application/json" class="words">(.*)</script>', text)
        words = json.loads(words)
        self.assertEqual(words["gone"], chinese.translation("player", "gone"))
        self.assertEqual(words["unconnected"], chinese.drawing["unconnected"])
        # Nothing of what these records do not say.
        self.assertNotIn("lost on the way", words)
        # A note of one of the changes.
        self.assertIn("1", words["(exited with 1)"])
        self.assertNotIn("(killed by SIGTERM)", words)

    def test_what_a_change_prints_is_explained_in_chinese(self):
        chinese = Edition("zh")
        chinese.catalogues["output"]["line N: …"] = "错误所在的行"
        change = "{{#change 03_listen.no_listen // 原因。}}"
        text = Directives(chinese, {}).expand(change)
        fold = f"<summary>{chinese.word('output')}</summary>\n\n"
        self.assertLess(text.index("  why: the machine answered"), text.index(fold))
        self.assertIn("- `` line N: … `` 错误所在的行\n", text[text.index(fold):])
        self.assertLess(text.index("错误所在的行"), text.index("原因。"))
        self.assertNotIn("</summary>\n\n- ``", Directives(Edition(), {}).expand(change))
        # What was explained with the example is not explained again.
        text = Directives(chinese, {}).expand("{{#transcript 03_listen}}\n\n" + change)
        self.assertEqual(text.count("- `` connection refused ``"), 1)
        self.assertEqual(text.count(fold), 2)
        self.assertIn(chinese.word("output above"), Directives(chinese, {}).expand(change + "\n\n" + change))
        # What the chat's programs print is in Chinese itself.
        chat = Directives(chinese, {}).expand("{{#change 07_chat_server.second_client}}")
        self.assertNotIn(fold, chat)
        self.assertNotIn(chinese.word("output above"), chat)


    def test_the_answer_is_folded(self):
        text = self.build("# A\n\n### What the kernel did\n\nIt did.\n\n## B\n", "en")["content"]
        self.assertIn("### What the kernel did\n\n<details>\n", text)
        self.assertIn("It did.\n\n</details>\n\n## B\n", text)


class Finish(unittest.TestCase):
    PAGE = (
        '<title>Page not found - It</title>\n<h2>Keyboard shortcuts</h2><a title="Print this book" href="print.html"></a>\n'
        '<main><h1>Themes</h1><p title="Themes">LABEL</p></main>\n<nav aria-label="Page navigation"></nav>\n'
        '    <script src="../elasticlunr-1a.min.js"></script>\n    <script src="../searcher-2b.js"></script>\n'
        '    <script src="../look/search-3c.js"></script>\n    <script src="../look/errors-4d.js"></script>\n'
        '    <script src="../look/steps-5e.js"></script>\n'
    )

    def test_our_search_stands_before_that_of_mdbook(self):
        page = finish.with_our_search_first(self.PAGE)
        order = re.findall(r"(\w+)-\w+(?:\.min)?\.js", page)
        self.assertEqual(order, ["elasticlunr", "search", "errors", "searcher", "steps"])
        self.assertEqual(finish.with_our_search_first(page), page)
        for name in ("searcher", "look/errors"):
            with self.assertRaisesRegex(Mistake, "once each"):
                finish.with_our_search_first(self.PAGE.replace(name, "other"))

    def test_its_labels_and_not_the_text_of_the_page(self):
        said = set()
        words = {"Themes": "主题", "Print this book": "打印本书", "Page navigation": "翻页", "Keyboard shortcuts": "快捷键"}
        page = finish.frame_in_language(self.PAGE, words, said)
        self.assertIn('<h2>快捷键</h2><a title="打印本书" href="print.html">', page)
        self.assertIn('\n<script src="../searcher', page)
        self.assertIn('<main><h1>Themes</h1><p title="Themes">LABEL</p></main>\n<nav aria-label="翻页">', page)
        self.assertEqual(said, words.keys() - {"Themes"})
        self.assertEqual(finish.in_language("x.title = 'Themes'; f(theme)", words, said), "x.title = '主题'; f(theme)")

    def test_a_folder(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            labels = "".join(f'<p title="{label}"></p>' for label in finish.LABELS)
            pages = {"a.html": labels + self.PAGE, "404.html": self.PAGE.replace("LABEL", finish.LABELS[-1]), "toc.html": "<a>Themes</a>"}
            for edition in (folder, folder / "zh"):
                edition.mkdir(exist_ok=True)
                for file, text in pages.items():
                    (edition / file).write_text(text, encoding="utf-8")
                (edition / "book-1a.js").write_text("'Copied!'", encoding="utf-8")
            finish.main(folder)
            chinese = Edition("zh")
            words = [chinese.translation("mdbook", text) for text in ("Copied!", finish.LABELS[-1], finish.BEGIN)]
            self.assertNotIn(None, words)
            self.assertEqual(read(folder / "zh" / "book-1a.js"), f"'{words[0]}'")
            self.assertEqual(read(folder / "book-1a.js"), "'Copied!'")
            self.assertIn(f">{words[1]}<", read(folder / "zh" / "404.html"))
            self.assertIn(f'<p lang="zh-CN">{words[1]} <a href="zh/index.html" hreflang="zh-CN">{words[2]}</a></p>', read(folder / "404.html"))
            (folder / "a.html").write_text(self.PAGE, encoding="utf-8")
            with self.assertRaisesRegex(Mistake, "mdBook does not say 'Table of contents' any more"):
                finish.finish(folder, Edition())


class Atlas(unittest.TestCase):
    ENGLISH = """## Too many {#many}

**Comes from**:

- `socket`, `accept`: at the limit\\
  Linux: 24 EMFILE · Windows: 10024 (documented) · Kind: Uncategorized · `01_create`
- `accept`: again\\
  Linux: 24 EMFILE · Windows: no error (run)

**Comes from** (too many (on this system)):

- any call\\
  Linux: 23 ENFILE (injected) · Windows: 10024 (documented)
"""
    CHINESE = """## 太多 {#many}

**来自**（too many (files)）：

- `socket`、`accept`：上限\\
  Linux：24 EMFILE · Windows：10024（文档） · `01_create`
"""

    def test_what_is_seen_and_its_calls(self):
        self.assertEqual(atlas.index(self.ENGLISH), {
            ("Too many", "many"): dict.fromkeys(["`socket`", "`accept`"]),
            ("too many (on this system)", "many"): {"any call": None},
        })
        self.assertEqual(list(atlas.index(self.CHINESE)), [("too many (files) 太多", "many")])

    def test_an_entry_that_comes_from_nothing(self):
        for text in [self.ENGLISH.replace("Comes from", "From"), "## A {#a}\n\n## B {#b}\n", "## A {#a}\n",
                     "## A {#a}\n\n**Comes from**:\n\n- `bind`: one line\n"]:
            with self.assertRaisesRegex(Mistake, "comes? from"):
                atlas.index(text)

    def test_the_lines_lead_to_the_chapters(self):
        text = atlas.finish(f"{atlas.INDEX}\n\n{self.CHINESE}", {"01_create": "01-create.md"}, Edition("zh"))
        self.assertIn("| [too many (files) 太多](#many) | `socket`、`accept` |\n", text)
        self.assertIn("\n  <small>Linux：24 EMFILE · Windows：10024（文档） · [`01_create`](01-create.md)</small>\n", text)
        with self.assertRaisesRegex(Mistake, "01_create"):
            atlas.finish(self.CHINESE, {}, Edition("zh"))

    def test_its_second_half_is_a_page_of_its_own(self):
        behind = '<p class="behind">Behind.</p>'
        whole = (
            f"<a></a>\n\n# Atlas\n\n{behind}\n\nWords, [b](#b).\n\n"
            '## A {#a}\n\n[b](#b), [a](#a)\n\n## B {#b lang=en}\n\n<div lang="en">\n\n[a](#a), [b](#b)\n\n</div>\n'
        )
        half = "<a></a>\n\n# Half\n\nMore.\n\n<!-- the atlas from b on -->\n"
        texts = {"error-atlas.md": whole, "half.md": half, "x.md": "[](error-atlas.md#a) [](error-atlas.md#b) [](#b)"}
        self.assertEqual(atlas.divide(texts, behind), {
            "error-atlas.md":
                "<a></a>\n\n# Atlas\n\nWords, [b](half.md#b).\n\n## A {#a}\n\n[b](half.md#b), [a](#a)\n\n",
            "half.md":
                f"<a></a>\n\n# Half\n\n{behind}\n\nMore.\n\n\n\n## B {{#b lang=en}}\n\n"
                '<div lang="en">\n\n[a](error-atlas.md#a), [b](#b)\n\n</div>\n\n',
            "x.md": "[](error-atlas.md#a) [](half.md#b) [](#b)",
        })
        # An introduction that has no translation is English, the entries are not.
        texts["half.md"] = '\n# Half\n\n<div lang="en">\n\nMore.\n\n<!-- the atlas from b on -->\n\n</div>\n'
        self.assertIn("More.\n\n</div>\n\n## B", atlas.divide(texts, behind)["half.md"])
        texts["half.md"] = half.replace("from b on", "from c on")
        with self.assertRaisesRegex(Mistake, "half.md: the atlas has no entry c"):
            atlas.divide(texts, behind)


if __name__ == "__main__":
    unittest.main()
