"""Passwords, kept as argon2 hashes; hashing takes a while, so it runs beside the event loop."""

from __future__ import annotations

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.refusals import OutOfRange

SHORTEST, LONGEST = 8, 200
_HASHER: Final = PasswordHasher()
_NOBODYS: Final = _HASHER.hash(
    "nobody has this password"
)  # so that an unknown e-mail costs as much as a wrong password


async def hashed(password: str, *path: str) -> str:
    if not SHORTEST <= len(password) <= LONGEST:
        raise OutOfRange(f"A password has {SHORTEST} to {LONGEST} characters.", *path)
    return await asyncio.to_thread(_HASHER.hash, password)


async def right(stored: str | None, password: str) -> bool:
    """Return whether the password is the one that was hashed; takes as long when there is none."""

    def verify() -> bool:
        try:
            return _HASHER.verify(stored or _NOBODYS, password[: LONGEST + 1]) and stored is not None
        except (VerificationError, InvalidHashError):
            return False

    return await asyncio.to_thread(verify)
