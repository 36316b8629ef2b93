"""Companies that are created once per kind of database and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

import pytest

from tests.empty_database import run_in_thread
from tests.world import World, WorldTemplate, make_template

OpenCompany = Callable[[str], AbstractAsyncContextManager[World]]  # creates a company in the database with this URL


def create_template(open_company: OpenCompany, url: str) -> WorldTemplate:
    """Create a company in the empty database with this URL."""

    async def create() -> WorldTemplate:
        async with open_company(url) as world:
            return make_template(world, url)

    return run_in_thread(create())


def copy_to_sqlite(template: WorldTemplate, folder: Path) -> str:
    """Copy a company to a file in the folder, and return its URL."""
    shutil.copy(template.url.removeprefix("sqlite://"), folder / "company.db")
    return f"sqlite://{folder}/company.db"


@contextmanager
def copy_template(request: pytest.FixtureRequest, name: str, folder: Path) -> Iterator[tuple[WorldTemplate, str]]:
    """Copy the company of a fixture to the kind of database that the test's parameter names; yield it and the new URL.

    name  of the fixtures, behind `sqlite_` and `postgres_`
    """
    template: WorldTemplate = request.getfixturevalue(f"{request.param}_{name}")
    if request.param == "sqlite":
        yield template, copy_to_sqlite(template, folder)
        return
    with request.getfixturevalue("postgres_databases")(template.url.rpartition("/")[2]) as url:
        yield template, url
