"""Queries of deals, leads, tasks and calls within the viewer's reach, and the deletion of any record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.errors.user_errors import Conflict, NotFound
from domain.ledger.record_facts import DealStatus
from domain.primitives.global_ids import decode_global_id, encode_global_id, parse_external_id
from domain.primitives.text import search_key
from models.crm import calls, deals, leads, tasks
from models.crm.calls import Call
from models.crm.deals import Deal
from models.crm.leads import Lead
from models.crm.tasks import Task
from models.db.columns import MAX_TEXT_LENGTH
from models.goals.goals import Goal
from resolvers.crm import clients as client_resolvers
from resolvers.crm.calls import CallType
from resolvers.crm.custom_metrics import ResultType
from resolvers.crm.deals import DealType
from resolvers.crm.leads import LeadType
from resolvers.crm.record_type import RecordType, soft_delete_record
from resolvers.crm.tasks import TaskType
from resolvers.node import find_record
from resolvers.request import periods, scopes
from resolvers.request.context import Context
from resolvers.request.id_resolution import IdResolver
from resolvers.request.scopes import ScopeArgument
from resolvers.request.validation import InputFields, raise_bad_input

_RECORD_TYPES: Final[Mapping[str, Callable[[], RecordType]]] = {
    "Deal": DealType,
    "Call": CallType,
    "Lead": LeadType,
    "Client": client_resolvers.ClientType,
    "Contact": client_resolvers.ContactType,
    "Task": TaskType,
    "Result": lambda: ResultType({}),
}


async def delete_record(context: Context, global_id: str, *kinds: str) -> tuple[Any, list[Goal]]:
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
        matching_kinds = [kind for kind, row in rows.items() if row.deleted_at is None]
        if not matching_kinds and rows:
            matching_kinds = [max(rows, key=lambda kind: rows[kind].deleted_at)]
    if len(matching_kinds) > 1:
        raise Conflict("Several records have this externalId: give the id of the one that is meant.", "id")
    if not matching_kinds:
        raise NotFound("There is no such record.", "id")
    return await soft_delete_record(context, _RECORD_TYPES[matching_kinds[0]](), global_id, "id")


def global_id_of(row: Any) -> str:
    return encode_global_id(type(row).__name__, row.id)


async def select_deals(context: Context, scope: ScopeArgument, input: InputFields | None) -> QuerySet[Deal]:
    """Return a query of the deals that are in the scope, within the viewer's reach and match the filter."""
    query = await scopes.filter_records_in_scope(context, deals.select_existing(), "owner", scope)
    return await filter_deals(context, query, input or {})


async def filter_deals(context: Context, query: QuerySet[Deal], input: InputFields) -> QuerySet[Deal]:
    if input.get("status"):
        query = query.filter(status__in=list(input["status"]))
    if input.get("stage"):
        query = query.filter(stage_id__in=_decode_ids("Stage", input["stage"]))
    for field, kind, column in (("client", "Client", "client_id"), ("owner", "Employee", "owner_id")):
        if input.get(field) is not None:
            query = query.filter(**{column: await _resolve_filter_id(context, kind, input[field])})
    if input.get("product"):
        is_storable = len(input["product"]) <= MAX_TEXT_LENGTH
        query = query.filter(product=input["product"]) if is_storable else query.filter(id=0)
    if input.get("hasProblems") is not None:
        query = query.filter(problem=None) if not input["hasProblems"] else query.exclude(problem=None)
    if input.get("search"):
        query = query.filter(search_key__contains=search_key(input["search"]))
    days = await _resolve_days(context, input)
    if days:
        closed_in_period = Q(closed_on__gte=days[0], closed_on__lte=days[1]) & ~Q(status=DealStatus.OPEN)
        query = query.filter(
            closed_in_period | Q(created_on__gte=days[0], created_on__lte=days[1], status=DealStatus.OPEN)
        )
    return query


async def select_leads(context: Context, scope: ScopeArgument, input: InputFields | None) -> QuerySet[Lead]:
    return await filter_leads(
        context, await scopes.filter_records_in_scope(context, leads.select_existing(), "owner", scope), input or {}
    )


async def filter_leads(context: Context, query: QuerySet[Lead], input: InputFields) -> QuerySet[Lead]:
    if input.get("status"):
        query = query.filter(status__in=list(input["status"]))
    days = await _resolve_days(context, input)
    return query.filter(created_on__gte=days[0], created_on__lte=days[1]) if days else query


async def select_tasks(context: Context, scope: ScopeArgument, input: InputFields | None) -> QuerySet[Task]:
    query = await scopes.filter_records_in_scope(context, tasks.select_existing(), "assignee", scope)
    return filter_tasks(context, query, input or {})


def filter_tasks(context: Context, query: QuerySet[Task], input: InputFields) -> QuerySet[Task]:
    if input.get("kind") is not None:
        query = query.filter(kind=input["kind"])
    if input.get("completed") is not None:
        query = query.filter(completed_at__isnull=not input["completed"])
    if input.get("overdue") is not None:
        overdue = Q(completed_at=None, due_at__lte=context.now())
        query = query.filter(
            overdue if input["overdue"] else Q(due_at=None) | Q(due_at__gt=context.now()) | ~Q(completed_at=None)
        )
    return query


async def select_calls(context: Context, scope: ScopeArgument, period: InputFields | None) -> QuerySet[Call]:
    query = await scopes.filter_records_in_scope(context, calls.select_existing(), "employee", scope)
    return await filter_calls(context, query, period)


async def filter_calls(context: Context, query: QuerySet[Call], period: InputFields | None) -> QuerySet[Call]:
    days = await _resolve_days(context, {"period": period})
    return query.filter(made_on__gte=days[0], made_on__lte=days[1]) if days else query


async def _resolve_days(context: Context, input: InputFields) -> tuple[date, date] | None:
    """Return the first and the last day of the filter's period; None without a period."""
    if not input.get("period"):
        return None
    with raise_bad_input():
        period = await periods.resolve_period(context, input["period"], "period")
    return period.start, period.end


def _decode_ids(kind: str, global_ids: Sequence[str]) -> list[int]:
    types_and_ids = [decode_global_id(global_id) for global_id in global_ids]
    return [type_and_id[1] for type_and_id in types_and_ids if type_and_id and type_and_id[0] == kind] or [0]


async def _resolve_filter_id(context: Context, kind: str, global_id: str) -> int:
    """Return the row id for an id in a filter; 0, which matches no row, if it is not visible to the viewer."""
    resolver = IdResolver(context)
    await resolver.load_by_global_ids(kind, [global_id])
    try:
        row = resolver.resolve_employee(global_id) if kind == "Employee" else resolver.resolve_record(kind, global_id)
    except NotFound:
        return 0
    return int(row.id)


# Activities


# Wins


# Nodes
