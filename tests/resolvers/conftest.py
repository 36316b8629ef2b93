"""The database of tests of the resolvers."""

from __future__ import annotations

import pytest

from tests.shared_measurements import share_past_goals


@pytest.fixture
def sqlite_url() -> str:
    """A database in memory, whose statements need no thread: that of the models is tested with files."""
    return "sqlite://:memory:"


@pytest.fixture(autouse=True)
def past_goals_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure past goals once for all tests with the same deals. Modules that test the measuring override this."""
    share_past_goals(monkeypatch)
