"""Announcements of wins, and their revocations, that follow from changes of deals."""

from __future__ import annotations

from collections.abc import Sequence

from domain.ledger.record_facts import DealFacts, DealStatus
from models.crm.deals import Deal
from resolvers.crm.pending_changes import EditContext, PendingChange
from resolvers.leaderboards.wins import WinAnnouncement


def list_announcements(
    edit: EditContext, changes: Sequence[PendingChange[Deal]], *, with_old_wins: bool = False
) -> list[WinAnnouncement]:
    """Return the announcements of new wins, unless closed over a day ago, and the revocations of former wins.

    with_old_wins  whether wins that were closed over a day ago are announced as well
    """
    announcements = []
    for change in changes:
        is_won = change.row.deleted_at is None and change.row.status is DealStatus.WON
        was_won_before = was_won(change)
        if is_won != was_won_before:
            announcement = _make_announcement(change)
            if was_won_before or with_old_wins or (edit.now - announcement.at).total_seconds() <= 86_400:
                announcements.append(announcement)
    return announcements


def _make_announcement(change: PendingChange[Deal]) -> WinAnnouncement:
    """Return the win in its current state, or, if it is no longer won, as it was before."""
    win = change.previous if change.previous and was_won(change) else change.row
    assert win.won_by is not None
    assert win.won_team is not None
    assert win.amount is not None
    assert win.currency is not None
    assert win.closed_at is not None
    return WinAnnouncement(
        change.row.id,
        win.won_by,
        win.won_team,
        win.title,
        win.amount,
        win.currency,
        win.closed_at,
        win is not change.row,
    )


def was_won(change: PendingChange[Deal]) -> bool:
    return isinstance(change.before, DealFacts) and change.before.status is DealStatus.WON
