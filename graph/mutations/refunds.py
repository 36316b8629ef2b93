"""Mutations of refunds."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry import ID, UNSET

from graph.base.input_mapping import MoneyInput, to_input
from graph.base.lazy_types import DealRef, GoalRef, RefundRef
from graph.base.mutations import mutation, payload
from graph.base.row_types import Info
from resolvers.crm import refunds
from resolvers.crm.refunds import RefundInput


@strawberry.input(
    description="""`amount` is in the currency of the deal, `at` now unless given. The same `externalId` again changes that
refund."""
)
class RecordRefundInput:
    deal: ID
    amount: MoneyInput
    at: datetime | None = UNSET
    reason: str | None = UNSET
    external_id: str | None = UNSET
    idempotency_key: str | None = UNSET


@payload("The refund, its deal, and the goals that moved.")
class RefundPayload:
    refund: RefundRef | None
    deal: DealRef | None
    goals: list[GoalRef]


@strawberry.type
class RefundMutation:
    @mutation(
        """Record money that was given back for a won deal: it counts on its own day against the value and the profit of the
win, for the employee who has the credit. The refunds of a deal add up to its amount at most."""
    )
    async def record_refund(self, info: Info, input: RecordRefundInput) -> RefundPayload:
        refund, deal, goals = await refunds.record_refund(info.context, to_input(RefundInput, input))
        return RefundPayload(refund=refund, deal=deal, goals=goals)

    @mutation("Delete a refund: what it took back counts again; the activity feed keeps it.")
    async def delete_refund(self, info: Info, id: ID) -> RefundPayload:
        refund, deal, goals = await refunds.delete_refund(info.context, id)
        return RefundPayload(refund=refund, deal=deal, goals=goals)
