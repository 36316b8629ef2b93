"""What an import notes about a file: columns nobody reads, defaults, copies, unknown products and odd amounts."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from imports.amount_outliers import AmountDistribution
from imports.column_guesses import guess_subject
from imports.import_run import ImportResult
from imports.lookalikes import group_lookalikes
from tests.imports.import_company import ImportTestCompany

MAP = """
[[file]]
pattern = "prices.csv"
kind = "products"
[file.columns]
name = "name"
price = "price"
[[file]]
kind = "deals"
optional = ["status"]
[file.columns]
id = "id"
title = "title"
owner = "owner"
stage = "stage"
product = "product"
status = "status"
amount = "amount"
currency = "currency"
created = "created"
[file.stages]
New = "open"
"""
HEADER = "id,title,owner,stage,product,amount,currency,created\n"


def row(key: str, **cells: str) -> str:
    values = {"title": "Crane", "owner": "Ann", "stage": "New", "product": "", "amount": "5", "currency": "EUR",
              "created": "2026-01-05"} | cells  # fmt: skip
    return ",".join([key, *values.values()]) + "\n"


def notes(result: ImportResult) -> list[str]:
    return list(map(str, result.notes))


OPTIONAL_NOTE = "deals.csv: Optional fields without a column in the file: status."


async def test_columns_nobody_reads_are_listed_with_two_cells_and_important_ones_as_warnings(
    company: ImportTestCompany,
) -> None:
    header = HEADER.strip() + ",phone,discount,signed,helper,code,remark\n"
    tails = ("1 1,5,05.01.2026,Ann,EUR,", "2 2,,06.01.2026,Ann,USD,", "3 3,7,,Ann,EUR,")
    rows = [f"{row(str(number)).strip()},{tail}\n" for number, tail in enumerate(tails, 1)]
    result = await company.import_files(MAP, {"deals.csv": header + "".join(rows)})

    assert notes(result) == [
        "Warning: deals.csv: Nothing reads the column “discount” (“5”, “7”), which seems to hold money.",
        "Warning: deals.csv: Nothing reads the column “signed” (“05.01.2026”, “06.01.2026”), which seems to hold days or "
        "times.",
        "Warning: deals.csv: Nothing reads the column “helper” (“Ann”), which seems to hold people.",
        "Warning: deals.csv: Nothing reads the column “code” (“EUR”, “USD”), which seems to hold currencies.",
        OPTIONAL_NOTE,
        "deals.csv: Columns that nothing reads: “phone” (“1 1”, “2 2”); “remark”.",
    ]


@pytest.mark.parametrize(
    ("header", "cells", "subject"),
    [
        ("Стоимость доставки", ["1"], "money"), ("Скидка, %", ["5"], "money"), ("x", ["1 200,00", "3.50"], "money"),
        ("x", ["500 ₽"], "money"), ("Дата отгрузки", ["?"], "days or times"), ("x", ["2026-01-05 10:00"], "days or times"),
        ("Ответственный за договор", ["?"], "people"), ("Sales rep", ["?"], "people"), ("Валюта", ["?"], "currencies"),
        ("Comment", ["5"], "None"), ("Updates", [], "None"), ("x", ["5"], "None"), ("Город", ["Омск"], "None"),
    ],
)  # fmt: skip
def test_subject_of_a_column_is_guessed_from_header_and_cells(header: str, cells: list[str], subject: str) -> None:
    assert str(guess_subject(header, cells)) == subject


async def test_file_without_rows_is_a_warning_and_nothing_came_in(company: ImportTestCompany) -> None:
    result = await company.import_files(MAP, {"deals.csv": HEADER})

    assert notes(result) == ["Warning: deals.csv: The file has no rows.", OPTIONAL_NOTE]
    assert result.exit_code == 3


async def test_row_without_stage_is_rejected_unless_the_map_says_what_it_means(company: ImportTestCompany) -> None:
    files = {"deals.csv": HEADER + row("1", stage="") + row("2")}
    rejecting = await company.import_files(MAP, files)
    [(line, column, reason)] = company.rejects
    accepting = await company.import_files(f'{MAP}"" = "open"\n', files)

    assert (rejecting.counts["deals"], rejecting.exit_code) == (Counter(read=2, new=1, rejected=1), 2)
    assert (line, column) == ("2", "stage")
    assert reason.startswith("The row has no stage: ")
    assert (accepting.counts["deals"], accepting.exit_code) == (Counter(read=2, new=1, unchanged=1), 0)


async def test_same_id_with_other_contents_is_rejected_and_an_exact_copy_is_not(company: ImportTestCompany) -> None:
    rows = row("1") + row("2") + row("1") + row("2", amount="6") + row("3", amount="x") + row("3", amount="x")
    result = await company.import_files(MAP, {"deals.csv": HEADER + rows})

    assert result.counts["deals"] == Counter(read=6, new=2, unchanged=1, rejected=3)
    assert notes(result)[0] == "deals.csv: Rows that are exact copies of others: 1 (line 4)."
    assert company.rejects[0] == (
        "5", "id", "Line 3 of deals.csv has the same id and other contents: leave the one that is right.",
    )  # fmt: skip
    assert [line for line, *_ in company.rejects] == ["5", "6", "7"]


async def test_copy_of_a_row_that_the_ledger_refuses_is_rejected_for_the_same_reason(
    company: ImportTestCompany,
) -> None:
    rows = row("1", currency="USD") * 2 + row("2")
    result = await company.import_files(MAP, {"deals.csv": HEADER + rows})

    assert result.counts["deals"] == Counter(read=3, new=1, rejected=2)
    assert len({reason for *_, reason in company.rejects}) == 1


async def test_products_that_the_price_list_lacks_are_counted_and_shown(company: ImportTestCompany) -> None:
    files = {
        "prices.csv": "name,price\nLift,5\n",
        "deals.csv": HEADER + row("1", product="Lift") + row("2", product="Lfit") + row("3", product="Lfit"),
    }
    result = await company.import_files(MAP, files)

    assert "Warning: deals.csv: Rows with a product that the price list lacks: 2 (“Lfit”, …)." in notes(result)


async def test_amount_beyond_a_hundred_times_the_percentile_is_a_warning(company: ImportTestCompany) -> None:
    amounts = [*map(str, range(100, 110)), "1000000", "10000"]
    rows = "".join(row(str(number), amount=amount) for number, amount in enumerate(amounts, 1))
    result = await company.import_files(MAP, {"deals.csv": HEADER + rows})

    warning = "Rows with an amount beyond 100 times the 99th percentile: 1 (line 12: 1000000 EUR)."
    assert not any("percentile" in note for note in notes(result)), "the second largest amount is the percentile"
    rows = rows.replace(",10000,", ",1000,")
    result = await company.import_files(MAP, {"deals.csv": HEADER + rows})
    assert f"Warning: deals.csv: {warning}" in notes(result)


def test_outliers_are_those_beyond_the_percentile_of_many_amounts() -> None:
    distribution = AmountDistribution()
    for line in range(1, 10_001):
        distribution.add(Decimal(line % 100 + 1), line)
    distribution.add(Decimal(9_800), 20_001)
    distribution.add(Decimal(10_200), 20_002)
    distribution.add(Decimal(0), 20_003)

    assert distribution.outliers() == [(Decimal(10_200), 20_002)]


async def test_people_who_differ_in_lookalike_letters_are_a_warning(company: ImportTestCompany) -> None:
    rows = row("1", owner="Anna Lee") + row("2", owner="\N{CYRILLIC CAPITAL LETTER A}nna Lee") + row("3", owner="Bob")
    result = await company.import_files(MAP, {"deals.csv": HEADER + rows})
    second = await company.import_files(MAP, {"deals.csv": HEADER + row("3", owner="Bob")})

    warning = "Warning: Employees who differ only in letters that look alike: “Anna Lee”, “\u0410nna Lee”."
    assert warning in notes(result)
    assert warning not in notes(second)


def test_lookalikes_are_found_across_scripts() -> None:
    names = ["Bob Ray", "В\u043eb Ray", "Борис", "Boris", "Alex", "\u0391lex", "Ann\u200ba", "Anna", "Семён", "Семен"]
    assert group_lookalikes(names) == [["Bob Ray", "В\u043eb Ray"], ["Alex", "\u0391lex"], ["Anna", "Ann\u200ba"]]


async def test_rows_with_default_day_and_currency_are_counted_once_they_come_in(company: ImportTestCompany) -> None:
    rows = (
        row("1", created="")
        + row("2", currency="")
        + row("3", created="", amount="x")
        + row("4", amount="", currency="")
    )
    first = await company.import_files(MAP, {"deals.csv": HEADER + rows})
    second = await company.import_files(MAP, {"deals.csv": HEADER + rows})

    assert notes(first)[:2] == [
        "deals.csv: Rows without a creation day, which came in with the moment of the import: 1 (line 2).",
        "deals.csv: Rows without a currency, which came in with EUR: 1 (line 3).",
    ]
    assert notes(second) == [OPTIONAL_NOTE]


async def test_exit_code_tells_whether_rows_were_rejected_or_nothing_came_in(company: ImportTestCompany) -> None:
    codes = [
        (await company.import_files(MAP, {"deals.csv": HEADER + rows})).exit_code
        for rows in (row("1"), row("1"), row("1") + row("2", amount="x"), row("2", amount="x"))
    ]
    assert codes == [0, 0, 2, 3]
