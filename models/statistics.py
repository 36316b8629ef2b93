"""What the charts of employees, teams and the company ask of totals and deals: each question in one statement."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from typing import Any, Final

from domain.records import DealStatus
from domain.statistics import Closed
from models import database
from models.goals import OwnerKind

Owner = tuple[OwnerKind, int]  # whose numbers; the company's number is 0
Days = tuple[date, date]  # the first and the last, both included

_BELOW: Final = """
WITH RECURSIVE below(root, id) AS (
    SELECT id, id FROM team WHERE id IN ({teams})
    UNION SELECT below.root, team.id FROM team JOIN below ON team.parent_id = below.id
)
"""


def parts(owners: Iterable[Owner], team: str, employee: str) -> Iterator[tuple[str, str, str, str, list[int]]]:
    """Yield what a statement about several owners is put together of, for each kind of owner there is.

    team, employee  the expressions that say whose a row is
    yields          the kind, the expression of its owner, a join and a condition, and the values of the condition
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
            yield kind, "CAST(0 AS INTEGER)", "", "1 = 1", []  # a bare 0 would be a position in GROUP BY


def below(owners: Iterable[Owner]) -> tuple[str, list[int]]:
    """Return what a statement about several owners begins with, and its values: the teams below those asked for."""
    teams = sorted({number for kind, number in owners if kind is OwnerKind.TEAM})
    return (_BELOW.format(teams=", ".join("?" * len(teams))), teams) if teams else ("", [])


async def daily(
    owners: Collection[Owner], metrics: Sequence[str], stretches: Sequence[Days]
) -> dict[Owner, dict[str, dict[date, int]]]:
    """Return what was credited to each owner by metric and day, on the days of any of the stretches."""
    found: dict[Owner, dict[str, dict[date, int]]] = {owner: {} for owner in owners}
    if not owners or not metrics or not stretches:
        return found
    days = " OR ".join(["total.day BETWEEN ? AND ?"] * len(stretches))
    asked = [*metrics, *(day for stretch in stretches for day in stretch)]
    start, values = below(owners)
    given: list[Any] = [*values]
    selects = []
    for kind, owner, join, condition, numbers in parts(owners, "total.team_id", "total.employee_id"):
        selects.append(
            f"SELECT '{kind}' AS kind, {owner} AS owner, total.metric, total.day, SUM(total.amount) AS amount"  # noqa: S608
            f" FROM daily_total total {join} WHERE total.metric IN ({', '.join('?' * len(metrics))})"
            f" AND ({days}) AND {condition} GROUP BY {owner}, total.metric, total.day"
        )
        given += [*asked, *numbers]
    for row in await database.rows(start + " UNION ALL ".join(selects), given):
        by_day = found[OwnerKind(row["kind"]), row["owner"]].setdefault(row["metric"], {})
        by_day[database.day(row["day"])] = int(row["amount"])
    return found


async def closed(owners: Collection[Owner], days: Days) -> dict[Owner, Closed]:
    """Return what the deals were like that were won or lost within the days, by who is credited with that."""
    found = {owner: Closed() for owner in owners}
    if not owners:
        return found
    start, values = below(owners)
    given: list[Any] = [*values]
    selects = []
    cycle = f"CASE WHEN status = 'WON' THEN {database.days_between('created_on', 'closed_on')} END"
    closer, team = "COALESCE(won_by, lost_by)", "COALESCE(won_team, lost_team)"
    for kind, owner, join, condition, numbers in parts(owners, team, closer):
        selects.append(
            f"SELECT '{kind}' AS kind, {owner} AS owner, status, {cycle} AS cycle, COUNT(*) AS deals,"  # noqa: S608
            f" SUM(value) AS value FROM deal {join} WHERE deleted_at IS NULL AND status <> 'OPEN'"
            f" AND closed_on BETWEEN ? AND ? AND {condition} GROUP BY {owner}, status, {cycle}"
        )
        given += [*days, *numbers]
    for row in await database.rows(start + " UNION ALL ".join(selects), given):
        _add(found[OwnerKind(row["kind"]), row["owner"]], row)
    return found


def _add(closed: Closed, row: dict[str, Any]) -> None:
    deals = int(row["deals"])
    if row["status"] != DealStatus.WON:
        closed.lost += deals
        return
    closed.won += deals
    closed.value += int(row["value"] or 0)
    cycle = int(row["cycle"])
    closed.cycles[cycle] = closed.cycles.get(cycle, 0) + deals
