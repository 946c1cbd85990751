"""arXiv identifiers, versions and category names: parsed once, here.

Pure. Knows nothing of papers, feeds or files.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

NEW_STYLE = r"\d{4}\.\d{4,5}"
OLD_STYLE = r"[a-z]+(?:-[a-z]+)*(?:\.[A-Z]{2})?/\d{7}"
#: An identifier without version, as in `Paper.arxiv_id`.
BASE_PATTERN = rf"^(?:{NEW_STYLE}|{OLD_STYLE})$"
#: `cs.CV`, `hep-th`, `astro-ph.GA`, `cond-mat.mtrl-sci`; not MSC or ACM classes such as `68T45` or `I.2.7`.
CATEGORY_PATTERN = r"^[a-z]+(?:-[a-z]+)*(?:\.(?:[A-Z]{2}|[a-z]+(?:-[a-z]+)*))?$"

_IDENTIFIER = re.compile(rf"(?:^|[/:])(?P<base>{NEW_STYLE}|{OLD_STYLE})(?:v(?P<version>[1-9]\d*))?(?:\.pdf)?$")
_CATEGORY = re.compile(CATEGORY_PATTERN)

#: Archives that have subjects: alone they name no category. https://arxiv.org/category_taxonomy
ARCHIVES = frozenset(
    ("astro-ph", "cond-mat", "cs", "econ", "eess", "math", "nlin", "physics", "q-bio", "q-fin", "stat")
)

# Renamed and merged archives: https://arxiv.org/category_taxonomy
_ALIASES = {"cs.SY": "eess.SY", "math.MP": "math-ph", "math.IT": "cs.IT", "math.NA": "cs.NA", "math.ST": "stat.TH"}


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


def is_category(text: str) -> bool:
    """Whether `text` has the form of an arXiv category or archive; classes of MSC or ACM have not.

    >>> [is_category(name) for name in ("cs.CV", "hep-th", "68T45", "I.2.7")]
    [True, True, False, False]
    """
    return _CATEGORY.match(text) is not None


def canonical_category(text: str) -> str:
    """`text` in the spelling arXiv announces under: `CS.cv` is `cs.CV`, `cs.SY` is `eess.SY`.

    Raises:
        ValueError: `text` hasn't the form of a category.
    """
    archive, dot, subject = text.strip().partition(".")
    name = archive.lower() + (f".{subject.upper()}" if dot and len(subject) == 2 else dot + subject.lower())
    if not is_category(name):
        raise ValueError(f"{text[:40]!r} is no arXiv category")
    return _ALIASES.get(name, name)


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
