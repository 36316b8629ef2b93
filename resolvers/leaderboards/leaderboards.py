"""Leaderboards: ranked rows of a metric, period and scope, at present or as of an instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Any

from domain.errors.operation_errors import BadInput, NotFound
from domain.errors.user_errors import Refusal
from domain.goals.progress import percent
from domain.leaderboards.ranking import Ranked, window_start
from domain.ledger.metrics import WORK, Metric
from domain.permissions import Action, Reach
from domain.primitives.calendar import Calendar
from domain.primitives.periods import Period
from domain.primitives.units import shown
from models.db.keyset_pagination import LARGEST
from models.goals.goals import OwnerKind
from models.ledger.scores import Whose
from models.organization.people import Employee
from resolvers.leaderboards import leaderboard_cache
from resolvers.leaderboards.leaderboard_cache import Boards, Moment, Standings
from resolvers.request import scopes, validation
from resolvers.request.context import Context
from resolvers.request.id_resolution import References
from resolvers.request.metric_lookup import metric as metric_of
from resolvers.request.periods import period as period_of
from resolvers.request.scopes import Scope


class RankBy(StrEnum):
    VALUE = "VALUE"
    ATTAINMENT = "ATTAINMENT"


@dataclass(frozen=True)
class Question:
    """The arguments of a leaderboard; the period is resolved at each read, since "this month" changes."""

    metric: str = "deals_won_amount"
    period: tuple[tuple[str, Any], ...] | None = None  # a PeriodInput as sorted pairs
    scope: str | None = None
    rank_by: RankBy = RankBy.VALUE
    first: int = 100  # rows, nearest to that of `around_global_id`
    around: str | None = None
    as_of: datetime | None = None


@dataclass(frozen=True)
class Standing:
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
class Board:
    metric: Metric
    period: Period
    calendar: Calendar
    today: date
    scope: Scope
    rank_by: RankBy
    standings: Sequence[Standing]
    total_count: int
    total: Decimal
    version: int
    as_of: datetime

    @property
    def shown(self) -> object:
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


async def answer(context: Context, question: Question, heard: int | None = None) -> Board:
    """Return the present leaderboard, or the one as of `as_of`. Raises an OperationError for invalid arguments.

    up_to_position  of a live stream: the change-log position that the result must include; None for all commits
    """
    if not 1 <= question.first <= LARGEST:
        raise BadInput(f"first must be 1 to {LARGEST}.", field="first")
    asked = await _asked(context, question)
    around = await _around(context, question.around)
    standings = await _standings(context, asked, heard)
    count, total, version = len(standings.ladder), standings.ladder.total, standings.moved
    if asked.metric.key == WORK:
        rows = _window(await _in_sight(context, standings), question.first, around)
    else:
        rows = standings.ladder.window(question.first, around)
    await standings.people_of([row.key for row in rows])  # all rows show their employee, so load them in one query
    return Board(
        asked.metric,
        asked.period,
        asked.calendar,
        asked.moment.today,
        asked.scope,
        question.rank_by,
        await _shown(asked, standings, rows),
        count,
        shown(total, asked.metric.unit, asked.currency),
        version,
        asked.as_of,
    )


@dataclass(frozen=True)
class _Asked:
    """A LeaderboardQuery with its arguments resolved for the present instant."""

    metric: Metric
    period: Period
    scope: Scope
    calendar: Calendar
    as_of: datetime
    moment: Moment
    currency: str
    board: leaderboard_cache.Asked


async def _asked(context: Context, question: Question) -> _Asked:
    scope = await scopes.for_board(context, question.scope)
    try:
        metric = await metric_of(context, question.metric, "metric")
        period = await period_of(context, dict(question.period) if question.period else None, "period")
        as_of = validation.moment(question.as_of, "asOf") if question.as_of else None
    except Refusal as refusal:
        raise BadInput(refusal.message, field=".".join(refusal.path)) from refusal
    calendar, now = await context.calendar(), context.now()
    at = min(as_of, now) if as_of else now
    today = calendar.day_of(at)
    employee = scope.number if scope.kind is OwnerKind.EMPLOYEE else None
    whose = Whose(metric.key, period.start, period.end, scope.teams(context), employee)
    return _Asked(
        metric,
        period,
        scope,
        calendar,
        at,
        Moment(at if as_of else None, today, calendar.start_of(today)),
        (await context.company()).currency,
        leaderboard_cache.Asked(whose, question.rank_by is RankBy.ATTAINMENT),
    )


async def _standings(context: Context, asked: _Asked, heard: int | None) -> Standings:
    """Return the ranked scores. They are shared with other requests and may change at the next await."""
    if asked.moment.at is not None:
        return await leaderboard_cache.as_it_stood(asked.board, asked.moment)
    if context.services.boards is None:
        context.services.boards = Boards()
    kept: Boards = context.services.boards
    return await kept.now(asked.board, asked.moment, heard)


def _window(rows: Sequence[Ranked], first: int, around: int | None) -> Sequence[Ranked]:
    """Return the `first` filtered rows nearest to the employee, as `RankedList.window` does for all rows."""
    start = window_start(next((n for n, row in enumerate(rows) if row.key == around), 0), first, len(rows))
    return rows[start : start + first]


async def _in_sight(context: Context, standings: Standings) -> list[Ranked]:
    """Return the rows of the employees whose work time the viewer may see, with their ranks on the whole leaderboard.

    The gap to the next rank up is omitted unless a visible row has that rank, since it would reveal the hours of an
    employee whom the viewer may not see.
    """
    rows = standings.ladder.window(len(standings.ladder))
    staff = await standings.people_of([row.key for row in rows])
    seen = {row.key for row in rows if context.viewer.may(Action.VIEW_WORK_TIME, staff[row.key])}
    ranks = sorted({row.rank for row in rows})
    above = dict(pairwise(reversed(ranks)))
    known = {row.rank for row in rows if row.key in seen}
    return [row if above.get(row.rank) in known else replace(row, gap_to_next=None) for row in rows if row.key in seen]


async def _shown(asked: _Asked, standings: Standings, rows: Sequence[Ranked]) -> list[Standing]:
    """Return the rows in the metric's unit, with previous ranks, targets and the employees already loaded."""

    def shown_(amount: int | None) -> Decimal | None:
        return None if amount is None else shown(amount, asked.metric.unit, asked.currency)

    ranks = [standings.dawn.rank(row.key) for row in rows]
    targets = await standings.targets_of([row.key for row in rows])
    return [
        Standing(
            row.rank,
            before,
            row.key,
            shown(row.value, asked.metric.unit, asked.currency),
            shown_(target),
            None if target is None else percent(row.value, target),
            shown_(row.gap_to_next),
            row.name,
            standings.people.get(row.key),
        )
        for row, before, target in zip(rows, ranks, (targets.get(row.key) for row in rows), strict=True)
    ]


async def _around(context: Context, id_: str | None) -> int | None:
    if id_ is None:
        return None
    refs = References(context)
    await refs.want("Employee", [id_])
    try:
        return refs.employee(id_, "around").id
    except Refusal as refusal:
        raise NotFound(refusal.message, field="around") from refusal


@dataclass(frozen=True)
class Place:
    """The key of an employee's row on a leaderboard of the whole company, or of a device's scope."""

    employee: int
    question: Question


async def places(context: Context, asked: Sequence[Place]) -> list[Standing | None]:
    """Return the leaderboard row of each key; None if the viewer may not see leaderboards or the row."""
    if context.viewer.reach(Action.VIEW_BOARD) is Reach.NONE:
        return [None] * len(asked)
    found: dict[Place, Standing] = {}
    for question in {place.question for place in asked}:
        meant = await _asked(context, question)
        whose = {place.employee for place in asked if place.question == question}
        standings = await _standings(context, meant, None)
        ladder = standings.ladder
        if meant.metric.key == WORK:
            rows = [row for row in await _in_sight(context, standings) if row.key in whose]
        else:
            rows = [row for key in whose if key in ladder.roll.places for row in ladder.window(1, key)]
        shown_ = await _shown(meant, standings, rows)
        found |= {Place(standing.employee_id, question): standing for standing in shown_}
    return [found.get(place) for place in asked]


def topics(question: Question, board: Board) -> list[str]:
    """Return the topics on which the leaderboard may change."""
    scope = board.scope
    whose = f"employee:{scope.number}" if scope.kind is OwnerKind.EMPLOYEE else f"team:{scope.number}"
    return [f"score:{board.metric.key}:{whose}", "goals"]
