"""Import of plans with a column for each period, or for each metric."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pytest
from openpyxl import Workbook

from imports import map_file
from imports.map_guess.found_map import find_map
from models.goals.goals import Goal
from models.organization.people import Employee
from tests.databases import on_both_databases
from tests.imports.import_company import ImportTestCompany, open_company

PEOPLE_MAP = """
name = "people"
[[file]]
pattern = "people*.csv"
kind = "people"
[file.columns]
name = "name"
"""
PLAN_MAP = """
name = "plan"
[[file]]
pattern = "*.csv"
kind = "goals"
[file.columns]
owner = "Seller"
[file.spread]
{spread}
[file.constants]
{constants}
[file.values.period]
"Январь" = "2027-01"
"""
MONTHS = PLAN_MAP.format(spread='period = ["January 2027", "02.2027"]', constants='metric = "deals_won"')


@pytest.fixture
async def company(usual_database_url: str, tmp_path: Path) -> AsyncIterator[ImportTestCompany]:
    async with open_company(usual_database_url, tmp_path) as company:
        await company.import_files(PEOPLE_MAP, {"people.csv": "name\nAnn\nBob\n"})
        (tmp_path / "export" / "people.csv").unlink()
        yield company


async def list_goals() -> list[tuple[str, str, str, int]]:
    """Return owner, metric, first day and target of each goal."""
    names = {row.id: row.name for row in await Employee.all()}
    rows = [(names[row.owner_id or 0], row.metric, str(row.first_day), row.target) for row in await Goal.all()]
    return sorted(rows)


@on_both_databases
async def test_each_column_is_a_goal_and_an_empty_cell_is_none(company: ImportTestCompany) -> None:
    files = {"plan.csv": "Seller,January 2027,02.2027\nAnn,4,5\nBob,,6\n"}
    first, second = [await company.import_files(MONTHS, files) for _ in range(2)]

    assert (first.counts["goals"], second.counts["goals"]) == ({"read": 3, "new": 3}, {"read": 3, "unchanged": 3})
    assert await list_goals() == [
        ("Ann", "deals_won", "2027-01-01", 4), ("Ann", "deals_won", "2027-02-01", 5),
        ("Bob", "deals_won", "2027-02-01", 6),
    ]  # fmt: skip


async def test_rejected_cell_is_named_by_its_column(company: ImportTestCompany) -> None:
    files = {"plan.csv": "Seller,January 2027,02.2027\nAnn,4,-5\nBob,x,6\nCid,1,\nAnn,,\n"}
    await company.import_files(MONTHS, files)

    assert [(line, column) for line, column, _ in company.rejects] == [
        ("2", "02.2027"), ("3", "January 2027"), ("4", "Seller"), ("5", "target"),
    ]  # fmt: skip
    assert await list_goals() == [("Ann", "deals_won", "2027-01-01", 4), ("Bob", "deals_won", "2027-02-01", 6)]


async def test_a_column_for_each_metric(company: ImportTestCompany) -> None:
    plan_map = PLAN_MAP.format(
        spread='metric = ["Deals won", "Выручка"]',
        constants='period = "2027-01"\n[file.values.metric]\n"Выручка" = "deals_won_amount"',
    )
    await company.import_files(plan_map, {"plan.csv": "Seller,Deals won,Выручка\nAnn,4,1500.50\n"})

    assert company.rejects == []
    assert await list_goals() == [
        ("Ann", "deals_won", "2027-01-01", 4), ("Ann", "deals_won_amount", "2027-01-01", 150_050),
    ]  # fmt: skip


async def test_header_in_words_of_the_company_means_what_the_map_says(company: ImportTestCompany) -> None:
    plan_map = PLAN_MAP.format(spread='period = ["Январь"]', constants='metric = "calls_made"')
    await company.import_files(plan_map, {"plan.csv": "Seller,Январь\nAnn,40\n"})

    assert await list_goals() == [("Ann", "calls_made", "2027-01-01", 40)]


async def test_missing_column_refuses_the_file(company: ImportTestCompany) -> None:
    with pytest.raises(Exception, match=r"02.2027.*spread.period"):
        await company.import_files(MONTHS, {"plan.csv": "Seller,January 2027\nAnn,4\n"})


@pytest.mark.parametrize(
    ("spread", "message"),
    [('stage = ["A"]', "spread.stage"), ('period = ["A"]\nmetric = ["B"]', "period, metric")],
    ids=["unknown field", "both"],
)
def test_map_spreads_one_field(spread: str, message: str) -> None:
    with pytest.raises(map_file.MapError, match=message):
        map_file.parse_map(PLAN_MAP.format(spread=spread, constants='metric = "calls_made"'), "test")


def _workbook(*rows: list[object]) -> bytes:
    book, buffer = Workbook(), BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plan.csv", b"Seller;Metric;2027-01;2027-02;Total\nAnn;Deals won;4;5;9\n"),
        ("plan.csv", "Сотрудник;Показатель;Январь 2027;Февраль 2027;Итого\nAnn;Выигранные сделки;4;5;9\n".encode()),
        ("plan.xlsx", _workbook(["Seller", "Metric", datetime(2027, 1, 1), datetime(2027, 2, 1)],
                                ["Ann", "deals_won", 4, 5])),
    ],
    ids=["months", "russian", "dates of a workbook"],
)  # fmt: skip
async def test_columns_of_periods_are_found_without_a_map(
    company: ImportTestCompany, name: str, content: bytes
) -> None:
    found_map = find_map(company.write_files({name: content}))
    await company.import_source(found_map.text, company.directory / "export")

    assert company.rejects == []
    assert await list_goals() == [("Ann", "deals_won", "2027-01-01", 4), ("Ann", "deals_won", "2027-02-01", 5)]


async def test_columns_of_metrics_are_found_without_a_map(company: ImportTestCompany) -> None:
    text = "Employee,Period,Deals won,Calls made\nAnn,2027-01,4,40\n"
    found_map = find_map(company.write_files({"plan.csv": text}))
    await company.import_source(found_map.text, company.directory / "export")

    assert [row[1] for row in await list_goals()] == ["calls_made", "deals_won"]


def test_table_of_one_metric_asks_for_it(tmp_path: Path) -> None:
    (tmp_path / "plan.csv").write_text("Seller,2027-01,2027-02\nAnn,4,5\n")
    found_map = find_map(tmp_path / "plan.csv", kind="goals")
    assert found_map.missing_fields == [(1, "metric")]

    found_map.choose_constant(1, "metric", "calls_made")
    assert found_map.parse().files[0].spread == {"period": ["2027-01", "2027-02"]}
