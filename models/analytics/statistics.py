"""Query of the statistics: daily totals and closed deals of several employees, teams and the company at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from domain.analytics.time_series import Closed
from domain.ledger.record_facts import DealStatus
from models.db import connection
from models.goals.goals import COMPANY, OwnerKind

Owner = tuple[OwnerKind, int]  # kind and id; the company's id is 0
Days = tuple[date, date]  # first and last day, both included

_BELOW: Final = """
WITH RECURSIVE below(root, id) AS (
    SELECT id, id FROM team WHERE id IN ({teams})
    UNION SELECT below.root, team.id FROM team JOIN below ON team.parent_id = below.id
)
"""


def parts(owners: Iterable[Owner], team: str, employee: str) -> Iterator[tuple[OwnerKind, str, str, str, list[int]]]:
    """Yield the parts of an SQL statement about several owners, for each kind among them.

    team_expression, employee_expression  SQL expressions for the team id and the employee id of a row
    yields  the kind, the expression of the owner's id, a join, a condition, and the parameters of the condition
    """
    numbers: dict[OwnerKind, list[int]] = {}
    for kind, number in sorted(set(owners)):
        numbers.setdefault(kind, []).append(number)
    for kind, found in numbers.items():
        if kind is OwnerKind.EMPLOYEE:
            yield kind, employee, "", f"{employee} IN ({', '.join('?' * len(found))})", found
        elif kind is OwnerKind.TEAM:
            yield kind, "below.root", f"JOIN below ON below.id = {team}", "1 = 1", []
        else:
            yield kind, "CAST(0 AS INTEGER)", "", "1 = 1", []  # a literal 0 would be a column position in GROUP BY


def below(owners: Iterable[Owner]) -> tuple[str, list[int]]:
    """Return the WITH clause `below` with all teams below the teams among the owners, and its parameters."""
    teams = sorted({number for kind, number in owners if kind is OwnerKind.TEAM})
    return (_BELOW.format(teams=", ".join("?" * len(teams))), teams) if teams else ("", [])


@dataclass(frozen=True)
class Read:
    """The statistics of an owner: credited scores by metric and day, and the closed deals."""

    daily: dict[str, dict[date, int]] = field(default_factory=dict)
    closed: Closed = field(default_factory=Closed)


_DAILY: Final = """
SELECT '{kind}' AS kind, {owner} AS owner, total.metric AS name, total.day AS day, CAST(NULL AS INTEGER) AS cycle,
    COUNT(*) AS deals, SUM(total.amount) AS amount
FROM {table} total {join}
WHERE total.metric IN ({metrics}) AND ({days}) AND {condition} GROUP BY {owner}, total.metric, total.day
"""
_CLOSED: Final = """
SELECT '{kind}' AS kind, {owner} AS owner, deal.status AS name, CAST(NULL AS DATE) AS day, {cycle} AS cycle,
    COUNT(*) AS deals, SUM(deal.value) AS amount
FROM deal {join}
WHERE deal.deleted_at IS NULL AND deal.status <> 'OPEN' AND deal.closed_on BETWEEN ? AND ? AND {condition}
GROUP BY {owner}, deal.status, {cycle}
"""


async def read(owners: Collection[Owner], metrics: Sequence[str], period: Days, before: Days) -> dict[Owner, Read]:
    """Return the statistics of each owner.

    Scores are read for the days of `period` and `previous`, closed deals for the period only.
    """
    found = {owner: Read() for owner in owners}
    if not owners:
        return found
    start, values = below(owners)
    given: list[Any] = [*values]
    selects = []
    for kind, owner, join, condition, numbers in parts(owners, "total.team_id", "total.employee_id"):
        how = {"kind": kind, "owner": owner, "join": join, "condition": condition, "table": "daily_total"}
        if kind is OwnerKind.TEAM:  # a team's total includes the teams below it
            how |= {"table": "team_total", "owner": "total.team_id", "join": ""}
            how["condition"], numbers = f"total.team_id IN ({connection.marks(values)})", values
        elif kind is OwnerKind.COMPANY:
            how |= {"table": "team_total", "condition": f"total.team_id = {COMPANY}"}
        days = "total.day BETWEEN ? AND ? OR total.day BETWEEN ? AND ?"
        selects.append(_DAILY.format(**how, metrics=connection.marks(metrics), days=days))
        given += [*metrics, *period, *before, *numbers]
    cycle = f"CASE WHEN deal.status = 'WON' THEN {connection.days_between('deal.created_on', 'deal.closed_on')} END"
    closer, team = "COALESCE(deal.won_by, deal.lost_by)", "COALESCE(deal.won_team, deal.lost_team)"
    for kind, owner, join, condition, numbers in parts(owners, team, closer):
        how = {"kind": kind, "owner": owner, "join": join, "condition": condition}
        selects.append(_CLOSED.format(**how, cycle=cycle))
        given += [*period, *numbers]
    for row in await connection.rows(start + " UNION ALL ".join(selects), given):
        each = found[OwnerKind(row["kind"]), row["owner"]]
        if row["day"] is not None:
            each.daily.setdefault(row["name"], {})[connection.day(row["day"])] = int(row["amount"])
        else:
            _add(each.closed, row)
    return found


def _add(closed: Closed, row: dict[str, Any]) -> None:
    deals = int(row["deals"])
    if row["name"] != DealStatus.WON:
        closed.lost += deals
        return
    closed.won += deals
    closed.value += int(row["amount"] or 0)
    cycle = int(row["cycle"])
    closed.cycles[cycle] = closed.cycles.get(cycle, 0) + deals
