"""Reference data cached per process: teams, company, metrics, exchange rates and first stage.

Nearly every operation needs it and it changes rarely, so each process caches it. The company's row holds the
change-log position of its last change. Authenticating a request reads that position in the same statement, and the
cache is used only if its position is equal, so no request sees stale data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.ledger.metrics import Metric
from models.auth.sessions import Device
from models.crm.custom_metrics import CompanyMetric, index_metrics
from models.crm.pipelines import Stage
from models.db import connection, row_store
from models.db.conditions import equals
from models.db.consistent_read import fetch_all_at_once
from models.db.row_query import AnyRowQuery, RowQuery
from models.db.values import SqlRecord
from models.organization.company import (
    REFERENCE_POSITION_SQL,
    Company,
    CompanyDay,
    EarlierCalendar,
    ExchangeRate,
    assemble_company,
    company_queries,
)
from models.organization.people import EarlierParent, Employee, Team, TeamTree

REFERENCE_TOPICS: Final = frozenset(
    {"people", "company", "metrics", "pipelines", "absences"}
)  # published when any of it, or what is derived from it, changes

ChangeLogPosition = int | None  # None: nothing has changed since the company was set up


@dataclass(frozen=True)
class ReferenceData:
    """The reference data at one position of the change log.

    All operations of the process share one instance, so it must not be modified.
    """

    position: ChangeLogPosition
    tree: TeamTree
    company: Company | None
    metrics: dict[str, Metric]
    rates: list[ExchangeRate]
    first_stage: Stage | None


@dataclass(frozen=True, slots=True)
class SessionState:
    """A session and its employee as the database has them.

    columns          of the session and the employee; equal as long as neither has changed, nor the position
    is_active        whether neither has ended
    position         of the reference data
    log_position     of the newest change that the reading includes, whatever it concerns
    active_token_id  the newest refresh token that was issued with an access token that has been used; 0 for none
    """

    columns: tuple[object, ...]
    session_id: int
    employee_id: int
    is_active: bool
    active_token_id: int
    position: ChangeLogPosition
    log_position: int
    _record: SqlRecord

    def make_employee(self) -> Employee:
        """Return the row of the employee, a new object each time."""
        return row_store.from_columns(Employee, dict(self._record))

    @property
    def has_direct_reports(self) -> bool:
        """Whether the employee is set as the manager of at least one employee."""
        return bool(self._record["leads"])


_LOG_POSITION_SQL: Final = "(SELECT COALESCE(MAX(id), 0) FROM change) AS log_position"
_SESSIONS_SQL: Final = f"""
SELECT employee.*, session.id AS session_id, session.revoked_at AS ended, session.active_token_id AS active_token,
    {REFERENCE_POSITION_SQL} AS position,
    EXISTS (SELECT 1 FROM employee below WHERE below.manager_id = employee.id) AS leads, {_LOG_POSITION_SQL}
FROM session JOIN employee ON employee.id = session.employee_id WHERE session.id = ANY(?)
"""  # noqa: S608 - constants only
_DEVICE_SQL: Final = f"""
SELECT device.*, {REFERENCE_POSITION_SQL} AS position, {_LOG_POSITION_SQL} FROM device WHERE digest = ?
"""  # noqa: S608


async def read_position() -> ChangeLogPosition:
    """Return the current position of the reference data."""
    rows = await connection.fetch_rows(f"SELECT {REFERENCE_POSITION_SQL} AS position", [])
    return rows[0]["position"]  # type: ignore[no-any-return]


async def find_sessions(session_ids: Sequence[int]) -> list[SessionState | None]:
    """Return the sessions with these ids, in their order, all as of one moment; None for a missing one."""
    records = await connection.fetch_records(_SESSIONS_SQL, [list(set(session_ids))])
    states = {record["session_id"]: _build_session_state(record) for record in records}
    return [states.get(session_id) for session_id in session_ids]


def _build_session_state(record: SqlRecord) -> SessionState:
    *columns, log_position = record
    return SessionState(
        tuple(columns),
        record["session_id"],
        record["id"],
        record["ended"] is None and bool(record["active"]),
        record["active_token"] or 0,
        record["position"],
        log_position,
        record,
    )


async def find_device(digest: str) -> tuple[Device, ChangeLogPosition, int] | None:
    """Return the device with that digest of its token, the position of the reference data, and that of the change log."""
    rows = await connection.fetch_rows(_DEVICE_SQL, [digest])
    if not rows:
        return None
    return row_store.from_columns(Device, rows[0]), rows[0]["position"], rows[0]["log_position"]


async def load_with_employee(employee_id: int) -> tuple[Employee, bool, ReferenceData]:
    """Return an employee, whether they are set as the manager of anyone, and the current reference data."""
    employee_queries = [
        RowQuery(Employee, equals("id", employee_id)),
        RowQuery(Employee, equals("manager_id", employee_id)).limit(1),
    ]
    employees, direct_reports, *rest = await fetch_all_at_once([*employee_queries, *_reference_queries()])
    return employees[0], bool(direct_reports), _build_reference_data(*rest)


async def load_reference_data() -> ReferenceData:
    """Return the current reference data, read in one statement and thus consistent."""
    return _build_reference_data(*await fetch_all_at_once(_reference_queries()))


def _reference_queries() -> list[AnyRowQuery]:
    return [
        RowQuery(Team),
        RowQuery(EarlierParent),
        *company_queries(),
        RowQuery(CompanyMetric).order_by("name", "id"),
        RowQuery(ExchangeRate).order_by("currency", "-valid_from"),
        RowQuery(Stage).order_by("pipeline_id", "position", "id").limit(1),
    ]


def _build_reference_data(
    teams: list[Team],
    earlier_parents: list[EarlierParent],
    companies: list[Company],
    company_days: list[CompanyDay],
    earlier_calendars: list[EarlierCalendar],
    custom_metrics: list[CompanyMetric],
    rates: list[ExchangeRate],
    stages: list[Stage],
) -> ReferenceData:
    company = assemble_company(companies, company_days, earlier_calendars)
    return ReferenceData(
        company.reference_position if company else None,
        TeamTree(teams, earlier_parents),
        company,
        index_metrics(custom_metrics),
        rates,
        stages[0] if stages else None,
    )


async def set_position(position: int) -> None:
    """Store the change-log position of a change to reference data; call it in the unit of work of that change."""
    await connection.execute("UPDATE company SET moved = ? WHERE id = 1", [position])
