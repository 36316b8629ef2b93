"""Makes alerts, their messages and inactivity timers what they were before a change that is taken back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from domain.alerts.rules import INACTIVITY_KINDS, Subject
from models.alerts import alerts, inactivity, outbox
from models.alerts.inactivity import InactivityTimer
from resolvers.request.context import RequestContext


async def restore_alerts(
    context: RequestContext,
    raised_ids: Collection[int],
    resolved_before: Mapping[int, datetime | None],
    timers_before: Mapping[Subject, InactivityTimer | None],
    recorded_at: datetime,
) -> list[tuple[int, int]]:
    """Delete the alerts that a change raised, and restore those that it resolved or let stand again.

    Return the alerts that vanished from an inbox, each with its recipient.

    raised_ids       alerts that it raised: they vanish from inboxes, and from messages that are not sent yet
    resolved_before  by id: when alerts that it resolved, or let stand again, were resolved before
    timers_before    inactivity timers that it changed; None where there was none
    recorded_at      when the change was recorded. What was active again since then keeps its timer
    """
    inbox_alerts = await alerts.delete_raised(raised_ids)
    if inbox_alerts:
        recipient_ids = {alert.recipient_id for alert in inbox_alerts}
        await outbox.withdraw_alerts(recipient_ids, {alert.id for alert in inbox_alerts})
        context.publish(*(f"alerts:{recipient_id}" for recipient_id in recipient_ids))
    active_since = await _restore_timers(timers_before, recorded_at)
    for row in await alerts.fetch_raised(resolved_before.keys()):
        if row.kind in INACTIVITY_KINDS and row.subject in active_since:
            continue
        was_resolved_at = resolved_before[row.id]
        present = recorded_at if was_resolved_at is None else None
        await alerts.restore_resolution(row.id, was_resolved_at, present)
    return [(alert.id, alert.recipient_id) for alert in inbox_alerts]


async def _restore_timers(
    timers_before: Mapping[Subject, InactivityTimer | None], recorded_at: datetime
) -> set[Subject]:
    """Restore the timers, and return the subjects that have been active since the change, whose timers stay."""
    timers = await inactivity.find_timers(timers_before.keys())
    latest = inactivity.to_microseconds(recorded_at)
    active_since = {
        subject for subject, timer in timers.items() if timer.since > latest or timer.imported_until > latest
    }
    for subject, timer in timers_before.items():
        if subject not in active_since:
            await inactivity.restore_timer(subject, timer)
    return active_since
