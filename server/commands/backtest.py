"""The `backtest` and `forecast` commands: a progress bar, a table of error metrics, a CSV file of forecasts."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Final

import click

from domain.forecasting.arrays import NEVER
from domain.forecasting.backtest import MODEL, MONTHS, Horizon, Level, Made, origins, over, table_of_scores
from domain.forecasting.error_metrics import Scores
from domain.forecasting.seasonality import first_day, last_day, month_of
from domain.primitives.money import from_minor, minor_digits, with_places
from models.organization import company, people
from resolvers.forecasting import backtests
from resolvers.forecasting.backtests import Past
from resolvers.request.client_info import Caller
from resolvers.request.context import Context
from resolvers.request.services import Services
from resolvers.request.viewer import Viewer
from server.app import clock
from server.context_factory import Gate
from server.http.rate_limit import throttle
from server.settings import Settings

COLUMNS: Final = ("origin", "horizon", "scope", "p10", "p50", "p90", "mean")
_EXACT: Final = 6  # digits beyond the smallest unit's: a mean is a whole number of millionths of the unit
_LEVELS: Final = (Level.COMPANY, Level.ABOVE, Level.TEAMS, Level.SELLERS)
_TITLES: Final = {Horizon.MONTH: "The next month", Horizon.QUARTER: "The next three months"}
_HEAD: Final = f"  {'':<28}{'WAPE':>8}{'WIS':>8}{'bias':>9}{'80 % holds':>12}"


async def backtest(found: Settings, first: datetime | None, last: datetime | None, file: Path | None) -> str:
    """Forecast from each month end between the days, and return the table of error metrics."""
    context = await _context(found)
    past = await backtests.past(context)
    days = _ends(past, first, last)
    if not days:
        raise click.ClickException("There is no month end between these days with a closed deal before it.")
    with click.progressbar(length=len(days), label="Looking back", file=sys.stderr) as bar:
        past, made = await backtests.made(context, days, lambda origin: bar.update(1))
    told = {each.origin for each in made}
    currency = (await context.company()).currency
    if file is not None:
        _write(file, made, currency)
    skipped = [date.fromordinal(day).isoformat() for day in days if day not in told]
    lines = [f"Too little was known on {', '.join(skipped)}: nothing is forecast there."] if skipped else []
    return "\n".join([*lines, *_tables(past, over(past.table, made, past.known.today - 1), currency)])


async def forecast(found: Settings, origin: datetime, file: Path | None) -> str:
    """Return the forecasts as of the end of one day as a table, or write them to the file and return a message."""
    context = await _context(found)
    day = origin.date().toordinal()
    if day > (await context.today()).toordinal():
        raise click.ClickException("The origin lies ahead: give a day that has come.")
    _, made = await backtests.made(context, [day])
    currency = (await context.company()).currency
    if file is not None:
        _write(file, made, currency)
    if not made:
        return f"Too little was known on {origin.date()} to forecast from: two complete months and 20 wins are needed."
    if file is not None:
        return f"{len(made)} forecasts are in {file}."
    rows = [COLUMNS[1:], *(_cells(each, currency)[1:] for each in made)]
    return "\n".join("  ".join(f"{cell:>{width}}" for cell, width in zip(row, _WIDTHS, strict=True)) for row in rows)


_WIDTHS: Final = (7, 40, 15, 15, 15, 22)


def _ends(past: Past, first: datetime | None, last: datetime | None) -> list[int]:
    """Return the month ends between the days; without them, all that have data to learn from and to compare with."""
    happened = past.table.closed[past.table.closed != NEVER]
    if not len(happened):
        return []
    end = last.date() if last else date.fromordinal(min(int(happened.max()), past.known.today - 1))
    start = first.date() if first else date.fromordinal(last_day(month_of(int(happened.min())) + 1))
    if not last:  # the month after the last origin must be over
        end = date.fromordinal(first_day(month_of(end.toordinal()))) - timedelta(days=1)
    return [day for day in origins(start, end) if day < past.known.today]


async def _context(found: Settings) -> Context:
    if await company.the_company() is None:
        raise click.ClickException("There is no company yet: run `./run setup` first.")
    services = Services(found.secret_text, throttle(None), lambda: None)
    context = Gate(services, clock).context(Caller(None, "en", "", "backtest"))
    context.who = Viewer.of_clock(await people.tree())
    return context


def _cells(made: Made, currency: str) -> tuple[str, ...]:
    amounts = (from_minor(round(value), currency) for value in (made.low, made.median, made.high))
    origin = date.fromordinal(made.origin).isoformat()
    return origin, made.horizon.value, made.group.name, *map(str, amounts), str(_exact(made.mean, currency))


def _exact(mean: Fraction, currency: str) -> Decimal:
    return with_places(round(mean * 10**_EXACT), minor_digits(currency) + _EXACT)


def _write(file: Path, made: Iterable[Made], currency: str) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(COLUMNS)
        writer.writerows(_cells(each, currency) for each in made)


def _tables(past: Past, made: Sequence[Made], currency: str) -> list[str]:
    if not made:
        return ["No forecast can be compared yet: none of the periods is over."]
    lines = []
    for horizon in MONTHS:
        for level in _LEVELS:
            found = table_of_scores(past.table, made, level, horizon)
            if found:
                lines += ["", f"{_TITLES[horizon]}, {level} ({found[MODEL].count} compared)", _HEAD]
                lines += [_line(name, each) for name, each in found.items()]
    return lines


def _line(name: str, scores: Scores) -> str:
    return f"  {name:<28}{scores.wape:>8.3f}{scores.wis:>8.3f}{scores.bias:>+9.1%}{scores.coverage:>12.0%}"
