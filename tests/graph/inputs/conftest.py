"""Fixtures with a company for invalid input."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.graph.inputs.request_client import RequestClient, open_client, open_filled_company


@pytest.fixture
async def sqlite_client() -> AsyncIterator[RequestClient]:
    async with open_filled_company() as world, open_client(world) as client:
        yield client


@pytest.fixture
async def postgres_client(postgres_tables_url: str) -> AsyncIterator[RequestClient]:
    async with open_filled_company(postgres_tables_url) as world, open_client(world) as client:
        yield client
