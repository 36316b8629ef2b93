"""Absences: who may set and see them, and what follows from them for pace and alerts (rules 3 and 10)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.resolvers.alerts.alert_company import count_dry_run_alerts, fetch_inbox, set_only_rule
from tests.world import World, cache_company, open_world

SET_ABSENCE = """mutation($input: SetAbsenceInput!) { setAbsence(input: $input) {
  absence { id from to kind employee { name } createdBy { name } } userErrors { code path message } } }"""
REMOVE_ABSENCE = """mutation($id: ID!) { removeAbsence(id: $id) {
  employee { name absences { from } } userErrors { code path } } }"""
PROGRESS = """query($id: ID!) { goal(id: $id) { progress { expectedByNow pace projected neededPerWorkday } } }"""


@cache_company
async def open_company(url: str) -> AsyncIterator[World]:
    async with open_world(url) as world:
        await world.create_employee("Mia", role="MANAGER")
        await world.create_employee("Dora", role="DIRECTOR")
        await world.create_team("Sales", manager="Mia")
        await world.create_employee("Ann", "Sales")
        await world.create_employee("Bob", "Sales")
        yield world


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_company(usual_database_url) as world:
        yield world


async def set_absence(
    world: World, employee: str, first: str, last: str, actor: str = "admin", kind: str = "VACATION", **more: Any
) -> dict[str, Any]:
    input = {"employee": world.global_ids[employee], "from": first, "to": last, "kind": kind, **more}
    return (await world.query(SET_ABSENCE, actor, input=input))["setAbsence"]


async def read_absences(world: World, employee: str, actor: str) -> list[dict[str, Any]]:
    document = "query($id: ID!) { employee(id: $id) { absences { from to kind } } }"
    return (await world.query(document, actor, id=world.global_ids[employee]))["employee"]["absences"]


async def set_goal(world: World, owner: str, target: str, kind: str = "MONTH", metric: str = "calls_made") -> str:
    payload = await world.mutate(
        "setGoal", owner=world.global_ids[owner], metric=metric, target=target, period={"kind": kind}
    )
    return payload["goal"]["id"]


async def read_progress(world: World, goal: str) -> dict[str, Any]:
    return (await world.query(PROGRESS, id=goal))["goal"]["progress"]


@pytest.mark.parametrize("actor", ["Mia", "Dora", "admin"])
async def test_absence_is_set_by_who_stands_above(world: World, actor: str) -> None:
    payload = await set_absence(world, "Ann", "2026-11-23", "2026-11-27", actor)

    assert payload["userErrors"] == []
    assert payload["absence"]["employee"] == {"name": "Ann"}
    assert payload["absence"]["createdBy"] == {"name": actor.replace("admin", "Ada Admin")}
    assert await read_absences(world, "Ann", actor) == [{"from": "2026-11-23", "to": "2026-11-27", "kind": "VACATION"}]


@pytest.mark.parametrize(("actor", "employee"), [("Ann", "Bob"), ("Mia", "Dora"), ("Ann", "Ann"), ("Mia", "Mia")])
async def test_absence_of_others_and_of_oneself_is_forbidden(world: World, actor: str, employee: str) -> None:
    payload = await set_absence(world, employee, "2026-11-23", "2026-11-27", actor)

    assert [(error["code"], error["path"]) for error in payload["userErrors"]] == [("FORBIDDEN", ["input", "employee"])]


async def test_own_absence_is_allowed_where_the_company_allows_it(world: World) -> None:
    await world.mutate("updateCompany", employeesSetAbsences=True)
    input = {"from": "2026-11-23", "to": "2026-11-23", "kind": "SICK"}  # the viewer's own by default
    payload = (await world.query(SET_ABSENCE, "Ann", input=input))["setAbsence"]

    assert payload["userErrors"] == []
    assert await read_absences(world, "Ann", "Ann") == [{"from": "2026-11-23", "to": "2026-11-23", "kind": "SICK"}]
    removal = await world.query(REMOVE_ABSENCE, "Ann", id=payload["absence"]["id"])
    assert removal["removeAbsence"] == {"employee": {"name": "Ann", "absences": []}, "userErrors": []}


async def test_colleagues_see_no_absences(world: World) -> None:
    payload = await set_absence(world, "Ann", "2026-11-23", "2026-11-27")

    assert await read_absences(world, "Ann", "Bob") == []
    assert await read_absences(world, "Ann", "Ann") != []
    refusal = (await world.query(REMOVE_ABSENCE, "Bob", id=payload["absence"]["id"]))["removeAbsence"]
    assert refusal["userErrors"] == [{"code": "NOT_FOUND", "path": ["id"]}]


async def test_overlapping_absence_is_a_conflict_and_a_repeat_changes_nothing(world: World) -> None:
    first = await set_absence(world, "Ann", "2026-11-23", "2026-11-27")
    overlap = await set_absence(world, "Ann", "2026-11-27", "2026-11-30")
    repeat = await set_absence(world, "Ann", "2026-11-23", "2026-11-27")

    assert [(error["code"], error["path"]) for error in overlap["userErrors"]] == [("CONFLICT", ["input", "from"])]
    assert "2026-11-23 to 2026-11-27" in overlap["userErrors"][0]["message"]
    assert repeat["absence"]["id"] == first["absence"]["id"]
    assert (await set_absence(world, "Bob", "2026-11-23", "2026-11-27"))["userErrors"] == []
    assert (await set_absence(world, "Ann", "2026-11-28", "2026-11-30"))["userErrors"] == []


async def test_absence_is_changed_by_id_and_by_external_id(world: World) -> None:
    first = await set_absence(world, "Ann", "2026-11-23", "2026-11-27", externalId="hr-1")
    by_external_id = await set_absence(world, "Ann", "2026-11-24", "2026-11-30", externalId="hr-1")
    by_id = await set_absence(world, "Ann", "2026-11-25", "2026-11-25", kind="OTHER", id=first["absence"]["id"])
    of_another = await set_absence(world, "Bob", "2026-11-25", "2026-11-25", id=first["absence"]["id"])

    assert {payload["absence"]["id"] for payload in (first, by_external_id, by_id)} == {first["absence"]["id"]}
    assert await read_absences(world, "Ann", "Ann") == [{"from": "2026-11-25", "to": "2026-11-25", "kind": "OTHER"}]
    assert [error["code"] for error in of_another["userErrors"]] == ["CONFLICT"]


async def test_absence_is_set_once_for_an_idempotency_key(world: World) -> None:
    first = await set_absence(world, "Ann", "2026-11-23", "2026-11-27", idempotencyKey="k")
    second = await set_absence(world, "Ann", "2026-11-23", "2026-11-27", idempotencyKey="k")

    assert second == first
    assert len(await read_absences(world, "Ann", "Ann")) == 1


async def test_own_working_time_enters_expected_value_of_employee_and_team(world: World) -> None:
    goals = {owner: await set_goal(world, owner, "42") for owner in ("Ann", "Bob", "Sales")}
    world.now = datetime(2026, 11, 18, 23, 30, tzinfo=UTC)  # Thursday in Berlin: 13 of 21 working days are over

    await set_absence(world, "Ann", "2026-11-02", "2026-11-15")  # 10 of them
    expected = {owner: (await read_progress(world, goal))["expectedByNow"] for owner, goal in goals.items()}

    assert float(expected["Ann"]) == pytest.approx(42 * 3 / 11, abs=0.001)
    assert float(expected["Bob"]) == 42 * 13 / 21
    assert float(expected["Sales"]) == pytest.approx(42 * (3 + 13) / (11 + 21), abs=0.001)


async def test_day_goal_reads_behind_within_the_day_but_not_for_who_is_absent(world: World) -> None:
    ann, bob = await set_goal(world, "Ann", "40", "DAY"), await set_goal(world, "Bob", "40", "DAY")
    await set_absence(world, "Ann", "2026-11-18", "2026-11-18", kind="SICK")
    for _ in range(4):
        await world.mutate("recordCall", "Bob", direction="OUTBOUND")
    world.now = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)  # 15:00 in Berlin

    assert (await read_progress(world, bob))["pace"] == "BEHIND"
    assert (await read_progress(world, bob))["projected"] == "6"
    assert (await read_progress(world, ann))["pace"] == "ON_TRACK"
    world.now = datetime(2026, 11, 18, 22, 59, tzinfo=UTC)
    assert (await read_progress(world, bob))["pace"] == "BEHIND"
    assert (await read_progress(world, bob))["projected"] == "4"


async def test_employee_who_joins_within_the_month_is_expected_from_then_on(world: World) -> None:
    world.now = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
    await world.sign_in("admin", "admin@example.com")
    await world.create_employee("Cid", "Sales")
    goals = {owner: await set_goal(world, owner, "60") for owner in ("Ann", "Cid")}
    world.now = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)

    assert float((await read_progress(world, goals["Cid"]))["expectedByNow"]) == 10  # 1 of 6 days
    assert round(float((await read_progress(world, goals["Ann"]))["expectedByNow"]), 2) == round(60 * 16 / 21, 2)
    await world.mutate("updateEmployee", id=world.global_ids["Cid"], joinedOn="2026-11-24")
    assert float((await read_progress(world, goals["Cid"]))["expectedByNow"]) == 0
    await world.mutate("updateEmployee", id=world.global_ids["Cid"], joinedOn=None)
    assert round(float((await read_progress(world, goals["Cid"]))["expectedByNow"]), 2) == round(60 * 16 / 21, 2)


async def test_inactivity_counts_the_employees_own_working_days(world: World) -> None:
    await set_only_rule(world, "NO_ACTIVITY", days=3)
    await world.mutate("recordCall", "Ann", direction="OUTBOUND")
    await world.mutate("recordCall", "Bob", direction="OUTBOUND")
    await set_absence(world, "Ann", "2026-11-19", "2026-11-25")

    await world.advance_and_run_jobs(days=7)  # Wednesday: five working days later
    assert [alert["employee"]["name"] for alert in await fetch_inbox(world, "Mia")] == ["Bob"]
    await world.advance_and_run_jobs(days=6)  # Tuesday: the Thursday, Friday and Monday are over
    assert [alert["employee"]["name"] for alert in await fetch_inbox(world, "Mia")] == ["Bob", "Ann"]
    assert await count_dry_run_alerts(world, "NO_ACTIVITY", days=3) == 2


async def test_absence_that_is_entered_later_resolves_the_alert_of_inactivity(world: World) -> None:
    await set_only_rule(world, "NO_ACTIVITY", days=3)
    await world.mutate("recordCall", "Ann", direction="OUTBOUND")
    await world.mutate("recordCall", "Bob", direction="OUTBOUND")
    await world.advance_and_run_jobs(days=7)

    await set_absence(world, "Ann", "2026-11-19", "2026-11-24", "Mia", kind="SICK")

    resolved = {alert["employee"]["name"]: alert["resolvedAt"] for alert in await fetch_inbox(world, "Mia")}
    assert resolved["Ann"] is not None
    assert resolved["Bob"] is None


async def test_absence_resolves_the_alert_of_a_goal_behind(world: World) -> None:
    await set_only_rule(world, "GOAL_BEHIND", percent=10)
    await set_goal(world, "Ann", "21")
    await world.advance_and_run_jobs(days=1)
    [raised] = await fetch_inbox(world, "Mia")

    await set_absence(world, "Ann", "2026-11-02", "2026-11-19", "Mia")

    [alert] = await fetch_inbox(world, "Mia")
    assert raised["resolvedAt"] is None
    assert alert["resolvedAt"] is not None


async def test_goal_of_one_day_alerts_at_half_of_the_working_hours(world: World) -> None:
    await set_only_rule(world, "GOAL_BEHIND", percent=10)
    await set_goal(world, "Ann", "40", "DAY")
    await set_goal(world, "Bob", "40", "DAY")
    await set_absence(world, "Bob", "2026-11-18", "2026-11-18")

    await world.advance_and_run_jobs(hours=3, minutes=29)  # 13:29 in Berlin
    assert await fetch_inbox(world, "Mia") == []
    await world.advance_and_run_jobs(minutes=1)
    assert [alert["employee"]["name"] for alert in await fetch_inbox(world, "Mia")] == ["Ann"]
    world.advance(minutes=1)
    assert await count_dry_run_alerts(world, "GOAL_BEHIND", percent=10) == 1


async def test_goal_of_an_employee_who_has_left_alerts_nobody(world: World) -> None:
    await set_only_rule(world, "GOAL_BEHIND", percent=10)
    await set_goal(world, "Ann", "21")
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], active=False)

    await world.advance_and_run_jobs(days=2)

    assert await fetch_inbox(world, "Mia") == []
