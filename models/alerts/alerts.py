"""Alert tables and queries: rules, raised alerts, and inboxes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from operator import attrgetter
from typing import Final

from tortoise import fields
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.alerts.rules import AlertKind, Recipient, Subject
from domain.primitives.json_values import JsonObject
from models.db import connection, row_store
from models.db.columns import bool_column, enum_column, foreign_key, minor_units_column, text_column
from models.db.conditions import Condition, equals, is_one_of
from models.db.row_query import RowQuery
from models.db.values import SqlClause, SqlValue
from models.db.write_batch import MAX_BATCHED_ROWS, BatchedWrite, write_rows
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
    enabled: bool = bool_column(default=True)
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
    to_assigner: bool = bool_column(default=False, db_default=False)
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
    subject_kind: str = text_column(20)
    subject_id: int = fields.IntField()
    employee = foreign_key("Employee", null=True)
    employee_id: int | None
    occurred_at: datetime = fields.DatetimeField()
    raised_at: datetime = fields.DatetimeField()
    resolved_at: datetime | None = fields.DatetimeField(null=True)
    notified: bool = bool_column(source_field="told", default=True)
    data: JsonObject = fields.JSONField(default=dict)
    occurrence: str | None = text_column(40, null=True)

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


_RAISED_ALERT: Final = BatchedWrite(
    "new_raised_alert",
    {
        "id": "BIGINT", "rule_id": "INTEGER", "kind": "VARCHAR", "subject_kind": "VARCHAR", "subject_id": "INTEGER",
        "employee_id": "INTEGER", "occurred_at": "TIMESTAMPTZ", "raised_at": "TIMESTAMPTZ", "told": "BOOLEAN",
        "data": "JSONB", "occurrence": "VARCHAR",
    },
    {
        "added_raised_alert": """
            INSERT INTO raised_alert (id, rule_id, kind, subject_kind, subject_id, employee_id, occurred_at, raised_at, told,
                data, occurrence)
            SELECT id, rule_id, kind, subject_kind, subject_id, employee_id, occurred_at, raised_at, told, data, occurrence
            FROM new_raised_alert
        """
    },
)  # fmt: skip
_ALERT: Final = BatchedWrite(
    "new_alert",
    {"id": "BIGINT", "raised_id": "BIGINT", "recipient_id": "INTEGER"},
    {
        "added_alert": "INSERT INTO alert (id, raised_id, recipient_id) SELECT id, raised_id, recipient_id FROM new_alert"
    },
)
_raised_alert_columns: Final = attrgetter(
    "id", "rule_id", "kind", "subject_kind", "subject_id", "employee_id", "occurred_at", "raised_at", "notified", "data",
    "occurrence",
)  # fmt: skip
_alert_columns: Final = attrgetter("id", "raised_id", "recipient_id")


async def insert_alerts(raised_alerts: Sequence[RaisedAlert], inbox_alerts: Sequence[Alert]) -> None:
    """Insert raised alerts, and those of them that are in an inbox; all have reserved ids and are unresolved and unread.

    Few are written with the other writes of the transaction, see `write_batch`.
    """
    if max(len(raised_alerts), len(inbox_alerts)) > MAX_BATCHED_ROWS:
        await row_store.insert_all(raised_alerts)
        await row_store.insert_all(inbox_alerts)
        return
    await write_rows(_RAISED_ALERT, [_raised_alert_columns(row) for row in raised_alerts])
    await write_rows(_ALERT, [_alert_columns(row) for row in inbox_alerts])


async def fetch_enabled_rules(kinds: Collection[AlertKind]) -> list[AlertRule]:
    """Return the enabled rules of these kinds, the oldest first."""
    return await _existing_rules().filter(enabled=True, kind__in=list(kinds)).order_by("id")


async def list_rules() -> list[AlertRule]:
    """Return all rules, the oldest first."""
    return await _existing_rules().order_by("id")


async def find_rule(rule_id: int, *, with_deleted: bool = False) -> AlertRule | None:
    return await (AlertRule.all() if with_deleted else _existing_rules()).get_or_none(id=rule_id)


async def has_any_rule() -> bool:
    """Return whether there is any rule, also a deleted one."""
    return await AlertRule.exists()


async def has_rule_about_stage(stage_id: int) -> bool:
    return await _existing_rules().filter(stage_id=stage_id).exists()


def _existing_rules() -> QuerySet[AlertRule]:
    return AlertRule.filter(deleted_at=None, kind__in=_KNOWN_KINDS)


async def fetch_rules(ids: Sequence[int]) -> list[AlertRule | None]:
    rows = {row.id: row for row in await _existing_rules().filter(id__in=set(ids))}
    return [rows.get(id_) for id_ in ids]


def select_inbox(recipient_id: int | None, *, unread_only: bool = False) -> RowQuery[Alert]:
    """Return the query of a recipient's inbox, with the raised alerts. Empty for a device (None)."""
    query = RowQuery(Alert, equals("recipient_id", recipient_id or 0) & _is_of_known_kind()).with_relations(["raised"])
    return query.where(equals("read_at", None)) if unread_only else query


def _is_of_known_kind() -> Condition:
    """Return the condition for alerts of kinds that this version knows."""
    is_known = is_one_of("kind", _KNOWN_KINDS)
    # EXISTS and not IN, for which SQLite would read all raised alerts
    sql = f"EXISTS (SELECT 1 FROM raised_alert WHERE raised_alert.id = raised_id AND {is_known.sql})"  # noqa: S608
    return Condition(sql, is_known.values)


async def list_inbox_ids(recipient_id: int | None, alert_ids: Collection[int]) -> set[int]:
    """Return those of the ids that belong to alerts of a recipient's inbox."""
    query = select_inbox(recipient_id).where(is_one_of("id", alert_ids))
    return {alert_id for (alert_id,) in await query.fetch_values("id")}


async def mark_read(recipient_id: int | None, at: datetime, alert_ids: Collection[int] | None = None) -> None:
    """Mark these alerts of a recipient, or all (None), as read."""
    query = Alert.filter(recipient_id=recipient_id, read_at=None)
    await (query if alert_ids is None else query.filter(id__in=list(alert_ids))).update(read_at=at)


async def fetch_alerts(ids: Collection[int]) -> list[Alert]:
    """Return inbox alerts with their raised alerts, ordered by id."""
    query = RowQuery(Alert, is_one_of("id", ids) & _is_of_known_kind())
    return await query.with_relations(["raised"]).order_by("id").fetch()


async def fetch_newest_id() -> int:
    row = await Alert.all().order_by("-id").first()
    return row.id if row else 0


async def find_active(subjects: Collection[Subject]) -> list[RaisedAlert]:
    """Return the unresolved alerts about any of the subjects."""
    if not subjects:
        return []
    condition, values = subject_clause(subjects)
    known_kinds = connection.placeholders(_KNOWN_KINDS)
    rows = await connection.fetch_rows(
        f"SELECT * FROM raised_alert WHERE resolved_at IS NULL AND kind IN ({known_kinds}) AND ({condition})",  # noqa: S608
        [*_KNOWN_KINDS, *values],
    )
    return [row_store.from_columns(RaisedAlert, row) for row in rows]


async def find_active_and_resumable(
    subjects: Collection[Subject], resumable_subjects: Collection[Subject]
) -> list[RaisedAlert]:
    """Return the unresolved alerts about any of the subjects, and all that could stand again about `resumable_subjects`.

    An alert can stand again unless its rule has changed its kind.
    """
    if not resumable_subjects:
        return await find_active(subjects)
    condition, values = subject_clause({*subjects, *resumable_subjects})
    resumable, resumable_values = subject_clause(resumable_subjects)
    known_kinds = connection.placeholders(_KNOWN_KINDS)
    rows = await connection.fetch_rows(
        f"SELECT * FROM raised_alert WHERE kind IN ({known_kinds}) AND ("  # noqa: S608
        f"(resolved_at IS NULL AND ({condition})) OR (({resumable}) AND EXISTS (SELECT 1 FROM alert_rule"
        " WHERE alert_rule.id = raised_alert.rule_id AND alert_rule.kind = raised_alert.kind))) ORDER BY id",
        [*_KNOWN_KINDS, *values, *resumable_values],
    )
    return [row_store.from_columns(RaisedAlert, row) for row in rows]


async def find_active_of_kind(kind: AlertKind) -> list[RaisedAlert]:
    """Return the unresolved alerts of a kind."""
    return await RaisedAlert.filter(kind=kind, resolved_at=None)


async def find_next_active_of_kind(kind: AlertKind, after_id: int, limit: int) -> list[RaisedAlert]:
    """Return the first unresolved alerts of a kind with a larger id, in order of id."""
    return await RaisedAlert.filter(kind=kind, resolved_at=None, id__gt=after_id).order_by("id").limit(limit)


async def find_active_of_ended_goals(kind: AlertKind, today: date, limit: int) -> list[RaisedAlert]:
    """Return some unresolved alerts of a kind about goals of which the period is over."""
    rows = await connection.fetch_rows(
        "SELECT raised_alert.* FROM raised_alert JOIN goal ON goal.id = raised_alert.subject_id"
        " WHERE raised_alert.kind = ? AND resolved_at IS NULL AND last_day < ? LIMIT ?",
        [kind, today, limit],
    )
    return [row_store.from_columns(RaisedAlert, row) for row in rows]


async def resolve(raised: Sequence[RaisedAlert], at: datetime) -> None:
    if raised:
        await RaisedAlert.filter(id__in=[row.id for row in raised], resolved_at=None).update(resolved_at=at)


async def stand_again(raised: Sequence[RaisedAlert]) -> None:
    """Make resolved alerts unresolved again; nothing is sent, and what was read stays read."""
    if raised:
        await RaisedAlert.filter(id__in=[row.id for row in raised]).update(resolved_at=None)


async def resolve_all_of_rule(rule_id: int, at: datetime) -> None:
    await RaisedAlert.filter(rule_id=rule_id, resolved_at=None).update(resolved_at=at)


def subject_clause(subjects: Collection[Subject], kind_column: str = "subject_kind") -> SqlClause:
    """Return the condition for rows about any of the subjects, and its parameters."""
    ids_by_kind: dict[str, list[int]] = {}
    for kind, subject_id in sorted(set(subjects)):
        ids_by_kind.setdefault(kind, []).append(subject_id)
    parts, values = [], list[SqlValue]()
    for kind, ids in ids_by_kind.items():
        parts.append(f"({kind_column} = ? AND subject_id IN ({connection.placeholders(ids)}))")
        values += [kind, *ids]
    return " OR ".join(parts), values


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


async def delete_raised(raised_ids: Collection[int]) -> list[Alert]:
    """Delete raised alerts, and take them out of all inboxes; return those that were in one."""
    if not raised_ids:
        return []
    inbox_alerts = await RowQuery(Alert, is_one_of("raised_id", raised_ids)).fetch()
    await connection.execute("DELETE FROM alert WHERE raised_id = ANY(?)", [[*raised_ids]])
    await connection.execute("DELETE FROM raised_alert WHERE id = ANY(?)", [[*raised_ids]])
    return inbox_alerts


async def restore_resolution(raised_id: int, resolved_at: datetime | None, present: datetime | None) -> None:
    """Set when an alert was resolved, or that it stands, if that is still what it was set to: `present`."""
    is_present = "resolved_at IS NULL" if present is None else "resolved_at = ?"
    await connection.execute(
        f"UPDATE raised_alert SET resolved_at = ? WHERE id = ? AND {is_present}",  # noqa: S608 - constants only
        [resolved_at, raised_id, *([] if present is None else [present])],
    )


async def fetch_raised(ids: Collection[int]) -> list[RaisedAlert]:
    """Return raised alerts that still exist, ordered by id."""
    return await RowQuery(RaisedAlert, is_one_of("id", ids)).order_by("id").fetch() if ids else []
