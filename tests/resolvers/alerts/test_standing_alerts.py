"""An alert stands as long as its reason holds, and is sent once for each occurrence (the rule about alerts)."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from models.alerts.outbox import Delivery
from resolvers.ledger.reconciliation import reconcile
from tests.resolvers.alerts.alert_company import (
    count_dry_run_alerts,
    fetch_alert_kinds,
    fetch_inbox,
    open_company,
    set_only_rule,
)
from tests.resolvers.two_sellers import record_won_deal, set_goal
from tests.world import World


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_company(usual_database_url) as world:
        world.services.notification_channels = frozenset({"chat"})
        yield world


async def run_mutation(world: World, mutation: str, global_id: str, employee: str = "Ann") -> None:
    data = await world.query(
        f"mutation($id: ID!) {{ {mutation}(id: $id) {{ userErrors {{ message }} }} }}", employee, id=global_id
    )
    assert data[mutation]["userErrors"] == []


async def list_standing(world: World, employee: str = "Mia", about: str = "") -> list[bool]:
    """Return for each alert of an inbox about a title, the oldest first, whether it stands."""
    return [
        alert["resolvedAt"] is None
        for alert in await fetch_inbox(world, employee)
        if not about or f"“{about}”" in alert["message"]
    ]


async def create_task(world: World, due: datetime, title: str = "Call back", **fields: Any) -> str:
    payload = await world.mutate("createTask", "Ann", title=title, dueAt=due.isoformat(), **fields)
    return payload["task"]["id"]


async def set_due(world: World, task: str, due: datetime, title: str = "Call back") -> None:
    await world.mutate("createTask", "Ann", id=task, title=title, dueAt=due.isoformat())


async def test_alert_of_overdue_task_stands_again_when_the_task_is_reopened_without_being_sent_again(
    world: World,
) -> None:
    await set_only_rule(world, "TASK_OVERDUE", channels=["chat"])
    task = await create_task(world, world.now + timedelta(hours=1))
    await world.advance_and_run_jobs(hours=2)
    await run_mutation(world, "completeTask", task)
    after_completion = await list_standing(world)
    await run_mutation(world, "reopenTask", task)
    await world.advance_and_run_jobs(hours=1)

    assert (after_completion, await list_standing(world)) == ([False], [True])
    assert await Delivery.all().count() == 1


async def test_task_has_one_alert_for_each_due_time_when_it_is_postponed_and_brought_back(world: World) -> None:
    await set_only_rule(world, "TASK_OVERDUE", channels=["chat"])
    first_due = world.now + timedelta(hours=1)
    task = await create_task(world, first_due)
    await world.advance_and_run_jobs(hours=2)

    await set_due(world, task, second_due := world.now + timedelta(hours=1))
    assert await list_standing(world) == [False]
    await world.advance_and_run_jobs(hours=2)
    assert await list_standing(world) == [False, True]
    await set_due(world, task, first_due)
    assert await list_standing(world) == [True, False]
    await set_due(world, task, second_due)
    assert await list_standing(world) == [False, True]


async def test_alert_of_goal_stands_again_when_the_target_is_reached_again_after_a_fall(world: World) -> None:
    await set_only_rule(world, "GOAL_ACHIEVED", channels=["chat"])
    await set_goal(world, "Ann", "deals_won", "1")
    deal = await record_won_deal(world)
    await world.mutate("reopenDeal", "Ann", id=deal)
    after_fall = await list_standing(world)
    await world.mutate("winDeal", "Ann", id=deal)

    assert (after_fall, await list_standing(world)) == ([False], [True])
    assert await Delivery.all().count() == 1


async def test_alert_of_goal_follows_its_target_when_that_is_raised_and_lowered(world: World) -> None:
    await set_only_rule(world, "GOAL_ACHIEVED")
    goal = await set_goal(world, "Ann", "deals_won", "1")
    await record_won_deal(world)
    await record_won_deal(world)

    await world.mutate("updateGoal", id=goal, target="2", reason="corrected")
    assert await list_standing(world) == [False, True]
    await world.mutate("updateGoal", id=goal, target="5", reason="corrected")
    assert await list_standing(world) == [False, False]
    await world.mutate("updateGoal", id=goal, target="1", reason="corrected")
    assert await list_standing(world) == [True, False]


async def test_alerts_of_a_deleted_deal_stand_again_when_the_deal_is_recorded_again(world: World) -> None:
    await set_only_rule(world, "DEAL_LOST", channels=["chat"])
    deal = (await world.mutate("recordDeal", "Ann", title="Chairs", externalId="D-1"))["deal"]["id"]
    await world.mutate("loseDeal", "Ann", id=deal)
    world.advance(hours=1)
    await run_mutation(world, "deleteDeal", deal, "Mia")
    after_deletion = await list_standing(world)
    world.advance(hours=1)
    await world.mutate("recordDeal", "Ann", title="Chairs", externalId="D-1")

    assert (after_deletion, await list_standing(world)) == ([False], [True])
    assert await Delivery.all().count() == 1


async def test_assigner_is_alerted_beside_the_manager_when_an_assignment_is_overdue(world: World) -> None:
    await world.mutate(
        "createTask",
        "Dora",
        title="Report",
        assignee=world.global_ids["Ann"],
        dueAt=(world.now + timedelta(hours=1)).isoformat(),
    )
    await world.advance_and_run_jobs(hours=2)

    assert [alert["kind"] for alert in await fetch_inbox(world, "Mia")] == ["ASSIGNMENT_OVERDUE"]
    assert [alert["kind"] for alert in await fetch_inbox(world, "Dora")] == ["ASSIGNMENT_OVERDUE"]


async def test_manager_is_alerted_in_place_of_an_assigner_who_may_no_longer_see_the_task(world: World) -> None:
    await set_only_rule(world, "ASSIGNMENT_OVERDUE", recipients=["ASSIGNER"])
    due = (world.now + timedelta(hours=1)).isoformat()
    await world.mutate("createTask", "Mia", title="Report", assignee=world.global_ids["Ann"], dueAt=due)
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], team=world.global_ids["South"])
    await world.advance_and_run_jobs(hours=2)

    assert [len(await fetch_inbox(world, name)) for name in ("Mia", "Max")] == [0, 1]


async def test_manager_is_alerted_in_place_of_an_assigner_when_a_device_recorded_the_task(world: World) -> None:
    await set_only_rule(world, "TASK_OVERDUE", recipients=["ASSIGNER"])
    await world.create_device("CRM", "INTEGRATION")
    due = (world.now + timedelta(hours=1)).isoformat()
    await world.mutate("createTask", "CRM", title="Report", assignee=world.global_ids["Ann"], dueAt=due)
    await world.advance_and_run_jobs(hours=2)

    assert await fetch_alert_kinds(world) == {"Mia": ["TASK_OVERDUE"]}


async def test_new_lead_alerts_the_manager_until_someone_works_on_it(world: World) -> None:
    await set_only_rule(world, "LEAD_UNTOUCHED", hours=4)
    lead = (await world.mutate("recordLead", "Ann", title="Asks for chairs"))["lead"]["id"]
    opened_at = world.now  # 9:00 UTC on a Wednesday, in a company that works in UTC from 9 to 18
    await world.advance_and_run_jobs(hours=4)
    assert await list_standing(world) == []

    await world.advance_and_run_jobs(seconds=1)
    [alert] = await fetch_inbox(world, "Mia")
    assert alert["message"] == "Ann: nobody has worked on lead “Asks for chairs” for 4 working hours"
    await world.mutate("recordLead", "Mia", id=lead, title="Asks for chairs", owner=world.global_ids["Mia"])
    assert await list_standing(world) == [True]  # to hand a lead over is not to work on it
    await world.mutate("recordLead", "Mia", id=lead, title="Asks for chairs", status="IN_PROGRESS")
    assert await list_standing(world) == [False]
    assert world.now - opened_at > timedelta(hours=4)
    assert await count_dry_run_alerts(world, "LEAD_UNTOUCHED", hours=4) == 1
    assert await count_dry_run_alerts(world, "LEAD_UNTOUCHED", hours=5) == 0


async def test_lead_raises_its_alert_when_it_is_touched_too_late_before_the_scheduler_runs(world: World) -> None:
    await set_only_rule(world, "LEAD_UNTOUCHED", hours=4)
    lead = (await world.mutate("recordLead", "Ann", title="Asks for chairs"))["lead"]["id"]
    world.advance(hours=5)
    await world.mutate("recordLead", "Ann", id=lead, title="Asks for chairs", status="REJECTED")

    assert await list_standing(world) == [False]


async def test_deal_that_enters_the_stage_of_a_rule_alerts_once_and_while_it_is_there(world: World) -> None:
    stages = [{"name": "New"}, {"name": "Offer"}]
    new, offer = (
        stage["id"] for stage in (await world.mutate("savePipeline", name="Sales", stages=stages))["pipeline"]["stages"]
    )
    rule = {"stage": offer, "minAmount": "100"}
    await set_only_rule(world, "DEAL_ENTERED_STAGE", **rule, channels=["chat"])
    await world.mutate("recordDeal", "Ann", title="Small", stage=offer, amount={"amount": "99"})
    deal = (await world.mutate("recordDeal", "Ann", title="Chairs", stage=new, amount={"amount": "100"}))["deal"]["id"]
    assert await list_standing(world) == []

    await world.mutate("moveDeal", "Ann", id=deal, stage=offer)
    [alert] = await fetch_inbox(world, "Mia")
    assert alert["message"] == "Ann: deal “Chairs”, 100.00 EUR is now in stage “Offer”"
    await world.mutate("moveDeal", "Ann", id=deal, stage=new)
    assert await list_standing(world) == [False]
    await world.mutate("moveDeal", "Ann", id=deal, stage=offer)
    assert await list_standing(world) == [True]
    await world.mutate("winDeal", "Ann", id=deal)
    assert await list_standing(world) == [False]
    assert await Delivery.all().count() == 1
    await world.mutate("recordDeal", "Ann", title="Tables", stage=offer, amount={"amount": "500"})
    world.advance(seconds=1)
    assert await count_dry_run_alerts(world, "DEAL_ENTERED_STAGE", **rule) == len(await list_standing(world)) == 2


async def test_chat_celebrates_wins_from_a_minimum_amount_on(world: World) -> None:
    await set_only_rule(world, "DEAL_WON", minAmount="1000", recipients=["DIRECTORS"], channels=["chat"])
    await record_won_deal(world, amount="999.99")
    await record_won_deal(world, amount="1000")
    long_ago = (world.now - timedelta(days=2)).isoformat()
    await world.mutate("recordDeal", "Ann", title="Old", amount={"amount": "5000"}, status="WON", closedAt=long_ago)

    assert [alert["kind"] for alert in await fetch_inbox(world, "Dora")] == ["DEAL_WON"]
    assert await Delivery.all().count() == 1


STEPS = st.lists(st.sampled_from(["complete", "reopen", "delay", "hasten", "delete", "restore", "hour"]), max_size=12)
_numbers = itertools.count()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@for_all(steps=STEPS)
@example(steps=["delete", "hour", "restore"])
@example(steps=["delay", "hour", "complete", "hasten"])
async def test_alert_stands_exactly_while_the_task_is_overdue_after_any_steps(world: World, steps: list[str]) -> None:
    await set_only_rule(world, "TASK_OVERDUE")
    title = f"Task {next(_numbers)}"
    due = world.now + timedelta(hours=1)
    dues = {False: due, True: due + timedelta(hours=3)}
    is_late = is_completed = is_deleted = False
    reached = set()
    task = await create_task(world, due, title=title, externalId=title)
    for step in steps:
        if step == "hour":
            await world.advance_and_run_jobs(hours=1)
        elif step in ("complete", "reopen") and not is_deleted:
            await run_mutation(world, f"{step}Task", task)
            is_completed = step == "complete"
        elif step in ("delay", "hasten") and not is_deleted:
            is_late = step == "delay"
            await set_due(world, task, dues[is_late], title=title)
        elif step == "delete" and not is_deleted:
            await run_mutation(world, "deleteRecord", task, "Mia")
            is_deleted = True
        elif step == "restore" and is_deleted:
            await create_task(world, dues[is_late], title=title, externalId=title)
            is_deleted = False
        is_overdue = not is_completed and not is_deleted and dues[is_late] <= world.now
        reached |= {is_late} if is_overdue else set()

        active_flags = await list_standing(world, about=title)
        assert active_flags.count(True) == is_overdue, (step, active_flags)
        assert len(active_flags) == len(reached)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@for_all(steps=st.lists(st.sampled_from(["win", "reopen", "1", "2", "3"]), max_size=12))
async def test_alert_stands_exactly_while_the_goal_is_reached_after_any_steps(world: World, steps: list[str]) -> None:
    await set_only_rule(world, "GOAL_ACHIEVED")
    title, metric = f"Goal {next(_numbers)}", f"metric_{next(_numbers)}"
    await world.mutate("createMetric", key=metric, name=metric)
    goal = await set_goal(world, "Ann", metric, "1", name=title)
    target, results, reached = 1, list[str](), set[int]()
    for step in steps:
        if step == "win":
            payload = await world.mutate("recordResult", "Ann", metric=metric, value="1")
            results.append(payload["result"]["id"])
        elif step == "reopen" and results:
            await run_mutation(world, "deleteRecord", results.pop(), "Mia")
        elif step.isdigit():
            target = int(step)
            await world.mutate("updateGoal", id=goal, target=step, reason="corrected")
        is_reached = len(results) >= target
        reached |= {target} if is_reached else set()

        active_flags = await list_standing(world, about=title)
        assert active_flags.count(True) == is_reached, (step, active_flags)
        assert len(active_flags) == len(reached)
    assert [str(difference) for difference in (await reconcile()).differences] == []
