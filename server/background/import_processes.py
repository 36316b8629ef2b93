"""Runs imports in processes of their own, so that a large file slows down no request of the server.

A process reads its import from the database and reports to it (`server.commands.import_job`). It ends when its standard
input does, thus with this server, however that ends.
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

from imports import inbox
from imports.import_preview import check_files, preview_files
from models.db import row_store
from models.db.errors import DatabaseUnavailable
from models.imports.import_jobs import ImportJob, ImportState
from resolvers import import_jobs
from resolvers.request.context import RequestContext
from resolvers.request.import_files import ImportableFiles, ImportPreview, ImportSource

_STOP_SECONDS: Final = 5.0  # within which a process stores that it was interrupted
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
        return await asyncio.to_thread(check_files, self._locate(source), source)

    async def preview(self, source: ImportSource, zone: str) -> ImportPreview:
        return await asyncio.to_thread(preview_files, self._locate(source), source, zone)

    def start(self, job_id: int, source: ImportSource) -> None:
        task = asyncio.create_task(self._run(job_id, source), name="import")
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

    async def _run(self, job_id: int, source: ImportSource) -> None:
        try:
            await self._run_process(job_id, self._locate(source))
        except Exception:
            log.exception("The process of the import %d failed.", job_id)
        finally:
            for file in source.files or ():
                await asyncio.to_thread(shutil.rmtree, file.path.parent, ignore_errors=True)
        with suppress(DatabaseUnavailable):
            job = await row_store.get(ImportJob, job_id)
            if job.state is ImportState.RUNNING:
                await import_jobs.report_end(await self._create_context(), job, ImportState.INTERRUPTED)

    async def _run_process(self, job_id: int, path: Path) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "server", "import-job", str(job_id), str(path)),
            stdin=asyncio.subprocess.PIPE,
            env={**os.environ, **self._environment, "PYTHONPATH": str(_ROOT)},
        )
        try:
            await process.wait()
        except asyncio.CancelledError:
            assert process.stdin is not None
            process.stdin.close()
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
            raise
