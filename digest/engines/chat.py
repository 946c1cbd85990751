"""The engine for every OpenAI-compatible endpoint: openai's async client behind the synchronous Engine.

Lets the caller and the event loop take turns; how requests are sent is for sending.py, to keep replies for cached.py.
"""

from collections.abc import Iterable, Iterator

from ..interrupts import seen_to
from ..models import Answer, Request
from . import Keep
from .handover import handover
from .sending import Sending
from .service import Service


class ChatEngine(Service):
    """Asks an OpenAI-compatible endpoint, up to `concurrency` requests at once."""

    keep: Keep | None = None  #: gets the answers as they arrive, some together, before they are yielded

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """
        Answer every request once, each as soon as its reply is here; the loop lives in the caller's thread.

        Raises:
            EngineRefused: the key, the model or the quota is refused; replies already paid for come first.
            EngineError: the endpoint is not there, or was lost on the way.
            Interrupted: a signal came; what was under way is answered.
        """
        with seen_to(), handover(self.keep, 2 * self.concurrency) as answers:
            run = Sending(self, _Taken(requests), answers.put, answers.loop)
            main = answers.loop.create_task(run.work())
            main.add_done_callback(answers.pause)
            try:
                while (answer := answers.next(main)) is not None:
                    yield answer
                main.result()
            finally:
                if main.done() and not main.cancelled():
                    main.exception()  # seen: an interrupt must not be told twice


class _Taken:
    """Requests out of the caller's iterable, one by one, as an asynchronous source."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self.requests = iter(requests)

    def __aiter__(self) -> "_Taken":
        return self

    async def __anext__(self) -> Request:
        for request in self.requests:
            return request
        raise StopAsyncIteration
