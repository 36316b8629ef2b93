"""Inputs of CRM records.

A field that is left out has its default: `UNSET` leaves the record unchanged where null clears a column, and None
stands for both where there is nothing to clear. Ids are global ids, or `ext:` and an id in another system.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from domain.forecasting.categories import ForecastCategory
from domain.ledger.record_facts import CallDirection, CallOutcome, DealStatus, LeadStatus, SaleKind, TaskKind
from domain.primitives.unset import UNSET, Unset
from resolvers.request.inputs import Money
from resolvers.request.periods import PeriodKey


@dataclass(frozen=True, kw_only=True)
class RecordInput:
    """What the inputs of all kinds of records have: the record to change, if it exists."""

    id: str | None = None
    external_id: str | None = None

    def references(self) -> Mapping[str, str | Unset | None]:
        """Return the ids of other rows, by their type; they are loaded in this order."""
        return {}


@dataclass(frozen=True, kw_only=True)
class OwnedRecordInput(RecordInput):
    """Input of a record that counts for its owner when it is created."""

    owner: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class DealInput(OwnedRecordInput):
    """Input of a deal; imports alone set `initial_amount`, and `stage_entered_at`, to None if it is unknown."""

    title: str | Unset | None = UNSET
    amount: Money | Unset | None = UNSET
    initial_amount: Money | Unset | None = UNSET
    cost: Money | Unset | None = UNSET
    move_credit: bool = False
    client: str | Unset | None = UNSET
    stage: str | None = None
    stage_entered_at: datetime | Unset | None = UNSET
    status: DealStatus | None = None
    sale_kind: SaleKind | Unset | None = UNSET
    product: str | Unset | None = UNSET
    problem: str | Unset | None = UNSET
    expected_close_on: date | Unset | None = UNSET
    forecast_category: ForecastCategory | Unset | None = UNSET
    closed_at: datetime | None = None
    lost_reason: str | Unset | None = UNSET

    def references(self) -> Mapping[str, str | Unset | None]:
        return {"Employee": self.owner, "Client": self.client, "Stage": self.stage}


@dataclass(frozen=True, kw_only=True)
class LeadInput(OwnedRecordInput):
    title: str | Unset | None = UNSET
    source: str | Unset | None = UNSET
    status: LeadStatus | None = None
    client: str | Unset | None = UNSET
    contact_name: str | Unset | None = UNSET
    phone: str | Unset | None = UNSET
    email: str | Unset | None = UNSET
    reason: str | Unset | None = UNSET  # why it was rejected

    def references(self) -> Mapping[str, str | Unset | None]:
        return {"Employee": self.owner, "Client": self.client}


@dataclass(frozen=True, kw_only=True)
class ClientInput(OwnedRecordInput):
    name: str | Unset | None = UNSET
    email: str | Unset | None = UNSET
    phone: str | Unset | None = UNSET

    def references(self) -> Mapping[str, str | Unset | None]:
        return {"Employee": self.owner}


@dataclass(frozen=True, kw_only=True)
class ContactInput(OwnedRecordInput):
    name: str | Unset | None = UNSET
    email: str | Unset | None = UNSET
    phone: str | Unset | None = UNSET
    client: str | Unset | None = UNSET

    def references(self) -> Mapping[str, str | Unset | None]:
        return {"Employee": self.owner, "Client": self.client}


@dataclass(frozen=True, kw_only=True)
class CallInput(RecordInput):
    employee: str | None = None
    direction: CallDirection | None = None
    outcome: CallOutcome | None = None
    started_at: datetime | None = None
    duration_seconds: int | None = None
    client: str | Unset | None = UNSET
    deal: str | Unset | None = UNSET
    note: str | Unset | None = UNSET

    def references(self) -> Mapping[str, str | Unset | None]:
        return {"Employee": self.employee, "Client": self.client, "Deal": self.deal}


@dataclass(frozen=True, kw_only=True)
class TaskInput(RecordInput):
    """Input of a task; imports alone set `created_at` and `completed_at`."""

    title: str | Unset | None = UNSET
    kind: TaskKind | None = None
    assignee: str | None = None
    due_at: datetime | Unset | None = UNSET
    client: str | Unset | None = UNSET
    deal: str | Unset | None = UNSET
    created_at: datetime | None = None
    completed_at: datetime | Unset | None = UNSET

    def references(self) -> Mapping[str, str | Unset | None]:
        return {"Employee": self.assignee, "Client": self.client, "Deal": self.deal}


@dataclass(frozen=True, kw_only=True)
class ResultInput(RecordInput):
    metric: str | None = None
    value: Decimal | None = None  # in the metric's unit
    employee: str | None = None
    at: datetime | None = None
    note: str | Unset | None = UNSET

    def references(self) -> Mapping[str, str | Unset | None]:
        return {"Employee": self.employee}


@dataclass(frozen=True, kw_only=True)
class ProductInput:
    name: str
    price: Money


@dataclass(frozen=True, kw_only=True)
class DealCriteria:
    """Which deals a list contains. A field that is None, or empty, restricts nothing; so in the next two, too."""

    status: Sequence[DealStatus] | None = None
    stage: Sequence[str] | None = None
    owner: str | None = None
    client: str | None = None
    product: str | None = None
    has_problems: bool | None = None
    period: PeriodKey | None = None
    search: str | None = None


@dataclass(frozen=True, kw_only=True)
class LeadCriteria:
    status: Sequence[LeadStatus] | None = None
    period: PeriodKey | None = None


@dataclass(frozen=True, kw_only=True)
class TaskCriteria:
    kind: TaskKind | None = None
    completed: bool | None = None
    overdue: bool | None = None
