"""Inactivity timers: one row per open deal, untouched lead and employee, with the time of the last activity.

They make "no activity for 14 days" a range query on an index instead of a scan of the activities.
Times are whole microseconds since 1970, because SQLite and PostgreSQL subtract integers alike.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tortoise import fields
from tortoise.models import Model

from domain.alerts.rules import Subject
from domain.permissions import Role
from models.alerts.alerts import subject_clause
from models.db import bulk_statements, connection, row_store
from models.db.columns import text_column
from models.db.write_batch import BatchedWrite, fits_batch, write_rows

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
NEVER: Final = (1 << 63) - 1
MIN_INACTIVITY: Final = timedelta(days=1)  # the shortest inactivity that a rule can have


class InactivityTimer(Model):
    """When a deal or an employee was last active, or an untouched lead was created.

    since           time of the last activity
    imported_until  time of the import that recorded the last activity, 0 if it was not an import. An
                    inactivity that was too long by then is history and raises no alert.
    look_at         when the scheduler checks an employee next; `NEVER` if no rule can match without new activity
    """

    id = fields.BigIntField(primary_key=True)
    kind: str = text_column(10)  # Deal, Lead or Employee
    subject_id: int = fields.IntField()
    since: int = fields.BigIntField()
    imported_until: int = fields.BigIntField(source_field="known", default=0)
    look_at: int = fields.BigIntField(default=0, db_default=0)

    class Meta:
        table = "silence"
        unique_together = (("kind", "subject_id"),)
        indexes = (("kind", "since"),)


def to_microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND


_RECORD_ACTIVITY_SQL = """
ON CONFLICT (kind, subject_id) DO UPDATE SET known = excluded.known, look_at = excluded.look_at,
    since = CASE WHEN excluded.since > silence.since THEN excluded.since ELSE silence.since END
"""
_RECORD_ACTIVITIES_SQL = (
    f"INSERT INTO silence (kind, subject_id, since, known, look_at) VALUES {{rows}} {_RECORD_ACTIVITY_SQL}"  # noqa: S608
)
_TIMER: Final = BatchedWrite(
    "timer",
    {"kind": "VARCHAR", "subject_id": "INTEGER", "since": "BIGINT", "known": "BIGINT", "look_at": "BIGINT"},
    {
        "restarted_timer": f"""
            INSERT INTO silence (kind, subject_id, since, known, look_at)
            SELECT kind, subject_id, since, known, look_at FROM timer WHERE since IS NOT NULL {_RECORD_ACTIVITY_SQL}
        """,  # noqa: S608
        "removed_timer": """
            DELETE FROM silence WHERE (kind, subject_id) IN (SELECT kind, subject_id FROM timer WHERE since IS NULL)
        """,
    },
    is_repeatable=False,
)


async def update_timers(
    last_activity: Mapping[Subject, datetime],
    *,
    ended: Collection[Subject] = (),
    imported_until: datetime | None = None,
) -> None:
    """Record the time of the last activity of each subject; an earlier time than the stored one is ignored.

    The next check of an employee is scheduled `MIN_INACTIVITY` later; only then can a rule match.

    ended  subjects that have a timer no more: deals that are no longer open, leads that were touched
    """
    until_microseconds = to_microseconds(imported_until) if imported_until else 0
    rows = sorted(
        (*subject, to_microseconds(at), until_microseconds, to_microseconds(at + MIN_INACTIVITY))
        for subject, at in last_activity.items()
    )
    ended_rows = [(*subject, None, 0, 0) for subject in sorted(ended)]
    if fits_batch(len(rows)):
        await write_rows(_TIMER, [*rows, *ended_rows])
    else:
        await bulk_statements.execute_with_rows(_RECORD_ACTIVITIES_SQL, rows)
        await write_rows(_TIMER, ended_rows)


async def find_timers(subjects: Collection[Subject]) -> dict[Subject, InactivityTimer]:
    """Return the timers of the subjects that have one."""
    if not subjects:
        return {}
    condition, values = subject_clause(subjects, "kind")
    rows = await connection.fetch_rows(f"SELECT * FROM silence WHERE {condition}", values)  # noqa: S608
    return {(row["kind"], row["subject_id"]): row_store.from_columns(InactivityTimer, row) for row in rows}


_INACTIVE_DEALS_SQL = """
SELECT silence.id, silence.subject_id FROM silence
JOIN deal ON deal.id = silence.subject_id AND deal.status = 'OPEN' AND deal.deleted_at IS NULL
WHERE silence.kind = 'Deal' AND silence.since < ? AND silence.known - silence.since < ? AND silence.id > ?
AND NOT EXISTS (SELECT 1 FROM raised_alert WHERE rule_id = ? AND subject_kind = 'Deal'
    AND raised_alert.subject_id = silence.subject_id AND resolved_at IS NULL)
ORDER BY silence.id LIMIT ?
"""


async def find_inactive_deals(
    rule_id: int, *, before: datetime, min_inactivity: timedelta, after_id: int, limit: int
) -> Sequence[tuple[int, int]]:
    """Return open deals last active before `before` that have no unresolved alert of the rule.

    min_inactivity  a deal that was inactive for this long when it was imported is left out
    after_id        the timer id of the last deal of the previous call
    returns         (timer id, deal id), by timer id
    """
    rows = await connection.fetch_rows(
        _INACTIVE_DEALS_SQL, [to_microseconds(before), min_inactivity // _MICROSECOND, after_id, rule_id, limit]
    )
    return [(row["id"], row["subject_id"]) for row in rows]


_UNTOUCHED_LEADS_SQL = """
SELECT silence.id, silence.subject_id FROM silence
JOIN lead ON lead.id = silence.subject_id AND lead.status = 'NEW' AND lead.deleted_at IS NULL
WHERE silence.kind = 'Lead' AND silence.since < ? AND silence.id > ?
AND NOT EXISTS (SELECT 1 FROM raised_alert WHERE rule_id = ? AND subject_kind = 'Lead'
    AND raised_alert.subject_id = silence.subject_id AND resolved_at IS NULL)
ORDER BY silence.id LIMIT ?
"""


async def find_untouched_leads(
    rule_id: int, *, before: datetime, after_id: int, limit: int
) -> Sequence[tuple[int, int]]:
    """Return the untouched leads created before `before` that have no unresolved alert of the rule.

    after_id  the timer id of the last lead of the previous call
    returns   (timer id, lead id), by timer id
    """
    rows = await connection.fetch_rows(_UNTOUCHED_LEADS_SQL, [to_microseconds(before), after_id, rule_id, limit])
    return [(row["id"], row["subject_id"]) for row in rows]


_EMPLOYEES_SQL = """
SELECT employee.id, employee.role, membership.since AS stay, silence.since AS since, silence.known AS known FROM employee
JOIN membership ON membership.employee_id = employee.id AND membership.until IS NULL AND membership.active
LEFT JOIN silence ON silence.kind = 'Employee' AND silence.subject_id = employee.id
WHERE employee.active AND employee.id IN ({marks}) ORDER BY employee.id
"""


@dataclass(frozen=True, slots=True)
class InactiveEmployee:
    """An active employee with the time since when they have been inactive.

    Joining, returning and changing teams restart the inactivity. `imported_until` as in `InactivityTimer`.
    """

    employee_id: int
    role: Role
    since: datetime
    imported_until: datetime | None


async def find_inactive_employees(employee_ids: Collection[int]) -> list[InactiveEmployee]:
    """Return the inactivity of the active (not deactivated) employees among these."""
    employees = []
    for row in await connection.fetch_rows(
        _EMPLOYEES_SQL.format(marks=connection.placeholders([*employee_ids])), [*employee_ids]
    ):
        since = connection.to_datetime(row["stay"])
        if row["since"] is not None:
            since = max(since, from_microseconds(row["since"]))
        imported_until = from_microseconds(row["known"]) if row["known"] else None
        employees.append(InactiveEmployee(row["id"], Role(row["role"]), since, imported_until))
    return employees


async def due(now: datetime, limit: int) -> list[int]:
    """Return the ids of employees with a check that is due, the longest due first."""
    sql = "SELECT subject_id FROM silence WHERE kind = 'Employee' AND look_at < ? ORDER BY look_at, id LIMIT ?"
    return [row["subject_id"] for row in await connection.fetch_rows(sql, [to_microseconds(now), limit])]


_RESCHEDULE_SQL = """
INSERT INTO silence (kind, subject_id, since, known, look_at) VALUES {rows}
ON CONFLICT (kind, subject_id) DO UPDATE SET look_at = excluded.look_at
"""


async def reschedule(next_checks: Mapping[int, datetime | None]) -> None:
    """Set when to check each employee next; None: not before their next activity."""
    rows = (
        (employee_id, NEVER if at is None else to_microseconds(at)) for employee_id, at in sorted(next_checks.items())
    )
    await bulk_statements.execute_with_rows(
        _RESCHEDULE_SQL, [("Employee", employee_id, 0, 0, at) for employee_id, at in rows]
    )


async def schedule_all() -> None:
    """Make the check of every employee due now, also of those without a timer."""
    await connection.execute("UPDATE silence SET look_at = 0 WHERE kind = 'Employee' AND look_at <> 0")
    await connection.execute(
        "INSERT INTO silence (kind, subject_id, since, known, look_at) SELECT 'Employee', id, 0, 0, 0 FROM employee"
        " WHERE NOT EXISTS (SELECT 1 FROM silence WHERE kind = 'Employee' AND subject_id = employee.id)"
    )


_LAST_ACTIVITY_SQL: Final = (
    ("Deal", "SELECT activity.subject_id AS id, MAX(activity.at) AS at FROM activity JOIN deal"
             " ON deal.id = activity.subject_id AND deal.status = 'OPEN' AND deal.deleted_at IS NULL"
             " WHERE activity.subject_kind = 'Deal' GROUP BY activity.subject_id"),
    ("Employee", "SELECT employee_id AS id, MAX(at) AS at FROM activity WHERE employee_id IS NOT NULL"
                 " GROUP BY employee_id"),
)  # fmt: skip


async def backfill(imported_until: datetime) -> None:
    """Create the timers from the recorded activities, as if imported: what is inactive by now raises no alert."""
    for kind, sql in _LAST_ACTIVITY_SQL:
        last_activity = {
            (kind, row["id"]): connection.to_datetime(row["at"]) for row in await connection.fetch_rows(sql)
        }
        await update_timers(last_activity, imported_until=imported_until)


async def restore_timer(subject: Subject, timer: InactivityTimer | None) -> None:
    """Make the timer of a subject what it was: `timer`, or none."""
    await connection.execute("DELETE FROM silence WHERE kind = ? AND subject_id = ?", [*subject])
    if timer is not None:
        await row_store.insert_all([timer])
