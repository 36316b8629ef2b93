"""Goals as a table, which an import reads again."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from domain.i18n.languages import translate
from domain.i18n.metric_names import metric_name
from domain.i18n.period_labels import format_period
from domain.messages import Message, gettext_noop
from domain.permissions import Action
from domain.primitives.tables import Cell, ExportTable
from domain.primitives.units import from_smallest
from models.goals.goals import Goal
from models.organization.people import Employee, Team
from models.organization.scopes import ScopeRow
from resolvers.goals.goals import list_goals
from resolvers.goals.progress import GoalState, goal_owners, load_goal_states
from resolvers.goals.projection import GoalProjection, project_goals
from resolvers.request.context import RequestContext
from resolvers.request.periods import PeriodKey

# The map scoreline.toml of the imports knows them in each language.
_HEADERS: Final = (
    gettext_noop("Owner"), gettext_noop("Owner e-mail"), gettext_noop("Owner kind"), gettext_noop("Goal"),
    gettext_noop("Metric"), gettext_noop("Metric key"), gettext_noop("Period"), gettext_noop("First day"),
    gettext_noop("Last day"), gettext_noop("Target"), gettext_noop("Pro-rated target"), gettext_noop("Target currency"),
    gettext_noop("Recurring"), gettext_noop("Pro-rated"), gettext_noop("Value"), gettext_noop("Percent"),
    gettext_noop("Expected by now"), gettext_noop("Pace"), gettext_noop("Projected"), gettext_noop("Probability"),
)  # fmt: skip
_PACES: Final = {
    "NOT_STARTED": gettext_noop("not started"), "BEHIND": gettext_noop("behind"), "ON_TRACK": gettext_noop("on track"),
    "AHEAD": gettext_noop("ahead"), "ACHIEVED": gettext_noop("achieved"), "MISSED": gettext_noop("missed"),
}  # fmt: skip


async def export_goals(
    context: RequestContext, scope: str | None, period: PeriodKey | None, metric: str | None
) -> ExportTable:
    """Return the goals that the query `goals` has for the same arguments, with their progress."""
    rows = await list_goals(context, scope, period, metric, include_archived=False)
    states, owners = await load_goal_states(context, rows), await goal_owners(context, rows)
    projections, language = await project_goals(context, states), context.language
    metrics = await context.metrics()
    cells = [
        [
            *_describe_owner(context, owner, language),
            row.name,
            metric_name(metrics[row.metric], language),
            row.metric,
            format_period(row.period, language),
            row.first_day,
            row.last_day,
            *_describe_target(state, row),
            _say(row.recurring, language),
            _say(row.full_target is not None, language),
            *_describe_progress(state, projection, language),
        ]
        for row, state, owner, projection in zip(rows, states, owners, projections, strict=True)
    ]
    return ExportTable("goals", [translate(Message(header), language) for header in _HEADERS], cells)


def _describe_owner(context: RequestContext, owner: ScopeRow, language: str) -> list[Cell]:
    kind = gettext_noop("employee") if isinstance(owner, Employee) else gettext_noop("company")
    if isinstance(owner, Team):
        kind = gettext_noop("team")
    email = owner.email if isinstance(owner, Employee) and context.viewer.can(Action.VIEW_CARD, owner) else None
    return [owner.name, email, translate(Message(kind), language)]


def _describe_target(state: GoalState, row: Goal) -> Sequence[Cell]:
    target = from_smallest(row.target, state.unit, state.currency)
    currency = state.currency if state.unit == "MONEY" else None
    if row.full_target is None:
        return target, None, currency
    return from_smallest(row.full_target, state.unit, state.currency), target, currency


def _describe_progress(state: GoalState, projection: GoalProjection, language: str) -> list[Cell]:
    progress = state.progress
    return [
        state.in_metric_unit(progress.value),
        round(Decimal(progress.percent), 2),
        state.in_metric_unit(progress.expected_by_now),
        translate(Message(_PACES[progress.pace.value]), language),
        state.in_metric_unit(projection.value),
        None if projection.probability is None else round(Decimal(projection.probability), 4),
    ]


def _say(value: bool, language: str) -> str:
    return translate(Message(gettext_noop("yes") if value else gettext_noop("no")), language)
