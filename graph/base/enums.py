"""The words of the domain as the schema's enums."""

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
    """Make an enum part of the schema; `meanings` describe its values."""
    strawberry.enum(enum, name=name, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = meanings.get(value.name)


_public(PeriodKind, "How long a period is. CUSTOM takes its days from `start` and `end` and cannot recur.")
_public(Weekday, "A day of the week.")
_public(
    Role,
    "What an employee may see and do.",
    EMPLOYEE="Sees and records its own work.",
    MANAGER="Also sees, and sets goals for, the teams below.",
    DIRECTOR="Also sees and sets goals for the whole company.",
    ADMIN="Also manages people, devices, rules and integrations.",
)
_public(
    DeviceKind,
    "What signs in without being a person.",
    WALLBOARD="Read-only: leaderboards, goals of teams and company, wins. Sees no deals, clients or entries.",
    INTEGRATION="Records for any employee: another CRM, telephony.",
)
_public(
    Interval,
    "What a point of a chart covers: a day, a week from the company's first day of the week, or a month.",
)
_public(Unit, "What a metric is counted in.", "MetricUnit", MONEY="In the company's currency.")
_public(
    Pace,
    "How a goal stands against an even pace over the period's working days.",
    NOT_STARTED="The period lies ahead and the value is zero.",
    BEHIND="More than 5 % of the target below the even pace.",
    ON_TRACK="Within 5 % of the target of the even pace.",
    AHEAD="More than 5 % of the target above the even pace.",
    ACHIEVED="Target reached, period still open or over.",
    MISSED="Period over, target not reached.",
)
_public(
    RankBy,
    "What a board is ranked by.",
    ATTAINMENT="By percent of the employee's own goal for this metric and period; those without one come last.",
)
_public(
    MoneyBasis,
    "What a forecast counts.",
    REVENUE="What won deals bring in.",
    PROFIT="That less their cost.",
)
_public(
    Confidence,
    "How far a forecast is to be trusted.",
    "ForecastConfidence",
    NONE="Too little history to forecast from: expected, low, median and high are what is booked.",
    LOW="Two to five months of history, or a range too wide to plan by.",
)
_public(DealStatus, "How a deal stands.")
_public(SaleKind, "Whether a sale is the client's first.", FIRST="The client's first won deal.")
_public(LeadStatus, "How a lead stands.")
_public(CallDirection, "Who called whom.")
_public(CallOutcome, "How a call ended.")
_public(TaskKind, "A task of one's own, or given by a manager.", ASSIGNMENT="Given by a manager (поручение).")
_public(ActivityKind, "What happened.")
_public(AlertKind, "What an alert is about.")
_public(
    Recipient,
    "Who is told.",
    "AlertRecipient",
    MANAGER="The employee's manager, of a team's goal the team's; the directors where nobody stands above.",
    EMPLOYEE="The employee; of a team's goal, its manager.",
)
_public(Code, "What is wrong with an input.", "UserErrorCode")
_public(RecordType, "The types of records that carry an `externalId`.")

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
