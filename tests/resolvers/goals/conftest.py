"""Fixtures with a company to plan for: created once per kind of database, copied for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.resolvers.goals.planned_company import planned_company
from tests.world import World, WorldTemplate, open_copy
from tests.world_templates import copy_template, copy_to_sqlite, create_template


@pytest.fixture(scope="session")
def sqlite_plan_template(tmp_path_factory: pytest.TempPathFactory) -> WorldTemplate:
    return create_template(planned_company, f"sqlite://{tmp_path_factory.mktemp('plans')}/company.db")


@pytest.fixture(scope="session")
def postgres_plan_template(
    postgres_databases: Callable[[str], AbstractContextManager[str]], postgres_tables: str
) -> Iterator[WorldTemplate]:
    with postgres_databases(postgres_tables) as url:
        yield create_template(planned_company, url)


@pytest.fixture
async def company(sqlite_plan_template: WorldTemplate, tmp_path: Path) -> AsyncIterator[World]:
    """A company to plan for, on SQLite."""
    async with open_copy(sqlite_plan_template, copy_to_sqlite(sqlite_plan_template, tmp_path)) as world:
        yield world


@pytest.fixture(params=["sqlite", "postgres"])
def company_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[WorldTemplate, str]]:
    with copy_template(request, "plan_template", tmp_path) as template_and_url:
        yield template_and_url


@pytest.fixture
async def either_company(company_url: tuple[WorldTemplate, str]) -> AsyncIterator[World]:
    """A company to plan for, once on SQLite and once on PostgreSQL."""
    async with open_copy(*company_url) as world:
        yield world
