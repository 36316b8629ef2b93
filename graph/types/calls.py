"""GraphQL type of a call."""

from __future__ import annotations

from datetime import datetime

from graph.base.enums import CallDirection, CallOutcome
from graph.base.lazy_types import TheEmployee
from graph.base.row_types import Node, lens, one, within_sight
from graph.types.deals import Client, Deal
from models.crm import calls
from models.organization import people


@lens(calls.Call, description="A call, made or received.")
class Call(Node):
    external_id: str | None
    employee: TheEmployee = one(people.by_ids, "employee_id")
    direction: CallDirection
    outcome: CallOutcome
    started_at: datetime
    duration_seconds: int
    client: Client | None = within_sight("Client", "client_id")
    deal: Deal | None = within_sight("Deal", "deal_id")
    note: str | None
