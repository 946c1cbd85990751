"""Ways to a receiver: one Protocol, one module a channel, a registry of "module:attribute".

A channel sends one message and says why it could not; what is sent to whom, when and how often is decided above.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

from ..errors import ConfigError, DeliveryError

CHANNELS = {
    "notify": "digest.deliver.notify:Notify",
    "smtp": "digest.deliver.smtp:Smtp",
}


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: the same words in one or two forms, under a name of its own."""

    subject: str  #: one line
    text: str
    message_id: str  #: without angle brackets, "…@host": the same for every try, so that a second copy is known as one
    html: str | None = None  #: for channels that show it
    headers: Mapping[str, str] = field(default_factory=dict)  #: Date, List-Id and the like, for channels that have them


class RefusedError(DeliveryError):
    """A receiver or a server says no, and would say so again in a minute: an address, a password, a certificate."""


class Channel(Protocol):
    """A way to one receiver, opened with plain values; connects when it sends, not before."""

    def send(self, message: Message) -> None:
        """
        Hand one message over; it is in the receiver's hands when this returns.

        Raises:
            RefusedError: no, and trying again in a minute is no use.
            DeliveryError: not now, or nobody can tell whether. The reason is one line, without any secret.
        """
        ...

    def fits(self, text: str) -> bool:
        """Whether a message of this text arrives in one piece."""
        ...


def open_channel(name: str, **options: Any) -> Channel:
    """
    The channel of that name, or at "package.module:attribute", made with `options`.

    Raises:
        ConfigError: no channel has that name, its package is not installed, or an option is wrong.
    """
    module, _, attribute = CHANNELS.get(name, name).partition(":")
    if not module or not attribute:
        raise ConfigError(f"no channel is called {name!r}", hint=f'one of {", ".join(CHANNELS)}, or "module:attribute"')
    try:
        make: Callable[..., Channel] = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"the channel {name!r} can't be loaded: {error}") from error
    return make(**options)
