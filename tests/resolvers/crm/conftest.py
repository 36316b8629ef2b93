"""Fixtures with a sales company: created once per kind of database, copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.empty_database import run_in_thread
from tests.resolvers.crm.sales_company import allow_channels, open_sales_company
from tests.world import World, WorldTemplate, make_template, open_copy


async def _create_template(url: str) -> WorldTemplate:
    async with open_sales_company(url) as world:
        return make_template(world, url)


@pytest.fixture(scope="session")
def sqlite_sales_template(tmp_path_factory: pytest.TempPathFactory) -> WorldTemplate:
    return run_in_thread(_create_template(f"sqlite://{tmp_path_factory.mktemp('sales')}/company.db"))


@pytest.fixture(scope="session")
def postgres_sales_template(
    postgres_databases: Callable[[str], AbstractContextManager[str]], postgres_tables: str
) -> Iterator[WorldTemplate]:
    with postgres_databases(postgres_tables) as url:
        yield run_in_thread(_create_template(url))


@pytest.fixture
async def sales_company(sqlite_sales_template: WorldTemplate, tmp_path: Path) -> AsyncIterator[World]:
    """A company with deals, on SQLite."""
    shutil.copy(sqlite_sales_template.url.removeprefix("sqlite://"), tmp_path / "company.db")
    async with open_copy(sqlite_sales_template, f"sqlite://{tmp_path}/company.db") as world:
        allow_channels(world)
        yield world


@pytest.fixture(params=["sqlite", "postgres"])
def sales_company_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[WorldTemplate, str]]:
    template: WorldTemplate = request.getfixturevalue(f"{request.param}_sales_template")
    if request.param == "sqlite":
        shutil.copy(template.url.removeprefix("sqlite://"), tmp_path / "company.db")
        yield template, f"sqlite://{tmp_path}/company.db"
        return
    copy_database = request.getfixturevalue("postgres_databases")
    with copy_database(template.url.rpartition("/")[2]) as url:
        yield template, url


@pytest.fixture
async def either_sales_company(sales_company_url: tuple[WorldTemplate, str]) -> AsyncIterator[World]:
    """A company with deals, once on SQLite and once on PostgreSQL."""
    async with open_copy(*sales_company_url) as world:
        allow_channels(world)
        yield world
