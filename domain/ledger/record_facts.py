"""Record facts: immutable values with the fields of a record that metrics are computed from.

A row has many more fields than its scores depend on. Those that matter are decided once,
at the event, and stored on the row (the credited employee and team, the frozen value in the
company's currency, the day it counts on); the row's `facts()` method returns them as one of
these classes. Amounts are whole numbers in the smallest unit, team id 0 means "in no team".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple


class DealStatus(StrEnum):
    OPEN = "OPEN"
    WON = "WON"
    LOST = "LOST"


class SaleKind(StrEnum):
    FIRST = "FIRST"
    REPEAT = "REPEAT"


class LeadStatus(StrEnum):
    NEW = "NEW"
    IN_PROGRESS = "IN_PROGRESS"
    CONVERTED = "CONVERTED"
    REJECTED = "REJECTED"


class CallDirection(StrEnum):
    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


class CallOutcome(StrEnum):
    ANSWERED = "ANSWERED"
    NO_ANSWER = "NO_ANSWER"
    BUSY = "BUSY"
    VOICEMAIL = "VOICEMAIL"


class TaskKind(StrEnum):
    TASK = "TASK"
    ASSIGNMENT = "ASSIGNMENT"


class Credit(NamedTuple):
    """The credited employee, and the id of their team at that time (0 for none)."""

    employee_id: int
    team_id: int


class Moment(NamedTuple):
    """When something happened: the day of the company's calendar that it counts on, and the instant.

    The day is decided once. A later change of the company's time zone does not move it.
    """

    day: date
    at: datetime


@dataclass(frozen=True, slots=True)
class DealFacts:
    id: int
    creation_credit: Credit
    created: Moment
    status: DealStatus
    win_credit: Credit | None = None
    closed: Moment | None = None
    value: int | None = None  # of a won deal, in the company's currency at the frozen rate
    profit: int | None = None  # None while the cost is unknown
    sale_kind: SaleKind | None = None


@dataclass(frozen=True, slots=True)
class RefundFacts:
    """A refund of a win, with the credit and the sale kind of the win.

    value, profit  what it takes back, in the company's currency; the profit of a win without cost is None
    """

    id: int
    credit: Credit
    refunded: Moment
    value: int
    profit: int | None
    sale_kind: SaleKind | None


@dataclass(frozen=True, slots=True)
class LeadFacts:
    id: int
    creation_credit: Credit
    created: Moment
    conversion_credit: Credit | None = None
    converted: Moment | None = None


@dataclass(frozen=True, slots=True)
class ContactFacts:
    id: int
    creation_credit: Credit
    created: Moment


@dataclass(frozen=True, slots=True)
class ClientFacts:
    id: int
    creation_credit: Credit
    created: Moment


@dataclass(frozen=True, slots=True)
class CallFacts:
    id: int
    credit: Credit
    made: Moment
    outcome: CallOutcome
    seconds: int
    direction: CallDirection = CallDirection.OUTBOUND


@dataclass(frozen=True, slots=True)
class TaskFacts:
    id: int
    completion_credit: Credit | None = None
    completed: Moment | None = None


@dataclass(frozen=True, slots=True)
class ResultFacts:
    id: int
    metric: str
    credit: Credit
    achieved: Moment
    amount: int


@dataclass(frozen=True, slots=True)
class WorkFacts:
    """A day at work; `seconds` is the working time counted so far, `worked` the day and the end of that time."""

    id: int
    credit: Credit
    worked: Moment
    seconds: int


RecordFacts = (
    DealFacts | RefundFacts | LeadFacts | ContactFacts | ClientFacts | CallFacts | TaskFacts | ResultFacts | WorkFacts
)
