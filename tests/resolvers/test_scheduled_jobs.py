"""Scheduled jobs: each effect once, in batches, with several schedulers; and the purge of expired rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from models.alerts.alerts import Alert, AlertRule, RaisedAlert
from models.alerts.inactivity import InactivityTimer
from models.auth.sessions import IdempotencyRecord, RefreshToken, Session
from models.crm.tasks import Task
from models.db import retention
from models.live import change_log
from models.live.change_log import Change
from models.organization.memberships import Membership
from models.organization.people import Employee
from resolvers import scheduled_jobs
from tests.databases import on_both_databases
from tests.resolvers.alerts.alert_company import fetch_alert_kinds, fetch_inbox, lose_deal, open_company, set_only_rule
from tests.statement_counter import count_statements
from tests.world import World, cache_company, open_world


@cache_company
async def open_managed_company(url: str) -> AsyncIterator[World]:
    async with open_world(url) as world:
        await world.create_team("Sales")
        await world.create_employee("Mia", "Sales", role="MANAGER")
        await world.mutate("updateTeam", id=world.global_ids["Sales"], manager=world.global_ids["Mia"])
        await world.create_employee("Ann", "Sales")
        yield world


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_managed_company(usual_database_url) as world:
        yield world


@on_both_databases
async def test_concurrent_schedulers_raise_each_alert_once(world: World) -> None:
    for number in range(250):
        due = (world.now + timedelta(minutes=1 + number % 7)).isoformat()
        await world.mutate("createTask", "Ann", title=f"Task {number}", dueAt=due)
    await world.mutate("recordDeal", "Ann", title="Chairs")
    world.advance(days=15)
    await asyncio.gather(*(world.advance_and_run_jobs() for _ in range(4)))

    kinds = [row.kind.value for row in await RaisedAlert.all()]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "TASK_OVERDUE": 250, "DEAL_STALLED": 1, "NO_ACTIVITY": 1,
    }  # fmt: skip
    assert await Alert.all().count() == 252


@on_both_databases
async def test_company_without_alert_rules_gets_default_rules_and_no_old_alerts(world: World) -> None:
    await world.mutate("createTask", "Ann", title="Long due", dueAt=(world.now - timedelta(days=30)).isoformat())
    await world.mutate("recordDeal", "Ann", title="Asleep", createdAt=(world.now - timedelta(days=60)).isoformat())
    await world.mutate("recordDeal", "Ann", title="Dozing", createdAt=(world.now - timedelta(days=13)).isoformat())
    for table in (Alert, RaisedAlert, AlertRule, InactivityTimer):
        await table.all().delete()
    await Task.all().update(overdue_at=None)
    await world.advance_and_run_jobs(hours=1)
    assert await AlertRule.all().count() == 9
    assert await RaisedAlert.all().count() == 0

    await world.advance_and_run_jobs(days=1)
    assert [row.data["title"] for row in await RaisedAlert.filter(kind="DEAL_STALLED")] == ["Dozing"]


async def test_deleted_default_rules_are_not_created_again(world: World) -> None:
    for rule in (await world.query("{ alertRules { id } }"))["alertRules"]:
        await world.query("mutation($id: ID!) { deleteAlertRule(id: $id) { userErrors { code } } }", id=rule["id"])
    await world.advance_and_run_jobs(days=1)

    assert (await world.query("{ alertRules { id } }"))["alertRules"] == []


async def hire_sellers(world: World, size: int) -> None:
    """Add sellers directly to the tables."""
    ann = await Employee.get(name="Ann")
    columns = {"search_key": "s", "team_id": ann.team_id, "active": True, "created_at": world.now, "role": ann.role}
    await Employee.bulk_create([Employee(name=f"Seller {number}", **columns) for number in range(size)], batch_size=100)
    ids = await Employee.filter(search_key="s").values_list("id", flat=True)
    memberships = [Membership(employee_id=id_, team_id=ann.team_id, active=True, since=world.now) for id_ in ids]
    await Membership.bulk_create(memberships, batch_size=100)


async def count_inactivity_check_statements(world: World) -> int:
    """Run the check of inactive employees as the scheduler does each minute; return its number of statements."""
    world.advance(minutes=1)
    context = await world.authenticated_context("admin")
    with count_statements() as statements:
        while await scheduled_jobs.check_inactive_employees(context):
            pass
    return len(statements)


async def test_inactivity_check_cost_depends_only_on_newly_inactive_employees(world: World) -> None:
    await set_only_rule(world, "NO_ACTIVITY", days=2)
    statement_counts = []
    for seller_count in (10, 440):
        await hire_sellers(world, seller_count)
        world.services.state.scheduler.inactivity_basis = (
            None  # as on a server that starts, since the sellers bypassed the resolvers
        )
        await world.advance_and_run_jobs(days=7)
        await count_inactivity_check_statements(world)
        idle_count = await count_inactivity_check_statements(world)
        await world.mutate("recordCall", "Ann", direction="OUTBOUND")
        await world.advance_and_run_jobs(days=1, hours=12)
        await count_inactivity_check_statements(world)
        world.advance(days=6)
        statement_counts.append((idle_count, await count_inactivity_check_statements(world)))

    assert statement_counts[0] == statement_counts[1]
    assert statement_counts[0][0] == 2  # the rules, and whether a check is due
    assert await RaisedAlert.filter(resolved_at=None).count() == 451


async def test_starting_server_checks_every_employee_and_repeats_no_alert(world: World) -> None:
    await set_only_rule(world, "NO_ACTIVITY", days=2)
    await hire_sellers(world, 250)
    await world.advance_and_run_jobs(days=7)
    world.services.state.scheduler.inactivity_basis = None
    await world.advance_and_run_jobs(days=7)

    assert await RaisedAlert.all().count() == 251


async def test_new_or_shortened_rule_alerts_employees_already_inactive(world: World) -> None:
    rule = await set_only_rule(world, "NO_ACTIVITY", days=8)
    await world.advance_and_run_jobs(days=7)
    assert await fetch_inbox(world, "Mia") == []

    await world.mutate(
        "createAlertRule", kind="NO_ACTIVITY", days=2, recipients=["MANAGER"], scope=world.global_ids["Ann"]
    )
    await world.advance_and_run_jobs(seconds=1)
    assert len(await fetch_inbox(world, "Mia")) == 1
    document = "mutation($id: ID!, $input: AlertRuleInput!) { updateAlertRule(id: $id, input: $input) { userErrors { code } } }"
    await world.query(document, id=rule, input={"kind": "NO_ACTIVITY", "days": 3, "recipients": ["MANAGER"]})
    await world.advance_and_run_jobs(seconds=1)
    assert len(await fetch_inbox(world, "Mia")) == 2


async def test_late_recorded_activity_resolves_and_raises_the_inactivity_alert_again(world: World) -> None:
    await set_only_rule(world, "NO_ACTIVITY", days=2)
    await world.advance_and_run_jobs(days=7)
    started = (world.now - timedelta(days=5)).isoformat()
    await world.mutate("recordCall", "Ann", direction="OUTBOUND", startedAt=started)
    assert [alert["resolvedAt"] is None for alert in await fetch_inbox(world, "Mia")] == [False]

    await world.advance_and_run_jobs(minutes=1)
    assert [alert["resolvedAt"] is None for alert in await fetch_inbox(world, "Mia")] == [False, True]


async def test_inactivity_starts_when_employee_becomes_seller_or_returns(world: World) -> None:
    await set_only_rule(world, "NO_ACTIVITY", days=2)
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], role="MANAGER")
    await world.advance_and_run_jobs(days=7)
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], active=False)
    await world.advance_and_run_jobs(days=7)
    assert await fetch_inbox(world, "Mia") == []

    await world.mutate("updateEmployee", id=world.global_ids["Ann"], role="EMPLOYEE", active=True)
    await world.advance_and_run_jobs(days=1)
    assert await fetch_inbox(world, "Mia") == []
    await world.advance_and_run_jobs(days=7)
    assert [alert["kind"] for alert in await fetch_inbox(world, "Mia")] == ["NO_ACTIVITY"]


@on_both_databases
async def test_expired_rows_are_purged_and_current_rows_stay(world: World) -> None:
    for number in range(3):
        await world.mutate("recordDeal", "Ann", title="Chairs", idempotencyKey=f"k{number}")
    session = await Session.all().order_by("id").first()
    assert session is not None
    session.revoked_at = world.now
    await session.save()
    position = await change_log.last_position()
    await Change.bulk_create([Change(topics=[], at=world.now) for _ in range(1500)])
    session_count = await Session.all().count()
    world.advance(days=8)
    await world.mutate("recordDeal", "Ann", title="Tables", idempotencyKey="k3")
    while await retention.purge_expired(world.now):
        pass

    assert await IdempotencyRecord.all().count() == 4
    assert await Session.all().count() == session_count - 1
    assert not await RefreshToken.exists(session_id=session.id)
    assert await Change.all().count() == 1000
    assert not await Change.exists(id=position)


@on_both_databases
async def test_idempotency_keys_are_kept_for_thirty_days(world: World) -> None:
    await world.mutate("recordDeal", "Ann", title="Chairs", idempotencyKey="old")
    world.advance(days=29)
    await world.mutate("recordDeal", "Ann", title="Tables", idempotencyKey="new")
    while await retention.purge_expired(world.now):
        pass
    keys_before = {call.key for call in await IdempotencyRecord.all()}
    world.advance(days=1, minutes=1)
    while await retention.purge_expired(world.now):
        pass

    assert keys_before == {"old", "new"}
    assert [call.key for call in await IdempotencyRecord.all()] == ["new"]


async def test_batch_of_lost_deals_raises_one_alert_each(world: World) -> None:
    document = "mutation($inputs: [RecordDealInput!]!) { recordDeals(inputs: $inputs) { userErrors { code } } }"
    inputs = [{"title": f"Deal {number}", "status": "LOST"} for number in range(300)]
    await world.query(document, "Ann", inputs=inputs)

    assert await Alert.all().count() == 300


async def test_moved_team_contributes_its_wins_to_the_new_parents_goal() -> None:
    from tests.resolvers.two_sellers import record_won_deal, set_goal

    async with open_company() as world:
        await world.create_team("West")
        await set_goal(world, "West", "deals_won", "1")
        await record_won_deal(world)
        await world.mutate("updateTeam", id=world.global_ids["North"], parent=world.global_ids["West"])
        await world.advance_and_run_jobs(days=1)

        assert "GOAL_ACHIEVED" in (await fetch_alert_kinds(world))["Dora"]
        await lose_deal(world)
