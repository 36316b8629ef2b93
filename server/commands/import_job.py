"""The process of one import that a server has started.

It writes its reports to standard output, one JSON object a line, and reads from standard input: the line `stop` stops
the import after its current batch. When the input ends, the server is gone or stops, and the import ends at once.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson

from domain.i18n.languages import translate
from domain.messages import Message
from domain.permissions import Role
from imports.background_import import BackgroundImport
from models.db import row_store
from models.imports.import_jobs import ImportJob, ImportState
from models.organization.people import Employee
from resolvers import import_jobs
from resolvers.import_jobs import ImportReport
from server.background.import_processes import STOP
from server.commands.contexts import create_import_context
from server.settings import Settings

_NO_ADMIN: Final = Message("The import was started by an employee who is no administrator any more.")

log = logging.getLogger(__name__)


async def run_import_job(settings: Settings, job_id: int, path: Path, language: str, *, dry_run: bool) -> None:
    """Run an import with the permissions of the administrator who has started it, and report in the language."""
    job = await row_store.get(ImportJob, job_id)
    employee = await row_store.get(Employee, job.started_by_id)
    context = await create_import_context(settings, employee, language)
    if not employee.active or context.viewer.actor is not Role.ADMIN:
        await _send_report(ImportReport(state=ImportState.FAILED, error=translate(_NO_ADMIN, language)))
        return
    background_import = BackgroundImport(context, job, path, _send_report)
    import_task = asyncio.create_task(background_import.run())
    _listen_to_input(background_import.stop, import_task.cancel)
    try:
        await import_task
    except (asyncio.CancelledError, BrokenPipeError):
        log.warning("The server is gone: the import %d is interrupted.", job_id)
        if not dry_run:  # the process of a dry run cannot write; a server will notice that it is gone
            await import_jobs.interrupt(context, job_id)


async def _send_report(report: ImportReport) -> None:
    await asyncio.to_thread(_write_line, orjson.dumps(report) + b"\n")


def _write_line(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def _listen_to_input(stop: Callable[[], object], end: Callable[[], object]) -> None:
    """Call `stop` for its line in standard input, and `end` when that ends.

    A thread waits for them, since not every kind of input can be polled.
    """
    loop = asyncio.get_running_loop()

    def listen() -> None:
        with suppress(RuntimeError):  # the loop is closed: the import is over
            for line in sys.stdin.buffer:
                if line == STOP:
                    loop.call_soon_threadsafe(stop)
            loop.call_soon_threadsafe(end)

    threading.Thread(target=listen, name="standard input", daemon=True).start()
