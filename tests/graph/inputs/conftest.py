"""Fixtures with a company for invalid input: created once per kind of database, copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.empty_database import run_in_thread
from tests.graph.inputs.request_client import CompanyTemplate, RequestClient, create_template, open_copy


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> CompanyTemplate:
    return run_in_thread(create_template(f"sqlite://{tmp_path_factory.mktemp('inputs')}/made.db"))


@pytest.fixture(scope="session")
def postgres_template(
    postgres_databases: Callable[[str], AbstractContextManager[str]], postgres_tables: str
) -> Iterator[CompanyTemplate]:
    with postgres_databases(postgres_tables) as url:
        yield run_in_thread(create_template(url))


@pytest_asyncio.fixture
async def sqlite_client(sqlite_template: CompanyTemplate, tmp_path: Path) -> AsyncIterator[RequestClient]:
    shutil.copy(sqlite_template.url.removeprefix("sqlite://"), tmp_path / "copy.db")
    async with open_copy(sqlite_template, f"sqlite://{tmp_path}/copy.db") as request_client:
        yield request_client


@pytest_asyncio.fixture
async def postgres_client(
    postgres_template: CompanyTemplate, postgres_databases: Callable[[str], AbstractContextManager[str]]
) -> AsyncIterator[RequestClient]:
    with postgres_databases(postgres_template.url.rpartition("/")[2]) as url:
        async with open_copy(postgres_template, url) as request_client:
            yield request_client
