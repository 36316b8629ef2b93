"""Kinds of alert: every kind can be tried and raised, and one that this version does not know is skipped."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.alerts.rules import ALERT_DEFINITIONS, AlertKind
from models.alerts import alerts
from models.crm.activities import ActivityKind
from models.db import connection
from tests.resolvers.alerts.alert_company import (
    count_dry_run_alerts,
    fetch_inbox,
    lose_deal,
    open_company,
    set_only_rule,
)
from tests.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_company() as world:
        yield world


def test_every_definition_names_an_existing_activity() -> None:
    activities = {activity for definition in ALERT_DEFINITIONS.values() for activity in definition.events}

    assert activities <= set(ActivityKind), "domain/alerts/rules.py: `activity` is a name of ActivityKind"


async def test_every_kind_can_be_made_a_rule_and_tried(world: World) -> None:
    pipeline = (await world.mutate("savePipeline", name="Sales", stages=[{"name": "Offer"}]))["pipeline"]
    for kind in AlertKind:
        fields = {"stage": pipeline["stages"][0]["id"]} if ALERT_DEFINITIONS[kind].about_stage else {}
        await set_only_rule(world, kind, **fields)
        assert await count_dry_run_alerts(world, kind, **fields) == 0


async def test_rules_and_alerts_of_an_unknown_kind_are_skipped(world: World) -> None:
    deal = await lose_deal(world)
    await connection.execute("UPDATE raised_alert SET kind = 'FROM_THE_FUTURE'")
    await connection.execute("UPDATE alert_rule SET kind = 'FROM_THE_FUTURE' WHERE kind = 'DEAL_LOST'")
    rules = (await world.query("{ alertRules { kind } }"))["alertRules"]

    await world.mutate("reopenDeal", "Ann", id=deal)
    await lose_deal(world)

    assert {rule["kind"] for rule in rules} == {
        kind for kind, definition in ALERT_DEFINITIONS.items() if definition.default_recipients
    } - {AlertKind.DEAL_LOST}
    assert await fetch_inbox(world, "Mia") == []
    assert (await world.query("{ viewer { unreadAlerts } }", "Mia"))["viewer"]["unreadAlerts"] == 0
    assert await alerts.fetch_alerts([1]) == []
