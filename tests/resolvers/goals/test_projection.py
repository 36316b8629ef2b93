"""Goal projection: from the deal forecast for won deals, from their history for other metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from domain.forecasting.forecast import MAX_HORIZON_DAYS
from domain.ledger.record_facts import CallDirection, CallOutcome
from models.goals.goals import Goal
from models.organization.scopes import OwnerKind
from resolvers.crm import calls
from resolvers.crm.inputs import CallInput
from resolvers.forecasting.forecast_engine import ForecastEngine
from resolvers.goals.projection import projection_topics
from resolvers.request.context import RequestContext
from tests.resolvers.forecasting.half_year_company import amounts, forecast, seasoned_company
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal, set_goal
from tests.world import World

PROGRESS_QUERY = """query($id: ID!) { goal(id: $id) { progress {
  value target projected projectedPercent projectionBasis attainmentProbability pace } } }"""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with seasoned_company() as world:
        yield world


async def read_progress(world: World, global_id: str, actor: str = "admin") -> dict[str, Any]:
    return (await world.query(PROGRESS_QUERY, actor, id=global_id))["goal"]["progress"]


async def record_calls(world: World, days: int, seller: str = "Ann", per_day: int = 3) -> None:
    """Record answered calls of ten minutes, `per_day` for each working day of the past days."""
    context = await world.authenticated_context("admin")
    inputs = [
        CallInput(
            employee=world.global_ids[seller],
            direction=CallDirection.OUTBOUND,
            outcome=CallOutcome.ANSWERED,
            duration_seconds=600,
            started_at=world.now - timedelta(days=days_ago, minutes=number),
        )
        for days_ago in range(days, 0, -1)
        if (world.now - timedelta(days=days_ago)).weekday() < 5
        for number in range(per_day)
    ]
    for start in range(0, len(inputs), 200):
        async with context.unit_of_work():
            await calls.upsert_calls(context, inputs[start : start + 200], notify=False)


@pytest.mark.parametrize("owner", ["Ann", "North", "company"])
async def test_revenue_goal_projection_equals_forecast(world: World, owner: str) -> None:
    projection, expected = (
        await read_progress(world, await set_goal(world, owner, "deals_won_amount", "9000")),
        amounts(await forecast(world, scope=owner)),
    )

    assert Decimal(projection["projected"]) == expected["expected"]
    assert projection["projectedPercent"] == pytest.approx(float(expected["expected"]) / 90)
    assert projection["attainmentProbability"] == (await forecast(world, scope=owner))["attainmentProbability"]


async def test_profit_and_count_goals_have_their_own_projection(world: World) -> None:
    profit = await read_progress(world, await set_goal(world, "company", "deals_won_profit", "5000"))
    count = await read_progress(world, await set_goal(world, "company", "deals_won", "18"))
    money = await read_progress(world, await set_goal(world, "company", "deals_won_amount", "9000"))

    assert Decimal(profit["projected"]) < Decimal(money["projected"])
    assert Decimal(count["value"]) < Decimal(count["projected"]) < 40
    assert 0 < count["attainmentProbability"] < 1


async def test_team_projections_add_up_to_company_projection(world: World) -> None:
    global_ids = [await set_goal(world, owner, "deals_won", "50") for owner in ("North", "South", "company")]
    north, south, company = [Decimal((await read_progress(world, global_id))["projected"]) for global_id in global_ids]

    assert abs(north + south - company) < Decimal("0.01")


async def test_calls_goal_is_projected_from_past_calls(database_url: str) -> None:
    async with open_world_with_two_sellers(database_url) as world:
        await record_calls(world, 120)
        easy = await read_progress(world, await set_goal(world, "Ann", "calls_made", "50"))
        hard = await read_progress(world, await set_goal(world, "company", "calls_made", "90"))
        hours = await read_progress(world, await set_goal(world, "North", "call_hours", "9"))

        assert Decimal(easy["value"]) == 36  # on twelve working days
        assert Decimal(easy["projected"]) == pytest.approx(63, abs=6)
        assert easy["attainmentProbability"] > 0.9
        assert hard["attainmentProbability"] < 0.05
        assert Decimal(hours["projected"]) == pytest.approx(Decimal("10.5"), abs=Decimal("1.2"))


async def test_running_day_is_projected_by_the_working_hours_that_are_left() -> None:
    async with open_world_with_two_sellers() as world:
        await record_calls(world, 120, per_day=6)
        day = await set_goal(world, "Ann", "calls_made", "9", period={"kind": "DAY"})
        projected = []
        for hour in (8, 12, 17, 22):  # in UTC: at the beginning, at 13:00, at the end, and at 23:00
            world.now = world.now.replace(hour=hour)
            projected.append(Decimal((await read_progress(world, day))["projected"]))
        for _ in range(6):
            await world.mutate("recordCall", "Ann", direction="OUTBOUND")

        assert projected[0] == pytest.approx(6, abs=Decimal("0.6"))
        assert projected[1] == pytest.approx(projected[0] * 20 / 36, abs=Decimal("0.2"))
        assert projected[2:] == [0, 0]
        assert (await read_progress(world, day))["projected"] == "6"  # not twice the calls of a day


async def test_absence_leaves_only_the_days_at_work_in_the_projection() -> None:
    async with open_world_with_two_sellers() as world:
        await record_calls(world, 120)
        owners = ("Ann", "Bob", "North", "company")
        weeks = [await set_goal(world, owner, "calls_made", "50", period={"kind": "WEEK"}) for owner in owners]
        before = [Decimal((await read_progress(world, goal))["projected"]) for goal in weeks]
        await world.query(
            """mutation($ann: ID!) { setAbsence(input: {employee: $ann, from: "2026-11-19", to: "2026-11-22", kind: SICK}) {
              userErrors { message } } }""",
            ann=world.global_ids["Ann"],
        )

        after = [Decimal((await read_progress(world, goal))["projected"]) for goal in weeks]

        today = (before[0] - 6) * 32 / (32 + 2 * 36)  # six calls on Monday and Tuesday; it is 10:00 of Wednesday
        assert after[0] == after[2] == pytest.approx(6 + today, abs=Decimal("0.2"))
        assert after[1] == before[1]
        assert after[3] == after[0] + after[1]


async def test_projection_follows_pace_without_probability_when_history_is_short() -> None:
    async with open_world_with_two_sellers() as world:
        await record_calls(world, 17)
        calls_progress = await read_progress(world, await set_goal(world, "Ann", "calls_made", "500"))
        deals_progress = await read_progress(world, await set_goal(world, "Ann", "deals_won", "500"))

        elapsed_quarters = 12 * 36 + 4  # of 21 days; it is 10:00
        assert Decimal(calls_progress["projected"]) == round(Decimal(36 * 21 * 36) / elapsed_quarters, 3)
        assert (calls_progress["attainmentProbability"], deals_progress["attainmentProbability"]) == (None, None)


async def test_basis_says_what_a_projection_continues(world: World) -> None:
    await record_calls(world, 120)
    last_month = {"kind": "MONTH", "offset": -1}
    goals = [
        await set_goal(world, "Ann", "deals_won", "50"),
        await set_goal(world, "Ann", "calls_made", "50"),
        await set_goal(world, "Ann", "leads_created", "50"),
        await set_goal(world, "Ann", "leads_created", "50", period={"kind": "DAY"}),
        await set_goal(world, "Ann", "calls_made", "50", period=last_month),
    ]

    bases = [(await read_progress(world, goal))["projectionBasis"] for goal in goals]

    assert bases == ["FORECAST", "HISTORY", "PACE", "VALUE", "VALUE"]  # it is 10:00


async def test_goal_follows_its_pace_for_who_may_not_see_the_forecast_of_its_owner(world: World) -> None:
    own, company = [await set_goal(world, owner, "deals_won", "50") for owner in ("Ann", "company")]

    bases = {
        actor: [(await read_progress(world, goal, actor))["projectionBasis"] for goal in (own, company)]
        for actor in ("Ann", "admin")
    }

    assert bases == {"Ann": ["FORECAST", "PACE"], "admin": ["FORECAST", "FORECAST"]}
    assert (await read_progress(world, company, "Ann"))["attainmentProbability"] is None


@pytest.mark.parametrize(("days_ahead", "basis"), [(MAX_HORIZON_DAYS, "FORECAST"), (MAX_HORIZON_DAYS + 1, "PACE")])
async def test_goal_that_ends_later_than_the_forecast_reaches_follows_its_pace(
    world: World, days_ahead: int, basis: str
) -> None:
    end = world.now.date() + timedelta(days=days_ahead)
    period = {"kind": "CUSTOM", "start": "2026-11-01", "end": end.isoformat()}

    progress = await read_progress(world, await set_goal(world, "Ann", "deals_won", "500", period=period))

    assert progress["projectionBasis"] == basis


async def test_reached_goal_has_probability_1_with_short_history() -> None:
    async with open_world_with_two_sellers() as world:
        global_id = await set_goal(world, "Ann", "deals_won", "1")
        await record_won_deal(world)

        assert (await read_progress(world, global_id))["attainmentProbability"] == 1


async def test_ended_goal_projection_equals_its_value(world: World) -> None:
    last_month = {"kind": "MONTH", "offset": -1}
    missed = await read_progress(
        world, await set_goal(world, "company", "deals_won_amount", "900000", period=last_month)
    )
    reached = await read_progress(world, await set_goal(world, "company", "deals_won", "1", period=last_month))

    assert missed["projected"] == missed["value"]
    assert (missed["attainmentProbability"], reached["attainmentProbability"]) == (0, 1)


async def test_metric_model_is_fitted_again_when_history_changes(world: World) -> None:
    await record_calls(world, 120)
    global_id = await set_goal(world, "company", "calls_made", "90")
    before = await read_progress(world, global_id)
    await record_calls(world, 100, "Bob", 5)

    after = await read_progress(world, global_id)
    world.services.state.forecast_engine = ForecastEngine()

    assert Decimal(after["projected"]) > Decimal(before["projected"]) + 60
    assert await read_progress(world, global_id) == after


@pytest.mark.parametrize(
    ("owner_kind", "metric", "is_live", "topics"),
    [
        (OwnerKind.EMPLOYEE, "deals_won", True, {"chances", "chances:7"}),
        (OwnerKind.EMPLOYEE, "deals_won_amount", False, {"deals"}),
        (OwnerKind.TEAM, "deals_won", True, {"deals"}),
        (OwnerKind.COMPANY, "deals_won_profit", True, {"deals"}),
        (OwnerKind.EMPLOYEE, "calls_made", True, set()),
    ],
)
def test_projection_changes_with_the_deals_it_is_made_of(
    owner_kind: OwnerKind, metric: str, is_live: bool, topics: set[str]
) -> None:
    """In a live stream the process finds the employees whose forecast has changed, in a query it does not."""
    context = cast(RequestContext, SimpleNamespace(reference_cache="cache" if is_live else None))

    assert projection_topics(context, [Goal(owner_kind=owner_kind, owner_id=7, metric=metric)]) == topics
