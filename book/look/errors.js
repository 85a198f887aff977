"use strict";

// Who searches for an error finds its entry in the atlas first, above what mdBook finds:
// by the words of any system, or a part of them, by a number, a name, or a kind of Rust's,
// also within a whole line. All of these are read from the entries, as they are in the index.
{
    const MEANS = /(?:^|\s)(?:Means: |意思：)/;
    const load = window.elasticlunr?.Index.load;
    if (load) {
        window.elasticlunr.Index.load = (data) => {
            const index = load.call(window.elasticlunr.Index, data);
            const search = index.search.bind(index);
            const urls = window.search.doc_urls;
            const docs = Object.values(index.documentStore.docs)
                .filter((doc) => urls[doc.id].startsWith("error-atlas.html#") && MEANS.test(doc.body));
            const known = words(docs);
            index.search = (typed, options) => {
                const first = entries(known, typed);
                const refs = new Set(first.map((result) => result.ref));
                return [...first, ...search(typed, options).filter((result) => !refs.has(result.ref))];
            };
            return index;
        };
    }

    // What is pasted by mouse or touch is searched for as well.
    const bar = document.getElementById("mdbook-searchbar");
    bar?.addEventListener("input", () => bar.dispatchEvent(new Event("keyup")));
    // On its page, each word of a pasted line would be marked, and each "in" and "is".
    const results = document.getElementById("mdbook-searchresults");
    const unmark = () => {
        for (const mark of results.querySelectorAll("a > strong")) {
            const link = mark.parentElement;
            link.setAttribute("href", link.getAttribute("href").replace(/\?[^#]*/, ""));
        }
    };
    if (results) new MutationObserver(unmark).observe(results, { childList: true });

    // Letters and digits, small, and no space beside a Chinese character.
    const plain = (text) =>
        text.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{N}\ufffd]+/gu, " ").trim()
            .replace(/ ?([\u4e00-\u9fff]) ?/g, "$1");
    const isChinese = (text) => /[\u4e00-\u9fff]/.test(text);
    const isLong = (text, words) => (isChinese(text) ? text.length >= 4 : text.split(" ").length >= words);
    const inside = (text, part) => new RegExp(`(?:^|[^a-z\\d])${part}(?![a-z\\d])`).test(text);

    /** What leads to an entry: texts, numbers, names and kinds, each with the line that it is from. */
    const words = (docs) => {
        const known = { texts: [], numbers: [], names: [], kinds: [] };
        for (const doc of docs) {
            const add = (what, key, line) => known[what].push({ key, line, doc });
            // The heading, and other words that an example prints: **Comes from** (words):
            add("texts", plain(doc.title), "");
            for (const [, text] of doc.body.matchAll(/(?:Comes from|来自) ?[(（](.+?)[)）] ?[:：]/g)) {
                const english = text.replace(/[\u4e00-\u9fff].*/, "");
                for (const one of [english, text.slice(english.length)]) if (one) add("texts", plain(one), "");
            }
            for (const [, kind] of doc.body.matchAll(/(?:Kind|种类)[:：] ?([A-Za-z]+)/g)) {
                if (kind !== "Uncategorized") add("kinds", kind, "");
            }
            // The words of each system: "Linux: Permission denied (EACCES, errno 13, os error 13)",
            // on Windows the Chinese ones behind the English.
            const [list] = doc.body.split(MEANS);
            for (const line of list.split(/\s(?=(?:Linux|macOS|Windows|Rust|Python|Also): |也说：)/)) {
                for (const part of line.replace(/^(?:\w+: |也说：)/, "").split(/; |；/)) {
                    const [, text, codes] = /^(.*?)(?: \(([^()]*)\))?$/s.exec(part);
                    const english = text.replace(/[\u4e00-\u9fff].*/s, "");
                    // (What an older Windows said stands in brackets: （较早的版本：…）.)
                    const chinese = text.slice(english.length).split(/[（）：]/);
                    for (const one of [english, ...chinese].map(plain)) {
                        if (isLong(one, 2)) add("texts", one, line);
                        else if (!isChinese(one) && one) add("names", one, line);
                    }
                    for (const code of codes?.split(", ") ?? []) {
                        const number = /-?\d+$/.exec(code);
                        add(number ? "numbers" : "names", (number?.[0] ?? code).toLowerCase(), line);
                        if (code.startsWith("WSA")) add("names", code.slice(3).toLowerCase(), line);
                    }
                }
            }
        }
        return known;
    };

    /** The entries that what was typed leads to, as search results. */
    const entries = (known, typed) => {
        const text = plain(typed);
        // The longest of those that contain one another; a short one only by itself.
        const said = known.texts
            .filter(({ key }) => (isLong(key, 2) ? inside(text, key) : key === text))
            .sort((a, b) => b.key.length - a.key.length)
            .filter((one, at, all) => !all.slice(0, at).some((longer) =>
                longer.key !== one.key && longer.key.includes(one.key)));
        // "errno 98", "[WinError 10048]", "code: 98", "错误代码：10054"; Windows' without a word; a number alone.
        const label = /(?:err(?:no|or)?|\bcode|错误码?|代码)\s*[:：=#(（]?\s*(-?\d+)/gi;
        const alone = /\b(1[01]\d{3})\b|^\s*[[(]?(-?\d+)[\])]?\s*$/g;
        const numbers = new Set(
            [...typed.matchAll(label), ...typed.matchAll(alone)].map((match) => match[1] ?? match[2]),
        );
        const tokens = new Set(typed.split(/\W+/).flatMap((token) => [token, token.replace(/Error$/, "")]));
        const names = new Set(Array.from(tokens, (token) => token.toLowerCase()));
        let found = [
            ...said,
            ...known.numbers.filter(({ key }) => numbers.has(key)),
            ...known.names.filter(({ key }) => names.has(key)),
            ...known.kinds.filter(({ key }) => tokens.has(key)),
        ];
        if (!found.length) {
            // Only a part of the words, if one error alone has it: their beginning, or some of them.
            const pieces = [text, ...typed.split(/[:：]\s*/).map(plain)];
            found = known.texts.filter(({ key }) => pieces.some((piece) =>
                (isLong(piece, 3) && inside(key, piece)) ||
                (/^(?!an? |the )\S.* .{3}/.test(piece) && piece.length > 9 && key.startsWith(`${piece} `))));
            const count = (what) => new Set(found.map((one) => one[what])).size;
            if (count("doc") > 1 && count("key") > 1) return [];
        }
        const first = new Map();
        for (const { doc, line } of found) {
            if (first.has(doc)) continue;
            const marked = `<strong>${say("The error", "这个错误")}</strong>${say(": ", "：")}${doc.title}`;
            first.set(doc, { ref: doc.id, score: 0, doc: { ...doc, breadcrumbs: marked, body: line || doc.body } });
        }
        return [...first.values()];
    };
}
