"""Mutations of employees and teams."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Final

import strawberry
from strawberry import ID, UNSET

from graph.base.enums import Role
from graph.base.input_mapping import to_input
from graph.base.lazy_types import EmployeeRef, TeamRef
from graph.base.mutations import identify_request, mutation, payload, run_in_unit_of_work, session_mutation
from graph.base.row_types import Info
from models.organization.people import Employee as EmployeeRow
from resolvers.organization import people, teams
from resolvers.organization.inputs import EmployeeInput, ProfileInput, TeamInput
from resolvers.request.context import RequestContext

CARRIES_QUOTA: Final = """Whether the employee is ranked on leaderboards; null: as the role says, and of the roles that are
not always ranked those who sell."""
CARRIES_QUOTA_FROM: Final = "The day from which `carriesQuota` holds, by default today; what is over stays as it was."


@strawberry.input
class CreateEmployeeInput:
    name: str
    email: str
    password: str | None = UNSET
    role: Role = Role.EMPLOYEE
    team: ID | None = UNSET
    manager: ID | None = UNSET
    avatar_url: str | None = UNSET
    joined_on: date | None = strawberry.field(
        default=UNSET, description="First day of work; null: before anything that is recorded. By default today."
    )
    carries_quota: bool | None = strawberry.field(default=UNSET, description=CARRIES_QUOTA)
    carries_quota_from: date | None = strawberry.field(default=UNSET, description=CARRIES_QUOTA_FROM)
    external_id: str | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input
class UpdateEmployeeInput:
    id: ID
    name: str | None = UNSET
    email: str | None = UNSET
    password: str | None = UNSET
    role: Role | None = UNSET
    team: ID | None = UNSET
    manager: ID | None = UNSET
    avatar_url: str | None = UNSET
    active: bool | None = UNSET
    joined_on: date | None = UNSET
    carries_quota: bool | None = strawberry.field(default=UNSET, description=CARRIES_QUOTA)
    carries_quota_from: date | None = strawberry.field(default=UNSET, description=CARRIES_QUOTA_FROM)
    idempotency_key: str | None = UNSET


@strawberry.input(
    description="""`quietFrom` and `quietTo`: minutes of the day, in the company's time zone, between which outside channels
send nothing; `digestAt`: the minute at which one daily digest replaces single messages."""
)
class UpdateProfileInput:
    language: str | None = UNSET
    quiet_from: int | None = UNSET
    quiet_to: int | None = UNSET
    digest_at: int | None = UNSET
    current_password: str | None = UNSET
    password: str | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input
class CreateTeamInput:
    name: str
    parent: ID | None = UNSET
    manager: ID | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input
class UpdateTeamInput:
    id: ID
    name: str | None = UNSET
    parent: ID | None = UNSET
    manager: ID | None = UNSET
    idempotency_key: str | None = UNSET


@payload("The employee.")
class EmployeePayload:
    employee: EmployeeRef | None


@payload("The team.")
class TeamPayload:
    team: TeamRef | None


async def _save_employee(
    info: Info,
    input: CreateEmployeeInput | UpdateEmployeeInput,
    save: Callable[[RequestContext, EmployeeInput, str | None], Awaitable[EmployeeRow]],
) -> EmployeePayload:
    """Hash the password, which takes long, and then run the unit of work, in which other writers wait."""
    employee_input = to_input(EmployeeInput, input)
    password_hash = await people.hash_new_password(info.context, employee_input)

    async def execute() -> EmployeePayload:
        return EmployeePayload(employee=await save(info.context, employee_input, password_hash))

    payload: EmployeePayload = await run_in_unit_of_work(info, EmployeePayload, {"input": input}, execute)
    return payload


@strawberry.type
class PeopleMutation:
    @session_mutation("Create an employee, or update the one with the same `externalId`.")
    async def create_employee(self, info: Info, input: CreateEmployeeInput) -> EmployeePayload:
        return await _save_employee(info, input, people.create_employee)

    @session_mutation("Change an employee; `active: false` ends their sessions and removes them from leaderboards.")
    async def update_employee(self, info: Info, input: UpdateEmployeeInput) -> EmployeePayload:
        return await _save_employee(info, input, people.update_employee)

    @session_mutation("Change the viewer's language, quiet hours, digest and password.")
    async def update_profile(self, info: Info, input: UpdateProfileInput) -> EmployeePayload:
        request = identify_request(info.field_name, {"input": input})
        employee = await people.update_profile(info.context, to_input(ProfileInput, input), request)
        return EmployeePayload(employee=employee)

    @mutation("Create a team.")
    async def create_team(self, info: Info, input: CreateTeamInput) -> TeamPayload:
        return TeamPayload(team=await teams.create_team(info.context, to_input(TeamInput, input)))

    @mutation("Change a team's name, parent or manager.")
    async def update_team(self, info: Info, input: UpdateTeamInput) -> TeamPayload:
        return TeamPayload(team=await teams.update_team(info.context, to_input(TeamInput, input)))
