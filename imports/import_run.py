"""State of one import run, shared by its batches, and its result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from domain.messages import Message
from imports.cell_parsing import CellError
from imports.map_file import ImportMap
from imports.name_lookup import NameLookup
from imports.rejected_rows import RejectedRows
from models.db.spill_index import SpillRegistry
from resolvers.request.context import RequestContext


@dataclass(frozen=True)
class ImportNote:
    """Something that stands out in a file of an import; a warning if data may be wrong or missing."""

    file: str
    message: Message
    is_warning: bool

    def __str__(self) -> str:
        return f"{'Warning: ' if self.is_warning else ''}{f'{self.file}: ' if self.file else ''}{self.message}"


@dataclass
class ImportResult:
    """The result of an import.

    counts          number of rows by kind and outcome, including `read` and `rejected`
    created_names   by kind: the first names of rows created because another row referred to them
    created_counts  by kind: how many such rows there are
    ignored         what was passed over, each with the reason
    notes           what stands out in the files, warnings first in each file
    """

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    created_names: dict[str, list[str]] = field(default_factory=dict)
    created_counts: Counter[str] = field(default_factory=Counter)
    notes: list[ImportNote] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def count(self, kind: str, outcome: str) -> None:
        self.counts.setdefault(kind, Counter())[outcome] += 1

    @property
    def rejected(self) -> int:
        return sum(counts["rejected"] for counts in self.counts.values())

    @property
    def accepted(self) -> int:
        """The number of rows that are in the system after the import, unchanged ones included."""
        return sum(counts["read"] for counts in self.counts.values()) - self.rejected

    @property
    def exit_code(self) -> int:
        """The exit code of the command: 3 if nothing came in, 2 if a row was rejected, else 0."""
        if not self.accepted:
            return 3
        return 2 if self.rejected else 0

    def __str__(self) -> str:
        outcomes = ("new", "changed", "unchanged", "rejected")
        lines = [
            f"{kind}: {counts['read']} read, " + ", ".join(f"{counts[name]} {name}" for name in outcomes)
            for kind, counts in self.counts.items()
        ]
        for kind, names in self.created_names.items():
            more = ", …" if self.created_counts[kind] > len(names) else ""
            lines.append(f"{kind} created by reference, {self.created_counts[kind]}: {', '.join(names)}{more}")
        lines.extend(map(str, self.notes))
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
        self.people_names: set[str] = set()  # of employees, as accepted rows name them
        self._records, self._file_numbers = SpillRegistry(), dict[str, int]()

    def register_records(
        self, kind: str, file_name: str, records: Sequence[tuple[str, int, int]]
    ) -> list[bool | CellError]:
        """Remember records of a file; return whether another row of this run has the same id and contents.

        records  external id, line, and a hash of what the row says
        returns  for each record; a CellError if another row has the same id and other contents
        """
        number = self._file_numbers.setdefault(file_name, len(self._file_numbers))
        entries = [(f"{kind}\0{external_id}", (number, line, contents)) for external_id, line, contents in records]
        registrations: list[bool | CellError] = []
        for (_, numbers), first_numbers in zip(entries, self._records.register(entries), strict=True):
            if first_numbers[:2] == numbers[:2]:
                registrations.append(False)
            elif first_numbers[2] == numbers[2]:
                registrations.append(True)
            else:
                registrations.append(
                    CellError(
                        "Line {line} of {file} has the same id and other contents: leave the one that is right.",
                        "id",
                        line=first_numbers[1],
                        file=list(self._file_numbers)[first_numbers[0]],
                    )
                )
        return registrations

    def forget_record(self, kind: str, external_id: str) -> None:
        """Forget the external id of a row that was rejected, so that another row may have it."""
        self._records.forget(f"{kind}\0{external_id}")
