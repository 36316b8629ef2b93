"""State of one import run, shared by its batches, and its result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from imports.cell_parsing import Unreadable
from imports.map_file import Map
from imports.name_lookup import Directory
from imports.rejected_rows import Rejects
from resolvers.request.context import Context

_SHOWN: Final = 20  # names per kind in the summary


@dataclass
class Result:
    """The result of an import.

    counts         number of rows by kind and outcome, including `read` and `rejected`
    created_names  by kind: names of rows created because another row referred to them
    ignored        names of the files that the map does not cover
    """

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    made: dict[str, list[str]] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    def count(self, kind: str, what: str) -> None:
        self.counts.setdefault(kind, Counter())[what] += 1

    @property
    def rejected(self) -> int:
        return sum(counts["rejected"] for counts in self.counts.values())

    def __str__(self) -> str:
        shown = ("new", "changed", "unchanged", "rejected")
        lines = [
            f"{kind}: {counts['read']} read, " + ", ".join(f"{counts[name]} {name}" for name in shown)
            for kind, counts in self.counts.items()
        ]
        for kind, names in self.made.items():
            more = ", …" if len(names) > _SHOWN else ""
            lines.append(f"{kind} created by reference, {len(names)}: {', '.join(names[:_SHOWN])}{more}")
        if self.ignored:
            lines.append(f"Ignored, as the map does not cover them: {', '.join(self.ignored)}.")
        return "\n".join(lines)


class ImportRun:
    """The state of one import run."""

    def __init__(self, context: Context, map_: Map, rejects: Rejects, progress: Callable[[int], None]) -> None:
        self.context, self.map, self.rejects, self.progress = context, map_, rejects, progress
        self.result = Result()
        self.directory = Directory(context)
        self._seen: dict[str, dict[str, tuple[str, int]]] = {}  # kind → external id → file and line

    def seen(self, kind: str, external: str, file: str, line: int) -> None:
        """Remember a record's external id. Raises CellError if another line of this run has the same one."""
        before = self._seen.setdefault(kind, {}).setdefault(external, (file, line))
        if before != (file, line):
            raise Unreadable(f"Line {before[1]} of {before[0]} is the same record.", "id")
