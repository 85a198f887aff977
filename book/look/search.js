"use strict";

// The search of the Chinese edition, and what errors.js has in common with it. Both stand before
// mdBook's own script, which may search as soon as it is there (see steps/finish.py).
const chinese = document.documentElement.lang.startsWith("zh");
const say = (en, zh) => (chinese ? zh : en);

if (chinese) {
    // mdBook's index cuts text into words at spaces, and Chinese has none. So
    // here a search looks for what was typed anywhere in the text.
    if (window.elasticlunr) {
        window.elasticlunr.Index.prototype.search = function (typed) {
            return find(Object.values(this.documentStore.docs), typed);
        };
    }
    const count = (text, term) => text.split(term).length - 1;
    const find = (documents, typed) => {
        const terms = typed.toLowerCase().split(/\s+/).filter(Boolean);
        const found = [];
        for (const doc of documents) {
            const [title, body] = [doc.title.toLowerCase(), doc.body.toLowerCase()];
            const all = `${doc.breadcrumbs.toLowerCase()} ${title} ${body}`;
            if (!terms.length || !terms.every((term) => all.includes(term))) continue;
            // A page with the word in its title first, then a short heading
            // that has it; then where it is introduced, with the English in
            // brackets, in the book's order; then how often it is said.
            const isPage = doc.breadcrumbs === `${doc.title} » ${doc.title}`;
            const score = terms
                .map((term) =>
                    (title.includes(term) ? 20 + (40 * term.length) / title.length : 0) +
                    (title.includes(term) && isPage ? 60 : 0) +
                    (body.includes(`${term}（`) ? 15 : Math.min(count(body, term), 10)))
                .reduce((sum, one) => sum + one);
            found.push({ ref: doc.id, score, doc: { ...doc, body: around(doc.body, terms) } });
        }
        return found.sort((a, b) => b.score - a.score);
    };
    // The text around the first place, the word set apart: mdBook marks words
    // between spaces.
    const around = (body, terms) => {
        const places = terms.map((term) => body.toLowerCase().indexOf(term));
        const first = Math.max(0, Math.min(...places.filter((place) => place >= 0)));
        const start = Math.max(0, first - 30);
        let part = body.slice(start, start + 120).replace(/\s+/g, " ");
        for (const term of terms) {
            const word = term.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
            part = part.replace(new RegExp(word, "gi"), " $& ");
        }
        return part;
    };
    // (mdBook's own words; steps/finish.py puts the others into Chinese.)
    const header = document.getElementById("mdbook-searchresults-header");
    const translate = () => {
        const found = /^(\d+|No) search results? for '(.*)'[:.]$/s.exec(header.textContent);
        if (found) header.textContent = `“${found[2]}”：${found[1] === "No" ? 0 : found[1]} 处`;
    };
    if (header) new MutationObserver(translate).observe(header, { childList: true });
}
