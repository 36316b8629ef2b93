"""Mutations of the company: people, teams, pipelines, rates, devices, metrics, goals, and signing in."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import strawberry
from strawberry import ID, UNSET

from domain.units import Unit
from graph.acting import action, payload, session_action
from graph.deals import Pipeline
from graph.enums import DeviceKind, Role, Weekday
from graph.goals import Goal
from graph.inputs import PeriodInput, given
from graph.lens import Info
from graph.metrics import Metric
from graph.people import Company, Employee, Team
from graph.sessions import Device, Viewer
from resolvers import company, devices, goals, metrics, people, sessions


@strawberry.input
class SignInInput:
    email: str
    password: str


@strawberry.input
class CreateEmployeeInput:
    name: str
    email: str
    password: str | None = UNSET
    role: Role = Role.EMPLOYEE
    team: ID | None = UNSET
    manager: ID | None = UNSET
    avatar_url: str | None = UNSET
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
    idempotency_key: str | None = UNSET


@strawberry.input(
    description="""`quietFrom` and `quietTo`: minutes of the day in the company's zone within which outside channels stay
silent; `digestAt`: the minute at which one daily digest replaces single messages."""
)
class UpdateProfileInput:
    language: str | None = UNSET
    quiet_from: int | None = UNSET
    quiet_to: int | None = UNSET
    digest_at: int | None = UNSET
    current_password: str | None = UNSET
    password: str | None = UNSET


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


@strawberry.input
class UpdateCompanyInput:
    name: str | None = UNSET
    currency: str | None = UNSET
    time_zone: str | None = UNSET
    week_start: Weekday | None = UNSET
    working_days: list[Weekday] | None = UNSET
    holiday_country: str | None = UNSET
    close_after_workdays: int | None = UNSET


@strawberry.input(description="What one unit of the currency is worth in the company's own; `from` defaults to today.")
class ExchangeRateInput:
    currency: str
    rate: Decimal
    valid_from: date | None = strawberry.field(default=UNSET, name="from")


@strawberry.input(
    description="`scope`: the team or company whose numbers it may read or record; null means the company."
)
class CreateDeviceInput:
    name: str
    kind: DeviceKind
    scope: ID | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input
class StageInput:
    id: ID | None = UNSET
    name: str


@strawberry.input
class SavePipelineInput:
    id: ID | None = UNSET
    name: str
    stages: list[StageInput]
    idempotency_key: str | None = UNSET


@strawberry.input
class CreateMetricInput:
    key: str
    name: str
    description: str | None = UNSET
    unit: Unit = Unit.COUNT


@strawberry.input(description="`owner` is the id of an employee, a team or the company.")
class SetGoalInput:
    owner: ID
    metric: str
    target: Decimal
    period: PeriodInput
    name: str | None = UNSET
    recurring: bool = False
    idempotency_key: str | None = UNSET


@strawberry.input(description="`ifVersion`: the progress version last seen; another one meanwhile is a CONFLICT.")
class UpdateGoalInput:
    id: ID
    if_version: int | None = UNSET
    name: str | None = UNSET
    target: Decimal | None = UNSET
    recurring: bool | None = UNSET
    idempotency_key: str | None = UNSET


@payload("Tokens: the access token for the header and `connection_init`, the refresh token for the next one.")
class SignInPayload:
    access_token: str | None
    refresh_token: str | None
    expires_at: datetime | None
    viewer: Viewer | None


@payload("Nothing but what is wrong.")
class SignOutPayload:
    pass


@payload("The employee.")
class EmployeePayload:
    employee: Employee | None


@payload("The team.")
class TeamPayload:
    team: Team | None


@payload("The company.")
class CompanyPayload:
    company: Company | None


@payload("The device; `token` is shown this once.")
class CreateDevicePayload:
    device: Device | None
    token: str | None


@payload("The device.")
class DevicePayload:
    device: Device | None


@payload("The pipeline.")
class PipelinePayload:
    pipeline: Pipeline | None


@payload("The metric.")
class MetricPayload:
    metric: Metric | None


@payload("The goal.")
class GoalPayload:
    goal: Goal | None


def _signed_in(signed: sessions.SignedIn) -> Any:
    return SignInPayload(
        access_token=signed.access_token,
        refresh_token=signed.refresh_token,
        expires_at=signed.expires_at,
        viewer=signed.viewer,  # type: ignore[arg-type]
    )


@strawberry.type
class SessionMutation:
    @session_action("Begin a session with e-mail and password.")
    async def sign_in(self, info: Info, input: SignInInput) -> SignInPayload:
        return _signed_in(await sessions.sign_in(info.context, input.email, input.password))  # type: ignore[no-any-return]

    @session_action("New tokens for a refresh token, which is used up; using one twice ends the session.")
    async def refresh_session(self, info: Info, refresh_token: str) -> SignInPayload:
        return _signed_in(await sessions.refresh(info.context, refresh_token))  # type: ignore[no-any-return]

    @session_action("End the session of a refresh token.")
    async def sign_out(self, info: Info, refresh_token: str) -> SignOutPayload:
        await sessions.sign_out(info.context, refresh_token)
        return SignOutPayload()


@strawberry.type
class OfficeMutation:
    @action("Take somebody in, or change the one who carries the `externalId`.")
    async def create_employee(self, info: Info, input: CreateEmployeeInput) -> EmployeePayload:
        return EmployeePayload(employee=await people.create_employee(info.context, given(input)))  # type: ignore[arg-type]

    @action("Change an employee; `active: false` ends his sessions and takes him off the boards.")
    async def update_employee(self, info: Info, input: UpdateEmployeeInput) -> EmployeePayload:
        return EmployeePayload(employee=await people.update_employee(info.context, given(input)))  # type: ignore[arg-type]

    @action("The viewer's own language, quiet hours, digest and password.")
    async def update_profile(self, info: Info, input: UpdateProfileInput) -> EmployeePayload:
        return EmployeePayload(employee=await people.update_profile(info.context, given(input)))  # type: ignore[arg-type]

    @action("A new team.")
    async def create_team(self, info: Info, input: CreateTeamInput) -> TeamPayload:
        return TeamPayload(team=await people.create_team(info.context, given(input)))  # type: ignore[arg-type]

    @action("Change a team: its name, what it stands below, who manages it.")
    async def update_team(self, info: Info, input: UpdateTeamInput) -> TeamPayload:
        return TeamPayload(team=await people.update_team(info.context, given(input)))  # type: ignore[arg-type]

    @action("Change the company; what is already counted stays as it was counted.")
    async def update_company(self, info: Info, input: UpdateCompanyInput) -> CompanyPayload:
        return CompanyPayload(company=await company.update(info.context, given(input)))  # type: ignore[arg-type]

    @action("Say what a currency is worth from a day on.")
    async def set_exchange_rate(self, info: Info, input: ExchangeRateInput) -> CompanyPayload:
        row = await company.set_rate(
            info.context, currency=input.currency, rate=input.rate, since=input.valid_from or None
        )
        return CompanyPayload(company=row)  # type: ignore[arg-type]

    @action(
        "A new pipeline, or new names and order of an old one's stages; a stage that deals have been in stays, or is refused to go."
    )
    async def save_pipeline(self, info: Info, input: SavePipelineInput) -> PipelinePayload:
        return PipelinePayload(pipeline=await company.save_pipeline(info.context, given(input)))  # type: ignore[arg-type]

    @action("A new wallboard or integration; its token is shown this once.")
    async def create_device(self, info: Info, input: CreateDeviceInput) -> CreateDevicePayload:
        device, token = await devices.create(info.context, given(input))
        return CreateDevicePayload(device=device, token=token)  # type: ignore[arg-type]

    @action("Take a device's access away; its open sockets end.")
    async def revoke_device(self, info: Info, id: ID) -> DevicePayload:
        return DevicePayload(device=await devices.revoke(info.context, id))  # type: ignore[arg-type]

    @action("A metric of the company's own: results recorded for it count.")
    async def create_metric(self, info: Info, input: CreateMetricInput) -> MetricPayload:
        row = await metrics.create(
            info.context, key=input.key, name=input.name, description=input.description or None, unit=input.unit
        )
        return MetricPayload(metric=row)  # type: ignore[arg-type]

    @action("Set what an employee, a team or the company is to reach.")
    async def set_goal(self, info: Info, input: SetGoalInput) -> GoalPayload:
        return GoalPayload(goal=await goals.set_goal(info.context, given(input)))  # type: ignore[arg-type]

    @action("Change a goal's name, target or recurrence; the change is kept.")
    async def update_goal(self, info: Info, input: UpdateGoalInput) -> GoalPayload:
        return GoalPayload(goal=await goals.update_goal(info.context, given(input)))  # type: ignore[arg-type]

    @action("Hide a goal; nothing is deleted.")
    async def archive_goal(self, info: Info, id: ID) -> GoalPayload:
        return GoalPayload(goal=await goals.archive_goal(info.context, id))  # type: ignore[arg-type]
