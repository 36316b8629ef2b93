"""GraphQL type of a call."""

from __future__ import annotations

from datetime import datetime

from graph.base.enums import CallDirection, CallOutcome
from graph.base.lazy_types import ClientRef, DealRef, EmployeeRef
from graph.base.row_types import Node, row_type, to_one, visible_to_one
from models.crm import calls, clients, deals
from models.organization import people


@row_type(calls.Call, description="A call, made or received.")
class Call(Node):
    external_id: str | None
    employee: EmployeeRef = to_one(people.load_by_ids, "employee_id")
    direction: CallDirection
    outcome: CallOutcome
    started_at: datetime
    duration_seconds: int
    client: ClientRef | None = visible_to_one(clients.Client, "client_id")
    deal: DealRef | None = visible_to_one(deals.Deal, "deal_id")
    note: str | None
