"""Practice sets as fixtures; a test that asks for one runs with each that is there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.practice_set.practice_sets import SET_NAMES, PracticeSet, load_practice_set


@pytest.fixture(scope="module", params=SET_NAMES)
def practice_set(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PracticeSet:
    return load_practice_set(request.param, tmp_path_factory.mktemp("practice_set"))


@pytest.fixture(scope="module")
def expected_numbers(practice_set: PracticeSet) -> dict[str, Any]:
    return practice_set.expected_numbers
