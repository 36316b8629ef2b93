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
from models.organization import reference_data as reference_models
from models.organization.people import Employee
from resolvers.auth import passwords
from resolvers.request.context import Context
from resolvers.request.services import Services
from resolvers.request.viewer import Viewer

DEVICE_PREFIX: Final = "sld_"
_ALGORITHM: Final = "HS256"
CLOCK_LEEWAY: Final = timedelta(seconds=5)  # clocks differ
_MAX_EMAIL_LENGTH: Final = 254
_LAST_SEEN_INTERVAL: Final = timedelta(seconds=60)
_BATCH_SIZE: Final = 500


@dataclass(frozen=True)
class SignInResult:
    access_token: str
    refresh_token: str
    expires_at: datetime
    viewer: Viewer


async def sign_in(context: Context, email: str, password: str) -> SignInResult:
    """Check e-mail and password and start a session.

    Raises Throttled after too many attempts from one address or for one e-mail, and Invalid, with the same error for
    an unknown e-mail, a wrong password and an inactive employee.
    """
    email = email.strip().lower()[:_MAX_EMAIL_LENGTH]
    throttle_keys = (("sign-in from", context.client.address), ("sign-in as", email))
    for throttle_key in throttle_keys:
        wait = await context.services.rate_limiter.hit(*throttle_key)
        if wait:
            raise Throttled("Too many attempts to sign in: wait and try again.", retry_after_ms=int(wait * 1000))
    employee = await Employee.get_or_none(email=email)
    password_matches = await passwords.verify_password(employee.password_hash if employee else None, password)
    if employee is None or not password_matches or not employee.active:
        raise Invalid("The e-mail or the password is wrong.", "input", "password")
    await context.services.rate_limiter.clear(*throttle_keys[1])
    now = context.clock()
    session = await Session.create(
        employee_id=employee.id, started_at=now, expires_at=now + timedelta(days=context.services.refresh_token_days)
    )
    return await _issue_tokens(context, session, employee)


async def refresh(context: Context, token: str) -> SignInResult:
    """Issue new tokens for a refresh token. Raises Unauthenticated; one that was used already revokes its session."""
    now = context.clock()
    row = await RefreshToken.get_or_none(digest=_digest(token))
    if row is None:
        raise Unauthenticated("This refresh token is not valid: sign in again.")
    session = await Session.get(id=row.session_id)
    # Checked and marked in one UPDATE, so that of two concurrent calls with one token only one gets new tokens.
    used = not await RefreshToken.filter(id=row.id, used_at=None).update(used_at=now)
    if used and session.revoked_at is None:
        await _end_session(context, session.id)
    employee = await Employee.get(id=session.employee_id)
    if used or session.revoked_at is not None or session.expires_at <= now or not employee.active:
        raise Unauthenticated("This refresh token is not valid: sign in again.")
    return await _issue_tokens(context, session, employee)


async def sign_out(context: Context, token: str) -> None:
    """End the session of a refresh token; ignore an unknown token."""
    row = await RefreshToken.get_or_none(digest=_digest(token))
    if row is not None:
        await _end_session(context, row.session_id)


async def _end_session(context: Context, session_id: int) -> None:
    """Revoke a session and publish it, so that its open sockets close."""
    async with context.unit_of_work():
        await Session.filter(id=session_id, revoked_at=None).update(revoked_at=context.now())
        context.publish(f"session:{session_id}")


async def _issue_tokens(context: Context, session: Session, employee: Employee) -> SignInResult:
    now, services = context.clock(), context.services
    refresh_token = secrets.token_urlsafe(32)
    await RefreshToken.create(session_id=session.id, digest=_digest(refresh_token))
    expires_at = now + timedelta(seconds=services.access_token_seconds)
    access_token = jwt.encode(
        {"sub": str(employee.id), "sid": session.id, "iat": now, "exp": expires_at},
        services.signing_secret,
        algorithm=_ALGORITHM,
    )
    viewer = await _load_viewer(employee, session.id, expires_at)
    context.current_viewer = viewer
    return SignInResult(access_token, refresh_token, expires_at, viewer)


async def _load_viewer(employee: Employee, session_id: int, expires_at: datetime) -> Viewer:
    has_direct_reports = await Employee.exists(manager_id=employee.id)
    return Viewer.for_employee(
        employee, await people.load_team_tree(), session_id, expires_at, has_direct_reports=has_direct_reports
    )


async def authenticate(token: str, services: Services, now: datetime) -> Viewer:
    """Return the viewer of an access or device token, by the current state of the database.

    Raises Unauthenticated, with the same error for every reason but expiry, so that it does not help guessing.
    """
    if token.startswith(DEVICE_PREFIX):
        return await _authenticate_device(token, services, now)
    try:
        employee_id, session_id, expires_at = _decode_access_token(token, services.signing_secret)
    except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, OSError) as error:
        raise Unauthenticated(_INVALID_TOKEN) from error
    if not max(employee_id, session_id) < 1 << 31:  # beyond the id columns
        raise Unauthenticated(_INVALID_TOKEN)
    if expires_at + CLOCK_LEEWAY <= now:
        raise Unauthenticated("The access token has expired: refresh the session.", code="TOKEN_EXPIRED")
    authenticated, position = await reference_models.find_session_employee(session_id, employee_id)
    if authenticated is None or authenticated.revoked or not authenticated.employee.active:
        raise Unauthenticated(_INVALID_TOKEN)
    reference_data = await services.reference_data_at(position)
    viewer = Viewer.for_employee(
        authenticated.employee,
        reference_data.tree,
        session_id,
        expires_at,
        has_direct_reports=authenticated.has_direct_reports,
    )
    return replace(viewer, reference_data=reference_data)


@lru_cache(maxsize=1024)
def _decode_access_token(token: str, secret: str) -> tuple[int, int, datetime]:
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


_INVALID_TOKEN: Final = "This token is not valid: sign in again."


async def _authenticate_device(token: str, services: Services, now: datetime) -> Viewer:
    device, position = await reference_models.find_device(_digest(token))
    if device is None or device.revoked_at is not None:
        raise Unauthenticated(_INVALID_TOKEN)
    if device.last_seen_at is None or now - device.last_seen_at >= _LAST_SEEN_INTERVAL:
        device.last_seen_at = now
        await device.save(update_fields=["last_seen_at"])
    reference_data = await services.reference_data_at(position)
    return replace(Viewer.for_device(device, reference_data.tree), reference_data=reference_data)


async def reload_viewers(viewers: Sequence[Viewer]) -> list[Viewer | None]:
    """Return each viewer by the current state of the database; None where the session or device has ended.

    Reads sessions, devices and managers in batches, so many open sockets cost few statements.
    """
    tree = await people.load_team_tree()
    sessions: dict[int, Session] = {}
    devices: dict[int, Device] = {}
    manager_ids: set[int] = set()
    for offset in range(0, len(viewers), _BATCH_SIZE):
        batch = viewers[offset : offset + _BATCH_SIZE]
        session_ids = {viewer.session_id for viewer in batch if viewer.employee is not None}
        sessions |= {row.id: row for row in await Session.filter(id__in=session_ids).select_related("employee")}
        devices |= await Device.in_bulk({viewer.device.id for viewer in batch if viewer.device is not None}, "id")
        employee_ids = {viewer.id for viewer in batch if viewer.id is not None}
        manager_ids.update(await Employee.filter(manager_id__in=employee_ids).values_list("manager_id", flat=True))  # type: ignore[arg-type]

    def reload(viewer: Viewer) -> Viewer | None:
        if viewer.device is not None:
            device = devices.get(viewer.device.id)
            return Viewer.for_device(device, tree) if device is not None and device.revoked_at is None else None
        session = sessions.get(viewer.session_id or 0)
        if session is None or session.revoked_at is not None:
            return None
        employee = session.employee
        if not employee.active:
            return None
        return Viewer.for_employee(
            employee, tree, session.id, viewer.expires_at, has_direct_reports=employee.id in manager_ids
        )

    return [reload(viewer) for viewer in viewers]


async def reauthenticate(context: Context) -> None:
    """Authenticate the context's token anew and drop its cached data: a new event begins, or permissions changed."""
    context.invalidate()
    if context.client.token is not None:
        context.current_viewer = await authenticate(context.client.token, context.services, context.clock())


def new_device_token() -> tuple[str, str]:
    """Return a new device token, which is shown once, and the digest to store."""
    token = DEVICE_PREFIX + secrets.token_urlsafe(32)
    return token, _digest(token)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def revocation_topics(viewer: Viewer) -> list[str]:
    """Return the topics of changes that may end the viewer's session or change their permissions."""
    if viewer.employee is not None:
        return ["people", f"employee:{viewer.employee.id}", f"session:{viewer.session_id}"]
    return ["people", f"device:{viewer.device.id if viewer.device else 0}"]
