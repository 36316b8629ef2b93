"""Deletes postings of a change that is taken back, and what remains of them in the totals."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Final

from models.db import connection
from models.db.conditions import equals
from models.db.row_query import RowQuery
from models.ledger.posting import HOLDING_TEAMS_CTE
from models.ledger.scores import ScoreEntry


async def fetch_entries(source_kind: str, source_id: int) -> list[ScoreEntry]:
    """Return the postings of a record, in the order in which they were made."""
    query = RowQuery(ScoreEntry, equals("source_kind", source_kind) & equals("source_id", source_id))
    return await query.order_by("id").fetch()


async def delete_entries(entries: Sequence[ScoreEntry]) -> None:
    """Delete postings; the totals are to be changed by their amounts."""
    await connection.execute("DELETE FROM score_entry WHERE id = ANY(?)", [[entry.id for entry in entries]])


_DELETE_EMPTY_DAILY_TOTAL_SQL: Final = """
DELETE FROM daily_total WHERE metric = ? AND employee_id = ? AND team_id = ? AND day = ? AND amount = 0
AND NOT EXISTS (SELECT 1 FROM score_entry WHERE score_entry.metric = daily_total.metric
    AND score_entry.employee_id = daily_total.employee_id AND score_entry.team_id = daily_total.team_id
    AND score_entry.effective_on = daily_total.day GROUP BY recorded_at HAVING SUM(score_entry.amount) <> 0)
"""
_DELETE_EMPTY_TEAM_TOTALS_SQL: Final = f"""
DELETE FROM team_total WHERE metric = ? AND day = ? AND amount = 0 AND team_id IN ({{teams}}) AND team_id NOT IN (
    WITH RECURSIVE credited AS (
        SELECT team_id, effective_on AS day, recorded_at, SUM(amount) AS amount FROM score_entry
        WHERE metric = ? AND effective_on = ? GROUP BY team_id, effective_on, recorded_at
    ), {HOLDING_TEAMS_CTE}
    SELECT id FROM holding GROUP BY id, recorded_at HAVING SUM(amount) <> 0
)
"""  # noqa: S608 - constants only


async def delete_empty_totals(
    metric: str, employee_id: int, team_id: int, day: date, holding_team_ids: Collection[int]
) -> None:
    """Delete the totals of a day that are zero because no change has posted anything to them that it did not withdraw itself.

    holding_team_ids  the teams, with `COMPANY_TEAM_ID`, whose totals of the day include what is credited to the team
    """
    await connection.execute(_DELETE_EMPTY_DAILY_TOTAL_SQL, [metric, employee_id, team_id, day])
    sql = _DELETE_EMPTY_TEAM_TOTALS_SQL.format(teams=connection.placeholders([*holding_team_ids]))
    await connection.execute(sql, [metric, day, *sorted(holding_team_ids), metric, day])
