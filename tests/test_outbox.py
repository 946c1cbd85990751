"""What a mark may say of a failed message."""

from digest import outbox
from digest.config import Config
from digest.errors import DeliveryError
from digest.settings import DeliverSettings, Smtp


def test_a_reason_names_no_address() -> None:
    """Marks lie in a site that is often public: the server stays, receiver, sender and login go."""
    smtp = Smtp(host="smtp.example.org", user="login@example.org", sender="digest <sender@example.org>")
    config = Config(smtp=smtp)
    one = DeliverSettings(name="me", mail="Ada <ada@example.org>")
    said = DeliveryError(
        "smtp.example.org:587 refuses ada@example.org: 550 no\nsuch user for sender@example.org, login@example.org"
    )

    assert outbox.reason(config, one, said) == "smtp.example.org:587 refuses ***: 550 no such user for ***, ***"
