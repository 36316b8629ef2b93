"""Alert rules: permissions, validation, replacement, and the dry run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.resolvers.alerts.alert_company import inbox, lost, office, only, rehearsed, told
from tests.resolvers.two_sellers import goal, won
from tests.world import World

RULES = "{ alertRules { kind enabled scope { name } minAmount days percent recipients channels coolDownHours } }"
TEST = "query($input: AlertRuleInput!, $days: Int! = 30) { testAlertRule(input: $input, days: $days) { alerts perDay examples } }"
LOSSES = {"kind": "DEAL_LOST", "recipients": ["MANAGER"]}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with office() as world:
        world.services.channels = frozenset({"chat", "mail"})
        yield world


async def test_a_company_starts_with_a_rule_of_each_kind_for_the_manager(world: World) -> None:
    rules = (await world.ask(RULES))["alertRules"]

    assert [rule["kind"] for rule in rules] == [
        "DEAL_LOST", "DEAL_HAS_PROBLEMS", "DEAL_STALLED", "TASK_OVERDUE", "ASSIGNMENT_OVERDUE", "GOAL_BEHIND",
        "GOAL_ACHIEVED", "NO_ACTIVITY",
    ]  # fmt: skip
    assert all(rule["recipients"] == ["MANAGER"] and rule["enabled"] for rule in rules)
    assert {rule["scope"]["name"] for rule in rules} == {"Acme"}
    assert (rules[2]["days"], rules[5]["percent"], rules[7]["days"]) == (14, 10.0, 3)


async def test_rules_are_an_administrators_alone(world: World) -> None:
    [rule, *_] = (await world.ask("{ alertRules { id } }"))["alertRules"]
    for who in ("Ann", "Mia", "Dora"):
        assert await world.ask("{ alertRules { id } }", who) == {"alertRules": []}
        refused = await world.tried("createAlertRule", who, **LOSSES)
        assert [error["code"] for error in refused["userErrors"]] == ["FORBIDDEN"]
        result = await world.execute(TEST, who, input=LOSSES)
        assert "Only an administrator" in result.errors[0].message
    await lost(world)
    data = await world.ask("{ alerts { edges { node { rule { id } } } } }", "Mia")
    assert data["alerts"]["edges"][0]["node"]["rule"] is None
    data = await world.ask("query($id: ID!) { node(id: $id) { id } }", "Dora", id=rule["id"])
    assert data["node"] is None


@pytest.mark.parametrize(
    ("given", "path", "code"),
    [
        ({"recipients": []}, ["input", "recipients"], "REQUIRED"),
        ({"kind": "DEAL_STALLED", "days": 0}, ["input", "days"], "OUT_OF_RANGE"),
        ({"kind": "NO_ACTIVITY", "days": 366}, ["input", "days"], "OUT_OF_RANGE"),
        ({"kind": "GOAL_BEHIND", "percent": 0.0}, ["input", "percent"], "OUT_OF_RANGE"),
        ({"kind": "GOAL_BEHIND", "percent": 100.5}, ["input", "percent"], "OUT_OF_RANGE"),
        ({"minAmount": "-1"}, ["input", "minAmount"], "OUT_OF_RANGE"),
        ({"minAmount": "0.001"}, ["input", "minAmount"], "OUT_OF_RANGE"),
        ({"coolDownHours": -1}, ["input", "coolDownHours"], "OUT_OF_RANGE"),
        ({"channels": ["chat", "pigeon"]}, ["input", "channels", "1"], "NOT_FOUND"),
        ({"scope": "nobody"}, ["input", "scope"], "NOT_FOUND"),
    ],
)
async def test_a_rule_that_cannot_be_meant_is_refused_by_name(
    world: World, given: dict[str, Any], path: list[str], code: str
) -> None:
    refused = await world.tried("createAlertRule", **(LOSSES | given))

    assert [(error["path"], error["code"]) for error in refused["userErrors"]] == [(path, code)]


async def test_an_update_replaces_the_whole_rule_and_a_deleted_one_raises_nothing(world: World) -> None:
    rule = await only(world, "DEAL_LOST", minAmount="50", coolDownHours=5, channels=["chat"])
    document = """mutation($id: ID!, $input: AlertRuleInput!) { updateAlertRule(id: $id, input: $input) {
      rule { id kind days minAmount channels coolDownHours } userErrors { code } } }"""
    data = await world.ask(document, id=rule, input={"kind": "NO_ACTIVITY", "recipients": ["DIRECTORS"]})

    replaced = {"kind": "NO_ACTIVITY", "days": 3, "minAmount": None, "channels": [], "coolDownHours": None}
    assert data["updateAlertRule"] == {"rule": {"id": rule, **replaced}, "userErrors": []}
    gone = "mutation($id: ID!) { deleteAlertRule(id: $id) { rule { id } userErrors { path code } } }"
    assert (await world.ask(gone, id=rule))["deleteAlertRule"]["rule"] == {"id": rule}
    again = await world.ask(gone, id=rule)
    assert again["deleteAlertRule"]["userErrors"] == [{"path": ["id"], "code": "NOT_FOUND"}]
    await lost(world)
    assert await told(world) == {}


async def test_what_a_rule_told_when_it_was_of_another_kind_keeps_nothing_back(world: World) -> None:
    rule = await only(world, "DEAL_LOST")
    deal = await lost(world)
    document = "mutation($id: ID!, $input: AlertRuleInput!) { updateAlertRule(id: $id, input: $input) { rule { id } } }"
    await world.ask(document, id=rule, input={"kind": "DEAL_HAS_PROBLEMS", "recipients": ["MANAGER"]})
    await world.act("flagDeal", "Ann", id=deal, problem="they want it back")

    assert await told(world) == {"Mia": ["DEAL_LOST", "DEAL_HAS_PROBLEMS"]}
    assert [alert["resolvedAt"] is None for alert in await inbox(world, "Mia")] == [False, True]


async def test_the_same_key_makes_one_rule(world: World) -> None:
    first, again = [await world.act("createAlertRule", **LOSSES, idempotencyKey="k") for _ in range(2)]

    assert first == again


async def test_scope_amount_and_recipients_decide(world: World) -> None:
    await only(world, "DEAL_LOST", scope=world.ids["North"], minAmount="100", recipients=["DIRECTORS", "EMPLOYEE"])
    await world.act("setExchangeRate", currency="USD", rate="0.5")
    for who, amount, currency in (("Ann", "99.99", "EUR"), ("Bob", "500", "EUR"), ("Ann", "199", "USD"), ("Ann", "200", "USD")):  # fmt: skip
        deal = await world.act("recordDeal", who, title="Chairs", amount={"amount": amount, "currency": currency})
        await world.act("loseDeal", who, id=deal["deal"]["id"])

    assert await told(world) == {"Ann": ["DEAL_LOST"], "Dora": ["DEAL_LOST"]}


async def test_two_rules_tell_the_same_person_twice_and_a_disabled_one_nothing(world: World) -> None:
    await only(world, "DEAL_LOST")
    await world.act("createAlertRule", **LOSSES)
    await world.act("createAlertRule", **LOSSES, enabled=False)
    await lost(world)

    assert await told(world) == {"Mia": ["DEAL_LOST"] * 2}


async def test_within_the_cool_down_the_same_deal_is_not_raised_again_and_another_is(world: World) -> None:
    await only(world, "DEAL_LOST", coolDownHours=24)
    deal = await lost(world)
    for hours in (1, 22, 3):
        world.later(hours=hours)
        await world.act("reopenDeal", "Ann", id=deal)
        await world.act("loseDeal", "Ann", id=deal)
    await lost(world)

    assert len(await inbox(world, "Mia")) == 3
    assert await rehearsed(world, "DEAL_LOST", coolDownHours=24) == 3
    assert await rehearsed(world, "DEAL_LOST") == 5


async def test_a_test_shows_the_newest_and_raises_nothing(world: World) -> None:
    for number in range(7):
        world.later(hours=24)
        await lost(world, title=f"Deal {number}")
    before = await told(world)
    data = (await world.ask(TEST, input=LOSSES, days=10))["testAlertRule"]

    assert (data["alerts"], data["perDay"]) == (7, 0.7)
    assert data["examples"][0] == "Ann: deal lost: “Deal 6”, 100.00 EUR"
    assert len(data["examples"]) == 5
    assert (await world.ask(TEST, input=LOSSES, days=1))["testAlertRule"]["alerts"] == 1
    assert await told(world) == before


@pytest.mark.parametrize("days", [0, 3701])
async def test_a_test_is_of_one_to_3700_days(world: World, days: int) -> None:
    result = await world.execute(TEST, input=LOSSES, days=days)

    assert result.errors[0].message == "Give a number from 1 to 3700."


async def test_history_that_was_imported_is_tested_as_if_it_had_been_lived(world: World) -> None:
    from resolvers.crm import deals

    context = await world.admitted("admin")
    async with context.unit():
        for days in (100, 50, 10):
            at = world.now - timedelta(days=days)
            given = {"title": "Old", "owner": world.ids["Ann"], "status": "LOST", "closedAt": at}
            await deals.record(context, [given], aloud=False)

    assert (await told(world), await rehearsed(world, "DEAL_LOST", past=60)) == ({}, 2)


async def test_what_a_lived_month_raised_is_what_a_test_says_for_every_kind(world: World) -> None:
    rules = {
        "DEAL_LOST": {"minAmount": "40"},
        "DEAL_HAS_PROBLEMS": {},
        "DEAL_STALLED": {"days": 5, "minAmount": "40", "coolDownHours": 200},
        "TASK_OVERDUE": {},
        "ASSIGNMENT_OVERDUE": {},
        "GOAL_BEHIND": {"percent": 8.0, "coolDownHours": 48},
        "GOAL_ACHIEVED": {},
        "NO_ACTIVITY": {"days": 2, "scope": world.ids["Sales"]},
    }
    for number, (kind, given) in enumerate(rules.items()):
        given["recipients"] = ["DIRECTORS"]
        await (only(world, kind, **given) if not number else world.act("createAlertRule", kind=kind, **given))
    lives = _Month(world)
    await lives.through(40)

    raised = [alert["kind"] for who in ("Dora",) for alert in await inbox(world, who)]
    counts = {kind: raised.count(kind) for kind in rules}
    assert counts == {kind: await rehearsed(world, kind, **given) for kind, given in rules.items()}
    assert all(counts.values()), counts


class _Month:
    """Simulates working days, some of them idle, while the scheduler runs only now and then."""

    def __init__(self, world: World) -> None:
        import random

        self.world, self.dice = world, random.Random(4)
        self.deals: dict[str, list[str]] = {"Ann": [], "Bob": []}

    async def through(self, days: int) -> None:
        for owner in ("Ann", "North", "company"):
            for period in ({"kind": "MONTH"}, {"kind": "MONTH", "offset": 1}):
                await goal(self.world, owner, "deals_won_amount", "400", period=period)
        for _ in range(days):
            local = self.world.now.hour + 1
            await self.world.passes(hours=24 - local, seconds=1)  # past midnight in Berlin
            await self.world.passes(hours=9, seconds=-1)
            for who in ("Ann", "Bob"):
                if self.dice.random() < 0.55:
                    await self.act(who)

    async def act(self, who: str) -> None:
        world, dice, deals = self.world, self.dice, self.deals[who]
        match dice.randrange(6) if len(deals) > 2 else 0:
            case 0:
                given = {"amount": {"amount": str(dice.randrange(100))}} if dice.random() < 0.8 else {}
                deals.append((await world.act("recordDeal", who, title="Chairs", **given))["deal"]["id"])
            case 1:
                await world.act("loseDeal", who, id=deals.pop(0))
            case 2:
                await world.act("flagDeal", who, id=deals[0], problem=dice.choice(["late", "later", None]))
            case 3:
                await world.act("updateDeal", who, id=deals[-1], amount={"amount": str(dice.randrange(100))})
            case 4:
                due = (world.now + timedelta(hours=dice.randrange(1, 60))).isoformat()
                by = dice.choice([who, "admin"])
                await world.act("createTask", by, title="Call", assignee=world.ids[who], dueAt=due)
            case 5:
                deal = await won(world, who, str(dice.randrange(150)))
                if dice.random() < 0.3:
                    await world.act("reopenDeal", who, id=deal)
                    deals.append(deal)
