"""What the viewer may do, as screens ask it, and the groups that they choose a scope from."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.world import World, open_world

PERMISSIONS = "{ viewer { permissions { action reach } } }"
GROUPS = "{ groups { __typename name ... on Team { parent { name } } } }"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world("sqlite://:memory:") as world:
        await world.create_team("South")
        await world.create_team("North")
        await world.create_team("Far", "North")
        for name, role in (("Ann", "EMPLOYEE"), ("Max", "EMPLOYEE"), ("Dora", "DIRECTOR")):
            await world.create_employee(name, "North", role=role)
        await world.mutate("updateTeam", id=world.global_ids["Far"], manager=world.global_ids["Max"])
        yield world


async def test_permissions_follow_from_the_role_and_from_the_teams_that_an_employee_manages(world: World) -> None:
    reaches = {}
    for viewer in ("Ann", "Max", "Dora", "admin"):
        answer = await world.query(PERMISSIONS, viewer)
        permissions = {permission["action"]: permission["reach"] for permission in answer["viewer"]["permissions"]}
        reaches[viewer] = [permissions.get(action) for action in ("VIEW_CARD", "SET_GOALS", "ADMINISTER")]

    assert reaches == {
        "Ann": ["SELF", None, None],
        "Max": ["MANAGED", "MANAGED", None],
        "Dora": ["COMPANY", "COMPANY", None],
        "admin": ["COMPANY", "COMPANY", "COMPANY"],
    }


async def test_groups_are_the_company_and_each_team_after_its_parent(world: World) -> None:
    company = (await world.query("{ company { name } }"))["company"]["name"]

    groups = (await world.query(GROUPS, "Ann"))["groups"]

    assert [(group["__typename"], group["name"]) for group in groups] == [
        ("Company", company),
        ("Team", "North"),
        ("Team", "Far"),
        ("Team", "South"),
    ]
    assert groups[2]["parent"] == {"name": "North"}


async def test_device_of_a_team_is_offered_no_group_outside_of_it(world: World) -> None:
    device = await world.mutate("createDevice", name="Hall", kind="WALLBOARD", scope=world.global_ids["North"])
    world.tokens["Hall"] = device["token"]

    groups = (await world.query(GROUPS, "Hall"))["groups"]

    assert [group["name"] for group in groups if group["__typename"] == "Team"] == ["North", "Far"]


async def test_teams_of_a_scope_are_it_and_those_below(world: World) -> None:
    names = {}
    for scope in ("North", "South", "company", "Ann"):
        answer = await world.query("query($id: ID!) { teams(scope: $id) { name } }", "Ann", id=world.global_ids[scope])
        names[scope] = [team["name"] for team in answer["teams"]]

    assert names == {
        "North": ["North", "Far"],
        "South": ["South"],
        "company": ["North", "Far", "South"],
        "Ann": [],
    }
