"""Imports in the background of a server: preview, start, cancel and list them. Only administrators may.

The row of an import is its state for all servers. The process that runs it reports every moment; when it has not
reported for a while, it is gone, and the import counts as interrupted. Started again with the same files, an import
completes what is missing, since it finds what has been imported by external ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from domain.errors.operation_errors import ForbiddenOperation, ServiceUnavailable
from domain.errors.user_errors import Conflict, Invalid, NotFound, OutOfRange, Required
from domain.messages import gettext_noop
from domain.permissions import Action
from domain.primitives.global_ids import decode_global_id
from models.db import row_store
from models.db.row_query import RowQuery
from models.imports import import_jobs
from models.imports.import_jobs import ImportJob, ImportRejection, ImportState
from resolvers.auth import audit
from resolvers.request.context import RequestContext
from resolvers.request.import_files import ImportableFiles, ImportPreview, ImportSource
from resolvers.request.services import ImportRunnerProtocol

MAX_UNSEEN: Final = timedelta(seconds=60)  # without a report, after which the process of an import counts as gone
MAX_MAP_CHARACTERS: Final = 200_000
_FORBIDDEN: Final = gettext_noop("Only an administrator can import files.")
RejectedRow = tuple[str, int, str, str, Mapping[str, str]]  # file, line, column, reason and cells


def topic_of(job_id: int) -> str:
    """Return the topic of the change log for news of an import."""
    return f"import:{job_id}"


async def preview(context: RequestContext, source: ImportSource) -> ImportPreview:
    """Return what an import of these files would read; nothing is imported."""
    runner = _require_runner(context, source)
    return await runner.preview(source, (await context.company()).time_zone)


async def check(context: RequestContext, source: ImportSource) -> ImportableFiles:
    """Return what an import of these files would read, before the lock of the ledger is taken."""
    return await _require_runner(context, source).check(source)


async def start(context: RequestContext, source: ImportSource, files: ImportableFiles) -> ImportJob:
    """Start an import that was checked; it runs in the background once the unit of work is committed.

    Raises Conflict while another import runs.
    """
    runner = _require_runner(context, source)
    await interrupt_unseen(context)
    if await import_jobs.find_running() is not None:
        raise Conflict("Another import is running: wait for its end, or cancel it.", "input")
    job = await row_store.insert(
        ImportJob(
            started_by_id=context.viewer.id,
            dry_run=source.dry_run,
            file_names=files.file_names,
            inbox_path=source.inbox_path,
            map_name=files.map_name,
            map_text=source.map_text,
            started_at=context.now(),
            seen_at=context.now(),
        )
    )
    context.publish(topic_of(job.id), "imports")
    audit.record(context, "import started", job=job.id, dry_run=source.dry_run)

    language = context.language

    def start_process() -> None:
        for file in source.files or ():
            file.is_in_use = True
        runner.start(job.id, source, language)

    context.open_unit_of_work.on_commit.append(start_process)
    return job


def _require_runner(context: RequestContext, source: ImportSource) -> ImportRunnerProtocol:
    """Check the permission and the input, and return the runner of the process."""
    context.viewer.require_admin(_FORBIDDEN)
    if not source.files and source.inbox_path is None:
        raise Required("Name a file in the inbox directory, or upload one.", "input", "files")
    if source.files and source.inbox_path is not None:
        raise Invalid("Either upload files, or name a path in the inbox directory.", "input", "inboxPath")
    if source.map is not None and source.map_text is not None:
        raise Invalid("Either name a map, or send one as TOML.", "input", "mapText")
    if source.map_text is not None and len(source.map_text) > MAX_MAP_CHARACTERS:
        raise OutOfRange(
            "A map has at most {most} characters: shorten it.", "input", "mapText", most=MAX_MAP_CHARACTERS
        )
    runner = context.services.import_runner
    if runner is None:
        raise ServiceUnavailable("This server cannot run imports: its database is in memory only.")
    return runner


async def cancel(context: RequestContext, global_id: str) -> ImportJob:
    """Ask a running import to stop after its current batch; what was imported stays. Without effect on one that is over."""
    context.viewer.require_admin(_FORBIDDEN)
    job = await find_job(global_id)
    if job is None:
        raise NotFound("There is no such import.", "id")
    if job.state is ImportState.RUNNING and not job.cancel_requested:
        job.cancel_requested = await import_jobs.request_cancel(job.id)
        context.publish(topic_of(job.id), "imports")
        audit.record(context, "import cancelled", job=job.id)
    return job


async def find_job(global_id: str) -> ImportJob | None:
    """Return the import with this global id, without a check of permission."""
    decoded_id = decode_global_id(global_id)
    return await row_store.find(ImportJob, decoded_id[1]) if decoded_id and decoded_id[0] == "ImportJob" else None


async def find(context: RequestContext, global_id: str) -> ImportJob | None:
    """Return the import with this global id. Raises ForbiddenOperation unless the viewer is an administrator."""
    require_permission(context)
    return await find_job(global_id)


def select_jobs(context: RequestContext) -> RowQuery[ImportJob]:
    """Return the query for all imports. Raises ForbiddenOperation unless the viewer is an administrator."""
    require_permission(context)
    return import_jobs.select_all()


def select_rejections(context: RequestContext, job: ImportJob) -> RowQuery[ImportRejection]:
    require_permission(context)
    return import_jobs.select_rejections(job.id)


def require_permission(context: RequestContext) -> None:
    if not context.viewer.can_company_wide(Action.ADMINISTER):
        raise ForbiddenOperation("Only administrators see imports.")


# reports of the process that runs an import


@dataclass(frozen=True)
class ImportReport:
    """What the process of an import tells: how far it has come, and at the end how it has ended.

    rejections  rows that were rejected since the last report
    state       None while it runs
    """

    lines_done: int = 0
    lines_total: int = 0
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    rejections: Sequence[RejectedRow] = ()
    state: ImportState | None = None
    summary: str = ""
    warnings: list[str] = field(default_factory=list)
    error: str | None = None


async def store_report(context: RequestContext, job: ImportJob, report: ImportReport) -> None:
    """Store and announce a report; without effect on an import that counts as over."""
    job.lines_done, job.lines_total, job.counts = report.lines_done, report.lines_total, report.counts
    job.summary, job.warnings, job.error = report.summary, report.warnings, report.error
    async with context.unit_of_work():
        await import_jobs.insert_rejections(job.id, report.rejections)
        if report.state is None:
            await import_jobs.save_progress(job, context.now())
            context.publish(topic_of(job.id))
        elif await import_jobs.finish(job, report.state, context.now()):
            context.publish(topic_of(job.id), "imports")


async def interrupt(context: RequestContext, job_id: int) -> None:
    """Mark an import as interrupted, unless it is over: its process has ended without a report of its end."""
    async with context.unit_of_work():
        if await import_jobs.interrupt(context.now(), job_id=job_id):
            context.publish(topic_of(job_id), "imports")


async def report_alive(context: RequestContext, job_id: int) -> bool:
    """Store that the process of an import runs; return whether it has to stop: cancelled, or counted as over."""
    return not await import_jobs.save_sign_of_life(job_id, context.now())


async def interrupt_unseen(context: RequestContext) -> None:
    """Mark imports as interrupted whose process is gone. Within a unit of work."""
    now = context.now()
    for job_id in await import_jobs.interrupt(now, unseen_since=now - MAX_UNSEEN):
        context.publish(topic_of(job_id), "imports")


async def interrupt_abandoned(context: RequestContext) -> bool:
    """Mark imports as interrupted whose process is gone; a scheduled job."""
    job = await import_jobs.find_running()
    if job is not None and job.seen_at < context.clock() - MAX_UNSEEN:
        async with context.unit_of_work():
            await interrupt_unseen(context)
    return False
