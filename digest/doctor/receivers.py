"""Receivers: whether what each needs is set and can be read, and whether the mail server lets us in.

Sends no message: it greets the mail server, logs in and leaves.
"""

from collections.abc import Iterator

from .. import delivery, outbox
from ..config import Config
from ..deliver import RefusedError
from ..deliver.smtp import Smtp
from ..errors import DigestError
from ..identifiers import canonical_category
from ..settings import DeliverSettings
from . import ONLINE, Check, Patient, failed

SECONDS = 20.0  #: for each word of the mail server


def examine(patient: Patient) -> Iterator[Check]:
    """Yield each receiver, and the mail server if there is one."""
    config = patient.config
    for one in config.deliver:
        try:
            yield receiver(config, one)
        except DigestError as error:
            yield failed(f"to {one.name}", error)
    if config.smtp:
        if patient.offline:
            yield Check("mail server", "note", f"{config.smtp.host}: not asked (--offline)", ONLINE)
            return
        try:
            yield _greeted(config)
        except RefusedError as error:
            yield Check("mail server", "wrong", str(error), "check [smtp] and the password")
        except DigestError as error:
            yield failed("mail server", error, "check [smtp]")


def receiver(config: Config, one: DeliverSettings) -> Check:
    """
    How a receiver is reached.

    Raises:
        ConfigError: its address is not set or can't be read.
    """
    sends = " and ".join(one.sends)
    if one in delivery.strangers(config):
        mend = f"language in [[deliver]], or {one.language} among the languages of digest.toml"
        return Check(f"to {one.name}", "wrong", f"no edition is made in {one.language}, so nothing is sent", mend)
    if unknown := _unknown(config, one):
        mend = "sections in [[deliver]]: titles of [[section]], or categories"
        return Check(f"to {one.name}", "wrong", f"no section is called {unknown!r}", mend)
    if one.mail:
        return Check(f"to {one.name}", "ok", f"{sends} by mail to {one.mail}")
    outbox.opened(config, one)
    return Check(f"to {one.name}", "ok", f"{sends}; the address in {one.url_env} can be read (nothing was sent)")


def _unknown(config: Config, one: DeliverSettings) -> str | None:
    """The first name among its sections that is neither a title nor a category."""
    titles = {section.title.casefold() for section in config.section}
    return next((name for name in one.sections if name.casefold() not in titles and not _is_category(name)), None)


def _is_category(name: str) -> bool:
    try:
        canonical_category(name)
    except ValueError:
        return False
    return True


def _greeted(config: Config) -> Check:
    smtp = config.smtp
    assert smtp
    password = config.secret(smtp.password_env) if smtp.user else ""
    options = smtp.model_dump(exclude={"password_env"}) | {"timeout_seconds": min(SECONDS, smtp.timeout_seconds)}
    Smtp(receiver=smtp.sender, password=password, **options).greet()
    login = f"lets {smtp.user} in" if smtp.user else "takes us without a login"
    return Check("mail server", "ok", f"{smtp.host} {login} ({smtp.security}; nothing was sent)")
