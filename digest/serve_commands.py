"""The command that shows the site on this machine.

Parses, calls one function and prints the address. Heavy imports happen on use.
"""

import logging
from typing import Any

import click

from .console import ENGINE, LANGUAGE, SHARED, now, options, show, up_to_date

log = logging.getLogger(__name__)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="To listen at; 0: any free one."
)
@click.option("--open", "opens", is_flag=True, help="Open the site in the browser.")
@click.option("--no-regenerate", "bare", is_flag=True, help="Without the buttons that ask the model again.")
@options(LANGUAGE, ENGINE, SHARED)
def serve(host: str, port: int, opens: bool, bare: bool, **given: Any) -> None:
    """Show the site on this machine; pages renew themselves, and cards can be generated again from their page."""
    import asyncio

    from .serve import Door, Server
    from .serve_gate import is_loopback

    config = up_to_date(given, pages=True)
    if not bare and not is_loopback(host):
        log.warning("%s can be reached by others: cards can't be generated again from the pages", host)
    server = Server(config, Door(host, port, not bare), now)

    def ready(address: str) -> None:
        show(given, {"address": address, "output": str(config.output)}, address)
        if opens:
            click.launch(address)

    try:
        asyncio.run(server.run(ready))
    except KeyboardInterrupt:
        log.info("stopped")  # where no handler of signals can be set
