"use strict";
/* What the reader keeps in this browser: starred papers, read marks, the reading mode. Storage may be blocked, full, damaged,
   or written by another page at any time: every change begins with what stands there now, touches nothing else of it, and
   where it can't be kept it lives as long as the page. */
const KEPT = { stars: "digest:stars", read: "digest:read", mode: "digest:mode", keys: "digest:keys" };
const MODES = ["zh", "en", "both"];
const MOST_READ = 5000;
const PAPER_ID = /^(?:\d{4}\.\d{4,5}|[a-z][a-z-]{1,15}(?:\.[A-Z]{2})?\/\d{7})$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
// Control characters, overrides of the writing direction, lone surrogates: as plaintext.py has them.
const NEVER_TEXT = /[\0-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff]|\p{Cs}|[\u{e0000}-\u{e007f}]/gu;
const unkept = new Map(); // key -> text that the browser refused to keep

function keptText(key) {
  if (unkept.has(key)) return unkept.get(key);
  try { return localStorage.getItem(key); } catch { return null; }
}

/* Whether the browser has it now; if not, this page has it. */
function keepText(key, text) {
  try {
    localStorage.setItem(key, text);
    unkept.delete(key);
    return true;
  } catch {
    unkept.set(key, text);
    return false;
  }
}

function asObject(text) {
  try {
    const found = JSON.parse(text);
    return found && typeof found === "object" && !Array.isArray(found) ? found : null;
  } catch { return null; }
}

/* A text that can't be read is put aside before anything is written over it. */
function keptObject(key) {
  const text = keptText(key);
  if (!text) return {};
  const found = asObject(text);
  if (found) return found;
  try { localStorage.setItem(`${key}:damaged`, text); } catch { /* nowhere to put it */ }
  return {};
}

const oneLine = (value) => (typeof value === "string" ? value.replace(NEVER_TEXT, "").replace(/\s+/g, " ").trim() : "");
const allLines = (value) => (Array.isArray(value) ? value.map(oneLine).filter(Boolean) : []);

/* A star as every page may use it, out of whatever stood in the storage or in a file; null where it is none. */
function asStar(id, raw) {
  if (!PAPER_ID.test(id) || !raw || typeof raw !== "object") return null;
  const star = {
    id,
    title: oneLine(raw.title) || id,
    authors: allLines(raw.authors),
    categories: allLines(raw.categories),
    version: Number.isInteger(raw.version) && raw.version > 0 ? raw.version : 1,
    announced: DAY.test(raw.announced) ? raw.announced : "",
    starred: oneLine(raw.starred),
  };
  for (const name of ["tex", "tldr", "comment", "journal", "doi"]) if (oneLine(raw[name])) star[name] = oneLine(raw[name]);
  return star;
}

/* Every starred paper, newest day first. */
function allStars() {
  const found = Object.entries(keptObject(KEPT.stars)).map(([id, raw]) => asStar(id, raw)).filter(Boolean);
  found.sort((one, other) => other.announced.localeCompare(one.announced) || one.id.localeCompare(other.id));
  return new Map(found.map((star) => [star.id, star]));
}

function keepStar(star) {
  const { id, ...record } = star;
  return keepText(KEPT.stars, JSON.stringify({ ...keptObject(KEPT.stars), [id]: record }));
}

function dropStar(id) {
  const { [id]: _, ...others } = keptObject(KEPT.stars);
  return keepText(KEPT.stars, JSON.stringify(others));
}

const dropAllStars = () => keepText(KEPT.stars, "{}");

/* All stars as a file that another browser can take in. */
function backup() {
  const stars = Object.fromEntries([...allStars().values()].map(({ id, ...record }) => [id, record]));
  return `${JSON.stringify({ digest: "stars", schema: 1, stars }, null, 1)}\n`;
}

/* Take in a backup beside what is there: how many papers are new, whether they were kept; null where it is no backup. */
function takeIn(text) {
  const stars = asObject(text)?.stars;
  if (!stars || typeof stars !== "object" || Array.isArray(stars)) return null;
  const have = keptObject(KEPT.stars);
  const fresh = Object.entries(stars).map(([id, raw]) => asStar(id, raw)).filter((star) => star && !Object.hasOwn(have, star.id));
  for (const { id, ...record } of fresh) have[id] = record;
  return { count: fresh.length, kept: fresh.length === 0 || keepText(KEPT.stars, JSON.stringify(have)) };
}

/* The ids of what was read. */
const allRead = () => new Set(Object.keys(keptObject(KEPT.read)));

/* Mark a paper of a day as read, or as unread where there is no day; the oldest marks make room. */
function keepRead(id, day) {
  const { [id]: _, ...others } = keptObject(KEPT.read);
  let marks = Object.entries(day ? { ...others, [id]: day } : others).filter(([, when]) => DAY.test(when));
  if (marks.length > MOST_READ) marks = marks.sort(([, one], [, other]) => other.localeCompare(one)).slice(0, MOST_READ);
  return keepText(KEPT.read, JSON.stringify(Object.fromEntries(marks)));
}

const keptMode = () => (MODES.includes(keptText(KEPT.mode)) ? keptText(KEPT.mode) : MODES[0]);
const keepMode = (mode) => keepText(KEPT.mode, mode);

/* Call `changed` when another page has changed what is kept, or may have while this one slept. */
function whenKeptChanges(changed) {
  const ours = Object.values(KEPT);
  addEventListener("storage", (event) => { if (event.key === null || ours.includes(event.key)) changed(); });
  addEventListener("pageshow", (event) => { if (event.persisted) changed(); });
}
