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
from typing import Any, Final
from uuid import uuid4

from domain.alerts.delivery_policy import FEW, GIVEN_UP, leaves_at, pause
from domain.alerts.rules import AlertKind, Subject
from domain.i18n.alert_messages import heading, message, settled, together
from domain.permissions import Action
from domain.primitives.global_ids import encoded
from models.alerts import alerts, outbox
from models.alerts.alerts import Alert, Raised
from models.alerts.outbox import Delivery
from models.goals.goals import Goal
from models.organization import people, reference_data
from models.organization.company import the_company
from models.organization.people import Employee
from resolvers.request.context import Context
from resolvers.request.viewer import Viewer

_LATE: Final = timedelta(minutes=10)  # an alert raised this long after its occurrence is a backlog after downtime
_GATHERS: Final = timedelta(minutes=1)  # how long a backlog is collected into one message


@dataclass(frozen=True)
class Told:
    """An alert in the inbox of a recipient that is to be sent through channels."""

    alert: int
    recipient: Employee
    channels: Sequence[str]
    raised: Raised

    @property
    def happening(self) -> tuple[AlertKind, Subject, datetime]:
        """The occurrence, the same for alerts that several rules raise about it."""
        return self.raised.kind, self.raised.subject, self.raised.occurred_at


async def put(context: Context, told: Sequence[Told]) -> None:
    """Write the messages of notifications to the outbox.

    In a broadcast channel, notifications of one occurrence are merged into one with all their recipients;
    in other channels each stays alone. Notifications with equal channel and recipients form a batch.
    """
    shared = context.services.shared
    same: dict[tuple[str, Hashable], list[Told]] = {}
    for each in told:
        for channel in each.channels:
            same.setdefault((channel, each.happening if channel in shared else each.alert), []).append(each)
    groups: dict[tuple[str, tuple[int, ...]], list[Told]] = {}
    for (channel, _), alike in same.items():
        recipients = tuple(dict.fromkeys(each.recipient.id for each in alike))
        groups.setdefault((channel, recipients), []).append(alike[0])
    staff = {each.recipient.id: each.recipient for each in told}
    for (channel, recipients), group in groups.items():
        await _put(context, channel, [staff[number] for number in recipients], group)


async def _put(context: Context, channel: str, recipients: Sequence[Employee], group: Sequence[Told]) -> None:
    now, calendar = context.now(), await context.calendar()
    leaves = min(leaves_at(now, calendar, quiet=_quiet(person), digest=person.digest_at) for person in recipients)
    if any(now - each.raised.occurred_at > _LATE for each in group):
        leaves = max(leaves, now + _GATHERS)
    ids, (first, *also) = [each.alert for each in group], [person.id for person in recipients]
    if leaves > now:
        open_ = await outbox.waiting((first, *also), channel, now, leaves)
        if open_ is not None and await outbox.take_in(open_, ids):
            return
    for part in [ids] if leaves > now or len(ids) > FEW else [[id_] for id_ in ids]:
        await Delivery.create(
            key=str(uuid4()),
            channel=channel,
            recipient_id=first,
            also=also or None,
            alerts=part,
            created_at=now,
            due_at=leaves,
        )


def _quiet(person: Employee) -> tuple[int, int] | None:
    start, end = person.quiet_from, person.quiet_to
    return None if start is None or end is None else (start, end)


async def awake(rows: Sequence[Delivery], now: datetime) -> list[Delivery]:
    """Return the messages that may be sent now; postpone those in quiet hours to the end of these.

    Quiet hours are checked again since messages may be sent late: the channel was down, or no scheduler
    ran. For a broadcast channel, only recipients who may still see part of the message count, and it is
    sent as soon as the quiet hours of one of them are over.
    """
    alone = await people.by_ids([row.recipient_id for row in rows])
    company, found = await the_company(), []
    for row, person in zip(rows, alone, strict=True):
        heard_by = [each for each, _ in await _listeners(row)] if row.also else [person]
        quiet = [_quiet(each) for each in heard_by if each]
        until = min((leaves_at(now, company.calendar, quiet=hours) for hours in quiet), default=now) if company else now
        if until > now:
            await outbox.postpone([row], until)
        else:
            found.append(row)
    return found


@dataclass(frozen=True)
class Message:
    """A rendered message: text for people and `payload` for programs. `id` is the same at each attempt."""

    id: str
    email: str | None
    title: str
    text: str
    payload: dict[str, Any]


async def written(delivery: Delivery) -> Message | None:
    """Render a message in the language of its first reader; None if no recipient may see any of it any more."""
    listeners = await _listeners(delivery)
    if not listeners:
        return None
    person = listeners[0][0]
    language = person.language or "en"
    said, told = [], []
    for _, alert in sorted({alert.id: alert for _, seen in listeners for alert in seen}.items()):
        row = alert.raised
        sentence = message(row.kind, row.data, language)
        said.append(settled(sentence, language) if row.resolved_at else sentence)
        told.append(
            {
                "id": encoded("Alert", alert.id),
                "kind": row.kind.value,
                "message": sentence,
                "subject": encoded(row.subject_kind, row.subject_id),
                "employee": encoded("Employee", row.employee_id) if row.employee_id else None,
                "occurredAt": row.occurred_at.isoformat(),
                "raisedAt": row.raised_at.isoformat(),
                "resolvedAt": row.resolved_at.isoformat() if row.resolved_at else None,
            }
        )
    recipient = {"id": encoded("Employee", person.id), "name": person.name, "email": person.email}
    payload = {"id": delivery.key, "recipient": recipient, "alerts": told}
    return Message(delivery.key, person.email, heading(len(said), language), together(said), payload)


async def _listeners(delivery: Delivery) -> list[tuple[Employee, list[Alert]]]:
    """Return the active recipients who may still see part of the message, each with the alerts they see.

    Permissions are checked when a message is sent, since a digest may be hours old.
    """
    rows, found = await alerts.by_ids(delivery.alerts), []
    for number in delivery.recipients:
        person, leads, known = await reference_data.by_employee(number)
        if person.active:
            seen = await _within_sight(Viewer.of_employee(person, known.tree, leads=leads), rows)
            found += [(person, seen)] if seen else []
    return found


async def _within_sight(viewer: Viewer, rows: Sequence[Alert]) -> list[Alert]:
    """Return the alerts whose subject the viewer may see: an employee's work, a team goal or a company goal."""
    numbers = sorted({row.raised.employee_id for row in rows if row.raised.employee_id})
    concerned = dict(zip(numbers, await people.by_ids(numbers), strict=True))
    of_many = [row.raised.subject_id for row in rows if row.raised.employee_id is None]
    goals = await Goal.in_bulk(of_many, "id") if of_many else {}

    def sees(raised: Raised) -> bool:
        if raised.employee_id is None:
            return viewer.sees_goal(goals[raised.subject_id], None)
        employee = concerned[raised.employee_id]
        return employee is not None and viewer.may(Action.VIEW_CARD, employee)

    return [row for row in rows if sees(row.raised)]


async def dropped(delivery: Delivery, now: datetime) -> None:
    """Mark a message as never to be sent: it has no reader left."""
    await Delivery.filter(id=delivery.id).update(dead_at=now, due_at=None)


async def sent(delivery: Delivery, now: datetime) -> None:
    await Delivery.filter(id=delivery.id).update(sent_at=now, due_at=None)


async def failed(delivery: Delivery, now: datetime, luck: float, *, for_good: bool = False) -> bool:
    """Record a failed attempt and schedule the next; return whether the message is given up.

    jitter     0 to 1, shortens the delay until the next attempt
    permanent  no further attempt can succeed
    """
    if for_good or now - (delivery.since or now) >= GIVEN_UP:
        await Delivery.filter(id=delivery.id).update(dead_at=now, due_at=None)
        return True
    again = now + pause(delivery.attempts, luck)
    await Delivery.filter(id=delivery.id).update(due_at=again)
    return False
