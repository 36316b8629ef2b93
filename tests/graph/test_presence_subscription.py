"""Presence subscription: employees going online and offline."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from resolvers.organization import people
from tests.graph.test_subscriptions import Listener, listening
from tests.world import World, opened

PRESENCE = "subscription($scope: ID) { presence(scope: $scope) { name online active } }"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with opened("sqlite://:memory:") as world:
        await world.team("Sales")
        await world.hire("Ann", "Sales")
        await world.hire("Bob", "Sales")
        yield world


def heard(listener: Listener) -> list[tuple[str, bool]]:
    return [(one["presence"]["name"], one["presence"]["online"]) for one in listener.heard]


async def come(world: World, *names: str, process: str = "one") -> None:
    """Set the employees with an open socket in a process to exactly these."""
    numbers = [(await world.admitted(name)).viewer.id or 0 for name in names]
    if await people.attend(process, numbers, world.now):
        world.services.ring()


async def test_everybody_is_sent_first_and_then_who_comes_and_goes(world: World) -> None:
    async with listening(world, PRESENCE, "Bob", scope=world.ids["Sales"]) as presence:
        await presence.until(lambda: len(presence.heard) == 2)
        assert heard(presence) == [("Ann", False), ("Bob", False)]
        await come(world, "Ann")
        await presence.until(lambda: len(presence.heard) == 3)
        await come(world, "Ann", "Bob")
        await presence.until(lambda: len(presence.heard) == 4)
        await come(world)
        await presence.until(lambda: len(presence.heard) == 6)

    assert heard(presence)[2:] == [("Ann", True), ("Bob", True), ("Ann", False), ("Bob", False)]


async def test_who_has_two_sockets_is_there_until_both_are_closed(world: World) -> None:
    async with listening(world, PRESENCE, "Bob", scope=world.ids["Ann"]) as presence:
        await come(world, "Ann", process="one")
        await come(world, "Ann", process="two")
        await presence.until(lambda: ("Ann", True) in heard(presence))
        await come(world, process="one")
        await come(world, "Bob", process="two")
        await presence.until(lambda: heard(presence)[-1] == ("Ann", False))

    assert heard(presence) in ([("Ann", False), ("Ann", True), ("Ann", False)], [("Ann", True), ("Ann", False)])


async def test_a_heartbeat_is_a_sign_of_life(world: World) -> None:
    async with listening(world, PRESENCE, "Bob", scope=world.ids["Ann"]) as presence:
        await presence.until(lambda: len(presence.heard) == 1)
        await world.ask("mutation { heartbeat { online } }", "Ann")
        await presence.until(lambda: len(presence.heard) == 2)

    assert heard(presence) == [("Ann", False), ("Ann", True)]


async def test_one_whose_process_died_counts_as_gone_after_a_while_though_nobody_says_so(world: World) -> None:
    await come(world, "Ann")
    world.later(seconds=74.9)
    async with listening(world, PRESENCE, "Bob", scope=world.ids["Ann"]) as presence:
        await presence.until(lambda: len(presence.heard) == 1)
        world.later(seconds=0.2)
        await presence.until(lambda: len(presence.heard) == 2)

    assert heard(presence) == [("Ann", True), ("Ann", False)]


async def test_who_is_new_leaves_or_is_renamed_is_sent(world: World) -> None:
    async with listening(world, PRESENCE, "Bob", scope=world.ids["Sales"]) as presence:
        await presence.until(lambda: len(presence.heard) == 2)
        await world.hire("Cid", "Sales")
        await presence.until(lambda: len(presence.heard) == 3)
        await world.act("updateEmployee", id=world.ids["Ann"], name="Anna")
        await presence.until(lambda: len(presence.heard) == 4)
        await world.act("updateEmployee", id=world.ids["Cid"], active=False)
        await presence.until(lambda: len(presence.heard) == 5)
        await world.act("updateEmployee", id=world.ids["Ann"], team=None)
        await presence.until(lambda: len(presence.heard) == 6)

    shown = [(one["presence"]["name"], one["presence"]["active"]) for one in presence.heard[2:]]
    assert shown == [("Cid", True), ("Anna", True), ("Cid", False), ("Anna", True)]


async def test_the_widest_scope_is_the_company_and_out_of_reach_there_is_none(world: World) -> None:
    await world.team("South")
    await world.device("Telephony", "INTEGRATION", "Sales")
    async with listening(world, PRESENCE, "Ann") as everybody:
        await everybody.until(lambda: len(everybody.heard) == 3)
    async with listening(world, PRESENCE, "Telephony") as team:
        await team.until(lambda: len(team.heard) == 2)
    async with listening(world, PRESENCE, "Telephony", scope=world.ids["South"]) as nothing:
        await nothing.until(lambda: nothing.errors)

    assert nothing.errors[0].original_error.code == "NOT_FOUND"
