"""Authentication: short-lived access tokens, refresh tokens that are used once, and device tokens.

The access token (a JWT) carries the id of the session, which is read on each use, so a revoked session ends at once. (A
WebSocket may open with a token that was checked lately; news of the end of its session forbids that.)
Each refresh issues a new refresh token, its successor. The same refresh token again within `REPEAT_WINDOW` gives the
same successor, since the first answer may have been lost. Later, or from another network while the successor is in
use, it must have leaked, so the whole session is revoked.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

import jwt

from domain.errors.operation_errors import Unauthenticated
from domain.errors.user_errors import Invalid
from domain.messages import gettext_noop
from models.auth import sessions, sign_ins
from models.auth.sessions import Device, RefreshToken, Session
from models.db import connection, row_store
from models.db.errors import DatabaseUnavailable, StorageFull
from models.organization import accounts, people
from models.organization import reference_data as reference_models
from models.organization.people import Employee
from resolvers.auth import attempts, audit, signing, trust_tokens
from resolvers.request.client_info import ClientInfo
from resolvers.request.context import RequestContext
from resolvers.request.services import Services
from resolvers.request.viewer import Viewer

DEVICE_PREFIX: Final = "sld_"
CLOCK_LEEWAY: Final = timedelta(seconds=5)  # clocks differ
REPEAT_WINDOW: Final = timedelta(seconds=30)  # in which a refresh token gives the same successor again
_MAX_EMAIL_LENGTH: Final = 254
_LAST_SEEN_INTERVAL: Final = timedelta(seconds=60)
_BATCH_SIZE: Final = 500

log = logging.getLogger(__name__)


class UnknownToken(Unauthenticated):
    """A token that this server has not issued: a guess, or one from another installation."""


@dataclass(frozen=True)
class SignInResult:
    """Tokens of a session. `trust_token`: only of a sign-in with a password."""

    access_token: str
    refresh_token: str
    expires_at: datetime
    viewer: Viewer
    trust_token: str | None = None


async def sign_in(context: RequestContext, email: str, password: str, trust_token: str | None = None) -> SignInResult:
    """Check e-mail and password and start a session.

    trust_token  from an earlier sign-in on the same device; any other is ignored

    Raises Throttled after too many wrong passwords, and Invalid, with the same error for an unknown e-mail, a wrong
    password and an inactive employee.
    """
    email = normalize_email(email)
    network, now, services = context.client.network, context.clock(), context.services
    account = await accounts.find_account(email, network)
    employee_id = account.employee.id if account.employee else None
    device_id = trust_tokens.find_trusted_device(trust_token, employee_id, services, now)
    is_right = await attempts.check_password(context, email, account, password, device_id=device_id)
    if account.employee is None or not is_right:
        raise Invalid("The e-mail or the password is wrong.", "input", "password")
    refresh_token = secrets.token_urlsafe(32)
    async with connection.transaction():
        expires_at = _compute_expiry(now, now, services)
        session = await row_store.insert(
            Session(employee_id=account.employee.id, started_at=now, expires_at=expires_at)
        )
        await row_store.insert(RefreshToken(session_id=session.id, digest=_digest(refresh_token)))
        await sign_ins.remember_network(account.employee.id, network, now)
    result = await _issue_access_token(context, session.id, refresh_token, account.employee)
    audit.record(context, "signed in", session=session.id)
    return replace(result, trust_token=trust_tokens.create_trust_token(account.employee.id, services, now))


def _compute_expiry(started_at: datetime, now: datetime, services: Services) -> datetime:
    """Return when a session that is used now ends: it lasts for a limited time in all, and less without being used."""
    end = started_at + timedelta(days=services.refresh_token_days)
    return min(end, now + timedelta(days=services.session_idle_days))


def normalize_email(email: str) -> str:
    """Return an e-mail address as accounts have it; too long a text is cut, since no account has it."""
    return email.strip().lower()[:_MAX_EMAIL_LENGTH]


async def refresh(context: RequestContext, token: str) -> SignInResult:
    """Issue new tokens for a refresh token: its successor, and an access token.

    All that it stores is one transaction, so after an error the token is either unused, or gives the same successor
    again. Raises Unauthenticated; a token that must have leaked revokes its session.
    """
    network, now = context.client.network, context.clock()
    row = await sessions.find_refresh_token_with_employee(_digest(token))
    if row is None:
        await attempts.count_wrong_token(context.services.rate_limiter, network, token)
        raise Unauthenticated(_INVALID_REFRESH_TOKEN)
    session = row.session
    if session.revoked_at is not None or session.expires_at <= now or not session.employee.active:
        raise Unauthenticated(_INVALID_REFRESH_TOKEN)
    async with connection.transaction():
        successor = await _issue_successor(row, token, network, now)
        if successor is not None:
            expires_at = _compute_expiry(session.started_at, now, context.services)
            await sessions.set_expiry(session.id, expires_at)
            await sign_ins.remember_network(session.employee_id, network, now)
    if successor is None:
        audit.record_refusal(context, "refresh token reused", session=session.id, employee=session.employee_id)
        await _end_session(context, session.id)
        raise Unauthenticated(_INVALID_REFRESH_TOKEN)
    successor_id, refresh_token = successor
    return await _issue_access_token(context, session.id, refresh_token, session.employee, token_id=successor_id)


_INVALID_REFRESH_TOKEN: Final = gettext_noop("This refresh token is not valid: sign in again.")


async def _issue_successor(row: RefreshToken, token: str, network: str, now: datetime) -> tuple[int, str] | None:
    """Return id and text of the successor of a refresh token, the same for a repeated call; None if it has leaked."""
    salt = secrets.token_hex(32)
    if await sessions.use_refresh_token(row.id, now, network, salt):
        text = _derive_successor(token, salt)
        return (await row_store.insert(RefreshToken(session_id=row.session_id, digest=_digest(text)))).id, text
    row = await sessions.get_refresh_token_with_session(row.id)  # as another call has left it
    if row.used_at is None or row.successor_salt is None or now - row.used_at > REPEAT_WINDOW:
        return None
    text = _derive_successor(token, row.successor_salt)
    successor = await sessions.find_refresh_token(_digest(text))
    assert successor is not None
    is_in_use = successor.used_at is not None or (row.session.active_token_id or 0) >= successor.id
    return None if is_in_use and row.used_from != network else (successor.id, text)


def _derive_successor(token: str, salt: str) -> str:
    """Return the refresh token that follows a token: it cannot be computed without both the token and the salt."""
    digest = hmac.digest(salt.encode(), token.encode("utf-8", "surrogatepass"), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def sign_out(context: RequestContext, token: str) -> None:
    """End the session of a refresh token; ignore an unknown token."""
    row = await sessions.find_refresh_token(_digest(token))
    if row is not None:
        await _end_session(context, row.session_id)
        audit.record(context, "signed out", session=row.session_id)


async def _end_session(context: RequestContext, session_id: int) -> None:
    """Revoke a session and publish it, so that its open sockets close."""
    async with context.unit_of_work():
        await sessions.end_session(session_id, context.now())
        context.publish(f"session:{session_id}")


async def _issue_access_token(
    context: RequestContext, session_id: int, refresh_token: str, employee: Employee, *, token_id: int = 0
) -> SignInResult:
    """Return the tokens of a session with a new access token.

    token_id  of the refresh token, if it has a predecessor: the first use of the access token shows that it arrived
    """
    now, services = context.clock(), context.services
    expires_at = now + timedelta(seconds=services.access_token_seconds)
    claims = {"sub": str(employee.id), "sid": session_id, "rid": token_id, "iat": now, "exp": expires_at}
    viewer = await _load_viewer(employee, session_id, expires_at)
    context.current_viewer = viewer
    return SignInResult(signing.sign(claims, services.signing_secret), refresh_token, expires_at, viewer)


async def _load_viewer(employee: Employee, session_id: int, expires_at: datetime) -> Viewer:
    has_direct_reports = await people.has_direct_reports(employee.id)
    return Viewer.for_employee(
        employee, await people.load_team_tree(), session_id, expires_at, has_direct_reports=has_direct_reports
    )


@dataclass(frozen=True, slots=True)
class Authentication:
    """The viewer of a token by the state of the database at a position of the change log."""

    viewer: Viewer
    log_position: int


async def authenticate_client(
    client: ClientInfo, services: Services, now: datetime, *, shares_viewer: bool = False
) -> Authentication:
    """Return the viewer of a client's token, as `authenticate` does, and count a wrong token for its network.

    Raises Throttled in place of Unauthenticated after too many wrong ones.

    shares_viewer  the operation changes nothing, so it may have the same viewer as others
    """
    assert client.token is not None
    try:
        return await _authenticate(client.token, services, now, shares_viewer=shares_viewer)
    except UnknownToken:
        await attempts.count_wrong_token(services.rate_limiter, client.network, client.token)
        raise


async def find_ready(client: ClientInfo, services: Services, now: datetime) -> Authentication | None:
    """Return what `authenticate_client` does where a reading of the session is all that it takes; None in any other case.

    It waits for nothing but that reading, so it can be cancelled at any time.
    """
    token, state = client.token, services.state
    if token is None or token.startswith(DEVICE_PREFIX):
        return None
    try:
        employee_id, session_id, token_id, expires_at = _decode_access_token(token, services.verifying_secrets)
    except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, OSError):
        return None
    if expires_at + CLOCK_LEEWAY <= now or not max(employee_id, session_id, token_id) < 1 << 31:
        return None
    session = await state.viewers.read_session(session_id)
    if session is None or session.employee_id != employee_id or not session.is_active:
        return None
    reference_data = state.reference_data.find_at(session.position)
    if reference_data is None or token_id > session.active_token_id:
        return None
    return Authentication(state.viewers.get_viewer(session, expires_at, reference_data), session.log_position)


async def authenticate(token: str, services: Services, now: datetime) -> Viewer:
    """Return the viewer of an access or device token, by the current state of the database.

    Raises Unauthenticated, with the same error for every reason but expiry, so that it does not help guessing.
    """
    return (await _authenticate(token, services, now)).viewer


async def _authenticate(
    token: str, services: Services, now: datetime, *, shares_viewer: bool = False
) -> Authentication:
    if token.startswith(DEVICE_PREFIX):
        return await _authenticate_device(token, services, now)
    try:
        employee_id, session_id, token_id, expires_at = _decode_access_token(token, services.verifying_secrets)
    except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, OSError) as error:
        raise UnknownToken(_INVALID_TOKEN) from error
    if not max(employee_id, session_id, token_id) < 1 << 31:  # beyond the id columns
        raise UnknownToken(_INVALID_TOKEN)
    if expires_at + CLOCK_LEEWAY <= now:
        raise Unauthenticated("The access token has expired: refresh the session.", code="TOKEN_EXPIRED")
    viewers = services.state.viewers
    state = await viewers.read_session(session_id)
    if state is None or state.employee_id != employee_id or not state.is_active:
        raise Unauthenticated(_INVALID_TOKEN)
    if token_id > state.active_token_id:
        await _mark_token_active(session_id, token_id)
    reference_data = await services.state.reference_data.at(state.position)
    get_viewer = viewers.get_viewer if shares_viewer else viewers.make_viewer
    return Authentication(get_viewer(state, expires_at, reference_data), state.log_position)


async def _mark_token_active(session_id: int, token_id: int) -> None:
    """Store that the tokens of a refresh have arrived: from then on their predecessor is not expected again.

    Reading must work where writing does not, so a database that cannot write is only logged.
    """
    try:
        await sessions.mark_token_active(session_id, token_id)
    except (DatabaseUnavailable, StorageFull) as error:
        log.warning("The first use of an access token could not be stored (%r).", error)


@lru_cache(maxsize=1024)
def _decode_access_token(token: str, verifying_secrets: tuple[str, ...]) -> tuple[int, int, int, datetime]:
    """Return the ids of employee, session and refresh token (0: none) of an access token, and its expiry.

    Cached: a token's claims never change, and checking the signature costs more than the rest of authentication.
    The caller checks the expiry, which depends on the clock.
    """
    claims = signing.verify(token, verifying_secrets, ("exp", "sub", "sid"))
    token_id, expires_at = int(claims.get("rid", 0)), datetime.fromtimestamp(claims["exp"], UTC)
    return int(claims["sub"]), int(claims["sid"]), token_id, expires_at


_INVALID_TOKEN: Final = gettext_noop("This token is not valid: sign in again.")


async def _authenticate_device(token: str, services: Services, now: datetime) -> Authentication:
    found = await reference_models.find_device(_digest(token))
    if found is None:
        raise UnknownToken(_INVALID_TOKEN)
    device, position, log_position = found
    if device.revoked_at is not None:
        raise Unauthenticated(_INVALID_TOKEN)
    if device.last_seen_at is None or now - device.last_seen_at >= _LAST_SEEN_INTERVAL:
        device.last_seen_at = now
        await row_store.save(device, "last_seen_at")
    reference_data = await services.state.reference_data.at(position)
    viewer = replace(Viewer.for_device(device, reference_data.tree), reference_data=reference_data)
    return Authentication(viewer, log_position)


async def reload_viewers(viewers: Sequence[Viewer]) -> list[Viewer | None]:
    """Return each viewer by the current state of the database; None where the session or device has ended.

    Reads sessions, devices and managers in batches, so many open sockets cost few statements.
    """
    tree = await people.load_team_tree()
    sessions_by_id: dict[int, Session] = {}
    devices: dict[int, Device] = {}
    manager_ids: set[int] = set()
    for offset in range(0, len(viewers), _BATCH_SIZE):
        batch = viewers[offset : offset + _BATCH_SIZE]
        session_ids = {viewer.session_id for viewer in batch if viewer.employee is not None}
        sessions_by_id |= await sessions.load_with_employees(session_ids)
        devices |= await sessions.load_devices({viewer.device.id for viewer in batch if viewer.device is not None})
        employee_ids = {viewer.id for viewer in batch if viewer.id is not None}
        manager_ids |= await people.list_managers(employee_ids)

    def reload(viewer: Viewer) -> Viewer | None:
        if viewer.device is not None:
            device = devices.get(viewer.device.id)
            return Viewer.for_device(device, tree) if device is not None and device.revoked_at is None else None
        session = sessions_by_id.get(viewer.session_id or 0)
        if session is None or session.revoked_at is not None:
            return None
        employee = session.employee
        if not employee.active:
            return None
        return Viewer.for_employee(
            employee, tree, session.id, viewer.expires_at, has_direct_reports=employee.id in manager_ids
        )

    return [reload(viewer) for viewer in viewers]


async def reauthenticate(context: RequestContext) -> None:
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
