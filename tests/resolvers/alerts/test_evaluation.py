"""Alerts through the public schema: recipients, raised once, and resolved when their reason ceases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from resolvers.crm import deals, tasks
from tests.resolvers.alerts.alert_company import inbox, lost, office, only, rehearsed, told
from tests.resolvers.two_sellers import goal, won
from tests.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with office() as world:
        yield world


async def done(world: World, mutation: str, id_: str, who: str = "Ann") -> None:
    await world.ask(f"mutation($id: ID!) {{ {mutation}(id: $id) {{ userErrors {{ code }} }} }}", who, id=id_)


async def test_a_lost_deal_is_told_to_the_sellers_manager_and_to_nobody_else(world: World) -> None:
    await lost(world, reason="too expensive")

    assert await told(world) == {"Mia": ["DEAL_LOST"]}
    [alert] = await inbox(world, "Mia")
    assert alert["message"] == "Ann: deal lost: “Chairs”, 100.00 EUR: too expensive"
    assert (alert["employee"]["name"], alert["subject"]) == ("Ann", {"__typename": "Deal", "title": "Chairs"})


async def test_reopening_resolves_it_and_another_loss_is_another_alert(world: World) -> None:
    deal = await lost(world)
    await world.act("loseDeal", "Ann", id=deal)  # an identical repeat
    await world.act("reopenDeal", "Ann", id=deal)
    [first] = await inbox(world, "Mia")
    assert first["resolvedAt"] is not None

    await world.act("loseDeal", "Ann", id=deal)
    assert [alert["resolvedAt"] is None for alert in await inbox(world, "Mia")] == [False, True]


async def test_a_lost_deal_that_is_won_or_deleted_after_all_is_resolved(world: World) -> None:
    await world.act("winDeal", "Ann", id=await lost(world))
    await done(world, "deleteDeal", await lost(world), "Mia")

    assert None not in [alert["resolvedAt"] for alert in await inbox(world, "Mia")]


async def test_a_deal_recorded_as_lost_is_a_loss(world: World) -> None:
    await world.act("recordDeal", "Ann", title="Chairs", status="LOST")

    assert await told(world) == {"Mia": ["DEAL_LOST"]}


async def test_a_flagged_deal_is_told_once_however_the_problem_is_worded_until_the_flag_is_off(world: World) -> None:
    deal = (await world.act("recordDeal", "Ann", title="Chairs"))["deal"]["id"]
    for problem in ("late", "very late"):
        await world.act("flagDeal", "Ann", id=deal, problem=problem)
    [alert] = await inbox(world, "Mia")
    assert (alert["kind"], alert["message"]) == ("DEAL_HAS_PROBLEMS", "Ann: problem with deal “Chairs”: late")

    await world.act("flagDeal", "Ann", id=deal, problem=None)
    [alert] = await inbox(world, "Mia")
    assert alert["resolvedAt"] is not None
    await world.act("flagDeal", "Ann", id=deal, problem="late again")
    assert len(await inbox(world, "Mia")) == 2


async def test_a_task_and_an_assignment_are_overdue_at_their_instant(world: World) -> None:
    due = (world.now + timedelta(hours=2)).isoformat()
    own = await world.act("createTask", "Ann", title="Call back", dueAt=due)
    given = await world.act("createTask", "Mia", title="Report", assignee=world.ids["Ann"], dueAt=due)
    await world.passes(hours=1, minutes=59, seconds=59)
    assert await told(world) == {}

    await world.passes(seconds=1)
    await world.passes(hours=3)
    assert await told(world) == {"Mia": ["TASK_OVERDUE", "ASSIGNMENT_OVERDUE"]}
    lines = await world.ask("{ activities(kinds: [TASK_OVERDUE]) { edges { node { at actor { name } } } } }", "Ann")
    assert [edge["node"]["actor"] for edge in lines["activities"]["edges"]] == [None, None]

    await done(world, "completeTask", own["task"]["id"])
    await world.act("createTask", "Mia", id=given["task"]["id"], title="Report", dueAt="2026-12-24T10:00:00Z")
    assert None not in [alert["resolvedAt"] for alert in await inbox(world, "Mia")]


async def test_the_same_due_time_is_told_of_once_and_another_one_again(world: World) -> None:
    task = await world.act("createTask", "Ann", title="Call back", dueAt=(world.now + timedelta(hours=1)).isoformat())
    await world.passes(hours=2)
    await done(world, "completeTask", task["task"]["id"])
    await done(world, "reopenTask", task["task"]["id"])
    await world.passes(hours=1)
    assert len(await inbox(world, "Mia")) == 1

    await world.act("createTask", "Ann", id=task["task"]["id"], title="Call back", dueAt="2026-11-19T10:00:00Z")
    await world.passes(days=1)
    assert len(await inbox(world, "Mia")) == 2


async def test_a_task_that_is_completed_before_the_clock_comes_round_was_overdue_all_the_same(world: World) -> None:
    task = await world.act("createTask", "Ann", title="Call back", dueAt=(world.now + timedelta(hours=1)).isoformat())
    world.later(hours=2)  # without running the scheduler
    await done(world, "completeTask", task["task"]["id"])
    await world.passes(hours=1)

    [alert] = await inbox(world, "Mia")
    assert (alert["kind"], alert["resolvedAt"] is None) == ("TASK_OVERDUE", False)


async def test_a_task_done_in_time_is_not_overdue_when_it_is_taken_up_again_before(world: World) -> None:
    task = await world.act("createTask", "Ann", title="Call back", dueAt=(world.now + timedelta(hours=2)).isoformat())
    await done(world, "completeTask", task["task"]["id"])
    await world.passes(hours=3)
    assert await told(world) == {}

    await done(world, "reopenTask", task["task"]["id"])
    assert await told(world) == {"Mia": ["TASK_OVERDUE"]}


async def test_a_deal_is_stalled_after_its_days_of_silence_and_no_longer_once_something_happens(world: World) -> None:
    await only(world, "DEAL_STALLED", days=14)
    deal = (await world.act("recordDeal", "Ann", title="Chairs", amount={"amount": "5"}))["deal"]["id"]
    await world.passes(days=10)
    await world.act("recordCall", "Ann", direction="OUTBOUND", deal=deal)
    await world.passes(days=14)
    assert await told(world) == {}

    await world.passes(seconds=1)
    await world.passes(days=30)
    [alert] = await inbox(world, "Mia")
    assert alert["message"] == "Ann: nothing has happened with deal “Chairs”, 5.00 EUR for 14 days"
    await world.act("updateDeal", "Ann", id=deal, title="Tables")
    [alert] = await inbox(world, "Mia")
    assert alert["resolvedAt"] is not None
    await world.passes(days=15)
    assert len(await inbox(world, "Mia")) == 2


@pytest.mark.parametrize("end", ["winDeal", "loseDeal"])
async def test_a_closed_deal_is_not_stalled(world: World, end: str) -> None:
    await only(world, "DEAL_STALLED", days=1)
    deal = (await world.act("recordDeal", "Ann", title="Chairs", amount={"amount": "5"}))["deal"]["id"]
    await world.act(end, "Ann", id=deal)
    await world.passes(days=30)
    await world.act("recordCall", "Ann", direction="OUTBOUND", deal=deal)
    await world.passes(days=30)

    assert await told(world) == {}


async def test_a_silence_that_was_broken_before_the_clock_came_round_was_too_long_all_the_same(world: World) -> None:
    await only(world, "DEAL_STALLED", days=2)
    deal = (await world.act("recordDeal", "Ann", title="Chairs"))["deal"]["id"]
    world.later(days=3)
    await world.act("updateDeal", "Ann", id=deal, title="Tables")
    await world.passes(days=1)

    [alert] = await inbox(world, "Mia")
    assert alert["resolvedAt"] is not None


async def test_an_employee_of_whose_work_nothing_is_recorded_is_silent_and_weekends_do_not_count(world: World) -> None:
    await only(world, "NO_ACTIVITY", days=2)
    for who in ("Ann", "Bob"):
        await world.act("recordCall", who, direction="OUTBOUND")
    await world.passes(days=1)  # Thursday
    await world.act("recordCall", "Bob", direction="OUTBOUND")
    await world.passes(days=1, seconds=1)
    await world.passes(days=2)  # Sunday
    assert await told(world) == {"Mia": ["NO_ACTIVITY"]}
    [alert] = await inbox(world, "Mia")
    assert (alert["message"], alert["subject"]) == ("Ann: nothing recorded for 2 working days", None)

    await world.passes(days=1, hours=1)  # Monday
    assert await told(world) == {"Mia": ["NO_ACTIVITY"], "Max": ["NO_ACTIVITY"]}
    await world.act("recordCall", "Ann", direction="OUTBOUND")
    [alert] = await inbox(world, "Mia")
    assert alert["resolvedAt"] is not None


async def test_who_changes_teams_has_been_silent_since_then_for_another_manager_and_who_leaves_for_nobody(
    world: World,
) -> None:
    await only(world, "NO_ACTIVITY", days=2, scope=world.ids["Ann"])
    await world.passes(days=2, seconds=1)  # Friday
    await world.act("updateEmployee", id=world.ids["Ann"], team=world.ids["South"])
    assert [alert["resolvedAt"] is None for alert in await inbox(world, "Mia")] == [False]

    await world.passes(days=4, seconds=1)
    assert await told(world) == {"Mia": ["NO_ACTIVITY"], "Max": ["NO_ACTIVITY"]}
    assert await rehearsed(world, "NO_ACTIVITY", days=2, scope=world.ids["Ann"]) == 2
    await world.act("updateEmployee", id=world.ids["Ann"], active=False)
    assert [alert["resolvedAt"] is None for alert in await inbox(world, "Max")] == [False]


async def test_a_deal_that_is_given_to_another_team_is_told_to_its_manager_from_then_on(world: World) -> None:
    deal = (await world.act("recordDeal", "Ann", title="Chairs"))["deal"]["id"]
    await world.act("flagDeal", "Ann", id=deal, problem="late")
    await world.act("updateDeal", id=deal, owner=world.ids["Bob"])
    [alert] = await inbox(world, "Mia")
    assert (alert["subject"], alert["resolvedAt"]) == (None, None)  # no longer visible to Mia, but still a problem

    await world.act("flagDeal", "Bob", id=deal, problem=None)
    await world.act("loseDeal", "Bob", id=deal)
    assert await told(world) == {"Mia": ["DEAL_HAS_PROBLEMS"], "Max": ["DEAL_LOST"]}
    [alert] = await inbox(world, "Mia")
    assert alert["resolvedAt"] is not None


async def test_only_sellers_are_silent_unless_a_rule_is_about_somebody_alone(world: World) -> None:
    await only(world, "NO_ACTIVITY", days=1)
    await world.act("createAlertRule", kind="NO_ACTIVITY", days=1, recipients=["MANAGER"], scope=world.ids["Max"])
    for who in ("Ann", "Bob"):
        await world.act("updateEmployee", id=world.ids[who], active=False)
    await world.passes(days=7)

    assert [alert["employee"]["name"] for alert in await inbox(world, "Dora")] == ["Max"]
    assert await inbox(world, "Mia") == []


async def test_a_goal_behind_its_pace_is_told_when_the_day_begins_and_resolved_when_it_is_back(world: World) -> None:
    await only(world, "GOAL_BEHIND", percent=10)
    await goal(world, "Ann", "deals_won", "10")
    assert await told(world) == {}

    await world.passes(days=1)
    [alert] = await inbox(world, "Mia")
    assert alert["message"] == (
        "Ann: goal “Deals won, November 2026” is 61 percentage points behind: 0% instead of 61%"
    )
    for _ in range(6):
        await won(world)
    [alert] = await inbox(world, "Mia")
    assert alert["resolvedAt"] is not None


async def test_a_goal_whose_period_is_over_is_no_longer_behind(world: World) -> None:
    await only(world, "GOAL_BEHIND")
    await goal(world, "Ann", "deals_won", "10")
    await world.passes(days=1)
    await world.passes(days=20)

    [alert] = await inbox(world, "Mia")
    assert alert["resolvedAt"] is not None


async def test_a_reached_goal_is_told_once_for_its_target(world: World) -> None:
    await only(world, "GOAL_ACHIEVED", recipients=["EMPLOYEE", "MANAGER"])
    mark = await goal(world, "Ann", "deals_won", "1")
    deal = await won(world)
    await world.act("reopenDeal", "Ann", id=deal)
    assert [alert["resolvedAt"] is None for alert in await inbox(world, "Ann")] == [False]
    await world.act("winDeal", "Ann", id=deal)
    assert await told(world) == {"Ann": ["GOAL_ACHIEVED"], "Mia": ["GOAL_ACHIEVED"]}

    await world.act("updateGoal", id=mark, target="2")
    await won(world)
    assert [alert["message"] for alert in await inbox(world, "Ann")] == [
        "Ann: goal achieved: “Deals won, November 2026”"
    ] * 2


async def test_a_teams_goal_is_told_to_its_manager_and_the_companys_to_the_directors(world: World) -> None:
    await only(world, "GOAL_ACHIEVED")
    for owner in ("North", "company"):
        await goal(world, owner, "deals_won", "1")
    await won(world)

    assert await told(world) == {"Mia": ["GOAL_ACHIEVED"], "Dora": ["GOAL_ACHIEVED"]}
    [alert] = await inbox(world, "Mia")
    assert (alert["message"], alert["employee"]) == ("North: goal achieved: “Deals won, November 2026”", None)


async def test_the_manager_set_by_hand_is_told_else_the_nearest_above_and_at_the_top_the_directors(
    world: World,
) -> None:
    await lost(world, "Mia")  # she manages her own team, which has no manager above
    assert await told(world) == {"Dora": ["DEAL_LOST"]}

    await world.act("updateTeam", id=world.ids["Sales"], manager=world.ids["Max"])
    await lost(world, "Mia")
    await world.act("updateEmployee", id=world.ids["Mia"], manager=world.ids["Bob"])
    await lost(world, "Mia")
    assert await told(world) == {"Bob": ["DEAL_LOST"], "Max": ["DEAL_LOST"], "Dora": ["DEAL_LOST"]}


async def test_who_has_left_is_not_told_and_without_directors_the_administrators_are(world: World) -> None:
    for who in ("Mia", "Dora"):
        await world.act("updateEmployee", id=world.ids[who], active=False)
    await lost(world)

    assert [alert["kind"] for alert in await inbox(world, "admin")] == ["DEAL_LOST"]


async def test_an_import_raises_nothing_and_resolves_what_it_settles(world: World) -> None:
    await world.act("createTask", "Ann", title="Call", externalId="t", dueAt="2026-11-18T09:30:00Z")
    await world.passes(hours=1)
    context = await world.admitted("admin")
    owner = {"owner": world.ids["Ann"], "createdAt": world.now - timedelta(days=90)}
    async with context.unit():
        await deals.record(context, [{"title": "Old", "status": "LOST", **owner}], aloud=False)
        await deals.record(context, [{"title": "Silent", **owner}], aloud=False)
        due = {"dueAt": world.now - timedelta(days=3), "assignee": world.ids["Ann"]}
        await tasks.record(context, [{"title": "Late", **due}], aloud=False)
        done_since = {"externalId": "t", "title": "Call", "completedAt": world.now}
        await tasks.record(context, [done_since], aloud=False)
    await world.passes(days=1)

    [alert] = [alert for alert in await inbox(world, "Mia") if alert["kind"] != "NO_ACTIVITY"]
    assert (alert["kind"], alert["resolvedAt"] is None) == ("TASK_OVERDUE", False)


async def test_what_an_import_brings_in_becomes_too_silent_like_anything_else(world: World) -> None:
    await only(world, "DEAL_STALLED", days=14)
    context = await world.admitted("admin")
    async with context.unit():
        for days in (13, 15):
            given = {"title": f"{days}", "owner": world.ids["Ann"], "createdAt": world.now - timedelta(days=days)}
            await deals.record(context, [given], aloud=False)
    await world.passes(days=2)

    [alert] = await inbox(world, "Mia")
    assert alert["subject"]["title"] == "13"


async def test_unread_alerts_are_counted_and_marked_by_id_or_all_at_once(world: World) -> None:
    for title in ("One", "Two", "Three"):
        await lost(world, title=title)
    first, *_ = await inbox(world, "Mia")
    document = "mutation($ids: [ID!]) { markAlertsRead(ids: $ids) { unreadAlerts userErrors { path code } } }"

    async def marked(who: str, ids: list[str] | None) -> object:
        return (await world.ask(document, who, ids=ids))["markAlertsRead"]

    assert await world.ask("{ viewer { unreadAlerts } }", "Mia") == {"viewer": {"unreadAlerts": 3}}
    assert await marked("Mia", [first["id"]]) == {"unreadAlerts": 2, "userErrors": []}
    assert len(await inbox(world, "Mia", unread=True)) == 2
    stranger = await marked("Max", [first["id"]])
    assert stranger == {"unreadAlerts": 0, "userErrors": [{"path": ["ids", "0"], "code": "NOT_FOUND"}]}
    assert await marked("Mia", None) == {"unreadAlerts": 0, "userErrors": []}


async def test_an_inbox_is_its_owners_and_a_device_has_none(world: World) -> None:
    await world.device("Hall", "WALLBOARD")
    await world.device("CRM", "INTEGRATION")
    await lost(world)
    [alert] = await inbox(world, "Mia")
    for who in ("Hall", "CRM", "Ann", "admin"):
        data = await world.ask("query($id: ID!) { node(id: $id) { id } viewer { unreadAlerts } }", who, id=alert["id"])
        assert data == {"node": None, "viewer": {"unreadAlerts": 0}}
        assert await inbox(world, who) == []
    data = await world.ask("query($id: ID!) { node(id: $id) { ... on Alert { kind } } }", "Mia", id=alert["id"])
    assert data["node"] == {"kind": "DEAL_LOST"}


async def test_a_message_is_in_the_language_of_who_reads_it(world: World) -> None:
    await lost(world)
    await world.act("updateProfile", "Mia", language="ru")

    [alert] = await inbox(world, "Mia")
    assert alert["message"] == "Ann: проиграна сделка «Chairs», 100,00 EUR"
