"""The audit log: a line for everything that concerns who may sign in, without secrets."""

from __future__ import annotations

import logging
from typing import Any, Final

import structlog

from resolvers.request.context import Context

log: Final = structlog.stdlib.get_logger("scoreline.audit")


def record(context: Context, event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Write a line with the viewer, the client's address, and further fields such as the id of an employee."""
    viewer = context.current_viewer
    log.log(level, event, by=viewer.key if viewer else None, address=context.client.address, **fields)


def record_refusal(context: Context, event: str, **fields: Any) -> None:
    """Do the same for something that was refused and may be an attack."""
    record(context, event, level=logging.WARNING, **fields)
