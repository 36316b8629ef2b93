"""Alert tables and queries: rules, raised alerts, and inboxes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from tortoise import fields
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.alerts.rules import AlertKind, Subject
from models.db import connection
from models.db.columns import choice, link, minor
from models.goals.goals import OwnerKind


class AlertRule(Model):
    """An alert rule. A deleted rule stays in the table for the alerts that it raised.

    `min_amount` is in minor units of the company's currency; `recipients` holds names of `Recipient`
    members, `channels` names of notification channels.
    """

    id = fields.IntField(primary_key=True)
    kind: AlertKind = choice(AlertKind)
    enabled: bool = fields.BooleanField(default=True)  # type: ignore[assignment]
    scope_kind: OwnerKind = choice(OwnerKind, default=OwnerKind.COMPANY)
    scope_id: int = fields.IntField(default=0)
    min_amount: int | None = minor(null=True)
    days: int | None = fields.IntField(null=True)
    percent: float | None = fields.FloatField(null=True)
    recipients: list[str] = fields.JSONField(default=list)
    channels: list[str] = fields.JSONField(default=list)
    cool_down_hours: int | None = fields.IntField(null=True)
    created_at: datetime = fields.DatetimeField()
    deleted_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "alert_rule"


class Raised(Model):
    """An alert: one per rule, subject and occurrence. At most one per rule and subject is unresolved.

    `notified` is False for an alert raised during the cool-down of its rule: it is in no inbox.
    """

    id = fields.BigIntField(primary_key=True)
    rule = link("AlertRule")
    rule_id: int
    kind: AlertKind = choice(AlertKind)
    subject_kind: str = fields.CharField(max_length=20)  # type: ignore[assignment]
    subject_id: int = fields.IntField()
    employee = link("Employee", null=True)
    employee_id: int | None
    occurred_at: datetime = fields.DatetimeField()
    raised_at: datetime = fields.DatetimeField()
    resolved_at: datetime | None = fields.DatetimeField(null=True)
    told: bool = fields.BooleanField(default=True)  # type: ignore[assignment]
    data: dict[str, Any] = fields.JSONField(default=dict)

    class Meta:
        table = "raised_alert"
        indexes = (("subject_kind", "subject_id", "rule_id", "id"),)

    @property
    def subject(self) -> Subject:
        return self.subject_kind, self.subject_id


class Alert(Model):
    """An alert in the inbox of one recipient. Ids rise in the order of commits."""

    id = fields.BigIntField(primary_key=True)
    raised: Raised = link("Raised")
    raised_id: int
    recipient = link("Employee")
    recipient_id: int
    read_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "alert"
        unique_together = (("raised_id", "recipient_id"),)
        indexes = (("recipient_id", "id"), ("recipient_id", "read_at"))


def rules() -> QuerySet[AlertRule]:
    """Return a query of the rules that are not deleted."""
    return AlertRule.filter(deleted_at=None)


async def rules_by_ids(ids: Sequence[int]) -> list[AlertRule | None]:
    found = {row.id: row for row in await rules().filter(id__in=set(ids))}
    return [found.get(id_) for id_ in ids]


def inbox(recipient: int | None) -> QuerySet[Alert]:
    """Return a query of a recipient's inbox, with the raised alerts. Empty for a device (None)."""
    return Alert.filter(recipient_id=recipient or 0).select_related("raised")


async def by_ids(ids: Collection[int]) -> list[Alert]:
    """Return inbox alerts with their raised alerts, ordered by id."""
    return await Alert.filter(id__in=list(ids)).select_related("raised").order_by("id")


async def newest_id() -> int:
    row = await Alert.all().order_by("-id").first()
    return row.id if row else 0


async def standing(subjects: Collection[Subject]) -> list[Raised]:
    """Return the unresolved alerts about any of the subjects."""
    if not subjects:
        return []
    condition, values = _about(subjects)
    found = await connection.rows(f"SELECT * FROM raised_alert WHERE resolved_at IS NULL AND ({condition})", values)  # noqa: S608
    return [Raised._init_from_db(**row) for row in found]


async def of_kind(kind: AlertKind) -> list[Raised]:
    """Return the unresolved alerts of a kind."""
    return await Raised.filter(kind=kind, resolved_at=None)


async def resolve(raised: Sequence[Raised], at: datetime) -> None:
    if raised:
        await Raised.filter(id__in=[row.id for row in raised], resolved_at=None).update(resolved_at=at)


async def resolve_all_of(rule: int, at: datetime) -> None:
    await Raised.filter(rule_id=rule, resolved_at=None).update(resolved_at=at)


def _about(subjects: Collection[Subject]) -> tuple[str, list[Any]]:
    numbers: dict[str, list[int]] = {}
    for kind, number in sorted(set(subjects)):
        numbers.setdefault(kind, []).append(number)
    parts = [f"(subject_kind = ? AND subject_id IN ({connection.marks(ids)}))" for ids in numbers.values()]
    return " OR ".join(parts), [value for kind, ids in numbers.items() for value in (kind, *ids)]


_LAST_TOLD = """
SELECT rule_id, subject_kind, subject_id, MAX(occurred_at) AS at FROM raised_alert
WHERE told AND rule_id IN ({rules}) AND subject_kind = ? AND subject_id IN ({subjects})
GROUP BY rule_id, subject_kind, subject_id
"""


async def last_told(rule_ids: Sequence[int], subjects: Collection[Subject]) -> dict[tuple[int, Subject], datetime]:
    """Return when the last notified alert of each rule and subject occurred, by (rule id, subject)."""
    numbers: dict[str, list[int]] = {}
    for kind, number in subjects:
        numbers.setdefault(kind, []).append(number)
    found = {}
    for kind, ids in numbers.items():
        marks = {"rules": ", ".join("?" * len(rule_ids)), "subjects": ", ".join("?" * len(ids))}
        for row in await connection.rows(_LAST_TOLD.format(**marks), [*rule_ids, kind, *ids]):
            found[row["rule_id"], (row["subject_kind"], row["subject_id"])] = connection.instant(row["at"])
    return found
