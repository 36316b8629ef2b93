"""GraphQL types `Scope` (employee, team or company) and `Period`, and the fields that all scopes share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import strawberry

from domain.i18n.period_labels import format_period
from domain.primitives import periods
from domain.primitives.calendar import Calendar
from graph.base.answer_parts import funnel_parts, needs_target, statistics_parts
from graph.base.enums import Interval, MoneyBasis, PeriodKind
from graph.base.field_declarations import GOAL_LIST, GOALS, RECORDS, WHOLE_VIEWER, declare
from graph.base.input_mapping import PeriodInput, WhatIfInput, forecast_query, period_key
from graph.base.lazy_types import ForecastRef, FunnelRef, GoalRef, StatisticsRef
from graph.base.row_types import Info, Node
from models.organization.scopes import ScopeRow
from resolvers.analytics import funnels, statistics
from resolvers.forecasting import forecasts
from resolvers.goals import goals
from resolvers.request.context import RequestContext
from resolvers.request.scopes import Scope as ResolvedScope

STATISTICS_DESCRIPTION: Final = "Time series of the period; by default the current month."
FUNNEL_DESCRIPTION: Final = """Deals that entered the stages of a pipeline in the period; by default the current month and the first
active pipeline."""
_OPTIONAL_FUNNEL_DESCRIPTION: Final = f"{FUNNEL_DESCRIPTION} Null if the viewer may not see the card."


@dataclass(frozen=True)
class CalendarPeriod:
    """A period with the company's calendar, today's date and the language of its label."""

    period: periods.Period
    calendar: Calendar
    today: date
    language: str


async def to_calendar_period(context: RequestContext, period: periods.Period) -> CalendarPeriod:
    return CalendarPeriod(period, await context.calendar(), await context.today(), context.language)


@strawberry.type(description="A range of days in the company's calendar.")
class Period:
    @strawberry.field
    @staticmethod
    def kind(root: strawberry.Parent[CalendarPeriod]) -> PeriodKind:
        return root.period.kind

    @strawberry.field(description="First day, included.")
    @staticmethod
    def start(root: strawberry.Parent[CalendarPeriod]) -> date:
        return root.period.start

    @strawberry.field(description="Last day, included.")
    @staticmethod
    def end(root: strawberry.Parent[CalendarPeriod]) -> date:
        return root.period.end

    @strawberry.field(description='Display name: "November 2026", "Q4 2026".')
    @staticmethod
    def label(root: strawberry.Parent[CalendarPeriod]) -> str:
        return format_period(root.period, root.language)

    @strawberry.field(description="Working days by the company's working week and holidays.")
    @staticmethod
    def workdays(root: strawberry.Parent[CalendarPeriod]) -> int:
        return periods.count_workdays(root.period, root.calendar)

    @strawberry.field(description="The working days, in order, to draw the line of an even pace.")
    @staticmethod
    def workdays_list(root: strawberry.Parent[CalendarPeriod]) -> list[date]:
        return root.calendar.list_workdays(root.period.start, root.period.end)

    @strawberry.field(description="Finished working days, without today.")
    @staticmethod
    def workdays_elapsed(root: strawberry.Parent[CalendarPeriod]) -> int:
        return periods.count_elapsed_workdays(root.period, today=root.today, calendar=root.calendar)

    @strawberry.field(description="Remaining working days, including today.")
    @staticmethod
    def workdays_left(root: strawberry.Parent[CalendarPeriod]) -> int:
        elapsed = periods.count_elapsed_workdays(root.period, today=root.today, calendar=root.calendar)
        return periods.count_workdays(root.period, root.calendar) - elapsed


def to_scope(row: ScopeRow) -> ResolvedScope:
    """Return the scope of a company, team or employee row."""
    return ResolvedScope.of_row(row)


async def _find_funnel(
    root: ScopeRow, info: Info, period: PeriodInput | None = None, pipeline: strawberry.ID | None = None
) -> FunnelRef | None:
    return await funnels.funnel_of_scope(info.context, to_scope(root), funnel_query(info, period, pipeline))


def employee_funnel_field() -> FunnelRef | None:
    """Return the `funnel` field of an employee: null if the viewer may not see the card; of their own deals alone."""
    return strawberry.field(
        resolver=_find_funnel,
        description=_OPTIONAL_FUNNEL_DESCRIPTION,
        metadata=declare(WHOLE_VIEWER, follows=RECORDS),
    )


def funnel_query(info: Info, period: PeriodInput | None, pipeline: strawberry.ID | None) -> funnels.FunnelQuery:
    return funnels.FunnelQuery(period_key(period), pipeline, funnel_parts(info))


@strawberry.interface(
    description="""An employee, a team with all teams below it, or the whole company. Every argument named `scope` takes
the id of one of these; null means the company for leaderboards, and elsewhere the widest single scope the viewer may
see: the company, else the first team they manage, else the viewer. The result's `scope` tells which one it is."""
)
class Scope(Node):
    name: str

    @strawberry.field(
        description="The scope's own goals whose period overlaps the given one; by default includes today.",
        metadata=declare(GOALS, length=10, follows=GOAL_LIST),
    )
    @staticmethod
    async def goals(
        root: strawberry.Parent[ScopeRow], info: Info, period: PeriodInput | None = None, include_archived: bool = False
    ) -> list[GoalRef]:
        return await goals.goals_of_scope(
            info.context, to_scope(root), period_key(period), include_archived=include_archived
        )

    @strawberry.field(
        description="Forecast of won deals; by default for the current month. Null if the viewer may not see it.",
        metadata=declare(WHOLE_VIEWER),
    )
    @staticmethod
    async def forecast(
        root: strawberry.Parent[ScopeRow],
        info: Info,
        period: PeriodInput | None = None,
        basis: MoneyBasis = MoneyBasis.REVENUE,
        what_if: WhatIfInput | None = None,
    ) -> ForecastRef | None:
        return await forecasts.get_scope_forecast(
            info.context,
            to_scope(root),
            forecast_query(period, basis, what_if, with_target=needs_target(info)),
        )

    @strawberry.field(
        description=f"{STATISTICS_DESCRIPTION} Null if the viewer may not see the card.",
        metadata=declare(WHOLE_VIEWER),
    )
    @staticmethod
    async def statistics(
        root: strawberry.Parent[ScopeRow],
        info: Info,
        period: PeriodInput | None = None,
        interval: Interval = Interval.DAY,
        metrics: list[str] | None = None,
    ) -> StatisticsRef | None:
        return await statistics.statistics_of_scope(
            info.context, to_scope(root), statistics_query(info, period, interval, metrics)
        )

    @strawberry.field(description=_OPTIONAL_FUNNEL_DESCRIPTION, metadata=declare(WHOLE_VIEWER))
    @staticmethod
    async def funnel(
        root: strawberry.Parent[ScopeRow],
        info: Info,
        period: PeriodInput | None = None,
        pipeline: strawberry.ID | None = None,
    ) -> FunnelRef | None:
        return await _find_funnel(root, info, period, pipeline)


def statistics_query(
    info: Info, period: PeriodInput | None, interval: Interval, metrics: list[str] | None
) -> statistics.StatisticsQuery:
    metric_keys = None if metrics is None else tuple(metrics)
    return statistics.StatisticsQuery(period_key(period), interval, metric_keys, statistics_parts(info))


async def _resolve_statistics(
    root: ScopeRow,
    info: Info,
    period: PeriodInput | None = None,
    interval: Interval = Interval.DAY,
    metrics: list[str] | None = None,
) -> StatisticsRef:
    return await statistics.resolve_statistics(
        info.context, to_scope(root), statistics_query(info, period, interval, metrics)
    )


def required_statistics_field() -> StatisticsRef:
    """Return the non-null `statistics` field of a team or the company: an error if the viewer may not see it."""
    return strawberry.field(
        resolver=_resolve_statistics, description=STATISTICS_DESCRIPTION, metadata=declare(WHOLE_VIEWER)
    )


async def _resolve_funnel(
    root: ScopeRow, info: Info, period: PeriodInput | None = None, pipeline: strawberry.ID | None = None
) -> FunnelRef:
    return await funnels.resolve_funnel(info.context, to_scope(root), funnel_query(info, period, pipeline))


def required_funnel_field() -> FunnelRef:
    """Return the non-null `funnel` field of a team or the company: an error if the viewer may not see it."""
    return strawberry.field(resolver=_resolve_funnel, description=FUNNEL_DESCRIPTION, metadata=declare(WHOLE_VIEWER))


async def _resolve_forecast(
    root: ScopeRow,
    info: Info,
    period: PeriodInput | None = None,
    basis: MoneyBasis = MoneyBasis.REVENUE,
    what_if: WhatIfInput | None = None,
) -> ForecastRef:
    return await forecasts.get_forecast(
        info.context, to_scope(root), forecast_query(period, basis, what_if, with_target=needs_target(info))
    )


def required_forecast_field() -> ForecastRef:
    """Return the non-null `forecast` field of a team or the company: an error if the viewer may not see it."""
    return strawberry.field(
        resolver=_resolve_forecast,
        description="Forecast of won deals; by default for the current month.",
        metadata=declare(WHOLE_VIEWER),
    )
