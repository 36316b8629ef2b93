"""Builds the ASGI application: one database pool, one hub, one GraphQL endpoint, and the routes and tasks around it."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.execution.operations import Operations
from graph.execution.query_limits import QueryLimits
from graph.schema import create_schema
from models import migrator
from models.db import connection
from models.db.monitor import DatabaseMonitor
from models.live import change_log, epoch
from resolvers.request.client_info import ClientInfo
from resolvers.request.services import Services
from server.background import notification_channels
from server.background.import_processes import ImportProcesses
from server.background.notification_worker import NotificationWorker
from server.background.password_mail_worker import PasswordMailWorker
from server.background.scheduler import Scheduler
from server.clock import utc_now
from server.context_factory import ContextFactory, StreamContextFactory, build_state
from server.http import problem_pages, static_pages, uploads
from server.http.export_endpoint import ExportEndpoint
from server.http.graphql_endpoint import ALLOWED_METHODS, GraphQLEndpoint
from server.http.metrics_endpoint import answer_metrics
from server.http.rate_limit import RateLimiter, create_rate_limiter
from server.http.security_headers import DataHeadersMiddleware
from server.http.web_app import SCREEN_PATHS, DemoAccounts, load_web_app
from server.observability import health, logging, prometheus
from server.operation_runner import OperationRunner
from server.parent_watch import end_with_parent
from server.settings import Settings, load
from server.websocket.presence_reporter import PresenceReporter
from server.websocket.send_queue import MemoryBudget
from server.websocket.session_permissions import SessionPermissions
from server.websocket.shared_subscriptions import SubscriptionRegistry
from server.websocket.socket_endpoint import SocketEndpoint
from subscriptions.core.hub import Hub
from subscriptions.core.redis_broadcast import create_broadcast
from subscriptions.core.reference_cache import ReferenceCache
from subscriptions.core.tasks import TaskSupervisor
from subscriptions.goal_probabilities import GoalProbabilityWatcher

GRAPHQL_PATHS: Final = ("/graphql", "/graphql/")
MIN_COMPRESSED_BYTES: Final = 1_400  # of an answer to a page: less is one packet in any case
COMPRESSION_LEVEL: Final = 4  # of 9


@dataclass
class Server:
    """Components that live as long as the process."""

    settings: Settings
    hub: Hub
    services: Services
    import_processes: ImportProcesses | None
    rate_limiter: RateLimiter
    presence_reporter: PresenceReporter
    scheduler: Scheduler
    session_permissions: SessionPermissions
    goal_probability_watcher: GoalProbabilityWatcher
    endpoint: GraphQLEndpoint
    export_endpoint: ExportEndpoint
    socket_endpoint: SocketEndpoint
    background_tasks: TaskSupervisor
    draining: bool = False


def build_server(settings: Settings) -> Server:
    """Create and wire the components. Connects nothing yet."""
    hub = Hub(
        create_broadcast(settings.redis_url),
        change_log.read_after,
        change_log.last_position,
        overlap=10,
        full_batch_size=change_log.READ_BATCH_SIZE,
        window_seconds=settings.push_window_ms / 1000,
        clock=utc_now,
        check_history=lambda known_position: epoch.check(known_position, utc_now()),
    )
    rate_limiter = create_rate_limiter(settings.redis_url)
    channels = notification_channels.create_channels(settings.channel_addresses, utc_now)
    mail_channel = notification_channels.find_mail_channel(settings.channel_addresses)
    signing_secret, *old_secrets = settings.signing_secrets
    services = Services(
        signing_secret,
        rate_limiter,
        hub,
        build_state,
        idle_timeout=timedelta(minutes=settings.idle_minutes),
        access_token_seconds=settings.access_minutes * 60,
        refresh_token_days=settings.refresh_days,
        session_idle_days=settings.session_idle_days,
        notification_channels=frozenset(settings.channel_addresses),
        shared_channels=notification_channels.shared_channels(settings.channel_addresses),
        old_secrets=tuple(old_secrets),
        public_url=settings.public_url,
        mails_links=mail_channel is not None and settings.public_url is not None,
    )
    hub.on_epoch = services.set_epoch
    presence_reporter = PresenceReporter(utc_now, hub.notify)
    session_permissions = SessionPermissions(hub, utc_now, presence_reporter, settings.sockets_per_viewer)
    context_factory = ContextFactory(services, utc_now)
    import_processes = None
    if settings.import_environment is not None:
        import_processes = ImportProcesses(
            context_factory.create_for_scheduler, settings.import_environment, settings.import_inbox
        )
    services.import_runner = import_processes
    stream_context_factory = StreamContextFactory(services, utc_now, hub, ReferenceCache(hub))
    scheduler = Scheduler(
        context_factory.create_for_scheduler,
        utc_now,
        NotificationWorker(channels, utc_now),
        password_mail_worker=PasswordMailWorker(channels[mail_channel], settings.public_url, utc_now)
        if mail_channel is not None and settings.public_url is not None
        else None,
    )
    limits = QueryLimits(deadline_seconds=settings.deadline_seconds, body_bytes=settings.body_limit)
    operations = Operations(create_schema(allow_suggestions=settings.demo), limits, expose_schema=settings.demo)
    operation_runner = OperationRunner(operations, context_factory)
    endpoint = GraphQLEndpoint(
        operation_runner,
        max_body_bytes=limits.body_bytes,
        max_upload_bytes=settings.upload_limit,
        query_page=static_pages.read_query_page() if settings.demo else None,
    )
    socket_endpoint = SocketEndpoint(
        operation_runner,
        SubscriptionRegistry(
            operation_runner, stream_context_factory, session_permissions, MemoryBudget(settings.socket_memory_bytes)
        ),
        origins=settings.origins,
        ping_seconds=settings.ping_seconds,
        max_queued_bytes=settings.socket_queue_bytes,
        max_sockets_per_address=settings.sockets_per_address,
    )
    goal_probability_watcher = GoalProbabilityWatcher(
        hub, partial(stream_context_factory.create_context, ClientInfo(address="live"))
    )
    return Server(
        settings,
        hub,
        services,
        import_processes,
        rate_limiter,
        presence_reporter,
        scheduler,
        session_permissions,
        goal_probability_watcher,
        endpoint,
        ExportEndpoint(operation_runner),
        socket_endpoint,
        TaskSupervisor("server"),
    )


def _list_export_routes(endpoint: ExportEndpoint, origins: Sequence[str]) -> list[Route]:
    """Return the routes of exports, which web pages of the allowed origins may use."""
    cross_origin = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=("GET",),
        allow_headers=("Authorization",),
        expose_headers=("Content-Disposition", "X-Request-Id"),
    )
    return [
        Route(f"/export/{name}.{{format}}", handle, methods=["GET", "OPTIONS"], middleware=[cross_origin])
        for name, handle in (
            ("goals", endpoint.handle_goals),
            ("leaderboard", endpoint.handle_leaderboard),
            ("card", endpoint.handle_card),
        )
    ]


@asynccontextmanager
async def run_server(server: Server) -> AsyncIterator[None]:
    """Connect the database and the hub and run the background tasks until the block is left.

    On exit: readiness turns to `draining`, WebSockets are closed, then the tasks, the scheduler and the hub stop.
    """
    async with connection.connect(server.settings.database_url, pool_size=server.settings.pool_size):
        uploads.delete_abandoned_folders()
        await server.hub.start()
        await server.scheduler.start()
        server.background_tasks.start(
            {
                "presence reporter": server.presence_reporter.run,
                "session permissions": server.session_permissions.run,
                "token expiry": server.session_permissions.close_expired,
                "goal probabilities": server.goal_probability_watcher.run,
                "websocket keepalive": server.socket_endpoint.run_keepalive,
                "database monitor": DatabaseMonitor(server.settings.database_url).run,
            }
        )
        gc.collect()
        gc.freeze()  # modules, schema and settings stay for ever: scanning them in a full GC would pause all requests
        try:
            yield
        finally:
            server.draining = True
            await server.socket_endpoint.close_all()
            if server.import_processes is not None:
                await server.import_processes.stop()
            await server.background_tasks.stop()
            await server.scheduler.stop()
            await server.hub.stop()
            await server.rate_limiter.close()


def create_app_from_environment() -> ASGIApp:
    """Return the application of a worker process, which loads the settings and configures logging by itself."""
    settings = load()
    logging.configure_logging(settings)
    end_with_parent()
    return create_app(settings)


def create_app(settings: Settings, demo_accounts: DemoAccounts | None = None) -> ASGIApp:
    """Return the ASGI application of one process.

    `/graphql` bypasses Starlette's router. WebSockets also bypass the request log's middleware: there are thousands
    and they stay open, so each layer would cost memory; the endpoint reports a closed one to the log itself.

    demo_accounts  accounts that the sign-in page offers
    """
    server = build_server(settings)
    web_app = load_web_app()
    if demo_accounts is not None:
        web_app = web_app.with_demo_accounts(demo_accounts)
    password_page = static_pages.read_password_page()
    status_collector = prometheus.StatusCollector(server.hub, lambda: server.scheduler.status, server.background_tasks)

    async def handle_liveness(request: Request) -> Response:
        return JSONResponse(health.check_liveness())

    async def handle_readiness(request: Request) -> Response:
        state = await health.check_readiness(
            draining=server.draining,
            pending_migrations=migrator.list_pending,
            hub=server.hub,
            scheduler_healthy=server.scheduler.is_healthy,
            tasks_running=server.background_tasks.all_running,
        )
        return JSONResponse(state.body, status_code=state.http_status)

    async def handle_metrics(request: Request) -> Response:
        return await answer_metrics(request, settings.metrics_token, server.rate_limiter, status_collector)

    async def handle_password(request: Request) -> Response:
        return static_pages.make_page_response(password_page)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with run_server(server):
            yield

    starlette_app = Starlette(
        routes=[
            Route("/health/live", handle_liveness),
            Route("/health/ready", handle_readiness),
            Route("/metrics", handle_metrics),
            Route("/wallboard", web_app.handle_wallboard),
            Route("/service_worker.js", web_app.handle_service_worker),
            Route("/password", handle_password),
            *_list_export_routes(server.export_endpoint, settings.origins),
            *(Route(path, web_app.handle_screen) for path in SCREEN_PATHS),
            Route("/web/{digest}/{path:path}", web_app.handle_file),
        ],
        middleware=[Middleware(DataHeadersMiddleware)],
        exception_handlers={404: problem_pages.handle_not_found, 500: problem_pages.handle_failure},
        lifespan=lifespan,
    )
    starlette_app.router.redirect_slashes = False

    browser_app = DataHeadersMiddleware(
        CORSMiddleware(
            GZipMiddleware(server.endpoint, minimum_size=MIN_COMPRESSED_BYTES, compresslevel=COMPRESSION_LEVEL),
            allow_origins=settings.origins,
            allow_methods=ALLOWED_METHODS,
            allow_headers=("Authorization", *uploads.PREFLIGHT_HEADERS),
            expose_headers=("X-Request-Id", "Retry-After"),
        )
    )
    # To a request without `Origin`, which no page of a browser sends, the CORS middleware would add this alone.
    plain_app = DataHeadersMiddleware(server.endpoint, [(b"vary", b"Origin")])

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in GRAPHQL_PATHS:
            await starlette_app(scope, receive, send)
        elif any(name == b"origin" for name, _ in scope["headers"]):
            await browser_app(scope, receive, send)
        else:
            await plain_app(scope, receive, send)

    request_log = logging.RequestLogMiddleware(dispatch, prometheus.count_request)
    server.socket_endpoint.on_socket_closed = request_log.log_finished

    async def asgi_app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and scope["path"] in GRAPHQL_PATHS:
            await server.socket_endpoint.handle_websocket(scope, receive, send)
        else:
            await request_log(scope, receive, send)

    return asgi_app
