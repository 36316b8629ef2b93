"""Writes postings to the ledger, and keeps the totals of employees, teams and the company that are derived from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from operator import attrgetter
from typing import Final, NamedTuple

from domain.ledger.metrics import Score
from models.db import bulk_statements, connection
from models.db.values import SqlValue
from models.db.write_batch import BatchedWrite, fits_batch, write_rows
from models.organization.people import TeamTree
from models.organization.scopes import COMPANY_TEAM_ID

_ENTRY_COLUMNS: Final = (
    "metric", "employee_id", "team_id", "amount", "effective_on", "effective_at", "late", "recorded_at", "source_kind",
    "source_id",
)  # fmt: skip
_ADD_TO_DAILY_TOTAL_SQL = (
    "ON CONFLICT (metric, employee_id, day, team_id) DO UPDATE SET amount = daily_total.amount + excluded.amount"
)
_ADD_TO_DAILY_TOTALS_SQL = (
    f"INSERT INTO daily_total (metric, employee_id, team_id, day, amount) VALUES {{rows}} {_ADD_TO_DAILY_TOTAL_SQL}"  # noqa: S608
)
_ADD_ON_CONFLICT_SQL = "ON CONFLICT (metric, team_id, day) DO UPDATE SET amount = team_total.amount + excluded.amount"
_ADD_TO_TEAM_TOTALS_SQL = (
    f"INSERT INTO team_total (metric, team_id, day, amount) VALUES {{rows}} {_ADD_ON_CONFLICT_SQL}"  # noqa: S608
)
_NO_CHANGE: Final = "9999-12-31"
HOLDING_TEAMS_CTE: Final = f"""
dated AS (
    SELECT credited.*, COALESCE(
        (SELECT MIN(until) FROM earlier_parent WHERE until > credited.day), '{_NO_CHANGE}'
    ) AS next_change FROM credited
), above(below, next_change, id) AS (
    SELECT team_id, next_change, team_id FROM dated UNION SELECT team_id, next_change, {COMPANY_TEAM_ID} FROM dated
    UNION SELECT below, next_change, NULLIF(COALESCE(
        (SELECT earlier.parent_id FROM earlier_parent earlier WHERE earlier.team_id = above.id
            AND earlier.until >= above.next_change ORDER BY earlier.until LIMIT 1),
        (SELECT team.parent_id FROM team WHERE team.id = above.id)
    ), 0) FROM above WHERE id > 0
), holding AS (
    SELECT dated.*, above.id FROM dated JOIN above ON above.below = dated.team_id AND above.next_change = dated.next_change
    WHERE above.id IS NOT NULL
)
"""  # noqa: S608 - constants only; pairs each row of `credited` with every team id whose total of its day includes it
_FIND_HOLDING_TEAMS_SQL: Final = f"""
WITH RECURSIVE credited(team_id, day) AS (VALUES {{rows}}), {HOLDING_TEAMS_CTE} SELECT team_id, day, id FROM holding
"""  # noqa: S608
# adds postings to the ledger, and to the totals of their employees
_POSTING: Final = BatchedWrite(
    "posting",
    {
        "metric": "VARCHAR", "employee_id": "INTEGER", "team_id": "INTEGER", "amount": "BIGINT", "effective_on": "DATE",
        "effective_at": "TIMESTAMPTZ", "late": "BOOLEAN", "recorded_at": "TIMESTAMPTZ", "source_kind": "VARCHAR",
        "source_id": "INTEGER",
    },
    {
        "posted_entry": f"""
            INSERT INTO score_entry ({", ".join(_ENTRY_COLUMNS)}) SELECT {", ".join(_ENTRY_COLUMNS)} FROM posting
        """,  # noqa: S608
        "posted_daily_total": f"""
            INSERT INTO daily_total (metric, employee_id, team_id, day, amount)
            SELECT metric, employee_id, team_id, effective_on, SUM(amount) FROM posting
            GROUP BY metric, employee_id, team_id, effective_on HAVING SUM(amount) <> 0 {_ADD_TO_DAILY_TOTAL_SQL}
        """,  # noqa: S608
    },
)  # fmt: skip
# adds amounts to the totals of teams and of the company
_TEAM_POSTING: Final = BatchedWrite(
    "team_posting",
    {"metric": "VARCHAR", "team_id": "INTEGER", "day": "DATE", "amount": "BIGINT"},
    {
        "posted_team_total": f"""
            INSERT INTO team_total (metric, team_id, day, amount) SELECT metric, team_id, day, SUM(amount)
            FROM team_posting GROUP BY metric, team_id, day HAVING SUM(amount) <> 0 {_ADD_ON_CONFLICT_SQL}
        """,  # noqa: S608
    },
)


_score_columns: Final = attrgetter("metric", "employee_id", "team_id", "amount", "day", "at")


class Posting(NamedTuple):
    """A score to be written to the ledger, and the record that it comes from."""

    score: Score
    late: bool
    source_kind: str
    source_id: int


async def post(postings: Sequence[Posting], recorded_at: datetime, tree: TeamTree | None = None) -> None:
    """Write postings to the ledger and add them to the totals.

    tree  the teams as they stand, read under the write lock; None: those above the credited ones are read
    """
    rows = [(*_score_columns(score), late, recorded_at, kind, source) for score, late, kind, source in postings]
    scores = [posting.score for posting in postings]
    if not fits_batch(len(rows)):
        await bulk_statements.insert_rows("score_entry", _ENTRY_COLUMNS, rows)
        await add_to_totals(scores)
        return
    team_totals = await _sum_team_totals(scores, tree)
    await write_rows(_POSTING, rows)
    await write_rows(_TEAM_POSTING, [(*key, amount) for key, amount in team_totals.items()])


async def add_to_totals(scores: Collection[Score]) -> None:
    """Add scores to the totals of their employees, of their teams and all teams above, and of the company."""
    daily_totals: dict[tuple[str, int, int, date], int] = defaultdict(int)
    for metric, employee_id, team_id, day, amount, _ in scores:
        daily_totals[metric, employee_id, team_id, day] += amount
    await adjust_totals(daily_totals, await _sum_team_totals(scores))


async def _sum_team_totals(
    scores: Collection[Score], tree: TeamTree | None = None
) -> Mapping[tuple[str, int, date], int]:
    """Return what scores add to the totals of teams, by metric, team (or `COMPANY_TEAM_ID`) and day.

    The teams above are those at the end of the day. A cached tree is no basis for them: another process may just have
    moved a team.

    tree  see `post`
    """
    credited_totals: dict[tuple[str, int, date], int] = defaultdict(int)
    for metric, _, team_id, day, amount, _ in scores:
        credited_totals[metric, team_id, day] += amount
    teams_and_days = {(team_id, day) for _, team_id, day in credited_totals}
    if not teams_and_days:
        return {}
    holding_team_ids: Mapping[tuple[int, date], Iterable[int]] = (
        await _find_holding_teams(teams_and_days)
        if tree is None
        else {
            (team_id, day): {team_id, *tree.on(day).path_to_root(team_id), COMPANY_TEAM_ID}
            for team_id, day in teams_and_days
        }
    )
    team_totals: dict[tuple[str, int, date], int] = defaultdict(int)
    for (metric, team_id, day), amount in credited_totals.items():
        for holding_team_id in holding_team_ids[team_id, day]:
            team_totals[metric, holding_team_id, day] += amount
    return team_totals


async def _find_holding_teams(teams_and_days: Collection[tuple[int, date]]) -> Mapping[tuple[int, date], list[int]]:
    """Return the ids of the teams whose total of the day includes a team's, with the team itself and the company."""
    holding_team_ids: dict[tuple[int, date], list[int]] = defaultdict(list)
    records = await bulk_statements.fetch_with_rows(
        _FIND_HOLDING_TEAMS_SQL, sorted(teams_and_days), column_types=("INTEGER", "DATE")
    )
    for team_id, day, holding_team_id in records:
        holding_team_ids[team_id, connection.to_date(day)].append(holding_team_id)
    return holding_team_ids


async def adjust_totals(
    daily_totals: Mapping[tuple[str, int, int, date], int], team_totals: Mapping[tuple[str, int, date], int]
) -> None:
    """Add amounts to daily totals and to team totals separately, without adding to the teams above.

    daily_totals  amounts by metric, employee, team and day
    team_totals   amounts by metric, team (or `COMPANY_TEAM_ID`) and day
    """
    await bulk_statements.execute_with_rows(_ADD_TO_DAILY_TOTALS_SQL, _nonzero_rows(daily_totals.items()))
    await bulk_statements.execute_with_rows(_ADD_TO_TEAM_TOTALS_SQL, _nonzero_rows(team_totals.items()))


def _nonzero_rows(amounts: Iterable[tuple[tuple[SqlValue, ...], int]]) -> list[tuple[SqlValue, ...]]:
    return [(*key, amount) for key, amount in sorted(amounts) if amount]


_MOVE_TEAM_TOTALS_SQL = f"""
INSERT INTO team_total (metric, team_id, day, amount)
SELECT total.metric, team.id, total.day, {{amount}} FROM team_total total JOIN team ON team.id IN ({{teams}})
WHERE total.team_id = ? AND total.day >= ? AND total.amount <> 0 {_ADD_ON_CONFLICT_SQL}
"""  # noqa: S608


async def move_team_totals(
    team_id: int, first_day: date, old_ancestor_ids: Collection[int], new_ancestor_ids: Collection[int]
) -> None:
    """Subtract a team's totals from its former ancestors and add them to its new ones, from a day on.

    Days before `first_day` are over: their totals stay with the teams that stood above then.
    """
    for ancestor_ids, amount in (
        (set(old_ancestor_ids) - set(new_ancestor_ids), "-total.amount"),
        (set(new_ancestor_ids) - set(old_ancestor_ids), "total.amount"),
    ):
        if ancestor_ids:
            sql = _MOVE_TEAM_TOTALS_SQL.format(amount=amount, teams=connection.placeholders([*ancestor_ids]))
            await connection.execute(sql, [*sorted(ancestor_ids), team_id, first_day])
