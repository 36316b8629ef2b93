"""Imports that run in the background of a server: their progress, their reports and their rejected rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

import orjson
from tortoise import fields
from tortoise.models import Model

from models.db import bulk_statements, connection
from models.db.columns import bool_column, enum_column, foreign_key, text_column
from models.db.conditions import equals
from models.db.row_query import RowQuery

MAX_STORED_REJECTIONS: Final = 10_000  # of one import; more are only counted


class ImportState(StrEnum):
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    INTERRUPTED = "INTERRUPTED"


class ImportJob(Model):
    """One import in the background, running or over.

    file_names   the names of its files, as they were sent or stand in the inbox
    inbox_path   where they stand in the inbox; None for uploaded files
    map_text     the map as TOML; None for a built-in map
    seen_at      when its process last reported
    lines_total  lines of all files, to tell how much is done
    counts       for each kind: numbers of rows by outcome
    summary      the summary as the command prints it; empty while it runs
    error        why it failed
    """

    id: int = fields.IntField(primary_key=True)
    started_by = foreign_key("Employee")
    started_by_id: int
    state: ImportState = enum_column(ImportState, default=ImportState.RUNNING)
    dry_run: bool = bool_column(default=False)
    file_names: list[str] = fields.JSONField(default=list)
    inbox_path: str | None = text_column(1000, null=True)
    map_name: str = text_column(200)
    map_text: str | None = fields.TextField(null=True)
    started_at: datetime = fields.DatetimeField()
    seen_at: datetime = fields.DatetimeField()
    finished_at: datetime | None = fields.DatetimeField(null=True)
    cancel_requested: bool = bool_column(default=False)
    lines_done: int = fields.BigIntField(default=0)
    lines_total: int = fields.BigIntField(default=0)
    counts: dict[str, dict[str, int]] = fields.JSONField(default=dict)
    warnings: list[str] = fields.JSONField(default=list)
    summary: str = fields.TextField(default="")
    error: str | None = fields.TextField(null=True)

    class Meta:
        table = "import_job"
        indexes = (("state",),)

    @property
    def share_done(self) -> float:
        """The part of the lines that was processed, from 0 to 1."""
        if self.state is ImportState.FINISHED:
            return 1.0
        return min(1.0, self.lines_done / self.lines_total) if self.lines_total else 0.0

    def count(self, *outcomes: str) -> int:
        """Return the number of rows of all kinds with any of these outcomes; `read` counts all rows."""
        return sum(counts.get(outcome, 0) for counts in self.counts.values() for outcome in outcomes)


class ImportRejection(Model):
    """A row that an import has rejected.

    column_name  the column that is wrong; empty if it is the row as a whole
    cells        the row: cells by column
    """

    id: int = fields.BigIntField(primary_key=True)
    job = foreign_key("ImportJob")
    job_id: int
    file_name: str = text_column(400)
    line: int = fields.IntField()
    column_name: str = text_column(400)
    reason: str = fields.TextField()
    cells: dict[str, str] = fields.JSONField(default=dict)

    class Meta:
        table = "import_rejection"
        indexes = (("job_id", "id"),)


def select_all() -> RowQuery[ImportJob]:
    return RowQuery(ImportJob)


def select_rejections(job_id: int) -> RowQuery[ImportRejection]:
    return RowQuery(ImportRejection, equals("job_id", job_id))


async def find_running() -> ImportJob | None:
    return await ImportJob.filter(state=ImportState.RUNNING).first()


async def request_cancel(job_id: int) -> bool:
    """Ask the process of a running import to stop; return False if it is over."""
    return bool(await ImportJob.filter(id=job_id, state=ImportState.RUNNING).update(cancel_requested=True))


async def save_progress(job: ImportJob, now: datetime) -> None:
    """Store how far a running import has come."""
    await ImportJob.filter(id=job.id, state=ImportState.RUNNING).update(
        seen_at=now, lines_done=job.lines_done, lines_total=job.lines_total, counts=job.counts
    )


async def save_sign_of_life(job_id: int, now: datetime) -> bool:
    """Store that the process of an import runs; return False if it is to be cancelled or counts as over."""
    rows = await connection.fetch_rows(
        "UPDATE import_job SET seen_at = ? WHERE id = ? AND state = 'RUNNING' RETURNING cancel_requested", [now, job_id]
    )
    return bool(rows) and not rows[0]["cancel_requested"]


async def finish(job: ImportJob, state: ImportState, now: datetime) -> bool:
    """Store the end of a running import with its report; return False if it already counts as over."""
    job.state, job.seen_at, job.finished_at = state, now, now
    updated = await ImportJob.filter(id=job.id, state=ImportState.RUNNING).update(
        state=state,
        seen_at=now,
        finished_at=now,
        lines_done=job.lines_done,
        lines_total=job.lines_total,
        counts=job.counts,
        warnings=job.warnings,
        summary=job.summary,
        error=job.error,
    )
    return bool(updated)


async def interrupt(now: datetime, *, job_id: int | None = None, unseen_since: datetime | None = None) -> list[int]:
    """Mark this running import as interrupted, or all whose process has not been seen since then; return their ids."""
    update = "UPDATE import_job SET state = 'INTERRUPTED', finished_at = ? WHERE state = 'RUNNING'"
    if job_id is not None:
        rows = await connection.fetch_rows(f"{update} AND id = ? RETURNING id", [now, job_id])
    else:
        rows = await connection.fetch_rows(f"{update} AND seen_at < ? RETURNING id", [now, unseen_since])
    return [row["id"] for row in rows]


async def insert_rejections(job_id: int, rows: Sequence[tuple[str, int, str, str, Mapping[str, str]]]) -> None:
    """Store rejected rows: file, line, column, reason and cells of each."""
    columns = ("job_id", "file_name", "line", "column_name", "reason", "cells")
    values = [
        (job_id, file_name[:400], line, column[:400], reason, _to_json(cells))
        for file_name, line, column, reason, cells in rows
    ]
    await bulk_statements.insert_rows("import_rejection", columns, values)


def _to_json(value: object) -> str:
    return orjson.dumps(value).decode()
