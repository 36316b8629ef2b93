"""Back-test: forecasts of past periods, made only from what was known then, compared with the actual outcome.

An origin is a day, usually the last of a month. At its end the next calendar month is forecast, and the next three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Final

import numpy as np

from domain.forecasting.arrays import NEVER, Bools
from domain.forecasting.baselines import Baselines, Guess
from domain.forecasting.cooperative import Steps
from domain.forecasting.deal_table import DealTable, known_at
from domain.forecasting.error_metrics import Scored, Scores, scores
from domain.forecasting.forecast import Confidence, Fit
from domain.forecasting.seasonality import first_day, last_day, month_of
from domain.forecasting.training import Learner
from domain.primitives.calendar import Calendar


class Horizon(StrEnum):
    MONTH = "month"
    QUARTER = "quarter"


MONTHS: Final[Mapping[Horizon, int]] = {Horizon.MONTH: 1, Horizon.QUARTER: 3}
MODEL: Final = "this forecast"
_AT_ONCE: Final = 64  # groups per step


class Level(StrEnum):
    COMPANY = "company"
    TEAMS = "teams"
    SELLERS = "sellers"
    ABOVE = "teams of teams"


@dataclass(frozen=True)
class Group:
    """A group of sellers to forecast: its display name, its level, and which sellers belong to it, shape (sellers,)."""

    name: str
    level: Level
    members: Bools


@dataclass(frozen=True)
class Made:
    """One forecast of a group made at an origin, in the smallest unit, with the baseline forecasts beside it."""

    origin: int
    horizon: Horizon
    group: Group
    low: float
    median: float
    high: float
    mean: Fraction
    guesses: tuple[Guess, ...]

    @property
    def days(self) -> tuple[int, int]:
        """First and last day of the forecast period."""
        return _days(self.origin, self.horizon)


def _days(origin: int, horizon: Horizon) -> tuple[int, int]:
    month = month_of(origin)
    return first_day(month + 1), last_day(month + MONTHS[horizon])


def origins(first: date, last: date) -> list[int]:
    """Return the month ends from `first` to `last`, both included, as ordinals."""
    months = range(month_of(first.toordinal()), month_of(last.toordinal()) + 1)
    ends = [last_day(month) for month in months]
    return [end for end in ends if first.toordinal() <= end <= last.toordinal()]


def forecasts(
    table: DealTable,
    origin: int,
    calendar: Calendar,
    sellers: Sequence[str],
    active: Bools,
    groups: Sequence[Group],
) -> Steps[list[Made]]:
    """Compute what would have been forecast at the end of day `origin`; empty if there was too little history.

    table            all deals; everything after the origin is masked first
    sellers, active  as for `FittedModel` and `ModelTrainer`, as known at the origin
    groups           the groups to forecast
    """
    then = known_at(table, origin)
    fit = Fit(Learner(then, origin, calendar, active), then, sellers)
    yield
    if fit.confidence is Confidence.NONE:
        return []
    made = []
    for horizon, months in MONTHS.items():
        days = _days(origin, horizon)
        window = yield from fit.window(*days)
        outlook = yield from window.outlook(then)
        yield
        plain = Baselines(fit.learner, then, outlook.amounts, days, months)
        for number, group in enumerate(groups):
            if number % _AT_ONCE == 0:
                yield
            found = outlook.of(group.members)
            made.append(Made(origin, horizon, group, *found.quantiles, found.mean, tuple(plain.of(group.members))))
    return made


def came(table: DealTable, made: Made) -> float:
    """Return the amount that the group actually won in the forecast period, in the smallest unit."""
    first, last = made.days
    won = table.won & (table.closed >= first) & (table.closed <= last) & (table.deleted == NEVER)
    return float(table.worth[won & made.group.members[table.seller]].sum())


def over(table: DealTable, made: Sequence[Made], until: int) -> list[Made]:
    """Return the forecasts whose period had ended by the day `until` and by the last recorded event of any deal."""
    happened = np.concatenate([table.created, table.closed[table.closed != NEVER], [0]])
    end = min(until, int(happened.max()))
    return [each for each in made if each.days[1] <= end]


def table_of_scores(table: DealTable, made: Sequence[Made], level: Level, horizon: Horizon) -> dict[str, Scores]:
    """Return the error metrics of the model and of each baseline, by name, over all groups of a level."""
    chosen = [each for each in made if each.group.level is level and each.horizon is horizon]
    actual = [came(table, each) for each in chosen]
    rows: dict[str, list[Scored]] = {MODEL: []}
    for each, value in zip(chosen, actual, strict=True):
        rows[MODEL].append(Scored(each.low, each.median, each.high, float(each.mean), value))
        for guess in each.guesses:
            rows.setdefault(guess.name, []).append(Scored(*guess.quantiles, guess.value, value))
    found = {name: scores(scored) for name, scored in rows.items()}
    return {name: each for name, each in found.items() if each is not None}
