"use strict";
/* The page of all stars: a list by day, made of the page's own templates, and what can be done with it. */
{
  const $ = (selector, within = document) => within.querySelector(selector);
  const list = $("#stars"), field = $("#find"), count = $("#count");
  const days = new Set((list.dataset.days ?? "").split(" "));
  const MANY = 8, FIRST = 5; // authors: more than so many are cut to the first few
  let stars = new Map();

  const long = (() => {
    const form = { year: "numeric", month: "long", day: "numeric", weekday: "long", timeZone: "UTC" };
    try { return new Intl.DateTimeFormat(document.documentElement.lang, form); } catch { return new Intl.DateTimeFormat("en", form); }
  })();

  /* A day in words; what only looks like a date stays as it is. */
  function named(day) {
    const moment = new Date(`${day}T00:00:00Z`);
    return Number.isNaN(moment.getTime()) ? day : long.format(moment);
  }

  function put(element, text) {
    element.textContent = text ?? "";
    element.hidden = !text;
  }

  /* The paper's card where this site has the day, else arXiv. */
  function place(star) {
    return days.has(star.announced) ? `${star.announced}/index.html#${star.id}` : address(star);
  }

  function rowOf(star) {
    const row = $("#star").content.cloneNode(true).firstElementChild;
    const names = star.authors.length > MANY ? [...star.authors.slice(0, FIRST), "…"] : star.authors;
    const [title, arxiv] = [$("h3 a", row), $(".address", row)];
    row.dataset.id = star.id;
    title.textContent = star.title;
    title.href = place(star);
    arxiv.textContent = `arXiv:${star.id}v${star.version}`;
    arxiv.href = `${address(star)}v${star.version}`;
    put($(".authors", row), names.join(", "));
    put($(".tldr", row), star.tldr);
    put($(".comment", row), [star.comment, star.journal].filter(Boolean).join(" · "));
    for (const category of star.categories) {
      const badge = document.createElement("span");
      badge.className = "category";
      badge.textContent = category;
      arxiv.before(badge, " ");
    }
    return row;
  }

  function groupOf([day, found]) {
    const group = $("#day").content.cloneNode(true).firstElementChild;
    const heading = $("h2", group), link = $("h2 a", group), time = document.createElement("time");
    heading.id = `d${day}`;
    group.setAttribute("aria-labelledby", heading.id);
    if (day) {
      time.dateTime = day;
      time.textContent = named(day);
      $(".when", group).replaceChildren(time);
    }
    if (days.has(day)) link.href = `${day}/index.html`;
    $(".total", group).textContent = found.length;
    $("ol", group).append(...found.map(rowOf));
    return group;
  }

  function matching() {
    const words = folded(field.value).split(/\s+/).filter(Boolean);
    const told = (star) => folded([star.id, star.title, ...star.authors, ...star.categories, star.tldr, star.comment, star.journal].join("\n"));
    return [...stars.values()].filter((star) => words.every((word) => told(star).includes(word)));
  }

  function draw() {
    const found = matching();
    list.replaceChildren(...[...byDay(found)].map(groupOf));
    $("#empty").hidden = stars.size > 0;
    $("#tools").hidden = stars.size === 0;
    $("#nothing").hidden = found.length > 0 || stars.size === 0;
    $("#clear").disabled = stars.size === 0;
    count.textContent = count.dataset.words.replace("{shown}", found.length).replace("{all}", stars.size);
  }

  function refresh() {
    stars = allStars();
    draw();
  }

  /* The row stays until the page is drawn again, so that a slip can be taken back. */
  function toggle(button) {
    const row = button.closest("[data-id]"), star = stars.get(row.dataset.id);
    const on = button.getAttribute("aria-pressed") !== "true";
    say((on ? keepStar(star) : dropStar(star.id)) ? "" : "unsaved");
    button.setAttribute("aria-pressed", String(on));
    row.toggleAttribute("data-gone", !on);
  }

  async function takeFile(input) {
    const [file] = input.files;
    if (!file) return;
    const found = file.size < 20_000_000 ? takeIn(await file.text().catch(() => "")) : null;
    input.value = "";
    refresh();
    if (!found) say("unreadable");
    else if (!found.kept) say("unsaved");
    else say("taken", found.count);
  }

  const kept = () => [...allStars().values()];
  const ACTS = {
    "data-act": toggle,
    "data-export": async (button) => say(await handOver(button.dataset.export, kept(), "digest-stars", false)),
    "data-clip": async (button) => say(await handOver(button.dataset.clip, kept(), "digest-stars", true)),
    "data-clear": (button) => {
      if (!confirm(button.dataset.sure)) return;
      say(dropAllStars() ? "" : "unsaved");
      refresh();
    },
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button");
    for (const [name, act] of Object.entries(ACTS)) if (button?.hasAttribute(name)) act(button);
  });
  $("#file").addEventListener("change", (event) => takeFile(event.target));
  field.addEventListener("input", draw);
  whenKeptChanges(refresh);
  refresh();
}
