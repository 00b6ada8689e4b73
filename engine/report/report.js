"use strict";
// All of the report can be read without this: it adds search, filters and keys.
(() => {
  const $ = (s, e = document) => [...e.querySelectorAll(s)];
  const tools = document.getElementById("tools"), box = document.getElementById("q"), count = document.getElementById("shown");
  const items = $("[data-item]");
  if (!tools || !items.length) return;
  tools.hidden = false;
  const text = new Map(items.map(e => [e, e.textContent.toLowerCase()]));
  const chips = $("[data-kind]", tools);
  const apply = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const only = chips.filter(c => c.getAttribute("aria-pressed") === "true").map(c => c.dataset.kind);
    let shown = 0;
    for (const e of items) {
      const ok = words.every(w => text.get(e).includes(w)) && (!only.length || only.includes(e.dataset.item));
      e.hidden = !ok;
      if (ok) shown++;
    }
    for (const s of $("[data-list]")) {
      const any = $("[data-item]", s).some(e => !e.hidden);
      const none = s.querySelector("[data-none]");
      if (none) none.hidden = any;
    }
    const all = !words.length && !only.length;
    count.textContent = all ? items.length + " entries" : shown + " of " + items.length + " entries";
  };
  box.addEventListener("input", apply);
  for (const c of chips) c.addEventListener("click", () => {
    c.setAttribute("aria-pressed", String(c.getAttribute("aria-pressed") !== "true"));
    apply();
  });
  const fold = open => $("details.card").forEach(d => { d.open = open; });
  document.getElementById("open").addEventListener("click", () => fold(true));
  document.getElementById("shut").addEventListener("click", () => fold(false));
  document.addEventListener("keydown", e => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) && e.target.type !== "radio";
    if (e.key === "/" && !typing && !e.ctrlKey && !e.metaKey) { e.preventDefault(); box.focus(); box.select(); }
    if (e.key === "Escape" && e.target === box) { box.value = ""; apply(); box.blur(); }
  });
  // A link to something folded away opens it.
  const reveal = () => {
    const to = location.hash && document.getElementById(location.hash.slice(1));
    if (!to) return;
    for (let e = to; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
    to.hidden = false;
    to.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  let folded = [];
  addEventListener("beforeprint", () => { folded = $("details.card:not([open])"); folded.forEach(d => { d.open = true; }); });
  addEventListener("afterprint", () => folded.forEach(d => { d.open = false; }));
  apply();
  reveal();
})();
