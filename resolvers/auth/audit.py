"""The audit log: a line for all that concerns sign-ins and permissions, without secrets."""

from __future__ import annotations

import logging
from functools import partial
from typing import Final

import structlog

from resolvers.request.context import RequestContext

log: Final = structlog.stdlib.get_logger("scoreline.audit")


def record(context: RequestContext, event: str, **fields: object) -> None:
    """Write a line with the viewer, the client's address, and further fields such as the id of an employee.

    In a unit of work it is written after the commit, so that the log has nothing that was rolled back.
    """
    write = _prepare_line(context, logging.INFO, event, fields)
    if context.current_unit_of_work is None:
        write()
    else:
        context.current_unit_of_work.on_commit.append(write)


def record_refusal(context: RequestContext, event: str, **fields: object) -> None:
    """Write such a line, as a warning and at once, for something that was refused and may be an attack."""
    _prepare_line(context, logging.WARNING, event, fields)()


def _prepare_line(context: RequestContext, level: int, event: str, fields: dict[str, object]) -> partial[None]:
    viewer = context.current_viewer
    return partial(log.log, level, event, by=viewer.key if viewer else None, address=context.client.address, **fields)
