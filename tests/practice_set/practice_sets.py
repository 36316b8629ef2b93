"""The practice sets that tests import: the generated one, and the public set `maven_crm` where it is there."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imports import map_file
from imports.files.source_discovery import find_sources
from imports.importer import Importer, ImportResult
from imports.rejected_rows import RejectedRows
from tests.practice_set.expected_numbers import compute_expected_numbers
from tests.practice_set.generator import write_practice_set
from tests.world import World

GENERATED, MAVEN = "generated", "maven_crm"
MAVEN_VARIABLE = "SCORELINE_TEST_MAVEN"  # its folder
MAVEN_FOLDER = Path(os.environ.get(MAVEN_VARIABLE) or Path(__file__).parents[3] / "shared" / "data" / MAVEN)
SET_NAMES = (GENERATED, MAVEN) if MAVEN_FOLDER.is_dir() else (GENERATED,)


@dataclass(frozen=True)
class PracticeSet:
    """The CSV files of one year of a company, for the built-in map `maven`, and what their import must give.

    expected_numbers  see `compute_expected_numbers`
    """

    name: str
    folder: Path
    expected_numbers: dict[str, Any]

    @property
    def deal_count(self) -> int:
        return int(self.expected_numbers["rows"]["sales_pipeline"])


def load_practice_set(name: str, folder: Path) -> PracticeSet:
    """Return the set of this name; the generated one is written into the folder, which must be empty."""
    if name == MAVEN:
        expected_numbers = json.loads((MAVEN_FOLDER / "golden.json").read_text())
        return PracticeSet(name, MAVEN_FOLDER, expected_numbers)
    write_practice_set(folder)
    return PracticeSet(name, folder, compute_expected_numbers(folder))


def describe_practice_sets() -> str:
    """Return a line for the header of a test run."""
    return f"practice sets: {', '.join(SET_NAMES)}" + (
        "" if MAVEN in SET_NAMES else f" ({MAVEN} is not there; {MAVEN_VARIABLE} may name its folder)"
    )


async def import_practice_set(world: World, folder: Path, rejects: Path) -> ImportResult:
    """Import the CSV files of a folder with the map `maven`; rejected rows go into the file `rejects`."""
    import_map = map_file.load_map("maven")
    files = find_sources(folder, import_map).files
    with RejectedRows(rejects) as rejected:
        context = await world.authenticated_context("admin")
        return await Importer(context, import_map, rejected, lambda _: None).run(files)
