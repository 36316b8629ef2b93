"""The card of an employee, a team or the company as a table: each metric with its goal in the period."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from domain.analytics.time_series import Interval
from domain.i18n.languages import translate
from domain.i18n.metric_names import metric_name
from domain.messages import Message, gettext_noop
from domain.permissions import Action
from domain.primitives.global_ids import encode_global_id
from domain.primitives.tables import Cell, ExportTable
from resolvers.analytics.statistics import StatisticsQuery, resolve_statistics
from resolvers.goals.goals import list_goals
from resolvers.goals.progress import GoalState, load_goal_states
from resolvers.request import scopes
from resolvers.request.context import RequestContext
from resolvers.request.periods import PeriodKey

_HEADERS: Final = (
    gettext_noop("Owner"), gettext_noop("Metric"), gettext_noop("Metric key"), gettext_noop("First day"),
    gettext_noop("Last day"), gettext_noop("Value"), gettext_noop("Previous period until then"), gettext_noop("Target"),
    gettext_noop("Percent"), gettext_noop("Expected by now"),
)  # fmt: skip


async def export_card(context: RequestContext, scope_id: str | None, period: PeriodKey | None) -> ExportTable:
    """Return the totals of the query `statistics` and the goals of the scope for the same days.

    scope_id  None for the widest that the viewer may see
    """
    scope = await scopes.require_scope(context, scope_id, Action.VIEW_CARD)
    query = StatisticsQuery(period or PeriodKey(), Interval.MONTH)
    statistics, language = await resolve_statistics(context, scope, query), context.language
    days = statistics.period.start, statistics.period.end
    global_id = encode_global_id(type(scope.row).__name__, scope.row.id)
    rows = await list_goals(context, global_id, query.period, None, include_archived=False)
    rows = [row for row in rows if row.scope == scope.key and (row.first_day, row.last_day) == days]
    goals = {state.goal.metric: state for state in await load_goal_states(context, rows)}
    cells: list[list[Cell]] = [
        [
            scope.row.name,
            metric_name(series.metric, language),
            series.metric.key,
            *days,
            series.in_metric_unit(series.total),
            series.in_metric_unit(series.previous),
            *_describe_goal(goals.get(series.metric.key)),
        ]
        for series in statistics.series
    ]
    return ExportTable("card", [translate(Message(header), language) for header in _HEADERS], cells)


def _describe_goal(state: GoalState | None) -> list[Cell]:
    if state is None:
        return [None, None, None]
    progress = state.progress
    return [
        state.in_metric_unit(progress.target),
        round(Decimal(progress.percent), 2),
        state.in_metric_unit(progress.expected_by_now),
    ]
