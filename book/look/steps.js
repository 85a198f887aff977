"use strict";

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
