"""One-time links with which employees set their password: invitations, resets, and unlocking a sign-in.

A link is sent to the employee by mail if the server can, and otherwise returned to the administrator who asked for it.
Its token follows the `#` of the address, a part that browsers do not send to servers.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from domain.auth.password_links import LINK_LIFETIMES, LinkPurpose
from domain.errors.operation_errors import Throttled
from domain.errors.user_errors import Conflict, Forbidden, Invalid, Required
from domain.i18n.account_messages import format_link_mail
from domain.messages import gettext_noop
from domain.permissions import Action
from models.auth import password_links, sign_ins
from models.auth.password_links import PasswordLink, PasswordMail
from models.db import row_store
from models.organization import accounts, people
from models.organization.company import find_company
from models.organization.people import Employee
from resolvers.auth import attempts, audit, passwords
from resolvers.auth.sessions import REPEAT_WINDOW
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.id_resolution import IdResolver
from resolvers.request.rate_limits import RateLimit

TOKEN_PREFIX: Final = "slp_"
RESETS_PER_NETWORK: Final = RateLimit("resets from a network", 20, timedelta(hours=1))
RESETS_PER_ACCOUNT: Final = RateLimit("resets of an account", 3, timedelta(hours=1))


async def invite_employee(
    context: RequestContext, employee_global_id: str, *, send: bool
) -> tuple[Employee, str | None]:
    """Give an employee a link to set their password.

    Returns the employee, and the link if it was not sent by mail: because this server sends none, or because `send`
    is false.
    """
    employee = await _find_employee(context, employee_global_id, "input", "employee")
    if not employee.active:
        raise Conflict("This employee is not active: activate them first.", "input", "employee")
    if employee.email is None:
        raise Required("Give the employee an e-mail address first: they sign in with it.", "input", "employee")
    purpose, now = choose_purpose(employee), context.now()
    audit.record(context, "password link made", employee=employee.id, purpose=purpose)
    if send and context.services.mails_links:
        await _request_mail(employee.email, purpose, context.language, now)
        return employee, None
    return employee, await create_link(employee, purpose, context.services.public_url, now)


async def unlock_sign_in(context: RequestContext, employee_global_id: str) -> Employee:
    """Begin the counts of wrong passwords of an employee anew."""
    employee = await _find_employee(context, employee_global_id, "employee")
    await sign_ins.unlock(employee.id, context.now())
    audit.record(context, "sign-in unlocked", employee=employee.id)
    return employee


async def _find_employee(context: RequestContext, global_id: str, *path: str) -> Employee:
    """Return the employee for an action of an administrator. Raises NotFound and Forbidden."""
    resolver = IdResolver(context)
    await resolver.load_by_global_ids("Employee", [global_id])
    employee = resolver.resolve_employee(global_id, *path)
    if not context.viewer.can_company_wide(Action.ADMINISTER):
        raise Forbidden("Only an administrator can change people and teams.", path[0])
    return employee


async def request_reset(context: RequestContext, email: str) -> None:
    """Request a mail with a link for the account of an e-mail address.

    An address without an account is treated the same, so that clients cannot learn which have one: a request is stored in any
    case, and the account is looked up when the mail is due.
    """
    email = validation.clean_email(email, "email")
    if not context.services.mails_links:
        raise Conflict("This server sends no mail: ask an administrator for a link.", "email")
    limiter = context.services.rate_limiter
    wait = await limiter.hit(RESETS_PER_NETWORK, context.client.network)
    if wait:
        raise Throttled("Too many requests for a new password: wait and try again.", retry_after_ms=int(wait * 1000))
    if await limiter.hit(RESETS_PER_ACCOUNT, email):
        audit.record_refusal(context, "password reset throttled")  # some mails are on their way already
        return
    await _request_mail(email, LinkPurpose.RESET, context.language, context.clock())
    audit.record(context, "password reset requested")


async def _request_mail(email: str, purpose: LinkPurpose, language: str, now: datetime) -> None:
    await row_store.insert(PasswordMail(email=email, purpose=purpose, language=language, requested_at=now, due_at=now))


def choose_purpose(employee: Employee) -> LinkPurpose:
    return LinkPurpose.INVITATION if employee.password_hash is None else LinkPurpose.RESET


async def create_link(employee: Employee, purpose: LinkPurpose, public_url: str | None, now: datetime) -> str:
    """Create a link and return it, as a path if the server's public address is not configured."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    expires_at = now + LINK_LIFETIMES[purpose]
    await row_store.insert(
        PasswordLink(
            employee_id=employee.id, purpose=purpose, digest=_digest(token), created_at=now, expires_at=expires_at
        )
    )
    return f"{public_url or ''}/password#token={token}"


async def set_password(context: RequestContext, token: str, password: str) -> str:
    """Set the password of the employee with a link; return the e-mail address to sign in with.

    The link ends with it, as do all others of the employee and all their sessions, and their sign-in is unlocked. The
    same call again within `REPEAT_WINDOW` has the same answer, since the first one may have been lost.
    """
    link = await password_links.find_link(_digest(token))
    if link is None:
        await attempts.count_wrong_token(context.services.rate_limiter, context.client.network, token)
        raise Invalid(_INVALID_LINK, "input", "token")
    employee: Employee = link.employee
    now, email = context.clock(), employee.email
    if not employee.active or email is None or link.expires_at <= now:
        raise Invalid(_INVALID_LINK, "input", "token")
    if link.used_at is not None:
        if not await _is_repeated(context, link, email, password):
            raise Invalid(_INVALID_LINK, "input", "token")
        return email
    names = ((await context.company()).name, employee.name, email)
    password_hash = await passwords.hash_password(password, "input", "password", names=names)
    async with context.unit_of_work():
        if not await password_links.use_link(link.id, context.now()):
            raise Invalid(_INVALID_LINK, "input", "token")
        await accounts.set_password(employee, password_hash, context.now())
        context.publish(f"employee:{employee.id}")
    audit.record(context, "password set by link", employee=employee.id, purpose=link.purpose)
    return email


_INVALID_LINK: Final = gettext_noop("This link is not valid any more: ask for a new one.")


async def _is_repeated(context: RequestContext, link: PasswordLink, email: str, password: str) -> bool:
    """Return whether a link was used a moment ago for this password."""
    if link.used_at is None or context.clock() - link.used_at > REPEAT_WINDOW:
        return False
    account = await accounts.find_account(email, context.client.network)
    return await attempts.check_password(context, email, account, password)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class LinkMail:
    """A rendered mail with a link."""

    email: str
    title: str
    text: str


async def render_mail(mail: PasswordMail, public_url: str | None, now: datetime) -> LinkMail | None:
    """Create the link of a requested mail and render it; None if no active employee has the address."""
    employee = await people.find_active_by_email(mail.email)
    company = await find_company()
    if employee is None or company is None:
        return None
    link = await create_link(employee, mail.purpose, public_url, now)
    language = employee.language or mail.language
    title, text = format_link_mail(mail.purpose, language, company=company.name, email=mail.email, link=link)
    return LinkMail(mail.email, title, text)
