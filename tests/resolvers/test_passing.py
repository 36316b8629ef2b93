"""What time brings: once, in batches, whoever looks; and what nobody needs any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from models import changes, cleaning
from models.alerts import Alert, AlertRule, Raised
from models.changes import Change
from models.sessions import RefreshToken, RepeatableCall, Session
from models.silences import Silence
from models.tasks import Task
from tests.resolvers.inboxes import lost, office, told
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


async def test_what_nobody_needs_any_more_goes_and_what_is_needed_stays(world: World) -> None:
    for number in range(3):
        await world.act("recordDeal", "Ann", title="Chairs", idempotencyKey=f"k{number}")
    session = await Session.all().order_by("id").first()
    assert session is not None
    session.revoked_at = world.now
    await session.save()
    position = await changes.newest()
    await Change.bulk_create([Change(topics=[], at=world.now) for _ in range(1500)])
    before = await Session.all().count()
    world.later(days=8)
    await world.act("recordDeal", "Ann", title="Tables", idempotencyKey="k3")
    while await cleaning.sweep(world.now):
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
    from tests.resolvers.office import goal, won

    async with office() as world:
        await world.team("West")
        await goal(world, "West", "deals_won", "1")
        await won(world)
        await world.act("updateTeam", id=world.ids["North"], parent=world.ids["West"])
        await world.passes(days=1)

        assert "GOAL_ACHIEVED" in (await told(world))["Dora"]
        await lost(world)
