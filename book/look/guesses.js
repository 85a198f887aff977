"use strict";

// Questions that answer back, judged by the run in the player (see player.js), and what this browser
// remembers of them, in itself alone.
//
// (A block of its own, not indented, as there.)
{
const { say, make, press, html, players, guesses } = socketSteps;

// ---- What this browser remembers, and nobody else ----

const KEY = "socket-steps";
const object = (value) => (value && typeof value === "object" && !Array.isArray(value) ? value : {});
let own = null; // what could not be kept: for as long as the page is open
const recall = () => {
  let found = {};
  try {
    found = object(JSON.parse(own ?? localStorage.getItem(KEY)));
  } catch { /* Not allowed, or not ours: nothing is remembered. */ }
  if (found.version !== 1) found = {};
  return {
    version: 1,
    guesses: object(found.guesses), // of each question: what was guessed last
    pages: object(found.pages), // of each page: "begun" or "done"
    last: found.last && typeof found.last === "object" ? found.last : null,
  };
};
const remember = (change) => {
  const all = recall(); // (Another window may have written.)
  change(all);
  try {
    localStorage.setItem(KEY, JSON.stringify(all));
  } catch {
    own = JSON.stringify(all);
  }
  mark();
};
const PAGE = decodeURIComponent(location.pathname.split("/").pop()) || "index.html";

/** Where the reader is, in a player. */
socketSteps.remember = (player, step, of) => remember((all) => {
  all.pages[PAGE] ??= "begun";
  all.last = { page: PAGE, player, step, of };
});

// ---- Questions ----

class Guess {
  constructor(data) {
    Object.assign(this, data);
    this.shown = new Set(); // what to do when it was answered
  }
  get given() {
    const given = recall().guesses[this.id];
    return given === undefined ? null : given;
  }
  set given(value) {
    remember((all) => {
      all.guesses[this.id] = value;
      const here = guesses.every(({ id }) => all.guesses[id] !== undefined);
      all.pages[PAGE] = here ? "done" : all.pages[PAGE] ?? "begun";
    });
    for (const show of this.shown) show();
  }
  isRight(given = this.given) {
    return this.kind === "number" ? Number(given) === Number(this.value) : Number(given) === Number(this.right);
  }
  /** One sentence for what was guessed. */
  verdict() {
    const words = this.isRight() ? say("Right. ", "对。")
      : this.step ? say("The run shows something else. ", "实际运行不是这样。") : say("No. ", "不对。");
    return make("span", {}, make("b", {}, words), html((!this.isRight() && this.wrong?.[this.given]) || ""));
  }
  /** Its choices as buttons; `answered` is called with what was chosen. */
  buttons(answered) {
    const box = make("div", { class: "pl-choices", role: "group", "aria-label": say("Your guess", "你的猜测") });
    if (this.kind === "number") {
      const field = make("input", {
        type: "number", inputmode: "numeric", step: "any", "aria-label": say("Your guess, a number", "你猜的数"),
      });
      const done = () => field.value.trim() !== "" && answered(String(Number(field.value)));
      field.addEventListener("keydown", (event) => {
        if (event.key === "Enter") done();
        if (event.key.startsWith("Arrow")) event.stopPropagation(); // mdBook would turn the page.
      });
      box.append(field, press("", done, say("Guess", "就猜这个")));
      box.show = (given) => (field.value = given ?? "");
      return box;
    }
    const buttons = this.choices.map((choice, at) =>
      press("pl-choice", () => answered(at), html(choice)));
    box.append(...buttons);
    box.show = (given) => buttons.forEach((button, at) => {
      const chosen = given !== null && at === Number(given);
      button.setAttribute("aria-pressed", chosen);
      button.classList.toggle("right", chosen && this.isRight());
      button.classList.toggle("wrong", chosen && !this.isRight());
    });
    return box;
  }
}

for (const script of document.querySelectorAll("script.guesses")) {
  try {
    for (const data of JSON.parse(script.textContent)) guesses.push(new Guess(data));
  } catch (error) {
    console.error(error);
  }
}

/** The questions in the page's lists, answerable there as well. */
const list = () => {
  const items = new Map();
  for (const list of document.querySelectorAll("div.guesses")) {
    const each = list.querySelector("ol")?.children ?? [];
    list.dataset.ids.split(" ").forEach((id, at) => items.set(id, each[at]));
  }
  for (const guess of guesses) {
    const item = items.get(guess.id);
    if (!item) continue;
    const answer = make("div", { class: "pl-answer", role: "status" });
    const choices = guess.buttons((given) => (guess.given = given));
    item.querySelector(":scope > ul, :scope > ol")?.classList.add("pl-paper");
    const show = () => {
      const { given } = guess;
      choices.show(given);
      answer.replaceChildren();
      answer.hidden = given === null;
      if (given === null) return;
      answer.className = `pl-answer pl-verdict ${guess.isRight() ? "right" : "wrong"}`;
      answer.append(guess.verdict());
      if (guess.isRight() && guess.why) answer.append(make("div", { class: "pl-because" }, html(guess.why)));
      const player = players.find(({ name }) => name === guess.player);
      if (player && guess.step) {
        answer.append(press("pl-to", () => player.visit(guess.step),
          say(`see it in the run: step ${guess.step}`, `在运行中看：第 ${guess.step} 步`)));
      }
    };
    guess.shown.add(show);
    item.append(choices, answer);
    show();
  }
};

const MARKS = { begun: say("begun", "已开始"), done: say("done", "已完成") };
/** A mark beside each chapter that was begun or done. */
const mark = () => {
  const { pages } = recall();
  for (const link of document.querySelectorAll("mdbook-sidebar-scrollbox a[href]")) {
    const state = pages[decodeURIComponent(new URL(link.href).pathname.split("/").pop())];
    const old = link.querySelector(".pl-begun, .pl-done");
    if (new URL(link.href).hash || !MARKS[state]) {
      old?.remove();
      continue;
    }
    if (old?.classList.contains(`pl-${state}`)) continue;
    old?.remove();
    link.append(make("span", { class: `pl-${state}`, title: MARKS[state] }, make("span", { class: "pl-unseen" }, ` (${MARKS[state]})`)));
  }
};

/** On the first page: where the reader was, and how to forget it. */
const goOn = () => {
  const { last, guesses: given, pages } = recall();
  const heading = document.querySelector("main h1");
  if (!/^(index|start)\.html$/.test(PAGE) || !heading || !(last || Object.keys(given).length || Object.keys(pages).length)) return;
  const file = typeof last?.page === "string" && /^[\w.-]+\.html$/.test(last.page) ? last.page : "";
  const link = file && [...document.querySelectorAll("mdbook-sidebar-scrollbox a[href]")]
    .find((one) => new URL(one.href).pathname.endsWith(`/${file}`) && !new URL(one.href).hash);
  const part = make("p", { class: "pl-on" });
  if (link) {
    const title = link.cloneNode(true);
    for (const one of title.querySelectorAll(".pl-begun, .pl-done")) one.remove();
    part.append(say("Go on where you were: ", "从上次的地方继续："),
      make("a", { href: `${link.href}#${last.player}-step-${Number(last.step) || 0}` },
        say(`${title.textContent.trim()}, step ${last.step} of ${last.of}`, `${title.textContent.trim()}，第 ${last.step} 步，共 ${last.of} 步`)), " ");
  }
  part.append(make("button", {
    class: "pl-to",
    click: () => {
      try {
        own = null;
        localStorage.removeItem(KEY);
      } catch { /* There was nothing. */ }
      mark();
      part.setAttribute("role", "status");
      part.replaceChildren(say("Forgotten.", "已清除。"));
    },
  }, say("Forget all that this browser remembers", "清除这个浏览器里的学习记录")));
  heading.after(part);
};

const start = () => {
  list();
  mark();
  goOn();
  // Another window has answered, or forgotten.
  addEventListener("storage", (event) => {
    if (event.key !== KEY && event.key !== null) return;
    mark();
    for (const guess of guesses) for (const show of guess.shown) show();
  });
};
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
}
