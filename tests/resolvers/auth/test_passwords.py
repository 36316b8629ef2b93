"""Signing in does not reveal whether an account exists."""

from __future__ import annotations

from resolvers.auth import passwords


async def test_without_an_account_no_password_is_right() -> None:
    assert not await passwords.right(None, "nobody has this password")


def test_an_unknown_email_is_checked_at_the_cost_of_a_known_one() -> None:
    assert not passwords._HASHER.check_needs_rehash(passwords._NOBODYS)
