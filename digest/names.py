"""The names of a text: which of its words look like the name of something, and which of those a source does not have.

Pure. Knows words in Latin script only: what an unknown name means is for checks.py, lone figures are for figures.py.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property

# ---- one spelling ----------------------------------------------------------------------------------------------

_ACCENT = re.compile(r"\\[\"'`^~=.](?:\{\\?([A-Za-z])\}|\\?([A-Za-z]))|\\[cuvHk]\{([A-Za-z])\}")
#: TeX commands that only dress what they hold: "\textbf{Swim}VG" is one word.
_DRESS = re.compile(
    r"\\(?:(?:text|math)(?:bf|it|sc|tt|rm|sf|sl|up|md|normal|bb|cal|frak|scr)|bf|it|sc|tt|rm|sf|text(?:sub|super)script|"
    r"emph|text|mbox|ensuremath|operatorname|underline|boldsymbol|bm|xspace)(?![A-Za-z])\s?"
)
_MARKS = re.compile("[\u0300-\u036f\u00ad\u200b-\u200d\u2060]")  # accents; characters of no width


def _folded(text: str) -> str:
    r"""`text` without accents, compatibility forms and TeX that only dresses.

    >>> _folded(r"\textsc{Poincar\'e}, Ｎｅｔ², Erdős")
    '{Poincare}, Net2, Erdos'
    """
    if "\\" in text:
        text = _DRESS.sub("", _ACCENT.sub(lambda found: found[found.lastindex or 0], text))
    return text if text.isascii() else _MARKS.sub("", unicodedata.normalize("NFKD", text))


_PLAIN = re.compile(r"[^a-z0-9]+")


def _squashed(word: str) -> str:
    """Letters and digits of `word` only, in lower case: "ResNet-50" and "ResNet50" are the same."""
    return _PLAIN.sub("", word.lower())


# ---- the source ------------------------------------------------------------------------------------------------

_WORD = re.compile(r"[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*")
#: The parts of a word that may stand alone: "SwimVG" has Swim and VG, "LLMs" has LLM and s, "GPT4o" has GPT, 4 and o.
_PIECE = re.compile(r"[A-Z]+(?=s(?![a-z]))|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CHUNK = re.compile(r"[A-Za-z]+|\d+")
_SMALL_WORDS = "a an and as at by for from in into its of on or over the to via with"
_SMALL = frozenset(_SMALL_WORDS.split())
NEAR = 0.7  #: how alike a name must be to stand in for another one: the ratio of difflib, 1 is the same
SLIPPED = 0.85  #: and to be the same one, misspelled


class Source:
    """What a title and an abstract call things."""

    def __init__(self, text: str) -> None:
        self._text = _folded(text)
        self._known: dict[str, bool] = {}

    @cached_property
    def words(self) -> frozenset[str]:
        """Everything between two blanks, roughly: "SwimVG", "state-of-the-art"."""
        return frozenset(_WORD.findall(self._text))

    def prints(self, word: str) -> bool:
        """Whether `word` stands there by itself, letter by letter; the quick look before all others."""
        if word not in self._known:
            text, at = self._text, self._text.find(word)
            while at >= 0 and (text[at - 1 : at].isalnum() or text[at + len(word) : at + len(word) + 1].isalnum()):
                at = text.find(word, at + 1)
            self._known[word] = at >= 0
        return self._known[word]

    @cached_property
    def _pieces(self) -> Sequence[str]:
        return tuple(_PIECE.findall(self._text))

    @cached_property
    def _run(self) -> tuple[str, frozenset[int], frozenset[int]]:
        """All letters and digits in a row in lower case, where a name may start in it, and where it may end."""
        run, starts, ends = [], [], []
        place = 0
        for found in _CHUNK.finditer(self._text):
            run.append(found[0])
            starts.append(place)
            place += len(found[0])
            ends.append(place)
            if found[0][-1] == "s":  # a plural
                ends.append(place - 1)
        return "".join(run).lower(), frozenset(starts), frozenset(ends)

    def has(self, name: str) -> bool:
        """Whether whole pieces in a row spell `name`, whatever signs stand between them; a plural is no other name."""
        squashed = _squashed(name)
        forms = (squashed, squashed[:-1]) if len(squashed) > 3 and name[-1] == "s" else (squashed,)
        known = self.prints(name) or (len(name) > 4 and name in self._pieces)
        return known or any(map(self._spells, forms))

    def _spells(self, form: str) -> bool:
        run, starts, ends = self._run
        at = run.find(form)
        while at >= 0:
            if at in starts and at + len(form) in ends:
                return True
            at = run.find(form, at + 1)
        return False

    @cached_property
    def _spelled(self) -> tuple[Sequence[str], Sequence[str]]:
        """All pieces in lower case, and those that an abbreviation leaves out left out."""
        words = tuple(map(str.lower, self._pieces))
        return words, tuple(word for word in words if word not in _SMALL)

    @cached_property
    def _names(self) -> Mapping[str, str]:
        """What looks like a name, whole and between hyphens, by its letters and digits."""
        parts = (part for word in sorted(self.words) for part in (*word.split("-"), word))
        return {_squashed(part): part for part in parts if len(part) > 2 and not part.islower() and part[0].isalpha()}

    def spells_out(self, short: str) -> bool:
        """Whether words in a row begin with the letters of `short`: "Low-Rank Adaptation" with those of LoRA."""
        if self.misspells(short):  # "MHA" is spelled out; so is "HA", and yet it is a slip of the pen
            return len(short) > 4 and short.isupper() and _stands_for(short, self._spelled[1])
        return self._unfolds(short) or (
            len(short) > 3 and any(word.startswith(short.lower()) for word in self._spelled[1])
        )

    def _unfolds(self, short: str) -> bool:
        return any(_stands_for(short, words) for words in self._spelled)

    def misspells(self, name: str) -> bool:
        """Whether a single slip of the pen makes `name` out of one of the source; of three letters, one left out."""
        own = _squashed(name)
        return any(_slip(own, other) and (len(own) > 3 or len(own) != len(other)) for other in self._names)

    def shortens(self, words: Sequence[str]) -> bool:
        """Whether an abbreviation of the source stands for all of `words`."""
        shorts = [name for name, word in self._names.items() if _capitals(word) > 1 and len(name) <= 10]
        shorts = [
            short for short in shorts if len(short) < 3 or not self._unfolds(short)
        ]  # in other words than the source
        initials = "".join(letter for word in words for letter in word if letter.isupper()).lower()
        long = tuple(word.lower() for word in words if word.lower() not in _SMALL)
        plain = max(map(_capitals, words)) < 2
        return initials in shorts or (plain and any(_begin(short, long) for short in shorts))

    def nearest(self, name: str, least: float = NEAR) -> str | None:
        """The name of the source that is most like `name`, as it stands there, or None where none is alike."""
        own = _squashed(name)
        match = SequenceMatcher(None, b=own, autojunk=False)
        best, share = None, least
        for other, word in self._names.items():
            match.set_seq1(other)
            if match.real_quick_ratio() >= share and (ratio := 1.0 if _slip(own, other) else match.ratio()) >= share:
                best, share = word, ratio
        return best


def _slip(one: str, other: str) -> bool:
    """Whether a single slip of the pen parts two words: a letter changed, left out or added, or two exchanged."""
    start = next((place for place, pair in enumerate(zip(one, other, strict=False)) if len(set(pair)) > 1), -1)
    if start < 0:
        return abs(len(one) - len(other)) == 1
    left, right = one[start:], other[start:]
    return (
        left[1:] == right[1:]
        or left[1:] == right
        or left == right[1:]
        or (left[:2], left[2:]) == (right[1::-1], right[2:])
    )


def _capitals(word: str) -> int:
    return sum(map(str.isupper, word))


_CAPITAL = re.compile("[A-Z][a-z]?|[a-z]|[0-9]+")


def _stands_for(short: str, words: Sequence[str]) -> bool:
    """Whether some of `words` in a row begin with the parts of `short`: R with "rank", Lo with "low"."""
    chunks = tuple(map(str.lower, _CAPITAL.findall(short.removesuffix("s"))))
    letters = tuple("".join(chunks))
    return any(_in_row(parts, words) for parts in {chunks, letters})


def _in_row(parts: Sequence[str], words: Sequence[str]) -> bool:
    starts = (place for place, word in enumerate(words) if word.startswith(parts[0]))
    return any(
        all(map(str.startswith, words[place : place + len(parts)], parts))
        for place in starts
        if place + len(parts) <= len(words)
    )


def _begin(letters: str, words: Sequence[str]) -> bool:
    """Whether each of `words` begins with some of the `letters`, in order, and none is left over."""
    if not letters or not words:
        return not letters and not words
    return any(
        words[0].startswith(letters[:taken]) and _begin(letters[taken:], words[1:])
        for taken in range(1, min(4, len(letters)) + 1)
    )


# ---- the text --------------------------------------------------------------------------------------------------

_LATIN = "A-Za-zÀ-ÖØ-öø-ɏＡ-Ｚａ-ｚ"
_DIGITS = "0-9０-９⁰¹²³⁴-⁹₀-₉"
_NAME = re.compile(
    rf"[{_LATIN}{_DIGITS}](?<![{_LATIN}\\].)[{_LATIN}{_DIGITS}]*(?:[-_.‐‑][{_LATIN}{_DIGITS}]+)*(?!\\['\"`^~])"
)
_APART = re.compile(r"\.(?!\d)")
_HYPHEN = re.compile(r"[-_‐‑]")
_SIZE = re.compile(r"\d+(?:\.\d+)?[A-Za-z]?")
_LEADING = re.compile(r"^[\d.]+")
_EXPANSION = re.compile(r"[A-Za-z]+(?:(?:,? (?:and )?|-)[A-Za-z]+)+")

#: What a card may say of any paper: the common speech of the field, its measures and its units.
_COMMON_WORDS = """
ai ml dl nlp cv rl llm llms vlm vlms mllm mllms lvlm lvlms lmm lmms slm slms lm cnn rnn lstm gru mlp gan vae
gnn gcn dnn vit rag cot moe sft rlhf rlvr kv qa vqa ocr asr tts mt nlu nlg nli ner hci iot api apis sdk gpu
gpus cpu cpus tpu npu fpga gui cli ui ux ide sql json xml html pdf csv yaml http https url usb ram id ood iid
mdp pomdp ode pde sde pca svd svm em kl mse rmse mae mape auc roc auroc auprc map miou iou wer cer bleu rouge
psnr ssim lpips fid kid eer tpr fpr tnr fnr tp fp tn fn snr ber sota sotas fps flop flops qps rgb rgbd hdr
lidar imu gps gnss uav uavs slam bev sdf cad cam ct mri eeg ecg icu ehr vr ar xr mr ip ci bim mimo siso miso
simo ofdm awgn csi los nlos ldpc cps poc b2b b2c np pspace ok vs relu softmax sigmoid token tokens prompt
prompts agent agents attention github hugging face huggingface arxiv web pipeline benchmark baseline level
based style only aware free like driven hardness complete hz khz mhz ghz kb mb gb tb pb ms ns mm cm km kg kw
mw kwh db dbm fp4 fp8 fp16 fp32 bf16 int4 int8
"""
COMMON = frozenset(_COMMON_WORDS.split())


@dataclass(frozen=True, slots=True)
class Name:
    """One name of a text that its source does not have."""

    words: str  #: as they stand in the text
    start: int
    end: int
    instead: str | None  #: the most alike that the source has


def unknown(text: str, source: Source, *, capitalized: bool = True) -> Iterator[Name]:
    """
    Yield each name in `text` that the source neither has nor spells out nor shortens, in order.

    Args:
        text: A field of a card.
        source: What its paper says.
        capitalized: Whether a word with nothing but a capital is a name; not so where Latin is the text's own script.

    >>> source = Source("SwimVG: Low-Rank Adaptation for Visual Grounding with Large Language Models")
    >>> [(name.words, name.instead) for name in unknown("SwinVG 用 LoRA 与 LLM", source)]
    [('SwinVG', 'SwimVG')]
    """
    for found in _NAME.finditer(text):
        if source.prints(found[0]) or found[0].islower():
            continue
        start = found.start()
        for words in _APART.split(found[0]):
            if words and _is_unknown(words, source, text, start, capitalized):
                yield Name(words, start, start + len(words), source.nearest(_folded(words)))
            start += len(words) + 1


def _is_unknown(words: str, source: Source, text: str, start: int, capitalized: bool) -> bool:
    name = _folded(words)
    parts = tuple(_parts(name))
    if not any(_is_name(part, capitalized) for part in parts):
        return False
    if (len(parts) == 1 and _squashed(name) in COMMON) or source.has(name):
        return False
    absent = [part for part in parts if len(part) > 1 and not _known(part, source)]
    if min(map(len, parts)) > 1 < len(parts) and source.misspells(name):
        return True
    return bool(absent) and not _expands(text, start, absent, source)


def _known(part: str, source: Source) -> bool:
    return part.isdecimal() or _squashed(part) in COMMON or source.has(part) or _short(part, source)


def _parts(name: str) -> Iterator[str]:
    """What of `name` must be known: "GPT-4o" as a whole, "RoBERTa-NLI-7B" in two parts; a size is a figure."""
    parts: list[str] = []
    for part in _HYPHEN.split(name):
        if part[:1].isdigit() and parts and not (_SIZE.fullmatch(part) and part[-1].isalpha()):
            parts[-1] += f"-{part}"
        else:
            parts.append(part)
    return (_LEADING.sub("", part) for part in parts)


def _is_name(part: str, capitalized: bool) -> bool:
    """Whether `part` is more than a word of English or a sign of mathematics."""
    letters = sum(map(str.isalpha, part))
    if not letters or len(part) < 2 or part.islower():
        return False
    return capitalized or any(sign.isupper() or sign.isdigit() for sign in part[1:])


def _short(part: str, source: Source) -> bool:
    """Whether `part` is an abbreviation that the source spells out."""
    return _capitals(part) > 1 and len(part) > 2 and source.spells_out(part)


def _expands(text: str, start: int, absent: Sequence[str], source: Source) -> bool:
    """Whether the words around `start` spell out an abbreviation of the source, without a slip."""
    run = next((run for run in _EXPANSION.finditer(text) if run.start() <= start < run.end()), None)
    if run is None or any(source.nearest(word, SLIPPED) for word in absent):
        return False
    return source.shortens(re.split(r"[^A-Za-z]+", run[0]))


def only_strange(text: str, source: str, strange: Collection[str]) -> bool:
    """Whether `text` has no name in common with its source but the field's common ones, for all the `strange` ones."""
    names = {found[0] for found in _NAME.finditer(text) if not found[0].islower() and len(found[0]) > 2}
    return not any(name in source for name in names - set(strange) if _squashed(name) not in COMMON)
