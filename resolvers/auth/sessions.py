"""Authentication: short-lived access tokens, refresh tokens that are used once, and device tokens.

The access token (a JWT) carries the id of the session, which is read on each use, so a revoked session ends at once.
Each refresh issues a new refresh token. A refresh token used twice has leaked, so the whole session is revoked.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

import jwt

from domain.errors.operation_errors import Throttled, Unauthenticated
from domain.errors.user_errors import Invalid
from models.auth.sessions import Device, RefreshToken, Session
from models.organization import people
from models.organization import reference_data as offices
from models.organization.people import Employee
from resolvers.auth import passwords
from resolvers.request.context import Context
from resolvers.request.services import Services
from resolvers.request.viewer import Viewer

DEVICE_PREFIX: Final = "sld_"
_ALGORITHM: Final = "HS256"
LEEWAY: Final = timedelta(seconds=30)  # clocks differ
_LONGEST_EMAIL: Final = 254
_SEEN_EVERY: Final = timedelta(seconds=60)
_AT_ONCE: Final = 500


@dataclass(frozen=True)
class SignedIn:
    access_token: str
    refresh_token: str
    expires_at: datetime
    viewer: Viewer


async def sign_in(context: Context, email: str, password: str) -> SignedIn:
    """Check e-mail and password and start a session.

    Raises Throttled after too many attempts from one address or for one e-mail, and Invalid, with the same error for
    an unknown e-mail, a wrong password and an inactive employee.
    """
    email = email.strip().lower()[:_LONGEST_EMAIL]
    keys = (("sign-in from", context.caller.address), ("sign-in as", email))
    for key in keys:
        wait = await context.services.throttle.hit(*key)
        if wait:
            raise Throttled("Too many attempts to sign in: wait and try again.", retry_after_ms=int(wait * 1000))
    employee = await Employee.get_or_none(email=email)
    known = await passwords.right(employee.password_hash if employee else None, password)
    if employee is None or not known or not employee.active:
        raise Invalid("The e-mail or the password is wrong.", "input", "password")
    await context.services.throttle.clear(*keys[1])
    now = context.clock()
    session = await Session.create(
        employee_id=employee.id, started_at=now, expires_at=now + timedelta(days=context.services.refresh_days)
    )
    return await _signed_in(context, session, employee)


async def refresh(context: Context, token: str) -> SignedIn:
    """Issue new tokens for a refresh token. Raises Unauthenticated; one that was used already revokes its session."""
    now = context.clock()
    row = await RefreshToken.get_or_none(digest=_digest(token))
    if row is None:
        raise Unauthenticated("This refresh token is not valid: sign in again.")
    session = await Session.get(id=row.session_id)
    # Checked and marked in one UPDATE, so that of two concurrent calls with one token only one gets new tokens.
    used = not await RefreshToken.filter(id=row.id, used_at=None).update(used_at=now)
    if used and session.revoked_at is None:
        await _end(context, session.id)
    employee = await Employee.get(id=session.employee_id)
    if used or session.revoked_at is not None or session.expires_at <= now or not employee.active:
        raise Unauthenticated("This refresh token is not valid: sign in again.")
    return await _signed_in(context, session, employee)


async def sign_out(context: Context, token: str) -> None:
    """End the session of a refresh token; ignore an unknown token."""
    row = await RefreshToken.get_or_none(digest=_digest(token))
    if row is not None:
        await _end(context, row.session_id)


async def _end(context: Context, session: int) -> None:
    """Revoke a session and publish it, so that its open sockets close."""
    async with context.unit():
        await Session.filter(id=session, revoked_at=None).update(revoked_at=context.now())
        context.announce(f"session:{session}")


async def _signed_in(context: Context, session: Session, employee: Employee) -> SignedIn:
    now, services = context.clock(), context.services
    refresh_token = secrets.token_urlsafe(32)
    await RefreshToken.create(session_id=session.id, digest=_digest(refresh_token))
    expires = now + timedelta(seconds=services.access_seconds)
    access = jwt.encode(
        {"sub": str(employee.id), "sid": session.id, "iat": now, "exp": expires}, services.secret, algorithm=_ALGORITHM
    )
    viewer = await _of_employee(employee, session.id, expires)
    context.who = viewer
    return SignedIn(access, refresh_token, expires, viewer)


async def _of_employee(employee: Employee, session: int, expires: datetime) -> Viewer:
    leads = await Employee.exists(manager_id=employee.id)
    return Viewer.of_employee(employee, await people.tree(), session, expires, leads=leads)


async def viewer(token: str, services: Services, now: datetime) -> Viewer:
    """Return the viewer of an access or device token, by the current state of the database.

    Raises Unauthenticated, with the same error for every reason but expiry, so that it does not help guessing.
    """
    if token.startswith(DEVICE_PREFIX):
        return await _device(token, services, now)
    try:
        number, session_id, expires = _claimed(token, services.secret)
    except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, OSError) as error:
        raise Unauthenticated(_WRONG) from error
    if not max(number, session_id) < 1 << 31:  # beyond the id columns
        raise Unauthenticated(_WRONG)
    if expires + LEEWAY <= now:
        raise Unauthenticated("The access token has expired: refresh the session.", code="TOKEN_EXPIRED")
    signed, position = await offices.by_session(session_id, number)
    if signed is None or signed.revoked or not signed.employee.active:
        raise Unauthenticated(_WRONG)
    office = await services.office_at(position)
    found = Viewer.of_employee(signed.employee, office.tree, session_id, expires, leads=signed.leads)
    return replace(found, office=office)


@lru_cache(maxsize=1024)
def _claimed(token: str, secret: str) -> tuple[int, int, datetime]:
    """Return the employee id, session id and expiry of an access token; verify its signature but not its expiry.

    Cached: a token's claims never change, and checking the signature costs more than the rest of authentication.
    The caller checks the expiry, which depends on the clock.
    """
    claims = jwt.decode(
        token,
        secret,
        algorithms=[_ALGORITHM],
        options={"require": ["exp", "sub", "sid"], "verify_exp": False, "verify_iat": False},
    )
    return int(claims["sub"]), int(claims["sid"]), datetime.fromtimestamp(claims["exp"], UTC)


_WRONG: Final = "This token is not valid: sign in again."


async def _device(token: str, services: Services, now: datetime) -> Viewer:
    device, position = await offices.by_device(_digest(token))
    if device is None or device.revoked_at is not None:
        raise Unauthenticated(_WRONG)
    if device.last_seen_at is None or now - device.last_seen_at >= _SEEN_EVERY:
        device.last_seen_at = now
        await device.save(update_fields=["last_seen_at"])
    office = await services.office_at(position)
    return replace(Viewer.of_device(device, office.tree), office=office)


async def as_they_are(viewers: Sequence[Viewer], now: datetime) -> list[Viewer | None]:
    """Return each viewer by the current state of the database; None where the token, session or device has ended.

    Reads sessions, devices and managers in batches, so many open sockets cost few statements.
    """
    tree = await people.tree()
    sessions: dict[int, Session] = {}
    devices: dict[int, Device] = {}
    leaders: set[int] = set()
    for part in range(0, len(viewers), _AT_ONCE):
        some = viewers[part : part + _AT_ONCE]
        numbers = {viewer.session_id for viewer in some if viewer.employee is not None}
        sessions |= {row.id: row for row in await Session.filter(id__in=numbers).select_related("employee")}
        devices |= await Device.in_bulk({viewer.device.id for viewer in some if viewer.device is not None}, "id")
        people_ = {viewer.id for viewer in some if viewer.id is not None}
        leaders.update(await Employee.filter(manager_id__in=people_).values_list("manager_id", flat=True))  # type: ignore[arg-type]

    def now_is(viewer: Viewer) -> Viewer | None:
        if viewer.device is not None:
            device = devices.get(viewer.device.id)
            return Viewer.of_device(device, tree) if device is not None and device.revoked_at is None else None
        session = sessions.get(viewer.session_id or 0)
        assert viewer.expires_at is not None
        if session is None or session.revoked_at is not None or viewer.expires_at + LEEWAY <= now:
            return None
        employee = session.employee
        if not employee.active:
            return None
        return Viewer.of_employee(employee, tree, session.id, viewer.expires_at, leads=employee.id in leaders)

    return [now_is(viewer) for viewer in viewers]


async def renew(context: Context) -> None:
    """Authenticate the context's token anew and drop its cached data: a new event begins, or permissions changed."""
    context.forget()
    if context.caller.token is not None:
        context.who = await viewer(context.caller.token, context.services, context.clock())


def new_device_token() -> tuple[str, str]:
    """Return a new device token, which is shown once, and the digest to store."""
    token = DEVICE_PREFIX + secrets.token_urlsafe(32)
    return token, _digest(token)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def topics(viewer: Viewer) -> list[str]:
    """Return the topics of changes that may end the viewer's session or change their permissions."""
    if viewer.employee is not None:
        return ["people", f"employee:{viewer.employee.id}", f"session:{viewer.session_id}"]
    return ["people", f"device:{viewer.device.id if viewer.device else 0}"]
