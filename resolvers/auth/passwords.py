"""Password hashing with argon2, in a thread so that it does not block the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.errors.user_errors import OutOfRange

MIN_LENGTH, MAX_LENGTH = 8, 200
_HASHER: Final = PasswordHasher()
_THREADS: Final = ThreadPoolExecutor(2, thread_name_prefix="argon2")  # few, since each hash takes 64 MiB of memory
# Compared with where there is no account, so that an unknown e-mail takes as long as a wrong password (no user
# enumeration by timing). A constant, since hashing at import would delay every start.
_DUMMY_HASH: Final = "$argon2id$v=19$m=65536,t=3,p=4$daG1+COGsrIOTzlmHqOpqQ$MpYg5GRoOof5VxjKtMCDzMQNWf3CwgK08mos2dQSEXY"


async def hash_password(password: str, *path: str) -> str:
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise OutOfRange(f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.", *path)
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _HASHER.hash, password)


async def verify_password(password_hash: str | None, password: str) -> bool:
    """Return whether the password matches the hash; False for no hash, after the same time."""

    def verify() -> bool:
        try:
            return (
                _HASHER.verify(password_hash or _DUMMY_HASH, password[: MAX_LENGTH + 1]) and password_hash is not None
            )
        except (VerificationError, InvalidHashError):
            return False

    return await asyncio.get_running_loop().run_in_executor(_THREADS, verify)
