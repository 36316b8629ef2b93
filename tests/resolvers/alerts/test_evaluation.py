"""Alerts through the public schema: recipients, raised once, and resolved when their reason ceases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from domain.ledger.record_facts import DealStatus
from resolvers.crm import deals, tasks
from resolvers.crm.inputs import DealInput, TaskInput
from tests.resolvers.alerts.alert_company import (
    count_dry_run_alerts,
    fetch_alert_kinds,
    fetch_inbox,
    lose_deal,
    open_company,
    set_only_rule,
)
from tests.resolvers.two_sellers import record_won_deal, set_goal
from tests.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_company() as world:
        yield world


async def run_mutation(world: World, mutation: str, global_id: str, employee: str = "Ann") -> None:
    await world.query(
        f"mutation($id: ID!) {{ {mutation}(id: $id) {{ userErrors {{ code }} }} }}", employee, id=global_id
    )


async def test_lost_deal_alerts_only_the_sellers_manager(world: World) -> None:
    await lose_deal(world, reason="too expensive")

    assert await fetch_alert_kinds(world) == {"Mia": ["DEAL_LOST"]}
    [alert] = await fetch_inbox(world, "Mia")
    assert alert["message"] == "Ann: deal lost: “Chairs”, 100.00 EUR: too expensive"
    assert (alert["employee"]["name"], alert["subject"]) == ("Ann", {"__typename": "Deal", "title": "Chairs"})


async def test_reopened_deal_resolves_its_alert_and_next_loss_raises_another(world: World) -> None:
    deal = await lose_deal(world)
    await world.mutate("loseDeal", "Ann", id=deal)  # an identical repeat
    await world.mutate("reopenDeal", "Ann", id=deal)
    [first] = await fetch_inbox(world, "Mia")
    assert first["resolvedAt"] is not None

    await world.mutate("loseDeal", "Ann", id=deal)
    assert [alert["resolvedAt"] is None for alert in await fetch_inbox(world, "Mia")] == [False, True]


async def test_alert_of_lost_deal_is_resolved_when_deal_is_won_or_deleted(world: World) -> None:
    await world.mutate("winDeal", "Ann", id=await lose_deal(world))
    await run_mutation(world, "deleteDeal", await lose_deal(world), "Mia")

    assert None not in [alert["resolvedAt"] for alert in await fetch_inbox(world, "Mia")]


async def test_deal_recorded_as_lost_raises_an_alert(world: World) -> None:
    await world.mutate("recordDeal", "Ann", title="Chairs", status="LOST")

    assert await fetch_alert_kinds(world) == {"Mia": ["DEAL_LOST"]}


async def test_flagged_deal_raises_one_alert_until_the_flag_is_cleared(world: World) -> None:
    deal = (await world.mutate("recordDeal", "Ann", title="Chairs"))["deal"]["id"]
    for problem in ("late", "very late"):
        await world.mutate("flagDeal", "Ann", id=deal, problem=problem)
    [alert] = await fetch_inbox(world, "Mia")
    assert (alert["kind"], alert["message"]) == ("DEAL_HAS_PROBLEMS", "Ann: problem with deal “Chairs”: late")

    await world.mutate("flagDeal", "Ann", id=deal, problem=None)
    [alert] = await fetch_inbox(world, "Mia")
    assert alert["resolvedAt"] is not None
    await world.mutate("flagDeal", "Ann", id=deal, problem="late again")
    assert len(await fetch_inbox(world, "Mia")) == 2


async def test_task_and_assignment_raise_alerts_when_due_time_passes(world: World) -> None:
    due = (world.now + timedelta(hours=2)).isoformat()
    task = await world.mutate("createTask", "Ann", title="Call back", dueAt=due)
    assignment = await world.mutate("createTask", "Mia", title="Report", assignee=world.global_ids["Ann"], dueAt=due)
    await world.advance_and_run_jobs(hours=1, minutes=59, seconds=59)
    assert await fetch_alert_kinds(world) == {}

    await world.advance_and_run_jobs(seconds=1)
    await world.advance_and_run_jobs(hours=3)
    assert await fetch_alert_kinds(world) == {"Mia": ["TASK_OVERDUE", "ASSIGNMENT_OVERDUE"]}
    lines = await world.query("{ activities(kinds: [TASK_OVERDUE]) { edges { node { at actor { name } } } } }", "Ann")
    assert [edge["node"]["actor"] for edge in lines["activities"]["edges"]] == [None, None]

    await run_mutation(world, "completeTask", task["task"]["id"])
    await world.mutate("createTask", "Mia", id=assignment["task"]["id"], title="Report", dueAt="2026-12-24T10:00:00Z")
    assert None not in [alert["resolvedAt"] for alert in await fetch_inbox(world, "Mia")]


async def test_overdue_task_raises_one_alert_for_each_due_time(world: World) -> None:
    task = await world.mutate(
        "createTask", "Ann", title="Call back", dueAt=(world.now + timedelta(hours=1)).isoformat()
    )
    await world.advance_and_run_jobs(hours=2)
    await run_mutation(world, "completeTask", task["task"]["id"])
    await run_mutation(world, "reopenTask", task["task"]["id"])
    await world.advance_and_run_jobs(hours=1)
    assert len(await fetch_inbox(world, "Mia")) == 1

    await world.mutate("createTask", "Ann", id=task["task"]["id"], title="Call back", dueAt="2026-11-19T10:00:00Z")
    await world.advance_and_run_jobs(days=1)
    assert len(await fetch_inbox(world, "Mia")) == 2


async def test_task_completed_late_before_the_scheduler_runs_still_raises_an_alert(world: World) -> None:
    task = await world.mutate(
        "createTask", "Ann", title="Call back", dueAt=(world.now + timedelta(hours=1)).isoformat()
    )
    world.advance(hours=2)  # without running the scheduler
    await run_mutation(world, "completeTask", task["task"]["id"])
    await world.advance_and_run_jobs(hours=1)

    [alert] = await fetch_inbox(world, "Mia")
    assert (alert["kind"], alert["resolvedAt"] is None) == ("TASK_OVERDUE", False)


async def test_task_completed_in_time_is_overdue_only_after_reopening(world: World) -> None:
    task = await world.mutate(
        "createTask", "Ann", title="Call back", dueAt=(world.now + timedelta(hours=2)).isoformat()
    )
    await run_mutation(world, "completeTask", task["task"]["id"])
    await world.advance_and_run_jobs(hours=3)
    assert await fetch_alert_kinds(world) == {}

    await run_mutation(world, "reopenTask", task["task"]["id"])
    assert await fetch_alert_kinds(world) == {"Mia": ["TASK_OVERDUE"]}


async def test_stalled_deal_alert_is_raised_after_inactivity_and_resolved_by_activity(world: World) -> None:
    await set_only_rule(world, "DEAL_STALLED", days=14)
    deal = (await world.mutate("recordDeal", "Ann", title="Chairs", amount={"amount": "5"}))["deal"]["id"]
    await world.advance_and_run_jobs(days=10)
    await world.mutate("recordCall", "Ann", direction="OUTBOUND", deal=deal)
    await world.advance_and_run_jobs(days=14)
    assert await fetch_alert_kinds(world) == {}

    await world.advance_and_run_jobs(seconds=1)
    await world.advance_and_run_jobs(days=30)
    [alert] = await fetch_inbox(world, "Mia")
    assert alert["message"] == "Ann: nothing has happened with deal “Chairs”, 5.00 EUR for 14 days"
    await world.mutate("updateDeal", "Ann", id=deal, title="Tables")
    [alert] = await fetch_inbox(world, "Mia")
    assert alert["resolvedAt"] is not None
    await world.advance_and_run_jobs(days=15)
    assert len(await fetch_inbox(world, "Mia")) == 2


@pytest.mark.parametrize("end", ["winDeal", "loseDeal"])
async def test_closed_deal_is_not_stalled(world: World, end: str) -> None:
    await set_only_rule(world, "DEAL_STALLED", days=1)
    deal = (await world.mutate("recordDeal", "Ann", title="Chairs", amount={"amount": "5"}))["deal"]["id"]
    await world.mutate(end, "Ann", id=deal)
    await world.advance_and_run_jobs(days=30)
    await world.mutate("recordCall", "Ann", direction="OUTBOUND", deal=deal)
    await world.advance_and_run_jobs(days=30)

    assert await fetch_alert_kinds(world) == {}


async def test_stalled_deal_updated_before_the_scheduler_runs_still_raises_an_alert(world: World) -> None:
    await set_only_rule(world, "DEAL_STALLED", days=2)
    deal = (await world.mutate("recordDeal", "Ann", title="Chairs"))["deal"]["id"]
    world.advance(days=3)
    await world.mutate("updateDeal", "Ann", id=deal, title="Tables")
    await world.advance_and_run_jobs(days=1)

    [alert] = await fetch_inbox(world, "Mia")
    assert alert["resolvedAt"] is not None


async def test_inactive_employee_alert_counts_working_days_only(world: World) -> None:
    await set_only_rule(world, "NO_ACTIVITY", days=2)
    for employee in ("Ann", "Bob"):
        await world.mutate("recordCall", employee, direction="OUTBOUND")
    await world.advance_and_run_jobs(days=1)  # Thursday
    await world.mutate("recordCall", "Bob", direction="OUTBOUND")
    await world.advance_and_run_jobs(days=1, seconds=1)
    await world.advance_and_run_jobs(days=2)  # Sunday
    assert await fetch_alert_kinds(world) == {"Mia": ["NO_ACTIVITY"]}
    [alert] = await fetch_inbox(world, "Mia")
    assert (alert["message"], alert["subject"]) == ("Ann: nothing recorded for 2 working days", None)

    await world.advance_and_run_jobs(days=1, hours=1)  # Monday
    assert await fetch_alert_kinds(world) == {"Mia": ["NO_ACTIVITY"], "Max": ["NO_ACTIVITY"]}
    await world.mutate("recordCall", "Ann", direction="OUTBOUND")
    [alert] = await fetch_inbox(world, "Mia")
    assert alert["resolvedAt"] is not None


async def test_inactivity_restarts_when_employee_changes_teams_and_ends_when_they_leave(
    world: World,
) -> None:
    await set_only_rule(world, "NO_ACTIVITY", days=2, scope=world.global_ids["Ann"])
    await world.advance_and_run_jobs(days=2, seconds=1)  # Friday
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], team=world.global_ids["South"])
    assert [alert["resolvedAt"] is None for alert in await fetch_inbox(world, "Mia")] == [False]

    await world.advance_and_run_jobs(days=4, seconds=1)
    assert await fetch_alert_kinds(world) == {"Mia": ["NO_ACTIVITY"], "Max": ["NO_ACTIVITY"]}
    assert await count_dry_run_alerts(world, "NO_ACTIVITY", days=2, scope=world.global_ids["Ann"]) == 2
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], active=False)
    assert [alert["resolvedAt"] is None for alert in await fetch_inbox(world, "Max")] == [False]


async def test_alerts_of_reassigned_deal_go_to_the_new_manager(world: World) -> None:
    deal = (await world.mutate("recordDeal", "Ann", title="Chairs"))["deal"]["id"]
    await world.mutate("flagDeal", "Ann", id=deal, problem="late")
    await world.mutate("updateDeal", id=deal, owner=world.global_ids["Bob"])
    [alert] = await fetch_inbox(world, "Mia")
    assert (alert["subject"], alert["resolvedAt"]) == (None, None)  # no longer visible to Mia, but still a problem

    await world.mutate("flagDeal", "Bob", id=deal, problem=None)
    await world.mutate("loseDeal", "Bob", id=deal)
    assert await fetch_alert_kinds(world) == {"Mia": ["DEAL_HAS_PROBLEMS"], "Max": ["DEAL_LOST"]}
    [alert] = await fetch_inbox(world, "Mia")
    assert alert["resolvedAt"] is not None


async def test_only_sellers_are_inactive_unless_a_rule_names_one_employee(world: World) -> None:
    await set_only_rule(world, "NO_ACTIVITY", days=1)
    await world.mutate(
        "createAlertRule", kind="NO_ACTIVITY", days=1, recipients=["MANAGER"], scope=world.global_ids["Max"]
    )
    for employee in ("Ann", "Bob"):
        await world.mutate("updateEmployee", id=world.global_ids[employee], active=False)
    await world.advance_and_run_jobs(days=7)

    assert [alert["employee"]["name"] for alert in await fetch_inbox(world, "Dora")] == ["Max"]
    assert await fetch_inbox(world, "Mia") == []


async def test_goal_behind_pace_alerts_at_day_start_and_resolves_on_recovery(world: World) -> None:
    await set_only_rule(world, "GOAL_BEHIND", percent=10)
    await set_goal(world, "Ann", "deals_won", "10")
    assert await fetch_alert_kinds(world) == {}

    await world.advance_and_run_jobs(days=1)
    [alert] = await fetch_inbox(world, "Mia")
    assert alert["message"] == (
        "Ann: goal “Deals won, November 2026” is 62 percentage points behind: 0% instead of 62%"
    )  # 13 days and an hour of 21 days
    for _ in range(6):
        await record_won_deal(world)
    [alert] = await fetch_inbox(world, "Mia")
    assert alert["resolvedAt"] is not None


async def test_goal_behind_alert_is_resolved_when_the_period_ends(world: World) -> None:
    await set_only_rule(world, "GOAL_BEHIND")
    await set_goal(world, "Ann", "deals_won", "10")
    await world.advance_and_run_jobs(days=1)
    await world.advance_and_run_jobs(days=20)

    [alert] = await fetch_inbox(world, "Mia")
    assert alert["resolvedAt"] is not None


async def test_achieved_goal_alerts_once_for_each_target(world: World) -> None:
    await set_only_rule(world, "GOAL_ACHIEVED", recipients=["EMPLOYEE", "MANAGER"])
    goal_id = await set_goal(world, "Ann", "deals_won", "1")
    deal = await record_won_deal(world)
    await world.mutate("reopenDeal", "Ann", id=deal)
    assert [alert["resolvedAt"] is None for alert in await fetch_inbox(world, "Ann")] == [False]
    await world.mutate("winDeal", "Ann", id=deal)
    assert await fetch_alert_kinds(world) == {"Ann": ["GOAL_ACHIEVED"], "Mia": ["GOAL_ACHIEVED"]}

    await world.mutate("updateGoal", id=goal_id, target="2", reason="corrected")
    await record_won_deal(world)
    assert [alert["message"] for alert in await fetch_inbox(world, "Ann")] == [
        "Ann: goal achieved: “Deals won, November 2026”"
    ] * 2


async def test_team_goal_alerts_its_manager_and_company_goal_the_directors(world: World) -> None:
    await set_only_rule(world, "GOAL_ACHIEVED")
    for owner in ("North", "company"):
        await set_goal(world, owner, "deals_won", "1")
    await record_won_deal(world)

    assert await fetch_alert_kinds(world) == {"Mia": ["GOAL_ACHIEVED"], "Dora": ["GOAL_ACHIEVED"]}
    [alert] = await fetch_inbox(world, "Mia")
    assert (alert["message"], alert["employee"]) == ("North: goal achieved: “Deals won, November 2026”", None)


async def test_alert_goes_to_assigned_manager_else_nearest_above_else_directors(
    world: World,
) -> None:
    await lose_deal(world, "Mia")  # she manages her own team, which has no manager above
    assert await fetch_alert_kinds(world) == {"Dora": ["DEAL_LOST"]}

    await world.mutate("updateTeam", id=world.global_ids["Sales"], manager=world.global_ids["Max"])
    await lose_deal(world, "Mia")
    await world.mutate("updateEmployee", id=world.global_ids["Mia"], manager=world.global_ids["Bob"])
    await lose_deal(world, "Mia")
    assert await fetch_alert_kinds(world) == {"Bob": ["DEAL_LOST"], "Max": ["DEAL_LOST"], "Dora": ["DEAL_LOST"]}


async def test_administrators_are_alerted_when_managers_and_directors_have_left(world: World) -> None:
    for employee in ("Mia", "Dora"):
        await world.mutate("updateEmployee", id=world.global_ids[employee], active=False)
    await lose_deal(world)

    assert [alert["kind"] for alert in await fetch_inbox(world, "admin")] == ["DEAL_LOST"]


async def test_import_raises_no_alerts_and_resolves_finished_ones(world: World) -> None:
    await world.mutate("createTask", "Ann", title="Call", externalId="t", dueAt="2026-11-18T09:30:00Z")
    await world.advance_and_run_jobs(hours=1)
    context = await world.authenticated_context("admin")
    ann, created_at = world.global_ids["Ann"], world.now - timedelta(days=90)
    lost_deal = DealInput(title="Old", status=DealStatus.LOST, owner=ann, created_at=created_at)
    inactive_deal = DealInput(title="Silent", owner=ann, created_at=created_at)
    late_task = TaskInput(title="Late", due_at=world.now - timedelta(days=3), assignee=ann)
    completed_task = TaskInput(external_id="t", title="Call", completed_at=world.now)
    async with context.unit_of_work():
        await deals.upsert_deals(context, [lost_deal], notify=False)
        await deals.upsert_deals(context, [inactive_deal], notify=False)
        await tasks.upsert_tasks(context, [late_task], notify=False)
        await tasks.upsert_tasks(context, [completed_task], notify=False)
    await world.advance_and_run_jobs(days=1)

    [alert] = [alert for alert in await fetch_inbox(world, "Mia") if alert["kind"] != "NO_ACTIVITY"]
    assert (alert["kind"], alert["resolvedAt"] is None) == ("TASK_OVERDUE", False)


async def test_imported_deal_becomes_stalled_only_after_the_import(world: World) -> None:
    await set_only_rule(world, "DEAL_STALLED", days=14)
    context = await world.authenticated_context("admin")
    async with context.unit_of_work():
        for days in (13, 15):
            created_at = world.now - timedelta(days=days)
            input = DealInput(title=f"{days}", owner=world.global_ids["Ann"], created_at=created_at)
            await deals.upsert_deals(context, [input], notify=False)
    await world.advance_and_run_jobs(days=2)

    [alert] = await fetch_inbox(world, "Mia")
    assert alert["subject"]["title"] == "13"


async def test_unread_alerts_are_marked_read_by_id_or_all_at_once(world: World) -> None:
    lost_deals = [await lose_deal(world, title=title) for title in ("One", "Two", "Three")]
    first, *_ = await fetch_inbox(world, "Mia")
    document = "mutation($ids: [ID!]) { markAlertsRead(ids: $ids) { unreadAlerts userErrors { path code } } }"

    async def mark_read(employee: str, global_ids: list[str] | None) -> dict[str, Any]:
        return (await world.query(document, employee, ids=global_ids))["markAlertsRead"]

    assert await world.query("{ viewer { unreadAlerts } }", "Mia") == {"viewer": {"unreadAlerts": 3}}
    deal_payload = await mark_read("Mia", lost_deals)  # an id of another type is no alert of that number
    assert deal_payload["userErrors"] == [{"path": ["ids", "0"], "code": "NOT_FOUND"}]
    assert await mark_read("Mia", [first["id"]]) == {"unreadAlerts": 2, "userErrors": []}
    assert len(await fetch_inbox(world, "Mia", unread=True)) == 2
    other_payload = await mark_read("Max", [first["id"]])
    assert other_payload == {"unreadAlerts": 0, "userErrors": [{"path": ["ids", "0"], "code": "NOT_FOUND"}]}
    assert await mark_read("Mia", None) == {"unreadAlerts": 0, "userErrors": []}


async def test_inbox_is_visible_to_its_owner_only_and_device_has_none(world: World) -> None:
    await world.create_device("Hall", "WALLBOARD")
    await world.create_device("CRM", "INTEGRATION")
    await lose_deal(world)
    [alert] = await fetch_inbox(world, "Mia")
    for employee in ("Hall", "CRM", "Ann", "admin"):
        data = await world.query(
            "query($id: ID!) { node(id: $id) { id } viewer { unreadAlerts } }", employee, id=alert["id"]
        )
        assert data == {"node": None, "viewer": {"unreadAlerts": 0}}
        assert await fetch_inbox(world, employee) == []
    data = await world.query("query($id: ID!) { node(id: $id) { ... on Alert { kind } } }", "Mia", id=alert["id"])
    assert data["node"] == {"kind": "DEAL_LOST"}


async def test_alert_message_is_in_the_recipients_language(world: World) -> None:
    await lose_deal(world)
    await world.mutate("updateProfile", "Mia", language="ru")

    [alert] = await fetch_inbox(world, "Mia")
    assert alert["message"] == "Ann: проиграна сделка «Chairs», 100,00 EUR"
