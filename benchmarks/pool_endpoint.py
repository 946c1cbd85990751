"""One of several model services on loopback, with limits of its own; it writes down whatever it is asked and answers.

Knows nothing of digest. What is on its way when it is killed stands in its log as asked and never as told.
"""

import argparse
import asyncio
import hashlib
import json
import time
from pathlib import Path

from aiohttp import web
from service import CARD


def reply(model: str) -> bytes:
    """A good Chinese card, that fits any paper."""
    message = {"role": "assistant", "content": json.dumps(CARD, ensure_ascii=False)}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    usage = {"prompt_tokens": 900, "completion_tokens": 220, "total_tokens": 1120}
    said = {"id": "pool", "object": "chat.completion", "model": model, "choices": choices, "usage": usage}
    return json.dumps(said, ensure_ascii=False).encode()


class Endpoint:
    """Answers after a while, to so many at once and so many a minute; the rest waits in line, or is told "too many"."""

    def __init__(self, latency: float, slots: int, a_minute: float, log: Path) -> None:
        self.latency, self.slots = latency, asyncio.Semaphore(slots)
        self.rate = a_minute / 60
        self.level, self.at = 1.0, time.monotonic()
        self.log = log.open("a", buffering=1, encoding="ascii")  # a line is there when it is written, whatever comes

    def wait(self) -> float:
        """Seconds until one more is allowed, 0: it is, and is taken. No more than a second's worth comes at once."""
        if not self.rate:
            return 0.0
        now = time.monotonic()
        self.level = min(max(1.0, self.rate), self.level + self.rate * (now - self.at))
        self.at = now
        if self.level < 1:
            return (1 - self.level) / self.rate
        self.level -= 1
        return 0.0

    async def complete(self, request: web.Request) -> web.Response:
        """One card."""
        body = await request.read()
        if seconds := self.wait():
            headers = {"Retry-After": str(int(seconds) + 1), "retry-after-ms": str(int(1000 * seconds) + 1)}
            return web.json_response(
                {"error": {"message": "too many", "code": "rate_limit"}}, status=429, headers=headers
            )
        asked = json.loads(body)
        name = hashlib.sha256(json.dumps(asked["messages"]).encode()).hexdigest()[:20]
        self.note("asked", name)
        async with self.slots:
            await asyncio.sleep(self.latency)
        self.note("told", name)
        return web.Response(body=reply(asked["model"]), content_type="application/json")

    async def models(self, _: web.Request) -> web.Response:
        """What it has."""
        return web.json_response({"object": "list", "data": [{"id": "bench", "object": "model"}]})

    def note(self, what: str, name: str) -> None:
        """A line of the log."""
        self.log.write(f"{what} {name} {time.time():.4f}\n")


async def serve(port: int, endpoint: Endpoint) -> None:
    """Listen on loopback until it is stopped, and print the port."""
    app = web.Application()
    app.add_routes([web.post("/v1/chat/completions", endpoint.complete), web.get("/v1/models", endpoint.models)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096, reuse_address=True).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


async def main() -> None:
    """The endpoint of the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=1.0, help="seconds")
    parser.add_argument("--slots", type=int, default=64, help="requests served at once; more wait in line")
    parser.add_argument("--a-minute", type=float, default=0, help="requests; 0: no limit")
    parser.add_argument("--log", type=Path, required=True)
    asked = parser.parse_args()
    await serve(asked.port, Endpoint(asked.latency, asked.slots, asked.a_minute, asked.log))


if __name__ == "__main__":
    asyncio.run(main())
