"""A leaderboard as a table."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from domain.i18n.languages import translate
from domain.messages import Message, gettext_noop
from domain.primitives.tables import ExportTable
from resolvers.leaderboards.leaderboards import LeaderboardQuery, load_leaderboard
from resolvers.request.context import RequestContext

MAX_EXPORTED: Final = 10_000  # rows
_HEADERS: Final = (
    gettext_noop("Rank"), gettext_noop("Employee"), gettext_noop("Value"), gettext_noop("Target"), gettext_noop("Percent"),
    gettext_noop("Gap to next"), gettext_noop("Rank at the start of the day"),
)  # fmt: skip


async def export_leaderboard(context: RequestContext, query: LeaderboardQuery) -> ExportTable:
    """Return the rows of a leaderboard, all of them, as the query `leaderboard` ranks them."""
    leaderboard = await load_leaderboard(context, query, max_rows=MAX_EXPORTED)
    rows = [
        [
            row.rank,
            row.name,
            row.value,
            row.target,
            None if row.attainment_percent is None else round(Decimal(row.attainment_percent), 2),
            row.gap_to_next,
            row.previous_rank,
        ]
        for row in leaderboard.standings
    ]
    return ExportTable("leaderboard", [translate(Message(header), context.language) for header in _HEADERS], rows)
