"""`python -m server`: the command line, which people know as `./run`."""

from server.commands.cli import main

main(prog_name="./run")
