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

from tests.acceptance.two_servers import watching, won
from tests.empty_database import finished
from tests.processes import PATIENCE, Done, Home, ending, measured, prepared, serving
from tests.sample_exports import COLUMNS, DAY, MAP, SEPARATOR

MAVEN = Path(__file__).parents[3] / "shared" / "data" / "maven_crm"
ROWS = 2_500
WRONG = {  # line of the file → cells to replace, and the column that must be reported
    7: ({"amount": "12,50"}, "amount"),
    1_234: ({"closed": "31.02.2026"}, "closed"),
    2_000: ({"closed": ""}, "closed"),
    2_345: ({"stage": "Nobody knows"}, "stage"),
}
BROKEN = 1_999  # line of a row with one cell too many
STATE = {  # the result of an import, without row ids and times of recording
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


def deal(line: int) -> dict[str, str]:
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


def expected() -> tuple[int, Decimal]:
    """Return the number of won deals in the valid rows and the sum of their amounts."""
    taken = [deal(line) for line in range(2, ROWS + 2) if line not in {*WRONG, BROKEN}]
    amounts = [Decimal(row["amount"]) for row in taken if row["stage"] == "Won"]
    return len(amounts), sum(amounts, Decimal(0))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CSV file of deals, a few of them invalid, and its map file."""
    folder = tmp_path_factory.mktemp("export")
    (folder / "map.toml").write_text(MAP)
    with (folder / "deals.csv").open("w", newline="", encoding="utf-8-sig") as file:
        out = csv.writer(file, delimiter=SEPARATOR)
        out.writerow(COLUMNS)
        for line in range(2, ROWS + 2):
            row = deal(line) | WRONG.get(line, ({}, ""))[0]
            out.writerow([*row.values(), *(["one too many"] if line == BROKEN else [])])
    return folder


def state(url: str) -> dict[str, list[tuple[str, ...]]]:
    """Return the rows of all state queries as strings, so that SQLite and PostgreSQL can be compared."""

    async def asked() -> dict[str, list[Any]]:
        connection = await asyncpg.connect(url)
        try:
            return {name: await connection.fetch(sql) for name, sql in STATE.items()}
        finally:
            await connection.close()

    if url.startswith("sqlite:"):
        connection = sqlite3.connect(url.removeprefix("sqlite://"))
        found = {name: connection.execute(sql).fetchall() for name, sql in STATE.items()}
        connection.close()
    else:
        found = finished(asked())
    return {name: sorted(tuple(str(cell) for cell in row) for row in rows) for name, rows in found.items()}


def bring_in(home: Home, source: Path, *options: str) -> Done:
    return home.run("import", str(source), "--map", str(source / "map.toml"), *options)


@dataclass
class Runs:
    """Results of a dry run and two runs; `states` has the state before the first and after each."""

    home: Home
    done: list[Done]
    states: list[dict[str, list[tuple[str, ...]]]]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def runs(request: pytest.FixtureRequest, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("runs")
    sqlite = f"sqlite://{folder}/scoreline.db"
    url = sqlite if request.param == "sqlite" else request.getfixturevalue("module_postgres_url")
    found = Runs(Home(folder / "home", database_url=prepared(url, zone="UTC")), [], [state(url)])
    for options in (["--dry-run"], ["--rejects", "left.csv"], []):
        found.done.append(bring_in(found.home, source, *options))
        found.states.append(state(url))
    return found


@pytest.fixture
def another(runs: Runs, request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """A company in the same kind of database, without imported data."""
    sqlite = str(runs.home.settings["database_url"]).startswith("sqlite:")
    url = f"sqlite://{tmp_path}/scoreline.db" if sqlite else request.getfixturevalue("postgres_tables_url")
    return Home(tmp_path / "home", database_url=prepared(url, zone="UTC"))


def test_a_dry_run_reads_and_checks_everything_and_changes_nothing(runs: Runs) -> None:
    dry = runs.done[0]

    assert dry.code == 0, dry.err
    assert f"{len(WRONG) + 1} rejected" in dry.out
    assert dry.out.endswith("This was a dry run: nothing has been changed.\n")
    assert runs.states[0] == runs.states[1]


def test_a_second_run_changes_nothing_and_says_so(runs: Runs) -> None:
    _, first, again = runs.done

    taken, rejected = ROWS - len(WRONG) - 1, len(WRONG) + 1
    assert f"deals: {ROWS} read, {taken} new, 0 changed, 0 unchanged, {rejected} rejected" in first.out
    assert f"deals: {ROWS} read, 0 new, 0 changed, {taken} unchanged, {rejected} rejected" in again.out
    assert runs.states[2] == runs.states[3]
    wins = [row for row in runs.states[2]["deals"] if row[4] == "WON"]
    assert (len(wins), sum(int(row[5]) for row in wins)) == (expected()[0], int(expected()[1] * 100))


def test_what_cannot_be_taken_is_reported_by_line_column_and_reason(runs: Runs) -> None:
    with (runs.home.folder / "left.csv").open(encoding="utf-8-sig", newline="") as file:
        found = {int(row["line"]): row for row in csv.DictReader(file)}

    assert found.keys() == {*WRONG, BROKEN}
    assert {line: found[line]["column"] for line in WRONG} == {line: column for line, (_, column) in WRONG.items()}
    assert {row["file"] for row in found.values()} == {"deals.csv"}
    assert all(row["reason"].endswith(".") for row in found.values())
    assert "“12,50” is not a number" in found[7]["reason"]
    assert "The row has 9 cells, the header 8" in found[BROKEN]["reason"]
    assert "number=D-7" in found[7]["row"]
    assert "left.csv" in runs.done[1].out
    assert not list(runs.home.folder.glob(".*.part"))


def test_progress_goes_to_standard_error_and_the_summary_to_standard_output(runs: Runs) -> None:
    for done in runs.done:
        assert "Importing" in done.err
        assert "Importing" not in done.out
        assert done.out.startswith("deals: ")


def test_killed_half_way_and_run_again_an_import_ends_as_one_run_does(another: Home, source: Path, runs: Runs) -> None:
    url = another.settings["database_url"]
    process = another.start("import", str(source), "--map", str(source / "map.toml"))

    with ending(process):
        until = time.monotonic() + PATIENCE
        while len(state(url)["deals"]) < ROWS // 2:
            assert process.code is None, process.said
            assert time.monotonic() < until
        process.kill()
    assert len(state(url)["deals"]) < ROWS - len(WRONG) - 1
    done = bring_in(another, source)

    assert done.code == 0, done.err
    assert state(url) == runs.states[2]
    assert another.run("reconcile").code == 0


BOARD = """leaderboard(period: {kind: CUSTOM, start: "2025-01-01", end: "2026-12-31"}) {
  total standings { rank value employee { name } } }"""


@measured
async def test_a_board_that_is_open_ends_at_what_was_brought_in_and_no_bell_rings(
    database_url: str, source: Path, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home", database_url=prepared(database_url, zone="UTC"))
    waits: list[float] = []

    async with serving(home) as server:
        await server.sign_in()
        async with watching(server, BOARD) as board, watching(server, "dealWon { id title }") as bell:
            await board.settled(server, BOARD)
            process = home.start("import", str(source), "--map", str(source / "map.toml"))
            with ending(process):
                while process.code is None:
                    began = time.perf_counter() - server.process.queued()
                    await server.data("{ company { name } }")
                    waits.append(time.perf_counter() - server.process.queued() - began)
                    if len(waits) == 20:
                        await won(server, "Sold meanwhile", 1)
                    await asyncio.sleep(0.02)
            assert process.code == 0, process.said
            last = await board.settled(server, BOARD)
            await bell.until(lambda: bool(bell.heard))

    print(f"{len(waits)} answers meanwhile, the slowest after {max(waits):.3f} s; {len(board.heard)} boards")
    assert Decimal(last["total"]) == expected()[1] + 1
    assert [win["title"] for win in bell.heard] == ["Sold meanwhile"]


@pytest.mark.skipif(not MAVEN.is_dir(), reason="the maven_crm set is not there")
def test_a_year_of_8800_deals_is_brought_in_within_seconds(tmp_path: Path) -> None:
    home = Home(tmp_path, database_url=prepared(f"sqlite://{tmp_path}/scoreline.db", currency="USD"))

    first, again = (home.succeed("import", str(MAVEN), "--map", "maven") for _ in range(2))

    print(f"{first.cpu:.1f} s of CPU, then {again.cpu:.1f} s")
    assert "deals: 8800 read, 8800 new, 0 changed, 0 unchanged, 0 rejected" in first.out
    assert again.out.count(" 0 new, 0 changed, ") == again.out.count(" read, ") == 4
    assert first.cpu < 30
