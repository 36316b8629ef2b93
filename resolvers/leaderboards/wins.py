"""Win announcements: publish, revoke and list them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.permissions import Action
from models.crm import activities
from models.crm.activities import AnnouncedWin
from models.db import row_store
from resolvers.request import scopes
from resolvers.request.context import RequestContext
from resolvers.request.event_cursors import parse_event_cursor


async def fetch_wins_after(
    context: RequestContext, scope_id: str | None, position: int, limit: int
) -> Sequence[AnnouncedWin]:
    """Return the wins and revocations announced after the position, in order, within the scope."""
    scope = await scopes.leaderboard_scope(context, scope_id, Action.VIEW_WINS)
    employee_id, team_ids = scope.key.employee_id, scope.team_ids(context)
    return await activities.fetch_wins_after(position, limit, employee_id=employee_id, team_ids=team_ids)


async def find_win_position(context: RequestContext, cursor: str) -> int | None:
    """Return the position of an announcement by its cursor, or of a win by its global id; None if it does not exist."""
    position = parse_event_cursor(context, cursor, "DealWon")
    return position if position is not None and await row_store.exists(AnnouncedWin, position) else None


@dataclass(frozen=True)
class WinAnnouncement:
    """A win to announce, or one to revoke: the values that every listener may see."""

    deal_id: int
    employee_id: int
    team_id: int
    title: str
    amount: int
    currency: str
    at: datetime
    revoked: bool


async def announce_win(context: RequestContext, win: WinAnnouncement) -> None:
    """Announce a win; revoke one only if its last announcement is not revoked and at most a day old."""
    now = context.now()
    announced_id: int | None = None
    if win.revoked:
        last_announcement = await activities.find_last_announcement(win.deal_id)
        if (
            last_announcement is None
            or last_announcement.revoked
            or (now - last_announcement.rung_at).total_seconds() > 86_400
        ):
            return
        announced_id = last_announcement.win_id or last_announcement.id
    await activities.insert_announced_win(
        win_id=announced_id,
        revoked=win.revoked,
        deal_id=win.deal_id,
        employee_id=win.employee_id,
        team_id=win.team_id,
        title=win.title,
        amount=win.amount,
        currency=win.currency,
        at=win.at,
        rung_at=now,
    )
    context.publish("wins")
