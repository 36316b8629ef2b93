"""The database of tests of the schema."""

from __future__ import annotations

import pytest


@pytest.fixture
def sqlite_url() -> str:
    """A database in memory, whose statements need no thread: that of the models is tested with files."""
    return "sqlite://:memory:"
