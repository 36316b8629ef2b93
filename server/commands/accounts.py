"""The commands `password` and `unlock`: help for employees who cannot sign in, given on the machine of the server.

They need no permission: a user of that machine can read the database as well. Running servers notice the change
through the change log.
"""

from __future__ import annotations

import click

from domain.errors.user_errors import UserError
from models.auth import sign_ins
from models.organization import accounts, people
from models.organization.people import Employee
from resolvers.auth import audit, password_links, passwords
from resolvers.auth.sessions import normalize_email
from resolvers.request.client_info import ClientInfo
from resolvers.request.context import RequestContext
from server.commands.contexts import create_context_factory
from server.commands.runtime import load_settings, run_with_database
from server.settings import Settings


def set_password(email: str, password: str) -> str:
    """Set the password of an employee, and return what to do next."""
    settings = load_settings()

    async def run() -> str:
        context, employee = _create_context(settings), await _find_employee(email)
        try:
            names = ((await context.company()).name, employee.name, employee.email)
            password_hash = await passwords.hash_password(password, "password", names=names)
        except UserError as error:
            raise click.ClickException(str(error)) from error
        async with context.unit_of_work():
            await accounts.set_password(employee, password_hash, context.now())
            context.publish(f"employee:{employee.id}")
        audit.record(context, "password set", employee=employee.id)
        return f"{employee.name} signs in with {employee.email} and the new password; all earlier sessions have ended."

    return run_with_database(settings, run)


def make_link(email: str) -> str:
    """Create a one-time link with which an employee sets their password, and return it."""
    settings = load_settings()

    async def run() -> str:
        context, employee = _create_context(settings), await _find_employee(email)
        purpose = password_links.choose_purpose(employee)
        link = await password_links.create_link(employee, purpose, settings.public_url, context.clock())
        audit.record(context, "password link made", employee=employee.id, purpose=purpose)
        return link

    return run_with_database(settings, run)


def unlock(email: str) -> str:
    """Let an employee sign in again after too many wrong passwords."""
    settings = load_settings()

    async def run() -> str:
        context, employee = _create_context(settings), await _find_employee(email)
        await sign_ins.unlock(employee.id, context.clock())
        audit.record(context, "sign-in unlocked", employee=employee.id)
        return f"{employee.name} can sign in again."

    return run_with_database(settings, run)


def _create_context(settings: Settings) -> RequestContext:
    return create_context_factory(settings).create_context(ClientInfo(address="command line"))


async def _find_employee(email: str) -> Employee:
    """Return the active employee with an e-mail address; the error names those of the administrators."""
    employee = await people.find_by_email(normalize_email(email))
    if employee is None:
        admins = await people.list_admins()
        addresses = ", ".join(admin.email for admin in admins if admin.email) or "none"
        raise click.ClickException(f"No employee has this e-mail address. Administrators have: {addresses}.")
    if not employee.active:
        raise click.ClickException(f"{employee.name} is not active: an administrator must activate them first.")
    return employee
