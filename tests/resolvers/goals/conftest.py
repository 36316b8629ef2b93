"""Fixtures with a company to plan for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.resolvers.goals.planned_company import planned_company
from tests.world import World


@pytest.fixture
async def company() -> AsyncIterator[World]:
    """A company to plan for, on SQLite."""
    async with planned_company() as world:
        yield world


@pytest.fixture
async def either_company(usual_database_url: str) -> AsyncIterator[World]:
    """A company to plan for, on SQLite and, in `long` tests and those that say so, on PostgreSQL."""
    async with planned_company(usual_database_url) as world:
        yield world
