// The players of the book in Chromium: each step of each one shows what its record says, and
// guesses are judged and remembered.
//
// What the record says is read here from the text of examples/timelines, by a reader of its own.

import { readFile, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const EXAMPLES = join(ROOT, "examples");

// ---- What a record says.

/** The text of a record, without its header. */
async function recorded(name) {
    const text = await readFile(join(EXAMPLES, "timelines", `${name}.snap`), "utf8");
    return text.replace(/^---\n.*\n---\n/, "");
}

const GONE = new Set(["CLOSED", "unbound"]);

/** What the kernel's tables have said so far. */
class Table {
    sockets = [];
    /** Whose queues have changed since the program printed something, or something was left out. */
    piece = new Set();

    /** The socket that a line is about: by its two ends, or else by its descriptor. */
    of(who) {
        const [, fd, ends] = /^(?:((?:FD[\w-]+, )+))?(.*)$/.exec(who);
        const live = this.sockets.filter(({ state }) => !GONE.has(state));
        const own = fd?.replace(/, $/, "");
        let found = live.find((one) => one.ends === ends && (!own || !one.fd || one.fd === own)) ??
            (own && live.findLast((one) => one.fd === own)) ??
            // A second descriptor of a connection that has another name here.
            (ends.includes(" to ") ? live.find((one) => one.ends === ends) : undefined);
        if (!found) this.sockets.push((found = { queues: {} }));
        found.ends = ends;
        found.fd = own ?? found.fd;
        return found;
    }

    state(line) {
        const [, who, what] = /^(.*?): (.*)$/.exec(line);
        const socket = this.of(who);
        socket.state = what.split(" -> ").pop().split(", ")[0];
        // What is left of the connection then has no queues.
        if (socket.state === "TIME-WAIT") socket.queues = {};
    }

    queue(line) {
        const [, who, what] = /^(.*?): (.*)$/.exec(line);
        const [, name, , now] = /^(accept queue|Recv-Q|Send-Q) (?:(.*) -> )?(.*)$/.exec(what);
        const socket = this.of(who);
        socket.queues[name] = now;
        this.piece.add(socket);
    }

    /** What stands above came many times: how long the queues are after the last time is not said. */
    leaveOut(note) {
        if (note?.endsWith("queue lengths")) for (const socket of this.piece) socket.queues = {};
        this.piece.clear();
    }
}

/** Of each step of a record: its text, its line of code, and what is there after it. */
function read(text) {
    const [steps, table, printed] = [[], new Table(), []];
    let [prints, going] = [null, null];
    for (const line of text.split("\n").filter((line) => line.trim())) {
        const place = line.startsWith("  ") ? / {2}\[([^\][]+):(\d+)\]$/.exec(line) : null;
        let at = place && { file: place[1], line: Number(place[2]) };
        const rest = place ? line.slice(0, place.index) : line;
        const [, kind, what] = /^ {2}(\S+) +(.*)$/.exec(rest) ?? [null, "", rest];
        if (kind === "prints" || /^ {2}prints /.test(line)) {
            const [, file, number] = /\[([^\][]+):(\d+)\]$/.exec(line);
            prints = { file, line: Number(number) };
            continue;
        }
        const isLook = kind === "state" || kind === "queue";
        const last = steps[steps.length - 1];
        if (isLook) table[kind](what);
        if (isLook && last?.isLook) {
            last.text.push(what);
            last.sockets = structuredClone(table.sockets);
            continue;
        }
        const known = ["call", "result", "packet", "state", "queue", "..."].includes(kind);
        const isNote = !known && /^\(.*\)$/.test(line);
        if (!known && !isNote) {
            printed.push(line);
            [at, prints] = [prints, null];
            table.leaveOut();
        } else if (kind === "...") {
            table.leaveOut(what);
        }
        const packet = kind === "packet" && /^(?:\(.*?\) {2})?(\S+) -> (\S+) {2}(.*?)(?: {2}(.*))?$/.exec(what);
        // What follows a call, up to the next one, is its doing.
        if (at || !["packet", "state", "queue", "result"].includes(kind)) going = at;
        steps.push({
            isLook, kind, at, going, isLine: !known && !isNote,
            text: [known ? what : line],
            packet: packet ? { from: packet[1], to: packet[2], kind: packet[3], data: packet[4] ?? "" } : null,
            lines: printed.length,
            sockets: structuredClone(table.sockets),
        });
    }
    return { steps, printed };
}

// ---- What is shown.

/** In the page: goes through all steps of a player with the key, and notes what is to be seen. */
async function walk([name, whatIf]) {
    let wide = 0;
    const section = document.getElementById(`player-${name}`);
    const ui = section.querySelector(".pl");
    const press = (key) => ui.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    const place = () => section.querySelector(".pl-place").textContent.match(/\d+/g).map(Number);
    press("Home");
    if (whatIf) {
        const select = section.querySelector("select");
        select.value = whatIf;
        if (select.value !== whatIf) return { missing: true };
        select.dispatchEvent(new Event("change"));
        for (let wait = 0; place()[0] === 0 && wait < 2400; wait++) await new Promise((done) => setTimeout(done, 25));
        if (place()[0] === 0) return { missing: true };
    }
    const parts = place()[0];
    press("Home");
    const text = (part) => (part && !part.classList.contains("none") ? part.textContent.trim() : "");
    // What a record says stands there in the language of the page.
    const words = Object.entries(JSON.parse(document.querySelector("script.words")?.textContent ?? "{}"));
    const recorded = new Map(words.map(([english, word]) => [word, english]));
    const english = (text) => recorded.get(text) ?? text;
    const longest = [...recorded].sort(([one], [other]) => other.length - one.length);
    const lineInEnglish = (line) => longest.reduce((all, [word, english]) => all.replaceAll(word, english), line);
    const left = new Set();
    const look = () => {
        if (words.length) {
            for (const { textContent } of section.querySelectorAll(".pl-said code")) {
                if (/: .*\b(empty|unbound|unconnected|connected|queue|descriptor)( →|,| \d|$)/.test(textContent) && !textContent.includes("(")) left.add(textContent);
            }
            for (const part of section.querySelectorAll(".pl-state, .pl-flags, .pl-queue .pl-what, .pl-count, .pl-box .pl-note, .pl-fate")) {
                if (/^[a-z]/.test(text(part))) left.add(text(part));
            }
        }
        const line = section.querySelector(".pl-line.now");
        const packet = section.querySelector(".pl-packet.now");
        return {
            now: place()[0],
            line: line && {
                number: Number(line.querySelector(".pl-number").textContent), text: line.querySelector(".pl-text").textContent,
                going: line.classList.contains("going"), added: line.classList.contains("added"),
                file: (section.querySelector(".pl-code .pl-head [aria-pressed=true]") ?? section.querySelector(".pl-code .pl-head div")).textContent,
            },
            printed: [...section.querySelectorAll(".pl-output .pl-scroll > div")].map((one) => one.textContent),
            said: [...section.querySelectorAll(".pl-said code")].map((one) => lineInEnglish(one.textContent)),
            what: section.querySelector(".pl-words .pl-kind").textContent,
            heads: [...section.querySelectorAll(".pl-side")].map(text).join(" "),
            isOld: [...section.querySelectorAll(".pl-words .pl-remark")].some((one) => /as they were|之前/.test(one.textContent)),
            packet: packet && {
                kind: english(text(packet.querySelector(".pl-flags"))), fate: text(packet.querySelector(".pl-fate")), data: [...packet.querySelectorAll(".pl-data")].map(text).join(" "),
                to: /to-(left|right)/.exec(packet.className)?.[1],
            },
            boxes: [...section.querySelectorAll(".pl-box:not([hidden])")].map((box) => ({
                name: text(box.querySelector(".pl-name b")), side: box.classList.contains("left") ? "left" : "right",
                ends: [...box.querySelectorAll(".pl-ends")].map(text).filter(Boolean).join(" ").replace(" 到 ", " to ").replace(/^在 /, "at "),
                state: english(text(box.querySelector(".pl-state"))),
                queues: Object.fromEntries([...box.querySelectorAll(".pl-queue:not(.none)")].map((queue) => [
                    english(text(queue.querySelector(".pl-what"))),
                    english(text(queue.querySelector(".pl-count")).split("→").pop().trim()),
                ])),
            })),
        };
    };
    const [seen, total] = [[look()], place()[1]];
    for (let step = 1; step <= total; step++) {
        // (It stops before a question, and goes on.)
        for (let again = 0; place()[0] < step && again < 9; again++) press("ArrowRight");
        seen.push(look());
        if (step !== Math.floor(total / 2)) continue;
        // On a screen with room, a player is wider than the column of text.
        const parts = document.querySelectorAll(innerWidth < 600 ? "body, .page, #mdbook-content, main" : "body, .page");
        wide = Math.max(document.documentElement.scrollWidth - innerWidth, ...Array.from(parts, (part) => part.scrollWidth - part.clientWidth));
    }
    press("ArrowRight");
    const last = place()[0];
    press("Home");
    const early = [...section.querySelectorAll(".pl-box")].filter((box) => box.checkVisibility()).length;
    return { seen, total, parts, last, wide, early, left: [...left] };
}

/** All parts of a page that come when they are near the screen. */
async function build(page) {
    for (const id of await page.$$eval("section.player", (all) => all.map(({ id }) => id))) {
        await page.evaluate((id) => {
            const section = document.getElementById(id);
            for (let fold = section.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
            section.scrollIntoView();
        }, id);
        await page.locator(`#${id} .pl-place, #${id} .pl-failed`).first().waitFor({ state: "attached" });
    }
}

const listed = (sockets) => sockets.map(({ ends, state, queues }) =>
    [`${ends} ${state}`, ...Object.entries(queues).map((queue) => queue.join(" ")).sort()].join(", ")).sort();
const without = (all, others) => all.filter((one) => !others.includes(one)).join("; ") || "nothing";
const withoutComment = (line) => line.replace(/(^|\s)\/\/.*$/, "").trim();

/** What a walk has shown that the record does not say, as sentences. */
function differences(record, walked, sources) {
    const wrong = [];
    const must = (truth, what) => truth || wrong.push(what);
    const { steps, printed } = record;
    must(walked.total === steps.length, `has ${walked.total} steps, and the record ${steps.length}`);
    must(walked.last === walked.total, "goes on behind its last step");
    must(!walked.left.length, `says in English: ${walked.left.join(", ")}`);
    must(walked.early === 0, `shows ${walked.early} sockets when it is back at the start`);
    const sides = {};
    // (A sender and a receiver are not called client and server.)
    const roles = !printed.some((line) => /^(sender|receiver) /.test(line));
    for (const seen of walked.seen.slice(1)) {
        const step = steps[seen.now - 1];
        const say = (truth, what) => must(truth, `step ${seen.now}: ${what}`);
        if (!step) continue;
        // The line of code.
        const { line } = seen;
        if (step.at) {
            say(line && !line.going && line.number === step.at.line, `marks line ${line?.number}, and it was ${step.at.line}`);
            say(!line || line.file.endsWith(step.at.file), `marks a line of ${line?.file}, and it was in ${step.at.file}`);
        } else if (line) {
            say(line.going && line.number === step.going?.line, `marks line ${line.number}, and the record has none`);
        }
        if (line && sources[line.file]) {
            const wanted = withoutComment(sources[line.file][line.number - 1] ?? "");
            say(withoutComment(line.text) === wanted, `shows '${line.text}' as line ${line.number}, which is '${wanted}'`);
        }
        // The output, and the words.
        const lines = printed.slice(0, step.lines);
        say(seen.printed.join("\n") === lines.join("\n"), `shows ${seen.printed.length} lines of output, and there were ${lines.length}`);
        const said = seen.said.map((text) => text.replaceAll(" → ", " -> "));
        // (Of several programs, the one that acts is named elsewhere.)
        const same = said.length === step.text.length && step.text.every((text, at) =>
            text === said[at] || text.replace(/^(\(?)[\w .[\]-]+: /, "$1") === said[at]);
        say(same || (!said.length && step.text[0] === "(the kernel, by itself)"), `says '${said}', and the record '${step.text}'`);
        // In English: what kind of thing it is, and who did it.
        const call = /^(?:[\w .[\]-]+: )?(\w+)/.exec(step.text[0])?.[1];
        const who = /^(client|server) /.exec(step.text[0])?.[1];
        const isOpen = step.kind === "call" && step.text[0].endsWith(" ...");
        // (What was refused is said to be.)
        const error = / = (E[A-Z]+)$/.exec(step.text[0])?.[1];
        const failed = !error || step.kind === "packet" ? "" : ` [A-Z].*: ${error}\\.`;
        const kinds = {
            call: `calls ${call}\\.${isOpen ? " The call has not returned yet\\." : ""}${failed}$`, result: `^${call} returns\\.${failed}$`,
            packet: !roles ? "^A packet[.:]" : step.packet?.to && seen.packet?.to ? `from the ${seen.packet.to === "left" ? "server" : "client"}'s kernel` : "packet",
            "": !step.isLine ? "" : who && /^The (client|server) /.test(seen.what) ? `^The ${who} prints:$` : "prints:$",
        };
        const pattern = step.isLook ? "^Seen" : kinds[step.kind] ?? "";
        say(roles || !/client|server|客户端|服务端/.test(seen.what + seen.heads), `says '${seen.what}', and nobody there is a client or a server`);
        say(!/^[ -~]*$/.test(seen.what) || /^\(/.test(step.text[0]) || new RegExp(pattern).test(seen.what), `says '${seen.what}' of '${step.text[0]}'`);
        const isSeenNext = step.kind === "call" && !step.text[0].startsWith("(") && steps[seen.now]?.isLook;
        say(seen.isOld || !(isOpen || isSeenNext), "does not say that the boxes show what was there before the call");
        // The packet.
        say(!seen.packet === !step.packet, `${seen.packet ? "shows a packet that is not there" : "shows no packet"}`);
        if (seen.packet && step.packet) {
            const { from, to, kind, data } = step.packet;
            say(seen.packet.kind === kind.replace(/, (again|lost|late|twice|says).*$/, ""), `shows the packet ${seen.packet.kind}, and it was ${kind}`);
            const bytes = /^(\d+) bytes?/.exec(data)?.[1];
            say(!bytes || new RegExp(`(^|\\s)${bytes}\\s`).test(seen.packet.data), `shows '${seen.packet.data}', and it was '${data}'`);
            say(/, (again|lost|late|twice|says)/.test(kind) === (seen.packet.fate !== ""), `says '${seen.packet.fate}' of the packet ${kind}`);
            // An arrow leads to its receiver's box, if that is there.
            const there = seen.boxes.filter(({ ends }) => ends.replace(/^at /, "").split(" to ")[0].endsWith(to));
            say(!seen.packet.to || !there.length || there.some(({ side }) => side === seen.packet.to),
                `the packet to ${to} goes to the ${seen.packet.to}, and nobody is there`);
            // (A relay is on both sides.)
            if (seen.packet.to && !/datagram|ICMP/.test(kind)) {
                const receiver = (sides[to] ??= seen.packet.to);
                const sender = (sides[from] ??= seen.packet.to === "left" ? "right" : "left");
                say(receiver === seen.packet.to && sender !== receiver, `the packet from ${from} to ${to} goes to the ${seen.packet.to}`);
            }
        }
        // States and queues.
        const live = seen.boxes.filter(({ state }) => state && !GONE.has(state));
        const wanted = step.sockets.filter(({ state }) => state && !GONE.has(state));
        const [there, were] = [listed(live), listed(wanted)];
        say(there.join() === were.join(), `shows ${without(there, were)}, and it was ${without(were, there)}`);
        for (const box of seen.boxes.filter(({ state }) => GONE.has(state))) {
            say(step.sockets.some((one) => one.ends === box.ends && one.state === box.state), `shows ${box.ends} as ${box.state}`);
        }
    }
    return wrong;
}

// ---- The tests. `book` is what browser.mjs gives them: the pages, and a way to open them.

const PHONE = { width: 375, height: 667 };
const DESK = { width: 1280, height: 800 };
const PROJECTOR = { width: 1920, height: 1080 };
export const counts = { players: 0, steps: 0, whatIfs: 0, guesses: 0 };

/** Of each page of an edition that has some: its players, and the recorded changes of each. */
async function pagesWithPlayers(html, edition) {
    const found = [];
    for (const file of await readdir(join(html, edition))) {
        if (!file.endsWith(".html") || file === "print.html") continue;
        const text = await readFile(join(html, edition, file), "utf8");
        const players = [...text.matchAll(/<section class="player"[^>]* data-name="([^"]+)"/g)].map(([, name]) => ({
            name,
            whatIfs: [...text.matchAll(/class="what-if" data-player="([^"]+)" data-record="player\/([^"]+)\.js"/g)]
                .filter(([, player]) => player === name).map(([, , record]) => record),
        }));
        if (players.length) found.push({ page: `${edition}${file}`, players });
    }
    return found;
}

/** Every step of every player, and of the recorded changes; on a phone, where all must fit. */
async function everyStep({ open, base, mistake, html }, edition) {
    const page = await open({ viewport: edition ? DESK : PHONE });
    for (const { page: name, players } of await pagesWithPlayers(html, edition)) {
        await page.goto(base + name);
        await build(page);
        for (const { name: player, whatIfs } of players) {
            for (const record of [player, ...(edition ? [] : whatIfs)]) {
                const where = `${name}, ${record}`;
                if (!(await page.$(`#player-${player} .pl`))) {
                    mistake(where, "there is no player");
                    continue;
                }
                const walked = await page.evaluate(walk, [player, record === player ? "" : record]);
                if (walked.missing) {
                    mistake(where, "the player does not offer it");
                    continue;
                }
                const sources = {};
                if (record === player) {
                    for (const file of new Set(walked.seen.map(({ line }) => line?.file).filter(Boolean))) {
                        sources[file] = (await readFile(join(EXAMPLES, file), "utf8").catch(() => "")).split("\n");
                    }
                }
                const steps = read(await recorded(record));
                const wrong = differences(steps, walked, sources);
                if (record !== player) {
                    const own = read(await recorded(player)).steps;
                    const parts = steps.steps.findIndex(({ text }, at) => text.join() !== own[at]?.text.join()) + 1;
                    if (walked.parts !== (parts || walked.total)) wrong.push(`the runs part at step ${parts}, and it begins at ${walked.parts}`);
                }
                for (const one of wrong.slice(0, 3)) mistake(where, `${one} (the first of ${wrong.length})`);
                counts.steps += walked.total;
                record === player ? counts.players++ : counts.whatIfs++;
                if (walked.wide > 0) mistake(where, `${walked.wide} pixels too wide in the middle of its run`);
            }
        }
    }
}

/** What the tests below use: a page with two players, the first of which has a choice and a number, if there is one. */
async function example({ html }) {
    const pages = await pagesWithPlayers(html, "");
    const all = [];
    for (const { page, players } of pages) {
        const text = await readFile(join(html, page), "utf8");
        const asked = [...text.matchAll(/class="guesses">(\[.*\])<\/script>/g)].flatMap(([, json]) => JSON.parse(json));
        counts.guesses += asked.length;
        const of = (kind) => asked.find((one) => one.player && one.step > 1 && one.kind === kind);
        all.push({ page, players: players.map(({ name }) => name), asked, choice: of("choice"), number: of("number") });
    }
    return {
        choice: all.find(({ choice, players }) => choice && players.length > 1),
        number: all.find(({ number }) => number),
    };
}

const placeOf = (page, player) => page.$eval(`#player-${player} .pl-place`, (place) => Number(/\d+/.exec(place.textContent)[0]));
const item = (page, id) => page.evaluateHandle((id) => {
    for (const list of document.querySelectorAll("div.guesses")) {
        const at = list.dataset.ids.split(" ").indexOf(id);
        if (at >= 0) return list.querySelector("ol").children[at];
    }
    return null;
}, id);

/** Guesses: in the list and in the player, by click and by key, right and wrong; remembered, and forgotten. */
async function guessing(book) {
    const { open, base, must } = book;
    const { choice: one, number } = await example(book);
    if (!one) return must(false, "a page with two players has a question with choices");
    const page = await open({ viewport: DESK });
    await page.goto(base + one.page);
    const { choice } = one;
    const wrong = Number(Object.keys(choice.wrong)[0]);
    const plain = (html) => page.evaluate((html) => {
        const part = document.createElement("div");
        part.innerHTML = html;
        return part.textContent;
    }, html);
    let li = (await item(page, choice.id)).asElement();
    const verdict = async (part = li) => (await (await part.$(".pl-verdict"))?.textContent()) ?? "";
    const buttons = await li.$$(".pl-choice");
    must(buttons.length === choice.choices.length, "each choice is a button");
    const list = await li.$(":scope > ul");
    must(!(await list.isVisible()), "the choices are not there twice");
    await page.emulateMedia({ media: "print" });
    must((await list.isVisible()) && !(await buttons[0].isVisible()), "on paper they are a list");
    await page.emulateMedia({ media: "screen" });
    await buttons[wrong].click();
    must((await verdict()).includes(await plain(choice.wrong[wrong])), "a wrong guess gets its sentence");
    must((await li.$(".pl-verdict.wrong")) !== null, "and is called wrong");
    // By key.
    await (await li.$$(".pl-choice"))[choice.right].focus();
    await page.keyboard.press("Enter");
    must((await li.$(".pl-verdict.right")) !== null, "Enter on the right one answers, and it is called right");
    must((await verdict()).includes((await plain(choice.why)).slice(0, 20)), "a right guess gets the explanation");
    // It leads to the step.
    await (await li.$(".pl-answer .pl-to")).click();
    await page.locator(`#player-${choice.player} .pl-place`).waitFor();
    await page.waitForFunction(([id, step]) => document.querySelector(`#player-${id} .pl-place`).textContent.includes(` ${step} `),
        [choice.player, choice.step]);
    // Remembered.
    await page.reload();
    li = (await item(page, choice.id)).asElement();
    must((await li.$(".pl-verdict.right")) !== null, "after a reload the guess is still there");
    await page.goto(`${base}index.html`);
    const forget = page.locator("main button").filter({ hasText: /[Ff]orget/ });
    await forget.click();
    await page.goto(base + one.page);
    li = (await item(page, choice.id)).asElement();
    must((await verdict()) === "", "what was forgotten is gone");
    must((await page.evaluate(() => Object.keys(localStorage).filter((key) => /guess|player|steps/.test(key) &&
        /"[\w-]+\/[\w-]+\/\d"/.test(localStorage[key])))).length === 0, "and the browser has it no more");

    // In the player: it stops before the step, asks, and opens the step.
    await build(page);
    const { player, step } = choice;
    const ui = `#player-${player} .pl`;
    const before = one.asked.filter((other) => other.player === player && other.step < step).length;
    await page.focus(ui);
    await page.keyboard.press("Home");
    for (let at = 0; at < before; at++) {
        await page.keyboard.press("End");
        await page.locator(`${ui} .pl-skip`).click();
        await page.focus(ui);
    }
    await page.keyboard.press("End");
    must((await placeOf(page, player)) === step - 1, `it stops before step ${step}: at ${await placeOf(page, player)}`);
    const asked = (await page.locator(`${ui} .pl-ask`).textContent()).trim();
    must(asked === (await plain(choice.question)).trim(), `it asks '${asked}'`);
    await page.locator(`${ui} .pl-question .pl-choice`).nth(wrong).click();
    must((await placeOf(page, player)) === step, "a guess opens the step that decides it");
    must((await page.locator(`${ui} .pl-question`).textContent()).includes(await plain(choice.wrong[wrong])), "with its sentence");
    must((await li.$(".pl-verdict.wrong")) !== null, "the list shows the guess that was given in the player");
    // It is no trap.
    await page.goto(base + one.page);
    await page.evaluate(() => localStorage.clear());
    await page.reload();
    await build(page);
    await page.focus(ui);
    let presses = 0;
    const total = await page.$eval(`${ui} .pl-place`, (place) => Number(place.textContent.match(/\d+/g)[1]));
    while ((await placeOf(page, player)) < total && presses < 2 * total) {
        await page.keyboard.press("ArrowRight");
        presses++;
    }
    must((await placeOf(page, player)) === total, "with the arrow key alone, one comes to the end");
    must(presses > total, "and is stopped on the way");
    must(page.url().startsWith(base + one.page), "and the arrow keys do not turn the page");

    // Two players do not disturb each other.
    const other = one.players.find((name) => name !== player);
    must((await placeOf(page, other)) === 0, "the other player of the page has stayed where it was");

    // A number.
    if (!number) return must(false, "some page asks for a number");
    await page.goto(base + number.page);
    await page.evaluate(() => localStorage.clear());
    await page.reload();
    li = (await item(page, number.number.id)).asElement();
    const field = await li.$("input");
    await field.fill(Object.keys(number.number.wrong)[0]);
    await field.press("Enter");
    must((await verdict()).includes(await plain(Object.values(number.number.wrong)[0])), "a wrong number gets its sentence");
    await field.fill(String(number.number.value));
    await (await li.$("button:has-text('Guess')")).click();
    must((await li.$(".pl-verdict.right")) !== null, "a right number is called right");
    await field.fill("987654");
    await field.press("Enter");
    must((await li.$(".pl-verdict.wrong")) !== null, "any other number is called wrong");
    return null;
}

/** What moves a player, what it says to those who hear it, and what the page explains beside a step. */
async function controls({ open, base, must, html }) {
    const page = await open({ viewport: DESK });
    const [{ page: name, players: [{ name: player }] }] = (await pagesWithPlayers(html, "")).filter(({ page }) => /^04/.test(page));
    await page.goto(base + name);
    await build(page);
    const ui = `#player-${player} .pl`;
    const place = () => placeOf(page, player);
    const { steps } = read(await recorded(player));
    const heard = (words) => page.waitForFunction(([ui, words]) => document.querySelector(`${ui} > [aria-live]`).textContent.includes(words),
        [ui, words], { timeout: 5000 }).catch(() => must(false, `those who hear it are told '${words}'`));
    await page.click(`${ui} .pl-step`);
    must((await place()) === 1, "Step goes one step on");
    await heard(steps[0].text[0]);
    await heard(`Line ${steps[0].at.line}: `);
    await page.click(`${ui} .pl-line`);
    must((await place()) === steps.findIndex(({ isLine }) => isLine) + 1, "the next output is the next step that prints");
    await page.click(`${ui} .pl-back`);
    must(!steps[(await place()) - 1].isLine && steps[await place()].isLine, "Back goes one step back");
    await page.locator(`${ui} input[type=range]`).fill("3");
    must((await place()) === 3, "the slider goes to its step");
    await page.click(`${ui} .pl-play`);
    await page.waitForFunction((ui) => / [5-9] /.test(document.querySelector(`${ui} .pl-place`).textContent), ui)
        .catch(() => must(false, "it plays by itself"));
    await page.click(`${ui} .pl-play`);
    const stopped = await place();
    await page.waitForTimeout(1500);
    must((await place()) === stopped, "and stops when it is told to");
    // A question: one Tab away, and the keys go on afterwards.
    await page.focus(ui);
    await page.keyboard.press("End");
    await heard("A question");
    await page.keyboard.press("Tab");
    must(await page.evaluate(() => document.activeElement.matches(".pl-question .pl-choice, .pl-question input")), "one Tab leads to its choices");
    await page.keyboard.press("Enter");
    must(await page.evaluate((ui) => document.querySelector(ui).contains(document.activeElement), ui), "after the answer the keys are still the player's");
    const step = await place();
    const why = page.locator(`${ui} .pl-why`);
    const explained = await page.$eval(`span.answer[data-player="${player}"][data-step="${step}"]`, (span) => span.closest("li").textContent);
    const words = explained.trim().replace(/^step \d+\s*/, "").replace(/\s+/g, " ").slice(0, 40);
    must(words.length === 40 && (await why.textContent()).replace(/\s+/g, " ").includes(words),
        `beside step ${step} stands '${words}': '${await why.textContent()}'`);
    await page.waitForTimeout(600);
    await page.goto(`${base}index.html`);
    must((await page.locator("main .pl-on a").getAttribute("href"))?.endsWith(`${name}#${player}-step-${step}`), "the first page leads to where one was");
    must((await page.locator(`nav a[href$="${name}"] .pl-begun`).count()) === 1, "the page is marked as begun");
}

/** The address of a step; what is there without scripts, on paper, and if a record cannot be loaded. */
async function elsewhere(book) {
    const { open, base, must, html, browser } = book;
    const [{ page: name, players: [{ name: player }] }] = await pagesWithPlayers(html, "");
    const page = await open({ viewport: DESK });
    const stands = (player, step) => page.waitForFunction(([id, step]) =>
        document.querySelector(`#player-${id} .pl-place`)?.textContent.match(/\d+/)[0] === String(step), [player, step])
        .catch(() => must(false, `the address of step ${step} of ${player} opens it`));
    await page.goto(`${base}${name}#step-3`);
    await stands(player, 3);
    const two = (await pagesWithPlayers(html, "")).find(({ players }) => players.length > 1);
    if (two) {
        const second = two.players[1].name;
        await page.goto(`${base}${two.page}#${second}-step-7`);
        await stands(second, 7);
        await page.evaluate((hash) => (location.hash = hash), `#${second}-step-9`);
        await stands(second, 9);
        await page.goto(`${base}zh/${two.page}#${second}-step-5`);
        await stands(second, 5);
    }
    await page.goto(`${base}${name}#step-100000`);
    await page.locator(".pl-place").first().waitFor();

    const folds = (page) => page.$eval("section.player", (section) => ["output", "kernel", "file"].map((kind) =>
        section.querySelector(`details.${kind} > summary`)?.checkVisibility() ?? null));
    must((await folds(page)).join() === "false,false,true", `on the screen the player is in the place of the folds: ${await folds(page)}`);
    await page.emulateMedia({ media: "print" });
    const [output, kernel] = await folds(page);
    must(output && kernel, "in print the folds are there");
    must(!(await page.locator(".pl").first().isVisible()), "in print the player is not");
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    must(await page.locator("details.kernel svg").first().isVisible(), "and the picture is open");
    must(await page.locator("details.output pre").first().isVisible(), "and the output, too");
    await page.emulateMedia({ media: "screen" });

    const plain = await open({ viewport: PHONE, javaScriptEnabled: false });
    await plain.goto(base + name);
    for (const kind of ["file", "output", "kernel"]) {
        must(await plain.locator(`details.${kind} > summary`).first().isVisible(), `without scripts the fold '${kind}' is there`);
    }
    await plain.locator("details.kernel > summary").first().click();
    must(await plain.locator("details.kernel svg").first().isVisible(), "without scripts the picture opens");
    must((await plain.locator("div.guesses > ol > li").count()) > 0 || !/class="guesses"/.test(await plain.content()), "and the questions are a list");

    // (A record that is not there is an error in the console.)
    const lost = await (await browser.newContext({ viewport: DESK })).newPage();
    await lost.route("**/player/*.js", (route) => route.abort());
    await lost.goto(base + name);
    await lost.locator("section.player").first().scrollIntoViewIfNeeded();
    await lost.locator(".pl-failed").first().waitFor().catch(() => must(false, "it says that its record could not be loaded"));
    must((await folds(lost)).every(Boolean), "and the folds are there");
}

/** Opens the players of a page in the middle of their runs, for what looks at the page then. */
export async function inTheMiddle(page, part = 0.5) {
    await build(page);
    await page.evaluate((part) => {
        for (const ui of document.querySelectorAll(".pl")) {
            const total = Number(ui.querySelector(".pl-place").textContent.match(/\d+/g)[1]);
            for (let step = 0; step < total * part; step++) {
                ui.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
            }
        }
    }, part);
}

/** Full screen: for a class. */
async function fullScreen({ open, base, must, html }) {
    const [{ page: name }] = await pagesWithPlayers(html, "");
    const page = await open({ viewport: PROJECTOR });
    await page.goto(base + name);
    await inTheMiddle(page, 0.3);
    await page.focus(".pl");
    await page.keyboard.press("f");
    await page.waitForFunction(() => document.querySelector(".pl.full")?.clientWidth >= innerWidth)
        .catch(() => must(false, "the key f fills the screen"));
    const text = await page.$eval(".pl.full .pl-text", (part) => parseFloat(getComputedStyle(part).fontSize));
    must(text >= 18, `on a projector its code is large: ${text} pixels`);
    const before = await page.textContent(".pl.full .pl-place");
    await page.keyboard.press("ArrowLeft");
    must((await page.textContent(".pl.full .pl-place")) !== before, "its keys work there");
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => !document.querySelector(".pl.full")).catch(() => must(false, "Escape ends it"));
}

/** All of them, each of which may fail by itself. */
export function players(book) {
    const parts = [
        (all) => everyStep(all, ""), (all) => everyStep(all, "zh/"), guessing, controls, elsewhere, fullScreen,
    ];
    return parts.map((part) => part(book).catch((error) => book.mistake(`players, ${part.name}`, error.message.split("\n")[0])));
}
