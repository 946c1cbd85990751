"""arXiv identifiers, versions and category names: parsed once, here.

Pure. Knows nothing of papers, feeds or files.
"""

import re
from collections.abc import Collection
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

NEW_STYLE = r"\d{4}\.\d{4,5}"
OLD_STYLE = r"[a-z]+(?:-[a-z]+)*(?:\.[A-Z]{2})?/\d{7}"
#: An identifier without version, as in `Paper.arxiv_id`.
BASE_PATTERN = rf"^(?:{NEW_STYLE}|{OLD_STYLE})$"
#: `cs.CV`, `hep-th`, `astro-ph.GA`, `cond-mat.mtrl-sci`; not MSC or ACM classes such as `68T45` or `I.2.7`.
CATEGORY_PATTERN = r"^[a-z]+(?:-[a-z]+)*(?:\.(?:[A-Z]{2}|[a-z]+(?:-[a-z]+)*))?$"

_IDENTIFIER = re.compile(rf"(?:^|[/:])(?P<base>{NEW_STYLE}|{OLD_STYLE})(?:v(?P<version>[1-9]\d*))?(?:\.pdf)?$")
_CATEGORY = re.compile(CATEGORY_PATTERN)

#: Archive -> its subjects; none: the archive is a category itself. https://arxiv.org/category_taxonomy
TAXONOMY = {
    archive: tuple(subjects.split())
    for archive, subjects in {
        "astro-ph": "CO EP GA HE IM SR",
        "cond-mat": "dis-nn mes-hall mtrl-sci other quant-gas soft stat-mech str-el supr-con",
        "cs": "AI AR CC CE CG CL CR CV CY DB DC DL DM DS ET FL GL GR GT HC IR IT LG LO MA MM MS NA NE NI OH OS PF PL "
        "RO SC SD SE SI SY",
        "econ": "EM GN TH",
        "eess": "AS IV SP SY",
        "gr-qc": "",
        "hep-ex": "",
        "hep-lat": "",
        "hep-ph": "",
        "hep-th": "",
        "math": "AC AG AP AT CA CO CT CV DG DS FA GM GN GR GT HO IT KT LO MG MP NA NT OA OC PR QA RA RT SG SP ST",
        "math-ph": "",
        "nlin": "AO CD CG PS SI",
        "nucl-ex": "",
        "nucl-th": "",
        "physics": "acc-ph ao-ph app-ph atm-clus atom-ph bio-ph chem-ph class-ph comp-ph data-an ed-ph flu-dyn gen-ph "
        "geo-ph hist-ph ins-det med-ph optics plasm-ph pop-ph soc-ph space-ph",
        "q-bio": "BM CB GN MN NC OT PE QM SC TO",
        "q-fin": "CP EC GN MF PM PR RM ST TR",
        "quant-ph": "",
        "stat": "AP CO ME ML OT TH",
    }.items()
}
#: Archives that have subjects: alone they name no category.
ARCHIVES = frozenset(archive for archive, subjects in TAXONOMY.items() if subjects)
_KNOWN = {f"{archive}.{subject}" for archive, subjects in TAXONOMY.items() for subject in subjects} | {
    archive for archive, subjects in TAXONOMY.items() if not subjects
}

# Renamed and merged archives: https://arxiv.org/category_taxonomy
_ALIASES = {
    "cs.NA": "math.NA",
    "cs.SY": "eess.SY",
    "math.IT": "cs.IT",
    "math.MP": "math-ph",
    "q-fin.EC": "econ.GN",
    "stat.TH": "math.ST",
}


class Identifier(NamedTuple):
    """One arXiv identifier: `base` without version, `version` or None where none was written."""

    base: str
    version: int | None


def parse_id(text: str) -> Identifier:
    """The identifier in an id, an abs or pdf address, or an `oai:arXiv.org:` name.

    >>> parse_id("http://arxiv.org/abs/hep-th/9901001v3")
    Identifier(base='hep-th/9901001', version=3)
    >>> parse_id("2408.01234").version is None
    True

    Raises:
        ValueError: `text` holds no arXiv identifier.

    Source: https://info.arxiv.org/help/arxiv_identifier.html
    """
    found = _IDENTIFIER.search(text.strip())
    if found is None:
        raise ValueError(f"{text[:80]!r} is no arXiv identifier")
    version = found["version"]
    return Identifier(found["base"], int(version) if version else None)


@lru_cache(maxsize=1024)
def is_category(text: str) -> bool:
    """Whether `text` has the form of an arXiv category or archive; classes of MSC or ACM have not.

    >>> [is_category(name) for name in ("cs.CV", "hep-th", "68T45", "I.2.7")]
    [True, True, False, False]
    """
    return _CATEGORY.match(text) is not None


def canonical_category(text: str) -> str:
    """
    What arXiv calls what was asked for: `CS.cv` is `cs.CV`, `cs.SY` is `eess.SY`, `cs` and `cs.*` are `cs.*`.

    >>> [canonical_category(name) for name in ("CS.cv", "cs.SY", "math", "HEP-TH")]
    ['cs.CV', 'eess.SY', 'math.*', 'hep-th']

    Raises:
        ValueError: arXiv has no such category; the message names the likeliest ones.
    """
    archive, _, subject = text.strip().lower().partition(".")
    if subject in ("", "*") and archive in ARCHIVES:
        return f"{archive}.*"
    spellings = {name.lower(): name for name in _KNOWN}
    if name := spellings.get(text.strip().lower()):
        return _ALIASES.get(name, name)
    close = get_close_matches(
        text.strip().lower(), [*spellings, *(one.partition(".")[2] for one in spellings)], n=3, cutoff=0.7
    )
    likely = [name for low, name in sorted(spellings.items()) if {low, low.partition(".")[2]} & set(close)]
    raise ValueError(f"arXiv has no category {text[:40]!r}" + (f"; {' or '.join(likely[:3])}?" if likely else ""))


def covers(asked: Collection[str], category: str | None) -> bool:
    """
    Whether a category is among those asked for, by its own name or by its archive's.

    >>> covers(["cs.*"], "cs.CV"), covers(["cs.CL", "hep-th"], "cs.CV")
    (True, False)
    """
    archive = (category or "").partition(".")[0]
    return not {category, archive, f"{archive}.*"}.isdisjoint(asked)


def abs_url(base: str, version: int | None = None) -> str:
    """The address of a paper's abstract page.

    >>> abs_url("2408.01234", 2)
    'https://arxiv.org/abs/2408.01234v2'
    """
    return f"https://arxiv.org/abs/{base}" + (f"v{version}" if version else "")
