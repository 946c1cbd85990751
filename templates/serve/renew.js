"use strict";
/* A button on each card that asks the model again, and a panel that says what came of it. Adds what stands in the page's
   template, changes text and attributes; never writes markup. */
{
  const home = document.querySelector("template[data-serve]");
  const { token, site, day } = home.dataset;
  const shape = (selector) => home.content.querySelector(selector);
  const words = Object.fromEntries([...home.content.querySelectorAll("dt")].map((name) => [name.textContent, name.nextElementSibling.textContent]));
  const panels = new Map(); // arxiv_id -> its panel, open or not
  const running = new Set(); // arxiv_ids
  const BUTTON = "[data-act=regenerate]";

  const idOf = (card) => /\/abs\/(.+?)v\d+$/.exec(card.querySelector(".links a")?.href ?? "")?.[1] ?? null;
  const cardOf = (id) => [...document.querySelectorAll("main article[data-state]")].find((card) => idOf(card) === id);
  const buttonOf = (card) => card?.querySelector(BUTTON);

  /* ---- the buttons: the page's own script adds its tools bit by bit, ours among them */

  function equip() {
    const tools = document.getElementById("tools")?.content.querySelector(".tools");
    tools?.append(shape(BUTTON).cloneNode(true));
    for (const card of document.querySelectorAll("main article[data-state]")) {
      const own = card.querySelector(".tools") ?? (tools ? null : card.querySelector(".links") ?? card);
      own?.append(shape(BUTTON).cloneNode(true));
    }
  }

  /* ---- a panel */

  function panelOf(card) {
    const id = idOf(card);
    if (panels.has(id)) return panels.get(id);
    const form = shape("form").cloneNode(true);
    const part = (selector) => form.querySelector(selector);
    const panel = { id, card, form, hint: part("input"), submit: part("[type=submit]"), undo: part("[data-renew=undo]"), status: part("[role=status]"), clock: part(".clock"), timer: 0 };
    form.setAttribute("aria-label", `${panel.submit.textContent} ${id}`);
    form.hidden = true;
    form.addEventListener("submit", (event) => { event.preventDefault(); order(panel, "regenerate"); });
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.preventDefault();
      close(panel);
    });
    part("[data-renew=close]").addEventListener("click", () => close(panel));
    panel.undo.addEventListener("click", () => order(panel, "undo"));
    card.querySelector(".links")?.after(form);
    if (!form.isConnected) card.append(form);
    panels.set(id, panel);
    return panel;
  }

  /* The button says what is so; on a page that has just come again it may not be there yet. */
  function mark(panel, tries = 50) {
    const button = buttonOf(panel.card);
    if (!button && tries) return setTimeout(mark, 200, panel, tries - 1);
    button?.setAttribute("aria-expanded", String(!panel.form.hidden));
    button?.setAttribute("aria-busy", String(running.has(panel.id)));
  }

  function open(panel) {
    panel.form.hidden = false;
    mark(panel);
  }

  function close(panel) {
    panel.form.hidden = true;
    mark(panel);
    (buttonOf(panel.card) ?? panel.card.querySelector("h3 a"))?.focus({ preventScroll: true });
  }

  /* ---- what is said in it */

  function tell(panel, said, { bad = false, detail = "", hint = "" } = {}) {
    panel.form.dataset.tone = bad ? "bad" : "good";
    const lines = [detail, hint].filter(Boolean).map((text) => {
      const line = document.createElement("span");
      line.lang = "en";
      line.textContent = text;
      return line;
    });
    panel.status.replaceChildren(said, ...lines);
  }

  function busy(panel, on) {
    if (on) running.add(panel.id);
    else running.delete(panel.id);
    mark(panel);
    panel.submit.setAttribute("aria-disabled", String(on));
    if (on) panel.undo.hidden = true;
    clearInterval(panel.timer);
    panel.clock.textContent = "";
    const began = performance.now();
    if (on) panel.timer = setInterval(() => { panel.clock.textContent = `${Math.round((performance.now() - began) / 1000)} s`; }, 1000);
  }

  /* What the server says of an order: `state` is asking, writing, done, flagged, undone, failed, locked or lost. */
  function show(panel, { state, text = "", hint = "", undo = false }) {
    const under = state === "asking" || state === "writing";
    if (under !== running.has(panel.id)) busy(panel, under);
    if (state === "done" || state === "undone") panel.hint.value = "";
    tell(panel, words[state] ?? state, { bad: ["failed", "locked", "flagged", "lost"].includes(state), detail: text, hint });
    panel.undo.hidden = !undo;
  }

  async function order(panel, act) {
    if (running.has(panel.id)) return;
    const hint = panel.hint.value.trim();
    const body = { arxiv_id: panel.id, date: day, site, ...(act === "regenerate" && hint ? { hint } : {}) };
    if (act === "undo") panel.hint.focus({ preventScroll: true }); // its button goes away
    busy(panel, true);
    tell(panel, act === "undo" ? words.writing : words.asking);
    try {
      const answer = await fetch(`/-/${act}`, { method: "POST", headers: { "Content-Type": "application/json", "X-Digest-Token": token }, body: JSON.stringify(body) });
      if (answer.ok) return; // the rest comes as events
      busy(panel, false);
      const detail = answer.status === 409 ? "" : (await answer.text()).slice(0, 300);
      tell(panel, answer.status === 409 ? words.busy : words.failed, { bad: true, detail });
    } catch {
      busy(panel, false);
      tell(panel, words.lost, { bad: true });
    }
  }

  /* ---- begin */

  if (token && day) {
    equip();
    document.addEventListener("click", (event) => {
      const button = event.target.closest?.(BUTTON);
      const card = button?.closest("article[data-state]");
      if (!card || !idOf(card)) return;
      const panel = panelOf(card);
      if (!panel.form.hidden) return close(panel);
      open(panel);
      panel.hint.focus({ preventScroll: true });
      panel.form.scrollIntoView({ block: "nearest" });
    });
    document.addEventListener("serve:work", ({ detail }) => {
      if (detail.site !== site || detail.date !== day) return;
      const card = cardOf(detail.arxiv_id);
      if (card && (panels.has(detail.arxiv_id) || ["asking", "writing"].includes(detail.state))) show(panelOf(card), detail);
    });
    document.addEventListener("serve:lost", () => {
      for (const id of [...running]) show(panels.get(id), { state: "lost" });
    });
    document.addEventListener("serve:keep", ({ detail }) => {
      const inside = document.activeElement?.closest(".renew");
      detail.panels = [...panels.values()].filter(({ form }) => !form.hidden).map(({ id, form, hint, status }) => ({ id, hint: hint.value, said: status.textContent, here: form === inside }));
    });
    document.addEventListener("serve:restore", ({ detail }) => {
      for (const { id, hint, here } of detail.panels ?? []) {
        const card = cardOf(id);
        if (!card) continue;
        const panel = panelOf(card);
        panel.hint.value = hint;
        open(panel);
        if (here) panel.hint.focus({ preventScroll: true });
      }
    });
  }
  document.dispatchEvent(new CustomEvent("serve:ready"));
}
