"""GraphQL types of leads, incoming requests."""

from __future__ import annotations

from datetime import datetime

import strawberry

from graph.base.enums import LeadStatus
from graph.base.input_mapping import PeriodInput
from graph.base.lazy_types import ClientRef, DealRef, EmployeeRef
from graph.base.row_types import Node, row_type, to_one, visible_to_one
from models.crm import clients, deals
from models.crm import leads as rows
from models.organization import people


@row_type(rows.Lead, description="An incoming request.")
class Lead(Node):
    external_id: str | None
    title: str
    owner: EmployeeRef = to_one(people.load_by_ids, "owner_id")
    source: str | None
    client: ClientRef | None = visible_to_one(clients.Client, "client_id")
    contact_name: str | None
    phone: str | None
    email: str | None
    status: LeadStatus
    created_at: datetime
    deal: DealRef | None = visible_to_one(deals.Deal, "deal_id", "The deal it was converted into.")


@strawberry.input(description="Selects leads; an omitted field does not restrict them.")
class LeadFilter:
    status: list[LeadStatus] | None = strawberry.UNSET
    period: PeriodInput | None = strawberry.field(default=strawberry.UNSET, description="By creation day.")
