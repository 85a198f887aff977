"use strict";

// The player: a recorded run, step by step. All that it shows comes from the record (player/NAME.js),
// which `cargo trace` made; where the record is silent, it is silent. The questions are in guesses.js.
//
// (A block of its own, not indented: other scripts have a `say`, too.)
{
const chinese = document.documentElement.lang.startsWith("zh");
const say = (en, zh) => (chinese ? zh : en);
/** What a record says, in the language of the page. */
const words = JSON.parse(document.querySelector("script.words")?.textContent ?? "{}");
const said = (text) => words[text] ?? text; // (With String.replace, too.)

const is = (value) => value !== null && value !== false && value !== undefined;
/** An element: attributes (functions are listeners) and children; null and false are left out. */
const make = (tag, attributes, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (is(value)) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter(is));
  return made;
};
const [div, span, p] = ["div", "span", "p"].map((tag) => (name, ...inside) => make(tag, { class: `pl-${name}` }, ...inside));
const all = (selector) => [...document.querySelectorAll(selector)];
const press = (name, click, ...inside) => make("button", { class: name, click }, ...inside);
const ICONS = {
  back: "M11 2 4 8l7 6z",
  step: "M5 2l7 6-7 6z",
  line: "M2 2l6 6-6 6zM8 2l6 6-6 6z",
  play: "M4 2l10 6-10 6z",
  pause: "M3 2h4v12H3zM9 2h4v12H9z",
  full: "M1 1h5v2H3v3H1zM10 1h5v5h-2V3h-3zM1 10h2v3h3v2H1zM13 10h2v5h-5v-2h3z",
};
const html = (text) => document.createRange().createContextualFragment(text);
const icon = (what) => html(`<svg viewBox="0 0 16 16" aria-hidden="true"><path d="${ICONS[what]}"/></svg>`);

// ---- The records ----

const records = new Map();
const waiting = new Map();
// What the records call, and what guesses.js gives and takes.
const socketSteps = window.socketSteps = {
  say, make, press, html,
  players: [],
  guesses: [], // what the page asks
  remember: () => {},
  record(name, data) {
    records.set(name, data);
    waiting.get(name)?.();
  },
};
const { players } = socketSteps;
/** The record of this name, from a script file, so that it works from disk as well. */
const load = (name, file) =>
  new Promise((resolve, reject) => {
    if (records.has(name)) return resolve(records.get(name));
    if (!file) return reject(new Error(name));
    waiting.set(name, () => resolve(records.get(name)));
    const script = make("script", { src: file, error: () => reject(new Error(name)) });
    script.addEventListener("load", () => records.has(name) || reject(new Error(name)));
    document.head.append(script);
  });

const EVERY = 64;
/** What is known of a run's steps: made once. */
class Run {
  constructor(data) {
    Object.assign(this, { programs: [], files: [], both: false }, data);
    this.total = this.steps.length;
    // (Sender and receiver are no client and server.)
    this.roles = this.both && !this.steps.some(({ kind, text }) => kind === "line" && /^(sender|receiver)\b/.test(text[0]));
    this.snapshots = [new Map()];
    this.lines = []; // the numbers of the steps that print
    this.count = [0]; // how many have, at each step
    this.at = [null]; // the line of code at each step
    this.head = [0]; // the step that began what happens at each: a call, or the kernel by itself
    this.stale = [false]; // the boxes show what was seen before the call
    this.boxes = new Map(); // of each box: what it ever shows, and its row
    this.most = {};
    let [now, head, at] = [new Map(), 0, null];
    this.steps.forEach((step, index) => {
      const n = index + 1;
      if (step.kind === "call" || step.kind === "note") head = n;
      // (A call whose line is not known is not that of the call before, and its result neither.)
      if (["call", "result", "line", "note"].includes(step.kind)) at = null;
      if (step.at) at = step.at;
      if (step.kind === "line") this.lines.push(n);
      for (const box of step.sockets ?? []) {
        now.set(box.id, box);
        this.meet(box);
      }
      this.at.push(at);
      this.count.push(this.lines.length);
      this.head.push(head);
      this.stale.push(false);
      if (n % EVERY === 0) this.snapshots.push(new Map(now));
    });
    // From a call until the tables were read after it; or until it returns, if nothing had
    // changed there.
    for (let n = 1; n <= this.total; n++) {
      const first = this.steps[n - 1];
      if (first.kind !== "call" && !/by itself/.test(first.kind === "note" ? first.text[0] : "")) continue;
      let [end, returned] = [n, 0];
      while (end < this.total && !["call", "note", "look", "line"].includes(this.steps[end].kind)) {
        end++;
        if (this.steps[end - 1].kind === "result") returned = end;
      }
      const seen = this.steps[end]?.kind === "look";
      const until = seen ? end : returned ? returned - 1 : first.kind === "call" && !first.open ? 0 : end;
      for (let k = n; k <= until; k++) this.stale[k] = true;
    }
    this.place();
  }

  meet(box) {
    const known = this.boxes.get(box.id) ??
      { id: box.id, side: null, queues: new Set(), waits: 1, far: false, note: false, names: new Set(), pairs: new Set() };
    this.boxes.set(box.id, known);
    known.side ??= box.side ?? null;
    for (const [name, value] of Object.entries(box.queues ?? {})) {
      known.queues.add(name);
      this.most[name] = Math.max(this.most[name] ?? 1, Number(value) || 0);
    }
    known.waits = Math.max(known.waits, box.queued?.length ?? 0);
    known.note ||= !!(box.note || box.closed || box.gone);
    const [near, far] = (box.ends ?? "").replace(/^at /, "").split(" to ");
    if (near) known.names.add(near);
    if (far) known.pairs.add(`${near} ${far}`);
    known.far ||= !!far;
  }

  /** Both ends of a conversation stand in one row, and stay there. */
  place() {
    const all = [...this.boxes.values()];
    const column = (box) => (this.both && box.side !== "left" ? "right" : "left");
    const join = (one, other) => {
      if (one === other || one.partner || other.partner || column(one) === column(other)) return;
      one.partner = other;
      other.partner = one;
    };
    const ends = new Map();
    for (const box of all) {
      for (const pair of box.pairs) {
        const mirrored = pair.split(" ").reverse().join(" ");
        for (const other of ends.get(mirrored) ?? []) join(box, other);
        ends.set(pair, [...(ends.get(pair) ?? []), box]);
      }
    }
    const named = new Map();
    for (const box of all) for (const name of box.names) if (!named.has(name)) named.set(name, box);
    for (const { packet } of this.steps) {
      const [from, to] = [named.get(packet?.from), named.get(packet?.to)];
      if (from && to && !from.pairs.size && !to.pairs.size) join(from, to);
    }
    const free = { left: 1, right: 1 };
    for (const box of all) {
      box.column = column(box);
      if (box.row) continue;
      box.row = box.partner ? Math.max(free.left, free.right) : free[box.column];
      free[box.column] = box.row + 1;
      if (!box.partner) continue;
      box.partner.row = box.row;
      free.left = free.right = box.row + 1;
    }
  }

  /** A packet's row: that of its two ends. */
  row({ packet, hit }) {
    const about = (hit ?? []).map((id) => this.boxes.get(id));
    const all = [...about, ...this.boxes.values()].filter(Boolean);
    const pair = (box) => box.pairs.has(`${packet.from} ${packet.to}`) || box.pairs.has(`${packet.to} ${packet.from}`);
    const name = (box) => box.names.has(packet.from) || box.names.has(packet.to);
    return (all.find(pair) ?? all.find((box) => name(box) && box.partner) ?? all.find(name))?.row ?? 1;
  }

  /** From one side to the other. (A relay may be on the side of the one that it sends to.) */
  crosses({ packet, hit }) {
    const [from, to] = [packet.from, packet.to].map((end, at) => (hit?.length > 1 ? this.boxes.get(hit[at])
      : [...this.boxes.values()].find(({ names }) => names.has(end)))?.column);
    return this.both && packet.side && (!to || from !== to);
  }

  world(n) {
    const first = Math.floor(n / EVERY);
    const now = new Map(this.snapshots[first]);
    for (let k = first * EVERY; k < n; k++) {
      for (const box of this.steps[k].sockets ?? []) now.set(box.id, box);
    }
    return now;
  }
}

// ---- Code ----

/** The lines of a highlighted block, each with its spans. */
const split = (code) => {
  let path = [make("span")];
  const lines = [path[0]];
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      node.data.split("\n").forEach((part, at) => {
        if (at > 0) {
          path = [make("span"), ...path.slice(1).map((open) => open.cloneNode(false))];
          path.reduce((outer, inner) => (outer.append(inner), inner));
          lines.push(path[0]);
        }
        if (part) path[path.length - 1].append(part);
      });
    } else if (node.nodeType === Node.ELEMENT_NODE) {
      const copy = node.cloneNode(false);
      path[path.length - 1].append(copy);
      path.push(copy);
      node.childNodes.forEach(walk);
      path.pop();
    }
  };
  code.childNodes.forEach(walk);
  if (lines.length > 1 && !lines[lines.length - 1].textContent) lines.pop();
  return lines;
};
const folded = (name) => all("details.file").find(({ dataset }) => dataset.file === name);
const coloured = (name, text) => {
  const code = make("code", {}, text);
  const language = { rs: "rust", py: "python" }[name.split(".").pop()];
  try {
    if (language && window.hljs) code.innerHTML = window.hljs.highlight(language, text, true).value;
  } catch { /* Then without colours. */ }
  return code;
};
/** Which lines of `after` are new, and which of `before` are gone. Comments don't count. */
const compare = (before, after) => {
  const words = (line) => (line.trim().startsWith("//") ? "" : line.replace(/\s+\/\/ .*/, "").trim());
  const [a, b] = [before.map(words), after.map(words)];
  const length = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let k = b.length - 1; k >= 0; k--) {
      length[i][k] = a[i] === b[k] ? length[i + 1][k + 1] + 1 : Math.max(length[i + 1][k], length[i][k + 1]);
    }
  }
  const [added, removed] = [new Set(), []];
  for (let i = 0, k = 0; i < a.length || k < b.length;) {
    if (i < a.length && k < b.length && a[i] === b[k]) i++, k++;
    else if (k < b.length && (i >= a.length || length[i][k + 1] > length[i + 1][k])) b[k] && added.add(k), k++;
    else a[i] && removed.push({ before: k, text: before[i] }), i++;
  }
  return { added, removed };
};

// ---- The player itself ----

const still = matchMedia("(prefers-reduced-motion: reduce)");

class Player {
  constructor(section) {
    this.section = section;
    this.name = section.dataset.name;
    this.now = 0;
    this.passed = new Set(); // guesses that were skipped
    this.asked = null;
    this.whatIfs = all("span.what-if").filter(({ dataset }) => dataset.player === this.name)
      .map((span) => ({
        name: span.dataset.record.split("/").pop().replace(/\.js$/, ""),
        file: span.dataset.record, title: span.dataset.title, span,
      }));
    section.classList.add("scripted");
  }

  /** Builds it once its record is there. */
  ready() {
    this.building ??= load(this.name, this.section.dataset.record).then((data) => {
      this.base = this.run = new Run(data);
      if (!this.run.files.length) {
        this.run.files = (this.section.dataset.files ?? "").split(" ").filter(Boolean).map((name) => ({ name }));
      }
      for (const [name, other] of records) {
        if (other.of === this.name) this.whatIfs.push({ name, title: other.title });
      }
      this.base.parts = this.base.part;
      this.build();
      this.show(this.base.part ?? 0, true);
    }).catch((error) => {
      this.section.classList.remove("scripted");
      this.section.prepend(p("failed", say(
        "The recording could not be loaded. Below: what the program prints, and what the kernel did, as a picture.",
        "运行记录加载失败。下面是程序的输出，以及内核做了什么（图）。",
      )));
      if (!/^[\w.]+$/.test(error.message)) console.error(error);
    });
    return this.building;
  }

  build() {
    const button = (what, label, click, isShort) => make("button",
      { class: `pl-${what}`, "aria-label": label, title: label, click },
      icon(what), !isShort && span("label", label));
    this.backButton = button("back", say("Back", "上一步"), () => this.move(this.now - 1));
    this.stepButton = button("step", say("Step", "下一步"), () => this.move(this.now + 1));
    this.lineButton = button("line", say("Next output", "下一行输出"), () => this.line());
    this.playButton = button("play", say("Play", "播放"), () => this.play(), true);
    const full = button("full", say("Full screen", "全屏"), () => this.full(), true);
    this.slider = make("input", {
      type: "range", min: 0, value: 0, "aria-label": say("Step", "步"),
      input: () => this.move(Number(this.slider.value), true), change: () => (this.held = false),
    });
    this.marks = make("div", { class: "pl-marks", "aria-hidden": "true" });
    this.place = span("place");
    this.select = make("select", { "aria-label": say("Which run", "选择哪一次运行"), change: () => this.change(this.select.value) },
      make("option", { value: "" }, this.whatIfs.some(({ file }) => !file) ? this.base.title ?? this.name : say("as it is", "原样")),
      this.whatIfs.map(({ name, title, file }) => make("option", { value: name }, file ? say(`What if: ${title.replace(/\.$/, "")}`, `假如：${title.replace(/。$/, "")}`) : title)));
    const bar = div("bar",
      div("buttons", this.backButton, this.stepButton, this.lineButton, this.playButton),
      div("slider", this.slider, this.marks), this.place, full);

    this.tabs = make("div");
    const pane = (tag, label, ...inside) => make(tag, { class: "pl-scroll", tabindex: 0, role: "group", "aria-label": label }, inside);
    const head = (...inside) => div("head", inside);
    this.codePane = pane("div", say("The code", "代码"));
    const code = div("code",
      head(this.tabs, this.whatIfs.length ? this.select : null), this.codePane);
    this.grid = div("grid");
    this.kernelPane = pane("div", say("The kernel", "内核"), this.grid);
    const kernel = div("kernel", head(say("The kernel", "内核")), this.kernelPane);
    this.printed = pane("pre", say("The output so far", "目前的输出"));
    const output = div("output", head(say("Output", "输出")), this.printed);
    this.words = div("words");
    this.why = div("why");
    this.question = div("question");
    const below = div("below", this.question, this.words, this.why);
    this.live = make("div", { class: "pl-unseen", "aria-live": "polite" });
    this.ui = make("div", {
      class: "pl", role: "group", tabindex: -1, "aria-label": say(`${this.name}, step by step`, `${this.name}，一步一步`),
    }, div("in", bar, code, kernel, below, output), this.live);
    this.ui.addEventListener("keydown", (event) => this.key(event));
    // A click on what is no control gives it the keys.
    this.ui.addEventListener("mousedown", (event) => {
      if (!event.target.closest("button, input, select, a, [tabindex='0']")) this.ui.focus({ preventScroll: true });
    });
    document.addEventListener("fullscreenchange", () => {
      this.ui.classList.toggle("full", document.fullscreenElement === this.ui);
      this.settle();
    });
    this.section.prepend(this.ui);
    this.explain();
    this.open(this.base);
  }

  /** The page's explanations of single steps, and its questions. */
  explain() {
    // (A checkpoint asks afterwards.)
    this.guesses = socketSteps.guesses.filter(({ id, player, step }) =>
      player === this.name && step && !id.includes("/checkpoint/"))
      .sort((a, b) => a.step - b.step);
    this.notes = new Map();
    for (const span of all("span.at")) {
      if (span.dataset.player !== this.name) continue;
      const item = span.closest("li")?.cloneNode(true);
      for (const part of item?.querySelectorAll("span.at, span.answer, .pl-to") ?? []) part.remove();
      if (item) this.notes.set(Number(span.dataset.step), item.innerHTML);
    }
    for (const { step, why } of this.guesses) {
      if (why) this.notes.set(step, (this.notes.get(step) ?? "") + why);
    }
    this.noted = [...this.notes.keys()].sort((a, b) => a - b);
    for (const guess of this.guesses) guess.shown.add(() => this.ticks());
  }

  /** Shows this run from here on. */
  open(run) {
    this.run = run;
    this.slider.max = run.total;
    this.elements = new Map();
    this.views = new Map();
    this.codePane.dataset.file = "";
    this.codePane.replaceChildren(p("remark", say("The recording does not know the lines of code.", "运行记录里没有代码行。")));
    this.grid.replaceChildren();
    this.grid.classList.toggle("alone", !run.both);
    if (run.roles) {
      this.grid.append(div("side left", say("client", "客户端")), div("side right", say("server", "服务端")));
    }
    this.tabs.replaceChildren(...(run.files.length > 1
      ? run.files.map(({ name }, at) => press("", () => this.file(at), name))
      : [run.files[0]?.name ?? say("The code", "代码")]));
    this.printed.replaceChildren();
    this.ticks();
  }

  /** On the slider: questions, where runs part, the grader's marks. */
  ticks() {
    const tick = (step, kind) => make("span", { class: `pl-tick ${kind}`, style: `--at: ${step / this.run.total}` });
    const parts = [];
    if (this.run === this.base) {
      for (const guess of this.guesses) parts.push(tick(guess.step, guess.given === null ? "guess" : "guess given"));
    }
    if (this.run.parts) parts.push(tick(this.run.parts, "parts"));
    this.run.steps.forEach((step, at) => step.mark && parts.push(tick(at + 1, "parts")));
    this.marks.replaceChildren(...parts);
  }

  async change(name) {
    this.play(false);
    const chosen = this.whatIfs.find((one) => one.name === name);
    this.select.value = name;
    if (!chosen) {
      const to = this.base.part ?? Math.min(this.run.parts ? this.run.parts - 1 : this.now, this.base.total);
      this.open(this.base);
      return this.show(to);
    }
    try {
      chosen.run ??= new Run(await load(chosen.name, chosen.file));
    } catch {
      this.select.value = "";
      this.live.textContent = say("That recording could not be loaded.", "这份运行记录加载失败。");
      return;
    }
    if (this.select.value !== name) return; // (Another one was chosen meanwhile.)
    const { run } = chosen;
    run.isChange = !!chosen.file;
    const same = (at) => {
      const [one, other] = [this.base.steps[at], run.steps[at]];
      return one && other && one.kind === other.kind && one.text.join("\n") === other.text.join("\n") &&
        this.base.programs[one.program] === run.programs[other.program];
    };
    run.parts = 0;
    while (same(run.parts)) run.parts++;
    run.parts = run.part ?? Math.min(run.parts + 1, run.total);
    this.open(run);
    this.show(run.parts);
  }

  // ---- Moving ----

  /** Where the reader wants to go: not past a question that was not asked yet. */
  move(to, slides) {
    to = Math.max(0, Math.min(this.run.total, to));
    if (slides && this.held) return void (this.slider.value = this.now);
    if (to > this.now) {
      if (this.asked) this.passed.add(this.asked.id);
      const open = this.run === this.base && this.guesses.find((guess) =>
        guess.step <= to && (guess.step > this.now || guess === this.next) &&
        guess.given === null && !this.passed.has(guess.id));
      if (open) {
        this.held = slides;
        this.play(false);
        this.show(open.step > this.now ? open.step - 1 : this.now);
        return this.ask(open);
      }
    }
    this.show(to);
  }

  line() {
    const next = this.run.lines.find((n) => n > this.now);
    this.move(next ?? this.run.total);
  }

  play(on = !this.playing) {
    clearTimeout(this.playing);
    this.playing = 0;
    if (on) {
      const tick = (to) => {
        this.move(to);
        if (this.asked || this.now >= this.run.total) return this.play(false);
        this.playing = setTimeout(() => tick(this.now + 1), 1200);
      };
      this.playing = 1;
      tick(this.now >= this.run.total ? 0 : this.now + 1);
    }
    const label = this.playing ? say("Pause", "暂停") : say("Play", "播放");
    this.playButton.replaceChildren(icon(this.playing ? "pause" : "play"));
    this.playButton.ariaLabel = this.playButton.title = label;
  }

  key(event) {
    const { key, target } = event;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (key.startsWith("Arrow")) event.stopPropagation(); // mdBook would turn the page.
    if (target.matches("select, input") && key !== "Escape") return;
    const does = {
      ArrowRight: () => (event.shiftKey ? this.line() : this.move(this.now + 1)),
      ArrowLeft: () => this.move(this.now - 1),
      PageDown: () => this.line(),
      Home: () => this.move(0),
      End: () => this.move(this.run.total),
      " ": () => this.play(),
      f: () => this.full(),
      Escape: this.ui.classList.contains("full") ? () => this.full(false) : null,
    }[key === "F" ? "f" : key];
    if (!does || (key === " " && target.matches("button, a, summary"))) return;
    event.preventDefault();
    event.stopPropagation();
    if (this.playing && key !== " " && key.toLowerCase() !== "f") this.play(false);
    does();
  }

  full(on = !this.ui.classList.contains("full")) {
    const fill = () => {
      this.ui.classList.toggle("full", on);
      document.documentElement.classList.toggle("pl-filled", on);
      this.settle();
    };
    if (on && this.ui.requestFullscreen) this.ui.requestFullscreen().catch(fill);
    else if (!on && document.fullscreenElement) document.exitFullscreen();
    else fill();
    this.ui.focus({ preventScroll: true });
  }

  /** The program's lines, the boxes and the words after step `to`. */
  show(to, quiet) {
    const { run } = this;
    const forward = to === this.now + 1;
    this.now = to;
    this.asked = this.next = null;
    if (this.question.contains(document.activeElement)) this.ui.focus({ preventScroll: true });
    this.question.replaceChildren();
    const step = to ? run.steps[to - 1] : null;
    this.slider.value = to;
    const place = say(`step ${to} of ${run.total}`, `第 ${to} / ${run.total} 步`);
    this.slider.setAttribute("aria-valuetext", place);
    this.place.textContent = place;
    this.backButton.setAttribute("aria-disabled", to === 0);
    this.stepButton.setAttribute("aria-disabled", to === run.total);
    this.lineButton.setAttribute("aria-disabled", !(run.lines[run.lines.length - 1] > to));
    this.showCode();
    const changes = this.showBoxes(step, run.world(Math.max(0, to - 1)));
    this.showPackets(forward);
    this.showOutput();
    this.showWords(step);
    this.settle();
    if (quiet) return;
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.tell(step, changes), 200);
    this.keep();
  }

  keep() {
    clearTimeout(this.keeping);
    // (Of another run than the page's own, nothing.)
    this.keeping = setTimeout(() => this.run === this.base && socketSteps.remember(this.name, this.now, this.base.total), 400);
  }

  // ---- Code ----

  view(at) {
    if (this.views.has(at)) return this.views.get(at);
    const { name, text } = this.run.files[at];
    const fold = text === undefined ? folded(name) : null;
    const code = text === undefined ? fold?.querySelector("pre code") : coloured(name, text);
    const parts = code ? split(code) : [];
    const numbers = fold?.dataset.lines?.split(",").map(Number);
    const fresh = (fold?.dataset.new ?? "").split(",").filter(Boolean)
      .map((range) => range.split("-").map(Number)).map(([from, to]) => [from, to ?? from]);
    const shape = (number, line, kind) => {
      const indent = /^ */.exec(line.textContent)[0].length;
      line.className = "pl-text";
      line.style.setProperty("--in", `${indent + 2}ch`);
      return div(`line ${kind}`, span("number", number || ""), line);
    };
    const view = { lines: new Map(), texts: parts.map((line) => line.textContent), first: null };
    const change = this.run.isChange ? compare(this.baseTexts(name), view.texts) : { added: new Set(), removed: [] };
    const all = parts.flatMap((line, index) => {
      const number = numbers ? numbers[index] : index + 1;
      const isNew = fresh.some(([from, to]) => number >= from && number <= to);
      const kind = change.added.has(index) ? "added" : isNew ? "new" : "";
      const gone = change.removed.filter(({ before }) => before === index)
        .map((one) => shape("−", make("span", {}, /^ */.exec(one.text)[0], make("s", {}, one.text.trim())), "removed"));
      const made = shape(number, line, kind);
      if (number) view.lines.set(number, made);
      if (kind || gone.length) view.first ??= gone[0] ?? made;
      return [...gone, made];
    });
    view.element = div("lines hljs", all);
    this.views.set(at, view);
    return view;
  }

  baseTexts(name) {
    const { text } = this.base.files.find((file) => file.name === name) ?? {};
    return (text ?? folded(name)?.querySelector("pre code").textContent ?? "").split("\n");
  }

  file(at) {
    const { run } = this;
    if (this.codePane.dataset.file === `${run.name} ${at}`) return this.view(at);
    this.codePane.dataset.file = `${run.name} ${at}`;
    [...this.tabs.children].forEach((tab, index) => tab.setAttribute("aria-pressed", index === at));
    if (run.covered) {
      this.codePane.replaceChildren(press("pl-uncover", () => {
        run.covered = false;
        this.codePane.dataset.file = "";
        this.showCode();
        this.settle();
      }, say("Show this code", "显示这段代码")));
      return { lines: new Map() };
    }
    const view = this.view(at);
    this.codePane.replaceChildren(view.element);
    this.codePane.scrollTop = view.first ? view.first.offsetTop - 8 : 0;
    return view;
  }

  showCode() {
    const { run, now } = this;
    if (!run.files.length) return;
    const at = run.at[now];
    // Before anything has happened: the file of the first step.
    const shown = at ?? run.at.find(Boolean) ?? [0, 0];
    const view = this.file(shown[0]);
    this.line_?.classList.remove("now", "going");
    this.line_?.removeAttribute("aria-current");
    this.line_ = at ? view.lines.get(at[1]) : null;
    this.first_ = now ? null : view.lines.get(shown[1]);
    this.line_?.classList.add("now", ...(run.steps[now - 1]?.at ? [] : ["going"]));
    this.line_?.setAttribute("aria-current", "step");
  }

  /** Scrolls each pane to what this step is about, and never the page. */
  settle() {
    const near = (pane, part) => {
      if (!part || !pane.clientHeight) return;
      const top = part.getBoundingClientRect().top - pane.getBoundingClientRect().top + pane.scrollTop;
      const [room, high] = [pane.clientHeight, part.offsetHeight];
      const edge = Math.min(60, room / 5);
      if (top < pane.scrollTop + edge || top + high > pane.scrollTop + room - edge) {
        pane.scrollTop = high > room ? top - 8 : top - (room - high) / 2;
      }
    };
    near(this.codePane, this.line_ ?? this.first_);
    const hit = this.grid.querySelector(".pl-packet.now") ?? this.grid.querySelector(".pl-box.changed, .pl-box.hit");
    if (hit && this.kernelPane.scrollHeight > this.kernelPane.clientHeight) near(this.kernelPane, hit);
    this.printed.scrollTop = this.printed.scrollHeight;
  }

  // ---- The kernel ----

  /** Updates the boxes; gives what changed, in words. */
  showBoxes(step, before) {
    const { run, now } = this;
    const world = run.world(now);
    const changes = [];
    const changed = new Set((step?.sockets ?? []).map(({ id }) => id));
    const hit = new Set(step?.hit ?? []);
    for (const [id, known] of run.boxes) {
      const box = world.get(id);
      let element = this.elements.get(id);
      if (!box) {
        if (element) element.hidden = true;
        continue;
      }
      const was = changed.has(id) ? before.get(id) ?? {} : box;
      const kind = (changed.has(id) ? " changed" : "") + (hit.has(id) ? " hit" : "");
      if (element && !element.hidden && element.box === box && element.kind === kind && !changed.has(id)) continue;
      const made = this.box(box, was, known, world, kind, changed.has(id) ? changes : []);
      made.box = box;
      made.kind = kind;
      if (element) element.replaceWith(made);
      else this.grid.append(made);
      this.elements.set(id, made);
    }
    return changes;
  }

  box(box, was, known, world, kind, changes) {
    const line = (name, text) => div(`${name}${text ? "" : " none"}`, text || " ");
    const note = said(box.gone ? "gone" : box.closed ? "closed by the program" : box.fd ? box.note : "");
    const name = box.fd ?? said(box.note) ?? "";
    const [near, far] = (box.ends ?? "").split(" to ");
    const titled = name || near;
    const old = was.state && was.state !== box.state ? was.state : "";
    if (box.state && box.state !== was.state) changes.push(`${titled}: ${old ? `${said(old)} → ` : ""}${said(box.state)}`);
    const queues = [...known.queues].map((queue) => {
      const value = box.queues?.[queue];
      const past = was.queues?.[queue];
      const other = value !== undefined && value !== past && was !== box;
      if (other) changes.push(`${titled}: ${said(queue)} ${past === undefined ? "" : `${said(past)} → `}${said(value)}`);
      return this.queue(queue, value, other ? past : undefined, other, box, known, world);
    });
    const label = box.program !== undefined && this.run.programs.length > 2 ? this.run.programs[box.program] : "";
    const classes = `pl-box ${known.column}${kind}${box.gone ? " gone" : box.closed ? " closed" : ""}`;
    return make("div", { class: classes, style: `grid-row: ${known.row + 1}` },
      div("name", make("b", { class: box.fd ? "" : "pl-no" }, name || " "),
        box.protocol && span("protocol", box.protocol)),
      label && line("note", label),
      known.note && line("note", note),
      known.names.size > 0 && line("ends", near.replace(/^at /, say("at ", "在 "))),
      known.far && line("ends", far && say(`to ${far}`, `到 ${far}`)),
      line("state", said(box.state)),
      line("was", old && say(`was ${old}`, `之前是 ${said(old)}`)),
      queues);
  }

  queue(name, value, past, changed, box, known, world) {
    const seen = value !== undefined;
    const classes = `pl-queue${changed ? " changed" : ""}${seen ? "" : " none"}`;
    const number = span("count", seen ? (past !== undefined ? `${said(past)} → ` : "") + said(value) : "0");
    if (name === "accept queue") {
      const waits = (seen && box.queued) || [];
      const slots = waits.slice(0, 12).map((id) => {
        const end = world.get(id)?.ends?.split(" to ")[1];
        return span("slot", end ? end.replace(/^.*[:\]](?=\w+$)/, "") : say("a client", "一个客户端"));
      });
      if (waits.length > 12) slots.push(span("slot", `+ ${waits.length - 12}`));
      const most = Math.min(known.waits, 13);
      while (slots.length < most) slots.push(span("slot none", "PORT1"));
      return make("div", { class: `${classes} accept` }, span("what", said(name)), number, span("slots", slots));
    }
    const bytes = Number(value);
    const share = !seen ? 0 : Number.isNaN(bytes) ? (value === "empty" ? 0 : 1) : bytes / this.run.most[name];
    return make("div", { class: classes }, span("what", name),
      span(`gauge${Number.isNaN(bytes) ? " some" : ""}`, make("i", { style: `--full: ${share}`, class: share ? "" : "none" })),
      number);
  }

  /** The packets of this call so far; the one of this step is drawn strong. */
  showPackets(forward) {
    const { run, now } = this;
    for (const old of this.grid.querySelectorAll(".pl-wire")) old.remove();
    const steps = [];
    for (let n = now; n >= Math.max(run.head[now], 1) && steps.length < 4; n--) {
      if (run.steps[n - 1].packet) steps.unshift(n);
    }
    // (Behind a line of the program, they are past.)
    if (!steps.length || run.steps[now - 1].kind === "line") return;
    const rows = new Map();
    for (const n of steps) {
      const step = run.steps[n - 1];
      const row = run.row(step);
      if (!rows.has(row)) rows.set(row, []);
      rows.get(row).push(this.packet(step, n === now, forward && n === now, row));
    }
    for (const [row, packets] of rows) {
      this.grid.append(make("div", { class: "pl-wire", style: `grid-row: ${row + 1}` }, packets));
    }
  }

  packet(step, now, moves, row) {
    const { packet } = step;
    const crosses = this.run.crosses(step);
    const to = packet.side === "left" ? "right" : "left";
    const lost = packet.fate === "lost";
    const there = [...this.run.boxes.values()].some((box) => box.row === row && box.column === to &&
      !(this.elements.get(box.id)?.hidden ?? true));
    const data = [
      packet.bytes === undefined ? "" : say(`${packet.bytes} byte${packet.bytes === 1 ? "" : "s"}`, `${packet.bytes} 字节`),
      packet.data ?? "",
    ].filter(Boolean).join(" ");
    const fate = packetWords(packet);
    return make("div", { class: `pl-packet ${crosses ? `to-${to}` : ""}${now ? " now" : ""}${lost ? " lost" : ""}${moves ? " moves" : ""}` },
      span("flags", said(packet.kind)),
      crosses ? span("arrow") : span("data", `${packet.from} → ${packet.to}`),
      crosses && !there && span("data", say(`to ${packet.to}`, `到 ${packet.to}`)),
      data && span("data", data),
      fate && span("fate", fate));
  }

  // ---- Output and words ----

  showOutput() {
    const { run, now } = this;
    const count = run.count[now];
    const shown = this.printed.children;
    while (shown.length > count) this.printed.lastChild.remove();
    while (shown.length < count) {
      const step = run.steps[run.lines[shown.length] - 1];
      const label = run.programs[step.program];
      this.printed.append(make("div", {}, label && span("label", `${label}: `), step.text.join("\n") || " "));
    }
    for (const line of this.printed.querySelectorAll(".now")) line.classList.remove("now");
    if (run.steps[now - 1]?.kind === "line") this.printed.lastChild?.classList.add("now");
  }

  who(step) {
    const { run } = this;
    if (run.programs.length && run.programs[step.program]) return say(run.programs[step.program], `${run.programs[step.program]} `);
    if (!run.roles) return say("The program", "程序");
    if (step.side === "left") return say("The client", "客户端");
    return step.side === "right" ? say("The server", "服务端") : say("The program", "程序");
  }

  /** What kind of thing this is, in plain words. */
  kind(step) {
    const who = this.who(step);
    const text = step.text[0] ?? "";
    const call = /^\w+/.exec(text)?.[0] ?? "";
    switch (step.kind) {
      case "call":
        return step.open
          ? say(`${who} calls ${call}. The call has not returned yet.`, `${who}调用 ${call}，调用还没有返回。`)
          : say(`${who} calls ${call}.`, `${who}调用 ${call}。`) + failure(text);
      case "result": return say(`${call} returns.`, `${call} 返回。`) + failure(text);
      case "packet": {
        const { side } = step.packet;
        const fate = packetWords(step.packet);
        const way = !this.run.roles || !this.run.crosses(step) ? say("A packet", "一个数据包")
          : side === "left" ? say("A packet, from the client's kernel to the server's", "一个数据包，从客户端的内核到服务端的内核")
            : say("A packet, from the server's kernel to the client's", "一个数据包，从服务端的内核到客户端的内核");
        return way + (fate ? say(`: ${fate}.`, `：${fate}。`) : say(".", "。"));
      }
      case "look": {
        const after = this.run.steps[this.run.head[this.now] - 1]?.kind === "call";
        return step.text.length > 1
          ? after ? say("Seen at the same time, after the call:", "调用之后，同时看到：") : say("Seen at the same time:", "同时看到：")
          : after ? say("Seen after the call:", "调用之后看到：") : say("Seen:", "看到：");
      }
      case "line": return say(`${who} prints:`, `${who}输出：`);
      default: return /by itself/.test(text) ? say("The kernel, by itself:", "内核自行完成：")
        : /in all/.test(text) ? say("Repeated, and left out here:", "以下重复，这里略去：")
          : step.program !== undefined ? say(`${who}:`, `${who.trim()}：`) : say("About the recording:", "关于这份记录：");
    }
  }

  showWords(step) {
    const { run, now } = this;
    const link = make("a", {
      href: `#${this.name}-step-${now}`,
      click: (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        history.replaceState(null, "", link.href);
        navigator.clipboard?.writeText(link.href).then(() => (link.textContent = say("link copied", "链接已复制")), () => {});
      },
    }, say("link to this step", "这一步的链接"));
    const parts = [];
    if (run.parts && now <= run.parts && (now === run.parts || !run.part)) {
      parts.push(p("remark", now < run.parts ? say("So far, both runs are the same.", "到这里为止，两次运行相同。")
        : say("Here the two runs part.", "两次运行从这里分开。")));
    }
    if (!step) {
      parts.push(p("kind", say("Nothing has happened yet.", "运行还没有开始。")),
        p("remark", say(
          "Step goes on by one event; the arrow keys do the same.", "“下一步”前进一个事件，方向键也行。")));
    } else {
      parts.push(p("kind", this.kind(step)));
      if (!/^\(the kernel, by itself\)$/.test(step.text.join())) {
        const own = (text) => (step.kind === "look" ? text.replace(/[a-z][a-z ]*(?= ->| \d|,|$)/g, said) : said(text));
        parts.push(div("said", step.text.map((text) => make("code", {}, own(text).replace(/ -> /g, " → ")))));
      }
      if (run.stale[now]) {
        parts.push(p("remark", say(
          "The boxes are as they were before this call. What the table says after it comes later.",
          "方框显示的仍是这次调用之前的状态。调用之后的状态，后面会看到。")));
      }
      if (step.mark) parts.push(p("mark", step.mark));
    }
    if (run === this.base && this.section.dataset.record) parts.push(p("remark", link));
    this.words.replaceChildren(...parts);
    this.why.replaceChildren();
    // An explanation goes with what the program prints next.
    const noted = run === this.base && this.noted.filter((n) => n <= now).pop();
    const from = run.lines.some((line) => line > noted && line < now) ? 0 : noted;
    this.why.hidden = !from;
    if (from) {
      this.why.append(from === now ? "" : p("remark", say(`Of step ${from}:`, `第 ${from} 步：`)), html(this.notes.get(from)));
      this.why.classList.toggle("past", from !== now);
    }
  }

  /** For those who hear it: the step, what changed, and the line of code. */
  tell(step, changes) {
    const { run, now } = this;
    if (this.asked) return;
    const at = run.at[now];
    const code = step?.at && this.line_ ? say(`Line ${at[1]}: `, `第 ${at[1]} 行：`) + this.line_.lastChild.textContent.trim() : "";
    this.live.textContent = [
      say(`Step ${now}.`, `第 ${now} 步。`),
      step ? this.kind(step) : say("Nothing has happened yet.", "运行还没有开始。"),
      step?.kind === "look" ? changes.join("; ") : step?.text.join(" ") ?? "", code,
    ].filter(Boolean).join(" ");
  }

  // ---- Questions ----

  ask(guess) {
    this.asked = guess;
    const show = (given) => {
      const next = this.guesses[this.guesses.indexOf(guess) + 1];
      const focused = this.question.contains(document.activeElement);
      this.passed.add(guess.id);
      this.show(guess.step);
      // Another question that the same step decides comes next.
      this.next = next?.step === guess.step && next.given === null ? next : null;
      const text = given ? guess.verdict() : make("span", {}, make("b", {}, say("The run shows: ", "实际运行：")), html(guess.kind === "number" ? String(guess.value) : guess.choices[guess.right]));
      this.question.replaceChildren(div(`verdict ${given ? (guess.isRight() ? "right" : "wrong") : ""}`, text));
      clearTimeout(this.telling);
      this.live.textContent = text.textContent;
      if (focused) this.stepButton.focus({ preventScroll: true });
    };
    const choices = guess.buttons((given) => {
      guess.given = given;
      show(true);
    });
    choices.append(press("pl-skip", () => show(false), say("show me", "直接看")));
    const text = div("ask", html(guess.question));
    this.question.replaceChildren(make("div", { class: "pl-panel", tabindex: -1 },
      p("kind", say("Before the next step: what do you guess?", "下一步之前，先猜一猜：")), text, choices));
    clearTimeout(this.telling);
    this.live.textContent = say("A question: ", "一个问题：") + text.textContent;
    // Should it be below the screen: the page shows it.
    this.question.scrollIntoView({ block: "nearest" });
    // For who goes by keys the choices come next, not behind the code.
    if (document.activeElement === this.ui) this.question.firstChild.focus({ preventScroll: true });
  }

  /** Opens it at this step. */
  async visit(step, whatIf) {
    await this.ready();
    if (!this.run) return;
    if (whatIf) await this.change(whatIf);
    else {
      if (this.run !== this.base) {
        this.select.value = "";
        this.open(this.base);
      }
      this.show(Math.max(0, Math.min(this.base.total, step)));
    }
    for (let fold = this.section; (fold = fold.parentElement.closest("details")); ) fold.open = true;
    this.ui.scrollIntoView({ block: "start", behavior: still.matches ? "auto" : "smooth" });
    this.ui.focus({ preventScroll: true });
  }
}

/** An error is seen at once. */
const failure = (text) => {
  const error = / = (E\w*[A-Z])$/.exec(text)?.[1];
  if (!error) return "";
  if (error === "EINPROGRESS") return say(` It goes on without the program: ${error}.`, `连接由内核继续建立：${error}。`);
  return error === "EAGAIN" ? say(` It would have to wait: ${error}.`, `会阻塞：${error}。`)
    : say(` It fails: ${error}.`, `失败：${error}。`);
};
const packetWords = ({ again, fate, by }) => [
  again && said("sent again"), said({ lost: "lost on the way" }[fate] ?? fate), by && say(`by ${by}`, `由 ${by}`),
].filter(Boolean).join(say(", ", "，"));

// ---- The page ----

/** Beside explanations and changes: the way to their step. */
const buttons = () => {
  for (const span of all("span.at, span.answer, span.what-if")) {
    const player = players.find(({ name }) => name === span.dataset.player);
    if (!player) continue;
    const step = Number(span.dataset.step);
    const whatIf = player.whatIfs.find((one) => one.span === span);
    span.append(press("pl-to", () => player.visit(step, whatIf?.name), whatIf ? say("see it in the player", "在播放器里看") : say(`step ${step}`, `第 ${step} 步`)));
  }
};

/** #NAME-step-7, or #step-7 for the first player of the page. */
const follow = () => {
  const wanted = /^(?:(.+)-)?step-(\d+)$/.exec(location.hash.slice(1));
  if (!wanted || document.getElementById(wanted[0])) return;
  const player = wanted[1] ? players.find(({ name }) => name === wanted[1]) : players[0];
  player?.visit(Number(wanted[2]));
};

/** A player takes the room beside mdBook's column, up to 1200 pixels. */
const fit = (area) => {
  const more = Math.min(1200, area.clientWidth - 24) - area.querySelector("main").clientWidth;
  area.style.setProperty("--out", `${Math.max(0, Math.floor(more / 2))}px`);
};

const start = () => {
  if (location.pathname.endsWith("/print.html")) return; // (It prints at once: the folds.)
  for (const section of all("section.player")) players.push(new Player(section));
  buttons();
  if (!players.length) return;
  const area = document.getElementById("mdbook-content");
  if (area) new ResizeObserver(() => fit(area)).observe(area);
  if (area) fit(area);
  // Each is built when it comes near the screen.
  const near = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      players.find(({ section }) => section === target).ready();
    }
  }, { rootMargin: "1000px 0px" });
  for (const { section } of players) near.observe(section);
  // The player's bar stays below mdBook's, which comes and goes.
  const menu = document.getElementById("mdbook-menu-bar");
  const below = () => document.body.style.setProperty("--menu", `${Math.max(0, menu.getBoundingClientRect().bottom)}px`);
  if (menu) addEventListener("scroll", below, { passive: true });
  addEventListener("hashchange", follow);
  follow();
};
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
}
