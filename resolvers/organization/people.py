"""Employees, profiles and presence. Only administrators change employees."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from domain.errors.user_errors import Conflict, Forbidden, Invalid, NotFound, OutOfRange, Required
from domain.i18n.languages import LANGUAGES
from domain.messages import gettext_noop
from domain.permissions import Action, Reach, Role
from domain.primitives.text import is_image_address
from domain.primitives.unset import UNSET
from models.alerts import inactivity
from models.auth import password_links, sessions, sign_ins
from models.db import connection, row_store
from models.db.row_query import RowQuery
from models.live import change_log, presence
from models.organization import accounts, memberships, people, quotas
from models.organization.people import Employee
from resolvers.alerts import evaluation
from resolvers.auth import attempts, audit, passwords
from resolvers.organization import calendar, employee_quotas
from resolvers.organization.inputs import EmployeeInput, ProfileInput
from resolvers.request import idempotency, scopes, validation
from resolvers.request.context import RequestContext
from resolvers.request.id_resolution import IdResolver
from resolvers.request.idempotency import IdempotentRequest
from resolvers.request.scopes import ScopeArgument
from resolvers.request.validation import clean_update

_MINUTES_PER_DAY = 24 * 60
_ACCOUNT_FIELDS: Final = frozenset({"email", "role", "team_id", "manager_id", "active"})  # decide who may do what
ADMIN_ONLY: Final = gettext_noop("Only an administrator can change people and teams.")


async def hash_new_password(context: RequestContext, input: EmployeeInput) -> str | None:
    """Return the hash of the password in the input of an employee; None if it has none.

    Call it before the unit of work, since hashing takes long. Nothing is hashed for a viewer without the right to set a
    password, nor for an employee who does not exist: the unit of work refuses these.
    """
    if input.password is None or not context.viewer.can_company_wide(Action.ADMINISTER):
        return None
    name, email = input.name, input.email
    if input.id is not None:
        resolver = IdResolver(context)
        await resolver.load_by_global_ids("Employee", [input.id])
        try:
            employee = resolver.resolve_employee(input.id, "input", "id")
        except NotFound:
            return None
        name, email = name or employee.name, email or employee.email
    company = await context.company()
    return await passwords.hash_password(input.password, "input", "password", names=(company.name, name, email))


async def create_employee(context: RequestContext, input: EmployeeInput, password_hash: str | None = None) -> Employee:
    """Create an employee, or update the employee with the same `externalId`.

    password_hash  of the password in the input, by `hash_new_password`
    """
    context.viewer.require_admin(ADMIN_ONLY)
    external_id = validation.clean_external_id(input.external_id, "input", "externalId")
    if external_id and (existing := await row_store.find_by_external_id(Employee, external_id)):
        return await _apply_employee_input(context, existing, input, password_hash)
    employee = Employee(external_id=external_id, created_at=context.now(), active=True)
    return await _apply_employee_input(context, employee, input, password_hash)


async def update_employee(context: RequestContext, input: EmployeeInput, password_hash: str | None = None) -> Employee:
    """Change an employee; `password_hash` as in `create_employee`."""
    resolver = IdResolver(context)
    await resolver.load_by_global_ids("Employee", [input.id])
    employee = resolver.resolve_employee(input.id or "", "input", "id")
    context.viewer.require_admin(ADMIN_ONLY)
    return await _apply_employee_input(context, employee, input, password_hash)


async def _apply_employee_input(
    context: RequestContext, employee: Employee, input: EmployeeInput, password_hash: str | None
) -> Employee:
    original = row_store.column_values(employee)
    await _assign_input(context, employee, input, original)
    if password_hash is not None:
        employee.password_hash = password_hash
    await _ensure_admin_remains(employee, original)
    quota_day = await employee_quotas.resolve_quota_day(context, input)
    changed_fields = {name for name, old in original.items() if getattr(employee, name) != old}
    if changed_fields:
        await row_store.save(employee)
    if (
        quota_day
        and input.carries_quota is not UNSET
        and await quotas.assign_quota(employee.id, quota_day, input.carries_quota)
    ):
        context.publish("people")
    if not changed_fields:
        return employee
    await memberships.record_change(
        employee,
        context.now(),
        former_name=original["name"] or employee.name,
        former_role=original["role"] or employee.role,
    )
    if {"team_id", "role", "active"} & changed_fields:  # inactivity counts anew, for another manager or none
        await evaluation.resolve_all([("Employee", employee.id)], context.now())
    await inactivity.reschedule({employee.id: context.now()})
    await _secure_account(context, employee, original, changed_fields)
    context.publish("people", f"employee:{employee.id}")
    if {"joined_on", "active", "team_id"} & changed_fields and original["id"] is not None:
        await calendar.follow_working_time(context, [employee.id])
    return employee


async def _assign_input(
    context: RequestContext, employee: Employee, input: EmployeeInput, original: Mapping[str, object]
) -> None:
    """Set the columns of an employee to what is given; `original` has their values before."""
    resolver = IdResolver(context)
    await resolver.load_by_global_ids("Employee", [input.manager or None])
    await resolver.load_by_global_ids("Team", [input.team or None])
    if input.name is not None:
        employee.set_name(validation.clean_name(input.name, "input", "name"))
    if input.email is not None:
        employee.email = validation.clean_email(input.email, "input", "email")
        if employee.email != original["email"] and await people.has_email(employee.email):
            raise Conflict("Another employee has this e-mail address already.", "input", "email")
    employee.role = input.role or employee.role
    if input.team is not UNSET:
        employee.team_id = None if input.team is None else resolver.resolve_team(input.team, "input", "team").id
    if input.manager is not UNSET:
        employee.manager_id = None if input.manager is None else resolve_manager(resolver, input.manager)
        await _check_no_management_cycle(employee)
    if input.avatar_url is not UNSET:
        employee.avatar_url = _validate_avatar_url(input.avatar_url)
    if input.joined_on is not UNSET:
        day = input.joined_on
        employee.joined_on = None if day is None else validation.clean_day(day, "input", "joinedOn")
    elif original["id"] is None:
        employee.joined_on = await _default_joining_day(context)
    if input.active is not None:
        employee.active = input.active


async def _secure_account(
    context: RequestContext, employee: Employee, original: Mapping[str, object], changed_fields: Collection[str]
) -> None:
    """End sessions and links that no longer hold after the change of an employee, and note it in the audit log."""
    has_password_changed = "password_hash" in changed_fields
    has_new_password = has_password_changed and bool(original["password_hash"])
    if not employee.active or has_new_password:
        await sessions.revoke_sessions(employee.id, context.now())
    if has_password_changed or "email" in changed_fields:  # a link may be in the mailbox of another address
        await password_links.void_links(employee.id, context.now())
    if has_new_password:
        await sign_ins.unlock(employee.id, context.now())
    if has_password_changed:
        audit.record(context, "password set", employee=employee.id)
    if original["id"] is None:
        audit.record(context, "employee created", employee=employee.id, role=employee.role)
    elif account_fields := sorted(_ACCOUNT_FIELDS.intersection(changed_fields)):
        audit.record(
            context,
            "employee changed",
            employee=employee.id,
            fields=account_fields,
            role=employee.role,
            active=employee.active,
        )


async def _default_joining_day(context: RequestContext) -> date | None:
    """Return today; None, which is not known, on the day of the company's set-up, when all employees are entered."""
    today, company = await context.today(), await context.company()
    return None if company.calendar.day_of(company.created_at) == today else today


def resolve_manager(resolver: IdResolver, global_id: str) -> int:
    manager = resolver.resolve_employee(global_id, "input", "manager")
    resolver.ensure_not_departed(manager, "input", "manager")
    return manager.id


async def _check_no_management_cycle(employee: Employee) -> None:
    """Raise Invalid if the employee would be their own manager, following `Employee.manager_id` upwards."""
    manager_id, visited_ids = employee.manager_id, {employee.id}
    while manager_id is not None:
        if manager_id in visited_ids:
            raise Invalid("An employee cannot be their own manager, directly or indirectly.", "input", "manager")
        visited_ids.add(manager_id)
        manager_id = (await row_store.get(Employee, manager_id)).manager_id


async def _ensure_admin_remains(employee: Employee, original: Mapping[str, object]) -> None:
    was_admin = original["role"] is Role.ADMIN and original["active"] and original["id"] is not None
    is_admin = employee.role is Role.ADMIN and employee.active
    if was_admin and not is_admin and not await people.has_other_admin(employee.id):
        raise Conflict("This is the last administrator: make another employee one first.", "input", "role")


def _validate_avatar_url(value: str | None) -> str | None:
    url = validation.clean_optional_line(value, "input", "avatarUrl", limit=500)
    if url is not None and not is_image_address(url):
        raise Invalid("Give a web address that begins with https://.", "input", "avatarUrl")
    return url


async def update_profile(
    context: RequestContext, input: ProfileInput, request: IdempotentRequest | None = None
) -> Employee:
    """Change the viewer's language, quiet hours, digest and password. A new password ends their other sessions.

    Passwords are checked and hashed before the unit of work begins, since that takes long.

    request  the call, if it has an idempotency key: a repetition changes nothing, though its current password is old
    """
    viewer = context.viewer
    if viewer.employee is None:
        raise Forbidden("A device has no profile.", "input")
    if request and await idempotency.find_saved_response(context, request) is not None:
        return await row_store.get(Employee, viewer.employee.id)
    employee_id, password_hash = viewer.employee.id, None
    if input.current_password is not None and input.password is None:
        raise Required("The current password is asked for a new one: give `password`, too.", "input", "password")
    if input.password is not None:
        current_hash = await attempts.check_current_password(context, employee_id, input.current_password or "")
        names = ((await context.company()).name, viewer.employee.name, viewer.employee.email)
        password_hash = await passwords.hash_password(input.password, "input", "password", names=names)
    async with context.unit_of_work():
        employee = await row_store.get(Employee, employee_id)
        if request and await idempotency.find_saved_response(context, request) is not None:
            return employee  # two calls at once
        if input.language is not UNSET:
            language = input.language
            if language is not None and language not in LANGUAGES:
                raise Invalid("Choose a language: {languages}.", "input", "language", languages=", ".join(LANGUAGES))
            employee.language = language
            context.publish(f"employee:{employee.id}")  # live streams send texts in the employee's language
        employee.quiet_from = clean_update(input.quiet_from, employee.quiet_from, _clean_minute, "input", "quietFrom")
        employee.quiet_to = clean_update(input.quiet_to, employee.quiet_to, _clean_minute, "input", "quietTo")
        employee.digest_at = clean_update(input.digest_at, employee.digest_at, _clean_minute, "input", "digestAt")
        if isinstance(input.quiet_from, int) or isinstance(input.quiet_to, int):
            _check_quiet_hours(employee)
        await row_store.save(employee)
        if password_hash is not None:
            if employee.password_hash != current_hash:  # it was changed meanwhile
                raise attempts.wrong_current_password()
            await accounts.set_password(employee, password_hash, context.now(), kept_session_id=viewer.session_id)
            context.publish(f"employee:{employee.id}")
        if request:
            await idempotency.save_response(context, request, {"employee": employee})
    if password_hash is not None:
        audit.record(context, "password changed")
    return employee


def _clean_minute(value: int | None, *path: str) -> int | None:
    if value is not None and not 0 <= value < _MINUTES_PER_DAY:
        raise OutOfRange("Give a minute of the day, 0 to 1439.", *path)
    return value


def _check_quiet_hours(employee: Employee) -> None:
    """Raise a user error for quiet hours that would delay nothing."""
    for column, field in (("quiet_from", "quietFrom"), ("quiet_to", "quietTo")):
        if getattr(employee, column) is None:
            raise Required("Quiet hours have a beginning and an end: give both.", "input", field)
    if employee.quiet_from == employee.quiet_to:
        raise Invalid("Quiet hours end at another time than they begin.", "input", "quietTo")


async def check_online(context: RequestContext, employee_ids: Sequence[int]) -> list[bool]:
    """Return for each employee whether they are online, i.e. have an open socket."""
    online_ids = {row.employee_id for row in await context.fetch(presence.select_online(employee_ids, context.now()))}
    return [employee_id in online_ids for employee_id in employee_ids]


async def report_presence(process: str, employee_ids: Collection[int], now: datetime) -> bool:
    """Store which employees are online in a server process; publish it if it has changed. Return whether it has.

    process  the id of the server process
    """
    async with connection.write_transaction():
        changed = await presence.set_online(process, employee_ids, now)
        if changed:
            await change_log.append(["presence"], now)
    return changed


@dataclass(frozen=True)
class ScopePresence:
    """Presence in a scope.

    employees     the active employees, in name order
    departed      employees sent before that no longer belong to the scope
    online_until  by id of an online employee: when they count as offline unless their process renews it
    """

    employees: Sequence[Employee]
    departed: Sequence[Employee]
    online_until: Mapping[int, datetime]


async def load_presence(
    context: RequestContext, scope: ScopeArgument, previous_ids: Collection[int] = ()
) -> ScopePresence:
    """Return the presence in a scope; `previous_ids` not in it any more are `departed`. Raises NotFound."""
    resolved_scope = await scopes.require_scope(context, scope, Action.VIEW_PEOPLE)
    team_ids = resolved_scope.team_ids(context)
    employees = [resolved_scope.employee] if resolved_scope.employee else await people.load_active(team_ids)
    active_employees = [row for row in employees if row.active]
    missing_ids = set(previous_ids) - {row.id for row in active_employees}
    missing_employees = await people.load_by_ids(sorted(missing_ids)) if missing_ids else []
    departed = [row for row in missing_employees if row and context.viewer.can(Action.VIEW_PEOPLE, row)]
    return ScopePresence(
        active_employees,
        departed,
        await presence.online_until([row.id for row in (*active_employees, *departed)], context.now()),
    )


async def find_visible_employee(context: RequestContext, employee_id: int) -> Employee | None:
    return (await load_visible_employees(context, [employee_id]))[0]


async def load_visible_employees(context: RequestContext, ids: Sequence[int]) -> list[Employee | None]:
    """Return one employee per id, in the order of `ids`; None where it is unknown or the viewer may not see it."""
    employees = await context.employees(ids)
    context.loaded_employees.update((row.id, row) for row in employees if row)
    return [row if row and context.viewer.can(Action.VIEW_PEOPLE, row) else None for row in employees]


async def search_employees(
    context: RequestContext, search: str | None, team_global_id: str | None, active: bool | None
) -> RowQuery[Employee]:
    """Return a query for employees the viewer may see, by text in the name, team (without subteams), active state."""
    team_id = None
    if team_global_id is not None:
        resolver = IdResolver(context)
        await resolver.load_by_global_ids("Team", [team_global_id])
        try:
            team_id = resolver.resolve_team(team_global_id).id
        except NotFound:
            return people.select_employees().none()
    match context.viewer.reach(Action.VIEW_PEOPLE):
        case Reach.COMPANY:
            return people.select_employees(search, team_id, active)
        case Reach.SCOPE:
            return people.select_employees(search, team_id, active, context.viewer.reachable_team_ids)
    return people.select_employees().none()
