"""What mutations of records take. An omitted field is left alone, an explicit null clears it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import strawberry
from strawberry import ID, UNSET

from graph.enums import CallDirection, CallOutcome, DealStatus, LeadStatus, SaleKind, TaskKind
from graph.inputs import MoneyInput


@strawberry.input(
    description="""`owner` defaults to the viewer, `status` to OPEN at creation. `status: WON` records a deal already won;
`closedAt` then defaults to now and may lie in the past. `stage` defaults to the first of the first pipeline."""
)
class RecordDealInput:
    title: str
    amount: MoneyInput | None = UNSET
    cost: MoneyInput | None = UNSET
    owner: ID | None = UNSET
    client: ID | None = UNSET
    stage: ID | None = UNSET
    status: DealStatus | None = UNSET
    sale_kind: SaleKind | None = UNSET
    product: str | None = UNSET
    created_at: datetime | None = UNSET
    expected_close_on: date | None = UNSET
    closed_at: datetime | None = UNSET
    lost_reason: str | None = UNSET
    external_id: str | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input(
    description="""A new owner takes an open deal over whole; of a won one the credit stays with who won it, unless
`moveCredit`."""
)
class UpdateDealInput:
    id: ID
    title: str | None = UNSET
    amount: MoneyInput | None = UNSET
    cost: MoneyInput | None = UNSET
    owner: ID | None = UNSET
    move_credit: bool = False
    client: ID | None = UNSET
    sale_kind: SaleKind | None = UNSET
    product: str | None = UNSET
    expected_close_on: date | None = UNSET
    closed_at: datetime | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input
class MoveDealInput:
    id: ID
    stage: ID
    at: datetime | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input
class WinDealInput:
    id: ID
    amount: MoneyInput | None = UNSET
    cost: MoneyInput | None = UNSET
    at: datetime | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input
class LoseDealInput:
    id: ID
    reason: str | None = UNSET
    at: datetime | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input
class ReopenDealInput:
    id: ID
    stage: ID | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input(description="`problem: null` takes the flag off.")
class FlagDealInput:
    id: ID
    problem: str | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input
class RecordLeadInput:
    id: ID | None = UNSET
    title: str
    owner: ID | None = UNSET
    source: str | None = UNSET
    status: LeadStatus | None = UNSET
    client: ID | None = UNSET
    contact_name: str | None = UNSET
    phone: str | None = UNSET
    email: str | None = UNSET
    created_at: datetime | None = UNSET
    external_id: str | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input
class ConvertLeadInput:
    id: ID
    deal: RecordDealInput
    idempotency_key: str | None = UNSET


@strawberry.input
class RecordClientInput:
    id: ID | None = UNSET
    name: str
    owner: ID | None = UNSET
    email: str | None = UNSET
    phone: str | None = UNSET
    created_at: datetime | None = UNSET
    external_id: str | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input
class RecordContactInput:
    id: ID | None = UNSET
    name: str
    client: ID | None = UNSET
    owner: ID | None = UNSET
    email: str | None = UNSET
    phone: str | None = UNSET
    created_at: datetime | None = UNSET
    external_id: str | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input(description="`outcome` defaults to ANSWERED when the call took any time, else to NO_ANSWER.")
class RecordCallInput:
    id: ID | None = UNSET
    employee: ID | None = UNSET
    direction: CallDirection
    outcome: CallOutcome | None = UNSET
    started_at: datetime | None = UNSET
    duration_seconds: int | None = UNSET
    client: ID | None = UNSET
    deal: ID | None = UNSET
    note: str | None = UNSET
    external_id: str | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input(description="`value` is in the metric's unit.")
class RecordResultInput:
    id: ID | None = UNSET
    metric: str
    value: Decimal
    employee: ID | None = UNSET
    at: datetime | None = UNSET
    note: str | None = UNSET
    external_id: str | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input(description="`kind` defaults to ASSIGNMENT when it is for somebody else.")
class CreateTaskInput:
    id: ID | None = UNSET
    title: str
    kind: TaskKind | None = UNSET
    assignee: ID | None = UNSET
    due_at: datetime | None = UNSET
    deal: ID | None = UNSET
    client: ID | None = UNSET
    external_id: str | None = UNSET
    idempotency_key: str | None = UNSET
