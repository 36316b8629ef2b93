"""The score ledger: append-only signed postings, the daily totals derived from them, and sums of both."""

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

from domain.ledger.metrics import Score
from models.db import connection, json_aggregates
from models.db.columns import link
from models.goals.goals import COMPANY, REACHED, Goal


class ScoreEntry(Model):
    """One signed posting to an employee's score. Rows are only added, never updated.

    `amount` is in the metric's smallest unit (a deal, a cent, a second), so that sums
    are exact; `effective_on` is a day of the company's calendar, `recorded_at` the
    instant of posting. `team_id` is the employee's team at that time (0 for none); it keeps
    the credit when they move to another team.
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
            ("metric", "recorded_at", "effective_on"),
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


class TeamTotal(Model):
    """The sum of the entries of a team and all teams below it, per metric and day, and of the whole company.

    The teams below are those of the present tree: when a team moves, `move_team_totals` moves its totals from its old
    ancestors to its new ones. Team id 0 holds the entries without a team, `COMPANY_TEAM_ID` all entries.
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
_AND_ADD = "ON CONFLICT (metric, team_id, day) DO UPDATE SET amount = team_total.amount + excluded.amount"
_CORRECT = f"INSERT INTO team_total (metric, team_id, day, amount) VALUES {{rows}} {_AND_ADD}"  # noqa: S608
HOLDING: Final = f"""
above(below, id) AS (
    SELECT team_id, team_id FROM credited UNION SELECT team_id, {COMPANY} FROM credited
    UNION SELECT below, (SELECT parent_id FROM team WHERE team.id = above.id) FROM above WHERE id > 0
), holding AS (SELECT below, id FROM above WHERE id IS NOT NULL)
"""  # noqa: S608 - constants only; pairs each team of `credited` with every team id whose total includes it
_ADD_UPWARDS = f"""
INSERT INTO team_total (metric, team_id, day, amount)
WITH RECURSIVE credited(metric, team_id, day, amount) AS (VALUES {{rows}}), {HOLDING}
SELECT metric, holding.id, day, SUM(amount) FROM credited JOIN holding ON holding.below = credited.team_id
GROUP BY metric, holding.id, day HAVING SUM(amount) <> 0 {_AND_ADD}
"""  # noqa: S608
_KINDS: Final = ("VARCHAR", "INTEGER", "DATE", "BIGINT")


async def post(scores: Sequence[tuple[Score, bool, str, int]], at: datetime) -> None:
    """Write postings to the ledger and add them to the totals.

    scores  tuples of score, whether it is late, and kind and id of the source record
    """
    await connection.write(
        _POST,
        [
            (score.metric, score.employee, score.team, score.amount, score.day, late, at, kind, source)
            for score, late, kind, source in scores
        ],
    )
    await add_to_totals(score for score, *_ in scores)


async def add_to_totals(scores: Iterable[Score]) -> None:
    """Add scores to the totals of their employees, of their teams and all teams above, and of the company.

    The teams above are read from the tables within the same statement, under the write lock, and not from a cached
    tree: another process may just have moved a team.
    """
    totals: dict[tuple[str, int, int, date], int] = defaultdict(int)
    of_teams: dict[tuple[str, int, date], int] = defaultdict(int)
    for score in scores:
        totals[score.metric, score.employee, score.team, score.day] += score.amount
        of_teams[score.metric, score.team, score.day] += score.amount
    await connection.write(_ADD, _lines(totals))
    await connection.write(_ADD_UPWARDS, _lines(of_teams), kinds=_KINDS)


async def correct_totals(
    totals: Mapping[tuple[str, int, int, date], int], of_teams: Mapping[tuple[str, int, date], int]
) -> None:
    """Add amounts to daily totals and to team totals separately, without adding to the teams above.

    daily_totals  amounts by metric, employee, team and day
    team_totals   amounts by metric, team (or `COMPANY_TEAM_ID`) and day
    """
    await connection.write(_ADD, _lines(totals))
    await connection.write(_CORRECT, _lines(of_teams))


def _lines(amounts: Mapping[Any, int]) -> list[tuple[Any, ...]]:
    return [(*key, amount) for key, amount in sorted(amounts.items()) if amount]


_CARRY = f"""
INSERT INTO team_total (metric, team_id, day, amount)
SELECT total.metric, team.id, total.day, {{amount}} FROM team_total total JOIN team ON team.id IN ({{teams}})
WHERE total.team_id = ? AND total.amount <> 0 {_AND_ADD}
"""  # noqa: S608


async def carry(team: int, before: Collection[int], after: Collection[int]) -> None:
    """Subtract a team's totals from its former ancestors and add them to its new ones.

    Writes as many rows as the team has totals, for each ancestor that is lost or gained.
    """
    for teams, amount in ((set(before) - set(after), "-total.amount"), (set(after) - set(before), "total.amount")):
        if teams:
            sql = _CARRY.format(amount=amount, teams=connection.marks([*teams]))
            await connection.execute(sql, [*sorted(teams), team])


async def by_employee_and_team(*, metric: str, first: date, last: date) -> dict[tuple[int, int], int]:
    """Return the scores within the days, both included, by employee id and the id of the credited team."""
    rows = (
        await DailyTotal.filter(metric=metric, day__gte=first, day__lte=last)
        .annotate(total=Sum("amount"))
        .group_by("employee_id", "team_id")
        .values_list("employee_id", "team_id", "total")
    )
    return {(employee, team): int(total) for employee, team, total in rows}


@dataclass(frozen=True)
class Whose:
    """Selects the scores of a metric within days, both included, optionally of some teams or of one employee only."""

    metric: str
    first: date
    last: date
    teams: frozenset[int] | None = None
    employee: int | None = None

    def condition(self, day: str) -> tuple[str, list[Any]]:
        """Return the condition for a WHERE clause, and its parameters."""
        sql, values = f"metric = ? AND {day} BETWEEN ? AND ?", [self.metric, self.first, self.last]
        if self.teams is not None:
            sql, values = f"{sql} AND team_id IN ({connection.marks([*self.teams])})", [*values, *sorted(self.teams)]
        return (sql, values) if self.employee is None else (f"{sql} AND employee_id = ?", [*values, self.employee])


_SUMS = """
(SELECT employee_id, CAST(SUM(amount) AS BIGINT) AS total FROM {table} WHERE {which} GROUP BY employee_id) AS sums
"""


async def sums(whose: Whose, since: Sequence[datetime]) -> tuple[dict[int, int], ...]:
    """Return the scores by employee id, in one statement.

    recorded_since  for each of these instants, a further dict holds what was recorded from it on
    """
    which, values = whose.condition("day")
    sources, bound = [_SUMS.format(table="daily_total", which=which)], values
    for moment in since:
        which, values = whose.condition("effective_on")
        sources.append(_SUMS.format(table="score_entry", which=f"{which} AND recorded_at >= ?"))
        bound = [*bound, *values, moment]
    of_each = ("employee_id", "total")
    found = await json_aggregates.gather(
        [json_aggregates.portions(of_each, source, part=f"'{n}'", by="1") for n, source in enumerate(sources)], bound
    )
    return tuple(dict(json_aggregates.rows(found.get(str(n), ()))) for n in range(len(sources)))


_SOME = """
SELECT employee_id, SUM(amount) AS total FROM daily_total WHERE {which} AND employee_id IN ({employees}) GROUP BY employee_id
UNION ALL SELECT 0, COALESCE(MAX(id), 0) FROM change
"""


async def sums_of(whose: Whose, employees: Collection[int]) -> tuple[dict[int, int], int]:
    """Return the scores of these employees, and the change-log position at which they were read."""
    which, values = whose.condition("day")
    sql = _SOME.format(which=which, employees=connection.marks([*employees]))
    found = {row["employee_id"]: int(row["total"]) for row in await connection.rows(sql, [*values, *sorted(employees)])}
    position = found.pop(0)
    return {employee: found.get(employee, 0) for employee in employees}, position


_VALUES = f"SELECT goal.id AS goal, {REACHED} FROM goal WHERE goal.id IN ({{ids}})"  # noqa: S608


async def goal_values(goals: Sequence[Goal]) -> list[int]:
    """Return the value of each goal in the metric's smallest unit.

    A team's goal counts its members and all teams below, each entry once.
    """
    if not goals:
        return []
    ids = sorted({goal.id for goal in goals})
    found = await connection.rows(_VALUES.format(ids=connection.marks(ids)), ids)
    values = {row["goal"]: int(row["reached"]) for row in found}
    return [values.get(goal.id, 0) for goal in goals]


@cache
def _goals_and_values(places: int) -> str:
    return f"SELECT goal.*, {REACHED} FROM goal WHERE goal.id IN ({connection.marks(range(places))})"  # noqa: S608


async def goals_with_values(ids: Collection[int]) -> dict[int, tuple[Goal, int]]:
    """Return the goals of these ids with their values, as `goal_values` counts them, in one statement."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    places = 1 << (len(wanted) - 1).bit_length()  # padded to a power of two, for few distinct prepared statements
    wanted += wanted[-1:] * (places - len(wanted))
    found = await connection.rows(_goals_and_values(places), wanted)
    return {row["id"]: (Goal._init_from_db(**row), int(row["reached"])) for row in found}


async def posted(
    *, metric: str, first: date, last: date, employee: int | None = None, teams: Collection[int] | None = None
) -> list[tuple[datetime, int]]:
    """Return the instants and amounts of the postings for the days: of one employee, of some teams, or of all."""
    query = ScoreEntry.filter(metric=metric, effective_on__gte=first, effective_on__lte=last)
    if employee is not None:
        query = query.filter(employee_id=employee)
    if teams is not None:
        query = query.filter(team_id__in=list(teams))
    return await query.order_by("id").values_list("recorded_at", "amount")


async def is_empty() -> bool:
    """Return whether the ledger has no postings."""
    return not await ScoreEntry.exists()


_LATE = """
SELECT {what} FROM (SELECT metric || '' AS name, id FROM score_entry WHERE id > ? AND effective_on <= ?) AS late
    WHERE name IN ({doubted}) GROUP BY name
"""  # `metric || ''` defeats the index on the metric, so that only rows after the id are read, by the primary key
_DAYS = """
(SELECT metric, employee_id, day, CAST(SUM(amount) AS BIGINT) AS amount FROM daily_total
    WHERE (metric IN ({metrics}) OR metric IN ({late})) AND day BETWEEN ? AND ?
    GROUP BY metric, employee_id, day HAVING SUM(amount) > 0) AS credited
"""


async def gathered_days(
    metrics: Collection[str], *, first: date, last: date, doubted: Collection[str] = (), after: int = 0
) -> json_aggregates.Texts:
    """Return the positive daily scores of employees, all teams together, as JSON column chunks.

    metrics         metrics to read
    recheck         metrics to read only if they had a posting for a day up to `last_day` after `after_entry_id`
    after_entry_id  the ledger's last entry at the previous read

    The chunks are keyed by name:
    "days:METRIC"  employee ids, days and amounts
    "late:METRIC"  id of the last backdated entry of a rechecked metric
    "line"         id of the ledger's last entry
    """
    marks = {"doubted": connection.marks([*doubted])}
    late, values = _LATE.format(what="name", **marks), [after, last, *sorted(doubted)]
    source = _DAYS.format(metrics=connection.marks([*metrics]), late=late)
    return await json_aggregates.gather(
        [
            json_aggregates.portions(("employee_id", "day", "amount"), source, part="'days:' || metric", by="metric"),
            _LATE.format(what="'late:' || name, CAST(MAX(id) AS TEXT)", **marks),
            "SELECT 'line', CAST(COALESCE(MAX(id), 0) AS TEXT) FROM score_entry",
        ],
        [*sorted(metrics), *values, first, last, *values],
    )
