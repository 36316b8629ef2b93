"""Scheduled jobs: each effect once, in batches, with several schedulers; and the purge of expired rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from models.alerts.alerts import Alert, AlertRule, Raised
from models.alerts.inactivity import Silence
from models.auth.sessions import RefreshToken, RepeatableCall, Session
from models.crm.tasks import Task
from models.db import retention
from models.live import change_log
from models.live.change_log import Change
from models.organization.people import Employee, Membership
from resolvers import scheduled_jobs
from tests.resolvers.alerts.alert_company import inbox, lost, office, only, told
from tests.statement_counter import counted
from tests.world import World, opened


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with opened(database_url) as world:
        await world.team("Sales")
        await world.hire("Mia", "Sales", role="MANAGER")
        await world.act("updateTeam", id=world.ids["Sales"], manager=world.ids["Mia"])
        await world.hire("Ann", "Sales")
        yield world


async def test_several_clocks_at_once_raise_each_alert_once(world: World) -> None:
    for number in range(250):
        due = (world.now + timedelta(minutes=1 + number % 7)).isoformat()
        await world.act("createTask", "Ann", title=f"Task {number}", dueAt=due)
    await world.act("recordDeal", "Ann", title="Chairs")
    world.later(days=15)
    await asyncio.gather(*(world.passes() for _ in range(4)))

    kinds = [row.kind.value for row in await Raised.all()]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "TASK_OVERDUE": 250, "DEAL_STALLED": 1, "NO_ACTIVITY": 1,
    }  # fmt: skip
    assert await Alert.all().count() == 252


async def test_a_company_from_before_there_were_alerts_gets_its_rules_and_no_flood(world: World) -> None:
    await world.act("createTask", "Ann", title="Long due", dueAt=(world.now - timedelta(days=30)).isoformat())
    await world.act("recordDeal", "Ann", title="Asleep", createdAt=(world.now - timedelta(days=60)).isoformat())
    await world.act("recordDeal", "Ann", title="Dozing", createdAt=(world.now - timedelta(days=13)).isoformat())
    for table in (Alert, Raised, AlertRule, Silence):
        await table.all().delete()
    await Task.all().update(overdue_at=None)
    await world.passes(hours=1)
    assert await AlertRule.all().count() == 8
    assert await Raised.all().count() == 0

    await world.passes(days=1)
    assert [row.data["title"] for row in await Raised.filter(kind="DEAL_STALLED")] == ["Dozing"]


async def test_rules_that_were_deleted_do_not_come_back(world: World) -> None:
    for rule in (await world.ask("{ alertRules { id } }"))["alertRules"]:
        await world.ask("mutation($id: ID!) { deleteAlertRule(id: $id) { userErrors { code } } }", id=rule["id"])
    await world.passes(days=1)

    assert (await world.ask("{ alertRules { id } }"))["alertRules"] == []


async def crowd(world: World, size: int) -> None:
    """Add sellers directly to the tables."""
    ann = await Employee.get(name="Ann")
    given = {"needle": "s", "team_id": ann.team_id, "active": True, "created_at": world.now, "role": ann.role}
    await Employee.bulk_create([Employee(name=f"Seller {number}", **given) for number in range(size)], batch_size=100)
    ids = await Employee.filter(needle="s").values_list("id", flat=True)
    stays = [Membership(employee_id=id_, team_id=ann.team_id, active=True, since=world.now) for id_ in ids]
    await Membership.bulk_create(stays, batch_size=100)


async def looked(world: World) -> int:
    """Run the check of inactive employees as the scheduler does each minute; return its number of statements."""
    world.later(minutes=1)
    context = await world.admitted("admin")
    with counted() as statements:
        while await scheduled_jobs.silences_of_employees(context):
            pass
    return len(statements)


async def test_the_clock_pays_for_who_becomes_silent_and_not_for_who_is(world: World) -> None:
    await only(world, "NO_ACTIVITY", days=2)
    spent = []
    for more in (10, 440):
        await crowd(world, more)
        world.services.silences_by = None  # as on a server that starts, since the sellers bypassed the resolvers
        await world.passes(days=7)
        await looked(world)
        nothing = await looked(world)
        await world.act("recordCall", "Ann", direction="OUTBOUND")
        await world.passes(days=1, hours=12)
        await looked(world)
        world.later(days=6)
        spent.append((nothing, await looked(world)))

    assert spent[0] == spent[1]
    assert spent[0][0] == 2  # the rules, and whether a check is due
    assert await Raised.filter(resolved_at=None).count() == 451


async def test_a_server_that_begins_looks_at_everybody_and_tells_nothing_twice(world: World) -> None:
    await only(world, "NO_ACTIVITY", days=2)
    await crowd(world, 250)
    await world.passes(days=7)
    world.services.silences_by = None
    await world.passes(days=7)

    assert await Raised.all().count() == 251


async def test_a_rule_that_is_made_later_or_shorter_tells_of_those_who_are_silent_by_then(world: World) -> None:
    rule = await only(world, "NO_ACTIVITY", days=8)
    await world.passes(days=7)
    assert await inbox(world, "Mia") == []

    await world.act("createAlertRule", kind="NO_ACTIVITY", days=2, recipients=["MANAGER"], scope=world.ids["Ann"])
    await world.passes(seconds=1)
    assert len(await inbox(world, "Mia")) == 1
    document = "mutation($id: ID!, $input: AlertRuleInput!) { updateAlertRule(id: $id, input: $input) { userErrors { code } } }"
    await world.ask(document, id=rule, input={"kind": "NO_ACTIVITY", "days": 3, "recipients": ["MANAGER"]})
    await world.passes(seconds=1)
    assert len(await inbox(world, "Mia")) == 2


async def test_who_is_heard_of_late_and_is_too_silent_since_then_too_is_told_of_again(world: World) -> None:
    await only(world, "NO_ACTIVITY", days=2)
    await world.passes(days=7)
    started = (world.now - timedelta(days=5)).isoformat()
    await world.act("recordCall", "Ann", direction="OUTBOUND", startedAt=started)
    assert [alert["resolvedAt"] is None for alert in await inbox(world, "Mia")] == [False]

    await world.passes(minutes=1)
    assert [alert["resolvedAt"] is None for alert in await inbox(world, "Mia")] == [False, True]


async def test_who_becomes_a_seller_or_comes_back_is_looked_at_from_then_on(world: World) -> None:
    await only(world, "NO_ACTIVITY", days=2)
    await world.act("updateEmployee", id=world.ids["Ann"], role="MANAGER")
    await world.passes(days=7)
    await world.act("updateEmployee", id=world.ids["Ann"], active=False)
    await world.passes(days=7)
    assert await inbox(world, "Mia") == []

    await world.act("updateEmployee", id=world.ids["Ann"], role="EMPLOYEE", active=True)
    await world.passes(days=1)
    assert await inbox(world, "Mia") == []
    await world.passes(days=7)
    assert [alert["kind"] for alert in await inbox(world, "Mia")] == ["NO_ACTIVITY"]


async def test_what_nobody_needs_any_more_goes_and_what_is_needed_stays(world: World) -> None:
    for number in range(3):
        await world.act("recordDeal", "Ann", title="Chairs", idempotencyKey=f"k{number}")
    session = await Session.all().order_by("id").first()
    assert session is not None
    session.revoked_at = world.now
    await session.save()
    position = await change_log.newest()
    await Change.bulk_create([Change(topics=[], at=world.now) for _ in range(1500)])
    before = await Session.all().count()
    world.later(days=8)
    await world.act("recordDeal", "Ann", title="Tables", idempotencyKey="k3")
    while await retention.sweep(world.now):
        pass

    assert [call.key for call in await RepeatableCall.all()] == ["k3"]
    assert await Session.all().count() == before - 1
    assert not await RefreshToken.exists(session_id=session.id)
    assert await Change.all().count() == 1000
    assert not await Change.exists(id=position)


async def test_a_mutation_of_many_deals_raises_one_alert_for_each(world: World) -> None:
    document = "mutation($inputs: [RecordDealInput!]!) { recordDeals(inputs: $inputs) { userErrors { code } } }"
    inputs = [{"title": f"Deal {number}", "status": "LOST"} for number in range(300)]
    await world.ask(document, "Ann", inputs=inputs)

    assert await Alert.all().count() == 300


async def test_a_team_that_moves_below_another_brings_what_it_has_won() -> None:
    from tests.resolvers.two_sellers import goal, won

    async with office() as world:
        await world.team("West")
        await goal(world, "West", "deals_won", "1")
        await won(world)
        await world.act("updateTeam", id=world.ids["North"], parent=world.ids["West"])
        await world.passes(days=1)

        assert "GOAL_ACHIEVED" in (await told(world))["Dora"]
        await lost(world)
