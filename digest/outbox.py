"""The way to one receiver as digest.toml has it: opened, and a message handed over in a few tries.

Knows settings, no marks, and not what a message is about.
"""

from email.utils import parseaddr

from .config import Config
from .deliver import Channel, Message, RefusedError, open_channel
from .errors import ConfigError, DeliveryError, DigestError
from .hooks import Sleep
from .interrupts import INTERRUPT
from .letters import Form, Letterhead
from .plaintext import one_line
from .secrecy import Secrets
from .settings import DeliverSettings

TRIES = 3  #: of one message in a row, as long as there is hope
PAUSES = (1.0, 4.0)  #: seconds between them


def form_of(one: DeliverSettings) -> Form:
    """The form that a receiver gets: whole by mail, short elsewhere, unless it says."""
    return one.form or ("whole" if one.mail else "short")


def letterhead(config: Config) -> Letterhead:
    """Whom our messages are from."""
    return Letterhead(config.smtp.sender if config.smtp else None, config.site_url)


def opened(config: Config, one: DeliverSettings) -> Channel:
    """
    The way to one receiver.

    Raises:
        ConfigError: a variable is not set, an address can't be read, apprise is not installed.
    """
    if one.url_env:
        return open_channel("notify", url=config.secret(one.url_env), variable=one.url_env)
    if (smtp := config.smtp) is None or one.mail is None:
        raise ConfigError("no [smtp] in digest.toml", hint="it names the server that takes mail")
    password = config.secret(smtp.password_env) if smtp.user else ""
    return open_channel("smtp", receiver=one.mail, password=password, **smtp.model_dump(exclude={"password_env"}))


def reason(config: Config, one: DeliverSettings, error: DigestError) -> str:
    """What went wrong, on one line and without anybody's address: marks lie in the site, which is often public."""
    people = [one.mail, *([config.smtp.sender, config.smtp.user] if config.smtp else ())]
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
            lambda error: (
                isinstance(error, DeliveryError) and not isinstance(error, RefusedError) and not INTERRUPT.signal
            )
        ),
        sleep=sleep,
        reraise=True,
    )
    tries(channel.send, message)
