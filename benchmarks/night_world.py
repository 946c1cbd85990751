"""What a simulated night meets outside: a toll before the model service, a mail server, a webhook; all can fail.

On loopback, in one thread, each with a book of what came and when; knows nothing of digest but how it marks messages.
"""

import asyncio
import email
import email.policy
import hashlib
import json
import re
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from aiosmtpd.smtp import SMTP, Envelope, Session

Result = TypeVar("Result")

Outcome = Literal["in flight", "answered", "no answer in it", "of no use", "refused", "broken", "gone"]
CHINESE = re.compile(r"[\u4e00-\u9fff]{2}")
FIELDS = 2  #: of a note on a change; a card has five
FORWARDED = ("Authorization", "Content-Type")
RETURNED = ("Content-Type", "Retry-After")
SLOW = 1.0  #: seconds that a slow receiver takes


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, task: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(task, self.loop).result(30)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


@dataclass(slots=True)
class Passage:
    """One request to the model service."""

    body: str  #: its hash
    key: str  #: of the caller: tells who asked
    began: float
    ended: float = 0.0
    outcome: Outcome = "in flight"


class Web:
    """An aiohttp server that can be taken off its port and put back."""

    def __init__(self, app: web.Application) -> None:
        self.runner = web.AppRunner(app, access_log=None)
        self.port = 0
        self._site: web.TCPSite | None = None

    async def start(self) -> None:
        await self.runner.setup()
        await self.listen(is_up=True)
        self.port = self.runner.addresses[0][1]

    async def listen(self, *, is_up: bool) -> None:
        if is_up and self._site is None:
            self._site = web.TCPSite(self.runner, "127.0.0.1", self.port, backlog=1024, reuse_address=True)
            await self._site.start()
        elif not is_up and self._site is not None:
            await self._site.stop()
            self._site = None

    async def stop(self) -> None:
        await self.runner.cleanup()


class Toll:
    """Passes requests on to the model service and writes down which of them were answered."""

    def __init__(self, service: str) -> None:
        self.service = service  #: its address, up to /v1
        self.passages: list[Passage] = []
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/v1/{rest:.*}", self._pass)
        self.web = Web(app)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.web.port}/v1"

    @property
    def answered(self) -> int:
        return sum(one.outcome == "answered" for one in self.passages)

    async def start(self) -> None:
        self._client = ClientSession(timeout=ClientTimeout(60), auto_decompress=True)
        await self.web.start()

    async def stop(self) -> None:
        await self.web.stop()
        await self._client.close()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        one = Passage(hashlib.sha256(body).hexdigest(), key, time.time())
        if request.path.endswith("/completions"):
            self.passages.append(one)
        headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
        place = f"{self.service}/{request.match_info['rest']}"
        try:
            async with self._client.request(request.method, place, data=body, headers=headers) as got:
                content, status = await got.read(), got.status
                back = {name: got.headers[name] for name in RETURNED if name in got.headers}
        except (ClientError, TimeoutError):
            one.outcome, one.ended = "broken", time.time()
            return self._cut(request)
        return await self._hand_over(request, one, web.Response(body=content, status=status, headers=back))

    async def _hand_over(self, request: web.Request, one: Passage, response: web.Response) -> web.StreamResponse:
        one.ended = time.time()
        if request.transport is None or request.transport.is_closing():
            one.outcome = "gone"  # its caller has waited long enough, or is no more
        elif response.status != 200:
            one.outcome = "refused"
        else:
            assert isinstance(response.body, bytes)
            one.outcome = _outcome_of(response.body)
        return response

    @staticmethod
    def _cut(request: web.Request) -> web.StreamResponse:
        if request.transport:
            request.transport.abort()
        return web.Response(status=502)


def _outcome_of(body: bytes) -> Outcome:
    """Whether a completion holds an answer, and one that could make a card: five fields, and Chinese in them."""
    try:
        choice = json.loads(body)["choices"][0]
        text = choice["message"]["content"]
    except (ValueError, LookupError, TypeError):
        return "no answer in it"
    if not isinstance(text, str):
        return "no answer in it"
    with suppress(ValueError):
        fields = json.loads(text[text.index("{") : text.rindex("}") + 1])
        filled = [one for one in fields.values() if isinstance(one, str) and CHINESE.search(one)]
        if choice.get("finish_reason") != "length" and len(filled) >= FIELDS:
            return "answered"
    return "of no use"


@dataclass(frozen=True, slots=True)
class Letter:
    """What a receiver got, whatever the way."""

    receiver: str
    mark: str  #: Message-ID or X-Digest-Id: the same for all copies
    subject: str
    text: str
    at: float
    was_acknowledged: bool


@dataclass(slots=True)
class Moods:
    """How a receiver's server fares."""

    mood: str | None = None
    hold: float = 0.0  #: seconds before it answers
    letters: list[Letter] = field(default_factory=list)


class Mailbox(Moods):
    """A mail server: may be "refused" (nobody listens), "451", "dropped" (takes the mail and hangs up), "slow"."""

    port = 0
    _server: asyncio.Server

    async def start(self) -> None:
        await self.listen(is_up=True)

    async def listen(self, *, is_up: bool) -> None:
        if not is_up:
            self._server.close()
            return
        make = asyncio.get_running_loop().create_server
        self._server = await make(lambda: SMTP(self, hostname="localhost"), "127.0.0.1", self.port, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.mood == "451":
            return "451 4.3.0 try again later"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)  # type: ignore[arg-type]
        text = message.get_body(("plain", "html"))
        self.letters.extend(
            Letter(
                receiver,
                str(message["Message-ID"]).strip(),
                str(message["Subject"]),
                text.get_content() if text else "",
                time.time(),
                self.mood != "dropped",
            )
            for receiver in envelope.rcpt_tos
        )
        await asyncio.sleep(max(self.hold, SLOW if self.mood == "slow" else 0.0))
        if self.mood == "dropped" and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        return "250 OK"


class Hook(Moods):
    """A webhook: may be "500", "dropped" (takes the message and hangs up), "slow"."""

    def __init__(self) -> None:
        super().__init__()
        app = web.Application(client_max_size=2**24)
        app.router.add_post("/{name}", self._post)
        self.web = Web(app)

    async def _post(self, request: web.Request) -> web.Response:
        said = await request.json()
        if self.mood == "500":
            return web.Response(status=500)
        mark = request.headers.get("X-Digest-Id", "")
        name, is_kept = request.match_info["name"], self.mood != "dropped"
        self.letters.append(Letter(name, mark, said.get("title", ""), said.get("message", ""), time.time(), is_kept))
        await asyncio.sleep(max(self.hold, SLOW if self.mood == "slow" else 0.0))
        if self.mood == "dropped" and request.transport:
            request.transport.abort()
        return web.Response(text="ok")


class World:
    """Toll, mailbox and webhook together, and how they fare tonight."""

    def __init__(self, service: str) -> None:
        self._loop = Loop()
        self.toll, self.mail, self.hook = Toll(service), Mailbox(), Hook()
        for part in (self.toll, self.mail, self.hook.web):
            self._loop.do(part.start())

    def close(self) -> None:
        for part in (self.toll, self.mail, self.hook.web):
            self._loop.do(part.stop())
        self._loop.stop()

    def fare(self, service: str | None, mail: str | None, hook: str | None, *, hold: float) -> None:
        """Let each fail as named until the next call; None is well."""
        self._loop.do(self.toll.web.listen(is_up=service != "down"))
        if (mail == "refused") != (self.mail.mood == "refused"):
            self._loop.do(self.mail.listen(is_up=mail != "refused"))
        self.mail.mood, self.hook.mood = mail, hook
        self.mail.hold = self.hook.hold = hold

    @property
    def letters(self) -> list[Letter]:
        return [*self.mail.letters, *self.hook.letters]
