"use strict";
/* A served page comes again by itself when it has changed on the disk; what the reader sees and has opened stays in place.
   Hands what the server tells of orders to renew.js, as events of the page. */
{
  const home = document.querySelector("template[data-serve]");
  const KEY = `digest:served:${location.pathname}`;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  let source = null, composing = false, due = false;

  /* ---- what stays in place */

  /* A fold's name: the nearest element with an id, and which of its folds it is. */
  function folds() {
    const counts = new Map();
    return all("details").map((fold) => {
      const name = `${fold.parentElement.closest("[id]")?.id ?? ""} ${fold.className}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
      return [`${name} ${counts.get(name)}`, fold];
    });
  }

  /* The first paper or heading that reaches into the screen, and how far below its upper edge it begins. */
  function place() {
    if (scrollY < 1) return null;
    const line = Math.max(0, document.getElementById("toolbar")?.getBoundingClientRect().bottom ?? 0);
    for (const one of all("article[id], li[id], h2[id]")) {
      const { top, bottom } = one.getBoundingClientRect();
      if (bottom > line) return { id: one.id, top };
    }
    return { id: "", top: scrollY };
  }

  function bring({ id, top }) {
    const one = id && document.getElementById(id);
    const by = one ? one.getBoundingClientRect().top - top : top - scrollY;
    if (Math.abs(by) >= 1) scrollBy({ top: by, behavior: "instant" });
  }

  function reload() {
    if (composing) { due = true; return; }
    const kept = { place: place(), open: folds().filter(([, fold]) => fold.open).map(([name]) => name), more: {} };
    document.dispatchEvent(new CustomEvent("serve:keep", { detail: kept.more }));
    try {
      sessionStorage.setItem(KEY, JSON.stringify(kept));
      history.scrollRestoration = "manual";
    } catch { /* the page comes again all the same */ }
    source?.close();
    location.reload();
  }

  function restore() {
    let kept = null;
    try {
      kept = JSON.parse(sessionStorage.getItem(KEY));
      sessionStorage.removeItem(KEY);
    } catch { /* nothing was kept */ }
    if (!kept) return;
    const open = new Set(kept.open);
    for (const [name, fold] of folds()) fold.open = open.has(name);
    document.dispatchEvent(new CustomEvent("serve:restore", { detail: kept.more }));
    if (!kept.place) return;
    let left = 8; // cards take their sizes only as they come into view
    const again = () => {
      bring(kept.place);
      if (left-- > 0) requestAnimationFrame(again);
      else history.scrollRestoration = "auto";
    };
    if (document.readyState === "complete") again();
    else { bring(kept.place); addEventListener("load", () => requestAnimationFrame(again), { once: true }); }
  }

  /* ---- what the server tells: only while the page is looked at, as a browser has six connections for all its pages */

  function listen() {
    const wanted = document.visibilityState !== "hidden";
    if (!wanted) { source?.close(); source = null; }
    if (!wanted || (source && source.readyState !== EventSource.CLOSED)) return;
    source = new EventSource(`/-/events?${new URLSearchParams({ page: location.pathname, version: home.dataset.version })}`);
    source.addEventListener("reload", reload);
    source.addEventListener("error", () => document.dispatchEvent(new CustomEvent("serve:lost")));
    source.addEventListener("work", (event) => document.dispatchEvent(new CustomEvent("serve:work", { detail: JSON.parse(event.data) })));
  }

  document.addEventListener("compositionstart", () => { composing = true; });
  document.addEventListener("compositionend", () => {
    composing = false;
    if (due) setTimeout(reload, 500);
  });
  document.addEventListener("visibilitychange", listen);
  addEventListener("pagehide", () => { source?.close(); source = null; });
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
  setInterval(listen, 10000); // a browser that has given up tries again
  document.addEventListener("serve:ready", () => { restore(); listen(); }, { once: true });
}
