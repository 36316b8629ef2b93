"""Command line of `./run bench`: prints a table of the results and optionally writes them as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

import click

from benchmarks import kept_ratios, scaling, scenarios
from benchmarks.company import BenchmarkCompany, set_up_company
from benchmarks.harness import start_harness
from benchmarks.import_cost import measure_import_cost
from benchmarks.import_latency import measure_import_latency
from benchmarks.scenarios import BenchmarkResult

SCENARIOS: dict[str, Callable[[BenchmarkCompany, bool], Iterator[BenchmarkResult]]] = {
    "board": lambda company, quick: scenarios.measure_leaderboard_push(
        company, 200 if quick else 1_000, 10 if quick else 30
    ),
    "goals": lambda company, quick: scenarios.measure_goal_pushes(company, 50 if quick else 200, 100 if quick else 400),
    "requests": lambda company, quick: scenarios.measure_requests(company, 50 if quick else 300),
    "import": lambda company, quick: chain(
        measure_import_cost(2_000 if quick else 100_000),
        measure_import_latency(company, 1_000 if quick else 10_000, 3 if quick else 10),
    ),
    "idle": lambda company, quick: scenarios.measure_idle_sockets(company, 500 if quick else 3_000, 5 if quick else 30),
}

GROWTH: Final = "growth"  # sets up companies of its own


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice([*SCENARIOS, GROWTH]))
@click.option("--quick", is_flag=True, help="Fewer sockets and rounds: noisier, but done in a minute.")
@click.option("--check", is_flag=True, help="Fail if a ratio is more than 15 % above that of benchmarks/ratios.json.")
@click.option("--save", is_flag=True, help="Write the ratios to benchmarks/ratios.json, for later checks.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Also write the results to this file as JSON.")
def main(names: tuple[str, ...], quick: bool, check: bool, save: bool, file: Path | None) -> None:
    """Benchmark each operation against a minimal baseline measured in the same run.

    Starts its own PostgreSQL, Valkey and servers. Results are CPU time, which is steadier than wall-clock time; only
    the latency during an import is wall-clock time. Ratios to the baseline can be compared between machines. Without
    NAMES all benchmarks run, which takes some minutes.
    """
    if quick and (check or save):
        raise click.UsageError("a quick run is too noisy to be compared: leave out --quick")
    results: list[BenchmarkResult] = []

    def collect(new_results: Iterator[BenchmarkResult]) -> None:
        for result in new_results:
            results.append(result)
            click.echo(format_result(result))

    selected_names = names or (*SCENARIOS, GROWTH)
    if set(selected_names) - {GROWTH}:
        with start_harness() as harness:
            company = set_up_company(harness, sellers=200, deals=10_000)
            for name in selected_names:
                if name != GROWTH:
                    collect(SCENARIOS[name](company, quick))
    if GROWTH in selected_names:
        collect(
            scaling.measure_growth(scaling.QUICK_SIZES, 20)
            if quick
            else scaling.measure_growth(scaling.FULL_SIZES, 100)
        )
    if file:
        entries = [{**vars(result), "ratio": result.ratio, "rate": result.rate} for result in results]
        file.write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n")
    if save:
        kept_ratios.save_ratios(results)
    if check and (regressions := kept_ratios.find_regressions(results)):
        raise click.ClickException("\n".join(["more than 15 % above the kept ratio:", *regressions]))


def format_result(result: BenchmarkResult) -> str:
    baseline = "" if result.baseline is None else f" baseline {result.baseline:9.1f}  ratio {result.ratio:5.2f}"
    rate = {} if result.rate is None else {"per_core_second": round(result.rate)}
    details = "  ".join(f"{name}={value}" for name, value in (rate | result.details).items())
    return f"{result.name:<64} {result.cost:9.1f} {result.unit:<3}{baseline}  ({result.target})  {details}"


if __name__ == "__main__":
    main(prog_name="./run bench")
