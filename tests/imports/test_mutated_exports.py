"""200 exports spoilt on purpose: nothing comes in wrong without a word, and every row is accounted for."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.primitives.money import from_minor
from imports import map_file
from imports.files.source_discovery import find_sources
from imports.files.source_row import ImportFileError
from imports.importer import Importer, ImportResult
from imports.rejected_rows import RejectedRows
from tests.imports import test_builtin_maps
from tests.imports.import_company import ImportTestCompany, open_company
from tests.imports.mutated_exports import (
    FIELDS,
    MUTATIONS,
    Export,
    Format,
    make_export,
    parse_amount,
    parse_day,
    parse_export,
)

MAP = """
name = "ours"
[pipeline]
name = "Sales"
stages = ["{stages[0]}"]
[[file]]
pattern = "*.csv"
kind = "deals"
encoding = "{encoding}"
separator = "{separator}"
decimal = "{decimal}"
dates = ["{day}"]
[file.columns]
{columns}
[file.stages]
"{stages[0]}" = "open"
"{stages[1]}" = "won"
"{stages[2]}" = "lost"
"""
ENGLISH_COLUMNS = {name: name.title() for name in FIELDS}
RUSSIAN_COLUMNS = dict(
    zip(FIELDS, ["Номер", "Название", "Менеджер", "Компания", "Этап", "Сумма", "Создана", "Закрыта"], strict=True)
)
AMOUNT_LAST = {name: ENGLISH_COLUMNS[name] for name in (*(name for name in FIELDS if name != "amount"), "amount")}


def make_format(
    name: str, columns: Mapping[str, str], stages: list[str], *, encoding: str, separator: str, decimal: str, day: str
) -> Format:
    lines = "\n".join(f'{key} = "{column}"' for key, column in columns.items())
    text = MAP.format(columns=lines, stages=stages, encoding=encoding, separator=separator, decimal=decimal, day=day)
    statuses = dict(zip(stages, ("OPEN", "WON", "LOST"), strict=True))
    return Format(name, text, columns, separator, encoding, decimal, day, statuses)


FORMATS = [
    make_format("English", ENGLISH_COLUMNS, ["New", "Won", "Lost"], encoding="utf-8", separator=",", decimal=".", day="%Y-%m-%d"),
    make_format("Russian", RUSSIAN_COLUMNS, ["Новая", "Успех", "Отказ"], encoding="cp1251", separator=";", decimal=",", day="%d.%m.%Y"),
    make_format("Russian UTF-8", RUSSIAN_COLUMNS, ["Новая", "Успех", "Отказ"], encoding="utf-8", separator=";", decimal=",", day="%d.%m.%Y"),
    make_format("amount last", AMOUNT_LAST, ["New", "Won", "Lost"], encoding="cp1251", separator=",", decimal=".", day="%m/%d/%Y"),
]  # fmt: skip
SEEDS = range(25)  # more than there are mutations
MORE_SEEDS = range(25, 75)


async def import_export(
    company: ImportTestCompany, export: Export, prefix: str
) -> tuple[ImportResult | None, dict[str, dict[str, Any]], str]:
    """Import an export with a prefix for its ids; return the result, None for a refusal, the deals and all words."""
    import_map = map_file.parse_map(export.format.map_text, "ours")
    file_maps = [file_map.model_copy(update={"prefix": prefix}) for file_map in import_map.files]
    import_map = import_map.model_copy(update={"files": file_maps})
    source = company.write_files({"deals.csv": export.encode()})
    rejects_path = company.directory / "rejects.csv"
    rejects_path.unlink(missing_ok=True)
    try:
        sources = find_sources(source, import_map)
        with RejectedRows(rejects_path, [file.path for file in sources.files]) as rejects:
            importer = Importer(await company.create_context(), import_map, rejects, lambda _: None)
            result = await importer.run(sources.files)
    except ImportFileError as error:
        return None, {}, str(error)
    deals = await company.read_deals(prefix)
    rejected = rejects_path.read_text("utf-8-sig") if rejects_path.exists() else ""
    return result, deals, "\n".join([str(result), rejected, *(str(note.message) for note in sources.notes)])


def find_faults(export: Export, original: Export, result: ImportResult, deals: dict[str, Any], words: str) -> list[str]:
    """Return what has come in wrong without a word, in sentences."""
    header, rows = parse_export(export.encode(), export.encoding, export.separator)
    counts = result.counts.get("deals", {})
    faults = []
    outcomes = sum(counts.get(name, 0) for name in ("new", "changed", "unchanged", "rejected"))
    if counts.get("read", 0) != outcomes:
        faults.append(f"{counts}: rows are not accounted for")
    if counts.get("read", 0) != len(rows) and not export.spoil_text:  # a broken quote leaves no certain number
        faults.append(f"{counts.get('read', 0)} rows read, the file has {len(rows)}")
    if len(deals) != counts.get("new", 0):
        faults.append(f"{counts.get('new', 0)} rows new, {len(deals)} deals stored")
    amounts = {
        parse_amount(cell, export.format.decimal)
        for row in (original.rows if export.keeps_meaning else rows)
        for cell in row
    }
    for key, deal in deals.items():
        if deal["money"][0] is not None and stored_amount(deal) not in amounts:
            faults.append(f"{key}: the amount {stored_amount(deal)} stands nowhere in the file")
    missing = [name for name in original.header if name.casefold() not in [column.casefold() for column in header]]
    if deals:
        faults += [f"the column {name} is missing, and no word about it" for name in missing if name not in words]
    if f"as the map says, but looks like {export.encoding}" in words:  # said, with the lines as they are read
        return faults
    statements = original if export.keeps_meaning else None
    stated_rows = (
        [dict(zip(original.header, row, strict=True)) for row in statements.rows]
        if statements
        else [dict(zip(header, row, strict=True)) for row in rows if len(row) == len(header)]
    )
    columns = export.format.columns
    for key, deal in deals.items():
        candidates = [row for row in stated_rows if row.get(columns["id"], "").strip() == key]
        if not candidates:
            faults.append(f"{key}: there is no such row")
        elif not any(is_stored_as_stated(deal, row, export.format) for row in candidates):
            faults.append(f"{key}: {deal} is not {candidates}")
    if statements:
        text = export.encode().decode(export.encoding, "replace")
        faults += [
            f"{row[columns['id']]}: lost in silence"
            for row in stated_rows
            if row[columns["id"]] not in deals and f'{row[columns["id"]]}"' in text and row[columns["id"]] not in words
        ]
    return faults


def stored_amount(deal: Mapping[str, Any]) -> Decimal:
    amount, currency = deal["money"]
    return from_minor(amount, currency)


def is_stored_as_stated(deal: Mapping[str, Any], row: Mapping[str, str], export_format: Format) -> bool:
    """Return whether a deal has every value that its row states, and none that it does not."""
    cells = {name: row.get(column, "").strip() for name, column in export_format.columns.items()}
    status = export_format.statuses.get(cells["stage"])
    amount = parse_amount(cells["amount"], export_format.decimal)
    created = parse_day(cells["created"], export_format)
    closed = parse_day(cells["closed"], export_format)
    return (
        same_text(deal["title"], cells["title"])
        and same_text(deal["owner"], cells["owner"])
        and same_text(deal["client"] or "", cells["client"])
        and (deal["status"] == status or (status is None and not cells["stage"]))
        and (stored_amount(deal) if deal["money"][0] is not None else None) == amount
        and (not cells["created"] or date.fromisoformat(deal["created"][:10]) == created)
        and (deal["closed"] is None or date.fromisoformat(deal["closed"][:10]) == closed)
    )


def same_text(first: str, second: str) -> bool:
    return " ".join(first.split()).casefold() == " ".join(second.split()).casefold()


@pytest.mark.parametrize("seeds", [SEEDS, pytest.param(MORE_SEEDS, marks=pytest.mark.long)], ids=str)
@pytest.mark.parametrize("export_format", FORMATS, ids=lambda export_format: export_format.name)
async def test_spoilt_exports_bring_in_nothing_wrong_without_a_word(
    export_format: Format, seeds: range, tmp_path: Path
) -> None:
    faults: dict[str, list[str]] = {}
    async with open_company("sqlite://:memory:", tmp_path) as company:
        for seed in seeds:
            rng = random.Random(f"{export_format.name} {seed}")
            original, export = (make_export(export_format, random.Random(seed)) for _ in range(2))
            mutate = MUTATIONS[seed % len(MUTATIONS)]
            done = mutate(export, rng)
            result, deals, words = await import_export(company, export, f"{seed}-")
            if result is None:
                assert len(words) > 20, words
                continue
            for fault in find_faults(export, original, result, deals, words):
                faults.setdefault(mutate.__name__, []).append(f"seed {seed}, {done}: {fault}")

    assert faults == {}


@pytest.mark.parametrize("export_format", FORMATS, ids=lambda export_format: export_format.name)
async def test_unspoilt_export_comes_in_whole(export_format: Format, tmp_path: Path) -> None:
    export = make_export(export_format, random.Random(1), row_count=30)
    async with open_company("sqlite://:memory:", tmp_path) as company:
        result, deals, words = await import_export(company, export, "x-")
    assert result is not None

    header, rows = parse_export(export.encode(), export.encoding, export.separator)
    amount_column = header.index(export_format.columns["amount"])
    amounts = [parse_amount(row[amount_column], export_format.decimal) for row in rows]

    assert find_faults(export, export, result, deals, words) == []
    assert (len(deals), result.rejected) == (30, 0)
    assert sum(stored_amount(deal) for deal in deals.values()) == sum(amount for amount in amounts if amount)


@pytest.mark.parametrize(
    ("map_name", "text", "separator", "id_column", "amount_column", "thousands"),
    [
        ("bitrix24", test_builtin_maps.BITRIX, ";", "ID", "Сумма", ""),
        ("amocrm", test_builtin_maps.AMO, ",", "ID", "Бюджет", ""),
        ("hubspot", test_builtin_maps.HUBSPOT, ",", "Record ID", "Amount", ","),
        ("pipedrive", test_builtin_maps.PIPEDRIVE, ",", "Deal - ID", "Deal - Value", ","),
    ],
)
async def test_counts_and_sums_equal_those_of_an_independent_reader(
    map_name: str, text: str, separator: str, id_column: str, amount_column: str, thousands: str, tmp_path: Path
) -> None:
    async with open_company("sqlite://:memory:", tmp_path, currency="RUB", zone="Europe/Moscow") as company:
        result = await company.import_files(map_name, {"export.csv": text})
        deals = await company.read_deals()
        rejected = len(company.rejects)

    header, rows = parse_export(text.encode(), "utf-8", separator)
    cells = {row[header.index(id_column)]: row[header.index(amount_column)].replace(thousands, "") for row in rows}
    amounts = [parse_amount(cell, ".") for key, cell in cells.items() if key in deals]

    assert (result.counts["deals"]["read"], len(deals) + rejected) == (len(rows), len(rows))
    assert sum(stored_amount(deal) for deal in deals.values() if deal["money"][0] is not None) == sum(
        amount for amount in amounts if amount is not None
    )
