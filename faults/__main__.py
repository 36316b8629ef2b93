"""Command line of `./run faults`."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

import faults.scenes  # noqa: F401 - registers the scenes
from faults.rig import Store, run_rig
from faults.runner import SCENES, FaultScene, play
from faults.soak import soak
from faults.verdict import Verdict, format_table
from tests.backing_services import ServerNotAvailable


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("names", nargs=-1, metavar="[SCENE]...")
@click.option("--list", "lists", is_flag=True, help="List the scenes and what each one breaks, and exit.")
@click.option("--seed", type=int, default=None, help="Decide everything left to chance; a random one by default.")
@click.option(
    "--soak", "minutes", type=click.FloatRange(min=0.1), metavar="MINUTES", default=None,
    help="Instead of each scene once: one workload for this long, with scenes drawn at random.",
)  # fmt: skip
@click.option("--short", is_flag=True, help="Only the scenes that take a few seconds, which `./run test` plays, too.")
def main(names: tuple[str, ...], lists: bool, seed: int | None, minutes: float | None, short: bool) -> None:
    """Break servers, databases and networks under load, and check that nothing is lost or doubled.

    Starts its own PostgreSQL, Valkey and servers, and stops them at the end. Writers repeat every write until it is
    acknowledged, subscribers connect again and continue, and an auditor compares both with the database after each
    scene. All scenes together take about ten minutes.

    Exits with 1 if an acknowledged write was lost or doubled, if an event was lost, doubled, invented or out of order,
    if clients saw an error that the scene does not allow (INTERNAL never is), or if the subscribers did not reach the
    state of the database in time.
    """
    if lists:
        for fault_scene in SCENES.values():
            click.echo(f"{fault_scene.name:<28} {fault_scene.description}{' (short)' if fault_scene.is_short else ''}")
        return
    if unknown := sorted(set(names) - SCENES.keys()):
        raise click.BadParameter(f"There is no scene {unknown[0]!r}: `./run faults --list` lists them.")
    scenes = [SCENES[name] for name in names or SCENES if not short or SCENES[name].is_short]
    seed = random.randrange(1_000_000) if seed is None else seed
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop all processes also then
    click.echo(f"The seed is {seed}.")
    try:
        verdicts = asyncio.run(run_soak(scenes, seed, minutes) if minutes else run_scenes(scenes, seed))
    except ServerNotAvailable as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"\n{format_table(verdicts)}\n")
    for verdict in verdicts:
        for fault in verdict.list_faults():
            click.echo(f"{verdict.scene}: {fault}")
    failed_count = sum(not verdict.is_passed for verdict in verdicts)
    click.echo(f"{len(verdicts) - failed_count} of {len(verdicts)} passed, with seed {seed}.")
    sys.exit(1 if failed_count else 0)


async def run_scenes(scenes: Sequence[FaultScene], seed: int) -> list[Verdict]:
    """Play each scene once, those of the same store on the same rig."""
    verdicts = []
    for store in Store:
        scenes_of_store = [fault_scene for fault_scene in scenes if fault_scene.store is store]
        if not scenes_of_store:
            continue
        click.echo(f"Starting servers with {store}.")
        with tempfile.TemporaryDirectory(prefix="scoreline-faults-") as folder:
            async with run_rig(store, Path(folder)) as rig:
                for fault_scene in scenes_of_store:
                    click.echo(f"{fault_scene.name}: {fault_scene.description}")
                    verdict = await play(fault_scene, rig, seed, report_progress)
                    report_progress(verdict.summary())
                    verdicts.append(verdict)
    return verdicts


async def run_soak(scenes: Sequence[FaultScene], seed: int, minutes: float) -> list[Verdict]:
    """Run one workload, with scenes drawn at random from those that fit."""
    fitting = [fault_scene for fault_scene in scenes if fault_scene.fits_soak]
    if not fitting:
        raise click.UsageError(
            "None of these scenes fits a soak: each restores another database or changes the servers."
        )
    with tempfile.TemporaryDirectory(prefix="scoreline-faults-") as folder:
        async with run_rig(Store.POSTGRES, Path(folder)) as rig:
            return await soak(fitting, rig, seed, minutes * 60, report_progress)


def report_progress(text: str) -> None:
    click.echo(f"  {text}")


if __name__ == "__main__":
    main(prog_name="./run faults")
