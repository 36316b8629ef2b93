"""Employees, teams, profiles and presence. Only administrators change employees and teams."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tortoise.queryset import QuerySet

from domain.errors.user_errors import Conflict, Forbidden, Invalid, NotFound, OutOfRange
from domain.permissions import Action, Reach, Role
from models.alerts import inactivity
from models.auth import sessions
from models.db import connection
from models.goals import goals
from models.ledger import scores
from models.live import change_log, presence
from models.organization import people
from models.organization.people import Employee, Team
from resolvers.alerts import evaluation
from resolvers.auth import passwords
from resolvers.goals.affected_goals import touch
from resolvers.request import scopes, validation
from resolvers.request.context import Context
from resolvers.request.id_resolution import References
from resolvers.request.scopes import Asked

Given = Mapping[str, Any]
LANGUAGES = ("en", "ru")
_MINUTES = 24 * 60


async def create_employee(context: Context, given: Given) -> Employee:
    """Create an employee, or update the employee with the same `externalId`."""
    _require_admin(context)
    external = validation.external_id(given.get("externalId"), "input", "externalId")
    if external and (known := await Employee.get_or_none(external_id=external)):
        return await _changed(context, known, given)
    employee = Employee(external_id=external, created_at=context.now(), active=True)
    return await _changed(context, employee, given)


async def update_employee(context: Context, given: Given) -> Employee:
    refs = References(context)
    await refs.want("Employee", [given["id"]])
    employee = refs.employee(given["id"], "input", "id")
    _require_admin(context)
    return await _changed(context, employee, given)


async def _changed(context: Context, employee: Employee, given: Given) -> Employee:
    refs = References(context)
    await refs.want("Employee", [given.get("manager")])
    await refs.want("Team", [given.get("team")])
    was = {name: getattr(employee, name) for name in employee._meta.fields_db_projection}
    if given.get("name") is not None:
        employee.renamed(validation.name(given["name"], "input", "name"))
    if "email" in given and (given["email"] is not None or employee.id is None):
        employee.email = None if given["email"] is None else validation.address(given["email"], "input", "email")
        if employee.email != was["email"] and await Employee.exists(email=employee.email):
            raise Conflict("Another employee has this e-mail address already.", "input", "email")
    if given.get("role") is not None:
        employee.role = given["role"]
    if "team" in given:
        team = given["team"]
        employee.team_id = None if team is None else refs.team(team, "input", "team").id
    if "manager" in given:
        manager = given["manager"]
        employee.manager_id = None if manager is None else refs.employee(manager, "input", "manager").id
        await _check_no_loop_of_managers(employee)
    if "avatarUrl" in given:
        employee.avatar_url = _address(given["avatarUrl"])
    if given.get("active") is not None:
        employee.active = given["active"]
    if given.get("password") is not None:
        employee.password_hash = await passwords.hashed(given["password"], "input", "password")
    await _keep_an_admin(employee, was)
    differing = [name for name, old in was.items() if getattr(employee, name) != old]
    if not differing:
        return employee
    await employee.save()
    await people.moved(employee, context.now())
    if {"team_id", "role", "active"} & set(differing):  # inactivity counts anew, for another manager or none
        await evaluation.no_more([("Employee", employee.id)], context.now())
    await inactivity.look({employee.id: context.now()})
    if not employee.active or (was["password_hash"] and "password_hash" in differing):
        await sessions.revoke_all(employee.id, context.now())
    context.announce("people", f"employee:{employee.id}")
    return employee


async def _check_no_loop_of_managers(employee: Employee) -> None:
    """Raise Invalid if the employee would be their own manager, following `Employee.manager_id` upwards."""
    step, seen = employee.manager_id, {employee.id}
    while step is not None:
        if step in seen:
            raise Invalid("An employee cannot be their own manager, directly or indirectly.", "input", "manager")
        seen.add(step)
        step = (await Employee.get(id=step)).manager_id


async def _keep_an_admin(employee: Employee, was: Mapping[str, Any]) -> None:
    was_admin = was["role"] is Role.ADMIN and was["active"] and was["id"] is not None
    is_admin = employee.role is Role.ADMIN and employee.active
    if (
        was_admin
        and not is_admin
        and not await Employee.filter(role=Role.ADMIN, active=True).exclude(id=employee.id).exists()
    ):
        raise Conflict("This is the last administrator: make another employee one first.", "input", "role")


def _address(value: str | None) -> str | None:
    url = validation.line(value, "input", "avatarUrl", limit=500)
    if url is not None and not url.startswith(("https://", "http://", "/")):
        raise Invalid("Give a web address that begins with https://.", "input", "avatarUrl")
    return url


async def update_profile(context: Context, given: Given) -> Employee:
    """Change the viewer's language, quiet hours, digest and password. A new password ends their other sessions."""
    employee = context.viewer.employee
    if employee is None:
        raise Forbidden("A device has no profile.", "input")
    employee = await Employee.get(id=employee.id)
    if "language" in given:
        language = given["language"]
        if language is not None and language not in LANGUAGES:
            raise Invalid('Choose "en" or "ru".', "input", "language")
        employee.language = language
        context.announce(f"employee:{employee.id}")  # live streams send texts in the employee's language
    for field, column in (("quietFrom", "quiet_from"), ("quietTo", "quiet_to"), ("digestAt", "digest_at")):
        if field in given:
            minute = given[field]
            if minute is not None and not 0 <= minute < _MINUTES:
                raise OutOfRange("Give a minute of the day, 0 to 1439.", "input", field)
            setattr(employee, column, minute)
    if given.get("password") is not None:
        if not await passwords.right(employee.password_hash, given.get("currentPassword") or ""):
            raise Invalid("The current password is wrong.", "input", "currentPassword")
        employee.password_hash = await passwords.hashed(given["password"], "input", "password")
        await sessions.revoke_all(employee.id, context.now(), but=context.viewer.session_id)
        context.announce(f"employee:{employee.id}")
    await employee.save()
    return employee


async def create_team(context: Context, given: Given) -> Team:
    _require_admin(context)
    team = Team(created_at=context.now())
    return await _changed_team(context, team, given)


async def update_team(context: Context, given: Given) -> Team:
    refs = References(context)
    await refs.want("Team", [given["id"]])
    team = refs.team(given["id"], "input", "id")
    _require_admin(context)
    return await _changed_team(context, team, given)


async def _changed_team(context: Context, team: Team, given: Given) -> Team:
    refs = References(context)
    await refs.want("Team", [given.get("parent")])
    await refs.want("Employee", [given.get("manager")])
    was, gained_or_lost = team.parent_id, set[int]()
    if given.get("name") is not None:
        team.name = validation.name(given["name"], "input", "name")
    if given.get("externalId") is not None:  # only imports set it
        team.external_id = validation.external_id(given["externalId"], "input", "externalId")
    if "parent" in given:
        parent = None if given["parent"] is None else refs.team(given["parent"], "input", "parent").id
        team.parent_id = parent
    if "manager" in given:
        manager = given["manager"]
        team.manager_id = None if manager is None else refs.employee(manager, "input", "manager").id
    if team.id is not None and team.parent_id != was:
        tree = await people.tree()
        if team.id in tree.above(team.parent_id):
            raise Invalid("A team cannot stand below itself.", "input", "parent")
        before, after = tree.above(was), tree.above(team.parent_id)
        await scores.carry(team.id, before, after)
        gained_or_lost = set(before) ^ set(after)
    await team.save()
    context.who = replace(context.viewer, tree=await people.tree())  # the rest of this unit of work sees the team
    context.announce("people")
    if gained_or_lost:
        await touch(context, await goals.of_teams(gained_or_lost))
    return team


def _require_admin(context: Context) -> None:
    if not context.viewer.may_company(Action.ADMINISTER):
        raise Forbidden("Only an administrator can change people and teams.", "input")


async def online(context: Context, employees: Sequence[int]) -> list[bool]:
    """Return for each employee whether they are online, i.e. have an open socket."""
    here = {row.employee_id for row in await context.rows(presence.of(employees, context.now()))}
    return [employee in here for employee in employees]


async def attend(process: str, employees: Collection[int], now: datetime) -> bool:
    """Store which employees are online in a server process; publish it if it has changed. Return whether it has.

    process  the id of the server process
    """
    async with connection.writing():
        news = await presence.here(process, employees, now)
        if news:
            await change_log.note(["presence"], now)
    return news


@dataclass(frozen=True)
class Presence:
    """Presence in a scope.

    employees     the active employees, in name order
    departed      employees sent before that no longer belong to the scope
    online_until  by id of an online employee: when they count as offline unless their process renews it
    """

    employees: Sequence[Employee]
    left: Sequence[Employee]
    online: Mapping[int, datetime]


async def present(context: Context, scope: Asked, known: Collection[int] = ()) -> Presence:
    """Return the presence in a scope; `previous_ids` not in it any more are `departed`. Raises NotFound."""
    found = await scopes.within_reach(context, scope, Action.VIEW_PEOPLE)
    teams = found.teams(context)
    rows = [found.row] if isinstance(found.row, Employee) else await people.active(teams)
    here = [row for row in rows if row.active]
    gone = set(known) - {row.id for row in here}
    known_ones = await people.by_ids(sorted(gone)) if gone else []
    left = [row for row in known_ones if row and context.viewer.may(Action.VIEW_PEOPLE, row)]
    return Presence(here, left, await presence.ends([row.id for row in (*here, *left)], context.now()))


async def find(context: Context, number: int) -> Employee | None:
    return (await seen(context, [number]))[0]


async def seen(context: Context, ids: Sequence[int]) -> list[Employee | None]:
    """Return one employee per id, in the order of `ids`; None where it is unknown or the viewer may not see it."""
    found = await context.people(ids)
    context.met.update((row.id, row) for row in found if row)
    return [row if row and context.viewer.may(Action.VIEW_PEOPLE, row) else None for row in found]


async def listed(context: Context, search: str | None, team: str | None, active: bool | None) -> QuerySet[Employee]:
    """Return a query for employees the viewer may see, by text in the name, team (without subteams), active state."""
    number = None
    if team is not None:
        refs = References(context)
        await refs.want("Team", [team])
        try:
            number = refs.team(team).id
        except NotFound:
            return Employee.filter(id=0)
    query = people.matching(search, number, active)
    match context.viewer.reach(Action.VIEW_PEOPLE):
        case Reach.COMPANY:
            return query
        case Reach.SCOPE:
            return query.filter(team_id__in=list(context.viewer.below) or [0])
    return query.filter(id=0)


def teams(context: Context) -> list[Team]:
    """Return the teams the viewer may see, depth first: each after its parent, siblings in name order."""
    tree, seen = context.tree, context.viewer.teams
    found: list[Team] = []

    def walk(parent: int | None) -> None:
        for child in tree.children(parent):
            if child in seen:
                found.append(tree.teams[child])
            walk(child)

    walk(None)
    return found
