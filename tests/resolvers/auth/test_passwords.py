"""Signing in does not reveal whether an account exists."""

from __future__ import annotations

from resolvers.auth import passwords


async def test_verify_password_is_false_without_account() -> None:
    assert not await passwords.verify_password(None, "nobody has this password")


def test_unknown_email_costs_as_much_to_check_as_a_known_one() -> None:
    assert not passwords._HASHER.check_needs_rehash(passwords._DUMMY_HASH)
