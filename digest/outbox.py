"""The way to one receiver as digest.toml has it: opened, and a message handed over in a few tries.

Knows settings, no marks, and not what a message is about.
"""

from collections.abc import Callable
from datetime import datetime
from email.utils import parseaddr

from .deliver import Channel, Message, RefusedError, open_channel
from .errors import ConfigError, DeliveryError, DigestError
from .letters import Form, Letterhead
from .plaintext import one_line
from .secrecy import Secrets
from .settings import DeliverSettings, Smtp

TRIES = 3  #: of one message in a row, as long as there is hope
PAUSES = (1.0, 4.0)  #: seconds between them

Sleep = Callable[[float], None]
Clock = Callable[[], datetime]  #: now, UTC


def form_of(one: DeliverSettings) -> Form:
    """The form that a receiver gets: whole by mail, short elsewhere, unless it says."""
    return one.form or ("whole" if one.mail else "short")


def letterhead(smtp: Smtp | None, site_url: str | None) -> Letterhead:
    """Whom our messages are from."""
    return Letterhead(smtp.sender if smtp else None, site_url)


def opened(one: DeliverSettings, smtp: Smtp | None, secret: Callable[[str], str]) -> Channel:
    """
    The way to one receiver; `secret` gives what a variable holds.

    Raises:
        ConfigError: a variable is not set, an address can't be read, apprise is not installed.
    """
    if one.url_env:
        return open_channel("notify", url=secret(one.url_env), variable=one.url_env)
    if smtp is None or one.mail is None:
        raise ConfigError("no [smtp] in digest.toml", hint="it names the server that takes mail")
    options = smtp.model_dump(exclude={"password_env"})
    return open_channel("smtp", receiver=one.mail, password=secret(smtp.password_env) if smtp.user else "", **options)


def reason(one: DeliverSettings, smtp: Smtp | None, error: DigestError) -> str:
    """What went wrong, on one line and without anybody's address: marks lie in the site, which is often public."""
    people = [one.mail, smtp and smtp.sender, smtp and smtp.user]
    return Secrets(parseaddr(name)[1] or name for name in people if name).hide(one_line(str(error)))


def hand_over(channel: Channel, message: Message, sleep: Sleep) -> None:
    """
    Send a message, a few times in a row as long as that may help.

    Raises:
        DeliveryError: of the last try.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_chain, wait_fixed

    tries = Retrying(
        stop=stop_after_attempt(TRIES),
        wait=wait_chain(*map(wait_fixed, PAUSES)),
        retry=retry_if_exception(
            lambda error: isinstance(error, DeliveryError) and not isinstance(error, RefusedError)
        ),
        sleep=sleep,
        reraise=True,
    )
    tries(channel.send, message)
