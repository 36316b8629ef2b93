"""Fixtures with a sales company."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.resolvers.crm.sales_company import allow_channels, open_sales_company
from tests.world import World


@pytest.fixture
async def sales_company() -> AsyncIterator[World]:
    """A company with deals, on SQLite."""
    async with open_sales_company() as world:
        allow_channels(world)
        yield world


@pytest.fixture
async def either_sales_company(database_url: str) -> AsyncIterator[World]:
    """A company with deals, once on SQLite and once on PostgreSQL."""
    async with open_sales_company(database_url) as world:
        allow_channels(world)
        yield world
