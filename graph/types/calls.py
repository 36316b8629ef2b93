"""GraphQL type of a call."""

from __future__ import annotations

from datetime import datetime

from graph.base.enums import CallDirection, CallOutcome
from graph.base.lazy_types import EmployeeRef
from graph.base.row_types import Node, row_type, to_one, visible_to_one
from graph.types.deals import Client, Deal
from models.crm import calls
from models.organization import people


@row_type(calls.Call, description="A call, made or received.")
class Call(Node):
    external_id: str | None
    employee: EmployeeRef = to_one(people.load_by_ids, "employee_id")
    direction: CallDirection
    outcome: CallOutcome
    started_at: datetime
    duration_seconds: int
    client: Client | None = visible_to_one("Client", "client_id")
    deal: Deal | None = visible_to_one("Deal", "deal_id")
    note: str | None
