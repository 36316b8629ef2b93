"""Reads all data of a deal forecast in one statement."""

from __future__ import annotations

from typing import Final

from models.db import json_aggregates
from models.forecasting import amount_history, deal_columns

_CHANGED_DEALS: Final = (
    "(SELECT subject_id FROM activity WHERE id > ? AND subject_kind = 'Deal'"
    " UNION SELECT subject_id FROM undone_activity WHERE id > ? AND subject_kind = 'Deal')"
)


async def fetch_deal_data(after: tuple[int, int] | None) -> json_aggregates.JsonChunks:
    """Read all data of a deal forecast in one statement, hence as of one moment.

    after  None for everything, else the ids of an activity and of one that was taken back: deals, stage entries and amounts
           then only of the deals that later ones name

    Returns texts of column-wise JSON by part: "deal", "visit" (stage entries), those of `amount_history`, "employee",
    "product" and "rate"; and
    "position", the last position of the change log, "line", the id of the last activity, and "undone", that of the last
    one that was taken back.
    """
    deal_condition, visit_condition, activity_condition, values = (
        ("TRUE", "TRUE", "TRUE", [])
        if after is None
        else (
            f"id IN {_CHANGED_DEALS}",
            f"deal_id IN {_CHANGED_DEALS}",
            f"subject_id IN {_CHANGED_DEALS}",
            [*after] * 4,
        )
    )
    return await json_aggregates.fetch_json_chunks(
        [
            deal_columns.select_statement(deal_condition),
            json_aggregates.chunked_json_sql(
                ("deal_id", "stage_id", "entered_on"), f"stage_visit WHERE {visit_condition}", part_sql="'visit'"
            ),
            *amount_history.select_statements(activity_condition),
            json_aggregates.chunked_json_sql(
                ("id", "external_id", "name", "team_id", "active"), "employee", part_sql="'employee'"
            ),
            json_aggregates.chunked_json_sql(("name", "price", "currency"), "product", part_sql="'product'"),
            json_aggregates.chunked_json_sql(
                ("currency", "valid_from", "CAST(rate AS TEXT)"), "exchange_rate", part_sql="'rate'"
            ),
            "SELECT 'position', CAST(COALESCE(MAX(id), 0) AS TEXT) FROM change",
            "SELECT 'line', CAST(COALESCE(MAX(id), 0) AS TEXT) FROM activity",
            "SELECT 'undone', CAST(COALESCE(MAX(id), 0) AS TEXT) FROM undone_activity",
        ],
        values,
    )
