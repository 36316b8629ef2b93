"""Fixtures of acceptance tests: practice sets, of which a test runs with each that is there, and an office with a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.office import Office, open_office
from tests.practice_set.practice_sets import GENERATED, SET_NAMES, PracticeSet, load_practice_set


@pytest.fixture(
    scope="module",
    params=[name if name == GENERATED else pytest.param(name, marks=pytest.mark.long) for name in SET_NAMES],
)
def practice_set(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PracticeSet:
    return load_practice_set(request.param, tmp_path_factory.mktemp("practice_set"))


@pytest.fixture(scope="module")
def expected_numbers(practice_set: PracticeSet) -> dict[str, Any]:
    return practice_set.expected_numbers


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    """A company with a server and a browser, one for all tests of a module: two servers in a process share connections."""
    async with open_office(tmp_path_factory.mktemp("screens")) as opened:
        yield opened
