"""The auditor finds what was lost, doubled, invented or sent in the wrong order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.primitives.global_ids import encode_global_id
from faults.auditor import AuditFindings, StoredRecord, compare_stream, compare_writes
from faults.journal import Journal, ReceivedEvent, StreamRecord, WriteKind, WriteRecord

STORED_WIN = StoredRecord("w", "deal", 7, is_won=True, announcements=1, revocations=0)
STORED_LEAD = StoredRecord("w", "lead", 7, is_won=False, announcements=0, revocations=0)
ROWS = {position: (f"title {position}", False) for position in (3, 5, 8, 9)}


def make_write(kind: WriteKind = WriteKind.WIN, row_id: int = 7, acknowledged_at: float | None = 1.0) -> WriteRecord:
    ids = set() if acknowledged_at is None else {encode_global_id("Deal", row_id)}
    return WriteRecord(kind, "w", acknowledged_at=acknowledged_at, record_ids=ids)


def count(findings: AuditFindings) -> tuple[int, int, int, int]:
    return findings.lost, findings.doubled, findings.phantom, findings.out_of_order


@pytest.mark.parametrize(
    ("writes", "records", "counts"),
    [
        pytest.param([make_write()], [STORED_WIN], (0, 0, 0, 0), id="stored"),
        pytest.param([make_write()], [], (1, 0, 0, 0), id="acknowledged and not stored"),
        pytest.param([make_write(acknowledged_at=None)], [], (0, 0, 0, 0), id="neither"),
        pytest.param([make_write(acknowledged_at=None)], [STORED_WIN], (0, 0, 0, 0), id="stored and not acknowledged"),
        pytest.param([make_write()], [STORED_WIN, replace(STORED_WIN, row_id=8)], (0, 1, 0, 0), id="two rows"),
        pytest.param([make_write(row_id=6)], [STORED_WIN], (0, 1, 0, 0), id="acknowledged with another id"),
        pytest.param([make_write()], [replace(STORED_WIN, announcements=2)], (0, 1, 0, 0), id="announced twice"),
        pytest.param([make_write()], [replace(STORED_WIN, announcements=0)], (1, 0, 0, 0), id="not announced"),
        pytest.param([make_write()], [replace(STORED_WIN, is_won=False)], (0, 0, 1, 0), id="taken back by nobody"),
        pytest.param([], [STORED_WIN], (0, 0, 1, 0), id="never sent"),
        pytest.param([make_write(WriteKind.LEAD)], [STORED_LEAD], (0, 0, 0, 0), id="lead"),
        pytest.param([make_write(WriteKind.OPEN_DEAL)], [replace(STORED_WIN, is_won=False, announcements=0)], (0, 0, 0, 0), id="open deal"),
        pytest.param(
            [make_write(), make_write(WriteKind.REOPENING)],
            [replace(STORED_WIN, is_won=False, revocations=1)],
            (0, 0, 0, 0),
            id="reopened",
        ),
        pytest.param([make_write(), make_write(WriteKind.REOPENING)], [STORED_WIN], (1, 0, 0, 0), id="reopening lost"),
        pytest.param(
            [make_write(), make_write(WriteKind.REOPENING, acknowledged_at=None)],
            [STORED_WIN],
            (0, 0, 0, 0),
            id="reopening not acknowledged",
        ),
        pytest.param(
            [make_write(), make_write(WriteKind.REOPENING)],
            [replace(STORED_WIN, is_won=False, revocations=2)],
            (0, 1, 0, 0),
            id="revoked twice",
        ),
    ],
)  # fmt: skip
def test_writes_are_compared_with_rows(
    writes: list[WriteRecord], records: list[StoredRecord], counts: tuple[int, ...]
) -> None:
    findings = compare_writes(writes, records)

    assert count(findings) == counts
    assert findings.is_clean is (counts == (0, 0, 0, 0))
    assert len(findings.details) == sum(counts)


@pytest.mark.parametrize(
    ("positions", "counts"),
    [
        pytest.param([3, 5, 8, 9], (0, 0, 0, 0), id="all"),
        pytest.param([5, 8, 9], (0, 0, 0, 0), id="from the first event on"),
        pytest.param([], (0, 0, 0, 0), id="nothing"),
        pytest.param([3, 8, 9], (1, 0, 0, 0), id="gap"),
        pytest.param([3, 5, 8], (1, 0, 0, 0), id="end missing"),
        pytest.param([3, 5, 5, 8, 9], (0, 1, 0, 0), id="repeated"),
        pytest.param([3, 5, 8, 5, 9], (0, 1, 0, 0), id="repeated later"),
        pytest.param([3, 8, 5, 9], (0, 0, 0, 1), id="order"),
        pytest.param([3, 5, 6, 8, 9], (0, 0, 1, 0), id="no such row"),
    ],
)
def test_events_are_compared_with_rows(positions: list[int], counts: tuple[int, ...]) -> None:
    stream = StreamRecord("bell", [ReceivedEvent(position, (f"title {position}", False)) for position in positions])

    assert count(compare_stream(stream, ROWS)) == counts


@pytest.mark.parametrize("content", [("other", False), ("title 5", True), None])
def test_event_that_says_something_else_than_its_row_is_a_phantom(content: Any) -> None:
    stream = StreamRecord("bell", [ReceivedEvent(5, content), *(ReceivedEvent(n, ROWS[n]) for n in (8, 9))])

    assert count(compare_stream(stream, ROWS)) == (0, 0, 1, 0)


def test_new_round_knows_the_last_event_of_each_stream() -> None:
    stream = StreamRecord("bell", [ReceivedEvent(position, ROWS[position]) for position in (3, 5)])
    journal = Journal([make_write()], [stream], slowest_answer=3, regressions=1)
    journal.note_code("UNAVAILABLE")

    journal.begin_round()
    stream.events.append(ReceivedEvent(9, ROWS[9]))

    assert (journal.writes, dict(journal.answers), journal.slowest_answer, journal.regressions) == ([], {}, 0.0, 0)
    assert count(compare_stream(stream, ROWS)) == (1, 0, 0, 0)  # 8


def test_writes_undone_by_a_restore_are_excused_and_no_others() -> None:
    before, undone, late, after = (
        WriteRecord(WriteKind.WIN, name, sent_at=sent_at, acknowledged_at=acknowledged_at)
        for name, sent_at, acknowledged_at in (("a", 1, 2), ("b", 3, 4), ("c", 6, 9), ("d", 8, 9))
    )
    journal = Journal([before, undone, late, after])

    journal.excuse_writes(copied_at=3, restored_at=7)

    assert [write.is_excused for write in journal.writes] == [False, True, True, False]
    assert [write.acknowledged_at is None for write in journal.writes] == [False, True, True, False]
