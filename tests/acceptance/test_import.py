"""The `import` command on both databases: dry run, repeated run, a killed run, and live subscriptions meanwhile."""

from __future__ import annotations

import asyncio
import csv
import sqlite3
import time
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.acceptance.two_servers import record_win, watch_subscription
from tests.empty_database import run_in_thread
from tests.practice_set.practice_sets import PracticeSet
from tests.processes import (
    TIMEOUT_SECONDS,
    CommandResult,
    Workspace,
    killed_at_end,
    needs_schedstat,
    prepare_database,
    running_server,
)
from tests.sample_exports import COLUMNS, DAY, MAP, SEPARATOR

ROW_COUNT = 1_500
WRONG_CELLS = {  # line of the file → cells to replace, and the column that must be reported
    7: ({"amount": "twelve"}, "amount"),
    734: ({"closed": "31.02.2026"}, "closed"),
    1_000: ({"closed": ""}, "closed"),
    1_345: ({"stage": "Nobody knows"}, "stage"),
}
BROKEN_LINE = 999  # line of a row with one cell too many
STATE_QUERIES = {  # the result of an import, without row ids and times of recording
    "deals": """SELECT deal.external_id, title, employee.name, client.name, status, amount, closed_on, sale_kind
        FROM deal JOIN employee ON employee.id = deal.owner_id LEFT JOIN client ON client.id = deal.client_id""",
    "totals": """SELECT employee.name, metric, day, amount FROM daily_total
        JOIN employee ON employee.id = daily_total.employee_id WHERE amount <> 0""",
    "ledger": """SELECT employee.name, metric, effective_on, CAST(sum(amount) AS bigint), count(*) FROM score_entry
        JOIN employee ON employee.id = score_entry.employee_id GROUP BY employee.name, metric, effective_on""",
    "history": "SELECT kind, subject_kind, count(*) FROM activity GROUP BY kind, subject_kind",
    "visits": "SELECT stage.name, count(*) FROM stage_visit JOIN stage ON stage.id = stage_visit.stage_id GROUP BY 1",
    "bells": "SELECT count(*) FROM bell",
    "people": "SELECT name FROM employee",
    "clients": "SELECT external_id, name FROM client",
}


def make_row(line: int) -> dict[str, str]:
    """Return the row of a line by column name."""
    stage = ("Won", "Lost", "Offer", "Won", "Won")[line % 5]
    created = date(2025, 1, 1) + timedelta(days=line * 7 % 500)
    return {
        "number": f"D-{line}",
        "title": f"Delivery {line}",
        "seller": f"Seller {line * 3 % 11}",
        "client": f"Client {line * 5 % 701}",
        "stage": stage,
        "created": f"{created:{DAY}}",
        "closed": "" if stage == "Offer" else f"{created + timedelta(days=line % 30):{DAY}}",
        "amount": f"{line % 997}.{line % 100:02}",
    }


def expected_wins() -> tuple[int, Decimal]:
    """Return the number of won deals in the valid rows and the sum of their amounts."""
    valid_rows = [make_row(line) for line in range(2, ROW_COUNT + 2) if line not in {*WRONG_CELLS, BROKEN_LINE}]
    amounts = [Decimal(row["amount"]) for row in valid_rows if row["stage"] == "Won"]
    return len(amounts), sum(amounts, Decimal(0))


@pytest.fixture(scope="module")
def export_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CSV file of deals, a few of them invalid, and its map file."""
    folder = tmp_path_factory.mktemp("export")
    (folder / "map.toml").write_text(MAP)
    with (folder / "deals.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=SEPARATOR)
        writer.writerow(COLUMNS)
        for line in range(2, ROW_COUNT + 2):
            row = make_row(line) | WRONG_CELLS.get(line, ({}, ""))[0]
            writer.writerow([*row.values(), *(["one too many"] if line == BROKEN_LINE else [])])
    return folder


def read_state(url: str) -> dict[str, list[tuple[str, ...]]]:
    """Return the rows of all state queries as strings, so that SQLite and PostgreSQL can be compared."""

    async def query_postgres() -> dict[str, list[Any]]:
        connection = await asyncpg.connect(url)
        try:
            return {name: await connection.fetch(sql) for name, sql in STATE_QUERIES.items()}
        finally:
            await connection.close()

    if url.startswith("sqlite:"):
        connection = sqlite3.connect(url.removeprefix("sqlite://"))
        rows_by_name = {name: connection.execute(sql).fetchall() for name, sql in STATE_QUERIES.items()}
        connection.close()
    else:
        rows_by_name = run_in_thread(query_postgres())
    return {name: sorted(tuple(str(cell) for cell in row) for row in rows) for name, rows in rows_by_name.items()}


def run_import(home: Workspace, export_folder: Path, *options: str) -> CommandResult:
    return home.run("import", str(export_folder), "--map", str(export_folder / "map.toml"), *options)


@dataclass
class ImportRuns:
    """Results of a dry run and two runs; `states` has the state before the first and after each."""

    home: Workspace
    results: list[CommandResult]
    states: list[dict[str, list[tuple[str, ...]]]]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def import_runs(
    request: pytest.FixtureRequest, export_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> ImportRuns:
    folder = tmp_path_factory.mktemp("runs")
    sqlite = f"sqlite://{folder}/scoreline.db"
    url = sqlite if request.param == "sqlite" else request.getfixturevalue("module_postgres_url")
    import_runs_ = ImportRuns(
        Workspace(folder / "home", database_url=prepare_database(url, zone="UTC")), [], [read_state(url)]
    )
    for options in (["--dry-run"], ["--rejects", "left.csv"], []):
        import_runs_.results.append(run_import(import_runs_.home, export_folder, *options))
        import_runs_.states.append(read_state(url))
    return import_runs_


@pytest.fixture
def empty_home(import_runs: ImportRuns, request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    """A company in the same kind of database, without imported data."""
    sqlite = str(import_runs.home.settings["database_url"]).startswith("sqlite:")
    url = f"sqlite://{tmp_path}/scoreline.db" if sqlite else request.getfixturevalue("postgres_tables_url")
    return Workspace(tmp_path / "home", database_url=prepare_database(url, zone="UTC"))


def test_dry_run_checks_all_rows_and_changes_nothing(import_runs: ImportRuns) -> None:
    dry_run = import_runs.results[0]

    assert dry_run.code == 2, dry_run.err
    assert f"{len(WRONG_CELLS) + 1} rejected" in dry_run.out
    assert dry_run.out.endswith("This was a dry run: nothing has been changed.\n")
    assert import_runs.states[0] == import_runs.states[1]


def test_second_run_changes_nothing_and_reports_it(import_runs: ImportRuns) -> None:
    _, first, second = import_runs.results

    imported, rejected = ROW_COUNT - len(WRONG_CELLS) - 1, len(WRONG_CELLS) + 1
    assert f"deals: {ROW_COUNT} read, {imported} new, 0 changed, 0 unchanged, {rejected} rejected" in first.out
    assert f"deals: {ROW_COUNT} read, 0 new, 0 changed, {imported} unchanged, {rejected} rejected" in second.out
    assert import_runs.states[2] == import_runs.states[3]
    wins = [row for row in import_runs.states[2]["deals"] if row[4] == "WON"]
    assert (len(wins), sum(int(row[5]) for row in wins)) == (expected_wins()[0], int(expected_wins()[1] * 100))


def test_rejected_rows_are_reported_with_line_column_and_reason(import_runs: ImportRuns) -> None:
    with (import_runs.home.folder / "left.csv").open(encoding="utf-8-sig", newline="") as file:
        rejected_rows = {int(row["line"]): row for row in csv.DictReader(file, delimiter=SEPARATOR)}

    assert rejected_rows.keys() == {*WRONG_CELLS, BROKEN_LINE}
    assert {line: rejected_rows[line]["column"] for line in WRONG_CELLS} == {
        line: column for line, (_, column) in WRONG_CELLS.items()
    }
    assert {row["file"] for row in rejected_rows.values()} == {"deals.csv"}
    assert all(row["reason"].endswith(".") for row in rejected_rows.values())
    assert "“twelve” is not a number" in rejected_rows[7]["reason"]
    assert "The row has 9 cells, the header 8" in rejected_rows[BROKEN_LINE]["reason"]
    assert all(row["reason_ru"] != row["reason"] for row in rejected_rows.values())
    assert {name: rejected_rows[7][name] for name in COLUMNS} == make_row(7) | WRONG_CELLS[7][0]
    assert "left.csv" in import_runs.results[1].out
    assert not list(import_runs.home.folder.glob(".*.part"))


def test_progress_goes_to_stderr_and_summary_to_stdout(import_runs: ImportRuns) -> None:
    for result, label in zip(import_runs.results, ("Checking", "Importing", "Importing"), strict=True):
        assert label in result.err
        assert label not in result.out
        assert result.out.startswith("deals: ")


def test_import_killed_half_way_and_repeated_equals_a_single_run(
    empty_home: Workspace, export_folder: Path, import_runs: ImportRuns
) -> None:
    url = empty_home.settings["database_url"]
    process = empty_home.start("import", str(export_folder), "--map", str(export_folder / "map.toml"))

    with killed_at_end(process):
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while len(read_state(url)["deals"]) < ROW_COUNT // 2:
            assert process.code is None, process.stderr_text
            assert time.monotonic() < deadline
        process.kill()
    assert len(read_state(url)["deals"]) < ROW_COUNT - len(WRONG_CELLS) - 1
    result = run_import(empty_home, export_folder)

    assert result.code == 2, result.err
    assert read_state(url) == import_runs.states[2]
    assert empty_home.run("reconcile").code == 0


LEADERBOARD = """leaderboard(period: {kind: CUSTOM, start: "2025-01-01", end: "2026-12-31"}) {
  total standings { rank value employee { name } } }"""


@needs_schedstat
async def test_open_leaderboard_shows_import_and_no_win_is_announced(
    database_url: str, export_folder: Path, tmp_path: Path
) -> None:
    home = Workspace(tmp_path / "home", database_url=prepare_database(database_url, zone="UTC"))
    waits: list[float] = []

    async with running_server(home) as server:
        await server.sign_in()
        async with (
            watch_subscription(server, LEADERBOARD) as leaderboard_watch,
            watch_subscription(server, "dealWon { id title }") as win_watch,
        ):
            await leaderboard_watch.wait_for_query_state(server, LEADERBOARD)
            process = home.start("import", str(export_folder), "--map", str(export_folder / "map.toml"))
            with killed_at_end(process):
                while process.code is None:
                    began = time.perf_counter() - server.process.queued_seconds()
                    await server.execute("{ company { name } }")
                    waits.append(time.perf_counter() - server.process.queued_seconds() - began)
                    if len(waits) == 20:
                        await record_win(server, "Sold meanwhile", 1)
                    await asyncio.sleep(0.02)
            assert process.code == 2, process.stderr_text
            last_state = await leaderboard_watch.wait_for_query_state(server, LEADERBOARD)
            await win_watch.wait_until(lambda: bool(win_watch.events))

    print(
        f"{len(waits)} answers meanwhile, the slowest after {max(waits):.3f} s; {len(leaderboard_watch.events)} boards"
    )
    assert Decimal(last_state["total"]) == expected_wins()[1] + 1
    assert [win["title"] for win in win_watch.events] == ["Sold meanwhile"]


def test_repeated_import_of_a_practice_set_takes_seconds_and_changes_nothing(
    practice_set: PracticeSet, tmp_path: Path
) -> None:
    home = Workspace(tmp_path, database_url=prepare_database(f"sqlite://{tmp_path}/scoreline.db", currency="USD"))

    first, second = (home.succeed("import", str(practice_set.folder), "--map", "maven") for _ in range(2))

    print(f"{first.cpu_seconds:.1f} s of CPU, then {second.cpu_seconds:.1f} s")
    count = practice_set.deal_count
    assert f"deals: {count} read, {count} new, 0 changed, 0 unchanged, 0 rejected" in first.out
    assert second.out.count(" 0 new, 0 changed, ") == second.out.count(" read, ") == 4
    assert first.cpu_seconds < 30
