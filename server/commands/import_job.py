"""The process of one import that a server has started: runs it until it is done, or until standard input ends."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

from domain.permissions import Role
from imports.background_import import BackgroundImport
from models.db import row_store
from models.imports.import_jobs import ImportJob
from models.organization import people
from models.organization.people import Employee
from resolvers.request.client_info import ClientInfo
from resolvers.request.context import RequestContext
from resolvers.request.viewer import Viewer
from server.clock import utc_now
from server.commands.contexts import create_context_factory
from server.settings import Settings

log = logging.getLogger(__name__)


async def run_import_job(settings: Settings, job_id: int, path: Path) -> None:
    """Run an import with the permissions of the administrator who has started it.

    When standard input ends, the server that holds its other end is gone or stops: the import is interrupted.
    """
    job = await row_store.get(ImportJob, job_id)
    employee = await row_store.get(Employee, job.started_by_id)
    viewer = Viewer.for_employee(employee, await people.load_team_tree(), 0, utc_now(), has_direct_reports=False)
    context_factory = create_context_factory(settings)

    def create_context() -> RequestContext:
        context = context_factory.create_context(ClientInfo(None, employee.language or "", "import", "import"))
        context.current_viewer = viewer
        return context

    if not employee.active or viewer.actor is not Role.ADMIN:
        log.warning("The import %d was started by an employee who is no administrator any more.", job_id)
        return
    import_task = asyncio.create_task(BackgroundImport(create_context, job, path).run())
    _cancel_at_end_of_input(import_task)
    with suppress(asyncio.CancelledError):
        await import_task


def _cancel_at_end_of_input(task: asyncio.Task[object]) -> None:
    """Cancel the task when standard input ends. A thread waits for that, as not every kind of input can be polled."""
    loop = asyncio.get_running_loop()

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            continue
        with suppress(RuntimeError):  # the loop is closed: the import is over
            loop.call_soon_threadsafe(task.cancel)

    threading.Thread(target=wait, name="end of input", daemon=True).start()
