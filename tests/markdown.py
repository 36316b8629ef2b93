"""Writes Markdown for the generated parts of the documentation."""

from __future__ import annotations

from collections.abc import Iterable


def format_table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [[*head], *([str(cell) for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
