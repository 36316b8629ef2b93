"""State of one import run, shared by its batches, and its result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from imports.cell_parsing import CellError
from imports.map_file import ImportMap
from imports.name_lookup import MAX_LISTED_NAMES, NameLookup
from imports.rejected_rows import RejectedRows
from models.db.spill_index import SpillCounter
from resolvers.request.context import RequestContext


@dataclass
class ImportResult:
    """The result of an import.

    counts         number of rows by kind and outcome, including `read` and `rejected`
    created_names   by kind: the first names of rows created because another row referred to them
    created_counts  by kind: how many such rows there are
    ignored         names of the files that the map does not cover
    """

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    created_names: dict[str, list[str]] = field(default_factory=dict)
    created_counts: Counter[str] = field(default_factory=Counter)
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
            more = ", …" if self.created_counts[kind] > MAX_LISTED_NAMES else ""
            lines.append(f"{kind} created by reference, {self.created_counts[kind]}: {', '.join(names)}{more}")
        if self.ignored:
            lines.append(f"Ignored, as the map does not cover them: {', '.join(self.ignored)}.")
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
        self._records, self._file_names = SpillCounter(), dict[str, int]()

    def register_record(self, kind: str, external_id: str, file_name: str, line: int) -> None:
        """Remember a record's external id. Raises CellError if another line of this run has the same one."""
        place = (self._file_names.setdefault(file_name, len(self._file_names)), line)
        *first_place, _ = self._records.add(f"{kind}\0{external_id}", *place)
        if (*first_place,) != place:
            first_file = list(self._file_names)[first_place[0]]
            raise CellError(f"Line {first_place[1]} of {first_file} is the same record.", "id")
