"use strict";
/* Stars as BibTeX, RIS and Markdown, out of this page as a file or to the clipboard. Titles and names are strangers' text:
   none can end a field, begin a line or, in TeX, reach for a file. */
const FORMS = {
  bibtex: { ending: "bib", type: "application/x-bibtex", write: bibtex },
  ris: { ending: "ris", type: "application/x-research-info-systems", write: ris },
  markdown: { ending: "md", type: "text/markdown", write: markdownList },
  backup: { ending: "json", type: "application/json", write: backup },
};
const UNDECOMPOSED = { ß: "ss", ø: "o", ł: "l", đ: "d", ð: "d", þ: "th", æ: "ae", œ: "oe", ı: "i" };
const SMALL_WORDS = new Set(["a", "an", "the", "on", "of", "for", "in", "to", "towards", "toward", "is", "are", "and", "with", "from", "at", "by"]);
const GROUP = /\b(?:collaboration|consortium|team|group|et al)\b/i;
// What makes TeX read or write files, or change what signs mean; `^^` writes a sign by its number.
const TEX_REACH = /^\\(?:input|include\w*|Input\w*|open(?:in|out)|read(?:line)?|write\w*|immediate|special|catcode|[egx]?def|(?:future)?let|(?:end)?csname|expandafter|(?:re|provide)?newcommand|renewcommand|providecommand|directlua|latelua|lua(?:exec|direct)|usepackage|RequirePackage|document\w*|begin|end|loop|every\w+|output|shipout|pdf\w+|jobname)$/;
const TEX_SIGNS = { "\\": "\\textbackslash{}", "{": "\\textbraceleft{}", "}": "\\textbraceright{}", "^": "\\textasciicircum{}", "~": "\\textasciitilde{}", "$": "\\$", "&": "\\&", "%": "\\%", "#": "\\#", "_": "\\_" };

/* Letters as a search or a key wants them: small, without accents and widths. */
function folded(text) {
  if (/^[\0-\x7f]*$/.test(text)) return text.toLowerCase();
  const bare = text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").normalize("NFC").toLowerCase();
  return bare.replace(/[ßøłđðþæœı]/g, (letter) => UNDECOMPOSED[letter]);
}

const address = (star) => `https://arxiv.org/abs/${star.id}`;

/* The year of version 1, which an identifier begins with. Source: https://info.arxiv.org/help/arxiv_identifier.html */
function yearOf(id) {
  const year = Number(id.slice(id.indexOf("/") + 1).slice(0, 2));
  return String(year >= 91 ? 1900 + year : 2000 + year);
}

function doiOf(star) {
  return /^10\.\d{4,9}\/[^\s{}\\"<>]+/.exec(star.doi ?? "")?.[0];
}

/* Plain text in TeX. */
const texText = (text) => oneLine(text).replace(/[\\{}^~$&%#_]/g, (sign) => TEX_SIGNS[sign]);

function balanced(text) {
  let depth = 0;
  for (const sign of text.match(/[{}]/g) ?? []) {
    depth += sign === "{" ? 1 : -1;
    if (depth < 0) return false;
  }
  return depth === 0;
}

/* A title as its authors wrote it in TeX; what is no TeX is escaped. Braces must pair, also escaped ones: BibTeX counts them. */
function texTitle(raw) {
  const text = oneLine(raw).replaceAll("$$", "$");
  const dollars = (text.match(/\\.|\$/gu) ?? []).filter((sign) => sign === "$").length;
  const braces = balanced(text);
  let formula = false;
  return text.replace(/\\[A-Za-z]+|\\.|\\$|\^+|[$&%#_{}]/gu, (sign) => {
    if (sign === "\\") return TEX_SIGNS[sign];
    if (sign[0] === "\\") {
      if (!braces && /^\\[{}]$/.test(sign)) return TEX_SIGNS[sign[1]];
      return TEX_REACH.test(sign) ? TEX_SIGNS["\\"] + sign.slice(1) : sign;
    }
    if (sign === "$" && dollars % 2 === 0) formula = !formula;
    else if (sign[0] === "^") return formula ? "^" : TEX_SIGNS["^"].repeat(sign.length);
    else if (!(formula && sign === "_") && !(braces && /[{}]/.test(sign))) return TEX_SIGNS[sign];
    return sign;
  });
}

/* A name in BibTeX: in braces where a part of it would be read as a joint between names. */
function texName(name) {
  const text = texText(name);
  return /,|\band\b/i.test(text) || GROUP.test(text) ? `{${text}}` : text;
}

const asciiWord = (text) => folded(text).replace(/[^a-z0-9]/g, "");

function keyOf(star) {
  const family = asciiWord(risName(star.authors[0] ?? "").split(",")[0]) || "arxiv";
  const words = star.title.split(/[\s\-–—:/,]+/).map(asciiWord).filter(Boolean);
  return family + yearOf(star.id) + (words.find((word) => !SMALL_WORDS.has(word)) ?? words[0] ?? "");
}

/* A key for each star: the oldest paper of a key has it, the others have their number after it. */
function keysOf(stars) {
  const sorted = [...stars].sort((one, other) => (one.id < other.id ? -1 : 1));
  const taken = new Set();
  return new Map(sorted.map((star) => {
    const key = taken.has(keyOf(star)) ? `${keyOf(star)}-${star.id.replace("/", "-")}` : keyOf(star);
    taken.add(keyOf(star));
    return [star.id, key];
  }));
}

function bibtex(stars) {
  const keys = keysOf(stars);
  const braced = (text) => `{${text}}`;
  return stars.map((star) => {
    const fields = {
      title: braced(texTitle(star.tex ?? star.title)), // twice in braces: capitals stay
      author: star.authors.map(texName).join(" and "),
      year: yearOf(star.id),
      eprint: star.id,
      archivePrefix: "arXiv",
      primaryClass: texText(star.categories[0] ?? ""),
      doi: doiOf(star)?.replace(/[%#&]/g, (sign) => TEX_SIGNS[sign]),
      note: texText(star.journal ?? ""),
      url: address(star),
    };
    const lines = Object.entries(fields).filter(([, value]) => value).map(([name, value]) => `  ${name.padEnd(13)} = ${braced(value)}`);
    return `@misc${braced(`${keys.get(star.id)},\n${lines.join(",\n")}\n`)}\n`;
  }).join("\n");
}

/* A name with the family's first; small words before it belong to it. A single word or a group stays as it is. */
function risName(name) {
  const words = oneLine(name).replaceAll(",", "").split(" ");
  if (words.length === 1 || GROUP.test(name)) return words.join(" ");
  let first = words.length - (/^(?:jr|sr|ii|iii|iv)\.?$/i.test(words.at(-1)) && words.length > 2 ? 2 : 1);
  const suffix = words.slice(first + 1).join(" ");
  const family = [words[first]];
  while (first > 1 && /^\p{Ll}+$/u.test(words[first - 1])) family.unshift(words[--first]);
  return [family.join(" "), words.slice(0, first).join(" "), suffix].filter(Boolean).join(", ");
}

/* UNPB is what both EndNote and Zotero take for an unpublished manuscript. Source: https://en.wikipedia.org/wiki/RIS_(file_format) */
function ris(stars) {
  return stars.map((star) => [
    ["TY", "UNPB"],
    ["TI", star.title],
    ...star.authors.map((name) => ["AU", risName(name)]),
    ["PY", yearOf(star.id)],
    ["DA", star.announced.replaceAll("-", "/")],
    ["PB", "arXiv"],
    ["AN", `arXiv:${star.id}`],
    ["DO", doiOf(star)],
    ["UR", address(star)],
    ...star.categories.map((category) => ["KW", category]),
    ["N1", star.journal],
    ["N1", star.comment],
    ["AB", star.tldr],
    ["ER", ""],
  ].filter(([tag, value]) => value || tag === "ER").map(([tag, value]) => `${tag}  - ${oneLine(value)}\r\n`).join("")).join("\r\n");
}

/* Plain text in Markdown, never the start of a line. */
const markdownText = (text) => oneLine(text).replace(/[\\`*_[\]<>|~&$]/g, "\\$&");

function byDay(stars) {
  const days = new Map();
  for (const star of stars) days.set(star.announced, [...(days.get(star.announced) ?? []), star]);
  return days;
}

function markdownItem(star) {
  const names = star.authors.length > 8 ? [...star.authors.slice(0, 5), "et al."] : star.authors;
  const facts = [names.join(", "), `arXiv:${star.id}`, star.categories.join(" "), star.journal].map((fact) => markdownText(fact ?? ""));
  const head = `- [${markdownText(star.title)}](${address(star)}) · ${facts.filter(Boolean).join(" · ")}`;
  return star.tldr ? `${head}\\\n  ${markdownText(star.tldr)}\n` : `${head}\n`;
}

function markdownList(stars) {
  return [...byDay(stars)].map(([day, found]) => `${day ? `## ${day}\n\n` : ""}${found.map(markdownItem).join("")}`).join("\n");
}

/* Hand a text over as a file; nothing is sent anywhere. */
function download(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/* To the clipboard, on the old way too: a page from the disk may have no other. Whether it is there. */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { /* none here, or not allowed */ }
  const field = document.createElement("textarea");
  const focused = document.activeElement;
  field.value = text;
  field.readOnly = true;
  field.style.position = "fixed"; // else the page jumps to it
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  focused?.focus?.({ preventScroll: true });
  return done;
}

/* One of the forms, downloaded or copied: which word tells how it went, or nothing after a download. */
async function handOver(form, stars, name, copied) {
  const { ending, type, write } = FORMS[form];
  if (!stars.length) return "empty";
  const text = write(stars);
  if (copied) return (await copyText(text)) ? "clipped" : "failed";
  download(`${name}.${ending}`, type, text);
  return "";
}

let silence = 0;

/* Show one of the words that `said` has for what happened. */
function say(word, number = "") {
  const said = document.getElementById("said");
  if (!said || !word) return;
  said.textContent = (said.dataset[word] ?? "").replace("{count}", number);
  said.hidden = !said.textContent;
  clearTimeout(silence);
  silence = setTimeout(() => { said.hidden = true; }, 2500);
}
