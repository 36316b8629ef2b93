"""The account that an e-mail address signs in to, with what is known of earlier sign-ins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from models.auth import password_links, sessions, sign_ins
from models.db import connection, row_store
from models.organization.people import Employee


@dataclass(frozen=True)
class Account:
    """An e-mail address as an account.

    employee          None if no active employee has the address
    unlocked_at       when an administrator last unlocked its sign-in
    is_known_network  whether the employee has signed in from the network before
    """

    employee: Employee | None = None
    unlocked_at: datetime | None = None
    is_known_network: bool = False

    @property
    def password_hash(self) -> str | None:
        return self.employee.password_hash if self.employee else None


_ACCOUNT_SQL: Final = """
SELECT employee.*, sign_in_unlock.at AS unlocked_at, EXISTS (
    SELECT 1 FROM known_network WHERE known_network.employee_id = employee.id AND known_network.network = ?
) AS is_known_network
FROM employee LEFT JOIN sign_in_unlock ON sign_in_unlock.employee_id = employee.id
WHERE employee.email = ? AND employee.active
"""


async def find_account(email: str, network: str) -> Account:
    """Return the account of an e-mail address for a sign-in from a network, in one statement whether it exists or not."""
    rows = await connection.fetch_rows(_ACCOUNT_SQL, [network, email])
    if not rows:
        return Account()
    row = rows[0]
    unlocked_at = None if row["unlocked_at"] is None else connection.to_datetime(row["unlocked_at"])
    return Account(row_store.from_columns(Employee, row), unlocked_at, bool(row["is_known_network"]))


async def set_password(
    employee: Employee, password_hash: str, now: datetime, *, kept_session_id: int | None = None
) -> None:
    """Store a password hash; end the employee's other sessions, void their links and unlock their sign-in."""
    employee.password_hash = password_hash
    await employee.save(update_fields=["password_hash"])
    await sessions.revoke_sessions(employee.id, now, kept_session_id=kept_session_id)
    await password_links.void_links(employee.id, now)
    await sign_ins.unlock(employee.id, now)
