"""Prometheus metrics of the process.

Each process exports its own metrics: scrape every server, not the load balancer. Label values are bounded whatever
clients send: an operation is counted under its root field in the schema, not under a name from the document.
"""

from __future__ import annotations

import hmac
import ipaddress
import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from server.observability.scheduler_status import SchedulerStatus
from subscriptions.core.hub import Hub
from subscriptions.core.tasks import TaskSupervisor

OperationKind = Literal["query", "mutation", "subscription", "none"]  # none: the document could not be parsed
OperationOutcome = Literal["ok", "refused", "failed"]  # refused: error of the client; failed: error of the server

_KNOWN_METHODS: Final = frozenset({"GET", "POST", "OPTIONS", "WS"})
_DURATION_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REGISTRY: Final = CollectorRegistry()


def _make_counter(name: str, description: str, *labels: str) -> Counter:
    return Counter(f"scoreline_{name}", description, labels, registry=REGISTRY)


def _make_gauge(name: str, description: str) -> Gauge:
    return Gauge(f"scoreline_{name}", description, registry=REGISTRY)


REQUESTS: Final = _make_counter(
    "requests", "HTTP requests by status, closed WebSockets by close code.", "method", "status"
)
REQUEST_SECONDS: Final = Histogram(
    "scoreline_request_seconds", "Duration of HTTP requests.", registry=REGISTRY, buckets=_DURATION_BUCKETS
)
OPERATIONS: Final = _make_counter("operations", "Finished GraphQL operations.", "kind", "field", "outcome")
OPERATION_SECONDS: Final = Histogram(
    "scoreline_operation_seconds",
    "Duration of queries and mutations.",
    ["kind"],
    registry=REGISTRY,
    buckets=_DURATION_BUCKETS,
)
OPEN_SOCKETS: Final = _make_gauge("sockets_open", "Open WebSockets.")
OPEN_SUBSCRIPTIONS: Final = _make_gauge("subscriptions_open", "Running subscriptions.")
PUSHES: Final = _make_counter("pushes", "Results sent to subscribers.")
DELIVERIES: Final = _make_counter("deliveries", "Attempts to send to an external channel.", "channel", "outcome")


@cache
def _request_counter(method: str, status: str) -> Counter:
    return REQUESTS.labels(method, status)


@cache
def _operation_counter(kind: OperationKind, field: str, outcome: OperationOutcome) -> Counter:
    return OPERATIONS.labels(kind, field, outcome)


@cache
def _operation_duration(kind: OperationKind) -> Histogram:
    return OPERATION_SECONDS.labels(kind)


class StatusCollector(Collector):
    """Reads the state of the hub, the scheduler and the other background tasks at each scrape."""

    def __init__(
        self, hub: Hub, read_scheduler_status: Callable[[], SchedulerStatus], background_tasks: TaskSupervisor
    ) -> None:
        self._hub, self._read_scheduler_status = hub, read_scheduler_status
        self._background_tasks = background_tasks

    def collect(self) -> Iterator[Metric]:
        hub, scheduler = self._hub.status, self._read_scheduler_status()
        gauges: list[tuple[str, str, float | None]] = [
            ("hub_listeners", "Listeners waiting for news; equal subscriptions share one.", hub.listeners),
            (
                "change_log_read_age_seconds",
                "Seconds since the change log was last read: the most that news may be late.",
                hub.last_read_age,
            ),
            ("change_log_position", "Last change-log position delivered to listeners.", hub.position),
            ("broadcast_up", "Whether Redis is connected; if not, the process polls.", hub.broadcast_connected),
            ("database_up", "Whether the change log was read recently.", self._hub.healthy),
            ("scheduler_leader", "1 on the server that runs the scheduled jobs, else 0.", scheduler.is_leader),
            (
                "scheduler_run_age_seconds",
                "Seconds since the scheduler last ran, on any server.",
                scheduler.last_run_age,
            ),
        ]
        counters = [
            (
                "broadcast_connects",
                "Connections made to Redis: each after the first followed a gap.",
                hub.connect_count,
            ),
            ("hub_task_restarts", "Restarts of the hub's tasks.", hub.restarts),
            ("scheduler_task_restarts", "Restarts of the scheduler's tasks.", scheduler.restarts),
            (
                "server_task_restarts",
                "Restarts of other background tasks: presence, permissions of open sockets, keepalive, probabilities.",
                self._background_tasks.restarts,
            ),
            ("scheduler_job_failures", "Failed scheduled jobs.", scheduler.job_failures),
        ]
        for name, description, value in gauges:
            yield GaugeMetricFamily(f"scoreline_{name}", description, math.inf if value is None else value)
        for name, description, count in counters:
            yield CounterMetricFamily(f"scoreline_{name}", description, count)


def count_request(method: str, status: int, seconds: float) -> None:
    """Count a finished request, or a closed socket as method `WS`. Used as `on_finished` of `RequestLogMiddleware`."""
    _request_counter(
        method if method in _KNOWN_METHODS else "other", str(status) if 100 <= status < 5000 else "other"
    ).inc()
    if method != "WS":
        REQUEST_SECONDS.observe(seconds)


def count_operation(
    kind: OperationKind, field: str | None, outcome: OperationOutcome, seconds: float | None = None
) -> None:
    """Count a finished operation.

    field    its only root field, by its name in the schema (not an alias); None if it has several or none.
    seconds  duration; None for subscriptions, which last as long as the client wants.
    """
    _operation_counter(kind, field or "other", outcome).inc()
    if seconds is not None:
        _operation_duration(kind).observe(seconds)


def render_metrics(*collectors: Collector) -> bytes:
    """Return all metrics, with those of further collectors, in the Prometheus text format."""
    return b"".join(generate_latest(collector) for collector in (REGISTRY, *collectors))


def is_allowed(request: Request, token: SecretStr | None) -> bool:
    """Return whether the request may read metrics: by the token if one is set, else only from this machine.

    A request with forwarding headers came through a local proxy, so it counts as remote.
    """
    if token is not None:
        expected = f"Bearer {token.get_secret_value()}"
        return hmac.compare_digest(request.headers.get("authorization", "").encode(), expected.encode())
    if any(name in request.headers for name in ("x-forwarded-for", "forwarded", "x-real-ip")) or not request.client:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def make_metrics_response(request: Request, token: SecretStr | None, *collectors: Collector) -> Response:
    """Answer `/metrics`: 404 for requests that are not allowed, so that the path looks absent."""
    if not is_allowed(request, token):
        return PlainTextResponse("Not Found", status_code=404)
    return Response(render_metrics(*collectors), headers={"content-type": CONTENT_TYPE_LATEST})
