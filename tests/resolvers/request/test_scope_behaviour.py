"""Scopes of any kind: the product asks the key of a scope, here of a kind that it does not have, what is its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.primitives.global_ids import encode_global_id
from models.db import connection
from models.organization.scopes import COMPANY, TeamScope
from resolvers.request import scopes
from tests.squads import SquadScope, add_squads
from tests.world import World, open_world

SQUAD = SquadScope(1)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Open a company: Ann is in North, of the squad, below Mia; Eve is in East, outside of it; Max manages North and South."""
    async with open_world("sqlite://:memory:") as world:
        await world.create_team("Sales")
        for team in ("North", "South", "East"):
            await world.create_team(team, "Sales")
        for name, team_name in (("Ann", "North"), ("Eve", "East"), ("Max", None), ("Mia", None)):
            await world.create_employee(name, team_name)
        for team, manager in (("North", "Max"), ("South", "Max"), ("East", "Mia")):
            await world.mutate("updateTeam", id=world.global_ids[team], manager=world.global_ids[manager])
        add_squads(monkeypatch)
        yield world


@pytest.mark.parametrize(
    ("viewer", "is_visible"), [("Ann", True), ("Max", True), ("admin", True), ("Eve", False), ("Mia", False)]
)
async def test_goals_of_a_group_are_visible_to_its_members_and_to_those_above_it(
    world: World, viewer: str, is_visible: bool
) -> None:
    context = await world.authenticated_context(viewer)

    assert context.viewer.can_see_goals_of(SQUAD, None) is is_visible
    assert context.viewer.can_see_goals_of(COMPANY, None)


async def test_scope_of_any_kind_is_found_by_its_global_id_and_by_its_key(world: World) -> None:
    context = await world.authenticated_context("admin")

    scope = await scopes.find_scope(context, encode_global_id("Pipeline", 1))
    rows = await scopes.load_scope_rows(context, [SQUAD, COMPANY])

    assert scope is not None
    assert scope.key == SQUAD
    assert scope.row.id == rows[SQUAD].id == 1
    assert rows[COMPANY] == await context.company()
    assert await scopes.find_scope(context, encode_global_id("Pipeline", 99)) is None
    assert await scopes.find_scope(context, encode_global_id("Deal", 1)) is None


async def test_group_is_within_the_groups_that_have_all_its_teams(world: World) -> None:
    tree = (await world.authenticated_context("admin")).tree
    sales, north = (
        TeamScope(team.id) for name in ("Sales", "North") for team in tree.teams.values() if team.name == name
    )

    assert [SQUAD.is_within(scope, tree) for scope in (SQUAD, sales, north, COMPANY)] == [True, True, False, True]
    assert [scope.is_within(SQUAD, tree) for scope in (sales, north, COMPANY)] == [False, True, False]


@pytest.mark.parametrize(("viewer", "is_visible"), [("Ann", True), ("Max", True), ("Mia", False)])
async def test_activity_about_a_goal_without_a_team_is_visible_by_the_owner_of_the_goal(
    world: World, viewer: str, is_visible: bool
) -> None:
    input = {"owner": world.global_ids["Sales"], "metric": "deals_won", "target": "3", "period": {"kind": "MONTH"}}
    await world.mutate("setGoal", **input)
    await connection.execute("UPDATE goal SET owner_kind = 'SQUAD', owner_id = 1")
    await connection.execute("UPDATE activity SET team_id = NULL WHERE kind = 'GOAL_SET'")

    feed = await world.query(
        "query($id: ID!) { activities(scope: $id, first: 9, kinds: [GOAL_SET]) { edges { node { kind } } } }",
        viewer,
        id=world.global_ids["Sales"],
    )

    assert bool(feed["activities"]["edges"]) is is_visible
