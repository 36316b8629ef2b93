"""The process put together: one database, one hub, one GraphQL endpoint, and what stands around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.limits import Limits
from graph.schema import make
from models import changes, database, migrating
from resolvers.context import Services
from server import health, logs, metrics, pages
from server.daily import keep_forecasts
from server.endpoint import Endpoint
from server.gate import Gate
from server.presence import Attendance
from server.settings import Settings
from server.throttle import Throttling, throttle
from subscriptions.hub import Hub
from subscriptions.redis import broadcast


def clock() -> datetime:
    """Return the time: the only place where the server takes it."""
    return datetime.now(UTC)


@dataclass
class Server:
    """Everything that lives as long as the process."""

    settings: Settings
    hub: Hub
    services: Services
    throttling: Throttling
    attendance: Attendance
    gate: Gate
    endpoint: Endpoint
    draining: bool = False


def assembled(settings: Settings) -> Server:
    """Put the parts together; nothing is connected yet."""
    hub = Hub(broadcast(settings.redis_url), changes.after, changes.newest)
    throttling = throttle(settings.redis_url)
    services = Services(
        settings.secret_text,
        throttling,
        hub.ring,
        hub,
        access_seconds=settings.access_minutes * 60,
        refresh_days=settings.refresh_days,
        demo=settings.demo,
    )
    attendance = Attendance(clock)
    gate = Gate(services, clock, attendance)
    endpoint = Endpoint(
        make(open_=settings.demo),
        gate,
        origins=settings.origins,
        open=settings.demo,
        limits=Limits(deadline=settings.deadline_seconds, body=settings.body_limit),
        page=pages.query_page() if settings.demo else None,
        trusted_proxies=settings.trusted_proxies,
    )
    return Server(settings, hub, services, throttling, attendance, gate, endpoint)


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[None]:
    """Connect what was put together, for as long as the process serves."""
    async with database.connected(server.settings.database_url, pool=server.settings.pool_size):
        await server.hub.start()
        saying = asyncio.create_task(server.attendance.keep_saying(), name="attendance")
        keeping = asyncio.create_task(keep_forecasts(server.gate), name="forecasts")
        try:
            yield
        finally:
            server.draining = True
            await server.endpoint.close_all()
            saying.cancel()
            keeping.cancel()
            await asyncio.gather(saying, keeping, return_exceptions=True)
            await server.hub.stop()
            await server.throttling.close()


def app(settings: Settings) -> ASGIApp:
    """Return the ASGI application of one process."""
    server = assembled(settings)

    async def live(request: Request) -> Response:
        return JSONResponse(health.live())

    async def ready(request: Request) -> Response:
        state = await health.ready(draining=server.draining, pending=migrating.pending, hub=server.hub)
        return JSONResponse(state.body, status_code=state.code)

    async def measured(request: Request) -> Response:
        return metrics.response(request, settings, server.hub)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with running(server):
            yield

    around = Starlette(
        routes=[Route("/health/live", live), Route("/health/ready", ready), Route("/metrics", measured)],
        lifespan=lifespan,
    )

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope["path"] in ("/graphql", "/graphql/"):
            await server.endpoint(scope, receive, send)
        else:
            await around(scope, receive, send)

    return logs.RequestLog(dispatch, metrics.count_request)
