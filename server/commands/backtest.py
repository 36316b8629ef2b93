"""The `backtest` and `forecast` commands: a progress bar, a table of error metrics, a CSV file of forecasts."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

import click

from domain.forecasting.arrays import NEVER
from domain.forecasting.backtest import (
    HORIZON_MONTHS,
    MODEL_NAME,
    BacktestForecast,
    Horizon,
    Level,
    actual_outcome,
    completed,
    error_metrics_by_method,
    list_month_ends,
)
from domain.forecasting.error_metrics import ErrorMetrics
from domain.forecasting.goal_chances import CHANCE_BOUNDS, ChanceReliability, compute_reliability
from domain.forecasting.seasonality import first_day, last_day, month_of
from domain.primitives.money import from_minor, from_scaled, minor_digits
from models.organization import company, people
from resolvers.forecasting import backtests
from resolvers.forecasting.backtests import BacktestData
from resolvers.request.client_info import ClientInfo
from resolvers.request.context import RequestContext
from resolvers.request.viewer import Viewer
from server.commands.contexts import create_context_factory
from server.settings import Settings

CSV_COLUMNS: Final = ("origin", "horizon", "scope", "p10", "p50", "p90", "mean")
_EXTRA_DIGITS: Final = 6  # digits beyond the smallest unit's: a mean is a whole number of millionths of the unit
_LEVEL_ORDER: Final = (Level.COMPANY, Level.PARENT_TEAMS, Level.TEAMS, Level.SELLERS)
_TITLES: Final = {Horizon.MONTH: "The next month", Horizon.QUARTER: "The next three months"}
_HEADER: Final = f"  {'':<28}{'WAPE':>8}{'of p50':>8}{'WIS':>8}{'bias':>9}{'80 % holds':>12}"


async def backtest(settings: Settings, first: datetime | None, last: datetime | None, file: Path | None) -> str:
    """Forecast from each month end between the days, and return the table of error metrics."""
    context = await _create_context(settings)
    data = await backtests.load_backtest_data(context)
    origins = _list_origins(data, first, last)
    if not origins:
        raise click.ClickException("There is no month end between these days with a closed deal before it.")
    with click.progressbar(length=len(origins), label="Looking back", file=sys.stderr) as bar:
        data, forecasts = await backtests.run_backtest(context, origins, lambda origin: bar.update(1))
    forecast_days = {item.origin for item in forecasts}
    currency = (await context.company()).currency
    if file is not None:
        _write_csv(file, forecasts, currency)
    skipped = [date.fromordinal(day).isoformat() for day in origins if day not in forecast_days]
    lines = [f"Too little was known on {', '.join(skipped)}: nothing is forecast there."] if skipped else []
    return "\n".join([*lines, *_format_tables(data, completed(data.table, forecasts, data.snapshot.today - 1))])


async def forecast(settings: Settings, origin: datetime, file: Path | None) -> str:
    """Return the forecasts as of the end of one day as a table, or write them to the file and return a message."""
    context = await _create_context(settings)
    day = origin.date().toordinal()
    if day > (await context.today()).toordinal():
        raise click.ClickException("The origin lies ahead: give a day that has come.")
    _, forecasts = await backtests.run_backtest(context, [day])
    currency = (await context.company()).currency
    if file is not None:
        _write_csv(file, forecasts, currency)
    if not forecasts:
        return f"Too little was known on {origin.date()} to forecast from: two complete months and 20 wins are needed."
    if file is not None:
        return f"{len(forecasts)} forecasts are in {file}."
    rows = [CSV_COLUMNS[1:], *(_format_cells(item, currency)[1:] for item in forecasts)]
    return "\n".join(
        "  ".join(f"{cell:>{width}}" for cell, width in zip(row, _COLUMN_WIDTHS, strict=True)) for row in rows
    )


_COLUMN_WIDTHS: Final = (7, 40, 15, 15, 15, 22)


def _list_origins(data: BacktestData, first: datetime | None, last: datetime | None) -> list[int]:
    """Return the month ends between the days; without them, all that have data to learn from and to compare with."""
    closing_days = data.table.closed[data.table.closed != NEVER]
    if not len(closing_days):
        return []
    end = last.date() if last else date.fromordinal(min(int(closing_days.max()), data.snapshot.today - 1))
    start = first.date() if first else date.fromordinal(last_day(month_of(int(closing_days.min())) + 1))
    if not last:  # the month after the last origin must be over
        end = date.fromordinal(first_day(month_of(end.toordinal()))) - timedelta(days=1)
    return [day for day in list_month_ends(start, end) if day < data.snapshot.today]


async def _create_context(settings: Settings) -> RequestContext:
    if await company.find_company() is None:
        raise click.ClickException("There is no company yet: run `./run setup` first.")
    context = create_context_factory(settings).create_context(ClientInfo(None, "en", "", "backtest"))
    context.current_viewer = Viewer.for_scheduler(await people.load_team_tree())
    return context


def _format_cells(forecast: BacktestForecast, currency: str) -> tuple[str, ...]:
    amounts = (from_minor(round(value), currency) for value in (forecast.low, forecast.median, forecast.high))
    origin = date.fromordinal(forecast.origin).isoformat()
    return (
        origin,
        forecast.horizon.value,
        forecast.group.name,
        *map(str, amounts),
        str(_format_mean(forecast.mean, currency)),
    )


def _format_mean(mean: Fraction, currency: str) -> Decimal:
    return from_scaled(round(mean * 10**_EXTRA_DIGITS), minor_digits(currency) + _EXTRA_DIGITS)


def _write_csv(file: Path, forecasts: Iterable[BacktestForecast], currency: str) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(CSV_COLUMNS)
        writer.writerows(_format_cells(forecast, currency) for forecast in forecasts)


def _format_tables(data: BacktestData, forecasts: Sequence[BacktestForecast]) -> list[str]:
    if not forecasts:
        return ["No forecast can be compared yet: none of the periods is over."]
    lines = []
    for horizon in HORIZON_MONTHS:
        for level in _LEVEL_ORDER:
            metrics = error_metrics_by_method(data.table, forecasts, level, horizon)
            if metrics:
                lines += ["", f"{_TITLES[horizon]}, {level} ({metrics[MODEL_NAME].count} compared)", _HEADER]
                lines += [_format_line(name, method_metrics) for name, method_metrics in metrics.items()]
    return [*lines, *_format_reliability(data, forecasts)]


def _format_reliability(data: BacktestData, forecasts: Sequence[BacktestForecast]) -> Iterator[str]:
    """Yield the table of goals near the last results: with which probability they would be reached, and how many were.

    As drawn, and as calibrated on what was known then; a goal may be in another class then.
    """
    chances = [(forecast.goal_chances, actual_outcome(data.table, forecast)) for forecast in forecasts]
    drawn = [([chance.as_drawn for chance in goals], actual) for goals, actual in chances]
    columns = [{(item.low, item.high): item for item in compute_reliability(goals)} for goals in (drawn, chances)]
    if not columns[0]:
        return
    title = f"{'goals':>8}{'said':>8}{'reached':>9}"
    yield from (
        "",
        "Goals of 80 to 125 % of the last results",
        f"  {'':<28}{'as drawn':>25}   {'calibrated':>25}",
        f"  {'probability':<28}{title}   {title}",
    )
    for low, high in pairwise(CHANCE_BOUNDS):
        cells = [_format_class(column.get((low, high))) for column in columns]
        if any(cell.strip() for cell in cells):
            yield f"  {f'{low:.0%} to {high:.0%}':<28}{'   '.join(cells)}".rstrip()


def _format_class(item: ChanceReliability | None) -> str:
    return " " * 25 if item is None else f"{item.count:>8}{item.mean_probability:>8.1%}{item.reached:>9.1%}"


def _format_line(name: str, scores: ErrorMetrics) -> str:
    return f"  {name:<28}{scores.wape:>8.3f}{scores.wape_median:>8.3f}{scores.wis:>8.3f}{scores.bias:>+9.1%}{scores.coverage:>12.0%}"
