"""GraphQL type of refunds."""

from __future__ import annotations

from datetime import datetime

import strawberry

from graph.base.lazy_types import DealRef
from graph.base.row_types import Node, row_type, visible_to_one
from graph.types.deals import Money, to_money
from models.crm import deals
from models.crm import refunds as rows


@row_type(rows.Refund, description="Money given back for a won deal. It counts on its own day against the win.")
class Refund(Node):
    external_id: str | None
    deal: DealRef | None = visible_to_one(deals.Deal, "deal_id")
    at: datetime
    recorded_at: datetime
    reason: str | None

    @strawberry.field(description="In the currency of the deal.")
    @staticmethod
    def amount(root: strawberry.Parent[rows.Refund]) -> Money | None:
        return to_money(root.amount, root.currency)
