"""Cheap password hashes, for tests that try hundreds of passwords."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from resolvers.auth import passwords


@pytest.fixture
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", hasher)
    monkeypatch.setattr(passwords, "_DUMMY_HASH", hasher.hash("no account"))
