"""Looks up any object by its global id or external id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from domain.errors.user_errors import NotFound
from domain.permissions import Action
from domain.primitives.global_ids import (
    EXTERNAL_ID_PREFIX,
    decode_global_id,
    normalize_external_id,
    parse_external_id,
)
from models.auth.sessions import Device
from models.crm import refunds
from models.crm.merging import select_with_merged
from models.crm.pipelines import Pipeline, Stage
from models.crm.records import CrmRecord
from models.db import row_store
from models.db.row_query import AnyRowQuery, fetch_all
from models.db.row_store import TableRow
from models.goals.goals import Goal
from models.goals.plans import GoalPlan
from models.organization.people import Employee
from resolvers import import_jobs
from resolvers.activities.queries import select_activities
from resolvers.alerts import inbox, rules
from resolvers.goals import goals as goal_actions
from resolvers.organization import people
from resolvers.request import goal_visibility, scopes
from resolvers.request.context import RequestContext
from resolvers.request.id_resolution import OWNER_FIELDS, RECORD_MODELS, IdResolver
from resolvers.request.plan_visibility import filter_visible_plans, find_visible_plan

Row = TypeVar("Row", bound=TableRow)
_GOAL_MODELS: Final[dict[str, type[TableRow]]] = {
    "Goal": Goal,
    "GoalPlan": GoalPlan,
}  # seen by those who may see the goals


async def find_node(context: RequestContext, global_id: str) -> TableRow | None:
    """Return the row with this global id, or None if it does not exist or is not visible to the viewer."""
    type_and_id = decode_global_id(global_id)
    if type_and_id is None:
        return None
    kind, row_id = type_and_id
    if kind in RECORD_MODELS:
        return await find_record(context, kind, global_id)
    match kind:
        case "Employee":
            return await people.find_visible_employee(context, row_id)
        case "Goal":
            return await goal_actions.find(context, global_id)
        case "GoalPlan":
            return await find_visible_plan(context, global_id)
        case "Pipeline":
            return await row_store.find(Pipeline, row_id)
        case "Stage":
            return await row_store.find(Stage, row_id)
        case "Refund":
            return await _select_refunds(context, [row_id]).find(row_id)
        case "Activity":
            return await (await select_activities(context, await scopes.company_scope(context), None)).find(row_id)
        case "Alert":
            return await inbox.find(context, row_id)
        case "AlertRule":
            return await rules.find(context, global_id)
        case "Device":
            can_see_devices = context.viewer.can_company_wide(Action.ADMINISTER)
            return await row_store.find(Device, row_id) if can_see_devices else None
        case "ImportJob" if context.viewer.can_company_wide(Action.ADMINISTER):
            return await import_jobs.find(context, global_id)
    scope = await scopes.find_scope(context, global_id)
    return scope.row if scope is not None and scopes.can_see(context, scope) else None


async def find_node_of_kind(context: RequestContext, model: type[Row], global_id: str) -> Row | None:
    """Return the row with this global id if it is of that table and visible to the viewer."""
    type_and_id = decode_global_id(global_id)
    row: TableRow | None = None
    if model is Employee and (external_id := parse_external_id(global_id)):
        row = await find_by_external_id(context, model.__name__, external_id)
    elif type_and_id and type_and_id[0] == model.__name__:
        row = await find_node(context, global_id)
    return row if isinstance(row, model) else None


async def find_record(
    context: RequestContext, kind: str, global_id: str, *, with_deleted: bool = False
) -> CrmRecord | None:
    """Return the record of that type, or None if it does not exist or is not visible to the viewer."""
    resolver = IdResolver(context)
    await resolver.load_by_global_ids(kind, [global_id])
    try:
        return resolver.resolve_record(RECORD_MODELS[kind], global_id, with_deleted=with_deleted)
    except NotFound:
        return None


async def find_by_external_id(context: RequestContext, kind: str, external_id: str) -> TableRow | None:
    """Return the record or employee of that type by its id in another system, if visible to the viewer."""
    if kind != "Employee":
        return await find_record(context, kind, f"{EXTERNAL_ID_PREFIX}{external_id}")
    stored_id = normalize_external_id(external_id)
    row = await row_store.find_by_external_id(Employee, stored_id) if stored_id else None
    return row if row and context.viewer.can(Action.VIEW_PEOPLE, row) else None


async def load_subjects(context: RequestContext, keys: Sequence[tuple[str, int]]) -> list[TableRow | None]:
    """Return the subjects of activities or postings, in the order of the keys; None where not visible to the viewer.

    keys  type and row id of each subject
    """
    ids_by_kind: dict[str, list[int]] = {}
    for kind, row_id in keys:
        ids_by_kind.setdefault(kind, []).append(row_id)
    record_queries = {
        kind: _select_subjects(context, kind, ids_by_kind[kind])
        for kind in sorted(ids_by_kind.keys() & RECORD_MODELS.keys())
    }
    queries: list[AnyRowQuery] = [
        *record_queries.values(),
        *(row_store.select(model, ids_by_kind[kind]) for kind, model in _GOAL_MODELS.items() if kind in ids_by_kind),
    ]
    if "Refund" in ids_by_kind:
        queries.append(_select_refunds(context, ids_by_kind["Refund"]))
    loaded_rows = [row for batch in await fetch_all(queries) for row in batch]
    visible_rows = {(type(row).__name__, row.id): row for row in loaded_rows if not isinstance(row, Goal | GoalPlan)}
    await _follow_merges(context, visible_rows)
    for goal in await goal_visibility.filter_visible(context, [row for row in loaded_rows if isinstance(row, Goal)]):
        visible_rows["Goal", goal.id] = goal
    for plan in await filter_visible_plans(context, [row for row in loaded_rows if isinstance(row, GoalPlan)]):
        visible_rows["GoalPlan", plan.id] = plan
    return [visible_rows.get(key) for key in keys]


def _select_subjects(context: RequestContext, kind: str, row_ids: Sequence[int]) -> AnyRowQuery:
    """Return the query for the visible records with these ids, and for those that were merged into others."""
    is_visible = context.viewer.scope_filter(Action.VIEW_CARD, OWNER_FIELDS[kind])
    return select_with_merged(RECORD_MODELS[kind], row_ids, is_visible)


def _select_refunds(context: RequestContext, row_ids: Sequence[int]) -> AnyRowQuery:
    """Return the query for the refunds with these ids of visible deals."""
    return refunds.select_with_deals(row_ids, context.viewer.scope_filter(Action.VIEW_CARD, "owner"))


async def _follow_merges(context: RequestContext, rows: dict[tuple[str, int], object]) -> None:
    """Replace the rows of merged records by those that they were merged into, or drop them where these are not visible."""
    merged = {key: row_id for key, row in rows.items() if (row_id := getattr(row, "merged_into_id", None)) is not None}
    if merged:
        others = await load_subjects(context, [(kind, row_id) for (kind, _), row_id in merged.items()])
        for key, other in zip(merged, others, strict=True):
            rows[key] = other
