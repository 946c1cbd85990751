"""What a paper offers on the web: its code, project page, model, data and video, by the addresses in its own text.

Pure. Opens no address, and where neither the host nor the words beside it say what an address is, leaves it out.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from .addresses import located
from .models import Paper

Kind = Literal["code", "project", "model", "data", "video"]
MOST = 6  #: of one paper


class Resource(NamedTuple):
    """One thing on the web that belongs to a paper."""

    kind: Kind
    url: str  #: http or https, whole


def _words(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words})\b", re.IGNORECASE)


_MODEL = _words(r"models?|weights|checkpoints?")
#: What the words before an address say it is; the first that is named, as "the page with code and data" is a page.
_SAID: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("video", re.compile(r"\bvideos?\b(?: (?:is|are|can be|available|at|found|on))*\W*$", re.IGNORECASE)),
    (
        "project",
        _words(
            r"(?:project|home|web) ?(?:pages?|sites?)|(?<!\d )page|websites?|demo|project|portal|platform|arena"
            r"|online|web (?:app(?:lication)?|based)|for (?:more|details|further)|supplementary materials?"
        ),
    ),
    (
        "code",
        _words(r"codes?|codebase|implementations?|repo(?:sitory|sitories|s)?|toolkit|(?<!-)package|git ?(?:hub|lab)"),
    ),
    ("data", _words(r"data|data ?sets?|benchmarks?|corpus|corpora|leaderboards?")),
    ("model", _MODEL),
    ("project", re.compile(r"\b(?:introduce|present|release|propose|develop)\b.*\($", re.IGNORECASE)),
)
#: Words that speak of the paper itself, whatever else they say.
_PAPER = _words(
    r"(?:final|published|full|extended|camera-ready|accepted|authenticated|official|journal|earlier) (?:\w+ ){0,2}"
    r"(?:version|paper|publication|article)|proceedings|preprint|thesis|reviews?|conference"
)
#: Hosts that say it themselves: the first pattern that an address begins with.
_PATTERNS: tuple[tuple[Kind | None, str], ...] = (
    # Papers, journals, profiles, and the front door of a host: nothing of what a paper offers.
    (
        None,
        r"(?:[\w-]+\.)*(?:arxiv|openreview|aclanthology|acm|ieee|usenix|biorxiv|medrxiv|wikipedia|orcid)\.(?:org|net)/",
    ),
    (None, r"(?:[\w-]+\.)*(?:nature|springer|sciencedirect|elsevier|wiley|mdpi|ssrn|tandfonline|sagepub)\.com/"),
    (
        None,
        r"(?:[\w-]+\.)*(?:semanticscholar|researchgate|linkedin|twitter|facebook|creativecommons)\.(?:org|net|com)/",
    ),
    (None, r"(?:x\.com|github\.com/(?:features|topics|about|marketplace|settings|orgs))/"),
    (None, r"(?:huggingface\.co|hf\.co)/(?:papers|blog|docs|join|(?:models|datasets|spaces)/?$)"),
    (
        None,
        r"(?:git\w+|bitbucket|huggingface|hf|modelscope|kaggle|youtu\w*|zenodo|osf|doi)\.(?:com|cn|co|org|be|io)/?$",
    ),
    ("video", r"(?:m\.)?youtube\.com/|youtu\.be/|vimeo\.com/|(?:\w+\.)?bilibili\.com/|[^?]+\.mp4$"),
    ("data", r"(?:huggingface\.co|hf\.co|modelscope\.cn|kaggle\.com)/datasets/|kaggle\.com/competitions/"),
    ("project", r"(?:huggingface\.co|hf\.co)/spaces/|modelscope\.\w+/studios/"),
    ("model", r"(?:huggingface\.co|hf\.co)/|modelscope\.\w+/models/"),
    ("data", r"zenodo\.org/|(?:[\w-]+\.)?figshare\.com/|ieee-dataport\.org/|data\.mendeley\.com/|physionet\.org/"),
    # Of 4TU, Zenodo, figshare, Dataverse, Dryad, UvA, Mendeley, IEEE DataPort, Recherche Data Gouv, PhysioNet.
    ("data", r"(?:dx\.)?doi\.org/10\.(?:4121|5281|6084|7910|5061|21942|17632|21227|57745|13026)/"),
    ("project", r"[\w-]+\.(?:git(?:hub|lab)\.io|netlify\.app|vercel\.app|pages\.dev)(?:[/:?#]|$)"),
    ("project", r"sites\.google\.com/|anonymous\.4open\.science/w/"),
)
_HOSTS = tuple((kind, re.compile(rf"(?:www\.)?(?:{pattern})", re.IGNORECASE)) for kind, pattern in _PATTERNS)
#: Hosts of repositories: code, unless the words say it is nothing but data.
_REPOSITORY = re.compile(
    r"(?:www\.|gist\.|raw\.)?(?:github\.com|githubusercontent\.com|gitee\.com|bitbucket\.org|codeberg\.org)/"
    r"|git(?:lab)?\.[\w.-]+/|anonymous\.4open\.science/|(?:pypi|crates)\.\w+/|colab\.research\.google\.com/",
    re.IGNORECASE,
)
_DOI = re.compile(r"(?:dx\.)?doi\.org/", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"(?:^|/)(?:your[_-]\w+|x{3,}|username|user_?name|to-be-\w+|tbd|todo)(?:[/._-]|$)", re.IGNORECASE
)
_SENTENCE = re.compile(r"[.;|!?]\s")


def resources(paper: Paper) -> tuple[Resource, ...]:
    """What a paper offers, each address once: code first, else as in abstract and comment; a handful at most."""
    found: dict[str, Resource] = {}
    for kind, url in (*_of(paper.abstract, is_prose=True), *_of(paper.comment or "", is_prose=False)):
        first = found.setdefault(_same(url), Resource(kind, url))
        if kind == "code":  # what is said to be data there, and code here, is code
            found[_same(url)] = first._replace(kind="code")
    return tuple(sorted(found.values(), key=lambda one: one.kind != "code")[:MOST])


def _of(text: str, is_prose: bool) -> Iterator[Resource]:
    done = 0
    for start, end, url in located(text):
        said = _beside(text, done, start, end)
        if (kind := _kind(url, said, _is_alone(text, start, end, is_prose))) is not None:
            yield Resource(kind, url)
        done = end


def _kind(url: str, said: str, is_alone: bool) -> Kind | None:
    """What an address is, by its host or else by what is said beside it; None where neither says it."""
    place = url.partition("://")[2]
    if _PLACEHOLDER.search(place):
        return None
    for kind, pattern in _HOSTS:
        if pattern.match(place):
            return None if kind == "data" and _PAPER.search(said) else kind
    told = next((kind for kind, pattern in _SAID if pattern.search(said)), None)
    if _REPOSITORY.match(place):
        return "data" if told == "data" and not _MODEL.search(said) else "code"
    if _PAPER.search(said) or (_DOI.match(place) and told == "project"):
        return None
    return told or ("project" if is_alone else None)


def _beside(text: str, done: int, start: int, end: int) -> str:
    r"""The words of the sentence before an address, as far as the address before it, and those that a link shows.

    >>> _beside(r"We did. See \href{https://x.org}{our code}", 0, 18, 31)
    'See \\href{ our code'
    """
    before = _SENTENCE.split(text[max(done, start - 150) : start])[-1]
    shown = re.match(r"\}\{([^{}]{1,60})\}", text[end : end + 70])
    return f"{before} {shown[1]}" if shown else before


def _is_alone(text: str, start: int, end: int, is_prose: bool) -> bool:
    """Whether an address is all that a comment says, or the last sentence of an abstract."""
    before, after = text[:start].rstrip(), text[end:].strip(" .")
    return not after and (before.endswith(".") if is_prose else not before)


def _same(url: str) -> str:
    """`url` as it is compared: without what does not tell one page from another.

    >>> _same("http://www.x.org/A/") == _same("https://x.org/A"), _same("https://hf.co/A/b.git")
    (True, 'huggingface.co/a/b')
    """
    place = url.partition("://")[2].rstrip("/#").removesuffix(".git").removeprefix("www.")
    host, slash, path = place.partition("/")
    host = {"hf.co": "huggingface.co"}.get(host, host)
    is_blind = host in ("github.com", "huggingface.co", "gitlab.com")  # to large and small letters
    return host + slash + (path.lower() if is_blind else path)
