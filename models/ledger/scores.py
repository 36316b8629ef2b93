"""The score ledger: append-only signed postings, the daily totals derived from them, and sums of both."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from typing import Final

from tortoise import fields
from tortoise.models import Model

from models.db import connection, json_aggregates, row_store
from models.db.columns import bool_column, foreign_key, text_column
from models.db.conditions import equals, is_between
from models.db.row_query import RowQuery
from models.db.values import SqlValue
from models.goals.goals import GOAL_VALUE_SQL, Goal
from models.ledger.score_filter import ScoreFilter, team_condition, team_filter
from models.organization import scopes
from models.organization.people import TeamSpan
from models.organization.scopes import ScopeKey


class ScoreEntry(Model):
    """One signed posting to an employee's score. Rows are only added, never updated; those of a change that is taken
    back are deleted.

    `amount` is in the metric's smallest unit (a deal, a cent, a second), so that sums
    are exact; `effective_on` is the day of the company's calendar that it counts for and
    `effective_at` the instant, `recorded_at` the instant of posting. `effective_at` is null
    where a server of an older version has posted: such a posting counts from `recorded_at`.
    `team_id` is the employee's team at that time (0 for none); it keeps the credit when
    they move to another team.
    """

    id = fields.BigIntField(primary_key=True)
    metric: str = text_column(40)
    employee = foreign_key("Employee")
    employee_id: int
    team_id: int = fields.IntField(default=0)
    amount: int = fields.BigIntField()
    effective_on: date = fields.DateField()
    effective_at: datetime | None = fields.DatetimeField(null=True)
    late: bool = bool_column(default=False)
    recorded_at: datetime = fields.DatetimeField()
    source_kind: str = text_column(20)
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
    metric: str = text_column(40)
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

    The teams below are those at the end of that day: when a team moves, `move_team_totals` moves its totals of the
    days from then on from its old ancestors to its new ones. Team id 0 holds the entries without a team, `COMPANY_TEAM_ID` all entries.
    """

    id = fields.BigIntField(primary_key=True)
    metric: str = text_column(40)
    team_id: int = fields.IntField()
    day: date = fields.DateField()
    amount: int = fields.BigIntField()

    class Meta:
        table = "team_total"
        unique_together = (("metric", "team_id", "day"),)


# What was credited to each employee within the days, by the team that it was credited to?
_CREDITED_TOTALS_SQL: Final = """
SELECT employee_id, team_id, SUM(amount) AS total FROM daily_total
WHERE metric = ? AND day BETWEEN ? AND ? AND {condition} GROUP BY employee_id, team_id
"""


async def totals_by_employee_and_team(
    *, metric: str, first_day: date, last_day: date, employee_ids: Collection[int] | None = None
) -> dict[tuple[int, int], int]:
    """Return the scores within the days, both included, by employee id and the id of the credited team.

    employee_ids  None for all employees
    """
    condition = "1 = 1" if employee_ids is None else "employee_id = ANY(?)"
    values = [] if employee_ids is None else [sorted(employee_ids)]
    sql = _CREDITED_TOTALS_SQL.format(condition=condition)
    rows = await connection.fetch_rows(sql, [metric, first_day, last_day, *values])
    return {(row["employee_id"], row["team_id"]): int(row["total"]) for row in rows}


# What was counted of a metric within the days for each of these scopes of one kind?
_SCOPE_TOTALS_SQL: Final = """
SELECT {part} AS part, CAST('{kind}' AS VARCHAR) AS kind, {owner} AS owner_id, SUM(amount) AS total FROM {table}
WHERE metric = ? AND day BETWEEN ? AND ? AND {owner} = ANY(?) GROUP BY {owner}
"""


async def totals_of_scopes(
    ranges: Sequence[tuple[str, date, date]], keys: Collection[ScopeKey]
) -> list[dict[ScopeKey, int]]:
    """Return the totals of scopes, in one statement: for each range those by scope; a scope without any is missing.

    A team's total is what was credited to it and the teams below it.

    ranges  metric, first and last day
    """
    if not ranges or not keys:
        return [{} for _ in ranges]
    selects, values = [], list[SqlValue]()
    for part, (metric, first_day, last_day) in enumerate(ranges):
        for scope_kind, keys_of_kind in scopes.by_kind(keys):
            table, owner = scope_kind.total_table, scope_kind.total_owner
            selects.append(_SCOPE_TOTALS_SQL.format(part=part, kind=scope_kind.kind, table=table, owner=owner))
            ids = [key.id if key.total_team_id is None else key.total_team_id for key in keys_of_kind]
            values += [metric, first_day, last_day, ids]
    totals: list[dict[ScopeKey, int]] = [{} for _ in ranges]
    for row in await connection.fetch_rows(" UNION ALL ".join(selects), values):
        owner_id = 0 if row["owner_id"] == scopes.COMPANY_TEAM_ID else row["owner_id"]
        totals[row["part"]][scopes.scope_key(row["kind"], owner_id)] = int(row["total"])
    return totals


_TOTALS_SQL = """
(SELECT employee_id, CAST(SUM(amount) AS BIGINT) AS total FROM {table} WHERE {which} GROUP BY employee_id) AS sums
"""


async def score_totals(
    score_filter: ScoreFilter, recorded_since: Sequence[datetime], employee_ids: Collection[int] | None = None
) -> tuple[dict[int, int], ...]:
    """Return the scores by employee id, in one statement.

    recorded_since  for each of these instants, a further dict holds what was recorded from it on
    employee_ids    only of these employees; None: of all
    """
    restriction, ids = "", sorted(employee_ids or ())
    if employee_ids is not None:
        restriction = f" AND employee_id IN ({connection.placeholders(ids)})"
    condition, condition_values = score_filter.where_clause("day")
    sources = [_TOTALS_SQL.format(table="daily_total", which=f"{condition}{restriction}")]
    parameters = [*condition_values, *ids]
    for moment in recorded_since:
        condition, condition_values = score_filter.where_clause("effective_on")
        sources.append(_TOTALS_SQL.format(table="score_entry", which=f"{condition}{restriction} AND recorded_at >= ?"))
        parameters = [*parameters, *condition_values, *ids, moment]
    columns = ("employee_id", "total")
    chunks = await json_aggregates.fetch_json_chunks(
        [
            json_aggregates.chunked_json_sql(columns, source, part_sql=f"'{n}'", chunk_sql="1")
            for n, source in enumerate(sources)
        ],
        parameters,
    )
    return tuple(dict(json_aggregates.parse_rows(chunks.get(str(n), ()))) for n in range(len(sources)))


_TOTALS_OF_EMPLOYEES_SQL = """
SELECT employee_id, SUM({part}) AS total, SUM(amount) AS whole FROM daily_total
WHERE {which} AND employee_id IN ({employees}) GROUP BY employee_id
UNION ALL SELECT 0, COALESCE(MAX(id), 0), 0 FROM change
"""


async def score_totals_for(
    score_filter: ScoreFilter, employee_ids: Collection[int]
) -> tuple[dict[int, tuple[int, int]], int]:
    """Return the scores of these employees, and the change-log position at which they were read.

    A score is a pair: the part that is credited to the teams of the filter, and the whole.
    """
    part, part_values = "amount", list[SqlValue]()
    if score_filter.team_spans is not None:
        is_part, part_values = team_condition(score_filter.team_spans, "team_id", "day")
        part = f"CASE WHEN {is_part} THEN amount ELSE 0 END"
    condition, values = replace(score_filter, team_spans=None).where_clause("day")
    sql = _TOTALS_OF_EMPLOYEES_SQL.format(
        part=part, which=condition, employees=connection.placeholders([*employee_ids])
    )
    totals = {
        row["employee_id"]: (int(row["total"]), int(row["whole"]))
        for row in await connection.fetch_rows(sql, [*part_values, *values, *sorted(employee_ids)])
    }
    position, _ = totals.pop(0)
    return {employee: totals.get(employee, (0, 0)) for employee in employee_ids}, position


_GOAL_VALUES_SQL = f"SELECT goal.id AS goal, {GOAL_VALUE_SQL} FROM goal WHERE goal.id IN ({{ids}})"  # noqa: S608


async def goal_values(goals: Sequence[Goal]) -> list[int]:
    """Return the value of each goal in the metric's smallest unit.

    A team's goal counts its members and all teams below, each entry once.
    """
    if not goals:
        return []
    ids = sorted({goal.id for goal in goals})
    rows = await connection.fetch_rows(_GOAL_VALUES_SQL.format(ids=connection.placeholders(ids)), ids)
    values = {row["goal"]: int(row["reached"]) for row in rows}
    return [values.get(goal.id, 0) for goal in goals]


@cache
def _goals_with_values_sql(count: int) -> str:
    return f"SELECT goal.*, {GOAL_VALUE_SQL} FROM goal WHERE goal.id IN ({connection.placeholders(range(count))})"  # noqa: S608


async def goals_with_values(ids: Collection[int]) -> dict[int, tuple[Goal, int]]:
    """Return the goals of these ids with their values, as `goal_values` counts them, in one statement."""
    padded_ids = sorted(ids)
    if not padded_ids:
        return {}
    padded_count = (
        1 << (len(padded_ids) - 1).bit_length()
    )  # padded to a power of two, for few distinct prepared statements
    padded_ids += padded_ids[-1:] * (padded_count - len(padded_ids))
    rows = await connection.fetch_rows(_goals_with_values_sql(padded_count), padded_ids)
    return {row["id"]: (row_store.from_columns(Goal, row), int(row["reached"])) for row in rows}


def select_entries(
    metric: str,
    first_day: date,
    last_day: date,
    *,
    employee_id: int | None = None,
    team_spans: Sequence[TeamSpan] | None = None,
) -> RowQuery[ScoreEntry]:
    """Return the query for the postings for the days: of one employee, of some teams, or of all."""
    query = RowQuery(ScoreEntry, equals("metric", metric) & is_between("effective_on", first_day, last_day))
    if employee_id is not None:
        query = query.where(equals("employee_id", employee_id))
    return query if team_spans is None else query.where(team_filter(team_spans))


async def postings(
    *,
    metric: str,
    first_day: date,
    last_day: date,
    employee_id: int | None = None,
    team_spans: Sequence[TeamSpan] | None = None,
) -> list[tuple[datetime, int]]:
    """Return the instants and amounts of the postings for the days: of one employee, of some teams, or of all."""
    query = select_entries(metric, first_day, last_day, employee_id=employee_id, team_spans=team_spans)
    return [(at, amount) for at, amount in await query.order_by("id").fetch_values("recorded_at", "amount")]


async def is_empty() -> bool:
    """Return whether the ledger has no postings."""
    return not await ScoreEntry.exists()


_BACKDATED_SQL = """
SELECT DISTINCT name, effective_on FROM (
    SELECT metric || '' AS name, effective_on FROM score_entry WHERE id > ? AND effective_on BETWEEN ? AND ?
) AS posted WHERE name IN ({doubted})
"""  # `metric || ''` defeats the index on the metric, so that only rows after the id are read, by the primary key
_DAYS_SQL = """
(SELECT metric, employee_id, day, CAST(SUM(amount) AS BIGINT) AS amount FROM daily_total
    WHERE metric IN ({metrics}) AND day BETWEEN ? AND ? GROUP BY metric, employee_id, day HAVING SUM(amount) > 0) AS credited
"""
_BACKDATED_DAYS_SQL = f"""
(SELECT metric, employee_id, day, CAST(SUM(amount) AS BIGINT) AS amount FROM ({_BACKDATED_SQL}) AS late
    JOIN daily_total ON metric = name AND day = effective_on
    GROUP BY metric, employee_id, day HAVING SUM(amount) > 0) AS credited
"""  # noqa: S608
_CELL_COLUMNS = ("employee_id", "day", "amount")


async def daily_totals_json(
    metrics: Collection[str], *, first_day: date, last_day: date, recheck: Collection[str] = (), after_entry_id: int = 0
) -> json_aggregates.JsonChunks:
    """Return the positive daily scores of employees, all teams together, as JSON column chunks.

    metrics         metrics to read
    recheck         metrics of which to read only the days that had a posting after `after_entry_id`
    after_entry_id  the ledger's last entry at the previous read

    The chunks are keyed by name:
    "days:METRIC"       employee ids, days and amounts
    "late:METRIC"       days of a rechecked metric that had a posting
    "late days:METRIC"  employee ids, days and amounts of these days
    "line"              id of the ledger's last entry
    """
    statements: list[str] = []
    values: list[SqlValue] = []

    def add(columns: Sequence[str], source: str, name: str, key: str, source_values: Sequence[SqlValue]) -> None:
        statements.append(
            json_aggregates.chunked_json_sql(columns, source, part_sql=f"'{name}:' || {key}", chunk_sql=key)
        )
        values.extend(source_values)

    if metrics:
        source = _DAYS_SQL.format(metrics=connection.placeholders([*metrics]))
        add(_CELL_COLUMNS, source, "days", "metric", [*sorted(metrics), first_day, last_day])
    if recheck:
        doubted = connection.placeholders([*recheck])
        late_values: list[SqlValue] = [after_entry_id, first_day, last_day, *sorted(recheck)]
        backdated = f"({_BACKDATED_SQL.format(doubted=doubted)}) AS backdated"
        add(("effective_on",), backdated, "late", "name", late_values)
        add(_CELL_COLUMNS, _BACKDATED_DAYS_SQL.format(doubted=doubted), "late days", "metric", late_values)
    statements.append("SELECT 'line', CAST(COALESCE(MAX(id), 0) AS TEXT) FROM score_entry")
    return await json_aggregates.fetch_json_chunks(statements, values)
