"use strict";
/* A day's page: search, filters, keys, stars, read marks, reading mode. Changes attributes and adds the buttons of the cards;
   never writes markup, and says nothing but the words that the page has. */
{
  const $ = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const main = $("#main"), toolbar = $("#toolbar"), field = $("#find"), chosen = $("#section"), count = $("#count"), cleared = $("#clear"), more = $("#more"), nothing = $("#nothing");
  const day = main.dataset.day ?? $("h1 time")?.dateTime ?? "";
  const SEARCHED = "h3 a, .authors, .category, .comment, .why b, .note, [data-field]";
  const MOST_FOUND = 2000; // pieces of text lit up at most
  const AT_ONCE = 16; // papers shown in a frame: more than a screen holds
  const idle = globalThis.requestIdleCallback ?? ((work) => setTimeout(() => work({ timeRemaining: () => 8, didTimeout: false }), 1));

  /* The papers of the page in its order: cards, replacements with or without a card, excluded lines. */
  const excluded = $("details.excluded", main), later = $(".replacements", main);
  const holders = [...[...main.getElementsByTagName("article")].filter((card) => !later?.contains(card)), ...(later?.children ?? []), ...(excluded?.getElementsByTagName("li") ?? [])];
  const items = holders.map((holder) => {
    const card = holder.matches("article") ? holder : $("article", holder) ?? holder;
    const link = $(card.matches("article") ? "h3 a" : "a", card);
    const [, id = "", version = "1"] = /\/abs\/(.+?)v(\d+)$/.exec(link?.href ?? "") ?? [];
    return { card, holder, link, id, version: Number(version), section: holder.closest("section"), on: true, words: null, equipped: !card.matches("article") };
  });
  const byCard = new Map(items.map((item) => [item.card, item]));
  const cards = items.filter(({ card }) => card.matches("article"));
  const sections = all("section", main).map((element) => ({ element, again: all(".again", element), heading: $("h2", element)?.id ?? "" }));
  const pointers = sections.flatMap(({ again }) => again); // lines that stand for a card elsewhere

  /* ---- what is on a card */

  const text = (selector, card) => $(selector, card)?.textContent.trim() ?? "";

  function namesOn(card) {
    if (card.dataset.authors) return card.dataset.authors.split("\n");
    const names = all(".authors [lang], p.authors", card).map((one) => one.textContent.trim());
    return names.join(", ").split(", ").filter(Boolean);
  }

  function recordOf({ card, link, id, version }) {
    const { title, texTitle } = card.dataset;
    return asStar(id, {
      title: title ?? link.textContent,
      tex: texTitle,
      authors: namesOn(card),
      categories: all(".category", card).map((one) => one.textContent),
      version,
      announced: day,
      starred: new Date().toISOString(),
      tldr: text("[data-field=tldr]", card),
      comment: text("[data-fact=comment]", card),
      journal: text("[data-fact=journal]", card),
      doi: text("[data-fact=doi]", card),
    });
  }

  /* ---- the search: words of each paper, made while nothing else happens or at the first key */

  function index(item) {
    const { card, id } = item;
    const parts = card.matches("article") ? all(SEARCHED, card).map((one) => one.textContent) : [card.textContent];
    item.words = folded([id, card.dataset.title ?? "", ...parts].join("\n"));
    item.names = folded(namesOn(card).join("\n"));
    item.title = folded(card.dataset.title ?? item.link?.textContent ?? "");
    item.categories = all(".category", card).map((one) => folded(one.textContent));
  }

  const tools = $("#tools");

  /* The buttons of a card. */
  function equip({ card }) {
    const added = tools?.content.cloneNode(true), place = card.lastElementChild.matches(".links") ? card.lastElementChild : $(".links", card);
    if (!added || !place) return;
    for (const [act, name] of [["star", "starred"], ["read", "read"]]) if (name in card.dataset) $(`[data-act=${act}]`, added)?.setAttribute("aria-pressed", "true");
    place.append(added);
  }

  /* Buttons and words of all papers, while nothing else happens; of the first screen at once. */
  function prepare(place = 0) {
    const one = (item, wordsToo) => {
      if (!item.equipped) equip(item);
      item.equipped = true;
      if (wordsToo && !item.words) index(item);
    };
    if (place === 0) items.slice(0, 6).forEach((item) => one(item, false));
    idle((deadline) => {
      for (let done = 0; place < items.length && (deadline.timeRemaining() > 2 || (deadline.didTimeout && done < 20)); done += 1) one(items[place++], true);
      if (place < items.length) prepare(place);
    }, { timeout: 300 });
  }

  const inCategory = (item, wanted) => item.categories.some((one) => one === wanted || one.startsWith(`${wanted}.`));
  const PREFIXES = {
    cat: inCategory,
    au: (item, wanted) => item.names.includes(wanted),
    ti: (item, wanted) => item.title.includes(wanted),
    id: (item, wanted) => item.id.includes(wanted),
  };

  /* Words that must all match; "quoted ones" stay together. */
  function asked(query) {
    return (folded(query.replace(/[“”「」『』«»]/g, '"')).match(/(?:[a-z]+:)?"[^"]+"|[^\s"]+/g) ?? []).map((word) => {
      const [, prefix, rest] = /^(cat|au|ti|id):(.+)$/s.exec(word) ?? [null, null, word];
      return { prefix, word: rest.replaceAll('"', "") };
    }).filter(({ word }) => word);
  }

  const STATES = {
    all: () => true,
    unread: ({ card }) => card.matches("article") && !("read" in card.dataset),
    starred: ({ card }) => "starred" in card.dataset,
  };
  const inState = (show) => STATES[show] ?? (({ card }) => card.dataset.state === show);

  /* ---- filters */

  const filter = { show: "all", section: "", query: "" };
  let wanted = [], filtered = false, before = null, pointing = true, planned = 0, drawing = 0, addressed = 0;
  const members = new Map(); // a section's heading -> ids of its papers, those that stand in full elsewhere too

  function membersOf(heading) {
    if (!members.has(heading)) {
      const section = sections.find((one) => one.heading === heading);
      const here = items.filter((item) => item.section === section?.element).map(({ id }) => id);
      members.set(heading, new Set([...here, ...(section?.again ?? []).map((line) => decoded($("a", line)?.hash ?? ""))]));
    }
    return members.get(heading);
  }

  function matches(item) {
    if (filter.section && !membersOf(filter.section).has(item.id)) return false;
    if (!inState(filter.show)(item)) return false;
    if (wanted.length && item.words === null) index(item);
    return wanted.every(({ prefix, word }) => (prefix ? PREFIXES[prefix](item, word) : item.words.includes(word)));
  }

  const barHeight = () => (toolbar ? toolbar.getBoundingClientRect().height : 0);

  function hide(element, hidden) {
    if (element && element.hidden !== hidden) element.hidden = hidden;
  }

  /* Decide for every paper, show and hide what the screen may hold; the rest follows, a piece a frame. */
  function apply() {
    planned = 0;
    wanted = asked(filter.query);
    const now = Boolean(wanted.length || filter.section || filter.show !== "all");
    const away = main.getBoundingClientRect().top < 0;
    if (now && !filtered) before = away ? topmost() : null;
    const alive = new Set();
    let total = 0;
    for (const item of items) {
      item.on = !now || matches(item);
      if (!item.on) continue;
      total += 1;
      alive.add(item.section);
    }
    for (const { element, again } of sections) {
      if (now) for (const line of again) hide(line, true);
      hide(element, now && !alive.has(element));
    }
    if (excluded) unfold(now && wanted.length > 0 && alive.has(excluded.closest("section")));
    tell(now, total);
    pointing = !now;
    draw();
    if (now && away) main.scrollIntoView({ behavior: "instant" });
    else if (!now && filtered && before) bring(current ?? before);
    filtered = now;
    light();
    keepAddress();
  }

  /* Bring the page to what was decided, from the top down, as far as one frame bears it; showing costs four times hiding. */
  function draw(most = AT_ONCE) {
    cancelAnimationFrame(drawing);
    drawing = 0;
    let done = 0;
    const full = () => done >= most && (drawing = requestAnimationFrame(() => draw()));
    for (const { on, holder, section } of items) {
      if (on === !holder.hidden) continue;
      if (full()) return;
      holder.hidden = !on;
      if (!section?.hidden) done += on ? 1 : 0.25;
    }
    for (const line of pointing ? pointers : []) {
      if (!line.hidden) continue;
      if (full()) return;
      line.hidden = false;
      done += 1;
    }
  }

  /* Scroll to a card; all above it must stand first. */
  function bring({ card }) {
    draw(Infinity);
    card.scrollIntoView({ block: "start", behavior: "instant" });
  }

  function unfold(open) {
    if (open && !excluded.open) {
      excluded.open = true;
      excluded.dataset.opened = "";
    } else if (!open && "opened" in excluded.dataset) {
      excluded.open = false;
      delete excluded.dataset.opened;
    }
  }

  function tell(now, shown) {
    if (count) count.textContent = now ? (count.dataset.words ?? "{shown} / {all}").replace("{shown}", shown).replace("{all}", items.length) : "";
    hide(cleared, !now);
    hide(nothing, !now || shown > 0);
    for (const button of all("[data-show]")) button.setAttribute("aria-pressed", String(button.dataset.show === filter.show));
  }

  /* Take in a change of the filter; drawn with the next frame, however many keys come before. */
  function set(change) {
    Object.assign(filter, change);
    if (field && field.value !== filter.query) field.value = filter.query;
    if (chosen && chosen.value !== filter.section) chosen.value = filter.section;
    planned ||= requestAnimationFrame(apply);
  }

  function clear() {
    set({ show: "all", section: "", query: "" });
    cancelAnimationFrame(planned);
    apply();
  }

  /* The filter stands in the address, so that a search can be kept and handed on; browsers bound how often that may change. */
  function keepAddress() {
    clearTimeout(addressed);
    addressed = setTimeout(() => {
      const query = new URLSearchParams();
      if (filter.query.trim()) query.set("q", filter.query.trim());
      if (filter.section) query.set("section", filter.section);
      if (filter.show !== "all") query.set("show", filter.show);
      const search = String(query) && `?${query}`;
      if (search === location.search) return;
      try { history.replaceState(null, "", location.pathname + search + location.hash); } catch { /* not on this page */ }
    }, 300);
  }

  function fromAddress() {
    const query = new URLSearchParams(location.search);
    const show = query.get("show") ?? "all", section = query.get("section") ?? "";
    const known = all("[data-show]").some((button) => button.dataset.show === show);
    const change = { query: query.get("q") ?? "", show: known ? show : "all", section: sections.some((one) => one.heading === section) ? section : "" };
    if (change.query || change.section || change.show !== "all") {
      set(change);
      cancelAnimationFrame(planned);
      apply();
    }
  }

  /* ---- what was found, lit up without touching the page */

  const lit = globalThis.Highlight && CSS.highlights ? new Highlight() : null;
  let lighting = 0;

  /* Where the words are in a text as it stands; its folded form may be longer or shorter. */
  function places(raw, words) {
    let plain = folded(raw), starts = null;
    if (plain.length !== raw.length) {
      plain = "";
      starts = [];
      let at = 0;
      for (const sign of raw) {
        const piece = folded(sign);
        for (let step = 0; step < piece.length; step += 1) starts.push(at);
        plain += piece;
        at += sign.length;
      }
      starts.push(at);
    }
    const found = [];
    for (const word of words) {
      for (let at = plain.indexOf(word); at >= 0; at = plain.indexOf(word, at + word.length)) {
        const end = at + word.length;
        found.push(starts ? [starts[at], starts[end]] : [at, end]);
      }
    }
    return found;
  }

  function lightCard({ card }, words) {
    const walker = document.createTreeWalker(card, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.data.trim() === "" || !(node.parentElement.closest(SEARCHED) || card.matches("li"))) continue;
      for (const [startOffset, endOffset] of places(node.data, words)) {
        if (lit.size >= MOST_FOUND) return;
        lit.add(new StaticRange({ startContainer: node, startOffset, endContainer: node, endOffset }));
      }
    }
  }

  function light() {
    lighting += 1;
    if (!lit) return;
    if (lit.size) lit.clear();
    const mine = lighting, words = wanted.map(({ word }) => word).filter((word) => !/^[ -~]$/.test(word)); // single letters are everywhere
    const found = words.length ? items.filter(({ on }) => on) : [];
    let place = 0;
    const work = (deadline) => {
      while (mine === lighting && place < found.length && lit.size < MOST_FOUND && (deadline.timeRemaining() > 3 || deadline.didTimeout)) lightCard(found[place++], words);
      if (mine === lighting && place < found.length && lit.size < MOST_FOUND) idle(work);
    };
    if (found.length) idle(work);
  }

  /* ---- stars, read marks, reading mode */

  function mark(item, name, on) {
    if (on === name in item.card.dataset) return;
    if (on) item.card.dataset[name] = "";
    else delete item.card.dataset[name];
    $(`[data-act=${name === "starred" ? "star" : "read"}]`, item.card)?.setAttribute("aria-pressed", String(on));
  }

  const said = (kept) => say(kept ? "" : "unsaved");

  function star(item) {
    const on = !("starred" in item.card.dataset);
    const record = recordOf(item);
    if (record) said(on ? keepStar(record) : dropStar(item.id));
    mark(item, "starred", on);
  }

  function read(item, on = !("read" in item.card.dataset)) {
    if (on === "read" in item.card.dataset) return;
    const kept = keepRead(item.id, on ? day : null);
    mark(item, "read", on);
    if (!kept && !read.told) say("unsaved");
    read.told ||= !kept;
  }

  async function copyLink(item) {
    const page = location.href.replace(/[?#].*$/s, "");
    say((await copyText(`${page}#${item.id}`)) ? "copied" : "failed");
  }

  function setMode(mode) {
    const root = document.documentElement, was = root.dataset.mode ?? MODES[0];
    if (mode === MODES[0]) delete root.dataset.mode;
    else root.dataset.mode = mode;
    for (const button of all("[data-set-mode]")) button.setAttribute("aria-pressed", String(button.dataset.setMode === mode));
    if (CSS.supports("selector(::details-content)") || (mode === MODES[0] && was === MODES[0])) return;
    for (const one of all("details.abstract", main)) one.open = mode !== MODES[0]; // styles can't open them here
  }

  function chooseMode(mode) {
    const isAmongCards = main.getBoundingClientRect().top < barHeight(); // before the first card the page stays where it is
    const place = isAmongCards ? current ?? topmost() : null;
    said(keepMode(mode));
    setMode(mode);
    if (place) bring(place);
  }

  /* What is kept, as another page may have changed it. */
  function refresh() {
    const stars = allStars(), marks = allRead();
    for (const item of cards) {
      mark(item, "starred", stars.has(item.id));
      mark(item, "read", marks.has(item.id));
    }
    setMode(keptMode());
    setKeys(keysAreOn());
  }

  /* ---- keys */

  let current = null;
  const visible = () => cards.filter(({ on, holder }) => on && !holder.closest("[hidden], details:not([open])"));

  /* The first card that begins on the screen, or reaches below its upper half. */
  function topmost() {
    const list = cards.filter(({ on }) => on);
    const line = barHeight() + 24;
    let low = 0, high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle].card.getBoundingClientRect().bottom > line) high = middle;
      else low = middle + 1;
    }
    return list[low] ?? null;
  }

  function stand(item) {
    if (current) delete current.card.dataset.current;
    current = item;
    if (item) item.card.dataset.current = "";
  }

  function go(item) {
    if (!item) return;
    stand(item);
    item.link.focus({ preventScroll: true });
    bring(item);
  }

  function step(by) {
    const list = visible();
    const at = current ? list.indexOf(current) : -1;
    if (at < 0) return go(topmost());
    if (by > 0) read(current, true);
    go(list[at + by]);
  }

  function stepSection(by) {
    const list = visible(), here = current?.on ? current : topmost();
    const starts = list.filter((item, place) => item.section !== list[place - 1]?.section);
    const at = starts.findIndex((item) => item.section === here?.section);
    const back = by < 0 && here !== starts[at];
    go(starts[back ? at : at + by]);
  }

  const chosenCard = () => {
    const focused = byCard.get(document.activeElement?.closest?.("article[data-state]"));
    const item = focused ?? (current?.on ? current : topmost());
    if (item && item !== current) stand(item);
    return item;
  };
  const onCard = (act) => () => {
    const item = chosenCard();
    if (item) act(item);
  };

  function pressNext(name) {
    const buttons = all(`[${name}]`);
    const at = buttons.findIndex((button) => button.getAttribute("aria-pressed") === "true");
    buttons[(at + 1) % buttons.length]?.click();
  }

  function open(on) {
    toolbar.toggleAttribute("data-open", on);
    more?.setAttribute("aria-expanded", String(on));
  }

  const KEYS = {
    j: () => step(1),
    k: () => step(-1),
    n: () => stepSection(1),
    p: () => stepSection(-1),
    o: onCard(({ link }) => window.open(link.href, "_blank", "noopener")),
    e: onCard(({ card }) => { const fold = $("details.abstract", card); if (fold) fold.open = !fold.open; }),
    s: onCard(star),
    r: onCard((item) => read(item)),
    c: onCard(copyLink),
    m: () => pressNext("data-set-mode"),
    t: () => pressNext("data-set-theme"),
    "/": () => { scrolledTo(field); field.select(); },
    "?": () => { open(true); more?.focus({ preventScroll: true }); },
  };

  const scrolledTo = (element) => element.focus({ preventScroll: getComputedStyle(toolbar).position === "sticky" });

  function leave() {
    if (toolbar.hasAttribute("data-open")) {
      open(false);
      if (toolbar.contains(document.activeElement)) more?.focus({ preventScroll: true });
    } else if (filtered || field.value) clear();
    else if (document.activeElement === field) field.blur();
    else stand(null);
  }

  /* Which letter of ours a key is, also where the keyboard writes another alphabet. */
  function letter({ key, code }) {
    if (/^[!-~]$/.test(key)) return key.toLowerCase();
    return /^Key[A-Z]$/.test(code) ? code.at(3).toLowerCase() : key;
  }

  const keysAreOn = () => keptText(KEPT.keys) !== "off";

  function setKeys(on) {
    for (const button of all("[data-set-keys]")) button.setAttribute("aria-pressed", String((button.dataset.setKeys === "on") === on));
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape") {
      leave();
      event.preventDefault();
    } else if (keysAreOn() && !event.target.closest?.("input, textarea, select, [contenteditable]")) {
      const act = Object.hasOwn(KEYS, letter(event)) ? KEYS[letter(event)] : null;
      if (!act) return;
      event.preventDefault();
      act();
    }
  });

  /* ---- the toolbar and the buttons of the cards */

  const shownStars = () => items.filter(({ on, card }) => on && !card.closest(".excluded")).map(recordOf).filter(Boolean);
  const scope = () => $("[data-scope][aria-pressed=true]")?.dataset.scope ?? "starred";

  async function give(form, copied) {
    const starred = scope() === "starred";
    say(await handOver(form, starred ? [...allStars().values()] : shownStars(), starred ? "digest-stars" : `digest-${day}`, copied));
  }

  const press = (button, name) => {
    for (const one of all(`[${name}]`)) one.setAttribute("aria-pressed", String(one === button));
  };
  const ACTS = {
    "data-show": (button) => set({ show: button.dataset.show }),
    "data-set-mode": (button) => chooseMode(button.dataset.setMode),
    "data-set-keys": (button) => { said(keepText(KEPT.keys, button.dataset.setKeys)); setKeys(keysAreOn()); },
    "data-scope": (button) => press(button, "data-scope"),
    "data-export": (button) => give(button.dataset.export, false),
    "data-clip": (button) => give(button.dataset.clip, true),
    "data-act": (button) => {
      const item = byCard.get(button.closest("article[data-state]"));
      if (item) ({ star, read: (one) => read(one), copy: copyLink })[button.dataset.act]?.(item);
    },
  };

  document.addEventListener("click", (event) => {
    const target = event.target.closest?.("button, a[href^='#']");
    if (toolbar?.hasAttribute("data-open") && !toolbar.contains(event.target)) open(false);
    if (!target) return;
    if (target.matches("a")) return reveal(target.hash);
    if (target === more) open(!toolbar.hasAttribute("data-open"));
    else if (target === cleared) { clear(); field.focus({ preventScroll: true }); }
    else for (const [name, act] of Object.entries(ACTS)) if (target.hasAttribute(name)) act(target);
  });

  function decoded(hash) {
    try { return decodeURIComponent(hash.slice(1)); } catch { return hash.slice(1); }
  }

  /* Make sure that the target of a link can be seen: no filter hides it, nothing folded holds it. */
  function reveal(hash) {
    const target = hash && document.getElementById(decoded(hash));
    if (!target || !main.contains(target)) return null;
    if (target.closest("[hidden]")) clear();
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    return target;
  }

  function toHash() {
    const target = reveal(location.hash);
    if (!target) return;
    const item = byCard.get(target.closest("article[data-state]") ?? $("article[data-state]", target));
    if (item) stand(item);
    draw(Infinity);
    target.scrollIntoView({ block: "start", behavior: "instant" });
  }

  /* ---- begin */

  refresh();
  whenKeptChanges(refresh);
  const typed = () => set({ query: field.value });
  field?.addEventListener("input", (event) => { if (!event.isComposing) typed(); });
  field?.addEventListener("compositionend", typed);
  chosen?.addEventListener("change", () => set({ section: chosen.value }));
  if (lit) CSS.highlights.set("found", lit);
  fromAddress();
  if (location.hash) toHash();
  addEventListener("hashchange", toHash);
  prepare();
}
