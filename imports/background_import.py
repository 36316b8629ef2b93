"""Runs one import and reports its progress, its rejected rows and its end.

All that the servers need of the importer is here and in `imports.import_preview`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from domain.errors.user_errors import UserError
from domain.i18n.languages import translate
from domain.messages import Message
from imports.files.source_discovery import find_sources
from imports.files.source_file import Header
from imports.files.source_row import ImportFileError, SourceRow
from imports.import_preview import open_map, report_file_errors
from imports.importer import Importer
from imports.rejected_rows import RejectedRows
from imports.toml_schema import MapError
from models.imports.import_jobs import MAX_STORED_REJECTIONS, ImportJob, ImportState
from resolvers.import_jobs import ImportReport, RejectedRow
from resolvers.request.context import RequestContext
from resolvers.request.import_files import ImportSource

REPORT_SECONDS: Final = 0.5  # between two reports of progress
_REJECTIONS_PER_REPORT: Final = 50
_MAX_CELL_LENGTH: Final = 1_000
_UNEXPECTED_ERROR: Final = Message("Something failed on our side. It is in the log of the server.")
SendReport = Callable[[ImportReport], Awaitable[None]]

log = logging.getLogger(__name__)


class _ImportStopped(Exception):
    """Ends the import between two batches."""


class RejectionBuffer(RejectedRows):
    """Collects rejected rows for reports instead of a file; those beyond `MAX_STORED_REJECTIONS` are only counted."""

    def __init__(self, language: str) -> None:
        super().__init__(Path("rejects.csv"))  # which is never opened
        self._language, self._file_name = language, ""
        self.rows: list[RejectedRow] = []

    def start_file(self, name: str, csv_header: Header) -> None:
        self._file_name = name

    def add_row(self, row: SourceRow, column: str, reason: Message | str, import_id: str = "") -> None:
        self.count += 1
        if self.count <= MAX_STORED_REJECTIONS:
            file_name, line = (row.origin.file, row.origin.line) if row.origin else (self._file_name, row.line)
            cells = {_clean(name): _clean(cell) for name, cell in row.cells.items()}
            text = _clean(translate(reason, self._language))
            self.rows.append((_clean(file_name), line, _clean(column), text, cells))

    def take_rows(self) -> list[RejectedRow]:
        """Return and forget the next rows for a report."""
        rows, self.rows = self.rows[:_REJECTIONS_PER_REPORT], self.rows[_REJECTIONS_PER_REPORT:]
        return rows


def _clean(text: str) -> str:
    """Return the text without what a database cannot store: bytes that were not decoded, and null characters."""
    return text[:_MAX_CELL_LENGTH].encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


class BackgroundImport:
    """One import of a file or folder.

    job          the row of the import, which is only read
    send_report  called with each report, one after the other
    """

    def __init__(self, context: RequestContext, job: ImportJob, path: Path, send_report: SendReport) -> None:
        self._context, self._job, self._path, self._send_report = context, job, path, send_report
        self._rejections = RejectionBuffer(context.language)
        self._importer: Importer | None = None
        self._lines_done = self._lines_total = 0
        self._is_stopped = False
        self._last_report = ImportReport()

    def stop(self) -> None:
        """Stop the import after its current batch."""
        self._is_stopped = True

    async def run(self) -> None:
        """Run the import and report its end, unless the task is cancelled."""
        is_over = asyncio.Event()
        reporter = asyncio.create_task(self._report_progress(is_over))
        error: str | None = None
        try:
            await self._import()
            state = ImportState.FINISHED
        except _ImportStopped:
            state = ImportState.CANCELLED
        except (MapError, ImportFileError, UserError) as user_error:
            state, error = ImportState.FAILED, translate(user_error.message, self._context.language)
        except Exception:
            log.exception("The import %d failed.", self._job.id)
            state, error = ImportState.FAILED, translate(_UNEXPECTED_ERROR, self._context.language)
        finally:
            is_over.set()
            await reporter
        while len(self._rejections.rows) > _REJECTIONS_PER_REPORT:
            await self._send_report(self._make_report())
        await self._send_report(self._make_report(state, error))

    async def _import(self) -> None:
        job, import_map = self._job, open_map(self._job.map_name, self._job.map_text)
        with report_file_errors(self._path, ImportSource(inbox_path=job.inbox_path)):
            sources = await asyncio.to_thread(find_sources, self._path, import_map)
        self._lines_total = sum(file.line_count for file in sources.files)
        self._importer = Importer(self._context, import_map, self._rejections, self._on_progress)
        self._importer.result.passed_over = [part.message for part in sources.passed_over]
        await self._importer.run(sources.files)  # a dry run is connected to a copy of the database

    def _on_progress(self, lines: int) -> None:
        """Count lines after each batch, outside of its transaction; end the import there if it was stopped."""
        self._lines_done += lines
        if self._is_stopped:
            raise _ImportStopped

    async def _report_progress(self, is_over: asyncio.Event) -> None:
        """Report news of the import until it is over."""
        while not is_over.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(REPORT_SECONDS):
                    await is_over.wait()
                    return
            report = self._make_report()
            if report != self._last_report:
                await self._send_report(report)
                self._last_report = report

    def _make_report(self, state: ImportState | None = None, error: str | None = None) -> ImportReport:
        """Return a report; one with a state is the last."""
        result = self._importer.result if self._importer else None
        counts = {kind: dict(outcomes) for kind, outcomes in result.counts.items()} if result else {}
        warnings: list[str] = []
        if result and state is not None:
            messages = [note.message for note in result.notes if note.is_warning]
            messages += [Message("This was passed over: {name}.", {"name": name}) for name in result.passed_over]
            if state is ImportState.FINISHED and not any(outcomes.get("read") for outcomes in counts.values()):
                messages.append(Message("The files have no rows."))
            warnings = [translate(message, self._context.language) for message in messages]
        return ImportReport(
            self._lines_done,
            self._lines_total,
            counts,
            self._rejections.take_rows(),
            state,
            result.render(self._context.language) if result and state is not None else "",
            warnings,
            error,
        )
