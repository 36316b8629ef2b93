"""Smoke test of the import benchmark; the latencies themselves are the business of `./run bench`."""

from __future__ import annotations

import pytest

from benchmarks.company import set_up_company
from benchmarks.harness import start_harness
from benchmarks.import_latency import measure_import_latency


@pytest.mark.long  # it starts servers of its own and imports while they are asked
@pytest.mark.timeout(300)
def test_import_benchmark_measures_waits_with_and_without_an_import(postgres_url: str, redis_url: str) -> None:
    del postgres_url, redis_url  # skips the test where there is no server; the benchmark starts its own
    with start_harness() as harness:
        company = set_up_company(harness, sellers=20, deals=10)
        results = [*measure_import_latency(company, rows=40, seconds=0.3)]
        server = harness.serve()
        data = company.execute(server, '{ deals(first: 1, filter: {search: "Delivery"}) { totalCount } }')

    assert data["deals"]["totalCount"] == 40
    assert len(results) == 2  # of queries and of mutations
    for result in results:
        assert result.cost > 0 and result.baseline
        assert result.unit == "ms"
