"""Query of the statistics: daily totals and closed deals of several employees, teams and the company at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from domain.analytics.time_series import ClosedDeals, StatisticsParts
from domain.ledger.record_facts import DealStatus
from domain.primitives.counterparts import Counterpart
from domain.primitives.periods import Period
from models.db import connection, dialects
from models.db.values import SqlClause, SqlRow, SqlValue
from models.organization import scopes
from models.organization.people import TeamTree
from models.organization.scopes import COMPANY_TEAM_ID, ScopeKey

DayRange = tuple[date, date]  # first and last day, both included
TeamClause = SqlClause  # a condition and its parameters
Select = SqlClause
_ALL_ROWS: Final[TeamClause] = ("1 = 1", [])


def owner_clauses(
    owners: Iterable[ScopeKey],
    team_expression: str,
    employee_expression: str,
    clauses_of_teams: Sequence[TeamClause] = (_ALL_ROWS,),
) -> Iterator[tuple[str, str, str, str, list[SqlValue]]]:
    """Yield the parts of an SQL statement about several owners, for each kind among them.

    team_expression, employee_expression  SQL expressions for the team id and the employee id of a row
    clauses_of_teams  of `team_clauses`: for each the parts of teams are yielded once
    yields  the kind, the expression of the owner's id, a join, a condition, and the parameters of the condition
    """
    for scope_kind, keys in scopes.by_kind(owners):
        kind, employee_ids = scope_kind.kind, [key.id for key in keys if key.employee_id is not None]
        if employee_ids:
            condition = f"{employee_expression} IN ({connection.placeholders(employee_ids)})"
            yield kind, employee_expression, "", condition, [*employee_ids]
        elif scope_kind.is_company:
            yield kind, "CAST(0 AS INTEGER)", "", "1 = 1", []  # a literal 0 would be a column position in GROUP BY
        else:
            for number, (condition, values) in enumerate(clauses_of_teams):
                join = f"JOIN below{number} AS below ON below.kind = '{kind}' AND below.id = {team_expression}"
                yield kind, "below.root", join, condition, values


def team_clauses(
    owners: Iterable[ScopeKey], tree: TeamTree, day_expression: str = "", days: DayRange | None = None
) -> tuple[str, list[TeamClause]]:
    """Return the WITH clause of the teams within the owners, and for each of its tables a condition.

    Table number n, `below{n}(kind, root, id)`, holds the tree of the days that its condition selects: what counts for a day
    belongs to the teams above as they stood then.

    day_expression  SQL expression for the day of a row
    days            None: the present tree for all rows
    """
    groups = [key for _, keys in scopes.by_kind(owners) for key in keys if key.team_ids(tree) is not None]
    if not groups:
        return "", []
    ranges = [None] if days is None else tree.constant_ranges(*days)
    tables, clauses = [], list[TeamClause]()
    for number, day_range in enumerate(ranges):
        tree_then = tree if day_range is None else tree.on(day_range[1])
        rows = [
            f"('{key.kind}', {key.id}, {below})" for key in groups for below in sorted(key.team_ids(tree_then) or ())
        ]
        tables.append(f"below{number}(kind, root, id) AS (VALUES {', '.join(rows)})")
        clauses.append(
            _ALL_ROWS if day_range is None else (f"{day_expression} BETWEEN ? AND ?", list[SqlValue](day_range))
        )
    return f"WITH {', '.join(tables)}", clauses


@dataclass(frozen=True)
class OwnerStatistics:
    """The statistics of an owner: credited scores by metric, also by day, and the closed deals of the period.

    previous_totals, previous_closed  of the counterpart
    """

    totals: Counter[str] = field(default_factory=Counter)
    daily: dict[str, dict[date, int]] = field(default_factory=dict)
    previous_totals: Counter[str] = field(default_factory=Counter)
    closed: ClosedDeals = field(default_factory=ClosedDeals)
    previous_closed: ClosedDeals = field(default_factory=ClosedDeals)


# What was credited to each owner by metric and day, or altogether within the days?
_TOTALS_SQL: Final = """
SELECT '{kind}' AS kind, {owner} AS owner, total.metric AS name, {day} AS day, {previous} AS previous,
    CAST(NULL AS INTEGER) AS cycle, COUNT(*) AS deals, SUM(total.amount) AS amount
FROM {table} total {join}
WHERE total.metric IN ({metrics}) AND total.day BETWEEN ? AND ? AND {condition}
GROUP BY {owner}, total.metric{by_day}
"""
# What was credited to each owner by metric on one day until an instant?
_CUT_DAY_SQL: Final = """
SELECT '{kind}' AS kind, {owner} AS owner, entry.metric AS name, CAST(NULL AS DATE) AS day, 1 AS previous,
    CAST(NULL AS INTEGER) AS cycle, COUNT(*) AS deals, SUM(entry.amount) AS amount
FROM score_entry entry {join}
WHERE entry.metric IN ({metrics}) AND entry.effective_on = ? AND COALESCE(entry.effective_at, entry.recorded_at) <= ?
    AND {condition}
GROUP BY {owner}, entry.metric
"""
# How many deals did each owner win, by days from creation to win, and lose?
_CLOSED_DEALS_SQL: Final = """
SELECT '{kind}' AS kind, {owner} AS owner, deal.status AS name, CAST(NULL AS DATE) AS day, {previous} AS previous,
    {cycle} AS cycle, COUNT(*) AS deals, CAST(NULL AS BIGINT) AS amount
FROM deal {join}
WHERE deal.deleted_at IS NULL AND deal.status <> 'OPEN' AND ({days}) AND {condition}
GROUP BY {owner}, deal.status, {cycle}
"""


async def read_statistics(
    owners: Collection[ScopeKey],
    tree: TeamTree,
    metrics: Sequence[str],
    period: Period,
    counterpart: Counterpart | None,
    parts: StatisticsParts,
) -> dict[ScopeKey, OwnerStatistics]:
    """Return the statistics of each owner in a period and in its counterpart, in one statement.

    metrics      of the totals
    counterpart  None if the parts need nothing of it
    parts        what is read; the rest is empty
    """
    statistics = {owner: OwnerStatistics() for owner in owners}
    all_days = period.start if counterpart is None else counterpart.days.start, period.end
    with_clause, deal_clauses = team_clauses(owners, tree, "deal.closed_on", all_days)
    _, entry_clauses = team_clauses(owners, tree, "entry.effective_on", all_days)
    _, total_clauses = team_clauses(owners, tree, "total.day", all_days)
    selects: list[Select] = []
    if metrics and (parts.totals or parts.average):
        selects += _total_selects(owners, metrics, period, total_clauses, by_day=parts.points)
    if parts.closed:
        selects += _closed_deals_selects(owners, period, None, deal_clauses)
    if counterpart is not None and metrics and (parts.previous_totals or parts.previous_average):
        selects += _total_selects(owners, metrics, counterpart.days, total_clauses, previous=1)
        selects += _cut_day_selects(owners, metrics, counterpart, entry_clauses)
    if counterpart is not None and parts.previous_closed:
        selects += _closed_deals_selects(owners, counterpart.days, counterpart, deal_clauses)
    if not selects:
        return statistics
    sql = with_clause + " UNION ALL ".join(select for select, _ in selects)
    for row in await connection.fetch_rows(sql, [value for _, values in selects for value in values]):
        _add_row(statistics[scopes.scope_key(row["kind"], row["owner"])], row)
    return statistics


def _add_row(statistics: OwnerStatistics, row: SqlRow) -> None:
    if row["amount"] is None:
        _add_closed_deals(statistics.previous_closed if row["previous"] else statistics.closed, row)
        return
    amount = int(row["amount"])
    (statistics.previous_totals if row["previous"] else statistics.totals)[row["name"]] += amount
    if row["day"] is not None:
        statistics.daily.setdefault(row["name"], {})[connection.to_date(row["day"])] = amount


def _total_selects(
    owners: Collection[ScopeKey],
    metrics: Sequence[str],
    days: Period,
    clauses_of_teams: Sequence[TeamClause],
    *,
    by_day: bool = False,
    previous: int = 0,
) -> Iterator[Select]:
    """Yield the SELECTs of the totals of whole days; `previous` is 1 for those of the counterpart."""
    values: list[SqlValue] = [*metrics, days.start, days.end]
    of_days = {
        "day": "total.day" if by_day else "CAST(NULL AS DATE)",
        "by_day": ", total.day" if by_day else "",
        "previous": previous,
        "metrics": connection.placeholders(metrics),
    }
    for scope_kind, keys in scopes.by_kind(owners):
        if team_ids := [key.total_team_id for key in keys if key.total_team_id is not None]:
            owner = f"CASE WHEN total.team_id = {COMPANY_TEAM_ID} THEN 0 ELSE total.team_id END"
            condition = f"total.team_id IN ({connection.placeholders(team_ids)})"
            clauses = {"kind": scope_kind.kind, "owner": owner, "join": "", "condition": condition}
            yield _TOTALS_SQL.format(**clauses, **of_days, table="team_total"), [*values, *team_ids]
            continue
        for kind, owner, join, condition, owner_ids in owner_clauses(
            keys, "total.team_id", "total.employee_id", clauses_of_teams
        ):
            clauses = {"kind": kind, "owner": owner, "join": join, "condition": condition}
            yield _TOTALS_SQL.format(**clauses, **of_days, table="daily_total"), [*values, *owner_ids]


def _cut_day_selects(
    owners: Collection[ScopeKey],
    metrics: Sequence[str],
    counterpart: Counterpart,
    clauses_of_teams: Sequence[TeamClause],
) -> Iterator[Select]:
    """Yield the SELECTs of the postings of the day on which the counterpart is cut."""
    if counterpart.until is None:
        return
    for kind, owner, join, condition, owner_ids in owner_clauses(
        owners, "entry.team_id", "entry.employee_id", clauses_of_teams
    ):
        clauses = {"kind": kind, "owner": owner, "join": join, "condition": condition}
        sql = _CUT_DAY_SQL.format(**clauses, metrics=connection.placeholders(metrics))
        yield sql, [*metrics, counterpart.cut_day, counterpart.until, *owner_ids]


def _closed_deals_selects(
    owners: Collection[ScopeKey], days: Period, counterpart: Counterpart | None, clauses_of_teams: Sequence[TeamClause]
) -> Iterator[Select]:
    """Yield the SELECTs of the deals closed within the days.

    counterpart  if the days are its own: then the deals of its cut day count, too
    """
    span_condition, span_values = "deal.closed_on BETWEEN ? AND ?", list[SqlValue]([days.start, days.end])
    if counterpart is not None and counterpart.until is not None:
        span_condition += " OR deal.closed_on = ? AND deal.closed_at <= ?"
        span_values += [counterpart.cut_day, counterpart.until]
    team, closer = "COALESCE(deal.won_team, deal.lost_team)", "COALESCE(deal.won_by, deal.lost_by)"
    cycle = f"CASE WHEN deal.status = 'WON' THEN {dialects.days_between_sql(connection.dialect(), 'deal.created_on', 'deal.closed_on')} END"
    for kind, owner, join, condition, owner_ids in owner_clauses(owners, team, closer, clauses_of_teams):
        clauses = {"kind": kind, "owner": owner, "join": join, "condition": condition, "days": span_condition}
        sql = _CLOSED_DEALS_SQL.format(**clauses, cycle=cycle, previous=int(counterpart is not None))
        yield sql, [*span_values, *owner_ids]


def _add_closed_deals(closed: ClosedDeals, row: SqlRow) -> None:
    deals = int(row["deals"])
    if row["name"] != DealStatus.WON:
        closed.lost += deals
        return
    closed.won += deals
    cycle = int(row["cycle"])
    closed.cycles[cycle] = closed.cycles.get(cycle, 0) + deals
