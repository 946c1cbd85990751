"use strict";
/* What a search means: terms out of what was typed, a day's papers as one folded text, and which of them have all terms.
   Knows nothing of the page. A day's text is what render/search.py makes of it: a line a paper, its fields between tabs. */
const FIELD = "\t", LINE = "\n"; // no text of ours has them
const PLACES = { title: 0, authors: 1, marks: 2, tldr: 3, names: 4 }; // marks: categories, and the id as the last word
const IN = { ti: PLACES.title, au: PLACES.authors, cat: PLACES.marks, id: PLACES.marks }; // a prefix -> its field
const LIKE = {
  ß: "ss", ø: "o", ł: "l", đ: "d", ð: "d", þ: "th", æ: "ae", œ: "oe", ı: "i", ς: "σ", "\u2018": "'", "\u2019": "'",
  "\u201c": '"', "\u201d": '"', "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2015": "-", "\u2212": "-",
};
// All but signs that a search takes as they are, which nearly every text is made of.
const SPECIAL = /[\ud800-\udbff][\udc00-\udfff]|[^\0-\x7f\u3001\u3002\u3040-\u3098\u309b-\u30ff\u4e00-\u9fff]/g;
const IN_PARTS = /[\u1100-\u11ff\u3099\u309a]/; // of Hangul, and the marks of kana
const HAN = "[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"; // and kana, and their punctuation
const BESIDE_HAN = new RegExp(` (?:(?=${HAN})|(?<=${HAN} ))`, "g");
const MOST_TERMS = 16, LONGEST_TERM = 200, MOST_SIGNS = 5000;
const foldedSigns = new Map(Object.entries(LIKE));

function foldedSign(sign) {
  let folded = foldedSigns.get(sign);
  if (folded === undefined) {
    const letters = sign.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").normalize("NFKC").toLowerCase();
    folded = Array.from(letters, (letter) => LIKE[letter] ?? letter).join("");
    if (foldedSigns.size < MOST_SIGNS) foldedSigns.set(sign, folded);
  }
  return folded;
}

/* Letters without case, width and accents; dashes and quotation marks of one kind. */
function bare(text) {
  const folded = text.toLowerCase().replace(SPECIAL, foldedSign);
  return IN_PARTS.test(folded) ? folded.normalize("NFC") : folded;
}

/* The same without spaces beside Chinese and Japanese, which writers set or leave out. */
const fold = (text) => bare(text).replace(BESIDE_HAN, "");

/* The terms of a query: all must match; "quoted words" stay together and are whole words, au: ti: cat: id: look in one field,
   -term must not match. */
function termsOf(query) {
  const typed = bare(query.replace(/[「」『』«»]/g, '"').replace(/[\0-\x1f]/g, " "));
  const found = typed.matchAll(/(-?)(?:(au|ti|cat|id):)?(?:"([^"]*)"?|([^\s"]+))/g);
  const terms = Array.from(found, ([, not, prefix, quoted, single]) => ({
    not: not === "-", prefix: prefix ?? "", whole: quoted !== undefined, word: (quoted ?? single).replace(BESIDE_HAN, "").replace(/ +/g, " ").trim().slice(0, LONGEST_TERM),
  }));
  return terms.filter(({ word }) => word && !/^(?:-|(?:au|ti|cat|id):)$/.test(word)).slice(0, MOST_TERMS);
}

/* A day's text folded, and where each of its lines begins. */
function indexed(lines) {
  const text = lines && fold(lines) + LINE;
  const starts = [0];
  for (let end = text.indexOf(LINE); end >= 0; end = text.indexOf(LINE, end + 1)) starts.push(end + 1);
  return { text, starts };
}

const splits = (text, at) => /^[a-z0-9]{2}$/.test(text.slice(at - 1, at + 1)); // whether a word goes on over this place

/* Where a term stands in a folded text, from a place on; -1 where it does not. */
function placeOf({ word, whole }, text, from = 0) {
  let at = text.indexOf(word, from);
  while (whole && at >= 0 && ((at > 0 && splits(text, at)) || splits(text, at + word.length))) at = text.indexOf(word, at + 1);
  return at;
}

/* The numbers of the rows that have a term anywhere, in order. */
function rowsWith({ text, starts }, term) {
  const found = [];
  let row = 0;
  for (let at = placeOf(term, text); at >= 0; at = placeOf(term, text, starts[row])) {
    let low = row, high = starts.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= at) low = middle;
      else high = middle;
    }
    found.push(low);
    row = low + 1;
    if (row >= starts.length - 1) break;
  }
  return found;
}

const fieldsOf = ({ text, starts }, row) => text.slice(starts[row], starts[row + 1] - 1).split(FIELD);

const idOf = (index, row) => fieldsOf(index, row)[PLACES.marks].split(" ").at(-1);

function holds(fields, term) {
  const { prefix, word } = term;
  if (!prefix) return fields.some((field) => placeOf(term, field) >= 0);
  if (prefix === "cat") return fields[IN.cat].split(" ").some((one) => one === word || one.startsWith(`${word}.`));
  return placeOf(term, fields[IN[prefix]]) >= 0;
}

/* The numbers of the rows that match all terms, in order. */
function matching(index, terms) {
  let found = null;
  const others = terms.filter((term) => {
    if (term.not || term.prefix) return true;
    const having = new Set(rowsWith(index, term));
    found = found ? found.filter((row) => having.has(row)) : [...having];
    return false;
  });
  found ??= index.starts.slice(1).map((_, row) => row);
  if (!others.length) return found;
  return found.filter((row) => {
    const fields = fieldsOf(index, row);
    return others.every((term) => holds(fields, term) !== term.not);
  });
}

/* The terms that point at words in a text. */
const pointing = (terms) => terms.filter(({ not, prefix }) => !not && prefix !== "cat");

/* How far down a row stands among those of its day: first where the title has all terms, then where authors, categories or
   the id do, then the rest; each time after those with whole words those with a part of a longer one. */
function rankOf(index, row, terms) {
  const fields = fieldsOf(index, row);
  const ranks = pointing(terms).map((term) => {
    const at = term.prefix ? IN[term.prefix] : fields.findIndex((field) => placeOf(term, field) >= 0);
    const inPart = placeOf({ ...term, whole: true }, fields[at]) < 0;
    return (at > PLACES.marks ? 4 : at > PLACES.title ? 2 : 0) + Number(inPart);
  });
  return Math.max(0, ...ranks);
}

/* Where terms stand in a text as it was before folding: spans in order that do not touch. */
function spansOf(text, terms) {
  let folded = "";
  const origins = [];
  for (const { 0: sign, index } of text.matchAll(/\P{M}\p{M}*|\p{M}+/gu)) {
    for (const letter of bare(sign)) {
      folded += letter;
      for (let unit = 0; unit < letter.length; unit += 1) origins.push([index, index + sign.length]);
    }
  }
  const kept = [];
  const gaps = new Set(Array.from(folded.matchAll(BESIDE_HAN), ({ index }) => index));
  for (let unit = 0; unit < folded.length; unit += 1) if (!gaps.has(unit)) kept.push(unit);
  const tight = kept.map((unit) => folded[unit]).join("");
  const spans = [];
  for (const term of terms) {
    for (let at = placeOf(term, tight); at >= 0; at = placeOf(term, tight, at + term.word.length)) {
      spans.push([origins[kept[at]][0], origins[kept[at + term.word.length - 1]][1]]);
    }
  }
  spans.sort((one, other) => one[0] - other[0]);
  return spans.reduce((joined, [from, to]) => {
    const last = joined.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else joined.push([from, to]);
    return joined;
  }, []);
}
