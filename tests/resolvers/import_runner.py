"""Runs imports for tests in the event loop of the test, without a process; stores reports as a server does."""

from __future__ import annotations

import asyncio
from pathlib import Path

from imports import inbox
from imports.background_import import BackgroundImport
from imports.import_preview import check_files, preview_files
from models.db import row_store
from models.imports.import_jobs import ImportJob
from resolvers import import_jobs
from resolvers.import_jobs import ImportReport
from resolvers.request.import_files import ImportableFiles, ImportPreview, ImportSource
from tests.world import World


class InProcessRunner:
    """Runs imports of files in an inbox.

    is_waiting  whether a started import waits until `run_waiting` is called
    """

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder, self.is_waiting = world, folder, False
        self.background_import: BackgroundImport | None = None
        self.task: asyncio.Task[None]
        self.waiting: list[tuple[int, ImportSource, str]] = []

    async def check(self, source: ImportSource) -> ImportableFiles:
        return check_files(inbox.locate(self.folder, source.inbox_path or ""), source)

    async def preview(self, source: ImportSource, zone: str) -> ImportPreview:
        return preview_files(inbox.locate(self.folder, source.inbox_path or ""), source, zone)

    def start(self, job_id: int, source: ImportSource, language: str) -> None:
        if self.is_waiting:
            self.waiting.append((job_id, source, language))
        else:
            self.task = asyncio.create_task(self._run(job_id, source))

    def run_waiting(self) -> None:
        self.is_waiting = False
        for job_id, source, language in self.waiting:
            self.start(job_id, source, language)
        self.waiting.clear()

    async def _run(self, job_id: int, source: ImportSource) -> None:
        job = await row_store.get(ImportJob, job_id)

        async def store(report: ImportReport) -> None:
            context = await self.world.authenticated_context("admin")
            await import_jobs.store_report(context, job, report)
            if await import_jobs.report_alive(context, job_id):
                self.background_import.stop()

        self.background_import = BackgroundImport(
            await self.world.authenticated_context("admin"), job, self.folder / (source.inbox_path or ""), store
        )
        await self.background_import.run()
