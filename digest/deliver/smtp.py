"""Mail through one SMTP server, text and HTML in one message.

Says what the server said, and never the password; sends to one address, once, and keeps nothing.
"""

import logging
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from ipaddress import ip_address
from typing import Literal

from ..errors import ConfigError, DeliveryError
from ..plaintext import one_line
from ..secrecy import Secrets
from . import Message, RefusedError

log = logging.getLogger(__name__)

PORTS = {"starttls": 587, "tls": 465, "none": 25}
PARTING = 5.0  #: seconds for a goodbye that changes nothing: the message is with the server
LONGEST_REASON = 300  #: characters of what a server says
#: What we call ourselves: some machine without a name, so that none has to be looked up. Source: RFC 5321, 4.1.3
OURSELVES = "[127.0.0.1]"


class Smtp:
    """One receiver of mail."""

    def __init__(
        self,
        host: str,
        sender: str,
        receiver: str,
        *,
        port: int | None = None,
        security: Literal["starttls", "tls", "none"] = "starttls",
        user: str | None = None,
        password: str = "",
        timeout_seconds: float = 30.0,
    ) -> None:
        """
        Keep what is needed to send; nothing is connected to yet.

        Raises:
            ConfigError: the password would travel in the clear.
        """
        if user and security == "none" and not _is_here(host):
            raise ConfigError(
                f'smtp.security = "none" would send the password to {host} for all to read',
                hint='take "starttls" or "tls", or leave smtp.user out',
            )
        self._host, self._port, self._security = host, port or PORTS[security], security
        self._user, self._password, self._seconds = user, password, timeout_seconds
        self._sender, self._receiver = sender, receiver
        self._secrets = Secrets([password])

    def fits(self, text: str) -> bool:  # noqa: ARG002
        """Any length is one mail."""
        return True

    def send(self, message: Message) -> None:
        """Hand one message to the server; once that has said yes, nothing is a failure any more."""
        with self._explained():
            # As bytes: smtplib's own way would make ">From" of a line that begins with From.
            written = composed(message, self._sender, self._receiver).as_bytes()
            server = self._connected()
            try:
                self._log_in(server)
                server.sendmail(parseaddr(self._sender)[1], [parseaddr(self._receiver)[1]], written)
            finally:
                _part(server)
        log.info("mail %s: %s took it", message.message_id, self._host)

    def greet(self) -> None:
        """Connect, log in and leave again: all of a mail but the mail. Raises as `send` does."""
        with self._explained():
            server = self._connected()
            try:
                server.ehlo_or_helo_if_needed()
                self._log_in(server)
            finally:
                _part(server)

    def _connected(self) -> smtplib.SMTP:
        if self._security == "tls":
            return smtplib.SMTP_SSL(
                self._host, self._port, OURSELVES, timeout=self._seconds, context=ssl.create_default_context()
            )
        server = smtplib.SMTP(self._host, self._port, OURSELVES, timeout=self._seconds)
        if self._security == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server

    def _log_in(self, server: smtplib.SMTP) -> None:
        if self._user is None:
            return
        try:
            server.login(self._user, self._password)
        except UnicodeEncodeError:  # smtplib speaks ASCII here, and the error would show what it could not say
            raise RefusedError("smtp.user and its password must be of ASCII characters") from None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn all that smtplib, TLS and the network say into one line."""
        place = f"{self._host}:{self._port}"
        try:
            yield
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            raise self._refusal(f"{place} refuses {parseaddr(self._receiver)[1]}", code, said) from None
        except smtplib.SMTPAuthenticationError as error:
            raise self._refusal(
                f"{place} refuses the login of {self._user}", error.smtp_code, error.smtp_error
            ) from None
        except smtplib.SMTPResponseException as error:
            raise self._refusal(f"{place} refuses the mail", error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPNotSupportedError as error:
            raise RefusedError(f"{place} can't do what [smtp] asks of it: {self._line(error)}") from None
        except ssl.SSLCertVerificationError as error:
            raise RefusedError(
                f"{place} has no certificate for that name that we trust: {error.verify_message}"
            ) from None
        except (MessageError, ValueError) as error:  # of an address or a header
            raise RefusedError(f"{place}: this mail can't be written: {self._line(error)}") from None
        except smtplib.SMTPServerDisconnected as error:
            raise DeliveryError(f"{place} hung up: {self._line(error)}") from None
        except smtplib.SMTPException as error:
            raise DeliveryError(f"{place}: {self._line(error)}") from None
        except OSError as error:
            raise DeliveryError(f"{place} can't be reached: {self._line(error.strerror or error)}") from None

    def _refusal(self, what: str, code: int, said: bytes | str) -> DeliveryError:
        """Codes from 500 on are meant to last. Source: RFC 5321, 4.2.1."""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        kind = RefusedError if code >= 500 else DeliveryError
        return kind(f"{what}: {code} {self._line(text)}".rstrip())

    def _line(self, said: object) -> str:
        return self._secrets.hide(one_line(str(said)))[:LONGEST_REASON]


def composed(message: Message, sender: str, receiver: str) -> EmailMessage:
    """
    The mail as it goes over the wire: nothing but ASCII in lines that every server takes.

    Raises:
        ValueError: a header can't hold what it is given.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = sender, receiver
    mail["Subject"] = one_line(message.subject)
    mail["Message-ID"] = f"<{message.message_id}>"
    for name, value in message.headers.items():
        mail[name] = one_line(value)
    text = _clean(message.text)
    mail.set_content(text, cte=_encoding(text))
    if message.html is not None:
        html = _clean(message.html)
        mail.add_alternative(html, subtype="html", cte=_encoding(html))
    return mail


def _clean(text: str) -> str:
    """`text` without what is none."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _encoding(text: str) -> str:
    """Whichever takes less: an octet beyond ASCII is three in quoted-printable, and 4/3 in base64."""
    octets = len(text.encode())
    beyond = octets - sum(map(str.isascii, text))
    return "base64" if 2 * beyond > octets / 3 else "quoted-printable"


def _part(server: smtplib.SMTP) -> None:
    """Say goodbye; a server that does not care to answer has what it was given."""
    with suppress(OSError, smtplib.SMTPException):
        if server.sock is not None:
            server.sock.settimeout(PARTING)
        server.quit()
    server.close()


def _is_here(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
