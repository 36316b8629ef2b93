"""What outside channels are to send: written down with the alert, sent later by whoever keeps the clock.

Each message is for one person through one channel. His quiet hours and his digest decide
when it leaves; alerts that come late, all at once or while he wants quiet become one message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from domain.access import Action
from domain.delivery import FEW, GIVEN_UP, leaves_at, pause
from domain.ids import encoded
from domain.messages import heading, message, settled, together
from models import alerts, deliveries, office, people
from models.alerts import Alert, Raised
from models.company import the_company
from models.deliveries import Delivery
from models.goals import Goal
from models.people import Employee
from resolvers.context import Context
from resolvers.viewer import Viewer

_LATE: Final = timedelta(minutes=10)  # an alert that comes so long after its occasion is one of many to catch up with
_GATHERS: Final = timedelta(minutes=1)  # for which such are collected


@dataclass(frozen=True)
class Told:
    """An alert in somebody's inbox that his channels are to tell him of."""

    alert: int
    recipient: Employee
    channels: Sequence[str]
    occurred_at: datetime


async def put(context: Context, told: Sequence[Told]) -> None:
    """Write down what is to be sent."""
    groups: dict[tuple[int, str], list[Told]] = {}
    for each in told:
        for channel in each.channels:
            groups.setdefault((each.recipient.id, channel), []).append(each)
    for (_, channel), group in groups.items():
        await _put(context, channel, group)


async def _put(context: Context, channel: str, group: Sequence[Told]) -> None:
    now, person = context.now(), group[0].recipient
    leaves = leaves_at(now, await context.calendar(), quiet=_quiet(person), digest=person.digest_at)
    if any(now - each.occurred_at > _LATE for each in group):
        leaves = max(leaves, now + _GATHERS)
    ids = [each.alert for each in group]
    if leaves > now:
        open_ = await deliveries.waiting(person.id, channel, now, leaves)
        if open_ is not None and await deliveries.take_in(open_, ids):
            return
    for part in [ids] if leaves > now or len(ids) > FEW else [[id_] for id_ in ids]:
        await Delivery.create(
            key=str(uuid4()),
            channel=channel,
            recipient_id=person.id,
            alerts=part,
            created_at=now,
            due_at=leaves,
        )


def _quiet(person: Employee) -> tuple[int, int] | None:
    start, end = person.quiet_from, person.quiet_to
    return None if start is None or end is None else (start, end)


async def awake(rows: Sequence[Delivery], now: datetime) -> list[Delivery]:
    """Return the messages whose recipients want no quiet now; the others wait for its end.

    They were due in time, but their channel was down, or nobody kept the clock.
    """
    recipients = await people.by_ids([row.recipient_id for row in rows])
    company = await the_company()
    found = []
    for row, person in zip(rows, recipients, strict=True):
        quiet = _quiet(person) if person else None
        until = leaves_at(now, company.calendar, quiet=quiet) if company and quiet else now
        if until > now:
            await deliveries.postpone([row], until)
        else:
            found.append(row)
    return found


@dataclass(frozen=True)
class Message:
    """What is sent: as text for people, and as `payload` for programs. `id` is the same at each attempt."""

    id: str
    email: str | None
    title: str
    text: str
    payload: dict[str, Any]


async def written(delivery: Delivery) -> Message | None:
    """Return the message in the recipient's language; None when he has left, or no longer sees any of it."""
    person, leads, known = await office.by_employee(delivery.recipient_id)
    if not person.active:
        return None
    language = person.language or "en"
    seen = await _within_sight(
        Viewer.of_employee(person, known.tree, leads=leads), await alerts.by_ids(delivery.alerts)
    )
    said, told = [], []
    for alert in seen:
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
    if not seen:
        return None
    recipient = {"id": encoded("Employee", person.id), "name": person.name, "email": person.email}
    payload = {"id": delivery.key, "recipient": recipient, "alerts": told}
    return Message(delivery.key, person.email, heading(len(said), language), together(said), payload)


async def _within_sight(viewer: Viewer, rows: Sequence[Alert]) -> list[Alert]:
    """Return the alerts about what the viewer may see: somebody's work, a team's goal or the company's."""
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
    """Note that a message is not sent at all: there is nobody, or nothing, to tell."""
    await Delivery.filter(id=delivery.id).update(dead_at=now, due_at=None)


async def sent(delivery: Delivery, now: datetime) -> None:
    await Delivery.filter(id=delivery.id).update(sent_at=now, due_at=None)


async def failed(delivery: Delivery, now: datetime, luck: float, *, for_good: bool = False) -> bool:
    """Note that an attempt failed; return whether the message is given up.

    luck      0 to 1, shortens the pause until the next attempt
    for_good  no further attempt would help
    """
    if for_good or now - (delivery.since or now) >= GIVEN_UP:
        await Delivery.filter(id=delivery.id).update(dead_at=now, due_at=None)
        return True
    again = now + pause(delivery.attempts, luck)
    await Delivery.filter(id=delivery.id).update(due_at=again)
    return False
