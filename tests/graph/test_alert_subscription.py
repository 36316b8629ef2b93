"""Live alerts: each alert once, in order, to its recipient only, also across a reconnection."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.graph.test_subscriptions import listening
from tests.resolvers.alerts.alert_company import inbox, lost, office
from tests.world import World

ALERTS = "subscription($after: String) { alerts(after: $after) { id kind message readAt employee { name } subject { __typename } } }"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with office() as world:
        yield world


async def test_an_alert_is_heard_by_its_recipient_and_by_nobody_else(world: World) -> None:
    async with (
        listening(world, ALERTS, "Mia") as mia,
        listening(world, ALERTS, "Max") as max_,
        listening(world, ALERTS, "Dora") as dora,
    ):
        await world.hub_settled()
        await lost(world)
        await lost(world, "Bob")
        await mia.until(lambda: len(mia.heard) == 1)
        await max_.until(lambda: len(max_.heard) == 1)
        await world.hub_settled()

        assert [one["alerts"]["employee"]["name"] for one in mia.heard + max_.heard] == ["Ann", "Bob"]
        assert dora.heard == []


async def test_with_after_nothing_is_missed_between_two_connections(world: World) -> None:
    for title in ("One", "Two", "Three"):
        await lost(world, title=title)
    first, *_ = await inbox(world, "Mia")
    data = await world.ask("{ alerts(last: 1) { edges { cursor } } }", "Mia")
    cursor = data["alerts"]["edges"][0]["cursor"]
    for number, after in enumerate((first["id"], cursor)):
        async with listening(world, ALERTS, "Mia", after=after) as mia:
            await mia.until(lambda heard=mia.heard, least=2 + number: len(heard) == least)
            await lost(world, title="Another")
            await mia.until(lambda heard=mia.heard, least=3 + number: len(heard) == least)

            assert [one["alerts"]["id"] for one in mia.heard] == [each["id"] for each in await inbox(world, "Mia")][1:]


@pytest.mark.parametrize("who", ["Max", "admin"])
async def test_an_unknown_cursor_or_somebody_elses_ends_the_subscription(world: World, who: str) -> None:
    await lost(world)
    [alert] = await inbox(world, "Mia")
    for after in (alert["id"], "nonsense"):
        async with listening(world, ALERTS, who, after=after) as heard:
            await heard.until(lambda errors=heard.errors: errors)
            assert heard.errors[0].original_error.code == "CURSOR_UNKNOWN"


async def test_a_device_hears_nothing(world: World) -> None:
    await world.device("CRM", "INTEGRATION")
    async with listening(world, ALERTS, "CRM") as crm:
        await world.hub_settled()
        await lost(world)
        await world.hub_settled()

        assert (crm.heard, crm.errors) == ([], [])
