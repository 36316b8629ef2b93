"""Exports of deals spoilt on purpose, as people and spreadsheets spoil them: seeded, each with what has been done to it.

A mutation either leaves the meaning of the file as it was (another encoding, a cut, a broken quote), or changes what the
file says (swapped headers, shifted cells). `Export.rows` are the rows before; `parse_export` reads the rows after, with
nothing but Python's csv module and Decimal.
"""

from __future__ import annotations

import csv
import io
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

FIELDS = ("id", "title", "owner", "client", "stage", "amount", "created", "closed")
OTHER_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1251", "koi8-r")


@dataclass(frozen=True)
class Format:
    """An export's format: the map that reads it, its columns by field, and how it writes values.

    statuses  the status that each stage name means
    """

    name: str
    map_text: str
    columns: Mapping[str, str]
    separator: str
    encoding: str
    decimal: str
    day: str
    statuses: Mapping[str, str]


@dataclass
class Export:
    """A table of cells that mutations change in place.

    keeps_meaning  whether every row that is taken has to be as it was before
    """

    format: Format
    header: list[str]
    rows: list[list[str]]
    separator: str
    encoding: str
    keeps_meaning: bool = True
    spoil_text: list[Callable[[str], str]] = field(default_factory=list)
    spoil_bytes: list[Callable[[bytes], bytes]] = field(default_factory=list)

    def encode(self) -> bytes:
        buffer = io.StringIO()
        writer = csv.writer(buffer, delimiter=self.separator, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerows([self.header, *self.rows])
        text = buffer.getvalue()
        for spoil in self.spoil_text:
            text = spoil(text)
        content = text.encode(self.encoding)
        for spoil_bytes in self.spoil_bytes:
            content = spoil_bytes(content)
        return content


def make_export(export_format: Format, rng: random.Random, row_count: int = 8) -> Export:
    """Return an export of deals with different amounts, some of them closed."""
    stages = list(export_format.statuses)
    rows = []
    for number in range(1, row_count + 1):
        stage = rng.choice(stages)
        closed = "" if export_format.statuses[stage] == "OPEN" else f"2026-0{rng.randint(4, 6)}-{rng.randint(10, 28)}"
        values = {
            "id": f"d{number}",
            "title": rng.choice(["Кран", 'Лифт "Север"', "Станок; малый, б/у", "Bagger"]) + f" {number}",
            "owner": rng.choice(["Анна Серова", "Борис Ли", "Ann Lee"]),
            "client": rng.choice(["ООО Ромашка", "Globex, Inc.", "Кофейня"]),
            "stage": stage,
            "amount": f"{rng.randint(1000, 999_999)}{export_format.decimal}{rng.randint(10, 99)}",
            "created": datetime(2026, rng.randint(1, 3), rng.randint(1, 28)).strftime(export_format.day),
            "closed": closed and datetime.fromisoformat(closed).strftime(export_format.day),
        }
        rows.append([values[name] for name in export_format.columns])
    header = list(export_format.columns.values())
    return Export(export_format, header, rows, export_format.separator, export_format.encoding)


Mutation = Callable[[Export, random.Random], str]  # returns what it has done


def rename_column(export: Export, rng: random.Random) -> str:
    index = rng.randrange(len(export.header))
    before = export.header[index]
    export.header[index] = rng.choice([before + " (2)", before[:-1], before[1:] + before[0]])
    export.keeps_meaning = False
    return f"{before} renamed to {export.header[index]}"


def change_case_of_header(export: Export, rng: random.Random) -> str:
    index = rng.randrange(len(export.header))
    export.header[index] = f" {export.header[index].swapcase()} "
    return f"header {index} in another case"


def drop_column(export: Export, rng: random.Random) -> str:
    index = rng.randrange(len(export.header))
    name = export.header.pop(index)
    for row in export.rows:
        row.pop(index)
    export.keeps_meaning = False
    return f"{name} dropped"


def swap_headers(export: Export, rng: random.Random) -> str:
    first, second = rng.sample(range(len(export.header)), 2)
    export.header[first], export.header[second] = export.header[second], export.header[first]
    export.keeps_meaning = False
    return f"headers {first} and {second} swapped"


def move_column(export: Export, rng: random.Random) -> str:
    first, second = rng.sample(range(len(export.header)), 2)
    for row in (export.header, *export.rows):
        row[first], row[second] = row[second], row[first]
    return f"columns {first} and {second} moved"


def shift_cells(export: Export, rng: random.Random) -> str:
    row = rng.choice(export.rows)
    index = rng.randrange(len(row))
    if rng.random() < 0.5:
        row[index:] = ["", *row[index:-1]]
        done = "right"
    else:
        row[index:] = [*row[index + 1 :], ""]
        done = "left"
    export.keeps_meaning = False
    return f"row {row} shifted {done} from {index}"


def insert_cell(export: Export, rng: random.Random) -> str:
    row = rng.choice(export.rows)
    row.insert(rng.randrange(len(row)), rng.choice(["", "x"]))
    return f"row {row} has a cell too many"


def cross_encoding(export: Export, rng: random.Random) -> str:
    export.encoding = rng.choice([name for name in OTHER_ENCODINGS if name != export.encoding])
    return f"in {export.encoding}"


def cut_file(export: Export, rng: random.Random) -> str:
    share = rng.uniform(0.2, 0.98)
    export.spoil_bytes.append(lambda content: content[: int(len(content) * share)])
    return f"cut at {share:.2f}"


def break_quote(export: Export, rng: random.Random) -> str:
    share = rng.random()

    def remove_quote(text: str) -> str:
        positions = [match.start() for match in re.finditer('"', text)]
        position = positions[int(share * len(positions))]
        return text[:position] + text[position + 1 :]

    export.spoil_text.append(remove_quote)
    return f"quote removed at {share:.2f}"


def add_quote(export: Export, rng: random.Random) -> str:
    share = rng.random()
    export.spoil_text.append(lambda text: f'{text[: int(share * len(text))]}"{text[int(share * len(text)) :]}')
    return f"quote added at {share:.2f}"


def repeat_row(export: Export, rng: random.Random) -> str:
    row = list(rng.choice(export.rows))
    row[list(export.format.columns).index("amount")] = "1"
    export.rows.append(row)
    export.keeps_meaning = False
    return f"{row} a second time"


def change_separator(export: Export, rng: random.Random) -> str:
    export.separator = rng.choice([mark for mark in ",;\t|" if mark != export.separator])
    return f"separated by {export.separator!r}"


def change_decimal(export: Export, rng: random.Random) -> str:
    index = list(export.format.columns).index("amount")
    before, after = export.format.decimal, "," if export.format.decimal == "." else "."
    row = rng.choice(export.rows)
    row[index] = row[index].replace(before, after)
    return f"{row[index]} with another decimal mark"


def spoil_amount(export: Export, rng: random.Random) -> str:
    index = list(export.format.columns).index("amount")
    row = rng.choice(export.rows)
    row[index] = rng.choice(["", "n/a", "12O0", "1e5", "#REF!", "-5", "1,234,5", "12.345,678.9", "١٢٣"])
    export.keeps_meaning = False
    return f"amount {row[index]!r}"


def spoil_day(export: Export, rng: random.Random) -> str:
    index = list(export.format.columns).index(rng.choice(["created", "closed"]))
    row = rng.choice(export.rows)
    row[index] = rng.choice(["", "31.02.2026", "2026-13-01", "45678", "03/04/2026", "1.1.26", "2099-01-01"])
    export.keeps_meaning = False
    return f"day {row[index]!r} in {row}"


def empty_rows(export: Export, rng: random.Random) -> str:
    export.rows.insert(rng.randrange(len(export.rows)), [""] * len(export.header))
    return "empty row"


MUTATIONS: Sequence[Mutation] = (
    rename_column, change_case_of_header, drop_column, swap_headers, move_column, shift_cells, insert_cell, cross_encoding, cut_file,
    cross_encoding, break_quote, add_quote, repeat_row, change_separator, change_decimal, spoil_amount, spoil_day, empty_rows,
)  # fmt: skip


def parse_export(content: bytes, encoding: str, separator: str) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows that are not empty, by Python's csv module."""
    text = content.decode("utf-8-sig" if encoding == "utf-8" else encoding, "replace")
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    return [name.strip() for name in header], [row for row in rows if any(cell.strip() for cell in row)]


def parse_amount(text: str, decimal: str) -> Decimal | None:
    """Return the amount in a cell, whatever spaces stand between its thousands; None if there is none."""
    plain = re.sub(r"[\s\u00a0\u202f]", "", text).replace(decimal, ".")
    try:
        return Decimal(plain) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", plain) else None
    except InvalidOperation:
        return None


def parse_day(text: str, export_format: Format) -> date | None:
    try:
        return datetime.strptime(text.strip(), export_format.day).date()  # noqa: DTZ007
    except ValueError:
        return None
