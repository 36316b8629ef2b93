"""Queries of deals, leads, tasks and calls within the viewer's reach, and the deletion of any record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from domain.errors.user_errors import Conflict, NotFound
from domain.primitives.global_ids import decode_global_id, encode_global_id, parse_external_id
from models.crm import calls, deals, leads, tasks
from models.crm.calls import Call
from models.crm.deals import Deal
from models.crm.leads import Lead
from models.crm.records import CrmRecord
from models.crm.tasks import Task
from models.db.row_query import RowQuery
from models.goals.goals import Goal
from resolvers.crm import clients as client_resolvers
from resolvers.crm import deals as deal_resolvers
from resolvers.crm.calls import CallType
from resolvers.crm.custom_metrics import ResultType
from resolvers.crm.deals import DealType
from resolvers.crm.inputs import DealCriteria, LeadCriteria, TaskCriteria
from resolvers.crm.leads import LeadType
from resolvers.crm.record_type import RecordType, soft_delete_record
from resolvers.crm.tasks import TaskType
from resolvers.node import find_record
from resolvers.request import scopes
from resolvers.request.context import RequestContext
from resolvers.request.id_resolution import RECORD_MODELS, IdResolver
from resolvers.request.periods import PeriodKey, resolve_period
from resolvers.request.scopes import ScopeArgument
from resolvers.request.validation import raise_bad_input

_RECORD_TYPES: Final[Mapping[str, Callable[[], RecordType[Any, Any]]]] = {
    "Deal": DealType,
    "Call": CallType,
    "Lead": LeadType,
    "Client": client_resolvers.ClientType,
    "Contact": client_resolvers.ContactType,
    "Task": TaskType,
    "Result": lambda: ResultType({}),
}

_DELETION_CHECKS: Final[Mapping[str, Callable[[RequestContext, Any], Awaitable[None]]]] = {
    "Deal": deal_resolvers.ensure_deletable,
    "Client": client_resolvers.ensure_deletable,
}


async def delete_record(context: RequestContext, global_id: str, *kinds: str) -> tuple[CrmRecord, list[Goal]]:
    """Mark a record as deleted, which withdraws all its scores; the activity feed keeps it.

    Deleting a deleted record changes nothing.

    global_id  id of the record, or `ext:` and its id in another system
    kinds      record types it may be of
    """
    type_and_id = decode_global_id(global_id)
    matching_kinds = [type_and_id[0]] if type_and_id and type_and_id[0] in kinds else []
    if parse_external_id(global_id):
        rows = {
            kind: row
            for kind in kinds
            if (row := await find_record(context, kind, global_id, with_deleted=True)) is not None
        }
        deleted_at = {kind: row.deleted_at for kind, row in rows.items() if row.deleted_at is not None}
        matching_kinds = [kind for kind in rows if kind not in deleted_at]
        if not matching_kinds and deleted_at:
            matching_kinds = [max(deleted_at, key=lambda kind: deleted_at[kind])]
    if len(matching_kinds) > 1:
        raise Conflict("Several records have this externalId: give the id of the one that is meant.", "id")
    if not matching_kinds:
        raise NotFound("There is no such record.", "id")
    kind = matching_kinds[0]
    return await soft_delete_record(
        context, _RECORD_TYPES[kind](), global_id, "id", ensure_deletable=_DELETION_CHECKS.get(kind)
    )


def global_id_of(row: CrmRecord) -> str:
    return encode_global_id(type(row).__name__, row.id)


async def select_deals(context: RequestContext, scope: ScopeArgument, criteria: DealCriteria | None) -> RowQuery[Deal]:
    """Return a query of the deals that are in the scope, within the viewer's reach and match the filter."""
    query = await scopes.filter_records_in_scope(context, deals.select_existing(), "owner", scope)
    return await filter_deals(context, query, criteria or DealCriteria())


async def filter_deals(context: RequestContext, query: RowQuery[Deal], criteria: DealCriteria) -> RowQuery[Deal]:
    return deals.narrow(
        query,
        statuses=criteria.status,
        stage_ids=_decode_ids("Stage", criteria.stage) if criteria.stage else None,
        client_id=await _resolve_filter_id(context, "Client", criteria.client),
        owner_id=await _resolve_filter_id(context, "Employee", criteria.owner),
        product=criteria.product,
        has_problem=criteria.has_problems,
        search=criteria.search,
        days=await _resolve_days(context, criteria.period),
    )


async def select_leads(context: RequestContext, scope: ScopeArgument, criteria: LeadCriteria | None) -> RowQuery[Lead]:
    query = await scopes.filter_records_in_scope(context, leads.select_existing(), "owner", scope)
    criteria = criteria or LeadCriteria()
    return leads.narrow(query, statuses=criteria.status, days=await _resolve_days(context, criteria.period))


async def select_tasks(context: RequestContext, scope: ScopeArgument, criteria: TaskCriteria | None) -> RowQuery[Task]:
    query = await scopes.filter_records_in_scope(context, tasks.select_existing(), "assignee", scope)
    criteria = criteria or TaskCriteria()
    return tasks.narrow(
        query,
        kind=criteria.kind,
        is_completed=criteria.completed,
        is_overdue=criteria.overdue,
        now=context.now(),
    )


async def select_calls(context: RequestContext, scope: ScopeArgument, period: PeriodKey | None) -> RowQuery[Call]:
    query = await scopes.filter_records_in_scope(context, calls.select_existing(), "employee", scope)
    return calls.narrow(query, days=await _resolve_days(context, period))


async def _resolve_days(context: RequestContext, period_key: PeriodKey | None) -> tuple[date, date] | None:
    """Return the first and the last day of the filter's period; None without a period."""
    if period_key is None:
        return None
    with raise_bad_input():
        period = await resolve_period(context, period_key, "period")
    return period.start, period.end


def _decode_ids(kind: str, global_ids: Sequence[str]) -> list[int]:
    types_and_ids = [decode_global_id(global_id) for global_id in global_ids]
    return [type_and_id[1] for type_and_id in types_and_ids if type_and_id and type_and_id[0] == kind]


async def _resolve_filter_id(context: RequestContext, kind: str, global_id: str | None) -> int | None:
    """Return the row id for an id in a filter; 0, which matches no row, if it is not visible to the viewer."""
    if global_id is None:
        return None
    resolver = IdResolver(context)
    await resolver.load_by_global_ids(kind, [global_id])
    try:
        row = (
            resolver.resolve_employee(global_id)
            if kind == "Employee"
            else resolver.resolve_record(RECORD_MODELS[kind], global_id)
        )
    except NotFound:
        return 0
    return int(row.id)
