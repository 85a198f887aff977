"use strict";

// The words of this file, and those of mdBook, which speaks English alone.
const chinese = document.documentElement.lang.startsWith("zh");
const say = (en, zh) => (chinese ? zh : en);

// What mdBook leaves out for people without a mouse, or without a screen.
{
    // Code that is too wide scrolls, so it must take the focus.
    const reach = () => {
        for (const code of document.querySelectorAll("pre > code")) {
            if (code.scrollWidth > code.clientWidth) code.tabIndex = 0;
        }
    };
    // On paper nobody can open anything.
    addEventListener("beforeprint", () => {
        for (const folded of document.querySelectorAll("details")) folded.open = true;
    });
    document.addEventListener("toggle", reach, true);
    addEventListener("resize", reach);
    reach();

    // Its button for the sidebar is a <label>, which takes no focus.
    const toggle = document.getElementById("mdbook-sidebar-toggle");
    toggle?.setAttribute("role", "button");
    toggle?.setAttribute("tabindex", "0");
    toggle?.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        toggle.click();
    });
    document.getElementById("mdbook-menu-bar")?.setAttribute("role", "banner");
    // The list of keyboard shortcuts is outside of every landmark.
    document.getElementById("mdbook-help-container")?.setAttribute("role", "complementary");
    // What scrolls sideways must be reachable by keyboard.
    for (const wide of document.querySelectorAll("main .table-wrapper")) {
        if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
    }
}

// The other edition: the same page, and the same heading.
{
    const [link, ...more] = document.querySelectorAll("main a.edition");
    // (The page to print has one of each chapter.)
    for (const other of more) other.remove();
    if (link) {
        const file = location.pathname.split("/").pop() || "index.html";
        link.href = link.getAttribute("href").replace(/[^/]+$/, file);
        const bar = document.getElementById("mdbook-menu-bar");
        link.addEventListener("click", () => {
            const top = (heading) => heading.getBoundingClientRect().top;
            const end = bar.getBoundingClientRect().bottom + 20;
            // Where a link has led to, if that is still to be seen; else the
            // last heading that is not below the top.
            const chosen = location.hash && document.getElementById(location.hash.slice(1));
            const passed = Array.from(document.querySelectorAll("main :is(h1, h2, h3, h4)[id]"))
                .filter((heading) => heading.checkVisibility() && top(heading) <= end);
            const seen = chosen && top(chosen) >= 0 && top(chosen) < window.innerHeight;
            const here = seen ? chosen : window.scrollY > 0 && passed.pop();
            link.hash = here ? here.id : "";
        });
        document.querySelector(".right-buttons").prepend(link);
    }
}

if (chinese) {
    const words = {
        "Table of contents": "目录",
        "Toggle Table of Contents": "显示或隐藏目录",
        "Change theme": "换主题",
        "Themes": "主题",
        "Auto": "自动",
        "Light": "浅色",
        "Rust": "铁锈色",
        "Coal": "炭黑",
        "Navy": "海军蓝",
        "Ayu": "Ayu",
        "Search (`/`)": "搜索（`/`）",
        "Toggle Searchbar": "显示或隐藏搜索框",
        "Search this book ...": "搜索本书……",
        "Print this book": "打印本书",
        "Page navigation": "翻页",
        "Previous chapter": "上一章",
        "Next chapter": "下一章",
        "Copy to clipboard": "复制",
        "Keyboard shortcuts": "键盘快捷键",
    };
    for (const attribute of ["title", "aria-label", "placeholder"]) {
        for (const part of document.querySelectorAll(`[${attribute}]`)) {
            const word = words[part.getAttribute(attribute)];
            if (word) part.setAttribute(attribute, word);
        }
    }
    // (What "?" shows: the keys, and what they do.)
    const keys = ["翻到上一章或下一章", "在书里搜索", "显示这些说明", "隐藏这些说明"];
    document.querySelector(".mdbook-help-title").textContent = words["Keyboard shortcuts"];
    document.querySelectorAll("#mdbook-help-popup p").forEach((line, at) => {
        const named = Array.from(line.querySelectorAll("kbd"));
        if (keys[at]) line.replaceChildren(...named.flatMap((key) => [key, " "]), keys[at]);
    });
    for (const theme of document.querySelectorAll(".theme")) {
        theme.textContent = words[theme.textContent.trim()] ?? theme.textContent;
    }

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
    const header = document.getElementById("mdbook-searchresults-header");
    const translate = () => {
        const found = /^(\d+|No) search results? for '(.*)'[:.]$/s.exec(header.textContent);
        if (found) header.textContent = `“${found[2]}”：${found[1] === "No" ? 0 : found[1]} 处`;
    };
    if (header) new MutationObserver(translate).observe(header, { childList: true });
}
