"""Notes what stands out in the rows of a file, and columns that nobody reads, for the summary of an import.

Everything is counted, and some of it shown. The memory needed does not grow with the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from domain.messages import Message, MessageList, MessageValue, quoted
from domain.primitives.text import search_key
from imports.amount_outliers import AmountDistribution
from imports.cell_parsing import CellError, RowValues
from imports.column_checks import mapped_columns, missing_fields
from imports.column_guesses import guess_subject
from imports.field_specs import FIELDS_BY_KIND, FieldType
from imports.files.source_file import Header
from imports.files.source_row import SourceRow
from imports.import_run import ImportNote, ImportRun
from imports.lookalikes import group_lookalikes
from imports.map_file import FileMap
from resolvers.crm.import_outcomes import ImportOutcome

_MAX_SAMPLES: Final = 5
_MAX_CELLS: Final = 2  # shown of a column that nobody reads
_MAX_CELL_LENGTH: Final = 40
_PEOPLE_FIELDS: Final = ("owner", "manager", "team_manager")


@dataclass
class Sightings:
    """How often something was seen, and some of it: lines, or names."""

    count: int = 0
    samples: dict[str, MessageValue] = field(default_factory=dict)  # as they are shown

    def add(self, sample: str, shown: MessageValue | None = None) -> None:
        self.count += 1
        if len(self.samples) < _MAX_SAMPLES:
            self.samples[sample] = shown or sample

    def as_list(self) -> MessageList:
        """Return the samples, which end with an ellipsis if there were more."""
        more = ["…"] if self.count > len(self.samples) else []
        return MessageList((*self.samples.values(), *more))


class FileChecks:
    """The checks of one file of an import."""

    def __init__(self, run: ImportRun, file_name: str, file_map: FileMap, csv_header: Header) -> None:
        self.run, self.file_name, self.file_map, self.csv_header = run, file_name, file_map, csv_header
        fields = FIELDS_BY_KIND[file_map.kind]
        self._has_creation = "created" in fields
        self._has_currency = "currency" in fields and file_map.kind != "goals"  # whose targets are in the company's
        self._money_fields = [name for name, field_type in fields.items() if field_type is FieldType.MONEY]
        self._people_fields = [name for name in _PEOPLE_FIELDS if name in fields]
        if file_map.kind == "people":
            self._people_fields.append("name")
        read_columns = {*mapped_columns(file_map), *file_map.ignored}
        self._unread_cells: dict[str, list[str]] = {
            name: [] for name in csv_header.columns if name and name not in read_columns
        }
        self._subjects: dict[str, Message | None] = {}  # of these columns, where one seems to matter
        self._columns_to_sample = [*self._unread_cells]
        self._row_count = 0
        self._copies, self._undated, self._without_currency, self._products = (Sightings() for _ in range(4))
        self._amounts: dict[tuple[str, str], AmountDistribution] = {}  # by field and currency

    def sample_cells(self, row: SourceRow) -> None:
        """Remember cells of the columns that nobody reads; of rejected rows, too."""
        self._row_count += 1
        for name in self._columns_to_sample:
            text = row.cells.get(name, "").strip()[:_MAX_CELL_LENGTH]
            if text and text not in self._unread_cells[name]:
                self._unread_cells[name].append(text)
                if len(self._unread_cells[name]) == _MAX_CELLS:
                    self._columns_to_sample = [column for column in self._columns_to_sample if column != name]

    def add_row(self, row: SourceRow, values: RowValues, outcome: ImportOutcome, *, is_copy: bool) -> None:
        """Note what stands out in an accepted row."""
        line = str(row.line)
        if is_copy:
            self._copies.add(line)
            return
        if self._has_creation and outcome is ImportOutcome.NEW and "created" not in values:
            self._undated.add(line)
        amounts = {name: amount for name in self._money_fields if isinstance(amount := values.get(name), Decimal)}
        for name, amount in amounts.items():
            key = name, str(values.get("currency", ""))
            if key not in self._amounts:
                self._amounts[key] = AmountDistribution()
            self._amounts[key].add(abs(amount), row.line)
        if amounts and self._has_currency and outcome is not ImportOutcome.UNCHANGED and "currency" not in values:
            self._without_currency.add(line)
        if "product" in values:
            self._check_product(str(values["product"]))
        self.run.people_names.update(str(values[name]) for name in self._people_fields if name in values)

    def _check_product(self, name: str) -> None:
        with suppress(CellError):  # several products have the name
            if self.run.lookup.products.find(name, "products") is None:
                self._products.add(name, quoted(name))

    def finish(self, company_currency: str) -> None:
        """Add the notes of the file to the result of the run, warnings first."""
        employee_keys = self.run.lookup.employee_keys()
        self._subjects = {name: guess_subject(name, cells, employee_keys) for name, cells in self._unread_cells.items()}
        self.run.result.notes.extend(ImportNote(self.file_name, message, True) for message in self._warnings())
        self.run.result.notes.extend(
            ImportNote(self.file_name, message, False) for message in self._remarks(company_currency)
        )

    def _warnings(self) -> Iterator[Message]:
        if not self._row_count:
            yield Message("The file has no rows.")
        for name, cells in self._unread_cells.items():
            if subject := self._subjects[name]:
                yield Message(
                    "Nothing reads the column {column}, which seems to hold {subject}.",
                    {"column": _describe_column(name, cells), "subject": subject},
                )
        if self._products.count:
            yield Message(
                "Rows with a product that the price list lacks: {count} ({samples}).",
                {"count": self._products.count, "samples": self._products.as_list()},
            )
        for (name, currency), distribution in self._amounts.items():
            sightings = Sightings()
            for amount, line in distribution.outliers():
                sightings.add(f"{line}: {amount:f} {currency}".rstrip())
            if sightings.count:
                yield Message(
                    "Rows with an {field} beyond 100 times the 99th percentile: {count} (line {samples}).",
                    {"field": name, "count": sightings.count, "samples": sightings.as_list()},
                )

    def _remarks(self, company_currency: str) -> Iterator[Message]:
        if self._copies.count:
            yield Message(
                "Rows that are exact copies of others: {count} (line {samples}).",
                {"count": self._copies.count, "samples": self._copies.as_list()},
            )
        if self._undated.count:
            default_day = self.run.import_map.as_of
            day: MessageValue = default_day if default_day else Message("the moment of the import")
            yield Message(
                "Rows without a creation day, which came in with {day}: {count} (line {samples}).",
                {"day": day, "count": self._undated.count, "samples": self._undated.as_list()},
            )
        if self._without_currency.count:
            yield Message(
                "Rows without a currency, which came in with {currency}: {count} (line {samples}).",
                {
                    "currency": self.run.import_map.currency or company_currency,
                    "count": self._without_currency.count,
                    "samples": self._without_currency.as_list(),
                },
            )
        if missing := missing_fields(self.file_map, self.csv_header.columns, optional=True):
            yield Message("Optional fields without a column in the file: {fields}.", {"fields": ", ".join(missing)})
        unread = [
            _describe_column(name, cells) for name, cells in self._unread_cells.items() if not self._subjects[name]
        ]
        if unread:
            columns = MessageList(tuple(unread), "; ")
            yield Message("Columns that nothing reads: {columns}.", {"columns": columns})


def find_lookalikes(run: ImportRun) -> Iterator[ImportNote]:
    """Yield warnings for employees of this run whose names are those of others, or look like them."""
    keys = {search_key(name) for name in run.people_names}
    counts = Counter(map(search_key, run.lookup.employee_names()))
    shared_names = {key: name for name in sorted(run.people_names) if counts[key := search_key(name)] > 1}
    if shared_names:
        quoted_names = MessageList(tuple(map(quoted, shared_names.values())))
        yield ImportNote("", Message("Names that several employees have: {names}.", {"names": quoted_names}), True)
    for names in group_lookalikes(run.lookup.employee_names()):
        if not keys.isdisjoint(map(search_key, names)):
            message = Message(
                "Employees who differ only in letters that look alike: {names}.",
                {"names": MessageList(tuple(map(quoted, names)))},
            )
            yield ImportNote("", message, True)


def _describe_column(name: str, cells: list[str]) -> Message:
    if not cells:
        return quoted(name)
    return Message("{name} ({reason})", {"name": quoted(name), "reason": MessageList(tuple(map(quoted, cells)))})
