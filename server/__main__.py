"""Entry point of `python -m server`: the command line that `./run` calls."""

from server.commands.cli import main

main(prog_name="./run")
