"""Property tests of the ledger: after any edits, goals and leaderboards equal a recomputation from the records."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from resolvers.ledger.reconciliation import reconcile
from tests.seeds import each_seed
from tests.world import World, open_world

SELLERS = ("Ann", "Bob", "Кирилл")
TEAMS = ("North", "South")
CLIENTS = ("Romashka", "Vector")
ZONE = ZoneInfo("Europe/Berlin")
RATES = {
    "EUR": [(date(1970, 1, 1), Decimal(1))],
    "USD": [(date(2026, 9, 1), Decimal("0.9")), (date(2026, 11, 10), Decimal("0.8125"))],
}
METRICS = (
    "deals_won", "deals_won_amount", "deals_won_profit", "first_deals_won", "first_deals_won_amount",
    "repeat_deals_won", "repeat_deals_won_amount", "deals_created",
)  # fmt: skip
STEPS = st.lists(st.tuples(st.sampled_from(
    ["record", "record won", "win", "lose", "reopen", "re-price", "re-date", "cost", "move", "reassign", "move credit",
     "hand client", "delete", "change team", "later", "again"],
), st.integers(0, 2**20)), max_size=40)  # fmt: skip


@dataclass
class ExpectedDeal:
    """Expected state of a deal, kept by a simple implementation of the rules."""

    id: str
    number: int
    owner: str
    amount: Decimal | None
    currency: str
    cost: Decimal | None
    client: str | None
    created_at: datetime
    creation_credit: tuple[str, str]
    status: str = "OPEN"
    closed_at: datetime | None = None
    win_credit: tuple[str, str] | None = None
    is_deleted: bool = False


@dataclass
class ReferenceLedger:
    world: World
    random_source: random.Random
    deals: list[ExpectedDeal] = field(default_factory=list)
    memberships: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)

    def team_at(self, seller: str, moment: datetime) -> str:
        stays = self.memberships[seller]
        return next((team for since, team in reversed(stays) if since <= moment), stays[0][1])

    def convert_amount(self, amount: Decimal, currency: str, day: date) -> Decimal:
        rates = RATES[currency]
        rate = next((rate for since, rate in reversed(rates) if since <= day), rates[0][1])
        return (amount * rate).quantize(Decimal("0.01"), ROUND_HALF_EVEN)

    def compute_scores(self) -> dict[tuple[str, str, str, date], Decimal]:
        """Return the expected scores of all deals in their current state: by metric, seller, team and day."""
        totals: dict[tuple[str, str, str, date], Decimal] = defaultdict(Decimal)
        existing_deals = [deal for deal in self.deals if not deal.is_deleted]
        first_wins: dict[str, ExpectedDeal] = {}
        for deal in sorted(
            (deal for deal in existing_deals if deal.status == "WON"), key=lambda deal: (deal.closed_at, deal.number)
        ):
            if deal.client:
                first_wins.setdefault(deal.client, deal)
        for deal in existing_deals:
            totals["deals_created", *deal.creation_credit, deal.created_at.astimezone(ZONE).date()] += 1
            if deal.status != "WON":
                continue
            assert deal.closed_at and deal.win_credit and deal.amount is not None
            day = deal.closed_at.astimezone(ZONE).date()
            value = self.convert_amount(deal.amount, deal.currency, day)
            kind = "first" if not deal.client or first_wins[deal.client] is deal else "repeat"
            for prefix in ("", f"{kind}_"):
                totals[f"{prefix}deals_won", *deal.win_credit, day] += 1
                totals[f"{prefix}deals_won_amount", *deal.win_credit, day] += value
            if deal.cost is not None:
                totals["deals_won_profit", *deal.win_credit, day] += value - self.convert_amount(
                    deal.cost, deal.currency, day
                )
        return totals

    def pick_deal(self, *statuses: str) -> ExpectedDeal | None:
        candidates = [deal for deal in self.deals if not deal.is_deleted and deal.status in statuses]
        return self.random_source.choice(candidates) if candidates else None

    def make_money(self, amount: Decimal, currency: str) -> dict[str, str]:
        return {"amount": str(amount), "currency": currency}

    def random_moment(self, after: datetime) -> datetime:
        """Return a random time between `after` and now, in whole seconds."""
        seconds = int((self.world.now - after).total_seconds())
        return after + timedelta(seconds=self.random_source.randint(0, max(0, seconds)))

    async def apply_step(self, step: str) -> None:
        world, random_source = self.world, self.random_source
        if step == "later":
            world.advance(hours=random_source.choice((1, 30, 24 * 9)))
        elif step == "change team":
            seller = random_source.choice(SELLERS)
            team = random_source.choice(TEAMS)
            await world.mutate("updateEmployee", id=world.global_ids[seller], team=world.global_ids[team])
            self.memberships[seller].append((world.now, team))
        elif step in ("record", "record won"):
            await self.record_deal(is_won=step == "record won")
        elif step == "win" and (deal := self.pick_deal("OPEN", "LOST")):
            at = self.random_moment(max(deal.created_at, world.now - timedelta(days=40)))
            amount_input = {} if deal.amount is not None else {"amount": self.make_money(Decimal("70.07"), "EUR")}
            await world.mutate("winDeal", id=deal.id, at=at.isoformat(), **amount_input)
            if deal.amount is None:
                deal.amount, deal.currency = Decimal("70.07"), "EUR"
            deal.status, deal.closed_at = "WON", at
            deal.win_credit = (deal.owner, self.team_at(deal.owner, at))
        elif step == "lose" and (deal := self.pick_deal("OPEN", "WON")):
            await world.mutate("loseDeal", id=deal.id, reason="price")
            deal.status, deal.closed_at, deal.win_credit = "LOST", world.now, None
        elif step == "reopen" and (deal := self.pick_deal("WON", "LOST")):
            await world.mutate("reopenDeal", id=deal.id)
            deal.status, deal.closed_at, deal.win_credit = "OPEN", None, None
            if deal.creation_credit[0] != deal.owner:
                deal.creation_credit = (deal.owner, self.team_at(deal.owner, world.now))
        elif step == "re-price" and (deal := self.pick_deal("OPEN", "WON", "LOST")):
            deal.amount, deal.currency = (
                Decimal(random_source.randint(0, 10**7)) / 100,
                random_source.choice(("EUR", "USD")),
            )
            cost_input = {"cost": self.make_money(deal.cost, deal.currency)} if deal.cost is not None else {}
            await world.mutate(
                "updateDeal", id=deal.id, amount=self.make_money(deal.amount, deal.currency), **cost_input
            )
        elif step == "re-date" and (deal := self.pick_deal("WON")):
            deal.closed_at = self.random_moment(max(deal.created_at, world.now - timedelta(days=40)))
            await world.mutate("updateDeal", id=deal.id, closedAt=deal.closed_at.isoformat())
        elif step == "cost" and (deal := self.pick_deal("OPEN", "WON")):
            deal.cost = None if random_source.random() < 0.3 else Decimal(random_source.randint(0, 10**5)) / 100
            cost = None if deal.cost is None else self.make_money(deal.cost, deal.currency)
            await world.mutate("updateDeal", id=deal.id, cost=cost)
        elif step == "move" and (deal := self.pick_deal("OPEN")):
            await world.mutate("moveDeal", id=deal.id, stage=random_source.choice(world.stage_ids))
        elif step == "reassign" and (deal := self.pick_deal("OPEN", "WON", "LOST")):
            await self.reassign_deal(deal, move_credit=False)
        elif step == "move credit" and (deal := self.pick_deal("WON")):
            await self.reassign_deal(deal, move_credit=True)
        elif step == "hand client" and (deal := self.pick_deal("OPEN", "WON")):
            deal.client = random_source.choice((*CLIENTS, None))
            await world.mutate("updateDeal", id=deal.id, client=world.global_ids[deal.client] if deal.client else None)
        elif step == "delete" and (deal := self.pick_deal("OPEN", "WON", "LOST")):
            await world.query("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=deal.id)
            deal.is_deleted = True
        elif step == "again" and (deal := self.pick_deal("OPEN", "WON", "LOST")):
            await world.mutate("updateDeal", id=deal.id, title="The same")

    async def record_deal(self, *, is_won: bool) -> None:
        world, random_source = self.world, self.random_source
        owner, client = random_source.choice(SELLERS), random_source.choice((*CLIENTS, None))
        created_at = self.random_moment(world.now - timedelta(days=60))
        amount = Decimal(random_source.randint(0, 10**7)) / 100 if is_won or random_source.random() < 0.8 else None
        currency = random_source.choice(("EUR", "USD")) if amount is not None else "EUR"
        deal = ExpectedDeal(
            "",
            len(self.deals) + 1,
            owner,
            amount,
            currency,
            None,
            client,
            created_at,
            (owner, self.team_at(owner, created_at)),
        )
        input: dict[str, Any] = {
            "title": "The same",
            "owner": world.global_ids[owner],
            "createdAt": created_at.isoformat(),
        }
        input["externalId"] = f"crm-{len(self.deals)}"
        input["client"] = world.global_ids[client] if client else None
        input["amount"] = self.make_money(amount, currency) if amount is not None else None
        if is_won:
            deal.status, deal.closed_at = "WON", self.random_moment(created_at)
            deal.win_credit = (owner, self.team_at(owner, deal.closed_at))
            input |= {"status": "WON", "closedAt": deal.closed_at.isoformat()}
        deal.id = (await world.mutate("recordDeal", **input))["deal"]["id"]
        self.deals.append(deal)
        assert (await world.mutate("recordDeal", **input))["goals"] == []  # an identical repeat changes nothing

    async def reassign_deal(self, deal: ExpectedDeal, *, move_credit: bool) -> None:
        new_owner, now = self.random_source.choice(SELLERS), self.world.now
        await self.world.mutate(
            "updateDeal", id=deal.id, owner=self.world.global_ids[new_owner], moveCredit=move_credit
        )
        if new_owner != deal.owner or move_credit:
            if deal.status != "WON" or (move_credit and deal.creation_credit[0] != new_owner):
                deal.creation_credit = (new_owner, self.team_at(new_owner, now))
            if move_credit and deal.win_credit and deal.win_credit[0] != new_owner:
                assert deal.closed_at
                deal.win_credit = (new_owner, self.team_at(new_owner, deal.closed_at))
        deal.owner = new_owner


async def set_up_company(world: World, *, close_after: int | None = None) -> None:
    await world.mutate("setExchangeRate", currency="USD", rate="0.9", **{"from": "2026-09-01"})
    await world.mutate("setExchangeRate", currency="USD", rate="0.8125", **{"from": "2026-11-10"})
    if close_after is not None:
        await world.mutate("updateCompany", closeAfterWorkdays=close_after)
    await world.create_team("Sales")
    for team in TEAMS:
        await world.create_team(team, "Sales")
    for number, seller in enumerate(SELLERS):
        await world.create_employee(seller, TEAMS[number % 2], email=f"seller{number}@example.com")
    for client in CLIENTS:
        payload = await world.mutate("recordClient", name=client)
        world.global_ids[client] = payload["client"]["id"]
    stages = await world.query("{ pipelines { stages { id } } }")
    world.stage_ids = [stage["id"] for stage in stages["pipelines"][0]["stages"]]
    for metric in METRICS:
        for owner in ("company", "Sales", *TEAMS, *SELLERS):
            for months_back in (0, -1):
                await world.mutate(
                    "setGoal",
                    owner=world.global_ids[owner],
                    metric=metric,
                    target="1000",
                    period={"kind": "MONTH", "offset": months_back},
                )


def sum_scores(
    scores: dict[tuple[str, str, str, date], Decimal], metric: str, owner: str, first: date, last: date
) -> Decimal:
    """Return the expected value of one goal, by a scan of all scores."""
    teams = {"company": None, "Sales": TEAMS, "North": ("North",), "South": ("South",)}
    return sum(
        (
            amount
            for (key, seller, team, day), amount in scores.items()
            if key == metric
            and first <= day <= last
            and (seller == owner if owner in SELLERS else teams[owner] is None or team in (teams[owner] or ()))
        ),
        Decimal(0),
    )


async def assert_goals_match(world: World, ledger: ReferenceLedger) -> None:
    scores = ledger.compute_scores()
    names = {world.global_ids[name]: name for name in ("company", "Sales", *TEAMS, *SELLERS)}
    data = await world.query(
        '{ goals(period: {kind: CUSTOM, start: "2026-10-01", end: "2027-12-31"}) '
        "{ metric { key } owner { id } period { start end } progress { value } } }"
    )
    assert len(data["goals"]) == len(METRICS) * 7 * 2
    for goal in data["goals"]:
        first, last = (date.fromisoformat(goal["period"][end]) for end in ("start", "end"))
        expected = sum_scores(scores, goal["metric"]["key"], names[goal["owner"]["id"]], first, last)
        assert Decimal(goal["progress"]["value"]) == expected, (goal, expected)


async def assert_leaderboards_match(world: World, ledger: ReferenceLedger) -> None:
    scores = ledger.compute_scores()
    today = world.now.astimezone(ZONE).date()
    first = today.replace(day=1)
    for metric in METRICS:
        for scope, teams in (("company", None), ("North", ("North",))):
            data = await world.query(
                "query($metric: String!, $scope: ID) { leaderboard(metric: $metric, scope: $scope) "
                "{ total standings { rank employee { id name } value } } }",
                metric=metric,
                scope=world.global_ids[scope],
            )
            leaderboard = data["leaderboard"]
            for row in leaderboard["standings"]:
                expected = sum(
                    (
                        amount
                        for (key, seller, team, day), amount in scores.items()
                        if key == metric
                        and world.global_ids[seller] == row["employee"]["id"]
                        and first <= day <= today
                        and (teams is None or team in teams)
                    ),
                    Decimal(0),
                )
                assert Decimal(row["value"]) == expected, (metric, scope, row, expected)
            values = [Decimal(row["value"]) for row in leaderboard["standings"]]
            assert [row["rank"] for row in leaderboard["standings"]] == [
                1 + sum(other > value for other in values) for value in values
            ]
            total = sum_scores(scores, metric, scope, first, today)
            assert Decimal(leaderboard["total"]) == total


@for_all(steps=STEPS)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_goals_and_leaderboards_equal_records_after_any_edits(steps: list[tuple[str, int]]) -> None:
    check_edits(steps)


@pytest.mark.long
@for_all(steps=STEPS)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_goals_and_leaderboards_equal_records_after_many_edits(steps: list[tuple[str, int]]) -> None:
    check_edits(steps)


def check_edits(steps: list[tuple[str, int]]) -> None:
    async def run() -> None:
        async with open_world("sqlite://:memory:") as world:
            await set_up_company(world)
            ledger = ReferenceLedger(
                world,
                random.Random(0),
                memberships={seller: [(world.now, TEAMS[index % 2])] for index, seller in enumerate(SELLERS)},
            )
            for step, seed in steps:
                ledger.random_source = random.Random(seed)
                await ledger.apply_step(step)
            await assert_goals_match(world, ledger)
            await assert_leaderboards_match(world, ledger)
            assert (await reconcile()).differences == []

    asyncio.run(run())


@each_seed(1, 3)
async def test_totals_equal_records_when_months_are_closed(database_url: str, seed: int) -> None:
    random_source = random.Random(seed)
    async with open_world(database_url) as world:
        await set_up_company(world, close_after=3)
        ledger = ReferenceLedger(
            world,
            random_source,
            memberships={seller: [(world.now, TEAMS[index % 2])] for index, seller in enumerate(SELLERS)},
        )
        steps = [
            "record",
            "record won",
            "win",
            "lose",
            "reopen",
            "re-price",
            "re-date",
            "reassign",
            "move credit",
            "delete",
            "later",
        ]
        for _ in range(60):
            await ledger.apply_step(random_source.choice(steps))
        scores = ledger.compute_scores()
        for metric in METRICS:
            for owner in ("company", *SELLERS):
                expected = sum_scores(scores, metric, owner, date(1970, 1, 1), date(2100, 1, 1))
                data = await world.query(
                    "query($metric: String!, $scope: ID) { leaderboard(metric: $metric, scope: $scope, "
                    'period: {kind: CUSTOM, start: "2025-01-01", end: "2030-01-01"}) { total } }',
                    metric=metric,
                    scope=world.global_ids[owner],
                )
                assert Decimal(data["leaderboard"]["total"]) == expected, (metric, owner)
        assert (await reconcile()).differences == []
