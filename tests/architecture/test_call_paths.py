"""The call paths of docs/architecture.md: they are those of the code, and lead down through the layers only."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from tests.architecture.call_paths import CallRecord, record_calls
from tests.resolvers.alerts.alert_company import open_company
from tests.resolvers.forecasting.half_year_company import forecast, seasoned_company
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal, set_goal
from tests.source_tree import ROOT
from tests.subscription_recorder import subscribe

CARD: Final = """query($id: ID!) { employee(id: $id) {
  name goals { progress { value pace } } activities(first: 5) { edges { node { summary } } }
  tasks(first: 3) { edges { node { title } } } calls(first: 3) { edges { node { durationSeconds } } } } }"""
LEADERBOARD: Final = "subscription { leaderboard { total standings { rank value employee { name } } } }"

# What the server hands in, to be called from below.
INVERSIONS: Final = {
    "subscriptions/core/hub.py:Hub.publish",
    "subscriptions/core/hub.py:Hub.committed_position",
}


async def win_deal() -> CallRecord:
    async with open_world_with_two_sellers() as world:
        await set_goal(world, "Ann", "deals_won_amount", "9000")
        deal = await world.mutate("recordDeal", "Ann", title="Tables", amount={"amount": "400"})
        with record_calls() as record:
            await world.mutate("winDeal", "Ann", id=deal["deal"]["id"])
    return record


async def query_card() -> CallRecord:
    async with open_world_with_two_sellers() as world:
        await set_goal(world, "Ann", "deals_won_amount", "9000")
        await record_won_deal(world, "Ann", "400")
        with record_calls() as record:
            await world.query(CARD, id=world.global_ids["Ann"])
    return record


async def push_leaderboard() -> CallRecord:
    async with open_world_with_two_sellers() as world, subscribe(world, LEADERBOARD) as recorder:
        await recorder.wait_until(lambda: recorder.events)
        await world.let_tasks_run()
        sent = len(recorder.events)
        with record_calls() as record:
            await record_won_deal(world, "Ann", "400")
            await recorder.wait_until(lambda: len(recorder.events) > sent)
    return record


async def raise_alert() -> CallRecord:
    async with open_company() as world, subscribe(world, "subscription { alerts { message } }", "Mia") as recorder:
        deal = await world.mutate("recordDeal", "Ann", title="Chairs", amount={"amount": "100"})
        await world.let_tasks_run()
        with record_calls() as record:
            await world.mutate("loseDeal", "Ann", id=deal["deal"]["id"])
            await recorder.wait_until(lambda: recorder.events)
    return record


async def query_forecast() -> CallRecord:
    async with seasoned_company() as world:
        with record_calls() as record:
            await forecast(world)
    return record


PATHS: Final[dict[str, Callable[[], Awaitable[CallRecord]]]] = {
    "A won deal": win_deal,
    "An employee's card": query_card,
    "A push of a leaderboard": push_leaderboard,
    "An alert": raise_alert,
    "A forecast": query_forecast,
}


def read_documented_path(title: str) -> list[str]:
    page = (ROOT / "docs" / "architecture.md").read_text()
    section = page.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def test_page_has_exactly_the_recorded_paths() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()

    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == list(PATHS)


@pytest.mark.parametrize("title", PATHS)
async def test_call_path_is_that_of_the_page_and_leads_down_only(title: str) -> None:
    documented = read_documented_path(title)

    record = await PATHS[title]()

    called = [function for function in record.functions if function in documented]
    assert called == documented
    assert [call for call in record.calls if call.goes_up and call.function not in INVERSIONS] == []
