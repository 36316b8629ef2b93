"""Notifications of alerts through outside channels: enqueue, postpone, render and mark them.

Messages are written to the outbox in the transaction of the alert and sent later by the scheduler
leader. Each message is for one recipient and channel; their quiet hours and digest decide when it is
sent, and alerts that come late, all at once or in quiet hours are combined into one message. In a
broadcast channel, a place that several recipients share such as a chat, one message is for all of
them, so that each occurrence appears there once: as soon as one of them may be notified, and only if
one of them may see it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from domain.alerts.delivery_policy import GIVE_UP_AFTER, MAX_SEPARATE_MESSAGES, compute_retry_delay, compute_send_time
from domain.alerts.rules import AlertKind, Subject
from domain.i18n.alert_messages import append_resolved_note, format_alert, format_title, join_sentences
from domain.i18n.languages import DEFAULT_LANGUAGE
from domain.permissions import Action
from domain.primitives.global_ids import encode_global_id
from domain.primitives.json_values import JsonObject
from models.alerts import alerts, outbox
from models.alerts.alerts import Alert, RaisedAlert
from models.alerts.outbox import Delivery
from models.db import row_store
from models.goals.goals import Goal
from models.organization import people, reference_data
from models.organization.company import find_company
from models.organization.people import Employee
from resolvers.request.context import RequestContext
from resolvers.request.viewer import Viewer

_LATE_AFTER: Final = timedelta(minutes=10)  # an alert raised this long after its occurrence is a backlog after downtime
_COLLECT_FOR: Final = timedelta(minutes=1)  # how long a backlog is collected into one message


@dataclass(frozen=True)
class Notification:
    """An alert in the inbox of a recipient that is to be sent through channels."""

    alert_id: int
    recipient: Employee
    channels: Sequence[str]
    raised: RaisedAlert

    @property
    def occurrence(self) -> tuple[AlertKind, Subject, datetime]:
        """The occurrence, the same for alerts that several rules raise about it."""
        return self.raised.kind, self.raised.subject, self.raised.occurred_at


async def enqueue(context: RequestContext, notifications: Sequence[Notification]) -> None:
    """Write the messages of notifications to the outbox.

    In a broadcast channel, notifications of one occurrence are merged into one with all their recipients;
    in other channels each stays alone. Notifications with equal channel and recipients form a batch.
    """
    broadcast_channels = context.services.shared_channels
    by_occurrence: dict[tuple[str, Hashable], list[Notification]] = {}
    for notification in notifications:
        for channel in notification.channels:
            by_occurrence.setdefault(
                (channel, notification.occurrence if channel in broadcast_channels else notification.alert_id), []
            ).append(notification)
    batches: dict[tuple[str, tuple[int, ...]], list[Notification]] = {}
    for (channel, _), duplicates in by_occurrence.items():
        recipient_ids = tuple(dict.fromkeys(notification.recipient.id for notification in duplicates))
        batches.setdefault((channel, recipient_ids), []).append(duplicates[0])
    employees = {notification.recipient.id: notification.recipient for notification in notifications}
    for (channel, recipient_ids), batch in batches.items():
        await _enqueue_batch(context, channel, [employees[recipient_id] for recipient_id in recipient_ids], batch)


async def _enqueue_batch(
    context: RequestContext, channel: str, recipients: Sequence[Employee], batch: Sequence[Notification]
) -> None:
    now, calendar = context.now(), await context.calendar()
    send_at = min(
        compute_send_time(now, calendar, quiet_hours=_quiet_hours(employee), digest_minute=employee.digest_at)
        for employee in recipients
    )
    if any(now - notification.raised.occurred_at > _LATE_AFTER for notification in batch):
        send_at = max(send_at, now + _COLLECT_FOR)
    alert_ids = [notification.alert_id for notification in batch]
    recipient_ids = tuple(employee.id for employee in recipients)
    if send_at > now:
        pending = await outbox.find_pending(recipient_ids, channel, now, send_at)
        if pending is not None and await outbox.append_alerts(pending, alert_ids):
            return
    for chunk in (
        [alert_ids]
        if send_at > now or len(alert_ids) > MAX_SEPARATE_MESSAGES
        else [[alert_id] for alert_id in alert_ids]
    ):
        await outbox.insert(str(uuid4()), channel, recipient_ids, chunk, created_at=now, due_at=send_at)


def _quiet_hours(employee: Employee) -> tuple[int, int] | None:
    start, end = employee.quiet_from, employee.quiet_to
    return None if start is None or end is None else (start, end)


async def defer_quiet_hours(rows: Sequence[Delivery], now: datetime) -> list[Delivery]:
    """Return the messages that may be sent now; postpone those in quiet hours to the end of these.

    Quiet hours are checked again since messages may be sent late: the channel was down, or no scheduler
    ran. For a broadcast channel, only recipients that may still see part of the message count, and it is
    sent as soon as the quiet hours of one of them are over.
    """
    first_recipients = await people.load_by_ids([row.recipient_id for row in rows])
    company, ready = await find_company(), []
    for row, employee in zip(rows, first_recipients, strict=True):
        readers = [reader for reader, _ in await _load_readers(row)] if row.also else [employee]
        quiet_hours = [_quiet_hours(reader) for reader in readers if reader]
        quiet_until = (
            min((compute_send_time(now, company.calendar, quiet_hours=hours) for hours in quiet_hours), default=now)
            if company
            else now
        )
        if quiet_until > now:
            await outbox.postpone([row], quiet_until)
        else:
            ready.append(row)
    return ready


@dataclass(frozen=True)
class NotificationMessage:
    """A rendered message: text for people and `payload` for programs. `id` is the same at each attempt."""

    id: str
    email: str | None
    title: str
    text: str
    payload: JsonObject


async def render(delivery: Delivery) -> NotificationMessage | None:
    """Render a message in the language of its first reader; None if no recipient may see any of it any more."""
    readers = await _load_readers(delivery)
    if not readers:
        return None
    employee = readers[0][0]
    language = employee.language or DEFAULT_LANGUAGE
    sentences, alert_payloads = [], []
    for _, alert in sorted({alert.id: alert for _, visible in readers for alert in visible}.items()):
        row = alert.raised
        sentence = format_alert(row.kind, row.data, language)
        sentences.append(append_resolved_note(sentence, language) if row.resolved_at else sentence)
        alert_payloads.append(
            {
                "id": encode_global_id("Alert", alert.id),
                "kind": row.kind.value,
                "message": sentence,
                "subject": encode_global_id(row.subject_kind, row.subject_id),
                "employee": encode_global_id("Employee", row.employee_id) if row.employee_id else None,
                "occurredAt": row.occurred_at.isoformat(),
                "raisedAt": row.raised_at.isoformat(),
                "resolvedAt": row.resolved_at.isoformat() if row.resolved_at else None,
            }
        )
    recipient = {"id": encode_global_id("Employee", employee.id), "name": employee.name, "email": employee.email}
    payload = {"id": delivery.key, "recipient": recipient, "alerts": alert_payloads}
    return NotificationMessage(
        delivery.key, employee.email, format_title(len(sentences), language), join_sentences(sentences), payload
    )


async def _load_readers(delivery: Delivery) -> list[tuple[Employee, list[Alert]]]:
    """Return the active recipients that may still see part of the message, each with the alerts they see.

    Permissions are checked when a message is sent, since a digest may be hours old.
    """
    rows, readers = await alerts.fetch_alerts(delivery.alerts), []
    for recipient_id in delivery.recipient_ids:
        employee, has_direct_reports, loaded_reference_data = await reference_data.load_with_employee(recipient_id)
        if employee.active:
            visible = await _visible_alerts(
                Viewer.for_employee(employee, loaded_reference_data.tree, has_direct_reports=has_direct_reports), rows
            )
            readers += [(employee, visible)] if visible else []
    return readers


async def _visible_alerts(viewer: Viewer, rows: Sequence[Alert]) -> list[Alert]:
    """Return the alerts about subjects that the viewer may see: an employee's work, a team goal or a company goal."""
    employee_ids = sorted({row.raised.employee_id for row in rows if row.raised.employee_id})
    employees = dict(zip(employee_ids, await people.load_by_ids(employee_ids), strict=True))
    goal_ids = [row.raised.subject_id for row in rows if row.raised.employee_id is None]
    goals = {goal.id: goal for goal in await row_store.fetch(Goal, goal_ids)}

    def is_visible(raised: RaisedAlert) -> bool:
        if raised.employee_id is None:
            return viewer.can_see_goal(goals[raised.subject_id], None)
        employee = employees[raised.employee_id]
        return employee is not None and viewer.can(Action.VIEW_CARD, employee)

    return [row for row in rows if is_visible(row.raised)]


async def mark_dropped(delivery: Delivery, now: datetime) -> None:
    """Mark a message as never to be sent: it has no reader left."""
    await outbox.mark_dead(delivery, now)


async def mark_sent(delivery: Delivery, now: datetime) -> None:
    await outbox.mark_sent(delivery, now)


async def mark_failed(delivery: Delivery, now: datetime, jitter: float, *, permanent: bool = False) -> bool:
    """Record a failed attempt and schedule the next; return whether the message is given up.

    jitter     0 to 1, shortens the delay until the next attempt
    permanent  no further attempt can succeed
    """
    if permanent or now - (delivery.since or now) >= GIVE_UP_AFTER:
        await outbox.mark_dead(delivery, now)
        return True
    await outbox.retry_at(delivery, now + compute_retry_delay(delivery.attempts, jitter))
    return False
