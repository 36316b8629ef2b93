"""Configures and runs uvicorn."""

from __future__ import annotations

import signal
import sys

import uvicorn

from server.app import app
from server.http.header_limit import Http
from server.settings import Settings
from server.websocket.protocol import Wire


def end_well() -> None:
    """Let SIGTERM end the process with 0: uvicorn, once all is finished, sends itself the signal again."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))


def server_config(found: Settings, made_by: str | None = None) -> uvicorn.Config:
    """Return how uvicorn serves us: our own logs and headers, no compression, frames small enough to be read whole.

    made_by  what makes the application in each of several processes; None: it is made here
    """
    return uvicorn.Config(
        made_by or app(found),
        factory=made_by is not None,
        workers=found.workers,
        host=found.host,
        port=found.port,
        http=Http,
        ws=Wire,
        ws_max_size=65_536,
        ws_per_message_deflate=found.compress,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        lifespan="on",
    )
