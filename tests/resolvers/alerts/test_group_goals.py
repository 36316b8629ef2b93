"""Alerts about goals of groups: whose name they say, and whom they go to."""

from __future__ import annotations

import pytest

from domain.alerts.rules import Event
from resolvers.alerts.evaluation import raise_for_events
from tests.resolvers.alerts.alert_company import fetch_alert_kinds, fetch_inbox, open_company, set_only_rule
from tests.squads import add_squads


async def test_alert_of_a_group_of_any_kind_names_it_and_goes_to_the_managers_of_its_teams(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_squads(monkeypatch)
    async with open_company() as world:
        await set_only_rule(world, "GOAL_ACHIEVED")
        context = await world.authenticated_context("admin")
        event = Event("GOAL_ACHIEVED", ("Goal", 7), context.now(), None, None, ("SQUAD", 1), {"title": "Deals"})

        async with context.unit_of_work():
            await raise_for_events(context, [event])

        assert await fetch_alert_kinds(world) == {"Mia": ["GOAL_ACHIEVED"], "Max": ["GOAL_ACHIEVED"]}
        [alert] = await fetch_inbox(world, "Max")
        pipeline = (await world.query("{ pipelines { name } }"))["pipelines"][0]["name"]
        assert alert["message"] == f"{pipeline}: goal achieved: “Deals”"
