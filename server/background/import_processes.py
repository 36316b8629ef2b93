"""Runs imports in processes of their own, so that a large file slows down no request of the server.

A process reads its import from the database and writes reports to its standard output, which the server stores
(`server.commands.import_job`). It ends when its standard input does, thus with the server, however that ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson

from domain.errors.user_errors import UserError
from imports import inbox
from models.db import row_store
from models.db.errors import DatabaseUnavailable
from models.imports.import_jobs import ImportJob, ImportState
from resolvers import import_jobs
from resolvers.import_jobs import ImportReport
from resolvers.request.context import RequestContext
from resolvers.request.import_files import ImportableFiles, ImportPreview, ImportSource

STOP: Final = b"stop\n"  # to the process of an import that was cancelled
_WATCH_SECONDS: Final = 1.0  # between two looks whether an import was cancelled
_RETRY_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 5.0  # within which a process ends after its input
_MAX_REPORT_BYTES: Final = 64_000_000
_ROOT: Final = Path(__file__).parents[2]

log = logging.getLogger(__name__)


class ImportProcesses:
    """Reads the files of imports in threads, and runs imports in processes of their own.

    create_context  returns a context to report the end of an import that could not report it
    environment     variables with the settings of the server
    inbox_folder    the inbox directory; None for none
    """

    def __init__(
        self,
        create_context: Callable[[], Awaitable[RequestContext]],
        environment: Mapping[str, str],
        inbox_folder: Path | None,
    ) -> None:
        self._create_context, self._environment, self._inbox_folder = create_context, environment, inbox_folder
        self._tasks: dict[asyncio.Task[None], ImportSource] = {}

    async def check(self, source: ImportSource) -> ImportableFiles:
        return await asyncio.to_thread(_check_files, self._locate(source), source)

    async def preview(self, source: ImportSource, zone: str) -> ImportPreview:
        return await asyncio.to_thread(_preview_files, self._locate(source), source, zone)

    def start(self, job_id: int, source: ImportSource, language: str) -> None:
        task = asyncio.create_task(self._run(job_id, source, language), name="import")
        self._tasks[task] = source
        task.add_done_callback(lambda finished: self._tasks.pop(finished, None))

    async def stop(self) -> None:
        """Interrupt running imports; they store that themselves."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _locate(self, source: ImportSource) -> Path:
        """Return the file or folder to read. Raises UserError for a path that is not in the inbox."""
        if source.files:
            path = source.files[0].path
            return path if len(source.files) == 1 else path.parent
        return inbox.locate(self._inbox_folder, source.inbox_path or "")

    async def _run(self, job_id: int, source: ImportSource, language: str) -> None:
        """Run the process of an import to its end, which it reports; else the import counts as interrupted."""
        try:
            await self._run_process(job_id, self._locate(source), language)
        except UserError as error:  # the file in the inbox has just been removed
            log.warning("The import %d could not be started: %s", job_id, error)
        except Exception:
            log.exception("The process of the import %d failed.", job_id)
        finally:
            if source.files:
                await asyncio.to_thread(shutil.rmtree, source.files[0].path.parent, ignore_errors=True)
            with suppress(DatabaseUnavailable):  # else a scheduled job does it
                await import_jobs.interrupt(await self._create_context(), job_id)

    async def _run_process(self, job_id: int, path: Path, language: str) -> None:
        job = await row_store.get(ImportJob, job_id)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "server", "import-job", str(job_id), str(path), language, *(["--dry-run"] if job.dry_run else [])),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **self._environment, "PYTHONPATH": str(_ROOT)},
            limit=_MAX_REPORT_BYTES,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        watcher = asyncio.create_task(self._watch(job_id, process.stdin))
        try:
            async for line in process.stdout:
                await self._store_report(job, line)
            await process.wait()
        finally:
            watcher.cancel()
            process.stdin.close()
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

    async def _store_report(self, job: ImportJob, line: bytes) -> None:
        """Store a report, as soon as the database can be written."""
        values = orjson.loads(line)
        report = ImportReport(**values | {"state": values["state"] and ImportState(values["state"])})
        while True:
            try:
                await import_jobs.store_report(await self._create_context(), job, report)
                return
            except DatabaseUnavailable as error:
                log.warning("A report of the import %d could not be stored yet (%r).", job.id, error)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _watch(self, job_id: int, process_input: asyncio.StreamWriter) -> None:
        """Store signs of life until the import is cancelled, then tell its process to stop."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            try:
                has_to_stop = await import_jobs.report_alive(await self._create_context(), job_id)
            except DatabaseUnavailable:
                continue
            if has_to_stop:
                process_input.write(STOP)
                with suppress(ConnectionError):  # it has just ended
                    await process_input.drain()
                return


# The reader of files, with its libraries, is loaded by the thread of the first import: most servers never need it.


def _check_files(path: Path, source: ImportSource) -> ImportableFiles:
    from imports.import_preview import check_files

    return check_files(path, source)


def _preview_files(path: Path, source: ImportSource, zone: str) -> ImportPreview:
    from imports.import_preview import preview_files

    return preview_files(path, source, zone)
