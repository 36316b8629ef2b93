"""Reference data cached per process: teams, company, metrics, exchange rates and first stage.

Nearly every operation needs it and it changes rarely, so each process caches it. The company's row holds the
change-log position of its last change. Authenticating a request reads that position in the same statement, and the
cache is used only if its position is equal, so no request sees stale data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from domain.ledger.metrics import Metric
from models.auth.sessions import Device
from models.crm.custom_metrics import CompanyMetric, known
from models.crm.pipelines import Stage
from models.db import connection
from models.db.query_batch import together
from models.organization.company import POSITION, Company, ExchangeRate
from models.organization.people import Employee, Team, Tree

TOPICS: Final = frozenset({"people", "company", "metrics", "pipelines"})  # published when any of it changes

Position = int | None  # None: nothing has changed since the company was set up


@dataclass(frozen=True)
class Office:
    """The reference data at one position of the change log.

    All operations of the process share one instance, so it must not be modified.
    """

    position: Position
    tree: Tree
    company: Company | None
    metrics: dict[str, Metric]
    rates: list[ExchangeRate]
    first_stage: Stage | None


@dataclass(frozen=True)
class Signed:
    """The employee of a session. `has_direct_reports`: they are set as the manager of at least one employee."""

    employee: Employee
    revoked: bool
    leads: bool


_SESSION: Final = f"""
SELECT employee.*, session.revoked_at AS ended, {POSITION} AS position,
    EXISTS (SELECT 1 FROM employee below WHERE below.manager_id = employee.id) AS leads
FROM session JOIN employee ON employee.id = session.employee_id WHERE session.id = ? AND employee.id = ?
"""  # noqa: S608 - constants only
_DEVICE: Final = f"SELECT device.*, {POSITION} AS position FROM device WHERE digest = ?"  # noqa: S608


async def position() -> Position:
    """Return the current position of the reference data."""
    found = await connection.rows(f"SELECT {POSITION} AS position", [])
    return found[0]["position"]  # type: ignore[no-any-return]


async def by_session(session: int, employee: int) -> tuple[Signed | None, Position]:
    """Return the session's employee (None if there is no such session) and the position of the reference data."""
    found = await connection.rows(_SESSION, [session, employee])
    if not found:
        return None, None
    row = found[0]
    return Signed(Employee._init_from_db(**row), row["ended"] is not None, bool(row["leads"])), row["position"]


async def by_device(digest: str) -> tuple[Device | None, Position]:
    """Return the device whose token has that digest, or None, and the position of the reference data."""
    found = await connection.rows(_DEVICE, [digest])
    return (Device._init_from_db(**found[0]), found[0]["position"]) if found else (None, None)


async def by_employee(number: int) -> tuple[Employee, bool, Office]:
    """Return an employee, whether they are set as the manager of anyone, and the current reference data."""
    own: list[Any] = [Employee.filter(id=number), Employee.filter(manager_id=number).limit(1)]
    found, below, *rest = await together([*own, *_asked()])
    return found[0], bool(below), _office(*rest)


async def read() -> Office:
    """Return the current reference data, read in one statement and thus consistent."""
    return _office(*await together(_asked()))


def _asked() -> list[Any]:
    return [
        Team.all(),
        Company.filter(id=1),
        CompanyMetric.all().order_by("name", "id"),
        ExchangeRate.all().order_by("currency", "-valid_from"),
        Stage.all().order_by("pipeline_id", "position", "id").limit(1),
    ]


def _office(
    teams: list[Team],
    companies: list[Company],
    own: list[CompanyMetric],
    rates: list[ExchangeRate],
    stages: list[Stage],
) -> Office:
    company = companies[0] if companies else None
    return Office(
        company.moved if company else None, Tree(teams), company, known(own), rates, stages[0] if stages else None
    )


async def moved(at: int) -> None:
    """Store the change-log position of a change to reference data; call it in the unit of work of that change."""
    await connection.execute("UPDATE company SET moved = ? WHERE id = 1", [at])
