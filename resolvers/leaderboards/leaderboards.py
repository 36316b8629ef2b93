"""Leaderboards: ranked rows of a metric, period and scope, at present or as of an instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.errors.operation_errors import ResourceNotFound
from domain.errors.user_errors import UserError
from domain.goals.progress import calculate_percent
from domain.leaderboards.ranking import RankedList, RankedRow
from domain.ledger.metrics import PRIVATE_METRICS, Metric
from domain.permissions import Action, Reach
from domain.primitives.calendar import Calendar
from domain.primitives.periods import Period
from domain.primitives.units import from_smallest
from models.db.keyset_pagination import MAX_PAGE_SIZE
from models.ledger.score_filter import ScoreFilter
from models.organization.people import Employee
from models.organization.quotas import SELLING_METRIC
from resolvers.leaderboards.leaderboard_cache import LeaderboardCache
from resolvers.leaderboards.leaderboard_state import LeaderboardState
from resolvers.leaderboards.ranked_scores import LeaderboardKey, RankedScores, ranked_scores_at
from resolvers.leaderboards.rosters import LeaderboardMoment
from resolvers.request import scopes, validation
from resolvers.request.context import RequestContext
from resolvers.request.employee_reach import filter_reached
from resolvers.request.id_resolution import IdResolver
from resolvers.request.metric_lookup import find_metric
from resolvers.request.periods import PeriodKey, resolve_query_period
from resolvers.request.scopes import Scope


class RankBy(StrEnum):
    VALUE = "VALUE"
    ATTAINMENT = "ATTAINMENT"


@dataclass(frozen=True, slots=True)
class LeaderboardParts:
    """The parts of the rows of a leaderboard that an answer needs; the others are None.

    previous_ranks  ranks at the start of the day
    targets         of the employees, and their percentages
    """

    previous_ranks: bool = True
    targets: bool = True


@dataclass(frozen=True)
class LeaderboardQuery:
    """The arguments of a leaderboard, and the parts that the answer needs.

    The period is resolved at each read, since "this month" changes.
    """

    metric: str = "deals_won_amount"
    period: PeriodKey | None = None
    scope_global_id: str | None = None
    rank_by: RankBy = RankBy.VALUE
    first: int = 100  # rows, nearest to that of `around_global_id`
    around_global_id: str | None = None
    as_of: datetime | None = None
    parts: LeaderboardParts = LeaderboardParts()


@dataclass(frozen=True)
class LeaderboardRow:
    """One row of a leaderboard, in the metric's unit."""

    rank: int
    previous_rank: int | None
    employee_id: int
    value: Decimal
    target: Decimal | None
    attainment_percent: float | None
    gap_to_next: Decimal | None
    name: str = ""  # at the time of ranking
    _employee: Employee | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Leaderboard:
    metric: Metric
    period: Period
    calendar: Calendar
    today: date
    scope: Scope
    rank_by: RankBy
    standings: Sequence[LeaderboardRow]
    total_count: int
    total: Decimal
    version: int
    as_of: datetime
    leader_ids: frozenset[int]  # see `RankedScores`
    transferred: frozenset[int]  # see `RankedScores`

    @property
    def visible_state(self) -> object:
        """Everything that a screen shows of the leaderboard: equal as long as only the time has changed."""
        return (
            self.metric.name,
            self.period,
            self.today,
            self.scope.row.name,
            self.standings,
            self.total_count,
            self.total,
        )


async def load_leaderboard(
    context: RequestContext,
    query: LeaderboardQuery,
    up_to_position: int | None = None,
    *,
    max_rows: int = MAX_PAGE_SIZE,
) -> Leaderboard:
    """Return the present leaderboard, or the one as of `as_of`. Raises an OperationError for invalid arguments.

    up_to_position  of a live stream: the change-log position that the result must include; None for all commits
    max_rows        how many may be asked for
    """
    validation.check_page_size(query.first, max_rows)
    resolved = await _resolve_query(context, query)
    around_id = await _resolve_around(context, query.around_global_id)
    ranked = await _load_visible_scores(context, resolved, up_to_position)
    if ranked is None:
        raise scopes.scope_not_found()
    count, total, version = len(ranked.ranking), ranked.ranking.total, ranked.version
    rows = ranked.ranking.window(query.first, around_id)
    await ranked.load_employees(
        [row.employee_id for row in rows]
    )  # all rows show their employee, so load them in one query
    return Leaderboard(
        resolved.metric,
        resolved.period,
        resolved.calendar,
        resolved.moment.today,
        resolved.scope,
        query.rank_by,
        await _to_leaderboard_rows(resolved, ranked, rows, query.parts),
        count,
        from_smallest(total, resolved.metric.unit, resolved.currency),
        version,
        resolved.as_of,
        ranked.leader_ids,
        ranked.transferred,
    )


@dataclass(frozen=True)
class _ResolvedQuery:
    """A LeaderboardQuery with its arguments resolved for the present instant."""

    metric: Metric
    period: Period
    scope: Scope
    calendar: Calendar
    as_of: datetime
    moment: LeaderboardMoment
    currency: str
    key: LeaderboardKey


async def _resolve_query(context: RequestContext, query: LeaderboardQuery) -> _ResolvedQuery:
    scope = await scopes.leaderboard_scope(context, query.scope_global_id)
    with validation.raise_bad_input():
        metric = await find_metric(context, query.metric, "metric")
        as_of = validation.clean_time(query.as_of, "asOf") if query.as_of else None
    calendar, now = await context.calendar(), context.now()
    instant = min(as_of, now) if as_of else now
    today = calendar.day_of(instant)
    period = await resolve_query_period(context, query.period, today=today)
    period_end = calendar.start_of(period.end + timedelta(days=1))
    tree = context.tree.as_of(instant, today) if as_of else context.tree
    team_spans = scope.key.team_spans(tree, period.start, min(period.end, max(period.start, today)))
    score_filter = ScoreFilter(metric.key, period.start, period.end, team_spans, scope.key.employee_id)
    return _ResolvedQuery(
        metric,
        period,
        scope,
        calendar,
        instant,
        LeaderboardMoment(instant if as_of else None, today, calendar.start_of(today), period_end),
        (await context.company()).currency,
        LeaderboardKey(score_filter, query.rank_by is RankBy.ATTAINMENT),
    )


async def _load_visible_scores(
    context: RequestContext, resolved: _ResolvedQuery, up_to_position: int | None
) -> RankedScores | None:
    """Return the ranked scores as far as the viewer may see them; None if they may see no part of them.

    Of a private metric these are the scores of the employees whose part the viewer may see, ranked among themselves: a
    rank among all would tell how much the others have. They may be shared with other requests and change at the next
    await.
    """
    ranked, viewer = await _load_ranked_scores(context, resolved, up_to_position), context.viewer
    metric, scope = resolved.metric.key, resolved.scope
    if viewer.can_see_total(metric, scope.key, scope.employee):
        return ranked
    visible_ids = await filter_reached(context, PRIVATE_METRICS[metric], ranked.employee_ids)
    return ranked.restrict_to(visible_ids) if visible_ids else None


async def _load_ranked_scores(
    context: RequestContext, resolved: _ResolvedQuery, up_to_position: int | None
) -> RankedScores:
    cache = context.services.state.leaderboard_cache
    assert isinstance(cache, LeaderboardCache)  # the request layer lies below and knows only a protocol
    if resolved.moment.as_of is not None:
        if context.answer_basis is not None:
            context.answer_basis.is_whole = False
        return await ranked_scores_at(resolved.key, resolved.moment, await cache.get_base_version())
    if up_to_position is None:
        up_to_position = context.committed_position  # the answer to a change shows what stands with it
    ranked = await cache.get(resolved.key, resolved.moment, up_to_position)
    if context.answer_basis is not None:
        state = LeaderboardState(cache, resolved.key, resolved.moment.today, ranked.revision)
        context.answer_basis.states.append(state)
    return ranked


async def _to_leaderboard_rows(
    resolved: _ResolvedQuery, ranked: RankedScores, rows: Sequence[RankedRow], parts: LeaderboardParts
) -> list[LeaderboardRow]:
    """Return the rows in the metric's unit, with previous ranks, targets and the employees already loaded."""

    def to_decimal(amount: int | None) -> Decimal | None:
        return None if amount is None else from_smallest(amount, resolved.metric.unit, resolved.currency)

    previous_ranks = [
        _previous_rank(resolved, ranked.day_start_ranking, row.employee_id) if parts.previous_ranks else None
        for row in rows
    ]
    targets = await ranked.load_targets([row.employee_id for row in rows]) if parts.targets else {}
    return [
        LeaderboardRow(
            row.rank,
            previous_rank,
            row.employee_id,
            from_smallest(row.value, resolved.metric.unit, resolved.currency),
            to_decimal(target),
            None if target is None else calculate_percent(row.attained, target),
            to_decimal(row.gap_to_next),
            row.name,
            ranked.employees.get(row.employee_id),
        )
        for row, previous_rank, target in zip(
            rows, previous_ranks, (targets.get(row.employee_id) for row in rows), strict=True
        )
    ]


def _previous_rank(resolved: _ResolvedQuery, day_start_ranking: RankedList, employee_id: int) -> int | None:
    """Return the rank at the start of the day; None for an employee without a value then, and on a first day."""
    if resolved.moment.today <= resolved.period.start or not day_start_ranking.has_score(employee_id):
        return None
    return day_start_ranking.rank_of(employee_id)


async def _resolve_around(context: RequestContext, global_id: str | None) -> int | None:
    if global_id is None:
        return None
    resolver = IdResolver(context)
    await resolver.load_by_global_ids("Employee", [global_id])
    try:
        return resolver.resolve_employee(global_id, "around").id
    except UserError as error:
        raise ResourceNotFound(error.message, field="around") from error


@dataclass(frozen=True)
class StandingKey:
    """The key of an employee's row on a leaderboard of the whole company, or of a device's scope."""

    employee_id: int
    query: LeaderboardQuery


async def load_standings(context: RequestContext, keys: Sequence[StandingKey]) -> list[LeaderboardRow | None]:
    """Return the leaderboard row of each key; None if the viewer may not see leaderboards or the row."""
    if context.viewer.reach(Action.VIEW_LEADERBOARD) is Reach.NONE:
        return [None] * len(keys)
    rows_by_key: dict[StandingKey, LeaderboardRow] = {}
    for query in {key.query for key in keys}:
        resolved = await _resolve_query(context, query)
        employee_ids = {key.employee_id for key in keys if key.query == query}
        ranked = await _load_visible_scores(context, resolved, None)
        if ranked is None:
            continue
        rows = [
            row
            for employee_id in employee_ids
            if employee_id in ranked.ranking.roster.places
            for row in ranked.ranking.window(1, employee_id)
        ]
        leaderboard_rows = await _to_leaderboard_rows(resolved, ranked, rows, query.parts)
        rows_by_key |= {StandingKey(row.employee_id, query): row for row in leaderboard_rows}
    return [rows_by_key.get(key) for key in keys]


def leaderboard_topics(leaderboard: Leaderboard) -> list[str]:
    """Return the topics on which the leaderboard may change.

    After a change of teams an employee's percent moves with what is credited to other teams, too.
    """
    topics = [
        leaderboard.scope.key.topic,
        *(f"employee:{employee_id}" for employee_id in sorted(leaderboard.transferred)),
    ]
    score_topics = [f"score:{leaderboard.metric.key}:{topic}" for topic in topics]
    sales_topics = [f"score:{SELLING_METRIC}:employee:{employee_id}" for employee_id in sorted(leaderboard.leader_ids)]
    return [*score_topics, "goals", *sales_topics]
