"""Limits on guessing secrets: passwords, tokens and one-time links are counted together, before a password is hashed.

Only wrong secrets count. A password is counted by e-mail address and network, so that wrong ones sent from elsewhere
lock out neither a network from which the employee has signed in before, nor a device with a trust token. From all
unknown networks together an address has one more limit, which ends a search from many networks; an administrator can
unlock it. An address without an account has the same limits, so they do not tell which exist.

Access, refresh, device and link tokens are random or signed and cannot be guessed, so a valid one is accepted at any
time; wrong ones count for their network.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from domain.errors.operation_errors import Throttled
from domain.errors.user_errors import Invalid
from models.db import row_store
from models.organization import accounts
from models.organization.accounts import Account
from models.organization.people import Employee
from resolvers.auth import audit, passwords
from resolvers.request.context import RequestContext
from resolvers.request.rate_limits import RateLimit, RateLimiterProtocol

PER_NETWORK: Final = RateLimit("network", 100, timedelta(minutes=15))
PER_ACCOUNT_AND_NETWORK: Final = RateLimit("account and network", 10, timedelta(minutes=15))
PER_ACCOUNT: Final = RateLimit("account", 100, timedelta(hours=24))  # the limit of NIST SP 800-63B, 5.2.2
PER_DEVICE: Final = RateLimit("device", 10, timedelta(minutes=15))
_SAME_TOKEN: Final = RateLimit("same token", 1, timedelta(minutes=15))
_UNLOCKED_FOR: Final = timedelta(hours=1)  # how long an unlocked account is accepted from a network over its limit
_SHARED_NAMES: Final = 1 << 18
_KNOWN, _UNKNOWN = "known", "unknown"


@dataclass(frozen=True)
class _Count:
    """A count of wrong secrets. `is_reset`: a right password resets it, and is not only left out of it."""

    limit: RateLimit
    key: tuple[str, ...]
    is_reset: bool = False


async def check_password(
    context: RequestContext, email: str, account: Account, password: str, *, device_id: str | None = None
) -> bool:
    """Return whether this is the password of the account; a wrong one is counted.

    device_id  of a trusted device, which has a count of its own

    Raises Throttled, without looking at the password, after too many wrong ones.
    """
    limiter, accepted = context.services.rate_limiter, list[_Count]()
    counts = _select_counts(email, account, context.client.network, device_id, context.clock())
    for count in counts:
        wait = await limiter.hit(count.limit, *count.key)
        if wait:
            await _take_back(limiter, accepted)
            audit.record_refusal(
                context, "password attempt throttled", employee=_employee_id(account), limit=count.limit.name
            )
            raise _throttled(wait, by_account=count.limit is PER_ACCOUNT)
        accepted.append(count)
    if not await passwords.verify_password(account.password_hash, password):
        audit.record_refusal(context, "wrong password", employee=_employee_id(account))
        return False
    await _take_back(limiter, accepted)
    for count in accepted:
        if count.is_reset:
            await limiter.clear(count.limit, *count.key)
    return True


async def check_current_password(context: RequestContext, employee_id: int, password: str) -> str | None:
    """Return the hash of the employee's password, which must be this one; wrong ones are counted as at a sign-in."""
    employee = await row_store.get(Employee, employee_id)
    email = employee.email or f"employee:{employee_id}"
    account = await accounts.find_account(email, context.client.network)
    if not await check_password(context, email, account, password):
        raise wrong_current_password()
    return account.password_hash


def wrong_current_password() -> Invalid:
    return Invalid("The current password is wrong.", "input", "currentPassword")


def _select_counts(email: str, account: Account, network: str, device_id: str | None, now: datetime) -> list[_Count]:
    if device_id is not None:
        return [_Count(PER_DEVICE, (email, device_id), is_reset=True)]
    generation = "" if account.unlocked_at is None else account.unlocked_at.isoformat()
    counts = list[_Count]()
    if account.unlocked_at is None or now - account.unlocked_at >= _UNLOCKED_FOR:
        # first, so that a network over its limit does not add a count for each address that it makes up
        counts.append(_Count(PER_NETWORK, (network, _KNOWN if account.is_known_network else _UNKNOWN)))
    counts.append(_Count(PER_ACCOUNT_AND_NETWORK, (email, generation, network), is_reset=True))
    if not account.is_known_network:
        counts.append(_Count(PER_ACCOUNT, (_shared_name(email) if account.employee is None else email, generation)))
    return counts


def _shared_name(email: str) -> str:
    """Return the name under which an address without an account is counted for a day.

    Some share a name, so that made-up addresses take bounded memory. They are so many that filling all names, to see
    which addresses are not refused, takes longer than a day: passwords cannot be hashed that fast.
    """
    return f"no account {zlib.crc32(email.encode('utf-8', 'surrogatepass')) % _SHARED_NAMES}"


async def _take_back(limiter: RateLimiterProtocol, counts: list[_Count]) -> None:
    for count in counts:
        await limiter.undo(count.limit, *count.key)


def _employee_id(account: Account) -> int | None:
    return account.employee.id if account.employee else None


def _throttled(wait: float, *, by_account: bool = False) -> Throttled:
    retry_after_ms = int(wait * 1000)
    if by_account:
        return Throttled(
            "Too many wrong passwords for this account: sign in on a device or in a network that was used before, or "
            "ask an administrator to unlock it.",
            retry_after_ms=retry_after_ms,
        )
    return Throttled("Too many wrong passwords or tokens: wait and try again.", retry_after_ms=retry_after_ms)


async def count_wrong_token(limiter: RateLimiterProtocol, network: str, token: str) -> None:
    """Count a wrong token for its network. Raises Throttled if there were too many.

    The same token counts once, so that a client that repeats it without end locks out no other client of its network.
    """
    digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
    if await limiter.hit(_SAME_TOKEN, network, digest):
        return
    wait = await limiter.hit(PER_NETWORK, network, _UNKNOWN)
    audit.log.warning("wrong token throttled" if wait else "wrong token", address=network)
    if wait:
        await limiter.undo(_SAME_TOKEN, network, digest)
        raise _throttled(wait)


async def seconds_throttled(limiter: RateLimiterProtocol, network: str) -> float:
    """Return how long a network has to wait because it has sent too many wrong secrets; 0 for not at all.

    For secrets that a person may have chosen, which are then not even compared.
    """
    return await limiter.peek(PER_NETWORK, network, _UNKNOWN)
