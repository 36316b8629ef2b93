"""Enums of the schema: registers the domain's enums with their descriptions."""

from __future__ import annotations

from enum import Enum, StrEnum

import strawberry

from domain.alerts.rules import AlertKind, Recipient
from domain.analytics.time_series import Interval
from domain.errors.user_errors import Code
from domain.forecasting.forecast import Confidence
from domain.goals.progress import Pace
from domain.ledger.record_facts import CallDirection, CallOutcome, DealStatus, LeadStatus, SaleKind, TaskKind
from domain.permissions import DeviceKind, Role
from domain.primitives.calendar import Weekday
from domain.primitives.periods import PeriodKind
from domain.primitives.units import Unit
from models.crm.activities import ActivityKind
from resolvers.forecasting.forecasts import MoneyBasis
from resolvers.leaderboards.leaderboards import RankBy


class RecordType(StrEnum):
    EMPLOYEE = "EMPLOYEE"
    DEAL = "DEAL"
    LEAD = "LEAD"
    CLIENT = "CLIENT"
    CONTACT = "CONTACT"
    CALL = "CALL"
    TASK = "TASK"
    RESULT = "RESULT"


def _public(enum: type[Enum], description: str, name: str | None = None, **meanings: str) -> None:
    """Register an enum with the schema; `value_descriptions` describe its values by name."""
    strawberry.enum(enum, name=name, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = meanings.get(value.name)


_public(PeriodKind, "Length of a period. CUSTOM takes its days from `start` and `end` and cannot recur.")
_public(Weekday, "A day of the week.")
_public(
    Role,
    "Role of an employee, which determines their permissions.",
    EMPLOYEE="Sees and records their own work.",
    MANAGER="Also sees, and sets goals for, the teams below.",
    DIRECTOR="Also sees and sets goals for the whole company.",
    ADMIN="Also manages people, devices, rules and integrations.",
)
_public(
    DeviceKind,
    "Kind of a client that signs in without being a person.",
    WALLBOARD="Read-only: leaderboards, goals of teams and company, wins. Sees no deals, clients or entries.",
    INTEGRATION="Records for any employee: another CRM, telephony.",
)
_public(
    Interval,
    "Length covered by one point of a chart: a day, a week from the company's first day of the week, or a month.",
)
_public(Unit, "Unit of a metric.", "MetricUnit", MONEY="In the company's currency.")
_public(
    Pace,
    "State of a goal compared with an even pace over the period's working days.",
    NOT_STARTED="The period lies ahead and the value is zero.",
    BEHIND="More than 5 % of the target below the even pace.",
    ON_TRACK="Within 5 % of the target of the even pace.",
    AHEAD="More than 5 % of the target above the even pace.",
    ACHIEVED="Target reached, period still open or over.",
    MISSED="Period over, target not reached.",
)
_public(
    RankBy,
    "Criterion of a leaderboard's ranks.",
    ATTAINMENT="By percent of the employee's own goal for this metric and period; those without one come last.",
)
_public(
    MoneyBasis,
    "Amount that a forecast counts.",
    REVENUE="Revenue of won deals.",
    PROFIT="Revenue less the cost of the deals.",
)
_public(
    Confidence,
    "Reliability of a forecast.",
    "ForecastConfidence",
    NONE="Too little history for a forecast: expected, low, median and high equal the booked amount.",
    LOW="Two to five months of history, or a range too wide to plan by.",
)
_public(DealStatus, "Status of a deal.")
_public(SaleKind, "Whether a sale is the client's first.", FIRST="The client's first won deal.")
_public(LeadStatus, "Status of a lead.")
_public(CallDirection, "Direction of a call.")
_public(CallOutcome, "Outcome of a call.")
_public(
    TaskKind,
    "Origin of a task: the employee's own, or assigned by a manager.",
    ASSIGNMENT="Assigned by a manager (поручение).",
)
_public(ActivityKind, "Kind of an activity.")
_public(AlertKind, "Kind of an alert.")
_public(
    Recipient,
    "Recipients of an alert.",
    "AlertRecipient",
    MANAGER="The employee's manager; for a team's goal the team's manager; the directors if there is no manager above.",
    EMPLOYEE="The employee; for a team's goal, its manager.",
)
_public(Code, "Reason why an input was refused.", "UserErrorCode")
_public(RecordType, "Types of records that have an `externalId`.", "RecordType")

__all__ = [
    "ActivityKind",
    "AlertKind",
    "CallDirection",
    "CallOutcome",
    "Confidence",
    "DealStatus",
    "DeviceKind",
    "Interval",
    "LeadStatus",
    "MoneyBasis",
    "Pace",
    "PeriodKind",
    "RankBy",
    "Recipient",
    "RecordType",
    "Role",
    "SaleKind",
    "TaskKind",
    "Unit",
    "Weekday",
]
