"""Records that the viewer may see and that are probably the same, to be merged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.errors.operation_errors import BadInput
from models.crm import clients, duplicates, leads
from models.crm.duplicates import DuplicateKey, DuplicateKind, DuplicateReason
from models.crm.merging import MergedRecord
from models.db.row_query import AnyRowQuery
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.scopes import ScopeArgument, filter_records_in_scope

MAX_GROUPS: Final = 100
MAX_RECORDS: Final = 20  # of each group
_QUERIES: Final[Mapping[DuplicateKind, Callable[[], AnyRowQuery]]] = {
    DuplicateKind.CLIENT: clients.select_existing,
    DuplicateKind.CONTACT: clients.select_existing_contacts,
    DuplicateKind.LEAD: leads.select_existing,
}


@dataclass(frozen=True)
class DuplicateGroup:
    """Records with something in common: the oldest of them."""

    key: DuplicateKey
    records: Sequence[MergedRecord]


async def list_duplicates(
    context: RequestContext,
    kind: DuplicateKind,
    scope: ScopeArgument,
    reasons: Sequence[DuplicateReason] | None,
    first: int,
    skip: int,
) -> list[DuplicateGroup]:
    """Return groups of visible records that have a value in common, from the `skip`-th on. Raises BadInput."""
    validation.check_page_size(first, MAX_GROUPS)
    if not 0 <= skip < 2**31:
        raise BadInput("Give a number that is not negative.", field="skip")
    query = await filter_records_in_scope(context, _QUERIES[kind](), "owner", scope)
    keys = await duplicates.find_duplicates(query, reasons or list(DuplicateReason), first, skip)
    records = await duplicates.fetch_duplicates(query, keys, MAX_RECORDS)
    return [DuplicateGroup(key, records.get(key, [])) for key in keys]
