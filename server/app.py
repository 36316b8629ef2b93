"""Builds the ASGI application: one database pool, one hub, one GraphQL endpoint, and the routes and tasks around it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.execution.query_limits import Limits
from graph.schema import make
from models import migrator
from models.db import connection
from models.live import change_log
from resolvers.request.services import Services
from server.background import notification_channels
from server.background.forecast_snapshots import keep_forecasts
from server.background.notification_worker import Delivering
from server.background.scheduler import Timekeeper
from server.context_factory import Gate
from server.http import static_pages
from server.http.graphql_endpoint import Endpoint
from server.http.rate_limit import Throttling, throttle
from server.observability import health, logging, prometheus
from server.settings import Settings, load
from server.websocket.presence_reporter import Attendance
from server.websocket.session_permissions import Rights
from subscriptions.core.hub import Hub, ended
from subscriptions.core.redis_broadcast import broadcast
from subscriptions.core.reference_cache import Known
from subscriptions.goal_probabilities import Chances


def clock() -> datetime:
    """Return the current time in UTC. The server reads the system clock here only."""
    return datetime.now(UTC)


GRAPHQL: Final = ("/graphql", "/graphql/")


@dataclass
class Server:
    """Components that live as long as the process."""

    settings: Settings
    hub: Hub
    services: Services
    throttling: Throttling
    attendance: Attendance
    timekeeper: Timekeeper
    rights: Rights
    gate: Gate
    chances: Chances
    endpoint: Endpoint
    draining: bool = False


def assembled(settings: Settings) -> Server:
    """Create and wire the components. Connects nothing yet."""
    hub = Hub(
        broadcast(settings.redis_url),
        change_log.after,
        change_log.newest,
        overlap=10,
        full=change_log.BATCH,
        window=settings.push_window_ms / 1000,
    )
    throttling = throttle(settings.redis_url)
    services = Services(
        settings.secret_text,
        throttling,
        hub.ring,
        hub,
        Known(hub),
        idle=timedelta(minutes=settings.idle_minutes),
        access_seconds=settings.access_minutes * 60,
        refresh_days=settings.refresh_days,
        demo=settings.demo,
        tell=hub.tell,
        channels=frozenset(settings.channel_addresses),
        shared=notification_channels.shared(settings.channel_addresses),
    )
    attendance = Attendance(clock, hub.ring)
    rights = Rights(hub, clock, attendance)
    gate = Gate(services, clock)
    deliver = Delivering(notification_channels.senders(settings.channel_addresses, clock), clock)
    timekeeper = Timekeeper(gate.admit_clock, clock, deliver)
    endpoint = Endpoint(
        make(open_=settings.demo),
        gate,
        rights,
        origins=settings.origins,
        open=settings.demo,
        limits=Limits(deadline=settings.deadline_seconds, body=settings.body_limit),
        page=static_pages.query_page() if settings.demo else None,
        trusted_proxies=settings.trusted_proxies,
    )
    chances = Chances(hub, gate.live)
    return Server(settings, hub, services, throttling, attendance, timekeeper, rights, gate, chances, endpoint)


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[None]:
    """Connect the database and the hub and run the background tasks until the block is left.

    On exit: readiness turns to `draining`, WebSockets are closed, then the tasks, the scheduler and the hub stop.
    """
    async with connection.connected(server.settings.database_url, pool=server.settings.pool_size):
        await server.hub.start()
        await server.timekeeper.start()
        keeping = [
            asyncio.create_task(server.attendance.keep_saying(), name="presence reporter"),
            asyncio.create_task(server.rights.keep(), name="session permissions"),
            asyncio.create_task(server.chances.keep(), name="goal probabilities"),
            asyncio.create_task(keep_forecasts(server.gate), name="forecast snapshots"),
            asyncio.create_task(server.endpoint.keep_alive(), name="websocket keepalive"),
        ]
        gc.collect()
        gc.freeze()  # modules, schema and settings stay for ever: scanning them in a full GC would pause all requests
        try:
            yield
        finally:
            server.draining = True
            await server.endpoint.close_all()
            await ended(*keeping)
            await server.timekeeper.stop()
            await server.hub.stop()
            await server.throttling.close()


def of_environment() -> ASGIApp:
    """Return the application of a worker process, which loads the settings and configures logging by itself."""
    found = load()
    logging.configure(found)
    return app(found)


def app(settings: Settings) -> ASGIApp:
    """Return the ASGI application of one process.

    `/graphql` bypasses Starlette's router. WebSockets also bypass the request log's middleware: there are thousands
    and they stay open, so each layer would cost memory; the endpoint reports a closed one to the log itself.
    """
    server = assembled(settings)
    board = static_pages.wallboard()

    async def live(request: Request) -> Response:
        return JSONResponse(health.live())

    async def ready(request: Request) -> Response:
        state = await health.ready(
            draining=server.draining,
            pending=migrator.pending,
            hub=server.hub,
            clock=server.timekeeper.healthy,
        )
        return JSONResponse(state.body, status_code=state.code)

    async def measured(request: Request) -> Response:
        return prometheus.response(request, settings.metrics_token, server.hub, tick=server.timekeeper.tick)

    async def wallboard(request: Request) -> Response:
        return static_pages.response(board)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with running(server):
            yield

    around = Starlette(
        routes=[
            Route("/health/live", live),
            Route("/health/ready", ready),
            Route("/metrics", measured),
            Route("/wallboard", wallboard),
        ],
        lifespan=lifespan,
    )

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        at_graphql = scope["type"] == "http" and scope["path"] in GRAPHQL
        await (server.endpoint if at_graphql else around)(scope, receive, send)

    requests = logging.RequestLog(dispatch, prometheus.count_request)
    server.endpoint.ended = requests.finish

    async def outermost(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and scope["path"] in GRAPHQL:
            await server.endpoint.socket(scope, receive, send)
        else:
            await requests(scope, receive, send)

    return outermost
