"""Exported goals are imported again, in both languages and file formats, and nothing changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from domain.primitives.periods import PeriodKind
from domain.primitives.tables import ExportTable
from models.goals.goals import Goal
from models.organization.people import Employee
from resolvers.goals.goal_export import export_goals
from resolvers.organization import people
from resolvers.organization.inputs import EmployeeInput
from resolvers.request.periods import PeriodKey
from server.http.table_files import write_csv, write_xlsx
from tests.imports.import_company import NOW, ImportTestCompany, open_company

MAP = """
name = "plan"
[[file]]
pattern = "people*.csv"
kind = "people"
[file.columns]
name = "name"
email = "email"
team = "team"
[[file]]
pattern = "goals*.csv"
kind = "goals"
[file.columns]
owner = "owner"
name = "name"
metric = "metric"
target = "target"
period = "period"
recurring = "recurring"
pro_rated = "pro_rated"
"""
PEOPLE = "name,email,team\nAnn,ann@example.com,North\n=Bob,,North\n"
GOALS = """owner,name,metric,target,period,recurring,pro_rated
ann@example.com,,deals_won_amount,1500.50,2026-12,yes,
ann2@example.com,Second Ann,deals_won,3,Q1 2026,,
=Bob,'quoted,deals_won,40,2026,,
North,+100 wins,deals_won,9000,март 2026,,
Acme,,hours_worked,100.5,H1 2026,,
Acme,,deals_won_amount,1,2026-W12,,
Acme,,calls_made,7,2026-03-04 - 2026-03-04,,
ann@example.com,,calls_made,77,December 2026,,yes
"""
ALL = PeriodKey(PeriodKind.CUSTOM, start=NOW.date().replace(year=2022), end=NOW.date().replace(year=2031))


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[ImportTestCompany]:
    async with open_company("sqlite://:memory:", tmp_path) as company:
        await company.import_files(MAP, {"people.csv": PEOPLE})
        context = await company.create_context()
        async with context.unit_of_work():
            await people.create_employee(context, EmployeeInput(name="Ann", email="ann2@example.com"))
        (tmp_path / "export" / "people.csv").unlink()
        result = await company.import_files(MAP, {"goals.csv": GOALS})
        assert result.counts["goals"] == {"read": 8, "new": 8}, company.read_rejects()
        for file in (tmp_path / "export").iterdir():
            file.unlink()
        yield company


async def export(company: ImportTestCompany, language: str = "en") -> ExportTable:
    context = await company.create_context()
    context.client = replace(context.client, language=language)
    return await export_goals(context, None, ALL, None)


async def read_goals() -> list[tuple[object, ...]]:
    return [
        (row.owner_kind, row.owner_id, row.metric, row.name, row.target, row.full_target, row.kind, row.first_day,
         row.last_day, row.recurring, row.archived_at)
        for row in await Goal.all().order_by("id")
    ]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(("name", "write"), [("goals.csv", write_csv), ("goals.xlsx", write_xlsx)])
async def test_exported_goals_come_back_unchanged(
    company: ImportTestCompany, language: str, name: str, write: Callable[[ExportTable], bytes]
) -> None:
    goals = await read_goals()
    result = await company.import_files("scoreline", {name: write(await export(company, language))})

    assert company.rejects == []
    assert result.counts["goals"] == {"read": len(goals), "unchanged": len(goals)}
    assert await read_goals() == goals


async def test_target_changed_in_the_exported_file_changes_the_goal(company: ImportTestCompany) -> None:
    text = write_csv(await export(company)).decode("utf-8-sig").replace(",1500.50,", ",1700.25,")
    result = await company.import_files("scoreline", {"goals.csv": text})

    assert result.counts["goals"] == {"read": 8, "unchanged": 7, "changed": 1}
    assert (await Goal.get(metric="deals_won_amount", kind="MONTH")).target == 170_025


async def test_name_of_two_employees_asks_for_the_address(company: ImportTestCompany) -> None:
    rows = "Owner,Metric,First day,Last day,Target\nAnn,Deals won,2026-12-01,2026-12-31,5\n"
    result = await company.import_files("scoreline", {"goals.csv": rows})
    assert result.counts["goals"] == {"read": 1, "rejected": 1}

    assert [reason for _, _, reason in company.rejects] == [
        "2 employees are called “Ann”: give the e-mail address instead."
    ]
    assert await Employee.filter(name="Ann").count() == 2
