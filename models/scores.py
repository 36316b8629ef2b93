"""The ledger: signed postings, the daily totals kept beside them, and the sums asked of both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, Final

from tortoise import fields
from tortoise.functions import Sum
from tortoise.models import Model

from domain.scoring import Score
from models import database, gathered
from models.fields import link
from models.goals import Goal, OwnerKind


class ScoreEntry(Model):
    """One signed posting to somebody's score. Rows are added, never changed.

    `amount` is in the metric's smallest unit (a deal, a cent, a second), so that sums
    are exact; `effective_on` is a day of the company's calendar, `recorded_at` the
    instant of posting. `team_id` is the team he was in then; it keeps the credit when he moves.
    """

    id = fields.BigIntField(primary_key=True)
    metric: str = fields.CharField(max_length=40)  # type: ignore[assignment]
    employee = link("Employee")
    employee_id: int
    team_id: int = fields.IntField(default=0)
    amount: int = fields.BigIntField()
    effective_on: date = fields.DateField()
    late: bool = fields.BooleanField(default=False)  # type: ignore[assignment]
    recorded_at: datetime = fields.DatetimeField()
    source_kind: str = fields.CharField(max_length=20)  # type: ignore[assignment]
    source_id: int = fields.IntField()

    class Meta:
        table = "score_entry"
        indexes = (
            ("metric", "effective_on"),
            ("metric", "recorded_at"),
            ("employee_id", "metric", "effective_on"),
            ("source_kind", "source_id"),
        )


class DailyTotal(Model):
    """The sum of the entries of an employee, team, metric and day: a cache that `reconcile` can rebuild."""

    id = fields.BigIntField(primary_key=True)
    metric: str = fields.CharField(max_length=40)  # type: ignore[assignment]
    employee_id: int = fields.IntField()
    team_id: int = fields.IntField(default=0)
    day: date = fields.DateField()
    amount: int = fields.BigIntField()

    class Meta:
        table = "daily_total"
        unique_together = (("metric", "employee_id", "day", "team_id"),)
        indexes = (("metric", "day"), ("metric", "team_id", "day"))


COMPANY: Final = -1  # in the place of a team: the company as a whole


class TeamTotal(Model):
    """The sum of the entries of a team, metric and day, and that of the company: what its employees' totals add up to.

    A team's holds what was credited to that very team, not to those below; 0 is those in no team, `COMPANY` everybody.
    """

    id = fields.BigIntField(primary_key=True)
    metric: str = fields.CharField(max_length=40)  # type: ignore[assignment]
    team_id: int = fields.IntField()
    day: date = fields.DateField()
    amount: int = fields.BigIntField()

    class Meta:
        table = "team_total"
        unique_together = (("metric", "team_id", "day"),)


_POST = """
INSERT INTO score_entry
    (metric, employee_id, team_id, amount, effective_on, late, recorded_at, source_kind, source_id)
VALUES {rows}
"""
_ADD = """
INSERT INTO daily_total (metric, employee_id, team_id, day, amount) VALUES {rows}
ON CONFLICT (metric, employee_id, day, team_id) DO UPDATE SET amount = daily_total.amount + excluded.amount
"""
_ADD_TO_TEAMS = """
INSERT INTO team_total (metric, team_id, day, amount) VALUES {rows}
ON CONFLICT (metric, team_id, day) DO UPDATE SET amount = team_total.amount + excluded.amount
"""


async def post(scores: Sequence[tuple[Score, bool, str, int]], at: datetime) -> None:
    """Write the postings, each with whether it is late and its source, and add them to the daily totals."""
    await database.write(
        _POST,
        [
            (score.metric, score.employee, score.team, score.amount, score.day, late, at, kind, source)
            for score, late, kind, source in scores
        ],
    )
    await add_to_totals(score for score, *_ in scores)


async def add_to_totals(scores: Iterable[Score]) -> None:
    """Add to the totals of employees, and as much to those of their teams and the company."""
    totals: dict[tuple[str, int, int, date], int] = defaultdict(int)
    of_teams: dict[tuple[str, int, date], int] = defaultdict(int)
    for score in scores:
        totals[score.metric, score.employee, score.team, score.day] += score.amount
        for team in (COMPANY, score.team):
            of_teams[score.metric, team, score.day] += score.amount
    await correct_totals(totals, of_teams)


async def correct_totals(
    totals: Mapping[tuple[str, int, int, date], int], of_teams: Mapping[tuple[str, int, date], int]
) -> None:
    """Add to the totals, by metric, employee, team and day, and to those of teams and the company each by itself."""
    for sql, amounts in ((_ADD, totals), (_ADD_TO_TEAMS, of_teams)):
        await database.write(sql, [(*key, amount) for key, amount in sorted(amounts.items()) if amount])


async def by_employee_and_team(*, metric: str, first: date, last: date) -> dict[tuple[int, int], int]:
    """Return the score within the days, both included, of each employee in each team he was credited in."""
    rows = (
        await DailyTotal.filter(metric=metric, day__gte=first, day__lte=last)
        .annotate(total=Sum("amount"))
        .group_by("employee_id", "team_id")
        .values_list("employee_id", "team_id", "total")
    )
    return {(employee, team): int(total) for employee, team, total in rows}


@dataclass(frozen=True)
class Whose:
    """Which scores: of a metric within days, both included; credited to these teams alone, or of this employee alone."""

    metric: str
    first: date
    last: date
    teams: frozenset[int] | None = None
    employee: int | None = None

    def condition(self, day: str) -> tuple[str, list[Any]]:
        """Return what stands behind WHERE, and its values."""
        sql, values = f"metric = ? AND {day} BETWEEN ? AND ?", [self.metric, self.first, self.last]
        if self.teams is not None:
            sql, values = f"{sql} AND team_id IN ({database.marks([*self.teams])})", [*values, *sorted(self.teams)]
        return (sql, values) if self.employee is None else (f"{sql} AND employee_id = ?", [*values, self.employee])


_SUMS = """
(SELECT employee_id, CAST(SUM(amount) AS BIGINT) AS total FROM {table} WHERE {which} GROUP BY employee_id) AS sums
"""


async def sums(whose: Whose, since: Sequence[datetime]) -> tuple[dict[int, int], ...]:
    """Return each employee's score, and then what of it was recorded from each of the moments on; all in one statement."""
    which, values = whose.condition("day")
    sources, bound = [_SUMS.format(table="daily_total", which=which)], values
    for moment in since:
        which, values = whose.condition("effective_on")
        sources.append(_SUMS.format(table="score_entry", which=f"{which} AND recorded_at >= ?"))
        bound = [*bound, *values, moment]
    of_each = ("employee_id", "total")
    found = await gathered.gather(
        [gathered.portions(of_each, source, part=f"'{n}'", by="1") for n, source in enumerate(sources)], bound
    )
    return tuple(dict(gathered.rows(found.get(str(n), ()))) for n in range(len(sources)))


_SOME = """
SELECT employee_id, SUM(amount) AS total FROM daily_total WHERE {which} AND employee_id IN ({employees}) GROUP BY employee_id
UNION ALL SELECT 0, COALESCE(MAX(id), 0) FROM change
"""


async def sums_of(whose: Whose, employees: Collection[int]) -> tuple[dict[int, int], int]:
    """Return the scores of these employees, and the position of the change log at which they are so."""
    which, values = whose.condition("day")
    sql = _SOME.format(which=which, employees=database.marks([*employees]))
    found = {row["employee_id"]: int(row["total"]) for row in await database.rows(sql, [*values, *sorted(employees)])}
    position = found.pop(0)
    return {employee: found.get(employee, 0) for employee in employees}, position


_OF_EMPLOYEES = """
SELECT goal.id AS goal, SUM(total.amount) AS value FROM goal JOIN daily_total total
    ON total.metric = goal.metric AND total.employee_id = goal.owner_id
    AND total.day BETWEEN goal.first_day AND goal.last_day
    WHERE goal.id IN ({ids}) GROUP BY goal.id
"""
_BY_TEAMS = """
SELECT SUM(total.amount) FROM team_total total WHERE total.metric = goal.metric AND total.team_id {teams}
    AND total.day BETWEEN goal.first_day AND goal.last_day
"""
_BELOW: Final = """
WITH RECURSIVE below(id) AS (
    SELECT goal.owner_id UNION SELECT team.id FROM team JOIN below ON team.parent_id = below.id
) SELECT id FROM below
"""
_OF_TEAMS = f"SELECT goal.id AS goal, ({_BY_TEAMS}) AS value FROM goal WHERE goal.id IN ({{ids}})"  # noqa: S608
_OF_COMPANY = _OF_TEAMS.replace("{teams}", f"= {COMPANY}")
_VALUES: Final = {OwnerKind.EMPLOYEE: _OF_EMPLOYEES, OwnerKind.TEAM: _OF_TEAMS, OwnerKind.COMPANY: _OF_COMPANY}


async def goal_values(goals: Sequence[Goal]) -> list[int]:
    """Return what each goal has reached, in the smallest unit: a team's counts all teams below, each entry once."""
    by_kind: dict[OwnerKind, set[int]] = {}
    for goal in goals:
        by_kind.setdefault(goal.owner_kind, set()).add(goal.id)
    values: dict[int, int] = {}
    for kind, numbers in by_kind.items():
        ids = sorted(numbers)
        sql = _VALUES[kind].format(ids=database.marks(ids), teams=database.among(_BELOW))
        values |= {row["goal"]: int(row["value"] or 0) for row in await database.rows(sql, ids)}
    return [values.get(goal.id, 0) for goal in goals]


_GOALS_AND_VALUES = f"""
SELECT goal.*, CASE goal.owner_kind
    WHEN 'EMPLOYEE' THEN (SELECT SUM(total.amount) FROM daily_total total WHERE total.metric = goal.metric
        AND total.employee_id = goal.owner_id AND total.day BETWEEN goal.first_day AND goal.last_day)
    WHEN 'TEAM' THEN ({_BY_TEAMS})
    ELSE ({_BY_TEAMS.format(teams=f"= {COMPANY}")})
END AS reached FROM goal WHERE goal.id IN ({{ids}})
"""  # noqa: S608 - our own words


@cache
def _goals_and_values(places: int, teams: str) -> str:
    return _GOALS_AND_VALUES.format(ids=database.marks(range(places)), teams=teams)


async def goals_with_values(ids: Collection[int]) -> dict[int, tuple[Goal, int]]:
    """Return the goals of these ids, each with what it has reached, as `goal_values` counts it, in one statement."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    places = 1 << (len(wanted) - 1).bit_length()  # as few different statements as there are powers of two
    wanted += wanted[-1:] * (places - len(wanted))
    found = await database.rows(_goals_and_values(places, database.among(_BELOW)), wanted)
    return {row["id"]: (Goal._init_from_db(**row), int(row["reached"] or 0)) for row in found}


async def posted(
    *, metric: str, first: date, last: date, employee: int | None = None, teams: Collection[int] | None = None
) -> list[tuple[datetime, int]]:
    """Return what was posted for the days, and when: of one employee, of some teams, or of everybody."""
    query = ScoreEntry.filter(metric=metric, effective_on__gte=first, effective_on__lte=last)
    if employee is not None:
        query = query.filter(employee_id=employee)
    if teams is not None:
        query = query.filter(team_id__in=list(teams))
    return await query.order_by("id").values_list("recorded_at", "amount")


async def is_empty() -> bool:
    """Return whether nothing has ever been posted."""
    return not await ScoreEntry.exists()


_LATE = """
SELECT {what} FROM (SELECT metric || '' AS name, id FROM score_entry WHERE id > ? AND effective_on <= ?) AS late
    WHERE name IN ({doubted}) GROUP BY name
"""  # of a name put together no index knows, so the newest rows are read, and not all of the metric's
_DAYS = """
(SELECT metric, employee_id, day, CAST(SUM(amount) AS BIGINT) AS amount FROM daily_total
    WHERE (metric IN ({metrics}) OR metric IN ({late})) AND day BETWEEN ? AND ?
    GROUP BY metric, employee_id, day HAVING SUM(amount) > 0) AS credited
"""


async def gathered_days(
    metrics: Collection[str], *, first: date, last: date, doubted: Collection[str] = (), after: int = 0
) -> gathered.Texts:
    """Return what was credited within the days, in all teams together, where it is above zero: of each of the metrics,
    and of those doubted that had a posting for up to the last day after that entry.

    "days:METRIC"  whom, on which day, how much
    "late:METRIC"  the last such entry of a metric that is doubted
    "line"         the ledger's last entry
    """
    marks = {"doubted": database.marks([*doubted])}
    late, values = _LATE.format(what="name", **marks), [after, last, *sorted(doubted)]
    source = _DAYS.format(metrics=database.marks([*metrics]), late=late)
    return await gathered.gather(
        [
            gathered.portions(("employee_id", "day", "amount"), source, part="'days:' || metric", by="metric"),
            _LATE.format(what="'late:' || name, CAST(MAX(id) AS TEXT)", **marks),
            "SELECT 'line', CAST(COALESCE(MAX(id), 0) AS TEXT) FROM score_entry",
        ],
        [*sorted(metrics), *values, first, last, *values],
    )
