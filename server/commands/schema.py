"""The schema command."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from graph.schema import export_sdl

SCHEMA_FILE: Final = Path(__file__).parents[2] / "graph" / "schema.graphql"


def print_schema(*, check: bool, write: bool) -> None:
    """Print the schema, write it to its file, or raise ClickException if that file differs from the code."""
    text = export_sdl()
    if write:
        SCHEMA_FILE.write_text(text)
    elif check:
        if not SCHEMA_FILE.exists() or SCHEMA_FILE.read_text() != text:
            raise click.ClickException("graph/schema.graphql is out of date: run `./run schema --write`.")
    else:
        click.echo(text, nl=False)
