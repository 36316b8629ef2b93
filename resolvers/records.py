"""Lists of records within reach, any record by its id, and the deletion of one recorded by mistake."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.access import Action
from domain.failures import BadInput
from domain.ids import EXTERNAL, LONGEST_EXTERNAL, decoded, encoded, external
from domain.records import DealStatus
from domain.refusals import Conflict, NotFound, Refusal
from domain.text import search_key
from models import calls, deals, leads, tasks
from models.activities import Activity, ActivityKind, Bell
from models.calls import Call
from models.deals import Deal
from models.fields import LONGEST_TEXT
from models.goals import Goal, OwnerKind
from models.leads import Lead
from models.pages import decoded as cursor_key
from models.people import Employee
from models.pipelines import Pipeline, Stage
from models.sessions import Device
from models.tasks import Task
from models.together import together
from resolvers import alert_rules, alerts, people, scopes
from resolvers import clients as client_actions
from resolvers import goals as goal_actions
from resolvers.calls import Calls
from resolvers.context import Context
from resolvers.deals import Deals
from resolvers.keeping import Keeper, delete
from resolvers.leads import Leads
from resolvers.metrics import Results
from resolvers.references import OWNER, RECORDS, References
from resolvers.scopes import Asked
from resolvers.tasks import Tasks

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
    """Take a record out of every score; the history keeps it. `kinds`: which it may be of."""
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
    """Return the deals of the scope within reach that the filter lets through."""
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
    """Return the first and the last day of the filter's period; None where it restricts nothing."""
    if not given.get("period"):
        return None
    try:
        period = await goal_actions.period(context, given["period"], "period")
    except Refusal as refusal:
        raise BadInput(refusal.message, field=".".join(refusal.path)) from refusal
    return period.start, period.end


def _numbers(kind: str, ids: Sequence[str]) -> list[int]:
    pairs = [decoded(id_) for id_ in ids]
    return [pair[1] for pair in pairs if pair and pair[0] == kind] or [0]


async def _meant(context: Context, kind: str, id_: str) -> int:
    """Return the number of the row an id in a filter means; 0, which none has, where there is none in sight."""
    refs = References(context)
    await refs.want(kind, [id_])
    try:
        row = refs.employee(id_) if kind == "Employee" else refs.record(kind, id_)
    except NotFound:
        return 0
    return int(row.id)


# The history


async def activity_list(context: Context, asked: Asked, kinds: Sequence[ActivityKind] | None) -> QuerySet[Activity]:
    """Return the history of the scope as far as it is within reach; lines about goals of teams go by the goal's owner."""
    scope = await scopes.asked_for(context, asked, Action.VIEW_CARD)
    if scope is None:
        return Activity.filter(id=0)
    viewer = context.viewer
    people_ = viewer.within(Action.VIEW_CARD, "employee") & scopes.of(context, scope, "employee")
    about_employee = people_ & Q(employee_id__isnull=False)
    condition = about_employee
    if scope.kind is not OwnerKind.EMPLOYEE and viewer.device is None:
        teams = set(viewer.goal_teams())
        if scope.kind is OwnerKind.TEAM:
            teams &= context.tree.below(scope.number)
        else:
            teams.add(0)
        condition = condition | Q(employee_id__isnull=True, team_id__in=list(teams) or [-1])
    if viewer.device is not None:
        condition = condition & ~Q(subject_kind="Goal")  # an integration sees no goals
    query = Activity.filter(condition)
    return query.filter(kind__in=list(kinds)) if kinds else query


async def activity_position(cursor: str) -> int | None:
    """Return the position that a cursor of the history, or the id of a line, stands for; None for neither."""
    pair = decoded(cursor)
    number = pair[1] if pair and pair[0] == "Activity" else None
    if number is None:
        key = cursor_key(cursor)
        number = key[0] if key and len(key) == 1 and isinstance(key[0], int) else None
    return number if number is not None and await Activity.exists(id=number) else None


# Wins


async def bells_after(context: Context, scope_id: str | None, position: int, limit: int) -> Sequence[Bell]:
    """Return the wins and takings back that rang after that position, in order, within the scope."""
    scope = await scopes.for_board(context, scope_id, Action.VIEW_WINS)
    query = Bell.filter(id__gt=position).order_by("id").limit(limit)
    if scope.kind is OwnerKind.EMPLOYEE:
        query = query.filter(employee_id=scope.number)
    teams = scope.teams(context)
    return await (query.filter(team_id__in=list(teams)) if teams is not None else query)


async def newest_bell() -> int:
    row = await Bell.all().order_by("-id").first()
    return row.id if row else 0


async def bell_position(id_: str) -> int | None:
    """Return the position of a win by the id that its listeners saw; None when there is no such win."""
    pair = decoded(id_)
    if not pair or pair[0] != "DealWon" or not await Bell.exists(id=pair[1]):
        return None
    return pair[1]


# Any record


async def node(context: Context, id_: str) -> Any | None:
    """Return what the id stands for, if the viewer may see it."""
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
            return await alerts.find(context, number)
        case "AlertRule":
            return await alert_rules.find(context, id_)
        case "Device":
            seen = context.viewer.may_company(Action.ADMINISTER)
            return await Device.get_or_none(id=number) if seen else None
    return None


async def found(context: Context, kind: str, id_: str) -> Any | None:
    """Return what the id stands for if it is of that kind and within sight."""
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
    """Return the record of that type that carries the id of another system."""
    if kind != "Employee":
        return await _record(context, kind, f"{EXTERNAL}{external_id}")
    row = await Employee.get_or_none(external_id=external_id) if len(external_id) <= LONGEST_EXTERNAL else None
    return row if row and context.viewer.may(Action.VIEW_PEOPLE, row) else None


async def subjects(context: Context, keys: Sequence[tuple[str, int]]) -> list[Any | None]:
    """Return what lines of the history or postings are about, as far as the viewer may see it, in their order."""
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
    for goal in await goal_actions.within_sight(context, [row for row in found if isinstance(row, Goal)]):
        seen["Goal", goal.id] = goal
    return [seen.get(key) for key in keys]
