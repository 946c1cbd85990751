"""What must not get out by a log or a terminal: values of secrets, characters that steer a terminal or forge a line.

Pure: text in, text out. Knows no configuration; whoever sets up logging hands the secrets in.
"""

import base64
import json
import logging
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote

HIDDEN = "***"
SHORTEST = 6  #: characters: a shorter word, such as the "none" that a local server takes, hides half of every line
_PIECE = re.compile(r"[/:@?&=#,;]+")
_CONTROLS = "\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_STEERING = re.compile(f"[{_CONTROLS}\x1b]")
_BUT_COLOURS = re.compile(f"[{_CONTROLS}]|\x1b(?!\\[[0-9;]{{0,40}}m)")


class Secrets:
    """
    The values that are to be hidden, in every form in which a library or a service may repeat them.

    That is as they are, as JSON and in an address, and within base64, as the Basic scheme of HTTP and the login of SMTP
    have it. Of an address that is a secret as a whole its parts are hidden, too: there the token stands somewhere.
    """

    def __init__(self, values: Iterable[str]) -> None:
        whole = [value.strip() for value in values]
        words = {part for value in whole for part in _parts(value) if len(part) >= SHORTEST}
        forms = {form for word in words for form in _forms(word) if len(form) >= SHORTEST}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._search = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def hide(self, text: str) -> str:
        """
        The text with *** in the place of each secret.

        >>> Secrets(["sk-12345678", "tgram://998877:AAtoken/42"]).hide("401 for sk-12345678 at /bot998877:AAtoken/send")
        '401 for *** at /bot***:***/send'
        """
        return self._search.sub(HIDDEN, text) if self._search else text


def _parts(value: str) -> Iterator[str]:
    yield value
    if "://" in value:
        address = value.partition("://")[2]
        host = _PIECE.split(re.split("[/?#]", address)[0].rpartition("@")[2])[0]
        pieces = _PIECE.split(address)
        yield from (piece for piece in pieces if piece != host or "." not in host)  # it says where the trouble is
        yield from (unquote(piece) for piece in pieces if "%" in piece)


def _forms(word: str) -> Iterator[str]:
    yield word
    yield json.dumps(word)[1:-1]
    yield json.dumps(word, ensure_ascii=False)[1:-1]
    yield from (quote(word, safe=""), quote(word), quote_plus(word))
    yield from _in_base64(word.encode("utf-8", "surrogatepass"))


def _in_base64(word: bytes) -> Iterator[str]:
    """Yield how base64 has a word, whatever stands before and behind it: only the letters that are its alone."""
    for before in range(3):
        begin = (before * 8 + 5) // 6
        end = (before + len(word)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * before + word).decode("ascii")[begin:end]


def visible(text: str, *, colours: bool = False) -> str:
    r"""
    The text without what would steer a terminal: such characters are written out. Lines and tabs stay.

    With `colours`, what changes the colour of letters stays, too, and nothing else of that kind.

    >>> visible("title\x1b[2J\nnext")
    'title\\x1b[2J\nnext'
    """
    if text.isprintable():
        return text
    search = _BUT_COLOURS if colours else _STEERING
    return search.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def visible_json(text: str) -> str:
    """JSON as it is, but for such characters in its strings: they are escaped."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _Redacting(logging.Filter):
    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; it is never held back."""
        record.msg, record.args = self._line(_message(record)), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = visible(self._secrets.hide(record.exc_text))
        if record.stack_info:
            record.stack_info = visible(self._secrets.hide(record.stack_info))
        return True

    def _line(self, text: str) -> str:
        return visible(self._secrets.hide(text)).replace("\n", "\\n")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # a message and arguments that do not go together
        return f"{record.msg} {record.args}"


def redacting(secrets: Iterable[str]) -> logging.Filter:
    """
    A filter that hides secrets in every record, its traceback included, and keeps a message on one line.

    It belongs on a handler: the filter of a logger is not asked about what its children log.
    """
    return _Redacting(Secrets(secrets))
