"""Input objects shared by several mutations and queries, and their conversion to the inputs of resolvers."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, Final, TypeVar, cast, get_args, get_type_hints

import strawberry
from strawberry.types.base import get_object_definition
from strawberry.utils.str_converters import to_camel_case

from domain.primitives.unset import UNSET, Unset
from graph.base.enums import MoneyBasis, PeriodKind
from resolvers.forecasting.forecasts import ForecastQuery
from resolvers.request.inputs import Money
from resolvers.request.periods import PeriodKey

Target = TypeVar("Target")
Value = TypeVar("Value")

IDEMPOTENCY_KEY: Final = "idempotency_key"  # the attribute of inputs that resolvers do not take


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


def to_input(target: type[Target], source: Any) -> Target:
    """Return an input object as the dataclass that resolvers take, by attribute name.

    Inner input objects become the dataclasses that the types of the fields name, and lists become tuples. A field that
    was left out has the dataclass's default. Raises TypeError if the dataclass lacks a field of the input object.
    """
    inner_types = match_fields(source.__class__, cast(Any, target))
    values = ((name, getattr(source, name), inner) for name, inner in inner_types.items())
    return target(**{name: _convert(value, inner) for name, value, inner in values if value is not strawberry.UNSET})


def to_optional_input(target: type[Target], source: object | None) -> Target | None:
    """Do the same; None for null and for an argument that was left out."""
    return to_input(target, source) if source else None


def keep_unset(value: Value) -> Value | Unset:
    """Return the value of a single field for a resolver: `UNSET` if it was left out."""
    return UNSET if value is strawberry.UNSET else value


def money_or_unset(money: MoneyInput | None) -> Money | Unset:
    """Return an amount of money; `UNSET` for null, too."""
    return to_input(Money, money) if money else UNSET


def _convert(value: object, inner: type[object] | None) -> object:
    if isinstance(value, list):
        return tuple(_convert(item, inner) for item in value)
    return value if inner is None or value is None else to_input(inner, value)


@cache
def match_fields(source: Any, target: Any) -> dict[str, type[object] | None]:
    """Return the fields of an input class, except for its idempotency key, with the dataclass of an inner input."""
    names = {field.name for field in dataclasses.fields(source)} - {IDEMPOTENCY_KEY}
    hints = get_type_hints(target)
    if unknown_names := names - {field.name for field in dataclasses.fields(target)}:
        raise TypeError(f"{target.__name__} lacks fields of {source.__name__}: {sorted(unknown_names)}")
    return {name: _find_dataclass(hints[name]) for name in names}


def _find_dataclass(hint: object) -> type[object] | None:
    """Return the dataclass in a type such as `Sequence[Money] | None`, if any."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return hint
    return next((inner for argument in get_args(hint) if (inner := _find_dataclass(argument))), None)


@cache
def _graphql_names(input_class: Any) -> tuple[tuple[str, str], ...]:
    definition = get_object_definition(input_class, strict=True)
    return tuple(
        (field.python_name, field.graphql_name or to_camel_case(field.python_name)) for field in definition.fields
    )


def to_json_fields(value: Any) -> object:
    """Return an argument with its input objects as mappings of the fields that were given, by their GraphQL names.

    The digest of a request with an idempotency key is made of it; it must not change for the same request.
    """
    if isinstance(value, list):
        return [to_json_fields(item) for item in value]
    if value is None or get_object_definition(type(value)) is None:
        return value
    fields = ((name, getattr(value, attribute)) for attribute, name in _graphql_names(value.__class__))
    return {name: to_json_fields(inner) for name, inner in fields if inner is not strawberry.UNSET}


def period_key(period: PeriodInput | None) -> PeriodKey | None:
    """Return a period as the queries of leaderboards, statistics, funnels and forecasts hold it."""
    return to_optional_input(PeriodKey, period)


def forecast_query(
    period: PeriodInput | None,
    basis: MoneyBasis,
    what_if: WhatIfInput | None = None,
    *,
    with_target: bool,
    with_judgement: bool = False,
) -> ForecastQuery:
    """Return the query of a forecast from its GraphQL arguments, and whether its target and judgement are needed."""
    win, lose = (what_if.win, what_if.lose) if what_if else (None, None)
    return ForecastQuery(period_key(period), basis, tuple(win or ()), tuple(lose or ()), with_target, with_judgement)
