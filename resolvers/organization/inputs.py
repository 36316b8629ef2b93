"""Inputs of the company, its people, teams and pipelines.

A field that is left out has its default: `UNSET` leaves a value unchanged where null clears it, and None stands for
both where there is nothing to clear. Ids are global ids, or `ext:` and an id in another system.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from domain.forecasting.categories import ForecastCategory
from domain.permissions import Role
from domain.primitives.calendar import Weekday
from domain.primitives.unset import UNSET, Unset
from models.organization.absences import AbsenceKind
from models.organization.company import CompanyDayKind


@dataclass(frozen=True, kw_only=True)
class EmployeeInput:
    """Input of an employee; `id` is that of the employee to change."""

    id: str | None = None
    name: str | None = None
    email: str | None = None
    password: str | None = None
    role: Role | None = None
    team: str | Unset | None = UNSET
    manager: str | Unset | None = UNSET
    avatar_url: str | Unset | None = UNSET
    active: bool | None = None
    joined_on: date | Unset | None = UNSET
    carries_quota: bool | Unset | None = UNSET
    carries_quota_from: date | None = None
    external_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProfileInput:
    """Input of the viewer's own settings; times are minutes of the day."""

    language: str | Unset | None = UNSET
    quiet_from: int | Unset | None = UNSET
    quiet_to: int | Unset | None = UNSET
    digest_at: int | Unset | None = UNSET
    current_password: str | None = None
    password: str | None = None


@dataclass(frozen=True, kw_only=True)
class TeamInput:
    """Input of a team; `id` is that of the team to change, and imports alone set `external_id`."""

    id: str | None = None
    name: str | None = None
    parent: str | Unset | None = UNSET
    manager: str | Unset | None = UNSET
    external_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class AbsenceInput:
    first_day: date
    last_day: date
    kind: AbsenceKind
    id: str | None = None
    employee: str | None = None
    external_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class CompanyInput:
    """Input of the company's settings; working hours are minutes of the day."""

    name: str | None = None
    currency: str | None = None
    time_zone: str | None = None
    week_start: Weekday | None = None
    working_days: Sequence[Weekday] | None = None
    holiday_country: str | Unset | None = UNSET
    holiday_region: str | Unset | None = UNSET
    workday_start: int | None = None
    workday_end: int | None = None
    close_after_workdays: int | Unset | None = UNSET
    employees_set_absences: bool | None = None
    requires_target_reason: bool | None = None


@dataclass(frozen=True, kw_only=True)
class CompanyDaySetting:
    day: date
    kind: CompanyDayKind
    name: str


@dataclass(frozen=True, kw_only=True)
class PipelineStageInput:
    name: str
    id: str | None = None
    forecast_category: ForecastCategory | Unset | None = UNSET


@dataclass(frozen=True, kw_only=True)
class PipelineInput:
    name: str
    stages: Sequence[PipelineStageInput]
    id: str | None = None
