"use strict";
/* The search over all days. Each day's shard is a script that calls digest.add; they are loaded from the newest on, searched
   one by one in that order, and what is found is shown as it comes. Says nothing but the words that the page has. */
{
  const $ = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const main = $("#main"), field = $("#q"), hits = $("#hits"), bar = $("#bar"), told = $("#told"), stop = $("#stop"), on = $("#on"), more = $("#more"), lost = $("#lost"), again = $("#again"), cleared = $("#clear"), many = $("#many"), nothing = $("#nothing");
  const filters = { section: $("#section"), state: $("#state"), from: $("#from"), to: $("#to") };
  const starred = $("#starred"), shapes = { day: $("#day"), hit: $("#hit") };
  const states = [...filters.state.options].slice(1); // in the order of a row's numbers
  const days = main.dataset.days.split(" ").filter(Boolean);
  const FIRST = 30; // days that a search always looks through
  const AHEAD = 12; // shards on their way at a time; a browser asks an HTTP/1.1 server for six of them
  const EAGER = 6; // shards that are asked for before the first key
  const KEPT = 40; // newest days whose papers stay in memory; older ones come again from the browser's cache
  const SHOWN = 100; // hits shown at a time
  const LISTED = 500; // hits that can be shown at all
  const PATIENCE = 30_000; // ms for a shard
  const SLICE = 12; // ms of work before the page may react
  const number = new Intl.NumberFormat(document.documentElement.lang);
  const longDate = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "full", timeZone: "UTC" });
  const saying = (words, values) => words.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

  /* ---- shards */

  /* The only addresses that a script may come from. */
  const OURS = /^\d{4}-\d{2}-\d{2}\/search\.js$/;
  const rules = { createScriptURL: (path) => { if (OURS.test(path)) return path; throw new TypeError("no shard"); } };
  const policy = globalThis.trustedTypes?.createPolicy("digest", rules) ?? rules;
  const memory = new Map(); // day -> promise of its shard, or of null where it can't be read
  const arrived = new Map(); // day -> what its script has handed over so far
  const asked = new Set();

  globalThis.digest = Object.freeze({
    add(day, sections, facts, texts) {
      const right = Array.isArray(sections) && sections.every(Array.isArray) && typeof facts === "string" && typeof texts === "string";
      if (asked.has(day) && right) arrived.set(day, { sections: sections.map(([kind, title]) => `${kind}:${title}`), facts, texts, index: null });
    },
  });

  function load(day) {
    if (memory.has(day)) return memory.get(day);
    const coming = new Promise((resolve) => {
      const script = document.createElement("script");
      const done = () => {
        clearTimeout(patience);
        script.remove();
        const shard = arrived.get(day) ?? null;
        arrived.delete(day);
        asked.delete(day);
        resolve(shard);
      };
      const patience = setTimeout(done, PATIENCE);
      asked.add(day);
      script.onload = done;
      script.onerror = done;
      script.src = policy.createScriptURL(`${day}/search.js`);
      document.head.append(script);
    });
    memory.set(day, coming);
    return coming;
  }

  const newest = new Set(days.slice(0, KEPT));
  function forget(forgotten) {
    for (const day of forgotten) if (!newest.has(day) && !asked.has(day)) memory.delete(day);
  }

  /* Let the page react to what the reader does. */
  const breath = () => new Promise((resolve) => { setTimeout(resolve); });

  /* ---- the search that is on */

  let run = null; // what is searched for, how far it is, what it found
  const wish = () => ({ q: field.value.trim(), section: filters.section.value, state: filters.state.value, from: filters.from.value, to: filters.to.value, starred: starred.getAttribute("aria-pressed") === "true" ? "1" : "" });
  const isWish = ({ q, ...narrowed }) => termsOf(q).some(({ not }) => !not) || Object.values(narrowed).some(Boolean);

  function begin(limited = true) {
    const asking = wish();
    clearHits();
    cleared.hidden = !Object.values(asking).some(Boolean);
    run = null;
    forget([...memory.keys()]);
    if (!isWish(asking)) return tell();
    const terms = termsOf(asking.q);
    run = {
      asking, terms, limited,
      lit: pointing(terms),
      days: days.filter((day) => (!asking.from || day >= asking.from) && (!asking.to || day <= asking.to)),
      stars: asking.starred ? new Set([...allStars().keys()].map(fold)) : null, // as an index has them
      done: 0, found: 0, list: [], shown: 0, room: SHOWN, lost: [], going: false,
    };
    return go(run);
  }

  const enough = (one) => one.limited && one.done >= FIRST && (one.found >= SHOWN || navigator.connection?.saveData === true);

  /* Search on from where it stands, until all days are through, enough is found, or another search begins. */
  async function go(one) {
    one.going = true;
    let since = performance.now();
    while (one === run && one.going && one.done < one.days.length && !enough(one)) {
      const last = one.limited && one.found >= SHOWN ? FIRST : one.days.length; // what is surely looked through
      for (const day of one.days.slice(one.done, Math.min(last, one.done + AHEAD))) load(day);
      const day = one.days[one.done];
      if (performance.now() - since > SLICE) {
        tell();
        await breath();
        since = performance.now();
      }
      const shard = await load(day);
      if (one !== run || !one.going) break;
      if (shard) look(one, day, shard);
      else one.lost.push(day);
      one.done += 1;
      forget([day]);
    }
    if (one !== run) return;
    one.going = false;
    tell();
  }

  const factsOf = (line = "1 0 ") => {
    const [version, state, sections = ""] = line.split(" ");
    return { version: Number(version) || 1, state: states[state] ?? states[0], sections: sections.split(",") };
  };

  function paperOf(facts, text) {
    // A piece of a string keeps the whole day in memory; what went through JSON is a string of its own.
    const [title, authors = "", marks = "", tldr = "", names = ""] = JSON.parse(JSON.stringify(text.split(FIELD)));
    const { version, state } = factsOf(facts);
    const categories = marks.split(" ");
    return { id: categories.pop(), version, state, title, authors: authors.split("; ").filter(Boolean), categories, tldr, names };
  }

  /* The numbers of those that the filters leave of the papers found. */
  function left(one, shard, rows) {
    const { section, state } = one.asking;
    if (!section && !state && !one.stars) return rows;
    const wanted = String(shard.sections.indexOf(section)), facts = shard.facts.split(LINE);
    return rows.filter((row) => {
      const of = factsOf(facts[row]);
      return (!section || of.sections.includes(wanted)) && (!state || of.state.value === state) && (!one.stars || one.stars.has(idOf(shard.index, row)));
    });
  }

  function look(one, day, shard) {
    shard.index ??= indexed(shard.texts);
    const rows = left(one, shard, matching(shard.index, one.terms));
    one.found += rows.length;
    const room = LISTED - one.list.length;
    if (!rows.length || !room) return;
    if (rows.length <= SHOWN) { // more say little, and would keep the page busy
      const ranks = new Map(rows.map((row) => [row, rankOf(shard.index, row, one.terms)]));
      rows.sort((first, second) => ranks.get(first) - ranks.get(second) || first - second);
    }
    const facts = shard.facts.split(LINE), texts = shard.texts.split(LINE);
    for (const row of rows.slice(0, room)) one.list.push({ day, paper: paperOf(facts[row], texts[row]), of: rows.length });
    show(one);
  }

  /* ---- what it found */

  function clearHits() {
    hits.replaceChildren();
    current = null;
  }

  let drawing = 0;
  function show(one) {
    if (!drawing && one.shown < Math.min(one.room, one.list.length)) drawing = requestAnimationFrame(draw);
  }

  /* Draw a few hits a frame, so that none is long. */
  function draw() {
    drawing = 0;
    const one = run;
    if (!one) return;
    const last = Math.min(one.room, one.list.length, one.shown + 10);
    for (; one.shown < last; one.shown += 1) listOf(one.list[one.shown]).append(shapeOf(one.list[one.shown], one.lit));
    show(one);
    tell();
  }

  function listOf({ day, of }) {
    const last = hits.lastElementChild;
    if (last?.dataset.day === day) return $("ol", last);
    const part = shapes.day.content.firstElementChild.cloneNode(true);
    part.dataset.day = day;
    const link = $("a", part);
    link.href = `${day}/index.html`;
    $("time", link).dateTime = day;
    $("time", link).textContent = longDate.format(new Date(`${day}T00:00:00Z`));
    $(".total", part).textContent = number.format(of);
    hits.append(part);
    return $("ol", part);
  }

  /* Put a text into an element, what was searched for as marks. */
  function write(element, text, terms) {
    let done = 0;
    for (const [from, to] of terms.length ? spansOf(text, terms) : []) {
      const mark = document.createElement("mark");
      mark.textContent = text.slice(from, to);
      element.append(text.slice(done, from), mark);
      done = to;
    }
    element.append(text.slice(done));
  }

  const NEAR = 3; // authors shown, and as many again that were searched for
  function shapeOf({ day, paper }, terms) {
    const item = shapes.hit.content.firstElementChild.cloneNode(true);
    const at = (name) => $(`[data-at="${name}"]`, item);
    const address = `${paper.id}v${paper.version}`;
    const has = (text) => terms.some((term) => placeOf(term, fold(text)) >= 0);
    item.dataset.id = paper.id;
    item.dataset.state = paper.state.value;
    at("title").href = `${day}/index.html#${encodeURIComponent(paper.id)}`;
    write(at("title"), paper.title, terms);
    const named = paper.authors.filter((name, place) => place < NEAR || has(name)).slice(0, NEAR * 2);
    write(at("authors"), named.join(", "), terms);
    if (named.length < paper.authors.length) at("others").textContent = saying(at("others").dataset.words, { all: number.format(paper.authors.length) });
    for (const category of paper.categories) {
      const badge = document.createElement("span");
      badge.className = "category";
      badge.textContent = category;
      at("categories").append(badge, " ");
    }
    at("state").textContent = paper.state.text;
    at("state").hidden = paper.state === states[0];
    at("arxiv").href = `https://arxiv.org/abs/${address}`;
    write(at("arxiv"), `arXiv:${address}`, terms);
    write(at("tldr"), paper.tldr, terms);
    const names = terms.length ? paper.names.split(" ").filter(has) : [];
    at("names").hidden = !names.length;
    write($("[lang]", at("names")), names.slice(0, NEAR * 4).join(", "), terms);
    markStar(item, allStarred.has(paper.id));
    item.record = { day, paper };
    return item;
  }

  /* ---- what is said about it */

  function tell() {
    const one = run, going = Boolean(one?.going);
    const left = one ? one.days.length - one.done : 0;
    hide(told, !one);
    hide(bar, !going);
    hide(stop, !going);
    hide(on, !one || going || !left);
    hide(nothing, !one || going || left > 0 || one.found > 0);
    hide(lost, !one?.lost.length);
    hide(more, !one || one.shown >= one.list.length || one.shown < one.room);
    hide(many, !one || one.found <= LISTED || one.shown < LISTED);
    if (!one) return;
    bar.max = one.days.length;
    bar.value = one.done;
    told.setAttribute("aria-busy", String(going || one.shown < Math.min(one.room, one.list.length)));
    put(told, saying(told.dataset.words, { done: number.format(one.done), all: number.format(one.days.length), hits: number.format(one.found) }));
    put(on, saying(on.dataset.words, { left: number.format(left) }));
    put(many, saying(many.dataset.words, { count: number.format(LISTED) }));
    put(more, saying(more.dataset.words, { count: number.format(Math.min(SHOWN, one.list.length - one.shown)) }));
    if (one.lost.length) put($("span", lost), saying(lost.dataset.words, { count: number.format(one.lost.length), days: one.lost.slice(0, 5).join(", ") + (one.lost.length > 5 ? " …" : "") }));
  }

  function hide(element, hidden) {
    if (element.hidden !== hidden) element.hidden = hidden;
  }

  function put(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  /* ---- stars */

  let allStarred = allStars();

  function markStar(item, is) {
    item.toggleAttribute("data-starred", is);
    $("[data-act=star]", item).setAttribute("aria-pressed", String(is));
  }

  function star(item) {
    const { day, paper } = item.record;
    if (allStars().has(paper.id)) dropStar(paper.id);
    else {
      const { title, authors, categories, version, tldr } = paper;
      const kept = asStar(paper.id, { title, authors, categories, version, announced: day, starred: new Date().toISOString(), tldr });
      if (kept) keepStar(kept);
    }
    refresh();
  }

  function refresh() {
    allStarred = allStars();
    for (const item of all("[data-id]", hits)) markStar(item, allStarred.has(item.dataset.id));
  }

  /* ---- the address, so that Back and a bookmark bring a search back */

  let kept = location.search;

  function keepAddress(fresh) {
    const query = new URLSearchParams(Object.entries(wish()).filter(([, value]) => value));
    const search = String(query) && `?${query}`;
    if (search === location.search && !(fresh && search !== kept)) return;
    const address = location.pathname + search;
    try {
      if (fresh && search !== kept) {
        history.replaceState(null, "", location.pathname + kept);
        history.pushState(null, "", address);
        kept = search;
      } else history.replaceState(null, "", address);
    } catch { /* not on this page */ }
  }

  function fromAddress() {
    const query = new URLSearchParams(location.search);
    kept = location.search;
    field.value = query.get("q") ?? "";
    for (const [name, element] of Object.entries(filters)) {
      element.value = query.get(name) ?? "";
      if (element.value === "" && element.tagName === "SELECT") element.selectedIndex = 0;
    }
    starred.setAttribute("aria-pressed", String(query.get("starred") === "1"));
    if (Object.keys(filters).some((name) => query.get(name))) $("#filters").open = true;
    begin();
  }

  let typing = 0;
  function soon(wait) {
    clearTimeout(typing);
    typing = setTimeout(() => { keepAddress(false); begin(); }, wait);
  }

  /* What is searched for now is settled: Back leads to what was settled before. */
  function settle() {
    clearTimeout(typing);
    keepAddress(true);
    if (!run || JSON.stringify(run.asking) !== JSON.stringify(wish())) begin();
  }

  /* ---- keys */

  let current = null;
  const standing = () => document.activeElement?.closest?.("[data-id]") ?? (current?.isConnected ? current : null);

  function step(by) {
    const list = all("[data-id]", hits);
    const at = list.indexOf(standing());
    const next = list[at < 0 ? 0 : at + by];
    if (!next) return;
    current = next;
    $("a", next).focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest", behavior: "instant" });
  }

  const KEYS = {
    j: () => step(1),
    k: () => step(-1),
    o: () => { const item = standing(); if (item) window.open($("[data-at=arxiv]", item).href, "_blank", "noopener"); },
    s: () => { const item = standing(); if (item) star(item); },
    "/": () => { field.focus(); field.select(); },
  };

  /* Which letter of ours a key is, also where the keyboard writes another alphabet. */
  function letter({ key, code }) {
    if (/^[!-~]$/.test(key)) return key.toLowerCase();
    return /^Key[A-Z]$/.test(code) ? code.at(3).toLowerCase() : key;
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape" && event.target === field && !field.value) field.blur();
    if (event.target.closest?.("input, textarea, select") || keptText("digest:keys") === "off") return;
    if (!Object.hasOwn(KEYS, letter(event))) return;
    event.preventDefault();
    KEYS[letter(event)]();
  });

  /* ---- begin */

  field.addEventListener("input", (event) => { if (!event.isComposing) soon(150); });
  field.addEventListener("compositionend", () => soon(0));
  field.addEventListener("change", settle);
  field.addEventListener("focus", () => { for (const day of days.slice(0, EAGER)) load(day); }, { once: true });
  field.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.isComposing) settle(); });
  for (const element of Object.values(filters)) element.addEventListener("change", settle);
  starred.addEventListener("click", () => { starred.setAttribute("aria-pressed", String(starred.getAttribute("aria-pressed") !== "true")); settle(); });
  stop.addEventListener("click", () => { if (run) run.going = false; tell(); });
  on.addEventListener("click", () => { if (run) { run.limited = false; go(run); } });
  more.addEventListener("click", () => { if (run) { run.room += SHOWN; show(run); tell(); } });
  again.addEventListener("click", () => { for (const day of run?.lost ?? []) memory.delete(day); begin(run?.limited); });
  cleared.addEventListener("click", () => { field.value = ""; for (const element of Object.values(filters)) element.value = ""; starred.setAttribute("aria-pressed", "false"); settle(); field.focus(); });
  hits.addEventListener("click", (event) => { const button = event.target.closest("[data-act=star]"); if (button) star(button.closest("[data-id]")); });
  addEventListener("popstate", fromAddress);
  whenKeptChanges(refresh);
  fromAddress();
}
