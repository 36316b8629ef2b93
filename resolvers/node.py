"""Looks up any object by its global id or external id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tortoise.queryset import QuerySet

from domain.errors.user_errors import NotFound
from domain.permissions import Action
from domain.primitives.global_ids import EXTERNAL, LONGEST_EXTERNAL, decoded, external
from models.auth.sessions import Device
from models.crm.pipelines import Pipeline, Stage
from models.db.query_batch import together
from models.goals.goals import Goal
from models.organization.people import Employee
from resolvers.activities.queries import activity_list
from resolvers.alerts import inbox, rules
from resolvers.goals import goals as goal_actions
from resolvers.organization import people
from resolvers.request import goal_visibility, scopes
from resolvers.request.context import Context
from resolvers.request.id_resolution import OWNER, RECORDS, References


async def node(context: Context, id_: str) -> Any | None:
    """Return the row with this global id, or None if it does not exist or is not visible to the viewer."""
    pair = decoded(id_)
    if pair is None:
        return None
    kind, number = pair
    if kind in RECORDS:
        return await _record(context, kind, id_)
    match kind:
        case "Company":
            return await context.company() if number == 1 else None
        case "Employee":
            return await people.find(context, number)
        case "Team":
            return next((team for team in people.teams(context) if team.id == number), None)
        case "Goal":
            return await goal_actions.find(context, id_)
        case "Pipeline":
            return await Pipeline.get_or_none(id=number)
        case "Stage":
            return await Stage.get_or_none(id=number)
        case "Activity":
            return await (await activity_list(context, await scopes.whole(context), None)).get_or_none(id=number)
        case "Alert":
            return await inbox.find(context, number)
        case "AlertRule":
            return await rules.find(context, id_)
        case "Device":
            seen = context.viewer.may_company(Action.ADMINISTER)
            return await Device.get_or_none(id=number) if seen else None
    return None


async def found(context: Context, kind: str, id_: str) -> Any | None:
    """Return the row with this global id if it is of that kind and visible to the viewer."""
    pair = decoded(id_)
    if kind == "Employee" and (external_id := external(id_)):
        return await by_external(context, kind, external_id)
    return await node(context, id_) if pair and pair[0] == kind else None


async def _record(context: Context, kind: str, id_: str) -> Any | None:
    refs = References(context)
    await refs.want(kind, [id_])
    try:
        return refs.record(kind, id_)
    except NotFound:
        return None


async def by_external(context: Context, kind: str, external_id: str) -> Any | None:
    """Return the record or employee of that type by its id in another system, if visible to the viewer."""
    if kind != "Employee":
        return await _record(context, kind, f"{EXTERNAL}{external_id}")
    row = await Employee.get_or_none(external_id=external_id) if len(external_id) <= LONGEST_EXTERNAL else None
    return row if row and context.viewer.may(Action.VIEW_PEOPLE, row) else None


async def subjects(context: Context, keys: Sequence[tuple[str, int]]) -> list[Any | None]:
    """Return the subjects of activities or postings, in the order of the keys; None where not visible to the viewer.

    keys  type and row id of each subject
    """
    numbers: dict[str, list[int]] = {}
    for kind, number in keys:
        numbers.setdefault(kind, []).append(number)
    viewer = context.viewer
    wanted = {
        kind: RECORDS[kind]
        .filter(id__in=sorted(set(numbers[kind])), deleted_at=None)
        .filter(viewer.within(Action.VIEW_CARD, OWNER[kind]))
        for kind in sorted(numbers.keys() & RECORDS.keys())
    }
    goals = numbers.get("Goal", [])
    questions: list[QuerySet[Any]] = [*wanted.values(), *([Goal.filter(id__in=sorted(set(goals)))] if goals else [])]
    found = [row for rows in await together(questions) for row in rows]
    seen = {(type(row).__name__, row.id): row for row in found if not isinstance(row, Goal)}
    for goal in await goal_visibility.within_sight(context, [row for row in found if isinstance(row, Goal)]):
        seen["Goal", goal.id] = goal
    return [seen.get(key) for key in keys]
