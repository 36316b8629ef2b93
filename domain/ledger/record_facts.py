"""What of a record counts: the facts from which its scores follow, as values.

A row knows much more than decides a score. What decides it is taken once, at the
event, and kept on the row (who is credited and in which team, the frozen value in the
company's currency, the day it counts on); a row's `facts()` reads it back as one of
these. Days are days of the company's calendar, amounts are whole numbers in the
smallest unit, team 0 means "in no team".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
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
    """Who is credited, and the team he was in then (0 for none)."""

    employee: int
    team: int


@dataclass(frozen=True, slots=True)
class DealFacts:
    id: int
    opened: Credit
    created_on: date
    status: DealStatus
    won: Credit | None = None
    closed_on: date | None = None
    value: int | None = None  # of a won deal, in the company's currency at the frozen rate
    profit: int | None = None  # None while the cost is unknown
    sale_kind: SaleKind | None = None


@dataclass(frozen=True, slots=True)
class LeadFacts:
    id: int
    opened: Credit
    created_on: date
    converted: Credit | None = None
    converted_on: date | None = None


@dataclass(frozen=True, slots=True)
class ContactFacts:
    id: int
    opened: Credit
    created_on: date


@dataclass(frozen=True, slots=True)
class ClientFacts:
    id: int
    opened: Credit
    created_on: date


@dataclass(frozen=True, slots=True)
class CallFacts:
    id: int
    caller: Credit
    made_on: date
    outcome: CallOutcome
    seconds: int


@dataclass(frozen=True, slots=True)
class TaskFacts:
    id: int
    done_by: Credit | None = None
    completed_on: date | None = None


@dataclass(frozen=True, slots=True)
class ResultFacts:
    id: int
    metric: str
    achieved_by: Credit
    achieved_on: date
    amount: int


@dataclass(frozen=True, slots=True)
class WorkFacts:
    """A day at work; `seconds` are those counted so far."""

    id: int
    worker: Credit
    worked_on: date
    seconds: int


Facts = DealFacts | LeadFacts | ContactFacts | ClientFacts | CallFacts | TaskFacts | ResultFacts | WorkFacts
