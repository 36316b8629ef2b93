"""Win announcements: publish, revoke and list them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.permissions import Action
from domain.primitives.global_ids import decoded
from models.crm import activities
from models.crm.activities import Bell
from models.goals.goals import OwnerKind
from resolvers.request import scopes
from resolvers.request.context import Context


async def bells_after(context: Context, scope_id: str | None, position: int, limit: int) -> Sequence[Bell]:
    """Return the wins and revocations announced after the position, in order, within the scope."""
    scope = await scopes.for_board(context, scope_id, Action.VIEW_WINS)
    query = Bell.filter(id__gt=position).order_by("id").limit(limit)
    if scope.kind is OwnerKind.EMPLOYEE:
        query = query.filter(employee_id=scope.number)
    teams = scope.teams(context)
    return await (query.filter(team_id__in=list(teams)) if teams is not None else query)


async def newest_bell() -> int:
    row = await Bell.all().order_by("-id").first()
    return row.id if row else 0


async def bell_position(id_: str) -> int | None:
    """Return the position of a win by its global id in the API; None if it does not exist."""
    pair = decoded(id_)
    if not pair or pair[0] != "DealWon" or not await Bell.exists(id=pair[1]):
        return None
    return pair[1]


@dataclass(frozen=True)
class Ring:
    """A win to announce or to revoke: the values that every listener may see."""

    deal_id: int
    employee_id: int
    team_id: int
    title: str
    amount: int
    currency: str
    at: datetime


async def ring(context: Context, win: Ring, revoked: bool) -> None:
    """Announce a win; revoke one only if its last announcement is not revoked and at most a day old."""
    now = context.now()
    first: int | None = None
    if revoked:
        last = await Bell.filter(deal_id=win.deal_id).order_by("-id").first()
        if last is None or last.revoked or (now - last.rung_at).total_seconds() > 86_400:
            return
        first = last.win_id or last.id
    await activities.ring(
        win_id=first,
        revoked=revoked,
        deal_id=win.deal_id,
        employee_id=win.employee_id,
        team_id=win.team_id,
        title=win.title,
        amount=win.amount,
        currency=win.currency,
        at=win.at,
        rung_at=now,
    )
    context.announce("wins")
