"""Mutations of one-time links with which employees set their password, and of locked sign-ins."""

from __future__ import annotations

import strawberry
from strawberry import ID, UNSET

from graph.base.lazy_types import EmployeeRef
from graph.base.mutations import mutation, payload, session_mutation
from graph.base.row_types import Info
from graph.mutations.people import EmployeePayload
from resolvers.auth import password_links


@strawberry.input(
    description="""`send`: send the link to the employee by mail, if this server can; false to get it in the payload
instead."""
)
class InviteEmployeeInput:
    employee: ID
    send: bool = True
    idempotency_key: str | None = UNSET


@strawberry.input(description="`token`: what follows `#token=` in the link.")
class SetPasswordInput:
    token: str
    password: str


@payload(
    """The employee. `link` is null if it was sent by mail; otherwise give it to the employee: it is shown only once,
and works once. Without SCORELINE_PUBLIC_URL it is a path on this server."""
)
class InviteEmployeePayload:
    employee: EmployeeRef | None
    link: str | None


@payload("Only the user errors: whether the address has an account is not told.")
class RequestPasswordResetPayload:
    pass


@payload("The e-mail address to sign in with.")
class SetPasswordPayload:
    email: str | None


@strawberry.type
class PasswordMutation:
    @mutation(
        """Give an employee a one-time link to set their password: for 7 days if they have none yet, else for an
hour."""
    )
    async def invite_employee(self, info: Info, input: InviteEmployeeInput) -> InviteEmployeePayload:
        employee, link = await password_links.invite_employee(info.context, input.employee, send=input.send)
        return InviteEmployeePayload(employee=employee, link=link)

    @session_mutation(
        "Send a one-time link to set a new password to the account of an e-mail address, if there is one."
    )
    async def request_password_reset(self, info: Info, email: str) -> RequestPasswordResetPayload:
        await password_links.request_reset(info.context, email)
        return RequestPasswordResetPayload()

    @session_mutation("Set a password with a one-time link. All sessions of the employee end.")
    async def set_password(self, info: Info, input: SetPasswordInput) -> SetPasswordPayload:
        return SetPasswordPayload(email=await password_links.set_password(info.context, input.token, input.password))

    @mutation("Let an employee sign in again at once after too many wrong passwords.")
    async def unlock_sign_in(self, info: Info, employee: ID) -> EmployeePayload:
        return EmployeePayload(employee=await password_links.unlock_sign_in(info.context, employee))
