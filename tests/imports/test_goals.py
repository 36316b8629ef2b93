"""Import of goals: owners and metrics by name, periods in words, and the same goals found again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from models.goals.goals import Goal
from models.organization.people import Employee, Team
from tests.databases import on_both_databases
from tests.imports.import_company import ImportTestCompany, open_company

MAP = """
name = "plan"
[[file]]
pattern = "people*.csv"
kind = "people"
[file.columns]
name = "name"
team = "team"
left = "left"
[[file]]
pattern = "goals*.csv"
kind = "goals"
separator = ";"
decimal = ","
dates = ["%d.%m.%Y"]
[file.columns]
owner = "owner"
metric = "metric"
target = "target"
period = "period"
from = "from"
to = "to"
recurring = "every"
{more}
[file.values.metric]
"план" = "deals_won_amount"
revenue = "deals_won_amount"
[file.values.recurring]
"ежемесячно" = "yes"
"""
PEOPLE = "name,team,left\nAnn,North,\nBob,North,2026-03-15\nNorth Star,South,\n"
HEADER = "owner;metric;target;period;from;to;every\n"
GOALS = f"""{HEADER}\
Ann;revenue;1 500,50;2026-03;;;
ann;Deals won;3;Q1 2026;;;
Ann;Выигранные сделки;40;2026;;;no
North;план;9000;март 2026;;;ежемесячно
Acme;Calls made;100;;01.02.2026;28.02.2026;
company;revenue;50000;1 полугодие 2026;;;
Bob;revenue;700;март 2026 г.;;;
"""


@pytest.fixture
async def company(usual_database_url: str, tmp_path: Path) -> AsyncIterator[ImportTestCompany]:
    async with open_company(usual_database_url, tmp_path) as company:
        yield company


async def list_goals() -> list[tuple[str, str, int, str, str, str, bool]]:
    """Return owner, metric, target, kind of period, its days, and whether each goal recurs."""
    names = {("EMPLOYEE", row.id): row.name for row in await Employee.all()}
    names |= {("TEAM", row.id): row.name for row in await Team.all()}
    return [
        (names.get((row.owner_kind.value, row.owner_id), "the company"), row.metric, row.target, row.kind.value,
         str(row.first_day), str(row.last_day), row.recurring)
        for row in await Goal.filter(archived_at=None).order_by("id")
    ]  # fmt: skip


async def test_goals_are_imported_and_found_again(company: ImportTestCompany) -> None:
    files = {"people.csv": PEOPLE, "goals.csv": GOALS}

    first, second = [await company.import_files(MAP.format(more=""), files) for _ in range(2)]

    assert company.rejects == []
    assert (first.counts["goals"], second.counts["goals"]) == (
        {"read": 7, "new": 7}, {"read": 7, "unchanged": 7},
    )  # fmt: skip
    assert await list_goals() == [
        ("Ann", "deals_won_amount", 150_050, "MONTH", "2026-03-01", "2026-03-31", False),
        ("Ann", "deals_won", 3, "QUARTER", "2026-01-01", "2026-03-31", False),
        ("Ann", "deals_won", 40, "YEAR", "2026-01-01", "2026-12-31", False),
        ("North", "deals_won_amount", 900_000, "MONTH", "2026-03-01", "2026-03-31", True),
        ("the company", "calls_made", 100, "MONTH", "2026-02-01", "2026-02-28", False),
        ("the company", "deals_won_amount", 5_000_000, "CUSTOM", "2026-01-01", "2026-06-30", False),
        ("Bob", "deals_won_amount", 70_000, "MONTH", "2026-03-01", "2026-03-31", False),
    ]


@on_both_databases
async def test_changed_target_and_recurrence_change_the_same_goal(company: ImportTestCompany) -> None:
    files = {"people.csv": PEOPLE, "goals.csv": GOALS}
    await company.import_files(MAP.format(more=""), files)

    changed = f"{HEADER}Ann;revenue;2000;01.03.2026 - 31.03.2026;;;\nNorth;revenue;9000;2026-03;;;нет\n"
    result = await company.import_files(MAP.format(more=""), {**files, "goals.csv": changed})

    assert result.counts["goals"] == {"read": 2, "changed": 2}
    goals = await list_goals()
    assert len(goals) == 7
    assert (goals[0][2], goals[3][-1]) == (200_000, False)


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ("Zed;revenue;5;2026-03;;;", "owner", "There is no employee, team or company called “Zed”."),
        ("Ann;turnover;5;2026-03;;;", "metric", "There is no metric “turnover”"),
        ("Ann;revenue;0;2026-03;;;", "target", "A target is above zero."),
        ("Ann;deals_won;1,5;2026-03;;;", "target", "Give a whole number."),
        ("Ann;revenue;;2026-03;;;", "target", "The row has no target."),
        ("Ann;revenue;5;03.26;;;", "period", "“03.26” is no period"),
        ("Ann;revenue;5;;;;", "period", "The row has no period"),
        ("Ann;revenue;5;;01.03.2026;;", "to", "The row has no last day"),
        ("Ann;revenue;5;;31.03.2026;01.03.2026;", "period", "before it begins"),
        ("Ann;revenue;5;2026-03;01.04.2026;;", "period", "its days in the row are others"),
        ("Ann;revenue;5;H1 2026;;;yes", "every", "A custom period cannot recur"),
        ("Bob;revenue;5;2026-04;;;", "owner", "Bob had left by 2026-04-01."),
    ],
)
async def test_goal_that_cannot_be_set_is_rejected_with_its_column_and_reason(
    row: str, column: str, reason: str, tmp_path: Path
) -> None:
    async with open_company("sqlite://:memory:", tmp_path) as company:
        await company.import_files(MAP.format(more=""), {"people.csv": PEOPLE, "goals.csv": f"{HEADER}{row}\n"})

        [(line, rejected_column, text)] = company.rejects
        assert (line, rejected_column) == ("2", column)
        assert reason in text
        assert await Goal.all().count() == 0


async def test_owner_whose_name_a_team_has_too_needs_its_kind(company: ImportTestCompany) -> None:
    files = {"people.csv": f"{PEOPLE}South,North,\n", "goals.csv": f"{HEADER}South;revenue;5;2026;;;\n"}
    await company.import_files(MAP.format(more=""), files)
    reasons = [reason for _, _, reason in company.rejects]

    await company.import_files(MAP.format(more='[file.constants]\nowner_kind = "team"'), files)

    assert reasons == ["“South” is the name of several, employee, team: give `owner_kind`, one of these."]
    assert [goal[0] for goal in await list_goals()] == ["South"]
    assert (await Goal.get()).owner_kind.value == "TEAM"


async def test_same_goal_twice_in_a_file_is_rejected_once(company: ImportTestCompany) -> None:
    rows = "Ann;revenue;5;2026-03;;;\nAnn;deals won, amount;7;март 2026;;;\n"

    result = await company.import_files(MAP.format(more=""), {"people.csv": PEOPLE, "goals.csv": f"{HEADER}{rows}"})

    assert result.counts["goals"] == {"read": 2, "new": 1, "rejected": 1}
    assert [goal[2] for goal in await list_goals()] == [500]


async def test_goal_in_another_currency_than_the_company_is_rejected(company: ImportTestCompany) -> None:
    constants = '[file.constants]\ncurrency = "USD"'
    files = {"people.csv": PEOPLE, "goals.csv": f"{HEADER}Ann;revenue;5;2026-03;;;\nAnn;deals_won;5;2026-03;;;\n"}

    await company.import_files(MAP.format(more=constants), files)

    assert [(line, reason) for line, _, reason in company.rejects] == [
        ("2", "Goals are in EUR, the currency of the company, not in USD.")
    ]


async def test_day_in_the_period_column_needs_the_kind_of_period(company: ImportTestCompany) -> None:
    files = {"people.csv": PEOPLE, "goals.csv": f"{HEADER}Ann;revenue;5;01.03.2026;;;\n"}
    await company.import_files(MAP.format(more=""), files)
    reasons = [reason for _, _, reason in company.rejects]

    await company.import_files(MAP.format(more='[file.constants]\nperiod_kind = "month"'), files)

    assert ["set `period_kind`" in reason for reason in reasons] == [True]
    assert [goal[3:6] for goal in await list_goals()] == [("MONTH", "2026-03-01", "2026-03-31")]
