"""Like with like (rule 3): a running period is compared with the previous one, cut at the same moment."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.ledger.metrics import METRICS, compute_all_postings
from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.counterparts import find_counterpart
from domain.primitives.periods import PeriodKind, period_containing
from models.db import connection
from resolvers.ledger.reconciliation import SOURCE_MODELS, reconcile
from tests.databases import on_both_databases
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal
from tests.seeds import each_seed
from tests.world import World

BERLIN = Calendar("Europe/Berlin", Weekday.MONDAY, frozenset(list(Weekday)[:5]), None)
TUESDAY_AFTERNOON = datetime(2026, 11, 3, 14, tzinfo=UTC)  # 15:00 in Berlin
WON = ["deals_won", "deals_won_amount"]
QUERY = """query($scope: ID, $period: PeriodInput, $metrics: [String!]) {
  statistics(scope: $scope, period: $period, metrics: $metrics) {
    series { total previousTotal }
    averageDealAmount previousAverageDealAmount winRatePercent previousWinRatePercent
    medianSalesCycleDays previousMedianSalesCycleDays } }"""


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(usual_database_url) as world:
        yield world
        assert (await reconcile()).differences == []


async def read_statistics(world: World, kind: str = "MONTH", scope: str = "company", **variables: Any) -> Any:
    variables = {"period": {"kind": kind}, "metrics": WON} | variables
    return (await world.query(QUERY, scope=world.global_ids[scope], **variables))["statistics"]


async def read_amounts(world: World, kind: str = "MONTH", scope: str = "company", **variables: Any) -> tuple[str, str]:
    """Return the total won amount of the running period, and that of its counterpart."""
    series = (await read_statistics(world, kind, scope, **variables))["series"][-1]
    return series["total"], series["previousTotal"]


async def sell_each_weekday(world: World, first: date, last: date, *, local_hour: int) -> None:
    """Record a sale of Ann of exactly 100 on each weekday."""
    for day in BERLIN.list_workdays(first, last):
        at = BERLIN.start_of(day) + timedelta(hours=local_hour)
        world.now = at
        await record_won_deal(world, "Ann", "100", createdAt=at.isoformat(), closedAt=at.isoformat())


async def test_running_periods_compare_with_same_time_of_their_counterparts(world: World) -> None:
    await sell_each_weekday(world, date(2026, 9, 28), date(2026, 11, 3), local_hour=15)

    for moment, month_before in ((TUESDAY_AFTERNOON, "200.00"), (TUESDAY_AFTERNOON + timedelta(hours=8), "200.00")):
        world.now = moment
        for scope in ("Ann", "North", "Sales", "company"):
            assert await read_amounts(world, "DAY", scope) == ("100.00", "100.00")
            assert await read_amounts(world, "WEEK", scope) == ("200.00", "200.00")
            assert await read_amounts(world, "MONTH", scope) == ("200.00", month_before)
    assert await read_amounts(world, "DAY", "South") == ("0.00", "0.00")


async def test_employee_is_compared_by_own_working_days(world: World) -> None:
    """After an absence of Monday and Tuesday, Wednesday is the first working day of Ann's month and week."""
    await sell_each_weekday(world, date(2026, 9, 28), date(2026, 10, 30), local_hour=15)
    await sell_each_weekday(world, date(2026, 11, 4), date(2026, 11, 4), local_hour=15)
    await world.query(
        """mutation($ann: ID!) { setAbsence(input: {employee: $ann, from: "2026-11-02", to: "2026-11-03", kind: SICK}) {
          userErrors { message } } }""",
        ann=world.global_ids["Ann"],
    )

    for scope, before in (
        ("Ann", ["100.00", "100.00", "100.00"]),  # Friday, the first of October, and Monday of last week
        ("North", ["0.00", "300.00", "300.00"]),  # the company's days: Tuesday, and three days each
    ):
        compared = [await read_amounts(world, kind, scope) for kind in ("DAY", "MONTH", "WEEK")]
        assert compared == [("100.00", amount) for amount in before]


@on_both_databases
async def test_days_off_of_an_absence_are_compared_with_nothing_more(world: World) -> None:
    await sell_each_weekday(world, date(2026, 9, 28), date(2026, 11, 2), local_hour=15)
    await world.query(
        """mutation($ann: ID!) { setAbsence(input: {employee: $ann, from: "2026-11-03", to: "2026-11-06", kind: SICK}) {
          userErrors { message } } }""",
        ann=world.global_ids["Ann"],
    )
    world.now = TUESDAY_AFTERNOON + timedelta(days=2)

    assert await read_amounts(world, "WEEK", "Ann") == ("100.00", "100.00")
    assert await read_amounts(world, "MONTH", "Ann") == ("100.00", "100.00")
    assert await read_amounts(world, "MONTH", "North") == ("100.00", "400.00")


async def test_sale_of_yesterday_after_this_time_is_not_compared_yet(world: World) -> None:
    await sell_each_weekday(world, date(2026, 10, 26), date(2026, 11, 2), local_hour=16)
    world.now = TUESDAY_AFTERNOON

    assert await read_amounts(world, "DAY") == ("0.00", "0.00")
    assert await read_amounts(world, "WEEK") == ("100.00", "100.00")

    world.advance(hours=1)
    assert await read_amounts(world, "DAY") == ("0.00", "100.00")
    assert await read_amounts(world, "WEEK") == ("100.00", "200.00")


async def test_monday_compares_with_friday_until_this_time(world: World) -> None:
    await sell_each_weekday(world, date(2026, 10, 28), date(2026, 11, 2), local_hour=10)
    world.now = datetime(2026, 11, 2, 9, tzinfo=UTC)  # 10:00 in winter; Friday was still before the clock change

    assert await read_amounts(world, "DAY") == ("100.00", "100.00")
    world.now -= timedelta(minutes=1)
    assert (await read_amounts(world, "DAY"))[1] == "0.00"


async def test_day_off_of_the_company_is_no_counterpart(world: World) -> None:
    world.now = datetime(2026, 10, 25, tzinfo=UTC)
    await world.query(
        """mutation { setCompanyDays(days: [{date: "2026-11-02", kind: OFF, name: "Bridge"}]) { userErrors { code } } }"""
    )
    await sell_each_weekday(world, date(2026, 10, 26), date(2026, 10, 30), local_hour=10)
    world.now = TUESDAY_AFTERNOON
    await record_won_deal(world, "Ann", "100")

    assert await read_amounts(world, "DAY") == ("100.00", "100.00")  # with Friday
    assert await read_amounts(world, "WEEK") == ("100.00", "100.00")  # with Monday alone


async def test_rates_and_averages_are_compared_at_same_moment(world: World) -> None:
    for at, amount in (
        ("2026-10-26T10:00:00Z", "100"),
        ("2026-10-27T13:59:00Z", "300"),
        ("2026-10-27T14:01:00Z", "999"),
    ):
        await record_won_deal(world, "Ann", amount, createdAt="2026-10-25T12:00:00Z", closedAt=at)
    for at in ("2026-10-26T10:00:00Z", "2026-10-27T14:30:00Z"):
        await world.mutate(
            "recordDeal", "Ann", title="Lost", status="LOST", createdAt="2026-10-20T12:00:00Z", closedAt=at
        )
    world.now = TUESDAY_AFTERNOON
    statistics = await read_statistics(world, "WEEK")

    assert statistics["previousAverageDealAmount"] == "200.00"
    assert round(statistics["previousWinRatePercent"], 3) == 66.667
    assert statistics["previousMedianSalesCycleDays"] == 1.5
    running = (statistics[name] for name in ("averageDealAmount", "winRatePercent", "medianSalesCycleDays"))
    assert [*running] == [None, None, None]


async def test_average_amount_is_the_total_by_its_count_with_late_corrections(world: World) -> None:
    world.now = datetime(2026, 9, 10, 10, tzinfo=UTC)
    repriced = await record_won_deal(world, "Ann", "100")
    withdrawn = await record_won_deal(world, "Ann", "40")
    world.now = datetime(2026, 11, 3, 10, tzinfo=UTC)
    await world.mutate("updateCompany", closeAfterWorkdays=3)
    for amount in ("70", "80", "90"):
        await record_won_deal(world, "Ann", amount)
    await world.mutate("updateDeal", id=repriced, amount={"amount": "160"})  # late: 60 more, on the day of recording
    await world.mutate("reopenDeal", id=withdrawn)  # late: 40 and one win less
    statistics = await read_statistics(world)

    assert [series["total"] for series in statistics["series"]] == ["2", "260.00"]
    assert statistics["averageDealAmount"] == "130.00"
    assert await average_without_series(world) == "130.00"


async def average_without_series(world: World) -> str:
    average: str = (await read_statistics(world, metrics=["calls_made"]))["averageDealAmount"]
    return average


async def test_late_posting_counts_from_the_moment_of_its_recording(world: World) -> None:
    await world.mutate("updateCompany", closeAfterWorkdays=3)
    world.now = datetime(2026, 11, 2, 15, tzinfo=UTC)
    await record_won_deal(
        world, "Ann", "50", createdAt="2026-09-01T08:00:00Z", closedAt="2026-09-10T08:00:00Z"
    )  # on Monday, 16:00 in Berlin
    world.now = TUESDAY_AFTERNOON

    assert await read_amounts(world, "DAY") == ("0.00", "0.00")
    world.advance(hours=1)
    assert await read_amounts(world, "DAY") == ("0.00", "50.00")


async def test_posting_of_an_older_server_counts_from_its_recording(world: World) -> None:
    await sell_each_weekday(world, date(2026, 11, 2), date(2026, 11, 2), local_hour=12)
    await connection.execute("UPDATE score_entry SET effective_at = NULL")
    world.now = TUESDAY_AFTERNOON

    assert await read_amounts(world, "DAY") == ("0.00", "100.00")
    world.now = datetime(2026, 11, 3, 10, 59, tzinfo=UTC)
    assert await read_amounts(world, "DAY") == ("0.00", "0.00")


@on_both_databases
@each_seed(1, 2)
async def test_every_comparison_equals_a_recount_of_the_records(world: World, seed: int) -> None:
    dice = random.Random(seed)
    first = datetime(2026, 10, 19, tzinfo=UTC)
    await world.mutate("updateCompany", closeAfterWorkdays=dice.choice([None, 3]))
    deals: list[str] = []
    for _ in range(60):
        world.now = max(world.now, first) + timedelta(minutes=dice.randrange(900))
        created = world.now - timedelta(minutes=dice.randrange(9000))
        closed = created + (world.now - created) * dice.random()
        seller = dice.choice(["Ann", "Bob"])
        match dice.choice(["win", "win", "call", "lead", "task", "correct", "move"]):
            case "win":
                times = {"createdAt": created.isoformat(), "closedAt": closed.isoformat()}
                deals.append(await record_won_deal(world, seller, str(dice.randrange(1, 500)), **times))
            case "call":
                call: dict[str, Any] = {"startedAt": created.isoformat(), "durationSeconds": dice.randrange(300)}
                await world.mutate("recordCall", seller, direction="OUTBOUND", **call)
            case "lead":
                lead = (await world.mutate("recordLead", seller, title="Asks", createdAt=created.isoformat()))["lead"]
                external_id = f"deal-{lead['id']}"
                deal = {"title": "Chairs", "externalId": external_id}
                deal_id = (await world.mutate("convertLead", seller, id=lead["id"], deal=deal))["deal"]["id"]
                if dice.random() < 0.5:
                    await world.query("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=deal_id)
                    world.advance(hours=30)
                    await world.mutate("recordDeal", seller, **deal)
            case "task":
                task = (await world.mutate("createTask", seller, title="Ring"))["task"]["id"]
                await world.query("mutation($id: ID!) { completeTask(id: $id) { userErrors { code } } }", id=task)
            case "correct" if deals:
                change = dice.choice([{"closedAt": world.now.isoformat()}, {"amount": {"amount": "7"}}])
                await world.mutate("updateDeal", id=dice.choice(deals), **change)
            case "move":
                team = world.global_ids[dice.choice(["North", "South"])]
                await world.mutate("updateEmployee", id=world.global_ids[seller], team=team)

    for _ in range(6):
        world.now += timedelta(minutes=dice.randrange(4000))
        for kind in (PeriodKind.DAY, PeriodKind.WEEK, PeriodKind.MONTH, PeriodKind.QUARTER):
            expected = await recount_counterpart(kind, world.now)
            read = await read_statistics(world, kind, metrics=list(METRICS))
            names = [key for key in METRICS if key not in ("hours_worked", "call_hours")]
            previous = dict(zip(METRICS, (series["previousTotal"] for series in read["series"]), strict=True))
            assert {name: Decimal(previous[name]) for name in names} == {name: expected[name] for name in names}


async def recount_counterpart(kind: PeriodKind, now: datetime) -> Counter[str]:
    """Return the totals of the running period's counterpart, from the records and their late corrections alone."""
    counterpart = find_counterpart(period_containing(kind, BERLIN.day_of(now), BERLIN), now, BERLIN)
    totals: Counter[str] = Counter()
    late = await connection.fetch_rows("SELECT * FROM score_entry WHERE late")
    late_records = {(row["source_kind"], row["source_id"], row["metric"]) for row in late}
    postings = [(row["metric"], connection.to_datetime(row["recorded_at"]), int(row["amount"])) for row in late]
    on_time = await connection.fetch_rows(
        "SELECT source_kind, source_id, metric, effective_at, amount FROM score_entry WHERE NOT late"
    )
    for row in on_time:  # what was posted in time of a record with late corrections stays where it was
        if (row["source_kind"], row["source_id"], row["metric"]) in late_records:
            postings.append((row["metric"], connection.to_datetime(row["effective_at"]), int(row["amount"])))
    for source_kind, model in SOURCE_MODELS.items():
        for record in await model.all():
            for score in compute_all_postings(None, record.facts()):
                assert BERLIN.day_of(score.at) == score.day
                if (source_kind, record.id, score.metric) not in late_records:
                    postings.append((score.metric, score.at, score.amount))
    for metric, at, amount in postings:
        day = BERLIN.day_of(at)
        is_in_time = counterpart.until is not None and day == counterpart.cut_day and at <= counterpart.until
        if counterpart.days.contains(day) or is_in_time:
            totals[metric] += amount
    return Counter({key: _in_unit(key, amount) for key, amount in totals.items()})


def _in_unit(metric: str, amount: int) -> Any:
    return Decimal(amount) / 100 if metric.endswith(("_amount", "_profit")) else Decimal(amount)
