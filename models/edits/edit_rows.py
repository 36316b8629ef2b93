"""Reads what an edit of records needs to know, in one statement.

The statement depends only on which types of rows the inputs refer to, so it stays prepared. It reads the records and
those that they refer to, the people they concern with their teams, what the ledger says of the goals that the edit may
move, and what alerts depend on. A new record that refers to nothing but its owner needs the last three alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from tortoise.models import Model

from domain.alerts.rules import Subject
from domain.ledger.metrics import Score
from domain.primitives.json_values import JsonValue
from models.alerts.alerts import RaisedAlert
from models.alerts.inactivity import InactivityTimer
from models.auth.sessions import IdempotencyRecord
from models.crm.deals import Deal
from models.db import connection, json_rows, row_store
from models.db.json_rows import array_parameter
from models.db.values import SqlRow, SqlValue
from models.edits.edit_statement import EditShape, edit_rows_sql, owner_ids_column
from models.edits.goal_values import NO_KNOWN_VALUES, KnownGoalValues
from models.goals.goals import AffectedGoal, Goal
from models.organization.people import Employee, TeamMembershipHistory
from models.organization.scopes import COMPANY, SCOPE_KINDS, ScopeKey

NO_KEY: Final = ("", "")


@dataclass(frozen=True)
class RecordTable:
    """A type of record: its model, and the columns with the employees whose rows are needed with a record."""

    model: type[Model]
    employee_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class EditRequest:
    """What is known of an edit before it reads anything.

    record        the type of the records
    references    the types that the inputs refer to, besides employees, by name
    ids           ids of rows by the names of types, "Employee" included
    external_ids  ids in another system, likewise
    credited_ids  employees that new records may count for
    goal_days     days that a record may count for; none: the goals are not read
    goal_metrics  metrics that records of the type count for
    new_rows      how many ids of new records to reserve, unless a record is found
    key           actor and idempotency key of the request; `NO_KEY` if it has none
    known_values  values of goals that need not be summed up if nothing has changed since
    """

    record: RecordTable
    references: Mapping[str, RecordTable]
    ids: Mapping[str, Collection[int]]
    external_ids: Mapping[str, Collection[str]]
    credited_ids: Collection[int]
    goal_days: Collection[date]
    goal_metrics: Collection[str]
    new_rows: int
    key: tuple[str, str]
    known_values: KnownGoalValues = NO_KNOWN_VALUES

    def with_ids(self, ids: Mapping[str, Collection[int]]) -> EditRequest:
        """Return the request for rows with these ids as well, by the names of types."""
        return replace(self, ids={kind: {*self.ids.get(kind, ()), *ids.get(kind, ())} for kind in {*self.ids, *ids}})


@dataclass(frozen=True)
class GoalsBefore:
    """The unarchived goals that an edit may move, with their values before it.

    scopes, days, metrics  what they were read for: any posting of these moves no other goal
    """

    goals: Sequence[AffectedGoal]
    scopes: frozenset[ScopeKey]
    days: frozenset[date]
    metrics: frozenset[str]

    def covers(self, scores: Collection[Score], credited: Collection[Collection[ScopeKey]]) -> bool:
        """Return whether all goals that scores may move are among these.

        credited  the scopes that the scores belong to
        """
        return all(score.day in self.days and score.metric in self.metrics for score in scores) and all(
            self.scopes.issuperset(scopes) for scopes in credited
        )


@dataclass(frozen=True)
class AlertsBefore:
    """What alerts depend on, as it was before an edit.

    timers    inactivity timers, by subject
    alerts    unresolved alerts, and those that may stand again, in order of id; each with whether its rule lets it
    subjects  all that they were read for
    rules     all enabled rules, the oldest first, as JSON
    employees, memberships  as in `EditRows`; the employees by id
    """

    timers: Mapping[Subject, InactivityTimer]
    alerts: Sequence[tuple[RaisedAlert, bool]]
    subjects: frozenset[Subject]
    rules: str | None
    employees: Mapping[int, Employee]
    memberships: TeamMembershipHistory

    def covers(self, subjects: Collection[Subject]) -> bool:
        return self.subjects.issuperset(subjects)

    def without_alerts(self) -> AlertsBefore:
        """Return what is still so after alerts have changed."""
        return replace(self, timers={}, alerts=(), subjects=frozenset())

    def find_active_and_resumable(
        self, subjects: Collection[Subject], resumable_subjects: Collection[Subject]
    ) -> list[RaisedAlert]:
        """Return what `alerts.find_active_and_resumable` does."""
        return [
            row
            for row, can_resume in self.alerts
            if (row.resolved_at is None and (row.subject in subjects or row.subject in resumable_subjects))
            or (can_resume and row.subject in resumable_subjects)
        ]


@dataclass(frozen=True)
class EditRows:
    """The rows of an edit.

    rows            records and referred rows, by the names of types
    position        of the reference data, when they were read
    log_position    of the newest entry of the change log then; None if there is none
    new_ids         reserved for new records
    client_ids      the clients of the deals that are edited, or may get one of them
    first_wins      of these clients, by id: the earliest standing win, except the deals that are edited
    saved_response  of an earlier request with the idempotency key
    """

    rows: Mapping[str, Sequence[Model]]
    employees: Sequence[Employee]
    memberships: TeamMembershipHistory
    position: int | None
    log_position: int | None
    new_ids: list[int]
    goals: GoalsBefore
    alerts: AlertsBefore
    client_ids: frozenset[int]
    first_wins: Mapping[int, Deal]
    saved_response: IdempotencyRecord | None

    @property
    def merged_into_ids(self) -> Mapping[str, Collection[int]]:
        """The ids of records that others among the rows were merged into, by the names of types."""
        ids_by_kind = {
            kind: {row_id for row in rows if (row_id := getattr(row, "merged_into_id", None)) is not None}
            for kind, rows in self.rows.items()
        }
        return {kind: ids for kind, ids in ids_by_kind.items() if ids}


async def read_edit_rows(request: EditRequest) -> EditRows:
    """Return what an edit needs. Within `write_transaction` only, since it reserves ids."""
    on_sqlite = connection.current_client().capabilities.dialect == "sqlite"
    record_kind = request.record.model.__name__
    tables = {
        kind: table
        for kind, table in {record_kind: request.record, **request.references}.items()
        if request.ids.get(kind) or request.external_ids.get(kind)
    }
    values: list[SqlValue] = []
    for kind in tables:
        values.append(array_parameter(on_sqlite, sorted(request.ids.get(kind, ()))))
        if "external_id" in row_store.column_names(tables[kind].model):
            values.append(array_parameter(on_sqlite, sorted(request.external_ids.get(kind, ()))))
    values.append(array_parameter(on_sqlite, sorted(request.ids.get("Employee", ()))))
    has_external_employees = bool(request.external_ids.get("Employee"))
    if has_external_employees:
        values.append(array_parameter(on_sqlite, sorted(request.external_ids["Employee"])))
    values += [
        array_parameter(on_sqlite, sorted(request.credited_ids)),
        array_parameter(on_sqlite, sorted(request.goal_days)),
        array_parameter(on_sqlite, sorted(request.goal_metrics)),
        request.known_values.position,
        array_parameter(on_sqlite, [*request.known_values.values]),
    ]
    has_key = request.key != NO_KEY
    if has_key:
        values += request.key
    if not on_sqlite:
        values.append(request.new_rows)
    shape = EditShape(
        request.record.model,
        tuple((kind, table.model, table.employee_columns) for kind, table in tables.items()),
        has_external_employees,
        has_key,
    )
    [row] = await connection.fetch_rows(edit_rows_sql(on_sqlite, shape), values)
    rows: dict[str, list[Model]] = {
        kind: [record for record, _ in json_rows.decode_rows(table.model, row[f"{kind.lower()}_rows"])]
        for kind, table in tables.items()
    }
    employees = [employee for employee, _ in json_rows.decode_rows(Employee, row["employees"])]
    memberships = TeamMembershipHistory()
    for employee_id, since, team_id in json_rows.decode(row["memberships"]):
        memberships.add(employee_id, connection.to_datetime(since), team_id)
    new_ids = [] if rows.get(record_kind) else _new_ids(row["new_ids"], request.new_rows, on_sqlite)
    goals = _goals_before(row, request)
    first_wins = [win for win, _ in json_rows.decode_rows(Deal, row.get("first_wins"))]
    saved_responses = json_rows.decode_rows(IdempotencyRecord, row.get("saved_responses"))
    return EditRows(
        rows,
        employees,
        memberships,
        row["position"],
        row["log_position"],
        new_ids,
        goals,
        _alerts_before(row, rows, employees, memberships, goals),
        frozenset(json_rows.decode(row.get("client_ids"))),
        {win.client_id: win for win in first_wins if win.client_id is not None},
        saved_responses[0][0] if saved_responses else None,
    )


def _new_ids(value: JsonValue, count: int, on_sqlite: bool) -> list[int]:
    if on_sqlite:  # only the single writer may use the ids after the last one
        return list(range((value or 0) + 1, (value or 0) + 1 + count))
    return json_rows.decode(value)


def _goals_before(row: SqlRow, request: EditRequest) -> GoalsBefore:
    affected_scopes = {
        scope_kind(scope_id)
        for scope_kind in SCOPE_KINDS
        for scope_id in json_rows.decode(row.get(owner_ids_column(scope_kind)))
    }
    pairs = json_rows.decode_rows(Goal, row["goals"])
    alerted_ids = {
        columns["subject_id"] for columns in json_rows.decode(row["alerts"]) if columns["subject_kind"] == "Goal"
    }
    known = request.known_values.values
    return GoalsBefore(
        [
            AffectedGoal(
                goal,
                known[goal.id] if columns["reached"] is None else int(columns["reached"]),
                goal.id in alerted_ids,
            )
            for goal, columns in pairs
        ],
        frozenset({COMPANY, *affected_scopes}),
        frozenset(request.goal_days),
        frozenset(request.goal_metrics),
    )


def _alerts_before(
    row: SqlRow,
    rows: Mapping[str, Sequence[Model]],
    employees: Sequence[Employee],
    memberships: TeamMembershipHistory,
    goals: GoalsBefore,
) -> AlertsBefore:
    subjects = {
        *(("Employee", employee.id) for employee in employees),
        *((kind, record.pk) for kind, records in rows.items() for record in records),
        *(("Goal", candidate.goal.id) for candidate in goals.goals),
    }
    timers = [timer for timer, _ in json_rows.decode_rows(InactivityTimer, row["timers"])]
    return AlertsBefore(
        {(timer.kind, timer.subject_id): timer for timer in timers},
        [(alert, bool(columns["can_resume"])) for alert, columns in json_rows.decode_rows(RaisedAlert, row["alerts"])],
        frozenset(subjects),
        row["rules"],
        {employee.id: employee for employee in employees},
        memberships,
    )
