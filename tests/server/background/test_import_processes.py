"""Processes of imports: what they leave when they, or the server, end before the import does."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from domain.primitives.global_ids import encode_global_id
from models.imports.import_jobs import ImportJob, ImportState
from resolvers.request.import_files import ImportSource
from server.background.import_processes import ImportProcesses
from tests.sample_exports import MAP
from tests.world import World, open_world

ROOT = Path(__file__).parents[3]
ROWS = 2_000


@dataclass
class ImportCompany:
    world: World
    processes: ImportProcesses
    environment: dict[str, str]

    async def create_job(self, *, dry_run: bool = False) -> ImportJob:
        now = self.world.now
        return await ImportJob.create(
            started_by_id=1,
            inbox_path="deals.csv",
            map_name="map",
            map_text=MAP,
            dry_run=dry_run,
            started_at=now,
            seen_at=now,
        )

    async def start(self, *, dry_run: bool = False) -> ImportJob:
        job = await self.create_job(dry_run=dry_run)
        self.processes.start(job.id, ImportSource(inbox_path="deals.csv", map_text=MAP), "ru")
        return job

    async def wait_until(self, job: ImportJob, condition: Callable[[ImportJob], bool]) -> None:
        async with asyncio.timeout(120):
            while not condition(job):
                await asyncio.sleep(0.05)
                await job.refresh_from_db()


def write_deals(inbox: Path, rows: int) -> None:
    header = "number;title;seller;client;stage;created;closed;amount\n"
    deals = (f"{number};Deal {number};Ann;Initech;Offer;02.11.2024;;5\n" for number in range(rows))
    (inbox / "deals.csv").write_text(header + "".join(deals))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that other processes may connect."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/scoreline.db"
    return str(request.getfixturevalue("postgres_tables_url"))


@pytest.fixture
async def company(url: str, tmp_path: Path) -> AsyncIterator[ImportCompany]:
    (tmp_path / "inbox").mkdir()
    write_deals(tmp_path / "inbox", ROWS)
    async with open_world(url) as world:
        environment = {
            "SCORELINE_DATABASE_URL": url,
            "SCORELINE_SECRET": "s" * 32,
            "SCORELINE_LOG_LEVEL": "error",
        }
        processes = ImportProcesses(lambda: world.authenticated_context("admin"), environment, tmp_path / "inbox")
        yield ImportCompany(world, processes, environment)
        await processes.stop()


async def test_import_is_interrupted_when_its_server_stops_and_completed_when_started_again(
    company: ImportCompany,
) -> None:
    job = await company.start()
    await company.wait_until(job, lambda job: job.lines_done > 0)

    await company.processes.stop()
    await job.refresh_from_db()
    second = await company.start()
    await company.wait_until(second, lambda job: job.state is not ImportState.RUNNING)

    assert job.state is ImportState.INTERRUPTED
    assert 0 < job.count("new") < ROWS
    assert (second.state, second.count("read")) == (ImportState.FINISHED, ROWS)
    assert second.count("unchanged") >= job.count("new")
    deals = await company.world.query("{ deals { totalCount } }")
    assert deals["deals"]["totalCount"] == ROWS


async def test_dry_run_reports_the_same_and_stores_nothing(company: ImportCompany, tmp_path: Path) -> None:
    write_deals(tmp_path / "inbox", 20)
    with (tmp_path / "inbox" / "deals.csv").open("a") as file:
        file.write("20;Deal 20;Bob;Initech;Offer;02.11.2024;;much\n")
    jobs: list[ImportJob] = []
    deal_counts: list[int] = []

    for dry_run in (True, False):
        job = await company.start(dry_run=dry_run)
        await company.wait_until(job, lambda job: job.state is not ImportState.RUNNING)
        answer = await company.world.query("{ deals { totalCount } }")
        jobs.append(job)
        deal_counts.append(answer["deals"]["totalCount"])

    assert deal_counts == [0, 20]
    assert jobs[0].state is jobs[1].state is ImportState.FINISHED
    assert (jobs[0].count("new"), jobs[0].count("rejected")) == (20, 1)
    assert jobs[0].summary.startswith("сделки: прочитано 21, новых 20, изменено 0, без изменений 0, отклонено 1")
    assert (jobs[0].counts, jobs[0].summary, jobs[0].lines_done) == (jobs[1].counts, jobs[1].summary, 22)


async def test_import_is_interrupted_when_its_process_is_killed(company: ImportCompany) -> None:
    job = await company.start()
    await company.wait_until(job, lambda job: job.lines_done > 0)
    [process_id] = find_children()

    os.kill(process_id, signal.SIGKILL)

    await company.wait_until(job, lambda job: job.state is ImportState.INTERRUPTED)


async def test_import_is_cancelled_by_a_request_to_another_server(company: ImportCompany, tmp_path: Path) -> None:
    write_deals(tmp_path / "inbox", 30 * ROWS)  # too many to be done before the request arrives
    job = await company.start()
    await company.wait_until(job, lambda job: job.lines_done > 0)
    document = "mutation($id: ID!) { cancelImport(id: $id) { userErrors { code } } }"

    await company.world.query(document, id=encode_global_id("ImportJob", job.id))  # whose services run no imports

    await company.wait_until(job, lambda job: job.state is not ImportState.RUNNING)
    assert job.state is ImportState.CANCELLED
    assert 0 < job.count("new") < 30 * ROWS


async def test_process_ends_and_reports_itself_when_its_server_was_killed(company: ImportCompany) -> None:
    job = await company.create_job()
    inbox = company.processes._inbox_folder
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server", "import-job", str(job.id), f"{inbox}/deals.csv", "en",
        cwd=ROOT, env={**os.environ, **company.environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    await process.stdout.readline()  # the first report

    process.stdin.close()
    await process.stdout.read()

    assert await process.wait() == 0
    await job.refresh_from_db()
    assert job.state is ImportState.INTERRUPTED


def find_children() -> list[int]:
    """Return the ids of the processes of imports that this process has started."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=True
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "import-job" in line]
