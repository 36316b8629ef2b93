"""Refunds of won deals: record, correct and delete them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime

from domain.errors.user_errors import Conflict, Invalid, NotFound, OutOfRange
from domain.ledger.record_facts import DealStatus
from domain.primitives.global_ids import decode_global_id, encode_global_id, parse_external_id
from domain.primitives.money import from_minor
from domain.primitives.unset import UNSET, Unset
from models.crm import refunds as refund_rows
from models.crm.activities import ActivityKind
from models.crm.deals import Deal
from models.crm.refunds import Refund
from models.db import row_store
from models.goals.goals import Goal
from resolvers.activities.entries import ActivityEntry, RecordChange
from resolvers.crm import undo_records
from resolvers.crm.change_effects import apply_effects, compute_effects, publish_records_of
from resolvers.crm.deals import DealType
from resolvers.crm.inputs import DealInput
from resolvers.crm.pending_changes import EditContext
from resolvers.crm.record_type import load_edit_context
from resolvers.crm.refund_shares import derive_refunds
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.inputs import Money
from resolvers.request.validation import clean_update


@dataclass(frozen=True, kw_only=True)
class RefundInput:
    """Input of a refund; one with the `external_id` of another refund changes that."""

    deal: str
    amount: Money
    at: datetime | None = None
    reason: str | Unset | None = UNSET
    external_id: str | None = None


async def record_refund(context: RequestContext, input: RefundInput) -> tuple[Refund, Deal, list[Goal]]:
    """Record a refund of a won deal, or change the one with the externalId. Return it, the deal, and the goals that moved.

    Its amount counts on its own day against the value and the profit of the win, for the employee who has the credit.
    """
    edit = await load_edit_context(context, DealType(), [DealInput(id=input.deal)])
    deal = edit.resolver.resolve_for_change(Deal, input.deal, "input", "deal")
    if deal.status is not DealStatus.WON:
        raise Conflict("Only a won deal can have refunds: win it first.", "input", "deal")
    others = await refund_rows.fetch_of_deals([deal.id])
    refund = await _find_or_create(edit, deal, input)
    others = [row for row in others if row.id != refund.id]
    previous = {row.id: copy(row) for row in (refund, *others) if row.id}
    refund.deleted_at = None  # recording a deleted refund again restores it
    _apply_input(edit, deal, refund, input, sum(row.amount for row in others))
    rows = sorted([*others, refund], key=lambda row: (row.id is None, row.id))
    refunded_before, is_new = deal.refunded, refund.id is None
    goals = await _save(edit, deal, rows, previous, refund, ActivityKind.DEAL_REFUNDED)
    if is_new:
        await undo_records.save_refund_record(edit, deal.id, refunded_before, refund.id)
    return refund, deal, goals


async def delete_refund(context: RequestContext, global_id: str) -> tuple[Refund, Deal, list[Goal]]:
    """Delete a refund: what it took back counts again. A repetition changes nothing."""
    refund = await _find(global_id)
    if refund is None:
        raise NotFound("There is no such refund.", "id")
    deal_global_id = encode_global_id("Deal", refund.deal_id)
    edit = await load_edit_context(context, DealType(), [DealInput(id=deal_global_id)])
    try:
        deal = edit.resolver.resolve_for_deletion(Deal, deal_global_id, "id")
    except NotFound:
        raise NotFound("There is no such refund.", "id") from None
    if refund.deleted_at is not None:
        return refund, deal, []
    others = [row for row in await refund_rows.fetch_of_deals([deal.id]) if row.id != refund.id]
    previous = {row.id: copy(row) for row in (refund, *others)}
    refund.deleted_at = edit.now
    return refund, deal, await _save(edit, deal, [refund, *others], previous, refund, ActivityKind.REFUND_DELETED)


async def _save(
    edit: EditContext,
    deal: Deal,
    rows: Sequence[Refund],
    previous: Mapping[int, Refund],
    refund: Refund,
    kind: ActivityKind,
) -> list[Goal]:
    """Store what has changed, and bring its effects about. Return the goals that moved.

    rows      the refunds of the deal in the order of their recording, and one that is deleted
    previous  by id, as they were before
    refund    the one that an activity of this kind is about
    """
    counted = [row for row in rows if row.deleted_at is None]
    derive_refunds(deal, counted)
    changed = [
        row
        for row in rows
        if row.id is None or row_store.column_values(row) != row_store.column_values(previous[row.id])
    ]
    if not changed:
        return []
    deal.refunded = sum(row.amount for row in counted) or None
    new_rows = [row for row in changed if row.id is None]
    await row_store.store_all(new_rows, [row for row in changed if row not in new_rows])
    await row_store.store_all([], [deal])
    publish_records_of(edit.context, [deal])
    entry = _make_entry(deal, refund, kind, edit.now if kind is ActivityKind.REFUND_DELETED else refund.at)
    changes = [
        RecordChange(
            "Refund",
            row.id,
            previous[row.id].facts() if row.id in previous else None,
            row.facts(),
            [entry] if row is refund else (),
        )
        for row in changed
    ]
    return await apply_effects(edit.context, compute_effects(changes), alerts_before=edit.rows.alerts)


def _make_entry(deal: Deal, refund: Refund, kind: ActivityKind, at: datetime) -> ActivityEntry:
    data = {
        "title": deal.title,
        "amount": str(from_minor(refund.amount, refund.currency)),
        "currency": refund.currency,
        "status": deal.status,
        **({"reason": refund.reason} if refund.reason else {}),
    }
    return ActivityEntry(kind, "Deal", deal.id, deal.owner_id, at, data, deal.client_id)


async def _find(global_id: str) -> Refund | None:
    if external_id := parse_external_id(global_id):
        return await row_store.find_by_external_id(Refund, external_id)
    type_and_id = decode_global_id(global_id)
    return await row_store.find(Refund, type_and_id[1]) if type_and_id and type_and_id[0] == "Refund" else None


async def _find_or_create(edit: EditContext, deal: Deal, input: RefundInput) -> Refund:
    external_id = validation.clean_external_id(input.external_id, "input", "externalId")
    row = await row_store.find_by_external_id(Refund, external_id) if external_id else None
    if row is None:
        return row_store.new(Refund, deal_id=deal.id, external_id=external_id, at=edit.now, recorded_at=edit.now)
    if row.deal_id != deal.id:
        raise Conflict("This externalId is taken by a refund of another deal.", "input", "externalId")
    return row


def _apply_input(edit: EditContext, deal: Deal, refund: Refund, input: RefundInput, given_back: int) -> None:
    """Apply the input to a refund.

    given_back  the sum of the other refunds of the deal
    """
    assert deal.amount is not None, "a won deal"
    assert deal.currency is not None
    assert deal.closed_at is not None
    amount, currency = validation.clean_money(input.amount, deal.currency, "input", "amount")
    if currency != deal.currency:
        raise Invalid(
            "Give the refund in the currency of the deal, {currency}.",
            "input",
            "amount",
            "currency",
            currency=deal.currency,
        )
    if not amount:
        raise OutOfRange("Give an amount above zero.", "input", "amount", "amount")
    if given_back + amount > deal.amount:
        raise OutOfRange(
            "Of this deal {amount} {currency} are left to give back.",
            "input",
            "amount",
            "amount",
            amount=from_minor(deal.amount - given_back, currency),
            currency=currency,
        )
    refund.amount, refund.currency = amount, currency
    refund.reason = clean_update(input.reason, refund.reason, validation.clean_note, "input", "reason")
    if input.at is not None:
        refund.at = validation.clean_past_time(input.at, edit.now, "input", "at")
    if refund.at < deal.closed_at:
        raise Invalid("A refund cannot be before the win.", "input", "at")
    refund.refunded_on = edit.calendar.day_of(refund.at)
