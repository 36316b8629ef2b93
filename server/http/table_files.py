"""Writes tables as CSV and XLSX files."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.writer.excel import save_workbook

from domain.primitives.tables import Cell, ExportTable, escape_formula
from domain.primitives.units import format_decimal

CSV_MEDIA_TYPE = "text/csv; charset=utf-8"
XLSX_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_BYTE_ORDER_MARK = "\ufeff"  # by which Excel knows UTF-8


def write_csv(table: ExportTable) -> bytes:
    """Return a table as CSV by RFC 4180: UTF-8 with a mark, ISO dates, a point in numbers, no text that is a formula."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(map(escape_formula, table.headers))
    writer.writerows([[_to_text(cell) for cell in row] for row in table.rows])
    return (_BYTE_ORDER_MARK + file.getvalue()).encode()


def _to_text(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case str():
            return escape_formula(cell)
        case Decimal():
            return format_decimal(cell)
    return str(cell)


def write_xlsx(table: ExportTable) -> bytes:
    """Return a table as a workbook of one sheet, with numbers and dates as such; no text is a formula."""
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet(table.name)
    for row in [table.headers, *table.rows]:
        sheet.append([_to_cell(sheet, cell) if isinstance(cell, str) else cell for cell in row])
    file = io.BytesIO()
    save_workbook(workbook, file)
    return file.getvalue()


def _to_cell(sheet: object, text: str) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"  # also where it begins with "="
    return cell
