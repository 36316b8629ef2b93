"""The auditor: compares what clients were told with what the database holds, after a scene has calmed down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
class AuditFindings:
    """Numbers of faults; all zero if nothing is wrong.

    details  of the faults, a line each
    """

    lost: int = 0
    doubled: int = 0
    phantom: int = 0
    out_of_order: int = 0
    details: list[str] = field(default_factory=list)

    def note(self, kind: str, detail: str, count: int = 1) -> None:
        """Count a fault `count` times, if at all; `kind` is the name of a field."""
        if count:
            setattr(self, kind, getattr(self, kind) + count)
            self.details.append(f"{kind.replace('_', ' ')}: {detail}")

    def add(self, other: AuditFindings) -> None:
        self.lost += other.lost
        self.doubled += other.doubled
        self.phantom += other.phantom
        self.out_of_order += other.out_of_order
        self.details += other.details

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


def compare_writes(writes: Iterable[WriteRecord], records: Iterable[StoredRecord]) -> AuditFindings:
    """Compare writes with the records that have their markers.

    A write that was never acknowledged may be stored or not. A win is announced once, also if it was sent repeatedly.
    """
    findings = AuditFindings()
    records_by_marker: dict[str, list[StoredRecord]] = {}
    for record in records:
        records_by_marker.setdefault(record.marker, []).append(record)
    writes_by_marker: dict[str, list[WriteRecord]] = {}
    for write in writes:
        writes_by_marker.setdefault(write.marker, []).append(write)

    for marker, writes_of_record in writes_by_marker.items():
        rows = records_by_marker.pop(marker, [])
        if rows:
            findings.note("doubled", f"{marker} has {len(rows)} rows", len(rows) - 1)
            findings.add(_compare_record(writes_of_record, rows[0]))
        elif any(write.acknowledged_at is not None for write in writes_of_record):
            findings.note("lost", f"{marker} was acknowledged and is not stored")
    for marker, rows in records_by_marker.items():
        findings.note("phantom", f"{marker} is stored and was never sent", len(rows))
    return findings


def _compare_record(writes: Sequence[WriteRecord], row: StoredRecord) -> AuditFindings:
    findings = AuditFindings()
    acknowledged_ids = {decode_global_id(global_id) for write in writes for global_id in write.record_ids}
    for acknowledged_id in acknowledged_ids:
        if acknowledged_id is None or acknowledged_id[1] != row.row_id:
            findings.note("doubled", f"{row.marker} was acknowledged with an id that is not {row.row_id}")
    if row.kind == "lead" or writes[0].kind is WriteKind.OPEN_DEAL:
        return findings
    reopening = next((write for write in writes if write.kind is WriteKind.REOPENING), None)
    findings.note("doubled", f"{row.marker} was announced {row.announcements} times", max(row.announcements - 1, 0))
    findings.note("doubled", f"{row.marker} was revoked {row.revocations} times", max(row.revocations - 1, 0))
    findings.note("lost", f"{row.marker} was never announced", int(row.announcements == 0))
    if reopening is None:
        findings.note("phantom", f"{row.marker} was taken back by nobody", int(not row.is_won or row.revocations > 0))
    elif reopening.acknowledged_at is not None:
        findings.note("lost", f"{row.marker} was taken back in vain", int(row.is_won or row.revocations == 0))
    return findings


def compare_stream(stream: StreamRecord, rows: Mapping[int, tuple[Any, ...]]) -> AuditFindings:
    """Compare the events that a watcher has received with the rows of its table, from its first event on.

    rows  by position, in order
    """
    findings = AuditFindings()
    counts: Counter[int] = Counter()
    newest = 0
    for event in stream.events:
        counts[event.position] += 1
        event_name = f"{stream.table} {event.position}"
        if counts[event.position] > 1:
            findings.note("doubled", f"{event_name} was sent again")
        elif event.position < newest:
            findings.note("out_of_order", f"{event_name} was sent after {newest}")
        if rows.get(event.position) != event.content:
            findings.note("phantom", f"{event_name} was sent as {event.content}, stored is {rows.get(event.position)}")
        newest = max(newest, event.position)
    if stream.events:
        first = stream.events[0].position
        for position in rows:
            if position >= first and position not in counts:
                findings.note("lost", f"{stream.table} {position} was never sent")
    return findings


async def audit(rig: Rig, journal: Journal, prefix: str) -> AuditFindings:
    """Compare the whole journal with the database.

    prefix  of the markers of all its writes
    """
    findings = AuditFindings()
    findings.note("out_of_order", "states were sent with a lower version than before", journal.regressions)
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
