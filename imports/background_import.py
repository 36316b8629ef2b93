"""Runs one import with its row in the database as its report: progress, cancellation, rejected rows, and the end.

All that the servers need of the importer is here and in `imports.import_preview`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from domain.errors.user_errors import UserError
from domain.i18n.languages import translate
from imports.csv_reader import ImportFileError
from imports.import_preview import count_lines, open_map, report_file_errors
from imports.importer import Importer, find_sources
from imports.rejected_rows import RejectedRows
from imports.toml_schema import MapError
from models.db import connection
from models.db.errors import DatabaseUnavailable
from models.imports.import_jobs import MAX_STORED_REJECTIONS, ImportJob, ImportState
from resolvers import import_jobs
from resolvers.import_jobs import RejectedRow
from resolvers.request.context import RequestContext
from resolvers.request.import_files import ImportSource

_REPORT_SECONDS: Final = 0.5  # between two reports of progress
_ALIVE_SECONDS: Final = 10.0  # between two signs of life while nothing changes
_UNEXPECTED_ERROR: Final = "Something failed on our side. It is in the log of the server."

log = logging.getLogger(__name__)


class _ImportStopped(Exception):
    """Ends the import between two batches."""


class _RollBack(Exception):
    """Rolls the transaction of a dry run back."""


class RejectionBuffer(RejectedRows):
    """Collects rejected rows for the database instead of a file; those beyond `MAX_STORED_REJECTIONS` are only counted."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.rows: list[RejectedRow] = []

    def add_row(self, file: str, line: int, column: str, reason: str, cells: Mapping[str, str]) -> None:
        self.count += 1
        if self.count <= MAX_STORED_REJECTIONS:
            self.rows.append((_storable(file), line, _storable(column), _storable(reason), _storable_cells(cells)))

    def take_rows(self) -> list[RejectedRow]:
        rows, self.rows = self.rows, []
        return rows


def _storable(text: str) -> str:
    """Return the text without what a database cannot store: bytes that were not decoded, and null characters."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _storable_cells(cells: Mapping[str, str]) -> dict[str, str]:
    return {_storable(name): _storable(cell) for name, cell in cells.items()}


class BackgroundImport:
    """One import of a file or folder.

    create_context  returns a context with the permissions of the administrator who has started it
    """

    def __init__(self, create_context: Callable[[], RequestContext], job: ImportJob, path: Path) -> None:
        self._create_context, self._job, self._path = create_context, job, path
        self._rejections = RejectionBuffer()
        self._importer: Importer | None = None
        self._is_stopped = False

    async def run(self) -> ImportState:
        """Run the import to its end and return how it has ended. A cancelled task leaves it as interrupted."""
        state = ImportState.FAILED
        reporter = asyncio.create_task(self._report_all())
        try:
            await self._import()
            state = ImportState.FINISHED
        except _ImportStopped:
            state = ImportState.CANCELLED
        except asyncio.CancelledError:
            state = ImportState.INTERRUPTED
            raise
        except (MapError, ImportFileError) as error:
            self._job.error = str(error)
        except UserError as error:
            self._job.error = translate(error.message, self._create_context().language)
        except Exception:
            log.exception("The import %d failed.", self._job.id)
            self._job.error = _UNEXPECTED_ERROR
        finally:
            reporter.cancel()
            with suppress(asyncio.CancelledError):
                await reporter
            await self._report_end(state)
        return state

    async def _import(self) -> None:
        job, import_map = self._job, open_map(self._job.map_name, self._job.map_text)
        with report_file_errors(self._path, ImportSource(inbox_path=job.inbox_path)):
            files, ignored = await asyncio.to_thread(find_sources, self._path, import_map)
            job.lines_total = sum([await asyncio.to_thread(count_lines, path) for path, _ in files])
        self._importer = Importer(self._create_context(), import_map, self._rejections, self._on_progress)
        self._importer.result.ignored = ignored
        if not job.dry_run:
            await self._importer.run(files)
            return
        with suppress(_RollBack):
            async with connection.write_transaction():
                await self._importer.run(files)
                raise _RollBack

    def _on_progress(self, lines: int) -> None:
        """Count lines after each batch, outside of its transaction; stop the import there if it was cancelled."""
        self._job.lines_done += lines
        if self._is_stopped:
            raise _ImportStopped

    async def _report_all(self) -> NoReturn:
        """Report progress and signs of life until the task is cancelled."""
        context, loop = self._create_context(), asyncio.get_running_loop()
        reported: object = None
        alive_until = 0.0
        while True:
            await asyncio.sleep(_REPORT_SECONDS)
            self._update_counts()
            progress = self._job.lines_done, self._job.lines_total, self._job.counts
            try:
                await self._store_rejections()
                if progress != reported:
                    self._is_stopped |= await import_jobs.report_progress(context, self._job)
                elif loop.time() > alive_until:
                    self._is_stopped |= await import_jobs.report_alive(context, self._job)
                else:
                    self._is_stopped |= await import_jobs.has_to_stop(self._job)
                    continue
            except DatabaseUnavailable as error:
                log.warning("The progress of the import could not be stored (%r).", error)
                continue
            reported, alive_until = progress, loop.time() + _ALIVE_SECONDS

    def _update_counts(self) -> None:
        if self._importer is not None:
            self._job.counts = {kind: dict(counts) for kind, counts in self._importer.result.counts.items()}

    async def _store_rejections(self) -> None:
        rows = self._rejections.take_rows()
        if rows:
            await import_jobs.report_rejections(self._job, rows)

    async def _report_end(self, state: ImportState) -> None:
        self._update_counts()
        if self._importer is not None:
            result = self._importer.result
            self._job.summary = str(result)
            self._job.warnings = [f"The map does not cover the file {name}." for name in result.ignored]
            if state is ImportState.FINISHED and not self._job.count("read"):
                self._job.warnings.append("The files have no rows.")
        await self._store_rejections()
        await import_jobs.report_end(self._create_context(), self._job, state)
