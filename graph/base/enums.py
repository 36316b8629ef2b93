"""Enums of the schema: registers the domain's enums with their descriptions."""

from __future__ import annotations

from enum import Enum, StrEnum

import strawberry

from domain.alerts.rules import AlertKind, Recipient
from domain.analytics.time_series import Interval
from domain.errors.user_errors import UserErrorCode
from domain.forecasting.categories import ForecastCategory
from domain.forecasting.drivers import DriverKind
from domain.forecasting.forecast import Confidence
from domain.goals.planning import PlanBase, PlanWeights
from domain.goals.progress import Pace, ProjectionBasis
from domain.goals.slices import GoalShape
from domain.goals.tiers import GoalTier
from domain.ledger.record_facts import CallDirection, CallOutcome, DealStatus, LeadStatus, SaleKind, TaskKind
from domain.permissions import ACTION_DESCRIPTIONS, Action, DeviceKind, Reach, Role
from domain.primitives.calendar import Weekday
from domain.primitives.periods import PeriodKind
from domain.primitives.units import Unit
from models.crm.activities import ActivityKind
from models.crm.duplicates import DuplicateKind, DuplicateReason
from models.forecasting.forecast_calls import CallKind
from models.imports.import_jobs import ImportState
from models.organization.absences import AbsenceKind
from models.organization.company import CompanyDayKind
from resolvers.forecasting.accuracy import AccuracyState
from resolvers.forecasting.drivers import DriversSince, DriversState
from resolvers.forecasting.forecasts import MoneyBasis
from resolvers.goals.target_versions import TargetReference
from resolvers.leaderboards.leaderboards import RankBy


class RecordKind(StrEnum):
    EMPLOYEE = "EMPLOYEE"
    DEAL = "DEAL"
    LEAD = "LEAD"
    CLIENT = "CLIENT"
    CONTACT = "CONTACT"
    CALL = "CALL"
    TASK = "TASK"
    RESULT = "RESULT"


def _register_enum(enum: type[Enum], description: str, name: str | None = None, **value_descriptions: str) -> None:
    """Register an enum with the schema; `value_descriptions` describe its values by name."""
    strawberry.enum(enum, name=name, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = value_descriptions.get(value.name)


_register_enum(PeriodKind, "Length of a period. CUSTOM takes its days from `start` and `end` and cannot recur.")
_register_enum(Weekday, "A day of the week.")
_register_enum(
    GoalShape,
    "How a target is distributed over the months of its period.",
    EVEN="By working time, without targets of months.",
    CUSTOM="By targets of the months that were set.",
    HISTORY="""By the shares of the months in the owner's results of the latest year in which they are over; by working time
where results do not reach back that far.""",
)
_register_enum(
    GoalTier,
    "A tier of a goal; as what is reached, the highest one.",
    BELOW_THRESHOLD="None is reached yet, also of a goal without a threshold.",
    THRESHOLD="Below the target.",
    TARGET="The target itself, which every goal has.",
    STRETCH="Above the target.",
)
_register_enum(
    TargetReference,
    "Which target of a goal attainment is measured against.",
    FIRST="The target that was set at first.",
    PRESENT="The target that holds now.",
)
_register_enum(AbsenceKind, "Reason of an absence.")
_register_enum(
    CompanyDayKind,
    "Whether a day of the company's own is off or worked.",
    OFF="Nobody works, whatever the weekday.",
    ON="A working day, whatever the weekday and the public holidays.",
)
_register_enum(
    Action,
    "What a viewer may do, as the permission table names it.",
    **{action.name: f"{text[0].upper()}{text[1:]}." for action, text in ACTION_DESCRIPTIONS.items()},
)
_register_enum(
    Reach,
    "How far an action reaches for a viewer.",
    SELF="The viewer's own data.",
    MANAGED="Also the data of the teams they manage, of all teams below, and of employees with them as manager.",
    SCOPE="The data of the team, with all teams below, or of the company that the device was created for.",
    COMPANY="Everything.",
)
_register_enum(
    Role,
    "Role of an employee, which determines their permissions.",
    EMPLOYEE="Sees and records their own work, and is always ranked on leaderboards.",
    MANAGER="Also sees, and sets goals for, the teams below.",
    DIRECTOR="Also sees and sets goals for the whole company.",
    ADMIN="Also manages people, devices, rules and integrations.",
)
_register_enum(
    DeviceKind,
    "Kind of a client that signs in without being a person.",
    WALLBOARD="Read-only: leaderboards, goals of teams and company, wins. Sees no deals, clients or entries.",
    INTEGRATION="Records for any employee: another CRM, telephony.",
)
_register_enum(
    Interval,
    "Length covered by one point of a chart: a day, a week from the company's first day of the week, or a month.",
)
_register_enum(Unit, "Unit of a metric.", "MetricUnit", MONEY="In the company's currency.")
_register_enum(
    Pace,
    "State of a goal compared with an even pace over its owner's working time in the period.",
    NOT_STARTED="The period lies ahead and the value is zero.",
    BEHIND="More than 5 % of the target below the even pace.",
    ON_TRACK="Within 5 % of the target of the even pace.",
    AHEAD="More than 5 % of the target above the even pace.",
    ACHIEVED="Target reached, period still open or over.",
    MISSED="Period over, target not reached.",
)
_register_enum(
    ProjectionBasis,
    "What the projection of a goal continues.",
    VALUE="Nothing: it is the value so far, before the first half day of working time and once the period is over.",
    PACE="The pace so far.",
    HISTORY="The history of the metric.",
    FORECAST="The forecast of won deals.",
)
_register_enum(
    RankBy,
    "Criterion of a leaderboard's ranks.",
    ATTAINMENT="By percent of the employee's own goal for this metric and period; those without one come last.",
)
_register_enum(
    MoneyBasis,
    "Amount that a forecast counts.",
    REVENUE="Revenue of won deals.",
    PROFIT="Revenue less the cost of the deals.",
)
_register_enum(
    Confidence,
    "Reliability of a forecast.",
    "ForecastConfidence",
    NONE="Too little history for a forecast: expected, low, median and high equal the booked amount.",
    LOW="Two to five months of history, or a range too wide to plan by.",
)
_register_enum(
    AccuracyState,
    "Whether the accuracy of past forecasts is there.",
    "ForecastAccuracyState",
    COMPUTING="It is still being computed: repeat the request after a few seconds.",
    NO_PAST="There is no past period whose forecast could be compared.",
)
_register_enum(
    DriverKind,
    """Why a forecast has moved. What a deal adds to a forecast is compared by the models of today; its parts are replaced in
the order time, stage, owner, amount.""",
    "ForecastDriverKind",
    WON="Deals won since, or no longer won: what was booked, less what was expected of them.",
    LOST="Deals lost or deleted since.",
    NEW="Deals created or reopened since that are open.",
    SLIPPED="Deals that are still open: there is less time left to win them in the period.",
    MOVED="Open deals that were moved to another stage.",
    REASSIGNED="Open deals that were given to another employee, and bookings of teams that were moved.",
    REPRICED="Open deals at other amounts, and booked amounts that were corrected or refunded.",
    MODEL="The rest: what the models have learnt since, and business that does not exist yet.",
)
_register_enum(
    DriversSince,
    "The morning since which a change is explained.",
    "ForecastDriversSince",
    TODAY="Of the current day.",
    YESTERDAY="Of the day before.",
    LAST_WEEK="Of the same weekday a week ago.",
)
_register_enum(
    DriversState,
    "Whether the change of a forecast can be explained, and why not.",
    "ForecastDriversState",
    NO_SNAPSHOT="""Nothing was kept on that day to compare with: it was before the first day, the employee or team was not
there yet, or the period is neither this nor the next month or quarter.""",
    PERIOD_OVER="The period is over: the forecast is what was booked.",
    WHAT_IF="It is the forecast of a what-if scenario.",
)
_register_enum(
    ForecastCategory,
    "How surely people expect a deal to be won in the period in which it is due, beside the machine's probability.",
    CLOSED="Won.",
    COMMIT="Promised.",
    BEST_CASE="Possible if all goes well.",
    PIPELINE="Being worked on.",
    OMITTED="Not counted on; lost deals, too.",
)
_register_enum(
    CallKind,
    "Whose judgement a forecast call is.",
    "ForecastCallKind",
    SUBMISSION="Of those who have to bring the amount: a seller, or the manager of a team.",
    ADJUSTMENT="Of a manager about the machine's forecast.",
)
_register_enum(DealStatus, "Status of a deal.")
_register_enum(SaleKind, "Whether a sale is the client's first.", FIRST="The client's first won deal.")
_register_enum(
    PlanBase,
    "What the targets of a plan start from, before the uplift.",
    LAST_TARGETS="The targets of the period before; of a team without one, those of its members.",
    LAST_RESULTS="The results of the last period of the kind that is over.",
    LAST_YEAR="The results of the same period a year before; of a day or week, 52 weeks before.",
    MEAN="The mean result of the last periods of the kind that are over.",
    FORECAST="The median of the forecast of the period.",
    TOTAL="A given total.",
)
_register_enum(
    PlanWeights,
    "In which proportion a plan splits a total among the employees. Where all have none, it is split evenly.",
    EQUAL="Evenly.",
    HISTORY="By their results in the periods of the base; where it is none of results, in the last period that is over.",
    FORECAST="By the means of their forecasts.",
    WORKING_TIME="By their own working time in the period.",
    GIVEN="By `givenWeights`; employees without one have none.",
)
_register_enum(LeadStatus, "Status of a lead.")
_register_enum(CallDirection, "Direction of a call.")
_register_enum(CallOutcome, "Outcome of a call.")
_register_enum(
    TaskKind,
    "Origin of a task: the employee's own, or assigned by a manager.",
    ASSIGNMENT="Assigned by a manager.",
)
_register_enum(ActivityKind, "Kind of an activity.")
_register_enum(
    AlertKind,
    "Kind of an alert.",
    LEAD_UNTOUCHED="Nobody has worked on a new lead for some working hours.",
    DEAL_ENTERED_STAGE="An open deal has entered the stage of the rule.",
)
_register_enum(
    Recipient,
    "Recipients of an alert.",
    "AlertRecipient",
    MANAGER="The employee's manager; for a team's goal the team's manager; the directors if there is no manager above.",
    EMPLOYEE="The employee; for a team's goal, its manager.",
    ASSIGNER="The employee who gave the task; the manager if they may not see it any more. For kinds about tasks.",
)
_register_enum(
    ImportState,
    "State of an import.",
    FINISHED="It has read all rows; some may have been rejected.",
    FAILED="The files or the map could not be used; `error` says why.",
    CANCELLED="By `cancelImport`. What was imported before stays.",
    INTERRUPTED="Its server has stopped. Start it again: what was imported is found again and not imported twice.",
)
_register_enum(UserErrorCode, "Reason why an input was refused.", "UserErrorCode")
_register_enum(DuplicateKind, "Kinds of records that can be merged.")
_register_enum(
    DuplicateReason,
    "What records have in common.",
    EMAIL="The e-mail address.",
    PHONE="The phone number, however it is written: its last ten digits.",
    NAME="The name without case, spaces, punctuation and legal form; of a lead, the name of the contact.",
)
_register_enum(RecordKind, "Types of records that have an `externalId`.", "RecordType")

__all__ = [
    "AbsenceKind",
    "AccuracyState",
    "ActivityKind",
    "AlertKind",
    "CallDirection",
    "CallKind",
    "CallOutcome",
    "CompanyDayKind",
    "Confidence",
    "DealStatus",
    "DeviceKind",
    "DriverKind",
    "DriversSince",
    "DriversState",
    "DuplicateKind",
    "DuplicateReason",
    "ForecastCategory",
    "GoalShape",
    "GoalTier",
    "ImportState",
    "Interval",
    "LeadStatus",
    "MoneyBasis",
    "Pace",
    "PeriodKind",
    "PlanBase",
    "PlanWeights",
    "ProjectionBasis",
    "RankBy",
    "Recipient",
    "RecordKind",
    "Role",
    "SaleKind",
    "TaskKind",
    "Unit",
    "Weekday",
]
