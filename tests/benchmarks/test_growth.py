"""The benchmark of growth runs from its loader to its figures; how large they are is for `./run bench`."""

from __future__ import annotations

import pytest

from benchmarks import growth
from benchmarks.growth import AIMS, Size


@pytest.mark.timeout(300)
def test_every_piece_of_work_is_measured_in_every_company(postgres_url: str, redis_url: str) -> None:
    del postgres_url, redis_url  # it brings its own; where there are none, there is nothing to measure
    figures = list(growth.grown((Size(20, 100), Size(20, 200), Size(40, 100)), 3))

    assert len(figures) == 2 * len(AIMS)
    assert all(figure.ours > 0 and figure.floor for figure in figures)
