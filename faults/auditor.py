"""The auditor: compares what clients were told with what the database holds, after a scene has calmed down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain.primitives.global_ids import decode_global_id
from faults.journal import Journal, StreamRecord, WriteKind, WriteRecord
from faults.rig import Rig

# What a client receives of each event, from its row: the position, then `read_content` of its watcher.
CONTENT_SQL: Final = {
    "activity": "SELECT id, id AS content, kind FROM activity ORDER BY id",
    "bell": "SELECT id, title, revoked FROM bell ORDER BY id",
}
# Each record that writers have written: marker, kind, id, is it won, and how often that was announced and taken back.
_RECORDS_SQL: Final = """
SELECT title, 'deal', id, status = 'WON', (SELECT count(*) FROM bell WHERE deal_id = deal.id AND NOT revoked),
    (SELECT count(*) FROM bell WHERE deal_id = deal.id AND revoked) FROM deal WHERE title LIKE '{prefix}-%'
UNION ALL SELECT title, 'lead', id, false, 0, 0 FROM lead WHERE title LIKE '{prefix}-%'
"""


@dataclass
class Findings:
    """Numbers of faults; all zero if nothing is wrong."""

    lost: int = 0
    doubled: int = 0
    phantom: int = 0
    out_of_order: int = 0

    def add(self, other: Findings) -> None:
        self.lost += other.lost
        self.doubled += other.doubled
        self.phantom += other.phantom
        self.out_of_order += other.out_of_order

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.phantom or self.out_of_order)


@dataclass(frozen=True)
class StoredRecord:
    """A deal or lead in the database.

    announcements, revocations  numbers of win announcements of the deal
    """

    marker: str
    kind: str
    row_id: int
    is_won: bool
    announcements: int
    revocations: int


def compare_writes(writes: Iterable[WriteRecord], records: Iterable[StoredRecord]) -> Findings:
    """Compare writes with the records that have their markers.

    A write that was never acknowledged may be stored or not. A win is announced once, also if it was sent repeatedly.
    """
    findings = Findings()
    records_by_marker: dict[str, list[StoredRecord]] = {}
    for record in records:
        records_by_marker.setdefault(record.marker, []).append(record)
    written: dict[str, list[WriteRecord]] = {}
    for write in writes:
        written.setdefault(write.marker, []).append(write)

    for marker, writes_of_record in written.items():
        rows = records_by_marker.pop(marker, [])
        if not rows:
            findings.lost += any(write.acknowledged_at is not None for write in writes_of_record)
            continue
        findings.doubled += len(rows) - 1
        findings.add(_compare_record(writes_of_record, rows[0]))
    findings.phantom += sum(map(len, records_by_marker.values()))
    return findings


def _compare_record(writes: Sequence[WriteRecord], row: StoredRecord) -> Findings:
    findings = Findings()
    told_ids = {decode_global_id(global_id) for write in writes for global_id in write.record_ids}
    findings.doubled += sum(told is None or told[1] != row.row_id for told in told_ids)
    if row.kind == "lead" or writes[0].kind is WriteKind.OPEN_DEAL:
        return findings
    reopening = next((write for write in writes if write.kind is WriteKind.REOPENING), None)
    findings.doubled += max(row.announcements - 1, 0) + max(row.revocations - 1, 0)
    findings.lost += row.announcements == 0
    if reopening is None:
        findings.phantom += (not row.is_won) + row.revocations
    elif reopening.acknowledged_at is not None:
        findings.lost += row.is_won or row.revocations == 0
    return findings


def compare_stream(stream: StreamRecord, rows: Mapping[int, tuple[Any, ...]]) -> Findings:
    """Compare the events that a watcher has received with the rows of its table, from its first event on.

    rows  by position, in order
    """
    findings = Findings()
    counts: Counter[int] = Counter()
    newest = 0
    for event in stream.events:
        counts[event.position] += 1
        if event.position < newest and counts[event.position] == 1:
            findings.out_of_order += 1
        newest = max(newest, event.position)
        findings.phantom += rows.get(event.position) != event.content
    findings.doubled = sum(count - 1 for count in counts.values())
    if stream.events:
        first = stream.events[0].position
        findings.lost = sum(position >= first and position not in counts for position in rows)
    return findings


async def audit(rig: Rig, journal: Journal, prefix: str) -> Findings:
    """Compare the whole journal with the database.

    prefix  of the markers of all its writes
    """
    findings = Findings(out_of_order=journal.regressions)
    records = await rig.fetch_rows(_RECORDS_SQL.format(prefix=prefix))
    findings.add(compare_writes(journal.writes, (StoredRecord(*record) for record in records)))
    for table, sql in CONTENT_SQL.items():
        rows = {position: (content, *rest) for position, content, *rest in await rig.fetch_rows(sql)}
        if table == "bell":  # SQLite has no booleans
            rows = {position: (title, bool(revoked)) for position, (title, revoked) in rows.items()}
        for stream in journal.streams:
            if stream.table == table:
                findings.add(compare_stream(stream, rows))
    return findings
