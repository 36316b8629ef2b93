"""Input objects shared by several mutations and queries, and their conversion to mappings."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import strawberry
from strawberry.types.base import get_object_definition
from strawberry.utils.str_converters import to_camel_case

from graph.base.enums import MoneyBasis, PeriodKind
from resolvers.forecasting.forecasts import ForecastQuery
from resolvers.request.periods import PeriodKey


@strawberry.input(description="An amount of money.")
class MoneyInput:
    amount: Decimal
    currency: str | None = strawberry.field(default=strawberry.UNSET, description="Null means the company's currency.")


@strawberry.input(
    description="""A range of days. `{kind: MONTH}` is the current month in the company's time zone,
`{kind: MONTH, offset: 1}` the next one, `{kind: QUARTER, on: "2026-02-10"}` the quarter of that day; CUSTOM
takes `start` and `end`, both included, at most ten years apart, and cannot recur. Where a period may be null, null
means the current month for leaderboards, statistics, funnel, forecast and work time; for goals, the goals whose period
includes today; for lists, no restriction."""
)
class PeriodInput:
    kind: PeriodKind = PeriodKind.MONTH
    on: date | None = strawberry.UNSET
    offset: int = 0
    start: date | None = strawberry.UNSET
    end: date | None = strawberry.UNSET


@strawberry.input(description="Deals to assume as closed in a forecast; nothing is stored.")
class WhatIfInput:
    win: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="Assumed as won within the period."
    )
    lose: list[strawberry.ID] | None = strawberry.field(default=strawberry.UNSET, description="Assumed as lost.")


@cache
def _field_names(cls: Any) -> tuple[tuple[str, str], ...]:
    definition = get_object_definition(cls, strict=True)
    return tuple(
        (field.python_name, field.graphql_name or to_camel_case(field.python_name)) for field in definition.fields
    )


def to_input_fields(value: Any) -> Any:
    """Return an input object as a mapping of the provided fields by their GraphQL names, recursively.

    Omitted fields are missing in the mapping, other values than input objects are returned unchanged.
    """
    if isinstance(value, list):
        return [to_input_fields(item) for item in value]
    if value is None or get_object_definition(type(value)) is None:
        return value
    fields = ((name, getattr(value, attribute)) for attribute, name in _field_names(value.__class__))
    return {name: to_input_fields(inner) for name, inner in fields if inner is not strawberry.UNSET}


def period_key(period: PeriodInput | None) -> PeriodKey | None:
    """Return a period as a hashable key, as the queries of leaderboards, statistics, funnels and forecasts hold it."""
    return tuple(sorted(to_input_fields(period).items())) if period else None


def forecast_query(period: PeriodInput | None, basis: MoneyBasis, what_if: WhatIfInput | None = None) -> ForecastQuery:
    """Return the query of a forecast from its GraphQL arguments."""
    scenario = to_input_fields(what_if) or {}
    return ForecastQuery(period_key(period), basis, tuple(scenario.get("win") or ()), tuple(scenario.get("lose") or ()))
