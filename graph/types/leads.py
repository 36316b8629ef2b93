"""GraphQL types of leads, incoming requests."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from graph.base.enums import LeadStatus
from graph.base.input_mapping import PeriodInput
from graph.base.row_types import Node, row_type, to_one, visible_to_one
from graph.types.deals import Client, Deal
from models.crm import leads as rows
from models.organization import people

EmployeeRef = Annotated["Employee", strawberry.lazy("graph.types.people")]  # type: ignore[name-defined]  # noqa: F821


@row_type(rows.Lead, description="An incoming request.")
class Lead(Node):
    external_id: str | None
    title: str
    owner: EmployeeRef = to_one(people.load_by_ids, "owner_id")
    source: str | None
    client: Client | None = visible_to_one("Client", "client_id")
    contact_name: str | None
    phone: str | None
    email: str | None
    status: LeadStatus
    created_at: datetime
    deal: Deal | None = visible_to_one("Deal", "deal_id", "The deal it was converted into.")


@strawberry.input(description="Selects leads; an omitted field does not restrict them.")
class LeadFilter:
    status: list[LeadStatus] | None = strawberry.UNSET
    period: PeriodInput | None = strawberry.field(default=strawberry.UNSET, description="By creation day.")
