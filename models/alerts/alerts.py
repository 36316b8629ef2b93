"""Alert tables and queries: rules, raised alerts, and inboxes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from tortoise import fields
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.alerts.rules import AlertKind, Recipient, Subject
from models.db import connection
from models.db.columns import enum_column, foreign_key, minor_units_column
from models.organization.scopes import OwnerKind, ScopeKey, scope_key

# Rows of any other kind are skipped: servers of a newer version write them, during an update or before it was undone.
_KNOWN_KINDS: Final = tuple(AlertKind)


class AlertRule(Model):
    """An alert rule. A deleted rule stays in the table for the alerts that it raised.

    `min_amount` is in minor units of the company's currency; `recipients` holds names of `Recipient`
    members, `channels` names of notification channels. ASSIGNER has a column of its own: servers of an
    older version do not know that name.
    """

    id = fields.IntField(primary_key=True)
    kind: AlertKind = enum_column(AlertKind)
    enabled: bool = fields.BooleanField(default=True)  # type: ignore[assignment]
    scope_kind: OwnerKind = enum_column(OwnerKind, default=OwnerKind.COMPANY)
    scope_id: int = fields.IntField(default=0)
    min_amount: int | None = minor_units_column(null=True)
    days: int | None = fields.IntField(null=True)
    percent: float | None = fields.FloatField(null=True)
    recipients: list[str] = fields.JSONField(default=list)
    channels: list[str] = fields.JSONField(default=list)
    cool_down_hours: int | None = fields.IntField(null=True)
    hours: int | None = fields.IntField(null=True)
    stage_id: int | None = fields.IntField(null=True)
    to_assigner: bool = fields.BooleanField(default=False, db_default=False)  # type: ignore[assignment]
    created_at: datetime = fields.DatetimeField()
    deleted_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "alert_rule"

    @property
    def scope(self) -> ScopeKey:
        return scope_key(self.scope_kind, self.scope_id)

    @property
    def all_recipients(self) -> list[Recipient]:
        return [*(Recipient(name) for name in self.recipients), *([Recipient.ASSIGNER] if self.to_assigner else [])]

    def set_recipients(self, recipients: Sequence[Recipient]) -> None:
        self.recipients = [recipient.value for recipient in recipients if recipient is not Recipient.ASSIGNER]
        self.to_assigner = Recipient.ASSIGNER in recipients


class RaisedAlert(Model):
    """An alert: one per rule, subject and occurrence. At most one per rule and subject is unresolved.

    `notified` is False for an alert raised during the cool-down of its rule: it is in no inbox.
    `occurrence` identifies what happened, if it can begin again: the due time of a task, the target of a
    goal, the stage of a deal. It is None for other kinds, and for alerts raised before it was stored.
    """

    id = fields.BigIntField(primary_key=True)
    rule = foreign_key("AlertRule")
    rule_id: int
    kind: AlertKind = enum_column(AlertKind)
    subject_kind: str = fields.CharField(max_length=20)  # type: ignore[assignment]
    subject_id: int = fields.IntField()
    employee = foreign_key("Employee", null=True)
    employee_id: int | None
    occurred_at: datetime = fields.DatetimeField()
    raised_at: datetime = fields.DatetimeField()
    resolved_at: datetime | None = fields.DatetimeField(null=True)
    notified: bool = fields.BooleanField(source_field="told", default=True)  # type: ignore[assignment]
    data: dict[str, Any] = fields.JSONField(default=dict)
    occurrence: str | None = fields.CharField(max_length=40, null=True)  # type: ignore[assignment]

    class Meta:
        table = "raised_alert"
        indexes = (("subject_kind", "subject_id", "rule_id", "id"),)

    @property
    def subject(self) -> Subject:
        return self.subject_kind, self.subject_id


class Alert(Model):
    """An alert in the inbox of one recipient. Ids rise in the order of commits."""

    id = fields.BigIntField(primary_key=True)
    raised: RaisedAlert = foreign_key("RaisedAlert")
    raised_id: int
    recipient = foreign_key("Employee")
    recipient_id: int
    read_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "alert"
        unique_together = (("raised_id", "recipient_id"),)
        indexes = (("recipient_id", "id"), ("recipient_id", "read_at"))


def query_rules() -> QuerySet[AlertRule]:
    """Return a query of the rules that are not deleted."""
    return AlertRule.filter(deleted_at=None, kind__in=_KNOWN_KINDS)


async def fetch_rules(ids: Sequence[int]) -> list[AlertRule | None]:
    rows = {row.id: row for row in await query_rules().filter(id__in=set(ids))}
    return [rows.get(id_) for id_ in ids]


def query_inbox(recipient_id: int | None) -> QuerySet[Alert]:
    """Return a query of a recipient's inbox, with the raised alerts. Empty for a device (None)."""
    return Alert.filter(recipient_id=recipient_id or 0, raised__kind__in=_KNOWN_KINDS).select_related("raised")


async def fetch_alerts(ids: Collection[int]) -> list[Alert]:
    """Return inbox alerts with their raised alerts, ordered by id."""
    query = Alert.filter(id__in=list(ids), raised__kind__in=_KNOWN_KINDS)
    return await query.select_related("raised").order_by("id")


async def fetch_newest_id() -> int:
    row = await Alert.all().order_by("-id").first()
    return row.id if row else 0


async def find_active(subjects: Collection[Subject]) -> list[RaisedAlert]:
    """Return the unresolved alerts about any of the subjects."""
    if not subjects:
        return []
    condition, values = _subject_condition(subjects)
    known_kinds = connection.placeholders(_KNOWN_KINDS)
    rows = await connection.fetch_rows(
        f"SELECT * FROM raised_alert WHERE resolved_at IS NULL AND kind IN ({known_kinds}) AND ({condition})",  # noqa: S608
        [*_KNOWN_KINDS, *values],
    )
    return [RaisedAlert._init_from_db(**row) for row in rows]


async def find_active_and_resumable(
    subjects: Collection[Subject], resumable_subjects: Collection[Subject]
) -> list[RaisedAlert]:
    """Return the unresolved alerts about any of the subjects, and all that could stand again about `resumable_subjects`.

    An alert can stand again unless its rule has changed its kind.
    """
    if not resumable_subjects:
        return await find_active(subjects)
    condition, values = _subject_condition({*subjects, *resumable_subjects})
    resumable, resumable_values = _subject_condition(resumable_subjects)
    known_kinds = connection.placeholders(_KNOWN_KINDS)
    rows = await connection.fetch_rows(
        f"SELECT * FROM raised_alert WHERE kind IN ({known_kinds}) AND ("  # noqa: S608
        f"(resolved_at IS NULL AND ({condition})) OR (({resumable}) AND EXISTS (SELECT 1 FROM alert_rule"
        " WHERE alert_rule.id = raised_alert.rule_id AND alert_rule.kind = raised_alert.kind))) ORDER BY id",
        [*_KNOWN_KINDS, *values, *resumable_values],
    )
    return [RaisedAlert._init_from_db(**row) for row in rows]


async def find_active_of_kind(kind: AlertKind) -> list[RaisedAlert]:
    """Return the unresolved alerts of a kind."""
    return await RaisedAlert.filter(kind=kind, resolved_at=None)


async def resolve(raised: Sequence[RaisedAlert], at: datetime) -> None:
    if raised:
        await RaisedAlert.filter(id__in=[row.id for row in raised], resolved_at=None).update(resolved_at=at)


async def stand_again(raised: Sequence[RaisedAlert]) -> None:
    """Make resolved alerts unresolved again; nothing is sent, and what was read stays read."""
    if raised:
        await RaisedAlert.filter(id__in=[row.id for row in raised]).update(resolved_at=None)


async def resolve_all_of_rule(rule_id: int, at: datetime) -> None:
    await RaisedAlert.filter(rule_id=rule_id, resolved_at=None).update(resolved_at=at)


def _subject_condition(subjects: Collection[Subject]) -> tuple[str, list[Any]]:
    ids_by_kind: dict[str, list[int]] = {}
    for kind, subject_id in sorted(set(subjects)):
        ids_by_kind.setdefault(kind, []).append(subject_id)
    parts = [f"(subject_kind = ? AND subject_id IN ({connection.placeholders(ids)}))" for ids in ids_by_kind.values()]
    return " OR ".join(parts), [value for kind, ids in ids_by_kind.items() for value in (kind, *ids)]


_LAST_NOTIFIED_SQL = """
SELECT rule_id, subject_kind, subject_id, MAX(occurred_at) AS at FROM raised_alert
WHERE told AND rule_id IN ({rules}) AND subject_kind = ? AND subject_id IN ({subjects})
GROUP BY rule_id, subject_kind, subject_id
"""


async def fetch_last_notified(
    rule_ids: Sequence[int], subjects: Collection[Subject]
) -> dict[tuple[int, Subject], datetime]:
    """Return when the last notified alert of each rule and subject occurred, by (rule id, subject)."""
    ids_by_kind: dict[str, list[int]] = {}
    for kind, subject_id in subjects:
        ids_by_kind.setdefault(kind, []).append(subject_id)
    last_notified = {}
    for kind, ids in ids_by_kind.items():
        placeholders = {"rules": ", ".join("?" * len(rule_ids)), "subjects": ", ".join("?" * len(ids))}
        for row in await connection.fetch_rows(_LAST_NOTIFIED_SQL.format(**placeholders), [*rule_ids, kind, *ids]):
            last_notified[row["rule_id"], (row["subject_kind"], row["subject_id"])] = connection.to_datetime(row["at"])
    return last_notified
