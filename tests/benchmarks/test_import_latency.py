"""Smoke test of the import benchmark; the latencies themselves are the business of `./run bench`."""

from __future__ import annotations

import pytest

from benchmarks.harness import rig
from benchmarks.import_latency import importing
from benchmarks.scenarios import opened


@pytest.mark.timeout(300)
def test_what_others_wait_is_measured_beside_the_same_without_an_import(postgres_url: str, redis_url: str) -> None:
    del postgres_url, redis_url  # skips the test where there is no server; the benchmark starts its own
    with rig() as machines:
        office = opened(machines, sellers=20, deals=10)
        [figure] = importing(office, rows=40, seconds=0.3)
        server = machines.serve()
        found = office.ask(server, '{ deals(first: 1, filter: {search: "Delivery"}) { totalCount } }')

    assert found["deals"]["totalCount"] == 40
    assert figure.ours > 0 and figure.floor
    assert figure.unit == "ms"
