"""Command line of `./run bench`: prints a table of the results and optionally writes them as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import click

from benchmarks import scaling, scenarios
from benchmarks.harness import rig
from benchmarks.import_latency import importing
from benchmarks.scenarios import Figure, Office, opened

SCENES: dict[str, Callable[[Office, bool], Iterator[Figure]]] = {
    "board": lambda office, quick: scenarios.board_push(office, 200 if quick else 1_000, 10 if quick else 30),
    "goals": lambda office, quick: scenarios.goals_push(office, 50 if quick else 200, 100 if quick else 400),
    "requests": lambda office, quick: scenarios.requests(office, 50 if quick else 300),
    "import": lambda office, quick: importing(office, 1_000 if quick else 10_000, 3 if quick else 10),
    "idle": lambda office, quick: scenarios.idle(office, 500 if quick else 3_000, 5 if quick else 30),
}

GROWTH: Final = "growth"  # sets up companies of its own


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice([*SCENES, GROWTH]))
@click.option("--quick", is_flag=True, help="Fewer sockets and rounds: noisier, but done in a minute.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Also write the results to this file as JSON.")
def main(names: tuple[str, ...], quick: bool, file: Path | None) -> None:
    """Benchmark each operation against a minimal baseline measured in the same run.

    Starts its own PostgreSQL, Valkey and servers. Results are CPU time, which is steadier than wall-clock time; only
    the latency during an import is wall-clock time. Ratios to the baseline can be compared between machines. Without
    NAMES all benchmarks run, which takes some minutes.
    """
    figures: list[Figure] = []

    def found(some: Iterator[Figure]) -> None:
        for figure in some:
            figures.append(figure)
            click.echo(line(figure))

    wanted = names or (*SCENES, GROWTH)
    if set(wanted) - {GROWTH}:
        with rig() as machines:
            office = opened(machines, sellers=200, deals=10_000)
            for name in wanted:
                if name != GROWTH:
                    found(SCENES[name](office, quick))
    if GROWTH in wanted:
        found(scaling.grown(scaling.QUICK, 20) if quick else scaling.grown(scaling.FULL, 100))
    if file:
        shown = [{**vars(figure), "ratio": figure.ratio, "rate": figure.rate} for figure in figures]
        file.write_text(json.dumps(shown, indent=2, ensure_ascii=False) + "\n")


def line(figure: Figure) -> str:
    floor = "" if figure.floor is None else f" baseline {figure.floor:9.1f}  ratio {figure.ratio:5.2f}"
    rate = {} if figure.rate is None else {"per_core_second": round(figure.rate)}
    more = "  ".join(f"{name}={value}" for name, value in (rate | figure.more).items())
    return f"{figure.name:<64} {figure.ours:9.1f} {figure.unit:<3}{floor}  ({figure.aim})  {more}"


if __name__ == "__main__":
    main(prog_name="./run bench")
