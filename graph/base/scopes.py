"""GraphQL types `Scope` (employee, team or company) and `Period`, and the fields that all scopes share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

import strawberry

from domain.primitives import periods
from domain.primitives.calendar import Calendar
from graph.base.enums import Interval, MoneyBasis, PeriodKind
from graph.base.input_mapping import PeriodInput, WhatIfInput, forecast_question, given, period_key
from graph.base.row_types import Info, Node
from models.goals.goals import OwnerKind
from models.organization.people import Employee, Team
from resolvers.analytics import funnels, statistics
from resolvers.forecasting import forecasts
from resolvers.goals import goals
from resolvers.request.context import Context
from resolvers.request.scopes import Scope as ScopeOf

TheFunnel = Annotated["Funnel", strawberry.lazy("graph.types.funnels")]  # type: ignore[name-defined]  # noqa: F821
TheForecast = Annotated["Forecast", strawberry.lazy("graph.types.forecasts")]  # type: ignore[name-defined]  # noqa: F821
TheGoal = Annotated["Goal", strawberry.lazy("graph.types.goals")]  # type: ignore[name-defined]  # noqa: F821
TheStatistics = Annotated["Statistics", strawberry.lazy("graph.types.statistics")]  # type: ignore[name-defined]  # noqa: F821

CHARTS: Final = "Time series of the period; by default the current month."
FUNNEL: Final = """Deals that entered the stages of a pipeline in the period; by default the current month and the first
active pipeline."""


@dataclass(frozen=True)
class Days:
    """A period with the company's calendar, today's date and the language of its label."""

    period: periods.Period
    calendar: Calendar
    today: date
    language: str


async def days(context: Context, period: periods.Period) -> Any:
    return Days(period, await context.calendar(), await context.today(), context.language)


@strawberry.type(description="A range of days in the company's calendar.")
class Period:
    @strawberry.field
    @staticmethod
    def kind(root: strawberry.Parent[Days]) -> PeriodKind:
        return root.period.kind

    @strawberry.field(description="First day, included.")
    @staticmethod
    def start(root: strawberry.Parent[Days]) -> date:
        return root.period.start

    @strawberry.field(description="Last day, included.")
    @staticmethod
    def end(root: strawberry.Parent[Days]) -> date:
        return root.period.end

    @strawberry.field(description='Display name: "November 2026", "Q4 2026".')
    @staticmethod
    def label(root: strawberry.Parent[Days]) -> str:
        return root.period.label(root.language)

    @strawberry.field(description="Working days by the company's working week and holidays.")
    @staticmethod
    def workdays(root: strawberry.Parent[Days]) -> int:
        return periods.workdays(root.period, root.calendar)

    @strawberry.field(description="Finished working days, without today.")
    @staticmethod
    def workdays_elapsed(root: strawberry.Parent[Days]) -> int:
        return periods.elapsed_workdays(root.period, today=root.today, calendar=root.calendar)

    @strawberry.field(description="Remaining working days, including today.")
    @staticmethod
    def workdays_left(root: strawberry.Parent[Days]) -> int:
        elapsed = periods.elapsed_workdays(root.period, today=root.today, calendar=root.calendar)
        return periods.workdays(root.period, root.calendar) - elapsed


def scope_of(row: Any) -> ScopeOf:
    """Return the scope of a company, team or employee row."""
    if isinstance(row, Team):
        return ScopeOf(OwnerKind.TEAM, row.id, row)
    if isinstance(row, Employee):
        return ScopeOf(OwnerKind.EMPLOYEE, row.id, row)
    return ScopeOf(OwnerKind.COMPANY, 0, row)


@strawberry.interface(
    description="""An employee, a team with all teams below it, or the whole company. Every argument named `scope` takes
the id of one of these; null means the company for leaderboards, and elsewhere the widest single scope the viewer may
see: the company, else the first team they manage, else the viewer. The result's `scope` tells which one it is."""
)
class Scope(Node):
    name: str

    @strawberry.field(
        graphql_type=list[TheGoal],
        description="The scope's own goals whose period overlaps the given one; by default includes today.",
    )
    @staticmethod
    async def goals(
        root: strawberry.Parent[Any], info: Info, period: PeriodInput | None = None, include_archived: bool = False
    ) -> Any:
        return await goals.of_scope(info.context, scope_of(root), given(period), archived=include_archived)

    @strawberry.field(
        graphql_type=TheForecast | None,
        description="Forecast of won deals; by default for the current month. Null if the viewer may not see it.",
    )
    @staticmethod
    async def forecast(
        root: strawberry.Parent[Any],
        info: Info,
        period: PeriodInput | None = None,
        basis: MoneyBasis = MoneyBasis.REVENUE,
        what_if: WhatIfInput | None = None,
    ) -> Any:
        return await forecasts.of_scope(info.context, scope_of(root), forecast_question(period, basis, what_if))

    @strawberry.field(
        graphql_type=TheStatistics | None, description=f"{CHARTS} Null if the viewer may not see the card."
    )
    @staticmethod
    async def statistics(
        root: strawberry.Parent[Any],
        info: Info,
        period: PeriodInput | None = None,
        interval: Interval = Interval.DAY,
        metrics: list[str] | None = None,
    ) -> Any:
        return await statistics.of_scope(info.context, scope_of(root), charted(period, interval, metrics))

    @strawberry.field(graphql_type=TheFunnel | None, description=f"{FUNNEL} Null if the viewer may not see the card.")
    @staticmethod
    async def funnel(
        root: strawberry.Parent[Any],
        info: Info,
        period: PeriodInput | None = None,
        pipeline: strawberry.ID | None = None,
    ) -> Any:
        return await funnels.of_scope(info.context, scope_of(root), staged(period, pipeline))


def staged(period: PeriodInput | None, pipeline: strawberry.ID | None) -> funnels.Question:
    return funnels.Question(period_key(period), pipeline)


def charted(period: PeriodInput | None, interval: Interval, metrics: list[str] | None) -> statistics.Question:
    return statistics.Question(period_key(period), interval, None if metrics is None else tuple(metrics))


async def _statistics(
    root: Any,
    info: Info,
    period: PeriodInput | None = None,
    interval: Interval = Interval.DAY,
    metrics: list[str] | None = None,
) -> Any:
    return await statistics.asked(info.context, scope_of(root), charted(period, interval, metrics))


def whole_statistics() -> Any:
    """Return the non-null `statistics` field of a team or the company: an error if the viewer may not see it."""
    return strawberry.field(resolver=_statistics, description=CHARTS)


async def _funnel(
    root: Any, info: Info, period: PeriodInput | None = None, pipeline: strawberry.ID | None = None
) -> Any:
    return await funnels.asked(info.context, scope_of(root), staged(period, pipeline))


def whole_funnel() -> Any:
    """Return the non-null `funnel` field of a team or the company: an error if the viewer may not see it."""
    return strawberry.field(resolver=_funnel, description=FUNNEL)


async def _forecast(
    root: Any,
    info: Info,
    period: PeriodInput | None = None,
    basis: MoneyBasis = MoneyBasis.REVENUE,
    what_if: WhatIfInput | None = None,
) -> Any:
    return await forecasts.asked(info.context, scope_of(root), forecast_question(period, basis, what_if))


def whole_forecast() -> Any:
    """Return the non-null `forecast` field of a team or the company: an error if the viewer may not see it."""
    return strawberry.field(resolver=_forecast, description="Forecast of won deals; by default for the current month.")
