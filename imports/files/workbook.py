"""Reads the sheets of an XLSX workbook: dates as dates, numbers as the exact decimals that a person sees."""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Final, Literal, Protocol, overload

from openpyxl.styles.numbers import is_date_format
from openpyxl.utils.exceptions import InvalidFileException

from domain.messages import Message
from imports.files.row_spool import RowSpool
from imports.files.shared_strings import StreamingReader
from imports.files.source_row import ImportFileError, MomentCell, NumberCell

_MAX_UNPACKED_BYTES: Final = 4 << 30
_SPREADSHEET_DIGITS: Final = 15  # of a number, as spreadsheet programs show and keep them
_TIME_LETTERS: Final = frozenset("hs")
# openpyxl lets the errors of its XML parser through, which are syntax errors
_UNREADABLE: Final = (zipfile.BadZipFile, InvalidFileException, SyntaxError, KeyError, ValueError, OSError, EOFError)


class _Cell(Protocol):
    """The part of a cell of openpyxl that is used here."""

    value: object
    data_type: str
    number_format: str
    column_letter: str


class _Sheet(Protocol):
    """The part of a sheet that is read row by row."""

    title: str
    _worksheet_path: str

    def reset_dimensions(self) -> None: ...

    @overload
    def iter_rows(self) -> Iterator[Sequence[_Cell]]: ...

    @overload
    def iter_rows(self, *, values_only: Literal[True]) -> Iterator[Sequence[object]]: ...


class _Workbook(Protocol):
    worksheets: Sequence[_Sheet]


def read_workbook(path: Path) -> Iterator[RowSpool]:
    """Yield the sheets of a workbook that have cells. Raises ImportFileError if it is damaged."""
    try:
        _check_size(path)
        with _open(path, data_only=True) as values, ExitStack() as stack:
            formulas: _Workbook | None = None
            for index, sheet in enumerate(values.worksheets):
                spool = RowSpool(sheet.title, f"“{sheet.title}”" if len(values.worksheets) > 1 else "")
                formula_sheet = None
                if _has_formulas(path, sheet):
                    formulas = formulas or stack.enter_context(_open(path, data_only=False))
                    formula_sheet = formulas.worksheets[index]
                _fill(spool, sheet, formula_sheet)
                yield spool
    except _UNREADABLE as error:
        raise ImportFileError(
            "{file} is a damaged workbook ({reason}): save it again as .xlsx or as CSV.",
            file=path.name,
            reason=str(error)[:200],
        ) from error


def _check_size(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        if sum(part.file_size for part in archive.infolist()) > _MAX_UNPACKED_BYTES:
            raise ImportFileError("{file} is too large for a workbook: save it as CSV.", file=path.name)


@contextmanager
def _open(path: Path, *, data_only: bool) -> Iterator[_Workbook]:
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions that the reader does not know
        reader = StreamingReader(file, data_only=data_only)
        try:
            reader.read()
            yield reader.wb
        finally:
            reader.close()


def _has_formulas(path: Path, sheet: _Sheet) -> bool:
    """Return whether the sheet has formulas, whose cells are then compared with their values."""
    with zipfile.ZipFile(path) as archive, archive.open(sheet._worksheet_path.lstrip("/")) as part:
        rest = b""
        while chunk := part.read(1 << 20):
            if b"<f>" in (text := rest + chunk) or b"<f " in text:
                return True
            rest = chunk[-2:]
    return False


def _fill(spool: RowSpool, sheet: _Sheet, formula_sheet: _Sheet | None) -> None:
    sheet.reset_dimensions()  # some programs write wrong ones
    formula_rows: Iterator[Sequence[object]] = iter(())
    if formula_sheet is not None:
        formula_sheet.reset_dimensions()
        formula_rows = formula_sheet.iter_rows(values_only=True)
    for line, (row, formulas) in enumerate(zip_longest(sheet.iter_rows(), formula_rows), 1):
        if row is None:
            break
        cells, error = [], None
        for index, cell in enumerate(row):
            value = cell.value
            if value is None and formulas is not None and index < len(formulas) and formulas[index] is not None:
                error = Message(
                    "Cell {cell} has a formula without its value: open the file in a spreadsheet program and save it.",
                    {"cell": f"{cell.column_letter}{line}"},
                )
            elif value is not None and cell.data_type == "e":
                error = Message(
                    "Cell {cell} has the error {error}.", {"cell": f"{cell.column_letter}{line}", "error": str(value)}
                )
            cells.append("" if value is None else _to_text(value, cell))
        while cells and not cells[-1]:
            cells.pop()
        if cells or error is not None:
            spool.add(line, cells, error)
    spool.finish()


def _to_text(value: object, cell: _Cell) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return NumberCell(value)
        case float():
            return NumberCell(_format_number(value))
        case datetime():
            moment = (value + timedelta(milliseconds=500)).replace(microsecond=0)
            if (moment.hour, moment.minute, moment.second) == (0, 0, 0) and not _shows_time(cell.number_format):
                return MomentCell(moment.date().isoformat())
            return MomentCell(moment.isoformat())
        case date() | time():
            return MomentCell(value.isoformat()) if isinstance(value, date) else value.isoformat()
        case timedelta():
            return str(value)
    return str(value)


def _format_number(number: float) -> str:
    """Return the shortest decimal of a number, without the last digit's noise of a calculated one.

    A spreadsheet shows and keeps 15 digits: 0.1 + 0.2 is 0.3 there, though the file has 0.30000000000000004.
    """
    decimal = Decimal(repr(number))
    if len(decimal.as_tuple().digits) > _SPREADSHEET_DIGITS:
        rounded = Decimal(f"{number:.{_SPREADSHEET_DIGITS}g}")
        if abs(rounded - decimal) <= 4 * Decimal(math.ulp(number)):
            decimal = rounded
    text = f"{decimal:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _shows_time(number_format: str) -> bool:
    """Return whether a format of dates shows a time: outside of quoted texts and colours it has hours or seconds."""
    return is_date_format(number_format) and not _TIME_LETTERS.isdisjoint(number_format.casefold().split(";")[0])
