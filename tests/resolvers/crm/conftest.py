"""Fixtures with a sales company: created once per kind of database, copied for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.resolvers.crm.sales_company import allow_channels, open_sales_company
from tests.world import World, WorldTemplate, open_copy
from tests.world_templates import copy_template, copy_to_sqlite, create_template


@pytest.fixture(scope="session")
def sqlite_sales_template(tmp_path_factory: pytest.TempPathFactory) -> WorldTemplate:
    return create_template(open_sales_company, f"sqlite://{tmp_path_factory.mktemp('sales')}/company.db")


@pytest.fixture(scope="session")
def postgres_sales_template(
    postgres_databases: Callable[[str], AbstractContextManager[str]], postgres_tables: str
) -> Iterator[WorldTemplate]:
    with postgres_databases(postgres_tables) as url:
        yield create_template(open_sales_company, url)


@pytest.fixture
async def sales_company(sqlite_sales_template: WorldTemplate, tmp_path: Path) -> AsyncIterator[World]:
    """A company with deals, on SQLite."""
    async with open_copy(sqlite_sales_template, copy_to_sqlite(sqlite_sales_template, tmp_path)) as world:
        allow_channels(world)
        yield world


@pytest.fixture(params=["sqlite", "postgres"])
def sales_company_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[WorldTemplate, str]]:
    with copy_template(request, "sales_template", tmp_path) as template_and_url:
        yield template_and_url


@pytest.fixture
async def either_sales_company(sales_company_url: tuple[WorldTemplate, str]) -> AsyncIterator[World]:
    """A company with deals, once on SQLite and once on PostgreSQL."""
    async with open_copy(*sales_company_url) as world:
        allow_channels(world)
        yield world
