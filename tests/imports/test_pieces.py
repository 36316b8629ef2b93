"""An import takes the lock for short pieces only, reads the file between them, and remembers little of it."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from imports import importer, piece_limit
from imports.cell_parsing import RowValues
from imports.files.source_file import SourceFile
from imports.files.source_row import SourceRow
from imports.input_builder import InputBuilder
from imports.name_index import SpillNameIndex, UndoJournal
from imports.piece_limit import FIRST_ROWS, MAX_ROWS, TARGET_SECONDS, PieceLimit
from models.crm import deals
from models.db import bulk_statements, connection
from models.db.spill_index import SpillRegistry
from resolvers.crm.inputs import DealInput
from server.commands.import_csv import create_rate_reporter
from tests.imports.import_company import ImportTestCompany
from tests.sample_exports import MAP
from tests.source_tree import ROOT

PEOPLE_MAP = '[[file]]\npattern = "*.csv"\nkind = "people"\n[file.columns]\nname = "name"\n'


class FakeClock:
    """A clock that goes on by a step whenever it is read, and by hand."""

    def __init__(self, step: float = 0) -> None:
        self.seconds, self.step = 0.0, step

    def __call__(self) -> float:
        self.seconds += self.step
        return self.seconds


def make_deals(count: int, *, sellers: int = 1) -> str:
    lines = ["number;title;seller;client;stage;created;closed;amount"]
    lines += [
        f"D-{n};Chairs {n};Ann {n % sellers};Client {n % 7};Won;01.10.2026;05.10.2026;{n + 1}" for n in range(count)
    ]
    return "\n".join(lines)


@pytest.fixture
def piece_rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of rows of the pieces that are imported."""
    sizes: list[int] = []
    end = PieceLimit.end

    def record(limit: PieceLimit, rows: int) -> None:
        sizes.append(rows)
        end(limit, rows)

    monkeypatch.setattr(PieceLimit, "end", record)
    return sizes


def run_piece(limit: PieceLimit, clock: FakeClock, seconds_per_row: float) -> None:
    limit.begin()
    rows = limit.rows
    clock.seconds += rows * seconds_per_row
    limit.end(rows)


def test_pieces_grow_to_the_rows_that_fit_into_their_time() -> None:
    clock = FakeClock()
    limit, sizes = PieceLimit(clock), []

    for _ in range(8):
        sizes.append(limit.rows)
        run_piece(limit, clock, 0.000_5)

    assert sizes[:3] == [FIRST_ROWS, 2 * FIRST_ROWS, 4 * FIRST_ROWS]
    assert abs(sizes[-1] * 0.000_5 - TARGET_SECONDS) < 0.001


def test_pieces_shrink_at_once_when_rows_take_longer_but_not_below_the_first() -> None:
    clock = FakeClock()
    limit = PieceLimit(clock)
    for _ in range(8):
        run_piece(limit, clock, 1e-9)
    largest = limit.rows

    run_piece(limit, clock, 0.01)

    assert (largest, limit.rows) == (MAX_ROWS, FIRST_ROWS)


@pytest.mark.parametrize(
    ("map_name", "file", "kind", "expected_largest"),
    [
        (MAP, make_deals(90, sellers=90), "deals", 5),  # a reading of the clock for each new employee, half of the time
        (PEOPLE_MAP, "name\n" + "\n".join(f"Person {n}" for n in range(30)), "people", 10),
    ],
)
async def test_piece_ends_early_when_its_rows_take_too_long(
    company: ImportTestCompany,
    monkeypatch: pytest.MonkeyPatch,
    piece_rows: list[int],
    map_name: str,
    file: str,
    kind: str,
    expected_largest: int,
) -> None:
    monkeypatch.setattr(importer.Importer, "create_limit", lambda _: PieceLimit(FakeClock(step=TARGET_SECONDS / 10)))

    result = await company.import_files(map_name, {"file.csv": file})

    assert result.counts[kind] == {"read": sum(piece_rows), "new": file.strip().count("\n")}
    assert max(piece_rows) <= expected_largest + 1


async def test_file_is_read_outside_of_transactions_and_no_further_than_the_next_piece(
    company: ImportTestCompany, monkeypatch: pytest.MonkeyPatch, piece_rows: list[int]
) -> None:
    rows_ahead: list[int] = []
    read_rows = SourceFile.read_rows

    def read(source_file: SourceFile) -> Iterator[SourceRow]:
        for number, row in enumerate(read_rows(source_file), 1):
            assert connection.is_outside_transaction()
            rows_ahead.append(number - sum(piece_rows))
            yield row

    monkeypatch.setattr(SourceFile, "read_rows", read)
    monkeypatch.setattr(importer.Importer, "create_limit", lambda _: PieceLimit(FakeClock(step=1e-9)))

    result = await company.import_files(MAP, {"deals.csv": make_deals(200)})

    assert result.counts["deals"]["new"] == sum(piece_rows) == 200
    assert len(rows_ahead) == 200  # read once after it was checked
    assert max(rows_ahead) <= max(piece_rows)


@pytest.fixture
def usual_thresholds() -> Iterator[tuple[int, int, int]]:
    """Python's own thresholds of the garbage collector, instead of those of the tests."""
    thresholds_of_tests, usual = gc.get_threshold(), (700, 10, 10)
    gc.set_threshold(*usual)
    yield usual
    gc.set_threshold(*thresholds_of_tests)


async def test_garbage_is_collected_less_often_during_an_import_only(
    company: ImportTestCompany, usual_thresholds: tuple[int, int, int]
) -> None:
    before, during = usual_thresholds, list[tuple[int, int, int]]()

    await company.import_files(MAP, {"deals.csv": make_deals(1)}, lambda _: during.append(gc.get_threshold()))

    assert during
    assert all(thresholds[0] > before[0] and thresholds[1:] == before[1:] for thresholds in during)
    assert gc.get_threshold() == before


async def test_inputs_are_built_before_the_lock_is_taken_except_of_rows_with_new_employees(
    company: ImportTestCompany, monkeypatch: pytest.MonkeyPatch
) -> None:
    await company.import_files(MAP, {"deals.csv": make_deals(2)})
    is_unlocked: dict[str, bool] = {}
    build_input = InputBuilder.deal_input

    async def build(builder: InputBuilder, values: RowValues, external_id: str, **options: bool) -> DealInput:
        deal_input = await build_input(builder, values, external_id, **options)
        is_unlocked[external_id] = connection.is_outside_transaction()
        return deal_input

    monkeypatch.setattr(InputBuilder, "deal_input", build)
    lines = make_deals(40).splitlines()
    lines[10] = lines[10].replace("Ann 0", "Bob")

    await company.import_files(MAP, {"deals.csv": "\n".join(lines)})

    assert [external_id for external_id, unlocked in is_unlocked.items() if not unlocked] == [
        f"D-{number}"
        for number in range(9, 20)  # Bob's, and those after it in the first piece
    ]


async def test_piece_is_begun_again_if_its_deals_were_recorded_before_it_took_the_lock(
    company: ImportTestCompany, monkeypatch: pytest.MonkeyPatch, piece_rows: list[int]
) -> None:
    await company.import_files(MAP, {"deals.csv": make_deals(5)})
    piece_rows.clear()
    list_external_ids, readings = deals.list_external_ids, list[set[str]]()

    async def list_before_the_other_writer(external_ids: Collection[str]) -> set[str]:
        readings.append(await list_external_ids(external_ids) if readings else set())
        return readings[-1]

    monkeypatch.setattr(deals, "list_external_ids", list_before_the_other_writer)

    result = await company.import_files(MAP, {"deals.csv": make_deals(5)})

    assert result.counts["deals"] == {"read": 5, "unchanged": 5}
    assert ([len(reading) for reading in readings], piece_rows) == ([0, 5], [5])


async def count_statements(company: ImportTestCompany, monkeypatch: pytest.MonkeyPatch, first: int, count: int) -> int:
    """Return the number of statements of an import of deals in one piece."""
    statements = 0

    def counted(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            nonlocal statements
            statements += 1
            return method(*arguments)

        return call

    lines = make_deals(first + count).splitlines()
    text = "\n".join([lines[0], *lines[first + 1 :]])
    with monkeypatch.context() as patch:
        patch.setattr(piece_limit, "FIRST_ROWS", MAX_ROWS)
        patch.setattr(importer.Importer, "create_limit", lambda _: PieceLimit(FakeClock()))
        for module, name in (
            (connection, "execute"),
            (connection, "fetch_rows"),
            (bulk_statements, "_execute_for_each"),
        ):
            patch.setattr(module, name, counted(getattr(module, name)))
        result = await company.import_files(MAP, {"deals.csv": text})
    assert result.counts["deals"]["new"] == count
    return statements


async def test_piece_takes_as_many_statements_for_400_deals_as_for_100(
    company: ImportTestCompany, monkeypatch: pytest.MonkeyPatch
) -> None:
    await company.import_files(MAP, {"deals.csv": make_deals(30)})  # what all of them refer to

    few = await count_statements(company, monkeypatch, 30, 100)
    many = await count_statements(company, monkeypatch, 130, 400)

    assert many <= few + 2  # timers and totals are added in statements of at most 900 values


def test_memory_for_external_ids_does_not_grow_with_their_number() -> None:
    registry, index = SpillRegistry(), SpillNameIndex(journal := UndoJournal())
    registry.register([("first", (1, 2, -3))])
    tracemalloc.start()
    try:
        for number in range(20_000):
            registry.register([(f"D-{number}", (0, number, hash(str(number))))])
        index.add_all([(f"id {number}", f"C-{number}", f"Client {number}") for number in range(1_000)])
        journal.clear()
        gc.collect()
        # of the importer and of this test: other threads of the process have memory of their own
        places = [tracemalloc.Filter(True, name) for name in (f"{ROOT}/imports/*", f"{ROOT}/models/*", __file__)]
        snapshot = tracemalloc.take_snapshot().filter_traces(places)
    finally:
        tracemalloc.stop()

    assert (
        sum(place.size for place in snapshot.statistics("filename")) < 200_000
    )  # of 21,000 keys; the pages of SQLite's cache are bounded by `cache_size`
    assert registry.register([("first", (4, 5, 6)), ("second", (7, 8, 9))]) == [(1, 2, -3), (7, 8, 9)]
    assert registry.register([("D-19999", (1, 1, 1))]) == [(0, 19_999, hash("19999"))]
    assert index.find("client 999", "clients") == index.find("C-999", "clients") == "id 999"


def test_undone_clients_are_not_found_any_more() -> None:
    journal = UndoJournal()
    index = SpillNameIndex(journal)
    index.add_all([("id 1", "C-1", "Acme")])
    journal.clear()
    index.add_all([("id 2", "C-2", "Acme"), ("id 3", None, "Borealis")])

    journal.undo()

    assert index.find("acme", "clients") == index.find("C-1", "clients") == "id 1"
    assert index.find("C-2", "clients") is index.find("Borealis", "clients") is None


async def test_row_whose_new_client_is_undone_leaves_it_to_a_later_row(company: ImportTestCompany) -> None:
    rows = [
        "X-1;Chairs;Ann;Acme;Won;05.10.2026;01.10.2026;5",
        *make_deals(30).replace("Client 3", "Acme").splitlines()[1:],
    ]

    result = await company.import_files(MAP, {"deals.csv": "\n".join([make_deals(0), *rows])})

    assert dict(result.counts["deals"]) == {"read": 31, "new": 30, "rejected": 1}
    assert result.created_names["clients"].count("Acme") == 1


def test_progress_tells_lines_a_second() -> None:
    clock, updates = FakeClock(), list[tuple[int, str]]()
    report = create_rate_reporter(lambda lines, rate: updates.append((lines, rate)), "en", clock)

    clock.seconds = 2
    report(5_000)
    clock.seconds = 4
    report(1_000)

    assert updates == [(5_000, "2,500 lines a second"), (1_000, "1,500 lines a second")]


async def test_summary_counts_all_created_clients_and_lists_the_first(
    company: ImportTestCompany, tmp_path: Path
) -> None:
    rows = "\n".join(f"D-{n};Chairs;Ann;Client {n};Won;01.10.2026;05.10.2026;1" for n in range(25))

    result = await company.import_files(MAP, {"deals.csv": make_deals(0) + "\n" + rows})

    assert len(result.created_names["clients"]) == 20
    assert "clients created by reference, 25: Client 0, Client 1," in str(result)
