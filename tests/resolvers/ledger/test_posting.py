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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resolvers.ledger.reconciliation import reconcile
from tests.world import World, opened

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
class Known:
    """Expected state of a deal, kept by a simple implementation of the rules."""

    id: str
    number: int
    owner: str
    amount: Decimal | None
    currency: str
    cost: Decimal | None
    client: str | None
    created: datetime
    opened: tuple[str, str]
    status: str = "OPEN"
    closed: datetime | None = None
    won: tuple[str, str] | None = None
    deleted: bool = False


@dataclass
class Paper:
    world: World
    dice: random.Random
    deals: list[Known] = field(default_factory=list)
    places: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)

    def team(self, seller: str, moment: datetime) -> str:
        stays = self.places[seller]
        return next((team for since, team in reversed(stays) if since <= moment), stays[0][1])

    def worth(self, amount: Decimal, currency: str, day: date) -> Decimal:
        rates = RATES[currency]
        rate = next((rate for since, rate in reversed(rates) if since <= day), rates[0][1])
        return (amount * rate).quantize(Decimal("0.01"), ROUND_HALF_EVEN)

    def scores(self) -> dict[tuple[str, str, str, date], Decimal]:
        """Return the expected scores of all deals in their current state: by metric, seller, team and day."""
        totals: dict[tuple[str, str, str, date], Decimal] = defaultdict(Decimal)
        standing = [deal for deal in self.deals if not deal.deleted]
        firsts: dict[str, Known] = {}
        for deal in sorted(
            (deal for deal in standing if deal.status == "WON"), key=lambda deal: (deal.closed, deal.number)
        ):
            if deal.client:
                firsts.setdefault(deal.client, deal)
        for deal in standing:
            totals["deals_created", *deal.opened, deal.created.astimezone(ZONE).date()] += 1
            if deal.status != "WON":
                continue
            assert deal.closed and deal.won and deal.amount is not None
            day = deal.closed.astimezone(ZONE).date()
            value = self.worth(deal.amount, deal.currency, day)
            kind = "first" if not deal.client or firsts[deal.client] is deal else "repeat"
            for prefix in ("", f"{kind}_"):
                totals[f"{prefix}deals_won", *deal.won, day] += 1
                totals[f"{prefix}deals_won_amount", *deal.won, day] += value
            if deal.cost is not None:
                totals["deals_won_profit", *deal.won, day] += value - self.worth(deal.cost, deal.currency, day)
        return totals

    def pick(self, *statuses: str) -> Known | None:
        found = [deal for deal in self.deals if not deal.deleted and deal.status in statuses]
        return self.dice.choice(found) if found else None

    def money(self, amount: Decimal, currency: str) -> dict[str, str]:
        return {"amount": str(amount), "currency": currency}

    def moment(self, after: datetime) -> datetime:
        """Return a random time between `after` and now, in whole seconds."""
        seconds = int((self.world.now - after).total_seconds())
        return after + timedelta(seconds=self.dice.randint(0, max(0, seconds)))

    async def step(self, what: str) -> None:
        world, dice = self.world, self.dice
        if what == "later":
            world.later(hours=dice.choice((1, 30, 24 * 9)))
        elif what == "change team":
            seller = dice.choice(SELLERS)
            team = dice.choice(TEAMS)
            await world.act("updateEmployee", id=world.ids[seller], team=world.ids[team])
            self.places[seller].append((world.now, team))
        elif what in ("record", "record won"):
            await self.record(won=what == "record won")
        elif what == "win" and (deal := self.pick("OPEN", "LOST")):
            at = self.moment(max(deal.created, world.now - timedelta(days=40)))
            extra = {} if deal.amount is not None else {"amount": self.money(Decimal("70.07"), "EUR")}
            await world.act("winDeal", id=deal.id, at=at.isoformat(), **extra)
            if deal.amount is None:
                deal.amount, deal.currency = Decimal("70.07"), "EUR"
            deal.status, deal.closed = "WON", at
            deal.won = (deal.owner, self.team(deal.owner, at))
        elif what == "lose" and (deal := self.pick("OPEN", "WON")):
            await world.act("loseDeal", id=deal.id, reason="price")
            deal.status, deal.closed, deal.won = "LOST", world.now, None
        elif what == "reopen" and (deal := self.pick("WON", "LOST")):
            await world.act("reopenDeal", id=deal.id)
            deal.status, deal.closed, deal.won = "OPEN", None, None
            if deal.opened[0] != deal.owner:
                deal.opened = (deal.owner, self.team(deal.owner, world.now))
        elif what == "re-price" and (deal := self.pick("OPEN", "WON", "LOST")):
            deal.amount, deal.currency = Decimal(dice.randint(0, 10**7)) / 100, dice.choice(("EUR", "USD"))
            more = {"cost": self.money(deal.cost, deal.currency)} if deal.cost is not None else {}
            await world.act("updateDeal", id=deal.id, amount=self.money(deal.amount, deal.currency), **more)
        elif what == "re-date" and (deal := self.pick("WON")):
            deal.closed = self.moment(max(deal.created, world.now - timedelta(days=40)))
            await world.act("updateDeal", id=deal.id, closedAt=deal.closed.isoformat())
        elif what == "cost" and (deal := self.pick("OPEN", "WON")):
            deal.cost = None if dice.random() < 0.3 else Decimal(dice.randint(0, 10**5)) / 100
            cost = None if deal.cost is None else self.money(deal.cost, deal.currency)
            await world.act("updateDeal", id=deal.id, cost=cost)
        elif what == "move" and (deal := self.pick("OPEN")):
            await world.act("moveDeal", id=deal.id, stage=dice.choice(world.stages))
        elif what == "reassign" and (deal := self.pick("OPEN", "WON", "LOST")):
            await self.hand_over(deal, move_credit=False)
        elif what == "move credit" and (deal := self.pick("WON")):
            await self.hand_over(deal, move_credit=True)
        elif what == "hand client" and (deal := self.pick("OPEN", "WON")):
            deal.client = dice.choice((*CLIENTS, None))
            await world.act("updateDeal", id=deal.id, client=world.ids[deal.client] if deal.client else None)
        elif what == "delete" and (deal := self.pick("OPEN", "WON", "LOST")):
            await world.ask("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=deal.id)
            deal.deleted = True
        elif what == "again" and (deal := self.pick("OPEN", "WON", "LOST")):
            await world.act("updateDeal", id=deal.id, title="The same")

    async def record(self, *, won: bool) -> None:
        world, dice = self.world, self.dice
        owner, client = dice.choice(SELLERS), dice.choice((*CLIENTS, None))
        created = self.moment(world.now - timedelta(days=60))
        amount = Decimal(dice.randint(0, 10**7)) / 100 if won or dice.random() < 0.8 else None
        currency = dice.choice(("EUR", "USD")) if amount is not None else "EUR"
        deal = Known(
            "", len(self.deals) + 1, owner, amount, currency, None, client, created, (owner, self.team(owner, created))
        )
        given: dict[str, Any] = {"title": "The same", "owner": world.ids[owner], "createdAt": created.isoformat()}
        given["externalId"] = f"crm-{len(self.deals)}"
        given["client"] = world.ids[client] if client else None
        given["amount"] = self.money(amount, currency) if amount is not None else None
        if won:
            deal.status, deal.closed = "WON", self.moment(created)
            deal.won = (owner, self.team(owner, deal.closed))
            given |= {"status": "WON", "closedAt": deal.closed.isoformat()}
        deal.id = (await world.act("recordDeal", **given))["deal"]["id"]
        self.deals.append(deal)
        assert (await world.act("recordDeal", **given))["goals"] == []  # an identical repeat changes nothing

    async def hand_over(self, deal: Known, *, move_credit: bool) -> None:
        heir, now = self.dice.choice(SELLERS), self.world.now
        await self.world.act("updateDeal", id=deal.id, owner=self.world.ids[heir], moveCredit=move_credit)
        if heir != deal.owner or move_credit:
            if deal.status != "WON" or (move_credit and deal.opened[0] != heir):
                deal.opened = (heir, self.team(heir, now))
            if move_credit and deal.won and deal.won[0] != heir:
                assert deal.closed
                deal.won = (heir, self.team(heir, deal.closed))
        deal.owner = heir


async def furnished(world: World, *, close_after: int | None = None) -> None:
    await world.act("setExchangeRate", currency="USD", rate="0.9", **{"from": "2026-09-01"})
    await world.act("setExchangeRate", currency="USD", rate="0.8125", **{"from": "2026-11-10"})
    if close_after is not None:
        await world.act("updateCompany", closeAfterWorkdays=close_after)
    await world.team("Sales")
    for team in TEAMS:
        await world.team(team, "Sales")
    for number, seller in enumerate(SELLERS):
        await world.hire(seller, TEAMS[number % 2], email=f"seller{number}@example.com")
    for client in CLIENTS:
        payload = await world.act("recordClient", name=client)
        world.ids[client] = payload["client"]["id"]
    stages = await world.ask("{ pipelines { stages { id } } }")
    world.stages = [stage["id"] for stage in stages["pipelines"][0]["stages"]]
    for metric in METRICS:
        for owner in ("company", "Sales", *TEAMS, *SELLERS):
            for months_back in (0, -1):
                await world.act(
                    "setGoal",
                    owner=world.ids[owner],
                    metric=metric,
                    target="1000",
                    period={"kind": "MONTH", "offset": months_back},
                )


def within(
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


async def check_goals(world: World, paper: Paper) -> None:
    scores = paper.scores()
    names = {world.ids[name]: name for name in ("company", "Sales", *TEAMS, *SELLERS)}
    data = await world.ask(
        '{ goals(period: {kind: CUSTOM, start: "2026-10-01", end: "2027-12-31"}) '
        "{ metric { key } owner { id } period { start end } progress { value } } }"
    )
    assert len(data["goals"]) == len(METRICS) * 7 * 2
    for goal in data["goals"]:
        first, last = (date.fromisoformat(goal["period"][end]) for end in ("start", "end"))
        slow = within(scores, goal["metric"]["key"], names[goal["owner"]["id"]], first, last)
        assert Decimal(goal["progress"]["value"]) == slow, (goal, slow)


async def check_boards(world: World, paper: Paper) -> None:
    scores = paper.scores()
    today = world.now.astimezone(ZONE).date()
    first = today.replace(day=1)
    for metric in METRICS:
        for scope, teams in (("company", None), ("North", ("North",))):
            data = await world.ask(
                "query($metric: String!, $scope: ID) { leaderboard(metric: $metric, scope: $scope) "
                "{ total standings { rank employee { id name } value } } }",
                metric=metric,
                scope=world.ids[scope],
            )
            board = data["leaderboard"]
            for row in board["standings"]:
                slow = sum(
                    (
                        amount
                        for (key, seller, team, day), amount in scores.items()
                        if key == metric
                        and world.ids[seller] == row["employee"]["id"]
                        and first <= day <= today
                        and (teams is None or team in teams)
                    ),
                    Decimal(0),
                )
                assert Decimal(row["value"]) == slow, (metric, scope, row, slow)
            values = [Decimal(row["value"]) for row in board["standings"]]
            assert [row["rank"] for row in board["standings"]] == [
                1 + sum(v > value for v in values) for value in values
            ]
            total = within(scores, metric, scope, first, today)
            assert Decimal(board["total"]) == total


@given(steps=STEPS)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_history_of_edits_leaves_every_goal_and_board_equal_to_the_records(steps: list[tuple[str, int]]) -> None:
    async def run() -> None:
        async with opened("sqlite://:memory:") as world:
            await furnished(world)
            paper = Paper(
                world, random.Random(0), places={s: [(world.now, TEAMS[n % 2])] for n, s in enumerate(SELLERS)}
            )
            for what, seed in steps:
                paper.dice = random.Random(seed)
                await paper.step(what)
            await check_goals(world, paper)
            await check_boards(world, paper)
            assert (await reconcile()).differences == []

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(3))
async def test_with_closed_months_sums_stay_those_of_the_records_and_reconcile_finds_nothing(
    database_url: str, seed: int
) -> None:
    dice = random.Random(seed)
    async with opened(database_url) as world:
        await furnished(world, close_after=3)
        paper = Paper(world, dice, places={s: [(world.now, TEAMS[n % 2])] for n, s in enumerate(SELLERS)})
        kinds = [
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
            await paper.step(dice.choice(kinds))
        scores = paper.scores()
        for metric in METRICS:
            for owner in ("company", *SELLERS):
                slow = within(scores, metric, owner, date(1970, 1, 1), date(2100, 1, 1))
                board = await world.ask(
                    "query($metric: String!, $scope: ID) { leaderboard(metric: $metric, scope: $scope, "
                    'period: {kind: CUSTOM, start: "2025-01-01", end: "2030-01-01"}) { total } }',
                    metric=metric,
                    scope=world.ids[owner],
                )
                assert Decimal(board["leaderboard"]["total"]) == slow, (metric, owner)
        assert (await reconcile()).differences == []
