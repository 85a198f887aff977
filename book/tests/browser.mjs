// Looks at the built book, both editions, in Chromium: script errors, requests
// that leave the book, sideways scrolling on a phone, accessibility, the players and
// guesses (see players.mjs), the way from one edition to the other, Chinese words in
// the search, and every error.

import { createServer } from "node:http";
import { readFile, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

import { counts, inTheMiddle, players } from "./players.mjs";

const HTML = join(dirname(fileURLToPath(import.meta.url)), "..", "html");
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const PHONE = { width: 375, height: 667 };
const DESK = { width: 1280, height: 800 };
// One page of each kind: prose, pictures, a step, a long explanation of a run, tables, scripts,
// a long list of definitions.
const KINDS = [
    "index.html", "what-is-a-socket.html", "04-accept-connect.html", "connection.html",
    "error-atlas.html", "no-call-fails.html", "here-and-there.html", "glossary.html", "other-languages.html",
].flatMap((name) => [name, `zh/${name}`]);
// What a search must find first, in the Chinese edition.
const SEARCHES = {
    "套接字": "what-is-a-socket.html",
    "绑定": "02-bind.html",
    "监听": "03-listen.html",
    "粘包": "09-glued-messages.html",
    "半关闭": "06-close.html",
    "accept": "04-accept-connect.html",
};
// Words that a Chinese engineer searches for, and the pages that explain them: one of these is among the first three.
const IN_THE_FIELD = {
    "数据包": "wire.html connection.html glossary.html",
    "丢包": "15-datagrams.html glossary.html",
    "三次握手": "connection.html 04-accept-connect.html 14-full-queue.html glossary.html",
    "四次挥手": "06-close.html connection.html glossary.html",
    "半连接队列": "14-full-queue.html connection.html no-call-fails.html glossary.html",
    "全连接队列": "14-full-queue.html 03-listen.html glossary.html",
    "延迟确认": "19-small-packets.html glossary.html",
    "优雅停机": "16-one-at-a-time.html 20-last-words.html glossary.html",
    "放大攻击": "28-many-peers.html glossary.html",
    "多线程": "16-one-at-a-time.html which-one.html glossary.html",
    "心跳": "18-silent-peer.html glossary.html",
    "长连接": "08-address-in-use.html 18-silent-peer.html which-one.html glossary.html",
    "端口占用": "08-address-in-use.html error-atlas.html glossary.html",
};
// What people paste, in either edition: the entry of the atlas that it must lead to first.
const PASTED = {
    'Error: Os { code: 98, kind: AddrInUse, message: "Address already in use" }': "address-already-in-use",
    "OSError: [Errno 98] Address already in use": "address-already-in-use",
    "OSError: [Errno 48] Address already in use": "address-already-in-use",
    "bind: Address already in use": "address-already-in-use",
    "java.net.BindException: Address already in use": "address-already-in-use",
    "listen tcp 127.0.0.1:8090: bind: address already in use": "address-already-in-use",
    "Error: listen EADDRINUSE: address already in use :::8090": "address-already-in-use",
    "由于目标计算机积极拒绝，无法连接。": "connection-refused",
    "[WinError 10061] 由于目标计算机积极拒绝，无法连接。": "connection-refused",
    "积极拒绝": "connection-refused",
    "SocketException (10061): No connection could be made because the target machine actively refused it.":
        "connection-refused",
    "nc: connect to 127.0.0.1 port 8090 (tcp) failed: Connection refused": "connection-refused",
    "error: connect 127.0.0.1:8090: connection refused (os error 111)": "connection-refused",
    "ConnectionRefusedError": "connection-refused",
    "Error: connect ECONNREFUSED 127.0.0.1:8090": "connection-refused",
    "java.net.SocketException: Connection reset": "connection-reset",
    "forcibly closed by the remote host": "connection-reset",
    "强迫关闭": "connection-reset",
    "您的主机中的软件中止了一个已建立的连接。": "connection-aborted",
    "read failed: errno = 104": "connection-reset",
    "错误代码：10054": "connection-reset",
    "kind: UnexpectedEof": "unexpected-end",
    "failed to fill whole buffer": "unexpected-end",
    "Bind for 0.0.0.0:8090 failed: port is already allocated": "address-already-in-use",
    "dial tcp 192.0.2.1:8090: i/o timeout": "timed-out",
    "signal: SIGPIPE": "broken-pipe",
    "socket.gaierror: [Errno -2] Name or service not known": "name-not-found",
    "failed to lookup address information: Temporary failure in name resolution": "name-not-found",
    "不知道这样的主机。 (os error 11001)": "name-not-found",
    "TypeError: a bytes-like object is required, not 'str'": "bytes-required",
    "json.decoder.JSONDecodeError: Extra data: line 1 column 8 (char 7)": "glued",
    "'utf-8' codec can't decode byte 0xc3 in position 1023: unexpected end of data": "split-character",
    "'utf-8' codec can't decode byte 0xc4 in position 0: invalid continuation byte": "wrong-encoding",
    "OSError: [WinError 10038] 在一个非套接字上尝试了一个操作。": "not-a-socket",
    "[WinError 10106] 无法加载或初始化请求的服务提供程序。": "windows-not-ready",
    "java.io.IOException: 连接被对方重设": "connection-reset",
    "java.net.SocketException: 断开的管道": "broken-pipe",
};
// What happens, in somebody's words: one of these entries is among the first three.
const HAPPENS = {
    "recv returns 0 bytes": "end-of-stream",
    "recv returns empty bytes in a loop": "end-of-stream",
    "messages stick together": "glued",
    "two messages arrive as one": "glued",
    "server hangs after one client": "not-served waiting-forever",
    "second client has to wait until first is done": "not-served",
    "my program hangs in recv": "waiting-forever",
    "client hangs forever": "waiting-forever",
    "send returns fewer bytes than I gave": "short-write",
    "send did not send everything": "short-write",
    "UDP packets not arriving": "never-received lost-datagram",
    "udp receiver gets nothing": "never-received lost-datagram",
    "udp packets lost on localhost": "lost-datagram",
    "udp messages arrive in wrong order": "lost-datagram",
    "cannot connect from another computer": "connection-refused timed-out unreachable",
    "works on localhost but not from another machine": "connection-refused unreachable timed-out",
    "strange characters in received text": "split-character wrong-encoding",
    "chinese text is garbled": "wrong-encoding split-character",
    "replacement character in the output": "split-character wrong-encoding",
    "server dies when client disconnects": "broken-pipe",
    "program killed without a message": "broken-pipe",
    "hundreds of connections in CLOSE_WAIT": "close-wait",
    "connections stay in CLOSE_WAIT": "close-wait",
    "every request takes 40 ms": "small-sends",
    "small messages are very slow": "small-sends",
    "cannot restart the server, port still in use": "address-already-in-use",
    "port still in use after program ended": "address-already-in-use",
    "end of the datagram is missing": "cut-datagram",
    "recvfrom cuts off the rest of the packet": "cut-datagram",
    "connect takes a long time and then fails": "timed-out",
    "nobody answers when I connect": "timed-out",
    "client talks to itself": "connected-to-itself",
    "sendto gives permission error for broadcast": "permission-denied",
    "port 80 not allowed without root": "permission-denied",
    "could not resolve host name": "name-not-found",
    "send string instead of bytes in python": "bytes-required",
    "too many sockets open": "too-many-open-files",
    "socket closed by another thread": "not-a-socket waiting-forever",
    "non blocking connect returns immediately": "in-progress",
    "peer closed in the middle of a message": "unexpected-end",
    "getaddrinfo fails for url": "name-not-found",
    "cannot send str over socket": "bytes-required",
    "connection closed unexpectedly while reading": "connection-reset unexpected-end end-of-stream",
    "server runs out of file descriptors": "too-many-open-files",
};
// The same in Chinese.
const HAPPENS_ZH = {
    "当client停止时，server端会死循环": "end-of-stream",
    "接收一直返回空字符串": "end-of-stream",
    "recv返回空": "end-of-stream",
    "两条消息粘在一起": "glued",
    "一次收到两条消息": "glued",
    "第二个客户端连上没反应": "not-served",
    "第二个客户端要等第一个退出": "not-served",
    "只能连一个客户端": "not-served",
    "程序卡在 recv": "waiting-forever",
    "accept 卡住不动": "waiting-forever not-served",
    "数据没有全部发送出去": "short-write",
    "send 没发完": "short-write",
    "UDP 收不到数据": "never-received lost-datagram",
    "别的电脑连不上我的服务器": "connection-refused unreachable timed-out",
    "本机能连上别的电脑连不上": "connection-refused unreachable",
    "收到的中文是乱码": "split-character wrong-encoding",
    "中文乱码": "split-character wrong-encoding",
    "末尾有乱码 烫烫烫": "old-bytes",
    "客户端断开服务端就崩溃": "broken-pipe connection-reset",
    "大量 CLOSE_WAIT": "close-wait",
    "CLOSE_WAIT 太多": "close-wait",
    "每个请求延迟 40 毫秒": "small-sends",
    "重启服务端提示端口被占用": "address-already-in-use",
    "程序关了端口还被占着": "address-already-in-use",
    "UDP 数据包被截断": "cut-datagram",
    "连接很久才失败": "timed-out",
    "连接要等好几秒": "slow-seconds timed-out",
    "客户端自己连自己": "connected-to-itself",
    "广播没有权限": "permission-denied",
    "绑定 80 端口没有权限": "permission-denied",
    "域名解析失败": "name-not-found",
    "找不到主机": "name-not-found",
    "发送字符串要转换成 bytes": "bytes-required",
    "打开的文件太多": "too-many-open-files",
    "套接字被另一个线程关闭": "not-a-socket waiting-forever",
    "非阻塞 connect 马上返回": "in-progress",
    "消息收到一半对方就断开": "unexpected-end",
    "修改代码不起作用": "old-program",
    "云服务器绑定公网 ip 失败": "address-not-available",
    "长度是一个奇怪的大数": "another-protocol",
    "短消息能收到长消息收不到": "waiting-forever",
    "客户端关闭之后服务端才收到": "waiting-forever",
    "只有从别的电脑连接才慢": "slow-seconds",
    "空闲几分钟之后连接断开": "connection-reset",
    "查不到哪个程序占用端口": "address-already-in-use",
    "ping 得通但是连不上": "unreachable",
    "长度 1195725856": "another-protocol",
    "健康检查一直报错": "connection-reset",
    "浣犲ソ": "wrong-encoding",
};
// Words that name no error: no entry comes before what is usually found.
const USUAL = ["socket", "backlog", "connection", "the connection", "step 13", "bind 127.0.0.1:8090", "套接字", "监听", "对端",
    "什么是套接字", "字节流和数据报有什么区别", "怎么写聊天程序"];
// The light and the dark theme; of the three to choose besides, the colours.
const THEMES = ["light", "navy", "rust", "coal", "ayu"];
const WHOLE = ["light", "navy"];
// With their players in the middle of a run.
const WITH_PLAYERS = ["04-accept-connect.html", "connection.html", "15-datagrams.html", "zh/04-accept-connect.html"];
const SMALLEST_TEXT = 10; // pixels, in a picture on a phone

const mistakes = [];
const mistake = (where, what) => mistakes.push(`${where}: ${what}`);
const must = (truth, what) => truth || mistake("not so", what);

const TYPES = {
    ".html": "text/html", ".css": "text/css", ".js": "text/javascript",
    ".svg": "image/svg+xml", ".png": "image/png", ".woff2": "font/woff2",
};
const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://x").pathname));
    try {
        const body = await readFile(join(HTML, path));
        response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "text/plain" });
        response.end(body);
    } catch {
        response.writeHead(404).end();
    }
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const base = `http://127.0.0.1:${server.address().port}/`;

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
});

/** A page that tells of errors and of requests to elsewhere. */
async function open(options) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    page.setDefaultTimeout(60000); // (Other things may run on this machine.)
    page.on("pageerror", (error) => mistake(page.url(), `script error: ${error.message}`));
    page.on("console", (message) => {
        if (message.type() === "error") mistake(page.url(), `console: ${message.text()}`);
    });
    page.on("request", (request) => {
        if (!request.url().startsWith(base) && !request.url().startsWith("data:")) {
            mistake(page.url(), `a request leaves the page: ${request.url()}`);
        }
    });
    return page;
}

const files = [
    ...(await readdir(HTML)),
    ...(await readdir(join(HTML, "zh"))).map((name) => `zh/${name}`),
];
const pages = files.filter(
    (name) => name.endsWith(".html") && !/(^|\/)(print|toc|404)\.html$/.test(name),
);

/** From a heading of one edition to that heading of the other, and back. */
async function change() {
    const page = await open({ viewport: DESK });
    const place = () => new URL(page.url()).pathname + new URL(page.url()).hash;
    for (const [name, heading] of [
        ["04-accept-connect.html", "#break-it"], ["glossary.html", "#rust-in-the-examples-that-you-may-not-know"],
    ]) {
        await page.goto(`${base}${name}${heading}`);
        await page.click("a.edition");
        await page.waitForURL(/\/zh\//);
        must(place() === `/zh/${name}${heading}`, `${name}${heading} leads to the same in Chinese: ${place()}`);
        must((await page.getAttribute("html", "lang")) === "zh-CN", "the Chinese page says so");
        await page.click("a.edition");
        await page.waitForURL((url) => !url.pathname.includes("/zh/"));
        must(place() === `/${name}${heading}`, `and back: ${place()}`);
    }
    await page.goto(`${base}index.html`);
    await page.click("a.edition");
    await page.waitForURL(/\/zh\//);
    must(place() === "/zh/index.html", `the first page leads to the first: ${place()}`);
    const plain = await open({ viewport: PHONE, javaScriptEnabled: false });
    await plain.goto(`${base}02-bind.html`);
    await plain.click("a.edition");
    must(plain.url() === `${base}zh/02-bind.html`, "without scripts, to the same page");
}

/** What is typed there is found, first on the page that explains it. */
async function search() {
    const page = await open({ viewport: DESK });
    for (const [word, wanted] of Object.entries(SEARCHES)) {
        // (A page that is newer than its translation has less of it to find.)
        if ((await readFile(join(HTML, "zh", wanted), "utf8")).includes('class="behind"')) continue;
        await page.goto(`${base}zh/index.html?search=${encodeURIComponent(word)}`);
        const first = page.locator("#mdbook-searchresults a").first();
        await first.waitFor();
        const found = (await first.getAttribute("href")).split("?")[0].split("/").pop();
        must(found === wanted, `a search for ${word} finds ${wanted} first, not ${found}`);
        const teaser = await page.locator("#mdbook-searchresults .teaser em").count();
        must(teaser > 0, `what a search for ${word} finds is shown`);
    }
    const isBehind = async (name) => (await readFile(join(HTML, "zh", name), "utf8")).includes('class="behind"');
    for (const [word, pages] of Object.entries(IN_THE_FIELD)) {
        const wanted = pages.split(" ");
        if ((await Promise.all(wanted.map(isBehind))).some(Boolean)) continue;
        await page.goto(`${base}zh/index.html?search=${encodeURIComponent(word)}`);
        await page.locator("#mdbook-searchresults-header").filter({ hasText: /\d+ 处$/ }).waitFor();
        const found = await page.$$eval("#mdbook-searchresults a", (links) =>
            links.slice(0, 3).map((link) => link.pathname.split("/").pop()));
        must(found.some((name) => wanted.includes(name)), `a search for ${word} finds one of ${wanted} first, not ${found}`);
    }
    await page.goto(`${base}zh/index.html?search=${encodeURIComponent("没有这个词组呀")}`);
    await page.waitForFunction(
        () => document.getElementById("mdbook-searchresults-header").textContent.endsWith("0 处"),
    );
}

/** A link to a search finds the same each time, however slowly our own scripts come: none says first that there is nothing. */
async function searchLinks() {
    for (const [edition, word] of [["", "EADDRINUSE"], ["zh/", "套接字"]]) {
        const page = await open({ viewport: DESK });
        await page.addInitScript(() => {
            window.said = [];
            new MutationObserver(() => {
                const now = document.getElementById("mdbook-searchresults-header")?.textContent;
                if (now && now !== window.said.at(-1)) window.said.push(now);
            }).observe(document, { childList: true, subtree: true });
        });
        await page.route("**/look/*.js", async (route) => {
            await new Promise((done) => setTimeout(done, loads % 3 * 200));
            await route.continue();
        });
        let loads = 0;
        const wrong = [];
        for (; loads < 24; loads++) {
            await page.goto(`${base}${edition}02-bind.html?search=${encodeURIComponent(word)}`);
            await page.locator("#mdbook-searchresults a").first().waitFor();
            const said = await page.evaluate(() => window.said);
            if (said.some((one) => /^No |：0 处$/.test(one))) wrong.push(said.join(" | "));
        }
        must(!wrong.length, `${wrong.length} of ${loads} links to a search for ${word} say: ${wrong[0]}`);
    }
}

/** Chinese quotation marks and dots are as wide as a Chinese character, also in a heading, and English ones are not. */
async function marks() {
    const page = await open({ viewport: DESK });
    await page.goto(`${base}zh/glossary.html`);
    const widths = await page.evaluate(async () => {
        const main = document.querySelector("main");
        const width = (tag, text, lang) => {
            const part = document.createElement("span");
            part.textContent = text;
            const outer = document.createElement(tag);
            if (lang) outer.lang = lang;
            outer.append(part);
            main.append(outer);
            return part.getBoundingClientRect().width / parseFloat(getComputedStyle(part).fontSize);
        };
        const all = () => [..."“”‘’…"].flatMap((mark) => ["p", "h2"].map((tag) => [mark, tag, width(tag, mark), width(tag, mark, "en")]));
        all();
        await document.fonts.ready;
        return all();
    });
    for (const [mark, tag, chinese, english] of widths) {
        must(Math.abs(chinese - 1) < 0.02, `${mark} in a ${tag} is ${chinese.toFixed(2)} of a character wide`);
        if (mark !== "…") must(english < 0.6, `${mark} in a ${tag} in English is ${english.toFixed(2)} of a character wide`);
    }
}

/** On a desk nothing of the atlas is cut, or has to be scrolled sideways. */
async function atlas() {
    const page = await open({ viewport: DESK });
    for (const name of ["error-atlas.html", "no-call-fails.html"].flatMap((name) => [name, `zh/${name}`])) {
        await page.goto(base + name);
        const cut = await page.evaluate(() => {
            for (const folded of document.querySelectorAll("details")) folded.open = true;
            const parts = Array.from(document.querySelectorAll("main, main *")).filter((part) =>
                part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0 && getComputedStyle(part).overflowX !== "visible");
            return parts.map((part) => `${part.tagName} by ${part.scrollWidth - part.clientWidth}: ${part.textContent.trim().slice(0, 40)}`);
        });
        must(!cut.length, `nothing of ${name} is cut at ${DESK.width} pixels: ${cut.length}, such as ${cut[0]}`);
    }
}

/** What is searched for, and the entries of the atlas that are to come first: from errors.json. */
async function wantedErrors() {
    const read = (name) => readFile(join(HTML, "..", name), "utf8");
    const places = {}; // of each name
    for (const entry of (await read("src/error-atlas.md")).split("\n## ")) {
        const place = /\{#([\w-]+)\}/.exec(entry)?.[1];
        for (const [, names] of entry.matchAll(/\{\{#errors ([^}]*)\}\}/g)) {
            for (const name of names.split(" ")) places[name] = place;
        }
    }
    const wanted = new Map();
    const want = (typed, name) => {
        if (!places[name]) mistake("errors.json", `${name} is in no entry of the atlas`);
        wanted.set(typed, (wanted.get(typed) ?? new Set()).add(places[name]));
    };
    for (const [name, systems] of Object.entries(JSON.parse(await read("errors.json")))) {
        want(name, name);
        want(`Errno::${name}`, name);
        want(systems.Linux[2], name); // (in Chinese)
        for (const [number, text] of [systems.Linux, systems.macOS]) {
            for (const typed of [text, number, `os error ${number}`, `errno ${number}`, `[Errno ${number}]`]) {
                want(String(typed), name);
            }
        }
        for (const [number, windows, english, chinese] of systems.Windows) {
            for (const typed of [
                windows, english, chinese, number, `os error ${number}`, `WinError ${number}`, `[WinError ${number}]`,
            ]) {
                want(String(typed), name);
            }
        }
    }
    for (const [typed, place] of Object.entries(PASTED)) wanted.set(typed, new Set([place]));
    return wanted;
}

/** Searches for each, and gives what is found: the addresses, and whether it is an entry that was put first. */
const searched = (page, words) =>
    page.evaluate((words) => {
        const bar = document.getElementById("mdbook-searchbar");
        const links = () => Array.from(document.querySelectorAll("#mdbook-searchresults > li > a"));
        return words.map((typed) => {
            bar.value = typed;
            bar.dispatchEvent(new Event("keyup"));
            return links().map((link) => ({ to: link.getAttribute("href"), first: !!link.querySelector("strong") }));
        });
    }, words);

/** Each text, number and name of an error, and whole lines, lead to its entry in the atlas first. */
async function errors() {
    const wanted = await wantedErrors();
    must(wanted.size > 400, "errors.json has more than 400 texts, numbers and names");
    for (const edition of ["", "zh/"]) {
        const page = await open({ viewport: DESK });
        // The words of the index as well.
        await page.goto(`${base}${edition}error-atlas.html`);
        const index = await page.$$eval("main table a", (links) => links.map((link) => [link.textContent, link.hash.slice(1)]));
        must(index.length > 30, `${edition}error-atlas.html has an index`);
        const seen = new Map();
        for (const [words, place] of index) {
            seen.set(words.toLowerCase(), (seen.get(words.toLowerCase()) ?? new Set()).add(place));
        }
        const ready = () => page.waitForFunction(
            () => document.querySelector("#mdbook-searchbar-outer:not(.searching)") && window.search.doc_urls,
        );
        const place = (link) => /(?:error-atlas|no-call-fails)\.html(?:\?[^#]*)?#(.*)$/.exec(link.to)?.[1];
        const wrong = [];
        const look = async (words) => {
            for (const [at, found] of (await searched(page, words)).entries()) {
                const places = wanted.get(words[at]) ?? seen.get(words[at]);
                const first = found.slice(0, places.size);
                const right = new Set(first.map(place).filter((one) => places.has(one)));
                if (right.size < places.size) {
                    wrong.push(`${words[at]} finds ${first.map(({ to }) => to)} first, not ${[...places]}`);
                }
                looked++;
            }
        };
        // All, without what mdBook finds besides, which takes its time; then some with it.
        await page.route("**/elasticlunr*.js", async (route) => {
            const response = await route.fetch();
            await route.fulfill({ body: `${await response.text()};elasticlunr.Index.prototype.search = () => [];`, response });
        });
        await page.goto(`${base}${edition}02-bind.html`);
        await page.keyboard.press("s");
        await ready();
        await look([...wanted.keys(), ...seen.keys()]);
        await page.unroute("**/elasticlunr*.js");
        await page.goto(`${base}${edition}02-bind.html`);
        await page.keyboard.press("s");
        await ready();
        await look(["EADDRINUSE", "10035", "35", "os error 98", ...Object.keys(PASTED)]);
        for (const one of wrong.slice(0, 5)) mistake(`${edition || "en/"}, of ${wrong.length}`, `a search for ${one}`);
        // (Where the Chinese page shows English, that has other words.)
        const atlas = ["error-atlas.html", "no-call-fails.html"].map((name) => readFile(join(HTML, edition, name), "utf8"));
        const isBehind = (await Promise.all(atlas)).some((text) => text.includes('class="behind"'));
        const happens = !edition ? HAPPENS : isBehind ? {} : HAPPENS_ZH;
        for (const [at, found] of (await searched(page, Object.keys(happens))).entries()) {
            const [typed, places] = Object.entries(happens)[at];
            const first = found.slice(0, 3).map(place);
            must(first.some((one) => places.split(" ").includes(one)), `a search for ${typed} finds ${places}, not ${first}`);
            looked++;
        }
        for (const [at, found] of (await searched(page, USUAL)).entries()) {
            must(!found.some(({ first }) => first), `${edition}: a search for ${USUAL[at]} is for no error`);
        }
        // Pasted, without a key; and on with the keyboard.
        await page.fill("#mdbook-searchbar", "[Errno 111] Connection refused");
        await page.locator("#mdbook-searchresults strong").first().waitFor();
        await page.keyboard.press("Enter");
        await page.waitForURL(`${base}${edition}error-atlas.html#connection-refused`);
        // From when it was one page.
        const old = await open({ viewport: DESK });
        await old.goto(`${base}${edition}error-atlas.html#close-wait`);
        await old.waitForURL(`${base}${edition}no-call-fails.html#close-wait`);
        await old.close();
        // Back to the search, when all is in the browser's cache.
        await page.goBack();
        await page.locator("#mdbook-searchresults strong").first().waitFor();
        // From a file.
        const file = await (await browser.newContext()).newPage();
        await file.goto(pathToFileURL(join(HTML, edition, "index.html")).href);
        await file.keyboard.press("s");
        await file.fill("#mdbook-searchbar", "WSAECONNRESET");
        await file.click("#mdbook-searchresults a");
        must(file.url().endsWith(`${edition}error-atlas.html#connection-reset`), `a file leads to ${file.url()}`);
    }
}

/** Every page, on a phone: it loads, and fits. Folded parts are opened first. */
async function onPhone() {
    const phone = await open({ viewport: PHONE });
    for (const name of pages) {
        await phone.goto(base + name);
        const found = await phone.evaluate(() => {
            for (const folded of document.querySelectorAll("details")) folded.open = true;
            const sizes = Array.from(document.querySelectorAll("svg.picture text"), (text) => {
                const scale = text.getScreenCTM().a;
                return parseFloat(getComputedStyle(text).fontSize) * scale;
            });
            // (For those who hear the page: not seen, and not hidden from them.)
            // (Where there is a player, it has said all.)
            const pictures = [...document.querySelectorAll(".as-text")].filter((text) => !text.closest("section.player.scripted"));
            const unsaid = pictures.filter((text) => !text.checkVisibility({
                visibilityProperty: true }) || text.closest("[aria-hidden]") || text.clientWidth > 1);
            return {
                unsaid: unsaid.length,
                // (mdBook lets the part of the page with the text scroll by itself.)
                wide: Math.max(
                    document.documentElement.scrollWidth - window.innerWidth,
                    ...Array.from(
                        document.querySelectorAll("body, .page, #mdbook-content, main"),
                        (part) => part.scrollWidth - part.clientWidth,
                    ),
                ),
                smallest: Math.min(Infinity, ...sizes),
            };
        });
        if (found.unsaid > 0) mistake(name, `${found.unsaid} pictures whose text is hidden, or in sight`);
        if (found.wide > 0) mistake(name, `${found.wide} pixels too wide for a phone`);
        if (found.smallest < SMALLEST_TEXT) {
            mistake(name, `text of ${found.smallest.toFixed(1)} pixels in a picture`);
        }
    }
}

/** One page of each kind: accessibility, in one theme. */
let rules = 0;
async function accessible(theme) {
    const page = await open({ viewport: DESK });
    await page.addInitScript((name) => localStorage.setItem("mdbook-theme", name), theme);
    const whole = WHOLE.includes(theme);
    for (const name of new Set([...(whole ? KINDS : []), ...WITH_PLAYERS])) {
        await page.goto(base + name);
        await inTheMiddle(page);
        await page.evaluate(() => {
            for (const folded of document.querySelectorAll("details")) folded.open = true;
        });
        await page.addScriptTag({ path: AXE });
        const result = await page.evaluate(
            (rules) => window.axe.run(rules ? { runOnly: rules } : {}),
            whole ? null : ["color-contrast", "link-in-text-block"],
        );
        rules += result.passes.length;
        for (const { id, impact, nodes } of result.violations) {
            const what = `${id} (${impact}), ${nodes.length} times: ${nodes[0].html.slice(0, 120)}`;
            if (process.env.SHOW_ALL) console.log(`${name}, ${theme}: ${what}`);
            if (["serious", "critical"].includes(impact)) mistake(`${name}, ${theme}`, what);
        }
    }
}

let looked = 0;
const tried = [change, search, searchLinks, marks, atlas, errors].map((part) =>
    part().catch((error) => mistake(part.name, error.message.split("\n")[0])));
const book = { open, base, must, mistake, html: HTML, browser };
await Promise.all([onPhone(), ...tried, ...players(book), ...THEMES.map(accessible)]);
if (rules === 0) mistake("axe-core", "checked nothing");

await browser.close();
server.close();
for (const one of mistakes) console.error(`mistake: ${one}`);
console.log(
    `browser: ${pages.length} pages on a phone, ${KINDS.length} kinds in ${THEMES.length} themes, ` +
        `${counts.players} players and ${counts.whatIfs} changes with ${counts.steps} steps, ${counts.guesses} guesses, ` +
        `${looked} searches for an error, ${mistakes.length} mistakes`,
);
process.exit(mistakes.length ? 1 : 0);
