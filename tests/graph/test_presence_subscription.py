"""Presence subscription: employees going online and offline."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from resolvers.organization import people
from tests.subscription_recorder import SubscriptionRecorder, subscribe
from tests.world import World, cache_company, open_world

PRESENCE_SUBSCRIPTION = "subscription($scope: ID) { presence(scope: $scope) { name online active } }"


@cache_company
async def open_company(url: str = "sqlite://:memory:") -> AsyncIterator[World]:
    async with open_world(url) as world:
        await world.create_team("Sales")
        await world.create_employee("Ann", "Sales")
        await world.create_employee("Bob", "Sales")
        yield world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_company() as world:
        yield world


def online_events(listener: SubscriptionRecorder) -> list[tuple[str, bool]]:
    return [(event["presence"]["name"], event["presence"]["online"]) for event in listener.events]


async def set_online(world: World, *names: str, process: str = "one") -> None:
    """Set the employees with an open socket in a process to exactly these."""
    employee_ids = [(await world.authenticated_context(name)).viewer.id or 0 for name in names]
    if await people.report_presence(process, employee_ids, world.now):
        world.hub.notify()


async def test_presence_sends_all_employees_first_then_changes(world: World) -> None:
    async with subscribe(world, PRESENCE_SUBSCRIPTION, "Bob", scope=world.global_ids["Sales"]) as presence:
        await presence.wait_until(lambda: len(presence.events) == 2)
        assert online_events(presence) == [("Ann", False), ("Bob", False)]
        await set_online(world, "Ann")
        await presence.wait_until(lambda: len(presence.events) == 3)
        await set_online(world, "Ann", "Bob")
        await presence.wait_until(lambda: len(presence.events) == 4)
        await set_online(world)
        await presence.wait_until(lambda: len(presence.events) == 6)

    assert online_events(presence)[2:] == [("Ann", True), ("Bob", True), ("Ann", False), ("Bob", False)]


async def test_employee_with_two_sockets_is_online_until_both_close(world: World) -> None:
    async with subscribe(world, PRESENCE_SUBSCRIPTION, "Bob", scope=world.global_ids["Ann"]) as presence:
        await set_online(world, "Ann", process="one")
        await set_online(world, "Ann", process="two")
        await presence.wait_until(lambda: ("Ann", True) in online_events(presence))
        await set_online(world, process="one")
        await set_online(world, "Bob", process="two")
        await presence.wait_until(lambda: online_events(presence)[-1] == ("Ann", False))

    assert online_events(presence) in ([("Ann", False), ("Ann", True), ("Ann", False)], [("Ann", True), ("Ann", False)])


async def test_heartbeat_sets_employee_online(world: World) -> None:
    async with subscribe(world, PRESENCE_SUBSCRIPTION, "Bob", scope=world.global_ids["Ann"]) as presence:
        await presence.wait_until(lambda: len(presence.events) == 1)
        await world.query("mutation { heartbeat { online } }", "Ann")
        await presence.wait_until(lambda: len(presence.events) == 2)

    assert online_events(presence) == [("Ann", False), ("Ann", True)]


async def test_employee_of_dead_process_goes_offline_after_expiry(world: World) -> None:
    await set_online(world, "Ann")
    world.advance(seconds=74.9)
    async with subscribe(world, PRESENCE_SUBSCRIPTION, "Bob", scope=world.global_ids["Ann"]) as presence:
        await presence.wait_until(lambda: len(presence.events) == 1)
        world.advance(seconds=0.2)
        await presence.wait_until(lambda: len(presence.events) == 2)

    assert online_events(presence) == [("Ann", True), ("Ann", False)]


async def test_new_removed_or_renamed_employee_is_sent(world: World) -> None:
    async with subscribe(world, PRESENCE_SUBSCRIPTION, "Bob", scope=world.global_ids["Sales"]) as presence:
        await presence.wait_until(lambda: len(presence.events) == 2)
        await world.create_employee("Cid", "Sales")
        await presence.wait_until(lambda: len(presence.events) == 3)
        await world.mutate("updateEmployee", id=world.global_ids["Ann"], name="Anna")
        await presence.wait_until(lambda: len(presence.events) == 4)
        await world.mutate("updateEmployee", id=world.global_ids["Cid"], active=False)
        await presence.wait_until(lambda: len(presence.events) == 5)
        await world.mutate("updateEmployee", id=world.global_ids["Ann"], team=None)
        await presence.wait_until(lambda: len(presence.events) == 6)

    active_events = [(event["presence"]["name"], event["presence"]["active"]) for event in presence.events[2:]]
    assert active_events == [("Cid", True), ("Anna", True), ("Cid", False), ("Anna", True)]


async def test_presence_defaults_to_widest_scope_and_rejects_scope_out_of_reach(world: World) -> None:
    await world.create_team("South")
    await world.create_device("Telephony", "INTEGRATION", "Sales")
    async with subscribe(world, PRESENCE_SUBSCRIPTION, "Ann") as company_listener:
        await company_listener.wait_until(lambda: len(company_listener.events) == 3)
    async with subscribe(world, PRESENCE_SUBSCRIPTION, "Telephony") as team_listener:
        await team_listener.wait_until(lambda: len(team_listener.events) == 2)
    async with subscribe(
        world, PRESENCE_SUBSCRIPTION, "Telephony", scope=world.global_ids["South"]
    ) as rejected_listener:
        await rejected_listener.wait_until(lambda: rejected_listener.errors)

    assert rejected_listener.errors[0].original_error.code == "NOT_FOUND"
