"""Configures and runs uvicorn."""

from __future__ import annotations

import signal
import sys
from ipaddress import ip_network
from typing import Final

import uvicorn

from server.app import create_app
from server.http.header_limit import LimitedHttpProtocol
from server.http.security_headers import list_common_headers
from server.http.web_app import DemoAccounts
from server.settings import Settings
from server.websocket.protocol import WebSocketProtocol

# After which the supervisor replaces a worker that does not answer, also one that is still importing modules: on a busy
# machine that takes longer than uvicorn's default of 5 seconds, and no worker would ever start.
WORKER_ANSWER_SECONDS: Final = 30


def exit_cleanly_on_sigterm() -> None:
    """Make SIGTERM end the process with exit code 0.

    Uvicorn restores the handlers after its graceful shutdown and raises the signal again, which by default would end
    the process with the signal.
    """
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))


def server_config(
    settings: Settings, app_factory: str | None = None, demo_accounts: DemoAccounts | None = None
) -> uvicorn.Config:
    """Return the configuration of uvicorn, with our HTTP and WebSocket protocols, logging and message size limit.

    app_factory  import path of the function that creates the application in each worker process; None creates it here
    demo_accounts  accounts of a demo, which the sign-in page offers
    """
    return uvicorn.Config(
        app_factory or create_app(settings, demo_accounts),
        factory=app_factory is not None,
        workers=settings.workers,
        host=settings.host,
        port=settings.port,
        http=LimitedHttpProtocol,
        ws=WebSocketProtocol,
        headers=list_common_headers(hsts=settings.hsts),
        forwarded_allow_ips=[str(ip_network(network, strict=False)) for network in settings.trusted_proxies],
        ws_max_size=65_536,
        ws_per_message_deflate=settings.compress,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        timeout_worker_healthcheck=WORKER_ANSWER_SECONDS,
        lifespan="on",
    )
