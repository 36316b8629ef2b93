"""State of one import run, shared by its batches, and its result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from domain.i18n.languages import DEFAULT_LANGUAGE, translate
from domain.messages import Message, MessageList, gettext_noop
from imports.cell_parsing import CellError
from imports.map_file import ImportMap
from imports.name_lookup import NameLookup
from imports.rejected_rows import RejectedRows
from models.db.spill_index import SpillRegistry
from resolvers.request.context import RequestContext

KIND_NAMES: Final[Mapping[str, str]] = {  # in the summary; the kinds of records, and what rows create by naming it
    "absences": gettext_noop("absences"),
    "calls": gettext_noop("calls"),
    "clients": gettext_noop("clients"),
    "contacts": gettext_noop("contacts"),
    "deals": gettext_noop("deals"),
    "employees": gettext_noop("employees"),
    "goals": gettext_noop("goals"),
    "leads": gettext_noop("leads"),
    "people": gettext_noop("people"),
    "products": gettext_noop("products"),
    "stages": gettext_noop("stages"),
    "tasks": gettext_noop("tasks"),
    "teams": gettext_noop("teams"),
    "transfers": gettext_noop("transfers"),
    "visits": gettext_noop("visits"),
}


@dataclass(frozen=True)
class ImportNote:
    """Something that stands out in a file of an import; a warning if data may be wrong or missing."""

    file: str
    message: Message
    is_warning: bool

    def render(self, language: str) -> str:
        """Return the note with the file that it is about."""
        text = translate(self.message, language)
        text = f"{self.file}: {text}" if self.file else text
        return translate(Message("Warning: {note}", {"note": text}), language) if self.is_warning else text

    def __str__(self) -> str:
        return self.render(DEFAULT_LANGUAGE)


@dataclass
class ImportResult:
    """The result of an import.

    counts          number of rows by kind and outcome, including `read` and `rejected`
    created_names   by kind: the first names of rows created because another row referred to them
    created_counts  by kind: how many such rows there are
    passed_over     files and sheets that were not read, each with the reason
    notes           what stands out in the files, warnings first in each file
    """

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    created_names: dict[str, list[str]] = field(default_factory=dict)
    created_counts: Counter[str] = field(default_factory=Counter)
    notes: list[ImportNote] = field(default_factory=list)
    passed_over: list[Message] = field(default_factory=list)

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

    def render(self, language: str) -> str:
        """Return the summary: a line for each kind, for what was created, and for each note."""
        messages = [
            Message(
                "{kind}: {read} read, {new} new, {changed} changed, {unchanged} unchanged, {rejected} rejected",
                {
                    "kind": Message(KIND_NAMES[kind]),
                    "read": counts["read"],
                    "new": counts["new"],
                    "changed": counts["changed"],
                    "unchanged": counts["unchanged"],
                    "rejected": counts["rejected"],
                },
            )
            for kind, counts in self.counts.items()
        ]
        for kind, names in self.created_names.items():
            if not names:  # what created them was rolled back
                continue
            more = ", …" if self.created_counts[kind] > len(names) else ""
            messages.append(
                Message(
                    "{kind} created by reference, {count}: {names}",
                    {
                        "kind": Message(KIND_NAMES[kind]),
                        "count": self.created_counts[kind],
                        "names": f"{', '.join(names)}{more}",
                    },
                )
            )
        lines = [translate(message, language) for message in messages]
        lines += [note.render(language) for note in self.notes]
        if self.passed_over:
            message = Message("Passed over: {names}.", {"names": MessageList(tuple(self.passed_over))})
            lines.append(translate(message, language))
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.render(DEFAULT_LANGUAGE)


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
