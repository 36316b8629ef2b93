"""What nearly every operation needs, read with who asks: the teams, the company and its metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tortoise.queryset import QuerySet

from domain.scoring import Metric
from models.company import Company
from models.metrics import CompanyMetric, known
from models.people import Employee, Team, Tree
from models.sessions import Device, Session
from models.together import together


@dataclass(frozen=True)
class Office:
    tree: Tree
    company: Company | None
    metrics: dict[str, Metric]


async def by_session(session: int, employee: int) -> tuple[Session | None, bool, Office]:
    """Return the session of the employee, who comes with it, and whether anybody has him as manager set by hand."""
    asked = Session.filter(id=session, employee_id=employee).select_related("employee")
    sessions, below, *rest = await _with([asked, Employee.filter(manager_id=employee).limit(1)])
    return sessions[0] if sessions else None, bool(below), _office(*rest)


async def by_employee(number: int) -> tuple[Employee, bool, Office]:
    """Return the employee of that number, and whether anybody has him as manager set by hand."""
    found, below, *rest = await _with([Employee.filter(id=number), Employee.filter(manager_id=number).limit(1)])
    return found[0], bool(below), _office(*rest)


async def by_device(digest: str) -> tuple[Device | None, Office]:
    """Return the device whose token has that digest."""
    devices, *rest = await _with([Device.filter(digest=digest)])
    return devices[0] if devices else None, _office(*rest)


async def _with(asked: list[QuerySet[Any]]) -> list[Any]:
    return await together([*asked, Team.all(), Company.filter(id=1), CompanyMetric.all().order_by("name", "id")])


def _office(teams: list[Team], companies: list[Company], own: list[CompanyMetric]) -> Office:
    return Office(Tree(teams), companies[0] if companies else None, known(own))
