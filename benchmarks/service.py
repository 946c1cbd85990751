"""A model service on loopback for the benchmarks: so many slots, so much latency, always a good Chinese card.

Knows nothing of digest. Prints its port, then serves until it is stopped.
"""

import argparse
import asyncio
import json
import time

from aiohttp import web

CARD = {
    "tldr": "本文提出一种带门控的注意力结构，使模型在长序列上的训练更加稳定，推理也更省显存。",
    "motivation": "已有方法在长序列上容易发散，而且缺少对其原因的统一解释，实际使用中需要反复调参。",
    "method": "作者在注意力层中加入可学习的门控，先冻结主干训练门控，再联合微调整个模型。",
    "result": "在多个公开测试集上，新方法的稳定性和准确率都优于对照方法，额外开销很小。",
    "conclusion": "门控是一种简单而有效的手段，可以直接用于现有模型，后续将研究更长的上下文。",
}
REPLY = {
    "id": "bench",
    "object": "chat.completion",
    "model": "bench",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": json.dumps(CARD, ensure_ascii=False)},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 900, "completion_tokens": 220, "total_tokens": 1120},
}


class Service:
    """Serves at most `slots` requests at once, each for `latency` seconds, and counts."""

    def __init__(self, latency: float, slots: int) -> None:
        self.latency = latency
        self.slots = asyncio.Semaphore(slots)
        self.reply = json.dumps(REPLY, ensure_ascii=False).encode()
        self.clear()

    def clear(self) -> None:
        self.requests = 0
        self.first: float | None = None
        self.last = 0.0

    async def complete(self, request: web.Request) -> web.Response:
        self.first = self.first or time.monotonic()
        self.requests += 1
        await request.json()
        async with self.slots:
            await asyncio.sleep(self.latency)
        self.last = time.monotonic()
        return web.Response(body=self.reply, content_type="application/json")

    async def stats(self, _: web.Request) -> web.Response:
        """What came since the last look: requests, and seconds from the first request to the last reply."""
        stage = self.last - self.first if self.first else 0.0
        told = {"requests": self.requests, "stage": stage, "began": self.first, "ended": self.last}
        self.clear()
        return web.json_response(told)


async def serve(latency: float, slots: int) -> None:
    service = Service(latency, slots)
    app = web.Application()
    app.add_routes([web.post("/v1/chat/completions", service.complete), web.get("/stats", service.stats)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=1.0, help="seconds")
    parser.add_argument("--slots", type=int, default=64, help="requests served at once; more wait in line")
    asked = parser.parse_args()
    asyncio.run(serve(asked.latency, asked.slots))
