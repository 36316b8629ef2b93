"""State of one import run, shared by its batches, and its result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from imports.cell_parsing import CellError
from imports.map_file import ImportMap
from imports.name_lookup import NameLookup
from imports.rejected_rows import RejectedRows
from resolvers.request.context import RequestContext

_MAX_LISTED_NAMES: Final = 20  # names per kind in the summary


@dataclass
class ImportResult:
    """The result of an import.

    counts         number of rows by kind and outcome, including `read` and `rejected`
    created_names  by kind: names of rows created because another row referred to them
    ignored        what was passed over, each with the reason
    """

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    created_names: dict[str, list[str]] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    def count(self, kind: str, outcome: str) -> None:
        self.counts.setdefault(kind, Counter())[outcome] += 1

    @property
    def rejected(self) -> int:
        return sum(counts["rejected"] for counts in self.counts.values())

    def __str__(self) -> str:
        outcomes = ("new", "changed", "unchanged", "rejected")
        lines = [
            f"{kind}: {counts['read']} read, " + ", ".join(f"{counts[name]} {name}" for name in outcomes)
            for kind, counts in self.counts.items()
        ]
        for kind, names in self.created_names.items():
            more = ", …" if len(names) > _MAX_LISTED_NAMES else ""
            lines.append(f"{kind} created by reference, {len(names)}: {', '.join(names[:_MAX_LISTED_NAMES])}{more}")
        if self.ignored:
            lines.append(f"Passed over: {', '.join(self.ignored)}.")
        return "\n".join(lines)


class ImportRun:
    """The state of one import run."""

    def __init__(
        self,
        context: RequestContext,
        import_map: ImportMap,
        rejected_rows: RejectedRows,
        on_progress: Callable[[int], None],
    ) -> None:
        self.context, self.import_map, self.rejected_rows, self.on_progress = (
            context,
            import_map,
            rejected_rows,
            on_progress,
        )
        self.result = ImportResult()
        self.lookup = NameLookup(context)
        self._first_lines: dict[str, dict[str, tuple[str, int]]] = {}  # kind → external id → file and line

    def register_record(self, kind: str, external_id: str, file_name: str, line: int) -> None:
        """Remember a record's external id. Raises CellError if another line of this run has the same one."""
        first_line = self._first_lines.setdefault(kind, {}).setdefault(external_id, (file_name, line))
        if first_line != (file_name, line):
            raise CellError(f"Line {first_line[1]} of {first_line[0]} is the same record.", "id")
