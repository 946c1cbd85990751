"""The server of `digest serve`: a site's files, word to open pages that they changed, and orders for cards.

Answers requests with what its neighbours judge, find and make; keeps nothing on disk and reads no environment.
"""

import asyncio
import json
import logging
import secrets
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from hmac import compare_digest
from pathlib import Path
from typing import get_args
from urllib.parse import quote

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from . import serve_files, serve_gate, serve_watch
from .config import Config
from .errors import ConfigError
from .hooks import Clock
from .interrupts import INTERRUPT
from .serve_replies import FOREIGN, Replies, Reply
from .serve_work import Act, News, Workshop

log = logging.getLogger(__name__)

PERIOD = 0.5  #: seconds between two looks at the files of open pages
REST, LONGEST = 0.8, 10.0  #: seconds without a change after which writing is over; the longest wait for that
PULSE = 15.0  #: seconds between two signs of life to an open page
MOST = 100  #: open pages that are told of changes
PATIENCE = 10.0  #: seconds for the body of an order
FAREWELL = 3.0  #: seconds for an order that asks nobody any more to write its pages

HEADERS = {
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "digest",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Door:
    """Where the server listens, and whether it takes orders."""

    host: str
    port: int  #: 0: any that is free
    takes_orders: bool


@dataclass(eq=False, slots=True)
class Listener:
    """An open page that is told of changes."""

    parts: tuple[str, ...]
    version: str  #: of what it shows
    lines: "asyncio.Queue[bytes | None]" = field(default_factory=asyncio.Queue)  #: None: the end

    def tell(self, event: str, record: object) -> None:
        self.lines.put_nowait(f"event: {event}\ndata: {json.dumps(record)}\n\n".encode())


class Server:
    """A site on one address, until it is told to stop."""

    def __init__(self, config: Config, door: Door, clock: Clock) -> None:
        self._root, self._door = config.output, door
        #: Proves that an order comes from a page of ours; empty: no orders are taken.
        self.token = secrets.token_urlsafe(32) if door.takes_orders and serve_gate.is_loopback(door.host) else ""
        self._replies = Replies(config, self.token)
        self._workshop = Workshop(config, clock, self._heard)
        self._listeners: set[Listener] = set()
        self._look = asyncio.Event()
        self._hurry = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._port = door.port

    # -------------------------------------------------------------------------------------- life

    async def run(self, ready: Callable[[str], None]) -> None:
        """
        Serve until a signal comes, or `stop` is called; `ready` is told the address.

        Raises:
            ConfigError: the address can't be had.
        """
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        runner = web.AppRunner(self._app(), access_log=None, handle_signals=False, shutdown_timeout=1, logger=_logger())
        await runner.setup()
        try:
            await self._listen(runner)
            with suppress(NotImplementedError, RuntimeError, ValueError):  # on Windows, or in a thread: as Python does
                for number in (signal.SIGINT, signal.SIGTERM):
                    self._loop.add_signal_handler(number, self._signalled, number)
            watcher = asyncio.create_task(self._watch())
            ready(self._address())
            await self._stopped.wait()
            watcher.cancel()
        finally:
            for listener in self._listeners:
                listener.lines.put_nowait(None)
            await runner.cleanup()
        await self._farewell()

    def stop(self) -> None:
        """End, from any thread."""
        if self._loop:
            self._loop.call_soon_threadsafe(self._stopped.set)

    def _app(self) -> web.Application:
        # No routes: these look at a path that is decoded and joined already.
        app = web.Application(client_max_size=serve_gate.BODY, middlewares=[self._checked])
        app.on_response_prepare.append(_with_headers)
        return app

    async def _listen(self, runner: web.AppRunner) -> None:
        host, port = self._door.host, self._door.port
        try:
            await web.TCPSite(runner, host, port).start()
        except (OSError, OverflowError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(
                f"{host}:{port}: can't listen there: {reason}",
                hint=f"choose another port, such as --port {port + 1 if port < 65535 else 8000}; 0 takes any free one",
            ) from error
        self._port = runner.addresses[0][1]

    def _address(self) -> str:
        host = "127.0.0.1" if self._door.host in serve_gate.ANYWHERE else self._door.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}/"

    def _signalled(self, number: int) -> None:
        if self._stopped.is_set():
            self._hurry.set()
        elif INTERRUPT.is_noted(number):
            log.warning("an answer of the model is under way, and waited for; once more, and it is left")
        self._stopped.set()

    async def _farewell(self) -> None:
        """Let an order come to its end: an answer that is paid for is waited for, else only its pages are."""
        thread, until = self._workshop.thread, time.monotonic() + FAREWELL
        while thread and thread.is_alive() and not self._hurry.is_set():
            if INTERRUPT.signal is None and time.monotonic() > until:
                return
            await asyncio.sleep(0.05)

    # -------------------------------------------------------------------------------------- requests

    @web.middleware
    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:  # noqa: ARG002
        """Refuse what calls us by a foreign name; tell of each request where that is asked for."""
        if serve_gate.is_our_host(request.headers.get("Host", ""), self._door.host, self._port):
            try:
                reply = await self._answer(request)
            except web.HTTPException as error:
                reply = _said(error.status, error.reason)
        else:
            reply = _said(421, "This server does not go by that name.")
        log.info("%s %r %d", request.method, request.raw_path[:300], reply.status)
        return reply

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        if path == "/-/events":
            return await self._events(request)
        for act in get_args(Act):
            if path == f"/-/{act}":
                return await self._order(request, act)
        if request.method not in ("GET", "HEAD"):
            return _said(405, "This address is only read.", {"Allow": "GET, HEAD"})
        return await self._file(request, path)

    async def _file(self, request: web.Request, path: str) -> web.StreamResponse:
        parts = serve_gate.path_parts(path)
        reply = await asyncio.to_thread(self._replies.to, parts or ())
        if reply.status == 404 and parts and await asyncio.to_thread(serve_files.is_folder, self._root, parts):
            return _said(308, "It is a folder.", {"Location": f"/{'/'.join(map(quote, parts))}/"})
        tagged = {"ETag": f'"{reply.version}"', "Last-Modified": _http_time(reply.modified)}
        headers = {"Content-Type": reply.type, "Content-Security-Policy": reply.policy}
        if reply.status == 404:
            return web.Response(body=reply.body, status=404, headers=headers)
        if _is_known(request, reply):
            return web.Response(status=304, headers=tagged)
        return web.Response(body=reply.body, headers=headers | tagged)

    async def _order(self, request: web.Request, act: Act) -> web.StreamResponse:
        """Begin with an order for a card, if everything about it says that a page of ours sent it."""
        if request.method != "POST":
            return _said(405, "Orders are sent by POST.", {"Allow": "POST"})
        if why := self._refusal(request):
            return _said(403, f"Refused: {why}.")
        try:
            wish = serve_gate.read_wish(await asyncio.wait_for(request.read(), PATIENCE))
        except (TimeoutError, ValueError) as error:
            return _said(400, f"No order: {error or 'it did not arrive'}.")
        begun = self._workshop.take(act, wish)
        return _said(202, "Begun.") if begun else _said(409, "Another order is under way.")

    def _refusal(self, request: web.Request) -> str | None:
        """Why an order is not looked at."""
        if not self.token:
            return "this server takes no orders"
        if not serve_gate.is_loopback(request.remote or ""):
            return "orders are taken from this machine alone"
        if why := serve_gate.refusal(request.headers, request.content_type):
            return why
        said = request.headers.get("X-Digest-Token", "").encode(errors="surrogateescape")
        is_ours = compare_digest(said, self.token.encode())
        return None if is_ours else "no token, or that of an earlier process; load the page again"

    # -------------------------------------------------------------------------------------- open pages

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Tell an open page, for as long as it is open, that it changed, and what becomes of its orders."""
        parts = serve_gate.path_parts(request.query.get("page", "")) or ()
        if request.method != "GET" or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return _said(403, "This is for the pages of this server.")
        if len(self._listeners) >= MOST:
            return _said(503, "Too many pages are open.", {"Retry-After": "10"})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        listener = Listener(parts, request.query.get("version", ""))
        self._listeners.add(listener)
        try:
            await response.write(b"retry: 1000\n\n")
            if edition := serve_gate.edition_of(parts):
                for news in self._workshop.of(edition[0], edition[1].isoformat()):
                    listener.tell("work", news.record)
            self._look.set()
            while (line := await _next(listener)) is not None:
                await response.write(line)
        except ConnectionError:
            log.debug("%s: gone", "/".join(parts))
        finally:
            self._listeners.discard(listener)
        return response

    def _heard(self, news: News) -> None:
        """Pass on what the workshop says, from its thread."""
        if self._loop:
            with suppress(RuntimeError):  # the server has ended
                self._loop.call_soon_threadsafe(self._pass_on, news)

    def _pass_on(self, news: News) -> None:
        for listener in self._listeners:
            edition = serve_gate.edition_of(listener.parts)
            if edition and (edition[0], edition[1].isoformat()) == (news.site, news.date):
                listener.tell("work", news.record)
        if news.is_over:
            self._look.set()  # nothing more is written: no need to wait for the calm

    async def _watch(self) -> None:
        """Compare what open pages show with what there is: at once where asked for, else when files changed."""
        calm = serve_watch.Calm(REST, LONGEST)
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), PERIOD if self._listeners else None)
            at_once = self._look.is_set()
            self._look.clear()
            found = serve_watch.marks(self._watched(listener.parts for listener in self._listeners))
            if calm.is_over(found, time.monotonic()) or at_once:
                await self._compare()

    def _watched(self, pages: Iterable[tuple[str, ...]]) -> set[Path]:
        """The files of some pages and, as signs that somebody is still writing, the folders that they stand in."""
        watched: set[Path] = set()
        for parts in pages:
            page = self._root.joinpath(*parts)
            watched |= {page, page.parent, page.parent.parent} if len(parts) > 1 else {page, self._root}
        return watched

    async def _compare(self) -> None:
        shown: dict[tuple[str, ...], list[Listener]] = {}
        for listener in self._listeners:
            shown.setdefault(listener.parts, []).append(listener)
        for parts, listeners in shown.items():
            version = (await asyncio.to_thread(self._replies.to, parts)).version
            for listener in listeners:
                if listener.version != version:
                    listener.version = version
                    listener.tell("reload", {})


async def _next(listener: Listener) -> bytes | None:
    """What is to be told next, or a sign of life."""
    try:
        return await asyncio.wait_for(listener.lines.get(), PULSE)
    except TimeoutError:
        return b": \n\n"


async def _with_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers.setdefault("Content-Security-Policy", FOREIGN)


def _said(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=f"{text}\n", headers=headers)


def _http_time(moment: datetime) -> str:
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


def _is_known(request: web.Request, reply: Reply) -> bool:
    """Whether who asks has it already."""
    if (tags := request.if_none_match) is not None:
        return any(one.value in (reply.version, "*") for one in tags)
    since = request.if_modified_since
    return since is not None and reply.modified <= since


def _logger() -> logging.Logger:
    """For what goes wrong inside aiohttp: nonsense that somebody sends is no fault of ours, and worth no traceback."""
    found = logging.getLogger(f"{__name__}.http")
    found.addFilter(lambda record: not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError)))
    return found
