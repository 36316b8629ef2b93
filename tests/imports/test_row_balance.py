"""Exports that are wrong on purpose: every row is taken, rejected or unchanged, and no amount comes in changed."""

from __future__ import annotations

import csv
import io
import random
from decimal import Decimal

import pytest

from imports.files.source_row import ImportFileError
from models.crm.deals import Deal
from tests.imports.import_company import ImportTestCompany

MAP = """
[[file]]
kind = "deals"
[file.columns]
id = "No"
title = "Title"
owner = "Owner"
client = "Client"
stage = "Stage"
amount = "Amount"
created = "Created"
closed = "Closed"
[file.stages]
"Новая" = { stage = "New" }
Won = "won"
"""
COLUMNS = ("No", "Title", "Owner", "Client", "Stage", "Amount", "Created", "Closed", "End")
EXPORTS = 200
ROWS = 8

Table = list[list[str]]


def make_rows(rng: random.Random, number: int) -> Table:
    rows = []
    for index in range(ROWS):
        won = rng.random() < 0.5
        rows.append([
            f"{number}-{index}", rng.choice(["Кран", 'Lift "XL"', "Digger, big", "Truck\nused"]),
            rng.choice(["Ann", "Борис"]), rng.choice(["Globex", "Ромашка", ""]), "Won" if won else "Новая",
            f"{rng.randrange(1, 10**6)}.{rng.randrange(100):02}", f"2026-0{rng.randrange(1, 5)}-1{index}",
            f"2026-0{rng.randrange(5, 9)}-1{index}" if won else "", ".",
        ])  # fmt: skip
    return rows


def write(table: Table) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(table)
    return text.getvalue()


def rename_column(rng: random.Random, table: Table) -> bytes:
    table[0][rng.randrange(len(COLUMNS) - 1)] += rng.choice([" 2", "s", "ы"])
    return write(table).encode()


def drop_column(rng: random.Random, table: Table) -> bytes:
    position = rng.randrange(len(COLUMNS) - 1)
    return write([row[:position] + row[position + 1 :] for row in table]).encode()


def move_columns(rng: random.Random, table: Table) -> bytes:
    order = rng.sample(range(len(COLUMNS)), len(COLUMNS))
    return write([[row[position] for position in order] for row in table]).encode()


def shift_cells(rng: random.Random, table: Table) -> bytes:
    row = rng.choice(table[1:])
    position = rng.randrange(5)
    if rng.random() < 0.5:
        row.insert(position, "")
        del row[-1]
    else:
        del row[position]
        row.append("")
    return write(table).encode()


def cross_encodings(rng: random.Random, table: Table) -> bytes:
    del rng
    return write(table).encode("cp1251")


def cut_rows(rng: random.Random, table: Table) -> bytes:
    text = write(table)
    return text[: rng.randrange(len(write(table[:1])), len(text))].rstrip("\r\n.").encode()


def break_quotes(rng: random.Random, table: Table) -> bytes:
    text = write(table)
    position = rng.randrange(len(write(table[:1])), len(text))
    return f'{text[:position]}"{text[position:]}'.encode()


MUTATIONS = (rename_column, drop_column, move_columns, shift_cells, cross_encodings, cut_rows, break_quotes)
REFUSED = (rename_column, drop_column)


def count_rows(content: bytes) -> int:
    """Count the rows independently of the importer."""
    rows = csv.reader(io.StringIO(content.decode("utf-8", "surrogateescape"), newline=""))
    next(rows)
    return sum(any(cell.strip() for cell in row) for row in rows)


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.long) for part in range(1, 4))])
async def test_rows_in_are_rows_taken_and_rejected_and_unchanged(company: ImportTestCompany, part: int) -> None:
    refused, rejected, accepted = 0, 0, 0
    for number in range(part, EXPORTS, 4):
        rng = random.Random(number)
        rows = make_rows(rng, number)
        amounts = {row[0]: Decimal(row[5]) for row in rows}
        mutation = MUTATIONS[number % len(MUTATIONS)]
        content = mutation(rng, [[*COLUMNS], *rows])
        try:
            result = await company.import_files(MAP, {"deals.csv": content})
        except ImportFileError:
            assert mutation in REFUSED, (number, mutation)
            refused += 1
            continue
        counts = result.counts.get("deals", {})
        assert mutation not in REFUSED, (number, mutation)
        if mutation in (break_quotes, cut_rows):  # lines behind a broken quotation mark are read as rows of their own
            assert counts.get("read", 0) >= count_rows(content), number
        else:
            assert counts.get("read", 0) == count_rows(content), (number, mutation)
        assert counts.get("read", 0) == sum(counts.get(name, 0) for name in ("new", "changed", "unchanged", "rejected"))
        assert len(company.read_rejects()) == counts.get("rejected", 0), (number, mutation)
        deals = await Deal.filter(external_id__startswith=f"{number}-")
        assert len(deals) == counts.get("new", 0), (number, mutation)
        for deal in deals:
            assert Decimal(deal.amount or 0) / 100 == amounts[str(deal.external_id)], (number, mutation)
        rejected += counts.get("rejected", 0)
        accepted += len(deals)

    print(f"{refused} files refused, {rejected} rows rejected, {accepted} taken")
    assert refused
    assert rejected
    assert accepted
