"""What refunds take back follows from their deals: value, profit, credit and sale kind, also when a deal is corrected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy

from domain.errors.user_errors import Conflict, Invalid, OutOfRange
from domain.ledger.record_facts import DealStatus
from domain.ledger.refunds import split_by_refunds
from domain.primitives.money import from_minor
from models.crm import refunds as refund_rows
from models.crm.deals import Deal
from models.crm.refunds import Refund
from models.db import row_store
from resolvers.activities.entries import RecordChange


def ensure_refunds_fit(deal: Deal, previous: Deal | None) -> None:
    """Raise a UserError if a deal with refunds is no longer won, has another currency or a lower amount than they have."""
    if not deal.refunded:
        return
    if deal.status is not DealStatus.WON:
        raise Conflict("This win has refunds: delete them before it is reopened or lost.", "input", "id")
    if previous is not None and deal.currency != previous.currency:
        raise Conflict(
            "This win has refunds: delete them before its currency is changed.", "input", "amount", "currency"
        )
    assert deal.amount is not None, "a won deal"
    assert deal.currency is not None
    if deal.amount < deal.refunded:
        raise OutOfRange(
            "Refunds of this win add up to {amount} {currency}: the amount cannot be lower.",
            "input",
            "amount",
            amount=from_minor(deal.refunded, deal.currency),
            currency=deal.currency,
        )


def derive_refunds(deal: Deal, refunds: Sequence[Refund]) -> None:
    """Set the columns of the refunds of a won deal that follow from it; the refunds are in order of their recording.

    Each takes back the share of value and profit that it has in the amount of the deal. Raises Invalid if one is before
    the win.
    """
    assert deal.value is not None, "a won deal"
    assert deal.amount
    assert deal.closed_at is not None
    assert deal.won_by is not None
    amounts = [refund.amount for refund in refunds]
    values = split_by_refunds(deal.value, deal.amount, amounts)
    profits: list[int | None] = [None] * len(refunds)
    if deal.profit is not None:
        profits = [*split_by_refunds(deal.profit, deal.amount, amounts)]
    for refund, value, profit in zip(refunds, values, profits, strict=True):
        if refund.at < deal.closed_at:
            raise Invalid("A refund of this win was before that: the win cannot be later.", "input", "closedAt")
        refund.value, refund.profit, refund.sale_kind = value, profit, deal.sale_kind
        refund.credit_by, refund.credit_team = deal.won_by, deal.won_team or 0


async def follow_deals(deals: Iterable[Deal]) -> list[RecordChange]:
    """Store what the refunds of changed deals take back now; return the changes of those that take back something else."""
    refunded_deals = {deal.id: deal for deal in deals if deal.refunded}
    if not refunded_deals:
        return []
    refunds = await refund_rows.fetch_of_deals(refunded_deals.keys())
    previous = {refund.id: copy(refund) for refund in refunds}
    for deal_id, deal in refunded_deals.items():
        derive_refunds(deal, [refund for refund in refunds if refund.deal_id == deal_id])
    changed = [
        refund for refund in refunds if row_store.column_values(refund) != row_store.column_values(previous[refund.id])
    ]
    await row_store.store_all([], changed)
    return [RecordChange("Refund", refund.id, previous[refund.id].facts(), refund.facts()) for refund in changed]
