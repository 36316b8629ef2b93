"""Queries of records, activities and wins within the viewer's reach, the node lookup, and deletion of records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.errors.operation_errors import BadInput
from domain.errors.user_errors import Conflict, NotFound, Refusal
from domain.ledger.record_facts import DealStatus
from domain.primitives.global_ids import decoded, encoded, external
from domain.primitives.text import search_key
from models.crm import calls, deals, leads, tasks
from models.crm.calls import Call
from models.crm.deals import Deal
from models.crm.leads import Lead
from models.crm.tasks import Task
from models.db.columns import LONGEST_TEXT
from models.goals.goals import Goal
from resolvers.crm import clients as client_actions
from resolvers.crm.calls import Calls
from resolvers.crm.custom_metrics import Results
from resolvers.crm.deals import Deals
from resolvers.crm.leads import Leads
from resolvers.crm.record_type import Keeper, delete
from resolvers.crm.tasks import Tasks
from resolvers.node import _record
from resolvers.request import periods, scopes
from resolvers.request.context import Context
from resolvers.request.id_resolution import References
from resolvers.request.scopes import Asked

Given = Mapping[str, Any]

_KEEPERS: Final[Mapping[str, Callable[[], Keeper]]] = {
    "Deal": Deals,
    "Call": Calls,
    "Lead": Leads,
    "Client": client_actions.Clients,
    "Contact": client_actions.Contacts,
    "Task": Tasks,
    "Result": lambda: Results({}),
}


async def delete_record(context: Context, id_: str, *kinds: str) -> tuple[Any, list[Goal]]:
    """Mark a record as deleted, which withdraws all its scores; the activity feed keeps it.

    global_id  id of the record, or `ext:` and its id in another system
    kinds      record types it may be of
    """
    pair = decoded(id_)
    found = [pair[0]] if pair and pair[0] in kinds else []
    if external(id_):
        found = [kind for kind in kinds if await _record(context, kind, id_) is not None]
    if len(found) > 1:
        raise Conflict("Several records have this externalId: give the id of the one that is meant.", "id")
    if not found:
        raise NotFound("There is no such record.", "id")
    return await delete(context, _KEEPERS[found[0]](), id_, "id")


def id_of(row: Any) -> str:
    return encoded(type(row).__name__, row.id)


async def deal_list(context: Context, scope: Asked, given: Given | None) -> QuerySet[Deal]:
    """Return a query of the deals that are in the scope, within the viewer's reach and match the filter."""
    query = await scopes.records_within(context, deals.standing(), "owner", scope)
    return await deals_filtered(context, query, given or {})


async def deals_filtered(context: Context, query: QuerySet[Deal], given: Given) -> QuerySet[Deal]:
    if given.get("status"):
        query = query.filter(status__in=list(given["status"]))
    if given.get("stage"):
        query = query.filter(stage_id__in=_numbers("Stage", given["stage"]))
    for field, kind, column in (("client", "Client", "client_id"), ("owner", "Employee", "owner_id")):
        if given.get(field) is not None:
            query = query.filter(**{column: await _meant(context, kind, given[field])})
    if given.get("product"):
        fits = len(given["product"]) <= LONGEST_TEXT
        query = query.filter(product=given["product"]) if fits else query.filter(id=0)
    if given.get("hasProblems") is not None:
        query = query.filter(problem=None) if not given["hasProblems"] else query.exclude(problem=None)
    if given.get("search"):
        query = query.filter(needle__contains=search_key(given["search"]))
    days = await _days(context, given)
    if days:
        closed = Q(closed_on__gte=days[0], closed_on__lte=days[1]) & ~Q(status=DealStatus.OPEN)
        query = query.filter(closed | Q(created_on__gte=days[0], created_on__lte=days[1], status=DealStatus.OPEN))
    return query


async def lead_list(context: Context, scope: Asked, given: Given | None) -> QuerySet[Lead]:
    return await leads_filtered(
        context, await scopes.records_within(context, leads.standing(), "owner", scope), given or {}
    )


async def leads_filtered(context: Context, query: QuerySet[Lead], given: Given) -> QuerySet[Lead]:
    if given.get("status"):
        query = query.filter(status__in=list(given["status"]))
    days = await _days(context, given)
    return query.filter(created_on__gte=days[0], created_on__lte=days[1]) if days else query


async def task_list(context: Context, scope: Asked, given: Given | None) -> QuerySet[Task]:
    query = await scopes.records_within(context, tasks.standing(), "assignee", scope)
    return tasks_filtered(context, query, given or {})


def tasks_filtered(context: Context, query: QuerySet[Task], given: Given) -> QuerySet[Task]:
    if given.get("kind") is not None:
        query = query.filter(kind=given["kind"])
    if given.get("completed") is not None:
        query = query.filter(completed_at__isnull=not given["completed"])
    if given.get("overdue") is not None:
        overdue = Q(completed_at=None, due_at__lte=context.now())
        query = query.filter(
            overdue if given["overdue"] else Q(due_at=None) | Q(due_at__gt=context.now()) | ~Q(completed_at=None)
        )
    return query


async def call_list(context: Context, scope: Asked, period: Given | None) -> QuerySet[Call]:
    query = await scopes.records_within(context, calls.standing(), "employee", scope)
    return await calls_filtered(context, query, period)


async def calls_filtered(context: Context, query: QuerySet[Call], period: Given | None) -> QuerySet[Call]:
    days = await _days(context, {"period": period})
    return query.filter(made_on__gte=days[0], made_on__lte=days[1]) if days else query


async def _days(context: Context, given: Given) -> tuple[date, date] | None:
    """Return the first and the last day of the filter's period; None without a period."""
    if not given.get("period"):
        return None
    try:
        period = await periods.period(context, given["period"], "period")
    except Refusal as refusal:
        raise BadInput(refusal.message, field=".".join(refusal.path)) from refusal
    return period.start, period.end


def _numbers(kind: str, ids: Sequence[str]) -> list[int]:
    pairs = [decoded(id_) for id_ in ids]
    return [pair[1] for pair in pairs if pair and pair[0] == kind] or [0]


async def _meant(context: Context, kind: str, id_: str) -> int:
    """Return the row id for an id in a filter; 0, which matches no row, if it is not visible to the viewer."""
    refs = References(context)
    await refs.want(kind, [id_])
    try:
        row = refs.employee(id_) if kind == "Employee" else refs.record(kind, id_)
    except NotFound:
        return 0
    return int(row.id)


# Activities


# Wins


# Nodes
