"""Which goals, parts and ledger entries a viewer sees (rules 4 and 10)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain.primitives.global_ids import decode_global_id
from domain.primitives.periods import PeriodKind
from models.db import row_store
from models.goals.goals import Goal
from models.organization.scopes import OwnerKind
from resolvers.goals import goals
from resolvers.request import scopes
from subscriptions.core.reference_cache import ReferenceCache
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal, set_goal
from tests.world import World, cache_company

OWNERS = ("Ann", "Bob", "North", "South", "Sales", "company")


@cache_company
async def open_company(url: str = "sqlite://:memory:") -> AsyncIterator[World]:
    """A company with a goal of calls for each employee and team; Mia manages North, in which Ann works."""
    async with open_world_with_two_sellers(url) as world:
        await world.create_employee("Mia", "North", role="MANAGER")
        await world.mutate("updateTeam", id=world.global_ids["North"], manager=world.global_ids["Mia"])
        for number, owner in enumerate(OWNERS, 1):
            world.global_ids[f"goal of {owner}"] = await set_goal(world, owner, "calls_made", str(number), name=owner)
        yield world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_company() as world:
        yield world


async def list_owners(world: World, scope: str | None, actor: str = "admin") -> set[str]:
    """Return the owners of the goals within a scope that the viewer sees."""
    scope_id = scope and world.global_ids.get(scope, "VGVhbTo5OQ==")
    data = await world.query("query($scope: ID) { goals(scope: $scope) { name } }", actor, scope=scope_id)
    return {goal["name"] for goal in data["goals"]}


async def test_goals_of_a_scope_are_its_own_and_those_within_it(world: World) -> None:
    assert await list_owners(world, None) == await list_owners(world, "company") == set(OWNERS)
    assert await list_owners(world, "Sales") == {"Ann", "Bob", "North", "South", "Sales"}
    assert await list_owners(world, "North") == {"Ann", "North"}
    assert await list_owners(world, "Ann") == {"Ann"}
    assert await list_owners(world, "Nowhere") == set()


async def test_employee_sees_own_goals_and_those_of_the_teams_upwards(world: World) -> None:
    assert await list_owners(world, None, "Ann") == {"Ann", "North", "Sales", "company"}
    assert await list_owners(world, "Bob", "Ann") == await list_owners(world, "South", "Ann") == set()
    assert await list_owners(world, "Sales", "Mia") == {"Ann", "North", "Sales"}


async def test_own_goals_are_those_of_the_viewer_and_of_a_device_those_in_its_scope(world: World) -> None:
    await world.create_device("Hall", "WALLBOARD", "North")
    await set_goal(world, "Ann", "deals_won", "5", name="last month", period={"kind": "MONTH", "offset": -1})

    async def list_own(actor: str) -> set[str]:
        return {goal.name for goal in await goals.list_own_goals(await world.authenticated_context(actor))}

    assert (await list_own("Ann"), await list_own("Mia")) == ({"Ann"}, set())
    assert "North" in await list_own("Hall")
    assert "Bob" not in await list_own("Hall")


async def test_own_goals_of_a_scope_are_hidden_from_who_may_not_see_them(world: World) -> None:
    async def list_own(actor: str, owner: str) -> list[str]:
        context = await world.authenticated_context(actor)
        scope = await scopes.find_scope(context, world.global_ids[owner])
        assert scope is not None
        return [goal.name for goal in await goals.goals_of_scope(context, scope, None, include_archived=False)]

    assert [await list_own("Mia", owner) for owner in ("Ann", "North", "company")] == [["Ann"], ["North"], ["company"]]
    assert await list_own("Ann", "Bob") == await list_own("Ann", "South") == []


async def test_goals_of_a_team_hide_no_goal_of_the_employee_with_the_same_id(world: World) -> None:
    context = await world.authenticated_context("Mia")
    team = await scopes.find_scope(context, world.global_ids["North"])
    [goal_id] = goals.decode_goal_ids([world.global_ids["goal of Ann"]])
    assert team is not None
    assert decode_global_id(world.global_ids["Ann"]) == ("Employee", team.id)

    await goals.goals_of_scope(context, team, None, include_archived=False)

    assert [goal and goal.name for goal in await goals.find_visible(context, [goal_id])] == ["Ann"]


@pytest.mark.parametrize("is_cached", [False, True])
async def test_visible_goals_come_in_the_order_of_their_ids_with_their_values(world: World, is_cached: bool) -> None:
    await world.mutate("recordCall", "Ann", direction="OUTBOUND")
    await world.mutate("recordCall", "Bob", direction="OUTBOUND")
    context = await world.authenticated_context("Ann")
    context.reference_cache = ReferenceCache(world.hub) if is_cached else None
    ids = goals.decode_goal_ids(
        [world.global_ids[f"goal of {owner}"] for owner in ("company", "Bob", "Ann", "company")] + ["x", "VGVhbTox"]
    )

    values = await goals.visible_goals_with_values(context, ids)

    assert ids[-2:] == [0, 0]
    assert [(goal.name, value) for goal, value in values.items()] == [("company", 2), ("Ann", 1)]
    assert [goal and goal.name for goal in await goals.find_visible(context, ids)] == [
        "company", None, "Ann", "company", None, None,
    ]  # fmt: skip


@pytest.mark.parametrize("scope", ["company", "Sales"])
async def test_list_of_goals_has_at_most_1000(world: World, scope: str) -> None:
    context = await world.authenticated_context("admin")
    ann, today = decode_global_id(world.global_ids["Ann"]), world.now.date()
    assert ann is not None
    await row_store.insert_all(
        [
            Goal(
                name=f"the last {days} days",
                owner_kind=OwnerKind.EMPLOYEE,
                owner_id=ann[1],
                metric="deals_won",
                target=1,
                kind=PeriodKind.CUSTOM,
                first_day=today - timedelta(days=days),
                last_day=today,
                created_at=world.now,
            )
            for days in range(1001)
        ]
    )

    listed = await goals.list_goals(context, world.global_ids[scope], None, "deals_won", include_archived=False)

    assert len(listed) == 1000


async def read_allocated(world: World, actor: str = "admin") -> dict[str, str | None]:
    data = await world.query("{ goals { name allocated } }", actor)
    return {goal["name"]: goal["allocated"] for goal in data["goals"]}


async def test_allocated_is_the_sum_of_the_targets_one_level_below(world: World) -> None:
    await set_goal(world, "Mia", "calls_made", "10", name="Mia")
    await set_goal(world, "Bob", "deals_won", "20", name="other metric")
    await set_goal(world, "Ann", "calls_made", "30", name="other period", period={"kind": "WEEK"})

    allocated = await read_allocated(world)

    assert {owner: allocated[owner] for owner in OWNERS} == {
        "Ann": None,
        "Bob": None,
        "North": "11",  # of Ann and Mia
        "South": "2",
        "Sales": "7",  # of North and South
        "company": "5",  # of Sales; nobody is in no team
    }


async def test_goal_of_an_employee_alone_has_nothing_allocated(world: World) -> None:
    data = await world.query("query($id: ID!) { goal(id: $id) { allocated } }", id=world.global_ids["goal of Ann"])

    assert data["goal"] == {"allocated": None}


async def test_allocated_is_hidden_from_who_may_not_see_each_part(world: World) -> None:
    assert await read_allocated(world, "Ann") == {"Ann": None, "North": "1", "Sales": None, "company": "5"}


async def test_ledger_entries_are_shown_to_their_employee_and_those_above(world: World) -> None:
    """An employee sees progress, but not entries, of team goals."""
    for owner in ("Ann", "North", "company"):
        await set_goal(world, owner, "deals_won", "9", name=f"deals of {owner}")
    for seller in ("Ann", "Ann", "Bob"):
        await record_won_deal(world, seller)

    async def count_entries(actor: str) -> dict[str, int]:
        data = await world.query('{ goals(metric: "deals_won") { name entries { totalCount } } }', actor)
        return {goal["name"].removeprefix("deals of "): goal["entries"]["totalCount"] for goal in data["goals"]}

    assert await count_entries("admin") == {"Ann": 2, "North": 2, "company": 3}
    assert await count_entries("Mia") == {"Ann": 2, "North": 2, "company": 0}
    assert await count_entries("Ann") == {"Ann": 2, "North": 0, "company": 0}
