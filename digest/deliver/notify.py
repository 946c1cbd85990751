"""Chats, webhooks and whatever else apprise knows, by the address that it reads.

Sends plain text in which no title calls a person or makes a link; its address is a secret, and stands in no error.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, DeliveryError
from ..plaintext import one_line
from ..secrecy import Secrets
from . import Message, RefusedError

if TYPE_CHECKING:
    from apprise import NotifyBase

log = logging.getLogger(__name__)

INSTALL = "pip install 'bilingual-digest[deliver]'"
PATIENCE = 30  #: seconds for an answer, where the address does not say rto=; apprise's own 4 are few
LONGEST_REASON = 300  #: characters of what apprise says

#: Programs, not people: they get the text as it is, in one piece.
WEBHOOKS = ("form", "forms", "json", "jsons", "xml", "xmls")
MAILS = ("mailto", "mailtos")
#: Where text is read as Markdown whatever it is sent as; each takes a backslash before a sign.
MARKDOWN = ("discord", "gchat", "mmost", "mmosts", "rocket", "rockets", "workflow", "workflows", "zulip")


def _octets(text: str) -> int:
    return len(text.encode())


def _in_json(text: str) -> int:
    return len(json.dumps(text))


#: What counts towards a service's limit where that is not characters, which is what apprise counts. Sources:
#: https://developer.work.weixin.qq.com/document/path/91770 (2,048 octets),
#: https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot (20 kB of request, where apprise writes \\uXXXX),
#: https://open.dingtalk.com/document/orgapp/custom-bot-send-message-type (20,000 octets)
MEASURES: dict[str, Callable[[str], int]] = {
    "wecombot": _octets,
    "feishu": _in_json,
    "lark": _in_json,
    "dingtalk": _in_json,
}

#: "@all", "<at user_id=…>": a call to people, in one chat or another; not "Pass@k", nor an address of mail.
_CALL = re.compile(r"(?<![A-Za-z0-9_])@(?=\w)|<(?=at\b)", re.IGNORECASE)
_SIGN = re.compile(r"[\\`*_\[\]<>~|#]|^(?:[-+]|\d+[.)])(?=\s)", re.MULTILINE)
_ADDRESS = re.compile(r"https?://\S+")
_CODE = re.compile(r"error=(\d{3})\b")
_LATER = (408, 425, 429)  #: of the codes that say no, those that mean: not now


class Notify:
    """One receiver by an address of apprise's."""

    def __init__(self, url: str, variable: str) -> None:
        """
        Read the address; nothing is connected to yet.

        Args:
            url: As apprise reads it, one receiver: "tgram://TOKEN/CHAT".
            variable: Where it came from, for errors.

        Raises:
            ConfigError: apprise is not installed, or can't read the address.
        """
        self._secrets = Secrets([url])
        with _silent():
            schema, service = _service(url)
        if service is None:
            raise ConfigError(
                f"{variable} holds no address that apprise can read",
                hint="one address of one receiver, such as tgram://TOKEN/CHAT: https://appriseit.com/services",
            )
        self._service, self._schema = service, schema
        self._takes_text, self._takes_html = schema in (*WEBHOOKS, *MAILS), schema in MAILS
        self._reads_markdown = schema in MARKDOWN or service.notify_format == "markdown"
        self._measure = MEASURES.get(schema, len)
        self._room = 1 << 30 if self._takes_text else int(service.body_maxlen)

    def fits(self, text: str) -> bool:
        """Whether the service takes a text in one message, with a subject before it."""
        shown = self._shown(text)
        return self._measure(shown) + 200 <= self._room

    def send(self, message: Message) -> None:
        """Hand one message over, in several pieces where the service takes no more at once."""
        from apprise import Apprise, NotifyFormat

        form, body = NotifyFormat.TEXT, self._shown(message.text)
        if self._reads_markdown:
            form = NotifyFormat.MARKDOWN
        elif message.html is not None and self._takes_html:
            form, body = NotifyFormat.HTML, message.html
        service = self._service
        if self._takes_text:
            service.body_maxlen = self._room
        elif self._measure is not len and not self.fits(message.text):
            # In characters, as apprise counts: so many that every slice of the text keeps to the limit.
            service.body_maxlen = self._room // max(map(self._measure, {*body, "\n"}))
        if isinstance(headers := getattr(service, "headers", None), dict):
            headers["X-Digest-Id"] = message.message_id
        everyone = Apprise()
        everyone.add(service)
        with _silent():
            result = everyone.notify(title=one_line(message.subject), body=body, body_format=form)
        if not result:
            raise self._failure([entry.message for entry in result.logs()])
        log.info("message %s: %s took it", message.message_id, service.service_name)

    def _shown(self, text: str) -> str:
        """The text as this service must get it so that people see just that."""
        text = text.replace("\0", "").encode("utf-8", "replace").decode()
        if self._takes_text:
            return text
        text = _CALL.sub("\\g<0>\u200b", text)
        return _as_markdown(text) if self._reads_markdown else text

    def _failure(self, said: list[str]) -> DeliveryError:
        reason = self._secrets.hide(one_line(" ".join(said)))[:LONGEST_REASON] or "no reason given"
        code = _CODE.search(reason)
        lasts = code is not None and 300 <= int(code[1]) < 500 and int(code[1]) not in _LATER
        return (RefusedError if lasts else DeliveryError)(f"{self._service.service_name}: {reason}")


def _service(url: str) -> "tuple[str, NotifyBase | None]":
    """The kind of an address and its service, as truthful as can be: no retries, redirects or silence of its own."""
    try:
        from apprise import Apprise, AppriseAsset
        from apprise.plugins import url_to_dict
    except ImportError as error:
        raise ConfigError("apprise is not installed", hint=INSTALL) from error
    # A time-out of a whole call would leave it running behind our back; a redirect turns what is sent into a question.
    asset = AppriseAsset(service_timeout=0, http_redirects=False, allow_templates=False, app_id="digest")
    parts: dict[str, Any] | None = url_to_dict(url.strip())  # type: ignore[no-untyped-call]
    if parts is None:
        return "", None
    schema = str(parts["schema"]).lower()
    parts = {"rto": PATIENCE, "cto": PATIENCE, "overflow": "split"} | parts | {"optional": "no", "retry": 0}
    if schema in MARKDOWN:
        parts["format"] = "markdown"  # else ours is made plain on the way, and theirs out of that again
    service: NotifyBase | None = Apprise.instantiate(parts, asset=asset)
    return schema, service


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what apprise and its client log to ourselves: it is in the result, and some of it shows addresses."""
    theirs = [logging.getLogger(name) for name in ("apprise", "urllib3")]
    before = [one.propagate for one in theirs]
    try:
        for one in theirs:
            one.propagate = False
        yield
    finally:
        for one, was in zip(theirs, before, strict=True):
            one.propagate = was


def _as_markdown(text: str) -> str:
    r"""
    Text as Markdown that shows just that; an address alone on its line stays one.

    >>> print(_as_markdown("[SEG] a_b *\nhttps://x.org/a_b"))
    \[SEG\] a\_b \*
    <https://x.org/a_b>
    """
    lines = (f"<{line}>" if _ADDRESS.fullmatch(line) else _escaped(line) for line in text.split("\n"))
    return "\n".join(lines)


def _escaped(line: str) -> str:
    return _SIGN.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", line)
