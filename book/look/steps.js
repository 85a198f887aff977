"use strict";

// The stepper: shows one item of an <ol class="stepper"> at a time.
for (const list of document.querySelectorAll("ol.stepper")) {
    const steps = Array.from(list.children);
    const box = document.createElement("div");
    const buttons = document.createElement("div");
    const place = document.createElement("span");
    let now = 0;

    const go = (to) => {
        now = Math.max(0, Math.min(steps.length - 1, to));
        steps.forEach((step, at) => step.classList.toggle("now", at === now));
        place.textContent = `${now + 1} of ${steps.length}`;
        previous.setAttribute("aria-disabled", now === 0);
        next.setAttribute("aria-disabled", now === steps.length - 1);
    };
    const button = (text, by) => {
        const made = document.createElement("button");
        made.type = "button";
        made.textContent = text;
        made.addEventListener("click", () => go(now + by));
        buttons.append(made);
        return made;
    };
    const previous = button("Previous", -1);
    const next = button("Next", 1);

    buttons.className = "stepper-buttons";
    buttons.append(place);
    box.className = "stepper-box";
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", list.getAttribute("aria-label"));
    list.setAttribute("aria-live", "polite");
    steps.forEach((step, at) => (step.value = at + 1));
    list.replaceWith(box);
    box.append(buttons, list);

    box.addEventListener("keydown", (event) => {
        const to = {
            ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: steps.length - 1,
        }[event.key];
        if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
        event.preventDefault();
        event.stopPropagation(); // mdBook would turn the page.
        go(to);
    });
    go(0);
}

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
