"""Live alerts: each alert once, in order, to its recipient only, also across a reconnection."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from subscriptions.core.reference_cache import ReferenceCache
from tests.resolvers.alerts.alert_company import fetch_inbox, lose_deal, open_company
from tests.subscription_recorder import subscribe
from tests.world import World

ALERTS_SUBSCRIPTION = "subscription($after: String) { alerts(after: $after) { id kind message readAt employee { name } subject { __typename } } }"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_company() as world:
        yield world


async def test_alert_is_delivered_to_its_recipient_only(world: World) -> None:
    async with (
        subscribe(world, ALERTS_SUBSCRIPTION, "Mia") as mia,
        subscribe(world, ALERTS_SUBSCRIPTION, "Max") as max_,
        subscribe(world, ALERTS_SUBSCRIPTION, "Dora") as dora,
    ):
        await world.let_tasks_run()
        await lose_deal(world)
        await lose_deal(world, "Bob")
        await mia.wait_until(lambda: len(mia.events) == 1)
        await max_.wait_until(lambda: len(max_.events) == 1)
        await world.let_tasks_run()

        assert [event["alerts"]["employee"]["name"] for event in mia.events + max_.events] == ["Ann", "Bob"]
        assert dora.events == []


async def test_alert_has_its_employee_when_the_reference_cache_has_the_row(world: World) -> None:
    world.reference_cache = ReferenceCache(world.hub)
    async with subscribe(world, ALERTS_SUBSCRIPTION, "Mia") as mia:
        await world.let_tasks_run()
        for count in (1, 2):
            await lose_deal(world, title=f"Deal {count}")
            await mia.wait_until(lambda: len(mia.events) == count or mia.errors)  # noqa: B023 - awaited within the loop

    assert mia.errors == []
    assert [event["alerts"]["employee"]["name"] for event in mia.events] == ["Ann", "Ann"]


async def test_after_cursor_delivers_alerts_missed_between_connections(world: World) -> None:
    for title in ("One", "Two", "Three"):
        await lose_deal(world, title=title)
    first, *_ = await fetch_inbox(world, "Mia")
    data = await world.query("{ alerts(last: 1) { edges { cursor } } }", "Mia")
    cursor = data["alerts"]["edges"][0]["cursor"]
    for number, after in enumerate((first["id"], cursor)):
        async with subscribe(world, ALERTS_SUBSCRIPTION, "Mia", after=after) as mia:
            await mia.wait_until(lambda events=mia.events, minimum=2 + number: len(events) == minimum)
            await lose_deal(world, title="Another")
            await mia.wait_until(lambda events=mia.events, minimum=3 + number: len(events) == minimum)

            assert [event["alerts"]["id"] for event in mia.events] == [
                alert["id"] for alert in await fetch_inbox(world, "Mia")
            ][1:]


@pytest.mark.parametrize("employee", ["Max", "admin"])
async def test_unknown_or_foreign_cursor_ends_the_subscription(world: World, employee: str) -> None:
    await lose_deal(world)
    [alert] = await fetch_inbox(world, "Mia")
    for after in (alert["id"], "nonsense"):
        async with subscribe(world, ALERTS_SUBSCRIPTION, employee, after=after) as listener:
            await listener.wait_until(lambda errors=listener.errors: errors)
            assert listener.errors[0].original_error.code == "CURSOR_UNKNOWN"


async def test_device_receives_no_alerts(world: World) -> None:
    await world.create_device("CRM", "INTEGRATION")
    async with subscribe(world, ALERTS_SUBSCRIPTION, "CRM") as crm:
        await world.let_tasks_run()
        await lose_deal(world)
        await world.let_tasks_run()

        assert (crm.events, crm.errors) == ([], [])
