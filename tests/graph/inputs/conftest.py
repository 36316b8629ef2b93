"""Fixtures with a company for invalid input: created once per kind of database, copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.empty_database import finished
from tests.graph.inputs.request_client import Edge, Made, made, opened_again


@pytest.fixture(scope="session")
def in_a_file(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return finished(made(f"sqlite://{tmp_path_factory.mktemp('inputs')}/made.db"))


@pytest.fixture(scope="session")
def in_postgres(
    postgres_databases: Callable[[str], AbstractContextManager[str]], postgres_tables: str
) -> Iterator[Made]:
    with postgres_databases(postgres_tables) as url:
        yield finished(made(url))


@pytest_asyncio.fixture
async def sqlite(in_a_file: Made, tmp_path: Path) -> AsyncIterator[Edge]:
    shutil.copy(in_a_file.url.removeprefix("sqlite://"), tmp_path / "copy.db")
    async with opened_again(in_a_file, f"sqlite://{tmp_path}/copy.db") as edge:
        yield edge


@pytest_asyncio.fixture
async def postgres(
    in_postgres: Made, postgres_databases: Callable[[str], AbstractContextManager[str]]
) -> AsyncIterator[Edge]:
    with postgres_databases(in_postgres.url.rpartition("/")[2]) as url:
        async with opened_again(in_postgres, url) as edge:
            yield edge
