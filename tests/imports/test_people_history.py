"""Import of when people left, and of when they came to which team."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from models.crm.deals import Deal
from models.organization.absences import load_work_schedule
from models.organization.memberships import Membership
from models.organization.people import Employee, Team
from tests.databases import on_both_databases
from tests.imports.import_company import ImportTestCompany, open_company

MAP = """
name = "hr"
as_of = 2024-01-01
[pipeline]
name = "Machines"
stages = ["New"]
[[file]]
pattern = "people*.csv"
kind = "people"
[file.columns]
id = "no"
name = "name"
team = "team"
active = "active"
joined = "joined"
left = "left"
[[file]]
pattern = "transfers*.csv"
kind = "transfers"
[file.columns]
owner = "name"
team = "team"
from = "from"
[[file]]
pattern = "deals*.csv"
kind = "deals"
[file.columns]
id = "id"
title = "title"
owner = "owner"
stage = "stage"
amount = "amount"
created = "created"
closed = "closed"
[file.stages]
New = "open"
Won = "won"
"""
HEADER = "no,name,team,active,joined,left\n"


@pytest.fixture
async def company(usual_database_url: str, tmp_path: Path) -> AsyncIterator[ImportTestCompany]:
    async with open_company(usual_database_url, tmp_path) as company:
        yield company


async def list_stints(name: str) -> list[tuple[str | None, bool, str | None, str | None]]:
    """Return the memberships of an employee: team, whether active, first day and the day after the last one."""
    employee = await Employee.get(name=name)
    teams = {team.id: team.name for team in await Team.all()}
    return [
        (teams.get(row.team_id), row.active, str(row.since.date()), str(row.until.date()) if row.until else None)
        for row in await Membership.filter(employee_id=employee.id).order_by("since", "id")
    ]


@on_both_databases
async def test_employee_who_left_is_inactive_since_the_day_after_and_keeps_the_history(
    company: ImportTestCompany,
) -> None:
    people = f"{HEADER}1,Ann,North,,2024-03-01,2025-06-30\n2,Bob,North,,,2025-06-30\n3,Cid,North,,2025-01-01,\n"
    deals = "id,title,owner,stage,amount,created,closed\n1,Crane,Ann,Won,500,2025-02-01,2025-03-01\n"
    files = {"people.csv": people, "deals.csv": deals}

    first, second = [await company.import_files(MAP, files) for _ in range(2)]

    assert (first.counts["people"], second.counts["people"]) == (
        {"read": 3, "new": 3}, {"read": 3, "unchanged": 3},
    )  # fmt: skip
    assert {row.name: row.active for row in await Employee.exclude(name="Ada Admin")} == {
        "Ann": False, "Bob": False, "Cid": True,
    }  # fmt: skip
    assert await list_stints("Ann") == [
        ("North", True, "2024-03-01", "2025-07-01"), ("North", False, "2025-07-01", None),
    ]  # fmt: skip
    assert [row.value for row in await Deal.all()] == [50_000]
    schedule = await load_work_schedule(await (await company.create_context()).calendar())
    employee_ids = {row.name: row.id for row in await Employee.all()}
    assert [
        schedule.is_employed(employee_ids[name], day)
        for name, day in [
            ("Ann", date(2024, 2, 29)), ("Ann", date(2024, 3, 1)), ("Ann", date(2025, 6, 30)),
            ("Ann", date(2025, 7, 1)), ("Bob", date(2025, 6, 30)), ("Bob", date(2025, 7, 1)),
        ]
    ] == [False, True, True, False, True, False]  # fmt: skip


async def test_corrected_departure_moves_the_day_and_another_employee_can_leave_later(
    company: ImportTestCompany,
) -> None:
    await company.import_files(MAP, {"people.csv": f"{HEADER}1,Ann,North,,,2025-06-30\n2,Bob,North,,,\n"})

    result = await company.import_files(
        MAP, {"people.csv": f"{HEADER}1,Ann,North,,,2025-05-31\n2,Bob,North,,,2026-01-15\n"}
    )

    assert result.counts["people"] == {"read": 2, "changed": 2}
    assert (await list_stints("Ann"))[-1] == ("North", False, "2025-06-01", None)
    assert (await list_stints("Bob"))[-1] == ("North", False, "2026-01-16", None)


async def test_employee_who_came_back_stays_active_when_the_old_departure_is_imported_again(
    company: ImportTestCompany,
) -> None:
    await company.import_files(MAP, {"people.csv": f"{HEADER}1,Ann,North,,,2025-06-30\n"})
    await company.import_files(MAP, {"people.csv": f"{HEADER}1,Ann,North,yes,,\n"})

    second_result = await company.import_files(MAP, {"people.csv": f"{HEADER}1,Ann,North,,,2025-06-30\n"})
    other_day = await company.import_files(MAP, {"people.csv": f"{HEADER}1,Ann,North,,,2025-06-15\n"})

    assert second_result.counts["people"] == {"read": 1, "unchanged": 1}
    assert other_day.counts["people"] == {"read": 1, "rejected": 1}
    assert (await Employee.get(name="Ann")).active


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,Ann,North,,,2026-11-18", "This last day is not over: leave it out until the employee has left."),
        ("1,Ann,North,,2025-02-01,2025-01-31", "The employee left before they joined: check both days."),
        ("1,Ann,North,yes,,2025-01-31", "The row says that the employee is active, and when they left"),
    ],
    ids=["not over", "before joining", "active"],
)
async def test_impossible_departure_is_rejected_and_leaves_no_employee(
    company: ImportTestCompany, row: str, reason: str
) -> None:
    await company.import_files(MAP, {"people.csv": f"{HEADER}{row}\n"})

    [(line, column, text)] = company.rejects
    assert (line, column) == ("2", "left")
    assert reason in text
    assert await Employee.filter(name="Ann").count() == 0


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_transfers_give_the_teams_over_time_in_any_order_and_past_deals_count_for_them(
    company: ImportTestCompany, order: tuple[int, ...]
) -> None:
    rows = ["Ann,North,2024-01-01\n", "Ann,South,2025-01-01\n", "Ann,West,2026-01-01\n"]
    deals = "id,title,owner,stage,amount,created,closed\n" + "".join(
        f"{number},Crane,Ann,Won,5,{day},{day}\n"
        for number, day in enumerate(["2023-05-01", "2024-12-31", "2025-01-01", "2026-05-01"])
    )
    files = {
        "people.csv": f"{HEADER}1,Ann,West,,,\n",
        "transfers.csv": "name,team,from\n" + "".join(rows[index] for index in order),
        "deals.csv": deals,
    }

    first, second = [await company.import_files(MAP, files) for _ in range(2)]

    assert (first.counts["transfers"], second.counts["transfers"]) == (
        {"read": 3, "new": 3}, {"read": 3, "unchanged": 3},
    )  # fmt: skip
    stints = await list_stints("Ann")
    assert [(team, since) for team, _, since, _ in stints][:3] == [
        ("North", "2024-01-01"), ("South", "2025-01-01"), ("West", "2026-01-01"),
    ]  # fmt: skip
    teams = {team.id: team.name for team in await Team.all()}
    assert [teams.get(row.won_team or 0) for row in await Deal.all().order_by("id")] == [
        "North", "North", "South", "West",
    ]  # fmt: skip


@on_both_databases
async def test_transfer_of_an_employee_without_a_team_sets_it_and_wrong_ones_are_rejected(
    company: ImportTestCompany,
) -> None:
    people = f"{HEADER}1,Ann,,,,\n2,Bob,North,,,2025-06-30\n"
    transfers = (
        "name,team,from\nAnn,North,2025-01-01\nAnn,South,2025-06-01\nBob,South,2025-07-01\nAnn,North,2027-01-01\n"
        "Bob,West,2025-06-01\n"
    )

    result = await company.import_files(MAP, {"people.csv": people, "transfers.csv": transfers})

    assert result.counts["transfers"] == {"read": 5, "new": 3, "rejected": 2}
    assert [(line, column) for line, column, _ in company.rejects] == [("4", "from"), ("5", "from")]
    assert (await Employee.get(name="Ann")).team_id == (await Team.get(name="South")).id
    assert (await Employee.get(name="Bob")).team_id == (await Team.get(name="West")).id
    assert [stint[:2] for stint in await list_stints("Bob")] == [("North", True), ("West", True), ("West", False)]


async def test_people_with_ids_of_their_own_and_one_name_are_two_employees(company: ImportTestCompany) -> None:
    files = {"people.csv": f"{HEADER}7,Ann,North,,,\n8,Ann,South,,,\n"}
    first, second = [await company.import_files(MAP, files) for _ in range(2)]

    assert first.counts["people"] == {"read": 2, "new": 2}
    assert [str(note.message) for note in first.notes if note.is_warning] == [
        "Names that several employees have: “Ann”."
    ]
    assert second.counts["people"] == {"read": 2, "unchanged": 2}
    teams = {team.id: team.name for team in await Team.all()}
    assert {(row.external_id, teams[row.team_id or 0]) for row in await Employee.filter(name="Ann")} == {
        ("7", "North"), ("8", "South"),
    }  # fmt: skip
    deals = "id,title,owner,stage,amount,created,closed\n1,Crane,Ann,New,5,2025-02-01,\n2,Lift,8,New,5,2025-02-01,\n"
    await company.import_files(MAP, {"deals.csv": deals})
    assert company.rejects == [("2", "owner", "2 employees are called “Ann”: give the e-mail address instead.")]
    assert (await Deal.get()).owner_id == (await Employee.get(external_id="8")).id


async def test_people_without_ids_are_told_apart_by_their_addresses(company: ImportTestCompany) -> None:
    text_map = MAP.replace('id = "no"\nname = "name"\nteam', 'email = "mail"\nname = "name"\nteam', 1)
    people = "mail,name,team,active,joined,left\nann@north.example,Ann,North,,,\nann@south.example,Ann,South,,,\n"
    first, second = [await company.import_files(text_map, {"people.csv": people}) for _ in range(2)]

    assert (first.counts["people"], second.counts["people"]) == ({"read": 2, "new": 2}, {"read": 2, "unchanged": 2})


async def test_employee_named_by_a_deal_gets_the_details_of_their_row(company: ImportTestCompany) -> None:
    deals = "id,title,owner,stage,amount,created,closed\n1,Crane,Ann,New,5,2025-02-01,\n"
    await company.import_files(MAP, {"deals.csv": deals})
    await company.import_files(MAP, {"people.csv": f"{HEADER}7,Ann,North,,,\n"})

    assert await Employee.filter(name="Ann").count() == 1
    assert (await Employee.get(name="Ann")).team_id is not None
