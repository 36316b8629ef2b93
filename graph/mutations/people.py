"""Mutations of employees and teams."""

from __future__ import annotations

from datetime import date

import strawberry
from strawberry import ID, UNSET

from graph.base.enums import Role
from graph.base.input_mapping import to_input_fields
from graph.base.mutations import mutation, payload, session_mutation
from graph.base.row_types import Info
from graph.types.people import Employee, Team
from resolvers.organization import people
from resolvers.request import idempotency


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
    employee: Employee | None


@payload("The team.")
class TeamPayload:
    team: Team | None


@strawberry.type
class PeopleMutation:
    @mutation("Create an employee, or update the one with the same `externalId`.")
    async def create_employee(self, info: Info, input: CreateEmployeeInput) -> EmployeePayload:
        return EmployeePayload(employee=await people.create_employee(info.context, to_input_fields(input)))  # type: ignore[arg-type]

    @mutation("Change an employee; `active: false` ends their sessions and removes them from leaderboards.")
    async def update_employee(self, info: Info, input: UpdateEmployeeInput) -> EmployeePayload:
        return EmployeePayload(employee=await people.update_employee(info.context, to_input_fields(input)))  # type: ignore[arg-type]

    @session_mutation("Change the viewer's language, quiet hours, digest and password.")
    async def update_profile(self, info: Info, input: UpdateProfileInput) -> EmployeePayload:
        request = idempotency.identify_request(info.field_name, {"input": input}, to_input_fields)
        employee = await people.update_profile(info.context, to_input_fields(input), request)
        return EmployeePayload(employee=employee)  # type: ignore[arg-type]

    @mutation("Create a team.")
    async def create_team(self, info: Info, input: CreateTeamInput) -> TeamPayload:
        return TeamPayload(team=await people.create_team(info.context, to_input_fields(input)))  # type: ignore[arg-type]

    @mutation("Change a team's name, parent or manager.")
    async def update_team(self, info: Info, input: UpdateTeamInput) -> TeamPayload:
        return TeamPayload(team=await people.update_team(info.context, to_input_fields(input)))  # type: ignore[arg-type]
