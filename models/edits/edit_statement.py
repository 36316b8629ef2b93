"""The statement that reads what an edit of records needs to know, for `edit_rows`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from tortoise.models import Model

from domain.alerts.rules import AlertKind
from models.alerts.alerts import AlertRule, RaisedAlert
from models.alerts.inactivity import InactivityTimer
from models.auth.sessions import IdempotencyRecord
from models.crm.deals import Deal
from models.db import json_rows, row_store
from models.db.json_rows import array_rows, in_array, in_rows
from models.goals.goals import GOAL_SUM_SQL, Goal
from models.organization.company import REFERENCE_POSITION_SQL
from models.organization.people import Employee
from models.organization.scopes import SCOPE_KINDS, ScopeKey

_ALERTED_KINDS: Final = frozenset({"Deal", "Lead", "Task"})  # records that alerts are about
_WATCHED_KINDS: Final = frozenset({"Deal", "Lead"})  # records with inactivity timers
_LOG_POSITION_SQL: Final = "(SELECT MAX(id) FROM change)"
_KNOWN_KINDS_SQL: Final = ", ".join(f"'{kind}'" for kind in AlertKind)
_TEAM_PARENTS_SQL: Final = "SELECT id, parent_id FROM team UNION ALL SELECT team_id, parent_id FROM earlier_parent"


@dataclass(frozen=True)
class EditShape:
    """What the text of the statement depends on.

    record_model            the type of the records
    tables                  the types that ids are given of: name, model and `RecordTable.employee_columns`
    has_external_employees  whether employees are given by their ids in another system
    has_key                 whether there is an idempotency key
    """

    record_model: type[Model]
    tables: tuple[tuple[str, type[Model], Sequence[str]], ...]
    has_external_employees: bool
    has_key: bool


@cache
def edit_rows_sql(on_sqlite: bool, shape: EditShape) -> str:
    """Return the statement."""
    record_model, tables = shape.record_model, shape.tables
    record_kind, record_table = record_model.__name__, row_store.table_name(record_model)
    has_records = any(kind == record_kind for kind, _, _ in tables)
    parts = [_rows_part(on_sqlite, kind, model) for kind, model, _ in tables]
    employees_of_rows = {
        kind: "".join(
            f" UNION SELECT {column} FROM {kind.lower()}_row WHERE {column} IS NOT NULL"  # noqa: S608
            for column in columns
        )
        for kind, _, columns in tables
    }
    external_employees = (
        f" UNION SELECT id FROM employee WHERE {in_array(on_sqlite, 'external_id', 'varchar')}"  # noqa: S608
        if shape.has_external_employees
        else ""
    )
    is_affected_owner = " OR ".join(
        f"(owner_kind = '{scope_kind.kind}' AND {'TRUE' if ids is None else in_rows(on_sqlite, 'owner_id', ids)})"
        for scope_kind, ids in _affected_owner_ids()
    )
    parts += [
        f"person_id(id) AS ({array_rows(on_sqlite, 'id', 'int')}{external_employees}{''.join(employees_of_rows.values())})",
        f"credited_id(id) AS ({array_rows(on_sqlite, 'id', 'int')}{employees_of_rows.get(record_kind, '')})",
        f"day_list(day) AS ({array_rows(on_sqlite, 'day', 'date')})",
        f"team_above(id) AS ("  # noqa: S608
        f"SELECT team_id FROM membership WHERE {in_rows(on_sqlite, 'employee_id', 'SELECT id FROM credited_id')}"
        f" UNION SELECT team_id FROM employee WHERE {in_rows(on_sqlite, 'id', 'SELECT id FROM credited_id')}"
        f" AND team_id IS NOT NULL"
        f" UNION SELECT parent.parent_id FROM ({_TEAM_PARENTS_SQL}) AS parent JOIN team_above ON team_above.id = parent.id"
        f" WHERE parent.parent_id > 0)",
        f"goal_id(id) AS (SELECT id FROM goal WHERE archived_at IS NULL AND ({is_affected_owner})"  # noqa: S608
        f" AND EXISTS (SELECT 1 FROM day_list WHERE day_list.day BETWEEN goal.first_day AND goal.last_day)"
        f" AND {in_array(on_sqlite, 'metric', 'varchar')})",
        # null is the value of a goal that is known
        f"goal_row AS (SELECT goal.*, CASE WHEN {_LOG_POSITION_SQL} = ? AND {in_array(on_sqlite, 'goal.id', 'int')}"  # noqa: S608
        f" THEN NULL ELSE {GOAL_SUM_SQL} END AS reached FROM goal"
        f" WHERE {in_rows(on_sqlite, 'id', 'SELECT id FROM goal_id')} ORDER BY id)",
        _alert_part(on_sqlite, [kind for kind, _, _ in tables]),
    ]
    has_clients = any(kind == "Client" for kind, _, _ in tables)
    with_first_wins = record_model is Deal and (has_records or has_clients)
    if with_first_wins:
        parts += _first_win_parts(has_clients=has_clients, has_deals=has_records)
    timed_kinds = [kind for kind, _, _ in tables if kind in _WATCHED_KINDS]
    timed = " OR ".join(
        f"(kind = '{kind}' AND {in_rows(on_sqlite, 'subject_id', f'SELECT id FROM {source}')})"  # noqa: S608
        for kind, source in [("Employee", "person_id"), *((kind, f"{kind.lower()}_row") for kind in timed_kinds)]
    )
    new_ids = f"(SELECT seq FROM sqlite_sequence WHERE name = '{record_table}')"  # noqa: S608
    if not on_sqlite:
        next_id = f"nextval(pg_get_serial_sequence('{record_table}', 'id'))"
        unless_found = f" WHERE NOT EXISTS (SELECT 1 FROM {record_kind.lower()}_row)" if has_records else ""  # noqa: S608
        new_ids = f"(SELECT json_agg({next_id}) FROM generate_series(1, ?){unless_found})"  # noqa: S608
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
        "log_position": _LOG_POSITION_SQL,
        **{
            owner_ids_column(scope_kind): json_rows.values_sql(on_sqlite, "id", f"({ids}) AS owner")
            for scope_kind, ids in _affected_owner_ids()
            if ids is not None
        },
        "goals": json_rows.rows_sql(on_sqlite, Goal, "goal_row", reached="reached"),
        "timers": json_rows.rows_sql(on_sqlite, InactivityTimer, f"silence WHERE {timed}"),
        "alerts": json_rows.rows_sql(on_sqlite, RaisedAlert, "alert_row", can_resume="can_resume"),
        "rules": json_rows.rows_sql(
            on_sqlite,
            AlertRule,
            f"(SELECT * FROM alert_rule WHERE deleted_at IS NULL AND enabled AND kind IN ({_KNOWN_KINDS_SQL}) ORDER BY id)"  # noqa: S608
            " AS rule",
        ),
    }
    if shape.has_key:
        source = "repeatable_call WHERE actor = ? AND key = ?"
        columns["saved_responses"] = json_rows.rows_sql(on_sqlite, IdempotencyRecord, source)
    columns["new_ids"] = new_ids
    if with_first_wins:
        first_wins = f"deal WHERE {in_rows(on_sqlite, 'id', 'SELECT id FROM first_win')}"  # noqa: S608
        columns["first_wins"] = json_rows.rows_sql(on_sqlite, Deal, first_wins)
        columns["client_ids"] = json_rows.values_sql(on_sqlite, "id", "client_id")
    selected = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    return f"WITH RECURSIVE {', '.join(parts)} SELECT {selected}"


def _affected_owner_ids() -> list[tuple[type[ScopeKey], str | None]]:
    """Return for each kind of scope the SELECT of the ids of those that the records count for; None: all there are."""
    return [
        (scope_kind, scope_kind.covering_ids_sql("SELECT id FROM credited_id", "SELECT id FROM team_above"))
        for scope_kind in SCOPE_KINDS
    ]


def owner_ids_column(scope_kind: type[ScopeKey]) -> str:
    """Return the column with the ids of the scopes of a kind that the records count for, unless these are all."""
    return f"{scope_kind.kind.lower()}_owner_ids"


def _first_win_parts(*, has_clients: bool, has_deals: bool) -> list[str]:
    """Return the parts with the clients of the deals that are edited, and with their earliest other wins."""
    clients = ["SELECT id FROM client_row"] if has_clients else []
    clients += ["SELECT client_id FROM deal_row WHERE client_id IS NOT NULL"] if has_deals else []
    others = " AND win.id NOT IN (SELECT id FROM deal_row)" if has_deals else ""
    return [
        f"client_id(id) AS ({' UNION '.join(clients)})",
        "first_win(id) AS (SELECT (SELECT win.id FROM deal win WHERE win.client_id = client_id.id AND win.status = 'WON'"  # noqa: S608
        f" AND win.deleted_at IS NULL{others}"
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
