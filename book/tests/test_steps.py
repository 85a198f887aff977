"""What puts the pages together: python3 -m unittest tests/test_*.py, in book/."""

import subprocess
import tempfile
import unittest
import unittest.mock
from pathlib import Path

from steps import atlas, drawings, examples, follow, po, rust
from steps.__main__ import process
from steps.directives import Directives
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
            ("再猜。", "{{#line a // b}}", "directives"),
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
        with self.answer((0, '["<svg>"]', "")):
            self.assertEqual(drawings.draw([("04_accept", "client")], {}), {("04_accept", "client"): "<svg>"})
        self.assertEqual(drawings.draw([], {}), {})

    def test_with_old_words_it_is_english(self):
        with self.answer((1, "", "no such word"), (0, '["<svg>"]', "")) as run:
            drawings.draw([("04_accept",)], {"old": "旧"})
            self.assertEqual([call.args[0] for call in run.call_args_list], [{"old": "旧"}, {}])

    def test_a_picture_is_there_as_text_too(self):
        shown = Directives(Edition(), {("06_close_udp",): "<svg>\n"}).expand("{{#sequence 06_close_udp}}")
        first, second, *lines = recorded(EXAMPLES / "timelines", "06_close_udp").splitlines()
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

    def test_what_went_wrong(self):
        with self.answer((1, "", "no such line\n")), self.assertRaisesRegex(Mistake, "drawn: no such line$"):
            drawings.draw([("04_accept",)], {})
        with unittest.mock.patch.object(drawings, "DRAW", ["no-such-cargo"]), self.assertRaisesRegex(Mistake, "needs cargo"):
            drawings.draw([("04_accept",)], {})


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


class OnThePages(unittest.TestCase):
    def test_mistakes_of_a_page(self):
        for text, what in [
            ("{{#nothing x}}", "left over"), ("{{#step 01_create}}", "say where"),
            ("{{#step 01_create // No such}}", "0 comments start"), ("{{#line 04_accept // e}}", "lines have"),
            ("{{#line 04_accept}}", "0 lines|lines have"), ("{{#example}}", "left over"),
            ("{{#call Basic accept}}", "no language"), ("{{#picture none}}", "cannot read"),
            ("{{#your_turn 05_echo}}", "say why"), ("```\nx\n```", "without a language"), ("```sh\n```", "empty"),
            ("{{#line 04_accept // a // b}}", "positional"),
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

    def test_the_answer_is_folded(self):
        text = self.build("# A\n\n### What the kernel did\n\nIt did.\n\n## B\n", "en")["content"]
        self.assertIn("### What the kernel did\n\n<details>\n", text)
        self.assertIn("It did.\n\n</details>\n\n## B\n", text)


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


if __name__ == "__main__":
    unittest.main()
