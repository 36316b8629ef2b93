"""The running day of the deal forecast: what is over of it is in `booked` alone, and not expected again (rule 3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.resolvers.forecasting.half_year_company import amounts, forecast, seasoned_company
from tests.resolvers.two_sellers import CURRENT_MONTH, record_won_deal, set_goal
from tests.world import World

NEXT_MONTH = {"kind": "MONTH", "offset": 1}
PROGRESS = "query($id: ID!) { goal(id: $id) { progress { value projected attainmentProbability projectionBasis } } }"

# Berlin is an hour ahead of UTC; its working hours, of 9, are 9:00 to 18:00.
BEGINNING, NOON, END, NIGHT = 7, 12, 17, 22


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with seasoned_company() as world:
        yield world


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


async def forecast_at(world: World, instant: datetime, **variables: Any) -> dict[str, Decimal]:
    world.now = instant
    return amounts(await forecast(world, **variables))


async def progress_at(world: World, instant: datetime, goal_id: str) -> dict[str, Any]:
    world.now = instant
    return (await world.query(PROGRESS, id=goal_id))["goal"]["progress"]


async def test_forecast_of_day_counts_the_working_hours_that_are_left(world: World) -> None:
    day = {"kind": "DAY"}
    ahead = [(await forecast_at(world, at(19, hour), period=day))["expected"] for hour in (BEGINNING, NOON, END, NIGHT)]

    assert ahead[1] == pytest.approx(ahead[0] * 5 / 9, rel=Decimal("0.05"))
    assert ahead[2:] == [0, 0]


async def test_forecast_of_month_is_what_is_booked_when_its_last_day_is_over(world: World) -> None:
    running = await forecast_at(world, at(30, NOON), period=CURRENT_MONTH)
    over = await forecast_at(world, at(30, END), period=CURRENT_MONTH)
    deals = (await forecast(world, period=CURRENT_MONTH))["deals"]

    assert running["expected"] > running["booked"] > 0
    assert set(over.values()) == {over["booked"], Decimal(0)}
    assert over["low"] == over["expected"] == over["high"] == over["booked"]
    assert {deal["winProbability"] for deal in deals} == {0.0}


async def test_day_off_is_ahead_until_midnight(world: World) -> None:
    sunday = [(await forecast_at(world, at(22, hour), period={"kind": "WEEK"})) for hour in (0, END, NIGHT)]

    remaining = [parts["expected"] - parts["booked"] for parts in sunday]
    assert remaining[0] > remaining[1] > remaining[2] > 0  # the history has wins on Sundays, too


async def test_forecast_of_later_month_knows_that_the_running_day_is_over(world: World) -> None:
    """A deal that was not won today is still open, so it may be won next month."""
    at_beginning, at_end = [await forecast_at(world, at(19, hour), period=NEXT_MONTH) for hour in (BEGINNING, END)]

    assert at_end["pipeline"] > at_beginning["pipeline"]


async def test_forecast_stays_the_same_within_the_hour_and_falls_after_it(world: World) -> None:
    day = {"kind": "DAY"}
    expected = [(await forecast_at(world, at(19, 12, minute), period=day))["expected"] for minute in (0, 15, 59)]
    next_hour = (await forecast_at(world, at(19, 13), period=day))["expected"]

    assert expected[0] == expected[1] == expected[2] > next_hour


@pytest.mark.parametrize("metric", ["deals_won", "deals_won_amount"])
async def test_goal_of_won_deals_expects_nothing_more_after_the_working_hours(world: World, metric: str) -> None:
    world.now = at(19, BEGINNING)
    goal = await set_goal(world, "Ann", metric, "1", period={"kind": "DAY"})

    projected = [await progress_at(world, at(19, hour), goal) for hour in (BEGINNING, NOON, END)]
    await record_won_deal(world, "Ann", "400")
    after_win = await progress_at(world, at(19, END), goal)

    assert {progress["projectionBasis"] for progress in projected} == {"FORECAST"}
    assert Decimal(projected[0]["projected"]) > Decimal(projected[1]["projected"]) > 0
    assert Decimal(projected[2]["projected"]) == projected[2]["attainmentProbability"] == 0
    assert (after_win["projected"], after_win["attainmentProbability"]) == (after_win["value"], 1.0)


async def test_win_of_today_is_not_expected_a_second_time(world: World) -> None:
    """Whoever won during the day what a day brings ends there when it is over, not a day's wins above."""
    at_beginning = await forecast_at(world, at(19, BEGINNING), period={"kind": "DAY"})
    world.now = at(19, NOON)
    await record_won_deal(world, "Ann", str(round(at_beginning["expected"])))

    over = await forecast_at(world, at(19, END), period={"kind": "DAY"})

    assert over["expected"] == over["booked"] == round(at_beginning["expected"])
