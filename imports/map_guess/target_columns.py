"""Finds the columns of a plan that has its targets beside each other: a column for each period, or for each metric."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from domain.i18n.languages import LANGUAGES
from domain.i18n.metric_names import metric_name
from domain.ledger.metrics import METRICS
from domain.primitives.text import search_key
from imports.field_specs import FieldType
from imports.files.cell_formats import parse_named_month, parse_numeric_date
from imports.goal_periods import names_period
from imports.map_guess.column_cells import ColumnCells

_MIN_COLUMNS: Final = 2


@dataclass(frozen=True)
class TargetColumns:
    """Columns with a target each.

    field     what their headers hold: `period` or `metric`
    by_month  the periods are named by the first days of months
    """

    field: str
    columns: list[str]
    by_month: bool = False


def find_target_columns(
    columns: Collection[str], cells: Mapping[str, ColumnCells], fields: Collection[str]
) -> TargetColumns | None:
    """Return the columns of numbers whose headers are periods, or metrics; None for fewer than two.

    fields  for which the table has a column
    """
    numeric = [name for name in columns if cells[name].count and cells[name].fits("target", FieldType.MONEY)]
    periods = [name for name in numeric if is_period_header(name)]
    if len(periods) >= _MIN_COLUMNS and {"period", "from"}.isdisjoint(fields):
        return TargetColumns("period", periods, all(_find_first_of_month(name) for name in periods))
    metrics = [name for name in numeric if search_key(name) in _metric_keys()]
    if len(metrics) >= _MIN_COLUMNS and "metric" not in fields:
        return TargetColumns("metric", metrics)
    return None


def is_period_header(text: str) -> bool:
    """Return whether a header names a period, also by the first day of a month, as workbooks write one."""
    return names_period(text) or _find_first_of_month(text) is not None


def _find_first_of_month(text: str) -> date | None:
    named = parse_named_month(text)
    numeric = parse_numeric_date(text)
    days = [named[0]] if named else [*numeric.readings.values()] if numeric else []
    return days[0] if len({*days}) == 1 and days[0].day == 1 else None


@cache
def _metric_keys() -> frozenset[str]:
    """Return the names of the built-in metrics in every language, and their keys, as search keys."""
    names = (metric_name(metric, language) for metric in METRICS.values() for language in LANGUAGES)
    return frozenset(map(search_key, (*METRICS, *names)))
