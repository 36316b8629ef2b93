"""Live stream of an import: sends it again whenever it has come further, and at its end."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from domain.errors.operation_errors import ResourceNotFound
from models.imports.import_jobs import ImportJob
from resolvers import import_jobs
from subscriptions.core.stream_context import RETRYABLE_ERRORS, StreamContext, refresh_viewer, with_viewer_topics
from subscriptions.core.streams import StateSnapshot, state_stream


async def import_progress(context: StreamContext, global_id: str) -> AsyncGenerator[ImportJob, None]:
    """Yield the import, and again after each report of its process.

    Raises ForbiddenOperation unless the viewer is an administrator, and ResourceNotFound.
    """

    async def read() -> StateSnapshot[ImportJob]:
        await refresh_viewer(context)
        job = await import_jobs.find(context, global_id)
        if job is None:
            raise ResourceNotFound("There is no such import.", field="id")
        return StateSnapshot(job, with_viewer_topics(context, (import_jobs.topic_of(job.id),)))

    async for job in state_stream(
        context.hub,
        with_viewer_topics(context, ()),
        read,
        key=lambda job: (job.state, job.cancel_requested, job.lines_done, job.counts),
        retryable_errors=RETRYABLE_ERRORS,
    ):
        yield job
