"""First and repeat sales: FIRST for each client's earliest standing win, REPEAT for its later ones.

Sale kinds are final before scores are posted, so deals post them at once. Other deals of the same clients are changes of
their own if their sale kind flips, and are posted again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from datetime import datetime
from types import MappingProxyType

from domain.ledger.record_facts import DealStatus, SaleKind
from models.crm import deals
from models.crm.deals import Deal
from models.db import row_store
from resolvers.crm.change_effects import publish_records_of
from resolvers.crm.pending_changes import EditContext, PendingChange
from resolvers.crm.win_announcements import was_won
from resolvers.request.context import RequestContext


def update_sale_kinds(edit: EditContext, changes: Sequence[PendingChange[Deal]]) -> Sequence[PendingChange[Deal]]:
    """Set the sale kind of one deal before it is saved, by what the edit has read; return the other deals that flip."""
    for change in changes:
        deal = change.row
        if deal.client_id is None and deal.sale_kind is SaleKind.REPEAT and not deal.sale_kind_given:
            deal.sale_kind = SaleKind.FIRST  # without a client, it does not follow an earlier win
    if not _has_first_wins(edit, changes):
        return ()
    [deal] = [change.row for change in changes]
    is_standing_win = deal.status is DealStatus.WON and deal.deleted_at is None
    flipped = []
    for client_id in _clients_of_wins(changes):
        other, is_own_client = edit.rows.first_wins.get(client_id), is_standing_win and deal.client_id == client_id
        is_other_first = other is not None and not (is_own_client and _win_order(deal) < _win_order(other))
        if is_own_client and not deal.sale_kind_given:
            deal.sale_kind = SaleKind.REPEAT if is_other_first else SaleKind.FIRST
        other_kind = SaleKind.FIRST if is_other_first else SaleKind.REPEAT
        if other is not None and not other.sale_kind_given and other.sale_kind is not other_kind:
            flipped.append(PendingChange(other, copy(other), other.facts()))
            other.sale_kind = other_kind
    return flipped


async def correct_sale_kinds(edit: EditContext, changes: Sequence[PendingChange[Deal]]) -> list[PendingChange[Deal]]:
    """Correct the sale kinds of saved deals and of their clients, unless `update_sale_kinds` has.

    Return the changes of other deals, which are stored.
    """
    if _has_first_wins(edit, changes) or not (client_ids := _clients_of_wins(changes)):
        return []
    return await grade_clients(edit.context, client_ids, {change.row.id: change.row for change in changes})


async def grade_clients(
    context: RequestContext, client_ids: Collection[int], changed_deals: Mapping[int, Deal] = MappingProxyType({})
) -> list[PendingChange[Deal]]:
    """Correct the sale kinds of the saved wins of clients.

    Return the changes of deals other than the changed ones, which are stored.
    """
    corrected = []
    ids_by_kind: dict[SaleKind, list[int]] = {}
    outdated_ids = await deals.find_wins_with_outdated_sale_kind(client_ids)
    other_deals = await row_store.fetch(Deal, {*outdated_ids} - {*changed_deals})
    for deal in [*(changed_deals[deal_id] for deal_id in outdated_ids if deal_id in changed_deals), *other_deals]:
        change = PendingChange(deal, copy(deal), deal.facts())
        deal.sale_kind = SaleKind.REPEAT if deal.sale_kind is SaleKind.FIRST else SaleKind.FIRST
        ids_by_kind.setdefault(deal.sale_kind, []).append(deal.id)
        if deal.id not in changed_deals:
            corrected.append(change)
    publish_records_of(context, other_deals)
    for kind, ids in ids_by_kind.items():  # grouped by kind: an import can change hundreds
        await deals.set_sale_kind(ids, kind)
    return corrected


def _clients_of_wins(changes: Sequence[PendingChange[Deal]]) -> set[int]:
    """Return the clients of deals that are or were won, before and after the changes."""
    return {
        client_id
        for change in changes
        if change.row.status is DealStatus.WON or was_won(change)
        for client_id in (change.row.client_id, change.previous.client_id if change.previous else None)
        if client_id is not None
    }


def _has_first_wins(edit: EditContext, changes: Sequence[PendingChange[Deal]]) -> bool:
    """Return whether the edit is of one deal, and has read the earliest wins of its clients."""
    return len(changes) == 1 and edit.rows.client_ids.issuperset(_clients_of_wins(changes))


def _win_order(deal: Deal) -> tuple[datetime, int]:
    assert deal.closed_at is not None
    return deal.closed_at, deal.id
