"""Replays two weeks of an employee hour by hour, and reads how each goal stands, for docs/goals.md.

The weeks have a working Saturday, a clock change on the Sunday after it, and an absence of two days. The public API
records the calls, and returns the figures at each full hour of a clock that the replay sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from domain.ledger.record_facts import CallDirection
from resolvers.crm import calls
from resolvers.crm.inputs import CallInput
from tests.world import World, open_world

ZONE: Final = ZoneInfo("America/New_York")
FIRST_DAY, LAST_DAY = date(2027, 3, 8), date(2027, 3, 21)
WORKING_SATURDAY: Final = date(2027, 3, 13)
CLOCK_CHANGE: Final = date(2027, 3, 14)
ABSENCE: Final = (date(2027, 3, 16), date(2027, 3, 17))
SLOW_DAY: Final = date(2027, 3, 10)
TARGETS: Final = {"DAY": ("40", False), "WEEK": ("200", True), "MONTH": ("960", True)}  # and whether it is pro-rated

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_HISTORY: Final = (date(2027, 2, 1), date(2027, 3, 5))
_HOLIDAY: Final = date(2027, 2, 15)  # Washington's Birthday
_USUAL_CALLS: Final = (5, 5, 5, 4, 2, 4, 5, 5, 5)  # in each of the hours from 9:00 to 18:00
_CALLS_BY_DAY: Final = {
    SLOW_DAY: (1, 1, 1, 0, 0, 1, 6, 5, 5),
    SLOW_DAY + _DAY: (5, 6, 6, 5, 3, 4, 5, 5, 5),
    CLOCK_CHANGE: (),
    LAST_DAY - _DAY: (),
    LAST_DAY: (),
    **dict.fromkeys(ABSENCE, ()),
}

_QUERY: Final = """query($id: ID!) { employee(id: $id) {
  goals { period { kind start } target fullTarget progress { value expectedByNow pace projected projectionBasis } }
  DAY: statistics(period: {kind: DAY}, metrics: ["calls_made"]) { series { total previousTotal } }
  WEEK: statistics(period: {kind: WEEK}, metrics: ["calls_made"]) { series { total previousTotal } }
  MONTH: statistics(period: {kind: MONTH}, metrics: ["calls_made"]) { series { total previousTotal } } } }"""


@dataclass(frozen=True)
class GoalFigures:
    """The figures of a goal at an instant.

    projected  None while nothing is projected
    previous   the value of the counterpart that it is compared with
    """

    start: date
    target: int
    value: int
    expected: Decimal
    pace: str
    projected: Decimal | None
    previous: int


@dataclass(frozen=True)
class ReplayedHour:
    """A full hour by the local clock, and the figures of each goal by kind of period."""

    at: datetime
    goals: dict[str, GoalFigures]

    @property
    def day(self) -> date:
        return self.at.date()


async def replay() -> list[ReplayedHour]:
    """Return every hour from the beginning of the first day to the end of the last."""
    hours = []
    async with open_world("sqlite://:memory:") as world:
        await _set_up(world)
        at = datetime.combine(FIRST_DAY, time(), ZONE).astimezone(UTC)
        while at.astimezone(ZONE).date() <= LAST_DAY:
            world.now, local = at, at.astimezone(ZONE)
            if local.hour == 0:
                await world.advance_and_run_jobs()  # creates the day's goals
            await _record_calls(world, list(_calls_of_hour(local)))
            hours.append(await _read_hour(world, local))
            at += _HOUR
    return hours


async def _set_up(world: World) -> None:
    world.now = datetime.combine(_HISTORY[0], time(6), ZONE).astimezone(UTC)
    await world.mutate("updateCompany", timeZone="America/New_York", holidayCountry="US")
    await world.create_team("Sales")
    await world.create_employee("Ann", "Sales")
    world.now = datetime.combine(FIRST_DAY - _DAY, time(12), ZONE).astimezone(UTC)
    for day in history_days():
        hours = (datetime.combine(day, time(hour), ZONE) for hour in range(10, 19))
        await _record_calls(world, [call for hour in hours for call in _calls_of_hour(hour)])
    await world.query(
        """mutation($employee: ID!, $from: Date!, $to: Date!, $saturday: Date!) {
          setCompanyDays(days: [{date: $saturday, kind: ON, name: "Spring sale"}]) { userErrors { message } }
          setAbsence(input: {employee: $employee, from: $from, to: $to, kind: VACATION}) { userErrors { message } } }""",
        **{"employee": world.global_ids["Ann"], "from": str(ABSENCE[0]), "to": str(ABSENCE[1])},
        saturday=str(WORKING_SATURDAY),
    )
    for kind, (target, is_pro_rated) in TARGETS.items():
        await world.mutate(
            "setGoal", owner=world.global_ids["Ann"], metric="calls_made", target=target, period={"kind": kind},
            recurring=True, proRated=is_pro_rated,
        )  # fmt: skip


def history_days() -> list[date]:
    """Return the days before the replay on which calls were made."""
    days = (_HISTORY[0] + n * _DAY for n in range((_HISTORY[1] - _HISTORY[0]).days + 1))
    return [day for day in days if day.weekday() < 5 and day != _HOLIDAY]


def calls_on(day: date) -> Sequence[int]:
    """Return the number of calls in each of the hours from 9:00 to 18:00."""
    return _CALLS_BY_DAY.get(day, _USUAL_CALLS)


def _calls_of_hour(end: datetime) -> Iterator[datetime]:
    """Yield the times of the calls in the hour that ends at the local time."""
    hour = end.hour - 10
    if 0 <= hour < len(calls_on(end.date())):
        for number in range(calls_on(end.date())[hour]):
            yield end - timedelta(minutes=5 + 7 * number)


async def _record_calls(world: World, times: Sequence[datetime]) -> None:
    if times:
        context = await world.authenticated_context("admin")
        inputs = [
            CallInput(employee=world.global_ids["Ann"], direction=CallDirection.OUTBOUND, started_at=at.astimezone(UTC))
            for at in times
        ]
        async with context.unit_of_work():
            await calls.upsert_calls(context, inputs, notify=False)


async def _read_hour(world: World, local: datetime) -> ReplayedHour:
    employee = (await world.query(_QUERY, id=world.global_ids["Ann"]))["employee"]
    goals = {goal["period"]["kind"]: goal for goal in employee["goals"]}
    return ReplayedHour(local, {kind: _to_figures(goals[kind], employee[kind]["series"][0]) for kind in TARGETS})


def _to_figures(goal: dict[str, Any], series: dict[str, Any]) -> GoalFigures:
    progress = goal["progress"]
    assert progress["value"] == series["total"]  # one set
    return GoalFigures(
        date.fromisoformat(goal["period"]["start"]),
        int(goal["target"]),
        int(progress["value"]),
        Decimal(progress["expectedByNow"]),
        progress["pace"],
        None if progress["projectionBasis"] == "VALUE" else Decimal(progress["projected"]),
        int(series["previousTotal"]),
    )


def replay_table(hours: Sequence[ReplayedHour]) -> list[list[str]]:
    """Return the rows of the table; hours in which no goal changes share one, with the comparison of the last."""

    def goals_of(hour: ReplayedHour) -> object:
        figures = [(goal.start, goal.value, goal.expected, goal.pace, goal.projected) for goal in hour.goals.values()]
        return hour.day, figures

    rows = []
    for _, group in groupby(hours, key=goals_of):
        first, *more = group
        last = more[-1] if more else first
        span = f"{first.at:%H:%M}" if first is last else f"{first.at:%H:%M} to {last.at:%H:%M}"
        rows.append([f"{first.at:%a} {first.at.day} {first.at:%b}, {span}", *map(_format_goal, last.goals.values())])
    return rows


def _format_goal(goal: GoalFigures) -> str:
    projected = "" if goal.projected is None else f" → {goal.projected:.0f}"
    return f"{goal.value} of {goal.target}, {goal.expected:.1f}, {goal.pace}{projected} ({goal.previous})"
