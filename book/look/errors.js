"use strict";

// Who searches for an error finds its entry in the atlas first, above what mdBook finds:
// by the words of any system, or a part of them, by a number, a name, or a kind of Rust's,
// also within a whole line. Who says in several words what happens finds the likeliest entries.
// All of this is read from the entries, as they are in the index.
{
    const LIKELY = 3; // entries at most
    const ATLAS = /^(?:error-atlas|no-call-fails)\.html#/; // its two pages
    const MEANS = /(?:^|\s)(?:Means: |意思：)/;
    const index = window.elasticlunr?.Index.prototype;
    if (index) {
        const search = index.search;
        let known;
        index.search = function (typed, options) {
            known ??= everything(Object.values(this.documentStore.docs));
            const usual = search.call(this, typed, options);
            const first = entries(known, typed, usual.length > 0);
            const refs = new Set(first.map((result) => result.ref));
            return [...first, ...usual.filter((result) => !refs.has(result.ref))];
        };
    }
    const everything = (all) => {
        const place = (doc) => window.search.doc_urls[doc.id];
        const docs = all.filter((doc) => ATLAS.test(place(doc)) && MEANS.test(doc.body));
        const titles = new Set(all.map((doc) => plain(doc.title)));
        return { ...words(docs), meanings: docs.map(meaning), titles };
    };

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

    /** The lines at the head of an entry: of each system, of others, and in other words. */
    const LINE = /\s(?=(?:Linux|macOS|Windows|Rust|Python|Also|In other words): |(?:也说|换句话说)：)/;
    const OTHER = /^(?:In other words: |换句话说：)/;
    const systems = (doc) => doc.body.split(MEANS)[0].split(LINE);

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
            for (const line of systems(doc)) {
                if (OTHER.test(line)) continue;
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
    const entries = (known, typed, areOthers) => {
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
            if (count("doc") > 1 && count("key") > 1) found = [];
        }
        const isSure = found.length > 0;
        // (Not for one word, or the title of another part of the book.)
        if (!isSure && (isChinese(typed) || /\S\s+\S/.test(typed)) && !known.titles.has(text)) {
            found = likely(known.meanings, typed, areOthers);
        }
        const mark = isSure ? say("The error", "这个错误") : say("Perhaps", "也许是");
        const first = new Map();
        for (const { doc, line } of found) {
            if (first.has(doc)) continue;
            const marked = `<strong>${mark}</strong>${say(": ", "：")}${doc.title}`;
            first.set(doc, { ref: doc.id, score: 0, doc: { ...doc, breadcrumbs: marked, body: line || doc.body } });
        }
        return [...first.values()];
    };

    /** The words that count, without their endings; of Chinese, each two characters. */
    const terms = (text) => {
        const { stemmer, stopWordFilter } = window.elasticlunr;
        const found = new Set();
        for (const [run] of plain(text).matchAll(/[\u4e00-\u9fff]+|[^\u4e00-\u9fff ]+/g)) {
            if (isChinese(run)) for (let at = 0; at + 1 < run.length; at++) found.add(run.slice(at, at + 2));
            else if (run.length > 1 && stopWordFilter(run)) found.add(stemmer(run));
        }
        return found;
    };
    /** An entry: what it is called, in other words too, and all that it says. */
    const meaning = (doc) => ({
        doc,
        title: terms(`${doc.title} ${systems(doc).filter((line) => !line.startsWith("Windows: ")).join(" ")}`),
        body: terms(doc.body),
    });
    /** The entries that have most of these words, of which a rare one counts for more. If nothing else was found,
     * two words are enough, if hardly any other entry is called so. */
    const likely = (meanings, typed, areOthers) => {
        const all = [...terms(typed)];
        // Of few words, (nearly) all have to be what it is called. (Of each two Chinese characters,
        // one may end a word, and one begin the next.)
        const [none, few, least, part] = isChinese(typed) ? [2, 5, 3, 0.4] : [1, 3, 1, 0.5];
        if (all.length <= none) return [];
        const count = (term) => meanings.filter(({ title, body }) => title.has(term) || body.has(term)).length;
        const weight = (term) => Math.log((meanings.length + 1) / (count(term) + 0.5));
        const weights = new Map(all.map((term) => [term, weight(term)]));
        const found = meanings.map(({ doc, title, body }) => {
            const called = all.filter((term) => title.has(term));
            const said = all.filter((term) => title.has(term) || body.has(term));
            const sum = (some) => some.reduce((score, term) => score + weights.get(term), 0);
            const rare = !areOthers && called.length > 1 && called.some((term) => count(term) <= 2);
            const enough = rare || (all.length < few
                ? called.length >= Math.min(3, all.length)
                : called.length >= least && said.length >= Math.max(2, all.length * part));
            return { doc, score: enough ? sum(said) + 1.5 * sum(called) : 0 };
        });
        found.sort((a, b) => b.score - a.score);
        return found.slice(0, LIKELY).filter(({ score }) => score > 0 && score > found[0].score / 2);
    };

    // An old link to an entry that is on the second page now.
    const moved = document.getElementById(location.hash.slice(1)) ? null
        : Array.from(document.querySelectorAll("main td > a")).find((link) => link.hash === location.hash);
    if (location.hash && moved) location.replace(moved.href);
}
