"""Names of a hub's files, and the addresses that they lead to."""

import pytest

from digest import hub
from digest.errors import ConfigError

NAME = hub.parse("me/small-gguf/small.gguf")


@pytest.mark.parametrize(
    "text",
    [
        "small.gguf",
        "me/small.gguf",
        "../../etc/x.gguf",
        "me/repo/../x.gguf",
        "me/ré/x.gguf",
        "me/repo/x.bin",
        "me/repo/x.gguf@",
        "me/repo/x.gguf@12",
        "me//x.gguf",
        "http://h/x.gguf",
        "me/repo/x.gguf?y=.gguf",
    ],
)
def test_what_names_no_file_of_a_hub_is_refused(text: str) -> None:
    """Nothing leaves the three parts of a name, and a checksum is whole."""
    with pytest.raises(ConfigError):
        hub.parse(text)


@pytest.mark.parametrize("url", ["http://example.org", "ftp://h", "https://", "https://me:pw@h", "h", "http://[", ""])
def test_a_hub_that_is_not_safe_is_refused(url: str) -> None:
    """https, or this machine; no password in an address."""
    with pytest.raises(ConfigError, match="is no https address"):
        hub.address(NAME, url)


def test_a_name_leads_to_the_file() -> None:
    """The address is that of the hub's own documents."""
    assert hub.address(NAME, "https://huggingface.co/").endswith(".co/me/small-gguf/resolve/main/small.gguf")
