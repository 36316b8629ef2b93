"""Leaderboards: who is ahead, in what, over which days; now or as it stood at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from domain import ranking
from domain.access import Action, Reach
from domain.calendar import Calendar
from domain.failures import BadInput, NotFound
from domain.periods import Period
from domain.ranking import Ranked, window
from domain.refusals import Refusal
from domain.scoring import WORK, Metric
from domain.units import shown
from models import changes, goals, people, scores
from models.goals import OwnerKind
from models.pages import LARGEST
from models.people import Stay
from resolvers import inputs, scopes
from resolvers.context import Context
from resolvers.goals import period as period_of
from resolvers.metrics import metric as metric_of
from resolvers.references import References
from resolvers.scopes import Scope

EVERYBODY: Final = 1_000_000  # as `first`: the whole board, for finding a place on it


class RankBy(StrEnum):
    VALUE = "VALUE"
    ATTAINMENT = "ATTAINMENT"


@dataclass(frozen=True)
class Question:
    """What a board is asked for; the period is resolved each time, since "this month" turns."""

    metric: str = "deals_won_amount"
    period: tuple[tuple[str, Any], ...] | None = None  # of the contract's PeriodInput, as sorted pairs
    scope: str | None = None
    rank_by: RankBy = RankBy.VALUE
    first: int = 100
    around: str | None = None
    as_of: datetime | None = None


@dataclass(frozen=True)
class Standing:
    """One row of a board, in the metric's unit."""

    rank: int
    previous_rank: int | None
    employee_id: int
    value: Decimal
    target: Decimal | None
    attainment_percent: float | None
    gap_to_next: Decimal | None
    name: str = ""  # as it was when ranked


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
        """Return all that a screen shows of it: equal where nothing moved but the time."""
        return (
            self.metric.name,
            self.period,
            self.today,
            self.scope.row.name,
            self.standings,
            self.total_count,
            self.total,
        )


async def answer(context: Context, question: Question) -> Board:
    """Return the board as it is, or as it stood at `as_of`. Raises a Failure for what cannot be asked."""
    if not 1 <= question.first <= LARGEST:
        raise BadInput(f"first must be 1 to {LARGEST}.", field="first")
    version = await changes.newest()  # before the reads: they may be newer than it, never older
    return await _made(context, question, version)


async def _made(context: Context, question: Question, version: int = 0) -> Board:
    scope = await scopes.for_board(context, question.scope)
    try:
        metric = await metric_of(context, question.metric, "metric")
        period = await period_of(context, dict(question.period) if question.period else None, "period")
        asked_as_of = inputs.moment(question.as_of, "asOf") if question.as_of else None
    except Refusal as refusal:
        raise BadInput(refusal.message, field=".".join(refusal.path)) from refusal
    now = context.now()
    as_of = min(asked_as_of, now) if asked_as_of else now
    calendar = await context.calendar()
    today = calendar.day_of(as_of)
    dawn = calendar.start_of(today)
    asked = _Asked(metric.key, period, scope, scope.teams(context), question.rank_by)
    stays = await people.stays(dawn, as_of, asked.teams)
    days: dict[str, Any] = {"metric": metric.key, "first": period.start, "last": period.end, "teams": asked.teams}
    sums, since_dawn = await scores.totals_and_later(dawn, **days)
    later = await scores.recorded_after(as_of, **days) if question.as_of else {}
    by_attainment = question.rank_by is RankBy.ATTAINMENT
    standing, total = await _scored(asked, sums, later, stays, as_of, aimed=True)
    ranked = ranking.by_attainment(standing) if by_attainment else ranking.by_value(standing)
    before, _ = await _scored(asked, sums, since_dawn, stays, dawn, aimed=by_attainment)
    was = ranking.ranks_by_attainment(before) if by_attainment else ranking.ranks_by_value(before)
    around = await _around(context, question.around)
    currency = (await context.company()).currency
    rows = await _in_sight(context, ranked) if metric.key == WORK else ranked
    return Board(
        metric,
        period,
        calendar,
        today,
        scope,
        question.rank_by,
        [_standing(row, was.get(row.key), metric, currency) for row in window(rows, question.first, around)],
        len(ranked),
        shown(total, metric.unit, currency),
        version,
        as_of,
    )


@dataclass(frozen=True)
class _Asked:
    metric: str
    period: Period
    scope: Scope
    teams: frozenset[int] | None
    rank_by: RankBy


async def _scored(
    asked: _Asked,
    sums: dict[int, int],
    later: dict[int, int],
    stays: Sequence[Stay],
    moment: datetime,
    *,
    aimed: bool,
) -> tuple[list[ranking.Row], int]:
    """Return who was active at that moment with their scores, what is recorded now less what was later than then; and the total.

    aimed  with the targets of then: of the board that only ranks are taken of they matter by ATTAINMENT alone
    """
    period = asked.period
    members = {stay.employee: stay.name for stay in stays if stay.holds(moment)}
    if asked.scope.kind is OwnerKind.EMPLOYEE:
        own = asked.scope.number
        members = {own: members[own]} if own in members else {}
        sums, later = {own: sums.get(own, 0)}, {own: later.get(own, 0)}
    targets: dict[int, int] = {}
    if aimed:
        targets = await goals.targets_of_employees(asked.metric, period.start, period.end, moment)
    rows = [
        (number, name, sums.get(number, 0) - later.get(number, 0), targets.get(number))
        for number, name in members.items()
    ]
    return rows, sum(sums.values()) - sum(later.values())


async def _in_sight(context: Context, rows: Sequence[Ranked]) -> list[Ranked]:
    """Return the rows of those whose time at work the viewer may see; ranks stay those of the whole board.

    How much is missing to the next rank up is left out where it would tell the hours of somebody else.
    """
    people_ = [row for row in await people.by_ids([row.key for row in rows]) if row is not None]
    seen = {row.id for row in people_ if context.viewer.may(Action.VIEW_WORK_TIME, row)}
    ranks = sorted({row.rank for row in rows})
    above = dict(pairwise(reversed(ranks)))
    known = {row.rank for row in rows if row.key in seen}
    return [row if above.get(row.rank) in known else replace(row, gap_to_next=None) for row in rows if row.key in seen]


def _standing(row: Ranked, previous: int | None, metric: Metric, currency: str) -> Standing:
    def shown_(amount: int | Fraction | None) -> Decimal | None:
        return None if amount is None else shown(amount, metric.unit, currency)

    return Standing(
        row.rank,
        previous,
        row.key,
        shown(row.value, metric.unit, currency),
        shown_(row.target),
        row.percent,
        shown_(row.gap_to_next),
        row.name,
    )


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
    """Whose place on which board: of the whole company, or of a device's scope."""

    employee: int
    question: Question


async def places(context: Context, asked: Sequence[Place]) -> list[Standing | None]:
    """Return the standing of each on his board, None for who sees no boards; each board is made once."""
    if context.viewer.reach(Action.VIEW_BOARD) is Reach.NONE:
        return [None] * len(asked)
    found: dict[Question, dict[int, Standing]] = {}
    for question in {place.question for place in asked}:  # `first` there is as large as any company
        board = await _made(context, question)
        found[question] = {standing.employee_id: standing for standing in board.standings}
    return [found[place.question].get(place.employee) for place in asked]


def topics(question: Question, board: Board) -> list[str]:
    """Return the news that may move the board."""
    scope = board.scope
    whose = f"employee:{scope.number}" if scope.kind is OwnerKind.EMPLOYEE else f"team:{scope.number}"
    return [f"score:{board.metric.key}:{whose}", "goals"]
