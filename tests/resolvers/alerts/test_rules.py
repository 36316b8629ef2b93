"""Alert rules: permissions, validation, replacement, and the dry run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from domain.alerts.rules import AlertKind
from domain.ledger.record_facts import DealStatus
from resolvers.crm.inputs import DealInput
from tests.resolvers.alerts.alert_company import (
    count_dry_run_alerts,
    fetch_alert_kinds,
    fetch_inbox,
    lose_deal,
    open_company,
    set_only_rule,
)
from tests.resolvers.two_sellers import record_won_deal, set_goal
from tests.world import World

RULES_QUERY = (
    "{ alertRules { kind enabled scope { name } minAmount days hours percent recipients channels coolDownHours } }"
)
DRY_RUN_QUERY = "query($input: AlertRuleInput!, $days: Int! = 30) { testAlertRule(input: $input, days: $days) { alerts perDay examples } }"
LOST_DEAL_RULE = {"kind": "DEAL_LOST", "recipients": ["MANAGER"]}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_company() as world:
        world.services.notification_channels = frozenset({"chat", "mail"})
        yield world


async def test_new_company_has_rules_for_the_manager_except_about_wins_and_stages(world: World) -> None:
    rules = (await world.query(RULES_QUERY))["alertRules"]

    assert {rule["kind"] for rule in rules} == set(AlertKind) - {AlertKind.DEAL_WON, AlertKind.DEAL_ENTERED_STAGE}
    assert all(rule["enabled"] for rule in rules)
    assert {rule["scope"]["name"] for rule in rules} == {"Acme"}
    by_kind = {rule["kind"]: rule for rule in rules}
    assert (by_kind["DEAL_STALLED"]["days"], by_kind["NO_ACTIVITY"]["days"]) == (14, 3)
    assert by_kind["GOAL_BEHIND"]["percent"] == 10.0
    assert by_kind["LEAD_UNTOUCHED"]["hours"] == 4
    assert by_kind["ASSIGNMENT_OVERDUE"]["recipients"] == ["MANAGER", "ASSIGNER"]
    assert all(rule["recipients"] == ["MANAGER"] for rule in rules if rule["kind"] != "ASSIGNMENT_OVERDUE")


async def test_alert_rules_are_visible_to_administrators_only(world: World) -> None:
    [rule, *_] = (await world.query("{ alertRules { id } }"))["alertRules"]
    for employee in ("Ann", "Mia", "Dora"):
        assert await world.query("{ alertRules { id } }", employee) == {"alertRules": []}
        payload = await world.try_mutation("createAlertRule", employee, **LOST_DEAL_RULE)
        assert [error["code"] for error in payload["userErrors"]] == ["FORBIDDEN"]
        result = await world.execute(DRY_RUN_QUERY, employee, input=LOST_DEAL_RULE)
        assert "Only an administrator" in result.errors[0].message
    await lose_deal(world)
    data = await world.query("{ alerts { edges { node { rule { id } } } } }", "Mia")
    assert data["alerts"]["edges"][0]["node"]["rule"] is None
    data = await world.query("query($id: ID!) { node(id: $id) { id } }", "Dora", id=rule["id"])
    assert data["node"] is None


@pytest.mark.parametrize(
    ("fields", "path", "code"),
    [
        ({"recipients": []}, ["input", "recipients"], "REQUIRED"),
        ({"kind": "DEAL_STALLED", "days": 0}, ["input", "days"], "OUT_OF_RANGE"),
        ({"kind": "NO_ACTIVITY", "days": 366}, ["input", "days"], "OUT_OF_RANGE"),
        ({"kind": "GOAL_BEHIND", "percent": 0.0}, ["input", "percent"], "OUT_OF_RANGE"),
        ({"kind": "GOAL_BEHIND", "percent": 100.5}, ["input", "percent"], "OUT_OF_RANGE"),
        ({"days": 3}, ["input", "days"], "INVALID"),
        ({"hours": 3}, ["input", "hours"], "INVALID"),
        ({"percent": 3.0}, ["input", "percent"], "INVALID"),
        ({"stage": "U3RhZ2U6MQ=="}, ["input", "stage"], "INVALID"),
        ({"kind": "NO_ACTIVITY", "minAmount": "5"}, ["input", "minAmount"], "INVALID"),
        ({"kind": "DEAL_ENTERED_STAGE"}, ["input", "stage"], "REQUIRED"),
        ({"kind": "DEAL_ENTERED_STAGE", "stage": "nowhere"}, ["input", "stage"], "NOT_FOUND"),
        ({"kind": "LEAD_UNTOUCHED", "hours": 0}, ["input", "hours"], "OUT_OF_RANGE"),
        ({"recipients": ["MANAGER", "ASSIGNER"]}, ["input", "recipients", "1"], "INVALID"),
        ({"minAmount": "-1"}, ["input", "minAmount"], "OUT_OF_RANGE"),
        ({"minAmount": "0.001"}, ["input", "minAmount"], "OUT_OF_RANGE"),
        ({"coolDownHours": -1}, ["input", "coolDownHours"], "OUT_OF_RANGE"),
        ({"channels": ["chat", "pigeon"]}, ["input", "channels", "1"], "NOT_FOUND"),
        ({"scope": "nobody"}, ["input", "scope"], "NOT_FOUND"),
    ],
)
async def test_invalid_rule_is_refused_with_the_field_path(
    world: World, fields: dict[str, Any], path: list[str], code: str
) -> None:
    payload = await world.try_mutation("createAlertRule", **(LOST_DEAL_RULE | fields))

    assert [(error["path"], error["code"]) for error in payload["userErrors"]] == [(path, code)]


async def test_rule_at_the_limits_of_its_fields_is_kept_and_beyond_them_refused(world: World) -> None:
    limits: list[dict[str, Any]] = [
        {"minAmount": "0.00", "coolDownHours": 0},
        {"minAmount": "0.01", "coolDownHours": 365 * 24},
        {"kind": "NO_ACTIVITY", "days": 1},
        {"kind": "NO_ACTIVITY", "days": 365},
        {"kind": "GOAL_BEHIND", "percent": 0.5},
        {"kind": "GOAL_BEHIND", "percent": 100.0},
        {"kind": "LEAD_UNTOUCHED", "hours": 1},
        {"kind": "LEAD_UNTOUCHED", "hours": 250 * 8},
    ]
    for fields in limits:
        await world.mutate("createAlertRule", **(LOST_DEAL_RULE | fields))
    rules = (await world.query("{ alertRules { kind days hours percent minAmount coolDownHours } }"))["alertRules"]
    kept = [{name: rule[name] for name in fields} for rule, fields in zip(rules[-len(limits) :], limits, strict=True)]
    assert kept == limits

    excesses: list[dict[str, Any]] = [{"coolDownHours": 365 * 24 + 1}, {"kind": "LEAD_UNTOUCHED", "hours": 250 * 8 + 1}]
    for fields in excesses:
        payload = await world.try_mutation("createAlertRule", **(LOST_DEAL_RULE | fields))
        assert [error["code"] for error in payload["userErrors"]] == ["OUT_OF_RANGE"]


async def test_rule_is_not_made_for_who_has_left_and_found_by_its_own_id_alone(world: World) -> None:
    await world.mutate("updateEmployee", id=world.global_ids["Bob"], active=False)
    payload = await world.try_mutation("createAlertRule", **LOST_DEAL_RULE, scope=world.global_ids["Bob"])
    assert [(error["path"], error["code"]) for error in payload["userErrors"]] == [(["input", "scope"], "CONFLICT")]

    document = "mutation($id: ID!) { deleteAlertRule(id: $id) { rule { id } userErrors { path code } } }"
    for global_id in ("nothing", world.global_ids["North"], "QWxlcnRSdWxlOjk5"):
        deletion = (await world.query(document, id=global_id))["deleteAlertRule"]
        assert deletion == {"rule": None, "userErrors": [{"path": ["id"], "code": "NOT_FOUND"}]}


async def test_update_replaces_the_whole_rule_and_deleted_rule_raises_nothing(world: World) -> None:
    rule = await set_only_rule(world, "DEAL_LOST", minAmount="50", coolDownHours=5, channels=["chat"])
    document = """mutation($id: ID!, $input: AlertRuleInput!) { updateAlertRule(id: $id, input: $input) {
      rule { id kind days minAmount channels coolDownHours } userErrors { code } } }"""
    data = await world.query(document, id=rule, input={"kind": "NO_ACTIVITY", "recipients": ["DIRECTORS"]})

    replaced = {"kind": "NO_ACTIVITY", "days": 3, "minAmount": None, "channels": [], "coolDownHours": None}
    assert data["updateAlertRule"] == {"rule": {"id": rule, **replaced}, "userErrors": []}
    delete_mutation = "mutation($id: ID!) { deleteAlertRule(id: $id) { rule { id } userErrors { path code } } }"
    assert (await world.query(delete_mutation, id=rule))["deleteAlertRule"]["rule"] == {"id": rule}
    second_deletion = await world.query(delete_mutation, id=rule)
    assert second_deletion["deleteAlertRule"] == {"rule": {"id": rule}, "userErrors": []}
    await lose_deal(world)
    assert await fetch_alert_kinds(world) == {}


async def test_rule_of_changed_kind_raises_alerts_despite_earlier_ones(world: World) -> None:
    rule = await set_only_rule(world, "DEAL_LOST")
    deal = await lose_deal(world)
    document = "mutation($id: ID!, $input: AlertRuleInput!) { updateAlertRule(id: $id, input: $input) { rule { id } } }"
    await world.query(document, id=rule, input={"kind": "DEAL_HAS_PROBLEMS", "recipients": ["MANAGER"]})
    await world.mutate("flagDeal", "Ann", id=deal, problem="they want it back")

    assert await fetch_alert_kinds(world) == {"Mia": ["DEAL_LOST", "DEAL_HAS_PROBLEMS"]}
    assert [alert["resolvedAt"] is None for alert in await fetch_inbox(world, "Mia")] == [False, True]


async def test_rule_is_created_once_with_the_same_idempotency_key(world: World) -> None:
    first_payload, second_payload = [
        await world.mutate("createAlertRule", **LOST_DEAL_RULE, idempotencyKey="k") for _ in range(2)
    ]

    assert first_payload == second_payload


async def test_rule_applies_its_scope_amount_and_recipients(world: World) -> None:
    await set_only_rule(
        world, "DEAL_LOST", scope=world.global_ids["North"], minAmount="100", recipients=["DIRECTORS", "EMPLOYEE"]
    )
    await world.mutate("setExchangeRate", currency="USD", rate="0.5")
    for employee, amount, currency in (("Ann", "99.99", "EUR"), ("Bob", "500", "EUR"), ("Ann", "199", "USD"), ("Ann", "200", "USD")):  # fmt: skip
        deal = await world.mutate(
            "recordDeal", employee, title="Chairs", amount={"amount": amount, "currency": currency}
        )
        await world.mutate("loseDeal", employee, id=deal["deal"]["id"])

    assert await fetch_alert_kinds(world) == {"Ann": ["DEAL_LOST"], "Dora": ["DEAL_LOST"]}


async def test_two_rules_alert_the_same_employee_twice_and_disabled_rule_never(world: World) -> None:
    await set_only_rule(world, "DEAL_LOST")
    await world.mutate("createAlertRule", **LOST_DEAL_RULE)
    await world.mutate("createAlertRule", **LOST_DEAL_RULE, enabled=False)
    await lose_deal(world)

    assert await fetch_alert_kinds(world) == {"Mia": ["DEAL_LOST"] * 2}


async def test_cool_down_suppresses_the_same_deal_only(world: World) -> None:
    await set_only_rule(world, "DEAL_LOST", coolDownHours=24)
    deal = await lose_deal(world)
    for hours in (1, 22, 3):
        world.advance(hours=hours)
        await world.mutate("reopenDeal", "Ann", id=deal)
        await world.mutate("loseDeal", "Ann", id=deal)
    await lose_deal(world)

    assert len(await fetch_inbox(world, "Mia")) == 3
    assert await count_dry_run_alerts(world, "DEAL_LOST", coolDownHours=24) == 3
    assert await count_dry_run_alerts(world, "DEAL_LOST") == 5


async def test_dry_run_counts_no_alert_within_the_cool_down_of_one_before_its_days(world: World) -> None:
    deal = await lose_deal(world)
    world.advance(hours=20)
    await world.mutate("reopenDeal", "Ann", id=deal)
    await world.mutate("loseDeal", "Ann", id=deal)
    world.advance(hours=10)

    assert await count_dry_run_alerts(world, "DEAL_LOST", past_days=1, coolDownHours=21) == 0
    assert await count_dry_run_alerts(world, "DEAL_LOST", past_days=1, coolDownHours=20) == 1


async def test_dry_run_shows_newest_alerts_and_raises_nothing(world: World) -> None:
    for number in range(7):
        world.advance(hours=24)
        await lose_deal(world, title=f"Deal {number}")
    before = await fetch_alert_kinds(world)
    data = (await world.query(DRY_RUN_QUERY, input=LOST_DEAL_RULE, days=10))["testAlertRule"]

    assert (data["alerts"], data["perDay"]) == (7, 0.7)
    assert data["examples"][0] == "Ann: deal lost: “Deal 6”, 100.00 EUR"
    assert len(data["examples"]) == 5
    assert (await world.query(DRY_RUN_QUERY, input=LOST_DEAL_RULE, days=1))["testAlertRule"]["alerts"] == 1
    assert await fetch_alert_kinds(world) == before


@pytest.mark.parametrize("days", [0, 3701])
async def test_dry_run_is_refused_when_days_are_out_of_range(world: World, days: int) -> None:
    result = await world.execute(DRY_RUN_QUERY, input=LOST_DEAL_RULE, days=days)

    assert result.errors[0].message == "Give a number from 1 to 3700."


async def test_dry_run_finds_a_lead_that_came_long_before_its_deadline(world: World) -> None:
    await world.mutate("recordLead", "Ann", title="Chairs")
    world.advance(days=200)

    hours = 130 * 9  # 130 working days: 182 days
    assert await count_dry_run_alerts(world, "LEAD_UNTOUCHED", past_days=30, hours=hours) == 1
    assert await count_dry_run_alerts(world, "LEAD_UNTOUCHED", past_days=10, hours=hours) == 0


async def test_dry_run_finds_a_stalled_deal_of_which_only_a_call_is_recent(world: World) -> None:
    deal = (await world.mutate("recordDeal", "Ann", title="Chairs", amount={"amount": "5"}))["deal"]["id"]
    world.advance(days=90)
    await world.mutate("recordCall", "Ann", direction="OUTBOUND", deal=deal)
    world.advance(days=8)
    rule = {"kind": "DEAL_STALLED", "days": 7, "recipients": ["MANAGER"]}

    dry_run = (await world.query(DRY_RUN_QUERY, input=rule, days=2))["testAlertRule"]

    assert dry_run["examples"] == ["Ann: nothing has happened with deal “Chairs”, 5.00 EUR for 7 days"]


async def test_dry_run_judges_a_stalled_deal_as_it_was_then(world: World) -> None:
    deal = (await world.mutate("recordDeal", "Ann", title="Chairs", amount={"amount": "50"}))["deal"]["id"]
    world.advance(days=8)
    await world.mutate("updateDeal", "Ann", id=deal, title="Tables", amount={"amount": "70"})
    rule = {"kind": "DEAL_STALLED", "days": 7, "recipients": ["MANAGER"]}

    dry_run = (await world.query(DRY_RUN_QUERY, input=rule))["testAlertRule"]

    assert dry_run["examples"] == ["Ann: nothing has happened with deal “Chairs”, 50.00 EUR for 7 days"]


async def test_dry_run_finds_no_stalled_deal_that_was_changed_after_it_was_closed(world: World) -> None:
    deal = await lose_deal(world)
    world.advance(days=1)
    await world.mutate("updateDeal", "Ann", id=deal, title="Tables")
    world.advance(days=30)

    assert await count_dry_run_alerts(world, "DEAL_STALLED", days=7) == 0


async def test_dry_run_counts_a_goal_each_time_it_falls_behind_and_not_each_day(world: World) -> None:
    await set_goal(world, "Ann", "deals_won", "1")
    world.advance(days=3)
    assert await count_dry_run_alerts(world, "GOAL_BEHIND", percent=10.0) == 1
    deal = await record_won_deal(world)
    world.advance(days=1)
    await world.mutate("reopenDeal", "Ann", id=deal)
    world.advance(days=2)

    assert await count_dry_run_alerts(world, "GOAL_BEHIND", percent=10.0) == 2


async def test_dry_run_includes_imported_history(world: World) -> None:
    from resolvers.crm import deals

    context = await world.authenticated_context("admin")
    async with context.unit_of_work():
        for days in (100, 50, 10):
            at = world.now - timedelta(days=days)
            owner = world.global_ids["Ann"]
            input = DealInput(title="Old", owner=owner, status=DealStatus.LOST, closed_at=at)
            await deals.upsert_deals(context, [input], notify=False)

    assert (await fetch_alert_kinds(world), await count_dry_run_alerts(world, "DEAL_LOST", past_days=60)) == ({}, 2)


async def test_dry_run_counts_equal_raised_alerts_after_a_simulated_month(world: World) -> None:
    rules = {
        "DEAL_LOST": {"minAmount": "40"},
        "DEAL_HAS_PROBLEMS": {},
        "DEAL_STALLED": {"days": 5, "minAmount": "40", "coolDownHours": 200},
        "TASK_OVERDUE": {},
        "ASSIGNMENT_OVERDUE": {},
        "GOAL_BEHIND": {"percent": 8.0, "coolDownHours": 48},
        "GOAL_ACHIEVED": {},
        "NO_ACTIVITY": {"days": 2, "scope": world.global_ids["Sales"]},
    }
    for number, (kind, fields) in enumerate(rules.items()):
        fields["recipients"] = ["DIRECTORS"]
        await (
            set_only_rule(world, kind, **fields) if not number else world.mutate("createAlertRule", kind=kind, **fields)
        )
    simulation = _MonthSimulation(world)
    await simulation.run(40)

    raised = [alert["kind"] for employee in ("Dora",) for alert in await fetch_inbox(world, employee)]
    counts = {kind: raised.count(kind) for kind in rules}
    assert counts == {kind: await count_dry_run_alerts(world, kind, **fields) for kind, fields in rules.items()}
    assert all(counts.values()), counts


class _MonthSimulation:
    """Simulates working days, some of them idle, while the scheduler runs only now and then."""

    def __init__(self, world: World) -> None:
        import random

        self.world, self.random = world, random.Random(4)
        self.deals: dict[str, list[str]] = {"Ann": [], "Bob": []}

    async def run(self, days: int) -> None:
        for owner in ("Ann", "North", "company"):
            for period in ({"kind": "MONTH"}, {"kind": "MONTH", "offset": 1}):
                await set_goal(self.world, owner, "deals_won_amount", "400", period=period)
        for _ in range(days):
            local = self.world.now.hour + 1
            await self.world.advance_and_run_jobs(hours=24 - local, seconds=1)  # past midnight in Berlin
            await self.world.advance_and_run_jobs(hours=9, seconds=-1)
            for employee in ("Ann", "Bob"):
                if self.random.random() < 0.55:
                    await self.record_random_activity(employee)

    async def record_random_activity(self, employee: str) -> None:
        world, random, deals = self.world, self.random, self.deals[employee]
        match random.randrange(6) if len(deals) > 2 else 0:
            case 0:
                amount_fields = {"amount": {"amount": str(random.randrange(100))}} if random.random() < 0.8 else {}
                deals.append(
                    (await world.mutate("recordDeal", employee, title="Chairs", **amount_fields))["deal"]["id"]
                )
            case 1:
                await world.mutate("loseDeal", employee, id=deals.pop(0))
            case 2:
                await world.mutate("flagDeal", employee, id=deals[0], problem=random.choice(["late", "later", None]))
            case 3:
                await world.mutate("updateDeal", employee, id=deals[-1], amount={"amount": str(random.randrange(100))})
            case 4:
                due = (world.now + timedelta(hours=random.randrange(1, 60))).isoformat()
                creator = random.choice([employee, "admin"])
                await world.mutate("createTask", creator, title="Call", assignee=world.global_ids[employee], dueAt=due)
            case 5:
                deal = await record_won_deal(world, employee, str(random.randrange(150)))
                if random.random() < 0.3:
                    await world.mutate("reopenDeal", employee, id=deal)
                    deals.append(deal)
