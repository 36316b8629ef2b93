"""Rules of goals and leaderboards, through the public schema."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest

from domain.primitives.global_ids import decode_global_id
from resolvers.goals.goals import decode_goal_ids
from tests.resolvers.two_sellers import (
    CURRENT_MONTH,
    open_world_with_two_sellers,
    read_goal_value,
    read_leaderboard,
    record_won_deal,
    set_goal,
)
from tests.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world_with_two_sellers() as world:
        yield world


async def test_team_goal_counts_each_entry_of_team_and_subteams_once(world: World) -> None:
    sales, company = await set_goal(world, "Sales", "deals_won"), await set_goal(world, "company", "deals_won")
    await record_won_deal(world, "Ann")
    await record_won_deal(world, "Bob")

    assert (await read_goal_value(world, sales), await read_goal_value(world, company)) == ("2", "2")


async def test_score_wakes_who_listens_to_the_goals_it_moves_and_nobody_else(world: World) -> None:
    owners = {"Ann": True, "North": True, "Sales": True, "company": True, "Bob": False, "South": False}
    goal_ids = decode_goal_ids([await set_goal(world, owner, "deals_won") for owner in owners])
    goal_ids += decode_goal_ids([await set_goal(world, "Ann", "calls_made")])
    await world.let_tasks_run()
    woken = []
    for goal_id in goal_ids:
        world.hub.watch([f"goal:{goal_id}"], partial(woken.append, goal_id))

    await record_won_deal(world, "Ann")
    await world.let_tasks_run()

    moved_ids = [goal_id for goal_id, is_moved in zip(goal_ids, [*owners.values(), False], strict=True) if is_moved]
    assert sorted(set(woken)) == moved_ids


async def test_score_moves_goals_whose_period_has_its_day_as_first_or_last(world: World) -> None:
    periods = {
        "begins today": ("2026-11-18", "2026-11-20"),
        "ends today": ("2026-11-16", "2026-11-18"),
        "begins tomorrow": ("2026-11-19", "2026-11-20"),
        "ended yesterday": ("2026-11-16", "2026-11-17"),
    }
    names = {}
    for name, (start, end) in periods.items():
        period = {"kind": "CUSTOM", "start": start, "end": end}
        names[await set_goal(world, "Ann", "deals_won", period=period)] = name

    payload = await world.mutate("recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": "5"})

    assert sorted(names[goal["id"]] for goal in payload["goals"]) == ["begins today", "ends today"]


async def test_changed_goal_wakes_listeners_to_it_to_goal_lists_and_to_targets_of_its_owner(world: World) -> None:
    goal = await set_goal(world, "Ann", "deals_won")
    [goal_id], ann = decode_goal_ids([goal]), (decode_global_id(world.global_ids["Ann"]) or ("", 0))[1]
    topics = f"goal:{goal_id}", "goals", f"target:deals_won:employee:{ann}", f"target:calls_made:employee:{ann}"
    await world.let_tasks_run()
    woken: list[str] = []
    for topic in topics:
        world.hub.watch([topic], partial(woken.append, topic))

    await world.mutate("updateGoal", id=goal, name="More")
    await world.let_tasks_run()

    assert set(woken) == set(topics[:3])


async def test_moved_team_counts_only_for_its_current_ancestors(world: World) -> None:
    goals = [await set_goal(world, owner, "deals_won") for owner in ("North", "South", "Sales", "company")]
    await record_won_deal(world, "Ann")
    await record_won_deal(world, "Ann")
    await record_won_deal(world, "Bob")

    async def values() -> list[str]:
        return [await read_goal_value(world, goal) for goal in goals]

    assert await values() == ["2", "1", "3", "3"]
    await world.mutate("updateTeam", id=world.global_ids["North"], parent=world.global_ids["South"])
    assert await values() == ["2", "3", "3", "3"]
    await record_won_deal(world, "Ann")
    assert await values() == ["3", "4", "4", "4"]
    await world.mutate("updateTeam", id=world.global_ids["South"], parent=None)
    assert await values() == ["3", "4", "0", "4"]
    await world.mutate("updateTeam", id=world.global_ids["North"], parent=world.global_ids["Sales"])
    assert await values() == ["3", "1", "3", "4"]
    await world.mutate("updateTeam", id=world.global_ids["South"], name="Far south")
    assert await values() == ["3", "1", "3", "4"]


async def test_second_goal_for_same_metric_owner_and_period_is_a_conflict(world: World) -> None:
    first = await set_goal(world, "Ann", "deals_won")
    input = {"owner": world.global_ids["Ann"], "metric": "deals_won", "target": "5", "period": CURRENT_MONTH}
    assert (await world.try_mutation("setGoal", **input))["userErrors"][0]["code"] == "CONFLICT"

    await world.query("mutation($id: ID!) { archiveGoal(id: $id) { userErrors { code } } }", id=first)
    assert (await world.try_mutation("setGoal", **input))["userErrors"] == []


async def test_goal_achievement_is_announced_once_per_target(world: World) -> None:
    target = await set_goal(world, "Ann", "deals_won", "1")
    deal = await record_won_deal(world)
    await world.mutate("reopenDeal", "Ann", id=deal)
    await world.mutate("winDeal", "Ann", id=deal)

    async def announced() -> int:
        data = await world.query("{ activities(kinds: [GOAL_ACHIEVED]) { totalCount } }")
        return data["activities"]["totalCount"]

    assert await announced() == 1
    await world.mutate("updateGoal", id=target, target="2", reason="corrected")
    await record_won_deal(world)
    assert await announced() == 2


async def test_target_change_is_recorded_with_author_time_and_values(world: World) -> None:
    target = await set_goal(world, "Ann", "deals_won_amount", "1000")
    await world.mutate("updateGoal", id=target, target="1200.50", reason="corrected")
    data = await world.query(
        "query($id: ID!) { goal(id: $id) { changes { at by { name } field before after } } }", id=target
    )

    assert data["goal"]["changes"] == [
        {
            "at": "2026-11-18T09:00:00+00:00",
            "by": {"name": "Ada Admin"},
            "field": "target",
            "before": "1000.00",
            "after": "1200.50",
        }
    ]


async def test_update_of_goal_changed_meanwhile_is_a_conflict(world: World) -> None:
    payload = await world.mutate(
        "setGoal", owner=world.global_ids["Ann"], metric="deals_won", target="3", period=CURRENT_MONTH
    )
    version = payload["goal"]["progress"]["version"]
    await world.mutate("updateGoal", id=payload["goal"]["id"], ifVersion=version, target="4", reason="corrected")
    late_payload = await world.try_mutation(
        "updateGoal", id=payload["goal"]["id"], ifVersion=version, target="5", reason="corrected"
    )

    assert [(error["code"], error["path"]) for error in late_payload["userErrors"]] == [
        ("CONFLICT", ["input", "ifVersion"])
    ]


async def test_equal_values_share_rank_and_next_rank_is_skipped(world: World) -> None:
    for name in ("Cid", "Dan"):
        await world.create_employee(name, "North")
    for seller, amount in (("Ann", "9"), ("Bob", "5"), ("Cid", "5"), ("Dan", "1")):
        await record_won_deal(world, seller, amount)
    data = await world.query("{ leaderboard(first: 4) { standings { rank employee { name } gapToNext } } }", "Dan")

    rows = [(row["rank"], row["employee"]["name"], row["gapToNext"]) for row in data["leaderboard"]["standings"]]
    assert rows == [(1, "Ann", None), (2, "Bob", "4.00"), (2, "Cid", "4.00"), (4, "Dan", "4.00")]


async def test_employees_without_goal_share_last_rank_by_attainment(world: World) -> None:
    await set_goal(world, "Bob", "deals_won_amount", "10")
    await record_won_deal(world, "Ann", "1000")
    await record_won_deal(world, "Bob", "5")
    data = await world.query(
        "{ leaderboard(rankBy: ATTAINMENT) { standings { rank employee { name } attainmentPercent } } }"
    )

    rows = [
        (row["rank"], row["employee"]["name"], row["attainmentPercent"]) for row in data["leaderboard"]["standings"]
    ]
    assert rows == [(1, "Bob", 50.0), (2, "Ann", None)]


async def test_leaderboard_as_of_a_moment_equals_leaderboard_at_that_time(world: World) -> None:
    await record_won_deal(world, "Ann", "10")
    expected, moment = await read_leaderboard(world), world.now.isoformat()
    world.advance(hours=1)
    await record_won_deal(world, "Bob", "50", closedAt="2026-11-17T10:00:00Z")
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], active=False)

    assert await read_leaderboard(world, asOf=moment) != expected  # `asOf` excludes what was recorded at that instant
    world_after = (world.now.replace(minute=30, hour=9)).isoformat()
    assert await read_leaderboard(world, asOf=world_after) == expected


async def test_previous_rank_is_rank_at_start_of_day(world: World) -> None:
    await record_won_deal(world, "Bob", "50")
    world.advance(days=1)
    await record_won_deal(world, "Ann", "80")
    data = await world.query("{ leaderboard { standings { rank previousRank employee { name } } } }")

    rows = [(row["employee"]["name"], row["rank"], row["previousRank"]) for row in data["leaderboard"]["standings"]]
    assert rows == [("Ann", 1, None), ("Bob", 2, 1)]


async def test_around_shows_nearest_rows_with_ranks_of_whole_leaderboard(world: World) -> None:
    for number in range(6):
        await world.create_employee(f"Seller{number}", "North")
        await record_won_deal(world, f"Seller{number}", str(100 - number))
    data = await world.query(
        "query($id: ID!) { leaderboard(first: 3, around: $id) { totalCount standings { rank employee { name } } } }",
        id=world.global_ids["Seller4"],
    )

    assert [row["rank"] for row in data["leaderboard"]["standings"]] == [4, 5, 6]
    assert data["leaderboard"]["totalCount"] == 8
