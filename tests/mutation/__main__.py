"""Command line of `./run mutants`."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

import click

from tests.mutation.mutations import list_mutations
from tests.mutation.runner import (
    BaselineFailed,
    Duration,
    Verdict,
    copied_project,
    draw,
    find_tests,
    run_unchanged,
    try_mutant,
)
from tests.source_tree import PRODUCT_FOLDERS, ROOT

DEFAULT_PATHS: Final = ("domain/ledger", "resolvers/alerts", "resolvers/goals", "subscriptions")
# A mutant may loop without end, or wait for something that never comes.
MIN_LIMIT: Final = Duration(cpu_seconds=20, seconds=120)
LIMIT_FACTORS: Final = Duration(cpu_seconds=4, seconds=20)  # times as long as the tests take without a mutation


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1)
@click.option("--sample", type=click.IntRange(min=1), help="Try only so many mutants of each file, drawn at random.")
@click.option("--seed", default=0, show_default=True, help="Seed of the sample.")
@click.option("--tests", multiple=True, help="Run this test file instead of those of the folder; may be repeated.")
@click.option("--list", "lists_only", is_flag=True, help="List the mutants and run nothing.")
def main(paths: tuple[str, ...], sample: int | None, seed: int, tests: tuple[str, ...], lists_only: bool) -> None:
    """Change the code in one place at a time, and list the mutants that the tests of its folder do not notice.

    PATHS are files or folders of the product; by default domain/ledger, resolvers/alerts, resolvers/goals and
    subscriptions, which takes hours. A survivor needs a test, unless it behaves like the original. The working copy is
    not changed.
    """
    files = [file for path in paths or DEFAULT_PATHS for file in find_files(path)]
    if lists_only:
        for file in files:
            for mutation in list_mutations((ROOT / file).read_bytes()):
                click.echo(f"{file}:{mutation}")
        return
    with tempfile.TemporaryDirectory(prefix="scoreline-mutants-") as folder, copied_project(Path(folder)) as root:
        for file in files:
            try:
                report_file(root, file, [*map(Path, tests)] or find_tests(file), sample, seed)
            except BaselineFailed as error:
                sys.exit(f"{file}: {error}\n{(Path(folder) / 'log').read_text()}")


def find_files(path: str) -> list[Path]:
    """Return the files at a path that have code, relative to the root."""
    absolute_path = (ROOT / path).resolve()
    files = sorted(absolute_path.rglob("*.py")) if absolute_path.is_dir() else [absolute_path]
    relative_paths = [file.relative_to(ROOT) for file in files if file.is_file() and file.is_relative_to(ROOT)]
    if not relative_paths or any(file.parts[0] not in PRODUCT_FOLDERS for file in relative_paths):
        raise click.BadParameter(f"There is no file or folder {path} of the product.", param_hint="PATHS")
    return [file for file in relative_paths if list_mutations((ROOT / file).read_bytes())]


def report_file(root: Path, file: Path, tests: list[Path], sample: int | None, seed: int) -> None:
    """Try the mutants of a file; print each that survived or was timed out, and the counts."""
    if not tests:
        click.echo(f"{file}: has no tests in its folder; name some by --tests.")
        return
    source = (root / file).read_bytes()
    mutations = list_mutations(source)
    indices = draw(mutations, sample, seed)
    duration = run_unchanged(root, tests)
    click.echo(f"{file}: trying {len(indices)} mutants; its tests take {duration.seconds:.0f} s without a mutation")
    limit = Duration(
        *map(max, MIN_LIMIT, (factor * taken for factor, taken in zip(LIMIT_FACTORS, duration, strict=True)))
    )
    verdicts: Counter[Verdict] = Counter()
    for index in indices:
        verdict = try_mutant(root, file, mutations[index].apply(source), tests, limit)
        verdicts[verdict] += 1
        if verdict is not Verdict.KILLED:
            click.echo(f"{verdict}: {file}:{mutations[index]}")
    counts = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in Verdict)
    click.echo(f"{file}: {verdicts.total()} of {len(mutations)} mutants tried: {counts}")


if __name__ == "__main__":
    main(prog_name="./run mutants")
