"""Reads what an edit of records needs to know, in one statement.

The statement is constant for each type of record and the types that its inputs refer to, so it stays prepared. It reads
the records and those that they refer to, the people they concern with their teams, what the ledger says of the goals
that the edit may move, and what alerts depend on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any, Final

from tortoise.models import Model

from domain.alerts.rules import AlertKind, Subject
from domain.ledger.metrics import Score
from models.alerts.alerts import AlertRule, RaisedAlert
from models.alerts.inactivity import InactivityTimer
from models.auth.sessions import IdempotencyRecord
from models.crm.deals import Deal
from models.db import connection, json_rows, row_store
from models.db.json_rows import array_parameter, array_rows, in_array, in_rows
from models.goals.goals import GOAL_VALUE_SQL, AffectedGoal, Goal
from models.organization.company import REFERENCE_POSITION_SQL
from models.organization.people import Employee, TeamMembershipHistory
from models.organization.scopes import COMPANY, EmployeeScope, ScopeKey, TeamScope

_WATCHED_KINDS: Final = frozenset({"Deal", "Lead"})  # records with inactivity timers
_ALERTED_KINDS: Final = frozenset({"Deal", "Lead", "Task"})  # records that alerts are about


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
    key           actor and idempotency key of the request
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
    new_ids         reserved for new records
    client_ids      the clients of the deals that are edited, or may get one of them
    first_wins      of these clients, by id: the earliest standing win, except the deals that are edited
    saved_response  of an earlier request with the idempotency key
    """

    rows: Mapping[str, Sequence[Model]]
    employees: Sequence[Employee]
    memberships: TeamMembershipHistory
    position: int | None
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
    tables = {request.record.model.__name__: request.record, **request.references}
    no_ids: Collection[Any] = ()
    values: list[Any] = []
    for kind in tables:
        values.append(array_parameter(on_sqlite, sorted(request.ids.get(kind, no_ids))))
        if "external_id" in row_store.column_names(tables[kind].model):
            values.append(array_parameter(on_sqlite, sorted(request.external_ids.get(kind, no_ids))))
    values += [
        array_parameter(on_sqlite, sorted(request.ids.get("Employee", no_ids))),
        array_parameter(on_sqlite, sorted(request.external_ids.get("Employee", no_ids))),
        array_parameter(on_sqlite, sorted(request.credited_ids)),
        array_parameter(on_sqlite, sorted(request.goal_days)),
        array_parameter(on_sqlite, sorted(request.goal_metrics)),
        *request.key,
    ]
    if not on_sqlite:
        values.append(request.new_rows)
    employee_columns = tuple((kind, table.model, table.employee_columns) for kind, table in tables.items())
    [row] = await connection.fetch_rows(_edit_rows_sql(on_sqlite, employee_columns), values)
    rows = {
        kind: [record for record, _ in json_rows.decode_rows(table.model, row[f"{kind.lower()}_rows"])]
        for kind, table in tables.items()
    }
    employees = [employee for employee, _ in json_rows.decode_rows(Employee, row["employees"])]
    memberships = TeamMembershipHistory()
    for employee_id, since, team_id in json_rows.decode(row["memberships"]):
        memberships.add(employee_id, connection.to_datetime(since), team_id)
    record_kind = request.record.model.__name__
    new_ids = [] if rows[record_kind] else _new_ids(row["new_ids"], request.new_rows, on_sqlite)
    goals = _goals_before(row, request)
    first_wins = [win for win, _ in json_rows.decode_rows(Deal, row.get("first_wins"))]
    saved_responses = json_rows.decode_rows(IdempotencyRecord, row["saved_responses"])
    return EditRows(
        rows,
        employees,
        memberships,
        row["position"],
        new_ids,
        goals,
        _alerts_before(row, rows, employees, memberships, goals),
        frozenset(json_rows.decode(row.get("client_ids"))),
        {win.client_id: win for win in first_wins if win.client_id is not None},
        saved_responses[0][0] if saved_responses else None,
    )


def _new_ids(value: Any, count: int, on_sqlite: bool) -> list[int]:
    if on_sqlite:  # only the single writer may use the ids after the last one
        return list(range((value or 0) + 1, (value or 0) + 1 + count))
    return json_rows.decode(value)


def _goals_before(row: Mapping[str, Any], request: EditRequest) -> GoalsBefore:
    employee_scopes = [EmployeeScope(employee_id) for employee_id in json_rows.decode(row["credited"])]
    team_scopes = [TeamScope(team_id) for team_id in json_rows.decode(row["teams_above"])]
    pairs = json_rows.decode_rows(Goal, row["goals"])
    alerted_ids = {
        columns["subject_id"] for columns in json_rows.decode(row["alerts"]) if columns["subject_kind"] == "Goal"
    }
    return GoalsBefore(
        [AffectedGoal(goal, int(columns["reached"]), goal.id in alerted_ids) for goal, columns in pairs],
        frozenset({COMPANY, *employee_scopes, *team_scopes}),
        frozenset(request.goal_days),
        frozenset(request.goal_metrics),
    )


def _alerts_before(
    row: Mapping[str, Any],
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


_KNOWN_KINDS_SQL: Final = ", ".join(f"'{kind}'" for kind in AlertKind)
_TEAM_PARENTS_SQL: Final = "SELECT id, parent_id FROM team UNION ALL SELECT team_id, parent_id FROM earlier_parent"


@cache
def _edit_rows_sql(on_sqlite: bool, tables: Sequence[tuple[str, type[Model], Sequence[str]]]) -> str:
    """Return the statement for a type of record, the first of the tables, and the types that it refers to."""
    record_kind, record_model, _ = tables[0]
    record_table = row_store.table_name(record_model)
    parts = [_rows_part(on_sqlite, kind, model) for kind, model, _ in tables]
    employees_of_rows = [
        "".join(f" UNION SELECT {column} FROM {kind.lower()}_row WHERE {column} IS NOT NULL" for column in columns)  # noqa: S608
        for kind, _, columns in tables
    ]
    parts += [
        f"person_id(id) AS ({array_rows(on_sqlite, 'id', 'int')}"  # noqa: S608
        f" UNION SELECT id FROM employee WHERE {in_array(on_sqlite, 'external_id', 'varchar')}{''.join(employees_of_rows)})",
        f"credited_id(id) AS ({array_rows(on_sqlite, 'id', 'int')}{employees_of_rows[0]})",
        f"day_list(day) AS ({array_rows(on_sqlite, 'day', 'date')})",
        f"team_above(id) AS ("  # noqa: S608
        f"SELECT team_id FROM membership WHERE {in_rows(on_sqlite, 'employee_id', 'SELECT id FROM credited_id')}"
        f" UNION SELECT team_id FROM employee WHERE {in_rows(on_sqlite, 'id', 'SELECT id FROM credited_id')}"
        f" AND team_id IS NOT NULL"
        f" UNION SELECT parent.parent_id FROM ({_TEAM_PARENTS_SQL}) AS parent JOIN team_above ON team_above.id = parent.id"
        f" WHERE parent.parent_id > 0)",
        f"goal_id(id) AS (SELECT id FROM goal WHERE archived_at IS NULL AND (owner_kind = 'COMPANY' OR"  # noqa: S608
        f" (owner_kind = 'TEAM' AND {in_rows(on_sqlite, 'owner_id', 'SELECT id FROM team_above')}) OR"
        f" (owner_kind = 'EMPLOYEE' AND {in_rows(on_sqlite, 'owner_id', 'SELECT id FROM credited_id')}))"
        f" AND EXISTS (SELECT 1 FROM day_list WHERE day_list.day BETWEEN goal.first_day AND goal.last_day)"
        f" AND {in_array(on_sqlite, 'metric', 'varchar')})",
        f"goal_row AS (SELECT goal.*, {GOAL_VALUE_SQL} FROM goal"  # noqa: S608
        f" WHERE {in_rows(on_sqlite, 'id', 'SELECT id FROM goal_id')} ORDER BY id)",
        _alert_part(on_sqlite, [kind for kind, _, _ in tables]),
    ]
    if record_model is Deal:
        parts += _first_win_parts(with_clients=any(kind == "Client" for kind, _, _ in tables))
    timed_kinds = [kind for kind, _, _ in tables if kind in _WATCHED_KINDS]
    timed = " OR ".join(
        f"(kind = '{kind}' AND {in_rows(on_sqlite, 'subject_id', f'SELECT id FROM {source}')})"  # noqa: S608
        for kind, source in [("Employee", "person_id"), *((kind, f"{kind.lower()}_row") for kind in timed_kinds)]
    )
    new_ids = f"(SELECT seq FROM sqlite_sequence WHERE name = '{record_table}')"  # noqa: S608
    if not on_sqlite:
        next_id = f"nextval(pg_get_serial_sequence('{record_table}', 'id'))"
        new_ids = (
            f"(SELECT json_agg({next_id}) FROM generate_series(1, ?)"  # noqa: S608
            f" WHERE NOT EXISTS (SELECT 1 FROM {record_kind.lower()}_row))"
        )
    membership = (
        "json_array(employee_id, since, team_id)" if on_sqlite else "json_build_array(employee_id, since, team_id)"
    )
    membership_source = (
        f"(SELECT * FROM membership WHERE {in_rows(on_sqlite, 'employee_id', 'SELECT id FROM person_id')}"  # noqa: S608
        " ORDER BY since, id) AS membership_row"
    )
    columns = {
        **{
            f"{kind.lower()}_rows": json_rows.rows_sql(on_sqlite, model, f"{kind.lower()}_row")
            for kind, model, _ in tables
        },
        "employees": json_rows.rows_sql(
            on_sqlite,
            Employee,
            f"employee WHERE {in_rows(on_sqlite, 'id', 'SELECT id FROM person_id')}",  # noqa: S608
        ),
        "memberships": json_rows.values_sql(on_sqlite, membership, membership_source),
        "position": REFERENCE_POSITION_SQL,
        "credited": json_rows.values_sql(on_sqlite, "id", "credited_id"),
        "teams_above": json_rows.values_sql(on_sqlite, "id", "team_above"),
        "goals": json_rows.rows_sql(on_sqlite, Goal, "goal_row", reached="reached"),
        "timers": json_rows.rows_sql(on_sqlite, InactivityTimer, f"silence WHERE {timed}"),
        "alerts": json_rows.rows_sql(on_sqlite, RaisedAlert, "alert_row", can_resume="can_resume"),
        "rules": json_rows.rows_sql(
            on_sqlite,
            AlertRule,
            f"(SELECT * FROM alert_rule WHERE deleted_at IS NULL AND enabled AND kind IN ({_KNOWN_KINDS_SQL}) ORDER BY id)"  # noqa: S608
            " AS rule",
        ),
        "saved_responses": json_rows.rows_sql(
            on_sqlite, IdempotencyRecord, "repeatable_call WHERE actor = ? AND key = ?"
        ),
        "new_ids": new_ids,
    }
    if record_model is Deal:
        first_wins = f"deal WHERE {in_rows(on_sqlite, 'id', 'SELECT id FROM first_win')}"  # noqa: S608
        columns["first_wins"] = json_rows.rows_sql(on_sqlite, Deal, first_wins)
        columns["client_ids"] = json_rows.values_sql(on_sqlite, "id", "client_id")
    selected = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    return f"WITH RECURSIVE {', '.join(parts)} SELECT {selected}"


def _first_win_parts(*, with_clients: bool) -> list[str]:
    """Return the parts with the clients of the deals that are edited, and with their earliest other wins."""
    referred = "SELECT id FROM client_row UNION " if with_clients else ""
    return [
        f"client_id(id) AS ({referred}SELECT client_id FROM deal_row WHERE client_id IS NOT NULL)",  # noqa: S608
        "first_win(id) AS (SELECT (SELECT win.id FROM deal win WHERE win.client_id = client_id.id AND win.status = 'WON'"
        " AND win.deleted_at IS NULL AND win.id NOT IN (SELECT id FROM deal_row)"
        " ORDER BY win.closed_at, win.id LIMIT 1) FROM client_id)",
    ]


def _rows_part(on_sqlite: bool, kind: str, model: type[Model]) -> str:
    """Return the part with the rows of a type: those with the given ids, or ids in another system."""
    condition = in_array(on_sqlite, "id", "int")
    if "external_id" in row_store.column_names(model):
        condition = f"{condition} OR {in_array(on_sqlite, 'external_id', 'varchar')}"
    return f"{kind.lower()}_row AS (SELECT * FROM {row_store.table_name(model)} WHERE {condition})"  # noqa: S608


def _alert_part(on_sqlite: bool, kinds: Sequence[str]) -> str:
    """Return the part with the unresolved alerts, and those about records and goals that may stand again."""
    sources = [
        ("Employee", "person_id", " AND raised_alert.resolved_at IS NULL"),
        ("Goal", "goal_id", " AND (raised_alert.resolved_at IS NULL OR raised_alert.kind = 'GOAL_ACHIEVED')"),
        *((kind, f"{kind.lower()}_row", "") for kind in kinds if kind in _ALERTED_KINDS),
    ]
    alerts = " UNION ALL ".join(
        _alerts_of_subjects(on_sqlite, kind, source, condition) for kind, source, condition in sources
    )
    can_resume = (
        "EXISTS (SELECT 1 FROM alert_rule WHERE alert_rule.id = raised_alert.rule_id"
        " AND alert_rule.kind = raised_alert.kind) AS can_resume"
    )
    return (
        f"alert_row AS (SELECT raised_alert.*, {can_resume} FROM ({alerts}) AS raised_alert"  # noqa: S608
        f" WHERE kind IN ({_KNOWN_KINDS_SQL}) ORDER BY id)"
    )


def _alerts_of_subjects(on_sqlite: bool, kind: str, source: str, condition: str) -> str:
    """Return the SELECT of the alerts about subjects of a kind, looked up in the index one subject after another.

    source  the part with the ids of the subjects
    """
    lookup = f"raised_alert.subject_kind = '{kind}' AND raised_alert.subject_id = {source}.id{condition}"
    if on_sqlite:  # a CROSS JOIN keeps the order
        return f"SELECT raised_alert.* FROM {source} CROSS JOIN raised_alert WHERE {lookup}"  # noqa: S608
    # OFFSET keeps the planner from joining: it would read all alerts of the kind, which it takes to be few
    return (
        f"SELECT alert.* FROM {source} CROSS JOIN LATERAL (SELECT * FROM raised_alert WHERE {lookup} OFFSET 0) AS alert"  # noqa: S608
    )
