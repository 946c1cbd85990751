"""`python -m digest`: the same as the command `digest`."""

from .cli import main

main(prog_name="digest")
